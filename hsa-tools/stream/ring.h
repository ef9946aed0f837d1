/* SPDX-License-Identifier: MIT */
/*
 * Ring mode: the chunk files of one process within a bound, for stream.c alone.
 *
 * Closed chunks wait in one queue, in the order they were closed over all threads; when a new chunk
 * would exceed the bound, the one that was closed first is removed and its events are counted as
 * overwritten. Current chunks, the counter chunk and those of kept streams count and stay. So
 * what is removed is never newer than what is left of another thread, and nothing here touches a
 * chunk that is being written.
 *
 * All memory is taken at once, and used as it is needed. A lock is held where a chunk begins or
 * ends, nowhere else; who cannot get it in a second goes without.
 */
#ifndef RDNA1_STREAM_RING_H
#define RDNA1_STREAM_RING_H

#include "stream.h"

/* Take the memory. used: bytes of files that are there already. NULL and errno. */
struct ring *ring__new(ev_u64 limit, ev_u64 used);
void ring__free(struct ring *r); /* NULL is fine */

/* Bytes of the first chunk of a stream, and of its largest. */
ev_u32 ring__chunk_first(const struct ring *r);
ev_u32 ring__chunk_max(const struct ring *r);

/*
 * The stream's current chunk is full, or its thread ends: drop it, and let it be removed from now
 * on. events: how many are in it. 0, or the cause why not: it stays current then.
 */
int ring__end_chunk(struct stream *s, ev_u64 events);

/*
 * Room for a chunk of *bytes of the stream, at least of `least`; less where there is not so much.
 * Older chunks are removed for it. s->seen is what its header is to say. 0, or the cause.
 */
int ring__begin_chunk(struct stream *s, ev_u32 least, ev_u32 *bytes);
/* It could not be made. */
void ring__no_chunk(struct stream *s, ev_u32 bytes);

/* Whether chunks of an ended stream have its name: NAME.0 need not be among them. */
bool ring__name_taken(const struct stream *s);

/* The stream's thread ends; its chunks stay until they are the oldest. */
void ring__close_stream(struct stream *s);

/* ---- of stream.c ---- */

void stream__drop_chunk(struct stream *s);
/* As stream_proc__lost; orphans: seen events that no header counts any more. */
void stream_proc__count(struct stream_proc *p, enum ev_loss_cause cause, ev_u64 count,
			ev_u64 orphans);

#endif
