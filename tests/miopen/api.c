// SPDX-License-Identifier: MIT
/* The calls of the three directions: each is find.c's with its descriptors in the order of the
 * forward one. */
#include "standin.h"

static miopenStatus_t workspace(const struct problem *p, size_t *size)
{
	if (!size)
		return miopenStatusBadParm;
	*size = largest_workspace(p);
	return miopenStatusSuccess;
}

static miopenStatus_t solution_count(const struct problem *p, size_t *count)
{
	miopenConvSolution_t some[MAX_SOLVERS];

	if (!count)
		return miopenStatusBadParm;
	*count = solutions(p, MAX_SOLVERS, some);
	if (*count)
		return miopenStatusSuccess;
	return thrown(
		miopenStatusNotImplemented, "ocl/convolutionocl.cpp:0",
		"Requested convolution is not supported or Immediate mode Fallback unsuccessful.");
}

static miopenStatus_t get_solutions(const struct problem *p, size_t max, size_t *count,
				    miopenConvSolution_t *out)
{
	if (!count || !out)
		return miopenStatusBadParm;
	*count = solutions(p, max, out);
	return miopenStatusSuccess;
}

static miopenStatus_t solution_workspace(const struct problem *p, uint64_t id, size_t *size)
{
	const struct solver *s = solver_by_id(id, p);

	if (!size || !s)
		return thrown(miopenStatusBadParm, "ocl/convolutionocl.cpp:0",
			      "Invalid solution id");
	*size = s->workspace(p);
	return miopenStatusSuccess;
}

static miopenStatus_t compile(miopenHandle_t h, const struct problem *p, uint64_t id)
{
	const struct solver *s = solver_by_id(id, p);

	if (!s)
		return thrown(miopenStatusBadParm, "ocl/convolutionocl.cpp:0",
			      "Invalid solution id");
	return prepare(h, p, s);
}

/* x, w and y by the names that a direction has for them; `of` are its parameters. */
#define WITH_PROBLEM(direction, x, w, y)                                                           \
	struct problem p;                                                                          \
	miopenStatus_t status =                                                                    \
		handle ? make_problem(&p, direction, x, w, convDesc, y) : miopenStatusBadParm;     \
                                                                                                   \
	if (status)                                                                                \
	return status

#define DIRECTION(name, of, direction, x, w, y)                                                    \
	miopenStatus_t miopenConvolution##name##GetWorkSpaceSize(of, size_t *workSpaceSize)        \
	{                                                                                          \
		WITH_PROBLEM(direction, x, w, y);                                                  \
		return workspace(&p, workSpaceSize);                                               \
	}                                                                                          \
                                                                                                   \
	miopenStatus_t miopenConvolution##name##GetSolutionCount(of, size_t *solutionCount)        \
	{                                                                                          \
		WITH_PROBLEM(direction, x, w, y);                                                  \
		return solution_count(&p, solutionCount);                                          \
	}                                                                                          \
                                                                                                   \
	miopenStatus_t miopenConvolution##name##GetSolution(of, const size_t maxSolutionCount,     \
							    size_t *solutionCount,                 \
							    miopenConvSolution_t *solutions)       \
	{                                                                                          \
		WITH_PROBLEM(direction, x, w, y);                                                  \
		return get_solutions(&p, maxSolutionCount, solutionCount, solutions);              \
	}                                                                                          \
                                                                                                   \
	miopenStatus_t miopenConvolution##name##GetSolutionWorkspaceSize(                          \
		of, const uint64_t solution_id, size_t *workSpaceSize)                             \
	{                                                                                          \
		WITH_PROBLEM(direction, x, w, y);                                                  \
		return solution_workspace(&p, solution_id, workSpaceSize);                         \
	}                                                                                          \
                                                                                                   \
	miopenStatus_t miopenConvolution##name##CompileSolution(of, const uint64_t solution_id)    \
	{                                                                                          \
		WITH_PROBLEM(direction, x, w, y);                                                  \
		return compile(handle, &p, solution_id);                                           \
	}

