// SPDX-License-Identifier: MIT
/*
 * Where the functions that the agent uses stand in the AMD extension table. The table is no prefix
 * of its next version: ROCr 5.7 put two functions behind hsa_amd_memory_async_copy.
 */
#include "layout.h"

#include <string.h>

enum { ROCR_5_2, ROCR_6_4, NUM_LAYOUTS };

/* By the version words that a table begins with: AMD_EXT major id, and its size as minor id. */
static const struct {
	uint32_t major, bytes;
} versions[NUM_LAYOUTS] = {[ROCR_5_2] = {1, 400}, [ROCR_6_4] = {2, 592}};

static const struct {
	uint16_t here, at[NUM_LAYOUTS];
} slots[] = {
#define AMD_SLOT(fn, in_5_2, in_6_4) {offsetof(struct amd_table, fn##_fn), {in_5_2, in_6_4}},
#include "layout.def"
};
/* The header this is built with is 5.2.3's on Debian 12. */
#define AMD_SLOT(fn, in_5_2, in_6_4)                                                               \
	_Static_assert(sizeof(AmdExtTable) != 400 || offsetof(AmdExtTable, fn##_fn) == (in_5_2),   \
		       #fn);
#define AMD_SLOT_5_7(fn, in_6_4)
#include "layout.def"
#define NUM_SLOTS (sizeof(slots) / sizeof(slots[0]))

static int layout_of(const AmdExtTable *table)
{
	for (int l = 0; l < NUM_LAYOUTS; l++)
		if (table->version.major_id == versions[l].major &&
		    table->version.minor_id == versions[l].bytes)
			return l;
	return -1;
}

bool amd_table__known(const AmdExtTable *table)
{
	return layout_of(table) >= 0;
}

void amd_table__read(struct amd_table *to, const AmdExtTable *table)
{
	int l = layout_of(table);

	memset(to, 0, sizeof(*to));
	for (size_t i = 0; l >= 0 && i < NUM_SLOTS; i++)
		if (slots[i].at[l])
			memcpy((char *)to + slots[i].here, (const char *)table + slots[i].at[l],
			       sizeof(void *));
}

void amd_table__write(AmdExtTable *table, const struct amd_table *from)
{
	int l = layout_of(table);

	for (size_t i = 0; l >= 0 && i < NUM_SLOTS; i++)
		if (slots[i].at[l])
			memcpy((char *)table + slots[i].at[l], (const char *)from + slots[i].here,
			       sizeof(void *));
}
