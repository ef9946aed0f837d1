// SPDX-License-Identifier: MIT
/*
 * A direct convolution, verified bit by bit against a loop on the CPU. With --fault it makes one of
 * the mistakes that end in the error messages of RDNA1 bug reports, and says which address it will
 * touch.
 */
#include "hip_check.h"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <getopt.h>
#include <vector>

struct shape {
	int n, c, h, w, k, f, stride, pad, oh, ow;
};

extern "C" __global__ void conv2d_direct(const float *in, const float *wei, float *out, shape s)
{
	int i = blockIdx.x * blockDim.x + threadIdx.x;

	if (i >= s.n * s.k * s.oh * s.ow)
		return;
	int x = i % s.ow, y = i / s.ow % s.oh, k = i / (s.ow * s.oh) % s.k, n = i / (s.ow * s.oh * s.k);
	float sum = 0;

	for (int c = 0; c < s.c; c++)
		for (int fy = 0; fy < s.f; fy++)
			for (int fx = 0; fx < s.f; fx++) {
				int iy = y * s.stride - s.pad + fy, ix = x * s.stride - s.pad + fx;

				if (iy < 0 || iy >= s.h || ix < 0 || ix >= s.w)
					continue;
				sum = fmaf(in[((n * s.c + c) * s.h + iy) * s.w + ix],
					   wei[((k * s.c + c) * s.f + fy) * s.f + fx], sum);
			}
	out[i] = sum;
}

/* v_dot2_f32_f16 v0, v0, v0, v0: RDNA2 and later have it, gfx1010 does not (LLVM AMDGPU.td). */
extern "C" __global__ void conv2d_illegal(float *out)
{
	asm volatile(".long 0xcc134000, 0x1c020100");
	out[threadIdx.x] = 1;
}

/* Ends when somebody sets *flag, which nobody does. */
extern "C" __global__ void conv2d_hang(float *out, const volatile unsigned int *flag)
{
	while (!*flag)
		;
	out[threadIdx.x] = 1;
}

/* What assert() and abort() in a kernel come to: s_trap 2 (LLVM AMDGPUUsage, "Trap Handler ABI"). */
extern "C" __global__ void conv2d_trap(float *out)
{
	if (out)
		__builtin_trap();
	out[threadIdx.x] = 1;
}

static void conv2d_cpu(const float *in, const float *wei, float *out, const shape &s)
{
	for (int i = 0; i < s.n * s.k * s.oh * s.ow; i++) {
		int x = i % s.ow, y = i / s.ow % s.oh, k = i / (s.ow * s.oh) % s.k;
		int n = i / (s.ow * s.oh * s.k);
		float sum = 0;

		for (int c = 0; c < s.c; c++)
			for (int fy = 0; fy < s.f; fy++)
				for (int fx = 0; fx < s.f; fx++) {
					int iy = y * s.stride - s.pad + fy, ix = x * s.stride - s.pad + fx;

					if (iy < 0 || iy >= s.h || ix < 0 || ix >= s.w)
						continue;
					sum = std::fmaf(in[((n * s.c + c) * s.h + iy) * s.w + ix],
							wei[((k * s.c + c) * s.f + fy) * s.f + fx], sum);
				}
		out[i] = sum;
	}
}

enum fault { FAULT_NONE, FAULT_OOB, FAULT_OOB_INSIDE, FAULT_UAF, FAULT_APERTURE, FAULT_ILLEGAL, FAULT_HANG, FAULT_TRAP };
static const char *const fault_names[] = {"none",     "oob",	 "oob-inside", "uaf",
					  "aperture", "illegal", "hang",       "trap"};

static void usage(FILE *f)
{
	std::fprintf(f, "usage: conv2d [--size N] [--in CHANNELS] [--out CHANNELS] [--kernel N]\n"
			"              [--stride N] [--pad N] [--batch N] [--repeat N]\n"
			"              [--fault oob|oob-inside|uaf|aperture|illegal|hang|trap]\n");
}

