// SPDX-License-Identifier: MIT
#include "versions.h"
#include "../base/buf.h"
#include "../caps/caps.h"

#include <stdio.h>
#include <string.h>

#define README "the notes' README, Failed Configurations Tested and Previous Attempts"
#define SUMMARY "the notes' Final Investigation Summary, November 8"
#define COMPLETE "the notes' Complete Investigation Summary"
#define BLOCKER "the notes' Critical Blocker, November 9"

static const struct reported reports[] = {
	{"5.7", "2.2.2+rocm5.7", "3.12", NULL, "hangs above 42x42", false, README, NULL},
	{"6.2.4", "2", "3.12", NULL, "hangs", false, README, NULL},
	{"5.2", "2.2.2+rocm5.7", "3.12", NULL, "memory errors (0x29)", false, README,
	 "BREAKTHROUGH.md of the same notes says of this pair that all sizes pass"},
	{"5.2", "2.2.2+rocm5.7", "3.12", "MIOPEN_DEBUG_CONV_IMPLICIT_GEMM=1", "memory errors (0x29)",
	 false, README, "the variable does nothing"},
	{"5.2", "1.13.1+rocm5.2", "3.12", NULL, "cannot be installed", false, README,
	 "there is no wheel of torch 1.13.1 for Python 3.12"},
	{"5.2", "1.13.1+rocm5.2", "3.10", "MIOPEN_DEBUG_CONV_IMPLICIT_GEMM=1", "all sizes work", true,
	 README, "the variable does nothing; a later note tells of 'incorrect params' on the same versions"},
	{"5.2", "1.13.1+rocm5.2", "3.10", NULL, "'incorrect params' in training", false, BLOCKER,
	 "no solver was left: variables, kernel database or workspace"},
	{"5.7", "2.2.2+rocm5.7", NULL, "families switched off but GEMM",
	 "small layers work, 16 channels and more above 32x32 hang", false, SUMMARY, NULL},
	{"7.0", "2.5.1+rocm6.2", NULL, NULL, "crashes (0x29)", false, COMPLETE, NULL},
	{"5.2", "1.13.1+rocm5.2", NULL, "HSA_OVERRIDE_GFX_VERSION=10.3.0", "works", true,
	 "ROCm issue 2527", NULL},
	{"5.2", "2", NULL, "PyTorch built with ROCm 5.2", "works", true, "pytorch issue 106728",
	 "ROCm 5.2's compiler is clang 14, which makes no v_cmpx for gfx1030"},
};

const struct reported *versions__reported(size_t i)
{
	return i < ARRAY_SIZE(reports) ? &reports[i] : NULL;
}

static const struct version_claim claims[] = {
	{"ROCm 5.2 has full RDNA1 support, 6.0 removed it",
	 "no release supported RDNA1; rocBLAS has code for gfx1010 from 6.2 on",
	 "ROCm issue 2527 (jamesxu2); rocBLAS 4.2 release notes"},
	{"0x29 comes from PyTorch and ROCm of different versions",
	 "unproven: wheels load the ROCm libraries they bring, whatever /opt/rocm has",
	 "torch/lib in rocBLAS issue 1339, pytorch issue 96964"},
	{"ROCm 5.2 is of May 2023, 5.3 of October 2023; MIOpen 2.16",
	 "June 28 and September 30, 2022; MIOpen 2.17.0", "tags rocm-5.2.0, rocm-5.3.0"},
	{"the RX 5600 XT is gfx1030", "it is gfx1010 (PCI 1002:731f)",
	 "Linux amdgpu_drv.c, KFD topology"},
	{"gfx1030_40.kdb was missed on an RX 5600 XT",
	 "its 36 CUs are 18 WGPs: gfx1030_18 is what MIOpen looks for there", "MIOpen db_path, handlehip.cpp"},
};

const struct version_claim *versions__claim(size_t i)
{
	return i < ARRAY_SIZE(claims) ? &claims[i] : NULL;
}

/* ---- judging ---- */

/* "5.2" of "5.2.3-1"; 5.20 does not begin with 5.2. */
static bool begins(const char *version, const char *prefix)
{
	size_t len = strlen(prefix);

	return version && !strncmp(version, prefix, len) &&
	       !(version[len] >= '0' && version[len] <= '9');
}

struct list {
	struct version_verdict *v;
	size_t n, max;
};

static struct version_verdict *add(struct list *l, const char *rule, enum judgement judgement)
{
	static struct version_verdict spare;
	struct version_verdict *v = l->n < l->max ? &l->v[l->n++] : &spare;

	*v = (struct version_verdict){.rule = rule, .judgement = judgement};
	return v;
}

/* "5.2" of "1.13.1+rocm5.2" */
static const char *rocm_of_torch(const char *torch)
{
	const char *plus = torch ? strstr(torch, "+rocm") : NULL;

	return plus ? plus + 5 : NULL;
}

