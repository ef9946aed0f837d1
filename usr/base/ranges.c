// SPDX-License-Identifier: MIT
#include "ranges.h"

#include <stdlib.h>
#include <string.h>

#define PIECE 256u /* ranges */

/* A place: between pieces.v[piece].v[at - 1] and .v[at]. */
struct place {
	size_t piece, at;
};

static bool is_after(uint32_t a_pid, uint64_t a_lo, uint32_t pid, uint64_t lo)
{
	return a_pid > pid || (a_pid == pid && a_lo > lo);
}

/* Behind the last range that begins at (pid, lo) or before. */
static struct place after(const struct ranges *r, uint32_t pid, uint64_t lo)
{
	size_t low = 0, high = r->pieces.n;
	const struct ranges_piece *p;
	struct place at;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (is_after(r->pieces.v[mid].pid, r->pieces.v[mid].lo, pid, lo))
			high = mid;
		else
			low = mid + 1;
	}
	if (!low)
		return (struct place){0, 0};
	at.piece = low - 1;
	p = &r->pieces.v[at.piece];
	for (low = 0, high = p->n; low < high;) {
		size_t mid = (low + high) / 2;

		if (is_after(p->v[mid].pid, p->v[mid].lo, pid, lo))
			high = mid;
		else
			low = mid + 1;
	}
	at.at = low;
	return at;
}

static void name_piece(struct ranges_piece *p)
{
	p->pid = p->v[0].pid;
	p->lo = p->v[0].lo;
}

static void reach(struct ranges_piece *p, uint64_t lo, uint64_t size)
{
	uint64_t end = size > UINT64_MAX - lo ? UINT64_MAX : lo + size;

	p->reach = end > p->reach ? end : p->reach;
}

/* An empty piece before pieces.v[i]. */
static struct ranges_piece *insert_piece(struct ranges *r, size_t i)
{
	struct ranges_piece *p;

	VEC_PUSH(&r->pieces);
	p = &r->pieces.v[i];
	memmove(p + 1, p, (r->pieces.n - 1 - i) * sizeof(*p));
	*p = (struct ranges_piece){.v = xcalloc(PIECE, sizeof(*p->v))};
	return p;
}

static void remove_piece(struct ranges *r, size_t i)
{
	struct ranges_piece *p = &r->pieces.v[i];

	free(p->v);
	r->pieces.n--;
	memmove(p, p + 1, (r->pieces.n - i) * sizeof(*p));
}

/* The upper half becomes a piece of its own. */
static void split(struct ranges *r, size_t i)
{
	struct ranges_piece *upper = insert_piece(r, i + 1), *p = upper - 1;

	upper->n = p->n / 2;
	p->n -= upper->n;
	memcpy(upper->v, p->v + p->n, upper->n * sizeof(*p->v));
	p->reach = 0;
	for (size_t k = 0; k < p->n; k++)
		reach(p, p->v[k].lo, p->v[k].size);
	for (size_t k = 0; k < upper->n; k++)
		reach(upper, upper->v[k].lo, upper->v[k].size);
	name_piece(upper);
}

static struct range *exact(const struct ranges *r, struct place at, uint32_t pid, uint64_t lo)
{
	struct range *x;

	if (!at.at)
		return NULL;
	x = &r->pieces.v[at.piece].v[at.at - 1];
	return x->pid == pid && x->lo == lo ? x : NULL;
}

void ranges__add(struct ranges *r, uint32_t pid, uint64_t lo, uint64_t size, size_t value)
{
	const struct range new = {.pid = pid, .lo = lo, .size = size, .value = value};
	struct place at = after(r, pid, lo);
	struct range *there = exact(r, at, pid, lo);
	struct ranges_piece *p;

	if (size > r->widest)
		r->widest = size;
	if (there) {
		*there = new;
		reach(&r->pieces.v[at.piece], lo, size);
		return;
	}
	if (!r->pieces.n)
		insert_piece(r, 0);
	if (r->pieces.v[at.piece].n == PIECE) {
		split(r, at.piece);
		at = after(r, pid, lo);
	}
	p = &r->pieces.v[at.piece];
	memmove(&p->v[at.at + 1], &p->v[at.at], (p->n - at.at) * sizeof(*p->v));
	p->v[at.at] = new;
	p->n++;
	reach(p, lo, size);
	name_piece(p);
}

/* Pieces that are all but empty become one. */
static void join(struct ranges *r, size_t i)
{
	struct ranges_piece *p = &r->pieces.v[i];

	if (i + 1 >= r->pieces.n || p->n + p[1].n > PIECE / 2)
		return;
	memcpy(p->v + p->n, p[1].v, p[1].n * sizeof(*p->v));
	p->n += p[1].n;
	p->reach = p[1].reach > p->reach ? p[1].reach : p->reach;
	remove_piece(r, i + 1);
}

void ranges__remove(struct ranges *r, uint32_t pid, uint64_t lo)
{
	struct place at = after(r, pid, lo);
	struct ranges_piece *p;

	if (!exact(r, at, pid, lo))
		return;
	p = &r->pieces.v[at.piece];
	p->n--;
	memmove(&p->v[at.at - 1], &p->v[at.at], (p->n - (at.at - 1)) * sizeof(*p->v));
	if (!p->n) {
		remove_piece(r, at.piece);
		return;
	}
	name_piece(p);
	join(r, at.piece);
	if (at.piece)
		join(r, at.piece - 1);
}

const struct range *ranges__find(const struct ranges *r, uint32_t pid, uint64_t addr)
{
	struct place at = after(r, pid, addr);

	for (;;) {
		const struct range *x;

		if (!at.at) {
			const struct ranges_piece *p;

			if (!at.piece)
				return NULL;
			p = &r->pieces.v[--at.piece];
			if (p->reach <= addr && p->pid == pid && addr - p->lo < r->widest)
				continue;
			at.at = p->n;
		}
		x = &r->pieces.v[at.piece].v[--at.at];
		if (x->pid != pid || addr - x->lo >= r->widest)
			return NULL;
		if (addr - x->lo < x->size)
			return x;
	}
}

const struct range *ranges__upto(const struct ranges *r, uint32_t pid, uint64_t addr)
{
	struct place at = after(r, pid, addr);
	const struct range *x = at.at ? &r->pieces.v[at.piece].v[at.at - 1] : NULL;

	return x && x->pid == pid ? x : NULL;
}

const struct range *ranges__from(const struct ranges *r, uint32_t pid, uint64_t lo)
{
	struct place at = after(r, pid, lo);
	struct range *there = exact(r, at, pid, lo);

	if (there || !r->pieces.n)
		return there;
	if (at.at == r->pieces.v[at.piece].n) {
		at.at = 0;
		if (++at.piece == r->pieces.n)
			return NULL;
	}
	there = &r->pieces.v[at.piece].v[at.at];
	return there->pid == pid ? there : NULL;
}

void ranges__free(struct ranges *r)
{
	for (size_t i = 0; i < r->pieces.n; i++)
		free(r->pieces.v[i].v);
	free(r->pieces.v);
	*r = (struct ranges){0};
}
