/* SPDX-License-Identifier: MIT */
/* A new trace in a temporary directory, for tests that write one themselves. */
#ifndef RDNA1_TESTS_TRACE_DIR_H
#define RDNA1_TESTS_TRACE_DIR_H

#include "t.h"
#include "../../hsa-tools/stream/stream.h"

#include <fcntl.h>
#include <unistd.h>

/* Begin a trace in dir; returns its descriptor, which the caller closes. */
static inline int t_make_trace(const char *dir)
{
	struct stream_meta meta;
	int fd = open(dir, O_RDONLY | O_DIRECTORY);

	stream_meta__init(&meta);
	CHECK(fd >= 0);
	CHECK_EQ(stream_dir__create(fd, &meta), 0);
	return fd;
}

/* The same in a new one: *dir. */
static inline int t_trace_dir(char **dir)
{
	*dir = t_tmpdir();
	return t_make_trace(*dir);
}

#endif
