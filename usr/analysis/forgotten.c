// SPDX-License-Identifier: MIT
#include "forgotten.h"

static uint64_t last_of(uint64_t lo, uint64_t size)
{
	return size > UINT64_MAX - lo ? UINT64_MAX : lo + size - 1;
}

static bool touches(const struct forgotten *f, uint64_t last, uint64_t lo)
{
	return last >= lo || lo - last - 1 <= f->slack;
}

static void put(struct forgotten *f, uint32_t pid, uint64_t lo, uint64_t last, uint64_t end_ns)
{
	const struct range *r = ranges__upto(&f->ranges, pid, lo);

	if (!r || !touches(f, last_of(r->lo, r->size), lo))
		r = ranges__from(&f->ranges, pid, lo);
	while (r && touches(f, last, r->lo)) {
		uint64_t old = last_of(r->lo, r->size);

		lo = r->lo < lo ? r->lo : lo;
		last = old > last ? old : last;
		end_ns = r->value > end_ns ? r->value : end_ns;
		if (lo == r->lo && last == old)
			break; /* all within it */
		ranges__remove(&f->ranges, pid, r->lo);
		f->n--;
		r = ranges__from(&f->ranges, pid, lo);
	}
	f->n += !r || r->lo != lo;
	ranges__add(&f->ranges, pid, lo, last - lo < UINT64_MAX ? last - lo + 1 : UINT64_MAX, end_ns);
}

static void coarsen(struct forgotten *f)
{
	struct ranges old = f->ranges;

	f->slack = f->slack ? f->slack * 4 : 4096;
	f->ranges = (struct ranges){0};
	f->n = 0;
	for (size_t i = 0; i < old.pieces.n; i++)
		for (size_t k = 0; k < old.pieces.v[i].n; k++) {
			const struct range *r = &old.pieces.v[i].v[k];

			put(f, r->pid, r->lo, last_of(r->lo, r->size), r->value);
		}
	ranges__free(&old);
}

void forgotten__add(struct forgotten *f, uint32_t pid, uint64_t va, uint64_t size, uint64_t end_ns)
{
	if (!size)
		return;
	put(f, pid, va, last_of(va, size), end_ns);
	/* Of many processes each keeps one. */
	while (f->n > FORGOTTEN_MAX && f->slack < UINT64_MAX / 4)
		coarsen(f);
}

uint64_t forgotten__at(const struct forgotten *f, uint32_t pid, uint64_t va)
{
	const struct range *r = ranges__upto(&f->ranges, pid, va);

	return r && va <= last_of(r->lo, r->size) ? r->value : 0;
}

void forgotten__free(struct forgotten *f)
{
	ranges__free(&f->ranges);
	*f = (struct forgotten){0};
}
