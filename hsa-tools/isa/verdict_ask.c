// SPDX-License-Identifier: MIT
/*
 * The scanner, run beside an application that does not notice.
 *
 * A process that execs sends its parent SIGCHLD when it ends, whatever its exit signal was before
 * (Linux fs/exec.c, de_thread), and is the parent's to wait for. So there is one in between, which
 * does not exec and whose exit signal is none: it runs the scanner, waits for it and ends. It
 * shares our memory and descriptors, and holds the calling thread up (CLONE_VFORK); nothing in it
 * touches what belongs to a thread but errno, which the caller puts back.
 */
#include "verdict.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef SYS_close_range
#define SYS_close_range 436
#endif

enum { STACK = 128 << 10 }; /* of each of the two */

struct job {
	const char *scanner;
	const char *const *argv;
	char **env;
	uint8_t *stacks;
	int64_t timeout_ns;
	int error; /* 0 or negative errno */
	int exec_error;
};

/* ---- the scanner's process, until it is the scanner ---- */

static void reset_signals(void)
{
	struct sigaction ignored;
	sigset_t none;

	for (int i = 1; i < _NSIG; i++)
		if (!sigaction(i, NULL, &ignored) && ignored.sa_handler != SIG_IGN &&
		    ignored.sa_handler != SIG_DFL)
			sigaction(i, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void close_descriptors(void)
{
	int null = (int)syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDWR);
	struct rlimit rl = {.rlim_cur = 1024};

	for (int fd = 0; fd < 3; fd++)
		if (null < 0)
			close(fd);
		else if (null != fd)
			dup2(null, fd);
	if (!syscall(SYS_close_range, 3u, UINT_MAX, 0u))
		return;
	/* Before Linux 5.9. */
	getrlimit(RLIMIT_NOFILE, &rl);
	for (int fd = 3; fd < (rl.rlim_cur < 65536 ? (int)rl.rlim_cur : 65536); fd++)
		close(fd);
}

static int become_scanner(void *arg)
{
	struct job *j = arg;

	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	close_descriptors();
	reset_signals();
	execve(j->scanner, (char *const *)j->argv, j->env);
	j->exec_error = -errno;
	syscall(SYS_exit, 127);
	return 127;
}

/* ---- in between ---- */

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Raw calls: waitpid() is where a cancelled thread ends. */
static int wait_for(struct job *j, pid_t pid)
{
	const int64_t end = now_ns() + j->timeout_ns;
	long pause_ns = 1000000;
	int status = 0;
	long n;

	while ((n = syscall(SYS_wait4, pid, &status, WNOHANG, NULL)) == 0) {
		if (now_ns() >= end) {
			syscall(SYS_kill, pid, SIGKILL);
			syscall(SYS_wait4, pid, &status, 0, NULL);
			return -ETIMEDOUT;
		}
		syscall(SYS_nanosleep, &(struct timespec){.tv_nsec = pause_ns}, NULL);
		pause_ns = pause_ns < 10000000 ? pause_ns * 2 : pause_ns;
	}
	if (n < 0)
		return -errno;
	if (j->exec_error)
		return -ENOEXEC;
	return WIFEXITED(status) && !WEXITSTATUS(status) ? 0 : -EIO;
}

static int run_scanner(void *arg)
{
	struct job *j = arg;
	pid_t pid;

	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	/* Copies of descriptors are the scanner's own to close; those of the application are shared
	 * here. */
	pid = clone(become_scanner, j->stacks + 2 * STACK, CLONE_VM | CLONE_VFORK | SIGCHLD, j);
	j->error = pid < 0 ? -errno : wait_for(j, pid);
	syscall(SYS_exit, 0);
	return 0;
}

/* ---- the application's thread ---- */

/* What would load us, or a device, into the scanner. */
static bool is_left_out(const char *variable)
{
	static const char *const names[] = {
		"LD_PRELOAD=", "LD_AUDIT=", "HSA_TOOLS_LIB=", "RDNA1_TRACE_OPTIONS="};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strncmp(variable, names[i], strlen(names[i])))
			return true;
	return false;
}

static size_t count_variables(void)
{
	size_t n = 0;

	while (environ && environ[n])
		n++;
	return n;
}

static void copy_variables(char **to, size_t most)
{
	size_t n = 0;

	for (size_t i = 0; n < most && environ && environ[i]; i++)
		if (!is_left_out(environ[i]))
			to[n++] = environ[i];
	to[n] = NULL;
}

int verdict__ask(const char *scanner, const char *file, unsigned int timeout_ms)
{
	const char *const argv[] = {scanner, "scan", "--verdict", file, NULL};
	const size_t variables = count_variables();
	const size_t size = 2 * STACK + (variables + 1) * sizeof(char *);
	struct job j = {.scanner = scanner,
			.argv = argv,
			.timeout_ns = (int64_t)timeout_ms * 1000000,
			.error = -EIO};
	const int saved = errno;
	sigset_t all, before;
	pid_t pid;
	int err;

	j.stacks = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (j.stacks == MAP_FAILED) {
		err = -errno;
		errno = saved;
		return err;
	}
	j.env = (char **)(void *)(j.stacks + 2 * STACK);
	copy_variables(j.env, variables);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	pid = clone(run_scanner, j.stacks + STACK, CLONE_VM | CLONE_VFORK | CLONE_FILES | CLONE_FS,
		    &j);
	err = pid < 0 ? -errno : 0;
	if (pid > 0)
		while (syscall(SYS_wait4, pid, NULL, __WCLONE, NULL) < 0 && errno == EINTR)
			;
	sigprocmask(SIG_SETMASK, &before, NULL);
	munmap(j.stacks, size);
	errno = saved;
	return err ? err : j.error;
}
