// SPDX-License-Identifier: MIT
/*
 * The trace directory. Under rdna1-trace it is there already; alone, the agent makes it and writes
 * session.<pid>.json, what analysis must know about this process.
 */
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static bool write_all(int fd, const void *data, size_t size)
{
	for (size_t done = 0; done < size;) {
		ssize_t n = write(fd, (const char *)data + done, size - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		done += (size_t)n;
	}
	return true;
}

int file_store(int dir, const char *name, const void *data, size_t size)
{
	struct rlimit rl;
	char tmp[128];
	int fd, err = 0;

	if (!getrlimit(RLIMIT_FSIZE, &rl) && rl.rlim_cur < size)
		return -EFBIG; /* writing would raise SIGXFSZ */
	snprintf(tmp, sizeof(tmp), ".%s.%d", name, (int)getpid());
	fd = openat(dir, tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	if (!write_all(fd, data, size))
		err = errno ? -errno : -EIO;
	close(fd);
	if (!err && renameat(dir, tmp, dir, name))
		err = -errno;
	if (err)
		unlinkat(dir, tmp, 0);
	return err;
}

/* Bytes of the UTF-8 character at s, 0 when it is none. JSON must be UTF-8; file names need not. */
static size_t utf8(const unsigned char *s, size_t len)
{
	size_t n = s[0] < 0x80			 ? 1
		   : s[0] >= 0xc2 && s[0] < 0xe0 ? 2
		   : s[0] >= 0xe0 && s[0] < 0xf0 ? 3
		   : s[0] >= 0xf0 && s[0] < 0xf5 ? 4
						 : 0;

	if (!n || n > len)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	/* Too long a form, a surrogate, past U+10FFFF. */
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

static void put_json(FILE *f, const char *text, size_t len)
{
	const unsigned char *s = (const unsigned char *)text;

	fputc('"', f);
	for (size_t i = 0, n; i < len; i += n ? n : 1) {
		n = utf8(s + i, len - i);
		if (s[i] == '"' || s[i] == '\\')
			fprintf(f, "\\%c", s[i]);
		else if (s[i] < 0x20 || s[i] == 0x7f || !n)
			fprintf(f, "\\u%04x", s[i]);
		else
			fwrite(s + i, 1, n, f);
	}
	fputc('"', f);
}

static void put_environment(FILE *f)
{
	const char *sep = "";

	fputs("  \"environment\": {", f);
	for (char **e = environ; *e; e++) {
		const char *eq = strchr(*e, '=');

		if (!eq || !stream_env__keep(*e))
			continue;
		fprintf(f, "%s\n    ", sep);
		put_json(f, *e, (size_t)(eq - *e));
		fputs(": ", f);
		put_json(f, eq + 1, strlen(eq + 1));
		sep = ",";
	}
	fputs("\n  },\n  \"environment_names\": [", f);
	sep = "";
	for (char **e = environ; *e; e++) {
		const char *eq = strchr(*e, '=');

		if (!eq || stream_env__keep(*e))
			continue;
		fputs(sep, f);
		put_json(f, *e, (size_t)(eq - *e));
		sep = ", ";
	}
	fputs("]\n", f);
}

static bool print_session(char **text, size_t *len, const char *exe)
{
	FILE *f = open_memstream(text, len);
	struct utsname u;

	if (!f)
		return false;
	uname(&u);
	fprintf(f, "{\n  \"writer\": \"agent\",\n  \"format\": %d,\n  \"pid\": %d,\n  \"exe\": ",
		EV_FORMAT, (int)getpid());
	put_json(f, exe, strlen(exe));
	fprintf(f, ",\n  \"start_unix\": %lld,\n  \"kernel\": \"%s\",\n  \"machine\": \"%s\",\n",
		(long long)time(NULL), u.release, u.machine);
	put_environment(f);
	fputs("}\n", f);
	return !fclose(f);
}

static void write_session(int dir, const char *exe)
{
	char name[64], *text = NULL;
	size_t len = 0;

	snprintf(name, sizeof(name), "session.%d.json", (int)getpid());
	if (print_session(&text, &len, exe))
		file_store(dir, name, text, len);
	free(text);
}

static void default_dir(char *out, size_t size, const char *exe)
{
	const char *slash = strrchr(exe, '/'), *base = slash ? slash + 1 : exe;
	time_t now = time(NULL);
	struct tm tm;
	char when[32];

	localtime_r(&now, &tm);
	strftime(when, sizeof(when), "%Y%m%d-%H%M%S", &tm);
	snprintf(out, size, "rdna1-trace-%.64s-%s-%d", base[0] ? base : "app", when, (int)getpid());
}

int session_open(const struct options *o, char *path, size_t size)
{
	struct stream_meta meta;
	struct stream_dir ctf;
	char exe[4096] = "";
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	int dir, err;

	if (n < 0)
		exe[0] = 0;
	if (o->dir[0])
		snprintf(path, size, "%s", o->dir);
	else
		default_dir(path, size, exe);
	if (mkdir(path, 0755) && errno != EEXIST)
		return -errno;
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return -errno;
	stream_meta__init(&meta);
	meta.emulated = getenv(EV_ENV_EMULATED) != NULL;
	err = stream_dir__create(dir, &meta);
	if (!err)
		err = stream_dir__open(&ctf, dir);
	if (!err) {
		/* Another writer may have made it. */
		err = ctf.emulated != meta.emulated ? -EXDEV : 0;
		stream_dir__close(&ctf);
	}
	if (err) {
		close(dir);
		return err;
	}
	/* A launcher has described the machine already. */
	if (faccessat(dir, "session.json", F_OK, 0))
		write_session(dir, exe);
	return dir;
}
