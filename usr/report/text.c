// SPDX-License-Identifier: MIT
#include "text.h"
#include "table.h"
#include "../caps/caps.h"
#include "../decode/kfd.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <stdarg.h>
#include <string.h>
#include <sys/wait.h>

#define MAX_ROWS 40 /* of a table, unless everything was asked for */

static char *take(struct buf *b)
{
	char *s = b->s ? b->s : xstrdup("");

	*b = (struct buf){0};
	return s;
}

static char *duration(uint64_t ns)
{
	struct buf b = {0};

	print_ns(&b, ns);
	return take(&b);
}

/* "451584 B", "2 MiB": exact, as the application asked. */
static char *bytes(uint64_t n)
{
	struct buf b = {0};

	buf__size(&b, n);
	return take(&b);
}

/* How long something lived, or (+) had lived when its process or the trace ended. */
static char *lifetime(const struct model *m, uint32_t pid, uint64_t begin, uint64_t end)
{
	const struct process *p = model__process(m, pid);
	uint64_t last = p && p->end_ns > begin ? p->end_ns : m->end_ns;
	struct buf b = {0};

	print_ns(&b, (end ? end : last) - begin);
	if (!end)
		buf__puts(&b, " +");
	return take(&b);
}

/* The memory type and what bears on coherence, short: "VRAM", "USERPTR coherent uncached". */
static char *kfd_memory(uint32_t flags)
{
	static const struct name names[] = {{1u << 0, "VRAM"},	    {1u << 1, "GTT"},
					    {1u << 2, "USERPTR"},   {1u << 3, "DOORBELL"},
					    {1u << 4, "MMIO"},	    {1u << 29, "public"},
					    {1u << 26, "coherent"}, {1u << 25, "uncached"},
					    {0, NULL}};
	struct buf b = {0};

	for (const struct name *n = names; n->name; n++)
		if (flags & n->value)
			buf__printf(&b, b.len ? " %s" : "%s", n->name);
	return take(&b);
}

static char *pool_name(const struct model *m, const struct pool *p)
{
	const struct device *d = p ? model__device(m, p->pid, p->device) : NULL;
	struct buf b = {0};

	if (!p)
		return xstrdup("?");
	buf__printf(&b, "%s ", d ? (d->gpu ? "GPU" : "CPU") : "?");
	print_grain(&b, p->flags);
	return take(&b);
}

