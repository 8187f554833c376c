/* Every metric, one row each: the only place that names them. docs/metrics.md has a line for each; tests/scenario/test_metrics.py holds
 * the two and the page to each other. */
#include "base/metrics.h"

/* A batch is one message on an idle machine and ingest_batch_max at most, 1000 unless told. */
static const int64_t batch_bounds[] = { 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 0 };
/* From a commit on a fast disk to the longest that a statement may take (10 s). */
static const int64_t commit_bounds[] = { 500,    1000,   2500,    5000,    10000,   25000,    50000, 100000,
					 250000, 500000, 1000000, 2500000, 5000000, 10000000, 0 };
/* From an answer out of memory to the API's last deadline. */
static const int64_t request_bounds[] = { 250,    500,    1000,   2500,    5000,    10000,   25000, 50000,
					  100000, 250000, 500000, 1000000, 2500000, 5000000, 0 };

/* clang-format off */
#define COUNTS(name, help, ...) { name, METRIC_COUNTER, METRIC_NUMBER, { __VA_ARGS__ }, 0, help }
#define SHOWS(name, help, ...) { name, METRIC_GAUGE, METRIC_NUMBER, { __VA_ARGS__ }, 0, help }
#define COUNTS_SECONDS(name, help, ...) { name, METRIC_COUNTER, METRIC_MICROSECONDS, { __VA_ARGS__ }, 0, help }
#define SHOWS_SECONDS(name, help, ...) { name, METRIC_GAUGE, METRIC_MICROSECONDS, { __VA_ARGS__ }, 0, help }
#define SHOWS_AGE(name, help, ...) { name, METRIC_GAUGE, METRIC_SINCE, { __VA_ARGS__ }, 0, help }
#define SPREADS(name, bounds, help, ...) { name, METRIC_HISTOGRAM, METRIC_NUMBER, { __VA_ARGS__ }, bounds, help }
#define SPREADS_SECONDS(name, bounds, help, ...) { name, METRIC_HISTOGRAM, METRIC_MICROSECONDS, { __VA_ARGS__ }, bounds, help }
#define NONE 0

