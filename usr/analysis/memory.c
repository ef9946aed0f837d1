// SPDX-License-Identifier: MIT
/* Buffers of the driver, and ranges of address spaces that they were given. */
#include "parts.h"
#include "../decode/drm.h"

#include <stdlib.h>

#define PAGE_SHIFT 12
#define PTES_MAX 64u /* of a buffer, by their flags; there are not as many: what is over that counts as the last */

/* What is mapped and not a buffer's, of one process. */
static void settle_loose(struct model *m, uint32_t pid)
{
	struct inside *in = m->inside;
	const struct range *r;

	for (r = ranges__from(&in->svm_live, pid, 0); r;
	     r = r->lo < UINT64_MAX ? ranges__from(&in->svm_live, pid, r->lo + 1) : NULL)
		ptes__take_loose(m, pid, first_page(r->lo), end_page(r->lo, r->size), false, LOOSE_SVM);
	for (r = ranges__from(&in->live_mappings, pid, 0); r;
	     r = r->lo < UINT64_MAX ? ranges__from(&in->live_mappings, pid, r->lo + 1) : NULL)
		ptes__take_loose(m, pid, r->lo, r->lo + r->size, false, LOOSE_GEM);
	ptes__take_loose(m, pid, 0, UINT64_MAX, false, LOOSE_OTHER);
}

/* ---- buffers ---- */

struct taking {
	struct model *m;
	struct bo *bo;
};

static void take_bo(void *ctx, const struct pt_span *span)
{
	const struct taking *t = ctx;
	struct model *m = t->m;
	struct pte *p;

	for (size_t i = t->bo->first_pte; i < m->ptes.n; i++) {
		p = &m->ptes.v[i];
		if (p->flags == span->flags && p->unmapped == span->unmapped) {
			p->pages += span->hi - span->lo;
			return;
		}
	}
	if (m->ptes.n - t->bo->first_pte >= PTES_MAX) {
		m->ptes.v[m->ptes.n - 1].pages += span->hi - span->lo;
		return;
	}
	p = VEC_PUSH(&m->ptes);
	*p = (struct pte){
		.flags = span->flags, .pages = span->hi - span->lo, .unmapped = span->unmapped};
}

/* Its pages are its no longer: what they were is kept with it. */
static void settle(struct model *m, struct bo *b)
{
	if (b->settled)
		return;
	b->settled = true;
	b->first_pte = m->ptes.n;
	ptes__take(m, b->pid, first_page(b->va), end_page(b->va, b->size), false, take_bo,
		   &(struct taking){.m = m, .bo = b});
	b->num_ptes = m->ptes.n - b->first_pte;
}

/* ---- buffers that are not kept ---- */

/* Alike in what tables tell of them: not in how many pages there are. */
static uint64_t hash_of(const struct model *m, const struct bo *b)
{
	uint64_t h = (uint64_t)b->flags << 3 | (uint64_t)(b->allocs != 0) << 1 | (b->end_ns != 0);

	for (size_t i = 0; i < b->num_ptes; i++) {
		const struct pte *p = &m->ptes.v[b->first_pte + i];

		h = (h ^ p->flags ^ (uint64_t)p->unmapped << 1) * 0x9e3779b97f4a7c15ull;
		h ^= h >> 29;
	}
	return h;
}

static void sum_up(struct model *m, const struct bo *b)
{
	uint64_t h = hash_of(m, b);
	struct old_bos *old;
	size_t i;

	if (!map__get(&m->inside->old_bo_by_what, h, b->num_ptes, &i)) {
		i = m->old_bos.n;
		old = VEC_PUSH(&m->old_bos);
		map__set(&m->inside->old_bo_by_what, h, b->num_ptes, i);
		old->like = *b;
		old->like.first_pte = m->ptes.n;
		for (size_t k = 0; k < b->num_ptes; k++) {
			const struct pte p = m->ptes.v[b->first_pte + k];

			*VEC_PUSH(&m->ptes) = p;
			m->ptes.v[m->ptes.n - 1].pages = 0;
		}
	}
	old = &m->old_bos.v[i];
	old->count++;
	old->bytes += b->size;
	old->changed += b->host_changes != 0;
	old->changes += b->host_changes;
	for (size_t k = 0; k < b->num_ptes; k++)
		m->ptes.v[old->like.first_pte + k].pages += m->ptes.v[b->first_pte + k].pages;
}

