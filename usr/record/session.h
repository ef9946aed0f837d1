/* SPDX-License-Identifier: MIT */
/* The trace directory and session.json: what analysis must know about the machine and the run. */
#ifndef RDNA1_RECORD_SESSION_H
#define RDNA1_RECORD_SESSION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "attach.h"
#include "kernel.h"
#include "value.h"
#include "../base/buf.h"

/* A process that used the driver without the agent. */
struct session_missed {
	uint32_t pid;
	char *exe; /* NULL: not known */
	char *why; /* what was found; NULL when nothing was */
};

struct session {
	char *dir; /* as given or made up */
	int dir_fd;
	const char *version;
	char *const *argv;
	bool emulated;
	const char *emulated_name; /* marketing names of the emulated cards */
	const char *emulated_what; /* as it stood behind --emulate=, or NULL */
	struct json_t *facts; /* facts__collect's, or NULL */
	char *const *env; /* of the command; NULL: ours */
	unsigned int sync_seconds, ring_mb;
	uint64_t max_size; /* bytes; 0: no bound */
	char *trace; /* groups of hooks that are on, as --trace= takes them */
	pid_t child;
	const struct attach *attach; /* processes attached to, or NULL */
	int64_t start_unix;
	/* At the end. */
	bool ended;
	int wait_status;
	VEC(struct session_missed) without_agent;
};

/* "rdna1-trace-CMD-TIME-PID"; the caller's to free. */
char *session__default_dir(const char *command);

/*
 * Make the directory, which must not exist, with ctf/ complete in it. Returns 0, or negative errno
 * and *what says which step failed.
 */
int session__create(struct session *s, const char **what);

/* Remove what session__create made, and all in it: nothing was recorded. */
void session__discard(struct session *s);

/* One source of events and what became of them, for session.json. */
struct session_count {
	const char *source;
	uint64_t seen, written, dropped;
};

/* Write session.json anew, complete at any moment. hooks from k (NULL is fine). */
int session__write(const struct session *s, struct kernel *k, const struct session_count *counts,
		   unsigned int num_counts);

/*
 * What session.json would say of this machine now, without a command: takes facts over. env: NULL for ours. To be freed
 * with value__free, as what session__read returns.
 */
struct json_t *session__now(const char *version, struct kernel *k, struct json_t *facts, char *const *env);

/* What the recorder, or an agent without one, wrote in the trace dir. NULL with what is wrong in err. */
struct json_t *session__read(const char *dir, char *err, size_t size);

#endif
