// SPDX-License-Identifier: MIT
/* Allocations of the application: those that are live, those freed last, and kernels that had them as arguments. */
#include "parts.h"

#include <stdlib.h>

#define FIRST_ALLOCS 64u /* of a process that stay in the list: the report shows the first */
#define ARGUMENT_SLOTS_MAX (1u << 18) /* of all processes */
#define USE_BLOCKS_MAX (1u << 18)     /* of all allocations */
#define MORE_BLOCKS_MAX (1u << 15)    /* until there are so many an allocation may have more than one */

/* What frees it names it by its address, or where it has none by its handle. */
static uint64_t place_key(const struct alloc *a)
{
	return a->va ? a->va : a->object;
}

static uint64_t owner_key(uint32_t pid, uint16_t kind)
{
	return (uint64_t)kind << 32 | pid;
}

/* ---- kernels that had it as an argument ---- */

/* An empty block; 0 when there are enough. */
static uint32_t new_block(struct model *m)
{
	struct inside *in = m->inside;
	uint32_t i = in->no_uses;

	if (i) {
		in->no_uses = in->uses.v[i - 1].next;
		memset(&in->uses.v[i - 1], 0, sizeof(in->uses.v[i - 1]));
		return i;
	}
	if (in->uses.n == USE_BLOCKS_MAX)
		return 0;
	VEC_PUSH(&in->uses);
	return (uint32_t)in->uses.n;
}

/* The kernel's place among the allocation's, at the end if it is new. NULL: there is none left. */
static struct use *use_of(struct model *m, struct alloc_hot *a, uint32_t kernel, uint16_t at)
{
	struct inside *in = m->inside;
	struct use_block *b = NULL;
	unsigned int blocks = 0;
	uint32_t i;

	for (i = a->uses; i; i = b->next) {
		b = &in->uses.v[i - 1];
		for (unsigned int k = 0; k < b->n; k++)
			if (b->uses[k].kernel == kernel && b->uses[k].at == at)
				return &b->uses[k];
		blocks++;
	}
	if (!b || b->n == BLOCK_USES) {
		size_t last = b ? (size_t)(b - in->uses.v) + 1 : 0;

		if (!blocks || (blocks < MODEL_KEPT_USES / BLOCK_USES && in->uses.n < MORE_BLOCKS_MAX))
			i = new_block(m);
		if (!i)
			return NULL;
		*(last ? &in->uses.v[last - 1].next : &a->uses) = i;
		b = &in->uses.v[i - 1];
	}
	b->uses[b->n] = (struct use){.kernel = kernel, .at = at};
	return &b->uses[b->n++];
}

static void add_use(struct model *m, struct alloc_hot *a, uint32_t kernel, uint16_t at, uint64_t ts)
{
	struct use *u = use_of(m, a, kernel, at);

	if (!u) {
		a->other_uses += a->other_uses < UINT32_MAX;
		return;
	}
	if (!u->count)
		u->first_ns = ts;
	u->count += u->count < UINT32_MAX;
	u->last_ns = ts;
}

static void drop_uses(struct model *m, struct alloc_hot *a)
{
	struct inside *in = m->inside;

	while (a->uses) {
		struct use_block *b = &in->uses.v[a->uses - 1];
		uint32_t i = a->uses;

		a->uses = b->next;
		b->next = in->no_uses;
		in->no_uses = i;
	}
}

/* Twice as many, unless all processes together have enough. */
static void grow_arguments(struct model *m, struct owner *o)
{
	uint32_t n = o->num_slots ? o->num_slots * 2 : 64;
	struct argument_slot *slots;

	if (n > MODEL_KEPT_ARGUMENTS || (o->num_slots && m->inside->argument_slots + o->num_slots > ARGUMENT_SLOTS_MAX))
		return;
	slots = xcalloc(n, sizeof(*slots));
	for (uint64_t i = o->num_arguments - (o->num_slots < o->num_arguments ? o->num_slots : o->num_arguments);
	     i < o->num_arguments; i++)
		slots[i & (n - 1)] = o->arguments[i & (o->num_slots - 1)];
	m->inside->argument_slots += n - o->num_slots;
	free(o->arguments);
	o->arguments = slots;
	o->num_slots = n;
}

/* That address's newest, live or freed; NULL when it was not seen. */
static struct alloc *newest_at(struct model *m, uint32_t pid, uint16_t kind, uint64_t key)
{
	size_t i;

	return map__get(&m->inside->live_allocs, owner_key(pid, kind), key, &i) ? &m->allocs.v[i] : NULL;
}

