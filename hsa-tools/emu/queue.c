// SPDX-License-Identifier: MIT
/*
 * Queues and the packet processor: one thread that polls doorbells, takes AQL packets, steps the
 * SDMA engines and runs slices of kernels in between; helpers join for large grids.
 */
#include "emu.h"

#include <errno.h>
#include <linux/futex.h>
#include <linux/kfd_ioctl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <xmmintrin.h>

#define MAX_HELPERS 7
#define DOORBELLS (EMU_DOORBELL_BYTES / 8)

/*
 * Polling, since a doorbell is a plain store: busy for a while after something happened, then ever longer
 * sleeps. The longest is what a first launch may wait; to wake up this often costs less than 1 % of a CPU.
 */
#define SPIN_NS 50000ull
static const struct {
	uint64_t idle_ns; /* nothing happened for this long */
	long sleep_ns;
} backoff[] = {
	{2000000, 20000},
	{20000000, 100000},
	{500000000, 500000},
	{1000000000, 1000000},
	{UINT64_MAX, 6000000},
};

uint64_t now_ns(void)
{
	return stream__now();
}

/* 100 MHz, as Navi's reference clock; the unit of amd_signal_t.start_ts. */
uint64_t device_clock(void)
{
	return now_ns() / 10;
}

void device_interrupt(struct wave *w, uint32_t event_id)
{
	(void)w;
	event_interrupt(event_id);
}

/* ---- signals ---- */

/*
 * Value by `change`, then the event the signal names. start_clock: 0 for a signal without times. The memory is
 * the application's. Returns the address of what is not there, 0 when all is.
 */
static __attribute__((noinline)) uint64_t
signal_update(struct vm_view *view, uint64_t signal, int64_t change, bool add, uint64_t start_clock)
{
	struct abi_signal *s =
		(void *)vm_host(view, signal, sizeof(struct abi_signal), PTE_WRITEABLE);
	uint64_t *mailbox, at;
	uint32_t id;

	if (!s)
		return signal;
	if (start_clock) {
		s->start_ts = start_clock;
		s->end_ts = device_clock();
	}
	mailbox = (void *)(uintptr_t)s->event_mailbox_ptr;
	id = s->event_id;
	/* From here on the application may reuse the signal. */
	if (add)
		__atomic_fetch_add(&s->value, change, __ATOMIC_SEQ_CST);
	else
		__atomic_store_n(&s->value, change, __ATOMIC_SEQ_CST);
	if (!mailbox)
		return 0;
	at = (uint64_t)(uintptr_t)mailbox;
	mailbox = (void *)vm_host(view, at, 8, PTE_WRITEABLE);
	if (!mailbox)
		return at;
	__atomic_store_n(mailbox, id, __ATOMIC_RELEASE);
	event_interrupt(id);
	return 0;
}

static uint64_t signal_guarded(struct vm_view *view, uint64_t signal, int64_t change, bool add,
			       uint64_t start_clock)
{
	volatile uint64_t bad = 0;
	struct guard g;

	if (GUARDED(&g))
		bad = vm_guest_address(view, guard_address());
	else if (signal)
		bad = signal_update(view, signal, change, add, start_clock);
	guard_leave(&g);
	return bad;
}

void signal_store(struct vm_view *view, uint64_t signal, int64_t value)
{
	signal_guarded(view, signal, value, false, 0);
}

static uint32_t queue_properties(struct worker *k, const struct queue *q)
{
	const struct abi_queue *queue =
		(const void *)vm_host(k->view, q->amd_queue, sizeof(*queue), PTE_READABLE);
	volatile uint32_t properties = 0;
	struct guard g;

	if (!GUARDED(&g) && queue)
		properties = queue->queue_properties;
	guard_leave(&g);
	return properties;
}

