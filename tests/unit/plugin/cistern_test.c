/* The plugin as the broker sees it: its three functions and its callbacks, from CONNECT to the end of a session. */
#include "../../../plugin/acl.c"
#include "../../../plugin/cistern.c"
#include "../../../plugin/connect.c"
#include "../../../plugin/consumer.c"
#include "../../../plugin/control.c"
#include "../../../plugin/counters.c"
#include "../../../plugin/cuts.c"
#include "../../../plugin/identity.c"
#include "../../../plugin/keeper.c"
#include "../../../plugin/options.c"
#include "../../../plugin/presence.c"
#include "../../../plugin/rates.c"
#include "../../../plugin/revocation.c"
#include "../../../plugin/sessions.c"
#include "../../../plugin/setfile.c"
#include "../../../plugin/table.c"

#include "broker_stub.h"
#include "certificates.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct test_ca node_ca, service_ca;
static struct plugin *plugin;
#define N_OPTS 7
static struct mosquitto_opt opts[N_OPTS];
static char folder[32], set_path[64], copy_path[64];

/* "revocation 1 file 0 0 0\n" and its SHA-256, by sha256sum. */
static const char empty_set[] =
	"revocation 1 file 0 0 0\nend 1 d7cddb8e0f4ee670611f58f84e91242e49c9ad9494087465e343e72b5fcc678d\n";

static int make_cas(void **state)
{
	(void)state;
	node_ca = test_ca_make("node CA");
	service_ca = test_ca_make("service CA");
	return 0;
}

static int free_cas(void **state)
{
	(void)state;
	test_ca_done(&node_ca);
	test_ca_done(&service_ca);
	return 0;
}

static struct mosquitto_opt opt(const char *key, const char *value)
{
	return (struct mosquitto_opt){ strdup(key), strdup(value) };
}

static int load(const char *require_consumer)
{
	void *userdata = NULL;

	opts[0] = opt("node_ca_dir", node_ca.dir);
	opts[1] = opt("service_ca_file", service_ca.path);
	opts[2] = opt("acl_mode", "open");
	opts[3] = opt("require_consumer", require_consumer);
	opts[4] = opt("revocation_file", set_path);
	opts[5] = opt("messages_burst", "10");
	opts[6] = opt("bytes_burst", "1000");

	int rc = mosquitto_plugin_init(NULL, &userdata, opts, N_OPTS);

	plugin = userdata;
	return rc;
}

static void write_set(const char *text)
{
	FILE *file = fopen(set_path, "w");

	assert_non_null(file);
	(void)fputs(text, file);
	(void)fclose(file);
}

static void make_folder(void)
{
	(void)snprintf(folder, sizeof(folder), "/tmp/cistern-test-XXXXXX");
	assert_non_null(mkdtemp(folder));
	(void)snprintf(set_path, sizeof(set_path), "%s/set", folder);
	(void)snprintf(copy_path, sizeof(copy_path), "%s/set.copy", folder);
}

static int set_up(void **state)
{
	make_folder();
	write_set(empty_set);
	return stub_reset(state) || load("false");
}

static int set_up_unknown(void **state)
{
	make_folder();
	return stub_reset(state) || load("false");
}

static int tear_down(void **state)
{
	(void)state;
	assert_int_equal(mosquitto_plugin_cleanup(plugin, opts, N_OPTS), MOSQ_ERR_SUCCESS);
	(void)unlink(set_path);
	(void)unlink(copy_path);
	assert_int_equal(rmdir(folder), 0);
	for (size_t i = 0; i < ARRAY_LEN(opts); i++) {
		free(opts[i].key);
		free(opts[i].value);
	}
	return 0;
}

static struct mosquitto client_of(const struct test_ca *ca, const char *name, const char *id)
{
	return (struct mosquitto){
		.id = id,
		.address = "192.0.2.1",
		.certificate = test_issue(ca, &(struct test_leaf){ .common_names = { name } }),
		.clean_session = true,
	};
}

static void free_client(struct mosquitto *client)
{
	X509_free(client->certificate);
	free(client->username);
	client->certificate = NULL;
	client->username = NULL;
}

static int auth(struct mosquitto *client)
{
	struct mosquitto_evt_basic_auth event = { .client = client };

	return connect_on_basic_auth(MOSQ_EVT_BASIC_AUTH, &event, plugin);
}

static void disconnect(struct mosquitto *client)
{
	struct mosquitto_evt_disconnect event = { .client = client, .reason = -1 };

	assert_int_equal(connect_on_disconnect(MOSQ_EVT_DISCONNECT, &event, plugin), MOSQ_ERR_SUCCESS);
}

