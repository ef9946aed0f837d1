/* SPDX-License-Identifier: MIT */
/*
 * A wave and its workgroup: the state gfx1010 machine code sees. The exec_*.c files execute one
 * instruction on it; run.c drives it; memory is reached only through mem.h.
 */
#ifndef RDNA1_EMU_WAVE_H
#define RDNA1_EMU_WAVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "insn.h"
#ifdef __AVX2__
#include <immintrin.h>
#endif
#include "vm.h"

#define WAVE_MAX_LANES 64
#define NUM_VGPRS 256
/*
 * Behind them a wave has rows that stand for nothing: what an instruction that names v255 and more
 * registers reads and writes there is its own affair.
 */
#define VGPR_ROWS (NUM_VGPRS + 32)

/* Registers other than VGPRs, indexed by operand code. */
enum {
	SREG_VCC_LO = OPERAND_VCC,
	SREG_VCC_HI,
	SREG_M0 = OPERAND_M0,
	SREG_NULL = OPERAND_NULL, /* stays 0 */
	SREG_EXEC_LO = OPERAND_EXEC,
	SREG_EXEC_HI,
	NUM_SREGS = 128
};

enum wave_state { WAVE_RUNNING, WAVE_BARRIER, WAVE_DONE, WAVE_HALTED };

struct dispatch;
struct workgroup;

/* Why a wave stopped before its end. kind: enum ev_fault_kind, or WAVE_GAP. */
#define WAVE_GAP 0x100
struct wave_fault {
	unsigned int kind; /* 0: none */
	bool write;
	uint64_t va;
	uint32_t size;
	uint32_t lane;
	const char *what; /* WAVE_GAP: when it is not the instruction as a whole */
};

struct wave {
	/* Hot state first. */
	uint64_t pc; /* of the next instruction */
	uint64_t at; /* of the one that executes */
	uint32_t lanes; /* 32 or 64 */
	bool scc;
	bool mask_stale; /* EXEC was written since `mask` was made */
	bool stop;	 /* leave the run loop: fault, barrier, end */
	bool all_lanes;	 /* EXEC is all ones; valid when mask is not stale */
	bool odd_mode;	 /* MODE rounds or flushes otherwise than the host does by default */
	uint32_t *v;	 /* VGPR r of lane l: v[r * lanes + l] */
	struct vm_view *view;
	uint8_t *lds;	   /* the workgroup's, NULL when it has none */
	uint32_t lds_bytes;
	uint32_t s[NUM_SREGS];
	uint32_t mask[WAVE_MAX_LANES] __attribute__((aligned(64))); /* ~0 where EXEC is set */

	enum wave_state state;
	struct wave_fault fault;
	uint32_t mode, trapsts; /* hardware registers; mode by wave_set_mode */
	uint32_t mxcsr[NUM_FP]; /* the host's rounding and denormal control for instructions of each kind */
	uint64_t flat_scratch;
	uint32_t id; /* in its workgroup */
	struct workgroup *wg;
	uint64_t executed; /* instructions */
};

/* 32 or 64, so that loops over lanes have no remainder. */
static inline unsigned int wave_lanes(const struct wave *w)
{
	return w->lanes == 64 ? 64 : 32;
}

static inline uint64_t wave_exec(const struct wave *w)
{
	return w->lanes == 32 ? w->s[SREG_EXEC_LO]
			      : w->s[SREG_EXEC_LO] | (uint64_t)w->s[SREG_EXEC_HI] << 32;
}

static inline void wave_set_exec(struct wave *w, uint64_t exec)
{
	w->s[SREG_EXEC_LO] = (uint32_t)exec;
	if (w->lanes == 64)
		w->s[SREG_EXEC_HI] = (uint32_t)(exec >> 32);
	w->mask_stale = true;
}

/* out[l] = ~0 where bit l of `bits` is set. */
static inline void wave_expand_mask(uint32_t *out, uint64_t bits, unsigned int lanes)
{
#ifdef __AVX2__
	const __m256i bit = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);

	for (unsigned int l = 0; l < lanes; l += 8) {
		__m256i b = _mm256_and_si256(_mm256_set1_epi32((int)(bits >> l & 255)), bit);

		_mm256_storeu_si256((__m256i *)(void *)(out + l), _mm256_cmpeq_epi32(b, bit));
	}
#else
	for (unsigned int l = 0; l < (lanes & ~31u); l++)
		out[l] = (uint32_t)0 - ((uint32_t)(bits >> (l & 32)) >> (l & 31) & 1);
#endif
}

