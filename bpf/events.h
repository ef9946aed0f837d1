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
enum ev_gap_cause { GAP_consumed = 1, GAP_unseen_doorbell, GAP_runtime };
enum ev_mem_kind {
	MEM_KIND_pool = 1, /* hsa_amd_memory_pool_allocate */
	MEM_KIND_region,   /* hsa_memory_allocate */
	MEM_KIND_lock,	   /* hsa_amd_memory_lock, lock_to_pool: host memory given to the GPU */
	MEM_KIND_register, /* hsa_memory_register */
	MEM_KIND_ipc,	   /* hsa_amd_ipc_memory_attach */
	MEM_KIND_interop,  /* hsa_amd_interop_map_buffer */
	MEM_KIND_reserve,  /* hsa_amd_vmem_address_reserve: addresses alone */
	MEM_KIND_handle,   /* hsa_amd_vmem_handle_create, import: memory without an address */
	MEM_KIND_map,	   /* hsa_amd_vmem_map */
	MEM_KIND_svm,	   /* hsa_amd_svm_attributes_set: host memory under the driver's care */
	MEM_KIND_code,	   /* a loaded code object */
	MEM_KIND_queue,	   /* a queue's ring and its hsa_queue_t */
};
enum ev_copy_kind { COPY_KIND_sync = 1, COPY_KIND_async, COPY_KIND_engine, COPY_KIND_rect };
enum ev_queue_maker { QUEUE_MAKER_create = 1, QUEUE_MAKER_soft, QUEUE_MAKER_runtime };
enum ev_queue_read {
	QUEUE_READ_doorbell = 1,
	QUEUE_READ_intercept,
	QUEUE_READ_not,
	QUEUE_READ_front, /* in a ring of the agent's, in front of the device's */
};
enum ev_queue_property { QUEUE_SET_priority = 1, QUEUE_SET_profiling, QUEUE_SET_cu_mask };
enum ev_timed_by { TIMED_BY_own = 1, TIMED_BY_agent };
enum ev_code_stored {
	CODE_STORED_yes = 1,
	CODE_STORED_off,
	CODE_STORED_large,
	CODE_STORED_failed,
	CODE_STORED_used,
};
enum ev_evidence { EVIDENCE_queue_error = 1, EVIDENCE_memory_fault, EVIDENCE_signal, EVIDENCE_hang };
enum ev_dispatch_done { DISPATCH_DONE_yes = 1, DISPATCH_DONE_no, DISPATCH_DONE_unknown };
enum ev_watch_state {
	WATCH_STATE_idle = 1,
	WATCH_STATE_waiting, /* for a signal that the host sets */
	WATCH_STATE_compiling,
	WATCH_STATE_running, /* longer than usual, within what this kernel has been seen to take */
	WATCH_STATE_stuck,
};
enum ev_policy_kind {
	POLICY_KIND_override = 1, /* of allocations */
	POLICY_KIND_late_free,
	POLICY_KIND_replace, /* a rule of the user's for kernels */
	POLICY_KIND_fallback,
	POLICY_KIND_hazardous,
	POLICY_KIND_quarantine, /* an entry that was found in it */
};
enum ev_policy_state {
	POLICY_STATE_on = 1,
	POLICY_STATE_refused, /* it would break the program, or is not understood */
	POLICY_STATE_impossible, /* what it needs is not there */
};
enum ev_kept_phase { KEPT_PHASE_kept = 1, KEPT_PHASE_given_back };
enum ev_steer_action {
	STEER_ACTION_file = 1, /* a kernel of the user's file runs instead */
	STEER_ACTION_native,   /* one of ours, made for gfx1010 */
	STEER_ACTION_host,
	STEER_ACTION_none, /* it runs as it is */
};
enum ev_steer_why {
	STEER_WHY_rule = 1, /* --replace */
	STEER_WHY_fallback, /* --fallback=native|host: all of a known family */
	STEER_WHY_quarantine,
	STEER_WHY_hazard, /* --replace-hazardous */
};
enum ev_steer_passed {
	STEER_PASSED_no,
	STEER_PASSED_arguments, /* they are not of a problem that can be computed */
	STEER_PASSED_size,	/* workgroup, local or private memory are beyond what the other kernel takes */
	STEER_PASSED_unread,	/* they could not be read */
	STEER_PASSED_taken,	/* the device had it already */
	STEER_PASSED_memory,	/* there was none */
	STEER_PASSED_queue,	/* its queue cannot be given more packets */
};
enum ev_range_op { RANGE_OP_push = 1, RANGE_OP_pop, RANGE_OP_mark, RANGE_OP_start, RANGE_OP_stop };
enum ev_export_kind { EXPORT_KIND_ipc = 1, EXPORT_KIND_dmabuf, EXPORT_KIND_vmem };
enum ev_pointer_state {
	POINTER_STATE_inside = 1, /* a live allocation holds it */
	POINTER_STATE_nothing = 3, /* no allocation that was seen held it */
	POINTER_STATE_freed,	/* one did, and was freed */
	POINTER_STATE_past_end, /* a live allocation ends at it or a little before: less than 64 KiB */
	POINTER_STATE_busy,	/* allocations changed too fast to ask */
};
/* What a kernel argument is (enum isa_arg_kind). */
enum ev_arg_kind {
	ARG_KIND_value = 1,
	ARG_KIND_buffer,
	ARG_KIND_lds,
	ARG_KIND_object,
	ARG_KIND_hidden_pointer,
	ARG_KIND_hidden_value,
	ARG_KIND_other,
};

/* dispatch.pointers: one for each argument that is a pointer and not null. */
struct EV_PACKED ev_pointer {
	ev_u16 at;    /* offset in the kernarg segment */
	ev_u8 state;  /* enum ev_pointer_state */
	ev_u8 kind;   /* enum ev_mem_kind of the allocation; 0 without */
	ev_u64 base, size; /* the allocation: inside, freed, past_end */
};
_Static_assert(sizeof(struct ev_pointer) == 20, "format");

/* kernel_info.args */
struct EV_PACKED ev_kernel_arg {
	ev_u16 offset, size; /* bytes of the kernarg segment */
	ev_u8 kind;	     /* enum ev_arg_kind */
};
_Static_assert(sizeof(struct ev_kernel_arg) == 5, "format");

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
