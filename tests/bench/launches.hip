// SPDX-License-Identifier: MIT
/*
 * launches N: what a launch of an empty kernel costs the thread that launches, without waiting for it. The device
 * keeps up: every 1000 launches it is waited for, outside of what is measured.
 */
#include "../workload/hip_check.h"

#include <algorithm>
#include <chrono>
#include <vector>

enum { BATCH = 1000 };

extern "C" __global__ void nothing()
{
}

static double batch_ns()
{
	auto begin = std::chrono::steady_clock::now();

	for (int i = 0; i < BATCH; i++)
		nothing<<<1, 64>>>();
	return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - begin).count() / BATCH;
}

int main(int argc, char **argv)
{
	std::vector<double> ns;
	double sum = 0;
	int n;

	if (argc != 2 || !read_number(argv[1], BATCH, 100000000, &n)) {
		std::fprintf(stderr, "usage: launches N\n");
		return 2;
	}
	batch_ns();
	HIP(hipDeviceSynchronize());
	for (int i = 0; i < n / BATCH; i++) {
		ns.push_back(batch_ns());
		HIP(hipDeviceSynchronize());
	}
	std::sort(ns.begin(), ns.end());
	for (double v : ns)
		sum += v;
	std::printf("launch: min %.1f ns, median %.1f ns, mean %.1f ns, %zu launches\n", ns[0], ns[ns.size() / 2],
		    sum / (double)ns.size(), ns.size() * BATCH);
	return 0;
}
