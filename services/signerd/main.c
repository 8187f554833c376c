/* signerd - holds the node CAs' keys and signs what the claiming room asks for over a local socket; docs/certificates.md. main() only
 * wires rooms together, and closes the process to others.
 *
 * SIGHUP reads the CA folder anew; SIGTERM and SIGINT end it. Exit status: 0 ended as told; 1 failed; 2 not such a command line. */
#include <getopt.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "ca/desk.h"
#include "ca/server.h"
#include "config/config.h"

enum { EXIT_USAGE = 2, SECURE_HEAP_BYTES = 65536, SECURE_HEAP_SMALLEST = 32 };

static int usage(int status)
{
	FILE *out = status == 0 ? stdout : stderr;
	(void)fprintf(out, "usage: signerd [--config FILE] [--check]\n\n"
			   "  --config FILE   settings; default $CISTERN_CONFIG\n"
			   "  --check         read the settings, open the CAs, and exit\n"
			   "  --help          this text and every setting\n\n");
	if (status == 0) {
		(void)printf("Settings ('name = value' in the file, CISTERN_<NAME> in the environment):\n");
		config_print_signer();
	}
	return status;
}

/* No core file, no debugger of the same user, and private numbers in memory that is never swapped out. */
static void close_to_others(void)
{
	const struct rlimit none = { 0, 0 };
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* always possible for one's own process */
	(void)setrlimit(RLIMIT_CORE, &none);      /* the same */
	/* where memory may not be locked it is used unlocked; that is the system's choice */
	(void)CRYPTO_secure_malloc_init(SECURE_HEAP_BYTES, SECURE_HEAP_SMALLEST);
	(void)umask(077);
}

static enum status open_signals(int *ret_fd, struct error *err)
{
	sigset_t signals;
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	(void)sigprocmask(SIG_BLOCK, &signals, NULL);
	int fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return error_set(err, STATUS_UNAVAILABLE, "no signals can be received");
	*ret_fd = fd;
	return STATUS_OK;
}

/* False: it is time to end. */
static bool obey(int signals, struct desk *desk)
{
	struct signalfd_siginfo about;
	struct error err = { .text = "" };
	if (read(signals, &about, sizeof(about)) != (ssize_t)sizeof(about))
		return true;
	if (about.ssi_signo != SIGHUP)
		return false;
	if (desk_reload(desk, &err) != STATUS_OK)
		log_error("signer.reload_failed", F_STR("reason", err.text));
	return true;
}

static void answer(void *context, const char *object, size_t len, struct buffer *ret_reply)
{
	desk_answer(context, object, len, ret_reply);
}

static enum status serve(const struct config *config, struct desk *desk, struct error *err)
{
	int signals = -1;
	CLEANUP(server) struct server *server = NULL;
	enum status st = open_signals(&signals, err);
	if (st == STATUS_OK)
		st = server_open(config->signer_socket, config->signer_clients, answer, desk, &server, err);
	if (st == STATUS_OK)
		log_info("signer.ready", F_STR("socket", config->signer_socket));
	do {
		if (st == STATUS_OK)
			st = server_serve(server, signals, err);
	} while (st == STATUS_OK && obey(signals, desk));
	return st;
}

static enum status run(const char *config_path, bool only_check, struct error *err)
{
	struct config config = { 0 };
	CLEANUP(desk) struct desk *desk = NULL;
	enum status st = config_read_signer(config_path, &config, err);
	if (st != STATUS_OK)
		return st;
	if (!log_set_level_named(config.log_level))
		return error_set(err, STATUS_INVALID, "setting 'log_level': '%s' is not a level", config.log_level);
	const struct desk_options options = { .ca_dir = config.signer_ca_dir,
					      .passphrase_file = config.signer_passphrase_file,
					      .log_file = config.signer_log_file };
	st = desk_open(&options, &desk, err);
	return st == STATUS_OK && !only_check ? serve(&config, desk, err) : st;
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "config", required_argument, NULL, 'c' },
						 { "check", no_argument, NULL, 'k' },
						 { "help", no_argument, NULL, 'h' },
						 { NULL, 0, NULL, 0 } };
	const char *config_path = getenv("CISTERN_CONFIG");
	bool only_check = false;
	close_to_others();
	for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		switch (option) {
		case 'c': config_path = optarg; break;
		case 'k': only_check = true; break;
		case 'h': return usage(0);
		default: return usage(EXIT_USAGE);
		}
	}
	if (optind != argc)
		return usage(EXIT_USAGE);
	struct error err = { .text = "" };
	if (sodium_init() < 0 || run(config_path, only_check, &err) != STATUS_OK) {
		log_error("signer.failed", F_STR("reason", err.text));
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}
