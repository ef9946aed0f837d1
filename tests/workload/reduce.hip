// SPDX-License-Identifier: MIT
/*
 * Reductions and scans: trees in LDS, shuffles between the lanes of a wave, ballots, a scan over many
 * workgroups. The CPU adds in the same order, so floats too are the same bit for bit.
 */
#include "hip_check.h"

enum { GROUP = 256, GROUPS = 40, N = GROUP * GROUPS };

__global__ void tree_sum(const float *in, float *out)
{
	__shared__ float part[GROUP];
	unsigned int t = threadIdx.x;

	part[t] = in[blockIdx.x * GROUP + t];
	for (unsigned int half = GROUP / 2; half; half /= 2) {
		__syncthreads();
		if (t < half)
			part[t] += part[t + half];
	}
	if (t == 0)
		out[blockIdx.x] = part[0];
}

enum { SUM_XOR, SUM_DOWN, SCAN_UP, REVERSED, FROM_EIGHT, ROTATED, BALLOT, BELOW, VOTES, MAX_XOR, WAVE_OPS };

__global__ void in_wave(const int *in, int *out, unsigned int *width)
{
	unsigned int i = blockIdx.x * GROUP + threadIdx.x, lane = threadIdx.x % warpSize;
	int v = in[i], sum = v, down = v, scan = v, most = v;
	unsigned long long odd = __ballot(v & 1);

	for (int d = warpSize / 2; d; d /= 2) {
		sum += __shfl_xor(sum, d);
		down += __shfl_down(down, d);
		most = max(most, __shfl_xor(most, d));
	}
	for (int d = 1; d < warpSize; d *= 2) {
		int left = __shfl_up(scan, d);

		if ((int)lane >= d)
			scan += left;
	}
	out[SUM_XOR * N + i] = sum;
	out[SUM_DOWN * N + i] = __shfl(down, 0);
	out[SCAN_UP * N + i] = scan;
	out[REVERSED * N + i] = __shfl(v, warpSize - 1 - lane);
	out[FROM_EIGHT * N + i] = __shfl(v, 3, 8);
	out[ROTATED * N + i] = __shfl(v, lane + 5);
	out[BALLOT * N + i] = __popcll(odd);
	out[BELOW * N + i] = __popcll(odd & ((1ull << lane) - 1));
	out[VOTES * N + i] = __any(v == 77) | __all(v > 0) << 1;
	out[MAX_XOR * N + i] = most;
	if (i == 0)
		*width = warpSize;
}

__global__ void in_wave_wide(const double *in, double *out)
{
	unsigned int i = blockIdx.x * GROUP + threadIdx.x;
	double sum = in[i];

	for (int d = 1; d < 16; d *= 2)
		sum += __shfl_xor(sum, d);
	out[i] = sum;
}

/* Inclusive scans of workgroups, then of their sums, then both together. */
extern "C" __global__ void scan_groups(unsigned int *v, unsigned int *sums, unsigned int n)
{
	__shared__ unsigned int a[2][GROUP];
	unsigned int t = threadIdx.x, i = blockIdx.x * GROUP + t, at = 0;

	a[0][t] = i < n ? v[i] : 0;
	for (unsigned int d = 1; d < GROUP; d *= 2, at ^= 1) {
		__syncthreads();
		a[at ^ 1][t] = t < d ? a[at][t] : a[at][t] + a[at][t - d];
	}
	__syncthreads();
	if (i < n)
		v[i] = a[at][t];
	if (t == GROUP - 1 && sums)
		sums[blockIdx.x] = a[at][t];
}

__global__ void add_sums(unsigned int *v, const unsigned int *sums)
{
	if (blockIdx.x)
		v[blockIdx.x * GROUP + threadIdx.x] += sums[blockIdx.x - 1];
}

static void check_tree(uint32_t seed)
{
	std::vector<float> in(N), out(GROUPS);
	float *d_in, *d_out;

	fill_random(in.data(), N, seed);
	d_in = device_copy("in", in);
	d_out = device_floats("sums", GROUPS);
	tree_sum<<<GROUPS, GROUP>>>(d_in, d_out);
	copy_back(out, d_out);
	for (int g = 0; g < GROUPS; g++) {
		float *p = &in[g * GROUP];

		for (int half = GROUP / 2; half; half /= 2)
			for (int t = 0; t < half; t++)
				p[t] += p[t + half];
		expect_same("tree", g, out[g], p[0]);
	}
	device_free("in", d_in);
	device_free("sums", d_out);
}

