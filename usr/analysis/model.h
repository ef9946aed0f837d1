/* SPDX-License-Identifier: MIT */
/*
 * What a trace says happened: processes, agents, pools, allocations, KFD buffers and how page
 * tables mapped them, kernels, dispatches, faults, queues stopped. One streaming pass over the
 * events; judges nothing.
 *
 * Times are CLOCK_MONOTONIC nanoseconds; an end of 0 means "not seen to end". Processes have the
 * recorder's numbers: what an agent wrote in a PID namespace of its own is given to the process
 * that proc_ns names, unless several could be meant.
 *
 * Memory goes by what is there at once and not by the length of the trace. What is live is kept, and
 * what began or ended last, up to bounds (MODEL_KEPT_*); the rest is summed up. Lists (allocs, bos,
 * mappings, dispatches, ...) hold what is kept, in the order of its beginning; how many there were
 * stands beside them. An answer that would need what was forgotten says so: it is never another's.
 */
#ifndef RDNA1_ANALYSIS_MODEL_H
#define RDNA1_ANALYSIS_MODEL_H

#include "account.h"
#include "agent.h"
#include "agentless.h"
#include "calls.h"
#include "steering.h"
#include "policy.h"
#include "../base/le.h"
#include "../base/map.h"

/* What is kept of what has ended; the newest. */
#define MODEL_KEPT_ALLOCS (1u << 17)	/* freed allocations */
#define MODEL_KEPT_BOS (1u << 15)	/* freed buffers of KFD's */
#define MODEL_KEPT_MAPPINGS (1u << 15)	/* ranges of buffer objects that were unmapped */
#define MODEL_KEPT_GEMS (1u << 17)	/* buffer objects; nobody tells when one ends */
#define MODEL_KEPT_MOVES (1u << 12)
#define MODEL_KEPT_PTES (1u << 19)	/* updates of page tables, beside how each page is mapped now */
#define MODEL_KEPT_DISPATCHES (1u << 14) /* of a queue: no end comes as many packets late */
#define MODEL_KEPT_ARGUMENTS (1u << 16)	/* of a process: pointers that dispatches were given */
#define MODEL_KEPT_USES 8 /* of an allocation: kernels that had it as an argument; 4 where many have some */
#define MODEL_KEPT_SHAPES (1u << 16)	/* grids and workgroups, of all kernels */
#define MODEL_KEPT_FAULTS (1u << 14)

struct process {
	uint32_t pid;
	char *exe; /* of the last exec, or what the agent found; NULL when neither was seen */
	uint64_t begin_ns, end_ns;
	bool exited;
	int32_t status; /* wait status */
	bool agent;	/* the agent ran in it */
	bool device;	/* the emulated device came up in it */
	bool left;	/* it still ran when recording ended */
	uint32_t ns_pid; /* its number in a PID namespace of its own; 0 without */
};

struct device {
	uint32_t pid; /* process that saw it */
	uint64_t handle; /* hsa_agent_t */
	bool gpu;
	uint32_t node;
	char *name, *product;
};

struct pool {
	uint32_t pid;
	uint64_t handle, device; /* of its agent */
	uint32_t segment, flags;
	bool all_agents;
	uint16_t id; /* as newer agents name it; 0 without */
};

/* An allocation the application made through a pool, or memory that it gave to the GPU otherwise. */
struct alloc {
	uint32_t pid;
	uint16_t kind;	 /* enum ev_mem_kind */
	bool searched;	 /* caller is outside ROCm's libraries */
	uint8_t override; /* number of the rule of --override it was made by; 0 as it was asked for */
	uint64_t va, size, begin_ns, end_ns;
	uint64_t pool;
	uint64_t caller; /* return address of the call; 0 not known */
	uint64_t host;	 /* address in the process, where that is another */
	uint64_t object; /* handle, of what has one */
	size_t bo;	 /* buffer it was cut from: index into bos plus 1; 0 when none was seen, or it is
			    forgotten */
	uint32_t other_uses; /* pointers to it that model__uses() does not have */
	/* inside */
	uint32_t uses; /* block of them: index plus 1 */
	uint64_t last_argument;	   /* in its process's arguments: number plus 1 */
	uint32_t before, behind;   /* live ones of its process, or freed ones: index plus 1 */
	uint32_t nth;		   /* of its process's pool allocations */
	uint64_t serial;
};

