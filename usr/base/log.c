// SPDX-License-Identifier: MIT
#include "log.h"

#include <stdarg.h>
#include <stdio.h>

int log_level;

/* One write per message, so that lines of several processes do not interleave. */
static void put(const char *fmt, va_list ap)
{
	char line[2048];
	int n = snprintf(line, sizeof(line), "rdna1-trace: ");
	int m = vsnprintf(line + n, sizeof(line) - (size_t)n - 1, fmt, ap);

	if (m < 0)
		return;
	n += m;
	if (n > (int)sizeof(line) - 2)
		n = (int)sizeof(line) - 2;
	line[n++] = '\n';
	fflush(stdout);
	fwrite(line, 1, (size_t)n, stderr);
}

#define DEFINE(name, level)                                                                        \
	void name(const char *fmt, ...)                                                            \
	{                                                                                          \
		va_list ap;                                                                        \
                                                                                                   \
		if (log_level < (level))                                                           \
			return;                                                                    \
		va_start(ap, fmt);                                                                 \
		put(fmt, ap);                                                                      \
		va_end(ap);                                                                        \
	}

DEFINE(log_err, -1)
DEFINE(log_warn, 0)
DEFINE(log_info, 0)
DEFINE(log_verbose, 1)
