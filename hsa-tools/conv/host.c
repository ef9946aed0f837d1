// SPDX-License-Identifier: MIT
/*
 * The same on the processor. A convolution is copied into dense fp32 with its padding around it, so
 * that any strides, types and paddings are one case for oneDNN; im2col and col2im are plain loops.
 */
#include "conv.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <xmmintrin.h>

#include "dnnl.h"
#include "half.h"

/* As in glibc before 2.32. */
__asm__(".symver pthread_sigmask, pthread_sigmask@GLIBC_2.2.5");

#define MXCSR_DEFAULT 0x1f80

int conv_host__open(char *why, size_t size)
{
	return dnnl__open(why, size);
}

bool conv_host__needs_open(const struct conv_problem *p)
{
	return p->kind <= CONV_BACKWARD_WEIGHTS;
}

/* ---- elements ---- */

static float load(const void *at, uint64_t i, enum conv_type type)
{
	return type == CONV_FP16 ? half_to_float(((const uint16_t *)at)[i])
				 : ((const float *)at)[i];
}

static void store(void *at, uint64_t i, enum conv_type type, float v)
{
	if (type == CONV_FP16)
		((uint16_t *)at)[i] = half_from_float(v);
	else
		((float *)at)[i] = v;
}

static void store_result(const struct conv_problem *p, void *at, uint64_t i, float v)
{
	if (p->beta != 0)
		v = (float)(p->alpha * v + p->beta * load(at, i, p->type));
	else if (p->alpha != 1)
		v = (float)(p->alpha * v);
	store(at, i, p->type, v);
}

/* ---- a tensor and its dense copy ---- */

/*
 * n, groups, channels, rows, columns. The copy has other rows and columns: its first are at -py,
 * -px of the tensor; what is outside of the tensor is 0 there, and what is outside of the copy was
 * never read by anybody.
 */
struct box {
	uint64_t size[3], rows, columns, copy_rows, copy_columns;
	int64_t py, px;
	float *copy;
};

static bool make_copy(struct box *b)
{
	uint64_t count = 1;

	for (int i = 0; i < 3; i++)
		if (__builtin_mul_overflow(count, b->size[i], &count))
			return false;
	if (__builtin_mul_overflow(count, b->copy_rows, &count) ||
	    __builtin_mul_overflow(count, b->copy_columns, &count))
		return false;
	b->copy = calloc(count, sizeof(float));
	return b->copy;
}

/* One row, from or to the copy. A copy's row that is not there is one of zeros. */
static void bring_row(const struct conv_problem *p, const struct box *b, const void *at,
		      uint64_t from, uint64_t stride, float *row)
{
	for (uint64_t x = 0; x < b->copy_columns; x++) {
		int64_t w = (int64_t)x - b->px;

		if (w >= 0 && w < (int64_t)b->columns)
			row[x] = load(at, from + (uint64_t)w * stride, p->type);
	}
}

static void put_row(const struct conv_problem *p, const struct box *b, void *at, uint64_t to,
		    uint64_t stride, const float *row)
{
	for (uint64_t w = 0; w < b->columns; w++) {
		int64_t x = (int64_t)w + b->px;
		bool in = row && x >= 0 && x < (int64_t)b->copy_columns;

		store_result(p, at, to + w * stride, in ? row[x] : 0);
	}
}

static void walk(const struct conv_problem *p, const struct conv_operand *o, const struct box *b,
		 void *at, bool put)
{
	const uint64_t *s = o->stride;
	uint64_t plane = b->copy_rows * b->copy_columns,
		 planes = b->size[0] * b->size[1] * b->size[2];

	for (uint64_t i = 0; i < planes; i++) {
		uint64_t c = i % b->size[2], g = i / b->size[2] % b->size[1],
			 n = i / b->size[2] / b->size[1];
		uint64_t first = n * s[0] + g * s[1] + c * s[2];

		for (uint64_t h = 0; h < b->rows; h++) {
			int64_t y = (int64_t)h + b->py;
			bool in = y >= 0 && y < (int64_t)b->copy_rows;
			float *row =
				in ? b->copy + i * plane + (uint64_t)y * b->copy_columns : NULL;

			if (put)
				put_row(p, b, at, first + h * s[3], s[4], row);
			else if (row)
				bring_row(p, b, at, first + h * s[3], s[4], row);
		}
	}
}

