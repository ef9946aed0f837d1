// SPDX-License-Identifier: MIT
#include "align.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_OPERANDS = 6, NO_REGISTER = 0xffff };

/* Where operands stand: D the destination, 0 1 2 sources, K a shift, - nothing. */
static const struct {
	const char *name;
	uint8_t kind;
	const char *operands;
} forms[] = {
	{"v_mov_b32", ALIGN_LEAST, "D0"},	    {"s_mov_b32", ALIGN_LEAST, "D0"},
	{"s_movk_i32", ALIGN_LEAST, "D0"},	    {"s_mov_b64", ALIGN_LEAST, "D0"},
	{"v_readfirstlane_b32", ALIGN_LEAST, "D0"}, {"v_readlane_b32", ALIGN_ANY, "D"},
	{"v_add_nc_u32", ALIGN_LEAST, "D01"},	    {"v_add_nc_i32", ALIGN_LEAST, "D01"},
	{"v_add_co_u32", ALIGN_LEAST, "D-01"},	    {"v_sub_co_u32", ALIGN_LEAST, "D-01"},
	{"v_subrev_co_u32", ALIGN_LEAST, "D-01"},   {"v_sub_nc_u32", ALIGN_LEAST, "D01"},
	{"v_sub_nc_i32", ALIGN_LEAST, "D01"},	    {"v_subrev_nc_u32", ALIGN_LEAST, "D01"},
	{"v_add3_u32", ALIGN_LEAST, "D012"},	    {"v_or_b32", ALIGN_LEAST, "D01"},
	{"v_xor_b32", ALIGN_LEAST, "D01"},	    {"v_or3_b32", ALIGN_LEAST, "D012"},
	{"v_xad_u32", ALIGN_LEAST, "D012"},	    {"v_cndmask_b32", ALIGN_LEAST, "D01"},
	{"v_min_", ALIGN_LEAST, "D01"},		    {"v_max_", ALIGN_LEAST, "D01"},
	{"v_and_b32", ALIGN_MOST, "D01"},	    {"v_and_or_b32", ALIGN_AND_OR, "D012"},
	{"v_mul_lo_u32", ALIGN_SUM, "D01"},	    {"v_mul_u32_u24", ALIGN_SUM, "D01"},
	{"v_mul_i32_i24", ALIGN_SUM, "D01"},	    {"v_mad_u32_u24", ALIGN_MAD, "D012"},
	{"v_mad_i32_i24", ALIGN_MAD, "D012"},	    {"v_mad_u64_u32", ALIGN_MAD, "D-012"},
	{"v_mad_i64_i32", ALIGN_MAD, "D-012"},	    {"v_lshlrev_b32", ALIGN_SHIFT, "DK0"},
	{"v_lshlrev_b64", ALIGN_SHIFT, "DK0"},	    {"v_lshl_add_u32", ALIGN_SHIFT_ADD, "D0K1"},
	{"v_lshl_or_b32", ALIGN_SHIFT_ADD, "D0K1"}, {"v_add_lshl_u32", ALIGN_ADD_SHIFT, "D01K"},
	{"v_lshrrev_b32", ALIGN_RIGHT, "DK0"},	    {"v_ashrrev_i32", ALIGN_RIGHT, "DK0"},
	{"s_add_u32", ALIGN_LEAST, "D01"},	    {"s_add_i32", ALIGN_LEAST, "D01"},
	{"s_sub_u32", ALIGN_LEAST, "D01"},	    {"s_sub_i32", ALIGN_LEAST, "D01"},
	{"s_addk_i32", ALIGN_LEAST, "D0"},	    {"s_or_b32", ALIGN_LEAST, "D01"},
	{"s_xor_b32", ALIGN_LEAST, "D01"},	    {"s_cselect_b32", ALIGN_LEAST, "D01"},
	{"s_min_", ALIGN_LEAST, "D01"},		    {"s_max_", ALIGN_LEAST, "D01"},
	{"s_and_b32", ALIGN_MOST, "D01"},	    {"s_mul_i32", ALIGN_SUM, "D01"},
	{"s_lshl_b32", ALIGN_SHIFT, "D0K"},	    {"s_lshl_b64", ALIGN_SHIFT, "D0K"},
	{"s_lshl1_add_u32", ALIGN_SHIFT_ADD, "D01"}, {"s_lshl2_add_u32", ALIGN_SHIFT_ADD, "D01"},
	{"s_lshl3_add_u32", ALIGN_SHIFT_ADD, "D01"}, {"s_lshl4_add_u32", ALIGN_SHIFT_ADD, "D01"},
	{"s_lshr_b32", ALIGN_RIGHT, "D0K"},	    {"s_ashr_i32", ALIGN_RIGHT, "D0K"},
	/* What they write is of no known alignment, or none of the registers that addresses come from. */
	{"v_cmp", ALIGN_NONE, ""},		    {"s_cmp", ALIGN_NONE, ""},
	{"s_bitcmp", ALIGN_NONE, ""},		    {"s_waitcnt", ALIGN_NONE, ""},
	{"s_setreg", ALIGN_NONE, ""},		    {"v_", ALIGN_ZERO, "D"},
	{"s_load_", ALIGN_ANY, "D"},		    {"s_buffer_load_", ALIGN_ANY, "D"},
	{"s_", ALIGN_ZERO, "D"},		    {"ds_read", ALIGN_ANY, "D"},
	{"ds_bpermute", ALIGN_ZERO, "D"},	    {"ds_permute", ALIGN_ZERO, "D"},
	{"ds_swizzle", ALIGN_ZERO, "D"},	    {"ds_", ALIGN_ANY, "R"},
	{"global_load", ALIGN_ANY, "D"},	    {"flat_load", ALIGN_ANY, "D"},
	{"buffer_load", ALIGN_ANY, "D"},	    {"scratch_load", ALIGN_ANY, "D"},
	{"global_atomic", ALIGN_ANY, "R"},	    {"flat_atomic", ALIGN_ANY, "R"},
	{"tbuffer_load", ALIGN_ANY, "D"},	    {"image_", ALIGN_ANY, "D"},
};

