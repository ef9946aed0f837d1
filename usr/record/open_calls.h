/* SPDX-License-Identifier: MIT */
/* KFD ioctls that have not returned when recording ends: events of their own. */
#ifndef RDNA1_RECORD_OPEN_CALLS_H
#define RDNA1_RECORD_OPEN_CALLS_H

#include <stdbool.h>
#include <stdint.h>
#include "../../bpf/shared.h"
#include "../../hsa-tools/stream/stream.h"

/* Which file is the KFD device, as stat tells: by its number, or the emulated device's stand-in; 0:
 * none. */
struct kfd_file {
	uint64_t rdev, dev, ino;
};

/* Does its thread still sit in that call? False also when the thread is gone. */
bool open_call__is_so(const struct flight *f);

/* As the programs kept it at the call's entry. */
void open_call__write(struct stream *s, const struct flight *f);

/* By /proc: what the threads of a process are in, where entries are not seen. Reads none of its
 * memory. */
void open_calls__of_process(struct stream *s, uint32_t pid, const struct kfd_file *kfd);

#endif
