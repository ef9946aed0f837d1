// SPDX-License-Identifier: MIT
/* The convolution of tests/workload/conv2d on one CPU core: what the emulation is compared with. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { C = 3, H = 44, K = 64, F = 3, O = H - F + 1 };

int main(void)
{
	static float in[C][H][H], wei[K][C][F][F], out[K][O][O];
	struct timespec a, b;
	double best = 1e9, ms;

	for (int i = 0; i < C * H * H; i++)
		(&in[0][0][0])[i] = (float)(i % 97);
	for (int i = 0; i < K * C * F * F; i++)
		(&wei[0][0][0][0])[i] = (float)(i % 89);
	for (int run = 0; run < 20; run++) {
		clock_gettime(CLOCK_MONOTONIC, &a);
		for (int k = 0; k < K; k++)
			for (int y = 0; y < O; y++)
				for (int x = 0; x < O; x++) {
					float sum = 0;

					for (int c = 0; c < C; c++)
						for (int fy = 0; fy < F; fy++)
							for (int fx = 0; fx < F; fx++)
								sum = fmaf(in[c][y + fy][x + fx],
									   wei[k][c][fy][fx], sum);
					out[k][y][x] = sum;
				}
		clock_gettime(CLOCK_MONOTONIC, &b);
		ms = (double)(b.tv_sec - a.tv_sec) * 1e3 + (double)(b.tv_nsec - a.tv_nsec) / 1e6;
		best = ms < best ? ms : best;
	}
	printf("%.3f ms (%g)\n", best, out[K - 1][O - 1][O - 1]);
	return 0;
}
