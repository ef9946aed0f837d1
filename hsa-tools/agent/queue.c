// SPDX-License-Identifier: MIT
/*
 * Queues, and the packets in them: read from the ring when the application rings the doorbell,
 * before the store is passed on, so that the device has not taken them yet. Nothing about the queue
 * changes.
 */
#include "agent.h"

#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define KERNARG_MAX 16384u

/* offsetof(amd_queue_t, write_dispatch_id), amd_hsa_queue.h; an hsa_queue_t is its first member. */
#define AMD_QUEUE_WRITE_DISPATCH_ID 56

/*
 * Queues by their doorbell. Open addressing: looked up without a lock at every signal store of the
 * process, changed under one.
 */
struct queue {
	uint64_t doorbell; /* atomic key: signal handle; 0 free */
	hsa_queue_t *q;
	uint64_t id;
	uint32_t size; /* packets */
	uint64_t rung; /* atomic: the highest packet a doorbell was rung for, plus 1 */
	uint64_t next; /* atomic: first packet nobody has read */
	uint64_t dispatches;
};
#define MAX_QUEUES 1024u /* a power of two; KFD gives a process 255 */
static struct queue queues[MAX_QUEUES];
static int queues_lock;

/* Removed, and there are entries behind it that a search must find. */
#define DELETED 1ull

static struct queue *slot(uint64_t doorbell, unsigned int i)
{
	unsigned int first = (unsigned int)((doorbell >> 6) * 0x9e3779b97f4a7c15ull >> 54);

	return &queues[(first + i) & (MAX_QUEUES - 1)];
}

static inline struct queue *find_queue(uint64_t doorbell)
{
	for (unsigned int i = 0; i < MAX_QUEUES; i++) {
		struct queue *q = slot(doorbell, i);
		uint64_t key = __atomic_load_n(&q->doorbell, __ATOMIC_ACQUIRE);

		if (key == doorbell)
			return q;
		if (!key)
			return NULL;
	}
	return NULL;
}

static void add_queue(hsa_queue_t *hq)
{
	uint64_t doorbell = hq->doorbell_signal.handle, written;
	struct queue *q = NULL;

	written = agent.core.hsa_queue_load_write_index_relaxed_fn(hq);
	spin_lock(&queues_lock);
	for (unsigned int i = 0; i < MAX_QUEUES && !q; i++)
		if (slot(doorbell, i)->doorbell <= DELETED)
			q = slot(doorbell, i);
	if (q) {
		q->q = hq;
		q->id = hq->id;
		q->size = hq->size;
		q->rung = q->next = written;
		q->dispatches = 0;
		__atomic_store_n(&q->doorbell, doorbell, __ATOMIC_RELEASE);
	}
	spin_unlock(&queues_lock);
	if (!q) /* its packets go unread */
		stream_proc__lost(&agent.proc, LOSS_no_memory, 1, true);
}

static void remove_queue(struct queue *q)
{
	spin_lock(&queues_lock);
	__atomic_store_n(&q->doorbell, DELETED, __ATOMIC_RELEASE);
	/* With nothing behind them, this and the removed ones before it end a search. */
	while (q->doorbell == DELETED && !queues[(q + 1 - queues) & (MAX_QUEUES - 1)].doorbell) {
		__atomic_store_n(&q->doorbell, 0, __ATOMIC_RELEASE);
		q = &queues[(q - 1 - queues) & (MAX_QUEUES - 1)];
	}
	spin_unlock(&queues_lock);
}

/* ---- packets ---- */

/* Copy from an address the packet names. Returns the bytes that could be read. */
static size_t read_kernarg(uint64_t addr, void *out, size_t size)
{
	struct iovec local = {out, size}, remote = {(void *)(uintptr_t)addr, size};
	ssize_t n;

	if (!addr || !size)
		return 0;
	if (memory_is_host(addr, size)) {
		memcpy(out, (const void *)(uintptr_t)addr, size);
		return size;
	}
	/* Not memory we know: a wrong address must not crash the application here. */
	n = process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
	return n > 0 ? (size_t)n : 0;
}

