/* SPDX-License-Identifier: MIT */
/* The traced command: made stopped, let go when everything is attached. */
#ifndef RDNA1_RECORD_SPAWN_H
#define RDNA1_RECORD_SPAWN_H

#include <sys/types.h>

struct child {
	pid_t pid;
	int go;	    /* write a byte: exec */
	int failed; /* reads an errno when exec failed, nothing when it did not */
};

/*
 * Fork; the child calls prepare(arg) and waits. prepare returns 0 or negative errno. Returns 0 or
 * negative errno.
 */
int child__start(struct child *c, char *const argv[], int (*prepare)(void *arg), void *arg);

/*
 * Let it exec, and call woken(arg) when there is something to read from `wake` before it has. 0, or
 * the negative errno of prepare or exec; the child is then gone.
 */
int child__go(struct child *c, int wake, void (*woken)(void *arg), void *arg);

/* End as the child did: its exit status, or by the signal that killed it. Does not return. */
void child__end_as(int wait_status) __attribute__((noreturn));

#endif
