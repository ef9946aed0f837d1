/* SPDX-License-Identifier: MIT */
/*
 * Code objects that the agent loads itself, to run their kernels in place of the program's: the one
 * that is built in, and files of the user's. Loaded once for each device, past our own hooks.
 */
#ifndef RDNA1_AGENT_IMAGE_H
#define RDNA1_AGENT_IMAGE_H

#include "code.h"

struct image;

/* A kernel of an image, ready to be dispatched. */
struct image_kernel {
	uint64_t object;
	uint32_t group_bytes, private_bytes; /* fixed parts */
	const struct kernel_meta *meta;
};

/*
 * The image for a device; file NULL: the built-in one. NULL when there is none, and *why (lasting)
 * says so. Not on the doorbell path: the runtime is called.
 */
const struct image *image_get(struct thread *t, hsa_agent_t on, const char *file, const char **why);
/* symbol: "name.kd"; NULL: the only kernel there is. False: there is none of that name. */
bool image_kernel(const struct image *image, const char *symbol, struct image_kernel *out);
void image_forget(void);

/* device.c: "gfx1010", of the device as its driver knows it, "" where that is not to be had.
 * Lasting. */
const char *device_chip(hsa_agent_t on);
/* What the runtime takes it for: "amdgcn-amd-amdhsa--gfx1030"; "" likewise. */
const char *device_isa(hsa_agent_t on);
/* All of the above, while the runtime can be asked: they are then known in a signal handler, too.
 */
void device_learn(hsa_agent_t on);
void device_forget(void);

#endif