static void move_ptes(struct model *m, struct pte *to, size_t *n, struct bo *b)
{
	memcpy(to + *n, m->ptes.v + b->first_pte, b->num_ptes * sizeof(*to));
	b->first_pte = *n;
	*n += b->num_ptes;
}

/* Those of buffers that are not kept go, once they are most of them. */
static void shrink_ptes(struct model *m)
{
	struct inside *in = m->inside;
	size_t n = 0;
	struct pte *to;

	if (in->wasted_ptes < 1024 || in->wasted_ptes < m->ptes.n / 2)
		return;
	to = xcalloc(m->ptes.n, sizeof(*to));
	for (size_t i = 0; i < m->bos.n; i++)
		move_ptes(m, to, &n, &m->bos.v[i]);
	for (size_t i = 0; i < m->old_bos.n; i++)
		move_ptes(m, to, &n, &m->old_bos.v[i].like);
	free(m->ptes.v);
	m->ptes.v = to;
	m->ptes.cap = m->ptes.n;
	m->ptes.n = n;
	in->wasted_ptes = 0;
}

static void unset_if(struct map *map, uint64_t a, uint64_t b, size_t i)
{
	size_t there;

	if (map__get(map, a, b, &there) && there == i)
		map__unset(map, a, b);
}

static void forget(struct model *m, size_t i, uint64_t ts)
{
	struct inside *in = m->inside;
	struct bo *b = &m->bos.v[i];

	sum_up(m, b);
	forgotten__add(&in->forgotten_bos, b->pid, b->va, b->size, b->end_ns ? b->end_ns : ts);
	in->wasted_ptes += b->num_ptes;
	*b = (struct bo){.serial = NOWHERE, .gone = true, .settled = true};
	FIFO_PUT(&in->no_bos, &m->bos, i);
	shrink_ptes(m);
}

/* ---- their beginning and end ---- */

static void end_bo(struct model *m, struct bo *b, uint64_t ts)
{
	struct inside *in = m->inside;
	size_t i = (size_t)(b - m->bos.v);

	if (b->gone)
		return;
	b->gone = true;
	/* What the driver takes back from a process that has ended was not freed by it. */
	if (!has_exited(m, b->pid))
		b->end_ns = ts;
	settle(m, b);
	ranges__remove(&in->live_bos, b->pid, b->va);
	unset_if(&in->bo_by_handle, b->pid, b->handle, i);
	unset_if(&in->bo_by_mem, b->mem, 0, i);
	unset_if(&in->bo_by_gem, b->gem, 0, i);
	FIFO_PUT(&in->gone_bos, &m->bos, i);
	if (in->gone_bos.n <= MODEL_KEPT_BOS)
		return;
	FIFO_TAKE(&in->gone_bos, &m->bos, i);
	forget(m, i, ts);
}

static size_t add_bo(struct model *m, const struct bo *b)
{
	struct inside *in = m->inside;
	const struct range *held = ranges__upto(&in->live_bos, b->pid, b->va);
	size_t i;

	/* Its end was not seen: it was before. */
	if (held && held->lo == b->va)
		end_bo(m, &m->bos.v[held->value], b->begin_ns);
	ptes__take_loose(m, b->pid, first_page(b->va), end_page(b->va, b->size), true,
			 ranges__find(&in->svm_live, b->pid, b->va) ? LOOSE_SVM : LOOSE_OTHER);
	if (in->no_bos.n) {
		FIFO_TAKE(&in->no_bos, &m->bos, i);
	} else {
		i = m->bos.n;
		VEC_PUSH(&m->bos);
	}
	m->bos.v[i] = *b;
	m->bos.v[i].serial = m->num_bos++;
	ranges__add(&in->live_bos, b->pid, b->va, b->size, i);
	return i;
}

void memory__alloc(struct model *m, const struct bo *b, uint32_t tid, uint32_t begin_dt)
{
	struct bo *made = NULL;
	size_t i;

	if (map__get(&m->inside->made_by_tid, tid, 0, &i) && i) {
		made = &m->bos.v[i - 1];
		map__set(&m->inside->made_by_tid, tid, 0, 0);
	}
	/* The driver made it within this call. */
	if (made && !made->gone && made->pid == b->pid && made->va == b->va &&
	    (!begin_dt || begin_dt == UINT32_MAX || made->begin_ns + begin_dt >= b->begin_ns)) {
		made->handle = b->handle;
		made->flags = b->flags;
		i--;
	} else {
		i = add_bo(m, b);
	}
	map__set(&m->inside->bo_by_handle, b->pid, b->handle, i);
}

