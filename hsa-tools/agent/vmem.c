// SPDX-License-Identifier: MIT
/*
 * Memory that comes neither from a pool nor from a region: locked and registered host memory, IPC,
 * other APIs, shared virtual memory, and addresses reserved and mapped one by one.
 */
#include "late_free.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- locked host memory ---- */

/* Unlocking names the host's address, arguments of kernels the GPU's: both are remembered where
 * they differ. */
struct locked {
	uint64_t host, gpu;
	struct locked *next;
};
static struct locked *locked_list;
static int locked_lock;

static void add_locked(uint64_t host, uint64_t gpu)
{
	struct locked *l = calloc(1, sizeof(*l));

	if (!l)
		return;
	l->host = host;
	l->gpu = gpu;
	spin_lock(&locked_lock);
	l->next = locked_list;
	locked_list = l;
	spin_unlock(&locked_lock);
}

static uint64_t take_locked(uint64_t host)
{
	struct locked *gone = NULL;
	uint64_t gpu = host;

	spin_lock(&locked_lock);
	for (struct locked **p = &locked_list; *p; p = &(*p)->next)
		if ((*p)->host == host) {
			gone = *p;
			*p = gone->next;
			break;
		}
	spin_unlock(&locked_lock);
	if (gone)
		gpu = gone->gpu;
	free(gone);
	return gpu;
}

static void note_lock(struct thread *t, uint64_t begin, hsa_status_t status, const void *host,
		      size_t size, uint16_t pool, void **gpu, uint64_t caller)
{
	struct given g = {
		.kind = MEM_KIND_lock,
		.host = true,
		.mapped = true,
		.status = status,
		.pool = pool,
		.size = size,
		.va = status == HSA_STATUS_SUCCESS && gpu ? addr_of(*gpu) : 0,
		.host_va = addr_of(host),
	};

	g.host = g.va == g.host_va;
	if (g.va && g.va != g.host_va)
		add_locked(g.host_va, g.va);
	memory_given(t, begin, &g, caller);
}

static hsa_status_t memory_lock(void *host, size_t size, hsa_agent_t *agents, int n, void **gpu)
{
	const uint64_t caller = CALLER;
	struct thread *t = agent_enter();
	uint64_t begin = t ? agent_now() : 0;
	hsa_status_t status = agent.amd.hsa_amd_memory_lock_fn(host, size, agents, n, gpu);

	if (!t)
		return status;
	note_lock(t, begin, status, host, size, 0, gpu, caller);
	agent_leave(t);
	return status;
}

static hsa_status_t memory_lock_to_pool(void *host, size_t size, hsa_agent_t *agents, int n,
					hsa_amd_memory_pool_t pool, uint32_t flags, void **gpu)
{
	const uint64_t caller = CALLER;
	struct thread *t = agent_enter();
	uint64_t begin = t ? agent_now() : 0;
	hsa_status_t status =
		agent.amd.hsa_amd_memory_lock_to_pool_fn(host, size, agents, n, pool, flags, gpu);
	bool readable;

	if (!t)
		return status;
	note_lock(t, begin, status, host, size, inventory_pool(t, pool, &readable), gpu, caller);
	agent_leave(t);
	return status;
}

static hsa_status_t memory_unlock(void *host)
{
	struct thread *t = agent_enter();
	struct map_range r = {0};
	hsa_status_t status;

	if (t)
		memory_taken(t, MEM_KIND_lock, take_locked(addr_of(host)), 0, addr_of(host), &r);
	status = agent.amd.hsa_amd_memory_unlock_fn(host);
	if (!t)
		return status;
	if (status != HSA_STATUS_SUCCESS)
		memory_not_taken(t, "hsa_amd_memory_unlock", addr_of(host), status, &r);
	agent_leave(t);
	return status;
}

static hsa_status_t memory_register(void *ptr, size_t size)
{
	const uint64_t caller = CALLER;
	struct thread *t = agent_enter();
	uint64_t begin = t ? agent_now() : 0;
	hsa_status_t status = agent.core.hsa_memory_register_fn(ptr, size);
	struct given g = {.kind = MEM_KIND_register,
			  .host = true,
			  .mapped = true,
			  .status = status,
			  .size = size,
			  .va = addr_of(ptr),
			  .host_va = addr_of(ptr)};

	if (!t)
		return status;
	memory_given(t, begin, &g, caller);
	agent_leave(t);
	return status;
}

