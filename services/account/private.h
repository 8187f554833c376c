/* account/private.h - what account.c and recovery.c share; for this room only. */
#ifndef CISTERN_ACCOUNT_PRIVATE_H
#define CISTERN_ACCOUNT_PRIVATE_H

#include <sodium.h>

#include "account/account.h"
#include "account/api_key.h"
#include "account/password.h"
#include "push/mailer.h"

struct account {
	struct account_options options;
	struct token_key key;
	unsigned char code_key[ACCOUNT_KEY_BYTES];
	struct api_key_secret api_key_secret;
	password_hash_text dummy_hash; /* of a password that nobody knows */
};

/* A mail without a code that tells of what has been done: a full queue does not undo it, and the audit has it too. */
void account_tell(const struct account *account, const char *user_name, enum mail_template which);

#endif