void packet_complete(struct worker *k, struct queue *q, uint64_t signal, uint64_t start_clock)
{
	const bool times = signal && queue_properties(k, q) & QUEUE_PROPERTY_ENABLE_PROFILING;
	uint64_t bad = signal_guarded(k->view, signal, -1, true, times ? start_clock : 0);

	if (bad && vm_host(k->view, bad, 8, PTE_WRITEABLE))
		queue_gone_fault(k, q, bad, true, "completion signal");
	else if (bad)
		queue_access_fault(k, q, bad, 8, true, "completion signal");
}

/* The driver's exception code of a queue error (<linux/kfd_ioctl.h>, kfd_dbg_trap_exception_code). */
static const struct {
	uint32_t error;
	uint8_t code;
} exceptions[] = {
	{QUEUE_ERROR_ABORT, 1},
	{QUEUE_ERROR_TRAP, 2},
	{QUEUE_ERROR_ILLEGAL, 4},
	{QUEUE_ERROR_MEMORY, 5},
	{QUEUE_ERROR_APERTURE, 6},
	{QUEUE_ERROR_DIM, 16},
	{QUEUE_ERROR_GROUP_MEMORY, 17},
	{QUEUE_ERROR_CODE, 18},
	{QUEUE_ERROR_PACKET, 20},
	{QUEUE_ERROR_WORKGROUP_SIZE, 21},
	{QUEUE_ERROR_VGPRS, 22},
	{QUEUE_ERROR_VENDOR_PACKET, 23},
};

/* The head of a context save area (struct kfd_context_save_area_header). */
struct cwsr_header {
	uint32_t control_stack_offset, control_stack_size, wave_state_offset, wave_state_size;
	uint32_t debug_offset, debug_size;
	uint64_t err_payload_addr;
	uint32_t err_event_id;
};

/*
 * kfd_device_queue_manager.c send_exception_work_handler: the code's bit into the payload word, then
 * the event that the area's header names. The area is the application's memory.
 */
static void raise_exception(const struct queue *q, uint32_t error)
{
	struct cwsr_header head;
	uint64_t reason;

	for (size_t i = 0; i < sizeof(exceptions) / sizeof(exceptions[0]); i++) {
		if (exceptions[i].error != error)
			continue;
		if (!q->cwsr || !user_read(&head, q->cwsr, sizeof(head)) ||
		    !user_read(&reason, head.err_payload_addr, sizeof(reason)))
			return;
		reason |= 1ull << (exceptions[i].code - 1);
		if (user_write(head.err_payload_addr, &reason, sizeof(reason)))
			event_set(head.err_event_id, true);
		return;
	}
}

/* The signal that tells the runtime of errors, 0 when the queue's memory is gone. */
static uint64_t inactive_signal(struct worker *k, const struct queue *q)
{
	const struct abi_queue *queue =
		(const void *)vm_host(k->view, q->amd_queue, sizeof(*queue), PTE_READABLE);
	volatile uint64_t signal = 0;
	struct guard g;

	if (!GUARDED(&g) && queue)
		signal = queue->queue_inactive_signal;
	guard_leave(&g);
	return signal;
}

void queue_fault(struct worker *k, struct queue *q, uint32_t error)
{
	pthread_mutex_lock(&emu->lock);
	q->halted = true;
	if (q->active)
		dispatch_cancel(q->active);
	pthread_mutex_unlock(&emu->lock);
	if (!error || q->type != QUEUE_AQL)
		return;
	if (__atomic_load_n(&emu->runtime_enabled, __ATOMIC_ACQUIRE)) {
		raise_exception(q, error);
		return;
	}
	if (error == QUEUE_ERROR_MEMORY) /* the memory event tells it */
		return;
	if (error == QUEUE_ERROR_ABORT)
		error = QUEUE_ERROR_TRAP;
	signal_store(k->view, inactive_signal(k, q), (int64_t)error);
}

/* ---- AQL packets ---- */

