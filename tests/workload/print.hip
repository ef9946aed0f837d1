// SPDX-License-Identifier: MIT
/* printf on the device: the host's thread of the runtime prints it, every line once. */
#include "hip_check.h"

__global__ void speak(const char *words, double x)
{
	unsigned int i = blockIdx.x * blockDim.x + threadIdx.x;

	if (i % 3 == 0)
		printf("item %u of group %u: %d %s %.3f %llx %c %%\n", i, (unsigned int)blockIdx.x, -(int)i, "constant", x * i,
		       0x123456789abcdefull * i, 'a' + (int)(i % 26));
	else if (i % 3 == 1)
		printf("item %u\n", i);
	if (i == 5)
		printf("a longer text, which takes more than one packet: 0123456789 0123456789 0123456789 "
		       "0123456789 0123456789 %s\n", words);
}

__global__ void count(unsigned int *n)
{
	int written = printf("counted %d\n", (int)threadIdx.x);

	atomicAdd(n, (unsigned int)written);
}

int main(int argc, char **)
{
	unsigned int *n, got;
	char *words;

	if (argc > 1) {
		std::fprintf(stderr, "usage: print\n");
		return 2;
	}
	n = device_array<unsigned int>("n", 1);
	words = device_array<char>("words", 32);
	HIP(hipMemset(n, 0, sizeof(*n)));
	HIP(hipMemcpy(words, "words of memory", 16, hipMemcpyHostToDevice));
	speak<<<3, 64>>>(words, 0.125);
	HIP(hipDeviceSynchronize());
	count<<<1, 40>>>(n);
	HIP(hipMemcpy(&got, n, sizeof(got), hipMemcpyDeviceToHost));
	std::fflush(stdout);
	/* As C has it: the number of bytes written. */
	expect_same("bytes that printf counted", 0, got, 10u * 10 + 30 * 11);
	return verdict();
}
