// SPDX-License-Identifier: MIT
/* Texts in a chunk file, replaced by others of the same length. */
#include "chunk_redact.h"
#include "chunk.h"
#include "fields.h"

#include <errno.h>
#include <string.h>

/* The next event: its size, 0 where none is. */
static size_t event_at(const char *data, size_t at, size_t end, uint64_t *last_ts, struct ev_head *h)
{
	size_t size = chunk__event((const uint8_t *)data + at, end - at, at, *last_ts, UINT64_MAX);

	if (size) {
		memcpy(h, data + at, sizeof(*h));
		*last_ts = h->timestamp;
	}
	return size;
}

/* Where events end by the header; 0 when it is no header. */
static size_t content_end(const char *data, size_t len, uint64_t *begin_ns)
{
	struct ev_chunk head;

	if (len < sizeof(head))
		return 0;
	memcpy(&head, data, sizeof(head));
	*begin_ns = head.timestamp_begin;
	if (head.magic != EV_MAGIC || head.content_bits / 8 < sizeof(head))
		return 0;
	return head.content_bits / 8 < len ? head.content_bits / 8 : len;
}

static void redact_event(struct redact *r, const struct ev_head *h, char *payload, size_t len)
{
	struct field_iter it = {.desc = event_desc__find(h->id), .payload = (uint8_t *)payload, .len = len};
	struct field_value v;

	while (it.desc && field_iter__next(&it, &v))
		if (v.desc->kind == FIELD_TEXT)
			redact__text(r, payload + (v.data - it.payload), v.len);
	redact__bytes(r, payload, len);
}

static void learn_event(struct redact *r, const struct ev_head *h, const char *payload, size_t len)
{
	struct field_iter it = {.desc = event_desc__find(h->id), .payload = (const uint8_t *)payload, .len = len};
	struct field_value v;

	while (it.desc && field_iter__next(&it, &v))
		if (v.desc->kind == FIELD_TEXT)
			redact__learn_paths(r, (const char *)v.data, v.len);
}

int chunk__learn(struct redact *r, const char *data, size_t len)
{
	uint64_t ts = 0;
	size_t end = content_end(data, len, &ts), size;
	struct ev_head h;

	if (!end)
		return -EBADMSG;
	for (size_t at = sizeof(struct ev_chunk); (size = event_at(data, at, end, &ts, &h)); at += size)
		learn_event(r, &h, data + at + sizeof(h), size - sizeof(h));
	return 0;
}

int chunk__redact(struct redact *r, char *data, size_t len)
{
	uint64_t ts = 0;
	size_t end = content_end(data, len, &ts), at = sizeof(struct ev_chunk), size;
	struct ev_head h;

	if (!end)
		return -EBADMSG;
	for (; (size = event_at(data, at, end, &ts, &h)); at += size)
		redact_event(r, &h, data + at + sizeof(h), size - sizeof(h));
	memset(data + at, 0, len - at);
	return 0;
}
