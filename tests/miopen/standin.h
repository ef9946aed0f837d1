/* SPDX-License-Identifier: MIT */
/* clang-format off */
/*
 * A stand-in for MIOpen: libMIOpen.so.1 with its interface for two-dimensional convolutions
 * (miopen.h), its solvers' names, its kernels' names and argument layouts, and its answers; the
 * results are right. What it is for: it fails on demand, by the variable
 *
 *   RDNA1_STANDIN=works            (the default)
 *                 hang             the naive kernel's loop never ends
 *                 aperture         its results go to an address with garbage in the high half (0x29)
 *                 page-fault       it reads on past the end of its input
 *                 far-fault        it reads with the index -1 as an unsigned int, 16 GiB away
 *                 use-after-free   the workspace is freed before the GEMM algorithm's kernels run
 *                 wrong            one output in eight is not written; the status is success
 *                 no-solver        find finds none: "incorrect params"
 *   RDNA1_STANDIN_LARGE=N          all of these but no-solver only where the input is higher or
 *                                  wider than N (42)
 *   RDNA1_STANDIN_LAYOUT=5.2|6.2   the kernels' names and arguments: MIOpen 2.17's (the default) or
 *                                  3.2's
 *   RDNA1_STANDIN_SEARCH=N         variants that a search tries of each solver (40)
 *
 * Of MIOpen's own variables it honours
 *
 *   MIOPEN_DEBUG_CONV_{GEMM,DIRECT,WINOGRAD,IMPLICIT_GEMM,FFT}   0 (off, no, false, disable,
 *       disabled) takes the algorithm away; anything else does nothing. It has no solver of the last
 *       three, as the real one has none on gfx1010 that takes an input of 3 channels; with none left
 *       find ends with "incorrect params"
 *   MIOPEN_DEBUG_FIND_ONLY_SOLVER   names of solvers, separated by ";"
 *   MIOPEN_FIND_MODE   1 normal, 2 fast (no kernel runs), 3 and 5 (the default) hybrid
 *   MIOPEN_FIND_ENFORCE   3, 4: a search, long, in every find
 *   MIOPEN_DEBUG_DISABLE_FIND_DB   1: what was found is not kept for the next find of the same
 *   MIOPEN_DEBUG_CONV_IMMED_FALLBACK   0: immediate mode knows only what was found
 *   MIOPEN_SYSTEM_DB_PATH   where the file of kernels would be that it says is missing
 *
 * A call without a find before it fails, as there. Convolutions of one and three dimensions,
 * transposed ones and other types than float and half have no solver here. The numbers of solvers
 * are its own; so are lines of MIOpen's source in messages, except for 518.
 *
 * This header is what the library's parts share: handle.c (handles, kernels, errors), descriptor.c,
 * solver.c (what computes), find.c (which solver), api.c (the calls of the three directions).
 */
/* clang-format on */
#ifndef RDNA1_TESTS_STANDIN_H
#define RDNA1_TESTS_STANDIN_H

#define __HIP_PLATFORM_AMD__
#include <hip/hip_runtime_api.h>

#include "miopen.h"
#include "device.h"

enum { MAX_DIMS = 5, MAX_SPATIAL = 3 };

struct miopenTensorDescriptor {
	miopenDataType_t type;
	int num;
	size_t dims[MAX_DIMS], strides[MAX_DIMS]; /* elements */
};

struct miopenConvolutionDescriptor {
	miopenConvolutionMode_t mode;
	int spatial, pad[MAX_SPATIAL], stride[MAX_SPATIAL], dilation[MAX_SPATIAL],
		adjust[MAX_SPATIAL];
	int groups, attribute[3];
	miopenConvolutionFindMode_t find_mode;
};

enum direction { FORWARD, BACKWARD_DATA, BACKWARD_WEIGHTS };

/* A convolution, padding zeroed, so that two can be compared. x and y are input and output of the
 * forward one. */
struct problem {
	enum direction direction;
	struct miopenTensorDescriptor x, w, y;
	struct miopenConvolutionDescriptor conv;
	miopenConvolutionFindMode_t find_mode; /* from here on not compared; 0 in conv */
};

/* Device memory of x, w and y, borrowed; the direction's result is written. */
struct buffers {
	void *x, *w, *y, *workspace;
	size_t workspace_size;
};

/* Code objects: programs that MIOpen would compile when they are first needed. */
enum program { NAIVE, GEMM, IM2COL_FLOAT, IM2COL_HALF, NUM_PROGRAMS };

