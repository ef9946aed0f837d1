// SPDX-License-Identifier: MIT
/* Queues: made, named by their doorbells, destroyed. What is in them is read by packets.c. */
#include "image.h"
#include "steer.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/*
 * By doorbell. Open addressing: looked up without a lock at every signal store of the process,
 * changed under one.
 */
struct queue queues[MAX_QUEUES];
static int queues_lock;

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

		if (likely(key == doorbell))
			return q;
		if (!key)
			return NULL;
	}
	return NULL;
}

bool queue_peek(const struct queue *q, uint64_t *read, uint64_t *write)
{
	const uint64_t at = addr_of(q->q);

	if (q->front && front_read_index(q->front, read))
		return agent_peek(at + AMD_QUEUE_WRITE_DISPATCH_ID, write, sizeof(*write)) ==
		       sizeof(*write);
	return agent_peek(at + AMD_QUEUE_READ_DISPATCH_ID, read, sizeof(*read)) == sizeof(*read) &&
	       agent_peek(at + AMD_QUEUE_WRITE_DISPATCH_ID, write, sizeof(*write)) ==
		       sizeof(*write);
}

bool signal_peek(uint64_t handle, int64_t *value)
{
	return handle &&
	       agent_peek(handle + AMD_SIGNAL_VALUE, value, sizeof(*value)) == sizeof(*value);
}

uint64_t signal_pages[SIGNAL_PAGES];

int64_t signal_first_glance(uint64_t handle)
{
	const uint64_t page = (handle + AMD_SIGNAL_VALUE) >> 12;
	int64_t value = 1;

	if (!(handle & 7) && signal_peek(handle, &value))
		__atomic_store_n(&signal_pages[page % SIGNAL_PAGES], page + 1, __ATOMIC_RELAXED);
	return value;
}

