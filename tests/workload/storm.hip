// SPDX-License-Identifier: MIT
/*
 * Many launches from many threads on many streams, counted twice: by the host as it launches, by
 * the kernels as they run. "launched storm_add N times" is what every trace of it must say.
 */
#include "hip_check.h"

#include <atomic>
#include <getopt.h>
#include <thread>
#include <vector>

extern "C" __global__ void storm_add(unsigned int *counts, unsigned int slot)
{
	if (threadIdx.x == 0)
		atomicAdd(&counts[slot], 1);
}

static std::atomic<unsigned long> launched;

static void launch(unsigned int *counts, unsigned int slot, int n, int every)
{
	hipStream_t stream;

	HIP(hipStreamCreate(&stream));
	for (int i = 0; i < n; i++) {
		storm_add<<<1, 64, 0, stream>>>(counts, slot);
		HIP(hipGetLastError());
		launched++;
		if (every && i % every == every - 1)
			HIP(hipStreamSynchronize(stream));
	}
	HIP(hipStreamSynchronize(stream));
	HIP(hipStreamDestroy(stream));
}

int main(int argc, char **argv)
{
	static const option options[] = {{"threads", required_argument, nullptr, 't'},
					 {"launches", required_argument, nullptr, 'n'},
					 {"sync-every", required_argument, nullptr, 's'},
					 {}};
	int threads = 4, n = 1000, every = 0, c;
	bool bad = false;
	unsigned int *counts;

	while ((c = getopt_long(argc, argv, "", options, nullptr)) != -1) {
		switch (c) {
		case 't': bad |= !read_number(optarg, 1, 1000, &threads); break;
		case 'n': bad |= !read_number(optarg, 1, 100000000, &n); break;
		case 's': bad |= !read_number(optarg, 0, 100000000, &every); break;
		default: bad = true;
		}
	}
	if (bad || optind != argc) {
		std::fprintf(stderr, "usage: storm [--threads N] [--launches N] [--sync-every N]\n");
		return 2;
	}
	counts = (unsigned int *)device_floats("counts", (size_t)threads);
	HIP(hipMemset(counts, 0, sizeof(*counts) * (size_t)threads));
	HIP(hipDeviceSynchronize());

	std::vector<std::thread> pool;
	for (int t = 0; t < threads; t++)
		pool.emplace_back(launch, counts, (unsigned int)t, n, every);
	for (auto &t : pool)
		t.join();
	std::vector<unsigned int> back((size_t)threads);
	HIP(hipMemcpy(back.data(), counts, sizeof(*counts) * (size_t)threads, hipMemcpyDeviceToHost));
	device_free("counts", counts);
	std::printf("launched storm_add %lu times\n", launched.load());
	for (int t = 0; t < threads; t++)
		if (back[(size_t)t] != (unsigned int)n) {
			std::printf("WRONG: thread %d: %u of %d ran\n", t, back[(size_t)t], n);
			return 1;
		}
	std::printf("ok: all results right\n");
	return 0;
}
