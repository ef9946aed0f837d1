// SPDX-License-Identifier: MIT
/* The code-object scan: each rule on code of a few instructions, what it reads of bundles, damaged files. */
#include "t.h"
#include "../../hsa-tools/isa/scan/align.h"
#include "../../hsa-tools/isa/bundle.h"
#include "../../hsa-tools/isa/scan/scan.h"

#include <elf.h>
#include <errno.h>

/* What llvm-mc-15 -mcpu=gfx1030 makes of the texts. */
#define READ_EXEC 0xbe80037e	   /* s_mov_b32 s0, exec_lo */
#define WRITE_EXEC 0xbefe0302	   /* s_mov_b32 exec_lo, s2 */
#define WRITE_S0 0xbe800380	   /* s_mov_b32 s0, 0 */
#define WRITE_S9 0xbe890380	   /* s_mov_b32 s9, 0 */
#define SAVEEXEC 0xbe803c6a	   /* s_and_saveexec_b32 s0, vcc_lo */
#define CMPX 0x7da80085		   /* v_cmpx_gt_u32_e32 5, v0 */
#define CMP 0x7d880085		   /* v_cmp_gt_u32_e32 vcc_lo, 5, v0 */
#define CMP_S1 0xd4c40001, 0x00020085 /* v_cmp_gt_u32_e64 s1, 5, v0; s[1:2] with waves of 64 */
#define FIRST_S2 0x7e040500	   /* v_readfirstlane_b32 s2, v0 */
#define V_NOP 0x7e000000
#define V_MOV 0x7e020301 /* v_mov_b32_e32 v1, v1 */
#define PERMLANE 0xd7770001, 0x00000101
#define DEPCTR_SDST 0xbfa3fffe /* s_waitcnt_depctr */
#define DEPCTR_SRC 0xbfa3ffe3
#define WAIT_STORE 0xbbfd0000 /* s_waitcnt_vscnt null, 0x0 */
#define WAIT_LGKM 0xbf8cc07f
#define WAIT_VM 0xbf8c3f70
#define LOAD_S01 0xdc308000, 0x00000000 /* global_load_dword v0, v0, s[0:1] */
#define FLAT_4 0xdc300004, 0x007d0000	/* flat_load_dword v0, v[0:1] offset:4 */
#define FLAT_0 0xdc300000, 0x007d0000
#define SCRATCH_3 0xdc204ffd, 0x007d0000 /* scratch_load_ubyte v0, v0, off offset:-3 */
#define SCRATCH_4 0xdc304ffc, 0x007d0000
#define SLOAD_S23 0xf4000101, 0xfa000000 /* s_load_dword s4, s[2:3], 0x0 */
#define LDS_READ 0xd8d80000, 0x00000000
#define TIMES_4 0x34020082 /* v_lshlrev_b32_e32 v1, 2, v0 */
#define TIMES_8 0x34020083
#define LDS_READ_64 0xd9d80000, 0x02000001   /* ds_read_b64 v[2:3], v1 */
#define LDS_READ_64_4 0xd9d80004, 0x02000001 /* ... offset:4 */
#define BUFFER_6 0xe0300006, 0x80010000
#define BUFFER_8 0xe0300008, 0x80010000
#define NSA_16 0xf0880714, 0x00020906, 0x070d050c, 0x0d06050c /* image_sample_d with 9 addresses */
#define NSA_12 0xf0000f12, 0x00020100, 0x00000905
#define CLAUSE_2 0xbfa10001
#define PREFETCH 0xbfa00001
#define DOT2 0xcc134000, 0x1c0e0501
#define FMA_LEGACY 0xd5400000, 0x040e0501 /* gfx1010: v_mad_legacy_f32 */
#define BRANCH(n) (0xbf820000 | ((n) & 0xffff))
#define IF_SCC1(n) (0xbf850000 | ((n) & 0xffff))
#define GETPC 0xbe841f00     /* s_getpc_b64 s[4:5] */
#define ADD(n) 0x8004ff04, (n) /* s_add_u32 s4, s4, n */
#define ADDC 0x8205ff05, 0
#define SETPC 0xbe802004
#define CALL 0xbe9e2104 /* s_swappc_b64 s[30:31], s[4:5] */
#define RETURN 0xbe80201e
#define END 0xbf810000

