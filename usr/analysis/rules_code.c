// SPDX-License-Identifier: MIT
/* Code: for which chip, by which compiler, and what a scan of it says. */
#include "rules.h"
#include "families.h"
#include "../decode/print.h"
#include "../../hsa-tools/isa/scan/scan.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

static const struct code_facts *code_of(const struct judge *j, uint32_t pid, uint64_t object)
{
	const struct kernel_facts *k = model__kernel_facts(j->m, pid, object);

	return k ? model__code(j->m, k->sha256) : NULL;
}

static const struct scanned *scan_of(const struct judge *j, const uint8_t sha256[32])
{
	for (size_t i = 0; i < j->e->num_scanned; i++)
		if (!memcmp(j->e->scanned[i].sha256, sha256, 32))
			return &j->e->scanned[i];
	return NULL;
}

/* "gfx1030" of "amdgcn-amd-amdhsa--gfx1030:xnack-"; to be freed. NULL where it says none. */
static char *chip_of(const char *target)
{
	const char *gfx = target ? strstr(target, "gfx") : NULL;

	return gfx ? xasprintf("%.*s", (int)strcspn(gfx, ":"), gfx) : NULL;
}

/* "AMD clang version 15.0.0" of .comment, which has a text of each tool; to be freed. NULL without
 * clang. */
static char *compiler_of(const char *comment)
{
	const char *at = comment ? strstr(comment, "clang version") : NULL;
	const char *begin = at;

	while (begin && begin > comment && !strchr(";(", begin[-1]))
		begin--;
	begin = begin ? begin + strspn(begin, " ") : NULL;
	return at ? xasprintf("%.*s", (int)(at - begin) + (int)strcspn(at, ";("), begin) : NULL;
}

/* Of the digest, what tells code objects apart. */
static void put_digest(struct buf *b, const uint8_t sha256[32])
{
	buf__hex(b, sha256, 6);
}

struct code_sum {
	size_t foreign, elsewhere, native, unknown; /* kernels that ran */
	char *chip;			 /* of the first foreign one */
};

static bool is_foreign(const struct judge *j, const struct code_facts *c, char **chip)
{
	char *silicon = say__gfx(j->silicon);
	bool foreign;

	*chip = chip_of(c->target);
	foreign = *chip && strcmp(*chip, silicon) &&
		  !(judge__rdna1(j) && !strcmp(*chip, "gfx10-1-generic"));
	free(silicon);
	return foreign;
}

bool code__foreign(const struct judge *j, const struct incident *x)
{
	const struct code_facts *c = j->silicon && x->object ? code_of(j, x->pid, x->object) : NULL;
	char *chip = NULL;
	bool foreign = c && is_foreign(j, c, &chip);

	free(chip);
	return foreign;
}

static void prove_kernel(struct finding *f, const struct kernel_sum *k, const char *name,
			 const struct code_facts *c, const char *chip)
{
	char *compiler = compiler_of(c->compiler), *said = say__name(name);
	struct buf b = {0};

	buf__printf(&b, "kernel %s: %" PRIu64 " dispatch%s, built for %s", said, k->count,
		    k->count == 1 ? "" : "es", chip);
	free(said);
	if (compiler)
		buf__printf(&b, " by %s", compiler);
	free(compiler);
	buf__puts(&b, ", code object ");
	put_digest(&b, c->sha256);
	finding__prove(f, k->first_ns, "dispatch", b.s);
}

/* All its dispatches ran as other code, or on the host. */
static bool went_elsewhere(const struct model *m, const struct kernel_sum *k)
{
	return steering__elsewhere(&m->steering, k->pid, k->object) >= k->count;
}

