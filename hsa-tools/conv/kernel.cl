// SPDX-License-Identifier: MIT
/*
 * Our kernels for the families of family.def: each takes the arguments of the kernel it stands in for, and computes
 * what that does, in the same order of summation and the same precision, so that results are equal to the last bit.
 *
 * Whatever the grid, every element of the result is written once: items go through all of them in strides of the
 * grid. (Col2Im2d is the exception: its arguments do not say how many channels there are, its grid does.)
 * Neighbouring items compute what lies beside each other in memory.
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

/* hsa_kernel_dispatch_packet_t, the part that is asked for. */
struct packet {
	ushort header, setup, workgroup[3], reserved;
	uint grid[3];
};

INLINE const constant struct packet *dispatch(void)
{
	return (const constant struct packet *)__builtin_amdgcn_dispatch_ptr();
}

INLINE ulong first_item(void)
{
	const constant struct packet *p = dispatch();
	uint x = __builtin_amdgcn_workgroup_id_x() * p->workgroup[0] + __builtin_amdgcn_workitem_id_x();
	uint y = __builtin_amdgcn_workgroup_id_y() * p->workgroup[1] + __builtin_amdgcn_workitem_id_y();
	uint z = __builtin_amdgcn_workgroup_id_z() * p->workgroup[2] + __builtin_amdgcn_workitem_id_z();

	return ((ulong)z * p->grid[1] + y) * p->grid[0] + x;
}

INLINE ulong num_items(void)
{
	const constant struct packet *p = dispatch();

	return (ulong)p->grid[0] * p->grid[1] * p->grid[2];
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
