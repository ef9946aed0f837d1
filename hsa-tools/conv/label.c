// SPDX-License-Identifier: MIT
/* For which chip a code object says it is: values of llvm.org/docs/AMDGPUUsage.html, "Header" and
 * "Target ID". */
#include "conv.h"

#include <elf.h>
#include <errno.h>
#include <string.h>

#include "../isa/elf.h"
#include "../isa/metadata.h"

enum {
	MACH_MASK = 0xff,
	XNACK_V3 = 0x100,
	XNACK_MASK = 0x300, /* V4 and later */
	XNACK_ANY = 0x100,
	ABI_V3 = 1, /* EI_ABIVERSION */
};

struct chip {
	char name[8];
	uint8_t mach;
	bool xnack;
};

static const struct chip chips[] = {
	{"gfx1010", 0x33, true},  {"gfx1011", 0x34, true},  {"gfx1012", 0x35, true},
	{"gfx1013", 0x42, true},  {"gfx1030", 0x36, false}, {"gfx1031", 0x37, false},
	{"gfx1032", 0x38, false}, {"gfx1033", 0x39, false}, {"gfx1034", 0x3e, false},
	{"gfx1035", 0x3d, false}, {"gfx1036", 0x45, false},
};

static const char target[] = "amdgcn-amd-amdhsa--";
enum { TARGET_LEN = sizeof(target) - 1, CHIP_LEN = 7 };

static const struct chip *chip_of_isa(const char *isa)
{
	if (strncmp(isa, target, TARGET_LEN))
		return NULL;
	isa += TARGET_LEN;
	for (size_t i = 0; i < sizeof(chips) / sizeof(*chips); i++)
		if (!strncmp(isa, chips[i].name, CHIP_LEN) &&
		    (!isa[CHIP_LEN] || isa[CHIP_LEN] == ':'))
			return &chips[i];
	return NULL;
}

/* Where the metadata has its target, -1 without; its length in *len. */
static ptrdiff_t find_target(const void *elf, size_t size, size_t *len)
{
	struct isa_metadata md;

	if (!isa_metadata__find(elf, size, &md) || !md.target.len)
		return -1;
	*len = md.target.len;
	return md.target.s - (const char *)elf;
}

int conv_image__label(void *elf, size_t size, const char *isa)
{
	const struct chip *chip = chip_of_isa(isa);
	char *name = NULL;
	ptrdiff_t at;
	uint32_t flags;
	uint64_t end;
	size_t len;
	uint8_t abi;

	if (!chip || !isa_elf_header(elf, size, &flags, &end))
		return -EINVAL;
	abi = ((const uint8_t *)elf)[EI_ABIVERSION];
	if (abi < ABI_V3)
		return -EINVAL;
	at = find_target(elf, size, &len);
	if (at >= 0) {
		name = (char *)elf + at;
		if (len < TARGET_LEN + CHIP_LEN || memcmp(name, target, TARGET_LEN) ||
		    (len > TARGET_LEN + CHIP_LEN && name[TARGET_LEN + CHIP_LEN] != ':') ||
		    (len > TARGET_LEN + CHIP_LEN && !chip->xnack))
			return -ENOSPC;
	}
	flags = (flags & ~(uint32_t)MACH_MASK) | chip->mach;
	if (!chip->xnack)
		flags &= ~(uint32_t)(abi == ABI_V3 ? XNACK_V3 : XNACK_MASK);
	else if (abi > ABI_V3 && !(flags & XNACK_MASK))
		flags |= XNACK_ANY;
	memcpy((char *)elf + offsetof(Elf64_Ehdr, e_flags), &flags, sizeof(flags));
	if (name)
		memcpy(name + TARGET_LEN, chip->name, CHIP_LEN);
	return 0;
}

const char *conv_image__chip(const void *elf, size_t size)
{
	uint32_t flags;
	uint64_t end;

	if (!isa_elf_header(elf, size, &flags, &end))
		return NULL;
	for (size_t i = 0; i < sizeof(chips) / sizeof(*chips); i++)
		if (chips[i].mach == (flags & MACH_MASK))
			return chips[i].name;
	return NULL;
}
