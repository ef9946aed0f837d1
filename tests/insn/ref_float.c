// SPDX-License-Identifier: MIT
/*
 * IEEE arithmetic of any format up to binary64 by integers, rounded once. insn.c compares it with
 * the host's own before it believes it.
 */
#include "ref.h"

#include <math.h>
#include <string.h>

typedef unsigned __int128 u128;

const struct fmt F16 = {5, 10}, F32 = {8, 23}, F64 = {11, 52};

static int bias(const struct fmt *f)
{
	return (1 << (f->ebits - 1)) - 1;
}

static uint64_t man_mask(const struct fmt *f)
{
	return (1ull << f->mbits) - 1;
}

static uint64_t exp_mask(const struct fmt *f)
{
	return (1ull << f->ebits) - 1;
}

static uint64_t exp_of(const struct fmt *f, uint64_t a)
{
	return a >> f->mbits & exp_mask(f);
}

static uint64_t sign_bit(const struct fmt *f)
{
	return 1ull << (f->ebits + f->mbits);
}

bool fl_nan(const struct fmt *f, uint64_t a)
{
	return exp_of(f, a) == exp_mask(f) && (a & man_mask(f));
}

bool fl_snan(const struct fmt *f, uint64_t a)
{
	return fl_nan(f, a) && !(a >> (f->mbits - 1) & 1);
}

bool fl_inf(const struct fmt *f, uint64_t a)
{
	return exp_of(f, a) == exp_mask(f) && !(a & man_mask(f));
}

bool fl_zero(const struct fmt *f, uint64_t a)
{
	return !exp_of(f, a) && !(a & man_mask(f));
}

bool fl_denormal(const struct fmt *f, uint64_t a)
{
	return !exp_of(f, a) && (a & man_mask(f));
}

bool fl_sign(const struct fmt *f, uint64_t a)
{
	return a & sign_bit(f);
}

uint64_t fl_make_nan(const struct fmt *f)
{
	return exp_mask(f) << f->mbits | 1ull << (f->mbits - 1);
}

uint64_t fl_make_inf(const struct fmt *f, bool sign)
{
	return exp_mask(f) << f->mbits | (sign ? sign_bit(f) : 0);
}

uint64_t fl_make_zero(const struct fmt *f, bool sign)
{
	return sign ? sign_bit(f) : 0;
}

uint64_t fl_neg(const struct fmt *f, uint64_t a)
{
	return a ^ sign_bit(f);
}

uint64_t fl_abs(const struct fmt *f, uint64_t a)
{
	return a & ~sign_bit(f);
}

uint64_t fl_flush(const struct fmt *f, uint64_t a)
{
	return fl_denormal(f, a) ? a & sign_bit(f) : a;
}

/* man * 2^exp; man 0 is zero. */
struct num {
	bool sign;
	int64_t exp;
	u128 man;
};

static int top_bit(u128 m)
{
	uint64_t hi = (uint64_t)(m >> 64), lo = (uint64_t)m;

	return hi ? 127 - __builtin_clzll(hi) : 63 - __builtin_clzll(lo);
}

/* Of a finite value. */
static struct num unpack(const struct fmt *f, uint64_t a, int den)
{
	struct num n = {fl_sign(f, a), 0, a & man_mask(f)};
	int e = (int)exp_of(f, a);

	if (e)
		n.man |= 1ull << f->mbits;
	else if (!(den & DEN_IN))
		n.man = 0;
	n.exp = (e ? e : 1) - bias(f) - f->mbits;
	return n;
}

/* The lowest bit says whether anything below it was lost. */
static u128 shift_right_jam(u128 m, int64_t by)
{
	if (by >= 128)
		return m != 0;
	if (by <= 0)
		return m;
	return m >> by | ((m & (((u128)1 << by) - 1)) != 0);
}

static struct num normal(struct num n, int top)
{
	int at;

