/* SPDX-License-Identifier: MIT */
/* /proc, and paths that other processes name. */
#ifndef RDNA1_RECORD_PROC_H
#define RDNA1_RECORD_PROC_H

#include <stdbool.h>

/* Whether /proc shows the processes of our PID namespace; safe in a signal handler. */
bool proc__is_ours(void);

/*
 * A descriptor (O_PATH and flags) of a path that another user may have chosen: no symbolic link on the
 * way. dir: a descriptor that is taken for the root, or AT_FDCWD for our own. Negative errno.
 */
int proc__open_path(int dir, const char *path, int flags);

#endif
