// SPDX-License-Identifier: MIT
/* All that a trace says of one address at one time. */
#include "parts.h"
#include "../decode/pte.h"

#include <stdlib.h>
#include <string.h>

static void put_allocation(const struct model *m, struct buf *b, const struct address_facts *x)
{
	char *at = x->alloc ? place_text(m, x->alloc->pid, x->alloc->caller) : NULL;

	if (x->alloc) {
		buf__printf(b, "  %sallocation ", x->freed ? "freed " : "");
		put_alloc(m, b, x->alloc);
		buf__printf(b, ", %" PRIu64 " bytes into it", x->into_bytes);
		if (x->freed) {
			buf__puts(b, ", freed ");
			print_ns(b, x->freed_ago_ns);
			buf__puts(b, " before");
		}
		buf__putc(b, '\n');
		if (x->alloc->caller && !x->alloc->searched)
			buf__printf(b, "  by %s (--callsite names the program's own caller)\n", at);
	} else {
		buf__printf(b, "  in no allocation%s\n",
			    x->forgotten ? " that is still known: what held it then is forgotten"
					 : "");
	}
	free(at);
	if (x->place.below && !x->alloc) {
		buf__puts(b, "  nearest below: ");
		put_alloc(m, b, x->place.below);
		buf__printf(b, ", which ended %" PRIu64 " bytes before\n", x->below_bytes);
	}
	if (x->place.above && !x->alloc) {
		buf__puts(b, "  nearest above: ");
		put_alloc(m, b, x->place.above);
		buf__printf(b, ", which begins %" PRIu64 " bytes behind\n", x->above_bytes);
	}
}

static void put_driver(const struct model *m, struct buf *b, const struct address_facts *x)
{
	const struct caps_pte *row = caps_pte__find(m->gfx);
	char *memory;

	if (x->bo) {
		memory = kfd_memory(x->bo->flags);
		buf__printf(b, "  %sKFD buffer 0x%" PRIx64 " (", x->bo_freed ? "freed " : "",
			    x->bo->va);
		buf__size(b, x->bo->size);
		buf__printf(b, ", %s, flags 0x%x)\n", memory, x->bo->flags);
		free(memory);
	}
	if (x->svm) {
		buf__printf(b, "  SVM range 0x%" PRIx64 " (", x->svm->va);
		buf__size(b, x->svm->size);
		buf__puts(b, ")\n");
	}
	if (x->pte.was_mapped) {
		buf__puts(b, x->pte.mapped ? "  mapped: " : "  no longer mapped; it was: ");
		pte_print(b, row, x->pte.flags);
		buf__putc(b, '\n');
	} else {
		buf__printf(b, "  %s\n",
			    x->pte.forgotten ? "how it was mapped then is forgotten"
					     : "no page-table update of it was seen");
	}
}

static void put_users(const struct model *m, struct buf *b, const struct address_facts *x)
{
	for (size_t i = 0; i < x->num_uses; i++) {
		const char *name = model__kernel(m, x->alloc->pid, x->uses[i].object);

		buf__printf(b,
			    "  argument +%u of %.48s: %" PRIu64 " dispatch%s, the first at %" PRIu64
			    ".%09" PRIu64 "\n",
			    x->uses[i].at, name ? name : "a kernel of unknown name",
			    x->uses[i].count, x->uses[i].count == 1 ? "" : "es",
			    x->uses[i].first_ns / 1000000000, x->uses[i].first_ns % 1000000000);
	}
	if (x->other_uses)
		buf__printf(b, "  and %" PRIu64 " pointers of other kernels\n", x->other_uses);
}

/* Failures at this address, or on its page where only that is known. */
static bool put_failures(const struct findings *f, struct buf *b, uint64_t va)
{
	bool any = false;

	for (size_t i = 0; i < f->incidents.n; i++) {
		const struct incident *x = &f->incidents.v[i];

		if (!x->has_address ||
		    (x->address.exact ? x->address.va != va : x->address.va >> 12 != va >> 12))
			continue;
		buf__printf(b, "%s in process %u at %" PRIu64 ".%09" PRIu64 ", %s%s\n",
			    incident_class_name(x->class), x->pid, x->ts_ns / 1000000000,
			    x->ts_ns % 1000000000, x->kernel ? "kernel " : "",
			    x->kernel ? x->kernel : "by a kernel that is not known");
		any = true;
	}
	return any;
}

/* Near enough to have to do with it. */
#define NEAR_BYTES (1ull << 30)

static bool is_known(const struct address_facts *x)
{
	return x->alloc || x->bo || x->svm || x->pte.known ||
	       (x->place.below && x->below_bytes < NEAR_BYTES) ||
	       (x->place.above && x->above_bytes < NEAR_BYTES);
}

static bool put_address(const struct model *m, uint64_t va, uint64_t ts, struct buf *b)
{
	bool any = false;

	for (size_t i = 0; i < m->processes.n; i++) {
		const struct process *p = &m->processes.v[i];
		/* Its memory goes with it. */
		uint64_t at = p->exited && p->end_ns <= ts ? p->end_ns - 1 : ts;
		struct address_facts x = model__address(m, p->pid, va, at);

		if (!is_known(&x))
			continue;
		any = true;
		buf__printf(b, "0x%" PRIx64 " in process %u at %" PRIu64 ".%09" PRIu64 ":\n", va,
			    p->pid, at / 1000000000, at % 1000000000);
		put_allocation(m, b, &x);
		put_driver(m, b, &x);
		put_users(m, b, &x);
	}
	if (!any)
		buf__printf(b,
			    "0x%" PRIx64
			    " is not known: no process of the trace had memory near it\n",
			    va);
	return any;
}

bool report_address(const struct model *m, const struct findings *f, uint64_t va, uint64_t ts,
		    struct buf *b)
{
	const uint64_t low = va & 0xffffffffffffull;
	bool failed;

	if (m->emulated)
		buf__puts(b, "observed on an emulated device, not on hardware\n");
	failed = put_failures(f, b, va);
	if (va >= CAPS_GPUVM_END && low != va)
		buf__printf(b,
			    "0x%" PRIx64
			    " is no address that a page table can hold; its low 48 bits:\n",
			    va);
	return put_address(m, low, ts ? ts : m->end_ns, b) || failed;
}
