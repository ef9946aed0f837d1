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
	bool access = f->emu.kind == EMU_FAULT_page || f->emu.kind == EMU_FAULT_permission ||
		      f->emu.kind == EMU_FAULT_aperture;

	buf__printf(b, "  %s", kind ? kind : "fault");
	if (f->emu.kernel_object)
		buf__printf(b, " in kernel %s", kernel ? kernel : "of unknown name");
	buf__printf(b, ": %s", f->insn);
	if (access)
		buf__printf(b, ", %s of %u bytes at address 0x%" PRIx64,
			    f->emu.write ? "store" : "load", f->emu.size_bytes, f->emu.va);
	if (f->emu.pc)
		buf__printf(b, ", lane %u", f->emu.lane);
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
