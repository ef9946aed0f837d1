/* SPDX-License-Identifier: MIT */
/*
 * One convolution by oneDNN, in dense fp32. Libraries of version 2 and of version 3 differ in how a
 * memory and an operation are described; both are loaded by name, nothing is linked.
 */
#ifndef RDNA1_CONV_DNNL_H
#define RDNA1_CONV_DNNL_H

#include <stddef.h>
#include <stdint.h>

#include "conv.h"

/*
 * Sizes as oneDNN counts them: no padding (it is in h and w), groups beside the channels of all of
 * them, dilation from 0. in: n, groups * c, h, w; wei: groups, k, c, fy, fx; out: n, groups * k,
 * ho, wo.
 */
struct dnnl_problem {
	enum conv_kind kind;
	int64_t n, groups, c, k, h, w, ho, wo, fy, fx, sy, sx, dy, dx;
	float *in, *wei, *out;
};

/* 0, or -ENOSYS and why. */
int dnnl__open(char *why, size_t size);
/* 0; -ENOSYS when not open, -EIO when it refuses. */
int dnnl__run(const struct dnnl_problem *p);

#endif
