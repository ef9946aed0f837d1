/* SPDX-License-Identifier: MIT */
/*
 * The reference the emulated device is compared with: what each gfx1010 instruction does, written
 * from the RDNA 1.0 ISA document and LLVM, sharing no source with the device. It does not decode:
 * gen.py says in words what it had llvm-mc assemble (struct ref_insn).
 */
#ifndef INSN_REF_H
#define INSN_REF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- floats by integers (ref_float.c) ---- */

struct fmt {
	int ebits, mbits;
};
extern const struct fmt F16, F32, F64;
enum { RNE, RPI, RMI, RTZ };	  /* MODE.FP_ROUND */
enum { DEN_IN = 1, DEN_OUT = 2 }; /* MODE.FP_DENORM: kept, not flushed */

struct env {
	int rm, den;
	bool tie_of_tiny; /* out: tiny before rounding, the smallest normal after; flushing may see
			     either */
};

bool fl_nan(const struct fmt *f, uint64_t a);
bool fl_snan(const struct fmt *f, uint64_t a);
bool fl_inf(const struct fmt *f, uint64_t a);
bool fl_zero(const struct fmt *f, uint64_t a);
bool fl_denormal(const struct fmt *f, uint64_t a);
bool fl_sign(const struct fmt *f, uint64_t a);
uint64_t fl_make_nan(const struct fmt *f);
uint64_t fl_make_inf(const struct fmt *f, bool sign);
uint64_t fl_make_zero(const struct fmt *f, bool sign);
uint64_t fl_neg(const struct fmt *f, uint64_t a);
uint64_t fl_abs(const struct fmt *f, uint64_t a);
uint64_t fl_flush(const struct fmt *f, uint64_t a);
uint64_t fl_add(const struct fmt *f, uint64_t a, uint64_t b, struct env *e);
uint64_t fl_mul(const struct fmt *f, uint64_t a, uint64_t b, struct env *e);
uint64_t fl_div(const struct fmt *f, uint64_t a, uint64_t b, struct env *e);
uint64_t fl_sqrt(const struct fmt *f, uint64_t a, struct env *e);
uint64_t fl_fma(const struct fmt *f, uint64_t a, uint64_t b, uint64_t c, struct env *e);
/* (a * b + c) * 2^n and a * 2^n, rounded once. */
uint64_t fl_fma_scaled(const struct fmt *f, uint64_t a, uint64_t b, uint64_t c, int n,
		       struct env *e);
uint64_t fl_scale(const struct fmt *f, uint64_t a, int64_t n, struct env *e);
/* Convert between formats; fma with sources and result of different formats. */
uint64_t fl_convert(const struct fmt *to, const struct fmt *from, uint64_t a, struct env *e);
uint64_t fl_from_int(const struct fmt *f, int64_t v, struct env *e);
/* -1, 0, 1; 2 unordered */
int fl_cmp(const struct fmt *f, uint64_t a, uint64_t b, int den);
/* Round to an integral value: mode as FP_ROUND. */
uint64_t fl_integral(const struct fmt *f, uint64_t a, int rm);
/* To an integer of [low, high], truncating; NaN gives 0. */
int64_t fl_to_int(const struct fmt *f, uint64_t a, int64_t low, int64_t high);
int fl_exponent(const struct fmt *f, uint64_t a); /* frexp's */
uint64_t fl_mantissa(const struct fmt *f, uint64_t a);
double fl_double(const struct fmt *f, uint64_t a);

/* ---- instructions as gen.py describes them ---- */

enum { O_NONE, O_VGPR, O_SGPR, O_CONST, O_SPECIAL };
struct ref_op {
	uint8_t kind;
	uint16_t reg;
	uint64_t value;
};

struct ref_wave;
struct ref_insn;
struct lane;

enum ref_class {
	C_VALU, /* one result of each lane */
	C_CMP,	/* a lane mask */
	C_CMPX,
	C_PACKED, /* twice, on halves */
	C_SALU,
	C_WAVE, /* something else */
};

struct ref_row {
	const char *name;
	enum ref_class cls;
	const char *sig; /* "dst:src..." of i f d l s h: see insn.c */
	uint64_t (*lane)(struct lane *x);
	void (*wave)(struct ref_wave *w, const struct ref_insn *i);
} __attribute__((aligned(64)));

struct ref_insn {
	const struct ref_row *row;
	char name[40];
	char *text;
	uint32_t words[5];
	unsigned int num_words;
	unsigned int lanes;
	char form; /* '1' e32, '3' e64, 's' SDWA, 'd' DPP16, '8' DPP8, 0 none */
	struct ref_op dst, sdst, src[4], saddr, soffset;
	uint32_t neg, abs, opsel, opsel_hi, neg_hi, clamp, omod;
	uint32_t dst_sel, dst_unused, src_sel[2], src_sext[2];
	uint32_t dpp_ctrl, row_mask, bank_mask, bound_ctrl, fi;
	uint32_t dpp8;
	int64_t imm;
	uint32_t offset0, offset1, offen, idxen, glc, format;
	uint32_t isa;	 /* 0: gfx1010, 1: gfx1030, for what only that one has */
	unsigned int op; /* the device's number for it */
};

