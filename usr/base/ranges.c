// SPDX-License-Identifier: MIT
#include "ranges.h"

#include <stdlib.h>
#include <string.h>

/* Index of the first range that begins after (pid, lo). */
static size_t after(const struct ranges *r, uint32_t pid, uint64_t lo)
{
	size_t low = 0, high = r->sorted.n;

	while (low < high) {
		size_t mid = (low + high) / 2;
		const struct range *m = &r->sorted.v[mid];

		if (m->pid < pid || (m->pid == pid && m->lo <= lo))
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static struct range *exact(const struct ranges *r, uint32_t pid, uint64_t lo)
{
	size_t i = after(r, pid, lo);

	if (!i || r->sorted.v[i - 1].pid != pid || r->sorted.v[i - 1].lo != lo)
		return NULL;
	return &r->sorted.v[i - 1];
}

void ranges__add(struct ranges *r, uint32_t pid, uint64_t lo, uint64_t size, size_t value)
{
	struct range *at = exact(r, pid, lo);
	size_t i;

	if (!at) {
		i = after(r, pid, lo);
		VEC_PUSH(&r->sorted);
		at = &r->sorted.v[i];
		memmove(at + 1, at, (r->sorted.n - 1 - i) * sizeof(*at));
	}
	*at = (struct range){.pid = pid, .lo = lo, .size = size, .value = value};
	if (size > r->widest)
		r->widest = size;
}

void ranges__remove(struct ranges *r, uint32_t pid, uint64_t lo)
{
	struct range *at = exact(r, pid, lo);

	if (!at)
		return;
	r->sorted.n--;
	memmove(at, at + 1, (size_t)(&r->sorted.v[r->sorted.n] - at) * sizeof(*at));
}

const struct range *ranges__find(const struct ranges *r, uint32_t pid, uint64_t addr)
{
	for (size_t i = after(r, pid, addr); i-- > 0 && r->sorted.v[i].pid == pid;) {
		const struct range *at = &r->sorted.v[i];

		if (addr - at->lo < at->size)
			return at;
		if (addr - at->lo >= r->widest)
			break;
	}
	return NULL;
}

void ranges__free(struct ranges *r)
{
	free(r->sorted.v);
	*r = (struct ranges){0};
}
