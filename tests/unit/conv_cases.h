/* SPDX-License-Identifier: MIT */
/*
 * Random convolutions as MIOpen's kernels are given them, and what must come out: written down once
 * more, without hsa-tools/conv. Sums are in double, in the order in which MIOpen's kernels sum.
 */
#ifndef RDNA1_TESTS_CONV_CASES_H
#define RDNA1_TESTS_CONV_CASES_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FWD, BWD, WRW, IM2COL, COL2IM, PRODUCT };
enum { IN, WEI, OUT, ADD }; /* of products: A, B, D, C */

/* The names of one version, and how it is called. */
struct conv_form {
	const char *prefix, *types[2];
	enum { ARGS_PLAIN, ARGS_STRIDES, ARGS_ALPHA_BETA } args;
	bool packed;
	uint32_t bytes;
};

#define LONG_TYPES                                                                                 \
	{                                                                                          \
		"float_double_float", "half_double_half"                                           \
	}
static const struct conv_form conv_forms[] = {
	{"", {"fp32", "fp16"}, ARGS_PLAIN, true, 88},
	{"", LONG_TYPES, ARGS_PLAIN, true, 88},
	{"packed_", LONG_TYPES, ARGS_STRIDES, true, 208},
	{"nonpacked_", LONG_TYPES, ARGS_STRIDES, false, 208},
	{"packed_", LONG_TYPES, ARGS_ALPHA_BETA, true, 224},
	{"nonpacked_", LONG_TYPES, ARGS_ALPHA_BETA, false, 224},
	{"ab_packed_", LONG_TYPES, ARGS_ALPHA_BETA, true, 224},
	{"ab_nonpacked_", LONG_TYPES, ARGS_ALPHA_BETA, false, 224},
};

struct conv_shape {
	int32_t hi, wi, n, k, c, ho, wo, sy, sx, dy, dx, py, px, fy, fx, g;
};

struct conv_case {
	int kind;
	bool nhwc, fp16;
	const struct conv_form *form; /* NULL: im2col, col2im */
	bool v2; /* of those: with 64 bits of offset, or Col2Im2dU; of products: without offsets */
	bool a_by_l, b_by_l, in_place; /* of products: s.n of s.ho x s.c by s.c x s.k; C is D */
	struct conv_shape s;
	uint64_t stride[4][5]; /* n, group (weights: group, k), c, h, w; of products: batch, i or j,
				  l or j */
	size_t elements[4];    /* with the gaps */
	uint64_t offset;       /* of the image, in elements */
	double alpha, beta;
	char name[128];
	const char *type_name; /* as metadata would have it */
};

static uint64_t conv_random_state = 1;

static inline uint32_t conv_random(uint32_t below)
{
	conv_random_state = conv_random_state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(conv_random_state >> 33) % below;
}

static inline int32_t one_to(uint32_t most)
{
	return 1 + (int32_t)conv_random(most);
}

/* ---- half ---- */

static inline double conv_load(const void *at, uint64_t i, bool fp16)
{
	return fp16 ? (double)(float)((const _Float16 *)at)[i] : (double)((const float *)at)[i];
}

static inline void conv_store(void *at, uint64_t i, bool fp16, double v)
{
	if (fp16)
		((_Float16 *)at)[i] = (_Float16)(float)v;
	else
		((float *)at)[i] = (float)v;
}

/* ---- what must come out ---- */

static inline uint64_t conv_at(const struct conv_case *c, int o, int a, int b, int ch, int y, int x)
{
	const uint64_t *s = c->stride[o];

	return (uint64_t)a * s[0] + (uint64_t)b * s[1] + (uint64_t)ch * s[2] + (uint64_t)y * s[3] +
	       (uint64_t)x * s[4];
}

