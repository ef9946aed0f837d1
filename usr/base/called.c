// SPDX-License-Identifier: MIT
#include "called.h"

#include <errno.h>
#include <string.h>

static const char own_name[] = "rdna1-trace";

const char *called(void)
{
	static struct buf b;

	if (!b.len)
		buf__shell(&b, program_invocation_name && program_invocation_name[0] ? program_invocation_name : own_name);
	return buf__str(&b);
}

/* "rdna1-trace report", "sudo rdna1-trace -- COMMAND"; not "/usr/bin/rdna1-trace" nor "rdna1-trace.1". */
static bool begins_command(const char *text, const char *at)
{
	return (at == text || strchr(" \n`(", at[-1])) && at[strlen(own_name)] == ' ';
}

void called__put(struct buf *b, const char *text)
{
	const char *from = text, *at = text;

	while ((at = strstr(at, own_name))) {
		if (begins_command(text, at)) {
			buf__put(b, from, (size_t)(at - from));
			buf__puts(b, called());
			from = at + strlen(own_name);
		}
		at += strlen(own_name);
	}
	buf__puts(b, from);
}
