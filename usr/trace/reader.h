/* SPDX-License-Identifier: MIT */
/*
 * Reading a trace directory: all streams merged by time in one pass, memory bounded by the number
 * of streams. Accepts what a crash leaves: a chunk ends at the first event that cannot be one, its
 * other bytes are counted and the stream's later chunks are read; unknown event ids are skipped by
 * their size and counted. And what ring mode leaves: a stream's first chunks may be gone, or go while
 * they are read. Pure reading: prints nothing, changes nothing.
 */
#ifndef RDNA1_TRACE_READER_H
#define RDNA1_TRACE_READER_H

#include <string.h>
#include "fields.h"
#include "../../bpf/events.h"

enum stream_kind { STREAM_kernel, STREAM_agent, STREAM_emu, STREAM_recorder, STREAM_other };

struct trace_stream {
	const char *name;      /* "agent_12_34" */
	enum stream_kind kind; /* by the name's prefix */
	bool counters;	       /* a process's loss counters: "<prefix>_counts" */
	uint32_t pid;	       /* process that wrote it */
	uint32_t cpu;	       /* kernel streams */
	/* Counted as reading goes; final at the end. */
	uint64_t events, seen, bytes;
	uint64_t torn_bytes;
	uint32_t chunks;
	uint32_t removed; /* chunks before its first one: ring mode */
};

struct event {
	uint64_t ts_ns; /* CLOCK_MONOTONIC */
	uint32_t tid;	/* thread that wrote it (kernel streams: that did it) */
	const struct event_desc *desc;
	const uint8_t *payload; /* valid until the next trace__next */
	size_t len;
	const struct trace_stream *stream;
};

struct trace_stats {
	uint64_t events;
	uint64_t unknown;    /* events of ids this build does not know */
	uint64_t torn_bytes; /* of what the chunks say they hold: not there, or no events */
	uint32_t torn_chunks;
	uint64_t missing_chunks; /* in the middle of a stream */
	/* Ring mode: chunks that streams lack at their start, chunks removed while they were read,
	 * and the time from which on every stream is there; 0 when none lacks anything. */
	uint64_t removed_chunks, vanished_chunks, whole_from_ns;
	uint32_t foreign_chunks; /* of another trace, or no chunk at all: left out */
};

struct trace;

/*
 * Open DIR (or DIR/ctf). NULL when it is not a readable trace; err then says why, in words.
 */
struct trace *trace__open(const char *dir, char *err, size_t err_len);
void trace__close(struct trace *t); /* NULL is fine */

/* Next event in time order: 1, 0 at the end, negative errno. */
int trace__next(struct trace *t, struct event *ev);

bool trace__emulated(const struct trace *t);  /* recorded on the emulated device */
bool trace__recovered(const struct trace *t); /* a copy of what was whole of a damaged one */
int64_t trace__realtime_offset_ns(const struct trace *t);
const struct trace_stats *trace__stats(const struct trace *t);
unsigned int trace__num_streams(const struct trace *t);
const struct trace_stream *trace__stream(const struct trace *t, unsigned int i);

/*
 * Copy the fixed part of an event's payload, zero-filled where it is cut:
 *	struct ev_pool_alloc a;
 *	event__fixed(ev, &a, sizeof(a));
 */
static inline void event__fixed(const struct event *ev, void *out, size_t size)
{
	size_t n = ev->len < size ? ev->len : size;

	memset(out, 0, size);
	memcpy(out, ev->payload, n);
}

/* The i-th BYTES or TEXT of an event. Returns its length, 0 when absent; *data is never NULL. */
uint16_t event__bytes(const struct event *ev, unsigned int i, const uint8_t **data);

/* The first n BYTES and TEXTs of an event at once, the same way. */
struct event_bytes {
	const uint8_t *data;
	uint16_t len;
};
void event__all_bytes(const struct event *ev, struct event_bytes *out, unsigned int n);

static inline struct field_iter event__fields(const struct event *ev)
{
	return (struct field_iter){.desc = ev->desc, .payload = ev->payload, .len = ev->len};
}

const char *stream_kind_name(enum stream_kind kind);

#endif
