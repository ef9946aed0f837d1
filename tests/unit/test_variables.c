// SPDX-License-Identifier: MIT
/* What variables, module parameters and versions are judged to do, on machines made up here. */
#include "t.h"
#include "../../usr/analysis/parameters.h"
#include "../../usr/analysis/variables.h"
#include "../../usr/analysis/versions.h"
#include "../../usr/base/buf.h"
#include "../../usr/caps/pci_ids.h"

#include <errno.h>

static const struct machine_gpu rx5600 = {.name = "AMD Radeon RX 5600 XT", .gfx_target_version = 100100,
					  .device_id = 0x731f, .in_kfd = KNOWN_YES, .node = 1, .compute_units = 36};

/* A line of a profile, and what is to come out for it. */
struct expected {
	const char *name, *value;
	enum judgement judgement;
	enum variable_effect effect;
	const char *words; /* in the text */
	const char *rule;
};

static struct machine machine_of(const struct expected *lines, size_t n, struct machine_variable *room)
{
	for (size_t i = 0; i < n; i++)
		room[i] = (struct machine_variable){lines[i].name, lines[i].value};
	return (struct machine){.gpus = &rx5600, .num_gpus = 1, .variables = room, .num_variables = n,
				.environment_known = KNOWN_YES};
}

static void judge_lines(const char *what, const struct expected *lines, size_t n)
{
	struct machine_variable room[32];
	struct machine m = machine_of(lines, n, room);
	struct variable_verdict v;

	for (size_t i = 0; i < n; i++) {
		const struct expected *e = &lines[i];
		bool good = !variables__judge(e->name, e->value, &m, &v) && v.judgement == e->judgement &&
			    v.effect == e->effect && strstr(v.text, e->words) && (!e->rule || !strcmp(v.rule, e->rule));

		CHECK(good);
		if (!good)
			printf("%s: %s=%s: %d %s: %s (%s)\n", what, e->name, e->value, v.judgement,
			       variable_effect__name(v.effect), v.text, v.rule ? v.rule : "-");
	}
}

/* /etc/profile.d/rocm-rdna1-57.sh of the final summary */
static const struct expected summary[] = {
	{"HSA_OVERRIDE_GFX_VERSION", "10.3.0", JUDGED_problem, VARIABLE_acts, "foreign", "foreign-code"},
	{"PYTORCH_ROCM_ARCH", "gfx1030", JUDGED_note, VARIABLE_build_time, "read by builds", NULL},
	{"MIOPEN_DEBUG_CONV_GEMM", "1", JUDGED_note, VARIABLE_no_effect, "does nothing", NULL},
	{"MIOPEN_DEBUG_CONV_IMPLICIT_GEMM", "0", JUDGED_note, VARIABLE_acts, "switches off", NULL},
	{"MIOPEN_DEBUG_CONV_WINOGRAD", "0", JUDGED_note, VARIABLE_acts, "switches off", NULL},
	{"MIOPEN_DEBUG_CONV_DIRECT", "0", JUDGED_note, VARIABLE_acts, "switches off", NULL},
	{"MIOPEN_DEBUG_CONV_FFT", "0", JUDGED_note, VARIABLE_acts, "switches off", NULL},
	{"MIOPEN_FIND_MODE", "NORMAL", JUDGED_note, VARIABLE_acts, "timed", NULL},
	{"MIOPEN_FIND_ENFORCE", "NONE", JUDGED_ok, VARIABLE_no_effect, "default", NULL},
	{"MIOPEN_DISABLE_CACHE", "0", JUDGED_ok, VARIABLE_no_effect, "on without", NULL},
	{"HIP_FORCE_COARSE_GRAIN", "1", JUDGED_note, VARIABLE_absent, "nothing reads it", "variables"},
	{"HSA_ENABLE_SDMA", "0", JUDGED_note, VARIABLE_acts, "by kernels", NULL},
	{"HSA_USE_SVM", "0", JUDGED_ok, VARIABLE_acts, "managed memory", NULL},
	{"HSA_XNACK", "0", JUDGED_ok, VARIABLE_no_effect, "off on gfx10", NULL},
	{"MIOPEN_LOG_LEVEL", "3", JUDGED_note, VARIABLE_diagnostic, "hides", NULL},
	{"HIP_VISIBLE_DEVICES", "0", JUDGED_ok, VARIABLE_acts, "HIP sees", NULL},
};