	if (!n.man)
		return n;
	at = top_bit(n.man);
	if (at < top) {
		n.man <<= top - at;
		n.exp -= top - at;
	} else {
		n.man = shift_right_jam(n.man, at - top);
		n.exp += at - top;
	}
	return n;
}

static uint64_t pack(const struct fmt *f, struct num n, struct env *e)
{
	const int emin = 1 - bias(f);
	int64_t lsb, top;
	u128 m, rest, half;
	bool up = false, tiny;
	uint64_t sign = n.sign ? sign_bit(f) : 0;

	if (!n.man)
		return sign;
	top = n.exp + top_bit(n.man);
	tiny = top < emin;
	lsb = (tiny ? emin : top) - f->mbits;
	if (lsb <= n.exp) {
		m = n.man << (n.exp - lsb);
		rest = half = 0;
	} else if (lsb - n.exp >= 128) {
		m = 0;
		rest = 1;
		half = 2;
	} else {
		int by = (int)(lsb - n.exp);

		m = n.man >> by;
		rest = n.man & (((u128)1 << by) - 1);
		half = (u128)1 << (by - 1);
	}
	switch (e->rm) {
	case RNE:
		up = rest > half || (rest && rest == half && (m & 1));
		break;
	case RPI:
		up = rest && !n.sign;
		break;
	case RMI:
		up = rest && n.sign;
		break;
	}
	m += up;
	if (tiny && m >> f->mbits)
		e->tie_of_tiny = true;
	if (m >> (f->mbits + 1)) {
		m >>= 1;
		lsb++;
	}
	if (!(m >> f->mbits)) /* denormal */
		return e->den & DEN_OUT ? sign | (uint64_t)m : sign;
	top = lsb + f->mbits + bias(f);
	if (top >= (int64_t)exp_mask(f)) {
		bool inf = e->rm == RNE || (e->rm == RPI && !n.sign) || (e->rm == RMI && n.sign);

		return inf ? fl_make_inf(f, n.sign) : sign | ((exp_mask(f) << f->mbits) - 1);
	}
	return sign | (uint64_t)top << f->mbits | ((uint64_t)m & man_mask(f));
}

/* Exact enough for one rounding: the smaller is jammed only where nothing can cancel. */
static struct num sum(struct num a, struct num b, int rm)
{
	struct num r, t;
	int64_t d;

	if (!a.man && !b.man) {
		r = a;
		r.sign = a.sign == b.sign ? a.sign : rm == RMI;
		return r;
	}
	if (!a.man)
		return b;
	if (!b.man)
		return a;
	a = normal(a, 105);
	b = normal(b, 105);
	if (a.exp < b.exp) {
		t = a;
		a = b;
		b = t;
	}
	d = a.exp - b.exp < 20 ? a.exp - b.exp : 20;
	a.man <<= d;
	a.exp -= d;
	b.man = shift_right_jam(b.man, a.exp - b.exp);
	b.exp = a.exp;
	r = a;
	if (a.sign == b.sign) {
		r.man = a.man + b.man;
	} else if (a.man >= b.man) {
		r.man = a.man - b.man;
	} else {
		r.man = b.man - a.man;
		r.sign = b.sign;
	}
	if (!r.man)
		r.sign = rm == RMI;
	return r;
}

static struct num product(struct num a, struct num b)
{
	return (struct num){a.sign != b.sign, a.exp + b.exp, a.man * b.man};
}

uint64_t fl_fma(const struct fmt *f, uint64_t a, uint64_t b, uint64_t c, struct env *e)
{
	return fl_fma_scaled(f, a, b, c, 0, e);
}

uint64_t fl_fma_scaled(const struct fmt *f, uint64_t a, uint64_t b, uint64_t c, int by,
		       struct env *e)
{
	struct num na, nb, nc, r;
	bool ps = fl_sign(f, a) != fl_sign(f, b);
	bool az, bz;