static void tick(void)
{
	assert_int_equal(on_tick(MOSQ_EVT_TICK, &(struct mosquitto_evt_tick){ 0 }, plugin), MOSQ_ERR_SUCCESS);
}

static void reload(void)
{
	assert_int_equal(connect_on_reload(MOSQ_EVT_RELOAD, &(struct mosquitto_evt_reload){ 0 }, plugin),
			 MOSQ_ERR_SUCCESS);
}

static int may(struct mosquitto *client, int access, const char *topic)
{
	struct mosquitto_evt_acl_check event = { .client = client, .access = access, .topic = topic, .qos = 1 };

	return acl_on_check(MOSQ_EVT_ACL_CHECK, &event, plugin);
}

static void the_plugin_speaks_version_5_only(void **state)
{
	static const int offered[] = { 5, 4, 3, 2 }, newer[] = { 6, 5 }, older[] = { 4, 3 };

	(void)state;
	assert_int_equal(mosquitto_plugin_version(4, offered), 5);
	assert_int_equal(mosquitto_plugin_version(2, newer), 5);
	assert_int_equal(mosquitto_plugin_version(2, older), -1);
	assert_int_equal(mosquitto_plugin_version(0, NULL), -1);
}

static void it_registers_six_events(void **state)
{
	static const int events[] = { MOSQ_EVT_BASIC_AUTH, MOSQ_EVT_ACL_CHECK, MOSQ_EVT_DISCONNECT,
				      MOSQ_EVT_RELOAD,     MOSQ_EVT_TICK,      MOSQ_EVT_CONTROL };

	(void)state;
	assert_int_equal(stub.n_registered, ARRAY_LEN(events));
	assert_memory_equal(stub.registered, events, sizeof(events));
}

static void cleanup_takes_them_back(void **state)
{
	int nothing[6] = { 0 };

	(void)state;
	assert_int_equal(mosquitto_plugin_cleanup(plugin, opts, N_OPTS), MOSQ_ERR_SUCCESS);
	assert_memory_equal(stub.registered, nothing, sizeof(nothing));
	plugin = NULL; /* for tear_down() */
}

static void init_fails_when_the_broker_refuses_an_event(void **state)
{
	void *userdata = NULL;

	(void)state;
	stub.register_fails = true;
	assert_int_not_equal(mosquitto_plugin_init(NULL, &userdata, opts, N_OPTS), MOSQ_ERR_SUCCESS);
	assert_null(userdata);
	assert_int_not_equal(mosquitto_plugin_init(NULL, &userdata, opts, 1), MOSQ_ERR_SUCCESS);
	assert_int_equal(mosquitto_plugin_cleanup(NULL, NULL, 0), MOSQ_ERR_SUCCESS);
}

static void the_certificate_names_the_client(void **state)
{
	struct mosquitto node = client_of(&node_ca, "A", "A");
	struct mosquitto service = client_of(&service_ca, "cisternd", "cistern.ingest");

	(void)state;
	node.username = strdup("?Platform=x");
	assert_int_equal(auth(&node), MOSQ_ERR_SUCCESS);
	assert_string_equal(node.username, "A");
	assert_int_equal(auth(&service), MOSQ_ERR_SUCCESS);
	assert_string_equal(service.username, "$cisternd");
	assert_int_equal(sessions_count(&plugin->sessions), 1);
	free_client(&node);
	free_client(&service);
}

static void whoever_is_not_let_in_by_name_is_refused(void **state)
{
	static const struct {
		bool service_ca;
		const char *name, *client_id;
	} cases[] = {
		{ false, "A", "B" },
		{ false, "A", NULL },
		{ false, "A", "" },
		{ false, "A", "cistern.x" },
		{ false, "A", "A2" },
		{ false, "A2", "A" },
		{ false, "a.b", "a.b" },
		{ false, "cisternd", "cistern." },
		{ true, "A", "A" },
		{ true, "cisternd", "A" },
		{ true, "cisternd", "cistern" },
		{ true, "cisternd", NULL },
		{ true, "health", "cistern.ingest" },
	};
	struct mosquitto nobody = { .id = "A" };

	(void)state;
	assert_int_equal(auth(&nobody), MOSQ_ERR_AUTH);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct mosquitto client =
			client_of(cases[i].service_ca ? &service_ca : &node_ca, cases[i].name, cases[i].client_id);

		assert_int_equal(auth(&client), MOSQ_ERR_AUTH);
		assert_null(client.username);
		free_client(&client);
	}
	assert_int_equal(sessions_count(&plugin->sessions), 0);
}

