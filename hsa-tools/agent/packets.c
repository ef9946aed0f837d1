// SPDX-License-Identifier: MIT
/*
 * Packets: read from the ring when the application rings the doorbell, before the store is passed
 * on, so that the device has not taken them yet. Nothing about the queue changes.
 */
#include "steer.h"

#include <string.h>

#define KERNARG_MAX 16384u

/*
 * What the application has stored a moment ago: in pieces that lie within one of its stores each,
 * or every load waits until those have reached the cache.
 */
static inline void copy_word(uint8_t *to, const uint8_t *from)
{
	const uint64_t w = __atomic_load_n((const uint64_t *)(const void *)from, __ATOMIC_RELAXED);

	memcpy(to, &w, sizeof(w));
}

/* from is 8-aligned. */
static void copy_words(uint8_t *to, const uint8_t *from, size_t size)
{
	const uint8_t *const end = from + (size & ~7ull);

	for (; from < end; from += 8, to += 8)
		copy_word(to, from);
	if (size & 7)
		memcpy(to, from, size & 7);
}

/* The header and what follows it are stored last, as one word. */
static inline void copy_packet(uint8_t to[64], const uint8_t *slot)
{
	for (int i = 4; i < 16; i += 4) {
		uint32_t w = __atomic_load_n((const uint32_t *)(const void *)(slot + i),
					     __ATOMIC_RELAXED);

		memcpy(to + i, &w, sizeof(w));
	}
	copy_word(to + 16, slot + 16);
	copy_word(to + 24, slot + 24);
	copy_word(to + 32, slot + 32);
	copy_word(to + 40, slot + 40);
	copy_word(to + 48, slot + 48);
	copy_word(to + 56, slot + 56);
}

size_t packets_kernarg(struct thread *t, uint64_t addr, uint8_t *out, size_t size)
{
	const uint8_t *from = (const uint8_t *)(uintptr_t)addr;
	const struct place *p;
	struct place found;

	if (!addr || !size)
		return 0;
	p = memory_place(t, addr);
	if (unlikely(!p) && memory_find(t, addr, &found) == MAP_INSIDE)
		p = &found;
	/* Not memory we know: a wrong address must not crash the application here. */
	if (unlikely(!p || !p->host || size > p->size - (addr - p->lo)))
		return agent_peek(addr, out, size);
	if (unlikely(addr & 7))
		memcpy(out, from, size);
	else
		copy_words(out, from, size);
	return size;
}

static void put_pointer(struct thread *t, uint16_t at, uint64_t value, uint8_t *out)
{
	const struct place *p = memory_place(t, value);
	enum map_answer answer = MAP_INSIDE;
	struct ev_pointer e;
	struct place found;

	if (unlikely(!p)) {
		answer = memory_find(t, value, &found);
		p = &found;
	}
	e = memory_pointer(at, answer, p);
	memcpy(out, &e, sizeof(e));
}

/* Where the pointers among the arguments point, but for null; returns how many bytes that is. */
static size_t resolve(struct thread *t, const struct kernel_facts *k, const uint8_t *kernarg,
		      size_t len, uint8_t *out)
{
	const bool whole = len >= k->pointers_end;
	const uint16_t *at = k->pointers, *const end = at + k->num_pointers;
	uint8_t *const begin = out;
	uint64_t value;

	for (; at < end; at++) {
		if (unlikely(!whole) && *at + sizeof(value) > len)
			continue;
		memcpy(&value, kernarg + *at, sizeof(value));
		if (!value)
			continue;
		put_pointer(t, *at, value, out);
		out += sizeof(struct ev_pointer);
	}
	return (size_t)(out - begin);
}

static bool has_signal(const struct queue *q, const hsa_kernel_dispatch_packet_t *p)
{
	const unsigned int type = p->header & 0xff;

	return q->made_by != QUEUE_MAKER_soft &&
	       (type == HSA_PACKET_TYPE_KERNEL_DISPATCH || type == HSA_PACKET_TYPE_BARRIER_AND ||
		type == HSA_PACKET_TYPE_BARRIER_OR);
}

