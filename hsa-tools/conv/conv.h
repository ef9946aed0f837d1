/* SPDX-License-Identifier: MIT */
/*
 * Convolution kernels that are known by their names: what their arguments mean, a kernel of ours
 * for each, made for gfx1010, and the same computed on the host.
 *
 * Knows of no HSA, no queue and no trace: addresses are numbers. The agent links it; oneDNN is
 * loaded when conv_host__open is called and not before.
 *
 * Where names and layouts come from stands in family.def, row by row.
 */
#ifndef RDNA1_CONV_CONV_H
#define RDNA1_CONV_CONV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum conv_kind {
	CONV_FORWARD = 1,
	CONV_BACKWARD_DATA,
	CONV_BACKWARD_WEIGHTS,
	CONV_IM2COL,
	CONV_COL2IM,
	CONV_GEMM, /* of Tensile's source kernels: D = alpha A B + beta C */
};
enum conv_type { CONV_FP32 = 1, CONV_FP16 };
enum conv_layout { CONV_NCHW = 1, CONV_NHWC };

/*
 * In the order of struct conv_problem's operands. Of im2col and col2im: the image, none, the
 * columns. Of a product of matrices: A, B, D, C; only there is the fourth one something else than
 * the result.
 */
enum { CONV_IN, CONV_WEI, CONV_OUT, CONV_ADD, CONV_OPERANDS };

struct conv_operand {
	uint64_t va;	/* of the first element; 0: there is none */
	uint64_t bytes; /* from there to behind the last element */
	uint64_t
		stride[5]; /* elements: of n (weights: of the group), group (weights: k), c, h, w */
	/*
	 * read: also of a result, where beta is not 0, or where there are bytes between its
	 * elements: who writes a copy back must have brought them.
	 */
	bool read, written;
};

/*
 * One dispatch. Channels are those of one group; sizes in elements.
 *
 * Im2col: c channels of hi x wi become c * fy * fx rows of ho * wo; col2im the other way. n, groups
 * and k are 1. A product: n products of ho x c by c x k; the rest of the sizes are 1. stride[0] of
 * an operand is that of the product, [1] and [2] those of ho and c (A), k and c (B), ho and k (C
 * and D). Where C is D, or is not read, there is no operand C: beta is a factor of what the result
 * was.
 */
struct conv_problem {
	enum conv_kind kind;
	enum conv_type type;
	enum conv_layout layout;
	uint32_t n, groups, c, k;
	uint32_t hi, wi, ho, wo, fy, fx, sy, sx, dy, dx;
	int32_t py, px;
	double alpha, beta; /* result = alpha * convolution + beta * what was there */
	struct conv_operand operand[CONV_OPERANDS];
};

/* A kernel by its name and the layout of its arguments. */
struct conv_family;

/*
 * name: of the kernel, without ".kd". kernarg_bytes: of its explicit arguments and what the
 * compiler added, as its metadata has it. type_name: ".type_name" of its first argument that is a
 * buffer, as its metadata has it
 * ("half*"), or NULL; some kernels are built for a type that is not in their name, and Col2Im2d
 * cannot be told without. NULL when the name is not known, or its arguments are not as many as
 * those that are known by that name.
 */
const struct conv_family *conv_family__find(const char *name, uint32_t kernarg_bytes,
					    const char *type_name);
/* For people: "MIOpen 5.2 naive forward NCHW fp32". */
const char *conv_family__text(const struct conv_family *f);
/* Explicit arguments, bytes. */
uint32_t conv_family__kernarg_bytes(const struct conv_family *f);

/* All there are, for tests and documents; NULL behind the last. */
const struct conv_family *conv_family__at(size_t i);
const char *conv_family__name(const struct conv_family *f);
const char *conv_family__source(const struct conv_family *f);

/* What is read of a dispatch. */
struct conv_dispatch {
	const void *kernarg;
	size_t len;
	uint32_t grid[3];     /* work-items, as in its packet */
	uint32_t group_bytes; /* LDS, as in its packet: where the type is in nothing else, it is
				 found by that */
};

/*
 * What a dispatch computes. 0; -EINVAL when len is too short or
 * the values are of no convolution (sizes of 0, an output that its input does not give, more than
 * 2^40 bytes): such a dispatch is best left alone.
 */
int conv_family__read(const struct conv_family *f, const struct conv_dispatch *d,
		      struct conv_problem *p);

/* "fwd-nchw-fp32-n1-g1-c3-k64-i44x44-f3x3-o44x44-s1x1-d1x1-p1x1", cut at size; its length. */
size_t conv_problem__text(const struct conv_problem *p, char *out, size_t size);

/* ---- on the device ---- */

/* One code object with a kernel for each family, gfx1010, wave32, no scratch, no LDS, no hidden
 * arguments. */
const void *conv_image(size_t *size);
/*
 * Its symbol in the image, "name.kd"; it takes the arguments of the family's own kernel. type: of
 * the problem; 0 will do for all but the Im2d2Col whose type only its dispatches tell. NULL: none.
 */
const char *conv_family__symbol(const struct conv_family *f, enum conv_type type);
/*
 * Work-items and workgroup that our kernel must be launched with for this problem.
 */
void conv_family__grid(const struct conv_family *f, const struct conv_problem *p, uint32_t grid[3],
		       uint16_t workgroup[3]);

/*
 * Make a code object (its e_flags and the target in its metadata) say that it is for the chip a
 * runtime believes in: isa "amdgcn-amd-amdhsa--gfx1030" or "...gfx1010:xnack-". The code stays as
 * it is, and so does what it says of xnack where that chip has it. In place. 0; -EINVAL when elf is
 * no code object of V3 or later, or the chip is not known; -ENOSPC when the name does not fit where
 * the old one is (nothing is changed).
 */
int conv_image__label(void *elf, size_t size, const char *isa);
/* The chip that a code object says it is for, "gfx1010"; NULL when not known. */
const char *conv_image__chip(const void *elf, size_t size);

/* ---- on the host ---- */

/*
 * Load oneDNN, once; may be called again. 0, or a negative errno and a text that says what to
 * install. Not on a path that must not wait: a library with its constructors is loaded. Its symbols
 * are nobody else's (RTLD_LOCAL). Where the process has an OpenMP runtime of the same name, it is
 * that one.
 */
int conv_host__open(char *why, size_t size);
/* Whether that is needed for what the family's kernel computes. */
bool conv_family__needs_open(const struct conv_family *f);
/* Whether conv_host__run needs conv_host__open for this one: im2col, col2im and products do not. */
bool conv_host__needs_open(const struct conv_problem *p);
/*
 * Compute. memory: host copies of the operands, each of problem's bytes, in the order of its
 * operands; elements of the result outside of its tensor (between its strides) are left as they
 * were. fp16 is computed in fp32 and rounded once. 0 or a negative errno: -ENOMEM, -ENOSYS (not
 * open), -EINVAL, -EIO (oneDNN refused). Any thread; several at once.
 *
 * Threads that oneDNN starts for it belong to OpenMP, which keeps them for the calling thread: they
 * block all signals, and their number is that of OMP_NUM_THREADS or of the processors. The calling
 * thread's signal mask and floating-point state are as before.
 */
int conv_host__run(const struct conv_problem *p, void *const memory[CONV_OPERANDS]);

#endif
