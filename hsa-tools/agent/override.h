/* SPDX-License-Identifier: MIT */
/*
 * --override: an allocation of a pool or region is made from another pool of the same owner, where
 *a rule of the user's says so. VRAM stays VRAM, system memory system memory; what the agent cannot
 *do is said once, and the allocation is made as it was asked for.
 *
 * What gives which KFD flags (ROCr 5.2.3 and libhsakmt 5.2.3, measured on the emulated device;
 * libhsakmt src/fmm.c: coarse sets none, fine COHERENT, uncached UNCACHED):
 *	system coarse	the CPU's coarse-grained pool	USERPTR
 *	system fine	the CPU's fine-grained pool	USERPTR COHERENT
 *	system uncached	the CPU's kernarg pool		USERPTR COHERENT UNCACHED
 *	VRAM coarse	the GPU's coarse-grained pool	VRAM
 *	VRAM fine	the GPU's fine-grained pool	VRAM COHERENT
 *	VRAM uncached	a flag that later ROCr knows	refused by 5.2.3
 * The GPU has a fine-grained pool only with HSA_FORCE_FINE_GRAIN_PCIE=1.
 */
#ifndef RDNA1_AGENT_OVERRIDE_H
#define RDNA1_AGENT_OVERRIDE_H

#include "agent.h"

/* An allocation as it was asked for, and as a rule wants it. */
struct override {
	uint16_t asked_pool; /* inventory's id */
	uint32_t asked_flags;
	bool region;
	uint64_t size, caller;
	/* by override_choose */
	uint16_t rule, pool;
	uint32_t flags;
	uint64_t handle; /* of the pool, and of the region that it is */
};

/* Whether there are rules at all. */
bool override_on(void);
/* Once there is an inventory: say which rules are in force. */
void override_start(struct thread *t);
/* Whether a rule wants it from another pool, or with other flags. */
bool override_choose(struct thread *t, struct override *o);
/* It was tried: record it, before its own event. */
void override_record(struct thread *t, const struct override *o, hsa_status_t status, uint64_t va);
/* hsa_init comes again. */
void override_forget(void);

#endif
