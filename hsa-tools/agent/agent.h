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

#include <stdint.h>
#include "../stream/stream.h"
#include "hsa_c.h"
#include "layout.h"

/* One thread's stream. Lives in the list below from the thread's first event to its end. */
struct thread {
	struct stream stream;
	uint32_t tid;
	int depth; /* inside a hook: our own calls are not recorded */
	int used;  /* atomic: claimed by a thread */
	struct thread *next;
};

struct agent {
	struct stream_proc proc;
	int dir_fd; /* the trace directory */
	bool recording;
	CoreApiTable core; /* as it was before us: what the hooks call */
	struct amd_table amd;
	bool has_amd;
	struct thread *threads; /* atomic list, never shortened */
	uint64_t dispatches, pool_allocs; /* atomic */
};
extern struct agent agent;

/*
 * Begin a hook: the thread's state, or NULL when nothing is to be recorded (off, nested, a forked
 * child). Every non-NULL agent_enter is followed by agent_leave.
 */
struct thread *agent_enter(void);
void agent_leave(struct thread *t);

/* Room for an event of `size` bytes after its header; NULL when it is lost (and counted). */
void *agent_reserve(struct thread *t, uint16_t id, size_t size);
void agent_commit(struct thread *t);
/* An event of fixed fields only. */
void agent_event(struct thread *t, uint16_t id, const void *fixed, size_t size);

/* Nanoseconds since `begin`, as the event table's begin_dt. */
uint32_t agent_since(uint64_t begin_ns);
uint64_t agent_now(void);

/* Write every thread's newest chunk to disk: something went wrong and the machine may follow. */
void agent_sync_all(void);

/* One line on stderr; for OnLoad. */
void agent_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* options.c */
struct options {
	char dir[4096]; /* "" when not given */
};
void options_parse(struct options *o, const char *text);

/* session.c: the trace directory, made if it is not there. Returns a descriptor or -1. */
int session_open(const struct options *o, char *path, size_t size);
/* Write a file whole or not at all, under a temporary name until it is. */
void file_store(int dir, const char *name, const void *data, size_t size);

/* hooks, one file each: replace entries of the tables, having saved them */
void memory_hook(struct amd_table *amd);
void queue_hook(CoreApiTable *core);
bool queue_hooked(const CoreApiTable *core); /* this library is in the table already */
void code_hook(CoreApiTable *core);

/* The runtime shuts down: its handles mean nothing from here on. */
void memory_forget(void);
void queue_forget(void);
void code_forget(void);
void inventory_forget(void);

/* Say which packets of the queues that are left nobody read. gone: the runtime may be. */
void queue_note_unread(struct thread *t, bool gone);

/* inventory.c: agents and pools, recorded once, before the first event that names one */
void inventory(struct thread *t);

/* module.c: say once which file the code at addr belongs to */
void module_note(struct thread *t, uint64_t addr);
/* Another file of this library's name that is loaded beside it; false when there is none. */
bool module_twin(char *path, size_t size);

/* code.c: declared kernarg size of a kernel; -1 when it is not known. Lock-free. */
int64_t kernel_kernarg_bytes(uint64_t kernel_object);

/* A lock for what is rare and short; never taken on the doorbell path. */
static inline void spin_lock(int *l)
{
	while (__atomic_exchange_n(l, 1, __ATOMIC_ACQUIRE))
		__builtin_ia32_pause();
}

static inline void spin_unlock(int *l)
{
	__atomic_store_n(l, 0, __ATOMIC_RELEASE);
}

/* memory.c: whether [addr, addr + size) is host memory that a pool call returned. Lock-free. */
bool memory_is_host(uint64_t addr, uint64_t size);
void memory_fault_hook(void);

#endif
