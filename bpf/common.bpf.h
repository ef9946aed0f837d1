/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What every program uses: the ring, who is traced, calls that have not returned, the making of a
 * record. Part of rdna1.bpf.c.
 */
#ifndef RDNA1_COMMON_BPF_H
#define RDNA1_COMMON_BPF_H

/* Read by the recorder through the mapping: no system call is needed to know what was lost. */
__u64 seen[NUM_HOOKS];
__u64 dropped[NUM_HOOKS]; /* ring full */
__u64 entered[NUM_HOOKS]; /* calls that a record at their return should follow */
__u64 returned[NUM_HOOKS];
__u64 untracked;   /* processes that did not fit the map */
__u64 not_kept;	   /* calls that did not fit the map of those in flight */
__u64 descriptors; /* ioctls whose descriptor is no longer what it was */
__u64 not_owned;   /* objects whose owner could not be kept */
__u64 running;     /* processes in the map */
/* Set by the recorder before it takes the programs away, which takes a while: for the trace all end at once. */
__u32 stopped;

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

/*
 * Whose an object of the driver is: by the address of a kgd_mem or kfd_process, by PASID, and by
 * hub and VMID; the last two are smaller than any address. What has not been touched for long goes.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, OWNERS_MAX);
	__type(key, __u64);
	__type(value, struct owner);
} owners SEC(".maps");

/* Buffer objects come and go more often than all else, and nothing says when one goes. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, OWNERS_MAX);
	__type(key, __u64);
	__type(value, __u32);
} bo_owners SEC(".maps");

#define KEY_PASID(pasid) (1ull << 32 | (__u32)(pasid))
/* Each device gives its own: an address inside it, where no owned object is. 0 where it is not known (a
 * tracepoint's format does not say it): then two GPUs are taken for one. */
#define KEY_VMID(device, hub, vmid)                                                                \
	(((device) ? (device) : 2ull << 32) + ((__u64)((hub)&0xff) << 8 | ((vmid)&0xff)))

/* Calls that have not returned. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, FLIGHT_MAX);
	__type(key, struct flight_key);
	__type(value, struct flight);
} flights SEC(".maps");

static __always_inline __u32 current_tgid(void)
{
	return bpf_get_current_pid_tgid() >> 32;
}

static __always_inline struct tracked_process *find(__u32 tgid)
{
	return bpf_map_lookup_elem(&tracked, &tgid);
}

/* 0: not traced. */
static __always_inline __u32 current_pid(void)
{
	struct tracked_process *p = find(current_tgid());

	return p ? p->pid : 0;
}

static __always_inline __u32 owner_of(__u64 key)
{
	struct owner *o = bpf_map_lookup_elem(&owners, &key);

	return o ? o->pid : 0;
}

static __always_inline void own(__u64 key, __u32 pid)
{
	struct owner o = {.pid = pid};

	if (key && bpf_map_update_elem(&owners, &key, &o, BPF_ANY))
		__sync_fetch_and_add(&not_owned, 1);
}

static __always_inline void disown(__u64 key)
{
	bpf_map_delete_elem(&owners, &key);
}

/* PASID 0 is nobody's. */
static __always_inline __u32 owner_of_pasid(__u32 pasid)
{
	return pasid ? owner_of(KEY_PASID(pasid)) : 0;
}

static __always_inline void own_pasid(__u32 pasid, __u32 pid)
{
	if (pasid)
		own(KEY_PASID(pasid), pid);
}

static __always_inline __u32 owner_of_bo(__u64 bo)
{
	__u32 *pid = bpf_map_lookup_elem(&bo_owners, &bo);

	return pid ? *pid : 0;
}

/* The driver goes on for a process that has ended: its memory is taken back by a worker. */
#define TEARDOWN_NS 10000000000ull

static __always_inline __u32 pid_of_tgid(__u32 tgid)
{
	struct tracked_process *p = find(tgid);
	__u64 key = KEY_EXITED(tgid);
	struct owner *o;

	if (p)
		return p->pid;
	o = bpf_map_lookup_elem(&owners, &key);
	return o && bpf_ktime_get_ns() - o->since < TEARDOWN_NS ? o->pid : 0;
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

	if (!bpf_map_update_elem(&tracked, &tgid, &p, BPF_NOEXIST)) {
		__sync_fetch_and_add(&running, 1);
		return true;
	}
	return !bpf_map_update_elem(&tracked, &tgid, &p, BPF_EXIST);
}

static __always_inline void fill_head(struct krec *r, enum hook hook, __u16 id, __u16 fixed)
{
	__builtin_memset(r, 0, sizeof(*r));
	r->hook = hook;
	r->fixed = fixed;
	r->cpu = bpf_get_smp_processor_id();
	r->head.id = id;
	r->head.tid = current_number();
	r->head.size = 0; /* the recorder knows when it has put the parts together */
	r->head.timestamp = bpf_ktime_get_ns();
}

/* Attached for what the programs learn by them, not for their events. */
const volatile bool muted[NUM_HOOKS];

static __always_inline void *reserve(enum hook hook, __u64 size)
{
	void *r;

	if (muted[hook] || stopped)
		return 0;
	r = bpf_ringbuf_reserve(&ring, size, 0);
	__sync_fetch_and_add(&seen[hook], 1);
	if (!r)
		__sync_fetch_and_add(&dropped[hook], 1);
	return r;
}

/* A record of fixed fields only: r->e is to be filled, then SUBMIT(r). */
#define RECORD(name)                                                                               \
	struct EV_PACKED {                                                                         \
		struct krec rec;                                                                   \
		struct ev_##name e;                                                                \
	}
#define SUBMIT(r) bpf_ringbuf_submit(r, BPF_RB_NO_WAKEUP)