static hsa_status_t memory_deregister(void *ptr, size_t size)
{
	struct thread *t = agent_enter();
	struct map_range r = {0};
	hsa_status_t status;

	if (t)
		memory_taken(t, MEM_KIND_register, addr_of(ptr), size, 0, &r);
	status = agent.core.hsa_memory_deregister_fn(ptr, size);
	if (!t)
		return status;
	if (status != HSA_STATUS_SUCCESS)
		memory_not_taken(t, "hsa_memory_deregister", addr_of(ptr), status, &r);
	agent_leave(t);
	return status;
}

/* ---- other processes, other APIs ---- */

static void note_export(struct thread *t, uint64_t begin, hsa_status_t status, uint8_t kind,
			uint64_t va, uint64_t size, const void *handle, uint16_t len)
{
	struct ev_mem_export e = {.begin_dt = agent_since(begin),
				  .status = (int32_t)status,
				  .kind = kind,
				  .va = va,
				  .size_bytes = size};
	uint8_t *at;

	len = status == HSA_STATUS_SUCCESS && handle ? len : 0;
	at = agent_reserve(t, EV_mem_export, sizeof(e) + 2u + len);
	if (!at)
		return;
	memcpy(at, &e, sizeof(e));
	stream__put_bytes(at + sizeof(e), handle, len);
	agent_commit(t);
}

static hsa_status_t ipc_create(void *ptr, size_t len, hsa_amd_ipc_memory_t *handle)
{
	struct thread *t = agent_enter();
	uint64_t begin = t ? agent_now() : 0;
	hsa_status_t status = agent.amd.hsa_amd_ipc_memory_create_fn(ptr, len, handle);

	if (!t)
		return status;
	note_export(t, begin, status, EXPORT_KIND_ipc, addr_of(ptr), len, handle, sizeof(*handle));
	agent_leave(t);
	return status;
}

static hsa_status_t ipc_attach(const hsa_amd_ipc_memory_t *handle, size_t len, uint32_t n,
			       const hsa_agent_t *agents, void **ptr)
{
	const uint64_t caller = CALLER;
	struct thread *t = agent_enter();
	uint64_t begin = t ? agent_now() : 0;
	hsa_status_t status = agent.amd.hsa_amd_ipc_memory_attach_fn(handle, len, n, agents, ptr);
	struct given g;

	if (!t)
		return status;
	g = (struct given){.kind = MEM_KIND_ipc,
			   .mapped = true,
			   .status = status,
			   .size = len,
			   .va = status == HSA_STATUS_SUCCESS ? addr_of(*ptr) : 0};
	memory_given(t, begin, &g, caller);
	agent_leave(t);
	return status;
}

static hsa_status_t ipc_detach(void *ptr)
{
	struct thread *t = agent_enter();
	struct map_range r = {0};
	hsa_status_t status;

	if (t)
		memory_taken(t, MEM_KIND_ipc, addr_of(ptr), 0, 0, &r);
	status = agent.amd.hsa_amd_ipc_memory_detach_fn(ptr);
	if (!t)
		return status;
	if (status != HSA_STATUS_SUCCESS)
		memory_not_taken(t, "hsa_amd_ipc_memory_detach", addr_of(ptr), status, &r);
	agent_leave(t);
	return status;
}

static hsa_status_t interop_map(uint32_t n, hsa_agent_t *agents, int fd, uint32_t flags,
				size_t *size, void **ptr, size_t *metadata_size,
				const void **metadata)
{
	const uint64_t caller = CALLER;
	struct thread *t = agent_enter();
	uint64_t begin = t ? agent_now() : 0;
	hsa_status_t status = agent.amd.hsa_amd_interop_map_buffer_fn(n, agents, fd, flags, size,
								      ptr, metadata_size, metadata);
	bool ok = status == HSA_STATUS_SUCCESS;
	struct given g;

	if (!t)
		return status;
	g = (struct given){.kind = MEM_KIND_interop,
			   .mapped = true,
			   .status = status,
			   .flags = flags,
			   .size = ok && size ? *size : 0,
			   .va = ok ? addr_of(*ptr) : 0,
			   .object = (uint64_t)fd};
	memory_given(t, begin, &g, caller);
	agent_leave(t);
	return status;
}

static hsa_status_t interop_unmap(void *ptr)
{
	struct thread *t = agent_enter();
	struct map_range r = {0};
	hsa_status_t status;

	if (t)
		memory_taken(t, MEM_KIND_interop, addr_of(ptr), 0, 0, &r);
	status = agent.amd.hsa_amd_interop_unmap_buffer_fn(ptr);
	if (!t)
		return status;
	if (status != HSA_STATUS_SUCCESS)
		memory_not_taken(t, "hsa_amd_interop_unmap_buffer", addr_of(ptr), status, &r);
	agent_leave(t);
	return status;
}

