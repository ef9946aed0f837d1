/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel types our programs touch, no more fields than they read. preserve_access_index makes
 * every access a CO-RE relocation, so offsets come from the running kernel's BTF and these layouts
 * mean nothing.
 */
#ifndef RDNA1_VMLINUX_MIN_H
#define RDNA1_VMLINUX_MIN_H

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef signed char __s8;
typedef short __s16;
typedef int __s32;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
typedef _Bool bool;
typedef __u32 dev_t;
typedef int pid_t;

enum { false = 0, true = 1 };

enum bpf_map_type {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_RINGBUF = 27,
};
enum { BPF_ANY = 0, BPF_NOEXIST = 1, BPF_EXIST = 2 };
enum { BPF_F_NO_PREALLOC = 1, BPF_RB_NO_WAKEUP = 1, BPF_RB_FORCE_WAKEUP = 2 };

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct bpf_raw_tracepoint_args {
	__u64 args[0];
};

struct pt_regs {
	unsigned long r9, r8, ax, cx, dx, si, di, orig_ax, ip, sp;
};

typedef struct {
	int counter;
} atomic_t;

struct super_block {
	dev_t s_dev;
};

struct inode {
	dev_t i_rdev;
	struct super_block *i_sb;
	unsigned long i_ino;
};

struct qstr {
	const unsigned char *name;
};

struct dentry {
	struct qstr d_name;
};

struct path {
	struct dentry *dentry;
};

struct file {
	struct inode *f_inode;
	struct path f_path;
	void *private_data;
};

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
};

struct signal_struct {
	atomic_t live;
	int group_exit_code;
	unsigned int flags;
};

struct ns_common {
	unsigned int inum;
};

struct pid_namespace {
	struct ns_common ns;
};

struct upid {
	int nr;
	struct pid_namespace *ns;
};

struct pid {
	unsigned int level;
	struct upid numbers[1];
};

struct task_struct {
	pid_t pid;
	pid_t tgid;
	int exit_code;
	struct pid *thread_pid;
	struct task_struct *real_parent, *group_leader;
	struct files_struct *files;
	struct signal_struct *signal;
};

struct linux_binprm {
	const char *filename;
};

struct bpf_iter__task {
	struct task_struct *task;
};

struct bpf_iter__task_file {
	struct task_struct *task;
	struct file *file;
};

/* ---- drivers/gpu/drm: relocated against the modules' BTF, absent without it ---- */

struct drm_gem_object {
	unsigned long size;
};

struct ttm_resource {
	__u32 mem_type;
};

struct ttm_buffer_object {
	struct drm_gem_object base;
	struct ttm_resource *resource;
};

struct amdgpu_bo {
	__u32 preferred_domains;
	__u32 allowed_domains;
	struct ttm_buffer_object tbo;
	__u64 flags;
};

struct amdgpu_vm {
	unsigned int pasid;
};

struct amdgpu_vm_bo_base {
	struct amdgpu_vm *vm;
	struct amdgpu_bo *bo;
};

struct amdgpu_bo_va {
	struct amdgpu_vm_bo_base base;
};

struct amdgpu_bo_va_mapping {
	struct amdgpu_bo_va *bo_va;
	__u64 start;
	__u64 last;
	__u64 offset;
	__u64 flags;
};

/* Linux 6.15 and later: AMDGPU_VM_* flags. */
struct amdgpu_bo_va_mapping___short {
	__u32 flags;
};

struct amdgpu_device;

struct amdgpu_ring {
	struct amdgpu_device *adev;
	char name[16];
	unsigned int vm_hub;
};

/* Before Linux 6.4 the hub stands in the ring's functions. */
struct amdgpu_ring_funcs___old {
	unsigned int vmhub;
};

struct amdgpu_ring___old {
	const struct amdgpu_ring_funcs___old *funcs;
};

struct amdgpu_job {
	unsigned int vmid;
	__u64 vm_pd_addr;
	bool vm_needs_flush;
};

struct amdgpu_iv_entry {
	unsigned int client_id;
	unsigned int src_id;
	unsigned int ring_id;
	unsigned int vmid;
	unsigned int vmid_src;
	__u64 timestamp;
	unsigned int pasid;
	unsigned int src_data[4];
};

struct kgd_mem {
	struct amdgpu_bo *bo;
	__u32 domain;
	unsigned int mapped_to_gpu_memory;
	__u64 va;
	__u32 alloc_flags;
};

struct kfd_process_device {
	__u32 pasid; /* newer kernels: one for each GPU */
};

struct kfd_process {
	struct task_struct *lead_thread;
	__u32 pasid;
	struct kfd_process_device *pdds[1];
	__u32 n_pdds;
};

struct kfd_vm_fault_info {
	__u64 page_addr;
};

struct kfd_hsa_memory_exception_data {
	__u64 va;
};

enum kfd_queue_type { KFD_QUEUE_TYPE_COMPUTE };

struct queue_properties {
	enum kfd_queue_type type;
	__u64 queue_address;
	__u64 queue_size;
	__u32 priority;
	__u32 queue_percent;
	__u32 doorbell_off;
};

#pragma clang attribute pop

#endif
