// SPDX-License-Identifier: MIT
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "standin.h"

/* What find says when it has no solver; only the first number of a line is the real one (2.17). */
static const struct {
	const char *where, *text;
} no_solver[] = {
	[FORWARD] = {"ocl/convolutionocl.cpp:518",
		     "Forward Convolution cannot be executed due to incorrect params"},
	[BACKWARD_DATA] = {"ocl/convolutionocl.cpp:943", "Backward Data Algo cannot be executed"},
	[BACKWARD_WEIGHTS] = {"ocl/convolutionocl.cpp:1217",
			      "Bwd Weights Convolution cannot be executed due to incorrect params"},
};

/* The find-db of this process. */
static struct found *find_db;
static pthread_mutex_t find_db_lock = PTHREAD_MUTEX_INITIALIZER;

miopenStatus_t make_problem(struct problem *p, enum direction direction, miopenTensorDescriptor_t x,
			    miopenTensorDescriptor_t w, miopenConvolutionDescriptor_t conv,
			    miopenTensorDescriptor_t y)
{
	miopenStatus_t status;
	int dims[MAX_DIMS];

	if (!x || !w || !conv || !y)
		return miopenStatusBadParm;
	memset(p, 0, sizeof(*p));
	p->direction = direction;
	p->x = *x;
	p->w = *w;
	p->y = *y;
	p->conv = *conv;
	p->find_mode = conv->find_mode;
	p->conv.find_mode = 0;
	if (conv->mode == miopenTranspose)
		return miopenStatusSuccess;
	status = output_dims(conv, x, w, dims);
	if (status)
		return status;
	for (int i = 0; i < x->num; i++)
		if (y->num != x->num || (size_t)dims[i] != y->dims[i] || w->dims[0] % conv->groups)
			return thrown(miopenStatusBadParm, "ocl/convolutionocl.cpp:0",
				      "Tensors of a convolution do not match");
	return miopenStatusSuccess;
}

static struct found *lookup(struct found *list, const struct problem *p)
{
	while (list && memcmp(&list->problem, p, offsetof(struct problem, find_mode)))
		list = list->next;
	return list;
}

/* MIOPEN_FIND_ENFORCE asks for a search. */
static bool search_enforced(void)
{
	static const char *const values[] = {"3", "4", "SEARCH", "SEARCH_DB_UPDATE"};
	const char *v = getenv("MIOPEN_FIND_ENFORCE");

	for (int i = 0; v && i < 4; i++)
		if (!strcasecmp(v, values[i]))
			return true;
	return false;
}

static bool is_set(const char *variable)
{
	const char *v = getenv(variable);

	return v && *v && !disabled(variable);
}

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

/* Once, to its end. */
static miopenStatus_t measure(miopenHandle_t h, const struct problem *p, const struct buffers *b,
			      const struct solver *s, float *ms)
{
	miopenStatus_t status = prepare(h, p, s);
	double begin = now_ms();

	if (!status)
		status = s->run(h, p, b);
	if (!status && hipStreamSynchronize(h->stream))
		status = thrown(miopenStatusUnknownError, "hip/handlehip.cpp:305",
				"Failed to synchronize");
	*ms = now_ms() - begin;
	h->kernel_ms = *ms;
	return status;
}

/* Compiling a variant takes the host some milliseconds. */
static void compile_variant(void)
{
	static volatile unsigned int sink;

	for (double end = now_ms() + 5; now_ms() < end;)
		for (int i = 0; i < 10000; i++)
			sink = sink * 1664525 + 1013904223;
}

