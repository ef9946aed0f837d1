// SPDX-License-Identifier: MIT
/*
 * Every instruction the emulated device claims, against a reference.
 *
 * insn INSNS TOLERANCES [--folds FILE] [--random PROGRAMS] [--seed N] [--only MNEMONIC] [-v]
 *
 * The device's pure parts are linked as they are (decode, wave, vm, exec_*; both variants of
 * exec_vector). Each line of INSNS (gen.py, llvm-mc) is executed by the device and by the reference
 * on the same registers and memory, and everything is compared: all VGPRs with the lanes that are
 * off, SGPRs, VCC, EXEC, SCC, MODE, pc, LDS, memory, faults. A mnemonic the device executes
 * (exec_of) without a line here fails.
 *
 * To add a reference: one row in ref_valu.c, ref_salu.c (or a name in ref_mem.c's families), from
 * the ISA document or LLVM, never from hsa-tools/emu. Rows of mnemonics the device does not have
 * yet do no harm. A signature is "destination:sources" of
 *   i 32 bits   l 64 bits   s 16-bit integer   f d h floats of 32, 64, 16 bits   H 16 bits with
 *   float modifiers   u 32 bits with float modifiers   P two halves of 32-bit sources   c (second)
 *   lane mask out   m lane mask in   v VCC in   k K literal third or second
 * and "=" at the end: only with the default MODE (what others do is not said). gen.py makes the
 * operands of it, insn.c the edge values. Results within a tolerance have a line in `tolerances`.
 */
#include "ref.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xmmintrin.h>
#include "../../hsa-tools/emu/wave.h"
#include "../../bpf/events.h"

/* ---- random numbers and edge values ---- */

static uint64_t state = 88172645463325252ull;

static uint64_t rnd(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state * 0x2545f4914f6cdd1dull >> 1;
}

static bool chance(unsigned int percent)
{
	return rnd() % 100 < percent;
}

/* clang-format off */
static const uint64_t edges_i[] = {
	0, 1, 2, 3, 4, 5, 7, 8, 15, 16, 23, 24, 31, 32, 33, 63, 64, 127, 128, 255, 256, 0x7fff,
	0x8000, 0xffff, 0x10000, 0x7fffff, 0x800000, 0xffffff, 0x1000000, 0x7fffffff, 0x80000000,
	0x80000001, 0xfffffffe, 0xffffffff, 0xff00ff00, 0x00ff00ff, 0x0c0d0e07, 0x0b0a0908,
	0x03020100, 0x55555555,
};
static const uint64_t edges_l[] = {
	0, 1, 2, 31, 32, 63, 64, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000,
	0x7fffffffffffffff, 0x8000000000000000, 0x8000000000000001, 0xfffffffffffffffe,
	0xffffffffffffffff, 0xffffffff00000000, 0x5555555555555555,
};
static const uint64_t edges_s[] = {
	0, 1, 2, 7, 8, 15, 16, 31, 127, 128, 255, 256, 0x7ffe, 0x7fff, 0x8000, 0x8001, 0xff80,
	0xfff8, 0xfffe, 0xffff, 0x5555,
};
static const uint64_t edges_f[] = {
	0, 0x80000000, 1, 0x80000001, 0x7fffff, 0x807fffff, 0x400000, 0x800000, 0x80800000,
	0x800001, 0x3f7fffff, 0x3f800000, 0x3f800001, 0xbf800000, 0x3f000000, 0xbf000000,
	0x3fc00000, 0x40000000, 0x40200000, 0xc0200000, 0x40490fdb, 0x33800000, 0x34000000,
	0x38800000, 0x33000000, 0x477fe000, 0x477ff000, 0x47800000, 0x4b000000, 0x4affffff,
	0x4b000001, 0x4b800000, 0x4f000000, 0xcf000000, 0x4effffff, 0x4f7fffff, 0x4f800000,
	0x5f000000, 0x7f7fffff, 0xff7fffff, 0x7e800000, 0x7f000000, 0x7f800000, 0xff800000,
	0x7fc00000, 0xffc00001, 0x7f800001, 0xffa00000, 0x3e22f983, 0x437f0000, 0x437f8000,
	0x42fe0000, 0xc2fc0000, 0xc3150000,
};
static const uint64_t edges_d[] = {
	0, 0x8000000000000000, 1, 0x8000000000000001, 0xfffffffffffff, 0x10000000000000,
	0x8010000000000000, 0x3fefffffffffffff, 0x3ff0000000000000, 0x3ff0000000000001,
	0xbff0000000000000, 0x3fe0000000000000, 0xbfe0000000000000, 0x3ff8000000000000,
	0x4000000000000000, 0x4004000000000000, 0x400921fb54442d18, 0x3ca0000000000000,
	0x3cb0000000000000, 0x36a0000000000000, 0x3690000000000000, 0x47efffffe0000000,
	0x47effffff0000000, 0x47f0000000000000, 0x3810000000000000, 0x380fffffffffffff,
	0x41dfffffffc00000, 0xc1e0000000000000, 0x41efffffffe00000, 0x41f0000000000000,
	0x4330000000000000, 0x432fffffffffffff, 0x4340000000000000, 0x7fe0000000000000,
	0x7fefffffffffffff, 0xffefffffffffffff, 0x7ff0000000000000, 0xfff0000000000000,
	0x7ff8000000000000, 0xfff8000000000001, 0x7ff0000000000001, 0x6700000000000000,
	0x7b00000000000000,
};
static const uint64_t edges_h[] = {
	0, 0x8000, 1, 0x8001, 2, 0x3ff, 0x83ff, 0x200, 0x400, 0x8400, 0x401, 0x3bff, 0x3c00,
	0x3c01, 0xbc00, 0x3800, 0xb800, 0x3e00, 0x4000, 0x4100, 0xc100, 0x4248, 0x1000, 0x1400,
	0x3555, 0x63ff, 0x6400, 0x6401, 0x6800, 0x7800, 0x77ff, 0x7bff, 0xfbff, 0x7c00, 0xfc00,
	0x7e00, 0xfe01, 0x7c01, 0xfd00, 0x3118, 0x4c00, 0xcc80,
};
/* clang-format on */
#define POOL(t)                                                                                    \
	{                                                                                          \
		t, sizeof(t) / sizeof(t[0])                                                        \
	}
struct pool {
	const uint64_t *values;
	size_t n;
};

static struct pool pool_of(char t)
{
	static const struct pool i = POOL(edges_i), l = POOL(edges_l), s = POOL(edges_s),
				 f = POOL(edges_f), d = POOL(edges_d), h = POOL(edges_h);

	return t == 'f' || t == 'u'   ? f
	       : t == 'd'	      ? d
	       : t == 'h' || t == 'H' ? h
	       : t == 's'	      ? s
	       : t == 'l'	      ? l
				      : i;
}

static uint64_t random_of(char t)
{
	uint64_t r = rnd();

	if (t == 'd' && r % 3 == 0) /* near each other, so that sums cancel and round */
		return (rnd() & 0x800fffffffffffff) | (uint64_t)(1023 - 30 + rnd() % 60) << 52;
	if ((t == 'f' || t == 'u') && r % 3)
		return (rnd() & 0x807fffff) | (127 - 15 + rnd() % 30) << 23;
	if (t == 'i' && r % 4 == 0)
		return rnd() % 64;
	return t == 'd' || t == 'l' ? rnd() << 1 ^ rnd() : (uint32_t)rnd();
}

