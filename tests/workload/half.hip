// SPDX-License-Identifier: MIT
/*
 * 16-bit floats and packed 16-bit integers against the CPU's: every result is rounded once, so it is the
 * same bit for bit.
 */
#include "hip_check.h"
#include <hip/hip_fp16.h>

#include <cstdint>
#include <cstring>
#include <vector>

enum { N = 1 << 16 };
typedef _Float16 f16;
typedef _Float16 f16x2 __attribute__((ext_vector_type(2)));
typedef short i16x2 __attribute__((ext_vector_type(2)));
typedef unsigned short u16x2 __attribute__((ext_vector_type(2)));

enum {
	ADD,
	SUB,
	MUL,
	FMA,
	SQRT,
	MIN,
	MAX,
	FLOOR,
	RINT,
	LESS,
	TO_FLOAT,
	FROM_FLOAT,
	FROM_INT,
	TO_INT,
	PK_ADD,
	PK_FMA,
	PK_MIN,
	PK_INT,
	PK_SHIFT,
	MIX,
	MIX_HALVES,
	OPERATIONS
};

__device__ static uint16_t bits(f16 x)
{
	uint16_t u;

	__builtin_memcpy(&u, &x, 2);
	return u;
}

template <typename T> __device__ static T of(uint32_t u)
{
	T x;

	__builtin_memcpy(&x, &u, sizeof(x));
	return x;
}

template <typename T> __device__ static uint32_t word(T x)
{
	uint32_t u = 0;

	__builtin_memcpy(&u, &x, sizeof(x));
	return u;
}

__global__ void compute(const uint32_t *a, const uint32_t *b, const uint32_t *c, uint32_t *out)
{
	uint32_t i = blockIdx.x * blockDim.x + threadIdx.x;
	f16 x = of<f16>(a[i]), y = of<f16>(b[i]), z = of<f16>(c[i]);
	f16x2 x2 = of<f16x2>(a[i]), y2 = of<f16x2>(b[i]), z2 = of<f16x2>(c[i]);
	i16x2 i2 = of<i16x2>(a[i]), j2 = of<i16x2>(b[i]);
	u16x2 u2 = of<u16x2>(a[i]);
	uint32_t mixed;

	out[ADD * N + i] = bits(x + y);
	out[SUB * N + i] = bits(x - y);
	out[MUL * N + i] = bits(x * y);
	out[FMA * N + i] = bits(__builtin_fmaf16(x, y, z));
	out[SQRT * N + i] = bits(__builtin_sqrtf16(x));
	out[MIN * N + i] = bits(__builtin_fminf16(x, y));
	out[MAX * N + i] = bits(__builtin_fmaxf16(x, y));
	out[FLOOR * N + i] = bits(__builtin_floorf16(x));
	out[RINT * N + i] = bits(__builtin_rintf16(x));
	out[LESS * N + i] = (x < y) | (x == z) << 1 | (x != x) << 2 | !(x <= z) << 3;
	out[TO_FLOAT * N + i] = word((float)x);
	out[FROM_FLOAT * N + i] = bits((f16)of<float>(a[i]));
	out[FROM_INT * N + i] = bits((f16)(int16_t)a[i]) | (uint32_t)bits((f16)(uint16_t)b[i]) << 16;
	out[TO_INT * N + i] = x > (f16)-32000 && x < (f16)32000 ? (uint16_t)(int16_t)x : 0;
	out[PK_ADD * N + i] = word(x2 + y2);
	out[PK_FMA * N + i] = word(__builtin_elementwise_max(x2 * y2 + z2, z2));
	out[PK_MIN * N + i] = word(__builtin_elementwise_min(x2, y2));
	out[PK_INT * N + i] = word(i2 * j2 + __builtin_elementwise_max(i2, j2) - __builtin_elementwise_min(j2, i2));
	out[PK_SHIFT * N + i] = word((u2 >> (unsigned short)3) ^ (u2 << (unsigned short)5)) ^ word(i2 >> (short)2);
	/* The compiler makes these of little; here a high half, a float and a negated low half. */
	asm volatile("v_fma_mix_f32 %0, %1, %2, -%3 op_sel:[1,0,0] op_sel_hi:[1,0,1]"
		     : "=v"(mixed)
		     : "v"(a[i]), "v"(b[i] & 0x3fffffff), "v"(c[i]));
	out[MIX * N + i] = mixed;
	asm volatile("v_fma_mixlo_f16 %0, %1, %2, %3 op_sel_hi:[1,1,1]\n"
		     "v_fma_mixhi_f16 %0, %1, |%2|, %3 op_sel:[1,1,1] op_sel_hi:[1,1,1]"
		     : "+v"(mixed)
		     : "v"(a[i]), "v"(b[i]), "v"(c[i]));
	out[MIX_HALVES * N + i] = mixed;
}

