// SPDX-License-Identifier: MIT
/* Words of the GPU: page-table entries by generation, interrupts by chosen words. */
#include "t.h"
#include "../../usr/decode/iv.h"
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
#define X(mach, name, version)                                                                     \
	CHECK(caps_pte__find(version));                                                            \
	CHECK(caps_iv__find(version));
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

/* ---- interrupts ---- */

static void expect_iv(unsigned int gfx_target_version, const struct iv *iv, enum iv_class class,
		      const char *want)
{
	const struct caps_iv *row = caps_iv__find(gfx_target_version);
	struct buf b = {0};

	CHECK_EQ(iv__decode(row, iv).class, class);
	iv_print(&b, row, iv);
	CHECK_STR(buf__str(&b), want);
	buf__free(&b);
}

static void test_iv_faults(void)
{
	/* a store that is retried, from the graphics hub; gmc_v10_0_process_interrupt */
	const struct iv store = {
		.client_id = 0x1b, .vmid = 8, .pasid = 0x8001, .src_data = {0xf0000200, 0xa7}};
	const struct iv load = {
		.client_id = 0x12, .vmid = 9, .pasid = 0x8002, .src_data = {0xdead0}};
	const struct iv fetch = {.client_id = 0x1b, .vmid = 8, .src_data = {1, 0x10}};
	const struct iv poison = {.client_id = 0x1b, .src_id = 1};
	struct iv_info i = iv__decode(caps_iv__find(100100), &store);

	CHECK_EQ(i.va, 0x7f0000200000);
	CHECK(i.retry && i.write && !i.read && !i.exec);
	expect_iv(100100, &store, IV_PAGE_FAULT,
		  "page fault (retry), va=0x7f0000200000, write, client=0x1b (UTCL2), vmid=8, "
		  "pasid=0x8001");
	expect_iv(100100, &load, IV_PAGE_FAULT,
		  "page fault, va=0xdead0000, read, client=0x12 (VMC), vmid=9, pasid=0x8002");
	expect_iv(100100, &fetch, IV_PAGE_FAULT,
		  "page fault, va=0x1000, execute, client=0x1b (UTCL2), vmid=8, pasid=0x0");
	expect_iv(100100, &poison, IV_OTHER,
		  "interrupt src_id=1, src_data=[0x0, 0x0, 0x0, 0x0], client=0x1b (UTCL2), vmid=0, "
		  "pasid=0x0");
}

static void test_iv_waves(void)
{
	/* trap handler: doorbell 5, APERTURE_VIOLATION (bit 5); SE 1, SA 1, WGP 4, SIMD 2, wave 7
	 */
	const struct iv aperture = {
		.client_id = 0x0b,
		.src_id = 239,
		.vmid = 8,
		.pasid = 0x8001,
		.src_data = {5 | 1 << 15 | 1 << 23 | 1 << 24 | 7 << 25 | 2u << 30,
			     1 << 6 | 1 << 4 | 4}};
	/* every code, every bit of the doorbell */
	const struct iv all = {.client_id = 0x0a, .src_id = 239, .src_data = {0x107ffff, 0x40}};
	const struct iv message = {.client_id = 0x0a, .src_id = 239, .src_data = {0x1234, 0x40}};
	const struct iv illegal = {.client_id = 0x0a, .src_id = 239, .src_data = {1 << 19, 0x80}};
	const struct iv memviol = {.client_id = 0x0d, .src_id = 239, .src_data = {2 << 19, 0x80}};
	const struct iv automatic = {.client_id = 0x0a, .src_id = 239, .src_data = {0x4, 0}};
	/* gfx9 has the encoding and PRIV in word 0, and the data in three pieces */
	const struct iv gfx9 = {.client_id = 0x0a,
				.src_id = 239,
				.src_data = {0x805 | 1 << 13 | 1 << 26 | 1 << 28, 1}};
	struct iv_info i = iv__decode(caps_iv__find(100100), &aperture);

	CHECK_EQ(i.doorbell_id, 5);
	CHECK_EQ(i.codes, IV_CODE_APERTURE_VIOLATION);
	CHECK_EQ(i.wgp, 4);
	expect_iv(100100, &aperture, IV_WAVE,
		  "wave exception APERTURE_VIOLATION, doorbell_id=5, se=1, sa=1, wgp=4, simd=2, "
		  "wave=7, "
		  "client=0xb (SE1SH), vmid=8, pasid=0x8001");
	expect_iv(100300, &all, IV_WAVE,
		  "wave exception ABORT|TRAP|MATH_ERROR|ILLEGAL_INSTRUCTION|MEMORY_VIOLATION|"
		  "APERTURE_VIOLATION|0x1c0, doorbell_id=1023, se=0, sa=0, wgp=0, simd=0, wave=0, "
		  "client=0xa (SE0SH), vmid=0, pasid=0x0");
	expect_iv(100100, &message, IV_WAVE,
		  "wave message 0x1234, se=0, sa=0, wgp=0, simd=0, wave=0, client=0xa (SE0SH), "
		  "vmid=0, "
		  "pasid=0x0");
	expect_iv(100100, &illegal, IV_HW_ERROR,
		  "wave error ILLEGAL_INST, se=0, sa=0, wgp=0, simd=0, wave=0, client=0xa (SE0SH), "
		  "vmid=0, pasid=0x0");
	expect_iv(100100, &memviol, IV_HW_ERROR,
		  "wave error MEMVIOL, se=0, sa=0, wgp=0, simd=0, wave=0, client=0xd (SE3SH), "
		  "vmid=0, "
		  "pasid=0x0");
	expect_iv(100100, &automatic, IV_SQ,
		  "shader message 0x4, client=0xa (SE0SH), vmid=0, pasid=0x0");
	i = iv__decode(caps_iv__find(90006), &gfx9);
	CHECK_EQ(i.class, IV_WAVE);
	CHECK_EQ(i.data, 0x11805);
	CHECK_EQ(i.doorbell_id, 5);
	CHECK_EQ(i.codes, 0x46);
}

