/* SPDX-License-Identifier: MIT */
/*
 * What sudo took away: the environment and the directory that it was called in. sudo, which waits
 * for us, has them still; they are for the command, which runs as that user, and for nothing that
 * we do as root.
 */
#ifndef RDNA1_RECORD_SUDO_H
#define RDNA1_RECORD_SUDO_H

#include "user.h"

enum sudo_answer {
	SUDO_none,    /* root was not given up: env is our own */
	SUDO_asked,   /* env is the user's, with the variables of sudo's command line */
	SUDO_between, /* something that sudo ran (a shell, a script) started us: env is what it gave
			 us */
	SUDO_silent,  /* /proc does not let us ask (error): env is what sudo left of it */
};

struct sudo {
	enum sudo_answer answer;
	int error;  /* negative errno of SUDO_silent */
	char **env; /* for the command */
	int cwd;    /* O_PATH descriptor, or -1: stay */
};

/* Needs to be root where u drops it. Uses getopt: after our own options. */
void sudo__ask(struct sudo *s, const struct user *u);

/* Go where sudo was called, as the user. 0 or negative errno. */
int sudo__chdir(struct sudo *s);

/* Of the command's environment; NULL when it is not there. */
const char *sudo__getenv(const struct sudo *s, const char *name);

#endif
