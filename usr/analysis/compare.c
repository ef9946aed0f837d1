// SPDX-License-Identifier: MIT
/* Two traces beside each other. */
#include "compare.h"
#include "../decode/print.h"
#include "../decode/iv.h"
#include "../decode/pte.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

/* Which memory an allocation of KFD's is, and what bears on coherence; not who may do what with it. */
#define KFD_MEMORY_FLAGS (0x1fu | 1u << 23 | 1u << 24 | 1u << 25 | 1u << 26 | 1u << 27)

const char *compare_part_name(enum compare_part p)
{
	static const char *const names[COMPARE_PARTS] = {
		[COMPARE_findings] = "findings", [COMPARE_end] = "end",		[COMPARE_faults] = "faults",
		[COMPARE_settings] = "settings", [COMPARE_machine] = "machine", [COMPARE_memory] = "memory",
		[COMPARE_types] = "memory types",
		[COMPARE_buffers] = "buffers",	 [COMPARE_kernels] = "kernels", [COMPARE_code] = "code",
	};

	return names[p];
}

/* ---- items ---- */

/* The item of a name, made where it is not there; takes over name. */
static struct compare_item *item_of(struct compare *c, enum compare_part part, char *name, int side)
{
	struct compare_item *x = NULL;

	for (size_t i = 0; i < c->items.n && !x; i++)
		if (c->items.v[i].part == part && !strcmp(c->items.v[i].name, name))
			x = &c->items.v[i];
	if (x) {
		free(name);
	} else {
		x = VEC_PUSH(&c->items);
		x->part = part;
		x->name = name;
	}
	x->there[side] = true;
	return x;
}

static void add_count(struct compare *c, enum compare_part part, char *name, int side, uint64_t count, uint64_t bytes)
{
	struct compare_item *x = item_of(c, part, name, side);

	x->counted = true;
	x->count[side] += count;
	x->bytes[side] += bytes;
}

/* Takes over both. */
static void add_text(struct compare *c, enum compare_part part, char *name, int side, char *text)
{
	struct compare_item *x = item_of(c, part, name, side);

	free(x->text[side]);
	x->text[side] = text;
}

static uint64_t mix(const uint64_t v[3])
{
	uint64_t h = 1469598103934665603ull;

	for (int i = 0; i < 3; i++)
		h = (h ^ v[i] ^ v[i] >> 29) * 0x9e3779b97f4a7c15ull;
	return h;
}

static void add_detail(struct compare *c, struct compare_item *x, int side, struct compare_detail d, uint64_t count)
{
	uint64_t key = (uint64_t)(x - c->items.v) * 4 + d.what;
	size_t i;

	if (!map__get(&c->detail_by_value, key, mix(d.v), &i) || memcmp(x->details.v[i].v, d.v, sizeof(d.v))) {
		for (i = 0; i < x->details.n; i++)
			if (x->details.v[i].what == d.what && !memcmp(x->details.v[i].v, d.v, sizeof(d.v)))
				break;
		if (i == x->details.n)
			*VEC_PUSH(&x->details) = d;
		map__set(&c->detail_by_value, key, mix(d.v), i);
	}
	x->details.v[i].count[side] += count;
}

/* ---- memory ---- */

/* The memory types that a buffer's pages were given, a bit each. */
static uint64_t mtypes_of(const struct model *m, const struct bo *bo)
{
	const struct caps_pte *row = caps_pte__find(m->gfx);
	uint64_t found = 0;

	for (size_t i = 0; row && i < bo->num_ptes; i++)
		found |= 1ull << (m->ptes.v[bo->first_pte + i].flags >> row->mtype_shift & row->mtype_mask);
	return found;
}

static struct compare_detail mapped(const struct model *m, const struct bo *bo)
{
	struct compare_detail d = {.what = DETAIL_MAPPED, .v = {COMPARE_NO_BUFFER}};

	if (bo) {
		d.v[0] = bo->flags & KFD_MEMORY_FLAGS;
		d.v[1] = mtypes_of(m, bo);
	}
	return d;
}

/* "GPU coarse", "locked host memory": what was asked for. */
static char *class_of(const struct model *m, const struct alloc *a)
{
	const struct pool *p = a->kind == MEM_KIND_pool || a->kind == MEM_KIND_region ? model__pool(m, a->pid, a->pool)
										       : NULL;
	const struct device *d = p ? model__device(m, p->pid, p->device) : NULL;
	struct buf b = {0};

	if (p) {
		buf__printf(&b, "%s ", d ? (d->gpu ? "GPU" : "CPU") : "?");
		print_grain(&b, p->flags);
	} else {
		print_value(&b, PRINT_MEM_KIND, a->kind, false);
	}
	return b.s;
}

