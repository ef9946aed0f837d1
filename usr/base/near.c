// SPDX-License-Identifier: MIT
/* Names a few letters apart. */
#include "near.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

enum { MAX = 64 };

static bool same(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

static unsigned int least(unsigned int a, unsigned int b)
{
	return a < b ? a : b;
}

unsigned int near__distance(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);
	unsigned int rows[3][MAX + 1];

	if (n > MAX || m > MAX)
		return 2 * MAX;
	for (size_t j = 0; j <= m; j++)
		rows[0][j] = (unsigned int)j;
	for (size_t i = 1; i <= n; i++) {
		const unsigned int *before = rows[(i + 1) % 3], *above = rows[(i - 1) % 3];
		unsigned int *row = rows[i % 3];

		row[0] = (unsigned int)i;
		for (size_t j = 1; j <= m; j++) {
			row[j] = least(above[j - 1] + !same(a[i - 1], b[j - 1]), least(above[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]))
				row[j] = least(row[j], before[j - 2] + 1);
		}
	}
	return rows[n % 3][m];
}

unsigned int near__limit(const char *name)
{
	size_t n = strlen(name);

	return n < 3 ? 0 : n < 6 ? 1 : n < 9 ? 2 : 3;
}

void near__try(struct near *n, const char *typed, const char *name)
{
	unsigned int d = near__distance(typed, name);

	if (d > near__limit(typed) || (n->name && n->distance <= d))
		return;
	*n = (struct near){name, d};
}
