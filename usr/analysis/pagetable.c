// SPDX-License-Identifier: MIT
/* A skip list of spans by (space, lo), none of which overlap. */
#include "pagetable.h"
#include "../base/buf.h"

#include <stdlib.h>

#define LEVELS 20

struct pt_node {
	struct pt_span span;
	unsigned int levels;
	struct pt_node *next[];
};

static struct pt_node *new_node(const struct pt_span *span, unsigned int levels)
{
	struct pt_node *n = xcalloc(1, sizeof(*n) + levels * sizeof(n->next[0]));

	n->span = *span;
	n->levels = levels;
	return n;
}

/* Each level has half of the nodes below it. */
static unsigned int some_levels(struct pagetable *pt)
{
	unsigned int levels = 1;

	pt->random = pt->random * 6364136223846793005ull + 1442695040888963407ull;
	for (uint64_t r = pt->random >> 40; r & 1 && levels < LEVELS; r >>= 1)
		levels++;
	return levels;
}

static bool is_before(const struct pt_node *n, uint64_t space, uint64_t lo)
{
	return n->span.space < space || (n->span.space == space && n->span.lo < lo);
}

/* The last node before (space, lo), at every level if `path` is wanted. The head is before all. */
static struct pt_node *before(const struct pagetable *pt, uint64_t space, uint64_t lo,
			      struct pt_node *path[LEVELS])
{
	struct pt_node *n = pt->head;

	for (unsigned int l = LEVELS; path && l-- > pt->levels;)
		path[l] = n;
	for (unsigned int l = pt->levels; l-- > 0;) {
		while (n->next[l] && is_before(n->next[l], space, lo))
			n = n->next[l];
		if (path)
			path[l] = n;
	}
	return n;
}

/* path: before(span). */
static struct pt_node *insert_at(struct pagetable *pt, const struct pt_span *span, struct pt_node *path[LEVELS])
{
	struct pt_node *n = new_node(span, some_levels(pt));

	pt->levels = n->levels > pt->levels ? n->levels : pt->levels;
	for (unsigned int l = 0; l < n->levels; l++) {
		n->next[l] = path[l]->next[l];
		path[l]->next[l] = n;
	}
	return n;
}

static void insert(struct pagetable *pt, const struct pt_span *span)
{
	struct pt_node *path[LEVELS];

	before(pt, span->space, span->lo, path);
	insert_at(pt, span, path);
}

/* path: before(n). */
static void erase_at(struct pt_node *n, struct pt_node *path[LEVELS])
{
	for (unsigned int l = 0; l < n->levels; l++)
		path[l]->next[l] = n->next[l];
	free(n);
}

static void erase(struct pagetable *pt, struct pt_node *n)
{
	struct pt_node *path[LEVELS];

	before(pt, n->span.space, n->span.lo, path);
	erase_at(n, path);
}

/* No span reaches over `page`: one that does becomes two. */
static void split(struct pagetable *pt, uint64_t space, uint64_t page)
{
	struct pt_node *n = before(pt, space, page, NULL);
	struct pt_span rest = n->span;

	if (n == pt->head || n->span.space != space || n->span.hi <= page)
		return;
	n->span.hi = rest.lo = page;
	insert(pt, &rest);
}

/* First span of the space that begins in [lo, hi); NULL without. */
static struct pt_node *first(const struct pagetable *pt, uint64_t space, uint64_t lo, uint64_t hi)
{
	struct pt_node *n = before(pt, space, lo, NULL)->next[0];

	return n && n->span.space == space && n->span.lo < hi ? n : NULL;
}

static bool alike(const struct pt_span *a, const struct pt_span *b)
{
	return a->space == b->space && a->hi == b->lo && a->flags == b->flags &&
	       a->unmapped == b->unmapped;
}

/* Spans that begin in (lo, hi] become part of the one before them where they are alike. */
static void join(struct pagetable *pt, uint64_t space, uint64_t lo, uint64_t hi)
{
	struct pt_node *n = before(pt, space, lo, NULL), *next;

	for (n = n == pt->head ? n->next[0] : n; n && (next = n->next[0]);) {
		if (next->span.space > space || (next->span.space == space && next->span.lo > hi))
			break;
		if (!alike(&n->span, &next->span)) {
			n = next;
			continue;
		}
		n->span.hi = next->span.hi;
		n->span.since_ns = next->span.since_ns > n->span.since_ns ? next->span.since_ns : n->span.since_ns;
		erase(pt, next);
	}
}

