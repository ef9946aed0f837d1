/* SPDX-License-Identifier: MIT */
/* A growing string, and memory that does not fail (the command exits with a message instead). */
#ifndef RDNA1_BASE_BUF_H
#define RDNA1_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

void *xcalloc(size_t n, size_t size);
void *xrealloc(void *p, size_t size);
char *xstrdup(const char *s);
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

struct buf {
	char *s; /* always terminated once anything was put; NULL before */
	size_t len, cap;
};

void buf__put(struct buf *b, const char *s, size_t len);
void buf__puts(struct buf *b, const char *s);
void buf__putc(struct buf *b, char c);
void buf__printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf__hex(struct buf *b, const void *data, size_t len);	 /* 0a1b... */
void buf__json(struct buf *b, const char *s, size_t len);	 /* quoted and escaped; bytes that are
								    not UTF-8 become U+FFFD */
void buf__visible(struct buf *b, const char *s, size_t len); /* for a terminal: control characters
								    and bytes that are not UTF-8 as \xNN */
void buf__shell(struct buf *b, const char *arg);		 /* quoted for sh where needed */
void buf__size(struct buf *b, uint64_t bytes);			 /* "2 MiB", "4100 B" */
void buf__reset(struct buf *b);
const char *buf__str(const struct buf *b); /* "" when empty */
void buf__free(struct buf *b);

/* Arrays that grow: struct { T *v; size_t n, cap; } */
#define VEC(T)                                                                                     \
	struct {                                                                                   \
		T *v;                                                                              \
		size_t n, cap;                                                                     \
	}
#define VEC_PUSH(vec)                                                                              \
	((vec)->n == (vec)->cap                                                                    \
		 ? ((vec)->cap = (vec)->cap ? (vec)->cap * 2 : 16,                                 \
		    (vec)->v = xrealloc((vec)->v, (vec)->cap * sizeof(*(vec)->v)), (void)0)        \
		 : (void)0,                                                                        \
	 __builtin_memset(&(vec)->v[(vec)->n], 0, sizeof(*(vec)->v)), &(vec)->v[(vec)->n++])

/* qsort, also of none. */
#define VEC_SORT(vec, order)                                                                       \
	((vec)->n ? qsort((vec)->v, (vec)->n, sizeof(*(vec)->v), order) : (void)0)

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#endif
