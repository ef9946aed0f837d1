/* SPDX-License-Identifier: MIT */
/*
 * The HSA tools agent: loaded by ROCr into someone else's process, it records what the application
 * asks of the runtime and passes every call on unchanged.
 *
 * A guest: an error of its own is counted and never seen by the application; nothing here exits,
 * aborts or blocks it. The doorbell path takes no lock, calls no malloc and no stdio.
 */
#ifndef RDNA1_AGENT_AGENT_H
#define RDNA1_AGENT_AGENT_H

#include <sched.h>
#include <stdint.h>
#include "../stream/stream.h"
#include "hsa_c.h"
#include "layout.h"
#include "map.h"
#include "options.h"

/* Where an address lies: what a thread remembers of the map as long as that does not change. */
struct place {
	uint64_t lo, size; /* size 0: nowhere */
	uint8_t kind;	   /* enum ev_mem_kind */
	bool host;	   /* the process can read it where it is */
};
enum { PLACES = 8 };

/* One thread's stream. Lives in the list below from the thread's first event to its end. */
struct thread {
	const void *frame; /* of the hook it is in, and where that returns to: see was_left() */
	uint64_t back;
	int depth; /* inside a hook: our own calls are not recorded */
	uint32_t tid;
	uint64_t map_version; /* of the places */
	struct stream stream;
	struct place places[PLACES];
	uint32_t num_places; /* ever */
	int ends;	     /* times the thread's end has been told of */
	int used;	     /* atomic: claimed by a thread */
	struct thread *next;
	struct stream_spare spare;
};

struct agent {
	bool recording;
	bool exiting; /* exit() has begun */
	bool has_amd;
	bool steering; /* some dispatches may go elsewhere: steer.h */
	int dir_fd;    /* the trace directory */
	char dir_path[4096];
	struct stream_proc proc;
	struct options options;
	CoreApiTable core; /* as it was before us: what the hooks call */
	struct amd_table amd;
	struct thread *threads; /* atomic list, never shortened */
	uint64_t dispatches;	/* atomic; of queues that are gone */
	uint64_t pool_allocs;	/* atomic */
};
extern struct agent agent;

void threads_init(void);
/*
 * Begin a hook: the thread's state, or NULL when nothing is to be recorded (off, nested, a forked
 * child). Every non-NULL agent_enter is followed by agent_leave.
 */
struct thread *agent_enter_from(const void *frame, const void *back);
struct thread *agent_enter_nested_from(const void *frame, const void *back);
/* The frame is the hook's: [0] the frame pointer of its caller, [1] the return address. */
static inline __attribute__((always_inline)) struct thread *agent_enter(void)
{
	return agent_enter_from(__builtin_frame_address(0), __builtin_return_address(0));
}

/* Also inside a hook: for what the runtime tells us meanwhile. */
static inline __attribute__((always_inline)) struct thread *agent_enter_nested(void)
{
	return agent_enter_nested_from(__builtin_frame_address(0), __builtin_return_address(0));
}

void agent_leave(struct thread *t);

/* Room for an event of `size` bytes after its header; NULL when it is lost (and counted). */
void *agent_reserve(struct thread *t, uint16_t id, size_t size);
void agent_shrink(struct thread *t, size_t bytes); /* the reserved event is so much shorter */
void agent_commit(struct thread *t);
/* An event of fixed fields only. */
void agent_event(struct thread *t, uint16_t id, const void *fixed, size_t size);

/*
 * The same for what later events need to be understood: agents, pools, kernels, queues, said once.
 * In ring mode they stay. Not on the doorbell path.
 */
