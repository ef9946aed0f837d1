/* SPDX-License-Identifier: MIT */
/*
 * What a trace says happened: processes, agents, pools, allocations, KFD buffers, kernels,
 * dispatches, faults. One streaming pass over the events; judges nothing.
 *
 * Times are CLOCK_MONOTONIC nanoseconds; an end of 0 means "not seen to end".
 */
#ifndef RDNA1_ANALYSIS_MODEL_H
#define RDNA1_ANALYSIS_MODEL_H

#include "account.h"
#include "../base/map.h"
#include "../base/ranges.h"

struct process {
	uint32_t pid;
	char *exe; /* of the last exec, or what the agent found; NULL when neither was seen */
	uint64_t begin_ns, end_ns;
	bool exited;
	int32_t status; /* wait status */
	bool agent;	/* the agent ran in it */
	bool device;	/* the emulated device came up in it */
	bool left;	/* it still ran when recording ended */
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
};

/* An allocation the application made through a pool. */
struct alloc {
	uint32_t pid;
	uint64_t va, size, begin_ns, end_ns;
	uint64_t pool;
	uint64_t caller; /* return address of the call */
	size_t bo;	 /* buffer it was cut from: index into bos plus 1; 0 when none was seen */
};

/* Allocations of one size that failed one way. */
struct failed_alloc {
	uint64_t size, count;
	int32_t status; /* hsa_status_t */
};

/* A program or library that called. */
struct module {
	uint32_t pid;
	uint64_t base, size;
	char *path;
};

/* A buffer of the kernel driver: what every allocation is cut from in the end. */
struct bo {
	uint32_t pid;
	uint64_t handle, va, size, begin_ns, end_ns;
	uint32_t flags; /* KFD_IOC_ALLOC_MEM_FLAGS_* */
	uint64_t pte;	/* emulated device: as mapped; 0 when not known */
	bool has_pte;
	size_t allocs; /* pool allocations seen inside it */
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
};

/* What went wrong, from the device, the runtime or both. */
struct fault {
	uint32_t pid;
	uint64_t ts_ns;
	enum { FAULT_DEVICE, FAULT_QUEUE, FAULT_MEMORY } from;
	struct ev_emu_fault emu; /* FAULT_DEVICE: the emulated device's own words */
	char *insn;
	int32_t status;	 /* FAULT_QUEUE: hsa_status_t */
	uint64_t queue_id;
	uint64_t va;	 /* FAULT_MEMORY: page address */
	uint32_t reason; /* FAULT_MEMORY: hsa_amd_memory_fault_reason_t */
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
};

struct emu_card {
	struct ev_emu_device ev;
	char *name;
};

/* Shared virtual memory (AMDKFD_IOC_SVM): no buffer of the driver's, and none of HSA's. */
struct svm_range {
	uint32_t pid;
	uint64_t va, size, begin_ns;
};

/* A kernel hook that was not on. */
struct hook_off {
	char *name, *reason;
};

struct model {
	bool emulated;
	VEC(struct emu_card) emu_cards; /* that came up; in the order of their gpu_id */
	char *command; /* as recorded by the launcher, NULL without one */
	char *emu_options; /* behind --emulate=, NULL without */
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
	VEC(struct failed_alloc) failed_allocs;
	VEC(struct bo) bos;
	VEC(struct svm_range) svm_ranges; /* as first named; a range within an earlier one is not another */
	VEC(struct kernel_fn) kernels;
	VEC(struct dispatch) dispatches;
	VEC(struct fault) faults;
	VEC(struct gap) gaps;
	VEC(struct hook_off) hooks_off;
	uint64_t copies, copied_bytes;
	/* Interrupted ones are those that did return: what was open when its process ended is not. */
	uint64_t ioctls, failed_ioctls, interrupted_ioctls, open_ioctls;
	struct ioctl_sums failed, interrupted, open; /* the same, by number */
	uint64_t queue_gaps; /* packets that could not be read */
	struct accounts accounts;
	struct trace_stats stats;
	bool recovered; /* a copy that holds what was whole of a damaged trace */
	/* inside */
	struct map live_allocs, bo_by_handle, kernel_by_object, dispatch_by_index, rings;
	struct map queue_devices; /* by queue id: index into devices plus 1 */
	struct map early_ends; /* dispatches that the device ended before the agent read them */
	struct ranges live_bos, svm_live;
};

/* Read all of t. Returns 0 or negative errno. */
int model__read(struct model *m, struct trace *t);
void model__free(struct model *m);

const struct pool *model__pool(const struct model *m, uint32_t pid, uint64_t handle);
const struct device *model__device(const struct model *m, uint32_t pid, uint64_t handle);
/* Path of the file whose code is at addr; NULL when it is not known. */
const char *model__module(const struct model *m, uint32_t pid, uint64_t addr);
const struct process *model__process(const struct model *m, uint32_t pid);
/* Name of the kernel a dispatch named by `object`; NULL when it is not known. */
const char *model__kernel(const struct model *m, uint32_t pid, uint64_t object);
/* The KFD buffer that held va at ts. */
const struct bo *model__bo_at(const struct model *m, uint32_t pid, uint64_t va, uint64_t ts);

/* Where an address is, of what was allocated at a time. */
struct place {
	const struct alloc *inside;	  /* live allocation that holds it */
	const struct alloc *inside_freed; /* most recently freed one that did */
	const struct alloc *below;	  /* live one that ends nearest below it */
};
struct place model__place(const struct model *m, uint32_t pid, uint64_t va, uint64_t ts);

/* The GPU of an HSA queue, which the emulated device names by its ring; NULL when it is not known. */
const struct device *model__queue_device(const struct model *m, uint32_t pid, uint64_t queue_id);
const struct device *model__ring_device(const struct model *m, uint32_t pid, uint64_t ring);
/* The newest SVM range that holds va; NULL when there is none. */
const struct svm_range *model__svm_at(const struct model *m, uint32_t pid, uint64_t va, uint64_t ts);

#endif
