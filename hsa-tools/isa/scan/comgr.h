/* SPDX-License-Identifier: MIT */
/*
 * One instruction as text, by libamd_comgr. Loaded by dlopen(): the command starts without it, and nothing else
 * needs it.
 */
#ifndef RDNA1_SCAN_COMGR_H
#define RDNA1_SCAN_COMGR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* NULL: *why says what is missing, and the Debian package. */
struct comgr *comgr__open(const char **why);
void comgr__close(struct comgr *c);

/* As the library says it of itself; 0.0 where it does not. */
void comgr__version(const struct comgr *c, size_t *major, size_t *minor);

/* What disassembles for an ISA ("gfx1030"); NULL when comgr does not know it. Belongs to c. */
struct comgr_isa *comgr__isa(struct comgr *c, const char *isa);

enum { COMGR_TEXT = 256 };

/* The instruction at code: its length in bytes and its text without a tab before it; 0 when it is none. */
size_t comgr__disassemble(struct comgr_isa *isa, const uint8_t *code, size_t len, char text[COMGR_TEXT]);

#endif