static void without_memory_for_the_name_nobody_gets_in(void **state)
{
	struct mosquitto node = client_of(&node_ca, "A", "A");
	struct mosquitto service = client_of(&service_ca, "cisternd", "cistern.x");

	(void)state;
	stub.set_username_fails = true;
	assert_int_equal(auth(&node), MOSQ_ERR_AUTH);
	assert_int_equal(auth(&service), MOSQ_ERR_AUTH);
	assert_int_equal(sessions_count(&plugin->sessions), 0);
	free_client(&node);
	free_client(&service);
}

static void nobody_without_a_name_of_ours_may_do_anything(void **state)
{
	static const char *const names[] = { NULL, "", "$", "$nonesuch", "A/B", "+", "#", "a.b", "node A" };
	static const int accesses[] = { MOSQ_ACL_READ, MOSQ_ACL_WRITE, MOSQ_ACL_SUBSCRIBE, MOSQ_ACL_UNSUBSCRIBE };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		char topic[64];
		struct mosquitto client = { .id = "A", .username = names[i] ? strdup(names[i]) : NULL };

		(void)snprintf(topic, sizeof(topic), "node/%s/config", names[i] ? names[i] : "A");
		for (size_t k = 0; k < ARRAY_LEN(accesses); k++) {
			assert_int_equal(may(&client, accesses[k], topic), MOSQ_ERR_ACL_DENIED);
			assert_int_equal(may(&client, accesses[k], "#"), MOSQ_ERR_ACL_DENIED);
			assert_int_equal(may(&client, accesses[k], ""), MOSQ_ERR_ACL_DENIED);
		}
		free(client.username);
	}
}

static void an_unknown_kind_of_access_is_denied(void **state)
{
	struct mosquitto node = { .id = "A", .username = strdup("A") };
	struct mosquitto service = { .id = "cistern.x", .username = strdup("$cisternd") };

	(void)state;
	assert_int_equal(may(&node, MOSQ_ACL_NONE, "node/A/config"), MOSQ_ERR_ACL_DENIED);
	assert_int_equal(may(&node, 0x10, "node/A/config"), MOSQ_ERR_ACL_DENIED);
	assert_int_equal(may(&node, MOSQ_ACL_READ | MOSQ_ACL_WRITE, "node/A/config"), MOSQ_ERR_ACL_DENIED);
	assert_int_equal(may(&service, 0x10, "node/A/params/remote"), MOSQ_ERR_ACL_DENIED);
	assert_int_equal(may(&node, MOSQ_ACL_WRITE, NULL), MOSQ_ERR_ACL_DENIED);
	free(node.username);
	free(service.username);
}

static void each_access_asks_its_own_rule(void **state)
{
	struct mosquitto node = client_of(&node_ca, "A", "A");

	(void)state;
	assert_int_equal(auth(&node), MOSQ_ERR_SUCCESS);
	assert_int_equal(may(&node, MOSQ_ACL_WRITE, "node/A/config"), MOSQ_ERR_SUCCESS);
	assert_int_equal(may(&node, MOSQ_ACL_WRITE, "node/A/otaurl"), MOSQ_ERR_ACL_DENIED);
	assert_int_equal(may(&node, MOSQ_ACL_READ, "node/A/otaurl"), MOSQ_ERR_SUCCESS);
	assert_int_equal(may(&node, MOSQ_ACL_READ, "node/B/otaurl"), MOSQ_ERR_ACL_DENIED);
	assert_int_equal(may(&node, MOSQ_ACL_SUBSCRIBE, "node/A/#"), MOSQ_ERR_SUCCESS);
	assert_int_equal(may(&node, MOSQ_ACL_SUBSCRIBE, "node/+/#"), MOSQ_ERR_ACL_DENIED);
	assert_int_equal(may(&node, MOSQ_ACL_UNSUBSCRIBE, "node/A/#"), MOSQ_ERR_SUCCESS);
	assert_int_equal(plugin->counters.n_product_publishes, 0);
	assert_int_equal(may(&node, MOSQ_ACL_WRITE, "node/A/own"), MOSQ_ERR_SUCCESS);
	assert_int_equal(plugin->counters.n_product_publishes, 1);
	free_client(&node);
}

