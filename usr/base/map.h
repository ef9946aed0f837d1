/* SPDX-License-Identifier: MIT */
/*
 * A map from a pair of integers to an integer: open addressing, grows, never shrinks. Which pairs collide is
 * different in every process: what a trace holds cannot make it slow.
 */
#ifndef RDNA1_BASE_MAP_H
#define RDNA1_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map_slot {
	uint64_t a, b;
	size_t value; /* plus 1; 0: nothing is here */
};

struct map {
	struct map_slot *slots;
	size_t size, used;
};

/* Set (a, b) to value, whether it was there or not. value: below SIZE_MAX. */
void map__set(struct map *m, uint64_t a, uint64_t b, size_t value);
/* False when (a, b) is not there. */
bool map__get(const struct map *m, uint64_t a, uint64_t b, size_t *value);
/* (a, b) is asked for soon. */
void map__expect(const struct map *m, uint64_t a, uint64_t b);
void map__unset(struct map *m, uint64_t a, uint64_t b);
void map__free(struct map *m);

#endif
