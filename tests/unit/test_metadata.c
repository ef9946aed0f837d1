// SPDX-License-Identifier: MIT
/* MessagePack and the metadata of code objects: every form of the specification, and every way to be damaged. */
#include "t.h"
#include "../../hsa-tools/isa/metadata.h"

#include <elf.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* At a page's end: reading past it is a crash. */
static uint8_t *at_page_end(const void *data, size_t len)
{
	static uint8_t *map;
	const size_t room = 1 << 16, page = (size_t)sysconf(_SC_PAGESIZE);

	if (!map) {
		map = mmap(NULL, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		mprotect(map + room, page, PROT_NONE);
	}
	memcpy(map + room - len, data, len);
	return map + room - len;
}

static struct msgpack pack(const void *data, size_t len)
{
	const uint8_t *p = at_page_end(data, len);

	return (struct msgpack){.at = p, .end = p + len};
}

static const struct {
	const char *bytes;
	size_t len, total; /* of the head with its data; total: with what an array or map holds */
	enum msgpack_kind kind;
	uint64_t number;
	uint32_t size;
} forms[] = {
#define FORM(text, kind, number, size) {text, sizeof(text) - 1, sizeof(text) - 1, kind, number, size}
	FORM("\x00", MSGPACK_UINT, 0, 0),
	FORM("\x7f", MSGPACK_UINT, 127, 0),
	FORM("\xff", MSGPACK_INT, (uint64_t)-1, 0),
	FORM("\xe0", MSGPACK_INT, (uint64_t)-32, 0),
	FORM("\xc0", MSGPACK_NIL, 0, 0),
	FORM("\xc2", MSGPACK_BOOL, 0, 0),
	FORM("\xc3", MSGPACK_BOOL, 1, 0),
	FORM("\xcc\xff", MSGPACK_UINT, 255, 0),
	FORM("\xcd\x12\x34", MSGPACK_UINT, 0x1234, 0),
	FORM("\xce\x12\x34\x56\x78", MSGPACK_UINT, 0x12345678, 0),
	FORM("\xcf\x12\x34\x56\x78\x9a\xbc\xde\xf0", MSGPACK_UINT, 0x123456789abcdef0, 0),
	FORM("\xd0\x80", MSGPACK_INT, (uint64_t)-128, 0),
	FORM("\xd0\x7f", MSGPACK_UINT, 127, 0),
	FORM("\xd1\xff\xfe", MSGPACK_INT, (uint64_t)-2, 0),
	FORM("\xd2\x80\x00\x00\x00", MSGPACK_INT, (uint64_t)INT32_MIN, 0),
	FORM("\xd3\x80\x00\x00\x00\x00\x00\x00\x00", MSGPACK_INT, (uint64_t)INT64_MIN, 0),
	FORM("\xca\x3f\x80\x00\x00", MSGPACK_FLOAT, 0x3f800000, 0),
	FORM("\xcb\x3f\xf0\x00\x00\x00\x00\x00\x00", MSGPACK_FLOAT, 0x3ff0000000000000, 0),
	FORM("\xa3xyz", MSGPACK_TEXT, 0, 3),
	FORM("\xd9\x03xyz", MSGPACK_TEXT, 0, 3),
	FORM("\xda\x00\x03xyz", MSGPACK_TEXT, 0, 3),
	FORM("\xdb\x00\x00\x00\x03xyz", MSGPACK_TEXT, 0, 3),
	FORM("\xc4\x03xyz", MSGPACK_BYTES, 0, 3),
	FORM("\xc5\x00\x03xyz", MSGPACK_BYTES, 0, 3),
	FORM("\xc6\x00\x00\x00\x03xyz", MSGPACK_BYTES, 0, 3),
	FORM("\xc7\x03\x05xyz", MSGPACK_EXT, 0, 4),
	FORM("\xc8\x00\x03\x05xyz", MSGPACK_EXT, 0, 4),
	FORM("\xc9\x00\x00\x00\x03\x05xyz", MSGPACK_EXT, 0, 4),
	FORM("\xd4\x05x", MSGPACK_EXT, 0, 2),
	FORM("\xd5\x05xy", MSGPACK_EXT, 0, 3),
	FORM("\xd6\x05wxyz", MSGPACK_EXT, 0, 5),
	FORM("\xd7\x05wxyzwxyz", MSGPACK_EXT, 0, 9),
	FORM("\xd8\x05wxyzwxyzwxyzwxyz", MSGPACK_EXT, 0, 17),
#undef FORM
#define HEAD(text, rest, kind, size) {text rest, sizeof(text) - 1, sizeof(text rest) - 1, kind, 0, size}
	HEAD("\x92", "\x01\x02", MSGPACK_ARRAY, 2),
	HEAD("\xdc\x00\x02", "\x01\x02", MSGPACK_ARRAY, 2),
	HEAD("\xdd\x00\x00\x00\x02", "\x01\x02", MSGPACK_ARRAY, 2),
	HEAD("\x81", "\xa1k\x02", MSGPACK_MAP, 1),
	HEAD("\xde\x00\x01", "\xa1k\x92\x01\x02", MSGPACK_MAP, 1),
	HEAD("\xdf\x00\x00\x00\x01", "\xa1k\x81\x01\x02", MSGPACK_MAP, 1),
#undef HEAD
};

static void test_forms(void)
{
	for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
		struct msgpack m = pack(forms[i].bytes, forms[i].total);
		struct msgpack_value v;

		CHECK(msgpack__next(&m, &v) && v.kind == forms[i].kind);
		CHECK_EQ(v.number, forms[i].number);
		CHECK_EQ(v.size, forms[i].size);
		CHECK_EQ(m.end - m.at, forms[i].total - forms[i].len);
		m = pack(forms[i].bytes, forms[i].total);
		CHECK(msgpack__skip(&m) && m.at == m.end);
		/* Cut anywhere it is nothing whole. */
		for (size_t n = 0; n < forms[i].total; n++) {
			m = pack(forms[i].bytes, n);
			CHECK(!msgpack__skip(&m));
		}
	}
}

