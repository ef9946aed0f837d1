// SPDX-License-Identifier: MIT
/*
 * What is known of each register's alignment, forwards over all paths until nothing changes. What code loads, or gets
 * as an argument, counts as aligned: the compiler may know that it is, and this cannot. Where paths meet, the one with
 * the better alignment counts: the other value may be of lanes that are not active.
 */
#include "lds.h"

#include <stdlib.h>
#include <string.h>

struct state {
	struct align_value regs[ALIGN_REGS];
};

/* What a function uses of them: so many SGPRs, so many VGPRs. */
struct used {
	unsigned int sgprs, vgprs;
};

/* Values go up and down where loops change them; so often, and it is good enough. */
enum { MOST_ROUNDS = 10, WORK_ITEM = 3 };

static const struct align_value nothing = {.symbol = 1, .coef = 1, .low = ALIGN_MAX};

static void use_reg(struct used *u, unsigned int reg, unsigned int num)
{
	unsigned int end = reg + num;

	if (reg < ALIGN_VGPR && end > u->sgprs)
		u->sgprs = end;
	if (reg >= ALIGN_VGPR && end <= ALIGN_REGS && end - ALIGN_VGPR > u->vgprs)
		u->vgprs = end - ALIGN_VGPR;
}

static struct used regs_used(const struct flow *f)
{
	struct used u = {.vgprs = WORK_ITEM};

	for (uint32_t i = 0; i < f->num; i++) {
		const struct insn *in = f->places[i].insn;

		if (in->align.kind != ALIGN_NONE)
			use_reg(&u, in->align.dst, in->align.num_dst);
		for (int k = 0; k < 3; k++)
			if (in->align.src[k] < ALIGN_REGS)
				use_reg(&u, in->align.src[k], 1);
		if (in->lds_dwords > 1)
			use_reg(&u, ALIGN_VGPR + in->lds_base, 1);
	}
	if (u.sgprs > ALIGN_VGPR)
		u.sgprs = ALIGN_VGPR;
	return u;
}

static void step(const struct flow *f, uint32_t place, struct state *s)
{
	const struct align_op *op = &f->places[place].insn->align;
	uint32_t symbol = (place + 1) * 2 + WORK_ITEM + 1;
	struct align_value v;

	if (op->kind == ALIGN_NONE)
		return;
	v = align__result(op, s->regs, symbol);
	for (unsigned int i = 1; i < op->num_dst; i++)
		s->regs[op->dst + i] = (struct align_value){
			.symbol = symbol + 1, .coef = 1, .low = op->kind == ALIGN_ANY ? ALIGN_MAX : 0};
	s->regs[op->dst] = v;
}

static void meet_regs(struct align_value *to, const struct align_value *from, unsigned int num)
{
	for (unsigned int i = 0; i < num; i++) {
		unsigned int a = align__low(&to[i]), b = align__low(&from[i]);

		if (b != ALIGN_MAX && (a == ALIGN_MAX || a < b))
			to[i] = from[i];
	}
}

static void meet(const struct used *u, struct state *to, const struct state *from)
{
	meet_regs(to->regs, from->regs, u->sgprs);
	meet_regs(to->regs + ALIGN_VGPR, from->regs + ALIGN_VGPR, u->vgprs);
}

static bool same(const struct used *u, const struct state *a, const struct state *b)
{
	return !memcmp(a->regs, b->regs, u->sgprs * sizeof(*a->regs)) &&
	       !memcmp(a->regs + ALIGN_VGPR, b->regs + ALIGN_VGPR, u->vgprs * sizeof(*a->regs));
}

static void copy(const struct used *u, struct state *to, const struct state *from)
{
	memcpy(to->regs, from->regs, u->sgprs * sizeof(*to->regs));
	memcpy(to->regs + ALIGN_VGPR, from->regs + ALIGN_VGPR, u->vgprs * sizeof(*to->regs));
}

static void begin(const struct used *u, struct state *s)
{
	for (unsigned int i = 0; i < u->sgprs; i++)
		s->regs[i] = nothing;
	for (unsigned int i = 0; i < u->vgprs; i++)
		s->regs[ALIGN_VGPR + i] = nothing;
}

/* The state before block b, of what is known of those before it. */
static void enter(const struct flow *f, const struct used *u, uint32_t b, const struct state *out, struct state *s)
{
	const struct flow_block *block = &f->blocks[b];

	begin(u, s);
	/* v0 to v2: the work-item's numbers. */
	if (b == f->places[f->index[f->entry] - 1].block)
		for (unsigned int i = 0; i < WORK_ITEM; i++)
			s->regs[ALIGN_VGPR + i] = (struct align_value){.symbol = 2 + i, .coef = 1};
	for (uint32_t k = 0; k < block->num_preds; k++)
		meet(u, s, &out[f->preds[block->pred + k]]);
}

static void solve(const struct flow *f, const struct used *u, struct state *out)
{
	bool changed = true;

	for (uint32_t b = 0; b < f->num_blocks; b++)
		begin(u, &out[b]);
	for (int round = 0; changed && round < MOST_ROUNDS; round++) {
		changed = false;
		for (uint32_t b = 0; b < f->num_blocks; b++) {
			struct state s;

			enter(f, u, b, out, &s);
			for (uint32_t i = f->blocks[b].first; i < f->blocks[b].end; i++)
				step(f, i, &s);
			if (same(u, &s, &out[b]))
				continue;
			copy(u, &out[b], &s);
			changed = true;
		}
	}
}

static bool misaligned(const struct insn *in, const struct state *s)
{
	unsigned int base = align__low(&s->regs[ALIGN_VGPR + in->lds_base]);
	struct align_value address = s->regs[ALIGN_VGPR + in->lds_base];

	/* Of LDS, LLVM takes other instructions for what is aligned to 4 and no more. */
	if (base >= ALIGN_MAX && address.coef)
		return in->imm % (in->flags & INSN_FLAT ? in->lds_align : 4);
	address.add = (int32_t)((uint32_t)address.add + (uint32_t)in->imm);
	return 1u << align__low(&address) < in->lds_align;
}

bool lds__misaligned(struct flow *f, hazard_found *found, void *ctx)
{
	struct state *out = calloc(f->num_blocks, sizeof(*out)), s;
	struct used u = regs_used(f);
	bool ok = out;

	if (ok)
		solve(f, &u, out);
	for (uint32_t b = 0; ok && b < f->num_blocks; b++) {
		enter(f, &u, b, out, &s);
		for (uint32_t i = f->blocks[b].first; ok && i < f->blocks[b].end; i++) {
			const struct place *p = &f->places[i];

			if (p->insn->lds_dwords > 1 && misaligned(p->insn, &s))
				ok = found(ctx, SCAN_LDS_MISALIGNED, p, NULL);
			step(f, i, &s);
		}
	}
	free(out);
	return ok;
}