/* By the whole word of flags: what --override and HSA_DISABLE_CACHE change, and whether they change anything else. */
static void add_type(struct compare *c, const struct model *m, int side, const struct alloc *a)
{
	const struct bo *bo = a->bo ? &m->bos.v[a->bo - 1] : NULL;
	char *name = bo ? xasprintf("0x%08x", bo->flags) : xstrdup("(no buffer of the driver's was seen)");
	struct compare_item *x = item_of(c, COMPARE_types, name, side);

	x->counted = true;
	x->count[side]++;
	x->bytes[side] += a->size;
	add_detail(c, x, side, mapped(m, bo), 1);
}

static void add_memory(struct compare *c, const struct model *m, int side)
{
	struct map where = {0};
	size_t i;

	for (size_t n = 0; n < m->allocs.n; n++) {
		const struct alloc *a = &m->allocs.v[n];
		uint64_t maker = (uint64_t)a->pid << 16 | a->kind;
		struct compare_item *x;

		if (map__get(&where, maker, a->pool, &i)) {
			x = &c->items.v[i];
		} else {
			x = item_of(c, COMPARE_memory, class_of(m, a), side);
			map__set(&where, maker, a->pool, (size_t)(x - c->items.v));
		}
		x->counted = true;
		x->count[side]++;
		x->bytes[side] += a->size;
		add_detail(c, x, side, mapped(m, a->bo ? &m->bos.v[a->bo - 1] : NULL), 1);
		add_detail(c, x, side, (struct compare_detail){.what = DETAIL_SIZE, .v = {a->size}}, 1);
		add_type(c, m, side, a);
	}
	map__free(&where);
	for (size_t n = 0; n < m->old_allocs.n; n++) {
		struct buf b = {0};

		print_value(&b, PRINT_MEM_KIND, m->old_allocs.v[n].kind, false);
		buf__puts(&b, ", freed long before the end");
		add_count(c, COMPARE_memory, b.s, side, m->old_allocs.v[n].count, m->old_allocs.v[n].bytes);
	}
	for (size_t n = 0; n < m->failed_allocs.n; n++) {
		const struct failed_alloc *f = &m->failed_allocs.v[n];
		const char *status = hsa_status_name((uint32_t)f->status);

		add_count(c, COMPARE_faults,
			  xasprintf("failed: an allocation of %" PRIu64 " bytes, %s", f->size, status ? status : "?"),
			  side, f->count, 0);
	}
}

static void add_buffer(struct compare *c, const struct model *m, int side, const struct bo *bo, uint64_t count,
		       uint64_t bytes)
{
	struct compare_item *x;
	struct buf b = {0};

	print_value(&b, PRINT_KFD_ALLOC_FLAGS, bo->flags & KFD_MEMORY_FLAGS, false);
	x = item_of(c, COMPARE_buffers, b.s, side);
	x->counted = true;
	x->count[side] += count;
	x->bytes[side] += bytes;
	add_detail(c, x, side, mapped(m, bo), count);
}

static void add_buffers(struct compare *c, const struct model *m, int side)
{
	for (size_t i = 0; i < m->bos.n; i++)
		add_buffer(c, m, side, &m->bos.v[i], 1, m->bos.v[i].size);
	for (size_t i = 0; i < m->old_bos.n; i++)
		add_buffer(c, m, side, &m->old_bos.v[i].like, m->old_bos.v[i].count, m->old_bos.v[i].bytes);
}

/* ---- what ran ---- */

/* "gfx1010" of "amdgcn-amd-amdhsa--gfx1010" */
static const char *chip_of(const char *target)
{
	const char *dashes = target ? strstr(target, "--") : NULL;

	return dashes ? dashes + 2 : target;
}

/* What the code is, as far as its metadata tells. */
static char *code_text(const struct model *m, const struct kernel_sum *k)
{
	const struct kernel_facts *f = model__kernel_facts(m, k->pid, k->object);
	const struct code_facts *code = f ? model__code(m, f->sha256) : NULL;

	if (!f)
		return NULL;
	return xasprintf("%s, wave%u, %u VGPRs, %u SGPRs%s", code && code->target ? chip_of(code->target) : "?",
			 f->e.wavefront_size, f->e.vgprs, f->e.sgprs,
			 f->e.vgpr_spills + f->e.sgpr_spills ? ", spills" : "");
}

