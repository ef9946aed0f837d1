/* SPDX-License-Identifier: MIT */
/*
 * The live kernel side: load and attach the BPF programs, drain their ring into kernel_<cpu>
 * streams. Knows libbpf and the stream writer; decodes nothing.
 */
#ifndef RDNA1_RECORD_KERNEL_H
#define RDNA1_RECORD_KERNEL_H

#include <stdbool.h>
#include <stdint.h>
#include "../../bpf/shared.h"
#include "../../hsa-tools/stream/stream.h"

struct hook_state {
	const char *name; /* what it records, and where */
	const char *how;  /* what it is attached by: "fentry", "kprobe", "raw_tp", "tracepoint"; "-"
			     when off */
	bool on;
	bool needed;	  /* false: there is nothing here for it to see */
	int error;	  /* negative errno when off */
	char reason[256]; /* why, in words */
	uint64_t seen, dropped;
	unsigned int probes; /* of a library: functions that have one */
};

struct kernel_config {
	uint32_t ring_mb;
	uint32_t groups; /* of hooks, as hook_groups__parse makes them; 0: the default ones */
	/* The emulated device's stand-in for /dev/kfd, as fstat tells it; 0 without emulation. */
	uint64_t kfd_dev, kfd_ino;
	uint64_t max_bytes; /* of the kernel_<cpu> streams; 0: no bound */
	uint32_t own_ns; /* kernel__open fills it in */
	bool attach;	 /* to processes that run, and may have the device open */
	bool verbose;	 /* libbpf's own messages to stderr */
};

struct kernel;

/*
 * Load what can be loaded, attach it. Never NULL: with no hook on it records nothing, and
 * kernel__hook says why. Needs CAP_BPF and CAP_PERFMON.
 */
struct kernel *kernel__open(const struct kernel_config *cfg);
void kernel__close(struct kernel *k); /* detaches; NULL is fine */

const struct hook_state *kernel__hook(struct kernel *k, unsigned int i); /* NULL past the end */
bool kernel__any(const struct kernel *k);

/*
 * Trace these processes, and what they make from now on. The numbers are those of our own PID
 * namespace. 0, or negative errno: -ESRCH when one of them could not be found among the kernel's.
 */
int kernel__track(struct kernel *k, const int *pids, unsigned int n);

/* Of processes that ran before kernel__track: take note of the devices they have open. */
int kernel__learn_open(struct kernel *k);

/*
 * Libraries whose calls are to be recorded: that can be read which says that a process has mapped
 * one
 * (-1: none is asked for), and to put the probes in those that wait for it, which needs root. Each
 * is an api_library event in log. kernel__look_for_libraries: what the process has mapped already.
 */
int kernel__library_fd(const struct kernel *k);
void kernel__look_for_libraries(struct kernel *k, int pid);
bool kernel__libraries_wait(const struct kernel *k);
void kernel__attach_libraries(struct kernel *k, struct stream *log);
/* After kernel__finish: of those that were mapped last, none was probed. */
void kernel__forgo_libraries(struct kernel *k, struct stream *log);

/*
 * Those that the dynamic linker would find, with this LD_LIBRARY_PATH (NULL is fine): from then on no
 * call of them is missed.
 */
void kernel__find_libraries(struct kernel *k, const char *library_path);

/* Whether any traced process still runs. */
bool kernel__any_process(const struct kernel *k);
/* This one has ended; it may have done so before kernel__track, where nothing says it. */
void kernel__forget(struct kernel *k, int pid);

/* The last drain; record which processes still run, and what the programs missed. How many run. */
unsigned int kernel__finish(struct kernel *k);

/* Write to the trace in dir_fd from now on. Negative errno when no stream can be opened. */
int kernel__start(struct kernel *k, int dir_fd);

/*
 * Move what is in the ring to the streams; how many events, -EAGAIN when there are more than one
 * call is to take.
 */
int kernel__drain(struct kernel *k);

#endif