/* The k-th value of source s: all pairs of edge values come before long. */
static uint64_t value_of(char t, unsigned int s, uint64_t k)
{
	const struct pool p = pool_of(t);
	uint64_t v;

	if (k % 3 == 2)
		return random_of(t);
	k -= k / 3;
	v = p.values[(s == 0 ? k : s == 1 ? k / p.n : rnd()) % p.n];
	if (t == 's' || t == 'h' || t == 'H') /* both halves */
		v |= p.values[rnd() % p.n] << 16;
	if (t == 'i' && chance(10))
		v = p.values[rnd() % p.n] << 16 | (v & 0xffff);
	return v;
}

/* ---- the table ---- */

static struct ref_insn *insns;
static size_t num_insns;

static struct ref_op parse_operand(const char *text)
{
	struct ref_op o = {0};

	o.kind = *text == 'v' ? O_VGPR : *text == 's' ? O_SGPR : *text == 'p' ? O_SPECIAL : O_CONST;
	if (o.kind == O_CONST)
		o.value = strtoull(text + 1, NULL, 16);
	else
		o.reg = (uint16_t)atoi(text + 1);
	return o;
}

static void parse_field(struct ref_insn *i, const char *key, const char *value)
{
	static const struct {
		const char *key;
		size_t at;
	} operands[] =
		{
			{"d", offsetof(struct ref_insn, dst)},
			{"sd", offsetof(struct ref_insn, sdst)},
			{"s0", offsetof(struct ref_insn, src[0])},
			{"s1", offsetof(struct ref_insn, src[1])},
			{"s2", offsetof(struct ref_insn, src[2])},
			{"s3", offsetof(struct ref_insn, src[3])},
			{"sa", offsetof(struct ref_insn, saddr)},
			{"so", offsetof(struct ref_insn, soffset)},
		},
	  numbers[] = {
		  {"wave", offsetof(struct ref_insn, lanes)},
		  {"neg", offsetof(struct ref_insn, neg)},
		  {"abs", offsetof(struct ref_insn, abs)},
		  {"opsel", offsetof(struct ref_insn, opsel)},
		  {"opsel_hi", offsetof(struct ref_insn, opsel_hi)},
		  {"neg_hi", offsetof(struct ref_insn, neg_hi)},
		  {"clamp", offsetof(struct ref_insn, clamp)},
		  {"omod", offsetof(struct ref_insn, omod)},
		  {"dsel", offsetof(struct ref_insn, dst_sel)},
		  {"dun", offsetof(struct ref_insn, dst_unused)},
		  {"sel0", offsetof(struct ref_insn, src_sel[0])},
		  {"sel1", offsetof(struct ref_insn, src_sel[1])},
		  {"sext0", offsetof(struct ref_insn, src_sext[0])},
		  {"sext1", offsetof(struct ref_insn, src_sext[1])},
		  {"ctrl", offsetof(struct ref_insn, dpp_ctrl)},
		  {"rows", offsetof(struct ref_insn, row_mask)},
		  {"banks", offsetof(struct ref_insn, bank_mask)},
		  {"bound", offsetof(struct ref_insn, bound_ctrl)},
		  {"fi", offsetof(struct ref_insn, fi)},
		  {"dpp8", offsetof(struct ref_insn, dpp8)},
		  {"off0", offsetof(struct ref_insn, offset0)},
		  {"off1", offsetof(struct ref_insn, offset1)},
		  {"offen", offsetof(struct ref_insn, offen)},
		  {"idxen", offsetof(struct ref_insn, idxen)},
		  {"isa", offsetof(struct ref_insn, isa)},
		  {"glc", offsetof(struct ref_insn, glc)},
		  {"fmt", offsetof(struct ref_insn, format)},
	  };

	for (size_t n = 0; n < sizeof(operands) / sizeof(operands[0]); n++)
		if (!strcmp(key, operands[n].key)) {
			*(struct ref_op *)(void *)((char *)i + operands[n].at) =
				parse_operand(value);
			return;
		}
	for (size_t n = 0; n < sizeof(numbers) / sizeof(numbers[0]); n++)
		if (!strcmp(key, numbers[n].key)) {
			*(uint32_t *)(void *)((char *)i + numbers[n].at) =
				(uint32_t)strtoul(value, NULL, 10);
			return;
		}
	if (!strcmp(key, "imm"))
		i->imm = strtoll(value, NULL, 10);
	else if (!strcmp(key, "form"))
		i->form = *value;
	else {
		fprintf(stderr, "insn: no field %s\n", key);
		exit(2);
	}
}

static unsigned int op_number(const char *name)
{
	for (unsigned int op = 1; op < OP_COUNT; op++)
		if (!strcmp(op_name(op), name))
			return op;
	return 0;
}

static void parse_line(char *line)
{
	struct ref_insn i = {0};
	char *fields = line, *words = strchr(line, '|'), *text = strchr(words + 1, '|'), *token,
	     *at = NULL;
	static char last_name[40];
	static unsigned int last_op;

	*words++ = 0;
	*text++ = 0;
	i.text = strdup(text + 1);
	i.text[strcspn(i.text, "\n")] = 0;
	token = strtok_r(fields, " ", &at);
	snprintf(i.name, sizeof(i.name), "%s", token);
	while ((token = strtok_r(NULL, " ", &at))) {
		char *eq = strchr(token, '=');

		*eq = 0;
		parse_field(&i, token, eq + 1);
	}
	for (token = strtok_r(words, " ", &at); token; token = strtok_r(NULL, " ", &at))
		i.words[i.num_words++] = (uint32_t)strtoul(token, NULL, 16);
	i.row = ref_find(i.name);
	if (strcmp(last_name, i.name)) {
		strcpy(last_name, i.name);
		last_op = op_number(i.name);
	}
	i.op = last_op;
	if (num_insns % 4096 == 0)
		insns = realloc(insns, (num_insns + 4096) * sizeof(*insns));
	insns[num_insns++] = i;
}

static void read_lines(const char *path, void (*take)(char *line))
{
	FILE *f = fopen(path, "r");
	char *line = NULL;
	size_t cap = 0;

	if (!f) {
		perror(path);
		exit(2);
	}
	while (getline(&line, &cap, f) > 0)
		take(line);
	free(line);
	fclose(f);
}

/* ---- tolerances ---- */

static struct tolerance {
	char name[40];
	double ulp, absolute;
	bool open;
} tolerances[64];
static unsigned int num_tolerances, num_open;

static void parse_tolerance(char *line)
{
	struct tolerance t = {0};
	char kind[8], source[16];
	double value;

	if (*line == '#' || *line == '\n')
		return;
	if (sscanf(line, "%39s %7s %lf %15s", t.name, kind, &value, source) != 4 ||
	    num_tolerances == 64) {
		fprintf(stderr, "tolerances: %s", line);
		exit(2);
	}
	if (!strcmp(kind, "ulp"))
		t.ulp = value;
	else
		t.absolute = value;
	t.open = !strcmp(source, "open");
	num_open += t.open;
	tolerances[num_tolerances++] = t;
}

