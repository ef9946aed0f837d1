// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel side: filter, copy, submit. One program per hook, each loaded on its own. Nothing is
 * decoded here; what is kept of an ioctl is said by rows the recorder loads.
 *
 * The clock is read after the reserve, so that the order in the ring and the order of the timestamps
 * agree on one CPU but for programs that interrupt each other. Submits do not wake the reader.
 */
#include "vmlinux_min.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include "shared.h"

char LICENSE[] SEC("license") = "GPL";

#define NR_ioctl 16 /* x86-64 */
#define ENOTTY 25

/* Which files are the KFD device: by device number, or the stand-in of the emulated device. */
const volatile __u64 kfd_rdev;	   /* kernel's dev_t; 0 when there is none */
const volatile __u64 kfd_file_dev; /* super block's dev_t of the stand-in; 0 without emulation */
const volatile __u64 kfd_file_ino;

/* Read by the recorder through the mapping: no system call is needed to know what was lost. */
__u64 seen[NUM_HOOKS];
__u64 dropped[NUM_HOOKS];   /* ring full */
__u64 untracked;	    /* processes that did not fit the map */
__u64 descriptors;	    /* ioctls whose descriptor is no longer what it was */

struct seed seed;
__u32 ns_level; /* of the recorder's PID namespace; 0 is the machine's */

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 16 << 20);
} ring SEC(".maps");

/* Traced processes, by the machine's tgid. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, TRACKED_MAX);
	__type(key, __u32);
	__type(value, struct tracked_process);
} tracked SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, KFD_ROWS);
	__type(key, __u32);
	__type(value, struct kfd_row);
} rows SEC(".maps");

static __always_inline struct tracked_process *find(__u32 tgid)
{
	return bpf_map_lookup_elem(&tracked, &tgid);
}

/* Number of a task in the PID namespace at `level`, and the namespace's inode. */
static __always_inline __u32 number(struct task_struct *task, __u32 level, __u32 *ns)
{
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	struct upid *at = (void *)__builtin_preserve_access_index(&pid->numbers);
	__u32 nr = 0;

	if (!pid || BPF_CORE_READ(pid, level) < level)
		return 0;
	at = (void *)at + level * bpf_core_type_size(struct upid);
	if (ns)
		*ns = BPF_CORE_READ(at, ns, ns.inum);
	bpf_core_read(&nr, sizeof(nr), &at->nr);
	return nr;
}

static __always_inline __u32 current_number(void)
{
	return ns_level ? number((void *)bpf_get_current_task(), ns_level, 0)
			: (__u32)bpf_get_current_pid_tgid();
}

static __always_inline bool track(struct task_struct *leader, __u32 tgid)
{
	struct tracked_process p = {.pid = ns_level ? number(leader, ns_level, 0) : tgid};

	return !bpf_map_update_elem(&tracked, &tgid, &p, BPF_ANY);
}

/* Is this the process the recorder asked for? */
static __always_inline void look_for_seed(void)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	__u32 level = BPF_CORE_READ(pid, level), ns = 0;

	if (number(task, level, &ns) != seed.pid || ns != seed.ns)
		return;
	ns_level = level;
	track(task, bpf_get_current_pid_tgid() >> 32);
	seed.pid = 0;
}

static __always_inline void fill_head(struct krec *r, __u16 id, __u16 fixed)
{
	__builtin_memset(r, 0, sizeof(*r));
	r->fixed = fixed;
	r->cpu = bpf_get_smp_processor_id();
	r->head.id = id;
	r->head.tid = current_number();
	r->head.size = 0; /* the recorder knows when it has put the parts together */
	r->head.timestamp = bpf_ktime_get_ns();
}

static __always_inline void *reserve(enum hook hook, __u64 size)
{
	void *r = bpf_ringbuf_reserve(&ring, size, 0);

	__sync_fetch_and_add(&seen[hook], 1);
	if (!r)
		__sync_fetch_and_add(&dropped[hook], 1);
	return r;
}

/* ---- KFD ioctls at their return ---- */

#define KFD_RECORD(name, ARG, ARRAY)                                                               \
	struct EV_PACKED name {                                                                    \
		struct krec rec;                                                                   \
		struct ev_kfd_ioctl e;                                                             \
		__u8 arg[ARG];                                                                     \
		__u8 array0[ARRAY];                                                                \
		__u8 array1[ARRAY];                                                                \
	}
KFD_RECORD(kfd_small, KREC_ARG_SMALL, KREC_ARRAY_SMALL);
KFD_RECORD(kfd_large, KREC_ARG_LARGE, KREC_ARRAY_LARGE);

