/* SPDX-License-Identifier: MIT */
/* Writing a .tar.gz: ustar headers (POSIX.1-1988) through zlib. Files only, of nobody. */
#ifndef RDNA1_CMD_PACK_TAR_H
#define RDNA1_CMD_PACK_TAR_H

#include <stddef.h>
#include <stdint.h>

struct targz;

/* On a descriptor, which stays the caller's. NULL without memory. */
struct targz *targz__open(int fd);
/* 0 or negative errno: -ENAMETOOLONG beyond what ustar holds (100 bytes behind a slash, 155 before it). */
int targz__add(struct targz *t, const char *name, const void *data, size_t len, int64_t mtime);
/* All of it is written then. 0 or the first error. Frees t. */
int targz__close(struct targz *t);
uint64_t targz__written(const struct targz *t); /* bytes of the archive so far */

#endif
