// SPDX-License-Identifier: MIT
/*
 * A convolution's input as a matrix (row: channel and position in the filter; column: output) and
 * back, by MIOpen's names and arguments: Im2d2Col of 5.2, Im2d2Col_v2 of 6.2. TYPE is the type of
 * the elements.
 */
#pragma OPENCL EXTENSION cl_khr_fp16 : enable

#define GEOMETRY                                                                                   \
	const int h, const int w, const int wei_h, const int wei_w, const int out_h,               \
		const int out_w, const int pad_h, const int pad_w, const int stride_h,             \
		const int stride_w, const int dilation_h, const int dilation_w

/* All rows of a workgroup's channels; local memory holds a channel's pixels where they fit. */
#define PIXELS 340

static void to_columns(int image, global const TYPE *im, GEOMETRY, global TYPE *col, local TYPE *pixels)
{
	int n = out_h * out_w, rows = wei_h * wei_w * n, channels = image / (h * w);

	for (int channel = get_group_id(0); channel < channels; channel += get_num_groups(0)) {
		global const TYPE *from = im + (ulong)channel * h * w;
		global TYPE *to = col + (ulong)channel * rows;

		barrier(CLK_LOCAL_MEM_FENCE);
		if (h * w <= PIXELS)
			for (int i = get_local_id(0); i < h * w; i += get_local_size(0))
				pixels[i] = from[i];
		barrier(CLK_LOCAL_MEM_FENCE);
		for (int i = get_local_id(0); i < rows; i += get_local_size(0)) {
			int f = i / n, o = i % n;
			int y = o / out_w * stride_h - pad_h + f / wei_w * dilation_h;
			int x = o % out_w * stride_w - pad_w + f % wei_w * dilation_w;
			TYPE v = 0;

			if (y >= 0 && y < h && x >= 0 && x < w)
				v = h * w <= PIXELS ? pixels[y * w + x] : from[y * w + x];
			to[i] = v;
		}
	}
}

kernel void Im2d2Col(const int data_size_off, global TYPE *im, const int im_offset, GEOMETRY,
		     global TYPE *col)
{
	local TYPE pixels[PIXELS];

	to_columns(data_size_off, im + im_offset, h, w, wei_h, wei_w, out_h, out_w, pad_h, pad_w, stride_h,
		   stride_w, dilation_h, dilation_w, col, pixels);
}

kernel void Im2d2Col_v2(const int data_size_off, global TYPE *im, const ulong im_offset, GEOMETRY,
			global TYPE *col, const int num_ch_per_wg, const int num_im_blks_x,
			const int num_im_blks, const int tile_sz_x, const int tile_sz_y)
{
	local TYPE pixels[PIXELS];

	to_columns(data_size_off, im + im_offset, h, w, wei_h, wei_w, out_h, out_w, pad_h, pad_w, stride_h,
		   stride_w, dilation_h, dilation_w, col, pixels);
}

/* The sum of what each pixel became. */
kernel void Col2Im2d(global TYPE *col, const int col_h, const int col_w, const int wei_h,
		     const int wei_w, const int pad_h, const int pad_w, const int stride_h,
		     const int stride_w, const int dilation_h, const int dilation_w,
		     const int height, const int width, global TYPE *im, const ulong im_offset)
{
	int gid = get_group_id(0) * get_local_size(0) + get_local_id(0), x = gid % width,
	    y = gid / width % height, c = gid / (width * height);
	float sum = 0;

	im += im_offset;
	for (int fy = 0; fy < wei_h; fy++)
		for (int fx = 0; fx < wei_w; fx++) {
			int oy = y + pad_h - fy * dilation_h, ox = x + pad_w - fx * dilation_w;

			if (oy < 0 || oy % stride_h || oy / stride_h >= col_h || ox < 0 ||
			    ox % stride_w || ox / stride_w >= col_w)
				continue;
			sum += (float)col[(((ulong)c * wei_h + fy) * wei_w + fx) * col_h * col_w +
					  oy / stride_h * col_w + ox / stride_w];
		}
	im[gid] = (TYPE)sum;
}