/* What is known of the call before anything is reserved. */
struct call {
	__u64 argp, ptr[2];
	__u32 arg_len, len[2];
};

static __always_inline bool is_kfd(int fd)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct fdtable *fdt = BPF_CORE_READ(task, files, fdt);
	struct file **files, *file = 0;
	struct inode *inode;

	if (!fdt || fd < 0 || (__u32)fd >= BPF_CORE_READ(fdt, max_fds))
		return false;
	files = BPF_CORE_READ(fdt, fd);
	bpf_core_read(&file, sizeof(file), files + fd);
	if (!file)
		return false;
	inode = BPF_CORE_READ(file, f_inode);
	if (kfd_rdev && BPF_CORE_READ(inode, i_rdev) == kfd_rdev)
		return true;
	return kfd_file_dev && BPF_CORE_READ(inode, i_ino) == kfd_file_ino &&
	       BPF_CORE_READ(inode, i_sb, s_dev) == kfd_file_dev;
}

/* Where the arrays of the call are: pointer and count stand in the argument struct. */
static __always_inline void find_arrays(struct call *c, __u32 cmd)
{
	__u32 nr = cmd & 0xff;
	struct kfd_row *row = bpf_map_lookup_elem(&rows, &nr);

	if (!row)
		return;
#pragma unroll
	for (int i = 0; i < 2; i++) {
		__u32 count = 0;

		if (!row->elem[i] || row->ptr[i] + 8u > c->arg_len || row->count[i] + 4u > c->arg_len)
			continue;
		if (bpf_probe_read_user(&c->ptr[i], 8, (void *)(c->argp + row->ptr[i])) ||
		    bpf_probe_read_user(&count, 4, (void *)(c->argp + row->count[i])))
			continue;
		if (count > 0x10000)
			count = 0x10000;
		c->len[i] = row->elem[i] == 0xffff ? count / 8 : count * row->elem[i];
		if (!c->ptr[i])
			c->len[i] = 0;
	}
}

/* Copy len bytes, at most max; returns how many were, counts the others in *unread. */
static __always_inline __u16 copy(void *to, __u32 max, __u64 from, __u32 len, __u32 *unread)
{
	__u32 n = len;

	if (n > max) {
		*unread += n - max;
		n = max;
	}
	if (!n)
		return 0;
	if (bpf_probe_read_user(to, n, (void *)from)) {
		*unread += n;
		return 0;
	}
	return (__u16)n;
}

#define FILL_KFD(r, c, fd, cmd, ret_value)                                                         \
	do {                                                                                       \
		__u32 unread = 0;                                                                  \
                                                                                                   \
		fill_head(&(r)->rec, EV_kfd_ioctl, sizeof((r)->e));                                \
		(r)->rec.num_blobs = 3;                                                            \
		(r)->rec.blob_slot[0] = sizeof((r)->arg);                                          \
		(r)->rec.blob_slot[1] = sizeof((r)->array0);                                       \
		(r)->rec.blob_slot[2] = sizeof((r)->array1);                                       \
		(r)->e.pid = pid;                                                                  \
		(r)->e.begin_dt = 0;                                                               \
		(r)->e.fd = fd;                                                                    \
		(r)->e.cmd = cmd;                                                                  \
		(r)->e.ret = ret_value;                                                            \
		(r)->e.argp = (c)->argp;                                                           \
		(r)->rec.blob_len[0] =                                                             \
			copy((r)->arg, sizeof((r)->arg), (c)->argp, (c)->arg_len, &unread);        \
		(r)->rec.blob_len[1] =                                                             \
			copy((r)->array0, sizeof((r)->array0), (c)->ptr[0], (c)->len[0], &unread); \
		(r)->rec.blob_len[2] =                                                             \
			copy((r)->array1, sizeof((r)->array1), (c)->ptr[1], (c)->len[1], &unread); \
		(r)->e.unread = unread > 0xffff ? 0xffff : unread;                                 \
		bpf_ringbuf_submit(r, BPF_RB_NO_WAKEUP);                                           \
	} while (0)

