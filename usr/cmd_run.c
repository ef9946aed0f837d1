// SPDX-License-Identifier: MIT
/* rdna1-trace [run] [OPTIONS] -- COMMAND: record a command from the kernel's and its own side. */
#include "cmd.h"
#include "analysis/account.h"
#include "base/log.h"
#include "caps/caps.h"
#include "decode/print.h"
#include "record/attach.h"
#include "record/facts.h"
#include "record/hooks.h"
#include "record/kernel.h"
#include "record/session.h"
#include "record/signals.h"
#include "record/spawn.h"
#include "record/sudo.h"
#include "record/sync.h"
#include "record/user.h"
#include "../hsa-tools/emu/launch/launch.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define DRAIN_MS 50

static const char help[] =
	"rdna1-trace records what a program does to an AMD GPU: the kernel driver's side by eBPF, the\n"
	"program's own side by an HSA tools agent, and shows it.\n"
	"\n"
	"usage: rdna1-trace [run] [OPTIONS] -- COMMAND [ARGUMENTS]   record COMMAND\n"
	"       rdna1-trace [run] [OPTIONS] -p PID[,PID...]          record what runs already\n"
	"       rdna1-trace report [--all] [DIR]                     what happened, as text\n"
	"       rdna1-trace dump [--format text|json] [DIR]          every event, one line each\n"
	"       rdna1-trace info [--json] [DIR]                      the machine, and what it lacks\n"
	"       rdna1-trace recover [-o NEWDIR] DIR                  copy what is whole of a damaged one\n"
	"\n"
	"Options of run:\n"
	"  -o, --output DIR    trace directory, made new (rdna1-trace-COMMAND-TIME-PID)\n"
	"  -p, --pid PID       record a process that runs already, and the children it has and makes, until\n"
	"                      they have ended or Ctrl-C; the kernel's side only. Several with commas\n"
	"      --emulate       run COMMAND on an emulated RX 5600 XT; no AMD GPU is needed\n"
	"      --emulate=WHAT  the same with other cards and drivers; WHAT is a list with commas of\n"
	"                        gfx1010 gfx1011 gfx1012 gfx1030   the card, each name one more (gfx1010)\n"
	"                        2, 3, 4        so many cards, behind their names\n"
	"                        large-bar      the CPU reaches all of the card's memory\n"
	"                        svm            the driver offers shared virtual memory\n"
	"                        kfd:1.N        the driver's interface version, 1.8 to 1.23 (1.8)\n"
	"                        fault:KIND@N   the Nth dispatch of a process goes wrong: hang, page,\n"
	"                                       permission, aperture, illegal, trap, reset; several\n"
	"                                       are possible, and the runtime's own copies count\n"
	"      --emulate=list  print which instructions the emulated cards execute, and end\n"
	"      --trace LIST    what to record of the kernel's side, with commas (kfd,vm,bo,fault,queue):\n"
	"                        kfd     ioctls, and KFD's allocations and mappings\n"
	"                        vm      page tables, VMIDs and PASIDs\n"
	"                        bo      buffer objects\n"
	"                        fault   interrupts, faults, evictions, resets\n"
	"                        queue   hardware queues\n"
	"                        hip, miopen, rocblas, hsa   calls of these libraries, by uprobes: each\n"
	"                                costs 5 to 25 us, in every process that makes it\n"
	"                        default, all\n"
	"      --as-root       under sudo, run COMMAND as root and not as the calling user\n"
	"      --wait=WHAT     what to wait for: COMMAND (command, the default), or all that it starts (all)\n"
	"      --sync SECONDS  write the trace back to disk this often (5; 0: never)\n"
	"      --ring-mb N     size of the kernel's event ring, a power of two (16)\n"
	"  -v, --verbose       say more\n"
	"  -q, --quiet         say nothing but errors\n"
	"  -h, --help          this text\n"
	"  -V, --version       version\n"
	"\n"
	"Recording the kernel's side needs root (sudo rdna1-trace -- COMMAND) or CAP_BPF and CAP_PERFMON.\n"
	"rdna1-trace ends as COMMAND does: with its status, or by the signal that killed it; with -p, with 0.\n";

