// SPDX-License-Identifier: MIT
/*
 * ioctl-storm THREADS CALLS [FORKS]: a load that counts itself. Each thread makes CALLS
 * AMDKFD_IOC_GET_VERSION calls on /dev/kfd; then FORKS children are made and waited for. Prints
 * "ready", waits for a line, runs, prints "made N ioctls, N forks", waits for another line.
 */
#include <fcntl.h>
#include <linux/kfd_ioctl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

static int kfd, calls;
static unsigned long made;

static void *storm(void *arg)
{
	struct kfd_ioctl_get_version_args v;

	(void)arg;
	for (int i = 0; i < calls; i++) {
		if (ioctl(kfd, AMDKFD_IOC_GET_VERSION, &v) || v.major_version != 1) {
			perror("AMDKFD_IOC_GET_VERSION");
			exit(1);
		}
		__atomic_fetch_add(&made, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	int threads = argc > 2 ? atoi(argv[1]) : 0, forks = argc > 3 ? atoi(argv[3]) : 0;
	pthread_t t[64];
	char line[16];

	calls = argc > 2 ? atoi(argv[2]) : 0;
	kfd = open("/dev/kfd", O_RDWR | O_CLOEXEC);
	if (threads < 1 || threads > 64 || kfd < 0) {
		fprintf(stderr, "usage: ioctl-storm THREADS CALLS [FORKS], with a /dev/kfd\n");
		return 2;
	}
	puts("ready");
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		return 1;
	for (int i = 0; i < threads; i++)
		pthread_create(&t[i], NULL, storm, NULL);
	for (int i = 0; i < threads; i++)
		pthread_join(t[i], NULL);
	for (int i = 0; i < forks; i++) {
		pid_t pid = fork();

		if (!pid)
			_exit(0);
		waitpid(pid, NULL, 0);
	}
	printf("made %lu ioctls, %d forks\n", made, forks);
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		return 1;
	return 0;
}
