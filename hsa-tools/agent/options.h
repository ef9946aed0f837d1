/* SPDX-License-Identifier: MIT */
/* RDNA1_TRACE_OPTIONS: what the user asks of the agent. Read once, at OnLoad. */
#ifndef RDNA1_AGENT_OPTIONS_H
#define RDNA1_AGENT_OPTIONS_H

#include "override_rules.h"

#include <stdbool.h>
#include <stdint.h>

enum code_choice { CODE_USED, CODE_ALL, CODE_OFF };
enum hang_choice { ON_HANG_REPORT, ON_HANG_ABORT, ON_HANG_SIGNAL };
enum fallback_choice { FALLBACK_OFF, FALLBACK_AUTO, FALLBACK_NATIVE, FALLBACK_HOST };

struct options {
	uint64_t buffer_bytes; /* ring mode; 0: append */
	bool callsite;	       /* look for the caller outside ROCm's libraries */
	bool intercept;	       /* read packets through ROCr's intercept queue */
	uint32_t timing_every; /* device time of every N-th dispatch; 0 of none */
	enum code_choice code;
	uint32_t watchdog_ms; /* 0: none */
	enum hang_choice on_hang;
	int on_hang_signal; /* ON_HANG_SIGNAL */
	bool on_hang_given;
	enum fallback_choice fallback;
	bool replace_hazardous;
	char quarantine[4096];	  /* the file, or "off"; "": where it usually is */
	char scanner[4096];	  /* the command that finds hazards; "" none */
	char replace[16384];	  /* rules of replace=, one to a line */
	uint64_t late_free_bytes; /* 0: frees are not delayed */
	struct override_rules override;
	char override_refused[256]; /* why its rules are not in force; "" */
	char override_text[256];    /* those, cut */
	char dir[4096];		    /* "" when not given */
};

/* text: NULL for none. What is not understood is said on stderr and left at its default. */
void options_parse(struct options *o, const char *text);

#endif
