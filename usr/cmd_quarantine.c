// SPDX-License-Identifier: MIT
/* rdna1-trace quarantine: what failed before, and is avoided by runs with --fallback=auto. */
#include "cmd.h"
#include "cmd_quarantine.h"
#include "base/called.h"
#include "base/log.h"
#include "base/near.h"
#include "record/sudo.h"
#include "report/table.h"
#include "../hsa-tools/quarantine/quarantine.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- the file ---- */

/* As the user who called sudo, with what their environment says. */
static int become_user(void)
{
	static const char *const names[] = {"XDG_STATE_HOME", "HOME"};
	struct sudo sudo;
	struct user user;
	int err;

	user__find(&user, false);
	if (!user.drop)
		return 0;
	sudo__ask(&sudo, &user);
	err = user__lower(&user);
	if (err)
		log_err("cannot become user %u: %s", user.uid, strerror(-err));
	for (size_t i = 0; !err && i < ARRAY_SIZE(names); i++) {
		const char *value = sudo__getenv(&sudo, names[i]);

		if (value)
			setenv(names[i], value, 1);
		else
			unsetenv(names[i]);
	}
	return err;
}

char *quarantine_file(const char *given)
{
	char path[PATH_MAX];
	int err = become_user();

	if (err)
		return NULL;
	err = quarantine__path(given, path, sizeof(path));
	if (!err)
		return xstrdup(path);
	if (err == -ENOENT)
		log_err("there is no HOME and no XDG_STATE_HOME: name the quarantine's file");
	else
		log_err("the path of the quarantine's file is too long");
	return NULL;
}

static const struct {
	int err;
	const char *why;
} reasons[] = {
	{-EAGAIN, "somebody has held its lock for two seconds: try again, or see who (fuser FILE.lock)"},
	{-EFBIG, "it is, or would be, larger than 1 MiB, or than ulimit -f allows: take entries out"},
	{-EPERM, "it is another user's"},
	{-ELOOP, "it is a symbolic link: name the file it leads to"},
	{-EISDIR, "it is a directory: name a file"},
	{-ENOTSUP, "it is no regular file"},
	{-ENOSPC, "the disk is full; nothing was changed"},
	{-EROFS, "it is on a file system that cannot be written to"},
};

void quarantine_error(const char *what, const char *path, int err)
{
	const char *why = strerror(-err);
	struct buf b = {0};

	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++)
		if (reasons[i].err == err)
			why = reasons[i].why;
	buf__visible(&b, path, strlen(path));
	log_err("cannot %s %s: %s", what, buf__str(&b), why);
	buf__free(&b);
}

/* ---- all entries ---- */

struct entries {
	VEC(struct quarantine_entry) v;
	uint32_t damaged;
};

static int collect(const struct quarantine_entry *e, uint32_t number, void *arg)
{
	struct entries *all = arg;

	(void)number;
	*VEC_PUSH(&all->v) = *e;
	return 0;
}

static int read_all(const char *path, struct entries *all)
{
	int err = quarantine__each(path, collect, all, &all->damaged);

	if (err)
		quarantine_error("read", path, err);
	else if (all->damaged)
		log_warn("%u line%s of %s %s no entr%s this version reads, and %s nothing; a change of the file leaves "
			 "a newer version's in it, and keeps one with others beside it (FILE.damaged-TIME)",
			 all->damaged, all->damaged == 1 ? "" : "s", path, all->damaged == 1 ? "is" : "are",
			 all->damaged == 1 ? "y" : "ies", all->damaged == 1 ? "avoids" : "avoid");
	return err;
}

/* ---- what is said of an entry ---- */

static const struct {
	enum quarantine_what what;
	const char *text;
} happened[] = {
	{QUARANTINE_HANG, "it hung: its queue made no progress"},
	{QUARANTINE_PAGE_FAULT, "it accessed memory that is not mapped (page fault)"},
	{QUARANTINE_APERTURE, "it accessed an address that is none (aperture violation, 0x29)"},
	{QUARANTINE_ILLEGAL_INSTRUCTION, "the chip does not have one of its instructions (0x2a)"},
	{QUARANTINE_EXCEPTION, "it stopped with an exception"},
	{QUARANTINE_USE_AFTER_FREE, "it accessed memory that the program had freed"},
	{QUARANTINE_WRONG_RESULT, "its result was wrong"},
	{QUARANTINE_BY_HAND, "it was put here by hand"},
};

