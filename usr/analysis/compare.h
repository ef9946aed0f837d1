/* SPDX-License-Identifier: MIT */
/*
 * Two traces beside each other: what was asked for and how it was mapped, what ran, what went wrong, under which
 * settings. Addresses, process numbers and the order of things are not compared; times are added up, and differ in
 * any two runs. All that it needs of the model is in compare.c. Pure: prints nothing.
 */
#ifndef RDNA1_ANALYSIS_COMPARE_H
#define RDNA1_ANALYSIS_COMPARE_H

#include "model.h"

enum compare_part {
	COMPARE_findings, /* what the rules say: the caller's texts */
	COMPARE_end,	  /* how the program ended */
	COMPARE_faults,	  /* and hangs, resets, allocations that failed */
	COMPARE_settings, /* variables, options: the caller's texts */
	COMPARE_machine,  /* versions, the GPU: the caller's texts */
	COMPARE_memory,	  /* asked for through HSA, by class */
	COMPARE_types,	  /* the same by what it became: the driver's flags */
	COMPARE_buffers,  /* of the driver, by flags */
	COMPARE_kernels,
	COMPARE_code, /* code objects */
	COMPARE_PARTS,
};

/* What the caller knows of a side: a finding's state by its rule, a variable, a version. */
struct compare_text {
	enum compare_part part;
	char *name, *value;
};

struct compare_side {
	const struct model *model;
	const struct compare_text *texts;
	size_t num_texts;
};

enum compare_what {
	DETAIL_MAPPED, /* v[0] KFD_IOC_ALLOC_MEM_FLAGS_*, or COMPARE_NO_BUFFER; v[1] memory types, a bit each */
	DETAIL_SIZE,   /* v[0] bytes */
	DETAIL_GRID,   /* grid and workgroup, two to a word */
};
#define COMPARE_NO_BUFFER UINT64_MAX

struct compare_detail {
	enum compare_what what;
	uint64_t v[3];
	uint64_t count[2];
};

struct compare_item {
	enum compare_part part;
	char *name;
	bool there[2];
	char *text[2]; /* NULL without */
	bool counted;  /* count says something, and bytes, where there are any */
	uint64_t count[2], bytes[2];
	uint64_t timed[2], total_ns[2]; /* device times */
	VEC(struct compare_detail) details;
	bool differs; /* in anything but times */
};

struct compare {
	VEC(struct compare_item) items; /* by part, then as they first came */
	bool differ;
	bool emulated[2];
	unsigned int gfx[2];
	uint64_t lost[2]; /* events */
	bool end_known[2], failed[2]; /* a status that is not 0, a fault, a hang, a reset */
	/* inside */
	struct map detail_by_value;
};

void compare__make(struct compare *c, const struct compare_side *a, const struct compare_side *b);
void compare__free(struct compare *c);

const char *compare_part_name(enum compare_part p); /* "memory" */

#endif
