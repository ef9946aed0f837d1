// SPDX-License-Identifier: MIT
/*
 * Memory and LDS instructions (RDNA 1.0 ISA, sections 8 to 10, 12.6, 12.13 to 12.16). What a
 * mnemonic does is read out of its name: width, extension, operation.
 */
#include "ref.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LDS_APERTURE (1ull << 48)
#define SCRATCH_APERTURE (2ull << 48)
#define APERTURE_SIZE (4ull << 30)
#define VA_END (1ull << 47)

enum space { MEMORY, LDS, SCRATCH };

/* ---- one access, whole or not at all ---- */

static struct ref_range *range_of(struct ref_wave *w, uint64_t va)
{
	for (int r = 0; r < REF_RANGES; r++)
		if (va >= w->range[r].va && va < w->range[r].va + REF_MEM)
			return &w->range[r];
	return NULL;
}

static bool fault(struct ref_wave *w, int kind, uint64_t va)
{
	w->fault = kind;
	w->fault_va = va;
	return false;
}

static bool memory(struct ref_wave *w, uint64_t va, void *data, unsigned int size, bool write)
{
	for (unsigned int b = 0; b < size; b++) {
		const struct ref_range *r = range_of(w, va + b);

		if (va + b >= VA_END)
			return fault(w, FAULT_APERTURE, va + b);
		if (!r)
			return fault(w, FAULT_PAGE, va + b);
		if (write ? !r->write : !r->read)
			return fault(w, FAULT_PERMISSION, va + b);
	}
	for (unsigned int b = 0; b < size; b++) {
		struct ref_range *r = range_of(w, va + b);

		if (write)
			r->data[va + b - r->va] = ((uint8_t *)data)[b];
		else
			((uint8_t *)data)[b] = r->data[va + b - r->va];
	}
	return true;
}

static bool lds(struct ref_wave *w, uint64_t at, void *data, unsigned int size, bool write)
{
	if (at + size > w->lds_bytes)
		return fault(w, FAULT_APERTURE, LDS_APERTURE + at);
	if (write)
		memcpy(w->lds + at, data, size);
	else
		memcpy(data, w->lds + at, size);
	return true;
}

/* Scratch: the dwords of a lane are a row of lanes apart. */
static bool scratch(struct ref_wave *w, uint64_t at, void *data, unsigned int size, bool write,
		    unsigned int l)
{
	for (unsigned int b = 0; b < size; b++) {
		uint64_t va = w->flat_scratch + (at + b) / 4 * 4 * w->lanes + 4 * l + (at + b) % 4;

		if (!memory(w, va, (uint8_t *)data + b, 1, write))
			return false;
	}
	return true;
}

static bool access_space(struct ref_wave *w, enum space s, uint64_t at, void *data,
			 unsigned int size, bool write, unsigned int l)
{
	return s == LDS	      ? lds(w, at, data, size, write)
	       : s == SCRATCH ? scratch(w, at, data, size, write, l)
			      : memory(w, at, data, size, write);
}

/* ---- what a name says ---- */

struct kind {
	unsigned int bytes;
	bool sext, d16, high;
};

static bool ends(const char *name, const char *with)
{
	size_t n = strlen(name), m = strlen(with);

	return n >= m && !strcmp(name + n - m, with);
}

static struct kind kind_of(const char *name)
{
	struct kind k = {4, false, strstr(name, "d16") != NULL, ends(name, "_hi")};

	if (strstr(name, "byte"))
		k.bytes = 1;
	else if (strstr(name, "short"))
		k.bytes = 2;
	else if (strstr(name, "x16"))
		k.bytes = 64;
	else if (strstr(name, "x8"))
		k.bytes = 32;
	else if (strstr(name, "x4"))
		k.bytes = 16;
	else if (strstr(name, "x3"))
		k.bytes = 12;
	else if (strstr(name, "x2"))
		k.bytes = 8;
	k.sext = strstr(name, "sbyte") || strstr(name, "sshort");
	return k;
}

static void put_loaded(struct ref_wave *w, unsigned int reg, unsigned int l, const uint8_t *data,
		       struct kind k)
{
	uint32_t v = 0, *d = &ref_v(w, reg)[l];

	if (k.bytes >= 4) {
		for (unsigned int r = 0; r < k.bytes / 4; r++)
			memcpy(&ref_v(w, reg + r)[l], data + 4 * r, 4);
		return;
	}
	memcpy(&v, data, k.bytes);
	if (k.sext)
		v = k.bytes == 1 ? (uint32_t)(int32_t)(int8_t)v : (uint32_t)(int32_t)(int16_t)v;
	if (!k.d16)
		*d = v;
	else if (k.high)
		*d = (*d & 0xffff) | v << 16;
	else
		*d = (*d & 0xffff0000) | (v & 0xffff);
}

static void get_stored(struct ref_wave *w, unsigned int reg, unsigned int l, uint8_t *data,
		       struct kind k)
{
	uint32_t v = ref_v(w, reg)[l];

	if (k.bytes >= 4) {
		for (unsigned int r = 0; r < k.bytes / 4; r++)
			memcpy(data + 4 * r, &ref_v(w, reg + r)[l], 4);
		return;
	}
	if (k.high)
		v >>= 16;
	memcpy(data, &v, k.bytes);
}

/* ---- atomic operations: what becomes of the old value ---- */

static uint64_t cut(uint64_t v, unsigned int bytes)
{
	return bytes == 4 ? (uint32_t)v : v;
}

static int64_t sign_of(uint64_t v, unsigned int bytes)
{
	return bytes == 4 ? (int32_t)v : (int64_t)v;
}

