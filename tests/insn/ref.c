// SPDX-License-Identifier: MIT
/* What an encoding puts around the operation: sources, modifiers, SDWA, DPP, masks, destinations.
 */
#include "ref.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const struct ref_row __start_ref_rows[], __stop_ref_rows[];
const struct ref_row *ref_find_memory(const char *name);
void ref_each_memory(void (*fn)(const struct ref_row *row));

static int by_name(const void *a, const void *b)
{
	return strcmp((*(const struct ref_row *const *)a)->name,
		      (*(const struct ref_row *const *)b)->name);
}

const struct ref_row *ref_find(const char *name)
{
	static const struct ref_row **sorted;
	static size_t n;
	struct ref_row key = {.name = name}, *k = &key;
	const struct ref_row **hit;

	if (!sorted) {
		n = (size_t)(__stop_ref_rows - __start_ref_rows);
		sorted = malloc(n * sizeof(*sorted));
		for (size_t r = 0; r < n; r++)
			sorted[r] = &__start_ref_rows[r];
		qsort(sorted, n, sizeof(*sorted), by_name);
	}
	hit = bsearch(&k, sorted, n, sizeof(*sorted), by_name);
	return hit ? *hit : ref_find_memory(name);
}

void ref_each(void (*fn)(const struct ref_row *row))
{
	for (const struct ref_row *r = __start_ref_rows; r < __stop_ref_rows; r++)
		fn(r);
	ref_each_memory(fn);
}

/* ---- scalar registers ---- */

/* Sources that are no registers, by operand code. */
static uint64_t special(const struct ref_wave *w, unsigned int code)
{
	switch (code) {
	case 235:
		return 1ull << 48; /* the LDS aperture */
	case 236:
		return (1ull << 48) + 0xffffffff;
	case 237:
		return 2ull << 48; /* the scratch aperture */
	case 238:
		return (2ull << 48) + 0xffffffff;
	case 251:
		return !w->s[R_VCC] && (w->lanes == 32 || !w->s[R_VCC + 1]);
	case 252:
		return !ref_exec(w);
	default:
		return w->scc;
	}
}

uint32_t ref_s32(const struct ref_wave *w, const struct ref_op *o)
{
	if (o->kind == O_SPECIAL)
		return (uint32_t)special(w, o->reg);
	if (o->kind == O_CONST)
		return (uint32_t)o->value;
	return o->kind != O_SGPR || o->reg == R_NULL ? 0 : w->s[o->reg];
}

uint64_t ref_s64(const struct ref_wave *w, const struct ref_op *o)
{
	if (o->kind == O_SPECIAL)
		return special(w, o->reg);
	if (o->kind == O_CONST)
		return o->value;
	if (o->kind != O_SGPR || o->reg == R_NULL)
		return 0;
	return w->s[o->reg] | (uint64_t)w->s[o->reg + 1] << 32;
}

void ref_put32(struct ref_wave *w, unsigned int reg, uint32_t v)
{
	if (reg != R_NULL)
		w->s[reg] = v;
}

void ref_put64(struct ref_wave *w, unsigned int reg, uint64_t v)
{
	if (reg == R_NULL)
		return;
	w->s[reg] = (uint32_t)v;
	w->s[reg + 1] = (uint32_t)(v >> 32);
}

void ref_put_mask(struct ref_wave *w, unsigned int reg, uint64_t v)
{
	if (w->lanes == 64)
		ref_put64(w, reg, v);
	else
		ref_put32(w, reg, (uint32_t)v);
}

static uint64_t mask_of(const struct ref_wave *w, const struct ref_op *o)
{
	return w->lanes == 64 ? ref_s64(w, o) : ref_s32(w, o);
}

/* ---- signatures ---- */

static unsigned int width(char t)
{
	return t == 'd' || t == 'l' ? 64 : t == 's' || t == 'h' || t == 'H' ? 16 : 32;
}

static const struct fmt *format_of(char t)
{
	return t == 'f' || t == 'u' ? &F32 : t == 'd' ? &F64 : t == 'h' || t == 'H' ? &F16 : NULL;
}

/* ---- DPP: which lane is read (RDNA 1.0 ISA, "DPP16", "DPP8") ---- */

