/* SPDX-License-Identifier: MIT */
/*
 * Who held an address at a time: ranges of addresses, each of them there from one time to another. Filled,
 * then asked. An answer takes O(log n) steps for ranges that take turns, as allocations do; of ranges that
 * overlap in both, as only a trace made by hand has them, it takes HELD_STEPS at most and then none is given.
 */
#ifndef RDNA1_BASE_HELD_H
#define RDNA1_BASE_HELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "buf.h"

#define HELD_STEPS (1u << 16)

struct held_range {
	uint64_t space;	      /* whose addresses these are */
	uint64_t lo, last;    /* last: the last address it holds; lo - 1: none */
	uint64_t begin, end;  /* end: the first moment it is not there any more */
	size_t value;	      /* of those that begin at one time the larger is the newer */
};

struct held_node;
struct held {
	VEC(struct held_range) list;
	struct held_node *nodes; /* NULL until it is asked */
	size_t num_leaves;
};

/* end: 0 for what does not end. Empty ranges hold no address, but have a place. */
void held__add(struct held *h, uint64_t space, uint64_t lo, uint64_t size, uint64_t begin, uint64_t end,
	       size_t value);

/* Each gives a range, or NULL when there is none, or *gave_up (if that is no NULL pointer). */
/* There at ts and holding addr; the newest. */
const struct held_range *held__at(struct held *h, uint64_t space, uint64_t addr, uint64_t ts, bool *gave_up);
/* It held addr and ended at ts or before; the last to end. */
const struct held_range *held__before(struct held *h, uint64_t space, uint64_t addr, uint64_t ts, bool *gave_up);
/* There at ts; of those that end below addr the one that ends nearest. */
const struct held_range *held__below(struct held *h, uint64_t space, uint64_t addr, uint64_t ts, bool *gave_up);
/* There at ts; of those that begin above addr the one that begins nearest. */
const struct held_range *held__above(struct held *h, uint64_t space, uint64_t addr, uint64_t ts, bool *gave_up);
void held__free(struct held *h);

#endif
