// SPDX-License-Identifier: MIT
/*
 * SDMA engines, version 5.0: the packets ROCr writes (core/inc/sdma_registers.h, Linux
 * navi10_sdma_pkt_open.h). The doorbell holds the write pointer in bytes, ever growing.
 */
#include "emu.h"

#include <string.h>

enum {
	SDMA_NOP = 0,
	SDMA_COPY = 1,
	SDMA_FENCE = 5,
	SDMA_TRAP = 6,
	SDMA_POLL_REGMEM = 8,
	SDMA_ATOMIC = 10,
	SDMA_CONST_FILL = 11,
	SDMA_TIMESTAMP = 13,
	SDMA_GCR = 17,
};
#define SDMA_MAX_DWORDS 16
#define SDMA_ATOMIC_ADD64 47

static uint64_t va_of(const uint32_t *p)
{
	return p[0] | (uint64_t)p[1] << 32;
}

/* Bits beyond the engine's are ignored (a choice): ROCr writes them to a chip it takes for another. */
static uint64_t byte_count(const struct queue *q, uint32_t dword)
{
	return (dword & ((1ull << q->gpu->card->sdma_count_bits) - 1)) + 1;
}

static void sdma_fault(struct worker *k, struct queue *q, uint64_t va, uint64_t size, bool write)
{
	queue_access_fault(k, q, va, size, write, "SDMA");
}

/* How much of [va, va + size) lies in one range with the permission; 0: its first byte does not. */
static uint64_t reachable(struct worker *k, uint64_t va, uint64_t size, uint64_t bit, uint8_t **host)
{
	const struct vm_range *r = va < CAPS_GPUVM_END ? vm_find(k->view, va) : NULL;

	if (!r || !(r->pte & bit))
		return 0;
	*host = r->host + (va - r->lo);
	return r->hi - va < size ? r->hi - va : size;
}

static bool copy(struct worker *k, struct queue *q, uint64_t dst, uint64_t src, uint64_t size)
{
	while (size) {
		uint8_t *from, *to;
		uint64_t n = reachable(k, src, size, PTE_READABLE, &from), m;

		if (!n) {
			sdma_fault(k, q, src, size, false);
			return false;
		}
		m = reachable(k, dst, n, PTE_WRITEABLE, &to);
		if (!m) {
			sdma_fault(k, q, dst, size, true);
			return false;
		}
		memmove(to, from, m);
		dst += m;
		src += m;
		size -= m;
	}
	return true;
}

static bool copy_rect(struct worker *k, struct queue *q, const uint32_t *p)
{
	unsigned int log2 = p[0] >> 29;
	uint64_t src = va_of(p + 1), dst = va_of(p + 6);
	uint64_t src_x = p[3] & 0x3fff, src_y = p[3] >> 16 & 0x3fff, src_z = p[4] & 0x7ff;
	uint64_t dst_x = p[8] & 0x3fff, dst_y = p[8] >> 16 & 0x3fff, dst_z = p[9] & 0x7ff;
	uint64_t src_pitch = (p[4] >> 13) + 1, src_slice = (p[5] & 0xfffffff) + 1;
	uint64_t dst_pitch = (p[9] >> 13) + 1, dst_slice = (p[10] & 0xfffffff) + 1;
	uint64_t width = (p[11] & 0x3fff) + 1, height = (p[11] >> 16 & 0x3fff) + 1;
	uint64_t depth = (p[12] & 0x7ff) + 1;

	for (uint64_t z = 0; z < depth; z++)
		for (uint64_t y = 0; y < height; y++) {
			uint64_t s = (src_z + z) * src_slice + (src_y + y) * src_pitch + src_x;
			uint64_t d = (dst_z + z) * dst_slice + (dst_y + y) * dst_pitch + dst_x;

			if (!copy(k, q, dst + (d << log2), src + (s << log2), width << log2))
				return false;
		}
	trace_copy(k, q, dst, src, (width * height * depth) << log2, SDMA_COPY);
	return true;
}

static bool fill(struct worker *k, struct queue *q, const uint32_t *p)
{
	uint64_t dst = va_of(p + 1), size = byte_count(q, p[4]), done = 0;
	unsigned int unit = 1u << (p[0] >> 30); /* bytes of the pattern */

	trace_copy(k, q, dst, p[3], size, SDMA_CONST_FILL);
	while (done < size) {
		uint8_t *to;
		uint64_t n = reachable(k, dst + done, size - done, PTE_WRITEABLE, &to);

		if (!n) {
			sdma_fault(k, q, dst + done, size - done, true);
			return false;
		}
		for (uint64_t b = 0; b < n; b++)
			to[b] = (uint8_t)(p[3] >> (8 * ((done + b) % unit)));
		done += n;
	}
	return true;
}