enum { CODE_VA = 0x1000, CODE_AT = 0x400, MOST = 512 };

/* A linked code object of one kernel, like lld's: code, a descriptor, symbols. */
struct file {
	Elf64_Ehdr e;
	Elf64_Phdr p[2];
	Elf64_Shdr s[4];
	Elf64_Sym sym[4];
	char names[32];
	uint8_t kd[64];
	uint8_t pad[CODE_AT - sizeof(Elf64_Ehdr) - 2 * sizeof(Elf64_Phdr) - 4 * sizeof(Elf64_Shdr) - 4 * sizeof(Elf64_Sym) -
		    32 - 64];
	uint32_t code[MOST];
};

static struct scan *scanner;

static struct file make(const uint32_t *code, size_t dwords, bool wave64, bool wgp)
{
	struct file f = {
		.e = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
		      .e_type = ET_DYN, .e_machine = 224, .e_flags = 0x36, .e_ehsize = sizeof(Elf64_Ehdr),
		      .e_phoff = offsetof(struct file, p), .e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 2,
		      .e_shoff = offsetof(struct file, s), .e_shentsize = sizeof(Elf64_Shdr), .e_shnum = 4},
		.p = {{.p_type = PT_LOAD, .p_flags = PF_R, .p_filesz = CODE_AT, .p_memsz = CODE_AT},
		      {.p_type = PT_LOAD, .p_flags = PF_X, .p_offset = CODE_AT, .p_vaddr = CODE_VA,
		       .p_filesz = dwords * 4, .p_memsz = dwords * 4}},
		.s = {{0},
		      {.sh_type = SHT_PROGBITS, .sh_flags = SHF_EXECINSTR, .sh_addr = CODE_VA, .sh_offset = CODE_AT,
		       .sh_size = dwords * 4},
		      {.sh_type = SHT_SYMTAB, .sh_offset = offsetof(struct file, sym), .sh_link = 3,
		       .sh_size = sizeof(f.sym), .sh_entsize = sizeof(Elf64_Sym)},
		      {.sh_type = SHT_STRTAB, .sh_offset = offsetof(struct file, names), .sh_size = sizeof(f.names)}},
		.sym = {{0},
			/* of size 0, as Tensile has them */
			{.st_name = 1, .st_info = STT_FUNC, .st_shndx = 1, .st_value = CODE_VA},
			{.st_name = 3, .st_info = STT_OBJECT, .st_shndx = 1, .st_size = 64,
			 .st_value = offsetof(struct file, kd)}},
		.names = "\0k\0k.kd",
	};
	uint64_t entry = CODE_VA - offsetof(struct file, kd);
	uint32_t rsrc1 = wgp ? 1u << 29 | 2 : 2, properties = wave64 ? 0 : 1 << 10;

	memcpy(f.kd + 16, &entry, 8);
	memcpy(f.kd + 48, &rsrc1, 4);
	memcpy(f.kd + 56, &properties, 2);
	memcpy(f.code, code, dwords * 4);
	return f;
}

static struct scan_object *scan_file(const struct file *f, size_t dwords, unsigned int llvm)
{
	struct scan_options o = {.llvm = llvm, .max_sites = SIZE_MAX};
	struct scan_object *object = NULL;

	CHECK_EQ(scan__object(scanner, f, CODE_AT + dwords * 4, &o, &object), 0);
	return object;
}

#define CODE(...) (const uint32_t[]){__VA_ARGS__}, sizeof((const uint32_t[]){__VA_ARGS__}) / 4

/* How often a class is in the code. */
static uint64_t found_in(enum scan_hazard hazard, bool wave64, const uint32_t *code, size_t dwords)
{
	struct file f = make(code, dwords, wave64, true);
	struct scan_object *object = scan_file(&f, dwords, 0);
	uint64_t n = object ? object->total.hazard[hazard] : UINT64_MAX;

	if (object)
		CHECK_EQ(object->num_kernels, 1);
	scan_object__free(object);
	return n;
}

#define FOUND(hazard, n, ...) CHECK_EQ(found_in(hazard, false, CODE(__VA_ARGS__, END)), n)
#define FOUND_64(hazard, n, ...) CHECK_EQ(found_in(hazard, true, CODE(__VA_ARGS__, END)), n)