/* -0 is below +0, and a number is taken before a NaN: as V_MIN and V_MAX. */
static uint64_t float_extreme(const struct fmt *f, uint64_t a, uint64_t b, bool max)
{
	int order;

	if (fl_nan(f, b))
		return a;
	if (fl_nan(f, a))
		return b;
	order = fl_cmp(f, a, b, DEN_IN);
	if (!order)
		order = fl_sign(f, b) - fl_sign(f, a);
	return (order > 0) == max ? a : b;
}

/* op: of "atomic_OP" or "ds_OP"; data and second are what the registers hold, in memory's order. */
static uint64_t apply(const char *op, unsigned int n, uint64_t old, uint64_t data, uint64_t second)
{
	const struct fmt *f = n == 4 ? &F32 : &F64;
	struct env e = {RNE, 3, false};
	size_t len = strcspn(op, "_");
#define IS(name) (len == strlen(name) && !strncmp(op, name, len))

	if (IS("swap") || IS("wrxchg") || IS("write"))
		return data;
	if (IS("cmpswap"))
		return old == second ? data : old;
	if (IS("fcmpswap"))
		return fl_cmp(f, old, second, DEN_IN) == 0 ? data : old;
	if (IS("add"))
		return cut(old + data, n);
	if (IS("sub"))
		return cut(old - data, n);
	if (IS("csub"))
		return old < data ? 0 : old - data;
	if (IS("rsub"))
		return cut(data - old, n);
	if (IS("smin"))
		return sign_of(old, n) < sign_of(data, n) ? old : data;
	if (IS("umin"))
		return old < data ? old : data;
	if (IS("smax"))
		return sign_of(old, n) > sign_of(data, n) ? old : data;
	if (IS("umax"))
		return old > data ? old : data;
	if (IS("and"))
		return old & data;
	if (IS("or"))
		return old | data;
	if (IS("xor"))
		return old ^ data;
	if (IS("inc"))
		return old >= data ? 0 : old + 1;
	if (IS("dec"))
		return old == 0 || old > data ? data : old - 1;
	if (IS("fmin"))
		return float_extreme(f, old, data, false);
	if (IS("fmax"))
		return float_extreme(f, old, data, true);
	if (IS("fadd"))
		return fl_add(f, old, data, &e);
	if (IS("mskor"))
		return (old & ~data) | second;
	if (IS("wrap"))
		return old >= data ? cut(old - data, n) : cut(old + second, n);
	fprintf(stderr, "ref_mem: operation %s\n", op);
	abort();
}

static uint64_t vreg(struct ref_wave *w, unsigned int reg, unsigned int l, unsigned int bytes)
{
	uint64_t lo = ref_v(w, reg)[l];

	return bytes == 4 ? lo : lo | (uint64_t)ref_v(w, reg + 1)[l] << 32;
}

static void put_vreg(struct ref_wave *w, unsigned int reg, unsigned int l, unsigned int bytes,
		     uint64_t v)
{
	ref_v(w, reg)[l] = (uint32_t)v;
	if (bytes == 8)
		ref_v(w, reg + 1)[l] = (uint32_t)(v >> 32);
}

/* ---- FLAT, GLOBAL, SCRATCH ---- */

static uint64_t flat_address(struct ref_wave *w, const struct ref_insn *i, unsigned int l,
			     enum space *s)
{
	uint64_t at;

	*s = MEMORY;
	if (i->name[0] == 's') {
		*s = SCRATCH;
		return (uint32_t)((i->saddr.kind ? ref_s32(w, &i->saddr)
						 : vreg(w, i->src[0].reg, l, 4)) +
				  (uint32_t)i->imm);
	}
	if (i->saddr.kind)
		return ref_s64(w, &i->saddr) + vreg(w, i->src[0].reg, l, 4) + (uint64_t)i->imm;
	at = vreg(w, i->src[0].reg, l, 8) + (uint64_t)i->imm;
	if (i->name[0] != 'f')
		return at;
	if (at >= LDS_APERTURE && at < LDS_APERTURE + APERTURE_SIZE) {
		*s = LDS;
		return at - LDS_APERTURE;
	}
	if (at >= SCRATCH_APERTURE && at < SCRATCH_APERTURE + APERTURE_SIZE) {
		*s = SCRATCH;
		return at - SCRATCH_APERTURE;
	}
	return at;
}

static void wave_flat(struct ref_wave *w, const struct ref_insn *i)
{
	const struct kind k = kind_of(i->name);
	const char *op = strstr(i->name, "atomic_");

	for (unsigned int l = 0; l < w->lanes; l++) {
		enum space s;
		uint64_t at;
		uint8_t data[16] = {0};

		if (!(ref_exec(w) >> l & 1))
			continue;
		at = flat_address(w, i, l, &s);
		if (op) {
			uint64_t old = 0, new;
			unsigned int n = ends(i->name, "_x2") ? 8 : 4;

			if (!access_space(w, s, at, &old, n, false, l))
				return;
			new = apply(op + 7, n, old, vreg(w, i->src[1].reg, l, n),
				    vreg(w, i->src[1].reg + n / 4, l, n));
			if (!access_space(w, s, at, &new, n, true, l))
				return;
			if (i->glc)
				put_vreg(w, i->dst.reg, l, n, old);
		} else if (strstr(i->name, "_load_")) {
			if (!access_space(w, s, at, data, k.bytes, false, l))
				return;
			put_loaded(w, i->dst.reg, l, data, k);
		} else {
			get_stored(w, i->src[1].reg, l, data, k);
			if (!access_space(w, s, at, data, k.bytes, true, l))
				return;
		}
	}
}