static int dpp_lane(const struct ref_insn *i, int l)
{
	int ctrl = (int)i->dpp_ctrl, n = ctrl & 15, row = l / 16 * 16, at = l % 16;

	if (i->form == '8')
		return l / 8 * 8 + (int)(i->dpp8 >> (3 * (l % 8)) & 7);
	if (ctrl < 0x100)
		return l / 4 * 4 + (ctrl >> (2 * (l % 4)) & 3);
	switch (ctrl >> 4) {
	case 0x10:
		return at + n < 16 ? l + n : -1;
	case 0x11:
		return at - n >= 0 ? l - n : -1;
	case 0x12:
		return row + (at - n + 16) % 16;
	case 0x14:
		return n ? l / 8 * 8 + 7 - l % 8 : row + 15 - at;
	case 0x15:
		return row + n;
	case 0x16:
		return row + (at ^ n);
	}
	return -1;
}

/* ---- a lane's sources ---- */

static uint64_t sdwa_part(uint64_t v, unsigned int sel, bool sext)
{
	switch (sel) {
	case 0 ... 3:
		v = v >> (8 * sel) & 0xff;
		return sext ? (uint32_t)(int32_t)(int8_t)v : v;
	case 4 ... 5:
		v = v >> (16 * (sel - 4)) & 0xffff;
		return sext ? (uint32_t)(int32_t)(int16_t)v : v;
	}
	return v;
}

/* Source s of lane l; the DPP lane is `from`, -1 for one that reads 0. */
static uint64_t source(struct ref_wave *w, const struct ref_insn *i, unsigned int s, char t,
		       unsigned int l, int from)
{
	const struct ref_op *o = &i->src[s];
	const struct fmt *f = format_of(t);
	uint64_t v;

	if (o->kind == O_VGPR) {
		if (s == 0 && (i->form == 'd' || i->form == '8'))
			v = from < 0 ? 0 : ref_v(w, o->reg)[from];
		else if (width(t) == 64)
			v = ref_v(w, o->reg)[l] | (uint64_t)ref_v(w, o->reg + 1)[l] << 32;
		else
			v = ref_v(w, o->reg)[l];
	} else {
		v = width(t) == 64 ? ref_s64(w, o) : ref_s32(w, o);
	}
	if (i->form == 's' && s < 2)
		v = sdwa_part(v, i->src_sel[s], i->src_sext[s]);
	if (width(t) == 16 && i->form == '3' && i->opsel >> s & 1)
		v >>= 16;
	if (width(t) == 16)
		v &= 0xffff;
	if (f && i->abs >> s & 1)
		v = fl_abs(f, v);
	if (f && i->neg >> s & 1)
		v = fl_neg(f, v);
	return v;
}

static void set_env(const struct ref_wave *w, struct lane *x)
{
	x->e32 = (struct env){w->mode & 3, w->mode >> 4 & 3, false};
	x->e16 = (struct env){w->mode >> 2 & 3, w->mode >> 6 & 3, false};
}

/*
 * OMOD, then CLAMP. "If output denormals are enabled, then output modifiers are ignored", -0
 * becomes +0 (AMD's ISA texts, Vega to RDNA 3, "Output modifiers").
 */
static uint64_t out_modifiers(const struct ref_insn *i, const struct fmt *f, uint64_t v,
			      struct env *e)
{
	static const int by[] = {0, 1, 2, -1};
	struct env n = {e->rm, e->den, false};
	uint64_t one = ((1ull << (f->ebits - 1)) - 1) << f->mbits;

	if (i->omod && !(e->den & DEN_OUT)) {
		v = fl_scale(f, v, by[i->omod], &n);
		e->tie_of_tiny |= n.tie_of_tiny;
		if (fl_zero(f, v))
			v = 0;
	}
	if (i->clamp) {
		if (fl_nan(f, v) || fl_sign(f, v))
			return 0;
		if (fl_cmp(f, v, one, DEN_IN) > 0)
			return one;
	}
	return v;
}

