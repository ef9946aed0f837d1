/* SPDX-License-Identifier: MIT */
/*
 * Signals, so that COMMAND sees those it would see without us: what we ignore it does not inherit,
 * what is sent to us alone is passed on, what reaches the whole process group reaches it by itself.
 */
#ifndef RDNA1_RECORD_SIGNALS_H
#define RDNA1_RECORD_SIGNALS_H

#include <sys/types.h>

struct signals;

/* Before anything else: what we were started with is kept for the command. */
struct signals *signals__begin(void);

/* From here on signals come through the returned descriptor (poll for reading). */
int signals__block(struct signals *s);

/* In the child before exec: everything as we were started. */
void signals__restore(const struct signals *s);

/*
 * Read what has come; pass on to `command` what did not reach it already. When command is 0, it is
 * over: returns a signal that asks us to end, or 0.
 */
int signals__forward(struct signals *s, pid_t command);

/*
 * The command was stopped by sig: so are we, until the group is continued or the command goes on.
 * Returns then.
 */
void signals__stop(struct signals *s, int sig, pid_t command);

/* The command is over: drop what has come since, take signals again. s is then gone. */
void signals__end(struct signals *s);

#endif
