// SPDX-License-Identifier: MIT
/*
 * The arithmetic of one lane against libm and exact references. Compiled for plain x86-64, so the
 * software fused multiply-add and the software rounding are what is tested.
 */
#include "t.h"
#include <stdbool.h>
#include "../../hsa-tools/emu/lane_math.h"

#include <math.h>

static uint64_t state = 88172645463325252ull;

static uint64_t rnd(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

/* Any bit pattern, edge values often. */
static float any32(void)
{
	static const uint32_t edge[] = {0,	    0x80000000, 0x3f800000, 0xbf800000, 1,
					0x7fffff,   0x800000,	0x7f7fffff, 0x7f800000, 0xff800000,
					0x7fc00000, 0x34000000, 0x4b000000, 0x4affffff, 0xcb000001};

	return rnd() % 4 ? float_of((uint32_t)rnd()) : float_of(edge[rnd() % 15]);
}

static double any64(void)
{
	return rnd() % 4 ? double_of(rnd()) : (double)any32();
}

static bool same32(float a, float b)
{
	return bits32(a) == bits32(b) || (a != a && b != b);
}

static bool same64(double a, double b)
{
	return bits64(a) == bits64(b) || (a != a && b != b);
}

/* Distance in units of the last place of the right result, which is given in double. */
static double ulps(float got, double want)
{
	double ulp;

	if (got != got || want != want)
		return got != got && want != want ? 0 : 1e30;
	if (fabs(want) > 3.4028235677973366e38)
		return isinf(got) ? 0 : 1e30;
	if (isinf(got))
		return 1e30;
	ulp = ldexp(1, (want == 0 ? -126 : fmax(ilogb(want), -126)) - 23);
	return fabs(got - want) / ulp;
}

/* What the shader does for a / b (LLVM's fdiv32 with denormals on). */
static float divide(float a, float b)
{
	int vcc_d, vcc_n;
	float d = div_scale32(b, b, a, &vcc_d), n = div_scale32(a, b, a, &vcc_n);
	float r = 1.0f / d, e = fma32(-d, r, 1), q;

	r = fma32(e, r, r);
	q = n * r;
	e = fma32(-d, q, n);
	q = fma32(e, r, q);
	e = fma32(-d, q, n);
	return div_fixup32(div_fmas32(e, r, q, vcc_n), b, a);
}

static double divide64(double a, double b)
{
	int vcc_d, vcc_n;
	double d = div_scale64(b, b, a, &vcc_d), n = div_scale64(a, b, a, &vcc_n);
	double r = 1.0 / d, e = fma64(-d, r, 1), q;

	r = fma64(r, e, r);
	e = fma64(-d, r, 1);
	r = fma64(r, e, r);
	q = n * r;
	e = fma64(-d, q, n);
	return div_fixup64(div_fmas64(e, r, q, vcc_n), b, a);
}

int main(void)
{
	double worst_exp = 0, worst_log = 0, worst_sin = 0;
	int bad_div = 0, bad_div64 = 0;

	for (int i = 0; i < 400000; i++) {
		float a = any32(), b = any32(), c = any32(), s;
		double x = any64(), y = any64(), z = any64();
		int n = (int)(rnd() % 700) - 350;

		CHECK(same32(fma32(a, b, c), fmaf(a, b, c)));
		/* products that nearly cancel */
		CHECK(same32(fma32(a, b, -(a * b)), fmaf(a, b, -(a * b))));
		CHECK(same64(fma64(x, y, z), fma(x, y, z)));
		CHECK(same64(fma64(x, y, -(x * y)), fma(x, y, -(x * y))));
		CHECK(same32(floor32(a), floorf(a)));
		CHECK(same32(ceil32(a), ceilf(a)));
		CHECK(same32(trunc32(a), truncf(a)));
		CHECK(same32(rint32(a), rintf(a)));
		CHECK(same64(floor64(x), floor(x)));
		CHECK(same64(ceil64(x), ceil(x)));
		CHECK(same64(trunc64(x), trunc(x)));
		CHECK(same64(rint64(x), rint(x)));
		CHECK(same32(ldexp32(a, n), ldexpf(a, n)));
		CHECK(same64(ldexp64(x, n * 8), ldexp(x, n * 8)));
		if (a == a && !isinf(a)) {
			int e;
			float m = frexpf(a, &e);

			CHECK(same32(frexp_mant32(a), m));
			CHECK_EQ(frexp_exp32(a), a == 0 ? 0 : e);
		}
		if (x == x && !isinf(x)) {
			int e;
			double m = frexp(x, &e);

			CHECK(same64(frexp_mant64(x), m));
			CHECK_EQ(frexp_exp64(x), x == 0 ? 0 : e);
		}
		if (a == a && b == b) {
			CHECK(same32(min_f32(a, b), a == b ? (signbit(a) ? a : b) : fminf(a, b)));
			CHECK(same32(max_f32(a, b), a == b ? (signbit(a) ? b : a) : fmaxf(a, b)));
		}
		bad_div += !same32(divide(a, b), a / b);
		bad_div64 += !same64(divide64(x, y), x / y);

		s = (float)(int)(rnd() % 300000) / 1000.0f - 150;
		if (s >= -126)
			worst_exp = fmax(worst_exp, ulps(exp2_32(s), exp2(s)));
		a = fabsf(a);
		if (!is_denormal32(a) && a == a && a > 0 && fabsf(a - 1) > 0.01f)
			worst_log = fmax(worst_log, ulps(log2_32(a), log2(a)));
		s = (float)(int)(rnd() % 512000) / 1000.0f - 256;
		worst_sin = fmax(worst_sin, fabs(sin_32(s, 0) - sin(2 * M_PI * fmod(s, 1))));
	}
	CHECK_EQ(bad_div, 0);
	CHECK_EQ(bad_div64, 0);
	printf("worst: exp2 %.3f ulp, log2 %.3f ulp, sin %.2g absolute\n", worst_exp, worst_log, worst_sin);
	CHECK(worst_exp <= 0.501);
	CHECK(worst_log <= 0.501);
	CHECK(worst_sin <= 6e-8);

	CHECK_EQ(to_i32(1e20), INT32_MAX);
	CHECK_EQ(to_i32(-1e20), INT32_MIN);
	CHECK_EQ(to_i32(-1.9), -1);
	CHECK_EQ(to_u32(-1), 0);
	CHECK_EQ(to_u32(4294967040.0), 4294967040u);
	CHECK_EQ(to_u32(1e20), UINT32_MAX);
	CHECK_EQ(to_i32(NAN), 0);
	CHECK(exp2_32(200) == INFINITY && exp2_32(-200) == 0 && exp2_32(0) == 1);
	CHECK(log2_32(0) == -INFINITY && log2_32(-1) != log2_32(-1) && log2_32(8) == 3);
	CHECK_EQ(bitrev32(1), 0x80000000);
	CHECK_EQ(perm_bytes(0x33221100, 0x77665544, 0x07000c0d), 0x334400ff);
	CHECK_EQ(class32(-0.0f), 1 << 5);
	CHECK_EQ(class32(INFINITY), 1 << 9);
	CHECK_EQ(class64(1e-310), 1 << 7);
	END_TESTS;
}
