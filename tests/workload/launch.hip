// SPDX-License-Identifier: MIT
/*
 * launch [COUNT]: how long a launch takes until the host knows that it is done: an empty kernel, again and again.
 * launch --storm [COUNT]: how long the host is in a launch when it does not wait. Blocks of 10,000, which the
 * queue has room for, with a wait between them that is not in the time.
 */
#include "hip_check.h"

#include <algorithm>
#include <chrono>
#include <vector>

extern "C" __global__ void nothing()
{
}

static const int BLOCK = 10000;

static double now_ns(void)
{
	return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

static void wait_each(int n)
{
	std::vector<double> us;

	for (int i = 0; i < n + n / 10; i++) {
		double begin = now_ns();

		nothing<<<1, 64>>>();
		HIP(hipDeviceSynchronize());
		/* The first tenth warms up. */
		if (i >= n / 10)
			us.push_back((now_ns() - begin) / 1000);
	}
	std::sort(us.begin(), us.end());
	std::printf("launch and wait: median %.1f us, min %.1f us, p90 %.1f us, %zu launches\n",
		    us[us.size() / 2], us[0], us[us.size() * 9 / 10], us.size());
}

static double block_ns(int n)
{
	double begin = now_ns();

	for (int i = 0; i < n; i++)
		nothing<<<1, 64>>>();
	begin = now_ns() - begin;
	HIP(hipGetLastError());
	HIP(hipDeviceSynchronize());
	return begin;
}

static void storm(int n)
{
	std::vector<double> each;
	double sum = 0, begin;
	int left;

	block_ns(BLOCK); /* warms up */
	begin = now_ns();
	for (left = n; left > 0; left -= BLOCK) {
		int block = left < BLOCK ? left : BLOCK;
		double ns = block_ns(block);

		sum += ns;
		each.push_back(ns / block);
	}
	begin = now_ns() - begin;
	std::sort(each.begin(), each.end());
	std::printf("launched nothing %d times\n", n + BLOCK);
	std::printf("storm: min %.0f ns, median %.0f ns, mean %.0f ns per launch, %zu blocks of %d, %.3f s in launches of "
		    "%.3f s\n", each[0], each[each.size() / 2], sum / n, each.size(), BLOCK, sum / 1e9, begin / 1e9);
}

int main(int argc, char **argv)
{
	const bool storming = argc > 1 && !std::strcmp(argv[1], "--storm");
	const char *count = argc > 1 + storming ? argv[1 + storming] : nullptr;
	int n = storming ? 1000000 : 2000;

	if (argc > 2 + storming || (count && !read_number(count, 1, 100000000, &n))) {
		std::fprintf(stderr, "usage: launch [--storm] [COUNT]\n");
		return 2;
	}
	(storming ? storm : wait_each)(n);
	return 0;
}
