#include "options.h"

#include "base/parse.h"

#include <errno.h>
#include <getopt.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum option_kind { OPTION_FLAG, OPTION_TEXT, OPTION_INTEGER, OPTION_NUMBER };

struct option_row {
	const char *name;
	enum option_kind kind;
	size_t at; /* of the field in struct options */
	const char *argument;
	double min, max;
	const char *help;
};

#define FLAG(name, field, help)                                                                                        \
	{                                                                                                              \
		name, OPTION_FLAG, offsetof(struct options, field), NULL, 0, 0, help                                   \
	}
#define TEXT(name, field, argument, help)                                                                              \
	{                                                                                                              \
		name, OPTION_TEXT, offsetof(struct options, field), argument, 0, 0, help                               \
	}
#define INTEGER(name, field, argument, min, max, help)                                                                 \
	{                                                                                                              \
		name, OPTION_INTEGER, offsetof(struct options, field), argument, min, max, help                        \
	}
#define NUMBER(name, field, argument, min, max, help)                                                                  \
	{                                                                                                              \
		name, OPTION_NUMBER, offsetof(struct options, field), argument, min, max, help                         \
	}

/* clang-format off */
static const struct option_row rows[] = {
	TEXT("host", host, "HOST", "broker; default: what claiming told, or localhost"),
	TEXT("server-name", server_name, "NAME", "name in the broker's certificate, if it is not HOST"),
	INTEGER("port", port, "PORT", 1, 65535, "broker's TLS port"),
	TEXT("ca", ca, "FILE", "CA that signed the broker's certificate"),
	TEXT("cert", cert, "FILE", "the node's certificate; its CN is the client id"),
	TEXT("key", key, "FILE", "the node's private key"),
	TEXT("node-id", node_id, "ID", "id in topics and payloads instead of the CN"),
	TEXT("username", username, "STRING", "MQTT user name (firmware sends a platform string), without password"),
	FLAG("plain", plain, "publish to node/<id>/... instead of $aws/rules/<rule>/node/<id>/..."),
	FLAG("alpn", alpn, "offer the ALPN protocol x-amzn-mqtt-ca"),
	FLAG("persistent-session", persistent_session, "connect with clean session 0"),
	INTEGER("keepalive", keepalive_s, "SECONDS", 5, 65535, "MQTT keep-alive"),

	TEXT("credentials", credentials, "DIR",
	     "the node's files: node.key, node.crt, endpoint, and ca.crt unless --ca; without node.crt it claims"),
	TEXT("claim", claim, "URL", "claiming service, https://HOST:PORT"),
	TEXT("claim-ca", claim_ca, "FILE", "CA of the claiming service; default: the system's"),
	TEXT("token-file", token_file, "FILE", "claim for the user of this access token"),
	TEXT("claim-secret-file", claim_secret_file, "FILE", "claim by itself: the chip's secret in hexadecimal"),
	TEXT("mac", mac, "MAC", "twelve hexadecimal digits, to claim with"),
	TEXT("key-type", key_type, "TYPE", "key to claim with: p256 or rsa"),
	FLAG("renew", renew, "ask for a new certificate once ready"),

	TEXT("device", device, "NAME", "what the node is: lamp, sensor or both"),
	TEXT("config", config, "FILE", "own node configuration (JSON) instead of a template"),
	INTEGER("report-interval", report_interval_s, "SECONDS", 0, 86400, "report changing sensor values; 0: never"),
	FLAG("connectivity", connectivity, "Connectivity service: last will, and Connected 5 s after each connect"),
	TEXT("group-id", group_id, "GROUP", "report to params/local/GROUP, also obey params/remote/GROUP"),
	FLAG("textbook", textbook, "obey node/<id>/remote instead of node/<id>/params/remote"),
	INTEGER("otafetch-delay", otafetch_delay_s, "SECONDS", 0, 86400, "from first connect to otafetch"),

	TEXT("user-id", user_id, "USER", "map the node to this user"),
	TEXT("secret", secret, "SECRET", "secret of that mapping"),
	TEXT("secret-file", secret_file, "FILE", "file with that secret, instead of --secret"),
	FLAG("reset", reset, "with a mapping: drop all earlier users"),
	FLAG("factory-reset", factory_reset, "report a factory reset: drop all users, map to nobody"),

	TEXT("cert-dir", cert_dir, "DIR", "several nodes: DIR/<id>/node.crt, node.key, and ca.crt unless --ca"),
	INTEGER("count", count, "N", 0, 100000, "with --cert-dir: the first N by name; 0: all"),
	NUMBER("publish-rate", publish_rate, "RATE", 0, 1e6,
	       "load: params/local messages/s a node once all are ready; 0: as acknowledged"),
	INTEGER("publish-count", publish_count, "M", 0, 1e15, "load: stop after M acknowledged a node; 0: no end"),
	INTEGER("inflight", inflight, "N", 1, 1000, "load: unacknowledged messages a node"),

	INTEGER("max-backoff", max_backoff_s, "SECONDS", 1, 3600, "longest pause between connects; starts at 1"),
	INTEGER("duration", duration_s, "SECONDS", 0, 1e9, "stop after this time; 0: run until SIGTERM"),
	FLAG("exit-after-boot", exit_after_boot, "stop when the boot sequence of every node is acknowledged"),
	FLAG("once", once, "end with status 1 at the first failed or lost connection"),
	FLAG("quiet", quiet, "print troubles and totals only"),
	FLAG("help", help, "print this"),
};
/* clang-format on */

