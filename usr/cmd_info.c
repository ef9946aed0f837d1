// SPDX-License-Identifier: MIT
/* rdna1-trace info: the machine, as it is now or as a trace has kept it, and what it lacks. */
#include "cmd.h"
#include "cmd_info.h"
#include "base/called.h"
#include "base/log.h"
#include "record/facts.h"
#include "record/kernel.h"
#include "record/session.h"
#include "record/user.h"
#include "report/table.h"
#include "report/text.h"
#include "trace/reader.h"
#include "../hsa-tools/emu/launch/launch.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NAME_COLUMN 16

/* ---- pieces ---- */

void section(struct view *v, const char *text)
{
	buf__printf(&v->text, "\n%s\n", text);
}

struct buf *row(struct view *v, const char *name)
{
	buf__puts(&v->text, "  ");
	buf__visible(&v->text, name, strlen(name));
	buf__printf(&v->text, "%*s ",
		    strlen(name) < NAME_COLUMN ? NAME_COLUMN - (int)strlen(name) : 0, "");
	return &v->text;
}

void rowf(struct view *v, const char *name, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	buf__printf(row(v, name), "%s\n", text);
}

void say(struct buf *b, const struct json_t *o, const char *path)
{
	const char *text = value__text(o, path);
	int64_t n;

	if (text)
		buf__visible(b, text, strlen(text));
	else if (value__number(o, path, &n))
		buf__printf(b, "%" PRId64, n);
	else
		buf__puts(b, value__is_true(o, path)	? "yes"
			     : value__is_false(o, path) ? "no"
							: "not known");
}

void row_say(struct view *v, const char *name, const struct json_t *o, const char *path)
{
	say(row(v, name), o, path);
	buf__putc(&v->text, '\n');
}

static char *cell(const struct json_t *o, const char *path)
{
	struct buf b = {0};

	say(&b, o, path);
	return b.s ? b.s : xstrdup(""); /* an empty text */
}

int64_t number(const struct json_t *o, const char *path)
{
	int64_t n;

	value__number(o, path, &n);
	return n;
}

/* ---- first lines ---- */

static void put_first_lines(struct view *v)
{
	unsigned int gpus = put_gpus(v);
	struct buf *b = &v->text;

	if (!gpus && v->emulated) {
		buf__puts(b, "emulated device: ");
		if (v->card)
			buf__puts(b, v->card);
		else
			say(b, v->s, "emulated_device");
		buf__putc(b, '\n');
	} else if (!gpus && value__at(v->s, "facts")) {
		buf__printf(b, "device: no AMD GPU on %s machine\n", v->live ? "this" : "the");
	} else if (!gpus) {
		buf__puts(b, "device: not known\n");
	}
	if (v->emulated && value__at(v->s, "facts"))
		buf__puts(b, "  Its nodes below are emulated, too; all else is of the machine that "
			     "emulated it.\n");
	if (!value__at(v->s, "facts"))
		buf__printf(b, "  This trace does not say more of the machine: %s.\n",
			    !strcmp(value__text(v->s, "writer") ?: "", "agent")
				    ? "the agent wrote it without a recorder"
			    : !strcmp(value__text(v->s, "writer") ?: "", "recover")
				    ? "it is a copy of one whose session.json was lost"
				    : "it is of an older rdna1-trace");
}

/* HSA_OVERRIDE_GFX_VERSION[_N]=10.3.0; older traces have it among the environment only. */
static void put_overrides(struct view *v)
{
	const struct json_t *list = value__at(v->s, "facts.overrides"), *o;
	const char *name, *text;
	unsigned int major, minor, step;

	if (!list)
		list = value__at(v->s, "environment");
	for (size_t i = 0; (o = value__item(list, i, &name)); i++) {
		text = value__text(o, "");
		if (!text || !name || strncmp(name, "HSA_OVERRIDE_", 13))
			continue;
		buf__puts(&v->text, "  ");
		buf__visible(&v->text, name, strlen(name));
		buf__putc(&v->text, '=');
		buf__visible(&v->text, text, strlen(text));
		if (strstr(name, "GFX_VERSION") &&
		    sscanf(text, "%u.%u.%u", &major, &minor, &step) == 3)
			buf__printf(&v->text,
				    ": the runtime takes the card for gfx%u%u%x and loads code for "
				    "that",
				    major, minor, step);
		buf__putc(&v->text, '\n');
	}
}

