// SPDX-License-Identifier: MIT
/* The device's own layouts of queues, signals and packets against ROCr's headers. */
#include "t.h"
#include "../../hsa-tools/emu/hsa_abi.h"

#include <stddef.h>
#include <hsa/amd_hsa_common.h>
#include <hsa/amd_hsa_queue.h>
#include <hsa/amd_hsa_signal.h>
#include <hsa/amd_hsa_kernel_code.h>
#include <hsa/hsa.h>
#include <hsa/hsa_ext_amd.h>

#define SAME(ours, field, theirs, other)                                                           \
	do {                                                                                       \
		CHECK_EQ(offsetof(ours, field), offsetof(theirs, other));                          \
		CHECK_EQ(sizeof(((ours *)0)->field), sizeof(((theirs *)0)->other));                \
	} while (0)

int main(void)
{
	CHECK_EQ(sizeof(struct abi_signal), sizeof(amd_signal_t));
	SAME(struct abi_signal, value, amd_signal_t, value);
	SAME(struct abi_signal, event_mailbox_ptr, amd_signal_t, event_mailbox_ptr);
	SAME(struct abi_signal, event_id, amd_signal_t, event_id);
	SAME(struct abi_signal, start_ts, amd_signal_t, start_ts);
	SAME(struct abi_signal, end_ts, amd_signal_t, end_ts);

	CHECK_EQ(sizeof(struct abi_queue), sizeof(amd_queue_t));
	SAME(struct abi_queue, write_dispatch_id, amd_queue_t, write_dispatch_id);
	SAME(struct abi_queue, read_dispatch_id, amd_queue_t, read_dispatch_id);
	SAME(struct abi_queue, compute_tmpring_size, amd_queue_t, compute_tmpring_size);
	SAME(struct abi_queue, scratch_resource_descriptor, amd_queue_t, scratch_resource_descriptor);
	SAME(struct abi_queue, scratch_backing_memory_location, amd_queue_t,
	     scratch_backing_memory_location);
	SAME(struct abi_queue, scratch_wave64_lane_byte_size, amd_queue_t, scratch_wave64_lane_byte_size);
	SAME(struct abi_queue, queue_inactive_signal, amd_queue_t, queue_inactive_signal);

	SAME(struct abi_dispatch, setup, hsa_kernel_dispatch_packet_t, setup);
	SAME(struct abi_dispatch, workgroup_size[0], hsa_kernel_dispatch_packet_t, workgroup_size_x);
	SAME(struct abi_dispatch, grid_size[2], hsa_kernel_dispatch_packet_t, grid_size_z);
	SAME(struct abi_dispatch, private_segment_size, hsa_kernel_dispatch_packet_t, private_segment_size);
	SAME(struct abi_dispatch, group_segment_size, hsa_kernel_dispatch_packet_t, group_segment_size);
	SAME(struct abi_dispatch, kernel_object, hsa_kernel_dispatch_packet_t, kernel_object);
	SAME(struct abi_dispatch, kernarg_address, hsa_kernel_dispatch_packet_t, kernarg_address);
	SAME(struct abi_dispatch, completion_signal, hsa_kernel_dispatch_packet_t, completion_signal);
	SAME(struct abi_barrier, dep_signal, hsa_barrier_and_packet_t, dep_signal);
	SAME(struct abi_barrier, completion_signal, hsa_barrier_and_packet_t, completion_signal);
	CHECK_EQ(AQL_KERNEL_DISPATCH, HSA_PACKET_TYPE_KERNEL_DISPATCH);
	CHECK_EQ(AQL_BARRIER_AND, HSA_PACKET_TYPE_BARRIER_AND);
	CHECK_EQ(AQL_BARRIER_OR, HSA_PACKET_TYPE_BARRIER_OR);
	CHECK_EQ(AQL_INVALID, HSA_PACKET_TYPE_INVALID);
	CHECK_EQ(AQL_VENDOR_SPECIFIC, HSA_PACKET_TYPE_VENDOR_SPECIFIC);

	SAME(struct abi_barrier_value, signal, hsa_amd_barrier_value_packet_t, signal);
	SAME(struct abi_barrier_value, value, hsa_amd_barrier_value_packet_t, value);
	SAME(struct abi_barrier_value, mask, hsa_amd_barrier_value_packet_t, mask);
	SAME(struct abi_barrier_value, cond, hsa_amd_barrier_value_packet_t, cond);
	SAME(struct abi_barrier_value, completion_signal, hsa_amd_barrier_value_packet_t,
	     completion_signal);
	CHECK_EQ(VENDOR_BARRIER_VALUE, HSA_AMD_PACKET_TYPE_BARRIER_VALUE);
	CHECK_EQ(CONDITION_EQ, HSA_SIGNAL_CONDITION_EQ);
	CHECK_EQ(CONDITION_NE, HSA_SIGNAL_CONDITION_NE);
	CHECK_EQ(CONDITION_LT, HSA_SIGNAL_CONDITION_LT);
	CHECK_EQ(CONDITION_GTE, HSA_SIGNAL_CONDITION_GTE);
	SAME(struct abi_queue, queue_properties, amd_queue_t, queue_properties);
	CHECK_EQ(QUEUE_PROPERTY_USE_SCRATCH_ONCE, AMD_QUEUE_PROPERTIES_USE_SCRATCH_ONCE);

	SAME(struct abi_kernel, entry_offset, amd_kernel_code_t, kernel_code_entry_byte_offset);
	CHECK_EQ(offsetof(struct abi_kernel, rsrc1), offsetof(amd_kernel_code_t, compute_pgm_rsrc1));
	CHECK_EQ(offsetof(struct abi_kernel, rsrc2), offsetof(amd_kernel_code_t, compute_pgm_rsrc2));
	CHECK_EQ(offsetof(struct abi_kernel, properties),
		 offsetof(amd_kernel_code_t, kernel_code_properties));
	CHECK_EQ(KERNEL_PRIVATE_SEGMENT_BUFFER,
		 AMD_KERNEL_CODE_PROPERTIES_ENABLE_SGPR_PRIVATE_SEGMENT_BUFFER);
	CHECK_EQ(KERNEL_KERNARG_SEGMENT_PTR, AMD_KERNEL_CODE_PROPERTIES_ENABLE_SGPR_KERNARG_SEGMENT_PTR);
	CHECK_EQ(KERNEL_FLAT_SCRATCH_INIT, AMD_KERNEL_CODE_PROPERTIES_ENABLE_SGPR_FLAT_SCRATCH_INIT);
	END_TESTS;
}
