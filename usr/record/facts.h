/* SPDX-License-Identifier: MIT */
/*
 * What analysis must know about the machine: kernel, driver and its parameters, the KFD topology,
 * limits, ROCm's libraries, python, and what is missing. Read from /proc and /sys at the start of a recording; session.json
 * keeps it as "facts" (docs/trace-format.md). Never a serial number, a host name, a kernel pointer
 * or a physical address. Knows nothing of eBPF, and does not say what a fact means for a program.
 */
#ifndef RDNA1_RECORD_FACTS_H
#define RDNA1_RECORD_FACTS_H

#include <stdbool.h>
#include <sys/resource.h>
#include "value.h"

struct facts_config {
	const char *root; /* stands before /proc, /sys, /dev and /lib; "" for this machine */
	const struct rlimit *nofile; /* of the command; NULL: ours */
	char *const *env;	     /* of the command; NULL: ours */
	bool ask_kfd;		     /* for its version: makes a KFD process for a moment */
	bool ask_python;	     /* for its version and path: runs it for a moment */
	/*
	 * The emulated device's stand-in files, and its KFD 1.MINOR. NULL without one; 0: we run on it
	 * ourselves, KFD can be asked, and of the machine's own driver nothing can be seen.
	 */
	const char *emu_root;
	unsigned int emu_kfd_minor;
};

/* Whatever can be read, as the user we are; never NULL. To be freed with value__free. */
struct json_t *facts__collect(const struct facts_config *c);

/* The parameters of amdgpu that are kept, and what each decides. NULL past the end. */
struct facts_parameter {
	const char *name, *what;
};
const struct facts_parameter *facts__parameter(size_t i);

#endif
