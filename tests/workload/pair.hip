// SPDX-License-Identifier: MIT
/*
 * Two cards at the same time, each driven by a thread of its own: memory, kernels on two streams, copies from one
 * card to the other in both directions while both compute, host memory that both read and count in. The last line
 * is "ok: N results right". Argument: how often (5).
 */
#include "hip_check.h"

#include <thread>

static const int N = 50000, GROUP = 256;

extern "C" __global__ void pair_step(const unsigned int *in, unsigned int *out, unsigned int by)
{
	int i = blockIdx.x * blockDim.x + threadIdx.x;

	if (i < N)
		out[i] = in[i] * by + (unsigned int)i;
}

/* `shared` is host memory: both cards see it, and count in it. */
extern "C" __global__ void pair_add(const unsigned int *shared, unsigned int *out, unsigned int *count)
{
	int i = blockIdx.x * blockDim.x + threadIdx.x;

	if (i < N)
		out[i] += shared[i % 1000];
	if (!threadIdx.x)
		atomicAdd_system(count, 1);
}

struct card {
	unsigned int *in, *out, *from_other;
	std::vector<unsigned int> want;
	unsigned long steps;
};

static card cards[2];
static unsigned int *shared, *count;

static const unsigned int GROUPS = (N + GROUP - 1) / GROUP;

/* What one card does, as a thread of its own. */
static void compute(int c, int times)
{
	card &k = cards[c];
	hipStream_t stream[2];

	HIP(hipSetDevice(c));
	HIP(hipStreamCreate(&stream[0]));
	HIP(hipStreamCreate(&stream[1]));
	for (int t = 0; t < times; t++) {
		const unsigned int by = 3u + (unsigned int)(t + c);

		pair_step<<<GROUPS, GROUP, 0, stream[t & 1]>>>(k.in, k.out, by);
		HIP(hipGetLastError());
		HIP(hipStreamSynchronize(stream[t & 1]));
		pair_add<<<GROUPS, GROUP, 0, stream[t & 1]>>>(shared, k.out, count);
		HIP(hipGetLastError());
		k.steps++;
		for (int i = 0; i < N; i++)
			k.want[i] = k.want[i] * by + (unsigned int)i + (unsigned int)(i % 1000) * 7;
		HIP(hipStreamSynchronize(stream[t & 1]));
		std::swap(k.in, k.out);
	}
	/* To the other card, which still computes. */
	HIP(hipMemcpyPeerAsync(cards[!c].from_other, !c, k.in, c, N * sizeof(*k.in), stream[0]));
	HIP(hipStreamSynchronize(stream[0]));
	HIP(hipStreamDestroy(stream[0]));
	HIP(hipStreamDestroy(stream[1]));
}

static void expect_array(const char *what, const unsigned int *from, const std::vector<unsigned int> &want)
{
	std::vector<unsigned int> got(want.size());

	copy_back(got, from);
	for (size_t i = 0; i < want.size(); i++)
		expect_same(what, i, got[i], want[i]);
}

int main(int argc, char **argv)
{
	int devices = 0, times = 5, can = 0;

	if (argc > 2 || (argc == 2 && !read_number(argv[1], 1, 10000, &times))) {
		std::fprintf(stderr, "usage: pair [TIMES]\n");
		return 2;
	}
	HIP(hipGetDeviceCount(&devices));
	if (devices < 2) {
		std::fprintf(stderr, "pair: %d cards, 2 are needed\n", devices);
		return 2;
	}
	HIP(hipHostMalloc((void **)&shared, 1000 * sizeof(*shared), hipHostMallocPortable));
	HIP(hipHostMalloc((void **)&count, sizeof(*count), hipHostMallocPortable | hipHostMallocCoherent));
	*count = 0;
	for (unsigned int i = 0; i < 1000; i++)
		shared[i] = i * 7;
	for (int c = 0; c < 2; c++) {
		card &k = cards[c];

		HIP(hipSetDevice(c));
		k.want.resize(N);
		for (int i = 0; i < N; i++)
			k.want[i] = (unsigned int)(i * (c + 1));
		k.in = device_copy(c ? "in1" : "in0", k.want);
		k.out = device_array<unsigned int>(c ? "out1" : "out0", N);
		k.from_other = device_array<unsigned int>(c ? "other1" : "other0", N);
	}
	std::thread first(compute, 0, times), second(compute, 1, times);
	first.join();
	second.join();
	for (int c = 0; c < 2; c++) {
		HIP(hipSetDevice(c));
		expect_array(c ? "card 1" : "card 0", cards[c].in, cards[c].want);
		expect_array(c ? "on card 1, of card 0" : "on card 0, of card 1", cards[c].from_other, cards[!c].want);
	}
	expect_same("counted by both", 0, *count, GROUPS * 2 * (unsigned int)times);
	for (int c = 0; c < 2; c++) {
		HIP(hipSetDevice(c));
		device_free(c ? "in1" : "in0", cards[c].in);
		device_free(c ? "out1" : "out0", cards[c].out);
		device_free(c ? "other1" : "other0", cards[c].from_other);
	}
	HIP(hipDeviceCanAccessPeer(&can, 0, 1));
	std::printf("peer access 0 to 1: %d\n", can);
	std::printf("launched pair_step %lu times\nlaunched pair_add %lu times\n", cards[0].steps + cards[1].steps,
		    cards[0].steps + cards[1].steps);
	return verdict();
}
