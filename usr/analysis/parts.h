/* SPDX-License-Identifier: MIT */
/*
 * The parts of the model: what each makes of its events, and what only they know. A part has a table of the events it
 * takes; model.c reads the trace and hands each event to the parts that want it.
 *
 *   processes.c   processes, whose stream is whose, which GPU it is
 *   ioctls.c      calls of KFD
 *   memory.c      the driver's buffers and mappings; ptes.c page tables
 *   interrupts.c  faults, hardware queues, queues stopped
 *   allocs.c      allocations of the application, and who had them as arguments
 *   dispatches.c  queues and dispatches
 *   agent.c       what else only the agent sees
 *   steering.c    what the agent changed of the run
 *   address.c     what is known of an address at a time
 *
 * What has ended is kept in the order of its end (struct fifo), and the first of it is forgotten when there is too
 * much: its place in the list is taken by what comes next, and the lists are put in order at the end (model__read).
 * Until then what refers to another names it by its serial plus 1 (alloc.bo, move.bo, wave_fault.dispatch).
 */
#ifndef RDNA1_ANALYSIS_PARTS_H
#define RDNA1_ANALYSIS_PARTS_H

#include "forgotten.h"
#include "model.h"
#include "pagetable.h"
#include "../base/held.h"
#include "../base/le.h"
#include "../base/ranges.h"

struct handler {
	enum ev_id id; /* 0: the table's end */
	void (*take)(struct model *m, const struct event *ev, uint32_t pid); /* pid: of the writer */
};

extern const struct handler processes__handlers[], ioctls__handlers[], memory__handlers[], ptes__handlers[],
	interrupts__handlers[], allocs__handlers[], dispatches__handlers[], agent__handlers[], steering__handlers[],
	policy__handlers[];

/* A list through `behind` of what it holds: indices plus 1. */
struct fifo {
	uint32_t first, last;
	size_t n;
};
#define FIFO_PUT(fifo, vec, i)                                                                                         \
	((vec)->v[i].behind = 0, (fifo)->last ? ((vec)->v[(fifo)->last - 1].behind = (uint32_t)(i) + 1)                \
					      : ((fifo)->first = (uint32_t)(i) + 1),                                   \
	 (fifo)->last = (uint32_t)(i) + 1, (fifo)->n++)
/* Index of the first, which leaves; there is one. The next is out of every cache by now. */
#define FIFO_TAKE(fifo, vec, i)                                                                                        \
	((i) = (fifo)->first - 1, (fifo)->first = (vec)->v[i].behind,                                                  \
	 (fifo)->last = (fifo)->first ? (fifo)->last : 0, (fifo)->n--,                                                 \
	 (fifo)->first ? __builtin_prefetch(&(vec)->v[(fifo)->first - 1], 1),                                          \
	 __builtin_prefetch(&(vec)->v[(fifo)->first - 1].behind, 1) : (void)0)

/* A place in a list that nothing is at. */
#define NOWHERE UINT64_MAX

/* One pointer that a dispatch was given into an allocation. */
struct argument_slot {
	uint64_t ts_ns, index;
	uint64_t before; /* the one before of this allocation: number plus 1 */
	uint32_t queue, kernel;
	uint16_t at;
	uint8_t state;
};

/* What a process has at once. */
struct owner {
	uint32_t pid;
	uint32_t live;	      /* first of its live allocations: index plus 1 */
	uint32_t pool_allocs; /* that it ever made */
	struct argument_slot *arguments; /* the last, by number */
	uint32_t num_slots;		 /* a power of 2 */
	uint64_t num_arguments;
	size_t spaces, last_space; /* how many, index plus 1 */
	size_t last_change;	   /* host_changes: index plus 1 */
};

/* Kernels that had an allocation as an argument, the latest asked for first. */
#define BLOCK_USES 4u
struct use {
	uint64_t first_ns, last_ns;
	uint32_t count, kernel;
	uint16_t at;
};
struct use_block {
	uint32_t next; /* index plus 1 */
	uint32_t n;
	struct use uses[BLOCK_USES];
};

/* A GPU address space of a process. */
struct space {
	uint32_t pid;
	size_t next; /* of the process: index plus 1 */
};

