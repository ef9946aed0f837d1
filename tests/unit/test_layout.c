// SPDX-License-Identifier: MIT
/*
 * The AMD extension table by version: each slot the agent uses, where this build's header has it,
 * and nothing beside them.
 */
#include "t.h"
#include "../../hsa-tools/agent/layout.h"

#include <stdint.h>
#include <string.h>

union table {
	AmdExtTable t;
	uint64_t words[128];
};

/* A table whose slot at offset o holds o, but for the version words. */
static void fill(union table *x, uint32_t major, uint32_t bytes)
{
	for (size_t i = 0; i < 128; i++)
		x->words[i] = i * 8;
	x->t.version.major_id = major;
	x->t.version.minor_id = bytes;
}

static uint64_t slot(const struct amd_table *t, size_t here)
{
	uint64_t v;

	memcpy(&v, (const char *)t + here, 8);
	return v;
}

static const struct {
	size_t here, at[2];
} slots[] = {
#define AMD_SLOT(fn, a, b) {offsetof(struct amd_table, fn##_fn), {a, b}},
#include "../../hsa-tools/agent/layout.def"
};
#define N (sizeof(slots) / sizeof(slots[0]))

static void check_layout(int l, uint32_t major, uint32_t bytes)
{
	union table x, before;
	struct amd_table mine;
	size_t changed = 0, there = 0;

	fill(&x, major, bytes);
	before = x;
	CHECK(amd_table__known(&x.t));
	amd_table__read(&mine, &x.t);
	for (size_t i = 0; i < N; i++) {
		CHECK(slot(&mine, slots[i].here) == slots[i].at[l]);
		there += slots[i].at[l] != 0;
		memset((char *)&mine + slots[i].here, 0xee, 8);
	}
	amd_table__write(&x.t, &mine);
	for (size_t i = 0; i < 128; i++)
		if (x.words[i] != before.words[i]) {
			changed++;
			CHECK(x.words[i] == 0xeeeeeeeeeeeeeeeeull);
		}
	CHECK_EQ(changed, there);
}

int main(void)
{
	static const struct {
		uint32_t major, bytes;
	} unknown[] = {{1, 592}, {2, 400}, {1, 416}, {2, 584}, {2, 600}, {3, 592}, {0, 0}};
	union table x, before;
	struct amd_table mine;

	check_layout(0, 1, 400);
	check_layout(1, 2, 592);
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		fill(&x, unknown[i].major, unknown[i].bytes);
		before = x;
		memset(&mine, 0xee, sizeof(mine));
		CHECK(!amd_table__known(&x.t));
		amd_table__write(&x.t, &mine);
		CHECK(!memcmp(&x, &before, sizeof(x)));
	}
	END_TESTS;
}
