#include "api/negotiation.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "base/macros.h"

enum { Q_ONE = 1000, Q_UNSAID = -1 }; /* a qvalue has three decimals at most */

/* OWS, RFC 9110 5.6.3 */
static const char *skip_blanks(const char *at)
{
	return at + strspn(at, " \t");
}

/* --- Accept-Encoding --- */

/* `0`, `0.25`, `1.000`; false for any other text. */
static bool read_q(const char *text, size_t len, int *ret_q)
{
	if (len == 0 || len > strlen("0.000") || (text[0] != '0' && text[0] != '1') || (len > 1 && text[1] != '.'))
		return false;
	int q = text[0] == '1' ? Q_ONE : 0;
	int place = Q_ONE / 10;
	for (size_t i = 2; i < len; i++, place /= 10) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		q += (text[i] - '0') * place;
	}
	if (q > Q_ONE)
		return false;
	*ret_q = q;
	return true;
}

/* The weight behind a coding's name: `;q=0.5`, or nothing for 1. */
static bool read_weight(const char *text, size_t len, int *ret_q)
{
	const char *end = text + len;
	text = skip_blanks(text);
	if (text >= end) {
		*ret_q = Q_ONE;
		return true;
	}
	if (*text != ';')
		return false;
	text = skip_blanks(text + 1);
	if (end - text < 3 || strncasecmp(text, "q=", 2) != 0)
		return false;
	text += 2;
	while (end > text && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	return read_q(text, (size_t)(end - text), ret_q);
}

static bool is_name(const char *text, size_t len, const char *name)
{
	return len == strlen(name) && strncasecmp(text, name, len) == 0;
}

struct weights {
	int gzip, identity, others; /* Q_UNSAID: not named */
};

static void take_coding(const char *text, size_t len, struct weights *weights)
{
	size_t name_len = strcspn(text, "; \t,");
	int q = 0;
	if (name_len > len || !read_weight(text + name_len, len - name_len, &q))
		return;
	if (is_name(text, name_len, "gzip") || is_name(text, name_len, "x-gzip"))
		weights->gzip = q;
	else if (is_name(text, name_len, "identity"))
		weights->identity = q;
	else if (is_name(text, name_len, "*"))
		weights->others = q;
}

bool negotiation_wants_gzip(const char *accept_encoding)
{
	struct weights weights = { Q_UNSAID, Q_UNSAID, Q_UNSAID };
	for (const char *at = accept_encoding; at && *at;) {
		at = skip_blanks(at);
		size_t len = strcspn(at, ",");
		take_coding(at, len, &weights);
		at += len + (at[len] == ',');
	}
	int q = weights.gzip != Q_UNSAID ? weights.gzip : weights.others;
	return q > 0 && q >= weights.identity;
}

/* --- If-None-Match --- */

/* RFC 9110 8.8.3 etagc: what may stand between the quotes. */
static size_t opaque_len(const char *at)
{
	size_t len = 0;
	while ((unsigned char)at[len] > 0x20 && at[len] != '"' && at[len] != 0x7f)
		len++;
	return len;
}

bool negotiation_is_known(const char *if_none_match, const char *etag)
{
	if (!if_none_match)
		return false;
	const char *at = skip_blanks(if_none_match);
	if (*at == '*')
		return *skip_blanks(at + 1) == '\0';
	const char *opaque = strchr(etag, '"');
	while (*(at += strspn(at, " \t,"))) {
		if (strncmp(at, "W/", 2) == 0)
			at += 2;
		if (*at != '"')
			return false;
		size_t len = opaque_len(at + 1) + 2;
		if (at[len - 1] != '"')
			return false;
		if (opaque && strlen(opaque) == len && memcmp(at, opaque, len) == 0)
			return true;
		at += len;
		if (*at && !strchr(" \t,", *at))
			return false;
	}
	return false;
}