static void add_argument(struct model *m, const struct given *g, struct alloc_hot *a, const struct ev_pointer *p)
{
	struct owner *o = owner_of(m, g->pid);

	add_use(m, a, g->kernel, p->at, g->ts_ns);
	if (o->num_arguments == o->num_slots)
		grow_arguments(m, o);
	o->arguments[o->num_arguments & (o->num_slots - 1)] = (struct argument_slot){.ts_ns = g->ts_ns,
										     .index = g->index,
										     .before = a->last_argument,
										     .queue = g->queue,
										     .kernel = g->kernel,
										     .at = p->at,
										     .state = p->state};
	a->last_argument = ++o->num_arguments;
}

/* All that is needed is fetched before any of it: among many allocations none of it is in a cache. */
void allocs__given(struct model *m, const struct given *g)
{
	enum { AT_ONCE = 8 };
	struct inside *in = m->inside;
	struct alloc_hot *hot[AT_ONCE];
	struct ev_pointer p[AT_ONCE];
	uint64_t keys[AT_ONCE];
	size_t at;

	for (size_t from = 0; from + sizeof(p[0]) <= g->pointers.len; from += sizeof(p)) {
		size_t n = (g->pointers.len - from) / sizeof(p[0]);

		n = n < AT_ONCE ? n : AT_ONCE;
		memcpy(p, g->pointers.data + from, n * sizeof(p[0]));
		for (size_t i = 0; i < n; i++) {
			keys[i] = owner_key(g->pid, p[i].kind ? p[i].kind : MEM_KIND_pool);
			map__expect(&in->live_allocs, keys[i], p[i].base);
		}
		for (size_t i = 0; i < n; i++) {
			bool there = p[i].base && map__get(&in->live_allocs, keys[i], p[i].base, &at);

			hot[i] = there ? &in->hot.v[at] : NULL;
			if (there)
				__builtin_prefetch(hot[i], 1);
		}
		for (size_t i = 0; i < n; i++)
			if (hot[i] && hot[i]->uses)
				__builtin_prefetch(&in->uses.v[hot[i]->uses - 1], 1);
		for (size_t i = 0; i < n; i++)
			if (hot[i])
				add_argument(m, g, hot[i], &p[i]);
	}
}

/* ---- those that are not kept ---- */

static struct old_allocs *old_of(struct model *m, uint32_t pid, uint16_t kind)
{
	size_t i;

	if (!map__get(&m->inside->old_by_kind, owner_key(pid, kind), 0, &i)) {
		i = m->old_allocs.n;
		*VEC_PUSH(&m->old_allocs) = (struct old_allocs){.pid = pid, .kind = kind};
		map__set(&m->inside->old_by_kind, owner_key(pid, kind), 0, i);
	}
	return &m->old_allocs.v[i];
}

static void forget(struct model *m, size_t i, uint64_t ts)
{
	struct inside *in = m->inside;
	struct alloc *a = &m->allocs.v[i];
	struct old_allocs *old = old_of(m, a->pid, a->kind);
	size_t newest;

	old->count++;
	old->bytes += a->size;
	old->largest = a->size > old->largest ? a->size : old->largest;
	old->left += !a->end_ns;
	old->left_bytes += a->end_ns ? 0 : a->size;
	in->allocs_known_from_ns = ts;
	if (a->va)
		forgotten__add(&in->forgotten_allocs, a->pid, a->va, a->size, a->end_ns ? a->end_ns : ts);
	if (map__get(&in->live_allocs, owner_key(a->pid, a->kind), place_key(a), &newest) && newest == i)
		map__unset(&in->live_allocs, owner_key(a->pid, a->kind), place_key(a));
	drop_uses(m, &in->hot.v[i]);
	*a = (struct alloc){.serial = NOWHERE};
	FIFO_PUT(&in->no_allocs, &m->allocs, i);
}

/* It is live no longer. Its end, unless it is not known, is in it. */
static void retire(struct model *m, size_t i, uint64_t ts)
{
	struct inside *in = m->inside;
	struct alloc *a = &m->allocs.v[i];

	if (a->before)
		m->allocs.v[a->before - 1].behind = a->behind;
	else
		owner_of(m, a->pid)->live = a->behind;
	if (a->behind)
		m->allocs.v[a->behind - 1].before = a->before;
	a->before = a->behind = 0;
	if (a->nth && a->nth <= FIRST_ALLOCS)
		return;
	FIFO_PUT(&in->freed_allocs, &m->allocs, i);
	if (in->freed_allocs.n > MODEL_KEPT_ALLOCS) {
		FIFO_TAKE(&in->freed_allocs, &m->allocs, i);
		forget(m, i, ts);
	}
}

