/* SPDX-License-Identifier: MIT */
/*
 * The quarantine: a file of kernels and convolutions that failed, in text, kept between runs. Read by
 * the agent when it starts (--fallback=auto avoids what is in it) and by the command; written by both,
 * also by a process that is dying.
 *
 * libc only. quarantine__add may be called in a signal handler: no malloc, no stdio, no lock that is
 * not the file's.
 */
#ifndef RDNA1_QUARANTINE_QUARANTINE_H
#define RDNA1_QUARANTINE_QUARANTINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum quarantine_what { /* what happened */
	QUARANTINE_HANG = 1,
	QUARANTINE_PAGE_FAULT,
	QUARANTINE_APERTURE,
	QUARANTINE_ILLEGAL_INSTRUCTION,
	QUARANTINE_EXCEPTION,
	QUARANTINE_USE_AFTER_FREE,
	QUARANTINE_WRONG_RESULT,
	QUARANTINE_BY_HAND,
};

enum quarantine_avoid { /* what a run with --fallback=auto does about it */
	QUARANTINE_AUTO = 1, /* our kernel for gfx1010 if there is one, else the host */
	QUARANTINE_NATIVE,
	QUARANTINE_HOST, /* our kernel failed, too */
	QUARANTINE_LATE_FREE,
};

/* Texts are UTF-8, terminated; "" is: any, or not known. */
struct quarantine_entry {
	enum quarantine_what what;
	enum quarantine_avoid avoid;
	bool suspect;	    /* one of several that ran when it happened */
	bool emulated;	    /* it happened on the emulated device: of no meaning for a card */
	char kernel[256];   /* its name, without ".kd" */
	char problem[160];  /* conv_problem__text */
	char code[65];	    /* sha256 of its code object, lower case hex */
	char gpu[32];	    /* the chip as the driver knows it: "gfx1010" */
	char isa[32];	    /* the one the runtime was made to believe in, "gfx1030" */
	char rocm[32];	    /* version of the runtime: "5.2.3" */
	char trace[512];    /* directory of the trace that shows it */
	int64_t first_s, last_s; /* seconds since 1970 */
	uint32_t count;	    /* times */
};

/*
 * The file: `file` if it is given and not empty, else $XDG_STATE_HOME/rdna1-trace/quarantine, else
 * ~/.local/state/... 0 or -ENOENT (no HOME), -ENAMETOOLONG.
 */
int quarantine__path(const char *file, char *out, size_t size);

/*
 * Add an entry, or count it if an equal one is there (all but trace, times and count). Whole or not at
 * all; directories are made. A file that cannot be read as a quarantine is kept beside it
 * (PATH.damaged-TIME) and a new one begun; entries that can be read out of it are kept. 0 or a negative errno.
 */
int quarantine__add(const char *path, const struct quarantine_entry *e);

/*
 * Call fn for each entry until it returns non-zero (which is returned). 0 also when there is no file;
 * *damaged, if not NULL: lines that could not be read. Negative errno when the file could not be.
 */
int quarantine__each(const char *path, int (*fn)(const struct quarantine_entry *e, uint32_t number, void *arg), void *arg,
		     uint32_t *damaged);

#endif