static const struct tolerance *tolerance_of(const char *name)
{
	for (unsigned int n = 0; n < num_tolerances; n++)
		if (!strcmp(tolerances[n].name, name))
			return &tolerances[n];
	return NULL;
}

/* want: rounded; exact: the same before. */
static bool within(const struct tolerance *t, const struct fmt *f, uint64_t got, uint64_t want,
		   double exact)
{
	const double a = fl_double(f, got),
		     b = isinf(fl_double(f, want)) ? fl_double(f, want) : exact;
	const int low = 2 - (1 << (f->ebits - 1));
	int e;

	if (a == b)
		return true;
	if (isinf(a) || isinf(b)) {
		double big = ldexp(2 - ldexp(1, -f->mbits), (1 << (f->ebits - 1)) - 1);

		return (isinf(a) && isinf(b)) ? signbit(a) == signbit(b)
					      : fabs(isinf(a) ? b : a) == big;
	}
	if (t->absolute != 0)
		return fabs(a - b) <= t->absolute;
	frexp(b, &e);
	e -= 1;
	if (e < low)
		e = low;
	return fabs(a - b) <= t->ulp * ldexp(1, e - f->mbits);
}

/* ---- the device around the instructions ---- */

static uint32_t interrupts[4];
static unsigned int num_interrupts;

void device_interrupt(struct wave *w, uint32_t event_id)
{
	(void)w;
	interrupts[num_interrupts++ & 3] = event_id;
}

uint64_t device_clock(void)
{
	return 0x123456789abcdef0;
}

extern const struct exec_row __start_exec_rows_base[], __stop_exec_rows_base[],
	__start_exec_rows_avx2[], __stop_exec_rows_avx2[];
static exec_fn functions[2][OP_COUNT]; /* of either variant */

static void take_rows(exec_fn *table, const struct exec_row *row, const struct exec_row *end)
{
	for (; row < end; row++)
		if (row->fn)
			table[row->op] = row->fn;
}

static void find_functions(void)
{
	exec_init();
	take_rows(functions[0], __start_exec_rows_base, __stop_exec_rows_base);
	memcpy(functions[1], functions[0], sizeof(functions[0]));
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
		take_rows(functions[1], __start_exec_rows_avx2, __stop_exec_rows_avx2);
}

static struct device {
	struct wave w;
	uint32_t v[VGPR_ROWS * WAVE_MAX_LANES] __attribute__((aligned(64)));
	uint8_t lds[REF_LDS];
	uint8_t memory[REF_RANGES][REF_MEM] __attribute__((aligned(4096)));
	struct vm vm;
	struct vm_view view;
} dev;

static const struct {
	uint64_t va;
	bool read, write;
} ranges[REF_RANGES] = {
	{0x700000000000, true, true}, {0x700000001000, true, true}, {0x700000010000, true, false}};

static void start_device(void)
{
	vm_init(&dev.vm);
	for (int r = 0; r < REF_RANGES; r++)
		vm_map(&dev.vm, &(struct vm_range){.lo = ranges[r].va,
						   .hi = ranges[r].va + REF_MEM,
						   .host = dev.memory[r],
						   .pte = PTE_VALID | PTE_READABLE |
							  (ranges[r].write ? PTE_WRITEABLE : 0),
						   .handle = (uint64_t)r + 1});
	vm_view_attach(&dev.vm, &dev.view);
	vm_view_refresh(&dev.view);
}

/* The same state on both sides. */
static void load_device(const struct ref_wave *r)
{
	struct wave *w = &dev.w;

	memset(w, 0, sizeof(*w));
	w->pc = r->pc;
	w->lanes = r->lanes;
	w->scc = r->scc;
	w->v = dev.v;
	w->view = &dev.view;
	w->lds = dev.lds;
	w->lds_bytes = r->lds_bytes;
	memcpy(w->s, r->s, sizeof(w->s));
	w->mask_stale = true;
	wave_set_mode(w, r->mode);
	w->trapsts = r->trapsts;
	w->flat_scratch = r->flat_scratch;
	w->id = r->id;
	w->state = WAVE_RUNNING;
	memcpy(dev.v, r->v, (size_t)VGPR_ROWS * r->lanes * 4);
	memcpy(dev.lds, r->lds, sizeof(dev.lds));
	for (int n = 0; n < REF_RANGES; n++)
		memcpy(dev.memory[n], r->range[n].data, REF_MEM);
	num_interrupts = 0;
}

/* As the device does it once, when it fetches. */
static void decode(struct insn *d, const struct ref_insn *i)
{
	insn_decode(d, i->isa ? ISA_gfx1030 : ISA_gfx1010, i->words, i->num_words);
	d->fp = (uint8_t)exec_fp(d->op);
	operand_constants(d);
}

/* One instruction, as the device's run loop does it. */
static void step_device(const struct insn *d, int variant)
{
	struct wave *w = &dev.w;
	exec_fn fn = functions[variant][d->op];

	w->at = w->pc;
	w->pc += d->dwords * 4u;
	if (w->odd_mode && d->fp) {
		_mm_setcsr(w->mxcsr[d->fp]);
		fn(w, d);
		_mm_setcsr(MXCSR_DEFAULT);
	} else {
		fn(w, d);
	}
	if (w->stop && w->fault.kind)
		w->pc = w->at;
}

/* ---- comparing ---- */

static struct ref_wave ref, before;
static uint64_t cases, mismatches, gaps;
static unsigned int shown;
static const char *only;
static bool verbose;
static uint8_t failed_op[OP_COUNT], tested_op[OP_COUNT], gap_op[OP_COUNT];

static void show_lane(const struct ref_insn *i, unsigned int l)
{
	for (int s = 0; s < 3; s++)
		if (i->src[s].kind == O_VGPR)
			printf("    source %d v%u lane %u: %08x %08x\n", s, i->src[s].reg, l,
			       ref_v(&before, i->src[s].reg)[l],
			       ref_v(&before, i->src[s].reg + 1u)[l]);
		else if (i->src[s].kind == O_SGPR)
			printf("    source %d s%u: %08x %08x\n", s, i->src[s].reg,
			       before.s[i->src[s].reg & 127], before.s[(i->src[s].reg + 1) & 127]);
	printf("    exec %016llx vcc %08x %08x mode %03x scc %d m0 %08x\n",
	       (unsigned long long)ref_exec(&before), before.s[R_VCC], before.s[R_VCC + 1],
	       before.mode, before.scc, before.s[R_M0]);
}

/* Prints the first few of each mnemonic. */
static bool differs(const struct ref_insn *i, int variant, unsigned int l, const char *what,
		    uint64_t at, uint64_t got, uint64_t want)
{
	mismatches++;
	if (failed_op[i->op] < 2 || verbose) {
		failed_op[i->op]++;
		shown++;
		printf("%s: wave%u%s: %s\n    %s", i->name, i->lanes, variant ? " avx2" : "",
		       i->text, what);
		printf(what[strlen(what) - 1] == 'v' ? "%llu lane %u" : "%llu",
		       (unsigned long long)at, l);
		printf(": device %llx, reference %llx\n", (unsigned long long)got,
		       (unsigned long long)want);
		show_lane(i, l < i->lanes ? l : 0);
	}
	return false;
}

