/* SPDX-License-Identifier: MIT */
/*
 * Writing a trace: the ctf/ directory and its chunk files.
 *
 * For writers inside other people's processes (the agent, the emulated device) and for the
 * recorder. Knows the event table and libc; knows nothing of HSA, KFD or BPF. After stream__open
 * nothing here calls malloc or prints; a lock is taken in ring mode only, where a chunk begins or
 * ends.
 *
 * A stream NAME is the chunk files NAME.0, NAME.1, ... in ctf/, each one CTF packet. A chunk is
 * made under a name that starts with a dot, given its full size and a valid header, then renamed:
 * a kill at any moment leaves files that every reader accepts. One thread writes a stream.
 *
 * Events that cannot be written are counted by cause in the process's counter chunk
 * (NAME "<prefix>_counts"), whose loss events change in place.
 *
 * Making a chunk takes a file system a millisecond. A stream may have its next one made ahead, by
 * another thread (stream__use_spare): until it is taken that is a file with a dot name too.
 *
 * Append is the default. In ring mode (stream_proc__limit) the files of the process stay within a
 * bound: the chunk that was closed first, over all threads, makes room for a new one, and its
 * events are counted as overwritten. An ended thread's chunks are removed in their turn. The
 * counter chunk and the chunks of kept streams (stream__keep) are never removed.
 */
#ifndef RDNA1_STREAM_H
#define RDNA1_STREAM_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "../../bpf/events.h"

#define STREAM_NAME_MAX 64

/* Where an event is written often: what happens stands together, and less of the cache is code. */
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/* What the metadata file says about the trace as a whole. */
struct stream_meta {
	ev_u8 uuid[16];
	ev_u64 realtime_offset_ns; /* CLOCK_REALTIME minus CLOCK_MONOTONIC */
	bool emulated;
	bool recovered; /* a copy of what was whole of a damaged trace */
};

/* A trace that this process writes to. */
struct stream_dir {
	int fd; /* ctf/ */
	ev_u8 uuid[16];
	bool emulated; /* what its metadata says */
	bool mapped;   /* chunks are written through shared mappings: see stream.c */
};

/* A file that stays open, known again should the application close the descriptor under us. */
struct stream_file {
	int fd; /* -1: none, the file is written through its mapping */
	ev_u64 dev, ino;
};

/*
 * Make DIR/ctf with its metadata, complete and on disk under a temporary name, then renamed.
 * dir_fd: DIR. Returns 0, also when another writer made it first; negative errno.
 */
int stream_dir__create(int dir_fd, const struct stream_meta *meta);

/* Fill *meta with a new random uuid and the clocks as they are now. */
void stream_meta__init(struct stream_meta *meta);

/*
 * Open DIR/ctf for writing. Returns 0; -EPROTO when its metadata is not of this EV_FORMAT;
 * another negative errno. The caller closes with stream_dir__close.
 */
int stream_dir__open(struct stream_dir *sd, int dir_fd);
void stream_dir__close(struct stream_dir *sd);

/* A thread's own reckoning of CLOCK_MONOTONIC: see clock.c. */
struct stream_clock {
	ev_u64 tsc, ns;	 /* read together last */
	ev_u64 rate;	 /* ns for each 2^32 cycles; 0 not known yet */
	ev_u64 span;	 /* cycles for which that holds */
	ev_u64 base_tsc, base_ns; /* what the rate is measured from */
};

/* The counters of one process: in its chunk file at every moment. */
struct stream_proc {
	/* What every event asks for. */
	volatile ev_u32 *sentinel; /* own page, MADV_WIPEONFORK: 0 in a forked child */
	bool tsc;		   /* events are timed by stream_clock */

	struct stream_dir dir;
	ev_u16 source; /* enum ev_source */
	ev_u32 pid;
	char prefix[32]; /* "agent_123" */
	void *map;	 /* counter chunk; NULL when it could not be made: losses are then unknown */
	size_t map_bytes;
	int map_error; /* negative errno when it could not */
	struct stream_file file;
	struct ev_loss *losses[LOSS_COUNT]; /* into map */
	struct ring *ring;		    /* NULL: append */
	ev_u32 generation; /* of writers of this kind and pid: 2 for what was executed in its place */
	/* atomic: says that a spare is wanted, in the writer's thread; NULL: nobody prepares any */
	void (*wake)(void);
	ev_u32 num_spares; /* atomic: ever, for their names */
};

