/* SPDX-License-Identifier: MIT */
/* The report as text: what happened, for a person at a terminal. Judges nothing. */
#ifndef RDNA1_REPORT_TEXT_H
#define RDNA1_REPORT_TEXT_H

#include "../analysis/model.h"

struct text_options {
	unsigned int width; /* columns */
	bool all;	    /* every row, however many */
	bool recording;	    /* the trace is still being written */
};

void report_text(const struct model *m, const struct text_options *o, struct buf *b);

#endif
