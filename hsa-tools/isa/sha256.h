/* SPDX-License-Identifier: MIT */
/* SHA-256 (FIPS 180-4): code objects are stored once, by content. */
#ifndef RDNA1_ISA_SHA256_H
#define RDNA1_ISA_SHA256_H

#include <stddef.h>
#include <stdint.h>

void sha256(const void *data, size_t len, uint8_t digest[32]);

#endif