static inline double conv_product(const struct conv_case *c, void *const at[4], int n, int g, int k,
				  int ch, int fy, int fx, int oy, int ox)
{
	const struct conv_shape *s = &c->s;
	int h = oy * s->sy - s->py + fy * s->dy, w = ox * s->sx - s->px + fx * s->dx;
	double in, wei, out;

	if (h < 0 || h >= s->hi || w < 0 || w >= s->wi)
		return 0;
	in = c->kind == BWD ? 1 : conv_load(at[IN], conv_at(c, IN, n, g, ch, h, w), c->fp16);
	wei = c->kind == WRW ? 1 : conv_load(at[WEI], conv_at(c, WEI, g, k, ch, fy, fx), c->fp16);
	out = c->kind == FWD ? 1 : conv_load(at[OUT], conv_at(c, OUT, n, g, k, oy, ox), c->fp16);
	return in * wei * out;
}

static inline void conv_result(const struct conv_case *c, void *to, uint64_t i, double sum)
{
	if (c->beta != 0)
		sum = __builtin_fma(c->alpha, sum, c->beta * conv_load(to, i, c->fp16));
	else if (c->alpha != 1)
		sum *= c->alpha;
	conv_store(to, i, c->fp16, sum);
}

#define EACH(i, n) for (int i = 0; i < (n); i++)

static inline void conv_forward(const struct conv_case *c, void *const at[4])
{
	const struct conv_shape *s = &c->s;

	EACH(n, s->n) EACH(g, s->g) EACH(k, s->k) EACH(oy, s->ho) EACH(ox, s->wo)
	{
		double sum = 0;

		if (c->nhwc) {
			EACH(y, s->fy)
			EACH(x, s->fx) EACH(ch, s->c) sum +=
				conv_product(c, at, n, g, k, ch, y, x, oy, ox);
		} else {
			EACH(ch, s->c)
			EACH(y, s->fy) EACH(x, s->fx) sum +=
				conv_product(c, at, n, g, k, ch, y, x, oy, ox);
		}
		conv_result(c, at[OUT], conv_at(c, OUT, n, g, k, oy, ox), sum);
	}
}

/* The output from which filter position f comes to pixel i; -1: none. */
static inline int conv_back(int i, int f, int stride, int dilation, int pad, int outputs)
{
	int o = i + pad - f * dilation;

	return o < 0 || o % stride || o / stride >= outputs ? -1 : o / stride;
}

static inline double conv_back_product(const struct conv_case *c, void *const at[4], int n, int g,
				       int k, int ch, int fy, int fx, int y, int x)
{
	const struct conv_shape *s = &c->s;
	int oy = conv_back(y, fy, s->sy, s->dy, s->py, s->ho),
	    ox = conv_back(x, fx, s->sx, s->dx, s->px, s->wo);

	return oy < 0 || ox < 0 ? 0 : conv_product(c, at, n, g, k, ch, fy, fx, oy, ox);
}

static inline void conv_backward(const struct conv_case *c, void *const at[4])
{
	const struct conv_shape *s = &c->s;

	EACH(n, s->n) EACH(g, s->g) EACH(ch, s->c) EACH(y, s->hi) EACH(x, s->wi)
	{
		double sum = 0;

		if (c->nhwc) {
			EACH(fy, s->fy)
			EACH(fx, s->fx) EACH(k, s->k) sum +=
				conv_back_product(c, at, n, g, k, ch, fy, fx, y, x);
		} else {
			EACH(k, s->k)
			EACH(fy, s->fy) EACH(fx, s->fx) sum +=
				conv_back_product(c, at, n, g, k, ch, fy, fx, y, x);
		}
		conv_result(c, at[IN], conv_at(c, IN, n, g, ch, y, x), sum);
	}
}

static inline void conv_weights(const struct conv_case *c, void *const at[4])
{
	const struct conv_shape *s = &c->s;

	EACH(g, s->g) EACH(k, s->k) EACH(ch, s->c) EACH(y, s->fy) EACH(x, s->fx)
	{
		double sum = 0;

		EACH(n, s->n)
		EACH(oy, s->ho) EACH(ox, s->wo) sum +=
			conv_product(c, at, n, g, k, ch, y, x, oy, ox);
		conv_result(c, at[WEI], conv_at(c, WEI, g, k, ch, y, x), sum);
	}
}

