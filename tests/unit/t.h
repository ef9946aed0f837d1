/* SPDX-License-Identifier: MIT */
/* The smallest unit test: CHECK what must hold, END returns the verdict. */
#ifndef RDNA1_TESTS_T_H
#define RDNA1_TESTS_T_H

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int t_checks, t_failures;

#define CHECK(cond)                                                                                \
	do {                                                                                       \
		t_checks++;                                                                        \
		if (!(cond)) {                                                                     \
			t_failures++;                                                              \
			printf("%s:%d: %s\n", __FILE__, __LINE__, #cond);                          \
		}                                                                                  \
	} while (0)

#define CHECK_EQ(a, b)                                                                             \
	do {                                                                                       \
		long long a_ = (long long)(a), b_ = (long long)(b);                                \
                                                                                                   \
		t_checks++;                                                                        \
		if (a_ != b_) {                                                                    \
			t_failures++;                                                              \
			printf("%s:%d: %s is %lld (0x%llx), not %s = %lld (0x%llx)\n", __FILE__,   \
			       __LINE__, #a, a_, (unsigned long long)a_, #b, b_,                   \
			       (unsigned long long)b_);                                            \
		}                                                                                  \
	} while (0)

#define CHECK_STR(a, b)                                                                            \
	do {                                                                                       \
		const char *a_ = (a), *b_ = (b);                                                   \
                                                                                                   \
		t_checks++;                                                                        \
		if (strcmp(a_, b_)) {                                                              \
			t_failures++;                                                              \
			printf("%s:%d: got  %s\n%s:%d: want %s\n", __FILE__, __LINE__, a_,         \
			       __FILE__, __LINE__, b_);                                            \
		}                                                                                  \
	} while (0)

/* A test that checked nothing has not passed. */
#define END_TESTS                                                                                  \
	do {                                                                                       \
		printf("%d checks, %d failures\n", t_checks, t_failures);                          \
		return t_failures || !t_checks;                                                    \
	} while (0)

/* A temporary directory under $TMPDIR or /tmp, removed by the runner with its parent. */
static inline char *t_tmpdir(void)
{
	const char *base = getenv("TMPDIR");
	char *path;

	if (asprintf(&path, "%s/t.XXXXXX", base ? base : "/tmp") < 0 || !mkdtemp(path)) {
		perror("mkdtemp");
		exit(1);
	}
	return path;
}

#endif
