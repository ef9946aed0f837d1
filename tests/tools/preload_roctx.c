// SPDX-License-Identifier: MIT
/* Stands in for roctracer's libroctx64.so.4: values that nobody else would return. */
#include <stdint.h>
#include <stdio.h>

#define PUBLIC __attribute__((visibility("default")))

PUBLIC void roctxMarkA(const char *message);
PUBLIC int roctxRangePushA(const char *message);
PUBLIC int roctxRangePop(void);
PUBLIC uint64_t roctxRangeStartA(const char *message);
PUBLIC void roctxRangeStop(uint64_t id);

void roctxMarkA(const char *message)
{
	fprintf(stderr, "real mark %s\n", message);
}

int roctxRangePushA(const char *message)
{
	fprintf(stderr, "real push %s\n", message);
	return 1000;
}

int roctxRangePop(void)
{
	fprintf(stderr, "real pop\n");
	return 2000;
}

uint64_t roctxRangeStartA(const char *message)
{
	fprintf(stderr, "real start %s\n", message);
	return 3000;
}

void roctxRangeStop(uint64_t id)
{
	fprintf(stderr, "real stop %d\n", (int)id);
}
