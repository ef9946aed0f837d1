// SPDX-License-Identifier: MIT
#include "lds.h"

bool lds__misaligned(struct flow *f, hazard_found *found, void *ctx)
{
	for (uint32_t i = 0; i < f->num; i++) {
		const struct place *p = &f->places[i];

		if (p->insn->lds_dwords > 1 && p->insn->imm % p->insn->lds_align &&
		    !found(ctx, SCAN_LDS_MISALIGNED, p, NULL))
			return false;
	}
	return true;
}
