// SPDX-License-Identifier: MIT
/* Threads of our own in the application. */
#include "agent.h"

#include <pthread.h>
#include <signal.h>

/* As glibc before 2.34 has it, in libpthread, which ROCr brings along. */
__asm__(".symver pthread_create, pthread_create@GLIBC_2.2.5");

static int start_detached(void *(*run)(void *), void *arg)
{
	pthread_attr_t attr;
	pthread_t thread;
	int err = pthread_attr_init(&attr);

	if (err)
		return err;
	err = pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	if (!err)
		err = pthread_create(&thread, &attr, run, arg);
	pthread_attr_destroy(&attr);
	return err;
}

int thread_start(void *(*run)(void *), void *arg)
{
	sigset_t all, before;
	int err;

	/* The application's signals are its own threads' business. */
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before); /* this thread's, on Linux */
	err = start_detached(run, arg);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return err;
}
