/* SPDX-License-Identifier: MIT */
/*
 * What the broker and the preloaded library say to each other, over SOCK_SEQPACKET: one message one
 * packet. The environment tells the library where: RDNA1_EMU=DIR, a directory with the socket and
 * the files that stand in for sysfs, and RDNA1_EMU_TRACE=DIR, the trace to write to.
 */
#ifndef RDNA1_EMU_PROTOCOL_H
#define RDNA1_EMU_PROTOCOL_H

#include <stdint.h>
#include "../../bpf/events.h"

#define EMU_ENV EV_ENV_EMULATED
#define EMU_ENV_TRACE "RDNA1_EMU_TRACE"
#define EMU_SOCKET "broker"

enum {
	EMU_HELLO_CALLS = 1, /* library: I am a process that answers its own ioctls */
	EMU_HELLO_RPC,	     /* library: this connection asks, the broker answers */
	EMU_WELCOME,	     /* broker: with the KFD and render files attached (SCM_RIGHTS) */
	EMU_CALL,	     /* broker: a thread of yours has called ioctl */
	EMU_REPLY,	     /* library: what it returns */
	EMU_VRAM_ALLOC,	     /* library: a bytes; answer in ret: offset or negative errno */
	EMU_VRAM_FREE,	     /* library: offset a, b bytes */
	EMU_VRAM_FREE_BYTES, /* library: how much is left; answer in ret */
	EMU_GTT_ALLOC,
	EMU_GTT_FREE,
};

/* Which stand-in file a descriptor is. */
enum { EMU_FILE_KFD = 1, EMU_FILE_RENDER };

/* Bytes of an ioctl's argument and of the arrays it points to that are logged. */
#define EMU_ARG_MAX 256
#define EMU_ARRAY_MAX 2048

struct emu_msg {
	uint32_t type;
	uint32_t tid;  /* CALL: the calling thread */
	uint64_t id;   /* CALL, REPLY */
	uint32_t file; /* CALL: EMU_FILE_* */
	uint32_t cmd;
	uint64_t arg; /* CALL: address of the argument in the process */
	int64_t ret;  /* REPLY, and answers to RPC */
	uint64_t a, b;
	/* REPLY: what follows in the packet */
	uint16_t arg_len, array_len[2];
	uint16_t pad;
};

/*
 * The stand-in KFD file: each process has its slot (WELCOME, a), and with it a page of doorbells and
 * one of remapped MMIO. The thunk masks a doorbell's mmap offset with a size it does not know yet, so
 * the low 32 bits of these offsets are 0.
 */
#define EMU_MAX_PROCESSES 4096u
#define EMU_DOORBELL_OFFSET(slot) ((2ull * (slot) + 1) << 32)
#define EMU_MMIO_OFFSET(slot) ((2ull * (slot) + 2) << 32)
#define EMU_DOORBELL_BYTES 8192u
#define EMU_KFD_FILE_BYTES EMU_DOORBELL_OFFSET(EMU_MAX_PROCESSES)

/* How a process ends that met a limit of the emulator (EX_SOFTWARE). */
#define EMU_EXIT_GAP 70
/* The stand-in render file: VRAM from 0, GTT behind it. */
#define EMU_GTT_BYTES (1ull << 30)

#endif
