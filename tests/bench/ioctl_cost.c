// SPDX-License-Identifier: MIT
/*
 * What recording a system call costs: the call in a loop, and the recorder alone. The emulated
 * device takes far longer for an ioctl than recording it does; here a file that knows no ioctls
 * stands in for it, so that the call itself is next to nothing.
 *
 * ioctl_cost CALL BURSTS CALLS: make that call for each line read, in bursts with pauses in which
 * whoever traces it can catch up. Prints its PID and descriptor, then each time the median burst's
 * ns of a call.
 *
 * ioctl_cost record PID FD DIR: record that process, whose descriptor FD is the device, into the
 * empty DIR until a line or the end is read. Prints "ready", at the end how many ioctls the
 * kernel's side saw, and how many of them it dropped.
 */
#include "../../usr/record/kernel.h"

#include <fcntl.h>
#include <linux/kfd_ioctl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { DRAIN_MS = 50, PAUSE_US = 60000, BURSTS_MAX = 1000 }; /* DRAIN_MS: as cmd_run.c does */

#define WARM_S 0.01

static int device;

/* ---- the calls ---- */

static void version(void)
{
	struct kfd_ioctl_get_version_args args = {0};

	ioctl(device, AMDKFD_IOC_GET_VERSION, &args);
}

static void alloc(void)
{
	struct kfd_ioctl_alloc_memory_of_gpu_args args = {.va_addr = 0x7f1234560000,
							  .size = 0x200000};

	ioctl(device, AMDKFD_IOC_ALLOC_MEMORY_OF_GPU, &args);
}

static void getppid_call(void)
{
	syscall(SYS_getppid);
}

static const struct {
	const char *name;
	void (*call)(void);
} kinds[] = {{"version", version}, {"alloc", alloc}, {"getppid", getppid_call}};

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median_ns(void (*call)(void), unsigned int bursts, unsigned int calls)
{
	double took[BURSTS_MAX];

	for (unsigned int b = 0; b < bursts; b++) {
		double begin = seconds();

		/* A CPU that was idle is slow at first. */
		while (seconds() - begin < WARM_S)
			;
		begin = seconds();
		for (unsigned int i = 0; i < calls; i++)
			call();
		took[b] = (seconds() - begin) / calls * 1e9;
		usleep(PAUSE_US);
	}
	qsort(took, bursts, sizeof(took[0]), by_value);
	return took[bursts / 2];
}

static int make_calls(void (*call)(void), unsigned int bursts, unsigned int calls)
{
	char line[16];

	device = memfd_create("kfd", MFD_CLOEXEC);
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("%d %d\n", getpid(), device);
	while (fgets(line, sizeof(line), stdin))
		printf("%.1f\n", median_ns(call, bursts, calls));
	return 0;
}

/* ---- the recorder ---- */

static int start(struct kernel *k, const char *dir)
{
	struct stream_meta meta = {0};
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	stream_meta__init(&meta);
	return fd < 0 || stream_dir__create(fd, &meta) || kernel__start(k, fd);
}

static int record(int pid, const char *fd, const char *dir)
{
	struct kernel_config cfg = {.ring_mb = 16};
	struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
	const struct hook_state *calls;
	struct kernel *k;
	struct stat st;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/fd/%s", pid, fd);
	if (stat(path, &st)) {
		perror(path);
		return 1;
	}
	cfg.kfd_dev = st.st_dev;
	cfg.kfd_ino = st.st_ino;
	k = kernel__open(&cfg);
	calls = kernel__hook(k, HOOK_sys_exit);
	if (!calls->on || start(k, dir) || kernel__track(k, &pid, 1)) {
		fprintf(stderr, "ioctl_cost: cannot record: %s\n", calls->reason);
		kernel__close(k);
		return 1;
	}
	puts("ready");
	fflush(stdout);
	while (!poll(&input, 1, DRAIN_MS))
		kernel__drain(k);
	kernel__finish(k);
	calls = kernel__hook(k, HOOK_sys_exit);
	printf("%llu %llu\n", (unsigned long long)calls->seen, (unsigned long long)calls->dropped);
	kernel__close(k);
	return 0;
}

int main(int argc, char **argv)
{
	unsigned int bursts = argc == 4 ? (unsigned int)atoi(argv[2]) : 0;

	if (argc == 5 && !strcmp(argv[1], "record"))
		return record(atoi(argv[2]), argv[3], argv[4]);
	for (unsigned int i = 0;
	     bursts && bursts <= BURSTS_MAX && i < sizeof(kinds) / sizeof(*kinds); i++)
		if (!strcmp(argv[1], kinds[i].name))
			return make_calls(kinds[i].call, bursts, (unsigned int)atoi(argv[3]));
	fprintf(stderr, "usage: ioctl_cost version|alloc|getppid BURSTS CALLS\n"
			"       ioctl_cost record PID FD DIR\n");
	return 2;
}
