// SPDX-License-Identifier: MIT
/*
 * The ladder of control: the levels that can decide how memory is accessed, from the instruction to
 * the hardware, and what was observed at each.
 */
#include "verdict.h"
#include "machine.h"
#include "families.h"
#include "../caps/caps.h"
#include "../decode/print.h"
#include "../decode/pte.h"
#include "../../hsa-tools/isa/scan/scan.h"

#define POOL_COARSE 4u /* HSA_AMD_MEMORY_POOL_GLOBAL_FLAG_COARSE_GRAINED */

const char *rung_name(enum rung r)
{
	static const char *const names[] = {
		[RUNG_CODE] = "instruction", [RUNG_HIP] = "HIP call",
		[RUNG_HSA] = "HSA pool",     [RUNG_DRIVER] = "driver",
		[RUNG_PTE] = "page table",   [RUNG_HARDWARE] = "hardware"};

	return r < RUNG_COUNT ? names[r] : "?";
}

/* The memory that the first failure is about; else what kernels were given most of. */
static const struct alloc *subject(const struct judge *j, struct alloc *copy)
{
	const struct incident *x = judge__first(j);
	const struct alloc *best = NULL;
	struct argument_use uses[MODEL_KEPT_USES];

	if (x && x->has_address && x->address.has_alloc) {
		*copy = x->address.alloc;
		return copy;
	}
	for (size_t i = 0; i < j->m->allocs.n; i++) {
		const struct alloc *a = &j->m->allocs.v[i];

		if ((!best || a->size > best->size) && model__uses(j->m, a, uses, ARRAY_SIZE(uses)))
			best = a;
	}
	if (best)
		*copy = *best;
	return best ? copy : NULL;
}

static char *observe_code(const struct judge *j, const struct alloc *a)
{
	const struct incident *x = judge__first(j);
	struct argument_use uses[MODEL_KEPT_USES];
	uint64_t object = x ? x->object : 0;
	const struct scan_kernel *s;

	if (!object && model__uses(j->m, a, uses, ARRAY_SIZE(uses)))
		object = uses[0].object;
	s = object ? code__scanned(j, a->pid, object) : NULL;
	if (!s)
		return NULL;
	return xasprintf("%" PRIu64 " memory instructions in %.40s: %" PRIu64 " with glc, %" PRIu64
			 " dlc, %" PRIu64 " slc; no bit of an instruction sets a memory type",
			 s->counts.memory, s->name, s->counts.glc, s->counts.dlc, s->counts.slc);
}

static char *observe_hip(const struct judge *j)
{
	const struct model *m = j->m;

	for (size_t i = 0; i < m->calls.counts.n; i++) {
		const char *name = api_call_name(m->calls.counts.v[i].nr);

		if (name &&
		    (!strncmp(name, "hipMalloc", 9) || !strncmp(name, "hipHostMalloc", 13) ||
		     !strncmp(name, "hipExtMalloc", 12)))
			return xasprintf("%s was called %" PRIu64 " time%s", name,
					 m->calls.counts.v[i].count,
					 m->calls.counts.v[i].count == 1 ? "" : "s");
	}
	return NULL;
}

static char *observe_hsa(const struct judge *j, const struct alloc *a)
{
	const struct pool *p = model__pool(j->m, a->pid, a->pool);
	const struct device *d = p ? model__device(j->m, p->pid, p->device) : NULL;
	const char *disable = judge__variable(j, a->pid, "HSA_DISABLE_CACHE");
	struct buf b = {0};

	if (!p)
		return NULL;
	buf__printf(&b, "pool of %s, ", !d ? "an unknown device" : d->gpu ? "the GPU" : "the CPU");
	print_grain(&b, p->flags);
	if (a->override)
		buf__printf(&b, " (rule %u of --override)", a->override);
	if (disable)
		buf__printf(&b, "; HSA_DISABLE_CACHE=%s", disable);
	return b.s;
}

static char *observe_driver(const struct judge *j, const struct bo *bo)
{
	const struct machine_parameter *p =
		j->e->machine ? machine__parameter(j->e->machine, "mtype_local") : NULL;
	struct buf b = {0};

	if (!bo)
		return NULL;
	buf__puts(&b, "KFD flags ");
	print_value(&b, PRINT_KFD_ALLOC_FLAGS, bo->flags, false);
	if (p && p->value)
		buf__printf(&b, "; mtype_local=%s, which no code of gfx10 reads", p->value);
	return b.s;
}

static char *observe_pte(const struct judge *j, const struct bo *bo)
{
	const struct caps_pte *row = caps_pte__find(j->m->gfx);
	struct buf b = {0};

	for (size_t i = 0; bo && i < bo->num_ptes; i++) {
		buf__printf(&b, "%s", i ? ", " : "");
		pte_print_memory(&b, row, j->m->ptes.v[bo->first_pte + i].flags);
	}
	return b.s;
}

static char *observe_hardware(const struct judge *j)
{
	const struct caps_pte *row = j->silicon ? caps_pte__find(j->silicon) : NULL;
	char *gfx = say__gfx(j->silicon);
	char *text = row && row->kfd_coarse
			     ? xasprintf("%s%s: NC is cached in L2, UC bypasses it; a wrong type "
					 "makes data stale, it raises no fault",
					 gfx, j->m->emulated ? " (emulated)" : "")
			     : NULL;

	free(gfx);
	return text;
}

/* Who decided: the level above which nothing else was asked for. */
static enum rung decided(const struct judge *j, const struct alloc *a, const struct bo *bo)
{
	const struct pool *p = model__pool(j->m, a->pid, a->pool);
	const struct caps_pte *row = caps_pte__find(j->m->gfx);
	const char *expected = bo ? pte_kfd_mtype(row, bo->flags) : NULL;
	const bool coherent = bo && pte_kfd_coherent(bo->flags);

	if (!bo)
		return RUNG_COUNT;
	for (size_t i = 0; expected && i < bo->num_ptes; i++)
		if (strcmp(pte_mtype(row, j->m->ptes.v[bo->first_pte + i].flags), expected))
			return RUNG_DRIVER;
	if (p && (coherent == !(p->flags & POOL_COARSE) ||
		  judge__variable(j, a->pid, "HSA_DISABLE_CACHE")))
		return RUNG_HSA;
	return RUNG_DRIVER;
}

void ladder__make(struct judge *j)
{
	struct ladder *l = &j->f->ladder;
	struct alloc a;
	const struct bo *bo;

	if (!subject(j, &a))
		return;
	bo = a.bo ? &j->m->bos.v[a.bo - 1] : NULL;
	l->known = true;
	l->about = say__alloc(j->m, &a);
	l->observed[RUNG_CODE] = observe_code(j, &a);
	l->observed[RUNG_HIP] = observe_hip(j);
	l->observed[RUNG_HSA] = observe_hsa(j, &a);
	l->observed[RUNG_DRIVER] = observe_driver(j, bo);
	l->observed[RUNG_PTE] = observe_pte(j, bo);
	l->observed[RUNG_HARDWARE] = observe_hardware(j);
	l->decided = decided(j, &a, bo);
}
