// SPDX-License-Identifier: MIT
/*
 * A thread that looks at the queues now and then: is there work, does it move, and if not, what
 * does it wait for.
 *
 * A queue that stands still is a hang only when nothing explains it: not a signal that the host has
 * yet to set, not a kernel that has been seen to take that long for its size. Everything of the
 * runtime's is read through the kernel: it may go away at any moment.
 *
 * Open: when the packet processor of gfx10 advances read_dispatch_id, at a packet's start or at its
 * end, is documented nowhere; both are taken into account. On a card: run a kernel of some seconds
 * and read the index meanwhile.
 */
#include "steer.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

/* The emulated device's: nanoseconds for 1000 wave instructions, lately (hsa-tools/emu/emu.h). */
extern uint64_t rdna1_emu_ns_per_1k_insns __attribute__((weak));
/* As fast as this it gets the bound of a GPU; slower, one that is longer in proportion. */
enum { EMU_NS_PER_1K_INSNS = 30000, EMU_SLOWEST = 100 };

enum {
	SAY_AFTER_MS = 1000, /* a state that ends sooner is not worth an event */
	HISTORY_FACTOR = 4,  /* what a kernel may take, of what it took before for its size */
	HISTORY_MOST = 30,   /* and of the bound */
	LIVE_MS = 10000,     /* between two accounts of what is allocated */
	NEWS_MS = 5000,	     /* code objects that came in this time: something is being compiled */
};
#define MS 1000000ull

/* ---- how long kernels take ---- */

#define KERNELS 1024u /* a power of two; two that meet share what is known */
static struct {
	uint64_t object;
	uint64_t items; /* the largest grid that was seen */
	uint64_t ns;	/* the most it took at that */
} history[KERNELS];

static bool is_dispatch(const struct recent *r)
{
	return recent_type(r) == HSA_PACKET_TYPE_KERNEL_DISPATCH;
}

static uint32_t history_slot(uint64_t object)
{
	return (uint32_t)((object >> 6) * 0x9e3779b97f4a7c15ull >> 40) & (KERNELS - 1);
}

static void learn(const struct recent *r, uint64_t took_ns)
{
	const uint64_t object = r->kernel_object, n = r->items ? r->items : 1;
	uint32_t i = history_slot(object);

	if (history[i].object == object && history[i].items > n)
		return;
	if (history[i].object != object || history[i].items < n)
		history[i].ns = 0;
	history[i].object = object;
	history[i].items = n;
	if (took_ns > history[i].ns)
		history[i].ns = took_ns;
}

/* 0: it has not been seen. */
static uint64_t expected_ns(const struct recent *r)
{
	const uint64_t object = r->kernel_object, n = r->items ? r->items : 1;
	uint32_t i = history_slot(object);

	if (history[i].object != object)
		return 0;
	if (n <= history[i].items)
		return history[i].ns;
	return (uint64_t)((double)history[i].ns * (double)n / (double)history[i].items);
}

/* ---- one queue ---- */

struct stand {
	uint64_t read, write;
	const struct recent *at; /* what it stands at; NULL not known */
	struct recent room;	 /* for it, where it is not one of the recent ones */
	uint64_t index;
	uint16_t state;
	uint64_t bound_ns;
};

static uint64_t bound_ns(void)
{
	uint64_t bound = agent.options.watchdog_ms * MS, speed, factor = 1;

	if (&rdna1_emu_ns_per_1k_insns) {
		speed = __atomic_load_n(&rdna1_emu_ns_per_1k_insns, __ATOMIC_RELAXED);
		factor = speed / EMU_NS_PER_1K_INSNS;
		factor = factor < 1 ? 1 : factor > EMU_SLOWEST ? EMU_SLOWEST : factor;
	}
	return bound * factor;
}

/* A packet with the barrier bit that was taken: all before it had ended then. */
static bool ended_by_order(const struct queue *q, uint64_t index)
{
	/* It was taken by the runtime, for its own queue. */
	if (q->read_at == QUEUE_READ_intercept)
		return false;
	for (uint32_t i = 0; i < RECENT; i++) {
		const struct recent *r = &q->recent[i];
		uint64_t other = __atomic_load_n(&r->index, __ATOMIC_ACQUIRE);

		if (other > index && other <= q->watch.read && recent_has_barrier_bit(r))
			return true;
	}
	return false;
}

