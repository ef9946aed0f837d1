// SPDX-License-Identifier: MIT
/* Operands, EXEC masks, and the table of executed instructions. */
#include "wave.h"

#include <cpuid.h>
#include <string.h>

void wave_fault(struct wave *w, unsigned int kind, uint64_t va, uint32_t size, bool write,
		uint32_t lane)
{
	w->fault = (struct wave_fault){
		.kind = kind, .write = write, .va = va, .size = size, .lane = lane};
	w->stop = true;
}

void wave_gap(struct wave *w, const char *what)
{
	w->fault = (struct wave_fault){.kind = WAVE_GAP, .what = what};
	w->stop = true;
}

/* RDNA 1.0 ISA, "MODE register": FP_ROUND 3:0 and FP_DENORM 7:4, f32 in the lower two bits of each. */
static uint32_t mxcsr_of(uint32_t round, uint32_t denorm)
{
	static const uint32_t rc[] = {0, 2, 1, 3}; /* even, +infinity, -infinity, zero */

	return MXCSR_DEFAULT | rc[round & 3] << 13 | (denorm & 1 ? 0 : 1u << 6) /* DAZ */ |
	       (denorm & 2 ? 0 : 1u << 15) /* FTZ */;
}

void wave_set_mode(struct wave *w, uint32_t mode)
{
	w->mode = mode;
	w->mxcsr[FP_32] = mxcsr_of(mode, mode >> 4);
	w->mxcsr[FP_16_64] = mxcsr_of(mode >> 2, mode >> 6);
	w->odd_mode = w->mxcsr[FP_32] != MXCSR_DEFAULT || w->mxcsr[FP_16_64] != MXCSR_DEFAULT;
}

static const uint32_t inline_f32[] = {0x3f000000, 0xbf000000, 0x3f800000, 0xbf800000, 0x40000000,
				      0xc0000000, 0x40800000, 0xc0800000, 0x3e22f983};
static const uint64_t inline_f64[] = {
	0x3fe0000000000000, 0xbfe0000000000000, 0x3ff0000000000000, 0xbff0000000000000,
	0x4000000000000000, 0xc000000000000000, 0x4010000000000000, 0xc010000000000000,
	0x3fc45f306dc9c882};

/* Constants that are the same at every width, sign-extended. */
static bool inline_int(unsigned int code, int64_t *value)
{
	if (code >= OPERAND_INT_0 && code <= OPERAND_INT_0 + 64)
		*value = (int64_t)code - OPERAND_INT_0;
	else if (code >= OPERAND_INT_NEG_1 && code < OPERAND_INT_NEG_1 + 16)
		*value = -(int64_t)(code - OPERAND_INT_NEG_1) - 1;
	else
		return false;
	return true;
}

static uint64_t special(const struct wave *w, unsigned int code)
{
	switch (code) {
	case OPERAND_SHARED_BASE:
		return CAPS_LDS_BASE;
	case OPERAND_SHARED_LIMIT:
		return CAPS_LDS_BASE + CAPS_APERTURE_BYTES - 1;
	case OPERAND_PRIVATE_BASE:
		return CAPS_SCRATCH_BASE;
	case OPERAND_PRIVATE_LIMIT:
		return CAPS_SCRATCH_BASE + CAPS_APERTURE_BYTES - 1;
	case OPERAND_VCCZ:
		return !(w->s[SREG_VCC_LO] | (w->lanes == 64 ? w->s[SREG_VCC_HI] : 0));
	case OPERAND_EXECZ:
		return !wave_exec(w);
	case OPERAND_SCC:
		return w->scc;
	default:
		return 0;
	}
}

uint32_t operand_u32(const struct wave *w, const struct insn *i, unsigned int code)
{
	int64_t v;

	if (code < NUM_SREGS)
		return w->s[code];
	if (inline_int(code, &v))
		return (uint32_t)v;
	if (code == OPERAND_LITERAL)
		return i->literal;
	if (code >= OPERAND_FLOAT && code < OPERAND_FLOAT + 9)
		return inline_f32[code - OPERAND_FLOAT];
	return (uint32_t)special(w, code);
}

