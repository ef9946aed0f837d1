/* SPDX-License-Identifier: MIT */
/* KFD ioctls that have not returned when recording ends: events of their own. */
#ifndef RDNA1_RECORD_OPEN_CALLS_H
#define RDNA1_RECORD_OPEN_CALLS_H

#include <stdint.h>
#include "../../bpf/shared.h"
#include "../../hsa-tools/stream/stream.h"

/* As the programs kept it at the call's entry. */
void open_call__write(struct stream *s, const struct flight *f);

/* By /proc: what the threads of a process are in, where entries are not seen. Reads none of its
 * memory. */
void open_calls__of_process(struct stream *s, uint32_t pid);

#endif
