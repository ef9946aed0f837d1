// SPDX-License-Identifier: MIT
/* See ring.h. */
#include "ring.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096u
#define CHUNKS 16384u /* closed ones that wait, at most; then the oldest goes before its time */
#define LOCK_NS 1000000000ull
#define NAP_NS 50000

/* A stream that has, or may make, chunk files. */
struct ring_stream {
	char name[STREAM_NAME_MAX]; /* when it has closed chunks */
	ev_u64 seen;		    /* what the newest of them says */
	ev_u32 chunks;		    /* how many of them are there */
	bool used, open, current;   /* current: it has another one, which counts its events */
};

struct ring_chunk {
	ev_u32 stream, number, bytes, events;
};

struct ring {
	ev_u64 limit, bytes;
	ev_u32 num_streams; /* used or not used any more */
	ev_u32 num_open;
	ev_u32 oldest, num_chunks; /* the queue */
	int lock;
	struct ring_stream streams[CHUNKS];
	struct ring_chunk chunks[CHUNKS];
};

/* ---- sizes ---- */

static ev_u64 whole_pages(ev_u64 bytes)
{
	return bytes / PAGE * PAGE;
}

static ev_u64 between(ev_u64 least, ev_u64 value, ev_u64 most)
{
	return value < least ? least : value > most ? most : value;
}

ev_u32 ring__chunk_max(const struct ring *r)
{
	ev_u64 most = between(STREAM_CHUNK_MAX, r->limit / (CHUNKS / 2), 64u << 20);

	return (ev_u32)whole_pages(between(PAGE, r->limit / 16, most));
}

ev_u32 ring__chunk_first(const struct ring *r)
{
	ev_u32 max = ring__chunk_max(r);

	return max < STREAM_CHUNK_FIRST ? max : STREAM_CHUNK_FIRST;
}

/* Half of the bound for all current chunks, so that something older is there beside them. */
static ev_u64 share(const struct ring *r)
{
	return whole_pages(between(PAGE, r->limit / 2 / (r->num_open ? r->num_open : 1), r->limit));
}

bool stream_limit__parse(const char *text, ev_u64 *bytes)
{
	static const char units[] = "KMG";
	const char *unit;
	ev_u64 value;
	long shift;
	char *end;

	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	value = strtoull(text, &end, 10);
	unit = *end ? strchr(units, *end) : NULL;
	shift = unit ? 10 * (unit - units + 1) : 0;
	if (errno || value > STREAM_LIMIT_MAX >> shift || end[unit != NULL])
		return false;
	value <<= shift;
	if (value < STREAM_LIMIT_MIN)
		return false;
	*bytes = value;
	return true;
}

/* ---- the lock ---- */

