/* SPDX-License-Identifier: MIT */
/*
 * What a thread of ours needs of a device: its memory read and written, and now and then a dispatch
 * run.
 *
 * By a queue of its own. The runtime's copies would go behind those that the application has asked
 * for, which may wait for what the thread is about to compute (with HSA_ENABLE_SDMA=0 always:
 * amd_gpu_agent.cpp has one queue for copies to the host).
 */
#ifndef RDNA1_AGENT_MOVER_H
#define RDNA1_AGENT_MOVER_H

#include "agent.h"

struct mover;

/* NULL without memory. The runtime is called: not on the doorbell path. */
struct mover *mover_new(struct thread *t, hsa_agent_t on);
/* Memory for copy number i (below MOVER_ROOMS) that both sides reach, kept until the next call for
 * it. NULL: there is none. */
enum { MOVER_ROOMS = 4 };
void *mover_room(struct mover *m, int i, size_t bytes);
/* Between a room and the device's memory. 0 or -errno. *stop (atomic): not to be waited for any
 * longer. */
int mover_copy(struct mover *m, void *to, const void *from, size_t bytes, const int *stop);
/* Run a dispatch, and wait for it. The packet's own signal is not used. 0 or -errno. */
int mover_run(struct mover *m, const hsa_kernel_dispatch_packet_t *p, const int *stop);
void mover_free(struct mover *m);

#endif
