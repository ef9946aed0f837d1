// SPDX-License-Identifier: MIT
/* rdna1-trace check --profile: what to put into /etc/profile.d, and nothing that does not act. */
#include "cmd_check.h"
#include "caps/caps.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A comment of at most 80 columns. */
static void comment(struct buf *out, const char *text)
{
	size_t column = 0;

	for (const char *word = text; *word;) {
		size_t len = strcspn(word, " ");

		if (!column || column + 1 + len > 80) {
			buf__puts(out, column ? "\n#" : "#");
			column = 1;
		}
		buf__putc(out, ' ');
		buf__visible(out, word, len);
		column += 1 + len;
		word += len + strspn(word + len, " ");
	}
	buf__putc(out, '\n');
}

static void commentf(struct buf *out, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void commentf(struct buf *out, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	comment(out, text);
}

/* ---- settings ---- */

/* Where the loader finds no HIP, and /opt/rocm has one. */
static unsigned int library_path(const struct machine *m, struct buf *out)
{
	for (size_t i = 0; i < m->num_libraries && !machine__library(m, "amdhip64"); i++) {
		const struct machine_library *x = &m->libraries[i];

		if (x->where != WHERE_rocm || strcmp(x->name, "amdhip64"))
			continue;
		buf__putc(out, '\n');
		commentf(out, "The loader does not look into %.*s. Source: ld.so(8); its cache has no libamdhip64.",
			 (int)(strrchr(x->path, '/') - x->path), x->path);
		buf__printf(out, "export LD_LIBRARY_PATH=%.*s${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}\n",
			    (int)(strrchr(x->path, '/') - x->path), x->path);
		return 1;
	}
	return 0;
}

static bool has_chip(const struct machine *m, const char *chip)
{
	char list[1024], word[24];

	snprintf(word, sizeof(word), "%s ", chip);
	for (size_t i = 0; i < m->num_libraries; i++) {
		snprintf(list, sizeof(list), "%s ", m->libraries[i].chips ?: "");
		if (strstr(list, word))
			return true;
	}
	return false;
}

/* gfx1011 and gfx1012 run gfx1010's code; rocBLAS may have that and not theirs. */
static unsigned int same_generation(const struct machine *m, const struct machine_gpu *g, struct buf *out)
{
	unsigned int gfx = machine__gfx(g);
	char name[16];

	machine__gfx_name(gfx, name);
	if (gfx <= CAPS_RDNA1_FIRST || gfx > CAPS_RDNA1_LAST || has_chip(m, name) || !has_chip(m, "gfx1010"))
		return 0;
	buf__putc(out, '\n');
	commentf(out, "rocBLAS here has kernels for gfx1010 and none for this %s, which runs them. Source: reported, rocBLAS #1331; "
		      "LLVM AMDGPU.td: gfx1010's instructions are all in %s.", name, name);
	buf__puts(out, "export HSA_OVERRIDE_GFX_VERSION=10.1.0\n");
	return 1;
}

/* With another GPU in front (an APU's), programs take that one. */
static unsigned int which_gpu(const struct machine *m, const struct machine_gpu *g, struct buf *out)
{
	unsigned int at = 0, others = 0;

	for (size_t i = 0; i < m->num_gpus; i++) {
		if (m->gpus[i].in_kfd != KNOWN_YES)
			continue;
		if (&m->gpus[i] == g)
			at = others;
		others++;
	}
	if (others < 2 || !g || g->in_kfd != KNOWN_YES)
		return 0;
	buf__putc(out, '\n');
	commentf(out, "%u GPUs are here: show programs the %s only. Source: ROCr core/util/flag.h.", others, g->name ?: "RDNA1 card");
	buf__printf(out, "export ROCR_VISIBLE_DEVICES=%u\n", at);
	return 1;
}

/* ---- what is set now and should not be ---- */

static unsigned int take_back(const struct machine *m, struct buf *out)
{
	unsigned int n = 0;

	for (size_t i = 0; i < m->num_variables; i++) {
		const struct machine_variable *x = &m->variables[i];
		struct variable_verdict v;

		if (variables__judge(x->name, x->value, m, &v) || !v.row || v.judgement == JUDGED_ok ||
		    strncmp(v.todo, "unset ", 6))
			continue;
		/* What does nothing need not be taken back; it is named, so that it is not missed. */
		if (v.effect == VARIABLE_no_effect || v.effect == VARIABLE_absent || v.effect == VARIABLE_build_time)
			continue;
		buf__putc(out, '\n');
		commentf(out, "%s=%s: %s. Source: %s.", x->name, x->value ?: "", v.text, v.row->source);
		buf__printf(out, "unset %s\n", x->name);
		n++;
	}
	return n;
}

static void left_out(const struct machine *m, struct buf *out)
{
	bool any = false;

	for (size_t i = 0; i < m->num_variables; i++) {
		const struct machine_variable *x = &m->variables[i];
		struct variable_verdict v;

		if (variables__judge(x->name, x->value, m, &v) || !v.row || v.judgement == JUDGED_ok ||
		    (v.effect != VARIABLE_no_effect && v.effect != VARIABLE_absent && v.effect != VARIABLE_build_time))
			continue;
		if (!any)
			buf__puts(out, "\n# Set now, and left out because it does nothing to a program that runs:\n");
		any = true;
		buf__puts(out, "#   ");
		buf__visible(out, x->name, strlen(x->name));
		if (x->value) {
			buf__putc(out, '=');
			buf__visible(out, x->value, strlen(x->value));
		}
		buf__printf(out, " (%s)\n", variable_effect__name(v.effect));
	}
}

void check__profile(const struct machine *m, struct buf *out)
{
	const struct machine_gpu *g = machine__gpu(m);
	unsigned int n = 0;
	char name[16];

	if (m->emulated == KNOWN_YES)
		buf__puts(out, "# Of an emulated device: no profile for a real card.\n");
	commentf(out, "rdna1-trace check --profile, for %s (%s): /etc/profile.d/rdna1.sh", g && g->name ? g->name : "a machine without a GPU of AMD's",
		 machine__gfx(g) ? machine__gfx_name(machine__gfx(g), name) : "chip not known");
	n += which_gpu(m, g, out);
	n += library_path(m, out);
	n += take_back(m, out);
	n += same_generation(m, g, out);
	if (!n) {
		buf__putc(out, '\n');
		comment(out, "Nothing has to be set. No variable makes hipMalloc's memory coarse-grained (it is), forces implicit GEMM "
			     "(nothing does), or makes code of another chip right for this one.");
	}
	left_out(m, out);
}