enum { MAX_SOLVERS = 8 };

/* What find found; kept with the handle (as invokers) and, as MIOpen's find-db, with the process.
 */
struct found {
	struct found *next;
	struct problem problem;
	int num;
	struct found_one {
		const struct solver *solver;
		float ms;
		size_t workspace;
	} best[MAX_SOLVERS]; /* the quickest first */
};

struct miopenHandle {
	hipStream_t stream;
	hipModule_t modules[NUM_PROGRAMS];
	unsigned int trouble[NUM_PROGRAMS]; /* the value of the program's variable */
	char arch[16];
	int compute_units;
	bool profiling;
	float kernel_ms;
	struct found *invokers;
	miopenAllocatorFunction allocator;
	miopenDeallocatorFunction deallocator;
	void *allocator_context;
};

struct solver {
	const char *name;
	uint64_t id;
	enum direction direction;
	miopenConvAlgorithm_t algorithm;
	float guess_ms; /* by a million products, where nothing was measured */
	bool (*applicable)(const struct problem *p);
	size_t (*workspace)(const struct problem *p);
	miopenStatus_t (*run)(miopenHandle_t h, const struct problem *p, const struct buffers *b);
	enum program programs[2]; /* that it needs; IM2COL: the one of its type */
};

/* ---- handle.c ---- */

/* Says "MIOpen Error: FILE:LINE: TEXT" as MIOpen does, and is `status`. */
miopenStatus_t thrown(miopenStatus_t status, const char *where, const char *text);
/* A variable of the environment that says no. */
bool disabled(const char *variable);
bool layout_6_2(void);
/* RDNA1_STANDIN=name is set; for all but no-solver: and p's input is large. */
bool switched(const char *name, const struct problem *p);
/* The code object, loaded when first used. */
miopenStatus_t load(miopenHandle_t h, enum program program);
/* Launch by its name a kernel of the program's, with the arguments as they lie in memory; work
 * items, and how many are a workgroup, in x. */
miopenStatus_t launch(miopenHandle_t h, enum program program, const struct problem *p,
		      const char *kernel, const size_t grid[3], size_t block, const void *arguments,
		      size_t size);

/* ---- descriptor.c; the public calls do not call each other: who traces them sees what the program
 * called ---- */

size_t tensor_bytes(const struct miopenTensorDescriptor *t);
size_t element_size(miopenDataType_t type);
/* The dimensions are contiguous, the last one innermost. */
bool is_packed(const struct miopenTensorDescriptor *t);
/* Of a convolution forward; as many as x has. */
miopenStatus_t output_dims(const struct miopenConvolutionDescriptor *c,
			   const struct miopenTensorDescriptor *x,
			   const struct miopenTensorDescriptor *w, int dims[MAX_DIMS]);

/* ---- solver.c ---- */

/* The solver after `s` (NULL: the first) that takes the problem as environment and switch stand, or
 * NULL. */
const struct solver *next_solver(const struct solver *s, const struct problem *p);
/* By its number, if it takes the problem. */
const struct solver *solver_by_id(uint64_t id, const struct problem *p);
/* Load the programs it needs for this problem. */
miopenStatus_t prepare(miopenHandle_t h, const struct problem *p, const struct solver *s);

/* ---- find.c ---- */

/* One descriptor is missing or they do not belong together: says so, is not miopenStatusSuccess. */
miopenStatus_t make_problem(struct problem *p, enum direction direction, miopenTensorDescriptor_t x,
			    miopenTensorDescriptor_t w, miopenConvolutionDescriptor_t conv,
			    miopenTensorDescriptor_t y);
miopenStatus_t find(miopenHandle_t h, const struct problem *p, const struct buffers *b,
		    bool exhaustive, int request, int *returned, miopenConvAlgoPerf_t *perf);
/* With a solver that find found for this algorithm. */
miopenStatus_t run_found(miopenHandle_t h, const struct problem *p, const struct buffers *b,
			 const void *alpha, const void *beta, int algorithm);
size_t largest_workspace(const struct problem *p);
/* For immediate mode: what was found, else what could be; -> how many. */
size_t solutions(const struct problem *p, size_t max, miopenConvSolution_t *out);
miopenStatus_t run_immediate(miopenHandle_t h, const struct problem *p, const struct buffers *b,
			     uint64_t id);

#endif