/* gfx10.3: a scalar address, and 4 bytes for each lane. */
static void wave_addtid(struct ref_wave *w, const struct ref_insn *i)
{
	for (unsigned int l = 0; l < w->lanes; l++)
		if (ref_exec(w) >> l & 1 &&
		    !memory(w, ref_s64(w, &i->saddr) + (uint64_t)i->imm + 4 * l,
			    &ref_v(w, (i->dst.kind ? i->dst : i->src[1]).reg)[l], 4, !i->dst.kind))
			return;
}

/* ---- buffers ---- */

struct resource {
	uint64_t base, stride, records;
	uint32_t index_stride, oob, format, dst_sel;
	bool swizzle, add_tid;
};

static struct resource resource_of(const struct ref_wave *w, const struct ref_insn *i)
{
	const uint32_t *r = &w->s[i->saddr.reg];

	return (struct resource){.base = r[0] | (uint64_t)(r[1] & 0xffff) << 32,
				 .stride = r[1] >> 16 & 0x3fff,
				 .swizzle = r[1] >> 31,
				 .records = r[2],
				 .dst_sel = r[3] & 0xfff,
				 .format = r[3] >> 12 & 127,
				 .index_stride = 8u << (r[3] >> 21 & 3),
				 .add_tid = r[3] >> 23 & 1,
				 .oob = r[3] >> 28 & 3};
}

/* False: out of range. */
static bool buffer_at(struct ref_wave *w, const struct ref_insn *i, unsigned int l,
		      unsigned int more, unsigned int bytes, uint64_t *va)
{
	const struct resource r = resource_of(w, i);
	uint64_t index = i->idxen ? ref_v(w, i->src[0].reg)[l] : 0;
	uint64_t offset = (uint32_t)((i->offen ? ref_v(w, i->src[0].reg + i->idxen)[l] : 0) +
				     (uint32_t)i->imm + more);
	uint64_t at = r.base + ref_s32(w, &i->soffset);

	switch (r.oob) {
	case 0:
		if (index >= r.records || (r.stride && offset + bytes > r.stride))
			return false;
		break;
	case 1:
		if (index >= r.records)
			return false;
		break;
	case 2:
		if (!r.records)
			return false;
		break;
	case 3:
		if (offset + bytes > r.records)
			return false;
	}
	if (r.add_tid)
		index += l;
	if (r.swizzle)
		at += (index / r.index_stride * r.stride + offset / 4 * 4) * r.index_stride +
		      index % r.index_stride * 4 + offset % 4;
	else
		at += index * r.stride + offset;
	*va = at;
	return true;
}

static void wave_buffer(struct ref_wave *w, const struct ref_insn *i)
{
	const struct kind k = kind_of(i->name);
	const char *op = strstr(i->name, "atomic_");
	unsigned int n = op ? (ends(i->name, "_x2") ? 8 : 4) : k.bytes;
	bool load = strstr(i->name, "_load_") != NULL;
	unsigned int piece = resource_of(w, i).swizzle && n > 4 && !op ? 4 : n;

	for (unsigned int l = 0; l < w->lanes; l++) {
		uint8_t data[16] = {0};
		uint64_t va;

		if (!(ref_exec(w) >> l & 1))
			continue;
		if (op) {
			uint64_t old = 0, new;

			if (!buffer_at(w, i, l, 0, n, &va))
				continue;
			if (!memory(w, va, &old, n, false))
				return;
			new = apply(op + 7, n, old, vreg(w, i->src[1].reg, l, n),
				    vreg(w, i->src[1].reg + n / 4, l, n));
			if (!memory(w, va, &new, n, true))
				return;
			if (i->glc)
				put_vreg(w, i->src[1].reg, l, n, old);
			continue;
		}
		if (!load)
			get_stored(w, i->src[1].reg, l, data, k);
		for (unsigned int b = 0; b < n; b += piece)
			if (buffer_at(w, i, l, b, piece, &va) &&
			    !memory(w, va, data + b, piece, !load))
				return;
		if (load)
			put_loaded(w, i->src[1].reg, l, data, k);
	}
}

/* ---- formats: how elements become floats or integers (LLVM SIDefines.h, UfmtGFX10) ---- */

enum number { UNORM, SNORM, USCALED, SSCALED, UINT, SINT, FLOAT };
struct layout {
	unsigned int first;  /* unified format number of the first */
	const char *numbers; /* which of enum number, in order */
	uint8_t bits[4];     /* x, y, z, w from the lowest bit on */
};
static const struct layout layouts[] = {
	{1, "nsUSui", {8}},
	{7, "nsUSuif", {16}},
	{14, "nsUSui", {8, 8}},
	{20, "uif", {32}},
	{23, "nsUSuif", {16, 16}},
	{30, "nsUSuif", {11, 11, 10}}, /* 10_11_11 */
	{37, "nsUSuif", {10, 11, 11}}, /* 11_11_10 */
	{44, "nsUSui", {2, 10, 10, 10}},
	{50, "nsUSui", {10, 10, 10, 2}},
	{56, "nsUSui", {8, 8, 8, 8}},
	{62, "uif", {32, 32}},
	{65, "nsUSuif", {16, 16, 16, 16}},
	{72, "uif", {32, 32, 32}},
	{75, "uif", {32, 32, 32, 32}},
};

