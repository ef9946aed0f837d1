// SPDX-License-Identifier: MIT
/* Memory types: what was asked for, what KFD was told, what the page tables say. */
#include "rules.h"
#include "families.h"
#include "machine.h"
#include "../caps/caps.h"
#include "../decode/pte.h"

/* HSA_AMD_MEMORY_POOL_GLOBAL_FLAG_* (hsa_ext_amd.h). */
#define POOL_KERNARG 1u
#define POOL_FINE 2u
#define POOL_COARSE 4u

/* ---- what page tables say against what KFD was told ---- */

static size_t compare_ptes(struct judge *j, struct finding **f, size_t *compared)
{
	const struct model *m = j->m;
	const struct caps_pte *row = caps_pte__find(m->gfx);
	size_t bad = 0;

	for (size_t i = 0; i < m->bos.n; i++) {
		const struct bo *bo = &m->bos.v[i];
		const char *expected = pte_kfd_mtype(row, bo->flags);

		for (size_t k = 0; expected && k < bo->num_ptes; k++) {
			const struct pte *p = &m->ptes.v[bo->first_pte + k];
			const char *is = pte_mtype(row, p->flags);

			++*compared;
			if (!strcmp(is, expected))
				continue;
			if (!bad++)
				*f = judge__add(j, FINDING_CONFIRMED,
						xasprintf("the buffer at 0x%" PRIx64
							  " has KFD flags 0x%x, for which the "
							  "driver's code gives %s, and its "
							  "page-table entries say %s",
							  bo->va, bo->flags, expected, is));
			finding__prove(*f, bo->begin_ns, "kfd_ioctl",
				       xasprintf("0x%" PRIx64
						 ": flags 0x%x, %s where %s was expected",
						 bo->va, bo->flags, is, expected));
		}
	}
	return bad;
}

static size_t compare_pools(struct judge *j, struct finding **f, size_t *compared)
{
	const struct model *m = j->m;
	size_t bad = 0;

	for (size_t i = 0; i < m->allocs.n; i++) {
		const struct alloc *a = &m->allocs.v[i];
		const struct pool *p = a->bo ? model__pool(m, a->pid, a->pool) : NULL;
		const char *disable;
		bool coherent, fine;

		if (!p || a->kind != MEM_KIND_pool)
			continue;
		coherent = pte_kfd_coherent(m->bos.v[a->bo - 1].flags);
		fine = !(p->flags & POOL_COARSE);
		++*compared;
		if (coherent == fine)
			continue;
		disable = judge__variable(j, a->pid, "HSA_DISABLE_CACHE");
		if (coherent && disable && strcmp(disable, "0"))
			continue; /* it asks for it */
		/* Kernel arguments have a rule of their own. */
		if (p->flags & POOL_KERNARG)
			continue;
		if (!*f)
			*f = judge__add(j, FINDING_CONFIRMED,
					xasprintf("%" PRIu64 " bytes at 0x%" PRIx64
						  " were allocated %s-grained, and KFD was "
						  "asked for memory that is %scoherent",
						  a->size, a->va, fine ? "fine" : "coarse",
						  coherent ? "" : "not "));
		finding__prove(*f, a->begin_ns, "pool_alloc_ok",
			       xasprintf("0x%" PRIx64 ": %s-grained, KFD flags 0x%x", a->va,
					 fine ? "fine" : "coarse", m->bos.v[a->bo - 1].flags));
		bad++;
	}
	return bad;
}

void rule_mtype(struct judge *j)
{
	struct finding *f = NULL;
	size_t ptes = 0, pools = 0, bad;
	const struct caps_pte *row = caps_pte__find(j->m->gfx);
	struct buf b;

	bad = compare_ptes(j, &f, &ptes) + compare_pools(j, &f, &pools);
	if (bad)
		return;
	if (!ptes && !j->m->bos.n)
		return; /* nothing used the GPU */
	if (!ptes) {
		judge__undecided(j, "what the page tables say was not recorded",
				 "the driver's hooks: sudo rdna1-trace --trace=kfd,vm -- COMMAND");
		return;
	}
	b = (struct buf){0};
	buf__printf(&b, "KFD's flags and the page tables agree in %zu buffer%s", ptes,
		    ptes == 1 ? "" : "s");
	if (pools)
		buf__printf(&b, ", grain and flags in %zu allocation%s", pools,
			    pools == 1 ? "" : "s");
	if (row && row->kfd_coarse)
		buf__puts(&b, ": coarse is NC, coherent is UC");
	if (j->m->emulated)
		buf__puts(&b, " (the emulated device goes by the driver's rules)");
	judge__add(j, FINDING_RULED_OUT, b.s);
}