void memory__free(struct model *m, uint32_t pid, uint64_t handle, uint64_t ts, uint32_t begin_dt)
{
	struct bo *b;
	size_t i;

	if (!map__get(&m->inside->bo_by_handle, pid, handle, &i))
		return;
	b = &m->bos.v[i];
	/* Freed handles are given out again, perhaps before the call that freed one is seen to
	 * return. */
	if (begin_dt && begin_dt != UINT32_MAX && b->begin_ns > ts - begin_dt)
		return;
	end_bo(m, b, ts);
}

/* Attributes are set again and again on ranges that are there. */
void memory__svm(struct model *m, uint32_t pid, uint64_t va, uint64_t size, uint64_t ts)
{
	const struct range *r = ranges__find(&m->inside->svm_live, pid, va);

	if (r && size <= r->size - (va - r->lo))
		return;
	*VEC_PUSH(&m->svm_ranges) =
		(struct svm_range){.pid = pid, .va = va, .size = size, .begin_ns = ts};
	ranges__add(&m->inside->svm_live, pid, va, size, m->svm_ranges.n - 1);
}

static void end_mapping(struct model *m, size_t i, uint64_t ts)
{
	struct inside *in = m->inside;
	struct mapping *v = &m->mappings.v[i];

	v->end_ns = ts;
	ranges__remove(&in->live_mappings, v->pid, v->first);
	FIFO_PUT(&in->ended_mappings, &m->mappings, i);
	if (in->ended_mappings.n <= MODEL_KEPT_MAPPINGS)
		return;
	FIFO_TAKE(&in->ended_mappings, &m->mappings, i);
	m->mappings.v[i] = (struct mapping){.serial = NOWHERE};
	FIFO_PUT(&in->no_mappings, &m->mappings, i);
}

void memory__end_process(struct model *m, uint32_t pid, uint64_t ts)
{
	struct inside *in = m->inside;
	const struct range *r;

	while ((r = ranges__from(&in->live_bos, pid, 0)))
		end_bo(m, &m->bos.v[r->value], ts);
	settle_loose(m, pid);
	while ((r = ranges__from(&in->svm_live, pid, 0))) {
		m->svm_ranges.v[r->value].end_ns = ts;
		ranges__remove(&in->svm_live, pid, r->lo);
	}
	while ((r = ranges__from(&in->live_mappings, pid, 0)))
		end_mapping(m, r->value, ts);
}

static void on_mem_alloc(struct model *m, const struct event *ev, uint32_t pid)
{
	struct ev_kfd_mem_alloc e;
	size_t i;

	(void)pid;
	event__fixed(ev, &e, sizeof(e));
	if (e.ret)
		return;
	take_kernel_side(m);
	i = add_bo(m, &(struct bo){.pid = e.pid,
				   .va = e.va,
				   .size = e.size_bytes,
				   .begin_ns = ev->ts_ns,
				   .flags = e.flags,
				   .domain = e.domain,
				   .mem = e.mem,
				   .gem = e.bo,
				   .made_in_ns = e.begin_dt});
	if (e.mem)
		map__set(&m->inside->bo_by_mem, e.mem, 0, i);
	if (e.bo)
		map__set(&m->inside->bo_by_gem, e.bo, 0, i);
	map__set(&m->inside->made_by_tid, ev->tid, 0, i + 1);
}

/* By KFD's object, else by the address of a buffer that is there. */
static struct bo *bo_of(struct model *m, uint32_t pid, uint64_t mem, uint64_t va)
{
	const struct range *r;
	size_t i;

	if (mem && map__get(&m->inside->bo_by_mem, mem, 0, &i))
		return &m->bos.v[i];
	r = ranges__find(&m->inside->live_bos, pid, va);
	return r && r->lo == va ? &m->bos.v[r->value] : NULL;
}

