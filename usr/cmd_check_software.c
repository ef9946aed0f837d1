// SPDX-License-Identifier: MIT
/* rdna1-trace check: libraries, databases, python, and the environment. */
#include "cmd_check.h"
#include "analysis/versions.h"
#include "caps/caps.h"

#include <stdio.h>
#include <string.h>

#define MAX_VERDICTS 16

static const char *const where_names[] = {
	[WHERE_not_known] = "?",		[WHERE_ld_library_path] = "LD_LIBRARY_PATH",
	[WHERE_ld_cache] = "the loader's cache", [WHERE_rocm] = "/opt/rocm",
	[WHERE_torch] = "torch's own",		[WHERE_process] = "a process",
};

/* ---- libraries ---- */

static bool torch_has(const struct machine *m, const char *name)
{
	for (size_t i = 0; i < m->num_libraries; i++)
		if (m->libraries[i].where == WHERE_torch && !strcmp(m->libraries[i].name, name))
			return true;
	return false;
}

static void put_library(struct buf *b, const struct machine_library *x)
{
	buf__visible(b, x->path, strlen(x->path));
	if (x->rocm)
		buf__printf(b, ", ROCm %s", x->rocm);
	else if (x->version)
		buf__printf(b, ", version %s", x->version);
	buf__printf(b, " (%s)", where_names[x->where]);
}

static void one_library(struct check *c, const char *name, const char *what, bool needed)
{
	const struct machine_library *x = machine__library(c->m, name), *other = NULL;
	struct check_line *l;
	struct buf b = {0};

	for (size_t i = 0; !x && !other && i < c->m->num_libraries; i++)
		if (!strcmp(c->m->libraries[i].name, name) && c->m->libraries[i].where == WHERE_rocm)
			other = &c->m->libraries[i];
	if (x) {
		put_library(&b, x);
		check__add(c, JUDGED_ok, what, "%s", buf__str(&b));
	} else if (other) {
		l = check__add(c, JUDGED_problem, what, "is in %s, where the loader does not look", other->path);
		check__fix(l, "echo %.*s | sudo tee /etc/ld.so.conf.d/rocm.conf && sudo ldconfig",
			   (int)(strrchr(other->path, '/') - other->path), other->path);
	} else if (torch_has(c->m, name)) {
		check__add(c, JUDGED_ok, what, "torch brings its own; other programs find none");
	} else if (needed) {
		l = check__add(c, JUDGED_problem, what, "lib%s is not here: no ROCm program runs", name);
		check__fix(l, "sudo apt install libhsa-runtime64-1 libamdhip64-5   # Debian; else: https://rocm.docs.amd.com/projects/install-on-linux");
	} else {
		check__add(c, JUDGED_note, what, "lib%s is not here", name);
	}
	buf__free(&b);
}

/* Those torch brings, in one line: private copies that nothing else sees. */
static void torch_libraries(struct check *c)
{
	struct buf b = {0};
	const char *dir = NULL;

	for (size_t i = 0; i < c->m->num_libraries; i++) {
		const struct machine_library *x = &c->m->libraries[i];

		if (x->where != WHERE_torch || !strcmp(x->name, "drm_amdgpu"))
			continue;
		dir = x->path;
		buf__printf(&b, "%s%s", b.len ? ", " : "", x->name);
	}
	if (dir)
		check__add(c, JUDGED_ok, "torch/lib", "private copies of %s: torch runs on these, whatever the system has", b.s);
	buf__free(&b);
}

/* The chip that libraries are asked for. */
static unsigned int taken_for(const struct check *c)
{
	unsigned int asked = machine__gfx_of_override(machine__override(c->m, c->gpu, NULL));

	return asked ? asked : machine__gfx(c->gpu);
}

static void rocblas(struct check *c)
{
	char name[16], with_space[20], list[1024];

	if (!taken_for(c))
		return;
	machine__gfx_name(taken_for(c), name);
	for (size_t i = 0; i < c->m->num_libraries; i++) {
		const struct machine_library *x = &c->m->libraries[i];
		struct check_line *l;

		if (!x->chips || (!x->first && x->where != WHERE_torch))
			continue;
		snprintf(list, sizeof(list), "%s ", x->chips);
		snprintf(with_space, sizeof(with_space), "%s ", name);
		if (strstr(list, with_space)) {
			check__add(c, JUDGED_ok, "rocBLAS", "%s has kernels for %s", x->path, name);
			continue;
		}
		l = check__add(c, JUDGED_problem, "rocBLAS", "%s has no kernels for %s, only for %s: matrix products fail there", x->path,
			       name, x->chips);
		l->rule = "no-code-object";
		if (machine__gfx(c->gpu) != 100100 && strstr(list, "gfx1010 "))
			check__fix(l, "export HSA_OVERRIDE_GFX_VERSION=10.1.0   # code of the same generation (reported: rocBLAS #1331)");
		else
			check__fix(l, "install a rocBLAS with %s (reported: ROCm 6.2 and later, distributions' own builds)", name);
	}
}

/* ---- MIOpen's databases ---- */

