/* SPDX-License-Identifier: MIT */
/* What amdgpu's module parameters do on gfx10.1, by rows of parameters.def. Pure. */
#ifndef RDNA1_PARAMETERS_H
#define RDNA1_PARAMETERS_H

#include "machine.h"
#include "variables.h"

struct parameter {
	const char *name;
	const char *defaults; /* values that are the driver's own choice, separated by spaces */
	enum variable_effect effect; /* on gfx10.1, of another value */
	enum judgement judgement;    /* of another value */
	const char *text;	     /* what another value does */
	const char *source;
};

const struct parameter *parameters__row(size_t i); /* NULL past the end */
const struct parameter *parameters__find(const char *name);

struct parameter_verdict {
	const struct parameter *row;
	bool is_default;
	enum variable_effect effect;
	enum judgement judgement; /* ok where it is the default */
	const char *text;
	char todo[160]; /* how it is taken back; "" */
};

/* 0, or -ENOENT for one that has no row. value as the kernel prints it; NULL: the driver has it not. */
int parameters__judge(const char *name, const char *value, struct parameter_verdict *out);

#endif
