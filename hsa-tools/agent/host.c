// SPDX-License-Identifier: MIT
/*
 * Dispatches that the host computes: a thread for each queue, which does them in the queue's order.
 *
 * In the packet's place stand two barrier packets. The first ends when all before it has (its barrier
 * bit), which is the thread's sign to begin; the second waits for the thread, and then ends as the
 * packet would have: with its completion signal, and its fences, so that later packets see the result.
 * The application's thread waits for nothing.
 *
 * A job's signals are used again a ring later: packets are taken in order, so the queue is past them
 * when a later job has begun.
 */
#include "steer.h"

#include <errno.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { STOP_MS = 30000 }; /* a copy may never end where the device has stopped */

struct job {
	uint64_t index, rung_ns;
	hsa_signal_t before, done; /* made when the place in the ring is first used */
	bool direct[CONV_OPERANDS]; /* the host reaches it where it is */
	struct conv_problem problem;
	hsa_kernel_dispatch_packet_t packet; /* as the program sent it */
};

struct host {
	uint64_t queue_id, doorbell;
	hsa_agent_t on;
	struct job *jobs; /* a ring */
	uint32_t size;
	uint32_t pushed; /* atomic, a futex: jobs there ever were */
	uint32_t taken;	 /* atomic: of them, those that are done with */
	int stop;	 /* atomic */
	int running;	 /* atomic: the thread is there */
	int computing;	 /* atomic */
	hsa_queue_t *own; /* for a dispatch that has to run as it was sent after all */
	void *room[CONV_OPERANDS];
	size_t room_size[CONV_OPERANDS];
};

static uint64_t now_ns(void)
{
	return agent_now();
}

static void futex(uint32_t *word, int op, uint32_t value)
{
	syscall(SYS_futex, word, op, value, NULL, NULL, 0);
}

/* ---- operands ---- */

/* Room of the thread's own for an operand, kept for the next job. */
static void *room_for(struct host *h, int i, size_t bytes)
{
	void *p;

	if (bytes <= h->room_size[i])
		return h->room[i];
	p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return NULL;
	if (h->room[i])
		munmap(h->room[i], h->room_size[i]);
	h->room[i] = p;
	h->room_size[i] = bytes;
	return p;
}

struct run {
	void *memory[CONV_OPERANDS];
	uint64_t copied_ns, computed_ns, copied_bytes;
};

static int copy(struct run *r, void *to, const void *from, size_t bytes)
{
	uint64_t begin = now_ns();
	hsa_status_t status = agent.core.hsa_memory_copy_fn(to, from, bytes);

	r->copied_ns += now_ns() - begin;
	r->copied_bytes += bytes;
	return status ? -EFAULT : 0;
}

static int fetch(struct host *h, const struct job *j, struct run *r)
{
	for (int i = 0; i < CONV_OPERANDS; i++) {
		const struct conv_operand *o = &j->problem.operand[i];
		void *at = (void *)(uintptr_t)o->va;
		int err;

		if (!o->bytes)
			continue;
		r->memory[i] = j->direct[i] ? at : room_for(h, i, o->bytes);
		if (!r->memory[i])
			return -ENOMEM;
		/* What lies between a result's elements goes back as it was. */
		err = j->direct[i] ? 0 : copy(r, r->memory[i], at, o->bytes);
		if (err)
			return err;
	}
	return 0;
}

static int give_back(const struct job *j, struct run *r)
{
	int err = 0;

	for (int i = 0; i < CONV_OPERANDS && !err; i++) {
		const struct conv_operand *o = &j->problem.operand[i];

		if (o->bytes && o->written && !j->direct[i])
			err = copy(r, (void *)(uintptr_t)o->va, r->memory[i], o->bytes);
	}
	return err;
}

static int compute(struct host *h, const struct job *j, struct run *r)
{
	uint64_t begin;
	int err = fetch(h, j, r);

	if (err)
		return err;
	begin = now_ns();
	err = conv_host__run(&j->problem, r->memory);
	r->computed_ns = now_ns() - begin;
	return err ? err : give_back(j, r);
}

/* ---- when it cannot be done: on the device after all ---- */

