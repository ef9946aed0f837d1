// SPDX-License-Identifier: MIT
#include "structs.h"

#define STRUCT(name, type, size) const struct ioctl_field struct_##name[] = {
#define FIELD(member, offset, type, print) IOCTL_ROW(#member, offset, type, print, IOCTL_ALWAYS),
#define END()                                                                                      \
	IOCTL_LAST                                                                                 \
	}                                                                                          \
	;
#include "structs.def"

#define STRUCT(name, type, size)                                                                   \
	void struct_print_##name(struct buf *b, const uint8_t *p)                                  \
	{                                                                                          \
		ioctl_print_struct(b, struct_##name, p);                                           \
	}
#define FIELD(member, offset, type, print)
#define END()
#include "structs.def"