	if (!(e->den & DEN_IN)) {
		a = fl_flush(f, a);
		b = fl_flush(f, b);
		c = fl_flush(f, c);
	}
	az = fl_zero(f, a), bz = fl_zero(f, b);
	if (fl_nan(f, a) || fl_nan(f, b) || fl_nan(f, c))
		return fl_make_nan(f);
	if ((fl_inf(f, a) && bz) || (fl_inf(f, b) && az))
		return fl_make_nan(f);
	if (fl_inf(f, a) || fl_inf(f, b)) {
		if (fl_inf(f, c) && fl_sign(f, c) != ps)
			return fl_make_nan(f);
		return fl_make_inf(f, ps);
	}
	if (fl_inf(f, c))
		return c;
	na = unpack(f, a, e->den), nb = unpack(f, b, e->den), nc = unpack(f, c, e->den);
	r = sum(product(na, nb), nc, e->rm);
	r.exp += by;
	return pack(f, r, e);
}

uint64_t fl_add(const struct fmt *f, uint64_t a, uint64_t b, struct env *e)
{
	return fl_fma(f, a, (uint64_t)bias(f) << f->mbits, b, e);
}

uint64_t fl_mul(const struct fmt *f, uint64_t a, uint64_t b, struct env *e)
{
	bool s = fl_sign(f, a) != fl_sign(f, b);

	if (!(e->den & DEN_IN)) {
		a = fl_flush(f, a);
		b = fl_flush(f, b);
	}
	if (fl_nan(f, a) || fl_nan(f, b) || (fl_inf(f, a) && fl_zero(f, b)) ||
	    (fl_inf(f, b) && fl_zero(f, a)))
		return fl_make_nan(f);
	if (fl_inf(f, a) || fl_inf(f, b))
		return fl_make_inf(f, s);
	return pack(f, product(unpack(f, a, e->den), unpack(f, b, e->den)), e);
}

uint64_t fl_div(const struct fmt *f, uint64_t a, uint64_t b, struct env *e)
{
	bool s = fl_sign(f, a) != fl_sign(f, b);
	struct num na, nb, q;

	if (!(e->den & DEN_IN)) {
		a = fl_flush(f, a);
		b = fl_flush(f, b);
	}
	if (fl_nan(f, a) || fl_nan(f, b) || (fl_inf(f, a) && fl_inf(f, b)) ||
	    (fl_zero(f, b) && fl_zero(f, a)))
		return fl_make_nan(f);
	if (fl_inf(f, a) || fl_zero(f, b))
		return fl_make_inf(f, s);
	if (fl_inf(f, b) || fl_zero(f, a))
		return fl_make_zero(f, s);
	na = normal(unpack(f, a, e->den), 124);
	nb = normal(unpack(f, b, e->den), 52);
	q = (struct num){s, na.exp - nb.exp, na.man / nb.man};
	q.man |= na.man % nb.man != 0;
	return pack(f, q, e);
}

uint64_t fl_sqrt(const struct fmt *f, uint64_t a, struct env *e)
{
	struct num n;
	u128 root = 0;

	if (!(e->den & DEN_IN))
		a = fl_flush(f, a);
	if (fl_nan(f, a) || (fl_sign(f, a) && !fl_zero(f, a)))
		return fl_make_nan(f);
	if (fl_zero(f, a) || fl_inf(f, a))
		return a;
	n = normal(unpack(f, a, e->den), 125);
	if (n.exp & 1) {
		n.man >>= 1; /* the lowest bits are 0 */
		n.exp++;
	}
	for (int bit = 62; bit >= 0; bit--) {
		u128 t = root | (u128)1 << bit;

		if (t * t <= n.man)
			root = t;
	}
	return pack(f, (struct num){false, (n.exp >> 1) - 1, root << 1 | (root * root != n.man)},
		    e);
}

uint64_t fl_scale(const struct fmt *f, uint64_t a, int64_t by, struct env *e)
{
	struct num n;

	if (!(e->den & DEN_IN))
		a = fl_flush(f, a);
	if (fl_nan(f, a))
		return fl_make_nan(f);
	if (fl_inf(f, a) || fl_zero(f, a))
		return a;
	n = unpack(f, a, e->den);
	n.exp += by;
	return pack(f, n, e);
}

