// SPDX-License-Identifier: MIT
/* MIOpen and configuration: the environment, module parameters, libraries, versions. */
#include "rules.h"
#include "machine.h"
#include "parameters.h"
#include "variables.h"
#include "versions.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- no solver ---- */

static bool is_find(const struct conv_call *c)
{
	return !strncmp(c->text, "miopenFind", 10) || strstr(c->text, "GetSolution");
}

static void add_disabled(struct judge *j, struct finding *f)
{
	struct solvers_left left;

	if (!j->e->machine || j->e->machine->environment_known != KNOWN_YES)
		return;
	variables__solvers_left(j->e->machine, &left);
	f->state = left.disabled_by[0] ? FINDING_CONFIRMED : FINDING_POSSIBLE;
	if (left.disabled_by[0]) {
		finding__prove(f, 0, NULL, xasprintf("switched off: %s", left.disabled_by));
		finding__remedy(f, xstrdup("unset these variables"));
	} else {
		finding__remedy(f, xstrdup("nothing was switched off: MIOPEN_LOG_LEVEL=6 says why "
					   "each solver refuses this shape"));
	}
	if (left.text[0])
		finding__prove(f, 0, NULL, xstrdup(left.text));
}

static bool no_solver_by_calls(struct judge *j)
{
	const struct model *m = j->m;
	struct finding *f = NULL;

	for (size_t i = 0; i < m->calls.convs.n; i++) {
		const struct conv_call *c = &m->calls.convs.v[i];

		if (!is_find(c) || !strstr(c->status, "miopenStatusUnknownError"))
			continue;
		if (!f)
			f = judge__add(j, FINDING_POSSIBLE,
				       xasprintf("no solver gave a result: %s returned %s", c->text,
						 c->status));
		finding__prove(f, 0, "api_call",
			       xasprintf("%s = %s, %" PRIu64 " time%s", c->text, c->status,
					 c->count, c->count == 1 ? "" : "s"));
	}
	if (f)
		add_disabled(j, f);
	return f;
}

static bool convolutions_ran(const struct model *m)
{
	for (size_t i = 0; i < m->calls.convs.n; i++)
		if (is_find(&m->calls.convs.v[i]) &&
		    !m->calls.convs.v[i].status[0]) /* no word of it: success */
			return true;
	return false;
}

static bool has_miopen(const struct model *m)
{
	for (size_t i = 0; i < m->agent.libraries.n; i++)
		if (strstr(m->agent.libraries.v[i].path, "libMIOpen"))
			return true;
	return false;
}

/* It ended with an error, and no failure of the GPU was seen. */
static bool miopen_failed(const struct judge *j)
{
	return has_miopen(j->m) && j->m->ended && j->m->status && !judge__first(j);
}

void rule_no_solver(struct judge *j)
{
	struct solvers_left left = {0};
	struct finding *f;

	if (no_solver_by_calls(j))
		return;
	if (convolutions_ran(j->m)) {
		judge__add(j, FINDING_RULED_OUT,
			   xstrdup("MIOpen's find calls returned miopenStatusSuccess"));
		return;
	}
	if (j->e->machine && j->e->machine->environment_known == KNOWN_YES)
		variables__solvers_left(j->e->machine, &left);
	if (left.usable || !left.disabled_by[0] || !has_miopen(j->m)) {
		if (miopen_failed(j) && !j->m->calls.convs.n) {
			f = judge__undecided(j,
					     "MIOpen was loaded and the program failed; what its "
					     "calls returned was not recorded",
					     "sudo rdna1-trace --trace=default,miopen -- COMMAND; "
					     "rdna1-trace explain 'MESSAGE' reads "
					     "its message");
			if (left.disabled_by[0])
				finding__prove(f, 0, NULL,
					       xasprintf("switched off: %s", left.disabled_by));
		}
		return;
	}
	f = judge__add(j, FINDING_POSSIBLE,
		       xasprintf("the environment leaves MIOpen no solver for common layers: %s",
				 left.disabled_by));
	finding__prove(f, 0, NULL, xstrdup(left.text));
	f->decide = xstrdup("MIOpen's calls: --trace=miopen");
	finding__remedy(f, xstrdup("unset these variables"));
}

