// SPDX-License-Identifier: MIT
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "standin.h"

size_t element_size(miopenDataType_t type)
{
	switch (type) {
	case miopenHalf:
	case miopenBFloat16:
		return 2;
	case miopenInt8:
	case miopenFloat8:
	case miopenBFloat8:
		return 1;
	case miopenDouble:
	case miopenInt64:
		return 8;
	default:
		return 4;
	}
}

size_t tensor_bytes(const struct miopenTensorDescriptor *t)
{
	size_t last = 0;

	if (!t->num)
		return 0;
	for (int i = 0; i < t->num; i++)
		last += (t->dims[i] - 1) * t->strides[i];
	return (last + 1) * element_size(t->type);
}

bool is_packed(const struct miopenTensorDescriptor *t)
{
	size_t stride = 1;

	for (int i = t->num - 1; i >= 0; stride *= t->dims[i], i--)
		if (t->strides[i] != stride)
			return false;
	return true;
}

/* ---- tensors ---- */

miopenStatus_t miopenCreateTensorDescriptor(miopenTensorDescriptor_t *t)
{
	if (!t)
		return miopenStatusBadParm;
	*t = calloc(1, sizeof(**t));
	return *t ? miopenStatusSuccess : miopenStatusAllocFailed;
}

miopenStatus_t miopenDestroyTensorDescriptor(miopenTensorDescriptor_t t)
{
	free(t);
	return miopenStatusSuccess;
}

/* strides NULL: packed. */
static miopenStatus_t set_tensor(miopenTensorDescriptor_t t, miopenDataType_t type, int num,
				 const size_t *dims, const size_t *strides)
{
	size_t stride = 1;

	if (!t || !dims || num < 1 || num > MAX_DIMS)
		return thrown(miopenStatusBadParm, "tensor.cpp:77", "Invalid dimensions");
	for (int i = 0; i < num; i++)
		if (!dims[i] || dims[i] > 1 << 30)
			return thrown(miopenStatusBadParm, "tensor.cpp:86",
				      "Invalid length. Length must be greater than 0.");
	memset(t, 0, sizeof(*t));
	t->type = type;
	t->num = num;
	for (int i = num - 1; i >= 0; stride *= dims[i], i--) {
		t->dims[i] = dims[i];
		t->strides[i] = strides ? strides[i] : stride;
	}
	return miopenStatusSuccess;
}

static miopenStatus_t set_tensor_of_ints(miopenTensorDescriptor_t t, miopenDataType_t type, int num,
					 const int *dims, const int *strides)
{
	size_t long_dims[MAX_DIMS], long_strides[MAX_DIMS];

	if (!dims || num < 1 || num > MAX_DIMS)
		return thrown(miopenStatusBadParm, "tensor.cpp:77", "Invalid dimensions");
	for (int i = 0; i < num; i++) {
		long_dims[i] = dims[i];
		long_strides[i] = strides ? strides[i] : 0;
	}
	return set_tensor(t, type, num, long_dims, strides ? long_strides : NULL);
}

miopenStatus_t miopenSetTensorDescriptorV2(miopenTensorDescriptor_t t, miopenDataType_t type,
					   int num, const size_t *dims, const size_t *strides)
{
	return set_tensor(t, type, num, dims, strides);
}

miopenStatus_t miopenSetTensorDescriptor(miopenTensorDescriptor_t t, miopenDataType_t type, int num,
					 const int *dims, const int *strides)
{
	return set_tensor_of_ints(t, type, num, dims, strides);
}

miopenStatus_t miopenSet4dTensorDescriptor(miopenTensorDescriptor_t t, miopenDataType_t type, int n,
					   int c, int h, int w)
{
	return set_tensor_of_ints(t, type, 4, (int[]){n, c, h, w}, NULL);
}

miopenStatus_t miopenSet4dTensorDescriptorEx(miopenTensorDescriptor_t t, miopenDataType_t type,
					     int n, int c, int h, int w, int nStride, int cStride,
					     int hStride, int wStride)
{
	return set_tensor_of_ints(t, type, 4, (int[]){n, c, h, w},
				  (int[]){nStride, cStride, hStride, wStride});
}

