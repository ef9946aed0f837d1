// SPDX-License-Identifier: MIT
#include "recover.h"
#include "chunk.h"
#include "fields.h"
#include "metadata.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE 4096u

struct job {
	int from, to;
	struct stream_meta meta;
	struct layouts layouts;
	struct chunk_list files;
	struct recovered *r;
};

/* ---- files ---- */

int write_new(int dir, const char *name, const void *data, size_t len)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	int err = fd < 0 ? -errno : 0;

	for (size_t done = 0; done < len && !err;) {
		ssize_t n = write(fd, (const char *)data + done, len - done);

		if (n > 0)
			done += (size_t)n;
		else if (n < 0 && errno != EINTR)
			err = -errno;
	}
	if (fd >= 0 && close(fd) && !err)
		err = -errno;
	return err;
}

/* A disk that fails in one block keeps the others. */
static ssize_t read_what_can_be(int fd, char *buf, size_t size)
{
	ssize_t n = pread_all(fd, buf, size, 0);

	for (size_t at = 0; n < 0 && at < size; at += PAGE)
		pread_all(fd, buf + at, size - at < PAGE ? size - at : PAGE, at);
	return n < 0 ? (ssize_t)size : n;
}

char *read_whole(int dir, const char *name, size_t max, size_t *len, int *err)
{
	int fd = open_regular(dir, name, O_NOFOLLOW);
	struct stat st = {0};
	char *data = NULL;

	*len = 0;
	*err = fd < 0 ? fd : fstat(fd, &st) ? -errno : 0;
	if (!*err) {
		size_t size = (uint64_t)st.st_size < max ? (size_t)st.st_size : max;

		data = xcalloc(1, size + 1);
		*len = (size_t)read_what_can_be(fd, data, size);
	}
	if (fd >= 0)
		close(fd);
	return data;
}

/* ---- metadata ---- */

struct owner {
	uint8_t uuid[16];
	uint64_t chunks;
};

/* Whose the chunks are. Among several the one with the most; `wanted` before all others. */
static bool find_uuid(struct job *j, const uint8_t *wanted, uint8_t uuid[16])
{
	VEC(struct owner) owners = {0};
	const struct owner *best = NULL;

	for (size_t i = 0; i < j->files.streams.n; i++)
		for (size_t k = 0; k < j->files.streams.v[i].numbers.n; k++) {
			const struct chunk_files *f = &j->files.streams.v[i];
			struct owner *o = NULL;
			struct ev_chunk h;
			uint64_t size;

			if (chunk__read_head(j->from, f->name, f->numbers.v[k], &h, &size) ||
			    h.stream_id)
				continue;
			for (size_t x = 0; x < owners.n && !o; x++)
				if (!memcmp(owners.v[x].uuid, h.uuid, sizeof(h.uuid)))
					o = &owners.v[x];
			if (!o)
				o = VEC_PUSH(&owners);
			memcpy(o->uuid, h.uuid, sizeof(h.uuid));
			o->chunks++;
		}
	for (size_t x = 0; x < owners.n; x++) {
		const struct owner *o = &owners.v[x];
		bool is_wanted = wanted && !memcmp(o->uuid, wanted, sizeof(o->uuid));

		if (!best || o->chunks > best->chunks || is_wanted)
			best = o;
		if (is_wanted)
			break;
	}
	if (best)
		memcpy(uuid, best->uuid, sizeof(best->uuid));
	free(owners.v);
	return best != NULL;
}

static int read_metadata(struct job *j, struct buf *out, char *err, size_t err_len)
{
	uint64_t format = 0;
	uint8_t uuid[16];
	int rc, unread;
	size_t len;
	char *text = read_whole(j->from, "metadata", METADATA_BYTES_MAX, &len, &unread);

	rc = metadata__parse(text ? text : "", &j->meta, &format);
	if (rc == -EPROTO) {
		snprintf(err, err_len,
			 "it is of format %llu, this rdna1-trace recovers %d: use the version that recorded it",
			 (unsigned long long)format, EV_FORMAT);
		free(text);
		return rc;
	}
	if (!find_uuid(j, rc ? NULL : j->meta.uuid, uuid)) {
		snprintf(err, err_len, "no chunk in it begins as one%s",
			 rc ? ", and there is no whole metadata" : "");
		free(text);
		return -ENODATA;
	}
	/* An offset beyond the year 2116 is none. */
	if (rc || memcmp(uuid, j->meta.uuid, sizeof(uuid)) || j->meta.realtime_offset_ns >> 62) {
		j->r->metadata = METADATA_rebuilt;
		j->meta = (struct stream_meta){.emulated = j->meta.emulated};
		memcpy(j->meta.uuid, uuid, sizeof(uuid));
	}
	if (!metadata__mend(text ? text : "", len, &j->meta, out, &j->layouts) && !j->r->metadata)
		j->r->metadata = METADATA_mended;
	free(text);
	return 0;
}