static struct compare_item *add_kernel(struct compare *c, const struct model *m, int side, const struct kernel_sum *k)
{
	const char *name = model__kernel(m, k->pid, k->object);
	struct compare_item *x = item_of(c, COMPARE_kernels, xstrdup(name ? name : "(of unknown name)"), side);

	x->counted = true;
	x->count[side] += k->count;
	/* Of the emulated device without its clock it is the emulation's time, which says nothing. */
	if (m->agent.device_times) {
		x->timed[side] += k->timed;
		x->total_ns[side] += k->total_ns;
	}
	free(x->text[side]);
	x->text[side] = code_text(m, k);
	return x;
}

static void add_kernels(struct compare *c, const struct model *m, int side)
{
	size_t *item = xcalloc(m->kernel_sums.n + 1, sizeof(*item));

	for (size_t i = 0; i < m->kernel_sums.n; i++)
		item[i] = (size_t)(add_kernel(c, m, side, &m->kernel_sums.v[i]) - c->items.v);
	for (size_t i = 0; i < m->shapes.n; i++) {
		const struct shape_sum *s = &m->shapes.v[i];
		struct compare_detail d = {.what = DETAIL_GRID};

		for (int k = 0; k < 3; k++)
			d.v[k] = (uint64_t)s->grid[k] << 32 | s->workgroup[k];
		add_detail(c, &c->items.v[item[s->kernel]], side, d, s->count);
	}
	free(item);
	if (m->copies)
		add_count(c, COMPARE_kernels, xstrdup("(asynchronous copies)"), side, m->copies, m->copied_bytes);
}

static void add_code(struct compare *c, const struct model *m, int side)
{
	for (size_t i = 0; i < m->agent.code.n; i++) {
		const struct code_facts *f = &m->agent.code.v[i];
		const char *compiler = f->compiler && f->compiler[0] ? f->compiler : "a compiler that is not named";

		add_count(c, COMPARE_code, xasprintf("%s by %s", f->target ? chip_of(f->target) : "?", compiler), side, 1,
			  0);
	}
}

/* The side's code objects that are not among the other's. */
static void add_other_code(struct compare *c, const struct model *a, const struct model *b, int side)
{
	static const char other_files[] = "files that the other has not";
	uint64_t only = 0;

	for (size_t i = 0; i < a->agent.code.n; i++) {
		size_t k = 0;

		while (k < b->agent.code.n && memcmp(a->agent.code.v[i].sha256, b->agent.code.v[k].sha256, 32))
			k++;
		only += k == b->agent.code.n;
	}
	if (!only)
		return;
	add_count(c, COMPARE_code, xstrdup(other_files), side, only, 0);
	/* As many on either side are not the same. */
	item_of(c, COMPARE_code, xstrdup(other_files), side)->differs = true;
}

/* ---- what went wrong ---- */

static char *fault_text(const struct fault *f)
{
	struct buf b = {0};
	const char *name;

	switch (f->from) {
	case FAULT_DEVICE:
		name = fault_kind_name(f->emu.kind);
		buf__printf(&b, "the device: %s", name ? name : "a fault");
		break;
	case FAULT_QUEUE:
		name = hsa_status_name((uint32_t)f->status);
		buf__printf(&b, "the runtime: %s (0x%x)", name ? name : "an error", (uint32_t)f->status);
		break;
	case FAULT_MEMORY:
		buf__puts(&b, "the runtime: memory fault, ");
		print_value(&b, PRINT_FAULT_REASON, f->reason, false);
		break;
	case FAULT_PAGE:
		buf__puts(&b, "the driver: page fault");
		break;
	case FAULT_WAVE:
		buf__puts(&b, "the driver: wave exception ");
		if (f->wave.kind == WAVE_EXCEPTION)
			iv_print_codes(&b, f->wave.codes);
		else if (f->wave.kind == WAVE_ERROR)
			iv_print_error(&b, f->wave.codes);
		else
			buf__puts(&b, "of the packet processor");
		break;
	}
	return b.s;
}

