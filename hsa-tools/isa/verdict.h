/* SPDX-License-Identifier: MIT */
/*
 * What a scan found in a code object, kept by the digest of its bytes: one file each in
 * $XDG_CACHE_HOME/rdna1-trace/verdicts (else ~/.cache/...), written by rdna1-trace scan, asked by
 * the agent, which cannot disassemble. Text, a line each:
 *
 *	rdna1-trace verdict 1
 *	scanner rdna1-trace 0.1, comgr 2.4
 *	isa gfx1030
 *	hazard 3 vcmpx-exec-war:2,inst-fwd-prefetch:1 naive_conv_fwd_nchw	places, classes, kernel
 *	uncertain NAME		too tangled to be searched to the end, and nothing found
 *	end
 *
 * A hazard is a place of a class of scan/scan.h in code for a chip that is no gfx101x; code for one
 * has none, and a file without a line for it says so. The number in the first line grows when a newer
 * scan may find something else: older files are then as good as none. libc only; no malloc, no stdio.
 */
#ifndef RDNA1_ISA_VERDICT_H
#define RDNA1_ISA_VERDICT_H

#include <stdbool.h>
#include <stddef.h>

#define VERDICT_FIRST_LINE "rdna1-trace verdict 1\n"
#define VERDICT_LAST_LINE "end\n"

enum { VERDICT_SHA256 = 64 }; /* characters of a digest */

/* The file's path. 0, -EINVAL (no digest), -ENOENT (neither variable is set), -ENAMETOOLONG. */
int verdict__path(const char *sha256_hex, char *out, size_t size);

/* Whether a verdict of this version is there, whole. */
bool verdict__known(const char *sha256_hex);

/*
 * 1: the kernel (its name, with or without ".kd") has hazards; classes, if not NULL, gets them as
 * they stand there, cut. 0: it has none. -ENOENT: that is not known; or the errno of reading.
 */
int verdict__find(const char *sha256_hex, const char *kernel, char *classes, size_t size);

/*
 * Keep text, which has the first and the last line, as the verdict: whole or not at all, on disk
 * before it has its name. 0 or negative errno.
 */
int verdict__store(const char *sha256_hex, const char *text, size_t len);

/*
 * Have `scanner scan --verdict file` run and store what it finds. The application does not notice:
 * no SIGCHLD, nothing for its wait() to find, none of its descriptors, signals and preloaded
 * libraries in the child. The calling thread waits, timeout_ms at most. 0; -ETIMEDOUT (the scanner
 * was killed); -ENOEXEC (it could not be run); -EIO (it ended with another status than 0); or
 * another negative errno. Linux; any thread.
 */
int verdict__ask(const char *scanner, const char *file, unsigned int timeout_ms);

#endif
