/* SPDX-License-Identifier: MIT */
/*
 * A trace directory, read and judged: the model, what session.json says of the machine, a scan of
 * the code objects that bear on it, the findings. For report, compare and pack.
 */
#ifndef RDNA1_CMD_JUDGE_H
#define RDNA1_CMD_JUDGE_H

#include "analysis/findings.h"
#include "analysis/machine.h"
#include "record/value.h"

struct judged {
	struct model model;
	struct findings findings;
	struct json_t
		*session; /* the recorder's session.json, or an agent's; NULL: there is none */
	bool recording;	  /* it still grows */
	struct machine
		merged; /* machine, with the environment as the program's own runtime read it */
	/* inside */
	struct machine *machine;
	struct machine_variable *variables;
	struct code *code;
};

/* NULL after saying what is wrong on stderr. */
struct judged *judged__open(const char *dir);
void judged__free(struct judged *j); /* NULL is fine */

#endif
