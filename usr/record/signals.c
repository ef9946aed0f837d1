// SPDX-License-Identifier: MIT
/*
 * Whether a signal was sent to us or to our process group is not in siginfo. A second process of the
 * group, the witness, blocks everything and tells which signals it has got too.
 */
#include "signals.h"
#include "../base/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define WITNESS_MS 50 /* it is asked when a signal comes; its answer takes a few context switches */

static const int ours[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGALRM};
static const int changed[] = {SIGCHLD, SIGPIPE, SIGXFSZ};

struct signals {
	sigset_t mask; /* as we were started */
	struct sigaction before[ARRAY_SIZE(changed)];
	sigset_t set;
	int fd;
	pid_t witness;
	int told; /* reads a byte per signal the witness got */
};

struct signals *signals__begin(void)
{
	struct signals *s = xcalloc(1, sizeof(*s));

	s->fd = s->told = -1;
	sigprocmask(SIG_SETMASK, NULL, &s->mask);
	for (size_t i = 0; i < ARRAY_SIZE(changed); i++) {
		/* Limits and closed pipes are errors to us, not ends; children are waited for. */
		struct sigaction act = {.sa_handler = changed[i] == SIGCHLD ? SIG_DFL : SIG_IGN};

		sigaction(changed[i], &act, &s->before[i]);
	}
	return s;
}

static void __attribute__((noreturn)) witness(int tell, const sigset_t *set, pid_t parent)
{
	int sig;

	prctl(PR_SET_NAME, "rdna1-witness");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(0);
	while (!sigwait(set, &sig)) {
		unsigned char byte = (unsigned char)sig;

		if (write(tell, &byte, 1) != 1)
			break;
	}
	_exit(0);
}

static void start_witness(struct signals *s)
{
	pid_t parent = getpid();
	int pipe[2];

	if (pipe2(pipe, O_CLOEXEC | O_NONBLOCK))
		return;
	s->witness = fork();
	if (!s->witness) {
		close(pipe[0]);
		witness(pipe[1], &s->set, parent);
	}
	close(pipe[1]);
	s->told = pipe[0];
}

int signals__block(struct signals *s)
{
	sigset_t block;

	sigemptyset(&s->set);
	for (size_t i = 0; i < ARRAY_SIZE(ours); i++)
		sigaddset(&s->set, ours[i]);
	block = s->set;
	sigaddset(&block, SIGCHLD);
	sigprocmask(SIG_BLOCK, &block, NULL);
	s->fd = signalfd(-1, &block, SFD_CLOEXEC | SFD_NONBLOCK);
	start_witness(s);
	return s->fd;
}

void signals__restore(const struct signals *s)
{
	for (size_t i = 0; i < ARRAY_SIZE(changed); i++)
		sigaction(changed[i], &s->before[i], NULL);
	sigprocmask(SIG_SETMASK, &s->mask, NULL);
}

/* Whether the group got sig, too. */
static bool witnessed(struct signals *s, int sig)
{
	struct pollfd p = {.fd = s->told, .events = POLLIN};
	unsigned char byte;

	while (s->told >= 0 && poll(&p, 1, WITNESS_MS) > 0 && read(s->told, &byte, 1) == 1)
		if (byte == sig)
			return true;
	return false;
}

void signals__forward(struct signals *s, pid_t command)
{
	struct signalfd_siginfo si;

	while (read(s->fd, &si, sizeof(si)) == (ssize_t)sizeof(si))
		if (si.ssi_signo != SIGCHLD && !witnessed(s, (int)si.ssi_signo))
			kill(command, (int)si.ssi_signo);
}

void signals__end(struct signals *s)
{
	struct signalfd_siginfo si;

	while (s->fd >= 0 && read(s->fd, &si, sizeof(si)) == (ssize_t)sizeof(si))
		;
	if (s->witness > 0) {
		kill(s->witness, SIGKILL);
		waitpid(s->witness, NULL, 0);
	}
	if (s->fd >= 0)
		close(s->fd);
	if (s->told >= 0)
		close(s->told);
	signals__restore(s);
	free(s);
}
