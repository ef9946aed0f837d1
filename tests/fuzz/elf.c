// SPDX-License-Identifier: MIT
/* isa_elf_header: a size within what is there, and the same when only that much is there. */
#include "fuzz.h"
#include "../../hsa-tools/isa/elf.h"

#include <elf.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t flags = 0, again_flags = 0;
	uint64_t end = 0, again = 0;

	if (!isa_elf_header(data, size, &flags, &end)) {
		REQUIRE(!isa_elf_header(data, size, &flags, &end));
		return 0;
	}
	REQUIRE(end >= sizeof(Elf64_Ehdr) && end <= size);
	REQUIRE(!memcmp(&flags, data + offsetof(Elf64_Ehdr, e_flags), sizeof(flags)));
	REQUIRE(isa_elf_header(data, size, &again_flags, &again) && again == end && again_flags == flags);
	REQUIRE(isa_elf_header(data, end, &again_flags, &again) && again == end);
	return 0;
}