/* Queues never go on after a reset; what the card's memory held is lost, and said to be. */
void card_reset(const struct gpu *gpu)
{
	pthread_mutex_lock(&emu->lock);
	for (struct queue *q = emu->queues; q; q = q->next) {
		if (q->gpu != gpu)
			continue;
		q->halted = true;
		if (q->active)
			dispatch_cancel(q->active);
	}
	pthread_mutex_unlock(&emu->lock);
	event_reset(gpu);
}

static struct abi_dispatch *packet_at(struct worker *k, const struct queue *q, uint64_t index,
				      uint64_t *va)
{
	*va = q->ring + index * 64 % q->ring_bytes;
	return (void *)vm_host(k->view, *va, 64, PTE_WRITEABLE);
}

/* The packet is taken: its slot may be written again. */
static void packet_taken(struct worker *k, struct queue *q, struct abi_dispatch *slot)
{
	uint64_t *rptr = (void *)vm_host(k->view, q->rptr_va, 8, PTE_WRITEABLE);

	__atomic_store_n(&slot->header, AQL_INVALID, __ATOMIC_RELEASE);
	q->read++;
	if (rptr)
		__atomic_store_n(rptr, q->read, __ATOMIC_RELEASE);
	else
		queue_access_fault(k, q, q->rptr_va, 8, true, "read pointer");
}

/* False after a fault. */
static bool signal_value(struct worker *k, struct queue *q, uint64_t signal, int64_t *value)
{
	const struct abi_signal *s =
		(const void *)vm_host(k->view, signal, sizeof(*s), PTE_READABLE);

	if (s)
		*value = __atomic_load_n(&s->value, __ATOMIC_ACQUIRE);
	else
		queue_access_fault(k, q, signal, 8, false, "signal that a packet waits for");
	return s;
}

static bool barrier_open(struct worker *k, struct queue *q, const struct abi_barrier *b, bool any)
{
	bool all = true, some = false, named = false;

	for (int i = 0; i < 5; i++) {
		int64_t value;
		bool zero;

		if (!b->dep_signal[i])
			continue;
		named = true;
		if (!signal_value(k, q, b->dep_signal[i], &value))
			return false;
		zero = value == 0;
		all &= zero;
		some |= zero;
	}
	return any ? some || !named : all;
}

void queue_bad_packet(struct worker *k, struct queue *q, uint64_t va, uint32_t error,
		      const char *what)
{
	struct wave_fault f = {.kind = EMU_FAULT_packet, .va = va, .size = 64};

	trace_queue_fault(k, q, &f, what);
	queue_fault(k, q, error);
}

static void memory_fault_of(struct worker *k, struct queue *q, const struct wave_fault *f,
			    const char *what)
{
	trace_queue_fault(k, q, f, what);
	queue_fault(k, q, 0);
	event_memory_fault(q->gpu, f->va, fault_reason((int)f->kind, f->write));
}

void queue_access_fault(struct worker *k, struct queue *q, uint64_t va, uint64_t size, bool write,
			const char *what)
{
	const struct vm_range *r = vm_find(k->view, va);
	const struct wave_fault f = {.kind = r ? EMU_FAULT_permission : EMU_FAULT_page,
				     .write = write,
				     .va = va,
				     .size = size > UINT32_MAX ? UINT32_MAX : (uint32_t)size};

	memory_fault_of(k, q, &f, what);
}

void queue_gone_fault(struct worker *k, struct queue *q, uint64_t va, bool write, const char *what)
{
	const struct wave_fault f = {.kind = EMU_FAULT_page, .write = write, .va = va};

	memory_fault_of(k, q, &f, what);
}

