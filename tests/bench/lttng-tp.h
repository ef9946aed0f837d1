/* SPDX-License-Identifier: MIT */
/* What event_cost.c records with LTTng-UST: two integers and bytes, as our packet event. */
#undef LTTNG_UST_TRACEPOINT_PROVIDER
#define LTTNG_UST_TRACEPOINT_PROVIDER rdna1_bench

#undef LTTNG_UST_TRACEPOINT_INCLUDE
#define LTTNG_UST_TRACEPOINT_INCLUDE "tests/bench/lttng-tp.h"

#if !defined(RDNA1_BENCH_LTTNG_TP_H) || defined(LTTNG_UST_TRACEPOINT_HEADER_MULTI_READ)
#define RDNA1_BENCH_LTTNG_TP_H

#include <lttng/tracepoint.h>
#include <stdint.h>

LTTNG_UST_TRACEPOINT_EVENT(
	rdna1_bench, packet,
	LTTNG_UST_TP_ARGS(uint64_t, queue_id, uint64_t, index, const uint8_t *, packet, uint16_t, len),
	LTTNG_UST_TP_FIELDS(
		lttng_ust_field_integer(uint64_t, queue_id, queue_id)
		lttng_ust_field_integer(uint64_t, index, index)
		lttng_ust_field_sequence(uint8_t, packet, packet, uint16_t, len)
	)
)

#endif

#include <lttng/tracepoint-event.h>
