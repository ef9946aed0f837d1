// SPDX-License-Identifier: MIT
/* What code objects are packed in. None of these libraries is needed to start, and few files need one. */
#include "cmd_scan.h"

#include <dlfcn.h>
#include <stdio.h>
#include <sys/mman.h>

static struct library {
	const char *name, *missing;
	void *handle;
} libraries[] = {
	{"libz.so.1", "it is compressed with zlib, and libz.so.1 is not installed: apt-get install zlib1g", NULL},
	{"libzstd.so.1", "it is compressed with zstd, and libzstd.so.1 is not installed: apt-get install libzstd1", NULL},
	{"libbz2.so.1.0", "it is compressed with bzip2, and libbz2.so.1.0 is not installed: apt-get install libbz2-1.0", NULL},
	{"libsqlite3.so.0", "it is a database, and libsqlite3.so.0 is not installed: apt-get install libsqlite3-0", NULL},
};
enum { LIB_ZLIB, LIB_ZSTD, LIB_BZIP2, LIB_SQLITE };

static void *function(int which, const char *name, const char **why)
{
	struct library *lib = &libraries[which];
	void *f;

	if (!lib->handle)
		lib->handle = dlopen(lib->name, RTLD_NOW | RTLD_LOCAL);
	*why = lib->missing;
	if (!lib->handle)
		return NULL;
	f = dlsym(lib->handle, name);
	if (!f)
		*why = "the library that unpacks it has other functions than expected";
	return f;
}

/* What a header claims may be anything: pages are taken as they are written. */
static void *room(size_t size, const char **why)
{
	enum { MOST_SHIFT = 33 };
	void *p = MAP_FAILED;

	if (size && size >> MOST_SHIFT == 0)
		p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	*why = "it says that it is of a size that cannot be";
	return p == MAP_FAILED ? NULL : p;
}

static void *done(void *p, size_t size, bool ok, const char **why)
{
	if (ok)
		return p;
	munmap(p, size);
	*why = "what is compressed is damaged";
	return NULL;
}

/* uncompress() of zlib.h. */
void *unpack_zlib(const void *data, size_t len, size_t size, const char **why)
{
	int (*uncompress)(void *, unsigned long *, const void *, unsigned long) =
		(__typeof__(uncompress))function(LIB_ZLIB, "uncompress", why);
	unsigned long got = size;
	void *p = uncompress ? room(size, why) : NULL;

	return p ? done(p, size, !uncompress(p, &got, data, len) && got == size, why) : NULL;
}

/* The first frame alone: what follows need not be of it. */
void *unpack_zstd(const void *data, size_t len, size_t size, const char **why)
{
	size_t (*decompress)(void *, size_t, const void *, size_t) =
		(__typeof__(decompress))function(LIB_ZSTD, "ZSTD_decompress", why);
	size_t (*frame)(const void *, size_t) =
		(__typeof__(frame))function(LIB_ZSTD, "ZSTD_findFrameCompressedSize", why);
	unsigned int (*is_error)(size_t) = (__typeof__(is_error))function(LIB_ZSTD, "ZSTD_isError", why);
	size_t first;
	void *p;

	if (!decompress || !frame || !is_error)
		return NULL;
	p = room(size, why);
	if (!p)
		return NULL;
	first = frame(data, len);
	return done(p, size, !is_error(first) && decompress(p, size, data, first) == size, why);
}

/* BZ2_bzBuffToBuffDecompress() of bzlib.h. */
void *unpack_bzip2(const void *data, size_t len, size_t size, const char **why)
{
	int (*decompress)(char *, unsigned int *, char *, unsigned int, int, int) =
		(__typeof__(decompress))function(LIB_BZIP2, "BZ2_bzBuffToBuffDecompress", why);
	unsigned int got = (unsigned int)size;
	void *p;

	if (!decompress)
		return NULL;
	p = size <= UINT32_MAX && len <= UINT32_MAX ? room(size, why) : NULL;
	if (!p)
		return NULL;
	return done(p, size, !decompress(p, &got, (char *)data, (unsigned int)len, 0, 0) && got == size, why);
}

/* ---- MIOpen's kernel database (src/include/miopen/kern_db.hpp) ---- */

/* sqlite3.h: its interface is stable since version 3. */
struct sqlite {
	int (*open_v2)(const char *, void **, int, const char *);
	int (*close)(void *);
	int (*prepare_v2)(void *, const char *, int, void **, const char **);
	int (*step)(void *);
	int (*finalize)(void *);
	const void *(*column_blob)(void *, int);
	int (*column_bytes)(void *, int);
	const unsigned char *(*column_text)(void *, int);
	long long (*column_int64)(void *, int);
	const char *(*errmsg)(void *);
};

enum { SQLITE_OK_ = 0, SQLITE_ROW_ = 100, SQLITE_DONE_ = 101, SQLITE_OPEN_READONLY_ = 1 };

static bool load_sqlite(struct sqlite *s, const char **why)
{
	static const char *const names[] = {
		"sqlite3_open_v2",     "sqlite3_close",	       "sqlite3_prepare_v2",  "sqlite3_step",
		"sqlite3_finalize",    "sqlite3_column_blob",  "sqlite3_column_bytes", "sqlite3_column_text",
		"sqlite3_column_int64", "sqlite3_errmsg",
	};
	void **to = (void **)s;

	_Static_assert(sizeof(*s) == ARRAY_SIZE(names) * sizeof(void *), "one name for each");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		to[i] = function(LIB_SQLITE, names[i], why);
		if (!to[i])
			return false;
	}
	return true;
}

const char *read_kernel_database(const char *path, kernel_blob *blob, void *ctx)
{
	static const char query[] =
		"SELECT kernel_name, kernel_args, kernel_blob, uncompressed_size FROM kern_db ORDER BY id";
	static char message[256];
	void *db = NULL, *rows = NULL;
	const char *why = NULL;
	struct sqlite s;
	int err;

	if (!load_sqlite(&s, &why))
		return why;
	err = s.open_v2(path, &db, SQLITE_OPEN_READONLY_, NULL);
	if (err == SQLITE_OK_)
		err = s.prepare_v2(db, query, -1, &rows, NULL);
	while (err == SQLITE_OK_ && (err = s.step(rows)) == SQLITE_ROW_) {
		const char *name = (const char *)s.column_text(rows, 0), *args = (const char *)s.column_text(rows, 1);
		const void *data = s.column_blob(rows, 2);
		int len = s.column_bytes(rows, 2);
		long long size = s.column_int64(rows, 3);

		blob(ctx, name ?: "", args ?: "", data, data && len > 0 ? (size_t)len : 0,
		     size > 0 ? (uint64_t)size : 0);
		err = SQLITE_OK_;
	}
	if (err != SQLITE_DONE_) {
		snprintf(message, sizeof(message), "not a database of MIOpen's kernels (%s)",
			 db ? s.errmsg(db) : "out of memory");
		why = message;
	} else {
		why = NULL;
	}
	s.finalize(rows);
	s.close(db);
	return why;
}