static int in_wave_cpu(int op, const int *wave, int lane, int width)
{
	int sum = 0, odd = 0, below = 0, any = 0, all = 1, most = wave[0], scan = 0;

	for (int l = 0; l < width; l++) {
		sum += wave[l];
		odd += wave[l] & 1;
		below += l < lane ? wave[l] & 1 : 0;
		any |= wave[l] == 77;
		all &= wave[l] > 0;
		most = wave[l] > most ? wave[l] : most;
		scan += l <= lane ? wave[l] : 0;
	}
	const int of[WAVE_OPS] = {sum, sum, scan, wave[width - 1 - lane], wave[lane / 8 * 8 + 3],
				  wave[(lane + 5) % width], odd, below, any | all << 1, most};

	return of[op];
}

static void check_wave(uint32_t seed)
{
	static const char *const names[] = {"shfl_xor", "shfl_down", "shfl_up", "shfl", "shfl of 8",
					    "shfl around", "ballot", "ballot below", "any, all", "max"};
	std::vector<int> in(N), out(WAVE_OPS * N);
	std::vector<unsigned int> width(1);
	std::vector<double> wide(N), got(N);

	for (int i = 0; i < N; i++) {
		/* Some waves with 77, some all positive. */
		in[i] = (int)(next_random(&seed) % 2000) - (i / 64 % 3 ? 1000 : -1);
		wide[i] = (double)in[i] / 3;
	}
	int *d_in = device_copy("ints", in), *d_out = device_array<int>("waves", out.size());
	unsigned int *d_width = device_array<unsigned int>("width", 1);
	double *d_wide = device_copy("doubles", wide);

	in_wave<<<GROUPS, GROUP>>>(d_in, d_out, d_width);
	copy_back(out, d_out);
	copy_back(width, d_width);
	std::printf("waves of %u\n", width[0]);
	expect_that(width[0] == 32 || width[0] == 64, "width of a wave", width[0]);
	for (int op = 0; op < WAVE_OPS && !wrong_results; op++)
		for (int i = 0; i < N; i++) {
			int lane = i % (int)width[0];

			expect_same(names[op], i, out[op * N + i], in_wave_cpu(op, &in[i - lane], lane, (int)width[0]));
		}
	in_wave_wide<<<GROUPS, GROUP>>>(d_wide, d_wide);
	copy_back(got, d_wide);
	for (int d = 1; d < 16; d *= 2) {
		std::vector<double> before = wide;

		for (int i = 0; i < N; i++)
			wide[i] = before[i] + before[i ^ d];
	}
	for (int i = 0; i < N; i++)
		expect_same("shfl_xor of doubles", i, got[i], wide[i]);
}

static void check_scan(uint32_t seed)
{
	const unsigned int n = N - 100;
	std::vector<unsigned int> v(N), got(N);

	for (auto &x : v)
		x = next_random(&seed);
	unsigned int *d = device_copy("scan", v), *sums = device_array<unsigned int>("parts", GROUPS);

	scan_groups<<<GROUPS, GROUP>>>(d, sums, n);
	scan_groups<<<1, GROUP>>>(sums, nullptr, GROUPS);
	add_sums<<<GROUPS - 1, GROUP>>>(d, sums);
	std::printf("launched scan_groups 2 times\n");
	copy_back(got, d);
	for (unsigned int i = 1; i < (GROUPS - 1) * GROUP; i++)
		v[i] += v[i - 1];
	for (unsigned int i = 0; i < (GROUPS - 1) * GROUP; i++)
		expect_same("scan", i, got[i], v[i]);
	for (unsigned int i = n; i < N; i++)
		expect_same("past the scan", i, got[i], v[i]);
}

int main(int argc, char **)
{
	if (argc > 1) {
		std::fprintf(stderr, "usage: reduce\n");
		return 2;
	}
	check_tree(3);
	check_wave(4);
	check_scan(5);
	return verdict();
}