struct run {
	/* options */
	const char *output;
	bool emulate, as_root, wait_all;
	const char *emulate_what; /* behind --emulate= */
	struct emu_config emu_config;
	unsigned int sync_seconds, ring_mb;
	uint32_t groups; /* --trace; 0: the default ones */
	char *const *argv;
	VEC(int) pids; /* -p */
	/* state */
	struct user user;
	struct sudo sudo;
	struct kernel *kernel;
	struct session session;
	struct emu_launch emu;
	char emu_name[128];
	struct child child;
	struct attach attach;
	char *agent_path, *emu_path;
	struct stream_proc proc;
	struct stream log; /* session, hooks */
	struct stream sync_log;
	struct signals *signals;
	struct rlimit descriptors; /* as we were started */
	int status;		   /* of the command, where it is over */
	bool over, done;	   /* the command is; nothing is waited for any more */
	unsigned int left; /* processes that outlived the command */
};

/* ---- options ---- */

static bool number(const char *text, unsigned int max, unsigned int *out)
{
	char *end;
	unsigned long v = strtoul(text, &end, 10);

	if (!text[0] || *end || text[0] == '-' || v > max)
		return false;
	*out = (unsigned int)v;
	return true;
}

static char *find_library(const char *name)
{
	char exe[4096];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	char *path, *slash;

	if (n < 0)
		return NULL;
	exe[n] = 0;
	slash = strrchr(exe, '/');
	*slash = 0;
	path = xasprintf("%s/%s", exe, name);
	if (!access(path, R_OK))
		return path;
	free(path);
	path = xasprintf("%s/../lib/rdna1-trace/%s", exe, name);
	if (!access(path, R_OK))
		return path;
	free(path);
	log_err("%s is not beside %s/%s: build it there with make", name, exe, slash + 1);
	return NULL;
}

/* The device is a library; only it knows what it executes. */
static int list_instructions(void)
{
	char *path = find_library("librdna1-emu.so");
	void *lib = path ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
	void (*list)(FILE *out);

	if (!path)
		return 1;
	list = lib ? (void (*)(FILE *))dlsym(lib, EMU_LIST_SYMBOL) : NULL;
	if (!list) {
		log_err("cannot load %s: %s", path, dlerror());
		return 1;
	}
	list(stdout);
	return 0;
}

enum { OPT_EMULATE = 256, OPT_AS_ROOT, OPT_WAIT, OPT_SYNC, OPT_RING, OPT_TRACE };

/* "4711" or "4711,4712" */
static bool add_pids(struct run *r, const char *list)
{
	char *copy = xstrdup(list), *save = NULL;
	unsigned int pid = 0;
	bool ok = list[0] && list[strlen(list) - 1] != ',';

	for (char *word = strtok_r(copy, ",", &save); word && ok; word = strtok_r(NULL, ",", &save)) {
		ok = number(word, INT_MAX, &pid) && pid;
		*VEC_PUSH(&r->pids) = (int)pid;
	}
	free(copy);
	return ok && pid;
}

