// SPDX-License-Identifier: MIT
#include "elf.h"

#include <elf.h>
#include <string.h>

#ifndef EM_AMDGPU
#define EM_AMDGPU 224
#endif

static uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* Whether table [off, off + n * entry) lies in the file; its end. */
static bool table_end(uint64_t off, uint64_t n, uint64_t entry, size_t len, uint64_t *end)
{
	*end = off + n * entry;
	return off <= len && n * entry <= len - off;
}

bool isa_elf_header(const void *data, size_t len, uint32_t *e_flags, uint64_t *size)
{
	Elf64_Ehdr h;
	uint64_t end;

	if (len < sizeof(h))
		return false;
	memcpy(&h, data, sizeof(h));
	if (memcmp(h.e_ident, ELFMAG, SELFMAG) || h.e_ident[EI_CLASS] != ELFCLASS64 ||
	    h.e_machine != EM_AMDGPU)
		return false;
	*e_flags = h.e_flags;
	*size = sizeof(h);
	if (h.e_phentsize == sizeof(Elf64_Phdr) &&
	    table_end(h.e_phoff, h.e_phnum, sizeof(Elf64_Phdr), len, &end)) {
		*size = max_u64(*size, end);
		for (unsigned int i = 0; i < h.e_phnum; i++) {
			Elf64_Phdr p;

			memcpy(&p, (const char *)data + h.e_phoff + i * sizeof(p), sizeof(p));
			if (p.p_offset <= len && p.p_filesz <= len - p.p_offset)
				*size = max_u64(*size, p.p_offset + p.p_filesz);
		}
	}
	if (h.e_shentsize == sizeof(Elf64_Shdr) &&
	    table_end(h.e_shoff, h.e_shnum, sizeof(Elf64_Shdr), len, &end)) {
		*size = max_u64(*size, end);
		for (unsigned int i = 0; i < h.e_shnum; i++) {
			Elf64_Shdr s;

			memcpy(&s, (const char *)data + h.e_shoff + i * sizeof(s), sizeof(s));
			if (s.sh_type != SHT_NOBITS && s.sh_offset <= len &&
			    s.sh_size <= len - s.sh_offset)
				*size = max_u64(*size, s.sh_offset + s.sh_size);
		}
	}
	return true;
}

/* Section i of the file; false when its header or its bytes lie beyond the end. */
static bool section(const void *data, size_t len, const Elf64_Ehdr *h, unsigned int i,
		    Elf64_Shdr *s)
{
	uint64_t end;

	if (i >= h->e_shnum || h->e_shentsize != sizeof(*s) ||
	    !table_end(h->e_shoff, h->e_shnum, sizeof(*s), len, &end))
		return false;
	memcpy(s, (const char *)data + h->e_shoff + i * sizeof(*s), sizeof(*s));
	return s->sh_type != SHT_NOBITS && s->sh_offset <= len && s->sh_size <= len - s->sh_offset;
}

size_t isa_elf_comment(const void *data, size_t len, const char **text)
{
	static const char wanted[] = ".comment";
	Elf64_Shdr names, s;
	Elf64_Ehdr h;

	if (len < sizeof(h))
		return 0;
	memcpy(&h, data, sizeof(h));
	if (memcmp(h.e_ident, ELFMAG, SELFMAG) || h.e_ident[EI_CLASS] != ELFCLASS64 ||
	    !section(data, len, &h, h.e_shstrndx, &names))
		return 0;
	for (unsigned int i = 0; i < h.e_shnum; i++) {
		const char *name = (const char *)data + names.sh_offset;

		if (!section(data, len, &h, i, &s) || names.sh_size < sizeof(wanted) ||
		    s.sh_name > names.sh_size - sizeof(wanted) ||
		    memcmp(name + s.sh_name, wanted, sizeof(wanted)))
			continue;
		*text = (const char *)data + s.sh_offset;
		return s.sh_size;
	}
	return 0;
}
