/* SPDX-License-Identifier: MIT */
/* session.json of a recovered trace: the original's where it is whole, else a minimal one. */
#ifndef RDNA1_RECORD_SESSION_COPY_H
#define RDNA1_RECORD_SESSION_COPY_H

#include "../trace/recover.h"

/*
 * Copy session.json and session.<pid>.json from one trace directory to another. Without any that is
 * whole, write one of what *r says. *damaged: how many were not whole. 0 or negative errno of
 * writing.
 */
int session__copy(int from, int to, const struct recovered *r, const char *version,
		  unsigned int *damaged);

#endif
