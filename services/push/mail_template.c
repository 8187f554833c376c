#include "push/mail_template.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

enum { PLACE_BYTES_MAX = 32, PATH_BYTES = 1024 };

struct row {
	const char *name;
	const char *places; /* beside app and name; each followed by a blank */
	const char *text;   /* in the file's form */
};

static const struct row rows[N_MAIL_TEMPLATES] = {
	[MAIL_SIGN_UP_CODE] = { "sign_up_code", "code minutes ",
				"Your confirmation code\n"
				"\n"
				"{code} is your confirmation code for {app}.\n"
				"\n"
				"It can be used for {minutes} minutes. If you did not sign up, ignore this "
				"message.\n" },
	[MAIL_ALREADY_REGISTERED] = { "already_registered", "",
				      "You already have an account\n"
				      "\n"
				      "Somebody, perhaps you, tried to sign up for {app} with this address. You "
				      "already\n"
				      "have an account, and nothing has changed: sign in with your password.\n" },
	[MAIL_FORGOT_PASSWORD_CODE] = { "forgot_password_code", "code minutes ",
					"Your code for a new password\n"
					"\n"
					"{code} is your code to set a new password for {app}.\n"
					"\n"
					"It can be used for {minutes} minutes. If you did not ask for it, ignore this\n"
					"message: your password stays as it is.\n" },
	[MAIL_PASSWORD_CHANGED] = { "password_changed", "",
				    "Your password was changed\n"
				    "\n"
				    "The password of your account {name} for {app} was changed, and all other "
				    "sessions\n"
				    "were ended. If it was not you, set a new password at once.\n" },
	[MAIL_ACCOUNT_DELETION_CODE] = { "account_deletion_code", "code minutes ",
					 "Your code to delete your account\n"
					 "\n"
					 "{code} is your code to delete your account {name} for {app}.\n"
					 "\n"
					 "It can be used for {minutes} minutes. Deleting cannot be undone. If you did "
					 "not\n"
					 "ask for it, ignore this message and change your password.\n" },
	[MAIL_ACCOUNT_DELETED] = { "account_deleted", "",
				   "Your account was deleted\n"
				   "\n"
				   "Your account {name} for {app} was deleted, and everything in it.\n" },
	[MAIL_SESSION_STOLEN] = { "session_stolen", "",
				  "You were signed out on one device\n"
				  "\n"
				  "A sign-in to your account {name} for {app} was used from so many networks that it "
				  "may\n"
				  "have been stolen. We have ended it. Please sign in again; if you do not know why "
				  "this\n"
				  "happened, change your password.\n" },
	[MAIL_SHARING_INVITATION] = { "sharing_invitation", "from what ",
				      "{from} wants to share with you\n"
				      "\n"
				      "{from} wants to share {what} with you ({name}) in {app}.\n"
				      "\n"
				      "Open the app to accept or decline; without an account, sign up with this "
				      "address first.\n"
				      "If you do not know the sender, ignore this message.\n" },
};

struct text {
	char *subject, *body;
};

struct mail_templates {
	struct text texts[N_MAIL_TEMPLATES];
};

const char *mail_template_name(enum mail_template which)
{
	return rows[which].name;
}

/* --- places --- */

/* The name between the braces at `at`; false when it is none. */
static bool read_place(const char *at, char ret_name[PLACE_BYTES_MAX + 1], const char **ret_after)
{
	size_t len = strspn(at + 1, "abcdefghijklmnopqrstuvwxyz_");
	if (len == 0 || len > PLACE_BYTES_MAX || at[1 + len] != '}')
		return false;
	memcpy(ret_name, at + 1, len);
	ret_name[len] = '\0';
	*ret_after = at + 1 + len + 1;
	return true;
}

static bool is_word_of(const char *words, const char *word)
{
	size_t len = strlen(word);
	for (const char *at = words; (at = strstr(at, word)); at += len) {
		if ((at == words || at[-1] == ' ') && at[len] == ' ')
			return true;
	}
	return false;
}

static enum status check_places(enum mail_template which, const char *text, const char *label, struct error *err)
{
	char name[PLACE_BYTES_MAX + 1];
	int n_places = 0;
	for (const char *at = strchr(text, '{'); at; at = strchr(at, '{')) {
		if (at[1] == '{') {
			at += 2;
			continue;
		}
		if (!read_place(at, name, &at))
			return error_set(err, STATUS_INVALID, "%s: a { begins no {place}; write {{ for a brace", label);
		if (!is_word_of("app name ", name) && !is_word_of(rows[which].places, name))
			return error_set(err, STATUS_INVALID, "%s: unknown place {%s}; there are: app name %s", label,
					 name, rows[which].places);
		if (++n_places > MAIL_PLACES_MAX)
			return error_set(err, STATUS_TOO_LARGE, "%s: more than %d places", label, MAIL_PLACES_MAX);
	}
	return STATUS_OK;
}