static uint32_t sdwa_result(const struct ref_insn *i, uint32_t v, uint32_t old)
{
	unsigned int at = i->dst_sel < 4 ? 8 * i->dst_sel : 16 * (i->dst_sel - 4);
	unsigned int bits = i->dst_sel < 4 ? 8 : 16;
	uint32_t mask;

	if (i->dst_sel == 6)
		return v;
	mask = ((1u << bits) - 1) << at;
	v = (v << at) & mask;
	switch (i->dst_unused) {
	case 1: /* sign above, zero below */
		return v | (v >> (at + bits - 1) & 1 && at + bits < 32 ? ~0u << (at + bits) : 0);
	case 2:
		return v | (old & ~mask);
	}
	return v;
}

static void write_lane(struct ref_wave *w, const struct ref_insn *i, char t, unsigned int l,
		       uint64_t v)
{
	uint32_t *d = &ref_v(w, i->dst.reg)[l];

	if (width(t) == 64) {
		*d = (uint32_t)v;
		ref_v(w, i->dst.reg + 1)[l] = (uint32_t)(v >> 32);
		return;
	}
	if (width(t) == 16)
		v &= 0xffff;
	if (i->form == 's')
		*d = sdwa_result(i, (uint32_t)v, *d);
	else if (width(t) == 16 && i->form == '3' && i->opsel & 8)
		*d = (*d & 0xffff) | (uint32_t)v << 16;
	else if (width(t) == 16)
		*d = (*d & 0xffff0000) | (uint32_t)v;
	else
		*d = (uint32_t)v;
}

/* Old destination as the type reads it. */
static uint64_t old_dst(struct ref_wave *w, const struct ref_insn *i, char t, unsigned int l)
{
	uint32_t v;

	if (i->dst.kind != O_VGPR || width(t) == 64)
		return 0;
	v = ref_v(w, i->dst.reg)[l];
	if (width(t) == 16)
		v = i->form == '3' && i->opsel & 8 ? v >> 16 : v & 0xffff;
	return v;
}

static uint64_t packed(struct ref_wave *w, const struct ref_insn *i, struct lane *x,
		       const char *src, char dst)
{
	uint64_t r = 0, half, in[3] = {0};

	for (unsigned int hi = 0; hi < 2; hi++) {
		unsigned int sel = hi ? (i->form == '1' ? 7 : i->opsel_hi) : i->opsel;
		unsigned int neg = hi ? i->neg_hi : i->neg;

		for (unsigned int s = 0; s < 3 && (src[s] == 's' || src[s] == 'h'); s++) {
			uint64_t v = i->src[s].kind == O_VGPR ? ref_v(w, i->src[s].reg)[x->l]
							      : ref_s32(w, &i->src[s]);

			v = (sel >> s & 1 ? v >> 16 : v) & 0xffff;
			if (src[s] == 'h' && (neg >> s & 1))
				v ^= 0x8000;
			in[s] = v;
		}
		x->a = in[0], x->b = in[1], x->c = in[2];
		x->d = ref_v(w, i->dst.reg)[x->l] >> (16 * hi) & 0xffff;
		half = i->row->lane(x) & 0xffff;
		if (dst == 'h')
			half = out_modifiers(i, &F16, half, &x->e16);
		r |= half << (16 * hi);
	}
	return r;
}

/* ---- one vector instruction ---- */

bool ref_either[64];
double ref_exact[64];

static double exact_out(const struct ref_insn *i, double v, const struct env *e)
{
	static const double by[] = {1, 2, 4, 0.5};

	if (i->omod && !(e->den & DEN_OUT))
		v *= by[i->omod];
	return !i->clamp ? v : v > 0 ? (v < 1 ? v : 1) : 0;
}

