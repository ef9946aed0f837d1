/* SPDX-License-Identifier: MIT */
/*
 * Processes that gave a GPU memory or queues and did not get the agent: of their own side nothing is
 * recorded. For the model, and for the recorder's summary, which reads a trace without one.
 */
#ifndef RDNA1_ANALYSIS_AGENTLESS_H
#define RDNA1_ANALYSIS_AGENTLESS_H

#include "../base/map.h"
#include "../trace/reader.h"

struct agentless_process {
	uint32_t pid, ns_pid; /* ns_pid: in a PID namespace of its own; 0 without */
	char *exe;	      /* as it was executed; NULL when that was not seen */
	bool driver, agent;   /* it used the driver; the agent was in it */
};

struct agentless {
	VEC(struct agentless_process) list; /* every process that was seen */
	bool strangers; /* agents of processes that cannot be told: then none is missed */
	struct map newest; /* inside: index by pid */
};

/* Feed every event. */
void agentless__event(struct agentless *a, const struct event *ev);
void agentless__free(struct agentless *a);

/* The i-th process to be missed; NULL behind the last. */
const struct agentless_process *agentless__get(const struct agentless *a, size_t i);

/* What may be the reason, where nobody looked: one sentence. */
extern const char agentless_reasons[];

#endif
