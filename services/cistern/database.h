/* cistern/database.h - connections to the database as the settings say. */
#ifndef CISTERN_CISTERN_DATABASE_H
#define CISTERN_CISTERN_DATABASE_H

#include "base/error.h"
#include "base/macros.h"
#include "config/config.h"
#include "store/store.h"

/* With the daemon's rights: rows, not the schema. */
MUST_CHECK enum status database_open(const struct config *config, struct store **ret_store, struct error *err);
/* The same; a statement that takes longer is taken for a database that is away. */
MUST_CHECK enum status database_open_within(const struct config *config, int statement_timeout_ms,
					    struct store **ret_store, struct error *err);
/* The schema's owner; INVALID: database_owner_url is not set. The texts are borrowed from config. */
MUST_CHECK enum status database_owner(const struct config *config, struct store_options *ret_options,
				      struct error *err);

#endif
