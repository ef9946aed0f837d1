// SPDX-License-Identifier: MIT
/*
 * gen-decode LLVM_MC OUT.h MCPU...: sweep every opcode value of every encoding of every processor
 * through `llvm-mc --disassemble` and write the decode tables: which opcodes exist, what they are
 * called, which source fields they read, which forms they have. Run at build time; nothing here is typed
 * from a manual but the shape of the encodings.
 *
 * Each opcode is tried with a few nominal operand patterns, because LLVM rejects nonzero bits in
 * fields an instruction does not use; the first accepted pattern tells which fields it reads.
 */
#include "encoding.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_OPS 1024
#define MARK 0xbf808000u /* s_nop with bit 15 set: separates the answers */

struct pattern {
	uint32_t w0, w1; /* w0 without the encoding's fixed bits */
};

/* vdst or sdst 6, sources 2, 4, 8 (VGPRs where the field allows), SGPR sources 8 and 12. */
#define VSRC(n) (256u + (n))
static const struct pattern patterns[ENC_COUNT][9] = {
	[ENC_SOP1] = {{6 << 16 | 2}, {6 << 16}},
	[ENC_SOPC] = {{4 << 8 | 2}},
	[ENC_SOPP] = {{3}, {0}},
	[ENC_SOPK] = {{6 << 16 | 3, 0x11223344}},
	[ENC_SOP2] = {{6 << 16 | 4 << 8 | 2}},
	[ENC_VOP1] = {{6 << 17 | VSRC(2)}, {6 << 17}, {0}},
	[ENC_VOPC] = {{4 << 9 | VSRC(2)}},
	[ENC_VOP2] = {{6 << 17 | 4 << 9 | VSRC(2), 0x11223344}},
	[ENC_VOP3P] = {{6, VSRC(2) | VSRC(4) << 9 | VSRC(8) << 18}, {6, VSRC(2) | VSRC(4) << 9}},
	[ENC_VOP3] = {{6, VSRC(2) | VSRC(4) << 9 | VSRC(8) << 18},
		      {6, VSRC(2) | VSRC(4) << 9 | 12 << 18},
		      {6, VSRC(2) | 8 << 9 | 12 << 18},
		      {6, VSRC(2) | VSRC(4) << 9},
		      {6, VSRC(2) | 8 << 9},
		      {6, VSRC(2)},
		      {6, 0},
		      {0, 0}},
	[ENC_VINTRP] = {{6 << 18 | 1}},
	[ENC_SMEM] = {{16 << 6 | 2, 0xfa000000}, {2, 0xfa000000}, {16 << 6, 0xfa000000}, {0, 0xfa000000},
		      {16 << 6, 0}, {0, 0}},
	[ENC_DS] = {{0, 6u << 24 | 8 << 16 | 4 << 8 | 2}, {0, 6u << 24 | 4 << 8 | 2}, {0, 4 << 8 | 2},
		    {0, 6u << 24 | 2}, {0, 6u << 24}, {0, 2}, {1 << 17, 2}, {1 << 17, 0}, {0, 0}},
	[ENC_FLAT] = {{0, 6u << 24 | 0x7d << 16 | 4 << 8 | 2}, {0, 6u << 24 | 0x7d << 16 | 2},
		      {0, 0x7d << 16 | 4 << 8 | 2}},
	/* csub exists with GLC only; the ADDTID forms have no address register */
	[ENC_GLOBAL] = {{0, 6u << 24 | 0x7d << 16 | 4 << 8 | 2}, {0, 6u << 24 | 0x7d << 16 | 2},
			{0, 0x7d << 16 | 4 << 8 | 2}, {1 << 16, 6u << 24 | 0x7d << 16 | 4 << 8 | 2}},
	[ENC_SCRATCH] = {{0, 6u << 24 | 0x7d << 16 | 4 << 8 | 2}, {0, 6u << 24 | 0x7d << 16 | 2},
			 {0, 0x7d << 16 | 4 << 8 | 2}},
	[ENC_MUBUF] = {{1 << 12, 8u << 24 | 2 << 16 | 4 << 8 | 2},
		       {1 << 12 | 1 << 14, 8u << 24 | 2 << 16 | 4 << 8 | 2},
		       {0, 0}},
	[ENC_MTBUF] = {{1 << 12 | 5 << 19, 8u << 24 | 2 << 16 | 4 << 8 | 2}},
	[ENC_MIMG] = {{1 << 8 | 1 << 3, 2u << 21 | 2 << 16 | 4 << 8 | 2},
		      {15 << 8 | 1 << 3, 2u << 21 | 2 << 16 | 4 << 8 | 2}},
	[ENC_EXP] = {{0, 0x04030201}},
};

