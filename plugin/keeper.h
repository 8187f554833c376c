/* keeper.h - keeps whom to refuse on the disk, and looks at the operator's list: a thread of its own, so that the broker's
 * never waits for a file.
 *
 * The set's file (setfile.h) is written to PATH and then to PATH.copy. At the start PATH is read, or else the copy. While the
 * broker runs, what is in memory is right: the keeper looks at both files every KEEPER_LOOK_MS and writes anew what
 * somebody has changed or removed.
 *
 * The operator's list counts as it stands in its file; a missing file is an empty list. Where a line is no node id, or the
 * file can not be read, the ids of the last good list stay in force beside the good lines: so a slip of the hand lets
 * nobody back in. The last good list is kept in the set's file, for the next start.
 *
 * Alarms:  KEEPER_FILE_DAMAGED    a file was not as it had been written; goes KEEPER_ALARM_HOLD_S after it is whole again, so
 *                                 that somebody sees it
 *          KEEPER_FILE_UNWRITABLE the set can not be written: it would be lost with the broker; tried again every second
 *          KEEPER_LOCAL_DAMAGED   the operator's list is not good
 *
 * Thread:  keeper_open(), keeper_start() and keeper_free() by the broker's thread at its start and end; the other functions
 *          at any time, and they never wait for the disk. The keeper calls nothing of the broker.
 * Hand-over, under one mutex that is held for moments: texts to the keeper (of several only the last is written), the list from it.
 */
#ifndef CISTERN_PLUGIN_KEEPER_H
#define CISTERN_PLUGIN_KEEPER_H

#include "base/macros.h"
#include "revocation.h"
#include "table.h"

#include <stdbool.h>
#include <stddef.h>

enum { KEEPER_LOOK_MS = 100, KEEPER_RETRY_MS = 1000, KEEPER_ALARM_HOLD_S = 60 };

enum keeper_alarm {
	KEEPER_FILE_DAMAGED = 1,
	KEEPER_FILE_UNWRITABLE = 2,
	KEEPER_LOCAL_DAMAGED = 4,
};

struct keeper;

/* Reads the files into `revocation`, which stays unknown when neither is good. local_path may be NULL. NULL: no memory, or a
 * path that is too long. */
MUST_CHECK struct keeper *keeper_open(const char *path, const char *local_path, struct revocation *revocation);

/* False: no thread to be had. */
MUST_CHECK bool keeper_start(struct keeper *keeper);

/* Writes what is still to be written, and ends the thread. */
void keeper_free(struct keeper *keeper);

/* True when it has written all it was given: only then a new text is worth making. */
MUST_CHECK bool keeper_idle(struct keeper *keeper);

/* Takes the text (head and lines, malloc()ed) over, to be written. */
void keeper_save(struct keeper *keeper, char *text, size_t len);

/* True, and the list, when it is another than the last one that was taken. Cheap when there is none. */
MUST_CHECK bool keeper_take_local(struct keeper *keeper, struct table *ret_local);

/* The alarms in force, of enum keeper_alarm. */
unsigned int keeper_alarms(struct keeper *keeper);

#endif
