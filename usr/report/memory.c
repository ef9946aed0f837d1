// SPDX-License-Identifier: MIT
/* Allocations of the application, and the driver's buffers that none of them explains. */
#include "parts.h"
#include "../decode/hsa.h"
#include "../decode/kfd.h"
#include "../decode/pte.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How long something lived, or (+) had lived when its process or the trace ended; ? where that was overwritten. */
static char *lifetime(const struct model *m, uint32_t pid, uint64_t begin, uint64_t end)
{
	const struct process *p = model__process(m, pid);
	uint64_t last = p && p->end_ns > begin ? p->end_ns : m->end_ns;
	struct buf b = {0};

	if (!end && end_overwritten(m, begin))
		return xstrdup("?");
	print_ns(&b, (end ? end : last) - begin);
	if (!end)
		buf__puts(&b, " +");
	return take(&b);
}

#define KFD_COHERENT (1u << 26) /* KFD_IOC_ALLOC_MEM_FLAGS_* */
#define KFD_UNCACHED (1u << 25)

char *kfd_memory(uint32_t flags)
{
	static const struct name names[] = {{1u << 0, "VRAM"},	    {1u << 1, "GTT"},
					    {1u << 2, "USERPTR"},   {1u << 3, "DOORBELL"},
					    {1u << 4, "MMIO"},	    {1u << 29, "public"},
					    {KFD_COHERENT, "coherent"}, {KFD_UNCACHED, "uncached"},
					    {0, NULL}};
	struct buf b = {0};

	for (const struct name *n = names; n->name; n++)
		if (flags & n->value)
			buf__printf(&b, b.len ? " %s" : "%s", n->name);
	return take(&b);
}

/* "UC SYSTEM SNOOPED" of each kind there is; "-" where no entry of the buffer's was seen. */
static char *pte_text(const struct model *m, const struct bo *bo)
{
	const struct caps_pte *row = caps_pte__find(m->gfx);
	const char *expected = pte_kfd_mtype(row, bo->flags);
	bool unexpected = false, mapped = false, unmapped = false;
	struct buf b = {0};

	for (size_t i = 0; i < bo->num_ptes; i++) {
		const struct pte *all = &m->ptes.v[bo->first_pte], *p = &all[i];
		size_t same = 0;

		unexpected |= expected && strcmp(pte_mtype(row, p->flags), expected) != 0;
		mapped |= !p->unmapped;
		unmapped |= p->unmapped;
		while (!pte_same_memory(row, all[same].flags, p->flags))
			same++;
		if (same < i)
			continue;
		buf__puts(&b, b.len ? ", " : "");
		pte_print_memory(&b, row, p->flags);
	}
	if (!b.len)
		buf__putc(&b, '-');
	if (unexpected)
		buf__printf(&b, " (expected %s)", expected);
	if (unmapped && !bo->end_ns)
		buf__puts(&b, mapped ? ", partly unmapped" : ", unmapped");
	return take(&b);
}

/* "HIP", "ROCr" or the file's name: who called for memory. */
static char *asker(const struct model *m, const struct alloc *a)
{
	static const struct {
		const char *prefix, *name;
	} known[] = {{"libamdhip64.", "HIP"}, {"libhsa-runtime64.", "ROCr"}, {"libMIOpen.", "MIOpen"}};
	const char *path = model__module(m, a->pid, a->caller), *slash;

	if (!path)
		return xstrdup("?");
	slash = strrchr(path, '/');
	path = slash ? slash + 1 : path;
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (!strncmp(path, known[i].prefix, strlen(known[i].prefix)))
			return xstrdup(known[i].name);
	return xasprintf("%.12s", path);
}

/* What a pool or region gave, by its grain; the rest the application had before, or it is the runtime's. */
static bool from_pool(uint16_t kind)
{
	return kind == MEM_KIND_pool || kind == MEM_KIND_region;
}

char *place_text(const struct model *m, uint32_t pid, uint64_t addr)
{
	const struct module *x = addr ? model__module_at(m, pid, addr) : NULL;
	const char *slash = x ? strrchr(x->path, '/') : NULL;

	if (!x)
		return addr ? xasprintf("0x%" PRIx64, addr) : xstrdup("?");
	return xasprintf("%s+0x%" PRIx64, slash ? slash + 1 : x->path, addr - x->base);
}

/* "GPU coarse", "locked host memory" */
char *alloc_kind(const struct model *m, const struct alloc *a)
{
	struct buf b = {0};

	if (from_pool(a->kind))
		return pool_name(m, model__pool(m, a->pid, a->pool));
	names__value(&b, names_mem_kind, a->kind);
	return take(&b);
}

static bool any_searched(const struct model *m)
{
	for (size_t i = 0; i < m->agent.sites.n; i++)
		if (m->agent.sites.v[i].searched)
			return true;
	return false;
}