DIRECTION(Forward, MIOPEN_FWD_DESCS, FORWARD, xDesc, wDesc, yDesc)
DIRECTION(BackwardData, MIOPEN_BWD_DESCS, BACKWARD_DATA, dxDesc, wDesc, dyDesc)
DIRECTION(BackwardWeights, MIOPEN_WRW_DESCS, BACKWARD_WEIGHTS, xDesc, dwDesc, dyDesc)

/* ---- forward ---- */

miopenStatus_t miopenFindConvolutionForwardAlgorithm(
	miopenHandle_t handle, const miopenTensorDescriptor_t xDesc, const void *x,
	const miopenTensorDescriptor_t wDesc, const void *w,
	const miopenConvolutionDescriptor_t convDesc, const miopenTensorDescriptor_t yDesc, void *y,
	const int requestAlgoCount, int *returnedAlgoCount, miopenConvAlgoPerf_t *perfResults,
	void *workSpace, size_t workSpaceSize, bool exhaustiveSearch)
{
	WITH_PROBLEM(FORWARD, xDesc, wDesc, yDesc);
	return find(handle, &p,
		    &(struct buffers){(void *)x, (void *)w, y, workSpace, workSpaceSize},
		    exhaustiveSearch, requestAlgoCount, returnedAlgoCount, perfResults);
}

miopenStatus_t miopenConvolutionForward(miopenHandle_t handle, const void *alpha,
					const miopenTensorDescriptor_t xDesc, const void *x,
					const miopenTensorDescriptor_t wDesc, const void *w,
					const miopenConvolutionDescriptor_t convDesc,
					miopenConvFwdAlgorithm_t algo, const void *beta,
					const miopenTensorDescriptor_t yDesc, void *y,
					void *workSpace, size_t workSpaceSize)
{
	WITH_PROBLEM(FORWARD, xDesc, wDesc, yDesc);
	return run_found(handle, &p,
			 &(struct buffers){(void *)x, (void *)w, y, workSpace, workSpaceSize},
			 alpha, beta, algo);
}

miopenStatus_t
miopenConvolutionForwardImmediate(miopenHandle_t handle, const miopenTensorDescriptor_t wDesc,
				  const void *w, const miopenTensorDescriptor_t xDesc,
				  const void *x, const miopenConvolutionDescriptor_t convDesc,
				  const miopenTensorDescriptor_t yDesc, void *y, void *workSpace,
				  size_t workSpaceSize, const uint64_t solution_id)
{
	WITH_PROBLEM(FORWARD, xDesc, wDesc, yDesc);
	return run_immediate(handle, &p,
			     &(struct buffers){(void *)x, (void *)w, y, workSpace, workSpaceSize},
			     solution_id);
}

/* ---- backward, data ---- */

miopenStatus_t miopenFindConvolutionBackwardDataAlgorithm(
	miopenHandle_t handle, const miopenTensorDescriptor_t dyDesc, const void *dy,
	const miopenTensorDescriptor_t wDesc, const void *w,
	const miopenConvolutionDescriptor_t convDesc, const miopenTensorDescriptor_t dxDesc,
	void *dx, const int requestAlgoCount, int *returnedAlgoCount,
	miopenConvAlgoPerf_t *perfResults, void *workSpace, size_t workSpaceSize,
	bool exhaustiveSearch)
{
	WITH_PROBLEM(BACKWARD_DATA, dxDesc, wDesc, dyDesc);
	return find(handle, &p,
		    &(struct buffers){dx, (void *)w, (void *)dy, workSpace, workSpaceSize},
		    exhaustiveSearch, requestAlgoCount, returnedAlgoCount, perfResults);
}