static const struct layout *layout_of(uint32_t format, char *number)
{
	for (unsigned int n = 0; n < sizeof(layouts) / sizeof(layouts[0]); n++)
		if (format >= layouts[n].first &&
		    format < layouts[n].first + strlen(layouts[n].numbers)) {
			*number = layouts[n].numbers[format - layouts[n].first];
			return &layouts[n];
		}
	return NULL;
}

/* A float of 10 or 11 bits has five of exponent and no sign. */
static uint32_t small_float(uint32_t v, unsigned int bits)
{
	struct env e = {RNE, 3, false};

	return (uint32_t)fl_convert(&F32, &F16, (uint64_t)v << (15 - bits), &e);
}

static uint32_t of_double(double v)
{
	float f = (float)v;
	uint32_t u;

	memcpy(&u, &f, 4);
	return u;
}

static uint32_t decode_element(uint32_t v, unsigned int bits, char number)
{
	int32_t s = bits == 32 ? (int32_t)v : (int32_t)(v << (32 - bits)) >> (32 - bits);
	struct env e = {RNE, 3, false};
	double r;

	switch (number) {
	case 'n':
		return of_double((double)v / ((1ull << bits) - 1));
	case 's':
		r = (double)s / ((1ull << (bits - 1)) - 1);
		return of_double(r < -1 ? -1 : r);
	case 'U':
		return of_double(v);
	case 'S':
		return of_double(s);
	case 'u':
		return v;
	case 'i':
		return (uint32_t)s;
	}
	return bits == 32   ? v
	       : bits == 16 ? (uint32_t)fl_convert(&F32, &F16, v, &e)
			    : small_float(v, bits);
}

static unsigned int layout_bytes(const struct layout *y)
{
	return (unsigned int)(y->bits[0] + y->bits[1] + y->bits[2] + y->bits[3]) / 8;
}

static uint32_t raw_element(const uint8_t *data, unsigned int at, unsigned int bits)
{
	uint64_t v = 0;

	memcpy(&v, data + at / 8 / 4 * 4, at / 32 * 4 + 8 > 20 ? 4 : 8);
	return (uint32_t)(v >> at % 32) & (uint32_t)((1ull << bits) - 1);
}

/* Loads only of the reference's formats; 0, 1 and the components by DST_SEL. */
static void format_load(struct ref_wave *w, const struct ref_insn *i, bool typed, bool d16,
			unsigned int count)
{
	const struct resource r = resource_of(w, i);
	char number = 'u';
	const struct layout *y = layout_of(typed ? i->format : r.format, &number);

	for (unsigned int l = 0; l < w->lanes; l++) {
		uint8_t data[24] = {0};
		uint32_t xyzw[4] = {0, 0, 0, number == 'u' || number == 'i' ? 1 : 0x3f800000},
			 out[4];
		uint64_t va;
		unsigned int at = 0;

		if (!(ref_exec(w) >> l & 1))
			continue;
		if (y && buffer_at(w, i, l, 0, layout_bytes(y), &va)) {
			if (!memory(w, va, data, layout_bytes(y), false))
				return;
			for (unsigned int c = 0; c < 4 && y->bits[c]; at += y->bits[c++])
				xyzw[c] = decode_element(raw_element(data, at, y->bits[c]),
							 y->bits[c], number);
		} else {
			xyzw[3] = 0;
		}
		for (unsigned int c = 0; c < count; c++) {
			unsigned int sel = typed ? 4 + c : r.dst_sel >> (3 * c) & 7;

			out[c] = sel >= 4   ? xyzw[sel - 4]
				 : sel == 1 ? (number == 'u' || number == 'i' ? 1 : 0x3f800000)
					    : 0;
		}
		for (unsigned int c = 0; c < count; c++) {
			struct env e = {RNE, 3, false};

			if (!d16) {
				ref_v(w, i->src[1].reg + c)[l] = out[c];
				continue;
			}
			if (number != 'u' && number != 'i')
				out[c] = (uint32_t)fl_convert(&F16, &F32, out[c], &e);
			uint32_t *d = &ref_v(w, i->src[1].reg + c / 2)[l];

			if (c & 1)
				*d = (*d & 0xffff) | out[c] << 16;
			else
				*d = count == c + 1 ? (*d & 0xffff0000) | (out[c] & 0xffff)
						    : out[c] & 0xffff;
		}
	}
}

static double clamped(double v, double low, double high)
{
	return v < low ? low : v > high ? high : v;
}

static uint32_t encode_element(uint32_t v, unsigned int bits, char number)
{
	struct env e = {RNE, 3, false};
	double d = fl_double(&F32, v), top = (double)((1ull << bits) - 1),
	       half = (double)((1ull << (bits - 1)) - 1);
	uint32_t mask = (uint32_t)((1ull << bits) - 1);

	if (d != d && number != 'f')
		d = 0;
	switch (number) {
	case 'n':
		return (uint32_t)__builtin_rint(clamped(d, 0, 1) * top) & mask;
	case 's':
		return (uint32_t)(int64_t)__builtin_rint(clamped(d, -1, 1) * half) & mask;
	case 'U':
		return (uint32_t)(int64_t)clamped(d, 0, top) & mask;
	case 'S':
		return (uint32_t)(int64_t)clamped(d, -half - 1, half) & mask;
	case 'u':
		return bits < 32 && v > mask ? mask : v & mask;
	case 'i':
		return (uint32_t)(int64_t)clamped((int32_t)v, -half - 1, half) & mask;
	}
	if (bits == 32)
		return v;
	if (bits == 16)
		return (uint32_t)fl_convert(&F16, &F32, v, &e);
	return 0; /* gen.py does not store floats of 10 and 11 bits */
}

