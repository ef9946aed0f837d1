/* SPDX-License-Identifier: MIT */
/*
 * Processes that run already: whether they can be attached to, their children, how it goes on with
 * them. Reads /proc; the kernel's programs are told by kernel.h.
 */
#ifndef RDNA1_RECORD_ATTACH_H
#define RDNA1_RECORD_ATTACH_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include "../base/buf.h"

struct attached {
	int pid, parent; /* parent: the one of them whose child it is; 0: it was asked for */
	uint64_t age_ns; /* it has run for so long */
	unsigned long long start; /* in ticks since the machine's: the next of its number has another */
	char *exe;	 /* file, or the name of the thread where that is not to be had */
	bool over;	 /* it has ended */
};

struct attach {
	VEC(struct attached) list;
	VEC(struct pollfd) ends; /* of each a pidfd, which can be read when it has ended */
	bool emulated;		 /* they run on an emulated device */
	char *emu_root;		 /* its directory by a descriptor, or NULL */
	uint64_t kfd_dev,
		kfd_ino; /* its stand-in for /dev/kfd, as fstat tells it; 0 when not found */
};

/* Add a process. 0, or -1 with what is wrong and what to do about it in why. */
int attach__add(struct attach *a, int pid, char *why, size_t size);

/* Add the children of those in the list that are not in it; how many. We and what started us stay
 * out. */
unsigned int attach__add_children(struct attach *a);

/*
 * Whether they run on an emulated device, and which file stands for /dev/kfd. 0, or -1 with words
 * in why: on two, or one on a card and one not, or on one that is neither root's nor uid's: its
 * files are read, and they are what its owner says.
 */
int attach__find_emulated(struct attach *a, unsigned int uid, char *why, size_t size);

/* After poll() of ends: the next that has ended since it was asked last; NULL when there is none.
 */
struct attached *attach__next_end(struct attach *a);

/* Its number is another process's by now. */
bool attached__is_other(const struct attached *x);

void attach__free(struct attach *a);

#endif
