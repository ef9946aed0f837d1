/* SPDX-License-Identifier: MIT */
/*
 * Inside librdna1-emu.so: the emulated cards as one process sees them.
 *
 * Threads: the service thread answers ioctls that the broker hands over; the packet processor polls
 * doorbells, takes packets and runs kernels; helper workers join it for large grids. None of them
 * holds `lock` while it waits for another to look away from the page tables.
 *
 * The library exports rdna1_emu_ns_per_1k_insns: nanoseconds of wall time that one worker has lately taken for
 * 1000 wave instructions, 0 before it has run any. Whoever judges how long a kernel may take (the agent's
 * watchdog reads it as a weak symbol) scales by it: on this device a kernel of a millisecond takes seconds.
 */
#ifndef RDNA1_EMU_EMU_H
#define RDNA1_EMU_EMU_H

#include <pthread.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "../../usr/caps/caps.h"
#include "../stream/stream.h"
#include "hsa_abi.h"
#include "protocol.h"
#include "vm.h"
#include "wave.h"

/* ---- guard.c: accesses to the application's memory that may fault ---- */

/*
 * GUARDED(g) is 0 the first time and nonzero when an access since then hit memory that is not there
 * (guard_address says where). The thread must call guard_leave before it returns.
 */
struct guard {
	sigjmp_buf jmp;
	struct guard *outer;
};
extern __thread struct guard *guard_current;
void guard_init(void);
uint64_t guard_address(void);
#define GUARDED(g) ((g)->outer = guard_current, guard_current = (g), sigsetjmp((g)->jmp, 0))
static inline void guard_leave(struct guard *g)
{
	guard_current = g->outer;
}

/* copy_from_user and copy_to_user: false (-EFAULT) when the application's memory is not there. */
bool user_read(void *to, uint64_t from, size_t size);
bool user_write(uint64_t to, const void *from, size_t size);

/* ---- events (events.c): KFD events of this process ---- */

#define MAX_SIGNAL_EVENTS 4096
#define FIRST_NONSIGNAL_EVENT 0x40000000u /* kfd_events.h */
#define MAX_NONSIGNAL_EVENTS 64

/* kfd_memory_exception_failure: what ROCr prints as the reason */
enum fault_reason { REASON_NOT_PRESENT, REASON_READ_ONLY, REASON_NO_EXECUTE };

struct kfd_memory_fault {
	uint32_t gpu_id;
	uint64_t va;
	enum fault_reason reason;
};

struct event_slot {
	bool used, signaled, auto_reset;
	uint32_t type;
	uint64_t age; /* 1, and 1 more with each signal; 0 is no age */
	struct kfd_memory_fault fault; /* type MEMORY */
	uint32_t reset_gpu;	       /* type HW_EXCEPTION: gpu_id of the card */
};

/* ---- memory (memory.c): KFD buffers ---- */

enum { BO_VRAM = 1, BO_GTT, BO_USERPTR, BO_DOORBELL, BO_MMIO };

struct bo {
	struct gpu *gpu; /* that it was allocated for */
	uint64_t handle;
	uint64_t va, size;
	uint32_t flags; /* KFD_IOC_ALLOC_MEM_FLAGS_* */
	int kind;
	uint64_t offset; /* VRAM, GTT: in the render file */
	uint64_t extent; /* VRAM, GTT: where what the broker has given begins */
	uint32_t gem;	 /* mapped by a GEM object with this handle, not by KFD; 0: no */
	uint64_t cpu;	 /* USERPTR */
	uint32_t mapped; /* a bit per card */
	struct bo *next;
};

/* ---- queues (queue.c) ---- */

enum { QUEUE_SDMA = 1, QUEUE_AQL = 2 };
#define KFD_QUEUE_SDMA_BY_ENG_ID 4 /* KFD_IOC_QUEUE_TYPE_*, interface 1.17 */

struct queue {
	struct gpu *gpu;
	uint32_t id;
	int type;
	uint64_t ring, ring_bytes;
	uint64_t rptr_va, wptr_va;
	uint64_t amd_queue; /* AQL: struct abi_queue */
	uint64_t cwsr;	    /* AQL: context save area, a CPU address; 0: none */
	uint64_t *doorbell; /* in the doorbell page */
	uint64_t read;	    /* AQL: packets taken; SDMA: bytes taken */
	uint64_t bell;	    /* AQL: the doorbell as last seen */
	uint64_t rung;	    /* AQL: packets the doorbell was ever rung for */
	bool look;	    /* AQL: rung since the ring was last seen empty */
	uint64_t early;	    /* AQL: a packet there that no doorbell was seen for */
	uint64_t early_ns;  /* since when */
	bool suspended;	    /* UPDATE_QUEUE with percentage 0 */
	bool halted;	    /* after an error */
	bool scratch_wait;  /* until the runtime stores 0 to queue_inactive_signal */
	bool destroy;	    /* the service thread waits for the queue to go */
	struct dispatch *active;
	struct queue *next;
};

