/* SPDX-License-Identifier: MIT */
/* struct machine (usr/analysis/machine.h) out of what session.json says: for check, and for reports. */
#ifndef RDNA1_CMD_MACHINE_H
#define RDNA1_CMD_MACHINE_H

#include "analysis/machine.h"
#include "record/value.h"

/*
 * Of a whole session.json, a recorder's or an agent's, or what session__now returns: its members facts,
 * environment and emulated_device. Never NULL: of what is not there nothing is known. Texts are borrowed from s, which
 * must live longer.
 */
struct machine *machine__from(const struct json_t *s);
void machine__free(struct machine *m); /* NULL is fine */

#endif
