/* SPDX-License-Identifier: MIT */
/*
 * Raw values to text, by the `print` word of the event table and of the KFD rows. Pure: no I/O, no
 * clock, cannot fail. The raw value stays visible wherever a name is printed.
 */
#ifndef RDNA1_DECODE_PRINT_H
#define RDNA1_DECODE_PRINT_H

#include "../base/names.h"

/* Every word that events.def and kfd_cmds.def may use. */
enum print_kind {
	PRINT_DEC,
	PRINT_HEX,
	PRINT_SIZE,
	PRINT_NS,
	PRINT_ERRNO,
	PRINT_STATUS,
	PRINT_SOURCE,
	PRINT_CAUSE,
	PRINT_PHASE,
	PRINT_KFD_CMD,
	PRINT_KFD_ALLOC_FLAGS,
	PRINT_KFD_QUEUE_TYPE,
	PRINT_KFD_CACHE_POLICY,
	PRINT_KFD_EVENT_TYPE,
	PRINT_KFD_TIMEOUT,
	PRINT_KFD_WAIT_RESULT,
	PRINT_KFD_SVM_OP,
	PRINT_KFD_ARG,
	PRINT_KFD_ARRAY,
	PRINT_HSA_STATUS,
	PRINT_HSA_DEVICE,
	PRINT_HSA_SEGMENT,
	PRINT_POOL_FLAGS,
	PRINT_FAULT_REASON,
	PRINT_GAP,
	PRINT_AMDGPU_EFLAGS,
	PRINT_PTE_OP,
	PRINT_PTE, /* by the gfx10.1 row: pte.h knows others */
	PRINT_PTE_GFX10,
	PRINT_SDMA_OP,
	PRINT_EMU_FAULT,
	PRINT_AQL_PACKET,
	PRINT_X64_LIST,
	PRINT_RAW,
};

/* One integer. is_signed: value holds a sign-extended s32 or s64. */
void print_value(struct buf *b, enum print_kind kind, uint64_t value, bool is_signed);

/* A BYTES field whose print word needs no context (not KFD_ARG, KFD_ARRAY). */
void print_bytes(struct buf *b, enum print_kind kind, const uint8_t *data, size_t len);

void print_ns(struct buf *b, uint64_t ns); /* "12.3us" */

/* Names alone; NULL when unknown. */
const char *hsa_status_name(uint64_t status);
const char *loss_cause_text(uint64_t cause);
const char *loss_cause_remedy(uint64_t cause);
const char *source_name(uint64_t source);
const char *fault_kind_name(uint64_t kind);
const char *processor_name(uint64_t e_flags); /* "gfx1010" */

/* "coarse", "fine", "fine, kernarg": what a pool's flag word means for its memory. */
void print_grain(struct buf *b, uint64_t pool_flags);

/* "NC", "UC": MTYPE of a GFX10 page-table entry. */
const char *pte_gfx10_mtype(uint64_t pte);

#endif