static void on_mem(struct model *m, const struct event *ev, uint32_t pid)
{
	struct ev_kfd_mem e;
	struct bo *b;

	(void)pid;
	event__fixed(ev, &e, sizeof(e));
	b = bo_of(m, e.pid, e.mem, e.va);
	if (!b || e.ret)
		return;
	if (e.op == MEM_OP_map)
		b->maps++;
	else if (e.op == MEM_OP_unmap)
		b->unmaps++;
	else if (e.op == MEM_OP_free)
		end_bo(m, b, ev->ts_ns - e.begin_dt);
}

#define CHANGES_MAX (1u << 16)

/* The newest are asked for, when a process ends; and only those. */
static void note_change(struct model *m, const struct host_change *c)
{
	struct inside *in = m->inside;
	struct owner *o = owner_of(m, c->pid);

	if (in->host_changes.n == CHANGES_MAX) {
		for (size_t i = 0; i < in->owners.n; i++)
			in->owners.v[i].last_change = 0;
		in->host_changes.n = 0;
	}
	*VEC_PUSH(&in->host_changes) = *c;
	in->host_changes.v[in->host_changes.n - 1].before = o->last_change;
	o->last_change = in->host_changes.n;
}

static void on_userptr_evict(struct model *m, const struct event *ev, uint32_t pid)
{
	struct ev_userptr_evict e;
	struct bo *b;

	(void)pid;
	event__fixed(ev, &e, sizeof(e));
	b = bo_of(m, e.pid, e.mem, e.va);
	if (!b)
		return;
	b->host_changes++;
	note_change(m, &(struct host_change){.pid = e.pid,
					     .ts_ns = ev->ts_ns,
					     .bo = (size_t)(b - m->bos.v),
					     .serial = b->serial});
}

#define END_NS 1000000000ull /* that an address space takes to be taken down, at most */

/*
 * An address space is taken down before its process is said to have ended (do_exit), and every
 * registered range of it says that it changes: after the last call, and right before the end.
 */
void memory__exit(struct model *m, uint32_t pid, uint64_t ts)
{
	struct inside *in = m->inside;
	struct owner *o = owner_of(m, pid);
	size_t last = 0;

	map__get(&in->last_ioctl, pid, 0, &last);
	for (size_t i = o->last_change; i; i = in->host_changes.v[i - 1].before) {
		const struct host_change *c = &in->host_changes.v[i - 1];

		if (ts - c->ts_ns > END_NS)
			break;
		if (c->ts_ns > last && m->bos.v[c->bo].serial == c->serial)
			m->bos.v[c->bo].host_changes--;
	}
	o->last_change = 0;
}

static void on_bo_create(struct model *m, const struct event *ev, uint32_t pid)
{
	struct ev_bo_create e;
	struct inside *in = m->inside;
	struct gem *g;
	size_t i;

	(void)pid;
	event__fixed(ev, &e, sizeof(e));
	if (m->gems.n < MODEL_KEPT_GEMS) {
		i = m->gems.n;
		g = VEC_PUSH(&m->gems);
	} else {
		i = in->num_gems % MODEL_KEPT_GEMS;
		g = &m->gems.v[i];
		unset_if(&in->gem_by_ordinal, g->ordinal, 0, i);
	}
	in->num_gems++;
	*g = (struct gem){.ordinal = e.bo, .size = (uint64_t)e.pages << PAGE_SHIFT, .domain = e.preferred};
	map__set(&in->gem_by_ordinal, e.bo, 0, i);
}

const struct gem *model__gem(const struct model *m, uint64_t ordinal)
{
	size_t i;

	return map__get(&m->inside->gem_by_ordinal, ordinal, 0, &i) ? &m->gems.v[i] : NULL;
}

static void sum_move(struct model *m, const struct ev_bo_move *e)
{
	uint64_t what = (uint64_t)e->from << 32 | e->to;
	size_t i;

	if (!map__get(&m->inside->move_by_what, what, 0, &i)) {
		i = m->move_sums.n;
		*VEC_PUSH(&m->move_sums) = (struct move_sum){.from = e->from, .to = e->to};
		map__set(&m->inside->move_by_what, what, 0, i);
	}
	m->move_sums.v[i].count++;
	m->move_sums.v[i].bytes += e->size_bytes;
}

