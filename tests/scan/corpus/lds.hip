// SPDX-License-Identifier: MIT
/* LDS beside global memory, with branches between them; accesses of several dwords. */
#include "kernels.h"

KERNEL reduce(float *a, int n)
{
	LDS float part[256];
	int i = local_id();

	part[i] = global_id() < n ? a[global_id()] : 0;
	for (int step = 128; step > 0; step /= 2) {
		barrier();
		if (i < step)
			part[i] += part[i + step];
	}
	if (!i)
		a[group_id()] = part[0];
}

KERNEL tile(const float *a, const float *b, float *c, int n)
{
	LDS float x[16][17], y[16][17];
	int col = local_id() & 15, row = local_id() >> 4;
	float s = 0;

	for (int k = 0; k < n; k += 16) {
		x[row][col] = row + k < n ? a[row * n + k + col] : 0;
		y[row][col] = col + k < n ? b[(k + row) * n + col] : 0;
		barrier();
		for (int j = 0; j < 16; j++)
			s += x[row][j] * y[j][col];
		barrier();
	}
	c[row * n + col] = s;
}

KERNEL histogram(const int *a, int *bins, int n)
{
	LDS int local[64];
	int i = local_id();

	if (i < 64)
		local[i] = 0;
	barrier();
	for (int k = global_id(); k < n; k += 4096)
		__atomic_fetch_add(&local[a[k] & 63], 1, __ATOMIC_RELAXED);
	barrier();
	if (i < 64)
		__atomic_fetch_add(&bins[i], local[i], __ATOMIC_RELAXED);
}

KERNEL bitonic(int *a)
{
	LDS int v[512];
	int i = local_id();

	v[i] = a[i];
	v[i + 256] = a[i + 256];
	for (int k = 2; k <= 512; k *= 2) {
		for (int j = k / 2; j > 0; j /= 2) {
			int x = i ^ j;

			barrier();
			if (x > i && ((i & k) ? v[i] < v[x] : v[i] > v[x])) {
				int t = v[i];

				v[i] = v[x];
				v[x] = t;
			}
		}
	}
	barrier();
	a[i] = v[i];
}

/* Im2d2Col's shape: a tile of LDS partly filled, then read. */
KERNEL im2col(const float *im, float *col, int h, int w, int wei_h, int wei_w, int out_h, int out_w, int pad, int stride)
{
	LDS float tile[768];
	int i = local_id(), rows = group_id() / ((out_w + 15) / 16), cols = group_id() % ((out_w + 15) / 16);
	int width = 15 * stride + wei_w;

	for (int k = i; k < width * wei_h; k += 256) {
		int y = rows * stride + k / width - pad, x = cols * 16 * stride + k % width - pad;

		if (y >= 0 && y < h && x >= 0 && x < w)
			tile[k] = im[y * w + x];
		else
			tile[k] = 0;
	}
	barrier();
	if (i < wei_h * wei_w) {
		for (int k = 0; k < 16 && cols * 16 + k < out_w; k++)
			col[(i * out_h + rows) * out_w + cols * 16 + k] =
				tile[(i / wei_w) * width + i % wei_w + k * stride];
	}
}

typedef float float2 __attribute__((ext_vector_type(2)));
typedef float float3 __attribute__((ext_vector_type(3)));
typedef float float4 __attribute__((ext_vector_type(4)));
typedef float float4_at_4 __attribute__((ext_vector_type(4), aligned(4)));
typedef float float2_at_4 __attribute__((ext_vector_type(2), aligned(4)));

KERNEL lds_aligned(float4 *a, double *d)
{
	LDS float4 v[256];
	LDS double w[256];
	int i = local_id();

	v[i] = a[i];
	w[i] = d[i];
	barrier();
	a[i] = v[255 - i];
	d[i] = w[i ^ 5];
}

KERNEL lds_vector_at_4(float *a)
{
	LDS float v[1024];
	int i = local_id();

	v[i] = a[i];
	v[i + 256] = a[i + 256];
	barrier();
	*(float4_at_4 *)&a[i * 4] = *(float4_at_4 *)&v[i * 3];
}

KERNEL lds_pair_at_4(float *a)
{
	LDS float v[1024];
	int i = local_id();

	*(float2_at_4 *)&v[i] = *(float2_at_4 *)&a[i];
	barrier();
	*(float2_at_4 *)&a[i] = *(float2_at_4 *)&v[i * 3 + 1];
}

struct packed {
	char c;
	double d;
} __attribute__((packed));

KERNEL lds_packed(double *a)
{
	LDS packed v[256];
	int i = local_id();

	v[i].d = a[i];
	v[i].c = 3;
	barrier();
	a[i] = v[255 - i].d + v[i].c;
}

KERNEL lds_triple(float3 *a)
{
	LDS float3 v[128];
	int i = local_id();

	v[i] = a[i];
	barrier();
	a[i] = v[127 - i];
}

KERNEL lds_doubles_at_odd_places(double *a, int n)
{
	LDS double v[512];
	int i = local_id();

	v[i * 2 + 1] = a[i];
	barrier();
	a[i] = v[i * 2] + v[i * 2 + 1] * n;
}
