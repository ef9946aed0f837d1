/* SPDX-License-Identifier: MIT */
/* The parts of rdna1-trace run: options, the trace it writes, what runs already, and (cmd_run.c) the command. */
#ifndef RDNA1_CMD_RUN_H
#define RDNA1_CMD_RUN_H

#include "cmd.h"
#include "analysis/agentless.h"
#include "record/attach.h"
#include "record/kernel.h"
#include "record/session.h"
#include "record/signals.h"
#include "record/spawn.h"
#include "record/sudo.h"
#include "record/sync.h"
#include "record/user.h"
#include "../hsa-tools/emu/launch/launch.h"

#include <sys/resource.h>

/* What the agent is told with options of its keys' names: cmd_run_agent.c. */
enum agent_key {
	AGENT_callsite,
	AGENT_timing,
	AGENT_code_objects,
	AGENT_watchdog,
	AGENT_on_hang,
	AGENT_dispatch,
	AGENT_override,
	AGENT_late_free,
	AGENT_fallback,
	AGENT_replace, /* rules, one to a line */
	AGENT_replace_hazardous,
	AGENT_quarantine,
	AGENT_OPTIONS,
};

struct run {
	/* options */
	const char *output;
	bool emulate, as_root, wait_all;
	const char *emulate_what; /* behind --emulate= */
	struct emu_config emu_config;
	unsigned int sync_seconds, ring_mb;
	uint64_t max_size; /* bytes; 0: no bound */
	uint32_t groups; /* --trace; 0: the default ones */
	const char *agent[AGENT_OPTIONS]; /* values; NULL where not given */
	bool roctx;
	char *const *argv;
	VEC(int) pids; /* -p */
	/* state */
	struct user user;
	struct sudo sudo;
	struct kernel *kernel;
	struct session session;
	struct emu_launch emu;
	char emu_name[128];
	struct child child;
	struct attach attach;
	char *agent_path, *emu_path, *roctx_path;
	struct stream_proc proc;
	struct stream log; /* session, hooks */
	struct stream sync_log;
	struct signals *signals;
	struct rlimit descriptors; /* as we were started */
	int status;		   /* of the command, where it is over */
	bool over, done;	   /* the command is; nothing is waited for any more */
	unsigned int left; /* processes that outlived the command */
};

/* ---- cmd_run_options.c ---- */

/* Returns -1 to go on, else the exit status. */
int run__parse(struct run *r, int argc, char **argv);
/* A library of ours, beside the program or installed; to be freed. NULL, said, when it is not there. */
char *run__find_library(const char *name);

/* ---- cmd_run_size.c: --max-size ---- */

enum run_part { PART_log, PART_kernel, PART_agent, PART_emu };

bool run__parse_max_size(struct run *r, const char *text);
/* Bytes of the bound for one writer; 0 without a bound. PART_emu: each of broker and process. */
uint64_t run__part(const struct run *r, enum run_part part);
/* A decimal number up to max. */
bool run__number(const char *text, unsigned int max, unsigned int *out);

/* ---- cmd_run_agent.c ---- */

/* NULL, or what the option takes instead of value; of --override what is wrong with it. */
const char *run__agent_option(struct run *r, enum agent_key key, const char *value);
/* One that was given; NULL without. */
const char *run__agent_option_given(const struct run *r);
/* Also adds to sudo's environment what a rule of --override needs. Against the RDNA1_TRACE_OPTIONS that is there: 0, or the exit status, said, where the two contradict. */
int run__check_agent_words(struct run *r);
/* Whether the agent is asked for this, by an option of that name or a word of RDNA1_TRACE_OPTIONS. */
bool run__is_asked(const struct run *r, const char *name);
/* The library of --roctx, where it was asked for. 0, or -1, said. */
int run__find_roctx(struct run *r);
/* In the child: what has the runtime load the agent, and what the agent reads. */
void run__set_agent_env(const struct run *r);
/* At the end: processes that used the driver without it, and why; for session.json, too. */
void run__say_missed(struct run *r, const struct agentless *a);
/* At the end, where no agent wrote anything and no process is known to have used the driver. */
void run__say_nothing_inside(const struct run *r);

/* ---- cmd_run_verdicts.c ---- */

/* With --replace-hazardous: scan the trace's code objects of which there is no verdict yet. */
void run__store_verdicts(struct run *r);

/* ---- cmd_run_trace.c: session.json and the recorder's own streams. Negative errno, said. ---- */

int run__make_session(struct run *r);
int run__write_session(struct run *r, const struct session_count *counts, unsigned int num_counts);
int run__start_streams(struct run *r);
void run__say_hooks(struct run *r);
/* The last event, the account of what was lost, session.json; nothing is recorded afterwards. */
void run__end(struct run *r, struct sync *sync);

/* ---- cmd_run.c ---- */

/* Do what only root may, and go back to being the user, whatever comes of it. */
int run__as_root(struct run *r, int (*what)(struct run *r));
/* Until a signal comes, which is true, or there is to be drained. */
bool run__wait(struct run *r, int signals);
void run__drain(struct run *r);
/* What would be loaded by name is probed before it is. */
void run__find_libraries(struct run *r);
struct sync *run__start_sync(struct run *r);
/* Nothing was recorded: nothing of ours stays. Returns 1. */
int run__give_up(struct run *r);

/* ---- cmd_run_attach.c: -p ---- */

/* As root: of another user's process there is little to be seen. Not 0, said: there is no such process. */
int run__find_processes(struct run *r);
int run__record_processes(struct run *r);

#endif