static hsa_status_t export_dmabuf(const void *ptr, size_t size, int *fd, uint64_t *offset)
{
	struct thread *t = agent_enter();
	uint64_t begin = t ? agent_now() : 0;
	hsa_status_t status = agent.amd.hsa_amd_portable_export_dmabuf_fn(ptr, size, fd, offset);

	if (!t)
		return status;
	note_export(t, begin, status, EXPORT_KIND_dmabuf, addr_of(ptr), size, fd, sizeof(*fd));
	agent_leave(t);
	return status;
}

static hsa_status_t export_dmabuf_v2(const void *ptr, size_t size, int *fd, uint64_t *offset,
				     uint64_t flags)
{
	struct thread *t = agent_enter();
	uint64_t begin = t ? agent_now() : 0;
	hsa_status_t status =
		agent.amd.hsa_amd_portable_export_dmabuf_v2_fn(ptr, size, fd, offset, flags);

	if (!t)
		return status;
	note_export(t, begin, status, EXPORT_KIND_dmabuf, addr_of(ptr), size, fd, sizeof(*fd));
	agent_leave(t);
	return status;
}

/* ---- shared virtual memory ---- */

static hsa_status_t svm_set(void *ptr, size_t size, hsa_amd_svm_attribute_pair_t *list, size_t n)
{
	struct thread *t = agent_enter();
	uint64_t begin = t ? agent_now() : 0;
	hsa_status_t status = agent.amd.hsa_amd_svm_attributes_set_fn(ptr, size, list, n);
	struct map_range r = {.lo = addr_of(ptr), .size = size, .kind = MEM_KIND_svm, .host = 1};
	struct map_range old;
	struct ev_svm_attributes e;
	uint16_t bytes;
	uint8_t *at;

	if (!t)
		return status;
	if (status == HSA_STATUS_SUCCESS) {
		r.made_ns = agent_now();
		map__remove(r.lo, size, MEM_KIND_svm, r.made_ns, &old); /* named again: the same */
		map__add(&r);
	}
	e = (struct ev_svm_attributes){.begin_dt = agent_since(begin),
				       .status = (int32_t)status,
				       .va = addr_of(ptr),
				       .size_bytes = size};
	bytes = (uint16_t)((list ? (n < 16 ? n : 16) : 0) * sizeof(*list));
	at = agent_reserve(t, EV_svm_attributes, sizeof(e) + 2u + bytes);
	if (at) {
		memcpy(at, &e, sizeof(e));
		stream__put_bytes(at + sizeof(e), list, bytes);
		agent_commit(t);
	}
	agent_leave(t);
	return status;
}

static hsa_status_t svm_prefetch(void *ptr, size_t size, hsa_agent_t to, uint32_t n,
				 const hsa_signal_t *deps, hsa_signal_t completion)
{
	struct thread *t = agent_enter();
	uint64_t begin = t ? agent_now() : 0;
	hsa_status_t status =
		agent.amd.hsa_amd_svm_prefetch_async_fn(ptr, size, to, n, deps, completion);
	struct ev_svm_prefetch e;

	if (!t)
		return status;
	e = (struct ev_svm_prefetch){.begin_dt = agent_since(begin),
				     .status = (int32_t)status,
				     .va = addr_of(ptr),
				     .size_bytes = size,
				     .agent = to.handle,
				     .num_dep_signals = n,
				     .completion_signal = completion.handle};
	agent_event(t, EV_svm_prefetch, &e, sizeof(e));
	agent_leave(t);
	return status;
}

/* ---- addresses and memory apart (ROCr 6.0 and later) ---- */

static void note_reserve(struct thread *t, uint64_t begin, hsa_status_t status, void **va,
			 size_t size, uint64_t flags, uint64_t caller)
{
	struct given g = {.kind = MEM_KIND_reserve,
			  .status = status,
			  .flags = (uint32_t)flags,
			  .size = size,
			  .va = status == HSA_STATUS_SUCCESS ? addr_of(*va) : 0};

	memory_given(t, begin, &g, caller);
}

