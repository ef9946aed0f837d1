/* SPDX-License-Identifier: MIT */
/*
 * The instruction encodings of gfx10 (RDNA 1.0 ISA reference, section 13 "Microcode Formats"):
 * where each keeps its opcode. Which opcodes exist and what they are called is not written here but
 * swept out of LLVM at build time (gen-decode.c).
 */
#ifndef RDNA1_EMU_ENCODING_H
#define RDNA1_EMU_ENCODING_H

#include <stdint.h>

enum enc {
	ENC_NONE,
	ENC_SOP2,
	ENC_SOPK,
	ENC_SOP1,
	ENC_SOPC,
	ENC_SOPP,
	ENC_SMEM,
	ENC_VOP2,
	ENC_VOP1,
	ENC_VOPC,
	ENC_VOP3,
	ENC_VOP3P,
	ENC_VINTRP,
	ENC_DS,
	ENC_FLAT,
	ENC_GLOBAL,
	ENC_SCRATCH,
	ENC_MUBUF,
	ENC_MTBUF,
	ENC_MIMG,
	ENC_EXP,
	ENC_COUNT
};

/* Fields of a decode table row. */
enum {
	ROW_SRC0 = 1 << 0, /* reads source field 0, 1, 2 */
	ROW_SRC1 = 1 << 1,
	ROW_SRC2 = 1 << 2,
	ROW_SDST = 1 << 3,    /* VOP3B: bits 14:8 name a scalar destination */
	ROW_SGPR_DST = 1 << 4, /* VOP1, VOP3: vdst names a scalar register */
	ROW_LITERAL = 1 << 5, /* a 32-bit constant always follows */
	ROW_LIT0 = 1 << 6,    /* VOP3: source field 0, 1, 2 may announce a literal */
	ROW_LIT1 = 1 << 7,
	ROW_LIT2 = 1 << 8,
};

struct decode_row {
	uint16_t op; /* enum op of the generated header; 0 where gfx1010 has no such instruction */
	uint16_t flags;
};

/* Position and width of the opcode, fixed bits, and length of the encoding. */
struct encoding {
	enum enc enc;
	const char *name;
	uint32_t mask, match; /* of the first dword */
	unsigned int op_shift, op_bits;
	unsigned int dwords;
};

/* In the order they are tried: the longer fixed prefixes first. */
static const struct encoding encodings[] = {
	{ENC_SOP1, "SOP1", 0xff800000, 0xbe800000, 8, 8, 1},
	{ENC_SOPC, "SOPC", 0xff800000, 0xbf000000, 16, 7, 1},
	{ENC_SOPP, "SOPP", 0xff800000, 0xbf800000, 16, 7, 1},
	{ENC_SOPK, "SOPK", 0xf0000000, 0xb0000000, 23, 5, 1},
	{ENC_SOP2, "SOP2", 0xc0000000, 0x80000000, 23, 7, 1},
	{ENC_VOP1, "VOP1", 0xfe000000, 0x7e000000, 9, 8, 1},
	{ENC_VOPC, "VOPC", 0xfe000000, 0x7c000000, 17, 8, 1},
	{ENC_VOP2, "VOP2", 0x80000000, 0x00000000, 25, 6, 1},
	{ENC_VOP3P, "VOP3P", 0xfc000000, 0xcc000000, 16, 7, 2},
	{ENC_VOP3, "VOP3", 0xfc000000, 0xd4000000, 16, 10, 2},
	{ENC_VINTRP, "VINTRP", 0xfc000000, 0xc8000000, 16, 2, 1},
	{ENC_SMEM, "SMEM", 0xfc000000, 0xf4000000, 18, 8, 2},
	{ENC_DS, "DS", 0xfc000000, 0xd8000000, 18, 8, 2},
	{ENC_FLAT, "FLAT", 0xfc00c000, 0xdc000000, 18, 7, 2},
	{ENC_SCRATCH, "SCRATCH", 0xfc00c000, 0xdc004000, 18, 7, 2},
	{ENC_GLOBAL, "GLOBAL", 0xfc00c000, 0xdc008000, 18, 7, 2},
	{ENC_MUBUF, "MUBUF", 0xfc000000, 0xe0000000, 18, 8, 2},
	/* MTBUF and MIMG keep one opcode bit apart: see opcode_of. */
	{ENC_MTBUF, "MTBUF", 0xfc000000, 0xe8000000, 16, 4, 2},
	{ENC_MIMG, "MIMG", 0xfc000000, 0xf0000000, 18, 8, 2},
	{ENC_EXP, "EXP", 0xfc000000, 0xf8000000, 0, 0, 2},
};

static inline uint32_t opcode_of(const struct encoding *e, uint32_t w0, uint32_t w1)
{
	if (e->enc == ENC_MTBUF)
		return ((w0 >> 16) & 7) | ((w1 >> 21) & 1) << 3;
	if (e->enc == ENC_MIMG)
		return ((w0 >> 18) & 0x7f) | (w0 & 1) << 7;
	return (w0 >> e->op_shift) & ((1u << e->op_bits) - 1);
}

/* The first dwords with opcode `op` put in, everything else as in *w0 and *w1. */
static inline void put_opcode(const struct encoding *e, uint32_t op, uint32_t *w0, uint32_t *w1)
{
	if (e->enc == ENC_MTBUF) {
		*w0 |= (op & 7) << 16;
		*w1 |= (op >> 3) << 21;
	} else if (e->enc == ENC_MIMG) {
		*w0 |= (op & 0x7f) << 18 | op >> 7;
	} else {
		*w0 |= op << e->op_shift;
	}
}

static inline const struct encoding *encoding_of(uint32_t w0)
{
	for (unsigned int i = 0; i < sizeof(encodings) / sizeof(encodings[0]); i++)
		if ((w0 & encodings[i].mask) == encodings[i].match)
			return &encodings[i];
	return 0;
}

#endif