static void test_iv_others(void)
{
	const struct iv eop = {.client_id = 0x14, .src_id = 181, .src_data = {0x77}};
	const struct iv bad = {.client_id = 0x14, .src_id = 183, .src_data = {20 << 10 | 3}};
	const struct iv sdma = {.client_id = 0x09, .src_id = 224, .src_data = {0xf0000012}};
	const struct iv sdma11 = {.client_id = 0x0a, .src_id = 49, .src_data = {0x12}};
	const struct iv far = {.client_id = 200, .src_id = 239};

	expect_iv(100100, &eop, IV_END_OF_PIPE,
		  "end of pipe, context 0x77, client=0x14 (GRBM_CP), vmid=0, pasid=0x0");
	expect_iv(100100, &bad, IV_BAD_OPCODE,
		  "bad packet QUEUE_PACKET_UNSUPPORTED (20), doorbell_id=3, client=0x14 (GRBM_CP), "
		  "vmid=0, pasid=0x0");
	expect_iv(100100, &sdma, IV_SDMA_TRAP,
		  "SDMA trap, context 0x12, client=0x9 (SDMA1), vmid=0, pasid=0x0");
	CHECK_EQ(iv__decode(caps_iv__find(110000), &sdma11).class, IV_SDMA_TRAP);
	CHECK_EQ(iv__decode(caps_iv__find(100100), &sdma11).class, IV_OTHER);
	expect_iv(100100, &far, IV_OTHER,
		  "interrupt src_id=239 (SQ_INTERRUPT_ID), src_data=[0x0, 0x0, 0x0, 0x0], "
		  "client=0xc8, "
		  "vmid=0, pasid=0x0");
	CHECK_EQ(iv__decode(NULL, &eop).class, IV_OTHER);

	/* any words */
	for (uint64_t n = 0; n < 200000; n++) {
		uint64_t x = n * 0x9e3779b97f4a7c15ull;
		const struct iv iv = {.client_id = (uint32_t)(n % 40),
				      .src_id = (uint32_t)(x >> 56),
				      .src_data = {(uint32_t)x, (uint32_t)(x >> 24)}};
		const struct caps_iv *row = &caps_ivs[n % CAPS_NUM_IVS];
		struct buf b = {0};

		iv_print(&b, row, &iv);
		CHECK(iv__decode(row, &iv).doorbell_id < 1024);
		buf__free(&b);
	}
}

int main(void)
{
	test_pte_rows();
	test_pte_gfx10();
	test_pte_others();
	test_iv_faults();
	test_iv_waves();
	test_iv_others();
	END_TESTS;
}