/* Returns -1 to go on, else the exit status. */
static int parse(struct run *r, int argc, char **argv)
{
	static const struct option options[] = {
		{"output", required_argument, NULL, 'o'},
		{"pid", required_argument, NULL, 'p'},
		{"emulate", optional_argument, NULL, OPT_EMULATE},
		{"trace", required_argument, NULL, OPT_TRACE},
		{"as-root", no_argument, NULL, OPT_AS_ROOT},
		{"wait", required_argument, NULL, OPT_WAIT},
		{"sync", required_argument, NULL, OPT_SYNC},
		{"ring-mb", required_argument, NULL, OPT_RING},
		{"verbose", no_argument, NULL, 'v'},
		{"quiet", no_argument, NULL, 'q'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{0}};
	char error[128];
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "+:o:p:vqhV", options, NULL)) != -1) {
		switch (c) {
		case 'o':
			r->output = optarg;
			break;
		case 'p':
			if (!add_pids(r, optarg))
				return usage_error("-p takes numbers of processes, with commas between "
						   "them, not '%s'", optarg);
			break;
		case OPT_EMULATE:
			if (optarg && !strcmp(optarg, "list")) {
				if (r->emulate || optind < argc)
					return usage_error("--emulate=list stands alone: it runs no command");
				return list_instructions();
			}
			if (optarg && r->emulate_what)
				return usage_error("--emulate= stands there twice: join the two with a comma, "
						   "--emulate=%s,%s", r->emulate_what, optarg);
			r->emulate = true;
			if (optarg && emu_config__parse(&r->emu_config, optarg, error, sizeof(error)))
				return usage_error("--emulate=%s: %s", optarg, error);
			if (optarg)
				r->emulate_what = optarg;
			break;
		case OPT_TRACE:
			if (hook_groups__parse(optarg, &r->groups, error, sizeof(error))) {
				char *all = hook_groups__name(UINT32_MAX);

				return usage_error("--trace knows no '%s': it takes a list with commas of %s,"
						   "default,all", error, all);
			}
			break;
		case OPT_AS_ROOT:
			r->as_root = true;
			break;
		case OPT_WAIT:
			r->wait_all = !strcmp(optarg, "all");
			if (!r->wait_all && strcmp(optarg, "command"))
				return usage_error("--wait takes command or all, not '%s'", optarg);
			break;
		case OPT_SYNC:
			if (!number(optarg, 86400, &r->sync_seconds))
				return usage_error("--sync takes seconds (0 to 86400), not '%s'", optarg);
			break;
		case OPT_RING:
			if (!number(optarg, 1024, &r->ring_mb) || !r->ring_mb ||
			    (r->ring_mb & (r->ring_mb - 1)))
				return usage_error("--ring-mb takes a power of two (1 to 1024), not '%s'",
						   optarg);
			break;
		case 'v':
			log_level = 1;
			break;
		case 'q':
			log_level = -1;
			break;
		case 'h':
			fputs(help, stdout);
			return 0;
		case 'V':
			puts("rdna1-trace " RDNA1_VERSION);
			return 0;
		case ':':
			return usage_error("option %s needs a value", bad_option(argv));
		default:
			return usage_error("unknown option %s", bad_option(argv));
		}
	}
	r->argv = argv + optind;
	if (r->pids.n && optind < argc)
		return usage_error("-p records what runs already: it takes no command");
	if (r->pids.n && r->emulate)
		return usage_error("-p records what runs already: it cannot be put on the emulated device");
	if (!r->pids.n && optind == argc)
		return usage_error("no command to record: rdna1-trace -- COMMAND");
	return -1;
}

/* ---- before the command ---- */

