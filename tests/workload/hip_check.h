/* SPDX-License-Identifier: MIT */
/* Shared by the workloads: HIP calls that must work, and allocations the tests compare with. */
#ifndef RDNA1_TESTS_HIP_CHECK_H
#define RDNA1_TESTS_HIP_CHECK_H

#include <hip/hip_runtime.h>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

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
template <typename T> static inline T *device_array(const char *name, size_t n)
{
	T *p = nullptr;

	HIP(hipMalloc((void **)&p, n * sizeof(T)));
	std::printf("hipMalloc %-8s %p %zu bytes\n", name, (void *)p, n * sizeof(T));
	return p;
}

static inline float *device_floats(const char *name, size_t n)
{
	return device_array<float>(name, n);
}

static inline void device_free(const char *name, void *p)
{
	std::printf("hipFree   %-8s %p\n", name, p);
	HIP(hipFree(p));
}

/* An array of the device's with the values of the host's. */
template <typename T> static inline T *device_copy(const char *name, const std::vector<T> &from)
{
	T *p = device_array<T>(name, from.size());

	HIP(hipMemcpy(p, from.data(), from.size() * sizeof(T), hipMemcpyHostToDevice));
	return p;
}

template <typename T> static inline void copy_back(std::vector<T> &to, const T *from)
{
	HIP(hipMemcpy(to.data(), from, to.size() * sizeof(T), hipMemcpyDeviceToHost));
}

/* The device's results against the CPU's; the first ten that differ are said. */
static unsigned long results, wrong_results;

static inline void expect_that(bool right, const char *what, size_t i)
{
	results++;
	if (!right && wrong_results++ < 10)
		std::printf("%s, %zu: wrong\n", what, i);
}

template <typename T> static inline void expect_same(const char *what, size_t i, T got, T want)
{
	results++;
	if (std::memcmp(&got, &want, sizeof(T)) && wrong_results++ < 10)
		std::printf("%s, %zu: %.9g, the CPU has %.9g\n", what, i, (double)got, (double)want);
}

/* The last line of a program, and its status. */
static inline int verdict(void)
{
	if (wrong_results || !results)
		std::printf("WRONG: %lu of %lu results\n", wrong_results, results);
	else
		std::printf("ok: %lu results right\n", results);
	return wrong_results || !results;
}

static inline uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed ^ *seed >> 15;
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