static void heading(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void heading(struct buf *b, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	buf__printf(b, "\n%s\n", text);
}

/* Whether rows must say which process they are about. */
static bool several(const struct model *m)
{
	unsigned int n = 0;

	for (size_t i = 0; i < m->processes.n; i++)
		n += m->processes.v[i].agent;
	return n > 1;
}

#define HIDDEN_COLUMN UINT_MAX /* wider than any terminal */

static void and_more(struct buf *b, size_t shown, size_t all)
{
	if (shown < all)
		buf__printf(b, "  and %zu more (--all shows them)\n", all - shown);
}

/* ---- parts ---- */

static void put_device(const struct model *m, struct buf *b)
{
	const struct ev_emu_device *e = &m->emu_device;
	unsigned int gpus = 0;

	if (m->emulated && e->compute_units) {
		buf__printf(b, "emulated device: %s (gfx%u%u%x, %u CUs, ", m->emu_name,
			    e->gfx_target_version / 10000, e->gfx_target_version / 100 % 100,
			    e->gfx_target_version % 100, e->compute_units);
		buf__size(b, e->vram_bytes);
		buf__puts(b, ")\n  Everything below was observed on it, not on hardware.\n");
		return;
	}
	for (size_t i = 0; i < m->devices.n; i++) {
		const struct device *d = &m->devices.v[i];
		bool said = false;

		for (size_t k = 0; k < i; k++)
			said |= m->devices.v[k].gpu && m->devices.v[k].node == d->node &&
				!strcmp(m->devices.v[k].product, d->product);
		if (!d->gpu || said)
			continue;
		buf__printf(b, "%sdevice: %s (%s)\n", m->emulated ? "emulated " : "", d->product, d->name);
		gpus++;
	}
	if (m->emulated && gpus)
		buf__puts(b, "  Everything below was observed on it, not on hardware.\n");
	else if (m->emulated)
		buf__puts(b, "emulated device: never opened by the command\n");
	else if (!gpus)
		buf__puts(b, "device: not known (no process initialised HSA under the agent)\n");
}

static void put_status(struct buf *b, int32_t status)
{
	if (WIFSIGNALED(status))
		buf__printf(b, "killed by signal %d (%s)", WTERMSIG(status),
			    sigabbrev_np(WTERMSIG(status)) ?: "?");
	else
		buf__printf(b, "exited with %d", WEXITSTATUS(status));
}

static void put_command(const struct model *m, struct buf *b)
{
	if (m->command) {
		buf__printf(b, "command: %s\n  ", m->command);
		if (m->ended)
			put_status(b, m->status);
		else
			buf__puts(b, "its end was not recorded");
		buf__puts(b, ", recorded for ");
		print_ns(b, m->end_ns - m->begin_ns);
		buf__putc(b, '\n');
	}
	for (size_t i = 0; i < m->processes.n; i++) {
		const struct process *p = &m->processes.v[i];

		if (!p->agent && m->processes.n > 8)
			continue;
		buf__printf(b, "  process %u: %s%s", p->pid, p->exe ? p->exe : "?",
			    p->agent ? ", uses HSA" : "");
		if (p->exited) {
			buf__puts(b, ", ");
			put_status(b, p->status);
		}
		buf__putc(b, '\n');
	}
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

static void put_alloc_row(const struct model *m, struct table *t, const struct alloc *a)
{
	const struct bo *bo = a->bo ? &m->bos.v[a->bo - 1] : NULL;
	char *memory = bo ? kfd_memory(bo->flags) : xstrdup("not seen");
	char *size = bo ? bytes(bo->size) : NULL;

	table__cellf(t, "0x%" PRIx64, a->va);
	table__cell(t, bytes(a->size));
	table__cell(t, asker(m, a));
	table__cell(t, pool_name(m, model__pool(m, a->pid, a->pool)));
	/* A small allocation is cut from a larger buffer of the driver's. */
	if (bo && bo->allocs > 1)
		table__cellf(t, "%s, 1 of %zu in %s", memory, bo->allocs, size);
	else
		table__cellf(t, "%s", memory);
	table__cellf(t, bo ? "0x%08x" : "-", bo ? bo->flags : 0);
	table__cell(t, xstrdup(bo && bo->has_pte ? pte_gfx10_mtype(bo->pte) : "-"));
	table__cell(t, lifetime(m, a->pid, a->begin_ns, a->end_ns));
	free(memory);
	free(size);
}

/* The allocations of one process. */
static void put_allocs_of(const struct model *m, const struct text_options *o, struct buf *b,
			  uint32_t pid)
{
	static const struct column columns[] = {
		{"address", false, false, 0},	{"size", true, false, 0},
		{"by", false, false, 0},	{"pool", false, false, 0},
		{"KFD buffer", false, true, 0}, {"flags", false, false, 110},
		{"MTYPE", false, false, 100},	{"lived", true, false, 0},
	};
	struct table t = {.columns = columns, .num_columns = ARRAY_SIZE(columns)};
	size_t shown = 0, all = 0;

	for (size_t i = 0; i < m->allocs.n; i++) {
		if (m->allocs.v[i].pid != pid)
			continue;
		if (all++ < MAX_ROWS || o->all) {
			shown++;
			put_alloc_row(m, &t, &m->allocs.v[i]);
		}
	}
	table__render(&t, b, o->width);
	and_more(b, shown, all);
}

static void put_allocs(const struct model *m, const struct text_options *o, struct buf *b)
{
	VEC(uint32_t) pids = {0};
	uint64_t total = 0;

	for (size_t i = 0; i < m->allocs.n; i++) {
		size_t p = 0;

		total += m->allocs.v[i].size;
		while (p < pids.n && pids.v[p] != m->allocs.v[i].pid)
			p++;
		if (p == pids.n)
			*VEC_PUSH(&pids) = m->allocs.v[i].pid;
	}
	heading(b, "Allocated through HSA: %zu, %" PRIu64 " bytes", m->allocs.n, total);
	for (size_t p = 0; p < pids.n; p++) {
		if (pids.n > 1)
			buf__printf(b, "  in process %u\n", pids.v[p]);
		put_allocs_of(m, o, b, pids.v[p]);
	}
	free(pids.v);
}

/* KFD buffers that no pool call of the application explains, by flags. */
struct group {
	uint32_t flags;
	size_t count;
	uint64_t bytes, pte;
	bool has_pte;
};

static int by_bytes(const void *a, const void *b)
{
	const struct group *x = a, *y = b;

	return (x->bytes < y->bytes) - (x->bytes > y->bytes);
}

static void put_runtime(const struct model *m, const struct text_options *o, struct buf *b)
{
	static const struct column columns[] = {{"buffers", true, false, 0},
						{"bytes", true, false, 0},
						{"KFD memory", false, true, 0},
						{"flags", false, false, 0},
						{"MTYPE", false, false, 0}};
	struct table t = {.columns = columns, .num_columns = ARRAY_SIZE(columns)};
	VEC(struct group) groups = {0};
	size_t count = 0;

	for (size_t i = 0; i < m->bos.n; i++) {
		const struct bo *bo = &m->bos.v[i];
		size_t g = 0;

		if (bo->allocs)
			continue;
		count++;
		while (g < groups.n && groups.v[g].flags != bo->flags)
			g++;
		if (g == groups.n)
			VEC_PUSH(&groups)->flags = bo->flags;
		groups.v[g].count++;
		groups.v[g].bytes += bo->size;
		if (bo->has_pte) {
			groups.v[g].pte = bo->pte;
			groups.v[g].has_pte = true;
		}
	}
	heading(b, "Allocated by ROCr for itself: %zu KFD buffer%s", count, count == 1 ? "" : "s");
	if (!count && !m->ioctls && !accounts__sum(&m->accounts, SOURCE_kernel).seen)
		buf__puts(b, "  not seen: the kernel's side was not recorded\n");
	VEC_SORT(&groups, by_bytes);
	for (size_t g = 0; g < groups.n; g++) {
		table__cellf(&t, "%zu", groups.v[g].count);
		table__cell(&t, bytes(groups.v[g].bytes));
		table__cell(&t, kfd_memory(groups.v[g].flags));
		table__cellf(&t, "0x%08x", groups.v[g].flags);
		table__cell(&t, xstrdup(groups.v[g].has_pte ? pte_gfx10_mtype(groups.v[g].pte) : "-"));
	}
	if (groups.n)
		table__render(&t, b, o->width);
	free(groups.v);
}

/* Dispatches of one kernel. */
struct kernel_sum {
	uint32_t pid;
	uint64_t object, count, timed, total_ns;
	size_t last; /* dispatch */
};

static int by_time(const void *a, const void *b)
{
	const struct kernel_sum *x = a, *y = b;

	if (x->total_ns != y->total_ns)
		return (x->total_ns < y->total_ns) - (x->total_ns > y->total_ns);
	return (x->count < y->count) - (x->count > y->count);
}

static void put_dispatches(const struct model *m, const struct text_options *o, struct buf *b)
{
	const struct column columns[] = {
		{"process", true, false, several(m) ? 0 : HIDDEN_COLUMN},
		{"kernel", false, true, 0},
		{"count", true, false, 0},
		{"time", true, false, 0},
		{"each", true, false, 0},
		{"grid of the last", false, false, 100}};
	struct table t = {.columns = columns, .num_columns = ARRAY_SIZE(columns)};
	VEC(struct kernel_sum) sums = {0};
	struct map where = {0};
	size_t shown, i;

	for (size_t d = 0; d < m->dispatches.n; d++) {
		const struct dispatch *x = &m->dispatches.v[d];

		if (!map__get(&where, x->pid, x->object, &i)) {
			i = sums.n;
			VEC_PUSH(&sums)->object = x->object;
			sums.v[i].pid = x->pid;
			map__set(&where, x->pid, x->object, i);
		}
		sums.v[i].last = d;
		sums.v[i].count++;
		sums.v[i].timed += x->duration_ns != 0;
		sums.v[i].total_ns += x->duration_ns;
	}
	heading(b, "Kernels dispatched: %zu dispatch%s of %zu kernel%s%s", m->dispatches.n,
		m->dispatches.n == 1 ? "" : "es", sums.n, sums.n == 1 ? "" : "s",
		m->emulated && m->dispatches.n ? "; times are the emulation's" : "");
	VEC_SORT(&sums, by_time);
	shown = o->all || sums.n < MAX_ROWS ? sums.n : MAX_ROWS;
	for (size_t s = 0; s < shown; s++) {
		const struct kernel_sum *k = &sums.v[s];
		const char *name = model__kernel(m, k->pid, k->object);
		const struct dispatch *last = &m->dispatches.v[k->last];

		table__cellf(&t, "%u", k->pid);
		if (name)
			table__cell(&t, xstrdup(name));
		else
			table__cellf(&t, "0x%" PRIx64, k->object);
		table__cellf(&t, "%" PRIu64, k->count);
		table__cell(&t, k->timed ? duration(k->total_ns) : xstrdup("-"));
		table__cell(&t, k->timed ? duration(k->total_ns / k->timed) : xstrdup("-"));
		table__cellf(&t, "%ux%ux%u by %ux%ux%u", last->grid[0], last->grid[1], last->grid[2],
			     last->workgroup[0], last->workgroup[1], last->workgroup[2]);
	}
	if (sums.n)
		table__render(&t, b, o->width);
	and_more(b, shown, sums.n);
	if (m->queue_gaps)
		buf__printf(b, "  %" PRIu64 " packets could not be read\n", m->queue_gaps);
	if (m->copies)
		buf__printf(b, "  and %" PRIu64 " asynchronous copies, %" PRIu64 " bytes\n", m->copies,
			    m->copied_bytes);
	free(sums.v);
	map__free(&where);
}

/* ---- faults ---- */

static void put_alloc(const struct model *m, struct buf *b, const struct alloc *a)
{
	char *pool = pool_name(m, model__pool(m, a->pid, a->pool));

	buf__printf(b, "0x%" PRIx64 " (%" PRIu64 " bytes, %s)", a->va, a->size, pool);
	free(pool);
}

/* Where an address lies, of what the application had allocated then. */
static void put_place(const struct model *m, struct buf *b, uint32_t pid, uint64_t va, uint64_t ts)
{
	struct place p = model__place(m, pid, va, ts);
	const struct bo *bo = model__bo_at(m, pid, va - 1, ts);
	uint64_t low = va & 0xffffffffffffull;

	if (va - CAPS_LDS_BASE < CAPS_APERTURE_BYTES || va - CAPS_SCRATCH_BASE < CAPS_APERTURE_BYTES) {
		bool lds = va - CAPS_LDS_BASE < CAPS_APERTURE_BYTES;

		buf__printf(b, "    in the %s aperture, 0x%" PRIx64 " bytes into it\n",
			    lds ? "LDS" : "scratch", va - (lds ? CAPS_LDS_BASE : CAPS_SCRATCH_BASE));
		return;
	}
	if (va >= CAPS_GPUVM_END) {
		/* Not an address a page table can hold: is there one in its low bits? */
		p = model__place(m, pid, low, ts);
		buf__printf(b, "    outside every aperture; without its top 16 bits: 0x%" PRIx64 "\n", low);
		if (p.inside) {
			buf__puts(b, "    which is in buffer ");
			put_alloc(m, b, p.inside);
			buf__printf(b, ", %" PRIu64 " bytes into it; the address is 0x%" PRIx64
				       " above it\n",
				    low - p.inside->va, va - low);
		}
		return;
	}
	if (p.inside) {
		buf__puts(b, "    in buffer ");
		put_alloc(m, b, p.inside);
		buf__printf(b, ", %" PRIu64 " bytes into it\n", va - p.inside->va);
		return;
	}
	if (p.inside_freed) {
		buf__puts(b, "    in freed buffer ");
		put_alloc(m, b, p.inside_freed);
		buf__printf(b, ", %" PRIu64 " bytes into it, freed ", va - p.inside_freed->va);
		print_ns(b, ts - p.inside_freed->end_ns);
		buf__puts(b, " before\n");
		return;
	}
	if (bo && bo->va + bo->size == va) {
		buf__printf(b, "    the first byte past a KFD buffer of ");
		buf__size(b, bo->size);
		buf__printf(b, " at 0x%" PRIx64 "\n", bo->va);
	}
	if (p.below) {
		buf__puts(b, "    nearest buffer below: ");
		put_alloc(m, b, p.below);
		buf__printf(b, ", %" PRIu64 " bytes past its end\n", va - p.below->va - p.below->size);
	} else {
		buf__puts(b, "    no buffer of the application lies below it\n");
	}
}

static void put_device_fault(const struct model *m, struct buf *b, const struct fault *f)
{
	const char *kernel = model__kernel(m, f->pid, f->emu.kernel_object);
	const char *kind = fault_kind_name(f->emu.kind);

	buf__printf(b, "  %s", kind ? kind : "fault");
	if (f->emu.kernel_object)
		buf__printf(b, " in kernel %s", kernel ? kernel : "of unknown name");
	buf__printf(b, ": %s", f->insn);
	if (f->emu.va)
		buf__printf(b, ", %s of %u bytes at address 0x%" PRIx64,
			    f->emu.write ? "store" : "load", f->emu.size_bytes, f->emu.va);
	if (f->emu.pc)
		buf__printf(b, ", lane %u", f->emu.lane);
	buf__putc(b, '\n');
	if (f->emu.pc)
		buf__printf(b, "    at pc 0x%" PRIx64 ", packet %" PRIu64 " of its queue\n", f->emu.pc,
			    f->emu.index);
	if (f->emu.va)
		put_place(m, b, f->pid, f->emu.va, f->ts_ns);
}

static void put_faults(const struct model *m, struct buf *b)
{
	uint32_t pid = 0;

	heading(b, m->faults.n || m->gaps.n ? "Faults:" : "Faults: none");
	for (size_t i = 0; i < m->faults.n; i++) {
		const struct fault *f = &m->faults.v[i];
		const char *name;

		if (several(m) && f->pid != pid)
			buf__printf(b, "  in process %u\n", f->pid);
		pid = f->pid;
		switch (f->from) {
		case FAULT_DEVICE:
			put_device_fault(m, b, f);
			break;
		case FAULT_QUEUE:
			name = hsa_status_name((uint32_t)f->status);
			buf__printf(b, "  the runtime reported %s (0x%x) on queue %" PRIu64 "\n",
				    name ? name : "an error", (uint32_t)f->status, f->queue_id);
			break;
		case FAULT_MEMORY:
			buf__puts(b, "  the runtime reported a memory fault: ");
			print_value(b, PRINT_FAULT_REASON, f->reason, false);
			buf__printf(b, " in the page at 0x%" PRIx64 "\n", f->va);
			/* On hardware this is all there is: no exact address. */
			if (!m->emu_device.compute_units)
				put_place(m, b, f->pid, f->va, f->ts_ns);
			break;
		}
	}
	for (size_t i = 0; i < m->gaps.n; i++)
		buf__printf(b, "  limit of the emulator, not of the program: %s is not implemented (0x%" PRIx64
			       ")\n",
			    m->gaps.v[i].what, m->gaps.v[i].pc);
}

/* ---- what the trace holds and lacks ---- */

/* "AMDKFD_IOC_SVM EINVAL, AMDKFD_IOC_WAIT_EVENTS EINTR (3 times)" */
static void put_ioctls(struct buf *b, const struct ioctl_sums *s)
{
	for (size_t i = 0; i < s->list.n; i++) {
		const struct ioctl_sum *x = &s->list.v[i];
		const char *name = strerrorname_np(x->err);

		buf__puts(b, i ? ", " : "");
		kfd_print_cmd(b, x->cmd);
		if (x->err && name)
			buf__printf(b, " %s", name);
		else if (x->err)
			buf__printf(b, " error %d", x->err);
		if (x->count > 1)
			buf__printf(b, " (%" PRIu64 " times)", x->count);
	}
}

static void put_losses(const struct model *m, struct buf *b, const struct text_options *o)
{
	static const struct column columns[] = {{"source", false, false, 0}, {"seen", true, false, 0},
						{"written", true, false, 0}, {"lost", true, false, 0},
						{"why", false, true, 0}};
	static const enum ev_source sources[] = {SOURCE_kernel, SOURCE_agent, SOURCE_emu,
						 SOURCE_recorder};
	struct table t = {.columns = columns, .num_columns = ARRAY_SIZE(columns)};

	heading(b, "What was recorded");
	for (size_t i = 0; i < ARRAY_SIZE(sources); i++) {
		struct account a = accounts__sum(&m->accounts, sources[i]);
		uint64_t open = account__unexplained(&a);
		struct buf why = {0};

		if (!a.seen && sources[i] != SOURCE_kernel && sources[i] != SOURCE_agent)
			continue;
		for (unsigned int c = 1; c < LOSS_COUNT; c++)
			if (a.by_cause[c])
				buf__printf(&why, "%s%s: %" PRIu64, why.len ? ", " : "",
					    loss_cause_text(c), a.by_cause[c]);
		if (open)
			buf__printf(&why, "%sin flight when killed: %" PRIu64, why.len ? ", " : "", open);
		if (!a.seen)
			buf__puts(&why, "not recorded");
		table__cellf(&t, "%s", source_name(sources[i]));
		table__cellf(&t, "%" PRIu64, a.seen);
		table__cellf(&t, "%" PRIu64, a.written);
		table__cellf(&t, "%" PRIu64, a.dropped + open);
		table__cell(&t, take(&why));
	}
	table__render(&t, b, o->width);
	for (size_t i = 0, from = 0; i < m->hooks_off.n; i++) {
		const struct hook_off *h = &m->hooks_off.v[i];

		/* One line for all that are off for one reason. */
		if (i + 1 < m->hooks_off.n && !strcmp(h->reason, h[1].reason))
			continue;
		buf__puts(b, "  not recorded: ");
		for (; from <= i; from++)
			buf__printf(b, "%s%s", m->hooks_off.v[from].name, from < i ? ", " : ": ");
		buf__printf(b, "%s\n", h->reason);
	}
	if (m->command && !m->ended) {
		buf__puts(b, "  the recorder was killed: of the kernel's side nothing is here from ");
		print_ns(b, m->recorder_last_ns - m->begin_ns);
		buf__puts(b, " on\n");
	}
	if (m->ioctls)
		buf__printf(b, "  %" PRIu64 " KFD ioctls (from %s)\n", m->ioctls,
			    m->kernel_side ? "eBPF" : "the emulated device's own log");
	if (m->failed_ioctls) {
		buf__printf(b, "  %" PRIu64 " of them failed: ", m->failed_ioctls);
		put_ioctls(b, &m->failed);
		buf__putc(b, '\n');
	}
	if (m->interrupted_ioctls && !m->open_ioctls) {
		buf__printf(b, "  %" PRIu64 " of them interrupted: ", m->interrupted_ioctls);
		put_ioctls(b, &m->interrupted);
		buf__putc(b, '\n');
	}
	if (m->open_ioctls) {
		buf__printf(b, "  %" PRIu64 " open when the process ended: ", m->open_ioctls);
		put_ioctls(b, &m->open);
		buf__putc(b, '\n');
	}
	if (m->stats.torn_bytes)
		buf__printf(b, "  %" PRIu64 " bytes at the torn end of %u chunks were left out\n",
			    m->stats.torn_bytes, m->stats.torn_chunks);
	if (m->stats.unknown)
		buf__printf(b, "  %" PRIu64 " events of kinds this version does not know were skipped\n",
			    m->stats.unknown);
	if (m->stats.foreign_chunks)
		buf__printf(b, "  %u files of another trace were left out\n", m->stats.foreign_chunks);
}

/* Break a line at spaces where it is wider than `width`; what follows is indented four more. */
static void put_wrapped(struct buf *b, const char *line, size_t len, unsigned int width)
{
	size_t hang = strspn(line, " ") + 4, text = hang - 4, at = 0, room = width;

	while (len - at > room) {
		size_t cut = at + room;

		/* A word wider than the line stays whole. */
		while (cut > at + text && line[cut] != ' ')
			cut--;
		if (cut <= at + text)
			for (cut = at + room; cut < len && line[cut] != ' '; cut++)
				;
		buf__put(b, line + at, cut - at);
		for (at = cut; at < len && line[at] == ' '; at++)
			;
		if (at == len)
			break;
		buf__printf(b, "\n%*s", (int)hang, "");
		room = width - hang;
		text = 0;
	}
	buf__put(b, line + at, len - at);
	buf__putc(b, '\n');
}

void report_text(const struct model *m, const struct text_options *o, struct buf *b)
{
	struct buf all = {0};
	const char *line, *end;

	put_device(m, &all);
	put_command(m, &all);
	put_faults(m, &all);
	put_allocs(m, o, &all);
	put_runtime(m, o, &all);
	put_dispatches(m, o, &all);
	put_losses(m, &all, o);
	for (line = buf__str(&all); (end = strchr(line, '\n')); line = end + 1)
		put_wrapped(b, line, (size_t)(end - line), o->width);
	buf__free(&all);
}
