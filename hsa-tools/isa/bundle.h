/* SPDX-License-Identifier: MIT */
/*
 * Clang's offload bundles, where they stand in memory: code objects for several GPUs in one piece
 * (clang.llvm.org/docs/ClangOffloadBundler.html), and the compressed form of them, whose content others unpack.
 * Nothing is copied, nothing is read beyond the end, however the bytes were made.
 */
#ifndef RDNA1_ISA_BUNDLE_H
#define RDNA1_ISA_BUNDLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bundle {
	const uint8_t *data;
	size_t len;
	uint64_t num;  /* entries that it says it has */
	uint64_t next; /* entry */
	uint64_t at;   /* where that is described */
	uint64_t end;  /* of what was seen of it */
	bool damaged;
};

struct bundle_entry {
	const char *id; /* "hipv4-amdgcn-amd-amdhsa--gfx1030"; not terminated */
	uint64_t id_len;
	const uint8_t *data;
	uint64_t size;
};

/* False when data does not begin with a bundle. */
bool bundle__open(struct bundle *b, const void *data, size_t len);
/* False behind the last, and where the rest is damaged (b->damaged). */
bool bundle__next(struct bundle *b, struct bundle_entry *e);

enum bundle_method {
	BUNDLE_ZLIB = 0,
	BUNDLE_ZSTD = 1,
};

struct bundle_packed {
	uint16_t version, method;
	uint64_t size;	    /* unpacked, as it says */
	const uint8_t *data; /* packed: up to the end of what is there where it does not say how long it is */
	uint64_t data_len;
	uint64_t end; /* of it from its begin; 0: it does not say */
};

/* "CCOB". False when data does not begin with one that is whole. */
bool bundle_packed__open(struct bundle_packed *p, const void *data, size_t len);

/* Where in data the next bundle begins, of either form; len: there is none. */
size_t bundle__find(const void *data, size_t len, size_t from);

#endif
