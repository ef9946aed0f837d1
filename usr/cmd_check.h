/* SPDX-License-Identifier: MIT */
/* The parts of rdna1-trace check: lines, each one fact with a judgement, and who makes them. */
#ifndef RDNA1_CMD_CHECK_H
#define RDNA1_CMD_CHECK_H

#include "cmd_machine.h"
#include "analysis/variables.h"
#include "base/buf.h"
#include "record/sudo.h"
#include "record/user.h"

struct check_line {
	const char *section;
	char *name, *text;
	char *fix;	  /* a command, or what to change; NULL */
	const char *rule; /* of rules.def; NULL */
	enum judgement judgement;
	bool reported; /* only reported, by nobody of us measured */
};

struct check {
	const struct machine *m;
	const struct machine_gpu *gpu; /* that judgements are about; NULL */
	const char *section;	       /* of the lines that follow */
	bool root;		       /* we may do what root may */
	VEC(struct check_line) lines;
};

/* One line; the one it returns can be given a fix and a rule. */
struct check_line *check__add(struct check *c, enum judgement j, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
void check__fix(struct check_line *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* cmd_check_device.c, cmd_check_software.c */
void check__device(struct check *c);
void check__driver(struct check *c);
void check__tracing(struct check *c);
void check__software(struct check *c);
void check__environment(struct check *c);

/* cmd_check_profile.c: a shell profile with what this machine needs, and why. */
void check__profile(const struct machine *m, struct buf *out);

/* cmd_check_run.c: record our own workload. */
struct check_run {
	const char *dir;	  /* -o; NULL: made up */
	const char *emulate;	  /* "--emulate..." as it was given; NULL */
	unsigned int seconds;	  /* time limit */
	bool json;		  /* the workload's output goes to stderr */
	const struct user *user;
	const struct sudo *sudo;
};
/* What came of it, for people into out and as JSON members into json. Whether all went right. */
bool check__run(const struct check_run *r, struct buf *out, struct buf *json);

#endif
