// SPDX-License-Identifier: MIT
/* A library whose constructor waits, under the loader's lock, for another thread: hsa-survive constructor. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

__attribute__((constructor)) static void wait_for_other(void)
{
	const char *at = getenv("WAIT_FOR"); /* the address of two ints: begun, done */
	int *state = at ? (int *)strtoull(at, NULL, 16) : NULL;

	if (!state)
		return;
	__atomic_store_n(&state[0], 1, __ATOMIC_SEQ_CST);
	for (int i = 0; i < 2000 && !__atomic_load_n(&state[1], __ATOMIC_SEQ_CST); i++)
		usleep(10000);
	if (!__atomic_load_n(&state[1], __ATOMIC_SEQ_CST)) {
		printf("the other thread did not come back\n");
		fflush(stdout);
		_exit(42);
	}
}