/*
 * Begin writing to the trace in dir_fd as "<kind>_<getpid()>". Returns 0 or negative errno.
 * Works without a counter chunk when the disk is full (map_error says so): losses then go unreported,
 * the rest works.
 */
int stream_proc__open(struct stream_proc *p, int dir_fd, enum ev_source source, const char *kind);
void stream_proc__close(struct stream_proc *p);

#define STREAM_LIMIT_MIN (64ull << 10)
#define STREAM_LIMIT_MAX (64ull << 30)

/*
 * Ring mode: keep the newest part of this process's trace within so many bytes of files (their
 * full sizes, counter chunk and kept streams included). Right after stream_proc__open, before any
 * stream is opened. 0; -EINVAL when bytes lie outside STREAM_LIMIT_MIN to STREAM_LIMIT_MAX;
 * -ENOMEM: it appends.
 *
 * Chunks are a sixteenth of the bound at most, and smaller where many threads write: the current
 * ones share half of it. A thread that finds the bound full of others' current chunks, and of kept
 * ones, gets a smaller chunk, of a page at least, or loses its events (LOSS_no_buffer) until there
 * is room.
 */
int stream_proc__limit(struct stream_proc *p, ev_u64 bytes);

/* "65536", "64K", "64M", "2G" -> bytes. False when it is none of these or outside the limits. */
bool stream_limit__parse(const char *text, ev_u64 *bytes);

/* False in a forked child that inherited *p: it must not write. */
static inline bool stream_proc__mine(const struct stream_proc *p)
{
	return p->sentinel && *p->sentinel;
}

/* orphan: the events belong to no stream that counts them in its `seen`. */
void stream_proc__lost(struct stream_proc *p, enum ev_loss_cause cause, ev_u64 count, bool orphan);

enum stream_spare_state {
	SPARE_EMPTY,
	SPARE_WANTED,	 /* by the stream */
	SPARE_PREPARING, /* by another thread */
	SPARE_READY,
	SPARE_TAKEN,	 /* being made a chunk, or removed */
	SPARE_ABANDONED, /* who prepares it is to remove it */
};

/*
 * The chunk after the current one. Memory that stays, zeroed before its first use: it outlives the
 * stream, and can serve another one of the same process afterwards, when it is EMPTY again.
 */
struct stream_spare {
	int state; /* atomic enum stream_spare_state; who changed it owns the rest */
	ev_u32 number;
	ev_u32 wanted_bytes; /* atomic */
	ev_u32 bytes;
	void *map;
	void *old_map; /* the chunk before the current one, to be unmapped */
	ev_u32 old_bytes;
	struct stream_proc *proc;
};

struct stream {
	/* What every event touches. */
	struct stream_proc *proc;
	ev_u64 last_ts;
	struct stream_clock clock;
	ev_u64 seen;
	ev_u8 *map; /* current chunk, NULL before the first */
	ev_u32 map_bytes;
	ev_u32 used;
	ev_u32 pending; /* size of the reserved event, 0 when none */
	ev_u32 ask_at;	/* that much is used: a spare is to be asked for; UINT32_MAX: not */
	struct stream_file file;

	char name[STREAM_NAME_MAX];
	ev_u64 instance_id;
	ev_u32 chunk_bytes; /* size of the next chunk; doubles up to chunk_max */
	ev_u32 chunk_max;
	ev_u32 next_chunk;
	ev_u32 cpu;
	ev_u64 retry_ts;	  /* no chunk could be made: not before this time again */
	enum ev_loss_cause cause; /* why it could not */
	/* Ring mode. */
	ev_u64 chunk_seen; /* seen, when the current chunk began */
	ev_u64 chunk_lost; /* since then */
	ev_u32 place;	   /* in struct ring, from 1; 0 before the first chunk */
	bool kept;
	int lock; /* of stream__lock */
	struct stream_spare *spare;
};

