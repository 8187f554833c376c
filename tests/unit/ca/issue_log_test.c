#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "ca/issue_log.h"

#define KEY_HASH "6b65792d6861736831323334353637383930313233343536373839303132333a"
#define CA_ID    "0123456789abcdef0123456789abcdef01234567"
#define ZEROS    "0000000000000000000000000000000000000000000000000000000000000000"

/* 2026-01-01T12:00:00Z */
static const int64_t noon_s = INT64_C(1767268800);

static const struct ca_certificate made = { .serial_hex = "7A00",
					    .not_after_us = INT64_C(2556144000000000), /* 2051-01-01 */
					    .key_hash = "key-hash12345678901234567890123:",
					    .ca_key_id = CA_ID };

static char folder[64], path[96];

static int set_up(void **state)
{
	(void)state;
	(void)strcpy(folder, "/tmp/cistern-issue-log.XXXXXX");
	if (!mkdtemp(folder))
		abort();
	(void)snprintf(path, sizeof(path), "%s/issued.log", folder);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	(void)unlink(path);
	(void)rmdir(folder);
	return 0;
}

static struct issue_log *opened(void)
{
	struct issue_log *log = NULL;
	struct error err = { .text = "" };
	if (issue_log_open(path, &log, &err) != STATUS_OK)
		fail_msg("%s", err.text);
	return log;
}

static void not_opened(enum status status, const char *words)
{
	struct issue_log *log = NULL;
	struct error err = { .text = "" };
	assert_int_equal(issue_log_open(path, &log, &err), status);
	assert_null(log);
	if (!strstr(err.text, words))
		fail_msg("'%s' does not say '%s'", err.text, words);
}

static void add(struct issue_log *log, int64_t now_s, const char *node_id)
{
	assert_int_equal(issue_log_append(log, now_s, node_id, &made, NULL), STATUS_OK);
}

static char *content(void)
{
	FILE *file = fopen(path, "r");
	static char text[16384];
	size_t len = fread(text, 1, sizeof(text) - 1, file);
	text[len] = '\0';
	(void)fclose(file);
	return text;
}

