// SPDX-License-Identifier: MIT
/* Pools: allocate, free, access, asynchronous copies; and the runtime's memory fault event. */
#include "agent.h"

#include <string.h>

/*
 * Host memory that pools gave out, so that a kernarg address can be read without asking the kernel.
 * Few are live at once (kernarg chunks, staging buffers); what does not fit is read the slow way.
 */
#define MAX_HOST 128
static struct host_range {
	uint64_t lo, hi; /* atomic; lo 0: free, hi 0: being changed */
} host[MAX_HOST];

static void host_add(uint64_t lo, uint64_t size)
{
	for (int i = 0; i < MAX_HOST; i++) {
		uint64_t unused = 0;

		if (!__atomic_compare_exchange_n(&host[i].lo, &unused, lo, false, __ATOMIC_ACQ_REL,
						 __ATOMIC_RELAXED))
			continue;
		__atomic_store_n(&host[i].hi, lo + size, __ATOMIC_RELEASE);
		return;
	}
}

static void host_remove(uint64_t lo)
{
	for (int i = 0; i < MAX_HOST; i++) {
		if (__atomic_load_n(&host[i].lo, __ATOMIC_RELAXED) != lo)
			continue;
		__atomic_store_n(&host[i].hi, 0, __ATOMIC_RELEASE);
		__atomic_store_n(&host[i].lo, 0, __ATOMIC_RELEASE);
		return;
	}
}

bool memory_is_host(uint64_t addr, uint64_t size)
{
	for (int i = 0; i < MAX_HOST; i++) {
		uint64_t hi = __atomic_load_n(&host[i].hi, __ATOMIC_ACQUIRE);
		uint64_t lo = __atomic_load_n(&host[i].lo, __ATOMIC_ACQUIRE);

		if (hi && lo && addr >= lo && addr < hi && size <= hi - addr)
			return true;
	}
	return false;
}

/* Pools of CPU agents, remembered by handle because asking costs a call. */
static uint64_t host_pools[16]; /* atomic */

static bool is_host_pool(hsa_amd_memory_pool_t pool)
{
	bool all = false;

	for (int i = 0; i < 16; i++)
		if (__atomic_load_n(&host_pools[i], __ATOMIC_RELAXED) == pool.handle)
			return true;
	/* Only system memory is accessible by all agents (ROCr MemoryRegion::GetPoolInfo). */
	agent.amd.hsa_amd_memory_pool_get_info_fn(pool, HSA_AMD_MEMORY_POOL_INFO_ACCESSIBLE_BY_ALL,
						  &all);
	for (int i = 0; all && i < 16; i++) {
		uint64_t unused = 0;

		if (__atomic_compare_exchange_n(&host_pools[i], &unused, pool.handle, false,
						__ATOMIC_RELAXED, __ATOMIC_RELAXED))
			break;
	}
	return all;
}

static hsa_status_t pool_allocate(hsa_amd_memory_pool_t pool, size_t size, uint32_t flags,
				  void **ptr)
{
	const uint64_t caller = (uint64_t)(uintptr_t)__builtin_return_address(0);
	struct thread *t = agent_enter();
	uint64_t begin = t ? agent_now() : 0;
	hsa_status_t status = agent.amd.hsa_amd_memory_pool_allocate_fn(pool, size, flags, ptr);
	struct ev_pool_alloc e;

	if (status == HSA_STATUS_SUCCESS && is_host_pool(pool))
		host_add((uint64_t)(uintptr_t)*ptr, size);
	if (!t)
		return status;
	inventory(t);
	module_note(t, caller);
	e = (struct ev_pool_alloc){
		.begin_dt = agent_since(begin),
		.status = (int32_t)status,
		.pool = pool.handle,
		.size_bytes = size,
		.flags = flags,
		.va = status == HSA_STATUS_SUCCESS ? (uint64_t)(uintptr_t)*ptr : 0,
		.caller = caller,
	};
	__atomic_fetch_add(&agent.pool_allocs, 1, __ATOMIC_RELAXED);
	agent_event(t, EV_pool_alloc, &e, sizeof(e));
	agent_leave(t);
	return status;
}

static void note_failure(struct thread *t, const char *call, uint64_t object, hsa_status_t status)
{
	struct ev_api_failed e = {.status = (int32_t)status, .object = object};
	size_t len = strlen(call);
	uint8_t *at = agent_reserve(t, EV_api_failed, sizeof(e) + len + 1);

	if (!at)
		return;
	memcpy(at, &e, sizeof(e));
	stream__put_text(at + sizeof(e), call, len);
	agent_commit(t);
}

/* Recorded before the call: afterwards the address may already be someone else's. */
static hsa_status_t pool_free(void *ptr)
{
	struct thread *t = agent_enter();
	struct ev_pool_free e = {.va = (uint64_t)(uintptr_t)ptr};
	hsa_status_t status;

	host_remove(e.va);
	if (t)
		agent_event(t, EV_pool_free, &e, sizeof(e));
	status = agent.amd.hsa_amd_memory_pool_free_fn(ptr);
	if (!t)
		return status;
	if (status != HSA_STATUS_SUCCESS)
		note_failure(t, "hsa_amd_memory_pool_free", e.va, status);
	agent_leave(t);
	return status;
}

