// SPDX-License-Identifier: MIT
/* What went wrong, and where the address lies. */
#include "parts.h"
#include "../decode/iv.h"
#include "../decode/pte.h"

#include <stdlib.h>

void put_alloc(const struct model *m, struct buf *b, const struct alloc *a)
{
	char *kind = alloc_kind(m, a), *at = place_text(m, a->pid, a->caller);

	buf__printf(b, "0x%" PRIx64 " (%" PRIu64 " bytes, %s", a->va, a->size, kind);
	if (a->searched)
		buf__printf(b, ", allocated at %s", at);
	buf__putc(b, ')');
	free(kind);
	free(at);
}

/* Nobody tells the driver when such memory is freed: it goes with the mapping. */
static void put_svm(struct buf *b, const struct svm_range *r, uint64_t va)
{
	if (!r)
		return;
	buf__printf(b, "    in an SVM range (shared virtual memory), 0x%" PRIx64 " (", r->va);
	buf__size(b, r->size);
	buf__printf(b, "), %" PRIu64 " bytes into it; the application may have freed it since\n", va - r->va);
}

static void put_bo(struct buf *b, const struct bo *bo)
{
	char *memory = kfd_memory(bo->flags);

	buf__printf(b, "0x%" PRIx64 " (", bo->va);
	buf__size(b, bo->size);
	buf__printf(b, ", %s)", memory);
	free(memory);
}

/* Of the driver's buffers, for what the application did not allocate, or nobody saw it do. */
static bool put_driver_place(const struct model *m, struct buf *b, uint32_t pid, uint64_t va,
			     uint64_t ts)
{
	const struct bo *bo = model__bo_at(m, pid, va, ts);
	const struct bo *freed = model__freed_bo_at(m, pid, va, ts);
	const struct mapping *range = model__mapping_at(m, pid, va, ts);
	const struct gem *gem = range ? model__gem(m, range->gem) : NULL;

	if (bo) {
		buf__puts(b, "    in KFD buffer ");
		put_bo(b, bo);
		buf__printf(b, ", %" PRIu64 " bytes into it\n", va - bo->va);
	} else if (freed) {
		buf__puts(b, "    in freed KFD buffer ");
		put_bo(b, freed);
		buf__printf(b, ", %" PRIu64 " bytes into it, freed ", va - freed->va);
		print_ns(b, ts - freed->end_ns);
		buf__puts(b, " before\n");
	} else if (range) {
		buf__printf(b, "    in a range of bo#%" PRIu64, range->gem);
		if (gem) {
			buf__puts(b, " (");
			buf__size(b, gem->size);
			buf__puts(b, ", ");
			print_value(b, PRINT_GEM_DOMAIN, gem->domain, false);
			buf__putc(b, ')');
		}
		buf__puts(b, ", which KFD did not allocate\n");
	}
	return bo || freed || range;
}

/* Where an address lies, of what the application had allocated then. */
static void put_place(const struct model *m, struct buf *b, uint32_t pid, uint64_t va, uint64_t ts)
{
	const struct svm_range *svm = model__svm_at(m, pid, va, ts);
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
		buf__puts(b, "    outside every aperture");
		if (low != va)
			buf__printf(b, "; without its top 16 bits: 0x%" PRIx64, low);
		buf__putc(b, '\n');
		if (p.inside) {
			buf__puts(b, "    which is in buffer ");
			put_alloc(m, b, p.inside);
			buf__printf(b, ", %" PRIu64 " bytes into it; the address is 0x%" PRIx64
				       " above it\n",
				    low - p.inside->va, va - low);
		} else if (low != va) {
			put_svm(b, model__svm_at(m, pid, low, ts), low);
		}
		return;
	}
	if (va < 4096) {
		buf__puts(b, "    in the first page: a null pointer, or an offset from one\n");
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
	if (svm) {
		put_svm(b, svm, va);
		return;
	}
	if (put_driver_place(m, b, pid, va, ts))
		return;
	if (bo && bo->va + bo->size == va) {
		buf__printf(b, "    the first byte past a KFD buffer of ");
		buf__size(b, bo->size);
		buf__printf(b, " at 0x%" PRIx64 "\n", bo->va);
	}
	if (p.below) {
		buf__puts(b, "    nearest buffer below: ");
		put_alloc(m, b, p.below);
		buf__printf(b, ", %" PRIu64 " bytes past its end\n", va - p.below->va - p.below->size);
	} else if (accounts__sum(&m->accounts, SOURCE_agent).seen) {
		buf__puts(b, "    no buffer of the application lies below it\n");
	} else {
		buf__puts(b, "    in no buffer that was seen\n");
	}
}