static void test_exec_war(void)
{
	FOUND(SCAN_VCMPX_EXEC_WAR, 1, READ_EXEC, CMPX);
	FOUND(SCAN_VCMPX_EXEC_WAR_ACO, 1, READ_EXEC, CMPX);
	FOUND(SCAN_VCMPX_EXEC_WAR, 1, SAVEEXEC, V_MOV, V_NOP, CMPX);
	FOUND(SCAN_VCMPX_EXEC_WAR, 1, LOAD_S01, CMPX);
	FOUND(SCAN_VCMPX_EXEC_WAR, 0, WRITE_S9, CMPX);
	FOUND(SCAN_VCMPX_EXEC_WAR, 0, READ_EXEC, DEPCTR_SDST, CMPX);
	FOUND(SCAN_VCMPX_EXEC_WAR, 1, READ_EXEC, DEPCTR_SRC, CMPX);
	FOUND(SCAN_VCMPX_EXEC_WAR, 0, READ_EXEC, CMP, CMPX);
	FOUND(SCAN_VCMPX_EXEC_WAR, 0, READ_EXEC, CMP_S1, CMPX);
	/* The second is behind the first, which ends it. */
	FOUND(SCAN_VCMPX_EXEC_WAR, 1, READ_EXEC, CMPX, CMPX);
	/* The two definitions differ in this. */
	FOUND(SCAN_VCMPX_EXEC_WAR, 1, READ_EXEC, FIRST_S2, CMPX);
	FOUND(SCAN_VCMPX_EXEC_WAR_ACO, 0, READ_EXEC, FIRST_S2, CMPX);
}

static void test_paths(void)
{
	/* Around a loop: the reader stands behind. */
	FOUND(SCAN_VCMPX_EXEC_WAR, 1, CMPX, READ_EXEC, IF_SCC1(-3));
	/* On one of two paths. */
	FOUND(SCAN_VCMPX_EXEC_WAR, 1, IF_SCC1(2), READ_EXEC, BRANCH(0), CMPX);
	FOUND(SCAN_VCMPX_EXEC_WAR, 1, READ_EXEC, IF_SCC1(1), CMP, CMPX);
	FOUND(SCAN_VCMPX_EXEC_WAR, 0, READ_EXEC, IF_SCC1(2), CMP, BRANCH(1), CMP, CMPX);
	/* Not reached. */
	FOUND(SCAN_VCMPX_EXEC_WAR, 0, BRANCH(2), READ_EXEC, CMPX);
	/* By a long branch: 12 bytes behind s_getpc's end and the s_add and s_addc. */
	FOUND(SCAN_VCMPX_EXEC_WAR, 1, READ_EXEC, GETPC, ADD(24), ADDC, SETPC, END, CMPX);
	/* Loops of one instruction, jumps out of the code. */
	FOUND(SCAN_VCMPX_EXEC_WAR, 0, BRANCH(-1));
	FOUND(SCAN_VCMPX_EXEC_WAR, 0, BRANCH(0x7fff));
	FOUND(SCAN_VCMPX_EXEC_WAR, 0, BRANCH(-100));
}

