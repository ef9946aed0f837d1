// SPDX-License-Identifier: MIT
#include "pte.h"
#include "../base/names.h"

#include <inttypes.h>

static const struct name common[] = {{PTE_VALID, "VALID"},	     {PTE_SYSTEM, "SYSTEM"},
				     {PTE_SNOOPED, "SNOOPED"},	     {PTE_TMZ, "TMZ"},
				     {PTE_EXECUTABLE, "EXECUTABLE"}, {PTE_READABLE, "READABLE"},
				     {PTE_WRITEABLE, "WRITEABLE"},   {0, NULL}};

const char *pte_mtype(const struct caps_pte *row, uint64_t pte)
{
	const char *name = row ? row->mtype[pte >> row->mtype_shift & row->mtype_mask] : NULL;

	return name ? name : "?";
}

void pte_print(struct buf *b, const struct caps_pte *row, uint64_t pte)
{
	struct name names[ARRAY_SIZE(common) + CAPS_PTE_BITS];
	uint64_t frag = pte >> PTE_FRAG_SHIFT & PTE_FRAG_MASK, addr = pte & PTE_ADDR_MASK;
	size_t n = ARRAY_SIZE(common) - 1;

	if (!row) {
		buf__printf(b, "0x%" PRIx64, pte);
		return;
	}
	for (size_t i = 0; i < n; i++)
		names[i] = common[i];
	for (size_t i = 0; i < CAPS_PTE_BITS && row->bits[i].bit; i++)
		names[n++] = (struct name){row->bits[i].bit, row->bits[i].name};
	names[n] = (struct name){0, NULL};
	buf__printf(b, "%s|", pte_mtype(row, pte));
	names__flags(b, names,
		     pte & ~(row->mtype_mask << row->mtype_shift | PTE_FRAG_MASK << PTE_FRAG_SHIFT |
			     PTE_ADDR_MASK));
	if (frag)
		buf__printf(b, "|FRAG(%" PRIu64 ")", frag);
	if (addr)
		buf__printf(b, "|addr=0x%" PRIx64, addr);
	buf__printf(b, " (0x%" PRIx64 ")", pte);
}

void pte_print_memory(struct buf *b, const struct caps_pte *row, uint64_t pte)
{
	buf__puts(b, pte_mtype(row, pte));
	if (pte & PTE_SYSTEM)
		buf__puts(b, " SYSTEM");
	if (pte & PTE_SNOOPED)
		buf__puts(b, " SNOOPED");
}

bool pte_same_memory(const struct caps_pte *row, uint64_t a, uint64_t b)
{
	uint64_t mtype = row ? row->mtype_mask << row->mtype_shift : 0;

	return !((a ^ b) & (mtype | PTE_SYSTEM | PTE_SNOOPED));
}

bool pte_is_no_retry(const struct caps_pte *row, uint64_t pte)
{
	return row && row->no_retry && !(pte & PTE_VALID) && (pte & row->no_retry) == row->no_retry;
}

/* KFD_IOC_ALLOC_MEM_FLAGS_COHERENT, UNCACHED and EXT_COHERENT (kfd_ioctl.h). */
#define KFD_COHERENT (1u << 26 | 1u << 25 | 1u << 24)

bool pte_kfd_coherent(uint32_t alloc_flags)
{
	return alloc_flags & KFD_COHERENT;
}

const char *pte_kfd_mtype(const struct caps_pte *row, uint32_t alloc_flags)
{
	if (!row)
		return NULL;
	return pte_kfd_coherent(alloc_flags) ? row->kfd_coherent : row->kfd_coarse;
}