/* ---- a memory type that KFD does not give ---- */

static bool is_cc_or_wc(const struct caps_pte *row, uint64_t flags)
{
	const char *mtype = pte_mtype(row, flags);

	return !strcmp(mtype, "CC") || !strcmp(mtype, "WC");
}

void rule_mtype_cc(struct judge *j)
{
	const struct model *m = j->m;
	const struct caps_pte *row = caps_pte__find(m->gfx);
	uint64_t updates = 0, odd = 0;
	const char *name = NULL;
	struct finding *f;

	if (!row || !row->kfd_coarse)
		return; /* not gfx10: KFD may give it there */
	for (size_t i = 0; i < m->pte_sums.n; i++) {
		updates += m->pte_sums.v[i].updates;
		if (is_cc_or_wc(row, m->pte_sums.v[i].flags)) {
			odd += m->pte_sums.v[i].updates;
			name = pte_mtype(row, m->pte_sums.v[i].flags);
		}
	}
	if (!updates)
		return; /* mtype-mismatch says that it was not recorded */
	if (!odd) {
		judge__add(j, FINDING_RULED_OUT,
			   xasprintf("%" PRIu64 " page-table update%s, none with MTYPE CC or WC",
				     updates, updates == 1 ? "" : "s"));
		return;
	}
	if (m->gem_va_mtypes[2] || m->gem_va_mtypes[3]) {
		f = judge__add(j, FINDING_CONFIRMED,
			       xasprintf("%" PRIu64 " of %" PRIu64
					 " page-table updates have MTYPE %s, and a caller of DRM's "
					 "GEM_VA asked for it: graphics, not ROCm",
					 odd, updates, name));
		f->severity = SEVERITY_note;
	} else {
		f = judge__add(
			j, FINDING_CONFIRMED,
			xasprintf("%" PRIu64 " of %" PRIu64
				  " page-table updates have MTYPE %s, and nobody was seen to "
				  "ask for it through DRM: a patched driver, or an error of this "
				  "tool",
				  odd, updates, name));
	}
	for (size_t i = 0; i < m->pte_sums.n; i++)
		if (is_cc_or_wc(row, m->pte_sums.v[i].flags))
			finding__prove(f, 0,
				       m->pte_sums.v[i].emulated ? "emu_pte" : "vm_update_ptes",
				       xasprintf("%" PRIu64 " update%s with entry 0x%" PRIx64,
						 m->pte_sums.v[i].updates,
						 m->pte_sums.v[i].updates == 1 ? "" : "s",
						 m->pte_sums.v[i].flags));
}

/* ---- grain that is not what a kernel needs ---- */

static const struct pool *fine_pool(const struct model *m, const struct alloc *a)
{
	const struct pool *p = model__pool(m, a->pid, a->pool);

	return p && p->flags & POOL_FINE && !(p->flags & POOL_KERNARG) ? p : NULL;
}

