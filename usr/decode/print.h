/* SPDX-License-Identifier: MIT */
/*
 * Raw values to text, by the `print` word of the event table and of the ioctls' rows. Pure: no I/O,
 * no clock, cannot fail. The raw value stays visible wherever a name is printed.
 */
#ifndef RDNA1_DECODE_PRINT_H
#define RDNA1_DECODE_PRINT_H

#include "../base/names.h"

/* Every word that events.def, kfd_cmds.def and drm_cmds.def may use. */
enum print_kind {
	PRINT_DEC,
	PRINT_HEX,
	PRINT_SIZE,
	PRINT_NS,
	PRINT_ERRNO,
	PRINT_STATUS,
	PRINT_SOURCE,
	PRINT_CAUSE,
	PRINT_PHASE,
	PRINT_KFD_CMD,
	PRINT_KFD_ARG,
	PRINT_KFD_ARRAY,
	PRINT_KFD_ALLOC_FLAGS,
	PRINT_KFD_QUEUE_TYPE,
	PRINT_KFD_QUEUE_PERCENTAGE,
	PRINT_KFD_DOORBELL,
	PRINT_KFD_MMAP,
	PRINT_KFD_CACHE_POLICY,
	PRINT_KFD_PROC_FLAGS,
	PRINT_KFD_EVENT_TYPE,
	PRINT_KFD_TIMEOUT,
	PRINT_KFD_WAIT_RESULT,
	PRINT_KFD_RESET_TYPE,
	PRINT_KFD_RESET_CAUSE,
	PRINT_KFD_MEM_ERR,
	PRINT_KFD_SVM_OP,
	PRINT_KFD_SVM_ATTR,
	PRINT_KFD_SVM_FLAGS,
	PRINT_KFD_SVM_LOCATION,
	PRINT_KFD_CRIU_OP,
	PRINT_KFD_RUNTIME_MODE,
	PRINT_KFD_RUNTIME_STATE,
	PRINT_KFD_DBG_OP,
	PRINT_KFD_DBG_FLAGS,
	PRINT_KFD_EXCEPTION_CODE,
	PRINT_KFD_EXCEPTION_MASK,
	PRINT_KFD_OVERRIDE_MODE,
	PRINT_KFD_TRAP_MASK,
	PRINT_KFD_LAUNCH_MODE,
	PRINT_KFD_WATCH_MODE,
	PRINT_KFD_PROFILER_OP,
	PRINT_KFD_EVICT_TRIGGER,
	PRINT_KFD_VM_FAULT_INFO, /* BYTES: struct kfd_vm_fault_info */
	PRINT_KFD_EXCEPTION,	 /* BYTES: struct kfd_hsa_memory_exception_data */
	PRINT_DRM_CMD,
	PRINT_DRM_ARG,
	PRINT_DRM_ASKED,
	PRINT_DRM_ARRAY,
	PRINT_DRM_CAP,
	PRINT_DRM_PRIME_FLAGS,
	PRINT_DRM_CTX_OP,
	PRINT_DRM_CTX_PRIORITY,
	PRINT_DRM_CTX_STATE,
	PRINT_DRM_CTX_RESET,
	PRINT_DRM_BO_LIST_OP,
	PRINT_DRM_INFO,
	PRINT_DRM_HW_IP,
	PRINT_DRM_FW,
	PRINT_DRM_VBIOS,
	PRINT_DRM_SENSOR,
	PRINT_DRM_VIDEO_CAPS,
	PRINT_DRM_METADATA_OP,
	PRINT_DRM_TIMEOUT,
	PRINT_DRM_BUSY,
	PRINT_DRM_VA_OP,
	PRINT_DRM_GEM_OP,
	PRINT_DRM_VM_OP,
	PRINT_DRM_FENCE_WHAT,
	PRINT_DRM_SCHED_OP,
	PRINT_DRM_USERQ_OP,
	PRINT_GEM_DOMAIN,  /* AMDGPU_GEM_DOMAIN_* */
	PRINT_GEM_FLAGS,   /* AMDGPU_GEM_CREATE_* */
	PRINT_GEM_USERPTR, /* AMDGPU_GEM_USERPTR_* */
	PRINT_TTM_PLACE,   /* mem_type of a ttm_resource */
	PRINT_VM_FLAGS,	   /* AMDGPU_VM_* of a mapping */
	PRINT_MAP_FLAGS,   /* of a mapping: PTE bits or AMDGPU_VM_*, as the FLAG_KIND before it says */
	PRINT_FLAG_KIND,   /* which of the two a mapping's flags are */
	PRINT_PTE,	   /* by the gfx10.1 row: pte.h knows others */
	PRINT_IV_CLIENT,
	PRINT_IV_SRC,
	PRINT_GCVM_L2_STATUS, /* GCVM_L2_PROTECTION_FAULT_STATUS of gfx10 */
	PRINT_ORD_BO,	      /* ordinals that stand for kernel pointers; 0 none */
	PRINT_ORD_VM,
	PRINT_ORD_MEM,
	PRINT_ORD_GPU,
	PRINT_ORD_PAGE,
	PRINT_FD,
	PRINT_QUEUE_OP,
	PRINT_MEM_OP,
	PRINT_EVICT_OP,
	PRINT_PASID_OP,
	PRINT_HSA_STATUS,
	PRINT_HSA_DEVICE,
	PRINT_HSA_SEGMENT,
	PRINT_POOL_FLAGS,
	PRINT_FAULT_REASON,
	PRINT_GAP,
	PRINT_AMDGPU_EFLAGS,
	PRINT_PTE_OP,
	PRINT_PTE_GFX10,
	PRINT_SDMA_OP,
	PRINT_EMU_FAULT,
	PRINT_AQL_PACKET,
	PRINT_X64_LIST,
	PRINT_API_CALL, /* number of a call of api_calls.def */
	PRINT_MEM_KIND,
	PRINT_COPY_KIND,
	PRINT_QUEUE_MAKER,
	PRINT_QUEUE_READ,
	PRINT_QUEUE_SET,
	PRINT_TIMED_BY,
	PRINT_CODE_STORED,
	PRINT_EVIDENCE,
	PRINT_POLICY_KIND,
	PRINT_POLICY_STATE,
	PRINT_KEPT_PHASE,
	PRINT_STEER_ACTION,
	PRINT_STEER_WHY,
	PRINT_STEER_PASSED,
	PRINT_DISPATCH_DONE,
	PRINT_WATCH_STATE,
	PRINT_RANGE_OP,
	PRINT_EXPORT_KIND,
	PRINT_SIGNAL,
	PRINT_QUEUE_PROPS,
	PRINT_POINTERS,	   /* BYTES: struct ev_pointer, several */
	PRINT_KERNEL_ARGS, /* BYTES: struct ev_kernel_arg, several */
	PRINT_RAW,
};

/* One integer. is_signed: value holds a sign-extended s32 or s64. */
void print_value(struct buf *b, enum print_kind kind, uint64_t value, bool is_signed);

/* A BYTES field whose print word needs no context (not KFD_ARG, DRM_ARG and their arrays). */
void print_bytes(struct buf *b, enum print_kind kind, const uint8_t *data, size_t len);

void print_ns(struct buf *b, uint64_t ns); /* "12.3us" */

/* Names alone; NULL when unknown. */
const char *hsa_status_name(uint64_t status);
const char *loss_cause_text(uint64_t cause);
const char *loss_cause_remedy(uint64_t cause);
const char *source_name(uint64_t source);
const char *fault_kind_name(uint64_t kind);
const char *processor_name(uint64_t e_flags); /* "gfx1010" */

/* "coarse", "fine", "fine, kernarg": what a pool's flag word means for its memory. */
void print_grain(struct buf *b, uint64_t pool_flags);

#endif
