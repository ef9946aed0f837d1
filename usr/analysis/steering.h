/* SPDX-License-Identifier: MIT */
/*
 * What the agent changed of a run: kernels that others ran instead of, dispatches that the host computed,
 * what should have been and could not, and what was written to the quarantine. A part of the model.
 */
#ifndef RDNA1_ANALYSIS_STEERING_H
#define RDNA1_ANALYSIS_STEERING_H

#include "../base/buf.h"
#include "../base/map.h"
#include "../../bpf/events.h"

enum { STEER_PASSED_KINDS = STEER_PASSED_queue + 2 }; /* the last: what a newer version may know */

/* A kernel whose dispatches go elsewhere, or should. */
struct steer {
	uint32_t pid;
	uint64_t ts_ns;
	struct ev_steer e;
	char *name, *to, *reason;
	uint64_t steered;			/* dispatches that went there */
	uint64_t passed[STEER_PASSED_KINDS];	/* that did not, by why (enum ev_steer_passed) */
	/* On the host: */
	uint64_t runs, failed_runs;
	int32_t error; /* of the first that failed: negative errno */
	uint64_t waited_ns, copied_ns, computed_ns, copied_bytes;
	char *problem; /* of the first; NULL: none */
	bool several_problems;
};

struct quarantined {
	uint32_t pid;
	uint64_t ts_ns;
	int32_t error; /* negative errno; 0: it was written */
	char *entry, *path;
};

struct steering {
	VEC(struct steer) list;
	VEC(struct quarantined) quarantined;
	uint64_t unknown; /* steered dispatches and host runs of kernels that nothing was said of */
	/* inside */
	struct map by_object; /* index of the last said of it */
	struct map on_host;   /* index, by queue and packet, until it has run */
};

struct model;

/* Dispatches that ran elsewhere, of all. */
uint64_t steering__steered(const struct steering *s);
/* Of a kernel of the program's: its dispatches that ran elsewhere. */
uint64_t steering__elsewhere(const struct steering *s, uint32_t pid, uint64_t object);
/* Dispatches of it that should have, and ran as they were. */
uint64_t steer__passed(const struct steer *x);
/*
 * What ran where the trace says that this kernel object failed: NULL, the program's own kernel; else the row that
 * says what ran instead of which.
 */
const struct steer *steering__instead(const struct steering *s, uint32_t pid, uint64_t object);

#endif
