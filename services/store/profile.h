/* store/profile.h - what users see and change of their own accounts: name, locale, tags, and the data that their apps keep.
 *
 * Thread:  any; each thread brings its own struct store.
 * Memory:  fills the caller's struct, whose buffers the caller ends with profile_done().
 * Errors:  NOT_FOUND no such account. TOO_LARGE more than the account may hold; nothing is changed. Else as store/store.h.
 */
#ifndef CISTERN_STORE_PROFILE_H
#define CISTERN_STORE_PROFILE_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/macros.h"
#include "model/limits.h"
#include "model/permission.h"
#include "store/store.h"
#include "store/user.h"

struct profile {
	char user_id[UUID_BYTES + 1];
	char user_name[USER_NAME_BYTES_MAX + 1];
	char display_name[USER_DISPLAY_NAME_BYTES_MAX + 1];
	char locale[LOCALE_BYTES_MAX + 1];
	enum account_role role;
	struct buffer tags, data; /* JSON: a list, an object */
};

/* NULL leaves as it is. */
struct profile_change {
	const char *display_name, *locale;
	const char *tags_to_add, *tags_to_remove; /* JSON lists of texts */
};

/* The data is {} unless it is asked for. */
MUST_CHECK enum status store_profile_get(struct store *store, const char *user_id, bool with_data,
					 struct profile *ret_profile, struct error *err);
MUST_CHECK enum status store_profile_change(struct store *store, const char *user_id,
					    const struct profile_change *change, struct error *err);
/* `patch` is a JSON object: data_merge() in sql/migrations/0004_accounts.sql. */
MUST_CHECK enum status store_profile_merge_data(struct store *store, const char *user_id, const char *patch,
						struct error *err);

void profile_done(struct profile *profile);

static inline void cleanup_profile(struct profile *profile)
{
	profile_done(profile);
}

#endif
