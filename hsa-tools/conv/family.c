// SPDX-License-Identifier: MIT
/* Families: the table, and what their arguments say. */
#include "conv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

#define LDS_TYPE ((enum conv_type)0) /* only a dispatch tells it */

/* ---- layouts of arguments ---- */

struct shape {
	int32_t hi, wi, n, k, c, ho, wo, sy, sx, dy, dx, py, px, fy, fx, groups;
};

struct window {
	int32_t h, w, fy, fx, ho, wo, py, px, sy, sx, dy, dx;
};

struct args_plain {
	uint64_t at[3];
	struct shape s;
};

struct args_strides {
	uint64_t at[3], strides[3][5];
	struct shape s;
};

struct args_alpha_beta {
	uint64_t in, wei;
	double alpha, beta;
	uint64_t out, strides[3][5];
	struct shape s;
};

struct args_im2col {
	int32_t image; /* elements of all channels */
	uint64_t im;
	int32_t offset;
	struct window win;
	uint64_t col;
};

struct args_im2col_v2 {
	int32_t image;
	uint64_t im, offset;
	struct window win;
	uint64_t col;
};

/* The order differs from im2col's. offset has 32 bits, without a sign that MIOpen uses. */
struct args_col2im {
	uint64_t col;
	int32_t ho, wo, fy, fx, py, px, sy, sx, dy, dx, h, w;
	uint64_t im;
	uint32_t offset;
};

/*
 * Strides of the second and third index, sizes. offset is in those of Tensile until 5.4; 5.5 and
 * later have it where matrices are given as arrays of pointers ("_GB"), which are not known here.
 */
struct args_product {
	uint64_t d, c, a, b;
	float alpha, beta;
	uint32_t d_stride[2], c_stride[2], a_stride[2], b_stride[2];
	uint32_t i, j, batch, l;
	uint32_t stagger, tiles[2];
	uint32_t offset[4]; /* of d, c, a, b, in elements */
};

/* _PACKED: there are strides, and the kernel does not use them. */
enum args {
	PLAIN,
	STRIDES,
	STRIDES_PACKED,
	ALPHA_BETA,
	ALPHA_BETA_PACKED,
	IM2COL,
	IM2COL_TILED,
	IM2COL_V2,
	COL2IM,
	PRODUCT,
	PRODUCT_OFFSETS,
};

/* Of Im2d2Col since 5.3, behind these: how it is tiled, five 32-bit integers. */
static const uint32_t args_bytes[] = {
	[PLAIN] = 88,	      [STRIDES] = 208,		 [STRIDES_PACKED] = 208,
	[ALPHA_BETA] = 224,   [ALPHA_BETA_PACKED] = 224, [IM2COL] = 80,
	[IM2COL_TILED] = 100, [IM2COL_V2] = 100,	 [COL2IM] = 68,
	[PRODUCT] = 100,      [PRODUCT_OFFSETS] = 116,
};
_Static_assert(sizeof(struct args_plain) == 88 && sizeof(struct args_strides) == 208 &&
		       sizeof(struct args_alpha_beta) == 224 && sizeof(struct args_im2col) == 80 &&
		       sizeof(struct args_im2col_v2) == 80 && sizeof(struct args_product) == 120 &&
		       offsetof(struct args_product, offset) == 100 &&
		       offsetof(struct args_col2im, offset) == 64,
	       "MIOpen's and Tensile's layouts");

/*
 * What compilers add behind the explicit arguments, rounded up to 8: none, the hidden arguments of
 * code objects V3 and V4 (48 until clang 11, then 56), those of V5
 * (llvm.org/docs/AMDGPUUsage.html). 208 and 224 have no sum in common.
 */
static const uint32_t added_bytes[] = {0, 48, 56, 256};

/* ---- the table ---- */

struct conv_family {
	const char *name;	/* of products: how it begins */
	const char *type_names; /* NULL: the type is in the name */
	enum conv_kind kind;
	enum conv_type type;
	enum conv_layout layout;
	enum args args;
	const char *symbol;	  /* of fp32 where there is no type yet */
	const char *other_symbol; /* of fp16, where there is no type yet */
	const char *text, *source;
	bool a_by_l, b_by_l; /* of a product: the summed index is the contiguous one */
};

