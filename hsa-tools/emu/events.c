// SPDX-License-Identifier: MIT
/* KFD events, with the semantics of kfd_events.c (Linux 6.1). */
#include "emu.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kfd_ioctl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * How often a blocked thread is looked at for pending signals, by how long it has been blocked: to read its
 * status takes the kernel long.
 */
#define SIGNAL_POLL_NS 10000000ull
#define SIGNAL_POLL_LONG_NS 50000000ull
#define BLOCKED_LONG_NS 1000000000ull

/* A WAIT_EVENTS call that has not been answered. */
struct waiting {
	struct kfd_event_wait w; /* w.arg is what the caller gets back */
	uint64_t begin_ns;
	uint64_t deadline_ns;	 /* UINT64_MAX: none */
	struct waiting *next;
	int status_fd; /* /proc/self/task/<tid>/status, -1 */
	uint32_t *ids;
	bool *activated; /* per event */
	uint64_t *age;	 /* per event: the newest the caller knows of, 0 when it does not say */
};

static struct event_slot *find(uint32_t id)
{
	if (id < MAX_SIGNAL_EVENTS)
		return emu->events[id].used ? &emu->events[id] : NULL;
	if (id - FIRST_NONSIGNAL_EVENT < MAX_NONSIGNAL_EVENTS)
		return emu->nonsignal[id - FIRST_NONSIGNAL_EVENT].used
			       ? &emu->nonsignal[id - FIRST_NONSIGNAL_EVENT]
			       : NULL;
	return NULL;
}

int64_t event_create(uint32_t type, bool auto_reset, uint32_t *id)
{
	bool signal = type == KFD_IOC_EVENT_SIGNAL || type == KFD_IOC_EVENT_DEBUG_EVENT;
	struct event_slot *slots = signal ? emu->events : emu->nonsignal;
	uint32_t n = signal ? MAX_SIGNAL_EVENTS : MAX_NONSIGNAL_EVENTS;
	int64_t ret = -ENOSPC;

	pthread_mutex_lock(&emu->lock);
	for (uint32_t i = 0; i < n; i++) {
		if (slots[i].used)
			continue;
		slots[i] =
			(struct event_slot){.used = true, .type = type, .auto_reset = auto_reset, .age = 1};
		*id = signal ? i : FIRST_NONSIGNAL_EVENT + i;
		ret = 0;
		break;
	}
	pthread_mutex_unlock(&emu->lock);
	return ret;
}

/* ---- waiting ---- */

static void unlink_waiting(struct waiting *x)
{
	for (struct waiting **p = &emu->waiting; *p; p = &(*p)->next)
		if (*p == x) {
			*p = x->next;
			return;
		}
}

static bool satisfied(const struct waiting *x)
{
	bool any = false, all = true;

	for (uint32_t i = 0; i < x->w.num_events; i++) {
		any |= x->activated[i];
		all &= x->activated[i];
	}
	return x->w.all ? all : any;
}

static uint64_t event_at(const struct waiting *x, uint32_t i)
{
	return x->w.events_ptr + i * sizeof(struct kfd_event_data);
}

/* What the driver copies to user space when a wait ends (copy_signaled_event_data). */
static int64_t copy_out(const struct waiting *x, uint32_t result)
{
	if (result != KFD_IOC_WAIT_RESULT_COMPLETE)
		return result == KFD_IOC_WAIT_RESULT_FAIL ? -EIO : 0;
	for (uint32_t i = 0; i < x->w.num_events; i++) {
		struct event_slot *e = find(x->ids[i]);
		struct kfd_hsa_memory_exception_data fault = {0};

		if (e && x->activated[i] && e->type == KFD_IOC_EVENT_HW_EXCEPTION) {
			/* kfd_signal_reset_event: "Whole gpu reset caused by GPU hang and memory is lost" */
			struct kfd_hsa_hw_exception_data reset = {.memory_lost = 1,
								  .gpu_id = e->reset_gpu};

			if (!user_write(event_at(x, i), &reset, sizeof(reset)))
				return -EFAULT;
		}
		/* last_event_age is where memory_exception_data is: the union comes first */
		if (e && x->activated[i] && x->age[i] &&
		    !user_write(event_at(x, i), &e->age, sizeof(e->age)))
			return -EFAULT;
		if (!e || !x->activated[i] || e->type != KFD_IOC_EVENT_MEMORY)
			continue;
		fault.failure.NotPresent = e->fault.reason == REASON_NOT_PRESENT;
		fault.failure.ReadOnly = e->fault.reason == REASON_READ_ONLY;
		fault.failure.NoExecute = e->fault.reason == REASON_NO_EXECUTE;
		fault.va = e->fault.va;
		fault.gpu_id = e->fault.gpu_id;
		if (!user_write(event_at(x, i) +
					offsetof(struct kfd_event_data, memory_exception_data),
				&fault, sizeof(fault)))
			return -EFAULT;
	}
	return 0;
}