static enum ev_dispatch_done has_ended(const struct queue *q, const struct recent *r)
{
	return ended_by_order(q, r->index) ? DISPATCH_DONE_yes : recent_done(q, r);
}

/* The oldest packet that is known not to have ended. *pending changes when one ends. */
static const struct recent *oldest_open(const struct queue *q, uint64_t *pending)
{
	const struct recent *oldest = NULL;

	*pending = 0;
	for (uint32_t i = 0; q->recent && i < RECENT; i++) {
		const struct recent *r = &q->recent[i];

		if (!__atomic_load_n(&r->index, __ATOMIC_ACQUIRE) ||
		    has_ended(q, r) != DISPATCH_DONE_no)
			continue;
		*pending += r->index * 31 + 1;
		if (!oldest || r->index < oldest->index)
			oldest = r;
	}
	return oldest;
}

/* Whether a packet of another queue will change this signal: then that queue is the one to look at.
 */
static bool made_by_device(uint64_t signal)
{
	for (unsigned int i = 0; i < MAX_QUEUES; i++) {
		const struct queue *q = &queues[i];

		for (uint32_t j = 0; queue_live(q) && q->recent && j < RECENT; j++)
			if (q->recent[j].index && q->recent[j].signal == signal &&
			    has_ended(q, &q->recent[j]) != DISPATCH_DONE_yes)
				return true;
	}
	return false;
}

enum blocked { NOT_BLOCKED, BY_HOST, BY_DEVICE };

/* A barrier packet: what it waits for. Copies' signals are nobody's here, so they count as the
 * host's. */
static enum blocked barrier_blocked(const hsa_barrier_and_packet_t *p, bool any)
{
	enum blocked found = NOT_BLOCKED;
	int64_t value;

	for (int i = 0; i < 5; i++) {
		if (!p->dep_signal[i].handle || !signal_peek(p->dep_signal[i].handle, &value))
			continue;
		if (value == 0) {
			if (any)
				return NOT_BLOCKED;
			continue;
		}
		if (found != BY_HOST)
			found = made_by_device(p->dep_signal[i].handle) ? BY_DEVICE : BY_HOST;
	}
	return found;
}

static bool is_barrier(unsigned int type)
{
	return type == HSA_PACKET_TYPE_BARRIER_AND || type == HSA_PACKET_TYPE_BARRIER_OR;
}

/* AMD's barrier-value packet, of hipStreamWaitValue: until a word has a value. first: its first 4
 * bytes. */
static bool is_barrier_value(uint32_t first)
{
	return (first & 0xff) == HSA_PACKET_TYPE_VENDOR_SPECIFIC &&
	       (first >> 16 & 0xff) == HSA_AMD_PACKET_TYPE_BARRIER_VALUE;
}

/* What stands for that packet where there is none: a kernel of HIP's own that spins on the word
 * (rocclr, blitcl.cpp). */
static bool is_wait_kernel(const struct recent *r)
{
	static const char name[] = "__amd_rocclr_streamOpsWait";
	const struct kernel_facts *k = is_dispatch(r) ? kernel_find(r->kernel_object) : NULL;

	return k && !strncmp(k->name, name, sizeof(name) - 1);
}

/* Why the packet at the read index is not taken, if the host is the reason. */
static uint16_t head_state(const struct queue *q, uint64_t read)
{
	const struct recent *r = q->front && front_took(q->front, read) ? recent_at(q, read) : NULL;
	hsa_barrier_and_packet_t p;
	uint32_t first;

	if (!ring_peek(q, read, &p))
		return WATCH_STATE_running;
	/* In a ring of ours its header is taken away when it goes on to the device's. */
	if (q->front && front_took(q->front, read) && !r)
		return WATCH_STATE_running;
	if (r)
		p.header = (uint16_t)r->first;
	memcpy(&first, &p, sizeof(first));
	/* Reserved, and not filled or not rung for yet. */
	if ((p.header & 0xff) == HSA_PACKET_TYPE_INVALID ||
	    (q->read_at == QUEUE_READ_doorbell &&
	     (int64_t)(__atomic_load_n(&q->rung, __ATOMIC_RELAXED) - read) <= 0))
		return WATCH_STATE_waiting;
	if (is_barrier_value(first))
		return WATCH_STATE_waiting;
	if (is_barrier(p.header & 0xff) &&
	    barrier_blocked(&p, (p.header & 0xff) == HSA_PACKET_TYPE_BARRIER_OR) == BY_HOST)
		return WATCH_STATE_waiting;
	return WATCH_STATE_running;
}

