/* SPDX-License-Identifier: MIT */
/* What the agent was asked to change of a run, and which allocations and frees it changed: --override, --late-free. */
#ifndef RDNA1_ANALYSIS_POLICY_H
#define RDNA1_ANALYSIS_POLICY_H

#include "../base/buf.h"
#include "../base/map.h"
#include "../../bpf/events.h"

/* Said once for each part of it and process; a rule may be in force and refused for some memory. */
struct policy {
	uint32_t pid, rule;
	uint16_t kind, state; /* enum ev_policy_kind, ev_policy_state */
	char *asked, *reason; /* reason "" without */
};

/* Allocations that were made alike and otherwise than asked, from one place. */
struct override_sum {
	uint32_t pid;
	struct ev_alloc_override like; /* of the first; site, pools, flags, status are those of all */
	uint64_t count, bytes, largest;
};

/* Frees of one process that came late. */
struct kept_sum {
	uint32_t pid;
	uint64_t count, bytes, largest;
	uint64_t given_back, given_bytes;
	uint64_t most_bytes; /* kept at one time */
};

struct policies {
	VEC(struct policy) list;
	VEC(struct override_sum) overrides;
	VEC(struct kept_sum) kept;
	/* inside */
	struct map override_by_what, overridden; /* overridden: rule, by the address of an allocation to come */
};

#endif
