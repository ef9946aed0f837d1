// SPDX-License-Identifier: MIT
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "standin.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

/* ---- sizes of a two-dimensional convolution, of one group ---- */

struct sizes {
	int n, c, h, w, k, oh, ow, fy, fx, groups;
	size_t filter, out; /* c * fy * fx, oh * ow */
};

static struct sizes sizes_of(const struct problem *p)
{
	const size_t *x = p->x.dims, *w = p->w.dims, *y = p->y.dims;

	return (struct sizes){
		.n = x[0],
		.c = w[1],
		.h = x[2],
		.w = x[3],
		.k = w[0] / p->conv.groups,
		.oh = y[2],
		.ow = y[3],
		.fy = w[2],
		.fx = w[3],
		.groups = p->conv.groups,
		.filter = w[1] * w[2] * w[3],
		.out = y[2] * y[3],
	};
}

static bool packed(const struct problem *p)
{
	return is_packed(&p->x) && is_packed(&p->w) && is_packed(&p->y);
}

/* 2D, no transposed one, all of one type that there are kernels for. */
static bool computable(const struct problem *p)
{
	return p->conv.spatial == 2 && p->conv.mode != miopenTranspose &&
	       (p->x.type == miopenFloat || p->x.type == miopenHalf) && p->w.type == p->x.type &&
	       p->y.type == p->x.type;
}

static size_t none(const struct problem *p)
{
	(void)p;
	return 0;
}

/* ---- direct: one kernel ---- */

struct naive_5_2 {
	void *in, *wei, *out;
	int shape[16];
};

struct naive_6_2 {
	void *in, *wei;
	double alpha, beta;
	void *out;
	size_t strides[3][5];
	int shape[16];
};
_Static_assert(sizeof(struct naive_5_2) == 88 && sizeof(struct naive_6_2) == 224,
	       "MIOpen's layouts");

static bool naive_applicable(const struct problem *p)
{
	return computable(p) && (layout_6_2() || packed(p));
}

/* As MIOpen's Strides5D: w, h, c of a group, then group and n, or for weights k and group. */
static void split_strides(size_t to[5], const struct miopenTensorDescriptor *t, size_t group_stride,
			  bool weights)
{
	to[0] = t->strides[3];
	to[1] = t->strides[2];
	to[2] = t->strides[1];
	to[3] = weights ? t->strides[0] : group_stride;
	to[4] = weights ? group_stride : t->strides[0];
}

static miopenStatus_t naive_run(miopenHandle_t h, const struct problem *p, const struct buffers *b)
{
	static const char *const which[] = {"fwd", "bwd", "wrw"};
	const struct miopenConvolutionDescriptor *c = &p->conv;
	struct sizes s = sizes_of(p);
	const int shape[16] = {s.h,
			       s.w,
			       s.n,
			       s.k,
			       s.c,
			       s.oh,
			       s.ow,
			       c->stride[0],
			       c->stride[1],
			       c->dilation[0],
			       c->dilation[1],
			       c->pad[0],
			       c->pad[1],
			       s.fy,
			       s.fx,
			       s.groups};
	const size_t blocks[] = {(size_t)s.n * s.k * s.groups, (size_t)s.n * s.c * s.groups,
				 (size_t)s.k * s.groups};
	const size_t grid[3] = {blocks[p->direction] * 256, 1, 1};
	bool half = p->x.type == miopenHalf;
	char name[80];

	if (!layout_6_2()) {
		struct naive_5_2 a = {b->x, b->w, b->y, {0}};

		memcpy(a.shape, shape, sizeof(shape));
		snprintf(name, sizeof(name), "naive_conv_%s_nchw_%s", which[p->direction],
			 half ? "fp16" : "fp32");
		return launch(h, NAIVE, p, name, grid, 256, &a, sizeof(a));
	}
	struct naive_6_2 a = {b->x, b->w, 1, 0, b->y, {{0}}, {0}};

	memcpy(a.shape, shape, sizeof(shape));
	split_strides(a.strides[0], &p->x, p->x.strides[1] * s.c, false);
	split_strides(a.strides[1], &p->w, p->w.strides[0] * s.k, true);
	split_strides(a.strides[2], &p->y, p->y.strides[1] * s.k, false);
	snprintf(name, sizeof(name), "naive_conv_ab_nonpacked_%s_nchw_%s", which[p->direction],
		 half ? "half_double_half" : "float_double_float");
	return launch(h, NAIVE, p, name, grid, 256, &a, sizeof(a));
}

