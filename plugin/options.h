/* options.h - the plugin's options: the plugin_opt_ lines of mosquitto.conf, read once at init.
 *
 *   plugin_opt_node_ca_dir       a folder; each *.crt and *.pem: one or more CAs in PEM     required
 *   plugin_opt_service_ca_file   PEM, shares no key with the node CAs                        required
 *   plugin_opt_service_socket    the path of a unix listener: who connects there is the daemon   default none
 *   plugin_opt_acl_mode          open | strict                                               default open
 *   plugin_opt_require_consumer  true | false                                                default false
 *   plugin_opt_revocation_file   whom to refuse; written by the plugin, see keeper.h         required
 *   plugin_opt_revocation_local_file  the operator's own list                                default none
 *   plugin_opt_connects_per_minute, _messages_per_second, _messages_burst, _bytes_per_second, _bytes_burst
 *                                0..RATE_MAX, 0: no limit; see rates.h       default 30, 100, 1000, 131072, 1048576
 *
 * Errors:  unknown, doubled, ill-formed or missing: false, and one log line says which.
 * Memory:  borrows the broker's strings, which live as long as the broker does.
 */
#ifndef CISTERN_PLUGIN_OPTIONS_H
#define CISTERN_PLUGIN_OPTIONS_H

#include "base/macros.h"
#include "model/access.h"
#include "rates.h"

#include <stdbool.h>

struct mosquitto_opt;

struct options {
	const char *node_ca_dir;
	const char *service_ca_file;
	const char *service_socket; /* NULL: none */
	enum access_mode acl_mode;
	bool require_consumer;
	const char *revocation_file;
	const char *revocation_local_file; /* NULL: none */
	struct rate_options limits;
};

MUST_CHECK bool options_read(const struct mosquitto_opt *given, int n_given, struct options *ret_options);

#endif