static void write_content(const char *text)
{
	FILE *file = fopen(path, "w");
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static const char *sha256_of(const char *line, size_t len)
{
	static char hex[65];
	unsigned char hash[32];
	crypto_hash_sha256(hash, (const unsigned char *)line, len);
	return sodium_bin2hex(hex, sizeof(hex), hash, sizeof(hash));
}

#define FIRST_LINE                                                                                                     \
	"time=2026-01-01T12:00:00Z serial=7A00 node=lamp-1 key=" KEY_HASH " not_after=2051-01-01T00:00:00Z ca=" CA_ID  \
	" before=" ZEROS

static void a_line_says_what_was_issued_and_follows_from_the_one_before(void **state)
{
	(void)state;
	char expected[2048];
	struct issue_log *log = opened();
	assert_int_equal(issue_log_last_s(log), 0);
	add(log, noon_s, "lamp-1");
	assert_int_equal(issue_log_last_s(log), noon_s);
	assert_string_equal(content(), FIRST_LINE "\n");
	add(log, noon_s + 1, "lamp-2");
	(void)snprintf(expected, sizeof(expected),
		       FIRST_LINE "\ntime=2026-01-01T12:00:01Z serial=7A00 node=lamp-2 key=" KEY_HASH
				  " not_after=2051-01-01T00:00:00Z ca=" CA_ID " before=%s\n",
		       sha256_of(FIRST_LINE, strlen(FIRST_LINE)));
	assert_string_equal(content(), expected);
	issue_log_close(log);
	struct stat about;
	assert_int_equal(stat(path, &about), 0);
	assert_int_equal(about.st_mode & 0777, 0600);
}

static void it_goes_on_where_it_ended(void **state)
{
	(void)state;
	struct issue_log *log = opened();
	add(log, noon_s, "lamp-1");
	issue_log_close(log);
	log = opened();
	assert_int_equal(issue_log_last_s(log), noon_s);
	add(log, noon_s + 5, "lamp-2");
	issue_log_close(log);
	log = opened(); /* the chain holds */
	assert_int_equal(issue_log_last_s(log), noon_s + 5);
	issue_log_close(log);
}

static void a_changed_removed_or_added_line_is_found(void **state)
{
	(void)state;
	struct issue_log *log = opened();
	for (int i = 0; i < 4; i++)
		add(log, noon_s + i, "lamp-1");
	issue_log_close(log);
	char whole[16384], changed[16384];
	(void)strcpy(whole, content());
	size_t line = strcspn(whole, "\n") + 1;

	(void)strcpy(changed, whole);
	*strstr(changed + line, "lamp-1") = 'L';
	write_content(changed);
	not_opened(STATUS_INVALID, "line 3");
	(void)snprintf(changed, sizeof(changed), "%.*s%s", (int)line, whole, whole + 2 * line);
	write_content(changed);
	not_opened(STATUS_INVALID, "line 2");
	write_content(whole + line);
	not_opened(STATUS_INVALID, "line 1");
	(void)snprintf(changed, sizeof(changed), "%.*shello\n%s", (int)line, whole, whole + line);
	write_content(changed);
	not_opened(STATUS_INVALID, "line 3");
	write_content(whole);
	issue_log_close(opened());
}

/* Whatever a crash left of the last line: it stays, the next one follows, and its certificate never left. */
static void a_line_that_was_cut_off_stays_and_is_followed(void **state)
{
	(void)state;
	struct issue_log *log = opened();
	add(log, noon_s, "lamp-1");
	add(log, noon_s + 7, "lamp-2");
	issue_log_close(log);
	char whole[16384];
	(void)strcpy(whole, content());
	size_t first = strcspn(whole, "\n") + 1, second = strlen(whole) - first;
	for (size_t cut = 1; cut < second; cut += 13) {
		char part[16384];
		(void)snprintf(part, sizeof(part), "%.*s", (int)(first + cut), whole);
		write_content(part);
		log = opened();
		assert_int_equal(issue_log_last_s(log), noon_s);
		add(log, noon_s + 9, "lamp-3");
		issue_log_close(log);
		assert_memory_equal(content(), part, first + cut);
		assert_int_equal(content()[first + cut], '\n');
		log = opened();
		assert_int_equal(issue_log_last_s(log), noon_s + 9);
		issue_log_close(log);
	}
	/* all but the line end */
	whole[strlen(whole) - 1] = '\0';
	write_content(whole);
	log = opened();
	assert_int_equal(issue_log_last_s(log), noon_s + 7);
	issue_log_close(log);
}

static void two_processes_cannot_have_it(void **state)
{
	(void)state;
	struct issue_log *log = opened();
	not_opened(STATUS_CONFLICT, "another process");
	issue_log_close(log);
	issue_log_close(opened());
	issue_log_close(NULL);
}

static void a_file_that_cannot_be_written_stops_issuing(void **state)
{
	(void)state;
	char good[96];
	(void)strcpy(good, path);
	(void)strcpy(path, "/nowhere/issued.log");
	not_opened(STATUS_UNAVAILABLE, "/nowhere/issued.log");
	(void)strcpy(path, "");
	not_opened(STATUS_INVALID, "not a path");
	(void)strcpy(path, good);
	assert_int_equal(symlink("/dev/null", path), 0);
	not_opened(STATUS_UNAVAILABLE, "cannot open");
}

/* The file may not grow past the limit: the write is cut short as on a full disk. When there is room again it goes on. */
static void after_a_full_disk_it_goes_on_and_the_chain_holds(void **state)
{
	(void)state;
	struct issue_log *log = opened();
	struct rlimit before, small;
	struct error err = { .text = "" };
	add(log, noon_s, "lamp-1");
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = (struct rlimit){ strlen(content()) + 100, before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(issue_log_append(log, noon_s + 1, "lamp-2", &made, &err), STATUS_UNAVAILABLE);
	assert_non_null(strstr(err.text, "nothing is signed"));
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	add(log, noon_s + 2, "lamp-3");
	issue_log_close(log);
	log = opened();
	assert_int_equal(issue_log_last_s(log), noon_s + 2);
	issue_log_close(log);
	assert_null(strstr(content() + strlen(FIRST_LINE) + 101, "lamp-2"));
}

int main(void)
{
	if (sodium_init() < 0)
		return 1;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_line_says_what_was_issued_and_follows_from_the_one_before, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(it_goes_on_where_it_ended, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_changed_removed_or_added_line_is_found, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_line_that_was_cut_off_stays_and_is_followed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(two_processes_cannot_have_it, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_file_that_cannot_be_written_stops_issuing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(after_a_full_disk_it_goes_on_and_the_chain_holds, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
