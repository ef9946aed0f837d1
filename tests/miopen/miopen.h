/* SPDX-License-Identifier: MIT */
/*
 * MIOpen's C interface as far as convolutions go: values, structures and prototypes of 2.17
 * (ROCm 5.2), which 3.4 (ROCm 6.4) has too. What libMIOpen.so.1 here is (see standin.h) and its
 * programs call. MIOpen is not in Debian 12.
 */
#ifndef RDNA1_TESTS_MIOPEN_H
#define RDNA1_TESTS_MIOPEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MIOPEN_API __attribute__((visibility("default")))

typedef enum {
	miopenStatusSuccess = 0,
	miopenStatusNotInitialized = 1,
	miopenStatusInvalidValue = 2,
	miopenStatusBadParm = 3,
	miopenStatusAllocFailed = 4,
	miopenStatusInternalError = 5,
	miopenStatusNotImplemented = 6,
	miopenStatusUnknownError = 7,
	miopenStatusUnsupportedOp = 8,
	miopenStatusGpuOperationsSkipped = 9,
	miopenStatusVersionMismatch = 10,
} miopenStatus_t;

typedef enum {
	miopenHalf = 0,
	miopenFloat = 1,
	miopenInt32 = 2,
	miopenInt8 = 3,
	miopenBFloat16 = 5,
	miopenDouble = 6,
	miopenFloat8 = 7,
	miopenBFloat8 = 8,
	miopenInt64 = 9,
} miopenDataType_t;

typedef enum {
	miopenTensorNCHW = 0,
	miopenTensorNHWC = 1,
	miopenTensorCHWN = 2,
	miopenTensorNCHWc4 = 3,
	miopenTensorNCHWc8 = 4,
	miopenTensorCHWNc4 = 5,
	miopenTensorCHWNc8 = 6,
	miopenTensorNCDHW = 7,
	miopenTensorNDHWC = 8,
} miopenTensorLayout_t;

typedef enum {
	miopenConvolution = 0,
	miopenTranspose = 1,
	miopenGroupConv = 2,
	miopenDepthwise = 3,
} miopenConvolutionMode_t;

typedef enum {
	miopenConvolutionFwdAlgoGEMM = 0,
	miopenConvolutionFwdAlgoDirect = 1,
	miopenConvolutionFwdAlgoFFT = 2,
	miopenConvolutionFwdAlgoWinograd = 3,
	miopenConvolutionFwdAlgoImplicitGEMM = 5,
} miopenConvFwdAlgorithm_t;

typedef enum {
	miopenConvolutionBwdDataAlgoGEMM = 0,
	miopenConvolutionBwdDataAlgoDirect = 1,
	miopenConvolutionBwdDataAlgoFFT = 2,
	miopenConvolutionBwdDataAlgoWinograd = 3,
	miopenTransposeBwdDataAlgoGEMM = 4,
	miopenConvolutionBwdDataAlgoImplicitGEMM = 5,
} miopenConvBwdDataAlgorithm_t;

typedef enum {
	miopenConvolutionBwdWeightsAlgoGEMM = 0,
	miopenConvolutionBwdWeightsAlgoDirect = 1,
	miopenConvolutionBwdWeightsAlgoWinograd = 3,
	miopenConvolutionBwdWeightsAlgoImplicitGEMM = 5,
} miopenConvBwdWeightsAlgorithm_t;

typedef enum {
	miopenConvolutionAlgoGEMM = 0,
	miopenConvolutionAlgoDirect = 1,
	miopenConvolutionAlgoFFT = 2,
	miopenConvolutionAlgoWinograd = 3,
	miopenConvolutionAlgoImplicitGEMM = 5,
} miopenConvAlgorithm_t;

typedef enum {
	MIOPEN_CONVOLUTION_ATTRIB_FP16_ALT_IMPL = 0,
	MIOPEN_CONVOLUTION_ATTRIB_DETERMINISTIC = 1,
	MIOPEN_CONVOLUTION_ATTRIB_FP8_ROUNDING_MODE = 2,
} miopenConvolutionAttrib_t;