/* Freed allocations of one process and kind that are not in the list any more. */
struct old_allocs {
	uint32_t pid;
	uint16_t kind;
	uint64_t count, bytes, largest;
	uint64_t left, left_bytes; /* whose end was not seen: their address was given out again */
};

/* Allocations of one size that failed one way. */
struct failed_alloc {
	uint16_t kind;
	uint64_t size, count;
	int32_t status; /* hsa_status_t */
};

/* A program or library that called. */
struct module {
	uint32_t pid;
	uint64_t base, size;
	char *path;
};

/*
 * A buffer of the kernel driver: what every allocation is cut from in the end. Known by its ioctl,
 * by the driver's own function, or by both.
 */
struct bo {
	uint32_t pid;
	uint64_t handle; /* 0: no ioctl asked for it */
	uint64_t va, size, begin_ns, end_ns;
	uint32_t flags;	     /* KFD_IOC_ALLOC_MEM_FLAGS_* */
	uint32_t domain;     /* AMDGPU_GEM_DOMAIN_*; 0 not seen */
	uint64_t mem, gem;   /* ordinals of the kgd_mem and its buffer object; 0 not seen */
	uint64_t made_in_ns; /* time the driver took to make it; 0 not seen */
	uint32_t maps, unmaps;
	uint32_t moves;	       /* from one place to another, as in model.moves */
	uint32_t host_changes; /* of a USERPTR: its process changed the memory behind it, but by
				  ending */
	size_t allocs;	       /* pool allocations seen inside it */
	size_t first_pte, num_ptes; /* in model.ptes: how its pages were mapped last */
	/* inside */
	bool gone, settled;
	uint32_t before, behind; /* freed ones: index plus 1 */
	uint64_t serial;
};

/*
 * Freed buffers that are not in the list any more, alike in their flags and how their pages were
 * mapped. `like` is one of them, with the pages of all.
 */
struct old_bos {
	struct bo like;
	uint64_t count, bytes;
	uint64_t changed, changes; /* of them with host_changes, and these */
};

/* Pages of a buffer, or of none, that were mapped alike. */
struct pte {
	uint64_t flags; /* PTE_ALIKE() */
	uint64_t pages;
	bool unmapped; /* and no longer are */
};

/* Pages that belong to no buffer of KFD's. */
enum loose_kind { LOOSE_SVM, LOOSE_GEM, LOOSE_OTHER };
struct loose {
	enum loose_kind kind; /* GEM: mapped through a render node */
	struct pte pte;
};

/* Updates of page tables that wrote valid entries, by what they wrote. */
struct pte_sum {
	uint64_t flags; /* PTE_ALIKE() */
	bool emulated;
	uint64_t updates; /* by range and by table: vm_update_ptes, vm_set_ptes, emu_pte */
	uint64_t pages;	  /* by range; a page counts each time it is written */
};

/* A buffer object as it was made: KFD's have one, and those of a render node. */
struct gem {
	uint64_t ordinal;
	uint64_t size;
	uint32_t domain; /* AMDGPU_GEM_DOMAIN_*: where it is to be */
};

/* A range of a GPU address space that a buffer object was given. */
struct mapping {
	uint32_t pid;
	uint64_t gem, vm;     /* ordinals */
	uint64_t first, last; /* pages */
	uint64_t begin_ns, end_ns;
	/* inside */
	uint32_t before, behind; /* ended ones: index plus 1 */
	uint64_t serial;
};

/* A buffer object that moved. */
struct move {
	uint64_t ts_ns, gem, size;
	size_t bo;	   /* KFD's: index into bos plus 1; 0 when it is not one of them, or forgotten */
	uint32_t from, to; /* TTM_PL_*, AMDGPU_PL_* */
};

/* All moves from one place to another. */
struct move_sum {
	uint32_t from, to;
	uint64_t count, bytes;
};

/* A hardware queue. */
struct hw_queue {
	uint32_t pid, queue_id, doorbell_id; /* kfd_doorbell_id() */
	uint64_t ring, begin_ns, end_ns;
	uint32_t type; /* KFD_IOC_QUEUE_TYPE_*, or the driver's enum: alike for compute and SDMA */
};

