// SPDX-License-Identifier: MIT
/* Pools and regions: allocate, free, access; where an address is; the runtime's memory fault event.
 */
#include "late_free.h"
#include "override.h"

#include <string.h>

/* ---- the map, and what hooks tell it ---- */

enum map_answer memory_find(struct thread *t, uint64_t addr, struct place *p)
{
	const uint64_t version = map__version();
	struct map_range r = {0};
	enum map_answer answer = map__find(addr, &r);

	*p = (struct place){.lo = r.lo, .size = r.size, .kind = r.kind, .host = r.host};
	/* An answer from after a change is not remembered among those from before. */
	if (answer == MAP_INSIDE && version == t->map_version && map__version() == version)
		t->places[t->num_places++ % PLACES] = *p;
	return answer;
}

struct ev_pointer memory_pointer(uint16_t at, enum map_answer answer, const struct place *p)
{
	static const uint8_t states[] = {[MAP_INSIDE] = POINTER_STATE_inside,
					 [MAP_FREED] = POINTER_STATE_freed,
					 [MAP_PAST_END] = POINTER_STATE_past_end,
					 [MAP_NOTHING] = POINTER_STATE_nothing,
					 [MAP_BUSY] = POINTER_STATE_busy};

	if (answer == MAP_NOTHING || answer == MAP_BUSY)
		return (struct ev_pointer){.at = at, .state = states[answer]};
	return (struct ev_pointer){
		.at = at, .state = states[answer], .kind = p->kind, .base = p->lo, .size = p->size};
}

static void remember(const struct given *g, uint16_t site)
{
	struct map_range r = {.lo = g->va,
			      .size = g->size,
			      .made_ns = agent_now(),
			      .pool = g->pool,
			      .site = site,
			      .kind = g->kind,
			      .host = g->host};

	if (!map__add(&r))
		stream_proc__lost(&agent.proc, LOSS_no_memory, 1, true);
}

static void record_pool_alloc(struct thread *t, uint64_t begin, const struct given *g,
			      uint64_t caller)
{
	const struct ev_pool_alloc e = {
		.begin_dt = agent_since(begin),
		.status = (int32_t)g->status,
		.pool = g->object,
		.size_bytes = g->size,
		.flags = g->flags,
		.va = g->va,
		.caller = caller,
	};

	agent_event(t, EV_pool_alloc, &e, sizeof(e));
}

void memory_given(struct thread *t, uint64_t begin, const struct given *g, uint64_t caller)
{
	uint16_t site = site_of(t, caller);

	if (g->mapped && g->status == HSA_STATUS_SUCCESS)
		remember(g, site);
	if (g->kind == MEM_KIND_pool && (g->status || g->flags || !g->pool)) {
		record_pool_alloc(t, begin, g, caller);
	} else if (g->kind == MEM_KIND_pool) {
		const struct ev_pool_alloc_ok e = {
			.begin_dt = agent_since(begin),
			.pool = g->pool,
			.site = site,
			.size_bytes = g->size,
			.va = g->va,
		};

		agent_event(t, EV_pool_alloc_ok, &e, sizeof(e));
	} else {
		const struct ev_mem_alloc e = {
			.begin_dt = agent_since(begin),
			.status = (int32_t)g->status,
			.kind = g->kind,
			.pool = g->pool,
			.site = site,
			.flags = g->flags,
			.size_bytes = g->size,
			.va = g->va,
			.host = g->host_va,
			.object = g->object,
		};

		agent_event(t, EV_mem_alloc, &e, sizeof(e));
	}
}

/* Recorded before the call: afterwards the address may already be someone else's. */
bool memory_taken(struct thread *t, uint8_t kind, uint64_t va, uint64_t size, uint64_t object,
		  struct map_range *r)
{
	const struct ev_pool_free pool = {.va = va};
	const struct ev_mem_free e = {.kind = kind, .va = va, .size_bytes = size, .object = object};
	bool found = va && map__remove(va, size, kind, agent_now(), r);