#define WIDE_ALLOCS 100 /* columns: what was asked and done fits in fewer */
#define WIDE_UNCACHED 92 /* the same, where a buffer is "USERPTR coherent uncached" */

static const struct bo *bo_of(const struct model *m, const struct alloc *a)
{
	return a->bo ? &m->bos.v[a->bo - 1] : NULL;
}

/* Uncached is what such memory is remarkable for, and there is no room for the words. */
static bool must_shorten(const struct model *m, const struct text_options *o, uint32_t pid)
{
	for (size_t i = 0; i < m->allocs.n && o->width < WIDE_UNCACHED; i++) {
		const struct alloc *a = &m->allocs.v[i];

		if (a->pid == pid && from_pool(a->kind) && bo_of(m, a) && (bo_of(m, a)->flags & KFD_UNCACHED) &&
		    (bo_of(m, a)->flags & KFD_COHERENT))
			return true;
	}
	return false;
}

/* "VRAM coh. uncached" */
static char *kfd_memory_short(uint32_t flags)
{
	char *text = kfd_memory(flags), *word = strstr(text, "coherent uncached");
	char *cut = word ? xasprintf("%.*scoh. uncached", (int)(word - text), text) : NULL;

	if (!cut)
		return text;
	free(text);
	return cut;
}

static void put_alloc_row(const struct model *m, const struct text_options *o, struct table *t,
			  const struct alloc *a, bool shorten)
{
	const struct bo *bo = bo_of(m, a);
	char *memory = !bo ? xstrdup("not seen") : shorten ? kfd_memory_short(bo->flags) : kfd_memory(bo->flags);
	char *size = bo ? bytes(bo->size) : NULL;

	table__cellf(t, "0x%" PRIx64, a->va);
	table__cell(t, bytes(a->size));
	table__cell(t, asker(m, a));
	table__cell(t, pool_name(m, model__pool(m, a->pid, a->pool)));
	/* A small allocation is cut from a larger buffer of the driver's. */
	if (bo && bo->allocs > 1 && o->width >= WIDE_ALLOCS)
		table__cellf(t, "%s, 1 of %zu in %s", memory, bo->allocs, size);
	else
		table__cellf(t, "%s", memory);
	table__cellf(t, bo ? "0x%08x" : "-", bo ? bo->flags : 0);
	table__cell(t, bo ? pte_text(m, bo) : xstrdup("-"));
	table__cell(t, bo && bo->made_in_ns ? duration(bo->made_in_ns) : xstrdup("-"));
	table__cell(t, lifetime(m, a->pid, a->begin_ns, a->end_ns));
	table__cell(t, place_text(m, a->pid, a->caller));
	free(memory);
	free(size);
}

/* The allocations of one process. */
static void put_allocs_of(const struct model *m, const struct text_options *o, struct buf *b,
			  uint32_t pid)
{
	const bool shorten = must_shorten(m, o, pid);
	const struct column columns[] = {
		{"address", false, false, 0},	{"size", true, false, 0},
		{"by", false, false, shorten ? HIDDEN_COLUMN : 0},
		{"pool", false, false, 0},
		{"KFD buffer", false, true, 0}, {"flags", false, false, 110},
		{"PTE", false, false, 0},
		{"made in", true, false, 140},
		{"lived", true, false, WIDE_ALLOCS},
		{"allocated at", false, false, any_searched(m) ? WIDE_ALLOCS : HIDDEN_COLUMN},
	};
	struct table t = {.columns = columns, .num_columns = ARRAY_SIZE(columns)};
	size_t shown = 0, all = 0;
	uint64_t old = 0;

	for (size_t i = 0; i < m->allocs.n; i++) {
		if (m->allocs.v[i].pid != pid || !from_pool(m->allocs.v[i].kind))
			continue;
		if (all++ < MAX_ROWS || o->all) {
			shown++;
			put_alloc_row(m, o, &t, &m->allocs.v[i], shorten);
		}
	}
	for (size_t i = 0; i < m->old_allocs.n; i++)
		if (m->old_allocs.v[i].pid == pid && from_pool(m->old_allocs.v[i].kind))
			old += m->old_allocs.v[i].count;
	table__render(&t, b, o->width);
	and_more(b, shown, all);
	if (old)
		buf__printf(b, "  and %" PRIu64 " freed long before the end, of which only the sums are kept\n", old);
}

/* Memory of one kind. */
struct kind_sum {
	uint16_t kind;
	uint64_t count, bytes, left, left_bytes, largest;
};

struct kind_sums {
	struct kind_sum *v;
	size_t n, cap;
};

