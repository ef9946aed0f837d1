// SPDX-License-Identifier: MIT
#include "reader.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define WINDOW (128u << 10) /* per stream; holds any event */
_Static_assert(WINDOW >= 2 * EV_SIZE_MAX, "an event fits the window");

/* A stream being read: one window of one chunk, no descriptor kept open. */
struct cursor {
	struct trace_stream info;
	unsigned int index; /* among the streams, by name: order of equal times */
	VEC(uint32_t) numbers; /* of its chunks, ascending */
	size_t next_number;
	bool open;	     /* a chunk is current */
	uint64_t file_off;   /* of the window's start in the chunk */
	uint64_t content;    /* bytes of the chunk that are valid */
	uint8_t *win;
	size_t win_cap, win_len, win_at;
	/* The event at win_at, when head_valid. */
	bool head_valid;
	uint64_t ts;
	uint16_t size, id;
};

struct trace {
	int dir; /* ctf/ */
	uint8_t uuid[16];
	bool emulated;
	int64_t realtime_offset_ns;
	struct trace_stats stats;
	VEC(struct cursor *) cursors;
	struct cursor **heap; /* by (ts, index): smallest first */
	size_t heap_n;
	struct cursor *current; /* whose event was handed out last */
};

const char *stream_kind_name(enum stream_kind kind)
{
	static const char *const names[] = {"kernel", "agent", "emu", "recorder", "other"};

	return names[kind];
}

/* ---- opening ---- */

static bool number_after(const char *text, const char *key, uint64_t *value)
{
	const char *at = strstr(text, key);

	if (!at)
		return false;
	*value = strtoull(at + strlen(key), NULL, 10);
	return true;
}

static bool parse_uuid(const char *text, uint8_t uuid[16])
{
	const char *at = strstr(text, "uuid = \"");

	if (!at)
		return false;
	at += strlen("uuid = \"");
	for (int i = 0; i < 16; i++) {
		char hex[3] = {0};

		if (*at == '-')
			at++;
		if (!isxdigit((unsigned char)at[0]) || !isxdigit((unsigned char)at[1]))
			return false;
		memcpy(hex, at, 2);
		uuid[i] = (uint8_t)strtoul(hex, NULL, 16);
		at += 2;
	}
	return true;
}

/* A regular file; a FIFO in a trace would make its reader wait for ever. */
static int open_file(int dir, const char *name, int flags)
{
	int fd = openat(dir, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC | flags);
	struct stat st;

	if (fd >= 0 && (fstat(fd, &st) || !S_ISREG(st.st_mode))) {
		close(fd);
		errno = EINVAL;
		fd = -1;
	}
	return fd;
}

static int read_metadata(struct trace *t, const char *dir, char *err, size_t err_len)
{
	uint64_t format, emulated, secs = 0, nsecs = 0;
	char *text = NULL;
	struct stat st;
	ssize_t n = -1;
	int fd;

	fd = open_file(t->dir, "metadata", 0);
	if (fd < 0 || fstat(fd, &st) || st.st_size > (16 << 20)) {
		snprintf(err, err_len, "%s: not a trace: no readable metadata in it", dir);
		goto out;
	}
	text = xcalloc(1, (size_t)st.st_size + 1);
	n = read(fd, text, (size_t)st.st_size);
	if (n < 0) {
		snprintf(err, err_len, "%s: cannot read metadata: %s", dir, strerror(errno));
		goto out;
	}
	n = -1;
	if (!number_after(text, "rdna1_format = ", &format)) {
		snprintf(err, err_len,
			 strncmp(text, "/* CTF 1.8", 10) ?
				 "%s: not a trace: its metadata is not CTF 1.8" :
				 "%s: a CTF trace, but not one of rdna1-trace: read it with babeltrace2",
			 dir);
		goto out;
	}
	if (format != EV_FORMAT) {
		snprintf(err, err_len,
			 "%s: trace format %llu, this rdna1-trace reads %d: use the version that recorded it",
			 dir, (unsigned long long)format, EV_FORMAT);
		goto out;
	}
	if (!parse_uuid(text, t->uuid)) {
		snprintf(err, err_len, "%s: not a trace: damaged metadata (no uuid)", dir);
		goto out;
	}
	if (number_after(text, "rdna1_emulated = ", &emulated))
		t->emulated = emulated != 0;
	number_after(text, "offset_s = ", &secs);
	number_after(text, "offset = ", &nsecs);
	t->realtime_offset_ns = (int64_t)(secs * 1000000000u + nsecs);
	n = 0;
out:
	if (fd >= 0)
		close(fd);
	free(text);
	return n < 0 ? -1 : 0;
}

static enum stream_kind kind_of(const char *name)
{
	if (!strncmp(name, "kernel_", 7))
		return STREAM_kernel;
	if (!strncmp(name, "agent_", 6))
		return STREAM_agent;
	if (!strncmp(name, "emu_", 4))
		return STREAM_emu;
	if (!strncmp(name, "recorder_", 9))
		return STREAM_recorder;
	return STREAM_other;
}

