// SPDX-License-Identifier: MIT
/* Copies and fills: the runtime makes them, by an engine, a kernel of its own, or the CPU. */
#include "agent.h"

static void note_copy(struct thread *t, uint64_t begin, struct ev_async_copy *e,
		      hsa_status_t status)
{
	e->begin_dt = agent_since(begin);
	e->status = (int32_t)status;
	agent_event(t, EV_async_copy, e, sizeof(*e));
}

static struct ev_async_copy copy_of(const void *dst, hsa_agent_t dst_agent, const void *src,
				    hsa_agent_t src_agent, size_t size, enum ev_copy_kind kind)
{
	return (struct ev_async_copy){.dst = addr_of(dst),
				      .dst_agent = dst_agent.handle,
				      .src = addr_of(src),
				      .src_agent = src_agent.handle,
				      .size_bytes = size,
				      .kind = kind};
}

static hsa_status_t memory_copy(void *dst, const void *src, size_t size)
{
	struct thread *t = agent_enter();
	uint64_t begin = t ? agent_now() : 0;
	hsa_status_t status = agent.core.hsa_memory_copy_fn(dst, src, size);
	struct ev_async_copy e;

	if (!t)
		return status;
	e = copy_of(dst, (hsa_agent_t){0}, src, (hsa_agent_t){0}, size, COPY_KIND_sync);
	note_copy(t, begin, &e, status);
	agent_leave(t);
	return status;
}

static hsa_status_t async_copy(void *dst, hsa_agent_t dst_agent, const void *src,
			       hsa_agent_t src_agent, size_t size, uint32_t num_deps,
			       const hsa_signal_t *deps, hsa_signal_t completion)
{
	struct thread *t = agent_enter();
	uint64_t begin = t ? agent_now() : 0;
	hsa_status_t status = agent.amd.hsa_amd_memory_async_copy_fn(
		dst, dst_agent, src, src_agent, size, num_deps, deps, completion);
	struct ev_async_copy e;

	if (!t)
		return status;
	e = copy_of(dst, dst_agent, src, src_agent, size, COPY_KIND_async);
	e.num_dep_signals = num_deps;
	e.completion_signal = completion.handle;
	note_copy(t, begin, &e, status);
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
	struct ev_async_copy e;

	if (!t)
		return status;
	e = copy_of(dst, dst_agent, src, src_agent, size, COPY_KIND_engine);
	e.num_dep_signals = num_deps;
	e.completion_signal = completion.handle;
	e.engine = engine_id;
	note_copy(t, begin, &e, status);
	agent_leave(t);
	return status;
}

static void note_rect(struct thread *t, const hsa_pitched_ptr_t *dst, const hsa_dim3_t *to,
		      const hsa_pitched_ptr_t *src, const hsa_dim3_t *from, const hsa_dim3_t *range)
{
	const struct ev_copy_rect e = {
		.dst = addr_of(dst->base),
		.dst_pitch_bytes = dst->pitch,
		.dst_slice_bytes = dst->slice,
		.dst_x_bytes = to->x,
		.dst_y = to->y,
		.dst_z = to->z,
		.src = addr_of(src->base),
		.src_pitch_bytes = src->pitch,
		.src_slice_bytes = src->slice,
		.src_x_bytes = from->x,
		.src_y = from->y,
		.src_z = from->z,
		.width_bytes = range->x,
		.height = range->y,
		.depth = range->z,
	};

	agent_event(t, EV_copy_rect, &e, sizeof(e));
}

static hsa_status_t copy_rect(const hsa_pitched_ptr_t *dst, const hsa_dim3_t *dst_offset,
			      const hsa_pitched_ptr_t *src, const hsa_dim3_t *src_offset,
			      const hsa_dim3_t *range, hsa_agent_t copy_agent,
			      hsa_amd_copy_direction_t dir, uint32_t num_deps,
			      const hsa_signal_t *deps, hsa_signal_t completion)
{
	struct thread *t = agent_enter();
	uint64_t begin = t ? agent_now() : 0;
	hsa_status_t status = agent.amd.hsa_amd_memory_async_copy_rect_fn(
		dst, dst_offset, src, src_offset, range, copy_agent, dir, num_deps, deps,
		completion);
	bool said = dst && dst_offset && src && src_offset && range;
	struct ev_async_copy e = {.dst = dst ? addr_of(dst->base) : 0,
				  .dst_agent = copy_agent.handle,
				  .src = src ? addr_of(src->base) : 0,
				  .src_agent = copy_agent.handle,
				  .num_dep_signals = num_deps,
				  .completion_signal = completion.handle,
				  .kind = COPY_KIND_rect};

	if (!t)
		return status;
	if (said)
		e.size_bytes = (uint64_t)range->x * range->y * range->z;
	note_copy(t, begin, &e, status);
	if (said)
		note_rect(t, dst, dst_offset, src, src_offset, range);
	agent_leave(t);
	return status;
}

static hsa_status_t memory_fill(void *ptr, uint32_t value, size_t count)
{
	struct thread *t = agent_enter();
	uint64_t begin = t ? agent_now() : 0;
	hsa_status_t status = agent.amd.hsa_amd_memory_fill_fn(ptr, value, count);
	struct ev_mem_fill e;

	if (!t)
		return status;
	e = (struct ev_mem_fill){.begin_dt = agent_since(begin),
				 .status = (int32_t)status,
				 .va = addr_of(ptr),
				 .value = value,
				 .words = count};
	agent_event(t, EV_mem_fill, &e, sizeof(e));
	agent_leave(t);
	return status;
}

void copy_hook(struct amd_table *amd, CoreApiTable *core)
{
	core->hsa_memory_copy_fn = memory_copy;
	if (!amd)
		return;
	amd->hsa_amd_memory_async_copy_fn = async_copy;
	amd->hsa_amd_memory_async_copy_on_engine_fn = copy_on_engine;
	amd->hsa_amd_memory_async_copy_rect_fn = copy_rect;
	amd->hsa_amd_memory_fill_fn = memory_fill;
}
