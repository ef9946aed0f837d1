// SPDX-License-Identifier: MIT
/*
 * Convolutions through MIOpen, verified against a loop on the CPU. Inputs are eighths between -1
 * and 1, so that sums in float are exact in any order.
 */
#define __HIP_PLATFORM_AMD__
#include <getopt.h>
#include <hip/hip_runtime_api.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "miopen.h"

enum direction { FWD, BWD, WRW, NUM_DIRECTIONS };
static const char *const direction_names[] = {"fwd", "bwd", "wrw", "all", NULL};
enum mode { FIND, IMMEDIATE, PLAIN };
static const char *const mode_names[] = {"find", "immediate", "plain", NULL};
static const char *const type_names[] = {"half", "float", NULL};

struct options {
	int sizes[32], num_sizes, in, out, kernel, stride, pad, dilation, groups, batch, repeat,
		search;
	int direction, mode, type;
};

/* One tensor: its values on the host, and where it is on the device. */
struct array {
	const char *name;
	int dims[4];
	size_t num;
	double *host;
	void *device;
	miopenTensorDescriptor_t desc;
};

struct conv {
	const struct options *o;
	miopenHandle_t handle;
	miopenConvolutionDescriptor_t desc;
	struct array x, w, y;
	void *workspace;
	size_t workspace_size;
};

static void check_hip(hipError_t e, const char *what)
{
	if (!e)
		return;
	fprintf(stderr, "conv: %s: %s (%d)\n", what, hipGetErrorString(e), e);
	exit(1);
}
#define HIP(call) check_hip(call, #call)

static void check(miopenStatus_t status, const char *what)
{
	if (!status)
		return;
	fprintf(stderr, "conv: %.*s: %s (%d)\n", (int)strcspn(what, "("), what,
		miopenGetErrorString(status), status);
	exit(1);
}
#define MIOPEN(call) check(call, #call)

/* ---- arrays ---- */

static size_t element(const struct options *o)
{
	return o->type == miopenHalf ? 2 : 4;
}

static void *device_memory(const char *name, size_t size)
{
	void *p;

	HIP(hipMalloc(&p, size));
	printf("hipMalloc %-9s %p %zu bytes\n", name, p, size);
	return p;
}

static void device_free(const char *name, void *p)
{
	hipError_t status;

	printf("hipFree   %-9s %p\n", name, p);
	status = hipFree(p);
	/* RDNA1_STANDIN=use-after-free: the library has freed it. */
	if (status == hipErrorInvalidValue && !strcmp(name, "workspace"))
		printf("the workspace is freed already\n");
	else
		check_hip(status, "hipFree(p)");
}

static void to_device(const struct options *o, const struct array *a, double fill)
{
	size_t size = a->num * element(o);
	void *staging = malloc(size);

	for (size_t i = 0; i < a->num; i++) {
		double v = isnan(fill) ? a->host[i] : fill;

		if (o->type == miopenHalf)
			((_Float16 *)staging)[i] = (_Float16)v;
		else
			((float *)staging)[i] = (float)v;
	}
	HIP(hipMemcpy(a->device, staging, size, hipMemcpyHostToDevice));
	free(staging);
}

static void from_device(const struct options *o, const struct array *a, double *out)
{
	size_t size = a->num * element(o);
	void *staging = malloc(size);

	HIP(hipMemcpy(staging, a->device, size, hipMemcpyDeviceToHost));
	for (size_t i = 0; i < a->num; i++)
		out[i] = o->type == miopenHalf ? (double)((_Float16 *)staging)[i]
					       : (double)((float *)staging)[i];
	free(staging);
}

static void make_array(const struct options *o, struct array *a, const char *name,
		       unsigned int seed, int n, int c, int h, int w)
{
	*a = (struct array){.name = name, .dims = {n, c, h, w}, .num = (size_t)n * c * h * w};
	a->host = malloc(a->num * sizeof(double));
	for (size_t i = 0; i < a->num; i++) {
		seed = seed * 1664525 + 1013904223;
		a->host[i] = ((int)(seed >> 16) % 17 - 8) / 8.0;
	}
	a->device = device_memory(name, a->num * element(o));
	MIOPEN(miopenCreateTensorDescriptor(&a->desc));
	MIOPEN(miopenSet4dTensorDescriptor(a->desc, o->type, n, c, h, w));
	to_device(o, a, NAN);
}

