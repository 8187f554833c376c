/* cistern audit | audit prune - who did what (docs/audit.md). What is shown is what the database has; the daemon need not run. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "account/user_name.h"
#include "base/parse.h"
#include "cistern/audit_follow.h"
#include "cistern/command.h"
#include "cistern/database.h"
#include "model/limits.h"
#include "model/node_id.h"
#include "store/audit.h"

enum { EVENTS_DEFAULT = 100, EVENTS_MAX = 1000000 };

/* 2026-01-01T12:00:00Z, or 2026-01-01 for the beginning of that day in UTC. */
static enum status read_time(const char *text, int64_t *ret_us, struct error *err)
{
	struct tm parts = { .tm_mday = 0 };
	const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &parts);
	if (!end) {
		parts = (struct tm){ .tm_mday = 0 };
		end = strptime(text, "%Y-%m-%d", &parts);
	}
	if (!end || *end || parts.tm_year < 70)
		return error_set(err, STATUS_INVALID, "'%s' is no time as 2026-01-01T12:00:00Z or 2026-01-01", text);
	*ret_us = (int64_t)timegm(&parts) * 1000000;
	return STATUS_OK;
}

static enum status read_option_time(const struct call *call, const char *option, int64_t *ret_us, struct error *err)
{
	const char *text = call_option(call, option);
	return text ? read_time(text, ret_us, err) : STATUS_OK;
}

static enum status read_words(const struct call *call, user_name_text name, struct audit_filter *filter,
			      struct error *err)
{
	const char *user = call_option(call, "--user"), *node = call_option(call, "--node");
	filter->kind = call_option(call, "--kind");
	filter->action = call_option(call, "--action");
	if (filter->kind && strcmp(filter->kind, "security") != 0 && strcmp(filter->kind, "change") != 0)
		return error_set(err, STATUS_INVALID, "--kind is security or change");
	if (node && !node_id_valid(node, strlen(node)))
		return error_set(err, STATUS_INVALID, "'%s' is no node id", node);
	filter->object_kind = node ? "node" : NULL;
	filter->object_id = node;
	if (!user)
		return STATUS_OK;
	filter->user_name = name;
	return user_name_canonical(user, name, err);
}

static enum status read_filter(const struct call *call, user_name_text name, struct audit_filter *filter,
			       int64_t *limit, struct error *err)
{
	const char *count = call_option(call, "--limit");
	enum status st = read_words(call, name, filter, err);
	if (st == STATUS_OK)
		st = read_option_time(call, "--since", &filter->since_us, err);
	if (st == STATUS_OK)
		st = read_option_time(call, "--until", &filter->until_us, err);
	if (st == STATUS_OK && count && !parse_i64(count, 1, EVENTS_MAX, limit))
		return error_set(err, STATUS_INVALID, "--limit is a number of events, 1 to %d", EVENTS_MAX);
	return st;
}

struct listing {
	struct output *output;
	int64_t n_rows, last;
};

static void list_event(void *context, const struct audit_event *event)
{
	struct listing *listing = context;
	const struct cell cells[AUDIT_CELLS] = AUDIT_CELLS_OF(event);
	output_list_row(listing->output, cells);
	listing->n_rows++;
	listing->last = event->id;
}

enum status audit_run(const struct call *call, struct output *output, struct error *err)
{
	static const char *const columns[AUDIT_CELLS] = AUDIT_COLUMNS;
	CLEANUP(store) struct store *store = NULL;
	struct audit_filter filter = { .kind = NULL };
	user_name_text name;
	int64_t left = EVENTS_DEFAULT;
	enum status st = read_filter(call, name, &filter, &left, err);
	if (st == STATUS_OK)
		st = database_open(call->config, &store, err);
	if (st == STATUS_OK && call_option(call, "--follow"))
		return audit_follow(store, &filter, output, err);
	struct listing listing = { .output = output, .last = INT64_MAX };
	output_list_begin(output, "events", columns, ARRAY_LEN(columns));
	int64_t page = 0;
	do {
		page = left < PAGE_MAX ? left : PAGE_MAX;
		listing.n_rows = 0;
		if (st == STATUS_OK)
			st = store_audit_list(store, &filter, listing.last, page, list_event, &listing, err);
		left -= listing.n_rows;
	} while (st == STATUS_OK && left > 0 && listing.n_rows == page);
	output_list_end(output);
	return st;
}

enum status audit_prune_run(const struct call *call, struct output *output, struct error *err)
{
	struct store_options owner;
	CLEANUP(store) struct store *store = NULL;
	int64_t before_us = 0, n_events = 0;
	enum status st = read_option_time(call, "--before", &before_us, err);
	if (st == STATUS_OK)
		st = database_owner(call->config, &owner, err);
	if (st != STATUS_OK)
		return st;
	owner.name = "cistern";
	st = store_open(&owner, &store, err);
	if (st == STATUS_OK)
		st = store_audit_prune(store, before_us, &n_events, err);
	if (st != STATUS_OK)
		return st;
	const struct cell cells[] = { CELL_OF_TIME("before", before_us), CELL_OF_NUMBER("events", n_events),
				      CELL_OF_TEXT("result", "pruned") };
	output_record(output, cells, ARRAY_LEN(cells));
	return STATUS_OK;
}