/* The order of calls is that of connect__on_authorised() and context__disconnect(). */
static void the_will_of_a_taken_over_session_is_denied_and_that_of_a_dead_one_is_not(void **state)
{
	struct mosquitto old = client_of(&node_ca, "A", "A");
	struct mosquitto new = client_of(&node_ca, "A", "A");

	(void)state;
	assert_int_equal(auth(&old), MOSQ_ERR_SUCCESS);
	tick();
	assert_int_equal(auth(&new), MOSQ_ERR_SUCCESS);
	assert_int_equal(may(&old, MOSQ_ACL_WRITE, "node/A/params/local"), MOSQ_ERR_ACL_DENIED);
	assert_int_equal(plugin->counters.denied[DENIAL_SESSION_OLD], 1);
	disconnect(&old);
	tick();
	assert_int_equal(may(&new, MOSQ_ACL_WRITE, "node/A/params/local"), MOSQ_ERR_SUCCESS);
	/* A delayed will of the old one, now that the new one is there. */
	assert_int_equal(may(&old, MOSQ_ACL_WRITE, "node/A/params/local"), MOSQ_ERR_ACL_DENIED);

	disconnect(&new);
	assert_int_equal(may(&new, MOSQ_ACL_WRITE, "node/A/params/local"), MOSQ_ERR_SUCCESS);
	assert_int_equal(may(&new, MOSQ_ACL_WRITE, "node/B/params/local"), MOSQ_ERR_ACL_DENIED);
	free_client(&old);
	free_client(&new);
}

/* 2.0.11 has ended the former session by then; a broker that has not must not find it muted. */
static void a_connect_that_fails_after_the_check_gives_the_former_session_back(void **state)
{
	struct mosquitto old = client_of(&node_ca, "A", "A");
	struct mosquitto new = client_of(&node_ca, "A", "A");

	(void)state;
	assert_int_equal(auth(&old), MOSQ_ERR_SUCCESS);
	tick();
	assert_int_equal(auth(&new), MOSQ_ERR_SUCCESS);
	disconnect(&new);
	tick();
	assert_int_equal(may(&old, MOSQ_ACL_WRITE, "node/A/params/local"), MOSQ_ERR_SUCCESS);
	assert_int_equal(stub.n_messages, 1); /* the old one's "connected", nothing of the other */
	disconnect(&old);
	disconnect(&old); /* as for an offline session that is taken over: known no more */
	assert_int_equal(plugin->counters.n_disconnects, 2);
	free_client(&old);
	free_client(&new);
}

static void a_used_again_client_shows_its_certificate_again(void **state)
{
	struct mosquitto client = client_of(&node_ca, "A", "A");

	(void)state;
	assert_int_equal(auth(&client), MOSQ_ERR_SUCCESS);
	tick();
	free_client(&client);
	client.username = strdup("B"); /* what this one says of itself */
	client.id = "B";
	assert_int_equal(auth(&client), MOSQ_ERR_AUTH);
	assert_null(sessions_newest(&plugin->sessions, "A", 1));
	assert_int_equal(stub.n_messages, 2); /* connected, disconnected */
	free_client(&client);
}

static void a_reload_keeps_sessions_that_are_off_line(void **state)
{
	struct mosquitto away = { .id = "A", .username = strdup("A") };
	struct mosquitto daemon = { .id = "cistern.ingest", .username = strdup("$cisternd") };
	struct mosquitto unknown = { .id = "A", .username = strdup("a/b") };
	struct mosquitto nameless = { .id = "A" };
	struct mosquitto node = client_of(&node_ca, "B", "B");
	struct mosquitto wrong = client_of(&node_ca, "C", "C");

	(void)state;
	assert_int_equal(auth(&node), MOSQ_ERR_SUCCESS);
	tick();
	assert_int_equal(auth(&away), MOSQ_ERR_AUTH);
	reload();
	assert_int_equal(auth(&away), MOSQ_ERR_SUCCESS);
	assert_int_equal(auth(&daemon), MOSQ_ERR_SUCCESS);
	assert_int_equal(auth(&node), MOSQ_ERR_SUCCESS);
	assert_int_equal(auth(&unknown), MOSQ_ERR_AUTH);
	assert_int_equal(auth(&nameless), MOSQ_ERR_AUTH);
	wrong.username = strdup("D");
	assert_int_equal(auth(&wrong), MOSQ_ERR_AUTH);
	assert_int_equal(sessions_count(&plugin->sessions), 1);
	tick();
	assert_int_equal(auth(&away), MOSQ_ERR_AUTH);
	assert_int_equal(auth(&daemon), MOSQ_ERR_AUTH);
	free(away.username);
	free(daemon.username);
	free(unknown.username);
	free_client(&node);
	free_client(&wrong);
}

