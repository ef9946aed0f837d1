// SPDX-License-Identifier: MIT
/* rdna1-trace recover: copy what is whole of a trace whose machine stopped. */
#include "cmd.h"
#include "base/log.h"
#include "record/session_copy.h"
#include "report/table.h"
#include "trace/recover.h"
#include "../hsa-tools/isa/sha256.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CODE_BYTES_MAX (1ull << 30)

struct copy {
	char *dir;	 /* of the original */
	char *out, *tmp; /* the copy's name, and until it is complete */
	bool made; /* tmp is there, and ours to remove */
	int from, from_ctf, to, to_ctf;
	struct recovered r;
	unsigned int sessions_damaged, code_objects, code_damaged;
};

/* ---- the directories ---- */

static char *without_slashes(const char *path)
{
	char *s = xstrdup(path);

	for (size_t len = strlen(s); len > 1 && s[len - 1] == '/'; len--)
		s[len - 1] = 0;
	return s;
}

/* "a/b" -> "a" and "b"; "b" -> "." and "b". The parent is the caller's to free. */
static const char *split(const char *path, char **parent)
{
	const char *slash = strrchr(path, '/');

	*parent = !slash	  ? xstrdup(".")
		  : slash == path ? xstrdup("/")
				  : strndup(path, (size_t)(slash - path));
	return slash ? slash + 1 : path;
}

/* The original is not to be changed, so the copy is not to be in it. */
static bool lies_in(const char *parent, const char *dir)
{
	char *a = realpath(parent, NULL), *b = realpath(dir, NULL);
	size_t len = b ? strlen(b) : 0;
	bool in = a && b && !strncmp(a, b, len) && (!a[len] || a[len] == '/');

	free(a);
	free(b);
	return in;
}