typedef enum {
	miopenConvolutionFindModeNormal = 1,
	miopenConvolutionFindModeFast = 2,
	miopenConvolutionFindModeHybrid = 3,
	miopenConvolutionFindModeDynamicHybrid = 5,
	miopenConvolutionFindModeDefault = miopenConvolutionFindModeDynamicHybrid,
} miopenConvolutionFindMode_t;

typedef struct {
	union {
		miopenConvFwdAlgorithm_t fwd_algo;
		miopenConvBwdWeightsAlgorithm_t bwd_weights_algo;
		miopenConvBwdDataAlgorithm_t bwd_data_algo;
	};
	float time; /* ms */
	size_t memory;
} miopenConvAlgoPerf_t;

typedef struct {
	float time; /* ms */
	size_t workspace_size;
	uint64_t solution_id;
	miopenConvAlgorithm_t algorithm;
} miopenConvSolution_t;

_Static_assert(sizeof(miopenConvAlgoPerf_t) == 16 && sizeof(miopenConvSolution_t) == 32, "ABI");

typedef struct miopenHandle *miopenHandle_t;
typedef struct miopenTensorDescriptor *miopenTensorDescriptor_t;
typedef struct miopenConvolutionDescriptor *miopenConvolutionDescriptor_t;
typedef struct ihipStream_t *miopenAcceleratorQueue_t;
typedef void *(*miopenAllocatorFunction)(void *context, size_t sizeBytes);
typedef void (*miopenDeallocatorFunction)(void *context, void *memory);

/* What each convolution is about, in the order of its calls. */
#define MIOPEN_FWD_DESCS                                                                           \
	miopenHandle_t handle, const miopenTensorDescriptor_t wDesc,                               \
		const miopenTensorDescriptor_t xDesc,                                              \
		const miopenConvolutionDescriptor_t convDesc, const miopenTensorDescriptor_t yDesc
#define MIOPEN_BWD_DESCS                                                                           \
	miopenHandle_t handle, const miopenTensorDescriptor_t dyDesc,                              \
		const miopenTensorDescriptor_t wDesc,                                              \
		const miopenConvolutionDescriptor_t convDesc,                                      \
		const miopenTensorDescriptor_t dxDesc
#define MIOPEN_WRW_DESCS                                                                           \
	miopenHandle_t handle, const miopenTensorDescriptor_t dyDesc,                              \
		const miopenTensorDescriptor_t xDesc,                                              \
		const miopenConvolutionDescriptor_t convDesc,                                      \
		const miopenTensorDescriptor_t dwDesc

MIOPEN_API const char *miopenGetErrorString(miopenStatus_t error);
MIOPEN_API miopenStatus_t miopenGetVersion(size_t *major, size_t *minor, size_t *patch);
MIOPEN_API miopenStatus_t miopenCreate(miopenHandle_t *handle);
MIOPEN_API miopenStatus_t miopenCreateWithStream(miopenHandle_t *handle,
						 miopenAcceleratorQueue_t stream);
MIOPEN_API miopenStatus_t miopenDestroy(miopenHandle_t handle);
MIOPEN_API miopenStatus_t miopenSetStream(miopenHandle_t handle, miopenAcceleratorQueue_t streamID);
MIOPEN_API miopenStatus_t miopenGetStream(miopenHandle_t handle,
					  miopenAcceleratorQueue_t *streamID);
MIOPEN_API miopenStatus_t miopenSetAllocator(miopenHandle_t handle,
					     miopenAllocatorFunction allocator,
					     miopenDeallocatorFunction deallocator,
					     void *allocatorContext);
MIOPEN_API miopenStatus_t miopenGetKernelTime(miopenHandle_t handle, float *time);
MIOPEN_API miopenStatus_t miopenEnableProfiling(miopenHandle_t handle, bool enable);