SEC("raw_tp/sys_exit")
int sys_exit(struct bpf_raw_tracepoint_args *ctx)
{
	struct pt_regs *regs = (void *)ctx->args[0];
	__s64 ret = (__s64)ctx->args[1];
	struct call c = {};
	struct tracked_process *p;
	__u32 cmd, pid;
	int fd;

	if (seed.pid)
		look_for_seed();
	if (BPF_CORE_READ(regs, orig_ax) != NR_ioctl)
		return 0;
	cmd = (__u32)BPF_CORE_READ(regs, si);
	if ((cmd >> 8 & 0xff) != 'K')
		return 0;
	p = find(bpf_get_current_pid_tgid() >> 32);
	if (!p)
		return 0;
	fd = (int)BPF_CORE_READ(regs, di);
	if (!is_kfd(fd)) {
		/* 'K' is the console's type too, without an argument; other drivers know no such number. */
		if (p->uses_kfd && cmd >> 16 && ret != -ENOTTY)
			__sync_fetch_and_add(&descriptors, 1);
		return 0;
	}
	p->uses_kfd = 1;
	pid = p->pid;
	c.argp = BPF_CORE_READ(regs, dx);
	c.arg_len = cmd >> 16 & 0x3fff;
	find_arrays(&c, cmd);
	if (c.arg_len <= KREC_ARG_SMALL && c.len[0] <= KREC_ARRAY_SMALL && c.len[1] <= KREC_ARRAY_SMALL) {
		struct kfd_small *r = reserve(HOOK_sys_exit, sizeof(*r));

		if (r)
			FILL_KFD(r, &c, fd, cmd, ret);
	} else {
		struct kfd_large *r = reserve(HOOK_sys_exit, sizeof(*r));

		if (r)
			FILL_KFD(r, &c, fd, cmd, ret);
	}
	return 0;
}

/* ---- the process tree ---- */

SEC("raw_tp/sched_process_fork")
int sched_process_fork(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *parent = (void *)ctx->args[0], *child = (void *)ctx->args[1];
	__u32 from = BPF_CORE_READ(parent, tgid), to = BPF_CORE_READ(child, tgid);
	struct tracked_process *p = from == to ? 0 : find(from); /* a thread, or not ours */
	struct EV_PACKED {
		struct krec rec;
		struct ev_proc_fork e;
	} *r;

	if (!p)
		return 0;
	if (!track(child, to))
		__sync_fetch_and_add(&untracked, 1);
	r = reserve(HOOK_fork, sizeof(*r));
	if (!r)
		return 0;
	fill_head(&r->rec, EV_proc_fork, sizeof(r->e));
	r->e.pid = p->pid;
	r->e.child = ns_level ? number(child, ns_level, 0) : to;
	bpf_ringbuf_submit(r, BPF_RB_NO_WAKEUP);
	return 0;
}

SEC("raw_tp/sched_process_exec")
int sched_process_exec(struct bpf_raw_tracepoint_args *ctx)
{
	struct linux_binprm *bprm = (void *)ctx->args[2];
	struct tracked_process *p;
	struct EV_PACKED {
		struct krec rec;
		struct ev_proc_exec e;
		char path[TEXT_MAX];
	} *r;
	long n;

	if (seed.pid)
		look_for_seed();
	p = find(bpf_get_current_pid_tgid() >> 32);
	if (!p)
		return 0;
	r = reserve(HOOK_exec, sizeof(*r));
	if (!r)
		return 0;
	fill_head(&r->rec, EV_proc_exec, sizeof(r->e));
	r->rec.num_blobs = 1;
	r->rec.is_text = 1;
	r->e.pid = p->pid;
	n = bpf_probe_read_kernel_str(r->path, sizeof(r->path), BPF_CORE_READ(bprm, filename));
	r->rec.blob_slot[0] = sizeof(r->path);
	r->rec.blob_len[0] = n > 0 ? n : 0;
	bpf_ringbuf_submit(r, BPF_RB_NO_WAKEUP);
	return 0;
}

#define SIGNAL_GROUP_EXIT 4 /* linux/sched/signal.h */

SEC("raw_tp/sched_process_exit")
int sched_process_exit(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *task = (void *)ctx->args[0];
	__u32 tgid = BPF_CORE_READ(task, tgid);
	struct tracked_process *p = find(tgid);
	struct EV_PACKED {
		struct krec rec;
		struct ev_proc_exit e;
	} *r;

	/* do_exit has taken this thread off the count: at 0 the process is over. */
	if (!p || BPF_CORE_READ(task, signal, live.counter))
		return 0;
	r = reserve(HOOK_exit, sizeof(*r));
	if (r) {
		fill_head(&r->rec, EV_proc_exit, sizeof(r->e));
		r->e.pid = p->pid;
		r->e.status = BPF_CORE_READ(task, signal, flags) & SIGNAL_GROUP_EXIT
				      ? BPF_CORE_READ(task, signal, group_exit_code)
				      : BPF_CORE_READ(task, exit_code);
		bpf_ringbuf_submit(r, BPF_RB_NO_WAKEUP);
	}
	bpf_map_delete_elem(&tracked, &tgid);
	return 0;
}
