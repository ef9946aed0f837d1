// SPDX-License-Identifier: MIT
/* insn-rows: the mnemonics the reference knows, for gen.py. */
#include "ref.h"

#include <stdio.h>

static void print(const struct ref_row *row)
{
	static const char *const classes[] = {"VALU", "CMP", "CMPX", "PACKED", "SALU", "WAVE"};

	printf("%s %s %s\n", row->name, classes[row->cls], row->sig);
}

int main(void)
{
	ref_each(print);
	return 0;
}
