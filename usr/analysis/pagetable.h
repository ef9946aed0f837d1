/* SPDX-License-Identifier: MIT */
/*
 * What page tables hold, as far as their updates were seen: of each page the newest entry, without
 * its address. Pages of a space that are mapped alike are one span, so memory goes by buffers and
 * not by updates. Every call takes O(log n) and what it changes.
 */
#ifndef RDNA1_ANALYSIS_PAGETABLE_H
#define RDNA1_ANALYSIS_PAGETABLE_H

#include <stdbool.h>
#include <stdint.h>

struct pt_span {
	uint64_t space;	 /* whose addresses these are: the caller's number */
	uint64_t lo, hi; /* pages; hi is behind the last */
	uint64_t flags;	 /* as last mapped */
	bool unmapped;	 /* since then */
	uint64_t since_ns; /* mapped or unmapped at this time; pages that are alike have the latest of theirs */
};

struct pt_node;
struct pagetable {
	struct pt_node *head;
	unsigned int levels; /* of its highest node */
	uint64_t random;
};

/* Pages lo to hi - 1 now have an entry with these flags. */
void pagetable__map(struct pagetable *pt, uint64_t space, uint64_t lo, uint64_t hi, uint64_t flags, uint64_t ts);
/* Their entries are no longer valid; what they were stays known. */
void pagetable__unmap(struct pagetable *pt, uint64_t space, uint64_t lo, uint64_t hi, uint64_t ts);
/* NULL when nothing was seen of that page. */
const struct pt_span *pagetable__at(const struct pagetable *pt, uint64_t space, uint64_t page);

/*
 * Forget these pages, all of them or only_unmapped, and tell of each span that is forgotten. `take`
 * must not change pt.
 */
typedef void (*pt_take)(void *ctx, const struct pt_span *span);
void pagetable__take(struct pagetable *pt, uint64_t space, uint64_t lo, uint64_t hi,
		     bool only_unmapped, pt_take take, void *ctx);
void pagetable__free(struct pagetable *pt);

#endif