static void vector(struct ref_wave *w, const struct ref_insn *i)
{
	const char *sig = i->row->sig, *src = strchr(sig, ':') + 1;
	char dst = sig[0] == ':' ? 0 : sig[0];
	bool carries = sig[1] == 'c', dpp = i->form == 'd' || i->form == '8';
	uint64_t exec = ref_exec(w), bits = 0, out[64];
	bool write[64] = {false};
	static const struct ref_op vcc = {O_SGPR, R_VCC, 0};
	uint64_t take = 0;

	for (unsigned int s = 0; src[s]; s++)
		if (src[s] == 'm')
			take = mask_of(w, i->src[s].kind ? &i->src[s] : &vcc);
		else if (src[s] == 'v')
			take = mask_of(w, &vcc);
	for (unsigned int l = 0; l < w->lanes; l++) {
		struct lane x = {.clamp = i->clamp, .l = l, .i = i, .w = w, .take = take >> l & 1};
		uint64_t *in[] = {&x.a, &x.b, &x.c};
		const struct fmt *f = format_of(dst);
		int from = -1;

		if (!(exec >> l & 1))
			continue;
		write[l] = true;
		if (dpp) {
			from = dpp_lane(i, (int)l);
			if (from >= 0 && !i->fi && !(exec >> from & 1))
				from = -1;
			if (i->form == 'd')
				write[l] = i->row_mask >> (l / 16 & 3) & 1 &&
					   i->bank_mask >> (l / 4 & 3) & 1 &&
					   (from >= 0 || i->bound_ctrl);
		}
		set_env(w, &x);
		if (i->row->cls == C_PACKED) {
			out[l] = packed(w, i, &x, src, dst);
		} else {
			for (unsigned int s = 0; s < 3 && src[s] && strchr("ifdlshHu", src[s]); s++)
				*in[s] = source(w, i, s, src[s], l, from);
			if (strpbrk(src, "kK"))
				x.c = i->src[2].value & (width(dst) == 16 ? 0xffff : 0xffffffff);
			x.d = old_dst(w, i, dst, l);
			out[l] = i->row->lane(&x);
			if (dst && f && dst != 'u') {
				struct env *e = dst == 'f' ? &x.e32 : &x.e16;

				out[l] = out_modifiers(i, f, out[l], e);
				ref_exact[l] = exact_out(i, x.exact, e);
			}
		}
		if (x.e32.tie_of_tiny || x.e16.tie_of_tiny || x.either)
			ref_either[l] = true;
		if (write[l] && (carries ? x.carry : !dst && (out[l] & 1)))
			bits |= 1ull << l;
	}
	if (dst)
		for (unsigned int l = 0; l < w->lanes; l++)
			if (write[l])
				write_lane(w, i, i->row->cls == C_PACKED ? 'i' : dst, l, out[l]);
	if (i->row->cls == C_CMPX) {
		w->s[R_EXEC] = (uint32_t)bits;
		if (w->lanes == 64)
			w->s[R_EXEC + 1] = (uint32_t)(bits >> 32);
	} else if (carries || !dst) {
		ref_put_mask(w, i->sdst.kind ? i->sdst.reg : R_VCC, bits);
	}
}

/* ---- one scalar instruction ---- */

static void scalar(struct ref_wave *w, const struct ref_insn *i)
{
	const char *sig = i->row->sig, *src = strchr(sig, ':') + 1;
	struct lane x = {.scc = w->scc, .i = i, .w = w};
	uint64_t *in[] = {&x.a, &x.b, &x.c}, r;

	for (unsigned int s = 0; s < 3 && (src[s] == 'i' || src[s] == 'l'); s++)
		*in[s] = src[s] == 'l' ? ref_s64(w, &i->src[s]) : ref_s32(w, &i->src[s]);
	x.d = sig[0] == 'l' ? ref_s64(w, &i->dst) : ref_s32(w, &i->dst);
	r = i->row->lane(&x);
	if (sig[0] != ':' && !x.keep) {
		if (sig[0] == 'l')
			ref_put64(w, i->dst.reg, r);
		else
			ref_put32(w, i->dst.reg, (uint32_t)r);
	}
	w->scc = x.scc;
}

void ref_execute(struct ref_wave *w, const struct ref_insn *i)
{
	uint64_t pc = w->pc;

	memset(ref_either, 0, sizeof(ref_either));
	w->pc += 4 * i->num_words;
	switch (i->row->cls) {
	case C_SALU:
		scalar(w, i);
		break;
	case C_WAVE:
		i->row->wave(w, i);
		break;
	default:
		vector(w, i);
	}
	if (w->fault)
		w->pc = pc;
}

/* ---- vector instructions of another shape ---- */

