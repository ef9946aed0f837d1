/* SPDX-License-Identifier: MIT */
/* The commands: each one file, each returns the exit status. They alone speak to the user. */
#ifndef RDNA1_CMD_H
#define RDNA1_CMD_H

#include "base/buf.h"

#include <stdbool.h>

#define RDNA1_VERSION "0.1"

enum { EXIT_USAGE = 2 };

/* argv[0] is the command's name. */
int cmd_run(int argc, char **argv);
int cmd_report(int argc, char **argv);
int cmd_dump(int argc, char **argv);
int cmd_info(int argc, char **argv);
int cmd_recover(int argc, char **argv);
int cmd_explain(int argc, char **argv);
int cmd_pack(int argc, char **argv);
int cmd_compare(int argc, char **argv);
int cmd_scan(int argc, char **argv);
int cmd_rules(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_quarantine(int argc, char **argv);

/* The commands, of main.c's table: "run, report, dump ..."; the one that was perhaps meant, or NULL. */
void put_commands(struct buf *b);
const char *near_command(const char *typed);

/* How an option that getopt_long (with opterr 0) did not take was written. */
const char *bad_option(char **argv);

/* The trace to read: argv[optind], or the newest here. NULL after saying what is wrong; *status. */
char *trace_argument(int argc, char **argv, int *status);

/* Columns: $COLUMNS, the terminal's, or 80. */
unsigned int terminal_width(void);
/* The recorder holds a lock on the trace directory while it lives. */
bool is_recording(const char *dir);

/* "rdna1-trace: WHAT\nTry 'rdna1-trace [COMMAND] --help'." Returns EXIT_USAGE. */
int usage_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
