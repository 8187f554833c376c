/* api/params_query.h - the parameters behind the `?` of a request.
 *
 *   query = pair *( "&" pair )      pair = [ name [ "=" value ] ]      %XX and + decoded
 *
 * As clients really send them (rest.md 1.1): empty pairs are skipped; an empty value and the word `undefined` count as absent;
 * booleans in any case. A name given twice, a bad escape or a NUL makes the whole query INVALID: nobody may see one value
 * while the check saw the other. Unknown names are ignored.
 *
 * Thread:  any. Memory: texts live in the arena. Errors: INVALID as above. TOO_LARGE too many pairs or bytes.
 */
#ifndef CISTERN_API_PARAMS_QUERY_H
#define CISTERN_API_PARAMS_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/macros.h"

enum { PARAMS_QUERY_BYTES_MAX = 4096, PARAMS_QUERY_PAIRS_MAX = 32 };

struct params_query {
	size_t n_pairs;
	struct {
		const char *name, *value;
	} pairs[PARAMS_QUERY_PAIRS_MAX];
};

/* `text` is what stands behind the `?`, up to text_len. */
MUST_CHECK enum status params_query_read(const char *text, size_t text_len, struct arena *arena,
					 struct params_query *ret_query, struct error *err);

/* NULL: absent. */
const char *params_query_text(const struct params_query *query, const char *name);
/* A user name; NULL: absent. A blank is the + that it came as: the command line pastes names into its URLs as they are, and no user
 * name has a blank (rest.md section 5, `user_name=`). */
MUST_CHECK enum status params_query_user_name(const struct params_query *query, const char *name, struct arena *arena,
					      const char **ret_text, struct error *err);
/* Either name, as clients use both; INVALID: both are there and differ. */
MUST_CHECK enum status params_query_either(const struct params_query *query, const char *name, const char *other,
					   const char **ret_value, struct error *err);
MUST_CHECK enum status params_query_bool(const struct params_query *query, const char *name, bool otherwise,
					 bool *ret_value, struct error *err);
/* INVALID below min; above max counts as max: a page may be smaller than asked for. */
MUST_CHECK enum status params_query_count(const struct params_query *query, const char *name, int64_t min, int64_t max,
					  int64_t otherwise, int64_t *ret_value, struct error *err);

#endif
