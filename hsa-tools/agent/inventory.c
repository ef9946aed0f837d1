// SPDX-License-Identifier: MIT
/* Agents and memory pools: recorded once each, so that later events can name them. */
#include "late_free.h"
#include "override.h"

#include <string.h>

static int done; /* atomic */

/* By handle: asked at every allocation, without a lock. */
#define MAX_POOLS 254u
static struct known_pool {
	uint64_t handle; /* atomic; 0: not there yet */
	bool host;
	struct pool_facts facts;
} pools[MAX_POOLS];
static uint32_t num_pools, first_pool; /* atomic; first: of the runtime that runs now */
static int pools_lock;

static uint16_t find_pool(uint64_t handle, bool *host)
{
	uint32_t n = __atomic_load_n(&num_pools, __ATOMIC_ACQUIRE);

	for (uint32_t i = __atomic_load_n(&first_pool, __ATOMIC_RELAXED); i < n; i++)
		if (__atomic_load_n(&pools[i].handle, __ATOMIC_RELAXED) == handle) {
			*host = pools[i].host;
			return (uint16_t)(i + 1);
		}
	*host = false;
	return 0;
}

/* Number e->pool and record it, unless it has been. */
static void add_pool(struct thread *t, struct ev_hsa_pool *e)
{
	static bool too_many;
	bool host, is_new = false;

	spin_lock(&pools_lock);
	e->id = find_pool(e->pool, &host);
	if (!e->id && num_pools < MAX_POOLS) {
		pools[num_pools].host = e->all_agents;
		pools[num_pools].facts = (struct pool_facts){
			.handle = e->pool,
			.owner = e->agent,
			.flags = e->flags,
			.host = e->all_agents,
			.usable = e->alloc_allowed && e->segment == HSA_AMD_SEGMENT_GLOBAL,
		};
		__atomic_store_n(&pools[num_pools].handle, e->pool, __ATOMIC_RELAXED);
		e->id = (uint16_t)(num_pools + 1);
		__atomic_store_n(&num_pools, num_pools + 1, __ATOMIC_RELEASE);
		is_new = true;
	}
	if (!e->id && !too_many)
		is_new = too_many = true;
	spin_unlock(&pools_lock);
	if (is_new)
		fact_event(t, EV_hsa_pool, e, sizeof(*e));
}

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
	/* Only system memory is accessible by all agents (ROCr MemoryRegion::GetPoolInfo). */
	get(pool, HSA_AMD_MEMORY_POOL_INFO_ACCESSIBLE_BY_ALL, &all);
	e.segment = segment;
	e.flags = flags;
	e.size_bytes = size;
	e.granule_bytes = granule;
	e.alloc_allowed = allowed;
	e.all_agents = all;
	add_pool(walk->t, &e);
	return HSA_STATUS_SUCCESS;
}

/* ROCr's regions are its pools; a region that no pool is gets recorded as one. */
static hsa_status_t one_region(hsa_region_t region, void *data)
{
	const struct walk *walk = data;
	struct ev_hsa_pool e = {.pool = region.handle, .agent = walk->owner.handle};
	__typeof__(agent.core.hsa_region_get_info_fn) get = agent.core.hsa_region_get_info_fn;
	hsa_region_segment_t segment = HSA_REGION_SEGMENT_GLOBAL;
	hsa_device_type_t type = HSA_DEVICE_TYPE_CPU;
	bool allowed = false;
	uint32_t flags = 0;
	size_t size = 0, granule = 0;

	get(region, HSA_REGION_INFO_SEGMENT, &segment);
	if (segment == HSA_REGION_SEGMENT_GLOBAL)
		get(region, HSA_REGION_INFO_GLOBAL_FLAGS, &flags);
	get(region, HSA_REGION_INFO_SIZE, &size);
	get(region, HSA_REGION_INFO_RUNTIME_ALLOC_ALLOWED, &allowed);
	if (allowed)
		get(region, HSA_REGION_INFO_RUNTIME_ALLOC_GRANULE, &granule);
	agent.core.hsa_agent_get_info_fn(walk->owner, HSA_AGENT_INFO_DEVICE, &type);
	e.segment = segment;
	e.flags = flags;
	e.size_bytes = size;
	e.granule_bytes = granule;
	e.alloc_allowed = allowed;
	e.all_agents = type == HSA_DEVICE_TYPE_CPU;
	add_pool(walk->t, &e);
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
	at = fact_reserve(walk.t, EV_hsa_agent,
			  sizeof(e) + (strlen(name) ?: 1) + 1 + (strlen(product) ?: 1) + 1);
	if (at) {
		memcpy(at, &e, sizeof(e));
		at = stream__put_text(at + sizeof(e), name, strlen(name));
		stream__put_text(at, product, strlen(product));
		fact_commit(walk.t);
	}
	if (agent.has_amd)
		agent.amd.hsa_amd_agent_iterate_memory_pools_fn(handle, one_pool, &walk);
	return HSA_STATUS_SUCCESS;
}

