// SPDX-License-Identifier: MIT
#include "flow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool reserve(void *array, uint32_t *space, uint32_t want, size_t size)
{
	void **p = array;
	uint32_t n = *space ? *space : 256;
	void *bigger;

	if (want <= *space)
		return true;
	while (n < want)
		n = n > UINT32_MAX / 2 ? UINT32_MAX : n * 2;
	bigger = realloc(*p, n * size);
	if (!bigger)
		return false;
	*p = bigger;
	*space = n;
	return true;
}

static bool push(uint32_t **array, uint32_t *num, uint32_t *space, uint32_t value)
{
	if (!reserve(array, space, *num + 1, sizeof(**array)))
		return false;
	(*array)[(*num)++] = value;
	return true;
}

static uint32_t code_dwords(const struct flow *f)
{
	return f->code->size / 4 > UINT32_MAX / 8 ? UINT32_MAX / 8 : (uint32_t)(f->code->size / 4);
}

/* ---- where jumps go ---- */

/* The dword behind an instruction plus its displacement; false outside of the code. */
static bool direct_target(const struct flow *f, const struct place *p, uint32_t *target)
{
	int64_t at = (int64_t)p->dword + p->insn->size / 4 + p->insn->imm;

	*target = (uint32_t)at;
	return at >= 0 && at < code_dwords(f);
}

/* The literal of "s_add_u32 s4, s4, LITERAL" for the register given; false when it is something else. */
static bool adds_literal(const uint32_t *d, unsigned int opcode, unsigned int reg, uint32_t *literal)
{
	*literal = d[1];
	/* SOP2: op 29:23, sdst 22:16, ssrc1 15:8, ssrc0 7:0; s_add_u32 is 0, s_addc_u32 4; 255 is a literal. */
	return d[0] >> 30 == 2 && (d[0] >> 23 & 0x7f) == opcode && (d[0] >> 16 & 0x7f) == reg &&
	       ((d[0] & 0xffff) == (0xff00 | reg) || (d[0] & 0xffff) == (reg << 8 | 0xff));
}

/*
 * Where s_setpc and s_swappc go, of the pair of registers that s_getpc, s_add_u32, s_addc_u32 with literals filled:
 * what LLVM makes of long branches and of calls. These stand before it in one piece, other instructions in between.
 */
static bool indirect_target(const struct flow *f, const struct place *last, uint32_t *target)
{
	enum { BACK = 24 };
	uint32_t jump, d[2], low = 0, high = 0;
	bool have_low = false, have_high = false;
	const struct place *p = last;
	unsigned int reg;

	memcpy(&jump, f->code->data + 4ull * last->dword, sizeof(jump));
	reg = jump & 0xff;
	for (int i = 0; i < BACK && p > f->places && p[-1].dword + p[-1].insn->size / 4 == p->dword; i++) {
		p--;
		if (p->insn->flags & INSN_GETPC) {
			int64_t to;

			memcpy(d, f->code->data + 4ull * p->dword, 4);
			if ((d[0] >> 16 & 0x7f) != reg)
				continue;
			to = (int64_t)((uint64_t)high << 32 | low);
			if (!have_low || !have_high || to % 4)
				return false;
			to = to / 4 + p->dword + 1;
			*target = (uint32_t)to;
			return to >= 0 && to < code_dwords(f);
		}
		if (p->insn->size != 8 || !(p->insn->flags & INSN_SALU))
			continue;
		memcpy(d, f->code->data + 4ull * p->dword, 8);
		if (adds_literal(d, 0, reg, &low))
			have_low = true;
		else if (adds_literal(d, 4, reg + 1, &high))
			have_high = true;
	}
	return false;
}

/* ---- what is reached ---- */

static bool add_target(struct flow *f, uint32_t target)
{
	f->leader[target] = 1;
	return f->index[target] || push(&f->work, &f->num_work, &f->work_space, target);
}

