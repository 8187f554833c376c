/* base/status.h - what a caller should do about a failure.
 *
 * INVALID          the input is wrong; asking again with the same input is pointless
 * TOO_LARGE        a stated size limit was crossed
 * UNAUTHENTICATED  who is asking is not known
 * DENIED           known, but not allowed
 * NOT_FOUND        no such object (or not the caller's)
 * CONFLICT         the object's state forbids it
 * LIMIT            too many or too often; later may work
 * UNAVAILABLE      something we depend on is away; safe to retry
 * TIMEOUT          a deadline passed
 * INTERNAL         a bug here
 */
#ifndef CISTERN_BASE_STATUS_H
#define CISTERN_BASE_STATUS_H

enum status {
	STATUS_OK,
	STATUS_INVALID,
	STATUS_TOO_LARGE,
	STATUS_UNAUTHENTICATED,
	STATUS_DENIED,
	STATUS_NOT_FOUND,
	STATUS_CONFLICT,
	STATUS_LIMIT,
	STATUS_UNAVAILABLE,
	STATUS_TIMEOUT,
	STATUS_INTERNAL,
};

/* The status's lower-case name for logs; never NULL. */
const char *status_name(enum status status);

#endif