/* Rows of the columns: channel, then filter position. */
static inline uint64_t conv_column(const struct conv_shape *s, int ch, int fy, int fx, int oy,
				   int ox)
{
	return ((((uint64_t)ch * s->fy + fy) * s->fx + fx) * s->ho + oy) * s->wo + ox;
}

static inline void conv_im2col(const struct conv_case *c, void *const at[4])
{
	const struct conv_shape *s = &c->s;
	size_t elem = c->fp16 ? 2 : 4;

	EACH(ch, s->c) EACH(fy, s->fy) EACH(fx, s->fx) EACH(oy, s->ho) EACH(ox, s->wo)
	{
		int h = oy * s->sy - s->py + fy * s->dy, w = ox * s->sx - s->px + fx * s->dx;
		char *to = (char *)at[OUT] + conv_column(s, ch, fy, fx, oy, ox) * elem;

		memset(to, 0, elem);
		if (h >= 0 && h < s->hi && w >= 0 && w < s->wi)
			memcpy(to, (char *)at[IN] + (((uint64_t)ch * s->hi + h) * s->wi + w) * elem,
			       elem);
	}
}

/* In fp32, by outputs in their order; fp16 ends at its largest number. */
static inline void conv_col2im(const struct conv_case *c, void *const at[4])
{
	const struct conv_shape *s = &c->s;

	EACH(ch, s->c) EACH(y, s->hi) EACH(x, s->wi)
	{
		uint64_t to = ((uint64_t)ch * s->hi + y) * s->wi + x;
		float sum = 0;

		EACH(oy, s->ho)
		EACH(ox, s->wo) EACH(fy, s->fy)
			EACH(fx, s->fx) if (oy * s->sy - s->py + fy * s->dy == y &&
					    ox * s->sx - s->px + fx * s->dx == x) sum +=
			(float)conv_load(at[OUT], conv_column(s, ch, fy, fx, oy, ox), c->fp16);
		if (c->fp16 && sum > 65504)
			sum = 65504;
		conv_store(at[IN], to, c->fp16, sum);
	}
}

/* In fp32, with one rounding for each step: exact for whole numbers. */
static inline void conv_multiply(const struct conv_case *c, void *const at[4])
{
	const struct conv_shape *s = &c->s;
	int from = c->in_place ? OUT : ADD;

	EACH(n, s->n) EACH(i, s->ho) EACH(j, s->k)
	{
		uint64_t d = (uint64_t)n * c->stride[OUT][0] + (uint64_t)i +
			     (uint64_t)j * c->stride[OUT][2];
		uint64_t was = (uint64_t)n * c->stride[from][0] + (uint64_t)i +
			       (uint64_t)j * c->stride[from][2];
		float sum = 0, v;

		EACH(l, s->c)
		sum = __builtin_fmaf(
			(float)conv_load(at[IN], conv_at(c, IN, n, i, l, 0, 0), c->fp16),
			(float)conv_load(at[WEI], conv_at(c, WEI, n, j, l, 0, 0), c->fp16), sum);
		v = (float)c->alpha * sum;
		if (c->beta != 0)
			v = __builtin_fmaf((float)c->beta, (float)conv_load(at[from], was, c->fp16),
					   v);
		conv_store(at[OUT], d, c->fp16, (double)v);
	}
}

static inline void conv_reference(const struct conv_case *c, void *const at[4])
{
	void (*const of[])(const struct conv_case *, void *const[4]) = {
		conv_forward, conv_backward, conv_weights, conv_im2col, conv_col2im, conv_multiply};

	of[c->kind](c, at);
}