/* A write to page tables. */
struct pte_update {
	uint64_t space, lo, hi; /* pages */
	uint64_t flags, ts_ns;
	bool map;
};

/* A userptr_evict. */
struct host_change {
	uint32_t pid;
	uint64_t ts_ns;
	size_t bo;
	uint64_t serial; /* of bo */
	size_t before;	 /* of the process: index plus 1 */
};

/* What each dispatch changes of its allocations: by itself, so that it stays in the cache. */
struct alloc_hot {
	uint64_t last_argument; /* as in struct alloc, where it is in the end */
	uint32_t uses, other_uses;
};

struct address_index;

struct inside {
	void (*take[256])(struct model *m, const struct event *ev, uint32_t pid);
	/* processes */
	struct map process_by_pid, writers, owner_by_pid;
	VEC(struct owner) owners;
	size_t last_owner;
	bool has_namespaces;
	const struct trace_stream *last_stream;
	uint32_t last_writer;
	struct map device_by_handle, pool_by_handle, pool_by_id, card_by_id;
	/* calls */
	struct map open_by_thread, last_ioctl, failed_by_what;
	VEC(uint64_t) open_since;
	/* allocations */
	struct map live_allocs; /* by kind, process and address or handle; also those that were freed last there */
	struct map old_by_kind;
	struct fifo freed_allocs, no_allocs; /* no_allocs: empty places */
	struct forgotten forgotten_allocs;
	uint64_t allocs_known_from_ns; /* none that lived later is forgotten */
	VEC(struct alloc_hot) hot; /* beside allocs */
	VEC(struct use_block) uses;
	uint32_t no_uses; /* empty places: index plus 1 */
	uint64_t argument_slots;
	/* the driver's memory */
	struct map bo_by_handle, bo_by_mem, bo_by_gem, made_by_tid, gem_by_ordinal, old_bo_by_what, move_by_what;
	struct ranges live_bos, svm_live, live_mappings;
	struct fifo gone_bos, no_bos, ended_mappings, no_mappings;
	uint64_t num_mappings, num_gems;
	size_t wasted_ptes;
	struct forgotten forgotten_bos;
	VEC(struct host_change) host_changes;
	/* page tables */
	struct pagetable pagetable, old_pagetable; /* old: as it was when what is not in pte_log began */
	VEC(struct pte_update) pte_log;		   /* a ring once it is full */
	uint64_t num_updates;
	VEC(struct space) spaces;
	struct map space_by_vm, loose_by_flags, sum_by_flags;
	/* dispatches */
	struct map queue_by_id, kernel_by_object, sum_by_object, shape_by_grid, rings, queue_devices;
	size_t last_queue;
	uint64_t dispatch_slots;
	VEC(struct dispatch) pinned;
	/* faults */
	struct map page_faults, wave_faults, stop_by_pid, hw_queue_by_id, hw_queue_by_doorbell;
	size_t last_page_fault; /* index into faults plus 1 */
	struct fault left_out;
	struct address_index *index;
};

/* ---- processes.c ---- */

/* The i-th text of an event, to be freed. A trace is someone else's: what goes to a terminal has no
 * control characters. */
char *text_of(const struct event *ev, unsigned int i);
/* Pids come again rarely and late: the newest of the number is meant. */
struct process *process_of(struct model *m, uint32_t pid, uint64_t ts);
bool has_exited(const struct model *m, uint32_t pid);
/* The process that wrote the event, by the recorder's number of it. */
uint32_t writer_of(struct model *m, const struct event *ev);
struct owner *owner_of(struct model *m, uint32_t pid);
const struct owner *find_owner(const struct model *m, uint32_t pid);
void set_gfx(struct model *m, unsigned int gfx_target_version, enum gfx_from from);
void processes__free_all(struct model *m);

/* ---- ioctls.c ---- */

/* From the driver's first event on, what the emulated device's log said of buffers and calls is
 * forgotten. */
void take_kernel_side(struct model *m);
void sum_ioctl(struct ioctl_sums *s, uint32_t cmd, int err);
void ioctls__end(struct model *m);
void ioctls__free_all(struct model *m);

/* ---- allocs.c ---- */

