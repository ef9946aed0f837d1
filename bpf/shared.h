/* SPDX-License-Identifier: MIT */
/*
 * What the BPF programs and the recorder share besides the events: the form of a record in the ring
 * and the rows that say which arrays an ioctl points to.
 */
#ifndef RDNA1_BPF_SHARED_H
#define RDNA1_BPF_SHARED_H

#include "events.h"

/* Hooks, in the order of the programs; names in usr/record/kernel.c. */
enum hook { HOOK_sys_exit, HOOK_fork, HOOK_exec, HOOK_exit, NUM_HOOKS };

/* A row of kfd_cmds.def as the programs use it. elem 0xffff: count is in bits; 0: no array. */
struct kfd_row {
	ev_u16 ptr[2], count[2], elem[2];
};
#define KFD_ROWS 256

#define TRACKED_MAX 32768 /* processes followed at once */

/* Bytes kept of an argument struct and of each array; what is cut is counted in the event. */
#define KREC_ARG_SMALL 128
#define KREC_ARRAY_SMALL 128
#define KREC_ARG_LARGE 1024
#define KREC_ARRAY_LARGE 2048

/*
 * Which process is the first: the recorder knows its number in its own PID namespace only. The program
 * finds it when it makes a system call, and with it how deep that namespace lies.
 */
struct seed {
	ev_u32 pid; /* 0: found, or not asked for */
	ev_u32 ns;  /* inode of /proc/self/ns/pid */
};

/* What is kept of each traced process. */
struct tracked_process {
	ev_u32 pid; /* in the recorder's PID namespace */
	ev_u32 uses_kfd;
};

/* Start of every record in the ring: the event as it will stand in the stream, after its CPU. */
struct EV_PACKED krec {
	ev_u32 cpu;
	ev_u16 fixed; /* bytes of the event's fixed fields, behind this struct */
	ev_u8 num_blobs; /* then its BYTES, each in a slot of fixed size */
	ev_u8 is_text;	 /* 1: the one blob is a TEXT */
	ev_u16 blob_len[3];
	ev_u16 blob_slot[3];
	struct ev_head head;
};

#define TEXT_MAX 256

#endif
