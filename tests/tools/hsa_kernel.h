/* SPDX-License-Identifier: MIT */
/* Shared by the HSA tools that dispatch: kernels of a few instructions written by hand, packets, host memory. */
#ifndef RDNA1_TESTS_HSA_KERNEL_H
#define RDNA1_TESTS_HSA_KERNEL_H

#include "hsa_check.h"

#include <hsa/amd_hsa_kernel_code.h>
#include <hsa/hsa_ext_amd.h>
#include <string.h>

static hsa_amd_memory_pool_t host; /* fine-grained system memory; the GPU may execute it */

static inline hsa_status_t take_host_pool(hsa_amd_memory_pool_t pool, void *unused)
{
	uint32_t flags = 0;

	(void)unused;
	hsa_amd_memory_pool_get_info(pool, HSA_AMD_MEMORY_POOL_INFO_GLOBAL_FLAGS, &flags);
	if (flags & HSA_AMD_MEMORY_POOL_GLOBAL_FLAG_FINE_GRAINED)
		host = pool;
	return HSA_STATUS_SUCCESS;
}

static inline void start_hsa(void)
{
	HSA(hsa_init());
	HSA(hsa_iterate_agents(take_agent, NULL));
	HSA(hsa_amd_agent_iterate_memory_pools(cpu, take_host_pool, NULL));
}

#if HSA_AMD_INTERFACE_VERSION_MINOR >= 7 /* not executable unless asked for */
#define MEMORY_FLAGS HSA_AMD_MEMORY_POOL_EXECUTABLE_FLAG
#else
#define MEMORY_FLAGS 0
#endif

static inline void *memory(size_t bytes)
{
	void *p;

	HSA(hsa_amd_memory_pool_allocate(host, bytes, MEMORY_FLAGS, &p));
	HSA(hsa_amd_agents_allow_access(1, &gpu, NULL, p));
	memset(p, 0, bytes);
	return p;
}

/* A kernel descriptor with the code 256 bytes behind it. vgpr_blocks: of 8 VGPRs, less 1. */
static inline uint64_t kernel(const uint32_t *code, size_t dwords, uint32_t vgpr_blocks)
{
	uint8_t *p = memory(4096);
	amd_kernel_code_t *d = (void *)p;

	d->kernel_code_entry_byte_offset = 256;
	d->compute_pgm_rsrc1 = vgpr_blocks | 3u << 18; /* FLOAT_DENORM_MODE_16_64 */
	d->compute_pgm_rsrc2 = 2u << 1;		       /* 2 user SGPRs: the kernarg address */
	d->kernel_code_properties = AMD_KERNEL_CODE_PROPERTIES_ENABLE_SGPR_KERNARG_SEGMENT_PTR | 1u << 10;
	memcpy(p + 256, code, dwords * 4);
	return (uint64_t)(uintptr_t)p;
}
#define KERNEL(vgpr_blocks, ...)                                                                   \
	kernel((const uint32_t[]){__VA_ARGS__}, sizeof((const uint32_t[]){__VA_ARGS__}) / 4, vgpr_blocks)

#define S_ENDPGM 0xbf810000u
/* s_load_dwordx2 s[2:3], s[0:1], 0; waitcnt; v_mov v0, s2; v_mov v1, s3; v_mov v2, 1; atomic_add; end */
#define COUNT_UP 0xf4040080u, 0xfa000000u, 0xbf8c0000u, 0x7e000202u, 0x7e020203u, 0x7e040281u,      \
		 0xdcc88000u, 0x007d0200u, S_ENDPGM

static inline hsa_kernel_dispatch_packet_t dispatch_of(uint64_t object, void *kernarg)
{
	return (hsa_kernel_dispatch_packet_t){.header = HSA_PACKET_TYPE_KERNEL_DISPATCH |
							1 << HSA_PACKET_HEADER_BARRIER,
					      .setup = 1,
					      .workgroup_size_x = 1,
					      .workgroup_size_y = 1,
					      .workgroup_size_z = 1,
					      .grid_size_x = 1,
					      .grid_size_y = 1,
					      .grid_size_z = 1,
					      .kernel_object = object,
					      .kernarg_address = kernarg};
}

/* The packet into its slot, its header last. */
static inline void publish_at(hsa_queue_t *q, uint64_t index, const void *packet)
{
	uint8_t *slot = (uint8_t *)q->base_address + index % q->size * 64;

	memcpy(slot + 2, (const uint8_t *)packet + 2, 62);
	__atomic_store_n((uint16_t *)(void *)slot, *(const uint16_t *)packet, __ATOMIC_RELEASE);
}

static inline void ring(hsa_queue_t *q, uint64_t index)
{
	hsa_signal_store_screlease(q->doorbell_signal, (hsa_signal_value_t)index);
}

/* For one producer, where the queue has room. */
static inline void put(hsa_queue_t *q, const void *packet)
{
	uint64_t index = hsa_queue_add_write_index_relaxed(q, 1);

	publish_at(q, index, packet);
	ring(q, index);
}

/* Within two seconds. */
static inline bool reaches(hsa_signal_t s, hsa_signal_value_t value)
{
	return hsa_signal_wait_scacquire(s, HSA_SIGNAL_CONDITION_EQ, value, 2000000000,
					 HSA_WAIT_STATE_BLOCKED) == value;
}

#endif
