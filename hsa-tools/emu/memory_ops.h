/* SPDX-License-Identifier: MIT */
/*
 * Memory instructions lane by lane, with every check: what exec_hot.c falls back on. Each executes
 * the whole of instruction i for registers of `bytes` (4, 8, 12, 16).
 */
#ifndef RDNA1_EMU_MEMORY_OPS_H
#define RDNA1_EMU_MEMORY_OPS_H

#include "wave.h"

void memory_load(struct wave *w, const struct insn *i, uint32_t bytes);
void memory_store(struct wave *w, const struct insn *i, uint32_t bytes);
void lds_load(struct wave *w, const struct insn *i, uint32_t bytes);
void lds_store(struct wave *w, const struct insn *i, uint32_t bytes);
/* Two of them; offsets count `scale` bytes. */
void lds_load2(struct wave *w, const struct insn *i, uint32_t bytes, uint32_t scale);

/*
 * The lane whose access by i lies at va, and its bytes. NO_LANE: the registers do not tell; *bytes
 * is 0 where the name of i does not tell either.
 */
uint32_t memory_lane_at(const struct wave *w, const struct insn *i, uint64_t va, uint32_t *bytes);

#endif
