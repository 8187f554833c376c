#include "keeper.h"

#include "setfile.h"

#include <sys/stat.h>

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define KEEPER_SECOND_NS INT64_C(1000000000)
/* A file younger than this may change once more without its times showing it: they have the kernel's tick for a grain. */
#define KEEPER_FRESH_NS (KEEPER_SECOND_NS / 10)

/* By these a file is known to be the same as before. */
struct look {
	bool there;
	ino_t inode;
	off_t size;
	struct timespec modified, changed;
};

enum { PATH_FIRST, PATH_COPY, PATH_COUNT };

struct keeper {
	pthread_t thread;
	bool running;
	pthread_mutex_t lock;
	pthread_cond_t woken;
	/* under the lock: */
	bool stopping;
	struct bytes given; /* to be written */
	bool busy;          /* given, or not written yet */
	struct table fresh; /* to be taken */
	/* end of it */
	atomic_bool has_fresh;
	atomic_uint alarms;

	/* the thread's alone, once it runs: */
	char paths[PATH_COUNT][PATH_MAX];
	const char *local_path; /* NULL: none */
	struct bytes set;       /* none while the set is unknown */
	struct table last_good;
	uint64_t seed;
	struct look looks[PATH_COUNT];
	bool settled[PATH_COUNT]; /* found to be as written when looked at */
	struct look local_look;
	bool local_settled;
	char digest[SETFILE_DIGEST_HEX]; /* of the text as it has been written */
	bool dirty[PATH_COUNT];
	int64_t retry_at_ns;
	int64_t damaged_until_ns; /* 0: no such alarm */
	int64_t alarm_hold_ns;
};

static int64_t keeper_now_ns(clockid_t clock)
{
	struct timespec now;

	(void)clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * KEEPER_SECOND_NS + now.tv_nsec;
}

static void set_alarm(struct keeper *keeper, enum keeper_alarm alarm, bool on)
{
	if (on)
		atomic_fetch_or(&keeper->alarms, (unsigned int)alarm);
	else
		atomic_fetch_and(&keeper->alarms, ~(unsigned int)alarm);
}

static struct look look_at(const char *path)
{
	struct stat info;

	if (stat(path, &info) != 0)
		return (struct look){ .there = false };
	return (struct look){ true, info.st_ino, info.st_size, info.st_mtim, info.st_ctim };
}