static bool open_original(struct copy *c)
{
	c->from = open(c->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (c->from < 0) {
		log_err("%s: %s", c->dir,
			errno == ENOTDIR ? "not a trace: a trace is a directory" : strerror(errno));
		return false;
	}
	if (is_recording(c->dir)) {
		log_err("%s is still being recorded: recover it when that has ended", c->dir);
		return false;
	}
	c->from_ctf = openat(c->from, "ctf", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (c->from_ctf < 0 && errno == ENOENT)
		c->from_ctf = dup(c->from);
	if (c->from_ctf < 0)
		log_err("%s/ctf: %s", c->dir, strerror(errno));
	return c->from_ctf >= 0;
}

static bool make_directory(struct copy *c)
{
	char *parent;
	const char *base = split(c->out, &parent);
	bool inside = lies_in(parent, c->dir);
	struct stat st;

	c->tmp = xasprintf("%s/.%s.%d", parent, base, (int)getpid());
	free(parent);
	if (inside) {
		log_err("%s is in the trace itself, which is not to be changed; give another with "
			"-o",
			c->out);
	} else if (!lstat(c->out, &st)) {
		log_err("%s is there already; give another with -o", c->out);
	} else if (mkdir(c->tmp, 0755)) {
		log_err("cannot make %s: %s; give another with -o", c->out, strerror(errno));
	} else {
		c->made = true;
		c->to = open(c->tmp, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (c->to >= 0 && !mkdirat(c->to, "ctf", 0755))
			c->to_ctf = openat(c->to, "ctf",
					   O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (c->to_ctf >= 0)
			return true;
		log_err("cannot write %s: %s; give another with -o", c->out, strerror(errno));
	}
	return false;
}

static void remove_files(int parent, const char *name)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *de;

	while (d && (de = readdir(d)))
		unlinkat(dirfd(d), de->d_name, 0);
	if (d)
		closedir(d);
	unlinkat(parent, name, AT_REMOVEDIR);
}

static void discard(const struct copy *c)
{
	if (!c->made)
		return;
	if (c->to >= 0) {
		remove_files(c->to, "ctf");
		remove_files(c->to, "code-objects");
	}
	remove_files(AT_FDCWD, c->tmp);
}

/* On disk, then under its name. 0 or negative errno. */
static int publish(const struct copy *c)
{
	char *parent;
	int fd, err = 0;

	if (syncfs(c->to))
		return -errno;
	if (renameat2(AT_FDCWD, c->tmp, AT_FDCWD, c->out, RENAME_NOREPLACE))
		err = -errno;
	/* Not every file system knows that flag; a directory replaces an empty one at most. */
	if (err == -EINVAL || err == -ENOSYS)
		err = rename(c->tmp, c->out) ? -errno : 0;
	if (err)
		return err;
	split(c->out, &parent);
	fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(parent);
	if (fd >= 0) {
		fsync(fd);
		close(fd);
	}
	return 0;
}

/* ---- code objects: their names say what their bytes must be ---- */

static bool is_named(const char *name, const char *data, size_t len)
{
	uint8_t digest[32];
	struct buf b = {0};
	bool same;

	sha256(data, len, digest);
	buf__hex(&b, digest, sizeof(digest));
	buf__puts(&b, ".co");
	same = !strcmp(buf__str(&b), name);
	buf__free(&b);
	return same;
}

static int copy_code_objects(struct copy *c)
{
	int from = openat(c->from, "code-objects", O_RDONLY | O_DIRECTORY | O_CLOEXEC), to, err = 0,
	    unread;
	DIR *d = from < 0 ? NULL : fdopendir(from);
	struct dirent *de;
	size_t len;
	char *data;

	if (!d)
		return 0;
	if (mkdirat(c->to, "code-objects", 0755)) {
		err = -errno;
		closedir(d);
		return err;
	}
	to = openat(c->to, "code-objects", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	while (!err && (de = readdir(d))) {
		if (de->d_name[0] == '.')
			continue;
		data = read_whole(dirfd(d), de->d_name, CODE_BYTES_MAX, &len, &unread);
		if (data && is_named(de->d_name, data, len)) {
			err = write_new(to, de->d_name, data, len);
			c->code_objects++;
		} else {
			c->code_damaged++;
		}
		free(data);
	}
	closedir(d);
	close(to);
	return err;
}

/* ---- what became of it ---- */

static void print_streams(const struct recovered *r, struct buf *b)
{
	static const struct column columns[] = {
		{"stream", false, false, 0},  {"chunks", true, false, 0},
		{"chunks lost", true, false, 0}, {"events", true, false, 0},
		{"of seen", true, false, 0},  {"bytes", true, false, 0},
		{"bytes lost", true, false, 0}};
	struct table t = {.columns = columns, .num_columns = ARRAY_SIZE(columns)};

	for (size_t i = 0; i < r->streams.n; i++) {
		const struct recovered_stream *s = &r->streams.v[i];

		table__cellf(&t, "%s", s->name);
		table__cellf(&t, "%u", s->chunks);
		table__cellf(&t, "%" PRIu64, s->chunks_left + s->missing);
		table__cellf(&t, "%" PRIu64, s->events);
		table__cellf(&t, "%" PRIu64, s->seen > s->events ? s->seen : s->events);
		table__cellf(&t, "%" PRIu64, s->bytes);
		table__cellf(&t, "%" PRIu64, s->bytes_left);
	}
	table__render(&t, b, 1000);
}

static void print_result(const struct copy *c)
{
	static const char *const metadata[] = {
		[METADATA_mended] = "metadata was damaged: what it says of events was mended",
		[METADATA_rebuilt] = "metadata was damaged: rebuilt from the chunks; the time of day is not known "
				     "(clock offset 0)",
	};
	const struct recovered *r = &c->r;
	struct buf b = {0};

	buf__printf(&b, "recovered %s to %s: %" PRIu64 " events\n", c->dir, c->out, r->events);
	print_streams(r, &b);
	if (r->uncounted)
		buf__printf(&b, "  %" PRIu64 " of these events stood behind what their chunk's header counts\n",
			    r->uncounted);
	if (r->missing_chunks)
		buf__printf(&b, "  chunks missing in the middle of a stream: %" PRIu64 "\n",
			    r->missing_chunks);
	if (r->foreign_chunks)
		buf__printf(&b, "  chunks of another trace, left out: %u\n", r->foreign_chunks);
	if (r->metadata)
		buf__printf(&b, "  %s\n", metadata[r->metadata]);
	if (r->metadata == METADATA_rebuilt && !r->emulated)
		buf__puts(&b, "  nothing in it says that the device was emulated\n");
	if (c->sessions_damaged)
		buf__printf(&b, "  damaged session files, not copied: %u\n", c->sessions_damaged);
	if (c->code_damaged)
		buf__printf(&b, "  code objects: %u copied, %u damaged left out\n", c->code_objects,
			    c->code_damaged);
	if (!r->damaged && !c->sessions_damaged && !c->code_damaged && !r->foreign_chunks)
		buf__puts(&b, "  nothing was damaged: the copy holds the same events\n");
	fwrite(buf__str(&b), 1, b.len, stdout);
	buf__free(&b);
}

static int recover(struct copy *c)
{
	char why[256] = "";
	int err, status = 1;

	if (!open_original(c) || !make_directory(c))
		goto out;
	err = recover_ctf(c->from_ctf, c->to_ctf, &c->r, why, sizeof(why));
	if (why[0]) {
		log_err("nothing of %s can be recovered: %s", c->dir, why);
		goto out;
	}
	if (!err)
		err = session__copy(c->from, c->to, &c->r, RDNA1_VERSION, &c->sessions_damaged);
	if (!err)
		err = copy_code_objects(c);
	if (!err)
		err = publish(c);
	if (err) {
		log_err("cannot write %s: %s; nothing of it is left there, give another with -o",
			c->out, strerror(-err));
		goto out;
	}
	print_result(c);
	if (fflush(stdout) || ferror(stdout))
		log_err("cannot write the output");
	else
		status = 0;
	c->made = false;
out:
	discard(c);
	return status;
}

static const char help[] =
	"usage: rdna1-trace recover [-o NEWDIR] DIR\n"
	"\n"
	"Copy what is whole of the trace DIR, whose machine stopped while it was recorded, so that every\n"
	"reader of CTF reads it. DIR is not changed.\n"
	"\n"
	"  -o, --output NEWDIR  the copy, made new (DIR.recovered)\n"
	"  -h, --help           this text\n";

int cmd_recover(int argc, char **argv)
{
	static const struct option options[] = {
		{"output", required_argument, NULL, 'o'}, {"help", no_argument, NULL, 'h'}, {0}};
	struct copy c = {.from = -1, .from_ctf = -1, .to = -1, .to_ctf = -1};
	const char *output = NULL;
	int opt, status;

	opterr = 0;
	while ((opt = getopt_long(argc, argv, ":o:h", options, NULL)) != -1) {
		switch (opt) {
		case 'o':
			output = optarg;
			break;
		case 'h':
			fputs(help, stdout);
			return 0;
		case ':':
			return usage_error("recover: option %s needs a value", bad_option(argv));
		default:
			return usage_error("recover: unknown option %s", bad_option(argv));
		}
	}
	if (argc - optind != 1 || !argv[optind][0])
		return usage_error("recover takes one trace directory");
	signal(SIGXFSZ, SIG_IGN); /* a file size limit is an error to say */
	c.dir = without_slashes(argv[optind]);
	c.out = output ? without_slashes(output) : xasprintf("%s.recovered", c.dir);
	status = recover(&c);
	for (size_t i = 0; i < 4; i++) {
		int fd = (int[]){c.from, c.from_ctf, c.to, c.to_ctf}[i];

		if (fd >= 0)
			close(fd);
	}
	recovered__free(&c.r);
	free(c.dir);
	free(c.out);
	free(c.tmp);
	return status;
}
