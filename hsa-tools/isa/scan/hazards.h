/* SPDX-License-Identifier: MIT */
/* The rules: which places of a flow are hazards of which class. */
#ifndef RDNA1_SCAN_HAZARDS_H
#define RDNA1_SCAN_HAZARDS_H

#include "flow.h"

/* Called for each; from: the place that it begins with, NULL without. False: no memory, stop. */
typedef bool hazard_found(void *ctx, enum scan_hazard hazard, const struct place *at, const struct place *from);

/* llvm: the version whose definitions hold, 0 the newest. wgp: of the kernel. Both false: no memory. */
bool hazards__recognize(struct flow *f, unsigned int llvm, hazard_found *found, void *ctx);
bool hazards__select(struct flow *f, bool wgp, hazard_found *found, void *ctx);

#endif
