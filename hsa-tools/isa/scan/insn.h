/* SPDX-License-Identifier: MIT */
/*
 * What the rules ask of an instruction: its family, what it reads and writes of the scalar registers, and the
 * properties by which LLVM's hazard recognizer tells instructions apart. Learned once for each encoding.
 */
#ifndef RDNA1_SCAN_INSN_H
#define RDNA1_SCAN_INSN_H

#include "align.h"
#include "comgr.h"
#include "scan.h"

/* Registers by the number that an operand has in the encoding: SGPRs, VCC 106, ttmp 108, M0 124, EXEC 126. */
struct regs {
	uint64_t w[2];
};

enum { REG_VCC = 106, REG_TTMP = 108, REG_M0 = 124, REG_NULL = 125, REG_EXEC = 126 };

#define INSN_FLAG(n) (1ull << (n))
#define INSN_SALU	 INSN_FLAG(0)	/* SOP1, SOP2, SOPC, SOPK, SOPP: LLVM's isSALU */
#define INSN_SOPP	 INSN_FLAG(1)
#define INSN_SMEM	 INSN_FLAG(2)
#define INSN_VALU	 INSN_FLAG(3)
#define INSN_VMEM	 INSN_FLAG(4)	/* MUBUF, MTBUF, MIMG */
#define INSN_BUFFER	 INSN_FLAG(5)	/* MUBUF, MTBUF */
#define INSN_FLAT	 INSN_FLAG(6)	/* FLAT, GLOBAL, SCRATCH */
#define INSN_SEGMENT	 INSN_FLAG(7)	/* GLOBAL, SCRATCH */
#define INSN_DS		 INSN_FLAG(8)
#define INSN_BRANCH	 INSN_FLAG(9)	/* jumps, perhaps */
#define INSN_DIRECT	 INSN_FLAG(10)	/* ... by imm dwords behind its end */
#define INSN_STOPS	 INSN_FLAG(11)	/* what is behind it is not reached from it */
#define INSN_INDIRECT	 INSN_FLAG(12)	/* s_setpc, s_swappc: to what use holds */
#define INSN_CALL	 INSN_FLAG(13)
#define INSN_RETURN	 INSN_FLAG(14)	/* s_setpc s[30:31] */
#define INSN_GETPC	 INSN_FLAG(15)
#define INSN_READS_EXEC	 INSN_FLAG(16)	/* no VALU: those all do */
#define INSN_WRITES_EXEC INSN_FLAG(17)	/* VALU only */
#define INSN_SDST	 INSN_FLAG(18)	/* VALU with an operand sdst, or an implicit one: VCC, EXEC */
#define INSN_SGPR_DST	 INSN_FLAG(19)	/* VALU that writes an SGPR in any way */
#define INSN_MASK_DST	 INSN_FLAG(20)	/* def is as wide as the wave: one register, or two */
#define INSN_VOPC	 INSN_FLAG(21)	/* by encoding */
#define INSN_CMPX	 INSN_FLAG(22)
#define INSN_PERMLANE	 INSN_FLAG(23)
#define INSN_NOP	 INSN_FLAG(24)	/* v_nop */
#define INSN_WAITS_ALL	 INSN_FLAG(25)	/* s_waitcnt 0 */
#define INSN_WAITS_LGKM	 INSN_FLAG(26)	/* s_waitcnt lgkmcnt(0), also with others */
#define INSN_WAITS_STORE INSN_FLAG(27)	/* s_waitcnt_vscnt null, 0 */
#define INSN_DEPCTR_SRC	 INSN_FLAG(28)	/* s_waitcnt_depctr with vm_vsrc 0 */
#define INSN_DEPCTR_SDST INSN_FLAG(29)	/* ... with sa_sdst 0 */
#define INSN_NO_BREAK	 INSN_FLAG(30)	/* SALU that does not end SMEM-to-vector: SOPP, s_waitcnt_*cnt, s_version */
#define INSN_NSA	 INSN_FLAG(31)
#define INSN_LONG_NSA	 INSN_FLAG(32)	/* of 16 bytes and more */
#define INSN_ODD_OFFSET	 INSN_FLAG(33)	/* MUBUF, MTBUF with offset & 6 */
#define INSN_CLAUSE	 INSN_FLAG(34)	/* s_clause */
#define INSN_PREFETCH	 INSN_FLAG(35)
#define INSN_FLAT_OFFSET INSN_FLAG(36)	/* FLAT, not GLOBAL or SCRATCH, with an offset */
#define INSN_SCRATCH_OFF INSN_FLAG(37)	/* SCRATCH with a negative offset, no multiple of 4 */
#define INSN_GLC	 INSN_FLAG(38)
#define INSN_DLC	 INSN_FLAG(39)
#define INSN_SLC	 INSN_FLAG(40)
#define INSN_ILLEGAL	 INSN_FLAG(41)
#define INSN_OTHER	 INSN_FLAG(42)
#define INSN_UNDECODED	 INSN_FLAG(43)
#define INSN_MEMORY	 INSN_FLAG(44)
#define INSN_SDEF	 INSN_FLAG(45)	/* SALU, SMEM with an explicit destination */

struct insn {
	uint64_t flags;
	struct regs use, def; /* scalar ones; def: explicit, of VALU the one destination */
	int32_t imm;	      /* SOPP, SOPK: simm16; LDS and FLAT: offset */
	uint8_t size, family;
	uint8_t lds_dwords;   /* of an LDS or FLAT access of several dwords at one address; else 0 */
	uint8_t lds_align;    /* the alignment that it needs, bytes */
	uint8_t lds_base;     /* VGPR of its address */
	struct align_op align;
};

/* What was learned, for one ISA. */
struct insns *insns__new(struct comgr *c, const char *isa);
void insns__free(struct insns *t);
/* Whether it learned so much that a new one is better. */
bool insns__full(const struct insns *t);

/* The instruction at code, of which len bytes are there (4 at least). NULL: no memory. Lives as long as t. */
const struct insn *insns__at(struct insns *t, const uint8_t *code, size_t len);

/* Its text, for people; wave64: masks are pairs of registers. Returns its length in bytes, as above. */
size_t insns__text(struct insns *t, const uint8_t *code, size_t len, bool wave64, char text[COMGR_TEXT]);

static inline bool regs_overlap(const struct regs *a, const struct regs *b)
{
	return (a->w[0] & b->w[0]) | (a->w[1] & b->w[1]);
}

static inline void regs_add(struct regs *r, unsigned int reg)
{
	r->w[reg / 64 & 1] |= 1ull << reg % 64;
}

#endif