static void record_dispatch(struct thread *t, struct queue *q, uint64_t index,
			    const hsa_kernel_dispatch_packet_t *p)
{
	int64_t known = kernel_kernarg_bytes(p->kernel_object);
	size_t declared = known < 0 ? 0 : (size_t)known;
	size_t want = declared < KERNARG_MAX ? declared : KERNARG_MAX;
	struct ev_dispatch e = {.queue_id = q->id, .index = index};
	uint8_t *at;
	size_t got;

	at = agent_reserve(t, EV_dispatch, sizeof(e) + 2 + sizeof(*p) + 2 + want);
	if (!at)
		return;
	/* The event has its full size; bytes that cannot be read are zeros and counted. */
	got = read_kernarg((uint64_t)(uintptr_t)p->kernarg_address, at + sizeof(e) + 4 + sizeof(*p),
			   want);
	memset(at + sizeof(e) + 4 + sizeof(*p) + got, 0, want - got);
	e.unread =
		(uint16_t)(known < 0 || declared - got > UINT16_MAX ? UINT16_MAX : declared - got);
	memcpy(at, &e, sizeof(e));
	at = stream__put_bytes(at + sizeof(e), p, sizeof(*p));
	memcpy(at, &(uint16_t){(uint16_t)want}, 2);
	agent_commit(t);
	__atomic_fetch_add(&q->dispatches, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&agent.dispatches, 1, __ATOMIC_RELAXED);
}

static void record_packet(struct thread *t, const struct queue *q, uint64_t index, const void *p)
{
	struct ev_packet e = {.queue_id = q->id, .index = index};
	uint8_t *at = agent_reserve(t, EV_packet, sizeof(e) + 2 + 64);

	if (!at)
		return;
	memcpy(at, &e, sizeof(e));
	stream__put_bytes(at + sizeof(e), p, 64);
	agent_commit(t);
}

static void record_gap(struct thread *t, const struct queue *q, uint64_t first, uint64_t count,
		       enum ev_gap_cause cause)
{
	struct ev_queue_gap e = {.queue_id = q->id, .first = first, .count = count, .cause = cause};

	agent_event(t, EV_queue_gap, &e, sizeof(e));
}

/*
 * Packets before `end` that nobody has read. Several threads may ring one queue at once: each
 * packet is copied first and then claimed by moving q->next over it, so it is recorded once.
 */
