// SPDX-License-Identifier: MIT
/* rdna1-trace check --run: record our own workload, and say what was seen of it and what was not. */
#include "cmd_check.h"
#include "cmd_run.h"
#include "base/called.h"
#include "base/log.h"
#include "record/session.h"
#include "report/table.h"
#include "trace/reader.h"
#include "../hsa-tools/probe/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define GRACE_SECONDS 10 /* between a signal and the next harder one */

/* ---- the run ---- */

/* As it was typed: the recorder gives root up itself, by what sudo says. */
static void set_environment(const struct check_run *r)
{
	static const char *const sudo[] = {"SUDO_UID", "SUDO_GID", "SUDO_USER"};
	char *kept[ARRAY_SIZE(sudo)];

	for (size_t i = 0; i < ARRAY_SIZE(sudo); i++)
		kept[i] = getenv(sudo[i]) ? xstrdup(getenv(sudo[i])) : NULL;
	environ = r->sudo->env;
	for (size_t i = 0; r->user->drop && i < ARRAY_SIZE(sudo); i++)
		if (kept[i])
			setenv(sudo[i], kept[i], 1);
}

static pid_t start(const struct check_run *r, const char *dir, const char *probe)
{
	const char *argv[8] = {"rdna1-trace", "-q", "-o", dir};
	int n = 4;
	pid_t pid;

	if (r->emulate)
		argv[n++] = r->emulate;
	argv[n++] = "--";
	argv[n++] = probe;
	pid = fork();
	if (pid)
		return pid;
	if (r->json)
		dup2(STDERR_FILENO, STDOUT_FILENO);
	if (user__raise(r->user))
		_exit(127);
	set_environment(r);
	execv("/proc/self/exe", (char **)argv);
	_exit(127);
}

/* Its wait status; *late where it had to be ended. */
static int wait_for(pid_t pid, unsigned int seconds, bool *late)
{
	static const int hard[] = {SIGTERM, SIGKILL};
	int status = 0;

	for (size_t step = 0; step <= ARRAY_SIZE(hard); step++) {
		unsigned int tenths = 10 * (step ? GRACE_SECONDS : seconds);

		while (tenths--) {
			if (waitpid(pid, &status, WNOHANG) == pid)
				return status;
			poll(NULL, 0, 100);
		}
		*late = true;
		if (step < ARRAY_SIZE(hard))
			kill(pid, hard[step]);
	}
	return status;
}

/* ---- what is in the trace ---- */

/* Kinds of events of the program's own side, each of which our workload makes. */
static const struct kind {
	unsigned int id[2];
	const char *what;
} kinds[] = {
	{{EV_agent_start}, "agent"},
	{{EV_hsa_agent}, "GPUs and CPUs"},
	{{EV_pool_alloc_ok, EV_pool_alloc}, "allocations"},
	{{EV_pool_free}, "frees"},
	{{EV_async_copy}, "copies"},
	{{EV_queue_create}, "queues"},
	{{EV_code_object}, "code objects"},
	{{EV_kernel_symbol}, "kernels"},
	{{EV_dispatch}, "dispatches"},
};

struct seen {
	uint64_t kinds[ARRAY_SIZE(kinds)];
	uint64_t faults, hangs;
	struct buf gpu; /* as the runtime named it to the agent */
	struct buf card; /* product */
};

static void see_agent(struct seen *s, const struct event *ev)
{
	struct ev_hsa_agent e;
	const uint8_t *text;
	size_t len;

	event__fixed(ev, &e, sizeof(e));
	if (e.type != 1 || s->gpu.len) /* HSA_DEVICE_TYPE_GPU */
		return;
	len = event__bytes(ev, 0, &text);
	buf__visible(&s->gpu, (const char *)text, len);
	len = event__bytes(ev, 1, &text);
	buf__visible(&s->card, (const char *)text, len);
}

static bool read_events(const char *dir, struct seen *s)
{
	struct event ev;
	char err[256];
	struct trace *t = trace__open(dir, err, sizeof(err));

	while (t && trace__next(t, &ev) > 0) {
		for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
			s->kinds[i] += ev.desc->id == kinds[i].id[0] || ev.desc->id == kinds[i].id[1];
		s->faults += ev.desc->id == EV_queue_error || ev.desc->id == EV_mem_fault;
		s->hangs += ev.desc->id == EV_hang;
		if (ev.desc->id == EV_hsa_agent)
			see_agent(s, &ev);
	}
	trace__close(t);
	return t;
}