void facts_open(void);
void *fact_reserve(struct thread *t, uint16_t id, size_t size);
void fact_commit(struct thread *t);
void fact_event(struct thread *t, uint16_t id, const void *fixed, size_t size);
/* An agent_note. */
void agent_note(struct thread *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* An api_failed: a call that is recorded before it runs, or whose object is none. */
void agent_failed(struct thread *t, const char *call, uint64_t object, hsa_status_t status);

/* Nanoseconds since `begin`, as the event table's begin_dt. */
uint32_t agent_since(uint64_t begin_ns);
uint64_t agent_now(void);

/* Write every thread's newest chunk to disk: something went wrong and the machine may follow. */
void agent_sync_all(void);

/* One line on stderr; never in a hook that runs often. */
void agent_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Copy from an address that may not be there. Returns the bytes that could be read. */
size_t agent_peek(uint64_t addr, void *out, size_t size);
/* False: there is no way to; the watchdog then sees nothing. */
bool peek_init(void);

/* session.c: the trace directory, made if it is not there. Returns a descriptor or -errno. */
int session_open(const struct options *o, char *path, size_t size);
/* Write a file whole or not at all, under a temporary name until it is. 0 or -errno. */
int file_store(int dir, const char *name, const void *data, size_t size);

/* hooks, one file each: replace entries of the tables, having saved them */
void memory_hook(struct amd_table *amd, CoreApiTable *core);
void vmem_hook(struct amd_table *amd, CoreApiTable *core);
void copy_hook(struct amd_table *amd, CoreApiTable *core);
void queue_hook(struct amd_table *amd, CoreApiTable *core);
void code_hook(CoreApiTable *core);
void timing_hook(struct amd_table *amd, CoreApiTable *core);
bool queue_hooked(const CoreApiTable *core); /* this library is in the table already */

/* The runtime shuts down: its handles mean nothing from here on. */
void memory_forget(void);
void vmem_forget(void);
void queue_forget(void);
void code_forget(void);
void inventory_forget(void);
void timing_forget(void);

/* Say which packets of the queues that are left nobody read. gone: the runtime may be. */
void queue_note_unread(struct thread *t, bool gone);
/* Dispatches that were read, of all queues there ever were. */
uint64_t queue_dispatches(void);

/* inventory.c: agents and pools, recorded once, before the first event that names one */
void inventory(struct thread *t);
/* Its id in events, 0 when there are too many; *host: whether the process can read what comes from
 * it. */
uint16_t inventory_pool(struct thread *t, hsa_amd_memory_pool_t pool, bool *host);
uint16_t inventory_region(struct thread *t, hsa_region_t region, bool *host);
struct pool_facts {
	uint64_t handle,
		owner;	/* hsa_amd_memory_pool_t and hsa_region_t; hsa_agent_t, 0 not known */
	uint32_t flags; /* HSA_AMD_MEMORY_POOL_GLOBAL_FLAG_* */
	bool host;	/* system memory */
	bool usable;	/* global memory that can be allocated */
};
/* By its id; false: there is none of the runtime that runs now. */
bool inventory_facts(uint16_t id, struct pool_facts *f);
/* The one after id, which is 0 at first; 0 at the end. */
uint16_t inventory_next(uint16_t id, struct pool_facts *f);

/* module.c */
void module_init(void);
/* ROCm's and PyTorch's libraries that were not said yet: where code is made ready, which is after
 * they are loaded. */
void module_libraries(struct thread *t);
void module_forget(void);
/* Id of the place that allocates: by the return address of the call. 0 when there are too many. */
uint16_t site_of(struct thread *t, uint64_t caller);
/* The file name, without its directories, of the program or library that allocates. "" where it is
 * in none. */
void site_file(struct thread *t, uint64_t caller, char *name, size_t size);
/* Another file of this library's name that is loaded beside it; false when there is none. */
bool module_twin(char *path, size_t size);

/* memory.c: where addr is; *p as map__find's range. Remembered if it is in a live one. */
enum map_answer memory_find(struct thread *t, uint64_t addr, struct place *p);

/* Before memory_place: what is no longer so is forgotten. */
static inline void memory_renew(struct thread *t)
{
	const uint64_t version = map__version();

	if (likely(version == t->map_version))
		return;
	for (int i = 0; i < PLACES; i++)
		t->places[i].size = 0;
	t->map_version = version;
}

/* The live range that holds addr, if it is remembered. */
static inline const struct place *memory_place(const struct thread *t, uint64_t addr)
{
	for (int i = 0; i < PLACES; i++)
		if (likely(addr - t->places[i].lo < t->places[i].size))
			return &t->places[i];
	return NULL;
}

/* What the event of a dispatch says of a pointer; *p is for the first three answers. */
struct ev_pointer memory_pointer(uint16_t at, enum map_answer answer, const struct place *p);

void memory_fault_hook(void);
/* A call that may have given memory returned: record it and put it into the map. */
struct given {
	uint8_t kind; /* enum ev_mem_kind */
	bool host;
	bool mapped; /* there are addresses to remember */
	hsa_status_t status;
	uint16_t pool;
	uint32_t flags;
	uint64_t size, va, host_va, object;
};
void memory_given(struct thread *t, uint64_t begin_ns, const struct given *g, uint64_t caller);
/* It is about to be taken back; and if that failed after all. */
bool memory_taken(struct thread *t, uint8_t kind, uint64_t va, uint64_t size, uint64_t object,
		  struct map_range *r);
void memory_not_taken(struct thread *t, const char *call, uint64_t va, hsa_status_t status,
		      const struct map_range *r);

/* code.c */
struct code;  /* a code object */
struct steer; /* steer.h */
struct kernel_facts {
	const struct steer *steer; /* NULL: its dispatches are left alone */
	uint32_t kernarg_bytes;
	uint32_t pointers_end; /* of the last one */
	uint16_t num_pointers;
	int used;	     /* atomic: its code object is known to be */
	struct code *code;   /* NULL: not known */
	char name[160];	     /* of the kernel, cut */
	uint16_t pointers[]; /* offsets of 8 bytes in the kernarg segment */
};
/* What is known of a kernel; NULL when nothing is. Lock-free. */
struct kernel_facts *kernel_find(uint64_t kernel_object);
/* It is dispatched: its code object is worth storing, at the next chance. Lock-free. */
void code_used(struct code *code);
void code_store_used(struct thread *t); /* that chance: t may be NULL */
void code_store_last(struct thread *t); /* the process ends: waits for other threads at it */
/* Into the trace, now, whatever code-objects= says. 0 or -errno. */
int code_store(const struct code *code);
/* A digest in hexadecimal; NULL: "". */
void code_hex(const uint8_t *digest, char out[65]);
/* Of its bytes, 32. */
const uint8_t *code_sha256(const struct code *code);
uint64_t code_news_ns(void); /* when a code object was loaded last; 0 never */

/* evidence.c: what is known of the queues and around an address goes to disk now. In a signal
 * handler too. */
void evidence_write(uint16_t reason, uint64_t va);
/* The same in parts, with events of one's own before: NULL when evidence is being written. */
struct thread *evidence_begin(void);
void evidence_put(struct thread *t, uint16_t reason, uint64_t va);
void evidence_end(void);
void evidence_live(struct thread *t, uint64_t max_bytes); /* all that is allocated, again */
/* signals.c: catch what ends the process */
void signals_hook(void);

/* device.c: the device is the emulated one */
bool agent_emulated(void);

/* lesson.c: a kernel failed; into the quarantine with it. */
void lesson_queue_error(const hsa_queue_t *hq, hsa_status_t status);
void lesson_fault(uint64_t va);

/* thread.c: a detached thread with all signals blocked. 0 or errno. */
int thread_start(void *(*run)(void *), void *arg);

/* prepare.c: begin to make chunks ahead, once there is a queue; and when the process ends. */
void prepare_start(void);
void prepare_stop(void);

/* watchdog.c: begin watching, once there is a queue */
void watchdog_start(void);
/* Not while the runtime shuts down. */
void watchdog_pause(void);
void watchdog_resume(void);

/* A lock for what is rare and short; never taken on the doorbell path. */
static inline void spin_lock(int *l)
{
	while (__atomic_exchange_n(l, 1, __ATOMIC_ACQUIRE))
		__builtin_ia32_pause();
}

/* One that is held over some packets: who holds it may have lost its processor. */
static inline void spin_lock_yielding(int *l)
{
	for (unsigned int i = 1; __atomic_exchange_n(l, 1, __ATOMIC_ACQUIRE); i++)
		if (i % 64)
			__builtin_ia32_pause();
		else
			sched_yield();
}

static inline void spin_unlock(int *l)
{
	__atomic_store_n(l, 0, __ATOMIC_RELEASE);
}

static inline uint64_t addr_of(const void *p)
{
	return (uint64_t)(uintptr_t)p;
}

#define CALLER addr_of(__builtin_return_address(0))

#endif
