/* SPDX-License-Identifier: MIT */
/* What the stand-in libraries answer. */
#ifndef RDNA1_APILIB_FILL_H
#define RDNA1_APILIB_FILL_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Objects are numbers that no other call gives out. */
static inline void fill_object(void *p)
{
	static uintptr_t last = 0x5000;
	uintptr_t object = __atomic_add_fetch(&last, 16, __ATOMIC_RELAXED);

	if (p)
		memcpy(p, &object, sizeof(object));
}

static inline void fill_number(void *p, size_t size)
{
	uint64_t two = 2;

	if (p)
		memcpy(p, &two, size);
}

/* miopenConvAlgoPerf_t, two of them */
static inline void fill_perf(void *p)
{
	static const struct {
		int algo;
		float time;
		size_t memory;
	} found[2] = {{3, 0.25f, 0}, {1, 0.5f, 4096}};

	if (p)
		memcpy(p, found, sizeof(found));
}

/* miopenConvSolution_t, two of them */
static inline void fill_solutions(void *p)
{
	static const struct {
		float time;
		size_t workspace_size;
		uint64_t solution_id;
		int algorithm;
	} found[2] = {{0.125f, 0, 89, 1}, {0.5f, 8192, 21, 3}};

	if (p)
		memcpy(p, found, sizeof(found));
}

/* APILIB_FAIL=NR: this call fails, with status 3. */
static inline int fill_status(int nr)
{
	const char *fail = getenv("APILIB_FAIL");

	return fail && atoi(fail) == nr ? 3 : 0;
}

#endif