static bool is_live(const struct model *m, const struct alloc *a)
{
	const struct owner *o = find_owner(m, a->pid);

	return a->before || (o && o->live == (uint32_t)(a - m->allocs.v) + 1);
}

static void end(struct model *m, struct alloc *a, uint64_t ts)
{
	if (!is_live(m, a))
		return;
	a->end_ns = ts;
	retire(m, (size_t)(a - m->allocs.v), ts);
}

void allocs__end_process(struct model *m, uint32_t pid, uint64_t ts)
{
	const struct owner *o;

	while ((o = find_owner(m, pid)) && o->live)
		end(m, &m->allocs.v[o->live - 1], ts);
}

/* ---- allocations ---- */

/* Addresses alone, and what is the driver's own, are cut from no buffer. */
static bool has_buffer(const struct alloc *a)
{
	return a->va && a->kind != MEM_KIND_reserve && a->kind != MEM_KIND_svm;
}

static bool from_pool(const struct alloc *a)
{
	return a->kind == MEM_KIND_pool || a->kind == MEM_KIND_region;
}

static size_t new_alloc(struct model *m)
{
	struct inside *in = m->inside;
	size_t i;

	if (in->no_allocs.n) {
		FIFO_TAKE(&in->no_allocs, &m->allocs, i);
		in->hot.v[i] = (struct alloc_hot){0};
		return i;
	}
	VEC_PUSH(&m->allocs);
	VEC_PUSH(&in->hot);
	return m->allocs.n - 1;
}

/* An allocation that worked, at its end. */
static void add(struct model *m, const struct alloc *new)
{
	struct inside *in = m->inside;
	const struct range *held;
	struct alloc *a, *there;
	struct owner *o;
	size_t i;

	if (!new->va && !new->object)
		return;
	i = new_alloc(m);
	a = &m->allocs.v[i];
	*a = *new;
	a->serial = m->num_allocs++;
	if (from_pool(a))
		a->override = policy__overridden(m, a->pid, a->va);
	/* The driver's buffer is there before the call that made it returns. */
	held = has_buffer(a) ? ranges__find(&in->live_bos, a->pid, a->va) : NULL;
	if (held) {
		a->bo = m->bos.v[held->value].serial + 1;
		m->bos.v[held->value].allocs++;
	}
	o = owner_of(m, a->pid);
	if (from_pool(a))
		a->nth = o->pool_allocs < UINT32_MAX ? ++o->pool_allocs : UINT32_MAX;
	/* The end of what was there was not seen, or it is still there, given twice: nothing names it any more. */
	there = newest_at(m, a->pid, a->kind, place_key(a));
	if (there && is_live(m, there))
		retire(m, (size_t)(there - m->allocs.v), a->begin_ns);
	a = &m->allocs.v[i];
	a->behind = o->live;
	if (o->live)
		m->allocs.v[o->live - 1].before = (uint32_t)i + 1;
	o->live = (uint32_t)i + 1;
	map__set(&in->live_allocs, owner_key(a->pid, a->kind), place_key(a), i);
}

static void add_failed(struct model *m, uint64_t size, int32_t status, uint16_t kind)
{
	uint64_t what = (uint64_t)kind << 32 | (uint32_t)status;
	size_t i;

	if (!map__get(&m->inside->failed_by_what, size, what, &i)) {
		i = m->failed_allocs.n;
		*VEC_PUSH(&m->failed_allocs) = (struct failed_alloc){.kind = kind, .size = size, .status = status};
		map__set(&m->inside->failed_by_what, size, what, i);
	}
	m->failed_allocs.v[i].count++;
}

static void set_site(const struct model *m, struct alloc *a, uint16_t id)
{
	size_t i;

	if (!id || !map__get(&m->agent.site_by_id, a->pid, id, &i))
		return;
	a->caller = m->agent.sites.v[i].addr;
	a->searched = m->agent.sites.v[i].searched;
}

static uint64_t pool_handle(const struct model *m, uint32_t pid, uint16_t id)
{
	size_t i;

	return id && map__get(&m->inside->pool_by_id, pid, id, &i) ? m->pools.v[i].handle : 0;
}

/* ---- events ---- */

static void on_pool_alloc(struct model *m, const struct event *ev, uint32_t pid)
{
	struct ev_pool_alloc e;

	event__fixed(ev, &e, sizeof(e));
	if (e.status)
		add_failed(m, e.size_bytes, e.status, MEM_KIND_pool);
	else
		add(m, &(struct alloc){.pid = pid,
				       .kind = MEM_KIND_pool,
				       .va = e.va,
				       .size = e.size_bytes,
				       .begin_ns = ev->ts_ns,
				       .pool = e.pool,
				       .caller = e.caller});
}

