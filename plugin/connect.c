/* connect.c - who may connect, and what the plugin remembers of it.
 *
 * The broker calls the check of credentials for each CONNECT (as use_identity_as_username is off), with the certificate of
 * the TLS connection at hand. What is decided here - the user name, "<id>" for a node and "$<name>" for a service - is all
 * that later checks go by: at will time, and for offline or restored sessions, there is no certificate any more.
 * The daemon may also come over a unix socket (service_socket), where the file's owner and mode stand for the certificate.
 * A user name or password that the client sends is ignored: RainMaker nodes send a platform string there.
 *
 * Every path that does not end in MOSQ_ERR_SUCCESS by name ends in MOSQ_ERR_AUTH.
 *
 * Take-over, as 2.0.11 does it, all within one call of ours and the lines after it in handle_connect.c: this check passes;
 * the former session's will is checked (acl.c refuses it, as a newer session is live); the former session ends, which is
 * a disconnect event; the new one is accepted, or fails and gets a disconnect event of its own.
 *
 * Reload (SIGHUP): the broker sends the reload event and then runs this check again for every session it has, the offline
 * ones too, which have no certificate; the tick ends that turn of its loop, and nothing is read from the network in
 * between. To refuse an offline session there would put it twice on the broker's expiry list, and have it freed twice.
 * So between the reload event and the tick, an offline session that has a name of ours keeps it, and one on line has its
 * certificate looked at again.
 */
#include "plugin.h"

#include <mosquitto.h>
#include <mosquitto_broker.h>

#include <stdio.h>
#include <string.h>

DEFINE_CLEANUP(x509, X509 *, X509_free)

static bool client_id_fits(const struct identity *identity, const char *client_id)
{
	if (!client_id)
		return false;
	if (!identity->service)
		return strcmp(client_id, identity->name) == 0;

	const char *start = identity->service->client_id_start;

	return strncmp(client_id, start, strlen(start)) == 0;
}

/* The one way in without a certificate: a unix listener of this path, which only the daemon may open (its folder and mode say so). The
 * broker gives the path as such a client's address; that of a TCP client never begins with a slash. */
static bool is_over_service_socket(const struct plugin *plugin, const struct mosquitto *client)
{
	const char *address = mosquitto_client_address(client);

	return plugin->options.service_socket && address && strcmp(address, plugin->options.service_socket) == 0;
}

static enum denial identify_daemon(struct identity *ret_identity)
{
	static const char name[] = "cisternd";

	*ret_identity = (struct identity){ .service = access_service_find(name, sizeof(name) - 1),
					   .name_len = sizeof(name) - 1 };
	memcpy(ret_identity->name, name, sizeof(name));
	return ret_identity->service ? DENIAL_NONE : DENIAL_SERVICE_UNKNOWN;
}

static enum denial identify_client(struct plugin *plugin, struct mosquitto *client, struct identity *ret_identity)
{
	CLEANUP(x509) X509 *certificate = mosquitto_client_certificate(client);

	if (!certificate && !is_over_service_socket(plugin, client))
		return DENIAL_CERTIFICATE_MISSING;

	enum denial denial = certificate ? identity_of(&plugin->authorities, certificate, ret_identity)
					 : identify_daemon(ret_identity);

	if (denial != DENIAL_NONE)
		return denial;
	if (!client_id_fits(ret_identity, mosquitto_client_id(client)))
		return DENIAL_CLIENT_ID;
	return DENIAL_NONE;
}

static enum denial admit_service(struct mosquitto *client, const struct identity *identity)
{
	char username[sizeof(identity->name) + 1];

	(void)snprintf(username, sizeof(username), "$%s", identity->name);
	return mosquitto_set_username(client, username) == MOSQ_ERR_SUCCESS ? DENIAL_NONE : DENIAL_NO_MEMORY;
}

static enum denial check_revoked(const struct plugin *plugin, const struct identity *identity)
{
	switch (revocation_check(&plugin->revocation, identity->name, identity->name_len, &identity->certificate)) {
	case REFUSAL_NONE: return DENIAL_NONE;
	case REFUSAL_UNKNOWN: return DENIAL_REVOCATION_UNKNOWN;
	case REFUSAL_REVOKED: return DENIAL_REVOKED;
	case REFUSAL_SUSPENDED: return DENIAL_SUSPENDED;
	case REFUSAL_CERTIFICATE: return DENIAL_CERTIFICATE_REVOKED;
	}
	return DENIAL_REVOKED;
}

static enum denial admit_node(struct plugin *plugin, struct mosquitto *client, const struct identity *identity)
{
	int64_t now_us = plugin_now_us();
	struct session *session;
	enum denial denial = check_revoked(plugin, identity);

	if (denial != DENIAL_NONE)
		return denial;
	if (plugin->options.require_consumer && !consumer_present(&plugin->consumer))
		return DENIAL_CONSUMER_MISSING;
	if (!rates_connect(&plugin->rates, identity->name, identity->name_len, plugin_ticks_us()))
		return DENIAL_CONNECT_RATE;
	if (mosquitto_set_username(client, identity->name) != MOSQ_ERR_SUCCESS)
		return DENIAL_NO_MEMORY;
	session =
		sessions_add(&plugin->sessions, identity->name, identity->name_len, client,
			     mosquitto_client_address(client), presence_take_number(&plugin->presence, now_us), now_us);
	if (!session)
		return DENIAL_NO_MEMORY;
	session->certificate = identity->certificate;
	presence_on_connect(&plugin->presence, session);
	plugin->counters.n_connects++;
	plugin->counters.changed = true;
	return DENIAL_NONE;
}