static void dispatch_itself(struct host *h, const struct job *j)
{
	hsa_kernel_dispatch_packet_t p = j->packet, *slot;
	const uint32_t first = p.header | (uint32_t)p.setup << 16;
	hsa_signal_t done;
	uint64_t index;

	if (!h->own && agent.core.hsa_queue_create_fn(h->on, 64, HSA_QUEUE_TYPE_SINGLE, NULL, NULL, UINT32_MAX,
						      UINT32_MAX, &h->own)) {
		h->own = NULL;
		return;
	}
	if (agent.core.hsa_signal_create_fn(1, 0, NULL, &done))
		return;
	index = agent.core.hsa_queue_add_write_index_relaxed_fn(h->own, 1);
	slot = (hsa_kernel_dispatch_packet_t *)h->own->base_address + (index & (h->own->size - 1));
	p.completion_signal = done;
	memcpy((uint8_t *)slot + 4, (const uint8_t *)&p + 4, sizeof(p) - 4);
	__atomic_store_n((uint32_t *)(void *)slot, first, __ATOMIC_RELEASE);
	agent.core.hsa_signal_store_screlease_fn(h->own->doorbell_signal, (hsa_signal_value_t)index);
	while (!__atomic_load_n(&h->stop, __ATOMIC_ACQUIRE) &&
	       agent.core.hsa_signal_wait_scacquire_fn(done, HSA_SIGNAL_CONDITION_LT, 1, 100000000,
						       HSA_WAIT_STATE_BLOCKED) > 0)
		;
	agent.core.hsa_signal_destroy_fn(done);
}

/* ---- the thread ---- */

static void record(const struct host *h, const struct job *j, const struct run *r, uint64_t began, int err)
{
	struct thread *t = agent_enter();
	const struct ev_host_run e = {.queue_id = h->queue_id,
				      .index = j->index,
				      .error = err,
				      .waited_ns = began - j->rung_ns,
				      .copied_ns = r->copied_ns,
				      .computed_ns = r->computed_ns,
				      .copied_bytes = r->copied_bytes};
	char text[256];
	size_t len;
	uint8_t *at;

	if (!t)
		return;
	len = conv_problem__text(&j->problem, text, sizeof(text));
	len = len < sizeof(text) ? len : sizeof(text) - 1;
	at = agent_reserve(t, EV_host_run, sizeof(e) + (len ?: 1) + 1);
	if (at) {
		memcpy(at, &e, sizeof(e));
		stream__put_text(at + sizeof(e), text, len);
		agent_commit(t);
	}
	agent_leave(t);
}

static void run(struct host *h, struct job *j)
{
	struct run r = {0};
	uint64_t began;
	int err;

	while (agent.core.hsa_signal_wait_scacquire_fn(j->before, HSA_SIGNAL_CONDITION_LT, 1, UINT64_MAX,
						       HSA_WAIT_STATE_BLOCKED) > 0)
		;
	if (__atomic_load_n(&h->stop, __ATOMIC_ACQUIRE))
		return;
	__atomic_store_n(&h->computing, 1, __ATOMIC_RELAXED);
	began = now_ns();
	err = compute(h, j, &r);
	if (err)
		dispatch_itself(h, j);
	record(h, j, &r, began, err);
	agent.core.hsa_signal_store_screlease_fn(j->done, 0);
	__atomic_store_n(&h->computing, 0, __ATOMIC_RELAXED);
}

static void *work(void *arg)
{
	struct host *h = arg;

	prctl(PR_SET_NAME, "rdna1-host");
	while (!__atomic_load_n(&h->stop, __ATOMIC_ACQUIRE)) {
		const uint32_t pushed = __atomic_load_n(&h->pushed, __ATOMIC_ACQUIRE);

		if (h->taken == pushed) {
			futex(&h->pushed, FUTEX_WAIT_PRIVATE, pushed);
			continue;
		}
		run(h, &h->jobs[h->taken & (h->size - 1)]);
		__atomic_store_n(&h->taken, h->taken + 1, __ATOMIC_RELEASE);
	}
	__atomic_store_n(&h->running, 0, __ATOMIC_RELEASE);
	return NULL;
}