/* PM4 in an indirect buffer: the runtime writes cache invalidations (ROCr InvalidateCodeCaches). */
static bool run_pm4(struct worker *k, struct queue *q, uint64_t ib, uint32_t dwords, uint64_t va)
{
	for (uint32_t at = 0; at < dwords;) {
		const uint32_t *p = (const void *)vm_host(k->view, ib + at * 4, 4, PTE_READABLE);
		uint32_t op, count;

		if (!p) {
			queue_bad_packet(k, q, va, QUEUE_ERROR_VENDOR_PACKET,
					 "PM4 buffer is not mapped");
			return false;
		}
		op = *p >> 8 & 0xff;
		count = (*p >> 16 & 0x3fff) + 2;
		if (*p >> 30 != 3) {
			queue_bad_packet(k, q, va, QUEUE_ERROR_VENDOR_PACKET,
					 "not a PM4 type 3 packet");
			return false;
		}
		switch (op) {
		case 0x10: /* NOP */
			break;
		case 0x58: /* ACQUIRE_MEM: caches are invalidated, the instruction cache among them
			    */
			__atomic_fetch_add(&emu->code_gen, 1, __ATOMIC_SEQ_CST);
			break;
		default:
			trace_gap(k, 0, p, "this PM4 packet");
		}
		at += count;
	}
	return true;
}

/* False: not yet. */
static bool step_barrier_value(struct worker *k, struct queue *q, struct abi_dispatch *slot,
			       uint64_t va)
{
	struct abi_barrier_value b;
	int64_t value;
	bool open;

	memcpy(&b, slot, sizeof(b));
	if (b.cond > CONDITION_GTE) {
		queue_bad_packet(k, q, va, QUEUE_ERROR_VENDOR_PACKET,
				 "barrier-value packet of an unknown condition");
		return true;
	}
	if (!signal_value(k, q, b.signal, &value))
		return true;
	value &= b.mask;
	open = b.cond == CONDITION_EQ	? value == b.value
	       : b.cond == CONDITION_NE ? value != b.value
	       : b.cond == CONDITION_LT ? value < b.value
					: value >= b.value;
	if (open) {
		packet_taken(k, q, slot);
		packet_complete(k, q, b.completion_signal, device_clock());
	}
	return open;
}

static bool step_vendor(struct worker *k, struct queue *q, struct abi_dispatch *slot, uint64_t va)
{
	struct abi_pm4_ib ib;

	memcpy(&ib, slot, sizeof(ib));
	if (ib.format == VENDOR_BARRIER_VALUE)
		return step_barrier_value(k, q, slot, va);
	if (ib.format != VENDOR_PM4_IB || (ib.ib_jump[0] >> 8 & 0xff) != 0x3f) {
		queue_bad_packet(k, q, va, QUEUE_ERROR_VENDOR_PACKET,
				 "vendor packet of an unknown kind");
		return true;
	}
	if (run_pm4(k, q,
		    (uint64_t)(ib.ib_jump[1] & ~3u) | (uint64_t)(ib.ib_jump[2] & 0xffff) << 32,
		    ib.ib_jump[3] & 0xfffff, va)) {
		uint64_t signal;

		memcpy(&signal, ib.completion_signal, 8);
		packet_taken(k, q, slot);
		packet_complete(k, q, signal, device_clock());
	}
	return true;
}

static bool step_dispatch(struct worker *k, struct queue *q, struct abi_dispatch *slot, uint64_t va)
{
	struct abi_dispatch p = *slot;

	switch (dispatch_begin(k, q, &p, va)) {
	case BEGIN_DONE:
		packet_taken(k, q, slot);
		return true;
	case BEGIN_SCRATCH:
		q->scratch_wait = true;
		return true;
	case BEGIN_FAULT:
		return true;
	default:
		return false;
	}
}

/* The doorbell holds the index of a packet that was written, UINT64_MAX before the first. */
static void listen(struct queue *q)
{
	uint64_t bell = __atomic_load_n(q->doorbell, __ATOMIC_ACQUIRE);

	if (bell == q->bell)
		return;
	q->bell = bell;
	q->look = true;
	if ((int64_t)(bell + 1 - q->rung) > 0)
		q->rung = bell + 1;
}

/*
 * Of several producers the one with the earlier packet may ring last, and we may see only its ring. So packets
 * behind the last that was rung for are taken, too, but not at once: their doorbell may be on its way, and who
 * reads packets when it is rung is to find them.
 */
