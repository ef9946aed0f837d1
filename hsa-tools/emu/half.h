/* SPDX-License-Identifier: MIT */
/*
 * IEEE binary16 by way of double: every half is a double, and sums, products, quotients, square
 * roots and fused multiply-adds of halves that are rounded to double first round to the same half,
 * because a double has more than twice the bits (the exponents of halves leave no room for a fused
 * sum whose lost bits could decide a tie). For the directed modes the double is rounded in the same direction (run.c sets
 * the host's control word).
 */
#ifndef RDNA1_EMU_HALF_H
#define RDNA1_EMU_HALF_H

#include <stdint.h>
#ifdef __F16C__
#include <immintrin.h>
#endif
#include "lane_math.h"

/* MODE.FP_ROUND (RDNA 1.0 ISA, "MODE register"). */
enum round { ROUND_NEAREST_EVEN, ROUND_PLUS_INFINITY, ROUND_MINUS_INFINITY, ROUND_ZERO };

#define HALF_INFINITY 0x7c00u
#define HALF_MAX 0x7bffu

static inline double double_of_half(uint32_t h)
{
	uint64_t sign = (uint64_t)(h & 0x8000) << 48;
	uint32_t e = h >> 10 & 31, man = h & 0x3ff;

	if (e == 31)
		return double_of(sign | 0x7ff0000000000000ull | (uint64_t)man << 42);
	if (e)
		return double_of(sign | (uint64_t)(e - 15 + 1023) << 52 | (uint64_t)man << 42);
	/* Denormal: man * 2^-24, exact. */
	return double_of(bits64((double)man * 0x1p-24) | sign);
}

/* A result, which the host's control word must not take for an input to flush. */
static inline double double_of_result(float x)
{
	uint32_t u = bits32(x);
	double man = (double)(int32_t)(u & 0x7fffff) * 0x1p-149;

	return is_denormal32(x) ? (u >> 31 ? -man : man) : (double)x;
}

/* Signalling NaNs may come out quiet. */
static inline float float_of_half(uint32_t h)
{
#ifdef __F16C__
	return _cvtsh_ss((unsigned short)h);
#else
	return (float)double_of_half(h);
#endif
}

/* The magnitude is between two halves, `low` below it; `rest` is what is above `low`, of `unit`. */
static inline int rounds_up(uint64_t rest, uint64_t unit, uint32_t low, uint32_t negative,
			    enum round mode)
{
	if (!rest)
		return 0;
	switch (mode) {
	case ROUND_PLUS_INFINITY:
		return !negative;
	case ROUND_MINUS_INFINITY:
		return negative != 0;
	case ROUND_ZERO:
		return 0;
	default:
		return rest > unit / 2 || (rest == unit / 2 && (low & 1));
	}
}

static inline uint32_t half_of_double(double x, enum round mode)
{
	uint64_t u = bits64(x), man = u & 0xfffffffffffffull;
	uint32_t sign = (uint32_t)(u >> 48) & 0x8000, low;
	int e = (int)(u >> 52 & 2047) - 1023, drop = 42;

	if (e == 1024)
		return sign | HALF_INFINITY | (man ? 0x200 | (uint32_t)(man >> 42) : 0);
	if (e > 15) /* all of it is above the largest half */
		return sign |
		       (mode == ROUND_NEAREST_EVEN || (mode == ROUND_PLUS_INFINITY && !sign) ||
					(mode == ROUND_MINUS_INFINITY && sign)
				? HALF_INFINITY
				: HALF_MAX);
	if (e == -1023) /* zero, or a denormal double: below everything */
		return sign | (uint32_t)rounds_up(man, UINT64_MAX, 0, sign, mode);
	man |= 1ull << 52;
	if (e < -14) {
		drop += -14 - e;
		if (drop > 63) /* less than half of the smallest half */
			return sign | (uint32_t)rounds_up(1, 4, 0, sign, mode);
		low = (uint32_t)(man >> drop); /* denormal; rounding up may make it normal */
	} else {
		low = ((uint32_t)(e + 15) << 10) + ((uint32_t)(man >> 42) & 0x3ff);
	}
	low += (uint32_t)rounds_up(man & ((1ull << drop) - 1), 1ull << drop, low, sign, mode);
	return sign | low; /* past the largest it has become infinity */
}

/* Integers that stand for [-1, 1] and [0, 1], rounded to nearest even (open: no text says how). */
static inline uint32_t snorm16(double x)
{
	double r = x > -1 ? (x < 1 ? x : 1) : x == x ? -1 : 0;

	return (uint32_t)(int32_t)rint64(r * 32767) & 0xffff;
}

static inline uint32_t unorm16(double x)
{
	double r = x > 0 ? (x < 1 ? x : 1) : 0;

	return (uint32_t)rint64(r * 65535);
}

static inline uint32_t flush_half(uint32_t h)
{
	return h & 0x7c00 ? h : h & 0x8000;
}

static inline uint32_t class16(uint32_t h)
{
	int e = h >> 10 & 31;

	return float_class(h >> 15 & 1, e == 31, e, (h & 0x3ff) != 0, h >> 9 & 1);
}

#endif
