// SPDX-License-Identifier: MIT
/*
 * conv-families: the table of hsa-tools/conv/family.def as docs/howto-fallback.md has it.
 * conv-families --read: what dispatches compute, one of each line of standard input:
 * NAME KERNARG_BYTES TYPE_NAME GRID_X GRID_Y GRID_Z GROUP_BYTES KERNARG_IN_HEX
 */
#include "../../hsa-tools/conv/conv.h"

#include <stdio.h>
#include <string.h>

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

static size_t from_hex(const char *hex, uint8_t *out, size_t most)
{
	size_t n = 0;
	unsigned int v;

	for (; n < most && sscanf(hex + 2 * n, "%2x", &v) == 1; n++)
		out[n] = (uint8_t)v;
	return n;
}

static int read_dispatches(void)
{
	static char name[4096], type[64], hex[8192];
	static uint8_t kernarg[4096];
	struct conv_dispatch d = {.kernarg = kernarg};
	unsigned int bytes;

	while (scanf("%4095s %u %63s %u %u %u %u %8191s", name, &bytes, type, &d.grid[0],
		     &d.grid[1], &d.grid[2], &d.group_bytes, hex) == 8) {
		const struct conv_family *f = conv_family__find(name, bytes, type);
		struct conv_problem p;
		char text[200];

		d.len = from_hex(hex, kernarg, sizeof(kernarg));
		if (!f || conv_family__read(f, &d, &p)) {
			printf("%s: %s\n", f ? "not read" : "not known", name);
			continue;
		}
		conv_problem__text(&p, text, sizeof(text));
		printf("read: %s, %s\n", conv_family__text(f), text);
	}
	return 0;
}

int main(int argc, char **argv)
{
	size_t at = 0;

	if (argc > 1)
		return strcmp(argv[1], "--read") ? 2 : read_dispatches();

	printf("| MIOpen, algorithm, type | kernel | bytes of arguments | first buffer | read in "
	       "|\n"
	       "|---|---|---|---|---|\n");
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); at += rows[i++].families)
		print_row(&rows[i], at);
	return 0;
}
