// SPDX-License-Identifier: MIT
#include "mover.h"

#include "image.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { QUEUE_SIZE = 64, WORKGROUP = 64, MOST_ITEMS = 1 << 28, SLICE_NS = 100000000 };

struct copy_args {
	void *to;
	const void *from;
	uint64_t units;
};

struct mover {
	hsa_agent_t on;
	hsa_queue_t *queue; /* made when it is first needed */
	hsa_signal_t done;
	hsa_amd_memory_pool_t pool; /* of the host; handle 0: there is none */
	uint64_t by_4, by_2;	    /* our kernels that copy; 0: the runtime has to */
	struct copy_args *args;
	void *room[MOVER_ROOMS];
	size_t size[MOVER_ROOMS];
};

/* ---- memory that both reach ---- */

static hsa_status_t take_pool(hsa_amd_memory_pool_t pool, void *data)
{
	__typeof__(agent.amd.hsa_amd_memory_pool_get_info_fn) get =
		agent.amd.hsa_amd_memory_pool_get_info_fn;
	hsa_amd_segment_t segment = HSA_AMD_SEGMENT_GROUP;
	uint32_t flags = 0;
	bool allowed = false;

	get(pool, HSA_AMD_MEMORY_POOL_INFO_SEGMENT, &segment);
	get(pool, HSA_AMD_MEMORY_POOL_INFO_GLOBAL_FLAGS, &flags);
	get(pool, HSA_AMD_MEMORY_POOL_INFO_RUNTIME_ALLOC_ALLOWED, &allowed);
	if (segment == HSA_AMD_SEGMENT_GLOBAL && allowed &&
	    (flags & HSA_AMD_MEMORY_POOL_GLOBAL_FLAG_FINE_GRAINED) &&
	    !(flags & HSA_AMD_MEMORY_POOL_GLOBAL_FLAG_KERNARG_INIT))
		*(hsa_amd_memory_pool_t *)data = pool;
	return HSA_STATUS_SUCCESS;
}

static hsa_status_t take_cpu(hsa_agent_t on, void *data)
{
	hsa_device_type_t type = HSA_DEVICE_TYPE_GPU;

	agent.core.hsa_agent_get_info_fn(on, HSA_AGENT_INFO_DEVICE, &type);
	if (type == HSA_DEVICE_TYPE_CPU && !((hsa_amd_memory_pool_t *)data)->handle)
		agent.amd.hsa_amd_agent_iterate_memory_pools_fn(on, take_pool, data);
	return HSA_STATUS_SUCCESS;
}

static void *allocate(struct mover *m, size_t bytes)
{
	void *p = NULL;

	if (!m->pool.handle || agent.amd.hsa_amd_memory_pool_allocate_fn(m->pool, bytes, 0, &p))
		return NULL;
	if (!agent.amd.hsa_amd_agents_allow_access_fn(1, &m->on, NULL, p))
		return p;
	agent.amd.hsa_amd_memory_pool_free_fn(p);
	return NULL;
}

static void drop_room(struct mover *m, int i)
{
	if (m->room[i])
		agent.amd.hsa_amd_memory_pool_free_fn(m->room[i]);
	m->room[i] = NULL;
	m->size[i] = 0;
}

void *mover_room(struct mover *m, int i, size_t bytes)
{
	if (bytes <= m->size[i])
		return m->room[i];
	drop_room(m, i);
	m->room[i] = allocate(m, bytes);
	m->size[i] = m->room[i] ? bytes : 0;
	return m->room[i];
}

/* ---- dispatches ---- */

static bool make_queue(struct mover *m)
{
	if (m->queue)
		return true;
	if (!m->done.handle && agent.core.hsa_signal_create_fn(1, 0, NULL, &m->done))
		return false;
	if (!agent.core.hsa_queue_create_fn(m->on, QUEUE_SIZE, HSA_QUEUE_TYPE_SINGLE, NULL, NULL,
					    UINT32_MAX, UINT32_MAX, &m->queue))
		return true;
	m->queue = NULL;
	return false;
}

