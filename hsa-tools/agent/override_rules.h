/* SPDX-License-Identifier: MIT */
/*
 * Rules of an allocation override, as a user writes them: SELECTOR[+SELECTOR...]:TARGET, with
 * commas between rules. The launcher reads them to refuse what is wrong before the command starts,
 * the agent to act on them. Knows nothing of HSA; libc only.
 */
#ifndef RDNA1_AGENT_OVERRIDE_RULES_H
#define RDNA1_AGENT_OVERRIDE_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum override_target { OVERRIDE_COARSE = 1, OVERRIDE_FINE, OVERRIDE_UNCACHED, OVERRIDE_LEAVE };

/* All of it must hold of an allocation. */
struct override_rule {
	bool vram, system; /* of the pool that was asked for; neither: any */
	bool fine, coarse;
	uint64_t min_bytes, max_bytes; /* as asked, both included */
	uint64_t first, last; /* of those that all the rest holds of, from 1, both included */
	char from[128];	      /* glob for the file name of who calls; "" any */
	enum override_target target;
	char text[160]; /* as it was written, cut */
};

enum { OVERRIDE_MOST = 32 }; /* rules */

struct override_rules {
	struct override_rule v[OVERRIDE_MOST];
	unsigned int n;
};

/* False: error then says what is wrong, and *r is not to be used. */
bool override_rules__parse(struct override_rules *r, const char *text, char *error, size_t size);

/* Some rule looks at who calls. */
bool override_rules__from(const struct override_rules *r);

/*
 * A rule that may want fine-grained memory of the GPU's, which ROCr offers only with
 * HSA_FORCE_FINE_GRAIN_PCIE=1 (GpuAgent::InitRegionList); NULL when there is none.
 */
const struct override_rule *override_rules__wants_fine_vram(const struct override_rules *r);

/* "64K", "256M", "2G" or bytes; all of text up to end, which may be NULL for all of it. */
bool override_rules__size(const char *text, const char *end, uint64_t *bytes);

#endif
