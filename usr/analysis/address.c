// SPDX-License-Identifier: MIT
/* What is known of an address at a time. Indices are made when they are asked for first. */
#include "parts.h"
#include "../decode/pte.h"

#include <stdlib.h>

#define KINDS 16u /* of allocations: enum ev_mem_kind; newer ones are taken for one */

struct address_index {
	struct held allocs, bos, mappings, svm, ptes, modules;
	bool has_allocs, has_bos, has_mappings, has_svm, has_ptes, has_modules;
};

static struct address_index *index_of(const struct model *m)
{
	struct inside *in = m->inside;

	if (!in->index)
		in->index = xcalloc(1, sizeof(*in->index));
	return in->index;
}

void address__free_all(struct model *m)
{
	struct address_index *x = m->inside->index;

	if (!x)
		return;
	held__free(&x->allocs);
	held__free(&x->bos);
	held__free(&x->mappings);
	held__free(&x->svm);
	held__free(&x->ptes);
	held__free(&x->modules);
	free(x);
}

/* ---- allocations ---- */

static uint64_t alloc_space(uint32_t pid, uint16_t kind)
{
	return (uint64_t)pid * KINDS + (kind < KINDS ? kind : KINDS - 1);
}

static struct held *allocs_of(const struct model *m)
{
	struct address_index *x = index_of(m);

	for (size_t i = 0; !x->has_allocs && i < m->allocs.n; i++) {
		const struct alloc *a = &m->allocs.v[i];

		held__add(&x->allocs, alloc_space(a->pid, a->kind), a->va, a->size, a->begin_ns, a->end_ns, i);
	}
	x->has_allocs = true;
	return &x->allocs;
}

static const struct alloc *alloc_at(const struct model *m, const struct held_range *r)
{
	return r ? &m->allocs.v[r->value] : NULL;
}

static uint64_t end_of(const struct alloc *a)
{
	return a->size > UINT64_MAX - a->va ? UINT64_MAX : a->va + a->size;
}

struct place model__place(const struct model *m, uint32_t pid, uint64_t va, uint64_t ts)
{
	uint64_t forgotten = forgotten__at(&m->inside->forgotten_allocs, pid, va);
	struct held *h = allocs_of(m);
	bool gave_up = false;
	struct place p = {0};

	for (uint16_t kind = 0; kind < KINDS; kind++) {
		uint64_t space = alloc_space(pid, kind);
		const struct alloc *at = alloc_at(m, held__at(h, space, va, ts, &gave_up));
		const struct alloc *freed = alloc_at(m, held__before(h, space, va, ts, &gave_up));
		const struct alloc *below = alloc_at(m, held__below(h, space, va, ts, &p.near_forgotten));
		const struct alloc *above = alloc_at(m, held__above(h, space, va, ts, &p.near_forgotten));

		/* Of what lies in memory of another kind, the innermost. */
		if (at && (!p.inside || at->size < p.inside->size || (at->size == p.inside->size && at > p.inside)))
			p.inside = at;
		if (freed && (!p.inside_freed || freed->end_ns > p.inside_freed->end_ns))
			p.inside_freed = freed;
		if (below && (!p.below || end_of(below) > end_of(p.below)))
			p.below = below;
		if (above && (!p.above || above->va < p.above->va))
			p.above = above;
	}
	p.near_forgotten |= ts < m->inside->allocs_known_from_ns;
	if (gave_up && !forgotten)
		forgotten = ts ? ts : 1;
	if (!forgotten || p.inside || (p.inside_freed && p.inside_freed->end_ns >= forgotten && !gave_up))
		return p;
	p.forgotten_ns = forgotten;
	p.inside_freed = NULL;
	return p;
}

/* ---- who had it as an argument ---- */

static int latest_first(const void *a, const void *b)
{
	const struct argument_use *x = a, *y = b;

	return (x->last_ns < y->last_ns) - (x->last_ns > y->last_ns);
}

size_t model__uses(const struct model *m, const struct alloc *a, struct argument_use *out, size_t max)
{
	struct argument_use all[MODEL_KEPT_USES];
	const struct use_block *b;
	size_t n = 0;

	for (uint32_t i = a->uses; i; i = b->next) {
		b = &m->inside->uses.v[i - 1];
		for (unsigned int k = 0; k < b->n && n < ARRAY_SIZE(all); k++)
			all[n++] = (struct argument_use){.object = m->kernel_sums.v[b->uses[k].kernel].object,
							 .at = b->uses[k].at,
							 .count = b->uses[k].count,
							 .first_ns = b->uses[k].first_ns,
							 .last_ns = b->uses[k].last_ns};
	}
	if (n)
		qsort(all, n, sizeof(all[0]), latest_first);
	n = n < max ? n : max;
	if (n)
		memcpy(out, all, n * sizeof(all[0]));
	return n;
}

