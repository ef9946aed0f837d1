// SPDX-License-Identifier: MIT
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void tell(int fd, int err)
{
	if (write(fd, &err, sizeof(err)) < 0) {
	}
}

static void run_child(char *const argv[], int go, int failed, int (*prepare)(void *arg), void *arg)
{
	int err = prepare(arg);
	char byte;

	if (err) {
		tell(failed, err);
		_exit(127);
	}
	/* The recorder is gone before it let us go: so are we. */
	if (read(go, &byte, 1) != 1)
		_exit(127);
	execvp(argv[0], argv);
	tell(failed, -errno);
	_exit(127);
}

int child__start(struct child *c, char *const argv[], int (*prepare)(void *arg), void *arg)
{
	int go[2], failed[2], err;

	if (pipe2(go, O_CLOEXEC))
		return -errno;
	if (pipe2(failed, O_CLOEXEC)) {
		err = -errno;
		close(go[0]);
		close(go[1]);
		return err;
	}
	c->pid = fork();
	if (!c->pid) {
		close(go[1]);
		close(failed[0]);
		run_child(argv, go[0], failed[1], prepare, arg);
	}
	err = c->pid < 0 ? -errno : 0;
	close(go[0]);
	close(failed[1]);
	c->go = go[1];
	c->failed = failed[0];
	if (err) {
		close(c->go);
		close(c->failed);
	}
	return err;
}

int child__go(struct child *c, int wake, void (*woken)(void *arg), void *arg)
{
	struct pollfd p[] = {{.fd = c->failed, .events = POLLIN}, {.fd = wake, .events = POLLIN}};
	int err = 0;
	ssize_t n = write(c->go, "", 1);

	close(c->go);
	if (n == 1 || errno == EPIPE) {
		while (!p[0].revents)
			if (poll(p, 2, -1) > 0 && p[1].revents)
				woken(arg);
		n = read(c->failed, &err, sizeof(err));
	}
	close(c->failed);
	if (n == (ssize_t)sizeof(err))
		waitpid(c->pid, NULL, 0);
	return n == (ssize_t)sizeof(err) ? err : 0;
}

void child__end_as(int status)
{
	struct rlimit none = {0, 0};
	int sig = WTERMSIG(status);

	if (!WIFSIGNALED(status))
		exit(WEXITSTATUS(status));
	/* No core file of ours: the command's is the one that matters. */
	setrlimit(RLIMIT_CORE, &none);
	signal(sig, SIG_DFL);
	raise(sig);
	exit(128 + sig);
}
