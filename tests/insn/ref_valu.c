// SPDX-License-Identifier: MIT
/*
 * Vector arithmetic, a line for each mnemonic (RDNA 1.0 ISA, sections 12.7 to 12.12). Of a lane:
 * A, B, C are the sources after modifiers, x->d the old destination; see insn.c for the signatures.
 */
#include "ref.h"

#include <math.h>
#include <string.h>

#define E32 (&x->e32)
#define E16 (&x->e16)
#define U32_(v) ((uint32_t)(v))
#define I32(v) ((int64_t)(int32_t)(v))
#define U16_(v) ((uint16_t)(v))
#define I16(v) ((int64_t)(int16_t)(v))

static int64_t clamp_to(const struct lane *x, __int128 v, __int128 low, __int128 high)
{
	if (x->clamp)
		v = v < low ? low : v > high ? high : v;
	return (int64_t)v;
}
#define SU32(v) clamp_to(x, (v), 0, UINT32_MAX)
#define SI32(v) clamp_to(x, (v), INT32_MIN, INT32_MAX)
#define SU16(v) clamp_to(x, (v), 0, UINT16_MAX)
#define SI16(v) clamp_to(x, (v), INT16_MIN, INT16_MAX)
#define LESS(a, b) ((a) < (b) ? (a) : (b))
#define MORE(a, b) ((a) > (b) ? (a) : (b))
#define MIDDLE(a, b, c) middle(a, b, c)

static int64_t middle(int64_t a, int64_t b, int64_t c)
{
	if ((a >= b && a <= c) || (a <= b && a >= c))
		return a;
	if ((b >= a && b <= c) || (b <= a && b >= c))
		return b;
	return c;
}

/* ---- bits ---- */

static uint64_t reverse_bits(uint64_t v, int n)
{
	uint64_t r = 0;

	for (int b = 0; b < n; b++)
		if (v >> b & 1)
			r |= 1ull << (n - 1 - b);
	return r;
}

static uint64_t first_from_top(uint32_t v, bool bit)
{
	for (int b = 0; b < 32; b++)
		if ((v >> (31 - b) & 1) == bit)
			return (uint64_t)b;
	return UINT32_MAX;
}

static uint64_t first_from_bottom(uint32_t v)
{
	for (uint64_t b = 0; b < 32; b++)
		if (v >> b & 1)
			return b;
	return UINT32_MAX;
}

static uint64_t count_bits(uint64_t v)
{
	uint64_t n = 0;

	for (int b = 0; b < 64; b++)
		n += v >> b & 1;
	return n;
}

static int64_t sign_extend(uint64_t v, unsigned int bits)
{
	return bits && (v >> (bits - 1) & 1) ? (int64_t)(v | ~((1ull << bits) - 1)) : (int64_t)v;
}

static uint64_t field(uint64_t v, unsigned int at, unsigned int width)
{
	uint64_t r = 0;

	for (unsigned int b = 0; b < width && at + b < 32; b++)
		r |= (v >> (at + b) & 1) << b;
	return r;
}

static uint64_t signed_field(uint32_t v, unsigned int at, unsigned int width)
{
	if (!width)
		return 0;
	if (at + width > 32)
		width = 32 - at;
	return (uint64_t)sign_extend(field(v, at, width), width);
}

VALU(v_mov_b32, "i:i", A)
VALU(v_not_b32, "i:i", ~A)
VALU(v_bfrev_b32, "i:i", reverse_bits(A, 32))
VALU(v_ffbh_u32, "i:i", first_from_top(U32_(A), 1))
VALU(v_ffbl_b32, "i:i", first_from_bottom(U32_(A)))
VALU(v_ffbh_i32, "i:i", U32_(A) >> 31 ? first_from_top(U32_(A), 0) : first_from_top(U32_(A), 1))
VALU(v_and_b32, "i:ii", A & B)
VALU(v_or_b32, "i:ii", A | B)
VALU(v_xor_b32, "i:ii", A ^ B)
VALU(v_xnor_b32, "i:ii", ~(A ^ B))
VALU(v_lshlrev_b32, "i:ii", B << (A & 31))
VALU(v_lshrrev_b32, "i:ii", U32_(B) >> (A & 31))
VALU(v_ashrrev_i32, "i:ii", I32(B) >> (A & 31))
VALU(v_lshlrev_b64, "l:il", B << (A & 63))
VALU(v_lshrrev_b64, "l:il", B >> (A & 63))
VALU(v_ashrrev_i64, "l:il", (int64_t)B >> (A & 63))
VALU(v_bfm_b32, "i:ii", ((1ull << (A & 31)) - 1) << (B & 31))
VALU(v_bcnt_u32_b32, "i:ii", count_bits(U32_(A)) + B)
VALU(v_and_or_b32, "i:iii", (A & B) | C)
VALU(v_or3_b32, "i:iii", A | B | C)
VALU(v_xor3_b32, "i:iii", A ^ B ^ C)
VALU(v_lshl_or_b32, "i:iii", (A << (B & 31)) | C)
VALU(v_bfi_b32, "i:iii", (A & B) | (~A & C))
VALU(v_bfe_u32, "i:iii", field(U32_(A), B & 31, C & 31))
VALU(v_bfe_i32, "i:iii", signed_field(U32_(A), B & 31, C & 31))
VALU(v_alignbit_b32, "i:iii", (A << 32 | U32_(B)) >> (C & 31))
VALU(v_alignbyte_b32, "i:iii", (A << 32 | U32_(B)) >> ((C & 3) * 8))

static uint64_t permuted_byte(uint64_t both, unsigned int sel)
{
	if (sel > 12)
		return 0xff;
	if (sel == 12)
		return 0;
	if (sel > 7) /* the sign of byte 1, 3, 5, 7 */
		return both >> (2 * (sel - 8) + 1) * 8 >> 7 & 1 ? 0xff : 0;
	return both >> 8 * sel & 0xff;
}
VALU(v_perm_b32, "i:iii",
     permuted_byte(A << 32 | U32_(B), C & 255) |
	     permuted_byte(A << 32 | U32_(B), C >> 8 & 255) << 8 |
	     permuted_byte(A << 32 | U32_(B), C >> 16 & 255) << 16 |
	     permuted_byte(A << 32 | U32_(B), C >> 24 & 255) << 24)
VALU(v_cndmask_b32, "u:uum", x->take ? B : A)

/* ---- integers ---- */

