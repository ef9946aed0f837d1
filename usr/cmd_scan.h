/* SPDX-License-Identifier: MIT */
/* rdna1-trace scan: what its files share. */
#ifndef RDNA1_CMD_SCAN_H
#define RDNA1_CMD_SCAN_H

#include "base/buf.h"
#include "../hsa-tools/isa/scan/scan.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* ---- what was found ---- */

struct totals {
	struct scan_counts counts;
	uint64_t objects, kernels, functions, code_bytes;
	uint64_t kernels_hit[SCAN_NUM_HAZARDS], kernels_any; /* functions, too */
};

/* The code objects of one ISA. */
struct isa_totals {
	char isa[32];
	bool native, gfx10;
	struct totals t;
	VEC(char *) compilers;
	char *undecoded_in;	     /* the first kernel with words that are no instruction; NULL */
	uint64_t undecoded_kernels; /* functions, too */
};

struct skipped {
	char isa[32];
	uint64_t n;
};

struct file_result {
	const char *path, *kind;
	VEC(struct isa_totals) isas;
	VEC(struct skipped) skipped;
	VEC(char *) errors;
	struct buf details; /* text of kernels, or JSON of objects */
	bool has_details;
};

struct scan_run {
	struct scan *scan;
	struct scan_options o;
	bool all_targets, kernels, sites, json;
	bool no_store, verdicts; /* keep no verdicts; that alone */
	bool store_failed;
	VEC(const char *) archs;
	unsigned int width;
	struct file_result *file; /* at hand */
	struct totals total;
	uint64_t files, with_hazards, unreadable, others;
	uint64_t code_read; /* bytes */
	struct timespec began, told;
	bool told_once, terminal;
	bool first_file;
};

/* ---- input: cmd_scan_input.c ---- */

/* A file or a directory that the user named. False: nothing there to scan; it was said. */
bool scan_path(struct scan_run *r, const char *path);

/* ---- one code object: cmd_scan.c ---- */

/* part: which of the file it is ("hipv4-...--gfx1030"), or NULL. */
void scan_code_object(struct scan_run *r, const void *data, size_t len, const char *part);
void scan_error(struct scan_run *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void begin_file(struct scan_run *r, struct file_result *f, const char *path, const char *kind);
void end_file(struct scan_run *r);

/* ---- verdicts: cmd_scan_verdict.c ---- */

/* Keep what was found in the object, whose bytes these are, for who cannot scan. 0 or negative errno. */
int store_verdict(const struct scan_run *r, const struct scan_object *object, const void *data, size_t len);

/* ---- unpacking: cmd_scan_unpack.c; the libraries are loaded where one is needed ---- */

/* Exactly size bytes, mapped; NULL: *why says it. unmap with munmap(p, size). */
void *unpack_zlib(const void *data, size_t len, size_t size, const char **why);
void *unpack_zstd(const void *data, size_t len, size_t size, const char **why);
void *unpack_bzip2(const void *data, size_t len, size_t size, const char **why);

typedef void kernel_blob(void *ctx, const char *name, const char *args, const void *blob, size_t len, uint64_t size);
/* Each row of MIOpen's table kern_db; size: unpacked, 0 where the blob is as it is. NULL, or why not. */
const char *read_kernel_database(const char *path, kernel_blob *blob, void *ctx);

/* ---- output: cmd_scan_text.c, cmd_scan_json.c ---- */

void put_text_kernels(struct scan_run *r, const struct scan_object *object, const char *part);
void put_text_file(struct scan_run *r, const struct file_result *f);
void put_text_end(const struct scan_run *r);

void put_json_begin(struct scan_run *r);
void put_json_object(struct scan_run *r, const struct scan_object *object, const char *part);
void put_json_file(struct scan_run *r, const struct file_result *f);
void put_json_end(const struct scan_run *r, int status);

#endif
