/* options.h - the command line. The rows that parse it also print --help.
 *
 * Thread:  before any other (getopt's state is the process's).
 * Memory:  texts point into argv.
 * Errors:  INVALID with a line for the person who typed it.
 */
#ifndef CISTERN_NODE_OPTIONS_H
#define CISTERN_NODE_OPTIONS_H

#include "base/error.h"
#include "base/macros.h"
#include "base/secret.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct options {
	const char *host;        /* NULL: what claiming told, or localhost */
	const char *server_name; /* NULL: the host */
	int64_t port;
	const char *ca, *cert, *key; /* files */
	const char *node_id;         /* NULL: the certificate's CN */
	const char *username;        /* NULL: none */
	bool plain, alpn, persistent_session;
	int64_t keepalive_s;

	const char *device; /* template's name */
	const char *config; /* file; NULL: the template */
	int64_t report_interval_s;
	bool connectivity, textbook;
	const char *group_id; /* NULL: none */
	int64_t otafetch_delay_s;

	const char *user_id, *secret; /* both or neither */
	const char *secret_file;      /* where the secret stands instead of the command line, which others can read */
	struct secret secret_read;    /* what stood there */
	bool reset, factory_reset;

	const char *cert_dir; /* NULL: one node, by cert and key */

	const char *credentials; /* folder; NULL: cert and key by name */
	const char *claim;       /* base URL; NULL: only with the credentials that are there */
	const char *claim_ca;    /* NULL: the system's */
	const char *token_file, *claim_secret_file;
	const char *mac, *key_type;
	bool renew;

	int64_t count;       /* 0: every node of cert_dir */
	double publish_rate; /* messages/s a node; 0: as fast as acknowledged; negative: no load */
	int64_t publish_count;
	int64_t inflight;

	int64_t max_backoff_s;
	int64_t duration_s;
	bool once, exit_after_boot, quiet;
	bool help;
};

MUST_CHECK enum status options_parse(int argc, char **argv, struct options *ret_options, struct error *err);
void options_print_help(FILE *out);

#endif
