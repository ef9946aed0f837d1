// SPDX-License-Identifier: MIT
#include "metadata.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define OURS_MAX (64u << 10)
#define BLOCK "event { name = "

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

int metadata__parse(const char *text, struct stream_meta *meta, uint64_t *format)
{
	uint64_t n = 0, secs = 0, nsecs = 0;

	*meta = (struct stream_meta){0};
	if (!number_after(text, "rdna1_format = ", &n))
		return -ENOMSG;
	if (format)
		*format = n;
	if (n != EV_FORMAT)
		return -EPROTO;
	if (!parse_uuid(text, meta->uuid))
		return -EBADMSG;
	meta->emulated = number_after(text, "rdna1_emulated = ", &n) && n;
	meta->recovered = number_after(text, "rdna1_recovered = ", &n) && n;
	number_after(text, "offset_s = ", &secs);
	number_after(text, "offset = ", &nsecs);
	meta->realtime_offset_ns = secs * 1000000000u + nsecs;
	return 0;
}

/* ---- events ---- */

/* What the text says of one event: "event { ... };\n". */
struct block {
	unsigned int id;
	const char *begin, *fields, *fields_end, *end;
	struct layout layout;
};

enum { SIZE_text, SIZE_bytes = 255 };

/* The next line, with its end, which the text must have. NULL and *at unchanged otherwise. */
static char *take_line(const char **at, const char *end, char *line, size_t size)
{
	const char *nl = memchr(*at, '\n', (size_t)(end - *at));
	size_t len = nl ? (size_t)(nl + 1 - *at) : 0;

	if (!len || len >= size || memchr(*at, 0, len))
		return NULL;
	memcpy(line, *at, len);
	line[len] = 0;
	*at += len;
	return line;
}

static bool parse_field(const char *line, uint8_t *size)
{
	static const struct {
		const char *name;
		uint8_t size;
	} types[] = {{"u8", 1},	 {"u16", 2}, {"u32", 4}, {"u64", 8}, {"x8", 1},		 {"x16", 2},
		     {"x32", 4}, {"x64", 8}, {"s32", 4}, {"s64", 8}, {"text", SIZE_text}};
	char type[16], name[64], again[256];

	if (sscanf(line, "\t\t%15[a-z0-9] %63[A-Za-z0-9_];", type, name) != 2)
		return false;
	snprintf(again, sizeof(again), "\t\t%s %s;\n", type, name);
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (!strcmp(types[i].name, type) && !strcmp(again, line)) {
			*size = types[i].size;
			return true;
		}
	*size = SIZE_bytes;
	if (strlen(name) < 5 || strcmp(type, "u16"))
		return false;
	name[strlen(name) - strlen("_len")] = 0;
	snprintf(again, sizeof(again), "\t\tu16 %s_len; x8 %s[%s_len];\n", name, name, name);
	return !strcmp(again, line);
}

static bool parse_block(const char *at, const char *end, struct block *b)
{
	char line[256], again[256], name[64];

	*b = (struct block){.begin = at};
	if (!take_line(&at, end, line, sizeof(line)) ||
	    sscanf(line, BLOCK "\"%63[a-z0-9_]\"; id = %u;", name, &b->id) != 2 || !b->id ||
	    b->id > 255)
		return false;
	snprintf(again, sizeof(again), BLOCK "\"%s\"; id = %u; stream_id = 0;\n", name, b->id);
	if (strcmp(again, line) || !take_line(&at, end, line, sizeof(line)) ||
	    strcmp(line, "\tfields := struct {\n"))
		return false;
	b->layout.known = true;
	for (b->fields = at; take_line(&at, end, line, sizeof(line)); b->layout.num_fields++) {
		b->fields_end = at - strlen(line);
		if (!strcmp(line, "\t} align(8);\n")) {
			b->end = take_line(&at, end, line, sizeof(line)) ? at : NULL;
			return b->end && !strcmp(line, "};\n");
		}
		if (b->layout.num_fields == ARRAY_SIZE(b->layout.sizes) ||
		    !parse_field(line, &b->layout.sizes[b->layout.num_fields]))
			break;
	}
	return false;
}

