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
/* void (FILE *): what the device executes, for --emulate=list */
#define EMU_LIST_SYMBOL "rdna1_emu_list"

enum {
	EMU_HELLO_CALLS = 1, /* library: I am a process that answers its own ioctls */
	EMU_HELLO_RPC,	     /* library: this connection asks, the broker answers */
	EMU_WELCOME,	     /* broker: struct emu_welcome, with the stand-in files attached */
	EMU_CALL,	     /* broker: a thread of yours has called ioctl */
	EMU_REPLY,	     /* library: what it returns */
	EMU_VRAM_ALLOC,	     /* library: a bytes; answer in ret: offset or negative errno */
	EMU_VRAM_FREE,	     /* library: no longer mine, what begins at offset a, of VRAM or GTT */
	EMU_VRAM_FREE_BYTES, /* library: how much is left; answer in ret */
	EMU_GTT_ALLOC,
	EMU_HOLD,	/* library: mine, too, what begins at offset a; answer: its bytes */
	EMU_HELD_BYTES, /* library: answer: the bytes of what begins at offset a */
	EMU_RESET, /* either way: a card was reset; every process loses its queues */
};

/* Which stand-in file a descriptor is: KFD, or the render node of card N at EMU_FILE_RENDER + N. */
enum { EMU_FILE_KFD = 1, EMU_FILE_RENDER };

/* ---- what was asked for with --emulate=...; broker and every process have the same ---- */

#define EMU_MAX_CARDS 4
#define EMU_MAX_INJECTIONS 8

/* The KFD interface: 1.MINOR (include/uapi/linux/kfd_ioctl.h). 8 is what ROCm 5.2's header has. */
#define EMU_KFD_MINOR_MIN 8
#define EMU_KFD_MINOR_MAX 23
/* The version that brought what is more than a command of its own. */
#define EMU_KFD_DEBUG 13	  /* exceptions for the runtime and a debugger */
#define EMU_KFD_EVENT_AGE 14	  /* kfd_event_data has last_event_age */
#define EMU_KFD_SDMA_BY_ENGINE 17 /* KFD_IOC_QUEUE_TYPE_SDMA_BY_ENG_ID */

/* Something that goes wrong at a chosen dispatch of a process. */
#define EMU_INJECTIONS(X)                                                                          \
	X(hang, "its waves never end")                                                             \
	X(page, "a page fault at address 0xdead000")                                               \
	X(permission, "a write to memory that is read-only")                                       \
	X(aperture, "an access beyond what a page table can map")                                  \
	X(illegal, "an instruction the chip does not have")                                        \
	X(trap, "s_trap")                                                                          \
	X(reset, "the GPU is reset, for every process")
enum emu_injection_kind {
	EMU_INJECT_none,
#define X(name, text) EMU_INJECT_##name,
	EMU_INJECTIONS(X)
#undef X
};

struct emu_injection {
	uint32_t kind;
	uint32_t dispatch; /* counted from 1 in each process */
};

struct emu_config {
	uint32_t num_cards;
	uint32_t cards[EMU_MAX_CARDS]; /* rows of caps_cards */
	uint32_t kfd_minor;
	uint8_t svm;	   /* the SVM ioctl is there */
	uint8_t large_bar; /* the CPU reaches all of VRAM */
	uint8_t ipc;	   /* the ioctls of AMD's driver package that share memory are there */
	uint8_t pad;
	uint32_t num_injections;
	struct emu_injection injections[EMU_MAX_INJECTIONS];
	uint64_t trace_bytes; /* the broker and each process keep the newest of their streams; 0: all */
};

/* Bytes of an ioctl's argument and of the arrays it points to that are logged. */
#define EMU_ARG_MAX 256
#define EMU_ARRAY_MAX 2048

struct emu_msg {
	uint32_t type;
	uint32_t tid;  /* CALL: the calling thread */
	uint64_t id;   /* CALL, REPLY */
	uint32_t file; /* CALL: EMU_FILE_*; VRAM, GTT, RESET: the card */
	uint32_t cmd;
	uint64_t arg; /* CALL: address of the argument in the process */
	int64_t ret;  /* REPLY, and answers to RPC */
	uint64_t a, b;
	/* REPLY: what follows in the packet */
	uint16_t arg_len, array_len[2];
	uint16_t pad;
};

struct emu_welcome {
	struct emu_msg msg; /* a: the process's slot */
	struct emu_config config;
};

/*
 * The stand-in KFD file: each process has its slot (WELCOME, a), and with it for each card a page of
 * doorbells and one of remapped MMIO. The thunk masks a doorbell's mmap offset with a size it does not know yet, so
 * the low 32 bits of these offsets are 0.
 */
#define EMU_MAX_PROCESSES 4096u
#define EMU_DOORBELL_OFFSET(slot, card) ((2ull * ((slot) * EMU_MAX_CARDS + (card)) + 1) << 32)
#define EMU_MMIO_OFFSET(slot, card) ((2ull * ((slot) * EMU_MAX_CARDS + (card)) + 2) << 32)
#define EMU_DOORBELL_BYTES 8192u
#define EMU_KFD_FILE_BYTES EMU_DOORBELL_OFFSET(EMU_MAX_PROCESSES, 0)

/* How a process ends that met a limit of the emulator (EX_SOFTWARE). */
#define EMU_EXIT_GAP 70
/*
 * The stand-in render file of a card: VRAM from 0, GTT behind it. A buffer's pages need not lie together in
 * a card's memory (amdgpu_vram_mgr.c gives blocks), but they do in this file, whose mapping it is: so that no
 * free memory is lost between buffers, offsets are of a range that is several times as large.
 */
#define EMU_GTT_BYTES (1ull << 30)
#define EMU_OFFSETS(bytes) (8 * (uint64_t)(bytes))
#define EMU_RENDER_FILE_BYTES(vram_bytes) EMU_OFFSETS((vram_bytes) + EMU_GTT_BYTES)
/* kfd_topology.c makes an id of the card's properties; these are chosen. The render nodes' too. */
#define EMU_GPU_ID(card) (0x5e00u + (card))
#define EMU_RENDER_MINOR(card) (128u + (card))

#endif
