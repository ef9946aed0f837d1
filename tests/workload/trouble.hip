// SPDX-License-Identifier: MIT
/*
 * What goes wrong with programs: null (a store through a null pointer), hang (a kernel that waits for what
 * never comes; the program waits for it), greedy (more memory than the card has), unmapped (a copy from
 * registered memory that was unmapped), freed (a kernel writes to managed memory that was freed).
 */
#include "hip_check.h"

#include <cstring>
#include <sys/mman.h>

extern "C" __global__ void store_null(float *p)
{
	*p = 1;
}

extern "C" __global__ void wait_for_ever(volatile int *p)
{
	while (*p == 0)
		;
}

static int greedy()
{
	const size_t size = (size_t)2000 << 20;
	int failed = 0;

	for (int i = 0; i < 5; i++) {
		void *p;

		failed += hipMalloc(&p, size) != hipSuccess;
	}
	std::printf("%d of 5 allocations of %zu bytes failed\n", failed, size);
	return failed == 2 ? 0 : 1;
}

static int unmapped()
{
	const size_t size = 1 << 20;
	/* Where nothing else is mapped once it is gone: libraries take memory meanwhile. */
	void *host = mmap((void *)0x200000000000, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);
	void *card;

	HIP(hipMalloc(&card, size));
	HIP(hipHostRegister(host, size, 0));
	munmap(host, size);
	std::printf("unmapped  %p %zu bytes\n", host, size);
	std::fflush(stdout);
	HIP(hipMemcpy(card, host, size, hipMemcpyHostToDevice));
	return 0;
}

static int freed()
{
	const size_t size = (size_t)64 << 20;
	float *managed, *inside;

	HIP(hipMallocManaged((void **)&managed, size));
	/* The kernel is loaded before, and it writes to the middle: what else is mapped takes the ends. */
	inside = managed + size / 8 + 5;
	store_null<<<1, 1>>>(inside);
	HIP(hipDeviceSynchronize());
	HIP(hipFree(managed));
	store_null<<<1, 1>>>(inside);
	HIP(hipDeviceSynchronize());
	return 0;
}

int main(int argc, char **argv)
{
	int *zero;

	if (argc == 2 && !std::strcmp(argv[1], "unmapped"))
		return unmapped();
	if (argc == 2 && !std::strcmp(argv[1], "freed"))
		return freed();
	if (argc == 2 && !std::strcmp(argv[1], "greedy"))
		return greedy();
	if (argc != 2 || (std::strcmp(argv[1], "null") && std::strcmp(argv[1], "hang"))) {
		std::fprintf(stderr, "usage: trouble null|hang|greedy|unmapped|freed\n");
		return 2;
	}
	HIP(hipMalloc((void **)&zero, 4096));
	HIP(hipMemset(zero, 0, 4096));
	if (!std::strcmp(argv[1], "null"))
		store_null<<<1, 1>>>(nullptr);
	else
		wait_for_ever<<<1, 64>>>(zero);
	std::printf("launched\n");
	std::fflush(stdout);
	HIP(hipDeviceSynchronize());
	return 0;
}