void put_name(struct buf *b, const char *before, const char *name)
{
	char *text = short_name(name, LINE_NAME);

	buf__printf(b, "%s%s", before, text);
	free(text);
}

/* The runtime's own copy kernels have no name here: nobody asks for their symbols. */
static void put_kernel(const struct model *m, struct buf *b, const struct fault *f)
{
	const char *name = model__kernel(m, f->pid, f->emu.kernel_object);
	const struct device *d = model__ring_device(m, f->pid, f->emu.ring);

	if (f->emu.kernel_object)
		put_name(b, " in kernel ", name ? name : "of unknown name (the runtime's own?)");
	if (d && several_gpus(m))
		buf__printf(b, " on node-%u", d->node);
}

static void put_access(struct buf *b, const struct ev_emu_fault *e)
{
	buf__puts(b, e->write ? ", store" : ", load");
	if (e->size_bytes)
		buf__printf(b, " of %u bytes", e->size_bytes);
	buf__printf(b, " at address 0x%" PRIx64, e->va);
	if (e->pc && e->lane != UINT32_MAX)
		buf__printf(b, ", lane %u", e->lane);
}

static void put_device_fault(const struct model *m, struct buf *b, const struct fault *f)
{
	const char *kind = fault_kind_name(f->emu.kind);
	bool access = f->emu.kind == EMU_FAULT_page || f->emu.kind == EMU_FAULT_permission ||
		      f->emu.kind == EMU_FAULT_aperture;

	buf__printf(b, "  %s", kind ? kind : "fault");
	put_kernel(m, b, f);
	buf__printf(b, ": %s", f->insn);
	if (access)
		put_access(b, &f->emu);
	buf__putc(b, '\n');
	if (f->emu.pc)
		buf__printf(b, "    at pc 0x%" PRIx64 ", packet %" PRIu64 " of its queue\n", f->emu.pc,
			    f->emu.index);
	if (access)
		put_place(m, b, f->pid, f->emu.va, f->ts_ns);
}

/* ---- the kernel's words ---- */

static void put_page_fault(const struct model *m, struct buf *b, const struct fault *f)
{
	const struct page_fault *p = &f->page;

	buf__puts(b, "  page fault");
	if (p->known)
		buf__printf(b, " at 0x%" PRIx64, f->va);
	if (p->seen)
		buf__printf(b, ", %s", p->write ? "write" : p->exec ? "execute" : "read");
	if (p->vmid)
		buf__printf(b, ", VMID %u", p->vmid);
	if (!f->pid)
		buf__printf(b, ", of a process that is not known (PASID 0x%x)", p->pasid);
	if (p->retries && p->final)
		buf__printf(b, ", after %" PRIu64 " retr%s", p->retries,
			    p->retries == 1 ? "y" : "ies");
	else if (p->retries)
		buf__printf(b, ", tried %" PRIu64 " time%s and no final one was seen", p->retries,
			    plural(p->retries));
	if (p->repeats)
		buf__printf(b, ", %" PRIu64 " more time%s", p->repeats, plural(p->repeats));
	if (p->status) {
		buf__puts(b, "; L2 status: ");
		print_value(b, PRINT_GCVM_L2_STATUS, p->status, false);
	}
	if (p->told)
		buf__puts(b, ", told to the process by KFD");
	buf__putc(b, '\n');
	if (!p->known)
		return;
	put_place(m, b, f->pid, f->va, f->ts_ns);
	if (!p->has_pte)
		return;
	buf__printf(b,
		    "    its page-table entry%s: ", p->unmapped ? ", taken away before" : " was");
	pte_print(b, caps_pte__find(m->gfx), p->pte);
	buf__putc(b, '\n');
}