static bool is_program(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISREG(st.st_mode) && !faccessat(AT_FDCWD, path, X_OK, AT_EACCESS);
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
		log_err("cannot run %s: there is no such command (rdna1-trace's own run, report, dump and info stand "
			"first: rdna1-trace run [OPTIONS] -- COMMAND)", name);
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

static void say_hooks(struct run *r)
{
	const struct hook_state *h;
	char exe[4096] = "rdna1-trace";
	ssize_t n;

	if (kernel__any(r->kernel)) {
		for (unsigned int i = 0; (h = kernel__hook(r->kernel, i)); i++)
			if (!h->on && h->needed)
				log_warn("not recorded: %s: %s", h->name, h->reason);
		return;
	}
	for (unsigned int i = 0; (h = kernel__hook(r->kernel, i)) && !h->needed; i++)
		;
	if (!h)
		return;
	n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	if (n > 0)
		exe[n] = 0;
	if (h->error == -EPERM)
		log_warn("the kernel's side is not recorded: it needs CAP_BPF and CAP_PERFMON. Use sudo, or: "
			 "sudo setcap cap_bpf,cap_perfmon+ep %s", exe);
	else
		log_warn("the kernel's side is not recorded: %s", h->reason);
}

static void record_hooks(struct run *r)
{
	const struct hook_state *h;

	for (unsigned int i = 0; (h = kernel__hook(r->kernel, i)); i++) {
		struct ev_hook e = {.on = h->on ? 1 : h->needed ? 0 : 2, .error = h->error};
		size_t name = strlen(h->name), why = strlen(h->reason), how = strlen(h->how);
		uint8_t *at = stream__reserve(&r->log, EV_hook,
					      sizeof(e) + name + 1 + (why ? why : 1) + 1 + how + 1,
					      (uint32_t)getpid(), 0);

		if (!at)
			continue;
		memcpy(at, &e, sizeof(e));
		at = stream__put_text(at + sizeof(e), h->name, name);
		at = stream__put_text(at, h->reason, why);
		stream__put_text(at, h->how, how);
		stream__commit(&r->log);
	}
}

static void record_session(struct run *r, enum ev_phase phase, int status)
{
	struct ev_session e = {
		.phase = (uint8_t)phase, .emulated = r->session.emulated, .status = (int32_t)status};
	struct buf cmd = {0};
	uint8_t *at;

	for (char *const *a = r->argv; *a; a++) {
		if (a != r->argv)
			buf__putc(&cmd, ' ');
		buf__shell(&cmd, *a);
	}
	if (cmd.len > 32000)
		cmd.len = 32000;
	at = stream__reserve(&r->log, EV_session, sizeof(e) + (cmd.len ? cmd.len : 1) + 1,
			     (uint32_t)getpid(), 0);
	if (at) {
		memcpy(at, &e, sizeof(e));
		stream__put_text(at + sizeof(e), cmd.s, cmd.len);
		stream__commit(&r->log);
	}
	buf__free(&cmd);
}

static void record_text(struct run *r, enum ev_id id, const char *text)
{
	size_t len = strlen(text);
	uint8_t *at = stream__reserve(&r->log, id, len + 1, (uint32_t)getpid(), 0);

	if (!at)
		return;
	stream__put_text(at, text, len);
	stream__commit(&r->log);
}

/* A word for RDNA1_TRACE_OPTIONS and HSA_TOOLS_LIB: both read quotes and backslashes. */
static void quote(struct buf *b, const char *s)
{
	for (; *s; s++) {
		if (strchr(" \"\\", *s))
			buf__putc(b, '\\');
		buf__putc(b, *s);
	}
}

static void set_agent_env(struct run *r)
{
	const char *before = getenv("HSA_TOOLS_LIB");
	char *dir = realpath(r->session.dir, NULL);
	struct buf tools = {0}, options = {0};

	if (before && before[0])
		buf__printf(&tools, "%s ", before);
	quote(&tools, r->agent_path);
	buf__puts(&options, "dir=");
	quote(&options, dir ? dir : r->session.dir);
	setenv("HSA_TOOLS_LIB", tools.s, 1);
	setenv("RDNA1_TRACE_OPTIONS", options.s, 1);
	/* ROCm 6.1 and later skip HSA_TOOLS_LIB without this (rocprofiler-register). */
	setenv("HSA_TOOLS_ROCPROFILER_V1_TOOLS", "1", 0);
	buf__free(&tools);
	buf__free(&options);
	free(dir);
}

/* In the child, as root if we are root. */
static int prepare_child(void *arg)
{
	struct run *r = arg;
	int err = user__raise(&r->user);

	signals__restore(r->signals);
	environ = r->sudo.env;
	setrlimit(RLIMIT_NOFILE, &r->descriptors);
	set_agent_env(r);
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

static int make_session(struct run *r)
{
	const char *what;
	int err;

	emu_config__name(&r->emu_config, r->emu_name, sizeof(r->emu_name));
	r->session = (struct session){
		.dir = r->output ? xstrdup(r->output)
		       : session__default_dir(r->pids.n ? r->attach.list.v[0].exe : r->argv[0]),
		.dir_fd = -1,
		.version = RDNA1_VERSION,
		.argv = r->argv,
		.emulated = r->emulate || r->attach.emulated,
		.emulated_name = r->attach.emulated ? "that of the attached process" : r->emu_name,
		.attach = r->pids.n ? &r->attach : NULL,
		.emulated_what = r->emulate_what,
		.sync_seconds = r->sync_seconds,
		.ring_mb = r->ring_mb,
		.trace = hook_groups__name(r->groups ? r->groups : hook_groups__default()),
		.start_unix = time(NULL),
	};
	err = session__create(&r->session, &what);
	if (err == -EEXIST)
		log_err("%s is there already: give another directory with -o, or remove it",
			r->session.dir);
	else if (err == -EACCES && r->user.drop)
		log_err("cannot %s %s: %s for %s, who called sudo; give another with -o, or keep root with "
			"--as-root", what, r->session.dir, strerror(-err), r->user.name);
	else if (err)
		log_err("cannot %s %s: %s; give another with -o", what, r->session.dir, strerror(-err));
	return err;
}

static int start_streams(struct run *r)
{
	int err = stream_proc__open(&r->proc, r->session.dir_fd, SOURCE_recorder, "recorder");

	if (!err)
		err = r->proc.map_error;
	if (!err)
		err = kernel__start(r->kernel, r->session.dir_fd);
	if (err) {
		log_err("cannot write to %s: %s; %s", r->session.dir, strerror(-err),
			err == -EMFILE ? "raise the limit of open files (ulimit -n)"
				       : "give another directory with -o");
		return err;
	}
	stream__open(&r->log, &r->proc, "", 4096, 0);
	stream__open(&r->sync_log, &r->proc, "sync", 4096, 0);
	record_session(r, PHASE_begin, 0);
	if (r->emulate_what)
		record_text(r, EV_emu_options, r->emulate_what);
	if (r->groups)
		record_text(r, EV_trace_options, r->session.trace);
	record_hooks(r);
	return 0;
}

/* session.json is about the command: it has that environment. */
static int write_session(struct run *r, const struct session_count *counts, unsigned int num_counts)
{
	char **ours = environ;
	int err;

	environ = r->sudo.env;
	err = session__write(&r->session, r->kernel, counts, num_counts);
	environ = ours;
	return err;
}

/* Do what only root may, and go back to being the user, whatever comes of it. */
static int as_root(struct run *r, int (*what)(struct run *r))
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
static bool wait_for(struct run *r, int signals)
{
	struct pollfd p[] = {{.fd = signals, .events = POLLIN},
			     {.fd = kernel__library_fd(r->kernel), .events = POLLIN}};

	poll(p, ARRAY_SIZE(p), kernel__any(r->kernel) ? DRAIN_MS : -1);
	return p[0].revents & POLLIN;
}

static int attach_libraries(struct run *r)
{
	kernel__attach_libraries(r->kernel, &r->log);
	return 0;
}

static void drain(struct run *r)
{
	kernel__drain(r->kernel);
	if (kernel__libraries_wait(r->kernel))
		as_root(r, attach_libraries);
}

/* What the command would load by name is probed before it runs. */
static void find_libraries(struct run *r)
{
	kernel__find_libraries(r->kernel, sudo__getenv(&r->sudo, "LD_LIBRARY_PATH"));
	drain(r);
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
		wait_for(r, signals);
		drain(r);
		attend(r);
	}
}

/* ---- after it ---- */

static void say_losses(const struct account *a)
{
	for (unsigned int c = 1; c < LOSS_COUNT; c++)
		if (a->by_cause[c])
			log_warn("lost %" PRIu64 " events (%s: %s): %s", a->by_cause[c],
				 source_name(a->source), loss_cause_text(c), loss_cause_remedy(c));
	if (account__unexplained(a))
		log_warn("%" PRIu64 " events (%s) were being written when their process was killed",
			 account__unexplained(a), source_name(a->source));
}

static void summary(struct run *r, struct session_count *counts, unsigned int *n)
{
	static const enum ev_source sources[] = {SOURCE_kernel, SOURCE_agent, SOURCE_emu,
						 SOURCE_recorder};
	struct accounts accounts = {0};
	struct event ev;
	char err[512];
	struct trace *t = trace__open(r->session.dir, err, sizeof(err));
	struct buf line = {0};

	*n = 0;
	if (!t) {
		log_warn("%s", err);
		return;
	}
	while (trace__next(t, &ev) > 0)
		accounts__event(&accounts, &ev);
	accounts__end(&accounts, t);
	trace__close(t);
	for (unsigned int i = 0; i < ARRAY_SIZE(sources); i++) {
		struct account a = accounts__sum(&accounts, sources[i]);

		if (sources[i] == SOURCE_emu && !r->emulate)
			continue;
		counts[(*n)++] = (struct session_count){.source = source_name(sources[i]),
							.seen = a.seen,
							.written = a.written,
							.dropped = a.dropped};
		buf__printf(&line, "%s%s %" PRIu64 " of %" PRIu64, line.len ? ", " : "",
			    source_name(sources[i]), a.written, a.seen);
		say_losses(&a);
	}
	log_info("events written of events seen: %s", buf__str(&line));
	if (r->left && r->pids.n)
		log_info("detached: %u process%s go%s on", r->left, r->left == 1 ? "" : "es",
			 r->left == 1 ? "es" : "");
	else if (r->left)
		log_info("%u process%s of the command still run%s: what the kernel sees of %s from here on is not "
			 "recorded%s", r->left, r->left == 1 ? "" : "es", r->left == 1 ? "s" : "",
			 r->left == 1 ? "it" : "them", r->wait_all ? "" : "; --wait=all waits for that");
	else if (!r->pids.n && (r->emulate || !access("/dev/kfd", F_OK)) &&
		 !accounts__sum(&accounts, SOURCE_agent).written)
		log_warn("nothing was recorded from inside the command: it did not initialise HSA, or its agent "
			 "could not write");
	line.len = 0;
	buf__shell(&line, program_invocation_name); /* as it was typed: to be pasted */
	buf__puts(&line, " report ");
	buf__shell(&line, r->session.dir);
	log_info("see it with: %s", buf__str(&line));
	buf__free(&line);
	accounts__free(&accounts);
}

/* The command was not run: nothing of ours stays. */
static int give_up(struct run *r)
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
					 .ask_kfd = !r->session.emulated,
					 .emu_root = r->emulate ? r->emu.root : r->attach.emu_root,
					 .emu_kfd_minor = r->emulate ? r->emu_config.kfd_minor : 0};

	return facts__collect(&cfg);
}