/*
 * What the device does not get past: not a packet that only waits for the one before it to end, by
 * its barrier bit or because it is a barrier, but that one.
 */
static uint64_t stuck_at(const struct queue *q, const struct stand *s, uint64_t index)
{
	const uint64_t read = s->read;
	const struct recent *r, *before;
	struct recent room[2];

	for (uint32_t i = 0; index && i < RECENT; i++, index--) {
		r = recent_or_ring(q, index, s->write, &room[0]);
		before = recent_or_ring(q, index - 1, s->write, &room[1]);
		if (!r || !before || has_ended(q, before) == DISPATCH_DONE_yes)
			break;
		if (!is_barrier(recent_type(r)) && (index < read || !recent_has_barrier_bit(r)))
			break;
	}
	return index;
}

/* The packet it stands at was taken, and waits itself. */
static bool waits_for_host(const struct queue *q, const struct stand *s)
{
	hsa_barrier_and_packet_t p;

	if (is_wait_kernel(s->at) || is_barrier_value(s->at->first))
		return true;
	return s->index < s->read && is_barrier(recent_type(s->at)) && ring_peek(q, s->index, &p) &&
	       barrier_blocked(&p, recent_type(s->at) == HSA_PACKET_TYPE_BARRIER_OR) == BY_HOST;
}

static void look_at(const struct queue *q, struct stand *s, uint64_t *pending)
{
	const struct recent *open = oldest_open(q, pending);

	s->state = WATCH_STATE_idle;
	s->index = s->read;
	if (open && open->index - 1 < s->read) {
		s->state = WATCH_STATE_running;
		s->index = open->index - 1;
	} else if (s->read < s->write) {
		s->state = head_state(q, s->read);
	}
	if (s->state == WATCH_STATE_waiting)
		s->index = s->read;
	else
		s->index = stuck_at(q, s, s->index);
	s->at = recent_or_ring(q, s->index, s->write, &s->room);
	if (s->state == WATCH_STATE_running && s->at && waits_for_host(q, s))
		s->state = WATCH_STATE_waiting;
	if (s->state == WATCH_STATE_running && q->host && host_busy(q->host))
		s->state = WATCH_STATE_waiting; /* for what we compute ourselves */
}

const struct recent *watchdog_stand(const struct queue *q, struct recent *room)
{
	struct stand s = {0};
	uint64_t pending;

	if (!queue_peek(q, &s.read, &s.write))
		return NULL;
	look_at(q, &s, &pending);
	if (s.state != WATCH_STATE_running || !s.at || !is_dispatch(s.at))
		return NULL;
	*room = *s.at;
	return room;
}

/* By the packet it stands at: what that kernel took for its size before, or the usual. */
static uint64_t bound_at(const struct stand *s)
{
	uint64_t bound = bound_ns(), expected = 0;

	if (s->at && is_dispatch(s->at))
		expected = expected_ns(s->at) * HISTORY_FACTOR;
	if (expected > bound * HISTORY_MOST)
		expected = bound * HISTORY_MOST;
	return expected > bound ? expected : bound;
}

/* Dispatches that have ended since the last look took no longer than since then, or since they
 * began to stand. */
static void learn_from(struct queue *q, const struct stand *s, uint64_t now)
{
	struct watch *w = &q->watch;
	const uint64_t end = s->state == WATCH_STATE_idle ? s->read : s->index;

	for (uint32_t i = 0; q->recent && i < RECENT; i++) {
		const struct recent *r = &q->recent[i];
		uint64_t index = __atomic_load_n(&r->index, __ATOMIC_ACQUIRE), begin;

		if (!index || index - 1 < w->learned || index - 1 >= end || !is_dispatch(r))
			continue;
		begin = index - 1 == w->index && w->since_ns ? w->since_ns : w->looked_ns;
		begin = begin > r->ts_ns ? begin : r->ts_ns;
		learn(r, now - begin);
	}
	w->learned = end > w->learned ? end : w->learned;
	w->looked_ns = now;
}

/* ---- what is said ---- */

