// SPDX-License-Identifier: MIT
/*
 * The packets of a queue that something may have gone wrong with: the last ones that were rung for,
 * as they were then, and those that are older, where the device is far behind, as they still stand
 * in the ring.
 */
#include "queue.h"

#include <string.h>

const struct recent *recent_at(const struct queue *q, uint64_t index)
{
	const struct recent *r = q->recent ? &q->recent[index % RECENT] : NULL;

	return r && __atomic_load_n(&r->index, __ATOMIC_ACQUIRE) == index + 1 ? r : NULL;
}

enum ev_dispatch_done recent_done(const struct queue *q, const struct recent *r)
{
	int64_t value;

	if (!r->signal || !signal_peek(r->signal, &value))
		return DISPATCH_DONE_unknown;
	/* Used again by a later one: then it says nothing of this. */
	for (uint32_t i = 0; i < RECENT; i++)
		if (q->recent[i].index > r->index && q->recent[i].signal == r->signal)
			return DISPATCH_DONE_unknown;
	return value < r->signal_before ? DISPATCH_DONE_yes : DISPATCH_DONE_no;
}

bool ring_peek(const struct queue *q, uint64_t index, void *packet)
{
	const uint64_t at = addr_of(q->base) + (index & (q->size - 1)) * 64;

	return agent_peek(at, packet, 64) == 64;
}

/* The device takes a packet's header away: whether it was a dispatch, its kernel tells. */
static bool from_ring(const struct queue *q, uint64_t index, uint64_t write, struct recent *r)
{
	hsa_kernel_dispatch_packet_t p;
	uint32_t first;

	if ((int64_t)(write - index) <= 0 || write - index > q->size ||
	    (int64_t)(index - q->begin) < 0 || !ring_peek(q, index, &p))
		return false;
	memcpy(&first, &p, sizeof(first));
	if ((first & 0xff) == HSA_PACKET_TYPE_INVALID)
		first = (first & 0xffff0000) |
			(kernel_find(p.kernel_object) ? HSA_PACKET_TYPE_KERNEL_DISPATCH
						      : HSA_PACKET_TYPE_BARRIER_AND);
	*r = (struct recent){.index = index + 1,
			     .kernel_object = p.kernel_object,
			     .items = (uint64_t)p.grid_size_x * p.grid_size_y * p.grid_size_z,
			     .first = first};
	return true;
}

const struct recent *recent_or_ring(const struct queue *q, uint64_t index, uint64_t write,
				    struct recent *room)
{
	const struct recent *r = recent_at(q, index);

	return r ? r : from_ring(q, index, write, room) ? room : NULL;
}
