// SPDX-License-Identifier: MIT
/*
 * Memory instructions: SMEM, FLAT, GLOBAL, SCRATCH, MUBUF, DS (RDNA 1.0 ISA, sections 8 to 11).
 * Every lane's access is checked against the page tables or the bounds of LDS; a bad one stops the
 * wave with the class the chip would report.
 */
#include "wave.h"
#include "lane_math.h"
#include "memory_ops.h"
#include "../../bpf/events.h"
#include "../../usr/caps/caps.h"

/* ---- one access ---- */

/* Why [va, va + size) cannot be accessed. */
static void memory_fault(struct wave *w, uint64_t va, uint32_t size, bool write, uint32_t lane)
{
	const struct vm_range *r = NULL;
	uint64_t at = va;

	/* The first byte that fails decides. */
	for (; at < va + size; at++) {
		r = at < CAPS_GPUVM_END ? vm_find(w->view, at) : NULL;
		if (!r || !(r->pte & (write ? PTE_WRITEABLE : PTE_READABLE)))
			break;
	}
	if (at >= CAPS_GPUVM_END)
		wave_fault(w, EMU_FAULT_aperture, at, size, write, lane);
	else
		wave_fault(w, r ? EMU_FAULT_permission : EMU_FAULT_page, at, size, write, lane);
}

/* Byte by byte: an access that begins in one buffer and ends in the next. */
static bool split_access(struct wave *w, uint64_t va, uint8_t *data, uint32_t size, bool write,
			 uint32_t lane)
{
	uint64_t bit = write ? PTE_WRITEABLE : PTE_READABLE;

	for (uint32_t b = 0; b < size; b++)
		if (va + b >= CAPS_GPUVM_END || !vm_host(w->view, va + b, 1, bit)) {
			memory_fault(w, va, size, write, lane);
			return false;
		}
	for (uint32_t b = 0; b < size; b++) {
		uint8_t *host = vm_host(w->view, va + b, 1, bit);

		if (write)
			*host = data[b];
		else
			data[b] = *host;
	}
	return true;
}

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

/* Scratch is swizzled: consecutive dwords of a lane are one row of lanes apart. */
static uint64_t scratch_va(const struct wave *w, uint64_t offset, uint32_t lane)
{
	return w->flat_scratch + (offset & ~3ull) * w->lanes + lane * 4 + (offset & 3);
}

/* What a lane addresses: memory, LDS, or its scratch. */
enum space { SPACE_MEMORY, SPACE_LDS, SPACE_SCRATCH };

static enum space space_of(const struct insn *i, uint64_t *addr)
{
	if (i->enc == ENC_SCRATCH)
		return SPACE_SCRATCH;
	if (i->enc != ENC_FLAT)
		return SPACE_MEMORY;
	if (*addr - CAPS_LDS_BASE < CAPS_APERTURE_BYTES) {
		*addr -= CAPS_LDS_BASE;
		return SPACE_LDS;
	}
	if (*addr - CAPS_SCRATCH_BASE < CAPS_APERTURE_BYTES) {
		*addr -= CAPS_SCRATCH_BASE;
		return SPACE_SCRATCH;
	}
	return SPACE_MEMORY;
}

/* Host pointer for an atomic, which must be aligned and in one piece. */
static uint8_t *atomic_at(struct wave *w, enum space space, uint64_t addr, uint32_t size,
			  uint32_t lane)
{
	uint8_t *host;

	if (space == SPACE_LDS)
		return lds_at(w, addr, size, true, lane);
	if (space == SPACE_SCRATCH)
		addr = scratch_va(w, addr, lane);
	if (addr % size) {
		wave_gap(w, "atomic at an unaligned address");
		return NULL;
	}
	host = vm_host(w->view, addr, size, PTE_WRITEABLE);
	if (!host)
		memory_fault(w, addr, size, true, lane);
	return host;
}

/* `size` bytes in dword pieces, as the swizzle of scratch needs. */
static bool space_read(struct wave *w, enum space space, uint64_t addr, void *out, uint32_t size,
		       uint32_t lane)
{
	if (space == SPACE_MEMORY)
		return mem_read(w, addr, out, size, lane);
	if (space == SPACE_LDS) {
		const uint8_t *p = lds_at(w, addr, size, false, lane);

		if (p)
			memcpy(out, p, size);
		return p != NULL;
	}
	for (uint32_t b = 0; b < size;) {
		uint32_t n = MIN(size - b, 4 - (uint32_t)((addr + b) & 3));

		if (!mem_read(w, scratch_va(w, addr + b, lane), (uint8_t *)out + b, n, lane))
			return false;
		b += n;
	}
	return true;
}

static bool space_write(struct wave *w, enum space space, uint64_t addr, const void *in,
			uint32_t size, uint32_t lane)
{
	if (space == SPACE_MEMORY)
		return mem_write(w, addr, in, size, lane);
	if (space == SPACE_LDS) {
		uint8_t *p = lds_at(w, addr, size, true, lane);

		if (p)
			memcpy(p, in, size);
		return p != NULL;
	}
	for (uint32_t b = 0; b < size;) {
		uint32_t n = MIN(size - b, 4 - (uint32_t)((addr + b) & 3));

		if (!mem_write(w, scratch_va(w, addr + b, lane), (const uint8_t *)in + b, n, lane))
			return false;
		b += n;
	}
	return true;
}

/* ---- what is loaded and stored ---- */

/* How the bytes become registers: size, extension, and which half of the register. */
struct data_kind {
	uint8_t bytes;
	bool sext;
	uint8_t half; /* 0 whole registers, 1 low half kept apart (D16), 2 high half */
};

static void load_to_vgpr(struct wave *w, unsigned int dst, uint32_t lane, const uint8_t *data,
			 struct data_kind k)
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

static void store_from_vgpr(const struct wave *w, unsigned int src, uint32_t lane, uint8_t *data,
			    struct data_kind k)
{
	if (k.bytes >= 4) {
		for (unsigned int r = 0; r < k.bytes / 4u; r++)
			memcpy(data + 4 * r, &wave_vgpr(w, src + r)[lane], 4);
	} else {
		uint32_t v = wave_vgpr(w, src)[lane] >> (k.half == 2 ? 16 : 0);

		memcpy(data, &v, k.bytes);
	}
}

/* ---- FLAT, GLOBAL, SCRATCH ---- */