static void add_faults(struct compare *c, const struct model *m, int side)
{
	for (size_t i = 0; i < m->faults.n; i++) {
		const struct fault *f = &m->faults.v[i];

		if (f->from != FAULT_PAGE || !f->page.handled)
			add_count(c, COMPARE_faults, fault_text(f), side, 1, 0);
	}
	if (m->faults_left_out)
		add_count(c, COMPARE_faults, xstrdup("further faults, not kept"), side, m->faults_left_out, 0);
	for (size_t i = 0; i < m->agent.hangs.n; i++) {
		const struct hang *h = &m->agent.hangs.v[i];
		const char *name = h->e.kernel_object ? model__kernel(m, h->pid, h->e.kernel_object) : NULL;

		add_count(c, COMPARE_faults, xasprintf("a queue hung in %s", name ? name : "a packet that is no kernel"),
			  side, 1, 0);
	}
	for (size_t i = 0; i < m->agent.signals.n; i++) {
		struct buf b = {0};

		buf__puts(&b, "signal ");
		print_value(&b, PRINT_SIGNAL, (uint64_t)m->agent.signals.v[i].e.signo, true);
		add_count(c, COMPARE_faults, b.s, side, 1, 0);
	}
	if (m->resets.n)
		add_count(c, COMPARE_faults, xstrdup("the GPU was reset"), side, m->resets.n, 0);
	for (size_t i = 0; i < m->gaps.n; i++)
		add_count(c, COMPARE_faults, xasprintf("limit of the emulator: %s", m->gaps.v[i].what), side, 1, 0);
}

static void add_end(struct compare *c, const struct model *m, int side)
{
	struct buf b = {0};

	if (m->ended && WIFSIGNALED(m->status)) {
		buf__puts(&b, "killed by ");
		print_value(&b, PRINT_SIGNAL, (uint64_t)WTERMSIG(m->status), true);
	} else if (m->ended) {
		buf__printf(&b, "exited with %d", WEXITSTATUS(m->status));
	} else {
		buf__puts(&b, "not recorded");
	}
	add_text(c, COMPARE_end, xstrdup("the command ended"), side, b.s);
}

/* ---- all ---- */

/* A program may live with an allocation that fails; what the emulator lacks is not its fault. */
static void add_failed(struct compare *c, const struct model *m, int side)
{
	c->end_known[side] = m->ended;
	c->failed[side] = (m->ended && m->status) || m->agent.hangs.n || m->resets.n;
	for (size_t i = 0; i < m->faults.n; i++)
		c->failed[side] |= m->faults.v[i].from != FAULT_PAGE || !m->faults.v[i].page.handled;
}

static void add_side(struct compare *c, const struct compare_side *s, int side)
{
	const struct model *m = s->model;

	for (size_t i = 0; i < s->num_texts; i++)
		add_text(c, s->texts[i].part, xstrdup(s->texts[i].name), side, xstrdup(s->texts[i].value));
	add_end(c, m, side);
	add_faults(c, m, side);
	add_memory(c, m, side);
	add_buffers(c, m, side);
	add_kernels(c, m, side);
	add_code(c, m, side);
	add_failed(c, m, side);
	c->emulated[side] = m->emulated;
	c->gfx[side] = m->gfx;
	for (size_t i = 0; i < m->accounts.list.n; i++)
		c->lost[side] += m->accounts.list.v[i].dropped;
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static bool item_differs(const struct compare_item *x)
{
	if (x->there[0] != x->there[1] || x->count[0] != x->count[1] || x->bytes[0] != x->bytes[1] ||
	    !same_text(x->text[0], x->text[1]))
		return true;
	for (size_t i = 0; i < x->details.n; i++)
		if (x->details.v[i].count[0] != x->details.v[i].count[1])
			return true;
	return false;
}

/* By part, each as they came: qsort keeps no order among equals. */
static void order(struct compare *c)
{
	struct compare_item *sorted = xcalloc(c->items.n + 1, sizeof(*sorted));
	size_t n = 0;

	for (int part = 0; part < COMPARE_PARTS; part++)
		for (size_t i = 0; i < c->items.n; i++)
			if (c->items.v[i].part == (enum compare_part)part)
				sorted[n++] = c->items.v[i];
	memcpy(c->items.v, sorted, n * sizeof(*sorted));
	free(sorted);
}

void compare__make(struct compare *c, const struct compare_side *a, const struct compare_side *b)
{
	memset(c, 0, sizeof(*c));
	add_side(c, a, 0);
	add_side(c, b, 1);
	add_other_code(c, a->model, b->model, 0);
	add_other_code(c, b->model, a->model, 1);
	order(c);
	for (size_t i = 0; i < c->items.n; i++) {
		c->items.v[i].differs |= item_differs(&c->items.v[i]);
		c->differ |= c->items.v[i].differs;
	}
}

void compare__free(struct compare *c)
{
	for (size_t i = 0; i < c->items.n; i++) {
		free(c->items.v[i].name);
		free(c->items.v[i].text[0]);
		free(c->items.v[i].text[1]);
		free(c->items.v[i].details.v);
	}
	free(c->items.v);
	map__free(&c->detail_by_value);
	memset(c, 0, sizeof(*c));
}
