// SPDX-License-Identifier: MIT
/*
 * miopen naive|gemm|find: ten forward convolutions through MIOpen, every algorithm that its find
 * returns, each output against a CPU loop in double. The bound is the worst that rounding can do:
 * of a sum of n products in float, in any order, fused or not, (n + 1) units of 2^-24 of the sum of
 * magnitudes; of one in double, rounded once, 2^-24 of the result and next to nothing of the sum.
 *
 * MIOPEN_DEBUG_CONV_GEMM=0 and MIOPEN_DEBUG_CONV_DIRECT=0, set here, leave one of the two.
 */
struct miopenTensorArgument_t;
typedef struct miopenTensorArgument_t
	miopenTensorArgument_t; /* the header forgets it in some places */
#include <hip/hip_runtime.h>
#include <miopen/miopen.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#define OK(call)                                                                                   \
	do {                                                                                       \
		int err_ = (int)(call);                                                            \
                                                                                                   \
		if (err_) {                                                                        \
			std::printf("%s: error %d\n", #call, err_);                                \
			std::exit(3);                                                              \
		}                                                                                  \
	} while (0)

struct shape {
	int n, c, h, w, k, y, x, pad_h, pad_w, stride, dilation, groups;

	int out_h() const
	{
		return (h + 2 * pad_h - dilation * (y - 1) - 1) / stride + 1;
	}
	int out_w() const
	{
		return (w + 2 * pad_w - dilation * (x - 1) - 1) / stride + 1;
	}
};

static const shape shapes[] = {
	/* n  c  h   w   k  y  x  pads  stride dilation groups */
	{1, 4, 10, 10, 8, 3, 3, 1, 1, 1, 1, 1}, {2, 16, 14, 14, 32, 3, 3, 1, 1, 1, 1, 1},
	{1, 8, 9, 11, 5, 1, 1, 0, 0, 1, 1, 1},	{1, 3, 17, 13, 6, 5, 5, 2, 2, 2, 1, 1},
	{3, 6, 8, 8, 12, 3, 3, 0, 0, 1, 2, 1},	{1, 8, 12, 12, 8, 3, 3, 1, 1, 1, 1, 8},
	{2, 8, 7, 9, 16, 3, 1, 1, 0, 1, 1, 1},	{1, 1, 28, 28, 6, 5, 5, 0, 0, 1, 1, 1},
	{1, 64, 7, 7, 16, 1, 1, 0, 0, 1, 1, 1}, {1, 8, 12, 12, 12, 3, 3, 1, 1, 2, 1, 2},
};

/* Numbers of both signs with full mantissas, the same in every run. */
static float next_float(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return (float)(int32_t)*state / 2147483648.0f;
}

struct buffer {
	std::vector<float> host;
	float *device = nullptr;

	buffer(size_t n, uint32_t seed) : host(n)
	{
		for (float &f : host)
			f = next_float(&seed);
		OK(hipMalloc((void **)&device, n * sizeof(float)));
		OK(hipMemcpy(device, host.data(), n * sizeof(float), hipMemcpyHostToDevice));
	}
	~buffer()
	{
		OK(hipFree(device));
	}
};

/* One output in double: the sum, and the sum of magnitudes. */
static double reference(const shape &s, const float *in, const float *weights, int n, int k, int oy,
			int ox, double *magnitude)
{
	const int per_group = s.c / s.groups, first = k / (s.k / s.groups) * per_group;
	double sum = 0;

	*magnitude = 0;
	for (int c = 0; c < per_group; c++)
		for (int y = 0; y < s.y; y++)
			for (int x = 0; x < s.x; x++) {
				int iy = oy * s.stride + y * s.dilation - s.pad_h;
				int ix = ox * s.stride + x * s.dilation - s.pad_w;
				double p;

				if (iy < 0 || iy >= s.h || ix < 0 || ix >= s.w)
					continue;
				p = (double)in[((n * s.c + first + c) * s.h + iy) * s.w + ix] *
				    weights[((k * per_group + c) * s.y + y) * s.x + x];
				sum += p;
				*magnitude += std::fabs(p);
			}
	return sum;
}

/* How many outputs are off; *worst: the largest error, in units of its bound. */
static int compare(const shape &s, const buffer &in, const buffer &weights,
		   const std::vector<float> &out, bool in_double, double *worst)
{
	const double unit = 1.0 / (1 << 24), terms = s.c / s.groups * s.y * s.x;
	size_t i = 0;
	int off = 0;

	*worst = 0;
	for (int n = 0; n < s.n; n++)
		for (int k = 0; k < s.k; k++)
			for (int oy = 0; oy < s.out_h(); oy++)
				for (int ox = 0; ox < s.out_w(); ox++, i++) {
					double sum, want, bound;

					want = reference(s, in.host.data(), weights.host.data(), n,
							 k, oy, ox, &sum);
					bound = in_double ? unit * std::fabs(want) + 1e-13 * sum +
								    1e-38
							  : unit * (terms + 1) * sum + 1e-38;
					double error = std::fabs(out[i] - want) / bound;
					if (!(error <= 1))
						off++;
					if (!(error <= *worst))
						*worst = error;
				}
	return off;
}

struct totals {
	int runs, off, of_algorithm[16];
};

static void convolve(miopenHandle_t handle, const shape &s, totals *t)
{
	buffer in((size_t)s.n * s.c * s.h * s.w, 1),
		weights((size_t)s.k * (s.c / s.groups) * s.y * s.x, 2);
	buffer out((size_t)s.n * s.k * s.out_h() * s.out_w(), 3);
	miopenTensorDescriptor_t xd, wd, yd;
	miopenConvolutionDescriptor_t conv;
	miopenConvAlgoPerf_t found[16];
	size_t workspace_bytes = 0;
	void *workspace = nullptr;
	float one = 1, zero = 0;
	int num = 0;

	OK(miopenCreateTensorDescriptor(&xd));
	OK(miopenCreateTensorDescriptor(&wd));
	OK(miopenCreateTensorDescriptor(&yd));
	OK(miopenSet4dTensorDescriptor(xd, miopenFloat, s.n, s.c, s.h, s.w));
	OK(miopenSet4dTensorDescriptor(wd, miopenFloat, s.k, s.c / s.groups, s.y, s.x));
	OK(miopenSet4dTensorDescriptor(yd, miopenFloat, s.n, s.k, s.out_h(), s.out_w()));
	OK(miopenCreateConvolutionDescriptor(&conv));
	OK(miopenInitConvolutionDescriptor(conv, miopenConvolution, s.pad_h, s.pad_w, s.stride,
					   s.stride, s.dilation, s.dilation));
	OK(miopenSetConvolutionGroupCount(conv, s.groups));
	OK(miopenConvolutionForwardGetWorkSpaceSize(handle, wd, xd, conv, yd, &workspace_bytes));
	/* With dilation it says 0, and its GEMM then asks for im2col's matrix (MIOpen 3.4.0). */
	workspace_bytes =
		std::max(workspace_bytes, sizeof(float) * s.c * s.y * s.x * s.out_h() * s.out_w());
	OK(hipMalloc(&workspace, workspace_bytes));
	OK(miopenFindConvolutionForwardAlgorithm(handle, xd, in.device, wd, weights.device, conv,
						 yd, out.device, 16, &num, found, workspace,
						 workspace_bytes, false));
	for (int i = 0; i < num; i++) {
		const miopenConvFwdAlgorithm_t algo = found[i].fwd_algo;
		double worst;
		int off;

		OK(hipMemset(out.device, 0xff, out.host.size() * sizeof(float)));
		OK(miopenConvolutionForward(handle, &one, xd, in.device, wd, weights.device, conv,
					    algo, &zero, yd, out.device, workspace,
					    workspace_bytes));
		OK(hipMemcpy(out.host.data(), out.device, out.host.size() * sizeof(float),
			     hipMemcpyDeviceToHost));
		off = compare(s, in, weights, out.host, algo == miopenConvolutionFwdAlgoDirect,
			      &worst);
		std::printf("%dx%dx%dx%d * %dx%dx%d pad %d,%d stride %d dilation %d groups %d: %s, "
			    "%zu outputs, "
			    "worst error %.2f of the bound%s\n",
			    s.n, s.c, s.h, s.w, s.k, s.y, s.x, s.pad_h, s.pad_w, s.stride,
			    s.dilation, s.groups,
			    algo == miopenConvolutionFwdAlgoGEMM     ? "gemm"
			    : algo == miopenConvolutionFwdAlgoDirect ? "direct"
								     : "another algorithm",
			    out.host.size(), worst, off ? ": WRONG" : "");
		t->runs++;
		t->off += off;
		t->of_algorithm[algo & 15]++;
	}
	OK(miopenDestroyConvolutionDescriptor(conv));
	OK(miopenDestroyTensorDescriptor(xd));
	OK(miopenDestroyTensorDescriptor(wd));
	OK(miopenDestroyTensorDescriptor(yd));
	OK(hipFree(workspace));
}

int main(int argc, char **argv)
{
	const char *mode = argc == 2 ? argv[1] : "";
	const int num_shapes = sizeof(shapes) / sizeof(shapes[0]);
	miopenHandle_t handle;
	totals t = {};

	if (!std::strcmp(mode, "naive")) {
		setenv("MIOPEN_DEBUG_CONV_GEMM", "0", 1);
	} else if (!std::strcmp(mode, "gemm")) {
		setenv("MIOPEN_DEBUG_CONV_DIRECT", "0", 1);
	} else if (std::strcmp(mode, "find")) {
		std::fprintf(stderr, "usage: miopen naive|gemm|find\n");
		return 2;
	}
	OK(miopenCreate(&handle));
	for (const shape &s : shapes)
		convolve(handle, s, &t);
	OK(miopenDestroy(handle));
	int direct = t.of_algorithm[miopenConvolutionFwdAlgoDirect];
	int gemm = t.of_algorithm[miopenConvolutionFwdAlgoGEMM];
	std::printf("%d shapes, %d runs (direct %d, gemm %d), %d outputs wrong\n", num_shapes,
		    t.runs, direct, gemm, t.off);
	if (t.off)
		return 1;
	return mode[0] == 'n'	? direct != num_shapes || gemm
	       : mode[0] == 'g' ? gemm != num_shapes || direct
				: direct < num_shapes || !gemm;
}
