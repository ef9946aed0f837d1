/* SPDX-License-Identifier: MIT */
/* IEEE 754 binary16 and binary32, without what a compiler's run-time library may lack. */
#ifndef RDNA1_CONV_HALF_H
#define RDNA1_CONV_HALF_H

#include <stdint.h>
#include <string.h>

static inline float half_to_float(uint16_t h)
{
	uint32_t sign = (uint32_t)(h & 0x8000) << 16, rest = h & 0x7fff, bits;
	float f;

	if (rest >= 0x7c00) {
		bits = sign | 0x7f800000 | (rest & 0x3ff) << 13;
	} else if (rest >= 0x400) {
		bits = sign | ((rest << 13) + (112u << 23));
	} else { /* too small for an exponent: in units of 2^-24 */
		f = (float)rest * 0x1p-24f;
		return sign ? -f : f;
	}
	memcpy(&f, &bits, sizeof(f));
	return f;
}

/* To the nearest, ties to even; beyond 65520 to infinity. */
static inline uint16_t half_from_float(float f)
{
	uint32_t bits, sign, rest, shift;

	memcpy(&bits, &f, sizeof(bits));
	sign = bits >> 16 & 0x8000;
	bits &= 0x7fffffff;
	if (bits > 0x7f800000)
		return (uint16_t)(sign | 0x7e00 | (bits >> 13 & 0x3ff));
	if (bits >= 0x47800000)
		return (uint16_t)(sign | 0x7c00);
	if (bits >= 0x38800000) { /* 2^-14: a carry goes into the exponent, as far as infinity */
		bits -= 112u << 23;
		return (uint16_t)(sign | (bits + 0xfff + (bits >> 13 & 1)) >> 13);
	}
	if (bits < 0x33000000) /* below half of 2^-24 */
		return (uint16_t)sign;
	shift = 126 - (bits >> 23);
	bits = (bits & 0x7fffff) | 0x800000;
	rest = bits & ((1u << shift) - 1);
	bits >>= shift;
	if (rest > 1u << (shift - 1) || (rest == 1u << (shift - 1) && (bits & 1)))
		bits++;
	return (uint16_t)(sign | bits);
}

#endif
