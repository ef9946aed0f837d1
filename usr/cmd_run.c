// SPDX-License-Identifier: MIT
/* rdna1-trace [run] [OPTIONS] -- COMMAND: record a command from the kernel's and its own side. */
#include "cmd_run.h"
#include "base/called.h"
#include "base/log.h"
#include "record/facts.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define DRAIN_MS 50

/* ---- before the command ---- */

static bool is_program(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISREG(st.st_mode) && !faccessat(AT_FDCWD, path, X_OK, AT_EACCESS);
}

/* A program that is missing, or one of our commands with a slip in it. */
static void say_no_command(const char *name)
{
	const char *meant = strcasecmp(name, "help") ? near_command(name) : "--help";
	struct buf ours = {0};

	put_commands(&ours);
	if (meant)
		log_err("cannot run %s: there is no such command. Was %s %s meant?", name, called(), meant);
	else
		log_err("cannot run %s: there is no such command, in PATH or of ours (%s)", name, buf__str(&ours));
	buf__free(&ours);
}

/* Before anything is made: whether there is something to run, for the user it will run as. */
static bool check_command(const struct run *r)
{
	const char *path = sudo__getenv(&r->sudo, "PATH") ?: "/usr/bin:/bin", *name = r->argv[0];
	struct stat st;
	bool found = false;

	if (strchr(name, '/')) {
		found = is_program(name);
		if (!found)
			log_err("cannot run %s: %s", name,
				stat(name, &st) ? strerror(errno)
				: S_ISDIR(st.st_mode) ? "it is a directory"
						      : "it is not executable");
		return found;
	}
	while (!found) {
		size_t len = strcspn(path, ":");
		char *file = len ? xasprintf("%.*s/%s", (int)len, path, name) : xstrdup(name);

		found = is_program(file);
		free(file);
		if (!path[len])
			break;
		path += len + 1;
	}
	if (!found)
		say_no_command(name);
	return found;
}

/* What the command's environment is, where it is not the one of who called sudo. */
static void say_sudo(const struct run *r)
{
	const char *ran = getenv("SUDO_COMMAND");
	const char *name = r->user.name[0] ? r->user.name : "the user";

	if (r->sudo.answer == SUDO_silent)
		log_warn("the environment that sudo was called in is not known (%s): the command gets what sudo left "
			 "of it; add the rest with sudo NAME=VALUE rdna1-trace -- COMMAND",
			 strerror(-r->sudo.error));
	else if (r->sudo.answer == SUDO_between && ran)
		log_info("sudo ran %.*s and not rdna1-trace: the command keeps the environment it has here; for that "
			 "of %s, type sudo rdna1-trace -- COMMAND in %s's shell", (int)strcspn(ran, " "), ran, name,
			 name);
}

/* In the child, as root if we are root. */
static int prepare_child(void *arg)
{
	struct run *r = arg;
	int err = user__raise(&r->user);

	signals__restore(r->signals);
	environ = r->sudo.env;
	setrlimit(RLIMIT_NOFILE, &r->descriptors);
	run__set_agent_env(r);
	if (!err && r->emulate) {
		err = emu_launch__enter(&r->emu);
		if (err == -EINVAL || err == -ENOSYS)
			log_err("--emulate needs Linux 5.19 or later (seccomp user notification)");
		else if (err == -EBUSY)
			log_err("--emulate cannot run inside another program's seccomp listener (is this "
				"already under rdna1-trace --emulate?)");
		else if (err)
			log_err("cannot set the emulated device up: %s", strerror(-err));
	}
	if (!err)
		err = user__become(&r->user);
	return err;
}

/* Streams and maps take descriptors; the command gets its limit back. */
static void raise_descriptors(struct run *r)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &r->descriptors))
		return;
	rl = (struct rlimit){r->descriptors.rlim_max, r->descriptors.rlim_max};
	if (rl.rlim_cur > 4096)
		rl.rlim_cur = r->descriptors.rlim_cur > 4096 ? r->descriptors.rlim_cur : 4096;
	setrlimit(RLIMIT_NOFILE, &rl);
}

/* Do what only root may, and go back to being the user, whatever comes of it. */
int run__as_root(struct run *r, int (*what)(struct run *r))
{
	int err = user__raise(&r->user), ret = err ? err : what(r);

	err = user__lower(&r->user);
	if (err) {
		log_err("cannot become user %u again: %s", r->user.uid, strerror(-err));
		_exit(1);
	}
	return ret;
}

/* ---- while it runs ---- */