struct host *host_new(struct thread *t, struct queue *q)
{
	struct host *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->queue_id = q->id;
	h->on.handle = q->agent;
	h->size = front_back(q->front)->size;
	h->jobs = mmap(NULL, h->size * sizeof(*h->jobs), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	h->running = 1;
	if (h->jobs == MAP_FAILED || thread_start(work, h)) {
		agent_note(t, "queue %llu: no memory or no thread to compute on the host",
			   (unsigned long long)q->id);
		if (h->jobs != MAP_FAILED)
			munmap(h->jobs, h->size * sizeof(*h->jobs));
		free(h);
		return NULL;
	}
	return h;
}

bool host_busy(const struct host *h)
{
	return __atomic_load_n(&h->computing, __ATOMIC_RELAXED);
}

/* ---- jobs ---- */

/* Where the operands are; false: not all in memory that is known to be there. */
static bool place(struct thread *t, struct job *j)
{
	memory_renew(t);
	for (int i = 0; i < CONV_OPERANDS; i++) {
		const struct conv_operand *o = &j->problem.operand[i];
		const struct place *p;
		struct place found;

		if (!o->bytes)
			continue;
		p = memory_place(t, o->va);
		if (!p && memory_find(t, o->va, &found) == MAP_INSIDE)
			p = &found;
		if (!p || o->bytes > p->size - (o->va - p->lo))
			return false;
		j->direct[i] = p->host;
	}
	return true;
}

static bool make_signals(struct job *j)
{
	if (j->done.handle)
		return true;
	if (agent.core.hsa_signal_create_fn(1, 0, NULL, &j->before))
		return false;
	if (!agent.core.hsa_signal_create_fn(1, 0, NULL, &j->done))
		return true;
	agent.core.hsa_signal_destroy_fn(j->before);
	j->done.handle = 0;
	return false;
}

static uint16_t fences(uint16_t acquire, uint16_t release)
{
	return (uint16_t)(acquire << HSA_PACKET_HEADER_SCACQUIRE_FENCE_SCOPE |
			  release << HSA_PACKET_HEADER_SCRELEASE_FENCE_SCOPE);
}

enum ev_steer_passed host_push(struct thread *t, struct host *h, uint64_t index, const struct conv_problem *problem,
			       const hsa_kernel_dispatch_packet_t *p, hsa_barrier_and_packet_t out[2])
{
	struct job *j = &h->jobs[h->pushed & (h->size - 1)];

	/* A ring of jobs is as long as the queue's, and each takes two packets of that. */
	if (h->pushed - __atomic_load_n(&h->taken, __ATOMIC_ACQUIRE) >= h->size || !make_signals(j))
		return STEER_PASSED_memory;
	j->index = index;
	j->rung_ns = now_ns();
	j->problem = *problem;
	j->packet = *p;
	if (!place(t, j))
		return STEER_PASSED_unread;
	agent.core.hsa_signal_store_relaxed_fn(j->before, 1);
	agent.core.hsa_signal_store_relaxed_fn(j->done, 1);
	memset(out, 0, 2 * sizeof(*out));
	out[0].header = (uint16_t)(HSA_PACKET_TYPE_BARRIER_AND | 1 << HSA_PACKET_HEADER_BARRIER |
				   fences(HSA_FENCE_SCOPE_NONE, HSA_FENCE_SCOPE_SYSTEM));
	out[0].completion_signal = j->before;
	out[1].header = (uint16_t)(HSA_PACKET_TYPE_BARRIER_AND | 1 << HSA_PACKET_HEADER_BARRIER |
				   fences(HSA_FENCE_SCOPE_SYSTEM, HSA_FENCE_SCOPE_SYSTEM));
	out[1].dep_signal[0] = j->done;
	out[1].completion_signal = p->completion_signal;
	__atomic_store_n(&h->pushed, h->pushed + 1, __ATOMIC_RELEASE);
	futex(&h->pushed, FUTEX_WAKE_PRIVATE, 1);
	return STEER_PASSED_no;
}

/* ---- the end ---- */

/* What is being computed is finished first: its operands are the application's to free afterwards. */
bool host_stop(struct host *h)
{
	const struct timespec ms = {.tv_nsec = 1000000};

	__atomic_store_n(&h->stop, 1, __ATOMIC_RELEASE);
	futex(&h->pushed, FUTEX_WAKE_PRIVATE, INT32_MAX);
	for (int i = 0; i < STOP_MS && __atomic_load_n(&h->running, __ATOMIC_ACQUIRE); i++) {
		const uint32_t taken = __atomic_load_n(&h->taken, __ATOMIC_ACQUIRE);
		const struct job *j = &h->jobs[taken & (h->size - 1)];

		if (taken != h->pushed && j->before.handle)
			agent.core.hsa_signal_store_relaxed_fn(j->before, 0);
		futex(&h->pushed, FUTEX_WAKE_PRIVATE, INT32_MAX);
		nanosleep(&ms, NULL);
	}
	return !__atomic_load_n(&h->running, __ATOMIC_ACQUIRE);
}

void host_free(struct host *h)
{
	for (uint32_t i = 0; i < h->size && h->jobs[i].done.handle; i++) {
		agent.core.hsa_signal_destroy_fn(h->jobs[i].before);
		agent.core.hsa_signal_destroy_fn(h->jobs[i].done);
	}
	if (h->own)
		agent.core.hsa_queue_destroy_fn(h->own);
	for (int i = 0; i < CONV_OPERANDS; i++)
		if (h->room[i])
			munmap(h->room[i], h->room_size[i]);
	munmap(h->jobs, h->size * sizeof(*h->jobs));
	free(h);
}