static int track(struct run *r)
{
	return kernel__track(r->kernel, &r->child.pid, 1);
}

static int finish(struct run *r)
{
	user__own_files(&r->user); /* the last events may be the first of their CPU */
	r->left = kernel__finish(r->kernel);
	return 0;
}

static void say_exec_failed(const char *name, int err)
{
	struct stat st;

	if (err == ENOENT && strchr(name, '/') && !stat(name, &st))
		log_err("cannot run %s: the interpreter in its first line, or its loader, is not there", name);
	else
		log_err("cannot run %s: %s", name, strerror(err));
}

/* ---- processes that run already ---- */

/* As root: of another user's process there is little to be seen. */
static int find_processes(struct run *r)
{
	char why[512];

	for (size_t i = 0; i < r->pids.n; i++)
		if (attach__add(&r->attach, r->pids.v[i], why, sizeof(why))) {
			log_err("%s", why);
			return 1;
		}
	if (attach__find_emulated(&r->attach, why, sizeof(why))) {
		log_err("%s", why);
		return 1;
	}
	return 0;
}

static void record_attached(struct run *r, const struct attached *x)
{
	struct ev_attached e = {
		.pid = (uint32_t)x->pid, .parent = (uint32_t)x->parent, .age_ns = x->age_ns};
	size_t len = strlen(x->exe);
	uint8_t *at = stream__reserve(&r->log, EV_attached, sizeof(e) + (len ? len : 1) + 1,
				      (uint32_t)getpid(), 0);

	if (!at)
		return;
	memcpy(at, &e, sizeof(e));
	stream__put_text(at + sizeof(e), x->exe, len);
	stream__commit(&r->log);
}

