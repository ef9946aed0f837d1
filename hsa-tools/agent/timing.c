// SPDX-License-Identifier: MIT
/*
 * When dispatches ran: the device writes its clock into the completion signal of each (timing=).
 *
 * A dispatch without a signal gets one of ours, made beforehand and used again; the application's
 * own is never replaced, but read when the application waits for it, sets it again or destroys it.
 * What is pending stands in a table by signal, changed without a lock.
 */
#include "steer.h"

#include <string.h>

/* ---- pending ---- */

#define PENDING 8192u /* a power of two */
#define PROBES 16u

enum { FREE, FILLING, READY, SHARED };
static struct pending {
	uint64_t signal; /* atomic key; 0 free */
	int state;	 /* atomic */
	uint64_t queue_id, index, agent;
} table[PENDING];

static struct pending *probe(uint64_t signal, uint32_t i)
{
	return &table[((uint32_t)((signal >> 6) * 0x9e3779b97f4a7c15ull >> 40) + i) &
		      (PENDING - 1)];
}

static struct pending *find(uint64_t signal)
{
	for (uint32_t i = 0; i < PROBES; i++)
		if (__atomic_load_n(&probe(signal, i)->signal, __ATOMIC_ACQUIRE) == signal)
			return probe(signal, i);
	return NULL;
}