VALU(v_add_nc_u32, "i:ii", SU32((__int128)U32_(A) + U32_(B)))
VALU(v_sub_nc_u32, "i:ii", SU32((__int128)U32_(A) - U32_(B)))
VALU(v_subrev_nc_u32, "i:ii", SU32((__int128)U32_(B) - U32_(A)))
VALU(v_add_nc_i32, "i:ii", SI32((__int128)I32(A) + I32(B)))
VALU(v_sub_nc_i32, "i:ii", SI32((__int128)I32(A) - I32(B)))
VALU(v_min_i32, "i:ii", LESS(I32(A), I32(B)))
VALU(v_max_i32, "i:ii", MORE(I32(A), I32(B)))
VALU(v_min_u32, "i:ii", LESS(U32_(A), U32_(B)))
VALU(v_max_u32, "i:ii", MORE(U32_(A), U32_(B)))
VALU(v_min3_i32, "i:iii", LESS(I32(A), LESS(I32(B), I32(C))))
VALU(v_max3_i32, "i:iii", MORE(I32(A), MORE(I32(B), I32(C))))
VALU(v_med3_i32, "i:iii", MIDDLE(I32(A), I32(B), I32(C)))
VALU(v_min3_u32, "i:iii", LESS(U32_(A), LESS(U32_(B), U32_(C))))
VALU(v_max3_u32, "i:iii", MORE(U32_(A), MORE(U32_(B), U32_(C))))
VALU(v_med3_u32, "i:iii", MIDDLE(U32_(A), U32_(B), U32_(C)))
VALU(v_mul_lo_u32, "i:ii", A *B)
VALU(v_mul_lo_i32, "i:ii", A *B)
VALU(v_mul_hi_u32, "i:ii", (A & UINT32_MAX) * (B & UINT32_MAX) >> 32)
VALU(v_mul_hi_i32, "i:ii", (I32(A) * I32(B)) >> 32)
#define U24(v) ((v) & 0xffffff)
#define I24(v) sign_extend((v) & 0xffffff, 24)
VALU(v_mul_u32_u24, "i:ii", U24(A) * U24(B))
VALU(v_mul_i32_i24, "i:ii", I24(A) * I24(B))
VALU(v_mul_hi_u32_u24, "i:ii", (U24(A) * U24(B)) >> 32)
VALU(v_mul_hi_i32_i24, "i:ii", (I24(A) * I24(B)) >> 32)
VALU(v_mad_u32_u24, "i:iii", SU32((__int128)(U24(A) * U24(B)) + U32_(C)))
VALU(v_mad_i32_i24, "i:iii", SI32((__int128)(I24(A) * I24(B)) + I32(C)))
VALU(v_mad_u32_u16, "i:ssi", SU32((__int128)(A & 0xffff) * (B & 0xffff) + U32_(C)))
VALU(v_mad_i32_i16, "i:ssi", SI32((__int128)I16(A) * I16(B) + I32(C)))
VALU(v_add3_u32, "i:iii", A + B + C)
VALU(v_lshl_add_u32, "i:iii", (A << (B & 31)) + C)
VALU(v_add_lshl_u32, "i:iii", (A + B) << (C & 31))
VALU(v_xad_u32, "i:iii", (A ^ B) + C)

static uint64_t bytes_apart(uint64_t a, uint64_t b, bool masked)
{
	uint64_t sum = 0;

	for (int k = 0; k < 4; k++) {
		int p = a >> (8 * k) & 255, q = b >> (8 * k) & 255;

		if (!masked || q)
			sum += (uint64_t)(p < q ? q - p : p - q);
	}
	return sum;
}

static uint64_t halves_apart(uint64_t a, uint64_t b)
{
	uint64_t sum = 0;

	for (int k = 0; k < 2; k++) {
		int p = a >> (16 * k) & 0xffff, q = b >> (16 * k) & 0xffff;

		sum += (uint64_t)(p < q ? q - p : p - q);
	}
	return sum;
}
VALU(v_sad_u8, "i:iii", SU32((__int128)bytes_apart(A, B, false) + U32_(C)))
VALU(v_msad_u8, "i:iii", SU32((__int128)bytes_apart(A, B, true) + U32_(C)))
VALU(v_sad_hi_u8, "i:iii", SU32(((__int128)bytes_apart(A, B, false) << 16) + U32_(C)))
VALU(v_sad_u16, "i:iii", SU32((__int128)halves_apart(A, B) + U32_(C)))
VALU(v_sad_u32, "i:iii",
     SU32((__int128)(U32_(A) > U32_(B) ? U32_(A) - U32_(B) : U32_(B) - U32_(A)) + U32_(C)))

static uint64_t average_bytes(uint64_t a, uint64_t b, uint64_t c)
{
	uint64_t r = 0;

	for (int k = 0; k < 4; k++)
		r |= (((a >> 8 * k & 255) + (b >> 8 * k & 255) + (c >> 8 * k & 1)) / 2) << 8 * k;
	return r;
}
VALU(v_lerp_u8, "i:iii", average_bytes(A, B, C))

/* Four sums of four differences: bytes of A from 0, 1, 2, 3 on against B. */
static uint64_t quad_apart(uint64_t a, uint64_t b, uint64_t c, bool masked, bool clamp)
{
	uint64_t r = 0;

	for (int k = 0; k < 4; k++) {
		uint64_t sum = bytes_apart(a >> (8 * k) & UINT32_MAX, b & UINT32_MAX, masked) +
			       (c >> (16 * k) & 0xffff);

		if (clamp && sum > 0xffff)
			sum = 0xffff;
		r |= (sum & 0xffff) << (16 * k);
	}
	return r;
}
VALU(v_qsad_pk_u16_u8, "l:lil", quad_apart(A, B, C, false, x->clamp))
VALU(v_mqsad_pk_u16_u8, "l:lil", quad_apart(A, B, C, true, x->clamp))

VALU(v_cvt_pk_u16_u32, "i:ii", LESS(U32_(A), 0xffffu) | (uint64_t)LESS(U32_(B), 0xffffu) << 16)
VALU(v_cvt_pk_i16_i32, "i:ii",
     (uint16_t)MORE(LESS(I32(A), 32767), -32768) |
	     (uint64_t)(uint16_t)MORE(LESS(I32(B), 32767), -32768) << 16)

/* ---- carries ---- */