/* Whether a float result may differ: NaNs have the device's own bits, flushing two answers. */
static bool float_alike(const struct ref_insn *i, const struct fmt *f, uint64_t got, uint64_t want,
			unsigned int l)
{
	const struct tolerance *t;

	if (got == want)
		return true;
	if (fl_nan(f, got) && fl_nan(f, want))
		return true;
	if (ref_either[l])
		return true;
	t = tolerance_of(i->name);
	return t && !fl_nan(f, got) && !fl_nan(f, want) && within(t, f, got, want, ref_exact[l]);
}

/* The result of a lane: whether its difference is allowed. The reference takes over what is. */
static bool result_alike(const struct ref_insn *i, unsigned int reg, unsigned int l)
{
	char t = i->row->sig[0];
	uint32_t got = dev.v[reg * i->lanes + l], want = ref_v(&ref, reg)[l];
	bool ok = false;

	if (i->dst.kind != O_VGPR)
		return false;
	if (!strncmp(i->name, "v_fma_mix", 9))
		t = strstr(i->name, "mix_f32") ? 'f' : 'h';
	if (!strcmp(i->name, "ds_add_rtn_f32") || !strcmp(i->name, "v_dot2_f32_f16"))
		t = 'f';
	if (reg == i->dst.reg && (t == 'f')) {
		ok = float_alike(i, &F32, got, want, l);
	} else if (reg == i->dst.reg && (t == 'h' || t == 'P')) {
		ok = float_alike(i, &F16, got & 0xffff, want & 0xffff, l) &&
		     float_alike(i, &F16, got >> 16, want >> 16, l);
	} else if (t == 'd' && (reg == i->dst.reg || reg == i->dst.reg + 1u)) {
		unsigned int r = i->dst.reg;

		ok = float_alike(i, &F64,
				 dev.v[r * i->lanes + l] | (uint64_t)dev.v[(r + 1) * i->lanes + l]
								   << 32,
				 ref_v(&ref, r)[l] | (uint64_t)ref_v(&ref, r + 1)[l] << 32, l);
		if (ok)
			ref_v(&ref, r)[l] = dev.v[r * i->lanes + l],
				    ref_v(&ref, r + 1)[l] = dev.v[(r + 1) * i->lanes + l];
	}
	if (ok)
		ref_v(&ref, reg)[l] = got;
	return ok;
}

static int device_fault(void)
{
	switch (dev.w.fault.kind) {
	case EMU_FAULT_page:
		return FAULT_PAGE;
	case EMU_FAULT_permission:
		return FAULT_PERMISSION;
	case EMU_FAULT_aperture:
		return FAULT_APERTURE;
	case EMU_FAULT_illegal:
		return FAULT_ILLEGAL;
	case EMU_FAULT_trap:
		return FAULT_TRAP;
	}
	return 0;
}

static bool compare_memory(const struct ref_insn *i, int variant)
{
	bool sum = strstr(i->name, "add") && strstr(i->name, "_f32");

	for (unsigned int b = 0; b < REF_LDS; b += 4)
		if (memcmp(dev.lds + b, ref.lds + b, 4)) {
			uint32_t got, want;

			memcpy(&got, dev.lds + b, 4);
			memcpy(&want, ref.lds + b, 4);
			if (!sum || !fl_nan(&F32, got) || !fl_nan(&F32, want))
				return differs(i, variant, 0, "LDS byte ", b, got, want);
			memcpy(ref.lds + b, &got, 4);
		}
	for (int r = 0; r < REF_RANGES; r++)
		for (unsigned int b = 0; b < REF_MEM; b += 4)
			if (memcmp(dev.memory[r] + b, ref.range[r].data + b, 4)) {
				uint32_t got, want;

				memcpy(&got, dev.memory[r] + b, 4);
				memcpy(&want, ref.range[r].data + b, 4);
				return differs(i, variant, 0,
					       r ? "memory of the second range, byte "
						 : "memory byte ",
					       b, got, want);
			}
	return true;
}

static bool compare(const struct ref_insn *i, int variant)
{
	const struct wave *w = &dev.w;
	const size_t rows = (size_t)NUM_VGPRS * i->lanes;

	if (ref.fault != device_fault())
		return differs(i, variant, w->fault.lane, "fault ", w->fault.va,
			       (uint64_t)device_fault(), (uint64_t)ref.fault);
	if (ref.fault)
		return !ref.fault_va || ref.fault_va == w->fault.va ||
		       differs(i, variant, w->fault.lane, "fault address ", 0, w->fault.va,
			       ref.fault_va);
	if (memcmp(dev.v, ref.v, rows * 4))
		for (size_t n = 0; n < rows; n++)
			if (dev.v[n] != ref.v[n] &&
			    !result_alike(i, (unsigned int)(n / i->lanes), n % i->lanes))
				return differs(i, variant, n % i->lanes, "v", n / i->lanes,
					       dev.v[n], ref.v[n]);
	for (unsigned int r = 0; r < NUM_SREGS; r++)
		if (w->s[r] != ref.s[r])
			return differs(i, variant, 0,
				       r == R_EXEC  ? "EXEC s"
				       : r == R_VCC ? "VCC s"
						    : "s",
				       r, w->s[r], ref.s[r]);
	if (w->scc != ref.scc)
		return differs(i, variant, 0, "SCC ", 0, w->scc, ref.scc);
	if (w->pc != ref.pc)
		return differs(i, variant, 0, "pc ", 0, w->pc, ref.pc);
	if (w->mode != ref.mode)
		return differs(i, variant, 0, "MODE ", 0, w->mode, ref.mode);
	if (w->trapsts != ref.trapsts || w->flat_scratch != ref.flat_scratch)
		return differs(i, variant, 0, "TRAPSTS, FLAT_SCR ", w->trapsts, w->flat_scratch,
			       ref.flat_scratch);
	if ((int)w->state != ref.state)
		return differs(i, variant, 0, "state ", 0, w->state, (uint64_t)ref.state);
	if (num_interrupts != ref.num_interrupts || interrupts[0] != ref.interrupts[0])
		return differs(i, variant, 0, "interrupts ", 0, interrupts[0], ref.interrupts[0]);
	if (i->row->sig[0] == '@')
		return compare_memory(i, variant);
	return true;
}

/* ---- states ---- */

static void put_value(struct ref_wave *w, const struct ref_op *o, char t, unsigned int s,
		      uint64_t k)
{
	bool wide = t == 'd' || t == 'l';

	if (o->kind == O_VGPR)
		for (unsigned int l = 0; l < w->lanes; l++) {
			uint64_t v = value_of(t, s, k + l);

			ref_v(w, o->reg)[l] = (uint32_t)v;
			if (wide)
				ref_v(w, o->reg + 1u)[l] = (uint32_t)(v >> 32);
		}
	if (o->kind == O_SGPR && o->reg < R_M0) {
		uint64_t v = value_of(t, s, k);

		w->s[o->reg] = (uint32_t)v;
		if (wide)
			w->s[o->reg + 1] = (uint32_t)(v >> 32);
	}
}

