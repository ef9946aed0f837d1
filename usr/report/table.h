/* SPDX-License-Identifier: MIT */
/*
 * A table of text, aligned, that fits a width: columns of low priority are left out where it is
 * narrow, and flexible columns are cut, the widest first.
 */
#ifndef RDNA1_REPORT_TABLE_H
#define RDNA1_REPORT_TABLE_H

#include "../base/buf.h"

/* Most columns say false or true. */
enum column_cut { CUT_NEVER, CUT_END, CUT_MIDDLE };

struct column {
	const char *title;
	bool right;		  /* aligned right */
	enum column_cut flexible; /* whether, and where, its cells may be cut */
	unsigned int wide;	  /* shown only where at least this many columns are there */
};

struct table {
	const struct column *columns;
	unsigned int num_columns;
	VEC(char *) cells; /* rows of num_columns */
};

/* Append a cell; takes over s. */
void table__cell(struct table *t, char *s);
void table__cellf(struct table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Render to b, each line indented by two, no longer than width; frees the cells. */
void table__render(struct table *t, struct buf *b, unsigned int width);

/*
 * Append the lines of text, each broken at spaces where it is wider than width; but for those that begin with
 * WRAP_NOT, which is left out: commands, that could not be pasted in pieces.
 */
#define WRAP_NOT "\r"
void wrap_lines(struct buf *b, const char *text, unsigned int width);

#endif