static void free_array(struct array *a)
{
	device_free(a->name, a->device);
	MIOPEN(miopenDestroyTensorDescriptor(a->desc));
	free(a->host);
}

/* ---- what it must be ---- */

/* Every product of the convolution once: added to the element of the result that the direction has.
 */
static void on_cpu(const struct conv *c, enum direction d, double *out)
{
	const struct options *o = c->o;
	const int *x = c->x.dims, *w = c->w.dims, *y = c->y.dims;
	int per_group = w[0] / o->groups;

	for (int n = 0; n < x[0]; n++)
		for (int k = 0; k < w[0]; k++)
			for (int oh = 0; oh < y[2]; oh++)
				for (int ow = 0; ow < y[3]; ow++)
					for (int i = 0; i < w[1] * w[2] * w[3]; i++) {
						int fx = i % w[3], fy = i / w[3] % w[2],
						    wc = i / (w[3] * w[2]);
						int h = oh * o->stride - o->pad + fy * o->dilation;
						int v = ow * o->stride - o->pad + fx * o->dilation;
						int ch = k / per_group * w[1] + wc;
						size_t at_x = ((size_t)(n * x[1] + ch) * x[2] + h) *
								      x[3] +
							      v;
						size_t at_w = (size_t)k * w[1] * w[2] * w[3] + i;
						size_t at_y = ((size_t)(n * y[1] + k) * y[2] + oh) *
								      y[3] +
							      ow;

						if (h < 0 || h >= x[2] || v < 0 || v >= x[3])
							continue;
						if (d == FWD)
							out[at_y] +=
								c->x.host[at_x] * c->w.host[at_w];
						else if (d == BWD)
							out[at_x] +=
								c->y.host[at_y] * c->w.host[at_w];
						else
							out[at_w] +=
								c->x.host[at_x] * c->y.host[at_y];
					}
}

static bool same(const struct options *o, double got, double want)
{
	if (o->type == miopenHalf)
		return fabs(got - want) <= 1.0 / 128 + fabs(want) / 256;
	return got == want;
}

static const struct array *result(const struct conv *c, enum direction d)
{
	return d == FWD ? &c->y : d == BWD ? &c->x : &c->w;
}

static int judge(const struct conv *c, enum direction d)
{
	const struct array *a = result(c, d);
	double *got = malloc(a->num * sizeof(double)), *want = calloc(a->num, sizeof(double));
	size_t wrong = 0, first = 0;

	from_device(c->o, a, got);
	on_cpu(c, d, want);
	for (size_t i = 0; i < a->num; i++)
		if (!same(c->o, got[i], want[i]) && !wrong++)
			first = i;
	if (wrong)
		printf("wrong: %zu of %zu outputs differ, first at %zu: %g, want %g\n", wrong,
		       a->num, first, got[first], want[first]);
	else
		printf("right: %zu outputs\n", a->num);
	free(got);
	free(want);
	return !!wrong;
}

/* ---- the calls; x, w and y as the direction's functions take them ---- */

static void need_workspace(struct conv *c, size_t size)
{
	if (size <= c->workspace_size)
		return;
	if (c->workspace)
		device_free("workspace", c->workspace);
	c->workspace = device_memory("workspace", size);
	c->workspace_size = size;
}

static size_t workspace_size(const struct conv *c, enum direction d)
{
	size_t size = 0;

	if (d == FWD)
		MIOPEN(miopenConvolutionForwardGetWorkSpaceSize(c->handle, c->w.desc, c->x.desc,
								c->desc, c->y.desc, &size));
	else if (d == BWD)
		MIOPEN(miopenConvolutionBackwardDataGetWorkSpaceSize(
			c->handle, c->y.desc, c->w.desc, c->desc, c->x.desc, &size));
	else
		MIOPEN(miopenConvolutionBackwardWeightsGetWorkSpaceSize(
			c->handle, c->y.desc, c->x.desc, c->desc, c->w.desc, &size));
	return size;
}

