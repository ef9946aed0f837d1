// SPDX-License-Identifier: MIT
/* The store of verdicts. */
#include "verdict.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static bool is_digest(const char *s)
{
	return strlen(s) == VERDICT_SHA256 && strspn(s, "0123456789abcdef") == VERDICT_SHA256;
}

int verdict__path(const char *sha256_hex, char *out, size_t size)
{
	const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	int n;

	if (!is_digest(sha256_hex))
		return -EINVAL;
	/* A relative one is to be ignored (XDG Base Directory Specification). */
	if (cache && cache[0] == '/')
		n = snprintf(out, size, "%s/rdna1-trace/verdicts/%s", cache, sha256_hex);
	else if (home && home[0] == '/')
		n = snprintf(out, size, "%s/.cache/rdna1-trace/verdicts/%s", home, sha256_hex);
	else
		return -ENOENT;
	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

/* ---- reading ---- */

struct text {
	const char *s, *end;
	size_t size; /* mapped */
};

/* -ENOENT also for what is no whole verdict of this version. */
static int open_text(const char *sha256_hex, struct text *t)
{
	const size_t first = strlen(VERDICT_FIRST_LINE), last = strlen(VERDICT_LAST_LINE);
	char path[4096];
	off_t size;
	void *map;
	int err = verdict__path(sha256_hex, path, sizeof(path)), fd;

	if (err)
		return err;
	fd = openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	size = lseek(fd, 0, SEEK_END);
	map = size >= (off_t)(first + last)
		      ? mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0)
		      : MAP_FAILED;
	close(fd);
	if (map == MAP_FAILED)
		return -ENOENT;
	t->s = map;
	t->size = (size_t)size;
	t->end = t->s + size;
	if (!memcmp(t->s, VERDICT_FIRST_LINE, first) &&
	    !memcmp(t->end - last, VERDICT_LAST_LINE, last))
		return 0;
	munmap(map, t->size);
	return -ENOENT;
}

bool verdict__known(const char *sha256_hex)
{
	struct text t;

	if (open_text(sha256_hex, &t))
		return false;
	munmap((void *)t.s, t.size);
	return true;
}

/* The line's next word; its end is a space or the line's. */
static const char *word(const char **at, const char *end, size_t *len)
{
	const char *begin = *at, *space = memchr(begin, ' ', (size_t)(end - begin));

	*len = (size_t)((space ? space : end) - begin);
	*at = space ? space + 1 : end;
	return begin;
}

static bool is(const char *s, size_t len, const char *what)
{
	return len == strlen(what) && !memcmp(s, what, len);
}

/* Of one line: 1 hazard, -ENOENT uncertain, 0 it is about something else. */
static int read_line(const char *s, const char *end, const char *kernel, size_t kernel_len,
		     char *classes, size_t size)
{
	size_t len, found_len;
	const char *what = word(&s, end, &len), *found;

	if (is(what, len, "uncertain"))
		return (size_t)(end - s) == kernel_len && !memcmp(s, kernel, kernel_len) ? -ENOENT
											 : 0;
	if (!is(what, len, "hazard"))
		return 0;
	word(&s, end, &len); /* places */
	found = word(&s, end, &found_len);
	if ((size_t)(end - s) != kernel_len || memcmp(s, kernel, kernel_len))
		return 0;
	if (classes && size)
		snprintf(classes, size, "%.*s", (int)found_len, found);
	return 1;
}

int verdict__find(const char *sha256_hex, const char *kernel, char *classes, size_t size)
{
	size_t len = strlen(kernel);
	const char *line, *end;
	struct text t;
	int found = open_text(sha256_hex, &t);

	if (found)
		return found;
	if (len > 3 && !strcmp(kernel + len - 3, ".kd"))
		len -= 3;
	for (line = t.s; line < t.end && !found; line = end + 1) {
		end = memchr(line, '\n', (size_t)(t.end - line));
		if (!end)
			break;
		found = read_line(line, end, kernel, len, classes, size);
	}
	munmap((void *)t.s, t.size);
	return found;
}

/* ---- writing ---- */

/* Every directory above path, for the user alone. */
static int make_directories(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		if (mkdir(path, 0700) && errno != EEXIST) {
			int err = -errno;

			*slash = '/';
			return err;
		}
		*slash = '/';
	}
	return 0;
}

static int write_all(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		text += n;
		len -= (size_t)n;
	}
	return fsync(fd) ? -errno : 0;
}

int verdict__store(const char *sha256_hex, const char *text, size_t len)
{
	char path[4096], temporary[4160];
	struct timespec now;
	int err = verdict__path(sha256_hex, path, sizeof(path)), fd;

	if (!err)
		err = make_directories(path);
	if (err)
		return err;
	clock_gettime(CLOCK_MONOTONIC, &now);
	snprintf(temporary, sizeof(temporary), "%s.%d.%lld", path, (int)getpid(),
		 (long long)now.tv_sec * 1000000000 + now.tv_nsec);
	fd = openat(AT_FDCWD, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		    0600);
	if (fd < 0)
		return -errno;
	err = write_all(fd, text, len);
	if (close(fd) && !err)
		err = -errno;
	if (!err && rename(temporary, path))
		err = -errno;
	if (err)
		unlink(temporary);
	return err;
}