static void format_store(struct ref_wave *w, const struct ref_insn *i, bool typed, bool d16,
			 unsigned int count)
{
	const struct resource r = resource_of(w, i);
	char number = 'u';
	const struct layout *y = layout_of(typed ? i->format : r.format, &number);

	for (unsigned int l = 0; l < w->lanes; l++) {
		uint8_t data[24] = {0};
		unsigned int at = 0;
		uint64_t va;

		if (!(ref_exec(w) >> l & 1) || !y || !buffer_at(w, i, l, 0, layout_bytes(y), &va))
			continue;
		for (unsigned int c = 0; c < 4 && y->bits[c]; at += y->bits[c++]) {
			struct env e = {RNE, 3, false};
			uint32_t v = 0;
			uint64_t part;

			if (c < count) {
				v = ref_v(w, i->src[1].reg + (d16 ? c / 2 : c))[l];
				if (d16)
					v = c & 1 ? v >> 16 : v & 0xffff;
				if (d16 && number == 'i')
					v = (uint32_t)(int32_t)(int16_t)v;
				else if (d16 && number != 'u')
					v = (uint32_t)fl_convert(&F32, &F16, v, &e);
			}
			part = (uint64_t)encode_element(v, y->bits[c], number) << at % 32;
			for (unsigned int b = 0; b < 8; b++)
				if (at / 32 * 4 + b < sizeof(data))
					data[at / 32 * 4 + b] |= (uint8_t)(part >> (8 * b));
		}
		if (!memory(w, va, data, layout_bytes(y), true))
			return;
	}
}

static void wave_format(struct ref_wave *w, const struct ref_insn *i)
{
	bool typed = i->name[0] == 't', d16 = strstr(i->name, "d16") != NULL;
	unsigned int count = (unsigned int)strlen(strrchr(i->name, '_') + 1);

	if (strstr(i->name, "_load_"))
		format_load(w, i, typed, d16, count);
	else
		format_store(w, i, typed, d16, count);
}

/* ---- scalar memory ---- */

static void wave_smem(struct ref_wave *w, const struct ref_insn *i)
{
	const struct kind k = kind_of(i->name);
	const char *op = strstr(i->name, "atomic_");
	bool buffer = strstr(i->name, "buffer") != NULL, load = strstr(i->name, "_load_") != NULL;
	unsigned int n = op ? (ends(i->name, "_x2") ? 8 : 4) : k.bytes;
	uint64_t offset = (uint64_t)i->imm + ref_s32(w, &i->soffset), base, size = ~0ull;
	uint8_t data[64] = {0};

	if (buffer) {
		const struct resource r = resource_of(w, i);

		base = r.base;
		size = r.stride ? r.stride * r.records : r.records;
		offset &= ~3ull;
	} else if (strstr(i->name, "scratch")) {
		/* "As an SGPR, an unsigned 64-byte offset ... as an immediate, a signed byte
		 * offset" */
		base = ref_s64(w, &i->saddr);
		offset = (uint64_t)i->imm + (uint64_t)ref_s32(w, &i->soffset) * 64;
		offset &= ~3ull;
	} else {
		base = (ref_s64(w, &i->saddr) + offset) & ~3ull;
		offset = 0;
	}
	if (op) {
		uint64_t old = 0, data0, second, new;

		if (offset + n > size)
			return;
		data0 = n == 8 ? ref_s64(w, &i->dst) : ref_s32(w, &i->dst);
		second = n == 8 ? w->s[i->dst.reg + 2] | (uint64_t)w->s[i->dst.reg + 3] << 32
				: w->s[i->dst.reg + 1];
		if (!memory(w, base + offset, &old, n, false))
			return;
		new = apply(op + 7, n, old, data0, second);
		if (!memory(w, base + offset, &new, n, true))
			return;
		if (i->glc)
			memcpy(&w->s[i->dst.reg], &old, n);
		return;
	}
	for (unsigned int b = 0; b < n; b += 4) {
		if (!load)
			memcpy(data + b, &w->s[i->dst.reg + b / 4], 4);
		if (!buffer)
			continue;
		if (offset + b + 4 <= size && !memory(w, base + offset + b, data + b, 4, !load))
			return;
	}
	if (!buffer && !memory(w, base + offset, data, n, !load))
		return;
	if (load)
		for (unsigned int b = 0; b < n; b += 4)
			memcpy(&w->s[i->dst.reg + b / 4], data + b, 4);
}

/* The harness's clock always says this. */
static void wave_time(struct ref_wave *w, const struct ref_insn *i)
{
	ref_put64(w, i->dst.reg, 0x123456789abcdef0);
}

static void wave_nothing(struct ref_wave *w, const struct ref_insn *i)
{
	(void)w, (void)i;
}

static void wave_waveid(struct ref_wave *w, const struct ref_insn *i)
{
	ref_put32(w, i->dst.reg, w->id);
}

/* ---- LDS ---- */

static unsigned int ds_bytes(const char *name)
{
	if (strstr(name, "128"))
		return 16;
	if (strstr(name, "b96"))
		return 12;
	if (ends(name, "64"))
		return 8;
	if (strstr(name, "b8") || strstr(name, "_u8") || strstr(name, "_i8"))
		return 1;
	if (strstr(name, "b16") || strstr(name, "_u16") || strstr(name, "_i16"))
		return 2;
	return 4;
}

