/* SPDX-License-Identifier: MIT */
/*
 * Which program serves each hook of bpf/hooks.def on this kernel: by the BTF of the kernel and of
 * the driver, by the tracepoint's format, never by a version. Loads nothing; kernel.c does, and
 * comes back for the next way when one is refused.
 */
#ifndef RDNA1_RECORD_HOOKS_H
#define RDNA1_RECORD_HOOKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "../../bpf/shared.h"

/* Ways to attach, in the names of the programs: <how>_<hook>. */
enum hook_how {
	HOW_none,
	HOW_raw_tp,
	HOW_tracepoint,
	HOW_fentry,
	HOW_kprobe,
	HOW_uprobe,
	NUM_HOWS
};

struct hook_plan {
	const char *id;	    /* as in hooks.def */
	const char *symbol; /* function or tracepoint */
	const char *text;   /* what it records */
	bool returns;	    /* a second program stands at the return */
	bool needed;	    /* false: there is nothing here for it to see, or nobody asked */
	bool muted; /* needed by others, which it tells whose something is; not asked for itself */
	enum hook_how how;   /* the way to try; HOW_none when there is none left */
	enum hook_how first; /* what it would be attached by at best */
	char why[256];	     /* not needed, or what was wrong with the ways before */
	signed char arg_at[FN_ARGS];
	struct tp_place tp_at[TP_FIELDS];
	uint32_t btf_id; /* of the function, in the driver's BTF; 0: not known */
	/* inside */
	enum hook_how ways[NUM_HOWS];
	unsigned int way;
};

struct hooks_config {
	uint32_t groups; /* what was asked for: 1 << enum hook_group */
	bool emulated;	 /* the device is behind system calls: the driver sees nothing */
};

/* What the driver's BTF says beside the hooks. */
struct driver_types {
	unsigned char map_flag_kind; /* enum ev_flag_kind of struct amdgpu_bo_va_mapping */
	/* The caller's to close: */
	int btf_fd; /* the BTF as the kernel has it; -1: none, or it needs CAP_SYS_ADMIN to ask for it */
	int all_fd; /* a file: the kernel's types and the driver's as one BTF; -1: the driver has none */
};

/* All hooks planned. */
void hooks__plan(struct hook_plan plans[NUM_HOOKS], const struct hooks_config *cfg,
		 struct driver_types *types);

/* This way failed, for this reason: take the next. False when there is none. */
bool hook_plan__next(struct hook_plan *p, const char *why);

/*
 * A list with commas of the groups of hooks.def, "all" and "default". -1 with a word that is none
 * of them in bad.
 */
int hook_groups__parse(const char *list, uint32_t *groups, char *bad, size_t size);
uint32_t hook_groups__default(void);
/* "kfd,vm"; to be freed. */
char *hook_groups__name(uint32_t groups);

/* "fentry", "kprobe"; "-" for none. */
const char *hook_how_name(enum hook_how how);

#endif
