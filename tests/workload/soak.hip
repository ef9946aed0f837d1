// SPDX-License-Identifier: MIT
/*
 * What a program of days does, over and over: allocates, launches, copies, frees, on two threads at once that
 * live for a second each. Every result is checked.
 */
#include "hip_check.h"

#include <atomic>
#include <chrono>
#include <getopt.h>
#include <thread>
#include <vector>

enum { LONGEST = 1 << 16, GROUP = 64 };

__global__ void soak_add(unsigned int *v, unsigned int n, unsigned int by)
{
	unsigned int i = blockIdx.x * GROUP + threadIdx.x;

	if (i < n)
		v[i] += by;
}

static std::atomic<unsigned long> launched, allocated, threads_ended, wrong;

/* Memory of a new size, filled, added to three times, read back, freed. */
static void round_trip(hipStream_t stream, uint32_t *seed, std::vector<unsigned int> &back)
{
	unsigned int n = 1 + next_random(seed) % LONGEST, *v, *host;

	HIP(hipMalloc(&v, n * sizeof(*v)));
	HIP(hipHostMalloc(&host, 4096));
	allocated += 2;
	HIP(hipMemsetAsync(v, 0, n * sizeof(*v), stream));
	for (unsigned int by = 1; by <= 3; by++) {
		soak_add<<<(n + GROUP - 1) / GROUP, GROUP, 0, stream>>>(v, n, by);
		HIP(hipGetLastError());
		launched++;
	}
	HIP(hipMemcpyAsync(back.data(), v, n * sizeof(*v), hipMemcpyDeviceToHost, stream));
	HIP(hipStreamSynchronize(stream));
	for (unsigned int i = 0; i < n; i += 997)
		wrong += back[i] != 6;
	HIP(hipHostFree(host));
	HIP(hipFree(v));
}

static void work(std::chrono::steady_clock::time_point until, uint32_t seed)
{
	std::vector<unsigned int> back(LONGEST);
	hipStream_t stream;

	HIP(hipStreamCreate(&stream));
	do
		round_trip(stream, &seed, back);
	while (std::chrono::steady_clock::now() < until);
	HIP(hipStreamDestroy(stream));
	threads_ended++;
}

int main(int argc, char **argv)
{
	static const option options[] = {{"seconds", required_argument, nullptr, 's'}, {}};
	int seconds = 10, c;
	bool bad = false;

	while ((c = getopt_long(argc, argv, "", options, nullptr)) != -1)
		bad |= c != 's' || !read_number(optarg, 1, 1000000, &seconds);
	if (bad || optind != argc) {
		std::fprintf(stderr, "usage: soak [--seconds N]\n");
		return 2;
	}
	auto now = std::chrono::steady_clock::now;
	auto end = now() + std::chrono::seconds(seconds);
	uint32_t seed = 1;

	while (now() < end) {
		auto until = std::min(end, now() + std::chrono::seconds(1));
		std::thread a(work, until, next_random(&seed)), b(work, until, next_random(&seed));

		a.join();
		b.join();
	}
	std::printf("launched soak_add %lu times\n", launched.load());
	std::printf("allocated %lu times, %lu threads ended\n", allocated.load(), threads_ended.load());
	std::printf(wrong ? "WRONG: %lu results\n" : "ok: all results right\n", wrong.load());
	return wrong != 0;
}