static const struct {
	enum quarantine_avoid avoid;
	const char *brief, *text;
} avoided[] = {
	{QUARANTINE_AUTO, "ours, else host",
	 "a kernel of rdna1-trace's own, made for gfx1010, runs instead; where there is none for it, the host computes it"},
	{QUARANTINE_NATIVE, "ours", "a kernel of rdna1-trace's own, made for gfx1010, runs instead"},
	{QUARANTINE_HOST, "host", "the host computes it"},
	{QUARANTINE_LATE_FREE, "free later", "the memory that the program frees is kept for a while"},
};

static const char *happened_text(enum quarantine_what w)
{
	for (size_t i = 0; i < ARRAY_SIZE(happened); i++)
		if (happened[i].what == w)
			return happened[i].text;
	return "?";
}

static char *visible(const char *s)
{
	struct buf b = {0};

	buf__visible(&b, s, strlen(s));
	return b.s ? b.s : xstrdup("");
}

/* What it names, in one cell. */
static char *name_of(const struct quarantine_entry *e)
{
	return e->kernel[0] ? visible(e->kernel) : e->problem[0] ? visible(e->problem) : xasprintf("code %.12s...", e->code);
}

/* "2026-11-22", "-" */
static void put_date(struct buf *b, int64_t seconds, const char *format)
{
	time_t t = seconds;
	char text[64] = "-";
	struct tm tm;

	if (seconds && gmtime_r(&t, &tm))
		strftime(text, sizeof(text), format, &tm);
	buf__puts(b, text);
}

/* "gfx1010 emulated", "any" */
static char *gpu_of(const struct quarantine_entry *e)
{
	char *gpu = visible(e->gpu[0] ? e->gpu : e->emulated ? "any" : "any card");
	char *text = xasprintf("%s%s", gpu, e->emulated ? " emulated" : "");

	free(gpu);
	return text;
}

static int write_out(struct buf *b, bool wrap)
{
	struct buf out = {0};

	if (wrap)
		wrap_lines(&out, buf__str(b), terminal_width());
	else
		buf__put(&out, buf__str(b), b->len);
	fwrite(buf__str(&out), 1, out.len, stdout);
	buf__free(&out);
	buf__free(b);
	if (fflush(stdout) || ferror(stdout)) {
		log_err("cannot write the output");
		return 1;
	}
	return 0;
}

/* ---- list ---- */

static void put_field(struct buf *b, const char *key, const char *value)
{
	buf__printf(b, "\"%s\":", key);
	buf__json(b, value, strlen(value));
	buf__putc(b, ',');
}

static void put_json(struct buf *b, const struct entries *all, const char *path)
{
	buf__putc(b, '{');
	put_field(b, "file", path);
	buf__printf(b, "\"lines_not_read\":%u,\n\"entries\":[", all->damaged);
	for (size_t i = 0; i < all->v.n; i++) {
		const struct quarantine_entry *e = &all->v.v[i];

		buf__printf(b, "%s\n{\"number\":%zu,", i ? "," : "", i + 1);
		put_field(b, "kernel", e->kernel);
		put_field(b, "what", quarantine__what_name(e->what));
		put_field(b, "avoid", quarantine__avoid_name(e->avoid));
		put_field(b, "problem", e->problem);
		put_field(b, "code", e->code);
		put_field(b, "gpu", e->gpu);
		put_field(b, "isa", e->isa);
		put_field(b, "rocm", e->rocm);
		put_field(b, "trace", e->trace);
		buf__printf(b, "\"emulated\":%s,\"suspect\":%s,\"count\":%u,\"first_s\":%" PRId64 ",\"last_s\":%" PRId64 "}",
			    e->emulated ? "true" : "false", e->suspect ? "true" : "false", e->count, e->first_s, e->last_s);
	}
	buf__puts(b, "]}\n");
}

#define TABLE_WIDTH 110u

static const char *instead_of(const struct quarantine_entry *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(avoided); i++)
		if (avoided[i].avoid == e->avoid)
			return avoided[i].brief;
	return "?";
}