static void record_clock(struct thread *t)
{
	struct ev_hsa_clock e;
	uint64_t ticks = 0, hz = 0;

	agent.core.hsa_system_get_info_fn(HSA_SYSTEM_INFO_TIMESTAMP_FREQUENCY, &hz);
	agent.core.hsa_system_get_info_fn(HSA_SYSTEM_INFO_TIMESTAMP, &ticks);
	e = (struct ev_hsa_clock){.ticks = ticks, .frequency_hz = hz};
	fact_event(t, EV_hsa_clock, &e, sizeof(e));
}

void inventory(struct thread *t)
{
	if (__atomic_load_n(&done, __ATOMIC_RELAXED) ||
	    __atomic_exchange_n(&done, 1, __ATOMIC_RELAXED))
		return;
	agent.core.hsa_iterate_agents_fn(one_agent, t);
	record_clock(t);
	override_start(t);
	late_free_start(t);
}

bool inventory_facts(uint16_t id, struct pool_facts *f)
{
	if (id <= __atomic_load_n(&first_pool, __ATOMIC_RELAXED) ||
	    id > __atomic_load_n(&num_pools, __ATOMIC_ACQUIRE))
		return false;
	*f = pools[id - 1].facts;
	return true;
}

uint16_t inventory_next(uint16_t id, struct pool_facts *f)
{
	const uint32_t first = __atomic_load_n(&first_pool, __ATOMIC_RELAXED);

	id = id < first ? (uint16_t)first : id;
	return inventory_facts(++id, f) ? id : 0;
}

uint16_t inventory_pool(struct thread *t, hsa_amd_memory_pool_t pool, bool *host)
{
	uint16_t id;

	inventory(t);
	id = find_pool(pool.handle, host);
	if (!id && agent.has_amd) {
		one_pool(pool, &(struct walk){.t = t});
		id = find_pool(pool.handle, host);
	}
	return id;
}

struct search {
	struct walk walk;
	hsa_region_t region;
};

static hsa_status_t match_region(hsa_region_t region, void *data)
{
	struct search *s = data;

	return region.handle == s->region.handle ? one_region(region, &s->walk)
						 : HSA_STATUS_SUCCESS;
}

static hsa_status_t search_regions(hsa_agent_t owner, void *data)
{
	struct search *s = data;

	s->walk.owner = owner;
	agent.core.hsa_agent_iterate_regions_fn(owner, match_region, s);
	return HSA_STATUS_SUCCESS;
}

uint16_t inventory_region(struct thread *t, hsa_region_t region, bool *host)
{
	struct search s = {.walk.t = t, .region = region};
	uint16_t id;

	inventory(t);
	id = find_pool(region.handle, host);
	if (!id) {
		agent.core.hsa_iterate_agents_fn(search_regions, &s);
		id = find_pool(region.handle, host);
	}
	return id;
}

/* Handles of the next runtime may be those of this one again, for other pools. */
void inventory_forget(void)
{
	__atomic_store_n(&first_pool, num_pools, __ATOMIC_RELAXED);
	__atomic_store_n(&done, 0, __ATOMIC_RELAXED);
}
