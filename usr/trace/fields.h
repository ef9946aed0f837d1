/* SPDX-License-Identifier: MIT */
/* The event table as data: what dump and the exporters print from. Made from bpf/events.def. */
#ifndef RDNA1_TRACE_FIELDS_H
#define RDNA1_TRACE_FIELDS_H

#include "../decode/print.h"

enum field_kind { FIELD_INT, FIELD_BYTES, FIELD_TEXT };

struct field_desc {
	const char *name;
	enum field_kind kind;
	uint8_t size; /* FIELD_INT: bytes */
	bool is_signed;
	bool is_hex;
	enum print_kind print;
	const char *doc;
};

struct event_desc {
	uint16_t id;
	const char *name;
	const char *doc;
	const struct field_desc *fields;
	unsigned int num_fields;
	unsigned int num_ints, fixed_size; /* of the FIELD_INTs, which come first; bytes */
};

const struct event_desc *event_desc__find(uint16_t id); /* NULL when unknown */
const struct event_desc *event_desc__next(const struct event_desc *d); /* NULL: the first */

/* A field's value in an event: integers in `value`, bytes and text in data and len. */
struct field_value {
	const struct field_desc *desc;
	uint64_t value; /* sign-extended where the field is signed */
	const uint8_t *data;
	uint16_t len;
};

/* Walk the fields of a payload. *at starts at 0. Returns false at the end or where it is cut. */
struct field_iter {
	const struct event_desc *desc;
	const uint8_t *payload;
	size_t len, at;
	unsigned int i;
};
bool field_iter__next(struct field_iter *it, struct field_value *out);

#endif