static miopenConvAlgoPerf_t find(const struct conv *c, enum direction d)
{
	miopenConvAlgoPerf_t perf = {.time = 0};
	int n = 0;

	if (d == FWD)
		MIOPEN(miopenFindConvolutionForwardAlgorithm(
			c->handle, c->x.desc, c->x.device, c->w.desc, c->w.device, c->desc,
			c->y.desc, c->y.device, 1, &n, &perf, c->workspace, c->workspace_size,
			c->o->search));
	else if (d == BWD)
		MIOPEN(miopenFindConvolutionBackwardDataAlgorithm(
			c->handle, c->y.desc, c->y.device, c->w.desc, c->w.device, c->desc,
			c->x.desc, c->x.device, 1, &n, &perf, c->workspace, c->workspace_size,
			c->o->search));
	else
		MIOPEN(miopenFindConvolutionBackwardWeightsAlgorithm(
			c->handle, c->y.desc, c->y.device, c->x.desc, c->x.device, c->desc,
			c->w.desc, c->w.device, 1, &n, &perf, c->workspace, c->workspace_size,
			c->o->search));
	printf("found %d: algorithm %d, %.2f ms, workspace %zu bytes\n", n, perf.fwd_algo,
	       perf.time, perf.memory);
	return perf;
}

static void plain(const struct conv *c, enum direction d, int algorithm)
{
	const float one = 1, zero = 0;

	if (d == FWD)
		MIOPEN(miopenConvolutionForward(
			c->handle, &one, c->x.desc, c->x.device, c->w.desc, c->w.device, c->desc,
			(miopenConvFwdAlgorithm_t)algorithm, &zero, c->y.desc, c->y.device,
			c->workspace, c->workspace_size));
	else if (d == BWD)
		MIOPEN(miopenConvolutionBackwardData(
			c->handle, &one, c->y.desc, c->y.device, c->w.desc, c->w.device, c->desc,
			(miopenConvBwdDataAlgorithm_t)algorithm, &zero, c->x.desc, c->x.device,
			c->workspace, c->workspace_size));
	else
		MIOPEN(miopenConvolutionBackwardWeights(
			c->handle, &one, c->y.desc, c->y.device, c->x.desc, c->x.device, c->desc,
			(miopenConvBwdWeightsAlgorithm_t)algorithm, &zero, c->w.desc, c->w.device,
			c->workspace, c->workspace_size));
}

/* The first of the solutions. */
static miopenConvSolution_t solution(const struct conv *c, enum direction d)
{
	miopenConvSolution_t s[64] = {{.time = 0}}; /* more than there are */
	size_t n = 0;

	if (d == FWD) {
		MIOPEN(miopenConvolutionForwardGetSolutionCount(c->handle, c->w.desc, c->x.desc,
								c->desc, c->y.desc, &n));
		MIOPEN(miopenConvolutionForwardGetSolution(c->handle, c->w.desc, c->x.desc, c->desc,
							   c->y.desc, n, &n, s));
		MIOPEN(miopenConvolutionForwardGetSolutionWorkspaceSize(
			c->handle, c->w.desc, c->x.desc, c->desc, c->y.desc, s->solution_id,
			&s->workspace_size));
		MIOPEN(miopenConvolutionForwardCompileSolution(c->handle, c->w.desc, c->x.desc,
							       c->desc, c->y.desc, s->solution_id));
	} else if (d == BWD) {
		MIOPEN(miopenConvolutionBackwardDataGetSolutionCount(
			c->handle, c->y.desc, c->w.desc, c->desc, c->x.desc, &n));
		MIOPEN(miopenConvolutionBackwardDataGetSolution(c->handle, c->y.desc, c->w.desc,
								c->desc, c->x.desc, n, &n, s));
		MIOPEN(miopenConvolutionBackwardDataGetSolutionWorkspaceSize(
			c->handle, c->y.desc, c->w.desc, c->desc, c->x.desc, s->solution_id,
			&s->workspace_size));
		MIOPEN(miopenConvolutionBackwardDataCompileSolution(
			c->handle, c->y.desc, c->w.desc, c->desc, c->x.desc, s->solution_id));
	} else {
		MIOPEN(miopenConvolutionBackwardWeightsGetSolutionCount(
			c->handle, c->y.desc, c->x.desc, c->desc, c->w.desc, &n));
		MIOPEN(miopenConvolutionBackwardWeightsGetSolution(c->handle, c->y.desc, c->x.desc,
								   c->desc, c->w.desc, n, &n, s));
		MIOPEN(miopenConvolutionBackwardWeightsGetSolutionWorkspaceSize(
			c->handle, c->y.desc, c->x.desc, c->desc, c->w.desc, s->solution_id,
			&s->workspace_size));
		MIOPEN(miopenConvolutionBackwardWeightsCompileSolution(
			c->handle, c->y.desc, c->x.desc, c->desc, c->w.desc, s->solution_id));
	}
	printf("%zu solutions, the first: %lu, algorithm %d, workspace %zu bytes\n", n,
	       s->solution_id, s->algorithm, s->workspace_size);
	return s[0];
}