static int by_name(const void *a, const void *b)
{
	return strverscmp(*(char *const *)a, *(char *const *)b);
}

static struct cursor *add_cursor(struct trace *t, const char *name, size_t len)
{
	struct cursor *c = xcalloc(1, sizeof(*c));

	c->index = (unsigned int)t->cursors.n;
	c->info.name = xcalloc(1, len + 1);
	memcpy(c->info.name, name, len);
	c->info.kind = kind_of(c->info.name);
	c->info.counters = strstr(c->info.name, "_counts") != NULL;
	*VEC_PUSH(&t->cursors) = c;
	return c;
}

/* Every NAME.<n> of ctf/; files whose names start with a dot are unfinished chunks. */
static int list_chunks(struct trace *t)
{
	VEC(char *) names = {0};
	struct cursor *c = NULL;
	struct dirent *de;
	int fd = dup(t->dir);
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
		size_t len = (size_t)(dot - names.v[i]);

		if (!c || strncmp(c->info.name, names.v[i], len) || c->info.name[len])
			c = add_cursor(t, names.v[i], len);
		*VEC_PUSH(&c->numbers) = (uint32_t)strtoul(dot + 1, NULL, 10);
		free(names.v[i]);
	}
	free(names.v);
	return 0;
}

/* ---- one stream ---- */

static int open_chunk(struct trace *t, struct cursor *c)
{
	char name[300];

	snprintf(name, sizeof(name), "%s.%u", c->info.name, c->numbers.v[c->next_number - 1]);
	return open_file(t->dir, name, O_NOFOLLOW);
}

static void torn(struct trace *t, struct cursor *c, uint64_t bytes)
{
	c->info.torn_bytes += bytes;
	t->stats.torn_bytes += bytes;
	t->stats.torn_chunks++;
}

static ssize_t pread_all(int fd, void *buf, size_t len, uint64_t off)
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

/* Fill the window from the chunk at win_at on. */
static int refill(struct trace *t, struct cursor *c, int fd)
{
	int mine = fd < 0 ? open_chunk(t, c) : fd;
	uint64_t off = c->file_off + c->win_at;
	size_t want = c->content - off > WINDOW ? WINDOW : (size_t)(c->content - off);
	ssize_t n;

	if (mine < 0)
		return -errno;
	if (want > c->win_cap) {
		c->win_cap = want;
		c->win = xrealloc(c->win, want);
	}
	n = pread_all(mine, c->win, want, off);
	if (fd < 0)
		close(mine);
	if (n < 0)
		return (int)n;
	c->file_off = off;
	c->win_len = (size_t)n;
	c->win_at = 0;
	return 0;
}

/* Make the next usable chunk current. 1, 0 when there is none. */
static int next_chunk(struct trace *t, struct cursor *c)
{
	while (c->next_number < c->numbers.n) {
		struct ev_chunk h;
		struct stat st = {0};
		int fd;

		c->next_number++;
		fd = open_chunk(t, c);
		if (fd < 0)
			continue; /* ring mode deleted it meanwhile */
		if (fstat(fd, &st) ||
		    pread_all(fd, &h, sizeof(h), 0) != (ssize_t)sizeof(h) || h.magic != EV_MAGIC) {
			/* A machine that stopped leaves chunks whose pages never reached the disk. */
			torn(t, c, (uint64_t)st.st_size);
			close(fd);
			continue;
		}
		if (memcmp(h.uuid, t->uuid, sizeof(h.uuid))) {
			t->stats.foreign_chunks++;
			close(fd);
			continue;
		}
		c->content = h.content_bits / 8;
		if (c->content > (uint64_t)st.st_size) {
			torn(t, c, c->content - (uint64_t)st.st_size);
			c->content = (uint64_t)st.st_size;
		}
		if (c->content < sizeof(h))
			c->content = sizeof(h);
		c->info.pid = h.pid;
		c->info.cpu = h.cpu;
		c->info.seen = h.seen;
		c->info.chunks++;
		c->file_off = sizeof(h);
		c->win_at = c->win_len = 0;
		c->open = refill(t, c, fd) == 0;
		close(fd);
		if (c->open)
			return 1;
	}
	return 0;
}

/* Put the next event of a known id at win_at, head fields filled. 1, or 0 at the stream's end. */
static int advance(struct trace *t, struct cursor *c)
{
	c->head_valid = false;
	for (;;) {
		struct ev_head h;
		uint64_t left;

		if (!c->open && !next_chunk(t, c))
			return 0;
		left = c->content - c->file_off - c->win_at;
		if (!left) {
			c->open = false;
			continue;
		}
		if (c->win_len - c->win_at < EV_SIZE_MAX && c->file_off + c->win_len < c->content &&
		    refill(t, c, -1)) {
			torn(t, c, left);
			c->open = false;
			continue;
		}
		if (c->win_len - c->win_at >= sizeof(h))
			memcpy(&h, c->win + c->win_at, sizeof(h));
		if (c->win_len - c->win_at < sizeof(h) || !h.id || h.size < sizeof(h) ||
		    h.size > c->win_len - c->win_at) {
			torn(t, c, left);
			c->open = false;
			continue;
		}
		c->info.bytes += h.size;
		if (!event_desc__find(h.id)) {
			t->stats.unknown++;
			c->info.events++;
			c->win_at += h.size;
			continue;
		}
		c->ts = h.timestamp;
		c->size = h.size;
		c->id = h.id;
		c->head_valid = true;
		return 1;
	}
}

