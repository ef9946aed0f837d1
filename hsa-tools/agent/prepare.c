// SPDX-License-Identifier: MIT
/*
 * A thread that makes the next chunk file of each stream ahead of its need, so that the
 * application's threads do not wait for the file system.
 *
 * Where it cannot be made, or is late, they make their chunks themselves.
 */
#include "agent.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FUTEX_TRIES = 100 };

static int wanted; /* a futex: 1 since a spare was asked for */

static void wake(void)
{
	/* Not 0: it has yet to look. */
	if (!__atomic_exchange_n(&wanted, 1, __ATOMIC_RELEASE))
		syscall(SYS_futex, &wanted, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

/* False when it cannot be waited for. */
static bool wait_wanted(void)
{
	for (int i = 0; i < FUTEX_TRIES; i++) {
		if (__atomic_exchange_n(&wanted, 0, __ATOMIC_ACQUIRE))
			return true;
		if (!syscall(SYS_futex, &wanted, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0))
			i = 0;
	}
	return false;
}

static void *prepare(void *unused)
{
	struct thread *t;

	prctl(PR_SET_NAME, "rdna1-chunks");
	while (wait_wanted())
		for (t = __atomic_load_n(&agent.threads, __ATOMIC_ACQUIRE); t; t = t->next)
			stream_spare__prepare(&t->spare);
	__atomic_store_n(&agent.proc.wake, NULL, __ATOMIC_RELAXED);
	return unused;
}

void prepare_start(void)
{
	static int started;

	if (!agent.recording || __atomic_exchange_n(&started, 1, __ATOMIC_RELAXED))
		return;
	if (!agent.proc.dir.mapped || agent.options.buffer_bytes)
		return;
	if (!thread_start(prepare, NULL))
		__atomic_store_n(&agent.proc.wake, wake, __ATOMIC_RELAXED);
}

void prepare_stop(void)
{
	__atomic_store_n(&agent.proc.wake, NULL, __ATOMIC_RELAXED);
	for (struct thread *t = __atomic_load_n(&agent.threads, __ATOMIC_ACQUIRE); t; t = t->next)
		stream_spare__drop(&t->spare);
}
