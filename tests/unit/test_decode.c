// SPDX-License-Identifier: MIT
/* Decoder tables against the headers they were written from, and what they print. */
#include "t.h"
#include "../../usr/decode/drm.h"
#include "../../usr/decode/kfd.h"
#include "../../usr/decode/structs.h"
#include "../../usr/caps/caps.h"
#include "../../bpf/events.h"

#include <linux/kfd_ioctl.h>
#include <drm/amdgpu_drm.h>
#include <hsa/hsa.h>
#include <hsa/hsa_ext_amd.h>
#include <stddef.h>

/*
 * The tables hold what the headers of Linux 7.2 say. Where the system's are older (Debian 12: Linux
 * 6.1), what they lack is compared with what is written here.
 */
#if KFD_IOCTL_MINOR_VERSION < 23
struct kfd_create_queue_7 {
	__u64 ring_base_address, write_pointer_address, read_pointer_address, doorbell_offset;
	__u32 ring_size, gpu_id, queue_type, queue_percentage, queue_priority, queue_id;
	__u64 eop_buffer_address, eop_buffer_size, ctx_save_restore_address;
	__u32 ctx_save_restore_size, ctl_stack_size, sdma_engine_id, metadata_ring_size;
};
struct kfd_set_memory_policy_7 {
	__u64 alternate_aperture_base, alternate_aperture_size;
	__u32 gpu_id, default_policy, alternate_policy, misc_process_flag;
};
struct kfd_export_dmabuf_7 {
	__u64 handle;
	__u32 flags, dmabuf_fd;
};
struct kfd_runtime_enable_7 {
	__u64 r_debug;
	__u32 mode_mask, capabilities_mask;
};
struct kfd_dbg_trap_7 {
	__u32 pid, op;
	union {
		struct {
			__u64 exception_mask, rinfo_ptr;
			__u32 rinfo_size, dbg_fd;
		} enable;
		struct {
			__u64 exception_mask;
			__u32 gpu_id, queue_id;
		} send_runtime_event, query_debug_event;
		struct {
			__u64 exception_mask;
		} set_exceptions_enabled;
		struct {
			__u32 override_mode, enable_mask, support_request_mask, pad;
		} launch_override;
		struct {
			__u32 launch_mode, pad;
		} launch_mode;
		struct {
			__u64 exception_mask, queue_array_ptr;
			__u32 num_queues, grace_period;
		} suspend_queues;
		struct {
			__u64 queue_array_ptr;
			__u32 num_queues, pad;
		} resume_queues;
		struct {
			__u64 address;
			__u32 mode, mask, gpu_id, id;
		} set_node_address_watch;
		struct {
			__u32 gpu_id, id;
		} clear_node_address_watch;
		struct {
			__u32 flags, pad;
		} set_flags;
		struct {
			__u64 info_ptr;
			__u32 info_size, source_id, exception_code, clear_exception;
		} query_exception_info;
		struct {
			__u64 exception_mask, snapshot_buf_ptr;
			__u32 num_queues, entry_size;
		} queue_snapshot;
		struct {
			__u64 exception_mask, snapshot_buf_ptr;
			__u32 num_devices, entry_size;
		} device_snapshot;
	};
};
struct kfd_profiler_7 {
	__u32 op;
	union {
		struct {
			__u32 gpu_id, lock, perfcount_enable;
		} pmc;
		struct {
			__u32 gpu_id, enable;
		} ptl;
		__u32 version;
	};
};
struct kfd_runtime_info_7 {
	__u64 r_debug;
	__u32 runtime_state, ttmp_setup;
};
struct kfd_queue_snapshot_7 {
	__u64 exception_status, ring_base_address, write_pointer_address, read_pointer_address,
		ctx_save_restore_address;
	__u32 queue_id, gpu_id, ring_size, queue_type, ctx_save_restore_area_size, reserved;
};
struct kfd_device_info_7 {
	__u64 exception_status, lds_base, lds_limit, scratch_base, scratch_limit, gpuvm_base,
		gpuvm_limit;
	__u32 gpu_id, location_id, vendor_id, device_id, revision_id, subsystem_vendor_id,
		subsystem_device_id, fw_version, gfx_target_version, simd_count, max_waves_per_simd,
		array_count, simd_arrays_per_engine, num_xcc, capability, debug_prop;
};
#define kfd_ioctl_export_dmabuf_args kfd_export_dmabuf_7
#define kfd_ioctl_runtime_enable_args kfd_runtime_enable_7
#define kfd_ioctl_dbg_trap_args kfd_dbg_trap_7
#define kfd_ioctl_profiler_args kfd_profiler_7
#define kfd_runtime_info kfd_runtime_info_7
#define kfd_queue_snapshot_entry kfd_queue_snapshot_7
#define kfd_dbg_device_info_entry kfd_device_info_7
#define kfd_ioctl_create_queue_args kfd_create_queue_7
#define kfd_ioctl_set_memory_policy_args kfd_set_memory_policy_7
#endif
#ifndef AMDKFD_IOC_DBG_REGISTER /* until Linux 6.4 */
#define AMDKFD_IOC_DBG_REGISTER AMDKFD_IOC_DBG_REGISTER_DEPRECATED
#define AMDKFD_IOC_DBG_UNREGISTER AMDKFD_IOC_DBG_UNREGISTER_DEPRECATED
#define AMDKFD_IOC_DBG_ADDRESS_WATCH AMDKFD_IOC_DBG_ADDRESS_WATCH_DEPRECATED
#define AMDKFD_IOC_DBG_WAVE_CONTROL AMDKFD_IOC_DBG_WAVE_CONTROL_DEPRECATED
#endif
#ifndef AMDKFD_IOC_EXPORT_DMABUF
#define AMDKFD_IOC_EXPORT_DMABUF AMDKFD_IOWR(0x24, struct kfd_ioctl_export_dmabuf_args)
#endif
#ifndef AMDKFD_IOC_DBG_TRAP
#define AMDKFD_IOC_RUNTIME_ENABLE AMDKFD_IOWR(0x25, struct kfd_ioctl_runtime_enable_args)
#define AMDKFD_IOC_DBG_TRAP AMDKFD_IOWR(0x26, struct kfd_ioctl_dbg_trap_args)
#endif
#ifndef AMDKFD_IOC_CREATE_PROCESS
#define AMDKFD_IOC_CREATE_PROCESS AMDKFD_IO(0x27)
#endif
#ifndef AMDKFD_IOC_PROFILER
#define AMDKFD_IOC_PROFILER AMDKFD_IOWR(0x28, struct kfd_ioctl_profiler_args)
#endif