/* What a dispatch was given. */
struct given {
	uint32_t pid;
	uint64_t ts_ns, index;
	uint32_t queue, kernel; /* indices into queue_work and kernel_sums */
	struct event_bytes pointers; /* struct ev_pointer */
};
void allocs__given(struct model *m, const struct given *g);
/* All of the process's memory is gone. */
void allocs__end_process(struct model *m, uint32_t pid, uint64_t ts);
/* Buffers that they were cut from are unknown again. */
void allocs__forget_buffers(struct model *m);
void allocs__end(struct model *m);
void allocs__free_all(struct model *m);

/* ---- dispatches.c ---- */

/* When it ran, by the device (emulated or not). */
void dispatches__time(struct model *m, uint32_t pid, uint64_t queue_id, uint64_t index, uint64_t duration_ns,
		      bool device_time);
/* Keep the last dispatch of the queue; its serial plus 1, 0 without. */
uint64_t dispatches__keep_last(struct model *m, uint32_t pid, uint64_t queue_id);
void dispatches__end(struct model *m);
void dispatches__free_all(struct model *m);

/* ---- agent.c ---- */

/* Index plus 1 of the named range that the thread is in; 0 without. It has one dispatch more. */
size_t agent__range(struct model *m, uint32_t pid, uint32_t tid);
/* One that points to no live memory, or could not be looked up. */
void agent__pointer(struct model *m, const struct given *g, const struct ev_pointer *p,
		    const struct event_bytes *kernarg);
void agent__queue(struct model *m, uint32_t pid, const struct ev_queue_create *e);
void agent__queue_gap(struct model *m, uint32_t pid, const struct ev_queue_gap *e);
void agent__end(struct model *m);
void agent__free_all(struct model *m);

/* ---- steering.c ---- */

void steering__free_all(struct model *m);
/* ---- policy.c ---- */
/* The rule of --override that the allocation which is made there now is by; 0 without. */
uint8_t policy__overridden(struct model *m, uint32_t pid, uint64_t va);
void policy__free_all(struct model *m);

/* ---- memory.c ---- */

/* An ALLOC_MEMORY_OF_GPU that worked; tid made it, within begin_dt before ts (0: not known). */
void memory__alloc(struct model *m, const struct bo *b, uint32_t tid, uint32_t begin_dt);
void memory__free(struct model *m, uint32_t pid, uint64_t handle, uint64_t ts, uint32_t begin_dt);
void memory__svm(struct model *m, uint32_t pid, uint64_t va, uint64_t size, uint64_t ts);
/* All of the process's memory is gone. */
void memory__end_process(struct model *m, uint32_t pid, uint64_t ts);
/* The process has ended, at ts; the driver takes back what it had. */
void memory__exit(struct model *m, uint32_t pid, uint64_t ts);
void memory__forget(struct model *m);
void memory__end(struct model *m);
void memory__free_all(struct model *m);

/* ---- ptes.c ---- */

/* Pages [va, va + size): lo to hi - 1. A size that runs over the end of addresses ends there. */
uint64_t first_page(uint64_t va);
uint64_t end_page(uint64_t va, uint64_t size);
/* Forget these pages in every address space of the process: pagetable__take(). */
void ptes__take(struct model *m, uint32_t pid, uint64_t lo, uint64_t hi, bool only_unmapped, pt_take take, void *ctx);
/* The same, of pages that no buffer has. */
void ptes__take_loose(struct model *m, uint32_t pid, uint64_t lo, uint64_t hi, bool only_unmapped,
		      enum loose_kind kind);
/* The entry of va's page as last written, in any address space of the process; NULL when none was
 * seen. */
const struct pt_span *ptes__now(const struct model *m, uint32_t pid, uint64_t va);
void ptes__free_all(struct model *m);

/* ---- interrupts.c ---- */

/* A CREATE_QUEUE that worked; a DESTROY_QUEUE that did. */
void interrupts__queue(struct model *m, const struct hw_queue *q);
void interrupts__queue_gone(struct model *m, uint32_t pid, uint32_t queue_id, uint64_t ts);
void interrupts__forget_queues(struct model *m);
/* Above MODEL_KEPT_FAULTS what is written to it is not kept. */
struct fault *new_fault(struct model *m, int from, uint32_t pid, uint64_t ts);
void interrupts__free_all(struct model *m);

/* ---- address.c ---- */

void address__free_all(struct model *m);

#endif