static uint32_t plain_source(struct ref_wave *w, const struct ref_op *o, unsigned int l)
{
	return o->kind == O_VGPR ? ref_v(w, o->reg)[l] : ref_s32(w, o);
}

WAVE_(v_nop, "")
{
}
WAVE_(v_pipeflush, "")
{
}
WAVE_(v_clrexcp, "")
{
	w->trapsts &= ~0x1ffu;
}
WAVE_(v_readfirstlane_b32, "S:V")
{
	uint64_t exec = ref_exec(w);
	unsigned int l = 0;

	while (exec && !(exec >> l & 1))
		l++;
	ref_put32(w, i->dst.reg, plain_source(w, &i->src[0], l));
}
WAVE_(v_readlane_b32, "S:VI")
{
	ref_put32(w, i->dst.reg, plain_source(w, &i->src[0], ref_s32(w, &i->src[1]) % w->lanes));
}
WAVE_(v_writelane_b32, "V:II")
{
	ref_v(w, i->dst.reg)[ref_s32(w, &i->src[1]) % w->lanes] = ref_s32(w, &i->src[0]);
}
WAVE_(v_swap_b32, "V:W")
{
	for (unsigned int l = 0; l < w->lanes; l++)
		if (ref_exec(w) >> l & 1) {
			uint32_t a = ref_v(w, i->dst.reg)[l], b = ref_v(w, i->src[0].reg)[l];

			ref_v(w, i->dst.reg)[l] = b;
			ref_v(w, i->src[0].reg)[l] = a;
		}
}
WAVE_(v_swaprel_b32, "V:W")
{
	unsigned int d = i->dst.reg + (w->s[R_M0] >> 16 & 1023),
		     s = i->src[0].reg + (w->s[R_M0] & 1023);

	for (unsigned int l = 0; l < w->lanes; l++)
		if (ref_exec(w) >> l & 1) {
			uint32_t a = ref_v(w, d)[l], b = ref_v(w, s)[l];

			ref_v(w, d)[l] = b;
			ref_v(w, s)[l] = a;
		}
}

static void move_relative(struct ref_wave *w, const struct ref_insn *i, unsigned int src,
			  unsigned int dst)
{
	for (unsigned int l = 0; l < w->lanes; l++)
		if (ref_exec(w) >> l & 1)
			ref_v(w, i->dst.reg + dst)[l] = i->src[0].kind == O_VGPR
								? ref_v(w, i->src[0].reg + src)[l]
								: ref_s32(w, &i->src[0]);
}
WAVE_(v_movrels_b32, "V:W")
{
	move_relative(w, i, w->s[R_M0], 0);
}
WAVE_(v_movreld_b32, "V:V")
{
	move_relative(w, i, 0, w->s[R_M0]);
}
WAVE_(v_movrelsd_b32, "V:W")
{
	move_relative(w, i, w->s[R_M0], w->s[R_M0]);
}
WAVE_(v_movrelsd_2_b32, "V:W")
{
	move_relative(w, i, w->s[R_M0] & 1023, w->s[R_M0] >> 16 & 1023);
}

/* The selects are scalars, 4 bits for each lane of a row. op_sel 0: FI, 1: BOUND_CTRL. */
static void permute_rows(struct ref_wave *w, const struct ref_insn *i, unsigned int flip)
{
	uint64_t select = ref_s32(w, &i->src[1]) | (uint64_t)ref_s32(w, &i->src[2]) << 32;
	uint64_t exec = ref_exec(w);
	uint32_t old[64];

	memcpy(old, ref_v(w, i->src[0].reg), 4 * w->lanes);
	for (unsigned int l = 0; l < w->lanes; l++) {
		unsigned int from = (l & ~15u) + (select >> (4 * (l & 15)) & 15);
		bool valid;

		from ^= flip;
		valid = i->opsel & 1 || (exec >> from & 1);
		if (exec >> l & 1 && (valid || i->opsel & 2))
			ref_v(w, i->dst.reg)[l] = valid ? old[from] : 0;
	}
}
WAVE_(v_permlane16_b32, "V:WII")
{
	permute_rows(w, i, 0);
}
WAVE_(v_permlanex16_b32, "V:WII")
{
	permute_rows(w, i, 16);
}

