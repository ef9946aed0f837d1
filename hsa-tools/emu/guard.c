// SPDX-License-Identifier: MIT
/*
 * Faults of the device threads on memory the application unmapped: they become GPU page faults and
 * never reach the application as signals.
 *
 * The handler of SIGSEGV and SIGBUS is ours; what the application sets with sigaction or signal is
 * kept here and called for every fault that is not a device thread's. (A program that sets handlers
 * by raw system calls takes the signals away from the device; it then dies of the device's fault.)
 */
#include "emu.h"

#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

__thread struct guard *guard_current __attribute__((tls_model("initial-exec")));
static __thread uint64_t fault_address __attribute__((tls_model("initial-exec")));

static struct sigaction wanted[2]; /* the application's: SIGSEGV, SIGBUS */
static bool installed;

typedef int (*sigaction_fn)(int, const struct sigaction *, struct sigaction *);

static int real_sigaction(int sig, const struct sigaction *act, struct sigaction *old)
{
	static sigaction_fn next;

	if (!next)
		next = (sigaction_fn)dlsym(RTLD_NEXT, "sigaction");
	return next(sig, act, old);
}

static struct sigaction *slot(int sig)
{
	return sig == SIGSEGV ? &wanted[0] : sig == SIGBUS ? &wanted[1] : NULL;
}

uint64_t guard_address(void)
{
	return fault_address;
}

/* As if the kernel had delivered the signal to the application's own disposition. */
static void forward(int sig, siginfo_t *info, void *context)
{
	struct sigaction act = *slot(sig);
	sigset_t old;

	if (act.sa_handler == SIG_IGN && info->si_code <= 0)
		return; /* sent by kill, and ignored; a real fault cannot be */
	if (act.sa_handler == SIG_DFL || act.sa_handler == SIG_IGN) {
		struct sigaction dfl = {.sa_handler = SIG_DFL};

		real_sigaction(sig, &dfl, NULL);
		if (info->si_code <= 0) /* sent: send it again; a fault happens again by itself */
			syscall(SYS_rt_tgsigqueueinfo, getpid(), (pid_t)syscall(SYS_gettid), sig, info);
		return;
	}
	if (act.sa_flags & SA_RESETHAND)
		slot(sig)->sa_handler = SIG_DFL;
	if (!(act.sa_flags & SA_NODEFER))
		sigaddset(&act.sa_mask, sig);
	pthread_sigmask(SIG_BLOCK, &act.sa_mask, &old);
	if (act.sa_flags & SA_SIGINFO)
		act.sa_sigaction(sig, info, context);
	else
		act.sa_handler(sig);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

static void handler(int sig, siginfo_t *info, void *context)
{
	int saved = errno;

	if (guard_current && info->si_code > 0) {
		fault_address = (uint64_t)(uintptr_t)info->si_addr;
		siglongjmp(guard_current->jmp, 1);
	}
	forward(sig, info, context);
	errno = saved;
}

bool user_read(void *to, uint64_t from, size_t size)
{
	struct guard g;
	volatile bool ok = false;

	if (!from || !size)
		return !size;
	if (!GUARDED(&g)) {
		memcpy(to, (const void *)(uintptr_t)from, size);
		ok = true;
	}
	guard_leave(&g);
	return ok;
}

bool user_write(uint64_t to, const void *from, size_t size)
{
	struct guard g;
	volatile bool ok = false;

	if (!to || !size)
		return !size;
	if (!GUARDED(&g)) {
		memcpy((void *)(uintptr_t)to, from, size);
		ok = true;
	}
	guard_leave(&g);
	return ok;
}

void guard_init(void)
{
	/* SA_NODEFER: the handler is left by siglongjmp. SA_ONSTACK: the application may need it. */
	struct sigaction act = {.sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK};

	if (installed)
		return;
	act.sa_sigaction = handler;
	sigemptyset(&act.sa_mask);
	real_sigaction(SIGSEGV, &act, &wanted[0]);
	real_sigaction(SIGBUS, &act, &wanted[1]);
	installed = true;
}

__attribute__((visibility("default"))) int sigaction(int sig, const struct sigaction *act,
						      struct sigaction *old)
{
	struct sigaction *mine = installed ? slot(sig) : NULL, before;

	if (!mine)
		return real_sigaction(sig, act, old);
	before = *mine;
	if (act)
		*mine = *act;
	if (old)
		*old = before;
	return 0;
}

__attribute__((visibility("default"))) sighandler_t signal(int sig, sighandler_t func)
{
	struct sigaction act = {.sa_handler = func, .sa_flags = SA_RESTART}, old;

	sigemptyset(&act.sa_mask);
	if (sigaction(sig, &act, &old))
		return SIG_ERR;
	return old.sa_handler;
}
