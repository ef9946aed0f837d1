/* SPDX-License-Identifier: MIT */
/*
 * Arithmetic of one lane, for exec_vector.c. libc only, so nothing of libm: what the compiler does
 * not turn into an instruction of the variant is written out here. Results are IEEE where IEEE
 * defines them; v_exp, v_log, v_sin, v_cos, v_rcp, v_rsq are within the ISA's 1 ULP because they are
 * rounded once from a double.
 */
#ifndef RDNA1_EMU_LANE_MATH_H
#define RDNA1_EMU_LANE_MATH_H

#include <stdint.h>
#include <string.h>

typedef uint32_t u32 __attribute__((may_alias));
typedef int32_t i32 __attribute__((may_alias));
typedef uint64_t u64 __attribute__((may_alias));
typedef int64_t i64 __attribute__((may_alias));
typedef float f32 __attribute__((may_alias));
typedef double f64 __attribute__((may_alias));

static inline uint32_t bits32(float x)
{
	uint32_t u;

	memcpy(&u, &x, 4);
	return u;
}

static inline float float_of(uint32_t u)
{
	float x;

	memcpy(&x, &u, 4);
	return x;
}

static inline uint64_t bits64(double x)
{
	uint64_t u;

	memcpy(&u, &x, 8);
	return u;
}

static inline double double_of(uint64_t u)
{
	double x;

	memcpy(&x, &u, 8);
	return x;
}

static inline int exponent32(float x)
{
	return bits32(x) >> 23 & 255;
}

static inline int exponent64(double x)
{
	return (int)(bits64(x) >> 52 & 2047);
}

static inline int is_denormal32(float x)
{
	return !exponent32(x) && (bits32(x) & 0x7fffff);
}

static inline int is_denormal64(double x)
{
	return !exponent64(x) && (bits64(x) & 0xfffffffffffffull);
}

static inline float quiet32(float x)
{
	return float_of(bits32(x) | 0x400000);
}

static inline double quiet64(double x)
{
	return double_of(bits64(x) | 0x8000000000000ull);
}

/* 2^n as a double, for n in the normal range. */
static inline double pow2(int n)
{
	return double_of((uint64_t)(n + 1023) << 52);
}

/*
 * a * b + c as a double rounded to odd: the low bit says whether anything was lost, so that a later
 * rounding to float is right. The product of two floats is exact in a double.
 */
static inline double fma_odd(float a, float b, float c)
{
	double p = (double)a * b, s = p + c, bb, err;

	bb = s - p;
	err = (p - (s - bb)) + (c - bb); /* TwoSum */
	if (err != 0 && !(bits64(s) & 1) && s - s == 0) {
		/* One ulp towards the lost part, which makes the mantissa odd. */
		int away = (err > 0) == (s > 0);

		s = double_of(bits64(s) + (away ? 1 : (uint64_t)-1));
	}
	return s;
}

/* The same trick one size up: a product of doubles is exact in a quad (113 bits). */
static inline __float128 fma_odd64(double a, double b, double c)
{
	__float128 p = (__float128)a * b, s = p + c, bb = s - p, err;
	unsigned __int128 u;

	err = (p - (s - bb)) + (c - bb);
	memcpy(&u, &s, sizeof(u));
	if (err != 0 && !(u & 1) && s - s == 0) {
		u += (err > 0) == (s > 0) ? 1 : (unsigned __int128)-1;
		memcpy(&s, &u, sizeof(u));
	}
	return s;
}

#ifdef __FMA__
static inline float fma32(float a, float b, float c)
{
	return __builtin_fmaf(a, b, c);
}

static inline double fma64(double a, double b, double c)
{
	return __builtin_fma(a, b, c);
}
#else
static inline float fma32(float a, float b, float c)
{
	return (float)fma_odd(a, b, c);
}

static inline double fma64(double a, double b, double c)
{
	return (double)fma_odd64(a, b, c);
}
#endif

/* IEEE minNum/maxNum with -0 < +0. */
#define DEFINE_MINMAX(T, suffix, sign)                                                             \
	static inline T min_##suffix(T a, T b)                                                     \
	{                                                                                          \
		T m = a < b ? a : b < a ? b : (sign(a) ? a : b);                                   \
                                                                                                   \
		return a != a ? b : b != b ? a : m;                                                \
	}                                                                                          \
	static inline T max_##suffix(T a, T b)                                                     \
	{                                                                                          \
		T m = a > b ? a : b > a ? b : (sign(a) ? b : a);                                   \
                                                                                                   \
		return a != a ? b : b != b ? a : m;                                                \
	}
