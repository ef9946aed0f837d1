/* SPDX-License-Identifier: MIT */
/*
 * Which kernels a later run had better avoid: of each failure those that are known to be it, or may be, or
 * why none is. For the quarantine; pure.
 */
#ifndef RDNA1_ANALYSIS_CULPRITS_H
#define RDNA1_ANALYSIS_CULPRITS_H

#include "findings.h"

struct culprit {
	const struct incident *incident;
	const char *kernel; /* the program's; NULL: there is none, see why_not */
	char *why_not;	    /* nothing is to be avoided because of it; NULL */
	uint64_t object;
	const uint8_t *sha256;	     /* 32 bytes: of its code object; NULL: not known */
	const struct recent *recent; /* its dispatch, NULL: not known */
	bool suspect;		     /* one of several that ran */
	bool freed;		     /* it was given memory that the program had freed */
	bool ours;		     /* what failed is rdna1-trace's kernel for it */
};

struct culprits {
	VEC(struct culprit) list;
};

/* m and f must outlive c. */
void culprits__find(struct culprits *c, const struct model *m, const struct findings *f);
void culprits__free(struct culprits *c);

#endif
