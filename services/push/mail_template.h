/* push/mail_template.h - the text of every mail, with named places.
 *
 *   Your confirmation code                      the subject, one line
 *                                               an empty line
 *   {code} is your confirmation code.           the text; {name} is a place, {{ is a brace
 *   It can be used for {minutes} minutes.
 *
 * One row each in mail_template.c has the English text that is compiled in. An operator may put <name>.txt of the same form
 * into a folder; any other .txt there is a slip of the pen and stops the start, like an unknown place.
 *
 * Every template may use {app}, what the operator calls the service, and {name}, the user name that the mail goes to.
 *
 * Thread:  opened by main, then read-only; any thread renders.
 * Memory:  mail_templates_open() makes them, mail_templates_close() ends them (NULL is fine). Rendering copies.
 * Errors:  INVALID a file is not such a template, or a value is not UTF-8. TOO_LARGE a file is over its limits. UNAVAILABLE
 *          folder or file cannot be read. INTERNAL a place of the template has no value: a bug in the caller.
 */
#ifndef CISTERN_PUSH_MAIL_TEMPLATE_H
#define CISTERN_PUSH_MAIL_TEMPLATE_H

#include <stddef.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/macros.h"

enum {
	MAIL_TEMPLATE_BYTES_MAX = 8192,
	MAIL_PLACES_MAX = 32,         /* in the text, and in the subject */
	MAIL_VALUE_BYTES_MAX = 254,   /* of one value; a longer one is cut */
	MAIL_SUBJECT_BYTES_MAX = 400, /* with the values; a longer one is cut */
	MAIL_TEXT_BYTES_MAX = MAIL_TEMPLATE_BYTES_MAX + MAIL_PLACES_MAX * MAIL_VALUE_BYTES_MAX,
};

/* Behind each: the places that its sender gives values for. */
enum mail_template {
	MAIL_SIGN_UP_CODE,          /* code, minutes */
	MAIL_ALREADY_REGISTERED,    /* none */
	MAIL_FORGOT_PASSWORD_CODE,  /* code, minutes */
	MAIL_PASSWORD_CHANGED,      /* none */
	MAIL_ACCOUNT_DELETION_CODE, /* code, minutes */
	MAIL_ACCOUNT_DELETED,       /* none */
	MAIL_SESSION_STOLEN,        /* none */
	MAIL_SHARING_INVITATION,    /* from, what; the receiver may have no account */
	N_MAIL_TEMPLATES
};

struct mail_value {
	const char *name; /* of the place */
	const char *text; /* shown on one line: control characters become blanks */
};

struct mail_templates;

/* `dir` NULL or "": only what is compiled in. */
MUST_CHECK enum status mail_templates_open(const char *dir, struct mail_templates **ret_templates, struct error *err);
void mail_templates_close(struct mail_templates *templates);

/* Puts one template's file in the place of what is compiled in. `label` names it in errors. */
MUST_CHECK enum status mail_templates_read(struct mail_templates *templates, enum mail_template which,
					   const char *label, const char *bytes, size_t len, struct error *err);

/* Into two empty buffers; the subject is one line. They may hold something also after a failure. */
MUST_CHECK enum status mail_templates_render(const struct mail_templates *templates, enum mail_template which,
					     const struct mail_value *values, size_t n_values,
					     struct buffer *ret_subject, struct buffer *ret_text, struct error *err);

const char *mail_template_name(enum mail_template which);

DEFINE_CLEANUP(mail_templates, struct mail_templates *, mail_templates_close)

#endif
