/* SPDX-License-Identifier: MIT */
/* Shared by the HSA tools: calls that must work, the agents, VRAM, signals. */
#ifndef RDNA1_TESTS_HSA_CHECK_H
#define RDNA1_TESTS_HSA_CHECK_H

#include <hsa/hsa.h>
#include <hsa/hsa_ext_amd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static hsa_agent_t gpu, cpu; /* the last of each kind */

static inline void must(hsa_status_t status, const char *what)
{
	if (status == HSA_STATUS_SUCCESS)
		return;
	printf("%s: status 0x%x\n", what, (unsigned int)status);
	exit(1);
}
#define HSA(call) must(call, #call)

static inline hsa_status_t take_agent(hsa_agent_t agent, void *unused)
{
	hsa_device_type_t type;

	(void)unused;
	hsa_agent_get_info(agent, HSA_AGENT_INFO_DEVICE, &type);
	*(type == HSA_DEVICE_TYPE_GPU ? &gpu : &cpu) = agent;
	return HSA_STATUS_SUCCESS;
}

static hsa_amd_memory_pool_t vram; /* the last of those that give memory */

static inline hsa_status_t take_vram_pool(hsa_amd_memory_pool_t pool, void *unused)
{
	bool allowed = false;

	(void)unused;
	hsa_amd_memory_pool_get_info(pool, HSA_AMD_MEMORY_POOL_INFO_RUNTIME_ALLOC_ALLOWED, &allowed);
	if (allowed)
		vram = pool;
	return HSA_STATUS_SUCCESS;
}

static inline hsa_signal_t new_signal(hsa_signal_value_t value)
{
	hsa_signal_t s;

	HSA(hsa_signal_create(value, 0, NULL, &s));
	return s;
}

#endif
