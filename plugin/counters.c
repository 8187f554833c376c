#include "counters.h"

#include "base/macros.h"
#include "rates.h"
#include "revocation.h"
#include "sessions.h"

#include <mosquitto.h>
#include <mosquitto_broker.h>

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define LOG_BURST         20
#define LOG_LINE_EVERY_US INT64_C(1000000)
#define LOG_VALUE_MAX     160

void counters_init(struct counters *counters, int64_t ticks_us)
{
	*counters = (struct counters){
		.log_tokens = LOG_BURST,
		.log_refilled_at_us = ticks_us,
		.published_at_us = ticks_us,
	};
}

const char *denial_name(enum denial denial)
{
	static const char *const names[] = {
		[DENIAL_NONE] = "none",
		[DENIAL_CERTIFICATE_MISSING] = "certificate_missing",
		[DENIAL_CERTIFICATE_DATES] = "certificate_dates",
		[DENIAL_CERTIFICATE_PURPOSE] = "certificate_purpose",
		[DENIAL_CERTIFICATE_ISSUER] = "certificate_issuer",
		[DENIAL_COMMON_NAME] = "common_name",
		[DENIAL_SERVICE_UNKNOWN] = "service_unknown",
		[DENIAL_CLIENT_ID] = "client_id",
		[DENIAL_CONSUMER_MISSING] = "consumer_missing",
		[DENIAL_REVOKED] = "revoked",
		[DENIAL_SUSPENDED] = "suspended",
		[DENIAL_CERTIFICATE_REVOKED] = "certificate_revoked",
		[DENIAL_REVOCATION_UNKNOWN] = "revocation_unknown",
		[DENIAL_CONNECT_RATE] = "connect_rate",
		[DENIAL_NO_MEMORY] = "no_memory",
		[DENIAL_IDENTITY_MISSING] = "identity_missing",
		[DENIAL_SESSION_OLD] = "session_old",
		[DENIAL_REVOCATION_MALFORMED] = "revocation_malformed",
		[DENIAL_REVOCATION_MISPLACED] = "revocation_misplaced",
	};

	if ((unsigned int)denial < ARRAY_LEN(names))
		return names[denial];
	return access_result_name((enum access_result)(denial - DENIAL_ACCESS));
}

/* Printable and without blanks, so that a line is one event with one value for each field. */
static const char *escape(const char *value, char out[LOG_VALUE_MAX])
{
	static const char hex[] = "0123456789abcdef";
	size_t n = 0;

	if (!value)
		return "-";
	for (const char *at = value; *at; at++) {
		unsigned char c = (unsigned char)*at;
		bool plain = c > ' ' && c < 0x7f && c != '\\' && c != '"';

		if (n + (plain ? 1 : 4) + sizeof("...") > LOG_VALUE_MAX) {
			for (int dots = 0; dots < 3; dots++)
				out[n++] = '.';
			break;
		}
		if (plain) {
			out[n++] = *at;
			continue;
		}
		out[n++] = '\\';
		out[n++] = 'x';
		out[n++] = hex[c >> 4];
		out[n++] = hex[c & 0xf];
	}
	out[n] = '\0';
	return out;
}

static bool log_token_take(struct counters *counters, int64_t ticks_us)
{
	int64_t earned = (ticks_us - counters->log_refilled_at_us) / LOG_LINE_EVERY_US;

	if (earned > 0) {
		counters->log_refilled_at_us += earned * LOG_LINE_EVERY_US;
		counters->log_tokens = earned >= LOG_BURST ? LOG_BURST : counters->log_tokens + (unsigned int)earned;
		if (counters->log_tokens > LOG_BURST)
			counters->log_tokens = LOG_BURST;
	}
	if (counters->log_tokens == 0)
		return false;
	counters->log_tokens--;
	return true;
}

void counters_deny(struct counters *counters, enum denial denial, const char *what, const char *client,
		   const char *topic, int64_t ticks_us)
{
	char client_text[LOG_VALUE_MAX];
	char topic_text[LOG_VALUE_MAX];

	counters->denied[denial]++;
	counters->changed = true;
	if (!log_token_take(counters, ticks_us)) {
		counters->n_log_lines_left_out++;
		counters->n_left_out_since_line++;
		return;
	}
	mosquitto_log_printf(MOSQ_LOG_NOTICE,
			     "cistern: event=plugin.denied what=%s reason=%s client=%s topic=%s left_out=%" PRIu64,
			     what, denial_name(denial), escape(client, client_text), escape(topic, topic_text),
			     counters->n_left_out_since_line);
	counters->n_left_out_since_line = 0;
}

