// SPDX-License-Identifier: MIT
#include "ld_cache.h"
#include "../base/buf.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* dl-cache.h of glibc 2.32 and later, which writes no older form: offsets are from the start of the
 * file. */
struct cache_head {
	char magic[20]; /* and version */
	uint32_t num, len_strings;
	uint32_t flags, extension, unused[3];
};
struct cache_entry {
	int32_t flags;
	uint32_t name, path;
	uint32_t os_version;
	uint64_t hwcap;
};
#define MAGIC "glibc-ld.so.cache1.1"

static void read_cache(const char *data, size_t size, void (*what)(const char *path, void *arg),
		       void *arg)
{
	struct cache_head head;
	struct cache_entry e;

	if (size < sizeof(head))
		return;
	memcpy(&head, data, sizeof(head));
	if (memcmp(head.magic, MAGIC, sizeof(head.magic)))
		return;
	for (uint32_t i = 0; i < head.num && sizeof(head) + (i + 1ul) * sizeof(e) <= size; i++) {
		memcpy(&e, data + sizeof(head) + i * sizeof(e), sizeof(e));
		if (e.path < size && memchr(data + e.path, 0, size - e.path))
			what(data + e.path, arg);
	}
}

static void read_directory(const char *dir, void (*what)(const char *path, void *arg), void *arg)
{
	DIR *d = opendir(dir);
	struct dirent *de;

	while (d && (de = readdir(d))) {
		char *path = xasprintf("%s/%s", dir, de->d_name);

		if (de->d_name[0] != '.')
			what(path, arg);
		free(path);
	}
	if (d)
		closedir(d);
}

void ld_cache__file(const char *root, void (*what)(const char *path, void *arg), void *arg)
{
	char *path = xasprintf("%s/etc/ld.so.cache", root), *data;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	free(path);
	if (fd < 0)
		return;
	data = fstat(fd, &st) || st.st_size <= 0
		       ? MAP_FAILED
		       : mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (data == MAP_FAILED)
		return;
	read_cache(data, (size_t)st.st_size, what, arg);
	munmap(data, (size_t)st.st_size);
}

void ld_cache__each(const char *library_path, void (*what)(const char *path, void *arg), void *arg)
{
	char *dirs = xstrdup(library_path ?: ""), *save = NULL;

	for (char *dir = strtok_r(dirs, ":;", &save); dir; dir = strtok_r(NULL, ":;", &save))
		read_directory(dir, what, arg);
	free(dirs);
	ld_cache__file("", what, arg);
}
