/* SPDX-License-Identifier: MIT */
/*
 * Whose command it is. Under sudo the command runs as the user who called sudo and the trace is
 * theirs; root is kept only for what needs it.
 */
#ifndef RDNA1_RECORD_USER_H
#define RDNA1_RECORD_USER_H

#include <stdbool.h>
#include <sys/types.h>

struct user {
	bool drop; /* root now, someone else wanted */
	uid_t uid;
	gid_t gid;
	char name[64]; /* "" when unknown: then no supplementary groups */
	char home[256];
	gid_t groups[64], ours[64]; /* supplementary: the user's, and what we came with */
	int num_groups, num_ours;
};

/* The invoking user: SUDO_UID and SUDO_GID when root, unless as_root. */
void user__find(struct user *u, bool as_root);

/*
 * Become the user for everything that touches files; root can be taken back. 0 or negative errno.
 * In a process that does not drop, both do nothing.
 */
int user__lower(const struct user *u);
int user__raise(const struct user *u);

/* While raised: what is made in the trace is the user's all the same, until the next of the two. */
void user__own_files(const struct user *u);

/* For good, in the child before exec. Needs to be raised. */
int user__become(const struct user *u);

#endif
