// SPDX-License-Identifier: MIT
/* rdna1-trace pack: a trace as one file for a bug report, without the names of persons and machines. */
#include "cmd.h"
#include "cmd_pack_tar.h"
#include "base/called.h"
#include "base/log.h"
#include "trace/chunk_redact.h"
#include "trace/reader.h"
#include "trace/recover.h"
#include "../hsa-tools/isa/sha256.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FILE_BYTES_MAX (1ull << 30)
#define NAME_BYTES_MAX 64 /* of the directory in the archive: with code-objects/SHA256.co it fits ustar */

struct packed {
	char *name; /* in the archive, below its directory */
	uint64_t bytes;
	char sha256[65];
};

struct pack {
	char *dir;    /* of the trace, as given */
	char *inside; /* its name in the archive */
	char *out, *tmp;
	bool no_code, emulated;
	int from, fd;
	struct targz *tar;
	struct redact r;
	struct buf unsearched, patterns; /* names that are too usual to be looked for: for a person, for grep */
	VEC(struct packed) files;
	VEC(char *) left;	 /* files that are not of a trace */
	unsigned int code_objects, code_left, code_naming; /* naming: a user's directory stands in them */
	unsigned int bad_chunks;
	uint64_t bytes;
};

/* ---- what is in a trace ---- */

enum file_kind { FILE_SESSION, FILE_METADATA, FILE_CHUNK, FILE_CODE, FILE_OTHER };

static bool all_digits(const char *s, const char *end)
{
	if (s == end)
		return false;
	for (; s < end; s++)
		if (*s < '0' || *s > '9')
			return false;
	return true;
}

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && !strcmp(s + n - m, end);
}

/* "session.json", "session.4711.json" */
static bool is_session(const char *name)
{
	return !strcmp(name, "session.json") ||
	       (!strncmp(name, "session.", 8) && ends_with(name, ".json") && strlen(name) > 13 &&
		all_digits(name + 8, name + strlen(name) - 5));
}

static bool is_chunk(const char *name)
{
	const char *dot = strrchr(name, '.');

	return name[0] != '.' && dot && all_digits(dot + 1, name + strlen(name));
}

static bool is_code(const char *name)
{
	return strlen(name) == 67 && ends_with(name, ".co") && strspn(name, "0123456789abcdef") == 64;
}

