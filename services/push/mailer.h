/* push/mailer.h - mail to people: confirmation codes, notices and invitations.
 *
 * A queue in memory and one thread that talks SMTP. In memory on purpose: a code in clear never touches the database, and
 * who got no mail asks again. Without an SMTP server, or for a user name that is a phone number, the mail is written to
 * the log at info as `mail.logged`, code included, with the reason: that is how a first installation confirms its users.
 *
 * Queue:   queue_max mails; full -> LIMIT, nothing waits. The mailer's thread drains it; at stop a transfer
 *          is cut within a second and what is left is dropped with a count in the log (`mail.dropped`).
 * Retry:   MAILER_TRIES times a mail, with growing delay, while younger ones pass it; then `mail.failed` and it is gone. What
 *          the server refuses for good (5xx) is `mail.failed` at once. A mail keeps its Message-ID over all tries.
 * TLS:     STARTTLS where the server offers it; always, with the certificate checked, for a login or with a CA of its own.
 * Thread:  mailer_send() from any thread, never blocks. mailer_start() and mailer_stop() from main.
 * Memory:  mailer_start() makes it, mailer_stop() ends it (NULL is fine). Mails are copied.
 * Errors:  LIMIT the queue is full. TOO_LARGE a field is too long. INVALID an address that could not be one line.
 */
#ifndef CISTERN_PUSH_MAILER_H
#define CISTERN_PUSH_MAILER_H

#include <stddef.h>

#include "base/error.h"
#include "base/macros.h"
#include "push/mail_template.h"

enum { MAILER_TRIES = 4, MAILER_TIMEOUT_S = 20 };

struct mailer;
struct metrics;

struct mailer_options {
	const char *smtp_url;           /* smtp:// or smtps://; NULL or "": no server */
	const char *smtp_from;          /* the sender's address */
	const char *smtp_user;          /* NULL or "": no login */
	const char *smtp_password_file; /* NULL or "": none */
	const char *ca_file;      /* whom the server's certificate must chain to; NULL or "": the system's store */
	const char *template_dir; /* NULL or "": only the texts that are compiled in */
	size_t queue_max;         /* mails that wait, the one in hand among them */
	struct metrics *metrics;  /* NULL: nothing is counted */
	const char *app_name;     /* what the operator calls the service: {app} */
};

struct mail {
	const char *to; /* an account's user name in canonical form */
	enum mail_template template;
	const struct mail_value
		*values; /* for the template's places; NULL: none. app, name and code go without saying */
	size_t n_values;
	const char *code; /* {code}, and what the log names when there is no server; NULL: a notice without a code */
};

/* The options' texts must outlive the mailer. Reads the password file and the templates. */
MUST_CHECK enum status mailer_start(const struct mailer_options *options, struct mailer **ret_mailer,
				    struct error *err);
void mailer_stop(struct mailer *mailer);

MUST_CHECK enum status mailer_send(struct mailer *mailer, const struct mail *mail, struct error *err);

#endif
