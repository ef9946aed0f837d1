// SPDX-License-Identifier: MIT
/*
 * Atomics of every kind that HIP has, on global memory and in LDS, with all workgroups on the same words:
 * what is left is the CPU's, and what each returned is what the word held in some order.
 */
#include "hip_check.h"

#include <algorithm>

enum { GROUP = 128, GROUPS = 24, N = GROUP * GROUPS };

/* One word of each operation; the values depend on the work-item alone. */
struct words {
	int add, sub, min, max, land, lor, lxor;
	unsigned int uadd, usub, umin, umax, uand, uor, uxor, inc, dec;
	unsigned long long ladd, lmin, lmax, lland, llor, llxor;
	float fadd;
	double dadd;
	float fmin, fmax;
};

static const words fresh = {.min = 1 << 30,
			    .max = -(1 << 30),
			    .land = -1,
			    .umin = ~0u,
			    .uand = ~0u,
			    .dec = 5,
			    .lmin = ~0ull,
			    .lland = ~0ull,
			    .fmin = 1e30f,
			    .fmax = -1e30f};

__host__ __device__ static unsigned int value_of(unsigned int i)
{
	return i * 2654435761u;
}

__host__ __device__ static unsigned long long wide_of(unsigned int i)
{
	return (unsigned long long)value_of(i) << 32 | value_of(i + 1);
}

/* The same on the device and, one after another, on the CPU. */
template <typename Do> __host__ __device__ static void all_of(words *w, unsigned int i, Do d)
{
	unsigned int u = value_of(i);
	unsigned long long l = wide_of(i);

	d.add(&w->add, (int)u);
	d.sub(&w->sub, (int)u);
	d.min(&w->min, (int)u);
	d.max(&w->max, (int)u);
	d.land(&w->land, (int)(u | ~(1u << i % 31)));
	d.lor(&w->lor, (int)(u & 0x10101 << i % 7));
	d.lxor(&w->lxor, (int)u);
	d.add(&w->uadd, u);
	d.sub(&w->usub, u);
	d.min(&w->umin, u);
	d.max(&w->umax, u);
	d.land(&w->uand, u | 0x00ffff00);
	d.lor(&w->uor, u & 0x0ff00ff0);
	d.lxor(&w->uxor, u);
	d.inc(&w->inc, 1000u);
	d.dec(&w->dec, 700u);
	d.add(&w->ladd, l);
	d.min(&w->lmin, l);
	d.max(&w->lmax, l);
	d.land(&w->lland, l | 0xff0000000000ffull);
	d.lor(&w->llor, l & 0x0ff000000ff00000ull);
	d.lxor(&w->llxor, l);
	/* Sums that are exact in any order. */
	d.add(&w->fadd, (float)(u >> 24));
	d.add(&w->dadd, (double)(u >> 8) / 16);
	d.min(&w->fmin, (float)(int)u);
	d.max(&w->fmax, (float)(int)u);
}

struct on_device {
	template <typename T> __device__ void add(T *p, T v) { atomicAdd(p, v); }
	template <typename T> __device__ void sub(T *p, T v) { atomicSub(p, v); }
	template <typename T> __device__ void min(T *p, T v) { atomicMin(p, v); }
	template <typename T> __device__ void max(T *p, T v) { atomicMax(p, v); }
	template <typename T> __device__ void land(T *p, T v) { atomicAnd(p, v); }
	template <typename T> __device__ void lor(T *p, T v) { atomicOr(p, v); }
	template <typename T> __device__ void lxor(T *p, T v) { atomicXor(p, v); }
	__device__ void inc(unsigned int *p, unsigned int v) { atomicInc(p, v); }
	__device__ void dec(unsigned int *p, unsigned int v) { atomicDec(p, v); }
};

struct on_cpu {
	template <typename T> void add(T *p, T v) { *p += v; }
	void add(int *p, int v) { *p = (int)((unsigned int)*p + (unsigned int)v); }
	template <typename T> void sub(T *p, T v) { *p -= v; }
	void sub(int *p, int v) { *p = (int)((unsigned int)*p - (unsigned int)v); }
	template <typename T> void min(T *p, T v) { *p = std::min(*p, v); }
	template <typename T> void max(T *p, T v) { *p = std::max(*p, v); }
	template <typename T> void land(T *p, T v) { *p &= v; }
	template <typename T> void lor(T *p, T v) { *p |= v; }
	template <typename T> void lxor(T *p, T v) { *p ^= v; }
	void inc(unsigned int *p, unsigned int v) { *p = *p >= v ? 0 : *p + 1; }
	void dec(unsigned int *p, unsigned int v) { *p = *p == 0 || *p > v ? v : *p - 1; }
};

extern "C" __global__ void on_memory(words *w)
{
	all_of(w, blockIdx.x * GROUP + threadIdx.x, on_device());
}

__global__ void in_lds(words *out, words first)
{
	__shared__ words w;

	if (threadIdx.x == 0)
		w = first;
	__syncthreads();
	all_of(&w, blockIdx.x * GROUP + threadIdx.x, on_device());
	__syncthreads();
	if (threadIdx.x == 0)
		out[blockIdx.x] = w;
}

struct tickets {
	unsigned int next, last, lock, guarded;
	unsigned long long wide;
	unsigned int swaps, bits;
};

