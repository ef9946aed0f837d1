// SPDX-License-Identifier: MIT
/*
 * agent_memory threads|allocations N: what a process needs when N threads have called HSA, or N allocations of 4 KiB
 * from a GPU pool are live: "pss KIB rss KIB".
 */
#include "../tools/hsa_check.h"

#include <hsa/hsa_ext_amd.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

static pthread_barrier_t barrier;

static long kib(const char *key)
{
	FILE *f = fopen("/proc/self/smaps_rollup", "re");
	char line[256];
	long value = -1;

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, key, strlen(key)))
			value = atol(line + strlen(key));
	if (f)
		fclose(f);
	return value;
}

static void say(void)
{
	printf("pss %ld rss %ld\n", kib("Pss:"), kib("Rss:"));
}

static void *call_hsa(void *unused)
{
	void *p;

	(void)unused;
	HSA(hsa_amd_memory_pool_allocate(vram, 4096, 0, &p));
	HSA(hsa_amd_memory_pool_free(p));
	pthread_barrier_wait(&barrier); /* all have called */
	pthread_barrier_wait(&barrier); /* the process was looked at */
	return NULL;
}

static void threads(int n)
{
	pthread_t *t = calloc((size_t)n, sizeof(*t));

	pthread_barrier_init(&barrier, NULL, (unsigned int)n + 1);
	for (int i = 0; i < n; i++)
		pthread_create(&t[i], NULL, call_hsa, NULL);
	pthread_barrier_wait(&barrier);
	say();
	pthread_barrier_wait(&barrier);
	for (int i = 0; i < n; i++)
		pthread_join(t[i], NULL);
	free(t);
}

static void allocations(int n)
{
	void *p;

	while (n--)
		HSA(hsa_amd_memory_pool_allocate(vram, 4096, 0, &p));
	say();
}

int main(int argc, char **argv)
{
	int n = argc == 3 ? atoi(argv[2]) : 0;
	bool of_threads = argc == 3 && !strcmp(argv[1], "threads");

	if (n < 1 || (!of_threads && strcmp(argv[1], "allocations"))) {
		fprintf(stderr, "usage: agent_memory threads|allocations N\n");
		return 2;
	}
	HSA(hsa_init());
	HSA(hsa_iterate_agents(take_agent, NULL));
	HSA(hsa_amd_agent_iterate_memory_pools(gpu, take_vram_pool, NULL));
	(of_threads ? threads : allocations)(n);
	return 0;
}
