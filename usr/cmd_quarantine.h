/* SPDX-License-Identifier: MIT */
/* The quarantine as the commands have it: where it is for this user, errors in words. For cmd_*.c. */
#ifndef RDNA1_CMD_QUARANTINE_H
#define RDNA1_CMD_QUARANTINE_H

#include "cmd_judge.h"

/*
 * Path of the file (given, or the user's), to be freed; NULL after saying what is wrong. Under sudo the
 * process becomes the calling user for it, and stays so. After getopt.
 */
char *quarantine_file(const char *given);

/* "cannot DO PATH: why, and what to do". */
void quarantine_error(const char *what, const char *path, int err);

/* What the trace confirms, into the file; a line for each thing that was written or was not. Exit status. */
int quarantine_trace(const struct judged *j, const char *dir, const char *path);

#endif
