/* SPDX-License-Identifier: MIT */
/* An ELF file for AMDGPU as the loader sees it: code, kernel descriptors, functions. Never reads beyond its end. */
#ifndef RDNA1_SCAN_OBJECT_H
#define RDNA1_SCAN_OBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Executable bytes. */
struct code {
	const uint8_t *data;
	uint64_t va, size;
};

struct symbol {
	const char *name; /* terminated */
	uint64_t va, size;
	uint8_t type; /* STT_* */
};

struct object {
	const uint8_t *data;
	size_t len;
	uint32_t e_flags;
	struct code *code;
	size_t num_code;
	struct symbol *symbols; /* defined ones, of .symtab, or of .dynsym where that is missing */
	size_t num_symbols;
};

/* 0, -EINVAL when it is no ELF file for AMDGPU, -ENOEXEC when it is one to be linked, -EBADMSG, -ENOMEM. */
int object__open(struct object *o, const void *data, size_t len);
void object__close(struct object *o);

/* The bytes of the file behind [va, va + size), NULL when there are none. */
const uint8_t *object__at(const struct object *o, uint64_t va, uint64_t size);

/* The executable bytes that va is in; NULL: none. */
const struct code *object__code(const struct object *o, uint64_t va);

#endif