static bool same_time(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool same_look(const struct look *a, const struct look *b)
{
	return a->there == b->there && a->inode == b->inode && a->size == b->size &&
	       same_time(a->modified, b->modified) && same_time(a->changed, b->changed);
}

static bool is_fresh(const struct look *look)
{
	int64_t changed_ns = (int64_t)look->changed.tv_sec * KEEPER_SECOND_NS + look->changed.tv_nsec;

	return look->there && keeper_now_ns(CLOCK_REALTIME) - changed_ns < KEEPER_FRESH_NS;
}

/* --- the operator's list --- */

static void hand_over(struct keeper *keeper, struct table *effective)
{
	pthread_mutex_lock(&keeper->lock);
	table_done(&keeper->fresh);
	keeper->fresh = *effective;
	atomic_store(&keeper->has_fresh, true);
	pthread_mutex_unlock(&keeper->lock);
}

static void mark_dirty(struct keeper *keeper)
{
	for (size_t i = 0; i < PATH_COUNT; i++)
		keeper->dirty[i] = true;
}

/* Puts the ids of the file into the table. A list that is not good, or not to be read, adds to the last good one. */
static enum local_state read_local(struct keeper *keeper, struct table *effective)
{
	struct bytes bytes = { NULL, 0 };
	enum file_state file = file_read(keeper->local_path, LOCAL_BYTES_MAX, &bytes);
	enum local_state state = file == FILE_UNREADABLE ? LOCAL_DAMAGED : LOCAL_GOOD;

	if (file == FILE_READ)
		state = local_parse(effective, bytes.at, bytes.len);
	bytes_done(&bytes);
	if (state == LOCAL_DAMAGED && !local_add(effective, &keeper->last_good))
		return LOCAL_NO_MEMORY;
	return state;
}

static bool same_list(const struct table *a, const struct table *b)
{
	for (size_t at = 0; at < a->n_slots; at++) {
		if (a->slots[at] && !table_find(b, a->slots[at]->bytes, a->slots[at]->key_len))
			return false;
	}
	return a->n_used == b->n_used;
}

/* False: no memory; then the former list stays in force, and the next round tries again. */
static bool take_up_local(struct keeper *keeper)
{
	struct table effective, good;

	table_init(&effective, keeper->seed);
	table_init(&good, keeper->seed);

	enum local_state state = read_local(keeper, &effective);
	bool ok = state != LOCAL_NO_MEMORY && (state != LOCAL_GOOD || local_add(&good, &effective));

	set_alarm(keeper, KEEPER_LOCAL_DAMAGED, state != LOCAL_GOOD);
	if (!ok) {
		table_done(&effective);
		table_done(&good);
		return false;
	}
	if (state == LOCAL_GOOD) {
		if (!same_list(&good, &keeper->last_good))
			mark_dirty(keeper);
		table_done(&keeper->last_good);
		keeper->last_good = good;
	}
	hand_over(keeper, &effective);
	return true;
}

static void look_at_local(struct keeper *keeper)
{
	struct look look;

	if (!keeper->local_path)
		return;
	look = look_at(keeper->local_path);
	if (keeper->local_settled && same_look(&look, &keeper->local_look))
		return;
	keeper->local_look = look;
	keeper->local_settled = take_up_local(keeper) && !is_fresh(&look);
}

/* --- the set's files --- */

static void raise_damaged(struct keeper *keeper)
{
	set_alarm(keeper, KEEPER_FILE_DAMAGED, true);
	keeper->damaged_until_ns = keeper_now_ns(CLOCK_MONOTONIC) + keeper->alarm_hold_ns;
}

static bool is_as_written(const struct keeper *keeper, const char *path)
{
	struct bytes bytes = { NULL, 0 };
	struct setfile parts;
	bool same = file_read(path, SETFILE_BYTES_MAX, &bytes) == FILE_READ &&
		    setfile_check(bytes.at, bytes.len, &parts) &&
		    memcmp(parts.digest, keeper->digest, SETFILE_DIGEST_HEX) == 0;

	bytes_done(&bytes);
	return same;
}

static void look_at_file(struct keeper *keeper, size_t which)
{
	struct look look = look_at(keeper->paths[which]);

	if (keeper->dirty[which] || (keeper->settled[which] && same_look(&look, &keeper->looks[which])))
		return;
	if (is_as_written(keeper, keeper->paths[which])) {
		keeper->looks[which] = look;
		keeper->settled[which] = !is_fresh(&look);
		return;
	}
	raise_damaged(keeper);
	keeper->dirty[which] = true;
}

static bool write_files(struct keeper *keeper)
{
	struct bytes file;
	struct setfile parts;

	if (!setfile_compose(&keeper->set, &keeper->last_good, &file))
		return false;

	bool ok = setfile_check(file.at, file.len, &parts);

	/* A file that is not dirty has this digest already: only a change of the text makes a new one, and both dirty. */
	if (ok)
		memcpy(keeper->digest, parts.digest, SETFILE_DIGEST_HEX);
	for (size_t i = 0; i < PATH_COUNT && ok; i++) {
		if (!keeper->dirty[i])
			continue;
		ok = file_write(keeper->paths[i], file.at, file.len);
		keeper->dirty[i] = !ok;
		keeper->settled[i] = false; /* so the next round reads what was written */
	}
	bytes_done(&file);
	return ok;
}

static bool any_dirty(const struct keeper *keeper)
{
	return keeper->dirty[PATH_FIRST] || keeper->dirty[PATH_COPY];
}

static void keep_files(struct keeper *keeper)
{
	int64_t now_ns = keeper_now_ns(CLOCK_MONOTONIC);

	if (!keeper->set.at)
		return; /* unknown: there is nothing to write, and what is there may be looked at by a person */
	for (size_t i = 0; i < PATH_COUNT; i++)
		look_at_file(keeper, i);
	if (any_dirty(keeper) && now_ns >= keeper->retry_at_ns) {
		bool ok = write_files(keeper);

		set_alarm(keeper, KEEPER_FILE_UNWRITABLE, !ok);
		keeper->retry_at_ns = ok ? 0 : now_ns + KEEPER_RETRY_MS * (KEEPER_SECOND_NS / 1000);
	}
	if (keeper->damaged_until_ns && !any_dirty(keeper) && now_ns >= keeper->damaged_until_ns) {
		set_alarm(keeper, KEEPER_FILE_DAMAGED, false);
		keeper->damaged_until_ns = 0;
	}
}

/* --- the thread --- */

/* Takes what was given; says whether to go on. */
static bool take_given(struct keeper *keeper)
{
	struct bytes given;
	bool stopping;

	pthread_mutex_lock(&keeper->lock);
	given = keeper->given;
	keeper->given = (struct bytes){ NULL, 0 };
	stopping = keeper->stopping;
	pthread_mutex_unlock(&keeper->lock);
	if (given.at) {
		bytes_done(&keeper->set);
		keeper->set = given;
		mark_dirty(keeper);
	}
	return !stopping;
}

static void wait_for_work(struct keeper *keeper)
{
	struct timespec until;

	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += KEEPER_LOOK_MS * 1000000L;
	if (until.tv_nsec >= KEEPER_SECOND_NS) {
		until.tv_sec++;
		until.tv_nsec -= KEEPER_SECOND_NS;
	}
	pthread_mutex_lock(&keeper->lock);
	keeper->busy = keeper->given.at || (keeper->set.at && any_dirty(keeper));
	while (!keeper->stopping && !keeper->given.at &&
	       pthread_cond_timedwait(&keeper->woken, &keeper->lock, &until) != ETIMEDOUT)
		;
	pthread_mutex_unlock(&keeper->lock);
}

static void *keeper_run(void *context)
{
	struct keeper *keeper = context;
	bool go_on = true;

	while (go_on) {
		wait_for_work(keeper);
		go_on = take_given(keeper);
		if (!go_on)
			keeper->retry_at_ns = 0; /* the last chance */
		look_at_local(keeper);
		keep_files(keeper);
	}
	return NULL;
}

bool keeper_start(struct keeper *keeper)
{
	sigset_t all, before;

	/* Signals are the broker's, which waits for them in its own thread. */
	(void)sigfillset(&all);
	if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0)
		return false;
	keeper->running = pthread_create(&keeper->thread, NULL, keeper_run, keeper) == 0;
	return pthread_sigmask(SIG_SETMASK, &before, NULL) == 0 && keeper->running;
}