static void add_kind(struct kind_sums *sums, const struct kind_sum *more)
{
	struct kind_sum *x;
	size_t k = 0;

	while (k < sums->n && sums->v[k].kind != more->kind)
		k++;
	if (k == sums->n)
		VEC_PUSH(sums)->kind = more->kind;
	x = &sums->v[k];
	x->count += more->count;
	x->bytes += more->bytes;
	x->left += more->left;
	x->left_bytes += more->left_bytes;
	x->largest = more->largest > x->largest ? more->largest : x->largest;
}

static int by_kind(const void *a, const void *b)
{
	const struct kind_sum *x = a, *y = b;

	return (x->kind > y->kind) - (x->kind < y->kind);
}

/* Locked and mapped memory, code, queues: what no pool gave, or gave long before. */
static void put_other_memory(const struct model *m, const struct text_options *o, struct buf *b)
{
	static const struct column columns[] = {{"memory", false, true, 0}, {"count", true, false, 0},
						{"bytes", true, false, 0},  {"largest", true, false, 0},
						{"not freed", true, false, 0}};
	struct table t = {.columns = columns, .num_columns = ARRAY_SIZE(columns)};
	struct kind_sums sums = {0};
	uint64_t count = 0;

	for (size_t i = 0; i < m->allocs.n; i++) {
		const struct alloc *a = &m->allocs.v[i];

		if (!from_pool(a->kind))
			add_kind(&sums, &(struct kind_sum){.kind = a->kind,
							   .count = 1,
							   .bytes = a->size,
							   .left = !a->end_ns,
							   .left_bytes = a->end_ns ? 0 : a->size,
							   .largest = a->size});
	}
	for (size_t i = 0; i < m->old_allocs.n; i++) {
		const struct old_allocs *a = &m->old_allocs.v[i];

		if (!from_pool(a->kind))
			add_kind(&sums, &(struct kind_sum){.kind = a->kind,
							   .count = a->count,
							   .bytes = a->bytes,
							   .left = a->left,
							   .left_bytes = a->left_bytes,
							   .largest = a->largest});
	}
	for (size_t k = 0; k < sums.n; k++)
		count += sums.v[k].count;
	if (!count)
		return;
	heading(b, "Other memory of the GPU's: %" PRIu64, count);
	VEC_SORT(&sums, by_kind);
	for (size_t k = 0; k < sums.n; k++) {
		struct buf name = {0}, left = {0};

		names__value(&name, names_mem_kind, sums.v[k].kind);
		buf__printf(&left, "%" PRIu64, sums.v[k].left);
		if (sums.v[k].left) {
			buf__puts(&left, ", ");
			buf__size(&left, sums.v[k].left_bytes);
		}
		table__cell(&t, take(&name));
		table__cellf(&t, "%" PRIu64, sums.v[k].count);
		table__cell(&t, bytes(sums.v[k].bytes));
		table__cell(&t, bytes(sums.v[k].largest));
		table__cell(&t, take(&left));
	}
	table__render(&t, b, o->width);
	free(sums.v);
}

static void put_failed(const struct model *m, struct buf *b)
{
	for (size_t i = 0; i < m->failed_allocs.n; i++) {
		const struct failed_alloc *f = &m->failed_allocs.v[i];
		const char *name = hsa_status_name((uint32_t)f->status);

		buf__puts(b, "  failed: ");
		buf__size(b, f->size);
		if (f->kind != MEM_KIND_pool && f->kind) {
			buf__puts(b, " (");
			names__value(b, names_mem_kind, f->kind);
			buf__putc(b, ')');
		}
		buf__printf(b, ", %s (0x%x)", name ? name : "an error", (uint32_t)f->status);
		if (f->count > 1)
			buf__printf(b, ", %" PRIu64 " times", f->count);
		buf__putc(b, '\n');
	}
}

void put_allocs(const struct model *m, const struct text_options *o, struct buf *b)
{
	VEC(uint32_t) pids = {0};
	uint64_t total = 0;
	size_t count = 0;

	for (size_t i = 0; i < m->allocs.n; i++) {
		size_t p = 0;

		if (!from_pool(m->allocs.v[i].kind))
			continue;
		count++;
		total += m->allocs.v[i].size;
		while (p < pids.n && pids.v[p] != m->allocs.v[i].pid)
			p++;
		if (p == pids.n)
			*VEC_PUSH(&pids) = m->allocs.v[i].pid;
	}
	for (size_t i = 0; i < m->old_allocs.n; i++)
		if (from_pool(m->old_allocs.v[i].kind)) {
			count += m->old_allocs.v[i].count;
			total += m->old_allocs.v[i].bytes;
		}
	if (!accounts__sum(&m->accounts, SOURCE_agent).seen) {
		heading(b, "Allocated through HSA: not known, the agent recorded nothing");
		return;
	}
	heading(b, "Allocated through HSA: %zu, %" PRIu64 " bytes%s", count, total,
		lost_of(m, SOURCE_agent) ? ", and what was lost of the agent's events (below)" : "");
	for (size_t p = 0; p < pids.n; p++) {
		if (pids.n > 1)
			buf__printf(b, "  in process %u\n", pids.v[p]);
		put_allocs_of(m, o, b, pids.v[p]);
	}
	put_failed(m, b);
	put_other_memory(m, o, b);
	free(pids.v);
}

