/* SPDX-License-Identifier: MIT */
/*
 * What stopped a run: what the device, the kernel's driver and the runtime each said of one
 * failure, as one incident with its address, allocation, kernel and argument. Judges nothing: rules
 * do.
 */
#ifndef RDNA1_ANALYSIS_INCIDENTS_H
#define RDNA1_ANALYSIS_INCIDENTS_H

#include "findings.h"

/* Into f->incidents, in the order of time. */
void incidents__find(struct findings *f, const struct model *m);

/* Which allocation an address belongs to at a time; exact: known to the byte, else a page's. */
struct address incidents__address(const struct model *m, uint32_t pid, uint64_t va, bool exact,
				  uint64_t ts_ns);

/* Whether an allocation of the process was recorded at all. */
bool incidents__allocated(const struct model *m, uint32_t pid);

/* Its dispatch as the agent left it, with its arguments; NULL: it did not. */
const struct recent *incidents__recent(const struct model *m, const struct incident *x);
/* Dispatches that may have been it where that is not certain, one for each kernel; how many were put in `out`. */
size_t incidents__running(const struct model *m, const struct incident *x, const struct recent **out, size_t max);

/* "argument +16 (out)", with the name where the kernel's layout is known. */
void incidents__argument(struct buf *b, const struct suspect *s);

#endif
