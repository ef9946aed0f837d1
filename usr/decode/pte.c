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
