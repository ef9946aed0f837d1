/* SPDX-License-Identifier: MIT */
/*
 * The code of a code object, read for what it would do on gfx1010 silicon: one bare AMDGPU ELF file in memory ->
 * its ISA, compiler, kernels, instructions by family, and the places at which gfx1010 is documented to go wrong where
 * the chip that the code was built for does not. No input or output but the buffer; no HSA. Disassembles with
 * libamd_comgr, which is loaded when a struct scan is made, and not before.
 *
 * Where the hazards come from: LLVM's llvm/lib/Target/AMDGPU (AMDGPU.td, GCNHazardRecognizer.cpp) and Mesa's
 * src/amd/compiler/README-ISA.md; each class names its own. They say what the hardware does; nobody of this project
 * measured it on silicon. All of it matters only where the code runs on gfx1010, 1011 or 1012: a gfx1030 object on
 * RDNA2 is fine.
 */
#ifndef RDNA1_ISA_SCAN_H
#define RDNA1_ISA_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- classes of hazards ---- */

enum scan_hazard {
	/* LLVM's hazard recognizer puts an instruction in between. */
	SCAN_VCMPX_EXEC_WAR,	/* a non-VALU instruction reads EXEC, then v_cmpx writes it; LLVM's definition */
	SCAN_VCMPX_EXEC_WAR_ACO, /* the same by Mesa's definition: v_readlane and v_readfirstlane end it, too */
	SCAN_VMEM_TO_SCALAR,	/* a VMEM, FLAT or DS instruction reads an SGPR, then SALU or SMEM writes it */
	SCAN_SMEM_TO_VECTOR,	/* SMEM reads an SGPR, then VALU writes it */
	SCAN_VCMPX_PERMLANE,	/* v_cmpx, then v_permlane */
	SCAN_LDS_BRANCH_VMEM,	/* LDS, branch, VMEM, or VMEM, branch, LDS */
	SCAN_NSA_TO_VMEM,	/* a long NSA image instruction, then MUBUF or MTBUF with certain offsets */
	SCAN_OFFSET_3F,		/* a branch over 0x3f dwords */
	/* LLVM's selection avoids the instruction. */
	SCAN_FLAT_OFFSET,	/* FLAT with an immediate offset, which gfx1010 ignores in global memory */
	SCAN_INST_PREFETCH,	/* s_inst_prefetch: can hang */
	SCAN_LDS_MISALIGNED,	/* LDS or FLAT access of several dwords that may be misaligned, in WGP mode */
	SCAN_NSA_CLAUSE,	/* NSA image instructions that form a clause */
	SCAN_SCRATCH_OFFSET,	/* SCRATCH with a negative offset that is no multiple of 4 */
	/* The encoding is none, or another one, on gfx1010. */
	SCAN_ILLEGAL,		/* gfx1010 lacks the instruction */
	SCAN_OTHER_MEANING,	/* gfx1010 takes it for another instruction or operand */
	SCAN_NUM_HAZARDS,
};

/* How a class is decided. */
enum scan_kind {
	SCAN_RECOGNIZER, /* two instructions and what is between them, as LLVM's hazard recognizer does it */
	SCAN_SELECTION,	 /* one instruction (or its neighbours) that LLVM does not select for gfx1010 */
	SCAN_ENCODING,	 /* decoded once for the object's ISA, once for gfx1010 */
};

struct scan_class {
	const char *id;	   /* "vcmpx-exec-war" */
	const char *title; /* one line */
	const char *what;  /* what the chip is said to do */
	const char *source; /* who says so */
	const char *mattr; /* LLVM's name of the feature, for llc -mattr=+NAME; NULL: none */
	enum scan_kind kind;
	bool may_hang, may_fault;
};

extern const struct scan_class scan_classes[SCAN_NUM_HAZARDS];

/* ---- families of instructions ---- */

enum scan_family {
	SCAN_SALU,	/* SOP1, SOP2, SOPC, SOPK */
	SCAN_SMEM,
	SCAN_VALU,	/* VOP*, v_interp */
	SCAN_MUBUF,	/* and MTBUF */
	SCAN_MIMG,
	SCAN_FLAT,
	SCAN_GLOBAL,
	SCAN_SCRATCH,
	SCAN_LDS,	/* and GDS */
	SCAN_EXPORT,
	SCAN_BRANCH,	/* s_branch, s_cbranch_*, s_setpc, s_swappc, s_call */
	SCAN_WAIT,	/* s_waitcnt*, s_nop, s_sleep, s_barrier, ...: the rest of SOPP */
	SCAN_UNDECODED, /* dwords that are no instruction of the object's ISA */
	SCAN_NUM_FAMILIES,
};