struct json_text {
	char text[4096]; /* about 50 counters of at most 60 bytes each */
	size_t len;
};

static void add(struct json_text *json, const char *format, ...) PRINTF_LIKE(2, 3);

static void add(struct json_text *json, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(json->text + json->len, sizeof(json->text) - json->len, format, args);
	va_end(args);
	if (n > 0 && (size_t)n < sizeof(json->text) - json->len)
		json->len += (size_t)n;
}

static void add_limits(struct json_text *json, const struct rate_options *limits)
{
	add(json,
	    ",\"limits\":{\"connects_per_minute\":%" PRId64 ",\"messages_per_second\":%" PRId64
	    ",\"messages_burst\":%" PRId64 ",\"bytes_per_second\":%" PRId64 ",\"bytes_burst\":%" PRId64 "}",
	    limits->connects_per_minute, limits->messages_per_second, limits->messages_burst, limits->bytes_per_second,
	    limits->bytes_burst);
}

static void add_revocation(struct json_text *json, const struct counters_view *view)
{
	const struct revocation *revocation = view->revocation;

	add(json,
	    ",\"revocation\":{\"version\":%" PRId64
	    ",\"nodes\":%zu,\"certificates\":%zu,\"local\":%zu,\"alarm\":\"%s\"}",
	    revocation->set.version, revocation->set.nodes.n_used, revocation->set.certificates.n_used,
	    revocation->local.n_used, view->alarm);
}

static void add_kicks(struct json_text *json, const uint64_t *n_cut)
{
	const char *comma = "";

	add(json, ",\"kicks\":{");
	for (int end = SESSION_END_REVOKED; end < SESSION_END_COUNT; end++) {
		add(json, "%s\"%s\":%" PRIu64, comma, session_end_name((enum session_end)end), n_cut[end]);
		comma = ",";
	}
	add(json, "}");
}

/* {"at_ms":..,"live":..,"connects":..,"disconnects":..,"product_publishes":..,"log_lines_left_out":..,
 *  "limits":{"connects_per_minute":..},"revocation":{"version":..,"alarm":".."},"kicks":{"<word>":..},
 *  "denied":{"<reason>":..}}: every reason each time, so that a reader sees the same shape always */
static void write_json(const struct counters *counters, const struct counters_view *view, int64_t now_us,
		       struct json_text *json)
{
	const char *comma = "";

	add(json, "{\"at_ms\":%" PRId64 ",\"live\":%zu,\"connects\":%" PRIu64 ",\"disconnects\":%" PRIu64,
	    now_us / 1000, view->n_live, counters->n_connects, counters->n_disconnects);
	add(json, ",\"product_publishes\":%" PRIu64 ",\"log_lines_left_out\":%" PRIu64, counters->n_product_publishes,
	    counters->n_log_lines_left_out);
	add_limits(json, view->limits);
	add_revocation(json, view);
	add_kicks(json, view->n_cut);
	add(json, ",\"denied\":{");
	for (unsigned int i = 0; i < DENIAL_COUNT; i++) {
		if (i == DENIAL_NONE || i == DENIAL_ACCESS + ACCESS_ALLOWED ||
		    i == DENIAL_ACCESS + ACCESS_ALLOWED_PRODUCT)
			continue;
		add(json, "%s\"%s\":%" PRIu64, comma, denial_name((enum denial)i), counters->denied[i]);
		comma = ",";
	}
	add(json, "}}");
}

void counters_tick(struct counters *counters, const struct counters_view *view, int64_t now_us, int64_t ticks_us)
{
	struct json_text json = { .len = 0 };

	if (!counters->changed || ticks_us - counters->published_at_us < COUNTERS_EVERY_US)
		return;
	write_json(counters, view, now_us, &json);
	/* Lost when there is no memory for it: the next one says all of it again. */
	(void)mosquitto_broker_publish_copy(NULL, COUNTERS_TOPIC, (int)json.len, json.text, 0, false, NULL);
	counters->changed = false;
	counters->published_at_us = ticks_us;
}
