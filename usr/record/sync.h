/* SPDX-License-Identifier: MIT */
/*
 * Every few seconds the chunk files, code objects and session.json are written back to disk, so that a
 * machine that hangs with its GPU loses no more than that. On a thread of its own: a slow disk must not stop the drain.
 */
#ifndef RDNA1_RECORD_SYNC_H
#define RDNA1_RECORD_SYNC_H

#include "../../hsa-tools/stream/stream.h"

struct sync;

/* dir_fd: the trace directory, stays the caller's. log: stream for sync events, used by the thread
 * alone from now on. NULL when the thread cannot be made. */
struct sync *sync__start(int dir_fd, unsigned int seconds, struct stream *log);
void sync__stop(struct sync *s); /* syncs once more; NULL is fine */

#endif
