// SPDX-License-Identifier: MIT
/* Convolution kernels by name, what their arguments say, our image, and the same on the host. */
#include "t.h"
#include "../../hsa-tools/conv/conv.h"
#include "../../hsa-tools/conv/half.h"
#include "../../hsa-tools/isa/metadata.h"
#include "conv_cases.h"

#include <elf.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xmmintrin.h>

/* ---- names ---- */

static void test_names(void)
{
	static const char *const unknown[] = {
		"naive_conv_fwd_nchw_bf16",
		"naive_conv_fwd_ncdhw_fp32",
		"naive_conv_fwd_nchw_ushort_double_ushort",
		"naive_conv_fwd_nhwc_int8_t_int32_t_float",
		"naive_conv_ab_nonpacked_fwd_ndhwc_float_double_float",
		"naive_conv_fwd_nchw_fp32.kd",
		"naive_conv_",
		"",
		"Im3d2Col",
		"Col2Im3d",
		"Im2d2Col_v3",
		"naive_conv_fwd_nchw_fp32x",
	};
	const struct conv_family *f;
	size_t known = 0;

	for (unsigned int i = 0; i < CONV_NAIVE; i++) {
		struct conv_case c = conv_naive_case(i, 6);
		uint32_t bytes = c.form->bytes;

		f = conv_family__find(c.name, bytes, NULL);
		CHECK(f && conv_family__kernarg_bytes(f) == bytes);
		CHECK(f == conv_family__find(c.name, bytes + 56, "float*"));
		CHECK(f == conv_family__find(c.name, bytes + 256, NULL));
		CHECK(!conv_family__find(c.name, bytes - 1, NULL) &&
		      !conv_family__find(c.name, bytes - 8, NULL));
		CHECK(!conv_family__find(c.name, bytes + 8, NULL) &&
		      !conv_family__find(c.name, bytes + 128, NULL));
		CHECK(!conv_family__find(c.name, 0, NULL) &&
		      !conv_family__find(c.name, UINT32_MAX, NULL));
		CHECK(f && strstr(conv_family__symbol(f, 0), c.fp16 ? "_fp16.kd" : "_fp32.kd"));
	}
	for (size_t i = 0; i < sizeof(unknown) / sizeof(*unknown); i++)
		for (uint32_t bytes = 0; bytes < 600; bytes += 4)
			CHECK(!conv_family__find(unknown[i], bytes, "float*"));
	while ((f = conv_family__at(known)))
		known++;
	CHECK_EQ(known, CONV_NAIVE + 13 + CONV_PRODUCTS);
	CHECK_STR(conv_family__text(conv_family__find("naive_conv_fwd_nchw_fp32", 144, NULL)),
		  "MIOpen 5.2 naive forward NCHW fp32");
	CHECK_STR(conv_family__text(conv_family__find(
			  "naive_conv_nonpacked_wrw_nhwc_half_double_half", 264, NULL)),
		  "MIOpen 6.0, 6.1 naive backward weights NHWC fp16");
	CHECK_STR(conv_family__text(conv_family__find(
			  "naive_conv_nonpacked_wrw_nhwc_half_double_half", 480, NULL)),
		  "MIOpen 6.2 naive backward weights NHWC fp16");
}

/* Where the type is not in the name. */
static void test_types(void)
{
	const struct conv_family *f = conv_family__find("Im2d2Col", 80, "data_t*");

	CHECK(f && f == conv_family__find("Im2d2Col", 80, NULL) &&
	      f == conv_family__find("Im2d2Col", 136, NULL));
	CHECK(f && !conv_family__symbol(f, 0));
	CHECK_STR(conv_family__symbol(f, CONV_FP32), "rdna1_im2col_fp32.kd");
	CHECK_STR(conv_family__symbol(f, CONV_FP16), "rdna1_im2col_fp16.kd");
	CHECK(conv_family__find("Im2d2Col", 100, "data_t*") != f);
	f = conv_family__find("Im2d2Col_v2", 100, "half*");
	CHECK(f && f == conv_family__find("Im2d2Col_v2", 104, "short*"));
	CHECK_STR(conv_family__symbol(f, 0), "rdna1_im2col_v2_fp16.kd");
	CHECK(!conv_family__find("Im2d2Col", 80, "char*") &&
	      !conv_family__find("Im2d2Col", 80, "half"));
	CHECK(!conv_family__find("Im2d2Col", 80, ""));
	CHECK(!conv_family__find("Col2Im2d", 72, NULL) &&
	      !conv_family__find("Col2Im2d", 72, "ushort*"));
	CHECK(conv_family__find("Col2Im2d", 68, "half*") &&
	      conv_family__find("Col2Im2d", 128, "float*"));
	CHECK(conv_family__find("Col2Im2dU", 72, "half*"));
}