void rule_foreign(struct judge *j)
{
	const struct model *m = j->m;
	struct code_sum sum = {0};
	struct finding *f = NULL;
	char *silicon;

	for (size_t i = 0; i < m->kernel_sums.n; i++) {
		const struct kernel_sum *k = &m->kernel_sums.v[i];
		const struct code_facts *c = code_of(j, k->pid, k->object);
		char *chip = NULL;

		if (went_elsewhere(m, k)) {
			sum.elsewhere++;
			continue;
		}
		if (!c || !j->silicon) {
			sum.unknown++;
			continue;
		}
		if (!is_foreign(j, c, &chip)) {
			*(chip ? &sum.native : &sum.unknown) += 1;
			free(chip);
			continue;
		}
		sum.foreign++;
		if (!f)
			f = judge__add(j, FINDING_CONFIRMED, NULL);
		prove_kernel(f, k, model__kernel(m, k->pid, k->object), c, chip);
		if (!sum.chip)
			sum.chip = chip;
		else
			free(chip);
	}
	silicon = say__gfx(j->silicon);
	if (f && !judge__rdna1(j))
		finding__remedy(f, xasprintf("use code built for %s", silicon));
	if (f)
		f->what = xasprintf("%zu kernel%s that ran %s built for %s, and the chip is a %s",
				    sum.foreign, sum.foreign == 1 ? "" : "s",
				    sum.foreign == 1 ? "was" : "were", sum.chip, silicon);
	else if (sum.native)
		judge__add(
			j, FINDING_RULED_OUT,
			sum.unknown
				? xasprintf("%zu kernels that ran were built for the chip, %s; of "
					    "%zu it is not known",
					    sum.native, silicon, sum.unknown)
				: xasprintf("the %zu kernel%s that ran %s built for the chip, %s",
					    sum.native, sum.native == 1 ? "" : "s",
					    sum.native == 1 ? "was" : "were", silicon));
	else if (sum.elsewhere && !sum.unknown)
		judge__add(j, FINDING_RULED_OUT,
			   xstrdup("no kernel of the program's ran on the chip: all went elsewhere (see what was steered)"));
	else if (m->num_dispatches)
		judge__undecided(
			j,
			j->silicon ? "for which chip the kernels were built is not known"
				   : "which chip they ran on is not known, or there are several",
			j->silicon ? "the agent with --trace defaults: it reads code objects as "
				     "they are loaded"
				   : "the machine's facts: sudo rdna1-trace -- COMMAND");
	free(silicon);
	free(sum.chip);
}

/* ---- what the scan says ---- */

struct hazards {
	size_t kernels, with; /* that ran and were scanned; that have some */
	uint64_t sites[SCAN_NUM_HAZARDS];
	uint64_t v_cmpx;
	size_t not_scanned, native, unknown, elsewhere;
	const char *why;
};

const struct scan_kernel *code__scanned(const struct judge *j, uint32_t pid, uint64_t object)
{
	const struct kernel_facts *k = model__kernel_facts(j->m, pid, object);
	const char *name = model__kernel(j->m, pid, object);
	const struct scanned *s = k && name ? scan_of(j, k->sha256) : NULL;

	for (size_t i = 0; s && s->object && i < s->object->num_kernels; i++)
		if (!strcmp(s->object->kernels[i].name, name))
			return &s->object->kernels[i];
	return NULL;
}

/* "4 vcmpx-exec-war, 2 inst-fwd-prefetch" */
static void put_sites(struct buf *b, const uint64_t sites[SCAN_NUM_HAZARDS])
{
	bool first = true;

	for (int h = 0; h < SCAN_NUM_HAZARDS; h++) {
		if (!sites[h] || h == SCAN_VCMPX_EXEC_WAR_ACO)
			continue;
		buf__printf(b, "%s%" PRIu64 " %s", first ? "" : ", ", sites[h], scan_classes[h].id);
		if (h == SCAN_VCMPX_EXEC_WAR && sites[SCAN_VCMPX_EXEC_WAR_ACO] != sites[h])
			buf__printf(b, " (%" PRIu64 " by Mesa's definition)",
				    sites[SCAN_VCMPX_EXEC_WAR_ACO]);
		first = false;
	}
}

