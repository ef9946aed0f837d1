/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Ioctls of KFD and of render nodes at their return: in the driver where that can be hooked, else
 * behind every system call. What is kept of each is said by rows the recorder loads. Part of
 * rdna1.bpf.c.
 */
#ifndef RDNA1_IOCTL_BPF_H
#define RDNA1_IOCTL_BPF_H

#include "common.bpf.h"

#define NR_ioctl 16 /* x86-64 */
#define EBADF 9
#define ENOTTY 25
#define DRM_MAJOR 226

/* Which files are the KFD device: by device number, or the stand-in of the emulated device. */
const volatile __u64 kfd_rdev;	   /* kernel's dev_t; 0 when there is none */
const volatile __u64 kfd_file_dev; /* super block's dev_t of the stand-in; 0 without emulation */
const volatile __u64 kfd_file_ino;
/* What sys_exit is to record: the driver's own hooks see the others. */
const volatile bool exit_kfd = true, exit_drm = true;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, KFD_ROWS + DRM_ROWS);
	__type(key, __u32);
	__type(value, struct ioctl_row);
} rows SEC(".maps");

#define IOCTL_RECORD(name, EVENT, ARG, ARRAY, ARRAYS)                                              \
	struct EV_PACKED name {                                                                    \
		struct krec rec;                                                                   \
		struct EVENT e;                                                                    \
		__u8 arg[ARG];                                                                     \
		__u8 array[ARRAYS][ARRAY];                                                         \
	}
IOCTL_RECORD(kfd_small, ev_kfd_ioctl, KREC_ARG_SMALL, KREC_ARRAY_SMALL, 2);
IOCTL_RECORD(kfd_large, ev_kfd_ioctl, KREC_ARG_LARGE, KREC_ARRAY_LARGE, 2);
struct EV_PACKED drm_small {
	struct krec rec;
	struct ev_drm_ioctl e;
	__u8 arg[KREC_ARG_SMALL];
	__u8 array[1][KREC_ARRAY_SMALL];
	__u8 asked[FLIGHT_BYTES];
};

/* What is known of the call before anything is reserved. */
struct call {
	__u64 argp, ptr[2], begin;
	__u32 arg_len, len[2];
	__u32 cmd, pid;
	__s32 fd;
	__s64 ret;
};

static __always_inline __u32 size_of(__u32 cmd)
{
	return cmd >> 16 & 0x3fff;
}

static __always_inline struct file *file_of(int fd)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct fdtable *fdt = BPF_CORE_READ(task, files, fdt);
	struct file **files, *file = 0;

	if (!fdt || fd < 0 || (__u32)fd >= BPF_CORE_READ(fdt, max_fds))
		return 0;
	files = BPF_CORE_READ(fdt, fd);
	bpf_core_read(&file, sizeof(file), files + fd);
	return file;
}

static __always_inline struct inode *inode_of(int fd)
{
	struct file *file = file_of(fd);

	return file ? BPF_CORE_READ(file, f_inode) : 0;
}

static __always_inline bool is_kfd(struct inode *inode)
{
	if (!inode)
		return false;
	if (kfd_rdev && BPF_CORE_READ(inode, i_rdev) == kfd_rdev)
		return true;
	return kfd_file_dev && BPF_CORE_READ(inode, i_ino) == kfd_file_ino &&
	       BPF_CORE_READ(inode, i_sb, s_dev) == kfd_file_dev;
}

static __always_inline bool is_drm(struct inode *inode)
{
	return inode && BPF_CORE_READ(inode, i_rdev) >> 20 == DRM_MAJOR;
}

static __always_inline struct ioctl_row *row_of(__u32 base, __u32 cmd)
{
	__u32 key = base + (cmd & 0xff);

	return bpf_map_lookup_elem(&rows, &key);
}