/* What follows from an instruction; false: no memory. */
static bool add_successors(struct flow *f, const struct place *p)
{
	uint64_t flags = p->insn->flags;
	uint32_t target;
	bool known;

	if (!(flags & (INSN_BRANCH | INSN_CALL)) || flags & INSN_RETURN)
		return true;
	known = flags & INSN_DIRECT ? direct_target(f, p, &target) : indirect_target(f, p, &target);
	if (!known) {
		f->indirect++;
		f->unknown_jumps += !!(flags & INSN_BRANCH);
		return true;
	}
	if (flags & INSN_CALL)
		return push(&f->calls, &f->num_calls, &f->call_space, target);
	return add_target(f, target);
}

/* Straight on from a dword, to where something is that was reached before, or nothing follows. */
static int read_run(struct flow *f, struct insns *t, uint32_t at)
{
	uint32_t dwords = code_dwords(f);

	while (at < dwords && at < f->stop && !f->index[at]) {
		struct place *p;

		if (!reserve(&f->places, &f->space, f->num + 1, sizeof(*f->places)))
			return -ENOMEM;
		p = &f->places[f->num];
		*p = (struct place){.dword = at};
		p->insn = insns__at(t, f->code->data + 4ull * at, f->code->size - 4ull * at);
		if (!p->insn)
			return -ENOMEM;
		f->index[at] = ++f->num;
		if (!add_successors(f, p))
			return -ENOMEM;
		at += p->insn->size / 4;
		if (p->insn->flags & (INSN_STOPS | INSN_UNDECODED))
			break;
		if (p->insn->flags & INSN_BRANCH && at < dwords)
			f->leader[at] = 1;
	}
	return 0;
}

static int read_all(struct flow *f, struct insns *t)
{
	int err = 0;

	while (!err && f->num_work)
		err = read_run(f, t, f->work[--f->num_work]);
	return err;
}

/*
 * Behind a jump to nobody knows where stands what it may go to. Up to what the loader would call padding: s_code_end,
 * or dwords that are no instruction.
 */
static int read_behind_jumps(struct flow *f, struct insns *t)
{
	uint32_t dwords = code_dwords(f);
	int err = 0;

	for (uint32_t i = 0; !err && i < f->num; i++) {
		const struct insn *insn = f->places[i].insn;
		uint32_t at = f->places[i].dword + insn->size / 4;

		if (!(insn->flags & INSN_STOPS) || at >= dwords || at >= f->stop || f->index[at])
			continue;
		insn = insns__at(t, f->code->data + 4ull * at, f->code->size - 4ull * at);
		if (!insn)
			return -ENOMEM;
		if (insn->flags & (INSN_UNDECODED | INSN_STOPS))
			continue;
		err = add_target(f, at) ? read_all(f, t) : -ENOMEM;
	}
	return err;
}

/* ---- blocks ---- */

static int by_dword(const void *a, const void *b)
{
	const struct place *p = a, *q = b;

	return (p->dword > q->dword) - (p->dword < q->dword);
}

static void sort(struct flow *f)
{
	bool sorted = true;

	for (uint32_t i = 1; sorted && i < f->num; i++)
		sorted = f->places[i - 1].dword < f->places[i].dword;
	if (sorted)
		return;
	qsort(f->places, f->num, sizeof(*f->places), by_dword);
	for (uint32_t i = 0; i < f->num; i++)
		f->index[f->places[i].dword] = i + 1;
}

static bool falls_through(const struct place *p)
{
	return !(p->insn->flags & (INSN_STOPS | INSN_UNDECODED));
}

static bool begins_block(const struct flow *f, uint32_t i)
{
	const struct place *p = &f->places[i];

	return !i || f->leader[p->dword] || !falls_through(p - 1) ||
	       p[-1].dword + p[-1].insn->size / 4 != p->dword;
}

static bool make_blocks(struct flow *f)
{
	f->num_blocks = 0;
	for (uint32_t i = 0; i < f->num; i++) {
		if (begins_block(f, i)) {
			if (!reserve(&f->blocks, &f->block_space, f->num_blocks + 1, sizeof(*f->blocks)))
				return false;
			f->blocks[f->num_blocks++] = (struct flow_block){.first = i};
		}
		f->places[i].block = f->num_blocks - 1;
		f->blocks[f->num_blocks - 1].end = i + 1;
	}
	return true;
}

