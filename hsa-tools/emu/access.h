/* SPDX-License-Identifier: MIT */
/*
 * One lane's access, checked against the page tables or the bounds of LDS, and how its bytes become
 * registers: what FLAT, buffer, scalar and DS instructions share.
 */
#ifndef RDNA1_EMU_ACCESS_H
#define RDNA1_EMU_ACCESS_H

#include <string.h>

#include "wave.h"
#include "../../bpf/events.h"
#include "../../usr/caps/caps.h"

/* Stops the wave: why [va, va + size) cannot be accessed. */
void memory_fault(struct wave *w, uint64_t va, uint32_t size, bool write, uint32_t lane);
/* An access that is not within one buffer; false: the wave has stopped. */
bool split_access(struct wave *w, uint64_t va, uint8_t *data, uint32_t size, bool write,
		  uint32_t lane);

static inline bool mem_read(struct wave *w, uint64_t va, void *out, uint32_t size, uint32_t lane)
{
	const uint8_t *host = vm_host(w->view, va, size, PTE_READABLE);

	if (__builtin_expect(!host, 0))
		return split_access(w, va, out, size, false, lane);
	memcpy(out, host, size);
	return true;
}

static inline bool mem_write(struct wave *w, uint64_t va, const void *in, uint32_t size,
			     uint32_t lane)
{
	uint8_t *host = vm_host(w->view, va, size, PTE_WRITEABLE);

	if (__builtin_expect(!host, 0))
		return split_access(w, va, (uint8_t *)(uintptr_t)in, size, true, lane);
	memcpy(host, in, size);
	return true;
}

/* LDS, by byte offset; past what the workgroup allocated is an aperture violation. */
static inline uint8_t *lds_at(struct wave *w, uint64_t offset, uint32_t size, bool write,
			      uint32_t lane)
{
	if (__builtin_expect(offset + size > w->lds_bytes, 0)) {
		wave_fault(w, EMU_FAULT_aperture, CAPS_LDS_BASE + offset, size, write, lane);
		return NULL;
	}
	return w->lds + offset;
}

/* What a lane addresses: memory, LDS, or its scratch. */
enum space { SPACE_MEMORY, SPACE_LDS, SPACE_SCRATCH };

/* Host pointer for an atomic, which must be aligned and in one piece; NULL: the wave has stopped.
 */
uint8_t *atomic_at(struct wave *w, enum space space, uint64_t addr, uint32_t size, uint32_t lane);

/* How the bytes become registers: size, extension, and which half of the register. */
struct data_kind {
	uint8_t bytes;
	bool sext;
	uint8_t half; /* 0 whole registers, 1 low half kept apart (D16), 2 high half */
};
#define KIND(bytes, sext, half) ((struct data_kind){bytes, sext, half})

static inline void load_to_vgpr(struct wave *w, unsigned int dst, uint32_t lane,
				const uint8_t *data, struct data_kind k)
{
	uint32_t v = 0;

	if (k.bytes >= 4) {
		for (unsigned int r = 0; r < k.bytes / 4u; r++)
			memcpy(&wave_vgpr(w, dst + r)[lane], data + 4 * r, 4);
		return;
	}
	memcpy(&v, data, k.bytes);
	if (k.sext)
		v = k.bytes == 1 ? (uint32_t)(int8_t)v : (uint32_t)(int16_t)v;
	if (k.half) {
		uint32_t *reg = &wave_vgpr(w, dst)[lane];

		v = k.half == 1 ? (*reg & 0xffff0000) | (v & 0xffff) : (*reg & 0xffff) | v << 16;
	}
	wave_vgpr(w, dst)[lane] = v;
}

static inline void store_from_vgpr(const struct wave *w, unsigned int src, uint32_t lane,
				   uint8_t *data, struct data_kind k)
{
	if (k.bytes >= 4) {
		for (unsigned int r = 0; r < k.bytes / 4u; r++)
			memcpy(data + 4 * r, &wave_vgpr(w, src + r)[lane], 4);
	} else {
		uint32_t v = wave_vgpr(w, src)[lane] >> (k.half == 2 ? 16 : 0);

		memcpy(data, &v, k.bytes);
	}
}

enum atomic_op {
	ATOMIC_SWAP,
	ATOMIC_CMPSWAP,
	ATOMIC_ADD,
	ATOMIC_SUB,
	ATOMIC_SMIN,
	ATOMIC_UMIN,
	ATOMIC_SMAX,
	ATOMIC_UMAX,
	ATOMIC_AND,
	ATOMIC_OR,
	ATOMIC_XOR,
	ATOMIC_INC,
	ATOMIC_DEC,
	ATOMIC_CSUB,
	ATOMIC_FCMPSWAP,
	ATOMIC_FMIN,
	ATOMIC_FMAX,
	/* LDS only */
	ATOMIC_RSUB,
	ATOMIC_MSKOR,
	ATOMIC_WRAP,
	ATOMIC_FADD,
};

/* What op makes of the old value; v2 is the second operand of those that have one. */
uint32_t atomic_apply32(enum atomic_op op, uint32_t old, uint32_t v, uint32_t v2);
uint64_t atomic_apply64(enum atomic_op op, uint64_t old, uint64_t v, uint64_t v2);
/* The same done to memory, atomically against other workers and the host: the old value. */
uint32_t host_atomic32(uint8_t *host, enum atomic_op op, uint32_t v, uint32_t v2);
uint64_t host_atomic64(uint8_t *host, enum atomic_op op, uint64_t v, uint64_t v2);

static inline uint64_t vgpr64(const struct wave *w, unsigned int r, uint32_t lane)
{
	return wave_vgpr(w, r)[lane] | (uint64_t)wave_vgpr(w, r + 1)[lane] << 32;
}

static inline uint32_t bits_of(uint32_t w, unsigned int hi, unsigned int lo)
{
	return (w >> lo) & ((2u << (hi - lo)) - 1);
}

/* An instruction that has no effect here. */
#define NOTHING(name)                                                                              \
	EXEC(name)                                                                                 \
	{                                                                                          \
	}

#endif
