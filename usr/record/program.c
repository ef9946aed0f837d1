// SPDX-License-Identifier: MIT
#include "program.h"

#include <elf.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool read_at(int fd, void *data, size_t size, uint64_t at)
{
	return pread(fd, data, size, (off_t)at) == (ssize_t)size;
}

static const char *check_interpreter(int fd, const Elf64_Phdr *p)
{
	char name[256] = "";
	size_t size = p->p_filesz < sizeof(name) ? p->p_filesz : sizeof(name) - 1;

	if (read_at(fd, name, size, p->p_offset) && strstr(name, "ld-musl"))
		return "its C library is musl, the agent needs glibc 2.31 or later";
	return NULL;
}

static const char *check_elf(int fd)
{
	bool dynamic = false;
	Elf64_Ehdr h;
	Elf64_Phdr p;

	if (!read_at(fd, &h, sizeof(h), 0) || memcmp(h.e_ident, ELFMAG, SELFMAG))
		return NULL;
	if (h.e_ident[EI_CLASS] != ELFCLASS64)
		return "it is a 32-bit program, the agent is built for x86-64";
	if (h.e_machine != EM_X86_64)
		return "it is built for another processor, the agent for x86-64";
	for (unsigned int i = 0; i < h.e_phnum; i++) {
		if (!read_at(fd, &p, sizeof(p), h.e_phoff + (uint64_t)i * h.e_phentsize))
			return NULL;
		if (p.p_type == PT_INTERP)
			return check_interpreter(fd, &p);
		dynamic |= p.p_type == PT_DYNAMIC;
	}
	return dynamic ? NULL : "it is statically linked, so no library can be loaded into it";
}

const char *program__refuses(const char *path)
{
	/* A FIFO would be waited for. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	const char *why = NULL;
	struct stat st;

	if (fd < 0)
		return NULL;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode))
		why = check_elf(fd);
	if (!why && st.st_mode & (S_ISUID | S_ISGID))
		why = "it is a set-user-ID program: such programs take variables out of their environment";
	close(fd);
	return why;
}