static inline int conv_written(const struct conv_case *c)
{
	static const int result[] = {OUT, IN, WEI, OUT, IN, OUT};

	return result[c->kind];
}

/* ---- cases ---- */

static inline int32_t conv_outputs(int32_t in, int32_t f, int32_t s, int32_t d, int32_t p)
{
	int32_t room = in + 2 * p - ((f - 1) * d + 1);

	return room < 0 ? 0 : room / s + 1;
}

/* Now and then with another padding behind than before. */
static inline bool conv_random_axis(int32_t *in, int32_t *out, int32_t *f, int32_t *s, int32_t *d,
				    int32_t *p, uint32_t most)
{
	*in = one_to(most);
	*f = one_to(4);
	*s = one_to(3);
	*d = one_to(2);
	*p = (int32_t)conv_random(4);
	*out = conv_outputs(*in, *f, *s, *d, *p);
	if (*out && *p < (*f - 1) * *d && conv_random(4) == 0 &&
	    *out * *s + (*f - 1) * *d + 1 - *in - *p <= (*f - 1) * *d)
		++*out;
	return *out;
}

static inline struct conv_shape conv_random_shape(uint32_t most)
{
	struct conv_shape s = {.n = one_to(3), .g = one_to(3), .c = one_to(4), .k = one_to(4)};

	while (!conv_random_axis(&s.hi, &s.ho, &s.fy, &s.sy, &s.dy, &s.py, most))
		;
	while (!conv_random_axis(&s.wi, &s.wo, &s.fx, &s.sx, &s.dx, &s.px, most))
		;
	return s;
}

/* From the innermost outwards, each with up to `gap` elements more than it needs. */
static inline size_t conv_lay_out(uint64_t stride[5], const int32_t size[5], const int order[5],
				  uint32_t gap)
{
	uint64_t at = 1;

	for (int i = 0; i < 5; i++) {
		stride[order[i]] = at;
		at = at * (uint64_t)size[order[i]] + conv_random(gap + 1);
	}
	at = 1;
	for (int i = 0; i < 5; i++)
		at += stride[i] * (uint64_t)(size[i] - 1);
	return at;
}

static inline void conv_lay_out_all(struct conv_case *c, uint32_t gap)
{
	static const int nchw[] = {4, 3, 2, 1, 0}, nhwc[] = {2, 1, 4, 3, 0},
			 weights_nhwc[] = {2, 4, 3, 1, 0};
	const struct conv_shape *s = &c->s;
	const int32_t size[3][5] = {{s->n, s->g, s->c, s->hi, s->wi},
				    {s->g, s->k, s->c, s->fy, s->fx},
				    {s->n, s->g, s->k, s->ho, s->wo}};

	for (int o = 0; o < 3; o++)
		c->elements[o] = conv_lay_out(c->stride[o], size[o],
					      !c->nhwc	 ? nchw
					      : o == WEI ? weights_nhwc
							 : nhwc,
					      gap);
}

/* i goes through all forms, kinds, layouts and types: CONV_NAIVE of them. */
enum { CONV_NAIVE = 12 * (int)(sizeof(conv_forms) / sizeof(*conv_forms)) };

static inline struct conv_case conv_naive_case(unsigned int i, uint32_t most)
{
	static const char *const kinds[] = {"fwd", "bwd", "wrw"};
	static const double factors[] = {1, 1, 0.5, -2, 0};
	struct conv_case c = {
		.kind = (int)(i % 3),
		.nhwc = i / 3 % 2,
		.fp16 = i / 6 % 2,
		.form = &conv_forms[i / 12 % (sizeof(conv_forms) / sizeof(*conv_forms))],
		.s = conv_random_shape(most),
		.alpha = 1};

	conv_lay_out_all(&c, c.form->packed ? 0 : 3);
	if (c.form->args == ARGS_ALPHA_BETA) {
		c.alpha = factors[conv_random(5)];
		c.beta = conv_random(2) ? factors[conv_random(5)] : 0;
	}
	snprintf(c.name, sizeof(c.name), "naive_conv_%s%s_%s_%s", c.form->prefix, kinds[c.kind],
		 c.nhwc ? "nhwc" : "nchw", c.form->types[c.fp16]);
	return c;
}

