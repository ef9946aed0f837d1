/* SPDX-License-Identifier: MIT */
/*
 * Texts in a chunk file, replaced by others of the same length: all sizes and offsets stay, so that every reader
 * of CTF reads the result. For `rdna1-trace pack`.
 */
#ifndef RDNA1_TRACE_CHUNK_REDACT_H
#define RDNA1_TRACE_CHUNK_REDACT_H

#include "../base/redact.h"

/* Users that paths in the chunk's texts name. -EBADMSG when it does not begin with a chunk's header. */
int chunk__learn(struct redact *r, const char *data, size_t len);

/*
 * In place. Texts of events that this version knows are gone through as texts; in all other bytes of an event paths
 * are looked for. What lies behind the last event (never written, or torn) becomes zeros. 0, or -EBADMSG.
 */
int chunk__redact(struct redact *r, char *data, size_t len);

#endif
