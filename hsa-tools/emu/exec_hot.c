// SPDX-License-Identifier: MIT
/*
 * The memory instructions that kernels spend their time in: whole dwords, global and LDS. One look at
 * the page tables for all lanes; anything out of the ordinary (lanes in different buffers, a lane out
 * of bounds) goes lane by lane through exec_memory.c, which knows how it must fail. Built for every
 * x86-64 and for AVX2 (EXEC_VARIANT).
 */
#include "lanes.h"
#include "memory_ops.h"
#include "../../usr/caps/caps.h"

/* Lanes must be masked when they are read from here, never written there. */
static inline bool in_bounds(const uint64_t *offs, const uint32_t *mask, uint64_t limit, unsigned int n)
{
	uint64_t outside = 0;

	/* Bit 63 where offs > limit: both are below 2^63 in any good case. */
	LANES outside |= (offs[l] | (limit - offs[l])) & (uint64_t)(int64_t)(int32_t)mask[l];
	return !(outside >> 63);
}

/* Offset of each lane's access from `base`; the base differs by form of the address. */
static inline uint64_t global_offsets(const struct wave *w, const struct insn *i, uint64_t *offs)
{
	const u32 *lo = wave_vgpr(w, i->src[0] - OPERAND_VGPR);
	unsigned int n = wave_lanes(w);

	if (i->saddr != OPERAND_NULL && i->saddr != 0x7f) {
		LANES offs[l] = lo[l];
		return (w->s[i->saddr] | (uint64_t)w->s[i->saddr + 1] << 32) +
		       (uint64_t)(int64_t)i->imm;
	}
	LANES offs[l] = lo[l] | (uint64_t)lo[n + l] << 32;
	return (uint64_t)(int64_t)i->imm;
}

/*
 * Where lane l's `bytes` are: host + offs[l], for every active lane. NULL: not in one buffer with the
 * permission.
 */
static inline uint8_t *global_range(struct wave *w, const struct insn *i, const uint32_t *mask,
				    uint64_t bytes, uint64_t pte_bit, uint64_t *offs)
{
	uint64_t exec = wave_exec(w), base, shift;
	const struct vm_range *r;
	unsigned int n = wave_lanes(w);

	base = global_offsets(w, i, offs);
	r = vm_find(w->view, base + offs[__builtin_ctzll(exec)]);
	if (!r || !(r->pte & pte_bit) || r->hi - r->lo < bytes)
		return NULL;
	shift = base - r->lo;
	LANES offs[l] += shift;
	return in_bounds(offs, mask, r->hi - r->lo - bytes, n) ? r->host : NULL;
}

/* The lanes' dwords follow one another, or all are the same one: the two commonest patterns. */
enum pattern { SCATTERED, CONSECUTIVE, SAME };
static inline enum pattern pattern_of(const uint64_t *offs, uint64_t step, unsigned int n)
{
	uint64_t first = offs[0], row = 0, same = 0;

	LANES row |= offs[l] ^ (first + step * l);
	if (!row)
		return CONSECUTIVE;
	LANES same |= offs[l] ^ first;
	return same ? SCATTERED : SAME;
}

static inline void load_rows(struct wave *w, unsigned int to, const uint8_t *host,
			     const uint64_t *offs, const uint32_t *mask, unsigned int dwords)
{
	u32 *dst = wave_vgpr(w, to);
	unsigned int n = wave_lanes(w);

	if (!w->all_lanes) {
		LANES if (mask[l]) for (unsigned int d = 0; d < dwords; d++)
			memcpy(&dst[d * n + l], host + offs[l] + 4 * d, 4);
		return;
	}
	switch (dwords == 1 ? pattern_of(offs, 4, n) : SCATTERED) {
	case CONSECUTIVE:
		memcpy(dst, host + offs[0], n * 4);
		break;
	case SAME: {
		uint32_t v;

		memcpy(&v, host + offs[0], 4);
		LANES dst[l] = v;
		break;
	}
	default:
		LANES for (unsigned int d = 0; d < dwords; d++)
			memcpy(&dst[d * n + l], host + offs[l] + 4 * d, 4);
	}
}

static inline void store_rows(struct wave *w, unsigned int src, uint8_t *host, const uint64_t *offs,
			      const uint32_t *mask, unsigned int dwords)
{
	const u32 *data = wave_vgpr(w, src);
	unsigned int n = wave_lanes(w);

	if (w->all_lanes && dwords == 1 && pattern_of(offs, 4, n) == CONSECUTIVE) {
		memcpy(host + offs[0], data, n * 4);
		return;
	}
	LANES if (mask[l]) for (unsigned int d = 0; d < dwords; d++)
		memcpy(host + offs[l] + 4 * d, &data[d * n + l], 4);
}