struct name {
	char text[48];
};

static struct name names[4096];
static unsigned int num_names = 1; /* op 0 is "no such instruction" */
static struct decode_row rows[ENC_COUNT][MAX_OPS]; /* of one processor */
static const char *llvm_mc, *mcpu;

static void die(const char *what)
{
	fprintf(stderr, "gen-decode: %s\n", what);
	exit(1);
}

static unsigned int name_id(const char *text)
{
	for (unsigned int i = 1; i < num_names; i++)
		if (!strcmp(names[i].text, text))
			return i;
	if (num_names == sizeof(names) / sizeof(names[0]) || strlen(text) >= sizeof(names[0].text))
		die("too many or too long mnemonics");
	strcpy(names[num_names].text, text);
	return num_names++;
}

/* "v_add_f32_e32" is v_add_f32 in one of its forms. */
static void strip_form(char *name)
{
	static const char *const forms[] = {"_e32", "_e64", "_sdwa", "_dpp"};
	size_t n = strlen(name);

	for (unsigned int i = 0; i < 4; i++) {
		size_t m = strlen(forms[i]);

		if (n > m && !strcmp(name + n - m, forms[i]))
			name[n - m] = 0;
	}
}

/* Whether operand text "v2" or "v[2:5]" names register `reg` of file `file`. */
static int mentions(const char *text, char file, unsigned int reg)
{
	char one[16], many[16];

	snprintf(one, sizeof(one), " %c%u", file, reg);
	snprintf(many, sizeof(many), " %c[%u:", file, reg);
	for (const char *at = text; (at = strstr(at, one)); at++)
		if (!strchr("0123456789", at[strlen(one)]) || !at[strlen(one)])
			return 1;
	return strstr(text, many) != NULL;
}

/* The second operand ("v6, s0, v2" -> "s0") begins with s: VOP3B. */
static int second_is_scalar(const char *text)
{
	const char *comma = strchr(text, ',');

	return comma && (comma[2] == 's' || !strncmp(comma + 2, "vcc", 3)) &&
	       !mentions(text, 's', 8);
}

static void take(const struct encoding *e, unsigned int op, const struct pattern *p, char *text,
		 unsigned int dwords)
{
	char name[64], *operands;
	struct decode_row *row = &rows[e->enc][op];

	if (sscanf(text, " %63s", name) != 1)
		die("empty line");
	operands = strstr(text, name) + strlen(name);
	strip_form(name);
	row->op = (uint16_t)name_id(name);
	switch (e->enc) {
	case ENC_SOP1:
		if (mentions(operands, 's', 2))
			row->flags |= ROW_SRC0;
		break;
	case ENC_SOP2:
	case ENC_SOPC:
		row->flags |= ROW_SRC0 | ROW_SRC1;
		break;
	case ENC_VOP1:
		if (mentions(operands, 'v', 2))
			row->flags |= ROW_SRC0;
		if (mentions(operands, 's', 6))
			row->flags |= ROW_SGPR_DST;
		break;
	case ENC_VOP2:
	case ENC_VOPC:
		row->flags |= ROW_SRC0 | ROW_SRC1;
		break;
	case ENC_VOP3:
	case ENC_VOP3P:
		if (mentions(operands, 'v', 2))
			row->flags |= ROW_SRC0;
		if (mentions(operands, 'v', 4) || mentions(operands, 's', 8))
			row->flags |= ROW_SRC1;
		if (p->w1 >> 18 && (mentions(operands, 'v', 8) || mentions(operands, 's', 12)))
			row->flags |= ROW_SRC2;
		if (mentions(operands, 's', 6))
			row->flags |= ROW_SGPR_DST;
		else if (e->enc == ENC_VOP3 && second_is_scalar(operands))
			row->flags |= ROW_SDST;
		break;
	default:
		break;
	}
	if (dwords > e->dwords && (e->enc == ENC_VOP2 || e->enc == ENC_SOPK))
		row->flags |= ROW_LITERAL;
}

static void put_bytes(FILE *f, const uint32_t *w, unsigned int n)
{
	fputc('[', f);
	for (unsigned int i = 0; i < 4 * n; i++)
		fprintf(f, "0x%02x%c", (w[i / 4] >> (8 * (i & 3))) & 0xff, i + 1 < 4 * n ? ' ' : ']');
	fputc('\n', f);
}

static void put_words(FILE *f, uint32_t w0, uint32_t w1)
{
	put_bytes(f, (uint32_t[]){w0, w1}, 2);
}

