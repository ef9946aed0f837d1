/* SPDX-License-Identifier: MIT */
/*
 * What the environment variables of ROCm, MIOpen and PyTorch that RDNA1 owners set really do:
 * variables.def, each row with its source. Pure: no environment is read here.
 */
#ifndef RDNA1_VARIABLES_H
#define RDNA1_VARIABLES_H

#include "machine.h"

enum variable_effect {
	VARIABLE_acts,
	VARIABLE_no_effect,  /* it is read, and on these GPUs or with this value nothing follows */
	VARIABLE_opposite,   /* it does the opposite of what it is said to do */
	VARIABLE_absent,     /* no public source of ROCm, MIOpen or PyTorch reads it */
	VARIABLE_build_time, /* read by builds and compilers, not by programs that run */
	VARIABLE_diagnostic, /* logs, checks and experiments */
	VARIABLE_not_known,  /* a name of this kind that is not in our table */
};

/* "acts", "no effect", ... */
const char *variable_effect__name(enum variable_effect e);

enum judgement { JUDGED_ok, JUDGED_note, JUDGED_problem };

/* A row of variables.def. */
struct variable {
	const char *name;
	enum variable_effect effect;
	const char *takes;  /* values */
	const char *what;   /* what it really does */
	const char *source; /* where that is read */
};

/* The i-th row; NULL past the end. */
const struct variable *variables__row(size_t i);
const struct variable *variables__find(const char *name); /* NULL: not in the table */

struct variable_verdict {
	const struct variable *row; /* NULL: the name is not known to us */
	enum variable_effect effect; /* of this value here */
	enum judgement judgement;
	const char *near; /* a name of the table that was perhaps meant; NULL */
	char text[480];	  /* what this value does */
	char todo[240];	  /* a command, or what to change; "" */
	const char *rule; /* the rule this belongs to (rules.def): "variables", "foreign-code", ... */
};

/*
 * NAME=value on this machine. 0; -ENOENT where the name is none of ROCm's, MIOpen's or PyTorch's, and
 * *out says nothing. value NULL: set, and to what is not known. m NULL: nothing is known of the machine.
 */
int variables__judge(const char *name, const char *value, const struct machine *m,
		     struct variable_verdict *out);

/*
 * Which families of MIOpen's convolution solvers the variables of the machine leave, and for the chip
 * that the runtime takes the GPU for what those can do.
 */
enum solver_family {
	SOLVERS_direct = 1 << 0,
	SOLVERS_winograd = 1 << 1,
	SOLVERS_implicit_gemm = 1 << 2,
	SOLVERS_gemm = 1 << 3,
	SOLVERS_fft = 1 << 4,
	SOLVERS_all = (1 << 5) - 1,
};
struct solvers_left {
	unsigned int enabled;  /* enum solver_family, not switched off */
	unsigned int usable;   /* of these, that take fp32 layers like 3x64x3x3 on this chip at all */
	const char *only;      /* MIOPEN_DEBUG_FIND_ONLY_SOLVER: nothing else is tried; NULL */
	unsigned int gfx;      /* the chip as the runtime takes it; 0 not known */
	char disabled_by[240]; /* "MIOPEN_DEBUG_CONV_GEMM=0 MIOPEN_DEBUG_CONV_FFT=0" */
	char text[480];	       /* what that means */
};
void variables__solvers_left(const struct machine *m, struct solvers_left *out);

/* Whether MIOpen tunes exhaustively (MIOPEN_FIND_ENFORCE=3, SEARCH, 4, SEARCH_DB_UPDATE). */
bool variables__exhaustive_search(const struct machine *m);

#endif
