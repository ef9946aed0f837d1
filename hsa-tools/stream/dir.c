// SPDX-License-Identifier: MIT
/* The ctf/ directory: made once, by whoever comes first; opened by every writer. */
#include "stream.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

/* Metadata is about 10 KiB; mapped rather than malloc'ed because the agent is a guest. */
#define METADATA_MAX (64u << 10)

/* A file system that cannot sync (some network and FUSE ones) is as good as it gets. */
static int sync_error(void)
{
	return errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP ? 0 : -errno;
}

static int write_metadata(int dir, const struct stream_meta *meta)
{
	struct rlimit rl;
	size_t len, done = 0;
	int fd, err = 0;
	char *buf;

	buf = mmap(NULL, METADATA_MAX, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (buf == MAP_FAILED)
		return -errno;
	len = stream_metadata__print(buf, METADATA_MAX, meta);
	/* A write beyond the limit would raise SIGXFSZ. */
	if (len >= METADATA_MAX || (!getrlimit(RLIMIT_FSIZE, &rl) && len > rl.rlim_cur)) {
		munmap(buf, METADATA_MAX);
		return -EFBIG;
	}
	fd = openat(dir, "metadata", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0) {
		err = -errno;
	} else {
		while (done < len && !err) {
			ssize_t n = write(fd, buf + done, len - done);

			if (n > 0)
				done += (size_t)n;
			else if (n < 0 && errno != EINTR)
				err = -errno;
		}
		if (!err && fsync(fd))
			err = sync_error();
		close(fd);
	}
	munmap(buf, METADATA_MAX);
	return err;
}

/* The names that lead to ctf/ in dir_fd: a machine that stops must not leave chunks without
 * metadata. */
static void sync_names(int dir_fd)
{
	int parent = openat(dir_fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	fsync(dir_fd);
	if (parent < 0)
		return;
	fsync(parent);
	close(parent);
}

int stream_dir__create(int dir_fd, const struct stream_meta *meta)
{
	char tmp[32];
	int fd, err;

	if (!faccessat(dir_fd, "ctf", F_OK, 0))
		return 0;
	snprintf(tmp, sizeof(tmp), ".ctf.%d", (int)getpid());
	if (mkdirat(dir_fd, tmp, 0755) && errno != EEXIST)
		return -errno;
	fd = openat(dir_fd, tmp, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	unlinkat(fd, "metadata", 0); /* of a process of this pid that was killed here */
	err = write_metadata(fd, meta);
	fsync(fd);
	/* Renaming a directory onto a non-empty one fails: the first writer wins. */
	if (!err && renameat(dir_fd, tmp, dir_fd, "ctf"))
		err = errno == EEXIST || errno == ENOTEMPTY ? 1 : -errno;
	if (err) {
		unlinkat(fd, "metadata", 0);
		unlinkat(dir_fd, tmp, AT_REMOVEDIR);
	} else {
		sync_names(dir_fd);
	}
	close(fd);
	return err > 0 ? 0 : err;
}

/* The value after `key` in the text, or NULL. */
static const char *find_value(const char *text, const char *key)
{
	const char *at = strstr(text, key);

	return at ? at + strlen(key) : NULL;
}

static int parse_uuid(const char *text, ev_u8 uuid[16])
{
	for (int i = 0; i < 16; i++) {
		char hex[3] = {0};
		char *end;

		if (*text == '-')
			text++;
		memcpy(hex, text, 2);
		uuid[i] = (ev_u8)strtoul(hex, &end, 16);
		if (end != hex + 2)
			return -EPROTO;
		text += 2;
	}
	return 0;
}

static int read_metadata(struct stream_dir *sd)
{
	char head[4096];
	const char *value;
	ssize_t n;
	int fd;

	fd = openat(sd->fd, "metadata", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, head, sizeof(head) - 1);
	close(fd);
	if (n < 0)
		return -errno;
	head[n] = 0;
	value = find_value(head, "rdna1_format = ");
	if (!value || atoi(value) != EV_FORMAT)
		return -EPROTO;
	value = find_value(head, "rdna1_emulated = ");
	sd->emulated = value && atoi(value);
	value = find_value(head, "uuid = \"");
	return value ? parse_uuid(value, sd->uuid) : -EPROTO;
}

/*
 * Whether a block of a file, once allocated, can be rewritten without new space (so that a store to
 * its mapping cannot fail). Of what is not known that is not assumed.
 */
static bool rewrites_in_place(int fd)
{
	struct statfs fs;

	if (fstatfs(fd, &fs))
		return false;
	return fs.f_type == EXT4_SUPER_MAGIC || fs.f_type == XFS_SUPER_MAGIC ||
	       fs.f_type == TMPFS_MAGIC;
}

int stream_dir__open(struct stream_dir *sd, int dir_fd)
{
	int err;

	sd->fd = openat(dir_fd, "ctf", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (sd->fd < 0)
		return -errno;
	sd->mapped = rewrites_in_place(sd->fd);
	err = read_metadata(sd);
	if (err)
		stream_dir__close(sd);
	return err;
}

void stream_dir__close(struct stream_dir *sd)
{
	if (sd->fd >= 0)
		close(sd->fd);
	sd->fd = -1;
}

bool stream_env__keep(const char *entry)
{
	static const char *const prefixes[] = {"HSA_", "HIP_",	   "ROC", "MIOPEN_", "AMD_",
					       "GPU_", "PYTORCH_", "LD_", "PATH="};

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (!strncmp(entry, prefixes[i], strlen(prefixes[i])))
			return true;
	return false;
}