extern const char *const scan_family_names[SCAN_NUM_FAMILIES]; /* "SALU" */

/* ---- the result; all of it belongs to the struct scan_object ---- */

struct scan_site {
	enum scan_hazard hazard;
	uint64_t va;	  /* of the instruction that it strikes at; a virtual address of the ELF file, like in llvm-objdump */
	uint64_t from_va; /* of the one that it begins with (the reader of EXEC, ...); 0 without */
	const char *text, *from_text; /* both instructions; from_text may be NULL */
};

/* What was counted in some code. */
struct scan_counts {
	uint64_t family[SCAN_NUM_FAMILIES];
	uint64_t insns, bytes;
	uint64_t memory, glc, dlc, slc; /* MUBUF, MIMG, FLAT, GLOBAL, SCRATCH and SMEM; those of them with that bit */
	uint64_t v_cmpx, inst_prefetch;
	uint64_t indirect; /* jumps and calls through a register whose target is not known */
	uint64_t cut;	   /* kernels (0 or 1 in one) too tangled to be searched to the end: hazards may be missing */
	uint64_t hazard[SCAN_NUM_HAZARDS];
};

struct scan_kernel {
	const char *name;
	bool is_function;	/* no kernel, but a function that kernels may call: no descriptor, no metadata */
	bool no_code;		/* its entry lies outside of the file's code: nothing counted */
	uint64_t descriptor_va; /* of the .kd symbol; 0 without */
	uint64_t entry_va;
	uint32_t wavefront_size; /* 32 or 64, from the descriptor */
	bool wgp_mode;		 /* of the descriptor */
	uint32_t vgprs, sgprs;	 /* metadata, else the descriptor's granules; 0: not said */
	uint32_t lds_bytes, scratch_bytes, kernarg_bytes; /* fixed parts */
	uint32_t sgpr_spills, vgpr_spills;
	struct scan_counts counts;
	const struct scan_site *sites; /* by address; at most options.max_sites of each class */
	size_t num_sites;
};

struct scan_object {
	char isa[32];	      /* of e_flags: "gfx1030", or "EF_AMDGPU_MACH 0x99" */
	const char *target;   /* of the metadata: "amdgcn-amd-amdhsa--gfx1030"; "" without (V3) */
	const char *compiler; /* what .comment says, without the linker: "AMD clang version 15.0.0 (...)"; "" without */
	uint32_t e_flags;
	uint32_t version[2];  /* amdhsa.version: 1.0 is V3, 1.1 V4, 1.2 V5; 0.0 without */
	bool gfx10;	      /* hazards were looked for: the ISA is one of gfx10 */
	bool native;	      /* built for gfx1010, 1011, 1012 or 1013 */
	uint64_t code_bytes;  /* of executable sections or segments */
	struct scan_kernel *kernels; /* and functions */
	size_t num_kernels, num_functions; /* kernels stand first; functions follow them */
	struct scan_counts total;    /* code that several kernels reach is counted once for each */
};

/* ---- doing it ---- */

struct scan;

struct scan_options {
	unsigned int llvm; /* hazards as this version of LLVM defines them; 0: as the newest does */
	size_t max_sites; /* kept per kernel and class; counts are always complete. 0: none, SIZE_MAX: all */
	void (*progress)(void *ctx, uint64_t bytes); /* called now and then: bytes of code read since the last call */
	void *ctx;
};

/*
 * Loads libamd_comgr. NULL when it cannot be had: *why is then a sentence for the user, with the Debian package. One
 * struct scan is for one thread at a time; it keeps what it learned of encodings from object to object.
 */
struct scan *scan__new(const char **why);
void scan__free(struct scan *s);
/* Of the libamd_comgr that it uses; 0.0 where that does not say it. */
void scan__comgr_version(const struct scan *s, size_t *major, size_t *minor);

/*
 * data: one ELF file for AMDGPU, alive as long as the result. Returns 0, -EINVAL when it is none, -EBADMSG when it is
 * damaged, -ENOEXEC when it is not linked yet, -ENOTSUP when comgr cannot disassemble its ISA, -ENOMEM.
 */
int scan__object(struct scan *s, const void *data, size_t len, const struct scan_options *o,
		 struct scan_object **result);
void scan_object__free(struct scan_object *object);

/* The hazards that matter, of all that were counted: without the class that stands for another one's definition. */
uint64_t scan_counts__hazards(const struct scan_counts *c);

/* "gfx1030" of e_flags; NULL when it is not known. */
const char *scan_isa_name(uint32_t e_flags);

#endif