/* Queues of a process that were stopped, by the driver's words. */
struct stop {
	uint32_t pid;
	uint8_t op;	  /* EVICT_OP_evict, or _evict_pasid: after a fault */
	uint32_t trigger; /* enum KFD_QUEUE_EVICTION_TRIGGERS */
	int64_t ret;
	uint64_t ts_ns, end_ns; /* until they were let go */
	uint64_t took_ns;
	size_t below; /* inside: the stop it came on top of */
};

/* A GPU that was reset. */
struct reset {
	uint64_t ts_ns, gpu, took_ns; /* gpu: ordinal */
	int64_t ret;
};

struct kernel_fn {
	uint32_t pid;
	uint64_t object; /* kernel_object */
	char *name;
};

struct dispatch {
	uint32_t pid;
	uint64_t queue_id, index, ts_ns, object;
	uint32_t grid[3], workgroup[3];
	uint64_t duration_ns; /* 0 when not known */
	bool device_time;     /* as the device wrote it; else the wall time of the emulation */
	size_t range;	      /* named range it is in: index plus 1 */
	uint64_t serial;      /* inside */
};

/* All dispatches of one kernel, kept or not. */
struct kernel_sum {
	uint32_t pid;
	uint64_t object, count, timed, total_ns, min_ns, max_ns; /* times of those whose end is known */
	uint64_t first_ns, last_ns;				 /* when it was dispatched */
	struct dispatch last, longest;				 /* longest: when timed */
	uint32_t shapes, other_shapes; /* in model.shapes; dispatches whose shape is not there */
	/* inside */
	struct kernel_times *times;
	size_t last_shape;
	uint64_t last_serial;
};

/* Dispatches of one kernel by one grid. */
struct shape_sum {
	size_t kernel; /* index into kernel_sums */
	uint32_t grid[3], workgroup[3];
	uint64_t count, timed, total_ns, max_ns, first_ns, last_ns;
};

/* What a queue was given. */
struct queue_work {
	uint32_t pid;
	uint64_t queue_id, dispatches;
	struct dispatch last;
	uint64_t old_open; /* dispatches that are not kept and were not seen to end; the first of
			      them is kept */
	/* inside */
	uint64_t last_serial, last_index;
	struct dispatch first_old_open;
	struct dispatch_slot *slots;
	uint32_t num_slots; /* a power of 2 */
};

/* What a dispatch was given: a pointer into an allocation, or past its end, or to where it was. */
struct argument {
	uint32_t pid;
	uint64_t ts_ns, queue_id, index, object; /* of the dispatch */
	uint16_t at;				 /* offset of the argument, bytes */
	uint8_t state;				 /* enum ev_pointer_state */
};

/* Dispatches of one kernel that had an allocation as one of their arguments. */
struct argument_use {
	uint64_t object; /* kernel_object */
	uint16_t at;	 /* offset of the argument, bytes */
	uint64_t count, first_ns, last_ns;
};

/* A page fault as the kernel saw it. Interrupts of one page and one cause are one fault. */
struct page_fault {
	bool known;		      /* the address is */
	bool read, write, exec, seen; /* seen: an interrupt told which of them */
	uint32_t pasid, vmid;
	uint64_t retries;    /* interrupts that the hardware would have tried again after */
	uint64_t repeats;    /* interrupts after the final one */
	bool final, handled; /* by the driver, which mapped the page */
	bool told;	     /* to the process, by KFD */
	uint32_t status;     /* GCVM_L2_PROTECTION_FAULT_STATUS; 0 not seen */
	bool has_pte, unmapped;
	uint64_t pte; /* as it was last written before the fault */
	uint64_t last_ns;
};

/* Waves, or the packet processor, that stopped their queue. */
struct wave_fault {
	enum { WAVE_EXCEPTION, WAVE_ERROR, BAD_PACKET } kind;
	uint32_t codes;	   /* WAVE_EXCEPTION: iv_info.codes; else iv_info.err_type */
	uint32_t doorbell; /* kfd_doorbell_id(); not of WAVE_ERROR */
	uint32_t vmid;
	uint64_t count; /* interrupts */
	uint64_t last_ns;
	size_t queue;	   /* index into hw_queues plus 1; 0 when it is not known */
	bool several;	   /* queues of the process have this doorbell */
	bool has_queue_id; /* fault.queue_id is HSA's */
	size_t dispatch;   /* the last on that queue: index into dispatches plus 1; 0 without */
};