/* In ring mode the event itself may go. */
static __attribute__((noinline)) void keep_copy(const struct thread *t, struct event_copy *to,
						const uint8_t *event)
{
	memcpy(to->bytes, event - sizeof(struct ev_head),
	       t->stream.pending < sizeof(to->bytes) ? t->stream.pending : sizeof(to->bytes));
}

/* event: its payload, NULL when it was lost. */
static inline void keep(struct thread *t, struct queue *q, uint64_t index,
			const hsa_kernel_dispatch_packet_t *p, uint64_t signal,
			const uint8_t *event)
{
	struct recent *r = q->recent ? &q->recent[index % RECENT] : NULL;

	if (unlikely(!r))
		return;
	__atomic_store_n(&r->index, 0, __ATOMIC_RELEASE);
	r->ts_ns = likely(event) ? t->stream.last_ts : agent_now();
	/* Of other packets what stands there is the application's own business. */
	r->signal = has_signal(q, p) ? signal : 0;
	r->signal_before = r->signal ? signal_glance(signal) : 0;
	r->kernel_object = p->kernel_object;
	r->items = (uint64_t)p->grid_size_x * p->grid_size_y * p->grid_size_z;
	memcpy(&r->first, p, sizeof(r->first));
	r->event = event;
	if (unlikely(event && q->copies))
		keep_copy(t, &q->copies[index % RECENT], event);
	__atomic_store_n(&r->index, index + 1, __ATOMIC_RELEASE);
}

static void record_dispatch(struct thread *t, struct queue *q, uint64_t index,
			    const hsa_kernel_dispatch_packet_t *p, uint64_t signal)
{
	struct kernel_facts *k = kernel_find(p->kernel_object);
	size_t declared = k ? k->kernarg_bytes : 0;
	size_t want = declared < KERNARG_MAX ? declared : KERNARG_MAX;
	size_t room = k ? k->num_pointers * sizeof(struct ev_pointer) : 0;
	struct ev_dispatch e = {.queue_id = q->id, .index = index};
	uint8_t *at, *kernarg, *pointers;
	size_t got, resolved = 0;

	if (unlikely(k && k->code && !__atomic_load_n(&k->used, __ATOMIC_RELAXED))) {
		code_used(k->code);
		__atomic_store_n(&k->used, 1, __ATOMIC_RELAXED);
	}
	at = agent_reserve(t, EV_dispatch, sizeof(e) + 2 + sizeof(*p) + 2 + want + 2 + room);
	if (unlikely(!at)) {
		keep(t, q, index, p, signal, NULL);
		return;
	}
	kernarg = at + sizeof(e) + 2 + sizeof(*p) + 2;
	pointers = kernarg + want + 2;
	memory_renew(t);
	/* The event has its full size; bytes that cannot be read are zeros and counted. */
	got = packets_kernarg(t, addr_of(p->kernarg_address), kernarg, want);
	if (unlikely(got < want))
		memset(kernarg + got, 0, want - got);
	if (likely(k))
		resolved = resolve(t, k, kernarg, got, pointers);
	if (resolved < room)
		agent_shrink(t, room - resolved);
	e.unread = (uint16_t)(!k || declared - got > UINT16_MAX ? UINT16_MAX : declared - got);
	memcpy(at, &e, sizeof(e));
	memcpy(at + sizeof(e), &(uint16_t){sizeof(*p)}, 2);
	memcpy(at + sizeof(e) + 2, p, sizeof(*p));
	memcpy(kernarg - 2, &(uint16_t){(uint16_t)want}, 2);
	memcpy(pointers - 2, &(uint16_t){(uint16_t)resolved}, 2);
	keep(t, q, index, p, signal, at);
	agent_commit(t);
}

static void record_packet(struct thread *t, struct queue *q, uint64_t index, const void *p)
{
	const hsa_barrier_and_packet_t *barrier = p; /* every kind has its signal there */
	struct ev_packet e = {.queue_id = q->id, .index = index};
	uint8_t *at = agent_reserve(t, EV_packet, sizeof(e) + 2 + 64);

	__atomic_fetch_add(&q->others, 1, __ATOMIC_RELAXED);
	if (at) {
		memcpy(at, &e, sizeof(e));
		stream__put_bytes(at + sizeof(e), p, 64);
	}
	keep(t, q, index, p, barrier->completion_signal.handle, at);
	if (at)
		agent_commit(t);
}

