// SPDX-License-Identifier: MIT
/*
 * Our kernels for the families of family.def: each takes the arguments of the kernel it stands in for, and computes
 * what that does, in the same order of summation and the same precision, so that results are equal to the last bit.
 *
 * Each element of the result is written once: an item computes one, and where there are more than items, goes on to the
 * next by as many as there are. Neighbouring items compute what lies beside each other in memory.
 *
 * Builtins only, no device library: no hidden arguments, no scratch.
 */
#pragma OPENCL EXTENSION cl_khr_fp16 : enable
#pragma OPENCL EXTENSION cl_khr_fp64 : enable

#define INLINE static inline __attribute__((always_inline))

enum { FORWARD, BACKWARD, WEIGHTS };

struct shape {
	int hi, wi, n, k, c, ho, wo, sy, sx, dy, dx, py, px, fy, fx, groups; /* k and c of one group */
};

/* Of w, h, c, group (or k), n (or group), or as NHWC has them: MIOpen's Strides5D. */
struct strides {
	ulong of[5];
};

/* In elements. Of weights: n is the group, g is k. */
struct tensor {
	global void *at;
	ulong n, g, c, h, w;
};

/* ---- items ---- */

/*
 * As conv_family__grid has it: one dimension, workgroups of 64, at most 2^28 items, and then that many. Nothing is asked of
 * the dispatch packet: its slot may have been given back, and be another's, when a kernel begins.
 */
enum { WORKGROUP = 64, MOST_ITEMS = 1 << 28 };

INLINE ulong first_item(void)
{
	return (ulong)__builtin_amdgcn_workgroup_id_x() * WORKGROUP + __builtin_amdgcn_workitem_id_x();
}

INLINE ulong num_items(void)
{
	return MOST_ITEMS;
}

/*
 * The last of the indices that i is made of; i becomes the rest. Only tensors of more than 2^32 elements divide by
 * 64 bits: bit by bit, since the compiler's own code for it is most of a kernel.
 */
INLINE uint take(ulong *i, uint size)
{
	ulong rest = 0, quotient = 0;

	if (!(*i >> 32)) {
		uint was = (uint)*i;

		*i = was / size;
		return was - (uint)*i * size;
	}
	for (int bit = 63; bit >= 0; bit--) {
		rest = rest << 1 | (*i >> bit & 1);
		quotient <<= 1;
		if (rest >= size) {
			rest -= size;
			quotient |= 1;
		}
	}
	*i = quotient;
	return (uint)rest;
}

/* ---- elements ---- */

INLINE double load(const struct tensor *t, ulong i, bool fp16)
{
	return fp16 ? (double)(float)((const global half *)t->at)[i] : (double)((const global float *)t->at)[i];
}

/* Of fp16 by way of fp32, as MIOpen. A beta of 0 does not read what was there. */
INLINE void store(const struct tensor *t, ulong i, bool fp16, double v, double alpha, double beta)
{
	if (beta != 0)
		v = __builtin_fma(alpha, v, beta * load(t, i, fp16));
	else if (alpha != 1)
		v *= alpha;
	if (fp16)
		((global half *)t->at)[i] = (half)(float)v;
	else
		((global float *)t->at)[i] = (float)v;
}

/* ---- where the positions of a filter lie in what is read: a row (or column), from one to the next ---- */

struct walk {
	int at, rest; /* there is one where rest is 0 */
	int step, step_rest, unit;
};

INLINE struct walk walk_from(int kind, int at, int stride, int dilation, int pad)
{
	struct walk w = {at * stride - pad, 0, dilation, 0, 1};

	if (kind == BACKWARD) {
		int from = at + pad, floor = from >= 0 ? from / stride : -((stride - 1 - from) / stride);

		w = (struct walk){floor, from - floor * stride, -(dilation / stride), -(dilation % stride), stride};
	}
	return w;
}

INLINE void walk_on(struct walk *w)
{
	w->at += w->step;
	w->rest += w->step_rest;
	if (w->rest < 0) {
		w->rest += w->unit;
		w->at--;
	}
}

INLINE bool walk_is_in(const struct walk *w, int size)
{
	return !w->rest && (uint)w->at < (uint)size;
}

/* ---- convolutions ---- */

