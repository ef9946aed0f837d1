// SPDX-License-Identifier: MIT
/*
 * DS instructions (RDNA ISA, "Data Share Operations"): LDS loads, stores and atomics, the counters,
 * and the shuffles that use its crossbar. An access past what the workgroup allocated stops the
 * wave.
 */
#include "access.h"
#include "memory_ops.h"

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

#define DS_TWO(name, bytes, scale)                                                                 \
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
 * A counter of the workgroup: the number of active lanes is added or taken away, every lane gets
 * the value before. The counter stands at M0 plus the offset (LLVM SelectDSAppendConsume puts the
 * whole address into M0).
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
			r = atomic_apply32(op, old, swap ? b : a, swap ? a : b);
			memcpy(p, &r, 4);
			if (rtn)
				wave_vgpr(w, dst)[lane] = old;
		} else {
			uint64_t old, a = vgpr64(w, d0, lane), b = vgpr64(w, d1, lane), r;

			memcpy(&old, p, 8);
			r = atomic_apply64(op, old, swap ? b : a, swap ? a : b);
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
 * Both operands from LDS: DS[A] = DS[A] op DS[B], where B is A plus a signed number of dwords in
 * the offset field, or in A's own upper half.
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
		x = size == 4 ? atomic_apply32(op, (uint32_t)x, (uint32_t)y, 0)
			      : atomic_apply64(op, x, y, 0);
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