miopenStatus_t miopenSetNdTensorDescriptorWithLayout(miopenTensorDescriptor_t t,
						     miopenDataType_t type,
						     miopenTensorLayout_t layout, const int *lens,
						     int num)
{
	bool last = layout == miopenTensorNHWC || layout == miopenTensorNDHWC;
	size_t channels, stride = 1;
	miopenStatus_t status;

	if (!last && layout != miopenTensorNCHW && layout != miopenTensorNCDHW)
		return thrown(miopenStatusNotImplemented, "tensor_api.cpp:120",
			      "This layout is not supported");
	status = set_tensor_of_ints(t, type, num, lens, NULL);
	if (status || !last || num < 3)
		return status;
	channels = t->dims[1];
	for (int i = num - 1; i >= 2; stride *= t->dims[i], i--)
		t->strides[i] = stride * channels;
	t->strides[1] = 1;
	return miopenStatusSuccess;
}

static void put(int *to, size_t v)
{
	if (to)
		*to = (int)v;
}

miopenStatus_t miopenGet4dTensorDescriptor(miopenTensorDescriptor_t t, miopenDataType_t *type,
					   int *n, int *c, int *h, int *w, int *nStride,
					   int *cStride, int *hStride, int *wStride)
{
	int *const dims[] = {n, c, h, w}, *const strides[] = {nStride, cStride, hStride, wStride};

	if (!t || t->num != 4)
		return miopenStatusBadParm;
	if (type)
		*type = t->type;
	for (int i = 0; i < 4; i++) {
		put(dims[i], t->dims[i]);
		put(strides[i], t->strides[i]);
	}
	return miopenStatusSuccess;
}

miopenStatus_t miopenGetTensorDescriptorSize(miopenTensorDescriptor_t t, int *size)
{
	if (!t || !size)
		return miopenStatusBadParm;
	*size = t->num;
	return miopenStatusSuccess;
}

miopenStatus_t miopenGetTensorDescriptor(miopenTensorDescriptor_t t, miopenDataType_t *type,
					 int *dims, int *strides)
{
	if (!t)
		return miopenStatusBadParm;
	if (type)
		*type = t->type;
	for (int i = 0; i < t->num; i++) {
		put(dims ? dims + i : NULL, t->dims[i]);
		put(strides ? strides + i : NULL, t->strides[i]);
	}
	return miopenStatusSuccess;
}

miopenStatus_t miopenGetTensorNumBytes(miopenTensorDescriptor_t t, size_t *bytes)
{
	if (!t || !bytes)
		return miopenStatusBadParm;
	*bytes = tensor_bytes(t);
	return miopenStatusSuccess;
}

/* ---- convolutions ---- */

static miopenConvolutionFindMode_t find_mode_by_environment(void)
{
	static const char *const names[] = {NULL,     "NORMAL", "FAST",
					    "HYBRID", NULL,	"DYNAMIC_HYBRID"};
	const char *v = getenv("MIOPEN_FIND_MODE");

	for (int i = 1; v && i <= 5; i++)
		if (names[i] && (!strcasecmp(v, names[i]) || (v[0] == '0' + i && !v[1])))
			return i;
	return miopenConvolutionFindModeDefault;
}

static miopenStatus_t init(miopenConvolutionDescriptor_t c, int spatial, const int *pad,
			   const int *stride, const int *dilation, miopenConvolutionMode_t mode)
{
	if (!c || spatial < 1 || spatial > MAX_SPATIAL || !pad || !stride || !dilation)
		return miopenStatusBadParm;
	for (int i = 0; i < spatial; i++)
		if (pad[i] < 0 || stride[i] < 1 || dilation[i] < 1)
			return thrown(miopenStatusBadParm, "convolution.cpp:86",
				      "Invalid parameters, check usage. MIOPEN expects padding >= "
				      "0, stride >= 1, "
				      "dilation >= 1 and the same dilation factor for horizontal "
				      "and vertical direction");
	memset(c->pad, 0, sizeof(c->pad));
	memset(c->stride, 0, sizeof(c->stride));
	memset(c->dilation, 0, sizeof(c->dilation));
	memset(c->adjust, 0, sizeof(c->adjust));
	c->mode = mode;
	c->spatial = spatial;
	memcpy(c->pad, pad, spatial * sizeof(int));
	memcpy(c->stride, stride, spatial * sizeof(int));
	memcpy(c->dilation, dilation, spatial * sizeof(int));
	c->groups = 1;
	return miopenStatusSuccess;
}