static void random_exec(struct ref_wave *w)
{
	uint64_t full = w->lanes == 32 ? UINT32_MAX : UINT64_MAX, exec;

	switch (rnd() % 8) {
	case 0:
		exec = chance(50) ? 0 : 1ull << rnd() % w->lanes;
		break;
	case 1 ... 3:
		exec = (rnd() << 1 ^ rnd()) & full;
		break;
	default:
		exec = full;
	}
	w->s[R_EXEC] = (uint32_t)exec;
	w->s[R_EXEC + 1] = w->lanes == 64 ? (uint32_t)(exec >> 32)
			   : chance(50)	  ? 0
					  : (uint32_t)rnd();
}

static void random_state(struct ref_wave *w, unsigned int lanes)
{
	w->lanes = lanes;
	w->pc = 0x7f0000001000 + (rnd() & 0xffc);
	for (unsigned int r = 0; r < 128; r++)
		w->s[r] = (uint32_t)rnd();
	w->s[R_NULL] = 0;
	for (unsigned int r = R_VCC; r < R_VCC + 2; r++)
		if (chance(30))
			w->s[r] = 0;
	for (unsigned int n = 0; n < NUM_VGPRS * lanes; n++)
		w->v[n] = (uint32_t)(n * 2654435761u) ^ (uint32_t)state;
	w->scc = chance(50);
	w->trapsts = (uint32_t)rnd();
	w->flat_scratch = ranges[0].va;
	w->id = rnd() % 16;
	w->state = RUNNING;
	w->fault = 0;
	w->num_interrupts = 0;
	w->interrupts[0] = 0;
	interrupts[0] = 0;
	w->lds_bytes = REF_LDS;
	for (int r = 0; r < REF_RANGES; r++) {
		w->range[r].va = ranges[r].va;
		w->range[r].read = ranges[r].read;
		w->range[r].write = ranges[r].write;
	}
	random_exec(w);
}

/* Few values, so that what is in memory and what an atomic brings are often the same. */
static uint64_t cells[8];

static uint64_t some_cell(void)
{
	uint64_t c = cells[rnd() % 8];

	return chance(30) ? c + rnd() % 3 - 1 : chance(20) ? value_of('l', 2, rnd()) : c;
}

static void random_memory(struct ref_wave *w)
{
	for (int n = 0; n < 8; n++)
		cells[n] = value_of("ilffdd"[rnd() % 6], 2, rnd()) |
			   (n & 1 ? value_of('f', 2, rnd()) << 32 : 0);
	for (unsigned int b = 0; b < REF_LDS; b += 8) {
		uint64_t v = some_cell();

		memcpy(w->lds + b, &v, 8);
	}
	for (int r = 0; r < REF_RANGES; r++)
		for (unsigned int b = 0; b < REF_MEM; b += 8) {
			uint64_t v = some_cell();

			memcpy(w->range[r].data + b, &v, 8);
		}
}

/* What a store or an atomic takes to memory. */
static void random_data(struct ref_wave *w, const struct ref_insn *i)
{
	for (int s = 1; s < 3; s++)
		for (unsigned int l = 0; i->src[s].kind == O_VGPR && l < w->lanes; l++)
			for (unsigned int r = 0; r < 4; r += 2) {
				uint64_t v = some_cell();

				ref_v(w, i->src[s].reg + r)[l] = (uint32_t)v;
				ref_v(w, i->src[s].reg + r + 1)[l] = (uint32_t)(v >> 32);
			}
	if (!strncmp(i->name, "s_", 2) && strstr(i->name, "atomic") && i->dst.reg < 96)
		for (unsigned int r = 0; r < 4; r += 2) {
			uint64_t v = some_cell();

			w->s[i->dst.reg + r] = (uint32_t)v;
			w->s[i->dst.reg + r + 1] = (uint32_t)(v >> 32);
		}
}

/* An offset into `size` bytes, aligned for atomics and LDS, often for others. */
static uint32_t somewhere(unsigned int size, unsigned int align)
{
	return (uint32_t)(rnd() % (size - 128)) / align * align;
}

static void aim_flat(struct ref_wave *w, const struct ref_insn *i, bool faults)
{
	bool atomic = strstr(i->name, "atomic"), scratch = *i->name == 's';
	unsigned int align = atomic	  ? 8
			     : chance(70) ? 4
					  : 1,
		     region = scratch || chance(20) ? 1 : 0;
	uint32_t base = somewhere(2048, 8), pattern = (uint32_t)rnd() % 4,
		 swap = chance(50) ? (uint32_t)rnd() % 16 : 0;
	uint32_t step = atomic ? 8 : 4u << rnd() % 3;
	/* The last address of the second range that is good. */
	uint64_t end = ranges[1].va + REF_MEM -
		       (strstr(i->name, "x4")	? 16
			: strstr(i->name, "x3") ? 12
						: 8);

	if (scratch) {
		/* Swizzled: 64 lanes to a dword leave room for 8192 / 256 dwords. */
		if (i->saddr.kind)
			w->s[i->saddr.reg] = 8 - (uint32_t)i->imm;
		else
			for (unsigned int l = 0; l < w->lanes; l++)
				ref_v(w, i->src[0].reg)[l] =
					(uint32_t)(rnd() % 48) - (uint32_t)i->imm;
		if (faults && !i->saddr.kind)
			ref_v(w, i->src[0].reg)[rnd() % w->lanes] = 0x4000 - (uint32_t)i->imm;
		return;
	}
	if (strstr(i->name, "addtid")) {
		w->s[i->saddr.reg] = (uint32_t)(ranges[0].va + 2048 + base / 2);
		w->s[i->saddr.reg + 1] = (uint32_t)(ranges[0].va >> 32);
		return;
	}
	for (unsigned int l = 0; l < w->lanes; l++) {
		uint64_t va = ranges[0].va + somewhere(region ? 8192 : 4096, align) + 64;

		/* What kernels do most: one after the other, or all the same; and nearly so; and
		 * the end. */
		if (!region && pattern < 2)
			va = ranges[0].va + base +
			     (pattern ? step * (l ^ (swap && l / 2 == swap)) : 0);
		if (!region && pattern == 2)
			va = end - (rnd() % 4 ? 8 * (1 + rnd() % 64) : 0) +
			     (faults && chance(30) && !atomic ? 4 : 0);
		if (region && !atomic && chance(20))
			va = ranges[1].va - 1 - rnd() % 7; /* across */
		/* Atomics of 8 bytes and the swizzle of scratch do not go together. */
		if (*i->name == 'f' && region)
			va = (l & 1 || (atomic && strstr(i->name, "_x2")) ? 1ull << 48
									  : 2ull << 48) +
			     (l & 1 || (atomic && strstr(i->name, "_x2"))
				      ? somewhere(REF_LDS, align)
				      : somewhere(256, align));
		if (faults && chance(5) && (region || pattern != 2))
			va = chance(50) ? ranges[2].va + somewhere(4096, align) : va + 0x100000;
		va -= (uint64_t)i->imm;
		if (i->saddr.kind) {
			w->s[i->saddr.reg] = (uint32_t)(ranges[0].va - base);
			w->s[i->saddr.reg + 1] = (uint32_t)((ranges[0].va - base) >> 32);
			ref_v(w, i->src[0].reg)[l] = (uint32_t)(va - (ranges[0].va - base));
		} else {
			ref_v(w, i->src[0].reg)[l] = (uint32_t)va;
			ref_v(w, i->src[0].reg + 1u)[l] = (uint32_t)(va >> 32);
		}
	}
}

