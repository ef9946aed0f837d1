// SPDX-License-Identifier: MIT
/*
 * Built for gfx1030 only. override plain: code that both chips have; override dot: v_dot2_f32_f16,
 * which gfx1010 does not. Prints "ok: all results right".
 */
#include "hip_check.h"

#include <cmath>
#include <cstring>
#include <vector>

typedef _Float16 half2 __attribute__((ext_vector_type(2)));

__global__ void plain(const float *x, float *y, int n)
{
	int i = blockIdx.x * blockDim.x + threadIdx.x;

	if (i < n)
		y[i] = fmaf(x[i], 3.0f, sqrtf(fabsf(x[i])));
}

__global__ void dot(const half2 *x, float *y, int n)
{
	int i = blockIdx.x * blockDim.x + threadIdx.x;

	if (i < n)
		y[i] = __builtin_amdgcn_fdot2(x[i], x[i], 0.5f, false);
}

static const int N = 4096;

int main(int argc, char **argv)
{
	std::vector<float> x(N), y(N);
	std::vector<half2> h(N);
	bool dots = argc > 1 && !strcmp(argv[1], "dot");
	float *in, *out;
	int bad = 0;

	for (int i = 0; i < N; i++) {
		x[i] = (float)(i - N / 2) / 16;
		h[i] = half2{(_Float16)(i % 32), (_Float16)(i % 7)};
	}
	HIP(hipMalloc(&in, N * 4));
	HIP(hipMalloc(&out, N * 4));
	HIP(hipMemcpy(in, dots ? (const void *)h.data() : x.data(), N * 4, hipMemcpyHostToDevice));
	if (dots)
		dot<<<N / 256, 256>>>((const half2 *)in, out, N);
	else
		plain<<<N / 256, 256>>>(in, out, N);
	HIP(hipGetLastError());
	HIP(hipMemcpy(y.data(), out, N * 4, hipMemcpyDeviceToHost));
	for (int i = 0; i < N; i++) {
		float a = (float)(i % 32), b = (float)(i % 7);
		float want = dots ? a * a + b * b + 0.5f : fmaf(x[i], 3.0f, sqrtf(fabsf(x[i])));

		bad += y[i] != want && !(fabsf(y[i] - want) <= 1e-6f * fabsf(want));
	}
	printf(bad ? "FAILED: %d results wrong\n" : "ok: all results right\n", bad);
	return bad != 0;
}
