/* cistern/password_prompt.h - asks for a new password at the terminal, twice, without showing it.
 *
 * It asks the terminal itself and not standard input, so a pipe can neither answer nor be mistaken for a person.
 *
 * Thread:  main. A signal that ends the process does so only after the terminal shows what is typed again.
 * Memory:  fills the caller's secret (CLEANUP(secret)).
 * Errors:  UNAVAILABLE there is no terminal. INVALID the two are not the same, or nothing was typed. TOO_LARGE too long.
 */
#ifndef CISTERN_CISTERN_PASSWORD_PROMPT_H
#define CISTERN_CISTERN_PASSWORD_PROMPT_H

#include "base/error.h"
#include "base/macros.h"
#include "base/secret.h"

MUST_CHECK enum status password_prompt(const char *user_name, struct secret *ret_password, struct error *err);

#endif