__attribute__((visibility("default"))) uint32_t rdna1_emu_unrung_ns = 10000000;
static bool may_take(struct worker *k, struct queue *q, uint64_t written)
{
	uint64_t now, va;

	if ((int64_t)(q->rung - q->read) > 0)
		return true;
	now = now_ns();
	if (!q->early_ns || q->early != q->read) {
		q->early = q->read;
		q->early_ns = now;
	}
	if (now - q->early_ns < __atomic_load_n(&rdna1_emu_unrung_ns, __ATOMIC_RELAXED))
		return false;
	q->early_ns = 0;
	for (q->rung = q->read; q->rung < written; q->rung++) {
		const struct abi_dispatch *slot = packet_at(k, q, q->rung, &va);

		if (!slot || (__atomic_load_n(&slot->header, __ATOMIC_ACQUIRE) & 0xff) == AQL_INVALID)
			break;
	}
	return true;
}

/* One packet, if one is ready. */
static bool step_aql(struct worker *k, struct queue *q)
{
	const struct abi_queue *queue;
	struct abi_dispatch *slot;
	uint64_t va, written;
	uint16_t header;

	if (q->active)
		return false;
	queue = (const void *)vm_host(k->view, q->amd_queue, sizeof(*queue), PTE_READABLE);
	if (!queue)
		return false;
	if (q->scratch_wait) {
		int64_t value;

		if (!signal_value(k, q, queue->queue_inactive_signal, &value) || value)
			return false;
		q->scratch_wait = false;
	}
	listen(q);
	if ((int64_t)(q->rung - q->read) <= 0 && !q->look)
		return false;
	written = __atomic_load_n(&queue->write_dispatch_id, __ATOMIC_ACQUIRE);
	if (q->read >= written) {
		q->look = false;
		return false;
	}
	slot = packet_at(k, q, q->read, &va);
	if (!slot) {
		queue_bad_packet(k, q, va, QUEUE_ERROR_PACKET, "ring is not mapped");
		return true;
	}
	header = __atomic_load_n(&slot->header, __ATOMIC_ACQUIRE);
	if ((header & 0xff) != AQL_INVALID && !may_take(k, q, written))
		return false;
	switch (header & 0xff) {
	case AQL_INVALID:
		q->look = false;
		return false;
	case AQL_KERNEL_DISPATCH:
		return step_dispatch(k, q, slot, va);
	case AQL_BARRIER_AND:
	case AQL_BARRIER_OR: {
		struct abi_barrier b;

		memcpy(&b, slot, sizeof(b));
		if (!barrier_open(k, q, &b, (header & 0xff) == AQL_BARRIER_OR))
			return false;
		packet_taken(k, q, slot);
		packet_complete(k, q, b.completion_signal, device_clock());
		return true;
	}
	case AQL_VENDOR_SPECIFIC:
		return step_vendor(k, q, slot, va);
	default:
		queue_bad_packet(k, q, va, QUEUE_ERROR_PACKET, "AQL packet of an unknown type");
		return true;
	}
}

/* ---- the threads ---- */

static void futex_wait(uint32_t *word, uint32_t value)
{
	syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL);
}

static void futex_wake(uint32_t *word, int n)
{
	__atomic_fetch_add(word, 1, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, n);
}

/* Queues the service thread wants gone go between steps, when nothing of theirs runs. */
static void reap_queues(void)
{
	pthread_mutex_lock(&emu->lock);
	for (struct queue **p = &emu->queues; *p;) {
		struct queue *q = *p;

		if (!q->destroy) {
			p = &q->next;
			continue;
		}
		if (q->active)
			dispatch_cancel(q->active);
		if (q->active) { /* helpers are in it: not before they have left */
			p = &q->next;
			continue;
		}
		*p = q->next;
		free(q);
		pthread_cond_broadcast(&emu->queue_gone);
	}
	pthread_mutex_unlock(&emu->lock);
}

