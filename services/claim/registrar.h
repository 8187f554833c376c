/* claim/registrar.h - works off the files that administrators upload for registration (claiming.md section 7), one after the other.
 *
 * The queue is the table `registration`. Rows go in batches, each with its progress recorded behind it, so a restart goes on where it was;
 * the rows in between are met twice, which changes nothing. While database or signerd is away it waits.
 *
 * Thread:  registrar_start() and registrar_stop() from main. One thread, which waits on its database connection and may block on signerd.
 * Memory:  registrar_start() makes it, registrar_stop() ends it (NULL is fine). An uploaded file is held while it is worked off.
 * Errors:  UNAVAILABLE no thread.
 */
#ifndef CISTERN_CLAIM_REGISTRAR_H
#define CISTERN_CLAIM_REGISTRAR_H

#include "base/error.h"
#include "base/macros.h"
#include "claim/import.h"
#include "store/store.h"

struct registrar;

struct registrar_options {
	struct store_options store;
	struct import_options import;
};

/* The options' texts must outlive it. */
MUST_CHECK enum status registrar_start(const struct registrar_options *options, struct registrar **ret_registrar,
				       struct error *err);
/* Finishes the batch in hand. */
void registrar_stop(struct registrar *registrar);

#endif
