// SPDX-License-Identifier: MIT
/*
 * hsa-leave MODE: how a program whose convolutions the host computes goes on where the agent's threads are not.
 *
 *   fork    a child that is forked with two queues there ends: at once
 *   thread  a queue is made while no thread can be: it works, as a plain one
 */
#include "hsa_kernel.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static bool refuse;

/* In front of the C library's. */
int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *), void *arg)
{
	__typeof__(&pthread_create) next;
	void *at = dlsym(RTLD_NEXT, "pthread_create");

	if (refuse)
		return EAGAIN;
	memcpy(&next, &at, sizeof(next));
	return next(thread, attr, run, arg);
}

static hsa_queue_t *new_queue(void)
{
	hsa_queue_t *q;

	HSA(hsa_queue_create(gpu, 64, HSA_QUEUE_TYPE_SINGLE, NULL, NULL, UINT32_MAX, UINT32_MAX, &q));
	return q;
}

static void leave_by_fork(void)
{
	const time_t begin = time(NULL);
	int status = -1;
	pid_t pid;

	new_queue();
	new_queue();
	fflush(stdout);
	pid = fork();
	if (!pid)
		exit(0);
	waitpid(pid, &status, 0);
	printf("the child: status %d, %s\n", status, time(NULL) - begin < 10 ? "at once" : "LATE");
}

static void make_without_thread(void)
{
	hsa_signal_t done = new_signal(1);
	uint64_t *count = memory(4096), *kernarg = memory(4096);
	hsa_kernel_dispatch_packet_t p = dispatch_of(KERNEL(0, COUNT_UP), kernarg);
	hsa_queue_t *q;

	new_queue();
	refuse = true;
	q = new_queue();
	refuse = false;
	kernarg[0] = (uint64_t)(uintptr_t)count;
	p.completion_signal = done;
	put(q, &p);
	printf("the kernel %s\n", reaches(done, 0) && *count == 1 ? "ran" : "DID NOT RUN");
	HSA(hsa_queue_destroy(q));
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: hsa-leave fork|thread\n");
		return 2;
	}
	start_hsa();
	if (!strcmp(argv[1], "fork"))
		leave_by_fork();
	else
		make_without_thread();
	fflush(stdout);
	_exit(0);
}