/* ---- merging ---- */

static bool before(const struct cursor *a, const struct cursor *b)
{
	return a->ts != b->ts ? a->ts < b->ts : a->index < b->index;
}

static void sift_down(struct trace *t, size_t i)
{
	struct cursor *c = t->heap[i];

	for (;;) {
		size_t kid = 2 * i + 1;

		if (kid + 1 < t->heap_n && before(t->heap[kid + 1], t->heap[kid]))
			kid++;
		if (kid >= t->heap_n || !before(t->heap[kid], c))
			break;
		t->heap[i] = t->heap[kid];
		i = kid;
	}
	t->heap[i] = c;
}

struct trace *trace__open(const char *dir, char *err, size_t err_len)
{
	struct trace *t = xcalloc(1, sizeof(*t));
	char *ctf = xasprintf("%s/ctf", dir);
	struct stat st;
	int rc;

	t->dir = -1;
	if (stat(dir, &st)) {
		snprintf(err, err_len, "%s: %s", dir, strerror(errno));
		goto fail;
	}
	if (!S_ISDIR(st.st_mode)) {
		snprintf(err, err_len, "%s: not a trace: a trace is a directory with ctf/ in it", dir);
		goto fail;
	}
	t->dir = open(ctf, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (t->dir < 0 && errno == ENOENT)
		t->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (t->dir < 0) {
		snprintf(err, err_len, "%s: %s", ctf, strerror(errno));
		goto fail;
	}
	if (faccessat(t->dir, "metadata", F_OK, 0)) {
		snprintf(err, err_len, "%s: not a trace: there is no ctf/metadata in it", dir);
		goto fail;
	}
	if (read_metadata(t, dir, err, err_len))
		goto fail;
	rc = list_chunks(t);
	if (rc) {
		snprintf(err, err_len, "%s: %s", ctf, strerror(-rc));
		goto fail;
	}
	t->heap = xcalloc(t->cursors.n, sizeof(*t->heap));
	for (size_t i = 0; i < t->cursors.n; i++)
		if (advance(t, t->cursors.v[i]))
			t->heap[t->heap_n++] = t->cursors.v[i];
	for (size_t i = t->heap_n / 2; i-- > 0;)
		sift_down(t, i);
	free(ctf);
	return t;
fail:
	free(ctf);
	trace__close(t);
	return NULL;
}

void trace__close(struct trace *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->cursors.n; i++) {
		free(t->cursors.v[i]->info.name);
		free(t->cursors.v[i]->numbers.v);
		free(t->cursors.v[i]->win);
		free(t->cursors.v[i]);
	}
	free(t->cursors.v);
	free(t->heap);
	if (t->dir >= 0)
		close(t->dir);
	free(t);
}

int trace__next(struct trace *t, struct event *ev)
{
	struct cursor *c = t->current;
	struct ev_head h;

	if (c) {
		c->win_at += c->size;
		if (!advance(t, c)) {
			free(c->win);
			c->win = NULL;
			c->win_cap = 0;
			t->heap[0] = t->heap[--t->heap_n];
		}
		if (t->heap_n)
			sift_down(t, 0);
		t->current = NULL;
	}
	if (!t->heap_n)
		return 0;
	c = t->current = t->heap[0];
	memcpy(&h, c->win + c->win_at, sizeof(h));
	ev->ts_ns = h.timestamp;
	ev->tid = h.tid;
	ev->desc = event_desc__find(h.id);
	ev->payload = c->win + c->win_at + sizeof(h);
	ev->len = h.size - sizeof(h);
	ev->stream = &c->info;
	c->info.events++;
	t->stats.events++;
	return 1;
}

bool trace__emulated(const struct trace *t)
{
	return t->emulated;
}

int64_t trace__realtime_offset_ns(const struct trace *t)
{
	return t->realtime_offset_ns;
}

const struct trace_stats *trace__stats(const struct trace *t)
{
	return &t->stats;
}

unsigned int trace__num_streams(const struct trace *t)
{
	return (unsigned int)t->cursors.n;
}

const struct trace_stream *trace__stream(const struct trace *t, unsigned int i)
{
	return &t->cursors.v[i]->info;
}

uint16_t event__bytes(const struct event *ev, unsigned int i, const uint8_t **data)
{
	struct field_iter it = event__fields(ev);
	struct field_value v;

	while (field_iter__next(&it, &v))
		if (v.desc->kind != FIELD_INT && !i--) {
			*data = v.data;
			return v.len;
		}
	*data = NULL;
	return 0;
}