/* What they make from here on the programs follow; what was made meanwhile is looked for until nothing is. */
static int track_processes(struct run *r)
{
	int err = 0;

	for (size_t from = 0; from < r->attach.list.n && !err; attach__add_children(&r->attach)) {
		size_t n = r->attach.list.n;
		int *pids = xcalloc(n, sizeof(*pids));

		for (size_t i = from; i < n; i++) {
			pids[i] = r->attach.list.v[i].pid;
			kernel__look_for_libraries(r->kernel, pids[i]);
			record_attached(r, &r->attach.list.v[i]);
		}
		err = kernel__track(r->kernel, pids + from, (unsigned int)(n - from));
		/* One that has ended meanwhile is none that is missing. */
		if (err == -ESRCH)
			err = 0;
		from = n;
		free(pids);
	}
	return err ? err : kernel__learn_open(r->kernel);
}

static int forget_ended(struct run *r)
{
	struct attached *x;

	poll(r->attach.ends.v, r->attach.ends.n, 0);
	kernel__drain(r->kernel);
	while ((x = attach__next_end(&r->attach)))
		kernel__forget(r->kernel, x->pid);
	return 0;
}

static bool any_left(const struct run *r)
{
	for (size_t i = 0; i < r->attach.list.n; i++)
		if (!r->attach.list.v[i].over)
			return true;
	return kernel__any_process(r->kernel);
}

