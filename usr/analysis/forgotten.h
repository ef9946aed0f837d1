/* SPDX-License-Identifier: MIT */
/*
 * Where something was that is not kept: addresses of a process, and when the last of it ended. Tells what cannot be
 * known from what was never there. Neighbours become one; where there are too many for that, so do those with little
 * between them.
 */
#ifndef RDNA1_ANALYSIS_FORGOTTEN_H
#define RDNA1_ANALYSIS_FORGOTTEN_H

#include "../base/ranges.h"

#define FORGOTTEN_MAX (1u << 16) /* ranges */

struct forgotten {
	struct ranges ranges; /* value: when the last ended */
	size_t n;
	uint64_t slack; /* bytes between two that are one */
};

void forgotten__add(struct forgotten *f, uint32_t pid, uint64_t va, uint64_t size, uint64_t end_ns);
/* When the last of what was at va ended, or what was near it; 0 when nothing there is forgotten. */
uint64_t forgotten__at(const struct forgotten *f, uint32_t pid, uint64_t va);
void forgotten__free(struct forgotten *f);

#endif