static void put_table(struct buf *b, const struct entries *all)
{
	static const struct column columns[] = {{"", true, CUT_NEVER, 0},	{"kernel", false, CUT_MIDDLE, 0},
						{"what", false, CUT_NEVER, 0},	{"times", true, CUT_NEVER, 0},
						{"last", false, CUT_NEVER, 0},	{"GPU", false, CUT_NEVER, 0},
						{"instead", false, CUT_NEVER, 0}};
	struct table t = {.columns = columns, .num_columns = ARRAY_SIZE(columns)};

	for (size_t i = 0; i < all->v.n; i++) {
		const struct quarantine_entry *e = &all->v.v[i];
		struct buf last = {0};

		put_date(&last, e->last_s, "%Y-%m-%d");
		table__cellf(&t, "%zu", i + 1);
		table__cell(&t, name_of(e));
		table__cellf(&t, "%s%s", quarantine__what_name(e->what), e->suspect ? " (suspect)" : "");
		table__cellf(&t, "%u", e->count);
		table__cell(&t, last.s);
		table__cell(&t, gpu_of(e));
		table__cellf(&t, "%s", instead_of(e));
	}
	table__render(&t, b, terminal_width());
}

/* Where a table would leave nothing of the kernels' names. */
static void put_lines(struct buf *b, const struct entries *all)
{
	struct buf text = {0};

	for (size_t i = 0; i < all->v.n; i++) {
		const struct quarantine_entry *e = &all->v.v[i];
		char *name = name_of(e), *gpu = gpu_of(e);

		buf__printf(&text, "  %zu  %s\n", i + 1, name);
		buf__printf(&text, "     %s%s, %u time%s", quarantine__what_name(e->what), e->suspect ? " (suspect)" : "",
			    e->count, e->count == 1 ? "" : "s");
		if (e->last_s)
			put_date(&text, e->last_s, e->count == 1 ? ", %Y-%m-%d" : ", last %Y-%m-%d");
		buf__printf(&text, ", %s; instead: %s\n", gpu, instead_of(e));
		free(name);
		free(gpu);
	}
	wrap_lines(b, buf__str(&text), terminal_width());
	buf__free(&text);
}

static void put_empty(struct buf *b, const char *path)
{
	char *p = visible(path);

	buf__printf(b, "Nothing is in quarantine: %s %s.\n", p, access(path, F_OK) ? "is not there" : "has no entry");
	free(p);
}

struct request {
	const char *path, *kernel;
	struct quarantine_entry entry; /* add */
	bool json, all;
	char **words; /* behind the action */
	int num_words;
};

static int list(const struct request *r, struct entries *all)
{
	bool emulated = false;
	struct buf b = {0};

	if (r->json) {
		put_json(&b, all, r->path);
		return write_out(&b, false);
	}
	if (!all->v.n) {
		put_empty(&b, r->path);
		return write_out(&b, true);
	}
	buf__printf(&b, "What failed, and what a run with --fallback=auto does instead\n");
	if (terminal_width() < TABLE_WIDTH)
		put_lines(&b, all);
	else
		put_table(&b, all);
	for (size_t i = 0; i < all->v.n; i++)
		emulated |= all->v.v[i].emulated;
	if (emulated)
		buf__puts(&b, "emulated: it happened on the emulated device, and counts there alone.\n");
	buf__printf(&b, WRAP_NOT "%s quarantine explain N says more of one, remove N takes it out.\n", called());
	return write_out(&b, false);
}

/* ---- which one ---- */

static void put_numbers(struct buf *b, const struct entries *all, const char *kernel)
{
	for (size_t i = 0; i < all->v.n; i++)
		if (!strcmp(all->v.v[i].kernel, kernel))
			buf__printf(b, "%s%zu", b->len ? ", " : "", i + 1);
}