static void follow_processes(struct run *r, int signals)
{
	do {
		if (wait_for(r, signals) && signals__forward(r->signals, 0))
			return;
		drain(r);
		if (poll(r->attach.ends.v, r->attach.ends.n, 0) > 0)
			as_root(r, forget_ended);
	} while (any_left(r));
}

static void say_attached(const struct run *r)
{
	size_t children = 0;

	for (size_t i = 0; i < r->attach.list.n; i++)
		children += r->attach.list.v[i].parent != 0;
	for (size_t i = 0; i < r->attach.list.n; i++)
		if (!r->attach.list.v[i].parent)
			log_info("attached to process %d (%s)%s", r->attach.list.v[i].pid,
				 r->attach.list.v[i].exe, r->attach.list.v[i].over ? ", which has ended" : "");
	if (children)
		log_info("and to %zu child%s of %s", children, children == 1 ? "" : "ren",
			 r->pids.n == 1 ? "it" : "theirs");
	log_info("recording the kernel's side until %s or Ctrl-C; an agent cannot be put into a process that "
		 "runs", r->attach.list.n == 1 ? "it ends" : "they have ended");
}

/* ---- the recording ---- */

static struct sync *start_sync(struct run *r)
{
	struct sync *sync = NULL;

	if (r->sync_seconds)
		sync = sync__start(r->session.dir_fd, r->sync_seconds, &r->sync_log);
	if (r->sync_seconds && !sync)
		log_warn("the trace is not written back to disk while it is recorded: no thread can be made");
	return sync;
}

static void end_record(struct run *r, struct sync *sync)
{
	struct session_count counts[4];
	unsigned int num_counts = 0;

	as_root(r, finish);
	record_session(r, PHASE_end, r->status);
	stream__close(&r->log);
	sync__stop(sync);
	log_info("recorded to %s", r->session.dir);
	summary(r, counts, &num_counts);
	r->session.ended = true;
	r->session.wait_status = r->status;
	if (write_session(r, counts, num_counts))
		log_warn("cannot write %s/session.json", r->session.dir);
	if (user__raise(&r->user))
		log_warn("cannot become root again: %s", strerror(errno));
	kernel__close(r->kernel);
}