struct blocks {
	VEC(struct block) list;
};

/* Every whole one. Returns whether nothing else stands from the first on. */
static bool parse_blocks(const char *text, size_t len, struct blocks *all)
{
	const char *end = text + len, *at = memmem(text, len, BLOCK, strlen(BLOCK));
	bool whole = at != NULL;
	struct block b;

	while (at && at < end) {
		if (parse_block(at, end, &b)) {
			*VEC_PUSH(&all->list) = b;
			at = b.end;
			continue;
		}
		whole = false;
		at = memmem(at + 1, (size_t)(end - at - 1), BLOCK, strlen(BLOCK));
	}
	return whole;
}

static const struct block *find_block(const struct blocks *all, unsigned int id)
{
	for (size_t i = 0; i < all->list.n; i++)
		if (all->list.v[i].id == id)
			return &all->list.v[i];
	return NULL;
}

/* Within one format an event gains fields at its end and changes in no other way. */
static bool same_event(const struct block *a, const struct block *b)
{
	size_t head_a = (size_t)(a->fields - a->begin), head_b = (size_t)(b->fields - b->begin);
	size_t len_a = (size_t)(a->fields_end - a->fields),
	       len_b = (size_t)(b->fields_end - b->fields);

	return head_a == head_b && !memcmp(a->begin, b->begin, head_a) &&
	       !memcmp(a->fields, b->fields, len_a < len_b ? len_a : len_b);
}

static void put_block(struct buf *out, struct layouts *l, const struct block *b)
{
	buf__put(out, b->begin, (size_t)(b->end - b->begin));
	l->by_id[b->id] = b->layout;
}

bool metadata__mend(const char *text, size_t len, const struct stream_meta *meta, struct buf *out,
		    struct layouts *l)
{
	char *ours = xcalloc(1, OURS_MAX);
	size_t ours_len = stream_metadata__print(ours, OURS_MAX, meta), head;
	struct blocks mine = {0}, theirs = {0};
	bool whole;

	parse_blocks(ours, ours_len, &mine);
	whole = parse_blocks(text, len, &theirs);
	head = (size_t)(mine.list.v[0].begin - ours);
	whole &= len > head && !memcmp(text, ours, head);
	if (len < ours_len && !memcmp(text, ours, len))
		whole = false; /* cut between two events */
	buf__put(out, ours, head);
	for (size_t i = 0; i < mine.list.n; i++) {
		const struct block *a = &mine.list.v[i], *b = find_block(&theirs, a->id);
		bool same = b && same_event(a, b);

		whole &= !b || same;
		put_block(out, l, same ? b : a);
	}
	for (size_t i = 0; i < theirs.list.n; i++)
		if (!l->by_id[theirs.list.v[i].id].known)
			put_block(out, l, &theirs.list.v[i]);
	free(mine.list.v);
	free(theirs.list.v);
	free(ours);
	return whole;
}

bool layouts__fit(const struct layouts *l, uint16_t id, const uint8_t *payload, size_t len)
{
	const struct layout *e = id < ARRAY_SIZE(l->by_id) ? &l->by_id[id] : NULL;
	size_t at = 0;

	if (!e || !e->known)
		return false;
	for (unsigned int i = 0; i < e->num_fields; i++) {
		size_t n = e->sizes[i];

		if (n == SIZE_text) {
			const uint8_t *nul = memchr(payload + at, 0, len - at);

			if (!nul)
				return false;
			n = (size_t)(nul - payload) + 1 - at;
		} else if (n == SIZE_bytes) {
			uint16_t count;

			if (len - at < sizeof(count))
				return false;
			memcpy(&count, payload + at, sizeof(count));
			n = sizeof(count) + count;
		}
		if (n > len - at)
			return false;
		at += n;
	}
	return at == len;
}
