// SPDX-License-Identifier: MIT
/*
 * 16-bit floats, packed and mixed 16-bit arithmetic (VOP3P), 16-bit integers of three operands, and
 * lane permutes (RDNA 1.0 ISA, sections 12.7 to 12.12). GFX10 keeps the half of a destination that
 * a 16-bit instruction does not write.
 *
 * Halves are computed as doubles and rounded once, by MODE (half.h).
 */
#include "lanes.h"
#include "half.h"

/* ---- sources: a row of halves ---- */

/* Inline floats of a 16-bit operand are halves. */
static bool half_constant(unsigned int code, uint32_t *h)
{
	static const uint16_t values[] = {0x3800, 0xb800, 0x3c00, 0xbc00, 0x4000,
					  0xc000, 0x4400, 0xc400, 0x3118};

	if (code < OPERAND_FLOAT || code >= OPERAND_FLOAT + 9)
		return false;
	*h = values[code - OPERAND_FLOAT];
	return true;
}

/* Source s as 32-bit rows; DPP and SDWA done, modifiers not. */
static void whole_source(struct wave *w, const struct insn *i, unsigned int s, uint32_t *out)
{
	uint32_t tmp[WAVE_MAX_LANES], h;

	if (half_constant(i->src[s], &h))
		broadcast(out, h, w->lanes);
	else
		memcpy(out, source32(w, i, s, tmp, false), w->lanes * 4);
}

static void float_modifiers(const struct wave *w, uint32_t *h, bool abs, bool neg)
{
	bool flush = !(w->mode >> 6 & 1); /* FP_DENORM of 16 and 64 bits: input denormals */

	for (unsigned int l = 0; l < w->lanes; l++) {
		if (flush)
			h[l] = flush_half(h[l]);
		if (abs)
			h[l] &= 0x7fff;
		if (neg)
			h[l] ^= 0x8000;
	}
}

/* The half that op_sel names. */
static void source16(struct wave *w, const struct insn *i, unsigned int s, bool is_float,
		     uint32_t *out)
{
	unsigned int shift = i->opsel >> s & 1 ? 16 : 0, n = w->lanes;

	whole_source(w, i, s, out);
	LANES out[l] = out[l] >> shift & 0xffff;
	if (is_float)
		float_modifiers(w, out, i->abs >> s & 1, i->neg >> s & 1);
}

/* The half of a packed source that the low or the high result is made of. */
static void source_packed(struct wave *w, const struct insn *i, unsigned int s, bool high,
			  bool is_float, uint32_t *out)
{
	unsigned int shift = (high ? i->opsel_hi : i->opsel) >> s & 1 ? 16 : 0, n = w->lanes;

	whole_source(w, i, s, out);
	LANES out[l] = out[l] >> shift & 0xffff;
	if (is_float)
		float_modifiers(w, out, false, (high ? i->neg_hi : i->neg) >> s & 1);
}

/* ---- destinations ---- */

static uint32_t round_half_by(const struct wave *w, const struct insn *i, double x, enum round mode)
{
	uint32_t h;

	/* The modifiers take the rounded result: see out_mods32. */
	if (i->omod && !OMOD_IGNORED_16_64(w)) {
		h = flush_half(half_of_double(x, mode));
		h = flush_half(half_of_double(double_of_half(h) * FACTOR(i), mode));
		x = h & 0x7fff ? double_of_half(h) : 0;
	}
	if (i->clamp)
		x = x > 0 ? (x < 1 ? x : 1) : 0;
	h = half_of_double(x, mode);
	return w->mode >> 7 & 1 ? h : flush_half(h);
}

static uint32_t round_half(const struct wave *w, const struct insn *i, double x)
{
	return round_half_by(w, i, x, (enum round)(w->mode >> 2 & 3));
}

/* "0.51ULP accuracy" (RDNA ISA, V_RCP_F16 and its like) leaves no room for MODE's rounding. */
static uint32_t nearest_half(const struct wave *w, const struct insn *i, double x)
{
	return round_half_by(w, i, x, ROUND_NEAREST_EVEN);
}