static void read_packets(struct thread *t, struct queue *q, uint64_t end)
{
	const uint32_t mask = q->size - 1;
	uint64_t next = __atomic_load_n(&q->next, __ATOMIC_ACQUIRE);

	while ((int64_t)(end - next) > 0) {
		const uint8_t *slot = (const uint8_t *)q->q->base_address + (next & mask) * 64;
		union {
			hsa_kernel_dispatch_packet_t dispatch;
			uint8_t bytes[64];
		} p;
		uint16_t header =
			__atomic_load_n((const uint16_t *)(const void *)slot, __ATOMIC_ACQUIRE);
		uint64_t taken;
		unsigned int type;

		memcpy(p.bytes, slot, sizeof(p));
		p.dispatch.header = header;
		/* Taken by the device while we looked: what was copied may be the next lap's. */
		taken = agent.core.hsa_queue_load_read_index_scacquire_fn(q->q);
		if ((int64_t)(taken - next) > 0) {
			if (__atomic_compare_exchange_n(&q->next, &next, taken, false,
							__ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
				record_gap(t, q, next, taken - next, GAP_consumed);
				next = taken;
			}
			continue;
		}
		type = header & 0xff;
		if (type == HSA_PACKET_TYPE_INVALID)
			return; /* its producer has not finished: at the next doorbell */
		if (!__atomic_compare_exchange_n(&q->next, &next, next + 1, false, __ATOMIC_ACQ_REL,
						 __ATOMIC_ACQUIRE))
			continue;
		if (type == HSA_PACKET_TYPE_KERNEL_DISPATCH)
			record_dispatch(t, q, next, &p.dispatch);
		else
			record_packet(t, q, next, p.bytes);
		next++;
	}
}

static void doorbell(hsa_signal_t signal, hsa_signal_value_t value)
{
	struct queue *q = find_queue(signal.handle);
	uint64_t end = (uint64_t)value + 1, rung;
	struct thread *t;

	if (!q)
		return;
	t = agent_enter();
	if (!t)
		return;
	/* Of several producers the one with an earlier packet may come later. */
	rung = __atomic_load_n(&q->rung, __ATOMIC_RELAXED);
	while ((int64_t)(end - rung) > 0 &&
	       !__atomic_compare_exchange_n(&q->rung, &rung, end, true, __ATOMIC_RELAXED,
					    __ATOMIC_RELAXED))
		;
	read_packets(t, q, (int64_t)(end - rung) > 0 ? end : rung);
	agent_leave(t);
}

static void store_relaxed(hsa_signal_t signal, hsa_signal_value_t value)
{
	doorbell(signal, value);
	agent.core.hsa_signal_store_relaxed_fn(signal, value);
}

static void store_screlease(hsa_signal_t signal, hsa_signal_value_t value)
{
	doorbell(signal, value);
	agent.core.hsa_signal_store_screlease_fn(signal, value);
}

/* ---- queues ---- */

/* What stands between the runtime and the application's error callback. */
struct callback {
	void (*fn)(hsa_status_t status, hsa_queue_t *source, void *data);
	void *data;
	const hsa_queue_t *q; /* once it is known */
	struct callback *next;
};
static struct callback *callbacks; /* to free them with their queues */
static int callbacks_lock;

static void queue_error(hsa_status_t status, hsa_queue_t *source, void *data)
{
	struct callback *cb = data;
	struct thread *t = agent_enter();
	struct ev_queue_error e;

	if (t) {
		e = (struct ev_queue_error){
			.queue_id = source->id,
			.status = (int32_t)status,
			.read_index = agent.core.hsa_queue_load_read_index_relaxed_fn(source),
			.write_index = agent.core.hsa_queue_load_write_index_relaxed_fn(source),
		};
		agent_event(t, EV_queue_error, &e, sizeof(e));
		agent_sync_all();
		agent_leave(t);
	}
	cb->fn(status, source, cb->data);
}

static struct callback *make_callback(void (*fn)(hsa_status_t, hsa_queue_t *, void *), void *data)
{
	struct callback *cb = fn ? calloc(1, sizeof(*cb)) : NULL;

	if (!cb)
		return NULL;
	cb->fn = fn;
	cb->data = data;
	spin_lock(&callbacks_lock);
	cb->next = callbacks;
	callbacks = cb;
	spin_unlock(&callbacks_lock);
	return cb;
}

static void free_callback(const hsa_queue_t *q, struct callback *which)
{
	struct callback *gone = NULL;

	spin_lock(&callbacks_lock);
	for (struct callback **p = &callbacks; *p; p = &(*p)->next)
		if (which ? *p == which : (*p)->q == q) {
			gone = *p;
			*p = gone->next;
			break;
		}
	spin_unlock(&callbacks_lock);
	free(gone);
}

/*
 * An application without a callback keeps none: the runtime then uses its own, which prints and
 * aborts, and which a callback of ours would displace.
 */
static hsa_status_t queue_create(hsa_agent_t on, uint32_t size, hsa_queue_type32_t type,
				 void (*fn)(hsa_status_t, hsa_queue_t *, void *), void *data,
				 uint32_t private_size, uint32_t group_size, hsa_queue_t **queue)
{
	struct thread *t = agent_enter();
	uint64_t begin = t ? agent_now() : 0;
	struct callback *cb = t ? make_callback(fn, data) : NULL;
	hsa_status_t status =
		agent.core.hsa_queue_create_fn(on, size, type, cb ? queue_error : fn,
					       cb ? cb : data, private_size, group_size, queue);
	struct ev_queue_create e;

	if (!t)
		return status;
	inventory(t);
	memory_fault_hook();
	e = (struct ev_queue_create){
		.begin_dt = agent_since(begin),
		.status = (int32_t)status,
		.agent = on.handle,
		.type = type,
		.size = size,
	};
	if (status == HSA_STATUS_SUCCESS) {
		hsa_queue_t *q = *queue;

		e.queue = (uint64_t)(uintptr_t)q;
		e.queue_id = q->id;
		e.size = q->size;
		e.base = (uint64_t)(uintptr_t)q->base_address;
		e.doorbell = q->doorbell_signal.handle;
		add_queue(q);
		if (cb)
			cb->q = q;
	} else if (cb) {
		free_callback(NULL, cb);
	}
	agent_event(t, EV_queue_create, &e, sizeof(e));
	agent_leave(t);
	return status;
}

/*
 * Packets of q that no doorbell we saw was rung for: a runtime that writes doorbells itself, or a
 * queue that ended before its turn.
 */
static void note_unread(struct thread *t, struct queue *q, uint64_t written)
{
	uint64_t next = __atomic_load_n(&q->next, __ATOMIC_RELAXED);

	if ((int64_t)(written - next) > 0)
		record_gap(t, q, next, written - next, GAP_unseen_doorbell);
}

/* The write index of a queue that may no longer be there. */
static bool peek_write_index(const hsa_queue_t *hq, uint64_t *written)
{
	const uint64_t *at =
		(const uint64_t *)(const void *)((const uint8_t *)hq + AMD_QUEUE_WRITE_DISPATCH_ID);
	struct iovec local = {written, sizeof(*written)},
		     remote = {(void *)(uintptr_t)at, sizeof(*at)};

	return process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == (ssize_t)sizeof(*at);
}

void queue_note_unread(struct thread *t, bool gone)
{
	uint64_t written;

	for (unsigned int i = 0; i < MAX_QUEUES; i++) {
		struct queue *q = &queues[i];

		if (q->doorbell <= DELETED)
			continue;
		if (!gone)
			written = agent.core.hsa_queue_load_write_index_relaxed_fn(q->q);
		else if (!peek_write_index(q->q, &written) || written - q->next > q->size)
			continue; /* not a queue any more */
		note_unread(t, q, written);
	}
}

void queue_forget(void)
{
	spin_lock(&queues_lock);
	for (unsigned int i = 0; i < MAX_QUEUES; i++)
		__atomic_store_n(&queues[i].doorbell, 0, __ATOMIC_RELEASE);
	spin_unlock(&queues_lock);
}

static hsa_status_t queue_destroy(hsa_queue_t *hq)
{
	struct thread *t = agent_enter();
	struct queue *q = find_queue(hq->doorbell_signal.handle);
	hsa_status_t status;

	if (t && q) {
		struct ev_queue_destroy e = {.queue = (uint64_t)(uintptr_t)hq, .queue_id = q->id};

		e.dispatches = __atomic_load_n(&q->dispatches, __ATOMIC_RELAXED);
		note_unread(t, q, agent.core.hsa_queue_load_write_index_relaxed_fn(hq));
		agent_event(t, EV_queue_destroy, &e, sizeof(e));
	}
	if (q)
		remove_queue(q);
	status = agent.core.hsa_queue_destroy_fn(hq);
	free_callback(hq, NULL);
	if (t)
		agent_leave(t);
	return status;
}

bool queue_hooked(const CoreApiTable *core)
{
	return core->hsa_queue_create_fn == queue_create;
}

void queue_hook(CoreApiTable *core)
{
	core->hsa_queue_create_fn = queue_create;
	core->hsa_queue_destroy_fn = queue_destroy;
	core->hsa_signal_store_relaxed_fn = store_relaxed;
	core->hsa_signal_store_screlease_fn = store_screlease;
}
