/* SPDX-License-Identifier: MIT */
/*
 * The emulated GPU's page tables: which virtual addresses are mapped, to what memory, with which
 * flags. Every access of waves, SDMA and the packet processor goes through here.
 *
 * The ioctl thread changes them; workers read immutable snapshots. A worker that runs holds a view
 * and refreshes it between slices of instructions; vm_unmap returns only when no worker still
 * looks through an older snapshot, as the driver's TLB flush would.
 */
#ifndef RDNA1_EMU_VM_H
#define RDNA1_EMU_VM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "../../usr/caps/caps.h"

/* Of struct vm_range.pte: the bits of a GFX10 page-table entry without the address (caps.h). */
struct vm_range {
	uint64_t lo, hi; /* virtual, hi exclusive */
	uint8_t *host;	 /* what lo is in this process */
	uint64_t pte;
	uint64_t handle; /* KFD buffer */
};

struct vm_table;

#define VM_MAX_VIEWS 64

struct vm {
	struct vm_table *table; /* current snapshot */
	struct vm_view *views[VM_MAX_VIEWS];
	int lock; /* futex of the writers and the list of views */
};

/* One worker's look at the tables. Only that worker uses it, but for `seen`. */
struct vm_view {
	struct vm *vm;
	const struct vm_table *table;
	uint64_t seen;	   /* generation held; 0 while the worker does not run */
	struct vm_range last[4]; /* recently used */
	unsigned int next_last;
	struct vm_range code; /* last range an instruction was fetched from */
};

int vm_init(struct vm *vm);
/* Returns 0 or -ENOMEM. Ranges do not overlap: -EEXIST when they would. */
int vm_map(struct vm *vm, const struct vm_range *r);
/*
 * In one step, so that nobody finds them missing: the ranges that lie in [r[0].lo, r[n - 1].hi) go, the
 * n of r, ascending and within it, come. -EEXIST when a range lies across an end of it.
 */
int vm_replace(struct vm *vm, const struct vm_range *r, size_t n);
/* Remove what lies in [lo, hi); waits for the workers. Returns how many ranges went. */
int vm_unmap(struct vm *vm, uint64_t lo, uint64_t hi);

int vm_view_attach(struct vm *vm, struct vm_view *view);
void vm_view_detach(struct vm_view *view);
/* Between slices: look through the newest snapshot. Returns true when it changed. */
bool vm_view_refresh(struct vm_view *view);
/* The worker goes idle and promises not to look until the next refresh. */
void vm_view_idle(struct vm_view *view);

/* The GPU address of a host address that lies in a mapped range; the address itself if in none. */
uint64_t vm_guest_address(const struct vm_view *view, uint64_t host);

const struct vm_range *vm_find_slow(struct vm_view *view, uint64_t va);

/* The range that holds va, or NULL. The pointer is good until the next call. */
static inline const struct vm_range *vm_find(struct vm_view *view, uint64_t va)
{
	for (int i = 0; i < 4; i++)
		if (va - view->last[i].lo < view->last[i].hi - view->last[i].lo)
			return &view->last[i];
	return vm_find_slow(view, va);
}

/*
 * Host address of [va, va + size) when all of it is in one range with the permission `pte_bit`
 * (PTE_READABLE, PTE_WRITEABLE, PTE_EXECUTABLE); NULL otherwise.
 */
static inline uint8_t *vm_host(struct vm_view *view, uint64_t va, uint64_t size, uint64_t pte_bit)
{
	const struct vm_range *r = vm_find(view, va);

	if (!r || !(r->pte & pte_bit) || r->hi - va < size)
		return NULL;
	return r->host + (va - r->lo);
}

#endif