static void put_words3(FILE *f, uint32_t w0, uint32_t w1, uint32_t w2)
{
	put_bytes(f, (uint32_t[]){w0, w1, w2}, 3);
}

/* Run llvm-mc over the words of `in`; calls back for each with the first line it printed, or NULL. */
static void disassemble(const char *in, void (*answer)(void *arg, unsigned int i, char *line), void *arg)
{
	char cmd[8192], line[512], first[512] = "";
	FILE *p;

	snprintf(cmd, sizeof(cmd),
		 "%s --disassemble -arch=amdgcn -mcpu=%s --show-encoding %s 2>/dev/null", llvm_mc, mcpu,
		 in);
	p = popen(cmd, "r");
	if (!p)
		die("cannot run llvm-mc");
	while (fgets(line, sizeof(line), p)) {
		unsigned int mark;

		if (!strstr(line, "encoding:"))
			continue;
		if (sscanf(line, " s_nop %i", (int *)&mark) == 1 && (mark & 0x8000)) {
			answer(arg, mark & 0x7fff, first[0] ? first : NULL);
			first[0] = 0;
		} else if (!first[0]) {
			strcpy(first, line);
		}
	}
	/* Its status is 1 when any word was invalid, which most are; write_tables checks the yield. */
	pclose(p);
}

static unsigned int encoded_dwords(char *line)
{
	char *at = strstr(line, "encoding: [");
	unsigned int bytes = 1;

	for (char *c = at; *c && *c != ']'; c++)
		bytes += *c == ',';
	*strchr(line, ';') = 0;
	return bytes / 4;
}

/* LLVM decodes a few words to instructions that it would encode elsewhere: those do not count. */
static int same_opcode(const struct encoding *e, unsigned int op, const char *line)
{
	const char *at = strstr(line, "encoding: [") + strlen("encoding: [");
	uint32_t w[2] = {0};
	char *end;

	for (unsigned int i = 0; i < 8 && at[-1] != ']'; i++, at = end + 1)
		w[i / 4] |= (uint32_t)strtoul(at, &end, 16) << (8 * (i & 3));
	return encoding_of(w[0]) == e && opcode_of(e, w[0], w[1]) == op;
}

struct sweep {
	const struct encoding *e;
	const struct pattern *p;
	unsigned int source; /* sweep_literals: the field that holds 255 */
};

static void accept(void *arg, unsigned int op, char *line)
{
	struct sweep *s = arg;

	if (line && !rows[s->e->enc][op].op && same_opcode(s->e, op, line)) {
		unsigned int dwords = encoded_dwords(line);

		take(s->e, op, s->p, line, dwords);
	}
}

static void sweep(const struct encoding *e, const char *tmp)
{
	for (unsigned int v = 0; v < 9; v++) {
		const struct pattern *p = &patterns[e->enc][v];
		struct sweep s = {e, p, 0};
		FILE *f;

		if (v && !p->w0 && !p->w1 && !(patterns[e->enc][v - 1].w0 | patterns[e->enc][v - 1].w1))
			break;
		f = fopen(tmp, "w");
		if (!f)
			die("cannot write the sweep file");
		for (unsigned int op = 0; op < 1u << e->op_bits; op++) {
			uint32_t w0 = e->match | p->w0, w1 = p->w1;

			put_opcode(e, op, &w0, &w1);
			if (rows[e->enc][op].op || encoding_of(w0) != e)
				continue;
			put_words(f, w0, w1);
			put_words(f, MARK | op, MARK | 0x7fff);
		}
		fclose(f);
		disassemble(tmp, accept, &s);
	}
}

static void accept_literal(void *arg, unsigned int op, char *line)
{
	struct sweep *s = arg;

	if (line && encoded_dwords(line) == 3)
		rows[s->e->enc][op].flags |= (uint16_t)(ROW_LIT0 << s->source);
}

/* Which source fields of a VOP3 instruction may announce a literal: those that are not VGPR-only. */
static void sweep_literals(const struct encoding *e, const char *tmp)
{
	for (unsigned int source = 0; source < 3; source++) {
		struct sweep s = {e, NULL, source};
		FILE *f = fopen(tmp, "w");

		if (!f)
			die("cannot write the sweep file");
		for (unsigned int op = 0; op < 1u << e->op_bits; op++) {
			uint16_t flags = rows[e->enc][op].flags;
			uint32_t w0 = e->match | 6, w1 = 0;

			if (!(flags & (ROW_SRC0 << source)))
				continue;
			for (unsigned int i = 0; i < 3; i++)
				if (flags & (ROW_SRC0 << i))
					w1 |= (i == source ? 255 : VSRC(2 << i)) << (9 * i);
			put_opcode(e, op, &w0, &w1);
			put_words3(f, w0, w1, 0x11223344);
			put_words(f, MARK | op, MARK | 0x7fff);
		}
		fclose(f);
		disassemble(tmp, accept_literal, &s);
	}
}