/* ---- run.c: kernels ---- */

struct workgroup {
	struct dispatch *d;
	struct workgroup *next;
	uint32_t id[3];
	uint32_t num_waves;
	uint32_t turn; /* the wave that runs next */
	uint32_t scratch_slot;
	uint8_t *lds;
	uint32_t *vgprs;
	struct wave waves[];
};

struct dispatch {
	struct queue *q;
	uint64_t queue_id; /* what the trace calls it */
	uint64_t ring;
	uint64_t index; /* packet */
	struct abi_dispatch packet;
	uint64_t packet_va;
	struct abi_kernel kernel;
	struct abi_queue queue; /* as it was at the start */
	uint64_t entry;
	uint32_t lanes;
	uint32_t groups[3];
	uint64_t total, next, done; /* workgroups */
	uint32_t lds_bytes;
	uint32_t waves_per_group; /* of a whole workgroup */
	uint32_t scratch_slots;	  /* workgroups that have scratch at once; UINT32_MAX: no scratch */
	uint64_t *slot_used;	  /* bitmap of scratch slots */
	uint32_t resident;	  /* workgroups begun and not done */
	uint32_t max_resident;
	struct workgroup *paused, **paused_tail;
	struct workgroup *free;
	bool cancelled;		  /* fault or queue destroyed: begin nothing, finish nothing */
	bool faulted;		  /* atomic: a wave has, and is being reported */
	uint32_t running;	  /* workers inside */
	const struct emu_injection *injected; /* to happen at the first instruction, or NULL */
	struct workgroup *halted;	      /* with a wave that halted itself: never run again */
	uint64_t start_ns, start_clock;
	uint64_t instructions, waves;
	struct dispatch *next_active;
};

/* Decoded instructions of one page of code. */
#define CODE_PAGE 4096u
#define CODE_SLOTS 64
struct code_page {
	uint64_t va; /* 1: empty */
	struct insn insns[CODE_PAGE / 4];
};

/*
 * A thread that acts for the cards. It looks through the page tables of one at a time: worker_use.
 */
struct worker {
	struct gpu *gpu;
	struct vm_view *view; /* of gpu */
	struct vm_view views[EMU_MAX_CARDS];
	struct guard guard;
	struct wave *wave; /* that runs */
	struct stream stream;
	uint32_t tid;
	uint64_t slice_ns, slice_insns; /* since the speed was last said */
	uint64_t code_gen[EMU_MAX_CARDS];
	struct code_page *pages[EMU_MAX_CARDS][CODE_SLOTS];
};

/* ---- the cards ---- */

struct gpu {
	const struct caps_card *card;
	uint32_t index, id; /* id: KFD's gpu_id */
	unsigned int isa;
	int render_file;
	uint8_t *vram; /* the render file, whole */
	uint64_t *doorbells, *mmio;
	uint64_t doorbells_used[16];
	struct vm vm;
};

struct emu {
	pid_t pid;
	bool ready;
	int sock;     /* to the broker: calls and answers */
	int rpc;      /* to the broker: VRAM */
	int kfd_file;
	struct emu_config config;
	uint32_t slot; /* of this process in the KFD file */
	uint32_t num_gpus;
	struct gpu gpus[EMU_MAX_CARDS];
	pthread_mutex_t lock; /* events, queues, dispatches */
	struct event_slot events[MAX_SIGNAL_EVENTS];
	struct event_slot nonsignal[MAX_NONSIGNAL_EVENTS];
	struct waiting *waiting; /* WAIT_EVENTS calls not answered yet */
	struct bo *bos;		 /* service thread only */
	uint32_t next_handle;
	struct queue *queues;
	uint32_t next_queue;
	uint64_t num_dispatches; /* begun, for injected faults */
	struct dispatch *active;
	pthread_cond_t queue_gone;
	uint32_t work_seq; /* futex: there is something for the packet processor */
	uint32_t help_seq; /* futex: there is something for the helpers */
	uint64_t code_gen; /* raised when decoded code may be stale; never 0 */
	bool runtime_enabled; /* atomic: the runtime reads errors from the context save area */
	unsigned int num_helpers;
	struct stream_proc proc;
	bool tracing;
};
extern struct emu *emu;

