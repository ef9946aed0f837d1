/* SPDX-License-Identifier: MIT */
/*
 * LDS accesses of several dwords whose address is not known to be a multiple of their size, by what the code itself
 * does to compute it.
 */
#ifndef RDNA1_SCAN_LDS_H
#define RDNA1_SCAN_LDS_H

#include "hazards.h"

bool lds__misaligned(struct flow *f, hazard_found *found, void *ctx);

#endif