/* What went wrong, from the device, the runtime, the kernel or several of them. */
struct fault {
	uint32_t pid;
	uint64_t ts_ns;
	enum {
		FAULT_DEVICE, /* the emulated device's own words */
		FAULT_QUEUE,  /* the runtime's */
		FAULT_MEMORY, /* the runtime's */
		FAULT_PAGE,   /* the kernel's, and all below */
		FAULT_WAVE,
	} from;
	struct ev_emu_fault emu; /* FAULT_DEVICE */
	char *insn;
	int32_t status;	 /* FAULT_QUEUE: hsa_status_t */
	uint64_t queue_id; /* FAULT_QUEUE; FAULT_WAVE: of HSA, where has_queue_id */
	uint64_t va;	   /* FAULT_MEMORY, FAULT_PAGE: page address */
	uint32_t reason;   /* FAULT_MEMORY: hsa_amd_memory_fault_reason_t */
	struct page_fault page;
	struct wave_fault wave;
};

struct gap {
	uint32_t pid;
	uint64_t pc;
	char *what;
};

/* Ioctls of one number that ended one way, or did not end. */
struct ioctl_sum {
	uint32_t cmd;
	int err; /* positive errno; 0 for those that never returned */
	uint64_t count;
};
struct ioctl_sums {
	VEC(struct ioctl_sum) list;
	struct map where; /* by cmd and err */
};

struct emu_card {
	struct ev_emu_device ev;
	char *name;
};

/* Shared virtual memory (AMDKFD_IOC_SVM): no buffer of the driver's, and none of HSA's. */
struct svm_range {
	uint32_t pid;
	uint64_t va, size, begin_ns, end_ns; /* end: of its process, or by exec */
};

/* A process that ran already when recording began. */
struct attached_to {
	uint32_t pid, parent; /* parent: 0 when it was asked for */
	uint64_t ts_ns, age_ns; /* when it was attached to, and how long it had run then */
	char *exe;
};

/* A kernel hook that was not on. */
struct hook_off {
	char *name, *reason;
};

/* Where the model knows from which GPU it is: the later the better. */
enum gfx_from { GFX_DEFAULT, GFX_AGENT, GFX_EMULATED, GFX_FACTS };

