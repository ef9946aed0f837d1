/* SPDX-License-Identifier: MIT */
/*
 * The parts of the model: what each makes of its events. memory.c has the driver's buffers and page
 * tables, interrupts.c faults and hardware queues, agent.c what
 * only the agent sees.
 */
#ifndef RDNA1_ANALYSIS_PARTS_H
#define RDNA1_ANALYSIS_PARTS_H

#include "model.h"
#include "../base/le.h"

/* ---- model.c ---- */

/* The i-th text of an event, to be freed. A trace is someone else's: what goes to a terminal has no
 * control characters. */
char *text_of(const struct event *ev, unsigned int i);
/* From the driver's first event on, what the emulated device's log said of buffers and calls is
 * forgotten. */
void take_kernel_side(struct model *m);
bool has_exited(const struct model *m, uint32_t pid);
void sum_ioctl(struct ioctl_sums *s, uint32_t cmd, int err);
/* An allocation that worked, at its end. */
void add_alloc(struct model *m, const struct alloc *a);
void add_failed_alloc(struct model *m, uint64_t size, int32_t status, uint16_t kind);
/* NULL when it was not seen. */
struct dispatch *model__dispatch(struct model *m, uint32_t pid, uint64_t queue_id, uint64_t index);

/* ---- agent.c ---- */

/* False when the event is none of its. */
bool agent__event(struct model *m, const struct event *ev, uint32_t pid);
/* d is the model's newest. */
void agent__dispatch(struct model *m, const struct event *ev, struct dispatch *d);
void agent__queue(struct model *m, uint32_t pid, const struct ev_queue_create *e);
void agent__queue_gap(struct model *m, uint32_t pid, const struct ev_queue_gap *e);
void agent__end(struct model *m);
void agent__free_all(struct model *m);

/* ---- memory.c ---- */

/* An ALLOC_MEMORY_OF_GPU that worked; tid made it, within begin_dt before ts (0: not known). */
void memory__alloc(struct model *m, const struct bo *b, uint32_t tid, uint32_t begin_dt);
void memory__free(struct model *m, uint32_t pid, uint64_t handle, uint64_t ts, uint32_t begin_dt);
void memory__svm(struct model *m, uint32_t pid, uint64_t va, uint64_t size, uint64_t ts);
/* All of the process's memory is gone. */
void memory__end_process(struct model *m, uint32_t pid, uint64_t ts);
/* The process has ended, at ts; the driver takes back what it had. */
void memory__exit(struct model *m, uint32_t pid, uint64_t ts);
/* False when the event is none of its. pid: of the writer. */
bool memory__event(struct model *m, const struct event *ev, uint32_t pid);
void memory__end(struct model *m);
/* The entry of va's page as last written, in any address space of the process; NULL when none was
 * seen. */
const struct pt_span *memory__pte(const struct model *m, uint32_t pid, uint64_t va);
void memory__free_all(struct model *m);

/* ---- interrupts.c ---- */

bool interrupts__event(struct model *m, const struct event *ev);
/* A CREATE_QUEUE that worked; a DESTROY_QUEUE that did. */
void interrupts__queue(struct model *m, const struct hw_queue *q);
void interrupts__queue_gone(struct model *m, uint32_t pid, uint32_t queue_id, uint64_t ts);
void interrupts__free_all(struct model *m);

#endif
