/* SPDX-License-Identifier: MIT */
/*
 * What the BPF programs and the recorder share besides the events: the form of a record in the ring
 * and the rows that say which arrays an ioctl points to.
 */
#ifndef RDNA1_BPF_SHARED_H
#define RDNA1_BPF_SHARED_H

#include "events.h"

enum hook {
#define HOOK_CORE(id, group, attach, text) HOOK_##id,
#define HOOK_TP(id, group, tracepoint, text) HOOK_##id,
#define HOOK_FN(id, group, function, returns, text) HOOK_##id,
#define HOOK_API(id, group, library, text) HOOK_##id,
#include "hooks.def"
	NUM_HOOKS
};

enum hook_group {
#define HOOK_GROUP(group, default, text) GROUP_##group,
#include "hooks.def"
	NUM_GROUPS
};

/* A row of kfd_cmds.def or drm_cmds.def as the programs use it. elem 0xffff: count is in bits; 0:
 * no array. */
struct ioctl_row {
	ev_u16 ptr[2], count[2], elem[2];
	ev_u16 take; /* 1: record it */
};
#define KFD_ROWS 256
#define DRM_ROWS 256 /* behind those of KFD */

/* Where a tracepoint's record has a field, by its format file; size 0: it has none. */
struct tp_place {
	ev_u16 offset, size;
};
#define TP_FIELDS 9
#define FN_ARGS 5
#define ARG_UNKNOWN (-1)

#define TRACKED_MAX 32768 /* processes followed at once */

/* Bytes kept of an argument struct and of each array; what is cut is counted in the event. */
#define KREC_ARG_SMALL 128
#define KREC_ARRAY_SMALL 128
#define KREC_ARG_LARGE 1024
#define KREC_ARRAY_LARGE 2048

/* Whose an object of the driver is. */
struct owner {
	ev_u64 since; /* CLOCK_MONOTONIC; of a process that ended */
	/* A kgd_mem: as it was allocated, for kernels whose types are not known. */
	ev_u64 va, size;
	ev_u32 flags;
	ev_u32 pid; /* in the recorder's PID namespace */
};
#define OWNERS_MAX 65536
#define KEY_EXITED(tgid) (3ull << 32 | (ev_u32)(tgid)) /* who it was, and since when it is no more */

/* A call from its entry to its return. */
struct flight_key {
	ev_u32 tid; /* of the machine */
	ev_u32 hook;
};

#define FLIGHT_BYTES 64
struct flight {
	ev_u64 ts;
	ev_u64 args[FN_ARGS];
	ev_u32 pid;
	ev_u32 tid;		 /* in the recorder's PID namespace */
	ev_u8 arg[FLIGHT_BYTES]; /* an ioctl's struct as it began */
};
#define FLIGHT_MAX 16384

struct last_iv {
	ev_u64 ts, va;
	ev_u32 pid, pasid;
	ev_u32 is_fault;
};

/* What is kept of each traced process. */
struct tracked_process {
	ev_u32 pid; /* in the recorder's PID namespace */
	ev_u32 uses_kfd;
	ev_u64 exec_ns; /* when it became another program; CLOCK_MONOTONIC, 0: not since it is traced */
};

/* Start of every record in the ring: the event as it will stand in the stream, after its CPU. */
struct EV_PACKED krec {
	ev_u16 cpu;
	ev_u16 hook;	 /* enum hook */
	ev_u16 fixed;	 /* bytes of the event's fixed fields, behind this struct */
	ev_u8 num_blobs; /* then its BYTES, each in a slot of fixed size */
	ev_u8 is_text;	 /* 1: the one blob is a TEXT */
	ev_u16 blob_len[4];
	ev_u16 blob_slot[4];
	struct ev_head head;
};

#define TEXT_MAX 256

/* A row of api_calls.def as the programs use it; by the number of the call. */
#define API_ROWS 1024
#define API_ARGS 32
#define API_COPIES 3
#define API_COPY_MAX 256
struct api_row {
	ev_u8 num_args;
	ev_u8 pad;
	struct {
		ev_u8 arg, count; /* number of the argument plus 1; 0: no copy, once */
		ev_u16 elem;	  /* 0: a text */
	} copy[API_COPIES];
};

/* A call from its entry to its return: a thread may be in one call twice. */
struct api_key {
	ev_u64 sp; /* above the return address */
	ev_u32 tid;
	ev_u32 call;
};
struct api_flight {
	ev_u64 ts;
	ev_u32 pid;
	ev_u32 tid; /* in the recorder's PID namespace */
	ev_u64 ip;
	ev_u32 file; /* whose probe it was */
	ev_u32 tgid; /* of the machine */
	ev_u64 args[API_ARGS];
};
/* Each CPU may hold some 128 that are free (kernel/bpf/bpf_lru_list.c). */
#define API_FLIGHT_MAX 16384

/* The cookie of a probe: the call, and a number for the file that it is in. */
#define API_COOKIE(file, call) ((ev_u64)(file) << 32 | (call))

/* How the names of the files that are looked for begin, in words of 8 characters. */
#define LIBRARY_PREFIXES 4
struct library_prefix {
	ev_u64 word[2], mask[2]; /* mask of 0 in both: none */
};

/* Not an event (id 0): a traced process has mapped such a file to execute it. */
struct EV_PACKED map_note {
	ev_u32 pid;
	ev_u64 addr;
	char name[64]; /* of the file, as much as fits */
};

#endif