/* A row of 16-bit results into the half that op_sel names. */
static void put16(struct wave *w, const struct insn *i, uint32_t *r)
{
	const u32 *d = wave_vgpr(w, i->dst - OPERAND_VGPR);
	unsigned int n = w->lanes;

	if (i->form != FORM_SDWA) {
		if (i->opsel & 8)
			LANES r[l] = (d[l] & 0xffff) | r[l] << 16;
		else
			LANES r[l] = (d[l] & 0xffff0000) | (r[l] & 0xffff);
	}
	put32(w, i, r, false);
}

/* ---- one half ---- */

#define ROWS uint32_t a0[WAVE_MAX_LANES], a1[WAVE_MAX_LANES], a2[WAVE_MAX_LANES], r[WAVE_MAX_LANES]
#define UNUSED_ROWS (void)a0, (void)a1, (void)a2
#define EACH for (unsigned int l = 0; l < w->lanes; l++)
#define F(s) double_of_half(a##s[l])

/* Of doubles: expr uses s0, s1, s2 and d, the old destination. */
#define H(name, sources, expr) H_BY(round_half, name, sources, expr)
#define H_BY(rounding, name, sources, expr)                                                        \
	EXEC(name)                                                                                 \
	{                                                                                          \
		const u32 *old = wave_vgpr(w, i->dst - OPERAND_VGPR);                              \
		ROWS;                                                                              \
                                                                                                   \
		UNUSED_ROWS;                                                                       \
		source16(w, i, 0, true, a0);                                                       \
		if (sources > 1)                                                                   \
			source16(w, i, 1, true, a1);                                               \
		if (sources > 2)                                                                   \
			source16(w, i, 2, true, a2);                                               \
		EACH                                                                               \
		{                                                                                  \
			double s0 = F(0), s1 = sources > 1 ? F(1) : 0,                             \
			       s2 = sources > 2 ? F(2) : 0;                                        \
			uint32_t h = old[l] >> (i->opsel & 8 ? 16 : 0) & 0xffff;                   \
			double d = double_of_half(w->mode >> 6 & 1 ? h : flush_half(h));           \
                                                                                                   \
			(void)s1, (void)s2, (void)d;                                               \
			r[l] = rounding(w, i, expr);                                               \
		}                                                                                  \
		put16(w, i, r);                                                                    \
	}
#define LITERAL                                                                                    \
	double_of_half(w->mode >> 6 & 1 ? i->literal & 0xffff : flush_half(i->literal & 0xffff))

static double min3(double a, double b, double c)
{
	return min_f64(min_f64(a, b), c);
}

static double med3(double a, double b, double c)
{
	if (a != a || b != b || c != c)
		return min3(a, b, c);
	return MED3(a, b, c);
}

static double fract16(double x)
{
	double f = x - floor64(x);

	return f != f ? f : min_f64(f, double_of_half(0x3bff));
}

H(v_add_f16, 2, s0 + s1)
H(v_sub_f16, 2, s0 - s1)
H(v_subrev_f16, 2, s1 - s0)
H(v_mul_f16, 2, s0 *s1)
H(v_min_f16, 2, min_f64(s0, s1))
H(v_max_f16, 2, max_f64(s0, s1))
H(v_fmac_f16, 2, fma64(s0, s1, d))
H(v_fmaak_f16, 2, fma64(s0, s1, LITERAL))
H(v_fmamk_f16, 2, fma64(s0, LITERAL, s1))
H(v_fma_f16, 3, fma64(s0, s1, s2))
H(v_min3_f16, 3, min3(s0, s1, s2))
H(v_max3_f16, 3, max_f64(max_f64(s0, s1), s2))
H(v_med3_f16, 3, med3(s0, s1, s2))
H(v_floor_f16, 1, floor64(s0))
H(v_ceil_f16, 1, ceil64(s0))
H(v_trunc_f16, 1, trunc64(s0))
H(v_rndne_f16, 1, rint64(s0))
H(v_fract_f16, 1, fract16(s0))
H_BY(nearest_half, v_rcp_f16, 1, 1.0 / s0)
H_BY(nearest_half, v_sqrt_f16, 1, __builtin_sqrt(s0))
H_BY(nearest_half, v_rsq_f16, 1, 1.0 / __builtin_sqrt(s0))
H_BY(nearest_half, v_exp_f16, 1, exp2_32((float)s0))
H_BY(nearest_half, v_log_f16, 1, log2_32((float)s0))
H_BY(nearest_half, v_sin_f16, 1, sin_32((float)s0, 0))
H_BY(nearest_half, v_cos_f16, 1, sin_32((float)s0, 0.25))
H(v_frexp_mant_f16, 1, frexp_mant64(s0))