/* A few packets, so that many short ones do not wait for a look at every queue. */
static bool step_some(struct worker *k, struct queue *q)
{
	bool did = false;

	for (int i = 0; i < 8; i++) {
		bool one = q->type == QUEUE_AQL ? step_aql(k, q) : sdma_step(k, q);

		if (!one)
			break;
		did = true;
		if (q->active || q->halted)
			break;
	}
	return did;
}

/* Known without a look through the card's page tables. */
static bool nothing_to_do(const struct queue *q)
{
	uint64_t bell = __atomic_load_n(q->doorbell, __ATOMIC_ACQUIRE);

	if (q->type == QUEUE_SDMA)
		return q->read >= bell;
	return q->active || (bell == q->bell && !q->look && (int64_t)(q->rung - q->read) <= 0);
}

static bool step_queue(struct worker *k, struct queue *q)
{
	bool did;

	if (q->suspended || q->halted || q->destroy || nothing_to_do(q))
		return false;
	worker_use(k, q->gpu);
	if (GUARDED(&k->guard)) {
		/* The application has unmapped a ring, a signal or a copy's operand. */
		uint64_t va = vm_guest_address(k->view, guard_address());

		guard_leave(&k->guard);
		queue_gone_fault(k, q, va, false,
				 q->type == QUEUE_SDMA ? "SDMA" : "packet processor");
		return true;
	}
	did = step_some(k, q);
	guard_leave(&k->guard);
	return did;
}

/* Whether any dispatch has workgroups that nobody has begun. */
static bool more_than_one_can_do(void)
{
	bool more = false;

	pthread_mutex_lock(&emu->lock);
	for (struct dispatch *d = emu->active; d && !more; d = d->next_active)
		more = d->next < d->total || d->paused;
	pthread_mutex_unlock(&emu->lock);
	return more;
}

static void sleep_ns(long ns)
{
	nanosleep(&(struct timespec){.tv_nsec = ns}, NULL);
}

bool start_thread(void *(*fn)(void *), void *arg)
{
	sigset_t set, before;
	pthread_t thread;
	int err;

	/* The application's handlers do not run there, from the first instruction; our own faults
	 * do. */
	sigfillset(&set);
	sigdelset(&set, SIGSEGV);
	sigdelset(&set, SIGBUS);
	sigdelset(&set, SIGFPE);
	sigdelset(&set, SIGILL);
	sigdelset(&set, SIGTRAP);
	pthread_sigmask(SIG_SETMASK, &set, &before);
	err = pthread_create(&thread, NULL, fn, arg);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!err)
		pthread_detach(thread);
	return !err;
}

static void *helper_thread(void *arg)
{
	struct worker *k = arg;

	worker_init(k, "helper");
	for (;;) {
		uint32_t seq = __atomic_load_n(&emu->help_seq, __ATOMIC_ACQUIRE);

		while (dispatch_run(k))
			;
		vm_view_idle(k->view);
		futex_wait(&emu->help_seq, seq);
	}
	return NULL;
}

static void start_helpers(void)
{
	cpu_set_t allowed;
	int cpus = sched_getaffinity(0, sizeof(allowed), &allowed) ? 1 : CPU_COUNT(&allowed);

	if (emu->num_helpers || cpus < 2)
		return;
	while (emu->num_helpers < MAX_HELPERS && emu->num_helpers < (unsigned int)cpus - 1) {
		struct worker *k = calloc(1, sizeof(*k));

		if (!k || !start_thread(helper_thread, k)) {
			free(k);
			break;
		}
		emu->num_helpers++;
	}
	if (!emu->num_helpers)
		emu->num_helpers = MAX_HELPERS; /* do not try again */
}

