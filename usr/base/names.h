/* SPDX-License-Identifier: MIT */
/* Values and flag words to names, from tables. What is unknown is printed, never dropped. */
#ifndef RDNA1_BASE_NAMES_H
#define RDNA1_BASE_NAMES_H

#include "buf.h"

struct name {
	uint64_t value;
	const char *name;
};

/* A table ends with {0, NULL}; a value of 0 before that is fine. */
const char *names__find(const struct name *table, uint64_t value); /* NULL when unknown */

/* "NAME", or the number in hex. */
void names__value(struct buf *b, const struct name *table, uint64_t value);

/* "A|B|0x400", "0" for none. */
void names__flags(struct buf *b, const struct name *table, uint64_t flags);

#endif
