/* SPDX-License-Identifier: MIT */
/*
 * MessagePack (github.com/msgpack/msgpack, spec.md), read where it stands: nothing is copied, nothing is
 * allocated, nothing is read beyond the end, however the bytes were made.
 */
#ifndef RDNA1_ISA_MSGPACK_H
#define RDNA1_ISA_MSGPACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is still to be read. */
struct msgpack {
	const uint8_t *at, *end;
};

enum msgpack_kind {
	MSGPACK_NIL,
	MSGPACK_BOOL,
	MSGPACK_UINT,
	MSGPACK_INT, /* negative */
	MSGPACK_FLOAT,
	MSGPACK_TEXT,
	MSGPACK_BYTES,
	MSGPACK_EXT,
	MSGPACK_ARRAY, /* size values follow */
	MSGPACK_MAP,   /* size pairs of key and value follow */
};

struct msgpack_value {
	enum msgpack_kind kind;
	uint64_t number;	/* BOOL 0 or 1, UINT, INT as two's complement; FLOAT its bits, 4 or 8 bytes */
	const uint8_t *data;	/* TEXT, BYTES, EXT: not terminated */
	uint32_t size;		/* of data in bytes; of ARRAY, MAP */
};

/* The next value; of an array or a map its head only. False at the end, and where it is damaged. */
bool msgpack__next(struct msgpack *m, struct msgpack_value *v);

/* Go past the next value with all that is in it. */
bool msgpack__skip(struct msgpack *m);

/* Whether v is this text. */
bool msgpack__is(const struct msgpack_value *v, const char *text);

#endif