static void say_state(struct thread *t, struct queue *q, const struct stand *s, uint64_t now)
{
	struct watch *w = &q->watch;
	const bool dispatch = s->at && is_dispatch(s->at);
	struct ev_watch e;

	if (w->said == s->state && (w->said_index == s->index || s->state == WATCH_STATE_idle))
		return;
	if (s->state == WATCH_STATE_idle ? !w->said : now - w->since_ns < SAY_AFTER_MS * MS)
		return;
	w->said = s->state;
	w->said_index = s->index;
	e = (struct ev_watch){
		.queue_id = q->id,
		.index = s->index,
		.state = s->state,
		.kernel_object = dispatch ? s->at->kernel_object : 0,
		.elapsed_ns = now - w->since_ns,
		.bound_ns = s->bound_ns,
		.read_index = s->read,
		.write_index = s->write,
	};
	agent_event(t, EV_watch, &e, sizeof(e));
}

static int hang_signal(void)
{
	switch (agent.options.on_hang) {
	case ON_HANG_ABORT:
		return SIGABRT;
	case ON_HANG_SIGNAL:
		return agent.options.on_hang_signal;
	default:
		return 0;
	}
}

/* abort=: an application that ignores SIGABRT, or returns from its handler, is ended all the same.
 */
static void act(int signo)
{
	struct sigaction dfl = {.sa_handler = SIG_DFL};

	if (!signo)
		return;
	kill(getpid(), signo);
	if (agent.options.on_hang != ON_HANG_ABORT)
		return;
	nanosleep(&(struct timespec){.tv_sec = 2}, NULL);
	sigaction(SIGABRT, &dfl, NULL);
	kill(getpid(), SIGABRT);
	/* The first process of a container is deaf to what it sends itself, but not to its faults.
	 */
	nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
	sigaction(SIGILL, &dfl, NULL);
	__builtin_trap();
}

static void hang(const struct queue *q, const struct stand *s, uint64_t now)
{
	const bool dispatch = s->at && is_dispatch(s->at);
	const uint64_t object = dispatch ? s->at->kernel_object : 0;
	const struct kernel_facts *k = object ? kernel_find(object) : NULL;
	const struct ev_hang e = {
		.queue_id = q->id,
		.index = s->index,
		.kernel_object = object,
		.elapsed_ns = now - q->watch.since_ns,
		.bound_ns = s->bound_ns,
		.read_index = s->read,
		.write_index = s->write,
		.signo = hang_signal(),
	};
	struct thread *t = evidence_begin();

	if (t) {
		agent_event(t, EV_hang, &e, sizeof(e));
		evidence_put(t, EVIDENCE_hang, 0);
		evidence_end();
	}
	agent_say("HANG: queue %llu has made no progress for %.1f s (bound %.1f s): packet %llu, "
		  "%s%s%s",
		  (unsigned long long)q->id, (double)e.elapsed_ns / 1e9, (double)e.bound_ns / 1e9,
		  (unsigned long long)s->index,
		  k	     ? "kernel "
		  : dispatch ? "a kernel"
			     : "no kernel",
		  k ? k->name : "",
		  agent.options.on_hang == ON_HANG_ABORT && !agent.options.on_hang_given
			  ? "; the process is ended, as it is asked to avoid such kernels "
			    "(on-hang=report lets it "
			    "wait)"
		  : agent.options.on_hang == ON_HANG_ABORT
			  ? "; the process is ended (on-hang=abort)"
		  : e.signo ? "; the process gets the signal of on-hang="
			    : "; it is recorded");
	lesson_hang(q, s->at);
	act(e.signo);
}

/* ---- the thread ---- */

static void note_unseen(struct thread *t, struct queue *q, uint64_t doorbell, uint64_t read)
{
	uint64_t next = __atomic_load_n(&q->next, __ATOMIC_ACQUIRE);

	if (q->read_at != QUEUE_READ_doorbell || (int64_t)(read - next) <= 0)
		return;
	next = queue_skip(q, doorbell, read);
	if (next == read)
		return;
	packets_gap(t, q, next, read - next, GAP_unseen_doorbell);
	if (!q->watch.told_unseen)
		agent_note(t,
			   "queue %llu takes packets whose doorbell was rung past the API (its "
			   "doorbell is written to directly): they are not seen; "
			   "dispatch=intercept sees them",
			   (unsigned long long)q->id);
	q->watch.told_unseen = true;
}

