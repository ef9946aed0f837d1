/* SPDX-License-Identifier: MIT */
/* Which libraries the dynamic linker would find without being told a path. */
#ifndef RDNA1_RECORD_LD_CACHE_H
#define RDNA1_RECORD_LD_CACHE_H

/* Each file of library_path (as LD_LIBRARY_PATH is written; NULL for none) and of /etc/ld.so.cache;
 * some more than once. What is damaged is left out. */
void ld_cache__each(const char *library_path, void (*what)(const char *path, void *arg), void *arg);

/* The cache alone: root's etc/ld.so.cache. */
void ld_cache__file(const char *root, void (*what)(const char *path, void *arg), void *arg);

#endif