struct model {
	bool emulated;
	VEC(struct emu_card) emu_cards; /* that came up; in the order of their gpu_id */
	char *command; /* as recorded by the launcher, NULL without one */
	char *emu_options; /* behind --emulate=, NULL without */
	char *trace_options; /* behind --trace=, NULL without */
	bool ended;
	int32_t status; /* of the command, when ended */
	uint64_t begin_ns, end_ns;
	uint64_t recorder_last_ns; /* last event that the recorder wrote */
	bool kernel_side; /* KFD ioctls were seen by eBPF */
	VEC(struct process) processes;
	VEC(struct device) devices;
	VEC(struct pool) pools;
	VEC(struct module) modules;
	VEC(struct alloc) allocs;
	VEC(struct old_allocs) old_allocs;
	uint64_t num_allocs; /* kept or not */
	VEC(struct failed_alloc) failed_allocs;
	VEC(struct bo) bos;
	VEC(struct old_bos) old_bos;
	uint64_t num_bos; /* kept or not */
	VEC(struct svm_range) svm_ranges; /* as first named; a range within an earlier one is not another */
	VEC(struct kernel_fn) kernels;
	VEC(struct dispatch) dispatches; /* kept: the last of each queue, and what others refer to */
	uint64_t num_dispatches;	 /* all */
	VEC(struct kernel_sum) kernel_sums; /* in the order of their first dispatch */
	VEC(struct shape_sum) shapes;
	VEC(struct queue_work) queue_work;
	VEC(struct fault) faults;
	uint64_t faults_left_out; /* above MODEL_KEPT_FAULTS */
	VEC(struct gap) gaps;
	VEC(struct hook_off) hooks_off;
	bool page_tables_on, interrupts_on, moves_on, host_changes_on; /* the hooks that see them were */
	unsigned int gfx; /* gfx_target_version that entries and interrupts are read by */
	enum gfx_from gfx_from;
	VEC(struct pte) ptes;
	VEC(struct loose) loose;
	VEC(struct pte_sum) pte_sums;
	VEC(struct gem) gems;
	VEC(struct mapping) mappings;
	VEC(struct move) moves;
	VEC(struct move_sum) move_sums;
	uint64_t num_moves;
	VEC(struct hw_queue) hw_queues;
	VEC(struct stop) stops;
	VEC(struct reset) resets;
	uint64_t reset_signals;		     /* resets that processes were told of */
	uint64_t handled_faults, handled_ns; /* retry faults that the driver took care of */
	uint64_t drm_ioctls, failed_drm_ioctls;
	uint64_t gem_va_mtypes[16]; /* mappings asked for through a render node, by
				       AMDGPU_VM_MTYPE_* >> 5 */
	uint64_t unjoined_writers;  /* numbers of writers that several processes have */
	struct calls calls; /* of libraries, by uprobes */
	VEC(struct attached_to) attached; /* with them there is no command */
	uint64_t copies, copied_bytes;
	/* Interrupted ones are those that did return: what was open when its process ended is not. */
	uint64_t ioctls, failed_ioctls, interrupted_ioctls, open_ioctls;
	struct ioctl_sums failed, interrupted, open; /* the same, by number */
	struct ioctl_sums failed_drm;
	uint64_t queue_gaps; /* packets that could not be read */
	struct accounts accounts;
	struct agentless agentless;
	struct agent_side agent;
	struct steering steering;
	struct policies policies;
	struct trace_stats stats;
	bool recovered; /* a copy that holds what was whole of a damaged trace */
	struct inside *inside;
};

/*
 * Read all of t. gfx_target_version: of the GPU, where the caller knows it, else 0. Returns 0 or
 * negative errno.
 */
int model__read(struct model *m, struct trace *t, unsigned int gfx_target_version);
void model__free(struct model *m);

const struct pool *model__pool(const struct model *m, uint32_t pid, uint64_t handle);
/* By the id that events of the agent's name it with; NULL when it is not known. */
const struct pool *model__pool_numbered(const struct model *m, uint32_t pid, uint16_t id);
/* What was said first of that rule in that process; NULL without. */
const struct policy *model__policy(const struct model *m, uint32_t pid, uint16_t kind, uint32_t rule);
const struct device *model__device(const struct model *m, uint32_t pid, uint64_t handle);
/* Path of the file whose code is at addr; NULL when it is not known. */
const char *model__module(const struct model *m, uint32_t pid, uint64_t addr);
/* The same with where in it: base of the file; NULL without. */
const struct module *model__module_at(const struct model *m, uint32_t pid, uint64_t addr);
/* What a code object is by its digest alone, to find it by. */
static inline uint64_t digest_key(const uint8_t sha256[32])
{
	return le(sha256, 8);
}
/* The code object with this digest, as it was said first; NULL without. */
const struct code_facts *model__code(const struct model *m, const uint8_t sha256[32]);
/* What the metadata of its code object says of a kernel; NULL when it is not known. */
const struct kernel_facts *model__kernel_facts(const struct model *m, uint32_t pid, uint64_t object);
const struct process *model__process(const struct model *m, uint32_t pid);
/* Name of the kernel a dispatch named by `object`; NULL when it is not known. */
const char *model__kernel(const struct model *m, uint32_t pid, uint64_t object);
/* The KFD buffer that held va at ts. */
const struct bo *model__bo_at(const struct model *m, uint32_t pid, uint64_t va, uint64_t ts);

/* The KFD buffer that held va and was freed last before ts; NULL without. */
const struct bo *model__freed_bo_at(const struct model *m, uint32_t pid, uint64_t va, uint64_t ts);
/* The range that a buffer object had at va; NULL without. */
const struct mapping *model__mapping_at(const struct model *m, uint32_t pid, uint64_t va,
					uint64_t ts);

