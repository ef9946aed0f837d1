// SPDX-License-Identifier: MIT
/* rdna1-trace check: this machine and its environment before any run, one line per fact. */
#include "cmd_check.h"
#include "cmd.h"
#include "cmd_run.h"
#include "base/called.h"
#include "base/log.h"
#include "record/facts.h"
#include "report/table.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RUN_SECONDS 60
#define NAME_COLUMN 15

enum mode { MODE_check, MODE_profile, MODE_run };

struct options {
	enum mode mode;
	bool json, emulate, given;
	const char *emulate_what, *dir;
	unsigned int seconds;
};

/* ---- lines ---- */

struct check_line *check__add(struct check *c, enum judgement j, const char *name, const char *fmt, ...)
{
	struct check_line *l = VEC_PUSH(&c->lines);
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	*l = (struct check_line){.section = c->section, .name = xstrdup(name), .text = xstrdup(text), .judgement = j};
	return l;
}

void check__fix(struct check_line *l, const char *fmt, ...)
{
	struct buf b = {0};
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	free(l->fix);
	called__put(&b, text);
	l->fix = b.s;
}

static unsigned int count(const struct check *c, enum judgement j)
{
	unsigned int n = 0;

	for (size_t i = 0; i < c->lines.n; i++)
		n += c->lines.v[i].judgement == j;
	return n;
}

static const char *const words[] = {[JUDGED_ok] = "ok", [JUDGED_note] = "note", [JUDGED_problem] = "problem"};

/* ---- as text ---- */

static void put_first_line(const struct machine *m, struct buf *out)
{
	if (m->emulated == KNOWN_YES)
		buf__printf(out, "emulated device: %s; nothing of GPU and KFD below is of hardware\n", m->emulated_name ?: "?");
	else if (!m->num_gpus)
		buf__puts(out, "this machine: no AMD GPU\n");
	else
		buf__printf(out, "this machine: %zu AMD GPU%s\n", m->num_gpus, m->num_gpus == 1 ? "" : "s");
}

static void put_lines(const struct check *c, struct buf *out)
{
	const char *section = "";

	for (size_t i = 0; i < c->lines.n; i++) {
		const struct check_line *l = &c->lines.v[i];

		if (strcmp(section, l->section))
			buf__printf(out, "\n%s\n", l->section);
		section = l->section;
		buf__printf(out, "  %-7s  ", words[l->judgement]);
		buf__visible(out, l->name, strlen(l->name));
		buf__printf(out, "%*s", strlen(l->name) < NAME_COLUMN ? NAME_COLUMN - (int)strlen(l->name) + 1 : 0, "");
		buf__puts(out, strlen(l->name) < NAME_COLUMN ? "" : ": ");
		buf__visible(out, l->text, strlen(l->text));
		buf__putc(out, '\n');
		if (!l->fix)
			continue;
		buf__puts(out, l->judgement == JUDGED_problem ? "           fix: " : "           do: ");
		buf__visible(out, l->fix, strlen(l->fix));
		buf__putc(out, '\n');
	}
}

static void put_summary(const struct check *c, struct buf *out)
{
	unsigned int problems = count(c, JUDGED_problem), notes = count(c, JUDGED_note);

	buf__printf(out, "\n%u problem%s, %u note%s, %u ok\n", problems, problems == 1 ? "" : "s", notes, notes == 1 ? "" : "s",
		    count(c, JUDGED_ok));
}

/* ---- as JSON ---- */

static void put_member(struct buf *b, const char *name, const char *value)
{
	buf__printf(b, ", \"%s\": ", name);
	if (value)
		buf__json(b, value, strlen(value));
	else
		buf__puts(b, "null");
}

static void put_json(const struct check *c, const char *run, struct buf *out)
{
	buf__printf(out, "{\n  \"version\": \"%s\",\n  \"emulated\": %s,\n  \"problems\": %u,\n  \"notes\": %u,\n  \"lines\": [\n",
		    RDNA1_VERSION, c->m->emulated == KNOWN_YES ? "true" : "false", count(c, JUDGED_problem), count(c, JUDGED_note));
	for (size_t i = 0; i < c->lines.n; i++) {
		const struct check_line *l = &c->lines.v[i];

		buf__printf(out, "    {\"state\": \"%s\"", words[l->judgement]);
		put_member(out, "section", l->section);
		put_member(out, "name", l->name);
		put_member(out, "text", l->text);
		put_member(out, "fix", l->fix);
		put_member(out, "rule", l->rule);
		buf__printf(out, ", \"reported\": %s}%s\n", l->reported ? "true" : "false", i + 1 < c->lines.n ? "," : "");
	}
	buf__puts(out, "  ]");
	if (run)
		buf__printf(out, ",\n  \"run\": %s", run);
	buf__puts(out, "\n}\n");
}