/* --- the broker's side --- */

static bool load_set(struct keeper *keeper, struct revocation *revocation, const struct setfile *parts)
{
	struct table kept;
	char *text = NULL;

	table_init(&kept, keeper->seed);

	bool ok = local_read_kept(&kept, parts->local, parts->local_len) && (text = malloc(parts->set_len)) != NULL &&
		  revocation_load(revocation, parts->set, parts->set_len);

	if (!ok) {
		table_done(&kept);
		free(text);
		return false;
	}
	memcpy(text, parts->set, parts->set_len);
	memcpy(keeper->digest, parts->digest, SETFILE_DIGEST_HEX);
	keeper->set = (struct bytes){ text, parts->set_len };
	keeper->last_good = kept;
	return true;
}

enum opened { OPENED_GOOD, OPENED_MISSING, OPENED_DAMAGED };

/* Reads one of the files; what is not good is to be written anew. */
static enum opened open_file(struct keeper *keeper, struct revocation *revocation, size_t which)
{
	struct bytes bytes = { NULL, 0 };
	struct setfile parts;
	enum file_state state = file_read(keeper->paths[which], SETFILE_BYTES_MAX, &bytes);
	bool good = state == FILE_READ && setfile_check(bytes.at, bytes.len, &parts) &&
		    load_set(keeper, revocation, &parts);

