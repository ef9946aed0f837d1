// SPDX-License-Identifier: MIT
/*
 * Two instructions and what is between them: the definitions of LLVM's GCNHazardRecognizer.cpp. It goes through the
 * instructions in order; at each that may complete a hazard it goes backwards, over all predecessors, until something
 * begins the hazard or ends the search on that path. Where it finds one it inserts an instruction, and what it
 * inserted ends later searches: place.fixed stands for that.
 */
#include "hazards.h"

enum seen { ON, FOUND, EXPIRED };

struct query {
	struct flow *f;
	const struct place *at; /* what may complete the hazard */
	struct regs regs;	/* that it writes */
	uint64_t kind;		/* LDS_BRANCH_VMEM: INSN_DS or what it means for the others */
	unsigned int llvm;
};

struct rule {
	enum scan_hazard hazard;
	/* Whether this instruction may complete a hazard. */
	bool (*starts)(struct query *q);
	enum seen (*look)(const struct query *q, const struct place *p);
	uint8_t inserted; /* the bit of place.fixed by which an inserted instruction ends searches; 0: it does not */
	bool next_only;	  /* no further than one instruction */
	uint8_t depth;	  /* 1: a walk within another one's */
};

/* A function of this many steps for each of its instructions is no compiler's. */
enum { STEPS_EACH = 4000, STEPS_MORE = 1000000 };

/* ---- the walk ---- */

/* Backwards from place i of its block, without it. ON: the block's begin was reached. */
static enum seen walk_block(const struct query *q, const struct rule *r, uint32_t i, const struct place **from)
{
	struct flow *f = q->f;
	const uint32_t first = f->blocks[f->places[i ? i - 1 : 0].block].first;

	for (; i > first; i--) {
		const struct place *p = &f->places[i - 1];
		enum seen seen = r->look(q, p);

		f->steps++;
		if (seen == FOUND)
			*from = p;
		if (seen != ON)
			return seen;
		if (p->fixed & r->inserted || r->next_only)
			return EXPIRED;
	}
	return ON;
}

/* The place behind which the instruction completes the hazard; NULL: none. */
static const struct place *walk(const struct query *q, const struct rule *r, const struct place *start)
{
	struct flow *f = q->f;
	const struct place *from = NULL;
	uint32_t base = f->num_work, i = (uint32_t)(start - f->places);
	uint32_t block = start->block;
	enum seen seen = ON;

	f->walk[r->depth]++;
	if (i > f->blocks[block].first)
		seen = walk_block(q, r, i, &from);
	for (;;) {
		const struct flow_block *b = &f->blocks[block];

		for (uint32_t k = 0; seen == ON && k < b->num_preds; k++) {
			uint32_t pred = f->preds[b->pred + k];

			if (f->blocks[pred].seen[r->depth] == f->walk[r->depth])
				continue;
			f->blocks[pred].seen[r->depth] = f->walk[r->depth];
			f->work[f->num_work++] = pred; /* room was made for every block, for two walks */
		}
		if (seen == FOUND || f->num_work == base)
			break;
		block = f->work[--f->num_work];
		seen = walk_block(q, r, f->blocks[block].end, &from);
	}
	f->num_work = base;
	return from;
}

/* ---- the rules ---- */

/* What it writes, as wide as the wave is. */
static struct regs written(const struct flow *f, const struct insn *in)
{
	struct regs r = in->def;

	if (in->flags & INSN_MASK_DST && f->wave64) {
		r.w[1] |= r.w[1] << 1 | r.w[0] >> 63;
		r.w[0] |= r.w[0] << 1;
	}
	return r;
}

static bool exec_war_starts(struct query *q)
{
	return q->at->insn->flags & INSN_WRITES_EXEC;
}

static enum seen exec_war_look(const struct query *q, const struct place *p)
{
	uint64_t flags = p->insn->flags;

	(void)q;
	if (flags & INSN_READS_EXEC)
		return FOUND;
	return flags & (INSN_SDST | INSN_DEPCTR_SDST) ? EXPIRED : ON;
}

static enum seen exec_war_aco_look(const struct query *q, const struct place *p)
{
	(void)q;
	if (p->insn->flags & INSN_READS_EXEC)
		return FOUND;
	return p->insn->flags & (INSN_SGPR_DST | INSN_DEPCTR_SDST) ? EXPIRED : ON;
}

static bool scalar_starts(struct query *q)
{
	q->regs = q->at->insn->def;
	return q->at->insn->flags & INSN_SDEF;
}

static enum seen scalar_look(const struct query *q, const struct place *p)
{
	uint64_t flags = p->insn->flags;

	if (flags & (INSN_VMEM | INSN_DS | INSN_FLAT) && regs_overlap(&p->insn->use, &q->regs))
		return FOUND;
	return flags & (INSN_VALU | INSN_WAITS_ALL | INSN_DEPCTR_SRC) ? EXPIRED : ON;
}

static bool smem_starts(struct query *q)
{
	q->regs = written(q->f, q->at->insn);
	return q->at->insn->flags & INSN_SGPR_DST;
}

static enum seen smem_look(const struct query *q, const struct place *p)
{
	uint64_t flags = p->insn->flags;

