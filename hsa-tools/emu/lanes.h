/* SPDX-License-Identifier: MIT */
/*
 * Rows of lanes: how a vector instruction gets its sources and puts its results, with everything an
 * encoding can ask for around the operation itself (modifiers, SDWA, DPP, clamp, omod, EXEC). For
 * the exec_*.c files of vector instructions; built in each of their variants.
 */
#ifndef RDNA1_EMU_LANES_H
#define RDNA1_EMU_LANES_H

#include "wave.h"
#include "lane_math.h"

/* Out of line where the compiler likes; not every file needs all of them. */
#define USED_SOMEWHERE __attribute__((unused))

#define LANES for (unsigned int l = 0; l < n; l++)
/* Rows of one instruction are the same or disjoint, never shifted against each other. */
#ifdef __clang__
#define LANES_INDEPENDENT LANES /* clang warns where it cannot follow its own pragma */
#else
#define LANES_INDEPENDENT _Pragma("GCC ivdep") LANES
#endif

/* ---- sources ---- */

/* Which lane a DPP lane reads; -1: none, so bound_ctrl decides. */
static USED_SOMEWHERE int dpp16_source(unsigned int ctrl, unsigned int lane)
{
	unsigned int row = lane & ~15u, in = lane & 15u;

	if (ctrl <= 0xff) /* quad_perm */
		return (int)((lane & ~3u) | (ctrl >> (2 * (lane & 3)) & 3));
	if (ctrl >= 0x101 && ctrl <= 0x10f) /* row_shl */
		return in + (ctrl & 15) > 15 ? -1 : (int)(lane + (ctrl & 15));
	if (ctrl >= 0x111 && ctrl <= 0x11f) /* row_shr */
		return in < (ctrl & 15) ? -1 : (int)(lane - (ctrl & 15));
	if (ctrl >= 0x121 && ctrl <= 0x12f) /* row_ror */
		return (int)(row | ((in - (ctrl & 15)) & 15));
	if (ctrl == 0x140) /* row_mirror */
		return (int)(row | (15 - in));
	if (ctrl == 0x141) /* row_half_mirror */
		return (int)((lane & ~7u) | (7 - (lane & 7)));
	if (ctrl >= 0x150 && ctrl <= 0x15f) /* row_share */
		return (int)(row | (ctrl & 15));
	if (ctrl >= 0x160 && ctrl <= 0x16f) /* row_xmask */
		return (int)(row | (in ^ (ctrl & 15)));
	return -1;
}

static USED_SOMEWHERE int dpp_source(const struct insn *i, unsigned int lane)
{
	if (i->form == FORM_DPP8)
		return (int)((lane & ~7u) | (i->dpp8 >> (3 * (lane & 7)) & 7));
	return dpp16_source(i->dpp_ctrl, lane);
}

static USED_SOMEWHERE bool dpp_source_valid(const struct wave *w, const struct insn *i, int from)
{
	return from >= 0 && (i->fetch_inactive || (wave_exec(w) >> from & 1));
}

/* Lanes a DPP instruction writes, as masks like wave_mask's. */
static USED_SOMEWHERE void dpp_write_mask(struct wave *w, const struct insn *i, uint32_t *mask)
{
	const uint32_t *exec = wave_mask(w);

	for (unsigned int l = 0; l < w->lanes; l++) {
		bool on = true;

		if (i->form == FORM_DPP16) {
			on = (i->row_mask >> (l >> 4 & 3) & 1) &&
			     (i->bank_mask >> (l >> 2 & 3) & 1);
			if (on && !i->bound_ctrl)
				on = dpp_source_valid(w, i, dpp_source(i, l));
		}
		mask[l] = on ? exec[l] : 0;
	}
}

static USED_SOMEWHERE void apply_dpp(struct wave *w, const struct insn *i, const uint32_t *row,
				     uint32_t *out)
{
	uint32_t in[WAVE_MAX_LANES];

	memcpy(in, row, w->lanes * 4);
	for (unsigned int l = 0; l < w->lanes; l++) {
		int from = dpp_source(i, l);

		out[l] = dpp_source_valid(w, i, from) ? in[from] : 0;
	}
}