/* ---- the recording ---- */

static void put_recording(struct view *v)
{
	const struct json_t *argv = value__at(v->s, "command"), *a;
	time_t start = number(v->s, "start_unix");
	const char *line = value__text(v->s, "command_line"); /* a recovered copy's */
	struct buf *b;
	char when[64];
	struct tm tm;

	if (v->live)
		return;
	section(v, "Recording");
	b = row(v, value__at(v->s, "attached") ? "attached to" : "command");
	for (size_t i = 0; (a = value__item(value__at(v->s, "attached"), i, NULL)); i++) {
		buf__puts(b, i ? ", " : "");
		say(b, a, "pid");
		buf__puts(b, " (");
		say(b, a, "exe");
		buf__putc(b, ')');
	}
	for (size_t i = 0; (a = value__item(argv, i, NULL)); i++) {
		struct buf word = {0};

		buf__shell(&word, value__text(a, "") ?: "?");
		buf__puts(b, i ? " " : "");
		buf__visible(b, buf__str(&word), word.len);
		buf__free(&word);
	}
	if (line)
		buf__visible(b, line, strlen(line));
	else if (!argv && !value__at(v->s, "attached"))
		say(b, v->s, "exe");
	buf__putc(b, '\n');
	if (start && gmtime_r(&start, &tm) && strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S UTC", &tm))
		rowf(v, "began", "%s", when);
	if (value__at(v->s, "result.exit"))
		rowf(v, "ended", "with status %" PRId64, number(v->s, "result.exit"));
	else if (value__at(v->s, "result.signal"))
		rowf(v, "ended", "by signal %" PRId64, number(v->s, "result.signal"));
	else if (value__at(v->s, "attached") && value__at(v->s, "end_unix"))
		rowf(v, "ended", "detached, or with the last of them");
	else if (value__at(v->s, "hooks"))
		rowf(v, "ended", "not yet, or the recorder was killed");
	if (value__at(v->s, "max_size_bytes")) {
		b = row(v, "kept");
		buf__puts(b, "the newest ");
		buf__size(b, (uint64_t)number(v->s, "max_size_bytes"));
		buf__puts(b, " (--max-size)\n");
	}
	if (value__at(v->s, "version"))
		row_say(v, "rdna1-trace", v->s, "version");
}

/* ---- machine and driver ---- */

static void put_machine(struct view *v)
{
	const struct json_t *host = value__at(v->s, "facts.host");
	bool vm, container;
	struct buf *b;

	if (!host && !value__at(v->s, "kernel"))
		return;
	section(v, v->emulated ? "Machine that emulated it" : "Machine");
	b = row(v, "kernel");
	say(b, host ? host : v->s, host ? "kernel.release" : "kernel");
	buf__putc(b, ' ');
	say(b, host ? host : v->s, host ? "kernel.machine" : "machine");
	if (value__text(host, "kernel.version")) {
		buf__puts(b, ", ");
		say(b, host, "kernel.version");
	}
	buf__putc(b, '\n');
	if (!host)
		return;
	vm = value__is_true(host, "hypervisor");
	container = value__is_true(host, "pid_namespace");
	rowf(v, "runs in", "%s%s%s", vm ? "a virtual machine" : "", vm && container ? ", " : "",
	     container ? "a container (PID namespace)"
	     : vm      ? ""
		       : "no virtual machine, no container");
}

static void put_module(struct view *v, const struct json_t *m)
{
	bool loaded = value__is_true(m, "loaded");
	const char *state = value__text(m, "initstate");
	struct buf *b = row(v, "amdgpu");

	buf__printf(b, "%s%s", v->emulated ? "the machine's own, which was not used: " : "",
		    !loaded			       ? "not loaded"
		    : value__is_true(m, "built_in")    ? "part of the kernel"
		    : value__is_true(m, "out_of_tree") ? "out of tree (DKMS or own build)"
						       : "in-tree");
	if (value__text(m, "file")) {
		buf__puts(b, ", ");
		say(b, m, "file");
	}
	if (state && strcmp(state, "live")) {
		buf__puts(b, ", ");
		say(b, m, "initstate");
	}
	buf__putc(b, '\n');
	if (!loaded)
		return;
	if (value__text(m, "version"))
		row_say(v, "version", m, "version");
	if (value__text(m, "srcversion"))
		row_say(v, "srcversion", m, "srcversion");
	rowf(v, "BTF", "%s",
	     value__is_true(m, "btf")	     ? "there"
	     : value__is_true(m, "built_in") ? "with the kernel's"
					     : "not there");
}

static void put_kfd(struct view *v)
{
	const struct json_t *kfd = value__at(v->s, "facts.device.kfd");
	struct buf *b = row(v, "KFD interface");

	if (value__at(kfd, "version")) {
		buf__printf(b, "%" PRId64 ".%" PRId64, number(kfd, "version.major"),
			    number(kfd, "version.minor"));
		buf__puts(b, v->emulated ? " (emulated)\n" : "\n");
	} else if (value__text(kfd, "error")) {
		buf__puts(b, "/dev/kfd: ");
		say(b, kfd, "error");
		buf__putc(b, '\n');
	} else {
		buf__puts(b, value__is_true(kfd, "present") ? "not asked\n" : "no /dev/kfd\n");
	}
}

static void put_driver(struct view *v)
{
	const struct json_t *m = value__at(v->s, "facts.host.amdgpu");

	if (!value__at(v->s, "facts"))
		return;
	section(v, "Driver");
	put_kfd(v);
	if (m)
		put_module(v, m);
}

/* Texts are not cut here: a row breaks where it is too long. */
static void put_parameter(struct buf *b, const char *name, const char *value)
{
	const struct facts_parameter *p;
	size_t i = 0;

	if (!strcmp(value, "4294967295")) /* the driver's -1, in a parameter without a sign */
		value = "-1";
	while ((p = facts__parameter(i)) && strcmp(p->name, name))
		i++;
	buf__puts(b, "  ");
	buf__visible(b, name, strlen(name));
	buf__printf(b, "%*s", (int)(strlen(name) < 31 ? 31 - strlen(name) : 1), "");
	buf__visible(b, value, strlen(value));
	if (p)
		buf__printf(b, "%*s%s", (int)(strlen(value) < 11 ? 11 - strlen(value) : 1), "",
			    p->what);
	buf__putc(b, '\n');
}

static void put_parameters(struct view *v)
{
	const struct json_t *list = value__at(v->s, "facts.host.amdgpu.parameters"), *o;
	struct buf absent = {0};
	const char *name;

	if (!value__count(list))
		return;
	section(v, v->emulated ? "Parameters of the machine's amdgpu, which was not used"
			       : "Parameters of amdgpu");
	for (size_t i = 0; (o = value__item(list, i, &name)); i++) {
		if (name && value__text(o, "")) {
			put_parameter(&v->text, name, value__text(o, ""));
		} else if (name) {
			buf__puts(&absent, absent.len ? ", " : "");
			buf__visible(&absent, name, strlen(name));
		}
	}
	if (absent.len)
		buf__printf(&v->text, "  not in this driver: %s\n", buf__str(&absent));
	buf__free(&absent);
}

/* ---- tracing ---- */

static void put_tracing(struct view *v)
{
	static const struct column columns[] = {{"setting", false, false, 0},
						{"value", false, true, 0}};
	static const char *const rows[][2] = {
		{"BTF of the kernel", "tracing.vmlinux_btf"},
		{"kprobes", "tracing.kprobes"},
		{"tracefs", "tracing.tracefs"},
		{"lockdown", "tracing.lockdown"},
		{"perf_event_paranoid", "tracing.perf_event_paranoid"},
		{"unprivileged_bpf_disabled", "tracing.unprivileged_bpf_disabled"},
		{"kptr_restrict", "tracing.kptr_restrict"},
		{"bpf_jit_enable", "tracing.bpf_jit_enable"},
		{"locked memory, bytes", "limits.memlock.soft"},
		{"open files", "limits.nofile.soft"},
		{"size of a file, bytes", "limits.fsize.soft"},
	};
	const struct json_t *host = value__at(v->s, "facts.host");
	struct table t = {.columns = columns, .num_columns = ARRAY_SIZE(columns)};

	if (!host)
		return;
	section(v, "Tracing and limits");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		table__cell(&t, xstrdup(rows[i][0]));
		table__cell(&t, cell(host, rows[i][1]));
	}
	table__render(&t, &v->text, v->width);
}

