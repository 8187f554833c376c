#include "cistern/database.h"

/* A list of a million nodes is read in pages; none of our statements should take longer. */
enum { STATEMENT_TIMEOUT_MS = 30000 };

enum status database_open(const struct config *config, struct store **ret_store, struct error *err)
{
	return database_open_within(config, STATEMENT_TIMEOUT_MS, ret_store, err);
}

enum status database_open_within(const struct config *config, int statement_timeout_ms, struct store **ret_store,
				 struct error *err)
{
	const struct store_options options = { .url = config->database_url,
					       .password_file = config->database_password_file,
					       .role = config->database_role,
					       .name = "cistern",
					       .statement_timeout_ms = statement_timeout_ms };
	return store_open(&options, ret_store, err);
}

enum status database_owner(const struct config *config, struct store_options *ret_options, struct error *err)
{
	if (!*config->database_owner_url)
		return error_set(err, STATUS_INVALID, "setting 'database_owner_url' is not set");
	*ret_options = (struct store_options){ .url = config->database_owner_url,
					       .password_file = config->database_password_file,
					       .name = "cistern migrate" };
	return STATUS_OK;
}
