/* SPDX-License-Identifier: MIT */
/*
 * Commands of ours that a text recommends, under the name that the user called us by: from a clone that is
 * build/rdna1-trace, and what is printed can be pasted. Texts in tables say "rdna1-trace".
 */
#ifndef RDNA1_BASE_CALLED_H
#define RDNA1_BASE_CALLED_H

#include "buf.h"

/* Quoted for a shell; lives as long as we. */
const char *called(void);

/* A text, in which each "rdna1-trace" that begins a command is what called() is. */
void called__put(struct buf *b, const char *text);

#endif
