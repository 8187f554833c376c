/* base/log.h - one event, one line, on standard error.
 *
 *   ts=2026-01-01T12:00:00.000Z level=info event=ingest.stored node=n1 bytes=212
 *
 * The event is a name that never changes; then fields. Text fields are escaped here, so a value from outside can never
 * make a second line or a second field. Never logged: keys, tokens, passwords, secrets, payloads at info.
 *
 * Levels: error = someone must act; warn = we went on without something; info = one line for a finished piece of work;
 *         debug = off in production.
 *
 * Thread:  any; each line is one write(2), or, after log_hold(), part of one.
 * Memory:  a line is cut at LOG_LINE_MAX bytes.
 */
#ifndef CISTERN_BASE_LOG_H
#define CISTERN_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/macros.h"

enum { LOG_LINE_MAX = 2048 };
enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };
enum log_field_kind { LOG_FIELD_TEXT, LOG_FIELD_SIGNED, LOG_FIELD_UNSIGNED };

struct log_field {
	const char *name;
	enum log_field_kind kind;
	const char *text; /* NULL is written as - */
	int64_t i64;
	uint64_t u64;
};

#define F_STR(key, value) ((struct log_field){ .name = (key), .kind = LOG_FIELD_TEXT, .text = (value) })
#define F_I64(key, value) ((struct log_field){ .name = (key), .kind = LOG_FIELD_SIGNED, .i64 = (int64_t)(value) })
#define F_U64(key, value) ((struct log_field){ .name = (key), .kind = LOG_FIELD_UNSIGNED, .u64 = (uint64_t)(value) })

#define log_error(event, ...) log_event_(LOG_ERROR, event, __VA_ARGS__)
#define log_warn(event, ...)  log_event_(LOG_WARN, event, __VA_ARGS__)
#define log_info(event, ...)  log_event_(LOG_INFO, event, __VA_ARGS__)
#define log_debug(event, ...) log_event_(LOG_DEBUG, event, __VA_ARGS__)
#define log_event_(level, event, ...)                                                                                  \
	log_write(level, event, (const struct log_field[]){ __VA_ARGS__ },                                             \
		  sizeof((const struct log_field[]){ __VA_ARGS__ }) / sizeof(struct log_field))

/* Lines above this level are not written. Set once by main before threads start. */
void log_set_level(enum log_level level);
/* error, warn, info or debug; false for any other word. */
MUST_CHECK bool log_set_level_named(const char *name);
void log_write(enum log_level level, const char *event, const struct log_field *fields, size_t n_fields);

/* For a program that writes thousands of lines a second: from now on lines of info and debug are kept for LOG_HOLD_MS at most and written
 * together by a thread of their own, so that their reader is not woken for each. An error or a warning goes out at once, behind all that was
 * kept. Who is killed loses what was kept; when nobody takes the lines, LOG_HELD_BYTES_MAX are kept and then log_write() waits, as it does
 * without. Main calls both, before and after all other threads. */
enum { LOG_HOLD_MS = 10, LOG_HELD_BYTES_MAX = 65536 };
void log_hold(void);
void log_release(void);

/* The parts of a line, for who writes such lines elsewhere: `ts=...`, and ` name=value` escaped. */
void log_put_time(struct buffer *line);
void log_put_field(struct buffer *line, const struct log_field *field);

#endif
