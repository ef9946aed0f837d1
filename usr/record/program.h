/* SPDX-License-Identifier: MIT */
/* A program's file: whether the agent, a library for this machine's glibc, can be loaded into it. */
#ifndef RDNA1_RECORD_PROGRAM_H
#define RDNA1_RECORD_PROGRAM_H

/* Why it cannot; NULL where its file says nothing against it, is a script, or is not there. */
const char *program__refuses(const char *path);

#endif