static void put_wave_queue(const struct model *m, struct buf *b, const struct fault *f)
{
	const struct wave_fault *w = &f->wave;
	const struct dispatch *d = w->dispatch ? &m->dispatches.v[w->dispatch - 1] : NULL;
	const char *name = d ? model__kernel(m, f->pid, d->object) : NULL;

	if (w->kind == WAVE_ERROR)
		return;
	buf__printf(b, " on doorbell %u", w->doorbell);
	if (w->several)
		buf__puts(b, ", which several queues have");
	else if (!w->queue)
		buf__puts(b, ", of a queue that was not seen");
	else if (w->has_queue_id)
		buf__printf(b, ": queue %" PRIu64 " (of KFD %u)", f->queue_id,
			    m->hw_queues.v[w->queue - 1].queue_id);
	else
		buf__printf(b, ": KFD queue %u", m->hw_queues.v[w->queue - 1].queue_id);
	if (d) {
		buf__printf(b, ", where packet %" PRIu64 " came last", d->index);
		put_name(b, ", kernel ", name ? name : "of unknown name");
	}
}

static void put_wave_fault(const struct model *m, struct buf *b, const struct fault *f)
{
	const struct wave_fault *w = &f->wave;

	switch (w->kind) {
	case WAVE_EXCEPTION:
		buf__puts(b, "  wave exception ");
		iv_print_codes(b, w->codes);
		break;
	case WAVE_ERROR:
		buf__puts(b, "  wave error ");
		iv_print_error(b, w->codes);
		break;
	case BAD_PACKET:
		buf__puts(b, "  bad packet ");
		print_value(b, PRINT_KFD_EXCEPTION_CODE, w->codes, false);
		break;
	}
	if (w->count > 1)
		buf__printf(b, " (%" PRIu64 " times)", w->count);
	put_wave_queue(m, b, f);
	if (w->vmid)
		buf__printf(b, ", VMID %u", w->vmid);
	buf__putc(b, '\n');
}

/* Stops of one kind. */
struct stop_sum {
	uint8_t op;
	uint32_t trigger;
	uint64_t count, failed, open, total_ns, longest_ns;
};
struct stop_sums {
	VEC(struct stop_sum) list;
};

static void add_stop(struct stop_sums *sums, const struct stop *s)
{
	uint64_t ns = s->end_ns ? s->end_ns - s->ts_ns : 0;
	struct stop_sum *x = NULL;

	for (size_t i = 0; i < sums->list.n && !x; i++)
		if (sums->list.v[i].op == s->op && sums->list.v[i].trigger == s->trigger)
			x = &sums->list.v[i];
	if (!x) {
		x = VEC_PUSH(&sums->list);
		x->op = s->op;
		x->trigger = s->trigger;
	}
	x->count++;
	x->failed += s->ret != 0;
	x->open += !s->ret && !s->end_ns;
	x->total_ns += ns;
	x->longest_ns = ns > x->longest_ns ? ns : x->longest_ns;
}

static void put_stop_sum(struct buf *b, const struct stop_sum *s)
{
	/* enum KFD_QUEUE_EVICTION_TRIGGERS */
	static const char *const why[] = {"shared memory (SVM) moved",
					  "the process changed host memory that the GPU uses",
					  "its video memory was needed", "the machine slept"};

	if (s->op == EVICT_OP_evict_pasid) {
		buf__printf(b, "  after a fault, for good: %" PRIu64 " time%s\n", s->count, plural(s->count));
		return;
	}
	buf__puts(b, "  evicted, ");
	print_value(b, PRINT_KFD_EVICT_TRIGGER, s->trigger, false);
	if (s->trigger < ARRAY_SIZE(why))
		buf__printf(b, ", %s", why[s->trigger]);
	buf__printf(b, ": %" PRIu64 " time%s", s->count, plural(s->count));
	if (s->total_ns) {
		buf__puts(b, ", for ");
		print_ns(b, s->total_ns);
	}
	if (s->longest_ns < s->total_ns) {
		buf__puts(b, ", the longest ");
		print_ns(b, s->longest_ns);
	}
	if (s->open)
		buf__printf(b, ", %" PRIu64 " not let go again", s->open);
	if (s->failed)
		buf__printf(b, ", %" PRIu64 " failed", s->failed);
	buf__putc(b, '\n');
}