/* Until a signal comes, which is true, or there is to be drained. */
bool run__wait(struct run *r, int signals)
{
	struct pollfd p[] = {{.fd = signals, .events = POLLIN},
			     {.fd = kernel__library_fd(r->kernel), .events = POLLIN}};

	poll(p, ARRAY_SIZE(p), kernel__libraries_wait(r->kernel) ? 0 : kernel__any(r->kernel) ? DRAIN_MS : -1);
	return p[0].revents & POLLIN;
}

static int attach_libraries(struct run *r)
{
	kernel__attach_libraries(r->kernel, &r->log);
	return 0;
}

void run__drain(struct run *r)
{
	kernel__drain(r->kernel);
	if (kernel__libraries_wait(r->kernel))
		run__as_root(r, attach_libraries);
}

/* What the command would load by name is probed before it runs. */
void run__find_libraries(struct run *r)
{
	kernel__find_libraries(r->kernel, sudo__getenv(&r->sudo, "LD_LIBRARY_PATH"));
	do
		run__drain(r);
	while (kernel__libraries_wait(r->kernel));
}

/* What signals and children have to say. */
static void attend(void *arg)
{
	struct run *r = arg;
	pid_t pid;
	int status;

	/* Who only waits for what the command left is free to end it. */
	if (signals__forward(r->signals, r->over ? 0 : r->child.pid))
		r->done = true;
	while (!r->done && (pid = waitpid(r->wait_all ? -1 : r->child.pid, &status, WNOHANG | WUNTRACED))) {
		if (pid == r->child.pid && WIFSTOPPED(status)) {
			kernel__drain(r->kernel);
			signals__stop(r->signals, WSTOPSIG(status), pid);
		} else if (pid == r->child.pid) {
			r->status = status;
			r->over = true;
			r->done = !r->wait_all;
		} else if (pid < 0 && errno != EINTR) {
			r->done = true;
		}
	}
}

/* Drain until the command is over, and with --wait=all what it started. */
static void follow(struct run *r, int signals)
{
	while (!r->done) {
		run__wait(r, signals);
		run__drain(r);
		attend(r);
	}
}

/* The command was not run: nothing of ours stays. */
int run__give_up(struct run *r)
{
	session__discard(&r->session);
	/* The witness first: Linux before 6.3 may wait for ever where the first process of a container
	 * takes programs away while another ends. */
	signals__end(r->signals);
	kernel__close(r->kernel);
	return 1;
}

static int open_kernel(struct run *r)
{
	const struct kernel_config cfg = {.ring_mb = r->ring_mb,
					  .groups = r->groups,
					  .max_bytes = run__part(r, PART_kernel),
					  .kfd_dev = r->emulate ? r->emu.kfd_dev : r->attach.kfd_dev,
					  .kfd_ino = r->emulate ? r->emu.kfd_ino : r->attach.kfd_ino,
					  .attach = r->pids.n != 0,
					  .verbose = log_level > 0};

	r->kernel = kernel__open(&cfg);
	return 0;
}

/* Before anything is recorded: it asks the driver. */
static struct json_t *collect_facts(const struct run *r)
{
	const struct facts_config cfg = {.root = "",
					 .nofile = &r->descriptors,
					 .env = r->pids.n ? NULL : r->sudo.env,
					 .ask_kfd = !r->session.emulated,
					 .emu_root = r->emulate ? r->emu.root : r->attach.emu_root,
					 .emu_kfd_minor = r->emulate ? r->emu_config.kfd_minor : 0};

	return facts__collect(&cfg);
}

static int track(struct run *r)
{
	return kernel__track(r->kernel, &r->child.pid, 1);
}

static void say_exec_failed(const char *name, int err)
{
	struct stat st;

	if (err == ENOENT && strchr(name, '/') && !stat(name, &st))
		log_err("cannot run %s: the interpreter in its first line, or its loader, is not there", name);
	else
		log_err("cannot run %s: %s", name, strerror(err));
}

/* ---- the recording ---- */

struct sync *run__start_sync(struct run *r)
{
	struct sync *sync = NULL;

	if (r->sync_seconds)
		sync = sync__start(r->session.dir_fd, r->sync_seconds, &r->sync_log);
	if (r->sync_seconds && !sync)
		log_warn("the trace is not written back to disk while it is recorded: no thread can be made");
	return sync;
}

