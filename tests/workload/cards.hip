// SPDX-License-Identifier: MIT
/*
 * Every card there is: its name, a kernel on it, copies from one to the next, and that the memory of
 * one is not taken from another. Prints "card N: NAME, GFX, MIB MiB" and "ok: N cards".
 */
#include "hip_check.h"

#include <cstdio>
#include <cstring>
#include <vector>

__global__ void scale(const float *in, float *out, int n, float by)
{
	int i = blockIdx.x * blockDim.x + threadIdx.x;

	if (i < n)
		out[i] = in[i] * by + (float)(i & 7);
}

static const int N = 100000;

static void step(std::vector<float> &v, float by)
{
	for (int i = 0; i < N; i++)
		v[i] = v[i] * by + (float)(i & 7);
}

int main(void)
{
	std::vector<float> want(N), got(N);
	std::vector<float *> in, out;
	size_t free_bytes, total, before;
	int cards = 0, peer;

	HIP(hipGetDeviceCount(&cards));
	for (int i = 0; i < N; i++)
		want[i] = (float)(i % 1000) / 8;
	for (int c = 0; c < cards; c++) {
		hipDeviceProp_t p;
		float *a, *b;

		HIP(hipSetDevice(c));
		HIP(hipGetDeviceProperties(&p, c));
		printf("card %d: %s, %s, %zu MiB\n", c, p.name, p.gcnArchName, p.totalGlobalMem >> 20);
		HIP(hipMalloc(&a, N * 4));
		HIP(hipMalloc(&b, N * 4));
		in.push_back(a);
		out.push_back(b);
	}
	/* A value goes through all of them. */
	HIP(hipSetDevice(0));
	HIP(hipMemcpy(in[0], want.data(), N * 4, hipMemcpyHostToDevice));
	for (int c = 0; c < cards; c++) {
		HIP(hipSetDevice(c));
		scale<<<(N + 255) / 256, 256>>>(in[c], out[c], N, 1.5f);
		HIP(hipGetLastError());
		step(want, 1.5f);
		if (c + 1 < cards)
			HIP(hipMemcpyPeer(in[c + 1], c + 1, out[c], c, N * 4));
	}
	HIP(hipMemcpy(got.data(), out[cards - 1], N * 4, hipMemcpyDeviceToHost));
	if (memcmp(got.data(), want.data(), N * 4)) {
		puts("wrong result");
		return 1;
	}
	/* All at once. */
	for (int c = 0; c < cards; c++) {
		HIP(hipSetDevice(c));
		for (int r = 0; r < 20; r++)
			scale<<<(N + 255) / 256, 256>>>(in[c], out[c], N, (float)r);
	}
	for (int c = 0; c < cards; c++) {
		HIP(hipSetDevice(c));
		HIP(hipDeviceSynchronize());
	}
	if (cards > 1) {
		float *big;

		HIP(hipDeviceCanAccessPeer(&peer, 0, 1));
		printf("peer access 0 to 1: %d\n", peer);
		HIP(hipSetDevice(1));
		HIP(hipMemGetInfo(&before, &total));
		HIP(hipSetDevice(0));
		HIP(hipMalloc(&big, 1u << 30));
		HIP(hipSetDevice(1));
		HIP(hipMemGetInfo(&free_bytes, &total));
		if (free_bytes != before) {
			puts("memory of card 0 is taken from card 1");
			return 1;
		}
	}
	printf("ok: %d cards\n", cards);
	return 0;
}
