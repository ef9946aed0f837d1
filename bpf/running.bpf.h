/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Processes that run already: run once by the recorder, over all tasks and all open files. Part of
 * rdna1.bpf.c.
 */
#ifndef RDNA1_RUNNING_BPF_H
#define RDNA1_RUNNING_BPF_H

#include "ioctl.bpf.h"

/*
 * The recorder in a PID namespace knows only the numbers there. The programs find whose they are,
 * and with that how deep the namespace lies.
 */
const volatile __u32 own_ns; /* inode of /proc/self/ns/pid */
#define NS_DEPTH_MAX 32	     /* MAX_PID_NS_LEVEL */

/* Processes to be traced, by the recorder's numbers; what has been found is taken out. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, TRACKED_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, __u8);
} wanted SEC(".maps");

SEC("iter/task")
int iter_processes(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	__u32 level, nr = 0, ns = 0;

	if (!task || BPF_CORE_READ(task, pid) != BPF_CORE_READ(task, tgid))
		return 0;
	for (level = 0; level <= NS_DEPTH_MAX; level++) {
		nr = number(task, level, &ns);
		if (!nr)
			return 0;
		if (ns == own_ns)
			break;
	}
	if (level > NS_DEPTH_MAX || !bpf_map_lookup_elem(&wanted, &nr))
		return 0;
	ns_level = level;
	if (track(task, BPF_CORE_READ(task, tgid)))
		bpf_map_delete_elem(&wanted, &nr);
	return 0;
}

/* The device was opened before: whose its process and PASID are is learnt from the open file. */
SEC("iter/task_file")
int iter_files(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct tracked_process *p;

	if (!task || !file)
		return 0;
	p = find(BPF_CORE_READ(task, tgid));
	if (!p || !is_kfd(BPF_CORE_READ(file, f_inode)))
		return 0;
	p->uses_kfd = 1;
	learn_process(file, BPF_CORE_READ(task, tgid), p->pid, true);
	return 0;
}

#endif
