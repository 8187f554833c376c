/* ca/server.h - signerd's socket: who may ask, how long it may take, how much it may be.
 *
 *   socket          unix stream, mode 0660, group of its folder: the folder and the group say who reaches it
 *   who             the kernel says who connects (SO_PEERCRED): root, our own user, and the users that were named; any other is cut off
 *   at once         SERVER_CONNECTIONS_MAX; more wait in the kernel's queue. One of them may have a request over WIRE_REQUEST_BYTES_MAX
 *   time            SERVER_RECEIVE_S for the request, SERVER_SEND_S for the reply
 *
 * Thread:  one owner: everything happens in server_serve().
 * Memory:  server_open() makes it, server_close() ends it (NULL is fine) and removes the socket.
 * Errors:  INVALID not a path for a socket. CONFLICT somebody listens there already. UNAVAILABLE the system refuses.
 */
#ifndef CISTERN_CA_SERVER_H
#define CISTERN_CA_SERVER_H

#include <stddef.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/macros.h"

enum { SERVER_CONNECTIONS_MAX = 32, SERVER_CLIENTS_MAX = 16, SERVER_RECEIVE_S = 5, SERVER_SEND_S = 30 };

struct server;

/* Writes one reply, always. */
typedef void server_answer(void *context, const char *object, size_t len, struct buffer *ret_reply);

/* clients: names or numbers of users, separated by commas; one that this system does not have is passed over with a warning. */
MUST_CHECK enum status server_open(const char *socket_path, const char *clients, server_answer *answer, void *context,
				   struct server **ret_server, struct error *err);
void server_close(struct server *server);

/* Serves until wake_fd can be read. */
MUST_CHECK enum status server_serve(struct server *server, int wake_fd, struct error *err);

DEFINE_CLEANUP(server, struct server *, server_close)

#endif
