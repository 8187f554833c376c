/* identity.h - who a client certificate belongs to: a node, a service, or nobody.
 *
 * The listener has verified the chain already. That is not relied on alone: a listener set up with the wrong CA file must
 * not turn nodes into services. So the signature decides here once more, and it decides the kind: a certificate that the
 * service CA signed can only be a service, one that a node CA signed can only be a node, whatever its CN. The two sets of
 * CAs share no key, or the plugin does not start. Dates are looked at again too, because a resumed TLS session verifies no
 * certificate.
 *
 * The name is the subject's CN, compared as the raw bytes of the certificate. There must be exactly one.
 *
 * Cost: one signature check, about 75 µs for P-256. Certificates that have passed are remembered by their SHA-256, in
 * REMEMBERED_MAX places, so that a reconnecting node costs a hash. CAs that are read again make all of that forgotten.
 *
 * Memory:  allocates at init and reload only, apart from what OpenSSL does. Leaves OpenSSL's error queue empty: the broker reads it
 *          after its own TLS calls.
 */
#ifndef CISTERN_PLUGIN_IDENTITY_H
#define CISTERN_PLUGIN_IDENTITY_H

#include "base/macros.h"
#include "counters.h"
#include "digest.h"
#include "model/access.h"
#include "model/node_id.h"

#include <openssl/x509.h>

#include <stdbool.h>
#include <stddef.h>

#define REMEMBERED_MAX 65536

struct identity {
	char name[NODE_ID_MAX + 1];
	size_t name_len;
	const struct access_service *service; /* NULL: a node */
	struct certificate_digest certificate;
};

struct authorities {
	STACK_OF(X509) * node_cas;
	STACK_OF(X509) * service_cas;
	struct certificate_digest *remembered; /* of node certificates, at the place their first bytes say */
};

/* Reads every *.crt and *.pem of the folder, and the file. False, with a log line, when one of them can not be read whole, holds
 * anything but CAs, the folder has none, or the two kinds share a key. */
MUST_CHECK bool authorities_init(struct authorities *authorities, const char *node_ca_dir, const char *service_ca_file);

/* Reads them again: all of the new ones count from now on, or, when they are not right, all of the old ones still do. */
MUST_CHECK bool authorities_reload(struct authorities *authorities, const char *node_ca_dir,
				   const char *service_ca_file);
void authorities_done(struct authorities *authorities);

/* DENIAL_NONE and the identity, or why not. */
MUST_CHECK enum denial identity_of(struct authorities *authorities, X509 *certificate, struct identity *ret_identity);

#endif