/* ---- one chunk ---- */

struct part {
	size_t end;	/* of the last event to keep; sizeof(struct ev_chunk): there is none */
	size_t content; /* bytes the header says, as far as the file goes */
	uint64_t told;	/* bytes the header says, as far as it can be believed */
	uint64_t events, uncounted;
	uint64_t first_ts, last_ts;
};

/* What can be learned of the trace where its metadata and session.json are gone. */
static void learn(struct recovered *r, const uint8_t *p, const struct ev_head *h)
{
	const struct event_desc *desc = event_desc__find(h->id);
	struct field_iter it = {
		.desc = desc, .payload = p + sizeof(*h), .len = h->size - sizeof(*h)};
	char **text = h->id == EV_session ? &r->command : h->id == EV_emu_device ? &r->device : NULL;
	struct field_value v;

	if (h->id >= 128) /* the emulated device's: bpf/events.def */
		r->emulated = true;
	if (!text || !desc)
		return;
	while (field_iter__next(&it, &v)) {
		if (h->id == EV_session && !strcmp(v.desc->name, "emulated") && v.value)
			r->emulated = true;
		if (v.desc->kind == FIELD_TEXT && !*text)
			*text = strndup((const char *)v.data, v.len);
	}
}

static size_t whole_event(const struct job *j, const uint8_t *data, size_t at, size_t end,
			  uint64_t last_ts, uint64_t until)
{
	size_t size = at < end ? chunk__event(data + at, end - at, at, last_ts, until) : 0;
	struct ev_head h;

	if (!size)
		return 0;
	memcpy(&h, data + at, sizeof(h));
	return layouts__fit(&j->layouts, h.id, data + at + sizeof(h), size - sizeof(h)) ? size : 0;
}

/* Find the events of a chunk: those its header counts, then those behind them but for the last. */
static void scan(struct job *j, const uint8_t *data, size_t len, uint64_t last_ts, uint64_t until,
		 struct part *p)
{
	struct ev_chunk head;
	size_t at = sizeof(head), size, pending = 0;

	memcpy(&head, data, sizeof(head));
	p->told = head.content_bits / 8;
	if (p->told < sizeof(head))
		p->told = sizeof(head);
	if (p->told > CHUNK_BYTES_MAX)
		p->told = len;
	p->content = p->told < len ? (size_t)p->told : len;
	p->end = at;
	p->last_ts = last_ts;
	if (p->last_ts < head.timestamp_begin)
		p->last_ts = head.timestamp_begin;
	for (uint64_t ts = p->last_ts;; at += size) {
		struct ev_head h;
		bool counted;

		size = whole_event(j, data, at, p->content, ts, until);
		counted = size != 0;
		if (!size && at + sizeof(h) <= len) {
			memcpy(&h, data + at, sizeof(h));
			if (at + h.size > p->content)
				size = whole_event(j, data, at, len, ts, until);
		}
		if (!size)
			return;
		memcpy(&h, data + at, sizeof(h));
		ts = h.timestamp;
		if (counted || pending) {
			struct ev_head done;
			size_t from = counted ? at : pending;

			memcpy(&done, data + from, sizeof(done));
			p->first_ts = p->events++ ? p->first_ts : done.timestamp;
			p->last_ts = done.timestamp;
			p->uncounted += !counted;
			p->end = from + done.size;
			learn(j->r, data + from, &done);
		}
		pending = counted ? 0 : at;
	}
}

static int write_chunk(struct job *j, const char *name, uint32_t number, const uint8_t *data,
		       const struct part *p, uint64_t seen)
{
	size_t bytes = (p->end + PAGE - 1) / PAGE * PAGE;
	uint8_t *out = xcalloc(1, bytes);
	struct ev_chunk head;
	char path[300];
	int err;

	memcpy(&head, data, sizeof(head));
	memcpy(head.uuid, j->meta.uuid, sizeof(head.uuid));
	head.stream_id = 0;
	head.stream_instance_id = stream__instance_id(name);
	head.timestamp_begin = p->first_ts;
	head.content_bits = (uint64_t)p->end * 8;
	head.packet_bits = (uint64_t)bytes * 8;
	head.seen = seen;
	memcpy(out, data, p->end);
	memcpy(out, &head, sizeof(head));
	snprintf(path, sizeof(path), "%s.%u", name, number);
	err = write_new(j->to, path, out, bytes);
	free(out);
	return err;
}