uint64_t fl_convert(const struct fmt *to, const struct fmt *from, uint64_t a, struct env *e)
{
	if (fl_nan(from, a))
		return fl_make_nan(to);
	if (fl_inf(from, a))
		return fl_make_inf(to, fl_sign(from, a));
	return pack(to, unpack(from, a, e->den), e);
}

uint64_t fl_from_int(const struct fmt *f, int64_t v, struct env *e)
{
	return pack(f, (struct num){v < 0, 0, v < 0 ? -(u128)v : (u128)v}, e);
}

double fl_double(const struct fmt *f, uint64_t a)
{
	struct env e = {RNE, DEN_IN | DEN_OUT, false};
	uint64_t u = f == &F64 ? a : fl_convert(&F64, f, a, &e);
	double d;

	memcpy(&d, &u, 8);
	return d;
}

int fl_cmp(const struct fmt *f, uint64_t a, uint64_t b, int den)
{
	uint64_t s = sign_bit(f);

	if (!(den & DEN_IN)) {
		a = fl_flush(f, a);
		b = fl_flush(f, b);
	}
	if (fl_nan(f, a) || fl_nan(f, b))
		return 2;
	if (fl_zero(f, a) && fl_zero(f, b))
		return 0;
	if ((a & s) != (b & s))
		return a & s ? -1 : 1;
	if (a == b)
		return 0;
	return ((a & ~s) < (b & ~s)) != ((a & s) != 0) ? -1 : 1;
}

uint64_t fl_integral(const struct fmt *f, uint64_t a, int rm)
{
	struct env e = {rm, DEN_IN | DEN_OUT, false};
	struct num n;
	struct num r;
	u128 rest, half;
	bool up;
	int by;

	if (exp_of(f, a) == exp_mask(f))
		return fl_nan(f, a) ? fl_make_nan(f) : a;
	n = unpack(f, a, DEN_IN);
	if (!n.man || n.exp >= 0)
		return a;
	by = n.exp < -120 ? 120 : (int)-n.exp;
	rest = n.man & (((u128)1 << by) - 1);
	half = (u128)1 << (by - 1);
	r = (struct num){n.sign, 0, n.man >> by};
	up = rm == RNE	 ? rest > half || (rest == half && (r.man & 1))
	     : rm == RPI ? rest && !n.sign
	     : rm == RMI ? rest && n.sign
			 : false;
	r.man += up;
	return pack(f, r, &e);
}

int64_t fl_to_int(const struct fmt *f, uint64_t a, int64_t low, int64_t high)
{
	struct num n;
	u128 m;

	if (fl_nan(f, a))
		return 0;
	if (fl_inf(f, a))
		return fl_sign(f, a) ? low : high;
	n = unpack(f, a, DEN_IN);
	if (!n.man)
		return 0;
	if (n.exp + top_bit(n.man) > 62)
		return n.sign ? low : high;
	m = n.exp >= 0 ? n.man << n.exp : n.exp < -120 ? 0 : n.man >> -n.exp;
	if (n.sign)
		return -(int64_t)m < low ? low : -(int64_t)m;
	return (int64_t)m > high ? high : (int64_t)m;
}

int fl_exponent(const struct fmt *f, uint64_t a)
{
	struct num n;

	if (exp_of(f, a) == exp_mask(f) || fl_zero(f, a))
		return 0;
	n = unpack(f, a, DEN_IN);
	return (int)n.exp + top_bit(n.man) + 1;
}

uint64_t fl_mantissa(const struct fmt *f, uint64_t a)
{
	struct env e = {RNE, DEN_IN | DEN_OUT, false};

	if (fl_nan(f, a))
		return fl_make_nan(f);
	if (fl_inf(f, a) || fl_zero(f, a))
		return a;
	return fl_scale(f, a, -fl_exponent(f, a), &e);
}
