// SPDX-License-Identifier: MIT
/*
 * The emulated device's decoder against llvm-mc: every word LLVM disassembles for gfx1010 must get
 * the same name and length. Words: every opcode of every encoding with the fields of the sweep and
 * with random ones, plain and as SDWA, DPP8, DPP16 and literal forms.
 */
#include "t.h"
#include "../../hsa-tools/emu/insn.h"

#include <unistd.h>

#define DWORDS 4 /* given to both for each word under test */
#define MARK 0xbf808000u

static uint64_t state = 0x9e3779b97f4a7c15ull;
static uint32_t (*tested)[DWORDS];
static unsigned int num_tested, cap_tested;
static bool seen[OP_COUNT];

static uint32_t rnd(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 16);
}

static void add(uint32_t w0, uint32_t w1, uint32_t w2)
{
	if (num_tested == cap_tested) {
		cap_tested = cap_tested ? cap_tested * 2 : 4096;
		tested = realloc(tested, cap_tested * sizeof(*tested));
	}
	tested[num_tested][0] = w0;
	tested[num_tested][1] = w1;
	tested[num_tested][2] = w2;
	tested[num_tested++][3] = rnd();
}

static void add_opcode(const struct encoding *e, unsigned int op)
{
	for (int k = 0; k < 60; k++) {
		uint32_t w0 = e->match, w1 = 0;
		/* Random bits, thinned out: unused fields must often be zero. */
		uint32_t r0 = rnd(), r1 = rnd();

		if (k % 3 == 1) {
			r0 &= rnd();
			r1 &= rnd();
		} else if (k % 3 == 2) {
			r0 &= rnd() & rnd() & rnd();
			r1 &= rnd() & rnd() & rnd();
		}
		/* VOP3 operands: VGPRs, few modifiers, source 2 unused half of the time. */
		if ((e->enc == ENC_VOP3 || e->enc == ENC_VOP3P) && k < 30) {
			r0 = (r0 & 0xff) | (e->enc == ENC_VOP3P ? 1 << 14 : 0);
			r1 = (256 + (r1 & 0x7f)) | (256 + (r1 >> 8 & 0x7f)) << 9 |
			     (k & 1 ? (256 + (r1 >> 16 & 0x7f)) << 18 : 0);
			if (k % 5 == 0)
				r1 = (r1 & ~0x1ffu) | OPERAND_LITERAL;
			if (k % 7 == 0)
				r1 = (r1 & ~(0x1ffu << 9)) | (rnd() % 106) << 9;
			if (k % 11 == 0)
				r1 &= 0x1ff;
		}
		if (e->enc == ENC_DS && k < 40) {
			r0 &= k % 5 ? 0xffff : 0x2ffff;
			r1 = (r1 & 0xff) | (k & 1 ? r1 & 0xff00 : 0) | (k & 2 ? r1 & 0xff0000 : 0) |
			     (k & 4 ? r1 & 0xff000000 : 0);
		}
		if ((e->enc == ENC_FLAT || e->enc == ENC_GLOBAL || e->enc == ENC_SCRATCH) && k < 40) {
			r0 &= e->enc == ENC_FLAT ? 0x31000 : 0x31fff;
			r1 = (r1 & (k & 1 ? 0xff00ffff : k & 2 ? 0xff0000ff : 0x0000ffff)) | 0x7d0000;
		}
		if (e->enc == ENC_DS && k >= 50)
			r0 |= 1 << 17;
		if (e->enc == ENC_SMEM && k < 20)
			r1 = 0;
		if (e->enc == ENC_SMEM && k < 10)
			r0 &= 0x7f << 6;
		if ((e->enc == ENC_MUBUF || e->enc == ENC_MTBUF) && r1 >> 24 == OPERAND_LITERAL)
			r1 = 0; /* llvm-mc reads a literal here, which the encoding cannot have */
		if (k == 57)
			r1 = 0;
		if (k >= 58) {
			r0 = e->enc == ENC_DS && k == 58 ? 1 << 17 : 0;
			r1 = 0;
		}
		put_opcode(e, op, &w0, &w1);
		w0 |= r0 & ~e->mask & ~(((1u << e->op_bits) - 1) << e->op_shift);
		if (e->enc == ENC_MIMG)
			w0 = (w0 & ~7u) | (op >> 7) | (rnd() % 2) << 1;
		w1 |= r1;
		/* The forms a first source field announces. */
		if (e->enc == ENC_VOP1 || e->enc == ENC_VOP2 || e->enc == ENC_VOPC) {
			static const uint32_t announce[] = {249, 250, 233, 234, 255};

			if (k < 40)
				w0 = (w0 & ~0x1ffu) | announce[k % 5];
			/* SDWA: selects 0..6, anything else makes llvm-mc crash. */
			if (k < 40 && k % 5 == 0) {
				w1 = (rnd() & 0xff) | (rnd() % 7) << 16 | (rnd() % 7) << 24;
				if (e->enc != ENC_VOPC)
					w1 |= (rnd() % 7) << 8 | (rnd() % 3) << 11;
			}
			if (k < 40 && k % 5 == 1)
				w1 = (rnd() & 0xff) | (rnd() % 0xff) << 8 | 0xff000000u;
		}
		if ((w0 & 0xffff8000) == MARK)
			w0 &= ~0x8000u;
		add(w0, w1, rnd());
	}
}

