// SPDX-License-Identifier: MIT
/* Scalar instructions: SOP1, SOP2, SOPC, SOPK, SOPP (RDNA 1.0 ISA, section 12.1 to 12.5). */
#include "wave.h"
#include "../../bpf/events.h"

#define U32(n) operand_u32(w, i, i->src[n])
#define U64(n) operand_u64(w, i, i->src[n])
#define D32(x) sreg_write(w, i->dst, (x))
#define D64(x) sreg_write64(w, i->dst, (x))

/* ---- SOP2 ---- */

EXEC(s_add_u32)
{
	uint64_t r = (uint64_t)U32(0) + U32(1);

	D32((uint32_t)r);
	w->scc = r >> 32;
}
EXEC(s_sub_u32)
{
	uint32_t a = U32(0), b = U32(1);

	D32(a - b);
	w->scc = b > a;
}
EXEC(s_add_i32)
{
	int32_t r;
	bool overflow = __builtin_add_overflow((int32_t)U32(0), (int32_t)U32(1), &r);

	D32((uint32_t)r);
	w->scc = overflow;
}
EXEC(s_sub_i32)
{
	int32_t r;
	bool overflow = __builtin_sub_overflow((int32_t)U32(0), (int32_t)U32(1), &r);

	D32((uint32_t)r);
	w->scc = overflow;
}
EXEC(s_addc_u32)
{
	uint64_t r = (uint64_t)U32(0) + U32(1) + w->scc;

	D32((uint32_t)r);
	w->scc = r >> 32;
}
EXEC(s_subb_u32)
{
	uint32_t a = U32(0), b = U32(1), c = w->scc;

	D32(a - b - c);
	w->scc = (uint64_t)b + c > a;
}
#define MINMAX(name, type, cmp)                                                                    \
	EXEC(name)                                                                                 \
	{                                                                                          \
		type a = (type)U32(0), b = (type)U32(1);                                           \
                                                                                                   \
		w->scc = a cmp b;                                                                  \
		D32((uint32_t)(w->scc ? a : b));                                                   \
	}
MINMAX(s_min_i32, int32_t, <)
MINMAX(s_min_u32, uint32_t, <)
MINMAX(s_max_i32, int32_t, >)
MINMAX(s_max_u32, uint32_t, >)
EXEC(s_cselect_b32)
{
	D32(w->scc ? U32(0) : U32(1));
}
EXEC(s_cselect_b64)
{
	D64(w->scc ? U64(0) : U64(1));
}

/* Results whose SCC says "not zero"; a and b are the sources. */
#define BIT2_32(name, expr)                                                                        \
	EXEC(name)                                                                                 \
	{                                                                                          \
		uint32_t a = U32(0), b = U32(1), r = (expr);                                       \
                                                                                                   \
		D32(r);                                                                            \
		w->scc = r != 0;                                                                   \
	}
#define BIT2_64(name, expr)                                                                        \
	EXEC(name)                                                                                 \
	{                                                                                          \
		uint64_t a = U64(0), b = U64(1), r = (expr);                                       \
                                                                                                   \
		D64(r);                                                                            \
		w->scc = r != 0;                                                                   \
	}
#define BIT2(name, expr) BIT2_32(name##_b32, expr) BIT2_64(name##_b64, expr)
BIT2(s_and, a & b)
BIT2(s_or, a | b)
BIT2(s_xor, a ^ b)
BIT2(s_andn2, a & ~b)
BIT2(s_orn2, a | ~b)
BIT2(s_nand, ~(a & b))
BIT2(s_nor, ~(a | b))
BIT2(s_xnor, ~(a ^ b))
BIT2_32(s_lshl_b32, a << (b & 31))
BIT2_32(s_lshr_b32, a >> (b & 31))
BIT2_32(s_ashr_i32, (uint32_t)((int32_t)a >> (b & 31)))
/* The 64-bit shifts and field extracts take a 32-bit second source. */
#define SHIFT64(name, expr)                                                                        \
	EXEC(name)                                                                                 \
	{                                                                                          \
		uint64_t a = U64(0), r;                                                            \
		uint32_t b = U32(1);                                                               \
                                                                                                   \
		r = (expr);                                                                        \
		D64(r);                                                                            \
		w->scc = r != 0;                                                                   \
	}
