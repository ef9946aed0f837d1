// SPDX-License-Identifier: MIT
/*
 * Page tables: how each page is mapped now, and the updates of before. Updates above MODEL_KEPT_PTES are applied to a
 * second table, which is how pages were mapped when the first that is kept was written.
 */
#include "parts.h"
#include "../decode/pte.h"

#include <stdlib.h>

#define PAGE_SHIFT 12
#define EMULATED_VM UINT64_MAX /* fence context of its one address space */
#define SPACES_MAX 64u /* of a process: one for each time a GPU was opened; more are taken for one */

uint64_t first_page(uint64_t va)
{
	return va >> PAGE_SHIFT;
}

uint64_t end_page(uint64_t va, uint64_t size)
{
	uint64_t last = size > UINT64_MAX - va ? UINT64_MAX : va + size - 1;

	return size ? (last >> PAGE_SHIFT) + 1 : first_page(va);
}

/* ---- address spaces ---- */

static uint64_t space_of(struct model *m, uint32_t pid, uint64_t vm)
{
	struct inside *in = m->inside;
	struct owner *o;
	size_t s;

	if (map__get(&in->space_by_vm, pid, vm, &s))
		return s;
	o = owner_of(m, pid);
	if (o->spaces < SPACES_MAX) {
		*VEC_PUSH(&in->spaces) = (struct space){.pid = pid, .next = o->last_space};
		o->last_space = in->spaces.n;
		o->spaces++;
	}
	map__set(&in->space_by_vm, pid, vm, o->last_space);
	return o->last_space;
}

static size_t first_space(const struct model *m, uint32_t pid)
{
	const struct owner *o = find_owner(m, pid);

	return o ? o->last_space : 0;
}

void ptes__take(struct model *m, uint32_t pid, uint64_t lo, uint64_t hi, bool only_unmapped, pt_take take, void *ctx)
{
	for (size_t s = first_space(m, pid); s; s = m->inside->spaces.v[s - 1].next)
		pagetable__take(&m->inside->pagetable, s, lo, hi, only_unmapped, take, ctx);
}

/* ---- pages of no buffer ---- */

struct taking {
	struct model *m;
	enum loose_kind kind;
};

static void take_loose(void *ctx, const struct pt_span *span)
{
	const struct taking *t = ctx;
	struct model *m = t->m;
	struct loose *l;
	size_t i;

	if (!map__get(&m->inside->loose_by_flags, (uint64_t)t->kind << 1 | span->unmapped, span->flags,
		      &i)) {
		i = m->loose.n;
		l = VEC_PUSH(&m->loose);
		l->kind = t->kind;
		l->pte.flags = span->flags;
		l->pte.unmapped = span->unmapped;
		map__set(&m->inside->loose_by_flags, (uint64_t)t->kind << 1 | span->unmapped, span->flags,
			 i);
	}
	m->loose.v[i].pte.pages += span->hi - span->lo;
}

void ptes__take_loose(struct model *m, uint32_t pid, uint64_t lo, uint64_t hi, bool only_unmapped, enum loose_kind kind)
{
	ptes__take(m, pid, lo, hi, only_unmapped, take_loose, &(struct taking){.m = m, .kind = kind});
}

/* ---- updates ---- */

static void sum_update(struct model *m, uint64_t flags, bool emulated, uint64_t pages)
{
	size_t i;

	if (!map__get(&m->inside->sum_by_flags, emulated, flags, &i)) {
		i = m->pte_sums.n;
		*VEC_PUSH(&m->pte_sums) = (struct pte_sum){.flags = flags, .emulated = emulated};
		map__set(&m->inside->sum_by_flags, emulated, flags, i);
	}
	m->pte_sums.v[i].updates++;
	m->pte_sums.v[i].pages += pages;
}

