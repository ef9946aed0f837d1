// SPDX-License-Identifier: MIT
#include "variables.h"
#include "../base/buf.h"
#include "../base/near.h"
#include "../caps/caps.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct variable rows[] = {
#define VARIABLE(name, effect, takes, what, source) {#name, VARIABLE_##effect, takes, what, source},
#define VALUE(name, values, judgement, effect, text, todo, rule)
#include "variables.def"
#undef VARIABLE
#undef VALUE
};

struct value {
	const char *name, *values;
	enum judgement judgement;
	enum variable_effect effect;
	const char *text, *todo, *rule;
};
static const struct value values[] = {
#define VARIABLE(name, effect, takes, what, source)
#define VALUE(name, values, judgement, effect, text, todo, rule)                                   \
	{#name, values, JUDGED_##judgement, VARIABLE_##effect, text, todo, rule},
#include "variables.def"
#undef VARIABLE
#undef VALUE
};

const char *variable_effect__name(enum variable_effect e)
{
	static const char *const names[] = {
		[VARIABLE_acts] = "acts",
		[VARIABLE_no_effect] = "no effect",
		[VARIABLE_opposite] = "does the opposite",
		[VARIABLE_absent] = "does not exist",
		[VARIABLE_build_time] = "for builds only",
		[VARIABLE_diagnostic] = "diagnostic",
		[VARIABLE_not_known] = "not known to us",
	};

	return (size_t)e < ARRAY_SIZE(names) ? names[e] : "?";
}

/* ---- rows ---- */

const struct variable *variables__row(size_t i)
{
	return i < ARRAY_SIZE(rows) ? &rows[i] : NULL;
}

/* A row's name that ends in # is followed by a number. */
static bool is_named(const char *row, const char *name)
{
	size_t len = strlen(row);

	if (row[len - 1] != '#')
		return !strcmp(row, name);
	return !strncmp(row, name, len - 1) && name[len - 1] &&
	       strspn(name + len - 1, "0123456789") == strlen(name + len - 1);
}

const struct variable *variables__find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (is_named(rows[i].name, name))
			return &rows[i];
	return NULL;
}

/* Whether the list of words has the value. */
static bool holds(const char *words, const char *value)
{
	size_t len = strlen(value);

	if (!strcmp(words, "*"))
		return true;
	if (!*words)
		return !*value;
	for (; *words; words += strspn(words, " ")) {
		size_t n = strcspn(words, " ");

		if (n == len && !strncasecmp(words, value, len))
			return true;
		words += n;
	}
	return false;
}

static const struct value *find_value(const char *name, const char *value)
{
	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		if (is_named(values[i].name, name) && holds(values[i].values, value))
			return &values[i];
	return NULL;
}

/* ---- names that are not in the table ---- */

static bool is_ours(const char *name)
{
	static const char *const prefixes[] = {"HSA_",	  "HSAKMT_", "HIP_",	"ROC", "MIOPEN_",
					       "AMD_",	  "GPU_",    "PYTORCH_", "HCC_"};

	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (!strncmp(name, prefixes[i], strlen(prefixes[i])))
			return true;
	return false;
}

/* The nearest name that something reads. */
static const char *near_miss(const char *name)
{
	struct near found = {0};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char with_debug[96];

		if (rows[i].effect == VARIABLE_absent)
			continue;
		near__try(&found, name, rows[i].name);
		/* The most frequent of slips: MIOpen has DEBUG_ in some names and not in others. */
		if (strncmp(name, "MIOPEN_", 7))
			continue;
		snprintf(with_debug, sizeof(with_debug), "MIOPEN_DEBUG_%s", name + 7);
		if (!strcmp(with_debug, rows[i].name))
			found = (struct near){rows[i].name, 1};
	}
	return found.name;
}

/* ---- the override ---- */

