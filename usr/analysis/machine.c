// SPDX-License-Identifier: MIT
#include "machine.h"
#include "../base/buf.h"
#include "../caps/caps.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

const char *machine__variable(const struct machine *m, const char *name)
{
	for (size_t i = 0; m && i < m->num_variables; i++)
		if (!strcmp(m->variables[i].name, name))
			return m->variables[i].value;
	return NULL;
}

const struct machine_parameter *machine__parameter(const struct machine *m, const char *name)
{
	for (size_t i = 0; m && i < m->num_parameters; i++)
		if (!strcmp(m->parameters[i].name, name))
			return &m->parameters[i];
	return NULL;
}

unsigned int machine__gfx(const struct machine_gpu *g)
{
	return !g ? 0 : g->gfx_target_version ? g->gfx_target_version : g->pci_gfx;
}

const struct machine_gpu *machine__gpu(const struct machine *m)
{
	for (size_t i = 0; m && i < m->num_gpus; i++) {
		unsigned int gfx = machine__gfx(&m->gpus[i]);

		if (gfx >= CAPS_RDNA1_FIRST && gfx <= CAPS_RDNA1_LAST)
			return &m->gpus[i];
	}
	return m && m->num_gpus ? &m->gpus[0] : NULL;
}

const struct machine_library *machine__library(const struct machine *m, const char *name)
{
	for (size_t i = 0; m && i < m->num_libraries; i++)
		if (m->libraries[i].first && !strcmp(m->libraries[i].name, name))
			return &m->libraries[i];
	return NULL;
}

unsigned int machine__gfx_of_override(const char *value)
{
	unsigned int major, minor, step;
	char rest;

	if (!value || sscanf(value, "%u.%u.%u%c", &major, &minor, &step, &rest) != 3)
		return 0;
	/* topology.c of the thunk; more than 99 does not fit into a gfx_target_version. */
	if (!major || major > 63 || minor > 99 || step > 99)
		return 0;
	return major * 10000 + minor * 100 + step;
}

const char *machine__override(const struct machine *m, const struct machine_gpu *g,
			      const char **name)
{
	char own[64];

	if (name)
		*name = NULL;
	snprintf(own, sizeof(own), "HSA_OVERRIDE_GFX_VERSION_%u", g ? g->node : 0);
	for (int pass = 0; m && pass < 2; pass++) {
		const char *wanted = pass ? "HSA_OVERRIDE_GFX_VERSION" : own;

		if (!pass && (!g || g->in_kfd != KNOWN_YES))
			continue;
		for (size_t i = 0; i < m->num_variables; i++) {
			if (strcmp(m->variables[i].name, wanted))
				continue;
			if (name)
				*name = m->variables[i].name;
			return m->variables[i].value;
		}
	}
	return NULL;
}

const char *machine__gfx_name(unsigned int version, char out[16])
{
	snprintf(out, 16, "gfx%u%u%x", version / 10000, version / 100 % 100, version % 100);
	return out;
}

int machine__compare_versions(const char *a, const char *b)
{
	while (isdigit((unsigned char)*a) || isdigit((unsigned char)*b)) {
		char *a_end = (char *)a, *b_end = (char *)b;
		unsigned long x = isdigit((unsigned char)*a) ? strtoul(a, &a_end, 10) : 0;
		unsigned long y = isdigit((unsigned char)*b) ? strtoul(b, &b_end, 10) : 0;

		if (x != y)
			return x < y ? -1 : 1;
		a = a_end + (*a_end == '.');
		b = b_end + (*b_end == '.');
	}
	return 0;
}