/* ---- GEMM: the input (or the result) as a matrix in the workspace, and a product ---- */

struct im2col_5_2 {
	int data_size_off;
	void *im;
	int im_offset, geometry[12];
	void *col;
};

struct im2col_6_2 {
	int data_size_off, pad;
	void *im;
	uint64_t im_offset;
	int geometry[12];
	void *col;
	int tiling[5];
} __attribute__((packed));

struct col2im {
	void *col;
	int geometry[12];
	void *im;
	uint64_t im_offset;
};

struct tensile {
	void *d, *c, *a, *b;
	float alpha, beta;
	uint32_t stride_d[2], stride_c[2], stride_a[2], stride_b[2];
	uint32_t size[4]; /* i, j, batch, l */
	uint32_t stagger, tiles[2], magic;
};
_Static_assert(sizeof(struct im2col_5_2) == 80 && sizeof(struct im2col_6_2) == 100 &&
		       sizeof(struct col2im) == 72 && sizeof(struct tensile) == 104,
	       "MIOpen's and Tensile's layouts");

static bool pointwise(const struct problem *p)
{
	const struct miopenConvolutionDescriptor *c = &p->conv;

	return p->w.dims[2] == 1 && p->w.dims[3] == 1 && c->stride[0] == 1 && c->stride[1] == 1 &&
	       !c->pad[0] && !c->pad[1];
}

static bool gemm_1x1_applicable(const struct problem *p)
{
	return computable(p) && packed(p) && pointwise(p);
}

static bool gemm_applicable(const struct problem *p)
{
	return computable(p) && packed(p) && !pointwise(p);
}

/* The matrix of one image. What is to be freed is large enough to be a KFD buffer of its own. */
static size_t gemm_workspace(const struct problem *p)
{
	struct sizes s = sizes_of(p);
	size_t size = s.groups * s.filter * s.out * element_size(p->x.type);

	return switched("use-after-free", p) && size < 4 << 20 ? 4 << 20 : size;
}

static enum program im2col_program(const struct problem *p)
{
	return p->x.type == miopenHalf ? IM2COL_HALF : IM2COL_FLOAT;
}

static miopenStatus_t im2col(miopenHandle_t h, const struct problem *p, const struct buffers *b,
			     int image)
{
	const struct miopenConvolutionDescriptor *c = &p->conv;
	struct sizes s = sizes_of(p);
	const int geometry[12] = {s.h,		s.w,	      s.fy,	      s.fx,
				  s.oh,		s.ow,	      c->pad[0],      c->pad[1],
				  c->stride[0], c->stride[1], c->dilation[0], c->dilation[1]};
	size_t channels = (size_t)s.c * s.groups, size = channels * s.h * s.w, offset = image * size;
	/* MIOpen's: tiles of 32 x 8 outputs, or four small channels at once (where local memory is large enough). */
	int together = s.oh <= 8 && s.ow <= 8 && c->stride[0] == 1 && c->stride[1] == 1 && channels % 4 == 0 ? 4 : 1;
	int across = (s.ow + 31) / 32, tiles = across * ((s.oh + 7) / 8);
	size_t grid[3] = {channels / together * tiles * 256, 1, 1};

	if (!layout_6_2()) {
		struct im2col_5_2 a = {size, b->x, offset, {0}, b->workspace};

		memcpy(a.geometry, geometry, sizeof(geometry));
		return launch(h, im2col_program(p), p, "Im2d2Col", grid, 256, &a, sizeof(a));
	}
	struct im2col_6_2 a = {size, 0, b->x, offset, {0}, b->workspace, {together, across, tiles, 32, 8}};

	memcpy(a.geometry, geometry, sizeof(geometry));
	return launch(h, im2col_program(p), p, "Im2d2Col_v2", grid, 256, &a, sizeof(a));
}

