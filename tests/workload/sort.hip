// SPDX-License-Identifier: MIT
/*
 * Integer code: sorts, divisions, bits, SHA-256. No shuffles, so that it is right in waves of any width.
 * The digest of all results is the same however it was compiled and whatever its kernels are called.
 */
#include "hip_check.h"

#include <algorithm>

/* Other names, some of them another's, and the other way round in the code object. */
#ifdef RENAMED
#define sort_in_group conv2d_direct
#define merge_step fillBufferAligned
#define split_by_bits k2
#define integers k1
#define digests copyBuffer
#define compress zz
#endif

enum { GROUP = 256, KEYS = 2 * GROUP, N = 8 * KEYS };

/* ---- bitonic sort, of keys of 64 bits: within a workgroup by LDS, then over all ---- */

__device__ static void order(unsigned long long &a, unsigned long long &b, bool up)
{
	unsigned long long low = a < b ? a : b, high = a < b ? b : a;

	a = up ? low : high;
	b = up ? high : low;
}

template <int> __global__ void sort_in_group(unsigned long long *v)
{
	__shared__ unsigned long long a[KEYS];
	unsigned int t = threadIdx.x, base = blockIdx.x * KEYS;

	a[t] = v[base + t];
	a[t + GROUP] = v[base + t + GROUP];
	for (unsigned int size = 2; size <= KEYS; size *= 2)
		for (unsigned int d = size / 2; d; d /= 2) {
			unsigned int i = t / d * d * 2 + t % d;

			__syncthreads();
			order(a[i], a[i + d], ((base + i) & size) == 0);
		}
	__syncthreads();
	v[base + t] = a[t];
	v[base + t + GROUP] = a[t + GROUP];
}

template <int> __global__ void merge_step(unsigned long long *v, unsigned int size, unsigned int d)
{
	unsigned int t = blockIdx.x * GROUP + threadIdx.x, i = t / d * d * 2 + t % d;

	order(v[i], v[i + d], (i & size) == 0);
}

/* ---- radix sort of a workgroup's keys by their low 16 bits, one at a time; stable ---- */

template <int> __global__ void split_by_bits(const unsigned int *in, unsigned int *out)
{
	__shared__ unsigned int key[GROUP], rank[GROUP];
	unsigned int t = threadIdx.x, k = in[blockIdx.x * GROUP + t];

	for (unsigned int bit = 0; bit < 16; bit++) {
		unsigned int zero = ~k >> bit & 1, sum = zero, zeros;

		rank[t] = zero;
		for (unsigned int d = 1; d < GROUP; d *= 2) {
			__syncthreads();
			unsigned int left = t >= d ? rank[t - d] : 0;

			__syncthreads();
			rank[t] = sum += left;
		}
		__syncthreads();
		zeros = rank[GROUP - 1];
		key[zero ? sum - 1 : zeros + t - sum] = k;
		__syncthreads();
		k = key[t];
		__syncthreads();
	}
	out[blockIdx.x * GROUP + t] = k;
}

/* ---- what the compiler makes of integers ---- */

typedef unsigned long long u64;

__host__ __device__ static u64 power(u64 base, unsigned int e, u64 m)
{
	u64 r = 1;

	for (base %= m; e; e >>= 1, base = base * base % m)
		if (e & 1)
			r = r * base % m;
	return r;
}

enum { INTEGERS = 20 };

