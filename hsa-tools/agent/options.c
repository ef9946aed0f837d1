// SPDX-License-Identifier: MIT
/*
 * RDNA1_TRACE_OPTIONS: key=value separated by spaces. As in HSA_TOOLS_LIB, a part in double quotes
 * keeps its spaces and \ keeps the next character.
 */
#include "agent.h"

#include <stdio.h>
#include <string.h>

static void take(struct options *o, const char *word)
{
	const char *eq = strchr(word, '=');
	int key = eq ? (int)(eq - word) : (int)strlen(word);

	if (eq && key == 3 && !strncmp(word, "dir", 3))
		snprintf(o->dir, sizeof(o->dir), "%s", eq + 1);
	else
		agent_say("unknown option %.*s in RDNA1_TRACE_OPTIONS (known: dir=DIR), ignored", key,
			  word);
}

void options_parse(struct options *o, const char *text)
{
	char word[sizeof(o->dir) + 8];
	size_t n = 0;
	bool quoted = false, any = false;

	memset(o, 0, sizeof(*o));
	for (; text; text++) {
		char c = *text;

		if (!c || (c == ' ' && !quoted)) {
			word[n] = 0;
			if (any)
				take(o, word);
			n = 0;
			any = false;
			if (!c)
				return;
			continue;
		}
		any = true;
		if (c == '"') {
			quoted = !quoted;
			continue;
		}
		if (c == '\\' && text[1])
			c = *++text;
		if (n + 1 < sizeof(word))
			word[n++] = c;
	}
}
