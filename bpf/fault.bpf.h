/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Interrupts, faults, evictions, resets and hardware queues. Part of rdna1.bpf.c.
 */
#ifndef RDNA1_FAULT_BPF_H
#define RDNA1_FAULT_BPF_H

#include "common.bpf.h"
#include "memory.bpf.h"

/* ---- interrupts ---- */

/* Of nobody's PASID only these are taken: faults that the driver could not tell whose they are. */
#define CLIENT_VMC 0x12 /* soc15_ih_clientid.h */
#define CLIENT_UTCL2 0x1b

static __always_inline void iv_raw(struct fields *f, struct bpf_raw_tracepoint_args *ctx)
{
	struct amdgpu_iv_entry *iv = (void *)ctx->args[1];

	f->v[0] = (__u32)ctx->args[0];
	f->v[1] = BPF_CORE_READ(iv, client_id);
	f->v[2] = BPF_CORE_READ(iv, src_id);
	f->v[3] = BPF_CORE_READ(iv, ring_id);
	f->v[4] = BPF_CORE_READ(iv, vmid);
	f->v[5] = BPF_CORE_READ(iv, vmid_src);
	f->v[6] = BPF_CORE_READ(iv, timestamp);
	f->v[7] = BPF_CORE_READ(iv, pasid);
	f->text = (__u64)__builtin_preserve_access_index(&iv->src_data);
}

/* The last of each CPU: what the driver then prints does not say of whom it is. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct last_iv);
} last_ivs SEC(".maps");

static __always_inline void iv_record(struct fields *f)
{
	__u32 pid = owner_of_pasid(f->v[7]), zero = 0, data[4] = {};
	struct last_iv *last = bpf_map_lookup_elem(&last_ivs, &zero);
	RECORD(gpu_iv) * r;

	if (f->text)
		bpf_probe_read_kernel(data, sizeof(data), (void *)f->text);
	if (last) {
		last->pid = pid;
		last->pasid = (__u32)f->v[7];
		last->va = (__u64)data[0] << 12 | (__u64)(data[1] & 0xf) << 44;
		last->is_fault = f->v[1] == CLIENT_VMC || f->v[1] == CLIENT_UTCL2;
		last->ts = bpf_ktime_get_ns();
	}
	if (!pid && (f->v[7] || (f->v[1] != CLIENT_VMC && f->v[1] != CLIENT_UTCL2)))
		return;
	r = reserve(HOOK_iv, sizeof(*r));
	if (!r)
		return;
	fill_head(&r->rec, HOOK_iv, EV_gpu_iv, sizeof(r->e));
	r->e.pid = pid;
	r->e.ih = f->v[0];
	r->e.client_id = f->v[1];
	r->e.src_id = f->v[2];
	r->e.ring_id = f->v[3];
	r->e.vmid = f->v[4];
	r->e.vmid_src = f->v[5];
	r->e.timestamp = f->v[6];
	r->e.pasid = f->v[7];
	r->e.data0 = data[0];
	r->e.data1 = data[1];
	r->e.data2 = data[2];
	r->e.data3 = data[3];
	SUBMIT(r);
}

SEC("raw_tp/amdgpu_iv")
int raw_tp_iv(struct bpf_raw_tracepoint_args *ctx)
{
	struct fields f = {};

	iv_raw(&f, ctx);
	iv_record(&f);
	return 0;
}

SEC("tracepoint/amdgpu/amdgpu_iv")
int tp_iv(void *ctx)
{
	struct fields f = {};
	__u32 data[4] = {};

	by_format(&f, ctx, HOOK_iv);
	/* Copied first: a record cannot be pointed into. */
	if (tp_at[HOOK_iv][8].size == sizeof(data))
		bpf_probe_read_kernel(data, sizeof(data), ctx + tp_at[HOOK_iv][8].offset);
	f.text = (__u64)(void *)data;
	iv_record(&f);
	return 0;
}

/* ---- the status register ---- */

static __always_inline void record_status(enum hook hook, struct last_iv *of, __u32 status,
					  __u32 vmhub)
{
	RECORD(vm_fault_status) *r = reserve(hook, sizeof(*r));

	if (!r)
		return;
	fill_head(&r->rec, hook, EV_vm_fault_status, sizeof(r->e));
	r->e.pid = of->pid;
	r->e.pasid = of->pasid;
	r->e.va = of->va;
	r->e.status = status;
	r->e.vmhub = vmhub;
	SUBMIT(r);
}

static __always_inline void fault_cache_enter(struct args *a)
{
	/* The driver passes the address as it prints it: page number << 12. */
	struct last_iv of = {.pasid = (__u32)a->v[0], .va = a->v[1]};

	of.pid = owner_of_pasid(of.pasid);
	if (of.pid || !of.pasid)
		record_status(HOOK_fault_cache, &of, (__u32)a->v[2], (__u32)a->v[3]);
}