static USED_SOMEWHERE uint32_t sdwa_select(uint32_t v, unsigned int sel, bool sext)
{
	if (sel < 4) {
		v = v >> (8 * sel) & 255;
		return sext ? (uint32_t)(int8_t)v : v;
	}
	if (sel < 6) {
		v = v >> (16 * (sel - 4)) & 0xffff;
		return sext ? (uint32_t)(int16_t)v : v;
	}
	return v;
}

static USED_SOMEWHERE void broadcast(uint32_t *out, uint32_t value, unsigned int n)
{
	LANES out[l] = value;
}

/* A 32-bit source with something to do: constants, modifiers, SDWA, DPP. Result in tmp. */
static USED_SOMEWHERE const u32 *source32_slow(struct wave *w, const struct insn *i, unsigned int s,
					       uint32_t *tmp, bool is_float)
{
	unsigned int code = i->src[s], n = w->lanes;

	if (code < OPERAND_VGPR)
		broadcast(tmp, operand_u32(w, i, code), n);
	else if (i->form >= FORM_DPP16 && s == 0)
		apply_dpp(w, i, wave_vgpr(w, code - OPERAND_VGPR), tmp);
	else
		memcpy(tmp, wave_vgpr(w, code - OPERAND_VGPR), n * 4);
	if (i->form == FORM_SDWA && s < 2)
		LANES tmp[l] = sdwa_select(tmp[l], i->src_sel[s], i->src_sext >> s & 1);
	if (is_float && (i->abs >> s & 1))
		LANES tmp[l] &= 0x7fffffff;
	if (is_float && (i->neg >> s & 1))
		LANES tmp[l] ^= 0x80000000;
	return tmp;
}

static inline const u32 *source32(struct wave *w, const struct insn *i, unsigned int s,
				  uint32_t *tmp, bool is_float)
{
	unsigned int code = i->src[s];

	if (__builtin_expect(code >= OPERAND_VGPR && i->plain_src[s], 1))
		return wave_vgpr(w, code - OPERAND_VGPR);
	if (i->plain_src[s] && (code < NUM_SREGS || i->constant[s])) {
		unsigned int n = wave_lanes(w);
		uint32_t v = code < NUM_SREGS ? w->s[code] : i->value[s];

		LANES tmp[l] = v;
		return tmp;
	}
	return source32_slow(w, i, s, tmp, is_float);
}

static USED_SOMEWHERE const u64 *source64(struct wave *w, const struct insn *i, unsigned int s,
					  uint64_t *tmp, bool is_float)
{
	unsigned int code = i->src[s], n = wave_lanes(w);

	if (code < OPERAND_VGPR) {
		uint64_t v = is_float ? operand_f64(w, i, code) : operand_u64(w, i, code);

		LANES tmp[l] = v;
	} else {
		const u32 *lo = wave_vgpr(w, code - OPERAND_VGPR), *hi = lo + n;

		LANES tmp[l] = lo[l] | (uint64_t)hi[l] << 32;
	}
	if (is_float && (i->abs >> s & 1))
		LANES tmp[l] &= 0x7fffffffffffffffull;
	if (is_float && (i->neg >> s & 1))
		LANES tmp[l] ^= 0x8000000000000000ull;
	return tmp;
}

#define SOURCE_u32(s) source32(w, i, s, tmp##s, false)
#define SOURCE_i32(s) (const i32 *)source32(w, i, s, tmp##s, false)
#define SOURCE_f32(s) (const f32 *)source32(w, i, s, tmp##s, true)
#define SOURCE_u64(s) source64(w, i, s, tmp##s, false)
#define SOURCE_i64(s) (const i64 *)source64(w, i, s, tmp##s, false)
#define SOURCE_f64(s) (const f64 *)source64(w, i, s, tmp##s, true)
#define TMP_u32 uint32_t
#define TMP_i32 uint32_t
#define TMP_f32 uint32_t
#define TMP_u64 uint64_t
#define TMP_i64 uint64_t
#define TMP_f64 uint64_t

/* ---- destinations ---- */

/*
 * "If output denormals are enabled, then output modifiers are ignored"; where they are applied, -0
 * becomes +0 (AMD's ISA texts, Vega to RDNA 3, "Output modifiers"; the host's control word flushes).
 * CLAMP: DX10_CLAMP is taken as set, so NaN becomes 0.
 */