/* Forward, and backward data: from is what is read, to what is written; channels: how many of from are summed. */
INLINE void data(int kind, bool nhwc, bool fp16, struct tensor from, struct tensor wei, struct tensor to, struct shape s,
		 double alpha, double beta)
{
	bool forward = kind == FORWARD;
	uint height = forward ? s.ho : s.hi, width = forward ? s.wo : s.wi, depth = forward ? s.k : s.c;
	int rows = forward ? s.hi : s.ho, columns = forward ? s.wi : s.wo, channels = forward ? s.c : s.k;
	int outer = nhwc ? 1 : channels, inner = nhwc ? channels : 1;
	ulong total = (ulong)height * width * depth * s.groups * s.n, items = num_items();

	for (ulong item = first_item(); item < total; item += items) {
		ulong i = item, src, filter;
		uint x, y, ch, g, n;
		double sum = 0;

		if (nhwc) {
			ch = take(&i, depth);
			g = take(&i, s.groups);
			x = take(&i, width);
			y = take(&i, height);
		} else {
			x = take(&i, width);
			y = take(&i, height);
			ch = take(&i, depth);
			g = take(&i, s.groups);
		}
		n = (uint)i;
		src = n * from.n + g * from.g;
		filter = g * wei.n + ch * (forward ? wei.g : wei.c);
		for (int o = 0; o < outer; o++) {
			struct walk row = walk_from(kind, (int)y, s.sy, s.dy, s.py);

			for (int fy = 0; fy < s.fy; fy++, walk_on(&row)) {
				struct walk column = walk_from(kind, (int)x, s.sx, s.dx, s.px);

				if (!walk_is_in(&row, rows))
					continue;
				for (int fx = 0; fx < s.fx; fx++, walk_on(&column)) {
					ulong a = src + o * from.c + row.at * from.h + column.at * from.w;
					ulong b = filter + o * (forward ? wei.c : wei.g) + fy * wei.h + fx * wei.w;

					if (!walk_is_in(&column, columns))
						continue;
					for (int c = 0; c < inner; c++) {
						sum += load(&from, a, fp16) * load(&wei, b, fp16);
						a += from.c;
						b += forward ? wei.c : wei.g;
					}
				}
			}
		}
		store(&to, n * to.n + g * to.g + ch * to.c + y * to.h + x * to.w, fp16, sum, alpha, beta);
	}
}

INLINE void weights(bool nhwc, bool fp16, struct tensor in, struct tensor wei, struct tensor out, struct shape s,
		    double alpha, double beta)
{
	ulong total = (ulong)s.fy * s.fx * s.c * s.k * s.groups, items = num_items();

	for (ulong item = first_item(); item < total; item += items) {
		ulong i = item;
		uint fx, fy, c, k, g;
		double sum = 0;

		if (nhwc) {
			c = take(&i, s.c);
			fx = take(&i, s.fx);
			fy = take(&i, s.fy);
		} else {
			fx = take(&i, s.fx);
			fy = take(&i, s.fy);
			c = take(&i, s.c);
		}
		k = take(&i, s.k);
		g = (uint)i;
		for (int n = 0; n < s.n; n++)
			for (int y = 0; y < s.ho; y++) {
				int h = y * s.sy - s.py + (int)fy * s.dy, w = (int)fx * s.dx - s.px;
				ulong a = n * in.n + g * in.g + c * in.c + h * in.h;
				ulong b = n * out.n + g * out.g + k * out.c + y * out.h;

				if ((uint)h >= (uint)s.hi)
					continue;
				for (int x = 0; x < s.wo; x++, w += s.sx, b += out.w)
					if ((uint)w < (uint)s.wi)
						sum += load(&in, a + w * in.w, fp16) * load(&out, b, fp16);
			}
		store(&wei, g * wei.n + k * wei.g + c * wei.c + fy * wei.h + fx * wei.w, fp16, sum, alpha, beta);
	}
}

INLINE void convolve(int kind, bool nhwc, bool fp16, struct tensor in, struct tensor wei, struct tensor out,
		     struct shape s, double alpha, double beta)
{
	if (kind == FORWARD)
		data(kind, nhwc, fp16, in, wei, out, s, alpha, beta);
	else if (kind == BACKWARD)
		data(kind, nhwc, fp16, out, wei, in, s, alpha, beta);
	else
		weights(nhwc, fp16, in, wei, out, s, alpha, beta);
}