static void *new_memory(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

/* The slot keeps its memory: someone may still look. */
static struct queue *add_queue(hsa_queue_t *hq, hsa_agent_t on, uint8_t made_by, uint8_t read_at)
{
	uint64_t doorbell = hq->doorbell_signal.handle, written;
	struct queue *q = NULL;

	written = agent.core.hsa_queue_load_write_index_relaxed_fn(hq);
	spin_lock(&queues_lock);
	/* The runtime's own end untold: what had this address or doorbell is gone. */
	for (unsigned int i = 0; i < MAX_QUEUES; i++)
		if (queue_live(&queues[i]) && (queues[i].q == hq || queues[i].doorbell == doorbell))
			__atomic_store_n(&queues[i].doorbell, QUEUE_DELETED, __ATOMIC_RELEASE);
	for (unsigned int i = 0; i < MAX_QUEUES && !q; i++)
		if (slot(doorbell, i)->doorbell <= QUEUE_DELETED)
			q = slot(doorbell, i);
	if (q) {
		q->q = hq;
		q->base = hq->base_address;
		q->agent = on.handle;
		q->id = hq->id;
		q->size = hq->size;
		q->made_by = made_by;
		q->read_at = read_at;
		q->timed = false;
		q->rung = q->next = q->begin = q->passed = written;
		q->steered = false;
		q->front = NULL;
		q->host = NULL;
		q->others = 0;
		q->first = NULL;
		q->shared = 0;
		if (!q->recent)
			q->recent = new_memory(RECENT * sizeof(*q->recent));
		else
			memset(q->recent, 0, RECENT * sizeof(*q->recent));
		if (!q->copies && agent.options.buffer_bytes)
			q->copies = new_memory(RECENT * sizeof(*q->copies));
		memset(&q->watch, 0, sizeof(q->watch));
		__atomic_store_n(&q->doorbell, doorbell, __ATOMIC_RELEASE);
	}
	spin_unlock(&queues_lock);
	if (!q) /* its packets go unread */
		stream_proc__lost(&agent.proc, LOSS_no_memory, 1, true);
	return q;
}

static void remove_queue(struct queue *q)
{
	spin_lock(&queues_lock);
	__atomic_store_n(&q->doorbell, QUEUE_DELETED, __ATOMIC_RELEASE);
	/* With nothing behind them, this and the removed ones before it end a search. */
	while (q->doorbell == QUEUE_DELETED &&
	       !queues[(q + 1 - queues) & (MAX_QUEUES - 1)].doorbell) {
		__atomic_store_n(&q->doorbell, 0, __ATOMIC_RELEASE);
		q = &queues[(q - 1 - queues) & (MAX_QUEUES - 1)];
	}
	spin_unlock(&queues_lock);
}

/* ---- doorbells ---- */

/* Whether no other thread than t has rung for q so far. */
static bool rings_alone(struct queue *q, struct thread *t)
{
	struct thread *first = __atomic_load_n(&q->first, __ATOMIC_RELAXED);

	if (__atomic_load_n(&q->shared, __ATOMIC_RELAXED))
		return false;
	if (first == t ||
	    (!first && __atomic_compare_exchange_n(&q->first, &first, t, false, __ATOMIC_RELAXED,
						   __ATOMIC_RELAXED)))
		return true;
	__atomic_store_n(&q->shared, 1, __ATOMIC_RELAXED);
	return false;
}

uint64_t queue_skip(struct queue *q, uint64_t doorbell, uint64_t read)
{
	uint64_t next = read;

	spin_lock(&queues_lock);
	if (__atomic_load_n(&q->doorbell, __ATOMIC_ACQUIRE) == doorbell)
		next = __atomic_load_n(&q->next, __ATOMIC_ACQUIRE);
	if ((int64_t)(read - next) <= 0 ||
	    !__atomic_compare_exchange_n(&q->next, &next, read, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_RELAXED))
		next = read;
	__atomic_fetch_add(&q->others, read - next, __ATOMIC_RELAXED);
	spin_unlock(&queues_lock);
	return next;
}

/*
 * Packets are looked at, rewritten and rung for by one thread at a time, and the device is told of
 * none that was not looked at: where a packet before this doorbell's is not written yet, only those
 * before it are rung for. Its own producer's doorbell, which has to come, passes on the rest.
 */
static void steered_doorbell(struct thread *t, struct queue *q, uint64_t end)
{
	uint64_t rung, next;

	spin_lock_yielding(&q->steer_lock);
	rung = q->rung;
	if ((int64_t)(end - rung) > 0)
		__atomic_store_n(&q->rung, end, __ATOMIC_RELAXED);
	else
		end = rung;
	packets_read(t, q, rung, end, agent.options.timing_every && rings_alone(q, t));
	next = __atomic_load_n(&q->next, __ATOMIC_ACQUIRE);
	if ((int64_t)(next - q->passed) > 0) {
		q->passed = next;
		agent.core.hsa_signal_store_screlease_fn(q->q->doorbell_signal,
							 (hsa_signal_value_t)(next - 1));
	}
	spin_unlock(&q->steer_lock);
}

/* Returns whether it was passed on, too. */
static bool doorbell(hsa_signal_t signal, hsa_signal_value_t value)
{
	struct queue *q = find_queue(signal.handle);
	uint64_t end = (uint64_t)value + 1, rung;
	struct thread *t;

	if (unlikely(!q && agent.options.timing_every))
		timing_store(signal);
	if (unlikely(!q || (q->read_at != QUEUE_READ_doorbell && !q->front)))
		return false;
	t = agent_enter();
	if (unlikely(q->front && stream_proc__mine(&agent.proc))) {
		front_doorbell(t, q->front);
		if (t)
			agent_leave(t);
		return true;
	}
	if (unlikely(!t))
		return false;
	if (unlikely(q->steered)) {
		steered_doorbell(t, q, end);
		agent_leave(t);
		return true;
	}
	/*
	 * Of several producers the one with an earlier packet may come later. Two at once may leave
	 * the lower of their numbers: what was rung for is then looked at more closely when its own
	 * doorbell comes.
	 */
	rung = __atomic_load_n(&q->rung, __ATOMIC_RELAXED);
	if (likely((int64_t)(end - rung) > 0))
		__atomic_store_n(&q->rung, end, __ATOMIC_RELAXED);
	else
		end = rung;
	packets_read(t, q, rung, end, agent.options.timing_every && rings_alone(q, t));
	agent_leave(t);
	return false;
}

static void store_relaxed(hsa_signal_t signal, hsa_signal_value_t value)
{
	if (likely(!doorbell(signal, value)))
		agent.core.hsa_signal_store_relaxed_fn(signal, value);
}

static void store_screlease(hsa_signal_t signal, hsa_signal_value_t value)
{
	if (likely(!doorbell(signal, value)))
		agent.core.hsa_signal_store_screlease_fn(signal, value);
}

/* ---- error callbacks ---- */

/* What stands between the runtime and the application's error callback. */
struct callback {
	void (*fn)(hsa_status_t status, hsa_queue_t *source, void *data);
	void *data;
	const hsa_queue_t *q; /* once it is known */
	struct callback *next;
};
static struct callback *callbacks; /* to free them with their queues */
static int callbacks_lock;

/* The application's name for a queue of the device's. */
static hsa_queue_t *front_of(hsa_queue_t *source)
{
	for (unsigned int i = 0; i < MAX_QUEUES; i++)
		if (queue_live(&queues[i]) && queues[i].front &&
		    front_back(queues[i].front) == source)
			return queues[i].q;
	return source;
}

static void queue_error(hsa_status_t status, hsa_queue_t *device, void *data)
{
	struct callback *cb = data;
	struct thread *t = agent_enter();
	hsa_queue_t *source = front_of(device);
	struct ev_queue_error e;

	if (t) {
		e = (struct ev_queue_error){
			.queue_id = source->id,
			.status = (int32_t)status,
			.read_index = agent.core.hsa_queue_load_read_index_relaxed_fn(source),
			.write_index = agent.core.hsa_queue_load_write_index_relaxed_fn(source),
		};
		agent_event(t, EV_queue_error, &e, sizeof(e));
		evidence_write(EVIDENCE_queue_error, 0);
		lesson_queue_error(source, status);
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

/* ---- made ---- */

static void record_create(struct thread *t, uint64_t begin, hsa_status_t status, hsa_queue_t *hq,
			  struct ev_queue_create *e)
{
	e->begin_dt = agent_since(begin);
	e->status = (int32_t)status;
	if (hq) {
		e->queue = addr_of(hq);
		e->queue_id = hq->id;
		e->type = hq->type;
		e->size = hq->size;
		e->base = addr_of(hq->base_address);
		e->doorbell = hq->doorbell_signal.handle;
		e->properties = hq->features;
	}
	fact_event(t, EV_queue_create, e, sizeof(*e));
}

/* The ring and what stands before it are memory a kernel may be given a pointer to. */
static void map_queue(const hsa_queue_t *hq)
{
	map__add(&(struct map_range){.lo = addr_of(hq),
				     .size = AMD_QUEUE_READ_DISPATCH_ID + 128,
				     .made_ns = agent_now(),
				     .kind = MEM_KIND_queue,
				     .host = 1});
	map__add(&(struct map_range){.lo = addr_of(hq->base_address),
				     .size = (uint64_t)hq->size * 64,
				     .made_ns = agent_now(),
				     .kind = MEM_KIND_queue,
				     .host = 1});
}

static void unmap_queue(const hsa_queue_t *hq)
{
	struct map_range r;

	map__remove(addr_of(hq), 0, MEM_KIND_queue, agent_now(), &r);
	map__remove(addr_of(hq->base_address), 0, MEM_KIND_queue, agent_now(), &r);
}

/* dispatch=intercept: ROCr hands over each packet before the device has it. */
static void intercepted(const void *packets, uint64_t n, uint64_t index, void *data,
			hsa_amd_queue_intercept_packet_writer write)
{
	struct thread *t = agent_enter();
	struct queue *q = find_queue(addr_of(data));

	if (!t || !q) {
		if (t)
			agent_leave(t);
		write(packets, n);
		return;
	}
	for (uint64_t i = 0; i < n; i++) {
		hsa_kernel_dispatch_packet_t p;

		memcpy(&p, (const uint8_t *)packets + i * 64, sizeof(p));
		packets_record(t, q, index + i, &p);
		if (agent.options.timing_every)
			write(&p, 1);
	}
	__atomic_store_n(&q->next, index + n, __ATOMIC_RELAXED);
	agent_leave(t);
	if (!agent.options.timing_every)
		write(packets, n);
}

static bool use_intercept(void)
{
	/* With packets to steer, a ring of ours does what it is asked for (front.c). */
	return agent.options.intercept && !agent.steering && agent.has_amd &&
	       agent.amd.hsa_amd_queue_intercept_create_fn &&
	       agent.amd.hsa_amd_queue_intercept_register_fn;
}

/* The queue the application asked for, whatever stands behind it. */
static hsa_status_t real_create(struct thread *t, hsa_agent_t on, uint32_t size,
				hsa_queue_type32_t type,
				void (*fn)(hsa_status_t, hsa_queue_t *, void *), void *data,
				uint32_t private_size, uint32_t group_size, hsa_queue_t **queue,
				uint8_t *read_at, struct front **front)
{
	hsa_status_t status;

	*read_at = QUEUE_READ_doorbell;
	*front = NULL;
	if (t && use_intercept()) {
		status = agent.amd.hsa_amd_queue_intercept_create_fn(
			on, size, type, fn, data, private_size, group_size, queue);
		if (status == HSA_STATUS_SUCCESS) {
			*read_at = QUEUE_READ_intercept;
			return status;
		}
		agent_note(t,
			   "no intercept queue of %u packets (status 0x%x): a plain one is made, "
			   "and read at its doorbell",
			   size, (unsigned int)status);
	}
	status = agent.core.hsa_queue_create_fn(on, size, type, fn, data, private_size, group_size,
						queue);
	/* Of one packet there would be no room for two. */
	if (t && !status && steer_needs_front() && (*queue)->size >= 4) {
		*front = front_new(*queue, queue);
		*read_at = *front ? QUEUE_READ_front : QUEUE_READ_doorbell;
	}
	return status;
}

/* The application gets the device's queue after all. */
static void give_back(struct front *front, hsa_queue_t **queue)
{
	unmap_queue(*queue);
	front_stop(front);
	agent.core.hsa_queue_destroy_fn(*queue);
	*queue = front_back(front);
	front_free(front);
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
	struct front *front;
	uint8_t read_at;
	hsa_status_t status = real_create(t, on, size, type, cb ? queue_error : fn, cb ? cb : data,
					  private_size, group_size, queue, &read_at, &front);
	struct ev_queue_create e = {.agent = on.handle,
				    .type = type,
				    .size = size,
				    .made_by = QUEUE_MAKER_create,
				    .read_at = read_at};
	struct queue *q;

	if (!t)
		return status;
	inventory(t);
	device_learn(on);
	memory_fault_hook();
	record_create(t, begin, status, status == HSA_STATUS_SUCCESS ? *queue : NULL, &e);
	if (status != HSA_STATUS_SUCCESS) {
		if (cb)
			free_callback(NULL, cb);
		agent_leave(t);
		return status;
	}
	if (cb)
		cb->q = *queue;
	map_queue(*queue);
	q = add_queue(*queue, on, QUEUE_MAKER_create, read_at);
	if (read_at == QUEUE_READ_intercept)
		agent.amd.hsa_amd_queue_intercept_register_fn(
			*queue, intercepted, (void *)(uintptr_t)(*queue)->doorbell_signal.handle);
	if (q && front) {
		q->front = front;
		front_open(front, q);
	} else if (front) { /* its doorbell would not be heard */
		give_back(front, queue);
		if (cb)
			cb->q = *queue;
	}
	if (q && agent.options.timing_every)
		timing_queue(t, q);
	if (q && agent.steering)
		steer_queue(t, q);
	watchdog_start();
	prepare_start();
	agent_leave(t);
	return status;
}

/*
 * Another tool's, behind us: what is in it goes past us, to the runtime's own queue. Steering it
 * would take a callback among that tool's.
 */
static hsa_status_t intercept_create(hsa_agent_t on, uint32_t size, hsa_queue_type32_t type,
				     void (*fn)(hsa_status_t, hsa_queue_t *, void *), void *data,
				     uint32_t private_size, uint32_t group_size,
				     hsa_queue_t **queue)
{
	struct thread *t = agent_enter();
	hsa_status_t status = agent.amd.hsa_amd_queue_intercept_create_fn(
		on, size, type, fn, data, private_size, group_size, queue);
	static int said;

	if (!t)
		return status;
	if (status == HSA_STATUS_SUCCESS && !__atomic_exchange_n(&said, 1, __ATOMIC_RELAXED)) {
		agent_note(t, "another tool makes the runtime's interception queues: their "
			      "dispatches are not steered");
		agent_say("another tool of HSA_TOOLS_LIB makes interception queues: what is "
			  "dispatched there runs as "
			  "the program sends it; name that tool before this one, or leave it out");
	}
	agent_leave(t);
	return status;
}

/* Its packets are the application's business on both ends; its doorbell is a signal like others. */
static hsa_status_t soft_create(hsa_region_t region, uint32_t size, hsa_queue_type32_t type,
				uint32_t features, hsa_signal_t bell, hsa_queue_t **queue)
{
	struct thread *t = agent_enter();
	uint64_t begin = t ? agent_now() : 0;
	hsa_status_t status =
		agent.core.hsa_soft_queue_create_fn(region, size, type, features, bell, queue);
	struct ev_queue_create e = {.type = type,
				    .size = size,
				    .made_by = QUEUE_MAKER_soft,
				    .read_at = QUEUE_READ_doorbell,
				    .properties = features};

	if (!t)
		return status;
	record_create(t, begin, status, status == HSA_STATUS_SUCCESS ? *queue : NULL, &e);
	if (status == HSA_STATUS_SUCCESS)
		add_queue(*queue, (hsa_agent_t){0}, QUEUE_MAKER_soft, QUEUE_READ_doorbell);
	agent_leave(t);
	return status;
}

/* The runtime's own: for copies by kernels, and scratch. It rings their doorbells itself. */
static void runtime_queue(const hsa_queue_t *hq, hsa_agent_t on, void *data)
{
	struct thread *t = agent_enter_nested();
	struct ev_queue_create e = {
		.agent = on.handle, .made_by = QUEUE_MAKER_runtime, .read_at = QUEUE_READ_not};
	hsa_queue_t *q = (hsa_queue_t *)(uintptr_t)hq;

	(void)data;
	if (!t)
		return;
	record_create(t, agent_now(), HSA_STATUS_SUCCESS, q, &e);
	add_queue(q, on, QUEUE_MAKER_runtime, QUEUE_READ_not);
	agent_leave(t);
}

/* There is room for one who is told of these queues: whoever asks after us is told by us. */
static struct {
	hsa_amd_runtime_queue_notifier fn;
	void *data;
} next_notifier;

static void notify(const hsa_queue_t *hq, hsa_agent_t on, void *data)
{
	hsa_amd_runtime_queue_notifier next = __atomic_load_n(&next_notifier.fn, __ATOMIC_ACQUIRE);

	runtime_queue(hq, on, data);
	if (next)
		next(hq, on, next_notifier.data);
}

static hsa_status_t notifier_register(hsa_amd_runtime_queue_notifier fn, void *data)
{
	if (next_notifier.fn || !fn)
		return agent.amd.hsa_amd_runtime_queue_create_register_fn(fn, data);
	next_notifier.data = data;
	__atomic_store_n(&next_notifier.fn, fn, __ATOMIC_RELEASE);
	return HSA_STATUS_SUCCESS;
}

/* ---- properties ---- */

/* What the application calls a queue may be none: it is not looked into. */
static struct queue *queue_named(const hsa_queue_t *hq)
{
	for (unsigned int i = 0; i < MAX_QUEUES; i++)
		if (queue_live(&queues[i]) && queues[i].q == hq)
			return &queues[i];
	return NULL;
}

/* The device's queue, where the application's is one of ours in front of it. */
static hsa_queue_t *behind(const hsa_queue_t *hq)
{
	const struct queue *q = agent.steering ? queue_named(hq) : NULL;

	return q && q->front ? front_back(q->front) : (hsa_queue_t *)(uintptr_t)hq;
}

/* Of what is no queue: the call, with what it was given. */
static void note_set(struct thread *t, const char *call, const hsa_queue_t *hq, uint16_t what,
		     hsa_status_t status, uint64_t value)
{
	const struct queue *q = queue_named(hq);
	struct ev_queue_set e = {.what = what, .status = (int32_t)status, .value = value};

	if (!q && status != HSA_STATUS_SUCCESS) {
		agent_failed(t, call, addr_of(hq), status);
		return;
	}
	e.queue_id = q ? q->id : hq->id;
	fact_event(t, EV_queue_set, &e, sizeof(e));
}

static hsa_status_t set_priority(hsa_queue_t *hq, hsa_amd_queue_priority_t priority)
{
	struct thread *t = agent_enter();
	hsa_status_t status = agent.amd.hsa_amd_queue_set_priority_fn(behind(hq), priority);

	if (!t)
		return status;
	note_set(t, "hsa_amd_queue_set_priority", hq, QUEUE_SET_priority, status, priority);
	agent_leave(t);
	return status;
}

static hsa_status_t set_profiling(hsa_queue_t *hq, int on)
{
	struct thread *t = agent_enter();
	hsa_status_t status = agent.amd.hsa_amd_profiling_set_profiler_enabled_fn(behind(hq), on);
	struct queue *q;

	if (!t)
		return status;
	note_set(t, "hsa_amd_profiling_set_profiler_enabled", hq, QUEUE_SET_profiling, status,
		 (uint64_t)on);
	q = status == HSA_STATUS_SUCCESS ? queue_named(hq) : NULL;
	if (q)
		q->timed = on != 0;
	agent_leave(t);
	return status;
}

static hsa_status_t set_cu_mask(const hsa_queue_t *hq, uint32_t bits, const uint32_t *mask)
{
	struct thread *t = agent_enter();
	hsa_status_t status = agent.amd.hsa_amd_queue_cu_set_mask_fn(behind(hq), bits, mask);
	uint64_t value = 0;

	if (!t)
		return status;
	if (mask && bits >= 32)
		agent_peek(addr_of(mask), &value, bits >= 64 ? 8 : 4);
	note_set(t, "hsa_amd_queue_cu_set_mask", hq, QUEUE_SET_cu_mask, status, value);
	agent_leave(t);
	return status;
}

static hsa_status_t get_cu_mask(const hsa_queue_t *hq, uint32_t bits, uint32_t *mask)
{
	return agent.amd.hsa_amd_queue_cu_get_mask_fn(behind(hq), bits, mask);
}

static hsa_status_t get_info(hsa_queue_t *hq, uint32_t attribute, void *value)
{
	return agent.amd.hsa_amd_queue_get_info_fn(behind(hq), attribute, value);
}

static hsa_status_t inactivate(hsa_queue_t *hq)
{
	return agent.core.hsa_queue_inactivate_fn(behind(hq));
}

/* ---- gone ---- */

/*
 * Packets of q that no doorbell we saw was rung for: a runtime that writes doorbells itself, or a
 * queue that ended before its turn.
 */
static void note_unread(struct thread *t, struct queue *q, uint64_t written)
{
	uint64_t next = __atomic_load_n(&q->next, __ATOMIC_RELAXED);

	if ((int64_t)(written - next) > 0)
		packets_gap(t, q, next, written - next,
			    q->made_by == QUEUE_MAKER_runtime ? GAP_runtime : GAP_unseen_doorbell);
}

static uint64_t queue_num_dispatches(const struct queue *q)
{
	return queue_dispatches_before(q, __atomic_load_n(&q->next, __ATOMIC_RELAXED));
}

uint64_t queue_dispatches(void)
{
	uint64_t n = __atomic_load_n(&agent.dispatches, __ATOMIC_RELAXED);

	for (unsigned int i = 0; i < MAX_QUEUES; i++)
		if (queue_live(&queues[i]))
			n += queue_num_dispatches(&queues[i]);
	return n;
}

void queue_note_unread(struct thread *t, bool gone)
{
	uint64_t read, written;

	for (unsigned int i = 0; i < MAX_QUEUES; i++) {
		struct queue *q = &queues[i];

		if (!queue_live(q))
			continue;
		/* The runtime destroys its own without telling. */
		if (!gone && q->made_by != QUEUE_MAKER_runtime)
			written = agent.core.hsa_queue_load_write_index_relaxed_fn(q->q);
		else if (!queue_peek(q, &read, &written) ||
			 (q->made_by != QUEUE_MAKER_runtime && written - q->next > q->size))
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
	memset(signal_pages, 0, sizeof(signal_pages));
	__atomic_store_n(&next_notifier.fn, NULL, __ATOMIC_RELEASE);
}

static hsa_status_t queue_destroy(hsa_queue_t *hq)
{
	struct thread *t = agent_enter();
	struct queue *q = t ? queue_named(hq) : NULL;
	struct front *front = q ? q->front : NULL;
	struct host *host = NULL;
	hsa_status_t status;

	if (q) {
		struct ev_queue_destroy e = {.queue = addr_of(hq), .queue_id = q->id};

		e.dispatches = queue_num_dispatches(q);
		__atomic_fetch_add(&agent.dispatches, e.dispatches, __ATOMIC_RELAXED);
		if (agent.options.timing_every)
			timing_queue_gone(t, q);
		note_unread(t, q, agent.core.hsa_queue_load_write_index_relaxed_fn(hq));
		if (front)
			front_stop(front);
		host = steer_queue_stop(q);
		agent_event(t, EV_queue_destroy, &e, sizeof(e));
		unmap_queue(hq);
		remove_queue(q);
	}
	if (t)
		code_store_used(t);
	if (front)
		agent.core.hsa_queue_destroy_fn(front_back(front));
	status = agent.core.hsa_queue_destroy_fn(hq);
	if (!t)
		return status;
	if (front)
		front_free(front);
	if (host) {
		watchdog_pause(); /* it may be looking */
		host_free(host);
		watchdog_resume();
	}
	free_callback(hq, NULL);
	agent_leave(t);
	return status;
}

bool queue_hooked(const CoreApiTable *core)
{
	return core->hsa_queue_create_fn == queue_create;
}

void queue_hook(struct amd_table *amd, CoreApiTable *core)
{
	core->hsa_queue_create_fn = queue_create;
	core->hsa_soft_queue_create_fn = soft_create;
	core->hsa_queue_destroy_fn = queue_destroy;
	if (agent.options.fallback != FALLBACK_OFF || agent.options.replace[0] ||
	    agent.options.replace_hazardous) {
		core->hsa_queue_inactivate_fn = inactivate;
		if (amd && agent.amd.hsa_amd_queue_intercept_create_fn)
			amd->hsa_amd_queue_intercept_create_fn = intercept_create;
		if (amd)
			amd->hsa_amd_queue_cu_get_mask_fn = get_cu_mask;
		if (amd && agent.amd.hsa_amd_queue_get_info_fn)
			amd->hsa_amd_queue_get_info_fn = get_info;
	}
	core->hsa_signal_store_relaxed_fn = store_relaxed;
	core->hsa_signal_store_screlease_fn = store_screlease;
	if (!amd)
		return;
	amd->hsa_amd_queue_set_priority_fn = set_priority;
	amd->hsa_amd_profiling_set_profiler_enabled_fn = set_profiling;
	amd->hsa_amd_queue_cu_set_mask_fn = set_cu_mask;
	/* Refused where another tool was first: then the runtime's queues go unnamed. */
	if (agent.amd.hsa_amd_runtime_queue_create_register_fn &&
	    agent.amd.hsa_amd_runtime_queue_create_register_fn(notify, NULL) == HSA_STATUS_SUCCESS)
		amd->hsa_amd_runtime_queue_create_register_fn = notifier_register;
}