static void test_recognizer(void)
{
	FOUND(SCAN_VMEM_TO_SCALAR, 1, LOAD_S01, WRITE_S0);
	FOUND(SCAN_VMEM_TO_SCALAR, 1, LOAD_S01, WRITE_EXEC);
	FOUND(SCAN_VMEM_TO_SCALAR, 0, LOAD_S01, WRITE_S9);
	FOUND(SCAN_VMEM_TO_SCALAR, 0, LOAD_S01, V_NOP, WRITE_S0);
	FOUND(SCAN_VMEM_TO_SCALAR, 0, LOAD_S01, DEPCTR_SRC, WRITE_S0);
	FOUND(SCAN_VMEM_TO_SCALAR, 1, LOAD_S01, WAIT_VM, WRITE_S0);
	/* What would stand before the first serves the second. */
	FOUND(SCAN_VMEM_TO_SCALAR, 1, LOAD_S01, WRITE_S0, WRITE_EXEC);

	FOUND(SCAN_SMEM_TO_VECTOR, 1, SLOAD_S23, FIRST_S2);
	FOUND(SCAN_SMEM_TO_VECTOR, 0, SLOAD_S23, WRITE_S9, FIRST_S2);
	FOUND(SCAN_SMEM_TO_VECTOR, 0, SLOAD_S23, WAIT_LGKM, FIRST_S2);
	FOUND(SCAN_SMEM_TO_VECTOR, 1, SLOAD_S23, WAIT_VM, FIRST_S2);
	FOUND(SCAN_SMEM_TO_VECTOR, 0, SLOAD_S23, CMP_S1);
	FOUND_64(SCAN_SMEM_TO_VECTOR, 1, SLOAD_S23, CMP_S1);

	FOUND(SCAN_VCMPX_PERMLANE, 1, CMPX, PERMLANE);
	FOUND(SCAN_VCMPX_PERMLANE, 1, CMPX, V_NOP, PERMLANE);
	FOUND(SCAN_VCMPX_PERMLANE, 0, CMPX, V_MOV, PERMLANE);
	FOUND(SCAN_VCMPX_PERMLANE, 0, CMP, PERMLANE);

	FOUND(SCAN_LDS_BRANCH_VMEM, 1, LDS_READ, BRANCH(0), LOAD_S01);
	FOUND(SCAN_LDS_BRANCH_VMEM, 1, LOAD_S01, BRANCH(0), LDS_READ);
	FOUND(SCAN_LDS_BRANCH_VMEM, 0, LDS_READ, LOAD_S01);
	FOUND(SCAN_LDS_BRANCH_VMEM, 0, LDS_READ, BRANCH(0), WAIT_STORE, LOAD_S01);
	FOUND(SCAN_LDS_BRANCH_VMEM, 0, LDS_READ, WAIT_STORE, BRANCH(0), LOAD_S01);
	FOUND(SCAN_LDS_BRANCH_VMEM, 0, LDS_READ, BRANCH(0), FLAT_0);

	FOUND(SCAN_NSA_TO_VMEM, 1, NSA_16, BUFFER_6);
	FOUND(SCAN_NSA_TO_VMEM, 0, NSA_16, BUFFER_8);
	FOUND(SCAN_NSA_TO_VMEM, 0, NSA_12, BUFFER_6);
	FOUND(SCAN_NSA_TO_VMEM, 0, NSA_16, V_NOP, BUFFER_6);
}

static void test_selection(void)
{
	uint32_t over[0x42] = {IF_SCC1(0x3f)};

	for (int i = 1; i < 0x41; i++)
		over[i] = V_NOP;
	over[0x41] = END;
	CHECK_EQ(found_in(SCAN_OFFSET_3F, false, over, 0x42), 1);
	over[0] = IF_SCC1(0x3e);
	CHECK_EQ(found_in(SCAN_OFFSET_3F, false, over, 0x42), 0);

	FOUND(SCAN_FLAT_OFFSET, 1, FLAT_4);
	FOUND(SCAN_FLAT_OFFSET, 0, FLAT_0, LOAD_S01);
	FOUND(SCAN_INST_PREFETCH, 2, PREFETCH, PREFETCH);
	FOUND(SCAN_SCRATCH_OFFSET, 1, SCRATCH_3, SCRATCH_4);
	FOUND(SCAN_NSA_CLAUSE, 2, CLAUSE_2, NSA_12, NSA_12, NSA_12);
	FOUND(SCAN_NSA_CLAUSE, 0, NSA_12, NSA_12);
	FOUND(SCAN_ILLEGAL, 1, DOT2);
	FOUND(SCAN_OTHER_MEANING, 1, FMA_LEGACY);
	FOUND(SCAN_OTHER_MEANING, 0, CMPX, LOAD_S01, FLAT_4);

	FOUND(SCAN_LDS_MISALIGNED, 1, TIMES_4, LDS_READ_64);
	FOUND(SCAN_LDS_MISALIGNED, 0, TIMES_8, LDS_READ_64);
	FOUND(SCAN_LDS_MISALIGNED, 1, TIMES_8, LDS_READ_64_4);
	/* flat_load_dwordx3 v[2:4], v[1:2]; the same with offset:4 of what is loaded */
	FOUND(SCAN_LDS_MISALIGNED, 1, TIMES_8, 0xdc3c0000, 0x027d0001);
	FOUND(SCAN_LDS_MISALIGNED, 0, TIMES_8, LDS_READ_64, 0xdc3c0000, 0x057d0002);
	FOUND(SCAN_LDS_MISALIGNED, 1, TIMES_8, LDS_READ_64, 0xdc3c0004, 0x057d0002);
}

