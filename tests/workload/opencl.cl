// SPDX-License-Identifier: MIT
/* OpenCL C, compiled offline; opencl.hip loads it. */

/* A workgroup's sum by the library of OpenCL, and by hand in local memory. */
kernel void sums(global const int *in, global int *out, local int *part)
{
	uint t = get_local_id(0), n = get_local_size(0), group = get_group_id(0);
	int v = in[get_global_id(0)];

	part[t] = v;
	for (uint below = n / 2; below; below /= 2) {
		barrier(CLK_LOCAL_MEM_FENCE);
		if (t < below)
			part[t] += part[t + below];
	}
	if (t == 0) {
		out[2 * group] = part[0];
		out[2 * group + 1] = 0;
	}
	barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);
	atomic_add(&out[2 * group + 1], v);
}

/* Vectors, conversions that saturate, built-in functions of integers. */
kernel void vectors(global const uint4 *in, global uint4 *out)
{
	size_t i = get_global_id(0);
	uint4 v = in[i], w = v.wzyx;
	uint4 r = add_sat(v, w) ^ sub_sat(v, w) ^ rotate(v, w & 31u) ^ mul_hi(v, w) ^ hadd(v, w);

	r.x ^= as_uint(convert_uchar4_sat(convert_int4(v >> 20u) - 1000));
	r.y ^= popcount(v.y) | clz(w.y) << 8;
	r.z ^= mad24((int)(v.z << 8) >> 8, (int)(w.z << 8) >> 8, 17);
	r.w ^= upsample((ushort)v.w, (ushort)w.w);
	r = select(r, ~r, v > w);
	out[i] = shuffle(r, (uint4)(v.x & 3u, 2u, v.z & 3u, 0u));
}

/* Halves in memory, floats in two dimensions with an offset. */
kernel void blend(global const half *a, global const float *b, global float *out, float t, int width)
{
	int x = get_global_id(0), y = get_global_id(1), i = y * width + x;

	if (x < width)
		out[i] = fma(t, b[i] - vload_half(i, a), vload_half(i, a)) + floor(b[i]) * sign(b[i]);
}

/* The width of a wave, as the hardware counts its lanes. */
kernel void lanes(global uint *out)
{
	out[get_global_id(0)] = __builtin_popcountl(__builtin_amdgcn_read_exec_lo() |
						    (ulong)__builtin_amdgcn_read_exec_hi() << 32);
}