#define FACTOR(i) ((i)->omod == 1 ? 2 : (i)->omod == 2 ? 4 : 0.5f)
#define OMOD_IGNORED_32(w) ((w)->mode >> 5 & 1)
#define OMOD_IGNORED_16_64(w) ((w)->mode >> 7 & 1)

static USED_SOMEWHERE uint32_t out_mods32(const struct wave *w, const struct insn *i, uint32_t bits)
{
	float x = float_of(bits);

	if (i->omod && !OMOD_IGNORED_32(w)) {
		x *= FACTOR(i);
		x = x == 0 ? 0 : x;
	}
	if (i->clamp) /* a denormal is no input here */
		x = bits32(x) >> 31 || x != x ? 0 : x < 1 ? x : 1;
	return bits32(x);
}

static USED_SOMEWHERE uint64_t out_mods64(const struct wave *w, const struct insn *i, uint64_t bits)
{
	double x = double_of(bits);

	if (i->omod && !OMOD_IGNORED_16_64(w)) {
		x *= FACTOR(i);
		x = x == 0 ? 0 : x;
	}
	if (i->clamp)
		x = bits64(x) >> 63 || x != x ? 0 : x < 1 ? x : 1;
	return bits64(x);
}

/* A value as MODE's FP_DENORM lets it in or out. */
static inline float denorm32(const struct wave *w, float x, unsigned int bit)
{
	return w->mode >> (4 + bit) & 1 ? x : flush32(x);
}

static inline double denorm64(const struct wave *w, double x, unsigned int bit)
{
	return w->mode >> (6 + bit) & 1 || !is_denormal64(x) ? x : double_of(bits64(x) & 1ull << 63);
}

static USED_SOMEWHERE uint32_t sdwa_merge(const struct insn *i, uint32_t r, uint32_t old)
{
	uint32_t mask = i->dst_sel < 4 ? 0xff : 0xffff, v;
	unsigned int shift;

	if (i->dst_sel >= 6)
		return r;
	shift = i->dst_sel < 4 ? 8u * i->dst_sel : 16u * (i->dst_sel - 4u);
	v = (r & mask) << shift;
	if (i->dst_unused == 2) /* PRESERVE */
		return v | (old & ~(mask << shift));
	if (i->dst_unused == 1) { /* SEXT */
		uint32_t sign = r & (mask + 1) >> 1;

		return v | (sign ? ~((mask << shift) | ((1u << shift) - 1)) : 0);
	}
	return v;
}

static USED_SOMEWHERE void store32_slow(struct wave *w, const struct insn *i, const uint32_t *out,
					bool is_float)
{
	u32 *d = wave_vgpr(w, i->dst - OPERAND_VGPR);
	uint32_t dpp[WAVE_MAX_LANES];
	const uint32_t *mask = wave_mask(w);

	if (i->form >= FORM_DPP16) {
		dpp_write_mask(w, i, dpp);
		mask = dpp;
	}
	for (unsigned int l = 0; l < w->lanes; l++) {
		uint32_t r = out[l];

		if (!mask[l])
			continue;
		if (is_float && (i->omod || i->clamp))
			r = out_mods32(w, i, r);
		d[l] = i->form == FORM_SDWA ? sdwa_merge(i, r, d[l]) : r;
	}
}

/* A whole row of results, masked by EXEC. */
static inline void put32(struct wave *w, const struct insn *i, const u32 *out, bool is_float)
{
	u32 *d = wave_vgpr(w, i->dst - OPERAND_VGPR);
	const uint32_t *mask = wave_mask(w);
	unsigned int n = w->lanes & ~31u;

	if (__builtin_expect(!i->plain_dst || i->form != FORM_PLAIN, 0)) {
		store32_slow(w, i, (const uint32_t *)out, is_float);
		return;
	}
	LANES_INDEPENDENT d[l] = (out[l] & mask[l]) | (d[l] & ~mask[l]);
}