static void take_kernel(struct judge *j, struct hazards *h, struct finding **f,
			const struct kernel_sum *k, const struct scan_kernel *s)
{
	const struct incident *first = judge__first(j);
	struct buf b = {0};
	char *name;

	h->kernels++;
	h->v_cmpx += s->counts.v_cmpx;
	for (int c = 0; c < SCAN_NUM_HAZARDS; c++)
		h->sites[c] += s->counts.hazard[c];
	if (!scan_counts__hazards(&s->counts))
		return;
	h->with++;
	if (!f)
		return;
	if (!*f)
		*f = judge__add(j, FINDING_POSSIBLE, NULL);
	name = say__name(s->name);
	buf__printf(&b, "%s%s: ", name,
		    first && first->pid == k->pid && first->object == k->object
			    ? " (where it failed)"
			    : "");
	put_sites(&b, s->counts.hazard);
	free(name);
	finding__prove(*f, k->first_ns, "dispatch", b.s);
	for (size_t i = 0; i < s->num_sites && i < 1; i++)
		finding__prove(*f, 0, NULL,
			       xasprintf("%s: at 0x%" PRIx64 " %s%s%s",
					 scan_classes[s->sites[i].hazard].id, s->sites[i].va,
					 s->sites[i].text, s->sites[i].from_text ? " after " : "",
					 s->sites[i].from_text ? s->sites[i].from_text : ""));
}

/* f NULL: counts alone. */
static void scan_kernels(struct judge *j, struct hazards *h, struct finding **f)
{
	const struct model *m = j->m;

	for (size_t i = 0; i < m->kernel_sums.n; i++) {
		const struct kernel_sum *k = &m->kernel_sums.v[i];
		const struct code_facts *c = code_of(j, k->pid, k->object);
		const struct scanned *s = c ? scan_of(j, c->sha256) : NULL;
		const struct scan_kernel *sk = code__scanned(j, k->pid, k->object);
		char *chip = NULL;

		if (went_elsewhere(m, k)) {
			h->elsewhere++;
			continue;
		}
		if (!c || !is_foreign(j, c, &chip)) {
			*(chip ? &h->native : &h->unknown) += 1;
			free(chip);
			continue;
		}
		free(chip);
		if (sk) {
			take_kernel(j, h, f, k, sk);
			continue;
		}
		h->not_scanned++;
		h->why = s && s->why	 ? s->why
			 : j->e->no_scan ? j->e->no_scan
					 : "its code object is not in the trace";
	}
}

void rule_hazard(struct judge *j)
{
	struct hazards h = {0};
	struct finding *f = NULL;
	struct buf b = {0};

	if (!judge__rdna1(j))
		return; /* other chips have other bugs */
	scan_kernels(j, &h, &f);
	if (f) {
		buf__printf(&b, "%zu of %zu kernels that ran as another chip's code: ", h.with,
			    h.kernels + h.not_scanned);
		put_sites(&b, h.sites);
		if (h.not_scanned)
			buf__printf(&b, "; %zu not scanned: %s", h.not_scanned, h.why);
		if (j->m->emulated)
			buf__puts(&b,
				  "; the emulated device does not have these bugs, a card does");
		f->what = b.s;
		return;
	}
	if (h.not_scanned || (h.unknown && !h.kernels && h.native))
		judge__undecided(
			j, h.why ? h.why : "for which chip some kernels were built is not known",
			"a trace with code objects (the default), read where libamd-comgr2 is "
			"installed");
	else if (h.kernels)
		judge__add(j, FINDING_RULED_OUT,
			   xasprintf("%zu kernel%s of another chip's code scanned, no such place",
				     h.kernels, h.kernels == 1 ? "" : "s"));
	else if (h.elsewhere && h.native + h.elsewhere == j->m->kernel_sums.n)
		judge__add(j, FINDING_RULED_OUT,
			   xstrdup("no kernel of another chip's code ran on the chip: what there was went elsewhere"));
	else if (h.native == j->m->kernel_sums.n && h.native)
		judge__add(j, FINDING_RULED_OUT,
			   xstrdup("the kernels were built for this chip: compilers treat its "
				   "hazards then (assembly by hand is not "
				   "looked at: rdna1-trace scan DIR)"));
}

/* ---- which compiler ---- */

/* 15 of "AMD clang version 15.0.0 (...)"; 0 when it says none. */
static unsigned int clang_version(const char *compiler)
{
	const char *at = compiler ? strstr(compiler, "clang version ") : NULL;

	return at ? (unsigned int)strtoul(at + strlen("clang version "), NULL, 10) : 0;
}

/* LLVM uses v_cmpx so for these alone. */
static bool is_gfx103(const char *chip)
{
	return !strncmp(chip, "gfx103", 6) || !strcmp(chip, "gfx10-3-generic");
}

