/* SPDX-License-Identifier: MIT */
/*
 * Combinations of ROCm, PyTorch, Python and NumPy. What wheels need is known (PyTorch's and NumPy's own
 * rules); which combination works on RDNA1 is only reported, by the notes this project began with
 * and by threads, and is said to be reported wherever it is shown. Pure.
 */
#ifndef RDNA1_VERSIONS_H
#define RDNA1_VERSIONS_H

#include "machine.h"
#include "variables.h"

/* One report: versions as their first digits ("5.2"), NULL: not told. */
struct reported {
	const char *rocm, *torch, *python, *with; /* with: what else, "MIOPEN_DEBUG_CONV_IMPLICIT_GEMM=1" */
	const char *result;
	bool works;
	const char *where;   /* which text says so */
	const char *verdict; /* what is known of it otherwise; NULL: nothing */
};
const struct reported *versions__reported(size_t i); /* NULL past the end */

/* Claims about versions in those texts that are known to be wrong. */
struct version_claim {
	const char *claim, *known, *source;
};
const struct version_claim *versions__claim(size_t i);

struct version_verdict {
	enum judgement judgement;
	bool reported;	 /* only so: nobody of us has measured it */
	char text[480];
	char todo[240];
	const char *rule; /* "versions", "mixed-rocm" */
};

/*
 * What is to be said of the versions of a machine: up to max verdicts into out, the known before the
 * reported; how many.
 */
size_t versions__judge(const struct machine *m, struct version_verdict *out, size_t max);

#endif
