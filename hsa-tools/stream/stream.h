/* SPDX-License-Identifier: MIT */
/*
 * Writing a trace: the ctf/ directory and its chunk files.
 *
 * For writers inside other people's processes (the agent, the emulated device) and for the
 * recorder. Knows the event table and libc; knows nothing of HSA, KFD or BPF. After stream__open
 * nothing here calls malloc, takes a lock or prints.
 *
 * A stream NAME is the chunk files NAME.0, NAME.1, ... in ctf/, each one CTF packet. A chunk is
 * made under a name that starts with a dot, given its full size and a valid header, then renamed:
 * a kill at any moment leaves files that every reader accepts. One thread writes a stream.
 *
 * Events that cannot be written are counted by cause in the process's counter chunk
 * (NAME "<prefix>_counts"), whose loss events change in place.
 */
#ifndef RDNA1_STREAM_H
#define RDNA1_STREAM_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include "../../bpf/events.h"

#define STREAM_NAME_MAX 64

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

/* The counters of one process: in its chunk file at every moment. */
struct stream_proc {
	struct stream_dir dir;
	ev_u16 source; /* enum ev_source */
	ev_u32 pid;
	char prefix[32]; /* "agent_123" */
	void *map;	 /* counter chunk; NULL when it could not be made: losses are then unknown */
	size_t map_bytes;
	int map_error; /* negative errno when it could not */
	struct stream_file file;
	struct ev_loss *losses[LOSS_COUNT]; /* into map */
	volatile ev_u32 *sentinel;  /* own page, MADV_WIPEONFORK: 0 in a forked child */
};

/*
 * Begin writing to the trace in dir_fd as "<kind>_<getpid()>". Returns 0 or negative errno.
 * Works without a counter chunk when the disk is full (map_error says so): losses then go unreported,
 * the rest works.
 */
int stream_proc__open(struct stream_proc *p, int dir_fd, enum ev_source source, const char *kind);
void stream_proc__close(struct stream_proc *p);

/* False in a forked child that inherited *p: it must not write. */
static inline bool stream_proc__mine(const struct stream_proc *p)
{
	return p->sentinel && *p->sentinel;
}

/* orphan: the events belong to no stream that counts them in its `seen`. */
void stream_proc__lost(struct stream_proc *p, enum ev_loss_cause cause, ev_u64 count, bool orphan);

struct stream {
	struct stream_proc *proc;
	char name[STREAM_NAME_MAX];
	ev_u64 instance_id;
	ev_u64 last_ts;
	ev_u64 seen;
	ev_u32 chunk_bytes; /* size of the next chunk; doubles up to chunk_max */
	ev_u32 chunk_max;
	ev_u32 next_chunk;
	ev_u32 cpu;
	ev_u8 *map; /* current chunk, NULL before the first */
	struct stream_file file;
	ev_u32 map_bytes;
	ev_u32 used;
	ev_u32 pending;		  /* size of the reserved event, 0 when none */
	ev_u64 retry_ts;	  /* no chunk could be made: not before this time again */
	enum ev_loss_cause cause; /* why it could not */
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
 * Room for one event of payload_bytes after its header. ts: CLOCK_MONOTONIC ns, raised to the
 * stream's last timestamp if it lies before it; 0 for now. NULL when it cannot be written, which
 * is counted. Fill the room, then stream__commit.
 */
void *stream__reserve(struct stream *s, ev_u16 id, size_t payload_bytes, ev_u32 tid, ev_u64 ts);
bool stream__commit(struct stream *s); /* false: it could not be written after all; counted */

/* As reserve, copy and commit. Returns false when it was lost (and counted). */
bool stream__write(struct stream *s, ev_u16 id, const void *payload, size_t payload_bytes,
		   ev_u32 tid, ev_u64 ts);

/* Unmap. The chunk stays as it is: it is valid at any moment. */
void stream__close(struct stream *s);

/* Write the current chunk back to disk, blocking. For use at a fault; from any thread. */
void stream__sync(const struct stream *s);

/*
 * Whether the value of an environment variable may stand in a trace, which people post in bug
 * reports; of the others only the name does.
 */
bool stream_env__keep(const char *name_and_value);

/* Append a BYTES or TEXT field; each returns the end. An empty text becomes "-". */
ev_u8 *stream__put_bytes(ev_u8 *at, const void *data, ev_u16 len);
ev_u8 *stream__put_text(ev_u8 *at, const char *text, size_t len); /* len: without the 0 */

ev_u64 stream__now(void); /* CLOCK_MONOTONIC, ns */

/* Write the TSDL text for *meta; returns its length, or the length needed when it exceeds cap. */
size_t stream_metadata__print(char *buf, size_t cap, const struct stream_meta *meta);

#endif
