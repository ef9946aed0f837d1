// SPDX-License-Identifier: MIT
#include "map.h"
#include "buf.h"

#include <stdlib.h>
#include <sys/random.h>

static uint64_t seed[2];

/* Both halves of a product. */
static uint64_t fold(uint64_t a, uint64_t b)
{
	unsigned __int128 p = (unsigned __int128)a * b;

	return (uint64_t)p ^ (uint64_t)(p >> 64);
}

/* Every bit bears on every bit (the last step of MurmurHash3): addresses in a row must not come to stand in steps. */
static uint64_t scatter(uint64_t x)
{
	x = (x ^ x >> 33) * 0xff51afd7ed558ccdull;
	x = (x ^ x >> 33) * 0xc4ceb9fe1a85ec53ull;
	return x ^ x >> 33;
}

static size_t home_of(const struct map *m, uint64_t a, uint64_t b)
{
	return (size_t)scatter(fold(a ^ seed[0], 0x9e3779b97f4a7c15ull) ^ b ^ seed[1]) & (m->size - 1);
}

static size_t slot_of(const struct map *m, uint64_t a, uint64_t b)
{
	size_t s = home_of(m, a, b);

	while (m->slots[s].value && (m->slots[s].a != a || m->slots[s].b != b))
		s = (s + 1) & (m->size - 1);
	return s;
}

static void make_seed(void)
{
	static bool made;

	if (!made && getrandom(seed, sizeof(seed), GRND_NONBLOCK) != (ssize_t)sizeof(seed))
		seed[0] = (uintptr_t)&made;
	made = true;
}

static void grow(struct map *m)
{
	struct map old = *m;

	make_seed();
	m->size = old.size ? old.size * 2 : 64;
	m->slots = xcalloc(m->size, sizeof(*m->slots));
	for (size_t i = 0; i < old.size; i++)
		if (old.slots[i].value)
			m->slots[slot_of(m, old.slots[i].a, old.slots[i].b)] = old.slots[i];
	free(old.slots);
}

void map__set(struct map *m, uint64_t a, uint64_t b, size_t value)
{
	size_t s;

	if (m->used * 2 >= m->size)
		grow(m);
	s = slot_of(m, a, b);
	m->used += !m->slots[s].value;
	m->slots[s] = (struct map_slot){a, b, value + 1};
}

bool map__get(const struct map *m, uint64_t a, uint64_t b, size_t *value)
{
	size_t s;

	if (!m->size)
		return false;
	s = slot_of(m, a, b);
	if (m->slots[s].value)
		*value = m->slots[s].value - 1;
	return m->slots[s].value;
}

void map__expect(const struct map *m, uint64_t a, uint64_t b)
{
	if (m->size)
		__builtin_prefetch(&m->slots[home_of(m, a, b)]);
}

/* What stands behind it moves up, unless it is at home there or its home lies between. */
void map__unset(struct map *m, uint64_t a, uint64_t b)
{
	size_t mask = m->size - 1, hole, at;

	if (!m->size)
		return;
	hole = slot_of(m, a, b);
	if (!m->slots[hole].value)
		return;
	m->used--;
	for (at = (hole + 1) & mask; m->slots[at].value; at = (at + 1) & mask) {
		size_t home = home_of(m, m->slots[at].a, m->slots[at].b);

		if (((at - home) & mask) < ((at - hole) & mask))
			continue;
		m->slots[hole] = m->slots[at];
		hole = at;
	}
	m->slots[hole].value = 0;
}

void map__free(struct map *m)
{
	free(m->slots);
	*m = (struct map){0};
}