static void aim_buffer(struct ref_wave *w, const struct ref_insn *i)
{
	uint32_t *r = &w->s[i->saddr.reg], stride = (uint32_t)(rnd() % 5) * 8;
	unsigned int align = strstr(i->name, "atomic") || strstr(i->name, "format") ? 8 : 4;
	bool swizzle =
		chance(30) && !strstr(i->name, "format") && !(align == 8 && strstr(i->name, "_x2"));
	static const uint32_t formats[] = {1,  2,  3,  4,  5,  6,  7,  8,  11, 12, 13, 14, 18,
					   20, 21, 22, 23, 27, 28, 29, 50, 54, 56, 57, 60, 61,
					   62, 63, 64, 65, 69, 70, 71, 72, 74, 75, 76, 77};

	r[0] = (uint32_t)ranges[0].va;
	r[1] = (uint32_t)(ranges[0].va >> 32) | stride << 16 | (swizzle ? 1u << 31 : 0);
	r[2] = chance(50) ? 8192 : (uint32_t)rnd() % 64;
	r[3] = (4 | 5 << 3 | 6 << 6 | 7 << 9) |
	       formats[rnd() % (sizeof(formats) / sizeof(formats[0]))] << 12 |
	       (uint32_t)rnd() % 2 << 21 | (uint32_t)rnd() % 4 << 28 | (chance(20) ? 1u << 23 : 0);
	if (i->soffset.kind == O_SGPR)
		w->s[i->soffset.reg] = somewhere(1024, align);
	for (unsigned int l = 0; l < w->lanes; l++) {
		if (i->idxen)
			ref_v(w, i->src[0].reg)[l] = (uint32_t)rnd() % 48;
		if (i->offen)
			ref_v(w, i->src[0].reg + i->idxen)[l] = somewhere(192, swizzle ? 4 : align);
	}
}

static void aim_smem(struct ref_wave *w, const struct ref_insn *i, bool faults)
{
	uint64_t va = ranges[0].va + somewhere(2048, 8) + (faults && chance(50) ? 0x200000 : 0);
	bool buffer = strstr(i->name, "buffer");

	if (i->saddr.kind != O_SGPR)
		return;
	w->s[i->saddr.reg] = (uint32_t)va;
	w->s[i->saddr.reg + 1] = (uint32_t)(va >> 32);
	if (buffer) {
		w->s[i->saddr.reg + 1] =
			(uint32_t)(va >> 32 & 0xffff) | (chance(50) ? 4u << 16 : 0);
		w->s[i->saddr.reg + 2] = chance(60) ? 1024 : (uint32_t)rnd() % 100;
		w->s[i->saddr.reg + 3] = 0;
	}
	if (i->soffset.kind == O_SGPR && i->soffset.reg != R_NULL)
		w->s[i->soffset.reg] =
			strstr(i->name, "scratch") ? (uint32_t)rnd() % 16 : somewhere(512, 8);
}

static void aim_ds(struct ref_wave *w, const struct ref_insn *i, bool faults)
{
	unsigned int align =
		strstr(i->name, "64") || strstr(i->name, "b96") || strstr(i->name, "128") ? 16 : 4;
	unsigned int room = strstr(i->name, "st64") ? 2048 : 1024 + 64;
	bool two = i->offset0 || i->offset1;
	uint32_t pattern = (uint32_t)rnd() % 4, swap = chance(50) ? (uint32_t)rnd() % 16 : 64;
	uint32_t step = 0;

	if (strstr(i->name, "permute"))
		align = 1;
	if (strstr(i->name, "u8") || strstr(i->name, "i8") || strstr(i->name, "b8"))
		align = 1;
	if (strstr(i->name, "u16") || strstr(i->name, "i16") || strstr(i->name, "b16"))
		align = 2;
	step = (align < 8 ? 4u : 8u) << rnd() % 3;
	w->s[R_M0] = (uint32_t)rnd() << 16 | somewhere(2048, 4);
	if (i->src[0].kind != O_VGPR)
		return;
	for (unsigned int l = 0; l < w->lanes; l++) {
		uint32_t at = pattern == 0   ? 1024 + l * step
			      : pattern == 1 ? 1024
					     : somewhere(REF_LDS - room, align);

		if (pattern == 2 && !two && !(rnd() % 8))
			at = REF_LDS - 16 - (uint32_t)i->imm;
		if (pattern == 0 && l / 2 == swap)
			at ^= step;
		if (strstr(i->name, "src2")) {
			at = 1024 + somewhere(1024, 8);
			if (i->offset1 & 0x80)
				at &= 0x1ffff;
		}
		if (faults && chance(5))
			at = REF_LDS - (unsigned int)(rnd() % 3) + (two ? 0 : (uint32_t)-i->imm);
		ref_v(w, i->src[0].reg)[l] = at;
	}
}

/* Registers that an instruction uses as more than operands. */
static void aim(struct ref_wave *w, const struct ref_insn *i, bool faults)
{
	if (i->row->sig[0] == '@') {
		if (i->name[0] == 'd')
			aim_ds(w, i, faults);
		else if (strstr(i->name, "buffer_") && i->name[0] != 's')
			aim_buffer(w, i);
		else if (!strncmp(i->name, "s_", 2))
			aim_smem(w, i, faults);
		else
			aim_flat(w, i, faults);
	} else if (strstr(i->name, "_2_b32") || strstr(i->name, "swaprel")) {
		w->s[R_M0] = (uint32_t)(rnd() % 9) << 16 | (uint32_t)rnd() % 9;
	} else if (strstr(i->name, "movrel")) {
		w->s[R_M0] = (uint32_t)rnd() % 9 & (strstr(i->name, "_b64") ? ~1u : ~0u);
	}
}

/* ---- every instruction by itself ---- */

static uint64_t turn[OP_COUNT]; /* how far the edge values of a mnemonic are */

static void make_case(struct ref_wave *w, const struct ref_insn *i, unsigned int run)
{
	const char *sig = i->row->sig, *src = strchr(sig, ':'), *plain = "=";
	uint64_t k = turn[i->op];

	random_state(w, i->lanes);
	turn[i->op] += i->lanes;
	w->mode = 0x1f0;
	if (run && i->row->cls != C_WAVE && !strpbrk(sig, plain))
		w->mode = 0x100 | (uint32_t)rnd() % 256;
	if (run && !strncmp(i->name, "v_fma_mix", 9))
		w->mode = 0x100 | (uint32_t)rnd() % 256;
	if (sig[0] == '@') {
		if (run % 4 == 0)
			random_memory(w);
		random_data(w, i);
	} else if (src) {
		if (sig[0] != ':')
			put_value(w, &i->dst, sig[0], 2, k);
		for (unsigned int s = 0; s < 3 && src[1 + s] && src[1 + s] != '='; s++)
			put_value(w, &i->src[s],
				  strstr(i->name, "v_fma_mix") ? (i->opsel_hi >> s & 1 ? 'h' : 'f')
							       : src[1 + s],
				  s, k);
		/* Offset and width in one source. */
		if (!strncmp(i->name, "s_bfe", 5) && i->src[1].kind == O_SGPR &&
		    i->src[1].reg < R_M0)
			w->s[i->src[1].reg] = (uint32_t)(rnd() % 64 | (rnd() % 128) << 16);
	}
	aim(w, i, run % 4 == 3);
}