miopenStatus_t miopenConvolutionBackwardData(miopenHandle_t handle, const void *alpha,
					     const miopenTensorDescriptor_t dyDesc, const void *dy,
					     const miopenTensorDescriptor_t wDesc, const void *w,
					     const miopenConvolutionDescriptor_t convDesc,
					     miopenConvBwdDataAlgorithm_t algo, const void *beta,
					     const miopenTensorDescriptor_t dxDesc, void *dx,
					     void *workSpace, size_t workSpaceSize)
{
	WITH_PROBLEM(BACKWARD_DATA, dxDesc, wDesc, dyDesc);
	return run_found(handle, &p,
			 &(struct buffers){dx, (void *)w, (void *)dy, workSpace, workSpaceSize},
			 alpha, beta, algo);
}

miopenStatus_t miopenConvolutionBackwardDataImmediate(
	miopenHandle_t handle, const miopenTensorDescriptor_t dyDesc, const void *dy,
	const miopenTensorDescriptor_t wDesc, const void *w,
	const miopenConvolutionDescriptor_t convDesc, const miopenTensorDescriptor_t dxDesc,
	void *dx, void *workSpace, size_t workSpaceSize, const uint64_t solution_id)
{
	WITH_PROBLEM(BACKWARD_DATA, dxDesc, wDesc, dyDesc);
	return run_immediate(handle, &p,
			     &(struct buffers){dx, (void *)w, (void *)dy, workSpace, workSpaceSize},
			     solution_id);
}

/* ---- backward, weights ---- */

miopenStatus_t miopenFindConvolutionBackwardWeightsAlgorithm(
	miopenHandle_t handle, const miopenTensorDescriptor_t dyDesc, const void *dy,
	const miopenTensorDescriptor_t xDesc, const void *x,
	const miopenConvolutionDescriptor_t convDesc, const miopenTensorDescriptor_t dwDesc,
	void *dw, const int requestAlgoCount, int *returnedAlgoCount,
	miopenConvAlgoPerf_t *perfResults, void *workSpace, size_t workSpaceSize,
	bool exhaustiveSearch)
{
	WITH_PROBLEM(BACKWARD_WEIGHTS, xDesc, dwDesc, dyDesc);
	return find(handle, &p,
		    &(struct buffers){(void *)x, dw, (void *)dy, workSpace, workSpaceSize},
		    exhaustiveSearch, requestAlgoCount, returnedAlgoCount, perfResults);
}

miopenStatus_t miopenConvolutionBackwardWeights(
	miopenHandle_t handle, const void *alpha, const miopenTensorDescriptor_t dyDesc,
	const void *dy, const miopenTensorDescriptor_t xDesc, const void *x,
	const miopenConvolutionDescriptor_t convDesc, miopenConvBwdWeightsAlgorithm_t algo,
	const void *beta, const miopenTensorDescriptor_t dwDesc, void *dw, void *workSpace,
	size_t workSpaceSize)
{
	WITH_PROBLEM(BACKWARD_WEIGHTS, xDesc, dwDesc, dyDesc);
	return run_found(handle, &p,
			 &(struct buffers){(void *)x, dw, (void *)dy, workSpace, workSpaceSize},
			 alpha, beta, algo);
}

miopenStatus_t miopenConvolutionBackwardWeightsImmediate(
	miopenHandle_t handle, const miopenTensorDescriptor_t dyDesc, const void *dy,
	const miopenTensorDescriptor_t xDesc, const void *x,
	const miopenConvolutionDescriptor_t convDesc, const miopenTensorDescriptor_t dwDesc,
	void *dw, void *workSpace, size_t workSpaceSize, const uint64_t solution_id)
{
	WITH_PROBLEM(BACKWARD_WEIGHTS, xDesc, dwDesc, dyDesc);
	return run_immediate(handle, &p,
			     &(struct buffers){(void *)x, dw, (void *)dy, workSpace, workSpaceSize},
			     solution_id);
}