/* Number of the entry of this kernel; 0 after saying that there is none, or several. */
static size_t find_kernel(const struct entries *all, const char *kernel)
{
	size_t found = 0, n = 0;
	struct near near = {0};
	struct buf b = {0};

	for (size_t i = 0; i < all->v.n; i++) {
		near__try(&near, kernel, all->v.v[i].kernel);
		if (strcmp(all->v.v[i].kernel, kernel))
			continue;
		found = found ?: i + 1;
		n++;
	}
	if (n == 1)
		return found;
	put_numbers(&b, all, kernel);
	if (n)
		log_err("%zu entries are of %s: give the number of one (%s)", n, kernel, buf__str(&b));
	else if (near.name)
		log_err("no entry is of %s. Was %s meant?", kernel, near.name);
	else
		log_err("no entry is of %s: %s quarantine list shows them", kernel, called());
	buf__free(&b);
	return 0;
}

/* The same of a number as it was typed. */
static size_t find_number(const struct entries *all, const char *word)
{
	char *end;
	unsigned long n = strtoul(word, &end, 10);

	if (!isdigit((unsigned char)word[0]) || *end)
		usage_error("quarantine: %s is no number of an entry; --kernel names a kernel", word);
	else if (!all->v.n)
		log_err("there is no entry %s: nothing is in quarantine", word);
	else if (n < 1 || n > all->v.n)
		log_err("there is no entry %s: they go from 1 to %zu", word, all->v.n);
	else
		return n;
	return 0;
}

/* ---- add ---- */

/* "foo.kd" is foo's descriptor: entries are of the kernel. */
static bool take_name(char *out, size_t size, const char *name, const char *what)
{
	size_t len = strlen(name);

	if (len > 3 && !strcmp(name + len - 3, ".kd") && size > 200)
		len -= 3;
	if (!len || len >= size) {
		usage_error(len ? "quarantine add: %s is longer than %zu characters" : "quarantine add: %s is empty", what, size - 1);
		return false;
	}
	memcpy(out, name, len);
	out[len] = 0;
	return true;
}

static bool take_code(char out[65], const char *hex)
{
	if (!strncmp(hex, "sha256:", 7))
		hex += 7;
	for (int i = 0; i < 64; i++) {
		if (!isxdigit((unsigned char)hex[i])) {
			usage_error("quarantine add: --code takes the SHA-256 of a code object, 64 hexadecimal digits "
				    "(sha256sum FILE.co), not %s", hex);
			return false;
		}
		out[i] = (char)tolower((unsigned char)hex[i]);
	}
	if (!hex[64])
		return true;
	usage_error("quarantine add: --code has more than 64 digits");
	return false;
}

static bool take_gpu(char out[32], const char *gpu)
{
	size_t len = strlen(gpu);

	if (strncmp(gpu, "gfx", 3) || len < 6 || len > 8 || strspn(gpu + 3, "0123456789abcdef") != len - 3) {
		usage_error("quarantine add: --gpu takes a chip such as gfx1010, not %s", gpu);
		return false;
	}
	memcpy(out, gpu, len + 1);
	return true;
}

static void put_words(struct buf *b, bool whats)
{
	if (whats)
		for (size_t i = 0; i < ARRAY_SIZE(happened); i++)
			buf__printf(b, "%s%s", i ? ", " : "", quarantine__what_name(happened[i].what));
	else
		for (size_t i = 0; i < ARRAY_SIZE(avoided); i++)
			buf__printf(b, "%s%s", i ? ", " : "", quarantine__avoid_name(avoided[i].avoid));
}

static int bad_word(const char *option, const char *word, bool whats)
{
	struct buf b = {0};

	put_words(&b, whats);
	usage_error("quarantine add: %s is one of %s; not %s", option, buf__str(&b), word);
	buf__free(&b);
	return EXIT_USAGE;
}

static int add(const struct request *r, struct entries *all)
{
	struct quarantine_entry e = r->entry;
	struct buf b = {0};
	char *name;
	int err;

	(void)all;
	if (!e.kernel[0] && !e.problem[0] && !e.code[0])
		return usage_error("quarantine add: say what is to be avoided: --kernel, --code or --problem");
	e.what = e.what ?: QUARANTINE_BY_HAND;
	e.avoid = e.avoid ?: QUARANTINE_AUTO;
	err = quarantine__add(r->path, &e);
	if (err) {
		quarantine_error("add to", r->path, err);
		return 1;
	}
	name = name_of(&e);
	buf__printf(&b, "%s is in quarantine: %s\n", name, r->path);
	free(name);
	return write_out(&b, true);
}

