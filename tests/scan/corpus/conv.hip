// SPDX-License-Identifier: MIT
/* Convolutions as MIOpen's naive_conv.cpp has them: a group for each image, channel and group of channels. */
#include "kernels.h"

template <typename T, typename A>
DEVICE static inline void forward(const T *in, const T *wei, T *out, int hi, int wi, int k_per_group, int c_per_group, int ho,
				  int wo, int sy, int sx, int dy, int dx, int py, int px, int fy, int fx, int group)
{
	int k = k_per_group * group, c = c_per_group * group, bid = group_id(), ik = bid % k_per_group;
	int n = bid / k, g = bid / k_per_group % group;

	in += (long)n * c * hi * wi + (long)g * c_per_group * hi * wi;
	wei += (long)g * k_per_group * c_per_group * fy * fx + (long)ik * c_per_group * fy * fx;
	out += (long)n * k * ho * wo + (long)g * k_per_group * ho * wo + (long)ik * ho * wo;
	for (int t = local_id(); t < ho * wo; t += 256) {
		int iho = t / wo, iwo = t % wo;
		A value = 0;

		for (int ic = 0; ic < c_per_group; ic++) {
			for (int iy = 0; iy < fy; iy++) {
				int cur_h = sy * iho - py + dy * iy;
				bool valid_h = cur_h >= 0 && cur_h < hi;

				for (int ix = 0; ix < fx; ix++) {
					int cur_w = sx * iwo - px + dx * ix;

					if (valid_h & (cur_w >= 0 && cur_w < wi))
						value += (A)in[(long)ic * hi * wi + (long)cur_h * wi + cur_w] *
							 (A)wei[(long)ic * fy * fx + (long)iy * fx + ix];
				}
			}
		}
		out[(long)iho * wo + iwo] = (T)value;
	}
}

template <typename T, typename A>
DEVICE static inline void backward(T *in, const T *wei, const T *out, int hi, int wi, int k_per_group, int c_per_group, int ho,
				   int wo, int sy, int sx, int dy, int dx, int py, int px, int fy, int fx, int group)
{
	int k = k_per_group * group, c = c_per_group * group, bid = group_id(), ic = bid % c_per_group;
	int n = bid / c, g = bid / c_per_group % group;

	in += (long)n * c * hi * wi + (long)g * c_per_group * hi * wi + (long)ic * hi * wi;
	wei += (long)g * k_per_group * c_per_group * fy * fx + (long)ic * fy * fx;
	out += (long)n * k * ho * wo + (long)g * k_per_group * ho * wo;
	for (int t = local_id(); t < hi * wi; t += 256) {
		int ihi = t / wi, iwi = t % wi;
		A value = 0;

		for (int ik = 0; ik < k_per_group; ik++) {
			for (int iy = 0; iy < fy; iy++) {
				int cur_h = ihi + py - dy * iy;
				bool valid_h = cur_h >= 0 && cur_h % sy == 0;

				cur_h /= sy;
				valid_h &= cur_h < ho;
				for (int ix = 0; ix < fx; ix++) {
					int cur_w = iwi + px - dx * ix;
					bool valid_w = cur_w >= 0 && cur_w % sx == 0;

					cur_w /= sx;
					valid_w &= cur_w < wo;
					if (valid_h & valid_w)
						value += (A)out[(long)ik * ho * wo + (long)cur_h * wo + cur_w] *
							 (A)wei[(long)ik * c_per_group * fy * fx + (long)iy * fx + ix];
				}
			}
		}
		in[(long)ihi * wi + iwi] = (T)value;
	}
}

template <typename T, typename A>
DEVICE static inline void weights(const T *in, T *wei, const T *out, int hi, int wi, int n, int k_per_group, int c_per_group,
				  int ho, int wo, int sy, int sx, int dy, int dx, int py, int px, int fy, int fx, int group)
{
	int k = k_per_group * group, c = c_per_group * group, ik = group_id() % k_per_group, g = group_id() / k_per_group;

	in += (long)g * c_per_group * hi * wi;
	wei += (long)g * k_per_group * c_per_group * fy * fx + (long)ik * c_per_group * fy * fx;
	out += (long)g * k_per_group * ho * wo + (long)ik * ho * wo;
	for (int t = local_id(); t < fx * fy * c_per_group; t += 256) {
		int ix = t % fx, iy = t / fx % fy, ic = t / (fx * fy);
		A value = 0;

		for (int in_n = 0; in_n < n; in_n++) {
			for (int iho = 0; iho < ho; iho++) {
				int cur_h = sy * iho - py + dy * iy;

				for (int iwo = 0; iwo < wo; iwo++) {
					int cur_w = sx * iwo - px + dx * ix;

					if (cur_h >= 0 && cur_h < hi && cur_w >= 0 && cur_w < wi)
						value += (A)in[(long)in_n * c * hi * wi + (long)ic * hi * wi + (long)cur_h * wi + cur_w] *
							 (A)out[(long)in_n * k * ho * wo + (long)iho * wo + iwo];
				}
			}
		}
		wei[(long)ic * fy * fx + (long)iy * fx + ix] = (T)value;
	}
}

#define SHAPE int hi, int wi, int n, int kg, int cg, int ho, int wo, int sy, int sx, int dy, int dx, int py, int px, int fy, int fx, int group
#define REST kg, cg, ho, wo, sy, sx, dy, dx, py, px, fy, fx, group
#define ALL(name, T, A)                                                                                                \
	KERNEL name##_fwd(const T *in, const T *wei, T *out, SHAPE) { forward<T, A>(in, wei, out, hi, wi, REST); }      \
	KERNEL name##_bwd(T *in, const T *wei, const T *out, SHAPE) { backward<T, A>(in, wei, out, hi, wi, REST); }     \
	KERNEL name##_wrw(const T *in, T *wei, const T *out, SHAPE) { weights<T, A>(in, wei, out, hi, wi, n, REST); }

ALL(float_float, float, float)
ALL(float_double, float, double)
ALL(half_float, _Float16, float)
ALL(char_int, signed char, int)