/* V_DIV_FIXUP_F16: the special cases of s2 / s1, whose quotient s0 is. */
static double div_fixup16(double q, double denominator, double numerator)
{
	const uint64_t sign = (bits64(denominator) ^ bits64(numerator)) & (1ull << 63);
	const double inf = __builtin_inf();
	bool d0 = denominator == 0, n0 = numerator == 0;
	bool d_inf = __builtin_fabs(denominator) == inf, n_inf = __builtin_fabs(numerator) == inf;

	if (numerator != numerator)
		return quiet64(numerator);
	if (denominator != denominator)
		return quiet64(denominator);
	if ((d0 && n0) || (d_inf && n_inf))
		return double_of_half(0xfe00);
	if (d0 || n_inf)
		return double_of(bits64(inf) | sign);
	if (d_inf || n0)
		return double_of(sign);
	return double_of((bits64(q) & ~(1ull << 63)) | sign);
}
H(v_div_fixup_f16, 3, div_fixup16(s0, s1, s2))

/* The exponent is an integer. */
EXEC(v_ldexp_f16)
{
	ROWS;

	UNUSED_ROWS;
	source16(w, i, 0, true, a0);
	source16(w, i, 1, false, a1);
	EACH r[l] = round_half(w, i, ldexp64(F(0), MAX(MIN((int16_t)a1[l], 100), -100)));
	put16(w, i, r);
}
EXEC(v_frexp_exp_i16_f16)
{
	ROWS;

	UNUSED_ROWS;
	source16(w, i, 0, true, a0);
	EACH r[l] = (uint32_t)frexp_exp64(F(0));
	put16(w, i, r);
}

/* ---- conversions ---- */

#define FROM_HALF(name, is_float, expr)                                                            \
	EXEC(name)                                                                                 \
	{                                                                                          \
		ROWS;                                                                              \
                                                                                                   \
		UNUSED_ROWS;                                                                       \
		source16(w, i, 0, true, a0);                                                       \
		EACH                                                                               \
		{                                                                                  \
			double s0 = F(0);                                                          \
                                                                                                   \
			r[l] = (uint32_t)(expr);                                                   \
		}                                                                                  \
		if (is_float)                                                                      \
			put32(w, i, r, true);                                                      \
		else                                                                               \
			put16(w, i, r);                                                            \
	}
#define SATURATED(x, low, high)                                                                    \
	((x) != (x) ? 0 : (x) < (low) ? (low) : (x) > (high) ? (high) : (int32_t)(x))
FROM_HALF(v_cvt_f32_f16, true, bits32((float)s0))
FROM_HALF(v_cvt_u16_f16, false, SATURATED(trunc64(s0), 0, 65535))
FROM_HALF(v_cvt_i16_f16, false, SATURATED(trunc64(s0), -32768, 32767))
EXEC(v_cvt_f16_f32)
{
	FETCH1(f32)
	uint32_t r[WAVE_MAX_LANES];

	EACH r[l] = round_half(w, i, a0[l]);
	put16(w, i, r);
}
EXEC(v_cvt_f16_u16)
{
	ROWS;

	UNUSED_ROWS;
	source16(w, i, 0, false, a0);
	EACH r[l] = round_half(w, i, a0[l]);
	put16(w, i, r);
}
EXEC(v_cvt_f16_i16)
{
	ROWS;

	UNUSED_ROWS;
	source16(w, i, 0, false, a0);
	EACH r[l] = round_half(w, i, (int16_t)a0[l]);
	put16(w, i, r);
}
FROM_HALF(v_cvt_norm_i16_f16, false, snorm16(s0))
FROM_HALF(v_cvt_norm_u16_f16, false, unorm16(s0))
#define PAIR_OF_HALVES(name, expr)                                                                 \
	EXEC(name)                                                                                 \
	{                                                                                          \
		ROWS;                                                                              \
                                                                                                   \
		UNUSED_ROWS;                                                                       \
		source16(w, i, 0, true, a0);                                                       \
		source16(w, i, 1, true, a1);                                                       \
		EACH r[l] = expr(F(0)) | expr(F(1)) << 16;                                         \
		put32(w, i, r, false);                                                             \
	}
