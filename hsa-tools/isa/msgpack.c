// SPDX-License-Identifier: MIT
#include "msgpack.h"

#include <string.h>

/* Big-endian, of 1, 2, 4 or 8 bytes. */
static bool take(struct msgpack *m, unsigned int bytes, uint64_t *out)
{
	if ((size_t)(m->end - m->at) < bytes)
		return false;
	*out = 0;
	while (bytes--)
		*out = *out << 8 | *m->at++;
	return true;
}

static bool take_data(struct msgpack *m, struct msgpack_value *v, enum msgpack_kind kind, uint64_t size)
{
	if (size > (size_t)(m->end - m->at))
		return false;
	v->kind = kind;
	v->data = m->at;
	v->size = (uint32_t)size;
	m->at += size;
	return true;
}

static bool take_head(struct msgpack_value *v, enum msgpack_kind kind, uint64_t size)
{
	v->kind = kind;
	v->size = (uint32_t)size;
	return true;
}

static bool take_number(struct msgpack *m, struct msgpack_value *v, enum msgpack_kind kind, unsigned int bytes)
{
	v->kind = kind;
	if (!take(m, bytes, &v->number))
		return false;
	if (kind != MSGPACK_INT)
		return true;
	v->number = (uint64_t)((int64_t)(v->number << (64 - 8 * bytes)) >> (64 - 8 * bytes));
	if ((int64_t)v->number >= 0)
		v->kind = MSGPACK_UINT;
	return true;
}

/* Heads 0xc0 to 0xdf; those before and behind hold their size or number themselves. */
static bool take_long(struct msgpack *m, struct msgpack_value *v, uint8_t head)
{
	uint64_t size;

	switch (head) {
	case 0xc0:
		v->kind = MSGPACK_NIL;
		return true;
	case 0xc2:
	case 0xc3:
		v->kind = MSGPACK_BOOL;
		v->number = head & 1;
		return true;
	case 0xc4:
	case 0xc5:
	case 0xc6:
		return take(m, 1u << (head - 0xc4), &size) && take_data(m, v, MSGPACK_BYTES, size);
	case 0xc7:
	case 0xc8:
	case 0xc9: /* a byte that says which type follows the size */
		return take(m, 1u << (head - 0xc7), &size) && take_data(m, v, MSGPACK_EXT, size + 1);
	case 0xca:
	case 0xcb:
		return take_number(m, v, MSGPACK_FLOAT, 4u << (head - 0xca));
	case 0xcc:
	case 0xcd:
	case 0xce:
	case 0xcf:
		return take_number(m, v, MSGPACK_UINT, 1u << (head - 0xcc));
	case 0xd0:
	case 0xd1:
	case 0xd2:
	case 0xd3:
		return take_number(m, v, MSGPACK_INT, 1u << (head - 0xd0));
	case 0xd4:
	case 0xd5:
	case 0xd6:
	case 0xd7:
	case 0xd8:
		return take_data(m, v, MSGPACK_EXT, (1u << (head - 0xd4)) + 1);
	case 0xd9:
	case 0xda:
	case 0xdb:
		return take(m, 1u << (head - 0xd9), &size) && take_data(m, v, MSGPACK_TEXT, size);
	case 0xdc:
	case 0xdd:
		return take(m, 2u << (head - 0xdc), &size) && take_head(v, MSGPACK_ARRAY, size);
	case 0xde:
	case 0xdf:
		return take(m, 2u << (head - 0xde), &size) && take_head(v, MSGPACK_MAP, size);
	default:
		return false; /* 0xc1 is never used */
	}
}

bool msgpack__next(struct msgpack *m, struct msgpack_value *v)
{
	uint64_t head;

	*v = (struct msgpack_value){0};
	if (!take(m, 1, &head))
		return false;
	if (head < 0x80 || head >= 0xe0) {
		v->kind = head < 0x80 ? MSGPACK_UINT : MSGPACK_INT;
		v->number = (uint64_t)(int64_t)(int8_t)head;
		return true;
	}
	if (head < 0x90)
		return take_head(v, MSGPACK_MAP, head & 0xf);
	if (head < 0xa0)
		return take_head(v, MSGPACK_ARRAY, head & 0xf);
	if (head < 0xc0)
		return take_data(m, v, MSGPACK_TEXT, head & 0x1f);
	return take_long(m, v, (uint8_t)head);
}

bool msgpack__skip(struct msgpack *m)
{
	struct msgpack_value v;
	uint64_t left = 1;

	while (left) {
		if (!msgpack__next(m, &v))
			return false;
		left--;
		left += v.kind == MSGPACK_ARRAY ? v.size : v.kind == MSGPACK_MAP ? 2ull * v.size : 0;
		if (left > (uint64_t)(m->end - m->at)) /* each takes a byte at least */
			return false;
	}
	return true;
}

bool msgpack__is(const struct msgpack_value *v, const char *text)
{
	size_t len = strlen(text);

	return v->kind == MSGPACK_TEXT && v->size == len && !memcmp(v->data, text, len);
}