/* ---- the wave ---- */

enum { R_VCC = 106, R_M0 = 124, R_NULL = 125, R_EXEC = 126 };
enum { FAULT_NONE, FAULT_PAGE, FAULT_PERMISSION, FAULT_APERTURE, FAULT_ILLEGAL, FAULT_TRAP };
enum { RUNNING, AT_BARRIER, ENDED, HALTED };

#define REF_ROWS 288
#define REF_LDS 4096
#define REF_MEM 4096 /* bytes of each range */
#define REF_RANGES 3
struct ref_range {
	uint64_t va;
	bool read, write;
	uint8_t data[REF_MEM];
};

struct ref_wave {
	unsigned int lanes;
	uint64_t pc, next;
	uint32_t s[128];
	uint32_t v[REF_ROWS * 64];
	uint32_t mode, trapsts;
	uint64_t flat_scratch;
	bool scc;
	uint32_t id;
	int state;
	int fault;
	uint64_t fault_va;
	uint32_t interrupts[4];
	unsigned int num_interrupts;
	uint32_t lds_bytes;
	uint8_t lds[REF_LDS];
	struct ref_range range[REF_RANGES];
};

/* One lane of a vector instruction, or a scalar one. */
struct lane {
	uint64_t a, b, c, d; /* sources after modifiers; the old destination */
	struct env e32, e16; /* e16: of f16 and f64 */
	bool clamp, scc;
	bool carry, take; /* in: VCC or source 2; out: carry */
	unsigned int opsel;
	unsigned int l;
	const struct ref_insn *i;
	struct ref_wave *w;
	bool either;  /* out: flushing may go either way */
	double exact; /* out, of an operation with a tolerance: before it was rounded */
	bool keep;    /* out: nothing is written */
};

static inline uint64_t ref_exec(const struct ref_wave *w)
{
	return w->lanes == 32 ? w->s[R_EXEC] : w->s[R_EXEC] | (uint64_t)w->s[R_EXEC + 1] << 32;
}

uint32_t ref_s32(const struct ref_wave *w, const struct ref_op *o);
uint64_t ref_s64(const struct ref_wave *w, const struct ref_op *o);
void ref_put32(struct ref_wave *w, unsigned int reg, uint32_t v);
void ref_put64(struct ref_wave *w, unsigned int reg, uint64_t v);
void ref_put_mask(struct ref_wave *w, unsigned int reg, uint64_t v);
static inline uint32_t *ref_v(struct ref_wave *w, unsigned int r)
{
	return w->v + (size_t)r * w->lanes;
}

/* Run one instruction: state, pc and memory change. */
void ref_execute(struct ref_wave *w, const struct ref_insn *i);
/* The row of a mnemonic, NULL when there is none. */
const struct ref_row *ref_find(const char *name);
void ref_each(void (*fn)(const struct ref_row *row));
/* Of the last instruction, by lane. */
extern bool ref_either[64];
extern double ref_exact[64];

/* ---- how rows are written ---- */

#define PASTE2(a, b) a##b
#define PASTE(a, b) PASTE2(a, b)
#define ROW_LANE(name, cls, sig, fn)                                                               \
	static const struct ref_row row_##name                                                     \
		__attribute__((section("ref_rows"), used)) = {#name, cls, sig, fn, NULL};
#define ROW_WAVE(name, sig, fn)                                                                    \
	static const struct ref_row row_##name                                                     \
		__attribute__((section("ref_rows"), used)) = {#name, C_WAVE, sig, NULL, fn};
#define LANE_FN(name, cls, sig, expr)                                                              \
	static uint64_t lane_##name(struct lane *x)                                                \
	{                                                                                          \
		const uint64_t A = x->a, B = x->b, C = x->c;                                       \
		(void)A, (void)B, (void)C;                                                         \
		return (uint64_t)(expr);                                                           \
	}                                                                                          \
	ROW_LANE(name, cls, sig, lane_##name)
#define VALU(name, sig, expr) LANE_FN(name, C_VALU, sig, expr)
#define PACKED(name, sig, expr) LANE_FN(name, C_PACKED, sig, expr)
#define SALU(name, sig, expr) LANE_FN(name, C_SALU, sig, expr)
#define WAVE_(name, sig)                                                                           \
	static void wave_##name(struct ref_wave *w, const struct ref_insn *i);                     \
	ROW_WAVE(name, sig, wave_##name)                                                           \
	static void wave_##name(struct ref_wave *w __attribute__((unused)),                        \
				const struct ref_insn *i __attribute__((unused)))

#endif