static void on_bo_move(struct model *m, const struct event *ev, uint32_t pid)
{
	struct ev_bo_move e;
	struct move *v;
	size_t i;

	(void)pid;
	event__fixed(ev, &e, sizeof(e));
	sum_move(m, &e);
	v = m->moves.n < MODEL_KEPT_MOVES ? VEC_PUSH(&m->moves) : &m->moves.v[m->num_moves % MODEL_KEPT_MOVES];
	m->num_moves++;
	*v = (struct move){
		.ts_ns = ev->ts_ns, .gem = e.bo, .size = e.size_bytes, .from = e.from, .to = e.to};
	if (!map__get(&m->inside->bo_by_gem, e.bo, 0, &i))
		return;
	v->bo = m->bos.v[i].serial + 1;
	m->bos.v[i].moves++;
}

/* ---- mappings ---- */

static void on_bo_map(struct model *m, const struct event *ev, uint32_t pid)
{
	struct inside *in = m->inside;
	const struct range *r;
	struct ev_vm_bo_map e;
	size_t i;

	(void)pid;
	event__fixed(ev, &e, sizeof(e));
	if (e.last < e.start || e.last == UINT64_MAX)
		return;
	r = ranges__upto(&in->live_mappings, e.pid, e.start);
	if (r && r->lo == e.start)
		end_mapping(m, r->value, ev->ts_ns);
	if (in->no_mappings.n) {
		FIFO_TAKE(&in->no_mappings, &m->mappings, i);
	} else {
		i = m->mappings.n;
		VEC_PUSH(&m->mappings);
	}
	m->mappings.v[i] = (struct mapping){.pid = e.pid,
					    .gem = e.bo,
					    .vm = e.vm,
					    .first = e.start,
					    .last = e.last,
					    .begin_ns = ev->ts_ns,
					    .serial = in->num_mappings++};
	ranges__add(&in->live_mappings, e.pid, e.start, e.last - e.start + 1, i);
}

static void on_bo_unmap(struct model *m, const struct event *ev, uint32_t pid)
{
	struct ev_vm_bo_unmap e;
	const struct mapping *v;
	const struct range *r;

	(void)pid;
	event__fixed(ev, &e, sizeof(e));
	r = ranges__upto(&m->inside->live_mappings, e.pid, e.start);
	if (!r || r->lo != e.start)
		return;
	v = &m->mappings.v[r->value];
	/* A buffer of KFD's keeps its pages until it is freed. */
	if (!ranges__find(&m->inside->live_bos, e.pid, e.start << PAGE_SHIFT))
		ptes__take_loose(m, e.pid, v->first, v->last + 1, false, LOOSE_GEM);
	end_mapping(m, r->value, ev->ts_ns);
}

static void on_drm_ioctl(struct model *m, const struct event *ev, uint32_t pid)
{
	uint64_t operation = 0, flags = 0;
	struct ev_drm_ioctl e;
	const uint8_t *arg;
	size_t len = event__bytes(ev, 0, &arg);

	(void)pid;
	event__fixed(ev, &e, sizeof(e));
	m->drm_ioctls++;
	if (e.ret < 0) {
		m->failed_drm_ioctls++;
		sum_ioctl(&m->failed_drm, e.cmd, e.ret < -INT32_MAX ? INT32_MAX : (int)-e.ret);
	}
	if (e.ret || IOC_NR(e.cmd) != 0x48) /* AMDGPU_GEM_VA */
		return;
	drm_arg_get(e.cmd, e.ret, arg, len, "operation", &operation);
	drm_arg_get(e.cmd, e.ret, arg, len, "flags", &flags);
	if (operation == 1 || operation == 4) /* AMDGPU_VA_OP_MAP, _REPLACE */
		m->gem_va_mtypes[flags >> 5 & 0xf]++;
}

const struct handler memory__handlers[] = {
	{EV_kfd_mem_alloc, on_mem_alloc},
	{EV_kfd_mem, on_mem},
	{EV_userptr_evict, on_userptr_evict},
	{EV_bo_create, on_bo_create},
	{EV_bo_move, on_bo_move},
	{EV_vm_bo_map, on_bo_map},
	{EV_vm_bo_unmap, on_bo_unmap},
	{EV_drm_ioctl, on_drm_ioctl},
	{0},
};

