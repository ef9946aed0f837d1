/* SPDX-License-Identifier: MIT */
/*
 * Address ranges that are live at one moment, per process: who holds an address. Sorted, in pieces: what
 * is found, added or removed takes O(log n) steps and moves one piece's worth of them at most.
 */
#ifndef RDNA1_BASE_RANGES_H
#define RDNA1_BASE_RANGES_H

#include <stdbool.h>
#include "buf.h"

struct range {
	uint32_t pid;
	uint64_t lo, size;
	size_t value;
};

struct ranges_piece {
	uint32_t pid; /* of its first */
	uint32_t n;
	uint64_t lo;
	uint64_t reach; /* none of it holds an address above this */
	struct range *v;
};

struct ranges {
	VEC(struct ranges_piece) pieces; /* by (pid, lo), none of them empty */
	uint64_t widest; /* that ever was: none that begins further away holds an address */
};

/* A second range of the same beginning takes the place of the first. */
void ranges__add(struct ranges *r, uint32_t pid, uint64_t lo, uint64_t size, size_t value);
void ranges__remove(struct ranges *r, uint32_t pid, uint64_t lo);
/* The range that holds addr: of those that overlap, the one that begins nearest. NULL without. Valid until the
 * next change. */
const struct range *ranges__find(const struct ranges *r, uint32_t pid, uint64_t addr);
/* The last of the process that begins at addr or below, wherever it ends. NULL without. */
const struct range *ranges__upto(const struct ranges *r, uint32_t pid, uint64_t addr);
/* The first of the process that begins at lo or above. NULL without. */
const struct range *ranges__from(const struct ranges *r, uint32_t pid, uint64_t lo);
void ranges__free(struct ranges *r);

#endif
