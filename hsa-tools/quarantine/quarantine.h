/* SPDX-License-Identifier: MIT */
/*
 * The quarantine: a file of kernels and convolutions that failed, in text, kept between runs. Read by
 * the agent when it starts (--fallback=auto avoids what is in it) and by the command; written by both,
 * also by a process that is dying. Its format: docs/quarantine.md.
 *
 * libc only, no malloc, no stdio. Whoever changes the file holds the lock PATH.lock, and waits for it
 * QUARANTINE_WAIT_MS at most. quarantine__add and quarantine__text may be called in a signal handler,
 * from any thread and after fork.
 */
#ifndef RDNA1_QUARANTINE_QUARANTINE_H
#define RDNA1_QUARANTINE_QUARANTINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define QUARANTINE_BYTES_MAX (1u << 20) /* of the file */
#define QUARANTINE_LINE_MAX 8192	/* of an entry as text, its end included */
#define QUARANTINE_WAIT_MS 2000

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
 * Add an entry, or count it if an equal one is there (all but trace, times and count; the trace is then
 * the newest). Whole or not at all; directories are made. what is needed, and one of kernel, problem and
 * code; a last_s of 0 is now. Where the file would be too large, entries that were not made by hand go,
 * the oldest first, and a comment line counts them.
 *
 * A file with lines that cannot be read is copied to PATH.damaged-TIME first, and goes on with those that
 * can. 0 or a negative errno, and then nothing has changed: -EINVAL the entry is none; -EAGAIN somebody held
 * the lock all the time; -EDEADLK a signal handler interrupted it in this thread; -EFBIG the file is larger
 * than it may be, or its limit (RLIMIT_FSIZE) is; -EPERM it is another user's; -ELOOP it is a symbolic link;
 * -EISDIR, -ENOTSUP it is no regular file; and what the file system says.
 * As root, what is made belongs to whom the folder, or the old file, belongs to.
 */
int quarantine__add(const char *path, const struct quarantine_entry *e);

typedef int (*quarantine_fn)(const struct quarantine_entry *e, uint32_t number, void *arg);

/*
 * Take out the entries for which fn returns non-zero; *removed: how many. Comments, and lines that a newer
 * version may know, stay. Errors as above. Not in a signal handler.
 */
int quarantine__remove(const char *path, quarantine_fn fn, void *arg, uint32_t *removed);

/*
 * Call fn for each entry until it returns non-zero (which is returned); number: its place among them, from 1.
 * 0 also when there is no file; *damaged, if not NULL: lines that could not be read, or that are a newer
 * version's. Negative errno when the file could not be. Waits for nobody: the file is whole at any moment.
 */
int quarantine__each(const char *path, quarantine_fn fn, void *arg, uint32_t *damaged);

/* The entry as the file has it, without the line's end, terminated; its length, at most QUARANTINE_LINE_MAX - 1. */
size_t quarantine__text(const struct quarantine_entry *e, char *out, size_t size);

/* "page-fault", "native": as the file has them. Of a value that is none: NULL; of a word that is none: 0. */
const char *quarantine__what_name(enum quarantine_what w);
enum quarantine_what quarantine__what_of(const char *word);
const char *quarantine__avoid_name(enum quarantine_avoid a);
enum quarantine_avoid quarantine__avoid_of(const char *word);

#endif
