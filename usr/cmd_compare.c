// SPDX-License-Identifier: MIT
/* rdna1-trace compare: what differs between two traces. */
#include "cmd.h"
#include "cmd_judge.h"
#include "base/log.h"
#include "decode/hsa.h"
#include "report/compare.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_EQUAL = 0, EXIT_DIFFERENT = 1, EXIT_UNREADABLE = 2 };

struct side {
	struct judged *judged;
	VEC(struct compare_text) texts;
};

/* ---- what session.json says ---- */

/* Members of facts that say when and how it was recorded, not where. */
static const char *const passing[] = {"facts.host.limits", "facts.missing", "facts.overrides", "facts.host.pid_namespace",
				      "facts.host.environment", "facts.device.emulated"};

static void add(struct side *s, enum compare_part part, const char *name, char *value)
{
	struct compare_text *t = VEC_PUSH(&s->texts);

	t->part = part;
	t->name = xstrdup(name);
	t->value = value;
}

/* A text, a number, yes or no; NULL for all else. */
static char *leaf(const struct json_t *v)
{
	const char *text = value__text(v, "");
	int64_t n;

	if (text)
		return xstrdup(text);
	if (value__number(v, "", &n))
		return xasprintf("%" PRId64, n);
	return value__is_true(v, "") ? xstrdup("yes") : value__is_false(v, "") ? xstrdup("no") : NULL;
}

static void add_leaves(struct side *s, const struct json_t *v, const char *path, unsigned int depth)
{
	const struct json_t *item;
	const char *name;
	char *value;

	for (size_t i = 0; i < ARRAY_SIZE(passing); i++)
		if (!strcmp(path, passing[i]))
			return;
	value = leaf(v);
	if (value) {
		add(s, COMPARE_machine, path + (strncmp(path, "facts.", 6) ? 0 : 6), value);
		return;
	}
	for (size_t i = 0; depth < 12 && (item = value__item(v, i, &name)); i++) {
		char *below = name ? xasprintf("%s.%s", path, name) : xasprintf("%s.%zu", path, i);

		add_leaves(s, item, below, depth + 1);
		free(below);
	}
}

static void add_member(struct side *s, enum compare_part part, const struct json_t *session, const char *path)
{
	const struct json_t *v = value__at(session, path);
	char *value = v ? leaf(v) : NULL;

	if (value)
		add(s, part, path, value);
}

static void add_command(struct side *s, const struct json_t *session)
{
	const struct json_t *list = value__at(session, "command"), *item;
	struct buf b = {0};

	for (size_t i = 0; (item = value__item(list, i, NULL)); i++) {
		buf__puts(&b, i ? " " : "");
		buf__shell(&b, value__text(item, "") ? value__text(item, "") : "?");
	}
	if (b.len)
		add(s, COMPARE_settings, "command", xstrdup(buf__str(&b)));
	buf__free(&b);
}

static void add_session(struct side *s, const struct json_t *session)
{
	static const char *const settings[] = {"emulate", "trace", "max_size"};
	static const char *const machine[] = {"emulated_device", "kernel", "machine", "version"};
	const struct json_t *env = value__at(session, "environment"), *item;
	const struct json_t *facts = value__at(session, "facts");
	const char *name;
	char *path;

	add_command(s, session);
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++)
		add_member(s, COMPARE_settings, session, settings[i]);
	for (size_t i = 0; (item = value__item(env, i, &name)); i++) {
		if (!name || !value__text(item, ""))
			continue;
		path = xasprintf("$%s", name);
		add(s, COMPARE_settings, path, xstrdup(value__text(item, "")));
		free(path);
	}
	for (size_t i = 0; i < ARRAY_SIZE(machine); i++)
		add_member(s, COMPARE_machine, session, machine[i]);
	if (facts)
		add_leaves(s, facts, "facts", 0);
}

/* ---- reading ---- */

/* A rule has several findings: the first is the one that stands before the others. */
static void add_findings(struct side *s, const struct findings *f)
{
	for (size_t i = 0; i < f->list.n; i++) {
		const struct finding *x = &f->list.v[i];
		size_t k = 0;

		while (k < i && f->list.v[k].rule != x->rule)
			k++;
		if (k == i)
			add(s, COMPARE_findings, x->rule->id, xstrdup(finding_state_name(x->state)));
	}
}

/* "allocation override 1": "vram:fine: in force". Processes of one run mostly say the same. */
static void add_policies(struct side *s, const struct model *m)
{
	for (size_t i = 0; i < m->policies.list.n; i++) {
		const struct policy *p = &m->policies.list.v[i];
		const char *kind = names__find(names_policy_kind, p->kind), *state = names__find(names_policy_state, p->state);
		char *name = xasprintf("%s %u", kind ? kind : "?", p->rule);
		size_t k = 0;

		while (k < s->texts.n && strcmp(s->texts.v[k].name, name))
			k++;
		if (k == s->texts.n)
			add(s, COMPARE_settings, name, xasprintf("%s: %s", p->asked, state ? state : "?"));
		free(name);
	}
}