void rule_fine_conv(struct judge *j)
{
	const struct model *m = j->m;
	struct argument_use uses[MODEL_KEPT_USES];
	struct finding *f = NULL;

	for (size_t i = 0; i < m->allocs.n; i++) {
		const struct alloc *a = &m->allocs.v[i];
		size_t n = fine_pool(m, a) ? model__uses(m, a, uses, ARRAY_SIZE(uses)) : 0;

		for (size_t k = 0; k < n; k++) {
			const char *kernel = model__kernel(m, a->pid, uses[k].object);
			struct suspect s = {.at = uses[k].at,
					    .name = family__arg(kernel, uses[k].at)};
			struct buf b = {0};

			if (!family__is_convolution(kernel))
				continue;
			incidents__argument(&b, &s);
			if (!f)
				f = judge__add(j, FINDING_CONFIRMED,
					       xasprintf("%s of kernel %s is fine-grained memory, "
							 "in %" PRIu64 " dispatch%s",
							 b.s, kernel, uses[k].count,
							 uses[k].count == 1 ? "" : "es"));
			if (a->override)
				finding__remedy(f, xstrdup("nothing: a rule of --override asked for it"));
			finding__prove(f, uses[k].first_ns, "dispatch",
				       xasprintf("%s: %s at 0x%" PRIx64 "%s", kernel, b.s, a->va,
						 a->override ? ", by --override" : ""));
			buf__free(&b);
		}
	}
}

/* Fine-grained host memory that kernels were given; the first time into *first. */
static size_t fine_host_uses(const struct judge *j, uint64_t *first)
{
	const struct model *m = j->m;
	struct argument_use uses[MODEL_KEPT_USES];
	size_t n = 0;

	for (size_t i = 0; i < m->allocs.n; i++) {
		const struct alloc *a = &m->allocs.v[i];
		const struct pool *p = fine_pool(m, a);
		const struct device *d = p ? model__device(m, a->pid, p->device) : NULL;
		size_t used = d && !d->gpu ? model__uses(m, a, uses, ARRAY_SIZE(uses)) : 0;

		for (size_t k = 0; k < used; k++)
			if (!n++ || uses[k].first_ns < *first)
				*first = uses[k].first_ns;
	}
	return n;
}

void rule_fine_atomics(struct judge *j)
{
	const struct machine_gpu *g = j->e->machine ? machine__gpu(j->e->machine) : NULL;
	uint64_t first = 0;
	size_t n = fine_host_uses(j, &first);
	struct finding *f;

	if (!n)
		return;
	if (!g || g->atomics32 == NOT_KNOWN) {
		f = judge__undecided(
			j,
			"fine-grained host memory was given to kernels; whether the link to the "
			"host has "
			"PCIe atomics is not known",
			"the machine's facts: run under sudo rdna1-trace, or rdna1-trace check");
		f->severity = SEVERITY_note;
	} else if (g->atomics32 == KNOWN_YES) {
		judge__add(j, FINDING_RULED_OUT, xstrdup("the link to the host has PCIe atomics"));
	} else {
		f = judge__add(j, FINDING_POSSIBLE,
			       xasprintf("the link to the host has no PCIe atomics, and %zu "
					 "argument%s of kernels point to "
					 "fine-grained host memory: atomics on it do not work",
					 n, n == 1 ? "" : "s"));
		finding__prove(f, first, "dispatch", xstrdup("the first such dispatch"));
	}
}

void rule_kernarg(struct judge *j)
{
	const struct model *m = j->m;
	struct finding *f = NULL;
	size_t seen = 0;

	for (size_t i = 0; i < m->allocs.n; i++) {
		const struct alloc *a = &m->allocs.v[i];
		const struct pool *p = a->bo ? model__pool(m, a->pid, a->pool) : NULL;

		/* What --override took from there is something else. */
		if (!p || !(p->flags & POOL_KERNARG) || a->override)
			continue;
		seen++;
		if (pte_kfd_coherent(m->bos.v[a->bo - 1].flags))
			continue;
		if (!f)
			f = judge__add(j, FINDING_CONFIRMED,
				       xasprintf("kernel arguments at 0x%" PRIx64
						 " lie in memory that KFD was not asked to "
						 "make coherent (flags 0x%x)",
						 a->va, m->bos.v[a->bo - 1].flags));
		finding__prove(f, a->begin_ns, "pool_alloc_ok", xasprintf("0x%" PRIx64, a->va));
	}
	if (!f && seen)
		judge__add(j, FINDING_RULED_OUT,
			   xasprintf("%zu allocation%s of kernel arguments, all coherent", seen,
				     seen == 1 ? "" : "s"));
}