const struct metric_row metric_rows[N_METRICS] = {
	[METRIC_INGEST_RECEIVED] =
		COUNTS("cistern_ingest_received_messages_total",
		       "Messages read from the broker; what the broker repeats counts again", "broker", "lane", "topic"),
	[METRIC_INGEST_COMMITTED] =
		COUNTS("cistern_ingest_committed_messages_total",
		       "Messages whose effects are committed", "broker", "lane", "topic"),
	[METRIC_INGEST_DEAD_LETTERED] =
		COUNTS("cistern_ingest_dead_lettered_messages_total",
		       "Messages that could not be processed and were set aside, committed", "broker", "lane", "topic"),
	[METRIC_INGEST_BATCH_MESSAGES] =
		SPREADS("cistern_ingest_batch_messages", batch_bounds,
			"Messages in one committed batch", "broker", "lane"),
	[METRIC_INGEST_COMMIT_SECONDS] =
		SPREADS_SECONDS("cistern_ingest_commit_seconds", commit_bounds,
				"From the end of reading a batch to its commit: decoding, statements, commit", "broker", "lane"),
	[METRIC_INGEST_OLDEST_SECONDS] =
		SHOWS_AGE("cistern_ingest_oldest_unacknowledged_seconds",
			      "Age of the oldest message that was read and is not acknowledged yet; 0 without one", "broker", "lane"),
	[METRIC_INGEST_CONSUMING] =
		SHOWS("cistern_ingest_consuming", "1 while the session with the broker is up", "broker", "lane"),
	[METRIC_INGEST_INTERRUPTIONS] =
		COUNTS("cistern_ingest_interruptions_total",
		       "Times that broker or database failed ingest and the session was given up", "broker", "lane"),

	[METRIC_BROKER_PUBLISHER_CONNECTED] =
		SHOWS("cistern_broker_publisher_connected", "1 while the connection for messages to nodes is up", "broker"),
	[METRIC_BROKER_STORED_MESSAGES] =
		SHOWS("cistern_broker_stored_messages",
		      "Messages that the broker keeps: queued for a session, in flight, or retained (its own are some 50)", "broker"),
	[METRIC_BROKER_STORED_BYTES] =
		SHOWS("cistern_broker_stored_bytes", "Bytes of their payloads", "broker"),
	[METRIC_BROKER_DROPPED] =
		COUNTS("cistern_broker_dropped_messages_total",
		       "Messages that the broker dropped because a session's queue was full", "broker"),
	[METRIC_BROKER_CLIENTS] =
		SHOWS("cistern_broker_connected_clients", "Connections of nodes and of our own services", "broker"),
	[METRIC_BROKER_UPTIME_SECONDS] =
		SHOWS("cistern_broker_uptime_seconds", "Since the broker's start; its counters count from there", "broker"),
	[METRIC_BROKER_NODES] = SHOWS("cistern_broker_connected_nodes", "Nodes on line, as the plugin counts them", "broker"),
	[METRIC_BROKER_CONNECTS] = COUNTS("cistern_broker_connects_total", "Connections of nodes that were let in", "broker"),
	[METRIC_BROKER_DISCONNECTS] = COUNTS("cistern_broker_disconnects_total", "Connections of nodes that ended", "broker"),
	[METRIC_BROKER_DENIED] =
		COUNTS("cistern_broker_denied_total", "Connects, publishes and subscriptions that the plugin refused", "broker",
		       "reason"),
	[METRIC_BROKER_CUT] = COUNTS("cistern_broker_cut_total", "Connections that the plugin ended", "broker", "reason"),
	[METRIC_BROKER_PRODUCT_MESSAGES] =
		COUNTS("cistern_broker_product_messages_total",
		       "Messages of nodes to topics of their own tree that only the product knows", "broker"),

	[METRIC_BROKER_REVOCATION_VERSION] =
		SHOWS("cistern_broker_revocation_version", "Version of the revocations that the plugin refuses by", "broker"),
	[METRIC_BROKER_REVOCATION_ALARM] =
		SHOWS("cistern_broker_revocation_alarm", "1 while the plugin's revocation data is damaged, unknown or unwritable", "broker"),

	[METRIC_DATABASE_UP] =
		SHOWS("cistern_database_up", "1 when the newest attempt to connect to the database succeeded", NONE),
	[METRIC_DATABASE_CONNECTIONS] =
		SHOWS("cistern_database_connections", "Open connections to the database", "application"),
	[METRIC_DATABASE_CONNECT_FAILURES] =
		COUNTS("cistern_database_connect_failures_total", "Attempts to connect to the database that failed", "application"),

	[METRIC_HTTP_REQUESTS] =
		COUNTS("cistern_http_requests_total",
		       "Answered requests by the route's pattern and the class of the status; an unknown route is other", "method",
		       "route", "class"),
	[METRIC_HTTP_REQUEST_SECONDS] =
		SPREADS_SECONDS("cistern_http_request_seconds", request_bounds,
				"From a request's headers to its answer, the body's arrival included", NONE),
	[METRIC_HTTP_IN_HAND] = SHOWS("cistern_http_requests_in_hand", "Requests that are not answered yet", NONE),
	[METRIC_HTTP_CONNECTIONS] = SHOWS("cistern_http_connections", "Open connections", "listener"),
	[METRIC_API_LANE_QUEUED] = SHOWS("cistern_api_lane_queued", "Requests that wait for a thread of the lane", "lane"),
	[METRIC_API_LANE_CAPACITY] = SHOWS("cistern_api_lane_capacity", "How many may wait; one more is answered 503", "lane"),
	[METRIC_MAIL_QUEUED] = SHOWS("cistern_mail_queued", "Mails that wait for the SMTP server, the one in hand among them", NONE),
	[METRIC_CERTIFICATE_EXPIRY] =
		SHOWS("cistern_certificate_expiry_timestamp_seconds",
		      "End of a certificate, seconds since 1970; of a file with several the earliest", "certificate", "file"),

	[METRIC_PROCESS_CPU_SECONDS] =
		COUNTS_SECONDS("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.", NONE),
	[METRIC_PROCESS_RESIDENT_BYTES] = SHOWS("process_resident_memory_bytes", "Resident memory size in bytes.", NONE),
	[METRIC_PROCESS_VIRTUAL_BYTES] = SHOWS("process_virtual_memory_bytes", "Virtual memory size in bytes.", NONE),
	[METRIC_PROCESS_OPEN_FDS] = SHOWS("process_open_fds", "Number of open file descriptors.", NONE),
	[METRIC_PROCESS_MAX_FDS] = SHOWS("process_max_fds", "Maximum number of open file descriptors.", NONE),
	[METRIC_PROCESS_START_SECONDS] =
		SHOWS_SECONDS("process_start_time_seconds", "Start time of the process since unix epoch in seconds.", NONE),
};
/* clang-format on */