static void test_damaged(void)
{
	static const char *const bad[] = {
		"\xc1", "\xdd\xff\xff\xff\xff", "\xdf\xff\xff\xff\xff", "\xdb\xff\xff\xff\xffxyz",
		"\xc9\xff\xff\xff\xff\x01xyz", "\x9f\x9f\x9f\x9f", "\x8f\xc1",
	};
	static char deep[10000];
	struct msgpack m;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		m = pack(bad[i], strlen(bad[i]));
		CHECK(!msgpack__skip(&m));
	}
	/* Arrays of one array of one array: no stack is used for them. */
	memset(deep, 0x91, sizeof(deep));
	m = pack(deep, sizeof(deep));
	CHECK(!msgpack__skip(&m));
	deep[sizeof(deep) - 1] = 0x01;
	m = pack(deep, sizeof(deep));
	CHECK(msgpack__skip(&m) && m.at == m.end);
}

/* ---- a code object with nothing but a note ---- */

#define KERNEL                                                                                     \
	"\x8a\xa5.name\xa3sum\xa7.symbol\xa6sum.kd\xb5.kernarg_segment_size\x18"                    \
	"\xb6.kernarg_segment_align\x08\xb9.group_segment_fixed_size\xcd\x04\x00"                   \
	"\xaf.wavefront_size\x20\xab.vgpr_count\x0c\xab.sgpr_count\x10"                             \
	"\xa5.what\x81\xa1x\x92\x01\xc0"                                                            \
	"\xa5.args\x93"                                                                            \
	"\x85\xa7.offset\x00\xa5.size\x08\xa5.name\xa1" "a\xab.value_kind\xadglobal_buffer"         \
	"\xaa.type_name\xa6" "float*"                                                              \
	"\x83\xa7.offset\x08\xa5.size\x04\xab.value_kind\xa8" "by_value"                            \
	"\x83\xa7.offset\x10\xa5.size\x08\xab.value_kind\xb6hidden_hostcall_buffer"
#define METADATA                                                                                   \
	"\x83\xae" "amdhsa.kernels\x92" KERNEL "\x81\xa5.name\xa5" "empty"                          \
	"\xad" "amdhsa.target\xb9" "amdgcn-amd-amdhsa--gfx101"                                      \
	"\xae" "amdhsa.version\x92\x01\x01"

struct file {
	Elf64_Ehdr e;
	Elf64_Phdr p;
	Elf64_Nhdr other;
	char other_name[4], other_desc[4];
	Elf64_Nhdr n;
	char name[8];
	char desc[sizeof(METADATA) - 1];
} __attribute__((packed));

static struct file make(void)
{
	struct file f = {
		.e = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
		      .e_machine = 224,
		      .e_phoff = offsetof(struct file, p),
		      .e_phentsize = sizeof(Elf64_Phdr),
		      .e_phnum = 1},
		.p = {.p_type = PT_NOTE,
		      .p_offset = offsetof(struct file, other),
		      .p_filesz = sizeof(f) - offsetof(struct file, other)},
		.other = {.n_namesz = 4, .n_descsz = 3, .n_type = 32},
		.other_name = "GNU",
		.n = {.n_namesz = 7, .n_descsz = sizeof(f.desc), .n_type = 32},
		.name = "AMDGPU",
	};

	memcpy(f.desc, METADATA, sizeof(f.desc));
	return f;
}