/* The code's mode decides, and its ISA. */
static void test_modes(void)
{
	static const uint32_t code[] = {TIMES_4, LDS_READ_64, DOT2, END};
	struct file f = make(code, 6, false, false);
	struct scan_object *object = scan_file(&f, 6, 0);

	CHECK_EQ(object->total.hazard[SCAN_LDS_MISALIGNED], 0);
	CHECK_EQ(object->total.hazard[SCAN_ILLEGAL], 1);
	CHECK(!object->kernels[0].wgp_mode && object->kernels[0].wavefront_size == 32);
	CHECK_STR(object->isa, "gfx1030");
	scan_object__free(object);
	f.e.e_flags = 0x34; /* gfx1011 has it */
	object = scan_file(&f, 6, 0);
	CHECK_STR(object->isa, "gfx1011");
	CHECK(object->native && object->gfx10);
	CHECK_EQ(object->total.hazard[SCAN_ILLEGAL], 0);
	scan_object__free(object);
}

static void test_versions(void)
{
	static const uint32_t code[] = {CMP, PERMLANE, END};
	struct file f = make(code, 4, false, true);
	struct scan_object *object = scan_file(&f, 4, 14);

	CHECK_EQ(object->total.hazard[SCAN_VCMPX_PERMLANE], 1);
	scan_object__free(object);
}

static void test_result(void)
{
	static const uint32_t code[] = {READ_EXEC, CMPX, GETPC, ADD(24), ADDC, CALL, END, CMP_S1, RETURN};
	const size_t dwords = sizeof(code) / 4;
	struct file f = make(code, dwords, true, true);
	struct scan_object *object = scan_file(&f, dwords, 0);
	const struct scan_kernel *k = object->kernels;

	CHECK_STR(k->name, "k");
	CHECK_EQ(k->entry_va, CODE_VA);
	CHECK_EQ(k->descriptor_va, offsetof(struct file, kd));
	CHECK_EQ(k->wavefront_size, 64);
	CHECK_EQ(k->vgprs, 12);
	CHECK_EQ(k->counts.insns, 7);
	CHECK_EQ(k->counts.v_cmpx, 1);
	CHECK_EQ(k->counts.family[SCAN_SALU], 4);
	CHECK_EQ(k->counts.family[SCAN_BRANCH], 1);
	CHECK_EQ(k->counts.indirect, 0);
	CHECK_EQ(k->num_sites, 2);
	CHECK_EQ(k->sites[0].hazard, SCAN_VCMPX_EXEC_WAR);
	CHECK_EQ(k->sites[0].va, CODE_VA + 4);
	CHECK_EQ(k->sites[0].from_va, CODE_VA);
	CHECK_STR(k->sites[0].text, "v_cmpx_gt_u32_e32 5, v0");
	CHECK_STR(k->sites[0].from_text, "s_mov_b32 s0, exec_lo");
	/* Of two classes that are one, one counts. */
	CHECK_EQ(scan_counts__hazards(&k->counts), 1);
	scan_object__free(object);
}

/* Masks of waves of 64 are pairs. */
static void test_wide_text(void)
{
	static const uint32_t code[] = {SLOAD_S23, CMP_S1, END};
	struct file f = make(code, 5, true, true);
	struct scan_object *object = scan_file(&f, 5, 0);

	CHECK_EQ(object->kernels[0].num_sites, 1);
	CHECK_STR(object->kernels[0].sites[0].text, "v_cmp_gt_u32_e64 s[1:2], 5, v0");
	scan_object__free(object);
}

static void test_limits(void)
{
	static const uint32_t code[] = {PREFETCH, PREFETCH, PREFETCH, END};
	struct file f = make(code, 4, false, true);
	struct scan_options o = {.max_sites = 2};
	struct scan_object *object = NULL;

	CHECK_EQ(scan__object(scanner, &f, CODE_AT + 16, &o, &object), 0);
	CHECK_EQ(object->kernels[0].num_sites, 2);
	CHECK_EQ(object->total.hazard[SCAN_INST_PREFETCH], 3);
	scan_object__free(object);
}

