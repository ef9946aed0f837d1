// SPDX-License-Identifier: MIT
/* rdna1-trace report: what happened, as text. */
#include "cmd.h"
#include "cmd_judge.h"
#include "cmd_quarantine.h"
#include "base/buf.h"
#include "base/log.h"
#include "record/value.h"
#include "report/text.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

bool is_recording(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool locked = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) && errno == EWOULDBLOCK;

	if (fd >= 0)
		close(fd);
	return locked;
}

/* What the recorder found where the agent did not come; the texts are the session's. */
static struct why_agentless *agentless_of(const struct json_t *session, size_t *count)
{
	const struct json_t *list = value__at(session, "without_agent"), *item;
	struct why_agentless *found = xcalloc(value__count(list) + 1, sizeof(*found));
	int64_t pid;

	*count = 0;
	for (size_t i = 0; (item = value__item(list, i, NULL)); i++)
		if (value__number(item, "pid", &pid) && value__text(item, "why"))
			found[(*count)++] = (struct why_agentless){(uint32_t)pid, value__text(item, "why")};
	return found;
}

struct report_options {
	struct text_options text;
	bool json, address, quarantine;
	uint64_t va, ts_ns;
	const char *file; /* of the quarantine; NULL: the user's */
};

static int write_out(struct buf *b)
{
	fwrite(buf__str(b), 1, b->len, stdout);
	buf__free(b);
	if (fflush(stdout) || ferror(stdout)) {
		log_err("cannot write the output");
		return 1;
	}
	return 0;
}

static int to_quarantine(const struct judged *j, const char *dir, const struct report_options *o)
{
	char *path;
	int status = 1;

	if (j->recording) {
		log_err("the trace is still being recorded: what a run confirms is known when it has ended");
		return 1;
	}
	path = quarantine_file(o->file);
	if (path)
		status = quarantine_trace(j, dir, path);
	free(path);
	return status;
}

static int report(const char *dir, struct report_options *o)
{
	struct judged *j = judged__open(dir);
	struct why_agentless *agentless;
	struct buf b = {0};
	int status = 0;

	if (!j)
		return 1;
	if (o->quarantine) {
		status = to_quarantine(j, dir, o);
		judged__free(j);
		return status;
	}
	o->text.recording = j->recording;
	o->text.dir = dir;
	o->text.agentless = agentless = agentless_of(j->session, &o->text.num_agentless);
	if (o->address)
		status = !report_address(&j->model, &j->findings, o->va, o->ts_ns, &b);
	else if (o->json)
		report_json(&j->model, &j->findings, &b);
	else
		report_text(&j->model, &j->findings, &o->text, &b);
	free(agentless);
	judged__free(j);
	return write_out(&b) ?: status;
}

/* "0x7f00", "0x7f00@13523.407": seconds as dump prints them. */
static bool parse_address(const char *s, struct report_options *o)
{
	char *end;
	double at;

	errno = 0;
	o->va = strtoull(s, &end, 16);
	if (end == s || errno)
		return false;
	if (*end == '@') {
		s = end + 1;
		at = strtod(s, &end);
		if (end == s || !(at > 0 && at < 1e9))
			return false;
		/* Nine digits behind the point are more than a double keeps. */
		o->ts_ns = strtoull(s, &end, 10) * 1000000000;
		if (*end == '.') {
			uint64_t digit = 100000000;

			for (end++; *end >= '0' && *end <= '9'; end++, digit /= 10)
				o->ts_ns += digit * (uint64_t)(*end - '0');
		}
	}
	o->address = true;
	return !*end;
}

static const char help[] =
	"usage: rdna1-trace report [--all | --short] [--format text|json] [DIR]\n"
	"       rdna1-trace report --address ADDR[@TIME] [DIR]\n"
	"       rdna1-trace report --quarantine[=FILE] [DIR]\n"
	"\n"
	"What happened in the trace DIR, or in the newest trace of this directory: the verdict, the\n"
	"findings with their evidence, then faults, allocations, kernels, losses.\n"
	"\n"
	"      --all            every row of a table, and every proof, however many\n"
	"      --short          verdict and findings, without the tables\n"
	"      --format F       text (default), or json: verdict, findings, what stopped the program\n"
	"      --address A      what is known of one address: who allocated it, how it is mapped, which\n"
	"                       kernels had it; at TIME (as dump prints it), else at the end\n"
	"      --quarantine     instead, write the kernels that failed to the quarantine, and say of each\n"
	"                       failure what was written, or why nothing: rdna1-trace quarantine --help\n"
	"      --quarantine=FILE  the same into FILE\n"
	"  -h, --help           this text\n";

int cmd_report(int argc, char **argv)
{
	static const struct option options[] = {{"all", no_argument, NULL, 'a'},
						{"short", no_argument, NULL, 's'},
						{"format", required_argument, NULL, 'f'},
						{"address", required_argument, NULL, 'A'},
						{"quarantine", optional_argument, NULL, 'q'},
						{"help", no_argument, NULL, 'h'},
						{0}};
	struct report_options o = {.text = {.width = terminal_width()}};
	int c, status = 0;
	char *dir;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		switch (c) {
		case 'a':
			o.text.all = true;
			break;
		case 's':
			o.text.brief = true;
			break;
		case 'f':
			if (strcmp(optarg, "text") && strcmp(optarg, "json"))
				return usage_error("report: --format is text or json, not %s", optarg);
			o.json = !strcmp(optarg, "json");
			break;
		case 'A':
			if (!parse_address(optarg, &o))
				return usage_error("report: --address is an address, or ADDRESS@SECONDS, not %s", optarg);
			break;
		case 'q':
			if (optarg && !optarg[0])
				return usage_error("report: --quarantine= takes the name of a file");
			o.quarantine = true;
			o.file = optarg;
			break;
		case 'h':
			fputs(help, stdout);
			return 0;
		case ':':
			return usage_error("report: %s needs a value", bad_option(argv));
		default:
			return usage_error("report: unknown option %s", bad_option(argv));
		}
	}
	if (o.quarantine && (o.address || o.json || o.text.all || o.text.brief))
		return usage_error("report: --quarantine writes no report: it goes with no other option");
	dir = trace_argument(argc, argv, &status);
	if (dir)
		status = report(dir, &o);
	free(dir);
	return status;
}
