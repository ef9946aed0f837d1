/* SPDX-License-Identifier: MIT */
/*
 * Probes on the calls of bpf/api_calls.def: in which of a process's mapped files they are, and the
 * attaching. By inode, once for all processes; the programs leave out who is not traced.
 */
#ifndef RDNA1_RECORD_API_CALLS_H
#define RDNA1_RECORD_API_CALLS_H

#include "load.h"
#include "../../hsa-tools/stream/stream.h"

struct api_calls;

/* Whether a hook is one of libraries. */
bool api_calls__is_hook(enum hook h);

/* Before the programs are loaded, and after. 0 or negative errno. */
void api_calls__prepare(struct rdna1_bpf *skel, const struct hook_plan plans[NUM_HOOKS]);
int api_calls__fill(struct rdna1_bpf *skel);

/* To attach with programs, which are borrowed. */
struct api_calls *api_calls__new(struct programs *p);
void api_calls__stop(struct api_calls *a); /* detaches; NULL is fine */
void api_calls__free(struct api_calls *a); /* the same, and frees */

/* A library that was found in a process for the first time. */
struct api_library {
	const char *path; /* as the process has it */
	enum hook hook;
	unsigned int calls; /* functions with probes */
	int error;	    /* negative errno when there are none, or not all */
};

/*
 * Put the probes in the libraries of a process (its number in our PID namespace), of the file
 * mapped at addr or, with 0, of all; needs root. Calls found for each that was not known yet. False
 * when there is none at addr: the process has ended.
 */
bool api_calls__attach(struct api_calls *a, uint32_t pid, uint64_t addr,
		       void (*found)(const struct api_library *lib, void *arg), void *arg);

/* Whether a process still has memory: it has not ended. */
bool api_calls__runs(uint32_t pid);

/* Whether a file is one to look for, by its name. */
bool api_calls__is_library(const struct api_calls *a, const char *path);

/*
 * A call that has not returned when recording ends. left: nor will it, since end_ns (CLOCK_MONOTONIC;
 * 0: not known).
 */
void api_calls__write_open(struct stream *s, const struct api_key *key, const struct api_flight *f,
			   bool left, uint64_t end_ns);

/* Functions with probes of a hook. */
unsigned int api_calls__count(const struct api_calls *a, enum hook h);

#endif