void rule_missing_kdb(struct judge *j)
{
	const struct machine *m = j->e->machine;
	const struct machine_gpu *g = m ? machine__gpu(m) : NULL;
	const char *override = m ? machine__override(m, g, NULL) : NULL;
	unsigned int gfx = override ? machine__gfx_of_override(override) : machine__gfx(g);
	struct finding *f;
	char name[16], *file;

	if (!m || !g || !gfx || m->databases_known != KNOWN_YES ||
	    (!machine__library(m, "MIOpen") && !has_miopen(j->m)))
		return;
	machine__gfx_name(gfx, name);
	/* HIP counts workgroup processors on gfx10 and later, of two compute units each: gfx1030_18 for 36 (docs/investigation.md). */
	file = xasprintf("%s_%u.kdb", name, gfx >= 100000 ? g->compute_units / 2 : g->compute_units);
	for (size_t i = 0; i < m->num_databases; i++)
		if (!strcmp(m->databases[i].name, file)) {
			free(file);
			return;
		}
	f = judge__add(
		j, FINDING_CONFIRMED,
		xasprintf(
			"no %s among MIOpen's system databases: kernels are compiled at first use",
			file));
	free(file);
	for (size_t i = 0; i < m->num_databases && i < 4; i++)
		finding__prove(f, 0, NULL, xasprintf("there is %s", m->databases[i].path));
}

/* ---- the environment ---- */

/* The launcher sets it for a rule of --override, which does what it is for. */
static bool is_for_override(const struct model *m, const char *name)
{
	const struct policy *p;

	if (strcmp(name, "HSA_FORCE_FINE_GRAIN_PCIE"))
		return false;
	for (size_t i = 0; i < m->policies.list.n; i++) {
		const char *target;

		p = &m->policies.list.v[i];
		target = strrchr(p->asked, ':');
		if (p->kind == POLICY_KIND_override && p->state == POLICY_STATE_on && target &&
		    !strcmp(target, ":fine"))
			return true;
	}
	return false;
}

void rule_variables(struct judge *j)
{
	const struct machine *m = j->e->machine;
	struct finding *f = NULL;
	size_t odd = 0;

	if (!m || m->environment_known != KNOWN_YES) {
		if (accounts__sum(&j->m->accounts, SOURCE_agent).seen)
			judge__undecided(j, "the environment of the program was not recorded",
					 "session.json beside the trace");
		return;
	}
	for (size_t i = 0; i < m->num_variables; i++) {
		const struct machine_variable *v = &m->variables[i];
		struct variable_verdict x;

		if (variables__judge(v->name, v->value, m, &x) ||
		    (x.effect != VARIABLE_no_effect && x.effect != VARIABLE_opposite &&
		     x.effect != VARIABLE_absent && x.effect != VARIABLE_not_known &&
		     x.judgement != JUDGED_problem))
			continue;
		/* What has a rule of its own is said there. */
		if ((x.rule && strcmp(x.rule, "variables")) || is_for_override(j->m, v->name))
			continue;
		odd++;
		if (!f) {
			f = judge__add(j, FINDING_CONFIRMED, NULL);
			f->severity = SEVERITY_note;
		}
		if (x.judgement == JUDGED_problem)
			f->severity = SEVERITY_warning;
		finding__prove(f, 0, NULL,
			       xasprintf("%s=%s (%s): %s", v->name, v->value ? v->value : "?",
					 variable_effect__name(x.effect), x.text));
	}
	if (f)
		f->what = xasprintf("%zu variable%s not do what %s set for", odd,
				    odd == 1 ? " does" : "s do", odd == 1 ? "it is" : "they are");
}

void rule_search(struct judge *j)
{
	const struct machine *m = j->e->machine;
	struct finding *f;

	if (!m || !variables__exhaustive_search(m))
		return;
	f = judge__add(j, FINDING_CONFIRMED,
		       xasprintf("MIOPEN_FIND_ENFORCE=%s: every solver is tuned for every shape",
				 machine__variable(m, "MIOPEN_FIND_ENFORCE")));
	if (judge__incident(j, INCIDENT_HANG))
		finding__prove(
			f, 0, NULL,
			xstrdup("it is no explanation of this hang: a kernel had begun and stood"));
}

void rule_parameters(struct judge *j)
{
	const struct machine *m = j->e->machine;
	struct finding *f = NULL;
	size_t n = 0;

	for (size_t i = 0; m && i < m->num_parameters; i++) {
		const struct machine_parameter *p = &m->parameters[i];
		struct parameter_verdict x;

		if (parameters__judge(p->name, p->value, &x) || x.is_default ||
		    x.judgement == JUDGED_ok)
			continue;
		n++;
		if (!f)
			f = judge__add(j, FINDING_CONFIRMED, NULL);
		finding__prove(f, 0, NULL,
			       xasprintf("amdgpu.%s=%s: %s", p->name, p->value, x.text));
	}
	if (f)
		f->what = xasprintf("%zu parameter%s of amdgpu %s set", n, n == 1 ? "" : "s",
				    n == 1 ? "is" : "are");
}

