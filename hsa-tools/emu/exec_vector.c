// SPDX-License-Identifier: MIT
/*
 * Vector instructions (RDNA 1.0 ISA, sections 12.7 to 12.12). Built once for every x86-64 and once
 * for CPUs with AVX2 and FMA (EXEC_VARIANT); the loops over lanes are written for the compiler to
 * vectorise.
 *
 * An instruction is one line: name, types of destination and sources, and an expression of s0, s1,
 * s2, d (the old destination). Source modifiers, SDWA, DPP, clamp and omod are applied around it.
 */
#include "lanes.h"

/* ---- moves and bit operations ---- */

V1(v_mov_b32, u32, u32, s0)
V1(v_not_b32, u32, u32, ~s0)
V1(v_bfrev_b32, u32, u32, bitrev32(s0))
V1(v_ffbh_u32, u32, u32, s0 ? (uint32_t)__builtin_clz(s0) : ~0u)
V1(v_ffbl_b32, u32, u32, s0 ? (uint32_t)__builtin_ctz(s0) : ~0u)
V1(v_ffbh_i32, u32, i32, s0 && s0 != -1 ? (uint32_t)__builtin_clrsb(s0) + 1 : ~0u)
V2(v_and_b32, u32, u32, u32, s0 & s1)
V2(v_or_b32, u32, u32, u32, s0 | s1)
V2(v_xor_b32, u32, u32, u32, s0 ^ s1)
V2(v_xnor_b32, u32, u32, u32, ~(s0 ^ s1))
V2(v_lshlrev_b32, u32, u32, u32, s1 << (s0 & 31))
V2(v_lshrrev_b32, u32, u32, u32, s1 >> (s0 & 31))
V2(v_ashrrev_i32, i32, u32, i32, s1 >> (s0 & 31))
V2(v_lshlrev_b64, u64, u32, u64, s1 << (s0 & 63))
V2(v_lshrrev_b64, u64, u32, u64, s1 >> (s0 & 63))
V2(v_ashrrev_i64, i64, u32, i64, s1 >> (s0 & 63))
V2(v_bfm_b32, u32, u32, u32, ((1u << (s0 & 31)) - 1) << (s1 & 31))
V2(v_bcnt_u32_b32, u32, u32, u32, (uint32_t)__builtin_popcount(s0) + s1)
V3(v_and_or_b32, u32, u32, u32, u32, (s0 & s1) | s2)
V3(v_or3_b32, u32, u32, u32, u32, s0 | s1 | s2)
V3(v_xor3_b32, u32, u32, u32, u32, s0 ^ s1 ^ s2)
V3(v_lshl_or_b32, u32, u32, u32, u32, s0 << (s1 & 31) | s2)
V3(v_bfi_b32, u32, u32, u32, u32, (s0 & s1) | (~s0 & s2))
V3(v_bfe_u32, u32, u32, u32, u32, s0 >> (s1 & 31) & ((1u << (s2 & 31)) - 1))
static inline int32_t bfe_i32(int32_t v, uint32_t offset, uint32_t width)
{
	if (!width)
		return 0;
	if (offset + width >= 32)
		return v >> offset;
	return (int32_t)((uint32_t)v << (32 - offset - width)) >> (32 - width);
}
V3(v_bfe_i32, i32, i32, u32, u32, bfe_i32(s0, s1 & 31, s2 & 31))
V3(v_alignbit_b32, u32, u32, u32, u32, (uint32_t)(((uint64_t)s0 << 32 | s1) >> (s2 & 31)))
V3(v_alignbyte_b32, u32, u32, u32, u32, (uint32_t)(((uint64_t)s0 << 32 | s1) >> (8 * (s2 & 3))))
V3(v_perm_b32, u32, u32, u32, u32, perm_bytes(s0, s1, s2))

/* ---- integers ---- */

/*
 * With CLAMP an integer result saturates to the range of its type: clang makes a > b ? a - b : 0 of
 * it. `sum` is the exact result, of 64-bit operands.
 */