void operand_constants(struct insn *i)
{
	static const struct wave none;

	for (unsigned int s = 0; s < 3; s++) {
		unsigned int code = i->src[s];

		/* SCC, VCCZ and their like are not constant; the bases and limits of apertures are. */
		i->constant[s] = code >= OPERAND_INT_0 && code < OPERAND_VGPR &&
				 (code < OPERAND_VCCZ || code > OPERAND_SCC);
		i->value[s] = i->constant[s] ? operand_u32(&none, i, code) : 0;
	}
}

uint64_t operand_u64(const struct wave *w, const struct insn *i, unsigned int code)
{
	int64_t v;

	if (code < NUM_SREGS - 1)
		return code == SREG_NULL ? 0 : w->s[code] | (uint64_t)w->s[code + 1] << 32;
	if (inline_int(code, &v))
		return (uint64_t)v;
	if (code == OPERAND_LITERAL)
		return i->literal; /* scalar ALU: zero-extended */
	if (code >= OPERAND_FLOAT && code < OPERAND_FLOAT + 9)
		return inline_f64[code - OPERAND_FLOAT];
	return special(w, code);
}

uint64_t operand_f64(const struct wave *w, const struct insn *i, unsigned int code)
{
	if (code == OPERAND_LITERAL)
		return (uint64_t)i->literal << 32;
	return operand_u64(w, i, code);
}

/* ---- the table ---- */

#define EXEC_ROWS(variant)                                                                         \
	extern const struct exec_row __start_exec_rows_##variant[], __stop_exec_rows_##variant[];
EXEC_ROWS(base)
EXEC_ROWS(avx2)

static exec_fn table[OP_COUNT];
static uint8_t fp_of[OP_COUNT];
static unsigned int executed;

static void fill(const struct exec_row *row, const struct exec_row *end)
{
	for (; row < end; row++) {
		if (!row->fn)
			continue;
		executed += !table[row->op];
		table[row->op] = row->fn;
	}
}

/*
 * A vector instruction computes in the first type of its name: v_cvt_f32_f64 rounds to f32. These
 * have a source of 32 bits, and what rounds or flushes their result is not the host (half.h).
 */
static const char *const fp_32[] = {"v_cvt_f16_f32", "v_cvt_f64_f32", "v_fma_mixlo_f16", "v_fma_mixhi_f16"};

static enum fp fp_by_name(const char *name)
{
	const char *f;

	if (strncmp(name, "v_", 2))
		return FP_NONE;
	for (unsigned int n = 0; n < sizeof(fp_32) / sizeof(fp_32[0]); n++)
		if (!strcmp(name, fp_32[n]))
			return FP_32;
	for (f = strstr(name, "_f"); f; f = strstr(f + 1, "_f"))
		if (!strncmp(f, "_f32", 4))
			return FP_32;
		else if (!strncmp(f, "_f64", 4) || !strncmp(f, "_f16", 4))
			return FP_16_64;
	return FP_NONE;
}

enum fp exec_fp(unsigned int op)
{
	return op < OP_COUNT ? (enum fp)fp_of[op] : FP_NONE;
}

/* clang 15's __builtin_cpu_supports does not know it. */
static bool has_f16c(void)
{
	unsigned int a, b, c, d;

	return __get_cpuid(1, &a, &b, &c, &d) && c & bit_F16C;
}

void exec_init(void)
{
	if (executed)
		return;
	for (unsigned int op = 0; op < OP_COUNT; op++)
		fp_of[op] = (uint8_t)fp_by_name(op_name(op));
	fill(__start_exec_rows_base, __stop_exec_rows_base);
	__builtin_cpu_init();
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c())
		fill(__start_exec_rows_avx2, __stop_exec_rows_avx2);
}

exec_fn exec_of(unsigned int op)
{
	return op < OP_COUNT ? table[op] : NULL;
}

unsigned int exec_count(void)
{
	return executed;
}