miopenStatus_t miopenCreateConvolutionDescriptor(miopenConvolutionDescriptor_t *c)
{
	if (!c)
		return miopenStatusBadParm;
	*c = calloc(1, sizeof(**c));
	if (!*c)
		return miopenStatusAllocFailed;
	(*c)->find_mode = find_mode_by_environment();
	return init(*c, 2, (int[]){0, 0}, (int[]){1, 1}, (int[]){1, 1}, miopenConvolution);
}

miopenStatus_t miopenDestroyConvolutionDescriptor(miopenConvolutionDescriptor_t c)
{
	free(c);
	return miopenStatusSuccess;
}

miopenStatus_t miopenInitConvolutionNdDescriptor(miopenConvolutionDescriptor_t c, int spatial,
						 const int *pad, const int *stride,
						 const int *dilation, miopenConvolutionMode_t mode)
{
	return init(c, spatial, pad, stride, dilation, mode);
}

miopenStatus_t miopenInitConvolutionDescriptor(miopenConvolutionDescriptor_t c,
					       miopenConvolutionMode_t mode, int pad_h, int pad_w,
					       int stride_h, int stride_w, int dilation_h,
					       int dilation_w)
{
	return init(c, 2, (int[]){pad_h, pad_w}, (int[]){stride_h, stride_w},
		    (int[]){dilation_h, dilation_w}, mode);
}

miopenStatus_t miopenGetConvolutionSpatialDim(miopenConvolutionDescriptor_t c, int *spatial)
{
	if (!c || !spatial)
		return miopenStatusBadParm;
	*spatial = c->spatial;
	return miopenStatusSuccess;
}

miopenStatus_t miopenGetConvolutionNdDescriptor(miopenConvolutionDescriptor_t c, int requested,
						int *spatial, int *pad, int *stride, int *dilation,
						miopenConvolutionMode_t *mode)
{
	if (!c || requested < c->spatial)
		return miopenStatusBadParm;
	put(spatial, c->spatial);
	for (int i = 0; i < c->spatial; i++) {
		put(pad ? pad + i : NULL, c->pad[i]);
		put(stride ? stride + i : NULL, c->stride[i]);
		put(dilation ? dilation + i : NULL, c->dilation[i]);
	}
	if (mode)
		*mode = c->mode;
	return miopenStatusSuccess;
}

miopenStatus_t miopenGetConvolutionDescriptor(miopenConvolutionDescriptor_t c,
					      miopenConvolutionMode_t *mode, int *pad_h, int *pad_w,
					      int *stride_h, int *stride_w, int *dilation_h,
					      int *dilation_w)
{
	if (!c || c->spatial != 2)
		return miopenStatusBadParm;
	if (mode)
		*mode = c->mode;
	put(pad_h, c->pad[0]);
	put(pad_w, c->pad[1]);
	put(stride_h, c->stride[0]);
	put(stride_w, c->stride[1]);
	put(dilation_h, c->dilation[0]);
	put(dilation_w, c->dilation[1]);
	return miopenStatusSuccess;
}

miopenStatus_t miopenGetConvolutionGroupCount(miopenConvolutionDescriptor_t c, int *groups)
{
	if (!c || !groups)
		return miopenStatusBadParm;
	*groups = c->groups;
	return miopenStatusSuccess;
}

miopenStatus_t miopenSetConvolutionGroupCount(miopenConvolutionDescriptor_t c, int groups)
{
	if (!c || groups < 1)
		return miopenStatusBadParm;
	c->groups = groups;
	return miopenStatusSuccess;
}

