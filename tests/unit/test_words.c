// SPDX-License-Identifier: MIT
/* Words of the GPU: page-table entries by generation. */
#include "t.h"
#include "../../usr/decode/pte.h"

/* ---- page-table entries ---- */

static void expect_pte(unsigned int gfx_target_version, uint64_t pte, const char *want)
{
	const struct caps_pte *row = caps_pte__find(gfx_target_version);
	struct buf b = {0};

	CHECK(row);
	pte_print(&b, row, pte);
	CHECK_STR(buf__str(&b), want);
	buf__free(&b);
}

static void expect_row(unsigned int gfx_target_version, const char *generation)
{
	const struct caps_pte *row = caps_pte__find(gfx_target_version);

	CHECK_STR(row ? row->generation : "none", generation);
}

static void test_pte_rows(void)
{
	struct buf b = {0};

	expect_row(90000, "gfx9");
	expect_row(90006, "gfx9");
	expect_row(90008, "gfx908");
	expect_row(90010, "gfx90a");
	expect_row(90012, "gfx9");
	expect_row(90402, "gfx9.4");
	expect_row(90500, "gfx9.4");
	expect_row(100100, "gfx10.1");
	expect_row(100103, "gfx10.1");
	expect_row(100300, "gfx10.3");
	expect_row(110003, "gfx11");
	expect_row(120001, "gfx12");
	expect_row(120500, "gfx12.1");
	expect_row(80003, "none");
	expect_row(0, "none");

	/* every processor that a code object can name has rows, and every value of MTYPE can be
	 * read */
#define X(mach, name, version) CHECK(caps_pte__find(version));
	CAPS_PROCESSORS(X)
#undef X
	for (size_t i = 0; i < CAPS_NUM_PTES; i++) {
		const struct caps_pte *row = &caps_ptes[i];

		CHECK(row->mtype_mask < CAPS_PTE_MTYPES);
		CHECK_STR(pte_mtype(row, 0), "NC");
		CHECK_STR(pte_mtype(row, 3ull << row->mtype_shift), "UC");
		for (uint64_t bit = 1; bit; bit <<= 1) {
			pte_print(&b, row, bit);
			CHECK(b.len);
			buf__reset(&b);
		}
	}
	CHECK_STR(pte_mtype(NULL, 0), "?");
	pte_print(&b, NULL, 0x77);
	CHECK_STR(buf__str(&b), "0x77");
	buf__free(&b);
}

/* What the KFD picks on gfx10 (get_pte_flags, svm_range_get_pte_flags, gmc_v10_0_get_vm_pte). */
static void test_pte_gfx10(void)
{
	/* VRAM, coarse: hipMalloc */
	expect_pte(100100, 0x71, "NC|VALID|EXECUTABLE|READABLE|WRITEABLE (0x71)");
	/* VRAM, coherent or uncached */
	expect_pte(100100, 0x3000000000071,
		   "UC|VALID|EXECUTABLE|READABLE|WRITEABLE (0x3000000000071)");
	/* GTT and userptr, coarse, fragments of 2 MiB */
	expect_pte(100100, 0x4e7, "NC|VALID|SYSTEM|SNOOPED|READABLE|WRITEABLE|FRAG(9) (0x4e7)");
	/* GTT, fine or uncached: kernargs */
	expect_pte(100100, 0x3000000000067,
		   "UC|VALID|SYSTEM|SNOOPED|READABLE|WRITEABLE (0x3000000000067)");
	/* with its address, as it stands in memory */
	expect_pte(100100, 0x3000012345067,
		   "UC|VALID|SYSTEM|SNOOPED|READABLE|WRITEABLE|addr=0x12345000 (0x3000012345067)");
	/* through GEM_VA only */
	expect_pte(100100, 0x1000000000001, "WC|VALID (0x1000000000001)");
	expect_pte(100100, 0x2000000000001, "CC|VALID (0x2000000000001)");
	/* values of the hardware's enum that the driver has no name for */
	expect_pte(100100, 0x4000000000000, "C_RW_S|0 (0x4000000000000)");
	expect_pte(100100, 0x5000000000000, "?|0 (0x5000000000000)");
	/* partially resident: not valid */
	expect_pte(100100, 0x0088000000000006, "NC|SYSTEM|SNOOPED|PRT|LOG (0x88000000000006)");
	/* what makes a fault that would be retried a final one: AMDGPU_VM_NORETRY_FLAGS */
	expect_pte(100100, 0x0140000000000010, "NC|EXECUTABLE|PDE_PTE|TF (0x140000000000010)");
	expect_pte(100100, 0, "NC|0 (0x0)");
}

static void test_pte_others(void)
{
	/* bit 58 is MALL's from gfx10.3 on */
	expect_pte(100100, 1ull << 58 | 1, "NC|VALID|0x400000000000000 (0x400000000000001)");
	expect_pte(100300, 1ull << 58 | 1, "NC|VALID|NOALLOC (0x400000000000001)");
	expect_pte(110000, 1ull << 58 | 1, "NC|VALID|NOALLOC (0x400000000000001)");
	/* MTYPE is bits 58:57 on gfx9, 55:54 on gfx12; 1 is RW from gfx908 on */
	expect_pte(90006, 1ull << 57 | 1, "WC|VALID (0x200000000000001)");
	expect_pte(90010, 1ull << 57 | 1, "RW|VALID (0x200000000000001)");
	expect_pte(90402, 3ull << 57 | 1, "UC|VALID (0x600000000000001)");
	expect_pte(120000, 3ull << 54 | 1ull << 63 | 1, "UC|VALID|IS_PTE (0x80c0000000000001)");
	expect_pte(120000, 1ull << 58 | 1ull << 56, "NC|PRT|DCC (0x500000000000000)");
	expect_pte(120500, 2ull << 54 | 1ull << 59, "RW|BUS_ATOMICS (0x880000000000000)");
}

int main(void)
{
	test_pte_rows();
	test_pte_gfx10();
	test_pte_others();
	END_TESTS;
}
