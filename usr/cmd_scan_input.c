// SPDX-License-Identifier: MIT
/* What the user names, down to bare code objects. */
#include "cmd_scan.h"
#include "base/log.h"
#include "../hsa-tools/isa/elf.h"
#include "../hsa-tools/isa/bundle.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- bundles ---- */

static bool is_elf(const void *data, size_t len)
{
	return len >= SELFMAG && !memcmp(data, ELFMAG, SELFMAG);
}

static void scan_entry(struct scan_run *r, const struct bundle_entry *e, const char *outer)
{
	struct buf part = {0};
	uint64_t size;
	uint32_t flags;

	/* The host's entry is empty; others may hold LLVM IR. */
	if (!isa_elf_header(e->data, e->size, &flags, &size))
		return;
	if (outer)
		buf__printf(&part, "%s: ", outer);
	buf__put(&part, e->id, e->id_len);
	scan_code_object(r, e->data, e->size, buf__str(&part));
	buf__free(&part);
}

/* Returns the bytes that the bundle takes. */
static size_t scan_bundle(struct scan_run *r, const uint8_t *data, size_t len, const char *outer)
{
	struct bundle_entry e;
	struct bundle b;

	if (!bundle__open(&b, data, len)) {
		scan_error(r, "an offload bundle is cut off");
		return len;
	}
	while (bundle__next(&b, &e))
		scan_entry(r, &e, outer);
	if (b.damaged)
		scan_error(r, "an offload bundle is damaged: entry %llu of %llu lies beyond its end",
			   (unsigned long long)b.next, (unsigned long long)b.num);
	return b.end;
}

static size_t scan_packed(struct scan_run *r, const uint8_t *data, size_t len, const char *outer)
{
	static void *(*const unpack[])(const void *, size_t, size_t, const char **) = {
		[BUNDLE_ZLIB] = unpack_zlib, [BUNDLE_ZSTD] = unpack_zstd};
	struct bundle_packed p;
	const char *why;
	void *plain;

	if (!bundle_packed__open(&p, data, len)) {
		scan_error(r, "a compressed offload bundle is damaged, or of a version that is not known");
		return len;
	}
	if (p.method > BUNDLE_ZSTD) {
		scan_error(r, "a compressed offload bundle says method %u, which is not known", p.method);
		return p.end ?: len;
	}
	plain = unpack[p.method](p.data, p.data_len, p.size, &why);
	if (plain) {
		scan_bundle(r, plain, p.size, outer);
		munmap(plain, p.size);
	} else {
		scan_error(r, "a compressed offload bundle cannot be read: %s", why);
	}
	return p.end ?: 4;
}

static bool is_packed(const uint8_t *data, size_t len)
{
	return len >= 4 && !memcmp(data, "CCOB", 4);
}

/* All bundles in a piece of memory: .hip_fatbin has one for each source file, one behind the other. */
static bool scan_bundles(struct scan_run *r, const uint8_t *data, size_t len, const char *outer)
{
	size_t at = bundle__find(data, len, 0);
	bool any = at < len;

	for (; at < len; at = bundle__find(data, len, at)) {
		size_t size = (is_packed(data + at, len - at) ? scan_packed : scan_bundle)(r, data + at, len - at, outer);

		at += size ?: 1;
	}
	return any;
}

/* ---- programs and libraries of the host ---- */

static bool is_fatbin(const char *name, const char *end)
{
	static const char *const known[] = {".hip_fatbin", ".hipFatBinSegment"};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if ((size_t)(end - name) > strlen(known[i]) && !strcmp(name, known[i]))
			return true;
	return false;
}

static bool section_at(const uint8_t *data, size_t len, const Elf64_Ehdr *h, unsigned int i, Elf64_Shdr *s)
{
	uint64_t at = h->e_shoff + (uint64_t)i * sizeof(*s);

	if (i >= h->e_shnum || h->e_shentsize != sizeof(*s) || at < h->e_shoff || at > len || sizeof(*s) > len - at)
		return false;
	memcpy(s, data + at, sizeof(*s));
	return s->sh_type != SHT_NOBITS && s->sh_offset <= len && s->sh_size <= len - s->sh_offset;
}

static bool scan_host(struct scan_run *r, const uint8_t *data, size_t len)
{
	Elf64_Shdr names, s;
	bool any = false;
	Elf64_Ehdr h;

	if (len < sizeof(h) || data[EI_CLASS] != ELFCLASS64)
		return false;
	memcpy(&h, data, sizeof(h));
	/* Without sections it may be anywhere. */
	if (!section_at(data, len, &h, h.e_shstrndx, &names) || !names.sh_size ||
	    data[names.sh_offset + names.sh_size - 1])
		return scan_bundles(r, data, len, NULL);
	for (unsigned int i = 0; i < h.e_shnum; i++) {
		const char *base = (const char *)data + names.sh_offset;

		if (section_at(data, len, &h, i, &s) && s.sh_name < names.sh_size &&
		    is_fatbin(base + s.sh_name, base + names.sh_size))
			any |= scan_bundles(r, data + s.sh_offset, s.sh_size, NULL);
	}
	return any;
}

/* ---- MIOpen's databases ---- */

