// SPDX-License-Identifier: MIT
/*
 * What rdna1-trace check --run records: allocate, copy, convolve, copy back, compare with the CPU bit by
 * bit, free. Needs nothing but libamdhip64 at run time, by whatever name it has here; its kernel is
 * in it, made for each chip when the project is built. HIP's functions are called by their ABI (hip_runtime_api.h,
 * which has not changed for these from ROCm 5 to 7), so that no header of a release is built in.
 *
 * Exit status: enum probe_status.
 */
#include "probe.h"

#include <dlfcn.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The layer of bug reports: 1x3x44x44, 64 filters of 3x3. */
enum { C = 3, H = 44, W = 44, K = 64, F = 3, OH = H - F + 1, OW = W - F + 1 };
enum { IN = C * H * W, WEIGHTS = K * C * F * F, OUT = K * OH * OW, BLOCK = 256 };

/* hipMemcpyKind */
enum { HOST_TO_DEVICE = 1, DEVICE_TO_HOST = 2 };

__asm__(".section .rodata\n.balign 4096\n.globl probe_code\nprobe_code:\n.incbin \"" PROBE_CODE "\"\n.previous\n"
	".section .note.GNU-stack,\"\",@progbits\n.previous");
extern const char probe_code[];

static struct {
	int (*init)(unsigned int), (*count)(int *), (*name)(char *, int, int), (*runtime)(int *);
	int (*alloc)(void **, size_t), (*release)(void *), (*copy)(void *, const void *, size_t, int);
	int (*load)(void **, const void *), (*unload)(void *), (*find)(void **, void *, const char *);
	int (*launch)(void *, unsigned int, unsigned int, unsigned int, unsigned int, unsigned int, unsigned int, unsigned int,
		      void *, void **, void **);
	int (*wait)(void);
	const char *(*error)(int);
} hip;

static const struct {
	void *where;
	const char *name;
} functions[] = {
	{&hip.init, "hipInit"}, {&hip.count, "hipGetDeviceCount"}, {&hip.name, "hipDeviceGetName"},
	{&hip.runtime, "hipRuntimeGetVersion"}, {&hip.alloc, "hipMalloc"}, {&hip.release, "hipFree"},
	{&hip.copy, "hipMemcpy"}, {&hip.load, "hipModuleLoadData"}, {&hip.unload, "hipModuleUnload"},
	{&hip.find, "hipModuleGetFunction"}, {&hip.launch, "hipModuleLaunchKernel"}, {&hip.wait, "hipDeviceSynchronize"},
	{&hip.error, "hipGetErrorName"},
};

static int load_hip(void)
{
	static const char *const names[] = {"libamdhip64.so.5", "libamdhip64.so.6", "libamdhip64.so.7", "libamdhip64.so"};
	void *lib = NULL;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && !lib; i++)
		lib = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
	if (!lib) {
		printf("probe: there is no libamdhip64 (%s)\n", dlerror());
		return PROBE_no_hip;
	}
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		void *f = dlsym(lib, functions[i].name);

		if (!f) {
			printf("probe: libamdhip64 has no %s\n", functions[i].name);
			return PROBE_no_hip;
		}
		memcpy(functions[i].where, &f, sizeof(f));
	}
	return 0;
}

/* ---- steps ---- */

static int failed(const char *what, int err)
{
	printf("probe: %s failed: %s (%d)\n", what, hip.error(err), err);
	fflush(stdout);
	return err;
}

#define TRY(call)                                                                                  \
	do {                                                                                       \
		int err_ = (call);                                                                 \
                                                                                                   \
		if (err_) {                                                                        \
			failed(#call, err_);                                                       \
			return PROBE_failed;                                                       \
		}                                                                                  \
	} while (0)

static float in[IN], weights[WEIGHTS], out[OUT], want[OUT];

static void fill(float *v, int n, uint32_t seed)
{
	for (int i = 0; i < n; i++) {
		seed = seed * 1664525u + 1013904223u;
		v[i] = (float)(int)(seed >> 8 & 0xffff) / 32768.0f - 1.0f;
	}
}

static void convolve(void)
{
	for (int i = 0; i < OUT; i++) {
		int x0 = i % OW, y0 = i / OW % OH, k = i / (OW * OH);
		float sum = 0;

		for (int c = 0; c < C; c++)
			for (int y = 0; y < F; y++)
				for (int x = 0; x < F; x++)
					sum = fmaf(in[(c * H + y0 + y) * W + x0 + x], weights[((k * C + c) * F + y) * F + x], sum);
		want[i] = sum;
	}
}

static int open_device(void)
{
	int n = 0, version = 0, err = hip.init(0);
	char name[256] = "";

	if (!err)
		err = hip.count(&n);
	if (err || !n) {
		printf("probe: HIP finds no GPU (%s)\n", err ? hip.error(err) : "0 devices");
		return PROBE_no_gpu;
	}
	if (!hip.name(name, sizeof(name) - 1, 0))
		printf("device: %s, %d visible\n", name, n);
	if (!hip.runtime(&version))
		printf("HIP: %d.%d.%d\n", version / 10000000, version / 100000 % 100, version % 100000);
	fflush(stdout);
	return 0;
}

static int run(void)
{
	void *d_in, *d_weights, *d_out, *module, *kernel;
	int c = C, h = H, w = W, k = K, f = F, bad = 0;
	void *args[] = {&d_in, &d_weights, &d_out, &c, &h, &w, &k, &f};

	TRY(hip.alloc(&d_in, sizeof(in)));
	TRY(hip.alloc(&d_weights, sizeof(weights)));
	TRY(hip.alloc(&d_out, sizeof(out)));
	TRY(hip.copy(d_in, in, sizeof(in), HOST_TO_DEVICE));
	TRY(hip.copy(d_weights, weights, sizeof(weights), HOST_TO_DEVICE));
	TRY(hip.load(&module, probe_code));
	TRY(hip.find(&kernel, module, "rdna1_probe_conv"));
	TRY(hip.launch(kernel, (OUT + BLOCK - 1) / BLOCK, 1, 1, BLOCK, 1, 1, 0, NULL, args, NULL));
	TRY(hip.wait());
	TRY(hip.copy(out, d_out, sizeof(out), DEVICE_TO_HOST));
	for (int i = 0; i < OUT; i++)
		bad += memcmp(&out[i], &want[i], sizeof(float)) != 0;
	if (bad)
		printf("results: WRONG, %d of %d differ from the CPU's\n", bad, OUT);
	else
		printf("results: right, %d equal the CPU's bit for bit\n", OUT);
	TRY(hip.release(d_in));
	TRY(hip.release(d_weights));
	TRY(hip.release(d_out));
	TRY(hip.unload(module));
	return bad ? PROBE_wrong : PROBE_right;
}

int main(void)
{
	int status;

	setvbuf(stdout, NULL, _IOLBF, 0);
	fill(in, IN, 1);
	fill(weights, WEIGHTS, 2);
	convolve();
	status = load_hip();
	if (!status)
		status = open_device();
	return status ? status : run();
}
