// SPDX-License-Identifier: MIT
#include "fields.h"
#include "../../bpf/events.h"

#include <string.h>

#define INT_u8 FIELD_INT, 1, false, false
#define INT_u16 FIELD_INT, 2, false, false
#define INT_u32 FIELD_INT, 4, false, false
#define INT_u64 FIELD_INT, 8, false, false
#define INT_x8 FIELD_INT, 1, false, true
#define INT_x16 FIELD_INT, 2, false, true
#define INT_x32 FIELD_INT, 4, false, true
#define INT_x64 FIELD_INT, 8, false, true
#define INT_s32 FIELD_INT, 4, true, false
#define INT_s64 FIELD_INT, 8, true, false

#define EVENT(name, id, doc) static const struct field_desc fields_##name[] = {
#define F(type, name, print, doc) {#name, INT_##type, PRINT_##print, doc},
#define BYTES(name, print, doc) {#name, FIELD_BYTES, 0, false, false, PRINT_##print, doc},
#define TEXT(name, doc) {#name, FIELD_TEXT, 0, false, false, PRINT_RAW, doc},
#define END(name)                                                                                  \
	}                                                                                          \
	;
#include "../../bpf/events.def"

#define EVENT(name, id, doc) enum { ints_##name = 0
#define F(type, name, print, doc) +1
#define BYTES(name, print, doc)
#define TEXT(name, doc)
#define END(name) };
#include "../../bpf/events.def"

static const struct event_desc events[] = {
#define EVENT(name, id, doc)                                                                       \
	[id] = {id, #name, doc, fields_##name, ARRAY_SIZE(fields_##name), ints_##name, sizeof(struct ev_##name)},
#define F(type, name, print, doc)
#define BYTES(name, print, doc)
#define TEXT(name, doc)
#define END(name)
#include "../../bpf/events.def"
};

const struct event_desc *event_desc__find(uint16_t id)
{
	return id < ARRAY_SIZE(events) && events[id].name ? &events[id] : NULL;
}

const struct event_desc *event_desc__next(const struct event_desc *d)
{
	for (d = d ? d + 1 : events; d < events + ARRAY_SIZE(events); d++)
		if (d->name)
			return d;
	return NULL;
}

bool field_iter__next(struct field_iter *it, struct field_value *out)
{
	const struct field_desc *f;

	if (it->i >= it->desc->num_fields)
		return false;
	f = &it->desc->fields[it->i];
	*out = (struct field_value){.desc = f};
	if (f->kind == FIELD_INT) {
		if (f->size > it->len - it->at)
			return false;
		memcpy(&out->value, it->payload + it->at, f->size);
		if (f->is_signed && f->size == 4)
			out->value = (uint64_t)(int64_t)(int32_t)out->value;
		it->at += f->size;
	} else if (f->kind == FIELD_TEXT) {
		const uint8_t *start = it->payload + it->at;
		const uint8_t *end = memchr(start, 0, it->len - it->at);

		if (!end)
			return false;
		out->data = start;
		out->len = (uint16_t)(end - start);
		it->at += out->len + 1u;
	} else {
		if (sizeof(out->len) > it->len - it->at)
			return false;
		memcpy(&out->len, it->payload + it->at, sizeof(out->len));
		if (sizeof(out->len) + out->len > it->len - it->at)
			return false;
		out->data = it->payload + it->at + sizeof(out->len);
		it->at += sizeof(out->len) + out->len;
	}
	it->i++;
	return true;
}