/* Where the kernel must think its output begins, so that its last element lies at `last`. */
static float *output_ending_at(uintptr_t last, size_t n)
{
	return (float *)(last - (n - 1) * sizeof(float));
}

/* The output pointer for the fault; says which address will be touched and how far from where. */
static float *faulty_output(fault f, float *out, size_t n)
{
	const uintptr_t block = 2u << 20, begin = (uintptr_t)out, end = begin + n * sizeof(float);
	uintptr_t touch = 0;
	float *result = out;

	switch (f) {
	case FAULT_OOB: /* the first byte past the block that the runtime cuts small buffers from */
		touch = (begin / block + 1) * block;
		result = output_ending_at(touch, n);
		break;
	case FAULT_OOB_INSIDE:
		touch = end;
		result = output_ending_at(touch, n);
		break;
	case FAULT_UAF: {
		float *big = device_floats("freed", block / 2);

		touch = (uintptr_t)big;
		result = big;
		device_free("freed", big);
		std::printf("fault uaf: address %p buffer %p (%zu bytes, freed), 0 bytes into it\n",
			    (void *)touch, (void *)big, (size_t)block / 2 * sizeof(float));
		std::fflush(stdout);
		return result;
	}
	case FAULT_APERTURE: /* a pointer whose high half is garbage */
		touch = begin | 0xdead000000000000ull;
		result = (float *)touch;
		break;
	default:
		break;
	}
	std::printf("fault %s: address %p buffer %p (%zu bytes), ", fault_names[f], (void *)touch,
		    (void *)out, n * sizeof(float));
	if (f == FAULT_APERTURE)
		std::printf("%#llx above it\n", (unsigned long long)(touch - begin));
	else
		std::printf("%lld bytes past its end\n", (long long)(touch - end));
	std::fflush(stdout);
	return result;
}

/* The faults that have a kernel of their own. */
static void launch_faulty(fault f, float *out)
{
	if (f == FAULT_HANG) {
		const unsigned int *flag = device_copy("flag", std::vector<unsigned int>{0});

		std::printf("fault hang: conv2d_hang waits for the word at %p, which nobody sets\n", (void *)flag);
		std::fflush(stdout);
		conv2d_hang<<<1, 32>>>(out, flag);
	} else if (f == FAULT_TRAP) {
		std::printf("fault trap: s_trap 2 in conv2d_trap\n");
		std::fflush(stdout);
		conv2d_trap<<<1, 32>>>(out);
	} else {
		std::printf("fault illegal: instruction 0xcc134000 0x1c020100 in conv2d_illegal\n");
		std::fflush(stdout);
		conv2d_illegal<<<1, 32>>>(out);
	}
	std::printf("launched conv2d_%s 1 times\n", fault_names[f]);
	std::fflush(stdout);
}

