/* A node's folder: whole files, and an interrupted change of certificates is finished or taken back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cistern-node/credentials.c"

#include <dirent.h>
#include <stdlib.h>

static char folder[64];

static const struct credentials first = { "key one", "certificate one", "n1", "mqtt.example.org" };

static int make_folder(void **state)
{
	(void)state;
	(void)snprintf(folder, sizeof(folder), "/tmp/cistern-credentials-XXXXXX");
	return mkdtemp(folder) && credentials_store(folder, &first, NULL) == STATUS_OK ? 0 : -1;
}

static int remove_folder(void **state)
{
	CLEANUP(fd) int fd = open(folder, O_RDONLY | O_DIRECTORY);
	DIR *entries = opendir(folder);

	(void)state;
	for (const struct dirent *entry; (entry = readdir(entries));)
		(void)unlinkat(fd, entry->d_name, 0); /* fails for . and .. */
	(void)closedir(entries);
	return rmdir(folder);
}

/* "": not there. */
static const char *content(const char *name)
{
	static char text[256];
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	FILE *file = fopen(path, "r");
	if (!file)
		return "";
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	(void)fclose(file);
	return text;
}

static void put(const char *name, const char *text)
{
	CLEANUP(fd) int fd = open(folder, O_RDONLY | O_DIRECTORY);

	assert_int_equal(write_file(fd, folder, name, text, NULL), STATUS_OK);
}

static bool mend(void)
{
	bool has_new = false;

	assert_int_equal(credentials_mend(folder, &has_new, NULL), STATUS_OK);
	return has_new;
}

static void every_file_is_the_owners_alone(void **state)
{
	static const char *const names[] = { "node.key", "node.crt", "node.info", "endpoint" };
	CLEANUP(fd) int fd = open(folder, O_RDONLY | O_DIRECTORY);
	struct stat about;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		assert_int_equal(fstatat(fd, names[i], &about, 0), 0);
		assert_int_equal(about.st_mode & 07777, 0600);
	}
	assert_string_equal(content("node.key"), "key one");
	assert_string_equal(content("node.info"), "n1");
}

static void the_endpoint_is_its_first_line(void **state)
{
	char host[32];

	(void)state;
	put("endpoint", "broker.example.org\n");
	assert_int_equal(credentials_endpoint(folder, host, sizeof(host), NULL), STATUS_OK);
	assert_string_equal(host, "broker.example.org");
}

static void an_endpoint_that_was_not_told_is_not_there(void **state)
{
	char host[32], path[128];

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/endpoint", folder);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(credentials_endpoint(folder, host, sizeof(host), NULL), STATUS_NOT_FOUND);
}

static void a_new_pair_stays_beside_the_old_one_until_it_is_promoted(void **state)
{
	(void)state;
	assert_int_equal(credentials_store_new(folder, "key two", "certificate two", NULL), STATUS_OK);
	assert_string_equal(content("node.crt"), "certificate one");
	assert_true(mend());
	assert_int_equal(credentials_promote_new(folder, NULL), STATUS_OK);
	assert_string_equal(content("node.key"), "key two");
	assert_string_equal(content("node.crt"), "certificate two");
	assert_string_equal(content("node.crt.new"), "");
	assert_false(mend());
}

static void a_promotion_that_was_cut_in_the_middle_is_finished(void **state)
{
	(void)state;
	put("node.key", "key two"); /* as the first of two renames leaves it */
	put("node.crt.new", "certificate two");
	assert_false(mend());
	assert_string_equal(content("node.crt"), "certificate two");
	assert_string_equal(content("node.key"), "key two");
}

static void a_storing_that_was_cut_in_the_middle_is_taken_back(void **state)
{
	(void)state;
	put("node.key.new", "key two");
	assert_false(mend());
	assert_string_equal(content("node.key.new"), "");
	assert_string_equal(content("node.key"), "key one");
	assert_string_equal(content("node.crt"), "certificate one");
}

static void a_dropped_pair_leaves_the_old_one(void **state)
{
	(void)state;
	assert_int_equal(credentials_store_new(folder, "key two", "certificate two", NULL), STATUS_OK);
	credentials_drop_new(folder);
	assert_false(mend());
	assert_string_equal(content("node.key.new"), "");
	assert_string_equal(content("node.crt"), "certificate one");
}

static void a_folder_without_a_certificate_is_not_a_node(void **state)
{
	char path[128];

	(void)state;
	assert_true(credentials_are_there(folder));
	(void)snprintf(path, sizeof(path), "%s/node.crt", folder);
	assert_int_equal(unlink(path), 0);
	assert_false(credentials_are_there(folder));
	assert_false(credentials_are_there("/nonexistent"));
}

static void a_folder_that_cannot_be_made_is_an_error(void **state)
{
	struct error err;

	(void)state;
	assert_int_equal(credentials_store("/nonexistent/folder", &first, &err), STATUS_UNAVAILABLE);
	assert_string_equal(err.text, "cannot make folder '/nonexistent/folder': No such file or directory");
}

int main(void)
{
#define IN_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)
	const struct CMUnitTest tests[] = {
		IN_A_FOLDER(every_file_is_the_owners_alone),
		IN_A_FOLDER(the_endpoint_is_its_first_line),
		IN_A_FOLDER(an_endpoint_that_was_not_told_is_not_there),
		IN_A_FOLDER(a_new_pair_stays_beside_the_old_one_until_it_is_promoted),
		IN_A_FOLDER(a_promotion_that_was_cut_in_the_middle_is_finished),
		IN_A_FOLDER(a_storing_that_was_cut_in_the_middle_is_taken_back),
		IN_A_FOLDER(a_dropped_pair_leaves_the_old_one),
		IN_A_FOLDER(a_folder_without_a_certificate_is_not_a_node),
		cmocka_unit_test(a_folder_that_cannot_be_made_is_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