/* As the exhaustive search: compile, run, again. */
static miopenStatus_t search(miopenHandle_t h, const struct problem *p, const struct buffers *b,
			     const struct solver *s, float *best)
{
	const char *v = getenv("RDNA1_STANDIN_SEARCH");
	int variants = v ? atoi(v) : 40;
	miopenStatus_t status = miopenStatusSuccess;

	fprintf(stderr,
		"MIOpen(HIP): Warning [GenericSearch] %s: Searching the best solution among "
		"%d...\n",
		s->name, variants);
	for (int i = 0; i < variants && !status; i++) {
		float ms;

		compile_variant();
		status = measure(h, p, b, s, &ms);
		if (!i || ms < *best)
			*best = ms;
	}
	return status;
}

static void insert(struct found *f, const struct solver *s, float ms, size_t workspace)
{
	int at = f->num++;

	for (; at && f->best[at - 1].ms > ms; at--)
		f->best[at] = f->best[at - 1];
	f->best[at] = (struct found_one){s, ms, workspace};
}

static float guess(const struct problem *p, const struct solver *s)
{
	const size_t *y = p->y.dims, *w = p->w.dims;

	return s->guess_ms * (y[0] * y[1] * y[2] * y[3] * w[1] * w[2] * w[3]) / 1e6f;
}

/* Run what takes the problem and has workspace enough; or, with no handle, only guess. */
static miopenStatus_t try_all(miopenHandle_t h, const struct problem *p, const struct buffers *b,
			      bool searching, struct found *f)
{
	const struct solver *s = NULL;
	miopenStatus_t status;

	f->problem = *p;
	f->num = 0;
	while ((s = next_solver(s, p)) && f->num < MAX_SOLVERS) {
		size_t need = s->workspace(p);
		float ms = guess(p, s);

		if (h && need > (b->workspace ? b->workspace_size : 0))
			continue;
		status = !h	     ? miopenStatusSuccess
			 : searching ? search(h, p, b, s, &ms)
				     : measure(h, p, b, s, &ms);
		if (status)
			return status;
		insert(f, s, ms, need);
	}
	return miopenStatusSuccess;
}

/* A copy of f, before what the list has of the same problem. */
static int keep(struct found **list, const struct found *f)
{
	struct found *copy = malloc(sizeof(*copy));

	if (!copy)
		return -1;
	*copy = *f;
	copy->next = *list;
	*list = copy;
	return 0;
}

static bool from_find_db(const struct problem *p, struct found *out)
{
	const struct found *f;

	pthread_mutex_lock(&find_db_lock);
	f = lookup(find_db, p);
	if (f)
		*out = *f;
	pthread_mutex_unlock(&find_db_lock);
	/* What has been taken away since is not there. */
	for (int i = 0; f && i < out->num; i++)
		if (!solver_by_id(out->best[i].solver->id, p))
			return false;
	return f;
}

static miopenStatus_t find_now(miopenHandle_t h, const struct problem *p, const struct buffers *b,
			       bool exhaustive, struct found *f)
{
	bool searching = exhaustive || search_enforced(),
	     keeping = !is_set("MIOPEN_DEBUG_DISABLE_FIND_DB");
	bool fast = p->find_mode == miopenConvolutionFindModeFast && !searching;
	miopenStatus_t status;

	if (!searching && keeping && from_find_db(p, f))
		return miopenStatusSuccess;
	status = try_all(fast ? NULL : h, p, b, searching, f);
	if (!status && !f->num)
		return thrown(miopenStatusUnknownError, no_solver[p->direction].where,
			      no_solver[p->direction].text);
	if (!status && keeping && !fast) {
		pthread_mutex_lock(&find_db_lock);
		if (keep(&find_db, f))
			status = miopenStatusAllocFailed;
		pthread_mutex_unlock(&find_db_lock);
	}
	return status;
}

static miopenStatus_t check_buffers(const struct buffers *b)
{
	if (!b->x || !b->w || !b->y)
		return thrown(miopenStatusBadParm, "ocl/convolutionocl.cpp:0",
			      "Buffers cannot be NULL");
	return miopenStatusSuccess;
}