/* gfx1030_18: the chip, and its CUs as HIP counts them, which on gfx10 are pairs (WGPs). */
static void databases(struct check *c)
{
	const struct machine_library *miopen = machine__library(c->m, "MIOpen");
	unsigned int gfx = taken_for(c), cus = c->gpu ? c->gpu->compute_units : 0;
	char name[16], wanted[32], as_cus[32];
	struct check_line *l;

	if (c->m->databases_known != KNOWN_YES || (!miopen && !torch_has(c->m, "MIOpen")) || !gfx)
		return;
	machine__gfx_name(gfx, name);
	snprintf(wanted, sizeof(wanted), "%s_%u", name, cus / 2);
	snprintf(as_cus, sizeof(as_cus), "%s_%u", name, cus);
	for (size_t i = 0; i < c->m->num_databases; i++) {
		const char *db = c->m->databases[i].name, *ends[] = {wanted, as_cus};
		size_t len = strlen(db);

		for (size_t k = 0; k < ARRAY_SIZE(ends); k++)
			if (!strncmp(db, ends[k], strlen(ends[k])) && db[strlen(ends[k])] == '.' && len > 4 && !strcmp(db + len - 4, ".kdb")) {
				check__add(c, JUDGED_ok, "MIOpen kernels", "%s", c->m->databases[i].path ?: db);
				return;
			}
	}
	l = check__add(c, JUDGED_note, "MIOpen kernels",
		       "no database %s.kdb (%zu others): MIOpen warns of it and compiles each kernel at its first use, which takes seconds and is no error",
		       wanted, c->m->num_databases);
	l->rule = "missing-kdb";
}

/* ---- python ---- */

static void torch_sees(struct check *c)
{
	const struct machine *m = c->m;
	unsigned int gfx = taken_for(c);

	if (m->python.has_torch != KNOWN_YES || !m->python.torch_hip || !c->gpu)
		return;
	if (c->gpu->in_kfd == KNOWN_YES && m->kfd.openable != KNOWN_NO && c->gpu->openable != KNOWN_NO)
		check__add(c, JUDGED_ok, "torch.cuda", "has what it needs to see %s as capability (%u, %u)", c->gpu->name ?: "the GPU",
			   gfx / 10000, gfx / 100 % 100);
	else
		check__add(c, JUDGED_problem, "torch.cuda", "cannot see the GPU: see the problems of GPU and Driver above");
}

static void python(struct check *c)
{
	const struct machine_python *p = &c->m->python;

	if (!p->path) {
		check__add(c, JUDGED_note, "python", "there is no python3 in PATH");
		return;
	}
	check__add(c, JUDGED_ok, "python", "%s%s%s%s%s%s%s", p->version ?: "version not known", ", ", p->path,
		   p->venv ? ", virtual environment " : "", p->venv ?: ", no virtual environment", p->others ? "; also in PATH: " : "",
		   p->others ?: "");
	if (p->has_torch == KNOWN_YES)
		check__add(c, JUDGED_ok, "torch", "%s%s%s in %s", p->torch, p->torch_hip ? ", HIP " : "", p->torch_hip ?: "",
			   p->torch_path ?: "?");
	else
		check__add(c, JUDGED_note, "torch", p->has_torch == KNOWN_NO ? "not installed for this python" : "not known: this python could not be asked");
	if (p->has_numpy == KNOWN_YES)
		check__add(c, JUDGED_ok, "numpy", "%s", p->numpy);
	else if (p->has_numpy == KNOWN_NO)
		check__add(c, JUDGED_note, "numpy", "not installed for this python");
}

static void versions(struct check *c)
{
	struct version_verdict v[MAX_VERDICTS];
	size_t n = versions__judge(c->m, v, MAX_VERDICTS);

	for (size_t i = 0; i < n; i++) {
		struct check_line *l = check__add(c, v[i].judgement, "versions", "%s", v[i].text);

		l->reported = v[i].reported;
		l->rule = v[i].rule;
		if (v[i].todo[0])
			check__fix(l, "%s", v[i].todo);
	}
}

void check__software(struct check *c)
{
	c->section = "ROCm";
	one_library(c, "hsa-runtime64", "HSA runtime", true);
	one_library(c, "amdhip64", "HIP", true);
	one_library(c, "MIOpen", "MIOpen", false);
	one_library(c, "rocblas", "rocBLAS", false);
	torch_libraries(c);
	rocblas(c);
	databases(c);
	c->section = "Python";
	python(c);
	torch_sees(c);
	versions(c);
}

/* ---- environment ---- */

static void solvers(struct check *c)
{
	struct solvers_left s;
	struct check_line *l;

	variables__solvers_left(c->m, &s);
	if (s.enabled == SOLVERS_all)
		return;
	l = check__add(c, s.usable ? JUDGED_note : JUDGED_problem, "MIOpen solvers", "%s (off by %s)", s.text, s.disabled_by);
	l->rule = s.usable ? "variables" : "no-solver";
	if (!s.usable)
		check__fix(l, "unset MIOPEN_DEBUG_CONV_{DIRECT,GEMM,WINOGRAD,IMPLICIT_GEMM,FFT}");
}

void check__environment(struct check *c)
{
	const struct machine *m = c->m;
	size_t judged = 0;

	c->section = "Environment";
	for (size_t i = 0; i < m->num_variables; i++) {
		const struct machine_variable *x = &m->variables[i];
		struct variable_verdict v;
		struct check_line *l;
		char *name;

		if (variables__judge(x->name, x->value, m, &v))
			continue;
		judged++;
		name = xasprintf("%s%s%s", x->name, x->value ? "=" : "", x->value ?: "");
		l = check__add(c, v.judgement, name, "%s", v.text);
		l->rule = v.rule;
		if (v.todo[0])
			check__fix(l, "%s", v.todo);
		free(name);
	}
	if (!judged)
		check__add(c, JUDGED_ok, "variables", "none of ROCm's, MIOpen's or PyTorch's is set");
	solvers(c);
}
