// SPDX-License-Identifier: MIT
#include "reader.h"
#include "chunk.h"
#include "metadata.h"
#include "../base/called.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define WINDOW (128u << 10) /* per stream; holds any event */
_Static_assert(WINDOW >= EV_SIZE_MAX + sizeof(struct ev_head), "an event fits the window");

/* A stream being read: one window of one chunk, no descriptor kept open. */
struct cursor {
	struct trace_stream info;
	unsigned int index; /* among the streams, by name: order of equal times */
	const struct chunk_files *files;
	size_t next_number;
	bool open;	   /* a chunk is current */
	bool torn;	   /* it was counted as such */
	bool cut;	   /* ring mode removed what stood before the next event */
	uint64_t last_ts;  /* of the stream's events so far */
	uint64_t from, until; /* no event of the current chunk is earlier, later */
	uint64_t file_off; /* of the window's start in the chunk */
	uint64_t content;  /* bytes of the chunk that are valid */
	uint8_t *win;
	size_t win_cap, win_len, win_at;
	/* The event at win_at, when head_valid. */
	bool head_valid;
	uint64_t ts;
	uint16_t size, id;
};

struct trace {
	int dir; /* ctf/ */
	struct stream_meta meta;
	struct chunk_list files;
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

static const char *metadata_problem(int err, const char *text)
{
	if (err == -EBADMSG)
		return "not a trace: damaged metadata (no uuid)";
	if (!text[0])
		return "its metadata is empty, as after a machine that stopped";
	if (strncmp(text, "/* CTF 1.8", 10))
		return "not a trace: its metadata is not CTF 1.8";
	return "a CTF trace, but not one of rdna1-trace: read it with babeltrace2";
}

static int read_metadata(struct trace *t, const char *dir, char *err, size_t err_len)
{
	uint64_t format = 0;
	char *text = NULL;
	struct stat st;
	int fd, rc = -1;

	fd = open_regular(t->dir, "metadata", 0);
	if (fd < 0 || fstat(fd, &st) || st.st_size > METADATA_BYTES_MAX) {
		snprintf(err, err_len, "%s: not a trace: no readable metadata in it", dir);
		goto out;
	}
	text = xcalloc(1, (size_t)st.st_size + 1);
	rc = (int)pread_all(fd, text, (size_t)st.st_size, 0);
	if (rc < 0) {
		snprintf(err, err_len, "%s: cannot read metadata: %s", dir, strerror(-rc));
		goto out;
	}
	rc = metadata__parse(text, &t->meta, &format);
	if (rc == -EPROTO)
		snprintf(err, err_len,
			 "%s: trace format %llu, this rdna1-trace reads %d: use the version that recorded it",
			 dir, (unsigned long long)format, EV_FORMAT);
	else if (rc)
		snprintf(err, err_len, rc == -EBADMSG || !text[0] ? "%s: %s; make it anew: %s recover %s" : "%s: %s", dir,
			 metadata_problem(rc, text), called(), dir);
out:
	if (fd >= 0)
		close(fd);
	free(text);
	return rc;
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

static void add_cursor(struct trace *t, const struct chunk_files *f)
{
	struct cursor *c = xcalloc(1, sizeof(*c));

	c->index = (unsigned int)t->cursors.n;
	c->files = f;
	c->info.name = f->name;
	c->info.kind = kind_of(f->name);
	c->info.counters = strstr(f->name, "_counts") != NULL;
	c->info.removed = f->numbers.v[0];
	c->cut = c->info.removed;
	t->stats.removed_chunks += c->info.removed;
	t->stats.missing_chunks += chunk_files__missing(f);
	*VEC_PUSH(&t->cursors) = c;
}

/* ---- one stream ---- */

static int open_chunk(struct trace *t, struct cursor *c)
{
	return chunk__open(t->dir, c->info.name, c->files->numbers.v[c->next_number - 1]);
}

static void torn(struct trace *t, struct cursor *c, uint64_t bytes)
{
	c->info.torn_bytes += bytes;
	t->stats.torn_bytes += bytes;
	t->stats.torn_chunks += !c->torn;
	c->torn = true;
}

/* Ring mode removed the chunk since the directory was read. */
static void vanished(struct trace *t, struct cursor *c)
{
	t->stats.vanished_chunks++;
	c->cut = true;
}

/* Fill the window from the chunk at win_at on. */
static int refill(struct trace *t, struct cursor *c, int fd)
{
	int mine = fd < 0 ? open_chunk(t, c) : fd;
	uint64_t off = c->file_off + c->win_at;
	size_t want = c->content - off > WINDOW ? WINDOW : (size_t)(c->content - off);
	ssize_t n;

	if (mine < 0)
		return mine;
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

/* Make the chunk that was opened last current. False when nothing of it can be read. */
static bool begin_chunk(struct trace *t, struct cursor *c, int fd)
{
	uint64_t size, told;
	struct stat st = {0};
	struct ev_chunk h;

	c->torn = false;
	if (fstat(fd, &st) || pread_all(fd, &h, sizeof(h), 0) != (ssize_t)sizeof(h) ||
	    h.magic != EV_MAGIC) {
		/* A machine that stopped leaves chunks whose pages never reached the disk. */
		torn(t, c, (uint64_t)st.st_size);
		return false;
	}
	if (memcmp(h.uuid, t->meta.uuid, sizeof(h.uuid))) {
		t->stats.foreign_chunks++;
		return false;
	}
	size = (uint64_t)st.st_size;
	c->content = h.content_bits / 8;
	if (c->content > size) {
		told = c->content < CHUNK_BYTES_MAX ? c->content : CHUNK_BYTES_MAX;
		torn(t, c, told > size ? told - size : 0);
		c->content = size;
	}
	if (c->content < sizeof(h)) {
		torn(t, c, size - sizeof(h));
		return false;
	}
	c->info.pid = h.pid;
	c->info.cpu = h.cpu;
	c->info.seen = h.seen;
	c->info.chunks++;
	c->from = c->last_ts > h.timestamp_begin ? c->last_ts : h.timestamp_begin;
	c->until = chunk_files__until(c->files, c->next_number - 1, t->dir, t->meta.uuid,
				      h.timestamp_begin);
	c->file_off = sizeof(h);
	c->win_at = c->win_len = 0;
	if (!refill(t, c, fd))
		return true;
	torn(t, c, c->content - sizeof(h));
	return false;
}

/* Make the next usable chunk current. 1, 0 when there is none. */
static int next_chunk(struct trace *t, struct cursor *c)
{
	while (c->next_number < c->files->numbers.n) {
		int fd;

		c->next_number++;
		fd = open_chunk(t, c);
		if (fd < 0) {
			if (fd == -ENOENT)
				vanished(t, c);
			continue;
		}
		c->open = begin_chunk(t, c, fd);
		close(fd);
		if (c->open)
			return 1;
	}
	return 0;
}

/* The event at win_at and the head of the one behind it are in the window, as far as the chunk
 * goes. 0 or negative errno. */
static int fill_window(struct trace *t, struct cursor *c)
{
	size_t got = c->win_len - c->win_at;

	if (got >= EV_SIZE_MAX + sizeof(struct ev_head) ||
	    c->file_off + c->win_len >= c->content)
		return 0;
	return refill(t, c, -1);
}

static void note_begin(struct trace *t, struct cursor *c)
{
	if (c->cut && c->ts > t->stats.whole_from_ns)
		t->stats.whole_from_ns = c->ts;
	c->cut = false;
}

/* Put the next event of a known id at win_at, head fields filled. 1, or 0 at the stream's end. */
static int advance(struct trace *t, struct cursor *c)
{
	c->head_valid = false;
	for (;;) {
		struct ev_head h;
		uint64_t left;
		int err;

		if (!c->open && !next_chunk(t, c))
			return 0;
		left = c->content - c->file_off - c->win_at;
		if (!left) {
			c->open = false;
			continue;
		}
		err = fill_window(t, c);
		if (err == -ENOENT) {
			vanished(t, c);
			c->open = false;
			continue;
		}
		if (err || !chunk__event(c->win + c->win_at, c->win_len - c->win_at,
					 c->file_off + c->win_at, c->from, c->until)) {
			torn(t, c, left);
			c->open = false;
			continue;
		}
		memcpy(&h, c->win + c->win_at, sizeof(h));
		c->last_ts = c->from = c->ts = h.timestamp;
		note_begin(t, c);
		c->info.bytes += h.size;
		if (!event_desc__find(h.id)) {
			t->stats.unknown++;
			c->info.events++;
			c->win_at += h.size;
			continue;
		}
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
		snprintf(err, err_len, "%s: not a trace: a trace is a directory with ctf/ in it",
			 dir);
		goto fail;
	}
	t->dir = open(ctf, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (t->dir < 0 && errno == ENOENT)
		t->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (t->dir < 0) {
		snprintf(err, err_len, "%s: %s", ctf, strerror(errno));
		goto fail;
	}
	rc = chunk_list__read(&t->files, t->dir);
	if (rc) {
		snprintf(err, err_len, "%s: %s", ctf, strerror(-rc));
		goto fail;
	}
	if (faccessat(t->dir, "metadata", F_OK, 0)) {
		snprintf(err, err_len,
			 t->files.streams.n ? "%s: there is no ctf/metadata in it; make it anew: %s recover %s"
					    : "%s: not a trace: there is no ctf/metadata in it",
			 dir, called(), dir);
		goto fail;
	}
	if (read_metadata(t, dir, err, err_len))
		goto fail;
	for (size_t i = 0; i < t->files.streams.n; i++)
		add_cursor(t, &t->files.streams.v[i]);
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
		free(t->cursors.v[i]->win);
		free(t->cursors.v[i]);
	}
	free(t->cursors.v);
	chunk_list__free(&t->files);
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
	return t->meta.emulated;
}

bool trace__recovered(const struct trace *t)
{
	return t->meta.recovered;
}

int64_t trace__realtime_offset_ns(const struct trace *t)
{
	return (int64_t)t->meta.realtime_offset_ns;
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

void event__all_bytes(const struct event *ev, struct event_bytes *out, unsigned int n)
{
	struct field_iter it = event__fields(ev);
	struct field_value v;
	unsigned int i = 0;

	/* All integers come first. */
	if (ev->len >= ev->desc->fixed_size) {
		it.i = ev->desc->num_ints;
		it.at = ev->desc->fixed_size;
		while (i < n && field_iter__next(&it, &v))
			out[i++] = (struct event_bytes){v.data, v.len};
	}
	while (i < n)
		out[i++] = (struct event_bytes){ev->payload, 0}; /* memcpy of nothing wants an address, too */
}

uint16_t event__bytes(const struct event *ev, unsigned int i, const uint8_t **data)
{
	struct event_bytes bytes[8];

	if (i >= ARRAY_SIZE(bytes)) {
		*data = ev->payload;
		return 0;
	}
	event__all_bytes(ev, bytes, i + 1);
	*data = bytes[i].data;
	return bytes[i].len;
}
