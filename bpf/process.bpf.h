/* SPDX-License-Identifier: GPL-2.0 */
/* The tree of traced processes. Part of rdna1.bpf.c. */
#ifndef RDNA1_PROCESS_BPF_H
#define RDNA1_PROCESS_BPF_H

#include "common.bpf.h"

/* A child that other numbers are seen by: in a container made by what is traced. */
static __always_inline void record_namespace(struct task_struct *child, __u32 pid)
{
	__u32 level = BPF_CORE_READ(child, thread_pid, level), ns = 0, nr;
	RECORD(proc_ns) * r;

	if (level <= ns_level)
		return;
	nr = number(child, level, &ns);
	r = reserve(HOOK_fork, sizeof(*r));
	if (!r)
		return;
	fill_head(&r->rec, HOOK_fork, EV_proc_ns, sizeof(r->e));
	r->e.pid = pid;
	r->e.ns_pid = nr;
	r->e.ns = ns;
	SUBMIT(r);
}

const volatile bool attaching; /* to processes that run already */

static __always_inline __u32 number_of(struct task_struct *task, __u32 tgid)
{
	struct task_struct *leader = BPF_CORE_READ(task, group_leader);

	return ns_level ? number(leader, ns_level, 0) : tgid;
}

SEC("raw_tp/sched_process_fork")
int raw_tp_fork(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *parent = (void *)ctx->args[0], *child = (void *)ctx->args[1];
	__u32 from = BPF_CORE_READ(parent, tgid), to = BPF_CORE_READ(child, tgid);
	struct tracked_process *p = from == to ? 0 : find(from); /* a thread, or not ours */
	RECORD(proc_fork) * r;

	/* A child of one attached to, made before it was: it has not been found yet, and may end before. */
	if (!p && attaching && from != to)
		p = find(BPF_CORE_READ(parent, real_parent, tgid));
	if (!p || stopped)
		return 0;
	if (!track(child, to))
		__sync_fetch_and_add(&untracked, 1);
	r = reserve(HOOK_fork, sizeof(*r));
	if (!r)
		return 0;
	fill_head(&r->rec, HOOK_fork, EV_proc_fork, sizeof(r->e));
	r->e.pid = number_of(parent, from);
	r->e.child = ns_level ? number(child, ns_level, 0) : to;
	SUBMIT(r);
	record_namespace(child, ns_level ? number(child, ns_level, 0) : to);
	return 0;
}

SEC("raw_tp/sched_process_exec")
int raw_tp_exec(struct bpf_raw_tracepoint_args *ctx)
{
	struct linux_binprm *bprm = (void *)ctx->args[2];
	struct tracked_process *p;
	struct EV_PACKED {
		struct krec rec;
		struct ev_proc_exec e;
		char path[TEXT_MAX];
	} * r;
	long n;

	p = find(current_tgid());
	if (!p)
		return 0;
	p->exec_ns = bpf_ktime_get_ns();
	r = reserve(HOOK_exec, sizeof(*r));
	if (!r)
		return 0;
	fill_head(&r->rec, HOOK_exec, EV_proc_exec, sizeof(r->e));
	r->rec.num_blobs = 1;
	r->rec.is_text = 1;
	r->e.pid = p->pid;
	n = bpf_probe_read_kernel_str(r->path, sizeof(r->path), BPF_CORE_READ(bprm, filename));
	r->rec.blob_slot[0] = sizeof(r->path);
	r->rec.blob_len[0] = n > 0 ? n : 0;
	SUBMIT(r);
	return 0;
}

#define SIGNAL_GROUP_EXIT 4 /* linux/sched/signal.h */

SEC("raw_tp/sched_process_exit")
int raw_tp_exit(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *task = (void *)ctx->args[0];
	__u32 tgid = BPF_CORE_READ(task, tgid);
	struct tracked_process *p = find(tgid);
	struct owner gone = {};
	__u64 key = KEY_EXITED(tgid);
	RECORD(proc_exit) * r;

	/* do_exit has taken this thread off the count: at 0 the process is over. */
	if (!p || stopped || BPF_CORE_READ(task, signal, live.counter))
		return 0;
	r = reserve(HOOK_exit, sizeof(*r));
	if (r) {
		fill_head(&r->rec, HOOK_exit, EV_proc_exit, sizeof(r->e));
		r->e.pid = p->pid;
		r->e.status = BPF_CORE_READ(task, signal, flags) & SIGNAL_GROUP_EXIT
				      ? BPF_CORE_READ(task, signal, group_exit_code)
				      : BPF_CORE_READ(task, exit_code);
		SUBMIT(r);
	}
	gone.pid = p->pid;
	gone.since = bpf_ktime_get_ns();
	bpf_map_update_elem(&owners, &key, &gone, BPF_ANY);
	if (!bpf_map_delete_elem(&tracked, &tgid))
		__sync_fetch_and_add(&running, -1);
	return 0;
}

#endif
