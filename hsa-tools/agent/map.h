/* SPDX-License-Identifier: MIT */
/*
 * Which allocation an address belongs to, while the application runs: changed by the calls that
 * allocate and free, asked at every dispatch.
 *
 * Changes take a lock; asking takes none, never waits, and may be done anywhere, in a signal
 * handler too. Knows nothing of HSA.
 */
#ifndef RDNA1_AGENT_MAP_H
#define RDNA1_AGENT_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map_range {
	uint64_t lo, size;
	uint64_t made_ns;  /* CLOCK_MONOTONIC */
	uint64_t freed_ns; /* 0: live */
	uint16_t pool, site;
	uint8_t kind; /* enum ev_mem_kind */
	uint8_t host; /* the process can read it where it is */
};

enum map_answer {
	MAP_INSIDE,   /* of a live range */
	MAP_FREED,    /* of one that was freed: the latest */
	MAP_PAST_END, /* of none, and a live one ends at most MAP_NEAR bytes before it */
	MAP_NOTHING,
	MAP_BUSY, /* changed so often meanwhile that there is no answer */
};

enum {
	MAP_NEAR = 65536,
	MAP_FREED_KEPT = 4096, /* ranges that were freed last */
};

/* Ranges may overlap. Returns false when there is no memory for it: the map then lacks a range. */
bool map__add(const struct map_range *r);

/*
 * Forget the range of this kind that begins at lo; size 0: whatever its size. Returns whether there
 * was one; *r then gets it, with freed_ns = now.
 */
bool map__remove(uint64_t lo, uint64_t size, uint8_t kind, uint64_t now, struct map_range *r);

/* Where addr is. *r gets the range, but for MAP_NOTHING and MAP_BUSY. */
enum map_answer map__find(uint64_t addr, struct map_range *r);

/* Grows with every change: an answer stays right as long as it stays the same. */
extern uint64_t map_changes; /* atomic; odd while there is one */
static inline uint64_t map__version(void)
{
	return __atomic_load_n(&map_changes, __ATOMIC_ACQUIRE);
}

/* At most max live ranges around addr, and freed ones that held it: out[0..n). For after a fault.
 */
size_t map__near(uint64_t addr, struct map_range *out, size_t max);

/*
 * The first live range after (lo, size) in their order; begin with {0, 0}. For walking through all
 * while they change: false at the end.
 */
bool map__next(struct map_range *r);

/* How many live ranges there are. */
size_t map__count(void);

void map__clear(void);

#endif