static void on_pool_alloc_ok(struct model *m, const struct event *ev, uint32_t pid)
{
	struct alloc a = {.pid = pid, .kind = MEM_KIND_pool, .begin_ns = ev->ts_ns};
	struct ev_pool_alloc_ok e;

	event__fixed(ev, &e, sizeof(e));
	a.va = e.va;
	a.size = e.size_bytes;
	a.pool = pool_handle(m, pid, e.pool);
	set_site(m, &a, e.site);
	add(m, &a);
}

static void on_pool_free(struct model *m, const struct event *ev, uint32_t pid)
{
	struct ev_pool_free e;
	struct alloc *a;

	event__fixed(ev, &e, sizeof(e));
	a = newest_at(m, pid, MEM_KIND_pool, e.va);
	if (a)
		end(m, a, ev->ts_ns);
}

static void on_mem_alloc(struct model *m, const struct event *ev, uint32_t pid)
{
	struct alloc a = {.pid = pid, .begin_ns = ev->ts_ns};
	struct ev_mem_alloc e;

	event__fixed(ev, &e, sizeof(e));
	if (e.status) {
		add_failed(m, e.size_bytes, e.status, e.kind);
		return;
	}
	a.kind = e.kind;
	a.va = e.va;
	a.size = e.size_bytes;
	a.host = e.host;
	a.object = e.object;
	a.pool = pool_handle(m, pid, e.pool);
	set_site(m, &a, e.site);
	add(m, &a);
}

static void on_mem_free(struct model *m, const struct event *ev, uint32_t pid)
{
	struct ev_mem_free e;
	struct alloc *a;

	event__fixed(ev, &e, sizeof(e));
	a = newest_at(m, pid, e.kind, e.va ? e.va : e.object);
	if (a)
		end(m, a, ev->ts_ns);
}

/* Said again, because the chunk that said it first may be gone. */
static void on_mem_live(struct model *m, const struct event *ev, uint32_t pid)
{
	struct alloc a = {.pid = pid};
	const struct alloc *there;
	struct ev_mem_live e;

	event__fixed(ev, &e, sizeof(e));
	there = newest_at(m, pid, e.kind, e.va);
	if (there && is_live(m, there))
		return;
	a.kind = e.kind;
	a.va = e.va;
	a.size = e.size_bytes;
	a.begin_ns = ev->ts_ns > e.age_ns ? ev->ts_ns - e.age_ns : 0;
	a.pool = pool_handle(m, pid, e.pool);
	set_site(m, &a, e.site);
	add(m, &a);
}

const struct handler allocs__handlers[] = {
	{EV_pool_alloc, on_pool_alloc}, {EV_pool_alloc_ok, on_pool_alloc_ok},
	{EV_pool_free, on_pool_free},	{EV_mem_alloc, on_mem_alloc},
	{EV_mem_free, on_mem_free},	{EV_mem_live, on_mem_live},
	{0},
};

/* ---- the end ---- */

void allocs__forget_buffers(struct model *m)
{
	for (size_t i = 0; i < m->allocs.n; i++)
		m->allocs.v[i].bo = 0;
}

static int by_serial(const void *a, const void *b)
{
	const struct alloc *x = a, *y = b;

	return (x->serial > y->serial) - (x->serial < y->serial);
}

/* Empty places come last. */
void allocs__end(struct model *m)
{
	map__free(&m->inside->live_allocs);
	for (size_t i = 0; i < m->allocs.n; i++) {
		m->allocs.v[i].uses = m->inside->hot.v[i].uses;
		m->allocs.v[i].other_uses = m->inside->hot.v[i].other_uses;
		m->allocs.v[i].last_argument = m->inside->hot.v[i].last_argument;
	}
	free(m->inside->hot.v);
	m->inside->hot.v = NULL;
	if (m->num_allocs != m->allocs.n)
		VEC_SORT(&m->allocs, by_serial);
	while (m->allocs.n && m->allocs.v[m->allocs.n - 1].serial == NOWHERE)
		m->allocs.n--;
}

void allocs__free_all(struct model *m)
{
	struct inside *in = m->inside;

	free(m->allocs.v);
	free(m->old_allocs.v);
	free(m->failed_allocs.v);
	map__free(&in->failed_by_what);
	map__free(&in->live_allocs);
	map__free(&in->old_by_kind);
	forgotten__free(&in->forgotten_allocs);
	free(in->uses.v);
	free(in->hot.v);
}