/* KFD buffers that no pool call of the application explains, by flags and how they were mapped. */
struct group {
	uint32_t flags;
	char *pte;
	size_t count;
	uint64_t bytes;
};

struct groups {
	struct group *v;
	size_t n, cap;
};

/* So many buffers like this one. Whether they are of a process that uses HSA and count. */
static bool add_group(const struct model *m, struct groups *groups, const struct bo *bo, uint64_t count, uint64_t bytes)
{
	const struct process *p = model__process(m, bo->pid);
	size_t g = 0;
	char *pte;

	if (bo->allocs)
		return false;
	pte = pte_text(m, bo);
	while (g < groups->n && (groups->v[g].flags != bo->flags || strcmp(groups->v[g].pte, pte)))
		g++;
	if (g == groups->n)
		*VEC_PUSH(groups) = (struct group){.flags = bo->flags, .pte = xstrdup(pte)};
	groups->v[g].count += count;
	groups->v[g].bytes += bytes;
	free(pte);
	return p && p->agent;
}

static int by_bytes(const void *a, const void *b)
{
	const struct group *x = a, *y = b;

	return (x->bytes < y->bytes) - (x->bytes > y->bytes);
}

static void put_svm_ranges(const struct model *m, const struct text_options *o, struct buf *b)
{
	static const struct column columns[] = {{"process", true, false, 0},
						{"address", false, false, 0},
						{"size", true, false, 0}};
	struct table t = {.columns = columns, .num_columns = ARRAY_SIZE(columns)};
	size_t shown = o->all || m->svm_ranges.n < MAX_ROWS ? m->svm_ranges.n : MAX_ROWS;
	uint64_t total = 0;
	char *all;

	if (!m->svm_ranges.n)
		return;
	for (size_t i = 0; i < m->svm_ranges.n; i++)
		total += m->svm_ranges.v[i].size;
	all = bytes(total);
	heading(b, "Shared virtual memory (SVM): %zu range%s, %s", m->svm_ranges.n, plural(m->svm_ranges.n), all);
	free(all);
	for (size_t i = 0; i < shown; i++) {
		const struct svm_range *r = &m->svm_ranges.v[i];

		table__cellf(&t, "%u", r->pid);
		table__cellf(&t, "0x%" PRIx64, r->va);
		table__cell(&t, bytes(r->size));
	}
	table__render(&t, b, o->width);
	and_more(b, shown, m->svm_ranges.n);
}

void put_buffers(const struct model *m, const struct text_options *o, struct buf *b)
{
	static const struct column columns[] = {{"buffers", true, false, 0},
						{"bytes", true, false, 0},
						{"KFD memory", false, true, 0},
						{"flags", false, false, 0},
						{"PTE", false, false, 0}};
	struct table t = {.columns = columns, .num_columns = ARRAY_SIZE(columns)};
	struct groups groups = {0};
	bool of_hsa = false;
	size_t count = 0;

	for (size_t i = 0; i < m->bos.n; i++)
		of_hsa |= add_group(m, &groups, &m->bos.v[i], 1, m->bos.v[i].size);
	for (size_t i = 0; i < m->old_bos.n; i++)
		of_hsa |= add_group(m, &groups, &m->old_bos.v[i].like, m->old_bos.v[i].count, m->old_bos.v[i].bytes);
	for (size_t g = 0; g < groups.n; g++)
		count += groups.v[g].count;
	if (!count && !m->ioctls && !accounts__sum(&m->accounts, SOURCE_kernel).seen)
		heading(b, "KFD buffers: not known, the kernel's side was not recorded");
	else if (!count)
		heading(b, "KFD buffers outside of these: none");
	else if (!accounts__sum(&m->accounts, SOURCE_agent).seen)
		heading(b, "KFD buffers: %zu; what they are for is not known, the agent recorded nothing", count);
	else
		heading(b, "KFD buffers outside of these: %zu (%s)", count,
			of_hsa ? "ROCr's own, registered host memory" : "of programs that do not use HSA");
	VEC_SORT(&groups, by_bytes);
	for (size_t g = 0; g < groups.n; g++) {
		table__cellf(&t, "%zu", groups.v[g].count);
		table__cell(&t, bytes(groups.v[g].bytes));
		table__cell(&t, kfd_memory(groups.v[g].flags));
		table__cellf(&t, "0x%08x", groups.v[g].flags);
		table__cell(&t, groups.v[g].pte);
	}
	if (groups.n)
		table__render(&t, b, o->width);
	free(groups.v);
	put_svm_ranges(m, o, b);
}