static USED_SOMEWHERE void store64(struct wave *w, const struct insn *i, const uint64_t *out,
				   bool is_float)
{
	unsigned int n = wave_lanes(w);
	u32 *lo = wave_vgpr(w, i->dst - OPERAND_VGPR), *hi = lo + n;
	const uint32_t *mask = wave_mask(w);

	if (!is_float || (!i->omod && !i->clamp)) {
		LANES_INDEPENDENT
		{
			lo[l] = ((uint32_t)out[l] & mask[l]) | (lo[l] & ~mask[l]);
			hi[l] = ((uint32_t)(out[l] >> 32) & mask[l]) | (hi[l] & ~mask[l]);
		}
		return;
	}
	LANES
	{
		uint64_t r = out[l];

		if (!mask[l])
			continue;
		if (is_float && (i->omod || i->clamp))
			r = out_mods64(w, i, r);
		lo[l] = (uint32_t)r;
		hi[l] = (uint32_t)(r >> 32);
	}
}

#define FLOAT_u32 false
#define FLOAT_i32 false
#define FLOAT_f32 true
#define FLOAT_u64 false
#define FLOAT_i64 false
#define FLOAT_f64 true
#define BITS_u32(x) (uint32_t)(x)
#define BITS_i32(x) (uint32_t)(x)
#define BITS_f32(x) bits32(x)
#define BITS_u64(x) (uint64_t)(x)
#define BITS_i64(x) (uint64_t)(x)
#define BITS_f64(x) bits64(x)

#define BIND1(T0) T0 s0 = a0[l];
#define BIND2(T0, T1) BIND1(T0) T1 s1 = a1[l];
#define BIND3(T0, T1, T2) BIND2(T0, T1) T2 s2 = a2[l];
#define FETCH1(T0)                                                                                 \
	TMP_##T0 tmp0[WAVE_MAX_LANES];                                                             \
	const T0 *a0 = SOURCE_##T0(0);
#define FETCH2(T0, T1)                                                                             \
	FETCH1(T0)                                                                                 \
	TMP_##T1 tmp1[WAVE_MAX_LANES];                                                             \
	const T1 *a1 = SOURCE_##T1(1);
#define FETCH3(T0, T1, T2)                                                                         \
	FETCH2(T0, T1)                                                                             \
	TMP_##T2 tmp2[WAVE_MAX_LANES];                                                             \
	const T2 *a2 = SOURCE_##T2(2);