int mover_run(struct mover *m, const hsa_kernel_dispatch_packet_t *packet, const int *stop)
{
	hsa_kernel_dispatch_packet_t p = *packet, *slot;
	const uint32_t first = p.header | (uint32_t)p.setup << 16;
	uint64_t index;

	if (!make_queue(m))
		return -ENOMEM;
	agent.core.hsa_signal_store_relaxed_fn(m->done, 1);
	index = agent.core.hsa_queue_add_write_index_relaxed_fn(m->queue, 1);
	slot = (hsa_kernel_dispatch_packet_t *)m->queue->base_address +
	       (index & (m->queue->size - 1));
	p.completion_signal = m->done;
	memcpy((uint8_t *)slot + 4, (const uint8_t *)&p + 4, sizeof(p) - 4);
	__atomic_store_n((uint32_t *)(void *)slot, first, __ATOMIC_RELEASE);
	agent.core.hsa_signal_store_screlease_fn(m->queue->doorbell_signal,
						 (hsa_signal_value_t)index);
	while (agent.core.hsa_signal_wait_scacquire_fn(m->done, HSA_SIGNAL_CONDITION_LT, 1,
						       SLICE_NS, HSA_WAIT_STATE_BLOCKED) > 0)
		if (__atomic_load_n(stop, __ATOMIC_ACQUIRE))
			return -ECANCELED;
	return 0;
}

int mover_copy(struct mover *m, void *to, const void *from, size_t bytes, const int *stop)
{
	const bool fours = !((addr_of(to) | addr_of(from) | bytes) & 3);
	const uint64_t units = fours ? bytes / 4 : bytes / 2;
	const uint16_t all = HSA_PACKET_TYPE_KERNEL_DISPATCH |
			     HSA_FENCE_SCOPE_SYSTEM << HSA_PACKET_HEADER_SCACQUIRE_FENCE_SCOPE |
			     HSA_FENCE_SCOPE_SYSTEM << HSA_PACKET_HEADER_SCRELEASE_FENCE_SCOPE;
	hsa_kernel_dispatch_packet_t p = {.header = all,
					  .setup = 3,
					  .workgroup_size_x = WORKGROUP,
					  .workgroup_size_y = 1,
					  .workgroup_size_z = 1,
					  .grid_size_y = 1,
					  .grid_size_z = 1,
					  .kernel_object = fours ? m->by_4 : m->by_2,
					  .kernarg_address = m->args};

	if (!p.kernel_object || !m->args || ((addr_of(to) | addr_of(from) | bytes) & 1))
		return agent.core.hsa_memory_copy_fn(to, from, bytes) ? -EFAULT : 0;
	*m->args = (struct copy_args){to, from, units};
	p.grid_size_x = units > MOST_ITEMS
				? MOST_ITEMS
				: (uint32_t)((units + WORKGROUP - 1) / WORKGROUP * WORKGROUP);
	return mover_run(m, &p, stop);
}

/* ---- made, gone ---- */

struct mover *mover_new(struct thread *t, hsa_agent_t on)
{
	struct mover *m = calloc(1, sizeof(*m));
	struct image_kernel by_4, by_2;
	const struct image *im;
	const char *why;

	if (!m)
		return NULL;
	m->on = on;
	if (!agent.has_amd)
		return m;
	agent.core.hsa_iterate_agents_fn(take_cpu, &m->pool);
	im = image_get(t, on, NULL, &why);
	if (im && image_kernel(im, "rdna1_copy_4.kd", &by_4) &&
	    image_kernel(im, "rdna1_copy_2.kd", &by_2)) {
		m->by_4 = by_4.object;
		m->by_2 = by_2.object;
		m->args = allocate(m, sizeof(*m->args));
	}
	return m;
}

void mover_free(struct mover *m)
{
	for (int i = 0; i < MOVER_ROOMS; i++)
		drop_room(m, i);
	if (m->args)
		agent.amd.hsa_amd_memory_pool_free_fn(m->args);
	if (m->queue)
		agent.core.hsa_queue_destroy_fn(m->queue);
	if (m->done.handle)
		agent.core.hsa_signal_destroy_fn(m->done);
	free(m);
}
