// SPDX-License-Identifier: MIT
/*
 * A convolution as libraries do it: im2col, then a matrix product in tiles held in LDS and registers, in
 * floats, or in halves with sums in floats. Verified bit by bit: the sums run in one order on both sides.
 */
#include "hip_check.h"

#include <chrono>
#include <getopt.h>
#include <hip/hip_fp16.h>

enum { TILE = 64, DEEP = 16, GROUP = 256, EACH = 4 };

struct shape {
	int c, h, w, k, f, pad;
	int deep() const { return c * f * f; }
	__host__ __device__ int columns() const { return (h + 2 * pad - f + 1) * (w + 2 * pad - f + 1); }
};

template <typename T> __host__ __device__ static T element(const T *in, const shape &s, int row, int column)
{
	int out_w = s.w + 2 * s.pad - s.f + 1, c = row / (s.f * s.f), tap = row % (s.f * s.f);
	int y = column / out_w + tap / s.f - s.pad, x = column % out_w + tap % s.f - s.pad;

	return y < 0 || y >= s.h || x < 0 || x >= s.w ? (T)0 : in[(c * s.h + y) * s.w + x];
}

template <typename T> __global__ void im2col(const T *in, T *out, shape s)
{
	int column = (int)(blockIdx.x * GROUP + threadIdx.x), row = (int)blockIdx.y;

	if (column < s.columns())
		out[(size_t)row * s.columns() + column] = element(in, s, row, column);
}

/* c[m][n] = a[m][k] b[k][n]: a workgroup makes 64x64, a work-item 4x4. */
template <typename T>
__global__ void __launch_bounds__(GROUP) product(const T *a, const T *b, float *c, int m, int n, int k)
{
	__shared__ T as[DEEP][TILE + 4], bs[DEEP][TILE + 4];
	int t = threadIdx.x, tx = t % 16, ty = t / 16;
	int m0 = (int)blockIdx.y * TILE, n0 = (int)blockIdx.x * TILE;
	float sum[EACH][EACH] = {};

	for (int k0 = 0; k0 < k; k0 += DEEP) {
		for (int i = t; i < TILE * DEEP; i += GROUP) {
			int row = m0 + i / DEEP, in = k0 + i % DEEP, column = n0 + i % TILE, at = k0 + i / TILE;

			as[i % DEEP][i / DEEP] = row < m && in < k ? a[row * k + in] : (T)0;
			bs[i / TILE][i % TILE] = column < n && at < k ? b[(size_t)at * n + column] : (T)0;
		}
		__syncthreads();
#pragma unroll
		for (int d = 0; d < DEEP; d++)
#pragma unroll
			for (int y = 0; y < EACH; y++)
#pragma unroll
				for (int x = 0; x < EACH; x++)
					sum[y][x] = fmaf((float)as[d][ty * EACH + y], (float)bs[d][tx * EACH + x], sum[y][x]);
		__syncthreads();
	}
	for (int y = 0; y < EACH; y++)
		for (int x = 0; x < EACH; x++)
			if (m0 + ty * EACH + y < m && n0 + tx * EACH + x < n)
				c[(size_t)(m0 + ty * EACH + y) * n + n0 + tx * EACH + x] = sum[y][x];
}

/* One filter; compiled for the host's fused multiply-add where it has one. */
template <typename T> static inline __attribute__((always_inline)) void
one_filter(const std::vector<float> &a, const std::vector<T> &in, std::vector<float> &c, const shape &s)
{
	int n = s.columns(), k = s.deep();
	std::vector<float> row((size_t)n);

	for (int i = 0; i < k; i++) {
		for (int j = 0; j < n; j++)
			row[j] = (float)element(in.data(), s, i, j);
		for (int f = 0; f < s.k; f++)
			for (int j = 0; j < n; j++)
				c[(size_t)f * n + j] = __builtin_fmaf(a[f * k + i], row[j], c[(size_t)f * n + j]);
	}
}

template <typename T> __attribute__((target("avx2,fma"))) static void
with_fma(const std::vector<float> &a, const std::vector<T> &in, std::vector<float> &c, const shape &s)
{
	one_filter(a, in, c, s);
}

template <typename T> static void
cpu(const std::vector<float> &a, const std::vector<T> &in, std::vector<float> &c, const shape &s)
{
	if (__builtin_cpu_supports("fma") && __builtin_cpu_supports("avx2"))
		with_fma(a, in, c, s);
	else
		one_filter(a, in, c, s);
}

template <typename T> static void convolve(const char *name, const shape &s)
{
	std::vector<float> random(std::max(s.c * s.h * s.w, s.k * s.deep())), wide(s.k * s.deep());
	std::vector<T> in(s.c * s.h * s.w), a(wide.size());
	std::vector<float> want((size_t)s.k * s.columns()), got(want.size());
	hipEvent_t begin, end;
	float device = 0;

	fill_random(random.data(), in.size(), 12);
	for (size_t i = 0; i < in.size(); i++)
		in[i] = (T)random[i];
	fill_random(random.data(), a.size(), 13);
	for (size_t i = 0; i < a.size(); i++) {
		a[i] = (T)random[i];
		wide[i] = (float)a[i];
	}
	HIP(hipEventCreate(&begin));
	HIP(hipEventCreate(&end));
	T *d_in = device_copy("in", in), *d_a = device_copy("weights", a);
	T *d_b = device_array<T>("columns", (size_t)s.deep() * s.columns());
	float *d_c = device_floats("out", got.size());
	auto t0 = std::chrono::steady_clock::now();

	HIP(hipEventRecord(begin));
	im2col<T><<<dim3((s.columns() + GROUP - 1) / GROUP, s.deep()), GROUP>>>(d_in, d_b, s);
	product<T><<<dim3((s.columns() + TILE - 1) / TILE, (s.k + TILE - 1) / TILE), GROUP>>>(d_a, d_b, d_c, s.k, s.columns(),
											     s.deep());
	HIP(hipEventRecord(end));
	HIP(hipEventSynchronize(end));
	double wall = std::chrono::duration<double>(std::chrono::steady_clock::now() - t0).count();

	HIP(hipEventElapsedTime(&device, begin, end));
	copy_back(got, d_c);
	cpu(wide, in, want, s);
	for (size_t i = 0; i < got.size(); i++)
		expect_same(name, i, got[i], want[i]);
	std::printf("%s %d->%d channels %dx%d %dx%d: device %.3f s, host waited %.3f s\n", name, s.c, s.k, s.f, s.f, s.h, s.w,
		    device / 1e3, wall);
	for (void *p : {(void *)d_in, (void *)d_a, (void *)d_b, (void *)d_c})
		HIP(hipFree(p));
}

int main(int argc, char **argv)
{
	static const option options[] = {{"channels", required_argument, nullptr, 'c'},
					 {"size", required_argument, nullptr, 's'},
					 {}};
	int channels = 64, size = 56, c;
	bool bad = false;

	while ((c = getopt_long(argc, argv, "", options, nullptr)) != -1) {
		switch (c) {
		case 'c': bad |= !read_number(optarg, 1, 512, &channels); break;
		case 's': bad |= !read_number(optarg, 1, 512, &size); break;
		default: bad = true;
		}
	}
	if (bad || optind != argc) {
		std::fprintf(stderr, "usage: gemm [--channels N] [--size N]\n");
		return 2;
	}
	const shape s = {channels, size, size, channels, 3, 1};

	convolve<float>("float", s);
	convolve<_Float16>("half", s);
	return verdict();
}