/* Products of matrices: what makes one another one is in their names. */
static void test_products(void)
{
	static const char *const other[] = {
		"Cijk_Ailk_Bljk_SB_MT32x32x8_SN_GSU4_GSUASB_ISA000_IU1",
		"Cijk_Ailk_Bljk_SB_MT32x32x8_SN_GSU1_GSUASB_ISA1030_IU1",
		"Cijk_Ailk_Bljk_SB_MT32x32x8_SN_ISA000_IU1",
		"Cijk_Ailk_Bljk_SB_GB_MT32x32x8_SN_GSU1_GSUASB_ISA000_IU1",
		"Cijk_Ailk_Bljk_SB_Bias_AS_SAV_MT32x32x8_SN_GSU1_GSUASB_ISA000_IU1",
		"Cijk_Ailk_Bljk_HB_MT32x32x8_SN_GSU1_GSUASB_ISA000_IU1",
		"Cijk_Ailk_Bljk_BBS_BH_MT32x32x8_SN_GSU1_GSUASB_ISA000_IU1",
		"Cijk_Ailk_Bljk_DB_MT32x32x8_SN_GSU1_GSUASB_ISA000_IU1",
		"Cijk_AlikC_Bljk_CB_MT32x32x8_SN_GSU1_GSUASB_ISA000_IU1",
		"Cij_Ail_Bjl_SB_MT32x32x8_SN_GSU1_GSUASB_ISA000_IU1",
		"Cijk_SB_GB",
	};
	struct conv_case c = conv_product_case(0, 8);
	const struct conv_family *f = conv_family__find(c.name, 116, NULL);

	CHECK(f && f == conv_family__find(c.name, 176, NULL) &&
	      f == conv_family__find(c.name, 376, NULL));
	CHECK_STR(conv_family__symbol(f, 0), "rdna1_offset_gemm_ailk_bjlk_fp32.kd");
	f = conv_family__find(c.name, 360, NULL);
	CHECK(f && f == conv_family__find(c.name, 104, NULL) &&
	      f == conv_family__find(c.name, 100, NULL));
	CHECK_STR(conv_family__symbol(f, 0), "rdna1_gemm_ailk_bjlk_fp32.kd");
	CHECK(!conv_family__find(c.name, 112, NULL));
	for (size_t i = 0; i < sizeof(other) / sizeof(*other); i++)
		CHECK(!conv_family__find(other[i], 104, NULL) &&
		      !conv_family__find(other[i], 116, NULL));
}

/* ---- arguments ---- */

static const struct conv_shape notes_shape = {44, 44, 1, 64, 3, 44, 44, 1, 1, 1, 1, 1, 1, 3, 3, 1};

static int read_call(const struct conv_family *f, const struct conv_call *a, struct conv_problem *p)
{
	return conv_family__read(
		f,
		&(struct conv_dispatch){.kernarg = a->kernarg,
					.len = a->bytes,
					.grid = {a->grid[0], a->grid[1], a->grid[2]},
					.group_bytes = a->group_bytes},
		p);
}

