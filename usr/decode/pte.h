/* SPDX-License-Identifier: MIT */
/* Page-table entries to text, by the rows of caps.h. */
#ifndef RDNA1_DECODE_PTE_H
#define RDNA1_DECODE_PTE_H

#include "../base/buf.h"
#include "../caps/caps.h"

/* What this tool is for; dump, which knows no GPU, prints by it. */
#define PTE_GFX10_1 100100

/* "UC|VALID|SYSTEM|FRAG(9)|addr=0x1000 (0x3000000001483)"; row NULL: by number alone. */
void pte_print(struct buf *b, const struct caps_pte *row, uint64_t pte);

/* "NC", "UC"; "?" for a reserved value or row NULL. */
const char *pte_mtype(const struct caps_pte *row, uint64_t pte);

#endif