size_t model__arguments(const struct model *m, const struct alloc *a, uint64_t ts, struct argument *out, size_t max,
			bool *forgotten)
{
	const struct owner *o = find_owner(m, a->pid);
	uint64_t number = a->last_argument;
	size_t n = 0;

	*forgotten = false;
	while (number && n < max) {
		const struct argument_slot *s;

		if (o->num_arguments - number >= o->num_slots) {
			*forgotten = true;
			break;
		}
		s = &o->arguments[(number - 1) & (o->num_slots - 1)];
		number = s->before;
		if (s->ts_ns > ts)
			continue;
		out[n++] = (struct argument){.pid = a->pid,
					     .ts_ns = s->ts_ns,
					     .queue_id = m->queue_work.v[s->queue].queue_id,
					     .index = s->index,
					     .object = m->kernel_sums.v[s->kernel].object,
					     .at = s->at,
					     .state = s->state};
	}
	return n;
}

/* ---- the driver's buffers ---- */

static struct held *bos_of(const struct model *m)
{
	struct address_index *x = index_of(m);

	for (size_t i = 0; !x->has_bos && i < m->bos.n; i++) {
		const struct bo *b = &m->bos.v[i];

		held__add(&x->bos, b->pid, b->va, b->size, b->begin_ns, b->end_ns, i);
	}
	x->has_bos = true;
	return &x->bos;
}

const struct bo *model__bo_at(const struct model *m, uint32_t pid, uint64_t va, uint64_t ts)
{
	const struct held_range *r = held__at(bos_of(m), pid, va, ts, NULL);

	return r ? &m->bos.v[r->value] : NULL;
}

const struct bo *model__freed_bo_at(const struct model *m, uint32_t pid, uint64_t va, uint64_t ts)
{
	const struct held_range *r = held__before(bos_of(m), pid, va, ts, NULL);

	return r ? &m->bos.v[r->value] : NULL;
}

static struct held *mappings_of(const struct model *m)
{
	struct address_index *x = index_of(m);

	for (size_t i = 0; !x->has_mappings && i < m->mappings.n; i++) {
		const struct mapping *v = &m->mappings.v[i];

		held__add(&x->mappings, v->pid, v->first, v->last - v->first + 1, v->begin_ns, v->end_ns, i);
	}
	x->has_mappings = true;
	return &x->mappings;
}

const struct mapping *model__mapping_at(const struct model *m, uint32_t pid, uint64_t va, uint64_t ts)
{
	const struct held_range *r = held__at(mappings_of(m), pid, first_page(va), ts, NULL);

	return r ? &m->mappings.v[r->value] : NULL;
}

static struct held *svm_of(const struct model *m)
{
	struct address_index *x = index_of(m);

	for (size_t i = 0; !x->has_svm && i < m->svm_ranges.n; i++) {
		const struct svm_range *s = &m->svm_ranges.v[i];

		held__add(&x->svm, s->pid, s->va, s->size, s->begin_ns, s->end_ns, i);
	}
	x->has_svm = true;
	return &x->svm;
}

const struct svm_range *model__svm_at(const struct model *m, uint32_t pid, uint64_t va, uint64_t ts)
{
	const struct held_range *r = held__at(svm_of(m), pid, va, ts, NULL);

	return r ? &m->svm_ranges.v[r->value] : NULL;
}

/* ---- programs and libraries ---- */

const struct module *model__module_at(const struct model *m, uint32_t pid, uint64_t addr)
{
	struct address_index *x = index_of(m);
	const struct held_range *r;

	for (size_t i = 0; !x->has_modules && i < m->modules.n; i++)
		held__add(&x->modules, m->modules.v[i].pid, m->modules.v[i].base, m->modules.v[i].size, 0, 0, i);
	x->has_modules = true;
	r = held__at(&x->modules, pid, addr, 0, NULL);
	return r ? &m->modules.v[r->value] : NULL;
}

const char *model__module(const struct model *m, uint32_t pid, uint64_t addr)
{
	const struct module *x = model__module_at(m, pid, addr);

	return x ? x->path : NULL;
}

/* ---- page tables ---- */

/* Updates are numbered: the newer of two at one time is the one that counts. */
static struct held *ptes_of(const struct model *m)
{
	struct address_index *x = index_of(m);
	const struct inside *in = m->inside;