static void the_consumers_subscription_opens_the_gate_and_asks_for_a_snapshot(void **state)
{
	struct mosquitto node = client_of(&node_ca, "A", "A");
	struct mosquitto daemon = client_of(&service_ca, "cisternd", "cistern.ingest");
	struct mosquitto health = client_of(&service_ca, "health", "cistern.health");

	(void)state;
	tear_down(NULL);
	make_folder();
	write_set(empty_set);
	assert_int_equal(load("true"), MOSQ_ERR_SUCCESS);
	assert_int_equal(auth(&node), MOSQ_ERR_AUTH);
	assert_int_equal(plugin->counters.denied[DENIAL_CONSUMER_MISSING], 1);
	assert_int_equal(auth(&daemon), MOSQ_ERR_SUCCESS);
	assert_int_equal(auth(&health), MOSQ_ERR_SUCCESS);

	assert_int_equal(may(&daemon, MOSQ_ACL_SUBSCRIBE, "node/+/#"), MOSQ_ERR_SUCCESS);
	assert_int_equal(may(&daemon, MOSQ_ACL_SUBSCRIBE, "$aws/rules/+/node/+/#"), MOSQ_ERR_SUCCESS);
	assert_int_equal(auth(&node), MOSQ_ERR_AUTH); /* a clean session keeps nothing */
	daemon.clean_session = false;
	assert_int_equal(may(&daemon, MOSQ_ACL_UNSUBSCRIBE, "node/+/#"), MOSQ_ERR_SUCCESS);
	assert_int_equal(may(&daemon, MOSQ_ACL_SUBSCRIBE, "$aws/rules/+/node/+/#"), MOSQ_ERR_SUCCESS);
	assert_int_equal(auth(&node), MOSQ_ERR_AUTH);
	assert_int_equal(may(&daemon, MOSQ_ACL_SUBSCRIBE, "node/+/#"), MOSQ_ERR_SUCCESS);
	assert_int_equal(auth(&node), MOSQ_ERR_SUCCESS);
	tick();
	stub_reset(NULL);

	assert_int_equal(may(&health, MOSQ_ACL_SUBSCRIBE, "cistern/presence/+"), MOSQ_ERR_ACL_DENIED);
	tick();
	assert_int_equal(stub.n_messages, 0);
	assert_int_equal(may(&daemon, MOSQ_ACL_SUBSCRIBE, "cistern/presence/+"), MOSQ_ERR_SUCCESS);
	tick();
	assert_int_equal(stub.n_messages, 2);
	assert_string_equal(stub.messages[0].topic, "cistern/broker");
	assert_string_equal(stub.messages[1].topic, "cistern/presence/A");
	free_client(&node);
	free_client(&daemon);
	free_client(&health);
}

/* --- revocation --- */

#define DELTA(from, to) "revocation 1 delta 0 " #from " " #to "\n"

static int push(struct mosquitto *client, const char *text)
{
	struct mosquitto_evt_control event = {
		.client = client,
		.topic = REVOCATION_CONTROL_TOPIC,
		.payload = text,
		.payloadlen = (uint32_t)strlen(text),
		.qos = 1,
	};

	return control_on_message(MOSQ_EVT_CONTROL, &event, plugin);
}

static struct mosquitto *kickable[4];

/* As 2.0.11 does: the disconnect event comes from inside the kick. */
static void kick_back(const char *client_id)
{
	for (size_t i = 0; i < ARRAY_LEN(kickable); i++) {
		if (kickable[i] && strcmp(kickable[i]->id, client_id) == 0)
			disconnect(kickable[i]);
	}
}

static bool said(const char *topic, const char *part)
{
	for (int i = 0; i < stub.n_messages; i++) {
		if (strcmp(stub.messages[i].topic, topic) == 0 && strstr(stub.messages[i].payload, part))
			return true;
	}
	return false;
}

