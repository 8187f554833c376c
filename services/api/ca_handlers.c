/* Our CAs for everybody: which certificates of nodes are revoked, and whom nodes' certificates chain to. No account needed, as
 * nothing in it is secret (RFC 5280 section 8); the database is asked, so the source's rate is limited. */
#include <string.h>

#include "api/handlers.h"
#include "store/crl.h"

static enum status need_store(const struct request *request, struct error *err)
{
	return request->store ? STATUS_OK : error_set(err, STATUS_UNAVAILABLE, "database is away");
}

/* `ca` is a subjectKeyIdentifier; without it, the CA that issues now. */
enum status ca_crl(struct request *request, struct error *err)
{
	enum { KEY_ID_HEX = 40 };
	const char *ca = params_query_text(&request->query, "ca");
	if (ca && (strlen(ca) != KEY_ID_HEX || strspn(ca, "0123456789abcdef") != KEY_ID_HEX))
		return error_set(err, STATUS_INVALID, "ca is no key id");
	enum status st = need_store(request, err);
	if (st == STATUS_OK)
		st = store_crl_get(request->store, ca ? ca : "", &request->reply.body, err);
	if (st == STATUS_OK)
		request->reply.type = "application/pkix-crl"; /* RFC 2585 section 4.2 */
	return st;
}

enum status ca_node_certificates(struct request *request, struct error *err)
{
	enum status st = need_store(request, err);
	if (st == STATUS_OK)
		st = store_crl_certificates(request->store, &request->reply.body, err);
	if (st == STATUS_OK)
		request->reply.type = "application/x-pem-file";
	return st;
}
