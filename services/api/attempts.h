/* api/attempts.h - how often somebody may try a password or a code of an account, and ask for a code.
 *
 * Counted for each (account, source), and for each account over all sources that are new to it: those in whose network (IPv4 /24,
 * IPv6 /48) no session of the account has been. So strangers use up what strangers have, and the owner at home still gets in. Who
 * is over is told so (429, 101019) before a password is hashed, whether or not there is such an account and whether or not the
 * password is right. A try is counted when it begins, so that many at once are not more than one after the other, and given back
 * when it was right.
 *
 *   failures    options.sign_in_failures_max in ATTEMPT_FAILURES_PERIOD_S for one source,
 *               options.sign_in_strangers_failures_max in ATTEMPT_STRANGERS_PERIOD_S for the strangers
 *   tries       options.sign_in_per_minute
 *   codes       ATTEMPT_CODES_MAX in ATTEMPT_CODES_PERIOD_S: a code is guessed with 5 tries in a million; that keeps it at 1 in 500 a
 *               day, and mail from flooding
 *
 * The buckets are api/limiter.h's: so many at once, then one each period/n. What is told to the audit: sign_in.failed for a wrong
 * password, sign_in.locked for the one that was the last.
 *
 * Thread: as the request. Memory: an attempt is the caller's.
 */
#ifndef CISTERN_API_ATTEMPTS_H
#define CISTERN_API_ATTEMPTS_H

#include <stdbool.h>
#include <stddef.h>

#include "account/user_name.h"
#include "api/request.h"

enum {
	ATTEMPT_FAILURES_PERIOD_S = 900,
	ATTEMPT_STRANGERS_PERIOD_S = 3600,
	ATTEMPT_CODES_MAX = 5,
	ATTEMPT_CODES_PERIOD_S = 900
};

struct attempt {
	user_name_text user_name; /* canonical */
	bool is_known;            /* the source is no stranger to the account */
	size_t key_len;
	char key[USER_NAME_BYTES_MAX + 1 + REQUEST_SOURCE_BYTES]; /* name, NUL, source */
};

enum attempt_kind { ATTEMPT_PASSWORD, ATTEMPT_CODE };

/* Asks whether the account knows the source, and whether there is a try left; takes one of the tries a minute. On the worker. */
MUST_CHECK enum status attempt_prepare(struct request *request, const char *user_name, struct attempt *ret_attempt,
				       struct error *err);
/* One of the codes. LIMIT: none is left. */
MUST_CHECK enum status attempt_take_code(struct request *request, const struct attempt *attempt, struct error *err);

/* Right before the password or the code is looked at. LIMIT: none is left. */
MUST_CHECK enum status attempt_begin(struct request *request, const struct attempt *attempt, struct error *err);
/* Right after. `wrong`: it was; then the failure stays counted and the audit is told. */
MUST_CHECK enum status attempt_end(struct request *request, const struct attempt *attempt, enum attempt_kind kind,
				   bool wrong, struct error *err);

#endif