static void immediate(const struct conv *c, enum direction d, uint64_t id)
{
	if (d == FWD)
		MIOPEN(miopenConvolutionForwardImmediate(
			c->handle, c->w.desc, c->w.device, c->x.desc, c->x.device, c->desc,
			c->y.desc, c->y.device, c->workspace, c->workspace_size, id));
	else if (d == BWD)
		MIOPEN(miopenConvolutionBackwardDataImmediate(
			c->handle, c->y.desc, c->y.device, c->w.desc, c->w.device, c->desc,
			c->x.desc, c->x.device, c->workspace, c->workspace_size, id));
	else
		MIOPEN(miopenConvolutionBackwardWeightsImmediate(
			c->handle, c->y.desc, c->y.device, c->x.desc, c->x.device, c->desc,
			c->w.desc, c->w.device, c->workspace, c->workspace_size, id));
}

static int one_direction(struct conv *c, enum direction d)
{
	const struct options *o = c->o;
	miopenConvSolution_t s = {.time = 0};
	int algorithm = miopenConvolutionFwdAlgoDirect;

	/* What nobody writes stays. */
	to_device(o, result(c, d), -1000);
	if (o->mode == IMMEDIATE) {
		s = solution(c, d);
		need_workspace(c, s.workspace_size);
	} else {
		need_workspace(c, workspace_size(c, d));
		if (o->mode == FIND)
			algorithm = find(c, d).fwd_algo;
		to_device(o, result(c, d), -1000);
	}
	for (int i = 0; i < o->repeat; i++)
		if (o->mode == IMMEDIATE)
			immediate(c, d, s.solution_id);
		else
			plain(c, d, algorithm);
	HIP(hipDeviceSynchronize());
	return judge(c, d);
}

static int one_size(const struct options *o, miopenHandle_t handle, int size)
{
	struct conv c = {.o = o, .handle = handle};
	int n, k, oh, ow, wrong = 0;

	MIOPEN(miopenCreateConvolutionDescriptor(&c.desc));
	MIOPEN(miopenInitConvolutionDescriptor(c.desc, miopenConvolution, o->pad, o->pad, o->stride,
					       o->stride, o->dilation, o->dilation));
	if (o->groups != 1)
		MIOPEN(miopenSetConvolutionGroupCount(c.desc, o->groups));
	make_array(o, &c.x, "x", 1, o->batch, o->in, size, size);
	make_array(o, &c.w, "w", 2, o->out, o->in / o->groups, o->kernel, o->kernel);
	MIOPEN(miopenGetConvolutionForwardOutputDim(c.desc, c.x.desc, c.w.desc, &n, &k, &oh, &ow));
	make_array(o, &c.y, "y", 3, n, k, oh, ow);
	for (int d = 0; d < NUM_DIRECTIONS; d++) {
		if (o->direction != NUM_DIRECTIONS && o->direction != d)
			continue;
		printf("convolution %s %dx%dx%dx%d -> %dx%dx%dx%d, filter %d, stride %d, pad %d, "
		       "dilation %d, groups %d, "
		       "%s, %s\n",
		       direction_names[d], o->batch, o->in, size, size, n, k, oh, ow, o->kernel,
		       o->stride, o->pad, o->dilation, o->groups, type_names[o->type],
		       mode_names[o->mode]);
		wrong |= one_direction(&c, d);
		to_device(o, result(&c, d), NAN);
	}
	if (c.workspace)
		device_free("workspace", c.workspace);
	free_array(&c.x);
	free_array(&c.w);
	free_array(&c.y);
	MIOPEN(miopenDestroyConvolutionDescriptor(c.desc));
	return wrong;
}

