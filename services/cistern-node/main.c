/* cistern-node: plays one virtual node or many. Only wires: options, claim, identities, model, nodes, loop, totals. */

#include "answer.h"
#include "claim.h"
#include "credentials.h"
#include "event.h"
#include "http.h"
#include "identity.h"
#include "loop.h"
#include "node.h"
#include "options.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum { EXIT_ARGUMENTS = 2, FDS_PER_NODE = 3 }; /* a socket, and the pair that libmosquitto opens for threads */

static int report_error(const struct error *err)
{
	(void)fprintf(stderr, "cistern-node: %s\n", err->text);
	return err->status == STATUS_INVALID ? EXIT_ARGUMENTS : EXIT_FAILURE;
}

static enum status allow_files(size_t n_nodes, struct error *err)
{
	rlim_t wanted = (rlim_t)n_nodes * FDS_PER_NODE + 64;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
		return STATUS_OK;
	limit.rlim_cur = wanted;
	if (wanted > limit.rlim_max || setrlimit(RLIMIT_NOFILE, &limit) != 0)
		return error_set(err, STATUS_LIMIT, "%zu nodes need %llu open files; see ulimit -n", n_nodes,
				 (unsigned long long)wanted);
	return STATUS_OK;
}

static enum status model_load(const struct options *options, struct device_model *ret_model, struct error *err)
{
	if (options->config)
		return device_model_from_file(options->config, ret_model, err);
	return device_model_from_template(options->device, options->connectivity, ret_model, err);
}

static void print_summary(const struct run *run)
{
	const struct load *load = &run->load;
	double seconds = (double)(load->ended_us - load->started_us) / 1e6;
	char seconds_text[32], rate_text[32];

	(void)snprintf(seconds_text, sizeof(seconds_text), "%.3f", seconds);
	(void)snprintf(rate_text, sizeof(rate_text), "%.0f", seconds > 0 ? (double)load->n_acked / seconds : 0.0);
	event_write("summary", NULL, F_U64("nodes", run->n_nodes), F_U64("ready", run->n_ready),
		    F_I64("ready_ms", run->ready_us ? (run->ready_us - run->started_us) / 1000 : -1),
		    F_U64("reconnects", run->n_reconnects), F_U64("published", load->n_published),
		    F_U64("acked", load->n_acked), F_STR("seconds", seconds_text), F_STR("msgs_per_s", rate_text));
}

/* n_nodes counts those that node_init() has seen, for nodes_free(). */
static enum status nodes_make(struct loop *loop, const struct identity_list *identities, struct error *err)
{
	loop->nodes = calloc(identities->n_items, sizeof(*loop->nodes));
	if (!loop->nodes)
		abort();
	for (size_t i = 0; i < identities->n_items; i++) {
		loop->run->n_nodes++;
		enum status st = node_init(&loop->nodes[i], loop->run, &identities->items[i], err);
		if (st != STATUS_OK)
			return st;
	}
	return STATUS_OK;
}

static void nodes_free(struct loop *loop)
{
	for (size_t i = 0; i < loop->run->n_nodes; i++)
		node_done(&loop->nodes[i]);
	free(loop->nodes);
}

static enum status play(struct run *run, const struct identity_list *identities, struct error *err)
{
	CLEANUP(loop) struct loop loop;

	enum status st = loop_init(&loop, err);
	if (st != STATUS_OK)
		return st;
	loop.run = run;
	run->connection.epoll_fd = loop.epoll_fd;
	st = nodes_make(&loop, identities, err);
	if (st == STATUS_OK) {
		run->started_us = clock_monotonic_us();
		st = loop_run(&loop, err);
	}
	if (st == STATUS_OK && (run->load.wanted || run->n_nodes > 1))
		print_summary(run);
	nodes_free(&loop);
	return st;
}

static enum status claim_if_needed(const struct options *options, struct error *err)
{
	if (!options->claim || credentials_are_there(options->credentials))
		return STATUS_OK;
	enum status st = http_start(err);
	if (st != STATUS_OK)
		return st;
	st = claim_run(options, err);
	http_stop();
	return st;
}

/* The option, else what claiming told, else this machine. */
static enum status choose_host(const struct options *options, char *ret_host, size_t ret_host_size, struct error *err)
{
	if (!options->host && options->credentials) {
		enum status st = credentials_endpoint(options->credentials, ret_host, ret_host_size, err);
		if (st != STATUS_NOT_FOUND)
			return st;
	}
	(void)snprintf(ret_host, ret_host_size, "%s", options->host ? options->host : "localhost");
	return STATUS_OK;
}

static enum status run_with(const struct options *options, bool *ret_failed, struct error *err)
{
	CLEANUP(identity_list) struct identity_list identities = { 0 };
	CLEANUP(device_model) struct device_model model = { 0 };
	struct run run = { .options = options, .model = &model };

	char endpoint[ANSWER_HOST_MAX];

	enum status st = claim_if_needed(options, err);
	if (st == STATUS_OK)
		st = identity_list_load(options, &identities, err);
	if (st == STATUS_OK)
		st = choose_host(options, endpoint, sizeof(endpoint), err);
	if (st == STATUS_OK)
		st = allow_files(identities.n_items, err);
	if (st == STATUS_OK)
		st = model_load(options, &model, err);
	if (st != STATUS_OK)
		return st;
	run.connection = (struct connection_settings){
		.host = endpoint,
		.port = (int)options->port,
		.keepalive_s = (int)options->keepalive_s,
		.clean_session = !options->persistent_session,
		.username = options->username,
	};
	run.server_name = options->server_name ? options->server_name : endpoint;
	connection_settings_resolve(&run.connection);
	load_init(&run.load, options, &model);
	st = play(&run, &identities, err);
	load_done(&run.load);
	*ret_failed = run.failed;
	return st;
}

int main(int argc, char **argv)
{
	struct options options;
	struct error err = { 0 };
	bool failed = false;

	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	if (options_parse(argc, argv, &options, &err) != STATUS_OK)
		return report_error(&err);
	if (options.help) {
		options_print_help(stdout);
		return EXIT_SUCCESS;
	}
	srandom((unsigned int)clock_now_us() ^ (unsigned int)getpid());
	(void)mosquitto_lib_init();
	enum status st = run_with(&options, &failed, &err);
	(void)mosquitto_lib_cleanup();
	if (st != STATUS_OK)
		return report_error(&err);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
