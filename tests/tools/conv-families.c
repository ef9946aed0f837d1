// SPDX-License-Identifier: MIT
/* The table of hsa-tools/conv/family.def as docs/howto-fallback.md has it. */
#include "../../hsa-tools/conv/conv.h"

#include <stdio.h>

struct row {
	const char *what, *names, *types, *source;
	size_t families;
};

#define NAIVE(prefix, fp32, fp16, args, ours, what, source)                                                            \
	{what " naive", "naive_conv_" prefix "{fwd,bwd,wrw}_{nchw,nhwc}_{" fp32 "," fp16 "}", "", source, 12},
#define FAMILY(name, types, kind, type, args, ours, what, source) {what, name, types, source, 1},
static const struct row rows[] = {
#include "../../hsa-tools/conv/family.def"
};

int main(void)
{
	size_t at = 0;

	printf("| MIOpen, algorithm, type | kernel | bytes of arguments | first buffer | read in |\n"
	       "|---|---|---|---|---|\n");
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); at += rows[i++].families)
		printf("| %s | `%s` | %u | %s%s%s | %s |\n", rows[i].what, rows[i].names,
		       conv_family__kernarg_bytes(conv_family__at(at)), *rows[i].types ? "`" : "",
		       *rows[i].types ? rows[i].types : "any", *rows[i].types ? "`" : "", rows[i].source);
	return 0;
}