/* 32-bit destination. The two fast loops differ in whether lanes are masked. */
#define BODY32(TD, BIND, expr)                                                                     \
	{                                                                                          \
		const uint32_t *mask = wave_mask(w);                                               \
		unsigned int n = w->lanes & ~31u;                                                  \
		u32 *dst = wave_vgpr(w, i->dst - OPERAND_VGPR);                                    \
                                                                                                   \
		if (__builtin_expect(!i->plain_dst || i->form != FORM_PLAIN, 0)) {                 \
			uint32_t out[WAVE_MAX_LANES];                                              \
                                                                                                   \
			LANES                                                                      \
			{                                                                          \
				uint32_t d = dst[l];                                               \
				BIND(void) d;                                                      \
				out[l] = BITS_##TD(expr);                                          \
			}                                                                          \
			store32_slow(w, i, out, FLOAT_##TD);                                       \
		} else if (w->all_lanes) {                                                         \
			LANES_INDEPENDENT                                                          \
			{                                                                          \
				uint32_t d = dst[l];                                               \
				BIND(void) d;                                                      \
				dst[l] = BITS_##TD(expr);                                          \
			}                                                                          \
		} else {                                                                           \
			LANES_INDEPENDENT                                                          \
			{                                                                          \
				uint32_t d = dst[l], r;                                            \
				BIND r = BITS_##TD(expr);                                          \
				dst[l] = (r & mask[l]) | (d & ~mask[l]);                           \
			}                                                                          \
		}                                                                                  \
	}

#define BODY64(TD, BIND, expr)                                                                     \
	{                                                                                          \
		uint64_t out[WAVE_MAX_LANES];                                                      \
		unsigned int n = w->lanes;                                                         \
                                                                                                   \
		LANES                                                                              \
		{                                                                                  \
			BIND out[l] = BITS_##TD(expr);                                             \
		}                                                                                  \
		store64(w, i, out, FLOAT_##TD);                                                    \
	}
#define BODY_u32 BODY32
#define BODY_i32 BODY32
#define BODY_f32 BODY32
#define BODY_u64 BODY64
#define BODY_i64 BODY64
#define BODY_f64 BODY64

#define V1(name, TD, T0, expr)                                                                     \
	EXEC(name)                                                                                 \
	{                                                                                          \
		FETCH1(T0)                                                                         \
		BODY_##TD(TD, BIND1(T0), expr)                                                     \
	}
#define V2(name, TD, T0, T1, expr)                                                                 \
	EXEC(name)                                                                                 \
	{                                                                                          \
		FETCH2(T0, T1)                                                                     \
		BODY_##TD(TD, BIND2(T0, T1), expr)                                                 \
	}
#define V3(name, TD, T0, T1, T2, expr)                                                             \
	EXEC(name)                                                                                 \
	{                                                                                          \
		FETCH3(T0, T1, T2)                                                                 \
		BODY_##TD(TD, BIND3(T0, T1, T2), expr)                                             \
	}

/*
 * Operations that hand a source on, which the host's control word flushes only where it computes:
 * f of sources as FP_DENORM lets them in, and out again.
 */
#define DENORM_f32 denorm32
#define DENORM_f64 denorm64
#define V2_CHOICE(name, T, f)                                                                      \
	EXEC(name)                                                                                 \
	{                                                                                          \
		FETCH2(T, T)                                                                       \
		if (w->odd_mode)                                                                   \
			BODY_##T(T, BIND2(T, T),                                                   \
				 DENORM_##T(w, f(DENORM_##T(w, s0, 0), DENORM_##T(w, s1, 0)), 1))  \
		else                                                                               \
			BODY_##T(T, BIND2(T, T), f(s0, s1))                                        \
	}
#define V3_CHOICE(name, T, f)                                                                      \
	EXEC(name)                                                                                 \
	{                                                                                          \
		FETCH3(T, T, T)                                                                    \
		if (w->odd_mode)                                                                   \
			BODY_##T(T, BIND3(T, T, T),                                                \
				 DENORM_##T(w,                                                     \
					    f(DENORM_##T(w, s0, 0), DENORM_##T(w, s1, 0),          \
					      DENORM_##T(w, s2, 0)),                               \
					    1))                                                    \
		else                                                                               \
			BODY_##T(T, BIND3(T, T, T), f(s0, s1, s2))                                 \
	}

/* Lanes whose c is nonzero, as a mask; inactive lanes 0. */
static USED_SOMEWHERE uint64_t pack_mask(struct wave *w, const struct insn *i, const uint32_t *c)
{
	const uint32_t *mask = wave_mask(w);
	uint32_t dpp[WAVE_MAX_LANES];
	uint64_t r = 0;

	if (i->form >= FORM_DPP16) {
		dpp_write_mask(w, i, dpp);
		mask = dpp;
	}
#ifdef __AVX2__
	for (unsigned int l = 0; l < w->lanes; l += 8) {
		__m256i v = _mm256_and_si256(_mm256_loadu_si256((const __m256i *)(c + l)),
					     _mm256_loadu_si256((const __m256i *)(mask + l)));

		r |= (uint64_t)(uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(v)) << l;
	}
#else
	for (unsigned int l = 0; l < w->lanes; l++)
		r |= (uint64_t)(c[l] & mask[l] & 1) << l;
#endif
	return r;
}

/* sum: 64-bit expression whose low half is the result and whose bit 32 the carry or borrow. */

/* The compares of a float type: C(name, condition of s0 and s1). */
#define FLOAT_COMPARES(C, type)                                                                    \
	C(f_##type, 0)                                                                             \
	C(lt_##type, s0 < s1)                                                                      \
	C(eq_##type, s0 == s1)                                                                     \
	C(le_##type, s0 <= s1)                                                                     \
	C(gt_##type, s0 > s1)                                                                      \
	C(lg_##type, s0 < s1 || s0 > s1)                                                           \
	C(ge_##type, s0 >= s1)                                                                     \
	C(o_##type, s0 == s0 && s1 == s1)                                                          \
	C(u_##type, s0 != s0 || s1 != s1)                                                          \
	C(nge_##type, !(s0 >= s1))                                                                 \
	C(nlg_##type, !(s0 < s1 || s0 > s1))                                                       \
	C(ngt_##type, !(s0 > s1))                                                                  \
	C(nle_##type, !(s0 <= s1))                                                                 \
	C(neq_##type, !(s0 == s1))                                                                 \
	C(nlt_##type, !(s0 < s1))                                                                  \
	C(tru_##type, 1)

#endif
