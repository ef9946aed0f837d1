// SPDX-License-Identifier: MIT
/* Writing a .tar.gz. */
#include "cmd_pack_tar.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#define BLOCK 512

struct targz {
	int fd, err;
	uint64_t written;
	z_stream z;
	unsigned char out[1 << 16];
};

struct ustar {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], chksum[8], typeflag, linkname[100], magic[6],
		version[2], uname[32], gname[32], devmajor[8], devminor[8], prefix[155], pad[12];
};
_Static_assert(sizeof(struct ustar) == BLOCK, "POSIX");

struct targz *targz__open(int fd)
{
	struct targz *t = calloc(1, sizeof(*t));

	/* 15 + 16: the largest window, and a header of gzip's; without a name and a time in it. */
	if (t && deflateInit2(&t->z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
		free(t);
		t = NULL;
	}
	if (t)
		t->fd = fd;
	return t;
}

static void write_out(struct targz *t, size_t len)
{
	for (size_t at = 0; at < len && !t->err;) {
		ssize_t n = write(t->fd, t->out + at, len - at);

		if (n < 0 && errno != EINTR)
			t->err = -errno;
		at += n > 0 ? (size_t)n : 0;
	}
	t->written += len;
}

static void deflate_all(struct targz *t, const void *data, size_t len, int flush)
{
	int rc = Z_OK;

	while (!t->err && (len || flush == Z_FINISH)) {
		unsigned int piece = len > 1u << 30 ? 1u << 30 : (unsigned int)len;

		t->z.next_in = (void *)data;
		t->z.avail_in = piece;
		do {
			t->z.next_out = t->out;
			t->z.avail_out = sizeof(t->out);
			rc = deflate(&t->z, flush);
			write_out(t, sizeof(t->out) - t->z.avail_out);
		} while (!t->err && !t->z.avail_out);
		data = (const char *)data + piece;
		len -= piece;
		if (flush == Z_FINISH && rc == Z_STREAM_END)
			return;
	}
}

/* Where a name is cut in two; false when it does not fit. */
static bool put_name(struct ustar *h, const char *name)
{
	size_t len = strlen(name);

	if (len <= sizeof(h->name)) {
		memcpy(h->name, name, len);
		return true;
	}
	for (const char *slash = strchr(name, '/'); slash; slash = strchr(slash + 1, '/')) {
		size_t before = (size_t)(slash - name), behind = len - before - 1;

		if (!before || before > sizeof(h->prefix) || behind > sizeof(h->name))
			continue;
		memcpy(h->prefix, name, before);
		memcpy(h->name, slash + 1, behind);
		return true;
	}
	return false;
}

static void put_octal(char *field, size_t size, uint64_t v)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%0*llo", (int)size - 1, (unsigned long long)v);
	memcpy(field, digits, size);
}

int targz__add(struct targz *t, const char *name, const void *data, size_t len, int64_t mtime)
{
	static const char zeros[BLOCK];
	struct ustar h = {.typeflag = '0', .magic = "ustar", .version = {'0', '0'}};
	unsigned int sum = 0;

	if (!put_name(&h, name))
		return -ENAMETOOLONG;
	if (len >> 33)
		return -EFBIG;
	put_octal(h.mode, sizeof(h.mode), 0644);
	put_octal(h.uid, sizeof(h.uid), 0);
	put_octal(h.gid, sizeof(h.gid), 0);
	put_octal(h.size, sizeof(h.size), len);
	put_octal(h.mtime, sizeof(h.mtime), mtime < 0 || mtime >> 33 ? 0 : (uint64_t)mtime);
	put_octal(h.devmajor, sizeof(h.devmajor), 0);
	put_octal(h.devminor, sizeof(h.devminor), 0);
	memset(h.chksum, ' ', sizeof(h.chksum));
	for (size_t i = 0; i < sizeof(h); i++)
		sum += ((const unsigned char *)&h)[i];
	put_octal(h.chksum, sizeof(h.chksum) - 1, sum);
	deflate_all(t, &h, sizeof(h), Z_NO_FLUSH);
	deflate_all(t, data, len, Z_NO_FLUSH);
	deflate_all(t, zeros, (BLOCK - len % BLOCK) % BLOCK, Z_NO_FLUSH);
	return t->err;
}

int targz__close(struct targz *t)
{
	static const char end[2 * BLOCK];
	int err;

	deflate_all(t, end, sizeof(end), Z_NO_FLUSH);
	deflate_all(t, NULL, 0, Z_FINISH);
	err = t->err;
	deflateEnd(&t->z);
	free(t);
	return err;
}

uint64_t targz__written(const struct targz *t)
{
	return t->written;
}