/* ---- versions ---- */

static void add_versions(struct judge *j, const char *rule)
{
	struct version_verdict out[16];
	size_t n = j->e->machine ? versions__judge(j->e->machine, out, ARRAY_SIZE(out)) : 0;

	for (size_t i = 0; i < n; i++) {
		struct finding *f;

		if (strcmp(out[i].rule, rule) || out[i].judgement == JUDGED_ok)
			continue;
		f = judge__add(j, out[i].reported ? FINDING_POSSIBLE : FINDING_CONFIRMED,
			       xasprintf("%s%s", out[i].reported ? "reported: " : "", out[i].text));
		f->severity = out[i].judgement == JUDGED_problem ? SEVERITY_error : SEVERITY_note;
		if (out[i].todo[0])
			finding__remedy(f, xstrdup(out[i].todo));
	}
}

struct release {
	unsigned int major, minor;
};

/*
 * The release of ROCm that a library is of, by its file: AMD's packages end their versions in 50203
 * for 5.2.3 and lie in /opt/rocm-5.2.3; 0 where the name says neither.
 */
static struct release release_of(const char *path)
{
	const char *at = strstr(path, "/rocm-"), *dot = strrchr(path, '.');
	struct release r = {0};
	unsigned long n;

	if (at && sscanf(at, "/rocm-%u.%u", &r.major, &r.minor) == 2)
		return r;
	n = dot && strstr(path, ".so.") ? strtoul(dot + 1, NULL, 10) : 0;
	if (n >= 40000 && n < 200000)
		r = (struct release){(unsigned int)(n / 10000), (unsigned int)(n / 100 % 100)};
	return r;
}

static const char *file_of(const struct rocm_library *l)
{
	return strcmp(l->real_path, "-") ? l->real_path : l->path;
}

static void put_release(struct buf *b, const struct rocm_library *l, struct release r)
{
	const char *slash = strrchr(file_of(l), '/');

	buf__printf(b, "%s of ROCm %u.%u", slash ? slash + 1 : file_of(l), r.major, r.minor);
}

/* The first library of each process whose release is known. */
struct first_library {
	uint32_t pid;
	const struct rocm_library *library;
	struct release release;
	size_t alike;
};

static struct first_library *first_of(struct first_library *list, size_t n, uint32_t pid)
{
	for (size_t i = 0; i < n; i++)
		if (list[i].pid == pid)
			return &list[i];
	return NULL;
}

static void say_mixed(struct judge *j, struct finding **f, const struct first_library *first,
		      const struct rocm_library *l, struct release r)
{
	struct buf b = {0};

	put_release(&b, first->library, first->release);
	buf__puts(&b, " and ");
	put_release(&b, l, r);
	buf__puts(&b, " in one process");
	if (!*f)
		*f = judge__add(j, FINDING_CONFIRMED, xstrdup(b.s));
	buf__free(&b);
	finding__prove(*f, l->ts_ns, "rocm_library", xstrdup(file_of(l)));
	finding__prove(*f, first->library->ts_ns, "rocm_library", xstrdup(file_of(first->library)));
}

#define MAX_PROCESSES 64 /* whose libraries are compared */

/* Of what was mapped into one process. */
static bool mixed_in_process(struct judge *j)
{
	const struct model *m = j->m;
	struct first_library list[MAX_PROCESSES], *first;
	struct finding *f = NULL;
	size_t n = 0, alike = 0;

	for (size_t i = 0; i < m->agent.libraries.n; i++) {
		const struct rocm_library *l = &m->agent.libraries.v[i];
		struct release r = release_of(file_of(l));

		if (!r.major)
			continue;
		first = first_of(list, n, l->pid);
		if (!first && n < MAX_PROCESSES)
			list[n++] =
				(struct first_library){.pid = l->pid, .library = l, .release = r};
		else if (first &&
			 (first->release.major != r.major || first->release.minor != r.minor))
			say_mixed(j, &f, first, l, r);
		else
			alike += first != NULL;
	}
	if (!f && alike)
		judge__add(
			j, FINDING_RULED_OUT,
			xasprintf(
				"%zu libraries whose release is known are each of their process's",
				alike + n));
	return m->agent.libraries.n;
}

void rule_mixed(struct judge *j)
{
	if (!mixed_in_process(j))
		add_versions(j, "mixed-rocm");
}

void rule_versions(struct judge *j)
{
	/* What is said of wheels is for those who have one. */
	if (j->e->machine && j->e->machine->python.has_torch == KNOWN_YES)
		add_versions(j, "versions");
}
