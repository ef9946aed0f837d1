/* SPDX-License-Identifier: MIT */
/*
 * KFD ioctls: number and raw bytes to names and fields, by the rows of bpf/kfd_cmds.def. Decoded by
 * number and by the size in the command: a missing tail is absent, extra bytes are printed raw.
 */
#ifndef RDNA1_DECODE_KFD_H
#define RDNA1_DECODE_KFD_H

#include "print.h"

struct kfd_array {
	uint16_t ptr, count, elem; /* see bpf/kfd_cmds.def; ptr of an absent array is 0xffff */
};

struct kfd_field {
	const char *name;
	uint16_t offset;
	uint8_t size;
	bool is_signed;
	enum print_kind print;
};

struct kfd_cmd {
	uint8_t nr;
	const char *name; /* without AMDKFD_IOC_ */
	uint16_t size;
	struct kfd_array array[2];
	const struct kfd_field *fields; /* ends with name NULL */
};

#define KFD_IOC_NR(cmd) ((cmd)&0xff)
#define KFD_IOC_TYPE(cmd) (((cmd) >> 8) & 0xff)
#define KFD_IOC_SIZE(cmd) (((cmd) >> 16) & 0x3fff)

const struct kfd_cmd *kfd_cmd__find(uint32_t cmd); /* by number; NULL when unknown */

/* "AMDKFD_IOC_GET_VERSION", or "_IOC(0x4b, 0x82, 40)". */
void kfd_print_cmd(struct buf *b, uint32_t cmd);

/* "{handle=0x1, n_devices=1, ...}" */
void kfd_print_arg(struct buf *b, uint32_t cmd, const uint8_t *arg, size_t len);

/* The elements of array `slot` as the caller's memory held them. */
void kfd_print_array(struct buf *b, uint32_t cmd, unsigned int slot, const uint8_t *data, size_t len);

/* One field of an argument struct by name, when it is there. */
bool kfd_arg_get(uint32_t cmd, const uint8_t *arg, size_t len, const char *field, uint64_t *value);

#endif