/* There is nothing here for it to see. Traces before this was known say nothing. */
static bool not_needed(const struct json_t *hook)
{
	return value__is_false(hook, "needed");
}

/* Why no hook is on, when it is the same for all that there is something to see for. */
static const char *one_reason(const struct json_t *hooks)
{
	const char *first = NULL, *reason;
	const struct json_t *h;

	for (size_t i = 0; (h = value__item(hooks, i, NULL)); i++) {
		if (not_needed(h))
			continue;
		reason = value__text(h, "reason");
		if (!reason || (first && strcmp(reason, first)))
			return NULL;
		first = reason;
	}
	return first;
}

/* Hooks that there is nothing to see for, by the reason: one line each. */
static void put_not_needed(struct view *v, const struct json_t *hooks)
{
	const struct json_t *h, *other;
	const char *reason;

	for (size_t i = 0; (h = value__item(hooks, i, NULL)); i++) {
		size_t n = 0, before = 0;

		reason = not_needed(h) ? value__text(h, "reason") : NULL;
		for (size_t k = 0; reason && (other = value__item(hooks, k, NULL)); k++)
			if (not_needed(other) && value__text(other, "reason") &&
			    !strcmp(value__text(other, "reason"), reason)) {
				n++;
				before += k < i;
			}
		if (!reason || before)
			continue;
		if (v->live && strstr(reason, "--trace")) {
			buf__printf(&v->text, "  %zu off unless asked for with --trace (rdna1-trace --help)", n);
		} else {
			buf__printf(&v->text, "  %zu not needed: ", n);
			buf__visible(&v->text, reason, strlen(reason));
		}
		buf__putc(&v->text, '\n');
	}
}