static int convolve(const struct conv_problem *p, void *const memory[])
{
	uint64_t h = (p->ho - 1) * (uint64_t)p->sy + (p->fy - 1) * (uint64_t)p->dy + 1;
	uint64_t w = (p->wo - 1) * (uint64_t)p->sx + (p->fx - 1) * (uint64_t)p->dx + 1;
	struct box box[] = {
		{{p->n, p->groups, p->c}, p->hi, p->wi, h, w, p->py, p->px, NULL},
		{{p->groups, p->k, p->c}, p->fy, p->fx, p->fy, p->fx, 0, 0, NULL},
		{{p->n, p->groups, p->k}, p->ho, p->wo, p->ho, p->wo, 0, 0, NULL},
	};
	int err = 0;

	for (int i = 0; i < 3 && !err; i++) {
		if (!make_copy(&box[i]))
			err = -ENOMEM;
		else if (!p->operand[i].written)
			walk(p, &p->operand[i], &box[i], memory[i], false);
	}
	if (!err)
		err = dnnl__run(&(struct dnnl_problem){.kind = p->kind,
						       .n = p->n,
						       .groups = p->groups,
						       .c = p->c,
						       .k = p->k,
						       .h = (int64_t)h,
						       .w = (int64_t)w,
						       .ho = p->ho,
						       .wo = p->wo,
						       .fy = p->fy,
						       .fx = p->fx,
						       .sy = p->sy,
						       .sx = p->sx,
						       .dy = p->dy,
						       .dx = p->dx,
						       .in = box[CONV_IN].copy,
						       .wei = box[CONV_WEI].copy,
						       .out = box[CONV_OUT].copy});
	for (int i = 0; i < 3; i++) {
		if (!err && p->operand[i].written)
			walk(p, &p->operand[i], &box[i], memory[i], true);
		free(box[i].copy);
	}
	return err;
}

/* ---- im2col, col2im ---- */

/* Whether output o reads a pixel through position f of the filter, and which. */
static bool reads(uint32_t o, uint32_t stride, uint32_t f, uint32_t dilation, int32_t pad,
		  uint32_t size, uint64_t *at)
{
	int64_t i = (int64_t)o * stride + (int64_t)f * dilation - pad;

	*at = (uint64_t)i;
	return i >= 0 && i < (int64_t)size;
}

/* Bits are moved: fp16 may be bf16. */
static void move(const struct conv_problem *p, const void *from, uint64_t i, void *to, uint64_t j,
		 bool zero)
{
	if (p->type == CONV_FP16)
		((uint16_t *)to)[j] = zero ? 0 : ((const uint16_t *)from)[i];
	else
		((uint32_t *)to)[j] = zero ? 0 : ((const uint32_t *)from)[i];
}

static void im2col(const struct conv_problem *p, const void *im, void *col)
{
	uint64_t to = 0;

	for (uint64_t row = 0; row < (uint64_t)p->c * p->fy * p->fx; row++) {
		uint32_t fx = (uint32_t)(row % p->fx), fy = (uint32_t)(row / p->fx % p->fy);
		uint64_t channel = row / p->fx / p->fy * p->hi * p->wi, y, x;

		for (uint32_t oy = 0; oy < p->ho; oy++) {
			bool row_in = reads(oy, p->sy, fy, p->dy, p->py, p->hi, &y);

			for (uint32_t ox = 0; ox < p->wo; ox++, to++) {
				bool in = reads(ox, p->sx, fx, p->dx, p->px, p->wi, &x) && row_in;

				move(p, im, channel + y * p->wi + x, col, to, !in);
			}
		}
	}
}

/* The first output whose filter reaches as far as here, which is counted with the padding before
 * it. */
static uint32_t first_output(uint64_t here, uint32_t stride, uint32_t filter, uint32_t dilation)
{
	uint64_t reach = (uint64_t)(filter - 1) * dilation;

	return here <= reach ? 0 : (uint32_t)((here - reach + stride - 1) / stride);
}

