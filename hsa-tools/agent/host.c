// SPDX-License-Identifier: MIT
/*
 * Dispatches that the host computes: a thread for each queue, which does them in the queue's order.
 *
 * In the packet's place stand two barrier packets. The first ends when all before it has (its
 * barrier bit), which is the thread's sign to begin; the second waits for the thread, and then ends
 * as the packet would have: with its completion signal, and its fences, so that later packets see
 * the result. The application's thread waits for nothing.
 *
 * A job's signals are used again: packets are taken in order, so the queue is past them when a
 * later job has begun.
 */
#include "steer.h"

#include "mover.h"

#include <errno.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
	STOP_MS = 30000, /* a copy may never end where the device has stopped */
	JOBS = 64,   /* of a queue at a time: each has a signal with an event, of which KFD gives a
			process 4096 */
	RESERVE = 2, /* the queue may not be past the last ones that were done */
};
enum { GO_ON, DESTROYED, EXITS }; /* struct host's stop */
_Static_assert((int)MOVER_ROOMS >= CONV_OPERANDS, "a room for each");

struct job {
	uint64_t index, rung_ns;
	hsa_signal_t before, done;  /* made when the place in the ring is first used */
	bool direct[CONV_OPERANDS]; /* the host reaches it where it is */
	struct conv_problem problem;
	hsa_kernel_dispatch_packet_t packet; /* as the program sent it */
};

struct host {
	uint64_t queue_id;
	hsa_agent_t on;
	struct job *jobs; /* a ring of JOBS */
	uint32_t pushed;  /* atomic, a futex: jobs there ever were */
	uint32_t taken;	  /* atomic: of them, those that are done with */
	int stop;	  /* atomic: GO_ON and so on */
	int running;	  /* atomic: the thread is there */
	int computing;	  /* atomic */
	struct mover *mover;
	struct host *
		next; /* among those that are not used: they are never freed, for who still looks */
};
static struct host *unused;
static int unused_lock;

static uint64_t now_ns(void)
{
	return agent_now();
}

static void futex(uint32_t *word, int op, uint32_t value)
{
	syscall(SYS_futex, word, op, value, NULL, NULL, 0);
}

/* ---- operands ---- */

struct run {
	void *memory[CONV_OPERANDS];
	uint64_t copied_ns, computed_ns, copied_bytes;
};

static int copy(struct host *h, struct run *r, void *to, const void *from, size_t bytes)
{
	uint64_t begin = now_ns();
	int err = mover_copy(h->mover, to, from, bytes, &h->stop);

	r->copied_ns += now_ns() - begin;
	r->copied_bytes += bytes;
	return err;
}

static int fetch(struct host *h, const struct job *j, struct run *r)
{
	for (int i = 0; i < CONV_OPERANDS; i++) {
		const struct conv_operand *o = &j->problem.operand[i];
		void *at = (void *)(uintptr_t)o->va;
		int err;

		if (!o->bytes)
			continue;
		r->memory[i] = j->direct[i] ? at : mover_room(h->mover, i, o->bytes);
		if (!r->memory[i])
			return -ENOMEM;
		/* What lies between a result's elements goes back as it was. */
		err = j->direct[i] ? 0 : copy(h, r, r->memory[i], at, o->bytes);
		if (err)
			return err;
	}
	return 0;
}

static int give_back(struct host *h, const struct job *j, struct run *r)
{
	int err = 0;

	for (int i = 0; i < CONV_OPERANDS && !err; i++) {
		const struct conv_operand *o = &j->problem.operand[i];

		if (o->bytes && o->written && !j->direct[i])
			err = copy(h, r, (void *)(uintptr_t)o->va, r->memory[i], o->bytes);
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
	return err ? err : give_back(h, j, r);
}

/* ---- the thread ---- */

static void record(const struct host *h, const struct job *j, const struct run *r, uint64_t began,
		   int err)
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

/* Once: what is registered now runs at exit() before what oneDNN has registered so far. */
static void run_first(struct host *h, struct job *j, struct run *r, int *err)
{
	static int kinds; /* atomic: bits */
	const int bit = 1 << (j->problem.kind * 2 + (j->problem.type == CONV_FP16));

	*err = compute(h, j, r);
	if (!(__atomic_fetch_or(&kinds, bit, __ATOMIC_RELAXED) & bit))
		atexit(steer_exit);
}

static void do_job(struct host *h, struct job *j)
{
	struct run r = {0};
	const uint64_t began = now_ns();
	int err, after;

	run_first(h, j, &r, &err);
	after = err ? mover_run(h->mover, &j->packet, &h->stop) : 0;
	record(h, j, &r, began, err);
	if (after && !__atomic_load_n(&h->stop, __ATOMIC_ACQUIRE))
		agent_say("queue %llu, packet %llu could neither be computed on the host (%s) nor "
			  "run on the device "
			  "(%s): its result is missing",
			  (unsigned long long)h->queue_id, (unsigned long long)j->index,
			  strerror(-err), strerror(-after));
}

static void run(struct host *h, struct job *j)
{
	while (agent.core.hsa_signal_wait_scacquire_fn(j->before, HSA_SIGNAL_CONDITION_LT, 1,
						       UINT64_MAX, HSA_WAIT_STATE_BLOCKED) > 0)
		;
	__atomic_store_n(&h->computing, 1, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&h->stop, __ATOMIC_SEQ_CST) == GO_ON)
		do_job(h, j);
	__atomic_store_n(&h->computing, 0, __ATOMIC_SEQ_CST);
	/* Also when the process ends, and nothing more is computed: who waits for the queue then is
	 * let go. */
	if (__atomic_load_n(&h->stop, __ATOMIC_ACQUIRE) != DESTROYED)
		agent.core.hsa_signal_store_screlease_fn(j->done, 0);
}

