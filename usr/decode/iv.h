/* SPDX-License-Identifier: MIT */
/*
 * Interrupts of the GPU as the driver reads them from its ring (amdgpu_iv): which of them mean a
 * page fault, an exception of a wave, a finished packet. Pure; by the rows of caps.h.
 */
#ifndef RDNA1_DECODE_IV_H
#define RDNA1_DECODE_IV_H

#include "../base/buf.h"
#include "../caps/caps.h"

struct iv {
	uint32_t client_id, src_id, ring_id, vmid, pasid;
	uint32_t src_data[4];
};

enum iv_class {
	IV_OTHER,
	IV_PAGE_FAULT,	/* of the memory hubs: va, retry, and which access */
	IV_WAVE,	/* a wave sent a message: data, priv; with priv doorbell_id and codes */
	IV_SQ,		/* the shader's own: data */
	IV_HW_ERROR,	/* of a wave: err_type, priv */
	IV_END_OF_PIPE, /* CP: a release packet with an interrupt */
	IV_BAD_OPCODE,	/* CP: doorbell_id, and err_type as EC_QUEUE_PACKET_* of kfd_ioctl.h */
	IV_SDMA_TRAP,
};

/* Exceptions in iv_info.codes, sent by the trap handler: EC_QUEUE_WAVE_* of kfd_ioctl.h from 1 on.
 */
enum {
	IV_CODE_ABORT = 1 << 0,
	IV_CODE_TRAP = 1 << 1,
	IV_CODE_MATH_ERROR = 1 << 2,
	IV_CODE_ILLEGAL_INSTRUCTION = 1 << 3,
	IV_CODE_MEMORY_VIOLATION = 1 << 4, /* a page fault */
	IV_CODE_APERTURE_VIOLATION = 1 << 5,
};

struct iv_info {
	enum iv_class class;
	uint64_t va; /* of the page */
	bool retry, read, write, exec, priv;
	uint32_t data;
	unsigned int doorbell_id; /* kfd_doorbell_id() of the queue */
	unsigned int codes;
	unsigned int err_type;
	unsigned int se, sa, wgp, cu, simd, wave;
};

/* row NULL: class IV_OTHER. */
struct iv_info iv__decode(const struct caps_iv *row, const struct iv *iv);

/* "wave exception APERTURE_VIOLATION, doorbell_id=1, se=0 ...": one line without its end. */
void iv_print(struct buf *b, const struct caps_iv *row, const struct iv *iv);

/* "APERTURE_VIOLATION|TRAP": iv_info.codes; "MEMVIOL": iv_info.err_type of IV_HW_ERROR. */
void iv_print_codes(struct buf *b, unsigned int codes);
void iv_print_error(struct buf *b, unsigned int err_type);

/* "UTCL2"; NULL when unknown. Numbers of SOC15 (gfx9 and gfx10). */
const char *iv_client_name(uint64_t client_id);

/*
 * "SQ_INTERRUPT_ID"; NULL when unknown. Numbers of the graphics and SDMA blocks; other clients mean
 * something else by them.
 */
const char *iv_src_name(uint64_t src_id);

#endif