enum { STREAM_CHUNK_FIRST = 64 << 10, STREAM_CHUNK_MAX = 1 << 20 };

/* What the chunks of NAME carry: unique in the trace. */
ev_u64 stream__instance_id(const char *name);

/*
 * Prepare a stream "<prefix>_<what>". No file is made before the first event. Always succeeds;
 * chunk_first and chunk_max in bytes, 0 for the defaults.
 */
void stream__open(struct stream *s, struct stream_proc *p, const char *what, ev_u32 chunk_first,
		  ev_u32 chunk_max);

/*
 * After stream__open: ring mode never removes what is written to it. For what later events need to
 * be understood. The caller sees to it that this stays small: what it takes, the rest lacks.
 */
void stream__keep(struct stream *s);

/*
 * For a stream that several threads write: hold this from stream__reserve to stream__commit. False
 * when the calling thread holds it already (a signal came in between), or it could not be had within
 * a second: the event is not to be written then, and has been counted.
 */
bool stream__lock(struct stream *s);
void stream__unlock(struct stream *s);

/*
 * Room for one event of payload_bytes after its header. ts: CLOCK_MONOTONIC ns, raised to the
 * stream's last timestamp if it lies before it; 0 for now. NULL when it cannot be written, which
 * is counted. Fill the room, then stream__commit.
 */
void *stream__reserve(struct stream *s, ev_u16 id, size_t payload_bytes, ev_u32 tid, ev_u64 ts);
/* The reserved event turned out shorter: its last bytes are not to be written. Before stream__commit. */
void stream__shrink(struct stream *s, size_t bytes);
bool stream__commit(struct stream *s); /* false: it could not be written after all; counted */

/* As reserve, copy and commit. Returns false when it was lost (and counted). */
bool stream__write(struct stream *s, ev_u16 id, const void *payload, size_t payload_bytes,
		   ev_u32 tid, ev_u64 ts);

/*
 * After stream__open: ask for a spare chunk (proc->wake) when a quarter of the current one is used,
 * and take it as the next one when it is READY by then; otherwise the stream makes one itself, as
 * without: it never waits. Not in ring mode, where files that hold no events would take from the
 * bound, nor where chunks are written with pwrite: nothing happens there.
 */
void stream__use_spare(struct stream *s, struct stream_spare *spare);
/* Make it, if it is WANTED, and unmap the old chunk: in one thread that has nothing else to do. */
void stream_spare__prepare(struct stream_spare *spare);
/* Remove it: the stream is closed, or the process ends. From any thread, also while it is used. */
void stream_spare__drop(struct stream_spare *spare);

/*
 * Unmap. The chunk stays as it is: it is valid at any moment. Ring mode may remove it from now on.
 * The spare is dropped.
 */
void stream__close(struct stream *s);

/* Write the current chunk back to disk, blocking. For use at a fault; from any thread. */
void stream__sync(const struct stream *s);

/* A lock for what is rare and short, at its start 0. False as stream__lock, uncounted. */
bool stream_lock__take(int *lock);
void stream_lock__release(int *lock);

/*
 * Whether the value of an environment variable may stand in a trace, which people post in bug
 * reports; of the others only the name does.
 */
bool stream_env__keep(const char *name_and_value);

/* Append a BYTES or TEXT field; each returns the end. An empty text becomes "-". */
ev_u8 *stream__put_bytes(ev_u8 *at, const void *data, ev_u16 len);
ev_u8 *stream__put_text(ev_u8 *at, const char *text, size_t len); /* len: without the 0 */

ev_u64 stream__now(void); /* CLOCK_MONOTONIC, ns */

/*
 * Time events by the processor's counter, if the kernel does. They are then within a microsecond of CLOCK_MONOTONIC.
 * Right after stream_proc__open.
 */
void stream_proc__use_tsc(struct stream_proc *p);
/* The time for the stream's next event. */
ev_u64 stream__time(struct stream *s);

/* Write the TSDL text for *meta; returns its length, or the length needed when it exceeds cap. */
size_t stream_metadata__print(char *buf, size_t cap, const struct stream_meta *meta);

#endif