void rule_compiler(struct judge *j)
{
	const struct model *m = j->m;
	unsigned int newest = 0;
	const char *of_newest = NULL;
	struct hazards h = {0};
	struct finding *f;
	char *compiler;

	for (size_t i = 0; i < m->kernel_sums.n && judge__rdna1(j); i++) {
		const struct kernel_sum *k = &m->kernel_sums.v[i];
		const struct code_facts *c = code_of(j, k->pid, k->object);
		char *chip = NULL;
		unsigned int v = c && !went_elsewhere(m, k) && is_foreign(j, c, &chip) && is_gfx103(chip)
					 ? clang_version(c->compiler)
					 : 0;

		free(chip);
		if (!v)
			continue;
		if (v > newest) {
			newest = v;
			of_newest = c->compiler;
		}
	}
	if (!newest)
		return;
	scan_kernels(j, &h, NULL);
	if (newest < 15) {
		f = judge__add(
			j, FINDING_RULED_OUT,
			xasprintf("another chip's code, by clang %u: from before v_cmpx (LLVM 15)",
				  newest));
	} else {
		compiler = compiler_of(of_newest);
		f = judge__add(
			j, FINDING_POSSIBLE,
			xasprintf("another chip's code by a compiler that uses v_cmpx for it: %s",
				  compiler));
		free(compiler);
	}
	if (h.kernels)
		finding__prove(f, 0, NULL,
			       xasprintf("%" PRIu64 " v_cmpx in %zu kernels that ran", h.v_cmpx,
					 h.kernels));
}

/* ---- no code at all ---- */

/* hsa.h */
#define STATUS_INCOMPATIBLE_ARGUMENTS 0x100d
#define STATUS_INVALID_ISA_NAME 0x1012
#define STATUS_INVALID_ISA 0x100f

static bool no_code_by_loads(struct judge *j)
{
	const struct model *m = j->m;
	struct finding *f = NULL;

	for (size_t i = 0; i < m->agent.failed_loads.n; i++) {
		const struct failed_load *l = &m->agent.failed_loads.v[i];
		struct buf b = {0};

		if (l->status != STATUS_INCOMPATIBLE_ARGUMENTS &&
		    l->status != STATUS_INVALID_ISA_NAME && l->status != STATUS_INVALID_ISA)
			continue;
		print_value(&b, PRINT_HSA_STATUS, (uint64_t)l->status, false);
		if (!f)
			f = judge__add(j, FINDING_POSSIBLE,
				       xasprintf("%" PRIu64
						 " code object%s could not be loaded: %s",
						 l->count, l->count == 1 ? "" : "s", b.s));
		finding__prove(f, l->ts_ns, "code_object", b.s);
		if (m->num_dispatches)
			f->severity = SEVERITY_note; /* others were, and ran */
	}
	return f;
}

/* HIP looks for code of the chip before anything is loaded, and aborts. */
void rule_no_code(struct judge *j)
{
	const struct model *m = j->m;

	if (no_code_by_loads(j))
		return;

	for (size_t i = 0; i < m->processes.n; i++) {
		const struct process *p = &m->processes.v[i];
		bool loaded = false;
		struct finding *f;

		if (!p->agent || !p->exited || !WIFSIGNALED(p->status) ||
		    WTERMSIG(p->status) != SIGABRT)
			continue;
		for (size_t k = 0; k < m->agent.code.n; k++)
			loaded |= m->agent.code.v[k].pid == p->pid;
		for (size_t k = 0; k < j->f->incidents.n; k++)
			loaded |= j->f->incidents.v[k].pid == p->pid;
		if (loaded)
			continue;
		f = judge__add(j, FINDING_POSSIBLE,
			       xasprintf("process %u aborted before any code was loaded: HIP does "
					 "so when a program has none for "
					 "this chip (hipErrorNoBinaryForGpu)",
					 p->pid));
		finding__prove(f, p->end_ns, "proc_exit", xstrdup("its end"));
		finding__remedy(f, xasprintf("rdna1-trace scan %s lists the chips it has code for",
					     p->exe ? p->exe : "PROGRAM"));
		return;
	}
}
