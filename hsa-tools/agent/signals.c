// SPDX-License-Identifier: MIT
/*
 * SIGSEGV, SIGBUS and SIGABRT in the application: recorded with what is known of the queues, then
 * given to whoever handled them before, or to the system.
 */
#include "queue.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

static const int caught[] = {SIGSEGV, SIGBUS, SIGABRT};
#define NUM_CAUGHT (sizeof(caught) / sizeof(caught[0]))

/* Some programs live with these signals: a language runtime's null checks. Of those the first ones
 * are enough. */
enum { RECORD_MOST = 16 };

static struct sigaction before[NUM_CAUGHT];
static uint32_t recorded;

static void record(int signo, const siginfo_t *info, const void *context, bool handled)
{
	const ucontext_t *uc = context;
	struct ev_process_signal e = {
		.signo = signo,
		.code = info ? info->si_code : 0,
		/* Of one that was sent there is none: a pid stands in its place. */
		.addr = info && info->si_code > 0 && signo != SIGABRT ? addr_of(info->si_addr) : 0,
		.pc = uc ? (uint64_t)uc->uc_mcontext.gregs[REG_RIP] : 0,
		.handled = handled,
	};
	struct thread *t;

	if (__atomic_fetch_add(&recorded, 1, __ATOMIC_RELAXED) >= RECORD_MOST)
		return;
	t = evidence_begin();
	if (!t)
		return;
	agent_event(t, EV_process_signal, &e, sizeof(e));
	evidence_put(t, EVIDENCE_signal, e.addr);
	evidence_end();
}

/* As if the kernel had called it: with the mask it asked for. */
static void call_before(struct sigaction *act, int signo, siginfo_t *info, void *context)
{
	sigset_t mask = act->sa_mask, now;
	const struct sigaction once = *act;

	/* A handler for one time: from now on the signal does what it does by default. */
	if (once.sa_flags & SA_RESETHAND) {
		act->sa_handler = SIG_DFL;
		act->sa_flags = 0;
	}
	if (!(once.sa_flags & SA_NODEFER))
		sigaddset(&mask, signo);
	sigprocmask(SIG_BLOCK, &mask, &now);
	if (once.sa_flags & SA_SIGINFO)
		once.sa_sigaction(signo, info, context);
	else
		once.sa_handler(signo);
	sigprocmask(SIG_SETMASK, &now, NULL);
}

/* The signal's default: the instruction faults again when this returns, and what was sent is sent
 * again. */
static void leave_to_system(int signo, const siginfo_t *info)
{
	struct sigaction dfl = {.sa_handler = SIG_DFL};

	if (sigaction(signo, &dfl, NULL)) {
		/* abort() goes on; an instruction would fault again and again. */
		if (signo != SIGABRT)
			kill(getpid(), SIGKILL);
		return;
	}
	if (!info || info->si_code <= 0 || signo == SIGABRT)
		syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), signo);
}

static void on_signal(int signo, siginfo_t *info, void *context)
{
	const int saved = errno;
	size_t i = 0;
	bool handled;

	while (i + 1 < NUM_CAUGHT && caught[i] != signo)
		i++;
	handled = before[i].sa_handler != SIG_DFL;
	record(signo, info, context, handled);
	errno = saved;
	if (handled)
		call_before(&before[i], signo, info, context);
	else
		leave_to_system(signo, info);
}

void signals_hook(void)
{
	struct sigaction act = {.sa_sigaction = on_signal,
				.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
	static bool done;
	bool all = true;

	if (done) /* whoever came after us calls us */
		return;
	done = true;
	sigemptyset(&act.sa_mask);
	for (size_t i = 0; i < NUM_CAUGHT; i++) {
		if (sigaction(caught[i], NULL, &before[i])) {
			all = false;
			continue;
		}
		/* One that is ignored would no longer be in a program that is executed. */
		if (before[i].sa_handler == SIG_IGN)
			continue;
		act.sa_flags =
			SA_SIGINFO | SA_ONSTACK | SA_NODEFER | (before[i].sa_flags & SA_RESTART);
		if (sigaction(caught[i], &act, NULL))
			all = false;
	}
	if (!all)
		agent_say("cannot handle signals: a crash will not be recorded");
}