enum { OPTION_VALUE_FIRST = 256 }; /* above every short option */

static const struct options defaults = {
	.port = 8883,
	.keepalive_s = 120, /* mqtt.md section 1 */
	.key_type = "p256",
	.device = "both",
	.report_interval_s = 30,
	.otafetch_delay_s = 5, /* mqtt.md section 3 */
	.publish_rate = -1,
	.inflight = 20,
	.max_backoff_s = 30,
};

static enum status number_parse(const char *text, double min, double max, double *ret_number)
{
	char *end;

	errno = 0;
	double number = strtod(text, &end);
	if (end == text || *end || errno || !(number >= min && number <= max))
		return STATUS_INVALID;
	*ret_number = number;
	return STATUS_OK;
}

static enum status row_apply(const struct option_row *row, char *text, struct options *options, struct error *err)
{
	void *field = (char *)options + row->at;
	enum status st = STATUS_OK;

	switch (row->kind) {
	case OPTION_FLAG: *(bool *)field = true; break;
	case OPTION_TEXT:
		if (!*text)
			return error_set(err, STATUS_INVALID, "--%s: empty", row->name);
		*(const char **)field = text;
		break;
	case OPTION_INTEGER:
		if (!parse_i64(text, (int64_t)row->min, (int64_t)row->max, field))
			st = STATUS_INVALID;
		break;
	case OPTION_NUMBER: st = number_parse(text, row->min, row->max, field); break;
	}
	if (st != STATUS_OK)
		return error_set(err, st, "--%s: '%s' is not a number of %.0f..%.0f", row->name, text, row->min,
				 row->max);
	return STATUS_OK;
}

/* Where the certificate comes from. */
static enum status check_identity(const struct options *options, struct error *err)
{
	bool in_folder = options->cert_dir || options->credentials;

	if (!in_folder && (!options->ca || !options->cert || !options->key))
		return error_set(err, STATUS_INVALID,
				 "--ca, --cert and --key are needed (or --credentials or --cert-dir)");
	if (options->cert_dir && options->credentials)
		return error_set(err, STATUS_INVALID, "--credentials or --cert-dir, not both");
	if (in_folder && (options->cert || options->key || options->node_id))
		return error_set(err, STATUS_INVALID, "--cert, --key and --node-id are not for the files of a folder");
	if (options->renew && !in_folder)
		return error_set(err, STATUS_INVALID, "--renew needs --credentials or --cert-dir to write to");
	return STATUS_OK;
}

static enum status check_claim(const struct options *options, struct error *err)
{
	if (!options->claim) {
		if (options->claim_ca || options->token_file || options->claim_secret_file || options->mac)
			return error_set(err, STATUS_INVALID,
					 "--claim-ca, --token-file, --claim-secret-file and --mac need --claim");
		return STATUS_OK;
	}
	if (!options->credentials || !options->mac)
		return error_set(err, STATUS_INVALID, "--claim needs --credentials and --mac");
	if (!options->token_file == !options->claim_secret_file)
		return error_set(err, STATUS_INVALID, "--claim needs --token-file or --claim-secret-file");
	return STATUS_OK;
}