static miopenStatus_t col2im(miopenHandle_t h, const struct problem *p, const struct buffers *b,
			     int image)
{
	const struct miopenConvolutionDescriptor *c = &p->conv;
	struct sizes s = sizes_of(p);
	size_t pixels = (size_t)s.c * s.groups * s.h * s.w, block = 256;
	struct col2im a = {b->workspace,
			   {s.oh, s.ow, s.fy, s.fx, c->pad[0], c->pad[1], c->stride[0],
			    c->stride[1], c->dilation[0], c->dilation[1], s.h, s.w},
			   b->x,
			   image * pixels};

	/* It has no bound: every item is a pixel. */
	while (pixels % block)
		block /= 2;
	return launch(h, im2col_program(p), p, "Col2Im2d", (size_t[]){pixels, 1, 1}, block, &a,
		      sizeof(a));
}

#define TEXT(a) #a
#define TEXT_OF(a) TEXT(a)

/* letters: which index of A and of B is contiguous. */
static miopenStatus_t tensile(miopenHandle_t h, const struct problem *p, const char *letters,
			      struct tensile *a)
{
	size_t tiles[2] = {(a->size[0] + TENSILE_TILE - 1) / TENSILE_TILE,
			   (a->size[1] + TENSILE_TILE - 1) / TENSILE_TILE};
	char name[600];

	a->alpha = 1;
	a->c = a->d;
	memcpy(a->stride_c, a->stride_d, sizeof(a->stride_c));
	a->tiles[0] = tiles[0];
	a->tiles[1] = tiles[1];
	a->magic = 0x80000000 / tiles[0] + 1;
	snprintf(name, sizeof(name), "Cijk_%s_%s_%s", letters,
		 p->x.type == miopenHalf ? "HHS_BH" : "SB", TEXT_OF(TENSILE_PARAMETERS));
	return launch(h, GEMM, p, name, (size_t[]){tiles[0] * 256, tiles[1], a->size[2]}, 256, a,
		      sizeof(*a));
}

static void *offset(void *p, size_t elements, miopenDataType_t type)
{
	return (char *)p + elements * element_size(type);
}

/*
 * The product for one image; `matrix` is the workspace or, where every pixel is a row of it, the
 * image itself. By columns, so that a row-major matrix is its transposed one.
 */
static miopenStatus_t product(miopenHandle_t h, const struct problem *p, const struct buffers *b,
			      void *matrix, int image)
{
	struct sizes s = sizes_of(p);
	uint32_t out = s.out, filter = s.filter, k = s.k, groups = s.groups;
	void *y = offset(b->y, (size_t)image * groups * k * out, p->y.type);

	switch (p->direction) {
	case FORWARD:
		return tensile(h, p, "Ailk_Bljk",
			       &(struct tensile){.d = y,
						 .a = matrix,
						 .b = b->w,
						 .stride_d = {out, k * out},
						 .stride_a = {out, filter * out},
						 .stride_b = {filter, k * filter},
						 .size = {out, k, groups, filter}});
	case BACKWARD_DATA:
		return tensile(h, p, "Ailk_Bjlk",
			       &(struct tensile){.d = matrix,
						 .a = y,
						 .b = b->w,
						 .stride_d = {out, filter * out},
						 .stride_a = {out, k * out},
						 .stride_b = {filter, k * filter},
						 .size = {out, filter, groups, k}});
	default: /* summed over the images */
		return tensile(h, p, "Alik_Bljk",
			       &(struct tensile){.d = b->w,
						 .a = matrix,
						 .b = y,
						 .beta = image ? 1 : 0,
						 .stride_d = {filter, k * filter},
						 .stride_a = {out, filter * out},
						 .stride_b = {out, k * out},
						 .size = {filter, k, groups, out}});
	}
}

static miopenStatus_t gemm_1x1_run(miopenHandle_t h, const struct problem *p,
				   const struct buffers *b)
{
	struct sizes s = sizes_of(p);
	miopenStatus_t status = miopenStatusSuccess;

	for (int i = 0; i < s.n && !status; i++)
		status = product(h, p, b,
				 offset(b->x, (size_t)i * s.c * s.groups * s.out, p->x.type), i);
	return status;
}

