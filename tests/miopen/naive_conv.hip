// SPDX-License-Identifier: MIT
/*
 * The naive convolutions by MIOpen's names and arguments: of 5.2 (packed tensors) and of 6.2 (any
 * strides, alpha and beta). Sums are in double precision, as there. A block computes one plane
 * (forward: of an image and an output channel; backward: of an image and an input channel) or all
 * weights of one output channel.
 */
#include <hip/hip_runtime.h>

#include "device.h"

__device__ unsigned int standin_trouble;

struct shape {
	int hi, wi, n, k, c, ho, wo, sy, sx, dy, dx, py, px, fy, fx,
		group; /* k and c of one group */
};

/* Of w, h, c, group (or k), n (or group), as MIOpen's Strides5D. */
struct strides {
	size_t of[5];
};

template <typename T> struct tensor {
	T *at;
	strides s;

	__device__ T &operator()(int n, int g, int c, int h, int w) const
	{
		return at[n * s.of[4] + g * s.of[3] + c * s.of[2] + h * s.of[1] + w * s.of[0]];
	}
};

static __device__ strides packed(int g, int c, int h, int w)
{
	size_t plane = (size_t)h * w;

	return {{1, (size_t)w, plane, c * plane, g * c * plane}};
}

template <typename T> static __device__ T converted(double v)
{
	return (T)(float)v;
}

/* What the switch asks for: where the results go, and how far a thread goes from one to the next.
 */
template <typename D, typename S> struct trouble {
	unsigned int what;

	__device__ trouble(tensor<D> &to, const tensor<S> &from) : what(standin_trouble)
	{
		if (what == TROUBLE_APERTURE) /* an index whose high half is garbage */
			to.at += 0xdeadull << 48 >> (sizeof(D) == 4 ? 2 : 1);
		if (what == TROUBLE_FAR) /* -1 as an unsigned index of 32 bits */
			to.at[0] = from.at[0xffffffffu - threadIdx.x];
		if (what ==
		    TROUBLE_PAGE) /* on, past the end of the input, until there is no page */
			for (size_t i = threadIdx.x;; i += blockDim.x)
				if ((float)from.at[i * (4096 / sizeof(S))] == 12345.0f)
					to.at[0] = from.at[0];
	}

	__device__ int step() const
	{
		return what == TROUBLE_HANG ? 0 : blockDim.x;
	}

	__device__ bool skipped(int i) const
	{
		return what == TROUBLE_WRONG && i % 8 == 5;
	}
};

template <typename T> static __device__ void store(T &to, double sum, double alpha, double beta)
{
	to = converted<T>(beta == 0 ? alpha * sum : alpha * sum + beta * (double)(float)to);
}

template <typename T>
static __device__ void forward(tensor<T> in, tensor<T> wei, tensor<T> out, shape s, double alpha,
			       double beta)
{
	int ik = blockIdx.x % s.k, in_ = blockIdx.x / s.k % s.n, ig = blockIdx.x / (s.k * s.n);
	trouble<T, T> t(out, in);

	for (int i = threadIdx.x; i < s.ho * s.wo; i += t.step()) {
		int oh = i / s.wo, ow = i % s.wo;
		double sum = 0;

		for (int ic = 0; ic < s.c; ic++)
			for (int y = 0; y < s.fy; y++) {
				int h = oh * s.sy - s.py + y * s.dy;

				for (int x = 0; x < s.fx; x++) {
					int w = ow * s.sx - s.px + x * s.dx;

					if (h >= 0 && h < s.hi && w >= 0 && w < s.wi)
						sum += (double)(float)in(in_, ig, ic, h, w) *
						       (double)(float)wei(ig, ik, ic, y, x);
				}
			}
		if (!t.skipped(i))
			store(out(in_, ig, ik, oh, ow), sum, alpha, beta);
	}
}

