// SPDX-License-Identifier: MIT
/*
 * What goes wrong with programs: null (a store through a null pointer), hang (a kernel that waits for what
 * never comes; the program waits for it), greedy (more memory than the card has).
 */
#include "hip_check.h"

#include <cstring>

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

int main(int argc, char **argv)
{
	int *zero;

	if (argc == 2 && !std::strcmp(argv[1], "greedy"))
		return greedy();
	if (argc != 2 || (std::strcmp(argv[1], "null") && std::strcmp(argv[1], "hang"))) {
		std::fprintf(stderr, "usage: trouble null|hang|greedy\n");
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