#define SATURATE_u32(x) (uint32_t)MAX(MIN(x, UINT32_MAX), 0)
#define SATURATE_i32(x) (uint32_t)MAX(MIN(x, INT32_MAX), INT32_MIN)
#define WIDE2 int64_t s0 = a0[l], s1 = a1[l];
#define WIDE3 WIDE2 int64_t s2 = a2[l];
#define V2_SAT(name, T, sum)                                                                       \
	EXEC(name)                                                                                 \
	{                                                                                          \
		FETCH2(T, T)                                                                       \
		if (i->clamp)                                                                      \
			BODY32(u32, WIDE2, SATURATE_##T(sum))                                      \
		else                                                                               \
			BODY32(u32, BIND2(u32, u32), (uint32_t)(sum))                              \
	}
#define V3_SAT(name, T, sum)                                                                       \
	EXEC(name)                                                                                 \
	{                                                                                          \
		FETCH3(T, T, T)                                                                    \
		if (i->clamp)                                                                      \
			BODY32(u32, WIDE3, SATURATE_##T(sum))                                      \
		else                                                                               \
			BODY32(u32, WIDE3, (uint32_t)(sum))                                        \
	}
V2_SAT(v_add_nc_u32, u32, s0 + s1)
V2_SAT(v_sub_nc_u32, u32, s0 - s1)
V2_SAT(v_subrev_nc_u32, u32, s1 - s0)
V2_SAT(v_add_nc_i32, i32, s0 + s1)
V2_SAT(v_sub_nc_i32, i32, s0 - s1)
V2(v_min_i32, i32, i32, i32, MIN(s0, s1))
V2(v_max_i32, i32, i32, i32, MAX(s0, s1))
V2(v_min_u32, u32, u32, u32, MIN(s0, s1))
V2(v_max_u32, u32, u32, u32, MAX(s0, s1))
V3(v_min3_i32, i32, i32, i32, i32, MIN(MIN(s0, s1), s2))
V3(v_max3_i32, i32, i32, i32, i32, MAX(MAX(s0, s1), s2))
V3(v_med3_i32, i32, i32, i32, i32, MED3(s0, s1, s2))
V3(v_min3_u32, u32, u32, u32, u32, MIN(MIN(s0, s1), s2))
V3(v_max3_u32, u32, u32, u32, u32, MAX(MAX(s0, s1), s2))
V3(v_med3_u32, u32, u32, u32, u32, MED3(s0, s1, s2))
V2(v_mul_lo_u32, u32, u32, u32, s0 *s1)
V2(v_mul_lo_i32, u32, u32, u32, s0 *s1)
V2(v_mul_hi_u32, u32, u32, u32, (uint32_t)((uint64_t)s0 * s1 >> 32))
V2(v_mul_hi_i32, i32, i32, i32, (int32_t)((int64_t)s0 * s1 >> 32))
V2(v_mul_u32_u24, u32, u32, u32, (s0 & 0xffffff) * (s1 & 0xffffff))
V2(v_mul_i32_i24, u32, u32, u32, (uint32_t)sext24(s0) * (uint32_t)sext24(s1))
V2(v_mul_hi_u32_u24, u32, u32, u32, (uint32_t)((uint64_t)(s0 & 0xffffff) * (s1 & 0xffffff) >> 32))
V2(v_mul_hi_i32_i24, i32, u32, u32, (int32_t)((int64_t)sext24(s0) * sext24(s1) >> 32))
V3_SAT(v_mad_u32_u24, u32, (s0 & 0xffffff) * (s1 & 0xffffff) + s2)
V3_SAT(v_mad_i32_i24, i32, (int64_t)sext24((uint32_t)s0) * sext24((uint32_t)s1) + s2)
V3_SAT(v_mad_u32_u16, u32, (s0 >> (i->opsel & 1 ? 16 : 0) & 0xffff) * (s1 >> (i->opsel & 2 ? 16 : 0) & 0xffff) + s2)
V3(v_add3_u32, u32, u32, u32, u32, s0 + s1 + s2)
V3(v_lshl_add_u32, u32, u32, u32, u32, (s0 << (s1 & 31)) + s2)
V3(v_add_lshl_u32, u32, u32, u32, u32, (s0 + s1) << (s2 & 31))
V3(v_xad_u32, u32, u32, u32, u32, (s0 ^ s1) + s2)
V3_SAT(v_sad_u8, u32, sad_u8((uint32_t)s0, (uint32_t)s1, false) + s2)
V3_SAT(v_msad_u8, u32, sad_u8((uint32_t)s0, (uint32_t)s1, true) + s2)
V3_SAT(v_sad_hi_u8, u32, ((int64_t)sad_u8((uint32_t)s0, (uint32_t)s1, false) << 16) + s2)
V3_SAT(v_sad_u32, u32, (s0 > s1 ? s0 - s1 : s1 - s0) + s2)

/* ---- carries: a 32-bit result and a lane mask ---- */

/*
 * `r` is the result of s0, s1 and the carry that comes in, c (0 or 1); `over` whether it left the 32
 * bits. With CLAMP such a result is the end it left by.
 */
#define CARRY(name, C, r, over, end)                                                               \
	EXEC(name)                                                                                 \
	{                                                                                          \
		FETCH2(u32, u32)                                                                   \
		uint32_t out[WAVE_MAX_LANES], carry[WAVE_MAX_LANES];                               \
		unsigned int n = wave_lanes(w);                                                    \
                                                                                                   \
		C LANES_INDEPENDENT                                                                \
		{                                                                                  \
			uint32_t s0 = a0[l], s1 = a1[l], c = CARRY_BIT, v = (r);                   \
                                                                                                   \
			(void)c;                                                                   \
			out[l] = v;                                                                \
			carry[l] = (over) ? ~0u : 0;                                               \
		}                                                                                  \
		if (i->clamp)                                                                      \
			LANES out[l] = carry[l] ? (end) : out[l];                                  \
		put32(w, i, out, false);                                                           \
		sreg_write_mask(w, i->sdst, pack_mask(w, i, carry));                               \
	}
#define NO_CARRY
#define CARRY_BIT 0
CARRY(v_add_co_u32, NO_CARRY, s0 + s1, v < s0, ~0u)
CARRY(v_sub_co_u32, NO_CARRY, s0 - s1, s0 < s1, 0)
CARRY(v_subrev_co_u32, NO_CARRY, s1 - s0, s1 < s0, 0)
#undef CARRY_BIT
#define CARRY_BIT (in[l] & 1)
#define TAKE_CARRY                                                                                 \
	uint32_t in[WAVE_MAX_LANES];                                                               \
                                                                                                   \
	wave_expand_mask(in, sreg_read_mask(w, i, i->src[2]), w->lanes);
CARRY(v_add_co_ci_u32, TAKE_CARRY, s0 + s1 + c, (v < s0) | ((v == s0) & c), ~0u)
CARRY(v_sub_co_ci_u32, TAKE_CARRY, s0 - s1 - c, (s0 < s1) | ((s0 == s1) & c), 0)
CARRY(v_subrev_co_ci_u32, TAKE_CARRY, s1 - s0 - c, (s1 < s0) | ((s1 == s0) & c), 0)

/* 64-bit multiply-add with carry out. */
EXEC(v_mad_u64_u32)
{
	FETCH3(u32, u32, u64)
	uint64_t out[WAVE_MAX_LANES];
	uint32_t carry[WAVE_MAX_LANES];
	unsigned int n = w->lanes;

	LANES
	{
		uint64_t p = (uint64_t)a0[l] * a1[l];

		out[l] = p + a2[l];
		carry[l] = out[l] < p ? ~0u : 0;
		if (i->clamp && carry[l])
			out[l] = UINT64_MAX;
	}
	store64(w, i, out, false);
	sreg_write_mask(w, i->sdst, pack_mask(w, i, carry));
}
EXEC(v_mad_i64_i32)
{
	FETCH3(i32, i32, i64)
	uint64_t out[WAVE_MAX_LANES];
	uint32_t carry[WAVE_MAX_LANES];
	unsigned int n = w->lanes;

	LANES
	{
		int64_t r;

		carry[l] = __builtin_add_overflow((int64_t)a0[l] * a1[l], a2[l], &r) ? ~0u : 0;
		out[l] = (uint64_t)r;
		if (i->clamp && carry[l]) /* it overflowed to where the addend pointed */
			out[l] = (uint64_t)(a2[l] < 0 ? INT64_MIN : INT64_MAX);
	}
	store64(w, i, out, false);
	sreg_write_mask(w, i->sdst, pack_mask(w, i, carry));
}

/* The selecting mask is a scalar: VCC, or source 2 of VOP3. */
EXEC(v_cndmask_b32)
{
	FETCH2(f32, f32)
	uint32_t out[WAVE_MAX_LANES], picked[WAVE_MAX_LANES];
	uint64_t pick = sreg_read_mask(w, i, i->src[2]);
	unsigned int n = w->lanes & ~31u;

	wave_expand_mask(picked, pick, w->lanes);
	LANES_INDEPENDENT out[l] = (((const u32 *)a1)[l] & picked[l]) | (((const u32 *)a0)[l] & ~picked[l]);
	put32(w, i, out, false);
}

/* ---- f32 ---- */

V2(v_add_f32, f32, f32, f32, s0 + s1)
V2(v_sub_f32, f32, f32, f32, s0 - s1)
V2(v_subrev_f32, f32, f32, f32, s1 - s0)
V2(v_mul_f32, f32, f32, f32, s0 *s1)
/* The DX9 rule: 0 times anything is 0. */
V2(v_mul_legacy_f32, f32, f32, f32, s0 == 0 || s1 == 0 ? 0.0f : s0 * s1)
#define MIN3_F32(a, b, c) min_f32(min_f32(a, b), c)
#define MAX3_F32(a, b, c) max_f32(max_f32(a, b), c)
V2_CHOICE(v_min_f32, f32, min_f32)
V2_CHOICE(v_max_f32, f32, max_f32)
V3_CHOICE(v_min3_f32, f32, MIN3_F32)
V3_CHOICE(v_max3_f32, f32, MAX3_F32)
V3_CHOICE(v_med3_f32, f32, med3_f32)
V3(v_fma_f32, f32, f32, f32, f32, fma32(s0, s1, s2))
V2(v_fmac_f32, f32, f32, f32, fma32(s0, s1, float_of(d)))
V2(v_fmaak_f32, f32, f32, f32, fma32(s0, s1, float_of(i->literal)))
V2(v_fmamk_f32, f32, f32, f32, fma32(s0, float_of(i->literal), s1))
/* MAD and MAC round twice and flush denormals (RDNA 1.0 ISA, V_MAD_F32). */
#define MAD(a, b, c) flush32(flush32(flush32(a) * flush32(b)) + flush32(c))
V3(v_mad_f32, f32, f32, f32, f32, MAD(s0, s1, s2))
V2(v_mac_f32, f32, f32, f32, MAD(s0, s1, float_of(d)))
V2(v_madak_f32, f32, f32, f32, MAD(s0, s1, float_of(i->literal)))
V2(v_madmk_f32, f32, f32, f32, MAD(s0, float_of(i->literal), s1))
#define MAD_LEGACY(a, b, c)                                                                        \
	flush32((flush32(a) == 0 || flush32(b) == 0 ? 0.0f : flush32(flush32(a) * flush32(b))) + flush32(c))
V3(v_mad_legacy_f32, f32, f32, f32, f32, MAD_LEGACY(s0, s1, s2))
V2(v_mac_legacy_f32, f32, f32, f32, MAD_LEGACY(s0, s1, float_of(d)))
V1(v_trunc_f32, f32, f32, trunc32(s0))
V1(v_floor_f32, f32, f32, floor32(s0))
V1(v_ceil_f32, f32, f32, ceil32(s0))
V1(v_rndne_f32, f32, f32, rint32(s0))
V1(v_fract_f32, f32, f32, fract32(s0))
/* "1ULP accuracy, denormals are flushed" (RDNA ISA, V_RCP_F32, V_RSQ_F32, V_SQRT_F32). */
V1(v_rcp_f32, f32, f32, flush32(1.0f / flush32(s0)))
V1(v_rcp_iflag_f32, f32, f32, flush32(1.0f / flush32(s0)))
V1(v_rsq_f32, f32, f32, (float)(1.0 / __builtin_sqrt((double)flush32(s0))))
V1(v_sqrt_f32, f32, f32, __builtin_sqrtf(flush32(s0)))
V1(v_exp_f32, f32, f32, exp2_32(s0))
V1(v_log_f32, f32, f32, log2_32(s0))
V1(v_sin_f32, f32, f32, sin_32(s0, 0))
V1(v_cos_f32, f32, f32, sin_32(s0, 0.25))
V1(v_frexp_exp_i32_f32, i32, f32, frexp_exp32(s0))
V1(v_frexp_mant_f32, f32, f32, frexp_mant32(s0))
V2(v_ldexp_f32, f32, f32, i32, ldexp32(s0, s1))
V3(v_div_fixup_f32, f32, f32, f32, f32, div_fixup32(s0, s1, s2))

/* ---- f64 ---- */

V2(v_add_f64, f64, f64, f64, s0 + s1)
V2(v_mul_f64, f64, f64, f64, s0 *s1)
V2_CHOICE(v_min_f64, f64, min_f64)
V2_CHOICE(v_max_f64, f64, max_f64)
/* Without FMA fma64 computes in software, which knows nothing of the host's flushing. */
V3_CHOICE(v_fma_f64, f64, fma64)
V1(v_trunc_f64, f64, f64, trunc64(s0))
V1(v_floor_f64, f64, f64, floor64(s0))
V1(v_ceil_f64, f64, f64, ceil64(s0))
V1(v_rndne_f64, f64, f64, rint64(s0))
V1(v_fract_f64, f64, f64, fract64(s0))
V1(v_rcp_f64, f64, f64, 1.0 / s0)
V1(v_rsq_f64, f64, f64, 1.0 / __builtin_sqrt(s0))
V1(v_sqrt_f64, f64, f64, __builtin_sqrt(s0))
V1(v_frexp_exp_i32_f64, i32, f64, frexp_exp64(s0))
V1(v_frexp_mant_f64, f64, f64, frexp_mant64(s0))
V2(v_ldexp_f64, f64, f64, i32, ldexp64(s0, s1))
V3(v_div_fixup_f64, f64, f64, f64, f64, div_fixup64(s0, s1, s2))

/* The first 1201 bits of 2 / pi behind the point, for V_TRIG_PREOP. */
static const uint64_t two_over_pi[] = {
	0xa2f9836e4e441529, 0xfc2757d1f534ddc0, 0xdb6295993c439041, 0xfe5163abdebbc561,
	0xb7246e3a424dd2e0, 0x06492eea09d1921c, 0xfe1deb1cb129a73e, 0xe88235f52ebb4484,
	0xe99c7026b45f7e41, 0x3991d639835339f4, 0x9c845f8bbdf9283b, 0x1ff897ffde05980f,
	0xef2f118b5a0a6d1f, 0x6d367ecf27cb09b7, 0x4f463f669e5fea2d, 0x7527bac7ebe5f17b,
	0x3d0739f78a5292ea, 0x6bfb5fb11f8d5d08, 0x56033046fc7b0000};

/* 53 bits of it, `segment` times 53 further on than where x begins to matter. */
static double trig_preop(double x, uint32_t segment)
{
	unsigned int shift = 53 * (segment & 31), e = (unsigned int)exponent64(x), at;
	uint64_t bits = 0;

	if (e > 1077)
		shift += e - 1077;
	at = shift / 64;
	if (at < sizeof(two_over_pi) / 8)
		bits = two_over_pi[at] << (shift % 64);
	if (shift % 64 && at + 1 < sizeof(two_over_pi) / 8)
		bits |= two_over_pi[at + 1] >> (64 - shift % 64);
	return ldexp64((double)(bits >> 11), -53 - (int)shift + (e >= 1968 ? 128 : 0));
}
V2(v_trig_preop_f64, f64, f64, u32, trig_preop(s0, s1))

/* ---- division: results with a lane mask ---- */

EXEC(v_div_scale_f32)
{
	FETCH3(f32, f32, f32)
	uint32_t out[WAVE_MAX_LANES], vcc[WAVE_MAX_LANES];
	unsigned int n = w->lanes;

	LANES
	{
		int flag;

		out[l] = bits32(div_scale32(a0[l], a1[l], a2[l], &flag));
		vcc[l] = flag ? ~0u : 0;
	}
	put32(w, i, out, false);
	sreg_write_mask(w, i->sdst, pack_mask(w, i, vcc));
}
EXEC(v_div_scale_f64)
{
	FETCH3(f64, f64, f64)
	uint64_t out[WAVE_MAX_LANES];
	uint32_t vcc[WAVE_MAX_LANES];
	unsigned int n = w->lanes;

	LANES
	{
		int flag;

		out[l] = bits64(div_scale64(a0[l], a1[l], a2[l], &flag));
		vcc[l] = flag ? ~0u : 0;
	}
	store64(w, i, out, false);
	sreg_write_mask(w, i->sdst, pack_mask(w, i, vcc));
}
EXEC(v_div_fmas_f32)
{
	FETCH3(f32, f32, f32)
	uint32_t out[WAVE_MAX_LANES];
	uint64_t vcc = sreg_read_mask(w, i, SREG_VCC_LO);
	unsigned int n = w->lanes;

	LANES out[l] = bits32(div_fmas32(a0[l], a1[l], a2[l], vcc >> l & 1));
	put32(w, i, out, true);
}
EXEC(v_div_fmas_f64)
{
	FETCH3(f64, f64, f64)
	uint64_t out[WAVE_MAX_LANES], vcc = sreg_read_mask(w, i, SREG_VCC_LO);
	unsigned int n = w->lanes;

	LANES out[l] = bits64(div_fmas64(a0[l], a1[l], a2[l], vcc >> l & 1));
	store64(w, i, out, true);
}

/* ---- conversions ---- */

V1(v_cvt_f32_i32, f32, i32, (float)s0)
V1(v_cvt_f32_u32, f32, u32, (float)s0)
V1(v_cvt_i32_f32, i32, f32, to_i32(s0))
V1(v_cvt_u32_f32, u32, f32, to_u32(s0))
V1(v_cvt_rpi_i32_f32, i32, f32, to_i32(floor64((double)s0 + 0.5)))
V1(v_cvt_flr_i32_f32, i32, f32, to_i32(floor64(s0)))
V1(v_cvt_f32_ubyte0, f32, u32, (float)(s0 & 255))
V1(v_cvt_f32_ubyte1, f32, u32, (float)(s0 >> 8 & 255))
V1(v_cvt_f32_ubyte2, f32, u32, (float)(s0 >> 16 & 255))
V1(v_cvt_f32_ubyte3, f32, u32, (float)(s0 >> 24))
V1(v_cvt_f32_f64, f32, f64, (float)s0)
V1(v_cvt_f64_f32, f64, f32, (double)s0)
V1(v_cvt_f64_i32, f64, i32, (double)s0)
V1(v_cvt_f64_u32, f64, u32, (double)s0)
V1(v_cvt_i32_f64, i32, f64, to_i32(trunc64(s0)))
V1(v_cvt_u32_f64, u32, f64, to_u32(trunc64(s0)))
V2(v_cvt_pk_u16_u32, u32, u32, u32, MIN(s0, 0xffffu) | MIN(s1, 0xffffu) << 16)
V2(v_cvt_pk_i16_i32, u32, i32, i32, ((uint32_t)MAX(MIN(s0, 32767), -32768) & 0xffff) | (uint32_t)MAX(MIN(s1, 32767), -32768) << 16)
static inline uint32_t pk_u8(float v, uint32_t byte, uint32_t old)
{
	uint32_t b = v > 0 ? (v < 255 ? (uint32_t)rint32(v) : 255) : 0;

	return (old & ~(255u << (8 * byte))) | b << (8 * byte);
}
V3(v_cvt_pk_u8_f32, u32, f32, u32, u32, pk_u8(s0, s1 & 3, s2))

/* ---- across lanes ---- */

/* A VGPR move whose register numbers M0 offsets. */
static void move_rel(struct wave *w, const struct insn *i, unsigned int src_off, unsigned int dst_off)
{
	const uint32_t *mask = wave_mask(w);
	unsigned int src = i->src[0] - OPERAND_VGPR + src_off;
	unsigned int dst = i->dst - OPERAND_VGPR + dst_off;
	uint32_t in[WAVE_MAX_LANES];

	if (dst >= NUM_VGPRS)
		return;
	if (i->src[0] < OPERAND_VGPR)
		broadcast(in, operand_u32(w, i, i->src[0]), w->lanes);
	else if (src < NUM_VGPRS)
		memcpy(in, wave_vgpr(w, src), w->lanes * 4);
	else
		memcpy(in, wave_vgpr(w, 0), w->lanes * 4);
	for (unsigned int l = 0; l < w->lanes; l++)
		if (mask[l])
			wave_vgpr(w, dst)[l] = in[l];
}
EXEC(v_movrels_b32)
{
	move_rel(w, i, w->s[SREG_M0], 0);
}
EXEC(v_movreld_b32)
{
	move_rel(w, i, 0, w->s[SREG_M0]);
}
EXEC(v_movrelsd_b32)
{
	move_rel(w, i, w->s[SREG_M0], w->s[SREG_M0]);
}
EXEC(v_movrelsd_2_b32)
{
	move_rel(w, i, w->s[SREG_M0] & 255, w->s[SREG_M0] >> 16 & 255);
}
EXEC(v_swap_b32)
{
	const uint32_t *mask = wave_mask(w);
	u32 *a = wave_vgpr(w, i->dst - OPERAND_VGPR), *b = wave_vgpr(w, i->src[0] & 255);

	for (unsigned int l = 0; l < w->lanes; l++)
		if (mask[l]) {
			uint32_t t = a[l];

			a[l] = b[l];
			b[l] = t;
		}
}
EXEC(v_readfirstlane_b32)
{
	uint64_t exec = wave_exec(w);
	unsigned int lane = exec ? (unsigned int)__builtin_ctzll(exec) : 0;

	sreg_write(w, i->dst,
		   i->src[0] >= OPERAND_VGPR ? wave_vgpr(w, i->src[0] - OPERAND_VGPR)[lane]
					     : operand_u32(w, i, i->src[0]));
}
EXEC(v_readlane_b32)
{
	unsigned int lane = operand_u32(w, i, i->src[1]) & (w->lanes - 1);

	sreg_write(w, i->dst,
		   i->src[0] >= OPERAND_VGPR ? wave_vgpr(w, i->src[0] - OPERAND_VGPR)[lane]
					     : operand_u32(w, i, i->src[0]));
}
EXEC(v_writelane_b32)
{
	unsigned int lane = operand_u32(w, i, i->src[1]) & (w->lanes - 1);

	wave_vgpr(w, i->dst - OPERAND_VGPR)[lane] = operand_u32(w, i, i->src[0]);
}
static inline uint32_t below(unsigned int lane, unsigned int base)
{
	if (lane < base)
		return 0;
	return lane - base >= 32 ? ~0u : (1u << (lane - base)) - 1;
}
EXEC(v_mbcnt_lo_u32_b32)
{
	FETCH2(u32, u32)
	uint32_t out[WAVE_MAX_LANES];
	unsigned int n = w->lanes;

	LANES out[l] = (uint32_t)__builtin_popcount(a0[l] & below(l, 0)) + a1[l];
	put32(w, i, out, false);
}
EXEC(v_mbcnt_hi_u32_b32)
{
	FETCH2(u32, u32)
	uint32_t out[WAVE_MAX_LANES];
	unsigned int n = w->lanes;

	LANES out[l] = (uint32_t)__builtin_popcount(a0[l] & below(l, 32)) + a1[l];
	put32(w, i, out, false);
}
EXEC(v_nop)
{
}
EXEC(v_pipeflush)
{
}
EXEC(v_clrexcp)
{
	w->trapsts &= ~0x1ffu;
}

/* ---- compares: v_cmp writes a lane mask, v_cmpx writes EXEC ---- */

#define COMPARED(T0, T1, cond)                                                                     \
	FETCH2(T0, T1)                                                                             \
	uint32_t c[WAVE_MAX_LANES];                                                                \
	unsigned int n = w->lanes & ~31u;                                                          \
                                                                                                   \
	LANES_INDEPENDENT                                                                          \
	{                                                                                          \
		T0 s0 = a0[l];                                                                     \
		T1 s1 = a1[l];                                                                     \
		(void)s0;                                                                          \
		(void)s1;                                                                          \
		c[l] = (cond) ? ~0u : 0;                                                           \
	}
#define COMPARE(name, T0, T1, cond)                                                                \
	EXEC(v_cmp_##name)                                                                         \
	{                                                                                          \
		COMPARED(T0, T1, cond)                                                             \
		sreg_write_mask(w, i->sdst, pack_mask(w, i, c));                                   \
	}                                                                                          \
	EXEC(v_cmpx_##name)                                                                        \
	{                                                                                          \
		COMPARED(T0, T1, cond)                                                             \
		wave_set_exec(w, pack_mask(w, i, c));                                              \
	}
#define COMPARE_INT(suffix, T)                                                                     \
	COMPARE(f_##suffix, T, T, 0)                                                               \
	COMPARE(lt_##suffix, T, T, s0 < s1)                                                        \
	COMPARE(eq_##suffix, T, T, s0 == s1)                                                       \
	COMPARE(le_##suffix, T, T, s0 <= s1)                                                       \
	COMPARE(gt_##suffix, T, T, s0 > s1)                                                        \
	COMPARE(ne_##suffix, T, T, s0 != s1)                                                       \
	COMPARE(ge_##suffix, T, T, s0 >= s1)                                                       \
	COMPARE(t_##suffix, T, T, 1)
COMPARE_INT(i32, i32)
COMPARE_INT(u32, u32)
COMPARE_INT(i64, i64)
COMPARE_INT(u64, u64)
#define COMPARE_F32(name, cond) COMPARE(name, f32, f32, cond)
#define COMPARE_F64(name, cond) COMPARE(name, f64, f64, cond)
FLOAT_COMPARES(COMPARE_F32, f32)
FLOAT_COMPARES(COMPARE_F64, f64)
COMPARE(class_f32, f32, u32, class32(s0) & s1)
COMPARE(class_f64, f64, u32, class64(s0) & s1)
#define COMPARE_16(cmp, op)                                                                        \
	COMPARE(cmp##_u16, u32, u32, (uint16_t)(s0 >> (i->opsel & 1 ? 16 : 0)) op                  \
					     (uint16_t)(s1 >> (i->opsel & 2 ? 16 : 0)))            \
	COMPARE(cmp##_i16, u32, u32, (int16_t)(s0 >> (i->opsel & 1 ? 16 : 0)) op                   \
					     (int16_t)(s1 >> (i->opsel & 2 ? 16 : 0)))
COMPARE_16(lt, <)
COMPARE_16(eq, ==)
COMPARE_16(le, <=)
COMPARE_16(gt, >)
COMPARE_16(ne, !=)
COMPARE_16(ge, >=)

/* ---- 16-bit integers: the high half of the destination stays (GFX10) ---- */

/*
 * op_sel takes the high half of a source (a bit each) and writes the high half (bit 3). `expr` is of
 * s0 and s1, each a half: its low 16 bits are the result.
 */
#define HALF(a, s) (a[l] >> (i->opsel >> s & 1 ? 16 : 0) & 0xffff)
#define HALVES2 uint32_t s0 = HALF(a0, 0), s1 = HALF(a1, 1);
#define TO_HALF(x)                                                                                 \
	(i->opsel & 8 ? (d & 0xffff) | (uint32_t)(x) << 16 : (d & 0xffff0000) | ((uint32_t)(x)&0xffff))
#define V2_16(name, expr)                                                                          \
	EXEC(name)                                                                                 \
	{                                                                                          \
		FETCH2(u32, u32)                                                                   \
		BODY32(u32, HALVES2, TO_HALF(expr))                                                \
	}
V2_16(v_lshlrev_b16, s1 << (s0 & 15))
V2_16(v_lshrrev_b16, s1 >> (s0 & 15))
V2_16(v_ashrrev_i16, (int16_t)s1 >> (s0 & 15))
V2_16(v_add_nc_u16, i->clamp ? MIN(s0 + s1, 0xffff) : s0 + s1)
V2_16(v_sub_nc_u16, i->clamp && s1 > s0 ? 0 : s0 - s1)
V2_16(v_mul_lo_u16, s0 *s1)
V2_16(v_min_u16, MIN(s0, s1))
V2_16(v_max_u16, MAX(s0, s1))
V2_16(v_min_i16, MIN((int16_t)s0, (int16_t)s1))
V2_16(v_max_i16, MAX((int16_t)s0, (int16_t)s1))