static void apply(struct pagetable *pt, const struct pte_update *u)
{
	if (u->map)
		pagetable__map(pt, u->space, u->lo, u->hi, u->flags, u->ts_ns);
	else
		pagetable__unmap(pt, u->space, u->lo, u->hi, u->ts_ns);
}

/* It changes nothing. */
static bool is_so(const struct pagetable *pt, const struct pte_update *u)
{
	const struct pt_span *there = pagetable__at(pt, u->space, u->lo);

	return there && there->hi >= u->hi && there->unmapped == !u->map && (!u->map || there->flags == u->flags);
}

static void take_down(struct model *m, const struct pte_update *u)
{
	struct inside *in = m->inside;
	struct pte_update *at;

	if (u->lo >= u->hi)
		return;
	if (in->pte_log.n < MODEL_KEPT_PTES) {
		*VEC_PUSH(&in->pte_log) = *u;
	} else {
		at = &in->pte_log.v[in->num_updates % MODEL_KEPT_PTES];
		apply(&in->old_pagetable, at);
		*at = *u;
	}
	in->num_updates++;
}

/* Entries of pages lo to hi - 1 of an address space are written. */
static void on_update(struct model *m, uint32_t pid, uint64_t vm, uint64_t lo, uint64_t hi, uint64_t flags, uint64_t ts)
{
	struct pte_update u = {.space = space_of(m, pid, vm),
			       .lo = lo,
			       .hi = hi < lo ? lo : hi,
			       .flags = PTE_ALIKE(flags),
			       .ts_ns = ts,
			       .map = flags & PTE_VALID};
	struct pagetable *now = &m->inside->pagetable;

	if (u.map)
		sum_update(m, u.flags, vm == EMULATED_VM, u.hi - lo);
	else if (has_exited(m, pid) || pte_is_no_retry(caps_pte__find(m->gfx), flags))
		return;
	else
		u.flags = 0;
	if (!is_so(now, &u))
		take_down(m, &u);
	apply(now, &u);
}

static void on_update_ptes(struct model *m, const struct event *ev, uint32_t pid)
{
	struct ev_vm_update_ptes e;

	(void)pid;
	event__fixed(ev, &e, sizeof(e));
	on_update(m, e.pid, e.vm_ctx, e.start, e.end, e.flags, ev->ts_ns);
}

static void on_set_ptes(struct model *m, const struct event *ev, uint32_t pid)
{
	struct ev_vm_set_ptes e;

	(void)pid;
	event__fixed(ev, &e, sizeof(e));
	if (e.flags & PTE_VALID)
		sum_update(m, PTE_ALIKE(e.flags), false, 0);
}

static void on_emu_pte(struct model *m, const struct event *ev, uint32_t pid)
{
	struct ev_emu_pte e;

	event__fixed(ev, &e, sizeof(e));
	on_update(m, pid, EMULATED_VM, first_page(e.va), end_page(e.va, e.size_bytes),
		  e.op == PTE_OP_map ? e.flags | PTE_VALID : 0, ev->ts_ns);
}

const struct handler ptes__handlers[] = {
	{EV_vm_update_ptes, on_update_ptes},
	{EV_vm_set_ptes, on_set_ptes},
	{EV_emu_pte, on_emu_pte},
	{0},
};

const struct pt_span *ptes__now(const struct model *m, uint32_t pid, uint64_t va)
{
	const struct pt_span *span = NULL;

	for (size_t s = first_space(m, pid); s && !span; s = m->inside->spaces.v[s - 1].next)
		span = pagetable__at(&m->inside->pagetable, s, first_page(va));
	return span;
}

void ptes__free_all(struct model *m)
{
	struct inside *in = m->inside;

	free(m->loose.v);
	free(m->pte_sums.v);
	free(in->spaces.v);
	free(in->pte_log.v);
	map__free(&in->space_by_vm);
	map__free(&in->loose_by_flags);
	map__free(&in->sum_by_flags);
	pagetable__free(&in->pagetable);
	pagetable__free(&in->old_pagetable);
}