static void *work(void *arg)
{
	struct host *h = arg;

	prctl(PR_SET_NAME, "rdna1-host");
	while (__atomic_load_n(&h->stop, __ATOMIC_ACQUIRE) != DESTROYED) {
		const uint32_t pushed = __atomic_load_n(&h->pushed, __ATOMIC_ACQUIRE);

		if (h->taken == pushed) {
			futex(&h->pushed, FUTEX_WAIT_PRIVATE, pushed);
			continue;
		}
		run(h, &h->jobs[h->taken % JOBS]);
		__atomic_store_n(&h->taken, h->taken + 1, __ATOMIC_RELEASE);
	}
	__atomic_store_n(&h->running, 0, __ATOMIC_RELEASE);
	return NULL;
}

static struct host *take_unused(void)
{
	struct host *h;

	spin_lock(&unused_lock);
	h = unused;
	if (h)
		unused = h->next;
	spin_unlock(&unused_lock);
	return h ? h : calloc(1, sizeof(*h));
}

static void give_unused(struct host *h)
{
	spin_lock(&unused_lock);
	h->next = unused;
	unused = h;
	spin_unlock(&unused_lock);
}

struct host *host_new(struct thread *t, struct queue *q)
{
	struct host *h = take_unused();

	if (!h)
		return NULL;
	h->queue_id = q->id;
	h->on.handle = q->agent;
	h->stop = GO_ON;
	h->pushed = h->taken = 0;
	h->mover = mover_new(t, h->on);
	if (!h->jobs)
		h->jobs = calloc(JOBS, sizeof(*h->jobs));
	h->running = 1;
	if (h->jobs && h->mover && !thread_start(work, h))
		return h;
	h->running = 0;
	agent_note(t, "queue %llu: no memory or no thread to compute on the host",
		   (unsigned long long)q->id);
	if (h->mover)
		mover_free(h->mover);
	give_unused(h);
	return NULL;
}

bool host_has_room(const struct host *h)
{
	return h->pushed - __atomic_load_n(&h->taken, __ATOMIC_ACQUIRE) < JOBS - RESERVE;
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

/* The thread sleeps on the first; on the second nobody but the device waits. */
static bool make_signals(struct job *j)
{
	if (j->done.handle)
		return true;
	if (agent.core.hsa_signal_create_fn(1, 0, NULL, &j->before))
		return false;
	if (!agent.amd.hsa_amd_signal_create_fn(1, 0, NULL, HSA_AMD_SIGNAL_AMD_GPU_ONLY, &j->done))
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

enum ev_steer_passed host_push(struct thread *t, struct host *h, uint64_t index,
			       const struct conv_problem *problem,
			       const hsa_kernel_dispatch_packet_t *p,
			       hsa_barrier_and_packet_t out[2])
{
	struct job *j = &h->jobs[h->pushed % JOBS];

	if (!make_signals(j))
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

static void wake(struct host *h)
{
	const struct job *j = &h->jobs[__atomic_load_n(&h->taken, __ATOMIC_ACQUIRE) % JOBS];

	if (h->taken != __atomic_load_n(&h->pushed, __ATOMIC_ACQUIRE) && j->before.handle)
		agent.core.hsa_signal_store_relaxed_fn(j->before, 0);
	futex(&h->pushed, FUTEX_WAKE_PRIVATE, INT32_MAX);
}

/* What is being computed is finished first: its operands are the application's to free afterwards.
 */
bool host_stop(struct host *h)
{
	const struct timespec ms = {.tv_nsec = 1000000};

	__atomic_store_n(&h->stop, DESTROYED, __ATOMIC_SEQ_CST);
	for (int i = 0; i < STOP_MS && __atomic_load_n(&h->running, __ATOMIC_ACQUIRE); i++) {
		wake(h);
		nanosleep(&ms, NULL);
	}
	return !__atomic_load_n(&h->running, __ATOMIC_ACQUIRE);
}

void host_exit(struct host *h)
{
	const struct timespec ms = {.tv_nsec = 1000000};

	__atomic_store_n(&h->stop, EXITS, __ATOMIC_SEQ_CST);
	for (int i = 0; i < STOP_MS && __atomic_load_n(&h->computing, __ATOMIC_SEQ_CST); i++)
		nanosleep(&ms, NULL);
}

void host_free(struct host *h)
{
	for (uint32_t i = 0; i < JOBS && h->jobs[i].done.handle; i++) {
		agent.core.hsa_signal_destroy_fn(h->jobs[i].before);
		agent.core.hsa_signal_destroy_fn(h->jobs[i].done);
		h->jobs[i].done.handle = 0;
	}
	mover_free(h->mover);
	h->mover = NULL;
	give_unused(h);
}