/* ---- remove ---- */

struct removal {
	const struct quarantine_entry *e; /* NULL: all */
	size_t number;
};

/* Still that one: another process may have taken something out since. */
static int is_it(const struct quarantine_entry *e, uint32_t number, void *arg)
{
	const struct removal *x = arg;
	char a[QUARANTINE_LINE_MAX], b[QUARANTINE_LINE_MAX];
	struct quarantine_entry now = *e;

	if (!x->e)
		return 1;
	now.count = x->e->count;
	now.last_s = x->e->last_s;
	memcpy(now.trace, x->e->trace, sizeof(now.trace));
	quarantine__text(&now, a, sizeof(a));
	quarantine__text(x->e, b, sizeof(b));
	return number == x->number && !strcmp(a, b);
}

static int take_out(const struct request *r, struct entries *all)
{
	struct removal x = {0};
	uint32_t removed = 0;
	struct buf b = {0};
	int err;

	if (r->all + (r->kernel != NULL) + (r->num_words > 0) != 1)
		return usage_error("quarantine remove takes one of: the number of an entry, --kernel NAME, --all");
	if (!r->all) {
		x.number = r->kernel ? find_kernel(all, r->kernel) : find_number(all, r->words[0]);
		if (!x.number)
			return 1;
		x.e = &all->v.v[x.number - 1];
	}
	err = quarantine__remove(r->path, is_it, &x, &removed);
	if (err) {
		quarantine_error("change", r->path, err);
		return 1;
	}
	if (!removed && x.e) {
		log_err("%s was changed by another process: see %s quarantine list, and try again", r->path, called());
		return 1;
	}
	if (x.e) {
		char *name = name_of(x.e);

		buf__printf(&b, "%s (%s) is not in quarantine any more.\n", name, quarantine__what_name(x.e->what));
		free(name);
	} else {
		buf__printf(&b, "%u entr%s taken out.\n", removed, removed == 1 ? "y was" : "ies were");
	}
	return write_out(&b, true);
}

/* ---- explain ---- */

static void explain_where(struct buf *b, const struct quarantine_entry *e)
{
	char *gpu = visible(e->gpu), *isa = visible(e->isa), *rocm = visible(e->rocm);

	if (gpu[0])
		buf__printf(b, "  On %s", gpu);
	else
		buf__puts(b, "  On any GPU");
	if (isa[0] && strcmp(isa, gpu))
		buf__printf(b, ", which the runtime took for %s (HSA_OVERRIDE_GFX_VERSION)", isa);
	if (rocm[0])
		buf__printf(b, ", with ROCm %s", rocm);
	buf__puts(b, ".\n");
	if (e->emulated)
		buf__puts(b, "  That GPU was the emulated device: it says nothing of a card, and the entry counts on the "
			     "emulated device alone.\n");
	free(gpu);
	free(isa);
	free(rocm);
}

static void explain_when(struct buf *b, const struct quarantine_entry *e)
{
	buf__printf(b, "  %u time%s", e->count, e->count == 1 ? "" : "s");
	if (e->first_s && e->first_s != e->last_s) {
		buf__puts(b, ", first ");
		put_date(b, e->first_s, "%Y-%m-%d %H:%M:%S UTC");
	}
	if (e->last_s) {
		buf__printf(b, ", %s", e->first_s != e->last_s ? "last " : "");
		put_date(b, e->last_s, "%Y-%m-%d %H:%M:%S UTC");
	}
	buf__puts(b, ".\n");
}