static void put_hooks(struct view *v)
{
	static const struct column columns[] = {{"hook", false, true, 0},
						{"on", false, false, 0},
						{"how", false, false, 0},
						{"seen", true, false, 0},
						{"dropped", true, false, 0}};
	const struct json_t *hooks = value__at(v->s, "hooks"), *h;
	struct table t = {.columns = columns, .num_columns = v->live ? 3 : ARRAY_SIZE(columns)};
	const char *reason = one_reason(hooks);

	if (!value__count(hooks))
		return;
	section(v, v->live ? "Hooks in the kernel: what would be recorded" : "Hooks in the kernel");
	if (reason) {
		buf__puts(&v->text, "  none: ");
		buf__visible(&v->text, reason, strlen(reason));
		if (v->live && getuid())
			buf__printf(&v->text, " (sudo %s info shows which would work)", called());
		buf__putc(&v->text, '\n');
		return;
	}
	for (size_t i = 0; (h = value__item(hooks, i, NULL)); i++) {
		if (not_needed(h))
			continue;
		table__cell(&t, cell(h, "name"));
		table__cell(&t, cell(h, "on"));
		table__cell(&t, value__text(h, "how") ? cell(h, "how") : xstrdup(""));
		if (!v->live) {
			table__cell(&t, value__at(h, "seen") ? cell(h, "seen") : xstrdup(""));
			table__cell(&t, value__at(h, "dropped") ? cell(h, "dropped") : xstrdup(""));
		}
	}
	table__render(&t, &v->text, v->width);
	for (size_t i = 0; (h = value__item(hooks, i, NULL)); i++) {
		if (!value__text(h, "reason") || not_needed(h))
			continue;
		buf__puts(&v->text, "  not recorded: ");
		say(&v->text, h, "name");
		buf__puts(&v->text, ": ");
		say(&v->text, h, "reason");
		buf__putc(&v->text, '\n');
	}
	put_not_needed(v, hooks);
}