/* ---- the machine ---- */

/* The emulated card's files, as for a run on it; root is where they are, to be removed. NULL after a message. */
static char *write_emulated(const struct emu_config *config)
{
	char *root = xasprintf("%s/rdna1-check.XXXXXX", getenv("TMPDIR") ?: "/tmp");
	int err = mkdtemp(root) ? emu_topology__write(root, config) : -errno;

	if (!err)
		return root;
	log_err("cannot write the emulated device's files to %s: %s", root, strerror(-err));
	free(root);
	return NULL;
}

/* RDNA1_CHECK_ROOT: what stands before /proc, /sys, /dev and all else; for tests. */
static struct json_t *look(const struct options *o, const struct emu_config *config, char *const *env)
{
	struct facts_config f = {.root = getenv("RDNA1_CHECK_ROOT") ?: "", .env = env, .ask_kfd = !o->emulate, .ask_python = true,
				 .emu_root = getenv(EMU_ENV)};
	char *root = NULL;
	struct json_t *s;

	if (o->emulate) {
		root = write_emulated(config);
		if (!root)
			return NULL;
		f.emu_root = root;
		f.emu_kfd_minor = config->kfd_minor;
	}
	s = session__now(RDNA1_VERSION, NULL, facts__collect(&f), env);
	if (root) {
		emu_tree__remove(root);
		free(root);
	}
	return s;
}

/* ---- the command ---- */

static const char help[] =
	"usage: rdna1-trace check [--emulate[=WHAT]] [--format FORMAT] [--profile | --run [-o DIR]]\n"
	"\n"
	"Whether this machine and this environment are fit for ROCm on an RDNA1 card: GPU, driver,\n"
	"rights, libraries, versions, module parameters and each variable of ROCm, MIOpen and PyTorch,\n"
	"one line each: ok, note or problem, with what to do. Status 0 without a problem, else 1.\n"
	"\n"
	"      --emulate       look at the emulated RX 5600 XT instead of a real card\n"
	"      --emulate=WHAT  at another one; WHAT as for run\n"
	"      --format text   lines (the default)\n"
	"      --format json   one object\n"
	"      --profile       print a shell profile with what this machine needs, and why\n"
	"      --run           also record a small convolution of our own, and say what was seen\n"
	"      --limit SECONDS  end that after so long (60)\n"
	"  -o, --output DIR    its trace\n"
	"  -h, --help          this text\n";

enum { OPT_EMULATE = 256, OPT_FORMAT, OPT_PROFILE, OPT_RUN, OPT_LIMIT };

/* -1 to go on, else the exit status. */
static int parse(struct options *o, int argc, char **argv)
{
	static const struct option options[] = {{"emulate", optional_argument, NULL, OPT_EMULATE},
						{"format", required_argument, NULL, OPT_FORMAT},
						{"profile", no_argument, NULL, OPT_PROFILE},
						{"run", no_argument, NULL, OPT_RUN},
						{"limit", required_argument, NULL, OPT_LIMIT},
						{"output", required_argument, NULL, 'o'},
						{"help", no_argument, NULL, 'h'},
						{0}};
	int c;

	*o = (struct options){.seconds = RUN_SECONDS};
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":ho:", options, NULL)) != -1) {
		switch (c) {
		case OPT_EMULATE:
			o->emulate = true;
			o->emulate_what = optarg;
			break;
		case OPT_FORMAT:
			o->json = !strcmp(optarg, "json");
			if (!o->json && strcmp(optarg, "text"))
				return usage_error("--format takes text or json, not '%s'", optarg);
			break;
		case OPT_PROFILE:
			o->mode = MODE_profile;
			break;
		case OPT_RUN:
			o->mode = MODE_run;
			break;
		case OPT_LIMIT:
			if (!run__number(optarg, 86400, &o->seconds) || !o->seconds)
				return usage_error("--limit takes seconds (1 to 86400), not '%s'", optarg);
			o->given = true;
			break;
		case 'o':
			o->dir = optarg;
			break;
		case 'h':
			fputs(help, stdout);
			return 0;
		case ':':
			return usage_error("check: option %s needs a value", bad_option(argv));
		default:
			return usage_error("check: unknown option %s", bad_option(argv));
		}
	}
	if (optind < argc)
		return usage_error("check takes no %s: what is to be recorded stands behind rdna1-trace --", argv[optind]);
	if (o->mode != MODE_run && (o->dir || o->given))
		return usage_error("%s is for check --run", o->dir ? "-o" : "--limit");
	if (o->mode == MODE_profile && o->json)
		return usage_error("--profile is a shell's file: it has no other format");
	return -1;
}

