// SPDX-License-Identifier: MIT
/* rdna1-trace report: what happened, as text. */
#include "cmd.h"
#include "base/log.h"
#include "report/text.h"

#include <dirent.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* The newest directory here that holds a trace; NULL when there is none. */
static char *newest_trace(void)
{
	DIR *d = opendir(".");
	struct timespec newest = {0};
	struct dirent *de;
	char *best = NULL;

	while (d && (de = readdir(d))) {
		char *meta = xasprintf("%s/ctf/metadata", de->d_name);
		struct stat st;

		/* ctf/ is made once and not changed: its time is when recording began. */
		if (de->d_name[0] != '.' && !stat(meta, &st) &&
		    (!best || st.st_mtim.tv_sec > newest.tv_sec ||
		     (st.st_mtim.tv_sec == newest.tv_sec && st.st_mtim.tv_nsec > newest.tv_nsec))) {
			free(best);
			best = xstrdup(de->d_name);
			newest = st.st_mtim;
		}
		free(meta);
	}
	if (d)
		closedir(d);
	return best;
}

static unsigned int terminal_width(void)
{
	const char *env = getenv("COLUMNS");
	struct winsize ws;
	int n = env ? atoi(env) : 0;

	if (n >= 40)
		return (unsigned int)n;
	if (isatty(STDOUT_FILENO) && !ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) && ws.ws_col >= 40)
		return ws.ws_col;
	return 80;
}

static int report(const char *dir, const struct text_options *o)
{
	struct model m;
	struct buf b = {0};
	struct trace *t;
	char err[1024];

	t = trace__open(dir, err, sizeof(err));
	if (!t) {
		log_err("%s", err);
		return 1;
	}
	model__read(&m, t);
	trace__close(t);
	report_text(&m, o, &b);
	fwrite(buf__str(&b), 1, b.len, stdout);
	buf__free(&b);
	model__free(&m);
	if (fflush(stdout) || ferror(stdout)) {
		log_err("cannot write the output");
		return 1;
	}
	return 0;
}

int cmd_report(int argc, char **argv)
{
	static const struct option options[] = {
		{"all", no_argument, NULL, 'a'}, {"help", no_argument, NULL, 'h'}, {0}};
	struct text_options o = {.width = terminal_width()};
	char *dir;
	int c, status;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		switch (c) {
		case 'a':
			o.all = true;
			break;
		case 'h':
			puts("usage: rdna1-trace report [--all] [DIR]\n\n"
			     "What happened in the trace DIR, or in the newest trace of this directory.\n\n"
			     "  --all   every row, however many");
			return 0;
		default:
			return usage_error("report: unknown option %s", argv[optind - 1]);
		}
	}
	if (argc - optind > 1)
		return usage_error("report takes one trace directory");
	dir = optind < argc ? xstrdup(argv[optind]) : newest_trace();
	if (!dir) {
		log_err("there is no trace in this directory: name one, or record with rdna1-trace -- "
			"COMMAND");
		return 1;
	}
	status = report(dir, &o);
	free(dir);
	return status;
}
