// SPDX-License-Identifier: MIT
/*
 * Whether a signal was sent to us or to our process group is not in siginfo. A second process of
 * the group, the witness, blocks everything and tells which signals it has got too.
 */
#include "signals.h"
#include "proc.h"
#include "../base/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WITNESS_MS 50	/* it tells what it gets at once: a few context switches */
#define ANSWER_MS  2000 /* a busy machine: as long as it may take to answer */
#define WATCH_MS   100	/* how soon we are continued after the command was */

static const int ours[] = {SIGINT,  SIGQUIT, SIGTERM, SIGHUP,  SIGUSR1, SIGUSR2,
			   SIGALRM, SIGTSTP, SIGTTIN, SIGTTOU, SIGCONT, SIGWINCH};
static const int changed[] = {SIGCHLD, SIGPIPE, SIGXFSZ};

struct signals {
	sigset_t mask; /* as we were started */
	struct sigaction before[ARRAY_SIZE(changed)];
	sigset_t set;
	int fd;
	pid_t witness;
	int told; /* reads a byte per signal the witness got, and ANSWERS + n for question n */
	unsigned int questions;
	bool mute;	/* the last one was not answered, and nothing was told since */
	bool woken;	/* by us: it will tell of a SIGCONT that is not the group's */
	bool got[NSIG]; /* it has told of them, and we have not come to them yet */
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

/* T of a stopped process, Z of a dead one; 0 when /proc is not that of our PID namespace. */
static char state_of(pid_t pid)
{
	char path[64], text[256] = "";
	const char *end;
	ssize_t n;
	int fd;

	if (!proc__is_ours())
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	end = n > 0 ? strrchr(text, ')') : NULL; /* of its name, which may have any character */
	return end && end[1] ? end[2] : 0;
}

/*
 * The recorder tells it with TELL when it stops with the command (its pid) and when it goes on (0).
 * Who continues or kills the command alone does not continue the recorder: the witness does.
 *
 * A negative number is a question: TELL comes behind all other signals, so with its answer there is
 * nothing that it has got and not told.
 */
#define TELL	SIGRTMAX
#define ANSWERS 128u
#define QUESTION_MASK 127u

static void __attribute__((noreturn)) witness(int tell, const sigset_t *set, pid_t parent)
{
	const struct timespec watch = {.tv_nsec = WATCH_MS * 1000000L};
	pid_t stopped = 0;
	siginfo_t si;

	prctl(PR_SET_NAME, "rdna1-witness");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(0);
	for (;;) {
		int sig = sigtimedwait(set, &si, stopped ? &watch : NULL);
		unsigned char byte = (unsigned char)sig;
		char state;

		if (sig == TELL && si.si_int >= 0) {
			stopped = si.si_int;
		} else if (sig > 0) {
			if (sig == TELL)
				byte = (unsigned char)-si.si_int;
			if (write(tell, &byte, 1) != 1)
				break;
		} else if (stopped && errno == EAGAIN) {
			state = state_of(stopped);
			if (state && state != 'T')
				kill(parent, SIGCONT);
		}
	}
	_exit(0);
}

/*
 * By clone and not fork: a child that sends no signal at its end is none for waitpid(-1), which is
 * to find the command's processes only.
 */
static void start_witness(struct signals *s)
{
	pid_t parent = getpid();
	sigset_t set = s->set, before;
	int pipe[2];

	if (pipe2(pipe, O_CLOEXEC | O_NONBLOCK))
		return;
	sigaddset(&set, TELL);
	sigprocmask(SIG_BLOCK, &set, &before);
	s->witness = (pid_t)syscall(SYS_clone, 0, NULL, NULL, NULL, NULL);
	if (!s->witness) {
		close(pipe[0]);
		witness(pipe[1], &set, parent);
	}
	sigprocmask(SIG_SETMASK, &before, NULL);
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

static bool ask_witness(struct signals *s, unsigned int *answer)
{
	if (s->mute)
		return false;
	/* Stopped with the group, and we were continued without it. */
	if (state_of(s->witness) == 'T' && !kill(s->witness, SIGCONT))
		s->woken = true;
	*answer = ANSWERS + (++s->questions & QUESTION_MASK);
	return !sigqueue(s->witness, TELL, (union sigval){.sival_int = -(int)*answer});
}

/* Of two to the group that became one to us, the second byte is about nothing that is to come. */
static bool is_pending(int sig)
{
	sigset_t pending;

	sigpending(&pending);
	return sigismember(&pending, sig) == 1;
}

enum heard { HEARD_NOTHING, HEARD_SIGNAL, HEARD_ANSWER };

/* What the witness tells next. sig: what it is about now; else what is still to come to us. */
static enum heard hear(struct signals *s, int sig, unsigned int answer)
{
	struct pollfd p = {.fd = s->told, .events = POLLIN};
	unsigned char byte;

	if (poll(&p, 1, answer ? ANSWER_MS : WITNESS_MS) <= 0 || read(s->told, &byte, 1) != 1) {
		s->mute = s->mute || answer;
		return HEARD_NOTHING;
	}
	s->mute = false;
	if (byte == answer)
		return HEARD_ANSWER;
	if (byte == SIGCONT && s->woken)
		s->woken = false;
	else if (byte == sig || (byte < NSIG && is_pending(byte)))
		s->got[byte] = true;
	return HEARD_SIGNAL;
}

/* Whether the group got sig, too. */
static bool witnessed(struct signals *s, int sig)
{
	unsigned int answer = 0;
	enum heard h;
	bool got;

	/* Of two that wait, we may come to the other one first. */
	while (s->told >= 0 && !s->got[sig]) {
		h = hear(s, sig, answer);
		if (h == HEARD_ANSWER || (h == HEARD_NOTHING && (answer || sig == SIGCONT ||
								 !ask_witness(s, &answer))))
			break;
	}
	got = s->got[sig];
	s->got[sig] = false;
	return got;
}

/* All that was told so far is read: what comes later is about later signals. */
static void settle(struct signals *s)
{
	unsigned int answer;

	if (s->told >= 0 && ask_witness(s, &answer))
		while (hear(s, 0, answer) == HEARD_SIGNAL)
			;
}

/*
 * Who is still to get it: nobody (0), the command, or its group (negative), which would be ours without us
 * (a shell with job control makes one).
 */
static pid_t addressee(struct signals *s, const struct signalfd_siginfo *si, pid_t command)
{
	int sig = (int)si->ssi_signo;

	if (sig == SIGCONT && s->witness > 0 && si->ssi_pid == (uint32_t)s->witness)
		return 0;
	if (witnessed(s, sig))
		return getpgid(command) == getpgrp() ? 0 : getpgid(command) == command ? -command : command;
	/* Stopped with the group, continued without it: then so is the witness. */
	if (sig == SIGCONT && s->witness > 0 && !kill(s->witness, SIGCONT))
		witnessed(s, sig);
	return command;
}

/* It took a while to know: as in the kernel's own queue, a later stop takes SIGCONT away and vice versa. */
static bool superseded(int sig)
{
	static const int stops[] = {SIGTSTP, SIGTTIN, SIGTTOU};
	sigset_t pending;

	sigpending(&pending);
	for (size_t i = 0; i < ARRAY_SIZE(stops); i++)
		if (sig == SIGCONT ? sigismember(&pending, stops[i])
				   : sig == stops[i] && sigismember(&pending, SIGCONT))
			return true;
	return false;
}

static void pass_on(int sig, pid_t to)
{
	int tty = sig == SIGCONT && to < 0 ? open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC) : -1;

	/* The shell that continues us gave us the terminal: it is for who had it before. */
	if (tty >= 0 && tcgetpgrp(tty) == getpgrp())
		tcsetpgrp(tty, -to);
	if (tty >= 0)
		close(tty);
	kill(to, sig);
}

int signals__forward(struct signals *s, pid_t command)
{
	struct signalfd_siginfo si;
	bool any;

	do {
		any = false;
		while (read(s->fd, &si, sizeof(si)) == (ssize_t)sizeof(si)) {
			int sig = (int)si.ssi_signo;
			pid_t to;

			if (sig == SIGCHLD)
				continue;
			if (command) {
				to = addressee(s, &si, command);
				if (to && !superseded(sig))
					pass_on(sig, to);
				any = true;
			} else if (sig == SIGTSTP || sig == SIGTTIN || sig == SIGTTOU) {
				signals__stop(s, sig, 0);
			} else if (sig != SIGCONT && sig != SIGWINCH) {
				return sig;
			}
		}
		if (any)
			settle(s);
	} while (any);
	memset(s->got, 0, sizeof(s->got));
	return 0;
}

static void tell_witness(const struct signals *s, pid_t stopped)
{
	if (s->witness > 0)
		sigqueue(s->witness, TELL, (union sigval){.sival_int = stopped});
}

/* From raise on SIGCONT takes the pending stop away: one that comes too early is not missed. */
void signals__stop(struct signals *s, int sig, pid_t command)
{
	struct sigaction act = {.sa_handler = SIG_DFL}, before;
	sigset_t one, pending;

	sigemptyset(&one);
	sigaddset(&one, sig);
	sigaction(sig, &act, &before);
	tell_witness(s, command);
	raise(sig);
	sigpending(&pending);
	if (sigismember(&pending, SIGCONT)) {
		act.sa_handler = SIG_IGN;
		sigaction(sig, &act, NULL);
	}
	sigprocmask(SIG_UNBLOCK, &one, NULL); /* here we stop */
	sigprocmask(SIG_BLOCK, &one, NULL);
	tell_witness(s, 0);
	sigaction(sig, &before, NULL);
}

void signals__end(struct signals *s)
{
	struct signalfd_siginfo si;

	while (s->fd >= 0 && read(s->fd, &si, sizeof(si)) == (ssize_t)sizeof(si))
		;
	if (s->witness > 0) {
		kill(s->witness, SIGKILL);
		waitpid(s->witness, NULL, __WALL);
	}
	if (s->fd >= 0)
		close(s->fd);
	if (s->told >= 0)
		close(s->told);
	signals__restore(s);
	free(s);
}