/* --- reading --- */

static char *copy(const char *bytes, size_t len)
{
	char *text = malloc(len + 1);
	if (!text)
		abort();
	memcpy(text, bytes, len);
	text[len] = '\0';
	return text;
}

static void drop_carriage_returns(char *text)
{
	char *to = text;
	for (const char *from = text; *from; from++) {
		if (from[0] != '\r' || from[1] != '\n')
			*to++ = *from;
	}
	*to = '\0';
}

static bool has_control(const char *text, const char *allowed)
{
	for (; *text; text++) {
		if (((unsigned char)*text < 0x20 && !strchr(allowed, *text)) || *text == 0x7f)
			return true;
	}
	return false;
}

static void text_done(struct text *text)
{
	free(text->subject);
	free(text->body);
	*text = (struct text){ .subject = NULL };
}

/* False: it is not of that form. `whole` has no carriage returns before line ends any more. */
static bool split(const char *whole, struct text *ret_text)
{
	size_t subject_len = strcspn(whole, "\n");
	if (subject_len == 0 || strncmp(whole + subject_len, "\n\n", 2) != 0 || whole[subject_len + 2] == '\0')
		return false;
	const char *body = whole + subject_len + 2;
	*ret_text = (struct text){ .subject = copy(whole, subject_len), .body = copy(body, strlen(body)) };
	return true;
}

static enum status check_text(enum mail_template which, const struct text *text, const char *label, struct error *err)
{
	if (has_control(text->subject, "") || has_control(text->body, "\n\t"))
		return error_set(err, STATUS_INVALID, "%s: control characters", label);
	enum status st = check_places(which, text->subject, label, err);
	return st == STATUS_OK ? check_places(which, text->body, label, err) : st;
}

enum status mail_templates_read(struct mail_templates *templates, enum mail_template which, const char *label,
				const char *bytes, size_t len, struct error *err)
{
	static const char byte_order_mark[] = "\xef\xbb\xbf"; /* some editors put it first */
	if (len > MAIL_TEMPLATE_BYTES_MAX)
		return error_set(err, STATUS_TOO_LARGE, "%s: longer than %d bytes", label, MAIL_TEMPLATE_BYTES_MAX);
	if (memchr(bytes, '\0', len) || !utf8_valid(bytes, len))
		return error_set(err, STATUS_INVALID, "%s: not UTF-8 text", label);
	size_t skipped = len >= 3 && memcmp(bytes, byte_order_mark, 3) == 0 ? 3 : 0;
	char *whole = copy(bytes + skipped, len - skipped);
	drop_carriage_returns(whole);
	struct text text;
	bool has_form = split(whole, &text);
	free(whole);
	if (!has_form)
		return error_set(err, STATUS_INVALID, "%s: not a line of subject, an empty line and a text", label);
	enum status st = check_text(which, &text, label, err);
	if (st != STATUS_OK) {
		text_done(&text);
		return st;
	}
	text_done(&templates->texts[which]);
	templates->texts[which] = text;
	return STATUS_OK;
}

/* --- the folder --- */

static enum status read_file(struct mail_templates *templates, enum mail_template which, const char *path,
			     struct error *err)
{
	FILE *file = fopen(path, "re");
	if (!file)
		return error_set(err, STATUS_UNAVAILABLE, "cannot read '%s': %s", path, strerror(errno));
	char bytes[MAIL_TEMPLATE_BYTES_MAX + 1];
	size_t len = fread(bytes, 1, sizeof(bytes), file);
	bool failed = ferror(file);
	(void)fclose(file); /* read only: nothing can be lost */
	if (failed)
		return error_set(err, STATUS_UNAVAILABLE, "cannot read '%s'", path);
	return mail_templates_read(templates, which, path, bytes, len, err);
}

static enum status find_template(const char *file_name, size_t len, enum mail_template *ret_which, struct error *err)
{
	for (size_t i = 0; i < N_MAIL_TEMPLATES; i++) {
		if (strlen(rows[i].name) == len && memcmp(rows[i].name, file_name, len) == 0) {
			*ret_which = (enum mail_template)i;
			return STATUS_OK;
		}
	}
	return error_set(err, STATUS_INVALID, "there is no mail template '%s'", file_name);
}