static void put_words(FILE *f, const uint32_t *w, unsigned int n)
{
	fputc('[', f);
	for (unsigned int i = 0; i < 4 * n; i++)
		fprintf(f, "0x%02x%c", (w[i / 4] >> (8 * (i & 3))) & 0xff, i + 1 < 4 * n ? ' ' : ']');
	fputc('\n', f);
}

/* LLVM's name without its form suffix. */
static void base_name(char *name)
{
	static const char *const forms[] = {"_e32", "_e64", "_sdwa", "_dpp"};

	for (unsigned int i = 0; i < 4; i++) {
		size_t n = strlen(name), m = strlen(forms[i]);

		if (n > m && !strcmp(name + n - m, forms[i]))
			name[n - m] = 0;
	}
}

static unsigned int isa; /* under test */

static void compare(const uint32_t *w, const char *line)
{
	char name[64] = "";
	const char *enc = strstr(line, "encoding: [");
	unsigned int bytes = 1;
	struct insn i;

	if (!enc || sscanf(line, " %63s", name) != 1)
		return;
	for (const char *c = enc; *c && *c != ']'; c++)
		bytes += *c == ',';
	base_name(name);
	insn_decode(&i, isa, w, DWORDS);
	t_checks++;
	seen[i.op] = true;
	if (!strcmp(name, op_name(i.op)) && i.dwords * 4 == bytes)
		return;
	if (t_failures++ < 20)
		printf("%08x %08x %08x: llvm %s, %u bytes; here %s, %u bytes\n", w[0], w[1], w[2], name,
		       bytes, op_name(i.op), i.dwords * 4);
}

/*
 * Whether "encoding: [0x..,...]" is the beginning of w. llvm-mc prints what it would assemble, which
 * for odd operands (a float constant in an integer instruction) is longer than what it read.
 */
static bool same_bytes(const char *enc, const uint32_t *w)
{
	const char *at = strchr(enc, '[') + 1;

	for (unsigned int i = 0; *at && at[-1] != ']' && i < 4 * DWORDS; i++) {
		if (strtoul(at, NULL, 16) != ((w[i / 4] >> (8 * (i & 3))) & 0xff))
			return false;
		at += strcspn(at, ",]") + 1;
	}
	return true;
}

/*
 * Give llvm-mc the words from `start` on; returns the index it came to. It crashes on some words
 * that are not instructions, so the caller starts it again behind them.
 */
static unsigned int run_llvm(const char *llvm_mc, const char *path, unsigned int start)
{
	const uint32_t mark = MARK;
	char cmd[256], line[512], first[512] = "";
	unsigned int at = start;
	FILE *f = fopen(path, "w");

	for (unsigned int i = start; i < num_tested; i++) {
		put_words(f, tested[i], DWORDS);
		put_words(f, &mark, 1);
	}
	fclose(f);
	snprintf(cmd, sizeof(cmd),
		 "%s --disassemble -arch=amdgcn -mcpu=%s --show-encoding %s 2>/dev/null", llvm_mc,
		 isa_name(isa), path);
	f = popen(cmd, "r");
	while (f && fgets(line, sizeof(line), f)) {
		const char *enc = strstr(line, "encoding: [");
		unsigned int mark_imm;

		if (!enc)
			continue;
		if (sscanf(line, " s_nop %i", (int *)&mark_imm) == 1 && mark_imm == 0x8000) {
			if (first[0])
				compare(tested[at], first);
			first[0] = 0;
			at++;
			continue;
		}
		/* LLVM skips what it cannot read and goes on behind it: only the word itself counts. */
		if (!first[0] && at < num_tested && same_bytes(enc, tested[at]))
			strcpy(first, line);
	}
	if (f)
		pclose(f);
	return at;
}

static void test_isa(const char *llvm_mc, const char *path)
{
	unsigned int at = 0, crashes = 0, missing = 0, before = t_checks;

	num_tested = 0;
	memset(seen, 0, sizeof(seen));
	for (unsigned int i = 0; i < sizeof(encodings) / sizeof(encodings[0]); i++)
		for (unsigned int op = 0; op < 1u << encodings[i].op_bits; op++)
			add_opcode(&encodings[i], op);
	while (at < num_tested && crashes < 100) {
		at = run_llvm(llvm_mc, path, at);
		if (at < num_tested) {
			at++;
			crashes++;
		}
	}
	printf("%s: %u of %u words are instructions to LLVM, which crashed on %u\n", isa_name(isa),
	       t_checks - before, num_tested, crashes);
	CHECK(t_checks - before > 20000);
	CHECK_EQ(at, num_tested);
	for (unsigned int op = 1; op < OP_COUNT; op++)
		if (!seen[op] && isa_has(isa, op) && missing++ < 70)
			printf("never met: %s\n", op_name(op));
	CHECK_EQ(missing, 0);
}

/* What gfx1011 and gfx1012 have is in these. */
int main(int argc, char **argv)
{
	static const unsigned int isas[] = {ISA_gfx1010, ISA_gfx1030};
	char path[] = "/tmp/isa-words.XXXXXX";

	close(mkstemp(path));
	for (unsigned int n = 0; n < sizeof(isas) / sizeof(isas[0]); n++) {
		isa = isas[n];
		test_isa(argc > 1 ? argv[1] : "llvm-mc-15", path);
	}
	unlink(path);
	END_TESTS;
}