static void test_insn(const struct ref_insn *i)
{
	const unsigned int runs = i->row->cls == C_SALU ? 24 : i->row->cls == C_WAVE ? 8 : 6;
	struct insn d;

	if (!exec_of(i->op))
		return;
	decode(&d, i);
	if (d.op != i->op || d.dwords != i->num_words) {
		differs(i, 0, 0, "decoded ", 0, d.op, i->op);
		return;
	}
	tested_op[i->op] = 1;
	/* The same cases whatever else is tested. */
	state = (uint64_t)(i - insns + 1) * 0x9e3779b97f4a7c15ull;
	rnd();
	for (unsigned int run = 0; run < runs; run++) {
		make_case(&before, i, run);
		for (int variant = 0; variant < 2; variant++) {
			if (variant && functions[0][i->op] == functions[1][i->op])
				break;
			memcpy(&ref, &before, sizeof(ref));
			load_device(&before);
			ref_execute(&ref, i);
			step_device(&d, variant);
			cases += i->row->cls == C_SALU ? 1 : i->lanes;
			if (dev.w.fault.kind == WAVE_GAP) {
				gaps++;
				if (!gap_op[i->op]++)
					printf("gap: %s: %s\n",
					       dev.w.fault.what ? dev.w.fault.what : i->name,
					       i->text);
				break;
			}
			if (!compare(i, variant))
				break;
		}
	}
}

/* ---- random straight-line programs ---- */

static bool straight(const struct ref_insn *i)
{
	static const char *const no[] = {
		"s_branch",	"s_cbranch",	 "s_setpc",	"s_swappc",  "s_call",
		"s_endpgm",	"s_barrier",	 "s_trap",	"s_sendmsg", "s_setreg",
		"s_round_mode", "s_denorm_mode", "s_subvector", "s_getreg",  "src2",
		"halt",		"s_setkill",	 "s_code_end",	"s_movrel",  "buffer_",
		"scratch"};

	for (size_t n = 0; n < sizeof(no) / sizeof(no[0]); n++)
		if (strstr(i->name, no[n]))
			return false;
	return exec_of(i->op) != NULL;
}

static bool run_program(uint64_t seed, const struct ref_insn **pool, size_t n)
{
	unsigned int length = 20 + (unsigned int)(seed * 7919 % 41), lanes = seed & 1 ? 64 : 32;
	int variant = seed >> 1 & 1;
	const struct ref_insn *done[64];

	state = seed * 0x9e3779b97f4a7c15ull + 88172645463325252ull;
	for (int warm = 0; warm < 8; warm++)
		rnd();
	random_state(&ref, lanes);
	random_memory(&ref);
	for (unsigned int v = 0; v < 48 * lanes; v++)
		ref.v[v] = (uint32_t)value_of("ifdhls"[rnd() % 6], 2, v);
	ref.mode = chance(50) ? 0x1f0 : 0x100 | (uint32_t)rnd() % 256;
	load_device(&ref);
	for (unsigned int at = 0; at < length; at++) {
		const struct ref_insn *i = pool[rnd() % n];
		struct insn d;

		if (i->lanes != lanes || (ref.mode != 0x1f0 && strchr(i->row->sig, '=')) ||
		    (i->row->sig[0] == '@' && chance(60))) {
			at--;
			continue;
		}
		done[at] = i;
		/* What only a longer program could make: addresses, and lanes to see something
		 * with. */
		if (!ref_exec(&ref))
			random_exec(&ref);
		aim(&ref, i, false);
		memcpy(dev.w.s, ref.s, sizeof(ref.s));
		dev.w.mask_stale = true;
		if (i->row->sig[0] == '@')
			memcpy(dev.v, ref.v, (size_t)NUM_VGPRS * lanes * 4);
		memcpy(&before, &ref, sizeof(before));
		decode(&d, i);
		ref_execute(&ref, i);
		step_device(&d, variant);
		cases += lanes;
		if (dev.w.fault.kind == WAVE_GAP || (ref.fault && ref.fault == device_fault()))
			return true;
		if (!compare(i, variant)) {
			printf("program %llu, instruction %u of %u:\n", (unsigned long long)seed,
			       at, length);
			for (unsigned int k = 0; k <= at; k++)
				printf("    %s\n", done[k]->text);
			return false;
		}
	}
	return true;
}

static int random_programs(unsigned long count, uint64_t seed)
{
	const struct ref_insn **pool = malloc(num_insns * sizeof(*pool));
	unsigned long bad = 0;
	size_t n = 0;

	for (size_t k = 0; k < num_insns; k++)
		if (straight(&insns[k]))
			pool[n++] = &insns[k];
	for (unsigned long p = 0; p < count && bad < 5; p++)
		bad += !run_program(seed + p, pool, n);
	free(pool);
	printf("%lu random programs of 20 to 60 instructions from seed %llu, %lu differ: %.1f M "
	       "cases\n",
	       count, (unsigned long long)seed, bad, (double)cases / 1e6);
	return bad != 0;
}

/* ---- is the reference right? ---- */

static uint64_t bits_of_float(float x)
{
	uint32_t u;

	memcpy(&u, &x, 4);
	return u;
}

static float float_of_bits(uint64_t u)
{
	uint32_t v = (uint32_t)u;
	float x;

	memcpy(&x, &v, 4);
	return x;
}

static uint64_t bits_of_double(double x)
{
	uint64_t u;

	memcpy(&u, &x, 8);
	return u;
}

static double double_of_bits(uint64_t u)
{
	double x;

	memcpy(&x, &u, 8);
	return x;
}

static unsigned long host_checks, host_bad;

static void host_says(const struct fmt *f, const char *what, uint64_t mine, uint64_t host,
		      const struct env *e)
{
	host_checks++;
	if (mine == host || (fl_nan(f, mine) && fl_nan(f, host)) || e->tie_of_tiny)
		return;
	if (host_bad++ < 10)
		printf("reference: %s: %llx, the host says %llx (round %d, denormals %d)\n", what,
		       (unsigned long long)mine, (unsigned long long)host, e->rm, e->den);
}

