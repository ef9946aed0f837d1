// SPDX-License-Identifier: MIT
/*
 * Ranges sorted by (space, lo, begin), and over them a tree of what blocks of them have at most and at least, by which
 * a search leaves blocks out.
 */
#include "held.h"

#include <stdlib.h>

#define BLOCK 16u

struct held_node {
	uint64_t max_last, min_begin, max_begin, min_end, max_end;
};

void held__add(struct held *h, uint64_t space, uint64_t lo, uint64_t size, uint64_t begin, uint64_t end, size_t value)
{
	uint64_t last = size > UINT64_MAX - lo ? UINT64_MAX : lo + size - 1;

	if (!size && !lo)
		return;
	*VEC_PUSH(&h->list) = (struct held_range){.space = space,
						  .lo = lo,
						  .last = last,
						  .begin = begin,
						  .end = end ? end : UINT64_MAX,
						  .value = value};
	free(h->nodes);
	h->nodes = NULL;
}

static int by_place(const void *a, const void *b)
{
	const struct held_range *x = a, *y = b;

	if (x->space != y->space)
		return x->space < y->space ? -1 : 1;
	if (x->lo != y->lo)
		return x->lo < y->lo ? -1 : 1;
	if (x->begin != y->begin)
		return x->begin < y->begin ? -1 : 1;
	return (x->value > y->value) - (x->value < y->value);
}