/* Any other kind of file may lie there too: a README, an editor's copy. */
static enum status read_entry(struct mail_templates *templates, const char *dir, const char *file_name,
			      struct error *err)
{
	size_t len = strlen(file_name);
	if (len < 4 || strcmp(file_name + len - 4, ".txt") != 0 || file_name[0] == '.')
		return STATUS_OK;
	char path[PATH_BYTES];
	enum mail_template which = MAIL_SIGN_UP_CODE;
	enum status st = find_template(file_name, len - 4, &which, err);
	if (st != STATUS_OK)
		return st;
	if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, file_name) >= sizeof(path))
		return error_set(err, STATUS_INVALID, "mail_template_dir is too long");
	return read_file(templates, which, path, err);
}

static enum status read_dir(struct mail_templates *templates, const char *dir, struct error *err)
{
	DIR *entries = opendir(dir);
	if (!entries)
		return error_set(err, STATUS_UNAVAILABLE, "cannot read mail_template_dir '%s': %s", dir,
				 strerror(errno));
	enum status st = STATUS_OK;
	for (struct dirent *entry = readdir(entries); st == STATUS_OK && entry; entry = readdir(entries))
		st = read_entry(templates, dir, entry->d_name, err);
	(void)closedir(entries); /* read only */
	return st;
}

enum status mail_templates_open(const char *dir, struct mail_templates **ret_templates, struct error *err)
{
	CLEANUP(mail_templates) struct mail_templates *templates = calloc(1, sizeof(*templates));
	if (!templates)
		abort();
	enum status st = STATUS_OK;
	for (size_t i = 0; st == STATUS_OK && i < N_MAIL_TEMPLATES; i++)
		st = mail_templates_read(templates, (enum mail_template)i, rows[i].name, rows[i].text,
					 strlen(rows[i].text), err);
	if (st == STATUS_OK && dir && *dir)
		st = read_dir(templates, dir, err);
	if (st == STATUS_OK)
		*ret_templates = STEAL(templates);
	return st;
}

void mail_templates_close(struct mail_templates *templates)
{
	if (!templates)
		return;
	for (size_t i = 0; i < N_MAIL_TEMPLATES; i++)
		text_done(&templates->texts[i]);
	free(templates);
}

/* --- rendering --- */

static void put_value(struct buffer *out, const char *text)
{
	size_t len = utf8_cut(text, strlen(text), MAIL_VALUE_BYTES_MAX);
	for (size_t i = 0; i < len; i++)
		buffer_putc(out, (unsigned char)text[i] < 0x20 || text[i] == 0x7f ? ' ' : text[i]);
}

static enum status put_place(struct buffer *out, const char *name, const struct mail_value *values, size_t n_values,
			     struct error *err)
{
	for (size_t i = 0; i < n_values; i++) {
		if (strcmp(values[i].name, name) != 0)
			continue;
		if (!utf8_valid(values[i].text, strlen(values[i].text)))
			return error_set(err, STATUS_INVALID, "the mail's {%s} is not UTF-8", name);
		put_value(out, values[i].text);
		return STATUS_OK;
	}
	return error_set(err, STATUS_INTERNAL, "the mail has no value for {%s}", name);
}

/* Values are put in as they are: a brace in one of them begins no place. */
static enum status render(const char *text, const struct mail_value *values, size_t n_values, struct buffer *out,
			  struct error *err)
{
	char name[PLACE_BYTES_MAX + 1];
	enum status st = STATUS_OK;
	while (st == STATUS_OK && *text) {
		if (text[0] == '{' && read_place(text, name, &text)) {
			st = put_place(out, name, values, n_values, err);
		} else {
			buffer_putc(out, *text);
			text += text[0] == '{' ? 2 : 1; /* checked when it was read: any other { is doubled */
		}
	}
	return st;
}

enum status mail_templates_render(const struct mail_templates *templates, enum mail_template which,
				  const struct mail_value *values, size_t n_values, struct buffer *ret_subject,
				  struct buffer *ret_text, struct error *err)
{
	const struct text *text = &templates->texts[which];
	enum status st = render(text->subject, values, n_values, ret_subject, err);
	if (st != STATUS_OK)
		return st;
	ret_subject->len = utf8_cut(ret_subject->bytes, ret_subject->len, MAIL_SUBJECT_BYTES_MAX);
	return render(text->body, values, n_values, ret_text, err);
}