	for (size_t i = 0; !x->has_ptes && i < in->pte_log.n; i++) {
		/* In a ring that is full the oldest stands where the next would be. */
		size_t at = in->pte_log.n < MODEL_KEPT_PTES ? i : (in->num_updates + i) % MODEL_KEPT_PTES;
		const struct pte_update *u = &in->pte_log.v[at];

		held__add(&x->ptes, u->space * 2 + u->map, u->lo, u->hi - u->lo, u->ts_ns, 0, i);
	}
	x->has_ptes = true;
	return &x->ptes;
}

static uint64_t flags_of(const struct model *m, const struct held_range *r)
{
	const struct inside *in = m->inside;

	return in->pte_log.v[in->pte_log.n < MODEL_KEPT_PTES ? r->value : (in->num_updates + r->value) % MODEL_KEPT_PTES].flags;
}

static struct pte_at pte_in(const struct model *m, uint64_t space, uint64_t page, uint64_t ts)
{
	const struct pt_span *old = pagetable__at(&m->inside->old_pagetable, space, page);
	bool gave_up = false;
	const struct held_range *map = held__at(ptes_of(m), space * 2 + 1, page, ts, &gave_up);
	const struct held_range *unmap = held__at(ptes_of(m), space * 2, page, ts, &gave_up);
	struct pte_at p = {.known = map || unmap};

	if (gave_up)
		return (struct pte_at){.forgotten = true};
	if (map && (!unmap || map->value > unmap->value)) {
		p.mapped = true;
		p.since_ns = map->begin;
	} else if (unmap) {
		p.since_ns = unmap->begin;
	} else if (old && old->since_ns <= ts) {
		p.known = true;
		p.mapped = !old->unmapped;
		p.since_ns = old->since_ns;
	} else {
		p.forgotten = old;
	}
	p.was_mapped = map || (p.known && old);
	p.flags = map ? flags_of(m, map) : p.was_mapped ? old->flags : 0;
	return p;
}

/* Several GPUs have several address spaces: one where it is mapped, else the newest. */
struct pte_at model__pte(const struct model *m, uint32_t pid, uint64_t va, uint64_t ts)
{
	const struct owner *o = find_owner(m, pid);
	struct pte_at best = {0};

	for (size_t s = o ? o->last_space : 0; s; s = m->inside->spaces.v[s - 1].next) {
		struct pte_at p = pte_in(m, s, first_page(va), ts);

		best.forgotten |= p.forgotten;
		if (p.known && (!best.known || p.mapped > best.mapped ||
				(p.mapped == best.mapped && p.since_ns > best.since_ns))) {
			p.forgotten |= best.forgotten;
			best = p;
		}
	}
	best.forgotten &= !best.known;
	return best;
}

/* ---- all of it ---- */

static void put_alloc_facts(const struct model *m, struct address_facts *f, uint64_t va, uint64_t ts)
{
	const struct alloc *a = f->place.inside ?: f->place.inside_freed;

	f->alloc = a;
	f->forgotten = f->place.forgotten_ns;
	if (f->place.below)
		f->below_bytes = va - end_of(f->place.below);
	if (f->place.above)
		f->above_bytes = f->place.above->va - va;
	if (!a)
		return;
	f->freed = !f->place.inside;
	f->freed_ago_ns = f->freed ? ts - a->end_ns : 0;
	f->into_bytes = va - a->va;
	f->pool = model__pool(m, a->pid, a->pool);
	f->caller = a->caller ? model__module_at(m, a->pid, a->caller) : NULL;
	f->num_uses = model__uses(m, a, f->uses, FACTS_USES);
	f->other_uses = a->other_uses;
	f->num_last = model__arguments(m, a, ts, f->last, FACTS_USES, &f->last_forgotten);
}

struct address_facts model__address(const struct model *m, uint32_t pid, uint64_t va, uint64_t ts)
{
	struct address_facts f = {.place = model__place(m, pid, va, ts)};
	uint64_t forgotten = forgotten__at(&m->inside->forgotten_bos, pid, va);

	put_alloc_facts(m, &f, va, ts);
	f.bo = model__bo_at(m, pid, va, ts);
	if (!f.bo) {
		f.bo = model__freed_bo_at(m, pid, va, ts);
		f.bo_freed = f.bo;
		f.bo_forgotten = forgotten && (!f.bo || f.bo->end_ns < forgotten);
		if (f.bo_forgotten) {
			f.bo = NULL;
			f.bo_freed = false;
		}
		f.bo_freed_ago_ns = f.bo ? ts - f.bo->end_ns : 0;
	}
	f.mapping = model__mapping_at(m, pid, va, ts);
	f.svm = model__svm_at(m, pid, va, ts);
	f.pte = model__pte(m, pid, va, ts);
	f.mtype = f.pte.was_mapped ? pte_mtype(caps_pte__find(m->gfx), f.pte.flags) : NULL;
	return f;
}
