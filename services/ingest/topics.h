/* ingest/topics.h - one row a topic: what the daemon subscribes to, how big a payload may be, and the function that decodes it.
 *
 * A handler turns one message into rows of a batch. It does no I/O. Handlers may see a message twice.
 *
 * Thread:  a session's thread.
 * Memory:  a message is borrowed for the call; the batch copies what it keeps.
 * Errors:  whatever a handler returns but OK makes the message a dead letter with the error's text as the reason.
 */
#ifndef CISTERN_INGEST_TOPICS_H
#define CISTERN_INGEST_TOPICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "model/node_id.h"
#include "store/report.h"

struct batch;

struct message {
	const char *broker; /* which one it came from, for what it says of itself */
	const char *topic;
	struct json_slice payload;     /* JSON or not; NUL behind its end */
	char node_id[NODE_ID_MAX + 1]; /* from the topic, the only place to believe; "": it is about no node */
	int64_t received_at_us;
	struct delivery_key key;
};

typedef enum status topic_handle(struct batch *batch, const struct message *message, struct error *err);

/* Two sessions, so that a backlog of reports delays nothing else. What must stay in order among itself is in one lane; the place
 * where order across lanes matters is settled in the database: see sql/queries/report.sql, report_full. */
enum lane { LANE_CONTROL, LANE_BULK, N_LANES };

struct topic_handler {
	const char
		*suffix; /* behind node/<id>/; its basic-ingest form comes from model/access.h. NULL: `whole` is used */
	bool grouped;    /* with a group id behind the suffix */
	const char
		*whole; /* a topic filter outside the nodes' trees, which only the plugin publishes to. Ends it in '+',
			    * then that segment is a node id */
	size_t payload_max;
	topic_handle *handle;
	bool secret; /* a dead letter keeps no copy of the payload */
	enum lane lane;
};

/* Finds the handler and fills the message's node id. NULL: nobody's topic. */
const struct topic_handler *topics_find(const char *topic, struct message *message);

/* The rows by number, for counting: each has a name, that of its topics. NULL stands for the number behind the last. */
enum { TOPICS_MAX = 20 };
size_t topics_count(void);
size_t topics_index(const struct topic_handler *handler);
const struct topic_handler *topics_at(size_t index);

/* The filters of a lane's rows. Returns their number. */
enum { TOPICS_FILTERS_MAX = 40, TOPICS_FILTER_BYTES_MAX = 96 };
size_t topics_filters(enum lane lane, char ret_filters[TOPICS_FILTERS_MAX][TOPICS_FILTER_BYTES_MAX]);

/* The handlers, one subject a file. */
topic_handle handle_config;
topic_handle handle_params;
topic_handle handle_params_init;
topic_handle handle_mapping;
topic_handle handle_ota_fetch;
topic_handle handle_ota_status;
topic_handle handle_alert;
topic_handle handle_certificate_request;
topic_handle handle_presence;
topic_handle handle_broker;
topic_handle handle_broker_revocation;
topic_handle handle_broker_counters;

#endif
