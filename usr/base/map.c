// SPDX-License-Identifier: MIT
#include "map.h"
#include "buf.h"

#include <stdlib.h>

static size_t slot_of(const struct map *m, uint64_t a, uint64_t b)
{
	uint64_t h = (a ^ b * 0x9e3779b97f4a7c15ull) * 0xbf58476d1ce4e5b9ull;
	size_t s = (size_t)(h ^ h >> 29) & (m->size - 1);

	while (m->slots[s].used && (m->slots[s].a != a || m->slots[s].b != b))
		s = (s + 1) & (m->size - 1);
	return s;
}

static void grow(struct map *m)
{
	struct map old = *m;

	m->size = old.size ? old.size * 2 : 64;
	m->slots = xcalloc(m->size, sizeof(*m->slots));
	for (size_t i = 0; i < old.size; i++)
		if (old.slots[i].used)
			m->slots[slot_of(m, old.slots[i].a, old.slots[i].b)] = old.slots[i];
	free(old.slots);
}

void map__set(struct map *m, uint64_t a, uint64_t b, size_t value)
{
	size_t s;

	if (m->used * 2 >= m->size)
		grow(m);
	s = slot_of(m, a, b);
	m->used += !m->slots[s].used;
	m->slots[s] = (struct map_slot){a, b, value, true};
}

bool map__get(const struct map *m, uint64_t a, uint64_t b, size_t *value)
{
	size_t s;

	if (!m->size)
		return false;
	s = slot_of(m, a, b);
	if (m->slots[s].used)
		*value = m->slots[s].value;
	return m->slots[s].used;
}

void map__free(struct map *m)
{
	free(m->slots);
	*m = (struct map){0};
}
