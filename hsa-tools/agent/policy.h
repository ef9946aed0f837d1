/* SPDX-License-Identifier: MIT */
/*
 * What the user wants done about kernels: rules of --replace, the quarantine (--fallback=auto),
 * verdicts on hazards (--replace-hazardous), all of a known family (--fallback=native, host). Says
 * what is wanted; whether it can be is steer.c's business.
 */
#ifndef RDNA1_AGENT_POLICY_H
#define RDNA1_AGENT_POLICY_H

#include "agent.h"
#include "../conv/conv.h"

/* A rule of --replace, 'PATTERN=TARGET'. */
struct policy_rule {
	const char *asked; /* as it was given */
	uint32_t number;   /* from 1 */
	uint16_t action;   /* enum ev_steer_action */
	char pattern[256]; /* a glob of kernel names; of code objects: the beginning of a digest */
	bool by_code;	   /* "sha256:..." */
	char file[4096];   /* STEER_ACTION_file */
	char symbol[256];  /* in it; "": the program's kernel's own name, or the only one */
	const char *fault; /* why it is not in force; NULL: it is */
};

enum { MOST_PROBLEMS = 16 }; /* of a kernel; with more, all its dispatches are meant */

/* What is wanted for one kernel. */
struct wanted {
	uint16_t action, why; /* enum ev_steer_action, _why; action 0: nothing */
	uint32_t rule;
	const struct policy_rule *file; /* STEER_ACTION_file: whose */
	bool or_host;			/* where native cannot be, the host will do */
	uint32_t num_problems;		/* only dispatches that compute one of these; 0: all */
	char problems[MOST_PROBLEMS][160];
	char reason[256]; /* the entry, the verdict, the rule */
};

/* A kernel as policy sees it. code: digest in hex, "" not known. */
struct subject {
	const char *name, *code;
	const struct conv_family *family; /* NULL: of none that is known */
	const char *chip;		  /* of the device, as the driver knows it */
};

/*
 * Read options and quarantine, once; says on stderr what is not understood. Returns whether
 * anything may ever be wanted.
 */
bool policy_read(void);
/* Some kernel may have to be computed on the host: for that, queues are made otherwise. */
bool policy_may_host(void);
/* What of it is in force, as events. */
void policy_record(struct thread *t);
/* A rule that turned out to be of no use; reason: for good. */
void policy_fault(struct thread *t, const struct policy_rule *r, const char *reason);

void policy_for(const struct subject *s, struct wanted *w);

/* hazard.c: have a code object judged, if it has not been. Waits for it: not on the doorbell path.
 */
void hazard_ask(struct thread *t, const struct code *code, const char *hex);

/* A freed buffer was used: frees are to be late. */
bool policy_late_free(void);
/* Path of the quarantine; NULL: there is none, or it is switched off. */
const char *policy_quarantine(void);

#endif