static bool add(uint64_t signal, const struct queue *q, uint64_t index)
{
	struct pending *p = find(signal);

	if (p) { /* of two dispatches: the device writes one time over the other */
		__atomic_store_n(&p->state, SHARED, __ATOMIC_RELEASE);
		return false;
	}
	for (uint32_t i = 0; i < PROBES; i++) {
		uint64_t unused = 0;

		p = probe(signal, i);
		if (!__atomic_compare_exchange_n(&p->signal, &unused, signal, false,
						 __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
			continue;
		p->queue_id = q->id;
		p->index = index;
		p->agent = q->agent;
		__atomic_store_n(&p->state, READY, __ATOMIC_RELEASE);
		return true;
	}
	return false;
}

static void drop(struct pending *p)
{
	__atomic_store_n(&p->state, FREE, __ATOMIC_RELEASE);
	__atomic_store_n(&p->signal, 0, __ATOMIC_RELEASE);
}

/* Take what is pending for a signal off the table. One caller gets it. */
static bool take(uint64_t signal, struct pending *out)
{
	struct pending *p = find(signal);
	int state = READY;

	if (!p)
		return false;
	if (!__atomic_compare_exchange_n(&p->state, &state, FILLING, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_ACQUIRE)) {
		if (state == SHARED)
			drop(p);
		return false;
	}
	*out = *p;
	drop(p);
	return true;
}

static void record(struct thread *t, const struct pending *p, uint64_t signal, uint8_t by)
{
	hsa_amd_profiling_dispatch_time_t time = {0, 0};
	struct ev_dispatch_time e;

	if (agent.amd.hsa_amd_profiling_get_dispatch_time_fn((hsa_agent_t){p->agent},
							     (hsa_signal_t){signal}, &time) ||
	    !time.start || time.end < time.start)
		return;
	e = (struct ev_dispatch_time){.queue_id = p->queue_id,
				      .index = p->index,
				      .start = time.start,
				      .end = time.end,
				      .signal = by};
	agent_event(t, EV_dispatch_time, &e, sizeof(e));
}

/* ---- our signals ---- */

#define OURS 512u
static struct ours {
	hsa_signal_t signal;
	int used; /* atomic: 1 in a packet, 2 given up, 3 between */
	const struct queue *q;
	uint64_t index;
} ours[OURS];
static uint32_t num_ours, next_look; /* atomic */
static int made;

/* Nobody is to be woken by them: the device alone changes them. */
static void make_ours(struct thread *t)
{
	if (__atomic_exchange_n(&made, 1, __ATOMIC_RELAXED) || !agent.amd.hsa_amd_signal_create_fn)
		return;
	for (uint32_t i = 0; i < OURS; i++) {
		if (agent.amd.hsa_amd_signal_create_fn(1, 0, NULL, HSA_AMD_SIGNAL_AMD_GPU_ONLY,
						       &ours[i].signal))
			break;
		__atomic_store_n(&num_ours, i + 1, __ATOMIC_RELEASE);
	}
	if (num_ours < OURS)
		agent_note(t, "only %u of %u signals for timing= could be made", num_ours, OURS);
}

static bool change_used(struct ours *o, int from, int to)
{
	return __atomic_compare_exchange_n(&o->used, &from, to, false, __ATOMIC_ACQ_REL,
					   __ATOMIC_RELAXED);
}

/* Read one that ended. Returns whether it is free again. */
static bool reap(struct thread *t, struct ours *o)
{
	struct pending p;

	if (__atomic_load_n(&o->used, __ATOMIC_ACQUIRE) != 1 ||
	    agent.core.hsa_signal_load_scacquire_fn(o->signal) > 0 || !change_used(o, 1, 3))
		return false;
	/* Between the two it may have been read, and be another packet's by now. */
	if (agent.core.hsa_signal_load_scacquire_fn(o->signal) > 0 || !take(o->signal.handle, &p)) {
		change_used(o, 3, 1);
		return false;
	}
	record(t, &p, o->signal.handle, TIMED_BY_agent);
	agent.core.hsa_signal_store_relaxed_fn(o->signal, 1);
	return change_used(o, 3, 0);
}

static bool is_lost(const struct ours *o)
{
	const struct queue *q = o->q;
	uint64_t read, write;

	if (agent.core.hsa_signal_load_scacquire_fn(o->signal) <= 0)
		return false;
	/* It may also not have been taken yet. */
	return !queue_live(q) ||
	       (queue_peek(q, &read, &write) && (int64_t)(read - o->index) > 2 * (int64_t)q->size);
}

/*
 * The device took the packet without it (see timing_dispatch), or its queue is about to be gone:
 * nothing will change it, or something may, late.
 */
static bool is_hopeless(const struct ours *o, const struct queue *gone)
{
	return gone ? o->q == gone : is_lost(o);
}

static void give_up(struct ours *o, const struct queue *gone)
{
	struct pending p;

	/* Asked twice: meanwhile it may have been read, and be another packet's. */
	if (!is_hopeless(o, gone) || !change_used(o, 1, 3))
		return;
	change_used(o, 3, is_hopeless(o, gone) && take(o->signal.handle, &p) ? 2 : 1);
}

static struct ours *get_ours(struct thread *t)
{
	uint32_t n = __atomic_load_n(&num_ours, __ATOMIC_ACQUIRE);

	/* A few at a time: what has ended is found in the course of the next launches. */
	for (uint32_t i = 0; n && i < 8; i++) {
		struct ours *o = &ours[__atomic_fetch_add(&next_look, 1, __ATOMIC_RELAXED) % n];

		reap(t, o);
		if (change_used(o, 0, 3))
			return o;
	}
	return NULL;
}

uint64_t timing_dispatch(struct thread *t, struct queue *q, uint64_t index,
			 const hsa_kernel_dispatch_packet_t *p, hsa_kernel_dispatch_packet_t *slot)
{
	const uint64_t own = p->completion_signal.handle;
	struct pending gone;
	uint64_t none = 0;
	struct ours *o;

	if (!q->timed || queue_dispatches_before(q, index) % agent.options.timing_every)
		return own;
	if (own) {
		add(own, q, index);
		return own;
	}
	o = slot ? get_ours(t) : NULL;
	if (!o)
		return 0;
	o->q = q;
	o->index = index;
	if (!add(o->signal.handle, q, index)) {
		__atomic_store_n(&o->used, 2, __ATOMIC_RELEASE);
		return 0;
	}
	/*
	 * The doorbell for it has not been passed on, and nobody else has rung for the queue.
	 * Should somebody begin to while this thread stands still here, the slot may hold another
	 * packet: one with a signal keeps it, and one without gets a time that is another's.
	 */
	if (!__atomic_compare_exchange_n(&slot->completion_signal.handle, &none, o->signal.handle,
					 false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
		take(o->signal.handle, &gone);
		__atomic_store_n(&o->used, 0, __ATOMIC_RELEASE);
		return 0;
	}
	__atomic_store_n(&o->used, 1, __ATOMIC_RELEASE);
	return o->signal.handle;
}

void timing_queue(struct thread *t, struct queue *q)
{
	hsa_status_t status;

	make_ours(t);
	status = agent.amd.hsa_amd_profiling_set_profiler_enabled_fn
			 ? agent.amd.hsa_amd_profiling_set_profiler_enabled_fn(
				   q->front ? front_back(q->front) : q->q, 1)
			 : HSA_STATUS_ERROR;
	q->timed = status == HSA_STATUS_SUCCESS;
	if (!q->timed)
		agent_note(t, "queue %llu cannot be timed: profiling is refused with 0x%x",
			   (unsigned long long)q->id, (unsigned int)status);
}

/* gone: only those of that queue, which are not waited for any more; NULL: all. */
static void sweep(struct thread *t, const struct queue *gone)
{
	uint32_t n = __atomic_load_n(&num_ours, __ATOMIC_ACQUIRE);

	for (uint32_t i = 0; i < n; i++) {
		struct ours *o = &ours[i];

		if (__atomic_load_n(&o->used, __ATOMIC_ACQUIRE) != 1 || (gone && o->q != gone))
			continue;
		if (!reap(t, o))
			give_up(o, gone);
	}
}

void timing_queue_gone(struct thread *t, const struct queue *q)
{
	sweep(t, q);
}

void timing_sweep(struct thread *t)
{
	sweep(t, NULL);
}

/* ---- the application's signals ---- */

/* It has been waited for, or is about to be something else. */
static void look(hsa_signal_t signal, bool gone)
{
	struct pending *p = signal.handle ? find(signal.handle) : NULL, out;
	struct thread *t;

	if (!p)
		return;
	t = agent_enter();
	if (!t)
		return;
	if (agent.core.hsa_signal_load_scacquire_fn(signal) < 1) {
		if (take(signal.handle, &out))
			record(t, &out, signal.handle, TIMED_BY_own);
	} else if (gone) {
		take(signal.handle, &out);
	}
	agent_leave(t);
}

/* The host has waited: what ended until then is read now, for nothing may come after. */
static void sweep_now(void)
{
	struct thread *t = agent_enter();

	if (!t)
		return;
	sweep(t, NULL);
	agent_leave(t);
}

static void waited(hsa_signal_t signal)
{
	look(signal, false);
	sweep_now();
}

static hsa_signal_value_t wait_scacquire(hsa_signal_t s, hsa_signal_condition_t c,
					 hsa_signal_value_t v, uint64_t timeout,
					 hsa_wait_state_t hint)
{
	hsa_signal_value_t got = agent.core.hsa_signal_wait_scacquire_fn(s, c, v, timeout, hint);

	waited(s);
	return got;
}

static hsa_signal_value_t wait_relaxed(hsa_signal_t s, hsa_signal_condition_t c,
				       hsa_signal_value_t v, uint64_t timeout,
				       hsa_wait_state_t hint)
{
	hsa_signal_value_t got = agent.core.hsa_signal_wait_relaxed_fn(s, c, v, timeout, hint);

	waited(s);
	return got;
}

static uint32_t wait_any(uint32_t n, hsa_signal_t *signals, hsa_signal_condition_t *conditions,
			 hsa_signal_value_t *values, uint64_t timeout, hsa_wait_state_t hint,
			 hsa_signal_value_t *satisfying)
{
	uint32_t which = agent.amd.hsa_amd_signal_wait_any_fn(n, signals, conditions, values,
							      timeout, hint, satisfying);

	if (which < n)
		waited(signals[which]);
	return which;
}

static uint32_t wait_all(uint32_t n, hsa_signal_t *signals, hsa_signal_condition_t *conditions,
			 hsa_signal_value_t *values, uint64_t timeout, hsa_wait_state_t hint,
			 hsa_signal_value_t *satisfying)
{
	uint32_t got = agent.amd.hsa_amd_signal_wait_all_fn(n, signals, conditions, values, timeout,
							    hint, satisfying);

	for (uint32_t i = 0; i < n; i++)
		look(signals[i], false);
	sweep_now();
	return got;
}

static void silent_relaxed(hsa_signal_t s, hsa_signal_value_t v)
{
	look(s, true);
	agent.core.hsa_signal_silent_store_relaxed_fn(s, v);
}

static void silent_screlease(hsa_signal_t s, hsa_signal_value_t v)
{
	look(s, true);
	agent.core.hsa_signal_silent_store_screlease_fn(s, v);
}

static hsa_status_t signal_destroy(hsa_signal_t s)
{
	look(s, true);
	return agent.core.hsa_signal_destroy_fn(s);
}

void timing_store(hsa_signal_t s)
{
	look(s, true);
}

/* The runtime is still there: it counts signals that are not given back. */
void timing_forget(void)
{
	for (uint32_t i = 0; i < num_ours; i++)
		agent.core.hsa_signal_destroy_fn(ours[i].signal);
	__atomic_store_n(&num_ours, 0, __ATOMIC_RELEASE);
	memset(ours, 0, sizeof(ours));
	memset(table, 0, sizeof(table));
	made = 0;
}

void timing_hook(struct amd_table *amd, CoreApiTable *core)
{
	if (!agent.options.timing_every || !amd)
		return;
	core->hsa_signal_wait_scacquire_fn = wait_scacquire;
	core->hsa_signal_wait_relaxed_fn = wait_relaxed;
	core->hsa_signal_silent_store_relaxed_fn = silent_relaxed;
	core->hsa_signal_silent_store_screlease_fn = silent_screlease;
	core->hsa_signal_destroy_fn = signal_destroy;
	amd->hsa_amd_signal_wait_any_fn = wait_any;
	amd->hsa_amd_signal_wait_all_fn = wait_all;
}