/* i: 8 of them. */
static inline struct conv_case conv_matrix_case(unsigned int i, uint32_t most)
{
	struct conv_case c = {.kind = i % 2 ? COL2IM : IM2COL,
			      .fp16 = i / 2 % 2,
			      .v2 = i / 4 % 2,
			      .s = conv_random_shape(most),
			      .alpha = 1};

	c.s.c *= one_to(3);
	c.s.n = c.s.g = c.s.k = 1;
	c.offset = conv_random(100);
	c.elements[IN] = (size_t)c.s.c * c.s.hi * c.s.wi;
	c.elements[OUT] = (size_t)c.s.c * c.s.fy * c.s.fx * c.s.ho * c.s.wo;
	if (c.kind == IM2COL)
		snprintf(c.name, sizeof(c.name), "Im2d2Col%s", c.v2 ? "_v2" : "");
	else
		snprintf(c.name, sizeof(c.name), "Col2Im2d%s", c.v2 ? "U" : "");
	c.type_name = c.kind == IM2COL ? "data_t*" : c.fp16 ? "half*" : "float*";
	return c;
}

/* A matrix by columns: its sizes, and which comes first. */
static inline void conv_lay_out_matrix(struct conv_case *c, int o, int32_t first, int32_t second,
				       bool second_inner)
{
	static const int inner_first[] = {1, 2, 0, 3, 4}, inner_second[] = {2, 1, 0, 3, 4};
	const int32_t size[] = {c->s.n, first, second, 1, 1};

	c->elements[o] =
		conv_lay_out(c->stride[o], size, second_inner ? inner_second : inner_first, 0);
	/* Columns with something between them. */
	c->stride[o][second_inner ? 1 : 2] += conv_random(3);
	c->stride[o][0] =
		c->stride[o][second_inner ? 1 : 2] * (uint64_t)(second_inner ? first : second) +
		conv_random(3);
	c->elements[o] = 1;
	for (int i = 0; i < 3; i++)
		c->elements[o] += c->stride[o][i] * (uint64_t)(size[i] - 1);
}

enum { CONV_PRODUCTS = 16 };

static inline struct conv_case conv_product_case(unsigned int i, uint32_t most)
{
	static const double factors[] = {1, 1, 0.5, -2};
	struct conv_case c = {
		.kind = PRODUCT,
		.fp16 = i % 2,
		.a_by_l = i / 2 % 2,
		.b_by_l = i / 4 % 2,
		.v2 = i / 8 % 2,
		.in_place = conv_random(2),
		.alpha = factors[conv_random(4)],
		.beta = conv_random(2) ? factors[conv_random(4)] : 0,
		.s = {.n = one_to(3), .ho = one_to(most), .k = one_to(most), .c = one_to(most)}};

	conv_lay_out_matrix(&c, IN, c.s.ho, c.s.c, c.a_by_l);
	conv_lay_out_matrix(&c, WEI, c.s.k, c.s.c, c.b_by_l);
	conv_lay_out_matrix(&c, OUT, c.s.ho, c.s.k, false);
	conv_lay_out_matrix(&c, ADD, c.s.ho, c.s.k, false);
	c.offset = c.v2 ? 0 : conv_random(50);
	snprintf(c.name, sizeof(c.name),
		 "Cijk_%s_%s_%s_MT32x32x8_SN_1LDSB0_GRVW1_GSU1_GSUASB_ISA000_IU1_K1_WGM1",
		 c.a_by_l ? "Alik" : "Ailk", c.b_by_l ? "Bljk" : "Bjlk", c.fp16 ? "HHS_BH" : "SB");
	return c;
}

