// SPDX-License-Identifier: MIT
/* Programs that the agent cannot be loaded into, by their files. */
#include "t.h"
#include "../../usr/record/program.h"

#include <elf.h>
#include <sys/stat.h>
#include <unistd.h>

static char *path;

/* A program with one program header, and what that points to behind it. */
static const char *refuses(unsigned char elf_class, uint16_t machine, uint32_t type, const char *interpreter)
{
	Elf64_Ehdr h = {.e_machine = machine, .e_phoff = sizeof(h), .e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 1};
	Elf64_Phdr p = {.p_type = type, .p_offset = sizeof(h) + sizeof(p), .p_filesz = strlen(interpreter) + 1};
	FILE *f = fopen(path, "w");

	memcpy(h.e_ident, ELFMAG, SELFMAG);
	h.e_ident[EI_CLASS] = elf_class;
	fwrite(&h, sizeof(h), 1, f);
	fwrite(&p, sizeof(p), 1, f);
	fwrite(interpreter, 1, strlen(interpreter) + 1, f);
	fclose(f);
	return program__refuses(path);
}

int main(void)
{
	const char glibc[] = "/lib64/ld-linux-x86-64.so.2";
	char *fifo;

	path = t_tmpdir();
	CHECK(asprintf(&fifo, "%s/fifo", path) > 0);
	CHECK(asprintf(&path, "%s/program", path) > 0);
	CHECK(!program__refuses(path)); /* not there */
	CHECK(!refuses(ELFCLASS64, EM_X86_64, PT_INTERP, glibc));
	CHECK(!refuses(ELFCLASS64, EM_X86_64, PT_DYNAMIC, ""));
	CHECK(strstr(refuses(ELFCLASS64, EM_X86_64, PT_INTERP, "/lib/ld-musl-x86_64.so.1"), "musl"));
	CHECK(strstr(refuses(ELFCLASS64, EM_X86_64, PT_LOAD, ""), "statically linked"));
	CHECK(strstr(refuses(ELFCLASS32, EM_386, PT_INTERP, "/lib/ld-linux.so.2"), "32-bit"));
	CHECK(strstr(refuses(ELFCLASS64, EM_AARCH64, PT_INTERP, glibc), "another processor"));
	CHECK(!refuses(ELFCLASS64, EM_X86_64, PT_INTERP, glibc));
	CHECK(!chmod(path, 04755));
	CHECK(strstr(program__refuses(path), "set-user-ID"));
	CHECK(!truncate(path, 80)); /* cut */
	CHECK(!chmod(path, 0755));
	CHECK(!program__refuses(path));
	CHECK(!mkfifo(fifo, 0644));
	CHECK(!program__refuses(fifo)); /* and does not wait for it */
	CHECK(!program__refuses("/"));
	CHECK(!program__refuses("/bin/sh"));
	END_TESTS;
}
