/* SPDX-License-Identifier: MIT */
/*
 * Kernel pointers and physical addresses never leave the recorder: small numbers stand for them,
 * equal for equal objects. Which fields of an event are such is said by the event table (print
 * words ORD_*).
 */
#ifndef RDNA1_RECORD_ORDINALS_H
#define RDNA1_RECORD_ORDINALS_H

#include <stddef.h>
#include <stdint.h>

struct ordinals;

struct ordinals *ordinals__new(void);
void ordinals__free(struct ordinals *o); /* NULL is fine */

/* Replace them in the fixed fields of an event; 0 stays 0. */
void ordinals__replace(struct ordinals *o, uint16_t id, uint8_t *fixed, size_t len);

#endif
