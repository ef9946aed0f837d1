/* SPDX-License-Identifier: MIT */
/*
 * What an instruction does to the alignment of addresses. A value is known as coef * SYMBOL + add, where the symbol is
 * what some other instruction made, of which the lowest bits are 0.
 */
#ifndef RDNA1_SCAN_ALIGN_H
#define RDNA1_SCAN_ALIGN_H

#include <stdint.h>

enum align_kind {
	ALIGN_NONE,	 /* writes no register */
	ALIGN_ANY,	 /* nothing is known of it, as of what was loaded: it counts as aligned */
	ALIGN_ZERO,	 /* no low bits are known */
	ALIGN_MOVE,	 /* source 0 */
	ALIGN_ADD,	 /* all of its sources */
	ALIGN_SUB,	 /* 0 minus 1 */
	ALIGN_SUBREV,	 /* 1 minus 0 */
	ALIGN_OR,
	ALIGN_LEAST,	 /* as many low bits as each of its sources has: xor, a choice */
	ALIGN_AND,
	ALIGN_MUL,
	ALIGN_MAD,	 /* 0 and 1 multiplied, plus 2 */
	ALIGN_SHIFT,	 /* source 0, shifted left */
	ALIGN_SHIFT_ADD, /* source 0, shifted left, plus 1 */
	ALIGN_ADD_SHIFT, /* 0 plus 1, shifted left */
	ALIGN_RIGHT,	 /* source 0, shifted right */
	ALIGN_AND_OR,	 /* 0 and 1, or 2 */
};

/* Registers: SGPRs from 0, VGPRs from 128. */
enum { ALIGN_VGPR = 128, ALIGN_REGS = 384, ALIGN_IS_CONST = 0xfffe, ALIGN_NOTHING = 0xffff, ALIGN_MAX = 31 };

struct align_op {
	uint8_t kind, shift, num_dst;
	uint16_t dst, src[3]; /* registers, ALIGN_IS_CONST; ALIGN_NOTHING: no low bits are known */
	int32_t constant[3];
};

struct align_value {
	uint32_t symbol;   /* 0 where coef is */
	int32_t coef, add; /* modulo 2^32 */
	uint32_t low;	   /* bits of the symbol that are 0 */
};

/* By the instruction's text. */
void align__learn(const char *text, struct align_op *op);

/* Its result; symbol: a number of this instruction's own, not 0. */
struct align_value align__result(const struct align_op *op, const struct align_value regs[ALIGN_REGS], uint32_t symbol);

/* How many of the lowest bits are 0; ALIGN_MAX also where nothing is known. */
unsigned int align__low(const struct align_value *v);

#endif
