/* event.h - what a node lived through: one event, one line, on standard output.
 *
 *   ts=2026-01-01T12:00:00.000Z event=acked node=n1 mid=7
 *
 * Written for programs to read: an event's name and its fields never change, text is escaped as base/log does it. Standard
 * error is for the person at the terminal.
 *
 * Thread:  one.
 * Memory:  keeps nothing.
 */
#ifndef CISTERN_NODE_EVENT_H
#define CISTERN_NODE_EVENT_H

#include "base/log.h"

#define event_write(event, node_id, ...)                                                                               \
	event_write_fields(event, node_id, (const struct log_field[]){ __VA_ARGS__ },                                  \
			   sizeof((const struct log_field[]){ __VA_ARGS__ }) / sizeof(struct log_field))

/* node_id NULL: an event of the whole run. */
void event_write_fields(const char *event, const char *node_id, const struct log_field *fields, size_t n_fields);

#endif
