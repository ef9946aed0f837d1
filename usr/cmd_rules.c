// SPDX-License-Identifier: MIT
/* rdna1-trace rules: the catalogue of what the report looks for. */
#include "cmd.h"
#include "analysis/findings.h"
#include "base/buf.h"
#include "base/called.h"
#include "base/log.h"
#include "base/near.h"
#include "report/table.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void put_line(struct buf *b, const char *title, const char *text)
{
	buf__printf(b, "  %s: %s\n", title, text);
}

static void put_rule(struct buf *b, const struct rule *r)
{
	buf__printf(b, "%s (%s): %s\n", r->id, severity_name(r->severity), r->title);
	put_line(b, "needs", r->needs);
	put_line(b, "decides", r->decides);
	put_line(b, "remedy", r->remedy);
	put_line(b, "source", r->source);
}

static void put_list(struct buf *b)
{
	const char *group = NULL;
	const struct rule *r;

	for (size_t i = 0; (r = rule__get(i)); i++) {
		if (rule__group(r) != group)
			buf__printf(b, "%s%s\n", group ? "\n" : "", rule__group(r));
		group = rule__group(r);
		buf__printf(b, "  %-26s %s\n", r->id, r->title);
	}
	buf__printf(
		b,
		"\n%s rules ID says of a rule what it needs, how it decides and by which source.\n",
		called());
}

/* docs/rules.md */
static void put_markdown(struct buf *b)
{
	const char *group = NULL;
	const struct rule *r;

	buf__puts(b, "# The rules\n\n"
		     "What `rdna1-trace report` looks for in a trace. Made by `rdna1-trace rules "
		     "--format md` from\n"
		     "`usr/analysis/rules.def`; a test compares them.\n\n"
		     "A finding is **confirmed** (events of the trace show it), **possible** (they "
		     "agree with it and with\n"
		     "something else), **ruled out** (events show that it is not so), or **not "
		     "decidable** (what would decide\n"
		     "it was not recorded; the report says which recording would). What weakens a "
		     "conclusion, such as lost\n"
		     "events, stands with it. On the emulated device everything is marked as "
		     "emulated.\n");
	for (size_t i = 0; (r = rule__get(i)); i++) {
		if (rule__group(r) != group)
			buf__printf(b, "\n## %s\n", rule__group(r));
		group = rule__group(r);
		buf__printf(b, "\n### %s\n\n%s (%s).\n\n", r->id, r->title,
			    severity_name(r->severity));
		buf__printf(
			b,
			"- **Needs**: %s\n- **Decides**: %s\n- **Remedy**: %s\n- **Source**: %s\n",
			r->needs, r->decides, r->remedy, r->source);
	}
}

static const char help[] = "usage: rdna1-trace rules [--format text|md] [ID]\n"
			   "\n"
			   "The rules that report judges a trace by. With ID, one of them: what it "
			   "needs, how it decides,\n"
			   "the remedy and its source.\n"
			   "\n"
			   "      --format F   text (default), or md: the file docs/rules.md\n"
			   "  -h, --help       this text\n";

static int print(struct buf *b, bool wrap)
{
	struct buf out = {0};

	if (wrap)
		wrap_lines(&out, buf__str(b), terminal_width());
	else
		buf__put(&out, buf__str(b), b->len);
	fwrite(buf__str(&out), 1, out.len, stdout);
	buf__free(b);
	buf__free(&out);
	if (fflush(stdout) || ferror(stdout)) {
		log_err("cannot write the output");
		return 1;
	}
	return 0;
}

/* By its id, in any case; else the near one. */
static const struct rule *find_rule(const char *id, struct near *near)
{
	const struct rule *r;

	for (size_t i = 0; (r = rule__get(i)); i++) {
		if (!strcasecmp(r->id, id))
			return r;
		near__try(near, id, r->id);
	}
	return NULL;
}

int cmd_rules(int argc, char **argv)
{
	static const struct option options[] = {
		{"format", required_argument, NULL, 'f'}, {"help", no_argument, NULL, 'h'}, {0}};
	const struct rule *rule = NULL;
	struct near near = {0};
	struct buf b = {0};
	bool md = false;
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		switch (c) {
		case 'f':
			if (strcmp(optarg, "text") && strcmp(optarg, "md"))
				return usage_error("rules: --format is text or md, not %s", optarg);
			md = !strcmp(optarg, "md");
			break;
		case 'h':
			fputs(help, stdout);
			return 0;
		case ':':
			return usage_error("rules: %s needs a value", bad_option(argv));
		default:
			return usage_error("rules: unknown option %s", bad_option(argv));
		}
	}
	if (argc - optind > 1)
		return usage_error("rules takes one ID");
	if (optind < argc) {
		rule = find_rule(argv[optind], &near);
		if (!rule && near.name)
			return usage_error("rules: there is no rule %s. Was %s meant?",
					   argv[optind], near.name);
		if (!rule)
			return usage_error("rules: there is no rule %s; without ID all are listed",
					   argv[optind]);
	}
	if (rule)
		put_rule(&b, rule);
	else if (md)
		put_markdown(&b);
	else
		put_list(&b);
	return print(&b, !md);
}