/* torch 1.13 has wheels for Python 3.7 to 3.10 (3.11 for the CPU only); NumPy 2 came after torch 2.2. */
static void judge_python(const struct machine_python *p, struct list *l)
{
	struct version_verdict *v;

	if (p->has_torch == KNOWN_YES && p->torch && machine__compare_versions(p->torch, "2.3") < 0 &&
	    p->numpy && machine__compare_versions(p->numpy, "2") >= 0) {
		v = add(l, "versions", JUDGED_problem);
		snprintf(v->text, sizeof(v->text), "torch %s was built against NumPy 1 and cannot use NumPy %s",
			 p->torch, p->numpy);
		snprintf(v->todo, sizeof(v->todo), "%s -m pip install 'numpy<2'", p->path ?: "python3");
	}
	if (p->has_torch == KNOWN_YES && p->torch && !rocm_of_torch(p->torch) && !p->torch_hip) {
		v = add(l, "versions", JUDGED_problem);
		snprintf(v->text, sizeof(v->text), "torch %s is not a build for ROCm: it sees no AMD GPU", p->torch);
		snprintf(v->todo, sizeof(v->todo),
			 "install a build for ROCm: a distribution's (apt-cache search python3-torch-rocm), or a wheel "
			 "(https://pytorch.org/get-started/previous-versions)");
	}
	if (p->has_torch != KNOWN_YES && p->version && machine__compare_versions(p->version, "3.11") >= 0) {
		v = add(l, "versions", JUDGED_note);
		snprintf(v->text, sizeof(v->text), "Python %s: torch 1.13.1+rocm5.2 has wheels for 3.7 to 3.10 only", p->version);
	}
}

/* Of one release: HIP, HSA and MIOpen that a program gets by name. */
static void judge_mixed(const struct machine *m, struct list *l)
{
	const struct machine_library *first = NULL;

	for (size_t i = 0; i < m->num_libraries; i++) {
		const struct machine_library *x = &m->libraries[i];
		struct version_verdict *v;

		if (!x->first || !x->rocm || x->where == WHERE_torch)
			continue;
		if (!first)
			first = x;
		if (begins(x->rocm, first->rocm) || begins(first->rocm, x->rocm) ||
		    !machine__compare_versions(x->rocm, first->rocm))
			continue;
		v = add(l, "mixed-rocm", JUDGED_problem);
		snprintf(v->text, sizeof(v->text), "lib%s is of ROCm %s (%s), lib%s of ROCm %s (%s): one program would load both",
			 first->name, first->rocm, first->path ?: "?", x->name, x->rocm, x->path ?: "?");
		snprintf(v->todo, sizeof(v->todo), "take one of them out of LD_LIBRARY_PATH or of /etc/ld.so.conf.d (then: sudo ldconfig)");
		return;
	}
}

static void judge_reported(const struct machine *m, struct list *l)
{
	const struct machine_python *p = &m->python;
	const char *own = rocm_of_torch(p->torch), *rocm = m->rocm ?: own;
	const struct machine_gpu *g = machine__gpu(m);
	unsigned int gfx = machine__gfx(g);

	if (gfx && (gfx < CAPS_RDNA1_FIRST || gfx > CAPS_RDNA1_LAST))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(reports); i++) {
		const struct reported *r = &reports[i];
		struct version_verdict *v;

		if (!p->torch || !rocm || !begins(p->torch, r->torch) || !begins(rocm, r->rocm) ||
		    (r->python && !begins(p->version, r->python)))
			continue;
		v = add(l, "versions", JUDGED_note);
		v->reported = true;
		snprintf(v->text, sizeof(v->text), "reported of ROCm %s, torch %s%s%s%s%s: %s (%s)%s%s", r->rocm, r->torch,
			 r->python ? ", Python " : "", r->python ?: "", r->with ? ", " : "", r->with ?: "",
			 r->result, r->where, r->verdict ? "; but " : "", r->verdict ?: "");
	}
}

size_t versions__judge(const struct machine *m, struct version_verdict *out, size_t max)
{
	struct list l = {out, 0, max};
	const char *own = rocm_of_torch(m->python.torch);

	judge_python(&m->python, &l);
	judge_mixed(m, &l);
	if (own && m->rocm && !begins(m->rocm, own)) {
		struct version_verdict *v = add(&l, "mixed-rocm", JUDGED_note);

		snprintf(v->text, sizeof(v->text),
			 "torch brings its own ROCm %s; the %s of the system is not what it runs on. Both in one process is "
			 "what LD_LIBRARY_PATH or LD_PRELOAD can make of it",
			 own, m->rocm);
	}
	judge_reported(m, &l);
	return l.n;
}
