/* SPDX-License-Identifier: MIT */
/*
 * What a code object says of its kernels: the note NT_AMDGPU_METADATA (32) of code objects V3 and later
 * (llvm.org/docs/AMDGPUUsage.html, "Code Object Metadata"). Texts point into the code object, and are not
 * terminated.
 */
#ifndef RDNA1_ISA_METADATA_H
#define RDNA1_ISA_METADATA_H

#include "msgpack.h"

struct isa_text {
	const char *s;
	uint32_t len;
};

struct isa_metadata {
	struct msgpack kernels; /* the values of amdhsa.kernels */
	uint32_t num_kernels;
	uint32_t version[2];	/* amdhsa.version: 1.0 is V3, 1.1 V4, 1.2 V5; 0.0 where it says none */
	struct msgpack rest;	/* what is behind this note */
	struct isa_text target; /* amdhsa.target, V4 and later: "amdgcn-amd-amdhsa--gfx1010:xnack-" */
};

/* What lies in a part of a kernel's arguments (".value_kind"). */
enum isa_arg_kind {
	ISA_ARG_VALUE,		/* by_value */
	ISA_ARG_BUFFER,		/* global_buffer: a pointer */
	ISA_ARG_LDS,		/* dynamic_shared_pointer: an offset in LDS, 4 bytes */
	ISA_ARG_OBJECT,		/* image, sampler, pipe, queue: a pointer to a descriptor */
	ISA_ARG_HIDDEN_POINTER, /* the runtime's: of a buffer for printf, hostcalls, the heap, ... */
	ISA_ARG_HIDDEN_VALUE,	/* the runtime's: offsets, sizes */
	ISA_ARG_OTHER,		/* a kind that this version does not know */
};

struct isa_arg {
	uint32_t offset, size; /* bytes of the kernel arguments */
	enum isa_arg_kind kind;
	struct isa_text kind_name, name; /* name: where the compiler kept it */
	struct isa_text type_name;	 /* as in the source, of OpenCL C and HIP: "float*"; where the compiler kept it */
};

struct isa_kernel {
	struct isa_text name;	/* of the function */
	struct isa_text symbol; /* of its descriptor: "name.kd" */
	uint32_t kernarg_size, kernarg_align;
	uint32_t lds_bytes, scratch_bytes; /* of a workgroup, of a work-item; fixed parts */
	uint32_t wavefront_size, max_workgroup_size;
	uint32_t required_workgroup[3]; /* work-items that it must be launched with; 0: any */
	uint32_t sgprs, vgprs, sgpr_spills, vgpr_spills;
	struct msgpack args; /* the values of .args */
	uint32_t num_args;
};

/* The metadata of a code object; false when it has none, or damaged. */
bool isa_metadata__find(const void *elf, size_t len, struct isa_metadata *md);

/*
 * The note behind the one that md is of; false when there is none, or damaged. rocBLAS's libraries of assembly
 * kernels are linked of one object for each, and keep the notes of all.
 */
bool isa_metadata__more(struct isa_metadata *md);

/* The next kernel; false behind the last, and where it is damaged. Begin with a copy of md. */
bool isa_metadata__next(struct isa_metadata *md, struct isa_kernel *k);

/* The next argument, in the same way; begin with a copy of k. */
bool isa_kernel__next_arg(struct isa_kernel *k, struct isa_arg *a);

#endif