/* /etc/profile.d/rocm-rdna1.sh of the README; PATH is none of ours */
static const struct expected readme[] = {
	{"ROCM_PATH", "/opt/rocm-5.2.0", JUDGED_ok, VARIABLE_build_time, "compilers", NULL},
	{"HSA_OVERRIDE_GFX_VERSION", "10.3.0", JUDGED_problem, VARIABLE_acts, "gfx1030", "foreign-code"},
	{"MIOPEN_DEBUG_CONV_IMPLICIT_GEMM", "1", JUDGED_note, VARIABLE_no_effect, "does nothing", "variables"},
	{"LD_LIBRARY_PATH", "/opt/rocm-5.2.0/lib", JUDGED_ok, VARIABLE_acts, "torch's wheels load their own", NULL},
};

/* what the blocker note and the complete summary tried */
static const struct expected tried[] = {
	{"MIOPEN_FIND_MODE", "1", JUDGED_note, VARIABLE_acts, "timed", NULL},
	{"MIOPEN_DEBUG_DISABLE_FIND_DB", "1", JUDGED_note, VARIABLE_diagnostic, "cures no error", NULL},
	{"MIOPEN_FIND_ENFORCE", "3", JUDGED_problem, VARIABLE_acts, "not immediate mode", "exhaustive-search"},
	{"HSA_ENABLE_SDMA", "0", JUDGED_note, VARIABLE_acts, "by kernels", NULL},
	{"HIP_VISIBLE_DEVICES", "0", JUDGED_ok, VARIABLE_acts, "HIP sees", NULL},
	{"HSA_FORCE_FINE_GRAIN_PCIE", "1", JUDGED_note, VARIABLE_opposite, "the opposite", NULL},
	{"HSA_FORCE_FINE_GRAIN", "0", JUDGED_note, VARIABLE_absent, "nothing reads it", NULL},
	{"MIOPEN_DEBUG_DISABLE_CACHE", "1", JUDGED_note, VARIABLE_absent, "MIOPEN_DISABLE_CACHE", NULL},
	{"MIOPEN_DEBUG_FIND_DB", "0", JUDGED_note, VARIABLE_absent, "MIOPEN_DEBUG_DISABLE_FIND_DB", NULL},
	{"HSA_DISABLE_CACHE", "1", JUDGED_note, VARIABLE_diagnostic, "MTYPE UC", NULL},
	{"MIOPEN_FIND_MODE", "4", JUDGED_note, VARIABLE_no_effect, "reserved", NULL},
	{"MIOPEN_FIND_MODE", "immediate", JUDGED_note, VARIABLE_no_effect, "no mode", NULL},
	{"MIOPEN_FIND_ENFORCE", "search", JUDGED_problem, VARIABLE_acts, "exhaustive", "exhaustive-search"},
	{"MIOPEN_FIND_ENFORCE", "9", JUDGED_note, VARIABLE_no_effect, "no value", NULL},
	{"MIOPEN_DEBUG_CONV_DIRECT", "maybe", JUDGED_note, VARIABLE_no_effect, "no value", NULL},
	{"MIOPEN_DEBUG_CONV_DIRECT", "Disable", JUDGED_note, VARIABLE_acts, "switches off", NULL},
	{"HIP_VISIBLE_DEVICES", "1", JUDGED_problem, VARIABLE_acts, "not here", NULL},
	{"ROCR_VISIBLE_DEVICES", "0,1", JUDGED_ok, VARIABLE_acts, "the HSA runtime sees", NULL},
	{"HIP_VISIBLE_DEVICES", "", JUDGED_problem, VARIABLE_acts, "sees no GPU", NULL},
	{"HSA_TOOLS_ROCPROFILER_V1_TOOLS", "0", JUDGED_problem, VARIABLE_acts, "agent", "no-agent"},
};

static void test_rows(void)
{
	const struct variable *row;
	struct variable_verdict v;

	for (size_t i = 0; (row = variables__row(i)); i++) {
		CHECK(row->source && row->source[0] && row->what[0] && row->takes[0]);
		CHECK(variables__find(row->name) == row || strchr(row->name, '#')); /* once each */
		CHECK(!variables__judge(row->name, NULL, NULL, &v) || strchr(row->name, '#'));
	}
	CHECK(variables__find("HSA_OVERRIDE_GFX_VERSION_1") && !variables__find("HSA_OVERRIDE_GFX_VERSION_x") &&
	      !variables__find("HSA_OVERRIDE_GFX_VERSION_"));
	CHECK_EQ(variables__judge("EDITOR", "vi", NULL, &v), -ENOENT);
}

