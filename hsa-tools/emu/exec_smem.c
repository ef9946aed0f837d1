// SPDX-License-Identifier: MIT
/*
 * Scalar memory instructions (RDNA ISA, "Scalar Memory Operations"): loads, stores, atomics, the
 * clocks and what the caches are told. Checked as lane accesses are (access.h).
 */
#include "access.h"

static uint64_t scalar_offset(const struct wave *w, const struct insn *i)
{
	return (uint64_t)(int64_t)i->imm +
	       (i->soffset == OPERAND_NULL ? 0 : operand_u32(w, i, i->soffset));
}

static uint64_t scalar_address(const struct wave *w, const struct insn *i)
{
	return ((w->s[i->saddr] | (uint64_t)w->s[i->saddr + 1] << 32) + scalar_offset(w, i)) &
	       ~3ull;
}

static void scalar_load(struct wave *w, const struct insn *i, unsigned int dwords)
{
	uint32_t data[16];

	if (!mem_read(w, scalar_address(w, i), data, dwords * 4, NO_LANE))
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
		if (scalar_buffer_address(w, i, 4 * d, 4, &va) && !mem_read(w, va, &data[d], 4, NO_LANE))
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
	mem_write(w, scalar_address(w, i), data, dwords * 4, NO_LANE);
}

static void scalar_buffer_store(struct wave *w, const struct insn *i, unsigned int dwords)
{
	uint64_t va;

	for (unsigned int d = 0; d < dwords; d++) {
		uint32_t v = operand_u32(w, i, i->dst + d);

		if (scalar_buffer_address(w, i, 4 * d, 4, &va) && !mem_write(w, va, &v, 4, NO_LANE))
			return;
	}
}

/*
 * Scratch by scalars: "If the offset is specified as an SGPR, the SGPR contains an UNSIGNED 64-byte
 * offset ... as an immediate 21-bit constant, the constant is a SIGNED BYTE offset"
 * (S_SCRATCH_LOAD_DWORD).
 */
static void scalar_scratch(struct wave *w, const struct insn *i, unsigned int dwords, bool write)
{
	uint64_t va =
		(w->s[i->saddr] | (uint64_t)w->s[i->saddr + 1] << 32) + (uint64_t)(int64_t)i->imm +
		(i->soffset == OPERAND_NULL ? 0 : 64 * (uint64_t)operand_u32(w, i, i->soffset));
	uint32_t data[4];

	for (unsigned int d = 0; write && d < dwords; d++)
		data[d] = operand_u32(w, i, i->dst + d);
	if (write)
		mem_write(w, va & ~3ull, data, dwords * 4, NO_LANE);
	else if (mem_read(w, va & ~3ull, data, dwords * 4, NO_LANE))
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
	host = atomic_at(w, SPACE_MEMORY, va, size, NO_LANE);
	if (!host)
		return;
	if (size == 4) {
		old = host_atomic32(host, op, operand_u32(w, i, i->dst),
				    operand_u32(w, i, i->dst + 1u));
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
NOTHING(s_dcache_inv)
NOTHING(s_dcache_wb)
NOTHING(s_gl1_inv)
NOTHING(s_dcache_discard)
NOTHING(s_dcache_discard_x2)
NOTHING(s_atc_probe) /* a prefetch of a translation */
NOTHING(s_atc_probe_buffer)