/* Where the arrays of the call are: pointer and count stand in the argument struct. */
static __always_inline void find_arrays(struct call *c, struct ioctl_row *row)
{
#pragma unroll
	for (int i = 0; i < 2; i++) {
		__u32 count = 0;

		if (!row->elem[i] || row->ptr[i] + 8u > c->arg_len ||
		    row->count[i] + 4u > c->arg_len)
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

#define FILL_IOCTL(r, HOOK, ID, ARRAYS, c)                                                         \
	do {                                                                                       \
		__u32 unread = 0;                                                                  \
                                                                                                   \
		fill_head(&(r)->rec, HOOK, ID, sizeof((r)->e));                                    \
		(r)->rec.num_blobs = 1 + ARRAYS;                                                   \
		(r)->rec.blob_slot[0] = sizeof((r)->arg);                                          \
		(r)->e.pid = (c)->pid;                                                             \
		(r)->e.begin_dt = since((c)->begin, (r)->rec.head.timestamp);                      \
		(r)->e.fd = (c)->fd;                                                               \
		(r)->e.cmd = (c)->cmd;                                                             \
		(r)->e.ret = (c)->ret;                                                             \
		(r)->e.argp = (c)->argp;                                                           \
		(r)->rec.blob_len[0] =                                                             \
			copy((r)->arg, sizeof((r)->arg), (c)->argp, (c)->arg_len, &unread);        \
		_Pragma("unroll") for (int i = 0; i < ARRAYS; i++)                                 \
		{                                                                                  \
			(r)->rec.blob_slot[1 + i] = sizeof((r)->array[i]);                         \
			(r)->rec.blob_len[1 + i] = copy((r)->array[i], sizeof((r)->array[i]),      \
							(c)->ptr[i], (c)->len[i], &unread);        \
		}                                                                                  \
		(r)->e.unread = unread > 0xffff ? 0xffff : unread;                                 \
	} while (0)

static __always_inline void record_kfd(struct call *c, enum hook hook)
{
	struct ioctl_row *row = row_of(0, c->cmd);

	c->arg_len = size_of(c->cmd);
	if (row)
		find_arrays(c, row);
	if (c->arg_len <= KREC_ARG_SMALL && c->len[0] <= KREC_ARRAY_SMALL &&
	    c->len[1] <= KREC_ARRAY_SMALL) {
		struct kfd_small *r = reserve(hook, sizeof(*r));

		if (!r)
			return;
		FILL_IOCTL(r, hook, EV_kfd_ioctl, 2, c);
		SUBMIT(r);
	} else {
		struct kfd_large *r = reserve(hook, sizeof(*r));

		if (!r)
			return;
		FILL_IOCTL(r, hook, EV_kfd_ioctl, 2, c);
		SUBMIT(r);
	}
}

/* asked: the struct as the call began; NULL when only its end was seen. */
static __always_inline void record_drm(struct call *c, enum hook hook, const __u8 *asked)
{
	struct ioctl_row *row = row_of(KFD_ROWS, c->cmd);
	struct drm_small *r;

	if (!row || !row->take)
		return;
	c->arg_len = size_of(c->cmd);
	find_arrays(c, row);
	r = reserve(hook, sizeof(*r));
	if (!r)
		return;
	FILL_IOCTL(r, hook, EV_drm_ioctl, 1, c);
	r->rec.num_blobs = 3;
	r->rec.blob_slot[2] = sizeof(r->asked);
	/* Not memcpy: Linux 6.1 loses track of where this pointer came from. */
	if (asked && !bpf_probe_read_kernel(r->asked, sizeof(r->asked), asked))
		r->rec.blob_len[2] = c->arg_len < sizeof(r->asked) ? c->arg_len : sizeof(r->asked);
	SUBMIT(r);
}

/* ---- behind every system call ---- */

SEC("raw_tp/sys_exit")
int raw_tp_sys_exit(struct bpf_raw_tracepoint_args *ctx)
{
	struct pt_regs *regs = (void *)ctx->args[0];
	struct tracked_process *p;
	struct inode *inode;
	struct call c = {};
	__u32 type;

	if (BPF_CORE_READ(regs, orig_ax) != NR_ioctl)
		return 0;
	c.cmd = (__u32)BPF_CORE_READ(regs, si);
	type = c.cmd >> 8 & 0xff;
	if (!(exit_kfd && type == 'K') && !(exit_drm && type == 'd'))
		return 0;
	p = find(current_tgid());
	if (!p)
		return 0;
	c.pid = p->pid;
	c.ret = (__s64)ctx->args[1];
	c.fd = (int)BPF_CORE_READ(regs, di);
	c.argp = BPF_CORE_READ(regs, dx);
	inode = inode_of(c.fd);
	if (type == 'd') {
		if (is_drm(inode))
			record_drm(&c, HOOK_sys_exit, 0);
		return 0;
	}
	if (!is_kfd(inode)) {
		/* 'K' is the console's type too, without an argument; other drivers know no such
		 * number. */
		if (p->uses_kfd && c.cmd >> 16 && c.ret != -ENOTTY)
			__sync_fetch_and_add(&descriptors, 1);
		return 0;
	}
	p->uses_kfd = 1;
	record_kfd(&c, HOOK_sys_exit);
	return 0;
}

/* ---- in the driver ---- */

/*
 * The process of KFD's by its address and its PASID; newer kernels have a PASID for each GPU. A
 * descriptor may have come from elsewhere (fork, a socket): the driver refuses it, and what it
 * stands for is not the caller's.
 */
static __always_inline void learn_process(struct file *file, __u32 tgid, __u32 pid, bool refused)
{
	struct kfd_process *p = BPF_CORE_READ(file, private_data);
	__u32 n;

	if (!p)
		return;
	if (!pid) {
		if (owner_of((__u64)p))
			disown((__u64)p); /* its address was that of one of ours */
		return;
	}
	if (bpf_core_field_exists(p->lead_thread))
		refused = (__u32)BPF_CORE_READ(p, lead_thread, tgid) != tgid;
	if (refused)
		return;
	if (owner_of((__u64)p) != pid)
		own((__u64)p, pid);
	if (bpf_core_field_exists(p->pasid)) {
		__u32 pasid = BPF_CORE_READ(p, pasid);

		if (owner_of_pasid(pasid) != pid)
			own_pasid(pasid, pid);
		return;
	}
	if (!bpf_core_field_exists(((struct kfd_process_device *)0)->pasid))
		return;
	n = BPF_CORE_READ(p, n_pdds);
#pragma unroll
	for (__u32 i = 0; i < 8; i++) {
		struct kfd_process_device *pdd = 0;
		__u32 pasid;

		if (i >= n)
			break;
		bpf_core_read(&pdd, sizeof(pdd), (void *)&p->pdds + i * sizeof(pdd));
		pasid = BPF_CORE_READ(pdd, pasid);
		if (owner_of_pasid(pasid) != pid)
			own_pasid(pasid, pid);
	}
}

static __always_inline void keep_ioctl(enum hook hook, struct args *a, __u32 pid)
{
	struct flight f = {.pid = pid, .tid = current_number()};
	__u32 n = size_of(a->v[1]);

	__builtin_memcpy(f.args, a->v, sizeof(f.args));
	if (n > sizeof(f.arg))
		n = sizeof(f.arg);
	if (n && bpf_probe_read_user(f.arg, n, (void *)a->v[2]))
		f.args[3] = 1; /* unread */
	take_off(hook, &f);
}

static __always_inline struct call call_of(struct flight *f, __s64 ret)
{
	return (struct call){.argp = f->args[2],
			     .begin = f->ts,
			     .cmd = (__u32)f->args[1],
			     .pid = f->pid,
			     .fd = -1,
			     .ret = ret};
}

static __always_inline void kfd_ioctl_enter(struct args *a)
{
	__u32 pid = current_pid();

	learn_process((struct file *)a->v[0], current_tgid(), pid, true);
	a->v[1] = (__u32)a->v[1];
	if (pid)
		keep_ioctl(HOOK_kfd_ioctl, a, pid);
	else
		crashed(HOOK_kfd_ioctl);
}

static __always_inline void kfd_ioctl_leave(struct flight *f, __s64 ret)
{
	struct call c = call_of(f, ret);

	/* Without its types the driver's own answer says it. */
	learn_process((struct file *)f->args[0], current_tgid(), f->pid, ret == -EBADF);
	record_kfd(&c, HOOK_kfd_ioctl);
}

AT_ENTRY(kfd_ioctl, kfd_ioctl)
AT_RETURN(kfd_ioctl, kfd_ioctl)

static __always_inline void drm_ioctl_enter(struct args *a)
{
	struct ioctl_row *row = row_of(KFD_ROWS, a->v[1]);
	__u32 pid = current_pid();

	a->v[1] = (__u32)a->v[1];
	if (pid && row && row->take)
		keep_ioctl(HOOK_drm_ioctl, a, pid);
	else
		crashed(HOOK_drm_ioctl);
}

static __always_inline void drm_ioctl_leave(struct flight *f, __s64 ret)
{
	struct call c = call_of(f, ret);

	record_drm(&c, HOOK_drm_ioctl, f->args[3] ? 0 : f->arg);
}

AT_ENTRY(drm_ioctl, amdgpu_drm_ioctl)
AT_RETURN(drm_ioctl, amdgpu_drm_ioctl)

#endif
