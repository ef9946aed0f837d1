// SPDX-License-Identifier: MIT
/* Buffers of the driver, where they were mapped and how. */
#include "parts.h"
#include "../decode/drm.h"
#include "../decode/pte.h"

#include <stdlib.h>

#define PAGE_SHIFT 12
#define EMULATED_VM UINT64_MAX /* fence context of its one address space */

static uint64_t first_page(uint64_t va)
{
	return va >> PAGE_SHIFT;
}

/* Behind the last page of the range; a size that runs over the end of addresses ends there. */
static uint64_t end_page(uint64_t va, uint64_t size)
{
	uint64_t last = size > UINT64_MAX - va ? UINT64_MAX : va + size - 1;

	return size ? (last >> PAGE_SHIFT) + 1 : first_page(va);
}

/* ---- pages of no buffer ---- */

struct taking {
	struct model *m;
	struct bo *bo;
	enum loose_kind kind;
};

static void take_loose(void *ctx, const struct pt_span *span)
{
	const struct taking *t = ctx;
	struct model *m = t->m;
	struct loose *l;
	size_t i;

	if (!map__get(&m->loose_by_flags, (uint64_t)t->kind << 1 | span->unmapped, span->flags,
		      &i)) {
		i = m->loose.n;
		l = VEC_PUSH(&m->loose);
		l->kind = t->kind;
		l->pte.flags = span->flags;
		l->pte.unmapped = span->unmapped;
		map__set(&m->loose_by_flags, (uint64_t)t->kind << 1 | span->unmapped, span->flags,
			 i);
	}
	m->loose.v[i].pte.pages += span->hi - span->lo;
}

static void for_spaces(struct model *m, uint32_t pid, uint64_t lo, uint64_t hi, bool only_unmapped,
		       pt_take take, struct taking *t)
{
	size_t s;

	for (bool more = map__get(&m->space_by_pid, pid, 0, &s); more && s;
	     s = m->spaces.v[s - 1].next)
		pagetable__take(&m->pagetable, s, lo, hi, only_unmapped, take, t);
}

/* What is mapped and not a buffer's, of one process or (0) of all. */
static void settle_loose(struct model *m, uint32_t pid)
{
	for (size_t i = 0; i < m->svm_ranges.n; i++) {
		const struct svm_range *r = &m->svm_ranges.v[i];

		if (!pid || r->pid == pid)
			for_spaces(m, r->pid, first_page(r->va), end_page(r->va, r->size), false,
				   take_loose, &(struct taking){.m = m, .kind = LOOSE_SVM});
	}
	for (size_t i = 0; i < m->mappings.n; i++) {
		const struct mapping *r = &m->mappings.v[i];

		if ((!pid || r->pid == pid) && !r->end_ns)
			for_spaces(m, r->pid, r->first, r->last + 1, false, take_loose,
				   &(struct taking){.m = m, .kind = LOOSE_GEM});
	}
	for (size_t s = 1; s <= m->spaces.n; s++)
		if (!pid || m->spaces.v[s - 1].pid == pid)
			pagetable__take(&m->pagetable, s, 0, UINT64_MAX, false, take_loose,
					&(struct taking){.m = m, .kind = LOOSE_OTHER});
}

/* ---- buffers ---- */

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
	for_spaces(m, b->pid, first_page(b->va), end_page(b->va, b->size), false, take_bo,
		   &(struct taking){.m = m, .bo = b});
	b->num_ptes = m->ptes.n - b->first_pte;
}

static void end_bo(struct model *m, struct bo *b, uint64_t ts)
{
	if (b->gone)
		return;
	b->gone = true;
	/* What the driver takes back from a process that has ended was not freed by it. */
	if (!has_exited(m, b->pid))
		b->end_ns = ts;
	settle(m, b);
	ranges__remove(&m->live_bos, b->pid, b->va);
}