/* A register of either kind; *num of them. */
static uint16_t reg(const char *s, uint8_t *num)
{
	unsigned long first, last;
	char *end;

	*num = 1;
	if ((*s != 'v' && *s != 's') || (s[1] != '[' && !isdigit((unsigned char)s[1])))
		return NO_REGISTER;
	first = last = strtoul(s + 1 + (s[1] == '['), &end, 10);
	if (s[1] == '[' && *end == ':')
		last = strtoul(end + 1, NULL, 10);
	if (first > last || last >= (*s == 'v' ? 256 : 106))
		return NO_REGISTER;
	*num = (uint8_t)(last - first + 1 > 64 ? 64 : last - first + 1);
	return (uint16_t)(first + (*s == 'v' ? ALIGN_VGPR : 0));
}

static bool number(const char *s, long *n)
{
	char *end;

	*n = strtol(s, &end, 0);
	return end != s && *end != '.';
}

static uint16_t source(const char *s)
{
	uint8_t num;
	uint16_t r = reg(s, &num);
	long n;

	if (r != NO_REGISTER)
		return r;
	if (!number(s, &n))
		return ALIGN_CONST; /* VCC, M0, a fraction: no low bits are known */
	return ALIGN_CONST + (n ? (__builtin_ctzl((unsigned long)n) > ALIGN_MAX ? ALIGN_MAX : __builtin_ctzl((unsigned long)n)) : ALIGN_MAX);
}

static unsigned int split(const char *text, const char *operands[MAX_OPERANDS])
{
	unsigned int n = 0;
	int depth = 0;

	for (text += strcspn(text, " "); *text; text++) {
		depth += *text == '[';
		depth -= *text == ']';
		if (*text == ' ' && !depth && n < MAX_OPERANDS && (!n || text[-1] == ','))
			operands[n++] = text + 1;
	}
	return n;
}