static miopenStatus_t gemm_run(miopenHandle_t h, const struct problem *p, const struct buffers *b)
{
	miopenStatus_t status = miopenStatusSuccess;

	if (!b->workspace || b->workspace_size < gemm_workspace(p))
		return thrown(miopenStatusBadParm, "solver/gemm.cpp:0",
			      "Workspace is required or too small");
	/* The second time it is not there to be freed any more. */
	if (switched("use-after-free", p) && hipFree(b->workspace))
		(void)hipGetLastError();
	for (int i = 0; i < (int)p->x.dims[0] && !status; i++) {
		if (p->direction != BACKWARD_DATA)
			status = im2col(h, p, b, i);
		if (!status)
			status = product(h, p, b, b->workspace, i);
		if (!status && p->direction == BACKWARD_DATA)
			status = col2im(h, p, b, i);
	}
	return status;
}

/* ---- which there are; the first is the one that immediate mode prefers ---- */

/* clang-format off */
#define POINTWISE miopenConvolutionAlgoGEMM, 2, gemm_1x1_applicable, none, gemm_1x1_run, {GEMM, GEMM}
#define MATRIX miopenConvolutionAlgoGEMM, 4, gemm_applicable, gemm_workspace, gemm_run, {IM2COL_FLOAT, GEMM}
#define DIRECT miopenConvolutionAlgoDirect, 20, naive_applicable, none, naive_run, {NAIVE, NAIVE}
static const struct solver solvers[] = {
	{"GemmFwd1x1_0_1", 88, FORWARD, POINTWISE},
	{"GemmFwdRest", 91, FORWARD, MATRIX},
	{"ConvDirectNaiveConvFwd", 85, FORWARD, DIRECT},
	{"GemmBwd1x1_stride1", 95, BACKWARD_DATA, POINTWISE},
	{"GemmBwdRest", 96, BACKWARD_DATA, MATRIX},
	{"ConvDirectNaiveConvBwd", 86, BACKWARD_DATA, DIRECT},
	{"GemmWrw1x1_stride1", 97, BACKWARD_WEIGHTS, POINTWISE},
	{"GemmWrwUniversal", 98, BACKWARD_WEIGHTS, MATRIX},
	{"ConvDirectNaiveConvWrw", 87, BACKWARD_WEIGHTS, DIRECT},
};
/* clang-format on */

static const char *const algorithm_variables[] = {
	[miopenConvolutionAlgoGEMM] = "MIOPEN_DEBUG_CONV_GEMM",
	[miopenConvolutionAlgoDirect] = "MIOPEN_DEBUG_CONV_DIRECT",
	[miopenConvolutionAlgoFFT] = "MIOPEN_DEBUG_CONV_FFT",
	[miopenConvolutionAlgoWinograd] = "MIOPEN_DEBUG_CONV_WINOGRAD",
	[miopenConvolutionAlgoImplicitGEMM] = "MIOPEN_DEBUG_CONV_IMPLICIT_GEMM",
};

/* MIOPEN_DEBUG_FIND_ONLY_SOLVER, a list of names, has this one or does not exist. */
static bool asked_for(const char *name)
{
	const char *v = getenv("MIOPEN_DEBUG_FIND_ONLY_SOLVER");
	size_t n;

	if (!v || !*v)
		return true;
	for (; *v; v += n + !!v[n]) {
		n = strcspn(v, ";");
		if (n == strlen(name) && !strncmp(v, name, n))
			return true;
	}
	return false;
}

static bool takes(const struct solver *s, const struct problem *p)
{
	return s->direction == p->direction && !switched("no-solver", p) &&
	       !disabled(algorithm_variables[s->algorithm]) && asked_for(s->name) &&
	       s->applicable(p);
}

const struct solver *next_solver(const struct solver *s, const struct problem *p)
{
	for (s = s ? s + 1 : solvers; s < solvers + COUNT(solvers); s++)
		if (takes(s, p))
			return s;
	return NULL;
}

const struct solver *solver_by_id(uint64_t id, const struct problem *p)
{
	const struct solver *s = NULL;

	while ((s = next_solver(s, p)) && s->id != id)
		;
	return s;
}

miopenStatus_t prepare(miopenHandle_t h, const struct problem *p, const struct solver *s)
{
	miopenStatus_t status = miopenStatusSuccess;

	for (int i = 0; i < 2 && !status; i++)
		status = load(h,
			      s->programs[i] == IM2COL_FLOAT ? im2col_program(p) : s->programs[i]);
	return status;
}