static void free_lines(struct check *c)
{
	for (size_t i = 0; i < c->lines.n; i++) {
		free(c->lines.v[i].name);
		free(c->lines.v[i].text);
		free(c->lines.v[i].fix);
	}
	free(c->lines.v);
}

static int flush(struct buf *out)
{
	fwrite(buf__str(out), 1, out->len, stdout);
	buf__reset(out);
	if (!fflush(stdout) && !ferror(stdout))
		return 0;
	log_err("cannot write the output");
	return 1;
}

static void flush_text(struct buf *text)
{
	struct buf out = {0};

	wrap_lines(&out, buf__str(text), terminal_width());
	buf__reset(text);
	fwrite(buf__str(&out), 1, out.len, stdout);
	fflush(stdout);
	buf__free(&out);
}

static int show(const struct options *o, struct check *c, const struct check_run *run)
{
	struct buf text = {0}, json = {0};
	bool good = true;
	int status;

	if (!o->json) {
		put_first_line(c->m, &text);
		put_lines(c, &text);
		put_summary(c, &text);
		flush_text(&text);
	}
	if (run)
		good = check__run(run, &text, &json);
	if (o->json) {
		buf__reset(&text);
		put_json(c, run ? buf__str(&json) : NULL, &text);
		status = flush(&text);
	} else {
		flush_text(&text);
		status = flush(&text);
	}
	buf__free(&text);
	buf__free(&json);
	return status || !good || count(c, JUDGED_problem) ? 1 : 0;
}

int cmd_check(int argc, char **argv)
{
	struct emu_config config = emu_config__default();
	struct machine *m;
	struct options o;
	struct check c = {0};
	struct json_t *s;
	struct user user;
	struct sudo sudo;
	char error[256], *emulate;
	int status = parse(&o, argc, argv);

	if (status >= 0)
		return status;
	if (o.emulate_what && emu_config__parse(&config, o.emulate_what, error, sizeof(error)))
		return usage_error("--emulate=%s: %s", o.emulate_what, error);
	user__find(&user, false);
	sudo__ask(&sudo, &user);
	status = user__lower(&user);
	if (status) {
		log_err("cannot become user %u: %s", user.uid, strerror(-status));
		return 1;
	}
	s = look(&o, &config, sudo.env);
	if (!s)
		return 1;
	m = machine__from(s);
	if (o.emulate) {
		emu_config__name(&config, error, sizeof(error));
		m->emulated_name = error;
	}
	c.m = m;
	c.gpu = machine__gpu(m);
	c.root = !geteuid() || user.drop;
	emulate = o.emulate_what ? xasprintf("--emulate=%s", o.emulate_what) : xstrdup("--emulate");
	if (o.mode == MODE_profile) {
		struct buf profile = {0};

		check__profile(m, &profile);
		status = flush(&profile);
		buf__free(&profile);
	} else {
		const struct check_run run = {.dir = o.dir, .emulate = o.emulate ? emulate : NULL, .seconds = o.seconds,
					      .json = o.json, .user = &user, .sudo = &sudo};

		check__device(&c);
		check__driver(&c);
		check__tracing(&c);
		check__software(&c);
		check__environment(&c);
		status = show(&o, &c, o.mode == MODE_run ? &run : NULL);
	}
	free(emulate);
	free_lines(&c);
	machine__free(m);
	value__free(s);
	return status;
}