static void put_counts(struct view *v)
{
	static const struct column columns[] = {{"events of", false, true, 0},
						{"seen", true, false, 0},
						{"written", true, false, 0},
						{"dropped", true, false, 0}};
	const struct json_t *counts = value__at(v->s, "counts"), *c;
	struct table t = {.columns = columns, .num_columns = ARRAY_SIZE(columns)};

	if (!value__count(counts))
		return;
	section(v, "What was recorded");
	for (size_t i = 0; (c = value__item(counts, i, NULL)); i++) {
		table__cell(&t, cell(c, "source"));
		table__cell(&t, cell(c, "seen"));
		table__cell(&t, cell(c, "written"));
		table__cell(&t, cell(c, "dropped"));
	}
	table__render(&t, &v->text, v->width);
}

/* By the events: session.json may be of a recorder that was killed, or of an agent without one. */
static void put_ring(struct view *v, const char *dir)
{
	struct accounts accounts = {0};
	bool bounded = value__at(v->s, "max_size_bytes");
	struct buf line = {0};
	uint64_t begin_ns = 0;
	struct event ev;
	char err[256];
	struct trace *t = dir ? trace__open(dir, err, sizeof(err)) : NULL;

	/* Without a bound there is nothing to read for, and much to read. */
	while (t && (bounded || trace__stats(t)->removed_chunks) && trace__next(t, &ev) > 0) {
		if (!ev.stream->counters && !begin_ns)
			begin_ns = ev.ts_ns;
		accounts__event(&accounts, &ev);
	}
	if (t)
		report_ring(&accounts, trace__stats(t), begin_ns, &line);
	if (line.len && !value__count(value__at(v->s, "counts")))
		section(v, "What was recorded");
	buf__put(&v->text, buf__str(&line), line.len);
	buf__free(&line);
	trace__close(t);
	accounts__free(&accounts);
}

static void put_missing(struct view *v)
{
	const struct json_t *missing = value__at(v->s, "facts.missing"), *m;

	const char *hooks = one_reason(value__at(v->s, "hooks"));

	if (!missing)
		return;
	section(v, value__count(missing) || hooks ? "Missing" : "Missing: nothing");
	if (hooks) {
		buf__printf(&v->text, "  - the kernel's side %s recorded: ", v->live ? "would not be" : "is not");
		buf__visible(&v->text, hooks, strlen(hooks));
		buf__putc(&v->text, '\n');
	}
	for (size_t i = 0; (m = value__item(missing, i, NULL)); i++) {
		buf__puts(&v->text, "  - ");
		say(&v->text, m, "");
		buf__putc(&v->text, '\n');
	}
}

static void put_all(struct view *v, const char *dir)
{
	put_first_lines(v);
	put_overrides(v);
	put_recording(v);
	put_machine(v);
	put_driver(v);
	put_parameters(v);
	put_nodes(v);
	put_tracing(v);
	put_hooks(v);
	put_counts(v);
	put_ring(v, dir);
	put_missing(v);
}

/* ---- the command ---- */

/* Hooks as who we are, the rest as the user whose commands would be recorded. NULL after a message.
 */