MIOPEN_API miopenStatus_t miopenCreateTensorDescriptor(miopenTensorDescriptor_t *tensorDesc);
MIOPEN_API miopenStatus_t miopenSet4dTensorDescriptor(miopenTensorDescriptor_t tensorDesc,
						      miopenDataType_t dataType, int n, int c,
						      int h, int w);
MIOPEN_API miopenStatus_t miopenSet4dTensorDescriptorEx(miopenTensorDescriptor_t tensorDesc,
							miopenDataType_t dataType, int n, int c,
							int h, int w, int nStride, int cStride,
							int hStride, int wStride);
MIOPEN_API miopenStatus_t miopenSetNdTensorDescriptorWithLayout(miopenTensorDescriptor_t tensorDesc,
								miopenDataType_t dataType,
								miopenTensorLayout_t tensorLayout,
								const int *lens, int num_lens);
MIOPEN_API miopenStatus_t miopenGet4dTensorDescriptor(miopenTensorDescriptor_t tensorDesc,
						      miopenDataType_t *dataType, int *n, int *c,
						      int *h, int *w, int *nStride, int *cStride,
						      int *hStride, int *wStride);
MIOPEN_API miopenStatus_t miopenSetTensorDescriptor(miopenTensorDescriptor_t tensorDesc,
						    miopenDataType_t dataType, int nbDims,
						    const int *dimsA, const int *stridesA);
MIOPEN_API miopenStatus_t miopenSetTensorDescriptorV2(miopenTensorDescriptor_t tensorDesc,
						      miopenDataType_t dataType, int nbDims,
						      const size_t *dimsA, const size_t *stridesA);
MIOPEN_API miopenStatus_t miopenGetTensorDescriptorSize(miopenTensorDescriptor_t tensorDesc,
							int *size);
MIOPEN_API miopenStatus_t miopenGetTensorDescriptor(miopenTensorDescriptor_t tensorDesc,
						    miopenDataType_t *dataType, int *dimsA,
						    int *stridesA);
MIOPEN_API miopenStatus_t miopenGetTensorNumBytes(miopenTensorDescriptor_t tensorDesc,
						  size_t *numBytes);
MIOPEN_API miopenStatus_t miopenDestroyTensorDescriptor(miopenTensorDescriptor_t tensorDesc);

MIOPEN_API miopenStatus_t
miopenCreateConvolutionDescriptor(miopenConvolutionDescriptor_t *convDesc);
MIOPEN_API miopenStatus_t miopenInitConvolutionDescriptor(miopenConvolutionDescriptor_t convDesc,
							  miopenConvolutionMode_t c_mode, int pad_h,
							  int pad_w, int stride_h, int stride_w,
							  int dilation_h, int dilation_w);
MIOPEN_API miopenStatus_t miopenInitConvolutionNdDescriptor(miopenConvolutionDescriptor_t convDesc,
							    int spatialDim, const int *padA,
							    const int *strideA,
							    const int *dilationA,
							    miopenConvolutionMode_t c_mode);
MIOPEN_API miopenStatus_t miopenGetConvolutionSpatialDim(miopenConvolutionDescriptor_t convDesc,
							 int *spatialDim);
MIOPEN_API miopenStatus_t miopenGetConvolutionDescriptor(miopenConvolutionDescriptor_t convDesc,
							 miopenConvolutionMode_t *c_mode,
							 int *pad_h, int *pad_w, int *stride_h,
							 int *stride_w, int *dilation_h,
							 int *dilation_w);
MIOPEN_API miopenStatus_t miopenGetConvolutionNdDescriptor(miopenConvolutionDescriptor_t convDesc,
							   int requestedSpatialDim, int *spatialDim,
							   int *padA, int *strideA, int *dilationA,
							   miopenConvolutionMode_t *c_mode);
MIOPEN_API miopenStatus_t miopenGetConvolutionGroupCount(miopenConvolutionDescriptor_t convDesc,
							 int *groupCount);
