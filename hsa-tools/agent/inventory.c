// SPDX-License-Identifier: MIT
/* Agents and memory pools: recorded once each, so that later events can name them by handle. */
#include "agent.h"

#include <stdio.h>
#include <string.h>

static int done; /* atomic */

struct walk {
	struct thread *t;
	hsa_agent_t owner;
};

static hsa_status_t one_pool(hsa_amd_memory_pool_t pool, void *data)
{
	const struct walk *walk = data;
	struct ev_hsa_pool e = {.pool = pool.handle, .agent = walk->owner.handle};
	__typeof__(agent.amd.hsa_amd_memory_pool_get_info_fn) get =
		agent.amd.hsa_amd_memory_pool_get_info_fn;
	hsa_amd_segment_t segment = HSA_AMD_SEGMENT_GLOBAL;
	bool allowed = false, all = false;
	uint32_t flags = 0;
	size_t size = 0, granule = 0;

	get(pool, HSA_AMD_MEMORY_POOL_INFO_SEGMENT, &segment);
	if (segment == HSA_AMD_SEGMENT_GLOBAL)
		get(pool, HSA_AMD_MEMORY_POOL_INFO_GLOBAL_FLAGS, &flags);
	get(pool, HSA_AMD_MEMORY_POOL_INFO_SIZE, &size);
	get(pool, HSA_AMD_MEMORY_POOL_INFO_RUNTIME_ALLOC_ALLOWED, &allowed);
	if (allowed)
		get(pool, HSA_AMD_MEMORY_POOL_INFO_RUNTIME_ALLOC_GRANULE, &granule);
	get(pool, HSA_AMD_MEMORY_POOL_INFO_ACCESSIBLE_BY_ALL, &all);
	e.segment = segment;
	e.flags = flags;
	e.size_bytes = size;
	e.granule_bytes = granule;
	e.alloc_allowed = allowed;
	e.all_agents = all;
	agent_event(walk->t, EV_hsa_pool, &e, sizeof(e));
	return HSA_STATUS_SUCCESS;
}

static hsa_status_t one_agent(hsa_agent_t handle, void *data)
{
	struct walk walk = {.t = data, .owner = handle};
	struct ev_hsa_agent e = {.agent = handle.handle};
	hsa_device_type_t type = HSA_DEVICE_TYPE_CPU;
	char name[65] = "", product[65] = "";
	uint32_t node = 0;
	uint8_t *at;

	agent.core.hsa_agent_get_info_fn(handle, HSA_AGENT_INFO_DEVICE, &type);
	agent.core.hsa_agent_get_info_fn(handle, HSA_AGENT_INFO_NAME, name);
	agent.core.hsa_agent_get_info_fn(handle, HSA_AGENT_INFO_NODE, &node);
	agent.core.hsa_agent_get_info_fn(handle, (hsa_agent_info_t)HSA_AMD_AGENT_INFO_PRODUCT_NAME,
					 product);
	name[64] = product[64] = 0;
	e.type = type;
	e.node = node;
	at = agent_reserve(walk.t, EV_hsa_agent,
			   sizeof(e) + (strlen(name) ?: 1) + 1 + (strlen(product) ?: 1) + 1);
	if (at) {
		memcpy(at, &e, sizeof(e));
		at = stream__put_text(at + sizeof(e), name, strlen(name));
		stream__put_text(at, product, strlen(product));
		agent_commit(walk.t);
	}
	if (agent.has_amd)
		agent.amd.hsa_amd_agent_iterate_memory_pools_fn(handle, one_pool, &walk);
	return HSA_STATUS_SUCCESS;
}

void inventory(struct thread *t)
{
	if (__atomic_load_n(&done, __ATOMIC_RELAXED) ||
	    __atomic_exchange_n(&done, 1, __ATOMIC_RELAXED))
		return;
	agent.core.hsa_iterate_agents_fn(one_agent, t);
}

void inventory_forget(void)
{
	done = 0;
}
