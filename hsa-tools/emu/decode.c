// SPDX-License-Identifier: MIT
/* See insn.h. */
#define DECODE_TABLES
#include "insn.h"

#include <string.h>

const char *op_name(unsigned int op)
{
	return op < OP_COUNT ? op_names[op] : "?";
}

unsigned int isa_of(const char *name)
{
	unsigned int isa = 0;

	while (isa < ISA_COUNT && strcmp(isa_names[isa], name))
		isa++;
	return isa;
}

const char *isa_name(unsigned int isa)
{
	return isa_names[isa];
}

bool isa_has(unsigned int isa, unsigned int op)
{
	for (unsigned int e = 0; e < sizeof(encodings) / sizeof(encodings[0]); e++)
		for (unsigned int at = 0; at < 1u << encodings[e].op_bits; at++)
			if (decode_rows[isa][encodings[e].enc][at].op == op)
				return true;
	return false;
}

static uint32_t bits(uint32_t w, unsigned int hi, unsigned int lo)
{
	return (w >> lo) & ((2u << (hi - lo)) - 1);
}

static int32_t sbits(uint32_t w, unsigned int hi, unsigned int lo)
{
	return (int32_t)(w << (31 - hi)) >> (31 - hi + lo);
}

/* The dword after the encoding: a literal, SDWA, DPP8 or DPP16 word, by the code of source 0. */
static void decode_sdwa(struct insn *i, uint32_t w)
{
	i->form = FORM_SDWA;
	i->src[0] = (uint16_t)(bits(w, 7, 0) + (bits(w, 23, 23) ? 0 : OPERAND_VGPR));
	if (i->enc == ENC_VOPC) {
		i->sdst = bits(w, 15, 15) ? (uint16_t)bits(w, 14, 8) : OPERAND_VCC;
	} else {
		i->dst_sel = (uint8_t)bits(w, 10, 8);
		i->dst_unused = (uint8_t)bits(w, 12, 11);
		i->clamp = (uint8_t)bits(w, 13, 13);
		i->omod = (uint8_t)bits(w, 15, 14);
	}
	i->src_sel[0] = (uint8_t)bits(w, 18, 16);
	i->src_sel[1] = (uint8_t)bits(w, 26, 24);
	i->src_sext = (uint8_t)(bits(w, 19, 19) | bits(w, 27, 27) << 1);
	i->neg = (uint8_t)(bits(w, 20, 20) | bits(w, 28, 28) << 1);
	i->abs = (uint8_t)(bits(w, 21, 21) | bits(w, 29, 29) << 1);
	if (bits(w, 31, 31) && i->src[1] >= OPERAND_VGPR)
		i->src[1] -= OPERAND_VGPR;
}

static void decode_dpp16(struct insn *i, uint32_t w)
{
	i->form = FORM_DPP16;
	i->src[0] = (uint16_t)(OPERAND_VGPR + bits(w, 7, 0));
	i->dpp_ctrl = (uint16_t)bits(w, 16, 8);
	i->fetch_inactive = bits(w, 18, 18);
	i->bound_ctrl = bits(w, 19, 19);
	i->neg = (uint8_t)(bits(w, 20, 20) | bits(w, 22, 22) << 1);
	i->abs = (uint8_t)(bits(w, 21, 21) | bits(w, 23, 23) << 1);
	i->bank_mask = (uint8_t)bits(w, 27, 24);
	i->row_mask = (uint8_t)bits(w, 31, 28);
}

static void decode_dpp8(struct insn *i, uint32_t w, bool fetch_inactive)
{
	i->form = FORM_DPP8;
	i->src[0] = (uint16_t)(OPERAND_VGPR + bits(w, 7, 0));
	i->dpp8 = bits(w, 31, 8);
	i->fetch_inactive = fetch_inactive;
}

/* Source 0 of a VOP1, VOP2 or VOPC encoding may announce another dword. */
static void decode_src0(struct insn *i, const uint32_t *w)
{
	switch (i->src[0]) {
	case 249:
		decode_sdwa(i, w[1]);
		break;
	case 250:
		decode_dpp16(i, w[1]);
		break;
	case 233:
	case 234:
		decode_dpp8(i, w[1], i->src[0] == 234);
		break;
	case OPERAND_LITERAL:
		if (i->flags & ROW_SRC0)
			break;
		return;
	default:
		return;
	}
	i->literal = w[1];
	i->dwords = 2;
}

