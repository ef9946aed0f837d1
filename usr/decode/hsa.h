/* SPDX-License-Identifier: MIT */
/*
 * What the agent writes, as text: the small enumerations of its events (bpf/events.h), AQL packets,
 * kernel arguments and where they point. Pure; for print.c.
 */
#ifndef RDNA1_DECODE_HSA_H
#define RDNA1_DECODE_HSA_H

#include "../base/names.h"

extern const struct name names_mem_kind[], names_copy_kind[], names_queue_maker[],
	names_queue_read[], names_queue_props[], names_queue_set[], names_timed_by[],
	names_code_stored[], names_evidence[], names_policy_kind[],
	names_policy_state[], names_kept_phase[], names_steer_action[], names_steer_why[],
	names_steer_passed[], names_dispatch_done[], names_watch_state[],
	names_range_op[], names_export_kind[], names_pointer_state[], names_arg_kind[],
	names_signal[];

void print_aql_packet(struct buf *b, const uint8_t *packet); /* 64 bytes */
/* len bytes of struct ev_pointer, of struct ev_kernel_arg; what is left over stands in hexadecimal.
 */
void print_pointers(struct buf *b, const uint8_t *data, size_t len);
void print_kernel_args(struct buf *b, const uint8_t *data, size_t len);

#endif