	bytes_done(&bytes);
	keeper->dirty[which] = !good;
	if (good)
		return OPENED_GOOD;
	return state == FILE_MISSING ? OPENED_MISSING : OPENED_DAMAGED;
}

/* With neither there, this is the first start, or somebody has removed both: unknown, but not damaged. */
static void open_files(struct keeper *keeper, struct revocation *revocation)
{
	enum opened first = open_file(keeper, revocation, PATH_FIRST);

	if (first == OPENED_GOOD)
		keeper->dirty[PATH_COPY] = !is_as_written(keeper, keeper->paths[PATH_COPY]);
	else if (open_file(keeper, revocation, PATH_COPY) != OPENED_MISSING || first == OPENED_DAMAGED)
		raise_damaged(keeper);
}

static bool set_paths(struct keeper *keeper, const char *path)
{
	int n = snprintf(keeper->paths[PATH_FIRST], PATH_MAX, "%s", path);
	int n_copy = snprintf(keeper->paths[PATH_COPY], PATH_MAX, "%s.copy", path);

	return n > 0 && n_copy > 0 && n_copy < PATH_MAX;
}

static bool threads_init(struct keeper *keeper)
{
	pthread_condattr_t attributes;

	if (pthread_condattr_init(&attributes) != 0)
		return false;

	bool ok = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0 &&
		  pthread_cond_init(&keeper->woken, &attributes) == 0 && pthread_mutex_init(&keeper->lock, NULL) == 0;

	(void)pthread_condattr_destroy(&attributes);
	return ok;
}

struct keeper *keeper_open(const char *path, const char *local_path, struct revocation *revocation)
{
	struct keeper *keeper = calloc(1, sizeof(*keeper));
	struct table local;

	if (!keeper || !set_paths(keeper, path) || !threads_init(keeper)) {
		free(keeper);
		return NULL;
	}
	keeper->local_path = local_path;
	keeper->seed = revocation->seed;
	keeper->alarm_hold_ns = KEEPER_ALARM_HOLD_S * KEEPER_SECOND_NS;
	table_init(&keeper->last_good, keeper->seed);
	table_init(&keeper->fresh, keeper->seed);
	open_files(keeper, revocation);
	look_at_local(keeper);
	if (keeper_take_local(keeper, &local))
		revocation_take_local(revocation, &local);
	return keeper;
}

void keeper_free(struct keeper *keeper)
{
	if (!keeper)
		return;
	if (keeper->running) {
		pthread_mutex_lock(&keeper->lock);
		keeper->stopping = true;
		pthread_cond_signal(&keeper->woken);
		pthread_mutex_unlock(&keeper->lock);
		pthread_join(keeper->thread, NULL);
	}
	bytes_done(&keeper->given);
	bytes_done(&keeper->set);
	table_done(&keeper->fresh);
	table_done(&keeper->last_good);
	pthread_cond_destroy(&keeper->woken);
	pthread_mutex_destroy(&keeper->lock);
	free(keeper);
}

bool keeper_idle(struct keeper *keeper)
{
	pthread_mutex_lock(&keeper->lock);
	bool idle = !keeper->busy;
	pthread_mutex_unlock(&keeper->lock);
	return idle;
}

void keeper_save(struct keeper *keeper, char *text, size_t len)
{
	pthread_mutex_lock(&keeper->lock);
	free(keeper->given.at);
	keeper->given = (struct bytes){ text, len };
	keeper->busy = true;
	pthread_cond_signal(&keeper->woken);
	pthread_mutex_unlock(&keeper->lock);
}

bool keeper_take_local(struct keeper *keeper, struct table *ret_local)
{
	if (!atomic_load(&keeper->has_fresh))
		return false;
	pthread_mutex_lock(&keeper->lock);
	*ret_local = keeper->fresh;
	table_init(&keeper->fresh, keeper->seed);
	atomic_store(&keeper->has_fresh, false);
	pthread_mutex_unlock(&keeper->lock);
	return true;
}

unsigned int keeper_alarms(struct keeper *keeper)
{
	return atomic_load(&keeper->alarms);
}