static void decode_vop3(struct insn *i, const uint32_t *w)
{
	uint32_t vdst = bits(w[0], 7, 0);

	i->dst = (uint16_t)((i->flags & ROW_SGPR_DST) ? vdst : vdst + OPERAND_VGPR);
	/* A compare's destination is the scalar its vdst field names. */
	i->sdst = (uint16_t)((i->flags & ROW_SDST) ? bits(w[0], 14, 8) : vdst);
	for (int s = 0; s < 3; s++)
		i->src[s] = (uint16_t)bits(w[1], 9 * (unsigned int)s + 8, 9 * (unsigned int)s);
	i->clamp = (uint8_t)bits(w[0], 15, 15);
	i->neg = (uint8_t)bits(w[1], 31, 29);
	if (i->enc == ENC_VOP3P) {
		i->neg_hi = (uint8_t)bits(w[0], 10, 8);
		i->opsel = (uint8_t)bits(w[0], 13, 11);
		i->opsel_hi = (uint8_t)(bits(w[1], 28, 27) | bits(w[0], 14, 14) << 2);
	} else {
		i->omod = (uint8_t)bits(w[1], 28, 27);
		if (!(i->flags & ROW_SDST)) {
			i->abs = (uint8_t)bits(w[0], 10, 8);
			i->opsel = (uint8_t)bits(w[0], 14, 11);
		}
	}
	for (int s = 0; s < 3; s++)
		if ((i->flags & (ROW_LIT0 << s)) && i->src[s] == OPERAND_LITERAL) {
			i->literal = w[2];
			i->dwords = 3;
		}
}

static void decode_scalar_literal(struct insn *i, const uint32_t *w)
{
	if (((i->flags & ROW_SRC0) && i->src[0] == OPERAND_LITERAL) ||
	    ((i->flags & ROW_SRC1) && i->src[1] == OPERAND_LITERAL) || (i->flags & ROW_LITERAL)) {
		i->literal = w[1];
		i->dwords = 2;
	}
}

static void decode_flat(struct insn *i, const uint32_t *w)
{
	/* FLAT offsets are unsigned (11 bits are honoured), GLOBAL and SCRATCH ones signed. */
	i->imm = i->enc == ENC_FLAT ? (int32_t)bits(w[0], 10, 0) : sbits(w[0], 11, 0);
	i->dlc = bits(w[0], 12, 12);
	i->lds = bits(w[0], 13, 13);
	i->glc = bits(w[0], 16, 16);
	i->slc = bits(w[0], 17, 17);
	i->src[0] = (uint16_t)(OPERAND_VGPR + bits(w[1], 7, 0));
	i->src[1] = (uint16_t)(OPERAND_VGPR + bits(w[1], 15, 8));
	i->saddr = (uint16_t)bits(w[1], 22, 16);
	i->dst = (uint16_t)(OPERAND_VGPR + bits(w[1], 31, 24));
}

static void decode_buffer(struct insn *i, const uint32_t *w)
{
	i->imm = (int32_t)bits(w[0], 11, 0);
	i->offen = bits(w[0], 12, 12);
	i->idxen = bits(w[0], 13, 13);
	i->glc = bits(w[0], 14, 14);
	i->dlc = bits(w[0], 15, 15);
	i->lds = i->enc == ENC_MUBUF && bits(w[0], 16, 16);
	i->src[0] = (uint16_t)(OPERAND_VGPR + bits(w[1], 7, 0));
	i->src[1] = i->dst = (uint16_t)(OPERAND_VGPR + bits(w[1], 15, 8));
	i->saddr = (uint16_t)(bits(w[1], 20, 16) << 2);
	i->slc = bits(w[1], 22, 22);
	i->tfe = bits(w[1], 23, 23);
	i->soffset = (uint16_t)bits(w[1], 31, 24);
}

