#include "account/user_name.h"

#include <string.h>

enum {
	PHONE_DIGITS_MIN = 7,
	PHONE_DIGITS_MAX = 15,
	LOCAL_BYTES_MAX = 64,
	LABEL_BYTES_MAX = 63,
	DOMAIN_BYTES_MAX = 253
};

/* <ctype.h> asks the locale; these do not. */
static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_lower_or_digit(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z');
}

static bool phone_valid(const char *name)
{
	size_t n_digits = 0;
	while (is_digit(name[1 + n_digits]))
		n_digits++;
	return name[1 + n_digits] == '\0' && n_digits >= PHONE_DIGITS_MIN && n_digits <= PHONE_DIGITS_MAX;
}

/* RFC 5322 3.2.3 atext and single dots. */
static bool local_valid(const char *local, size_t len)
{
	if (len == 0 || len > LOCAL_BYTES_MAX || local[0] == '.' || local[len - 1] == '.')
		return false;
	for (size_t i = 0; i < len; i++) {
		if (local[i] == '.' && local[i + 1] == '.')
			return false;
		if (!is_lower_or_digit(local[i]) && !strchr("!#$%&'*+/=?^_`{|}~-.", local[i]))
			return false;
	}
	return true;
}

static bool label_valid(const char *label, size_t len)
{
	if (len == 0 || len > LABEL_BYTES_MAX || label[0] == '-' || label[len - 1] == '-')
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!is_lower_or_digit(label[i]) && label[i] != '-')
			return false;
	}
	return true;
}

static bool domain_valid(const char *domain)
{
	if (strlen(domain) > DOMAIN_BYTES_MAX)
		return false;
	for (;;) {
		size_t len = strcspn(domain, ".");
		if (!label_valid(domain, len))
			return false;
		if (domain[len] == '\0')
			return true;
		domain += len + 1;
	}
}

enum status user_name_canonical(const char *text, user_name_text ret_name, struct error *err)
{
	size_t len = strnlen(text, USER_NAME_BYTES_MAX + 1);
	if (len > USER_NAME_BYTES_MAX)
		return error_set(err, STATUS_INVALID, "user name is longer than %d bytes", USER_NAME_BYTES_MAX);
	user_name_text name = "";
	for (size_t i = 0; i <= len; i++)
		name[i] = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] + ('a' - 'A') : text[i]);
	const char *at = strchr(name, '@');
	bool valid = at ? local_valid(name, (size_t)(at - name)) && domain_valid(at + 1)
			: name[0] == '+' && phone_valid(name);
	if (!valid)
		return error_set(err, STATUS_INVALID, "user name is neither an e-mail address nor a +phone number");
	memcpy(ret_name, name, len + 1);
	return STATUS_OK;
}

bool user_name_is_phone(const char *name)
{
	return name[0] == '+' && !strchr(name, '@');
}