/* ---- what is said ---- */

static const char *words_of(int status, bool late)
{
	static const char *const by_status[] = {
		[PROBE_wrong - PROBE_wrong] = "WRONG numbers",
		[PROBE_no_hip - PROBE_wrong] = "not run: libamdhip64 cannot be loaded",
		[PROBE_no_gpu - PROBE_wrong] = "not run: HIP finds no GPU",
		[PROBE_failed - PROBE_wrong] = "a call failed",
	};
	unsigned int code = WIFEXITED(status) ? (unsigned int)WEXITSTATUS(status) : 0;

	if (late)
		return "not over in time: it was ended";
	if (WIFSIGNALED(status))
		return strsignal(WTERMSIG(status));
	if (!code)
		return "right, equal to the CPU's bit for bit";
	return code >= PROBE_wrong && code - PROBE_wrong < ARRAY_SIZE(by_status) ? by_status[code - PROBE_wrong] : "it failed";
}

static void row(struct buf *out, const char *name, const char *text)
{
	buf__printf(out, "  %-15s  ", name);
	buf__visible(out, text, strlen(text));
	buf__putc(out, '\n');
}

static void put_inside(const struct seen *s, struct buf *out)
{
	struct buf not_seen = {0};

	buf__puts(out, "\nThe program's own side (agent)\n");
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (s->kinds[i])
			buf__printf(out, "  %-15s  %" PRIu64 "\n", kinds[i].what, s->kinds[i]);
		else
			buf__printf(&not_seen, "%s%s", not_seen.len ? ", " : "", kinds[i].what);
	if (not_seen.len)
		row(out, "not seen", not_seen.s);
	buf__free(&not_seen);
}

/* Of hooks that are off, one line for all that share a reason. */
static void put_off(const struct json_t *hooks, bool needed, struct buf *out)
{
	const struct json_t *h, *other;

	for (size_t i = 0; (h = value__item(hooks, i, NULL)); i++) {
		const char *reason = value__text(h, "reason");
		size_t n = 0, before = 0;

		if (!reason || value__is_false(h, "needed") == needed)
			continue;
		for (size_t k = 0; (other = value__item(hooks, k, NULL)); k++)
			if (value__is_false(other, "needed") != needed && value__text(other, "reason") &&
			    !strcmp(value__text(other, "reason"), reason)) {
				n++;
				before += k < i;
			}
		if (before)
			continue;
		buf__printf(out, "  %-15s  ", needed ? "not recorded" : "not needed");
		if (n > 1)
			buf__printf(out, "%zu hooks: ", n);
		else
			buf__printf(out, "%s: ", value__text(h, "name") ?: "?");
		buf__visible(out, reason, strlen(reason));
		buf__putc(out, '\n');
	}
}

static void put_hooks(const struct json_t *session, struct buf *out)
{
	const struct json_t *hooks = value__at(session, "hooks"), *h;
	struct buf silent = {0};
	int64_t seen;

	buf__puts(out, "\nThe kernel's side (hooks)\n");
	for (size_t i = 0; (h = value__item(hooks, i, NULL)); i++) {
		const char *name = value__text(h, "name") ?: "?";

		if (!value__is_true(h, "on"))
			continue;
		if (value__number(h, "seen", &seen) && seen)
			buf__printf(out, "  fired            %s: %" PRId64 "\n", name, seen);
		else
			buf__printf(&silent, "%s%s", silent.len ? ", " : "", name);
	}
	if (silent.len)
		row(out, "did not fire", silent.s);
	put_off(hooks, true, out);
	put_off(hooks, false, out);
	if (!value__count(hooks))
		row(out, "none", "the trace does not tell");
	buf__free(&silent);
}

static bool put_losses(const struct json_t *session, struct buf *out)
{
	const struct json_t *counts = value__at(session, "counts"), *c;
	bool lost = false;
	int64_t seen, written, dropped;

	buf__puts(out, "\nWhat was recorded\n");
	for (size_t i = 0; (c = value__item(counts, i, NULL)); i++) {
		value__number(c, "seen", &seen);
		value__number(c, "written", &written);
		value__number(c, "dropped", &dropped);
		lost |= dropped > 0;
		buf__printf(out, "  %-15s  %" PRId64 " of %" PRId64 " events%s\n", value__text(c, "source") ?: "?", written, seen,
			    dropped ? ", the others are lost" : "");
	}
	if (!value__count(counts))
		row(out, "not known", "the recorder did not come to its end");
	return lost;
}