static hsa_status_t reserve(void **va, size_t size, uint64_t address, uint64_t flags)
{
	const uint64_t caller = CALLER;
	struct thread *t = agent_enter();
	uint64_t begin = t ? agent_now() : 0;
	hsa_status_t status = agent.amd.hsa_amd_vmem_address_reserve_fn(va, size, address, flags);

	if (!t)
		return status;
	note_reserve(t, begin, status, va, size, flags, caller);
	agent_leave(t);
	return status;
}

static hsa_status_t reserve_align(void **va, size_t size, uint64_t address, uint64_t alignment,
				  uint64_t flags)
{
	const uint64_t caller = CALLER;
	struct thread *t = agent_enter();
	uint64_t begin = t ? agent_now() : 0;
	hsa_status_t status = agent.amd.hsa_amd_vmem_address_reserve_align_fn(va, size, address,
									      alignment, flags);

	if (!t)
		return status;
	note_reserve(t, begin, status, va, size, flags, caller);
	agent_leave(t);
	return status;
}

static hsa_status_t address_free(void *va, size_t size)
{
	struct thread *t = agent_enter();
	struct ev_mem_free e = {.kind = MEM_KIND_reserve, .va = addr_of(va), .size_bytes = size};
	hsa_status_t status;

	if (t)
		agent_event(t, EV_mem_free, &e, sizeof(e));
	status = agent.amd.hsa_amd_vmem_address_free_fn(va, size);
	if (!t)
		return status;
	if (status != HSA_STATUS_SUCCESS)
		agent_failed(t, "hsa_amd_vmem_address_free", addr_of(va), status);
	agent_leave(t);
	return status;
}

static void note_handle(struct thread *t, uint64_t begin, hsa_status_t status, uint16_t pool,
			size_t size, uint64_t flags, const uint64_t *handle, uint64_t caller)
{
	struct given g = {.kind = MEM_KIND_handle,
			  .status = status,
			  .pool = pool,
			  .flags = (uint32_t)flags,
			  .size = size,
			  .object = status == HSA_STATUS_SUCCESS ? *handle : 0};

	memory_given(t, begin, &g, caller);
}

static hsa_status_t handle_create(hsa_amd_memory_pool_t pool, size_t size, uint32_t type,
				  uint64_t flags, uint64_t *handle)
{
	const uint64_t caller = CALLER;
	struct thread *t = agent_enter();
	uint64_t begin = t ? agent_now() : 0;
	hsa_status_t status =
		agent.amd.hsa_amd_vmem_handle_create_fn(pool, size, type, flags, handle);
	bool readable;

	if (!t)
		return status;
	if (status == HSA_STATUS_ERROR_OUT_OF_RESOURCES && late_free_all(t))
		status = agent.amd.hsa_amd_vmem_handle_create_fn(pool, size, type, flags, handle);
	note_handle(t, begin, status, inventory_pool(t, pool, &readable), size, flags, handle,
		    caller);
	agent_leave(t);
	return status;
}

static hsa_status_t handle_import(int fd, uint64_t *handle)
{
	const uint64_t caller = CALLER;
	struct thread *t = agent_enter();
	uint64_t begin = t ? agent_now() : 0;
	hsa_status_t status = agent.amd.hsa_amd_vmem_import_shareable_handle_fn(fd, handle);

	if (!t)
		return status;
	note_handle(t, begin, status, 0, 0, 0, handle, caller);
	agent_leave(t);
	return status;
}

static hsa_status_t handle_export(int *fd, uint64_t handle, uint64_t flags)
{
	struct thread *t = agent_enter();
	uint64_t begin = t ? agent_now() : 0;
	hsa_status_t status = agent.amd.hsa_amd_vmem_export_shareable_handle_fn(fd, handle, flags);

	if (!t)
		return status;
	note_export(t, begin, status, EXPORT_KIND_vmem, handle, 0, fd, sizeof(*fd));
	agent_leave(t);
	return status;
}

static hsa_status_t handle_release(uint64_t handle)
{
	struct thread *t = agent_enter();
	struct ev_mem_free e = {.kind = MEM_KIND_handle, .object = handle};
	hsa_status_t status;

	if (t)
		agent_event(t, EV_mem_free, &e, sizeof(e));
	status = agent.amd.hsa_amd_vmem_handle_release_fn(handle);
	if (!t)
		return status;
	if (status != HSA_STATUS_SUCCESS)
		agent_failed(t, "hsa_amd_vmem_handle_release", handle, status);
	agent_leave(t);
	return status;
}

