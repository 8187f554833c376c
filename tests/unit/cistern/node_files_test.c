#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdlib.h>

#include "cistern/node_files.c"

static const char *const texts[N_NODE_FILES] = { "the key\n", "the ca\n", "the certificate\n" };

struct folder {
	char above[64], path[80];
};

static int set_up(void **state)
{
	static struct folder folder;
	folder = (struct folder){ .above = "/tmp/cistern-files-test.XXXXXX" };
	if (!mkdtemp(folder.above))
		abort();
	(void)snprintf(folder.path, sizeof(folder.path), "%s/n", folder.above);
	*state = &folder;
	return 0;
}

static int tear_down(void **state)
{
	const struct folder *folder = *state;
	DIR *listing = opendir(folder->path);
	for (struct dirent *entry; listing && (entry = readdir(listing)) != NULL;)
		(void)unlinkat(dirfd(listing), entry->d_name, 0);
	if (listing)
		closedir(listing);
	(void)rmdir(folder->path);
	return rmdir(folder->above);
}

static struct node_files opened(const struct folder *folder, bool make)
{
	struct node_files files;
	struct error err = { .text = "" };
	if (node_files_open(&files, folder->path, "lamp-1", make, &err) != STATUS_OK)
		fail_msg("not opened: %s", err.text);
	return files;
}

