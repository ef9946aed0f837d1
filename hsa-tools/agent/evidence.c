// SPDX-License-Identifier: MIT
/*
 * What is known when something goes wrong: written to a stream of its own, which nobody else can be
 * in the middle of, and to disk before anything else happens. Runs in signal handlers: no malloc,
 * no lock that is waited for.
 */
#include "queue.h"

#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
	WAIT_MS = 2000,
	AROUND = 4, /* packets on each side of the read index */
};

static struct thread writer; /* only its stream and tid are used */
static uint32_t busy;	     /* atomic: the tid of who writes */
static bool opened;

static struct recent *next_recent(const struct queue *q, uint64_t after)
{
	struct recent *best = NULL;

	for (uint32_t i = 0; q->recent && i < RECENT; i++) {
		struct recent *r = &q->recent[i];
		uint64_t index = __atomic_load_n(&r->index, __ATOMIC_ACQUIRE);

		if (index > after && (!best || index < best->index))
			best = r;
	}
	return best;
}

/* Bytes field at *at of what was peeked; false when it does not lie in it. */
static bool take_bytes(const uint8_t **at, const uint8_t *end, const uint8_t **data, uint16_t *len)
{
	if (end - *at < 2)
		return false;
	memcpy(len, *at, 2);
	*data = *at + 2;
	*at = *data + (*len < end - *data ? *len : end - *data);
	return true;
}

/* What its event says, which may be gone: then nothing. */
struct saying {
	struct event_copy copy;
	const uint8_t *packet, *kernarg, *pointers;
	uint16_t packet_len, kernarg_len, pointers_len;
};

/* Of one that is known by the ring alone: its packet, and where its arguments point now. */
static void read_ring(const struct queue *q, const struct recent *r, struct saying *s)
{
	uint8_t *kernarg = s->copy.bytes + 64, *out = kernarg + RECENT_KERNARG;
	const struct kernel_facts *k;
	hsa_kernel_dispatch_packet_t p;

	memset(s, 0, sizeof(*s));
	if (!ring_peek(q, r->index - 1, &p))
		return;
	p.header = (uint16_t)r->first;
	memcpy(s->copy.bytes, &p, sizeof(p));
	s->packet = s->copy.bytes;
	s->packet_len = sizeof(p);
	k = recent_type(r) == HSA_PACKET_TYPE_KERNEL_DISPATCH ? kernel_find(p.kernel_object) : NULL;
	if (!k)
		return;
	s->kernarg = kernarg;
	s->kernarg_len = (uint16_t)agent_peek(addr_of(p.kernarg_address), kernarg,
					      k->kernarg_bytes < RECENT_KERNARG ? k->kernarg_bytes
										: RECENT_KERNARG);
	s->pointers = out;
	for (uint16_t i = 0; i < k->num_pointers && i < RECENT_POINTERS; i++) {
		struct map_range range = {0};
		enum map_answer answer;
		struct ev_pointer e;
		uint64_t value = 0;

		if (k->pointers[i] + sizeof(value) <= s->kernarg_len)
			memcpy(&value, kernarg + k->pointers[i], sizeof(value));
		if (!value)
			continue;
		answer = map__find(value, &range);
		e = memory_pointer(
			k->pointers[i], answer,
			&(struct place){.lo = range.lo, .size = range.size, .kind = range.kind});
		memcpy(out + s->pointers_len, &e, sizeof(e));
		s->pointers_len = (uint16_t)(s->pointers_len + sizeof(e));
	}
}

static void read_event(const struct queue *q, const struct recent *r, struct saying *s)
{
	const uint8_t *at = s->copy.bytes + sizeof(struct ev_head), *end;
	uint64_t id_index[2];
	struct ev_head head;
	size_t n;

	memset(s, 0, sizeof(*s));
	if (q->copies)
		s->copy = q->copies[(r->index - 1) % RECENT];
	n = q->copies
		    ? sizeof(s->copy)
		    : agent_peek(addr_of(r->event - sizeof(head)), s->copy.bytes, sizeof(s->copy));
	if (!r->event || n < sizeof(head) + sizeof(struct ev_dispatch))
		return;
	memcpy(&head, s->copy.bytes, sizeof(head));
	memcpy(id_index, at, sizeof(id_index));
	if ((head.id != EV_dispatch && head.id != EV_packet) || id_index[0] != q->id ||
	    id_index[1] != r->index - 1)
		return;
	end = s->copy.bytes + (head.size < n ? head.size : n);
	at += head.id == EV_dispatch ? sizeof(struct ev_dispatch) : sizeof(struct ev_packet);
	if (!take_bytes(&at, end, &s->packet, &s->packet_len) ||
	    !take_bytes(&at, end, &s->kernarg, &s->kernarg_len))
		return;
	/* Behind kernel arguments that were cut there is nothing to be found. */
	if (s->kernarg_len > end - s->kernarg)
		s->kernarg_len = (uint16_t)(end - s->kernarg);
	else if (take_bytes(&at, end, &s->pointers, &s->pointers_len) &&
		 s->pointers_len > end - s->pointers)
		s->pointers_len = (uint16_t)((size_t)(end - s->pointers) /
					     sizeof(struct ev_pointer) * sizeof(struct ev_pointer));
}