/* The CPU's: by double, which has more than twice the bits of a half. */
static double value(uint16_t h)
{
	double man = h & 0x3ff;
	int e = h >> 10 & 31;
	double x = e == 31 ? (man ? __builtin_nan("") : __builtin_inf())
			   : e ? __builtin_ldexp(man + 1024, e - 25) : __builtin_ldexp(man, -24);

	return h & 0x8000 ? -x : x;
}

static uint16_t rounded(double x)
{
	uint16_t sign = __builtin_signbit(x) ? 0x8000 : 0;
	double m = __builtin_fabs(x);
	int e;

	if (x != x)
		return 0x7e00;
	if (m >= 65520)
		return sign | 0x7c00;
	__builtin_frexp(m, &e);
	e = m == 0 || e < -13 ? -13 : e; /* the exponent of the last bit is e - 11 */
	m = __builtin_rint(__builtin_ldexp(m, 11 - e));
	return sign | (uint16_t)(((e + 13) << 10) + (int)m);
}

static bool same(uint16_t got, uint16_t want)
{
	return got == want || ((want & 0x7fff) > 0x7c00 && (got & 0x7fff) > 0x7c00);
}

/* Either zero when two zeros are compared. */
static double least(double a, double b)
{
	return a != a ? b : b != b ? a : a < b || (a == b && __builtin_signbit(a)) ? a : b;
}

static double most(double a, double b)
{
	return -least(-a, -b);
}

