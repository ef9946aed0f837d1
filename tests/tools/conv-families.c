// SPDX-License-Identifier: MIT
/* The table of hsa-tools/conv/family.def as docs/howto-fallback.md has it. */
#include "../../hsa-tools/conv/conv.h"

#include <stdio.h>

struct row {
	const char *what, *names, *types, *source;
	size_t families;
};

#define NAIVE(prefix, fp32, fp16, args, ours, what, source)                                        \
	{what " naive", "naive_conv_" prefix "{fwd,bwd,wrw}_{nchw,nhwc}_{" fp32 "," fp16 "}", "",  \
	 source, 12},
#define FAMILY(name, types, kind, type, args, ours, what, source) {what, name, types, source, 1},
#define TENSILE(letters, ours, a_by_l, b_by_l)                                                     \
	{"Tensile, GEMM of source", "Cijk_" letters "_{SB,HHS_BH}_MT*_GSU1_*_ISA000_*", "",        \
	 TENSILE_PY ", rocm-5.2.0 to rocm-6.3.0", 4},
static const struct row rows[] = {
#include "../../hsa-tools/conv/family.def"
};

static void print_row(const struct row *r, size_t at)
{
	uint32_t first = conv_family__kernarg_bytes(conv_family__at(at));
	uint32_t last = conv_family__kernarg_bytes(conv_family__at(at + r->families - 1));

	printf("| %s | `%s` | %u", r->what, r->names, first);
	if (last != first)
		printf(", %u", last);
	printf(" | %s%s%s | %s |\n", *r->types ? "`" : "", *r->types ? r->types : "any",
	       *r->types ? "`" : "", r->source);
}

int main(void)
{
	size_t at = 0;

	printf("| MIOpen, algorithm, type | kernel | bytes of arguments | first buffer | read in "
	       "|\n"
	       "|---|---|---|---|---|\n");
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); at += rows[i++].families)
		print_row(&rows[i], at);
	return 0;
}