#ifndef DRM_AMDGPU_GEM_LIST_HANDLES
struct drm_gem_va_7 {
	__u32 handle, _pad, operation, flags;
	__u64 va_address, offset_in_bo, map_size, vm_timeline_point;
	__u32 vm_timeline_syncobj_out, num_syncobj_handles;
	__u64 input_fence_syncobj_handles;
};
struct drm_gem_op_7 {
	__u32 handle, op;
	__u64 value;
	__u32 num_entries, padding;
};
union drm_userq_7 {
	struct {
		__u32 op, queue_id, ip_type, doorbell_handle, doorbell_offset, flags;
		__u64 queue_va, queue_size, rptr_va, wptr_va, mqd, mqd_size;
	} in;
	struct {
		__u32 queue_id, pad;
	} out;
};
struct drm_userq_signal_7 {
	__u32 queue_id, pad;
	__u64 syncobj_handles;
	__u16 num_syncobj_handles, pad0;
	__u32 pad1;
	__u64 bo_read_handles, bo_write_handles;
	__u32 num_bo_read_handles, num_bo_write_handles;
};
struct drm_userq_wait_7 {
	__u32 waitq_id, pad;
	__u64 syncobj_handles, syncobj_timeline_handles, syncobj_timeline_points, bo_read_handles,
		bo_write_handles;
	__u16 num_syncobj_timeline_handles, num_fences, num_syncobj_handles, pad0;
	__u32 num_bo_read_handles, num_bo_write_handles;
	__u64 out_fences;
};
struct drm_gem_list_handles_7 {
	__u64 entries;
	__u32 num_entries, padding;
};
struct drm_gem_handle_7 {
	__u32 gem_handle, flags;
	__u64 size, preferred_domains, alloc_flags, alignment;
};
#define drm_amdgpu_userq drm_userq_7
#define drm_amdgpu_userq_signal drm_userq_signal_7
#define drm_amdgpu_userq_wait drm_userq_wait_7
#define drm_amdgpu_gem_list_handles drm_gem_list_handles_7
#define drm_amdgpu_gem_list_handles_entry drm_gem_handle_7
#define drm_amdgpu_gem_va drm_gem_va_7
#define drm_amdgpu_gem_op drm_gem_op_7
#endif
#ifndef DRM_IOCTL_AMDGPU_USERQ
#define DRM_IOCTL_AMDGPU_USERQ DRM_IOWR(0x56, union drm_amdgpu_userq)
#define DRM_IOCTL_AMDGPU_USERQ_SIGNAL DRM_IOWR(0x57, struct drm_amdgpu_userq_signal)
#define DRM_IOCTL_AMDGPU_USERQ_WAIT DRM_IOWR(0x58, struct drm_amdgpu_userq_wait)
#endif
#ifndef DRM_IOCTL_AMDGPU_GEM_LIST_HANDLES
#define DRM_IOCTL_AMDGPU_GEM_LIST_HANDLES DRM_IOWR(0x59, struct drm_amdgpu_gem_list_handles)
#endif
#ifndef DRM_IOCTL_SYNCOBJ_EVENTFD
#define DRM_IOCTL_SYNCOBJ_EVENTFD DRM_IO(0xcf)
#endif
#ifndef DRM_IOCTL_MODE_CLOSEFB
#define DRM_IOCTL_MODE_CLOSEFB DRM_IO(0xd0)
#endif
#ifndef DRM_IOCTL_SET_CLIENT_NAME
#define DRM_IOCTL_SET_CLIENT_NAME DRM_IO(0xd1)
#endif
#ifndef DRM_IOCTL_GEM_CHANGE_HANDLE
#define DRM_IOCTL_GEM_CHANGE_HANDLE DRM_IO(0xd2)
#endif

/* ---- rows against structs ---- */

#define ARGS_GET_VERSION struct kfd_ioctl_get_version_args
#define ARGS_CREATE_QUEUE struct kfd_ioctl_create_queue_args
#define ARGS_DESTROY_QUEUE struct kfd_ioctl_destroy_queue_args
#define ARGS_SET_MEMORY_POLICY struct kfd_ioctl_set_memory_policy_args
#define ARGS_GET_CLOCK_COUNTERS struct kfd_ioctl_get_clock_counters_args
#define ARGS_GET_PROCESS_APERTURES struct kfd_ioctl_get_process_apertures_args
#define ARGS_UPDATE_QUEUE struct kfd_ioctl_update_queue_args
#define ARGS_CREATE_EVENT struct kfd_ioctl_create_event_args
#define ARGS_DESTROY_EVENT struct kfd_ioctl_destroy_event_args
#define ARGS_SET_EVENT struct kfd_ioctl_set_event_args
#define ARGS_RESET_EVENT struct kfd_ioctl_reset_event_args
#define ARGS_WAIT_EVENTS struct kfd_ioctl_wait_events_args
#define ARGS_DBG_REGISTER struct kfd_ioctl_dbg_register_args
#define ARGS_DBG_UNREGISTER struct kfd_ioctl_dbg_unregister_args
#define ARGS_DBG_ADDRESS_WATCH struct kfd_ioctl_dbg_address_watch_args
#define ARGS_DBG_WAVE_CONTROL struct kfd_ioctl_dbg_wave_control_args
#define ARGS_SET_SCRATCH_BACKING_VA struct kfd_ioctl_set_scratch_backing_va_args
#define ARGS_GET_TILE_CONFIG struct kfd_ioctl_get_tile_config_args
#define ARGS_SET_TRAP_HANDLER struct kfd_ioctl_set_trap_handler_args
#define ARGS_GET_PROCESS_APERTURES_NEW struct kfd_ioctl_get_process_apertures_new_args
#define ARGS_ACQUIRE_VM struct kfd_ioctl_acquire_vm_args
#define ARGS_ALLOC_MEMORY_OF_GPU struct kfd_ioctl_alloc_memory_of_gpu_args
#define ARGS_FREE_MEMORY_OF_GPU struct kfd_ioctl_free_memory_of_gpu_args
#define ARGS_MAP_MEMORY_TO_GPU struct kfd_ioctl_map_memory_to_gpu_args
#define ARGS_UNMAP_MEMORY_FROM_GPU struct kfd_ioctl_unmap_memory_from_gpu_args
#define ARGS_SET_CU_MASK struct kfd_ioctl_set_cu_mask_args
#define ARGS_GET_QUEUE_WAVE_STATE struct kfd_ioctl_get_queue_wave_state_args
#define ARGS_GET_DMABUF_INFO struct kfd_ioctl_get_dmabuf_info_args
#define ARGS_IMPORT_DMABUF struct kfd_ioctl_import_dmabuf_args
#define ARGS_ALLOC_QUEUE_GWS struct kfd_ioctl_alloc_queue_gws_args
#define ARGS_SMI_EVENTS struct kfd_ioctl_smi_events_args
#define ARGS_SVM struct kfd_ioctl_svm_args
#define ARGS_SET_XNACK_MODE struct kfd_ioctl_set_xnack_mode_args
#define ARGS_CRIU_OP struct kfd_ioctl_criu_args
#define ARGS_AVAILABLE_MEMORY struct kfd_ioctl_get_available_memory_args
#define ARGS_EXPORT_DMABUF struct kfd_ioctl_export_dmabuf_args
#define ARGS_RUNTIME_ENABLE struct kfd_ioctl_runtime_enable_args
#define ARGS_DBG_TRAP struct kfd_ioctl_dbg_trap_args
#define ARGS_CREATE_PROCESS                                                                        \
	struct {                                                                                   \
	}