SHIFT64(s_lshl_b64, a << (b & 63))
SHIFT64(s_lshr_b64, a >> (b & 63))
SHIFT64(s_ashr_i64, (uint64_t)((int64_t)a >> (b & 63)))

static uint64_t bfe(uint64_t a, uint32_t offset, uint32_t width, unsigned int bits, bool sign)
{
	uint64_t r;

	if (!width)
		return 0;
	if (offset + width >= bits)
		width = bits - offset;
	if (sign && bits == 32)
		a = (uint64_t)(int64_t)(int32_t)a;
	r = sign ? (uint64_t)((int64_t)a >> offset) : a >> offset;
	if (width < 64) {
		r &= (1ull << width) - 1;
		if (sign)
			r = (uint64_t)((int64_t)(r << (64 - width)) >> (64 - width));
	}
	return r;
}
BIT2_32(s_bfe_u32, (uint32_t)bfe(a, b & 31, b >> 16 & 127, 32, false))
BIT2_32(s_bfe_i32, (uint32_t)bfe(a, b & 31, b >> 16 & 127, 32, true))
SHIFT64(s_bfe_u64, bfe(a, b & 63, b >> 16 & 127, 64, false))
SHIFT64(s_bfe_i64, bfe(a, b & 63, b >> 16 & 127, 64, true))
EXEC(s_bfm_b32)
{
	D32(((1u << (U32(0) & 31)) - 1) << (U32(1) & 31));
}
EXEC(s_bfm_b64)
{
	D64(((1ull << (U32(0) & 63)) - 1) << (U32(1) & 63));
}
EXEC(s_mul_i32)
{
	D32(U32(0) * U32(1));
}
EXEC(s_mul_hi_u32)
{
	D32((uint32_t)((uint64_t)U32(0) * U32(1) >> 32));
}
EXEC(s_mul_hi_i32)
{
	D32((uint32_t)((uint64_t)((int64_t)(int32_t)U32(0) * (int32_t)U32(1)) >> 32));
}
EXEC(s_absdiff_i32)
{
	int32_t d = (int32_t)(U32(0) - U32(1));

	D32((uint32_t)(d < 0 ? -(uint32_t)d : (uint32_t)d));
	w->scc = d != 0;
}
#define LSHL_ADD(n)                                                                                \
	EXEC(s_lshl##n##_add_u32)                                                                  \
	{                                                                                          \
		uint64_t r = ((uint64_t)U32(0) << n) + U32(1);                                     \
                                                                                                   \
		D32((uint32_t)r);                                                                  \
		w->scc = r >> 32;                                                                  \
	}
LSHL_ADD(1)
LSHL_ADD(2)
LSHL_ADD(3)
LSHL_ADD(4)
EXEC(s_pack_ll_b32_b16)
{
	D32((U32(0) & 0xffff) | U32(1) << 16);
}
EXEC(s_pack_lh_b32_b16)
{
	D32((U32(0) & 0xffff) | (U32(1) & 0xffff0000));
}
EXEC(s_pack_hh_b32_b16)
{
	D32(U32(0) >> 16 | (U32(1) & 0xffff0000));
}

/* ---- SOP1 ---- */

EXEC(s_mov_b32)
{
	D32(U32(0));
}
EXEC(s_mov_b64)
{
	D64(U64(0));
}
EXEC(s_cmov_b32)
{
	if (w->scc)
		D32(U32(0));
}
EXEC(s_cmov_b64)
{
	if (w->scc)
		D64(U64(0));
}
#define BIT1_32(name, expr)                                                                        \
	EXEC(name)                                                                                 \
	{                                                                                          \
		uint32_t a = U32(0), r = (expr);                                                   \
                                                                                                   \
		D32(r);                                                                            \
		w->scc = r != 0;                                                                   \
	}
#define BIT1_64(name, expr)                                                                        \
	EXEC(name)                                                                                 \
	{                                                                                          \
		uint64_t a = U64(0), r = (expr);                                                   \
                                                                                                   \
		D64(r);                                                                            \
		w->scc = r != 0;                                                                   \
	}
/* 64-bit source, 32-bit result. */
#define BIT1_64_32(name, expr)                                                                     \
	EXEC(name)                                                                                 \
	{                                                                                          \
		uint64_t a = U64(0);                                                               \
		uint32_t r = (uint32_t)(expr);                                                     \
                                                                                                   \
		D32(r);                                                                            \
		w->scc = r != 0;                                                                   \
	}
BIT1_32(s_not_b32, ~a)
BIT1_64(s_not_b64, ~a)

static uint64_t quad_any(uint64_t a)
{
	uint64_t any = (a | a >> 1 | a >> 2 | a >> 3) & 0x1111111111111111ull;

	return any;
}
BIT1_32(s_wqm_b32, (uint32_t)(quad_any(a) * 15))
BIT1_64(s_wqm_b64, quad_any(a) * 15)

static uint64_t quadmask(uint64_t a)
{
	uint64_t any = quad_any(a), r = 0;

	for (int q = 0; q < 16; q++)
		r |= (any >> (4 * q) & 1) << q;
	return r;
}
BIT1_32(s_quadmask_b32, (uint32_t)quadmask(a))
BIT1_64(s_quadmask_b64, quadmask(a))
BIT1_32(s_bcnt0_i32_b32, (uint32_t)__builtin_popcount(~a))
BIT1_32(s_bcnt1_i32_b32, (uint32_t)__builtin_popcount(a))
BIT1_64_32(s_bcnt0_i32_b64, __builtin_popcountll(~a))
BIT1_64_32(s_bcnt1_i32_b64, __builtin_popcountll(a))

static uint64_t brev(uint64_t a, unsigned int bits)
{
	uint64_t r = 0;

	for (unsigned int b = 0; b < bits; b++)
		r |= (a >> b & 1) << (bits - 1 - b);
	return r;
}
EXEC(s_brev_b32)
{
	D32((uint32_t)brev(U32(0), 32));
}
EXEC(s_brev_b64)
{
	D64(brev(U64(0), 64));
}
EXEC(s_ff0_i32_b32)
{
	D32(~U32(0) ? (uint32_t)__builtin_ctz(~U32(0)) : ~0u);
}
EXEC(s_ff0_i32_b64)
{
	D32(~U64(0) ? (uint32_t)__builtin_ctzll(~U64(0)) : ~0u);
}
EXEC(s_ff1_i32_b32)
{
	D32(U32(0) ? (uint32_t)__builtin_ctz(U32(0)) : ~0u);
}
EXEC(s_ff1_i32_b64)
{
	D32(U64(0) ? (uint32_t)__builtin_ctzll(U64(0)) : ~0u);
}
EXEC(s_flbit_i32_b32)
{
	D32(U32(0) ? (uint32_t)__builtin_clz(U32(0)) : ~0u);
}
EXEC(s_flbit_i32_b64)
{
	D32(U64(0) ? (uint32_t)__builtin_clzll(U64(0)) : ~0u);
}
EXEC(s_flbit_i32)
{
	int32_t a = (int32_t)U32(0);

	D32(a && a != -1 ? (uint32_t)__builtin_clrsb(a) + 1 : ~0u);
}
EXEC(s_flbit_i32_i64)
{
	int64_t a = (int64_t)U64(0);

	D32(a && a != -1 ? (uint32_t)__builtin_clrsbll(a) + 1 : ~0u);
}
EXEC(s_sext_i32_i8)
{
	D32((uint32_t)(int8_t)U32(0));
}
EXEC(s_sext_i32_i16)
{
	D32((uint32_t)(int16_t)U32(0));
}
EXEC(s_bitset0_b32)
{
	D32(w->s[i->dst] & ~(1u << (U32(0) & 31)));
}
EXEC(s_bitset1_b32)
{
	D32(w->s[i->dst] | 1u << (U32(0) & 31));
}
EXEC(s_bitset0_b64)
{
	D64(operand_u64(w, i, i->dst) & ~(1ull << (U32(0) & 63)));
}
EXEC(s_bitset1_b64)
{
	D64(operand_u64(w, i, i->dst) | 1ull << (U32(0) & 63));
}
EXEC(s_bitreplicate_b64_b32)
{
	uint32_t a = U32(0);
	uint64_t r = 0;

	for (int b = 0; b < 32; b++)
		r |= (uint64_t)(a >> b & 1) * 3 << (2 * b);
	D64(r);
}
EXEC(s_abs_i32)
{
	int32_t a = (int32_t)U32(0);
	uint32_t r = a < 0 ? -(uint32_t)a : (uint32_t)a;

	D32(r);
	w->scc = r != 0;
}

/* pc has moved past the instruction when these run. */
EXEC(s_getpc_b64)
{
	D64(w->pc);
}
EXEC(s_setpc_b64)
{
	w->pc = U64(0);
}
EXEC(s_swappc_b64)
{
	uint64_t to = U64(0);

	D64(w->pc);
	w->pc = to;
}
EXEC(s_call_b64)
{
	D64(w->pc);
	w->pc += (uint64_t)((int64_t)i->imm * 4);
}

/* D = EXEC; EXEC = f(source a, EXEC e); SCC = EXEC != 0. wrexec: D = EXEC as well. */
#define SAVEEXEC_32(name, expr)                                                                    \
	EXEC(name##_b32)                                                                           \
	{                                                                                          \
		uint32_t a = U32(0), e = w->s[SREG_EXEC_LO], r = (expr);                           \
                                                                                                   \
		D32(e);                                                                            \
		sreg_write(w, SREG_EXEC_LO, r);                                                    \
		w->scc = r != 0;                                                                   \
	}
#define SAVEEXEC_64(name, expr)                                                                    \
	EXEC(name##_b64)                                                                           \
	{                                                                                          \
		uint64_t a = U64(0), e = operand_u64(w, i, SREG_EXEC_LO), r = (expr);              \
                                                                                                   \
		D64(e);                                                                            \
		sreg_write64(w, SREG_EXEC_LO, r);                                                  \
		w->scc = r != 0;                                                                   \
	}
#define SAVEEXEC(name, expr) SAVEEXEC_32(name, expr) SAVEEXEC_64(name, expr)
SAVEEXEC(s_and_saveexec, a & e)
SAVEEXEC(s_or_saveexec, a | e)
SAVEEXEC(s_xor_saveexec, a ^ e)
SAVEEXEC(s_andn2_saveexec, a & ~e)
SAVEEXEC(s_orn2_saveexec, a | ~e)
SAVEEXEC(s_nand_saveexec, ~(a & e))
SAVEEXEC(s_nor_saveexec, ~(a | e))
SAVEEXEC(s_xnor_saveexec, ~(a ^ e))
SAVEEXEC(s_andn1_saveexec, ~a & e)
SAVEEXEC(s_orn1_saveexec, ~a | e)
#define WREXEC(name, expr)                                                                         \
	EXEC(name##_b32)                                                                           \
	{                                                                                          \
		uint32_t a = U32(0), e = w->s[SREG_EXEC_LO], r = (expr);                           \
                                                                                                   \
		sreg_write(w, SREG_EXEC_LO, r);                                                    \
		D32(r);                                                                            \
		w->scc = r != 0;                                                                   \
	}                                                                                          \
	EXEC(name##_b64)                                                                           \
	{                                                                                          \
		uint64_t a = U64(0), e = operand_u64(w, i, SREG_EXEC_LO), r = (expr);              \
                                                                                                   \
		sreg_write64(w, SREG_EXEC_LO, r);                                                  \
		D64(r);                                                                            \
		w->scc = r != 0;                                                                   \
	}
WREXEC(s_andn1_wrexec, ~a & e)
WREXEC(s_andn2_wrexec, a & ~e)

/* Relative moves: M0 is added to the register number. */
EXEC(s_movrels_b32)
{
	D32(operand_u32(w, i, i->src[0] + w->s[SREG_M0]));
}
EXEC(s_movrels_b64)
{
	D64(operand_u64(w, i, i->src[0] + w->s[SREG_M0]));
}
EXEC(s_movreld_b32)
{
	sreg_write(w, i->dst + w->s[SREG_M0], U32(0));
}
EXEC(s_movreld_b64)
{
	sreg_write64(w, i->dst + w->s[SREG_M0], U64(0));
}

EXEC(s_movrelsd_2_b32)
{
	sreg_write(w, i->dst + (w->s[SREG_M0] >> 16 & 0x3ff),
		   operand_u32(w, i, i->src[0] + (w->s[SREG_M0] & 0x3ff)));
}

/* ---- SOPC, SOPK compares ---- */

#define CMP(name, type, op)                                                                        \
	EXEC(s_cmp_##name)                                                                         \
	{                                                                                          \
		w->scc = (type)U32(0) op(type) U32(1);                                             \
	}
#define CMPK(name, type, imm_type, op)                                                             \
	EXEC(s_cmpk_##name)                                                                        \
	{                                                                                          \
		w->scc = (type)w->s[i->dst] op(type)(imm_type) i->imm;                             \
	}
#define CMPS(suffix, op)                                                                           \
	CMP(suffix##_i32, int32_t, op)                                                             \
	CMP(suffix##_u32, uint32_t, op)                                                            \
	CMPK(suffix##_i32, int32_t, int16_t, op)                                                   \
	CMPK(suffix##_u32, uint32_t, uint16_t, op)
CMPS(eq, ==)
CMPS(lg, !=)
CMPS(gt, >)
CMPS(ge, >=)
CMPS(lt, <)
CMPS(le, <=)
EXEC(s_cmp_eq_u64)
{
	w->scc = U64(0) == U64(1);
}
EXEC(s_cmp_lg_u64)
{
	w->scc = U64(0) != U64(1);
}
EXEC(s_bitcmp0_b32)
{
	w->scc = !(U32(0) >> (U32(1) & 31) & 1);
}
EXEC(s_bitcmp1_b32)
{
	w->scc = U32(0) >> (U32(1) & 31) & 1;
}
EXEC(s_bitcmp0_b64)
{
	w->scc = !(U64(0) >> (U32(1) & 63) & 1);
}
EXEC(s_bitcmp1_b64)
{
	w->scc = U64(0) >> (U32(1) & 63) & 1;
}

/* ---- SOPK ---- */

EXEC(s_movk_i32)
{
	D32((uint32_t)i->imm);
}
EXEC(s_cmovk_i32)
{
	if (w->scc)
		D32((uint32_t)i->imm);
}
EXEC(s_addk_i32)
{
	int32_t r;
	bool overflow = __builtin_add_overflow((int32_t)w->s[i->dst], i->imm, &r);

	D32((uint32_t)r);
	w->scc = overflow;
}
EXEC(s_mulk_i32)
{
	D32(w->s[i->dst] * (uint32_t)i->imm);
}
EXEC(s_version)
{
}

/* Hardware registers (RDNA 1.0 ISA, "Hardware Register Values"). */
enum {
	HWREG_MODE = 1,
	HWREG_STATUS = 2,
	HWREG_TRAPSTS = 3,
	HWREG_HW_ID = 4,
	HWREG_GPR_ALLOC = 5,
	HWREG_LDS_ALLOC = 6,
	HWREG_IB_STS = 7,
	HWREG_SH_MEM_BASES = 15,
	HWREG_FLAT_SCR_LO = 20,
	HWREG_FLAT_SCR_HI = 21,
	HWREG_XNACK_MASK = 22,
	HWREG_HW_ID1 = 23,
	HWREG_HW_ID2 = 24,
};

static bool hwreg_read(struct wave *w, unsigned int id, uint32_t *value)
{
	switch (id) {
	case HWREG_MODE:
		*value = w->mode;
		return true;
	case HWREG_STATUS:
		*value = (uint32_t)w->scc | (w->s[SREG_EXEC_LO] | w->s[SREG_EXEC_HI] ? 0 : 1u << 9) |
			 (w->s[SREG_VCC_LO] | w->s[SREG_VCC_HI] ? 0 : 1u << 10) | 1u << 16;
		return true;
	case HWREG_TRAPSTS:
		*value = w->trapsts;
		return true;
	case HWREG_HW_ID:
	case HWREG_HW_ID1:
	case HWREG_HW_ID2:
		*value = w->id;
		return true;
	case HWREG_LDS_ALLOC: /* LDS_SIZE in 128-dword units, bits 20:12 */
		*value = ((w->lds_bytes + 511) / 512) << 12;
		return true;
	case HWREG_GPR_ALLOC:
	case HWREG_IB_STS:
	case HWREG_XNACK_MASK:
		*value = 0;
		return true;
	case HWREG_SH_MEM_BASES: /* private base 15:0, shared base 31:16, each address bits 63:48 */
		*value = (uint32_t)(CAPS_SCRATCH_BASE >> 48) | (uint32_t)(CAPS_LDS_BASE >> 48) << 16;
		return true;
	case HWREG_FLAT_SCR_LO:
		*value = (uint32_t)w->flat_scratch;
		return true;
	case HWREG_FLAT_SCR_HI:
		*value = (uint32_t)(w->flat_scratch >> 32);
		return true;
	default:
		return false;
	}
}

static void hwreg_write(struct wave *w, unsigned int id, uint32_t value)
{
	switch (id) {
	case HWREG_MODE:
		wave_set_mode(w, value);
		break;
	case HWREG_TRAPSTS:
		w->trapsts = value;
		break;
	case HWREG_FLAT_SCR_LO:
		w->flat_scratch = (w->flat_scratch & 0xffffffff00000000ull) | value;
		break;
	case HWREG_FLAT_SCR_HI:
		w->flat_scratch = (uint32_t)w->flat_scratch | (uint64_t)value << 32;
		break;
	case HWREG_STATUS:
	case HWREG_XNACK_MASK:
		break; /* privileged or without effect here */
	default:
		wave_gap(w, "s_setreg of this hardware register");
	}
}

static uint32_t field_mask(int32_t simm16)
{
	uint32_t size = ((uint32_t)simm16 >> 11 & 31) + 1;

	return size == 32 ? ~0u : (1u << size) - 1;
}

EXEC(s_getreg_b32)
{
	uint32_t value;

	if (!hwreg_read(w, (uint32_t)i->imm & 63, &value)) {
		wave_gap(w, "s_getreg of this hardware register");
		return;
	}
	D32(value >> ((uint32_t)i->imm >> 6 & 31) & field_mask(i->imm));
}

static void setreg(struct wave *w, const struct insn *i, uint32_t value)
{
	uint32_t offset = (uint32_t)i->imm >> 6 & 31, mask = field_mask(i->imm) << offset, old = 0;

	hwreg_read(w, (uint32_t)i->imm & 63, &old);
	hwreg_write(w, (uint32_t)i->imm & 63, (old & ~mask) | (value << offset & mask));
}

EXEC(s_setreg_b32)
{
	setreg(w, i, w->s[i->dst]);
}
EXEC(s_setreg_imm32_b32)
{
	setreg(w, i, i->literal);
}

/* ---- SOPP ---- */

#define NOTHING(name)                                                                              \
	EXEC(name)                                                                                 \
	{                                                                                          \
	}
/* Memory is coherent and in order here, so waiting is done when it is asked for. */
NOTHING(s_nop)
NOTHING(s_waitcnt)
NOTHING(s_waitcnt_vscnt)
NOTHING(s_waitcnt_vmcnt)
NOTHING(s_waitcnt_expcnt)
NOTHING(s_waitcnt_lgkmcnt)
NOTHING(s_waitcnt_depctr)
NOTHING(s_clause)
NOTHING(s_inst_prefetch)
NOTHING(s_sleep)
NOTHING(s_setprio)
NOTHING(s_wakeup)
NOTHING(s_icache_inv)
NOTHING(s_incperflevel)
NOTHING(s_decperflevel)
NOTHING(s_ttracedata)
NOTHING(s_ttracedata_imm)
NOTHING(s_wait_idle)
/* No debugger and no conditional debug bits are set. */
NOTHING(s_cbranch_cdbgsys)
NOTHING(s_cbranch_cdbguser)
NOTHING(s_cbranch_cdbgsys_or_user)
NOTHING(s_cbranch_cdbgsys_and_user)

EXEC(s_endpgm)
{
	w->state = WAVE_DONE;
	w->stop = true;
}
EXEC(s_endpgm_saved)
{
	w->state = WAVE_DONE;
	w->stop = true;
}
EXEC(s_endpgm_ordered_ps_done)
{
	w->state = WAVE_DONE;
	w->stop = true;
}
/* Marks the end of a program for tools and raises an illegal instruction when it is reached. */
EXEC(s_code_end)
{
	wave_fault(w, EMU_FAULT_illegal, 0, 0, false, NO_LANE);
}
EXEC(s_setkill)
{
	if (i->imm & 1) {
		w->state = WAVE_DONE;
		w->stop = true;
	}
}
/* Nobody is there to let a halted wave go on: it stays where it is. */
static void halt(struct wave *w)
{
	w->pc = w->at;
	w->state = WAVE_HALTED;
	w->stop = true;
}
EXEC(s_sethalt)
{
	if (i->imm & 1)
		halt(w);
}
EXEC(s_barrier)
{
	w->state = WAVE_BARRIER;
	w->stop = true;
}

static inline void branch(struct wave *w, const struct insn *i, bool taken)
{
	if (taken)
		w->pc += (uint64_t)((int64_t)i->imm * 4);
}
EXEC(s_branch)
{
	branch(w, i, true);
}
EXEC(s_cbranch_scc0)
{
	branch(w, i, !w->scc);
}
EXEC(s_cbranch_scc1)
{
	branch(w, i, w->scc);
}
EXEC(s_cbranch_vccz)
{
	branch(w, i, !sreg_read_mask(w, i, SREG_VCC_LO));
}
EXEC(s_cbranch_vccnz)
{
	branch(w, i, sreg_read_mask(w, i, SREG_VCC_LO));
}
EXEC(s_cbranch_execz)
{
	branch(w, i, !wave_exec(w));
}
EXEC(s_cbranch_execnz)
{
	branch(w, i, wave_exec(w));
}
EXEC(s_round_mode)
{
	wave_set_mode(w, (w->mode & ~0xfu) | ((uint32_t)i->imm & 0xf));
}
EXEC(s_denorm_mode)
{
	wave_set_mode(w, (w->mode & ~0xf0u) | ((uint32_t)i->imm & 0xf) << 4);
}

/* Trap 2 is llvm.trap, 3 llvm.debugtrap, which no debugger is here to take (LLVM AMDGPUUsage). */
EXEC(s_trap)
{
	if ((i->imm & 0xff) != 3)
		wave_fault(w, EMU_FAULT_trap, 0, 0, false, NO_LANE);
}

EXEC(s_sendmsg)
{
	if ((i->imm & 0xf) == 1) /* MSG_INTERRUPT */
		device_interrupt(w, w->s[SREG_M0] & 0x7fffff);
	else if (i->imm & 0xf)
		wave_gap(w, "s_sendmsg of this message");
}
EXEC(s_sendmsghalt)
{
	exec_s_sendmsg(w, i);
	if (!w->stop)
		halt(w);
}

/*
 * A loop over the two halves of a wave64, for code that must see 32 lanes at a time: the register
 * keeps the other half's EXEC.
 */
EXEC(s_subvector_loop_begin)
{
	if (!wave_exec(w)) {
		branch(w, i, true);
	} else if (!w->s[SREG_EXEC_LO]) {
		sreg_write(w, i->dst, 0); /* the high pass only */
	} else {
		sreg_write(w, i->dst, w->s[SREG_EXEC_HI]);
		sreg_write(w, SREG_EXEC_HI, 0);
	}
}
EXEC(s_subvector_loop_end)
{
	if (w->s[SREG_EXEC_HI]) {
		sreg_write(w, SREG_EXEC_LO, w->s[i->dst]);
	} else if (w->s[i->dst]) {
		sreg_write(w, SREG_EXEC_HI, w->s[i->dst]);
		sreg_write(w, i->dst, w->s[SREG_EXEC_LO]);
		sreg_write(w, SREG_EXEC_LO, 0);
		branch(w, i, true);
	}
}
