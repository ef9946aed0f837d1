// SPDX-License-Identifier: MIT
#include "parameters.h"
#include "../base/buf.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct parameter rows[] = {
#define PARAMETER(name, defaults, effect, judgement, text, source)                                 \
	{#name, defaults, VARIABLE_##effect, JUDGED_##judgement, text, source},
#include "parameters.def"
#undef PARAMETER
};

const struct parameter *parameters__row(size_t i)
{
	return i < ARRAY_SIZE(rows) ? &rows[i] : NULL;
}

const struct parameter *parameters__find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (!strcmp(rows[i].name, name))
			return &rows[i];
	return NULL;
}

static bool is_word(const char *words, const char *value)
{
	size_t len = strlen(value), n;

	for (; *words; words += n, words += strspn(words, " ")) {
		n = strcspn(words, " ");
		if (n == len && !strncmp(words, value, n))
			return true;
	}
	return false;
}

int parameters__judge(const char *name, const char *value, struct parameter_verdict *out)
{
	const struct parameter *row = parameters__find(name);

	*out = (struct parameter_verdict){.row = row};
	if (!row)
		return -ENOENT;
	out->is_default = !value || is_word(row->defaults, value);
	out->effect = out->is_default ? VARIABLE_no_effect : row->effect;
	out->judgement = out->is_default ? JUDGED_ok : row->judgement;
	out->text = !value ? "this driver does not have it" : out->is_default ? "as the driver has it" : row->text;
	if (out->judgement != JUDGED_ok)
		snprintf(out->todo, sizeof(out->todo), "grep -rs %s /etc/modprobe.d /proc/cmdline   # take it out there, and restart",
			 name);
	return 0;
}