#define ARGS_PROFILER struct kfd_ioctl_profiler_args

#define ARGS_GEM_CLOSE struct drm_gem_close
#define ARGS_GET_CAP struct drm_get_cap
#define ARGS_PRIME_HANDLE_TO_FD struct drm_prime_handle
#define ARGS_PRIME_FD_TO_HANDLE struct drm_prime_handle
#define ARGS_AMDGPU_GEM_CREATE union drm_amdgpu_gem_create
#define ARGS_AMDGPU_GEM_MMAP union drm_amdgpu_gem_mmap
#define ARGS_AMDGPU_CTX union drm_amdgpu_ctx
#define ARGS_AMDGPU_BO_LIST union drm_amdgpu_bo_list
#define ARGS_AMDGPU_CS union drm_amdgpu_cs
#define ARGS_AMDGPU_INFO struct drm_amdgpu_info
#define ARGS_AMDGPU_GEM_METADATA struct drm_amdgpu_gem_metadata
#define ARGS_AMDGPU_GEM_WAIT_IDLE union drm_amdgpu_gem_wait_idle
#define ARGS_AMDGPU_GEM_VA struct drm_amdgpu_gem_va
#define ARGS_AMDGPU_WAIT_CS union drm_amdgpu_wait_cs
#define ARGS_AMDGPU_GEM_OP struct drm_amdgpu_gem_op
#define ARGS_AMDGPU_GEM_USERPTR struct drm_amdgpu_gem_userptr
#define ARGS_AMDGPU_WAIT_FENCES union drm_amdgpu_wait_fences
#define ARGS_AMDGPU_VM union drm_amdgpu_vm
#define ARGS_AMDGPU_FENCE_TO_HANDLE union drm_amdgpu_fence_to_handle
#define ARGS_AMDGPU_SCHED union drm_amdgpu_sched
#define ARGS_AMDGPU_USERQ union drm_amdgpu_userq
#define ARGS_AMDGPU_USERQ_SIGNAL struct drm_amdgpu_userq_signal
#define ARGS_AMDGPU_USERQ_WAIT struct drm_amdgpu_userq_wait
#define ARGS_AMDGPU_GEM_LIST_HANDLES struct drm_amdgpu_gem_list_handles

#define TYPE_SIZE_u8 1
#define TYPE_SIZE_u16 2
#define TYPE_SIZE_u32 4
#define TYPE_SIZE_u64 8
#define TYPE_SIZE_s32 4