static bool text_is(const struct isa_text *t, const char *s)
{
	return t->len == strlen(s) && !memcmp(t->s, s, t->len);
}

static void test_metadata(void)
{
	struct file f = make();
	struct isa_metadata md;
	struct isa_kernel k;
	struct isa_arg a;

	CHECK(isa_metadata__find(at_page_end(&f, sizeof(f)), sizeof(f), &md));
	CHECK_EQ(md.num_kernels, 2);
	CHECK(md.version[0] == 1 && md.version[1] == 1 && text_is(&md.target, "amdgcn-amd-amdhsa--gfx101"));
	CHECK(isa_metadata__next(&md, &k));
	CHECK(text_is(&k.name, "sum") && text_is(&k.symbol, "sum.kd"));
	CHECK(k.kernarg_size == 24 && k.kernarg_align == 8 && k.lds_bytes == 1024 && k.wavefront_size == 32);
	CHECK(k.vgprs == 12 && k.sgprs == 16 && k.num_args == 3 && !k.scratch_bytes);
	CHECK(isa_kernel__next_arg(&k, &a) && a.kind == ISA_ARG_BUFFER && a.offset == 0 && a.size == 8 &&
	      text_is(&a.name, "a") && text_is(&a.type_name, "float*"));
	CHECK(isa_kernel__next_arg(&k, &a) && a.kind == ISA_ARG_VALUE && a.offset == 8 && a.size == 4 &&
	      !a.type_name.len);
	CHECK(isa_kernel__next_arg(&k, &a) && a.kind == ISA_ARG_HIDDEN_POINTER && a.offset == 16);
	CHECK(!isa_kernel__next_arg(&k, &a));
	CHECK(isa_metadata__next(&md, &k) && text_is(&k.name, "empty") && !k.num_args);
	CHECK(!isa_metadata__next(&md, &k));
}

/* One after another, with another's between them. */
static void test_several_notes(void)
{
	struct {
		struct file f;
		uint8_t pad[(1 - sizeof(METADATA)) & 3];
		struct {
			Elf64_Nhdr n;
			char name[8];
			char desc[sizeof(METADATA) - 1];
			uint8_t pad[(1 - sizeof(METADATA)) & 3];
		} more[2];
	} __attribute__((packed)) x = {.f = make()};
	struct isa_metadata md;
	struct isa_kernel k;
	unsigned int kernels = 0, notes = 1;

	for (int i = 0; i < 2; i++) {
		x.more[i].n = x.f.n;
		memcpy(x.more[i].name, x.f.name, sizeof(x.f.name));
		memcpy(x.more[i].desc, x.f.desc, sizeof(x.f.desc));
	}
	x.more[0].name[0] = 'X'; /* of nobody we know */
	x.f.p.p_filesz = sizeof(x) - offsetof(struct file, other);
	CHECK(isa_metadata__find(at_page_end(&x, sizeof(x)), sizeof(x), &md));
	do {
		while (isa_metadata__next(&md, &k))
			kernels++;
	} while (isa_metadata__more(&md) && ++notes);
	CHECK_EQ(notes, 2);
	CHECK_EQ(kernels, 4);
}

/* Everything there is, whatever comes of it. */
static void read_all(const void *data, size_t len)
{
	struct isa_metadata md;
	struct isa_kernel k;
	struct isa_arg a;

	if (!isa_metadata__find(data, len, &md))
		return;
	do
		while (isa_metadata__next(&md, &k))
			while (isa_kernel__next_arg(&k, &a))
				;
	while (isa_metadata__more(&md));
}

static void test_mutations(void)
{
	const struct file whole = make();

	for (size_t n = 0; n < sizeof(whole); n++)
		read_all(at_page_end(&whole, n), n);
	srandom(1);
	for (unsigned int i = 0; i < 200000; i++) {
		struct file f = whole;

		for (unsigned int k = 0; k <= i % 4; k++)
			((uint8_t *)&f)[(size_t)random() % sizeof(f)] = (uint8_t)random();
		read_all(at_page_end(&f, sizeof(f)), sizeof(f));
	}
	CHECK(true);
}

int main(void)
{
	test_forms();
	test_damaged();
	test_metadata();
	test_several_notes();
	test_mutations();
	END_TESTS;
}
