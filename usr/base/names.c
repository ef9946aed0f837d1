// SPDX-License-Identifier: MIT
#include "names.h"

#include <inttypes.h>

const char *names__find(const struct name *table, uint64_t value)
{
	for (; table->name; table++)
		if (table->value == value)
			return table->name;
	return NULL;
}

void names__value(struct buf *b, const struct name *table, uint64_t value)
{
	const char *name = names__find(table, value);

	if (name)
		buf__puts(b, name);
	else
		buf__printf(b, "0x%" PRIx64, value);
}

void names__flags(struct buf *b, const struct name *table, uint64_t flags)
{
	const char *sep = "";

	for (; table->name; table++) {
		if (!table->value || (flags & table->value) != table->value)
			continue;
		buf__printf(b, "%s%s", sep, table->name);
		flags &= ~table->value;
		sep = "|";
	}
	if (flags || !*sep)
		buf__printf(b, flags ? "%s0x%" PRIx64 : "%s%" PRIx64, sep, flags);
}