static void a_revoked_node_is_cut_at_the_tick_and_stays_out(void **state)
{
	struct mosquitto daemon = client_of(&service_ca, "cisternd", "cistern.revocation");
	struct mosquitto node = client_of(&node_ca, "A", "A");
	struct mosquitto other = client_of(&node_ca, "B", "B");

	(void)state;
	stub.on_kick = kick_back;
	kickable[0] = &node;
	kickable[1] = &other;
	assert_int_equal(auth(&daemon), MOSQ_ERR_SUCCESS);
	assert_int_equal(auth(&node), MOSQ_ERR_SUCCESS);
	assert_int_equal(auth(&other), MOSQ_ERR_SUCCESS);
	tick();
	assert_int_equal(push(&daemon, DELTA(0, 1) "+n A revoked\n+n C suspended\n"), MOSQ_ERR_SUCCESS);
	assert_int_equal(stub.n_kicked, 0);
	tick();
	assert_int_equal(stub.n_kicked, 1);
	assert_string_equal(stub.kicked[0], "A");
	assert_true(said("cistern/presence/A", "\"reason\":\"revoked\""));
	assert_true(said("cistern/revocation", "{\"epoch\":\"0\",\"version\":1,\"nodes\":2,\"certificates\":0,"
					       "\"local\":0,\"alarm\":\"none\"}"));
	assert_int_equal(plugin->cuts.n_cut[SESSION_END_REVOKED], 1);
	assert_int_equal(auth(&node), MOSQ_ERR_AUTH);
	assert_int_equal(plugin->counters.denied[DENIAL_REVOKED], 1);
	assert_int_equal(push(&daemon, DELTA(1, 2) "-n A\n"), MOSQ_ERR_SUCCESS);
	assert_int_equal(auth(&node), MOSQ_ERR_SUCCESS);
	tick();
	tick();
	assert_int_equal(stub.n_kicked, 1);
	kickable[0] = kickable[1] = NULL;
	free_client(&daemon);
	free_client(&node);
	free_client(&other);
}

static void a_revoked_certificate_is_cut_and_the_nodes_other_one_is_not(void **state)
{
	struct mosquitto daemon = client_of(&service_ca, "cisternd", "cistern.revocation");
	struct mosquitto former = client_of(&node_ca, "A", "A");
	struct mosquitto renewed = client_of(&node_ca, "A", "A");
	char text[256];
	unsigned char digest[32];
	int n = snprintf(text, sizeof(text), DELTA(0, 1) "+c ");

	(void)state;
	assert_int_equal(X509_digest(former.certificate, EVP_sha256(), digest, NULL), 1);
	for (size_t i = 0; i < sizeof(digest); i++)
		n += snprintf(text + n, sizeof(text) - (size_t)n, "%02x", digest[i]);
	(void)snprintf(text + n, sizeof(text) - (size_t)n, " A\n");
	stub.on_kick = kick_back;
	kickable[0] = &former;
	assert_int_equal(auth(&daemon), MOSQ_ERR_SUCCESS);
	assert_int_equal(auth(&former), MOSQ_ERR_SUCCESS);
	tick();
	assert_int_equal(push(&daemon, text), MOSQ_ERR_SUCCESS);
	tick();
	assert_int_equal(stub.n_kicked, 1);
	assert_true(said("cistern/presence/A", "\"reason\":\"certificate_revoked\""));
	assert_int_equal(auth(&former), MOSQ_ERR_AUTH);
	assert_int_equal(plugin->counters.denied[DENIAL_CERTIFICATE_REVOKED], 1);
	assert_int_equal(auth(&renewed), MOSQ_ERR_SUCCESS);
	/* The same push again finds the node on line with another certificate. */
	assert_int_equal(push(&daemon, text), MOSQ_ERR_SUCCESS);
	tick();
	assert_int_equal(stub.n_kicked, 1);
	kickable[0] = NULL;
	free_client(&daemon);
	free_client(&former);
	free_client(&renewed);
}

static void nobody_but_the_daemon_revokes(void **state)
{
	struct mosquitto node = client_of(&node_ca, "A", "A");
	struct mosquitto health = client_of(&service_ca, "health", "cistern.health");
	struct mosquitto nobody = { .id = "x" };

	(void)state;
	assert_int_equal(auth(&node), MOSQ_ERR_SUCCESS);
	assert_int_equal(auth(&health), MOSQ_ERR_SUCCESS);
	assert_int_equal(may(&node, MOSQ_ACL_WRITE, REVOCATION_CONTROL_TOPIC), MOSQ_ERR_ACL_DENIED);
	assert_int_equal(may(&health, MOSQ_ACL_WRITE, REVOCATION_CONTROL_TOPIC), MOSQ_ERR_ACL_DENIED);
	assert_int_equal(push(&node, DELTA(0, 1) "+n B revoked\n"), MOSQ_ERR_SUCCESS);
	assert_int_equal(push(&health, DELTA(0, 1) "+n B revoked\n"), MOSQ_ERR_SUCCESS);
	assert_int_equal(push(&nobody, DELTA(0, 1) "+n B revoked\n"), MOSQ_ERR_SUCCESS);
	assert_int_equal(plugin->revocation.set.version, 0);
	assert_int_equal(plugin->revocation.set.nodes.n_used, 0);
	free_client(&node);
	free_client(&health);
}