static void test_names(void)
{
	struct variable_verdict v;

	CHECK(!variables__judge("HSA_OVERIDE_GFX_VERSION", "10.3.0", NULL, &v) && v.effect == VARIABLE_not_known && !v.row);
	CHECK_STR(v.near ? v.near : "", "HSA_OVERRIDE_GFX_VERSION");
	CHECK(!variables__judge("MIOPEN_CONV_GEMM", "0", NULL, &v));
	CHECK_STR(v.near ? v.near : "", "MIOPEN_DEBUG_CONV_GEMM");
	CHECK(!variables__judge("MIOPEN_SOMETHING_ELSE_ENTIRELY", "0", NULL, &v) && !v.near && strstr(v.text, "not known to us"));
}

static void judge_override(const char *value, unsigned int real, enum judgement j, const char *words)
{
	struct machine_gpu g = {.gfx_target_version = real, .in_kfd = KNOWN_YES, .node = 1};
	struct machine m = {.gpus = &g, .num_gpus = real != 0};
	struct variable_verdict v;

	CHECK(!variables__judge("HSA_OVERRIDE_GFX_VERSION", value, &m, &v));
	CHECK_EQ(v.judgement, j);
	if (!strstr(v.text, words))
		CHECK_STR(v.text, words);
}

static void test_override(void)
{
	judge_override("10.3.0", 100100, JUDGED_problem, "taken for a gfx1030");
	judge_override("10.1.0", 100100, JUDGED_ok, "is what the card is");
	judge_override("10.1.0", 100102, JUDGED_note, "reported");
	judge_override("10.1.1", 100100, JUDGED_problem, "foreign"); /* dot instructions */
	judge_override("10.1.2", 100101, JUDGED_note, "reported");
	judge_override("11.0.0", 100100, JUDGED_problem, "foreign");
	judge_override("10.3.0", 100300, JUDGED_ok, "is what the card is");
	judge_override("10.3.0", 100302, JUDGED_problem, "gfx1032 is taken for a gfx1030");
	judge_override("10.3.0", 0, JUDGED_note, "not known");
	judge_override("10.3", 100100, JUDGED_problem, "MAJOR.MINOR.STEP");
	judge_override("10.3.0 ", 100100, JUDGED_problem, "MAJOR.MINOR.STEP");
	judge_override("gfx1030", 100100, JUDGED_problem, "MAJOR.MINOR.STEP");
	CHECK_EQ(machine__gfx_of_override("10.3.6"), 100306);
}

static void test_solvers(void)
{
	static const struct expected none[] = {{"MIOPEN_DEBUG_CONV_GEMM", "0", 0, 0, 0, 0},
					       {"MIOPEN_DEBUG_CONV_WINOGRAD", "0", 0, 0, 0, 0},
					       {"MIOPEN_DEBUG_CONV_DIRECT", "0", 0, 0, 0, 0},
					       {"MIOPEN_DEBUG_CONV_FFT", "0", 0, 0, 0, 0}};
	struct machine_variable room[32];
	struct machine m = machine_of(none, ARRAY_SIZE(none), room);
	struct solvers_left s;

	variables__solvers_left(&m, &s);
	CHECK_EQ(s.enabled, SOLVERS_implicit_gemm);
	CHECK(!s.usable && s.gfx == 100100 && strstr(s.text, "incorrect params") && strstr(s.disabled_by, "MIOPEN_DEBUG_CONV_FFT=0"));
	m = machine_of(summary, ARRAY_SIZE(summary), room);
	variables__solvers_left(&m, &s);
	CHECK(s.enabled == SOLVERS_gemm && s.usable == SOLVERS_gemm && s.gfx == 100300);
	m = machine_of(readme, ARRAY_SIZE(readme), room);
	variables__solvers_left(&m, &s);
	CHECK(s.enabled == SOLVERS_all && !s.disabled_by[0] && !s.only);
	CHECK(!variables__exhaustive_search(&m));
	m = machine_of(tried, ARRAY_SIZE(tried), room);
	CHECK(variables__exhaustive_search(&m));
}

