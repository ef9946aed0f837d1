// SPDX-License-Identifier: MIT
/*
 * For each register how many low bits of it are 0 at least, forwards over all paths until nothing changes. What code
 * loads, or gets as an argument, counts as aligned: the compiler may know that it is, and this cannot.
 */
#include "lds.h"

#include <stdlib.h>
#include <string.h>

typedef uint8_t state[ALIGN_REGS];

static void step(const struct insn *in, uint8_t *low)
{
	const struct align_op *op = &in->align;
	unsigned int r;

	if (op->kind == ALIGN_NONE)
		return;
	r = align__result(op, low);
	memset(&low[op->dst], op->kind == ALIGN_ANY ? ALIGN_MAX : 0, op->num_dst);
	low[op->dst] = (uint8_t)r;
}

/* Whether to changed. */
static bool meet(uint8_t *to, const uint8_t *from)
{
	bool changed = false;

	for (unsigned int i = 0; i < ALIGN_REGS; i++) {
		if (from[i] < to[i]) {
			to[i] = from[i];
			changed = true;
		}
	}
	return changed;
}

static void run_block(const struct flow *f, const struct flow_block *b, uint8_t *low)
{
	for (uint32_t i = b->first; i < b->end; i++)
		step(f->places[i].insn, low);
}

static void solve(struct flow *f, state *in, state *out)
{
	bool changed = true;

	memset(in, ALIGN_MAX, f->num_blocks * sizeof(*in));
	memset(out, ALIGN_MAX, f->num_blocks * sizeof(*out));
	/* v0 to v2: the work-item's numbers. */
	memset(&in[f->places[f->index[f->entry] - 1].block][ALIGN_VGPR], 0, 3);
	while (changed) {
		changed = false;
		for (uint32_t b = 0; b < f->num_blocks; b++) {
			const struct flow_block *block = &f->blocks[b];
			state low;

			for (uint32_t k = 0; k < block->num_preds; k++)
				meet(in[b], out[f->preds[block->pred + k]]);
			memcpy(low, in[b], sizeof(low));
			run_block(f, block, low);
			changed |= meet(out[b], low);
		}
	}
}

static bool misaligned(const struct insn *in, const uint8_t *low)
{
	unsigned int base = low[ALIGN_VGPR + in->lds_base];

	return base >= ALIGN_MAX ? in->imm % 4 : (in->imm | 1 << base) & (in->lds_align - 1);
}

bool lds__misaligned(struct flow *f, hazard_found *found, void *ctx)
{
	state *in = malloc(f->num_blocks * sizeof(*in)), *out = malloc(f->num_blocks * sizeof(*out));
	bool ok = in && out;

	if (ok)
		solve(f, in, out);
	for (uint32_t b = 0; ok && b < f->num_blocks; b++) {
		for (uint32_t i = f->blocks[b].first; ok && i < f->blocks[b].end; i++) {
			const struct place *p = &f->places[i];

			if (p->insn->lds_dwords > 1 && misaligned(p->insn, in[b]))
				ok = found(ctx, SCAN_LDS_MISALIGNED, p, NULL);
			step(p->insn, in[b]);
		}
	}
	free(in);
	free(out);
	return ok;
}