static uint64_t add_carry(struct lane *x, uint64_t a, uint64_t b, bool c)
{
	uint64_t r = U32_(a) + (uint64_t)U32_(b) + c;

	x->carry = r > UINT32_MAX;
	return x->clamp && x->carry ? UINT32_MAX : r;
}

static uint64_t sub_borrow(struct lane *x, uint64_t a, uint64_t b, bool c)
{
	x->carry = U32_(a) < (uint64_t)U32_(b) + c;
	return x->clamp && x->carry ? 0 : a - b - c;
}
VALU(v_add_co_u32, "ic:ii", add_carry(x, A, B, false))
VALU(v_sub_co_u32, "ic:ii", sub_borrow(x, A, B, false))
VALU(v_subrev_co_u32, "ic:ii", sub_borrow(x, B, A, false))
VALU(v_add_co_ci_u32, "ic:iim", add_carry(x, A, B, x->take))
VALU(v_sub_co_ci_u32, "ic:iim", sub_borrow(x, A, B, x->take))
VALU(v_subrev_co_ci_u32, "ic:iim", sub_borrow(x, B, A, x->take))

static uint64_t mad64(struct lane *x, __int128 sum, __int128 low, __int128 high)
{
	x->carry = sum > high || sum < low;
	if (x->clamp)
		sum = sum > high ? high : sum < low ? low : sum;
	return (uint64_t)sum;
}
VALU(v_mad_u64_u32, "lc:iil",
     mad64(x, (__int128)((uint64_t)U32_(A) * U32_(B)) + C, 0, UINT64_MAX))
VALU(v_mad_i64_i32, "lc:iil",
     mad64(x, (__int128)(I32(A) * I32(B)) + (int64_t)C, INT64_MIN, INT64_MAX))

/* ---- 16-bit integers ---- */

