/* SPDX-License-Identifier: MIT */
/*
 * What the agent says beyond allocations and dispatches, as the model holds it: where calls came from,
 * pointers that kernels were given, queues, code, named ranges, and what it left when something went wrong.
 */
#ifndef RDNA1_ANALYSIS_AGENT_H
#define RDNA1_ANALYSIS_AGENT_H

#include "../base/buf.h"
#include "../base/map.h"
#include "../../bpf/events.h"

/* A place that allocates. */
struct call_site {
	uint32_t pid;
	uint16_t id;
	uint64_t addr;
	bool searched; /* it is outside ROCm's libraries (callsite=on) */
};

/* Dispatches of one kernel that were given a pointer to no live memory. */
struct bad_pointer {
	uint32_t pid;
	uint64_t object; /* kernel_object */
	uint16_t at;	 /* offset of the argument, bytes */
	uint8_t state;	 /* enum ev_pointer_state: nothing, freed, past_end */
	uint8_t kind;	 /* of the memory: enum ev_mem_kind; 0 without */
	uint64_t base, size; /* that memory */
	uint64_t pointer, ts_ns; /* of the first */
	uint64_t count;
};

/* A queue, as the runtime knows it. */
struct hsa_queue {
	uint32_t pid;
	uint64_t id;
	uint8_t made_by, read_at; /* enum ev_queue_maker, ev_queue_read; 0 not said */
	uint64_t consumed, unseen, runtime; /* packets that were not read: enum ev_gap_cause */
	bool set[4];		   /* by enum ev_queue_property */
	uint64_t value[4];
};

struct kernel_facts {
	uint32_t pid;
	struct ev_kernel_info e;
	uint8_t sha256[32];
};

struct code_facts {
	uint32_t pid;
	uint8_t stored; /* enum ev_code_stored */
	uint8_t sha256[32];
	char *target, *compiler;
};

/* Code objects that could not be loaded, by how it ended. */
struct failed_load {
	uint32_t pid;
	int32_t status; /* hsa_status_t */
	uint64_t ts_ns, count; /* of the first */
};

/* A library of ROCm's or PyTorch's in a process. */
struct rocm_library {
	uint32_t pid;
	uint64_t ts_ns;
	char *path, *real_path; /* real_path "-" when it could not be had */
};

/* A variable as the runtime of a process read it. */
struct process_variable {
	uint32_t pid;
	char *name, *value;
};

/*
 * A range of one name at one place of the nest of one thread; tid 0: of roctxRangeStart, which belongs to no
 * thread.
 */
struct named_range {
	uint32_t pid, tid;
	char *name;
	bool mark;
	size_t parent; /* index plus 1 */
	unsigned int depth;
	uint64_t count, total_ns;
	uint64_t dispatches, kernel_ns; /* of those inside, and inside what is inside */
	uint64_t open;			/* not ended */
	/* inside */
	uint64_t level, begin_ns;
};

/* A queue when something went wrong, and what it had been given last. */
struct evidence {
	uint32_t pid;
	uint64_t ts_ns;
	struct ev_queue_state e;
};
struct recent {
	size_t evidence; /* index */
	struct ev_recent_dispatch e;
	uint64_t object;
	uint32_t grid[3], workgroup[3];
	uint32_t group_bytes; /* LDS */
	uint8_t kernarg[256];
	uint16_t kernarg_len;
	VEC(struct ev_pointer) pointers;
};

struct hang {
	uint32_t pid;
	uint64_t ts_ns;
	struct ev_hang e;
};

struct caught_signal {
	uint32_t pid, tid;
	uint64_t ts_ns;
	struct ev_process_signal e;
};

struct near_memory {
	uint32_t pid;
	struct ev_near_alloc e;
};

/* The last the watchdog said of a queue. */
struct watched {
	uint32_t pid;
	uint64_t ts_ns;
	struct ev_watch e;
};

struct agent_note {
	char *text;
	uint64_t count;
};

struct started_range {
	uint32_t pid;
	uint64_t id, begin_ns;
	size_t range;
	uint64_t dispatches; /* that its process had made when it began */
	size_t before;	     /* another of this id: index plus 1 */
	bool ended;
};

struct agent_side {
	VEC(struct call_site) sites;
	VEC(struct bad_pointer) bad_pointers;
	uint64_t not_asked; /* pointers that could not be looked up */
	VEC(struct hsa_queue) queues;
	VEC(struct kernel_facts) kernels;
	VEC(struct code_facts) code;
	struct map code_by_digest; /* inside: index plus 1 of the first */
	VEC(struct failed_load) failed_loads;
	VEC(struct rocm_library) libraries;
	VEC(struct process_variable) variables;
	VEC(struct named_range) ranges; /* a range comes behind the one it is in */
	VEC(struct evidence) evidence;
	VEC(struct recent) recent;
	VEC(struct hang) hangs;
	VEC(struct caught_signal) signals;
	VEC(struct near_memory) near;
	VEC(struct watched) watched;
	VEC(struct agent_note) notes;
	uint64_t device_times; /* dispatches whose time the device wrote */
	/* inside */
	VEC(struct started_range) started;
	struct map site_by_id, bad_by_what, queue_by_id, kernel_by_object, range_by_name, current, frequency;
	struct map evidence_by_queue, watched_by_queue, note_by_text, started_by_id;
	struct map dispatches; /* of a process while ranges are started */
};

#endif