/* Bring the card up in this process, once; true when it is there. Called at the first open. */
bool emu_attach(void);
const char *emu_root(void); /* directory that stands in for sysfs and /dev, NULL without emulation */

/* service.c */
void service_start(void);
void service_reply(uint64_t call, uint32_t cmd, int64_t ret, const void *arg);
void service_tell_reset(const struct gpu *gpu); /* the broker, which tells the other processes */
int64_t rpc_vram(const struct gpu *gpu, uint32_t op, uint64_t a);

/*
 * ioctl.c: returns the value the system call returns; WAIT_PARKED: answered later. arg: our copy of
 * the argument, EMU_ARG_MAX bytes, zero behind what the caller gave; user: where the caller has it.
 */
#define WAIT_PARKED INT64_MIN
int64_t kfd_ioctl(uint64_t call, pid_t tid, uint32_t cmd, void *arg, uint64_t user);
int64_t drm_ioctl(struct gpu *gpu, uint32_t cmd, void *arg);
struct gpu *gpu_of(uint32_t id); /* NULL: no such card */

/* memory.c */
int64_t memory_alloc(struct gpu *gpu, uint64_t *handle, uint64_t va, uint64_t size,
		     uint64_t *mmap_offset, uint32_t flags);
int64_t memory_free(uint64_t handle);
int64_t memory_map(uint64_t handle, struct gpu *gpu);
int64_t memory_unmap(uint64_t handle, struct gpu *gpu);
struct bo *memory_find(uint64_t handle);
/* Memory that is there already, at offset of the card's file; flags: VRAM or GTT among them. */
int64_t memory_import(struct gpu *gpu, uint64_t *handle, uint64_t va, uint64_t size, uint64_t offset,
		      uint32_t flags);
struct bo *memory_of_gem(uint32_t gem, uint64_t va); /* that it is mapped as at va, NULL */

/* share.c; service thread only. arg: the ioctl's */
int64_t share_dmabuf_info(void *arg);
int64_t share_import_dmabuf(void *arg);
int64_t share_export_dmabuf(void *arg);
int64_t share_ipc_export(void *arg);
int64_t share_ipc_import(void *arg);
int64_t share_gem_create(struct gpu *gpu, void *arg);
int64_t share_gem_close(void *arg);
int64_t share_prime_export(void *arg);
int64_t share_prime_import(void *arg);
int64_t share_gem_mmap(void *arg);
int64_t share_gem_va(struct gpu *gpu, void *arg);
void share_reset(void); /* after fork, in the child */

/* svm.c; service thread only */
int64_t svm_ioctl(void *arg, size_t size);
void svm_forget(uint64_t lo, uint64_t hi); /* a buffer is mapped there: the application has unmapped it */
void svm_reset(void);			   /* after fork, in the child */

/* events.c; lock is taken inside unless the name says otherwise */
int64_t event_create(uint32_t type, bool auto_reset, uint32_t *id);
int64_t event_destroy(uint32_t id);
int64_t event_set(uint32_t id, bool signaled);
void event_interrupt(uint32_t id); /* from the device: unknown ids are dropped */
void event_memory_fault(const struct gpu *gpu, uint64_t va, enum fault_reason reason);
/*
 * kind: EMU_FAULT_*. Every mapped page can be read, so what is there and not allowed is a write or an
 * instruction fetch.
 */
static inline enum fault_reason fault_reason(int kind, bool write)
{
	return kind != EMU_FAULT_permission ? REASON_NOT_PRESENT
	       : write			    ? REASON_READ_ONLY
					    : REASON_NO_EXECUTE;
}
/* kfd_signal_reset_event: every HW_EXCEPTION event of the process. */
void event_reset(const struct gpu *gpu);
struct kfd_event_wait {
	uint64_t call;
	pid_t tid;
	uint64_t events_ptr;
	uint32_t num_events;
	bool all;
	uint32_t timeout_ms;
	uint32_t cmd;
	uint64_t user; /* the caller's struct */
	uint8_t arg[EMU_ARG_MAX] __attribute__((aligned(8))); /* our copy of it */
};
void events_forked(void); /* in the child: the parent's descriptors go */
int64_t event_wait(const struct kfd_event_wait *wait, uint32_t *result);
/* Answer waits that timed out or whose thread has a signal pending. Returns ms until the next. */
int event_poll(uint64_t now_ns);

