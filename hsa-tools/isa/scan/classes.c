// SPDX-License-Identifier: MIT
#include "scan.h"

#define LLVM "LLVM, "
#define ACO "Mesa, src/amd/compiler/README-ISA.md, "

const struct scan_class scan_classes[SCAN_NUM_HAZARDS] = {
	[SCAN_VCMPX_EXEC_WAR] = {
		.id = "vcmpx-exec-war",
		.title = "EXEC is read by a non-VALU instruction, then written by v_cmpx",
		.what = "The reader may see the EXEC that is written after it: lanes are lost, branches go wrong, "
			"outputs stay unwritten, indices and addresses become garbage.",
		.source = LLVM "GCNHazardRecognizer.cpp, fixVcmpxExecWARHazard; " ACO "VcmpxExecWARHazard",
		.mattr = "vcmpx-exec-war-hazard",
		.kind = SCAN_RECOGNIZER, .may_fault = true, .may_hang = true,
	},
	[SCAN_VCMPX_EXEC_WAR_ACO] = {
		.id = "vcmpx-exec-war-aco",
		.title = "the same by Mesa's definition: v_readlane and v_readfirstlane end it, too",
		.what = "As vcmpx-exec-war. Any VALU instruction that writes an SGPR is taken as a barrier.",
		.source = ACO "VcmpxExecWARHazard",
		.kind = SCAN_RECOGNIZER, .may_fault = true, .may_hang = true,
	},
	[SCAN_VMEM_TO_SCALAR] = {
		.id = "vmem-to-scalar-write",
		.title = "VMEM, FLAT or LDS reads an SGPR, M0 or EXEC, then SALU or SMEM writes it",
		.what = "The memory instruction may use what is written after it.",
		.source = LLVM "GCNHazardRecognizer.cpp, fixVMEMtoScalarWriteHazards; " ACO "VMEMtoScalarWriteHazard",
		.mattr = "vmem-to-scalar-write-hazard",
		.kind = SCAN_RECOGNIZER, .may_fault = true,
	},
	[SCAN_SMEM_TO_VECTOR] = {
		.id = "smem-to-vector-write",
		.title = "SMEM reads an SGPR, then VALU writes it",
		.what = "The scalar load may use the address that is written after it: page faults.",
		.source = LLVM "GCNHazardRecognizer.cpp, fixSMEMtoVectorWriteHazards; " ACO "SMEMtoVectorWriteHazard",
		.mattr = "smem-to-vector-write-hazard",
		.kind = SCAN_RECOGNIZER, .may_fault = true,
	},
	[SCAN_VCMPX_PERMLANE] = {
		.id = "vcmpx-permlane",
		.title = "v_permlane after v_cmpx without another VALU instruction between",
		.what = "Not documented; LLVM and Mesa put a v_mov in between.",
		.source = LLVM "GCNHazardRecognizer.cpp, fixVcmpxPermlaneHazards; " ACO "VcmpxPermlaneHazard",
		.mattr = "vcmpx-permlane-hazard",
		.kind = SCAN_RECOGNIZER,
	},
	[SCAN_LDS_BRANCH_VMEM] = {
		.id = "lds-branch-vmem-war",
		.title = "LDS, branch, VMEM, or VMEM, branch, LDS, without s_waitcnt_vscnt null, 0",
		.what = "The first instruction may read registers that the second has written.",
		.source = LLVM "GCNHazardRecognizer.cpp, fixLdsBranchVmemWARHazard; " ACO "LdsBranchVmemWARHazard",
		.mattr = "lds-branch-vmem-war-hazard",
		.kind = SCAN_RECOGNIZER,
	},
	[SCAN_NSA_TO_VMEM] = {
		.id = "nsa-to-vmem",
		.title = "NSA image instruction of 16 bytes or more, then MUBUF or MTBUF with offset & 6",
		.what = "The buffer instruction fails when half of EXEC is 0.",
		.source = LLVM "GCNHazardRecognizer.cpp, checkNSAtoVMEMHazard; " ACO "NSAToVMEMBug",
		.mattr = "nsa-to-vmem-bug",
		.kind = SCAN_RECOGNIZER, .may_fault = true,
	},
	[SCAN_OFFSET_3F] = {
		.id = "offset-3f",
		.title = "a branch over 0x3f dwords",
		.what = "The branch is buggy at this offset; nobody says more.",
		.source = LLVM "AMDGPUAsmBackend.cpp; " ACO "Offset3fBug",
		.mattr = "offset-3f-bug",
		.kind = SCAN_RECOGNIZER, .may_fault = true, .may_hang = true,
	},
	[SCAN_FLAT_OFFSET] = {
		.id = "flat-segment-offset",
		.title = "FLAT instruction with an immediate offset",
		.what = "The offset is ignored where the address is in global memory: wrong values, stray writes.",
		.source = LLVM "AMDGPU.td, FeatureFlatSegmentOffsetBug; " ACO "FlatSegmentOffsetBug",
		.mattr = "flat-segment-offset-bug",
		.kind = SCAN_SELECTION, .may_fault = true,
	},
	[SCAN_INST_PREFETCH] = {
		.id = "inst-fwd-prefetch",
		.title = "s_inst_prefetch",
		.what = "Can hang the GPU.",
		.source = LLVM "AMDGPU.td, FeatureInstFwdPrefetchBug; " ACO "InstFwdPrefetchBug",
		.mattr = "inst-fwd-prefetch-bug",
		.kind = SCAN_SELECTION, .may_hang = true,
	},
	[SCAN_LDS_MISALIGNED] = {
		.id = "lds-misaligned",
		.title = "LDS or FLAT access of several dwords that may not be aligned, in WGP mode",
		.what = "Wrong values.",
		.source = LLVM "AMDGPU.td, FeatureLdsMisalignedBug; " ACO "LdsMisalignedBug",
		.mattr = "lds-misaligned-bug",
		.kind = SCAN_SELECTION,
	},
	[SCAN_NSA_CLAUSE] = {
		.id = "nsa-clause",
		.title = "NSA image instruction in a clause",
		.what = "Unpredictable results.",
		.source = LLVM "SIInsertHardClauses.cpp; " ACO "NSAClauseBug",
		.mattr = "nsa-clause-bug",
		.kind = SCAN_SELECTION, .may_fault = true,
	},
	[SCAN_SCRATCH_OFFSET] = {
		.id = "scratch-offset",
		.title = "SCRATCH with a negative offset that is no multiple of 4",
		.what = "Reads the wrong memory where the address is in a VGPR.",
		.source = LLVM "AMDGPU.td, FeatureNegativeUnalignedScratchOffsetBug",
		.mattr = "negative-unaligned-scratch-offset-bug",
		.kind = SCAN_SELECTION,
	},
	[SCAN_ILLEGAL] = {
		.id = "illegal-instruction",
		.title = "an instruction that gfx1010 has not",
		.what = "The wave stops with an illegal instruction, or the encoding does something unknown.",
		.source = LLVM "its disassembler for gfx1010 refuses the encoding",
		.kind = SCAN_ENCODING, .may_fault = true,
	},
	[SCAN_OTHER_MEANING] = {
		.id = "other-meaning",
		.title = "gfx1010 takes the encoding for another instruction or operand",
		.what = "Wrong values.",
		.source = LLVM "its disassembler for gfx1010 reads the encoding differently",
		.kind = SCAN_ENCODING,
	},
};

const char *const scan_family_names[SCAN_NUM_FAMILIES] = {
	[SCAN_SALU] = "SALU",	  [SCAN_SMEM] = "SMEM",	      [SCAN_VALU] = "VALU",	[SCAN_MUBUF] = "MUBUF",
	[SCAN_MIMG] = "MIMG",	  [SCAN_FLAT] = "FLAT",	      [SCAN_GLOBAL] = "GLOBAL", [SCAN_SCRATCH] = "SCRATCH",
	[SCAN_LDS] = "LDS",	  [SCAN_EXPORT] = "EXP",      [SCAN_BRANCH] = "branch", [SCAN_WAIT] = "SOPP",
	[SCAN_UNDECODED] = "undecoded",
};

uint64_t scan_counts__hazards(const struct scan_counts *c)
{
	uint64_t n = 0;

	for (int i = 0; i < SCAN_NUM_HAZARDS; i++)
		n += i == SCAN_VCMPX_EXEC_WAR_ACO ? 0 : c->hazard[i];
	return n;
}