/* The blocks behind a block: where it jumps to, what follows. UINT32_MAX: none. */
static void successors(const struct flow *f, const struct flow_block *b, uint32_t to[2])
{
	const struct place *last = &f->places[b->end - 1];
	uint32_t next = last->dword + last->insn->size / 4, target;

	to[0] = to[1] = UINT32_MAX;
	if (falls_through(last) && next < code_dwords(f) && f->index[next])
		to[0] = f->places[f->index[next] - 1].block;
	if (last->insn->flags & INSN_BRANCH && !(last->insn->flags & INSN_RETURN) &&
	    (last->insn->flags & INSN_DIRECT ? direct_target(f, last, &target) :
					       indirect_target(f, last, &target)) &&
	    f->index[target])
		to[1] = f->places[f->index[target] - 1].block;
	if (to[0] == to[1])
		to[1] = UINT32_MAX;
}

static bool link_blocks(struct flow *f)
{
	uint32_t to[2], num = 0;

	for (uint32_t b = 0; b < f->num_blocks; b++) {
		successors(f, &f->blocks[b], to);
		for (int k = 0; k < 2; k++)
			if (to[k] != UINT32_MAX)
				f->blocks[to[k]].num_preds++, num++;
	}
	if (!reserve(&f->preds, &f->pred_space, num + 1, sizeof(*f->preds)))
		return false;
	num = 0;
	for (uint32_t b = 0; b < f->num_blocks; b++) {
		f->blocks[b].pred = num;
		num += f->blocks[b].num_preds;
		f->blocks[b].num_preds = 0;
	}
	for (uint32_t b = 0; b < f->num_blocks; b++) {
		successors(f, &f->blocks[b], to);
		for (int k = 0; k < 2; k++)
			if (to[k] != UINT32_MAX)
				f->preds[f->blocks[to[k]].pred + f->blocks[to[k]].num_preds++] = b;
	}
	return true;
}

static bool begin(struct flow *f, const struct code *code)
{
	uint64_t dwords;

	/* What the last one left. */
	for (uint32_t i = 0; i < f->num; i++)
		f->index[f->places[i].dword] = f->leader[f->places[i].dword] = 0;
	f->num = f->num_work = f->num_calls = f->num_blocks = f->walk[0] = f->walk[1] = 0;
	f->indirect = f->unknown_jumps = f->steps = 0;
	f->stop = UINT32_MAX;
	f->cut = false;
	f->code = code;
	dwords = code_dwords(f);
	if (f->index_space <= dwords) {
		free(f->index);
		free(f->leader);
		f->index = calloc(dwords + 1, sizeof(*f->index));
		f->leader = calloc(dwords + 1, 1);
		f->index_space = f->index && f->leader ? dwords + 1 : 0;
	}
	return f->index_space;
}

int flow__build(struct flow *f, struct insns *t, const struct code *code, uint32_t entry, uint32_t next)
{
	int err;

	if (!begin(f, code) || !add_target(f, entry))
		return -ENOMEM;
	f->entry = entry;
	err = read_all(f, t);
	if (!err && f->unknown_jumps) {
		f->stop = next;
		err = read_behind_jumps(f, t);
	}
	if (err)
		return err;
	sort(f);
	/* The walks of recognize.c keep the blocks that they go to in work: each once, for one walk in another. */
	return make_blocks(f) && link_blocks(f) &&
			       reserve(&f->work, &f->work_space, 2 * f->num_blocks + 2, sizeof(*f->work)) ?
		       0 :
		       -ENOMEM;
}

void flow__free(struct flow *f)
{
	free(f->places);
	free(f->blocks);
	free(f->preds);
	free(f->index);
	free(f->leader);
	free(f->work);
	free(f->calls);
	*f = (struct flow){0};
}