/* queue.c */
struct kfd_queue_args {
	struct gpu *gpu;
	uint32_t type, percentage, priority;
	uint64_t ring, ring_bytes, rptr_va, wptr_va;
	uint64_t cwsr;
	uint32_t cwsr_bytes;
};
int64_t queue_create(const struct kfd_queue_args *a, uint32_t *id, uint64_t *doorbell_offset);
int64_t queue_destroy(uint32_t id);
int64_t queue_update(uint32_t id, uint64_t ring, uint64_t bytes, uint32_t percentage);
bool queue_exists(uint32_t id);
void processor_start(void);

/* A GPU reset: the queues that this process has on the card stop for good. */
void card_reset(const struct gpu *gpu);

/* Store a value into a signal as the packet processor does: value, mailbox, event. */
void signal_store(struct vm_view *view, uint64_t signal, int64_t value);

/* sdma.c: take one packet; true when something was done */
bool sdma_step(struct worker *k, struct queue *q);

/* The packet is finished: write its timestamps if the queue is profiled, count its completion signal down. */
void packet_complete(struct worker *k, struct queue *q, uint64_t signal, uint64_t start_clock);

/* A thread that takes none of the application's signals. */
bool start_thread(void *(*fn)(void *), void *arg);

/* run.c */
enum begin {
	BEGIN_DONE,    /* running */
	BEGIN_FAULT,   /* the queue has stopped with an error */
	BEGIN_SCRATCH, /* the runtime was asked for scratch: try again when it has answered */
	BEGIN_LATER,   /* out of memory: try again */
};
enum begin dispatch_begin(struct worker *k, struct queue *q, const struct abi_dispatch *p,
			  uint64_t packet_va);
extern uint64_t rdna1_emu_ns_per_1k_insns;
/*
 * How long a packet that nobody has rung for waits until it is taken all the same (queue.c). Who rings in order, and looks at
 * packets before, may ask for more.
 */
extern uint32_t rdna1_emu_unrung_ns;
bool dispatch_run(struct worker *k); /* one slice of some workgroup; false when there is none */
/*
 * Begin nothing more of d. lock held. While workers are in it (d->running) it keeps its queue; the
 * last of them frees it.
 */
void dispatch_cancel(struct dispatch *d);
/* The queue stops. error: for queue_inactive_signal, 0 when the fault goes another way. */
void queue_fault(struct worker *k, struct queue *q, uint32_t error);
void queue_bad_packet(struct worker *k, struct queue *q, uint64_t va, uint32_t error,
		      const char *what);
/* The queue stops: an access of its own, outside a kernel, that the page tables do not allow. */
void queue_access_fault(struct worker *k, struct queue *q, uint64_t va, uint64_t size, bool write,
			const char *what);
/* The same where the page tables allow it, but the application has unmapped its memory. */
void queue_gone_fault(struct worker *k, struct queue *q, uint64_t va, bool write, const char *what);

/* trace.c: the emu_* stream of the calling worker */
void trace_fault(struct worker *k, const struct dispatch *d, uint64_t pc, const struct wave_fault *f,
		 const char *insn);
void trace_injected(struct worker *k, const struct dispatch *d, unsigned int kind, const char *how);
/* A fault outside a kernel: SDMA, the packet processor. */
void trace_queue_fault(struct worker *k, const struct queue *q, const struct wave_fault *f,
		       const char *what);
void trace_gap(struct worker *k, uint64_t pc, const void *words, const char *what);
void trace_pte(int op, const struct bo *bo, uint64_t pte);
void trace_dispatch(struct worker *k, const struct dispatch *d);
void trace_copy(struct worker *k, const struct queue *q, uint64_t dst, uint64_t src, uint64_t size,
		uint8_t op);
void trace_device(void); /* every card */
void trace_reset(void); /* after fork, in the child */

/* preload.c: fstat as the kernel answers it, past our own wrapper. */
struct stat;
int emu_real_fstat(int fd, struct stat *st);

void worker_init(struct worker *k, const char *what);
void worker_use(struct worker *k, struct gpu *gpu); /* the view is fresh only after vm_view_refresh */
uint64_t now_ns(void); /* CLOCK_MONOTONIC */

#endif