PAIR_OF_HALVES(v_cvt_pknorm_i16_f16, snorm16)
PAIR_OF_HALVES(v_cvt_pknorm_u16_f16, unorm16)
static inline uint32_t half_toward_zero(float x)
{
	return half_of_double(x, ROUND_ZERO);
}
V2(v_cvt_pkrtz_f16_f32, u32, f32, f32, half_toward_zero(s0) | half_toward_zero(s1) << 16)

/* Moves halves; only their signs can change. */
EXEC(v_pack_b32_f16)
{
	uint32_t a[2][WAVE_MAX_LANES], r[WAVE_MAX_LANES];

	for (unsigned int s = 0; s < 2; s++) {
		source16(w, i, s, false, a[s]);
		if (i->abs >> s & 1)
			EACH a[s][l] &= 0x7fff;
		if (i->neg >> s & 1)
			EACH a[s][l] ^= 0x8000;
	}
	EACH r[l] = a[0][l] | a[1][l] << 16;
	put32(w, i, r, false);
}

/* ---- compares ---- */

#define COMPARED(cond)                                                                             \
	ROWS;                                                                                      \
                                                                                                   \
	UNUSED_ROWS;                                                                               \
	source16(w, i, 0, true, a0);                                                               \
	source16(w, i, 1, true, a1);                                                               \
	EACH                                                                                       \
	{                                                                                          \
		double s0 = F(0), s1 = F(1);                                                       \
                                                                                                   \
		(void)s0, (void)s1;                                                                \
		r[l] = (cond) ? ~0u : 0;                                                           \
	}
