/* The administrator's list of devices that may claim by themselves (claiming.md section 5). Secrets go in and never come out.
 *
 *   PUT     {"devices":[{"mac_addr":"AABBCC112233","secret":"<hex, 8 to 64 bytes>"},...]}    all or none; repeating it changes nothing
 *   GET     ?num_records=&start_id=   {"devices":[{"mac_addr":"...","added_at":<s>},...],"next_id":"..."}
 *   DELETE  ?mac_addr=                the device keeps the certificate that it has */
#include <stdlib.h>
#include <string.h>

#include "api/body.h"
#include "api/handlers.h"
#include "base/log.h"
#include "claim/claim.h"
#include "claim/self_claim.h"

enum { DEVICES_PER_PUT_MAX = 400 }; /* the document may have 1 000 keys */

/* --- put --- */

struct secret_list {
	size_t n;
	struct claim_device_secret devices[DEVICES_PER_PUT_MAX];
	unsigned char secrets[DEVICES_PER_PUT_MAX][SELF_CLAIM_SECRET_MAX];
};

static void secret_list_free(struct secret_list *list)
{
	explicit_bzero(list, sizeof(*list));
	free(list);
}

DEFINE_CLEANUP(secret_list, struct secret_list *, secret_list_free)

static bool add_device(struct secret_list *list, const json_t *item)
{
	if (list->n == DEVICES_PER_PUT_MAX)
		return false;
	struct claim_device_secret *device = &list->devices[list->n];
	device->secret = list->secrets[list->n];
	list->n++;
	return claim_mac_canonical(json_member_text(item, "mac_addr", ""), device->mac) &&
	       self_claim_secret_read(json_member_text(item, "secret", ""), list->secrets[list->n - 1],
				      &device->secret_len);
}

static bool read_list(const json_t *body, struct secret_list *list)
{
	const json_t *devices = json_object_get(body, "devices");
	const json_t *item = NULL;
	size_t i = 0;
	if (!json_is_array(devices))
		return false;
	json_array_foreach (devices, i, item) {
		if (!add_device(list, item))
			return false;
	}
	return list->n > 0;
}

enum status self_claim_put(struct request *request, struct error *err)
{
	CLEANUP(json) json_t *body = NULL;
	CLEANUP(secret_list) struct secret_list *list = calloc(1, sizeof(*list));
	if (!list)
		abort();
	enum status st = body_object(request, false, &body, err);
	if (st != STATUS_OK)
		return st;
	if (!read_list(body, list))
		return reply_fail(&request->reply, FAILURE_SELF_CLAIM_LIST, err);
	st = claim_allow_devices(request->options->claim, request->store, list->devices, list->n, err);
	if (st == STATUS_CONFLICT)
		return reply_fail(&request->reply, FAILURE_SELF_CLAIM_KEY_FILE, err);
	if (st != STATUS_OK)
		return st;
	log_info("self_claim.listed", F_STR("user", request->caller.user_id), F_U64("devices", list->n));
	reply_put_success(&request->reply, "Devices listed");
	return STATUS_OK;
}

/* --- get and delete --- */

struct listing {
	struct buffer *body;
	int64_t n_rows;
	char last[CLAIM_MAC_LEN + 1];
};

static void put_device(void *context, const char *mac, int64_t added_at_us)
{
	struct listing *listing = context;
	buffer_puts(listing->body, listing->n_rows++ ? ",{" : "{");
	reply_put_member(listing->body, "mac_addr", mac);
	buffer_printf(listing->body, ",\"added_at\":%lld}", (long long)(added_at_us / 1000000));
	if (strlen(mac) == CLAIM_MAC_LEN)
		memcpy(listing->last, mac, CLAIM_MAC_LEN + 1);
}

/* A MAC of the query; "" when it is absent and may be. */
static enum status query_mac(struct request *request, const char *name, bool may_be_absent,
			     char ret_mac[CLAIM_MAC_LEN + 1], struct error *err)
{
	const char *text = params_query_text(&request->query, name);
	ret_mac[0] = '\0';
	if ((!text && may_be_absent) || (text && claim_mac_canonical(text, ret_mac)))
		return STATUS_OK;
	return reply_fail(&request->reply, FAILURE_CLAIM_MAC, err);
}

enum status self_claim_get(struct request *request, struct error *err)
{
	struct listing listing = { .body = &request->reply.body };
	char after[CLAIM_MAC_LEN + 1];
	int64_t limit = PAGE_MAX;
	enum status st = params_query_count(&request->query, "num_records", 1, PAGE_MAX, PAGE_MAX, &limit, err);
	if (st == STATUS_OK)
		st = query_mac(request, "start_id", true, after, err);
	if (st != STATUS_OK)
		return st;
	buffer_puts(listing.body, "{\"devices\":[");
	st = store_self_claim_list(request->store, after, limit, put_device, &listing, err);
	buffer_putc(listing.body, ']');
	if (listing.n_rows == limit)
		reply_put_member(listing.body, "next_id", listing.last);
	buffer_putc(listing.body, '}');
	return st;
}

enum status self_claim_delete(struct request *request, struct error *err)
{
	char mac[CLAIM_MAC_LEN + 1];
	enum status st = query_mac(request, "mac_addr", false, mac, err);
	if (st == STATUS_OK)
		st = store_self_claim_remove(request->store, mac, err);
	if (st == STATUS_NOT_FOUND)
		return reply_fail(&request->reply, FAILURE_SELF_CLAIM_DEVICE, err);
	if (st != STATUS_OK)
		return st;
	log_info("self_claim.unlisted", F_STR("user", request->caller.user_id), F_STR("mac", mac));
	reply_put_success(&request->reply, "Device removed from the list");
	return STATUS_OK;
}
