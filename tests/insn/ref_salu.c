// SPDX-License-Identifier: MIT
/*
 * Scalar instructions (RDNA 1.0 ISA, sections 12.1 to 12.5): A, B are the sources, x->d the old
 * destination, x->scc goes in and out. Where SCC is written, the comma does it.
 */
#include "ref.h"

#define U(v) ((uint32_t)(v))
#define I(v) ((int64_t)(int32_t)(v))
#define NOT_ZERO(r) ({ uint64_t r_ = (r); x->scc = r_ != 0; r_; })
#define NOT_ZERO32(r) ({ uint32_t r_ = (uint32_t)(r); x->scc = r_ != 0; r_; })
#define SCC(cond, r) ({ uint64_t s_ = (uint64_t)(r); x->scc = (cond); s_; })

SALU(s_add_u32, "i:ii", SCC((U(A) + (uint64_t)U(B)) >> 32, A + B))
SALU(s_sub_u32, "i:ii", SCC(U(B) > U(A), A - B))
SALU(s_addc_u32, "i:ii", SCC((U(A) + (uint64_t)U(B) + x->scc) >> 32, A + B + x->scc))
SALU(s_subb_u32, "i:ii", SCC((uint64_t)U(B) + x->scc > U(A), A - B - x->scc))
SALU(s_add_i32, "i:ii", SCC(I(A) + I(B) != I(A + B), A + B))
SALU(s_sub_i32, "i:ii", SCC(I(A) - I(B) != I(A - B), A - B))
SALU(s_min_i32, "i:ii", SCC(I(A) < I(B), I(A) < I(B) ? A : B))
SALU(s_min_u32, "i:ii", SCC(U(A) < U(B), U(A) < U(B) ? A : B))
SALU(s_max_i32, "i:ii", SCC(I(A) > I(B), I(A) > I(B) ? A : B))
SALU(s_max_u32, "i:ii", SCC(U(A) > U(B), U(A) > U(B) ? A : B))
SALU(s_cselect_b32, "i:ii", x->scc ? A : B)
SALU(s_cselect_b64, "l:ll", x->scc ? A : B)
#define LOGIC(name, expr)                                                                          \
	SALU(s_##name##_b32, "i:ii", NOT_ZERO32(expr))                                             \
	SALU(s_##name##_b64, "l:ll", NOT_ZERO(expr))
LOGIC(and, A &B)
LOGIC(or, A | B)
LOGIC(xor, A ^ B)
LOGIC(andn2, A & ~B)
LOGIC(orn2, A | ~B)
LOGIC(nand, ~(A & B))
LOGIC(nor, ~(A | B))
LOGIC(xnor, ~(A ^ B))
SALU(s_lshl_b32, "i:ii", NOT_ZERO32(A << (B & 31)))
SALU(s_lshr_b32, "i:ii", NOT_ZERO32(U(A) >> (B & 31)))
SALU(s_ashr_i32, "i:ii", NOT_ZERO32(I(A) >> (B & 31)))
SALU(s_lshl_b64, "l:li", NOT_ZERO(A << (B & 63)))
SALU(s_lshr_b64, "l:li", NOT_ZERO(A >> (B & 63)))
SALU(s_ashr_i64, "l:li", NOT_ZERO((int64_t)A >> (B & 63)))
SALU(s_bfm_b32, "i:ii", ((1ull << (A & 31)) - 1) << (B & 31))
SALU(s_bfm_b64, "l:ii", ((1ull << (A & 63)) - 1) << (B & 63))

static uint64_t bits_from(uint64_t v, unsigned int at, unsigned int width, unsigned int total, bool sign)
{
	uint64_t r = 0;
	bool top = false;

	if (width > total - at)
		width = total - at;
	for (unsigned int b = 0; b < width; b++) {
		top = v >> (at + b) & 1;
		r |= (uint64_t)top << b;
	}
	for (unsigned int b = width; sign && top && b < 64; b++)
		r |= 1ull << b;
	return r;
}
SALU(s_bfe_u32, "i:ii", NOT_ZERO32(bits_from(A, B & 31, B >> 16 & 127, 32, false)))
SALU(s_bfe_i32, "i:ii", NOT_ZERO32(bits_from(A, B & 31, B >> 16 & 127, 32, true)))
SALU(s_bfe_u64, "l:li", NOT_ZERO(bits_from(A, B & 63, B >> 16 & 127, 64, false)))
SALU(s_bfe_i64, "l:li", NOT_ZERO(bits_from(A, B & 63, B >> 16 & 127, 64, true)))
SALU(s_mul_i32, "i:ii", A *B)
SALU(s_mul_hi_u32, "i:ii", U(A) * (uint64_t)U(B) >> 32)
SALU(s_mul_hi_i32, "i:ii", I(A) * I(B) >> 32)
SALU(s_absdiff_i32, "i:ii", NOT_ZERO32(I(U(A) - U(B)) < 0 ? U(B) - U(A) : U(A) - U(B)))
SALU(s_lshl1_add_u32, "i:ii", SCC(((U(A) * 2ull) + U(B)) >> 32, A * 2 + B))
SALU(s_lshl2_add_u32, "i:ii", SCC(((U(A) * 4ull) + U(B)) >> 32, A * 4 + B))
SALU(s_lshl3_add_u32, "i:ii", SCC(((U(A) * 8ull) + U(B)) >> 32, A * 8 + B))
SALU(s_lshl4_add_u32, "i:ii", SCC(((U(A) * 16ull) + U(B)) >> 32, A * 16 + B))
SALU(s_pack_ll_b32_b16, "i:ii", (A & 0xffff) | B << 16)
SALU(s_pack_lh_b32_b16, "i:ii", (A & 0xffff) | (B & 0xffff0000))
SALU(s_pack_hh_b32_b16, "i:ii", U(A) >> 16 | (B & 0xffff0000))

/* ---- one source ---- */

static uint64_t count(uint64_t v, unsigned int n, bool bit)
{
	uint64_t r = 0;

	for (unsigned int b = 0; b < n; b++)
		r += (v >> b & 1) == bit;
	return r;
}

static uint64_t lowest(uint64_t v, unsigned int n, bool bit)
{
	for (unsigned int b = 0; b < n; b++)
		if ((v >> b & 1) == bit)
			return b;
	return UINT32_MAX;
}

/* From the top, the first bit that is `bit`. */
static uint64_t highest(uint64_t v, unsigned int n, bool bit)
{
	for (unsigned int b = 0; b < n; b++)
		if ((v >> (n - 1 - b) & 1) == bit)
			return b;
	return UINT32_MAX;
}

static uint64_t backwards(uint64_t v, unsigned int n)
{
	uint64_t r = 0;

	for (unsigned int b = 0; b < n; b++)
		r = r << 1 | (v >> b & 1);
	return r;
}

static uint64_t quads(uint64_t v, unsigned int n, bool whole)
{
	uint64_t r = 0;

	for (unsigned int q = 0; q < n / 4; q++)
		if (v >> (4 * q) & 15)
			r |= whole ? 15ull << (4 * q) : 1ull << q;
	return r;
}

static uint64_t doubled(uint64_t v)
{
	uint64_t r = 0;

	for (unsigned int b = 0; b < 32; b++)
		if (v >> b & 1)
			r |= 3ull << (2 * b);
	return r;
}
SALU(s_mov_b32, "i:i", A)
SALU(s_mov_b64, "l:l", A)
SALU(s_cmov_b32, "i:i", x->scc ? A : x->d)
SALU(s_cmov_b64, "l:l", x->scc ? A : x->d)
SALU(s_not_b32, "i:i", NOT_ZERO32(~A))
SALU(s_not_b64, "l:l", NOT_ZERO(~A))
SALU(s_wqm_b32, "i:i", NOT_ZERO32(quads(A, 32, true)))
SALU(s_wqm_b64, "l:l", NOT_ZERO(quads(A, 64, true)))
SALU(s_quadmask_b32, "i:i", NOT_ZERO32(quads(A, 32, false)))
SALU(s_quadmask_b64, "l:l", NOT_ZERO(quads(A, 64, false)))
SALU(s_brev_b32, "i:i", backwards(A, 32))
SALU(s_brev_b64, "l:l", backwards(A, 64))
SALU(s_bcnt0_i32_b32, "i:i", NOT_ZERO32(count(A, 32, 0)))
SALU(s_bcnt0_i32_b64, "i:l", NOT_ZERO32(count(A, 64, 0)))
SALU(s_bcnt1_i32_b32, "i:i", NOT_ZERO32(count(A, 32, 1)))
SALU(s_bcnt1_i32_b64, "i:l", NOT_ZERO32(count(A, 64, 1)))
SALU(s_ff0_i32_b32, "i:i", lowest(A, 32, 0))
SALU(s_ff0_i32_b64, "i:l", lowest(A, 64, 0))
SALU(s_ff1_i32_b32, "i:i", lowest(A, 32, 1))
SALU(s_ff1_i32_b64, "i:l", lowest(A, 64, 1))
SALU(s_flbit_i32_b32, "i:i", highest(A, 32, 1))
SALU(s_flbit_i32_b64, "i:l", highest(A, 64, 1))
SALU(s_flbit_i32, "i:i", highest(A, 32, !(A >> 31 & 1)))
SALU(s_flbit_i32_i64, "i:l", highest(A, 64, !(A >> 63 & 1)))
SALU(s_sext_i32_i8, "i:i", (int8_t)A)
SALU(s_sext_i32_i16, "i:i", (int16_t)A)
SALU(s_bitset0_b32, "i:i", x->d & ~(1ull << (A & 31)))
SALU(s_bitset1_b32, "i:i", x->d | 1ull << (A & 31))
SALU(s_bitset0_b64, "l:i", x->d & ~(1ull << (A & 63)))
SALU(s_bitset1_b64, "l:i", x->d | 1ull << (A & 63))
SALU(s_bitreplicate_b64_b32, "l:i", doubled(A))
SALU(s_abs_i32, "i:i", NOT_ZERO32(I(A) < 0 ? -A : A))

/* ---- compares ---- */

#define COMPARE(t, T)                                                                              \
	SALU(s_cmp_eq_##t, ":ii", SCC((T)A == (T)B, 0))                                            \
	SALU(s_cmp_lg_##t, ":ii", SCC((T)A != (T)B, 0))                                            \
	SALU(s_cmp_gt_##t, ":ii", SCC((T)A > (T)B, 0))                                             \
	SALU(s_cmp_ge_##t, ":ii", SCC((T)A >= (T)B, 0))                                            \
	SALU(s_cmp_lt_##t, ":ii", SCC((T)A < (T)B, 0))                                             \
	SALU(s_cmp_le_##t, ":ii", SCC((T)A <= (T)B, 0))
COMPARE(i32, int32_t)
COMPARE(u32, uint32_t)
SALU(s_cmp_eq_u64, ":ll", SCC(A == B, 0))
SALU(s_cmp_lg_u64, ":ll", SCC(A != B, 0))
SALU(s_bitcmp0_b32, ":ii", SCC(!(A >> (B & 31) & 1), 0))
SALU(s_bitcmp1_b32, ":ii", SCC(A >> (B & 31) & 1, 0))
SALU(s_bitcmp0_b64, ":li", SCC(!(A >> (B & 63) & 1), 0))
SALU(s_bitcmp1_b64, ":li", SCC(A >> (B & 63) & 1, 0))

/* SOPK: the destination is the first source; "k" is the constant, signed or not by the type. */
#define K (x->i->imm)
#define COMPAREK(t, T, KT)                                                                         \
	SALU(s_cmpk_eq_##t, "i:k", SCC((T)x->d == (T)(KT)K, x->d))                                 \
	SALU(s_cmpk_lg_##t, "i:k", SCC((T)x->d != (T)(KT)K, x->d))                                 \
	SALU(s_cmpk_gt_##t, "i:k", SCC((T)x->d > (T)(KT)K, x->d))                                  \
	SALU(s_cmpk_ge_##t, "i:k", SCC((T)x->d >= (T)(KT)K, x->d))                                 \
	SALU(s_cmpk_lt_##t, "i:k", SCC((T)x->d < (T)(KT)K, x->d))                                  \
	SALU(s_cmpk_le_##t, "i:k", SCC((T)x->d <= (T)(KT)K, x->d))
COMPAREK(i32, int32_t, int16_t)
COMPAREK(u32, uint32_t, uint16_t)
SALU(s_movk_i32, "i:k", (int16_t)K)
SALU(s_cmovk_i32, "i:k", x->scc ? (uint64_t)(int16_t)K : x->d)
SALU(s_addk_i32, "i:k", SCC(I(x->d) + (int16_t)K != I(x->d + (uint64_t)(int16_t)K), x->d + (uint64_t)(int16_t)K))
SALU(s_mulk_i32, "i:k", x->d *(uint64_t)(int16_t)K)

/* ---- EXEC ---- */

#define SAVEEXEC(name, e32, e64)                                                                   \
	SALU(name##_b32, "i:i", ({                                                                 \
		     uint64_t E = x->w->s[R_EXEC];                                                 \
		     x->w->s[R_EXEC] = (uint32_t)(e32);                                            \
		     x->scc = x->w->s[R_EXEC] != 0;                                                \
		     E;                                                                            \
	     }))                                                                                   \
	SALU(name##_b64, "l:l", ({                                                                 \
		     uint64_t E = x->w->s[R_EXEC] | (uint64_t)x->w->s[R_EXEC + 1] << 32, N = (e64); \
		     ref_put64(x->w, R_EXEC, N);                                                   \
		     x->scc = N != 0;                                                              \
		     E;                                                                            \
	     }))
SAVEEXEC(s_and_saveexec, A &E, A &E)
SAVEEXEC(s_or_saveexec, A | E, A | E)
SAVEEXEC(s_xor_saveexec, A ^ E, A ^ E)
SAVEEXEC(s_andn2_saveexec, A & ~E, A & ~E)
SAVEEXEC(s_orn2_saveexec, A | ~E, A | ~E)
SAVEEXEC(s_nand_saveexec, ~(A & E), ~(A & E))
SAVEEXEC(s_nor_saveexec, ~(A | E), ~(A | E))
SAVEEXEC(s_xnor_saveexec, ~(A ^ E), ~(A ^ E))
SAVEEXEC(s_andn1_saveexec, ~A & E, ~A & E)
SAVEEXEC(s_orn1_saveexec, ~A | E, ~A | E)
#define WREXEC(name, expr)                                                                         \
	SALU(name##_b32, "i:i", ({                                                                 \
		     uint64_t E = x->w->s[R_EXEC];                                                 \
		     NOT_ZERO32(x->w->s[R_EXEC] = (uint32_t)(expr));                               \
	     }))                                                                                   \
	SALU(name##_b64, "l:l", ({                                                                 \
		     uint64_t E = x->w->s[R_EXEC] | (uint64_t)x->w->s[R_EXEC + 1] << 32, N = (expr); \
		     ref_put64(x->w, R_EXEC, N);                                                   \
		     NOT_ZERO(N);                                                                  \
	     }))
WREXEC(s_andn1_wrexec, ~A & E)
WREXEC(s_andn2_wrexec, A & ~E)

/* ---- moves by M0; "S" a register, "Q" a pair of them ---- */

#define M0 (w->s[R_M0])
WAVE_(s_movrels_b32, "S:S")
{
	ref_put32(w, i->dst.reg, w->s[i->src[0].reg + M0]);
}
WAVE_(s_movrels_b64, "Q:Q")
{
	unsigned int r = i->src[0].reg + M0;

	ref_put64(w, i->dst.reg, w->s[r] | (uint64_t)w->s[r + 1] << 32);
}
WAVE_(s_movreld_b32, "S:I")
{
	ref_put32(w, i->dst.reg + M0, ref_s32(w, &i->src[0]));
}
WAVE_(s_movreld_b64, "Q:Q")
{
	ref_put64(w, i->dst.reg + M0, ref_s64(w, &i->src[0]));
}
WAVE_(s_movrelsd_2_b32, "S:S")
{
	ref_put32(w, i->dst.reg + (M0 >> 16 & 1023), w->s[i->src[0].reg + (M0 & 1023)]);
}

/* ---- where the program goes ---- */

#define HERE (w->pc) /* past the instruction */
WAVE_(s_getpc_b64, "Q:")
{
	ref_put64(w, i->dst.reg, HERE);
}
WAVE_(s_setpc_b64, ":Q")
{
	w->pc = ref_s64(w, &i->src[0]);
}
WAVE_(s_swappc_b64, "Q:Q")
{
	uint64_t to = ref_s64(w, &i->src[0]);

	ref_put64(w, i->dst.reg, HERE);
	w->pc = to;
}
WAVE_(s_call_b64, "Q:b")
{
	ref_put64(w, i->dst.reg, HERE);
	w->pc += (uint64_t)(i->imm * 4);
}

static void jump_if(struct ref_wave *w, const struct ref_insn *i, bool taken)
{
	if (taken)
		w->pc += (uint64_t)(i->imm * 4);
}

static bool vcc_zero(const struct ref_wave *w)
{
	return !w->s[R_VCC] && (w->lanes == 32 || !w->s[R_VCC + 1]);
}
WAVE_(s_branch, ":b")
{
	jump_if(w, i, true);
}
WAVE_(s_cbranch_scc0, ":b")
{
	jump_if(w, i, !w->scc);
}
WAVE_(s_cbranch_scc1, ":b")
{
	jump_if(w, i, w->scc);
}
WAVE_(s_cbranch_vccz, ":b")
{
	jump_if(w, i, vcc_zero(w));
}
WAVE_(s_cbranch_vccnz, ":b")
{
	jump_if(w, i, !vcc_zero(w));
}
WAVE_(s_cbranch_execz, ":b")
{
	jump_if(w, i, !ref_exec(w));
}
WAVE_(s_cbranch_execnz, ":b")
{
	jump_if(w, i, ref_exec(w));
}
/*
 * S_SUBVECTOR_LOOP_BEGIN: "if EXEC == 0 jump; else if EXEC_LO == 0: S0 = EXEC_LO; else S0 = EXEC_HI,
 * EXEC_HI = 0"; _END: "if EXEC_HI != 0: EXEC_LO = S0; else if S0 == 0: nothing; else EXEC_HI = S0,
 * S0 = EXEC_LO, EXEC_LO = 0, jump back". (RDNA 1.0 ISA, SOPK)
 */
WAVE_(s_subvector_loop_begin, "S:b")
{
	if (!(w->s[R_EXEC] | w->s[R_EXEC + 1])) {
		w->pc += (uint64_t)(i->imm * 4);
	} else if (!w->s[R_EXEC]) {
		w->s[i->dst.reg] = 0;
	} else {
		w->s[i->dst.reg] = w->s[R_EXEC + 1];
		w->s[R_EXEC + 1] = 0;
	}
}
WAVE_(s_subvector_loop_end, "S:b")
{
	if (w->s[R_EXEC + 1]) {
		w->s[R_EXEC] = w->s[i->dst.reg];
	} else if (w->s[i->dst.reg]) {
		w->s[R_EXEC + 1] = w->s[i->dst.reg];
		w->s[i->dst.reg] = w->s[R_EXEC];
		w->s[R_EXEC] = 0;
		w->pc += (uint64_t)(i->imm * 4);
	}
}

/* ---- nothing happens that a program sees ---- */

#define NOTHING(name)                                                                              \
	WAVE_(name, ":n")                                                                          \
	{                                                                                          \
	}
#define NOTHING_PLAIN(name)                                                                        \
	WAVE_(name, ":")                                                                           \
	{                                                                                          \
	}
#define NOTHING_K(name)                                                                            \
	WAVE_(name, "z:n")                                                                         \
	{                                                                                          \
	}
NOTHING(s_nop)
NOTHING(s_waitcnt)
NOTHING(s_sleep)
NOTHING(s_setprio)
NOTHING(s_incperflevel)
NOTHING(s_decperflevel)
NOTHING(s_inst_prefetch)
NOTHING(s_clause)
NOTHING(s_waitcnt_depctr)
NOTHING(s_ttracedata_imm)
NOTHING(s_version)
NOTHING(s_cbranch_cdbgsys)
NOTHING(s_cbranch_cdbguser)
NOTHING(s_cbranch_cdbgsys_or_user)
NOTHING(s_cbranch_cdbgsys_and_user)
NOTHING_PLAIN(s_wakeup)
NOTHING_PLAIN(s_icache_inv)
NOTHING_PLAIN(s_ttracedata)
NOTHING_K(s_waitcnt_vscnt)
NOTHING_K(s_waitcnt_vmcnt)
NOTHING_K(s_waitcnt_expcnt)
NOTHING_K(s_waitcnt_lgkmcnt)

WAVE_(s_endpgm, ":")
{
	w->state = ENDED;
}
WAVE_(s_endpgm_saved, ":")
{
	w->state = ENDED;
}
WAVE_(s_endpgm_ordered_ps_done, ":")
{
	w->state = ENDED;
}
NOTHING_PLAIN(s_wait_idle)
WAVE_(s_code_end, ":")
{
	w->fault = FAULT_ILLEGAL;
}
WAVE_(s_setkill, ":n")
{
	if (i->imm & 1)
		w->state = ENDED;
}
/* A halted wave stays where it is: nobody lets it go on. */
WAVE_(s_sethalt, ":n")
{
	if (i->imm & 1) {
		w->pc -= 4;
		w->state = HALTED;
	}
}
WAVE_(s_barrier, ":")
{
	w->state = AT_BARRIER;
}
/* Trap 3 is llvm.debugtrap, which no debugger takes; others stop the queue (LLVM AMDGPUUsage). */
WAVE_(s_trap, ":t")
{
	if ((i->imm & 255) != 3)
		w->fault = FAULT_TRAP;
}
WAVE_(s_sendmsg, ":g")
{
	if ((i->imm & 15) == 1)
		w->interrupts[w->num_interrupts++ & 3] = w->s[R_M0] & 0x7fffff;
}
WAVE_(s_sendmsghalt, ":g")
{
	wave_s_sendmsg(w, i);
	w->pc -= 4;
	w->state = HALTED;
}

/* ---- hardware registers ---- */

WAVE_(s_round_mode, ":r")
{
	w->mode = (w->mode & ~15u) | ((uint32_t)i->imm & 15);
}
WAVE_(s_denorm_mode, ":r")
{
	w->mode = (w->mode & ~0xf0u) | ((uint32_t)i->imm & 15) << 4;
}

/* "h": simm16 = {size - 1, offset, id}; gen.py asks for MODE, TRAPSTS and FLAT_SCR. */
static uint32_t *hardware_register(struct ref_wave *w, unsigned int id)
{
	switch (id) {
	case 1:
		return &w->mode;
	case 3:
		return &w->trapsts;
	case 20:
		return (uint32_t *)(void *)&w->flat_scratch;
	default:
		return (uint32_t *)(void *)&w->flat_scratch + 1;
	}
}

static uint32_t hardware_field(const struct ref_insn *i, unsigned int *at)
{
	unsigned int size = ((unsigned int)i->imm >> 11 & 31) + 1;

	*at = (unsigned int)i->imm >> 6 & 31;
	return (uint32_t)((1ull << size) - 1);
}
WAVE_(s_getreg_b32, "S:h")
{
	unsigned int at;
	uint32_t mask = hardware_field(i, &at);

	ref_put32(w, i->dst.reg, *hardware_register(w, i->imm & 63) >> at & mask);
}

static void set_register(struct ref_wave *w, const struct ref_insn *i, uint32_t v)
{
	unsigned int at;
	uint32_t mask = hardware_field(i, &at), *r = hardware_register(w, i->imm & 63);

	*r = (*r & ~(mask << at)) | (v & mask) << at;
}
WAVE_(s_setreg_b32, "H:S")
{
	set_register(w, i, ref_s32(w, &i->src[0]));
}
WAVE_(s_setreg_imm32_b32, "H:L")
{
	set_register(w, i, (uint32_t)i->src[0].value);
}
