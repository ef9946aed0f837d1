// SPDX-License-Identifier: MIT
/*
 * Vector instructions with a purpose of their own (RDNA 1.0 ISA, 12.8 to 12.12): cube maps, sums of
 * absolute differences, normalised integers, lighting, and the dot products that gfx1011, gfx1012 and
 * gfx10.3 have and gfx1010 lacks (LLVM FeatureDot1Insts and on).
 */
#include "lanes.h"
#include "half.h"

/* ---- cube maps: the face is that of the largest magnitude; z before y before x ---- */

enum axis { AXIS_X, AXIS_Y, AXIS_Z };

static inline enum axis major(float x, float y, float z)
{
	float ax = __builtin_fabsf(x), ay = __builtin_fabsf(y), az = __builtin_fabsf(z);

	return az >= ax && az >= ay ? AXIS_Z : ay >= ax ? AXIS_Y : AXIS_X;
}

static inline float cube_id(float x, float y, float z)
{
	switch (major(x, y, z)) {
	case AXIS_Z:
		return z < 0 ? 5 : 4;
	case AXIS_Y:
		return y < 0 ? 3 : 2;
	default:
		return x < 0 ? 1 : 0;
	}
}

static inline float cube_sc(float x, float y, float z)
{
	switch (major(x, y, z)) {
	case AXIS_Z:
		return z < 0 ? -x : x;
	case AXIS_Y:
		return x;
	default:
		return x < 0 ? z : -z;
	}
}

static inline float cube_tc(float x, float y, float z)
{
	return major(x, y, z) == AXIS_Y ? (y < 0 ? -z : z) : -y;
}

static inline float cube_ma(float x, float y, float z)
{
	switch (major(x, y, z)) {
	case AXIS_Z:
		return z * 2;
	case AXIS_Y:
		return y * 2;
	default:
		return x * 2;
	}
}
V3(v_cubeid_f32, f32, f32, f32, f32, cube_id(s0, s1, s2))
V3(v_cubesc_f32, f32, f32, f32, f32, cube_sc(s0, s1, s2))
V3(v_cubetc_f32, f32, f32, f32, f32, cube_tc(s0, s1, s2))
V3(v_cubema_f32, f32, f32, f32, f32, cube_ma(s0, s1, s2))

/* The exponent scale of LIT: what is not a sensible power becomes the least float. */
static inline float mullit(float s0, float s1, float s2)
{
	const float least = float_of(0xff7fffff);

	if (!(s1 > least) || !(s2 > 0))
		return least;
	return s0 == 0 || s1 == 0 ? 0 : s0 * s1; /* "0.0 * x = 0.0" (GCN3 ISA) */
}
V3(v_mullit_f32, f32, f32, f32, f32, mullit(s0, s1, s2))

/* ---- integers that stand for [-1, 1] and [0, 1]; of halves: exec_half.c ---- */

V2(v_cvt_pknorm_i16_f32, u32, f32, f32, snorm16(s0) | snorm16(s1) << 16)
V2(v_cvt_pknorm_u16_f32, u32, f32, f32, unorm16(s0) | unorm16(s1) << 16)

/* ---- four sums of absolute differences at the four byte offsets of a 64-bit source ---- */

static inline uint64_t qsad(const struct insn *i, uint64_t s0, uint32_t s1, uint64_t s2, bool masked)
{
	uint64_t r = 0;

	for (int k = 0; k < 4; k++) {
		uint32_t sum = sad_u8((uint32_t)(s0 >> (8 * k)), s1, masked) +
			       (uint32_t)(s2 >> (16 * k) & 0xffff);

		if (i->clamp && sum > 0xffff)
			sum = 0xffff;
		r |= (uint64_t)(sum & 0xffff) << (16 * k);
	}
	return r;
}
V3(v_qsad_pk_u16_u8, u64, u64, u32, u64, qsad(i, s0, s1, s2, false))
V3(v_mqsad_pk_u16_u8, u64, u64, u32, u64, qsad(i, s0, s1, s2, true))

/* The same with four 32-bit sums, in four registers. */
EXEC(v_mqsad_u32_u8)
{
	FETCH2(u64, u32)
	uint32_t sums[4][WAVE_MAX_LANES], out[4][WAVE_MAX_LANES];
	const uint32_t *mask = wave_mask(w);
	unsigned int n = w->lanes;

	for (unsigned int k = 0; k < 4; k++) {
		if (i->src[2] >= OPERAND_VGPR)
			memcpy(sums[k], wave_vgpr(w, i->src[2] - OPERAND_VGPR + k), n * 4);
		else
			broadcast(sums[k],
				  i->src[2] < NUM_SREGS ? operand_u32(w, i, i->src[2] + k)
				  : k			? 0
							: operand_u32(w, i, i->src[2]),
				  n);
		LANES
		{
			uint64_t sum = (uint64_t)sad_u8((uint32_t)(a0[l] >> (8 * k)), a1[l], true) +
				       sums[k][l];

			out[k][l] = i->clamp && sum > UINT32_MAX ? UINT32_MAX : (uint32_t)sum;
		}
	}
	for (unsigned int k = 0; k < 4; k++) {
		u32 *d = wave_vgpr(w, i->dst - OPERAND_VGPR + k);

		LANES d[l] = mask[l] ? out[k][l] : d[l];
	}
}

/* ---- relative swap: M0[9:0] is added to the source's number, M0[25:16] to the destination's ---- */

