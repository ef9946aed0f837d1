// SPDX-License-Identifier: MIT
/*
 * A treap of intervals, ordered by (lo, size), each node with the highest end below it. Nodes are
 * numbers into blocks that are never given back, so a reader that meets a change follows stale
 * numbers at worst: it sees by the version that it must look again.
 */
#include "map.h"

#include <sched.h>
#include <sys/mman.h>

#define BLOCK 4096u /* nodes */
#define MAX_BLOCKS 4096u
#define TRIES 64

/* Fields are read by anyone at any time: always by load() and store(). */
struct node {
	uint64_t lo, hi, max, made_ns;
	uint32_t left, right, priority; /* 0: none */
	uint16_t pool, site;
	uint8_t kind, host;
};

static struct node *blocks[MAX_BLOCKS];	 /* atomic */
static uint32_t root, num_nodes, unused; /* atomic; unused: list by right, lock held */
static size_t count;
uint64_t map_changes;
static int lock;
static uint32_t seed = 2463534242u;

static struct map_range freed[MAP_FREED_KEPT];
static uint64_t num_freed; /* atomic, ever */

#define load(p) __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define store(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)

static struct node *at(uint32_t i)
{
	return &load(&blocks[i / BLOCK])[i % BLOCK];
}

static void begin(void)
{
	for (int spins = 0; __atomic_exchange_n(&lock, 1, __ATOMIC_ACQUIRE);)
		if (++spins % 64 == 0)
			sched_yield();
		else
			__builtin_ia32_pause();
	__atomic_fetch_add(&map_changes, 1, __ATOMIC_ACQ_REL);
}

static void end(void)
{
	__atomic_fetch_add(&map_changes, 1, __ATOMIC_ACQ_REL);
	__atomic_store_n(&lock, 0, __ATOMIC_RELEASE);
}

size_t map__count(void)
{
	return load(&count);
}

/* ---- changes: the lock is held ---- */