void align__learn(const char *text, struct align_op *op)
{
	const char *operands[MAX_OPERANDS], *at = NULL;
	unsigned int num = split(text, operands);
	long n;

	*op = (struct align_op){.kind = ALIGN_NONE, .src = {ALIGN_CONST, ALIGN_CONST, ALIGN_CONST}};
	for (size_t i = 0; !at && i < sizeof(forms) / sizeof(*forms); i++) {
		if (strncmp(text, forms[i].name, strlen(forms[i].name)))
			continue;
		op->kind = forms[i].kind;
		at = forms[i].operands;
	}
	if (text[0] == 's' && !strncmp(text, "s_lshl", 6) && isdigit((unsigned char)text[6]))
		op->shift = (uint8_t)(text[6] - '0');
	for (unsigned int i = 0; at && at[i] && i < num; i++) {
		if (at[i] == 'D' || at[i] == 'R')
			op->dst = reg(operands[i], &op->num_dst);
		else if (at[i] == 'K')
			op->shift = number(operands[i], &n) ? n & 31 : 0;
		else if (at[i] != '-')
			op->src[at[i] - '0'] = source(operands[i]);
	}
	/* Parts of registers: which bits they are is another matter. */
	if (strstr(text, "_sdwa") && (strstr(text, "_sel:WORD_1") || strstr(text, "_sel:BYTE_1") ||
				      strstr(text, "_sel:BYTE_2") || strstr(text, "_sel:BYTE_3")))
		op->src[0] = op->src[1] = ALIGN_CONST;
	if (!op->num_dst || op->dst == NO_REGISTER || op->dst + op->num_dst > ALIGN_REGS)
		op->kind = ALIGN_NONE;
	if (op->src[1] == ALIGN_CONST && at && !strchr(at, '1') && op->kind == ALIGN_LEAST)
		op->src[1] = ALIGN_CONST + ALIGN_MAX;
	if (op->src[2] == ALIGN_CONST && at && !strchr(at, '2'))
		op->src[2] = ALIGN_CONST + ALIGN_MAX;
	/* s_addk_i32 s4, 8: what is written is read, too. */
	if (!strncmp(text, "s_addk_i32", 10) && op->kind != ALIGN_NONE)
		op->src[1] = op->dst;
}

static unsigned int low_of(uint16_t src, const uint8_t low[ALIGN_REGS])
{
	return src >= ALIGN_CONST ? src - ALIGN_CONST : low[src];
}

static unsigned int least(unsigned int a, unsigned int b)
{
	return a < b ? a : b;
}

unsigned int align__result(const struct align_op *op, const uint8_t low[ALIGN_REGS])
{
	unsigned int a = low_of(op->src[0], low), b = low_of(op->src[1], low), c = low_of(op->src[2], low), r = 0;

	switch (op->kind) {
	case ALIGN_ANY:
		r = ALIGN_MAX;
		break;
	case ALIGN_LEAST:
		r = least(least(a, b), c);
		break;
	case ALIGN_MOST:
		r = a > b ? a : b;
		break;
	case ALIGN_SUM:
		r = a + b;
		break;
	case ALIGN_MAD:
		r = least(a + b, c);
		break;
	case ALIGN_SHIFT:
		r = a + op->shift;
		break;
	case ALIGN_SHIFT_ADD:
		r = least(a + op->shift, b);
		break;
	case ALIGN_ADD_SHIFT:
		r = least(a, b) + op->shift;
		break;
	case ALIGN_RIGHT:
		/* What is not known stays so. */
		r = a >= ALIGN_MAX ? ALIGN_MAX : a > op->shift ? a - op->shift : 0;
		break;
	case ALIGN_AND_OR:
		r = least(a > b ? a : b, c);
		break;
	}
	return least(r, ALIGN_MAX);
}
