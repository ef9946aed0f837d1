// SPDX-License-Identifier: MIT
/*
 * Private memory: arrays with indices known only at run time, registers spilled, functions called,
 * through pointers and by themselves, and more per work-item than the runtime keeps ready: where all waves
 * that the card holds would need more than 140 MiB, ROCr allocates for one dispatch alone.
 */
#include "hip_check.h"

enum { GROUP = 64, GROUPS = 8, N = GROUP * GROUPS };

/* Fisher and Yates: every index depends on what came before. */
template <int SIZE> __host__ __device__ static unsigned int shuffled(unsigned int seed)
{
	unsigned int a[SIZE], hash = 0;

	for (int i = 0; i < SIZE; i++)
		a[i] = (unsigned int)i;
	for (int i = SIZE - 1; i > 0; i--) {
		unsigned int j, t;

		seed = seed * 1664525u + 1013904223u;
		j = (seed >> 8) % (unsigned int)(i + 1);
		t = a[i];
		a[i] = a[j];
		a[j] = t;
	}
	for (int i = 0; i < SIZE; i++)
		hash = hash * 31 + a[i];
	return hash;
}

template <int SIZE> __global__ void shuffle(unsigned int *out)
{
	unsigned int i = blockIdx.x * GROUP + threadIdx.x;

	out[i] = shuffled<SIZE>(i);
}

/* A large array of which little is touched. */
template <int SIZE> __host__ __device__ static unsigned int reached(unsigned int i)
{
	unsigned int a[SIZE], sum = 0;

	for (unsigned int k = 0; k < 16; k++)
		a[(i * 13 + k * (SIZE / 16)) % SIZE] = i ^ k << 20;
	for (unsigned int k = 16; k-- > 0;)
		sum = sum * 5 + a[(i * 13 + k * (SIZE / 16)) % SIZE];
	return sum;
}

template <int SIZE> __global__ void reach(unsigned int *out)
{
	unsigned int i = blockIdx.x * GROUP + threadIdx.x;

	out[i] = reached<SIZE>(i);
}

/* Bytes, halves and doubles of one array. */
__host__ __device__ static double mixed(unsigned int i)
{
	union {
		unsigned char b[256];
		unsigned short h[128];
		double d[32];
	} u;
	double sum = 0;

	for (int k = 0; k < 32; k++)
		u.d[k] = k + 0.5;
	for (int k = 0; k < 16; k++) {
		u.b[8 * ((i + (unsigned int)k * 3) % 32)] ^= (unsigned char)(i + k);
		u.h[4 * ((i * 7 + (unsigned int)k) % 32) + 1] += (unsigned short)k;
	}
	for (int k = 0; k < 32; k++)
		sum += u.d[(i + (unsigned int)k) % 32];
	return sum;
}

__global__ void mix(double *out)
{
	unsigned int i = blockIdx.x * GROUP + threadIdx.x;

	out[i] = mixed(i);
}

/* More values alive than 1024 work-items leave registers for. */
__host__ __device__ static float many_alive(const float *v, unsigned int i)
{
	float a[120], sum = 0;

#pragma unroll
	for (unsigned int k = 0; k < 120; k++)
		a[k] = v[(i + k * k) % 1024];
#pragma unroll
	for (int k = 0; k < 120; k++)
		sum = fmaf(a[k], a[119 - k], sum);
#pragma unroll
	for (int k = 0; k < 120; k++)
		sum = fmaf(a[k], a[(k + 60) % 120], sum);
	return sum;
}

__global__ void __launch_bounds__(1024) spill(const float *v, float *out)
{
	unsigned int i = threadIdx.x;

	out[i] = many_alive(v, i);
}

__host__ __device__ __attribute__((noinline)) static unsigned int ackermann(unsigned int m, unsigned int n)
{
	if (!m)
		return n + 1;
	return ackermann(m - 1, n ? ackermann(m, n - 1) : 1);
}

__host__ __device__ __attribute__((noinline)) static unsigned int twice(unsigned int x)
{
	return x * 2;
}

__host__ __device__ __attribute__((noinline)) static unsigned int square(unsigned int x)
{
	return x * x + 1;
}

__host__ __device__ __attribute__((noinline)) static unsigned int squeezed(unsigned int x)
{
	return shuffled<16>(x);
}

typedef unsigned int step(unsigned int);

__host__ __device__ static unsigned int chosen(unsigned int i)
{
	step *const steps[] = {twice, square, squeezed};
	unsigned int x = i;

	for (unsigned int k = 0; k < 6; k++)
		x = steps[(i >> k) % 3](x);
	return x;
}

extern "C" __global__ void recurse(unsigned int *out)
{
	unsigned int i = blockIdx.x * GROUP + threadIdx.x;

	out[i] = ackermann(i % 3, i % 7);
}

__global__ void call(unsigned int *out)
{
	unsigned int i = blockIdx.x * GROUP + threadIdx.x;

	out[i] = chosen(i);
}

template <typename T, typename Kernel, typename Cpu>
static void check(const char *what, Kernel kernel, Cpu cpu, unsigned int groups = GROUPS)
{
	std::vector<T> got(groups * GROUP);
	T *d = device_array<T>(what, got.size());

	kernel<<<groups, GROUP>>>(d);
	HIP(hipGetLastError());
	copy_back(got, d);
	for (unsigned int i = 0; i < got.size(); i++)
		expect_same(what, i, got[i], cpu(i));
	device_free(what, d);
}

int main(int argc, char **)
{
	std::vector<float> v(1024), got(1024);

	if (argc > 1) {
		std::fprintf(stderr, "usage: scratch\n");
		return 2;
	}
	/* Growing, then small again: the runtime allocates anew, or finds enough. */
	check<unsigned int>("of64", shuffle<64>, shuffled<64>);
	check<unsigned int>("of400", shuffle<400>, shuffled<400>);
	check<unsigned int>("of3000", shuffle<3000>, shuffled<3000>);
	check<unsigned int>("of60", shuffle<60>, shuffled<60>);
	/* 16 and 15 KiB for 384 waves of 32: 192 and 180 MiB. */
	check<unsigned int>("of4000", reach<4096>, reached<4096>, 192);
	check<unsigned int>("of2000", shuffle<2000>, shuffled<2000>);
	check<unsigned int>("again", reach<3840>, reached<3840>, 192);
	check<double>("mixed", mix, mixed);
	check<unsigned int>("recurse", recurse, [](unsigned int i) { return ackermann(i % 3, i % 7); });
	check<unsigned int>("call", call, chosen);

	fill_random(v.data(), v.size(), 8);
	float *d_v = device_copy("v", v), *d_out = device_floats("spilled", 1024);

	spill<<<1, 1024>>>(d_v, d_out);
	copy_back(got, d_out);
	for (unsigned int i = 0; i < 1024; i++)
		expect_same("spilled", i, got[i], many_alive(v.data(), i));
	std::printf("launched recurse 1 times\n");
	return verdict();
}
