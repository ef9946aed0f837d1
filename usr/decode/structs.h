/* SPDX-License-Identifier: MIT */
/* The rows of structs.def, for the decoders of this room. */
#ifndef RDNA1_DECODE_STRUCTS_H
#define RDNA1_DECODE_STRUCTS_H

#include "ioctl.h"

/* Its fields, its size, and a printer of one that is there whole. */
#define STRUCT(name, type, size_)                                                                  \
	extern const struct ioctl_field struct_##name[];                                           \
	enum { STRUCT_SIZE_##name = size_ };                                                       \
	void struct_print_##name(struct buf *b, const uint8_t *p);
#define FIELD(member, offset, type, print)
#define END()
#include "structs.def"

#endif