static void the_daemon_may_publish_to_the_control_topic_and_not_retain(void **state)
{
	struct mosquitto daemon = client_of(&service_ca, "cisternd", "cistern.x");
	struct mosquitto_evt_acl_check retained = {
		.client = &daemon, .access = MOSQ_ACL_WRITE, .topic = REVOCATION_CONTROL_TOPIC, .retain = true
	};

	(void)state;
	assert_int_equal(auth(&daemon), MOSQ_ERR_SUCCESS);
	assert_int_equal(may(&daemon, MOSQ_ACL_WRITE, REVOCATION_CONTROL_TOPIC), MOSQ_ERR_SUCCESS);
	assert_int_equal(may(&daemon, MOSQ_ACL_WRITE, REVOCATION_CONTROL_TOPIC "/x"), MOSQ_ERR_ACL_DENIED);
	assert_int_equal(may(&daemon, MOSQ_ACL_WRITE, "$CONTROL/dynamic-security/v1"), MOSQ_ERR_ACL_DENIED);
	assert_int_equal(acl_on_check(MOSQ_EVT_ACL_CHECK, &retained, plugin), MOSQ_ERR_ACL_DENIED);
	assert_int_equal(may(&daemon, MOSQ_ACL_SUBSCRIBE, REVOCATION_CONTROL_TOPIC), MOSQ_ERR_ACL_DENIED);
	free_client(&daemon);
}

static void while_it_is_unknown_who_is_revoked_no_node_gets_in(void **state)
{
	struct mosquitto daemon = client_of(&service_ca, "cisternd", "cistern.revocation");
	struct mosquitto node = client_of(&node_ca, "A", "A");

	(void)state;
	assert_int_equal(auth(&node), MOSQ_ERR_AUTH);
	assert_int_equal(plugin->counters.denied[DENIAL_REVOCATION_UNKNOWN], 1);
	assert_int_equal(auth(&daemon), MOSQ_ERR_SUCCESS);
	assert_int_equal(may(&daemon, MOSQ_ACL_SUBSCRIBE, "cistern/#"), MOSQ_ERR_SUCCESS);
	tick();
	assert_true(said("cistern/revocation", "{\"epoch\":\"\",\"version\":0,\"nodes\":0,\"certificates\":0,"
					       "\"local\":0,\"alarm\":\"unknown\"}"));
	assert_int_equal(push(&daemon, DELTA(0, 1) "+n B revoked\n"), MOSQ_ERR_SUCCESS); /* on top of what? */
	assert_int_equal(plugin->counters.denied[DENIAL_REVOCATION_MISPLACED], 1);
	assert_int_equal(auth(&node), MOSQ_ERR_AUTH);
	assert_int_equal(push(&daemon, "revocation 1 begin ab 0 9\n"), MOSQ_ERR_SUCCESS);
	assert_int_equal(auth(&node), MOSQ_ERR_AUTH);
	assert_int_equal(push(&daemon, "revocation 1 end ab 0 9\n+n B revoked\n"), MOSQ_ERR_SUCCESS);
	assert_int_equal(auth(&node), MOSQ_ERR_SUCCESS);
	tick();
	assert_true(said("cistern/revocation", "{\"epoch\":\"ab\",\"version\":9,\"nodes\":1,\"certificates\":0,"
					       "\"local\":0,\"alarm\":\"none\"}"));
	free_client(&daemon);
	free_client(&node);
}

static void a_reload_refuses_the_revoked_that_are_on_line(void **state)
{
	struct mosquitto daemon = client_of(&service_ca, "cisternd", "cistern.revocation");
	struct mosquitto node = client_of(&node_ca, "A", "A");

	(void)state;
	assert_int_equal(auth(&daemon), MOSQ_ERR_SUCCESS);
	assert_int_equal(auth(&node), MOSQ_ERR_SUCCESS);
	tick();
	assert_int_equal(push(&daemon, DELTA(0, 1) "+n A suspended\n"), MOSQ_ERR_SUCCESS);
	reload();
	assert_int_equal(auth(&node), MOSQ_ERR_AUTH);
	disconnect(&node);
	assert_true(said("cistern/presence/A", "\"reason\":\"suspended\""));
	tick();
	assert_int_equal(stub.n_kicked, 0); /* it is gone */
	free_client(&daemon);
	free_client(&node);
}

/* --- limits --- */

static int publish_bytes(struct mosquitto *client, uint32_t len)
{
	struct mosquitto_evt_acl_check event = {
		.client = client, .access = MOSQ_ACL_WRITE, .topic = "node/A/config", .qos = 1, .payloadlen = len
	};

	return acl_on_check(MOSQ_EVT_ACL_CHECK, &event, plugin);
}

