/* SPDX-License-Identifier: MIT */
/* The parts of the text report, each one file, and what they share. */
#ifndef RDNA1_REPORT_PARTS_H
#define RDNA1_REPORT_PARTS_H

#include <inttypes.h>
#include <limits.h>
#include "table.h"
#include "text.h"

#define MAX_ROWS 40 /* of a table, unless everything was asked for */
#define HIDDEN_COLUMN UINT_MAX /* wider than any terminal */

/* findings.c */
void put_verdict(const struct findings *f, struct buf *b);
void put_findings(const struct findings *f, const struct text_options *o, struct buf *b);
void put_ladder(const struct findings *f, struct buf *b);

/* memory.c, pages.c, work.c, faults.c, stopped.c, calls.c, losses.c */
void put_faults(const struct model *m, const struct text_options *o, struct buf *b);
void put_changed(const struct model *m, const struct text_options *o, struct buf *b);
void put_allocs(const struct model *m, const struct text_options *o, struct buf *b);
void put_buffers(const struct model *m, const struct text_options *o, struct buf *b);
void put_page_tables(const struct model *m, const struct text_options *o, struct buf *b);
void put_moves(const struct model *m, struct buf *b);
void put_stops(const struct model *m, struct buf *b);
void put_stopped(const struct model *m, const struct text_options *o, struct buf *b);
void put_pointers(const struct model *m, const struct text_options *o, struct buf *b);
void put_ranges(const struct model *m, const struct text_options *o, struct buf *b);
void put_queues(const struct model *m, struct buf *b);
void put_compilers(const struct model *m, struct buf *b);
void put_notes(const struct model *m, struct buf *b);
void put_dispatches(const struct model *m, const struct text_options *o, struct buf *b);
void put_calls(const struct model *m, const struct text_options *o, struct buf *b);
void put_libraries(const struct model *m, struct buf *b);
void put_losses(const struct model *m, const struct text_options *o, struct buf *b);

/* steering.c */
void put_steering(const struct model *m, const struct text_options *o, struct buf *b);
void put_steering_line(const struct model *m, struct buf *b); /* nothing where nothing was steered */
void put_steering_json(const struct model *m, struct buf *b);

/* Ring mode: the end of what began then may have been overwritten. */
bool end_overwritten(const struct model *m, uint64_t begin_ns);

/* text.c: strings for cells, to be freed */
char *take(struct buf *b);
char *duration(uint64_t ns);
char *bytes(uint64_t n); /* "441 KiB": exact */
char *pool_name(const struct model *m, const struct pool *p);
/* The memory type and what bears on coherence, short: "VRAM", "USERPTR coherent uncached". */
char *kfd_memory(uint32_t alloc_flags);
void heading(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void and_more(struct buf *b, size_t shown, size_t all);

/* table.c: at most width characters of it, the middle left out so that both ends stay. */
char *short_name(const char *name, unsigned int width);
#define LINE_NAME 60 /* characters of a kernel's name where it stands in a line of text */

static inline const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

/* memory.c: the same */
char *place_text(const struct model *m, uint32_t pid, uint64_t addr); /* "libfoo.so+0x1234" */
char *alloc_kind(const struct model *m, const struct alloc *a);	      /* "GPU coarse", "locked host memory" */
/* policy.c, to be freed: "GPU coarse, flags 0x8"; the place that allocates */
char *policy_pool(const struct model *m, uint32_t pid, uint16_t id, uint32_t flags);
/* Of allocations and frees; the rest are of dispatches. */
bool policy_is_of_memory(const struct policy *p);
/* What was asked for and whether it is in force, a line each. */
void put_policies(const struct model *m, struct buf *b, bool of_memory);
char *override_place(const struct model *m, const struct override_sum *x);
/* faults.c: the name of a kernel in a line of text; */
void put_name(struct buf *b, const char *before, const char *name);
/* "0x1000 (4096 bytes, GPU coarse, allocated at libfoo.so+0x12)" */
void put_alloc(const struct model *m, struct buf *b, const struct alloc *a);

/* Whether rows must say which process they are about, which GPU. */
bool several(const struct model *m);
bool several_gpus(const struct model *m);
/* Whether anything inside the command was recorded: without it, what is not there is not known. */
bool inside_seen(const struct model *m);
/* Events of a source that were seen and are not here. */
uint64_t lost_of(const struct model *m, enum ev_source source);
/* Whether the device said when x was done; it says so of every kernel of a process it came up in. */
bool unfinished(const struct model *m, const struct dispatch *x);

#endif
