/* SPDX-License-Identifier: MIT */
/*
 * The BPF object of a recording: every hook attached by the first way this kernel takes, the others
 * named with the reason. Knows libbpf; decides nothing about events.
 */
#ifndef RDNA1_RECORD_LOAD_H
#define RDNA1_RECORD_LOAD_H

#include "hooks.h"
#include "kernel.h"

struct rdna1_bpf;

struct programs {
	struct rdna1_bpf *skel; /* NULL: nothing could be loaded */
	struct hook_plan plans[NUM_HOOKS];
	struct driver_types types;
	bool on[NUM_HOOKS];
	int error[NUM_HOOKS];		      /* negative errno of a hook that is off */
	struct bpf_link *links[NUM_HOOKS][2]; /* entry, return */
	bool no_iterators;		      /* the kernel refuses them */
};

/* Load and attach what can be. Negative errno when nothing can (errors are in *p, too). */
int programs__open(struct programs *p, const struct kernel_config *cfg);
void programs__stop(struct programs *p);  /* detaches: nothing is seen any more, the maps stay */
void programs__close(struct programs *p); /* detaches and unloads */

/*
 * Run the program `name` over all tasks, or over all their open files. 0, -ENOTSUP where the kernel
 * refuses it, or another negative errno.
 */
int programs__iterate(struct programs *p, const char *name);

/*
 * Times a program did not run although its hook was hit: it, or another probe, was running on that
 * CPU. As the kernel tells it: not of kprobes and tracepoints before Linux 6.7. Before
 * programs__stop.
 */
uint64_t programs__missed(const struct programs *p);

#endif
