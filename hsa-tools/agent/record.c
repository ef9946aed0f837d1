// SPDX-License-Identifier: MIT
/* Streams of threads, and what keeps the agent out of its own trace. */
#include "agent.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct agent agent = {.dir_fd = -1};

/* Initial-exec: the first touch in a thread must not call malloc. */
static __thread struct thread *self __attribute__((tls_model("initial-exec")));

extern void *__dso_handle;
int __cxa_thread_atexit_impl(void (*fn)(void *), void *arg, void *dso);

uint64_t agent_now(void)
{
	return stream__now();
}

uint32_t agent_since(uint64_t begin)
{
	uint64_t dt = stream__now() - begin;

	return dt > UINT32_MAX ? UINT32_MAX : (uint32_t)dt;
}

/* The thread ends: its chunk stays as it is, its state can serve another. */
static void thread_end(void *arg)
{
	struct thread *t = arg;

	self = NULL;
	stream__close(&t->stream);
	__atomic_store_n(&t->used, 0, __ATOMIC_RELEASE);
}

static struct thread *claim_thread(void)
{
	struct thread *t, *head;

	for (t = __atomic_load_n(&agent.threads, __ATOMIC_ACQUIRE); t; t = t->next) {
		int unused = 0;

		if (__atomic_compare_exchange_n(&t->used, &unused, 1, false, __ATOMIC_ACQUIRE,
						__ATOMIC_RELAXED))
			return t;
	}
	t = mmap(NULL, sizeof(*t), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (t == MAP_FAILED)
		return NULL;
	t->used = 1;
	head = __atomic_load_n(&agent.threads, __ATOMIC_RELAXED);
	do {
		t->next = head;
	} while (!__atomic_compare_exchange_n(&agent.threads, &head, t, true, __ATOMIC_RELEASE,
					      __ATOMIC_RELAXED));
	return t;
}

static struct thread *new_thread(void)
{
	struct thread *t = claim_thread();
	char tid[16];

	if (!t)
		return NULL;
	t->tid = (uint32_t)syscall(SYS_gettid);
	t->depth = 0;
	snprintf(tid, sizeof(tid), "%u", t->tid);
	stream__open(&t->stream, &agent.proc, tid, 0, 0);
	self = t;
	__cxa_thread_atexit_impl(thread_end, t, &__dso_handle);
	return t;
}

struct thread *agent_enter(void)
{
	struct thread *t = self;

	if (!agent.recording || !stream_proc__mine(&agent.proc))
		return NULL;
	if (!t) {
		t = new_thread();
		if (!t) {
			stream_proc__lost(&agent.proc, LOSS_no_memory, 1, true);
			return NULL;
		}
	}
	if (t->depth)
		return NULL;
	t->depth = 1;
	return t;
}

void agent_leave(struct thread *t)
{
	t->depth = 0;
}

void *agent_reserve(struct thread *t, uint16_t id, size_t size)
{
	return stream__reserve(&t->stream, id, size, t->tid, 0);
}

void agent_commit(struct thread *t)
{
	stream__commit(&t->stream);
}

void agent_event(struct thread *t, uint16_t id, const void *fixed, size_t size)
{
	stream__write(&t->stream, id, fixed, size, t->tid, 0);
}

void agent_sync_all(void)
{
	for (struct thread *t = __atomic_load_n(&agent.threads, __ATOMIC_ACQUIRE); t; t = t->next)
		stream__sync(&t->stream);
}

/* Write to stderr; a pipe that nobody reads is no reason for the application to die of SIGPIPE. */
void agent_say(const char *fmt, ...)
{
	char line[512] = "librdna1-agent: ";
	size_t n = strlen(line);
	sigset_t pipe, before;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line + n, sizeof(line) - n - 1, fmt, ap);
	va_end(ap);
	n = strlen(line);
	line[n++] = '\n';
	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	sigprocmask(SIG_BLOCK, &pipe, &before);
	if (write(STDERR_FILENO, line, n) < 0 && errno == EPIPE)
		sigtimedwait(&pipe, NULL, &(struct timespec){0}); /* ours: it goes to the writer */
	sigprocmask(SIG_SETMASK, &before, NULL);
}