static int record(struct run *r)
{
	struct sync *sync = NULL;
	int signals, err;

	if (start_streams(r))
		return give_up(r);
	if (r->wait_all && prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))
		log_warn("processes that the command leaves are not waited for: %s", strerror(errno));
	signals = signals__block(r->signals);
	err = child__start(&r->child, r->argv, prepare_child, r);
	emu_launch__release(&r->emu);
	if (err) {
		log_err("cannot start a process: %s", strerror(-err));
		return give_up(r);
	}
	r->session.child = r->child.pid;
	write_session(r, NULL, 0);
	err = as_root(r, track);
	if (err)
		log_warn("the kernel's side is not recorded: process %d cannot be followed: %s", r->child.pid,
			 strerror(-err));
	find_libraries(r);
	err = child__go(&r->child, signals, attend, r);
	if (err) {
		say_exec_failed(r->argv[0], -err);
		return give_up(r);
	}
	sync = start_sync(r);
	log_verbose("recording %s (pid %d) to %s", r->argv[0], r->child.pid, r->session.dir);
	follow(r, signals);
	end_record(r, sync);
	signals__end(r->signals);
	child__end_as(r->status);
}

/* The same for processes that run already. */
static int record_processes(struct run *r)
{
	struct sync *sync;
	int signals, err;

	if (start_streams(r))
		return give_up(r);
	signals = signals__block(r->signals);
	err = as_root(r, track_processes);
	/* Without iterators a descriptor is known by its first ioctl from now on. */
	if (err && err != -ENOTSUP) {
		log_err("cannot follow process %d: %s", r->pids.v[0], strerror(-err));
		return give_up(r);
	}
	as_root(r, forget_ended);
	if (!any_left(r)) {
		log_err("process %d ended before it was attached to", r->pids.v[0]);
		return give_up(r);
	}
	find_libraries(r);
	write_session(r, NULL, 0);
	say_attached(r);
	sync = start_sync(r);
	follow_processes(r, signals);
	end_record(r, sync);
	signals__end(r->signals);
	return 0;
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
	int status = parse(&r, argc, argv);

	if (status >= 0)
		return status;
	r.signals = signals__begin();
	raise_descriptors(&r);
	r.agent_path = r.pids.n ? NULL : find_library("librdna1-agent.so.1");
	r.emu_path = r.emulate ? find_library("librdna1-emu.so") : NULL;
	if ((!r.agent_path && !r.pids.n) || (r.emulate && !r.emu_path))
		return 1;
	user__find(&r.user, r.as_root);
	sudo__ask(&r.sudo, &r.user);
	if (r.pids.n && find_processes(&r))
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
	if (make_session(&r))
		return 1;
	if (!r.pids.n && sudo__getenv(&r.sudo, "RDNA1_TRACE_OPTIONS"))
		log_warn("RDNA1_TRACE_OPTIONS is replaced: the agent writes to %s", r.session.dir);
	if (r.emulate &&
	    emu_launch__prepare(&r.emu, &r.emu_config, r.session.dir, r.emu_path,
				r.user.drop ? r.user.uid : (uid_t)-1,
				r.user.drop ? r.user.gid : (gid_t)-1)) {
		log_err("%s", r.emu.error);
		return give_up(&r);
	}
	r.session.facts = collect_facts(&r);
	status = as_root(&r, open_kernel);
	if (status) {
		log_err("cannot become root again: %s", strerror(-status));
		return give_up(&r);
	}
	if (r.pids.n && !kernel__any(r.kernel)) {
		log_err("cannot attach to process %d: %s", r.pids.v[0], kernel__hook(r.kernel, 0)->error == -EPERM
			? "it needs root (sudo), or CAP_BPF and CAP_PERFMON" : kernel__hook(r.kernel, 0)->reason);
		return give_up(&r);
	}
	if (!r.pids.n)
		say_sudo(&r);
	say_hooks(&r);
	if (r.pids.n && !r.attach.emulated && access("/dev/kfd", F_OK))
		log_info("there is no /dev/kfd here, so nothing of an AMD GPU can be seen");
	else if (!r.pids.n && !r.emulate && access("/dev/kfd", F_OK))
		log_info("there is no /dev/kfd here, so nothing of an AMD GPU can be seen; --emulate runs the command "
			 "on an emulated one");
	return r.pids.n ? record_processes(&r) : record(&r);
}