static void ds_one(struct ref_wave *w, const struct ref_insn *i, unsigned int l)
{
	const char *name = i->name;
	struct kind k = {ds_bytes(name), strstr(name, "_i8") || strstr(name, "_i16"),
			 strstr(name, "d16") != NULL, ends(name, "_hi")};
	uint64_t at = (uint32_t)(ref_v(w, i->src[0].reg)[l] + (uint32_t)i->imm);
	uint8_t data[16] = {0};

	if (!strncmp(name, "ds_read", 7)) {
		if (lds(w, at, data, k.bytes, false))
			put_loaded(w, i->dst.reg, l, data, k);
	} else {
		get_stored(w, i->src[1].reg, l, data, k);
		lds(w, at, data, k.bytes, true);
	}
}

static void wave_ds(struct ref_wave *w, const struct ref_insn *i)
{
	for (unsigned int l = 0; l < w->lanes && !w->fault; l++)
		if (ref_exec(w) >> l & 1)
			ds_one(w, i, l);
}

/* Two elements; offsets count elements, or 64 of them. */
static void wave_ds2(struct ref_wave *w, const struct ref_insn *i)
{
	unsigned int n = ds_bytes(i->name), unit = strstr(i->name, "st64") ? 64 * n : n;
	bool read = strstr(i->name, "read") != NULL, exchange = strstr(i->name, "wrxchg") != NULL;

	for (unsigned int l = 0; l < w->lanes && !w->fault; l++) {
		uint32_t base = ref_v(w, i->src[0].reg)[l];
		uint64_t a[2] = {0}, at[2] = {(uint64_t)base + i->offset0 * unit,
					      (uint64_t)base + i->offset1 * unit};

		if (!(ref_exec(w) >> l & 1))
			continue;
		if (read || exchange) {
			if (!lds(w, at[0], &a[0], n, false))
				return;
			if (!exchange && !lds(w, at[1], &a[1], n, false))
				return;
		}
		if (!read) {
			uint64_t d0 = vreg(w, i->src[1].reg, l, n),
				 d1 = vreg(w, i->src[2].reg, l, n);

			if (!lds(w, at[0], &d0, n, true))
				return;
			if (exchange && !lds(w, at[1], &a[1], n, false))
				return;
			if (!lds(w, at[1], &d1, n, true))
				return;
		}
		if (read || exchange) {
			put_vreg(w, i->dst.reg, l, n, a[0]);
			put_vreg(w, i->dst.reg + n / 4, l, n, a[1]);
		}
	}
}

/* "ds_min_rtn_i32" -> "smin" and the like. In CMPST data 0 compares, data 1 is stored. */
static const char *ds_operation(const char *name, bool *swapped)
{
	static char op[16];
	size_t n = strcspn(name + 3, "_");
	char type = name[strlen(name) - 3];

	*swapped = false;
	snprintf(op, sizeof(op), "%.*s", (int)n, name + 3);
	if (!strcmp(op, "min") || !strcmp(op, "max")) {
		memmove(op + 1, op, 4);
		op[0] = type == 'i' ? 's' : type;
	} else if (!strcmp(op, "add") && type == 'f') {
		strcpy(op, "fadd");
	} else if (!strcmp(op, "cmpst")) {
		strcpy(op, type == 'f' ? "fcmpswap" : "cmpswap");
		*swapped = true;
	}
	return op;
}

static void wave_ds_atomic(struct ref_wave *w, const struct ref_insn *i)
{
	unsigned int n = ds_bytes(i->name);
	bool swapped, rtn = strstr(i->name, "_rtn_") != NULL,
		      src2 = strstr(i->name, "_src2_") != NULL;
	const char *op = ds_operation(i->name, &swapped);

	for (unsigned int l = 0; l < w->lanes; l++) {
		uint64_t at = (uint32_t)(ref_v(w, i->src[0].reg)[l] + (uint32_t)i->imm), old = 0,
			 new, d0, d1;

		if (!(ref_exec(w) >> l & 1))
			continue;
		if (src2) {
			/*
			 * B = A + 4 * (offset1[7] ? {A[31], A[31:17]} : {offset1[6], offset1[6:0],
			 * offset0}); DS[A] = DS[A] op DS[B]
			 */
			uint32_t a = ref_v(w, i->src[0].reg)[l];
			int32_t by = i->offset1 & 0x80
					     ? (int32_t)a >> 17
					     : (int32_t)((i->offset1 & 0x7f) << 8 | i->offset0) |
						       (i->offset1 & 0x40 ? ~0x7fff : 0);

			at = a & 0xffff;
			d0 = d1 = 0;
			if (!lds(w, at, &old, n, false) ||
			    !lds(w, (uint32_t)(at + 4 * (uint32_t)by), &d0, n, false))
				return;
		} else {
			d0 = vreg(w, i->src[1].reg, l, n);
			d1 = i->src[2].kind ? vreg(w, i->src[2].reg, l, n) : 0;
		}
		if (!lds(w, at, &old, n, false))
			return;
		new = apply(op, n, old, swapped ? d1 : d0, swapped ? d0 : d1);
		lds(w, at, &new, n, true);
		if (rtn)
			put_vreg(w, i->dst.reg, l, n, old);
	}
}

/* Halves whose data has the top bit set are written, without it. */
static void wave_ds_condxchg(struct ref_wave *w, const struct ref_insn *i)
{
	for (unsigned int l = 0; l < w->lanes; l++) {
		uint64_t at = (uint32_t)(ref_v(w, i->src[0].reg)[l] + (uint32_t)i->imm), old = 0,
			 new;
		uint64_t d = vreg(w, i->src[1].reg, l, 8);

		if (!(ref_exec(w) >> l & 1))
			continue;
		if (!lds(w, at, &old, 8, false))
			return;
		new = old;
		if (d >> 31 & 1)
			new = (new & ~0xffffffffull) | (d & 0x7fffffff);
		if (d >> 63 & 1)
			new = (uint32_t) new | (d & 0x7fffffff00000000ull);
		lds(w, at, &new, 8, true);
		put_vreg(w, i->dst.reg, l, 8, old);
	}
}

