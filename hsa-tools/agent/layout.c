// SPDX-License-Identifier: MIT
/*
 * Where the functions that the agent uses stand in the AMD extension table. The table is no prefix
 * of its next version: ROCr 5.5 and 5.6 put functions into its middle.
 */
#include "layout.h"

#include <string.h>

#define HEAD sizeof(ApiTableVersion)

static const struct {
	uint16_t here; /* offset in struct amd_table; NOT_USED */
	uint16_t since;
} rows[] = {
#define NOT_USED 0xffff
#define AMD_FN(fn, since) {offsetof(struct amd_table, fn##_fn), since},
#define AMD_NO(fn, since) {NOT_USED, since},
#include "layout.def"
};
#define NUM_ROWS (sizeof(rows) / sizeof(rows[0]))
_Static_assert(NUM_ROWS == AMD_TABLE_MOST, "layout.def");

/* Major version, and numbers of functions from, to: from ROCr 6.0 on the order has not changed. */
static const struct {
	uint32_t major, from, to;
} versions[] = {
	{1, 48, 48}, /* 5.2 to 5.4 */
	{1, 51, 51}, /* 5.5 */
	{1, 55, 55}, /* 5.6, 5.7 */
	{2, 67, AMD_TABLE_MOST},
};

uint32_t amd_table__functions(const AmdExtTable *table)
{
	const uint32_t bytes = table->version.minor_id;
	const uint32_t n = bytes < HEAD ? 0 : (uint32_t)((bytes - HEAD) / sizeof(void *));

	if (n * sizeof(void *) + HEAD != bytes)
		return 0;
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++)
		if (table->version.major_id == versions[i].major && n >= versions[i].from &&
		    n <= versions[i].to)
			return n;
	return 0;
}

/* Call fn for each used function of the table with its place in it. */
static void walk(const AmdExtTable *table, void (*fn)(size_t here, size_t there, void *arg),
		 void *arg)
{
	const uint32_t n = amd_table__functions(table);
	size_t at = HEAD;

	for (size_t i = 0; i < NUM_ROWS; i++) {
		if (rows[i].since > n)
			continue;
		if (rows[i].here != NOT_USED)
			fn(rows[i].here, at, arg);
		at += sizeof(void *);
	}
}

struct both {
	char *table, *mine;
};

static void take(size_t here, size_t there, void *arg)
{
	const struct both *b = arg;

	memcpy(b->mine + here, b->table + there, sizeof(void *));
}

static void give(size_t here, size_t there, void *arg)
{
	const struct both *b = arg;

	memcpy(b->table + there, b->mine + here, sizeof(void *));
}

void amd_table__read(struct amd_table *to, const AmdExtTable *table)
{
	struct both b = {(char *)(uintptr_t)table, (char *)to};

	memset(to, 0, sizeof(*to));
	walk(table, take, &b);
}

void amd_table__write(AmdExtTable *table, const struct amd_table *from)
{
	struct both b = {(char *)table, (char *)(uintptr_t)from};

	walk(table, give, &b);
}

void core_table__read(CoreApiTable *to, const CoreApiTable *table)
{
	const size_t size = table->version.minor_id;

	memset(to, 0, sizeof(*to));
	memcpy(to, table, size < sizeof(*to) ? size : sizeof(*to));
}

void core_table__write(CoreApiTable *table, const CoreApiTable *from)
{
	const size_t size = table->version.minor_id;

	memcpy((char *)table + HEAD, (const char *)from + HEAD,
	       (size < sizeof(*from) ? size : sizeof(*from)) - HEAD);
}
