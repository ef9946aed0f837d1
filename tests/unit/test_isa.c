// SPDX-License-Identifier: MIT
/* What the agent reads of code objects: their size, their digest; bad ones must do no harm. */
#include "t.h"
#include "../../hsa-tools/isa/elf.h"
#include "../../hsa-tools/isa/sha256.h"

#include <elf.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

static void check_digest(const void *data, size_t len, const char *want)
{
	uint8_t digest[32];
	char hex[65];

	sha256(data, len, digest);
	for (int i = 0; i < 32; i++)
		sprintf(hex + 2 * i, "%02x", digest[i]);
	CHECK_STR(hex, want);
}

/* FIPS 180-2, appendix B, and the lengths around a block's end (from sha256sum). */
static void test_sha256(void)
{
	static char a[1000000];

	memset(a, 'a', sizeof(a));
	check_digest("", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	check_digest("abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	check_digest("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56,
		     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
	check_digest(a, 55, "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318");
	check_digest(a, 64, "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb");
	check_digest(a, sizeof(a),
		     "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

/* At a page's end: reading past it is a crash. */
static uint8_t *at_page_end(const void *data, size_t len)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), pages = (len + page - 1) / page * page;
	uint8_t *map = mmap(NULL, pages + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);

	mprotect(map + pages, page, PROT_NONE);
	memcpy(map + pages - len, data, len);
	return map + pages - len;
}

static void test_elf(void)
{
	struct {
		Elf64_Ehdr e;
		Elf64_Phdr p[2];
		uint8_t text[100];
		Elf64_Shdr s[2];
	} f = {
		.e = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
				  EV_CURRENT},
		      .e_machine = 224, /* EM_AMDGPU */
		      .e_flags = 0x133,
		      .e_phoff = sizeof(Elf64_Ehdr),
		      .e_phnum = 2,
		      .e_phentsize = sizeof(Elf64_Phdr),
		      .e_shnum = 2,
		      .e_shentsize = sizeof(Elf64_Shdr)},
	};
	uint32_t flags = 0;
	uint64_t size = 0;

	f.e.e_shoff = offsetof(typeof(f), s);
	f.p[0] = (Elf64_Phdr){.p_type = PT_LOAD, .p_offset = 0, .p_filesz = offsetof(typeof(f), s)};
	CHECK(isa_elf_header(&f, sizeof(f), &flags, &size));
	CHECK_EQ(flags, 0x133);
	CHECK_EQ(size, sizeof(f));
	/* Cut anywhere: never a size beyond what is there, no crash. */
	for (size_t cut = 0; cut < sizeof(f); cut++) {
		uint8_t *at = at_page_end(&f, cut);

		CHECK(isa_elf_header(at, cut, &flags, &size) == (cut >= sizeof(f.e)));
		CHECK(cut < sizeof(f.e) || size <= cut);
	}
	/* Every byte of the headers wrong in turn: any answer within bounds, no crash. */
	for (size_t i = 0; i < sizeof(f.e) + sizeof(f.p); i++)
		for (int v = 0; v < 256; v += 51) {
			typeof(f) g = f;
			uint8_t *at;

			((uint8_t *)&g)[i] = (uint8_t)v;
			at = at_page_end(&g, sizeof(g));
			if (isa_elf_header(at, sizeof(g), &flags, &size))
				CHECK(size <= sizeof(g));
		}
	f.e.e_machine = EM_X86_64;
	CHECK(!isa_elf_header(&f, sizeof(f), &flags, &size));
}

int main(void)
{
	test_sha256();
	test_elf();
	END_TESTS;
}