static void who_sends_too_much_is_cut_but_not_denied(void **state)
{
	static const struct {
		int n;
		uint32_t len;
		enum session_end end;
		const char *word;
	} cases[] = {
		{ 10, 1, SESSION_END_CLOSED, NULL },
		{ 1, 1000, SESSION_END_CLOSED, NULL },
		{ 12, 1, SESSION_END_MESSAGE_RATE, "\"reason\":\"message_rate\"" },
		{ 1, 2000, SESSION_END_BYTE_RATE, "\"reason\":\"byte_rate\"" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct mosquitto node = client_of(&node_ca, "A", "A");

		stub_reset(NULL);
		stub.on_kick = kick_back;
		kickable[0] = &node;
		assert_int_equal(auth(&node), MOSQ_ERR_SUCCESS);
		for (int k = 0; k < cases[i].n; k++)
			assert_int_equal(publish_bytes(&node, cases[i].len), MOSQ_ERR_SUCCESS);
		tick();
		assert_int_equal(stub.n_kicked, cases[i].word ? 1 : 0);
		if (cases[i].word) {
			assert_true(said("cistern/presence/A", cases[i].word));
			assert_int_equal(plugin->cuts.n_cut[cases[i].end], 1);
		} else {
			disconnect(&node);
		}
		kickable[0] = NULL;
		free_client(&node);
	}
}

static void the_thirty_first_connect_in_a_minute_is_refused(void **state)
{
	struct mosquitto node = client_of(&node_ca, "A", "A");
	struct mosquitto other = client_of(&node_ca, "B", "B");

	(void)state;
	for (int i = 0; i < 30; i++) {
		assert_int_equal(auth(&node), MOSQ_ERR_SUCCESS);
		disconnect(&node);
	}
	assert_int_equal(auth(&node), MOSQ_ERR_AUTH);
	assert_int_equal(plugin->counters.denied[DENIAL_CONNECT_RATE], 1);
	assert_int_equal(auth(&other), MOSQ_ERR_SUCCESS);
	free_client(&node);
	free_client(&other);
}

static void a_session_that_is_taken_over_before_its_cut_is_left_to_the_broker(void **state)
{
	struct mosquitto old = client_of(&node_ca, "A", "A");
	struct mosquitto new = client_of(&node_ca, "A", "A");

	(void)state;
	assert_int_equal(auth(&old), MOSQ_ERR_SUCCESS);
	tick();
	assert_int_equal(publish_bytes(&old, 2000), MOSQ_ERR_SUCCESS);
	assert_int_equal(auth(&new), MOSQ_ERR_SUCCESS);
	tick();
	assert_int_equal(stub.n_kicked, 0); /* by its id that would be the new one */
	disconnect(&old);
	tick();
	assert_true(said("cistern/presence/A", "\"reason\":\"taken_over\""));
	free_client(&old);
	free_client(&new);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_plugin_speaks_version_5_only),
		cmocka_unit_test_setup_teardown(it_registers_six_events, set_up, tear_down),
		cmocka_unit_test_setup_teardown(cleanup_takes_them_back, set_up, tear_down),
		cmocka_unit_test_setup_teardown(init_fails_when_the_broker_refuses_an_event, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_certificate_names_the_client, set_up, tear_down),
		cmocka_unit_test_setup_teardown(whoever_is_not_let_in_by_name_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(without_memory_for_the_name_nobody_gets_in, set_up, tear_down),
		cmocka_unit_test_setup_teardown(nobody_without_a_name_of_ours_may_do_anything, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_unknown_kind_of_access_is_denied, set_up, tear_down),
		cmocka_unit_test_setup_teardown(each_access_asks_its_own_rule, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			the_will_of_a_taken_over_session_is_denied_and_that_of_a_dead_one_is_not, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_connect_that_fails_after_the_check_gives_the_former_session_back,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_used_again_client_shows_its_certificate_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_reload_keeps_sessions_that_are_off_line, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_consumers_subscription_opens_the_gate_and_asks_for_a_snapshot,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_revoked_node_is_cut_at_the_tick_and_stays_out, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_revoked_certificate_is_cut_and_the_nodes_other_one_is_not, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(nobody_but_the_daemon_revokes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_daemon_may_publish_to_the_control_topic_and_not_retain, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_reload_refuses_the_revoked_that_are_on_line, set_up, tear_down),
		cmocka_unit_test_setup_teardown(who_sends_too_much_is_cut_but_not_denied, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_thirty_first_connect_in_a_minute_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_session_that_is_taken_over_before_its_cut_is_left_to_the_broker,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(while_it_is_unknown_who_is_revoked_no_node_gets_in, set_up_unknown,
						tear_down),
	};

	return cmocka_run_group_tests(tests, make_cas, free_cas);
}