static uint64_t lesser(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t greater(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static const struct held_node nothing = {.min_begin = UINT64_MAX, .min_end = UINT64_MAX};

static void widen(struct held_node *n, const struct held_node *by)
{
	n->max_last = greater(n->max_last, by->max_last);
	n->min_begin = lesser(n->min_begin, by->min_begin);
	n->max_begin = greater(n->max_begin, by->max_begin);
	n->min_end = lesser(n->min_end, by->min_end);
	n->max_end = greater(n->max_end, by->max_end);
}

/* Node 1 is the root, the children of i are 2i and 2i + 1, leaf i is num_leaves + i. */
static void build(struct held *h)
{
	size_t blocks = (h->list.n + BLOCK - 1) / BLOCK;

	VEC_SORT(&h->list, by_place);
	for (h->num_leaves = 1; h->num_leaves < blocks;)
		h->num_leaves *= 2;
	h->nodes = xcalloc(2 * h->num_leaves, sizeof(*h->nodes));
	for (size_t i = 0; i < 2 * h->num_leaves; i++)
		h->nodes[i] = nothing;
	for (size_t i = 0; i < h->list.n; i++) {
		const struct held_range *r = &h->list.v[i];

		widen(&h->nodes[h->num_leaves + i / BLOCK],
		      &(struct held_node){r->last, r->begin, r->begin, r->end, r->end});
	}
	for (size_t i = h->num_leaves; --i > 0;) {
		widen(&h->nodes[i], &h->nodes[2 * i]);
		widen(&h->nodes[i], &h->nodes[2 * i + 1]);
	}
}

enum question { AT, BEFORE, BELOW, ABOVE };

struct search {
	const struct held *h;
	enum question what;
	uint64_t addr, ts;
	size_t from, to; /* ranges that may be meant: of the space, and on the side of addr */
	const struct held_range *best;
	size_t steps;
};

/* Whether there may be a better one than `best` below the node. */
static bool may(const struct search *s, const struct held_node *n)
{
	const struct held_range *best = s->best;

	switch (s->what) {
	case AT:
		return n->max_last >= s->addr && n->min_begin <= s->ts && n->max_end > s->ts &&
		       (!best || n->max_begin >= best->begin);
	case BEFORE:
		return n->max_last >= s->addr && n->min_end <= s->ts && (!best || n->max_end > best->end);
	case BELOW:
		return n->min_begin <= s->ts && n->max_end > s->ts && (!best || n->max_last > best->last);
	default:
		return n->min_begin <= s->ts && n->max_end > s->ts && !best;
	}
}

static bool is_better(const struct search *s, const struct held_range *r)
{
	const struct held_range *best = s->best;
	bool there = r->begin <= s->ts && s->ts < r->end;
	/* What holds nothing ends before it begins. */
	bool holds = r->last >= s->addr && r->last >= r->lo;

	switch (s->what) {
	case AT:
		return there && holds &&
		       (!best || r->begin > best->begin || (r->begin == best->begin && r->value > best->value));
	case BEFORE:
		return r->end <= s->ts && holds && (!best || r->end > best->end);
	case BELOW:
		return there && r->last < s->addr && (!best || r->last > best->last);
	default:
		return there && !best;
	}
}

static void visit_block(struct search *s, size_t block)
{
	size_t from = greater(block * BLOCK, s->from), to = lesser((block + 1) * BLOCK, s->to);

	for (size_t i = from; i < to; i++) {
		const struct held_range *r = &s->h->list.v[s->what == ABOVE ? i : to - 1 - (i - from)];

		if (is_better(s, r))
			s->best = r;
	}
}

/* Below node i, which is over `blocks` blocks from `first` on. */
static void visit(struct search *s, size_t i, size_t first, size_t blocks)
{
	size_t half = blocks / 2;

	if (first * BLOCK >= s->to || (first + blocks) * BLOCK <= s->from || s->steps >= HELD_STEPS ||
	    !may(s, &s->h->nodes[i]))
		return;
	s->steps++;
	if (blocks == 1) {
		visit_block(s, first);
	} else if (s->what == ABOVE) {
		visit(s, 2 * i, first, half);
		visit(s, 2 * i + 1, first + half, half);
	} else {
		visit(s, 2 * i + 1, first + half, half);
		visit(s, 2 * i, first, half);
	}
}

/* Index of the first range behind (space, lo). */
static size_t behind(const struct held *h, uint64_t space, uint64_t lo)
{
	size_t low = 0, high = h->list.n;

	while (low < high) {
		size_t mid = (low + high) / 2;
		const struct held_range *r = &h->list.v[mid];

		if (r->space < space || (r->space == space && r->lo <= lo))
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static const struct held_range *ask(struct held *h, enum question what, uint64_t space, uint64_t addr, uint64_t ts,
				    bool *gave_up)
{
	/* The last moment is that of what has no end. */
	struct search s = {.h = h, .what = what, .addr = addr, .ts = ts < UINT64_MAX ? ts : UINT64_MAX - 1};

	if (!h->list.n)
		return NULL;
	if (!h->nodes)
		build(h);
	s.from = what == ABOVE ? behind(h, space, addr) : space ? behind(h, space - 1, UINT64_MAX) : 0;
	s.to = behind(h, space, what == ABOVE ? UINT64_MAX : addr);
	visit(&s, 1, 0, h->num_leaves);
	if (s.steps < HELD_STEPS)
		return s.best;
	if (gave_up)
		*gave_up = true;
	return NULL;
}

const struct held_range *held__at(struct held *h, uint64_t space, uint64_t addr, uint64_t ts, bool *gave_up)
{
	return ask(h, AT, space, addr, ts, gave_up);
}

const struct held_range *held__before(struct held *h, uint64_t space, uint64_t addr, uint64_t ts, bool *gave_up)
{
	return ask(h, BEFORE, space, addr, ts, gave_up);
}

const struct held_range *held__below(struct held *h, uint64_t space, uint64_t addr, uint64_t ts, bool *gave_up)
{
	return ask(h, BELOW, space, addr, ts, gave_up);
}

const struct held_range *held__above(struct held *h, uint64_t space, uint64_t addr, uint64_t ts, bool *gave_up)
{
	return ask(h, ABOVE, space, addr, ts, gave_up);
}

void held__free(struct held *h)
{
	free(h->list.v);
	free(h->nodes);
	*h = (struct held){0};
}