static bool read_side(struct side *s, const char *dir)
{
	s->judged = judged__open(dir);
	if (!s->judged)
		return false;
	if (s->judged->recording)
		log_warn("%s is still being recorded: what is compared is what is there now", dir);
	add_findings(s, &s->judged->findings);
	add_policies(s, &s->judged->model);
	if (s->judged->session)
		add_session(s, s->judged->session);
	return true;
}

/* ---- variables of which only the names are kept ---- */

static bool names_hold(const struct json_t *session, const char *name)
{
	const struct json_t *names = value__at(session, "environment_names"), *item;

	for (size_t i = 0; (item = value__item(names, i, NULL)); i++)
		if (!strcmp(value__text(item, "") ?: "", name))
			return true;
	return false;
}

/* What any two shells differ in. */
static bool is_shells(const char *name)
{
	static const char *const names[] = {"_", "SHLVL", "OLDPWD", "COLUMNS", "LINES"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(names[i], name))
			return true;
	return false;
}

/* Those that only this side has; returns how many both have. */
static size_t add_unkept(struct side *s, const struct side *other)
{
	const struct json_t *here = s->judged->session, *there = other->judged->session, *item;
	const struct json_t *names = here ? value__at(here, "environment_names") : NULL;
	size_t both = 0;

	if (!names || !there || !value__at(there, "environment_names"))
		return 0;
	for (size_t i = 0; (item = value__item(names, i, NULL)); i++) {
		const char *name = value__text(item, "");
		char *path;

		if (!name || is_shells(name))
			continue;
		if (names_hold(there, name)) {
			both++;
			continue;
		}
		path = xasprintf("$%s", name);
		add(s, COMPARE_settings, path, xstrdup("set; its value is not kept"));
		free(path);
	}
	return both;
}

static void free_side(struct side *s)
{
	judged__free(s->judged);
	for (size_t i = 0; i < s->texts.n; i++) {
		free(s->texts.v[i].name);
		free(s->texts.v[i].value);
	}
	free(s->texts.v);
}

static int compare(struct compare_options *o, bool json)
{
	struct side side[2] = {0};
	struct compare_side in[2];
	struct compare c = {0};
	struct buf b = {0};
	int status = EXIT_UNREADABLE;

	for (int i = 0; i < 2; i++)
		if (!read_side(&side[i], o->names[i]))
			goto out;
	o->unkept = add_unkept(&side[0], &side[1]);
	add_unkept(&side[1], &side[0]);
	for (int i = 0; i < 2; i++)
		in[i] = (struct compare_side){&side[i].judged->model, side[i].texts.v, side[i].texts.n};
	compare__make(&c, &in[0], &in[1]);
	if (json)
		report_compare_json(&c, o, &b);
	else
		report_compare(&c, o, &b);
	fwrite(buf__str(&b), 1, b.len, stdout);
	status = c.differ ? EXIT_DIFFERENT : EXIT_EQUAL;
	if (fflush(stdout) || ferror(stdout)) {
		log_err("cannot write the output");
		status = EXIT_UNREADABLE;
	}
out:
	compare__free(&c);
	buf__free(&b);
	free_side(&side[0]);
	free_side(&side[1]);
	return status;
}

static const char help[] =
	"usage: rdna1-trace compare [--all] [--format text|json] A B\n"
	"\n"
	"What differs between the traces A and B: findings, faults, variables, versions, memory by class and\n"
	"memory type, kernels, code objects; then what is alike. For one program under two settings:\n"
	"\n"
	"  rdna1-trace -o a -- ./prog; HSA_DISABLE_CACHE=1 rdna1-trace -o b -- ./prog; rdna1-trace compare a b\n"
	"\n"
	"      --all          what is alike row by row, too\n"
	"      --format text  for a person (the default)\n"
	"      --format json  everything as one JSON object\n"
	"  -h, --help         this text\n"
	"\n"
	"Exit status: 0 equal, 1 different, 2 wrong usage or an unreadable trace.\n";

int cmd_compare(int argc, char **argv)
{
	static const struct option options[] = {{"all", no_argument, NULL, 'a'},
						{"format", required_argument, NULL, 'F'},
						{"help", no_argument, NULL, 'h'},
						{0}};
	struct compare_options o = {.width = terminal_width()};
	bool json = false;
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		switch (c) {
		case 'a':
			o.all = true;
			break;
		case 'F':
			json = !strcmp(optarg, "json");
			if (!json && strcmp(optarg, "text"))
				return usage_error("compare: --format is text or json, not %s", optarg);
			break;
		case 'h':
			fputs(help, stdout);
			return 0;
		case ':':
			return usage_error("compare: option %s needs a value", bad_option(argv));
		default:
			return usage_error("compare: unknown option %s", bad_option(argv));
		}
	}
	if (argc - optind != 2)
		return usage_error("compare takes two trace directories");
	o.names[0] = argv[optind];
	o.names[1] = argv[optind + 1];
	return compare(&o, json);
}
