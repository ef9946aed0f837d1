/* SPDX-License-Identifier: MIT */
/*
 * Code objects as bytes: what is read of an AMDGPU ELF file without any library. Never reads beyond
 * the length it is given.
 */
#ifndef RDNA1_ISA_ELF_H
#define RDNA1_ISA_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Whether data begins an ELF file for AMDGPU (e_machine 224); *e_flags gets its flags. The size of
 * the file is not in its header: *size gets the end of its last section or segment.
 */
bool isa_elf_header(const void *data, size_t len, uint32_t *e_flags, uint64_t *size);

/*
 * Section .comment, in which compiler and linker name themselves: texts with a 0 between them.
 * *text points into data. Returns its length, 0 without.
 */
size_t isa_elf_comment(const void *data, size_t len, const char **text);

#endif
