// SPDX-License-Identifier: MIT
/* What rdna1-trace run writes itself: session.json, the hooks, the account at the end. */
#include "cmd_run.h"
#include "analysis/account.h"
#include "base/log.h"
#include "decode/print.h"
#include "record/hooks.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NAMES_SAID 3

static void say_not_recorded(struct buf *names, unsigned int n, const char *reason)
{
	if (n > NAMES_SAID)
		buf__printf(names, " and %u more (rdna1-trace info lists them)", n - NAMES_SAID);
	log_warn("not recorded: %s: %s", buf__str(names), reason);
	buf__reset(names);
}

void run__say_hooks(struct run *r)
{
	const struct hook_state *h;
	const char *reason = "";
	struct buf names = {0};
	unsigned int off = 0;
	char exe[4096] = "rdna1-trace";
	ssize_t n;

	if (kernel__any(r->kernel)) {
		/* One line for those that are off for one reason. */
		for (unsigned int i = 0; (h = kernel__hook(r->kernel, i)); i++) {
			if (h->on || !h->needed)
				continue;
			if (off && strcmp(h->reason, reason)) {
				say_not_recorded(&names, off, reason);
				off = 0;
			}
			reason = h->reason;
			if (off++ < NAMES_SAID)
				buf__printf(&names, "%s%s", names.len ? ", " : "", h->name);
		}
		if (off)
			say_not_recorded(&names, off, reason);
		buf__free(&names);
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

/* ---- events of the recorder's own ---- */

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

int run__make_session(struct run *r)
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
		.max_size = r->max_size,
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

int run__start_streams(struct run *r)
{
	int err = stream_proc__open(&r->proc, r->session.dir_fd, SOURCE_recorder, "recorder");

	if (!err)
		err = r->proc.map_error;
	if (!err && r->max_size)
		err = stream_proc__limit(&r->proc, run__part(r, PART_log));
	if (!err)
		err = kernel__start(r->kernel, r->session.dir_fd);
	if (err) {
		log_err("cannot write to %s: %s; %s", r->session.dir, strerror(-err),
			err == -EMFILE ? "raise the limit of open files (ulimit -n)"
				       : "give another directory with -o");
		return err;
	}
	stream__open(&r->log, &r->proc, "", 4096, 0);
	stream__keep(&r->log);
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
int run__write_session(struct run *r, const struct session_count *counts, unsigned int num_counts)
{
	char **ours = environ;
	int err;

	environ = r->sudo.env;
	err = session__write(&r->session, r->kernel, counts, num_counts);
	environ = ours;
	return err;
}

/* ---- after it ---- */

static void say_losses(const struct account *a)
{
	for (unsigned int c = 1; c < LOSS_COUNT; c++)
		if (a->by_cause[c] && c == LOSS_overwritten)
			log_info("%" PRIu64 " older events (%s) were overwritten: raise --max-size to keep more",
				 a->by_cause[c], source_name(a->source));
		else if (a->by_cause[c])
			log_warn("lost %" PRIu64 " events (%s: %s): %s", a->by_cause[c],
				 source_name(a->source), loss_cause_text(c), loss_cause_remedy(c));
	if (account__unexplained(a))
		log_warn("%" PRIu64 " events (%s) were being written%s when their process was killed",
			 account__unexplained(a), source_name(a->source),
			 a->by_cause[LOSS_overwritten] ? ", or overwritten," : "");
}

static void summary(struct run *r, struct session_count *counts, unsigned int *n)
{
	static const enum ev_source sources[] = {SOURCE_kernel, SOURCE_agent, SOURCE_emu,
						 SOURCE_recorder};
	struct accounts accounts = {0};
	struct agentless agentless = {0};
	struct event ev;
	char err[512];
	struct trace *t = trace__open(r->session.dir, err, sizeof(err));
	struct buf line = {0};

	*n = 0;
	if (!t) {
		log_warn("%s", err);
		return;
	}
	while (trace__next(t, &ev) > 0) {
		accounts__event(&accounts, &ev);
		agentless__event(&agentless, &ev);
	}
	accounts__end(&accounts, t);
	trace__close(t);
	for (unsigned int i = 0; i < ARRAY_SIZE(sources); i++) {
		struct account a = accounts__sum(&accounts, sources[i]);

		if ((sources[i] == SOURCE_emu && !r->emulate) || (sources[i] == SOURCE_agent && r->pids.n))
			continue;
		counts[(*n)++] = (struct session_count){.source = source_name(sources[i]),
							.seen = a.seen,
							.written = a.written,
							.dropped = a.dropped};
		buf__printf(&line, "%s%s ", line.len ? ", " : "", source_name(sources[i]));
		if (sources[i] == SOURCE_kernel && !kernel__any(r->kernel))
			buf__puts(&line, "not recorded");
		else
			buf__printf(&line, "%" PRIu64 " of %" PRIu64, a.written, a.seen);
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
	if (!r->pids.n && agentless__get(&agentless, 0))
		run__say_missed(r, &agentless);
	else if (!r->pids.n && !r->left && (r->emulate || !access("/dev/kfd", F_OK)) &&
		 !accounts__sum(&accounts, SOURCE_agent).written)
		run__say_nothing_inside(r);
	line.len = 0;
	buf__shell(&line, program_invocation_name); /* as it was typed: to be pasted */
	buf__puts(&line, " report ");
	buf__shell(&line, r->session.dir);
	log_info("see it with: %s", buf__str(&line));
	buf__free(&line);
	accounts__free(&accounts);
	agentless__free(&agentless);
}

static int finish(struct run *r)
{
	user__own_files(&r->user); /* the last events may be the first of their CPU */
	r->left = kernel__finish(r->kernel);
	kernel__forgo_libraries(r->kernel, &r->log);
	return 0;
}

void run__end(struct run *r, struct sync *sync)
{
	struct session_count counts[4];
	unsigned int num_counts = 0;

	run__as_root(r, finish);
	record_session(r, PHASE_end, r->status);
	stream__close(&r->log);
	sync__stop(sync);
	log_info("recorded to %s", r->session.dir);
	summary(r, counts, &num_counts);
	r->session.ended = true;
	r->session.wait_status = r->status;
	if (run__write_session(r, counts, num_counts))
		log_warn("cannot write %s/session.json", r->session.dir);
	if (user__raise(&r->user))
		log_warn("cannot become root again: %s", strerror(errno));
	kernel__close(r->kernel);
}