/* One counter: + or - the lanes that are on; all of them see the old value. At M0[15:0] + offset.
 */
static void wave_ds_append(struct ref_wave *w, const struct ref_insn *i)
{
	uint32_t old, new, at = (w->s[R_M0] & 0xffff) + (uint32_t)i->imm;
	uint32_t lanes = (uint32_t)__builtin_popcountll(ref_exec(w));

	if (!lds(w, at, &old, 4, false))
		return;
	new = !strcmp(i->name, "ds_append") ? old + lanes : old - lanes;
	lds(w, at, &new, 4, true);
	for (unsigned int l = 0; l < w->lanes; l++)
		if (ref_exec(w) >> l & 1)
			ref_v(w, i->dst.reg)[l] = old;
}

/* Address: offset + M0[15:0] + 4 * lane. */
static void wave_ds_addtid(struct ref_wave *w, const struct ref_insn *i)
{
	for (unsigned int l = 0; l < w->lanes; l++) {
		uint32_t at = (w->s[R_M0] & 0xffff) + (uint32_t)i->imm + 4 * l, v;

		if (!(ref_exec(w) >> l & 1))
			continue;
		if (strstr(i->name, "read")) {
			if (!lds(w, at, &v, 4, false))
				return;
			ref_v(w, i->dst.reg)[l] = v;
		} else {
			v = ref_v(w, i->src[1].reg)[l];
			if (!lds(w, at, &v, 4, true))
				return;
		}
	}
}

/* Through the crossbar; each half of a wave64 on its own (LLVM supportsWaveWideBPermute). */
static void wave_ds_permute(struct ref_wave *w, const struct ref_insn *i)
{
	uint64_t exec = ref_exec(w);
	uint32_t out[64] = {0};
	bool backward = strstr(i->name, "bperm") != NULL;

	for (unsigned int l = 0; l < w->lanes; l++) {
		unsigned int other =
			l / 32 * 32 + ((ref_v(w, i->src[0].reg)[l] + (uint32_t)i->imm) / 4) % 32;

		if (backward)
			out[l] = exec >> other & 1 ? ref_v(w, i->src[1].reg)[other] : 0;
		else if (exec >> l & 1)
			out[other] = ref_v(w, i->src[1].reg)[l];
	}
	for (unsigned int l = 0; l < w->lanes; l++)
		if (exec >> l & 1)
			ref_v(w, i->dst.reg)[l] = out[l];
}

static void wave_ds_swizzle(struct ref_wave *w, const struct ref_insn *i)
{
	uint64_t exec = ref_exec(w);
	uint32_t in[64], how = (uint32_t)i->imm;

	memcpy(in, ref_v(w, i->src[0].reg), sizeof(uint32_t) * w->lanes);
	for (unsigned int l = 0; l < w->lanes; l++) {
		unsigned int from;

		if (!(exec >> l & 1))
			continue;
		if (how & 0x8000) {
			from = (l & ~3u) + (how >> (l % 4 * 2) & 3);
		} else {
			from = l % 32;
			from = ((from & (how & 31)) | (how >> 5 & 31)) ^ (how >> 10 & 31);
			from += l & 32;
		}
		ref_v(w, i->dst.reg)[l] = exec >> from & 1 ? in[from] : 0;
	}
}

/* ---- which names there are ---- */

