// SPDX-License-Identifier: MIT
/* Branches, loops, divisions: where EXEC is saved and written. */
#include "kernels.h"

KERNEL guard(float *a, int n)
{
	int i = global_id();

	if (i < n)
		a[i] = a[i] * 2 + 1;
}

KERNEL if_else(int *a, const int *b, int n)
{
	int i = global_id();

	if (i < n) {
		if (b[i] > 7)
			a[i] = b[i] * 3;
		else if (b[i] < -7)
			a[i] = b[i] - 5;
		else
			a[i] = 1;
	}
}

KERNEL division_feeds_address(int *a, const int *b, const int *c, int n)
{
	int i = global_id(), k;

	if (i >= n)
		return;
	if (c[i] > 0)
		k = b[i] / c[i];
	else
		k = (b[i] + 1) % (c[i] - 3);
	a[k] = i;
}

KERNEL division_64(long *a, const long *b, long n)
{
	long i = global_id();

	if (i < n) {
		if (b[i] > 7) {
			if (b[i] & 1)
				a[i] = a[i] / b[i];
		} else {
			a[i] = b[i] % (a[i] | 1);
		}
	}
}

KERNEL loop_break(float *a, const int *b, int n)
{
	int i = global_id();
	float s = 0;

	for (int k = 0; k < b[i]; k++) {
		s += a[k];
		if (s > 100)
			break;
		if (k == n)
			continue;
		s -= a[k + 1];
	}
	a[i] = s;
}

KERNEL loop_until_all(int *a)
{
	int i = global_id(), n = 0;

	while (a[i] > n)
		n += a[i + n] ? 1 : 2;
	a[i] = n;
}

KERNEL nested(float *a, const int *b, int n, int m)
{
	int i = global_id();

	for (int y = 0; y < b[i]; y++) {
		for (int x = 0; x < b[i + 1]; x++) {
			int at = y * m + x;

			if (at >= 0 && at < n && (b[at] & 3))
				a[i] += a[at];
			else if (b[at] == 7)
				return;
		}
	}
	a[i] -= 1;
}

KERNEL many_cases(int *a, const int *b)
{
	int i = global_id();

	switch (b[i]) {
	case 0: a[i] = 5; break;
	case 1: a[i] = b[i + 1] / 7; break;
	case 2: a[i] += a[i + 3]; /* fall through */
	case 3: a[i] *= 9; break;
	case 4: a[i] = a[i] / b[i + 2]; break;
	case 17: a[i] = a[a[i]]; break;
	default: a[i] = -1;
	}
}

KERNEL spin(int *lock, int *a)
{
	int i = global_id();

	while (__atomic_exchange_n(&lock[i & 7], 1, __ATOMIC_ACQUIRE))
		;
	a[i & 7]++;
	__atomic_store_n(&lock[i & 7], 0, __ATOMIC_RELEASE);
}

NOINLINE int called(int *a, int i)
{
	if (a[i] > 3)
		return a[i + 1] / a[i];
	return a[a[i] & 255];
}

KERNEL calls(int *a, int n)
{
	int i = global_id();

	if (i < n)
		a[i] = called(a, i) + called(a, i + 7);
}

KERNEL lanes(int *a, const int *b)
{
	int i = global_id();
	int first = __builtin_amdgcn_readfirstlane(b[i]);

	if (b[i] == first)
		a[i] = __builtin_amdgcn_readlane(b[i], first & 31);
	if (__builtin_amdgcn_uicmp(b[i], 3, 32) & 5)
		a[i + 1] = first;
}

/* Different descriptors in different lanes: a loop with v_readfirstlane and s_and_saveexec. */
KERNEL pointers(int **a, int *b)
{
	int i = global_id();

	if (b[i])
		*a[i] = b[b[i]];
	else
		a[i][1] = 4;
}