static void write_recent(struct thread *t, const struct queue *q, const struct recent *r,
			 uint64_t now)
{
	const struct ev_recent_dispatch e = {
		.queue_id = q->id,
		.index = r->index - 1,
		.age_ns = r->ts_ns ? now - r->ts_ns : 0,
		.done = (uint8_t)recent_done(q, r),
	};
	struct saying s;
	uint8_t *at;

	if (r->ts_ns)
		read_event(q, r, &s);
	else
		read_ring(q, r, &s);
	if (s.kernarg_len > RECENT_KERNARG)
		s.kernarg_len = RECENT_KERNARG;
	at = agent_reserve(t, EV_recent_dispatch,
			   sizeof(e) + 2u + s.packet_len + 2u + s.kernarg_len + 2u +
				   s.pointers_len);
	if (!at)
		return;
	memcpy(at, &e, sizeof(e));
	at = stream__put_bytes(at + sizeof(e), s.packet, s.packet_len);
	at = stream__put_bytes(at, s.kernarg, s.kernarg_len);
	stream__put_bytes(at, s.pointers, s.pointers_len);
	agent_commit(t);
}

static void write_queue(struct thread *t, const struct queue *q, uint16_t reason)
{
	struct ev_queue_state e = {.queue_id = q->id, .reason = reason};
	const struct recent *r = NULL;
	struct recent room;
	uint64_t now = agent_now(), read = 0, write = 0;

	queue_peek(q, &read, &write);
	e.read_index = read;
	e.write_index = write;
	e.recorded = __atomic_load_n(&q->next, __ATOMIC_RELAXED);
	agent_event(t, EV_queue_state, &e, sizeof(e));
	/* Where the device is far behind what was rung for: what it is at. */
	for (uint64_t i = read < AROUND ? 0 : read - AROUND; i < read + AROUND; i++)
		if (q->read_at == QUEUE_READ_doorbell && !recent_at(q, i) &&
		    (r = recent_or_ring(q, i, write, &room)))
			write_recent(t, q, r, now);
	r = NULL;
	while ((r = next_recent(q, r ? r->index : 0)))
		write_recent(t, q, r, now);
}

/* Ring mode: what is there may have been allocated before the trace begins. At most max_bytes of
 * events. */
void evidence_live(struct thread *t, uint64_t max_bytes)
{
	struct map_range r = {0};
	uint64_t now = agent_now();

	for (uint64_t bytes = 0; bytes < max_bytes && map__next(&r);
	     bytes += sizeof(struct ev_head) + sizeof(struct ev_mem_live)) {
		const struct ev_mem_live e = {
			.age_ns = now - r.made_ns,
			.kind = r.kind,
			.pool = r.pool,
			.site = r.site,
			.size_bytes = r.size,
			.va = r.lo,
		};

		agent_event(t, EV_mem_live, &e, sizeof(e));
	}
}

static int64_t distance(uint64_t va, const struct map_range *r)
{
	if (va < r->lo)
		return (int64_t)(va - r->lo);
	return va - r->lo < r->size ? 0 : (int64_t)(va - (r->lo + r->size));
}

static void write_near(struct thread *t, uint64_t va)
{
	struct map_range near[8];
	size_t n = map__near(va, near, 8);
	uint64_t now = agent_now();

	for (size_t i = 0; i < n; i++) {
		const struct ev_near_alloc e = {
			.fault_va = va,
			.va = near[i].lo,
			.size_bytes = near[i].size,
			.distance_bytes = distance(va, &near[i]),
			.kind = near[i].kind,
			.pool = near[i].pool,
			.site = near[i].site,
			.freed_ns = near[i].freed_ns ? now - near[i].freed_ns : 0,
		};

		agent_event(t, EV_near_alloc, &e, sizeof(e));
	}
}

/* Two threads that crash at once: one after the other. The one that crashes in here goes without.
 */
static bool take_turn(uint32_t tid)
{
	const struct timespec ms = {.tv_nsec = 1000000};

	for (int i = 0; i < WAIT_MS; i++) {
		uint32_t nobody = 0;

		if (__atomic_compare_exchange_n(&busy, &nobody, tid, false, __ATOMIC_ACQUIRE,
						__ATOMIC_RELAXED))
			return true;
		if (nobody == tid)
			return false;
		nanosleep(&ms, NULL);
	}
	return false;
}

struct thread *evidence_begin(void)
{
	const uint32_t tid = (uint32_t)syscall(SYS_gettid);

	if (!agent.recording || !stream_proc__mine(&agent.proc) ||
	    (uint32_t)getpid() != agent.proc.pid || !take_turn(tid))
		return NULL;
	if (!opened) {
		stream__open(&writer.stream, &agent.proc, "evidence", 0, 0);
		stream__keep(&writer.stream);
	}
	opened = true;
	writer.tid = tid;
	return &writer;
}

void evidence_end(void)
{
	agent_sync_all();
	stream__sync(&writer.stream);
	__atomic_store_n(&busy, 0, __ATOMIC_RELEASE);
}

void evidence_put(struct thread *t, uint16_t reason, uint64_t va)
{
	for (unsigned int i = 0; i < MAX_QUEUES; i++)
		if (queue_live(&queues[i]))
			write_queue(t, &queues[i], reason);
	if (va)
		write_near(t, va);
	if (agent.options.buffer_bytes)
		evidence_live(t, agent.options.buffer_bytes / 16);
	code_store_used(NULL);
}

void evidence_write(uint16_t reason, uint64_t va)
{
	struct thread *t = evidence_begin();

	if (!t)
		return;
	evidence_put(t, reason, va);
	evidence_end();
}
