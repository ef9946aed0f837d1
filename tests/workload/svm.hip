// SPDX-License-Identifier: MIT
/*
 * Managed memory where the driver offers SVM: used by both sides in turn, advised, prefetched, freed
 * and allocated again. Prints "managed memory: yes" or "no", and "ok: all results right".
 */
#include "hip_check.h"

__global__ void add(int *p, int n, int v)
{
	int i = blockIdx.x * blockDim.x + threadIdx.x;

	if (i < n)
		p[i] += v;
}

static const int N = 1 << 18;

int main(void)
{
	int has = 0, bad = 0, *p, location = -9;

	HIP(hipDeviceGetAttribute(&has, hipDeviceAttributeManagedMemory, 0));
	printf("managed memory: %s\n", has ? "yes" : "no");
	if (!has)
		return 0;
	for (int round = 0; round < 3; round++) {
		HIP(hipMallocManaged(&p, N * sizeof(*p)));
		for (int i = 0; i < N; i++)
			p[i] = i;
		HIP(hipMemAdvise(p, N * sizeof(*p) / 2, hipMemAdviseSetPreferredLocation, 0));
		HIP(hipMemPrefetchAsync(p, N * sizeof(*p), 0, 0));
		for (int k = 1; k <= 4; k++) {
			add<<<N / 256, 256>>>(p, N, k);
			HIP(hipDeviceSynchronize());
			p[k]++; /* the CPU's turn */
		}
		HIP(hipMemRangeGetAttribute(&location, sizeof(location),
					    hipMemRangeAttributePreferredLocation, p, N * 2));
		bad += location != 0;
		for (int i = 0; i < N; i++)
			bad += p[i] != i + 10 + (i >= 1 && i <= 4);
		HIP(hipFree(p));
	}
	printf(bad ? "FAILED: %d wrong\n" : "ok: all results right\n", bad);
	return bad != 0;
}