	if (flags & INSN_SMEM && regs_overlap(&p->insn->use, &q->regs))
		return FOUND;
	if (!(flags & INSN_SALU))
		return ON;
	return flags & INSN_WAITS_LGKM || !(flags & INSN_NO_BREAK) ? EXPIRED : ON;
}

static bool permlane_starts(struct query *q)
{
	return q->at->insn->flags & INSN_PERMLANE;
}

static enum seen permlane_look(const struct query *q, const struct place *p)
{
	uint64_t flags = p->insn->flags;

	if (q->llvm && q->llvm < 15 ? flags & INSN_VOPC : flags & INSN_CMPX)
		return FOUND;
	return flags & INSN_VALU && !(flags & INSN_NOP) ? EXPIRED : ON;
}

enum { IS_LDS = 1, IS_VMEM = 2 };

static uint64_t lds_or_vmem(const struct place *p)
{
	return p->insn->flags & INSN_DS ? IS_LDS : p->insn->flags & (INSN_VMEM | INSN_SEGMENT) ? IS_VMEM : 0;
}

static bool lds_branch_starts(struct query *q)
{
	q->kind = lds_or_vmem(q->at);
	return q->kind;
}

static enum seen other_kind_look(const struct query *q, const struct place *p)
{
	uint64_t kind = lds_or_vmem(p);

	if (kind)
		return kind == q->kind ? EXPIRED : FOUND;
	return p->insn->flags & INSN_WAITS_STORE ? EXPIRED : ON;
}

static const struct rule other_kind = {SCAN_LDS_BRANCH_VMEM, NULL, other_kind_look, 0, false, 1};

/* Whether the other kind lies before a branch, which ends its block: found once for each branch and kind. */
static bool other_kind_before(const struct query *q, const struct place *branch)
{
	uint8_t *known = &q->f->blocks[branch->block].other_kind;
	uint8_t yes = (uint8_t)(1 << q->kind), no = (uint8_t)(8 << q->kind);

	if (!(*known & (yes | no)))
		*known |= walk(q, &other_kind, branch) ? yes : no;
	return *known & yes;
}

static enum seen lds_branch_look(const struct query *q, const struct place *p)
{
	if (p->insn->flags & INSN_BRANCH && other_kind_before(q, p))
		return FOUND;
	return lds_or_vmem(p) || p->insn->flags & INSN_WAITS_STORE ? EXPIRED : ON;
}

static bool nsa_starts(struct query *q)
{
	return (q->at->insn->flags & (INSN_BUFFER | INSN_ODD_OFFSET)) == (INSN_BUFFER | INSN_ODD_OFFSET);
}

static enum seen nsa_look(const struct query *q, const struct place *p)
{
	(void)q;
	return p->insn->flags & INSN_LONG_NSA ? FOUND : EXPIRED;
}

static const struct rule rules[] = {
	{SCAN_VCMPX_EXEC_WAR, exec_war_starts, exec_war_look, 0, false, 0},
	{SCAN_VCMPX_EXEC_WAR_ACO, exec_war_starts, exec_war_aco_look, 0, false, 0},
	{SCAN_VMEM_TO_SCALAR, scalar_starts, scalar_look, 1, false, 0},
	{SCAN_SMEM_TO_VECTOR, smem_starts, smem_look, 2, false, 0},
	{SCAN_VCMPX_PERMLANE, permlane_starts, permlane_look, 4, false, 0},
	{SCAN_NSA_TO_VMEM, nsa_starts, nsa_look, 0, true, 0},
	{SCAN_LDS_BRANCH_VMEM, lds_branch_starts, lds_branch_look, 0, false, 0},
};

static bool apply(struct flow *f, const struct rule *r, unsigned int llvm, hazard_found *found, void *ctx)
{
	uint64_t most = (uint64_t)f->num * STEPS_EACH + STEPS_MORE;

	for (uint32_t i = 0; i < f->num; i++) {
		struct query q = {.f = f, .at = &f->places[i], .llvm = llvm};
		const struct place *from;

		if (!r->starts(&q))
			continue;
		if (f->steps > most) {
			f->cut = true;
			break;
		}
		from = walk(&q, r, q.at);
		if (!from)
			continue;
		f->places[i].fixed |= r->inserted;
		if (!found(ctx, r->hazard, q.at, from))
			return false;
	}
	return true;
}

/* Whether both kinds are there at all. */
static bool has_lds_and_vmem(const struct flow *f)
{
	uint64_t kinds = 0;

	for (uint32_t i = 0; i < f->num && kinds != (IS_LDS | IS_VMEM); i++)
		kinds |= lds_or_vmem(&f->places[i]);
	return kinds == (IS_LDS | IS_VMEM);
}

bool hazards__recognize(struct flow *f, unsigned int llvm, hazard_found *found, void *ctx)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++) {
		if (rules[i].hazard == SCAN_LDS_BRANCH_VMEM && !has_lds_and_vmem(f))
			continue;
		f->steps = 0;
		if (!apply(f, &rules[i], llvm, found, ctx))
			return false;
	}
	return true;
}