static void say(struct variable_verdict *v, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void say(struct variable_verdict *v, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(v->text, sizeof(v->text), fmt, ap);
	va_end(ap);
}

static bool is_rdna1(unsigned int gfx)
{
	return gfx >= CAPS_RDNA1_FIRST && gfx <= CAPS_RDNA1_LAST;
}

/*
 * Whether code for `code` runs on `chip`: gfx1010's instructions are all in gfx1011 to gfx1013, and
 * these have some that it lacks (LLVM AMDGPU.td FeatureISAVersion10_1_*).
 */
static bool runs_on(unsigned int code, unsigned int chip)
{
	return code == chip || (is_rdna1(chip) && code == 100100) ||
	       (code == 100101 && chip == 100102) || (code == 100102 && chip == 100101);
}

static void judge_override(const char *name, const char *value, const struct machine *m,
			   struct variable_verdict *v)
{
	unsigned int asked = machine__gfx_of_override(value), real = machine__gfx(machine__gpu(m));
	char asked_name[16], real_name[16];

	v->rule = "foreign-code";
	snprintf(v->todo, sizeof(v->todo), "unset %s", name);
	if (!asked) {
		v->rule = "variables";
		v->judgement = JUDGED_problem;
		say(v, "is not MAJOR.MINOR.STEP: the runtime finds no GPU with it");
		return;
	}
	machine__gfx_name(asked, asked_name);
	machine__gfx_name(real, real_name);
	if (!real) {
		v->judgement = JUDGED_note;
		say(v, "the runtime takes every GPU for %s and loads code for that; which chip it really is, is not known",
		    asked_name);
	} else if (asked == real) {
		v->effect = VARIABLE_no_effect;
		v->todo[0] = 0;
		say(v, "is what the card is (%s)", real_name);
	} else if (runs_on(asked, real)) {
		v->judgement = JUDGED_note;
		v->todo[0] = 0;
		say(v, "code for %s runs on this %s, too: right for libraries that have no code for %s (reported: rocBLAS #1331)",
		    asked_name, real_name, real_name);
	} else if (is_rdna1(real) && asked / 100 == 1003) {
		v->judgement = JUDGED_problem;
		say(v, "this %s is taken for a %s, whose code is foreign to it: it does not avoid the hardware bugs of gfx10.1 "
		       "(v_cmpx after a read of EXEC; offsets of FLAT) and may have instructions the chip lacks. Reported: %s "
		       "crashes where builds for gfx1010 work",
		    real_name, asked_name, value);
		snprintf(v->todo, sizeof(v->todo),
			 "unset %s, with libraries built for %s (reported to work: a distribution's PyTorch; rocBLAS of ROCm 6.2 on%s)",
			 name, real_name, real == 100100 ? "" : ", or 10.1.0");
	} else {
		v->judgement = JUDGED_problem;
		say(v, "this %s is taken for a %s: code for that is foreign to it", real_name, asked_name);
	}
}

/* ---- which GPUs are shown ---- */

static bool chooses_gpus(const char *name)
{
	return !strcmp(name, "HIP_VISIBLE_DEVICES") || !strcmp(name, "ROCR_VISIBLE_DEVICES") ||
	       !strcmp(name, "CUDA_VISIBLE_DEVICES") || !strcmp(name, "GPU_DEVICE_ORDINAL");
}

/* A list of numbers ends at the first that is no GPU's: where that is the first one, none is left. */
static bool judge_choice(const char *name, const char *value, const struct machine *m, struct variable_verdict *v)
{
	size_t gpus = 0;

	for (size_t i = 0; m && i < m->num_gpus; i++)
		gpus += m->gpus[i].in_kfd == KNOWN_YES;
	if (!gpus || !isdigit((unsigned char)value[0]) || strtoul(value, NULL, 10) < gpus)
		return false;
	v->judgement = JUDGED_problem;
	say(v, "names a GPU that is not here (%zu %s, counted from 0): none is visible", gpus, gpus == 1 ? "is" : "are");
	snprintf(v->todo, sizeof(v->todo), "unset %s", name);
	return true;
}

/* ---- judgement ---- */

int variables__judge(const char *name, const char *value, const struct machine *m,
		     struct variable_verdict *out)
{
	const struct value *row;

	*out = (struct variable_verdict){.rule = "variables"};
	out->row = variables__find(name);
	if (!out->row && !is_ours(name))
		return -ENOENT;
	if (!out->row) {
		out->effect = VARIABLE_not_known;
		out->judgement = JUDGED_note;
		out->near = near_miss(name);
		say(out, "is not known to us: it may do something, or nothing%s%s%s",
		    out->near ? ". Was " : "", out->near ?: "", out->near ? " meant?" : "");
		return 0;
	}
	out->effect = out->row->effect;
	if (!value) {
		say(out, "is set; to what was not kept");
		return 0;
	}
	if (!strncmp(name, "HSA_OVERRIDE_GFX_VERSION", 24)) {
		judge_override(name, value, m, out);
		return 0;
	}
	if (chooses_gpus(name) && judge_choice(name, value, m, out))
		return 0;
	row = find_value(name, value);
	if (!row) {
		out->judgement = JUDGED_ok;
		say(out, "%s", out->row->what);
		return 0;
	}
	out->effect = row->effect;
	out->judgement = row->judgement;
	out->rule = row->rule;
	say(out, "%s", row->text);
	snprintf(out->todo, sizeof(out->todo), "%s", row->todo);
	return 0;
}

bool variables__exhaustive_search(const struct machine *m)
{
	const char *value = machine__variable(m, "MIOPEN_FIND_ENFORCE");

	return value && holds("SEARCH 3 SEARCH_DB_UPDATE 4", value);
}

/* ---- which solvers are left ---- */

static const struct {
	enum solver_family family;
	const char *variable, *name;
} families[] = {
	{SOLVERS_direct, "MIOPEN_DEBUG_CONV_DIRECT", "direct"},
	{SOLVERS_winograd, "MIOPEN_DEBUG_CONV_WINOGRAD", "Winograd"},
	{SOLVERS_implicit_gemm, "MIOPEN_DEBUG_CONV_IMPLICIT_GEMM", "implicit GEMM"},
	{SOLVERS_gemm, "MIOPEN_DEBUG_CONV_GEMM", "GEMM"},
	{SOLVERS_fft, "MIOPEN_DEBUG_CONV_FFT", "FFT"},
};

/*
 * What takes fp32 layers of 3 channels and 3x3 filters. Winograd RxS accepts gfx10; implicit GEMM none
 * of gfx10.1, and of gfx10.3 only channels in multiples (V4R1Fwd C*y*x % 8, V4R4Fwd gemm_k % 4, CK dlops
 * gemm_k % 8: 3x3x3 is 27); FFT is for few shapes (MIOpen rocm-5.2.0 src/solver, convolution_fft.cpp).
 */
#define SOLVERS_COMMON (SOLVERS_direct | SOLVERS_winograd | SOLVERS_gemm)

static void put_names(char *out, size_t size, unsigned int mask)
{
	size_t n = 0;

	out[0] = 0;
	for (size_t i = 0; i < ARRAY_SIZE(families) && n < size; i++)
		if (mask & families[i].family)
			n += (size_t)snprintf(out + n, size - n, "%s%s", n ? ", " : "", families[i].name);
}

void variables__solvers_left(const struct machine *m, struct solvers_left *out)
{
	const struct machine_gpu *g = machine__gpu(m);
	unsigned int asked = machine__gfx_of_override(machine__override(m, g, NULL));
	char left[96];
	size_t n = 0;

	*out = (struct solvers_left){.gfx = asked ? asked : machine__gfx(g)};
	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		const char *value = machine__variable(m, families[i].variable);

		if (!value || !holds("0 disable disabled off no false", value)) {
			out->enabled |= families[i].family;
			continue;
		}
		n += (size_t)snprintf(out->disabled_by + n, sizeof(out->disabled_by) - n, "%s%s=%s",
				      n ? " " : "", families[i].variable, value);
		if (n >= sizeof(out->disabled_by))
			n = sizeof(out->disabled_by) - 1;
	}
	out->usable = out->enabled & SOLVERS_COMMON;
	out->only = machine__variable(m, "MIOPEN_DEBUG_FIND_ONLY_SOLVER");
	put_names(left, sizeof(left), out->enabled);
	if (out->enabled == SOLVERS_all)
		snprintf(out->text, sizeof(out->text), "all families of solvers are on");
	else if (!out->enabled)
		snprintf(out->text, sizeof(out->text),
			 "no family of solvers is left: every convolution fails as 'incorrect params' (miopenStatusUnknownError)");
	else if (!out->usable)
		snprintf(out->text, sizeof(out->text),
			 "only %s is left, which takes few layers on this chip: the others fail as 'incorrect params' "
			 "(miopenStatusUnknownError, convolutionocl.cpp:518)",
			 left);
	else
		snprintf(out->text, sizeof(out->text), "left: %s%s", left,
			 out->usable == SOLVERS_gemm ? "; a layer that rocBLAS fails at has no other way" : "");
	n = strlen(out->text);
	if (out->only && n < sizeof(out->text))
		snprintf(out->text + n, sizeof(out->text) - n, "; of direct, Winograd and implicit GEMM only %s is tried", out->only);
}
