#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/certificate.h"
#include "api/server.h"
#include "base/log.h"

enum { OPTIONS_MAX = 20 };

/* TLS 1.2 and 1.3, forward secrecy and AEAD only (threats.md section 2). */
static const char tls_priorities[] = "NONE:+VERS-TLS1.3:+VERS-TLS1.2:+ECDHE-ECDSA:+ECDHE-RSA"
				     ":+AES-256-GCM:+CHACHA20-POLY1305:+AES-128-GCM:+AEAD"
				     ":+GROUP-X25519:+GROUP-SECP256R1:+GROUP-SECP384R1"
				     ":+SIGN-ALL:-SIGN-RSA-SHA1:-SIGN-ECDSA-SHA1:-SIGN-DSA-SHA1"
				     ":+COMP-NULL:+CTYPE-X509:%SERVER_PRECEDENCE";

enum status listener_address(const char *bind, int port_number, struct sockaddr_storage *ret_address, struct error *err)
{
	char port[8];
	(void)snprintf(port, sizeof(port), "%d", port_number);
	const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
					.ai_socktype = SOCK_STREAM };
	struct addrinfo *found = NULL;
	int result = getaddrinfo(bind, port, &hints, &found);
	if (result != 0)
		return error_set(err, STATUS_INVALID, "%s port %d: %s", bind, port_number, gai_strerror(result));
	memset(ret_address, 0, sizeof(*ret_address));
	memcpy(ret_address, found->ai_addr, found->ai_addrlen);
	freeaddrinfo(found);
	return STATUS_OK;
}

/* What libmicrohttpd has to say is mostly about clients: at debug. */
static void log_mhd(void *context, const char *format, va_list args) __attribute__((format(printf, 2, 0)));

static void log_mhd(void *context, const char *format, va_list args)
{
	(void)context;
	char text[256];
	(void)vsnprintf(text, sizeof(text), format, args);
	log_debug("api.http", F_STR("text", text));
}

struct option_list {
	struct MHD_OptionItem items[OPTIONS_MAX];
	size_t n;
};

static void put_option(struct option_list *list, enum MHD_OPTION option, intptr_t value, const void *pointer)
{
	if (list->n == OPTIONS_MAX)
		abort();
	void *writable = (void *)(uintptr_t)pointer; /* libmicrohttpd's struct has no const; it only reads */
	list->items[list->n++] = (struct MHD_OptionItem){ option, value, writable };
}

static unsigned flags_of(const struct listener_options *options, const struct sockaddr_storage *address)
{
	unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
	if (options->cert_file)
		flags |= MHD_USE_TLS;
	if (address->ss_family == AF_INET6)
		flags |= strcmp(options->bind, "::") == 0 ? MHD_USE_DUAL_STACK : MHD_USE_IPv6;
	return flags;
}

static enum status start_daemon(struct api *api, const struct listener_options *options, struct MHD_Daemon **ret_daemon,
				struct error *err)
{
	struct sockaddr_storage address = { .ss_family = AF_UNSPEC };
	enum status st = listener_address(options->bind, options->port, &address, err);
	if (st != STATUS_OK)
		return st;
	struct option_list list = { .n = 0 };
	put_option(&list, MHD_OPTION_SOCK_ADDR, 0, &address);
	put_option(&list, MHD_OPTION_CONNECTION_TIMEOUT, IDLE_TIMEOUT_S, NULL);
	put_option(&list, MHD_OPTION_CONNECTION_LIMIT, api->options.connections_max, NULL);
	put_option(&list, MHD_OPTION_PER_IP_CONNECTION_LIMIT, api->options.connections_per_address_max, NULL);
	put_option(&list, MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY_BYTES, NULL);
	put_option(&list, MHD_OPTION_STRICT_FOR_CLIENT, 1, NULL);
	put_option(&list, MHD_OPTION_LISTEN_BACKLOG_SIZE, 511, NULL);
	put_option(&list, MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)exchange_on_uri, api);
	put_option(&list, MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)exchange_on_completed, api);
	put_option(&list, MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)exchange_on_connection, api);
	if (api->options.threads > 1)
		put_option(&list, MHD_OPTION_THREAD_POOL_SIZE, api->options.threads, NULL);
	if (options->cert_file) {
		put_option(&list, MHD_OPTION_HTTPS_CERT_CALLBACK2, 0, (const void *)(uintptr_t)certificate_retrieve);
		put_option(&list, MHD_OPTION_HTTPS_PRIORITIES, 0, tls_priorities);
	}
	put_option(&list, MHD_OPTION_END, 0, NULL);
	errno = 0;
	*ret_daemon = MHD_start_daemon(flags_of(options, &address), (uint16_t)options->port, NULL, NULL,
				       exchange_on_access, api, MHD_OPTION_EXTERNAL_LOGGER, log_mhd, NULL,
				       MHD_OPTION_ARRAY, list.items, MHD_OPTION_END);
	if (!*ret_daemon)
		return error_set(err, STATUS_UNAVAILABLE, "cannot serve on %s port %d: %s", options->bind,
				 options->port, errno ? strerror(errno) : "see the log at debug");
	return STATUS_OK;
}

enum status listener_start(struct api *api, const struct listener_options *options, struct listener *ret_listener,
			   struct error *err)
{
	if (options->cert_file) {
		enum status st = certificate_load(CERTIFICATE_AT_START, options->cert_file, options->key_file, err);
		if (st != STATUS_OK)
			return st;
	}
	return start_daemon(api, options, &ret_listener->daemon, err);
}

void listener_quiesce(struct listener *listener)
{
	if (!listener->daemon)
		return;
	MHD_socket fd = MHD_quiesce_daemon(listener->daemon);
	if (fd != MHD_INVALID_SOCKET)
		(void)close(fd); /* nothing was written to a listening socket */
}

void listener_stop(struct listener *listener)
{
	if (listener->daemon)
		MHD_stop_daemon(listener->daemon);
	listener->daemon = NULL;
}
