/* SPDX-License-Identifier: MIT */
/*
 * A line of the quarantine: text to entry and back. Pure, without memory of its own: for quarantine.c
 * and signal handlers.
 *
 * An entry we write ends with what=, none of whose words begins another: where the end of the file was
 * lost, a piece of a line is never taken for an entry.
 */
#ifndef RDNA1_QUARANTINE_LINE_H
#define RDNA1_QUARANTINE_LINE_H

#include "quarantine.h"

enum line_kind {
	LINE_COMMENT, /* or empty */
	LINE_ENTRY,
	LINE_STRANGE, /* of our form, and not understood: a newer version's, or a value that is none */
	LINE_BROKEN,
};

/* ended: a newline follows. e: filled for LINE_ENTRY alone. */
enum line_kind line__read(const char *s, size_t len, bool ended, struct quarantine_entry *e);

/*
 * The entry as text, with the keys and the comment of the line it was read from (old, NULL without) that
 * are not ours. Not terminated. Returns its length; 0 when it does not fit.
 */
size_t line__write(const struct quarantine_entry *e, const char *old, size_t old_len, char *out, size_t size);

/* Lower case digest, no text longer than its place, no member that must not be 0. False: it is no entry. */
bool line__normalize(struct quarantine_entry *e);

/* All but trace, times and count. */
bool line__same(const struct quarantine_entry *a, const struct quarantine_entry *b);

/* For comments and names of files. */
char *put_number(char *at, uint64_t n);
char *put_time(char *at, int64_t seconds, bool compact); /* 2026-11-22T20:57:59Z, or 20261122T205759Z */

#endif