/* op_sel_hi: a source is a half; neg_hi is the absolute value. */
static uint64_t mixed(struct ref_wave *w, const struct ref_insn *i, unsigned int l, struct lane *x)
{
	uint64_t in[3], r;

	set_env(w, x);
	for (unsigned int s = 0; s < 3; s++) {
		uint64_t v = plain_source(w, &i->src[s], l);
		struct env keep = {RNE, 3, false};

		if (i->opsel_hi >> s & 1) {
			v = (i->opsel >> s & 1 ? v >> 16 : v) & 0xffff;
			if (!(x->e16.den & DEN_IN))
				v = fl_flush(&F16, v);
			v = fl_convert(&F32, &F16, v, &keep);
		}
		if (i->neg_hi >> s & 1)
			v = fl_abs(&F32, v);
		if (i->neg >> s & 1)
			v = fl_neg(&F32, v);
		in[s] = v;
	}
	r = fl_fma(&F32, in[0], in[1], in[2], &x->e32);
	ref_either[l] = x->e32.tie_of_tiny;
	return r;
}

static void mix(struct ref_wave *w, const struct ref_insn *i, int half)
{
	uint32_t out[64];

	for (unsigned int l = 0; l < w->lanes; l++) {
		struct lane x = {.l = l};
		uint32_t old = ref_v(w, i->dst.reg)[l];
		uint64_t r;

		if (!(ref_exec(w) >> l & 1))
			continue;
		r = mixed(w, i, l, &x);
		if (half < 0) {
			out[l] = (uint32_t)out_modifiers(i, &F32, r, &x.e32);
			continue;
		}
		x.e16.den |= DEN_IN;
		r = fl_convert(&F16, &F32, r, &x.e16);
		if (!(w->mode >> 7 & 1))
			r = fl_flush(&F16, r);
		r = out_modifiers(i, &F16, r, &x.e16);
		ref_either[l] |= x.e16.tie_of_tiny;
		out[l] = half ? (old & 0xffff) | (uint32_t)r << 16
			      : (old & 0xffff0000) | (uint32_t)r;
	}
	for (unsigned int l = 0; l < w->lanes; l++)
		if (ref_exec(w) >> l & 1)
			ref_v(w, i->dst.reg)[l] = out[l];
}
WAVE_(v_fma_mix_f32, "V:mmm")
{
	mix(w, i, -1);
}
WAVE_(v_fma_mixlo_f16, "V:mmm")
{
	mix(w, i, 0);
}
WAVE_(v_fma_mixhi_f16, "V:mmm")
{
	mix(w, i, 1);
}

/* Four 32-bit sums: bytes of source 0 from 0, 1, 2, 3 on against source 1, where that is not 0. */
WAVE_(v_mqsad_u32_u8, "X:liX")
{
	uint32_t out[64][4];

	for (unsigned int l = 0; l < w->lanes; l++) {
		uint64_t a = i->src[0].kind == O_VGPR
				     ? plain_source(w, &i->src[0], l) |
					       (uint64_t)ref_v(w, i->src[0].reg + 1)[l] << 32
				     : ref_s64(w, &i->src[0]);
		uint32_t b = plain_source(w, &i->src[1], l);

		for (unsigned int k = 0; k < 4; k++) {
			uint64_t sum = ref_v(w, i->src[2].reg + k)[l];

			for (unsigned int n = 0; n < 4; n++) {
				int p = a >> (8 * (k + n)) & 255, q = b >> (8 * n) & 255;

				if (q)
					sum += (uint64_t)abs(p - q);
			}
			out[l][k] = i->clamp && sum > UINT32_MAX ? UINT32_MAX : (uint32_t)sum;
		}
	}
	for (unsigned int l = 0; l < w->lanes; l++)
		for (unsigned int k = 0; k < 4; k++)
			if (ref_exec(w) >> l & 1)
				ref_v(w, i->dst.reg + k)[l] = out[l][k];
}

/* ---- dot products: gfx1011 and on (LLVM FeatureDot1Insts and its like) ---- */

static int64_t element(uint32_t v, unsigned int k, unsigned int bits, bool sign)
{
	uint32_t e = v >> (k * bits) & (uint32_t)((1ull << bits) - 1);

	return sign && e >> (bits - 1) ? (int64_t)e - (1ll << bits) : (int64_t)e;
}

