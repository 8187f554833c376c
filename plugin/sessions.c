#include "sessions.h"

#include "hash.h"

#include <sys/random.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS_AT_START 1024

/* The two ways a session is found; the code for both is the same. */
enum key {
	KEY_ID,
	KEY_CLIENT,
};

static uint64_t hash_of_id(const struct sessions *sessions, const char *id, size_t id_len)
{
	return hash_bytes(sessions->seed, id, id_len);
}

static uint64_t hash_of_client(const struct sessions *sessions, const struct mosquitto *client)
{
	return hash_mix((uint64_t)(uintptr_t)client ^ sessions->seed);
}

static uint64_t hash_of(const struct session *session, enum key key)
{
	return key == KEY_ID ? session->id_hash : session->client_hash;
}

static bool index_init(struct session_index *index, size_t n_slots)
{
	*index = (struct session_index){ .n_slots = n_slots };
	index->slots = calloc(n_slots, sizeof(index->slots[0]));
	return index->slots != NULL;
}

static size_t next_slot(const struct session_index *index, size_t at)
{
	return (at + 1) & (index->n_slots - 1);
}

static size_t home_slot(const struct session_index *index, uint64_t hash)
{
	return (size_t)hash & (index->n_slots - 1);
}

static void index_insert(struct session_index *index, struct session *session, enum key key)
{
	size_t at = home_slot(index, hash_of(session, key));

	while (index->slots[at])
		at = next_slot(index, at);
	index->slots[at] = session;
	index->n_used++;
}

/* The slot of this very session. It must be there. */
static size_t slot_of(const struct session_index *index, const struct session *session, enum key key)
{
	size_t at = home_slot(index, hash_of(session, key));

	while (index->slots[at] != session)
		at = next_slot(index, at);
	return at;
}

/* Closes the gap by moving back what would no longer be found across it: no tombstones, so no decay over years. */
static void index_remove(struct session_index *index, const struct session *session, enum key key)
{
	size_t gap = slot_of(index, session, key);
	size_t mask = index->n_slots - 1;

	for (size_t at = next_slot(index, gap); index->slots[at]; at = next_slot(index, at)) {
		size_t home = home_slot(index, hash_of(index->slots[at], key));

		if (((at - home) & mask) < ((at - gap) & mask))
			continue; /* its home lies behind the gap */
		index->slots[gap] = index->slots[at];
		gap = at;
	}
	index->slots[gap] = NULL;
	index->n_used--;
}

static bool index_make_room(struct session_index *index, enum key key)
{
	struct session_index larger;

	if ((index->n_used + 1) * 2 <= index->n_slots)
		return true;
	if (!index_init(&larger, index->n_slots * 2))
		return false;
	for (size_t at = 0; at < index->n_slots; at++) {
		if (index->slots[at])
			index_insert(&larger, index->slots[at], key);
	}
	free(index->slots);
	*index = larger;
	return true;
}

bool sessions_init(struct sessions *sessions)
{
	*sessions = (struct sessions){ .first = NULL };
	if (getrandom(&sessions->seed, sizeof(sessions->seed), 0) != (ssize_t)sizeof(sessions->seed))
		return false;
	if (index_init(&sessions->by_id, SLOTS_AT_START) && index_init(&sessions->by_client, SLOTS_AT_START))
		return true;
	sessions_done(sessions);
	return false;
}

void sessions_done(struct sessions *sessions)
{
	struct session *session = sessions->first;

	while (session) {
		struct session *next = session->next;

		free(session);
		session = next;
	}
	free(sessions->by_id.slots);
	free(sessions->by_client.slots);
	*sessions = (struct sessions){ .first = NULL };
}

static void list_append(struct sessions *sessions, struct session *session)
{
	session->previous = sessions->last;
	if (sessions->last)
		sessions->last->next = session;
	else
		sessions->first = session;
	sessions->last = session;
}

static void list_remove(struct sessions *sessions, struct session *session)
{
	if (session->previous)
		session->previous->next = session->next;
	else
		sessions->first = session->next;
	if (session->next)
		session->next->previous = session->previous;
	else
		sessions->last = session->previous;
	session->previous = NULL;
	session->next = NULL;
}

struct session *sessions_add(struct sessions *sessions, const char *id, size_t id_len, const struct mosquitto *client,
			     const char *address, int64_t number, int64_t at_us)
{
	struct session *session;

	if (!index_make_room(&sessions->by_id, KEY_ID) || !index_make_room(&sessions->by_client, KEY_CLIENT))
		return NULL;
	session = calloc(1, sizeof(*session));
	if (!session)
		return NULL;

	session->number = number;
	session->at_us = at_us;
	session->client = client;
	memcpy(session->id, id, id_len);
	(void)snprintf(session->address, sizeof(session->address), "%s", address ? address : "");
	session->id_hash = hash_of_id(sessions, id, id_len);
	session->client_hash = hash_of_client(sessions, client);
	session->older = sessions_newest(sessions, id, id_len);

	if (session->older)
		sessions->by_id.slots[slot_of(&sessions->by_id, session->older, KEY_ID)] = session;
	else
		index_insert(&sessions->by_id, session, KEY_ID);
	index_insert(&sessions->by_client, session, KEY_CLIENT);
	list_append(sessions, session);
	return session;
}

struct session *sessions_by_client(const struct sessions *sessions, const struct mosquitto *client)
{
	const struct session_index *index = &sessions->by_client;
	size_t at = home_slot(index, hash_of_client(sessions, client));

	while (index->slots[at] && index->slots[at]->client != client)
		at = next_slot(index, at);
	return index->slots[at];
}

struct session *sessions_newest(const struct sessions *sessions, const char *id, size_t id_len)
{
	const struct session_index *index = &sessions->by_id;
	uint64_t hash = hash_of_id(sessions, id, id_len);

	for (size_t at = home_slot(index, hash); index->slots[at]; at = next_slot(index, at)) {
		struct session *session = index->slots[at];

		if (session->id_hash == hash && memcmp(session->id, id, id_len) == 0 && session->id[id_len] == '\0')
			return session;
	}
	return NULL;
}

void sessions_unlink(struct sessions *sessions, struct session *session)
{
	struct session *newest = sessions_newest(sessions, session->id, strlen(session->id));

	if (newest != session) {
		struct session *younger = newest;

		while (younger->older != session)
			younger = younger->older;
		younger->older = session->older;
	} else if (session->older) {
		sessions->by_id.slots[slot_of(&sessions->by_id, session, KEY_ID)] = session->older;
	} else {
		index_remove(&sessions->by_id, session, KEY_ID);
	}
	index_remove(&sessions->by_client, session, KEY_CLIENT);
	list_remove(sessions, session);
	session->older = NULL;
}

const char *session_end_name(enum session_end end)
{
	static const char *const names[SESSION_END_COUNT] = {
		[SESSION_END_CLOSED] = "closed",         [SESSION_END_TAKEN_OVER] = "taken_over",
		[SESSION_END_KEEP_ALIVE] = "keep_alive", [SESSION_END_REVOKED] = "revoked",
		[SESSION_END_SUSPENDED] = "suspended",   [SESSION_END_CERTIFICATE_REVOKED] = "certificate_revoked",
		[SESSION_END_REFUSED] = "refused",       [SESSION_END_MESSAGE_RATE] = "message_rate",
		[SESSION_END_BYTE_RATE] = "byte_rate",
	};

	return names[end];
}

size_t sessions_count(const struct sessions *sessions)
{
	return sessions->by_client.n_used;
}
