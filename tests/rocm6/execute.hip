// SPDX-License-Identifier: MIT
/*
 * execute: a kernel that calls into hipMalloc'ed memory, where s_setpc_b64 s[30:31] stands, what a function
 * of the ABI returns with. ROCm 5.2.3 maps such memory executable, and it returns; from 6.0 on it is not.
 */
#include "hip_check.h"

extern "C" __global__ void call_data(void (*function)(), int *out)
{
	*out = 1;
	function();
	*out = 2;
}

int main()
{
	const unsigned int code[] = {0xbf8c0000 /* s_waitcnt 0 */, 0xbe80201e};
	unsigned int *data;
	int *out, result = 0;

	HIP(hipMalloc((void **)&data, 4096));
	HIP(hipMalloc((void **)&out, 4096));
	HIP(hipMemcpy(data, code, sizeof(code), hipMemcpyHostToDevice));
	std::printf("data at %p\n", (void *)data);
	std::fflush(stdout);
	call_data<<<1, 1>>>((void (*)())data, out);
	HIP(hipDeviceSynchronize());
	HIP(hipMemcpy(&result, out, sizeof(result), hipMemcpyDeviceToHost));
	std::printf("returned, out is %d\n", result);
	return 0;
}
