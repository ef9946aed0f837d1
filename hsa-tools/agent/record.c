// SPDX-License-Identifier: MIT
/* Streams of threads, and what keeps the agent out of its own trace. */
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

struct agent agent = {.dir_fd = -1};

/* Initial-exec: the first touch in a thread must not call malloc. */
static __thread struct thread *self __attribute__((tls_model("initial-exec")));

/*
 * Ends a thread's stream. A key, because what else is called at a thread's end takes the loader's
 * lock to be registered, and whoever loads a library may be waiting for this thread. As glibc
 * before 2.34 has them, in libpthread.
 */
static pthread_key_t at_thread_end;
static bool has_key;
__asm__(".symver pthread_key_create, pthread_key_create@GLIBC_2.2.5");
__asm__(".symver pthread_setspecific, pthread_setspecific@GLIBC_2.2.5");

static int own_memory = -1; /* /proc/self/mem, where it takes that */
static bool can_peek;

size_t agent_peek(uint64_t addr, void *out, size_t size)
{
	struct iovec local = {out, size}, remote = {(void *)(uintptr_t)addr, size};
	const int saved = errno;
	ssize_t n;

	if (!addr)
		return 0;
	/* pread() would be where a cancelled thread ends. */
	n = own_memory < 0 ? process_vm_readv(getpid(), &local, 1, &remote, 1, 0)
			   : syscall(SYS_pread64, own_memory, out, size, addr);
	errno = saved;
	return n > 0 ? (size_t)n : 0;
}

/* Some containers refuse process_vm_readv, to the process itself too. */
bool peek_init(void)
{
	uint64_t word = 0, copy;
	int fd;

	can_peek = true;
	if (agent_peek(addr_of(&word), &copy, sizeof(copy)) == sizeof(copy))
		return true;
	fd = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	own_memory = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (fd >= 0)
		close(fd);
	can_peek = agent_peek(addr_of(&word), &copy, sizeof(copy)) == sizeof(copy);
	return can_peek;
}

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

	/* Other keys' destructors may call, in this round or the next; of the four there are at
	 * least. */
	if (t->ends++ < 2 && !pthread_setspecific(at_thread_end, t))
		return;
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
	t->ends = 0;
	snprintf(tid, sizeof(tid), "%u", t->tid);
	stream__open(&t->stream, &agent.proc, tid, 0, 0);
	stream__use_spare(&t->stream, &t->spare);
	self = t;
	/* Without it the stream stays open to the end, and its memory with it. */
	if (has_key)
		pthread_setspecific(at_thread_end, t);
	return t;
}

void threads_init(void)
{
	has_key = has_key || !pthread_key_create(&at_thread_end, thread_end);
}

/* A cancelled thread must not end in the middle of a call of ours: the application's own is still
 * to come. */
static struct thread *new_thread_uncancelled(void)
{
	struct thread *t;
	int before;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
	t = new_thread();
	pthread_setcancelstate(before, NULL);
	return t;
}

struct thread *agent_enter_nested_from(const void *frame, const void *back)
{
	struct thread *t = self;

	if (unlikely(!agent.recording))
		return NULL;
	if (unlikely(!stream_proc__mine(&agent.proc))) { /* a forked child: it has no stream */
		/* What libraries do when it ends is nobody's call. */
		if (!agent.exiting)
			stream_proc__lost(&agent.proc, LOSS_forked, 1, true);
		return NULL;
	}
	if (unlikely(!t)) {
		t = new_thread_uncancelled();
		if (!t) {
			stream_proc__lost(&agent.proc, LOSS_no_memory, 1, true);
			return NULL;
		}
	}
	if (likely(!t->depth++)) {
		t->frame = frame;
		t->back = addr_of(back);
	}
	return t;
}

/*
 * Whether the hook that the thread is in has been left by longjmp: otherwise its frame lies above
 * that of this call, is there to be read and has its return address. A handler on a stack of its
 * own may have that stack above: between two events its calls are recorded, amid one they are not.
 */
static bool was_left(struct thread *t, const void *frame)
{
	const char *here = frame, *then = t->frame;
	uint64_t back = 0;

	if (can_peek && here != then) {
		const bool there =
			agent_peek(addr_of(then) + 8, &back, sizeof(back)) == sizeof(back);

		if (there && back == t->back && (here < then || t->stream.pending))
			return false;
	} else if (here < then) {
		return false;
	}
	t->depth = 0;
	if (t->stream.pending)
		stream_proc__lost(&agent.proc, LOSS_nested, 1, false);
	t->stream.pending = 0;
	return true;
}

struct thread *agent_enter_from(const void *frame, const void *back)
{
	struct thread *t = self;

	if (unlikely(t && t->depth) && !was_left(t, frame))
		return NULL;
	return agent_enter_nested_from(frame, back);
}

void agent_leave(struct thread *t)
{
	if (t->depth)
		t->depth--;
}

void *agent_reserve(struct thread *t, uint16_t id, size_t size)
{
	return stream__reserve(&t->stream, id, size, t->tid, 0);
}

void agent_shrink(struct thread *t, size_t bytes)
{
	stream__shrink(&t->stream, bytes);
}

void agent_commit(struct thread *t)
{
	stream__commit(&t->stream);
}

void agent_event(struct thread *t, uint16_t id, const void *fixed, size_t size)
{
	stream__write(&t->stream, id, fixed, size, t->tid, 0);
}

/* Ring mode: one stream that is kept, for all threads. Otherwise each writes facts to its own. */
static struct stream facts;

void facts_open(void)
{
	stream__open(&facts, &agent.proc, "facts", 0, 0);
	stream__keep(&facts);
}

void *fact_reserve(struct thread *t, uint16_t id, size_t size)
{
	void *at;

	if (!agent.options.buffer_bytes)
		return agent_reserve(t, id, size);
	if (!stream__lock(&facts))
		return NULL;
	at = stream__reserve(&facts, id, size, t->tid, 0);
	if (!at)
		stream__unlock(&facts);
	return at;
}

void fact_commit(struct thread *t)
{
	if (!agent.options.buffer_bytes) {
		agent_commit(t);
		return;
	}
	stream__commit(&facts);
	stream__unlock(&facts);
}

void fact_event(struct thread *t, uint16_t id, const void *fixed, size_t size)
{
	void *at = fact_reserve(t, id, size);

	if (!at)
		return;
	memcpy(at, fixed, size);
	fact_commit(t);
}

void agent_note(struct thread *t, const char *fmt, ...)
{
	char text[512];
	va_list ap;
	size_t len;
	void *at;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	len = strlen(text);
	at = fact_reserve(t, EV_agent_note, (len ? len : 1) + 1);
	if (!at)
		return;
	stream__put_text(at, text, len);
	fact_commit(t);
}

void agent_failed(struct thread *t, const char *call, uint64_t object, hsa_status_t status)
{
	struct ev_api_failed e = {.status = (int32_t)status, .object = object};
	size_t len = strlen(call);
	uint8_t *at = agent_reserve(t, EV_api_failed, sizeof(e) + len + 1);

	if (!at)
		return;
	memcpy(at, &e, sizeof(e));
	stream__put_text(at + sizeof(e), call, len);
	agent_commit(t);
}

void agent_sync_all(void)
{
	for (struct thread *t = __atomic_load_n(&agent.threads, __ATOMIC_ACQUIRE); t; t = t->next)
		stream__sync(&t->stream);
	if (agent.options.buffer_bytes)
		stream__sync(&facts);
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
