#include "cistern/command.h"
#include "cistern/database.h"
#include "store/operator.h"

/* Of all migrations, in order, the last n_new are new. */
struct listing {
	struct output *output;
	size_t n_old, n_seen;
};

static void count(void *context, const struct operator_migration *migration)
{
	(void)migration;
	struct listing *listing = context;
	listing->n_seen++;
}

static void list_if_new(void *context, const struct operator_migration *migration)
{
	struct listing *listing = context;
	if (listing->n_seen++ < listing->n_old)
		return;
	const struct cell cells[] = { CELL_OF_NUMBER(NULL, migration->version), CELL_OF_TEXT(NULL, migration->what),
				      CELL_OF_TIME(NULL, migration->applied_at_us) };
	output_list_row(listing->output, cells);
}

static enum status list_applied(const struct store_options *owner, int n_applied, struct output *output,
				struct error *err)
{
	static const char *const columns[] = { "version", "what", "applied_at" };
	/* opening it also prepares every statement: a schema that does not fit this program is found now */
	CLEANUP(store) struct store *store = NULL;
	enum status st = store_open(owner, &store, err);
	struct listing all = { .output = output };
	if (st == STATUS_OK)
		st = store_operator_migrations(store, count, &all, err);
	if (st != STATUS_OK)
		return st;
	struct listing applied = { .output = output, .n_old = all.n_seen - (size_t)n_applied };
	output_list_begin(output, "applied", columns, ARRAY_LEN(columns));
	st = store_operator_migrations(store, list_if_new, &applied, err);
	output_list_end(output);
	return st;
}

enum status migrate_run(const struct call *call, struct output *output, struct error *err)
{
	struct store_options owner;
	int n_applied = 0;
	enum status st = database_owner(call->config, &owner, err);
	if (st == STATUS_OK)
		st = store_migrate(&owner, &n_applied, err);
	if (st != STATUS_OK)
		return st;
	if (n_applied == 0 && call->format == OUTPUT_TEXT) {
		output_puts(output, "the schema is up to date\n");
		return STATUS_OK;
	}
	return list_applied(&owner, n_applied, output, err);
}