AT_ENTRY(fault_cache, amdgpu_vm_update_fault_cache)

#define SAME_FAULT_NS 1000000000ull

static __always_inline void fault_print_enter(struct args *a)
{
	__u32 zero = 0;
	struct last_iv *last = bpf_map_lookup_elem(&last_ivs, &zero), of = {};

	if (last && last->is_fault && bpf_ktime_get_ns() - last->ts < SAME_FAULT_NS)
		of = *last;
	else
		return; /* of what is not known */
	if (!of.pid && of.pasid)
		return; /* of a process that is not traced */
	record_status(HOOK_fault_print, &of, (__u32)a->v[0], 0);
}

AT_ENTRY(fault_print, gfxhub_v2_0_print_l2_protection_fault_status)

/* ---- what the driver does about a fault ---- */

static __always_inline void handle_fault_enter(struct args *a)
{
	keep(HOOK_handle_fault, a, owner_of_pasid(a->v[0]));
}

static __always_inline void handle_fault_leave(struct flight *f, __s64 ret)
{
	RECORD(vm_handle_fault) *r = reserve(HOOK_handle_fault, sizeof(*r));

	if (!r)
		return;
	fill_head(&r->rec, HOOK_handle_fault, EV_vm_handle_fault, sizeof(r->e));
	r->e.pid = f->pid;
	r->e.begin_dt = since(f->ts, r->rec.head.timestamp);
	r->e.pasid = f->args[0];
	r->e.va = f->args[1];
	r->e.write = f->args[2] & 1;
	r->e.handled = ret & 1;
	SUBMIT(r);
}

AT_ENTRY(handle_fault, amdgpu_vm_handle_fault)
AT_RETURN(handle_fault, amdgpu_vm_handle_fault)

static __always_inline void vm_fault_enter(struct args *a)
{
	struct kfd_process_device *pdd = (void *)a->v[3];
	__u32 pasid = a->v[0], pid;
	struct EV_PACKED {
		struct krec rec;
		struct ev_kfd_vm_fault e;
		__u8 info[64];
		__u8 data[64];
	} * r;
	__u32 n;

	/* Kernels with a PASID for each GPU name the process's device. */
	if (pdd && bpf_core_field_exists(pdd->pasid))
		pasid = BPF_CORE_READ(pdd, pasid);
	pid = owner_of_pasid(pasid);
	if (!pid)
		return;
	r = reserve(HOOK_vm_fault, sizeof(*r));
	if (!r)
		return;
	fill_head(&r->rec, HOOK_vm_fault, EV_kfd_vm_fault, sizeof(r->e));
	r->e.pid = pid;
	r->e.pasid = pasid;
	r->rec.num_blobs = 2;
	r->rec.blob_slot[0] = sizeof(r->info);
	r->rec.blob_slot[1] = sizeof(r->data);
	if (a->v[1] && bpf_core_type_exists(struct kfd_vm_fault_info)) {
		n = bpf_core_type_size(struct kfd_vm_fault_info);
		if (n <= sizeof(r->info) && !bpf_probe_read_kernel(r->info, n, (void *)a->v[1]))
			r->rec.blob_len[0] = n;
	}
	if (a->v[2] && bpf_core_type_exists(struct kfd_hsa_memory_exception_data)) {
		n = bpf_core_type_size(struct kfd_hsa_memory_exception_data);
		if (n <= sizeof(r->data) && !bpf_probe_read_kernel(r->data, n, (void *)a->v[2]))
			r->rec.blob_len[1] = n;
	}
	SUBMIT(r);
}

AT_ENTRY(vm_fault, kfd_signal_vm_fault_event)

/* ---- queues stopped and let go ---- */

static __always_inline void record_evict(enum hook hook, __u8 op, struct flight *f, __u32 trigger,
					 __s64 ret)
{
	RECORD(kfd_evict) *r = reserve(hook, sizeof(*r));

	if (!r)
		return;
	fill_head(&r->rec, hook, EV_kfd_evict, sizeof(r->e));
	r->e.pid = f->pid;
	r->e.begin_dt = since(f->ts, r->rec.head.timestamp);
	r->e.op = op;
	r->e.trigger = trigger;
	r->e.ret = (__s32)ret;
	SUBMIT(r);
}