VALU(v_lshlrev_b16, "s:ss", B << (A & 15))
VALU(v_lshrrev_b16, "s:ss", U16_(B) >> (A & 15))
VALU(v_ashrrev_i16, "s:ss", I16(B) >> (A & 15))
VALU(v_add_nc_u16, "s:ss", SU16(U16_(A) + U16_(B)))
VALU(v_sub_nc_u16, "s:ss", SU16(U16_(A) - U16_(B)))
VALU(v_add_nc_i16, "s:ss", SI16(I16(A) + I16(B)))
VALU(v_sub_nc_i16, "s:ss", SI16(I16(A) - I16(B)))
VALU(v_mul_lo_u16, "s:ss", SU16((int64_t)U16_(A) * U16_(B)))
VALU(v_min_u16, "s:ss", LESS(U16_(A), U16_(B)))
VALU(v_max_u16, "s:ss", MORE(U16_(A), U16_(B)))
VALU(v_min_i16, "s:ss", LESS(I16(A), I16(B)))
VALU(v_max_i16, "s:ss", MORE(I16(A), I16(B)))
VALU(v_mad_u16, "s:sss", SU16((int64_t)U16_(A) * U16_(B) + U16_(C)))
VALU(v_mad_i16, "s:sss", SI16(I16(A) * I16(B) + I16(C)))
VALU(v_min3_i16, "s:sss", LESS(LESS(I16(A), I16(B)), I16(C)))
VALU(v_max3_i16, "s:sss", MORE(MORE(I16(A), I16(B)), I16(C)))
VALU(v_med3_i16, "s:sss", MIDDLE(I16(A), I16(B), I16(C)))
VALU(v_min3_u16, "s:sss", LESS(LESS(U16_(A), U16_(B)), U16_(C)))
VALU(v_max3_u16, "s:sss", MORE(MORE(U16_(A), U16_(B)), U16_(C)))
VALU(v_med3_u16, "s:sss", MIDDLE(U16_(A), U16_(B), U16_(C)))
VALU(v_pack_b32_f16, "i:HH=", U16_(A) | (uint64_t)U16_(B) << 16)
static uint64_t to_u8(int64_t v)
{
	return (uint64_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}
VALU(v_sat_pk_u8_i16, "s:i", to_u8(I16(A)) | to_u8(I16(A >> 16)) << 8)

PACKED(v_pk_mad_i16, "s:sss", SI16(I16(A) * I16(B) + I16(C)))
PACKED(v_pk_mad_u16, "s:sss", SU16((int64_t)U16_(A) * U16_(B) + U16_(C)))
PACKED(v_pk_mul_lo_u16, "s:ss", A *B)
PACKED(v_pk_add_i16, "s:ss", SI16(I16(A) + I16(B)))
PACKED(v_pk_sub_i16, "s:ss", SI16(I16(A) - I16(B)))
PACKED(v_pk_add_u16, "s:ss", SU16(U16_(A) + U16_(B)))
PACKED(v_pk_sub_u16, "s:ss", SU16(U16_(A) - U16_(B)))
PACKED(v_pk_lshlrev_b16, "s:ss", B << (A & 15))
PACKED(v_pk_lshrrev_b16, "s:ss", U16_(B) >> (A & 15))
PACKED(v_pk_ashrrev_i16, "s:ss", I16(B) >> (A & 15))
PACKED(v_pk_max_i16, "s:ss", MORE(I16(A), I16(B)))
PACKED(v_pk_min_i16, "s:ss", LESS(I16(A), I16(B)))
PACKED(v_pk_max_u16, "s:ss", MORE(U16_(A), U16_(B)))
PACKED(v_pk_min_u16, "s:ss", LESS(U16_(A), U16_(B)))

/* ---- floats ---- */

static uint64_t flush_by(const struct fmt *f, uint64_t a, int den, int bit)
{
	return den & bit ? a : fl_flush(f, a);
}

/* V_MIN, V_MAX: a number beats a NaN, -0 is below +0. */
static uint64_t extreme(const struct fmt *f, uint64_t a, uint64_t b, const struct env *e, bool max)
{
	int order;
	uint64_t r;

	a = flush_by(f, a, e->den, DEN_IN);
	b = flush_by(f, b, e->den, DEN_IN);
	if (fl_nan(f, a))
		r = b;
	else if (fl_nan(f, b))
		r = a;
	else {
		order = fl_cmp(f, a, b, DEN_IN);
		if (!order)
			order = fl_sign(f, b) - fl_sign(f, a);
		r = (order > 0) == max ? a : b;
	}
	return flush_by(f, r, e->den, DEN_OUT);
}
#define MIN_(f, a, b, e) extreme(f, a, b, e, false)
#define MAX_(f, a, b, e) extreme(f, a, b, e, true)

/* V_MED3: the ISA text. */
static uint64_t median(struct lane *x, const struct fmt *f, uint64_t a, uint64_t b, uint64_t c,
		       const struct env *mode)
{
	const struct env keep = {mode->rm, mode->den | DEN_OUT, false}, *e = &keep;
	uint64_t top;

	/* Of zeros of both signs the text says one, an order with -0 below +0 another. */
	x->either = fl_zero(f, fl_flush(f, a)) + fl_zero(f, fl_flush(f, b)) + fl_zero(f, fl_flush(f, c)) > 1;

	if (fl_nan(f, a) || fl_nan(f, b) || fl_nan(f, c))
		return MIN_(f, MIN_(f, a, b, e), c, mode);
	top = MAX_(f, MAX_(f, a, b, e), c, e);
	if (fl_cmp(f, top, a, e->den) == 0)
		return MAX_(f, b, c, mode);
	if (fl_cmp(f, top, b, e->den) == 0)
		return MAX_(f, a, c, mode);
	return MAX_(f, a, b, mode);
}

/* Round to an integral value, in a mode of the instruction's own. */
static uint64_t integral(const struct fmt *f, uint64_t a, const struct env *e, int rm)
{
	return fl_integral(f, flush_by(f, a, e->den, DEN_IN), rm);
}

/* V_FRACT: x - floor(x), below 1. */
static uint64_t fraction(const struct fmt *f, uint64_t a, struct env *e)
{
	struct env n = *e;
	uint64_t largest = fl_make_zero(f, false), r;

	if (fl_nan(f, a) || fl_inf(f, a))
		return fl_make_nan(f);
	largest = (((1ull << (f->ebits - 1)) - 1) << f->mbits) - 1; /* the one below 1.0 */
	a = flush_by(f, a, e->den, DEN_IN);
	r = fl_add(f, a, fl_neg(f, fl_integral(f, a, RMI)), &n);
	return fl_cmp(f, r, largest, DEN_IN) > 0 ? largest : r;
}

#define FLOATS(t, F, E)                                                                            \
	VALU(v_add_##t, SIG2_##t, fl_add(&F, A, B, E))                                             \
	VALU(v_mul_##t, SIG2_##t, fl_mul(&F, A, B, E))                                             \
	VALU(v_fma_##t, SIG3_##t, fl_fma(&F, A, B, C, E))                                          \
	VALU(v_min_##t, SIG2_##t, MIN_(&F, A, B, E))                                               \
	VALU(v_max_##t, SIG2_##t, MAX_(&F, A, B, E))                                               \
	VALU(v_trunc_##t, SIG1_##t, integral(&F, A, E, RTZ))                                       \
	VALU(v_ceil_##t, SIG1_##t, integral(&F, A, E, RPI))                                        \
	VALU(v_floor_##t, SIG1_##t, integral(&F, A, E, RMI))                                       \
	VALU(v_rndne_##t, SIG1_##t, integral(&F, A, E, RNE))                                       \
	VALU(v_fract_##t, SIG1_##t, fraction(&F, A, E))                                            \
	VALU(v_frexp_mant_##t, SIG1_##t "=", fl_mantissa(&F, A))
#define SIG1_f32 "f:f"
#define SIG2_f32 "f:ff"
#define SIG3_f32 "f:fff"
#define SIG1_f64 "d:d"
#define SIG2_f64 "d:dd"
#define SIG3_f64 "d:ddd"
#define SIG1_f16 "h:h"
#define SIG2_f16 "h:hh"
#define SIG3_f16 "h:hhh"
FLOATS(f32, F32, E32)
FLOATS(f64, F64, E16)
FLOATS(f16, F16, E16)
/* Not of f64. */
#define SHORT_FLOATS(t, F, E)                                                                      \
	VALU(v_sub_##t, SIG2_##t, fl_add(&F, A, fl_nan(&F, B) ? B : fl_neg(&F, B), E))             \
	VALU(v_subrev_##t, SIG2_##t, fl_add(&F, B, fl_nan(&F, A) ? A : fl_neg(&F, A), E))          \
	VALU(v_fmac_##t, SIG2_##t, fl_fma(&F, A, B, x->d, E))                                      \
	VALU(v_fmaak_##t, SIG2_##t "k", fl_fma(&F, A, B, C, E))                                    \
	VALU(v_fmamk_##t, SIG2_##t "K", fl_fma(&F, A, C, B, E))                                    \
	VALU(v_min3_##t, SIG3_##t, MIN_(&F, MIN_(&F, A, B, E), C, E))                              \
	VALU(v_max3_##t, SIG3_##t, MAX_(&F, MAX_(&F, A, B, E), C, E))                              \
	VALU(v_med3_##t, SIG3_##t, median(x, &F, A, B, C, E))
SHORT_FLOATS(f32, F32, E32)
SHORT_FLOATS(f16, F16, E16)
PACKED(v_pk_add_f16, "h:hh", fl_add(&F16, A, B, E16))
PACKED(v_pk_mul_f16, "h:hh", fl_mul(&F16, A, B, E16))
PACKED(v_pk_min_f16, "h:hh", MIN_(&F16, A, B, E16))
PACKED(v_pk_max_f16, "h:hh", MAX_(&F16, A, B, E16))
PACKED(v_pk_fma_f16, "h:hhh", fl_fma(&F16, A, B, C, E16))
PACKED(v_pk_fmac_f16, "h:hh", fl_fma(&F16, A, B, x->d, E16))

/* The DX9 rule: 0 times anything is +0. */
static uint64_t legacy_mul(uint64_t a, uint64_t b, struct env *e)
{
	a = flush_by(&F32, a, e->den, DEN_IN);
	b = flush_by(&F32, b, e->den, DEN_IN);
	return fl_zero(&F32, a) || fl_zero(&F32, b) ? 0 : fl_mul(&F32, a, b, e);
}

/* V_MAD, V_MAC: two roundings, denormals always flushed. */
static uint64_t mad32(struct lane *x, uint64_t a, uint64_t b, uint64_t c, bool legacy)
{
	struct env e = {x->e32.rm, 0, false};
	uint64_t p = legacy ? legacy_mul(a, b, &e) : fl_mul(&F32, a, b, &e);

	x->either |= e.tie_of_tiny;
	e.tie_of_tiny = false;
	p = fl_add(&F32, p, c, &e);
	x->either |= e.tie_of_tiny;
	return p;
}
VALU(v_mul_legacy_f32, "f:ff", legacy_mul(A, B, E32))
VALU(v_mad_f32, "f:fff", mad32(x, A, B, C, false))
VALU(v_mac_f32, "f:ff", mad32(x, A, B, x->d, false))
VALU(v_madak_f32, "f:ffk", mad32(x, A, B, C, false))
VALU(v_madmk_f32, "f:ffK", mad32(x, A, C, B, false))
VALU(v_mad_legacy_f32, "f:fff", mad32(x, A, B, C, true))
VALU(v_mac_legacy_f32, "f:ff", mad32(x, A, B, x->d, true))

/* gfx10.3: the same rule, fused. */
static uint64_t legacy_fma(uint64_t a, uint64_t b, uint64_t c, struct env *e)
{
	bool zero = fl_cmp(&F32, a, 0, e->den) == 0 || fl_cmp(&F32, b, 0, e->den) == 0;

	return zero ? fl_add(&F32, 0, c, e) : fl_fma(&F32, a, b, c, e);
}
VALU(v_fma_legacy_f32, "f:fff", legacy_fma(A, B, C, E32))
VALU(v_fmac_legacy_f32, "f:ff", legacy_fma(A, B, x->d, E32))

/*
 * V_MULLIT_F32: "if (S1 == -MAX_FLOAT || S1 == -INF || NaN(S1) || S2 <= 0 || NaN(S2)) D = -MAX_FLOAT,
 * else S0 * S1", "0.0 * x = 0.0" (GCN3 ISA).
 */
static uint64_t mullit(struct lane *x, uint64_t a, uint64_t b, uint64_t c)
{
	int order = fl_cmp(&F32, c, 0, x->e32.den);

	if (b == 0xff7fffff || b == 0xff800000 || fl_nan(&F32, b) || order != 1)
		return 0xff7fffff;
	return legacy_mul(a, b, &x->e32);
}
VALU(v_mullit_f32, "f:fff=", mullit(x, A, B, C))

VALU(v_ldexp_f32, "f:fi", fl_scale(&F32, A, I32(B), E32))
VALU(v_ldexp_f64, "d:di", fl_scale(&F64, A, I32(B), E16))
VALU(v_ldexp_f16, "h:hs", fl_scale(&F16, A, I16(B), E16))
VALU(v_frexp_exp_i32_f32, "i:f=", fl_exponent(&F32, A))
VALU(v_frexp_exp_i32_f64, "i:d=", fl_exponent(&F64, A))
VALU(v_frexp_exp_i16_f16, "s:h=", fl_exponent(&F16, A))

/* ---- cube maps: which face, and where on it ---- */

static double major(struct lane *x, int *axis)
{
	const double s[] = {fl_double(&F32, x->a), fl_double(&F32, x->b), fl_double(&F32, x->c)};

	if (fabs(s[2]) >= fabs(s[0]) && fabs(s[2]) >= fabs(s[1]))
		*axis = 2;
	else if (fabs(s[1]) >= fabs(s[0]))
		*axis = 1;
	else
		*axis = 0;
	return s[*axis];
}

static uint64_t cube(struct lane *x, char what)
{
	const uint64_t s[] = {x->a, x->b, x->c};
	int axis;
	bool neg = major(x, &axis) < 0;
	static const int sc[] = {2, 0, 0}, tc[] = {1, 2, 1};
	struct env e = {RNE, DEN_IN | DEN_OUT, false};
	uint64_t r;

	switch (what) {
	case 'i':
		return fl_from_int(&F32, 2 * axis + neg, &e);
	case 'm':
		return fl_scale(&F32, s[axis], 1, &e);
	case 's': /* x: -z, z; y: x; z: x, -x */
		r = s[sc[axis]];
		return (axis == 0 && !neg) || (axis == 2 && neg) ? fl_neg(&F32, r) : r;
	default: /* x, z: -y; y: z, -z */
		r = s[tc[axis]];
		return axis != 1 || neg ? fl_neg(&F32, r) : r;
	}
}
VALU(v_cubeid_f32, "f:fff=", cube(x, 'i'))
VALU(v_cubema_f32, "f:fff=", cube(x, 'm'))
VALU(v_cubesc_f32, "f:fff=", cube(x, 's'))
VALU(v_cubetc_f32, "f:fff=", cube(x, 't'))

/* ---- transcendentals: by libm, compared with the tolerance of their row ---- */

static uint64_t from_double(const struct fmt *f, double v, int den)
{
	struct env e = {RNE, den, false};
	uint64_t u;

	memcpy(&u, &v, 8);
	return f == &F64 ? u : fl_convert(f, &F64, u, &e);
}

/* Sine of n quarter turns and more: exact reduction. */
static double turns(double v, bool cosine)
{
	static const double quarter[] = {0, 1, 0, -1};
	double f, r;

	if (isnan(v) || isinf(v))
		return NAN;
	f = fmod(v, 1.0);
	r = 4 * f;
	if (r == floor(r)) {
		int q = ((int)r + (cosine ? 1 : 0)) & 3;

		return quarter[q] == 0 && !cosine ? copysign(0, v) : quarter[q];
	}
	return cosine ? cos(2 * M_PI * f) : sin(2 * M_PI * f);
}

/* f32: denormals are flushed both ways, but by sine and cosine. */
#define FLUSHED(v) fl_double(&F32, fl_flush(&F32, v))
#define TRANS32(name, expr)                                                                        \
	VALU(name, "f:f", ({                                                                       \
		     double a = FLUSHED(A);                                                        \
		     from_double(&F32, x->exact = (expr), 0);                                                   \
	     }))
TRANS32(v_exp_f32, exp2(a))
TRANS32(v_log_f32, log2(a))
TRANS32(v_rcp_f32, 1 / a)
TRANS32(v_rcp_iflag_f32, 1 / a)
TRANS32(v_rsq_f32, 1 / sqrt(a))
TRANS32(v_sqrt_f32, sqrt(a))
VALU(v_sin_f32, "f:f=", from_double(&F32, x->exact = turns(fl_double(&F32, A), false), 3))
VALU(v_cos_f32, "f:f=", from_double(&F32, x->exact = turns(fl_double(&F32, A), true), 3))
#define TRANS16(name, expr)                                                                        \
	VALU(name, "h:h", ({                                                                       \
		     double a = fl_double(&F16, flush_by(&F16, A, x->e16.den, DEN_IN));            \
		     from_double(&F16, x->exact = (expr), x->e16.den);                                          \
	     }))
TRANS16(v_exp_f16, exp2(a))
TRANS16(v_log_f16, log2(a))
TRANS16(v_rcp_f16, 1 / a)
TRANS16(v_rsq_f16, 1 / sqrt(a))
TRANS16(v_sqrt_f16, sqrt(a))
TRANS16(v_sin_f16, turns(a, false))
TRANS16(v_cos_f16, turns(a, true))
VALU(v_rcp_f64, "d:d=", from_double(&F64, x->exact = 1 / fl_double(&F64, A), 3))
VALU(v_rsq_f64, "d:d=", from_double(&F64, x->exact = 1 / sqrt(fl_double(&F64, A)), 3))
VALU(v_sqrt_f64, "d:d=", from_double(&F64, x->exact = sqrt(fl_double(&F64, A)), 3))

/* ---- conversions ---- */

#define F32_INT(v) fl_from_int(&F32, (int64_t)(v), E32)
VALU(v_cvt_f32_i32, "f:i", F32_INT(I32(A)))
VALU(v_cvt_f32_u32, "f:i", F32_INT(U32_(A)))
VALU(v_cvt_f64_i32, "d:i", fl_from_int(&F64, I32(A), E16))
VALU(v_cvt_f64_u32, "d:i", fl_from_int(&F64, U32_(A), E16))
VALU(v_cvt_f16_i16, "h:s", fl_from_int(&F16, I16(A), E16))
VALU(v_cvt_f16_u16, "h:s", fl_from_int(&F16, U16_(A), E16))
VALU(v_cvt_f32_ubyte0, "f:i", F32_INT(A & 255))
VALU(v_cvt_f32_ubyte1, "f:i", F32_INT(A >> 8 & 255))
VALU(v_cvt_f32_ubyte2, "f:i", F32_INT(A >> 16 & 255))
VALU(v_cvt_f32_ubyte3, "f:i", F32_INT(A >> 24 & 255))
VALU(v_cvt_i32_f32, "i:f", fl_to_int(&F32, A, INT32_MIN, INT32_MAX))
VALU(v_cvt_u32_f32, "i:f", fl_to_int(&F32, A, 0, UINT32_MAX))
VALU(v_cvt_i32_f64, "i:d", fl_to_int(&F64, A, INT32_MIN, INT32_MAX))
VALU(v_cvt_u32_f64, "i:d", fl_to_int(&F64, A, 0, UINT32_MAX))
VALU(v_cvt_i16_f16, "s:h", fl_to_int(&F16, A, INT16_MIN, INT16_MAX))
VALU(v_cvt_u16_f16, "s:h", fl_to_int(&F16, A, 0, UINT16_MAX))
/* "D.i = (int)floor(S0.f + 0.5)", "(int)floor(S0.f)" */
static int64_t floor_of(uint64_t a, double plus)
{
	if (fl_nan(&F32, a))
		return 0;
	return (int64_t)fmax(fmin(floor(fl_double(&F32, a) + plus), INT32_MAX), INT32_MIN);
}
VALU(v_cvt_rpi_i32_f32, "i:f=", floor_of(A, 0.5))
VALU(v_cvt_flr_i32_f32, "i:f=", floor_of(A, 0))
VALU(v_cvt_off_f32_i4, "f:i=", from_double(&F32, (double)sign_extend(A & 15, 4) / 16, 3))
static uint64_t convert(const struct fmt *to, const struct fmt *from, uint64_t a, int rm,
			int den_in, int den_out, struct lane *x)
{
	struct env e = {rm, (den_in & DEN_IN) | (den_out & DEN_OUT), false};
	uint64_t r = fl_convert(to, from, a, &e);

	/* Whether f64's or f32's FP_DENORM flushes a denormal of the wider is not said. */
	x->either |= e.tie_of_tiny || (from == &F64 && fl_denormal(from, a));
	return r;
}
VALU(v_cvt_f32_f64, "f:d", convert(&F32, &F64, A, x->e32.rm, x->e16.den, x->e32.den, x))
VALU(v_cvt_f64_f32, "d:f", convert(&F64, &F32, A, x->e16.rm, x->e32.den, x->e16.den, x))
VALU(v_cvt_f32_f16, "f:h", convert(&F32, &F16, A, x->e32.rm, x->e16.den, x->e32.den, x))
VALU(v_cvt_f16_f32, "h:f", convert(&F16, &F32, A, x->e16.rm, x->e32.den, x->e16.den, x))
#define RTZ16(v) fl_convert(&F16, &F32, v, &(struct env){RTZ, 3, false})
VALU(v_cvt_pkrtz_f16_f32, "P:ff=", RTZ16(A) | RTZ16(B) << 16)

/* "D.i16 = snorm(S0.f)": rounded to nearest of 32767 (65535) steps. */
static uint64_t norm16(double v, bool is_signed)
{
	if (isnan(v))
		v = 0;
	v = fmax(fmin(v, 1), is_signed ? -1 : 0);
	return (uint16_t)(int64_t)nearbyint(v * (is_signed ? 32767 : 65535));
}
VALU(v_cvt_pknorm_i16_f32, "i:ff=",
     norm16(fl_double(&F32, A), true) | norm16(fl_double(&F32, B), true) << 16)
VALU(v_cvt_pknorm_u16_f32, "i:ff=",
     norm16(fl_double(&F32, A), false) | norm16(fl_double(&F32, B), false) << 16)
VALU(v_cvt_pknorm_i16_f16, "i:hh=",
     norm16(fl_double(&F16, A), true) | norm16(fl_double(&F16, B), true) << 16)
VALU(v_cvt_pknorm_u16_f16, "i:hh=",
     norm16(fl_double(&F16, A), false) | norm16(fl_double(&F16, B), false) << 16)
VALU(v_cvt_norm_i16_f16, "s:h=", norm16(fl_double(&F16, A), true))
VALU(v_cvt_norm_u16_f16, "s:h=", norm16(fl_double(&F16, A), false))

/* V_CVT_PK_U8_F32: to a byte, saturating, nearest even; byte B[1:0] of C. */
static uint64_t pack_u8(uint64_t a, uint64_t b, uint64_t c)
{
	uint64_t v = (uint64_t)fl_to_int(&F32, fl_integral(&F32, a, RNE), 0, 255);
	unsigned int at = 8 * (b & 3);

	return (c & ~(255ull << at)) | v << at;
}
VALU(v_cvt_pk_u8_f32, "i:fii=", pack_u8(A, B, C))

/* ---- division (RDNA 1.0 ISA, V_DIV_SCALE, V_DIV_FMAS, V_DIV_FIXUP) ---- */

static int raw_exponent(const struct fmt *f, uint64_t a)
{
	return (int)(a >> f->mbits & ((1u << f->ebits) - 1));
}

static bool tiny_quotient(const struct fmt *f, uint64_t a, uint64_t b)
{
	struct env e = {RTZ, 3, false};

	return fl_denormal(f, fl_div(f, a, b, &e)) ||
	       (fl_zero(f, fl_div(f, a, b, &e)) && !fl_zero(f, a) && !fl_inf(f, b));
}

static uint64_t div_scale(struct lane *x, const struct fmt *f, struct env *e)
{
	const uint64_t s0 = x->a, s1 = x->b, s2 = x->c;
	const int up = f == &F32 ? 64 : 128, far = f == &F32 ? 96 : 768, low = f == &F32 ? 23 : 53;
	const uint64_t one = ((1ull << (f->ebits - 1)) - 1) << f->mbits;
	bool tiny_rcp, tiny_quot;

	x->carry = false;
	if (fl_zero(f, s1) || fl_zero(f, s2))
		return fl_make_nan(f);
	tiny_rcp = tiny_quotient(f, one, s1);
	tiny_quot = tiny_quotient(f, s2, s1);
	if (raw_exponent(f, s2) - raw_exponent(f, s1) >= far) {
		x->carry = true;
		return s0 == s1 ? fl_scale(f, s0, up, e) : s0;
	}
	if (fl_denormal(f, s1))
		return fl_scale(f, s0, up, e);
	if (tiny_rcp && tiny_quot) {
		x->carry = true;
		return s0 == s1 ? fl_scale(f, s0, -up, e) : s0;
	}
	if (tiny_rcp)
		return fl_scale(f, s0, -up, e);
	if (tiny_quot) {
		x->carry = true;
		return s0 == s2 ? fl_scale(f, s0, up, e) : s0;
	}
	if (raw_exponent(f, s2) <= low)
		return fl_scale(f, s0, up, e);
	return s0;
}
VALU(v_div_scale_f32, "fc:fff=", div_scale(x, &F32, E32))
VALU(v_div_scale_f64, "dc:ddd=", div_scale(x, &F64, E16))

/*
 * VCC undoes V_DIV_SCALE by 2^64 (2^128), up where the addend is above 2, down below: what later ISA
 * texts say; the 1.0 text's 2^32 undoes nothing. One rounding.
 */
static uint64_t div_fmas(struct lane *x, const struct fmt *f, struct env *e)
{
	int by = !x->take ? 0 : f == &F32 ? 64 : 128, bias = (1 << (f->ebits - 1)) - 1;

	return fl_fma_scaled(f, x->a, x->b, x->c, raw_exponent(f, x->c) > bias ? by : -by, e);
}
VALU(v_div_fmas_f32, "f:fffv=", div_fmas(x, &F32, E32))
VALU(v_div_fmas_f64, "d:dddv=", div_fmas(x, &F64, E16))

static uint64_t div_fixup(struct lane *x, const struct fmt *f)
{
	const uint64_t q = x->a, den = x->b, num = x->c;
	bool sign = fl_sign(f, den) != fl_sign(f, num);
	int under = f == &F32 ? -150 : f == &F64 ? -1075 : -1000;

	if (fl_nan(f, num) || fl_nan(f, den))
		return fl_make_nan(f);
	if ((fl_zero(f, den) && fl_zero(f, num)) || (fl_inf(f, den) && fl_inf(f, num)))
		return fl_make_nan(f);
	if (fl_zero(f, den) || fl_inf(f, num))
		return fl_make_inf(f, sign);
	if (fl_inf(f, den) || fl_zero(f, num))
		return fl_make_zero(f, sign);
	if (raw_exponent(f, num) - raw_exponent(f, den) < under)
		return fl_make_zero(f, sign);
	if (fl_nan(f, q)) { /* a choice: see the device's lane_math.h */
		x->either = true;
		return fl_make_inf(f, sign);
	}
	return sign ? fl_abs(f, q) | fl_make_zero(f, true) : fl_abs(f, q);
}
VALU(v_div_fixup_f32, "f:fff=", div_fixup(x, &F32))
VALU(v_div_fixup_f64, "d:ddd=", div_fixup(x, &F64))
VALU(v_div_fixup_f16, "h:hhh=", div_fixup(x, &F16))

/*
 * V_TRIG_PREOP_F64: 53 bits of 2/pi from bit 53 * B[4:0] (+ exponent(A) - 1077) on. The bits come
 * out of a long division of 2 by pi's series; see preop_bits.
 */
static uint8_t preop_bits[1201 + 64];

/* 2/pi by big integers: pi = 16 atan(1/5) - 4 atan(1/239) (Machin), then one long division. */
#define LIMBS 48
static void big_atan(uint32_t *sum, uint32_t by, uint32_t times, bool negative)
{
	uint32_t term[LIMBS] = {0}, t[LIMBS];
	bool any = true;

	term[0] = times;
	for (uint32_t k = 0, first = 1; any; k++, first = 0) {
		uint64_t rem = 0;
		bool neg = negative != (k & 1);

		for (int pass = 0; pass < (first ? 1 : 2); pass++) {
			rem = 0;
			for (int n = 0; n < LIMBS; n++) {
				uint64_t v = rem << 32 | term[n];

				term[n] = (uint32_t)(v / by);
				rem = v % by;
			}
		}
		any = false;
		rem = 0;
		for (int n = 0; n < LIMBS; n++) {
			uint64_t v = rem << 32 | term[n];

			t[n] = (uint32_t)(v / (2 * k + 1));
			rem = v % (2 * k + 1);
			any |= t[n] != 0;
		}
		uint64_t carry = 0;
		for (int n = LIMBS - 1; n >= 0; n--) {
			uint64_t v = neg ? (uint64_t)sum[n] - t[n] - carry : (uint64_t)sum[n] + t[n] + carry;

			sum[n] = (uint32_t)v;
			carry = v >> 32 & 1;
		}
	}
}

static void make_preop_bits(void)
{
	uint32_t pi[LIMBS] = {0}, rem[LIMBS] = {2};

	big_atan(pi, 5, 16, false);
	big_atan(pi, 239, 4, true);
	for (unsigned int bit = 0; bit < 1201; bit++) {
		uint32_t twice[LIMBS];
		bool fits = true;

		for (int n = 0; n < LIMBS; n++)
			twice[n] = rem[n] << 1 | (n + 1 < LIMBS ? rem[n + 1] >> 31 : 0);
		for (int n = 0; n < LIMBS; n++)
			if (twice[n] != pi[n]) {
				fits = twice[n] > pi[n];
				break;
			}
		if (fits) {
			uint64_t borrow = 0;

			for (int n = LIMBS - 1; n >= 0; n--) {
				uint64_t v = (uint64_t)twice[n] - pi[n] - borrow;

				twice[n] = (uint32_t)v;
				borrow = v >> 32 & 1;
			}
		}
		preop_bits[bit] = fits;
		memcpy(rem, twice, sizeof(rem));
	}
}

static uint64_t trig_preop(struct lane *x, uint64_t a, uint64_t b)
{
	int e = raw_exponent(&F64, a), shift = 53 * (int)(b & 31), scale;
	struct env keep = {RNE, 3, false};
	uint64_t man = 0;

	(void)x;
	if (!preop_bits[0] && !preop_bits[1])
		make_preop_bits();
	if (e > 1077)
		shift += e - 1077;
	for (int bit = 0; bit < 53; bit++)
		man = man << 1 | (shift + bit < 1201 ? preop_bits[shift + bit] : 0);
	scale = -53 - shift + (e >= 1968 ? 128 : 0);
	return fl_scale(&F64, fl_from_int(&F64, (int64_t)man, &keep), scale, &keep);
}
VALU(v_trig_preop_f64, "d:di=", trig_preop(x, A, B))

/* ---- compares ---- */

#define CMP_ROW(name, sig, expr)                                                                   \
	LANE_FN(v_cmp_##name, C_CMP, sig, expr) LANE_FN(v_cmpx_##name, C_CMPX, sig, expr)
#define CMP6(t, sig, T)                                                                            \
	CMP_ROW(lt_##t, sig, (T)A < (T)B)                                                          \
	CMP_ROW(eq_##t, sig, (T)A == (T)B)                                                         \
	CMP_ROW(le_##t, sig, (T)A <= (T)B)                                                         \
	CMP_ROW(gt_##t, sig, (T)A > (T)B)                                                          \
	CMP_ROW(ne_##t, sig, (T)A != (T)B)                                                         \
	CMP_ROW(ge_##t, sig, (T)A >= (T)B)
#define CMP8(t, sig, T) CMP6(t, sig, T) CMP_ROW(f_##t, sig, 0) CMP_ROW(t_##t, sig, 1)
CMP8(i32, ":ii", int32_t)
CMP8(u32, ":ii", uint32_t)
CMP8(i64, ":ll", int64_t)
CMP8(u64, ":ll", uint64_t)
CMP6(i16, ":ss", int16_t)
CMP6(u16, ":ss", uint16_t)
#define CMP16(t, sig, F, E)                                                                        \
	CMP_ROW(f_##t, sig, 0)                                                                     \
	CMP_ROW(lt_##t, sig, fl_cmp(&F, A, B, E->den) == -1)                                       \
	CMP_ROW(eq_##t, sig, fl_cmp(&F, A, B, E->den) == 0)                                        \
	CMP_ROW(le_##t, sig, fl_cmp(&F, A, B, E->den) <= 0)                                        \
	CMP_ROW(gt_##t, sig, fl_cmp(&F, A, B, E->den) == 1)                                        \
	CMP_ROW(lg_##t, sig, (fl_cmp(&F, A, B, E->den) & 1) == 1)                                  \
	CMP_ROW(ge_##t, sig, (fl_cmp(&F, A, B, E->den) & ~1) == 0)                                 \
	CMP_ROW(o_##t, sig, fl_cmp(&F, A, B, E->den) != 2)                                         \
	CMP_ROW(u_##t, sig, fl_cmp(&F, A, B, E->den) == 2)                                         \
	CMP_ROW(nge_##t, sig, !((fl_cmp(&F, A, B, E->den) & ~1) == 0))                             \
	CMP_ROW(nlg_##t, sig, !((fl_cmp(&F, A, B, E->den) & 1) == 1))                              \
	CMP_ROW(ngt_##t, sig, fl_cmp(&F, A, B, E->den) != 1)                                       \
	CMP_ROW(nle_##t, sig, !(fl_cmp(&F, A, B, E->den) <= 0))                                    \
	CMP_ROW(neq_##t, sig, fl_cmp(&F, A, B, E->den) != 0)                                       \
	CMP_ROW(nlt_##t, sig, fl_cmp(&F, A, B, E->den) != -1)                                      \
	CMP_ROW(tru_##t, sig, 1)
CMP16(f32, ":ff", F32, E32)
CMP16(f64, ":dd", F64, E16)
CMP16(f16, ":hh", F16, E16)

static int class_of(const struct fmt *f, uint64_t a)
{
	bool s = fl_sign(f, a);

	if (fl_nan(f, a))
		return fl_snan(f, a) ? 0 : 1;
	if (fl_inf(f, a))
		return s ? 2 : 9;
	if (fl_zero(f, a))
		return s ? 5 : 6;
	if (fl_denormal(f, a))
		return s ? 4 : 7;
	return s ? 3 : 8;
}
CMP_ROW(class_f32, ":fi", B >> class_of(&F32, A) & 1)
CMP_ROW(class_f64, ":di", B >> class_of(&F64, A) & 1)
CMP_ROW(class_f16, ":hs", B >> class_of(&F16, A) & 1)

/* ---- counting lanes ---- */

static uint64_t lanes_below(unsigned int l, unsigned int from)
{
	uint64_t r = 0;

	for (unsigned int k = 0; k < 32; k++)
		if (from + k < l)
			r |= 1ull << k;
	return r;
}
VALU(v_mbcnt_lo_u32_b32, "i:ii", count_bits(U32_(A) & lanes_below(x->l, 0)) + B)
VALU(v_mbcnt_hi_u32_b32, "i:ii", count_bits(U32_(A) & lanes_below(x->l, 32)) + B)