/* Sleep as long as the time since the last event suggests. */
static void back_off(struct worker *k, uint64_t idle_since)
{
	uint64_t idle = now_ns() - idle_since;
	bool none;

	pthread_mutex_lock(&emu->lock);
	none = !emu->queues;
	pthread_mutex_unlock(&emu->lock);
	if (idle < SPIN_NS) {
		for (int i = 0; i < 64; i++)
			__builtin_ia32_pause();
		return;
	}
	vm_view_idle(k->view);
	if (none) {
		uint32_t seq = __atomic_load_n(&emu->work_seq, __ATOMIC_ACQUIRE);

		pthread_mutex_lock(&emu->lock);
		none = !emu->queues;
		pthread_mutex_unlock(&emu->lock);
		if (none)
			futex_wait(&emu->work_seq, seq);
		return;
	}
	for (unsigned int i = 0;; i++)
		if (idle < backoff[i].idle_ns) {
			sleep_ns(backoff[i].sleep_ns);
			return;
		}
}

static void *processor_thread(void *arg)
{
	struct worker *k = arg;
	uint64_t idle_since = now_ns();

	worker_init(k, "processor");
	prctl(PR_SET_TIMERSLACK, 1ul);
	for (;;) {
		bool did = false;

		vm_view_refresh(k->view);
		/* Only this thread unlinks queues, so the list can be walked without the lock. */
		for (struct queue *q = __atomic_load_n(&emu->queues, __ATOMIC_ACQUIRE); q;
		     q = q->next)
			did |= step_queue(k, q);
		reap_queues();
		if (dispatch_run(k)) {
			did = true;
			if (more_than_one_can_do()) {
				start_helpers();
				futex_wake(&emu->help_seq, MAX_HELPERS);
			}
		}
		if (did)
			idle_since = now_ns();
		else
			back_off(k, idle_since);
	}
	return NULL;
}

void worker_init(struct worker *k, const char *what)
{
	char name[16] = "emu-";

	_mm_setcsr(MXCSR_DEFAULT); /* not the application's, which may flush denormals */
	strncat(name, what, sizeof(name) - 5);
	prctl(PR_SET_NAME, name);
	k->tid = (uint32_t)syscall(SYS_gettid);
	for (uint32_t i = 0; i < emu->num_gpus; i++)
		vm_view_attach(&emu->gpus[i].vm, &k->views[i]);
	k->gpu = &emu->gpus[0];
	k->view = &k->views[0];
	if (emu->tracing) {
		char tid[16];

		snprintf(tid, sizeof(tid), "%u", k->tid);
		stream__open(&k->stream, &emu->proc, tid, 0, 0);
	}
}

void worker_use(struct worker *k, struct gpu *gpu)
{
	if (k->gpu == gpu)
		return;
	vm_view_idle(k->view); /* or it would hold back whoever changes the other card's tables */
	k->gpu = gpu;
	k->view = &k->views[gpu->index];
	vm_view_refresh(k->view);
}

void processor_start(void)
{
	struct worker *k = calloc(1, sizeof(*k));

	if (!k || !start_thread(processor_thread, k))
		free(k);
}

/* ---- ioctls on queues (service thread) ---- */

static struct queue *find_queue(uint32_t id)
{
	for (struct queue *q = emu->queues; q; q = q->next)
		if (q->id == id)
			return q;
	return NULL;
}

bool queue_exists(uint32_t id)
{
	bool found;

	pthread_mutex_lock(&emu->lock);
	found = find_queue(id);
	pthread_mutex_unlock(&emu->lock);
	return found;
}

/* A doorbell nobody uses; entry 0 stays free, so that a stray 0 offset rings nothing. */
static int take_doorbell(struct gpu *g)
{
	for (unsigned int i = 1; i < DOORBELLS; i++)
		if (!(g->doorbells_used[i / 64] >> (i % 64) & 1)) {
			g->doorbells_used[i / 64] |= 1ull << (i % 64);
			return (int)i;
		}
	return -1;
}
_Static_assert(DOORBELLS / 64 == sizeof(((struct gpu *)0)->doorbells_used) / 8, "bitmap");

