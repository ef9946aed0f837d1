/* SPDX-License-Identifier: MIT */
/*
 * Chunk files as a crash leaves them: which belong to a stream, and where one stops to hold events.
 * Shared by the reader, which trusts the headers, and by recover, which does not.
 */
#ifndef RDNA1_TRACE_CHUNK_H
#define RDNA1_TRACE_CHUNK_H

#include <sys/types.h>
#include "../base/buf.h"
#include "../../bpf/events.h"

#define CHUNK_BYTES_MAX (64u << 20) /* no writer makes one as large */

/* The chunk files of a NAME. */
struct chunk_files {
	char *name;
	VEC(uint32_t) numbers; /* ascending */
};
struct chunk_list {
	VEC(struct chunk_files) streams; /* by name */
};

/* Every NAME.<n> of a directory; names that start with a dot are unfinished. 0 or negative errno.
 */
int chunk_list__read(struct chunk_list *l, int dir);
void chunk_list__free(struct chunk_list *l);

/* How many numbers are missing between the first and the last: chunks that are lost. Those before the
 * first were removed by ring mode. */
uint64_t chunk_files__missing(const struct chunk_files *f);

/* A descriptor or negative errno. A FIFO in a trace would make its reader wait for ever. */
int open_regular(int dir, const char *name, int flags);
int chunk__open(int dir, const char *name, uint32_t number);

/* Bytes read, fewer only at the end of the file; negative errno. */
ssize_t pread_all(int fd, void *buf, size_t len, uint64_t off);

/* 0; -ENOENT without the file; -EBADMSG when it does not begin with a header. *size: of the file.
 */
int chunk__read_head(int dir, const char *name, uint32_t number, struct ev_chunk *head,
		     uint64_t *size);

/*
 * When the stream's next readable chunk behind numbers[i] begins: no event before it is later.
 * UINT64_MAX when there is none. begin: of chunk i.
 */
uint64_t chunk_files__until(const struct chunk_files *f, size_t i, int dir, const uint8_t uuid[16],
			    uint64_t begin);

/*
 * Size of the event at p, `off` bytes into its file, with `left` bytes from there to the chunk's
 * end; 0 when no event is there or its bytes are not all its own. Its time must lie in
 * [last_ts, until].
 */
size_t chunk__event(const uint8_t *p, size_t left, uint64_t off, uint64_t last_ts, uint64_t until);

#endif
