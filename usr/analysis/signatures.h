/* SPDX-License-Identifier: MIT */
/*
 * Error messages, by their text: what HSA, HIP, MIOpen, rocBLAS, PyTorch, pip and the kernel write when
 * something goes wrong on a GPU, what each of them means, which readings of it go round and are wrong, and
 * the rule that decides what was behind it in a trace. One line in, the messages in it out, with the numbers
 * that stand in them. Pure: no I/O; the rows are signatures.def. For `rdna1-trace explain`.
 */
#ifndef RDNA1_ANALYSIS_SIGNATURES_H
#define RDNA1_ANALYSIS_SIGNATURES_H

#include "../base/buf.h"

#define SIGNATURE_PATTERNS 16
#define SIGNATURE_WRONG 5
#define SIGNATURE_RULES 8
#define SIGNATURE_VALUES 8

/* A reading of a message that goes round, and what is wrong with it. */
struct wrong_reading {
	const char *claim, *truth;
};

struct signature {
	const char *id, *title;
	/*
	 * Lower case, and matched in any. A blank is one or more of them, "*" any text of at most 200
	 * bytes, "{name}" a number (decimal, 0x..., "(nil)"), "<name>" a word, "^" and "$" the ends of
	 * the line without its blanks. Words are whole words. One that begins with "+" is a further line
	 * of the same message, one with "=" only tells values where another matches.
	 */
	const char *patterns[SIGNATURE_PATTERNS + 1];
	const char *means;
	struct wrong_reading wrong[SIGNATURE_WRONG + 1];
	/* Rules of the analysis that decide it, the first before all. None: no trace can. */
	const char *rules[SIGNATURE_RULES + 1];
	const char *options; /* of the recording that the rules need, besides none; NULL */
	const char *now;     /* what to do before, or instead; NULL */
	const char *source;
	bool fallback; /* only where nothing else matches in the line */
};

extern const struct signature signatures[];
extern const size_t num_signatures;
const struct signature *signature__find(const char *id); /* NULL when there is none */

/* A number or a word that stood in a message. */
struct signature_value {
	char name[16];	/* "address", "status", "vmid" */
	bool is_number;
	uint64_t number;
	const char *text; /* as it stands in the line; not terminated */
	size_t len;
};

struct signature_match {
	const struct signature *signature;
	size_t at, len;	   /* in the line */
	bool further;	   /* only a further line of the message */
	size_t num_values;
	struct signature_value values[SIGNATURE_VALUES];
};

/*
 * The signatures in a line, each once, at most max. Values point into the line. Returns how many there
 * are; lines of any bytes and length are fine, of those longer than 64 KiB the rest is not read.
 */
size_t signatures__find(const char *line, size_t len, struct signature_match *out, size_t max);

/*
 * The same for what a person types where nothing was found: a code among ordinary words ("status 0x29"), words of a
 * message ("aperture violation"). Not for logs, which are full of both. Without values.
 */
size_t signatures__guess(const char *line, struct signature_match *out, size_t max);

/*
 * What a value means, as text: a status register by its fields, a status or error number by its name, where an
 * address lies. False when it says no more than the number itself.
 */
bool signature_value__explain(const char *name, uint64_t number, struct buf *b);

/* ---- what a whole text holds ---- */

#define SIGNATURE_DISTINCT 6 /* values of one name that are kept */

struct signature_sum_value {
	char name[16];
	bool is_number;
	uint64_t number, count;
	char *text;
};

struct signature_sum {
	const struct signature *signature;
	uint64_t count;	     /* messages; further lines alone are one */
	uint64_t lines;	     /* with something of it */
	uint64_t first_line; /* from 1 */
	char *first;	     /* as it stands there, at most 512 bytes */
	VEC(struct signature_sum_value) values; /* by name, as they first came */
	uint64_t more_values; /* that were not kept */
};

struct signature_sums {
	VEC(struct signature_sum) list; /* as they first came */
	uint64_t lines;
};

void signatures__add(struct signature_sums *s, const char *line, size_t len);
void signatures__add_guess(struct signature_sums *s, const char *line);
void signature_sums__free(struct signature_sums *s);

#endif