static hsa_status_t map_handle(void *va, size_t size, size_t offset, uint64_t handle,
			       uint64_t flags)
{
	const uint64_t caller = CALLER;
	struct thread *t = agent_enter();
	uint64_t begin = t ? agent_now() : 0;
	hsa_status_t status = agent.amd.hsa_amd_vmem_map_fn(va, size, offset, handle, flags);
	struct given g = {.kind = MEM_KIND_map,
			  .mapped = true,
			  .status = status,
			  .flags = (uint32_t)flags,
			  .size = size,
			  .va = addr_of(va),
			  .object = handle};

	if (!t)
		return status;
	memory_given(t, begin, &g, caller);
	agent_leave(t);
	return status;
}

static hsa_status_t unmap(void *va, size_t size)
{
	struct thread *t = agent_enter();
	struct map_range r = {0};
	hsa_status_t status;

	if (t)
		memory_taken(t, MEM_KIND_map, addr_of(va), size, 0, &r);
	status = agent.amd.hsa_amd_vmem_unmap_fn(va, size);
	if (!t)
		return status;
	if (status != HSA_STATUS_SUCCESS)
		memory_not_taken(t, "hsa_amd_vmem_unmap", addr_of(va), status, &r);
	agent_leave(t);
	return status;
}

static hsa_status_t set_access(void *va, size_t size, const struct amd_memory_access_desc *desc,
			       size_t n)
{
	struct thread *t = agent_enter();
	uint64_t begin = t ? agent_now() : 0;
	hsa_status_t status = agent.amd.hsa_amd_vmem_set_access_fn(va, size, desc, n);
	struct ev_vmem_access e;
	uint64_t list[32];
	uint16_t num = 0;
	uint8_t *at;

	if (!t)
		return status;
	for (size_t i = 0; desc && i < n && i < 16; i++) {
		list[num++] = desc[i].permissions;
		list[num++] = desc[i].agent.handle;
	}
	e = (struct ev_vmem_access){.begin_dt = agent_since(begin),
				    .status = (int32_t)status,
				    .va = addr_of(va),
				    .size_bytes = size};
	at = agent_reserve(t, EV_vmem_access, sizeof(e) + 2u + num * 8u);
	if (at) {
		memcpy(at, &e, sizeof(e));
		stream__put_bytes(at + sizeof(e), list, (uint16_t)(num * 8));
		agent_commit(t);
	}
	agent_leave(t);
	return status;
}

/* ---- */

void vmem_forget(void)
{
	struct locked *l;

	spin_lock(&locked_lock);
	l = locked_list;
	locked_list = NULL;
	spin_unlock(&locked_lock);
	while (l) {
		struct locked *next = l->next;

		free(l);
		l = next;
	}
}

void vmem_hook(struct amd_table *amd, CoreApiTable *core)
{
	core->hsa_memory_register_fn = memory_register;
	core->hsa_memory_deregister_fn = memory_deregister;
	if (!amd)
		return;
	amd->hsa_amd_memory_lock_fn = memory_lock;
	amd->hsa_amd_memory_lock_to_pool_fn = memory_lock_to_pool;
	amd->hsa_amd_memory_unlock_fn = memory_unlock;
	amd->hsa_amd_ipc_memory_create_fn = ipc_create;
	amd->hsa_amd_ipc_memory_attach_fn = ipc_attach;
	amd->hsa_amd_ipc_memory_detach_fn = ipc_detach;
	amd->hsa_amd_interop_map_buffer_fn = interop_map;
	amd->hsa_amd_interop_unmap_buffer_fn = interop_unmap;
	amd->hsa_amd_portable_export_dmabuf_fn = export_dmabuf;
	amd->hsa_amd_portable_export_dmabuf_v2_fn = export_dmabuf_v2;
	amd->hsa_amd_svm_attributes_set_fn = svm_set;
	amd->hsa_amd_svm_prefetch_async_fn = svm_prefetch;
	amd->hsa_amd_vmem_address_reserve_fn = reserve;
	amd->hsa_amd_vmem_address_reserve_align_fn = reserve_align;
	amd->hsa_amd_vmem_address_free_fn = address_free;
	amd->hsa_amd_vmem_handle_create_fn = handle_create;
	amd->hsa_amd_vmem_import_shareable_handle_fn = handle_import;
	amd->hsa_amd_vmem_export_shareable_handle_fn = handle_export;
	amd->hsa_amd_vmem_handle_release_fn = handle_release;
	amd->hsa_amd_vmem_map_fn = map_handle;
	amd->hsa_amd_vmem_unmap_fn = unmap;
	amd->hsa_amd_vmem_set_access_fn = set_access;
}
