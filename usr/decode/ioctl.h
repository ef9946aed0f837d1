/* SPDX-License-Identifier: MIT */
/*
 * Arguments of ioctls by rows of data: what kfd.c and drm.c share. Reads never go beyond what was
 * recorded: a field that lies beyond it is absent, bytes no row knows are printed raw.
 */
#ifndef RDNA1_DECODE_IOCTL_H
#define RDNA1_DECODE_IOCTL_H

#include "print.h"

/* When a field is there: always, before the answer, after it, or for one value of the selector. */
enum { IOCTL_ALWAYS = -1, IOCTL_IN = -2, IOCTL_OUT = -3 };

struct ioctl_field {
	const char *name;
	uint16_t offset;
	uint8_t size;
	bool is_signed;
	enum print_kind print;
	int16_t when;
};

/* An array in the caller's memory. elem is 0 when there is none, 0xffff when count is in bits. */
struct ioctl_array {
	uint16_t ptr, count, elem; /* see bpf/kfd_cmds.def */
};

struct ioctl_cmd {
	const char *name;
	uint16_t size;
	uint16_t selector; /* 1 + offset of the u32 that says which union member; 0 none */
	struct ioctl_array array[2];
	const struct ioctl_field *fields; /* ends with name NULL */
};

#define IOC_NR(cmd) ((cmd)&0xff)
#define IOC_TYPE(cmd) (((cmd) >> 8) & 0xff)
#define IOC_SIZE(cmd) (((cmd) >> 16) & 0x3fff)

/* Sizes and signs of the types of a row. */
#define IOCTL_SIZE_u8 1, false
#define IOCTL_SIZE_u16 2, false
#define IOCTL_SIZE_u32 4, false
#define IOCTL_SIZE_u64 8, false
#define IOCTL_SIZE_s32 4, true
#define IOCTL_ROW(name, offset, type, print, when)                                                 \
	{                                                                                          \
		name, offset, IOCTL_SIZE_##type, PRINT_##print, when                               \
	}
#define IOCTL_LAST                                                                                 \
	{                                                                                          \
		NULL, 0, 0, false, PRINT_DEC, IOCTL_ALWAYS                                         \
	}

/* The integer at p; little-endian. */
uint64_t ioctl_load(const uint8_t *p, unsigned int size, bool is_signed);

/*
 * "a=1, b=2": the fields that are there. answered: whether the call succeeded. Returns what
 * separates the next field: "" when none was printed.
 */
const char *ioctl_print_fields(struct buf *b, const struct ioctl_cmd *c, bool answered,
			       const uint8_t *arg, size_t len);

/* Bytes of the argument behind its first `known`, raw; nothing when there are none. */
void ioctl_print_rest(struct buf *b, const char *sep, const uint8_t *arg, size_t known, size_t len);

/* One field by name, when it is there. */
bool ioctl_get(const struct ioctl_cmd *c, bool answered, const uint8_t *arg, size_t len,
	       const char *field, uint64_t *value);

typedef void (*ioctl_element)(struct buf *b, const uint8_t *p);

/*
 * "[x, y]": elements of elem bytes, printed by `print`, or as hexadecimal integers where it is NULL
 * and they are no longer than that, or raw.
 */
void ioctl_print_elements(struct buf *b, ioctl_element print, size_t elem, const uint8_t *data,
			  size_t len);

/* "{a=1, b=2}" of a struct that is there whole. */
void ioctl_print_struct(struct buf *b, const struct ioctl_field *fields, const uint8_t *p);

#endif