static void test_read(void)
{
	struct conv_case c = {.kind = FWD, .form = &conv_forms[0], .s = notes_shape, .alpha = 1};
	const struct conv_family *f = conv_family__find("naive_conv_fwd_nchw_fp32", 88, NULL);
	struct conv_call a = conv_call_of(&c, (uint64_t[]){0x1000, 0x200000, 0x300000, 0});
	uint16_t workgroup[3];
	struct conv_problem p;
	char text[128], little[10];
	uint32_t grid[3];

	CHECK_EQ(read_call(f, &a, &p), 0);
	CHECK_EQ(p.operand[CONV_IN].va, 0x1000);
	CHECK_EQ(p.operand[CONV_IN].bytes, 3 * 44 * 44 * 4);
	CHECK_EQ(p.operand[CONV_WEI].bytes, 64 * 27 * 4);
	CHECK_EQ(p.operand[CONV_OUT].bytes, 64 * 44 * 44 * 4);
	CHECK(p.operand[CONV_IN].read && !p.operand[CONV_IN].written);
	CHECK(!p.operand[CONV_OUT].read && p.operand[CONV_OUT].written);
	CHECK_EQ(conv_problem__text(&p, text, sizeof(text)), strlen(text));
	CHECK_STR(text, "fwd-nchw-fp32-n1-g1-c3-k64-i44x44-f3x3-o44x44-s1x1-d1x1-p1x1");
	CHECK_EQ(conv_problem__text(&p, little, sizeof(little)), 9);
	CHECK_STR(little, "fwd-nchw-");
	CHECK_EQ(conv_problem__text(&p, NULL, 0), 0);
	conv_family__grid(f, &p, grid, workgroup);
	CHECK(grid[0] == 64 * 44 * 44 && grid[1] == 1 && workgroup[0] == 64 && workgroup[2] == 1);
	a.bytes--;
	CHECK_EQ(read_call(f, &a, &p), -EINVAL);
}

/* Each of the sixteen numbers made wrong; pointers that are none; sizes that nobody has. */
static void test_nonsense(void)
{
	static const int32_t wrong[] = {0, -1, INT32_MIN, INT32_MAX};
	const struct conv_family *f = conv_family__find("naive_conv_fwd_nchw_fp32", 88, NULL);
	struct conv_case c = {.kind = FWD, .form = &conv_forms[0], .s = notes_shape, .alpha = 1};
	const uint64_t va[4] = {0x1000, 0x200000, 0x300000};
	struct conv_problem p;

	for (int i = 0; i < 16; i++)
		for (size_t j = 0; j < 4; j++) {
			struct conv_case bad = c;
			struct conv_call a;

			((int32_t *)&bad.s)[i] = wrong[j];
			a = conv_call_of(&bad, va);
			/* Without padding before it is one with more behind it. */
			CHECK_EQ(read_call(f, &a, &p),
				 (i == 11 || i == 12) && j == 0 ? 0 : -EINVAL);
		}
	for (int i = 0; i < 3; i++) {
		uint64_t none[4] = {va[0], va[1], va[2]}, odd[4] = {va[0], va[1], va[2]};
		struct conv_call a;

		none[i] = 0;
		a = conv_call_of(&c, none);
		CHECK_EQ(read_call(f, &a, &p), -EINVAL);
		odd[i] += 2;
		a = conv_call_of(&c, odd);
		CHECK_EQ(read_call(f, &a, &p), -EINVAL);
		odd[i] = UINT64_MAX - 3;
		a = conv_call_of(&c, odd);
		CHECK_EQ(read_call(f, &a, &p), -EINVAL);
	}
	c.s = (struct conv_shape){50000, 50000, 1000, 1, 1, 50000, 50000, 1,
				  1,	 1,	1,    0, 0, 1,	   1,	  1};
	struct conv_call a = conv_call_of(&c, va);
	CHECK_EQ(read_call(f, &a, &p), -EINVAL);
}