INLINE struct tensor packed(bool nhwc, global void *at, uint groups, uint c, uint h, uint w)
{
	ulong all = (ulong)groups * c, plane = (ulong)h * w;

	if (nhwc)
		return (struct tensor){at, plane * all, c, 1, w * all, all};
	return (struct tensor){at, plane * all, plane * c, plane, w, 1};
}

/* groups, k, c: the first is outermost, also with NHWC. */
INLINE struct tensor packed_weights(bool nhwc, global void *at, uint k, uint c, uint h, uint w)
{
	ulong plane = (ulong)h * w, filter = plane * c;

	if (nhwc)
		return (struct tensor){at, filter * k, filter, 1, (ulong)w * c, c};
	return (struct tensor){at, filter * k, filter, plane, w, 1};
}

INLINE struct tensor strided(bool nhwc, global void *at, struct strides s)
{
	if (nhwc)
		return (struct tensor){at, s.of[4], s.of[1], s.of[0], s.of[3], s.of[2]};
	return (struct tensor){at, s.of[4], s.of[3], s.of[2], s.of[1], s.of[0]};
}

INLINE struct tensor strided_weights(bool nhwc, global void *at, struct strides s)
{
	if (nhwc)
		return (struct tensor){at, s.of[4], s.of[3], s.of[0], s.of[2], s.of[1]};
	return (struct tensor){at, s.of[4], s.of[3], s.of[2], s.of[1], s.of[0]};
}

#define PACKED                                                                                                         \
	packed(nhwc, in, s.groups, s.c, s.hi, s.wi), packed_weights(nhwc, wei, s.k, s.c, s.fy, s.fx),                  \
		packed(nhwc, out, s.groups, s.k, s.ho, s.wo)
#define STRIDED strided(nhwc, in, in_strides), strided_weights(nhwc, wei, wei_strides), strided(nhwc, out, out_strides)

/* clang-format off */
#define STRIDES struct strides in_strides, struct strides wei_strides, struct strides out_strides
#define NAIVE(name, kind, layout, type, nhwc_, fp16)                                                                   \
	kernel void rdna1_##name##_##layout##_##type(global void *in, global void *wei, global void *out,              \
						     struct shape s)                                                   \
	{                                                                                                              \
		const bool nhwc = nhwc_;                                                                               \
		convolve(kind, nhwc, fp16, PACKED, s, 1, 0);                                                           \
	}                                                                                                              \
	kernel void rdna1_packed_##name##_##layout##_##type(global void *in, global void *wei, global void *out,       \
							    STRIDES, struct shape s)                                   \
	{                                                                                                              \
		const bool nhwc = nhwc_;                                                                               \
		convolve(kind, nhwc, fp16, PACKED, s, 1, 0);                                                           \
	}                                                                                                              \
	kernel void rdna1_nonpacked_##name##_##layout##_##type(global void *in, global void *wei, global void *out,    \
							       STRIDES, struct shape s)                                \
	{                                                                                                              \
		const bool nhwc = nhwc_;                                                                               \
		convolve(kind, nhwc, fp16, STRIDED, s, 1, 0);                                                          \
	}                                                                                                              \
	kernel void rdna1_ab_packed_##name##_##layout##_##type(global void *in, global void *wei, double alpha,        \
							       double beta, global void *out, STRIDES, struct shape s) \
	{                                                                                                              \
		const bool nhwc = nhwc_;                                                                               \
		convolve(kind, nhwc, fp16, PACKED, s, alpha, beta);                                                    \
	}                                                                                                              \
	kernel void rdna1_ab_nonpacked_##name##_##layout##_##type(global void *in, global void *wei, double alpha,     \
							          double beta, global void *out, STRIDES,              \
								  struct shape s)                                      \
	{                                                                                                              \
		const bool nhwc = nhwc_;                                                                               \
		convolve(kind, nhwc, fp16, STRIDED, s, alpha, beta);                                                   \
	}
#define NAIVES(name, kind)                     \
	NAIVE(name, kind, nchw, fp32, 0, 0)    \
	NAIVE(name, kind, nchw, fp16, 0, 1)    \
	NAIVE(name, kind, nhwc, fp32, 1, 0)    \
	NAIVE(name, kind, nhwc, fp16, 1, 1)