#define SIGN32(x) (bits32(x) >> 31)
#define SIGN64(x) (bits64(x) >> 63)
DEFINE_MINMAX(float, f32, SIGN32)
DEFINE_MINMAX(double, f64, SIGN64)

#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define MED3(a, b, c) MAX(MIN(a, b), MIN(MAX(a, b), c))

static inline float med3_f32(float a, float b, float c)
{
	if (a != a || b != b || c != c)
		return min_f32(min_f32(a, b), c);
	return MED3(a, b, c);
}

/* ---- rounding to integers; |x| >= 2^23 (2^52) is an integer already ---- */

#ifdef __SSE4_1__
static inline float trunc32(float x)
{
	return __builtin_truncf(x);
}
static inline float floor32(float x)
{
	return __builtin_floorf(x);
}
static inline float ceil32(float x)
{
	return __builtin_ceilf(x);
}
static inline double trunc64(double x)
{
	return __builtin_trunc(x);
}
static inline double floor64(double x)
{
	return __builtin_floor(x);
}
static inline double ceil64(double x)
{
	return __builtin_ceil(x);
}
#else
#define DEFINE_ROUND(T, s, I, limit, bits, of, SIGNBIT)                                            \
	static inline T trunc##s(T x)                                                              \
	{                                                                                          \
		if (!(x < limit && x > -limit))                                                    \
			return x;                                                                  \
		return of(bits((T)(I)x) | (bits(x) & SIGNBIT));                                    \
	}                                                                                          \
	static inline T floor##s(T x)                                                              \
	{                                                                                          \
		T t = trunc##s(x);                                                                 \
                                                                                                   \
		return t > x ? t - 1 : t;                                                          \
	}                                                                                          \
	static inline T ceil##s(T x)                                                               \
	{                                                                                          \
		T t = trunc##s(x);                                                                 \
                                                                                                   \
		return t < x ? of(bits(t + 1) | (bits(x) & SIGNBIT)) : t;                          \
	}
DEFINE_ROUND(float, 32, int32_t, 8388608.0f, bits32, float_of, 0x80000000u)
DEFINE_ROUND(double, 64, int64_t, 4503599627370496.0, bits64, double_of, (1ull << 63))
#endif