__host__ __device__ static u64 integer(int which, u64 a, u64 b)
{
	unsigned int x = (unsigned int)a, y = (unsigned int)b | 1;
	long long s = (long long)a, d = (long long)(b | 1);
	unsigned int shift = (unsigned int)b & 63;

	switch (which) {
	case 0: return a / (b >> shift | 1);
	case 1: return a % (b >> shift | 1);
	case 2: return (u64)((s >> 1) / (d >> shift | 1));
	case 3: return (u64)((s >> 1) % (d >> shift | 1));
	case 4: return x / (y >> (shift & 31) | 1);
	case 5: return (u64)((long long)((int)x / 2) % (int)(y >> (shift & 31) | 1));
	case 6: return a * b;
	case 7: return (u64)((unsigned __int128)a * b >> 64);
	case 8: return (u64)((__int128)s * d >> 64);
	case 9: return (u64)__builtin_popcountll(a) << 32 | (unsigned int)__builtin_popcount(y);
	case 10: return (u64)__builtin_clzll(a | 1) << 32 | (unsigned int)__builtin_ctzll(a | 1ull << 63);
	case 11: return __builtin_bitreverse64(a) ^ __builtin_bitreverse32(y);
	case 12: return __builtin_bswap64(a) + __builtin_bswap32(y);
	case 13: return a << shift | a >> (63 - shift);
	case 14: return (u64)(s >> shift) ^ (unsigned int)((int)x >> (shift & 31));
	case 15: return (u64)((int)(x << 8) >> 8) * (u64)((int)(y << 8) >> 8);
	case 16: return (a ^ b) - (a & ~b) + (a | b) * 7 + (a > b ? a : b) - (s < d ? 1 : 2);
	case 17: return power(a % 65521, y & 0xffff, 65521);
	case 18: return power(a % 4294967291u, y & 0xff, 4294967291u);
	default: return (x >> (shift & 15) & 0x1ff) | (u64)(x % 10 * 1000 + y % 1000) << 20;
	}
}

template <int> __global__ void integers(const u64 *a, const u64 *b, u64 *out)
{
	unsigned int i = blockIdx.x * GROUP + threadIdx.x;

	for (int which = 0; which < INTEGERS; which++)
		out[which * N + i] = integer(which, a[i], b[i]);
}

/* ---- SHA-256 (FIPS 180-4) of a block that holds the number ---- */

__device__ static const unsigned int device_k[64] = {
#define K256                                                                                                                  \
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98,           \
	0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,           \
	0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8,           \
	0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,           \
	0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819,           \
	0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,           \
	0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2
	K256};
static const unsigned int host_k[64] = {K256};

__host__ __device__ static unsigned int rotated(unsigned int x, int n)
{
	return x >> n | x << (32 - n);
}

/* h is changed by the block w, as section 6.2.2 has it. */
__host__ __device__ __attribute__((noinline)) void compress(unsigned int *h, unsigned int *w, const unsigned int *k)
{
	unsigned int s[8];

	for (int i = 0; i < 8; i++)
		s[i] = h[i];
	for (int i = 0; i < 64; i++) {
		unsigned int w15 = w[(i + 1) % 16], w2 = w[(i + 14) % 16], t1, t2;

		t1 = s[7] + (rotated(s[4], 6) ^ rotated(s[4], 11) ^ rotated(s[4], 25)) + ((s[4] & s[5]) ^ (~s[4] & s[6])) + k[i] +
		     w[i % 16];
		t2 = (rotated(s[0], 2) ^ rotated(s[0], 13) ^ rotated(s[0], 22)) + ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
		w[i % 16] += (rotated(w15, 7) ^ rotated(w15, 18) ^ w15 >> 3) + w[(i + 9) % 16] +
			     (rotated(w2, 17) ^ rotated(w2, 19) ^ w2 >> 10);
		for (int j = 7; j > 0; j--)
			s[j] = s[j - 1];
		s[4] += t1;
		s[0] = t1 + t2;
	}
	for (int i = 0; i < 8; i++)
		h[i] += s[i];
}