void packets_record(struct thread *t, struct queue *q, uint64_t index,
		    hsa_kernel_dispatch_packet_t *packet)
{
	const hsa_kernel_dispatch_packet_t p = *packet;
	uint64_t signal = p.completion_signal.handle;

	if ((p.header & 0xff) != HSA_PACKET_TYPE_KERNEL_DISPATCH) {
		record_packet(t, q, index, packet);
		return;
	}
	if (agent.options.timing_every)
		signal = timing_dispatch(t, q, index, &p, packet);
	record_dispatch(t, q, index, &p, signal);
}

void packets_gap(struct thread *t, const struct queue *q, uint64_t first, uint64_t count,
		 enum ev_gap_cause cause)
{
	struct ev_queue_gap e = {.queue_id = q->id, .first = first, .count = count, .cause = cause};

	agent_event(t, EV_queue_gap, &e, sizeof(e));
}

/* Move q->next over packet *next; false, and *next where it is, when another thread was faster. */
static bool claim(struct queue *q, uint64_t *next, uint64_t to)
{
	return __atomic_compare_exchange_n(&q->next, next, to, false, __ATOMIC_ACQ_REL,
					   __ATOMIC_ACQUIRE);
}

/*
 * Packets before `end` that nobody has read. Several threads may ring one queue at once: each
 * packet is copied first and then claimed by moving q->next over it, so it is recorded once.
 */
void packets_read(struct thread *t, struct queue *q, uint64_t rung, uint64_t end, bool alone)
{
	const uint32_t mask = q->size - 1;
	const bool timing = agent.options.timing_every;
	uint64_t next = __atomic_load_n(&q->next, __ATOMIC_ACQUIRE);

	while ((int64_t)(end - next) > 0) {
		const uint8_t *slot = q->base + (next & mask) * 64;
		union {
			hsa_kernel_dispatch_packet_t dispatch;
			uint8_t bytes[64];
		} p;
		uint32_t first =
			__atomic_load_n((const uint32_t *)(const void *)slot, __ATOMIC_ACQUIRE);
		uint64_t taken, signal;
		unsigned int type;

		memcpy(p.bytes, &first, sizeof(first));
		copy_packet(p.bytes, slot);
		type = first & 0xff;
		/*
		 * The only packet of a doorbell that nobody has rung before cannot have been taken.
		 * Asking is not free: the device writes that line.
		 */
		if (unlikely(type == HSA_PACKET_TYPE_INVALID || end - next > 1 ||
			     (int64_t)(next - rung) < 0)) {
			/* Taken while we looked: what was copied may be the next lap's. */
			taken = agent.core.hsa_queue_load_read_index_scacquire_fn(q->q);
			if ((int64_t)(taken - next) > 0) {
				if (claim(q, &next, taken)) {
					__atomic_fetch_add(&q->others, taken - next,
							   __ATOMIC_RELAXED);
					packets_gap(t, q, next, taken - next, GAP_consumed);
					next = taken;
				}
				continue;
			}
			if (type == HSA_PACKET_TYPE_INVALID)
				return; /* its producer has not finished: at the next doorbell */
		}
		if (unlikely(!claim(q, &next, next + 1)))
			continue;
		signal = p.dispatch.completion_signal.handle;
		if (unlikely(timing) && type == HSA_PACKET_TYPE_KERNEL_DISPATCH)
			signal = timing_dispatch(t, q, next, &p.dispatch,
						 alone && (int64_t)(next - rung) >= 0
							 ? (void *)(uintptr_t)slot
							 : NULL);
		if (likely(type == HSA_PACKET_TYPE_KERNEL_DISPATCH)) {
			record_dispatch(t, q, next, &p.dispatch, signal);
			if (unlikely(q->steered))
				steer_in_place(t, q, next, &p.dispatch, (uint8_t *)(uintptr_t)slot);
		} else
			record_packet(t, q, next, p.bytes);
		next++;
	}
}