/* As MIOpen: outputs in their order, in fp32, and no infinity of fp16 above. */
static float pixel(const struct conv_problem *p, const void *col, uint64_t c, uint64_t y,
		   uint64_t x)
{
	uint32_t first_y = first_output(y, p->sy, p->fy, p->dy),
		 first_x = first_output(x, p->sx, p->fx, p->dx);
	uint64_t plane = (uint64_t)p->ho * p->wo;
	float sum = 0;

	for (uint64_t oy = first_y; oy < p->ho && oy * p->sy <= y; oy++) {
		if ((y - oy * p->sy) % p->dy)
			continue;
		for (uint64_t ox = first_x; ox < p->wo && ox * p->sx <= x; ox++) {
			uint64_t row = (c * p->fy + (y - oy * p->sy) / p->dy) * p->fx +
				       (x - ox * p->sx) / p->dx;

			if (!((x - ox * p->sx) % p->dx))
				sum += load(col, row * plane + oy * p->wo + ox, p->type);
		}
	}
	return p->type == CONV_FP16 && sum > 65504.0f ? 65504.0f : sum;
}

static void col2im(const struct conv_problem *p, const void *col, void *im)
{
	uint64_t to = 0;

	for (uint64_t c = 0; c < p->c; c++)
		for (uint32_t y = 0; y < p->hi; y++)
			for (uint32_t x = 0; x < p->wi; x++)
				store(im, to++, p->type,
				      pixel(p, col, c, y + (uint64_t)p->py, x + (uint64_t)p->px));
}

/* ---- products ---- */

/* A column of the result: sums in double of products in fp32, since there is no order to keep to.
 */
static void multiply_column(const struct conv_problem *p, void *const memory[], uint64_t batch,
			    uint64_t j, double *sum)
{
	const uint64_t *a = p->operand[CONV_IN].stride, *b = p->operand[CONV_WEI].stride;
	uint64_t i, l;

	for (i = 0; i < p->ho; i++)
		sum[i] = 0;
	for (l = 0; l < p->c; l++) {
		double v = load(memory[CONV_WEI], batch * b[0] + j * b[1] + l * b[2], p->type);

		for (i = 0; i < p->ho; i++)
			sum[i] += v * load(memory[CONV_IN], batch * a[0] + i * a[1] + l * a[2],
					   p->type);
	}
}

static int multiply(const struct conv_problem *p, void *const memory[])
{
	int from = p->operand[CONV_ADD].read ? CONV_ADD : CONV_OUT;
	const uint64_t *c = p->operand[from].stride, *d = p->operand[CONV_OUT].stride;
	double *sum = malloc(p->ho * sizeof(*sum));

	if (!sum)
		return -ENOMEM;
	for (uint64_t batch = 0; batch < p->n; batch++)
		for (uint64_t j = 0; j < p->k; j++) {
			multiply_column(p, memory, batch, j, sum);
			for (uint64_t i = 0; i < p->ho; i++) {
				double v = p->alpha * sum[i];

				if (p->beta != 0)
					v += p->beta * load(memory[from],
							    batch * c[0] + i * c[1] + j * c[2],
							    p->type);
				store(memory[CONV_OUT], batch * d[0] + i * d[1] + j * d[2], p->type,
				      (float)v);
			}
		}
	free(sum);
	return 0;
}

/* ---- */

static int run(const struct conv_problem *p, void *const memory[])
{
	switch (p->kind) {
	case CONV_FORWARD:
	case CONV_BACKWARD_DATA:
	case CONV_BACKWARD_WEIGHTS:
		return convolve(p, memory);
	case CONV_IM2COL:
		im2col(p, memory[CONV_IN], memory[CONV_OUT]);
		return 0;
	case CONV_COL2IM:
		col2im(p, memory[CONV_OUT], memory[CONV_IN]);
		return 0;
	case CONV_GEMM:
		return multiply(p, memory);
	default:
		return -EINVAL;
	}
}

/* Threads that are made meanwhile inherit what is set here. */
int conv_host__run(const struct conv_problem *p, void *const memory[CONV_OPERANDS])
{
	static const int own[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
	unsigned int mxcsr = _mm_getcsr();
	sigset_t all, before;
	int err;

	sigfillset(&all);
	for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++)
		sigdelset(&all, own[i]);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	_mm_setcsr(MXCSR_DEFAULT);
	err = run(p, memory);
	_mm_setcsr(mxcsr);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return err;
}