/* Returns whether there is work in it. */
static bool watch_queue(struct thread *t, struct queue *q, uint64_t now)
{
	struct stand s = {0};
	struct watch *w = &q->watch;
	const uint64_t doorbell = __atomic_load_n(&q->doorbell, __ATOMIC_ACQUIRE);
	uint64_t pending;
	bool progress;

	if (!queue_peek(q, &s.read, &s.write))
		return false;
	note_unseen(t, q, doorbell, s.read);
	progress = s.read != w->read;
	w->read = s.read;
	look_at(q, &s, &pending);
	learn_from(q, &s, now);
	if (!w->since_ns || progress || pending != w->pending || s.state != w->state ||
	    s.state == WATCH_STATE_idle) {
		w->since_ns = now;
		w->index = s.index;
		w->bound_ns = 0;
		w->hung = false;
	}
	/* What it stands at may be seen, or be known better, a look later. */
	s.bound_ns = bound_at(&s);
	if (s.bound_ns < w->bound_ns)
		s.bound_ns = w->bound_ns;
	w->bound_ns = s.bound_ns;
	w->pending = pending;
	w->state = s.state;
	if (s.state == WATCH_STATE_running && now - w->since_ns > s.bound_ns) {
		s.state = WATCH_STATE_stuck;
		say_state(t, q, &s, now);
		if (!w->hung) {
			w->hung = true;
			hang(q, &s, now);
		}
		return true;
	}
	say_state(t, q, &s, now);
	return s.state != WATCH_STATE_idle;
}

/* No queue has work, and the process is busy: that is no hang, and the trace says why nothing
 * comes. */
static void watch_host(struct thread *t, bool work, uint64_t now)
{
	static uint64_t cpu_before, wall_before, since;
	static bool said;
	struct timespec ts;
	uint64_t cpu;
	bool busy;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	cpu = (uint64_t)ts.tv_sec * 1000 * MS + (uint64_t)ts.tv_nsec;
	busy = !work && wall_before &&
	       ((cpu - cpu_before) * 2 > now - wall_before ||
		(code_news_ns() && now - code_news_ns() < NEWS_MS * MS));
	cpu_before = cpu;
	wall_before = now;
	if (!busy) {
		since = 0;
		said = false;
		return;
	}
	since = since ? since : now;
	if (said || now - since < SAY_AFTER_MS * MS)
		return;
	said = true;
	agent_event(t, EV_watch,
		    &(struct ev_watch){.state = WATCH_STATE_compiling, .elapsed_ns = now - since},
		    sizeof(struct ev_watch));
}

/* Ring mode: what is still allocated is said again when the events that said so are gone. */
static void say_live(struct thread *t, uint64_t now)
{
	static uint64_t overwritten, said_ns;
	uint64_t n = agent.proc.losses[LOSS_overwritten]
			     ? agent.proc.losses[LOSS_overwritten]->count
			     : 0;

	if (!agent.options.buffer_bytes || n == overwritten || now - said_ns < LIVE_MS * MS)
		return;
	overwritten = n;
	said_ns = now;
	evidence_live(t, agent.options.buffer_bytes / 16);
}

static void look_around(struct thread *t)
{
	uint64_t now = agent_now();
	bool work = false;

	code_store_used(t);
	if (agent.options.timing_every)
		timing_sweep(t);
	for (unsigned int i = 0; i < MAX_QUEUES; i++)
		if (queue_live(&queues[i]) && queues[i].made_by != QUEUE_MAKER_soft)
			work |= watch_queue(t, &queues[i], now);
	watch_host(t, work, now);
	say_live(t, now);
}

static int round_lock;

void watchdog_pause(void)
{
	while (__atomic_exchange_n(&round_lock, 1, __ATOMIC_ACQUIRE))
		nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
}

void watchdog_resume(void)
{
	__atomic_store_n(&round_lock, 0, __ATOMIC_RELEASE);
}

static void *watch(void *unused)
{
	uint32_t ms = agent.options.watchdog_ms / 20;
	struct timespec pause;

	ms = ms < 50 ? 50 : ms > 500 ? 500 : ms;
	pause = (struct timespec){.tv_sec = 0, .tv_nsec = ms * (long)MS};
	prctl(PR_SET_NAME, "rdna1-watch");
	for (;;) {
		struct thread *t;

		nanosleep(&pause, NULL);
		watchdog_pause();
		t = agent_enter();
		if (t) {
			look_around(t);
			agent_leave(t);
		}
		watchdog_resume();
	}
	return unused;
}

void watchdog_start(void)
{
	static int started;

	if (!agent.options.watchdog_ms || __atomic_exchange_n(&started, 1, __ATOMIC_RELAXED))
		return;
	if (thread_start(watch, NULL))
		agent_say("no thread for the watchdog: hangs will not be noticed");
}