/* A node, 0 when there is no memory. Number 0 is never given out. */
static uint32_t new_node(void)
{
	uint32_t i = unused;
	void *block;

	if (i) {
		unused = at(i)->right;
		return i;
	}
	i = num_nodes ? num_nodes : 1;
	if (i / BLOCK >= MAX_BLOCKS)
		return 0;
	if (!blocks[i / BLOCK]) {
		block = mmap(NULL, BLOCK * sizeof(struct node), PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (block == MAP_FAILED)
			return 0;
		store(&blocks[i / BLOCK], (struct node *)block);
	}
	store(&num_nodes, i + 1);
	return i;
}

static uint64_t max_of(uint32_t i)
{
	return i ? load(&at(i)->max) : 0;
}

static void update(struct node *n)
{
	uint64_t max = n->hi, l = max_of(n->left), r = max_of(n->right);

	max = l > max ? l : max;
	store(&n->max, r > max ? r : max);
}

static bool before(uint64_t lo, uint64_t hi, const struct node *n)
{
	return lo != n->lo ? lo < n->lo : hi < n->hi;
}

/* *low gets what is ordered before (lo, hi), *high the rest. */
static void split(uint32_t tree, uint64_t lo, uint64_t hi, uint32_t *low, uint32_t *high)
{
	struct node *n;
	uint32_t part;

	if (!tree) {
		*low = *high = 0;
		return;
	}
	n = at(tree);
	if (before(lo, hi, n) || (n->lo == lo && n->hi == hi)) {
		split(n->left, lo, hi, low, &part);
		store(&n->left, part);
		*high = tree;
	} else {
		split(n->right, lo, hi, &part, high);
		store(&n->right, part);
		*low = tree;
	}
	update(n);
}

static uint32_t merge(uint32_t a, uint32_t b)
{
	struct node *n;

	if (!a || !b)
		return a ? a : b;
	if (at(a)->priority > at(b)->priority) {
		n = at(a);
		store(&n->right, merge(n->right, b));
		update(n);
		return a;
	}
	n = at(b);
	store(&n->left, merge(a, n->left));
	update(n);
	return b;
}

static uint32_t insert(uint32_t tree, uint32_t i)
{
	struct node *n = at(i), *t;
	uint32_t low, high;

	if (!tree)
		return i;
	t = at(tree);
	if (n->priority > t->priority) {
		split(tree, n->lo, n->hi, &low, &high);
		store(&n->left, low);
		store(&n->right, high);
		update(n);
		return i;
	}
	if (before(n->lo, n->hi, t))
		store(&t->left, insert(t->left, i));
	else
		store(&t->right, insert(t->right, i));
	update(t);
	return tree;
}

/* Take node i, ordered at (lo, hi), out of tree. */
static uint32_t take_out(uint32_t tree, uint32_t i)
{
	const struct node *n = at(i);
	struct node *t;

	if (tree == i)
		return merge(n->left, n->right);
	if (!tree)
		return 0;
	t = at(tree);
	if (before(n->lo, n->hi, t)) {
		store(&t->left, take_out(t->left, i));
	} else if (before(t->lo, t->hi, n)) {
		store(&t->right, take_out(t->right, i));
	} else { /* its like: on either side */
		store(&t->left, take_out(t->left, i));
		store(&t->right, take_out(t->right, i));
	}
	update(t);
	return tree;
}

bool map__add(const struct map_range *r)
{
	struct node *n;
	uint32_t i;

	begin();
	i = new_node();
	if (i) {
		n = at(i);
		seed ^= seed << 13;
		seed ^= seed >> 17;
		seed ^= seed << 5;
		store(&n->lo, r->lo);
		store(&n->hi, r->size > UINT64_MAX - r->lo ? UINT64_MAX : r->lo + r->size);
		store(&n->max, n->hi);
		store(&n->made_ns, r->made_ns);
		store(&n->left, 0);
		store(&n->right, 0);
		n->priority = seed;
		store(&n->pool, r->pool);
		store(&n->site, r->site);
		store(&n->kind, r->kind);
		store(&n->host, r->host);
		store(&root, insert(root, i));
		store(&count, count + 1);
	}
	end();
	return i != 0;
}

static void copy(const struct node *n, struct map_range *r)
{
	uint64_t lo = load(&n->lo);

	*r = (struct map_range){
		.lo = lo,
		.size = load(&n->hi) - lo,
		.made_ns = load(&n->made_ns),
		.pool = load(&n->pool),
		.site = load(&n->site),
		.kind = load(&n->kind),
		.host = load(&n->host),
	};
}

/* A node that begins at lo, of that size and kind; the last there is, for the newest is the
 * smallest wrong. */
static uint32_t find_exact(uint32_t tree, uint64_t lo, uint64_t size, uint8_t kind)
{
	const struct node *n;
	uint32_t found;

	if (!tree)
		return 0;
	n = at(tree);
	if (n->lo < lo)
		return find_exact(n->right, lo, size, kind);
	if (n->lo > lo)
		return find_exact(n->left, lo, size, kind);
	if (n->kind == kind && (!size || n->hi - n->lo == size))
		return tree;
	found = find_exact(n->right, lo, size, kind);
	return found ? found : find_exact(n->left, lo, size, kind);
}

/* As it is read: by load() and store(), the freed ones too. */
static void keep_freed(const struct map_range *r)
{
	struct map_range *f = &freed[num_freed % MAP_FREED_KEPT];

	store(&f->lo, r->lo);
	store(&f->size, r->size);
	store(&f->made_ns, r->made_ns);
	store(&f->freed_ns, r->freed_ns);
	store(&f->pool, r->pool);
	store(&f->site, r->site);
	store(&f->kind, r->kind);
	store(&f->host, r->host);
	store(&num_freed, num_freed + 1);
}

bool map__remove(uint64_t lo, uint64_t size, uint8_t kind, uint64_t now, struct map_range *r)
{
	uint32_t i;

	begin();
	i = find_exact(root, lo, size, kind);
	if (i) {
		copy(at(i), r);
		r->freed_ns = now;
		store(&root, take_out(root, i));
		store(&at(i)->right, unused);
		unused = i;
		store(&count, count - 1);
		keep_freed(r);
	}
	end();
	return i != 0;
}

void map__clear(void)
{
	begin();
	store(&root, 0);
	store(&num_nodes, 0);
	unused = 0;
	store(&count, 0);
	store(&num_freed, 0);
	end();
}

/* ---- questions ---- */

/* What a number read amid a change may be. */
static const struct node *peek(uint32_t i)
{
	const struct node *block = i && i / BLOCK < MAX_BLOCKS ? load(&blocks[i / BLOCK]) : NULL;

	return block ? &block[i % BLOCK] : NULL;
}

static bool holds(uint64_t lo, uint64_t hi, uint64_t addr)
{
	return addr >= lo && addr < hi;
}

/* A range that holds addr. Bounded: amid a change numbers may lead in a circle. */
static const struct node *stab(uint64_t addr)
{
	const struct node *n = peek(load(&root));

	for (int depth = 0; n && depth < 256; depth++) {
		const struct node *left = peek(load(&n->left));

		if (holds(load(&n->lo), load(&n->hi), addr))
			return n;
		n = left && load(&left->max) > addr ? left : peek(load(&n->right));
	}
	return NULL;
}

/* The last that begins before addr, whose end lies nearest below it where none overlap. */
static const struct node *below(uint64_t addr)
{
	const struct node *n = peek(load(&root)), *best = NULL;

	for (int depth = 0; n && depth < 256; depth++)
		if (load(&n->lo) <= addr) {
			best = n;
			n = peek(load(&n->right));
		} else {
			n = peek(load(&n->left));
		}
	return best;
}

static const struct node *above(uint64_t lo, uint64_t hi)
{
	const struct node *n = peek(load(&root)), *best = NULL;

	for (int depth = 0; n && depth < 256; depth++) {
		uint64_t l = load(&n->lo), h = load(&n->hi);

		if (lo != l ? lo < l : hi < h) {
			best = n;
			n = peek(load(&n->left));
		} else {
			n = peek(load(&n->right));
		}
	}
	return best;
}

static bool copy_freed(uint64_t back, uint64_t addr, struct map_range *r)
{
	const struct map_range *f = &freed[(load(&num_freed) - 1 - back) % MAP_FREED_KEPT];
	uint64_t lo = load(&f->lo), size = load(&f->size);

	if (!holds(lo, lo + size, addr))
		return false;
	*r = (struct map_range){.lo = lo,
				.size = size,
				.made_ns = load(&f->made_ns),
				.freed_ns = load(&f->freed_ns),
				.pool = load(&f->pool),
				.site = load(&f->site),
				.kind = load(&f->kind),
				.host = load(&f->host)};
	return true;
}

static uint64_t kept_freed(void)
{
	uint64_t n = load(&num_freed);

	return n < MAP_FREED_KEPT ? n : MAP_FREED_KEPT;
}

static enum map_answer find_once(uint64_t addr, struct map_range *r)
{
	const struct node *n = stab(addr);

	if (n) {
		copy(n, r);
		return MAP_INSIDE;
	}
	for (uint64_t i = 0; i < kept_freed(); i++)
		if (copy_freed(i, addr, r))
			return MAP_FREED;
	n = below(addr);
	if (!n)
		return MAP_NOTHING;
	copy(n, r);
	return addr - (r->lo + r->size) <= MAP_NEAR ? MAP_PAST_END : MAP_NOTHING;
}

enum map_answer map__find(uint64_t addr, struct map_range *r)
{
	for (int i = 0; i < TRIES; i++) {
		uint64_t v = load(&map_changes);
		enum map_answer answer;

		if (v & 1) {
			__builtin_ia32_pause();
			continue;
		}
		answer = find_once(addr, r);
		if (load(&map_changes) == v)
			return answer;
	}
	return MAP_BUSY;
}

/* Amid a change this may miss one; it is asked when something went wrong already. */
size_t map__near(uint64_t addr, struct map_range *out, size_t max)
{
	const struct node *n;
	size_t num = 0;

	n = stab(addr);
	if (n && num < max)
		copy(n, &out[num++]);
	for (uint64_t i = 0; i < kept_freed() && num < max / 2; i++)
		num += copy_freed(i, addr, &out[num]);
	n = below(addr);
	if (n && num < max && !holds(load(&n->lo), load(&n->hi), addr))
		copy(n, &out[num++]);
	n = above(addr, UINT64_MAX);
	if (n && num < max)
		copy(n, &out[num++]);
	return num;
}

bool map__next(struct map_range *r)
{
	for (int i = 0; i < TRIES; i++) {
		uint64_t v = load(&map_changes);
		const struct node *n;
		struct map_range next;

		if (v & 1) {
			__builtin_ia32_pause();
			continue;
		}
		n = above(r->lo, r->lo + r->size);
		if (n)
			copy(n, &next);
		if (load(&map_changes) != v)
			continue;
		if (n)
			*r = next;
		return n != NULL;
	}
	return false;
}
