/* SPDX-License-Identifier: MIT */
/* Shared by the workloads: HIP calls that must work, and allocations the tests compare with. */
#ifndef RDNA1_TESTS_HIP_CHECK_H
#define RDNA1_TESTS_HIP_CHECK_H

#include <hip/hip_runtime.h>
#include <cstdio>
#include <cstdlib>

#define HIP(call)                                                                                  \
	do {                                                                                       \
		hipError_t err_ = (call);                                                          \
                                                                                                   \
		if (err_ != hipSuccess) {                                                          \
			std::fprintf(stderr, "%s: %s (%d)\n", #call, hipGetErrorString(err_),      \
				     (int)err_);                                                   \
			std::exit(3);                                                              \
		}                                                                                  \
	} while (0)

/* A whole number from least to most; false for anything else. */
static inline bool read_number(const char *text, int least, int most, int *out)
{
	char *end;
	long v = std::strtol(text, &end, 10);

	if (!*text || *end || v < least || v > most)
		return false;
	*out = (int)v;
	return true;
}

/* hipMalloc, said aloud: the report must show the same. */
static inline float *device_floats(const char *name, size_t n)
{
	float *p = nullptr;

	HIP(hipMalloc((void **)&p, n * sizeof(float)));
	std::printf("hipMalloc %-8s %p %zu bytes\n", name, (void *)p, n * sizeof(float));
	return p;
}

static inline void device_free(const char *name, float *p)
{
	std::printf("hipFree   %-8s %p\n", name, (void *)p);
	HIP(hipFree(p));
}

/* Small numbers whose products and sums are not all exact, from a fixed seed. */
static inline void fill_random(float *v, size_t n, unsigned int seed)
{
	for (size_t i = 0; i < n; i++) {
		seed = seed * 1664525u + 1013904223u;
		v[i] = (float)(int)(seed >> 8 & 0xffff) / 4096.0f - 8.0f;
	}
}

#endif
