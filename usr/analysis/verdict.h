/* SPDX-License-Identifier: MIT */
/* The last steps of judging: the ladder of control, and three lines that say it all. For rules.c
 * only. */
#ifndef RDNA1_ANALYSIS_VERDICT_H
#define RDNA1_ANALYSIS_VERDICT_H

#include "rules.h"

/*
 * Into f->ladder: what was observed at each level that can decide how memory is accessed, for the
 * memory that the first failure is about, or else for what kernels were given most.
 */
void ladder__make(struct judge *j);
/* Into f->verdict: what happened, why as far as it is known, what to do. The list is in order. */
void verdict__make(struct judge *j);

#endif