#define EVICTION(id, op, key, trigger, function)                                                   \
	static __always_inline void id##_enter(struct args *a)                                     \
	{                                                                                          \
		keep(HOOK_##id, a, owner_of(key));                                                 \
	}                                                                                          \
	static __always_inline void id##_leave(struct flight *f, __s64 ret)                        \
	{                                                                                          \
		record_evict(HOOK_##id, op, f, trigger, ret);                                      \
	}                                                                                          \
	AT_ENTRY(id, function)                                                                     \
	AT_RETURN(id, function)

EVICTION(evict, EVICT_OP_evict, a->v[0], (__u32)f->args[1], kfd_process_evict_queues)
EVICTION(restore, EVICT_OP_restore, a->v[0], 0, kfd_process_restore_queues)
EVICTION(evict_pasid, EVICT_OP_evict_pasid, a->v[0] ? KEY_PASID(a->v[0]) : 0, 0,
	 kfd_dqm_evict_pasid)

/* ---- resets: of a GPU, so of everyone who uses it ---- */

static __always_inline void gpu_reset_enter(struct args *a)
{
	struct flight f = {};

	__builtin_memcpy(f.args, a->v, sizeof(f.args));
	take_off(HOOK_gpu_reset, &f);
}

static __always_inline void gpu_reset_leave(struct flight *f, __s64 ret)
{
	RECORD(gpu_reset) *r = reserve(HOOK_gpu_reset, sizeof(*r));

	if (!r)
		return;
	fill_head(&r->rec, HOOK_gpu_reset, EV_gpu_reset, sizeof(r->e));
	r->e.gpu = f->args[0];
	r->e.begin_dt = since(f->ts, r->rec.head.timestamp);
	r->e.ret = (__s32)ret;
	SUBMIT(r);
}

AT_ENTRY(gpu_reset, amdgpu_device_gpu_recover)
AT_RETURN(gpu_reset, amdgpu_device_gpu_recover)

static __always_inline void reset_signal_enter(struct args *a)
{
	RECORD(gpu_reset_signal) *r = reserve(HOOK_reset_signal, sizeof(*r));

	if (!r)
		return;
	fill_head(&r->rec, HOOK_reset_signal, EV_gpu_reset_signal, sizeof(r->e));
	r->e.gpu = a->v[0];
	SUBMIT(r);
}

AT_ENTRY(reset_signal, kfd_signal_reset_event)

/* ---- hardware queues ---- */

static __always_inline void queue_leave(enum hook hook, __u8 op, struct flight *f, __s64 ret)
{
	struct queue_properties *p = (void *)f->args[1];
	RECORD(kfd_queue) *r = reserve(hook, sizeof(*r));

	if (!r)
		return;
	__builtin_memset(&r->e, 0, sizeof(r->e));
	fill_head(&r->rec, hook, EV_kfd_queue, sizeof(r->e));
	r->e.pid = f->pid;
	r->e.begin_dt = since(f->ts, r->rec.head.timestamp);
	r->e.op = op;
	r->e.queue_id = (__u32)f->args[2];
	r->e.ret = (__s32)ret;
	if (p && bpf_core_type_exists(struct queue_properties)) {
		r->e.type = BPF_CORE_READ(p, type);
		r->e.ring = BPF_CORE_READ(p, queue_address);
		r->e.ring_size = BPF_CORE_READ(p, queue_size);
		r->e.priority = BPF_CORE_READ(p, priority);
		r->e.percent = BPF_CORE_READ(p, queue_percent);
		r->e.doorbell_off = BPF_CORE_READ(p, doorbell_off);
	}
	SUBMIT(r);
}

static __always_inline void queue_enter(enum hook hook, struct args *a)
{
	keep(hook, a, current_pid());
}

static __always_inline void queue_create_enter(struct args *a)
{
	queue_enter(HOOK_queue_create, a);
}

static __always_inline void queue_create_leave(struct flight *f, __s64 ret)
{
	__u32 qid = 0xffffffff;

	/* The id comes back through a pointer. */
	if (!(__s32)ret && f->args[2])
		bpf_probe_read_kernel(&qid, sizeof(qid), (void *)f->args[2]);
	f->args[2] = qid;
	queue_leave(HOOK_queue_create, QUEUE_OP_create, f, ret);
}

AT_ENTRY(queue_create, pqm_create_queue)
AT_RETURN(queue_create, pqm_create_queue)

static __always_inline void queue_update_enter(struct args *a)
{
	queue_enter(HOOK_queue_update, a);
}

static __always_inline void queue_update_leave(struct flight *f, __s64 ret)
{
	queue_leave(HOOK_queue_update, QUEUE_OP_update, f, ret);
}

AT_ENTRY(queue_update, pqm_update_queue_properties)
AT_RETURN(queue_update, pqm_update_queue_properties)

static __always_inline void queue_destroy_enter(struct args *a)
{
	queue_enter(HOOK_queue_destroy, a);
}

static __always_inline void queue_destroy_leave(struct flight *f, __s64 ret)
{
	f->args[1] = 0;
	queue_leave(HOOK_queue_destroy, QUEUE_OP_destroy, f, ret);
}

AT_ENTRY(queue_destroy, pqm_destroy_queue)
AT_RETURN(queue_destroy, pqm_destroy_queue)

#endif