/* ---- options ---- */

static const char usage[] =
	"usage: conv [--size N,N...] [--in CHANNELS] [--out CHANNELS] [--kernel N] [--stride N]\n"
	"            [--pad N] [--dilation N] [--groups N] [--batch N] [--repeat N]\n"
	"            [--direction fwd|bwd|wrw|all] [--mode find|immediate|plain] [--dtype "
	"float|half]\n"
	"            [--search]\n";

static bool read_number(const char *text, int least, int *out)
{
	char *end;
	long v = strtol(text, &end, 10);

	*out = (int)v;
	return *text && !*end && v >= least && v <= 4096;
}

static bool read_sizes(char *text, struct options *o)
{
	o->num_sizes = 0;
	for (char *t = strtok(text, ","); t; t = strtok(NULL, ","))
		if (o->num_sizes == 32 || !read_number(t, 1, &o->sizes[o->num_sizes++]))
			return false;
	return o->num_sizes;
}

static bool read_name(const char *text, const char *const names[], int *out)
{
	for (*out = 0; names[*out]; ++*out)
		if (!strcmp(text, names[*out]))
			return true;
	return false;
}

static bool read_options(int argc, char **argv, struct options *o)
{
	static const struct option options[] = {{"size", required_argument, NULL, 's'},
						{"in", required_argument, NULL, 'i'},
						{"out", required_argument, NULL, 'o'},
						{"kernel", required_argument, NULL, 'k'},
						{"stride", required_argument, NULL, 't'},
						{"pad", required_argument, NULL, 'p'},
						{"dilation", required_argument, NULL, 'l'},
						{"groups", required_argument, NULL, 'g'},
						{"batch", required_argument, NULL, 'b'},
						{"repeat", required_argument, NULL, 'r'},
						{"direction", required_argument, NULL, 'd'},
						{"mode", required_argument, NULL, 'm'},
						{"dtype", required_argument, NULL, 'y'},
						{"search", no_argument, NULL, 'S'},
						{}};
	bool good = true;
	int c;

	while (good && (c = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (c) {
		case 's':
			good = read_sizes(optarg, o);
			break;
		case 'i':
			good = read_number(optarg, 1, &o->in);
			break;
		case 'o':
			good = read_number(optarg, 1, &o->out);
			break;
		case 'k':
			good = read_number(optarg, 1, &o->kernel);
			break;
		case 't':
			good = read_number(optarg, 1, &o->stride);
			break;
		case 'p':
			good = read_number(optarg, 0, &o->pad);
			break;
		case 'l':
			good = read_number(optarg, 1, &o->dilation);
			break;
		case 'g':
			good = read_number(optarg, 1, &o->groups);
			break;
		case 'b':
			good = read_number(optarg, 1, &o->batch);
			break;
		case 'r':
			good = read_number(optarg, 1, &o->repeat);
			break;
		case 'd':
			good = read_name(optarg, direction_names, &o->direction);
			break;
		case 'm':
			good = read_name(optarg, mode_names, &o->mode);
			break;
		case 'y':
			good = read_name(optarg, type_names, &o->type);
			break;
		case 'S':
			o->search = 1;
			break;
		default:
			good = false;
		}
	for (int i = 0; i < o->num_sizes; i++)
		good = good && o->sizes[i] + 2 * o->pad > o->dilation * (o->kernel - 1);
	return good && optind == argc && o->in % o->groups == 0 && o->out % o->groups == 0;
}

int main(int argc, char **argv)
{
	struct options o = {.sizes = {32},
			    .num_sizes = 1,
			    .in = 3,
			    .out = 8,
			    .kernel = 3,
			    .stride = 1,
			    .dilation = 1,
			    .groups = 1,
			    .batch = 1,
			    .repeat = 1,
			    .type = miopenFloat};
	miopenHandle_t handle;
	int wrong = 0;

	if (!read_options(argc, argv, &o)) {
		fputs(usage, stderr);
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	MIOPEN(miopenCreate(&handle));
	for (int i = 0; i < o.num_sizes; i++)
		wrong |= one_size(&o, handle, o.sizes[i]);
	MIOPEN(miopenDestroy(handle));
	return wrong;
}