EXEC(v_swaprel_b32)
{
	const uint32_t *mask = wave_mask(w);
	unsigned int a = i->dst - OPERAND_VGPR + (w->s[SREG_M0] >> 16 & 255);
	unsigned int b = (i->src[0] & 255) + (w->s[SREG_M0] & 255), n = w->lanes;

	if (a >= NUM_VGPRS || b >= NUM_VGPRS)
		return;
	LANES if (mask[l])
	{
		uint32_t t = wave_vgpr(w, a)[l];

		wave_vgpr(w, a)[l] = wave_vgpr(w, b)[l];
		wave_vgpr(w, b)[l] = t;
	}
}

/* ---- dot products; not on gfx1010 ---- */

#define ELEMENT(v, k, bits, T) ((int64_t)((T)((v) << (32 - (bits) * ((k) + 1))) >> (32 - (bits))))

/* VOP3P integer dots: neg marks sources as signed only in later chips; here the name says it. */
#define DOT_INT(name, bits, T, low, high)                                                          \
	EXEC(name)                                                                                 \
	{                                                                                          \
		FETCH3(u32, u32, u32)                                                              \
		uint32_t out[WAVE_MAX_LANES];                                                      \
		unsigned int n = w->lanes;                                                         \
                                                                                                   \
		LANES                                                                              \
		{                                                                                  \
			int64_t sum = (T)a2[l];                                                    \
                                                                                                   \
			for (int k = 0; k < 32 / (bits); k++)                                      \
				sum += ELEMENT(a0[l], k, bits, T) * ELEMENT(a1[l], k, bits, T);    \
			if (i->clamp)                                                              \
				sum = sum < (low) ? (low) : sum > (high) ? (high) : sum;           \
			out[l] = (uint32_t)sum;                                                    \
		}                                                                                  \
		put_dot(w, i, out);                                                                \
	}
/* put32 takes clamp for a float's. */
static void put_dot(struct wave *w, const struct insn *i, const uint32_t *out)
{
	const uint32_t *mask = wave_mask(w);
	u32 *d = wave_vgpr(w, i->dst - OPERAND_VGPR);
	unsigned int n = w->lanes;

	LANES d[l] = mask[l] ? out[l] : d[l];
}
DOT_INT(v_dot2_i32_i16, 16, int32_t, INT32_MIN, INT32_MAX)
DOT_INT(v_dot2_u32_u16, 16, uint32_t, 0, (int64_t)UINT32_MAX)
DOT_INT(v_dot4_i32_i8, 8, int32_t, INT32_MIN, INT32_MAX)
DOT_INT(v_dot4_u32_u8, 8, uint32_t, 0, (int64_t)UINT32_MAX)
DOT_INT(v_dot8_i32_i4, 4, int32_t, INT32_MIN, INT32_MAX)
DOT_INT(v_dot8_u32_u4, 4, uint32_t, 0, (int64_t)UINT32_MAX)

static inline uint32_t dot4_i8(uint32_t a, uint32_t b, uint32_t c)
{
	int64_t sum = (int32_t)c;

	for (int k = 0; k < 4; k++)
		sum += ELEMENT(a, k, 8, int32_t) * ELEMENT(b, k, 8, int32_t);
	return (uint32_t)sum;
}
V2(v_dot4c_i32_i8, u32, u32, u32, dot4_i8(s0, s1, d))

/*
 * v_dot2_f32_f16: the order of the roundings is not documented (open); here products are exact and
 * added from the low half up, each sum rounded to f32.
 */
static inline float dot2_f16(uint32_t a, uint32_t b, float c)
{
	float low = (float)double_of_half(a & 0xffff) * (float)double_of_half(b & 0xffff);
	float high = (float)double_of_half(a >> 16) * (float)double_of_half(b >> 16);

	return high + (low + c);
}

/* A packed source after op_sel, op_sel_hi, neg, neg_hi: the halves as the instruction takes them. */
static inline uint32_t packed_source(const struct insn *i, uint32_t v, unsigned int s)
{
	uint32_t low = v >> (i->opsel >> s & 1 ? 16 : 0) & 0xffff;
	uint32_t high = v >> (i->opsel_hi >> s & 1 ? 16 : 0) & 0xffff;

	return (low ^ (i->neg >> s & 1 ? 0x8000 : 0)) | (high ^ (i->neg_hi >> s & 1 ? 0x8000 : 0)) << 16;
}
EXEC(v_dot2_f32_f16)
{
	FETCH3(u32, u32, u32)
	uint32_t out[WAVE_MAX_LANES];
	unsigned int n = w->lanes;

	LANES
	{
		float c = float_of(a2[l] ^ (i->neg & 4 ? 0x80000000u : 0));
		float r = dot2_f16(packed_source(i, a0[l], 0), packed_source(i, a1[l], 1), c);

		out[l] = i->clamp ? bits32(r > 0 ? (r < 1 ? r : 1) : 0) : bits32(r);
	}
	put_dot(w, i, out);
}
V2(v_dot2c_f32_f16, f32, u32, u32, dot2_f16(s0, s1, float_of(d)))

/* ---- gfx10.3: the DX9 rule, 0 times anything is 0, fused ---- */

V3(v_fma_legacy_f32, f32, f32, f32, f32, s0 == 0 || s1 == 0 ? 0.0f + s2 : fma32(s0, s1, s2))
V2(v_fmac_legacy_f32, f32, f32, f32, s0 == 0 || s1 == 0 ? 0.0f + float_of(d) : fma32(s0, s1, float_of(d)))