NAIVES(fwd, FORWARD)
NAIVES(bwd, BACKWARD)
NAIVES(wrw, WEIGHTS)

/* ---- im2col, col2im ---- */

#define WINDOW int h, int w, int fy, int fx, int ho, int wo, int py, int px, int sy, int sx, int dy, int dx
#define IM2COL(name, elem, offset_t)                                                                                   \
	kernel void rdna1_##name(int image, global elem *im, offset_t offset, WINDOW, global elem *col)                \
	{                                                                                                              \
		ulong total = (ulong)((uint)image / ((uint)h * (uint)w)) * fy * fx * ho * wo, items = num_items();     \
                                                                                                                       \
		im += offset;                                                                                          \
		for (ulong item = first_item(); item < total; item += items) {                                         \
			ulong i = item;                                                                                \
			uint x = take(&i, wo), y = take(&i, ho), kx = take(&i, fx), ky = take(&i, fy);                 \
			int row = (int)y * sy - py + (int)ky * dy, column = (int)x * sx - px + (int)kx * dx;           \
			elem v = 0;                                                                                    \
                                                                                                                       \
			if ((uint)row < (uint)h && (uint)column < (uint)w)                                             \
				v = im[(i * (uint)h + row) * (uint)w + column];                                        \
			col[item] = v;                                                                                 \
		}                                                                                                      \
	}
IM2COL(im2col_fp32, uint, int)
IM2COL(im2col_fp16, ushort, int)
IM2COL(im2col_v2_fp32, uint, ulong)
IM2COL(im2col_v2_fp16, ushort, ulong)
/* clang-format on */

/* One item, one pixel. */
INLINE void to_image(bool fp16, struct tensor col, int ho, int wo, int fy, int fx, int py, int px, int sy, int sx,
		     int dy, int dx, int h, int w, struct tensor im)
{
	ulong item = first_item(), i = item;
	int x = (int)take(&i, w) + px, y = (int)take(&i, h) + py, reach_y = dy * (fy - 1) + 1, reach_x = dx * (fx - 1) + 1;
	int y0 = y < reach_y ? 0 : (y - reach_y) / sy + 1, y1 = y / sy + 1;
	int x0 = x < reach_x ? 0 : (x - reach_x) / sx + 1, x1 = x / sx + 1;
	ulong plane = (ulong)ho * wo, channel = i * fy * fx * plane;
	float sum = 0;

	y1 = y1 < ho ? y1 : ho;
	x1 = x1 < wo ? x1 : wo;
	for (int oy = y0; oy < y1; oy++) {
		uint ky = (uint)(y - oy * sy) / (uint)dy;

		if (ky * dy != (uint)(y - oy * sy))
			continue;
		for (int ox = x0; ox < x1; ox++) {
			uint from = (uint)(x - ox * sx), kx = dx == 1 ? from : from / (uint)dx;

			if (kx * dx == from)
				sum += (float)load(&col, channel + (ky * (ulong)fx + kx) * plane + (ulong)oy * wo + ox,
						   fp16);
		}
	}
	/* MIOpen's has no infinity of fp16 above. */
	store(&im, item, fp16, fp16 && sum > 65504.0f ? 65504.0f : sum, 1, 0);
}

#define COL2IM(name, elem, fp16)                                                                                       \
	kernel void rdna1_##name(global elem *col, int ho, int wo, int fy, int fx, int py, int px, int sy, int sx,     \
				 int dy, int dx, int h, int w, global elem *im, uint offset)                           \
	{                                                                                                              \
		to_image(fp16, (struct tensor){.at = col}, ho, wo, fy, fx, py, px, sy, sx, dy, dx, h, w,               \
			 (struct tensor){.at = im + offset});                                                          \
	}
COL2IM(col2im_fp32, float, false)
COL2IM(col2im_fp16, half, true)

/* ---- products of matrices ---- */

/* As Tensile's source kernels are given them; of what its own tiles are for (staggerUIter, tiles) nothing is needed. */
struct sizes {
	uint d_j, d_batch, c_j, c_batch, a_1, a_batch, b_1, b_batch; /* strides */
	uint i, j, batch, l;
	uint stagger, tiles[2];
};

enum { ACROSS = 8 }; /* results of one item, beside each other in j */