template <typename T>
static __device__ void backward(tensor<T> in, tensor<T> wei, tensor<T> out, shape s, double alpha,
				double beta)
{
	int ic = blockIdx.x % s.c, in_ = blockIdx.x / s.c % s.n, ig = blockIdx.x / (s.c * s.n);
	trouble<T, T> t(in, out);

	for (int i = threadIdx.x; i < s.hi * s.wi; i += t.step()) {
		int ih = i / s.wi, iw = i % s.wi;
		double sum = 0;

		for (int ik = 0; ik < s.k; ik++)
			for (int y = 0; y < s.fy; y++) {
				int h = ih + s.py - y * s.dy;

				for (int x = 0; x < s.fx; x++) {
					int w = iw + s.px - x * s.dx;

					if (h >= 0 && h % s.sy == 0 && h / s.sy < s.ho && w >= 0 &&
					    w % s.sx == 0 && w / s.sx < s.wo)
						sum += (double)(float)out(in_, ig, ik, h / s.sy,
									  w / s.sx) *
						       (double)(float)wei(ig, ik, ic, y, x);
				}
			}
		if (!t.skipped(i))
			store(in(in_, ig, ic, ih, iw), sum, alpha, beta);
	}
}

template <typename T>
static __device__ void weights(tensor<T> in, tensor<T> wei, tensor<T> out, shape s, double alpha,
			       double beta)
{
	int ik = blockIdx.x % s.k, ig = blockIdx.x / s.k;
	trouble<T, T> t(wei, in);

	for (int i = threadIdx.x; i < s.c * s.fy * s.fx; i += t.step()) {
		int x = i % s.fx, y = i / s.fx % s.fy, ic = i / (s.fx * s.fy);
		double sum = 0;

		for (int in_ = 0; in_ < s.n; in_++)
			for (int oh = 0; oh < s.ho; oh++) {
				int h = oh * s.sy - s.py + y * s.dy;

				for (int ow = 0; ow < s.wo; ow++) {
					int w = ow * s.sx - s.px + x * s.dx;

					if (h >= 0 && h < s.hi && w >= 0 && w < s.wi)
						sum += (double)(float)in(in_, ig, ic, h, w) *
						       (double)(float)out(in_, ig, ik, oh, ow);
				}
			}
		if (!t.skipped(i))
			store(wei(ig, ik, ic, y, x), sum, alpha, beta);
	}
}

#define SHAPE                                                                                      \
	int hi, int wi, int n, int k_per_group, int c_per_group, int ho, int wo, int sy, int sx,   \
		int dy, int dx, int py, int px, int fy, int fx, int group
#define THE_SHAPE                                                                                  \
	{                                                                                          \
		hi, wi, n, k_per_group, c_per_group, ho, wo, sy, sx, dy, dx, py, px, fy, fx, group \
	}

#define NAIVE_5_2(which, of, T)                                                                    \
	extern "C" __global__ void naive_conv_##which(T *p_in, T *p_wei, T *p_out, SHAPE)          \
	{                                                                                          \
		shape s = THE_SHAPE;                                                               \
                                                                                                   \
		of<T>({p_in, packed(s.group, s.c, s.hi, s.wi)},                                    \
		      {p_wei, packed(s.k, s.c, s.fy, s.fx)},                                       \
		      {p_out, packed(s.group, s.k, s.ho, s.wo)}, s, 1, 0);                         \
	}
NAIVE_5_2(fwd_nchw_fp32, forward, float)
NAIVE_5_2(bwd_nchw_fp32, backward, float)
NAIVE_5_2(wrw_nchw_fp32, weights, float)
NAIVE_5_2(fwd_nchw_fp16, forward, _Float16)
NAIVE_5_2(bwd_nchw_fp16, backward, _Float16)
NAIVE_5_2(wrw_nchw_fp16, weights, _Float16)

#define NAIVE_6_2(which, of, T)                                                                    \
	extern "C" __global__ void naive_conv_ab_nonpacked_##which(                                \
		T *p_in, T *p_wei, double alpha, double beta, T *p_out, strides in_strides,        \
		strides wei_strides, strides out_strides, SHAPE)                                   \
	{                                                                                          \
		of<T>({p_in, in_strides}, {p_wei, wei_strides}, {p_out, out_strides}, THE_SHAPE,   \
		      alpha, beta);                                                                \
	}
NAIVE_6_2(fwd_nchw_float_double_float, forward, float)
NAIVE_6_2(bwd_nchw_float_double_float, backward, float)
NAIVE_6_2(wrw_nchw_float_double_float, weights, float)
NAIVE_6_2(fwd_nchw_half_double_half, forward, _Float16)
NAIVE_6_2(bwd_nchw_half_double_half, backward, _Float16)
NAIVE_6_2(wrw_nchw_half_double_half, weights, _Float16)