static enum denial admit(struct plugin *plugin, struct mosquitto *client)
{
	struct identity identity;
	enum denial denial = identify_client(plugin, client, &identity);

	if (denial != DENIAL_NONE)
		return denial;
	return identity.service ? admit_service(client, &identity) : admit_node(plugin, client, &identity);
}

static bool has_our_name(const struct mosquitto *client)
{
	const char *name = mosquitto_client_username(client);

	if (!name)
		return false;
	if (name[0] == '$')
		return access_service_find(name + 1, strlen(name + 1)) != NULL;
	return node_id_valid(name, strlen(name));
}

/* For a client that has passed before: does its certificate, if it is still on line, still give the name it has? */
static enum denial admit_again(struct plugin *plugin, const struct mosquitto *client)
{
	CLEANUP(x509) X509 *certificate = mosquitto_client_certificate(client);
	struct identity identity;

	if (!has_our_name(client))
		return DENIAL_IDENTITY_MISSING;
	if (!certificate)
		return DENIAL_NONE;

	const char *name = mosquitto_client_username(client);
	enum denial denial = identity_of(&plugin->authorities, certificate, &identity);

	if (denial != DENIAL_NONE)
		return denial;
	if (strcmp(name[0] == '$' ? name + 1 : name, identity.name) != 0)
		return DENIAL_CLIENT_ID;
	return identity.service ? DENIAL_NONE : check_revoked(plugin, &identity);
}

/* What the plugin has done, or what the table shows, or what the broker says. */
static enum session_end end_of(const struct plugin *plugin, const struct session *session, int reason)
{
	if (session->end != SESSION_END_CLOSED)
		return session->end;
	if (sessions_newest(&plugin->sessions, session->id, strlen(session->id)) != session)
		return SESSION_END_TAKEN_OVER;
	return reason == MOSQ_ERR_KEEPALIVE ? SESSION_END_KEEP_ALIVE : SESSION_END_CLOSED;
}

static void end_session(struct plugin *plugin, struct session *session, int reason)
{
	cuts_forget(&plugin->cuts, session);
	presence_on_disconnect(&plugin->presence, &plugin->sessions, session, end_of(plugin, session, reason),
			       plugin_now_us());
	plugin->counters.n_disconnects++;
	plugin->counters.changed = true;
}

/* The broker ends a session that is refused at a reload by itself; this is the word for it. */
static void note_refused(struct plugin *plugin, struct session *session, enum denial denial)
{
	if (denial == DENIAL_REVOKED)
		session->end = SESSION_END_REVOKED;
	else if (denial == DENIAL_SUSPENDED)
		session->end = SESSION_END_SUSPENDED;
	else if (denial == DENIAL_CERTIFICATE_REVOKED)
		session->end = SESSION_END_CERTIFICATE_REVOKED;
	else
		session->end = SESSION_END_REFUSED;
	plugin->cuts.n_cut[session->end]++;
}

int connect_on_basic_auth(int event, void *event_data, void *userdata)
{
	struct mosquitto_evt_basic_auth *auth = event_data;
	struct plugin *plugin = userdata;
	struct session *stale = sessions_by_client(&plugin->sessions, auth->client);
	enum denial denial;

	(void)event;
	if (plugin->reloading) {
		denial = admit_again(plugin, auth->client);
		if (denial != DENIAL_NONE && stale)
			note_refused(plugin, stale, denial);
	} else {
		/* 2.0.11 reports the end of every session, so there is none here. Should one be left over, its client's
		 * memory has been used again, and who is in it now has to show a certificate like anybody else. */
		if (stale)
			end_session(plugin, stale, MOSQ_ERR_CONN_LOST);
		denial = admit(plugin, auth->client);
	}
	if (denial == DENIAL_NONE)
		return MOSQ_ERR_SUCCESS;
	counters_deny(&plugin->counters, denial, "connect", mosquitto_client_id(auth->client), NULL, plugin_ticks_us());
	return MOSQ_ERR_AUTH;
}

/* Also comes for clients that never passed the check, and a second time for an offline session that is taken over: only
 * those in the table matter. */
int connect_on_disconnect(int event, void *event_data, void *userdata)
{
	const struct mosquitto_evt_disconnect *end = event_data;
	struct plugin *plugin = userdata;
	struct session *session = sessions_by_client(&plugin->sessions, end->client);

	(void)event;
	if (session)
		end_session(plugin, session, end->reason);
	return MOSQ_ERR_SUCCESS;
}

/* The broker passes no options here. CAs are a few small files, read because an operator asked for it. */
int connect_on_reload(int event, void *event_data, void *userdata)
{
	struct plugin *plugin = userdata;

	(void)event;
	(void)event_data;
	if (authorities_reload(&plugin->authorities, plugin->options.node_ca_dir, plugin->options.service_ca_file))
		mosquitto_log_printf(MOSQ_LOG_NOTICE, "cistern: event=plugin.cas_reloaded");
	else
		mosquitto_log_printf(MOSQ_LOG_ERR, "cistern: event=plugin.cas_not_reloaded: the former CAs stay");
	plugin->reloading = true;
	return MOSQ_ERR_SUCCESS;
}