static void explain_trace(struct buf *b, const struct quarantine_entry *e)
{
	struct buf dir = {0};

	if (!e->trace[0]) {
		if (e->what != QUARANTINE_BY_HAND)
			buf__puts(b, "  No trace of it is known.\n");
		return;
	}
	/* A name of control characters is not for a shell, either. */
	for (const char *c = e->trace; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return;
	buf__shell(&dir, e->trace);
	if (access(e->trace, F_OK))
		buf__printf(b, "  Its trace is not there any more: %s\n", buf__str(&dir));
	else
		buf__printf(b, "  The trace that shows it:\n" WRAP_NOT "    %s report %s\n", called(), buf__str(&dir));
	buf__free(&dir);
}

static void explain_one(struct buf *b, const struct quarantine_entry *e, size_t number)
{
	char *kernel = visible(e->kernel), *problem = visible(e->problem);

	if (e->kernel[0])
		buf__printf(b, "%zu: kernel %s\n", number, kernel);
	else
		buf__printf(b, "%zu: any kernel%s\n", number, e->code[0] ? " of a code object" : "");
	buf__printf(b, "  What happened: %s.\n", happened_text(e->what));
	if (e->suspect)
		buf__puts(b, "  It is a suspect: several kernels ran when it happened, and which of them it was is not "
			     "known.\n");
	explain_when(b, e);
	explain_where(b, e);
	if (e->problem[0])
		buf__printf(b, "  The convolution: %s\n  Others of this kernel are left alone.\n", problem);
	if (e->code[0])
		buf__printf(b, "  Its code object, by SHA-256:\n" WRAP_NOT "    %s\n  Another build of it is left alone.\n", e->code);
	explain_trace(b, e);
	for (size_t i = 0; i < ARRAY_SIZE(avoided); i++)
		if (avoided[i].avoid == e->avoid)
			buf__printf(b, "  With --fallback=auto %s.\n", avoided[i].text);
	buf__printf(b, "  To take it out:\n" WRAP_NOT "    %s quarantine remove %zu\n", called(), number);
	free(kernel);
	free(problem);
}

static int explain(const struct request *r, struct entries *all)
{
	struct buf b = {0};
	size_t number = 0;

	if (r->num_words) {
		number = find_number(all, r->words[0]);
		if (!number)
			return 1;
	}
	for (size_t i = 0; i < all->v.n; i++)
		if (!number || number == i + 1) {
			buf__puts(&b, b.len ? "\n" : "");
			explain_one(&b, &all->v.v[i], i + 1);
		}
	if (!all->v.n)
		put_empty(&b, r->path);
	return write_out(&b, true);
}

static int path(const struct request *r, struct entries *all)
{
	struct buf b = {0};

	(void)all;
	buf__printf(&b, "%s\n", r->path);
	return write_out(&b, false);
}

/* ---- the command ---- */

static const char help[] =
	"usage: rdna1-trace quarantine [-f FILE] [list [--json]]\n"
	"       rdna1-trace quarantine [-f FILE] add --kernel NAME [OPTIONS]\n"
	"       rdna1-trace quarantine [-f FILE] remove N | --kernel NAME | --all\n"
	"       rdna1-trace quarantine [-f FILE] explain [N]\n"
	"       rdna1-trace quarantine [-f FILE] path\n"
	"\n"
	"Kernels that hung or failed before. A run with --fallback=auto avoids them. The file is text and\n"
	"may be edited: docs/quarantine.md.\n"
	"\n"
	"  -f, --file FILE      this file, and not $XDG_STATE_HOME/rdna1-trace/quarantine\n"
	"                       (~/.local/state/rdna1-trace/quarantine)\n"
	"      --json           list: as JSON\n"
	"      --all            remove: every entry\n"
	"      --kernel NAME    the kernel's name, as the report has it; add: or a pattern ('naive_conv_*')\n"
	"      --code SHA256    add: only of the code object with this digest\n"
	"      --problem TEXT   add: only this convolution, as the report has it\n"
	"      --gpu CHIP       add: only on this chip (gfx1010)\n"
	"      --emulated       add: on the emulated device, and not on cards\n"
	"      --what WORD      add: what happened: hang, page-fault, aperture, illegal-instruction, exception,\n"
	"                       use-after-free, wrong-result, by-hand (the default)\n"
	"      --avoid WORD     add: what a run does instead: auto (our kernel if there is one, else the host;\n"
	"                       the default), native (our kernel), host, late-free (free memory later)\n"
	"  -h, --help           this text\n";

enum { OPTION_JSON = 1, OPTION_ALL = 2, OPTION_KERNEL = 4, OPTION_ADD = 8 };

static const struct action {
	const char *name;
	int (*run)(const struct request *r, struct entries *all);
	unsigned int options;
	int words;
	bool reads;
} actions[] = {
	{"list", list, OPTION_JSON, 0, true},
	{"add", add, OPTION_KERNEL | OPTION_ADD, 0, false},
	{"remove", take_out, OPTION_ALL | OPTION_KERNEL, 1, true},
	{"explain", explain, 0, 1, true},
	{"path", path, 0, 0, false},
};

static const struct action *find_action(const char *word)
{
	struct near near = {0};

	for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
		if (!strcmp(actions[i].name, word))
			return &actions[i];
		near__try(&near, word, actions[i].name);
	}
	if (near.name)
		usage_error("quarantine: there is no %s. Was %s meant?", word, near.name);
	else
		usage_error("quarantine: there is no %s; it takes list, add, remove, explain or path", word);
	return NULL;
}

