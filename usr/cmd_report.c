// SPDX-License-Identifier: MIT
/* rdna1-trace report: what happened, as text. */
#include "cmd.h"
#include "base/buf.h"
#include "base/log.h"
#include "caps/caps.h"
#include "record/session.h"
#include "record/value.h"
#include "report/text.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
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

/* NULL where it is not there, or is no file: a trace is someone else's, a FIFO would be waited for. */
static struct json_t *read_session(const char *dir)
{
	char err[1024], *path = xasprintf("%s/session.json", dir);
	struct json_t *session = NULL;
	struct stat st;

	if (!stat(path, &st) && S_ISREG(st.st_mode))
		session = session__read(dir, err, sizeof(err));
	free(path);
	return session;
}

/*
 * Of the GPU that KFD's topology names, as session.json has it; 0 where it does not say. Of several
 * the first that is RDNA1, which this tool is for, else the first.
 */
static unsigned int gfx_of(const struct json_t *session)
{
	const struct json_t *nodes = value__at(session, "facts.device.nodes"), *n;
	unsigned int gfx = 0;
	int64_t version;

	for (size_t i = 0; (n = value__item(nodes, i, NULL)); i++) {
		if (!value__number(n, "properties.gfx_target_version", &version) || version <= 0 ||
		    version > INT32_MAX)
			continue;
		if (!gfx || (version >= CAPS_RDNA1_FIRST && version <= CAPS_RDNA1_LAST))
			gfx = (unsigned int)version;
		if (gfx >= CAPS_RDNA1_FIRST && gfx <= CAPS_RDNA1_LAST)
			break;
	}
	return gfx;
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

static int report(const char *dir, struct text_options *o)
{
	struct model m;
	struct why_agentless *agentless;
	struct json_t *session;
	struct buf b = {0};
	struct trace *t;
	char err[1024];

	t = trace__open(dir, err, sizeof(err));
	if (!t) {
		log_err("%s", err);
		return 1;
	}
	o->recording = is_recording(dir);
	o->dir = dir;
	session = read_session(dir);
	o->agentless = agentless = agentless_of(session, &o->num_agentless);
	model__read(&m, t, gfx_of(session));
	trace__close(t);
	report_text(&m, o, &b);
	free(agentless);
	value__free(session);
	fwrite(buf__str(&b), 1, b.len, stdout);
	buf__free(&b);
	model__free(&m);
	if (fflush(stdout) || ferror(stdout)) {
		log_err("cannot write the output");
		return 1;
	}
	return 0;
}

static const char help[] =
	"usage: rdna1-trace report [--all] [DIR]\n"
	"\n"
	"What happened in the trace DIR, or in the newest trace of this directory: device, faults,\n"
	"allocations, kernels, losses.\n"
	"\n"
	"      --all   every row of a table, however many\n"
	"  -h, --help  this text\n";

int cmd_report(int argc, char **argv)
{
	static const struct option options[] = {
		{"all", no_argument, NULL, 'a'}, {"help", no_argument, NULL, 'h'}, {0}};
	struct text_options o = {.width = terminal_width()};
	int c, status = 0;
	char *dir;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		switch (c) {
		case 'a':
			o.all = true;
			break;
		case 'h':
			fputs(help, stdout);
			return 0;
		default:
			return usage_error("report: unknown option %s", bad_option(argv));
		}
	}
	dir = trace_argument(argc, argv, &status);
	if (dir)
		status = report(dir, &o);
	free(dir);
	return status;
}