#define GLOBAL(suffix, dwords)                                                                     \
	EXEC(global_load_##suffix)                                                                 \
	{                                                                                          \
		uint64_t offs[WAVE_MAX_LANES];                                                     \
		const uint32_t *mask = wave_mask(w);                                               \
		const uint8_t *host;                                                               \
                                                                                                   \
		if (!wave_exec(w))                                                                 \
			return;                                                                    \
		host = i->lds ? NULL : global_range(w, i, mask, 4 * (dwords), PTE_READABLE, offs); \
		if (host)                                                                          \
			load_rows(w, i->dst - OPERAND_VGPR, host, offs, mask, dwords);             \
		else                                                                               \
			memory_load(w, i, 4 * (dwords));                                           \
	}                                                                                          \
	EXEC(global_store_##suffix)                                                                \
	{                                                                                          \
		uint64_t offs[WAVE_MAX_LANES];                                                     \
		const uint32_t *mask = wave_mask(w);                                               \
		uint8_t *host;                                                                     \
                                                                                                   \
		if (!wave_exec(w))                                                                 \
			return;                                                                    \
		host = global_range(w, i, mask, 4 * (dwords), PTE_WRITEABLE, offs);                \
		if (host)                                                                          \
			store_rows(w, i->src[1] - OPERAND_VGPR, host, offs, mask, dwords);         \
		else                                                                               \
			memory_store(w, i, 4 * (dwords));                                          \
	}
GLOBAL(dword, 1)
GLOBAL(dwordx2, 2)
GLOBAL(dwordx3, 3)
GLOBAL(dwordx4, 4)

/* ---- LDS ---- */

static inline bool lds_offsets(const struct wave *w, const struct insn *i, const uint32_t *mask,
			       uint32_t plus, uint32_t bytes, uint64_t *offs)
{
	const u32 *addr = wave_vgpr(w, i->src[0] - OPERAND_VGPR);
	unsigned int n = wave_lanes(w);

	if (i->gds || w->lds_bytes < bytes)
		return false;
	LANES offs[l] = (uint32_t)(addr[l] + plus);
	return in_bounds(offs, mask, w->lds_bytes - bytes, n);
}

#define LDS(suffix, dwords)                                                                        \
	EXEC(ds_read_##suffix)                                                                     \
	{                                                                                          \
		uint64_t offs[WAVE_MAX_LANES];                                                     \
		const uint32_t *mask = wave_mask(w);                                               \
                                                                                                   \
		if (lds_offsets(w, i, mask, (uint32_t)i->imm, 4 * (dwords), offs))                 \
			load_rows(w, i->dst - OPERAND_VGPR, w->lds, offs, mask, dwords);           \
		else                                                                               \
			lds_load(w, i, 4 * (dwords));                                              \
	}                                                                                          \
	EXEC(ds_write_##suffix)                                                                    \
	{                                                                                          \
		uint64_t offs[WAVE_MAX_LANES];                                                     \
		const uint32_t *mask = wave_mask(w);                                               \
                                                                                                   \
		if (lds_offsets(w, i, mask, (uint32_t)i->imm, 4 * (dwords), offs))                 \
			store_rows(w, i->src[1] - OPERAND_VGPR, w->lds, offs, mask, dwords);       \
		else                                                                               \
			lds_store(w, i, 4 * (dwords));                                             \
	}
LDS(b32, 1)
LDS(b64, 2)
LDS(b96, 3)
LDS(b128, 4)

/* Two dwords, or pairs of them, at two offsets; the address may be among the destinations. */
#define LDS2(name, dwords, scale)                                                                  \
	EXEC(name)                                                                                 \
	{                                                                                          \
		uint64_t a[WAVE_MAX_LANES], b[WAVE_MAX_LANES];                                     \
		const uint32_t *mask = wave_mask(w);                                               \
		unsigned int dst = i->dst - OPERAND_VGPR;                                          \
                                                                                                   \
		if (lds_offsets(w, i, mask, i->offset0 * (scale), 4 * (dwords), a) &&              \
		    lds_offsets(w, i, mask, i->offset1 * (scale), 4 * (dwords), b)) {              \
			load_rows(w, dst, w->lds, a, mask, dwords);                                \
			load_rows(w, dst + (dwords), w->lds, b, mask, dwords);                     \
		} else {                                                                           \
			lds_load2(w, i, 4 * (dwords), scale);                                      \
		}                                                                                  \
	}
LDS2(ds_read2_b32, 1, 4)
LDS2(ds_read2_b64, 2, 8)
LDS2(ds_read2st64_b32, 1, 256)
LDS2(ds_read2st64_b64, 2, 512)