/* ---- a dispatch of it ---- */

struct conv_call {
	uint8_t kernarg[256];
	uint32_t bytes, grid[3], group_bytes;
};

static inline void conv_put(struct conv_call *a, const void *v, size_t size)
{
	a->bytes = (uint32_t)((a->bytes + size - 1) / size * size);
	memcpy(a->kernarg + a->bytes, v, size);
	a->bytes += (uint32_t)size;
}

static inline void conv_put_u64(struct conv_call *a, uint64_t v)
{
	conv_put(a, &v, sizeof(v));
}

static inline void conv_put_i32(struct conv_call *a, int32_t v)
{
	conv_put(a, &v, sizeof(v));
}

/* Strides5D, innermost first. */
static inline void conv_put_strides(struct conv_call *a, const struct conv_case *c, int o)
{
	static const int nchw[] = {4, 3, 2, 1, 0}, nhwc[] = {2, 1, 4, 3, 0},
			 weights_nhwc[] = {2, 4, 3, 1, 0};
	const int *order = !c->nhwc ? nchw : o == WEI ? weights_nhwc : nhwc;

	for (int i = 0; i < 5; i++) /* packed kernels do not use them */
		conv_put_u64(a, c->form->packed ? 0xdead00000000 : c->stride[o][order[i]]);
}

static inline void conv_call_naive(struct conv_call *a, const struct conv_case *c,
				   const uint64_t va[4])
{
	const struct conv_shape *s = &c->s;
	const uint32_t n = (uint32_t)s->n, k = (uint32_t)s->k, ch = (uint32_t)s->c,
		       g = (uint32_t)s->g;
	const uint32_t groups[2][3] = {{n * k * g, n * ch * g, k * g},
				       {n * (uint32_t)s->ho * g, n * (uint32_t)s->hi * g, k * g}};

	conv_put_u64(a, va[IN]);
	conv_put_u64(a, va[WEI]);
	if (c->form->args == ARGS_ALPHA_BETA) {
		conv_put(a, &c->alpha, 8);
		conv_put(a, &c->beta, 8);
	}
	conv_put_u64(a, va[OUT]);
	for (int o = 0; o < 3 && c->form->args != ARGS_PLAIN; o++)
		conv_put_strides(a, c, o);
	for (int i = 0; i < 16; i++)
		conv_put_i32(a, ((const int32_t *)s)[i]);
	a->grid[0] = groups[c->nhwc][c->kind] * 256;
}

/* MIOpen's tiles, of images that are not too large for them. */
static inline void conv_call_im2col(struct conv_call *a, const struct conv_case *c,
				    const uint64_t va[4])
{
	const struct conv_shape *s = &c->s;
	uint32_t channels =
		s->ho <= 8 && s->wo <= 8 && s->sy == 1 && s->sx == 1 && s->c % 4 == 0 ? 4 : 1;
	uint32_t blocks = (uint32_t)((s->wo + 31) / 32 * ((s->ho + 7) / 8));
	uint32_t reach_x = (uint32_t)((s->fx - 1) * s->dx + 1),
		 reach_y = (uint32_t)((s->fy - 1) * s->dy + 1);
	uint32_t by_x = (channels * (32 / channels - 1) * s->sx + reach_x) * (7 * s->sy + reach_y);
	uint32_t by_y = channels * (31 * s->sx + reach_x) * ((8 / channels - 1) * s->sy + reach_y);
	size_t elem = c->fp16 ? 2 : 4;

	conv_put_i32(a, (int32_t)c->elements[IN]);
	conv_put_u64(a, va[IN] - c->offset * elem);
	if (c->v2)
		conv_put_u64(a, c->offset);
	else
		conv_put_i32(a, (int32_t)c->offset);
	const int32_t geometry[] = {s->hi, s->wi, s->fy, s->fx, s->ho, s->wo,
				    s->py, s->px, s->sy, s->sx, s->dy, s->dx};
	for (int i = 0; i < 12; i++)
		conv_put_i32(a, geometry[i]);
	conv_put_u64(a, va[OUT]);
	for (int i = 0; i < 5 && c->v2; i++)
		conv_put_i32(a, 0x5555);
	a->grid[0] = (uint32_t)s->c / channels * blocks * 256;
	a->group_bytes =
		(uint32_t)elem * (channels == 1 ? (31 * s->sx + reach_x) * (7 * s->sy + reach_y)
				  : by_x > by_y ? by_x
						: by_y);
}

