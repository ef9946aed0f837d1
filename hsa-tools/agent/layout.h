/* SPDX-License-Identifier: MIT */
/*
 * The AMD extension table of the ROCr that loaded us, read and written slot by slot at the places
 * its version has them. Knows of no event.
 */
#ifndef RDNA1_AGENT_LAYOUT_H
#define RDNA1_AGENT_LAYOUT_H

#include "hsa_c.h"

/* ROCr 5.7 and later; its engine id is an enum of bits. */
hsa_status_t hsa_amd_memory_async_copy_on_engine(void *dst, hsa_agent_t dst_agent, const void *src,
						 hsa_agent_t src_agent, size_t size, uint32_t num_deps,
						 const hsa_signal_t *deps, hsa_signal_t completion,
						 uint32_t engine_id, bool force_copy_on_sdma);

/* What the agent uses of it; NULL what the version does not have. */
struct amd_table {
#define AMD_SLOT(fn, in_5_2, in_6_4) __typeof__(fn) *fn##_fn;
#include "layout.def"
};

bool amd_table__known(const AmdExtTable *table);
/* From or into a table of a known layout; an unknown one gives and takes nothing. */
void amd_table__read(struct amd_table *to, const AmdExtTable *table);
void amd_table__write(AmdExtTable *table, const struct amd_table *from);

#endif
