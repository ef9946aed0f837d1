/* SPDX-License-Identifier: MIT */
/*
 * A copy of ctf/ that holds what is whole of a damaged one: every chunk ends with its last event
 * that can be one, chunks without any are left out, metadata is mended or made anew. Events that
 * stand in a chunk behind what its header counts (the header's page was written back before theirs)
 * are taken, but for the last: it may never have been finished. Nothing is invented; the original
 * is only read.
 */
#ifndef RDNA1_TRACE_RECOVER_H
#define RDNA1_TRACE_RECOVER_H

#include "../base/buf.h"
#include "../../bpf/events.h"

struct recovered_stream {
	char *name;
	uint32_t chunks, chunks_left; /* in the copy, left out */
	uint64_t missing;	      /* chunks that are not there, in the middle */
	uint64_t events, seen;
	uint64_t bytes, bytes_left; /* of events; of what the chunks said they hold */
};

enum recovered_metadata {
	METADATA_whole,
	METADATA_mended,  /* the trace's own; what it says of events is in part this version's */
	METADATA_rebuilt, /* uuid of the chunks; the clock's offset to the time of day is not known
			   */
};

struct recovered {
	VEC(struct recovered_stream) streams;
	uint64_t events;
	uint64_t uncounted; /* of them, behind what their chunk's header counted */
	uint64_t bytes_left;
	uint64_t missing_chunks;
	uint32_t chunks_left, foreign_chunks;
	enum recovered_metadata metadata;
	bool emulated;
	bool damaged;  /* the copy is not the whole original, and says so */
	char *command; /* as the session event has it, or NULL */
	char *device;  /* name of the emulated one, or NULL */
};

/*
 * Copy ctf/ `from` into the empty directory `to`, both descriptors of the caller. Returns 0;
 * -ENODATA when no event is whole, -EPROTO when the trace is of another format (err says what in
 * words); other negative errno of writing. *r is filled in any case, for recovered__free.
 */
int recover_ctf(int from, int to, struct recovered *r, char *err, size_t err_len);
void recovered__free(struct recovered *r);

/* Write a new file of a directory. 0 or negative errno; a file cut short is the caller's to remove.
 */
int write_new(int dir, const char *name, const void *data, size_t len);

/* All of a regular file, to be freed; NULL and negative errno in *err. Unreadable blocks become
 * zeros. */
char *read_whole(int dir, const char *name, size_t max, size_t *len, int *err);

#endif
