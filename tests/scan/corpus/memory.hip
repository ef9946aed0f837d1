// SPDX-License-Identifier: MIT
/* Generic pointers, scratch, many live values, atomics. */
#include "kernels.h"

/* FLAT with an offset: of a pointer that may be LDS, neighbours are read. */
KERNEL generic(float *a, int n)
{
	LDS float v[256];
	int i = local_id();
	float *p = a[i] > 0 ? &v[i & 127] : &a[i];

	v[i] = a[i + n];
	barrier();
	a[i] = p[1] + p[2] * p[3];
	p[5] = 4;
}

KERNEL generic_backwards(float *a, float *volatile *where)
{
	float *p = where[global_id()];

	for (int i = 0; i < 4; i++)
		a[i] += p[1 - i];
}

KERNEL scratch(int *a, int n)
{
	volatile int v[64];
	int i = global_id();

	for (int k = 0; k < 64; k++)
		v[k] = a[k] + i;
	a[i] = v[n & 63] + v[(n + i) & 63];
}

KERNEL scratch_bytes(char *a, int n)
{
	char v[200];

	for (int k = 0; k < 200; k++)
		v[(k * 7 + n) % 200] = a[k];
	for (int k = 0; k < 100; k++)
		a[k] = v[(a[k] + k) & 127];
}

KERNEL many_values(float *a, const float *b, int n)
{
	float v[48];
	int i = global_id();

#pragma unroll
	for (int k = 0; k < 48; k++)
		v[k] = b[i + k * 64];
	for (int r = 0; r < n; r++) {
#pragma unroll
		for (int k = 0; k < 48; k++)
			v[k] = v[k] * v[(k + 1) % 48] + a[r];
		if (v[r & 31] > 5)
			break;
	}
#pragma unroll
	for (int k = 0; k < 48; k++)
		a[i + k * 64] = v[k];
}

/* More uniform values than there are SGPRs. */
KERNEL many_uniform(int *a, const int *b, int n)
{
	int v[130];
	int i = global_id();

#pragma unroll
	for (int k = 0; k < 130; k++)
		v[k] = b[k * n];
	for (int r = 0; r < n; r++) {
		if (a[i] > r) {
#pragma unroll
			for (int k = 0; k < 130; k++)
				a[i + k] += v[k];
		} else {
			a[i] += v[r & 1] * v[129];
		}
	}
}

KERNEL atomics(int *a, float *f, long *l)
{
	int i = global_id();

	if (__atomic_fetch_add(&a[i & 15], 1, __ATOMIC_ACQ_REL) > 100)
		__atomic_fetch_or(&a[16], 1, __ATOMIC_SEQ_CST);
	__atomic_fetch_add(&l[i & 3], (long)a[i], __ATOMIC_RELAXED);
	f[i] = a[i & 15];
}

/* Stores with an offset in SGPRs that change right behind them. */
KERNEL saddr(float *a, float *b, int n)
{
	int i = local_id();

	for (int k = 0; k < n; k++) {
		a[i] = b[i] + k;
		a += n;
		b += 2 * n;
	}
}

KERNEL copies(float *a, const float *b, int n)
{
	int i = global_id();

	for (int k = 0; k < n; k++)
		a[i + k * 256] = b[i + k * 512];
}