static void test_strides(void)
{
	struct conv_case c = conv_naive_case(12 * 7, 6); /* ab_nonpacked, forward */
	const struct conv_family *f = conv_family__find(c.name, 480, NULL);
	struct conv_problem p;
	struct conv_call a;

	c.s = notes_shape;
	conv_lay_out_all(&c, 0);
	c.alpha = 1;
	c.beta = 0;
	a = conv_call_of(&c, (uint64_t[]){0x1000, 0x200000, 0x300000, 0});
	CHECK_EQ(read_call(f, &a, &p), 0);
	CHECK(!p.operand[CONV_OUT].read);
	c.beta = 1;
	a = conv_call_of(&c, (uint64_t[]){0x1000, 0x200000, 0x300000, 0});
	CHECK_EQ(read_call(f, &a, &p), 0);
	CHECK(p.operand[CONV_OUT].read);
	c.beta = 0;
	c.stride[OUT][3]++; /* an element between rows */
	a = conv_call_of(&c, (uint64_t[]){0x1000, 0x200000, 0x300000, 0});
	CHECK_EQ(read_call(f, &a, &p), 0);
	CHECK(p.operand[CONV_OUT].read);
	CHECK_EQ(p.operand[CONV_OUT].bytes, (63 * 44 * 44 + 43 * 45 + 43 + 1) * 4);
	c.stride[OUT][3] = 43; /* rows lie upon each other */
	a = conv_call_of(&c, (uint64_t[]){0x1000, 0x200000, 0x300000, 0});
	CHECK_EQ(read_call(f, &a, &p), -EINVAL);
	c.stride[OUT][3] = 0;
	a = conv_call_of(&c, (uint64_t[]){0x1000, 0x200000, 0x300000, 0});
	CHECK_EQ(read_call(f, &a, &p), -EINVAL);
	c.stride[OUT][3] = 44;
	c.stride[IN][3] = 0; /* one row for all is fine to read */
	a = conv_call_of(&c, (uint64_t[]){0x1000, 0x200000, 0x300000, 0});
	CHECK_EQ(read_call(f, &a, &p), 0);
	c.stride[IN][3] = UINT64_MAX / 2;
	a = conv_call_of(&c, (uint64_t[]){0x1000, 0x200000, 0x300000, 0});
	CHECK_EQ(read_call(f, &a, &p), -EINVAL);
}

/* A dispatch of MIOpen 6.4.3 that was seen: 9216 items of 256, 1360 bytes of LDS. */
static void test_im2col(void)
{
	struct conv_case c = {.kind = IM2COL, .v2 = true, .alpha = 1};
	const struct conv_family *f = conv_family__find("Im2d2Col_v2", 100, "data_t*");
	const uint64_t va[4] = {0x10000, 0, 0x300000};
	struct conv_problem p;
	struct conv_call a;

	c.s = notes_shape;
	c.s.k = 1;
	c.elements[IN] = 3 * 44 * 44;
	a = conv_call_of(&c, va);
	CHECK_EQ(a.grid[0], 9216);
	CHECK_EQ(a.group_bytes, 1360);
	CHECK_EQ(read_call(f, &a, &p), 0);
	CHECK_EQ(p.type, CONV_FP32);
	CHECK_EQ(p.c, 3);
	CHECK_EQ(p.operand[CONV_OUT].bytes, 27 * 44 * 44 * 4);
	a.group_bytes = 680;
	CHECK_EQ(read_call(f, &a, &p), 0);
	CHECK_EQ(p.type, CONV_FP16);
	a.group_bytes = 340; /* int8 */
	CHECK_EQ(read_call(f, &a, &p), -EINVAL);
	a.group_bytes = 1360;
	a.grid[0] += 256; /* of other channels than it says */
	CHECK_EQ(read_call(f, &a, &p), -EINVAL);
	c.elements[IN]++;
	a = conv_call_of(&c, va);
	CHECK_EQ(read_call(f, &a, &p), -EINVAL);
}

/* ---- our image ---- */