/* Neighbouring items are neighbours in i. Sums are in fp32. */
INLINE void multiply(bool fp16, bool a_by_l, bool b_by_l, struct tensor d, struct tensor c, struct tensor a,
		     struct tensor b, float alpha, float beta, struct sizes s)
{
	uint tiles = (s.j + ACROSS - 1) / ACROSS;
	ulong total = (ulong)s.i * tiles * s.batch, items = num_items(), a_step = a_by_l ? 1 : s.a_1;
	ulong b_step = b_by_l ? 1 : s.b_1;

	for (ulong item = first_item(); item < total; item += items) {
		ulong rest = item, from_a, from_b[ACROSS];
		uint i = take(&rest, s.i), j0 = take(&rest, tiles) * ACROSS, batch = (uint)rest;
		float sum[ACROSS];

		from_a = (ulong)batch * s.a_batch + (a_by_l ? (ulong)i * s.a_1 : i);
#pragma unroll
		for (uint n = 0; n < ACROSS; n++) {
			uint j = j0 + n < s.j ? j0 + n : s.j - 1;

			from_b[n] = (ulong)batch * s.b_batch + (b_by_l ? (ulong)j * s.b_1 : j);
			sum[n] = 0;
		}
		for (uint l = 0; l < s.l; l++, from_a += a_step) {
			float v = (float)load(&a, from_a, fp16);

#pragma unroll
			for (uint n = 0; n < ACROSS; n++, from_b[n - 1] += b_step)
				sum[n] = __builtin_fmaf(v, (float)load(&b, from_b[n], fp16), sum[n]);
		}
#pragma unroll
		for (uint n = 0; n < ACROSS; n++) {
			uint j = j0 + n;
			float v = alpha * sum[n];

			if (j >= s.j)
				break;
			if (beta != 0)
				v += beta * (float)load(&c, (ulong)batch * s.c_batch + (ulong)j * s.c_j + i, fp16);
			store(&d, (ulong)batch * s.d_batch + (ulong)j * s.d_j + i, fp16, v, 1, 0);
		}
	}
}

/* Until 5.x with an offset of each matrix, in elements, behind the rest. */
#define TENSILE(name, elem, fp16, a_by_l, b_by_l)                                                                      \
	kernel void rdna1_##name(global elem *d, const global elem *c, const global elem *a, const global elem *b,     \
				 float alpha, float beta, struct sizes s)                                              \
	{                                                                                                              \
		multiply(fp16, a_by_l, b_by_l, (struct tensor){.at = d}, (struct tensor){.at = (global void *)c},      \
			 (struct tensor){.at = (global void *)a}, (struct tensor){.at = (global void *)b}, alpha,      \
			 beta, s);                                                                                     \
	}                                                                                                              \
	kernel void rdna1_offset_##name(global elem *d, const global elem *c, const global elem *a,                    \
					const global elem *b, float alpha, float beta, struct sizes s, uint offset_d,  \
					uint offset_c, uint offset_a, uint offset_b)                                   \
	{                                                                                                              \
		multiply(fp16, a_by_l, b_by_l, (struct tensor){.at = d + offset_d},                                    \
			 (struct tensor){.at = (global void *)(c + offset_c)},                                         \
			 (struct tensor){.at = (global void *)(a + offset_a)},                                         \
			 (struct tensor){.at = (global void *)(b + offset_b)}, alpha, beta, s);                        \
	}
TENSILE(gemm_ailk_bljk_fp32, float, false, false, true)
TENSILE(gemm_ailk_bjlk_fp32, float, false, false, false)
TENSILE(gemm_alik_bljk_fp32, float, false, true, true)
TENSILE(gemm_alik_bjlk_fp32, float, false, true, false)
TENSILE(gemm_ailk_bljk_fp16, half, true, false, true)
TENSILE(gemm_ailk_bjlk_fp16, half, true, false, false)
TENSILE(gemm_alik_bljk_fp16, half, true, true, true)
TENSILE(gemm_alik_bjlk_fp16, half, true, true, false)

/* ---- memory: n elements from one place to another, for what the host computes ---- */

#define COPY(name, elem)                                                                                               \
	kernel void rdna1_##name(global elem *to, const global elem *from, ulong n)                                    \
	{                                                                                                              \
		for (ulong item = first_item(); item < n; item += num_items())                                         \
			to[item] = from[item];                                                                         \
	}
COPY(copy_4, uint)
COPY(copy_2, ushort)
