/* SPDX-License-Identifier: MIT */
/*
 * Starting a program on the emulated device: the files that stand in for sysfs and /dev, the
 * seccomp filter, and the broker process between the filter and the device threads. For the
 * command; the preloaded library has none of this.
 *
 *	emu_launch__prepare(&l, &config, trace_dir, preload, uid, gid);	in the launcher
 *	child: emu_launch__env(&l); emu_launch__enter(&l); execvp(...)
 *	emu_launch__release(&l);			in the launcher, after fork
 */
#ifndef RDNA1_EMU_LAUNCH_H
#define RDNA1_EMU_LAUNCH_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "../protocol.h"

struct emu_launch {
	char root[96];	      /* EMU_ROOT_MAX: directory of the stand-ins; the broker removes it at its end */
	const char *preload;  /* librdna1-emu.so */
	char link[128];	      /* stands for it where its path cannot be preloaded */
	char trace[4096];     /* trace directory, absolute */
	int hand_over;	      /* socket on which the child gives the filter to the broker */
	pid_t broker;
	struct emu_config config;
	uint64_t kfd_dev, kfd_ino; /* as fstat tells them of the stand-in KFD file */
	char error[256];      /* what went wrong, in words */
};

/* One RX 5600 XT, as ROCm 5.2's driver presents it. */
struct emu_config emu_config__default(void);

/*
 * What stands behind --emulate=, a list separated by commas, on top of *c. 0, or -1 with what is
 * wrong and what would be right in error.
 */
int emu_config__parse(struct emu_config *c, const char *spec, char *error, size_t size);

/* "AMD Radeon RX 5600 XT", "2 x AMD Radeon RX 5600 XT" ... */
void emu_config__name(const struct emu_config *c, char *out, size_t size);

/*
 * Start the broker (a child process of its own session, ignoring terminal signals; it makes the
 * stand-ins, ends when the last filtered process has, or when nobody gives it a filter, and takes
 * the stand-ins with it). uid, gid: who it runs as; (uid_t)-1 for the caller. Returns 0, or -1 with
 * l->error set.
 */
int emu_launch__prepare(struct emu_launch *l, const struct emu_config *config,
			const char *trace_dir, const char *preload, uid_t uid, gid_t gid);

/*
 * In the child, before it drops privileges and before exec: set the environment, install the filter
 * and give it to the broker. Needs CAP_SYS_ADMIN or sets no_new_privs. Returns 0 or negative errno.
 */
int emu_launch__enter(struct emu_launch *l);

/* In the parent, when the child has been made. */
void emu_launch__release(struct emu_launch *l);

/* The broker's main loop; does not return. */
struct emu_broker_args {
	int hand_over; /* where the filter comes from */
	int kfd_file, render_file[EMU_MAX_CARDS];
	const struct emu_config *config;
	const char *trace;
	char *root;   /* room for EMU_ROOT_MAX; the broker fills it */
};

/* What the broker says first on hand_over. */
enum { EMU_ROOT_MAX = 96 };
struct emu_broker_ready {
	char root[EMU_ROOT_MAX]; /* "" when it could not start */
	char error[256];
};

void emu_broker__run(const struct emu_broker_args *args) __attribute__((noreturn));

/* Write the tree of stand-in files under root. 0 or negative errno. */
int emu_topology__write(const char *root, const struct emu_config *config);
/* rm -r */
void emu_tree__remove(const char *root);

#endif
