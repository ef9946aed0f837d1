// SPDX-License-Identifier: MIT
#include "bundle.h"

#include <string.h>

static const char magic[] = "__CLANG_OFFLOAD_BUNDLE__", packed_magic[] = "CCOB";

enum { MAGIC = sizeof(magic) - 1, PACKED_MAGIC = sizeof(packed_magic) - 1 };

static bool take(const void *data, size_t len, uint64_t *at, void *to, size_t size)
{
	if (*at > len || size > len - *at)
		return false;
	memcpy(to, (const char *)data + *at, size);
	*at += size;
	return true;
}

bool bundle__open(struct bundle *b, const void *data, size_t len)
{
	*b = (struct bundle){.data = data, .len = len, .at = MAGIC};
	if (len < MAGIC || memcmp(data, magic, MAGIC) || !take(data, len, &b->at, &b->num, sizeof(b->num)))
		return false;
	b->end = b->at;
	return true;
}

bool bundle__next(struct bundle *b, struct bundle_entry *e)
{
	uint64_t head[3]; /* offset, size, length of the id */

	if (b->damaged || b->next == b->num)
		return false;
	b->next++;
	if (!take(b->data, b->len, &b->at, head, sizeof(head)) || head[2] > b->len - b->at ||
	    head[0] > b->len || head[1] > b->len - head[0]) {
		b->damaged = true;
		return false;
	}
	*e = (struct bundle_entry){
		.id = (const char *)b->data + b->at,
		.id_len = head[2],
		.data = b->data + head[0],
		.size = head[1],
	};
	b->at += head[2];
	if (b->end < b->at)
		b->end = b->at;
	if (b->end < head[0] + head[1])
		b->end = head[0] + head[1];
	return true;
}

/* Version 1 has no length of its own, version 3 has both in 8 bytes; a hash of 8 bytes follows in all. */
bool bundle_packed__open(struct bundle_packed *p, const void *data, size_t len)
{
	uint64_t at = PACKED_MAGIC, hash, whole = 0, size = 0;
	size_t width;

	*p = (struct bundle_packed){0};
	if (len < PACKED_MAGIC || memcmp(data, packed_magic, PACKED_MAGIC) ||
	    !take(data, len, &at, &p->version, sizeof(p->version)) ||
	    !take(data, len, &at, &p->method, sizeof(p->method)) || p->version < 1 || p->version > 3)
		return false;
	width = p->version == 3 ? 8 : 4;
	if ((p->version > 1 && !take(data, len, &at, &whole, width)) || !take(data, len, &at, &size, width) ||
	    !take(data, len, &at, &hash, sizeof(hash)) || whole > len || (p->version > 1 && whole < at))
		return false;
	p->size = size;
	p->end = whole;
	p->data = (const uint8_t *)data + at;
	p->data_len = (whole ? whole : len) - at;
	return true;
}

size_t bundle__find(const void *data, size_t len, size_t from)
{
	const char *base = data, *plain, *packed;
	struct bundle_packed p;

	if (from > len)
		return len;
	plain = memmem(base + from, len - from, magic, MAGIC);
	if (plain)
		len = (size_t)(plain - base);
	for (; from < len; from = (size_t)(packed - base) + 1) {
		packed = memmem(base + from, len - from, packed_magic, PACKED_MAGIC);
		if (!packed)
			break;
		if (bundle_packed__open(&p, packed, len - (size_t)(packed - base)) && p.method <= BUNDLE_ZSTD)
			return (size_t)(packed - base);
	}
	return len;
}