static enum file_kind kind_of(const char *folder, const char *name)
{
	if (!folder[0])
		return is_session(name) ? FILE_SESSION : FILE_OTHER;
	if (!strcmp(folder, "ctf"))
		return !strcmp(name, "metadata") ? FILE_METADATA : is_chunk(name) ? FILE_CHUNK : FILE_OTHER;
	return is_code(name) ? FILE_CODE : FILE_OTHER;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

typedef int file_fn(struct pack *p, enum file_kind kind, int dir, const char *folder, const char *name);

/* Every file of the trace, in one order. 0, or what `each` returned. */
static int each_file(struct pack *p, file_fn *each)
{
	static const char *const folders[] = {"", "ctf", "code-objects"};
	int rc = 0;

	for (size_t i = 0; i < ARRAY_SIZE(folders) && !rc; i++) {
		int dir = openat(p->from, folders[i][0] ? folders[i] : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		struct dirent **list = NULL;
		int n = dir < 0 ? -1 : scandirat(dir, ".", &list, NULL, by_name);

		for (int k = 0; k < n; k++) {
			const char *name = list[k]->d_name;
			bool own = !folders[i][0] && (!strcmp(name, "ctf") || !strcmp(name, "code-objects"));

			if (!rc && strcmp(name, ".") && strcmp(name, "..") && !own)
				rc = each(p, kind_of(folders[i], name), dir, folders[i], name);
			free(list[k]);
		}
		free(list);
		if (dir >= 0)
			close(dir);
	}
	return rc;
}

/* ---- names that are to go ---- */

static void learn(struct pack *p, enum redact_kind kind, const char *name)
{
	static const char *const nobody[] = {"root", "nobody", "localhost"};

	if (!name || !name[0] || redact__learn(&p->r, kind, name))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(nobody); i++)
		if (!strcmp(name, nobody[i]))
			return;
	buf__printf(&p->unsearched, "%s%s", p->unsearched.len ? ", " : "", name);
	buf__puts(&p->patterns, " -e ");
	buf__shell(&p->patterns, name);
}

/* "/data/people/kevin" names a user, too. */
static void learn_home(struct pack *p, const char *home)
{
	const char *slash = home ? strrchr(home, '/') : NULL;

	if (slash && slash != home)
		learn(p, REDACT_USER, slash + 1);
}

static void learn_line(struct pack *p, const char *path)
{
	FILE *f = fopen(path, "re");
	char line[256] = "";

	if (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\r\n")] = 0;
		if (strlen(line) >= 6)
			redact__learn(&p->r, REDACT_ID, line);
	}
	if (f)
		fclose(f);
}

/* Of this machine and its user, which need not be those of the trace. */
static void learn_machine(struct pack *p)
{
	static const char *const ids[] = {"/etc/machine-id", "/var/lib/dbus/machine-id",
					  "/sys/class/dmi/id/product_uuid", "/sys/class/dmi/id/product_serial",
					  "/sys/class/dmi/id/board_serial", "/sys/class/dmi/id/chassis_serial",
					  "/sys/class/drm/card0/device/unique_id",
					  "/sys/class/drm/card1/device/unique_id"};
	static const char *const users[] = {"USER", "LOGNAME", "SUDO_USER"};
	char host[256] = "";
	struct passwd *pw;
	struct stat st;

	pw = fstat(p->from, &st) ? NULL : getpwuid(st.st_uid);
	if (pw) {
		learn(p, REDACT_USER, pw->pw_name);
		learn_home(p, pw->pw_dir);
	}
	for (size_t i = 0; i < ARRAY_SIZE(users); i++)
		if (!pw || strcmp(pw->pw_name, getenv(users[i]) ?: ""))
			learn(p, REDACT_USER, getenv(users[i]));
	if (getenv("HOME") && (!pw || strcmp(pw->pw_dir, getenv("HOME"))))
		learn_home(p, getenv("HOME"));
	if (!gethostname(host, sizeof(host) - 1) && strcmp(host, "localhost")) {
		learn(p, REDACT_HOST, host);
		if (strchr(host, '.')) {
			*strchr(host, '.') = 0;
			learn(p, REDACT_HOST, host);
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		learn_line(p, ids[i]);
}

static int learn_file(struct pack *p, enum file_kind kind, int dir, const char *folder, const char *name)
{
	size_t len;
	int err;
	char *data;

	(void)folder;
	if (kind != FILE_SESSION && kind != FILE_CHUNK)
		return 0;
	data = read_whole(dir, name, FILE_BYTES_MAX, &len, &err);
	if (data && kind == FILE_CHUNK)
		chunk__learn(&p->r, data, len);
	else if (data)
		redact__learn_paths(&p->r, data, len);
	free(data);
	return 0;
}

/* ---- the archive ---- */

static int add(struct pack *p, const char *name, const char *data, size_t len, int64_t mtime)
{
	char *path = xasprintf("%s/%s", p->inside, name);
	struct packed *f = VEC_PUSH(&p->files);
	uint8_t digest[32];
	struct buf hex = {0};
	int err;

	sha256(data, len, digest);
	buf__hex(&hex, digest, sizeof(digest));
	memcpy(f->sha256, buf__str(&hex), sizeof(f->sha256));
	buf__free(&hex);
	f->name = xstrdup(name);
	f->bytes = len;
	p->bytes += len;
	err = targz__add(p->tar, path, data, len, mtime);
	free(path);
	return err;
}

static int64_t mtime_of(int dir, const char *name)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) ? 0 : st.st_mtime;
}

/* A text, that other files of the archive are, too. */
static int add_text(struct pack *p, const char *name, struct buf *text)
{
	int err;

	buf__puts(text, "");
	if (text->len)
		redact__text(&p->r, text->s, text->len);
	err = add(p, name, buf__str(text), text->len, time(NULL));
	buf__free(text);
	return err;
}

/* Code cannot be changed without another sum of it: that it names a user is only said. */
static bool names_somebody(struct pack *p, const char *data, size_t len)
{
	struct redact r = p->r;
	char *copy = xcalloc(1, len + 1);
	bool named;

	memcpy(copy, data, len);
	memset(r.counts, 0, sizeof(r.counts));
	named = redact__bytes(&r, copy, len);
	free(copy);
	return named;
}

static int pack_file(struct pack *p, enum file_kind kind, int dir, const char *folder, const char *name)
{
	char *path = folder[0] ? xasprintf("%s/%s", folder, name) : xstrdup(name), *data = NULL;
	size_t len;
	int err = 0;

	if (kind == FILE_CODE && p->no_code) {
		p->code_left++;
		goto out;
	}
	data = kind == FILE_OTHER ? NULL : read_whole(dir, name, FILE_BYTES_MAX, &len, &err);
	err = 0;
	if (!data) {
		*VEC_PUSH(&p->left) = xstrdup(path);
		goto out;
	}
	if (kind == FILE_CODE) {
		p->code_objects++;
		p->code_naming += names_somebody(p, data, len);
	} else if (kind == FILE_CHUNK && chunk__redact(&p->r, data, len)) {
		p->bad_chunks++;
		goto out;
	} else if (kind == FILE_SESSION) {
		redact__text(&p->r, data, len);
		redact__ids(&p->r, data);
	} else if (kind == FILE_METADATA) {
		redact__bytes(&p->r, data, len);
	}
	err = add(p, path, data, len, mtime_of(dir, name));
out:
	free(data);
	free(path);
	return err;
}

/* What a command of ours prints about the trace. */
static int run_self(const char *command, const char *option, const char *dir, struct buf *out)
{
	int pipefd[2], status = -1;
	char room[4096];
	ssize_t n;
	pid_t pid;

	if (pipe2(pipefd, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (!pid) {
		setenv("COLUMNS", "100", 1);
		dup2(pipefd[1], STDOUT_FILENO);
		dup2(pipefd[1], STDERR_FILENO);
		execl("/proc/self/exe", "rdna1-trace", command, option ? option : "--", option ? "--" : dir,
		      option ? dir : NULL, NULL);
		_exit(127);
	}
	close(pipefd[1]);
	while (pid > 0 && ((n = read(pipefd[0], room, sizeof(room))) > 0 || (n < 0 && errno == EINTR)))
		buf__put(out, room, n > 0 ? (size_t)n : 0);
	close(pipefd[0]);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return pid < 0 || status ? -EIO : 0;
}

static int add_texts(struct pack *p)
{
	struct buf report = {0}, info = {0};
	int err;

	if (run_self("report", "--all", p->dir, &report))
		log_warn("report of %s failed; what it said is in the archive", p->dir);
	err = add_text(p, "pack/report.txt", &report);
	if (err)
		return err;
	if (run_self("info", NULL, p->dir, &info))
		log_warn("info of %s failed; what it said is in the archive", p->dir);
	return add_text(p, "pack/info.txt", &info);
}

static void put_counts(const struct pack *p, struct buf *b, const char *line)
{
	for (unsigned int k = 0; k < REDACT_KINDS; k++)
		if (p->r.counts[k])
			buf__printf(b, "%s%s: %" PRIu64 "\n", line, redact_kind_name(k), p->r.counts[k]);
}

static void put_replaced(const struct pack *p, struct buf *b)
{
	struct buf counts = {0};

	put_counts(p, &counts, "  ");
	buf__printf(b, counts.len ? "Replaced, by kind:\n%s" : "Nothing of them was there to be replaced.\n",
		    buf__str(&counts));
	buf__free(&counts);
}

static void put_holds(const struct pack *p, struct buf *b)
{
	buf__puts(b, "It holds: the command line; the values of ROCm's variables and PATH, the names of the others;\n"
		     "paths of programs and libraries; addresses and sizes of memory; kernels, their arguments and\n"
		     "times; faults");
	if (p->code_objects)
		buf__printf(b, "; the machine code of kernels (%u file%s)", p->code_objects,
			    p->code_objects == 1 ? "" : "s");
	buf__puts(b, ".\nIt does not hold: what was in memory; serial numbers; other files of the directory.\n");
	if (p->code_naming)
		buf__printf(b, "A user's directory is named inside %u of the code objects, which cannot be changed: "
			       "--no-code\nleaves them out.\n", p->code_naming);
}

static int add_readme(struct pack *p)
{
	struct buf b = {0};

	buf__printf(&b, "A trace of rdna1-trace %s%s, packed for a bug report.\n\n", RDNA1_VERSION,
		    p->emulated ? ", of an EMULATED device" : "");
	put_holds(p, &b);
	/* No path of a home stands here: it would be one more that is replaced. */
	buf__puts(&b, "\nNames of persons and machines are replaced by words of the same length (USER_, HOST_), so that the\n"
		      "packets of the trace stay as long as they were. ");
	put_replaced(p, &b);
	buf__printf(&b, "\n  pack/report.txt, pack/info.txt   what rdna1-trace says of it\n"
			"  pack/MANIFEST.json               every other file with its SHA-256\n\n"
			"    rdna1-trace report %s\n    babeltrace2 %s/ctf\n", p->inside, p->inside);
	return add_text(p, "pack/README.txt", &b);
}

static int add_manifest(struct pack *p)
{
	struct buf b = {0};

	buf__printf(&b, "{\"writer\":\"rdna1-trace pack\",\"version\":\"%s\",\"emulated\":%s,\"code_objects\":%s,\n"
			"\"code_objects_left_out\":%u,\"other_files_left_out\":%zu,\"damaged_chunks_left_out\":%u,\n"
			"\"replaced\":{", RDNA1_VERSION, p->emulated ? "true" : "false", p->no_code ? "false" : "true",
		    p->code_left, p->left.n, p->bad_chunks);
	for (unsigned int k = 0; k < REDACT_KINDS; k++)
		buf__printf(&b, "%s\"%s\":%" PRIu64, k ? "," : "", redact_kind_name(k), p->r.counts[k]);
	buf__puts(&b, "},\n\"files\":[");
	for (size_t i = 0; i < p->files.n; i++) {
		buf__puts(&b, i ? ",\n{\"name\":" : "\n{\"name\":");
		buf__json(&b, p->files.v[i].name, strlen(p->files.v[i].name));
		buf__printf(&b, ",\"bytes\":%" PRIu64 ",\"sha256\":\"%s\"}", p->files.v[i].bytes, p->files.v[i].sha256);
	}
	buf__puts(&b, "]}\n");
	return add_text(p, "pack/MANIFEST.json", &b);
}

/* ---- from begin to end ---- */

static bool open_trace(struct pack *p)
{
	char err[1024];
	struct trace *t = trace__open(p->dir, err, sizeof(err));

	if (!t) {
		log_err("%s", err);
		return false;
	}
	p->emulated = trace__emulated(t);
	trace__close(t);
	if (is_recording(p->dir)) {
		log_err("%s is still being recorded: what is packed now would lack its end; pack it when that has ended",
			p->dir);
		return false;
	}
	p->from = open(p->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (p->from < 0)
		log_err("%s: %s", p->dir, strerror(errno));
	else if (faccessat(p->from, "ctf/metadata", F_OK, 0)) {
		log_err("%s is no trace directory: give the one that ctf/ is in", p->dir);
		return false;
	}
	return p->from >= 0;
}

/* The directory's name, without what it tells of a person; dots and slashes only: "trace". */
static char *name_inside(struct pack *p)
{
	char *path = realpath(p->dir, NULL), *name;

	name = xstrdup(path && strrchr(path, '/')[1] ? strrchr(path, '/') + 1 : "trace");
	free(path);
	redact__text(&p->r, name, strlen(name));
	if (strlen(name) > NAME_BYTES_MAX)
		name[NAME_BYTES_MAX] = 0;
	return name;
}

static bool open_archive(struct pack *p)
{
	struct stat st;

	if (!lstat(p->out, &st)) {
		log_err("%s is there already; give another with -o", p->out);
		return false;
	}
	p->tmp = xasprintf("%s.%d", p->out, (int)getpid());
	p->fd = open(p->tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (p->fd < 0) {
		log_err("cannot make %s: %s; give another with -o", p->out, strerror(errno));
		free(p->tmp);
		p->tmp = NULL;
		return false;
	}
	/* A trace that sudo packs is its owner's all the same. */
	if (!geteuid() && !fstat(p->from, &st) && fchown(p->fd, st.st_uid, st.st_gid))
		log_warn("%s stays root's: %s", p->out, strerror(errno));
	p->tar = targz__open(p->fd);
	if (!p->tar)
		log_err("no memory");
	return p->tar;
}

/* Under its name, once it is complete. */
static int publish(struct pack *p)
{
	int err = targz__close(p->tar);

	p->tar = NULL;
	if (!err && fsync(p->fd) && errno != EINVAL)
		err = -errno;
	if (!err && renameat2(AT_FDCWD, p->tmp, AT_FDCWD, p->out, RENAME_NOREPLACE))
		err = -errno;
	if (err == -EINVAL || err == -ENOSYS)
		err = link(p->tmp, p->out) ? -errno : unlink(p->tmp) ? -errno : 0;
	return err;
}

static void put_unsearched(const struct pack *p, struct buf *b)
{
	if (!p->unsearched.len)
		return;
	buf__puts(b, "Too short or too usual a word, so replaced behind /home/ only: ");
	buf__visible(b, buf__str(&p->unsearched), p->unsearched.len);
	buf__printf(b, ".\nIf it tells who you are, look where else it stands:\n  grep -rwI%s ", buf__str(&p->patterns));
	buf__shell(b, p->inside);
	buf__putc(b, '\n');
}

static void say(const struct pack *p)
{
	struct buf b = {0};
	struct stat st;

	buf__printf(&b, "packed %s into %s: ", p->dir, p->out);
	buf__size(&b, fstat(p->fd, &st) ? 0 : (uint64_t)st.st_size);
	buf__printf(&b, ", %zu files\n", p->files.n);
	put_holds(p, &b);
	if (p->code_left)
		buf__printf(&b, "Left out by --no-code: %u code objects.\n", p->code_left);
	for (size_t i = 0; i < p->left.n; i++) {
		buf__puts(&b, "Not of a trace, left out: ");
		buf__visible(&b, p->left.v[i], strlen(p->left.v[i]));
		buf__putc(&b, '\n');
	}
	if (p->bad_chunks)
		buf__printf(&b, "Chunks that cannot be read, left out: %u\n", p->bad_chunks);
	buf__puts(&b, "Names of users, hosts, networks and serial numbers, by words of the same length: ");
	put_replaced(p, &b);
	buf__puts(&b, "Look inside before you post it:\n  tar tzf ");
	buf__shell(&b, p->out);
	buf__puts(&b, "\n  tar xzf ");
	buf__shell(&b, p->out);
	buf__printf(&b, " && %s report %s && less %s/session.json\n", called(), p->inside, p->inside);
	put_unsearched(p, &b);
	fwrite(buf__str(&b), 1, b.len, stdout);
	buf__free(&b);
}

static int pack(struct pack *p, const char *output)
{
	int err;

	if (!open_trace(p))
		return 1;
	learn_machine(p);
	each_file(p, learn_file);
	p->inside = name_inside(p);
	p->out = output ? xstrdup(output) : xasprintf("%s.tar.gz", p->inside);
	if (!open_archive(p))
		return 1;
	err = each_file(p, pack_file);
	if (!err)
		err = add_texts(p);
	if (!err)
		err = add_readme(p);
	if (!err)
		err = add_manifest(p);
	if (!err)
		err = publish(p);
	if (err) {
		log_err("cannot write %s: %s; nothing of it is left there, give another with -o", p->out, strerror(-err));
		return 1;
	}
	free(p->tmp);
	p->tmp = NULL;
	say(p);
	if (!fflush(stdout) && !ferror(stdout))
		return 0;
	log_err("cannot write the output");
	return 1;
}

static void release(struct pack *p)
{
	if (p->tar)
		targz__close(p->tar);
	if (p->tmp)
		unlink(p->tmp);
	if (p->fd >= 0)
		close(p->fd);
	if (p->from >= 0)
		close(p->from);
	for (size_t i = 0; i < p->files.n; i++)
		free(p->files.v[i].name);
	for (size_t i = 0; i < p->left.n; i++)
		free(p->left.v[i]);
	free(p->files.v);
	free(p->left.v);
	redact__free(&p->r);
	buf__free(&p->unsearched);
	buf__free(&p->patterns);
	free(p->inside);
	free(p->out);
	free(p->tmp);
	free(p->dir);
}

static const char help[] =
	"usage: rdna1-trace pack [-o FILE] [--no-code] [DIR]\n"
	"\n"
	"Put the trace DIR, or the newest trace of this directory, into one archive for a bug report, with the\n"
	"texts of report and info. Names of users, hosts, network addresses and serial numbers are replaced.\n"
	"DIR is not changed; what is in the archive is said, and how to look inside.\n"
	"\n"
	"  -o, --output FILE  the archive, made new (NAME.tar.gz here)\n"
	"      --no-code      leave the code objects of kernels out\n"
	"  -h, --help         this text\n";

int cmd_pack(int argc, char **argv)
{
	static const struct option options[] = {{"output", required_argument, NULL, 'o'},
						{"no-code", no_argument, NULL, 'c'},
						{"help", no_argument, NULL, 'h'},
						{0}};
	struct pack p = {.from = -1, .fd = -1};
	const char *output = NULL;
	int opt, status = 0;

	opterr = 0;
	while ((opt = getopt_long(argc, argv, ":o:h", options, NULL)) != -1) {
		switch (opt) {
		case 'o':
			output = optarg;
			break;
		case 'c':
			p.no_code = true;
			break;
		case 'h':
			fputs(help, stdout);
			return 0;
		case ':':
			return usage_error("pack: option %s needs a value", bad_option(argv));
		default:
			return usage_error("pack: unknown option %s", bad_option(argv));
		}
	}
	signal(SIGXFSZ, SIG_IGN); /* a file size limit is an error to say */
	p.dir = trace_argument(argc, argv, &status);
	if (p.dir)
		status = pack(&p, output);
	release(&p);
	return status;
}
