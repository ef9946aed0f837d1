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

/* Looks at p again and again; the host changes the attributes of its other half meanwhile. */
__global__ void watch(volatile const int *p, int n, int times, int *sum)
{
	int s = 0;

	for (int t = 0; t < times; t++)
		for (int i = threadIdx.x; i < n; i += blockDim.x)
			s += p[i];
	atomicAdd(sum, s);
}

static const int N = 1 << 18;

static int advised_meanwhile()
{
	const int times = 3000, part = 1024;
	int *p, *sum, got;

	HIP(hipMallocManaged(&p, N * sizeof(*p)));
	HIP(hipMalloc(&sum, sizeof(*sum)));
	HIP(hipMemset(sum, 0, sizeof(*sum)));
	for (int i = 0; i < N; i++)
		p[i] = 1;
	watch<<<1, 64>>>(p, part, times, sum);
	for (int i = 0; i < 40; i++) {
		int *half = i % 4 < 2 ? p : p + N / 2;

		HIP(hipMemAdvise(half, N * sizeof(*p) / 2,
				 i & 1 ? hipMemAdviseUnsetCoarseGrain : hipMemAdviseSetCoarseGrain, 0));
		HIP(hipMemAdvise(p + 1024 * i, 4096, hipMemAdviseSetPreferredLocation, 0));
	}
	HIP(hipMemcpy(&got, sum, sizeof(got), hipMemcpyDeviceToHost));
	HIP(hipFree(p));
	HIP(hipFree(sum));
	return got != part * times;
}

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
	bad += advised_meanwhile();
	printf(bad ? "FAILED: %d wrong\n" : "ok: all results right\n", bad);
	return bad != 0;
}