	if (!found)
		r->kind = 0;
	if (kind == MEM_KIND_pool)
		agent_event(t, EV_pool_free, &pool, sizeof(pool));
	else
		agent_event(t, EV_mem_free, &e, sizeof(e));
	return found;
}

void memory_not_taken(struct thread *t, const char *call, uint64_t va, hsa_status_t status,
		      const struct map_range *r)
{
	if (r->kind && !map__add(r))
		stream_proc__lost(&agent.proc, LOSS_no_memory, 1, true);
	agent_failed(t, call, va, status);
}

/* ---- allocations from a pool, or a region ---- */

struct request {
	uint8_t kind; /* MEM_KIND_pool, MEM_KIND_region */
	uint32_t flags;
	uint64_t handle; /* of either */
	size_t size;
	void **ptr;
};

static hsa_status_t call(const struct request *q)
{
	return q->kind == MEM_KIND_region
		       ? agent.core.hsa_memory_allocate_fn((hsa_region_t){q->handle}, q->size,
							   q->ptr)
		       : agent.amd.hsa_amd_memory_pool_allocate_fn(
				 (hsa_amd_memory_pool_t){q->handle}, q->size, q->flags, q->ptr);
}

/* What was freed and is kept makes room, where there is none. */
static hsa_status_t make(struct thread *t, const struct request *q)
{
	hsa_status_t status = call(q);

	if (status == HSA_STATUS_ERROR_OUT_OF_RESOURCES && late_free_all(t))
		status = call(q);
	if (status == HSA_STATUS_SUCCESS)
		late_free_reused(addr_of(*q->ptr));
	return status;
}

/* Made otherwise than asked: true, and *q is what it was. */
static bool make_overridden(struct thread *t, struct request *q, uint16_t *pool, uint64_t caller,
			    hsa_status_t *status)
{
	struct override o = {.asked_pool = *pool,
			     .asked_flags = q->flags,
			     .region = q->kind == MEM_KIND_region,
			     .size = q->size,
			     .caller = caller};
	struct request other = *q;

	if (!override_on() || !override_choose(t, &o))
		return false;
	other.handle = o.handle;
	other.flags = o.flags;
	*status = make(t, &other);
	override_record(t, &o, *status, *status ? 0 : addr_of(*q->ptr));
	if (*status != HSA_STATUS_SUCCESS)
		return false;
	*q = other;
	*pool = o.pool;
	return true;
}

static hsa_status_t allocate(struct thread *t, struct request *q, uint16_t pool, bool host,
			     uint64_t caller)
{
	uint64_t begin = agent_now();
	hsa_status_t status;
	struct given g;

	if (!make_overridden(t, q, &pool, caller, &status))
		status = make(t, q);
	g = (struct given){
		.kind = q->kind,
		.host = host,
		.mapped = true,
		.status = status,
		.pool = pool,
		.flags = q->flags,
		.size = q->size,
		.va = status == HSA_STATUS_SUCCESS ? addr_of(*q->ptr) : 0,
		.object = q->handle,
	};
	memory_given(t, begin, &g, caller);
	return status;
}

/* A second time what is kept: as the runtime would answer (ROCr Runtime::FreeMemory). */
static hsa_status_t free_again(struct thread *t, const char *name, uint64_t va)
{
	struct map_range r = {0};

	memory_taken(t, MEM_KIND_pool, va, 0, 0, &r);
	agent_failed(t, name, va, HSA_STATUS_ERROR_INVALID_ALLOCATION);
	return HSA_STATUS_ERROR_INVALID_ALLOCATION;
}

/* ---- pools ---- */

static hsa_status_t pool_allocate(hsa_amd_memory_pool_t pool, size_t size, uint32_t flags,
				  void **ptr)
{
	const uint64_t caller = CALLER;
	struct thread *t = agent_enter();
	struct request q = {.kind = MEM_KIND_pool,
			    .flags = flags,
			    .handle = pool.handle,
			    .size = size,
			    .ptr = ptr};
	hsa_status_t status;
	uint16_t id;
	bool host;

	if (!t)
		return call(&q);
	id = inventory_pool(t, pool, &host);
	status = allocate(t, &q, id, host, caller);
	__atomic_fetch_add(&agent.pool_allocs, 1, __ATOMIC_RELAXED);
	agent_leave(t);
	return status;
}

