/* SPDX-License-Identifier: MIT */
/*
 * The binary form of a trace, made from the tables events.def and losses.def.
 *
 * Shared by everything: BPF programs, the agent inside the application, the emulated device, the
 * recorder and the readers. Includes nothing and needs no libc. Little-endian, packed, fixed width.
 *
 * An event is struct ev_head, its fixed fields (struct ev_<name>), then in the table's order for
 * each BYTES a u16 length and that many bytes, for each TEXT the characters and a terminating 0.
 */
#ifndef RDNA1_EVENTS_H
#define RDNA1_EVENTS_H

typedef __UINT8_TYPE__ ev_u8;
typedef __UINT16_TYPE__ ev_u16;
typedef __UINT32_TYPE__ ev_u32;
typedef __UINT64_TYPE__ ev_u64;
typedef __INT32_TYPE__ ev_s32;
typedef __INT64_TYPE__ ev_s64;
/* x*: the same integers, printed in hexadecimal. */
typedef ev_u8 ev_x8;
typedef ev_u16 ev_x16;
typedef ev_u32 ev_x32;
typedef ev_u64 ev_x64;

#define EV_PACKED __attribute__((packed))

/*
 * Raised when the layout of anything here changes, but for fields behind an event's last: readers
 * take a missing tail for absent. A writer joins only a trace of its own format.
 */
#define EV_FORMAT 1

/* In the environment of every process on the emulated device: a trace it writes must say so. */
#define EV_ENV_EMULATED "RDNA1_EMU"

#define EV_MAGIC 0xC1FC1FC1u /* CTF 1.8 packet magic */

/*
 * Start of every chunk file: CTF packet.header and packet.context. content_bits is valid after
 * every event; packet_bits is the size of the file and does not change. seen counts the events
 * this stream was asked to write, so seen - written is what it lost.
 */
struct EV_PACKED ev_chunk {
	ev_u32 magic;
	ev_u8 uuid[16];
	ev_u32 stream_id; /* always 0 */
	ev_u64 stream_instance_id;
	/* packet.context */
	ev_u64 timestamp_begin;
	ev_u64 content_bits;
	ev_u64 packet_bits;
	ev_u64 seen;
	ev_u32 pid; /* process that wrote it */
	ev_u32 cpu; /* kernel streams: the CPU the events come from; else 0 */
};
_Static_assert(sizeof(struct ev_chunk) == 72, "format");

/* CTF event.header {id, timestamp} and event.context {size, tid}. Id 0 is never used. */
struct EV_PACKED ev_head {
	ev_u16 id;
	ev_u64 timestamp; /* CLOCK_MONOTONIC, nanoseconds */
	ev_u16 size;	  /* whole event in bytes, this header included */
	ev_u32 tid;
};
_Static_assert(sizeof(struct ev_head) == 16, "format");

#define EV_SIZE_MAX 0xffff

enum ev_id {
#define EVENT(name, id, doc) EV_##name = id,
#define F(type, name, print, doc)
#define BYTES(name, print, doc)
#define TEXT(name, doc)
#define END(name)
#include "events.def"
};

#define EVENT(name, id, doc) struct EV_PACKED ev_##name {
#define F(type, name, print, doc) ev_##type name;
#define BYTES(name, print, doc)
#define TEXT(name, doc)
#define END(name)                                                                                  \
	}                                                                                          \
	;
#include "events.def"

/* No padding crept in, whatever the compiler. */
#define EVENT(name, id, doc) _Static_assert(sizeof(struct ev_##name) == 0
#define F(type, name, print, doc) +sizeof(ev_##type)
#define BYTES(name, print, doc)
#define TEXT(name, doc)
#define END(name) , "ev_" #name);
#include "events.def"

enum ev_loss_cause {
#define LOSS(name, id, text, remedy) LOSS_##name = id,
#include "losses.def"
	LOSS_COUNT
};

/* Values of small enumerated fields. */
enum ev_source { SOURCE_kernel = 1, SOURCE_agent, SOURCE_emu, SOURCE_recorder };
enum ev_phase { PHASE_begin = 1, PHASE_end };
enum ev_pte_op { PTE_OP_map = 1, PTE_OP_unmap };
enum ev_pasid_op { PASID_OP_allocated = 1, PASID_OP_freed };
enum ev_mem_op { MEM_OP_map = 1, MEM_OP_unmap, MEM_OP_free };
enum ev_evict_op { EVICT_OP_evict = 1, EVICT_OP_restore, EVICT_OP_evict_pasid };
enum ev_queue_op { QUEUE_OP_create = 1, QUEUE_OP_update, QUEUE_OP_destroy };
enum ev_flag_kind { FLAG_KIND_pte = 1, FLAG_KIND_vm };
enum ev_gap_cause { GAP_consumed = 1, GAP_unseen_doorbell };
enum ev_fault_kind {
	EMU_FAULT_page = 1, /* canonical address, not mapped */
	EMU_FAULT_permission,
	EMU_FAULT_aperture, /* outside every aperture: TRAPSTS.MEM_VIOL */
	EMU_FAULT_illegal,
	EMU_FAULT_trap,
	EMU_FAULT_packet, /* malformed AQL, PM4 or SDMA packet */
	EMU_FAULT_hang,	  /* injected: waves that never end */
	EMU_FAULT_reset,  /* injected: the GPU was reset */
};

#endif
