/* SPDX-License-Identifier: MIT */
/*
 * --late-free: what the application frees is kept for a while, so that a kernel which still uses it
 * finds it as it was. To the map and the trace it is freed; the runtime has it until enough was
 * freed after it, an allocation fails, or the runtime shuts down.
 *
 * No lock is held while the runtime is called.
 */
#ifndef RDNA1_AGENT_LATE_FREE_H
#define RDNA1_AGENT_LATE_FREE_H

#include "agent.h"

enum { LATE_FREE_MOST = MAP_FREED_KEPT }; /* pieces: as many as the map remembers as freed */

/* From now on keep each until `bytes` of later ones are kept, too; 0: keep none. */
void late_free_enable(uint64_t bytes);
bool late_free_on(void);
/* As asked for in the options, once there is an inventory. */
void late_free_start(struct thread *t);

/* It is kept already: the application frees it a second time. */
bool late_free_kept(uint64_t va);
/* Keep it instead of freeing it, and give back what was kept long enough. False: it is to be freed.
 */
bool late_free_keep(struct thread *t, uint64_t va, uint64_t size, bool region);
/* Give back all. False: there was nothing. */
bool late_free_all(struct thread *t);
/* The runtime gave this address out: what was there before is gone. */
void late_free_reused(uint64_t va);

#endif
