// SPDX-License-Identifier: MIT
/*
 * RDNA1_TRACE_OPTIONS: key=value separated by spaces. As in HSA_TOOLS_LIB, a part in double quotes
 * keeps its spaces and \ keeps the next character.
 */
#include "agent.h"

#include <stdio.h>
#include <string.h>

/* Names of unknown keys, " a b", each once. */
struct unknown {
	char names[256];
	size_t len;
};

static void add_unknown(struct unknown *u, const char *name, size_t len)
{
	for (const char *at = u->names; (at = strstr(at, name)); at++)
		if (at[-1] == ' ' && (at[len] == ' ' || !at[len]))
			return;
	if (u->len + len + 2 > sizeof(u->names))
		return;
	u->names[u->len] = ' ';
	memcpy(u->names + u->len + 1, name, len);
	u->len += len + 1;
	u->names[u->len] = 0;
}

static void take(struct options *o, char *word, struct unknown *u)
{
	char *eq = strchr(word, '=');
	size_t len = eq ? (size_t)(eq - word) : strlen(word);

	word[len] = 0;
	if (eq && !strcmp(word, "dir"))
		snprintf(o->dir, sizeof(o->dir), "%s", eq + 1);
	else if (len)
		add_unknown(u, word, len);
}

void options_parse(struct options *o, const char *text)
{
	char word[sizeof(o->dir) + 8];
	struct unknown unknown = {0};
	size_t n = 0;
	bool quoted = false, any = false;
	char c = 0;

	memset(o, 0, sizeof(*o));
	for (; text; text++) {
		c = *text;

		if (!c || (c == ' ' && !quoted)) {
			word[n] = 0;
			if (any)
				take(o, word, &unknown);
			n = 0;
			any = false;
			if (!c)
				break;
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
	if (unknown.len)
		agent_say("unknown in RDNA1_TRACE_OPTIONS, ignored:%s (known: dir=DIR)", unknown.names);
}
