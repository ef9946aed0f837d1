// SPDX-License-Identifier: MIT
/*
 * Vector memory instructions: FLAT, GLOBAL, SCRATCH, MUBUF (RDNA ISA, "Vector Memory Operations"
 * and "Flat Memory Instructions"). Every lane's access is checked against the page tables or the
 * bounds of LDS; a bad one stops the wave with the class the chip would report.
 */
#include "access.h"
#include "lane_math.h"
#include "memory_ops.h"

/* ---- one access ---- */

/* Why [va, va + size) cannot be accessed. */
void memory_fault(struct wave *w, uint64_t va, uint32_t size, bool write, uint32_t lane)
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
bool split_access(struct wave *w, uint64_t va, uint8_t *data, uint32_t size, bool write,
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

/* Scratch is swizzled: consecutive dwords of a lane are one row of lanes apart. */
static uint64_t scratch_va(const struct wave *w, uint64_t offset, uint32_t lane)
{
	return w->flat_scratch + (offset & ~3ull) * w->lanes + lane * 4 + (offset & 3);
}

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
uint8_t *atomic_at(struct wave *w, enum space space, uint64_t addr, uint32_t size, uint32_t lane)
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
		bool ok = write ? mem_write(w, va, &wave_vgpr(w, i->src[1] - OPERAND_VGPR)[lane], 4,
					    lane)
				: mem_read(w, va, &wave_vgpr(w, i->dst - OPERAND_VGPR)[lane], 4,
					   lane);

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

/*
 * What an operation makes of the old value (old, v, v2), and the same done atomically against other
 * workers and the host, which gives the old value.
 */
#define DEFINE_ATOMICS(N, to_float)                                                                \
	uint##N##_t atomic_apply##N(enum atomic_op op, uint##N##_t old, uint##N##_t v,             \
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
	uint##N##_t host_atomic##N(uint8_t *host, enum atomic_op op, uint##N##_t v,                \
				   uint##N##_t v2)                                                 \
	{                                                                                          \
		uint##N##_t *p = (uint##N##_t *)(void *)host;                                      \
		uint##N##_t old = __atomic_load_n(p, __ATOMIC_RELAXED);                            \
                                                                                                   \
		while (!__atomic_compare_exchange_n(p, &old, atomic_apply##N(op, old, v, v2),      \
						    true, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))     \
			;                                                                          \
		return old;                                                                        \
	}
DEFINE_ATOMICS(32, float_of)
DEFINE_ATOMICS(64, double_of)

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

/* ---- after a fault of the host's ---- */

static uint32_t bytes_of(const char *name)
{
	static const struct {
		const char *ending;
		uint32_t bytes;
	} sizes[] = {{"dwordx2", 8}, {"dwordx3", 12}, {"dwordx4", 16}, {"dwordx8", 32}, {"dwordx16", 64},
		     {"dword", 4},   {"short", 2},    {"byte", 1},     {"_x2", 8}};
	const char *atomic = strstr(name, "_atomic_");

	for (size_t n = 0; n < sizeof(sizes) / sizeof(sizes[0]); n++) {
		const char *at = strstr(name, sizes[n].ending);

		/* d16 and d16_hi may follow */
		if (at && (!at[strlen(sizes[n].ending)] || !strncmp(at + strlen(sizes[n].ending), "_d16", 4)))
			return sizes[n].bytes;
	}
	return atomic ? 4 : 0;
}

uint32_t memory_lane_at(const struct wave *w, const struct insn *i, uint64_t va, uint32_t *bytes)
{
	*bytes = bytes_of(op_name(i->op));
	if (i->enc != ENC_FLAT && i->enc != ENC_GLOBAL)
		return NO_LANE;
	for (uint64_t exec = wave_exec(w); exec; exec &= exec - 1) {
		uint32_t lane = (uint32_t)__builtin_ctzll(exec);

		if (va - flat_address(w, i, lane) < (*bytes ? *bytes : 1))
			return lane;
	}
	return NO_LANE;
}
