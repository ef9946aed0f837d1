/* SPDX-License-Identifier: MIT */
/*
 * The AMD extension table of the ROCr that loaded us, read and written slot by slot at the places
 * its version has them; AmdExtTable here is the layout this was built with. Knows of no event.
 */
#ifndef RDNA1_AGENT_LAYOUT_H
#define RDNA1_AGENT_LAYOUT_H

#include "hsa_c.h"

bool amd_table__known(const AmdExtTable *table);
/* The slots of layout.def, from or into a table of a known layout; an unknown one stays alone. */
void amd_table__read(AmdExtTable *to, const AmdExtTable *table);
void amd_table__write(AmdExtTable *table, const AmdExtTable *from);

#endif