static int record(struct run *r)
{
	struct sync *sync = NULL;
	int signals, err;

	if (run__start_streams(r))
		return run__give_up(r);
	if (r->wait_all && prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))
		log_warn("processes that the command leaves are not waited for: %s", strerror(errno));
	signals = signals__block(r->signals);
	err = child__start(&r->child, r->argv, prepare_child, r);
	emu_launch__release(&r->emu);
	if (err) {
		log_err("cannot start a process: %s", strerror(-err));
		return run__give_up(r);
	}
	r->session.child = r->child.pid;
	run__write_session(r, NULL, 0);
	err = run__as_root(r, track);
	if (err)
		log_warn("the kernel's side is not recorded: process %d cannot be followed: %s", r->child.pid,
			 strerror(-err));
	run__find_libraries(r);
	err = child__go(&r->child, signals, attend, r);
	if (err) {
		say_exec_failed(r->argv[0], -err);
		return run__give_up(r);
	}
	sync = run__start_sync(r);
	log_verbose("recording %s (pid %d) to %s", r->argv[0], r->child.pid, r->session.dir);
	follow(r, signals);
	run__end(r, sync);
	run__store_verdicts(r);
	signals__end(r->signals);
	child__end_as(r->status);
}

/* "--emulate 2 -- COMMAND" */
static void hint_at_space(const struct run *r)
{
	struct emu_config c = emu_config__default();
	char error[128];

	if (r->emulate && !r->emulate_what && !emu_config__parse(&c, r->argv[0], error, sizeof(error)))
		log_err("what to emulate stands behind =, without a space: --emulate=%s", r->argv[0]);
}

int cmd_run(int argc, char **argv)
{
	struct run r = {.sync_seconds = 5, .ring_mb = 16, .emu_config = emu_config__default(),
			.emu = {.hand_over = -1}};
	int status = run__parse(&r, argc, argv);

	if (status >= 0)
		return status;
	r.signals = signals__begin();
	raise_descriptors(&r);
	r.agent_path = r.pids.n ? NULL : run__find_library("librdna1-agent.so.1");
	r.emu_path = r.emulate ? run__find_library("librdna1-emu.so") : NULL;
	if ((!r.agent_path && !r.pids.n) || (r.emulate && !r.emu_path) || run__find_roctx(&r))
		return 1;
	user__find(&r.user, r.as_root);
	sudo__ask(&r.sudo, &r.user);
	if (r.pids.n && run__find_processes(&r))
		return 1;
	if (user__lower(&r.user)) {
		log_err("cannot become user %u: %s", r.user.uid, strerror(errno));
		return 1;
	}
	status = sudo__chdir(&r.sudo);
	if (status) {
		log_err("cannot go to the directory where sudo was called: %s; give one with sudo --chdir=DIR",
			strerror(-status));
		return 1;
	}
	if (!r.pids.n && !check_command(&r)) {
		hint_at_space(&r);
		return 1;
	}
	status = r.pids.n ? 0 : run__check_agent_words(&r);
	if (status)
		return status;
	if (run__make_session(&r))
		return 1;
	r.emu_config.trace_bytes = run__part(&r, PART_emu);
	if (r.emulate &&
	    emu_launch__prepare(&r.emu, &r.emu_config, r.session.dir, r.emu_path,
				r.user.drop ? r.user.uid : (uid_t)-1,
				r.user.drop ? r.user.gid : (gid_t)-1)) {
		log_err("%s", r.emu.error);
		return run__give_up(&r);
	}
	r.session.env = r.pids.n ? NULL : r.sudo.env;
	r.session.facts = collect_facts(&r);
	status = run__as_root(&r, open_kernel);
	if (status) {
		log_err("cannot become root again: %s", strerror(-status));
		return run__give_up(&r);
	}
	if (r.pids.n && !kernel__any(r.kernel)) {
		log_err("cannot attach to process %d: %s", r.pids.v[0], kernel__hook(r.kernel, 0)->error == -EPERM
			? "it needs root (sudo), or CAP_BPF and CAP_PERFMON" : kernel__hook(r.kernel, 0)->reason);
		return run__give_up(&r);
	}
	if (!r.pids.n)
		say_sudo(&r);
	run__say_hooks(&r);
	if (r.pids.n && !r.attach.emulated && access("/dev/kfd", F_OK))
		log_info("there is no /dev/kfd here, so nothing of an AMD GPU can be seen");
	else if (!r.pids.n && !r.emulate && access("/dev/kfd", F_OK))
		log_info("there is no /dev/kfd here, so nothing of an AMD GPU can be seen; --emulate runs the command "
			 "on an emulated one");
	return r.pids.n ? run__record_processes(&r) : record(&r);
}