static void *operand(struct worker *k, struct queue *q, uint64_t va, uint64_t size, bool write)
{
	void *host = vm_host(k->view, va, size, write ? PTE_WRITEABLE : PTE_READABLE);

	if (!host)
		sdma_fault(k, q, va, size, write);
	return host;
}

/* POLL_REGMEM: memory compared with a value; function 0 is always true, register polls (flushes) too */
static bool poll_passes(struct worker *k, struct queue *q, const uint32_t *p, bool *fault)
{
	const uint32_t *mem;
	uint32_t v;

	if (!(p[0] >> 31))
		return true;
	mem = operand(k, q, va_of(p + 1), 4, false);
	if (!mem) {
		*fault = true;
		return false;
	}
	v = __atomic_load_n(mem, __ATOMIC_ACQUIRE) & p[4];
	switch (p[0] >> 28 & 7) {
	case 0:
		return true;
	case 1:
		return v < p[3];
	case 2:
		return v <= p[3];
	case 3:
		return v == p[3];
	case 4:
		return v != p[3];
	case 5:
		return v >= p[3];
	case 6:
		return v > p[3];
	default:
		return true;
	}
}

/* Execute one packet. Returns its dwords, 0 to wait, -1 after a fault. */
static int execute(struct worker *k, struct queue *q, const uint32_t *p)
{
	unsigned int op = p[0] & 0xff, sub = p[0] >> 8 & 0xff;
	bool fault = false;
	uint64_t *at64;
	uint32_t *at32;

	switch (op) {
	case SDMA_NOP:
		return 1 + (int)(p[0] >> 16 & 0x3fff);
	case SDMA_COPY:
		if (sub == 0) {
			uint64_t size = byte_count(q, p[1]);

			if (!copy(k, q, va_of(p + 5), va_of(p + 3), size))
				return -1;
			trace_copy(k, q, va_of(p + 5), va_of(p + 3), size, SDMA_COPY);
			return 7;
		}
		if (sub == 4)
			return copy_rect(k, q, p) ? 13 : -1;
		break;
	case SDMA_CONST_FILL:
		return fill(k, q, p) ? 5 : -1;
	case SDMA_FENCE:
		at32 = operand(k, q, va_of(p + 1), 4, true);
		if (!at32)
			return -1;
		__atomic_store_n(at32, p[3], __ATOMIC_RELEASE);
		return 4;
	case SDMA_TRAP:
		event_interrupt(p[1] & 0xfffffff);
		return 2;
	case SDMA_POLL_REGMEM:
		if (poll_passes(k, q, p, &fault))
			return 6;
		return fault ? -1 : 0;
	case SDMA_ATOMIC:
		if ((p[0] >> 25 & 0x7f) != SDMA_ATOMIC_ADD64)
			break;
		at64 = operand(k, q, va_of(p + 1), 8, true);
		if (!at64)
			return -1;
		__atomic_fetch_add(at64, va_of(p + 3), __ATOMIC_SEQ_CST);
		return 8;
	case SDMA_TIMESTAMP: /* GET_GLOBAL */
		at64 = operand(k, q, va_of(p + 1), 8, true);
		if (!at64)
			return -1;
		*at64 = device_clock();
		return 3;
	case SDMA_GCR:
		return 5;
	}
	trace_gap(k, 0, p, "this SDMA packet");
	return -1;
}

bool sdma_step(struct worker *k, struct queue *q)
{
	uint64_t wptr = __atomic_load_n(q->doorbell, __ATOMIC_ACQUIRE);
	uint32_t p[SDMA_MAX_DWORDS] = {0};
	uint64_t *rptr;
	int dwords;

	if (q->read >= wptr)
		return false;
	for (unsigned int i = 0; i < SDMA_MAX_DWORDS && q->read + 4 * i < wptr; i++) {
		uint64_t at = q->ring + (q->read + 4 * i) % q->ring_bytes;
		const uint8_t *host = vm_host(k->view, at, 4, PTE_READABLE);

		if (!host) {
			sdma_fault(k, q, at, 4, false);
			return true;
		}
		memcpy(&p[i], host, 4);
	}
	dwords = execute(k, q, p);
	if (dwords <= 0)
		return dwords < 0;
	q->read += (uint64_t)dwords * 4;
	rptr = (void *)vm_host(k->view, q->rptr_va, 8, PTE_WRITEABLE);
	if (rptr)
		__atomic_store_n(rptr, q->read, __ATOMIC_RELEASE);
	return true;
}