static uint64_t flat_address(const struct wave *w, const struct insn *i, uint32_t lane)
{
	unsigned int v = i->src[0] - OPERAND_VGPR;
	uint64_t addr = wave_vgpr(w, v)[lane];
	bool has_saddr = i->saddr != OPERAND_NULL && i->saddr != 0x7f;

	if (i->enc == ENC_SCRATCH && i->saddr == 0x7f) /* gfx10.3: no address register at all */
		return (uint32_t)i->imm;
	if (i->enc == ENC_SCRATCH)
		return (has_saddr ? w->s[i->saddr] : (uint32_t)addr) + (uint32_t)i->imm;
	if (i->enc == ENC_GLOBAL && has_saddr)
		return (w->s[i->saddr] | (uint64_t)w->s[i->saddr + 1] << 32) + addr +
		       (uint64_t)(int64_t)i->imm;
	return (addr | (uint64_t)wave_vgpr(w, v + 1)[lane] << 32) + (uint64_t)(int64_t)i->imm;
}

static void flat_load(struct wave *w, const struct insn *i, struct data_kind k)
{
	uint64_t exec = wave_exec(w);
	uint8_t data[16];

	if (i->lds) {
		wave_gap(w, "load to LDS");
		return;
	}
	for (; exec; exec &= exec - 1) {
		uint32_t lane = (uint32_t)__builtin_ctzll(exec);
		uint64_t addr = flat_address(w, i, lane);
		enum space space = space_of(i, &addr);

		if (!space_read(w, space, addr, data, k.bytes, lane))
			return;
		load_to_vgpr(w, i->dst - OPERAND_VGPR, lane, data, k);
	}
}

static void flat_store(struct wave *w, const struct insn *i, struct data_kind k)
{
	uint64_t exec = wave_exec(w);
	uint8_t data[16];

	for (; exec; exec &= exec - 1) {
		uint32_t lane = (uint32_t)__builtin_ctzll(exec);
		uint64_t addr = flat_address(w, i, lane);
		enum space space = space_of(i, &addr);

		store_from_vgpr(w, i->src[1] - OPERAND_VGPR, lane, data, k);
		if (!space_write(w, space, addr, data, k.bytes, lane))
			return;
	}
}

#define KIND(bytes, sext, half) ((struct data_kind){bytes, sext, half})
#define LOAD(name, ...)                                                                            \
	EXEC(name)                                                                                 \
	{                                                                                          \
		flat_load(w, i, KIND(__VA_ARGS__));                                                \
	}
#define STORE(name, ...)                                                                           \
	EXEC(name)                                                                                 \
	{                                                                                          \
		flat_store(w, i, KIND(__VA_ARGS__));                                               \
	}