/* clang-format off */
#define ONE(prefix, which, KIND, order, ORDER, name_type, type, TYPE, args, ours, what, words, layout_words, source) \
	{"naive_conv_" prefix which "_" order "_" name_type, NULL, CONV_##KIND, CONV_##TYPE, CONV_##ORDER, args,       \
	 "rdna1_" ours which "_" order "_" type ".kd", NULL, what " naive " words " " layout_words " " type, source, 0, 0},
#define TYPES(prefix, which, KIND, order, ORDER, fp32, fp16, args, ours, what, words, source)                          \
	ONE(prefix, which, KIND, order, ORDER, fp32, "fp32", FP32, args, ours, what, words, #ORDER, source)            \
	ONE(prefix, which, KIND, order, ORDER, fp16, "fp16", FP16, args, ours, what, words, #ORDER, source)
#define ORDERS(prefix, which, KIND, fp32, fp16, args, ours, what, words, source)                                       \
	TYPES(prefix, which, KIND, "nchw", NCHW, fp32, fp16, args, ours, what, words, source)                          \
	TYPES(prefix, which, KIND, "nhwc", NHWC, fp32, fp16, args, ours, what, words, source)
#define NAIVE(prefix, fp32, fp16, args, ours, what, source)                                                            \
	ORDERS(prefix, "fwd", FORWARD, fp32, fp16, args, ours, what, "forward", source)                                \
	ORDERS(prefix, "bwd", BACKWARD_DATA, fp32, fp16, args, ours, what, "backward data", source)                    \
	ORDERS(prefix, "wrw", BACKWARD_WEIGHTS, fp32, fp16, args, ours, what, "backward weights", source)
#define SYMBOLS_FP32(ours) "rdna1_" ours ".kd", NULL
#define SYMBOLS_FP16(ours) "rdna1_" ours ".kd", NULL
#define SYMBOLS_LDS_TYPE(ours) "rdna1_" ours "fp32.kd", "rdna1_" ours "fp16.kd"
#define TYPE_FP32 CONV_FP32
#define TYPE_FP16 CONV_FP16
#define TYPE_LDS_TYPE LDS_TYPE
#define FAMILY(name, type_names, KIND, type, args, ours, what, source)                                                 \
	{name, type_names, CONV_##KIND, TYPE_##type, CONV_NCHW, args, SYMBOLS_##type(ours), what, source, 0, 0},
#define GEMM(letters, tensile_type, type, TYPE, args, symbol, what, source, a_by_l, b_by_l)                            \
	{"Cijk_" letters "_" tensile_type "_MT", NULL, CONV_GEMM, CONV_##TYPE, CONV_NCHW, args, symbol type ".kd",     \
	 NULL, what " source GEMM " letters " " type, TENSILE_PY source, a_by_l, b_by_l},
#define GEMMS(letters, args, ours, what, source, a_by_l, b_by_l)                                                       \
	GEMM(letters, "SB", "fp32", FP32, args, ours, what, source, a_by_l, b_by_l)                                    \
	GEMM(letters, "HHS_BH", "fp16", FP16, args, ours, what, source, a_by_l, b_by_l)
#define TENSILE(letters, ours, a_by_l, b_by_l)                                                                         \
	GEMMS(letters, PRODUCT_OFFSETS, "rdna1_offset_gemm_" ours "_", "Tensile 5.2 to 5.4",                           \
	      ", rocm-5.2.0, rocm-5.4.0", a_by_l, b_by_l)                                                              \
	GEMMS(letters, PRODUCT, "rdna1_gemm_" ours "_", "Tensile 5.5 to 6.3", ", rocm-5.5.0, rocm-6.3.0", a_by_l, b_by_l)
static const struct conv_family families[] = {
#include "family.def"
};
/* clang-format on */

static bool args_fit(enum args a, uint32_t bytes)
{
	uint32_t explicit_bytes = args_bytes[a], rounded = (explicit_bytes + 7) & ~7u;

	if (bytes == explicit_bytes)
		return true;
	for (size_t i = 0; i < COUNT(added_bytes); i++)
		if (bytes == rounded + added_bytes[i])
			return true;
	return false;
}

static bool type_fits(const char *known, const char *type_name)
{
	size_t len = type_name ? strlen(type_name) : 0, n;

	if (!known)
		return true;
	for (; len && *known; known += n + !!known[n]) {
		n = strcspn(known, ",");
		if (n == len && !memcmp(known, type_name, n))
			return true;
	}
	return false;
}

/*
 * Of a product: the rest of its name says nothing that would make it another one. Nothing is split
 * over the summed index (GSU1), and it is built from source (ISA000): assembly has other arguments.
 * Between the types and MT stands what a problem has besides (bias, activation, other strides):
 * then it does not begin like one of ours.
 */
static bool name_fits(const struct conv_family *f, const char *name)
{
	if (f->kind != CONV_GEMM)
		return !strcmp(f->name, name);
	return !strncmp(f->name, name, strlen(f->name)) && strstr(name, "_GSU1_") &&
	       strstr(name, "_ISA000_");
}

const struct conv_family *conv_family__find(const char *name, uint32_t kernarg_bytes,
					    const char *type_name)
{
	for (size_t i = 0; i < COUNT(families); i++) {
		const struct conv_family *f = &families[i];

		/* Where nothing says the type, Im2d2Col's LDS may. */
		if (name_fits(f, name) && args_fit(f->args, kernarg_bytes) &&
		    (type_fits(f->type_names, type_name) || (!type_name && f->other_symbol)))
			return f;
	}
	return NULL;
}

const struct conv_family *conv_family__at(size_t i)
{
	return i < COUNT(families) ? &families[i] : NULL;
}

const char *conv_family__name(const struct conv_family *f)
{
	return f->name;
}

const char *conv_family__source(const struct conv_family *f)
{
	return f->source;
}

const char *conv_family__text(const struct conv_family *f)
{
	return f->text;
}

uint32_t conv_family__kernarg_bytes(const struct conv_family *f)
{
	return args_bytes[f->args];
}

const char *conv_family__symbol(const struct conv_family *f, enum conv_type type)
{
	if (f->type)
		return f->symbol;
	return type == CONV_FP32 ? f->symbol : type == CONV_FP16 ? f->other_symbol : NULL;
}

bool conv_family__needs_open(const struct conv_family *f)
{
	return conv_host__needs_open(&(struct conv_problem){.kind = f->kind});
}

/* ---- operands ---- */

#define MAX_BYTES (1ull << 40)

static uint32_t element_bytes(enum conv_type type)
{
	return type == CONV_FP16 ? 2 : 4;
}

/* Bytes from the first element to behind the last; false when there are more than MAX_BYTES, or
 * where results lie upon each other. */
static bool measure(struct conv_operand *o, const uint32_t size[5], uint32_t elem)
{
	uint64_t last = 0, count = 1, far;

	for (int i = 0; i < 5; i++) {
		if (__builtin_mul_overflow(o->stride[i], size[i] - 1, &far) ||
		    __builtin_add_overflow(last, far, &last) || last > MAX_BYTES ||
		    __builtin_mul_overflow(count, size[i], &count) || count > MAX_BYTES ||
		    (o->written && size[i] > 1 && !o->stride[i]))
			return false;
	}
	o->bytes = (last + 1) * elem;
	if (o->written && count > last + 1)
		return false;
	if (o->written && count < last + 1)
		o->read = true;
	return o->bytes <= MAX_BYTES && o->va && !(o->va % elem) && o->va <= UINT64_MAX - o->bytes;
}

static bool measure_all(struct conv_problem *p)
{
	const uint32_t size[][5] = {
		{p->n, p->groups, p->c, p->hi, p->wi},
		{p->groups, p->k, p->c, p->fy, p->fx},
		{p->n, p->groups, p->k, p->ho, p->wo},
	};
	/* c * fy * fx rows of ho * wo. */
	const uint32_t columns[5] = {p->c, p->fy, p->fx, p->ho, p->wo};
	bool matrix = p->kind == CONV_IM2COL || p->kind == CONV_COL2IM;

	for (int i = 0; i < 3; i++)
		if (!(matrix && i == CONV_WEI) &&
		    !measure(&p->operand[i], matrix && i == CONV_OUT ? columns : size[i],
			     element_bytes(p->type)))
			return false;
	return true;
}

static bool measure_product(struct conv_problem *p)
{
	const uint32_t size[CONV_OPERANDS][5] = {{p->n, p->ho, p->c, 1, 1},
						 {p->n, p->k, p->c, 1, 1},
						 {p->n, p->ho, p->k, 1, 1},
						 {p->n, p->ho, p->k, 1, 1}};

	for (int i = 0; i < CONV_OPERANDS; i++)
		if ((i != CONV_ADD || p->operand[i].read) &&
		    !measure(&p->operand[i], size[i], element_bytes(p->type)))
			return false;
	return true;
}

static void packed(struct conv_operand *o, enum conv_layout layout, uint64_t groups, uint64_t c,
		   uint64_t h, uint64_t w)
{
	uint64_t all = groups * c, plane = h * w;

	if (layout == CONV_NHWC)
		memcpy(o->stride, (uint64_t[]){plane * all, c, 1, w * all, all}, sizeof(o->stride));
	else
		memcpy(o->stride, (uint64_t[]){plane * all, plane * c, plane, w, 1},
		       sizeof(o->stride));
}

/* Groups are outermost, with NHWC too: g, k, y, x, c. */
static void packed_weights(struct conv_operand *o, const struct conv_problem *p)
{
	uint64_t c = p->c, plane = (uint64_t)p->fy * p->fx, filter = plane * c;

	if (p->layout == CONV_NHWC)
		memcpy(o->stride, (uint64_t[]){filter * p->k, filter, 1, p->fx * c, c},
		       sizeof(o->stride));
	else
		memcpy(o->stride, (uint64_t[]){filter * p->k, filter, plane, p->fx, 1},
		       sizeof(o->stride));
}

static void set_packed(struct conv_problem *p)
{
	packed(&p->operand[CONV_IN], p->layout, p->groups, p->c, p->hi, p->wi);
	packed_weights(&p->operand[CONV_WEI], p);
	packed(&p->operand[CONV_OUT], p->layout, p->groups, p->k, p->ho, p->wo);
}

/* MIOpen's Strides5D, innermost first: w h c group n, or c group w h n; of weights x y c k group,
 * or c x y k group. */
static void set_strides(struct conv_problem *p, const uint64_t from[3][5])
{
	static const uint8_t nchw[] = {4, 3, 2, 1, 0}, nhwc[] = {4, 1, 0, 3, 2},
			     nhwc_weights[] = {4, 3, 0, 2, 1};

	for (int o = 0; o < 3; o++) {
		const uint8_t *order = p->layout == CONV_NCHW ? nchw
				       : o == CONV_WEI	      ? nhwc_weights
							      : nhwc;

		for (int i = 0; i < 5; i++)
			p->operand[o].stride[i] = from[o][order[i]];
	}
}

/* ---- sizes ---- */

static bool positive(const int32_t *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (v[i] <= 0)
			return false;
	return true;
}

/*
 * Whether an output of this size is what the input gives: the padding behind it, which nobody
 * states, is at most the one before or what a filter reaches, and not so negative that one more
 * output would fit.
 */
static bool output_fits(int64_t in, int64_t out, int64_t filter, int64_t stride, int64_t dilation,
			int64_t pad)
{
	int64_t reach = (filter - 1) * dilation, behind = (out - 1) * stride + reach + 1 - in - pad;
	int64_t most = pad > reach ? pad : reach;

	/* Kernels count in 32 bits. */
	return pad > -in && behind > -stride && behind <= most &&
	       (out - 1) * stride + reach <= INT32_MAX && in + pad <= INT32_MAX;
}

static bool sizes_fit(const struct conv_problem *p)
{
	return output_fits(p->hi, p->ho, p->fy, p->sy, p->dy, p->py) &&
	       output_fits(p->wi, p->wo, p->fx, p->sx, p->dx, p->px);
}

/* Items of 32 bits are what a grid counts; tensors are of up to 2^31 in each size, as their
 * arguments are. */
static bool read_shape(struct conv_problem *p, const struct shape *s)
{
	const int32_t sizes[] = {s->hi, s->wi, s->n,  s->k,  s->c,  s->ho, s->wo,
				 s->sy, s->sx, s->dy, s->dx, s->fy, s->fx, s->groups};

	if (!positive(sizes, COUNT(sizes)))
		return false;
	p->n = (uint32_t)s->n;
	p->groups = (uint32_t)s->groups;
	p->c = (uint32_t)s->c;
	p->k = (uint32_t)s->k;
	p->hi = (uint32_t)s->hi;
	p->wi = (uint32_t)s->wi;
	p->ho = (uint32_t)s->ho;
	p->wo = (uint32_t)s->wo;
	p->fy = (uint32_t)s->fy;
	p->fx = (uint32_t)s->fx;
	p->sy = (uint32_t)s->sy;
	p->sx = (uint32_t)s->sx;
	p->dy = (uint32_t)s->dy;
	p->dx = (uint32_t)s->dx;
	p->py = s->py;
	p->px = s->px;
	return sizes_fit(p);
}

static bool read_window(struct conv_problem *p, const struct window *w, uint64_t channels)
{
	struct shape s = {w->h,	 w->w,	1,     1,     (int32_t)channels,
			  w->ho, w->wo, w->sy, w->sx, w->dy,
			  w->dx, w->py, w->px, w->fy, w->fx,
			  1};

	return channels && channels <= INT32_MAX && w->py >= 0 && w->px >= 0 && read_shape(p, &s);
}

/* ---- Im2d2Col ---- */

struct tiling {
	uint64_t elements; /* of LDS; 0: it uses none */
	uint64_t channels,
		blocks; /* that one workgroup computes; that these channels are cut into */
};

enum { MAX_LDS = 65536 };

static uint64_t tile_elements(const struct conv_problem *p, uint64_t channels, uint64_t x,
			      uint64_t y)
{
	uint64_t reach_x = (p->fx - 1) * (uint64_t)p->dx + 1,
		 reach_y = (p->fy - 1) * (uint64_t)p->dy + 1;
	uint64_t by_x, by_y;

	if (channels == 1)
		return ((x - 1) * p->sx + reach_x) * ((y - 1) * p->sy + reach_y);
	by_x = (channels * ((x + channels - 1) / channels - 1) * p->sx + reach_x) *
	       ((y - 1) * p->sy + reach_y);
	by_y = channels * ((x - 1) * p->sx + reach_x) *
	       (((y + channels - 1) / channels - 1) * p->sy + reach_y);
	return by_x > by_y ? by_x : by_y;
}

/* How MIOpen cuts it (Im2d2ColGPU in src/ocl/utilocl.cpp): the same from 5.2 to 6.4, with elements
 * of 4 bytes in mind. */
static struct tiling tile(const struct conv_problem *p)
{
	uint64_t x = 32, y = 8;
	struct tiling t = {.channels = p->ho <= 8 && p->wo <= 8 && p->sy == 1 && p->sx == 1 &&
						       p->c % 4 == 0
					       ? 4
					       : 1};
	bool huge = t.channels * ((p->fx - 1) * (uint64_t)p->dx + 1) *
			    ((p->fy - 1) * (uint64_t)p->dy + 1) * 4 >
		    MAX_LDS;

	t.elements = tile_elements(p, t.channels, x, y);
	while (!huge && t.elements * 4 > MAX_LDS && (x > 1 || y > 1)) {
		if (y > 1)
			y /= 2;
		else
			x /= 2;
		t.elements = tile_elements(p, t.channels, x, y);
	}
	if (huge)
		t.elements = 0;
	t.blocks = ((p->wo + x - 1) / x) * ((p->ho + y - 1) / y);
	return t;
}

static bool find_type(struct conv_problem *p, const struct conv_dispatch *d, const struct tiling *t)
{
	if (p->type)
		return true;
	if (t->elements && d->group_bytes == t->elements * 4)
		p->type = CONV_FP32;
	else if (t->elements && d->group_bytes == t->elements * 2)
		p->type = CONV_FP16;
	return p->type;
}

/* im: the image, col: its columns. */
static bool set_columns(struct conv_problem *p, uint64_t im, uint64_t offset, uint64_t col)
{
	uint64_t plane = (uint64_t)p->ho * p->wo;

	if (offset > MAX_BYTES || im > UINT64_MAX / 2)
		return false;
	p->operand[CONV_IN].va = im ? im + offset * element_bytes(p->type) : 0;
	p->operand[CONV_OUT].va = col;
	packed(&p->operand[CONV_IN], CONV_NCHW, 1, p->c, p->hi, p->wi);
	memcpy(p->operand[CONV_OUT].stride,
	       (uint64_t[]){p->fy * p->fx * plane, p->fx * plane, plane, p->wo, 1},
	       sizeof(p->operand[CONV_OUT].stride));
	return true;
}

/*
 * There are as many channels as the image has planes. A grid that is not MIOpen's for so many would
 * be of one that means something else by it: ours would write more rows than that.
 */
static bool read_im2col(struct conv_problem *p, const struct conv_dispatch *d,
			const struct args_im2col_v2 *a)
{
	uint64_t plane = (uint64_t)(uint32_t)a->win.h * (uint32_t)a->win.w, groups;
	struct tiling t;

	if (!positive(&a->win.h, 2) || a->image <= 0 || (uint32_t)a->image % plane ||
	    !read_window(p, &a->win, (uint32_t)a->image / plane))
		return false;
	t = tile(p);
	groups = p->c / t.channels * t.blocks;
	return d->grid[0] == groups * 256 && d->grid[1] == 1 && d->grid[2] == 1 &&
	       find_type(p, d, &t) && set_columns(p, a->im, a->offset, a->col);
}

/* ---- each layout ---- */

static bool read_plain(struct conv_problem *p, const struct conv_dispatch *d)
{
	struct args_plain a;

	memcpy(&a, d->kernarg, sizeof(a));
	for (int i = 0; i < 3; i++)
		p->operand[i].va = a.at[i];
	if (!read_shape(p, &a.s))
		return false;
	set_packed(p);
	return true;
}

static bool read_strides(struct conv_problem *p, const struct conv_dispatch *d)
{
	struct args_strides a;

	memcpy(&a, d->kernarg, sizeof(a));
	for (int i = 0; i < 3; i++)
		p->operand[i].va = a.at[i];
	set_strides(p, a.strides);
	return read_shape(p, &a.s);
}

static bool read_alpha_beta(struct conv_problem *p, const struct conv_dispatch *d)
{
	struct args_alpha_beta a;

	memcpy(&a, d->kernarg, sizeof(a));
	p->operand[CONV_IN].va = a.in;
	p->operand[CONV_WEI].va = a.wei;
	p->operand[CONV_OUT].va = a.out;
	p->alpha = a.alpha;
	p->beta = a.beta;
	set_strides(p, a.strides);
	return a.alpha == a.alpha && a.beta == a.beta && read_shape(p, &a.s);
}

static bool read_im2col_v1(struct conv_problem *p, const struct conv_dispatch *d)
{
	struct args_im2col a;

	memcpy(&a, d->kernarg, sizeof(a));
	return a.offset >= 0 && read_im2col(p, d,
					    &(struct args_im2col_v2){.image = a.image,
								     .im = a.im,
								     .offset = (uint64_t)a.offset,
								     .win = a.win,
								     .col = a.col});
}

static bool read_im2col_v2(struct conv_problem *p, const struct conv_dispatch *d)
{
	struct args_im2col_v2 a;

	memcpy(&a, d->kernarg, sizeof(a));
	return read_im2col(p, d, &a);
}

/* Its items are the pixels of all channels. */
static bool read_col2im(struct conv_problem *p, const struct conv_dispatch *d)
{
	struct args_col2im a = {0};
	struct window w;
	uint64_t plane;

	memcpy(&a, d->kernarg, 68);
	w = (struct window){a.h, a.w, a.fy, a.fx, a.ho, a.wo, a.py, a.px, a.sy, a.sx, a.dy, a.dx};
	plane = (uint64_t)(uint32_t)a.h * (uint32_t)a.w;
	if (!positive(&a.h, 2) || d->grid[1] != 1 || d->grid[2] != 1 || d->grid[0] % plane)
		return false;
	return read_window(p, &w, d->grid[0] / plane) && set_columns(p, a.im, a.offset, a.col);
}

static void set_matrix(struct conv_operand *o, uint64_t va, uint64_t elements, uint32_t elem,
		       uint64_t batch, uint64_t first, uint64_t second)
{
	o->va = va ? va + elements * elem : 0;
	o->stride[0] = batch;
	o->stride[1] = first;
	o->stride[2] = second;
}

static bool same_place(const struct conv_operand *a, const struct conv_operand *b)
{
	return a->va == b->va && !memcmp(a->stride, b->stride, sizeof(a->stride));
}

/* Where C is D it is read there. Without a factor for the product A and B may be nothing at all. */
static bool read_product(struct conv_problem *p, const struct conv_dispatch *d, bool offsets,
			 bool a_by_l, bool b_by_l)
{
	uint32_t elem = element_bytes(p->type), *offset;
	struct conv_operand *o = p->operand;
	struct args_product a = {0};

	memcpy(&a, d->kernarg, offsets ? 116 : 100);
	offset = a.offset;
	if (!a.i || !a.j || !a.batch || !a.l || !(a.alpha < 0 || a.alpha > 0) || a.beta != a.beta)
		return false;
	p->n = a.batch;
	p->c = a.l;
	p->k = a.j;
	p->ho = a.i;
	p->groups = p->hi = p->wi = p->wo = p->fy = p->fx = p->sy = p->sx = p->dy = p->dx = 1;
	p->alpha = (double)a.alpha;
	p->beta = (double)a.beta;
	set_matrix(&o[CONV_IN], a.a, offset[2], elem, a.a_stride[1], a_by_l ? a.a_stride[0] : 1,
		   a_by_l ? 1 : a.a_stride[0]);
	set_matrix(&o[CONV_WEI], a.b, offset[3], elem, a.b_stride[1], b_by_l ? a.b_stride[0] : 1,
		   b_by_l ? 1 : a.b_stride[0]);
	set_matrix(&o[CONV_OUT], a.d, offset[0], elem, a.d_stride[1], 1, a.d_stride[0]);
	set_matrix(&o[CONV_ADD], a.c, offset[1], elem, a.c_stride[1], 1, a.c_stride[0]);
	if (a.beta != 0 && !same_place(&o[CONV_OUT], &o[CONV_ADD]))
		o[CONV_ADD].read = true;
	else
		o[CONV_ADD] = (struct conv_operand){0};
	return true;
}

static bool (*const readers[])(struct conv_problem *p, const struct conv_dispatch *d) = {
	[PLAIN] = read_plain,
	[STRIDES] = read_strides,
	[STRIDES_PACKED] = read_strides,
	[ALPHA_BETA] = read_alpha_beta,
	[ALPHA_BETA_PACKED] = read_alpha_beta,
	[IM2COL] = read_im2col_v1,
	[IM2COL_TILED] = read_im2col_v1,
	[IM2COL_V2] = read_im2col_v2,
	[COL2IM] = read_col2im,
};

int conv_family__read(const struct conv_family *f, const struct conv_dispatch *d,
		      struct conv_problem *p)
{
	static const uint8_t results[] = {[CONV_FORWARD] = CONV_OUT,
					  [CONV_BACKWARD_DATA] = CONV_IN,
					  [CONV_BACKWARD_WEIGHTS] = CONV_WEI,
					  [CONV_IM2COL] = CONV_OUT,
					  [CONV_COL2IM] = CONV_IN,
					  [CONV_GEMM] = CONV_OUT};
	bool matrix = f->kind == CONV_IM2COL || f->kind == CONV_COL2IM;

	*p = (struct conv_problem){
		.kind = f->kind, .type = f->type, .layout = f->layout, .alpha = 1};
	for (int i = 0; i < 3; i++) {
		p->operand[i].written = i == results[f->kind];
		p->operand[i].read = !p->operand[i].written && !(matrix && i == CONV_WEI);
	}
	if (d->len < args_bytes[f->args])
		return -EINVAL;
	if (f->kind == CONV_GEMM) {
		if (!read_product(p, d, f->args == PRODUCT_OFFSETS, f->a_by_l, f->b_by_l))
			return -EINVAL;
		p->operand[CONV_OUT].read = p->beta != 0 && !p->operand[CONV_ADD].read;
		return measure_product(p) ? 0 : -EINVAL;
	}
	if (!readers[f->args](p, d))
		return -EINVAL;
	if (f->args == STRIDES_PACKED || f->args == ALPHA_BETA_PACKED)
		set_packed(p);
	if (p->beta != 0)
		p->operand[results[f->kind]].read = true;
	return measure_all(p) ? 0 : -EINVAL;
}

size_t conv_problem__text(const struct conv_problem *p, char *out, size_t size)
{
	static const char *const kinds[] = {"", "fwd", "bwd", "wrw", "im2col", "col2im", "gemm"};
	static const char *const types[] = {"", "fp32", "fp16"}, *const layouts[] = {"", "nchw",
										     "nhwc"};
	int n = snprintf(
		out, size, "%s-%s-%s-n%u-g%u-c%u-k%u-i%ux%u-f%ux%u-o%ux%u-s%ux%u-d%ux%u-p%dx%d",
		kinds[p->kind], layouts[p->layout], types[p->type], p->n, p->groups, p->c, p->k,
		p->hi, p->wi, p->fy, p->fx, p->ho, p->wo, p->sy, p->sx, p->dy, p->dx, p->py, p->px);

	return n < 0 ? 0 : (size_t)n < size ? (size_t)n : size ? size - 1 : 0;
}

/* ---- our kernel's grid ---- */

/* Work-items that have something to compute. */
static uint64_t items_of(const struct conv_problem *p)
{
	switch (p->kind) {
	case CONV_FORWARD:
		return (uint64_t)p->n * p->groups * p->k * p->ho * p->wo;
	case CONV_BACKWARD_WEIGHTS:
		return (uint64_t)p->groups * p->k * p->c * p->fy * p->fx;
	case CONV_IM2COL:
		return (uint64_t)p->c * p->fy * p->fx * p->ho * p->wo;
	case CONV_GEMM: /* an item has 8 */
		return (uint64_t)p->n * p->ho * ((p->k + 7) / 8);
	default:
		return (uint64_t)p->n * p->groups * p->c * p->hi * p->wi;
	}
}

/* As kernel.cl has it. */
void conv_family__grid(const struct conv_family *f, const struct conv_problem *p, uint32_t grid[3],
		       uint16_t workgroup[3])
{
	enum { WORKGROUP = 64, MOST = 1 << 28 };
	uint64_t items = items_of(p);

	(void)f;
	workgroup[0] = WORKGROUP;
	workgroup[1] = workgroup[2] = 1;
	grid[0] = p->kind == CONV_COL2IM ? (uint32_t)items
		  : items > MOST
			  ? MOST
			  : (uint32_t)((items + workgroup[0] - 1) / workgroup[0] * workgroup[0]);
	grid[1] = grid[2] = 1;
}