static void put(const struct node_files *files, const char *name, const char *text)
{
	int fd = openat(files->folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_true(fd >= 0 && write_whole(fd, text));
	close(fd);
}

static int n_entries(const struct folder *folder)
{
	DIR *listing = opendir(folder->path);
	int n = -2; /* . and .. */
	while (readdir(listing))
		n++;
	closedir(listing);
	return n;
}

static void nothing_has_its_name_before_it_is_published(void **state)
{
	const struct folder *folder = *state;
	struct node_files files = opened(folder, true);
	assert_int_equal(node_files_stage(&files, texts, NULL), STATUS_OK);
	assert_int_equal(node_files_check_free(&files, NULL), STATUS_OK);
	assert_true(node_files_are_staged(&files, texts[NODE_FILE_CERTIFICATE]));
	assert_false(node_files_are_staged(&files, "another certificate\n"));
	assert_false(node_files_are_published(&files, texts[NODE_FILE_CERTIFICATE]));

	assert_int_equal(node_files_publish(&files, NULL), STATUS_OK);
	assert_true(node_files_are_published(&files, texts[NODE_FILE_CERTIFICATE]));
	assert_false(node_files_are_published(&files, "another certificate\n"));
	assert_int_equal(n_entries(folder), 3); /* nothing hidden is left */
	node_files_close(&files);
}

static void the_key_is_the_owners_alone_whatever_the_umask(void **state)
{
	const struct folder *folder = *state;
	mode_t before = umask(0);
	struct node_files files = opened(folder, true);
	struct stat about;
	assert_int_equal(node_files_stage(&files, texts, NULL), STATUS_OK);
	assert_int_equal(fstatat(files.folder, ".lamp-1.node.key.new", &about, 0), 0);
	assert_int_equal(about.st_mode & 07777, 0600);
	umask(077);
	assert_int_equal(node_files_stage(&files, texts, NULL), STATUS_OK);
	assert_int_equal(node_files_publish(&files, NULL), STATUS_OK);
	static const mode_t wanted[N_NODE_FILES] = { 0600, 0644, 0644 };
	for (int i = 0; i < N_NODE_FILES; i++) {
		assert_int_equal(fstatat(files.folder, node_file_name((enum node_file)i), &about, 0), 0);
		assert_int_equal(about.st_mode & 07777, wanted[i]);
		assert_int_equal(about.st_nlink, 1);
	}
	assert_int_equal(fstat(files.folder, &about), 0);
	assert_int_equal(about.st_mode & 07777, 0700);
	node_files_close(&files);
	umask(before);
}

static void an_existing_file_is_never_replaced(void **state)
{
	const struct folder *folder = *state;
	for (int i = 0; i < N_NODE_FILES; i++) {
		struct node_files files = opened(folder, true);
		const char *name = node_file_name((enum node_file)i);
		assert_int_equal(node_files_check_free(&files, NULL), STATUS_OK);
		assert_int_equal(node_files_stage(&files, texts, NULL), STATUS_OK);
		put(&files, name, "mine\n"); /* it came after the check */
		assert_int_equal(node_files_check_free(&files, NULL), STATUS_CONFLICT);
		assert_int_equal(node_files_publish(&files, NULL), STATUS_CONFLICT);
		assert_true(holds(&files, name, "mine\n"));
		assert_true(node_files_are_staged(&files, texts[NODE_FILE_CERTIFICATE])); /* nothing is lost */

		assert_int_equal(unlinkat(files.folder, name, 0), 0);
		assert_int_equal(node_files_publish(&files, NULL), STATUS_OK);
		assert_true(node_files_are_published(&files, texts[NODE_FILE_CERTIFICATE]));
		for (int j = 0; j < N_NODE_FILES; j++)
			assert_int_equal(unlinkat(files.folder, node_file_name((enum node_file)j), 0), 0);
		node_files_close(&files);
	}
	/* a dangling link is a name that is taken, too */
	struct node_files files = opened(folder, true);
	assert_int_equal(symlinkat("/nowhere", files.folder, "node.crt"), 0);
	assert_int_equal(node_files_check_free(&files, NULL), STATUS_CONFLICT);
	node_files_close(&files);
}

/* The folder as it is when a run ends behind its n-th step of publishing: three links, then three hidden names. */
static void publish_until(const struct node_files *files, int n_steps)
{
	staged_name staged;
	for (int i = 0; i < N_NODE_FILES && i < n_steps; i++) {
		name_staged(files, (enum node_file)i, staged);
		assert_int_equal(linkat(files->folder, staged, files->folder, kinds[i].name, 0), 0);
	}
	for (int i = 0; i < N_NODE_FILES && N_NODE_FILES + i < n_steps; i++) {
		name_staged(files, (enum node_file)i, staged);
		assert_int_equal(unlinkat(files->folder, staged, 0), 0);
	}
}

static void an_interrupted_publication_is_finished_from_any_step(void **state)
{
	const struct folder *folder = *state;
	for (int n_steps = 0; n_steps < 2 * N_NODE_FILES; n_steps++) {
		struct node_files files = opened(folder, true);
		assert_int_equal(node_files_stage(&files, texts, NULL), STATUS_OK);
		publish_until(&files, n_steps);
		node_files_close(&files);

		files = opened(folder, false);
		assert_true(node_files_are_staged(&files, texts[NODE_FILE_CERTIFICATE]));
		assert_int_equal(node_files_publish(&files, NULL), STATUS_OK);
		assert_true(node_files_are_published(&files, texts[NODE_FILE_CERTIFICATE]));
		assert_int_equal(n_entries(folder), 3);
		for (int i = 0; i < N_NODE_FILES; i++) {
			assert_true(holds(&files, kinds[i].name, texts[i]));
			assert_int_equal(unlinkat(files.folder, kinds[i].name, 0), 0);
		}
		node_files_close(&files);
	}
}

static void half_staged_files_are_staged_anew(void **state)
{
	const struct folder *folder = *state;
	struct node_files files = opened(folder, true);
	put(&files, ".lamp-1.node.crt.new", "the certif");
	assert_false(node_files_are_staged(&files, texts[NODE_FILE_CERTIFICATE]));
	/* a link that somebody put there is not followed */
	assert_int_equal(symlinkat("elsewhere", files.folder, ".lamp-1.node.key.new"), 0);
	assert_int_equal(node_files_stage(&files, texts, NULL), STATUS_OK);
	assert_int_equal(faccessat(files.folder, "elsewhere", F_OK, 0), -1);
	assert_true(node_files_are_staged(&files, texts[NODE_FILE_CERTIFICATE]));
	node_files_drop_staged(&files);
	assert_int_equal(n_entries(folder), 0);
	node_files_close(&files);
}

static void a_folder_is_made_locked_and_removed_when_nothing_came_of_it(void **state)
{
	const struct folder *folder = *state;
	struct node_files files, second;
	assert_int_equal(node_files_open(&files, folder->path, "lamp-1", false, NULL), STATUS_NOT_FOUND);
	node_files_close(&files);
	files = opened(folder, true);
	assert_int_equal(node_files_open(&second, folder->path, "lamp-2", true, NULL), STATUS_CONFLICT);
	node_files_close(&second);
	node_files_close(&files);
	assert_int_equal(access(folder->path, F_OK), -1);

	assert_int_equal(mkdir(folder->path, 0700), 0);
	files = opened(folder, true);
	node_files_close(&files);
	assert_int_equal(access(folder->path, F_OK), 0); /* it was there before */
	assert_int_equal(node_files_open(&files, "/proc/nowhere", "lamp-1", true, NULL), STATUS_UNAVAILABLE);
	node_files_close(&files);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nothing_has_its_name_before_it_is_published, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_key_is_the_owners_alone_whatever_the_umask, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_existing_file_is_never_replaced, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_interrupted_publication_is_finished_from_any_step, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(half_staged_files_are_staged_anew, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_folder_is_made_locked_and_removed_when_nothing_came_of_it, set_up,
						tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
