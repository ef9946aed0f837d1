// SPDX-License-Identifier: MIT
/* How page tables mapped each kind of memory; buffers that moved. */
#include "parts.h"
#include "../decode/pte.h"

#include <stdlib.h>
#include <string.h>

/* Pages of one kind of memory that were mapped alike. */
struct page_sum {
	char *memory;
	uint64_t flags, pages;
	size_t buffers;
};
struct page_sums {
	VEC(struct page_sum) list;
};

static void add_pages(const struct model *m, struct page_sums *s, const char *memory,
		      const struct pte *p, uint64_t buffers)
{
	const struct caps_pte *row = caps_pte__find(m->gfx);
	struct page_sum *x = NULL;

	for (size_t i = 0; i < s->list.n && !x; i++)
		if (!strcmp(s->list.v[i].memory, memory) &&
		    pte_same_memory(row, s->list.v[i].flags, p->flags))
			x = &s->list.v[i];
	if (!x) {
		x = VEC_PUSH(&s->list);
		x->memory = xstrdup(memory);
		x->flags = p->flags;
	}
	x->pages += p->pages;
	x->buffers += buffers;
}

static int by_pages(const void *a, const void *b)
{
	const struct page_sum *x = a, *y = b;

	return (x->pages < y->pages) - (x->pages > y->pages);
}

/* What neither is coherent nor uncached is coarse. */
static char *class_of(uint32_t flags)
{
	char *memory = kfd_memory(flags), *s;

	if (strstr(memory, "coherent") || strstr(memory, "uncached"))
		return memory;
	s = xasprintf("%s coarse", memory);
	free(memory);
	return s;
}

static struct page_sums sum_pages(const struct model *m)
{
	static const char *const loose[] = {[LOOSE_SVM] = "shared virtual memory (SVM)",
					    [LOOSE_GEM] = "buffers of a render node",
					    [LOOSE_OTHER] = "no buffer that was seen"};
	struct page_sums s = {0};

	for (size_t i = 0; i < m->bos.n; i++) {
		const struct bo *bo = &m->bos.v[i];
		char *memory = class_of(bo->flags);

		for (size_t p = 0; p < bo->num_ptes; p++)
			add_pages(m, &s, memory, &m->ptes.v[bo->first_pte + p], !p);
		free(memory);
	}
	for (size_t i = 0; i < m->old_bos.n; i++) {
		const struct old_bos *old = &m->old_bos.v[i];
		char *memory = class_of(old->like.flags);

		for (size_t p = 0; p < old->like.num_ptes; p++)
			add_pages(m, &s, memory, &m->ptes.v[old->like.first_pte + p], p ? 0 : old->count);
		free(memory);
	}
	for (size_t i = 0; i < m->loose.n; i++)
		add_pages(m, &s, loose[m->loose.v[i].kind], &m->loose.v[i].pte, false);
	VEC_SORT(&s.list, by_pages);
	return s;
}

/* Why no page table was recorded. */
static const char *why_not(const struct model *m)
{
	for (size_t i = 0; i < m->hooks_off.n; i++)
		if (strstr(m->hooks_off.v[i].name, "/amdgpu_vm_update_ptes)"))
			return m->hooks_off.v[i].reason;
	return m->command || m->page_tables_on ? NULL : "the kernel's side was not recorded";
}

/* In one line, whatever was recorded: it is what people look for. */
static void put_mtype_cc(const struct model *m, struct buf *b)
{
	const struct caps_pte *row = caps_pte__find(m->gfx);
	uint64_t updates[2] = {0}, cc[2] = {0};
	const char *sep = "  MTYPE_CC: ", *why = why_not(m);

	for (size_t i = 0; i < m->pte_sums.n; i++) {
		const struct pte_sum *s = &m->pte_sums.v[i];

		updates[s->emulated] += s->updates;
		if (!strcmp(pte_mtype(row, s->flags), "CC"))
			cc[s->emulated] += s->updates;
	}
	for (unsigned int e = 0; e < 2 && row; e++) {
		struct account lost = accounts__sum(&m->accounts, e ? SOURCE_emu : SOURCE_kernel);

		if (!updates[e])
			continue;
		buf__printf(b, "%s%" PRIu64 " of %" PRIu64 " page-table update%s (%s", sep, cc[e], updates[e],
			    plural(updates[e]), e ? "emulated device" : "kernel driver");
		if (lost.dropped)
			buf__printf(b, "; %" PRIu64 " of its events were lost", lost.dropped);
		buf__putc(b, ')');
		sep = ", ";
	}
	if (!row)
		buf__printf(b, "%snot known: nor are the page-table entries of this GPU (%u)", sep, m->gfx);
	else if (!updates[0] && !updates[1] && why)
		buf__printf(b, "%snot known: page tables were not recorded (%s)", sep, why);
	else if (!updates[0] && !updates[1])
		buf__printf(b, "%sno page-table update was seen", sep);
	buf__putc(b, '\n');
}