static bool right(int op, uint32_t a, uint32_t b, uint32_t c, uint32_t got)
{
	double x = value(a), y = value(b), z = value(c);
	double X = value(a >> 16), Y = value(b >> 16), Z = value(c >> 16);
	float f, g;
	int16_t l = (int16_t)a, h = (int16_t)(a >> 16), L = (int16_t)b, H = (int16_t)(b >> 16);

	auto half = [&](double want) { return same((uint16_t)got, rounded(want)); };
	auto two = [&](double low, double high) {
		return same((uint16_t)got, rounded(low)) && same((uint16_t)(got >> 16), rounded(high));
	};
	auto ints = [&](int low, int high) { return got == ((uint16_t)low | (uint32_t)(uint16_t)high << 16); };

	switch (op) {
	case ADD: return half(x + y);
	case SUB: return half(x - y);
	case MUL: return half(x * y);
	case FMA: return half(__builtin_fma(x, y, z));
	case SQRT: return half(__builtin_sqrt(x));
	case MIN: return half(least(x, y));
	case MAX: return half(most(x, y));
	case FLOOR: return half(__builtin_floor(x));
	case RINT: return half(__builtin_rint(x));
	case LESS:
		return got == ((unsigned)(x < y) | (unsigned)(x == z) << 1 | (unsigned)(x != x) << 2 |
			       (unsigned)!(x <= z) << 3);
	case TO_FLOAT:
		std::memcpy(&f, &got, 4);
		return x != x ? f != f : f == (float)x && __builtin_signbit(f) == __builtin_signbit(x);
	case FROM_FLOAT: std::memcpy(&f, &a, 4); return half(f);
	case FROM_INT: return same((uint16_t)got, rounded(l)) && same((uint16_t)(got >> 16), rounded((uint16_t)b));
	case TO_INT: return got == (x > -32000 && x < 32000 ? (uint16_t)(int)x : 0);
	case PK_ADD: return two(x + y, X + Y);
	case PK_FMA: /* contracted, as HIP does by default */
		return two(most(__builtin_fma(x, y, z), z), most(__builtin_fma(X, Y, Z), Z));
	case PK_MIN: return two(least(x, y), least(X, Y));
	case PK_INT:
		return ints(l * L + (l > L ? l : L) - (l < L ? l : L), h * H + (h > H ? h : H) - (h < H ? h : H));
	case PK_SHIFT:
		return ints(((uint16_t)l >> 3 ^ (uint16_t)l << 5) ^ (l >> 2), ((uint16_t)h >> 3 ^ (uint16_t)h << 5) ^ (h >> 2));
	case MIX:
		b &= 0x3fffffff;
		std::memcpy(&g, &b, 4);
		std::memcpy(&f, &got, 4);
		g = __builtin_fmaf((float)X, g, -(float)z);
		return g != g ? f != f : f == g;
	case MIX_HALVES: /* a float's rounding, then a half's */
		return two(__builtin_fmaf((float)x, (float)y, (float)z),
			   __builtin_fmaf((float)X, __builtin_fabsf((float)Y), (float)Z));
	}
	return false;
}

int main(int argc, char **)
{
	std::vector<uint32_t> v[3] = {std::vector<uint32_t>(N), std::vector<uint32_t>(N), std::vector<uint32_t>(N)};
	std::vector<uint32_t> out(OPERATIONS * N);
	const uint16_t edges[] = {0, 0x8000, 1, 0x3ff, 0x400, 0x3c00, 0xbc00, 0x7bff, 0xfbff, 0x7c00, 0xfc00, 0x7e00, 0x3555, 0x6400, 0x8001};
	uint32_t *d[4], seed = 7, wrong = 0;

	if (argc > 1) {
		std::fprintf(stderr, "usage: half\n");
		return 2;
	}
	for (uint32_t i = 0; i < N; i++)
		for (int s = 0; s < 3; s++) {
			seed = seed * 1664525 + 1013904223;
			v[s][i] = seed ^ seed >> 16;
			/* Edges against edges, then every half against a random one. */
			if (i < 3375)
				v[s][i] = edges[i / (s == 0 ? 1 : s == 1 ? 15 : 225) % 15] * 0x10001u;
			else if (s == 0)
				v[s][i] = i | (seed & 0xffff0000);
		}
	for (int s = 0; s < 4; s++)
		HIP(hipMalloc((void **)&d[s], (s == 3 ? OPERATIONS : 1) * N * 4));
	for (int s = 0; s < 3; s++)
		HIP(hipMemcpy(d[s], v[s].data(), N * 4, hipMemcpyHostToDevice));
	compute<<<N / 256, 256>>>(d[0], d[1], d[2], d[3]);
	HIP(hipMemcpy(out.data(), d[3], out.size() * 4, hipMemcpyDeviceToHost));
	for (int op = 0; op < OPERATIONS; op++)
		for (uint32_t i = 0; i < N; i++)
			if (!right(op, v[0][i], v[1][i], v[2][i], out[op * N + i]) && wrong++ < 10)
				std::printf("operation %d of 0x%08x, 0x%08x, 0x%08x: 0x%08x\n", op, v[0][i], v[1][i],
					    v[2][i], out[op * N + i]);
	std::printf(wrong ? "WRONG: %u results\n" : "ok: all results right\n", wrong);
	return wrong != 0;
}
