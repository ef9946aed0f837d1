// SPDX-License-Identifier: MIT
/* Instructions that LLVM does not select for gfx1010, or that it places differently, and those it has not. */
#include "hazards.h"
#include "lds.h"

static const struct {
	uint64_t flag;
	enum scan_hazard hazard;
} alone[] = {
	{INSN_PREFETCH, SCAN_INST_PREFETCH},	 {INSN_FLAT_OFFSET, SCAN_FLAT_OFFSET},
	{INSN_SCRATCH_OFF, SCAN_SCRATCH_OFFSET}, {INSN_ILLEGAL, SCAN_ILLEGAL},
	{INSN_OTHER, SCAN_OTHER_MEANING},
};

/* The NSA instructions of the clause that begins at place i; s_clause says how many follow it, less 1, in 5:0. */
static bool clause(struct flow *f, uint32_t i, hazard_found *found, void *ctx)
{
	uint32_t end = i + 2 + (f->places[i].insn->imm & 0x3f);

	for (uint32_t k = i + 1; k < end && k < f->num; k++)
		if (f->places[k].insn->flags & INSN_NSA &&
		    !found(ctx, SCAN_NSA_CLAUSE, &f->places[k], &f->places[i]))
			return false;
	return true;
}

static bool branch_over_3f(const struct insn *in)
{
	return in->flags & INSN_DIRECT && in->flags & INSN_SOPP && in->imm == 0x3f;
}

bool hazards__select(struct flow *f, bool wgp, hazard_found *found, void *ctx)
{
	bool wide_lds = false;

	for (uint32_t i = 0; i < f->num; i++) {
		const struct place *p = &f->places[i];

		for (size_t k = 0; k < sizeof(alone) / sizeof(*alone); k++)
			if (p->insn->flags & alone[k].flag && !found(ctx, alone[k].hazard, p, NULL))
				return false;
		if (branch_over_3f(p->insn) && !found(ctx, SCAN_OFFSET_3F, p, NULL))
			return false;
		if (p->insn->flags & INSN_CLAUSE && !clause(f, i, found, ctx))
			return false;
		wide_lds |= p->insn->lds_dwords > 1;
	}
	return !wide_lds || !wgp || lds__misaligned(f, found, ctx);
}