/* AMDGPU_VM_MTYPE_* of amdgpu_drm.h, as a render node's user asks for them. */
static void put_asked(const struct model *m, struct buf *b)
{
	static const char *const names[16] = {"default", "NC", "WC", "CC", "UC", "RW"};
	const char *sep = "  asked for through a render node (GEM_VA): ";

	for (unsigned int i = 0; i < ARRAY_SIZE(names); i++) {
		if (!m->gem_va_mtypes[i])
			continue;
		if (names[i])
			buf__printf(b, "%sMTYPE %s %" PRIu64, sep, names[i], m->gem_va_mtypes[i]);
		else
			buf__printf(b, "%sMTYPE 0x%x %" PRIu64, sep, i, m->gem_va_mtypes[i]);
		sep = ", ";
	}
	if (*sep == ',')
		buf__putc(b, '\n');
}

void put_page_tables(const struct model *m, const struct text_options *o, struct buf *b)
{
	static const struct column columns[] = {
		{"memory", false, true, 0},  {"MTYPE", false, false, 0},
		{"SYSTEM", false, false, 0}, {"SNOOPED", false, false, 0},
		{"buffers", true, false, 0}, {"pages", true, false, 0},
		{"bytes", true, false, 0},
	};
	struct table t = {.columns = columns, .num_columns = ARRAY_SIZE(columns)};
	const struct caps_pte *row = caps_pte__find(m->gfx);
	struct page_sums s = sum_pages(m);
	size_t shown = o->all || s.list.n < MAX_ROWS ? s.list.n : MAX_ROWS;

	/* Nothing to see: no driver, or nobody used it. */
	if (!m->pte_sums.n && !m->page_tables_on && !why_not(m))
		goto out;
	if (!s.list.n || !row)
		heading(b, "Page tables: how memory was mapped last");
	else
		heading(b, "Page tables: how memory was mapped last (entries %s%s%s)",
			m->gfx_from == GFX_DEFAULT ? "read as " : "of ", row->generation,
			m->gfx_from == GFX_DEFAULT ? "'s" : "");
	for (size_t i = 0; i < shown; i++) {
		const struct page_sum *x = &s.list.v[i];

		table__cell(&t, xstrdup(x->memory));
		table__cell(&t, xstrdup(pte_mtype(row, x->flags)));
		table__cell(&t, xstrdup(x->flags & PTE_SYSTEM ? "yes" : "no"));
		table__cell(&t, xstrdup(x->flags & PTE_SNOOPED ? "yes" : "no"));
		if (x->buffers)
			table__cellf(&t, "%zu", x->buffers);
		else
			table__cell(&t, xstrdup("-"));
		table__cellf(&t, "%" PRIu64, x->pages);
		table__cell(&t, bytes(x->pages << 12));
	}
	if (s.list.n)
		table__render(&t, b, o->width);
	and_more(b, shown, s.list.n);
	put_mtype_cc(m, b);
	put_asked(m, b);
out:
	for (size_t i = 0; i < s.list.n; i++)
		free(s.list.v[i].memory);
	free(s.list.v);
}

/* ---- moves ---- */

void put_moves(const struct model *m, struct buf *b)
{
	uint64_t changed = 0, changes = 0;

	for (size_t i = 0; i < m->bos.n; i++) {
		changed += m->bos.v[i].host_changes != 0;
		changes += m->bos.v[i].host_changes;
	}
	for (size_t i = 0; i < m->old_bos.n; i++) {
		changed += m->old_bos.v[i].changed;
		changes += m->old_bos.v[i].changes;
	}
	if (m->num_moves)
		heading(b, "Buffer objects moved: %" PRIu64 " time%s", m->num_moves, plural(m->num_moves));
	for (size_t s = 0; s < m->move_sums.n; s++) {
		char *size = bytes(m->move_sums.v[s].bytes);

		buf__puts(b, "  ");
		print_value(b, PRINT_TTM_PLACE, m->move_sums.v[s].from, false);
		buf__puts(b, " to ");
		print_value(b, PRINT_TTM_PLACE, m->move_sums.v[s].to, false);
		buf__printf(b, ": %" PRIu64 " time%s, %s\n", m->move_sums.v[s].count,
			    plural(m->move_sums.v[s].count), size);
		free(size);
	}
	if (changes)
		buf__printf(b,
			    "%s  host memory behind %" PRIu64 " USERPTR buffer%s was changed by its process: %" PRIu64 " time%s\n",
			    m->num_moves ? "" : "\n", changed, plural(changed), changes, plural(changes));
}