/* The digest of a message of `length` bytes (at most 55), its first four `i`, the rest `a`. */
__host__ __device__ static void sha256(unsigned int i, unsigned int length, const unsigned int *k, unsigned int *h)
{
	const unsigned int first[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
				       0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
	unsigned int w[16] = {};

	for (unsigned int at = 0; at < length; at++)
		w[at / 4] |= (at < 4 ? i >> (24 - 8 * at) & 0xff : 'a') << (24 - at % 4 * 8);
	w[length / 4] |= 0x80u << (24 - length % 4 * 8);
	w[15] = length * 8;
	for (int j = 0; j < 8; j++)
		h[j] = first[j];
	compress(h, w, k);
}

template <int> __global__ void digests(unsigned int *out)
{
	unsigned int i = blockIdx.x * GROUP + threadIdx.x;

	sha256(i, i % 56, device_k, out + i * 8);
}

/* In the order in which they are made, not in that of their use. */
#ifdef RENAMED
template __global__ void digests<0>(unsigned int *);
template __global__ void integers<0>(const u64 *, const u64 *, u64 *);
template __global__ void split_by_bits<0>(const unsigned int *, unsigned int *);
template __global__ void merge_step<0>(u64 *, unsigned int, unsigned int);
template __global__ void sort_in_group<0>(u64 *);
#endif

/* ---- the checks ---- */

static u64 digest = 14695981039346656037ull;

template <typename T> static void compare(const char *what, const std::vector<T> &got, const std::vector<T> &want)
{
	for (size_t i = 0; i < got.size(); i++) {
		expect_same(what, i, got[i], want[i]);
		digest = (digest ^ got[i]) * 1099511628211ull;
	}
}

static void check_sorts(uint32_t seed)
{
	std::vector<u64> v(N), sorted(N);
	std::vector<unsigned int> keys(N), split(N), by_bits;

	for (int i = 0; i < N; i++) {
		v[i] = (u64)next_random(&seed) << 32 | next_random(&seed);
		keys[i] = next_random(&seed) & 0xff0fffff;
	}
	u64 *d = device_copy("keys", v);
	unsigned int *d_in = device_copy("in", keys), *d_out = device_array<unsigned int>("split", N);

	sort_in_group<0><<<N / KEYS, GROUP>>>(d);
	for (unsigned int size = 2 * KEYS; size <= N; size *= 2)
		for (unsigned int at = size / 2; at; at /= 2)
			merge_step<0><<<N / KEYS, GROUP>>>(d, size, at);
	copy_back(sorted, d);
	std::sort(v.begin(), v.end());
	compare("sorted", sorted, v);

	split_by_bits<0><<<N / GROUP, GROUP>>>(d_in, d_out);
	copy_back(split, d_out);
	for (int g = 0; g < N; g += GROUP)
		std::stable_sort(&keys[g], &keys[g] + GROUP,
				 [](unsigned int a, unsigned int b) { return (a & 0xffff) < (b & 0xffff); });
	compare("split", split, keys);
}

static void check_integers(uint32_t seed)
{
	const u64 edges[] = {0, 1, 2, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, ~0ull >> 1, 1ull << 63, ~0ull};
	std::vector<u64> a(N), b(N), got(INTEGERS * N), want(INTEGERS * N);

	for (int i = 0; i < N; i++) {
		a[i] = i < 100 ? edges[i / 10] : ((u64)next_random(&seed) << 32 | next_random(&seed)) >> (i % 5 * 8);
		b[i] = i < 100 ? edges[i % 10] : (u64)next_random(&seed) << 32 | next_random(&seed);
	}
	u64 *d_a = device_copy("a", a), *d_b = device_copy("b", b), *d_out = device_array<u64>("integers", got.size());

	integers<0><<<N / GROUP, GROUP>>>(d_a, d_b, d_out);
	copy_back(got, d_out);
	for (int which = 0; which < INTEGERS; which++)
		for (int i = 0; i < N; i++)
			want[which * N + i] = integer(which, a[i], b[i]);
	compare("integers", got, want);
}

static void check_digests(void)
{
	/* SHA-256 of nothing: e3b0c442 98fc1c14 ... */
	std::vector<unsigned int> got(N * 8), want(N * 8);
	unsigned int *d = device_array<unsigned int>("digests", got.size());

	digests<0><<<N / GROUP, GROUP>>>(d);
	copy_back(got, d);
	for (unsigned int i = 0; i < N; i++)
		sha256(i, i % 56, host_k, &want[i * 8]);
	compare("digests", got, want);
	expect_that(got[0] == 0xe3b0c442 && got[1] == 0x98fc1c14 && got[7] == 0x7852b855, "the known digest", 0);
}

int main(int argc, char **)
{
	if (argc > 1) {
		std::fprintf(stderr, "usage: sort\n");
		return 2;
	}
	check_sorts(15);
	check_integers(16);
	check_digests();
	std::printf("digest %016llx\n", digest);
	return verdict();
}
