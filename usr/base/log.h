/* SPDX-License-Identifier: MIT */
/* Messages to the user on stderr. For cmd_*.c and the recorder; decoders and readers return errors. */
#ifndef RDNA1_BASE_LOG_H
#define RDNA1_BASE_LOG_H

/* -1 quiet (errors only), 0 normal, 1 verbose, 2 debug. */
extern int log_level;

void log_err(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_verbose(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