static void forget(struct waiting *x)
{
	if (x->status_fd >= 0)
		close(x->status_fd);
	free(x->ids);
	free(x->activated);
	free(x->age);
	free(x);
}

/* Answer x and drop it. lock held. ret < 0 overrides the result. */
static void finish(struct waiting *x, uint32_t result, int64_t ret)
{
	struct kfd_ioctl_wait_events_args *args = (void *)x->w.arg;

	unlink_waiting(x);
	if (!ret) {
		ret = copy_out(x, result);
		args->wait_result = result;
	}
	if (!user_write(x->w.user, args, x->w.cmd >> 16 & 0x3fff)) /* serve() refused larger ones */
		ret = -EFAULT;
	service_reply(x->w.call, x->w.cmd, ret, x->w.arg);
	forget(x);
}

/* set_event: every waiter is activated; an auto-reset event stays unsignaled if one was. */
static void signal_event(uint32_t id, struct event_slot *e)
{
	bool waited = false;
	struct waiting *next;

	e->age++;
	for (struct waiting *x = emu->waiting; x; x = next) {
		bool mine = false;

		next = x->next;
		for (uint32_t i = 0; i < x->w.num_events; i++)
			if (x->ids[i] == id)
				x->activated[i] = mine = true;
		waited |= mine;
		if (mine && satisfied(x))
			finish(x, KFD_IOC_WAIT_RESULT_COMPLETE, 0);
	}
	e->signaled = !e->auto_reset || !waited;
}

int64_t event_destroy(uint32_t id)
{
	struct event_slot *e;
	struct waiting *next;
	int64_t ret = -EINVAL;

	pthread_mutex_lock(&emu->lock);
	e = find(id);
	if (e) {
		/* Waiters on a destroyed event wake up with FAIL. */
		for (struct waiting *x = emu->waiting; x; x = next) {
			next = x->next;
			for (uint32_t i = 0; i < x->w.num_events; i++)
				if (x->ids[i] == id) {
					finish(x, KFD_IOC_WAIT_RESULT_FAIL, 0);
					break;
				}
		}
		e->used = false;
		ret = 0;
	}
	pthread_mutex_unlock(&emu->lock);
	return ret;
}

int64_t event_set(uint32_t id, bool signaled)
{
	struct event_slot *e;
	int64_t ret = -EINVAL;

	pthread_mutex_lock(&emu->lock);
	e = find(id);
	/* event_can_be_cpu_signaled */
	if (e && e->type == KFD_IOC_EVENT_SIGNAL) {
		if (signaled)
			signal_event(id, e);
		else
			e->signaled = false;
		ret = 0;
	}
	pthread_mutex_unlock(&emu->lock);
	return ret;
}

void event_interrupt(uint32_t id)
{
	struct event_slot *e;

	pthread_mutex_lock(&emu->lock);
	e = find(id);
	if (e && id < MAX_SIGNAL_EVENTS)
		signal_event(id, e);
	pthread_mutex_unlock(&emu->lock);
}

/* kfd_signal_vm_fault_event: every MEMORY event of the process, with the page's address. */
void event_memory_fault(const struct gpu *gpu, uint64_t va, enum fault_reason reason)
{
	pthread_mutex_lock(&emu->lock);
	for (uint32_t i = 0; i < MAX_NONSIGNAL_EVENTS; i++) {
		struct event_slot *e = &emu->nonsignal[i];

		if (!e->used || e->type != KFD_IOC_EVENT_MEMORY)
			continue;
		e->fault =
			(struct kfd_memory_fault){.gpu_id = gpu->id, .va = va & ~0xfffull, .reason = reason};
		signal_event(FIRST_NONSIGNAL_EVENT + i, e);
	}
	pthread_mutex_unlock(&emu->lock);
}

void event_reset(const struct gpu *gpu)
{
	pthread_mutex_lock(&emu->lock);
	for (uint32_t i = 0; i < MAX_NONSIGNAL_EVENTS; i++) {
		struct event_slot *e = &emu->nonsignal[i];

		if (!e->used || e->type != KFD_IOC_EVENT_HW_EXCEPTION)
			continue;
		e->reset_gpu = gpu->id;
		signal_event(FIRST_NONSIGNAL_EVENT + i, e);
	}
	pthread_mutex_unlock(&emu->lock);
}

static struct waiting *make_waiting(const struct kfd_event_wait *w, int64_t *err)
{
	struct waiting *x = calloc(1, sizeof(*x));

