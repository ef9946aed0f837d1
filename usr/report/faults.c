// SPDX-License-Identifier: MIT
/* What went wrong, and where the address lies. */
#include "parts.h"
#include "../caps/caps.h"

#include <stdlib.h>

static void put_alloc(const struct model *m, struct buf *b, const struct alloc *a)
{
	char *pool = pool_name(m, model__pool(m, a->pid, a->pool));

	buf__printf(b, "0x%" PRIx64 " (%" PRIu64 " bytes, %s)", a->va, a->size, pool);
	free(pool);
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

/* The runtime's own copy kernels have no name here: nobody asks for their symbols. */
static void put_kernel(const struct model *m, struct buf *b, const struct fault *f)
{
	const char *name = model__kernel(m, f->pid, f->emu.kernel_object);
	const struct device *d = model__ring_device(m, f->pid, f->emu.ring);

	if (f->emu.kernel_object)
		buf__printf(b, " in kernel %s", name ? name : "of unknown name (the runtime's own?)");
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

static bool hung(const struct model *m)
{
	for (size_t d = 0; d < m->dispatches.n; d++)
		if (unfinished(m, &m->dispatches.v[d]))
			return true;
	return false;
}

void put_faults(const struct model *m, struct buf *b)
{
	uint32_t pid = 0;

	if (!m->faults.n && !m->gaps.n && !inside_seen(m))
		heading(b, "Faults: not known, nothing inside the command was recorded");
	else if (!m->faults.n && !m->gaps.n && hung(m))
		heading(b, "Faults: none, but a kernel did not finish (below)");
	else
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
			if (!m->emu_cards.n)
				put_place(m, b, f->pid, f->va, f->ts_ns);
			break;
		}
	}
	for (size_t i = 0; i < m->gaps.n; i++)
		buf__printf(b, "  limit of the emulator, not of the program: %s is not implemented (0x%" PRIx64
			       ")\n",
			    m->gaps.v[i].what, m->gaps.v[i].pc);
}
