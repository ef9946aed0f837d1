/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Buffers, address spaces and page tables. Much of it happens in kernel workers, so each event is
 * taken for the process it is about: by the tgid it carries, the address space's PASID, or the
 * buffer's owner as learned when it was made. Part of rdna1.bpf.c.
 */
#ifndef RDNA1_MEMORY_BPF_H
#define RDNA1_MEMORY_BPF_H

#include "common.bpf.h"

/* ---- tracepoints: raw with the module's types, else by their format ---- */

const volatile struct tp_place tp_at[NUM_HOOKS][TP_FIELDS];
const volatile __u8 map_flag_kind = 1; /* of mapping->flags; see event vm_bo_map */

struct fields {
	__u64 v[TP_FIELDS];
	__u64 vm;    /* struct amdgpu_vm; 0 not known */
	__u32 pasid; /* of vm */
	__u64 text;  /* a name; 0 not known */
};

static __always_inline void by_format(struct fields *f, void *ctx, enum hook hook)
{
#pragma unroll
	for (int i = 0; i < TP_FIELDS; i++) {
		__u32 size = tp_at[hook][i].size;

		if (size && size <= 8)
			bpf_probe_read_kernel(&f->v[i], size, ctx + tp_at[hook][i].offset);
	}
}

#define AT_TRACEPOINT(id, tracepoint)                                                              \
	SEC("raw_tp/" #tracepoint)                                                                 \
	int raw_tp_##id(struct bpf_raw_tracepoint_args *ctx)                                       \
	{                                                                                          \
		struct fields f = {};                                                              \
                                                                                                   \
		id##_raw(&f, ctx);                                                                 \
		id##_record(&f);                                                                   \
		return 0;                                                                          \
	}                                                                                          \
	SEC("tracepoint/amdgpu/" #tracepoint)                                                      \
	int tp_##id(void *ctx)                                                                     \
	{                                                                                          \
		struct fields f = {};                                                              \
                                                                                                   \
		by_format(&f, ctx, HOOK_##id);                                                     \
		id##_record(&f);                                                                   \
		return 0;                                                                          \
	}

static __always_inline void raw_vm(struct fields *f, struct amdgpu_vm *vm)
{
	f->vm = (__u64)vm;
	if (vm)
		f->pasid = BPF_CORE_READ(vm, pasid);
}

/* Whose a mapping is: the address space's; where that is not known, the buffer's. */
static __always_inline __u32 owner_of_mapping(struct fields *f)
{
	__u32 pid = 0;

	if (f->pasid)
		return owner_of_pasid(f->pasid);
	if (f->v[0])
		pid = owner_of_bo(f->v[0]);
	return pid ?: current_pid();
}

/* ---- buffer objects ---- */

static __always_inline void bo_create_raw(struct fields *f, struct bpf_raw_tracepoint_args *ctx)
{
	struct amdgpu_bo *bo = (void *)ctx->args[0];

	f->v[0] = (__u64)bo;
	f->v[1] = BPF_CORE_READ(bo, tbo.base.size) >> 12;
	f->v[2] = BPF_CORE_READ(bo, tbo.resource, mem_type);
	f->v[3] = BPF_CORE_READ(bo, preferred_domains);
	f->v[4] = BPF_CORE_READ(bo, allowed_domains);
	f->v[5] = BPF_CORE_READ(bo, flags);
}

static __always_inline void bo_create_record(struct fields *f)
{
	__u32 pid = current_pid();
	RECORD(bo_create) * r;

	if (!pid) {
		/* Its address may have been that of one of ours. */
		bpf_map_delete_elem(&bo_owners, &f->v[0]);
		return;
	}
	if (bpf_map_update_elem(&bo_owners, &f->v[0], &pid, BPF_ANY))
		__sync_fetch_and_add(&not_owned, 1);
	r = reserve(HOOK_bo_create, sizeof(*r));
	if (!r)
		return;
	fill_head(&r->rec, HOOK_bo_create, EV_bo_create, sizeof(r->e));
	r->e.pid = pid;
	r->e.bo = f->v[0];
	r->e.pages = f->v[1];
	r->e.type = f->v[2];
	r->e.preferred = f->v[3];
	r->e.allowed = f->v[4];
	r->e.flags = f->v[5];
	SUBMIT(r);
}

AT_TRACEPOINT(bo_create, amdgpu_bo_create)

static __always_inline void bo_move_raw(struct fields *f, struct bpf_raw_tracepoint_args *ctx)
{
	struct amdgpu_bo *bo = (void *)ctx->args[0];

	f->v[0] = (__u64)bo;
	f->v[1] = BPF_CORE_READ(bo, tbo.base.size);
	f->v[2] = ctx->args[1];
	f->v[3] = ctx->args[2];
}

static __always_inline void bo_move_record(struct fields *f)
{
	__u32 pid = owner_of_bo(f->v[0]);
	RECORD(bo_move) * r;

	if (!pid)
		return;
	r = reserve(HOOK_bo_move, sizeof(*r));
	if (!r)
		return;
	fill_head(&r->rec, HOOK_bo_move, EV_bo_move, sizeof(r->e));
	r->e.pid = pid;
	r->e.bo = f->v[0];
	r->e.size_bytes = f->v[1];
	r->e.to = f->v[2];
	r->e.from = f->v[3];
	SUBMIT(r);
}

AT_TRACEPOINT(bo_move, amdgpu_bo_move)

/* ---- mappings ---- */

static __always_inline void raw_mapping(struct fields *f, struct amdgpu_bo_va *bo_va,
					struct amdgpu_bo_va_mapping *m)
{
	f->v[1] = BPF_CORE_READ(m, start);
	f->v[2] = BPF_CORE_READ(m, last);
	f->v[3] = BPF_CORE_READ(m, offset);
	if (bpf_core_field_size(((struct amdgpu_bo_va_mapping___short *)m)->flags) == 4)
		f->v[4] = BPF_CORE_READ((struct amdgpu_bo_va_mapping___short *)m, flags);
	else
		f->v[4] = BPF_CORE_READ(m, flags);
	if (!bo_va)
		return;
	f->v[0] = (__u64)BPF_CORE_READ(bo_va, base.bo);
	raw_vm(f, BPF_CORE_READ(bo_va, base.vm));
}

#define RECORD_MAPPING(id, f)                                                                      \
	do {                                                                                       \
		__u32 pid = owner_of_mapping(f);                                                   \
		RECORD(id) * r;                                                                    \
                                                                                                   \
		if (!pid)                                                                          \
			return;                                                                    \
		r = reserve(HOOK_##id, sizeof(*r));                                                \
		if (!r)                                                                            \
			return;                                                                    \
		fill_head(&r->rec, HOOK_##id, EV_##id, sizeof(r->e));                              \
		r->e.pid = pid;                                                                    \
		r->e.bo = (f)->v[0];                                                               \
		r->e.vm = (f)->vm;                                                                 \
		r->e.start = (f)->v[1];                                                            \
		r->e.last = (f)->v[2];                                                             \
		r->e.flag_kind = map_flag_kind;                                                    \
		r->e.flags = (f)->v[4];                                                            \
		SET_OFFSET(r, (f)->v[3]);                                                          \
		SUBMIT(r);                                                                         \
	} while (0)

#define SET_OFFSET(r, v) ((r)->e.offset = (v))

static __always_inline void vm_bo_map_raw(struct fields *f, struct bpf_raw_tracepoint_args *ctx)
{
	raw_mapping(f, (void *)ctx->args[0], (void *)ctx->args[1]);
}

static __always_inline void vm_bo_map_record(struct fields *f)
{
	RECORD_MAPPING(vm_bo_map, f);
}

AT_TRACEPOINT(vm_bo_map, amdgpu_vm_bo_map)

static __always_inline void vm_bo_unmap_raw(struct fields *f, struct bpf_raw_tracepoint_args *ctx)
{
	raw_mapping(f, (void *)ctx->args[0], (void *)ctx->args[1]);
}

static __always_inline void vm_bo_unmap_record(struct fields *f)
{
	RECORD_MAPPING(vm_bo_unmap, f);
}

AT_TRACEPOINT(vm_bo_unmap, amdgpu_vm_bo_unmap)

#undef SET_OFFSET
#define SET_OFFSET(r, v)

static __always_inline void vm_bo_update_raw(struct fields *f, struct bpf_raw_tracepoint_args *ctx)
{
	struct amdgpu_bo_va_mapping *m = (void *)ctx->args[0];

	raw_mapping(f, BPF_CORE_READ(m, bo_va), m);
}

static __always_inline void vm_bo_update_record(struct fields *f)
{
	RECORD_MAPPING(vm_bo_update, f);
}

AT_TRACEPOINT(vm_bo_update, amdgpu_vm_bo_update)

/* ---- page tables ---- */

static __always_inline void vm_update_ptes_raw(struct fields *f,
					       struct bpf_raw_tracepoint_args *ctx)
{
	f->v[0] = ctx->args[1];
	f->v[1] = ctx->args[2];
	f->v[2] = ctx->args[6];
	f->v[3] = (__u32)ctx->args[3];
	f->v[4] = ctx->args[5];
	f->v[5] = (__u32)ctx->args[7];
	f->v[6] = ctx->args[8];
}

static __always_inline void vm_update_ptes_record(struct fields *f)
{
	/* Before its first submission an address space has no tgid. */
	struct flight *update = landing(HOOK_vm_update);
	__u32 pid = update ? update->pid : pid_of_tgid(f->v[5]);
	RECORD(vm_update_ptes) * r;

	if (!pid)
		return;
	r = reserve(HOOK_vm_update_ptes, sizeof(*r));
	if (!r)
		return;
	fill_head(&r->rec, HOOK_vm_update_ptes, EV_vm_update_ptes, sizeof(r->e));
	r->e.pid = pid;
	r->e.start = f->v[0];
	r->e.end = f->v[1];
	r->e.flags = f->v[2];
	r->e.nptes = f->v[3];
	r->e.incr = f->v[4];
	r->e.vm_ctx = f->v[6];
	SUBMIT(r);
}

AT_TRACEPOINT(vm_update_ptes, amdgpu_vm_update_ptes)

/* A thread that writes the page tables of an address space: vm_set_ptes does not say of which. */
static __always_inline void enter_update(enum hook hook, struct args *a)
{
	struct amdgpu_vm *vm = (void *)a->v[0];
	__u32 pid = 0, pasid = 0;

	if (vm && bpf_core_field_exists(vm->pasid))
		pasid = BPF_CORE_READ(vm, pasid);
	pid = pasid ? owner_of_pasid(pasid) : current_pid();
	keep(hook, a, pid);
}

static __always_inline void vm_update_enter(struct args *a)
{
	enter_update(HOOK_vm_update, a);
}

static __always_inline void vm_update_leave(struct flight *f, __s64 ret)
{
	(void)f;
	(void)ret;
}

AT_ENTRY(vm_update, amdgpu_vm_update_range)
AT_RETURN(vm_update, amdgpu_vm_update_range)

/* The same for page directories. */
static __always_inline void vm_update_pdes_enter(struct args *a)
{
	enter_update(HOOK_vm_update_pdes, a);
}

static __always_inline void vm_update_pdes_leave(struct flight *f, __s64 ret)
{
	(void)f;
	(void)ret;
}

AT_ENTRY(vm_update_pdes, amdgpu_vm_update_pdes)
AT_RETURN(vm_update_pdes, amdgpu_vm_update_pdes)

static __always_inline void vm_set_ptes_raw(struct fields *f, struct bpf_raw_tracepoint_args *ctx)
{
	f->v[0] = ctx->args[0];
	f->v[1] = ctx->args[1];
	f->v[2] = (__u32)ctx->args[2];
	f->v[3] = (__u32)ctx->args[3];
	f->v[4] = ctx->args[4];
	f->v[5] = ctx->args[5] & 1;
}

static __always_inline void vm_set_ptes_record(struct fields *f)
{
	struct flight *update = landing(HOOK_vm_update) ?: landing(HOOK_vm_update_pdes);
	__u32 pid = update ? update->pid : pid_of_tgid(current_tgid());
	RECORD(vm_set_ptes) * r;

	if (!pid)
		return;
	r = reserve(HOOK_vm_set_ptes, sizeof(*r));
	if (!r)
		return;
	fill_head(&r->rec, HOOK_vm_set_ptes, EV_vm_set_ptes, sizeof(r->e));
	r->e.pid = pid;
	r->e.table = f->v[0] >> 12;
	r->e.offset = f->v[0] & 0xfff;
	r->e.page = f->v[1] >> 12;
	r->e.count = f->v[2];
	r->e.incr = f->v[3];
	r->e.flags = f->v[4];
	r->e.immediate = f->v[5];
	SUBMIT(r);
}

AT_TRACEPOINT(vm_set_ptes, amdgpu_vm_set_ptes)

/* ---- VMIDs: of graphics, copies and page-table jobs; compute queues get theirs from the firmware
 * ---- */

static __always_inline __u32 hub_of(struct amdgpu_ring *ring)
{
	struct amdgpu_ring___old *old = (void *)ring;

	if (bpf_core_field_exists(ring->vm_hub))
		return BPF_CORE_READ(ring, vm_hub);
	if (bpf_core_field_exists(old->funcs->vmhub))
		return BPF_CORE_READ(old, funcs, vmhub);
	return 0;
}

static __always_inline __u64 name_of(struct amdgpu_ring *ring)
{
	return (__u64)__builtin_preserve_access_index(&ring->name);
}

static __always_inline void vm_grab_id_raw(struct fields *f, struct bpf_raw_tracepoint_args *ctx)
{
	struct amdgpu_vm *vm = (void *)ctx->args[0];
	struct amdgpu_ring *ring = (void *)ctx->args[1];
	struct amdgpu_job *job = (void *)ctx->args[2];

	f->v[0] = BPF_CORE_READ(vm, pasid);
	f->v[1] = BPF_CORE_READ(job, vmid);
	f->v[2] = hub_of(ring);
	f->v[3] = BPF_CORE_READ(job, vm_pd_addr);
	f->v[4] = BPF_CORE_READ(job, vm_needs_flush);
	f->v[5] = (__u64)BPF_CORE_READ(ring, adev);
	f->text = name_of(ring);
}

/* An event whose one TEXT is a ring's name. */
#define RECORD_RING(id)                                                                            \
	struct EV_PACKED {                                                                         \
		struct krec rec;                                                                   \
		struct ev_##id e;                                                                  \
		char ring[16];                                                                     \
	}
#define FILL_RING(r, f)                                                                            \
	do {                                                                                       \
		long n = (f)->text ? bpf_probe_read_kernel_str((r)->ring, sizeof((r)->ring),       \
							       (void *)(f)->text)                  \
				   : 0;                                                            \
		(r)->rec.num_blobs = 1;                                                            \
		(r)->rec.is_text = 1;                                                              \
		(r)->rec.blob_slot[0] = sizeof((r)->ring);                                         \
		(r)->rec.blob_len[0] = n > 0 ? n : 0;                                              \
	} while (0)

static __always_inline void vm_grab_id_record(struct fields *f)
{
	__u32 pid = owner_of_pasid(f->v[0]);
	__u64 key = KEY_VMID(f->v[5], f->v[2], f->v[1]);
	RECORD_RING(vm_grab_id) * r;

	if (!pid) {
		disown(key); /* it goes from process to process */
		return;
	}
	own(key, pid);
	r = reserve(HOOK_vm_grab_id, sizeof(*r));
	if (!r)
		return;
	fill_head(&r->rec, HOOK_vm_grab_id, EV_vm_grab_id, sizeof(r->e));
	r->e.pid = pid;
	r->e.pasid = f->v[0];
	r->e.vmid = f->v[1];
	r->e.vm_hub = f->v[2];
	r->e.pd = f->v[3] >> 12;
	r->e.needs_flush = f->v[4];
	FILL_RING(r, f);
	SUBMIT(r);
}

AT_TRACEPOINT(vm_grab_id, amdgpu_vm_grab_id)

static __always_inline void vm_flush_raw(struct fields *f, struct bpf_raw_tracepoint_args *ctx)
{
	struct amdgpu_ring *ring = (void *)ctx->args[0];

	f->v[0] = (__u32)ctx->args[1];
	f->v[1] = hub_of(ring);
	f->v[2] = ctx->args[2];
	f->v[3] = (__u64)BPF_CORE_READ(ring, adev);
	f->text = name_of(ring);
}

static __always_inline void vm_flush_record(struct fields *f)
{
	__u32 pid = owner_of(KEY_VMID(f->v[3], f->v[1], f->v[0]));
	RECORD_RING(vm_flush) * r;

	if (!pid)
		return;
	r = reserve(HOOK_vm_flush, sizeof(*r));
	if (!r)
		return;
	fill_head(&r->rec, HOOK_vm_flush, EV_vm_flush, sizeof(r->e));
	r->e.pid = pid;
	r->e.vmid = f->v[0];
	r->e.vm_hub = f->v[1];
	r->e.pd = f->v[2] >> 12;
	FILL_RING(r, f);
	SUBMIT(r);
}

AT_TRACEPOINT(vm_flush, amdgpu_vm_flush)

/* ---- PASIDs ---- */

static __always_inline void record_pasid(enum hook hook, __u8 op, __u32 pasid, __u32 pid)
{
	RECORD(pasid) * r;

	if (!pid)
		return;
	r = reserve(hook, sizeof(*r));
	if (!r)
		return;
	fill_head(&r->rec, hook, EV_pasid, sizeof(r->e));
	r->e.pid = pid;
	r->e.op = op;
	r->e.pasid = pasid;
	SUBMIT(r);
}

static __always_inline void pasid_allocated_raw(struct fields *f,
						struct bpf_raw_tracepoint_args *ctx)
{
	f->v[0] = (__u32)ctx->args[0];
}

static __always_inline void pasid_allocated_record(struct fields *f)
{
	__u32 pid = current_pid();

	if (pid)
		own_pasid(f->v[0], pid);
	record_pasid(HOOK_pasid_allocated, PASID_OP_allocated, f->v[0], pid);
}

AT_TRACEPOINT(pasid_allocated, amdgpu_pasid_allocated)

static __always_inline void pasid_freed_raw(struct fields *f, struct bpf_raw_tracepoint_args *ctx)
{
	f->v[0] = (__u32)ctx->args[0];
}

static __always_inline void pasid_freed_record(struct fields *f)
{
	record_pasid(HOOK_pasid_freed, PASID_OP_freed, f->v[0], owner_of_pasid(f->v[0]));
	disown(KEY_PASID(f->v[0]));
}

AT_TRACEPOINT(pasid_freed, amdgpu_pasid_freed)

/* ---- KFD's buffers ---- */

static __always_inline void mem_alloc_enter(struct args *a)
{
	keep(HOOK_mem_alloc, a, current_pid());
}

static __always_inline void mem_alloc_leave(struct flight *f, __s64 ret)
{
	struct owner o = {
		.va = f->args[1], .size = f->args[2], .flags = (__u32)f->args[4], .pid = f->pid};
	struct kgd_mem *mem = 0;
	RECORD(kfd_mem_alloc) * r;
	__u64 key;

	if (!(__s32)ret)
		bpf_probe_read_kernel(&mem, sizeof(mem), (void *)f->args[3]);
	key = (__u64)mem;
	if (key && bpf_map_update_elem(&owners, &key, &o, BPF_ANY))
		__sync_fetch_and_add(&not_owned, 1);
	r = reserve(HOOK_mem_alloc, sizeof(*r));
	if (!r)
		return;
	fill_head(&r->rec, HOOK_mem_alloc, EV_kfd_mem_alloc, sizeof(r->e));
	r->e.pid = f->pid;
	r->e.begin_dt = since(f->ts, r->rec.head.timestamp);
	r->e.gpu = f->args[0];
	r->e.va = f->args[1];
	r->e.size_bytes = f->args[2];
	r->e.flags = f->args[4];
	r->e.mem = key;
	r->e.bo = 0;
	r->e.domain = 0;
	if (mem && bpf_core_field_exists(mem->bo)) {
		r->e.bo = (__u64)BPF_CORE_READ(mem, bo);
		r->e.domain = BPF_CORE_READ(mem, domain);
	}
	r->e.ret = (__s32)ret;
	SUBMIT(r);
}

AT_ENTRY(mem_alloc, amdgpu_amdkfd_gpuvm_alloc_memory_of_gpu)
AT_RETURN(mem_alloc, amdgpu_amdkfd_gpuvm_alloc_memory_of_gpu)

/* A kgd_mem is freed by a worker too, when its process has ended. */
static __always_inline void mem_enter(enum hook hook, struct args *a)
{
	struct kgd_mem *mem = (void *)a->v[1];
	__u64 key = a->v[1];
	struct owner *o = bpf_map_lookup_elem(&owners, &key);
	struct flight f = {.pid = o ? o->pid : current_pid()};

	_Static_assert(sizeof(*o) <= sizeof(f.arg), "what is known of it flies along");
	if (!f.pid) {
		crashed(hook);
		return;
	}
	/* At its return a freed one can no longer be read, and its address may be another's. */
	if (bpf_core_field_exists(mem->bo)) {
		a->v[2] = (__u64)BPF_CORE_READ(mem, bo);
		a->v[3] = BPF_CORE_READ(mem, mapped_to_gpu_memory);
	}
	__builtin_memcpy(f.args, a->v, sizeof(f.args));
	if (o)
		bpf_probe_read_kernel(f.arg, sizeof(*o), o);
	take_off(hook, &f);
	if (hook == HOOK_mem_free)
		disown(key);
}

static __always_inline void mem_leave(enum hook hook, __u8 op, struct flight *f, __s64 ret)
{
	struct kgd_mem *mem = (void *)f->args[1];
	RECORD(kfd_mem) * r;
	__u64 key = f->args[1];
	struct owner o = {};

	bpf_probe_read_kernel(&o, sizeof(o), f->arg);
	if (op == MEM_OP_free && (__s32)ret && o.pid)
		bpf_map_update_elem(&owners, &key, &o, BPF_ANY); /* it is still there */
	r = reserve(hook, sizeof(*r));
	if (!r)
		return;
	fill_head(&r->rec, hook, EV_kfd_mem, sizeof(r->e));
	r->e.pid = f->pid;
	r->e.begin_dt = since(f->ts, r->rec.head.timestamp);
	r->e.op = op;
	r->e.gpu = f->args[0];
	r->e.mem = key;
	r->e.bo = f->args[2];
	r->e.va = o.va;
	r->e.size_bytes = o.size;
	r->e.flags = o.flags;
	r->e.mapped = f->args[3];
	if (op != MEM_OP_free && bpf_core_field_exists(mem->mapped_to_gpu_memory))
		r->e.mapped = BPF_CORE_READ(mem, mapped_to_gpu_memory);
	r->e.ret = (__s32)ret;
	SUBMIT(r);
}

#define KFD_MEM(id, op, function)                                                                  \
	static __always_inline void id##_enter(struct args *a)                                     \
	{                                                                                          \
		mem_enter(HOOK_##id, a);                                                           \
	}                                                                                          \
	static __always_inline void id##_leave(struct flight *f, __s64 ret)                        \
	{                                                                                          \
		mem_leave(HOOK_##id, op, f, ret);                                                  \
	}                                                                                          \
	AT_ENTRY(id, function)                                                                     \
	AT_RETURN(id, function)

KFD_MEM(mem_map, MEM_OP_map, amdgpu_amdkfd_gpuvm_map_memory_to_gpu)
KFD_MEM(mem_unmap, MEM_OP_unmap, amdgpu_amdkfd_gpuvm_unmap_memory_from_gpu)
KFD_MEM(mem_free, MEM_OP_free, amdgpu_amdkfd_gpuvm_free_memory_of_gpu)

static __always_inline void userptr_evict_enter(struct args *a)
{
	struct kgd_mem *mem = (void *)a->v[0];
	__u64 key = a->v[0];
	struct owner *o = bpf_map_lookup_elem(&owners, &key);
	__u32 pid = o ? o->pid : current_pid();
	RECORD(userptr_evict) * r;

	if (!pid)
		return;
	r = reserve(HOOK_userptr_evict, sizeof(*r));
	if (!r)
		return;
	fill_head(&r->rec, HOOK_userptr_evict, EV_userptr_evict, sizeof(r->e));
	r->e.pid = pid;
	r->e.mem = key;
	r->e.bo = bpf_core_field_exists(mem->bo) ? (__u64)BPF_CORE_READ(mem, bo) : 0;
	r->e.va = bpf_core_field_exists(mem->va) ? BPF_CORE_READ(mem, va) : 0;
	r->e.size_bytes = o ? o->size : 0;
	SUBMIT(r);
}

AT_ENTRY(userptr_evict, amdgpu_amdkfd_evict_userptr)

#endif
