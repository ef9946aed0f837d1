// SPDX-License-Identifier: MIT
/* How long a launch takes until the host knows it is done: an empty kernel, again and again. */
#include "hip_check.h"

#include <algorithm>
#include <chrono>
#include <vector>

extern "C" __global__ void nothing()
{
}

int main(int argc, char **argv)
{
	int n = 2000;
	std::vector<double> us;

	if (argc > 2 || (argc == 2 && !read_number(argv[1], 1, 100000000, &n))) {
		std::fprintf(stderr, "usage: launch [COUNT]\n");
		return 2;
	}
	for (int i = 0; i < n + n / 10; i++) {
		auto begin = std::chrono::steady_clock::now();

		nothing<<<1, 64>>>();
		HIP(hipDeviceSynchronize());
		/* The first tenth warms up. */
		if (i >= n / 10)
			us.push_back(std::chrono::duration<double, std::micro>(
					     std::chrono::steady_clock::now() - begin)
					     .count());
	}
	std::sort(us.begin(), us.end());
	std::printf("launch and wait: median %.1f us, min %.1f us, p90 %.1f us, %zu launches\n",
		    us[us.size() / 2], us[0], us[us.size() * 9 / 10], us.size());
	return 0;
}
