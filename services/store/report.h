/* store/report.h - what nodes reported: one batch of columns, written in one transaction and two round trips.
 *
 * A batch is filled row by row by ingest and written whole. Within a batch the rows of params, config and ota_fetch have each key
 * once (the caller keeps the last value); the others are in the order of arrival.
 *
 * Thread:  one owner.
 * Memory:  report_new() makes the columns, report_clear() keeps their memory for the next batch, report_free() ends them.
 * Errors:  CONFLICT or INVALID: the database refused the data and kept nothing of the batch; a smaller batch finds the
 *          offender. UNAVAILABLE: nothing kept, the same batch may be written again. INTERNAL: a bug here; nothing kept.
 * Units:   times are microseconds since 1970 UTC.
 */
#ifndef CISTERN_STORE_REPORT_H
#define CISTERN_STORE_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "store/store.h"

struct report;

/* What tells a message from another, for the kinds that add a row for each message: the broker repeats a message that it saw no
 * acknowledgement for with the same message id. */
enum { DIGEST_BYTES = 16 };
struct delivery_key {
	int mid;
	bool may_repeat;                    /* it came soon after the session was taken up again */
	unsigned char digest[DIGEST_BYTES]; /* of the payload */
};

struct report *report_new(void);
void report_free(struct report *report);
void report_clear(struct report *report);

/* Texts are copied. `value` and `config` are JSON text. */
void report_param(struct report *report, const char *node_id, const char *device, const char *param,
		  struct json_slice value, int64_t at_us);
/* A full report came at at_us: older parameters that the configuration does not name go. */
void report_params_full(struct report *report, const char *node_id, int64_t at_us);

struct config_row {
	const char *node_id;
	struct json_slice config;
	const char *name, *type, *model, *fw_version; /* NULL: unknown */
	int64_t at_us;
};
void report_config(struct report *report, const struct config_row *row);

struct presence_row {
	const char *node_id;
	const char *broker; /* all of a report are one broker's; must live until the report is cleared */
	bool connected;
	int64_t session_no, at_us;
	const char *address, *certificate; /* of a connect; NULL: not told. certificate: SHA-256 in hex */
	const char *reason;                /* of a disconnect; NULL: not told */
};
/* Also the history, and a certificate that has worked for the first time. */
void report_presence(struct report *report, const struct presence_row *row);
/* Every session there that is numbered below session_no is over. `broker` must live until the report is cleared. */
void report_broker_started(struct report *report, const char *broker, int64_t session_no, int64_t at_us);

/* What a broker said of itself; the last of a batch counts. `broker`, `epoch` and `said` must live until the report is cleared. */
struct broker_said_row {
	const char *broker, *epoch;
	int64_t version;
	struct json_slice said;
	int64_t at_us;
};
void report_broker_revocation(struct report *report, const struct broker_said_row *row);
void report_broker_counters(struct report *report, const struct broker_said_row *row);

void report_ota_fetch(struct report *report, const char *node_id, const char *fw_version, const char *network_id,
		      int64_t at_us);

struct ota_status_row {
	const char *node_id, *ota_job_id, *status, *additional_info;
	int64_t node_ts, at_us;
	struct delivery_key key;
};
void report_ota_status(struct report *report, const struct ota_status_row *row);

struct alert_row {
	const char *node_id;
	const char *kind; /* `text` or `params` */
	struct json_slice body;
	bool salvaged;
	int64_t at_us;
	struct delivery_key key;
};
void report_alert(struct report *report, const struct alert_row *row);

struct mapping_row {
	const char *node_id, *user_id;
	const unsigned char *secret_hash;
	size_t secret_hash_len;
	bool reset, factory_reset;
	struct delivery_key key;
};
void report_mapping(struct report *report, const struct mapping_row *row);

/* A node asks for its next certificate; the newest request of a node counts. Tells the renewal thread at the commit. */
struct certificate_request_row {
	const char *node_id;
	const char *csr;               /* PEM */
	const unsigned char *csr_hash; /* SHA-256: the same request again is known by it */
	size_t csr_hash_len;
	int64_t at_us;
};
void report_certificate_request(struct report *report, const struct certificate_request_row *row);

enum { DEAD_LETTER_BYTES_MAX = 4096 };
struct dead_letter_row {
	const char *topic, *reason;
	const void *payload; /* the first DEAD_LETTER_BYTES_MAX of it are kept; NULL: only its length is told */
	size_t payload_len;
	int64_t at_us;
	struct delivery_key key;
};
void report_dead_letter(struct report *report, const struct dead_letter_row *row);

/* Which of these nodes are registered: calls `each` for them. */
typedef void report_known_each(void *context, const char *node_id);
MUST_CHECK enum status store_report_known(struct store *store, const char *const *node_ids, size_t n,
					  report_known_each *each, void *context, struct error *err);

/* Writes the whole batch. Returns when it is committed. */
MUST_CHECK enum status store_report_write(struct store *store, struct report *report, struct error *err);

#endif
