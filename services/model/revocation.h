/* model/revocation.h - how the daemon tells the broker's plugin whom to refuse, and how the plugin keeps it in its file: lines.
 *
 *   revocation 1 <kind> <epoch> <from> <to>      the head of every message and of the file
 *   +n <node id> <word>                          refuse this node; the word (revoked, suspended) is what its history will say
 *   -n <node id>                                 no longer
 *   +c <64 hex> <node id>                        refuse this certificate (SHA-256 of its DER form) of that node
 *
 * Messages go to REVOCATION_CONTROL_TOPIC, which only the daemon may publish to and which reaches nobody but the plugin.
 *   kind delta   what changed after version `from`, up to and with version `to`, in order. Applied when epoch is the same and
 *                from <= the plugin's version <= to: a change is a state and not a step, so what is known already does no harm.
 *   kind begin   a whole set begins: the lines are put aside
 *   kind part    and go on
 *   kind end     and, with this message's lines, take the old set's place at version `to`
 * The plugin answers each message, taken or not, by saying on REVOCATION_STATE_TOPIC what it has now; and says so whenever the daemon
 * subscribes, and when an alarm comes or goes:
 *
 *   {"epoch":"...","version":7,"nodes":2,"certificates":1,"local":0,"alarm":"none"}
 *
 * version 0 and epoch "": it has nothing, and asks for a whole set that way.
 *
 * Thread:  any; no state.
 * Memory:  never allocates; texts point into the caller's bytes and have no NUL.
 * Errors:  false: not such a line.
 */
#ifndef CISTERN_MODEL_REVOCATION_H
#define CISTERN_MODEL_REVOCATION_H

#include "base/macros.h"
#include "model/topic.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REVOCATION_CONTROL_TOPIC "$CONTROL/cistern/v1/revocation"
#define REVOCATION_STATE_TOPIC   "cistern/revocation"

enum {
	REVOCATION_MESSAGE_BYTES_MAX = 65536,
	REVOCATION_EPOCH_MAX = 32,
	REVOCATION_WORD_MAX = 32, /* lower-case letters and _ */
	FINGERPRINT_HEX = 64,
	REVOCATION_LINE_MAX = 192,
};

enum revocation_kind { REVOCATION_DELTA, REVOCATION_BEGIN, REVOCATION_PART, REVOCATION_END, REVOCATION_FILE };

struct revocation_head {
	enum revocation_kind kind;
	struct topic_part epoch; /* 1..REVOCATION_EPOCH_MAX hexadecimal digits */
	int64_t from, to;
};

enum revocation_line_kind { REVOCATION_NODE_ADD, REVOCATION_NODE_REMOVE, REVOCATION_CERTIFICATE_ADD };

struct revocation_line {
	enum revocation_line_kind kind;
	struct topic_part node_id, word; /* word: of REVOCATION_NODE_ADD */
	const char *fingerprint;         /* FINGERPRINT_HEX lower-case digits */
};

/* The text before the next line end, which is taken off `rest`. False: nothing is left. */
MUST_CHECK bool revocation_next_line(struct topic_part *rest, struct topic_part *ret_line);
MUST_CHECK bool revocation_parse_head(struct topic_part line, struct revocation_head *ret_head);
MUST_CHECK bool revocation_parse_line(struct topic_part line, struct revocation_line *ret_line);

/* Write one line with its line end and a NUL; return its length. */
size_t revocation_write_head(const struct revocation_head *head, char out[REVOCATION_LINE_MAX]);
size_t revocation_write_line(const struct revocation_line *line, char out[REVOCATION_LINE_MAX]);

#endif
