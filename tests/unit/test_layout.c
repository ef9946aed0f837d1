// SPDX-License-Identifier: MIT
/*
 * The AMD extension table by version: each slot the agent uses, where this build's header and the
 * headers of ROCr have it, and nothing beside them; tables that are not known; smaller core tables.
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

static const struct row {
	const char *name;
	size_t here, since;
} rows[] = {
#define AMD_FN(fn, since) {#fn, offsetof(struct amd_table, fn##_fn), since},
#define AMD_NO(fn, since) {#fn, SIZE_MAX, since},
#include "../../hsa-tools/agent/layout.def"
};
#define N (sizeof(rows) / sizeof(rows[0]))

static uint64_t slot(const struct amd_table *t, size_t here)
{
	uint64_t v;

	memcpy(&v, (const char *)t + here, 8);
	return v;
}

static uint64_t slot_of(const struct amd_table *t, const char *name)
{
	for (size_t i = 0; i < N; i++)
		if (!strcmp(rows[i].name, name))
			return slot(t, rows[i].here);
	return 0;
}

static void check_layout(uint32_t major, uint32_t functions)
{
	union table x, before;
	struct amd_table mine;
	size_t changed = 0, there = 0;

	fill(&x, major, 16 + 8 * functions);
	before = x;
	CHECK_EQ(amd_table__functions(&x.t), functions);
	amd_table__read(&mine, &x.t);
	for (size_t i = 0; i < N; i++) {
		if (rows[i].here == SIZE_MAX)
			continue;
		there += rows[i].since <= functions;
		CHECK(!slot(&mine, rows[i].here) == (rows[i].since > functions));
		memset((char *)&mine + rows[i].here, 0xee, 8);
	}
	amd_table__write(&x.t, &mine);
	for (size_t i = 0; i < 128; i++)
		if (x.words[i] != before.words[i]) {
			changed++;
			CHECK(x.words[i] == 0xeeeeeeeeeeeeeeeeull);
			CHECK(i >= 2 && i < 2 + functions);
		}
	CHECK_EQ(changed, there);
}

/* Places in the headers themselves: tags rocm-5.2.0, rocm-5.5.0, rocm-5.6.0, rocm-6.0.0;
 * Debian's 6.4.3. */
static const struct {
	uint32_t major, functions;
	const char *name;
	uint64_t at;
} places[] = {
	{1, 48, "hsa_amd_memory_async_copy", 136},
	{1, 48, "hsa_amd_agents_allow_access", 152},
	{1, 48, "hsa_amd_register_system_event_handler", 288},
	{1, 48, "hsa_amd_svm_attributes_set", 368},
	{1, 51, "hsa_amd_agents_allow_access", 152},
	{1, 51, "hsa_amd_svm_prefetch_async", 384},
	{1, 55, "hsa_amd_memory_async_copy_on_engine", 144},
	{1, 55, "hsa_amd_agents_allow_access", 168},
	{1, 55, "hsa_amd_portable_export_dmabuf", 440},
	{2, 67, "hsa_amd_register_system_event_handler", 304},
	{2, 67, "hsa_amd_vmem_address_reserve", 456},
	{2, 67, "hsa_amd_vmem_import_shareable_handle", 528},
	{2, 72, "hsa_amd_vmem_address_reserve_align", 568},
	{2, 72, "hsa_amd_signal_wait_all", 584},
};

static void check_places(void)
{
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		struct amd_table mine;
		union table x;

		fill(&x, places[i].major, 16 + 8 * places[i].functions);
		amd_table__read(&mine, &x.t);
		CHECK_EQ(slot_of(&mine, places[i].name), places[i].at);
	}
}

/* Whatever ROCr this is built with. */
static void check_header(void)
{
	struct amd_table mine;
	union table x;

	fill(&x, sizeof(AmdExtTable) < 16 + 8 * 67 ? 1 : 2, sizeof(AmdExtTable));
	CHECK(amd_table__functions(&x.t));
	amd_table__read(&mine, &x.t);
#define AMD_FN(fn, since)                                                                          \
	CHECK_EQ(slot(&mine, offsetof(struct amd_table, fn##_fn)), offsetof(AmdExtTable, fn##_fn));
#define AMD_NEW(fn, since)
#include "../../hsa-tools/agent/layout.def"
}

static void check_unknown(void)
{
	static const struct {
		uint32_t major, bytes;
	} unknown[] = {{1, 592}, {2, 400}, {1, 392}, {1, 408}, {1, 416}, {1, 448},
		       {1, 0},	 {1, 8},   {2, 16},  {2, 544}, {2, 553}, {2, 712},
		       {3, 592}, {0, 0},   {1, 401}, {0, 400}};

	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		union table x, before;
		struct amd_table mine;

		fill(&x, unknown[i].major, unknown[i].bytes);
		before = x;
		CHECK(!amd_table__functions(&x.t));
		amd_table__read(&mine, &x.t);
		for (size_t j = 0; j < sizeof(mine); j++)
			CHECK(!((const char *)&mine)[j]);
		memset(&mine, 0xee, sizeof(mine));
		amd_table__write(&x.t, &mine);
		CHECK(!memcmp(&x, &before, sizeof(x)));
	}
}

static void check_core(void)
{
	CoreApiTable small, mine;

	for (uint32_t bytes = sizeof(ApiTableVersion); bytes <= sizeof(small); bytes += 8) {
		memset(&small, 0xee, sizeof(small));
		small.version.minor_id = bytes;
		core_table__read(&mine, &small);
		CHECK(!memcmp(&mine, &small, bytes));
		for (size_t i = bytes; i < sizeof(mine); i++)
			CHECK(!((const char *)&mine)[i]);
		CHECK(core_table__has(&small, bytes - 8));
		CHECK(!core_table__has(&small, bytes));
	}
}

int main(void)
{
	check_layout(1, 48);
	check_layout(1, 51);
	check_layout(1, 55);
	for (uint32_t n = 67; n <= AMD_TABLE_MOST; n++)
		check_layout(2, n);
	check_places();
	check_header();
	check_unknown();
	check_core();
	END_TESTS;
}