static void write_rows(FILE *f)
{
	unsigned int total = 0;

	for (unsigned int i = 0; i < sizeof(encodings) / sizeof(encodings[0]); i++) {
		const struct encoding *e = &encodings[i];

		fprintf(f, "static const struct decode_row rows_%s_%s[%u] = {\n", mcpu, e->name, 1u << e->op_bits);
		for (unsigned int op = 0; op < 1u << e->op_bits; op++) {
			const struct decode_row *r = &rows[e->enc][op];

			if (!r->op)
				continue;
			total++;
			fprintf(f, "\t[%u] = {OP_%s, %u},\n", op, names[r->op].text, r->flags);
		}
		fprintf(f, "};\n");
	}
	fprintf(f, "static const struct decode_row *const rows_%s[ENC_COUNT] = {\n", mcpu);
	for (unsigned int i = 0; i < sizeof(encodings) / sizeof(encodings[0]); i++)
		fprintf(f, "\t[ENC_%s] = rows_%s_%s,\n", encodings[i].name, mcpu, encodings[i].name);
	fprintf(f, "};\n\n");
	/* A sweep that found little did not work; gfx1010 has 1166 names in LLVM 15. */
	if (num_names < 900 || total < 1200 || ferror(f))
		die("the sweep found too few instructions: does llvm-mc run, and was it built with AMDGPU?");
}

static void sweep_all(const char *tmp)
{
	memset(rows, 0, sizeof(rows));
	for (unsigned int i = 0; i < sizeof(encodings) / sizeof(encodings[0]); i++)
		sweep(&encodings[i], tmp);
	for (unsigned int i = 0; i < sizeof(encodings) / sizeof(encodings[0]); i++)
		if (encodings[i].enc == ENC_VOP3 || encodings[i].enc == ENC_VOP3P)
			sweep_literals(&encodings[i], tmp);
}

/* The rows go to a second file first: the names come before them and are known after all sweeps. */
int main(int argc, char **argv)
{
	char tmp[4096], new[4096];
	FILE *f, *body = tmpfile();
	int c;

	if (argc < 4 || !body)
		die("usage: gen-decode LLVM_MC OUT.h MCPU...");
	llvm_mc = argv[1];
	/* Nobody else's, and the header is there whole or not at all: half a table would be taken for
	 * the truth. */
	snprintf(tmp, sizeof(tmp), "%s.%d.sweep", argv[2], getpid());
	snprintf(new, sizeof(new), "%s.%d.new", argv[2], getpid());
	for (int i = 3; i < argc; i++) {
		mcpu = argv[i];
		sweep_all(tmp);
		write_rows(body);
	}
	remove(tmp);
	f = fopen(new, "w");
	if (!f)
		die("cannot write the header");
	fprintf(f, "/* Made by gen-decode from %s --disassemble. */\nenum op {\n\tOP_none,\n", llvm_mc);
	for (unsigned int i = 1; i < num_names; i++)
		fprintf(f, "\tOP_%s,\n", names[i].text);
	fprintf(f, "\tOP_COUNT\n};\n\nenum isa {\n");
	for (int i = 3; i < argc; i++)
		fprintf(f, "\tISA_%s,\n", argv[i]);
	fprintf(f, "\tISA_COUNT\n};\n\n#ifdef DECODE_TABLES\n");
	fprintf(f, "static const char *const op_names[OP_COUNT] = {\n\t\"(none)\",\n");
	for (unsigned int i = 1; i < num_names; i++)
		fprintf(f, "\t\"%s\",\n", names[i].text);
	fprintf(f, "};\n\n");
	rewind(body);
	while ((c = getc(body)) != EOF)
		putc(c, f);
	fprintf(f, "static const char *const isa_names[ISA_COUNT] = {\n");
	for (int i = 3; i < argc; i++)
		fprintf(f, "\t\"%s\",\n", argv[i]);
	fprintf(f, "};\nstatic const struct decode_row *const *const decode_rows[ISA_COUNT] = {\n");
	for (int i = 3; i < argc; i++)
		fprintf(f, "\trows_%s,\n", argv[i]);
	fprintf(f, "};\n#endif\n");
	if (ferror(f) || fclose(f) || rename(new, argv[2]))
		die("cannot write the header");
	return 0;
}