static void scan_blob(void *ctx, const char *name, const char *args, const void *blob, size_t len, uint64_t size)
{
	struct scan_run *r = ctx;
	const char *why = NULL;
	void *plain = NULL;
	uint64_t end;
	uint32_t flags;

	(void)args;
	if (size) {
		plain = unpack_bzip2(blob, len, size, &why);
		if (!plain) {
			scan_error(r, "%s cannot be read: %s", name, why);
			return;
		}
		blob = plain;
		len = size;
	}
	if (isa_elf_header(blob, len, &flags, &end))
		scan_code_object(r, blob, len, name);
	else if (!len || !scan_bundles(r, blob, len, name))
		scan_error(r, "%s is no code object", name);
	if (plain)
		munmap(plain, size);
}

/* ---- files ---- */

static bool scan_bare(struct scan_run *r, const uint8_t *data, size_t len)
{
	scan_code_object(r, data, len, NULL);
	return true;
}

/* What begins like a compressed one is one, also where it is damaged. */
static bool scan_fat(struct scan_run *r, const uint8_t *data, size_t len)
{
	size_t first = is_packed(data, len) ? scan_packed(r, data, len, NULL) : 0;

	return scan_bundles(r, data + first, len - first, NULL) || first;
}

static bool scan_database(struct scan_run *r, const uint8_t *data, size_t len)
{
	const char *why = read_kernel_database(r->file->path, scan_blob, r);

	(void)data;
	(void)len;
	/* Programs have other databases, too. */
	if (why && !strstr(r->file->path, ".kdb") && !strstr(r->file->path, ".ukdb"))
		return false;
	if (why)
		scan_error(r, "%s", why);
	return true;
}

static bool is_bare(const uint8_t *data, size_t len)
{
	uint64_t size;
	uint32_t flags;

	return isa_elf_header(data, len, &flags, &size);
}

static bool begins_fat(const uint8_t *data, size_t len)
{
	return is_packed(data, len) || (len && bundle__find(data, len < 64 ? len : 64, 0) == 0);
}

static bool is_database(const uint8_t *data, size_t len)
{
	return len > 16 && !memcmp(data, "SQLite format 3", 16);
}

static bool is_host(const uint8_t *data, size_t len)
{
	return is_elf(data, len);
}

static const struct {
	const char *name;
	bool (*is)(const uint8_t *data, size_t len);
	bool (*scan)(struct scan_run *r, const uint8_t *data, size_t len); /* false: nothing for a GPU in it */
} kinds[] = {
	{"code object", is_bare, scan_bare},
	{"offload bundle", begins_fat, scan_fat},
	{"kernel database", is_database, scan_database},
	{"program or library", is_host, scan_host},
};

static const uint8_t *map_file(const char *path, size_t *len)
{
	void *p = MAP_FAILED;
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		errno = EINVAL;
	} else if (!st.st_size) {
		p = NULL;
		errno = 0;
	} else {
		*len = (size_t)st.st_size;
		p = mmap(NULL, *len, PROT_READ, MAP_PRIVATE, fd, 0);
	}
	close(fd); /* leaves errno as it is */
	return p == MAP_FAILED ? NULL : p;
}

/* named: by the user, who learns why it is nothing. */
static bool scan_file(struct scan_run *r, const char *path, bool named)
{
	struct file_result f = {0};
	size_t len = 0;
	const uint8_t *data;
	bool any = false;

	errno = 0;
	data = map_file(path, &len);
	if (!data && errno) {
		log_err("cannot read %s: %s", path, strerror(errno));
		r->unreadable++;
		return false;
	}
	for (size_t i = 0; data && i < ARRAY_SIZE(kinds); i++) {
		if (!kinds[i].is(data, len))
			continue;
		begin_file(r, &f, path, kinds[i].name);
		any = kinds[i].scan(r, data, len);
		/* One that only stands in a directory is nothing to be told of. */
		if (!any && named)
			log_err("%s: %s without code for AMD GPUs", path, kinds[i].name);
		if (any)
			end_file(r);
		r->file = NULL;
		break;
	}
	if (!any && named && !f.path)
		log_err("%s: no code object, offload bundle, library, program or kernel database", path);
	if (!any)
		named ? r->unreadable++ : r->others++;
	if (data)
		munmap((void *)data, len);
	return any;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Links are not followed: what they point to is somewhere itself, and loops are made of them. */
static bool scan_directory(struct scan_run *r, const char *path)
{
	VEC(char *) names = {0};
	DIR *d = opendir(path);
	const struct dirent *e;
	bool any = false;

	if (!d) {
		log_err("cannot read %s: %s", path, strerror(errno));
		r->unreadable++;
		return false;
	}
	while ((e = readdir(d)))
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
			*VEC_PUSH(&names) = xstrdup(e->d_name);
	closedir(d);
	VEC_SORT(&names, by_text);
	for (size_t i = 0; i < names.n; i++) {
		char *child = xasprintf("%s%s%s", path, path[strlen(path) - 1] == '/' ? "" : "/", names.v[i]);
		struct stat st;

		if (!lstat(child, &st) && S_ISDIR(st.st_mode))
			any |= scan_directory(r, child);
		else if (S_ISREG(st.st_mode))
			any |= scan_file(r, child, false);
		free(child);
		free(names.v[i]);
	}
	free(names.v);
	return any;
}

bool scan_path(struct scan_run *r, const char *path)
{
	struct stat st;

	if (stat(path, &st)) {
		log_err("cannot read %s: %s", path, strerror(errno));
		r->unreadable++;
		return false;
	}
	if (S_ISDIR(st.st_mode)) {
		uint64_t unreadable = r->unreadable;
		bool any = scan_directory(r, path);

		if (!any && r->unreadable == unreadable) {
			log_err("%s: no file in it holds code for AMD GPUs", path);
			r->unreadable++;
		}
		return any;
	}
	return scan_file(r, path, true);
}
