// SPDX-License-Identifier: MIT
/* rdna1-trace: pick the command. */
#include "cmd.h"
#include "base/buf.h"
#include "base/called.h"
#include "base/log.h"
#include "base/near.h"

#include <dirent.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} commands[] = {
	{"run", cmd_run},
	{"report", cmd_report},
	{"dump", cmd_dump},
	{"info", cmd_info},
	{"rules", cmd_rules},
	{"recover", cmd_recover},
	{"explain", cmd_explain},
	{"pack", cmd_pack},
	{"compare", cmd_compare},
	{"scan", cmd_scan},
	{"check", cmd_check},
	{"quarantine", cmd_quarantine},
};

void put_commands(struct buf *b)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		buf__printf(b, "%s%s", i ? ", " : "", commands[i].name);
}

const char *near_command(const char *typed)
{
	struct near n = {0};

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		near__try(&n, typed, commands[i].name);
	return n.name;
}

static const char *help = "--help"; /* of the command that was called */

int usage_error(const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	log_err("%s\nTry '%s %s'.", text, called(), help);
	return EXIT_USAGE;
}

const char *bad_option(char **argv)
{
	static char letter[3] = "-?";

	/* A letter may stand in a group (-qz): then argv is of no help. */
	if (optopt > 0 && optopt < 256 && argv[optind - 1][1] != '-') {
		letter[1] = (char)optopt;
		return letter;
	}
	return argv[optind - 1];
}

unsigned int terminal_width(void)
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

char *trace_argument(int argc, char **argv, int *status)
{
	char *dir;

	if (argc - optind > 1) {
		*status = usage_error("%s takes one trace directory", argv[0]);
		return NULL;
	}
	dir = optind < argc ? xstrdup(argv[optind]) : newest_trace();
	if (!dir) {
		log_err("there is no trace in this directory: name one, or record with "
			"%s -- COMMAND", called());
		*status = 1;
	}
	return dir;
}

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < ARRAY_SIZE(commands); i++) {
		if (strcmp(argv[1], commands[i].name))
			continue;
		if (commands[i].run != cmd_run)
			help = xasprintf("%s --help", commands[i].name);
		return commands[i].run(argc - 1, argv + 1);
	}
	/* "run" may be left out: everything else is its options and command. */
	return cmd_run(argc, argv);
}
