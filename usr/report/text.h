/* SPDX-License-Identifier: MIT */
/* The report as text: what happened, for a person at a terminal. Judges nothing. */
#ifndef RDNA1_REPORT_TEXT_H
#define RDNA1_REPORT_TEXT_H

#include "../analysis/model.h"

struct text_options {
	unsigned int width; /* columns */
	bool all;	    /* every row, however many */
	bool recording;	    /* the trace is still being written */
	const char *dir;    /* of the trace, as the user calls it */
};

void report_text(const struct model *m, const struct text_options *o, struct buf *b);

/* What a damaged trace lacks. dir NULL: no word of how to recover it; sep stands before that word. */
bool is_torn(const struct trace_stats *st);
void report_torn(const struct trace_stats *st, const char *dir, const char *sep, struct buf *b);

#endif
