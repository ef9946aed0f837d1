// SPDX-License-Identifier: MIT
/*
 * Kernels for hsa-steer. Those with a convolution's name and arguments write garbage: what is right
 * afterwards was computed by another. With -DOTHER: kernels to replace some with.
 */
#define GARBAGE 0x7fc0dead

/*
 * Workgroups are of 32. Not get_global_id: that reads the dispatch packet, whose slot in a short ring the
 * emulated device gives back when the kernel begins.
 */
#define ID (__builtin_amdgcn_workgroup_id_x() * 32 + __builtin_amdgcn_workitem_id_x())

#ifdef OTHER
/* Takes what set_wrong is given, and does it right. */
kernel void set_right(global uint *out, const uint value)
{
	out[ID] = value + ID;
}

/* The same, with local memory and as many work-items as it says. */
__attribute__((reqd_work_group_size(32, 1, 1)))
kernel void set_by_32(global uint *out, const uint value)
{
	local uint of_neighbour[32];
	uint i = __builtin_amdgcn_workitem_id_x();

	of_neighbour[31 - i] = value + ID;
	barrier(CLK_LOCAL_MEM_FENCE);
	out[ID] = of_neighbour[31 - i];
}

/* Other arguments than set_wrong's. */
kernel void set_foreign(global uint *out, const ulong value)
{
	out[ID] = (uint)value;
}
#else
kernel void set_wrong(global uint *out, const uint value)
{
	out[ID] = GARBAGE;
}

kernel void set(global uint *out, const uint value)
{
	out[ID] = value + ID;
}

kernel void count(global float *x, const float first)
{
	x[ID] = first + ID % 7;
}

kernel void sum(global const float *y, const uint n, global float *out)
{
	float s = 0;

	for (uint i = 0; i < n; i++)
		s += y[i] * (i % 5 + 1);
	*out = s;
}

#define CONVOLUTION(name)                                                                          \
	kernel void name(global uint *in, global uint *wei, global uint *out, const int hi, const int wi, const int n, \
			 const int k, const int c, const int ho, const int wo, const int sy, const int sx,         \
			 const int dy, const int dx, const int py, const int px, const int fy, const int fx,       \
			 const int group)                                                          \
	{                                                                                          \
		out[0] = in[0] = GARBAGE;                                                          \
	}
CONVOLUTION(naive_conv_fwd_nchw_fp32)
CONVOLUTION(naive_conv_bwd_nchw_fp32)
#endif
