// SPDX-License-Identifier: MIT
#include "align.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_OPERANDS = 6, NO_REGISTER = 0xffff, NO_SOURCE = 0xfffd };

/* Where operands stand: D the destination, R where it returns something, 0 1 2 sources, K a shift, - nothing. */
static const struct {
	const char *name;
	uint8_t kind;
	const char *operands;
} forms[] = {
	{"v_mov_b32", ALIGN_MOVE, "D0"},	    {"s_mov_b32", ALIGN_MOVE, "D0"},
	{"s_movk_i32", ALIGN_MOVE, "D0"},	    {"s_mov_b64", ALIGN_MOVE, "D0"},
	{"v_readfirstlane_b32", ALIGN_MOVE, "D0"}, {"v_readlane_b32", ALIGN_ANY, "D"},
	{"v_add_nc_u32", ALIGN_ADD, "D01"},	    {"v_add_nc_i32", ALIGN_ADD, "D01"},
	{"v_add_co_u32", ALIGN_ADD, "D-01"},	    {"v_sub_co_u32", ALIGN_SUB, "D-01"},
	{"v_subrev_co_u32", ALIGN_SUBREV, "D-01"},   {"v_sub_nc_u32", ALIGN_SUB, "D01"},
	{"v_sub_nc_i32", ALIGN_SUB, "D01"},	    {"v_subrev_nc_u32", ALIGN_SUBREV, "D01"},
	{"v_add3_u32", ALIGN_ADD, "D012"},	    {"v_or_b32", ALIGN_OR, "D01"},
	{"v_xor_b32", ALIGN_LEAST, "D01"},	    {"v_or3_b32", ALIGN_LEAST, "D012"},
	{"v_xad_u32", ALIGN_LEAST, "D012"},	    {"v_cndmask_b32", ALIGN_LEAST, "D01"},
	{"v_min_", ALIGN_LEAST, "D01"},		    {"v_max_", ALIGN_LEAST, "D01"},
	{"v_and_b32", ALIGN_AND, "D01"},	    {"v_and_or_b32", ALIGN_AND_OR, "D012"},
	{"v_mul_lo_u32", ALIGN_MUL, "D01"},	    {"v_mul_u32_u24", ALIGN_MUL, "D01"},
	{"v_mul_i32_i24", ALIGN_MUL, "D01"},	    {"v_mad_u32_u24", ALIGN_MAD, "D012"},
	{"v_mad_i32_i24", ALIGN_MAD, "D012"},	    {"v_mad_u64_u32", ALIGN_MAD, "D-012"},
	{"v_mad_i64_i32", ALIGN_MAD, "D-012"},	    {"v_lshlrev_b32", ALIGN_SHIFT, "DK0"},
	{"v_lshlrev_b64", ALIGN_SHIFT, "DK0"},	    {"v_lshl_add_u32", ALIGN_SHIFT_ADD, "D0K1"},
	{"v_lshl_or_b32", ALIGN_SHIFT_ADD, "D0K1"}, {"v_add_lshl_u32", ALIGN_ADD_SHIFT, "D01K"},
	{"v_lshrrev_b32", ALIGN_RIGHT, "DK0"},	    {"v_ashrrev_i32", ALIGN_RIGHT, "DK0"},
	{"s_add_u32", ALIGN_ADD, "D01"},	    {"s_add_i32", ALIGN_ADD, "D01"},
	{"s_sub_u32", ALIGN_SUB, "D01"},	    {"s_sub_i32", ALIGN_SUB, "D01"},
	{"s_addk_i32", ALIGN_ADD, "D0"},	    {"s_or_b32", ALIGN_OR, "D01"},
	{"s_xor_b32", ALIGN_LEAST, "D01"},	    {"s_cselect_b32", ALIGN_LEAST, "D01"},
	{"s_min_", ALIGN_LEAST, "D01"},		    {"s_max_", ALIGN_LEAST, "D01"},
	{"s_and_b32", ALIGN_AND, "D01"},	    {"s_mul_i32", ALIGN_MUL, "D01"},
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

static uint16_t source(const char *s, int32_t *constant)
{
	uint8_t num;
	uint16_t r = reg(s, &num);
	long n;

	if (r != NO_REGISTER)
		return r;
	if (!number(s, &n))
		return ALIGN_NOTHING; /* VCC, M0, a fraction */
	*constant = (int32_t)n;
	return ALIGN_IS_CONST;
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

	*op = (struct align_op){.src = {ALIGN_NOTHING, ALIGN_NOTHING, ALIGN_NOTHING}};
	for (size_t i = 0; !at && i < sizeof(forms) / sizeof(*forms); i++) {
		if (strncmp(text, forms[i].name, strlen(forms[i].name)))
			continue;
		op->kind = forms[i].kind;
		at = forms[i].operands;
	}
	if (!strncmp(text, "s_lshl", 6) && isdigit((unsigned char)text[6]))
		op->shift = (uint8_t)(text[6] - '0');
	for (unsigned int i = 0; at && at[i] && i < num; i++) {
		if (at[i] == 'D' || (at[i] == 'R' && (strstr(text, "_rtn_") || strstr(text, " glc"))))
			op->dst = reg(operands[i], &op->num_dst);
		else if (at[i] == 'K')
			op->shift = number(operands[i], &n) ? n & 31 : 0;
		else if (at[i] != '-' && at[i] != 'R')
			op->src[at[i] - '0'] = source(operands[i], &op->constant[at[i] - '0']);
	}
	/* Parts of registers: which bits they are is another matter. */
	if (strstr(text, "_sdwa") && (strstr(text, "_sel:WORD_1") || strstr(text, "_sel:BYTE_1") ||
				      strstr(text, "_sel:BYTE_2") || strstr(text, "_sel:BYTE_3")))
		op->src[0] = op->src[1] = ALIGN_NOTHING;
	if (!op->num_dst || op->dst == NO_REGISTER || op->dst + op->num_dst > ALIGN_REGS)
		op->kind = ALIGN_NONE;
	/* s_addk_i32 s4, 8: what is written is read, too. */
	if (!strncmp(text, "s_addk_i32", 10) && num > 1 && op->kind != ALIGN_NONE) {
		op->src[0] = op->dst;
		op->src[1] = source(operands[1], &op->constant[1]);
	}
	if (op->kind == ALIGN_ADD && strncmp(text, "v_add3", 6))
		op->src[2] = NO_SOURCE;
}

unsigned int align__low(const struct align_value *v)
{
	unsigned int a = v->coef ? v->low + (unsigned int)__builtin_ctz((unsigned int)v->coef) : ALIGN_MAX;
	unsigned int b = v->add ? (unsigned int)__builtin_ctz((unsigned int)v->add) : ALIGN_MAX;

	if (a > ALIGN_MAX)
		a = ALIGN_MAX;
	return a < b ? a : b;
}

static struct align_value whole(uint32_t symbol, unsigned int low)
{
	return (struct align_value){
		.symbol = symbol, .coef = 1, .low = low > ALIGN_MAX ? ALIGN_MAX : low};
}

static struct align_value constant(int32_t n)
{
	return (struct align_value){.add = n};
}

static struct align_value value_of(const struct align_op *op, int i, const struct align_value *regs)
{
	/* A symbol of its own for each source of which nothing is known. */
	return op->src[i] == ALIGN_IS_CONST  ? constant(op->constant[i]) :
	       op->src[i] == NO_SOURCE	     ? constant(0) :
	       op->src[i] == ALIGN_NOTHING   ? whole(UINT32_MAX - 8 - (uint32_t)i, 0) :
						regs[op->src[i]];
}

static unsigned int least(unsigned int a, unsigned int b)
{
	return a < b ? a : b;
}

static int32_t times(int32_t a, int32_t b)
{
	return (int32_t)((uint32_t)a * (uint32_t)b);
}

static struct align_value scaled(struct align_value v, int32_t by)
{
	v.coef = times(v.coef, by);
	v.add = times(v.add, by);
	if (!v.coef)
		v.symbol = 0;
	return v;
}

static struct align_value sum(struct align_value a, struct align_value b, uint32_t symbol)
{
	if (a.coef && b.coef && a.symbol != b.symbol)
		return whole(symbol, least(align__low(&a), align__low(&b)));
	if (!a.coef) {
		a.symbol = b.symbol;
		a.low = b.low;
	}
	a.coef = (int32_t)((uint32_t)a.coef + (uint32_t)b.coef);
	a.add = (int32_t)((uint32_t)a.add + (uint32_t)b.add);
	if (!a.coef)
		a.symbol = 0;
	return a;
}

static struct align_value product(struct align_value a, struct align_value b, uint32_t symbol)
{
	if (!a.coef)
		return scaled(b, a.add);
	if (!b.coef)
		return scaled(a, b.add);
	return whole(symbol, align__low(&a) + align__low(&b));
}

/* Bits that the other has none of are added. */
static struct align_value either(struct align_value a, struct align_value b, uint32_t symbol)
{
	if (!a.coef) {
		struct align_value swap = a;

		a = b;
		b = swap;
	}
	if (!b.coef && (uint32_t)b.add < 1u << align__low(&a))
		return sum(a, b, symbol);
	return whole(symbol, least(align__low(&a), align__low(&b)));
}

static struct align_value both(const struct align_value *a, const struct align_value *b, uint32_t symbol)
{
	unsigned int x = align__low(a), y = align__low(b);

	/* What is loaded and masked is as the mask. */
	if (x == ALIGN_MAX && a->coef)
		return whole(symbol, b->coef ? ALIGN_MAX : y);
	if (y == ALIGN_MAX && b->coef)
		return whole(symbol, a->coef ? ALIGN_MAX : x);
	return whole(symbol, x > y ? x : y);
}

struct align_value align__result(const struct align_op *op, const struct align_value regs[ALIGN_REGS], uint32_t symbol)
{
	struct align_value a = value_of(op, 0, regs), b = value_of(op, 1, regs), c = value_of(op, 2, regs);
	unsigned int low;

	switch (op->kind) {
	case ALIGN_ANY:
		return whole(symbol, ALIGN_MAX);
	case ALIGN_MOVE:
		return a;
	case ALIGN_ADD:
		return sum(sum(a, b, symbol), c, symbol);
	case ALIGN_SUB:
		return sum(a, scaled(b, -1), symbol);
	case ALIGN_SUBREV:
		return sum(scaled(a, -1), b, symbol);
	case ALIGN_OR:
		return either(a, b, symbol);
	case ALIGN_LEAST:
		low = least(align__low(&a), align__low(&b));
		return whole(symbol, op->src[2] == ALIGN_NOTHING ? low : least(low, align__low(&c)));
	case ALIGN_AND:
		return both(&a, &b, symbol);
	case ALIGN_MUL:
		return product(a, b, symbol);
	case ALIGN_MAD:
		return sum(product(a, b, symbol), c, symbol);
	case ALIGN_SHIFT:
		return scaled(a, 1u << op->shift);
	case ALIGN_SHIFT_ADD:
		return sum(scaled(a, 1u << op->shift), b, symbol);
	case ALIGN_ADD_SHIFT:
		return scaled(sum(a, b, symbol), 1u << op->shift);
	case ALIGN_RIGHT:
		low = align__low(&a);
		return whole(symbol, low >= ALIGN_MAX ? ALIGN_MAX : low > op->shift ? low - op->shift : 0);
	case ALIGN_AND_OR:
		a = both(&a, &b, symbol);
		return either(a, c, symbol);
	}
	return whole(symbol, 0);
}