static void test_image(void)
{
	struct isa_metadata md, walk;
	struct isa_kernel k;
	size_t size, used = 0;
	const void *image = conv_image(&size);

	CHECK(isa_metadata__find(image, size, &md));
	CHECK_STR(conv_image__chip(image, size), "gfx1010");
	for (size_t i = 0; conv_family__at(i); i++) {
		const struct conv_family *f = conv_family__at(i);
		bool typed = conv_family__symbol(f, 0);

		for (enum conv_type type = CONV_FP32; type <= CONV_FP16; type++) {
			const char *symbol = conv_family__symbol(f, typed ? 0 : type);
			bool found = false;

			for (walk = md; isa_metadata__next(&walk, &k);)
				if (symbol && k.symbol.len == strlen(symbol) &&
				    !memcmp(k.symbol.s, symbol, k.symbol.len)) {
					found = true;
					CHECK(k.kernarg_size <= conv_family__kernarg_bytes(f));
					CHECK(k.kernarg_size + 20 >= conv_family__kernarg_bytes(f));
				}
			CHECK(found);
		}
	}
	for (walk = md; isa_metadata__next(&walk, &k); used++) {
		struct isa_kernel args = k;
		struct isa_arg a;

		CHECK(!k.lds_bytes && !k.scratch_bytes && !k.vgpr_spills && k.wavefront_size == 32);
		while (isa_kernel__next_arg(&args, &a))
			CHECK(a.kind == ISA_ARG_VALUE || a.kind == ISA_ARG_BUFFER);
	}
	CHECK_EQ(used, 82 + 2); /* and two that copy */
}

static void check_label(const char *isa, const char *chip, uint32_t flags, const char *target)
{
	struct isa_metadata md;
	uint32_t now;
	size_t size;
	const void *image = conv_image(&size);
	char *copy = malloc(size);

	memcpy(copy, image, size);
	CHECK_EQ(conv_image__label(copy, size, isa), 0);
	memcpy(&now, copy + offsetof(Elf64_Ehdr, e_flags), 4);
	CHECK_EQ(now, flags);
	CHECK_STR(conv_image__chip(copy, size), chip);
	CHECK(isa_metadata__find(copy, size, &md) && md.target.len == strlen(target) &&
	      !memcmp(md.target.s, target, md.target.len));
	/* And back. */
	CHECK_EQ(conv_image__label(copy, size, "amdgcn-amd-amdhsa--gfx1010:xnack-"), 0);
	CHECK(!memcmp(copy, image, size));
	free(copy);
}

static void test_label(void)
{
	static const char *const bad[] = {
		"gfx1030", "amdgcn-amd-amdhsa--gfx906", "amdgcn-amd-amdhsa--gfx10300",
		"",	   "amdgcn-amd-amdhsa--",	"amdgcn-amd-amdpal--gfx1030"};
	size_t size;
	const void *image = conv_image(&size);
	char *copy = malloc(size);

	check_label("amdgcn-amd-amdhsa--gfx1010", "gfx1010", 0x133, "amdgcn-amd-amdhsa--gfx1010");
	check_label("amdgcn-amd-amdhsa--gfx1010:xnack-", "gfx1010", 0x133,
		    "amdgcn-amd-amdhsa--gfx1010");
	check_label("amdgcn-amd-amdhsa--gfx1011:xnack-", "gfx1011", 0x134,
		    "amdgcn-amd-amdhsa--gfx1011");
	check_label("amdgcn-amd-amdhsa--gfx1012:xnack-", "gfx1012", 0x135,
		    "amdgcn-amd-amdhsa--gfx1012");
	check_label("amdgcn-amd-amdhsa--gfx1030", "gfx1030", 0x36, "amdgcn-amd-amdhsa--gfx1030");
	check_label("amdgcn-amd-amdhsa--gfx1031", "gfx1031", 0x37, "amdgcn-amd-amdhsa--gfx1031");
	check_label("amdgcn-amd-amdhsa--gfx1032", "gfx1032", 0x38, "amdgcn-amd-amdhsa--gfx1032");
	memcpy(copy, image, size);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		CHECK_EQ(conv_image__label(copy, size, bad[i]), -EINVAL);
	CHECK(!memcmp(copy, image, size));
	copy[EI_ABIVERSION] = 0; /* V2 */
	CHECK_EQ(conv_image__label(copy, size, "amdgcn-amd-amdhsa--gfx1030"), -EINVAL);
	free(copy);
}