static __always_inline __u32 since(__u64 begin, __u64 now)
{
	__u64 dt = now - begin;

	return !begin ? 0 : dt > 0xffffffff ? 0xffffffff : dt;
}

/* ---- calls: what is kept from entry to return ---- */

static __always_inline struct flight_key flight_key(enum hook hook)
{
	return (struct flight_key){.tid = (__u32)bpf_get_current_pid_tgid(), .hook = hook};
}

/* NULL when there is no room: the call is counted and will not be recorded. */
static __always_inline bool take_off(enum hook hook, struct flight *f)
{
	struct flight_key key = flight_key(hook);

	if (stopped)
		return false;
	f->ts = bpf_ktime_get_ns();
	__sync_fetch_and_add(&entered[hook], 1);
	if (!bpf_map_update_elem(&flights, &key, f, BPF_ANY))
		return true;
	__sync_fetch_and_add(&not_kept, 1);
	__sync_fetch_and_add(&returned[hook], 1);
	return false;
}

static __always_inline struct flight *landing(enum hook hook)
{
	struct flight_key key = flight_key(hook);

	return stopped ? 0 : bpf_map_lookup_elem(&flights, &key);
}

/* One that never returned, as far as we saw: its thread does something else now. */
static __always_inline void crashed(enum hook hook)
{
	struct flight_key key = flight_key(hook);

	bpf_map_delete_elem(&flights, &key);
}

static __always_inline void landed(enum hook hook)
{
	struct flight_key key = flight_key(hook);

	__sync_fetch_and_add(&returned[hook], 1);
	bpf_map_delete_elem(&flights, &key);
}

/* ---- parameters of a hooked function, by the positions the recorder found ---- */

const volatile __s8 arg_at[NUM_HOOKS][FN_ARGS];

static __always_inline __u64 probe_arg(struct pt_regs *regs, int at)
{
	__u64 v = 0;

	switch (at) {
	case 0:
		return BPF_CORE_READ(regs, di);
	case 1:
		return BPF_CORE_READ(regs, si);
	case 2:
		return BPF_CORE_READ(regs, dx);
	case 3:
		return BPF_CORE_READ(regs, cx);
	case 4:
		return BPF_CORE_READ(regs, r8);
	case 5:
		return BPF_CORE_READ(regs, r9);
	default:
		/* The seventh and later lie behind the return address. */
		if (at > 5)
			bpf_probe_read_kernel(&v, sizeof(v),
					      (void *)(BPF_CORE_READ(regs, sp) + 8 * (at - 5)));
		return v;
	}
}

static __always_inline __u64 trampoline_arg(void *ctx, int at)
{
	__u64 v = 0;

	if (at >= 0)
		bpf_get_func_arg(ctx, at, &v);
	return v;
}

struct args {
	__u64 v[FN_ARGS];
};

static __always_inline void probe_args(struct args *a, struct pt_regs *regs, enum hook hook)
{
#pragma unroll
	for (int i = 0; i < FN_ARGS; i++)
		a->v[i] = probe_arg(regs, arg_at[hook][i]);
}

static __always_inline void trampoline_args(struct args *a, void *ctx, enum hook hook)
{
#pragma unroll
	for (int i = 0; i < FN_ARGS; i++)
		a->v[i] = trampoline_arg(ctx, arg_at[hook][i]);
}

/*
 * The programs of a function, of which at most one pair is loaded: <id>_enter(struct args *) at its
 * entry, <id>_leave(struct flight *, __s64 ret) at its return if it was kept.
 */
#define AT_ENTRY(id, function)                                                                     \
	SEC("fentry/" #function)                                                                   \
	int fentry_##id(void *ctx)                                                                 \
	{                                                                                          \
		struct args a;                                                                     \
                                                                                                   \
		trampoline_args(&a, ctx, HOOK_##id);                                               \
		id##_enter(&a);                                                                    \
		return 0;                                                                          \
	}                                                                                          \
	SEC("kprobe/" #function)                                                                   \
	int kprobe_##id(struct pt_regs *regs)                                                      \
	{                                                                                          \
		struct args a;                                                                     \
                                                                                                   \
		probe_args(&a, regs, HOOK_##id);                                                   \
		id##_enter(&a);                                                                    \
		return 0;                                                                          \
	}

#define AT_RETURN(id, function)                                                                    \
	SEC("fexit/" #function)                                                                    \
	int fexit_##id(void *ctx)                                                                  \
	{                                                                                          \
		struct flight *f = landing(HOOK_##id);                                             \
		__u64 ret = 0;                                                                     \
                                                                                                   \
		if (!f)                                                                            \
			return 0;                                                                  \
		bpf_get_func_ret(ctx, &ret);                                                       \
		id##_leave(f, ret);                                                                \
		landed(HOOK_##id);                                                                 \
		return 0;                                                                          \
	}                                                                                          \
	SEC("kretprobe/" #function)                                                                \
	int kretprobe_##id(struct pt_regs *regs)                                                   \
	{                                                                                          \
		struct flight *f = landing(HOOK_##id);                                             \
                                                                                                   \
		if (!f)                                                                            \
			return 0;                                                                  \
		id##_leave(f, BPF_CORE_READ(regs, ax));                                            \
		landed(HOOK_##id);                                                                 \
		return 0;                                                                          \
	}

/*
 * Most keep their parameters and no more. What is nobody's (pid 0) leaves none of an earlier call either, whose
 * return was missed: this one's would be taken for it.
 */
static __always_inline void keep(enum hook hook, struct args *a, __u32 pid)
{
	struct flight f = {.pid = pid};

	if (!pid) {
		crashed(hook);
		return;
	}
	__builtin_memcpy(f.args, a->v, sizeof(f.args));
	take_off(hook, &f);
}

#endif
