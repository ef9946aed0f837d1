/* SPDX-License-Identifier: MIT */
/* What an instruction does to the alignment of values: how many low bits of its result are 0, by those of its sources. */
#ifndef RDNA1_SCAN_ALIGN_H
#define RDNA1_SCAN_ALIGN_H

#include <stdint.h>

enum align_kind {
	ALIGN_NONE,	/* writes no register */
	ALIGN_ANY,	/* nothing is known of it, as of what was loaded: it counts as aligned */
	ALIGN_ZERO,	/* no low bits are known */
	ALIGN_LEAST,	/* the least of its sources: moves, sums */
	ALIGN_MOST,	/* the most: and */
	ALIGN_SUM,	/* source 0 and 1 multiplied */
	ALIGN_MAD,	/* 0 and 1 multiplied, plus 2 */
	ALIGN_SHIFT,	/* source 0, shifted left */
	ALIGN_SHIFT_ADD, /* source 0, shifted left, plus 1 */
	ALIGN_ADD_SHIFT, /* 0 plus 1, shifted left */
	ALIGN_RIGHT,	/* source 0, shifted right */
	ALIGN_AND_OR,	/* 0 and 1, or 2 */
};

/* Registers: SGPRs from 0, VGPRs from 128. Sources from ALIGN_CONST: a constant of so many low bits. */
enum { ALIGN_VGPR = 128, ALIGN_REGS = 384, ALIGN_CONST = 512, ALIGN_MAX = 31 };

struct align_op {
	uint8_t kind, shift, num_dst;
	uint16_t dst, src[3];
};

/* By the instruction's text. */
void align__learn(const char *text, struct align_op *op);

/* The low bits of its result that are 0, low[] being those of the registers. */
unsigned int align__result(const struct align_op *op, const uint8_t low[ALIGN_REGS]);

#endif