int main(int argc, char **argv)
{
	static const option options[] = {
		{"size", required_argument, nullptr, 's'},   {"in", required_argument, nullptr, 'i'},
		{"out", required_argument, nullptr, 'o'},    {"kernel", required_argument, nullptr, 'k'},
		{"stride", required_argument, nullptr, 't'}, {"pad", required_argument, nullptr, 'p'},
		{"batch", required_argument, nullptr, 'b'},  {"repeat", required_argument, nullptr, 'r'},
		{"fault", required_argument, nullptr, 'f'},  {"help", no_argument, nullptr, 'h'},
		{}};
	shape s = {1, 3, 44, 44, 64, 3, 1, 0, 0, 0};
	fault f = FAULT_NONE;
	int c, repeat = 1, bad = 0;

	while ((c = getopt_long(argc, argv, "", options, nullptr)) != -1) {
		int v = 0;

		if (optarg && c != 'f')
			bad |= !read_number(optarg, 0, c == 'r' ? 1000000000 : 4096, &v);
		switch (c) {
		case 's': s.h = s.w = v; break;
		case 'i': s.c = v; break;
		case 'o': s.k = v; break;
		case 'k': s.f = v; break;
		case 't': s.stride = v; break;
		case 'p': s.pad = v; break;
		case 'b': s.n = v; break;
		case 'r': repeat = v; break;
		case 'f':
			for (int i = 1; i <= FAULT_TRAP; i++)
				if (!std::strcmp(optarg, fault_names[i]))
					f = (fault)i;
			bad |= f == FAULT_NONE;
			break;
		case 'h': usage(stdout); return 0;
		default: bad = 1;
		}
	}
	s.oh = s.stride > 0 ? (s.h + 2 * s.pad - s.f) / s.stride + 1 : 0;
	s.ow = s.oh;
	if (bad || optind != argc || s.h < 1 || s.c < 1 || s.k < 1 || s.f < 1 || s.stride < 1 ||
	    s.pad < 0 || s.n < 1 || s.oh < 1 || repeat < 1) {
		usage(stderr);
		return 2;
	}

	size_t n_in = (size_t)s.n * s.c * s.h * s.w, n_wei = (size_t)s.k * s.c * s.f * s.f;
	size_t n_out = (size_t)s.n * s.k * s.oh * s.ow;

	if (n_in > 1 << 28 || n_wei > 1 << 28 || n_out > 1 << 28) {
		std::fprintf(stderr, "conv2d: a tensor of more than 1 GiB is too large\n");
		return 2;
	}
	std::vector<float> in(n_in), wei(n_wei), out(n_out, -1), want(n_out);

	if (f != FAULT_NONE && n_out * sizeof(float) > 1 << 20) {
		std::fprintf(stderr, "conv2d: --fault needs an output of at most 1 MiB\n");
		return 2;
	}
	std::printf("conv2d %dx%dx%dx%d, %d filters %dx%d, stride %d, pad %d -> %dx%d\n", s.n, s.c, s.h,
		    s.w, s.k, s.f, s.f, s.stride, s.pad, s.oh, s.ow);
	fill_random(in.data(), n_in, 1);
	fill_random(wei.data(), n_wei, 2);

	float *d_in = device_floats("in", n_in), *d_wei = device_floats("weights", n_wei);
	float *d_out = device_floats("out", n_out), *target = d_out;

	HIP(hipMemcpy(d_in, in.data(), n_in * sizeof(float), hipMemcpyHostToDevice));
	HIP(hipMemcpy(d_wei, wei.data(), n_wei * sizeof(float), hipMemcpyHostToDevice));
	HIP(hipMemcpy(d_out, out.data(), n_out * sizeof(float), hipMemcpyHostToDevice));
	if (f == FAULT_ILLEGAL || f == FAULT_HANG || f == FAULT_TRAP) {
		launch_faulty(f, d_out);
	} else {
		if (f != FAULT_NONE)
			target = faulty_output(f, d_out, n_out);
		for (int i = 0; i < repeat; i++)
			conv2d_direct<<<(unsigned)((n_out + 255) / 256), 256>>>(d_in, d_wei, target, s);
		std::printf("launched conv2d_direct %d times\n", repeat);
		std::fflush(stdout);
	}
	HIP(hipGetLastError());
	HIP(hipDeviceSynchronize());
	/* The element past the buffer cannot be copied back: the runtime knows where it ends. */
	if (f == FAULT_OOB_INSIDE)
		n_out--;
	HIP(hipMemcpy(out.data(), target, n_out * sizeof(float), hipMemcpyDeviceToHost));
	device_free("in", d_in);
	device_free("weights", d_wei);
	device_free("out", d_out);

	conv2d_cpu(in.data(), wei.data(), want.data(), s);
	if (std::memcmp(out.data(), want.data(), n_out * sizeof(float))) {
		size_t wrong = 0, first = n_out;

		for (size_t i = 0; i < n_out; i++)
			if (out[i] != want[i]) {
				wrong++;
				first = first < i ? first : i;
			}
		std::printf("WRONG: %zu of %zu outputs differ, the first at %zu: %g, want %g\n", wrong,
			    n_out, first, first < n_out ? out[first] : 0, first < n_out ? want[first] : 0);
		return 1;
	}
	std::printf("ok: %zu outputs equal the CPU's bit for bit\n", n_out);
	return 0;
}
