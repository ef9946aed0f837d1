/* SPDX-License-Identifier: MIT */
/* One decoded gfx10 instruction. Pure: words in, struct out; no memory, no wave. */
#ifndef RDNA1_EMU_INSN_H
#define RDNA1_EMU_INSN_H

#include <stdbool.h>
#include <stdint.h>
#include "encoding.h"
#include "isa.h" /* made by gen-decode: enum op, enum isa */

struct wave;
struct insn;
typedef void (*exec_fn)(struct wave *w, const struct insn *i);

enum form { FORM_PLAIN, FORM_SDWA, FORM_DPP16, FORM_DPP8 };

/* Operand codes as encoded (RDNA 1.0 ISA, "Scalar operands"); VGPR n is OPERAND_VGPR + n. */
enum {
	OPERAND_VCC = 106,
	OPERAND_TTMP = 108,
	OPERAND_M0 = 124,
	OPERAND_NULL = 125,
	OPERAND_EXEC = 126,
	OPERAND_INT_0 = 128,	 /* 128-192: 0..64 */
	OPERAND_INT_NEG_1 = 193, /* 193-208: -1..-16 */
	OPERAND_SHARED_BASE = 235,
	OPERAND_SHARED_LIMIT = 236,
	OPERAND_PRIVATE_BASE = 237,
	OPERAND_PRIVATE_LIMIT = 238,
	OPERAND_FLOAT = 240, /* 240-248: 0.5 -0.5 1 -1 2 -2 4 -4 1/(2*pi) */
	OPERAND_VCCZ = 251,
	OPERAND_EXECZ = 252,
	OPERAND_SCC = 253,
	OPERAND_LITERAL = 255,
	OPERAND_VGPR = 256,
};

enum fp { FP_NONE, FP_32, FP_16_64, NUM_FP };

struct insn {
	exec_fn exec; /* filled by the device; NULL: not executed yet */
	uint16_t op;  /* enum op; OP_none: illegal on this processor */
	uint8_t enc;  /* enum enc */
	uint8_t dwords;
	uint8_t fp; /* enum fp: which part of MODE it heeds; filled by the device */
	uint8_t form;
	uint16_t flags; /* ROW_* */
	uint16_t dst;  /* operand code */
	uint16_t sdst; /* scalar destination of VOP3B, VOPC, SDWA compare */
	uint16_t src[3];
	uint32_t literal;
	bool constant[3];  /* a source that is a 32-bit constant, value[] then */
	uint32_t value[3]; /* both filled by the device: operand_constants */
	int32_t imm; /* simm16, or an address offset */
	/* Modifiers, a bit per source. */
	uint8_t neg, abs, opsel, opsel_hi, neg_hi;
	uint8_t clamp, omod;
	bool plain_src[3]; /* no modifier and no SDWA or DPP on this source */
	bool plain_dst;	   /* no clamp, omod or SDWA destination select */
	/* SDWA */
	uint8_t dst_sel, dst_unused, src_sel[2], src_sext;
	/* DPP */
	uint16_t dpp_ctrl;
	uint8_t row_mask, bank_mask;
	bool bound_ctrl, fetch_inactive;
	uint32_t dpp8;
	/* Memory: dst is the data returned, src[0] the address, src[1] and src[2] data sent. */
	uint16_t saddr; /* scalar address or buffer resource, OPERAND_NULL for none */
	uint16_t soffset;
	uint8_t offset0, offset1;
	bool glc, slc, dlc, lds, gds, offen, idxen, tfe;
	uint8_t words[12]; /* as fetched, for messages */
};

/*
 * Decode the instruction that starts at w[0] as processor `isa` (enum isa) does; n dwords can be
 * read. dwords is at least 1.
 */
void insn_decode(struct insn *i, unsigned int isa, const uint32_t *w, unsigned int n);

/* "gfx1010" -> ISA_gfx1010; ISA_COUNT when there are no tables for it. */
unsigned int isa_of(const char *name);
const char *isa_name(unsigned int isa);
/* Whether the processor has the instruction. */
bool isa_has(unsigned int isa, unsigned int op);

const char *op_name(unsigned int op);

/* Longest instruction: MIMG with three NSA dwords. */
#define INSN_MAX_DWORDS 5

#endif