void put_stops(const struct model *m, struct buf *b)
{
	struct stop_sums sums = {0};

	if (!m->stops.n && !m->resets.n && !m->reset_signals && !m->handled_faults)
		return;
	heading(b, "Queues stopped:%s", m->stops.n || m->resets.n || m->reset_signals ? "" : " none");
	for (size_t i = 0; i < m->stops.n; i++)
		add_stop(&sums, &m->stops.v[i]);
	for (size_t i = 0; i < sums.list.n; i++)
		put_stop_sum(b, &sums.list.v[i]);
	free(sums.list.v);
	for (size_t i = 0; i < m->resets.n && i < MAX_ROWS; i++) {
		const struct reset *r = &m->resets.v[i];

		buf__printf(b, "  gpu#%" PRIu64 " reset, in ", r->gpu);
		print_ns(b, r->took_ns);
		if (r->ret) {
			buf__puts(b, ": ");
			print_value(b, PRINT_ERRNO, (uint64_t)r->ret, true);
		}
		buf__putc(b, '\n');
	}
	and_more(b, m->resets.n < MAX_ROWS ? m->resets.n : MAX_ROWS, m->resets.n);
	if (m->reset_signals)
		buf__printf(b, "  KFD told processes of a reset: %" PRIu64 " time%s\n",
			    m->reset_signals, plural(m->reset_signals));
	if (!m->handled_faults)
		return;
	buf__printf(b, "  page faults that the driver took care of: %" PRIu64 ", in ",
		    m->handled_faults);
	print_ns(b, m->handled_ns);
	buf__putc(b, '\n');
}

static bool hung(const struct model *m)
{
	for (size_t d = 0; d < m->dispatches.n; d++)
		if (unfinished(m, &m->dispatches.v[d]))
			return true;
	return false;
}

static void put_fault(const struct model *m, struct buf *b, const struct fault *f)
{
	const char *name;

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
		if (!m->emu_cards.n)
			put_place(m, b, f->pid, f->va, f->ts_ns);
		break;
	case FAULT_PAGE:
		put_page_fault(m, b, f);
		break;
	case FAULT_WAVE:
		put_wave_fault(m, b, f);
		break;
	}
}

/* What the driver took care of is none. */
static bool is_fault(const struct fault *f)
{
	return f->from != FAULT_PAGE || !f->page.handled;
}

/* Who would have told of a fault, and did not, or could not. */
static void head_faults(const struct model *m, struct buf *b, size_t n)
{
	bool kernel = m->interrupts_on, inside = inside_seen(m);
	uint64_t lost = (kernel ? lost_of(m, SOURCE_kernel) : 0) + lost_of(m, SOURCE_agent) +
			lost_of(m, SOURCE_emu);

	if (n || m->gaps.n)
		heading(b, "Faults:");
	else if (lost)
		heading(b, "Faults: none in what was recorded, but %" PRIu64
			   " events were lost (below), so there may have been", lost);
	else if (!inside && !kernel)
		heading(b, "Faults: not known, nothing inside the %s was recorded, nor the driver's interrupts",
			m->attached.n ? "process" : "command");
	else if (!inside)
		heading(b, "Faults: the kernel saw none; inside the %s nothing was recorded",
			m->attached.n ? "process" : "command");
	else if (hung(m))
		heading(b, "Faults: none, but a kernel did not finish (below)");
	else if (!kernel && !m->emulated)
		heading(b, "Faults: the runtime was told of none; the driver's interrupts were not recorded");
	else
		heading(b, "Faults: none");
}

void put_faults(const struct model *m, const struct text_options *o, struct buf *b)
{
	bool processes = several(m);
	size_t n = 0, shown = 0;
	uint32_t pid = 0;

	for (size_t i = 0; i < m->faults.n; i++) {
		n += is_fault(&m->faults.v[i]);
		processes |= m->faults.v[i].pid != m->faults.v[0].pid;
	}
	head_faults(m, b, n);
	for (size_t i = 0; i < m->faults.n && (shown < MAX_ROWS || o->all); i++) {
		const struct fault *f = &m->faults.v[i];

		if (!is_fault(f))
			continue;
		shown++;
		if (processes && f->pid && f->pid != pid)
			buf__printf(b, "  in process %u\n", f->pid);
		pid = f->pid;
		put_fault(m, b, f);
	}
	and_more(b, shown, n);
	if (m->faults_left_out)
		buf__printf(b, "  and %" PRIu64 " later ones, of which nothing is kept\n", m->faults_left_out);
	for (size_t i = 0; i < m->gaps.n; i++)
		buf__printf(b, "  limit of the emulator, not of the program: %s is not implemented (0x%" PRIx64
			       ")\n",
			    m->gaps.v[i].what, m->gaps.v[i].pc);
}
