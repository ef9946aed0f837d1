// SPDX-License-Identifier: MIT
/*
 * What goes wrong with programs: null (a store through a null pointer), hang (a kernel that waits for what
 * never comes; the program waits for it), greedy (more memory than the card has), unmapped (a copy from
 * registered memory that was unmapped), freed (a kernel writes to managed memory that was freed), wild (a store to
 * where nothing ever was), lds (a flat store past the LDS of its kernel), later (many kernels run, then one fails that
 * had run before).
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

/* Which memory it is is known when it runs: a flat store. */
extern "C" __global__ void store_flat(float *p, int use_lds, long at)
{
	__shared__ float lds[64];
	float *to = use_lds ? lds : p;

	lds[threadIdx.x] = 0;
	to[at] = 1;
}

extern "C" __global__ void store_at(float *p, long at)
{
	p[at] = (float)at;
}

extern "C" __global__ void add_one(float *p)
{
	p[threadIdx.x] += 1;
}

static int later()
{
	float *p, *more;

	HIP(hipMalloc((void **)&p, 4096));
	for (int i = 0; i < 20; i++) {
		HIP(hipMalloc((void **)&more, (size_t)1 << 20));
		add_one<<<1, 64>>>(p);
		store_at<<<1, 1>>>(p, i);
		HIP(hipDeviceSynchronize());
	}
	store_at<<<1, 1>>>(p, (long)1 << 30);
	HIP(hipDeviceSynchronize());
	return 0;
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

static int launched()
{
	std::printf("launched\n");
	std::fflush(stdout);
	HIP(hipDeviceSynchronize());
	return 0;
}

static int null()
{
	store_null<<<1, 1>>>(nullptr);
	return launched();
}

static int hang()
{
	int *zero;

	HIP(hipMalloc((void **)&zero, 4096));
	HIP(hipMemset(zero, 0, 4096));
	wait_for_ever<<<1, 64>>>(zero);
	return launched();
}

static int wild()
{
	store_null<<<1, 1>>>((float *)0x300000000000);
	return launched();
}

static int lds()
{
	float *p;

	HIP(hipMalloc((void **)&p, 4096));
	store_flat<<<1, 64>>>(p, 1, 1 << 22);
	return launched();
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)();
	} modes[] = {{"null", null}, {"hang", hang}, {"greedy", greedy}, {"unmapped", unmapped},
		     {"freed", freed}, {"wild", wild}, {"lds", lds}, {"later", later}};

	for (size_t i = 0; argc == 2 && i < sizeof(modes) / sizeof(modes[0]); i++)
		if (!std::strcmp(argv[1], modes[i].name))
			return modes[i].run();
	std::fprintf(stderr, "usage: trouble null|hang|greedy|unmapped|freed|wild|lds|later\n");
	return 2;
}
