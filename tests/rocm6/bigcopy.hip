// SPDX-License-Identifier: MIT
/* bigcopy: 16 MiB of pinned memory to the card and back; how many bytes are right. */
#include "hip_check.h"

#include <cstring>

int main()
{
	const size_t n = 16u << 20;
	unsigned char *from, *to, *device;
	size_t right = 0;

	HIP(hipHostMalloc((void **)&from, n, 0));
	HIP(hipHostMalloc((void **)&to, n, 0));
	HIP(hipMalloc((void **)&device, n));
	for (size_t i = 0; i < n; i++)
		from[i] = (unsigned char)(i * 2654435761u >> 13 | 1);
	std::memset(to, 0, n);
	HIP(hipMemcpy(device, from, n, hipMemcpyHostToDevice));
	HIP(hipMemcpy(to, device, n, hipMemcpyDeviceToHost));
	for (size_t i = 0; i < n; i++)
		right += to[i] == from[i];
	std::printf("%zu of %zu bytes right\n", right, n);
	return 0;
}