static inline void conv_call_col2im(struct conv_call *a, const struct conv_case *c,
				    const uint64_t va[4])
{
	const struct conv_shape *s = &c->s;
	const int32_t geometry[] = {s->ho, s->wo, s->fy, s->fx, s->py, s->px,
				    s->sy, s->sx, s->dy, s->dx, s->hi, s->wi};

	conv_put_u64(a, va[OUT]);
	for (int i = 0; i < 12; i++)
		conv_put_i32(a, geometry[i]);
	conv_put_u64(a, va[IN] - c->offset * (c->fp16 ? 2 : 4));
	conv_put_i32(a, (int32_t)c->offset);
	a->grid[0] = (uint32_t)c->elements[IN];
}

static inline void conv_call_product(struct conv_call *a, const struct conv_case *c,
				     const uint64_t va[4])
{
	static const int order[] = {OUT, ADD, IN, WEI};
	const float alpha = (float)c->alpha, beta = (float)c->beta;

	for (int i = 0; i < 4; i++)
		conv_put_u64(a, va[i == 1 && c->in_place ? OUT : order[i]] -
					c->offset * (c->fp16 ? 2 : 4));
	conv_put(a, &alpha, 4);
	conv_put(a, &beta, 4);
	for (int i = 0; i < 4; i++) {
		const uint64_t *s = c->stride[i == 1 && c->in_place ? OUT : order[i]];

		conv_put_i32(a, (int32_t)s[(i == 2 && c->a_by_l) || (i == 3 && c->b_by_l) ? 1 : 2]);
		conv_put_i32(a, (int32_t)s[0]);
	}
	conv_put_i32(a, c->s.ho);
	conv_put_i32(a, c->s.k);
	conv_put_i32(a, c->s.n);
	conv_put_i32(a, c->s.c);
	for (int i = 0; i < 3; i++)
		conv_put_i32(a, 0x7777);
	for (int i = 0; i < 4 && !c->v2; i++)
		conv_put_i32(a, (int32_t)c->offset);
	a->grid[0] = (uint32_t)(c->s.ho + 31) / 32 * 256;
}

/* va: of the first elements. */
static inline struct conv_call conv_call_of(const struct conv_case *c, const uint64_t va[4])
{
	struct conv_call a = {.grid = {0, 1, 1}};

	if (c->kind == PRODUCT)
		conv_call_product(&a, c, va);
	else if (c->form)
		conv_call_naive(&a, c, va);
	else if (c->kind == IM2COL)
		conv_call_im2col(&a, c, va);
	else
		conv_call_col2im(&a, c, va);
	return a;
}

/* Small whole numbers: exact in any order of summation. */
static inline void conv_fill_whole(void *at, size_t n, bool fp16)
{
	for (size_t i = 0; i < n; i++)
		conv_store(at, i, fp16, (double)conv_random(9) - 4);
}

/* Of all sizes that the type has. */
static inline void conv_fill(void *at, size_t n, bool fp16)
{
	for (size_t i = 0; i < n; i++) {
		double v = ((double)conv_random(1 << 24) - (1 << 23)) / (1 << 23);
		int scale = (int)conv_random(8);

		conv_store(at, i, fp16,
			   v * (scale == 0   ? 0x1p-130
				: scale == 1 ? 0x1p-18
				: scale == 2 ? 300
					     : 1));
	}
}

#endif