/* What atomics return: tickets, a chain of exchanges, counters by compare and swap, a lock. */
__global__ void returned(tickets *t, unsigned int *ticket, unsigned int *before, unsigned long long *was)
{
	unsigned int i = blockIdx.x * GROUP + threadIdx.x, old = t->swaps, seen;
	unsigned long long wide = t->wide, found;

	ticket[i] = atomicAdd(&t->next, 1u);
	before[i] = atomicExch(&t->last, i + 1);
	while ((seen = atomicCAS(&t->swaps, old, old + 3)) != old)
		old = seen;
	while ((found = atomicCAS(&t->wide, wide, wide + 0x100000001ull)) != wide)
		wide = found;
	was[i] = wide;
	if (threadIdx.x == 0) {
		while (atomicCAS(&t->lock, 0u, 1u))
			;
		__threadfence();
		*(volatile unsigned int *)&t->guarded = *(volatile unsigned int *)&t->guarded + 1;
		__threadfence();
		atomicExch(&t->lock, 0u);
	}
}

/* By LDS first, then all together. */
__global__ void histogram(const unsigned char *in, unsigned int *bins, unsigned int n)
{
	__shared__ unsigned int mine[256];

	for (unsigned int b = threadIdx.x; b < 256; b += GROUP)
		mine[b] = 0;
	__syncthreads();
	for (unsigned int i = blockIdx.x * GROUP + threadIdx.x; i < n; i += N)
		atomicAdd(&mine[in[i]], 1u);
	__syncthreads();
	for (unsigned int b = threadIdx.x; b < 256; b += GROUP)
		atomicAdd(&bins[b], mine[b]);
}

static void same_words(const char *what, size_t i, const words &got, const words &want)
{
	int a[sizeof(words) / 4], b[sizeof(words) / 4];

	std::memcpy(a, &got, sizeof(words));
	std::memcpy(b, &want, sizeof(words));
	for (size_t at = 0; at < sizeof(words) / 4; at++)
		expect_same(what, i * 100 + at, a[at], b[at]);
}

static void check_words(void)
{
	std::vector<words> w(1), each(GROUPS);

	memset(w.data(), 0, sizeof(words));
	w[0] = fresh;
	words want = w[0], first = w[0];
	words *d = device_copy("words", w), *d_each = device_array<words>("each", GROUPS);

	HIP(hipMemset(d_each, 0, GROUPS * sizeof(words)));
	on_memory<<<GROUPS, GROUP>>>(d);
	std::printf("launched on_memory 1 times\n");
	in_lds<<<GROUPS, GROUP>>>(d_each, first);
	copy_back(w, d);
	copy_back(each, d_each);
	for (unsigned int i = 0; i < N; i++)
		all_of(&want, i, on_cpu());
	same_words("memory", 0, w[0], want);
	for (unsigned int g = 0; g < GROUPS; g++) {
		words group = first;

		for (unsigned int i = 0; i < GROUP; i++)
			all_of(&group, g * GROUP + i, on_cpu());
		same_words("LDS", g, each[g], group);
	}
}

static void check_returned(void)
{
	std::vector<tickets> t(1);
	std::vector<unsigned int> ticket(N), before(N);
	std::vector<unsigned long long> was(N);
	tickets *d = device_copy("tickets", t);
	unsigned int *d_ticket = device_array<unsigned int>("ticket", N);
	unsigned int *d_before = device_array<unsigned int>("before", N);
	unsigned long long *d_was = device_array<unsigned long long>("was", N);

	returned<<<GROUPS, GROUP>>>(d, d_ticket, d_before, d_was);
	copy_back(t, d);
	copy_back(ticket, d_ticket);
	copy_back(before, d_before);
	copy_back(was, d_was);
	before.push_back(t[0].last);
	std::sort(ticket.begin(), ticket.end());
	std::sort(before.begin(), before.end());
	std::sort(was.begin(), was.end());
	for (unsigned int i = 0; i < N; i++) {
		expect_same("ticket", i, ticket[i], i);
		expect_same("exchanged", i, before[i], i);
		expect_same("compared and swapped", i, was[i], i * 0x100000001ull);
	}
	expect_same("exchanged", N, before[N], (unsigned int)N);
	expect_same("under the lock", 0, t[0].guarded, (unsigned int)GROUPS);
	expect_same("swaps", 0, t[0].swaps, 3u * N);
	expect_same("wide swaps", 0, t[0].wide, N * 0x100000001ull);
}

static void check_histogram(void)
{
	std::vector<unsigned char> in(100000);
	std::vector<unsigned int> bins(256), want(256);
	uint32_t seed = 6;

	for (auto &x : in) {
		x = (unsigned char)(next_random(&seed) % 16 * (next_random(&seed) % 16));
		want[x]++;
	}
	unsigned char *d = device_copy("bytes", in);
	unsigned int *d_bins = device_copy("bins", bins);

	histogram<<<GROUPS, GROUP>>>(d, d_bins, (unsigned int)in.size());
	copy_back(bins, d_bins);
	for (unsigned int b = 0; b < 256; b++)
		expect_same("bin", b, bins[b], want[b]);
}

int main(int argc, char **)
{
	if (argc > 1) {
		std::fprintf(stderr, "usage: atomics\n");
		return 2;
	}
	check_words();
	check_returned();
	check_histogram();
	return verdict();
}
