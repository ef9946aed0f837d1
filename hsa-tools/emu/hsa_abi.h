/* SPDX-License-Identifier: MIT */
/*
 * The memory formats the packet processor reads and writes, as ROCr lays them out: amd_queue_t,
 * amd_signal_t, AQL packets, kernel descriptors. Own definitions, because this library needs libc
 * only; tests/unit/test_emu_abi.c compares them with <hsa/amd_hsa_*.h>.
 */
#ifndef RDNA1_EMU_HSA_ABI_H
#define RDNA1_EMU_HSA_ABI_H

#include <stdint.h>

/* amd_signal_t (amd_hsa_signal.h) */
struct abi_signal {
	int64_t kind;
	int64_t value;
	uint64_t event_mailbox_ptr;
	uint32_t event_id;
	uint32_t reserved1;
	uint64_t start_ts;
	uint64_t end_ts;
	uint64_t queue_ptr;
	uint32_t reserved3[2];
};

/* amd_queue_t (amd_hsa_queue.h) */
struct abi_queue {
	uint8_t hsa_queue[40];
	uint32_t reserved1[4];
	uint64_t write_dispatch_id;
	uint32_t group_segment_aperture_base_hi;
	uint32_t private_segment_aperture_base_hi;
	uint32_t max_cu_id;
	uint32_t max_wave_id;
	uint64_t max_legacy_doorbell_dispatch_id_plus_1;
	uint32_t legacy_doorbell_lock;
	uint32_t reserved2[9];
	uint64_t read_dispatch_id;
	uint32_t read_dispatch_id_field_base_byte_offset;
	uint32_t compute_tmpring_size;
	uint32_t scratch_resource_descriptor[4];
	uint64_t scratch_backing_memory_location;
	uint64_t scratch_backing_memory_byte_size;
	uint32_t scratch_wave64_lane_byte_size;
	uint32_t queue_properties;
	uint32_t reserved3[2];
	uint64_t queue_inactive_signal;
	uint32_t reserved4[14];
};

/* queue_properties (amd_hsa_queue.h) */
#define QUEUE_PROPERTY_ENABLE_PROFILING (1u << 3) /* completion signals get times */
#define QUEUE_PROPERTY_USE_SCRATCH_ONCE (1u << 4)

/* hsa_kernel_dispatch_packet_t and its kin (hsa.h); header bits 7:0 type, 8 barrier */
enum {
	AQL_VENDOR_SPECIFIC = 0,
	AQL_INVALID = 1,
	AQL_KERNEL_DISPATCH = 2,
	AQL_BARRIER_AND = 3,
	AQL_AGENT_DISPATCH = 4,
	AQL_BARRIER_OR = 5,
};

struct abi_dispatch {
	uint16_t header;
	uint16_t setup; /* bits 1:0 dimensions */
	uint16_t workgroup_size[3];
	uint16_t reserved0;
	uint32_t grid_size[3];
	uint32_t private_segment_size;
	uint32_t group_segment_size;
	uint64_t kernel_object;
	uint64_t kernarg_address;
	uint64_t reserved2;
	uint64_t completion_signal;
};
_Static_assert(sizeof(struct abi_dispatch) == 64, "AQL packet");

struct abi_barrier {
	uint16_t header;
	uint16_t reserved0;
	uint32_t reserved1;
	uint64_t dep_signal[5];
	uint64_t reserved2;
	uint64_t completion_signal;
};
_Static_assert(sizeof(struct abi_barrier) == 64, "AQL packet");

/* hsa_amd_barrier_value_packet_t (hsa_ext_amd.h): a vendor packet whose second word is 2 */
struct abi_barrier_value {
	uint16_t header;
	uint16_t format;
	uint32_t reserved0;
	uint64_t signal;
	int64_t value, mask;
	uint32_t cond; /* hsa_signal_condition_t */
	uint32_t reserved1;
	uint64_t reserved2[2];
	uint64_t completion_signal;
};
_Static_assert(sizeof(struct abi_barrier_value) == 64, "AQL packet");
enum { VENDOR_PM4_IB = 1, VENDOR_BARRIER_VALUE = 2 };
enum { CONDITION_EQ, CONDITION_NE, CONDITION_LT, CONDITION_GTE };

/* amd_aql_pm4_ib: a vendor packet whose second word is 1 (ROCr amd_aql_queue.cpp, ExecutePM4) */
struct abi_pm4_ib {
	uint16_t header;
	uint16_t format; /* 1: PM4 indirect buffer */
	uint32_t ib_jump[4];
	uint32_t dw_cnt_remain;
	uint32_t reserved[8];
	uint32_t completion_signal[2];
};
_Static_assert(sizeof(struct abi_pm4_ib) == 64, "AQL packet");

/*
 * What the packet processor reads at kernel_object: the same offsets serve code object v3 kernel
 * descriptors (LLVM AMDGPUUsage, "Kernel Descriptor") and ROCr's own amd_kernel_code_t blits.
 */
struct abi_kernel {
	uint8_t pad0[16];
	int64_t entry_offset; /* from kernel_object */
	uint8_t pad1[24];
	uint32_t rsrc1, rsrc2;
	uint32_t properties;
	uint32_t pad2;
};
_Static_assert(sizeof(struct abi_kernel) == 64, "kernel descriptor");

enum {
	KERNEL_PRIVATE_SEGMENT_BUFFER = 1 << 0,
	KERNEL_DISPATCH_PTR = 1 << 1,
	KERNEL_QUEUE_PTR = 1 << 2,
	KERNEL_KERNARG_SEGMENT_PTR = 1 << 3,
	KERNEL_DISPATCH_ID = 1 << 4,
	KERNEL_FLAT_SCRATCH_INIT = 1 << 5,
	KERNEL_PRIVATE_SEGMENT_SIZE = 1 << 6,
	KERNEL_WAVE32 = 1 << 10,
};

/*
 * Values the packet processor stores into queue_inactive_signal (ROCr amd_aql_queue.cpp,
 * DynamicScratchHandler).
 */
enum {
	QUEUE_RECLAIM_SCRATCH = 512, /* after a dispatch with PROPERTY_USE_SCRATCH_ONCE */
	QUEUE_ERROR_SCRATCH_WAVE64 = 1,
	QUEUE_ERROR_DIM = 2,
	QUEUE_ERROR_GROUP_MEMORY = 4,
	QUEUE_ERROR_CODE = 8,
	QUEUE_ERROR_PACKET = 32,
	QUEUE_ERROR_WORKGROUP_SIZE = 64,
	QUEUE_ERROR_VGPRS = 128,
	QUEUE_ERROR_VENDOR_PACKET = 256,
	QUEUE_ERROR_SCRATCH_WAVE32 = 0x400,
};
#define QUEUE_ERROR_APERTURE 0x20000000u
#define QUEUE_ERROR_ILLEGAL 0x40000000u
#define QUEUE_ERROR_TRAP 0x80000000u
/* Not for queue_inactive_signal: errors that only the driver's exception codes tell apart. */
#define QUEUE_ERROR_MEMORY 0x10000000u
#define QUEUE_ERROR_ABORT 0x08000000u

#endif
