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
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static void put_json(FILE *f, const char *s, size_t len)
{
	fputc('"', f);
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c == '"' || c == '\\')
			fprintf(f, "\\%c", c);
		else if (c < 0x20 || c > 0x7e)
			fprintf(f, "\\u%04x", c);
		else
			fputc(c, f);
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

static void write_session(int dir, const char *exe)
{
	struct utsname u;
	char name[64];
	int fd;
	FILE *f;

	snprintf(name, sizeof(name), "session.%d.json", (int)getpid());
	fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	f = fd < 0 ? NULL : fdopen(fd, "w");
	if (!f) {
		if (fd >= 0)
			close(fd);
		return;
	}
	uname(&u);
	fprintf(f, "{\n  \"writer\": \"agent\",\n  \"format\": %d,\n  \"pid\": %d,\n  \"exe\": ", EV_FORMAT,
		(int)getpid());
	put_json(f, exe, strlen(exe));
	fprintf(f, ",\n  \"start_unix\": %lld,\n  \"kernel\": \"%s\",\n  \"machine\": \"%s\",\n",
		(long long)time(NULL), u.release, u.machine);
	put_environment(f);
	fputs("}\n", f);
	fclose(f);
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
