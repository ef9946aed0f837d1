// SPDX-License-Identifier: MIT
/* Loads kernels in OpenCL C (opencl.cl), compiled offline, as any code object. opencl FILE.co WIDTH */
#include "hip_check.h"

#include <algorithm>
#include <cmath>

enum { GROUP = 128, GROUPS = 12, N = GROUP * GROUPS, WIDTH = 50, HEIGHT = 20 };

typedef unsigned int u32;

static hipModule_t module;

template <typename... T> static void launch(const char *name, dim3 groups, dim3 group, u32 lds, T... values)
{
	void *params[] = {(void *)&values...};
	hipFunction_t f;

	HIP(hipModuleGetFunction(&f, module, name));
	HIP(hipModuleLaunchKernel(f, groups.x, groups.y, 1, group.x, group.y, 1, lds, nullptr, params, nullptr));
	std::printf("launched %s 1 times\n", name);
}

static void check_sums(uint32_t seed)
{
	std::vector<int> in(N), out(2 * GROUPS);

	for (auto &x : in)
		x = (int)next_random(&seed) >> 8;
	int *d = device_copy("in", in), *d_out = device_array<int>("out", out.size());

	/* A pointer to local memory is an offset into the dynamic part. */
	launch("sums", dim3(GROUPS), dim3(GROUP), GROUP * 4, d, d_out, (u32)0);
	copy_back(out, d_out);
	for (int g = 0; g < GROUPS; g++) {
		int sum = 0;

		for (int i = 0; i < GROUP; i++)
			sum += in[g * GROUP + i];
		expect_same("sum in local memory", g, out[2 * g], sum);
		expect_same("sum of atomics", g, out[2 * g + 1], sum);
	}
}

static u32 saturated(int v)
{
	return (u32)(v < 0 ? 0 : v > 255 ? 255 : v);
}

static void vector_cpu(const u32 *v, u32 *out)
{
	u32 r[4];

	for (int c = 0; c < 4; c++) {
		u32 a = v[c], b = v[3 - c], s = b & 31;

		r[c] = (a + b < a ? ~0u : a + b) ^ (a > b ? a - b : 0) ^ (s ? a << s | a >> (32 - s) : a) ^
		       (u32)((uint64_t)a * b >> 32) ^ (u32)(((uint64_t)a + b) >> 1);
	}
	for (int c = 0; c < 4; c++)
		r[0] ^= saturated((int)(v[c] >> 20) - 1000) << 8 * c;
	r[1] ^= (u32)__builtin_popcount(v[1]) | (u32)(v[2] ? __builtin_clz(v[2]) : 32) << 8;
	r[2] ^= (u32)((int)(v[2] << 8) >> 8) * (u32)((int)(v[1] << 8) >> 8) + 17;
	r[3] ^= (v[3] & 0xffff) << 16 | (v[0] & 0xffff);
	for (int c = 0; c < 4; c++)
		r[c] = v[c] > v[3 - c] ? ~r[c] : r[c];
	out[0] = r[v[0] & 3];
	out[1] = r[2];
	out[2] = r[v[2] & 3];
	out[3] = r[0];
}

static void check_vectors(uint32_t seed)
{
	std::vector<u32> in(4 * N), out(4 * N), want(4 * N);

	for (auto &x : in)
		x = next_random(&seed) >> next_random(&seed) % 20;
	u32 *d = device_copy("vectors", in), *d_out = device_array<u32>("results", out.size());

	launch("vectors", dim3(GROUPS), dim3(GROUP), 0, d, d_out);
	copy_back(out, d_out);
	for (int i = 0; i < N; i++)
		vector_cpu(&in[4 * i], &want[4 * i]);
	for (int i = 0; i < 4 * N; i++)
		expect_same("vectors", i, out[i], want[i]);
}

static void check_blend(uint32_t seed)
{
	std::vector<_Float16> a(WIDTH * HEIGHT);
	std::vector<float> b(a.size()), out(a.size());
	const float t = 0.375f;

	for (size_t i = 0; i < a.size(); i++) {
		a[i] = (_Float16)((float)(int)(next_random(&seed) % 2000) / 64 - 15);
		b[i] = (float)(int)(next_random(&seed) % 20000) / 512 - 20;
	}
	_Float16 *d_a = device_copy("halves", a);
	float *d_b = device_copy("floats", b), *d_out = device_floats("blended", out.size());

	launch("blend", dim3((WIDTH + 15) / 16, HEIGHT / 4), dim3(16, 4), 0, d_a, d_b, d_out, t, (int)WIDTH);
	copy_back(out, d_out);
	for (size_t i = 0; i < out.size(); i++) {
		float fa = (float)a[i], sign = b[i] > 0 ? 1.0f : b[i] < 0 ? -1.0f : 0.0f;
		float blended = std::fmaf(t, b[i] - fa, fa);

		/* Contracted to a fused multiply and add, or not: the compiler may. */
		expect_that(out[i] == std::fmaf(std::floor(b[i]), sign, blended) ||
				    out[i] == std::floor(b[i]) * sign + blended, "blend", i);
	}
}

static void check_lanes(u32 width)
{
	std::vector<u32> out(N);
	u32 *d = device_array<u32>("lanes", N);

	launch("lanes", dim3(GROUPS), dim3(GROUP), 0, d);
	copy_back(out, d);
	for (int i = 0; i < N; i++)
		expect_same("lanes of a wave", i, out[i], width);
}

int main(int argc, char **argv)
{
	int width;

	if (argc != 3 || !read_number(argv[2], 32, 64, &width)) {
		std::fprintf(stderr, "usage: opencl FILE.co LANES\n");
		return 2;
	}
	HIP(hipModuleLoad(&module, argv[1]));
	check_sums(17);
	check_vectors(18);
	check_blend(19);
	check_lanes((u32)width);
	return verdict();
}