static void decode_fields(struct insn *i, const uint32_t *w)
{
	switch (i->enc) {
	case ENC_SOP2:
		i->dst = (uint16_t)bits(w[0], 22, 16);
		i->src[0] = (uint16_t)bits(w[0], 7, 0);
		i->src[1] = (uint16_t)bits(w[0], 15, 8);
		decode_scalar_literal(i, w);
		break;
	case ENC_SOP1:
		i->dst = (uint16_t)bits(w[0], 22, 16);
		i->src[0] = (uint16_t)bits(w[0], 7, 0);
		decode_scalar_literal(i, w);
		break;
	case ENC_SOPC:
		i->src[0] = (uint16_t)bits(w[0], 7, 0);
		i->src[1] = (uint16_t)bits(w[0], 15, 8);
		decode_scalar_literal(i, w);
		break;
	case ENC_SOPK:
		i->dst = (uint16_t)bits(w[0], 22, 16);
		i->src[0] = i->dst;
		i->imm = sbits(w[0], 15, 0);
		decode_scalar_literal(i, w);
		break;
	case ENC_SOPP:
		i->imm = sbits(w[0], 15, 0);
		break;
	case ENC_SMEM:
		i->saddr = (uint16_t)(bits(w[0], 5, 0) << 1);
		i->dst = (uint16_t)bits(w[0], 12, 6);
		i->dlc = bits(w[0], 14, 14);
		i->glc = bits(w[0], 16, 16);
		i->imm = sbits(w[1], 20, 0);
		i->soffset = (uint16_t)bits(w[1], 31, 25);
		break;
	case ENC_VOP2:
		i->dst = (uint16_t)(OPERAND_VGPR + bits(w[0], 24, 17));
		i->src[0] = (uint16_t)bits(w[0], 8, 0);
		i->src[1] = (uint16_t)(OPERAND_VGPR + bits(w[0], 16, 9));
		i->sdst = OPERAND_VCC;
		i->src[2] = OPERAND_VCC;
		decode_src0(i, w);
		if (i->flags & ROW_LITERAL) {
			i->literal = w[1];
			i->dwords = 2;
		}
		break;
	case ENC_VOP1:
		i->dst = (uint16_t)(bits(w[0], 24, 17) +
				    ((i->flags & ROW_SGPR_DST) ? 0 : OPERAND_VGPR));
		i->src[0] = (uint16_t)bits(w[0], 8, 0);
		decode_src0(i, w);
		break;
	case ENC_VOPC:
		i->src[0] = (uint16_t)bits(w[0], 8, 0);
		i->src[1] = (uint16_t)(OPERAND_VGPR + bits(w[0], 16, 9));
		i->sdst = OPERAND_VCC;
		decode_src0(i, w);
		break;
	case ENC_VOP3:
	case ENC_VOP3P:
		decode_vop3(i, w);
		break;
	case ENC_VINTRP:
		break;
	case ENC_DS:
		i->offset0 = (uint8_t)bits(w[0], 7, 0);
		i->offset1 = (uint8_t)bits(w[0], 15, 8);
		i->imm = (int32_t)bits(w[0], 15, 0);
		i->gds = bits(w[0], 17, 17);
		i->src[0] = (uint16_t)(OPERAND_VGPR + bits(w[1], 7, 0));
		i->src[1] = (uint16_t)(OPERAND_VGPR + bits(w[1], 15, 8));
		i->src[2] = (uint16_t)(OPERAND_VGPR + bits(w[1], 23, 16));
		i->dst = (uint16_t)(OPERAND_VGPR + bits(w[1], 31, 24));
		break;
	case ENC_FLAT:
	case ENC_GLOBAL:
	case ENC_SCRATCH:
		decode_flat(i, w);
		break;
	case ENC_MUBUF:
	case ENC_MTBUF:
		decode_buffer(i, w);
		break;
	case ENC_MIMG:
		i->dwords = (uint8_t)(2 + bits(w[0], 2, 1)); /* NSA address dwords */
		break;
	default:
		break;
	}
}

void insn_decode(struct insn *i, unsigned int isa, const uint32_t *w, unsigned int n)
{
	const struct encoding *e = encoding_of(w[0]);
	const struct decode_row *row;
	uint32_t padded[INSN_MAX_DWORDS] = {0};

	memset(i, 0, sizeof(*i));
	memcpy(padded, w, (n < INSN_MAX_DWORDS ? n : INSN_MAX_DWORDS) * sizeof(*w));
	memcpy(i->words, padded, sizeof(i->words));
	i->dwords = 1;
	i->saddr = OPERAND_NULL;
	if (!e)
		return;
	row = &decode_rows[isa][e->enc][opcode_of(e, padded[0], padded[1])];
	i->enc = (uint8_t)e->enc;
	i->op = row->op;
	i->flags = row->flags;
	i->dwords = (uint8_t)e->dwords;
	if (!row->op)
		return;
	decode_fields(i, padded);
	for (int s = 0; s < 3; s++)
		i->plain_src[s] = !((i->neg | i->abs) >> s & 1) &&
				  (i->form == FORM_PLAIN || s > (i->form == FORM_SDWA));
	i->plain_dst = !i->clamp && !i->omod && i->form != FORM_SDWA;
	if (i->dwords > n)
		i->op = OP_none; /* runs off the end of what can be fetched */
}
