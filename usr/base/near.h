/* SPDX-License-Identifier: MIT */
/* Which of the names that there are was perhaps meant by one that there is not: a slip of the fingers away. */
#ifndef RDNA1_BASE_NEAR_H
#define RDNA1_BASE_NEAR_H

/* Letters to change, add or take away, two that changed places are one; more than any name is long where they are many. */
unsigned int near__distance(const char *a, const char *b);

struct near {
	const char *name; /* the nearest so far; NULL */
	unsigned int distance;
};

/* At most so many letters, fewer in short names: most of what was typed must be left as it is. */
unsigned int near__limit(const char *name);

/* Looks at one of the names; case does not count. Begin with {0}. */
void near__try(struct near *n, const char *typed, const char *name);

#endif
