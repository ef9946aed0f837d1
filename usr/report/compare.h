/* SPDX-License-Identifier: MIT */
/* Two traces beside each other, as text and as JSON. */
#ifndef RDNA1_REPORT_COMPARE_H
#define RDNA1_REPORT_COMPARE_H

#include "../analysis/compare.h"

struct compare_options {
	size_t unkept; /* variables that are set in both, whose values traces do not keep */
	const char *names[2]; /* the traces, as the user calls them */
	unsigned int width;   /* columns */
	bool all;	      /* what is alike, too */
};

/* What differs first, then what is alike in a line each. */
void report_compare(const struct compare *c, const struct compare_options *o, struct buf *b);
void report_compare_json(const struct compare *c, const struct compare_options *o, struct buf *b);

#endif