/* Where an address is, of what was allocated at a time. */
struct place {
	const struct alloc *inside;	  /* live allocation that holds it */
	const struct alloc *inside_freed; /* most recently freed one that did */
	const struct alloc *below;	  /* live one that ends nearest below it */
	const struct alloc *above;	  /* live one that begins nearest above it */
	/* What held it is forgotten: both are NULL, and ought not to be. When the last of what is forgotten
	 * there had ended; 0 when nothing is. */
	uint64_t forgotten_ns;
	bool near_forgotten; /* there may have been nearer ones than below and above */
};
struct place model__place(const struct model *m, uint32_t pid, uint64_t va, uint64_t ts);

/* How a page of a process was mapped at a time. */
struct pte_at {
	bool known;	/* its entry was seen to be written before that */
	bool forgotten; /* what it was then is not known any more */
	bool mapped;	/* valid then */
	bool was_mapped; /* it is, or was before: flags holds how */
	uint64_t flags; /* PTE_ALIKE() */
	uint64_t since_ns; /* mapped, or not, since */
};
struct pte_at model__pte(const struct model *m, uint32_t pid, uint64_t va, uint64_t ts);

/* Kernels whose dispatches had it as an argument, the latest first; of MODEL_KEPT_USES at most. Returns how
 * many were put in `out`. */
size_t model__uses(const struct model *m, const struct alloc *a, struct argument_use *out, size_t max);
/* The last dispatches before ts (or at it) that had it as an argument, the latest first. *forgotten: there
 * may have been more, or others. */
size_t model__arguments(const struct model *m, const struct alloc *a, uint64_t ts, struct argument *out,
			size_t max, bool *forgotten);

/* All that is known of an address at a time. NULL and false: nothing is. */
#define FACTS_USES 8
struct address_facts {
	/* Allocations, as in struct place. `alloc`: inside, else inside_freed. */
	struct place place;
	const struct alloc *alloc;
	bool freed, forgotten;
	uint64_t freed_ago_ns;		     /* when freed */
	uint64_t into_bytes;		     /* from the beginning of alloc */
	uint64_t below_bytes, above_bytes;   /* from the end of place.below, to place.above; 0: right past its
						end */
	const struct pool *pool;	     /* of alloc: its grain is in the flags */
	const struct module *caller;	     /* of alloc: file of its call site, which is alloc->caller */
	/* KFD: the buffer, else the one that was there and was freed */
	const struct bo *bo;
	bool bo_freed, bo_forgotten;
	uint64_t bo_freed_ago_ns;
	const struct mapping *mapping; /* a range of a buffer object, KFD's or not */
	const struct svm_range *svm;
	struct pte_at pte;
	const char *mtype; /* of pte.flags; NULL when it was never mapped */
	/* Who had alloc as an argument */
	struct argument_use uses[FACTS_USES];
	size_t num_uses;
	uint64_t other_uses; /* pointers to it of kernels that are not among them */
	struct argument last[FACTS_USES];
	size_t num_last;
	bool last_forgotten;
};
struct address_facts model__address(const struct model *m, uint32_t pid, uint64_t va, uint64_t ts);

/* Of the times of k's dispatches; above 4096 of them within 1 %. 0 when none is known. */
uint64_t model__median(const struct kernel_sum *k);
/* What a buffer object was made as; NULL when that was not seen or is forgotten. */
const struct gem *model__gem(const struct model *m, uint64_t ordinal);
/* NULL when none of its dispatches was seen. */
const struct kernel_sum *model__kernel_sum(const struct model *m, uint32_t pid, uint64_t object);
const struct queue_work *model__queue_work(const struct model *m, uint32_t pid, uint64_t queue_id);

/* The GPU of an HSA queue, which the emulated device names by its ring; NULL when it is not known. */
const struct device *model__queue_device(const struct model *m, uint32_t pid, uint64_t queue_id);
const struct device *model__ring_device(const struct model *m, uint32_t pid, uint64_t ring);
/* Whether an intercept queue stands before the device's, which has another ring and other packet indices. */
bool model__intercepted(const struct model *m, uint32_t pid, uint64_t queue_id);
/* The newest SVM range that holds va; NULL when there is none. */
const struct svm_range *model__svm_at(const struct model *m, uint32_t pid, uint64_t va, uint64_t ts);

#endif