MIOPEN_API miopenStatus_t miopenSetConvolutionGroupCount(miopenConvolutionDescriptor_t convDesc,
							 int groupCount);
MIOPEN_API miopenStatus_t
miopenSetTransposeConvOutputPadding(miopenConvolutionDescriptor_t convDesc, int adj_h, int adj_w);
MIOPEN_API miopenStatus_t miopenSetTransposeConvNdOutputPadding(
	miopenConvolutionDescriptor_t convDesc, int spatialDim, const int *adjA);
MIOPEN_API miopenStatus_t miopenGetConvolutionForwardOutputDim(
	miopenConvolutionDescriptor_t convDesc, const miopenTensorDescriptor_t inputTensorDesc,
	const miopenTensorDescriptor_t filterDesc, int *n, int *c, int *h, int *w);
MIOPEN_API miopenStatus_t miopenGetConvolutionNdForwardOutputDim(
	miopenConvolutionDescriptor_t convDesc, const miopenTensorDescriptor_t inputTensorDesc,
	const miopenTensorDescriptor_t filterDesc, int *nDim, int *outputTensorDimA);
MIOPEN_API miopenStatus_t
miopenDestroyConvolutionDescriptor(miopenConvolutionDescriptor_t convDesc);
MIOPEN_API miopenStatus_t miopenSetConvolutionAttribute(miopenConvolutionDescriptor_t convDesc,
							const miopenConvolutionAttrib_t attr,
							int value);
MIOPEN_API miopenStatus_t miopenGetConvolutionAttribute(miopenConvolutionDescriptor_t convDesc,
							const miopenConvolutionAttrib_t attr,
							int *value);
MIOPEN_API miopenStatus_t miopenSetConvolutionFindMode(miopenConvolutionDescriptor_t convDesc,
						       miopenConvolutionFindMode_t findMode);
MIOPEN_API miopenStatus_t miopenGetConvolutionFindMode(const miopenConvolutionDescriptor_t convDesc,
						       miopenConvolutionFindMode_t *findMode);

/* The calls that all three directions have by the same names. */
#define MIOPEN_DIRECTION(name, descs)                                                              \
	MIOPEN_API miopenStatus_t miopenConvolution##name##GetWorkSpaceSize(                       \
		descs, size_t *workSpaceSize);                                                     \
	MIOPEN_API miopenStatus_t miopenConvolution##name##GetSolutionCount(                       \
		descs, size_t *solutionCount);                                                     \
	MIOPEN_API miopenStatus_t miopenConvolution##name##GetSolution(                            \
		descs, const size_t maxSolutionCount, size_t *solutionCount,                       \
		miopenConvSolution_t *solutions);                                                  \
	MIOPEN_API miopenStatus_t miopenConvolution##name##GetSolutionWorkspaceSize(               \
		descs, const uint64_t solution_id, size_t *workSpaceSize);                         \
	MIOPEN_API miopenStatus_t miopenConvolution##name##CompileSolution(                        \
		descs, const uint64_t solution_id)
MIOPEN_DIRECTION(Forward, MIOPEN_FWD_DESCS);
MIOPEN_DIRECTION(BackwardData, MIOPEN_BWD_DESCS);
MIOPEN_DIRECTION(BackwardWeights, MIOPEN_WRW_DESCS);

MIOPEN_API miopenStatus_t miopenFindConvolutionForwardAlgorithm(
	miopenHandle_t handle, const miopenTensorDescriptor_t xDesc, const void *x,
	const miopenTensorDescriptor_t wDesc, const void *w,
	const miopenConvolutionDescriptor_t convDesc, const miopenTensorDescriptor_t yDesc, void *y,
	const int requestAlgoCount, int *returnedAlgoCount, miopenConvAlgoPerf_t *perfResults,
	void *workSpace, size_t workSpaceSize, bool exhaustiveSearch);