#define COMPARE(name, cond)                                                                        \
	EXEC(v_cmp_##name)                                                                         \
	{                                                                                          \
		COMPARED(cond)                                                                     \
		sreg_write_mask(w, i->sdst, pack_mask(w, i, r));                                   \
	}                                                                                          \
	EXEC(v_cmpx_##name)                                                                        \
	{                                                                                          \
		COMPARED(cond)                                                                     \
		wave_set_exec(w, pack_mask(w, i, r));                                              \
	}
FLOAT_COMPARES(COMPARE, f16)

static void classes(struct wave *w, const struct insn *i, uint32_t *r)
{
	uint32_t a0[WAVE_MAX_LANES], a1[WAVE_MAX_LANES];

	source16(w, i, 0, false, a0); /* a denormal is one, whatever MODE does with it */
	source16(w, i, 1, false, a1);
	EACH
	{
		uint32_t h = a0[l];

		if (i->abs & 1)
			h &= 0x7fff;
		if (i->neg & 1)
			h ^= 0x8000;
		r[l] = class16(h) & a1[l] ? ~0u : 0;
	}
}
EXEC(v_cmp_class_f16)
{
	uint32_t r[WAVE_MAX_LANES];

	classes(w, i, r);
	sreg_write_mask(w, i->sdst, pack_mask(w, i, r));
}
EXEC(v_cmpx_class_f16)
{
	uint32_t r[WAVE_MAX_LANES];

	classes(w, i, r);
	wave_set_exec(w, pack_mask(w, i, r));
}

/* ---- 16-bit integers ---- */

/* expr: of u0..u2 (zero-extended) and i0..i2 (sign-extended), exact; CLAMP saturates to low..high.
 */
#define INT16(name, sources, low, high, expr)                                                      \
	EXEC(name)                                                                                 \
	{                                                                                          \
		ROWS;                                                                              \
                                                                                                   \
		UNUSED_ROWS;                                                                       \
		for (unsigned int s = 0; s < sources; s++)                                         \
			source16(w, i, s, false, s == 0 ? a0 : s == 1 ? a1 : a2);                  \
		EACH                                                                               \
		{                                                                                  \
			int64_t u0 = a0[l], u1 = a1[l], u2 = sources > 2 ? a2[l] : 0;              \
			int64_t i0 = (int16_t)u0, i1 = (int16_t)u1, i2 = (int16_t)u2, x;           \
                                                                                                   \
			(void)u0, (void)u1, (void)u2, (void)i0, (void)i1, (void)i2;                \
			x = (expr);                                                                \
			r[l] = (uint32_t)(i->clamp ? MAX(MIN(x, high), low) : x);                  \
		}                                                                                  \
		put16(w, i, r);                                                                    \
	}
INT16(v_add_nc_i16, 2, INT16_MIN, INT16_MAX, i0 + i1)
INT16(v_sub_nc_i16, 2, INT16_MIN, INT16_MAX, i0 - i1)
INT16(v_mad_i16, 3, INT16_MIN, INT16_MAX, i0 *i1 + i2)
INT16(v_mad_u16, 3, 0, UINT16_MAX, u0 *u1 + u2)
INT16(v_min3_i16, 3, INT16_MIN, INT16_MAX, MIN(MIN(i0, i1), i2))
INT16(v_max3_i16, 3, INT16_MIN, INT16_MAX, MAX(MAX(i0, i1), i2))
INT16(v_med3_i16, 3, INT16_MIN, INT16_MAX, MED3(i0, i1, i2))
INT16(v_min3_u16, 3, 0, UINT16_MAX, MIN(MIN(u0, u1), u2))
INT16(v_max3_u16, 3, 0, UINT16_MAX, MAX(MAX(u0, u1), u2))
INT16(v_med3_u16, 3, 0, UINT16_MAX, MED3(u0, u1, u2))
EXEC(v_mad_i32_i16)
{
	uint32_t a0[WAVE_MAX_LANES], a1[WAVE_MAX_LANES], tmp[WAVE_MAX_LANES], r[WAVE_MAX_LANES];
	const u32 *a2 = source32(w, i, 2, tmp, false);

	source16(w, i, 0, false, a0);
	source16(w, i, 1, false, a1);
	EACH
	{
		int64_t x = (int64_t)(int16_t)a0[l] * (int16_t)a1[l] + (int32_t)a2[l];

		r[l] = (uint32_t)(i->clamp ? MAX(MIN(x, INT32_MAX), INT32_MIN) : x);
	}
	put32(w, i, r, false);
}
static inline uint32_t sad_u16(uint32_t a, uint32_t b)
{
	uint32_t al = a & 0xffff, ah = a >> 16, bl = b & 0xffff, bh = b >> 16;

	return (al > bl ? al - bl : bl - al) + (ah > bh ? ah - bh : bh - ah);
}
V3(v_sad_u16, u32, u32, u32, u32,
   i->clamp && (uint64_t)sad_u16(s0, s1) + s2 > UINT32_MAX ? UINT32_MAX : sad_u16(s0, s1) + s2)
static inline uint32_t sat_u8(uint32_t x)
{
	return (uint32_t)MAX(MIN((int16_t)x, 255), 0);
}
V1(v_sat_pk_u8_i16, u32, u32, (d & 0xffff0000) | sat_u8(s0) | sat_u8(s0 >> 16) << 8)

/* ---- packed: two results ---- */

#define PACKED(name, sources, is_float, expr)                                                      \
	EXEC(name)                                                                                 \
	{                                                                                          \
		uint32_t out[WAVE_MAX_LANES] = {0};                                                \
		ROWS;                                                                              \
                                                                                                   \
		UNUSED_ROWS;                                                                       \
		for (unsigned int high = 0; high < 2; high++) {                                    \
			for (unsigned int s = 0; s < sources; s++)                                 \
				source_packed(w, i, s, high, is_float,                             \
					      s == 0   ? a0                                        \
					      : s == 1 ? a1                                        \
						       : a2);                                      \
			EACH r[l] = (uint32_t)(expr);                                              \
			EACH out[l] |= (r[l] & 0xffff) << (16 * high);                             \
		}                                                                                  \
		put32(w, i, out, false);                                                           \
	}
#define PACKED_F(name, sources, expr) PACKED(name, sources, true, round_half(w, i, expr))
#define SATURATE(low, high, x) (i->clamp ? MAX(MIN(x, high), low) : (x))
#define I(s) (int64_t)(int16_t) a##s[l]
#define U(s) (int64_t)(a##s[l])
PACKED_F(v_pk_add_f16, 2, F(0) + F(1))
PACKED_F(v_pk_mul_f16, 2, F(0) * F(1))
PACKED_F(v_pk_min_f16, 2, min_f64(F(0), F(1)))
PACKED_F(v_pk_max_f16, 2, max_f64(F(0), F(1)))
PACKED_F(v_pk_fma_f16, 3, fma64(F(0), F(1), F(2)))
PACKED(v_pk_add_i16, 2, false, SATURATE(INT16_MIN, INT16_MAX, I(0) + I(1)))
PACKED(v_pk_sub_i16, 2, false, SATURATE(INT16_MIN, INT16_MAX, I(0) - I(1)))
PACKED(v_pk_add_u16, 2, false, SATURATE(0, UINT16_MAX, U(0) + U(1)))
PACKED(v_pk_sub_u16, 2, false, SATURATE(0, UINT16_MAX, U(0) - U(1)))
PACKED(v_pk_mul_lo_u16, 2, false, U(0) * U(1))
PACKED(v_pk_mad_i16, 3, false, SATURATE(INT16_MIN, INT16_MAX, I(0) * I(1) + I(2)))
PACKED(v_pk_mad_u16, 3, false, SATURATE(0, UINT16_MAX, U(0) * U(1) + U(2)))
PACKED(v_pk_min_i16, 2, false, MIN(I(0), I(1)))
PACKED(v_pk_max_i16, 2, false, MAX(I(0), I(1)))
PACKED(v_pk_min_u16, 2, false, MIN(U(0), U(1)))
PACKED(v_pk_max_u16, 2, false, MAX(U(0), U(1)))
PACKED(v_pk_lshlrev_b16, 2, false, U(1) << (a0[l] & 15))
PACKED(v_pk_lshrrev_b16, 2, false, U(1) >> (a0[l] & 15))
PACKED(v_pk_ashrrev_i16, 2, false, I(1) >> (a0[l] & 15))

/* VOP2: both halves of everything, no modifiers; the destination is the addend. */
EXEC(v_pk_fmac_f16)
{
	const u32 *d = wave_vgpr(w, i->dst - OPERAND_VGPR);
	uint32_t out[WAVE_MAX_LANES] = {0};
	ROWS;

	for (unsigned int high = 0; high < 2; high++) {
		whole_source(w, i, 0, a0);
		whole_source(w, i, 1, a1);
		EACH
		{
			a0[l] = a0[l] >> (16 * high) & 0xffff;
			a1[l] = a1[l] >> (16 * high) & 0xffff;
			a2[l] = d[l] >> (16 * high) & 0xffff;
		}
		float_modifiers(w, a0, false, false);
		float_modifiers(w, a1, false, false);
		float_modifiers(w, a2, false, false);
		EACH r[l] = round_half(w, i, fma64(F(0), F(1), F(2)));
		EACH out[l] |= r[l] << (16 * high);
	}
	put32(w, i, out, false);
}

/* ---- mixed: each source a float or, by op_sel_hi, the half that op_sel names; neg_hi is abs ----
 */

static void source_mixed(struct wave *w, const struct insn *i, unsigned int s, float *out)
{
	uint32_t rows[WAVE_MAX_LANES], tmp[WAVE_MAX_LANES];

	if (i->opsel_hi >> s & 1) {
		unsigned int shift = i->opsel >> s & 1 ? 16 : 0;

		whole_source(w, i, s, rows);
		EACH rows[l] = rows[l] >> shift & 0xffff;
		float_modifiers(w, rows, false, false);
		EACH out[l] = float_of_half(rows[l]);
	} else {
		const u32 *row =
			i->src[s] < OPERAND_VGPR
				? (broadcast(tmp, operand_u32(w, i, i->src[s]), w->lanes), tmp)
				: wave_vgpr(w, i->src[s] - OPERAND_VGPR);

		EACH out[l] = float_of(row[l]);
	}
	EACH
	{
		if (i->neg_hi >> s & 1)
			out[l] = __builtin_fabsf(out[l]);
		if (i->neg >> s & 1)
			out[l] = -out[l];
	}
}

static void mixed(struct wave *w, const struct insn *i, float *r)
{
	float a[3][WAVE_MAX_LANES];

	for (unsigned int s = 0; s < 3; s++)
		source_mixed(w, i, s, a[s]);
	EACH r[l] = fma32(a[0][l], a[1][l], a[2][l]);
}
EXEC(v_fma_mix_f32)
{
	float x[WAVE_MAX_LANES];
	uint32_t r[WAVE_MAX_LANES];

	mixed(w, i, x);
	EACH r[l] = bits32(x[l]);
	put32(w, i, r, true);
}

static void mixed_to_half(struct wave *w, const struct insn *i, bool high)
{
	const u32 *d = wave_vgpr(w, i->dst - OPERAND_VGPR);
	float x[WAVE_MAX_LANES];
	uint32_t r[WAVE_MAX_LANES];

	mixed(w, i, x);
	EACH
	{
		uint32_t h = round_half(w, i, double_of_result(x[l]));

		r[l] = high ? (d[l] & 0xffff) | h << 16 : (d[l] & 0xffff0000) | h;
	}
	put32(w, i, r, false);
}
EXEC(v_fma_mixlo_f16)
{
	mixed_to_half(w, i, false);
}
EXEC(v_fma_mixhi_f16)
{
	mixed_to_half(w, i, true);
}

/* ---- bytes, and permutes within and across rows of 16 lanes ---- */

static inline uint32_t lerp_u8(uint32_t a, uint32_t b, uint32_t round)
{
	uint32_t r = 0;

	for (unsigned int at = 0; at < 32; at += 8)
		r |= (((a >> at & 255) + (b >> at & 255) + (round >> at & 1)) >> 1) << at;
	return r;
}
V3(v_lerp_u8, u32, u32, u32, u32, lerp_u8(s0, s1, s2))
V1(v_cvt_off_f32_i4, f32, u32, (float)((int32_t)(s0 << 28) >> 28) / 16)

/* The selects are scalars: 4 bits for each of 16 lanes. op_sel[0]: also from lanes that are off;
 * op_sel[1]: 0 where there is nothing to fetch, else the destination stays. */
static void permlane(struct wave *w, const struct insn *i, unsigned int across)
{
	uint64_t select = operand_u32(w, i, i->src[1]) | (uint64_t)operand_u32(w, i, i->src[2])
								 << 32;
	const u32 *d = wave_vgpr(w, i->dst - OPERAND_VGPR);
	uint32_t in[WAVE_MAX_LANES], out[WAVE_MAX_LANES];
	uint64_t exec = wave_exec(w);

	memcpy(in, wave_vgpr(w, i->src[0] & 255), w->lanes * 4); /* a VGPR whatever its code says */
	EACH
	{
		unsigned int from = ((l & ~15u) ^ across) | (select >> (4 * (l & 15)) & 15);

		if ((i->opsel & 1) || (exec >> from & 1))
			out[l] = in[from];
		else
			out[l] = i->opsel & 2 ? 0 : d[l];
	}
	put32(w, i, out, false);
}
EXEC(v_permlane16_b32)
{
	permlane(w, i, 0);
}
EXEC(v_permlanex16_b32)
{
	permlane(w, i, 16);
}
