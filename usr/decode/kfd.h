/* SPDX-License-Identifier: MIT */
/*
 * KFD ioctls: number and raw bytes to names and fields, by the rows of bpf/kfd_cmds.def. Decoded by
 * number and by the size in the command: a missing tail is absent, extra bytes are printed raw.
 */
#ifndef RDNA1_DECODE_KFD_H
#define RDNA1_DECODE_KFD_H

#include "ioctl.h"

#define KFD_IOC_NR(cmd) IOC_NR(cmd)
#define KFD_IOC_TYPE(cmd) IOC_TYPE(cmd)
#define KFD_IOC_SIZE(cmd) IOC_SIZE(cmd)

/* By number; name without AMDKFD_IOC_; NULL when unknown. */
const struct ioctl_cmd *kfd_cmd__find(uint32_t cmd);

/* "AMDKFD_IOC_GET_VERSION", or "_IOC(0x4b, 0xf2, 40)". */
void kfd_print_cmd(struct buf *b, uint32_t cmd);

/* "{handle=0x1, n_devices=1, ...}" */
void kfd_print_arg(struct buf *b, uint32_t cmd, const uint8_t *arg, size_t len);

/*
 * The elements of array `slot` as the caller's memory held them. Which they are may depend on the
 * argument (DBG_TRAP).
 */
void kfd_print_array(struct buf *b, uint32_t cmd, const uint8_t *arg, size_t arg_len,
		     unsigned int slot, const uint8_t *data, size_t len);

/* One field of an argument struct by name, when it is there; of a union "member.field". */
bool kfd_arg_get(uint32_t cmd, const uint8_t *arg, size_t len, const char *field, uint64_t *value);

/*
 * The doorbell of a queue within its process, 0 to 1023, from what CREATE_QUEUE returned:
 * interrupts of the shader name a queue by it. GFX9 and later: doorbells are 8 bytes, 1024 of them
 * a process (kfd_chardev.c, kfd_ioctl_create_queue; kfd_doorbell.c, kfd_doorbell_process_slice).
 * SDMA queues have doorbells at fixed places of the same slice.
 */
unsigned int kfd_doorbell_id(uint64_t doorbell_offset);

#endif