	*err = -ENOMEM;
	if (!x)
		return NULL;
	x->w = *w;
	x->status_fd = -1;
	x->ids = calloc(w->num_events + 1, sizeof(*x->ids));
	x->activated = calloc(w->num_events + 1, sizeof(*x->activated));
	x->age = calloc(w->num_events + 1, sizeof(*x->age));
	if (!x->ids || !x->activated || !x->age) {
		forget(x);
		return NULL;
	}
	for (uint32_t i = 0; i < w->num_events; i++)
		if (!user_read(&x->ids[i], event_at(x, i) + offsetof(struct kfd_event_data, event_id),
			       sizeof(x->ids[i])) ||
		    (emu->config.kfd_minor >= EMU_KFD_EVENT_AGE &&
		     !user_read(&x->age[i], event_at(x, i), sizeof(x->age[i])))) {
			*err = -EFAULT;
			forget(x);
			return NULL;
		}
	x->begin_ns = now_ns();
	x->deadline_ns = w->timeout_ms == UINT32_MAX ? UINT64_MAX
						     : x->begin_ns + w->timeout_ms * 1000000ull;
	return x;
}

int64_t event_wait(const struct kfd_event_wait *w, uint32_t *result)
{
	struct waiting *x;
	int64_t ret = 0;

	if (w->num_events > 1u << 16)
		return -EINVAL;
	x = make_waiting(w, &ret);
	if (!x)
		return ret;
	ret = 0;
	pthread_mutex_lock(&emu->lock);
	for (uint32_t i = 0; i < w->num_events; i++)
		if (!find(x->ids[i]))
			ret = -EINVAL;
	for (uint32_t i = 0; !ret && i < w->num_events; i++) {
		struct event_slot *e = find(x->ids[i]);

		x->activated[i] = e->signaled;
		if (e->auto_reset)
			e->signaled = false;
		/* init_event_waiter: signaled since the caller last looked */
		if (e->type != KFD_IOC_EVENT_SIGNAL)
			x->age[i] = 0;
		if (x->age[i] && x->age[i] != e->age)
			x->activated[i] = true;
	}
	if (!ret && (satisfied(x) || !w->num_events)) {
		*result = KFD_IOC_WAIT_RESULT_COMPLETE;
		ret = copy_out(x, *result);
		forget(x);
	} else if (!ret && !w->timeout_ms) {
		*result = KFD_IOC_WAIT_RESULT_TIMEOUT;
		forget(x);
	} else if (!ret) {
		char path[64];

		snprintf(path, sizeof(path), "/proc/self/task/%d/status", (int)w->tid);
		x->status_fd = open(path, O_RDONLY | O_CLOEXEC);
		x->next = emu->waiting;
		emu->waiting = x;
		ret = WAIT_PARKED;
	} else {
		forget(x);
	}
	pthread_mutex_unlock(&emu->lock);
	return ret;
}

/* Whether the blocked thread has a signal to take (SigPnd or ShdPnd, not in SigBlk). */
static bool signal_pending(const struct waiting *x)
{
	uint64_t own = 0, shared = 0, blocked = 0;
	char text[2048];
	const char *at;
	ssize_t n;

	if (x->status_fd < 0)
		return false;
	n = pread(x->status_fd, text, sizeof(text) - 1, 0);
	if (n <= 0)
		return false;
	text[n] = 0;
	at = strstr(text, "\nSigPnd:");
	if (!at ||
	    sscanf(at, "\nSigPnd: %lx ShdPnd: %lx SigBlk: %lx", &own, &shared, &blocked) != 3)
		return false;
	return (own | shared) & ~blocked;
}

/*
 * A signal breaks the wait off, and the caller will ask again: the time that is left goes into its
 * argument, and events that reset themselves are set again (kfd_wait_on_events, free_waiters).
 */
static void undo(struct waiting *x, uint64_t now)
{
	struct kfd_ioctl_wait_events_args *args = (void *)x->w.arg;

	if (args->timeout != UINT32_MAX)
		args->timeout = (uint32_t)((x->deadline_ns - now) / 1000000);
	for (uint32_t i = 0; i < x->w.num_events; i++) {
		struct event_slot *e = find(x->ids[i]);

		if (e && x->activated[i] && e->auto_reset)
			e->signaled = true;
	}
}

void events_forked(void)
{
	for (const struct waiting *x = emu->waiting; x; x = x->next)
		if (x->status_fd >= 0)
			close(x->status_fd);
}

int event_poll(uint64_t now)
{
	uint64_t next = UINT64_MAX;
	struct waiting *following;

	pthread_mutex_lock(&emu->lock);
	for (struct waiting *x = emu->waiting; x; x = following) {
		following = x->next;
		if (now >= x->deadline_ns) {
			finish(x, KFD_IOC_WAIT_RESULT_TIMEOUT, 0);
		} else if (signal_pending(x)) {
			undo(x, now);
			finish(x, 0, -EINTR);
		} else {
			uint64_t until = x->deadline_ns - now, look = SIGNAL_POLL_NS;

			if (now - x->begin_ns > BLOCKED_LONG_NS)
				look = SIGNAL_POLL_LONG_NS;
			if (until > look)
				until = look;
			if (until < next)
				next = until;
		}
	}
	pthread_mutex_unlock(&emu->lock);
	return next == UINT64_MAX ? -1 : (int)(next / 1000000 + 1);
}
