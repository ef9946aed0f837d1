/* SPDX-License-Identifier: MIT */
/* Calls of libraries as uprobes saw them, by the rows of bpf/api_calls.def. Pure. */
#ifndef RDNA1_DECODE_API_H
#define RDNA1_DECODE_API_H

#include <stdbool.h>
#include <stdint.h>
#include "../base/buf.h"

#define API_CALL_ARGS 32
#define API_CALL_COPIES 3

/* As recorded; the copies are borrowed. */
struct api_call {
	uint16_t nr;
	bool returned, left; /* left: without a return */
	int64_t ret;
	uint32_t num_args; /* words */
	uint64_t args[API_CALL_ARGS];
	const uint8_t *copy[API_CALL_COPIES];
	uint16_t copy_len[API_CALL_COPIES];
};

/* "hipMalloc"; NULL for a number that is none. */
const char *api_call_name(uint16_t nr);
/* Number of a call by its name; 0 for none. */
uint16_t api_call_number(const char *name);

/* One argument after the other: begin with {0}; false behind the last. */
struct api_arg {
	char type;	  /* as in api_calls.def */
	const char *name; /* not terminated */
	size_t len;
	uint64_t value;	 /* an int sign-extended */
	uint64_t second; /* of a dim3: its z */
	/* inside */
	unsigned int word, index;
	const char *rest;
};
bool api_arg__next(const struct api_call *c, struct api_arg *a);
bool api_arg__is(const struct api_arg *a, const char *name);

/* An argument by its name; 0 when the call has none. */
uint64_t api_call__arg(const struct api_call *c, const char *name);
/* What the argument points to, as read at the return: number i of ints or longs; false when it is
 * not there. */
bool api_call__copied(const struct api_call *c, const char *name, unsigned int i, int64_t *v);

/* "hipMalloc(ptr=0x7ffd5a8b8 => 0x7f605e900000, size=23232) = hipSuccess (0)" */
void api_call__print(struct buf *b, const struct api_call *c);
/* "hipErrorOutOfMemory (2)" */
void api_call__print_status(struct buf *b, const struct api_call *c);
bool api_call__failed(const struct api_call *c);

/* "float"; NULL for a number that is none of miopenDataType_t. */
const char *api_miopen_type(uint64_t type);
/* "Direct" of an argument of type F, G or H; NULL when unknown. */
const char *api_miopen_algorithm(char type, uint64_t algo);

#endif