static int try(const struct file *f, size_t len)
{
	struct scan_options o = {.max_sites = 1};
	struct scan_object *object = NULL;
	uint8_t *exact = malloc(len ? len : 1);
	int err;

	memcpy(exact, f, len);
	err = scan__object(scanner, exact, len, &o, &object);
	if (!err)
		scan_object__free(object);
	free(exact);
	return err;
}

static void test_damaged(void)
{
	static const uint32_t code[] = {READ_EXEC, CMPX, LOAD_S01, END};
	const struct file good = make(code, 5, false, true);
	struct file f;
	uint64_t far = UINT64_MAX - 3;

	CHECK_EQ(try(&good, CODE_AT + 20), 0);
	for (size_t len = 0; len < CODE_AT + 20; len++)
		CHECK(try(&good, len) <= 0);
	CHECK_EQ(try(&good, 3), -EINVAL);
	f = good, f.e.e_type = ET_REL;
	CHECK_EQ(try(&f, CODE_AT + 20), -ENOEXEC);
	f = good, f.e.e_flags = 0xfe;
	CHECK_EQ(try(&f, CODE_AT + 20), -ENOTSUP);
	f = good, f.e.e_flags = 0x22; /* gfx700 */
	CHECK_EQ(try(&f, CODE_AT + 20), -ENOTSUP);
	f = good, f.e.e_shoff = UINT64_MAX - 8;
	CHECK_EQ(try(&f, CODE_AT + 20), -EBADMSG);
	f = good, f.s[3].sh_size = 6; /* names that do not end */
	CHECK_EQ(try(&f, CODE_AT + 20), -EBADMSG);
	f = good, f.s[2].sh_link = 77;
	CHECK_EQ(try(&f, CODE_AT + 20), -EBADMSG);
	f = good, f.sym[2].st_name = UINT32_MAX;
	CHECK_EQ(try(&f, CODE_AT + 20), 0);
	f = good, f.sym[2].st_value = UINT64_MAX - 10;
	CHECK_EQ(try(&f, CODE_AT + 20), 0);
	f = good, memcpy(f.kd + 16, &far, 8);
	CHECK_EQ(try(&f, CODE_AT + 20), 0);
	/* An instruction that the file's end cuts off. */
	CHECK_EQ(try(&good, CODE_AT + 12), 0);
}

static void test_bundle(void)
{
	uint8_t b[128] = "__CLANG_OFFLOAD_BUNDLE__";
	uint64_t head[] = {2, 100, 20, 4, 0, 0, 0};
	struct bundle_entry e;
	struct bundle bundle;

	memcpy(b + 24, head, 32);
	memcpy(b + 56, "host", 4);
	memcpy(b + 60, (uint64_t[]){90, 5, 3}, 24);
	memcpy(b + 84, "gpu", 3);
	CHECK(bundle__open(&bundle, b, sizeof(b)));
	CHECK(bundle__next(&bundle, &e) && e.id_len == 4 && !memcmp(e.id, "host", 4) && e.data == b + 100 && e.size == 20);
	CHECK(bundle__next(&bundle, &e) && e.id_len == 3 && e.data == b + 90 && e.size == 5);
	CHECK(!bundle__next(&bundle, &e) && !bundle.damaged);
	CHECK_EQ(bundle.end, 120);
	/* The first lies beyond what is there. */
	CHECK(bundle__open(&bundle, b, 119));
	CHECK(!bundle__next(&bundle, &e) && bundle.damaged);
	CHECK(!bundle__open(&bundle, b, 31));
	CHECK(!bundle__open(&bundle, "ELF", 3));
	CHECK_EQ(bundle__find(b, sizeof(b), 0), 0);
	CHECK_EQ(bundle__find(b, sizeof(b), 1), sizeof(b));
	for (size_t len = 0; len <= sizeof(b); len++) {
		if (bundle__open(&bundle, b, len))
			while (bundle__next(&bundle, &e))
				CHECK(e.data >= b && e.data + e.size <= b + len);
	}
}