static const struct {
	const char *prefix, *list;
	void (*fn)(struct ref_wave *w, const struct ref_insn *i);
} families[] = {
	{"flat_load_ global_load_ scratch_load_",
	 "ubyte sbyte ushort sshort dword dwordx2 dwordx3 dwordx4 ubyte_d16 ubyte_d16_hi sbyte_d16 "
	 "sbyte_d16_hi short_d16 short_d16_hi",
	 wave_flat},
	{"flat_store_ global_store_ scratch_store_",
	 "byte byte_d16_hi short short_d16_hi dword dwordx2 dwordx3 dwordx4", wave_flat},
	{"flat_atomic_ global_atomic_",
	 "swap cmpswap add sub smin umin smax umax and or xor inc dec fcmpswap fmin fmax swap_x2 "
	 "cmpswap_x2 add_x2 sub_x2 smin_x2 umin_x2 smax_x2 umax_x2 and_x2 or_x2 xor_x2 inc_x2 "
	 "dec_x2 "
	 "fcmpswap_x2 fmin_x2 fmax_x2",
	 wave_flat},
	{"global_load_dword_ global_store_dword_", "addtid", wave_addtid},
	{"global_atomic_", "csub", wave_flat},
	{"buffer_atomic_", "csub", wave_buffer},
	{"buffer_load_",
	 "ubyte sbyte ushort sshort dword dwordx2 dwordx3 dwordx4 ubyte_d16 ubyte_d16_hi sbyte_d16 "
	 "sbyte_d16_hi short_d16 short_d16_hi",
	 wave_buffer},
	{"buffer_store_", "byte byte_d16_hi short short_d16_hi dword dwordx2 dwordx3 dwordx4",
	 wave_buffer},
	{"buffer_atomic_",
	 "swap cmpswap add sub smin umin smax umax and or xor inc dec fcmpswap fmin fmax swap_x2 "
	 "cmpswap_x2 add_x2 sub_x2 smin_x2 umin_x2 smax_x2 umax_x2 and_x2 or_x2 xor_x2 inc_x2 "
	 "dec_x2 "
	 "fcmpswap_x2 fmin_x2 fmax_x2",
	 wave_buffer},
	{"buffer_load_format_ buffer_store_format_ tbuffer_load_format_ tbuffer_store_format_",
	 "x xy xyz xyzw d16_x d16_xy d16_xyz d16_xyzw", wave_format},
	{"s_load_ s_buffer_load_", "dword dwordx2 dwordx4 dwordx8 dwordx16", wave_smem},
	{"s_store_ s_buffer_store_ s_scratch_load_ s_scratch_store_", "dword dwordx2 dwordx4",
	 wave_smem},
	{"s_atomic_ s_buffer_atomic_",
	 "swap cmpswap add sub smin umin smax umax and or xor inc dec swap_x2 cmpswap_x2 add_x2 "
	 "sub_x2 "
	 "smin_x2 umin_x2 smax_x2 umax_x2 and_x2 or_x2 xor_x2 inc_x2 dec_x2",
	 wave_smem},
	{"s_", "memtime memrealtime", wave_time},
	{"s_",
	 "dcache_inv dcache_wb gl1_inv dcache_discard dcache_discard_x2 atc_probe atc_probe_buffer",
	 wave_nothing},
	{"buffer_", "gl0_inv gl1_inv", wave_nothing},
	{"s_", "get_waveid_in_workgroup", wave_waveid},
	{"ds_",
	 "read_u8 read_i8 read_u16 read_i16 read_b32 read_b64 read_b96 read_b128 read_u8_d16 "
	 "read_u8_d16_hi read_i8_d16 read_i8_d16_hi read_u16_d16 read_u16_d16_hi write_b8 "
	 "write_b8_d16_hi write_b16 write_b16_d16_hi write_b32 write_b64 write_b96 write_b128",
	 wave_ds},
	{"ds_",
	 "read2_b32 read2_b64 read2st64_b32 read2st64_b64 write2_b32 write2_b64 write2st64_b32 "
	 "write2st64_b64 wrxchg2_rtn_b32 wrxchg2_rtn_b64 wrxchg2st64_rtn_b32 wrxchg2st64_rtn_b64",
	 wave_ds2},
	{"ds_add_ ds_sub_ ds_rsub_ ds_inc_ ds_dec_", "u32 u64 rtn_u32 rtn_u64 src2_u32 src2_u64",
	 wave_ds_atomic},
	{"ds_min_ ds_max_",
	 "i32 u32 f32 i64 u64 f64 rtn_i32 rtn_u32 rtn_f32 rtn_i64 rtn_u64 rtn_f64 src2_i32 "
	 "src2_u32 "
	 "src2_f32 src2_i64 src2_u64 src2_f64",
	 wave_ds_atomic},
	{"ds_and_ ds_or_ ds_xor_", "b32 b64 rtn_b32 rtn_b64 src2_b32 src2_b64", wave_ds_atomic},
	{"ds_mskor_ ds_cmpst_", "b32 b64 rtn_b32 rtn_b64", wave_ds_atomic},
	{"ds_cmpst_", "f32 f64 rtn_f32 rtn_f64", wave_ds_atomic},
	{"ds_",
	 "add_f32 add_rtn_f32 add_src2_f32 wrxchg_rtn_b32 wrxchg_rtn_b64 wrap_rtn_b32 "
	 "write_src2_b32 write_src2_b64",
	 wave_ds_atomic},
	{"ds_", "condxchg32_rtn_b64", wave_ds_condxchg},
	{"ds_", "append consume", wave_ds_append},
	{"ds_", "read_addtid_b32 write_addtid_b32", wave_ds_addtid},
	{"ds_", "permute_b32 bpermute_b32", wave_ds_permute},
	{"ds_", "swizzle_b32", wave_ds_swizzle},
	{"ds_", "nop", wave_nothing},
};

static struct ref_row rows[800];
static unsigned int num_rows;

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct ref_row *)a)->name, ((const struct ref_row *)b)->name);
}

static void make_rows(void)
{
	for (unsigned int f = 0; f < sizeof(families) / sizeof(families[0]); f++) {
		char *prefixes = strdup(families[f].prefix), *p, *at1 = NULL, *s, *at2 = NULL;

		for (p = strtok_r(prefixes, " ", &at1); p; p = strtok_r(NULL, " ", &at1)) {
			char *list = strdup(families[f].list), *name;

			for (s = strtok_r(list, " ", &at2); s; s = strtok_r(NULL, " ", &at2)) {
				if (asprintf(&name, "%s%s", p, s) < 0)
					abort();
				rows[num_rows++] = (struct ref_row){.name = name,
								    .cls = C_WAVE,
								    .sig = "@",
								    .wave = families[f].fn};
			}
			free(list);
		}
		free(prefixes);
	}
	qsort(rows, num_rows, sizeof(rows[0]), by_name);
}

const struct ref_row *ref_find_memory(const char *name)
{
	struct ref_row key = {.name = name};

	if (!num_rows)
		make_rows();
	return bsearch(&key, rows, num_rows, sizeof(rows[0]), by_name);
}

void ref_each_memory(void (*fn)(const struct ref_row *row))
{
	if (!num_rows)
		make_rows();
	for (unsigned int r = 0; r < num_rows; r++)
		fn(&rows[r]);
}
