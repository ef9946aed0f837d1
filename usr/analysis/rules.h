/* SPDX-License-Identifier: MIT */
/*
 * Inside of the rules: what each is given, and how it says what it found. For rules_*.c only;
 * others see findings.h.
 */
#ifndef RDNA1_ANALYSIS_RULES_H
#define RDNA1_ANALYSIS_RULES_H

#include "findings.h"
#include "incidents.h"

#include <inttypes.h>

struct scan_kernel;

struct judge {
	const struct model *m;
	const struct evidence_of_machine *e;
	struct findings *f;
	const struct rule *rule; /* that is running */
	unsigned int silicon;	 /* gfx_target_version of the chip, emulated or not; 0 not known, or
				    they differ */
};

/* A finding of the running rule; takes over `what`. Valid until the next one. */
struct finding *judge__add(struct judge *j, enum finding_state state, char *what);
/* The same, and which recording would decide it (borrowed). */
struct finding *judge__undecided(struct judge *j, const char *what, const char *decide);
/* An event that shows it; takes over text. */
void finding__prove(struct finding *x, uint64_t ts_ns, const char *event, char *text);
/* All of the incident's. */
void finding__prove_by(struct finding *x, const struct incident *i);
/* Takes over remedy. */
void finding__remedy(struct finding *x, char *remedy);

/* Findings about this failure. */
struct finding *judge__about(struct judge *j, enum finding_state state, char *what,
			     const struct incident *x);

/* The i-th incident that is looked at; NULL past the last. More than MAX_INCIDENTS say nothing new.
 */
#define MAX_INCIDENTS 16
const struct incident *judge__get(const struct judge *j, size_t i);
/* The first incident of the class; NULL without. */
const struct incident *judge__incident(const struct judge *j, enum incident_class class);
/* The same of a process. */
const struct incident *judge__of(const struct judge *j, uint32_t pid, enum incident_class class);
/* What stopped the run first: an address, an instruction, a queue, a hang; NULL: nothing did. */
const struct incident *judge__first(const struct judge *j);

/* Whether the kernel where it failed is another chip's code. */
bool code__foreign(const struct judge *j, const struct incident *x);
/* What the scan says of a kernel; NULL: it was not scanned. */
const struct scan_kernel *code__scanned(const struct judge *j, uint32_t pid, uint64_t object);

/* What is said of things, to be freed. */
char *say__short(const char *s, size_t head,
		 size_t tail); /* so many bytes of both ends, whole characters */
char *say__name(
	const char *kernel); /* of a kernel, its middle left out where it is long; NULL: unknown */
char *say__kernel(const struct incident *x); /* "kernel foo", "a kernel of unknown name" */
/* A variable as the runtime of the process read it; NULL: not set there, or not known. */
const char *judge__variable(const struct judge *j, uint32_t pid, const char *name);
/* Whether gfx10.1's documented bugs are the chip's. */
bool judge__rdna1(const struct judge *j);

char *say__alloc(const struct model *m,
		 const struct alloc *a); /* "the 441 KiB at 0x7f.. (GPU coarse)" */
char *say__bytes(uint64_t n);
char *say__duration(uint64_t ns);
char *say__gfx(unsigned int gfx_target_version); /* "gfx1010" */

#define RULE(function, id, severity, title, needs, decides, remedy, source)                        \
	void rule_##function(struct judge *j);
#define GROUP(title)
#include "rules.def"

#endif
