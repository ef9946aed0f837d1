/* SPDX-License-Identifier: MIT */
/* Between code.c, reader.c and kernel.c: code objects and the kernels in them. */
#ifndef RDNA1_AGENT_CODE_H
#define RDNA1_AGENT_CODE_H

#include "agent.h"
#include "../isa/metadata.h"

/* reader.c: where a code object's bytes are. */
struct reader {
	uint64_t handle;
	const void *data; /* NULL: in the file */
	size_t size;
	int fd; /* ours, -1 when the bytes are in memory */
	struct reader *next;
};
void reader_hook(CoreApiTable *core);
void reader_forget(void);
bool reader_find(hsa_code_object_reader_t reader, struct reader *out);
/* The bytes, mapped if they are in a file; *mapped: unmap them afterwards. NULL when they are not
 * to be had. */
const void *reader_bytes(const struct reader *r, size_t *size, bool *mapped);

/* kernel.c */
/* What metadata said of a kernel of a code object that is being loaded. */
struct kernel_meta {
	char *symbol;	     /* "name.kd" */
	struct isa_kernel k; /* its texts and args are gone */
	struct ev_kernel_arg *args;
	uint32_t num_args;
	char type_name[16]; /* of the first argument that is a buffer; "" not known */
};
struct kernel_metas {
	struct kernel_meta *v; /* by symbol */
	uint32_t n;
	uint32_t version[2];
	char target[128];
};
/* Read a code object's metadata; leaves *m empty when there is none, or no memory. */
void kernel_metas__read(struct kernel_metas *m, const void *elf, size_t len);
/* symbol: "name.kd"; NULL: there is none. */
const struct kernel_meta *kernel_metas__find(const struct kernel_metas *m, const char *symbol);
void kernel_metas__free(struct kernel_metas *m);

/* "name" of "name.kd"; false when it does not fit. */
bool kernel_name(const char *symbol, char *name, size_t size);

struct kernel_walk {
	struct thread *t;
	hsa_executable_t executable;
	hsa_agent_t on;
	struct code *code; /* NULL: not known */
	const uint8_t *sha256;
	const struct kernel_metas *metas;
	bool several; /* the executable has kernels of other code objects too */
	bool ours;    /* that the agent loaded itself */
};
/* Record the kernels of a frozen executable for an agent. */
void kernel_record_all(struct kernel_walk *walk);

#endif