/* To nearest even whatever the host's rounding mode is: each step is exact. */
#define DEFINE_RINT(T, s, bits, of, SIGNBIT)                                                       \
	static inline T rint##s(T x)                                                               \
	{                                                                                          \
		T t = trunc##s(x), left = x - t, half = t * (T)0.5;                                \
		T one = of(bits((T)1) | (bits(x) & SIGNBIT));                                      \
		T far = left < 0 ? -left : left;                                                   \
                                                                                                   \
		t = far > (T)0.5 || (far == (T)0.5 && half != trunc##s(half)) ? t + one : t;       \
		return of(bits(t) | (bits(x) & SIGNBIT));                                          \
	}
DEFINE_RINT(float, 32, bits32, float_of, 0x80000000u)
DEFINE_RINT(double, 64, bits64, double_of, (1ull << 63))

/* V_FRACT: x - floor(x), below 1. */
static inline float fract32(float x)
{
	float r = x - floor32(x);

	return r != r ? r : min_f32(r, float_of(0x3f7fffff));
}

static inline double fract64(double x)
{
	double r = x - floor64(x);

	return r != r ? r : min_f64(r, double_of(0x3fefffffffffffffull));
}

/* ---- conversions that saturate; NaN gives 0 ---- */

static inline int32_t to_i32(double x)
{
	if (x != x)
		return 0;
	return x <= -2147483648.0 ? INT32_MIN : x >= 2147483647.0 ? INT32_MAX : (int32_t)x;
}

static inline uint32_t to_u32(double x)
{
	if (!(x > 0))
		return 0;
	return x >= 4294967295.0 ? UINT32_MAX : (uint32_t)(int64_t)x;
}

/* ---- frexp, ldexp ---- */

static inline float ldexp32(float x, int n)
{
	if (n > 300)
		n = 300;
	if (n < -300)
		n = -300;
	return (float)((double)x * pow2(n)); /* one rounding: the product is exact */
}

static inline double ldexp64(double x, int n)
{
	if (n > 1023) {
		x *= pow2(1023);
		n -= 1023;
		if (n > 1023) {
			x *= pow2(1023);
			n -= 1023;
			if (n > 1023)
				n = 1023;
		}
	}
	/* Leave 53 bits of room, so that only the last step rounds; what is far below rounds as if just below. */
	while (n < -1022) {
		if (exponent64(x) <= 970) {
			x = x == 0 ? x : double_of((bits64(x) & 1ull << 63) | 1ull << 52);
			n = -1022;
		} else {
			x *= pow2(-969);
			n += 969;
		}
	}
	return x * pow2(n);
}

static inline int frexp_exp32(float x)
{
	double d = x;

	if (x == 0 || x - x != 0)
		return 0;
	return exponent64(d) - 1022;
}

static inline float frexp_mant32(float x)
{
	double d = x;

	if (x == 0 || x - x != 0)
		return x;
	return (float)double_of((bits64(d) & 0x800fffffffffffffull) | 1022ull << 52);
}

static inline int frexp_exp64(double x)
{
	if (x == 0 || x - x != 0)
		return 0;
	if (!exponent64(x))
		return exponent64(x * pow2(64)) - 64 - 1022;
	return exponent64(x) - 1022;
}

static inline double frexp_mant64(double x)
{
	if (x == 0 || x - x != 0)
		return x;
	if (!exponent64(x))
		x *= pow2(64);
	return double_of((bits64(x) & 0x800fffffffffffffull) | 1022ull << 52);
}

/* ---- transcendentals, from series in double ---- */

/* Inputs and results that are denormal are flushed (RDNA 1.0 ISA, V_EXP_F32, V_LOG_F32). */
static inline float flush32(float x)
{
	return is_denormal32(x) ? float_of(bits32(x) & 0x80000000u) : x;
}

static inline float exp2_32(float x)
{
	static const double c[] = {/* ln(2)^k / k! */
				   1.0,
				   0.69314718055994531,
				   0.24022650695910071,
				   0.055504108664821580,
				   0.0096181291076284772,
				   0.0013333558146428443,
				   0.00015403530393381609,
				   1.5252733804059840e-05,
				   1.3215486790144310e-06,
				   1.0178086009239700e-07,
				   7.0549116208011234e-09};
	double f, r;
	int n;

	if (x != x)
		return quiet32(x);
	if (x >= 128)
		return float_of(0x7f800000);
	if (x < -126)
		return 0;
	n = (int)floor64((double)x + 0.5);
	f = x - n;
	r = c[10];
	for (int k = 9; k >= 0; k--)
		r = r * f + c[k];
	return (float)(r * pow2(n));
}

static inline float log2_32(float x)
{
	double m, t, t2, r = 0;
	int e;

	x = flush32(x);
	if (x != x)
		return quiet32(x);
	if (x < 0)
		return float_of(0xffc00000);
	if (x == 0)
		return float_of(0xff800000);
	if (bits32(x) == 0x7f800000)
		return x;
	e = exponent32(x) - 127;
	m = float_of((bits32(x) & 0x7fffff) | 0x3f800000);
	if (m > 1.4142135623730951) {
		m /= 2;
		e++;
	}
	/* ln(m) = 2 atanh(t), |t| < 0.172 */
	t = (m - 1) / (m + 1);
	t2 = t * t;
	for (int k = 21; k >= 1; k -= 2)
		r = r * t2 + 1.0 / k;
	return (float)(e + 2 * t * r * 1.4426950408889634);
}

/* sin(2 pi x) for x in [-1/4, 1/4]. */
static inline double sin_quarter(double x)
{
	double t = x * 6.2831853071795865, t2 = t * t;

	return t * (1 + t2 * (-1.0 / 6 + t2 * (1.0 / 120 + t2 * (-1.0 / 5040 + t2 * (1.0 / 362880 +
	       t2 * (-1.0 / 39916800 + t2 * (1.0 / 6227020800 + t2 * (-1.0 / 1307674368000))))))));
}

/*
 * V_SIN_F32: sin of x revolutions. "Full range input is supported" (RDNA 3 ISA; the range of
 * [-256, 256] is GCN's: LLVM FeatureTrigReducedRange ends before gfx9).
 */
static inline float sin_32(float x, double phase)
{
	double f;

	if (x - x != 0)
		return float_of(0xffc00000);
	if (x == 0 && phase == 0)
		return x;
	f = x;
	f = f - floor64(f) + phase; /* exact below 2^52, where the integers begin */
	f -= floor64(f + 0.5); /* [-1/2, 1/2) */
	if (f > 0.25)
		f = 0.5 - f;
	else if (f < -0.25)
		f = -0.5 - f;
	return (float)sin_quarter(f);
}

/* ---- division helpers (RDNA 1.0 ISA, V_DIV_SCALE, V_DIV_FMAS, V_DIV_FIXUP) ---- */

static inline float div_scale32(float s0, float s1, float s2, int *vcc)
{
	double rcp = 1.0 / s1, quot = (double)s2 / s1;
	int rcp_denorm, quot_denorm;
	const double tiny = 1.1754943508222875e-38; /* 2^-126 */

	rcp_denorm = rcp != 0 && rcp < tiny && rcp > -tiny;
	quot_denorm = quot != 0 && quot < tiny && quot > -tiny;
	*vcc = 0;
	if (s1 == 0 || s2 == 0)
		return float_of(0x7fc00000);
	if (exponent32(s2) - exponent32(s1) >= 96) {
		*vcc = 1;
		return bits32(s0) == bits32(s1) ? ldexp32(s0, 64) : s0;
	}
	if (is_denormal32(s1))
		return ldexp32(s0, 64);
	if (rcp_denorm && quot_denorm) {
		*vcc = 1;
		return bits32(s0) == bits32(s1) ? ldexp32(s0, -64) : s0;
	}
	if (rcp_denorm)
		return ldexp32(s0, -64);
	if (quot_denorm) {
		*vcc = 1;
		return bits32(s0) == bits32(s2) ? ldexp32(s0, 64) : s0;
	}
	if (exponent32(s2) <= 23)
		return ldexp32(s0, 64);
	return s0;
}

static inline double div_scale64(double s0, double s1, double s2, int *vcc)
{
	__float128 rcp = s1 != 0 ? (__float128)1 / s1 : 0, quot = s1 != 0 ? (__float128)s2 / s1 : 0;
	const __float128 tiny = 2.2250738585072014e-308; /* 2^-1022 */
	int rcp_denorm = rcp != 0 && rcp < tiny && rcp > -tiny;
	int quot_denorm = quot != 0 && quot < tiny && quot > -tiny;

	*vcc = 0;
	if (s1 == 0 || s2 == 0)
		return double_of(0x7ff8000000000000ull);
	if (exponent64(s2) - exponent64(s1) >= 768) {
		*vcc = 1;
		return bits64(s0) == bits64(s1) ? ldexp64(s0, 128) : s0;
	}
	if (is_denormal64(s1))
		return ldexp64(s0, 128);
	if (rcp_denorm && quot_denorm) {
		*vcc = 1;
		return bits64(s0) == bits64(s1) ? ldexp64(s0, -128) : s0;
	}
	if (rcp_denorm)
		return ldexp64(s0, -128);
	if (quot_denorm) {
		*vcc = 1;
		return bits64(s0) == bits64(s2) ? ldexp64(s0, 128) : s0;
	}
	if (exponent64(s2) <= 53)
		return ldexp64(s0, 128);
	return s0;
}

/*
 * The scale undoes V_DIV_SCALE: by 2^64 when the quotient estimate s2 is large, by 2^-64 when it is
 * small. (The RDNA 1.0 text says 2^32 in all cases, which would not undo either; later ISA texts
 * give this rule.)
 */
static inline float div_fmas32(float s0, float s1, float s2, int vcc)
{
	if (!vcc)
		return fma32(s0, s1, s2);
	return (float)(fma_odd(s0, s1, s2) * pow2(exponent32(s2) > 127 ? 64 : -64));
}

static inline double div_fmas64(double s0, double s1, double s2, int vcc)
{
	if (!vcc)
		return fma64(s0, s1, s2);
	/* Exact scaling, then one rounding. */
	return (double)(fma_odd64(s0, s1, s2) *
			(exponent64(s2) > 1023 ? (__float128)pow2(128) : (__float128)pow2(-128)));
}

/* "OVERFLOW" of the ISA text is also what a NaN quotient of finite operands becomes: a choice that
 * gives IEEE division, which LLVM's expansion is said to. */
#define DEFINE_DIV_FIXUP(T, s, bits, of, quiet, SIGN, INF, QNAN, EXP_MAX, UNDER)                   \
	static inline T div_fixup##s(T s0, T s1, T s2)                                             \
	{                                                                                          \
		uint64_t sign = (bits(s1) ^ bits(s2)) & SIGN, abs1 = bits(s1) & ~SIGN,             \
			 abs2 = bits(s2) & ~SIGN;                                                  \
                                                                                                   \
		if (s2 != s2)                                                                      \
			return quiet(s2);                                                          \
		if (s1 != s1)                                                                      \
			return quiet(s1);                                                          \
		if ((!abs1 && !abs2) || (abs1 == INF && abs2 == INF))                              \
			return of(QNAN);                                                           \
		if (!abs1 || abs2 == INF)                                                          \
			return of(sign | INF);                                                     \
		if (abs1 == INF || !abs2)                                                          \
			return of(sign);                                                           \
		if (exponent##s(s2) - exponent##s(s1) < UNDER)                                     \
			return of(sign);                                                           \
		if (exponent##s(s1) == EXP_MAX || s0 != s0)                                        \
			return of(sign | INF);                                                     \
		return of(sign | (bits(s0) & ~SIGN));                                              \
	}
#define FLOAT_OF(u) float_of((uint32_t)(u))
DEFINE_DIV_FIXUP(float, 32, (uint64_t)bits32, FLOAT_OF, quiet32, 0x80000000ull, 0x7f800000ull,
		 0xffc00000ull, 255, -150)
DEFINE_DIV_FIXUP(double, 64, bits64, double_of, quiet64, 0x8000000000000000ull,
		 0x7ff0000000000000ull, 0xfff8000000000000ull, 2047, -1075)

/* V_CMP_CLASS: which bit of the mask the value falls under. */
/* V_CMP_CLASS: the bit of the class a float is in. `top`: its exponent is all ones. */
static inline uint32_t float_class(int negative, int top, int exponent, int mantissa, int quiet)
{
	if (top && mantissa)
		return quiet ? 1u << 1 : 1u << 0;
	if (top)
		return negative ? 1u << 2 : 1u << 9;
	if (exponent)
		return negative ? 1u << 3 : 1u << 8;
	if (mantissa)
		return negative ? 1u << 4 : 1u << 7;
	return negative ? 1u << 5 : 1u << 6;
}

static inline uint32_t class32(float x)
{
	uint32_t u = bits32(x);
	int e = exponent32(x);

	return float_class(u >> 31, e == 255, e, (u & 0x7fffff) != 0, u >> 22 & 1);
}

static inline uint32_t class64(double x)
{
	uint64_t u = bits64(x);
	int e = exponent64(x);

	return float_class(u >> 63, e == 2047, e, (u & 0xfffffffffffffull) != 0, u >> 51 & 1);
}

static inline int32_t sext24(uint32_t x)
{
	return (int32_t)(x << 8) >> 8;
}

static inline uint32_t bitrev32(uint32_t x)
{
	x = __builtin_bswap32(x);
	x = (x & 0x0f0f0f0f) << 4 | (x >> 4 & 0x0f0f0f0f);
	x = (x & 0x33333333) << 2 | (x >> 2 & 0x33333333);
	return (x & 0x55555555) << 1 | (x >> 1 & 0x55555555);
}

static inline uint32_t sad_u8(uint32_t a, uint32_t b, bool masked)
{
	uint32_t r = 0;

	for (int k = 0; k < 32; k += 8) {
		uint32_t x = a >> k & 255, y = b >> k & 255;

		if (!masked || y)
			r += x > y ? x - y : y - x;
	}
	return r;
}

/* V_PERM_B32: select bytes of {s0, s1}. */
static inline uint32_t perm_bytes(uint32_t s0, uint32_t s1, uint32_t sel)
{
	uint64_t all = (uint64_t)s0 << 32 | s1;
	uint32_t r = 0;

	for (int k = 0; k < 4; k++) {
		uint32_t s = sel >> (8 * k) & 255, byte;

		if (s >= 13)
			byte = 255;
		else if (s == 12)
			byte = 0;
		else if (s >= 8) /* sign of byte 1, 3, 5, 7 */
			byte = (all >> (16 * (s - 8) + 15) & 1) ? 255 : 0;
		else
			byte = (uint32_t)(all >> (8 * s)) & 255;
		r |= byte << (8 * k);
	}
	return r;
}

#endif