static void dot(struct ref_wave *w, const struct ref_insn *i, unsigned int bits, bool sign)
{
	uint32_t out[64];

	for (unsigned int l = 0; l < w->lanes; l++) {
		uint32_t a = plain_source(w, &i->src[0], l), b = plain_source(w, &i->src[1], l);
		uint32_t c = plain_source(w, &i->src[2], l);
		int64_t sum = sign ? (int32_t)c : (int64_t)c;
		const int64_t low = sign ? INT32_MIN : 0, high = sign ? INT32_MAX : UINT32_MAX;

		for (unsigned int k = 0; k < 32 / bits; k++)
			sum += element(a, k, bits, sign) * element(b, k, bits, sign);
		if (i->clamp)
			sum = sum < low ? low : sum > high ? high : sum;
		out[l] = (uint32_t)sum;
	}
	for (unsigned int l = 0; l < w->lanes; l++)
		if (ref_exec(w) >> l & 1)
			ref_v(w, i->dst.reg)[l] = out[l];
}
#define DOT(name, bits, sign)                                                                      \
	WAVE_(name, "V:DDD")                                                                       \
	{                                                                                          \
		dot(w, i, bits, sign);                                                             \
	}
DOT(v_dot2_i32_i16, 16, true)
DOT(v_dot2_u32_u16, 16, false)
DOT(v_dot4_i32_i8, 8, true)
DOT(v_dot4_u32_u8, 8, false)
DOT(v_dot8_i32_i4, 4, true)
DOT(v_dot8_u32_u4, 4, false)

/* Exact products, added from the low half up, each sum rounded: a choice, no text says the order.
 */
static uint64_t dot_of_halves(uint32_t a, uint32_t b, uint64_t c)
{
	struct env e = {RNE, 3, false};
	uint64_t p[2];

	for (unsigned int k = 0; k < 2; k++)
		p[k] = fl_mul(&F32, fl_convert(&F32, &F16, a >> (16 * k) & 0xffff, &e),
			      fl_convert(&F32, &F16, b >> (16 * k) & 0xffff, &e), &e);
	return fl_add(&F32, p[1], fl_add(&F32, p[0], c, &e), &e);
}

static uint32_t chosen_halves(struct ref_wave *w, const struct ref_insn *i, unsigned int s,
			      unsigned int l)
{
	uint32_t v = plain_source(w, &i->src[s], l);
	uint32_t low = i->opsel >> s & 1 ? v >> 16 : v & 0xffff,
		 high = i->opsel_hi >> s & 1 ? v >> 16 : v & 0xffff;

	return (low | high << 16) ^ (i->neg >> s & 1 ? 0x8000u : 0) ^
	       (i->neg_hi >> s & 1 ? 0x80000000u : 0);
}
WAVE_(v_dot2_f32_f16, "V:DDD=")
{
	uint32_t out[64];

	for (unsigned int l = 0; l < w->lanes; l++) {
		struct env e = {RNE, 3, false};
		uint32_t c = plain_source(w, &i->src[2], l) ^ (i->neg & 4 ? 0x80000000u : 0);

		out[l] = (uint32_t)out_modifiers(
			i, &F32,
			dot_of_halves(chosen_halves(w, i, 0, l), chosen_halves(w, i, 1, l), c), &e);
	}
	for (unsigned int l = 0; l < w->lanes; l++)
		if (ref_exec(w) >> l & 1)
			ref_v(w, i->dst.reg)[l] = out[l];
}
VALU(v_dot2c_f32_f16, "f:ii=", dot_of_halves((uint32_t)A, (uint32_t)B, x->d))
static uint64_t dot4c(uint32_t a, uint32_t b, uint32_t c)
{
	uint64_t sum = c;

	for (unsigned int k = 0; k < 4; k++)
		sum += (uint64_t)(element(a, k, 8, true) * element(b, k, 8, true));
	return sum;
}
VALU(v_dot4c_i32_i8, "i:ii", dot4c((uint32_t)A, (uint32_t)B, (uint32_t)x->d))
