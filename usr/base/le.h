/* SPDX-License-Identifier: MIT */
/* A little-endian number of 1 to 8 bytes, wherever it lies. */
#ifndef RDNA1_BASE_LE_H
#define RDNA1_BASE_LE_H

#include <stdint.h>
#include <string.h>

static inline uint64_t le(const uint8_t *p, unsigned int size)
{
	uint64_t v = 0;

	memcpy(&v, p, size);
	return v;
}

#endif