static miopenStatus_t set_adjust(miopenConvolutionDescriptor_t c, int spatial, const int *adjust)
{
	if (!c || !adjust || spatial != c->spatial)
		return miopenStatusBadParm;
	memcpy(c->adjust, adjust, spatial * sizeof(int));
	return miopenStatusSuccess;
}

miopenStatus_t miopenSetTransposeConvNdOutputPadding(miopenConvolutionDescriptor_t c, int spatial,
						     const int *adjust)
{
	return set_adjust(c, spatial, adjust);
}

miopenStatus_t miopenSetTransposeConvOutputPadding(miopenConvolutionDescriptor_t c, int adj_h,
						   int adj_w)
{
	return set_adjust(c, 2, (int[]){adj_h, adj_w});
}

miopenStatus_t miopenSetConvolutionAttribute(miopenConvolutionDescriptor_t c,
					     const miopenConvolutionAttrib_t attr, int value)
{
	if (!c || attr > MIOPEN_CONVOLUTION_ATTRIB_FP8_ROUNDING_MODE)
		return miopenStatusBadParm;
	c->attribute[attr] = value;
	return miopenStatusSuccess;
}

miopenStatus_t miopenGetConvolutionAttribute(miopenConvolutionDescriptor_t c,
					     const miopenConvolutionAttrib_t attr, int *value)
{
	if (!c || !value || attr > MIOPEN_CONVOLUTION_ATTRIB_FP8_ROUNDING_MODE)
		return miopenStatusBadParm;
	*value = c->attribute[attr];
	return miopenStatusSuccess;
}

miopenStatus_t miopenSetConvolutionFindMode(miopenConvolutionDescriptor_t c,
					    miopenConvolutionFindMode_t mode)
{
	if (!c)
		return miopenStatusBadParm;
	c->find_mode = mode;
	return miopenStatusSuccess;
}

miopenStatus_t miopenGetConvolutionFindMode(const miopenConvolutionDescriptor_t c,
					    miopenConvolutionFindMode_t *mode)
{
	if (!c || !mode)
		return miopenStatusBadParm;
	*mode = c->find_mode;
	return miopenStatusSuccess;
}

miopenStatus_t output_dims(const struct miopenConvolutionDescriptor *c,
			   const struct miopenTensorDescriptor *x,
			   const struct miopenTensorDescriptor *w, int dims[MAX_DIMS])
{
	if (!c || !x || !w || !dims || x->num != c->spatial + 2 || w->num != x->num)
		return miopenStatusBadParm;
	if (x->dims[1] != w->dims[1] * c->groups)
		return thrown(miopenStatusBadParm, "convolution.cpp:195",
			      "Channels do not match for the filter or invalid group number");
	dims[0] = (int)x->dims[0];
	dims[1] = (int)w->dims[0];
	for (int i = 0; i < c->spatial; i++) {
		long room = (long)x->dims[i + 2] + 2 * c->pad[i] -
			    c->dilation[i] * ((long)w->dims[i + 2] - 1) - 1;

		dims[i + 2] = room < 0 ? 1 : (int)(room / c->stride[i] + 1);
	}
	return miopenStatusSuccess;
}

miopenStatus_t miopenGetConvolutionNdForwardOutputDim(miopenConvolutionDescriptor_t c,
						      const miopenTensorDescriptor_t x,
						      const miopenTensorDescriptor_t w, int *num,
						      int *dims)
{
	miopenStatus_t status = output_dims(c, x, w, dims);

	if (!status)
		put(num, x->num);
	return status;
}

miopenStatus_t miopenGetConvolutionForwardOutputDim(miopenConvolutionDescriptor_t c,
						    const miopenTensorDescriptor_t x,
						    const miopenTensorDescriptor_t w, int *n,
						    int *k, int *oh, int *ow)
{
	miopenStatus_t status;
	int dims[MAX_DIMS];

	if (!c || c->spatial != 2)
		return miopenStatusBadParm;
	status = output_dims(c, x, w, dims);
	if (status)
		return status;
	put(n, dims[0]);
	put(k, dims[1]);
	put(oh, dims[2]);
	put(ow, dims[3]);
	return miopenStatusSuccess;
}