/* ---- one stream ---- */

/* The last chunk's header tells of events that stood in chunks behind it, too. */
static int raise_seen(struct job *j, const char *name, uint32_t number, uint64_t seen)
{
	char path[300];
	int fd, err = 0;

	snprintf(path, sizeof(path), "%s.%u", name, number);
	fd = openat(j->to, path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (pwrite(fd, &seen, sizeof(seen), offsetof(struct ev_chunk, seen)) !=
	    (ssize_t)sizeof(seen))
		err = errno ? -errno : -EIO;
	if (close(fd) && !err)
		err = -errno;
	return err;
}

static int recover_stream(struct job *j, const struct chunk_files *f)
{
	struct recovered_stream *s = VEC_PUSH(&j->r->streams);
	uint64_t last_ts = 0, seen_written = 0;
	bool counters = strstr(f->name, "_counts") != NULL;
	uint32_t last_number = 0;
	int err = 0;

	s->name = xstrdup(f->name);
	s->missing = chunk_files__missing(f);
	for (size_t i = 0; i < f->numbers.n && !err; i++) {
		struct ev_chunk head = {0};
		struct part p = {0};
		char path[300];
		uint8_t *data;
		size_t len;
		int unread;

		snprintf(path, sizeof(path), "%s.%u", f->name, f->numbers.v[i]);
		data = (uint8_t *)read_whole(j->from, path, CHUNK_BYTES_MAX, &len, &unread);
		if (len >= sizeof(head))
			memcpy(&head, data, sizeof(head));
		if (head.magic != EV_MAGIC) {
			s->chunks_left++;
			s->bytes_left += len;
		} else if (memcmp(head.uuid, j->meta.uuid, sizeof(head.uuid))) {
			j->r->foreign_chunks++;
		} else {
			scan(j, data, len, last_ts,
			     chunk_files__until(f, i, j->from, j->meta.uuid, head.timestamp_begin),
			     &p);
			s->events += p.events;
			s->seen = s->seen > head.seen ? s->seen : head.seen;
			if (!counters && s->seen < s->events)
				s->seen = s->events;
			s->bytes += p.end - sizeof(head);
			s->bytes_left += p.told > p.end ? p.told - p.end : 0;
			j->r->uncounted += p.uncounted;
			if (p.events) {
				err = write_chunk(j, f->name, f->numbers.v[i], data, &p, s->seen);
				s->chunks++;
				last_number = f->numbers.v[i];
				last_ts = p.last_ts;
				seen_written = s->seen;
			} else {
				s->chunks_left += p.told > sizeof(head);
			}
		}
		free(data);
	}
	if (!err && s->chunks && s->seen > seen_written)
		err = raise_seen(j, f->name, last_number, s->seen);
	return err;
}

int recover_ctf(int from, int to, struct recovered *r, char *err, size_t err_len)
{
	struct job j = {.from = from, .to = to, .r = r};
	struct buf text = {0}, again = {0};
	int rc;

	*r = (struct recovered){0};
	rc = chunk_list__read(&j.files, from);
	if (!rc)
		rc = read_metadata(&j, &text, err, err_len);
	for (size_t i = 0; i < j.files.streams.n && !rc; i++) {
		const struct recovered_stream *s;

		rc = recover_stream(&j, &j.files.streams.v[i]);
		s = &r->streams.v[i];
		r->events += s->events;
		r->bytes_left += s->bytes_left;
		r->chunks_left += s->chunks_left;
		r->missing_chunks += s->missing;
	}
	if (!rc && !r->events) {
		snprintf(err, err_len, "no event in it is whole");
		rc = -ENODATA;
	}
	r->emulated = j.meta.emulated || (r->metadata == METADATA_rebuilt && r->emulated);
	r->damaged =
		r->bytes_left || r->chunks_left || r->missing_chunks || r->uncounted || r->metadata;
	if (!rc) {
		/* Once more, with what was found out. */
		j.meta.emulated = r->emulated;
		j.meta.recovered |= r->damaged;
		metadata__mend(buf__str(&text), text.len, &j.meta, &again, &j.layouts);
		rc = write_new(to, "metadata", buf__str(&again), again.len);
	}
	buf__free(&text);
	buf__free(&again);
	chunk_list__free(&j.files);
	return rc;
}

void recovered__free(struct recovered *r)
{
	for (size_t i = 0; i < r->streams.n; i++)
		free(r->streams.v[i].name);
	free(r->streams.v);
	free(r->command);
	free(r->device);
	*r = (struct recovered){0};
}