/* ROCr lets either call free what either call gave. */
static uint8_t kind_at(uint64_t va)
{
	struct map_range r;

	return map__find(va, &r) == MAP_INSIDE && r.lo == va && r.kind == MEM_KIND_region
		       ? MEM_KIND_region
		       : MEM_KIND_pool;
}

static hsa_status_t pool_free(void *ptr)
{
	static const char name[] = "hsa_amd_memory_pool_free";
	struct thread *t = agent_enter();
	struct map_range r = {0};
	hsa_status_t status;
	bool known = false;

	if (t && late_free_kept(addr_of(ptr))) {
		status = free_again(t, name, addr_of(ptr));
		agent_leave(t);
		return status;
	}
	if (t)
		known = memory_taken(t, kind_at(addr_of(ptr)), addr_of(ptr), 0, 0, &r);
	if (known && late_free_keep(t, r.lo, r.size, false)) {
		agent_leave(t);
		return HSA_STATUS_SUCCESS;
	}
	status = agent.amd.hsa_amd_memory_pool_free_fn(ptr);
	if (!t)
		return status;
	if (status != HSA_STATUS_SUCCESS)
		memory_not_taken(t, name, addr_of(ptr), status, &r);
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
		.va = addr_of(ptr),
		.num_agents = n,
	};
	bytes = agents ? bytes : 0;
	at = agent_reserve(t, EV_allow_access, sizeof(e) + 2u + bytes);
	if (at) {
		memcpy(at, &e, sizeof(e));
		stream__put_bytes(at + sizeof(e), agents, bytes);
		agent_commit(t);
	}
	agent_leave(t);
	return status;
}

/* ---- regions ---- */

static hsa_status_t region_allocate(hsa_region_t region, size_t size, void **ptr)
{
	const uint64_t caller = CALLER;
	struct thread *t = agent_enter();
	struct request q = {
		.kind = MEM_KIND_region, .handle = region.handle, .size = size, .ptr = ptr};
	hsa_status_t status;
	uint16_t id;
	bool host;

	if (!t)
		return call(&q);
	id = inventory_region(t, region, &host);
	status = allocate(t, &q, id, host, caller);
	agent_leave(t);
	return status;
}

static hsa_status_t region_free(void *ptr)
{
	static const char name[] = "hsa_memory_free";
	struct thread *t = agent_enter();
	struct map_range r = {0};
	hsa_status_t status;
	bool known = false;

	if (t && late_free_kept(addr_of(ptr))) {
		status = free_again(t, name, addr_of(ptr));
		agent_leave(t);
		return status;
	}
	if (t)
		known = memory_taken(t, kind_at(addr_of(ptr)), addr_of(ptr), 0, 0, &r);
	if (known && late_free_keep(t, r.lo, r.size, true)) {
		agent_leave(t);
		return HSA_STATUS_SUCCESS;
	}
	status = agent.core.hsa_memory_free_fn(ptr);
	if (!t)
		return status;
	if (status != HSA_STATUS_SUCCESS)
		memory_not_taken(t, name, addr_of(ptr), status, &r);
	agent_leave(t);
	return status;
}

/* ---- the runtime's memory fault ---- */

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
		evidence_write(EVIDENCE_memory_fault, e.va);
		lesson_fault(e.va);
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
	map__clear();
}

void memory_hook(struct amd_table *amd, CoreApiTable *core)
{
	if (amd) {
		amd->hsa_amd_memory_pool_allocate_fn = pool_allocate;
		amd->hsa_amd_memory_pool_free_fn = pool_free;
		amd->hsa_amd_agents_allow_access_fn = allow_access;
	}
	core->hsa_memory_allocate_fn = region_allocate;
	core->hsa_memory_free_fn = region_free;
}