int64_t queue_create(const struct kfd_queue_args *a, uint32_t *id, uint64_t *doorbell_offset)
{
	struct queue *q;
	int bell;

	/* kfd_chardev.c set_queue_properties_from_user */
	if (a->percentage > KFD_MAX_QUEUE_PERCENTAGE || a->priority > KFD_MAX_QUEUE_PRIORITY)
		return -EINVAL;
	if (a->type != KFD_IOC_QUEUE_TYPE_COMPUTE_AQL && a->type != KFD_IOC_QUEUE_TYPE_SDMA &&
	    a->type != KFD_QUEUE_SDMA_BY_ENG_ID)
		return -EINVAL;
	if (!a->ring || !a->ring_bytes || (a->ring_bytes & (a->ring_bytes - 1)) || !a->rptr_va ||
	    !a->wptr_va)
		return -EINVAL;
	q = calloc(1, sizeof(*q));
	if (!q)
		return -ENOMEM;
	pthread_mutex_lock(&emu->lock);
	bell = take_doorbell(a->gpu);
	if (bell < 0) {
		pthread_mutex_unlock(&emu->lock);
		free(q);
		return -ENOMEM;
	}
	q->gpu = a->gpu;
	q->id = emu->next_queue++;
	q->type = a->type == KFD_IOC_QUEUE_TYPE_COMPUTE_AQL ? QUEUE_AQL : QUEUE_SDMA;
	q->ring = a->ring;
	q->ring_bytes = a->ring_bytes;
	q->rptr_va = a->rptr_va;
	q->wptr_va = a->wptr_va;
	q->amd_queue = a->rptr_va - offsetof(struct abi_queue, read_dispatch_id);
	q->cwsr = a->cwsr_bytes >= sizeof(struct cwsr_header) ? a->cwsr : 0;
	q->doorbell = &q->gpu->doorbells[bell];
	q->bell = UINT64_MAX;
	*q->doorbell = q->type == QUEUE_AQL ? UINT64_MAX : 0;
	q->suspended = !a->percentage;
	*id = q->id;
	*doorbell_offset = EMU_DOORBELL_OFFSET(emu->slot, q->gpu->index) + (uint64_t)bell * 8;
	q->next = emu->queues;
	__atomic_store_n(&emu->queues, q, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&emu->lock);
	futex_wake(&emu->work_seq, 1);
	return 0;
}

int64_t queue_destroy(uint32_t id)
{
	struct queue *q;
	struct gpu *g;
	int64_t ret = -EINVAL;
	uint64_t bell;

	pthread_mutex_lock(&emu->lock);
	q = find_queue(id);
	if (q) {
		g = q->gpu;
		bell = (uint64_t)(q->doorbell - g->doorbells);
		q->destroy = true;
		while (find_queue(id)) {
			struct timespec t;

			clock_gettime(CLOCK_REALTIME, &t);
			t.tv_nsec += 2000000;
			if (t.tv_nsec >= 1000000000) {
				t.tv_nsec -= 1000000000;
				t.tv_sec++;
			}
			pthread_cond_timedwait(&emu->queue_gone, &emu->lock, &t);
		}
		g->doorbells_used[bell / 64] &= ~(1ull << (bell % 64));
		ret = 0;
	}
	pthread_mutex_unlock(&emu->lock);
	return ret;
}

int64_t queue_update(uint32_t id, uint64_t ring, uint64_t bytes, uint32_t percentage)
{
	int64_t ret = -EFAULT; /* pqm_update_queue_properties */
	struct queue *q;

	if (percentage > KFD_MAX_QUEUE_PERCENTAGE || (bytes & (bytes - 1)))
		return -EINVAL;
	pthread_mutex_lock(&emu->lock);
	q = find_queue(id);
	if (q) {
		q->suspended = !percentage || !ring || !bytes;
		if (ring && bytes) {
			q->ring = ring;
			q->ring_bytes = bytes;
		}
		ret = 0;
	}
	pthread_mutex_unlock(&emu->lock);
	return ret;
}