void memory__forget(struct model *m)
{
	struct inside *in = m->inside;

	m->bos.n = m->svm_ranges.n = m->ptes.n = m->old_bos.n = 0;
	m->num_bos = 0;
	for (size_t i = 0; i < m->moves.n; i++)
		m->moves.v[i].bo = 0;
	in->gone_bos = in->no_bos = (struct fifo){0};
	in->wasted_ptes = 0;
	map__free(&in->bo_by_handle);
	map__free(&in->bo_by_mem);
	map__free(&in->bo_by_gem);
	map__free(&in->made_by_tid);
	map__free(&in->old_bo_by_what);
	ranges__free(&in->live_bos);
	ranges__free(&in->svm_live);
	forgotten__free(&in->forgotten_bos);
	in->host_changes.n = 0;
	for (size_t i = 0; i < in->owners.n; i++)
		in->owners.v[i].last_change = 0;
}

/* ---- the end ---- */

static int bo_by_serial(const void *a, const void *b)
{
	const struct bo *x = a, *y = b;

	return (x->serial > y->serial) - (x->serial < y->serial);
}

static int mapping_by_serial(const void *a, const void *b)
{
	const struct mapping *x = a, *y = b;

	return (x->serial > y->serial) - (x->serial < y->serial);
}

static int move_by_time(const void *a, const void *b)
{
	const struct move *x = a, *y = b;

	return (x->ts_ns > y->ts_ns) - (x->ts_ns < y->ts_ns);
}

/* Index plus 1 of the buffer of that serial plus 1; 0 when it is not kept. */
static size_t find_bo(const struct model *m, uint64_t serial)
{
	const struct bo key = {.serial = serial - 1}, *b;

	b = serial && m->bos.n ? bsearch(&key, m->bos.v, m->bos.n, sizeof(key), bo_by_serial) : NULL;
	return b ? (size_t)(b - m->bos.v) + 1 : 0;
}

/* Lists in the order of what they hold, without empty places. */
static void put_in_order(struct model *m)
{
	if (m->bos.n != m->num_bos)
		VEC_SORT(&m->bos, bo_by_serial);
	while (m->bos.n && m->bos.v[m->bos.n - 1].serial == NOWHERE)
		m->bos.n--;
	if (m->mappings.n != m->inside->num_mappings)
		VEC_SORT(&m->mappings, mapping_by_serial);
	while (m->mappings.n && m->mappings.v[m->mappings.n - 1].serial == NOWHERE)
		m->mappings.n--;
	if (m->moves.n != m->num_moves)
		VEC_SORT(&m->moves, move_by_time);
	for (size_t i = 0; i < m->moves.n; i++)
		m->moves.v[i].bo = find_bo(m, m->moves.v[i].bo);
	for (size_t i = 0; i < m->allocs.n; i++)
		m->allocs.v[i].bo = find_bo(m, m->allocs.v[i].bo);
}

void memory__end(struct model *m)
{
	for (size_t i = 0; i < m->bos.n; i++)
		settle(m, &m->bos.v[i]);
	for (size_t i = 0; i < m->inside->owners.n; i++)
		settle_loose(m, m->inside->owners.v[i].pid);
	put_in_order(m);
	/* Places have changed. */
	map__free(&m->inside->bo_by_handle);
	map__free(&m->inside->bo_by_mem);
	map__free(&m->inside->bo_by_gem);
	ranges__free(&m->inside->live_bos);
	ranges__free(&m->inside->svm_live);
	ranges__free(&m->inside->live_mappings);
}

void memory__free_all(struct model *m)
{
	struct inside *in = m->inside;

	free(m->bos.v);
	free(m->old_bos.v);
	free(m->svm_ranges.v);
	free(m->ptes.v);
	free(m->gems.v);
	free(m->mappings.v);
	free(m->moves.v);
	free(m->move_sums.v);
	free(in->host_changes.v);
	map__free(&in->gem_by_ordinal);
	map__free(&in->bo_by_handle);
	map__free(&in->bo_by_mem);
	map__free(&in->bo_by_gem);
	map__free(&in->made_by_tid);
	map__free(&in->old_bo_by_what);
	map__free(&in->move_by_what);
	ranges__free(&in->live_bos);
	ranges__free(&in->svm_live);
	ranges__free(&in->live_mappings);
	forgotten__free(&in->forgotten_bos);
}
