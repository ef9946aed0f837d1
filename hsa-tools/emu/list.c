// SPDX-License-Identifier: MIT
/* --emulate=list: which instructions of each processor are executed. */
#include "emu.h"

#include <stdio.h>
#include <string.h>

__attribute__((visibility("default"))) void rdna1_emu_list(FILE *out);

/* Every instruction by name, with the processors that have it; then the counts. */
void rdna1_emu_list(FILE *out)
{
	unsigned int has[ISA_COUNT] = {0}, runs[ISA_COUNT] = {0};

	exec_init();
	for (unsigned int op = 1; op < OP_COUNT; op++) {
		fprintf(out, "%-32s %-9s", op_name(op), exec_of(op) ? "executed" : "decoded");
		for (unsigned int isa = 0; isa < ISA_COUNT; isa++) {
			bool there = isa_has(isa, op);

			has[isa] += there;
			runs[isa] += there && exec_of(op);
			fprintf(out, "%s%s", there ? " " : "", there ? isa_name(isa) : "");
		}
		fputc('\n', out);
	}
	for (unsigned int isa = 0; isa < ISA_COUNT; isa++)
		fprintf(out, "%s: %u executed / %u decoded\n", isa_name(isa), runs[isa], has[isa]);
}
