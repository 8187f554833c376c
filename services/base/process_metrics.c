#include "base/process_metrics.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"

struct process_metrics {
	struct metric_series *cpu, *resident, *virtual_bytes, *open_fds, *max_fds, *start;
};

static void collect_memory(const struct process_metrics *process)
{
	FILE *file = fopen("/proc/self/statm", "re");
	if (!file)
		return;
	int64_t page = sysconf(_SC_PAGESIZE);
	long n_virtual = 0, n_resident = 0;
	if (fscanf(file, "%ld %ld", &n_virtual, &n_resident) == 2) { /* NOLINT(cert-err34-c): the kernel writes them */
		metric_set(process->virtual_bytes, n_virtual * page);
		metric_set(process->resident, n_resident * page);
	}
	(void)fclose(file); /* it was only read */
}

static void collect_files(const struct process_metrics *process)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
		metric_set(process->max_fds, (int64_t)limit.rlim_cur);
	DIR *folder = opendir("/proc/self/fd");
	if (!folder)
		return;
	int64_t n = -1; /* the folder itself is open too */
	for (struct dirent *entry; (entry = readdir(folder));)
		n += entry->d_name[0] != '.';
	(void)closedir(folder); /* it was only read */
	metric_set(process->open_fds, n);
}

static int64_t us_of(struct timeval time)
{
	return (int64_t)time.tv_sec * 1000000 + time.tv_usec;
}

static void collect(void *context)
{
	const struct process_metrics *process = context;
	struct rusage usage;
	if (getrusage(RUSAGE_SELF, &usage) == 0)
		metric_set(process->cpu, us_of(usage.ru_utime) + us_of(usage.ru_stime));
	collect_memory(process);
	collect_files(process);
}

struct process_metrics *process_metrics_start(struct metrics *metrics)
{
	struct process_metrics *process = calloc(1, sizeof(*process));
	if (!process)
		abort();
	process->cpu = metrics_series(metrics, METRIC_PROCESS_CPU_SECONDS, METRIC_NO_LABELS);
	process->resident = metrics_series(metrics, METRIC_PROCESS_RESIDENT_BYTES, METRIC_NO_LABELS);
	process->virtual_bytes = metrics_series(metrics, METRIC_PROCESS_VIRTUAL_BYTES, METRIC_NO_LABELS);
	process->open_fds = metrics_series(metrics, METRIC_PROCESS_OPEN_FDS, METRIC_NO_LABELS);
	process->max_fds = metrics_series(metrics, METRIC_PROCESS_MAX_FDS, METRIC_NO_LABELS);
	process->start = metrics_series(metrics, METRIC_PROCESS_START_SECONDS, METRIC_NO_LABELS);
	metric_set(process->start, clock_now_us()); /* main's first steps took milliseconds */
	metrics_collect_with(metrics, collect, process);
	return process;
}

void process_metrics_stop(struct process_metrics *process)
{
	free(process);
}