static enum status options_check(const struct options *options, struct error *err)
{
	enum status st = check_identity(options, err);
	if (st == STATUS_OK)
		st = check_claim(options, err);
	if (st != STATUS_OK)
		return st;
	if (options->count > 0 && !options->cert_dir)
		return error_set(err, STATUS_INVALID, "--count needs --cert-dir");
	if (options->secret && options->secret_file)
		return error_set(err, STATUS_INVALID, "--secret or --secret-file, not both");
	if (!options->user_id != (!options->secret && !options->secret_file))
		return error_set(err, STATUS_INVALID, "--user-id and --secret go together");
	if (options->factory_reset && options->user_id)
		return error_set(err, STATUS_INVALID, "--factory-reset maps to nobody: not with --user-id");
	if (options->reset && !options->user_id)
		return error_set(err, STATUS_INVALID, "--reset is part of a mapping: it needs --user-id");
	if (options->publish_count > 0 && options->publish_rate < 0)
		return error_set(err, STATUS_INVALID, "--publish-count needs --publish-rate");
	return STATUS_OK;
}

static void fill_long_options(struct option *long_options)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		long_options[i] = (struct option){
			.name = rows[i].name,
			.has_arg = rows[i].kind == OPTION_FLAG ? no_argument : required_argument,
			.val = OPTION_VALUE_FIRST + (int)i,
		};
}

enum status options_parse(int argc, char **argv, struct options *ret_options, struct error *err)
{
	struct option long_options[ARRAY_LEN(rows) + 1] = { 0 };
	struct options options = defaults;
	int found;

	fill_long_options(long_options);
	opterr = 0;
	optind = 0; /* glibc: start afresh, also in a test's second call */
	while ((found = getopt_long(argc, argv, ":", long_options, NULL)) != -1) {
		if (found == ':')
			return error_set(err, STATUS_INVALID, "%s: value missing", argv[optind - 1]);
		if (found < OPTION_VALUE_FIRST)
			return error_set(err, STATUS_INVALID, "no option '%s'", argv[optind - 1]);
		enum status st = row_apply(&rows[found - OPTION_VALUE_FIRST], optarg, &options, err);
		if (st != STATUS_OK)
			return st;
	}
	if (optind < argc)
		return error_set(err, STATUS_INVALID, "'%s' is not an option", argv[optind]);
	if (!options.help) {
		enum status st = options_check(&options, err);
		if (st != STATUS_OK)
			return st;
	}
	if (options.secret_file) {
		enum status st = secret_read(&options.secret_read, options.secret_file, err);
		if (st != STATUS_OK)
			return st;
	}
	*ret_options = options;
	if (options.secret_file)
		ret_options->secret = ret_options->secret_read.bytes;
	secret_done(&options.secret_read);
	return STATUS_OK;
}

static void print_default(FILE *out, const struct option_row *row)
{
	const void *field = (const char *)&defaults + row->at;
	const char *text;

	switch (row->kind) {
	case OPTION_FLAG: return;
	case OPTION_TEXT:
		text = *(const char *const *)field;
		if (text)
			(void)fprintf(out, " [%s]", text);
		return;
	case OPTION_INTEGER: (void)fprintf(out, " [%lld]", (long long)*(const int64_t *)field); return;
	case OPTION_NUMBER: return; /* the only one is off by default */
	}
}

void options_print_help(FILE *out)
{
	(void)fputs("cistern-node: a virtual ESP RainMaker node, or many. See docs/virtual-node.md.\n\n", out);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct option_row *row = &rows[i];
		int name_len = fprintf(out, "  --%s %s", row->name, row->argument ? row->argument : "");
		(void)fprintf(out, "%*s%s", name_len < 30 ? 30 - name_len : 1, "", row->help);
		print_default(out, row);
		(void)fputc('\n', out);
	}
	(void)fputs(
		"\nSignals: SIGTERM and SIGINT disconnect and end; SIGUSR1 sends config and params/local/init again;\n"
		"         SIGUSR2 renews the certificate.\n"
		"Exit status: 0 ended as asked, 1 failed, 2 wrong arguments.\n",
		out);
}
