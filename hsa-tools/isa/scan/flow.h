/* SPDX-License-Identifier: MIT */
/* The code that one entry reaches: its instructions by address, its blocks, and who comes before each. */
#ifndef RDNA1_SCAN_FLOW_H
#define RDNA1_SCAN_FLOW_H

#include "insn.h"
#include "object.h"

struct place {
	const struct insn *insn;
	uint32_t dword; /* of the code, where it begins */
	uint32_t block;
	uint8_t fixed; /* by class: the recognizer would have put something before it */
};

struct flow_block {
	uint32_t first, end;	    /* places */
	uint32_t pred, num_preds; /* of flow.preds */
	uint32_t seen[2];	  /* the walks that were here last */
	uint8_t other_kind;	  /* what recognize.c found of its branch */
};

struct flow {
	const struct code *code;
	uint32_t entry; /* dword */
	struct place *places;
	uint32_t num, space;
	struct flow_block *blocks;
	uint32_t num_blocks, block_space;
	uint32_t *preds; /* blocks */
	uint32_t pred_space;
	uint32_t walk[2];
	uint64_t indirect; /* jumps and calls whose target is not known */
	uint64_t unknown_jumps; /* ... jumps */
	uint32_t stop;	   /* dword at which reading straight on ends */
	uint64_t steps;	   /* of walks, so that damaged code cannot take for ever */
	bool cut;	   /* ... which it would have */
	bool wave64;
	/* by dword of the code */
	uint32_t *index; /* of the place, + 1 */
	uint8_t *leader;
	uint64_t index_space;
	uint32_t *work;
	uint32_t num_work, work_space;
	uint32_t *calls; /* dwords at which called functions begin */
	uint32_t num_calls, call_space;
};

/*
 * From the dword at which it begins. Where a jump's target is not known, what stands behind jumps counts as reached, up
 * to the dword at which the next function begins. Returns 0 or -ENOMEM. f begins as all 0 and is used again and again.
 */
int flow__build(struct flow *f, struct insns *t, const struct code *code, uint32_t entry, uint32_t next);
void flow__free(struct flow *f);

static inline uint64_t flow_va(const struct flow *f, const struct place *p)
{
	return f->code->va + 4ull * p->dword;
}

static inline const uint8_t *flow_bytes(const struct flow *f, const struct place *p, size_t *len)
{
	*len = f->code->size - 4ull * p->dword;
	return f->code->data + 4ull * p->dword;
}

#endif
