/* api/expiry.h - when certificates end, for /metrics. Files are read each time: a few, small, and an operator may replace them.
 *
 * Thread:  a collector's (base/metrics.h). Memory: none kept. Errors: a file that cannot be read has no line, and that is the alarm.
 */
#ifndef CISTERN_API_EXPIRY_H
#define CISTERN_API_EXPIRY_H

#include <stddef.h>

#include "api/api.h"
#include "base/metrics.h"

/* Up to the first without a name. */
void expiry_show(struct metrics *metrics, const struct api_certificate *certificates, size_t n);

#endif
