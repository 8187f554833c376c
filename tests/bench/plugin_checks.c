/* What the plugin's checks cost, without a broker around them: the start with a set of revoked nodes, the memory of it, the
 * check at a connect, and the check of a publish with all limits counted.
 *
 *   plugin_checks [REGISTERED [REVOKED]]     default 100000 and 1000; all that are not revoked are on line
 *
 * Prints one JSON line. Nodes are asked about in random order, so that the caches help as little as they will in life.
 */
#include "plugin.h"
#include "setfile.h"

#include "../unit/plugin/broker_stub.h"

#include <malloc.h>
#include <time.h>
#include <unistd.h>

enum { CHECKS = 2000000, ID_SIZE = 24 };

static struct plugin plugin;
static char (*ids)[ID_SIZE];
static struct mosquitto *clients;
static uint64_t random_state = 88172645463325252ULL;

static size_t random_below(size_t n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (size_t)(random_state % n);
}

static void *need(void *memory)
{
	if (!memory)
		abort();
	return memory;
}

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void make_nodes(size_t n_registered, size_t n_revoked)
{
	ids = need(calloc(n_registered, sizeof(ids[0])));
	clients = need(calloc(n_registered, sizeof(clients[0])));
	for (size_t i = 0; i < n_registered; i++) {
		(void)snprintf(ids[i], ID_SIZE, "node-%016zx", i * 0x9e3779b97f4a7c15U);
		clients[i] = (struct mosquitto){ .id = ids[i], .username = ids[i] };
	}
	for (size_t i = n_revoked; i < n_registered; i++)
		must(sessions_add(&plugin.sessions, ids[i], strlen(ids[i]), &clients[i], "192.0.2.1", (int64_t)i + 1,
				  0) != NULL);
}

/* The file as the plugin itself writes it. */
static void write_set(const char *path, size_t n_revoked)
{
	struct bytes set = { need(malloc((n_revoked + 1) * REVOCATION_LINE_MAX)), 0 };
	struct bytes file;
	struct revocation_head head = { REVOCATION_FILE, { "a", 1 }, 1, 1 };
	struct table none = { .seed = 0 };

	set.len = revocation_write_head(&head, set.at);
	for (size_t i = 0; i < n_revoked; i++) {
		struct revocation_line line = { .kind = REVOCATION_NODE_ADD,
						.node_id = { ids[i], strlen(ids[i]) },
						.word = { "revoked", 7 } };

		set.len += revocation_write_line(&line, set.at + set.len);
	}
	must(setfile_compose(&set, &none, &file) && file_write(path, file.at, file.len));
	bytes_done(&set);
	bytes_done(&file);
}

/* Time of this thread: others on the machine do not count. */
static int64_t cpu_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static double ns_each(int64_t began_ns, size_t n)
{
	return (double)(cpu_ns() - began_ns) / (double)n;
}

static double connect_checks(size_t n_registered, size_t n_revoked)
{
	const struct certificate_digest certificate = { { 1 } };
	size_t n_refused = 0;
	int64_t began_ns = cpu_ns();

	for (size_t i = 0; i < CHECKS; i++) {
		const char *id = ids[random_below(n_registered)];

		n_refused += revocation_check(&plugin.revocation, id, strlen(id), &certificate) != REFUSAL_NONE;
	}

	double ns = ns_each(began_ns, CHECKS);

	must(n_revoked == 0 || n_refused > 0);
	return ns;
}

static double publish_checks(size_t n_registered, size_t n_revoked)
{
	char topic[64] = "node/";
	int64_t began_ns = cpu_ns();

	for (size_t i = 0; i < CHECKS; i++) {
		struct mosquitto *client = &clients[n_revoked + random_below(n_registered - n_revoked)];
		struct mosquitto_evt_acl_check event = {
			.client = client, .access = MOSQ_ACL_WRITE, .topic = topic, .qos = 1, .payloadlen = 300
		};

		memcpy(topic + 5, client->id, strlen(client->id));
		memcpy(topic + 5 + strlen(client->id), "/params/local", sizeof("/params/local"));
		must(acl_on_check(MOSQ_EVT_ACL_CHECK, &event, &plugin) == MOSQ_ERR_SUCCESS);
	}
	return ns_each(began_ns, CHECKS);
}

static double publish_checks_limited(const struct rate_options *limits, size_t n_registered, size_t n_revoked)
{
	must(rates_init(&plugin.rates, limits));

	double ns = publish_checks(n_registered, n_revoked);

	must(plugin.cuts.first == NULL);
	rates_done(&plugin.rates);
	return ns;
}

static double copy_ms(void)
{
	size_t len;
	int64_t began_ns = cpu_ns();

	free(need(revocation_copy_text(&plugin.revocation, &len)));
	return ns_each(began_ns, 1) / 1e6;
}

int main(int argc, char **argv)
{
	static const struct rate_options counted = { RATE_MAX, RATE_MAX, RATE_MAX, RATE_MAX, RATE_MAX }, none;
	size_t n_registered = argc > 1 ? strtoul(argv[1], NULL, 10) : 100000;
	size_t n_revoked = argc > 2 ? strtoul(argv[2], NULL, 10) : 1000;
	char folder[] = "/tmp/cistern-bench-XXXXXX", path[64];

	must(n_registered > 0 && n_revoked <= n_registered && mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/set", folder);
	must(sessions_init(&plugin.sessions) && revocation_init(&plugin.revocation));
	make_nodes(n_registered, n_revoked);
	write_set(path, n_revoked);
	(void)malloc_trim(0);

	size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
	int64_t began_ns = cpu_ns();

	plugin.keeper = keeper_open(path, NULL, &plugin.revocation);

	double start_ms = ns_each(began_ns, 1) / 1e6;
	size_t after = mallinfo2().uordblks + mallinfo2().hblkhd;

	must(plugin.keeper && plugin.revocation.set.nodes.n_used == n_revoked);
	printf("{\"registered\":%zu,\"revoked\":%zu,\"start_ms\":%.1f,\"memory_kib\":%zu", n_registered, n_revoked,
	       start_ms, (after - before) / 1024);
	printf(",\"copy_for_the_file_ms\":%.2f", copy_ms());
	printf(",\"connect_check_ns\":%.0f", connect_checks(n_registered, n_revoked));
	if (n_revoked < n_registered) {
		printf(",\"publish_check_without_limits_ns\":%.0f",
		       publish_checks_limited(&none, n_registered, n_revoked));
		printf(",\"publish_check_ns\":%.0f", publish_checks_limited(&counted, n_registered, n_revoked));
	}
	printf("}\n");
	keeper_free(plugin.keeper);
	revocation_done(&plugin.revocation);
	sessions_done(&plugin.sessions);
	free(ids);
	free(clients);
	(void)unlink(path);
	(void)rmdir(folder);
	return 0;
}