static struct json_t *this_machine(void)
{
	const struct kernel_config kernel_config = {.ring_mb = 1};
	const struct facts_config facts_config = {
		.root = "", .ask_kfd = true, .emu_root = getenv(EMU_ENV)};
	struct kernel *k = kernel__open(&kernel_config);
	struct json_t *s = NULL;
	struct user user;
	int err;

	user__find(&user, false);
	err = user__lower(&user);
	if (err)
		log_err("cannot become user %u: %s", user.uid, strerror(-err));
	else
		s = session__now(RDNA1_VERSION, k, facts__collect(&facts_config), NULL);
	kernel__close(k);
	return s;
}

/* "AMD Radeon RX 5600 XT (gfx1010)", as the runtime named the first GPU to an agent; NULL when none did. */
static char *card_in(struct trace *t)
{
	const uint8_t *name, *product;
	struct ev_hsa_agent e;
	struct event ev;

	while (trace__next(t, &ev) > 0) {
		struct buf b = {0};
		size_t len;

		if (ev.desc->id != EV_hsa_agent)
			continue;
		event__fixed(&ev, &e, sizeof(e));
		if (e.type != 1) /* HSA_DEVICE_TYPE_GPU */
			continue;
		len = event__bytes(&ev, 1, &product);
		buf__visible(&b, (const char *)product, len);
		buf__puts(&b, " (");
		len = event__bytes(&ev, 0, &name);
		buf__visible(&b, (const char *)name, len);
		buf__putc(&b, ')');
		return b.s;
	}
	return NULL;
}

/* An agent's session does not tell; the events' metadata does, and which card it is the events. */
static bool is_emulated(const struct json_t *s, const char *dir, char **card)
{
	struct trace *t;
	bool emulated;
	char err[256];

	if (value__at(s, "emulated_device") || value__is_true(s, "facts.device.emulated"))
		return true;
	t = dir ? trace__open(dir, err, sizeof(err)) : NULL;
	emulated = t && trace__emulated(t);
	if (emulated)
		*card = card_in(t);
	trace__close(t);
	return emulated;
}

/* dir: NULL for this machine */
static int show(const struct json_t *s, const char *dir, bool json)
{
	struct view v = {.s = s, .width = terminal_width(), .live = !dir};
	struct buf out = {0};
	char *raw;

	v.emulated = is_emulated(s, dir, &v.card);
	if (json) {
		raw = value__print(s);
		buf__printf(&out, "%s\n", raw ? raw : "null");
		free(raw);
	} else {
		put_all(&v, dir);
		wrap_lines(&out, buf__str(&v.text), v.width);
	}
	fwrite(buf__str(&out), 1, out.len, stdout);
	buf__free(&v.text);
	buf__free(&out);
	free(v.card);
	if (fflush(stdout) || ferror(stdout)) {
		log_err("cannot write the output");
		return 1;
	}
	return 0;
}

static const char help[] =
	"usage: rdna1-trace info [--json] [DIR]\n"
	"\n"
	"This machine: GPUs, driver and its parameters, limits, which hooks in the kernel would "
	"work (needs\n"
	"root), and what is missing. With DIR, the machine that the trace DIR was recorded on.\n"
	"\n"
	"      --json  the same as JSON, as the trace's session.json has it\n"
	"  -h, --help  this text\n";

int cmd_info(int argc, char **argv)
{
	static const struct option options[] = {
		{"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'}, {0}};
	const char *dir;
	bool json = false;
	char err[1024] = "";
	struct json_t *s;
	int c, status;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		switch (c) {
		case 'j':
			json = true;
			break;
		case 'h':
			fputs(help, stdout);
			return 0;
		default:
			return usage_error("info: unknown option %s", bad_option(argv));
		}
	}
	if (argc - optind > 1)
		return usage_error("info takes one trace directory");
	dir = argv[optind];
	s = dir ? session__read(dir, err, sizeof(err)) : this_machine();
	if (*err)
		log_err("%s", err);
	if (!s)
		return 1;
	status = show(s, dir, json);
	value__free(s);
	return status;
}
