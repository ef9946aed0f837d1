// SPDX-License-Identifier: MIT
/*
 * What the compiler makes of ordinary integer code, and what waves may expect of each other: saturating
 * arithmetic, waves that wait for one another, workgroups that wait for one another.
 */
#include "hip_check.h"

#include <cstdint>
#include <vector>

enum { N = 20000 };

__host__ __device__ static uint32_t saturating(int which, uint32_t a, uint32_t b)
{
	switch (which) {
	case 0:
		return a > b ? a - b : 0;
	case 1:
		return a + b < a ? ~0u : a + b;
	case 2: {
		int64_t sum = (int64_t)(int32_t)a + (int32_t)b;

		return (uint32_t)(sum > INT32_MAX ? INT32_MAX : sum < INT32_MIN ? INT32_MIN : sum);
	}
	case 3: {
		uint16_t x = (uint16_t)a, y = (uint16_t)b;

		return x > y ? (uint16_t)(x - y) : 0;
	}
	case 4: {
		uint16_t x = (uint16_t)(a >> 16), y = (uint16_t)b;

		return (uint16_t)(x + y) | (uint32_t)(x < y ? x : y) << 16;
	}
	default: {
		uint8_t x = (uint8_t)a, y = (uint8_t)(b >> 8);

		return x > y ? (uint8_t)(x - y) : (uint8_t)(y >> 1);
	}
	}
}
enum { OPERATIONS = 6 };

__global__ void arithmetic(const uint32_t *a, const uint32_t *b, uint32_t *out)
{
	uint32_t i = blockIdx.x * blockDim.x + threadIdx.x;

	if (i < N)
		for (int which = 0; which < OPERATIONS; which++)
			out[which * N + i] = saturating(which, a[i], b[i]);
}

/* One wave polls LDS until another has written there; no barrier stands between. */
__global__ void wait_in_group(uint32_t writer, uint32_t *out)
{
	__shared__ volatile uint32_t flag;

	if (threadIdx.x == 0)
		flag = 0;
	__syncthreads();
	if (threadIdx.x / 32 == writer) {
		flag = 42;
	} else {
		while (flag != 42)
			;
		if (threadIdx.x % 32 == 0)
			out[writer] = flag;
	}
}

/* Every workgroup waits for all others: they must be on the card at once. */
__global__ void wait_in_grid(uint32_t *arrived, uint32_t groups, uint32_t *out)
{
	__syncthreads();
	if (threadIdx.x == 0) {
		__hip_atomic_fetch_add(arrived, 1, __ATOMIC_SEQ_CST, __HIP_MEMORY_SCOPE_AGENT);
		while (__hip_atomic_load(arrived, __ATOMIC_ACQUIRE, __HIP_MEMORY_SCOPE_AGENT) < groups)
			;
		atomicAdd(out, 1);
	}
}

int main(int argc, char **)
{
	if (argc > 1) {
		std::fprintf(stderr, "usage: waves\n");
		return 2;
	}
	std::vector<uint32_t> a(N), b(N), got(OPERATIONS * N);
	uint32_t *da, *db, *dout, words[3], seed = 1;
	const uint32_t edges[] = {0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffffff, 0x80000000, ~0u};
	const uint32_t groups = 500; /* of 64 work-items: 2 waves each, of the 1440 that the card holds */

	for (int i = 0; i < N; i++) {
		auto next = [&] { return seed = seed * 1664525 + 1013904223; };

		a[i] = i < 144 ? edges[i / 12] : next();
		b[i] = i < 144 ? edges[i % 12] : next();
	}
	HIP(hipMalloc((void **)&da, N * 4));
	HIP(hipMalloc((void **)&db, N * 4));
	HIP(hipMalloc((void **)&dout, OPERATIONS * N * 4));
	HIP(hipMemcpy(da, a.data(), N * 4, hipMemcpyHostToDevice));
	HIP(hipMemcpy(db, b.data(), N * 4, hipMemcpyHostToDevice));
	arithmetic<<<(N + 255) / 256, 256>>>(da, db, dout);
	HIP(hipMemcpy(got.data(), dout, OPERATIONS * N * 4, hipMemcpyDeviceToHost));
	for (int which = 0; which < OPERATIONS; which++)
		for (int i = 0; i < N; i++) {
			uint32_t want = saturating(which, a[i], b[i]);

			if (got[which * N + i] == want)
				continue;
			std::printf("operation %d of 0x%x and 0x%x: 0x%x, the CPU has 0x%x\n", which, a[i], b[i],
				    got[which * N + i], want);
			return 1;
		}

	HIP(hipMemset(dout, 0, 12));
	wait_in_group<<<1, 64>>>(0, dout);
	wait_in_group<<<1, 64>>>(1, dout);
	HIP(hipMemcpy(words, dout, 12, hipMemcpyDeviceToHost));
	if (words[0] != 42 || words[1] != 42) {
		std::printf("a wave saw %u and %u, not 42\n", words[0], words[1]);
		return 1;
	}
	HIP(hipMemset(dout, 0, 12));
	wait_in_grid<<<groups, 64>>>(dout, groups, dout + 1);
	HIP(hipMemcpy(words, dout, 12, hipMemcpyDeviceToHost));
	if (words[1] != groups) {
		std::printf("%u of %u workgroups passed\n", words[1], groups);
		return 1;
	}
	std::printf("ok: all results right\n");
	return 0;
}