/* The host's SSE unit does what MODE asks for, where it can: IEEE operations and conversions. */
static void check_reference(void)
{
	static const unsigned int rc[] = {0, 2, 1, 3};

	for (uint64_t k = 0; k < 60000; k++) {
		struct env e = {(int)(k & 3), (int)(k >> 2 & 3), false};
		unsigned int csr = 0x1f80 | rc[e.rm] << 13 | (e.den & DEN_IN ? 0 : 1u << 6) |
				   (e.den & DEN_OUT ? 0 : 1u << 15);
		uint64_t a = value_of('f', 0, k), b = value_of('f', 1, k), c = value_of('f', 2, k);
		uint64_t p = value_of('d', 0, k), q = value_of('d', 1, k), r = value_of('d', 2, k);
		volatile float x = float_of_bits(a), y = float_of_bits(b), z = float_of_bits(c), o;
		volatile double u = double_of_bits(p), v = double_of_bits(q), w = double_of_bits(r),
				s;
#define SAYS32(what, mine, host)                                                                   \
	e.tie_of_tiny = false;                                                                     \
	_mm_setcsr(csr);                                                                           \
	o = (host);                                                                                \
	_mm_setcsr(0x1f80);                                                                        \
	host_says(&F32, what, mine, bits_of_float(o), &e);
#define SAYS64(what, mine, host)                                                                   \
	e.tie_of_tiny = false;                                                                     \
	_mm_setcsr(csr);                                                                           \
	s = (host);                                                                                \
	_mm_setcsr(0x1f80);                                                                        \
	host_says(&F64, what, mine, bits_of_double(s), &e);
		SAYS32("f32 add", fl_add(&F32, a, b, &e), x + y)
		SAYS32("f32 mul", fl_mul(&F32, a, b, &e), x * y)
		SAYS32("f32 div", fl_div(&F32, a, b, &e), x / y)
		SAYS32("f32 sqrt", fl_sqrt(&F32, a, &e), _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(x))))
		SAYS64("f64 add", fl_add(&F64, p, q, &e), u + v)
		SAYS64("f64 mul", fl_mul(&F64, p, q, &e), u * v)
		SAYS64("f64 div", fl_div(&F64, p, q, &e), u / v)
		SAYS32("f32 of f64", fl_convert(&F32, &F64, p, &e), (float)u)
		SAYS64("f64 of f32", fl_convert(&F64, &F32, a, &e), (double)x)
		SAYS32("f32 of int", fl_from_int(&F32, (int32_t)a, &e), (float)(int32_t)a)
		if (e.den == 3) {
			/* glibc's own where the host has no FMA, exact as well */
			SAYS32("f32 fma", fl_fma(&F32, a, b, c, &e), fmaf(x, y, z))
			SAYS64("f64 fma", fl_fma(&F64, p, q, r, &e), fma(u, v, w))
			SAYS64("f64 fma that cancels", fl_fma(&F64, p, q, p ^ 1ull << 63, &e),
			       fma(u, v, -u))
			SAYS64("f64 fma of all ones",
			       fl_fma(&F64, p | 0xfffffffffffff, q | 0xfffffffffffff, r, &e),
			       fma(double_of_bits(p | 0xfffffffffffff),
				   double_of_bits(q | 0xfffffffffffff), w))
		}
		if (e.den == 3 && e.rm == RNE) {
			SAYS32("rint", fl_integral(&F32, a, RNE), rintf(x))
			SAYS64("floor", fl_integral(&F64, p, RMI), floor(u))
			SAYS64("sqrt", fl_sqrt(&F64, p, &e), sqrt(u))
			host_says(&F16, "f16 of f32", fl_convert(&F16, &F32, a, &e), (uint16_t)({
				_Float16 h = (_Float16)x;
				uint16_t g;
				memcpy(&g, &h, 2);
				g;
			}),
				  &e);
		}
	}
}

static unsigned long folds, fold_bad;

/* "mnemonic a b c = r": what opt-15 folds the operation to. */
static void check_fold(char *line)
{
	char name[40];
	unsigned long long a, b, c, want;
	const struct ref_row *row;
	struct lane x = {.e32 = {RNE, 3, false}, .e16 = {RNE, 3, false}};
	uint64_t got, mask;
	const struct fmt *f;
	char t;
	const struct tolerance *tol;

	if (sscanf(line, "%39s %llx %llx %llx = %llx", name, &a, &b, &c, &want) != 5) {
		fprintf(stderr, "folds: %s", line);
		exit(2);
	}
	row = ref_find(name);
	if (!row || !row->lane) {
		fprintf(stderr, "folds: no reference for %s\n", name);
		exit(2);
	}
	x.a = a, x.b = b, x.c = c;
	got = row->lane(&x);
	t = row->sig[0];
	mask = t == ':'		      ? 1
	       : t == 'd' || t == 'l' ? ~0ull
	       : t == 'h' || t == 's' ? 0xffff
				      : 0xffffffff;
	f = t == 'f' ? &F32 : t == 'd' ? &F64 : t == 'h' ? &F16 : NULL;
	tol = tolerance_of(name);
	folds++;
	if (((got ^ want) & mask) == 0 || (f && fl_nan(f, got) && fl_nan(f, want)) ||
	    (f && tol && !fl_nan(f, got) && !fl_nan(f, want) && within(tol, f, want, got, x.exact)))
		return;
	if (fold_bad++ < 20)
		printf("reference: %s %llx %llx %llx: %llx, LLVM folds it to %llx\n", name, a, b, c,
		       (unsigned long long)(got & mask), want);
}

/* ---- */

static int summary(void)
{
	unsigned int claimed = 0, untested = 0, failed = 0;

	for (unsigned int op = 1; op < OP_COUNT; op++) {
		if (!exec_of(op))
			continue;
		claimed++;
		failed += failed_op[op] != 0;
		if (tested_op[op] || only)
			continue;
		untested++;
		printf("claimed but untested: %s\n", op_name(op));
	}
	if (host_bad || fold_bad)
		printf("the reference itself is wrong: %lu of %lu against the host, %lu of %lu "
		       "against LLVM\n",
		       host_bad, host_checks, fold_bad, folds);
	if (failed)
		printf("%u mnemonics differ from the reference (%llu cases)\n", failed,
		       (unsigned long long)mismatches);
	printf("%u of %u mnemonics claimed, %s: %.1f M cases, %llu in gaps; reference: %lu cases "
	       "of the host, %lu folded "
	       "by LLVM; %u tolerance rows (%u open)\n",
	       claimed, OP_COUNT - 1, untested ? "NOT all executed" : "all executed",
	       (double)cases / 1e6, (unsigned long long)gaps, host_checks, folds, num_tolerances,
	       num_open);
	return failed || untested || host_bad || fold_bad;
}

int main(int argc, char **argv)
{
	unsigned long programs = 0;
	uint64_t seed = 1;

	if (argc < 3)
		return 2;
	find_functions();
	start_device();
	read_lines(argv[1], parse_line);
	read_lines(argv[2], parse_tolerance);
	for (int a = 3; a < argc; a++) {
		const char *next = a + 1 < argc ? argv[a + 1] : "";

		if (!strcmp(argv[a], "-v"))
			verbose = true;
		else if (!strcmp(argv[a], "--random"))
			programs = strtoul(next, NULL, 0), a++;
		else if (!strcmp(argv[a], "--seed"))
			seed = strtoull(next, NULL, 0), a++;
		else if (!strcmp(argv[a], "--only"))
			only = next, a++;
		else if (!strcmp(argv[a], "--folds"))
			read_lines(next, check_fold), a++;
		else
			return 2;
	}
	if (programs)
		return random_programs(programs, seed);
	if (!only)
		check_reference();
	for (size_t n = 0; n < num_insns; n++)
		if (!only || !strcmp(only, insns[n].name))
			test_insn(&insns[n]);
	return summary();
}