static inline void wave_make_mask(struct wave *w)
{
	uint64_t exec = wave_exec(w);

	wave_expand_mask(w->mask, exec, w->lanes);
	w->all_lanes = exec == (w->lanes == 32 ? 0xffffffffull : ~0ull);
	w->mask_stale = false;
}

/* The MODE register. The host's SSE unit rounds and flushes for us: mxcsr, set around instructions. */
void wave_set_mode(struct wave *w, uint32_t mode);
#define MXCSR_DEFAULT 0x1f80u /* no exceptions, round to nearest even, denormals kept */

static inline const uint32_t *wave_mask(struct wave *w)
{
	if (w->mask_stale)
		wave_make_mask(w);
	return w->mask;
}

static inline uint32_t *wave_vgpr(const struct wave *w, unsigned int r)
{
	return w->v + (size_t)r * w->lanes;
}

#define NO_LANE UINT32_MAX /* of no lane: a scalar instruction, a fetch */

/* Stop at the current instruction. */
void wave_fault(struct wave *w, unsigned int kind, uint64_t va, uint32_t size, bool write,
		uint32_t lane);
void wave_gap(struct wave *w, const char *what);

/* ---- what an instruction asks of the device around it; implemented by the device ---- */

/* s_sendmsg(MSG_INTERRUPT): raise the KFD event in m0. */
void device_interrupt(struct wave *w, uint32_t event_id);

/* Shader clock, in the unit of kfd_ioctl_get_clock_counters_args.gpu_clock_counter. */
uint64_t device_clock(void);

/* ---- operands ---- */

/* The value of a scalar operand; 64-bit ones read a register pair or a sign-extended constant. */
uint32_t operand_u32(const struct wave *w, const struct insn *i, unsigned int code);
uint64_t operand_u64(const struct wave *w, const struct insn *i, unsigned int code);
/* Fill in i->constant and i->value. */
void operand_constants(struct insn *i);
/* As a double: inline floats are doubles, a literal is its high half. */
uint64_t operand_f64(const struct wave *w, const struct insn *i, unsigned int code);

static inline void sreg_write(struct wave *w, unsigned int code, uint32_t value)
{
	if (code >= NUM_SREGS || code == SREG_NULL)
		return;
	w->s[code] = value;
	if (code >= SREG_EXEC_LO)
		w->mask_stale = true;
}

static inline void sreg_write64(struct wave *w, unsigned int code, uint64_t value)
{
	sreg_write(w, code, (uint32_t)value);
	if (code != SREG_NULL)
		sreg_write(w, code + 1, (uint32_t)(value >> 32));
}

/* Write a lane mask (VCC, compare results): one register in wave32, a pair in wave64. */
static inline void sreg_write_mask(struct wave *w, unsigned int code, uint64_t value)
{
	if (w->lanes == 32)
		sreg_write(w, code, (uint32_t)value);
	else
		sreg_write64(w, code, value);
}

static inline uint64_t sreg_read_mask(const struct wave *w, const struct insn *i, unsigned int code)
{
	return w->lanes == 32 ? operand_u32(w, i, code) : operand_u64(w, i, code);
}

/* ---- the table of what is executed ---- */

struct exec_row {
	uint16_t op;
	exec_fn fn;
};

/*
 * EXEC(name) { ... } defines how `name` executes, with w and i in scope. The row lands in a section
 * of its own, so that an instruction is written down in one place; a name that the decode sweep did
 * not find does not compile.
 */
#ifndef EXEC_VARIANT
#define EXEC_VARIANT base
#endif
#define EXEC_PASTE_(a, b) a##b
#define EXEC_PASTE(a, b) EXEC_PASTE_(a, b)
#define EXEC_STR_(a) #a
#define EXEC_STR(a) EXEC_STR_(a)
#define EXEC_SECTION EXEC_STR(EXEC_PASTE(exec_rows_, EXEC_VARIANT))
#define EXEC(name)                                                                                 \
	static void exec_##name(struct wave *w, const struct insn *i);                             \
	static const struct exec_row row_##name                                                    \
		__attribute__((section(EXEC_SECTION), used, aligned(16))) = {OP_##name,            \
									     exec_##name};         \
	static void exec_##name(struct wave *w __attribute__((unused)),                            \
				const struct insn *i __attribute__((unused)))

/* Fill the table; picks the variant for this CPU. Call once before exec_of. */
void exec_init(void);
exec_fn exec_of(unsigned int op); /* NULL: not executed yet */
unsigned int exec_count(void);
enum fp exec_fp(unsigned int op);

#endif