static void put_json(const struct check_run *r, const char *dir, const struct json_t *session, const struct seen *s,
		     const char *result, int status, bool lost, struct buf *json)
{
	const struct json_t *hooks = value__at(session, "hooks");
	char *list = hooks ? value__print(hooks) : NULL;

	buf__puts(json, "{\"result\": ");
	buf__json(json, result, strlen(result));
	buf__printf(json, ", \"status\": %d, \"emulated\": %s, \"trace\": ", status, r->emulate ? "true" : "false");
	buf__json(json, dir, strlen(dir));
	buf__puts(json, ", \"gpu\": ");
	buf__json(json, buf__str(&s->gpu), s->gpu.len);
	buf__puts(json, ", \"card\": ");
	buf__json(json, buf__str(&s->card), s->card.len);
	buf__printf(json, ", \"lost\": %s, \"faults\": %" PRIu64 ", \"hangs\": %" PRIu64 ", \"agent\": {", lost ? "true" : "false", s->faults, s->hangs);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		buf__printf(json, "%s\"%s\": %" PRIu64, i ? ", " : "", kinds[i].what, s->kinds[i]);
	buf__printf(json, "}, \"hooks\": %s}", list ?: "[]");
	free(list);
}

static bool report(const struct check_run *r, const char *dir, int status, bool late, struct buf *out, struct buf *json)
{
	const char *result = words_of(status, late);
	bool right = !late && WIFEXITED(status) && !WEXITSTATUS(status), lost;
	struct buf quoted = {0};
	struct json_t *session;
	struct seen s = {0};
	char err[1024];

	session = session__read(dir, err, sizeof(err));
	if (!session || !read_events(dir, &s)) {
		log_err("the workload was not recorded: %s", session ? "the trace cannot be read" : err);
		buf__puts(json, "null");
		value__free(session);
		return false;
	}
	buf__printf(out, "\nOur workload%s\n", r->emulate ? ", on the emulated device" : "");
	row(out, "results", result);
	if (s.gpu.len) {
		buf__puts(&s.card, " (");
		buf__put(&s.card, s.gpu.s, s.gpu.len);
		buf__putc(&s.card, ')');
	}
	row(out, "device", s.gpu.len ? s.card.s : "the agent saw no GPU");
	if (s.faults || s.hangs)
		buf__printf(out, "  %-15s  %" PRIu64 " faults, %" PRIu64 " hangs\n", "went wrong", s.faults, s.hangs);
	put_inside(&s, out);
	put_hooks(session, out);
	lost = put_losses(session, out);
	if (s.gpu.len) /* JSON has the two apart */
		s.card.s[s.card.len -= s.gpu.len + 3] = 0;
	put_json(r, dir, session, &s, result, WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status), lost, json);
	buf__shell(&quoted, dir);
	buf__printf(out, "\ntrace: %s\n" WRAP_NOT "see it: %s report %s\n" WRAP_NOT "post this: %s pack %s\n", dir,
		    called(), buf__str(&quoted), called(), buf__str(&quoted));
	buf__free(&quoted);
	buf__free(&s.gpu);
	buf__free(&s.card);
	value__free(session);
	return right && !lost;
}

bool check__run(const struct check_run *r, struct buf *out, struct buf *json)
{
	char *probe = run__find_library(PROBE_PROGRAM), *dir;
	bool late = false, good = false;
	int status;
	pid_t pid;

	if (!probe) {
		buf__puts(json, "null");
		return false;
	}
	dir = r->dir ? xstrdup(r->dir) : session__default_dir("check");
	/* What an earlier run left is not to be taken for this one's. */
	if (!access(dir, F_OK)) {
		log_err("%s is there already: give another directory with -o, or remove it", dir);
		buf__puts(json, "null");
		goto out;
	}
	if (!r->json)
		printf("\nrecording %s for at most %u s ...\n", PROBE_PROGRAM, r->seconds);
	fflush(stdout);
	pid = start(r, dir, probe);
	if (pid < 0) {
		log_err("cannot start a process: %s", strerror(errno));
		buf__puts(json, "null");
	} else {
		status = wait_for(pid, r->seconds, &late);
		good = report(r, dir, status, late, out, json);
	}
out:
	free(probe);
	free(dir);
	return good;
}