static void start(struct pagetable *pt)
{
	static const struct pt_span none;

	if (!pt->head)
		pt->head = new_node(&none, LEVELS);
}

/* What there is of some pages: mostly one span that is just these, or nothing. */
struct found {
	struct pt_node *path[LEVELS], *before, *exact;
	bool none;
};

static struct found find(const struct pagetable *pt, uint64_t space, uint64_t lo, uint64_t hi)
{
	struct pt_node *next;
	struct found f = {0};

	f.before = before(pt, space, lo, f.path);
	next = f.before->next[0];
	if (f.before != pt->head && f.before->span.space == space && f.before->span.hi > lo)
		return f;
	f.none = !next || next->span.space != space || next->span.lo >= hi;
	f.exact = !f.none && next->span.lo == lo && next->span.hi == hi ? next : NULL;
	return f;
}

/* n has changed: it may be alike with what stands before or behind it. */
static void join_around(struct pagetable *pt, const struct pt_node *before, const struct pt_node *n)
{
	const struct pt_node *next = n->next[0];

	if ((before != pt->head && alike(&before->span, &n->span)) || (next && alike(&n->span, &next->span)))
		join(pt, n->span.space, n->span.lo, n->span.hi);
}

void pagetable__map(struct pagetable *pt, uint64_t space, uint64_t lo, uint64_t hi, uint64_t flags, uint64_t ts)
{
	const struct pt_span *there = pagetable__at(pt, space, lo);
	const struct pt_span span = {.space = space, .lo = lo, .hi = hi, .flags = flags, .since_ns = ts};
	struct pt_node *n;
	struct found f;

	if (hi <= lo || (there && there->hi >= hi && there->flags == flags && !there->unmapped))
		return;
	start(pt);
	f = find(pt, space, lo, hi);
	if (f.exact)
		f.exact->span = span;
	else if (f.none)
		f.exact = insert_at(pt, &span, f.path);
	if (f.exact) {
		join_around(pt, f.before, f.exact);
		return;
	}
	split(pt, space, lo);
	split(pt, space, hi);
	while ((n = first(pt, space, lo, hi)))
		erase(pt, n);
	insert(pt, &span);
	join(pt, space, lo, hi);
}

static void unmap_node(struct pt_node *n, uint64_t ts)
{
	n->span.since_ns = n->span.unmapped ? n->span.since_ns : ts;
	n->span.unmapped = true;
}

void pagetable__unmap(struct pagetable *pt, uint64_t space, uint64_t lo, uint64_t hi, uint64_t ts)
{
	struct found f;

	if (hi <= lo || !pt->head)
		return;
	f = find(pt, space, lo, hi);
	if (f.exact) {
		unmap_node(f.exact, ts);
		join_around(pt, f.before, f.exact);
	}
	if (f.exact || f.none)
		return;
	split(pt, space, lo);
	split(pt, space, hi);
	for (struct pt_node *n = first(pt, space, lo, hi); n && n->span.space == space && n->span.lo < hi; n = n->next[0])
		unmap_node(n, ts);
	join(pt, space, lo, hi);
}

const struct pt_span *pagetable__at(const struct pagetable *pt, uint64_t space, uint64_t page)
{
	const struct pt_node *n;

	if (!pt->head || page == UINT64_MAX)
		return NULL;
	n = before(pt, space, page + 1, NULL);
	return n != pt->head && n->span.space == space && page < n->span.hi ? &n->span : NULL;
}

void pagetable__take(struct pagetable *pt, uint64_t space, uint64_t lo, uint64_t hi,
		     bool only_unmapped, pt_take take, void *ctx)
{
	struct pt_node *n, *next;
	struct found f;

	if (hi <= lo || !pt->head)
		return;
	f = find(pt, space, lo, hi);
	if (f.exact && (!only_unmapped || f.exact->span.unmapped)) {
		take(ctx, &f.exact->span);
		erase_at(f.exact, f.path);
	}
	if (f.exact || f.none)
		return;
	split(pt, space, lo);
	split(pt, space, hi);
	for (n = first(pt, space, lo, hi); n && n->span.space == space && n->span.lo < hi;
	     n = next) {
		next = n->next[0];
		if (only_unmapped && !n->span.unmapped)
			continue;
		take(ctx, &n->span);
		erase(pt, n);
	}
}

void pagetable__free(struct pagetable *pt)
{
	for (struct pt_node *n = pt->head, *next; n; n = next) {
		next = n->next[0];
		free(n);
	}
	*pt = (struct pagetable){0};
}
