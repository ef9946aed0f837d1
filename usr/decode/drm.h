/* SPDX-License-Identifier: MIT */
/*
 * DRM ioctls of amdgpu: number and raw bytes to names and fields, by the rows of bpf/drm_cmds.def.
 * As kfd.h; many arguments are a union of what is asked and what is answered, hence ret.
 */
#ifndef RDNA1_DECODE_DRM_H
#define RDNA1_DECODE_DRM_H

#include "ioctl.h"

/* By number; name without DRM_IOCTL_; NULL when unknown. Numbers from 0x40 on are taken as
 * amdgpu's. */
const struct ioctl_cmd *drm_cmd__find(uint32_t cmd);

/* "DRM_IOCTL_AMDGPU_GEM_CREATE", or "_IOC(0x64, 0x5f, 40)". */
void drm_print_cmd(struct buf *b, uint32_t cmd);

/* "{out.handle=1}". ret: what the call returned; 0 or more: arg holds the answer, else what was
 * asked. */
void drm_print_arg(struct buf *b, uint32_t cmd, int64_t ret, const uint8_t *arg, size_t len);

/* The elements of array `slot` as the caller's memory held them. */
void drm_print_array(struct buf *b, uint32_t cmd, unsigned int slot, const uint8_t *data,
		     size_t len);

/* One field by name ("in.bo_size", "out.handle", "va_address"), when it is there. */
bool drm_arg_get(uint32_t cmd, int64_t ret, const uint8_t *arg, size_t len, const char *field,
		 uint64_t *value);

#endif
