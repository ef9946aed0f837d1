// SPDX-License-Identifier: MIT
#include "object.h"

#include "../elf.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Entry i of a table of the file; false beyond its end. */
static bool entry(const struct object *o, uint64_t table, uint64_t i, void *to, size_t size)
{
	if (table > o->len || i >= (o->len - table) / size)
		return false;
	memcpy(to, o->data + table + i * size, size);
	return true;
}

static bool header(const struct object *o, Elf64_Ehdr *h)
{
	return entry(o, 0, 0, h, sizeof(*h));
}

static bool section(const struct object *o, const Elf64_Ehdr *h, unsigned int i, Elf64_Shdr *s)
{
	return i < h->e_shnum && h->e_shentsize == sizeof(*s) && entry(o, h->e_shoff, i, s, sizeof(*s));
}

static bool segment(const struct object *o, const Elf64_Ehdr *h, unsigned int i, Elf64_Phdr *p)
{
	return i < h->e_phnum && h->e_phentsize == sizeof(*p) && entry(o, h->e_phoff, i, p, sizeof(*p));
}

static bool inside(const struct object *o, uint64_t offset, uint64_t size)
{
	return offset <= o->len && size <= o->len - offset;
}

const uint8_t *object__at(const struct object *o, uint64_t va, uint64_t size)
{
	Elf64_Ehdr h;
	Elf64_Phdr p;

	if (!header(o, &h))
		return NULL;
	for (unsigned int i = 0; segment(o, &h, i, &p); i++)
		if (p.p_type == PT_LOAD && va >= p.p_vaddr && size <= p.p_filesz &&
		    va - p.p_vaddr <= p.p_filesz - size && inside(o, p.p_offset, p.p_filesz))
			return o->data + p.p_offset + (va - p.p_vaddr);
	return NULL;
}

const struct code *object__code(const struct object *o, uint64_t va)
{
	for (size_t i = 0; i < o->num_code; i++)
		if (va >= o->code[i].va && va - o->code[i].va < o->code[i].size)
			return &o->code[i];
	return NULL;
}

static int add_code(struct object *o, uint64_t va, uint64_t offset, uint64_t size)
{
	struct code *code;

	if (!size || !inside(o, offset, size) || va > UINT64_MAX - size)
		return 0;
	code = realloc(o->code, (o->num_code + 1) * sizeof(*code));
	if (!code)
		return -ENOMEM;
	o->code = code;
	code[o->num_code++] = (struct code){.data = o->data + offset, .va = va, .size = size & ~3ull};
	return 0;
}

/* Sections where there are any; a file may have none, and only segments. */
static int find_code(struct object *o, const Elf64_Ehdr *h)
{
	Elf64_Shdr s;
	Elf64_Phdr p;
	int err = 0;

	for (unsigned int i = 0; !err && section(o, h, i, &s); i++)
		if (s.sh_type == SHT_PROGBITS && s.sh_flags & SHF_EXECINSTR)
			err = add_code(o, s.sh_addr, s.sh_offset, s.sh_size);
	if (o->num_code)
		return err;
	for (unsigned int i = 0; !err && segment(o, h, i, &p); i++)
		if (p.p_type == PT_LOAD && p.p_flags & PF_X)
			err = add_code(o, p.p_vaddr, p.p_offset, p.p_filesz);
	return err;
}

static int read_symbols(struct object *o, const Elf64_Ehdr *h, const Elf64_Shdr *table)
{
	uint64_t num = table->sh_size / sizeof(Elf64_Sym);
	Elf64_Shdr names;

	if (!inside(o, table->sh_offset, table->sh_size) || !section(o, h, table->sh_link, &names) ||
	    names.sh_type != SHT_STRTAB || !inside(o, names.sh_offset, names.sh_size) || !names.sh_size ||
	    o->data[names.sh_offset + names.sh_size - 1])
		return -EBADMSG;
	o->symbols = calloc(num ? num : 1, sizeof(*o->symbols));
	if (!o->symbols)
		return -ENOMEM;
	for (uint64_t i = 0; i < num; i++) {
		Elf64_Sym sym;

		memcpy(&sym, o->data + table->sh_offset + i * sizeof(sym), sizeof(sym));
		if (sym.st_shndx == SHN_UNDEF || sym.st_name >= names.sh_size)
			continue;
		o->symbols[o->num_symbols++] = (struct symbol){
			.name = (const char *)o->data + names.sh_offset + sym.st_name,
			.va = sym.st_value,
			.size = sym.st_size,
			.type = ELF64_ST_TYPE(sym.st_info),
		};
	}
	return 0;
}

static int find_symbols(struct object *o, const Elf64_Ehdr *h)
{
	static const uint32_t types[] = {SHT_SYMTAB, SHT_DYNSYM};
	Elf64_Shdr s;

	for (size_t t = 0; t < 2; t++)
		for (unsigned int i = 0; section(o, h, i, &s); i++)
			if (s.sh_type == types[t])
				return read_symbols(o, h, &s);
	return 0;
}

int object__open(struct object *o, const void *data, size_t len)
{
	uint64_t size;
	Elf64_Ehdr h;
	int err;

	*o = (struct object){.data = data, .len = len};
	if (!isa_elf_header(data, len, &o->e_flags, &size) || !header(o, &h))
		return -EINVAL;
	if (h.e_type == ET_REL)
		return -ENOEXEC;
	/* A table that is said to be there lies in the file. */
	if ((h.e_shnum && (h.e_shentsize != sizeof(Elf64_Shdr) ||
			   !inside(o, h.e_shoff, (uint64_t)h.e_shnum * h.e_shentsize))) ||
	    (h.e_phnum && (h.e_phentsize != sizeof(Elf64_Phdr) ||
			   !inside(o, h.e_phoff, (uint64_t)h.e_phnum * h.e_phentsize))))
		return -EBADMSG;
	err = find_code(o, &h);
	if (!err)
		err = find_symbols(o, &h);
	if (err)
		object__close(o);
	return err;
}

void object__close(struct object *o)
{
	free(o->code);
	free(o->symbols);
	*o = (struct object){0};
}