static void test_packed(void)
{
	uint8_t b[64] = "CCOB\2\0\1\0"; /* version 2, zstd */
	struct bundle_packed p;

	memcpy(b + 8, (uint32_t[]){40, 1000}, 8);
	CHECK(bundle_packed__open(&p, b, sizeof(b)));
	CHECK(p.method == BUNDLE_ZSTD && p.end == 40 && p.size == 1000 && p.data == b + 24 && p.data_len == 16);
	CHECK(!bundle_packed__open(&p, b, 39));
	b[4] = 1; /* version 1: no length */
	CHECK(bundle_packed__open(&p, b, sizeof(b)) && p.size == 40 && !p.end && p.data == b + 20);
	b[4] = 3;
	memcpy(b + 8, (uint64_t[]){64, 12345678901}, 16);
	CHECK(bundle_packed__open(&p, b, sizeof(b)) && p.size == 12345678901 && p.data == b + 32 && p.data_len == 32);
	b[4] = 4;
	CHECK(!bundle_packed__open(&p, b, sizeof(b)));
	CHECK_EQ(bundle__find("xxxxCCOBxxxx", 12, 0), 12);
}

static unsigned int low_after(const char *const *texts, size_t num, unsigned int reg)
{
	struct align_value regs[ALIGN_REGS];

	for (unsigned int i = 0; i < ALIGN_REGS; i++)
		regs[i] = (struct align_value){.symbol = 1000 + i, .coef = 1, .low = i == ALIGN_VGPR ? 0 : ALIGN_MAX};
	for (size_t i = 0; i < num; i++) {
		struct align_op op;

		align__learn(texts[i], &op);
		if (op.kind != ALIGN_NONE)
			regs[op.dst] = align__result(&op, regs, (uint32_t)i + 1);
	}
	return align__low(&regs[ALIGN_VGPR + reg]);
}

#define LOW(reg, low, ...)                                                                                             \
	CHECK_EQ(low_after((const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *), \
			   reg), low)

static void test_align(void)
{
	LOW(1, 3, "v_lshlrev_b32_e32 v1, 3, v0");
	LOW(1, 0, "v_add_nc_u32_e32 v1, 3, v0");
	LOW(1, 4, "v_mul_u32_u24_e32 v1, 48, v0");
	LOW(1, 4, "v_mad_u32_u24 v1, v0, 48, 0x1b0");
	/* 11 * 4 and 4 make 48 of it. */
	LOW(3, 4, "v_mul_u32_u24_e32 v1, 11, v0", "v_lshlrev_b32_e32 v2, 2, v0", "v_lshl_add_u32 v3, v1, 2, v2");
	LOW(1, 0, "v_and_b32_e32 v1, 31, v0");
	LOW(1, 3, "v_and_b32_e32 v1, 0x78, v0");
	LOW(2, 3, "v_lshlrev_b32_e32 v1, 3, v0", "v_or_b32_e32 v2, 64, v1");
	LOW(2, 2, "v_lshlrev_b32_e32 v1, 3, v0", "v_or_b32_e32 v2, 4, v1");
	LOW(1, ALIGN_MAX, "ds_read_b32 v1, v0");
	LOW(1, ALIGN_MAX, "v_mov_b32_e32 v1, s5");
	LOW(1, 5, "s_movk_i32 s5, 0x60", "v_mov_b32_e32 v1, s5");
	/* No destinations. */
	LOW(1, 2, "v_lshlrev_b32_e32 v1, 2, v0", "ds_write_b64 v1, v[2:3]", "global_store_dword v1, v2, s[0:1]");
	LOW(1, 0, "v_lshlrev_b32_e32 v1, 2, v0", "v_lshrrev_b32_e32 v1, 2, v1");
	LOW(1, 0, "v_cvt_u32_f32_e32 v1, v0");
}

int main(void)
{
	const char *why;

	test_bundle();
	test_packed();
	test_align();
	scanner = scan__new(&why);
	if (!scanner) {
		printf("%s\n", why);
		return 77;
	}
	test_exec_war();
	test_paths();
	test_recognizer();
	test_selection();
	test_modes();
	test_versions();
	test_result();
	test_wide_text();
	test_limits();
	test_damaged();
	scan__free(scanner);
	END_TESTS;
}
