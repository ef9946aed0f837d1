// SPDX-License-Identifier: MIT
/*
 * A program that is linked with libroctx64.so.4 and names ranges.
 *
 *	roctx-ranges LIBRARY	opens LIBRARY (a stand-in for the agent) between its ranges; says what the calls return
 *	roctx-ranges hsa	initialises HSA, which loads the agent
 */
#include <dlfcn.h>
#include <hsa/hsa.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

void roctxMarkA(const char *message);
int roctxRangePushA(const char *message);
int roctxRangePop(void);
uint64_t roctxRangeStartA(const char *message);
void roctxRangeStop(uint64_t id);

static void *other_thread(void *arg)
{
	int first = roctxRangePushA("other thread"), last = roctxRangePop();

	(void)arg;
	printf("thread %d %d %d\n", first, last, roctxRangePop());
	return NULL;
}

static void ranges(const char *outer)
{
	int first = roctxRangePushA(outer), second = roctxRangePushA("inner \"1\""), third;
	uint64_t id, next;
	pthread_t t;

	roctxMarkA("mark");
	id = roctxRangeStartA("across");
	next = roctxRangeStartA("next");
	pthread_create(&t, NULL, other_thread, NULL);
	pthread_join(t, NULL);
	third = roctxRangePop();
	roctxRangeStop(id);
	printf("%s %d %d, ids %s, %d", outer, first, second, next == id + 1 ? "count" : "differ", third);
	printf(" %d", roctxRangePop());
	printf(" %d\n", roctxRangePop());
	roctxRangeStop(next);
}

int main(int argc, char **argv)
{
	bool hsa = argc == 2 && !strcmp(argv[1], "hsa");

	setvbuf(stdout, NULL, _IOLBF, 0);
	ranges("early");
	if (hsa ? hsa_init() != HSA_STATUS_SUCCESS : argc != 2 || !dlopen(argv[1], RTLD_NOW | RTLD_LOCAL)) {
		fprintf(stderr, "roctx-ranges: no agent: %s\n", hsa ? "hsa_init" : dlerror());
		return 1;
	}
	ranges("late");
	if (hsa)
		hsa_shut_down();
	return 0;
}
