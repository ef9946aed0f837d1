// SPDX-License-Identifier: MIT
#include "chunk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE 4096u /* what reaches the disk as a whole or not at all */
/* No machine runs for 73 years; readers add the time of day to it, in 63 bits. */
#define NEVER_NS (1ull << 61)

int open_regular(int dir, const char *name, int flags)
{
	int fd = openat(dir, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC | flags), err;
	struct stat st;

	if (fd < 0)
		return -errno;
	err = fstat(fd, &st) ? -errno : S_ISREG(st.st_mode) ? 0 : -EINVAL;
	if (!err)
		return fd;
	close(fd);
	return err;
}

ssize_t pread_all(int fd, void *buf, size_t len, uint64_t off)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = pread(fd, (uint8_t *)buf + done, len - done, (off_t)(off + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

/* ---- files ---- */

static int by_name(const void *a, const void *b)
{
	return strverscmp(*(char *const *)a, *(char *const *)b);
}

static bool is_there(int dir, const char *name, uint32_t number)
{
	char path[300];

	snprintf(path, sizeof(path), "%s.%u", name, number);
	return !faccessat(dir, path, F_OK, AT_SYMLINK_NOFOLLOW);
}

/*
 * A directory is not read in one moment: meanwhile ring mode removes a stream's first chunks, and
 * its writer adds new ones. Neither leaves a gap.
 */
static void settle(struct chunk_files *f, int dir)
{
	struct chunk_files old = *f;

	f->numbers.v = NULL;
	f->numbers.n = f->numbers.cap = 0;
	for (size_t i = 0; i < old.numbers.n; i++) {
		uint32_t next = old.numbers.v[i], at = i ? old.numbers.v[i - 1] + 1 : next;

		if (at < next && !is_there(dir, f->name, at - 1))
			f->numbers.n = 0;
		for (; at < next && f->numbers.n && is_there(dir, f->name, at); at++)
			*VEC_PUSH(&f->numbers) = at;
		*VEC_PUSH(&f->numbers) = next;
	}
	free(old.numbers.v);
}

int chunk_list__read(struct chunk_list *l, int dir)
{
	VEC(char *) names = {0};
	struct chunk_files *f = NULL;
	struct dirent *de;
	int fd = dup(dir);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d) {
		if (fd >= 0)
			close(fd);
		return -errno;
	}
	rewinddir(d);
	while ((de = readdir(d))) {
		const char *dot = strrchr(de->d_name, '.');

		if (de->d_name[0] != '.' && dot && dot[1] &&
		    strspn(dot + 1, "0123456789") == strlen(dot + 1))
			*VEC_PUSH(&names) = xstrdup(de->d_name);
	}
	closedir(d);
	/* strverscmp keeps the chunks of a NAME together and in the order of their numbers. */
	VEC_SORT(&names, by_name);
	for (size_t i = 0; i < names.n; i++) {
		char *dot = strrchr(names.v[i], '.');

		*dot = 0;
		if (!f || strcmp(f->name, names.v[i])) {
			f = VEC_PUSH(&l->streams);
			f->name = xstrdup(names.v[i]);
		}
		*VEC_PUSH(&f->numbers) = (uint32_t)strtoul(dot + 1, NULL, 10);
		free(names.v[i]);
	}
	free(names.v);
	for (size_t i = 0; i < l->streams.n; i++)
		if (chunk_files__missing(&l->streams.v[i]))
			settle(&l->streams.v[i], dir);
	return 0;
}

void chunk_list__free(struct chunk_list *l)
{
	for (size_t i = 0; i < l->streams.n; i++) {
		free(l->streams.v[i].name);
		free(l->streams.v[i].numbers.v);
	}
	free(l->streams.v);
	*l = (struct chunk_list){0};
}

uint64_t chunk_files__missing(const struct chunk_files *f)
{
	uint64_t missing = 0;

	for (size_t i = 1; i < f->numbers.n; i++)
		if (f->numbers.v[i] > f->numbers.v[i - 1])
			missing += f->numbers.v[i] - f->numbers.v[i - 1] - 1;
	return missing;
}

int chunk__open(int dir, const char *name, uint32_t number)
{
	char path[300];

	snprintf(path, sizeof(path), "%s.%u", name, number);
	return open_regular(dir, path, O_NOFOLLOW);
}

int chunk__read_head(int dir, const char *name, uint32_t number, struct ev_chunk *head,
		     uint64_t *size)
{
	int fd = chunk__open(dir, name, number), err = 0;
	struct stat st = {0};

	if (fd < 0)
		return -ENOENT;
	if (fstat(fd, &st) || pread_all(fd, head, sizeof(*head), 0) != (ssize_t)sizeof(*head) ||
	    head->magic != EV_MAGIC)
		err = -EBADMSG;
	*size = (uint64_t)st.st_size;
	close(fd);
	return err;
}

uint64_t chunk_files__until(const struct chunk_files *f, size_t i, int dir, const uint8_t uuid[16],
			    uint64_t begin)
{
	struct ev_chunk h;
	uint64_t size;

	while (++i < f->numbers.n)
		if (!chunk__read_head(dir, f->name, f->numbers.v[i], &h, &size) &&
		    !memcmp(h.uuid, uuid, sizeof(h.uuid)) && h.timestamp_begin >= begin)
			return h.timestamp_begin;
	return UINT64_MAX;
}

/* ---- events ---- */

static bool all_zero(const uint8_t *p, size_t len)
{
	return !len || (!p[0] && !memcmp(p, p + 1, len - 1));
}

size_t chunk__event(const uint8_t *p, size_t left, uint64_t off, uint64_t last_ts, uint64_t until)
{
	struct ev_head h, next;
	uint64_t last_page;

	if (left < sizeof(h))
		return 0;
	memcpy(&h, p, sizeof(h));
	if (!h.id || h.size < sizeof(h) || h.size > left || h.timestamp < last_ts ||
	    h.timestamp > until || h.timestamp >= NEVER_NS)
		return 0;
	if (left - h.size < sizeof(next))
		return h.size;
	memcpy(&next, p + h.size, sizeof(next));
	/* The next one fits behind the one before: then this one's time is wrong. */
	if (next.id && next.timestamp >= last_ts && next.timestamp < h.timestamp)
		return 0;
	/* It runs into a page that is empty, also behind it: its end never reached the disk. */
	last_page = (off + h.size - 1) & ~(uint64_t)(PAGE - 1);
	if (!next.id && last_page > off &&
	    all_zero(p + (last_page - off), h.size - (last_page - off)))
		return 0;
	return h.size;
}
