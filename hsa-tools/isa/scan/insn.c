// SPDX-License-Identifier: MIT
#include "insn.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof(*(a)))

/* An instruction of gfx10 has at most five dwords: an image instruction with 13 addresses. */
enum { MAX_DWORDS = 5, PER_BLOCK = 1024, MAX_LEARNED = 400000 };

struct learned {
	uint32_t key[MAX_DWORDS];
	unsigned int dwords; /* of key that decided */
	struct insn insn;
};

struct block {
	struct block *next;
	unsigned int used;
	struct learned of[PER_BLOCK];
};

struct insns {
	struct comgr_isa *isa, *native; /* native: gfx1010; NULL for its own family */
	struct learned **table;
	size_t size, num; /* size: a power of 2 */
	bool gfx10;	  /* of others only families are learned */
	struct block *blocks;
};

/* ---- text ---- */

static bool begins(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

/* Whether the mnemonic is one of these beginnings. */
static bool any(const char *text, const char *const *of, size_t num)
{
	for (size_t i = 0; i < num; i++)
		if (begins(text, of[i]))
			return true;
	return false;
}
#define ANY(text, ...) any(text, (const char *const[]){__VA_ARGS__}, ARRAY_SIZE(((const char *const[]){__VA_ARGS__})))

static const struct {
	const char *name;
	uint8_t first, num;
} named[] = {
	{"vcc_lo", REG_VCC, 1}, {"vcc_hi", REG_VCC + 1, 1}, {"vcc", REG_VCC, 2},   {"exec_lo", REG_EXEC, 1},
	{"exec_hi", REG_EXEC + 1, 1}, {"exec", REG_EXEC, 2}, {"m0", REG_M0, 1},
};

/* The registers of the token [text, text + len), and those of a range in brackets behind it. */
static void add_token(const char *text, size_t len, struct regs *r)
{
	unsigned int first, last, base;
	const char *at;
	char *end;

	for (size_t i = 0; i < ARRAY_SIZE(named); i++) {
		if (strlen(named[i].name) != len || memcmp(named[i].name, text, len))
			continue;
		for (unsigned int k = 0; k < named[i].num; k++)
			regs_add(r, named[i].first + k);
		return;
	}
	base = begins(text, "ttmp") ? REG_TTMP : 0;
	at = text + (base ? 4 : 1);
	if (!base && text[0] != 's')
		return;
	if (*at == '[') {
		first = (unsigned int)strtoul(at + 1, &end, 10);
		if (end == at + 1 || (*end != ':' && *end != ']'))
			return;
		last = *end == ':' ? (unsigned int)strtoul(end + 1, NULL, 10) : first;
	} else {
		first = last = (unsigned int)strtoul(at, &end, 10);
		if (end == at || end != text + len)
			return;
	}
	for (unsigned int i = first; i <= last && i < REG_VCC; i++)
		regs_add(r, base + i);
}

/* The scalar registers that the text names: in its first operand, in the others. */
static void scalar_operands(const char *text, struct regs *first, struct regs *others)
{
	struct regs *r = first;
	int depth = 0;

	for (text += strcspn(text, " "); *text;) {
		size_t len = 0;

		while (isalnum((unsigned char)text[len]) || text[len] == '_')
			len++;
		if (len) {
			add_token(text, len, r);
			text += len;
			continue;
		}
		depth += *text == '[' || *text == '(';
		depth -= *text == ']' || *text == ')';
		if (*text == ',' && !depth)
			r = others;
		text++;
	}
}

static void merge(struct regs *to, const struct regs *from)
{
	to->w[0] |= from->w[0];
	to->w[1] |= from->w[1];
}

static bool has_word(const char *text, const char *word)
{
	const char *at = strstr(text, word);
	char end = at ? at[strlen(word)] : 'x';

	return at && at[-1] == ' ' && (!end || end == ' ' || end == ',');
}

/* ---- families ---- */

static void exec_is_read(struct insn *in)
{
	in->flags |= INSN_READS_EXEC;
	regs_add(&in->use, REG_EXEC);
	regs_add(&in->use, REG_EXEC + 1);
}

static void note_exec_use(struct insn *in)
{
	static const struct regs exec = {.w = {0, 3ull << (REG_EXEC - 64)}};

	if (regs_overlap(&in->use, &exec))
		in->flags |= INSN_READS_EXEC;
}

static const struct {
	const char *name;
	uint64_t flags;
} branches[] = {
	{"s_branch", INSN_BRANCH | INSN_DIRECT | INSN_STOPS},
	{"s_cbranch_i_fork", 0},
	{"s_cbranch_join", 0},
	{"s_cbranch_g_fork", 0},
	{"s_cbranch_", INSN_BRANCH | INSN_DIRECT},
	{"s_subvector_loop_", INSN_BRANCH | INSN_DIRECT},
	{"s_call_b64", INSN_CALL | INSN_DIRECT},
	{"s_setpc_b64", INSN_BRANCH | INSN_INDIRECT | INSN_STOPS},
	{"s_swappc_b64", INSN_CALL | INSN_INDIRECT},
	{"s_rfe_b64", INSN_STOPS},
	{"s_endpgm", INSN_STOPS},
	{"s_code_end", INSN_STOPS},
};

static bool sets_jump(const char *text, struct insn *in)
{
	for (size_t i = 0; i < ARRAY_SIZE(branches); i++) {
		if (!begins(text, branches[i].name))
			continue;
		in->flags |= branches[i].flags;
		if (begins(text, "s_setpc_b64 s[30:31]"))
			in->flags |= INSN_RETURN;
		return !begins(text, "s_endpgm") && !begins(text, "s_code_end");
	}
	return false;
}

/* s_waitcnt of gfx10: vmcnt 15:14 and 3:0, expcnt 6:4, lgkmcnt 13:8. */
static void sopp_waits(const char *text, uint16_t imm, struct insn *in)
{
	if (begins(text, "s_waitcnt_depctr")) {
		in->flags |= (imm >> 2 & 7 ? 0 : INSN_DEPCTR_SRC) | (imm & 1 ? 0 : INSN_DEPCTR_SDST);
	} else if (begins(text, "s_waitcnt ")) {
		in->flags |= (imm ? 0 : INSN_WAITS_ALL) | (imm & 0x3f00 ? 0 : INSN_WAITS_LGKM);
	} else if (begins(text, "s_clause")) {
		in->flags |= INSN_CLAUSE;
	} else if (begins(text, "s_inst_prefetch")) {
		in->flags |= INSN_PREFETCH;
	}
}

static void learn_sopp(const char *text, uint32_t d0, struct insn *in)
{
	in->flags |= INSN_SALU | INSN_SOPP | INSN_NO_BREAK;
	in->imm = (int16_t)d0;
	in->family = sets_jump(text, in) ? SCAN_BRANCH : SCAN_WAIT;
	sopp_waits(text, (uint16_t)d0, in);
	if (ANY(text, "s_cbranch_execz", "s_cbranch_execnz", "s_sendmsg"))
		exec_is_read(in);
}

/* Scalar instructions whose first operand is read. */
static bool no_destination(const char *text)
{
	return ANY(text, "s_cmp_", "s_bitcmp", "s_cmpk_", "s_setreg", "s_waitcnt", "s_setvskip", "s_version",
		   "s_cbranch", "s_setpc", "s_rfe", "s_set_gpr_idx");
}

static void learn_salu(const char *text, uint32_t d0, struct insn *in)
{
	struct regs first = {0};

	in->flags |= INSN_SALU;
	in->imm = (int16_t)d0; /* of SOPK */
	in->family = sets_jump(text, in) ? SCAN_BRANCH : SCAN_SALU;
	scalar_operands(text, &first, &in->use);
	if (no_destination(text)) {
		merge(&in->use, &first);
	} else {
		in->def = first;
		in->flags |= INSN_SDEF;
	}
	if (strstr(text, "saveexec") || strstr(text, "wrexec"))
		exec_is_read(in);
	note_exec_use(in);
	if (ANY(text, "s_waitcnt_", "s_version", "s_setvskip"))
		in->flags |= INSN_NO_BREAK;
	if (begins(text, "s_waitcnt_vscnt null, 0x0"))
		in->flags |= INSN_WAITS_STORE;
	if (begins(text, "s_waitcnt_lgkmcnt null, 0x0"))
		in->flags = (in->flags & ~INSN_NO_BREAK) | INSN_WAITS_LGKM;
	if (begins(text, "s_getpc"))
		in->flags |= INSN_GETPC;
}

static void learn_smem(const char *text, uint32_t d0, uint32_t d1, struct insn *in)
{
	struct regs first = {0};

	(void)d0;
	(void)d1;
	in->flags |= INSN_SMEM | INSN_MEMORY;
	in->family = SCAN_SMEM;
	scalar_operands(text, &first, &in->use);
	if (strstr(text, "_load_") || ANY(text, "s_memtime", "s_memrealtime", "s_get_waveid")) {
		in->def = first;
		in->flags |= INSN_SDEF;
	} else {
		merge(&in->use, &first);
	}
}

/* The scalar destination of a vector instruction: the text does not tell how wide it is, the encoding which it is. */
static void learn_sdst(const char *text, uint32_t d0, uint32_t d1, struct insn *in)
{
	bool vop3 = d0 >> 26 == 0x35;
	bool vopc = d0 >> 25 == 0x3e || (vop3 && (d0 >> 16 & 0x3ff) < 0x100);

	if (vopc)
		in->flags |= INSN_VOPC * !vop3 | INSN_SDST | INSN_SGPR_DST;
	if (begins(text, "v_cmpx_")) {
		in->flags |= INSN_CMPX | INSN_WRITES_EXEC;
		regs_add(&in->def, REG_EXEC);
		regs_add(&in->def, REG_EXEC + 1);
	} else if (vopc) {
		bool sdwa = !vop3 && (d0 & 0x1ff) == 249;

		in->flags |= INSN_MASK_DST;
		regs_add(&in->def, vop3 ? d0 & 0x7f : sdwa && d1 >> 15 & 1 ? d1 >> 8 & 0x7f : REG_VCC);
	} else if (ANY(text, "v_add_co_", "v_sub_co_", "v_subrev_co_", "v_div_scale_", "v_mad_u64_u32", "v_mad_i64_i32")) {
		in->flags |= INSN_SDST | INSN_SGPR_DST | INSN_MASK_DST;
		regs_add(&in->def, vop3 ? d0 >> 8 & 0x7f : REG_VCC);
	} else if (ANY(text, "v_readlane_", "v_readfirstlane_")) {
		struct regs others = {0};

		in->flags |= INSN_SGPR_DST;
		scalar_operands(text, &in->def, &others);
	}
	if (in->def.w[1] >> (REG_EXEC - 64))
		in->flags |= INSN_WRITES_EXEC;
}

static void learn_valu(const char *text, uint32_t d0, uint32_t d1, struct insn *in)
{
	in->flags |= INSN_VALU;
	in->family = SCAN_VALU;
	learn_sdst(text, d0, d1, in);
	if (begins(text, "v_nop"))
		in->flags |= INSN_NOP;
	if (ANY(text, "v_permlane16_", "v_permlanex16_"))
		in->flags |= INSN_PERMLANE;
}

static void learn_vector_memory(const char *text, struct insn *in)
{
	scalar_operands(text, &in->use, &in->use);
	if (has_word(text, "lds") || has_word(text, "gds"))
		regs_add(&in->use, REG_M0);
	exec_is_read(in);
	in->flags |= INSN_MEMORY;
}

static void learn_buffer(const char *text, uint32_t d0, uint32_t d1, struct insn *in)
{
	(void)d1;
	in->flags |= INSN_VMEM | INSN_BUFFER | (d0 & 6 ? INSN_ODD_OFFSET : 0);
	in->family = SCAN_MUBUF;
	learn_vector_memory(text, in);
}

static void learn_image(const char *text, uint32_t d0, uint32_t d1, struct insn *in)
{
	(void)d1;
	in->flags |= INSN_VMEM | (d0 >> 1 & 3 ? INSN_NSA : 0);
	if (in->flags & INSN_NSA && in->size >= 16)
		in->flags |= INSN_LONG_NSA;
	in->family = SCAN_MIMG;
	learn_vector_memory(text, in);
}

static const struct wide {
	const char *name;
	uint8_t dwords, align;
} wide_flat[] = {
	{"flat_load_dwordx2", 2, 8},   {"flat_load_dwordx3", 3, 16},  {"flat_load_dwordx4", 4, 16},
	{"flat_store_dwordx2", 2, 8},  {"flat_store_dwordx3", 3, 16}, {"flat_store_dwordx4", 4, 16},
};

static void learn_width(const char *text, const struct wide *of, size_t num, struct insn *in)
{
	for (size_t i = 0; i < num; i++) {
		if (!begins(text, of[i].name) || text[strlen(of[i].name)] != ' ')
			continue;
		in->lds_dwords = of[i].dwords;
		in->lds_align = of[i].align;
	}
}

/* Offsets of FLAT: 12 bits with a sign, of which the segment FLAT does not use the uppermost. */
static void learn_flat(const char *text, uint32_t d0, uint32_t d1, struct insn *in)
{
	unsigned int segment = d0 >> 14 & 3;

	in->lds_base = (uint8_t)d1;
	learn_width(text, wide_flat, ARRAY_SIZE(wide_flat), in);
	in->flags |= INSN_FLAT | (segment ? INSN_SEGMENT : 0);
	in->family = segment == 0 ? SCAN_FLAT : segment == 1 ? SCAN_SCRATCH : SCAN_GLOBAL;
	in->imm = (int32_t)(d0 << 20) >> 20;
	if (!segment && in->imm)
		in->flags |= INSN_FLAT_OFFSET;
	if (segment == 1 && in->imm < 0 && in->imm % 4)
		in->flags |= INSN_SCRATCH_OFF;
	learn_vector_memory(text, in);
}

static const struct wide wide_lds[] = {
	{"ds_read_b64", 2, 8},	 {"ds_write_b64", 2, 8},     {"ds_read_b96", 3, 16},	{"ds_write_b96", 3, 16},
	{"ds_read_b128", 4, 16}, {"ds_write_b128", 4, 16},   {"ds_read2_b64", 2, 8},	{"ds_write2_b64", 2, 8},
	{"ds_read2st64_b64", 2, 8}, {"ds_write2st64_b64", 2, 8},
};

static void learn_lds(const char *text, uint32_t d0, uint32_t d1, struct insn *in)
{
	in->flags |= INSN_DS;
	in->family = SCAN_LDS;
	scalar_operands(text, &in->use, &in->use);
	exec_is_read(in);
	if (has_word(text, "gds") || ANY(text, "ds_gws_", "ds_ordered_", "ds_append", "ds_consume") ||
	    strstr(text, "addtid"))
		regs_add(&in->use, REG_M0);
	in->lds_base = (uint8_t)d1;
	learn_width(text, wide_lds, ARRAY_SIZE(wide_lds), in);
	/* Two offsets are in units of 8 bytes. */
	in->imm = begins(text, "ds_read2") || begins(text, "ds_write2") ? 0 : (int32_t)(d0 & 0xffff);
}

static void learn_export(const char *text, uint32_t d0, uint32_t d1, struct insn *in)
{
	(void)text;
	(void)d0;
	(void)d1;
	in->family = SCAN_EXPORT;
	exec_is_read(in);
}

/* By the upper six bits of the first dword (RDNA ISA, "Microcode Formats"). */
static const struct {
	uint8_t bits;
	void (*learn)(const char *text, uint32_t d0, uint32_t d1, struct insn *in);
} encodings[] = {
	{0x32, learn_valu}, {0x33, learn_valu},	  {0x35, learn_valu},	{0x36, learn_lds},  {0x37, learn_flat},
	{0x38, learn_buffer}, {0x3a, learn_buffer}, {0x3c, learn_image}, {0x3d, learn_smem}, {0x3e, learn_export},
};

static void learn_by_encoding(const char *text, uint32_t d0, uint32_t d1, struct insn *in)
{
	if (!(d0 >> 31)) {
		learn_valu(text, d0, d1, in);
		return;
	}
	if (d0 >> 30 == 2) {
		(d0 >> 23 == 0x17f ? learn_sopp : learn_salu)(text, d0, in);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(encodings); i++)
		if (encodings[i].bits == d0 >> 26)
			encodings[i].learn(text, d0, d1, in);
}

static const struct {
	const char *name;
	uint8_t family;
	uint64_t flags;
} others[] = {
	{"s_load_", SCAN_SMEM, INSN_MEMORY},	    {"s_store_", SCAN_SMEM, INSN_MEMORY},
	{"s_buffer_", SCAN_SMEM, INSN_MEMORY},	    {"s_scratch_", SCAN_SMEM, INSN_MEMORY},
	{"s_atomic_", SCAN_SMEM, INSN_MEMORY},	    {"s_dcache_", SCAN_SMEM, INSN_MEMORY},
	{"s_memtime", SCAN_SMEM, INSN_MEMORY},	    {"s_memrealtime", SCAN_SMEM, INSN_MEMORY},
	{"s_", SCAN_SALU, 0},			    {"v_", SCAN_VALU, 0},
	{"buffer_", SCAN_MUBUF, INSN_MEMORY},	    {"tbuffer_", SCAN_MUBUF, INSN_MEMORY},
	{"image_", SCAN_MIMG, INSN_MEMORY},	    {"flat_", SCAN_FLAT, INSN_MEMORY},
	{"global_", SCAN_GLOBAL, INSN_MEMORY},	    {"scratch_", SCAN_SCRATCH, INSN_MEMORY},
	{"ds_", SCAN_LDS, 0},			    {"exp", SCAN_EXPORT, 0},
};

/* Other chips have other encodings. SOPP is the same in all. */
static void learn_by_name(const char *text, uint32_t d0, struct insn *in)
{
	if (d0 >> 23 == 0x17f) {
		learn_sopp(text, d0, in);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		if (!begins(text, others[i].name))
			continue;
		in->family = others[i].family;
		in->flags |= others[i].flags;
		if (in->family == SCAN_SALU && sets_jump(text, in))
			in->family = SCAN_BRANCH;
		in->imm = (int16_t)d0;
		return;
	}
}

/* What gfx1010 makes of it. A branch's text may name its target: the encoding is the same. */
static void compare_native(struct insns *t, const uint8_t *code, size_t len, const char *text, struct insn *in)
{
	char native[COMGR_TEXT];
	size_t size = comgr__disassemble(t->native, code, len, native);

	if (!size)
		in->flags |= INSN_ILLEGAL;
	else if (size != in->size || strcmp(text, native))
		in->flags |= INSN_OTHER;
}

static void learn(struct insns *t, const uint8_t *code, size_t len, struct insn *in)
{
	uint32_t d[2] = {0};
	char text[COMGR_TEXT];
	size_t size = comgr__disassemble(t->isa, code, len, text);

	memcpy(d, code, len < sizeof(d) ? len : sizeof(d));
	if (!size || size > 4 * MAX_DWORDS || size % 4) {
		*in = (struct insn){.flags = INSN_UNDECODED, .size = 4, .family = SCAN_UNDECODED};
		return;
	}
	*in = (struct insn){.size = (uint8_t)size, .family = SCAN_UNDECODED};
	if (t->gfx10) {
		learn_by_encoding(text, d[0], d[1], in);
		align__learn(text, &in->align);
	} else {
		learn_by_name(text, d[0], in);
	}
	if (in->flags & INSN_MEMORY)
		in->flags |= (has_word(text, "glc") ? INSN_GLC : 0) | (has_word(text, "dlc") ? INSN_DLC : 0) |
			     (has_word(text, "slc") ? INSN_SLC : 0);
	if (t->native)
		compare_native(t, code, len, text, in);
}

/* ---- what was learned ---- */

static uint32_t hash(const uint32_t *key, unsigned int dwords)
{
	uint64_t h = dwords;

	for (unsigned int i = 0; i < dwords; i++)
		h = (h ^ key[i]) * 0x9e3779b97f4a7c15ull;
	return (uint32_t)(h >> 32);
}

static struct learned **slot(struct insns *t, const uint32_t *key, unsigned int dwords)
{
	size_t i = hash(key, dwords);

	for (;; i++) {
		struct learned *l = t->table[i & (t->size - 1)];

		if (!l || (l->dwords == dwords && !memcmp(l->key, key, 4 * dwords)))
			return &t->table[i & (t->size - 1)];
	}
}

static bool grow(struct insns *t)
{
	struct learned **old = t->table;
	size_t num = t->size;
	struct learned **table = calloc(num ? num * 2 : 4096, sizeof(*table));

	if (!table)
		return false;
	t->table = table;
	t->size = num ? num * 2 : 4096;
	for (size_t i = 0; i < num; i++)
		if (old[i])
			*slot(t, old[i]->key, old[i]->dwords) = old[i];
	free(old);
	return true;
}

static struct learned *new_learned(struct insns *t)
{
	if (!t->blocks || t->blocks->used == PER_BLOCK) {
		struct block *b = malloc(sizeof(*b));

		if (!b)
			return NULL;
		b->used = 0;
		b->next = t->blocks;
		t->blocks = b;
	}
	return &t->blocks->of[t->blocks->used++];
}

const struct insn *insns__at(struct insns *t, const uint8_t *code, size_t len)
{
	uint32_t key[MAX_DWORDS] = {0};
	unsigned int have = (unsigned int)(len / 4 < MAX_DWORDS ? len / 4 : MAX_DWORDS);
	struct learned *l;

	memcpy(key, code, 4 * have);
	/* How long it is depends on no more dwords than it has: what is known of fewer holds for more. */
	for (unsigned int dwords = key[0] >> 30 == 3 && have > 1 ? 2 : 1; dwords <= have; dwords++) {
		l = *slot(t, key, dwords);
		if (l)
			return &l->insn;
	}
	if (t->num * 2 >= t->size && !grow(t))
		return NULL;
	l = new_learned(t);
	if (!l)
		return NULL;
	memcpy(l->key, key, sizeof(key));
	learn(t, code, 4 * have, &l->insn);
	if (l->insn.flags & INSN_UNDECODED && have < MAX_DWORDS)
		return &l->insn; /* cut off, perhaps */
	l->dwords = l->insn.flags & INSN_UNDECODED && key[0] >> 30 == 3 ? 2 : l->insn.size / 4;
	*slot(t, key, l->dwords) = l;
	t->num++;
	return &l->insn;
}

struct insns *insns__new(struct comgr *c, const char *isa)
{
	struct insns *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->isa = comgr__isa(c, isa);
	t->gfx10 = begins(isa, "gfx10");
	if (t->gfx10 && !begins(isa, "gfx101"))
		t->native = comgr__isa(c, "gfx1010");
	if (!t->isa || !grow(t)) {
		insns__free(t);
		return NULL;
	}
	return t;
}

bool insns__full(const struct insns *t)
{
	return t->num > MAX_LEARNED;
}

void insns__free(struct insns *t)
{
	if (!t)
		return;
	while (t->blocks) {
		struct block *b = t->blocks;

		t->blocks = b->next;
		free(b);
	}
	free(t->table);
	free(t);
}

/* ---- for people ---- */

/* comgr writes masks as for waves of 32: "vcc_lo", and "s4" where wave64 means s[4:5]. */
static void widen(const char *from, char *to, const uint8_t *code)
{
	uint32_t d0;
	unsigned int operand = 0, wide = 0;
	char *end = to + COMGR_TEXT - 16;

	memcpy(&d0, code, sizeof(d0));
	if (d0 >> 26 == 0x35) /* which operands of VOP3 are masks */
		wide = ANY(from, "v_cmp_") ? 1
		       : ANY(from, "v_add_co_ci", "v_sub_co_ci", "v_subrev_co_ci") ? 2 | 16
		       : ANY(from, "v_add_co_", "v_sub_co_", "v_subrev_co_", "v_div_scale_", "v_mad_u64_u32", "v_mad_i64_i32") ? 2
		       : ANY(from, "v_cndmask") ? 8
						: 0;
	while (*from && *from != ' ' && to < end)
		*to++ = *from++;
	while (*from && to < end) {
		if (begins(from, "vcc_lo")) {
			to = stpcpy(to, "vcc");
			from += 6;
		} else if (*from == 's' && from[-1] == ' ' && isdigit((unsigned char)from[1]) && wide >> operand & 1) {
			unsigned long reg = strtoul(from + 1, (char **)&from, 10);

			to += sprintf(to, "s[%lu:%lu]", reg, reg + 1);
		} else {
			operand += *from == ',';
			*to++ = *from++;
		}
	}
	*to = 0;
}

size_t insns__text(struct insns *t, const uint8_t *code, size_t len, bool wave64, char text[COMGR_TEXT])
{
	char narrow[COMGR_TEXT];
	size_t size = comgr__disassemble(t->isa, code, len, narrow);

	if (size && wave64 && begins(narrow, "v_"))
		widen(narrow, text, code);
	else
		strcpy(text, narrow);
	return size;
}
