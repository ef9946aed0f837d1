/* SPDX-License-Identifier: MIT */
/* Page-table entries to text, by the rows of caps.h. */
#ifndef RDNA1_DECODE_PTE_H
#define RDNA1_DECODE_PTE_H

#include <stdbool.h>
#include "../base/buf.h"
#include "../caps/caps.h"

/* What this tool is for; dump, which knows no GPU, prints by it. */
#define PTE_GFX10_1 100100

/* "UC|VALID|SYSTEM|FRAG(9)|addr=0x1000 (0x3000000001483)"; row NULL: by number alone. */
void pte_print(struct buf *b, const struct caps_pte *row, uint64_t pte);

/* "NC", "UC"; "?" for a reserved value or row NULL. */
const char *pte_mtype(const struct caps_pte *row, uint64_t pte);

/* "UC SYSTEM SNOOPED": the memory type, and what else says where the memory is. */
void pte_print_memory(struct buf *b, const struct caps_pte *row, uint64_t pte);
/* Whether that is the same of both. */
bool pte_same_memory(const struct caps_pte *row, uint64_t a, uint64_t b);

/* The entry without what differs between pages that are mapped alike: address and FRAG. */
#define PTE_ALIKE(pte) ((pte) & ~(PTE_ADDR_MASK | PTE_FRAG_MASK << PTE_FRAG_SHIFT))

/* Written by the driver to make a fault final: no mapping, and none taken away. */
bool pte_is_no_retry(const struct caps_pte *row, uint64_t pte);

/* Whether they ask for coherent memory: COHERENT, UNCACHED or EXT_COHERENT. */
bool pte_kfd_coherent(uint32_t alloc_flags);
/* The MTYPE that KFD gives for KFD_IOC_ALLOC_MEM_FLAGS_*; NULL when these alone do not decide. */
const char *pte_kfd_mtype(const struct caps_pte *row, uint32_t alloc_flags);

#endif
