// SPDX-License-Identifier: MIT
/* The MODE register: four ways to round, denormals kept or flushed, against the CPU's own. */
#include "hip_check.h"

#include <cfenv>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>
#include <xmmintrin.h>

#ifndef __HIP_DEVICE_COMPILE__
#pragma STDC FENV_ACCESS ON
#endif

enum { N = 4096, MODES = 8, RESULTS = 6 };

/* Rounding in the low nibble (f32, then f64 and f16), denormals in the other. */
#define CASE(n, round, denorm)                                                                     \
	case n:                                                                                    \
		asm volatile("s_round_mode " round "\n s_denorm_mode " denorm "\n"                 \
			     "v_add_f32 %0, %5, %6\n v_mul_f32 %1, %5, %6\n v_fma_f32 %2, %5, %6, %5\n" \
			     "v_add_f64 %3, %7, %8\n v_cvt_f32_f64 %4, %7\n"                       \
			     "s_round_mode 0\n s_denorm_mode 0xf"                                  \
			     : "=&v"(add), "=&v"(mul), "=&v"(fma), "=&v"(add64), "=&v"(narrow)     \
			     : "v"(x), "v"(y), "v"(X), "v"(Y));                                    \
		break;

__global__ void compute(const float *a, const float *b, const double *A, const double *B, int mode,
			float *out, double *out64)
{
	int i = blockIdx.x * blockDim.x + threadIdx.x;
	float x = a[i], y = b[i], add = 0, mul = 0, fma = 0, narrow = 0;
	double X = A[i], Y = B[i], add64 = 0;

	switch (mode) {
		CASE(0, "0x0", "0xf")
		CASE(1, "0x5", "0xf")
		CASE(2, "0xa", "0xf")
		CASE(3, "0xf", "0xf")
		CASE(4, "0x0", "0x0")
		CASE(5, "0x0", "0x5")
		CASE(6, "0x0", "0xa")
		CASE(7, "0x9", "0xc")
	}
	out[i] = add;
	out[N + i] = mul;
	out[2 * N + i] = fma;
	out[3 * N + i] = narrow;
	out64[i] = add64;
}

template <typename T> static T flushed(T x, bool flush)
{
	return flush && std::fpclassify(x) == FP_SUBNORMAL ? std::copysign((T)0, x) : x;
}

template <typename T> static bool same(T a, T b)
{
	return !std::memcmp(&a, &b, sizeof(a)) || (a != a && b != b);
}

int main(int argc, char **)
{
	static const int rounding[] = {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
	static const struct {
		int round, round64, denorm, denorm64;
	} modes[MODES] = {{0, 0, 3, 3}, {1, 1, 3, 3}, {2, 2, 3, 3}, {3, 3, 3, 3},
			  {0, 0, 0, 0}, {0, 0, 1, 1}, {0, 0, 2, 2}, {1, 2, 0, 3}};
	std::vector<float> a(N), b(N), out(4 * N);
	std::vector<double> A(N), B(N), out64(N);
	float *da, *db, *dout;
	double *dA, *dB, *dout64;
	uint64_t seed = 3;
	int wrong = 0;

	if (argc > 1) {
		std::fprintf(stderr, "usage: mode\n");
		return 2;
	}
	for (int i = 0; i < N; i++) {
		auto next = [&] { return seed = seed * 6364136223846793005ull + 1442695040888963407ull; };
		uint32_t p = (uint32_t)(next() >> 32), q = (uint32_t)(next() >> 32);
		uint64_t P = next() ^ next() >> 32, Q = next() ^ next() >> 32;

		if (i % 4 == 1) { /* denormals, and sums and products that come near them */
			p &= 0x81ffffff;
			q = i % 8 == 1 ? (q & 0x81ffffff) : (q & 0x80ffffff) | 0x3e000000;
			P &= 0x803fffffffffffff;
			Q &= 0x803fffffffffffff;
		}
		if (i % 4 == 2) /* of like size, so that sums round */
			q = (q & 0x80ffffff) | (p & 0x7f000000), Q = (Q & 0x801fffffffffffff) | (P & 0x7fe0000000000000);
		if (i % 4 == 3) /* doubles in the range of floats, the small ones too */
			P = (P & 0x800fffffffffffff) | (uint64_t)(0x369 + (P >> 52 & 127)) << 52;
		std::memcpy(&a[i], &p, 4);
		std::memcpy(&b[i], &q, 4);
		std::memcpy(&A[i], &P, 8);
		std::memcpy(&B[i], &Q, 8);
	}
	/* A program built with -ffast-math flushes denormals in every thread it starts; the card does not. */
	_mm_setcsr(_mm_getcsr() | 0x8040);
	HIP(hipMalloc((void **)&da, N * 4));
	HIP(hipMalloc((void **)&db, N * 4));
	HIP(hipMalloc((void **)&dA, N * 8));
	HIP(hipMalloc((void **)&dB, N * 8));
	HIP(hipMalloc((void **)&dout, 4 * N * 4));
	HIP(hipMalloc((void **)&dout64, N * 8));
	HIP(hipMemcpy(da, a.data(), N * 4, hipMemcpyHostToDevice));
	HIP(hipMemcpy(db, b.data(), N * 4, hipMemcpyHostToDevice));
	HIP(hipMemcpy(dA, A.data(), N * 8, hipMemcpyHostToDevice));
	HIP(hipMemcpy(dB, B.data(), N * 8, hipMemcpyHostToDevice));
	_mm_setcsr(_mm_getcsr() & ~0x8040u);
	for (int m = 0; m < MODES; m++) {
		bool in = !(modes[m].denorm & 1), res = !(modes[m].denorm & 2);
		bool in64 = !(modes[m].denorm64 & 1), res64 = !(modes[m].denorm64 & 2);

		compute<<<N / 256, 256>>>(da, db, dA, dB, m, dout, dout64);
		HIP(hipMemcpy(out.data(), dout, 4 * N * 4, hipMemcpyDeviceToHost));
		HIP(hipMemcpy(out64.data(), dout64, N * 8, hipMemcpyDeviceToHost));
		for (int i = 0; i < N; i++) {
			volatile float x = flushed(a[i], in), y = flushed(b[i], in), want[4];
			volatile double X = flushed(A[i], in64), Y = flushed(B[i], in64), want64;

			std::fesetround(rounding[modes[m].round]);
			want[0] = x + y;
			want[1] = x * y;
			want[2] = std::fma((float)x, (float)y, (float)x);
			want[3] = (float)X;
			std::fesetround(rounding[modes[m].round64]);
			want64 = X + Y;
			std::fesetround(FE_TONEAREST);
			for (int k = 0; k < 4; k++)
				if (!same(out[k * N + i], flushed((float)want[k], res)) && wrong++ < 10)
					std::printf("mode %d result %d of %a %a (%a): %a, the CPU has %a\n", m, k, a[i], b[i],
						    A[i], out[k * N + i], flushed((float)want[k], res));
			if (!same(out64[i], flushed((double)want64, res64)) && wrong++ < 10)
				std::printf("mode %d sum of %a %a: %a, the CPU has %a\n", m, A[i], B[i], out64[i],
					    flushed((double)want64, res64));
		}
	}
	std::printf(wrong ? "WRONG: %d results\n" : "ok: all results right\n", wrong);
	return wrong != 0;
}
