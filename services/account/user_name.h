/* account/user_name.h - the one canonical form of a user name: an e-mail address or a phone number.
 *
 *   phone = "+" 7*15DIGIT                                          ITU-T E.164
 *   email = local "@" domain, 254 bytes at most, ASCII              a plausible subset of RFC 5321 4.1.2
 *   local = 1*64( ALPHA / DIGIT / any of !#$%&'*+/=?^_`{|}~-. )    no dot first, last or doubled
 *   domain = label *( "." label ), label = 1*63( ALPHA / DIGIT / "-" ), no "-" at its ends, 253 bytes at most
 *
 * ASCII letters become lower case; nothing is trimmed. Two spellings of one address are one account.
 *
 * Thread:  any; no state. Memory: fills the caller's array. Errors: INVALID no such name.
 */
#ifndef CISTERN_ACCOUNT_USER_NAME_H
#define CISTERN_ACCOUNT_USER_NAME_H

#include <stdbool.h>

#include "base/error.h"
#include "base/macros.h"
#include "model/limits.h"

typedef char user_name_text[USER_NAME_BYTES_MAX + 1];

MUST_CHECK enum status user_name_canonical(const char *text, user_name_text ret_name, struct error *err);

/* Of a canonical name. */
bool user_name_is_phone(const char *name);

#endif