/* A member of args is where its row says, and as large. */
#define ROW_IS(member, offset_, type)                                                              \
	do {                                                                                       \
		CHECK_EQ(offsetof(args, member), offset_);                                         \
		CHECK_EQ(sizeof(((args *)0)->member), TYPE_SIZE_##type);                           \
	} while (0);

static void test_kfd_rows(void)
{
#define KFD_CMD(nr_, name_, size_)                                                                 \
	{                                                                                          \
		typedef ARGS_##name_ args;                                                         \
                                                                                                   \
		CHECK_EQ(_IOC_NR(AMDKFD_IOC_##name_), nr_);                                        \
		CHECK_EQ(sizeof(args), size_);                                                     \
		CHECK(kfd_cmd__find(AMDKFD_IOC_##name_) &&                                         \
		      !strcmp(kfd_cmd__find(AMDKFD_IOC_##name_)->name, #name_));
#define KFD_ARRAY(slot, ptr, count, elem)
#define KFD_FIELD(name, offset, type, print) ROW_IS(name, offset, type)
#define KFD_CASE(value, member, offset, type, print) ROW_IS(member, offset, type)
#define KFD_END() }
#include "../../bpf/kfd_cmds.def"

	CHECK_EQ(kfd_cmd__find(AMDKFD_IOC_WAIT_EVENTS)->array[0].elem,
		 sizeof(struct kfd_event_data));
	CHECK_EQ(kfd_cmd__find(AMDKFD_IOC_GET_PROCESS_APERTURES_NEW)->array[0].elem,
		 sizeof(struct kfd_process_device_apertures));
	CHECK_EQ(kfd_cmd__find(AMDKFD_IOC_CRIU_OP)->array[0].elem,
		 sizeof(struct kfd_criu_device_bucket));
	CHECK_EQ(kfd_cmd__find(AMDKFD_IOC_CRIU_OP)->array[1].elem,
		 sizeof(struct kfd_criu_bo_bucket));
	CHECK(!kfd_cmd__find(0xc0285482)); /* another type byte */
	CHECK(!kfd_cmd__find(0xc0284b82)); /* a number nobody uses upstream */
}

static void test_drm_rows(void)
{
#define DRM_CMD(nr_, name_, size_)                                                                 \
	{                                                                                          \
		typedef ARGS_##name_ args;                                                         \
                                                                                                   \
		CHECK_EQ(_IOC_NR(DRM_IOCTL_##name_), nr_);                                         \
		CHECK_EQ(sizeof(args), size_);                                                     \
		CHECK(drm_cmd__find(DRM_IOCTL_##name_) &&                                          \
		      !strcmp(drm_cmd__find(DRM_IOCTL_##name_)->name, #name_));
#define DRM_ARRAY(slot, ptr, count, elem)
#define DRM_FIELD(name, offset, type, print) ROW_IS(name, offset, type)
#define DRM_IN(member, offset, type, print) ROW_IS(member, offset, type)
#define DRM_OUT(member, offset, type, print) ROW_IS(member, offset, type)
#define DRM_CASE(value, member, offset, type, print) ROW_IS(member, offset, type)
#define DRM_END() }
#define DRM_CORE(nr, name) CHECK_EQ(_IOC_NR(DRM_IOCTL_##name), nr);
#include "../../bpf/drm_cmds.def"

	CHECK_EQ(drm_cmd__find(DRM_IOCTL_AMDGPU_BO_LIST)->array[0].elem,
		 sizeof(struct drm_amdgpu_bo_list_entry));
	CHECK_EQ(drm_cmd__find(DRM_IOCTL_AMDGPU_WAIT_FENCES)->array[0].elem,
		 sizeof(struct drm_amdgpu_fence));
	CHECK(!drm_cmd__find(AMDKFD_IOC_GET_VERSION));
}

/* kgd_kfd_interface.h, which no package has. */
struct kfd_vm_fault_info {
	uint64_t page_addr;
	uint32_t vmid, mc_id, status;
	bool prot_valid, prot_read, prot_write, prot_exec;
};

static void test_structs(void)
{
#define STRUCT(name, type, size)                                                                   \
	{                                                                                          \
		typedef struct type args;                                                          \
                                                                                                   \
		CHECK(sizeof(args) >= (size));
#define FIELD(member, offset, type, print) ROW_IS(member, offset, type)
#define END() }
#include "../../usr/decode/structs.def"
}

static void test_values(void)
{
#define VALUES(table)
/* A static: some of the headers' values are 1 << 31, which must not be worked out at run time. */
#define VALUE(prefix, name, value)                                                                 \
	{                                                                                          \
		static const uint32_t theirs = (uint32_t)(prefix##name);                           \
                                                                                                   \
		CHECK_EQ(theirs, (uint32_t)(value));                                               \
	}
#if KFD_IOCTL_MINOR_VERSION >= 23 && defined(DRM_AMDGPU_GEM_LIST_HANDLES)
#define LATER(prefix, name, value) VALUE(prefix, name, value)
#else
#define LATER(prefix, name, value)
#endif
#define END_VALUES()
#include "../../usr/decode/uapi_values.def"
}

static void test_hsa_values(void)
{
	enum { HSA_AMD_MEMORY_POOL_GLOBAL_FLAG_EXTENDED_SCOPE_FINE_GRAINED = 8 }; /* ROCr 6 */
#define HSA_STATUS_ROW(name, value) CHECK_EQ(HSA_STATUS_##name, value);
#define HSA_DEVICE_ROW(name, value) CHECK_EQ(HSA_DEVICE_TYPE_##name, value);
#define HSA_SEGMENT_ROW(name, value) CHECK_EQ(HSA_AMD_SEGMENT_##name, value);
#define HSA_POOL_FLAG_ROW(name, value) CHECK_EQ(HSA_AMD_MEMORY_POOL_GLOBAL_FLAG_##name, value);
#define HSA_FAULT_ROW(name, value) CHECK_EQ((uint32_t)HSA_AMD_MEMORY_FAULT_##name, value);
#include "../../usr/decode/hsa_values.def"
}

/* ---- what is printed ---- */

static void expect(enum print_kind kind, uint64_t value, bool is_signed, const char *want)
{
	struct buf b = {0};

	print_value(&b, kind, value, is_signed);
	CHECK_STR(buf__str(&b), want);
	buf__free(&b);
}

static void expect_kfd(uint32_t cmd, const void *arg, size_t len, const char *want)
{
	struct buf b = {0};

	kfd_print_arg(&b, cmd, arg, len);
	CHECK_STR(buf__str(&b), want);
	buf__free(&b);
}

static void expect_drm(uint32_t cmd, int64_t ret, const void *arg, size_t len, const char *want)
{
	struct buf b = {0};

	drm_print_arg(&b, cmd, ret, arg, len);
	CHECK_STR(buf__str(&b), want);
	buf__free(&b);
}

static void expect_array(uint32_t cmd, const void *arg, size_t arg_len, unsigned int slot,
			 const void *data, size_t len, const char *want)
{
	struct buf b = {0};

	if (IOC_TYPE(cmd) == 'K')
		kfd_print_array(&b, cmd, arg, arg_len, slot, data, len);
	else
		drm_print_array(&b, cmd, slot, data, len);
	CHECK_STR(buf__str(&b), want);
	buf__free(&b);
}

static void test_print_values(void)
{
	expect(PRINT_KFD_ALLOC_FLAGS, 0xd0000001, false,
	       "VRAM|NO_SUBSTITUTE|EXECUTABLE|WRITABLE (0xd0000001)");
	expect(PRINT_KFD_ALLOC_FLAGS, 0x401, false, "VRAM|0x400 (0x401)");
	expect(PRINT_KFD_ALLOC_FLAGS, 0, false, "0");
	expect(PRINT_KFD_ALLOC_FLAGS, 0x1800002, false, "GTT|CONTIGUOUS|EXT_COHERENT (0x1800002)");
	expect(PRINT_ERRNO, (uint64_t)-22, true, "-22 (EINVAL)");
	expect(PRINT_ERRNO, (uint64_t)-512, true, "-512 (ERESTARTSYS)");
	expect(PRINT_ERRNO, (uint64_t)-517, true, "-517 (EPROBE_DEFER)");
	expect(PRINT_ERRNO, (uint64_t)-520, true, "-520");
	expect(PRINT_ERRNO, (uint64_t)-524, true, "-524 (ENOTSUPP)");
	expect(PRINT_ERRNO, (uint64_t)-531, true, "-531 (ENOGRACE)");
	expect(PRINT_ERRNO, (uint64_t)INT64_MIN, true, "-9223372036854775808");
	expect(PRINT_ERRNO, 5, true, "5");
	expect(PRINT_HSA_STATUS, 0x29, false, "HSA_STATUS_ERROR_MEMORY_APERTURE_VIOLATION (0x29)");
	expect(PRINT_HSA_STATUS, 0x77, false, "0x77");
	expect(PRINT_AMDGPU_EFLAGS, 0x133, false, "gfx1010 (0x133)");
	expect(PRINT_AMDGPU_EFLAGS, 0x36, false, "gfx1030 (0x36)");
	expect(PRINT_AMDGPU_EFLAGS, 0xff, false, "0xff");
	expect(PRINT_PTE_GFX10, 3ull << 48 | 0x77, false,
	       "UC|VALID|SYSTEM|SNOOPED|EXECUTABLE|READABLE|WRITEABLE (0x3000000000077)");
	expect(PRINT_SIZE, 2 << 20, false, "2097152 (2 MiB)");
	expect(PRINT_SIZE, 1000, false, "1000");
	expect(PRINT_NS, 12345, false, "12345 (12.3us)");
	expect(PRINT_STATUS, 0x0600, true, "exited with 6 (0x600)");
	expect(PRINT_STATUS, 6, true, "killed by signal 6 (0x6)");
	expect(PRINT_POOL_FLAGS, 6, false, "FINE_GRAINED|COARSE_GRAINED (0x6)");
	expect(PRINT_CAUSE, LOSS_ring_full, false, "ring full (1)");
	expect(PRINT_KFD_CMD, AMDKFD_IOC_GET_VERSION, false, "AMDKFD_IOC_GET_VERSION (0x80084b01)");
	expect(PRINT_KFD_TIMEOUT, UINT32_MAX, false, "INFINITE (0xffffffff)");
	expect(PRINT_KFD_TIMEOUT, 1000, false, "1000");
	expect(PRINT_KFD_QUEUE_PERCENTAGE, 100, false, "100");
	expect(PRINT_KFD_QUEUE_PERCENTAGE, 0x264, false, "100|pm4_target_xcc=2 (0x264)");
	expect(PRINT_KFD_EXCEPTION_MASK, 1ull << 5 | 1ull << 62, false,
	       "QUEUE_WAVE_APERTURE_VIOLATION|0x4000000000000000 (0x4000000000000020)");
	expect(PRINT_KFD_EXCEPTION_MASK, 0, false, "0");
	expect(PRINT_KFD_EVICT_TRIGGER, 1, false, "TRIGGER_USERPTR (1)");
	/* kfd_chardev.c: type, 16 bits of gpu_id, offset in the process's doorbells */
	expect(PRINT_KFD_DOORBELL, 3ull << 62 | 0x8ae2ull << 46 | 0x1018, false,
	       "DOORBELL|gpu_id=0x8ae2|0x1018 (0xe2b8800000001018), doorbell_id=515");
	expect(PRINT_KFD_DOORBELL, 0, false, "0");
	expect(PRINT_KFD_MMAP, 2ull << 62, false, "EVENTS (0x8000000000000000)");
	expect(PRINT_KFD_MMAP, 0x1234ull << 46, false, "MMIO|gpu_id=0x1234 (0x48d000000000000)");
	expect(PRINT_KFD_MMAP, 1ull << 62 | 0x1234ull << 46, false,
	       "RESERVED_MEM|gpu_id=0x1234 (0x448d000000000000)");
	expect(PRINT_KFD_MMAP, 0x7f0000200000, false, "0x7f0000200000");
	CHECK_EQ(kfd_doorbell_id(3ull << 62 | 0x8ae2ull << 46 | 0x1ff8), 1023);
	CHECK_EQ(kfd_doorbell_id(0x2000), 0);

	expect(PRINT_DRM_CMD, DRM_IOCTL_AMDGPU_CS, false, "DRM_IOCTL_AMDGPU_CS (0xc0186444)");
	expect(PRINT_DRM_CTX_PRIORITY, (uint64_t)-512, true, "LOW (-512)");
	expect(PRINT_DRM_TIMEOUT, UINT64_MAX, false, "INFINITE (0xffffffffffffffff)");
	expect(PRINT_GEM_DOMAIN, 0x46, false, "GTT|VRAM|DOORBELL (0x46)");
	expect(PRINT_GEM_FLAGS, 0x6001, false, "CPU_ACCESS_REQUIRED|COHERENT|UNCACHED (0x6001)");
	expect(PRINT_TTM_PLACE, 1, false, "GTT (1)");
	expect(PRINT_TTM_PLACE, 8, false, "MMIO_REMAP (8)");
	expect(PRINT_TTM_PLACE, 9, false, "9");
	expect(PRINT_VM_FLAGS, 0x8e, false,
	       "PAGE_READABLE|PAGE_WRITEABLE|PAGE_EXECUTABLE|MTYPE_UC (0x8e)");
	expect(PRINT_VM_FLAGS, 0x60, false, "MTYPE_CC (0x60)");
	expect(PRINT_VM_FLAGS, 0x1e0, false, "0x1e0 (0x1e0)");
	expect(PRINT_VM_FLAGS, 0x207, false,
	       "DELAY_UPDATE|PAGE_READABLE|PAGE_WRITEABLE|PAGE_NOALLOC (0x207)");
	expect(PRINT_VM_FLAGS, 0, false, "0");
	expect(PRINT_FLAG_KIND, 1, false, "PTE (1)");
	expect(PRINT_FLAG_KIND, 2, false, "AMDGPU_VM (2)");
	expect(PRINT_IV_CLIENT, 0x1b, false, "UTCL2 (0x1b)");
	expect(PRINT_IV_CLIENT, 0x77, false, "0x77");
	expect(PRINT_IV_SRC, 239, false, "SQ_INTERRUPT_ID (239)");
	expect(PRINT_IV_SRC, 0, false, "0");
	/* not present, TCP, write, VMID 8: a store to an address that is not mapped */
	expect(PRINT_GCVM_L2_STATUS, 0x00841051, false,
	       "TCP write, not valid|not writeable, MORE_FAULTS, VMID=8 (0x841051)");
	expect(PRINT_GCVM_L2_STATUS, 0, false, "0");
	expect(PRINT_ORD_BO, 3, false, "bo#3");
	expect(PRINT_ORD_VM, 1, false, "vm#1");
	expect(PRINT_ORD_MEM, 2, false, "mem#2");
	expect(PRINT_ORD_GPU, 1, false, "gpu#1");
	expect(PRINT_ORD_PAGE, 17, false, "page#17");
	expect(PRINT_ORD_BO, 0, false, "-");
	expect(PRINT_FD, (uint64_t)-1, true, "not known");
	expect(PRINT_FD, 7, true, "7");
	expect(PRINT_QUEUE_OP, 3, false, "destroy (3)");
	expect(PRINT_MEM_OP, 2, false, "unmap (2)");
	expect(PRINT_EVICT_OP, 3, false, "evict by pasid (3)");
	expect(PRINT_PASID_OP, 1, false, "allocated (1)");
}

static void test_print_kfd(void)
{
	struct buf b = {0};
	struct kfd_ioctl_alloc_memory_of_gpu_args a = {.va_addr = 0x7f0000200000,
						       .size = 2 << 20,
						       .handle = 3,
						       .gpu_id = 0x1234,
						       .flags = 0xd0000001};
	struct kfd_ioctl_get_process_apertures_args old = {.num_of_nodes = 9};
	struct kfd_event_data ev[6] = {
		{.event_id = 4},
		{.event_id = 5,
		 .memory_exception_data = {.failure = {.NotPresent = 1, .imprecise = 1},
					   .va = 0x1000,
					   .gpu_id = 0x1234}},
		{.event_id = 6,
		 .hw_exception_data =
			 {.reset_type = 1, .reset_cause = 1, .memory_lost = 1, .gpu_id = 7}},
		/* last_event_age, which Linux 6.1 does not have */
		{.event_id = 7, .memory_exception_data = {.failure = {.NotPresent = 9}}},
		{.event_id = 8, .memory_exception_data = {.va = 1}},
		{.event_id = 9, .kfd_event_data_ext = 0x10}};
	const uint32_t svm[] = {0x200000, 0x7f00,     0x1000, 0,      0, 9, 5, 3,    0,	 0,
				1,	  0xffffffff, 2,      0x1234, 7, 9, 6, 0x80, 77, 1};
	const uint32_t suspend[] = {1, 6, 0x20, 0, 0x5000, 0, 2, 100};
	const uint32_t odd[] = {1, 99, 0xab, 0, 0, 0, 0, 0}, off[] = {1, 1, 0, 0, 0, 0, 0, 0};
	const uint32_t snapshot[] = {1, 14, 0, 0, 0x5000, 0, 1, 128};
	const uint32_t info[] = {1, 12, 0x5000, 0, 32, 0x1234, 33, 0};
	const uint32_t queues[] = {1, 1u << 31 | 2, 1u << 30 | 3};
	const uint32_t fault[] = {1, 0, 0, 0, 0x1000, 0, 0x1234, 2};
	const uint32_t criu[] = {0x1234, 0x1234, 5, 0};
	uint8_t device[128] = {0};
	uint64_t value;

	kfd_print_arg(&b, AMDKFD_IOC_ALLOC_MEMORY_OF_GPU, (uint8_t *)&a, sizeof(a));
	CHECK_STR(buf__str(&b),
		  "{va_addr=0x7f0000200000, size=2097152 (2 MiB), handle=0x3, mmap_offset=0, "
		  "gpu_id=0x1234, flags=VRAM|NO_SUBSTITUTE|EXECUTABLE|WRITABLE (0xd0000001)}");
	/* an older, shorter struct: the tail is absent; a newer, longer one: the rest is raw */
	expect_kfd(AMDKFD_IOC_FREE_MEMORY_OF_GPU, (uint8_t[]){1, 0, 0, 0}, 4, "{}");
	expect_kfd(AMDKFD_IOC_SET_XNACK_MODE, (uint8_t[]){255, 255, 255, 255, 0xab}, 5,
		   "{xnack_enabled=-1, +ab}");
	expect_kfd(0xc0284bf2, (uint8_t[]){1, 2}, 2, "{0102}");
	expect_kfd(AMDKFD_IOC_CREATE_PROCESS, NULL, 0, "{}");
	buf__reset(&b);
	kfd_print_cmd(&b, 0xc0284b82);
	CHECK_STR(buf__str(&b), "AMDKFD_IOC_DBG_TRAP");
	buf__reset(&b);
	kfd_print_cmd(&b, 0xc0284bf2);
	CHECK_STR(buf__str(&b), "_IOC(0x4b, 0xf2, 40)");
	CHECK(kfd_arg_get(AMDKFD_IOC_ALLOC_MEMORY_OF_GPU, (uint8_t *)&a, sizeof(a), "size",
			  &value));
	CHECK_EQ(value, 2 << 20);
	CHECK(!kfd_arg_get(AMDKFD_IOC_ALLOC_MEMORY_OF_GPU, (uint8_t *)&a, 8, "size", &value));

	/* attributes behind the struct: nattr says 9, 7 were recorded; the type says what the value
	 * is */
	expect_kfd(
		_IOWR('K', 0x20, uint8_t[80]), svm, sizeof(svm),
		"{start_addr=0x7f0000200000, size=4096 (4 KiB), op=SET_ATTR (0), nattr=9, "
		"attrs=[SET_FLAGS (5)=HOST_ACCESS|COHERENT (0x3), PREFERRED_LOC (0)=SYSMEM (0x0), "
		"PREFETCH_LOC (1)=UNDEFINED (0xffffffff), ACCESS (2)=0x1234, GRANULARITY (7)=9, "
		"CLR_FLAGS (6)=EXT_COHERENT (0x80), 77=0x1]}");
	/* of the seven entries in the struct as many as were filled, and never more than seven */
	old.process_apertures[6].gpu_id = 7;
	kfd_print_arg(&b, AMDKFD_IOC_GET_PROCESS_APERTURES, (uint8_t *)&old, sizeof(old));
	CHECK(strstr(buf__str(&b), "num_of_nodes=9, process_apertures=[{gpu_id=0x0, lds=0x0-0x0,"));
	CHECK(strstr(buf__str(&b), "{gpu_id=0x7, lds=0x0-0x0, scratch=0x0-0x0, gpuvm=0x0-0x0}]}"));

	/* the union's member is the one that op names */
	expect_kfd(AMDKFD_IOC_DBG_TRAP, suspend, sizeof(suspend),
		   "{pid=1, op=SUSPEND_QUEUES (6), suspend_queues.exception_mask="
		   "QUEUE_WAVE_APERTURE_VIOLATION (0x20), suspend_queues.queue_array_ptr=0x5000, "
		   "suspend_queues.num_queues=2, suspend_queues.grace_period=100}");
	expect_kfd(AMDKFD_IOC_DBG_TRAP, odd, sizeof(odd),
		   "{pid=1, op=99, +ab0000000000000000000000000000000000000000000000}");
	expect_kfd(AMDKFD_IOC_DBG_TRAP, off, sizeof(off), "{pid=1, op=DISABLE (1)}");
	CHECK(kfd_arg_get(AMDKFD_IOC_DBG_TRAP, (uint8_t *)suspend, sizeof(suspend),
			  "suspend_queues.num_queues", &value));
	CHECK(!kfd_arg_get(AMDKFD_IOC_DBG_TRAP, (uint8_t *)suspend, sizeof(suspend),
			   "enable.dbg_fd", &value));
	expect_array(AMDKFD_IOC_DBG_TRAP, suspend, sizeof(suspend), 0, queues, sizeof(queues),
		     "[1, 2|INVALID, 3|ERROR]");
	expect_array(
		AMDKFD_IOC_DBG_TRAP, info, sizeof(info), 0, fault, sizeof(fault),
		"[{failure.NotPresent=1, failure.ReadOnly=0, failure.NoExecute=0, "
		"failure.imprecise=0, va=0x1000, gpu_id=0x1234, ErrorType=POISON_CONSUMED (2)}]");
	expect_array(AMDKFD_IOC_DBG_TRAP, odd, sizeof(odd), 0, queues, 4, "01000000");
	buf__reset(&b);
	device[56] = 7;
	kfd_print_array(&b, AMDKFD_IOC_DBG_TRAP, (uint8_t *)snapshot, sizeof(snapshot), 0, device,
			sizeof(device));
	CHECK(strstr(buf__str(&b), "gpuvm_limit=0, gpu_id=0x7, location_id=0"));

	/* an event's data by what is in it: its type is known to CREATE_EVENT only */
	expect_array(
		AMDKFD_IOC_WAIT_EVENTS, NULL, 0, 0, ev, sizeof(ev),
		"[{event_id=4}, {event_id=5, memory_exception={va=0x1000, gpu_id=0x1234, "
		"NotPresent, imprecise}}, {event_id=6, hw_exception={reset_type=PER_ENGINE_RESET "
		"(1), reset_cause=ECC (1), memory_lost=1, gpu_id=0x7}}, {event_id=7, "
		"last_event_age=9}, {event_id=8, "
		"raw=0000000000000000000000000000000001000000000000000000000000000000}, "
		"{event_id=9, kfd_event_data_ext=0x10}]");
	expect_array(AMDKFD_IOC_WAIT_EVENTS, NULL, 0, 0, ev, 50, "[{event_id=4}, +0100]");
	expect_array(AMDKFD_IOC_CRIU_OP, NULL, 0, 0, criu, sizeof(criu),
		     "[{user_gpu_id=0x1234, actual_gpu_id=0x1234, drm_fd=5}]");
	expect_array(AMDKFD_IOC_MAP_MEMORY_TO_GPU, NULL, 0, 0, criu, 8, "[0x1234, 0x1234]");
	expect_array(AMDKFD_IOC_GET_DMABUF_INFO, NULL, 0, 0, criu, 4, "34120000");
	expect_array(0xc0284bf2, NULL, 0, 0, criu, 4, "34120000");
	buf__free(&b);
}

static void test_print_drm(void)
{
	union drm_amdgpu_gem_create create = {.in = {.bo_size = 1 << 20,
						     .alignment = 4096,
						     .domains = AMDGPU_GEM_DOMAIN_VRAM,
						     .domain_flags = 1}};
	struct drm_amdgpu_gem_va va = {.handle = 1,
				       .operation = AMDGPU_VA_OP_MAP,
				       .flags = 0x8e,
				       .va_address = 0x100000000,
				       .map_size = 1 << 20};
	union drm_amdgpu_cs cs = {.in = {.ctx_id = 1, .num_chunks = 2, .chunks = 0x5000}};
	struct drm_amdgpu_info info = {.return_pointer = 0x5000,
				       .return_size = 16,
				       .query = AMDGPU_INFO_FW_VERSION,
				       .query_fw = {.fw_type = AMDGPU_INFO_FW_GFX_MEC}};
	struct drm_amdgpu_bo_list_entry entry = {3, 1};
	struct buf b = {0};
	uint64_t value;

	/* what was asked while the call had not succeeded, the answer after it */
	expect_drm(DRM_IOCTL_AMDGPU_GEM_CREATE, -12, &create, sizeof(create),
		   "{in.bo_size=1048576 (1 MiB), in.alignment=4096 (4 KiB), in.domains=VRAM (0x4), "
		   "in.domain_flags=CPU_ACCESS_REQUIRED (0x1)}");
	create = (union drm_amdgpu_gem_create){.out = {.handle = 7}};
	expect_drm(DRM_IOCTL_AMDGPU_GEM_CREATE, 0, &create, sizeof(create), "{out.handle=7}");
	CHECK(drm_arg_get(DRM_IOCTL_AMDGPU_GEM_CREATE, 0, (uint8_t *)&create, sizeof(create),
			  "out.handle", &value));
	CHECK_EQ(value, 7);
	CHECK(!drm_arg_get(DRM_IOCTL_AMDGPU_GEM_CREATE, -1, (uint8_t *)&create, sizeof(create),
			   "out.handle", &value));
	expect_drm(
		_IOW('d', 0x48, uint8_t[40]), 0, &va, 40,
		"{handle=1, operation=MAP (1), flags=PAGE_READABLE|PAGE_WRITEABLE|PAGE_EXECUTABLE|"
		"MTYPE_UC (0x8e), va_address=0x100000000, offset_in_bo=0, "
		"map_size=1048576 (1 MiB)}");
	cs.out.handle = 99;
	expect_drm(DRM_IOCTL_AMDGPU_CS, 0, &cs, sizeof(cs),
		   "{out.handle=99, in.num_chunks=2, in.flags=0, in.chunks=0x5000}");
	expect_drm(DRM_IOCTL_AMDGPU_INFO, 0, &info, sizeof(info),
		   "{return_pointer=0x5000, return_size=16, query=FW_VERSION (0xe), "
		   "query_fw.fw_type=GFX_MEC (0x8), query_fw.ip_instance=0, query_fw.index=0}");
	expect_drm(DRM_IOCTL_VERSION, 0, (uint8_t[]){1, 2}, 2, "{0102}");
	expect_drm(0xc010645f, 0, (uint8_t[]){1, 2}, 2, "{0102}");
	expect_array(DRM_IOCTL_AMDGPU_BO_LIST, NULL, 0, 0, &entry, sizeof(entry),
		     "[{bo_handle=3, bo_priority=1}]");
	expect_array(DRM_IOCTL_AMDGPU_CS, NULL, 0, 0, &value, 8, "[0x7]");
	expect_array(DRM_IOCTL_AMDGPU_INFO, NULL, 0, 0, (uint8_t[]){1, 2, 3, 4}, 4, "01020304");
	drm_print_cmd(&b, DRM_IOCTL_SYNCOBJ_CREATE);
	CHECK_STR(buf__str(&b), "DRM_IOCTL_SYNCOBJ_CREATE");
	buf__reset(&b);
	drm_print_cmd(&b, 0xc028645f);
	CHECK_STR(buf__str(&b), "_IOC(0x64, 0x5f, 40)");
	buf__free(&b);
}

static void test_print_bytes(void)
{
	struct kfd_vm_fault_info info = {.page_addr = 0x7f00,
					 .vmid = 8,
					 .mc_id = 0x1b,
					 .status = 0x801031,
					 .prot_write = true};
	struct kfd_hsa_memory_exception_data ex = {.va = 0x7f00000, .gpu_id = 0x1234};
	struct buf b = {0};

	print_bytes(&b, PRINT_KFD_VM_FAULT_INFO, (uint8_t *)&info, sizeof(info));
	CHECK_STR(buf__str(&b), "{page_addr=0x7f00, vmid=8, mc_id=UTCL2 (0x1b), status=0x801031, "
				"prot_valid=0, prot_read=0, prot_write=1, prot_exec=0}");
	buf__reset(&b);
	print_bytes(&b, PRINT_KFD_EXCEPTION, (uint8_t *)&ex, sizeof(ex));
	CHECK_STR(buf__str(&b), "{failure.NotPresent=0, failure.ReadOnly=0, failure.NoExecute=0, "
				"failure.imprecise=0, va=0x7f00000, gpu_id=0x1234, "
				"ErrorType=NO_RAS (0)}");
	buf__reset(&b);
	print_bytes(&b, PRINT_KFD_EXCEPTION, (uint8_t *)&ex, 3);
	CHECK_STR(buf__str(&b), "000000");
	buf__free(&b);
}

/* ---- every command, every length, any bytes ---- */

static uint64_t rnd(void)
{
	static uint64_t state = 88172645463325252ull;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

/* A copy that ends where it ends: a reader that goes on is seen by valgrind and the sanitizer. */
static uint8_t *exactly(const uint8_t *data, size_t len)
{
	uint8_t *p = malloc(len);

	if (!p)
		abort();
	memcpy(p, data, len);
	return p;
}

static void print_cut(uint32_t cmd, const uint8_t *data, size_t len)
{
	uint8_t *arg = len ? exactly(data, len) : NULL;
	struct buf b = {0};

	if (IOC_TYPE(cmd) == 'K') {
		kfd_print_arg(&b, cmd, arg, len);
		for (unsigned int slot = 0; slot < 2; slot++)
			kfd_print_array(&b, cmd, data, 32, slot, arg, len);
	} else {
		drm_print_arg(&b, cmd, len % 2 ? -1 : 0, arg, len);
		for (unsigned int slot = 0; slot < 2; slot++)
			drm_print_array(&b, cmd, slot, arg, len);
	}
	CHECK(b.len > 0);
	buf__free(&b);
	free(arg);
}

/* Every field of a row is printed when the argument is there whole and its member is selected. */
static void print_whole(uint32_t cmd, const struct ioctl_cmd *c)
{
	for (const struct ioctl_field *f = c->fields; f->name; f++) {
		uint8_t arg[512] = {0};
		char name[128];
		struct buf b = {0};

		CHECK(f->offset + f->size <= c->size);
		if (f->when >= 0)
			arg[c->selector - 1] = (uint8_t)f->when;
		if (IOC_TYPE(cmd) == 'K')
			kfd_print_arg(&b, cmd, arg, c->size);
		else
			drm_print_arg(&b, cmd, f->when == IOCTL_IN ? -1 : 0, arg, c->size);
		snprintf(name, sizeof(name), "%s=", f->name);
		CHECK(strstr(buf__str(&b), name));
		buf__free(&b);
	}
}

static void test_every_command(void)
{
	static const char types[] = {'K', 'd'};
	uint8_t data[512];

	for (size_t t = 0; t < sizeof(types); t++)
		for (uint32_t nr = 0; nr < 256; nr++) {
			uint32_t cmd = 0xc0000000u | (uint32_t)types[t] << 8 | nr;
			const struct ioctl_cmd *c =
				types[t] == 'K' ? kfd_cmd__find(cmd) : drm_cmd__find(cmd);
			size_t size = c ? c->size : 8;

			if (c)
				print_whole(cmd, c);
			for (size_t i = 0; i < sizeof(data); i++)
				data[i] = (uint8_t)rnd();
			for (size_t len = 0; len <= size + 20; len++)
				print_cut(cmd, data, len);
		}
}

static void test_any_bytes(void)
{
	uint8_t data[512];

	for (unsigned int round = 0; round < 20000; round++) {
		uint32_t cmd = (round % 2 ? 'K' : 'd') << 8 | (uint32_t)(rnd() & 0xff);

		for (size_t i = 0; i < sizeof(data); i += 8) {
			uint64_t x = rnd();

			/* small numbers select, count and are in tables */
			if (round % 3)
				x &= 0xf0000000f;
			memcpy(data + i, &x, 8);
		}
		print_cut(cmd, data, rnd() % sizeof(data));
	}
	for (unsigned int kind = 0; kind <= PRINT_RAW; kind++)
		for (unsigned int round = 0; round < 200; round++) {
			struct buf b = {0};

			print_value(&b, (enum print_kind)kind, round < 70 ? round : rnd(),
				    round % 2);
			CHECK(b.len > 0);
			buf__free(&b);
		}
}

static void test_buf(void)
{
	struct buf b = {0};

	buf__json(&b, "a\"\\\n\x01\xff\xc3\xa9", 8);
	CHECK_STR(buf__str(&b), "\"a\\\"\\\\\\n\\u0001\\ufffd\xc3\xa9\"");
	buf__reset(&b);
	buf__shell(&b, "it's");
	buf__putc(&b, ' ');
	buf__shell(&b, "plain-1.2");
	buf__putc(&b, ' ');
	buf__shell(&b, "");
	CHECK_STR(buf__str(&b), "'it'\\''s' plain-1.2 ''");
	buf__free(&b);
}

int main(void)
{
	test_kfd_rows();
	test_drm_rows();
	test_structs();
	test_values();
	test_hsa_values();
	test_print_values();
	test_print_kfd();
	test_print_drm();
	test_print_bytes();
	test_every_command();
	test_any_bytes();
	test_buf();
	END_TESTS;
}
