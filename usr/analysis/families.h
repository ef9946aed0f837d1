/* SPDX-License-Identifier: MIT */
/*
 * Which part of MIOpen or rocBLAS a kernel comes from, by its name, and what its arguments are,
 * where the layout is known. Pure.
 *
 * Sources: MIOpen tags rocm-5.2.0, rocm-5.7.0, rocm-6.2.0 (src/kernels, src/solver); dispatches of
 * MIOpen 3.4.0 seen on the emulated device.
 */
#ifndef RDNA1_ANALYSIS_FAMILIES_H
#define RDNA1_ANALYSIS_FAMILIES_H

#include <stdbool.h>
#include <stdint.h>

struct family_arg {
	uint16_t at; /* offset in the kernarg segment, bytes */
	const char *name;
};

struct family {
	const char *prefix;    /* of the kernel's name */
	const char *contains;  /* and what it must hold behind that; NULL: nothing */
	const char *algorithm; /* as MIOpen's variables call it: "DIRECT", "GEMM", ...; NULL: none
				  of its convolutions */
	const char *what;      /* "naive direct convolution" */
	struct family_arg args[4];
};

/* NULL for a kernel of no family that is known. */
const struct family *family__find(const char *kernel);
/* "out"; NULL when the layout is not known or has no pointer there. */
const char *family__arg(const char *kernel, uint16_t at);
/* Whether it is part of a convolution. */
bool family__is_convolution(const char *kernel);

#endif
