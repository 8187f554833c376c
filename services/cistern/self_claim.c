/* cistern self-claim import | list | remove - the list of devices that may claim by themselves (claim/self_claim.h).
 *
 *   file  = *( line LF )           a line end may be CR LF; empty lines and a first line "mac_addr,secret" are passed over
 *   line  = mac "," secret         12 hexadecimal digits, 16 to 128 of them
 *
 * The secrets come by a file and never by the command line, and are encrypted before they go into the database. A file with one bad
 * line is refused whole; importing it again changes nothing. */
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cistern/command.h"
#include "cistern/database.h"
#include "claim/claim.h"
#include "claim/self_claim.h"
#include "model/limits.h"

enum { LINE_MAX_BYTES = 512, ROWS_MAX = 1000000, ROWS_AT_ONCE = 1000 };

struct list {
	struct self_claim_device *devices; /* sealed */
	size_t n, capacity;
};

static struct self_claim_device *add_row(struct list *list)
{
	if (list->n == list->capacity) {
		list->capacity = list->capacity ? 2 * list->capacity : 256;
		struct self_claim_device *grown = realloc(list->devices, list->capacity * sizeof(*grown));
		if (!grown)
			abort();
		list->devices = grown;
	}
	return &list->devices[list->n++];
}

static enum status take_line(const struct self_claim_key *key, char *line, struct list *list, struct error *err)
{
	char mac[CLAIM_MAC_LEN + 1];
	unsigned char secret[SELF_CLAIM_SECRET_MAX];
	size_t secret_len = 0;
	char *comma = strchr(line, ',');
	if (!comma)
		return error_set(err, STATUS_INVALID, "no comma");
	*comma = '\0';
	if (!claim_mac_canonical(line, mac))
		return error_set(err, STATUS_INVALID, "the MAC is not 12 hexadecimal digits");
	if (!self_claim_secret_read(comma + 1, secret, &secret_len))
		return error_set(err, STATUS_INVALID, "the secret is not %d to %d bytes in hexadecimal",
				 SELF_CLAIM_SECRET_MIN, SELF_CLAIM_SECRET_MAX);
	if (list->n == ROWS_MAX)
		return error_set(err, STATUS_TOO_LARGE, "more than %d devices", ROWS_MAX);
	enum status st = self_claim_seal(key, mac, secret, secret_len, add_row(list), err);
	sodium_memzero(secret, sizeof(secret));
	return st;
}

static enum status read_lines(FILE *file, const char *path, const struct self_claim_key *key, struct list *list,
			      struct error *err)
{
	char line[LINE_MAX_BYTES];
	enum status st = STATUS_OK;
	for (int n = 1; st == STATUS_OK && fgets(line, sizeof(line), file); n++) {
		struct error why = { .status = STATUS_OK };
		bool whole = strchr(line, '\n') || feof(file);
		line[strcspn(line, "\r\n")] = '\0';
		if (!whole)
			st = error_set(&why, STATUS_INVALID, "the line is too long");
		else if (*line && !(n == 1 && strcmp(line, "mac_addr,secret") == 0))
			st = take_line(key, line, list, &why);
		if (st != STATUS_OK)
			st = error_set(err, st, "%s line %d: %s", path, n, why.text);
	}
	sodium_memzero(line, sizeof(line));
	if (st == STATUS_OK && ferror(file))
		return error_set(err, STATUS_UNAVAILABLE, "%s: %s", path, strerror(errno));
	return st;
}

static enum status read_file(const char *path, const struct self_claim_key *key, struct list *list, struct error *err)
{
	FILE *file = fopen(path, "re");
	if (!file)
		return error_set(err, STATUS_UNAVAILABLE, "%s: %s", path, strerror(errno));
	enum status st = read_lines(file, path, key, list, err);
	(void)fclose(file); /* read only: nothing can be lost */
	return st;
}

/* Each part is whole; an import that ends between two parts is mended by giving it again. */
static enum status write_list(const struct config *config, const struct list *list, struct error *err)
{
	CLEANUP(store) struct store *store = NULL;
	enum status st = database_open(config, &store, err);
	for (size_t i = 0; st == STATUS_OK && i < list->n; i += ROWS_AT_ONCE) {
		size_t n = list->n - i < ROWS_AT_ONCE ? list->n - i : ROWS_AT_ONCE;
		st = store_self_claim_put(store, list->devices + i, n, err);
	}
	return st;
}

enum status self_claim_import_run(const struct call *call, struct output *output, struct error *err)
{
	struct self_claim_key key;
	struct list list = { .devices = NULL };
	if (!*call->config->self_claim_key_file)
		return error_set(err, STATUS_INVALID, "setting 'self_claim_key_file' is not set");
	if (sodium_init() < 0)
		return error_set(err, STATUS_INTERNAL, "libsodium does not start");
	enum status st = self_claim_key_read(call->config->self_claim_key_file, &key, err);
	if (st == STATUS_OK)
		st = read_file(call->operands[0], &key, &list, err);
	sodium_memzero(&key, sizeof(key));
	if (st == STATUS_OK)
		st = write_list(call->config, &list, err);
	free(list.devices);
	const struct cell cells[] = { CELL_OF_NUMBER("devices", (int64_t)list.n), CELL_OF_TEXT("result", "imported") };
	if (st == STATUS_OK)
		output_record(output, cells, ARRAY_LEN(cells));
	return st;
}

struct listing {
	struct output *output;
	int64_t n_rows;
	char last[CLAIM_MAC_LEN + 1];
};

static void list_device(void *context, const char *mac, int64_t added_at_us)
{
	struct listing *listing = context;
	const struct cell cells[] = { CELL_OF_TEXT(NULL, mac), CELL_OF_TIME(NULL, added_at_us) };
	output_list_row(listing->output, cells);
	listing->n_rows++;
	(void)snprintf(listing->last, sizeof(listing->last), "%s", mac); /* of the same size */
}

enum status self_claim_list_run(const struct call *call, struct output *output, struct error *err)
{
	static const char *const columns[] = { "mac_addr", "added_at" };
	CLEANUP(store) struct store *store = NULL;
	enum status st = database_open(call->config, &store, err);
	struct listing listing = { .output = output };
	output_list_begin(output, "devices", columns, ARRAY_LEN(columns));
	do {
		listing.n_rows = 0;
		if (st == STATUS_OK)
			st = store_self_claim_list(store, listing.last, PAGE_MAX, list_device, &listing, err);
	} while (st == STATUS_OK && listing.n_rows == PAGE_MAX);
	output_list_end(output);
	return st;
}

enum status self_claim_remove_run(const struct call *call, struct output *output, struct error *err)
{
	CLEANUP(store) struct store *store = NULL;
	char mac[CLAIM_MAC_LEN + 1];
	if (!claim_mac_canonical(call->operands[0], mac))
		return error_set(err, STATUS_INVALID, "'%s' is not a MAC of 12 hexadecimal digits", call->operands[0]);
	enum status st = database_open(call->config, &store, err);
	if (st == STATUS_OK)
		st = store_self_claim_remove(store, mac, err);
	const struct cell cells[] = { CELL_OF_TEXT("mac_addr", mac), CELL_OF_TEXT("result", "removed") };
	if (st == STATUS_OK)
		output_record(output, cells, ARRAY_LEN(cells));
	return st;
}