static void test_parameters(void)
{
	const struct parameter *row;
	struct parameter_verdict v;

	for (size_t i = 0; (row = parameters__row(i)); i++)
		CHECK(row->source[0] && row->text[0] && row->defaults[0] && parameters__find(row->name) == row);
	CHECK(!parameters__judge("mtype_local", "1", &v) && !v.is_default && v.effect == VARIABLE_no_effect && v.judgement == JUDGED_note);
	CHECK(!parameters__judge("mtype_local", NULL, &v) && v.judgement == JUDGED_ok);
	CHECK(!parameters__judge("noretry", "4294967295", &v) && v.is_default);
	CHECK(!parameters__judge("noretry", "0", &v) && strstr(v.text, "-1 comes to"));
	CHECK(!parameters__judge("cwsr_enable", "0", &v) && v.judgement == JUDGED_problem && v.todo[0]);
	CHECK_EQ(parameters__judge("virtual_display", "x", &v), -ENOENT);
}

static bool says(const struct version_verdict *v, size_t n, const char *words, bool reported)
{
	for (size_t i = 0; i < n; i++)
		if (strstr(v[i].text, words) && v[i].reported == reported)
			return true;
	return false;
}

static void test_versions(void)
{
	struct machine m = {.rocm = "5.2.0", .gpus = &rx5600, .num_gpus = 1};
	const struct machine_library mixed[] = {
		{.name = "hsa-runtime64", .path = "/a", .rocm = "5.7.0", .first = true},
		{.name = "amdhip64", .path = "/b", .rocm = "5.2.0", .first = true},
	};
	struct version_verdict v[16];
	const struct reported *r;
	const struct version_claim *c;
	size_t n;

	for (size_t i = 0; (r = versions__reported(i)); i++)
		CHECK(r->rocm && r->torch && r->result[0] && r->where[0]);
	for (size_t i = 0; (c = versions__claim(i)); i++)
		CHECK(c->claim[0] && c->known[0] && c->source[0]);
	m.python = (struct machine_python){.version = "3.12.3", .torch = "2.2.2+rocm5.7", .torch_hip = "5.7.31921", .numpy = "2.1.0",
					   .has_torch = KNOWN_YES, .has_numpy = KNOWN_YES};
	n = versions__judge(&m, v, ARRAY_SIZE(v));
	CHECK(says(v, n, "NumPy 1", false) && says(v, n, "memory errors", true) && says(v, n, "brings its own ROCm 5.7", false));
	CHECK(!says(v, n, "'incorrect params'", true));
	CHECK_EQ(versions__judge(&m, v, 1), 1);
	m.python = (struct machine_python){.version = "3.10.19", .torch = "1.13.1+rocm5.2", .torch_hip = "5.2", .numpy = "1.26.4",
					   .has_torch = KNOWN_YES, .has_numpy = KNOWN_YES};
	n = versions__judge(&m, v, ARRAY_SIZE(v));
	CHECK(says(v, n, "all sizes work", true) && says(v, n, "'incorrect params' in training", true) && !says(v, n, "NumPy 1", false));
	m.python.torch = "2.4.0";
	m.python.torch_hip = NULL;
	n = versions__judge(&m, v, ARRAY_SIZE(v));
	CHECK(says(v, n, "not a build for ROCm", false));
	m.libraries = mixed;
	m.num_libraries = 2;
	n = versions__judge(&m, v, ARRAY_SIZE(v));
	CHECK(says(v, n, "would load both", false));
	CHECK(machine__compare_versions("1.13.1+rocm5.2", "2.0") < 0 && machine__compare_versions("2.0", "2.0.0") == 0 &&
	      machine__compare_versions("5.10", "5.9") > 0 && machine__compare_versions("", "") == 0);
}

static void test_cards(void)
{
	CHECK_STR(caps_pci__find(0x731f, 0xca)->name, "AMD Radeon RX 5600 XT");
	CHECK(caps_pci__find(0x731f, 0x77) && !caps_pci__find(0x731f, 0x77)->name);
	CHECK_EQ(caps_pci__find(0x7312, CAPS_ANY_REV)->gfx_target_version, 100100);
	CHECK_EQ(caps_pci__find(0x7360, 0xc3)->gfx_target_version, 100101);
	CHECK_EQ(caps_pci__find(0x734f, 0)->gfx_target_version, 100102);
	CHECK(!caps_pci__find(0x73bf, 0xc1));
}

int main(void)
{
	test_rows();
	judge_lines("final summary", summary, ARRAY_SIZE(summary));
	judge_lines("README", readme, ARRAY_SIZE(readme));
	judge_lines("tried", tried, ARRAY_SIZE(tried));
	test_names();
	test_override();
	test_solvers();
	test_parameters();
	test_versions();
	test_cards();
	END_TESTS;
}
