// SPDX-License-Identifier: MIT
/* rdna1-trace explain: what error messages mean, and what they do not. */
#include "cmd.h"
#include "base/called.h"
#include "base/log.h"
#include "report/explain.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { EXIT_FOUND = 0, EXIT_UNKNOWN = 1, EXIT_UNREADABLE = 2 };

/* Each line of a text; of one that is longer than the room only the begin. 0 or negative errno. */
static int add_file(struct signature_sums *s, FILE *f)
{
	static char room[65536];
	bool rest = false; /* of a line that was taken */
	size_t len = 0, n;

	while ((n = fread(room + len, 1, sizeof(room) - len, f)) > 0) {
		char *at = room, *end;

		len += n;
		while ((end = memchr(at, '\n', len - (size_t)(at - room)))) {
			if (!rest)
				signatures__add(s, at, (size_t)(end - at));
			rest = false;
			at = end + 1;
		}
		len -= (size_t)(at - room);
		memmove(room, at, len);
		if (len == sizeof(room)) {
			if (!rest)
				signatures__add(s, room, len);
			rest = true;
			len = 0;
		}
	}
	if (len && !rest)
		signatures__add(s, room, len);
	return ferror(f) ? -(errno ? errno : EIO) : 0;
}

static int read_file(struct signature_sums *s, const char *path)
{
	bool standard = !strcmp(path, "-");
	FILE *f = standard ? stdin : fopen(path, "re");
	int err = f ? 0 : -errno;

	if (!err)
		err = add_file(s, f);
	if (err)
		log_err("cannot read %s: %s", standard ? "standard input" : path, strerror(-err));
	if (f && !standard)
		fclose(f);
	return err;
}

static void add_text(struct signature_sums *s, const char *text)
{
	for (;;) {
		size_t len = strcspn(text, "\n");

		signatures__add(s, text, len);
		if (!text[len] || !text[len + 1])
			return;
		text += len + 1;
	}
}

/* named: a word of the user's that is a file, or NULL. */
static void say_unknown(const char *named)
{
	struct buf file = {0};

	if (named)
		buf__shell(&file, named);
	if (named)
		log_err("nothing in it is an error message that is known here. It names a file; to read that: "
			"%s explain -f %s", called(), buf__str(&file));
	else
		log_err("nothing in it is an error message that is known here. Give a code alone (%s explain 0x29), "
			"the line as it was printed, or a log (%s explain -f FILE); a trace may tell: "
			"sudo %s -- COMMAND", called(), called(), called());
	buf__free(&file);
}

/* Words that nothing was found in as they are: each by itself, then all as one line. */
static void guess(struct signature_sums *s, char **words, int n)
{
	struct buf line = {0};

	for (int i = 0; i < n; i++)
		signatures__add_guess(s, words[i]);
	for (int i = 0; i < n; i++)
		buf__printf(&line, "%s%s", i ? " " : "", words[i]);
	if (!s->list.n && n > 1) {
		signature_sums__free(s);
		add_text(s, buf__str(&line));
	}
	if (!s->list.n && n > 1) {
		signature_sums__free(s);
		signatures__add_guess(s, buf__str(&line));
	}
	buf__free(&line);
}

static const char *file_among(char **words, int n)
{
	struct stat st;

	for (int i = 0; i < n; i++)
		if (!stat(words[i], &st) && S_ISREG(st.st_mode))
			return words[i];
	return NULL;
}

static int print(const struct signature_sums *s, bool json, const char *named)
{
	struct buf b = {0};
	bool written;

	if (json)
		explain_json(s, &b);
	else
		explain_text(s, terminal_width(), &b);
	if (!s->list.n)
		say_unknown(named);
	fwrite(buf__str(&b), 1, b.len, stdout);
	buf__free(&b);
	written = !fflush(stdout) && !ferror(stdout);
	if (!written)
		log_err("cannot write the output");
	return !written ? EXIT_UNREADABLE : s->list.n ? EXIT_FOUND : EXIT_UNKNOWN;
}

static const char help[] =
	"usage: rdna1-trace explain [-f FILE | -] [TEXT...]\n"
	"\n"
	"What error messages mean: those of HSA, HIP, MIOpen, rocBLAS, PyTorch, pip and the kernel in TEXT,\n"
	"in a log, or on standard input (dmesg | rdna1-trace explain -); and which readings of them are wrong,\n"
	"which rule decides what was behind them, and the recording that it needs.\n"
	"\n"
	"  -f, --file FILE    read FILE; may be repeated; - is standard input\n"
	"      --format text  for a person (the default)\n"
	"      --format json  the same as JSON\n"
	"  -h, --help         this text\n"
	"\n"
	"Exit status: 0 something was recognised, 1 nothing, 2 wrong usage or an unreadable file.\n";

int cmd_explain(int argc, char **argv)
{
	static const struct option options[] = {{"file", required_argument, NULL, 'f'},
						{"format", required_argument, NULL, 'F'},
						{"help", no_argument, NULL, 'h'},
						{0}};
	struct signature_sums s = {0};
	bool json = false, any = false;
	int c, err = 0, status;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":f:h", options, NULL)) != -1) {
		switch (c) {
		case 'f':
			any = true;
			if (!err)
				err = read_file(&s, optarg);
			break;
		case 'F':
			json = !strcmp(optarg, "json");
			if (!json && strcmp(optarg, "text"))
				return usage_error("explain: --format is text or json, not %s", optarg);
			break;
		case 'h':
			fputs(help, stdout);
			return 0;
		case ':':
			return usage_error("explain: option %s needs a value", bad_option(argv));
		default:
			return usage_error("explain: unknown option %s", bad_option(argv));
		}
	}
	if (!any && optind == argc && isatty(STDIN_FILENO))
		return usage_error("explain: give an error message, -f FILE, or - for standard input");
	if (!any && optind == argc)
		err = read_file(&s, "-");
	for (int i = optind; !err && i < argc; i++) {
		any = any || !strcmp(argv[i], "-");
		if (strcmp(argv[i], "-"))
			add_text(&s, argv[i]);
		else
			err = read_file(&s, "-");
	}
	if (!err && !any && !s.list.n && optind < argc) {
		signature_sums__free(&s);
		guess(&s, argv + optind, argc - optind);
	}
	status = err ? EXIT_UNREADABLE : print(&s, json, any ? NULL : file_among(argv + optind, argc - optind));
	signature_sums__free(&s);
	return status;
}