/* An option of add's. False after saying what is wrong. */
static bool take_option(struct quarantine_entry *e, int c, const char *value)
{
	switch (c) {
	case 'c':
		return take_code(e->code, value);
	case 'p':
		return take_name(e->problem, sizeof(e->problem), value, "--problem");
	case 'g':
		return take_gpu(e->gpu, value);
	case 'e':
		e->emulated = true;
		return true;
	case 'w':
		e->what = quarantine__what_of(value);
		return e->what || !bad_word("--what", value, true);
	default:
		e->avoid = quarantine__avoid_of(value);
		return e->avoid || !bad_word("--avoid", value, false);
	}
}

static int run(const struct action *a, struct request *r, const char *file)
{
	struct entries all = {0};
	char *found = quarantine_file(file);
	int status = 1;

	r->path = found;
	if (found && (!a->reads || !read_all(found, &all)))
		status = a->run(r, &all);
	free(all.v.v);
	free(found);
	return status;
}

int cmd_quarantine(int argc, char **argv)
{
	static const struct option options[] = {{"file", required_argument, NULL, 'f'},
						{"json", no_argument, NULL, 'j'},
						{"all", no_argument, NULL, 'a'},
						{"kernel", required_argument, NULL, 'k'},
						{"code", required_argument, NULL, 'c'},
						{"problem", required_argument, NULL, 'p'},
						{"gpu", required_argument, NULL, 'g'},
						{"emulated", no_argument, NULL, 'e'},
						{"what", required_argument, NULL, 'w'},
						{"avoid", required_argument, NULL, 'v'},
						{"help", no_argument, NULL, 'h'},
						{0}};
	struct request r = {0};
	const struct action *a = &actions[0];
	const char *file = NULL;
	unsigned int given = 0;
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":f:h", options, NULL)) != -1) {
		switch (c) {
		case 'f':
			if (!optarg[0])
				return usage_error("quarantine: -f takes the name of a file");
			file = optarg;
			break;
		case 'j':
			r.json = true;
			given |= OPTION_JSON;
			break;
		case 'a':
			r.all = true;
			given |= OPTION_ALL;
			break;
		case 'k':
			r.kernel = optarg;
			if (!take_name(r.entry.kernel, sizeof(r.entry.kernel), optarg, "--kernel"))
				return EXIT_USAGE;
			given |= OPTION_KERNEL;
			break;
		case 'h':
			fputs(help, stdout);
			return 0;
		case ':':
			return usage_error("quarantine: %s needs a value", bad_option(argv));
		case '?':
			return usage_error("quarantine: unknown option %s", bad_option(argv));
		default:
			if (!take_option(&r.entry, c, optarg))
				return EXIT_USAGE;
			given |= OPTION_ADD;
		}
	}
	if (optind < argc) {
		a = find_action(argv[optind++]);
		if (!a)
			return EXIT_USAGE;
	}
	if (given & ~a->options)
		return usage_error("quarantine %s does not take %s", a->name,
				   given & ~a->options & OPTION_JSON	 ? "--json"
				   : given & ~a->options & OPTION_ALL	 ? "--all"
				   : given & ~a->options & OPTION_KERNEL ? "--kernel"
									 : "options of add");
	if (argc - optind > a->words)
		return usage_error("quarantine %s: what is %s?", a->name, argv[optind + a->words]);
	r.words = argv + optind;
	r.num_words = argc - optind;
	/* By the name it is kept under. */
	if (r.kernel)
		r.kernel = r.entry.kernel;
	return run(a, &r, file);
}