#define PARTS(p)                                                                                   \
	LOAD(p##_load_ubyte, 1, false, 0)                                                          \
	LOAD(p##_load_sbyte, 1, true, 0)                                                           \
	LOAD(p##_load_ushort, 2, false, 0)                                                         \
	LOAD(p##_load_sshort, 2, true, 0)                                                          \
	LOAD(p##_load_ubyte_d16, 1, false, 1)                                                      \
	LOAD(p##_load_ubyte_d16_hi, 1, false, 2)                                                   \
	LOAD(p##_load_sbyte_d16, 1, true, 1)                                                       \
	LOAD(p##_load_sbyte_d16_hi, 1, true, 2)                                                    \
	LOAD(p##_load_short_d16, 2, false, 1)                                                      \
	LOAD(p##_load_short_d16_hi, 2, false, 2)                                                   \
	STORE(p##_store_byte, 1, false, 0)                                                         \
	STORE(p##_store_byte_d16_hi, 1, false, 2)                                                  \
	STORE(p##_store_short, 2, false, 0)                                                        \
	STORE(p##_store_short_d16_hi, 2, false, 2)
PARTS(flat)
PARTS(global)
PARTS(scratch)
/* Those of GLOBAL: exec_hot.c */
#define DWORDS_ONE(p, suffix, bytes)                                                               \
	LOAD(p##_load_##suffix, bytes, false, 0)                                                   \
	STORE(p##_store_##suffix, bytes, false, 0)
#define DWORDS(p)                                                                                  \
	DWORDS_ONE(p, dword, 4)                                                                    \
	DWORDS_ONE(p, dwordx2, 8)                                                                  \
	DWORDS_ONE(p, dwordx3, 12)                                                                 \
	DWORDS_ONE(p, dwordx4, 16)
DWORDS(flat)
DWORDS(scratch)

void memory_load(struct wave *w, const struct insn *i, uint32_t bytes)
{
	flat_load(w, i, KIND((uint8_t)bytes, false, 0));
}

void memory_store(struct wave *w, const struct insn *i, uint32_t bytes)
{
	flat_store(w, i, KIND((uint8_t)bytes, false, 0));
}

/* gfx10.3: the address is scalar, 4 bytes for each lane. */
static void addtid(struct wave *w, const struct insn *i, bool write)
{
	bool has_saddr = i->saddr != OPERAND_NULL && i->saddr != 0x7f;
	uint64_t base = has_saddr ? w->s[i->saddr] | (uint64_t)w->s[i->saddr + 1] << 32 : 0;

	base += (uint64_t)(int64_t)i->imm;
	for (uint64_t exec = wave_exec(w); exec; exec &= exec - 1) {
		uint32_t lane = (uint32_t)__builtin_ctzll(exec);
		uint64_t va = base + 4 * lane;
		bool ok = write ? mem_write(w, va, &wave_vgpr(w, i->src[1] - OPERAND_VGPR)[lane], 4, lane)
				: mem_read(w, va, &wave_vgpr(w, i->dst - OPERAND_VGPR)[lane], 4, lane);

		if (!ok)
			return;
	}
}
EXEC(global_load_dword_addtid)
{
	addtid(w, i, false);
}
EXEC(global_store_dword_addtid)
{
	addtid(w, i, true);
}

/* ---- buffers ---- */

static uint32_t bits_of(uint32_t w, unsigned int hi, unsigned int lo)
{
	return (w >> lo) & ((2u << (hi - lo)) - 1);
}

/*
 * Address of lane's access through the resource at i->saddr (RDNA 1.0 ISA, 8.1.5 "Buffer
 * Addressing"). False: out of range, so a load gives 0 and a store does nothing.
 */
static bool buffer_address(const struct wave *w, const struct insn *i, uint32_t lane,
			   uint32_t bytes, uint64_t *va)
{
	const uint32_t *r = &w->s[i->saddr];
	const unsigned int v = i->src[0] - OPERAND_VGPR;
	uint64_t base = r[0] | (uint64_t)(r[1] & 0xffff) << 32;
	uint32_t stride = bits_of(r[1], 29, 16), records = r[2];
	uint32_t index_stride = 8u << bits_of(r[3], 22, 21);
	bool swizzle = r[1] >> 31, add_tid = bits_of(r[3], 23, 23);
	uint32_t index = i->idxen ? wave_vgpr(w, v)[lane] : 0;
	uint32_t offset = (i->offen ? wave_vgpr(w, v + i->idxen)[lane] : 0) + (uint32_t)i->imm;
	uint32_t soffset = operand_u32(w, i, i->soffset);

	switch (bits_of(r[3], 29, 28)) { /* OOB_SELECT */
	case 0:
		if (index >= records || (stride && (uint64_t)offset + bytes > stride))
			return false;
		break;
	case 1:
		if (index >= records)
			return false;
		break;
	case 2:
		if (!records)
			return false;
		break;
	default:
		if ((uint64_t)offset + bytes > records)
			return false;
	}
	if (add_tid)
		index += lane;
	if (swizzle)
		*va = base + soffset +
		      ((uint64_t)(index / index_stride) * stride + (offset & ~3u)) * index_stride +
		      (index % index_stride) * 4 + (offset & 3);
	else
		*va = base + soffset + (uint64_t)index * stride + offset;
	return true;
}

/* A swizzled access of several dwords is not contiguous. */
static bool buffer_pieces(const struct wave *w, const struct insn *i)
{
	return w->s[i->saddr + 1] >> 31;
}

static void buffer_access(struct wave *w, const struct insn *i, struct data_kind k, bool write)
{
	uint64_t exec = wave_exec(w);
	uint32_t piece = buffer_pieces(w, i) && k.bytes > 4 ? 4 : k.bytes;

	if (i->lds || i->tfe) {
		wave_gap(w, i->lds ? "buffer load to LDS" : "texture fail enable");
		return;
	}
	for (; exec; exec &= exec - 1) {
		uint32_t lane = (uint32_t)__builtin_ctzll(exec);
		uint8_t data[16] = {0};
		struct insn at = *i;

		if (write)
			store_from_vgpr(w, i->src[1] - OPERAND_VGPR, lane, data, k);
		for (uint32_t b = 0; b < k.bytes; b += piece, at.imm += (int32_t)piece) {
			uint64_t va;
			bool ok = true;

			if (!buffer_address(w, &at, lane, piece, &va))
				continue;
			ok = write ? mem_write(w, va, data + b, piece, lane)
				   : mem_read(w, va, data + b, piece, lane);
			if (!ok)
				return;
		}
		if (!write)
			load_to_vgpr(w, i->dst - OPERAND_VGPR, lane, data, k);
	}
}

#define BUFFER(name, write, ...)                                                                   \
	EXEC(name)                                                                                 \
	{                                                                                          \
		buffer_access(w, i, KIND(__VA_ARGS__), write);                                     \
	}
BUFFER(buffer_load_ubyte, false, 1, false, 0)
BUFFER(buffer_load_sbyte, false, 1, true, 0)
BUFFER(buffer_load_ushort, false, 2, false, 0)
BUFFER(buffer_load_sshort, false, 2, true, 0)
BUFFER(buffer_load_dword, false, 4, false, 0)
BUFFER(buffer_load_dwordx2, false, 8, false, 0)
BUFFER(buffer_load_dwordx3, false, 12, false, 0)
BUFFER(buffer_load_dwordx4, false, 16, false, 0)
BUFFER(buffer_load_ubyte_d16, false, 1, false, 1)
BUFFER(buffer_load_ubyte_d16_hi, false, 1, false, 2)
BUFFER(buffer_load_sbyte_d16, false, 1, true, 1)
BUFFER(buffer_load_sbyte_d16_hi, false, 1, true, 2)
BUFFER(buffer_load_short_d16, false, 2, false, 1)
BUFFER(buffer_load_short_d16_hi, false, 2, false, 2)
BUFFER(buffer_store_byte, true, 1, false, 0)
BUFFER(buffer_store_byte_d16_hi, true, 1, false, 2)
BUFFER(buffer_store_short, true, 2, false, 0)
BUFFER(buffer_store_short_d16_hi, true, 2, false, 2)
BUFFER(buffer_store_dword, true, 4, false, 0)
BUFFER(buffer_store_dwordx2, true, 8, false, 0)
BUFFER(buffer_store_dwordx3, true, 12, false, 0)
BUFFER(buffer_store_dwordx4, true, 16, false, 0)

/* ---- atomics ---- */

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

/*
 * What an operation makes of the old value (old, v, v2), and the same done atomically against other
 * workers and the host, which gives the old value.
 */
#define DEFINE_ATOMICS(N, to_float)                                                                \
	static uint##N##_t apply##N(enum atomic_op op, uint##N##_t old, uint##N##_t v,             \
				    uint##N##_t v2)                                                \
	{                                                                                          \
		typedef int##N##_t sint;                                                           \
                                                                                                   \
		switch (op) {                                                                      \
		case ATOMIC_SWAP:                                                                  \
			return v;                                                                  \
		case ATOMIC_CMPSWAP:                                                               \
			return old == v2 ? v : old;                                                \
		case ATOMIC_ADD:                                                                   \
			return old + v;                                                            \
		case ATOMIC_SUB:                                                                   \
			return old - v;                                                            \
		case ATOMIC_RSUB:                                                                  \
			return v - old;                                                            \
		case ATOMIC_SMIN:                                                                  \
			return (sint)v < (sint)old ? v : old;                                      \
		case ATOMIC_UMIN:                                                                  \
			return v < old ? v : old;                                                  \
		case ATOMIC_SMAX:                                                                  \
			return (sint)v > (sint)old ? v : old;                                      \
		case ATOMIC_UMAX:                                                                  \
			return v > old ? v : old;                                                  \
		case ATOMIC_AND:                                                                   \
			return old & v;                                                            \
		case ATOMIC_OR:                                                                    \
			return old | v;                                                            \
		case ATOMIC_XOR:                                                                   \
			return old ^ v;                                                            \
		case ATOMIC_INC:                                                                   \
			return old >= v ? 0 : old + 1;                                             \
		case ATOMIC_DEC:                                                                   \
			return old == 0 || old > v ? v : old - 1;                                  \
		case ATOMIC_CSUB:                                                                  \
			return old < v ? 0 : old - v;                                              \
		case ATOMIC_WRAP:                                                                  \
			return old >= v ? old - v : old + v2;                                      \
		case ATOMIC_MSKOR:                                                                 \
			return (old & ~v) | v2;                                                    \
		case ATOMIC_FCMPSWAP:                                                              \
			return to_float(old) == to_float(v2) ? v : old;                            \
		case ATOMIC_FMIN:                                                                  \
			return bits##N(min_f##N(to_float(v), to_float(old)));                      \
		case ATOMIC_FMAX:                                                                  \
			return bits##N(max_f##N(to_float(v), to_float(old)));                      \
		case ATOMIC_FADD:                                                                  \
			return bits##N(to_float(old) + to_float(v));                               \
		}                                                                                  \
		return old;                                                                        \
	}                                                                                          \
                                                                                                   \
	static uint##N##_t host_atomic##N(uint8_t *host, enum atomic_op op, uint##N##_t v,         \
					  uint##N##_t v2)                                          \
	{                                                                                          \
		uint##N##_t *p = (uint##N##_t *)(void *)host;                                      \
		uint##N##_t old = __atomic_load_n(p, __ATOMIC_RELAXED);                            \
                                                                                                   \
		while (!__atomic_compare_exchange_n(p, &old, apply##N(op, old, v, v2), true,       \
						    __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))           \
			;                                                                          \
		return old;                                                                        \
	}
DEFINE_ATOMICS(32, float_of)
DEFINE_ATOMICS(64, double_of)

static uint64_t vgpr64(const struct wave *w, unsigned int r, uint32_t lane)
{
	return wave_vgpr(w, r)[lane] | (uint64_t)wave_vgpr(w, r + 1)[lane] << 32;
}

static void memory_atomic(struct wave *w, const struct insn *i, enum atomic_op op, uint32_t size)
{
	unsigned int data = i->src[1] - OPERAND_VGPR, dst = i->dst - OPERAND_VGPR;
	uint64_t exec = wave_exec(w);

	for (; exec; exec &= exec - 1) {
		uint32_t lane = (uint32_t)__builtin_ctzll(exec);
		enum space space = SPACE_MEMORY;
		uint64_t addr;
		uint8_t *host;

		if (i->enc == ENC_MUBUF) {
			if (!buffer_address(w, i, lane, size, &addr))
				continue;
		} else {
			addr = flat_address(w, i, lane);
			space = space_of(i, &addr);
		}
		host = atomic_at(w, space, addr, size, lane);
		if (!host)
			return;
		if (size == 4) {
			uint32_t old = host_atomic32(host, op, wave_vgpr(w, data)[lane],
						     wave_vgpr(w, data + 1)[lane]);

			if (i->glc)
				wave_vgpr(w, dst)[lane] = old;
		} else {
			uint64_t old = host_atomic64(host, op, vgpr64(w, data, lane),
						     vgpr64(w, data + 2, lane));

			if (i->glc) {
				wave_vgpr(w, dst)[lane] = (uint32_t)old;
				wave_vgpr(w, dst + 1)[lane] = (uint32_t)(old >> 32);
			}
		}
	}
}

#define ATOMIC(name, op)                                                                           \
	EXEC(name)                                                                                 \
	{                                                                                          \
		memory_atomic(w, i, op, 4);                                                        \
	}                                                                                          \
	EXEC(name##_x2)                                                                            \
	{                                                                                          \
		memory_atomic(w, i, op, 8);                                                        \
	}
#define ATOMICS(p)                                                                                 \
	ATOMIC(p##_atomic_swap, ATOMIC_SWAP)                                                       \
	ATOMIC(p##_atomic_cmpswap, ATOMIC_CMPSWAP)                                                 \
	ATOMIC(p##_atomic_add, ATOMIC_ADD)                                                         \
	ATOMIC(p##_atomic_sub, ATOMIC_SUB)                                                         \
	ATOMIC(p##_atomic_smin, ATOMIC_SMIN)                                                       \
	ATOMIC(p##_atomic_umin, ATOMIC_UMIN)                                                       \
	ATOMIC(p##_atomic_smax, ATOMIC_SMAX)                                                       \
	ATOMIC(p##_atomic_umax, ATOMIC_UMAX)                                                       \
	ATOMIC(p##_atomic_and, ATOMIC_AND)                                                         \
	ATOMIC(p##_atomic_or, ATOMIC_OR)                                                           \
	ATOMIC(p##_atomic_xor, ATOMIC_XOR)                                                         \
	ATOMIC(p##_atomic_inc, ATOMIC_INC)                                                         \
	ATOMIC(p##_atomic_dec, ATOMIC_DEC)                                                         \
	ATOMIC(p##_atomic_fcmpswap, ATOMIC_FCMPSWAP)                                               \
	ATOMIC(p##_atomic_fmin, ATOMIC_FMIN)                                                       \
	ATOMIC(p##_atomic_fmax, ATOMIC_FMAX)
ATOMICS(flat)
ATOMICS(global)
ATOMICS(buffer)
/* gfx10.3 */
EXEC(global_atomic_csub)
{
	memory_atomic(w, i, ATOMIC_CSUB, 4);
}
EXEC(buffer_atomic_csub)
{
	memory_atomic(w, i, ATOMIC_CSUB, 4);
}

/* Caches are not modelled: invalidating and writing them back is done when it is asked for. */
EXEC(buffer_gl0_inv)
{
}
EXEC(buffer_gl1_inv)
{
}

/* ---- SMEM ---- */

static uint64_t scalar_offset(const struct wave *w, const struct insn *i)
{
	return (uint64_t)(int64_t)i->imm +
	       (i->soffset == OPERAND_NULL ? 0 : operand_u32(w, i, i->soffset));
}

static uint64_t scalar_address(const struct wave *w, const struct insn *i)
{
	return ((w->s[i->saddr] | (uint64_t)w->s[i->saddr + 1] << 32) + scalar_offset(w, i)) & ~3ull;
}

static void scalar_load(struct wave *w, const struct insn *i, unsigned int dwords)
{
	uint32_t data[16];

	if (!mem_read(w, scalar_address(w, i), data, dwords * 4, 0))
		return;
	for (unsigned int d = 0; d < dwords; d++)
		sreg_write(w, i->dst + d, data[d]);
}

/* Address of `bytes` at the instruction's offset plus `more`; false: out of the buffer's range. */
static bool scalar_buffer_address(const struct wave *w, const struct insn *i, uint32_t more,
				  uint32_t bytes, uint64_t *va)
{
	const uint32_t *r = &w->s[i->saddr];
	uint64_t base = r[0] | (uint64_t)(r[1] & 0xffff) << 32;
	uint32_t stride = bits_of(r[1], 29, 16);
	uint64_t size = stride ? (uint64_t)stride * r[2] : r[2];
	uint64_t offset = (scalar_offset(w, i) & ~3ull) + more;

	*va = base + offset;
	return offset + bytes <= size;
}

static void scalar_buffer_load(struct wave *w, const struct insn *i, unsigned int dwords)
{
	uint32_t data[16] = {0};
	uint64_t va;

	for (unsigned int d = 0; d < dwords; d++)
		if (scalar_buffer_address(w, i, 4 * d, 4, &va) && !mem_read(w, va, &data[d], 4, 0))
			return;
	for (unsigned int d = 0; d < dwords; d++)
		sreg_write(w, i->dst + d, data[d]);
}

#define SLOAD(suffix, dwords)                                                                      \
	EXEC(s_load_##suffix)                                                                      \
	{                                                                                          \
		scalar_load(w, i, dwords);                                                         \
	}                                                                                          \
	EXEC(s_buffer_load_##suffix)                                                               \
	{                                                                                          \
		scalar_buffer_load(w, i, dwords);                                                  \
	}
SLOAD(dword, 1)
SLOAD(dwordx2, 2)
SLOAD(dwordx4, 4)
SLOAD(dwordx8, 8)
SLOAD(dwordx16, 16)

static void scalar_store(struct wave *w, const struct insn *i, unsigned int dwords)
{
	uint32_t data[4];

	for (unsigned int d = 0; d < dwords; d++)
		data[d] = operand_u32(w, i, i->dst + d);
	mem_write(w, scalar_address(w, i), data, dwords * 4, 0);
}

static void scalar_buffer_store(struct wave *w, const struct insn *i, unsigned int dwords)
{
	uint64_t va;

	for (unsigned int d = 0; d < dwords; d++) {
		uint32_t v = operand_u32(w, i, i->dst + d);

		if (scalar_buffer_address(w, i, 4 * d, 4, &va) && !mem_write(w, va, &v, 4, 0))
			return;
	}
}

/*
 * Scratch by scalars: "If the offset is specified as an SGPR, the SGPR contains an UNSIGNED 64-byte
 * offset ... as an immediate 21-bit constant, the constant is a SIGNED BYTE offset" (S_SCRATCH_LOAD_DWORD).
 */
static void scalar_scratch(struct wave *w, const struct insn *i, unsigned int dwords, bool write)
{
	uint64_t va = (w->s[i->saddr] | (uint64_t)w->s[i->saddr + 1] << 32) + (uint64_t)(int64_t)i->imm +
		      (i->soffset == OPERAND_NULL ? 0 : 64 * (uint64_t)operand_u32(w, i, i->soffset));
	uint32_t data[4];

	for (unsigned int d = 0; write && d < dwords; d++)
		data[d] = operand_u32(w, i, i->dst + d);
	if (write)
		mem_write(w, va & ~3ull, data, dwords * 4, 0);
	else if (mem_read(w, va & ~3ull, data, dwords * 4, 0))
		for (unsigned int d = 0; d < dwords; d++)
			sreg_write(w, i->dst + d, data[d]);
}
#define SSTORE(suffix, dwords)                                                                     \
	EXEC(s_store_##suffix)                                                                     \
	{                                                                                          \
		scalar_store(w, i, dwords);                                                        \
	}                                                                                          \
	EXEC(s_buffer_store_##suffix)                                                              \
	{                                                                                          \
		scalar_buffer_store(w, i, dwords);                                                 \
	}                                                                                          \
	EXEC(s_scratch_load_##suffix)                                                              \
	{                                                                                          \
		scalar_scratch(w, i, dwords, false);                                               \
	}                                                                                          \
	EXEC(s_scratch_store_##suffix)                                                             \
	{                                                                                          \
		scalar_scratch(w, i, dwords, true);                                                \
	}
SSTORE(dword, 1)
SSTORE(dwordx2, 2)
SSTORE(dwordx4, 4)

static void scalar_atomic(struct wave *w, const struct insn *i, enum atomic_op op, uint32_t size,
			  bool buffer)
{
	uint64_t va, v, v2, old;
	uint8_t *host;

	if (!buffer)
		va = scalar_address(w, i);
	else if (!scalar_buffer_address(w, i, 0, size, &va))
		return;
	host = atomic_at(w, SPACE_MEMORY, va, size, 0);
	if (!host)
		return;
	if (size == 4) {
		old = host_atomic32(host, op, operand_u32(w, i, i->dst), operand_u32(w, i, i->dst + 1u));
		if (i->glc)
			sreg_write(w, i->dst, (uint32_t)old);
		return;
	}
	v = operand_u64(w, i, i->dst);
	v2 = operand_u64(w, i, i->dst + 2u);
	old = host_atomic64(host, op, v, v2);
	if (i->glc)
		sreg_write64(w, i->dst, old);
}
#define SATOMIC_ONE(name, op, size, buffer)                                                        \
	EXEC(name)                                                                                 \
	{                                                                                          \
		scalar_atomic(w, i, op, size, buffer);                                             \
	}
#define SATOMIC(name, op)                                                                          \
	SATOMIC_ONE(s_atomic_##name, op, 4, false)                                                 \
	SATOMIC_ONE(s_atomic_##name##_x2, op, 8, false)                                            \
	SATOMIC_ONE(s_buffer_atomic_##name, op, 4, true)                                           \
	SATOMIC_ONE(s_buffer_atomic_##name##_x2, op, 8, true)
SATOMIC(swap, ATOMIC_SWAP)
SATOMIC(cmpswap, ATOMIC_CMPSWAP)
SATOMIC(add, ATOMIC_ADD)
SATOMIC(sub, ATOMIC_SUB)
SATOMIC(smin, ATOMIC_SMIN)
SATOMIC(umin, ATOMIC_UMIN)
SATOMIC(smax, ATOMIC_SMAX)
SATOMIC(umax, ATOMIC_UMAX)
SATOMIC(and, ATOMIC_AND)
SATOMIC(or, ATOMIC_OR)
SATOMIC(xor, ATOMIC_XOR)
SATOMIC(inc, ATOMIC_INC)
SATOMIC(dec, ATOMIC_DEC)
EXEC(s_get_waveid_in_workgroup)
{
	sreg_write(w, i->dst, w->id);
}
EXEC(s_memtime)
{
	sreg_write64(w, i->dst, device_clock());
}
EXEC(s_memrealtime)
{
	sreg_write64(w, i->dst, device_clock());
}
#define NOTHING(name)                                                                              \
	EXEC(name)                                                                                 \
	{                                                                                          \
	}
NOTHING(s_dcache_inv)
NOTHING(s_dcache_wb)
NOTHING(s_gl1_inv)
NOTHING(s_dcache_discard)
NOTHING(s_dcache_discard_x2)
NOTHING(s_atc_probe) /* a prefetch of a translation */
NOTHING(s_atc_probe_buffer)

/* ---- DS ---- */

static uint32_t ds_address(const struct wave *w, const struct insn *i, uint32_t lane)
{
	return wave_vgpr(w, i->src[0] - OPERAND_VGPR)[lane] + (uint32_t)i->imm;
}

static bool ds_ready(struct wave *w, const struct insn *i)
{
	if (i->gds)
		wave_gap(w, "global data share");
	return !i->gds;
}

static void ds_access(struct wave *w, const struct insn *i, struct data_kind k, bool write)
{
	uint64_t exec = wave_exec(w);
	uint8_t data[16], *p;

	if (!ds_ready(w, i))
		return;
	for (; exec; exec &= exec - 1) {
		uint32_t lane = (uint32_t)__builtin_ctzll(exec);

		p = lds_at(w, ds_address(w, i, lane), k.bytes, write, lane);
		if (!p)
			return;
		if (write) {
			store_from_vgpr(w, i->src[1] - OPERAND_VGPR, lane, data, k);
			memcpy(p, data, k.bytes);
		} else {
			load_to_vgpr(w, i->dst - OPERAND_VGPR, lane, p, k);
		}
	}
}
#define DS_READ(name, ...)                                                                         \
	EXEC(name)                                                                                 \
	{                                                                                          \
		ds_access(w, i, KIND(__VA_ARGS__), false);                                         \
	}
#define DS_WRITE(name, ...)                                                                        \
	EXEC(name)                                                                                 \
	{                                                                                          \
		ds_access(w, i, KIND(__VA_ARGS__), true);                                          \
	}
DS_READ(ds_read_u8, 1, false, 0)
DS_READ(ds_read_i8, 1, true, 0)
DS_READ(ds_read_u16, 2, false, 0)
DS_READ(ds_read_i16, 2, true, 0)
DS_READ(ds_read_u8_d16, 1, false, 1)
DS_READ(ds_read_u8_d16_hi, 1, false, 2)
DS_READ(ds_read_i8_d16, 1, true, 1)
DS_READ(ds_read_i8_d16_hi, 1, true, 2)
DS_READ(ds_read_u16_d16, 2, false, 1)
DS_READ(ds_read_u16_d16_hi, 2, false, 2)
DS_WRITE(ds_write_b8, 1, false, 0)
DS_WRITE(ds_write_b8_d16_hi, 1, false, 2)
DS_WRITE(ds_write_b16, 2, false, 0)
DS_WRITE(ds_write_b16_d16_hi, 2, false, 2)

void lds_load(struct wave *w, const struct insn *i, uint32_t bytes)
{
	ds_access(w, i, KIND((uint8_t)bytes, false, 0), false);
}

void lds_store(struct wave *w, const struct insn *i, uint32_t bytes)
{
	ds_access(w, i, KIND((uint8_t)bytes, false, 0), true);
}

/* Two accesses; offsets count elements, or 64 elements in the ST64 forms. */
static void ds_two(struct wave *w, const struct insn *i, uint32_t bytes, uint32_t scale, bool write)
{
	const struct data_kind k = KIND((uint8_t)bytes, false, 0);
	uint64_t exec = wave_exec(w);

	if (!ds_ready(w, i))
		return;
	for (; exec; exec &= exec - 1) {
		uint32_t lane = (uint32_t)__builtin_ctzll(exec);
		uint32_t base = wave_vgpr(w, i->src[0] - OPERAND_VGPR)[lane];
		uint8_t *a = lds_at(w, base + i->offset0 * scale, bytes, write, lane), *b;

		if (!a)
			return;
		b = lds_at(w, base + i->offset1 * scale, bytes, write, lane);
		if (!b)
			return;
		if (write) {
			store_from_vgpr(w, i->src[1] - OPERAND_VGPR, lane, a, k);
			store_from_vgpr(w, i->src[2] - OPERAND_VGPR, lane, b, k);
		} else {
			uint8_t second[8];

			/* The address register may be among the destinations. */
			memcpy(second, b, bytes);
			load_to_vgpr(w, i->dst - OPERAND_VGPR, lane, a, k);
			load_to_vgpr(w, i->dst - OPERAND_VGPR + bytes / 4, lane, second, k);
		}
	}
}
void lds_load2(struct wave *w, const struct insn *i, uint32_t bytes, uint32_t scale)
{
	ds_two(w, i, bytes, scale, false);
}

#define DS_TWO(name, bytes, scale)                                                          \
	EXEC(name)                                                                                 \
	{                                                                                          \
		ds_two(w, i, bytes, scale, true);                                                  \
	}
DS_TWO(ds_write2_b32, 4, 4)
DS_TWO(ds_write2_b64, 8, 8)
DS_TWO(ds_write2st64_b32, 4, 256)
DS_TWO(ds_write2st64_b64, 8, 512)

/* The values before come back in two registers, or pairs of them. */
static void ds_exchange2(struct wave *w, const struct insn *i, uint32_t bytes, uint32_t scale)
{
	unsigned int dst = i->dst - OPERAND_VGPR;
	const struct data_kind k = KIND((uint8_t)bytes, false, 0);

	if (!ds_ready(w, i))
		return;
	for (uint64_t exec = wave_exec(w); exec; exec &= exec - 1) {
		uint32_t lane = (uint32_t)__builtin_ctzll(exec);
		uint32_t base = wave_vgpr(w, i->src[0] - OPERAND_VGPR)[lane];
		uint8_t *a = lds_at(w, base + i->offset0 * scale, bytes, true, lane), *b;
		uint8_t was[2][8];

		if (!a)
			return;
		b = lds_at(w, base + i->offset1 * scale, bytes, true, lane);
		if (!b)
			return;
		memcpy(was[0], a, bytes);
		store_from_vgpr(w, i->src[1] - OPERAND_VGPR, lane, a, k);
		memcpy(was[1], b, bytes);
		store_from_vgpr(w, i->src[2] - OPERAND_VGPR, lane, b, k);
		load_to_vgpr(w, dst, lane, was[0], k);
		load_to_vgpr(w, dst + bytes / 4, lane, was[1], k);
	}
}
EXEC(ds_wrxchg2_rtn_b32)
{
	ds_exchange2(w, i, 4, 4);
}
EXEC(ds_wrxchg2st64_rtn_b32)
{
	ds_exchange2(w, i, 4, 256);
}
EXEC(ds_wrxchg2_rtn_b64)
{
	ds_exchange2(w, i, 8, 8);
}
EXEC(ds_wrxchg2st64_rtn_b64)
{
	ds_exchange2(w, i, 8, 512);
}

/* Two dwords, each written without its top bit when that bit is set. */
EXEC(ds_condxchg32_rtn_b64)
{
	unsigned int data = i->src[1] - OPERAND_VGPR, dst = i->dst - OPERAND_VGPR;

	if (!ds_ready(w, i))
		return;
	for (uint64_t exec = wave_exec(w); exec; exec &= exec - 1) {
		uint32_t lane = (uint32_t)__builtin_ctzll(exec), old[2];
		uint32_t v[2] = {wave_vgpr(w, data)[lane], wave_vgpr(w, data + 1)[lane]};
		uint8_t *p = lds_at(w, ds_address(w, i, lane), 8, true, lane);

		if (!p)
			return;
		memcpy(old, p, 8);
		for (int k = 0; k < 2; k++) {
			uint32_t r = v[k] >> 31 ? v[k] & 0x7fffffff : old[k];

			memcpy(p + 4 * k, &r, 4);
			wave_vgpr(w, dst + (unsigned int)k)[lane] = old[k];
		}
	}
}

/*
 * A counter of the workgroup: the number of active lanes is added or taken away, every lane gets the
 * value before. The counter stands at M0 plus the offset (LLVM SelectDSAppendConsume puts the whole
 * address into M0).
 */
static void ds_count(struct wave *w, const struct insn *i, int sign)
{
	uint64_t exec = wave_exec(w);
	uint32_t old, now;
	uint8_t *p;

	if (!ds_ready(w, i))
		return;
	p = lds_at(w, (uint64_t)(w->s[SREG_M0] & 0xffff) + (uint32_t)i->imm, 4, true, 0);
	if (!p)
		return;
	memcpy(&old, p, 4);
	now = old + (uint32_t)(sign * __builtin_popcountll(exec));
	memcpy(p, &now, 4);
	for (; exec; exec &= exec - 1)
		wave_vgpr(w, i->dst - OPERAND_VGPR)[__builtin_ctzll(exec)] = old;
}
EXEC(ds_append)
{
	ds_count(w, i, 1);
}
EXEC(ds_consume)
{
	ds_count(w, i, -1);
}

/* At M0 plus the offset plus 4 bytes for each lane. */
static void ds_addtid(struct wave *w, const struct insn *i, bool write)
{
	if (!ds_ready(w, i))
		return;
	for (uint64_t exec = wave_exec(w); exec; exec &= exec - 1) {
		uint32_t lane = (uint32_t)__builtin_ctzll(exec);
		uint64_t at = (uint64_t)(w->s[SREG_M0] & 0xffff) + (uint32_t)i->imm + 4 * lane;
		uint8_t *p = lds_at(w, at, 4, write, lane);

		if (!p)
			return;
		if (write)
			memcpy(p, &wave_vgpr(w, i->src[1] - OPERAND_VGPR)[lane], 4);
		else
			memcpy(&wave_vgpr(w, i->dst - OPERAND_VGPR)[lane], p, 4);
	}
}
EXEC(ds_read_addtid_b32)
{
	ds_addtid(w, i, false);
}
EXEC(ds_write_addtid_b32)
{
	ds_addtid(w, i, true);
}

/*
 * LDS atomics: the waves of a workgroup run on one worker, so plain code is atomic. In a compare
 * and swap, data 0 is the comparison and data 1 the new value, the other way round than in memory.
 */
static void ds_atomic(struct wave *w, const struct insn *i, enum atomic_op op, uint32_t size,
		      bool rtn)
{
	unsigned int d0 = i->src[1] - OPERAND_VGPR, d1 = i->src[2] - OPERAND_VGPR;
	unsigned int dst = i->dst - OPERAND_VGPR;
	bool swap = op == ATOMIC_CMPSWAP || op == ATOMIC_FCMPSWAP;
	uint64_t exec = wave_exec(w);

	if (!ds_ready(w, i))
		return;
	for (; exec; exec &= exec - 1) {
		uint32_t lane = (uint32_t)__builtin_ctzll(exec);
		uint8_t *p = lds_at(w, ds_address(w, i, lane), size, true, lane);

		if (!p)
			return;
		if (size == 4) {
			uint32_t old, a = wave_vgpr(w, d0)[lane], b = wave_vgpr(w, d1)[lane], r;

			memcpy(&old, p, 4);
			r = apply32(op, old, swap ? b : a, swap ? a : b);
			memcpy(p, &r, 4);
			if (rtn)
				wave_vgpr(w, dst)[lane] = old;
		} else {
			uint64_t old, a = vgpr64(w, d0, lane), b = vgpr64(w, d1, lane), r;

			memcpy(&old, p, 8);
			r = apply64(op, old, swap ? b : a, swap ? a : b);
			memcpy(p, &r, 8);
			if (rtn) {
				wave_vgpr(w, dst)[lane] = (uint32_t)old;
				wave_vgpr(w, dst + 1)[lane] = (uint32_t)(old >> 32);
			}
		}
	}
}
#define DS_ATOMIC_ONE(name, op, size, rtn)                                                         \
	EXEC(name)                                                                                 \
	{                                                                                          \
		ds_atomic(w, i, op, size, rtn);                                                    \
	}
#define DS_ATOMIC(verb, op, t32, t64)                                                              \
	DS_ATOMIC_ONE(ds_##verb##_##t32, op, 4, false)                                             \
	DS_ATOMIC_ONE(ds_##verb##_rtn_##t32, op, 4, true)                                          \
	DS_ATOMIC_ONE(ds_##verb##_##t64, op, 8, false)                                             \
	DS_ATOMIC_ONE(ds_##verb##_rtn_##t64, op, 8, true)
DS_ATOMIC(add, ATOMIC_ADD, u32, u64)
DS_ATOMIC(sub, ATOMIC_SUB, u32, u64)
DS_ATOMIC(rsub, ATOMIC_RSUB, u32, u64)
DS_ATOMIC(inc, ATOMIC_INC, u32, u64)
DS_ATOMIC(dec, ATOMIC_DEC, u32, u64)
DS_ATOMIC(min, ATOMIC_SMIN, i32, i64)
DS_ATOMIC(max, ATOMIC_SMAX, i32, i64)
DS_ATOMIC(min, ATOMIC_UMIN, u32, u64)
DS_ATOMIC(max, ATOMIC_UMAX, u32, u64)
DS_ATOMIC(and, ATOMIC_AND, b32, b64)
DS_ATOMIC(or, ATOMIC_OR, b32, b64)
DS_ATOMIC(xor, ATOMIC_XOR, b32, b64)
DS_ATOMIC(mskor, ATOMIC_MSKOR, b32, b64)
DS_ATOMIC(cmpst, ATOMIC_CMPSWAP, b32, b64)
DS_ATOMIC(cmpst, ATOMIC_FCMPSWAP, f32, f64)
DS_ATOMIC(min, ATOMIC_FMIN, f32, f64)
DS_ATOMIC(max, ATOMIC_FMAX, f32, f64)
DS_ATOMIC_ONE(ds_add_f32, ATOMIC_FADD, 4, false)
DS_ATOMIC_ONE(ds_add_rtn_f32, ATOMIC_FADD, 4, true)
DS_ATOMIC_ONE(ds_wrxchg_rtn_b32, ATOMIC_SWAP, 4, true)
DS_ATOMIC_ONE(ds_wrxchg_rtn_b64, ATOMIC_SWAP, 8, true)
DS_ATOMIC_ONE(ds_wrap_rtn_b32, ATOMIC_WRAP, 4, true)

/*
 * Both operands from LDS: DS[A] = DS[A] op DS[B], where B is A plus a signed number of dwords in the
 * offset field, or in A's own upper half.
 */
static void ds_src2(struct wave *w, const struct insn *i, enum atomic_op op, uint32_t size)
{
	if (!ds_ready(w, i))
		return;
	for (uint64_t exec = wave_exec(w); exec; exec &= exec - 1) {
		uint32_t lane = (uint32_t)__builtin_ctzll(exec);
		uint32_t addr = wave_vgpr(w, i->src[0] - OPERAND_VGPR)[lane], at = addr & 0xffff;
		int32_t far = i->offset1 & 0x80 ? (int32_t)addr >> 17
						: (int32_t)((uint32_t)i->imm << 17) >> 17;
		uint8_t *a = lds_at(w, at, size, true, lane), *b;
		uint64_t x = 0, y = 0;

		if (!a)
			return;
		b = lds_at(w, (uint32_t)((int32_t)at + 4 * far), size, false, lane);
		if (!b)
			return;
		memcpy(&x, a, size);
		memcpy(&y, b, size);
		x = size == 4 ? apply32(op, (uint32_t)x, (uint32_t)y, 0) : apply64(op, x, y, 0);
		memcpy(a, &x, size);
	}
}
#define DS_SRC2_ONE(name, op, size)                                                                \
	EXEC(name)                                                                                 \
	{                                                                                          \
		ds_src2(w, i, op, size);                                                           \
	}
#define DS_SRC2(verb, op, t32, t64)                                                                \
	DS_SRC2_ONE(ds_##verb##_src2_##t32, op, 4)                                                 \
	DS_SRC2_ONE(ds_##verb##_src2_##t64, op, 8)
DS_SRC2(add, ATOMIC_ADD, u32, u64)
DS_SRC2(sub, ATOMIC_SUB, u32, u64)
DS_SRC2(rsub, ATOMIC_RSUB, u32, u64)
DS_SRC2(inc, ATOMIC_INC, u32, u64)
DS_SRC2(dec, ATOMIC_DEC, u32, u64)
DS_SRC2(min, ATOMIC_SMIN, i32, i64)
DS_SRC2(max, ATOMIC_SMAX, i32, i64)
DS_SRC2(min, ATOMIC_UMIN, u32, u64)
DS_SRC2(max, ATOMIC_UMAX, u32, u64)
DS_SRC2(and, ATOMIC_AND, b32, b64)
DS_SRC2(or, ATOMIC_OR, b32, b64)
DS_SRC2(xor, ATOMIC_XOR, b32, b64)
DS_SRC2(write, ATOMIC_SWAP, b32, b64)
DS_SRC2(min, ATOMIC_FMIN, f32, f64)
DS_SRC2(max, ATOMIC_FMAX, f32, f64)
DS_SRC2_ONE(ds_add_src2_f32, ATOMIC_FADD, 4)
NOTHING(ds_nop)

/*
 * Lane shuffles through the LDS crossbar; they touch no LDS memory. On GFX10 each half of a wave64
 * goes through on its own (LLVM GCNSubtarget::supportsWaveWideBPermute).
 */
EXEC(ds_permute_b32)
{
	uint64_t exec = wave_exec(w);
	uint32_t out[WAVE_MAX_LANES] = {0};
	uint32_t *addr = wave_vgpr(w, i->src[0] - OPERAND_VGPR);
	uint32_t *data = wave_vgpr(w, i->src[1] - OPERAND_VGPR);

	for (uint32_t l = 0; l < w->lanes; l++)
		if (exec >> l & 1)
			out[(l & 32) | (((addr[l] + (uint32_t)i->imm) / 4) & 31)] = data[l];
	for (uint32_t l = 0; l < w->lanes; l++)
		if (exec >> l & 1)
			wave_vgpr(w, i->dst - OPERAND_VGPR)[l] = out[l];
}
EXEC(ds_bpermute_b32)
{
	uint64_t exec = wave_exec(w);
	uint32_t out[WAVE_MAX_LANES] = {0};
	uint32_t *addr = wave_vgpr(w, i->src[0] - OPERAND_VGPR);
	uint32_t *data = wave_vgpr(w, i->src[1] - OPERAND_VGPR);

	for (uint32_t l = 0; l < w->lanes; l++) {
		uint32_t from = (l & 32) | (((addr[l] + (uint32_t)i->imm) / 4) & 31);

		out[l] = exec >> from & 1 ? data[from] : 0;
	}
	for (uint32_t l = 0; l < w->lanes; l++)
		if (exec >> l & 1)
			wave_vgpr(w, i->dst - OPERAND_VGPR)[l] = out[l];
}
EXEC(ds_swizzle_b32)
{
	uint64_t exec = wave_exec(w);
	uint32_t in[WAVE_MAX_LANES], off = (uint32_t)i->imm;

	if (off >= 0xc000) {
		wave_gap(w, "ds_swizzle that rotates");
		return;
	}
	memcpy(in, wave_vgpr(w, i->src[0] - OPERAND_VGPR), w->lanes * 4);
	for (uint32_t l = 0; l < w->lanes; l++) {
		uint32_t from;

		if (!(exec >> l & 1))
			continue;
		if (off & 0x8000) /* quad permute */
			from = (l & ~3u) | (off >> (2 * (l & 3)) & 3);
		else /* bit masks within 32 lanes */
			from = (l & ~31u) |
			       ((((l & 31) & off) | (off >> 5 & 31)) ^ (off >> 10 & 31));
		wave_vgpr(w, i->dst - OPERAND_VGPR)[l] = exec >> from & 1 ? in[from] : 0;
	}
}
