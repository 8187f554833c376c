/* base/process_metrics.h - processor time, memory and open files of this process, under the names that every Prometheus client uses.
 *
 * Thread:  process_metrics_start() from main, once. Reads /proc/self when the page is asked for.
 * Memory:  process_metrics_start() makes it, process_metrics_stop() ends it (NULL is fine), after the last rendering.
 * Errors:  none: what /proc does not tell stays at its last value.
 */
#ifndef CISTERN_BASE_PROCESS_METRICS_H
#define CISTERN_BASE_PROCESS_METRICS_H

#include "base/metrics.h"

struct process_metrics;

struct process_metrics *process_metrics_start(struct metrics *metrics);
void process_metrics_stop(struct process_metrics *process);

#endif