static size_t add_bo(struct model *m, const struct bo *b)
{
	const struct range *held = ranges__find(&m->live_bos, b->pid, b->va);

	/* Its end was not seen: it was before. */
	if (held && held->lo == b->va)
		end_bo(m, &m->bos.v[held->value], b->begin_ns);
	for_spaces(m, b->pid, first_page(b->va), end_page(b->va, b->size), true, take_loose,
		   &(struct taking){.m = m,
				    .kind = ranges__find(&m->svm_live, b->pid, b->va)
						    ? LOOSE_SVM
						    : LOOSE_OTHER});
	*VEC_PUSH(&m->bos) = *b;
	ranges__add(&m->live_bos, b->pid, b->va, b->size, m->bos.n - 1);
	return m->bos.n - 1;
}

void memory__alloc(struct model *m, const struct bo *b, uint32_t tid, uint32_t begin_dt)
{
	struct bo *made = NULL;
	size_t i;

	if (map__get(&m->made_by_tid, tid, 0, &i) && i) {
		made = &m->bos.v[i - 1];
		map__set(&m->made_by_tid, tid, 0, 0);
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
	map__set(&m->bo_by_handle, b->pid, b->handle, i);
}

void memory__free(struct model *m, uint32_t pid, uint64_t handle, uint64_t ts, uint32_t begin_dt)
{
	struct bo *b;
	size_t i;

	if (!map__get(&m->bo_by_handle, pid, handle, &i))
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
	const struct range *r = ranges__find(&m->svm_live, pid, va);

	if (r && size <= r->size - (va - r->lo))
		return;
	*VEC_PUSH(&m->svm_ranges) =
		(struct svm_range){.pid = pid, .va = va, .size = size, .begin_ns = ts};
	ranges__add(&m->svm_live, pid, va, size, m->svm_ranges.n - 1);
}

void memory__end_process(struct model *m, uint32_t pid, uint64_t ts)
{
	for (size_t i = 0; i < m->bos.n; i++)
		if (m->bos.v[i].pid == pid)
			end_bo(m, &m->bos.v[i], ts);
	for (size_t i = 0; i < m->allocs.n; i++)
		if (m->allocs.v[i].pid == pid && !m->allocs.v[i].end_ns)
			m->allocs.v[i].end_ns = ts;
	settle_loose(m, pid);
}

static void on_mem_alloc(struct model *m, const struct event *ev)
{
	struct ev_kfd_mem_alloc e;
	size_t i;

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
		map__set(&m->bo_by_mem, e.mem, 0, i);
	if (e.bo)
		map__set(&m->bo_by_gem, e.bo, 0, i);
	map__set(&m->made_by_tid, ev->tid, 0, i + 1);
}

/* By KFD's object, else by the address of a buffer that is there. */
static struct bo *bo_of(struct model *m, uint32_t pid, uint64_t mem, uint64_t va)
{
	const struct range *r;
	size_t i;

	if (mem && map__get(&m->bo_by_mem, mem, 0, &i))
		return &m->bos.v[i];
	r = ranges__find(&m->live_bos, pid, va);
	return r && r->lo == va ? &m->bos.v[r->value] : NULL;
}

static void on_mem(struct model *m, const struct event *ev)
{
	struct ev_kfd_mem e;
	struct bo *b;

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

static void on_userptr_evict(struct model *m, const struct event *ev)
{
	struct ev_userptr_evict e;
	struct bo *b;

	event__fixed(ev, &e, sizeof(e));
	b = bo_of(m, e.pid, e.mem, e.va);
	if (!b)
		return;
	b->host_changes++;
	*VEC_PUSH(&m->host_changes) = (struct host_change){
		.pid = e.pid, .ts_ns = ev->ts_ns, .bo = (size_t)(b - m->bos.v)};
}

#define END_NS 1000000000ull /* that an address space takes to be taken down, at most */

/*
 * An address space is taken down before its process is said to have ended (do_exit), and every
 * registered range of it says that it changes: after the last call, and right before the end.
 */
void memory__exit(struct model *m, uint32_t pid, uint64_t ts)
{
	size_t last = 0;

	map__get(&m->last_ioctl, pid, 0, &last);
	for (size_t i = m->host_changes.n; i-- > 0;) {
		const struct host_change *c = &m->host_changes.v[i];

		if (ts - c->ts_ns > END_NS)
			break;
		if (c->pid == pid && c->ts_ns > last)
			m->bos.v[c->bo].host_changes--;
	}
}

static void on_bo_create(struct model *m, const struct event *ev)
{
	struct ev_bo_create e;

	event__fixed(ev, &e, sizeof(e));
	*VEC_PUSH(&m->gems) = (struct gem){.size = (uint64_t)e.pages << PAGE_SHIFT, .domain = e.preferred};
	map__set(&m->gem_by_ordinal, e.bo, 0, m->gems.n - 1);
}

static void on_bo_move(struct model *m, const struct event *ev)
{
	struct ev_bo_move e;
	struct move *v = VEC_PUSH(&m->moves);
	size_t i;

	event__fixed(ev, &e, sizeof(e));
	*v = (struct move){
		.ts_ns = ev->ts_ns, .gem = e.bo, .size = e.size_bytes, .from = e.from, .to = e.to};
	if (!map__get(&m->bo_by_gem, e.bo, 0, &i))
		return;
	v->bo = i + 1;
	m->bos.v[i].moves++;
}

/* ---- mappings ---- */

static void on_bo_map(struct model *m, const struct event *ev)
{
	struct ev_vm_bo_map e;

	event__fixed(ev, &e, sizeof(e));
	if (e.last < e.start || e.last == UINT64_MAX)
		return;
	*VEC_PUSH(&m->mappings) = (struct mapping){.pid = e.pid,
						   .gem = e.bo,
						   .vm = e.vm,
						   .first = e.start,
						   .last = e.last,
						   .begin_ns = ev->ts_ns};
	ranges__add(&m->live_mappings, e.pid, e.start, e.last - e.start + 1, m->mappings.n - 1);
}

static void on_bo_unmap(struct model *m, const struct event *ev)
{
	struct ev_vm_bo_unmap e;
	const struct range *r;
	struct mapping *v;

	event__fixed(ev, &e, sizeof(e));
	r = ranges__find(&m->live_mappings, e.pid, e.start);
	if (!r || r->lo != e.start)
		return;
	v = &m->mappings.v[r->value];
	v->end_ns = ev->ts_ns;
	/* A buffer of KFD's keeps its pages until it is freed. */
	if (!ranges__find(&m->live_bos, e.pid, e.start << PAGE_SHIFT))
		for_spaces(m, e.pid, v->first, v->last + 1, false, take_loose,
			   &(struct taking){.m = m, .kind = LOOSE_GEM});
	ranges__remove(&m->live_mappings, e.pid, e.start);
}

static void on_drm_ioctl(struct model *m, const struct event *ev)
{
	uint64_t operation = 0, flags = 0;
	struct ev_drm_ioctl e;
	const uint8_t *arg;
	size_t len = event__bytes(ev, 0, &arg);

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

/* ---- page tables ---- */

static uint64_t space_of(struct model *m, uint32_t pid, uint64_t vm)
{
	size_t s, before = 0;

	if (map__get(&m->space_by_vm, pid, vm, &s))
		return s;
	map__get(&m->space_by_pid, pid, 0, &before);
	*VEC_PUSH(&m->spaces) = (struct space){.pid = pid, .next = before};
	s = m->spaces.n;
	map__set(&m->space_by_vm, pid, vm, s);
	map__set(&m->space_by_pid, pid, 0, s);
	return s;
}

static void sum_update(struct model *m, uint64_t flags, bool emulated, uint64_t pages)
{
	size_t i;

	if (!map__get(&m->sum_by_flags, emulated, flags, &i)) {
		i = m->pte_sums.n;
		*VEC_PUSH(&m->pte_sums) = (struct pte_sum){.flags = flags, .emulated = emulated};
		map__set(&m->sum_by_flags, emulated, flags, i);
	}
	m->pte_sums.v[i].updates++;
	m->pte_sums.v[i].pages += pages;
}

/* Entries of pages lo to hi - 1 of an address space are written. */
static void on_update(struct model *m, uint32_t pid, uint64_t vm, uint64_t lo, uint64_t hi,
		      uint64_t flags)
{
	uint64_t space = space_of(m, pid, vm);

	if (hi < lo)
		hi = lo;
	if (flags & PTE_VALID) {
		sum_update(m, PTE_ALIKE(flags), vm == EMULATED_VM, hi - lo);
		pagetable__map(&m->pagetable, space, lo, hi, PTE_ALIKE(flags));
	} else if (!has_exited(m, pid) && !pte_is_no_retry(caps_pte__find(m->gfx), flags)) {
		pagetable__unmap(&m->pagetable, space, lo, hi);
	}
}

static void on_ptes(struct model *m, const struct event *ev, uint32_t pid)
{
	struct ev_vm_update_ptes range;
	struct ev_vm_set_ptes table;
	struct ev_emu_pte emu;

	switch (ev->desc->id) {
	case EV_vm_update_ptes:
		event__fixed(ev, &range, sizeof(range));
		on_update(m, range.pid, range.vm_ctx, range.start, range.end, range.flags);
		break;
	case EV_vm_set_ptes:
		event__fixed(ev, &table, sizeof(table));
		if (table.flags & PTE_VALID)
			sum_update(m, PTE_ALIKE(table.flags), false, 0);
		break;
	default:
		event__fixed(ev, &emu, sizeof(emu));
		on_update(m, pid, EMULATED_VM, first_page(emu.va), end_page(emu.va, emu.size_bytes),
			  emu.op == PTE_OP_map ? emu.flags | PTE_VALID : 0);
	}
}

const struct pt_span *memory__pte(const struct model *m, uint32_t pid, uint64_t va)
{
	const struct pt_span *span = NULL;
	size_t s;

	for (bool more = map__get(&m->space_by_pid, pid, 0, &s); more && s && !span;
	     s = m->spaces.v[s - 1].next)
		span = pagetable__at(&m->pagetable, s, first_page(va));
	return span;
}

bool memory__event(struct model *m, const struct event *ev, uint32_t pid)
{
	switch (ev->desc->id) {
	case EV_kfd_mem_alloc:
		on_mem_alloc(m, ev);
		break;
	case EV_kfd_mem:
		on_mem(m, ev);
		break;
	case EV_userptr_evict:
		on_userptr_evict(m, ev);
		break;
	case EV_bo_create:
		on_bo_create(m, ev);
		break;
	case EV_bo_move:
		on_bo_move(m, ev);
		break;
	case EV_vm_bo_map:
		on_bo_map(m, ev);
		break;
	case EV_vm_bo_unmap:
		on_bo_unmap(m, ev);
		break;
	case EV_drm_ioctl:
		on_drm_ioctl(m, ev);
		break;
	case EV_vm_update_ptes:
	case EV_vm_set_ptes:
	case EV_emu_pte:
		on_ptes(m, ev, pid);
		break;
	default:
		return false;
	}
	return true;
}

void memory__end(struct model *m)
{
	for (size_t i = 0; i < m->bos.n; i++)
		settle(m, &m->bos.v[i]);
	settle_loose(m, 0);
}

void memory__free_all(struct model *m)
{
	free(m->bos.v);
	free(m->svm_ranges.v);
	free(m->ptes.v);
	free(m->loose.v);
	free(m->pte_sums.v);
	free(m->gems.v);
	map__free(&m->gem_by_ordinal);
	free(m->mappings.v);
	free(m->moves.v);
	free(m->spaces.v);
	free(m->host_changes.v);
	map__free(&m->last_ioctl);
	free(m->failed_drm.list.v);
	map__free(&m->bo_by_handle);
	map__free(&m->bo_by_mem);
	map__free(&m->bo_by_gem);
	map__free(&m->made_by_tid);
	map__free(&m->space_by_vm);
	map__free(&m->space_by_pid);
	map__free(&m->loose_by_flags);
	map__free(&m->sum_by_flags);
	ranges__free(&m->live_bos);
	ranges__free(&m->svm_live);
	ranges__free(&m->live_mappings);
	pagetable__free(&m->pagetable);
}