static hsa_status_t allow_access(uint32_t n, const hsa_agent_t *agents, const uint32_t *flags,
				 const void *ptr)
{
	struct thread *t = agent_enter();
	uint64_t begin = t ? agent_now() : 0;
	hsa_status_t status = agent.amd.hsa_amd_agents_allow_access_fn(n, agents, flags, ptr);
	uint16_t bytes = (uint16_t)((n < 16 ? n : 16) * sizeof(*agents));
	struct ev_allow_access e;
	uint8_t *at;

	if (!t)
		return status;
	e = (struct ev_allow_access){
		.begin_dt = agent_since(begin),
		.status = (int32_t)status,
		.va = (uint64_t)(uintptr_t)ptr,
		.num_agents = n,
	};
	at = agent_reserve(t, EV_allow_access, sizeof(e) + 2u + bytes);
	if (at) {
		memcpy(at, &e, sizeof(e));
		stream__put_bytes(at + sizeof(e), agents, agents ? bytes : 0);
		agent_commit(t);
	}
	agent_leave(t);
	return status;
}

static void note_copy(struct thread *t, uint64_t begin, hsa_status_t status, const void *dst,
		      hsa_agent_t dst_agent, const void *src, hsa_agent_t src_agent, size_t size,
		      uint32_t num_deps, hsa_signal_t completion)
{
	struct ev_async_copy e = {
		.begin_dt = agent_since(begin),
		.status = (int32_t)status,
		.dst = (uint64_t)(uintptr_t)dst,
		.dst_agent = dst_agent.handle,
		.src = (uint64_t)(uintptr_t)src,
		.src_agent = src_agent.handle,
		.size_bytes = size,
		.num_dep_signals = num_deps,
		.completion_signal = completion.handle,
	};

	agent_event(t, EV_async_copy, &e, sizeof(e));
}

static hsa_status_t async_copy(void *dst, hsa_agent_t dst_agent, const void *src,
			       hsa_agent_t src_agent, size_t size, uint32_t num_deps,
			       const hsa_signal_t *deps, hsa_signal_t completion)
{
	struct thread *t = agent_enter();
	uint64_t begin = t ? agent_now() : 0;
	hsa_status_t status = agent.amd.hsa_amd_memory_async_copy_fn(
		dst, dst_agent, src, src_agent, size, num_deps, deps, completion);

	if (!t)
		return status;
	note_copy(t, begin, status, dst, dst_agent, src, src_agent, size, num_deps, completion);
	agent_leave(t);
	return status;
}

/* What HIP 6 copies with. */
static hsa_status_t copy_on_engine(void *dst, hsa_agent_t dst_agent, const void *src,
				   hsa_agent_t src_agent, size_t size, uint32_t num_deps,
				   const hsa_signal_t *deps, hsa_signal_t completion,
				   uint32_t engine_id, bool force_copy_on_sdma)
{
	struct thread *t = agent_enter();
	uint64_t begin = t ? agent_now() : 0;
	hsa_status_t status = agent.amd.hsa_amd_memory_async_copy_on_engine_fn(
		dst, dst_agent, src, src_agent, size, num_deps, deps, completion, engine_id,
		force_copy_on_sdma);

	if (!t)
		return status;
	note_copy(t, begin, status, dst, dst_agent, src, src_agent, size, num_deps, completion);
	agent_leave(t);
	return status;
}

/* ROCr neither prints nor aborts if any handler returns success, so this one never does. */
static hsa_status_t system_event(const hsa_amd_event_t *event, void *unused)
{
	struct thread *t = agent_enter();
	struct ev_mem_fault e;

	(void)unused;
	if (!t)
		return HSA_STATUS_ERROR;
	if (event->event_type == HSA_AMD_GPU_MEMORY_FAULT_EVENT) {
		e = (struct ev_mem_fault){
			.agent = event->memory_fault.agent.handle,
			.va = event->memory_fault.virtual_address,
			.reason = event->memory_fault.fault_reason_mask,
		};
		agent_event(t, EV_mem_fault, &e, sizeof(e));
		agent_sync_all();
	}
	agent_leave(t);
	return HSA_STATUS_ERROR;
}

static int fault_hooked; /* atomic */

void memory_fault_hook(void)
{
	if (agent.has_amd && !__atomic_exchange_n(&fault_hooked, 1, __ATOMIC_RELAXED))
		agent.amd.hsa_amd_register_system_event_handler_fn(system_event, NULL);
}

void memory_forget(void)
{
	fault_hooked = 0;
	memset(host_pools, 0, sizeof(host_pools));
	for (int i = 0; i < MAX_HOST; i++) {
		__atomic_store_n(&host[i].hi, 0, __ATOMIC_RELEASE);
		__atomic_store_n(&host[i].lo, 0, __ATOMIC_RELEASE);
	}
}

void memory_hook(struct amd_table *amd)
{
	amd->hsa_amd_memory_pool_allocate_fn = pool_allocate;
	amd->hsa_amd_memory_pool_free_fn = pool_free;
	amd->hsa_amd_agents_allow_access_fn = allow_access;
	amd->hsa_amd_memory_async_copy_fn = async_copy;
	amd->hsa_amd_memory_async_copy_on_engine_fn = copy_on_engine;
}