/* Cut off, and damaged: at a page's end, where reading on is a crash. */
static void test_damaged(void)
{
	size_t size, page = (size_t)sysconf(_SC_PAGESIZE), room;
	const void *image = conv_image(&size);
	char *map;

	room = (size + page - 1) / page * page;
	map = mmap(NULL, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mprotect(map + room, page, PROT_NONE);
	for (size_t len = 0; len < size; len += 1 + len / 8) {
		char *at = map + room - len;

		memcpy(at, image, len);
		conv_image__chip(at, len);
		CHECK(conv_image__label(at, len, "amdgcn-amd-amdhsa--gfx1030") ==
		      (len < 64 ? -EINVAL : 0));
	}
	for (int i = 0; i < 20000; i++) {
		char *at = map + room - size;
		int err;

		if (i % 500 == 0)
			memcpy(at, image, size);
		at[conv_random(i % 2 ? 1024 : 60000)] = (char)conv_random(256);
		err = conv_image__label(at, size,
					i % 3 ? "amdgcn-amd-amdhsa--gfx1030"
					      : "amdgcn-amd-amdhsa--gfx1012");
		CHECK(!err || err == -EINVAL || err == -ENOSPC);
	}
	munmap(map, room + page);
}

/* ---- the host ---- */

static void test_half(void)
{
	for (uint32_t h = 0; h < 0x10000; h++) {
		uint16_t bits = (uint16_t)h;
		_Float16 want;
		float f = half_to_float(bits), wanted;

		memcpy(&want, &bits, 2);
		wanted = (float)want;
		CHECK(!memcmp(&f, &wanted, 4) || (f != f && wanted != wanted));
		if (f == f)
			CHECK_EQ(half_from_float(f), bits);
	}
	for (int i = 0; i < 2000000; i++) {
		uint32_t bits = conv_random(1u << 31) * 2 + conv_random(2);
		_Float16 want;
		uint16_t w;
		float f;

		if (i % 2) /* where fp16 has numbers */
			bits = (bits & 0x80ffffff) | (0x30 + conv_random(0x18)) << 24;
		if (i % 4 == 1) /* a tie, or next to it */
			bits = (bits & ~0x1fffu) + 0xfff + conv_random(3);
		memcpy(&f, &bits, 4);
		want = (_Float16)f;
		memcpy(&w, &want, 2);
		if (f == f && half_from_float(f) != w) {
			CHECK_EQ(half_from_float(f), w);
			printf("%a\n", f);
		}
	}
	CHECK_EQ(half_from_float(65519.996f), 0x7bff);
	CHECK_EQ(half_from_float(65520), 0x7c00);
	CHECK_EQ(half_from_float(-1e30f), 0xfc00);
	CHECK(half_to_float(half_from_float(__builtin_nanf(""))) !=
	      half_to_float(half_from_float(__builtin_nanf(""))));
}

/* 1: as it must be. What lies between the elements, and before and behind, must stay. */
static bool host_equals(const struct conv_case *c)
{
	enum { MARGIN = 64 };
	size_t elem = c->fp16 ? 2 : 4;
	char *memory[4], *want;
	void *at[4], *wanted[4];
	struct conv_problem p;
	const struct conv_family *f;
	struct conv_call a;
	int result = conv_written(c);
	bool ok;

	for (int i = 0; i < 4; i++) {
		memory[i] = malloc(c->elements[i] * elem + 2 * MARGIN);
		conv_fill_whole(memory[i], c->elements[i] + 2 * MARGIN / elem, c->fp16);
		at[i] = wanted[i] = memory[i] + MARGIN;
	}
	want = malloc(c->elements[result] * elem + 2 * MARGIN);
	memcpy(want, memory[result], c->elements[result] * elem + 2 * MARGIN);
	wanted[result] = want + MARGIN;
	conv_reference(c, wanted);
	a = conv_call_of(c, (uint64_t[]){0x10000000, 0x20000000, 0x30000000, 0x40000000});
	f = conv_family__find(c->name, a.bytes, c->type_name);
	ok = f && !read_call(f, &a, &p);
	CHECK(ok);
	for (int i = 0; i < 4 && ok; i++)
		if (c->elements[i] && (i != ADD || (c->beta != 0 && !c->in_place)))
			CHECK_EQ(p.operand[i].bytes, c->elements[i] * elem);
	if (ok)
		CHECK_EQ(conv_host__run(&p, at), 0);
	ok = ok && !memcmp(memory[result], want, c->elements[result] * elem + 2 * MARGIN);
	if (!ok) {
		char text[200];

		conv_problem__text(&p, text, sizeof(text));
		printf("%s alpha %g beta %g: %s\n", c->name, c->alpha, c->beta, text);
	}
	for (int i = 0; i < 4; i++)
		free(memory[i]);
	free(want);
	return ok;
}

static void test_host_matrices(void)
{
	for (unsigned int i = 0; i < 400; i++) {
		struct conv_case c = conv_matrix_case(i, 12);

		CHECK(host_equals(&c));
		c = conv_product_case(i, 12);
		CHECK(host_equals(&c));
	}
}

static void *host_thread(void *arg)
{
	unsigned int first = (unsigned int)(uintptr_t)arg;

	for (unsigned int i = first; i < first + 48; i++) {
		struct conv_case c = {0};

		c = conv_naive_case(i, 8);
		CHECK(host_equals(&c));
	}
	return NULL;
}

static void handler(int sig)
{
	(void)sig;
}

/* What is the application's stays: signal mask, floating-point state, environment, symbols. */
static void test_host(void)
{
	struct conv_case c = conv_naive_case(0, 8);
	struct conv_problem p = {.kind = CONV_FORWARD,
				 .type = CONV_FP32,
				 .n = 1,
				 .groups = 1,
				 .c = 1,
				 .k = 1,
				 .ho = 1,
				 .wo = 1,
				 .hi = 1,
				 .wi = 1,
				 .fy = 1,
				 .fx = 1,
				 .sy = 1,
				 .sx = 1,
				 .dy = 1,
				 .dx = 1};
	float in[1] = {1}, wei[1] = {2}, out[1] = {3};
	sigset_t mask, after;
	char why[200];
	int err;

	p.operand[CONV_OUT].written = true;
	signal(SIGUSR1, handler);
	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR2);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	_mm_setcsr(0xffc0); /* flush to zero, round to zero */
	CHECK(conv_host__needs_open(&p));
	p.kind = CONV_IM2COL;
	CHECK(!conv_host__needs_open(&p));
	p.kind = CONV_FORWARD;
	CHECK_EQ(conv_host__run(&p, (void *const[CONV_OPERANDS]){in, wei, out}), -ENOSYS);
	err = conv_host__open(why, sizeof(why));
	if (err) {
		_mm_setcsr(0x1f80);
		CHECK_EQ(err, -ENOSYS);
		CHECK(strstr(why, "libdnnl2"));
		printf("SKIP convolutions on the host: %s\n", why);
		return;
	}
	CHECK_STR(why, "");
	CHECK_EQ(conv_host__open(why, sizeof(why)), 0);
	CHECK_EQ(conv_host__run(&p, (void *const[CONV_OPERANDS]){in, wei, out}), 0);
	CHECK(out[0] == 0); /* alpha is 0 */
	CHECK_EQ(_mm_getcsr() & 0xffc0, 0xffc0);
	_mm_setcsr(0x1f80);
	sigprocmask(SIG_SETMASK, NULL, &after);
	CHECK(sigismember(&after, SIGUSR2) && !sigismember(&after, SIGUSR1) &&
	      !sigismember(&after, SIGTERM));
	for (unsigned int i = 0; i < 8 * CONV_NAIVE; i++) {
		c = conv_naive_case(i, i % 5 ? 8 : 20);
		CHECK(host_equals(&c));
	}
	/* Several at once: each of its own (conv_random and the counters are shared, which only
	 * makes them vary). */
	pthread_t t[3];
	for (uintptr_t i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, host_thread, (void *)(i * 48));
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
}

int main(void)
{
	test_names();
	test_types();
	test_products();
	test_read();
	test_nonsense();
	test_strides();
	test_im2col();
	test_image();
	test_label();
	test_damaged();
	test_half();
	test_host_matrices();
	test_host();
	END_TESTS;
}