/* By thread: a signal handler above the holder must not wait for it. */
bool stream_lock__take(int *lock)
{
	int self = (int)syscall(SYS_gettid), holder = 0;
	const struct timespec nap = {.tv_nsec = NAP_NS};
	ev_u64 until = 0, now;

	for (unsigned int tries = 0; !__atomic_compare_exchange_n(
		     lock, &holder, self, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
	     holder = 0, tries++) {
		if (holder == self)
			return false;
		if (tries < 1000) {
			__builtin_ia32_pause();
			continue;
		}
		now = stream__now();
		if (!until)
			until = now + LOCK_NS;
		if (now > until)
			return false;
		/* The holder waits for the disk. nanosleep() is where threads are cancelled. */
		syscall(SYS_nanosleep, &nap, NULL);
	}
	return true;
}

void stream_lock__release(int *lock)
{
	__atomic_store_n(lock, 0, __ATOMIC_RELEASE);
}

/* ---- the queue; the lock is held ---- */

/* No header counts what the stream saw; nor will one, where it is closed. */
static ev_u64 take_orphans(struct ring_stream *of)
{
	ev_u64 seen = of->seen;

	if (of->chunks || of->current)
		return 0;
	of->seen = 0;
	of->used = of->open;
	return seen;
}

/* Remove the chunk that was closed first. 1 when there is none, negative errno when it stays. */
static int remove_oldest(struct stream_proc *p)
{
	struct ring *r = p->ring;
	const struct ring_chunk c = r->chunks[r->oldest];
	struct ring_stream *of = &r->streams[c.stream];
	char name[STREAM_NAME_MAX + 12];

	if (!r->num_chunks)
		return 1;
	snprintf(name, sizeof(name), "%s.%u", of->name, c.number);
	/* Before it is counted: a kill between the two loses a count, and claims nothing. */
	if (unlinkat(p->dir.fd, name, 0) && errno != ENOENT)
		return -errno;
	r->oldest = (r->oldest + 1) % CHUNKS;
	r->num_chunks--;
	r->bytes -= c.bytes;
	of->chunks--;
	stream_proc__count(p, LOSS_overwritten, c.events, take_orphans(of));
	return 0;
}

/* A place for a stream, counted from 1; 0 when all are taken. */
static ev_u32 find_place(const struct ring *r)
{
	for (ev_u32 i = 0; i < r->num_streams; i++)
		if (!r->streams[i].used)
			return i + 1;
	return r->num_streams < CHUNKS ? r->num_streams + 1 : 0;
}

static bool claim_place(struct ring *r, struct stream *s)
{
	s->place = s->place ? s->place : find_place(r);
	if (!s->place)
		return false;
	if (s->place > r->num_streams)
		r->num_streams = s->place;
	if (!r->streams[s->place - 1].open)
		r->num_open++;
	r->streams[s->place - 1].used = r->streams[s->place - 1].open = true;
	return true;
}

/* 0, or the cause. */
static int make_room(struct stream_proc *p, struct stream *s, ev_u32 least, ev_u32 *bytes)
{
	struct ring *r = p->ring;
	ev_u64 want = *bytes;
	int err = 0;

	while (!claim_place(r, s) && !err)
		err = remove_oldest(p);
	if (!err && want > share(r))
		want = share(r);
	if (want < least)
		want = least;
	while (!err && r->bytes + want > r->limit)
		err = remove_oldest(p);
	if (err < 0)
		return LOSS_no_chunk;
	if (!s->place || r->bytes + least > r->limit)
		return LOSS_no_buffer;
	/* What is there is current or kept. */
	if (r->bytes + want > r->limit)
		want = whole_pages(r->limit - r->bytes);
	if (want < least)
		return LOSS_no_buffer;
	*bytes = (ev_u32)want;
	return 0;
}

/* ---- streams ---- */

int ring__begin_chunk(struct stream *s, ev_u32 least, ev_u32 *bytes)
{
	struct ring *r = s->proc->ring;
	struct ring_stream *of;
	int cause;

	least = (least + PAGE - 1) / PAGE * PAGE;
	if (!stream_lock__take(&r->lock))
		return LOSS_no_chunk;
	cause = make_room(s->proc, s, least, bytes);
	if (!cause) {
		of = &r->streams[s->place - 1];
		r->bytes += *bytes;
		of->current = true;
		s->seen = of->seen;
	}
	stream_lock__release(&r->lock);
	return cause;
}

void ring__no_chunk(struct stream *s, ev_u32 bytes)
{
	struct ring *r = s->proc->ring;

	if (!stream_lock__take(&r->lock))
		return;
	r->bytes -= bytes;
	r->streams[s->place - 1].current = false;
	stream_proc__count(s->proc, LOSS_overwritten, 0, take_orphans(&r->streams[s->place - 1]));
	stream_lock__release(&r->lock);
}

int ring__end_chunk(struct stream *s, ev_u64 events)
{
	struct ring *r = s->proc->ring;
	struct ring_stream *of;

	if (!s->map)
		return 0;
	if (!stream_lock__take(&r->lock))
		return LOSS_no_chunk;
	while (r->num_chunks == CHUNKS && !s->kept)
		if (remove_oldest(s->proc)) {
			stream_lock__release(&r->lock);
			return LOSS_no_chunk;
		}
	of = &r->streams[s->place - 1];
	memcpy(of->name, s->name, sizeof(of->name));
	of->seen = s->seen;
	of->current = false;
	of->chunks++;
	if (!s->kept)
		r->chunks[(r->oldest + r->num_chunks++) % CHUNKS] =
			(struct ring_chunk){.stream = s->place - 1,
					    .number = s->next_chunk - 1,
					    .bytes = s->map_bytes,
					    .events = (ev_u32)events};
	stream__drop_chunk(s); /* or its blocks would outlive its name */
	stream_lock__release(&r->lock);
	return 0;
}

bool ring__name_taken(const struct stream *s)
{
	struct ring *r = s->proc->ring;
	bool taken = false;

	if (!stream_lock__take(&r->lock))
		return false;
	for (ev_u32 i = 0; i < r->num_streams && !taken; i++)
		taken = r->streams[i].used && r->streams[i].chunks && i + 1 != s->place &&
			!strcmp(r->streams[i].name, s->name);
	stream_lock__release(&r->lock);
	return taken;
}

void ring__close_stream(struct stream *s)
{
	struct ring *r = s->proc->ring;
	struct ring_stream *of;

	if (!s->place || !stream_lock__take(&r->lock))
		return;
	of = &r->streams[s->place - 1];
	of->open = false;
	of->used = of->chunks || of->current;
	r->num_open--;
	s->place = 0;
	stream_lock__release(&r->lock);
}

/* ---- the whole ---- */

struct ring *ring__new(ev_u64 limit, ev_u64 used)
{
	struct ring *r = mmap(NULL, sizeof(*r), PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (r == MAP_FAILED)
		return NULL;
	r->limit = limit;
	r->bytes = used;
	return r;
}

void ring__free(struct ring *r)
{
	if (r)
		munmap(r, sizeof(*r));
}
