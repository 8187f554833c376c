/* options.h - the plugin's options: the plugin_opt_ lines of mosquitto.conf, read once at init.
 *
 *   plugin_opt_node_ca_file      PEM, one or more CAs (several while one replaces another)   required
 *   plugin_opt_service_ca_file   PEM, shares no key with the node CAs                        required
 *   plugin_opt_acl_mode          open | strict                                               default open
 *   plugin_opt_require_consumer  true | false                                                default false
 *
 * Errors:  unknown, doubled, ill-formed or missing: false, and one log line says which.
 * Memory:  borrows the broker's strings, which live as long as the broker does.
 */
#ifndef CISTERN_PLUGIN_OPTIONS_H
#define CISTERN_PLUGIN_OPTIONS_H

#include "base/macros.h"
#include "model/access.h"

#include <stdbool.h>

struct mosquitto_opt;

struct options {
	const char *node_ca_file;
	const char *service_ca_file;
	enum access_mode acl_mode;
	bool require_consumer;
};

MUST_CHECK bool options_read(const struct mosquitto_opt *given, int n_given, struct options *ret_options);

#endif
