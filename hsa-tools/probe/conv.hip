// SPDX-License-Identifier: MIT
/* A direct convolution of one image, for every chip that check --run knows: no padding, stride 1. */
#include <hip/hip_runtime.h>

extern "C" __global__ void rdna1_probe_conv(const float *in, const float *weights, float *out, int c, int h, int w, int k, int f)
{
	int oh = h - f + 1, ow = w - f + 1, i = blockIdx.x * blockDim.x + threadIdx.x;
	float sum = 0;

	if (i >= k * oh * ow)
		return;
	for (int ci = 0; ci < c; ci++)
		for (int y = 0; y < f; y++)
			for (int x = 0; x < f; x++)
				sum = fmaf(in[(ci * h + i / ow % oh + y) * w + i % ow + x],
					   weights[((i / (ow * oh) * c + ci) * f + y) * f + x], sum);
	out[i] = sum;
}
