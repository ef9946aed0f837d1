// SPDX-License-Identifier: MIT
/*
 * convs [LIBRARY|-] [ROUNDS]: convolutions as a framework asks MIOpen for them, of the library it is
 * linked with or, with LIBRARY, of that by dlopen(RTLD_LOCAL). Prints "ready" when the library is there,
 * waits for a line, runs, prints "made N calls, T ns each".
 */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CALLS(X)                                                                                   \
	X(miopenCreate)                                                                            \
	X(miopenDestroy)                                                                           \
	X(miopenSetStream)                                                                         \
	X(miopenCreateTensorDescriptor)                                                            \
	X(miopenSet4dTensorDescriptor)                                                             \
	X(miopenSetTensorDescriptor)                                                               \
	X(miopenDestroyTensorDescriptor)                                                           \
	X(miopenCreateConvolutionDescriptor)                                                       \
	X(miopenInitConvolutionDescriptor)                                                         \
	X(miopenInitConvolutionNdDescriptor)                                                       \
	X(miopenSetConvolutionGroupCount)                                                          \
	X(miopenDestroyConvolutionDescriptor)                                                      \
	X(miopenConvolutionForwardGetWorkSpaceSize)                                                \
	X(miopenFindConvolutionForwardAlgorithm)                                                   \
	X(miopenConvolutionForward)                                                                \
	X(miopenConvolutionBackwardData)                                                           \
	X(miopenConvolutionBackwardWeightsImmediate)                                               \
	X(miopenConvolutionForwardGetSolution)

#define X(name) int name();
CALLS(X)
#undef X
#define X(name) static int (*p_##name)() = name;
CALLS(X)
#undef X

static unsigned long made;
#define CALL(name, ...) (made++, p_##name(__VA_ARGS__))

static void *fixed(uintptr_t v)
{
	return (void *)v;
}

static void run(void)
{
	int dims5[] = {2, 3, 8, 9, 10}, strides5[] = {2160, 720, 90, 10, 1}, pad3[] = {1, 2, 3},
	    ones[] = {1, 1, 1}, count = 0;
	void *handle, *x, *w, *y, *v, *conv, *conv3;
	float alpha = 1, beta = 0;
	char perf[64], solutions[128];
	size_t size = 0;

	CALL(miopenCreate, &handle);
	CALL(miopenSetStream, handle, NULL);
	CALL(miopenCreateTensorDescriptor, &x);
	CALL(miopenCreateTensorDescriptor, &w);
	CALL(miopenCreateTensorDescriptor, &y);
	CALL(miopenCreateTensorDescriptor, &v);
	CALL(miopenSet4dTensorDescriptor, x, 1, 1, 3, 44, 44);
	CALL(miopenSet4dTensorDescriptor, w, 1, 64, 3, 3, 3);
	CALL(miopenSet4dTensorDescriptor, y, 1, 1, 64, 42, 42);
	CALL(miopenSetTensorDescriptor, v, 0, 5, dims5, strides5);
	CALL(miopenCreateConvolutionDescriptor, &conv);
	CALL(miopenInitConvolutionDescriptor, conv, 0, 0, 0, 1, 1, 1, 1);
	CALL(miopenCreateConvolutionDescriptor, &conv3);
	CALL(miopenInitConvolutionNdDescriptor, conv3, 3, pad3, ones, ones, 1);
	CALL(miopenSetConvolutionGroupCount, conv3, 3);
	CALL(miopenConvolutionForwardGetWorkSpaceSize, handle, w, x, conv, y, &size);
	CALL(miopenFindConvolutionForwardAlgorithm, handle, x, fixed(0x10), w, fixed(0x20), conv, y,
	     fixed(0x30), 4, &count, perf, fixed(0x40), size, 1);
	for (int i = 0; i < 3; i++)
		CALL(miopenConvolutionForward, handle, &alpha, x, fixed(0x10), w, fixed(0x20), conv, 1,
		     &beta, y, fixed(0x30), fixed(0x40), (size_t)0x123456789a);
	CALL(miopenConvolutionBackwardData, handle, &alpha, v, fixed(0x10), w, fixed(0x20), conv3, 4,
	     &beta, v, fixed(0x30), fixed(0x40), (size_t)0);
	CALL(miopenConvolutionForwardGetSolution, handle, w, x, conv, y, (size_t)2, &size, solutions);
	CALL(miopenConvolutionBackwardWeightsImmediate, handle, y, fixed(0x10), x, fixed(0x20), conv, w,
	     fixed(0x30), NULL, (size_t)0, (uint64_t)89);
	CALL(miopenDestroyTensorDescriptor, w);
	CALL(miopenConvolutionForward, handle, &alpha, x, fixed(0x10), w, fixed(0x20), conv, 9, &beta, y,
	     fixed(0x30), NULL, (size_t)0);
	CALL(miopenDestroyTensorDescriptor, x);
	CALL(miopenDestroyTensorDescriptor, y);
	CALL(miopenDestroyTensorDescriptor, v);
	CALL(miopenDestroyConvolutionDescriptor, conv);
	CALL(miopenDestroyConvolutionDescriptor, conv3);
	CALL(miopenDestroy, handle);
}

int main(int argc, char **argv)
{
	void *lib = argc > 1 && strcmp(argv[1], "-") ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : NULL;
	unsigned long rounds = argc > 2 ? strtoul(argv[2], NULL, 10) : 1;
	struct timespec a, b;
	char line[16];

	if (argc > 1 && strcmp(argv[1], "-") && !lib) {
		fprintf(stderr, "%s\n", dlerror());
		return 1;
	}
#define X(name)                                                                                    \
	if (lib)                                                                                   \
		p_##name = (int (*)())dlsym(lib, #name);
	CALLS(X)
	puts("ready");
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		return 1;
	clock_gettime(CLOCK_MONOTONIC, &a);
	for (unsigned long i = 0; i < rounds; i++)
		run();
	clock_gettime(CLOCK_MONOTONIC, &b);
	printf("made %lu calls, %.0f ns each\n", made,
	       ((double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec)) /
		       (double)made);
	return 0;
}
