/* SPDX-License-Identifier: MIT */
/*
 * What the harnesses share. Each reads one input with one reader of hsa-tools/isa and stops the process when
 * what it was told of the input cannot be so; clang's libFuzzer calls it, or replay.c.
 */
#ifndef RDNA1_FUZZ_H
#define RDNA1_FUZZ_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(condition)                                                                         \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);     \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/* Bytes that must be all there is to read. */
struct input {
	const uint8_t *data;
	size_t size;
};

static inline bool within(const struct input *in, const void *at, size_t size)
{
	uintptr_t p = (uintptr_t)at, begin = (uintptr_t)in->data;

	return p >= begin && p - begin <= in->size && size <= in->size - (p - begin);
}

#endif