miopenStatus_t find(miopenHandle_t h, const struct problem *p, const struct buffers *b,
		    bool exhaustive, int request, int *returned, miopenConvAlgoPerf_t *perf)
{
	miopenStatus_t status = check_buffers(b);
	struct found f;

	if (status)
		return status;
	if (!returned)
		return thrown(miopenStatusBadParm, "ocl/convolutionocl.cpp:0",
			      "returnedAlgoCount cannot be nullptr");
	if (!perf || request < 1)
		return thrown(miopenStatusBadParm, "ocl/convolutionocl.cpp:0",
			      "perfResults cannot be nullptr, requestAlgoCount cannot be < 1");
	*returned = 0;
	status = find_now(h, p, b, exhaustive, &f);
	if (status)
		return status;
	f.problem = *p;
	if (keep(&h->invokers, &f))
		return miopenStatusAllocFailed;
	for (int i = 0; i < f.num && i < request; i++) {
		memset(&perf[i], 0, sizeof(perf[i]));
		perf[i].fwd_algo = (miopenConvFwdAlgorithm_t)f.best[i].solver->algorithm;
		perf[i].time = f.best[i].ms;
		perf[i].memory = f.best[i].workspace;
		*returned = i + 1;
	}
	return miopenStatusSuccess;
}

/* Timed where profiling is on; else it goes on behind the caller's back. */
static miopenStatus_t run(miopenHandle_t h, const struct problem *p, const struct buffers *b,
			  const struct solver *s)
{
	float ms;

	return h->profiling ? measure(h, p, b, s, &ms) : s->run(h, p, b);
}

miopenStatus_t run_found(miopenHandle_t h, const struct problem *p, const struct buffers *b,
			 const void *alpha, const void *beta, int algorithm)
{
	static const char *const names[] = {"forward", "backward data", "backward weights"};
	const struct found *f = lookup(h->invokers, p);
	miopenStatus_t status = check_buffers(b);
	char text[100];

	if (status)
		return status;
	if (!alpha || !beta || *(const float *)alpha != 1 || *(const float *)beta != 0)
		return thrown(miopenStatusNotImplemented, "ocl/convolutionocl.cpp:0",
			      "Only alpha=1 and beta=0 is supported");
	for (int i = 0; f && i < f->num; i++)
		if ((int)f->best[i].solver->algorithm == algorithm)
			return run(h, p, b, f->best[i].solver);
	snprintf(text, sizeof(text),
		 "No invoker was registered for convolution %s. Was find executed?",
		 names[p->direction]);
	return thrown(miopenStatusUnknownError, "ocl/convolutionocl.cpp:0", text);
}

size_t largest_workspace(const struct problem *p)
{
	const struct solver *s = NULL;
	size_t size = 0;

	while ((s = next_solver(s, p)))
		if (s->workspace(p) > size)
			size = s->workspace(p);
	return size;
}

size_t solutions(const struct problem *p, size_t max, miopenConvSolution_t *out)
{
	struct found f = {.num = 0};
	size_t n = 0;

	if (!from_find_db(p, &f) && !disabled("MIOPEN_DEBUG_CONV_IMMED_FALLBACK"))
		(void)try_all(NULL, p, NULL, false, &f);
	for (; n < (size_t)f.num && n < max; n++) {
		memset(&out[n], 0, sizeof(out[n]));
		out[n].time = f.best[n].ms;
		out[n].workspace_size = f.best[n].workspace;
		out[n].solution_id = f.best[n].solver->id;
		out[n].algorithm = f.best[n].solver->algorithm;
	}
	return n;
}

miopenStatus_t run_immediate(miopenHandle_t h, const struct problem *p, const struct buffers *b,
			     uint64_t id)
{
	const struct solver *s = solver_by_id(id, p);
	miopenStatus_t status = check_buffers(b);

	if (status)
		return status;
	if (!s)
		return thrown(miopenStatusBadParm, "ocl/convolutionocl.cpp:0",
			      "Invalid solution id");
	return run(h, p, b, s);
}