MIOPEN_API miopenStatus_t miopenConvolutionForward(
	miopenHandle_t handle, const void *alpha, const miopenTensorDescriptor_t xDesc,
	const void *x, const miopenTensorDescriptor_t wDesc, const void *w,
	const miopenConvolutionDescriptor_t convDesc, miopenConvFwdAlgorithm_t algo,
	const void *beta, const miopenTensorDescriptor_t yDesc, void *y, void *workSpace,
	size_t workSpaceSize);
MIOPEN_API miopenStatus_t miopenConvolutionForwardImmediate(
	miopenHandle_t handle, const miopenTensorDescriptor_t wDesc, const void *w,
	const miopenTensorDescriptor_t xDesc, const void *x,
	const miopenConvolutionDescriptor_t convDesc, const miopenTensorDescriptor_t yDesc, void *y,
	void *workSpace, size_t workSpaceSize, const uint64_t solution_id);

MIOPEN_API miopenStatus_t miopenFindConvolutionBackwardDataAlgorithm(
	miopenHandle_t handle, const miopenTensorDescriptor_t dyDesc, const void *dy,
	const miopenTensorDescriptor_t wDesc, const void *w,
	const miopenConvolutionDescriptor_t convDesc, const miopenTensorDescriptor_t dxDesc,
	void *dx, const int requestAlgoCount, int *returnedAlgoCount,
	miopenConvAlgoPerf_t *perfResults, void *workSpace, size_t workSpaceSize,
	bool exhaustiveSearch);
MIOPEN_API miopenStatus_t miopenConvolutionBackwardData(
	miopenHandle_t handle, const void *alpha, const miopenTensorDescriptor_t dyDesc,
	const void *dy, const miopenTensorDescriptor_t wDesc, const void *w,
	const miopenConvolutionDescriptor_t convDesc, miopenConvBwdDataAlgorithm_t algo,
	const void *beta, const miopenTensorDescriptor_t dxDesc, void *dx, void *workSpace,
	size_t workSpaceSize);
MIOPEN_API miopenStatus_t miopenConvolutionBackwardDataImmediate(
	miopenHandle_t handle, const miopenTensorDescriptor_t dyDesc, const void *dy,
	const miopenTensorDescriptor_t wDesc, const void *w,
	const miopenConvolutionDescriptor_t convDesc, const miopenTensorDescriptor_t dxDesc,
	void *dx, void *workSpace, size_t workSpaceSize, const uint64_t solution_id);

MIOPEN_API miopenStatus_t miopenFindConvolutionBackwardWeightsAlgorithm(
	miopenHandle_t handle, const miopenTensorDescriptor_t dyDesc, const void *dy,
	const miopenTensorDescriptor_t xDesc, const void *x,
	const miopenConvolutionDescriptor_t convDesc, const miopenTensorDescriptor_t dwDesc,
	void *dw, const int requestAlgoCount, int *returnedAlgoCount,
	miopenConvAlgoPerf_t *perfResults, void *workSpace, size_t workSpaceSize,
	bool exhaustiveSearch);
MIOPEN_API miopenStatus_t miopenConvolutionBackwardWeights(
	miopenHandle_t handle, const void *alpha, const miopenTensorDescriptor_t dyDesc,
	const void *dy, const miopenTensorDescriptor_t xDesc, const void *x,
	const miopenConvolutionDescriptor_t convDesc, miopenConvBwdWeightsAlgorithm_t algo,
	const void *beta, const miopenTensorDescriptor_t dwDesc, void *dw, void *workSpace,
	size_t workSpaceSize);
MIOPEN_API miopenStatus_t miopenConvolutionBackwardWeightsImmediate(
	miopenHandle_t handle, const miopenTensorDescriptor_t dyDesc, const void *dy,
	const miopenTensorDescriptor_t xDesc, const void *x,
	const miopenConvolutionDescriptor_t convDesc, const miopenTensorDescriptor_t dwDesc,
	void *dw, void *workSpace, size_t workSpaceSize, const uint64_t solution_id);

#endif
