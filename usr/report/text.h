/* SPDX-License-Identifier: MIT */
/* The report as text: what happened, for a person at a terminal. Judges nothing. */
#ifndef RDNA1_REPORT_TEXT_H
#define RDNA1_REPORT_TEXT_H

#include "../analysis/findings.h"

/* What the recorder found of a process that did not get the agent. */
struct why_agentless {
	uint32_t pid;
	const char *why;
};

struct text_options {
	unsigned int width; /* columns */
	bool all;	    /* every row, however many */
	bool brief;	    /* without the tables */
	bool recording;	    /* the trace is still being written */
	const char *dir;    /* of the trace, as the user calls it */
	const struct why_agentless *agentless;
	size_t num_agentless;
};

/* f NULL: nothing was judged. */
void report_text(const struct model *m, const struct findings *f, const struct text_options *o, struct buf *b);

/* Verdict, findings, incidents, ladder. */
void report_json(const struct model *m, const struct findings *f, struct buf *b);
/* All that is known of an address at a time (0: the end). False: nothing is. */
bool report_address(const struct model *m, const struct findings *f, uint64_t va, uint64_t ts_ns, struct buf *b);

/* What a damaged trace lacks. dir NULL: no word of how to recover it; sep stands before that word. */
bool is_torn(const struct trace_stats *st);
void report_torn(const struct trace_stats *st, const char *dir, const char *sep, struct buf *b);

/* What ring mode removed, where it did, as a line. begin_ns: of the recording. */
void report_ring(const struct accounts *a, const struct trace_stats *st, uint64_t begin_ns,
		 struct buf *b);

#endif
