// SPDX-License-Identifier: MIT
/*
 * See stream.h.
 *
 * Chunks are written through shared mappings where a block, once allocated, is there for ever. A
 * copy-on-write file system (btrfs, ZFS, an overlay on one) needs new space for every rewrite and
 * answers a full disk with SIGBUS in whoever touches the page, so everywhere else the chunk is in
 * private memory and each event is written with pwrite when it is committed.
 */
#include "stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif
#define RETRY_NS 100000000ull /* after a chunk could not be made */
#define PAGE 4096u

ev_u64 stream__now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (ev_u64)ts.tv_sec * 1000000000u + (ev_u64)ts.tv_nsec;
}

ev_u8 *stream__put_bytes(ev_u8 *at, const void *data, ev_u16 len)
{
	memcpy(at, &len, sizeof(len));
	if (len)
		memcpy(at + sizeof(len), data, len);
	return at + sizeof(len) + len;
}

/*
 * babeltrace2 2.0.4 prints the text of an earlier event in place of an empty one (its recycled
 * string field keeps its bytes when nothing is appended), so an empty text is written as "-".
 */
ev_u8 *stream__put_text(ev_u8 *at, const char *text, size_t len)
{
	if (!len) {
		text = "-";
		len = 1;
	}
	memcpy(at, text, len);
	at[len] = 0;
	return at + len + 1;
}

/* FNV-1a: a NAME's instance id needs to be unique in its trace and the same in every chunk. */
ev_u64 stream__instance_id(const char *name)
{
	ev_u64 h = 0xcbf29ce484222325ull;

	for (; *name; name++)
		h = (h ^ (ev_u8)*name) * 0x100000001b3ull;
	return h;
}

static enum ev_loss_cause cause_of(int err)
{
	switch (err) {
	case ENOSPC:
	case EDQUOT:
		return LOSS_disk_full;
	case EFBIG:
		return LOSS_file_limit;
	case ENOMEM:
		return LOSS_no_memory;
	default:
		return LOSS_no_chunk;
	}
}

/* renameat2(RENAME_NOREPLACE), or as near as the file system comes. 0 or errno. */
static int rename_new(int dir, const char *from, const char *to)
{
	if (!syscall(SYS_renameat2, dir, from, dir, to, 1 /* RENAME_NOREPLACE */))
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return errno;
	if (!faccessat(dir, to, F_OK, 0))
		return EEXIST;
	return renameat(dir, from, dir, to) ? errno : 0;
}

/*
 * The size of file that may be made: posix_fallocate beyond RLIMIT_FSIZE would raise SIGXFSZ in
 * someone else's process.
 */
static ev_u32 clamp_to_rlimit(ev_u32 bytes)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_FSIZE, &rl) || rl.rlim_cur == RLIM_INFINITY || rl.rlim_cur >= bytes)
		return bytes;
	return (ev_u32)rl.rlim_cur & ~(PAGE - 1);
}

static int allocate(int fd, ev_u32 bytes)
{
	int err = EINTR;

	/* A process under an interval timer is interrupted often, but not for ever. */
	for (int i = 0; i < 100 && err == EINTR; i++)
		err = posix_fallocate(fd, 0, bytes);
	return err;
}

/* By statx: fstat is a symbol of glibc 2.33. */
static bool identify(int fd, ev_u64 *dev, ev_u64 *ino)
{
	struct statx st;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_INO, &st))
		return false;
	*dev = (ev_u64)st.stx_dev_major << 32 | st.stx_dev_minor;
	*ino = st.stx_ino;
	return true;
}

/* Above the standard three: an application may run with some of them closed. */
static int keep_open(int fd, struct stream_file *file)
{
	file->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	return file->fd < 0 || !identify(file->fd, &file->dev, &file->ino) ? errno : 0;
}

static bool is_ours(const struct stream_file *file)
{
	ev_u64 dev, ino;

	return file->fd >= 0 && identify(file->fd, &dev, &ino) && dev == file->dev &&
	       ino == file->ino;
}

/*
 * 0 or errno. The application may have closed our descriptor and opened a file of its own under
 * that number, and may have lowered its file size limit.
 */
static int write_at(const struct stream_file *file, const void *data, size_t len, size_t offset)
{
	struct rlimit rl;
	ssize_t n;

	if (!is_ours(file))
		return EBADF;
	if (!getrlimit(RLIMIT_FSIZE, &rl) && offset + len > rl.rlim_cur)
		return EFBIG;
	for (size_t done = 0; done < len; done += (size_t)n) {
		n = pwrite(file->fd, (const char *)data + done, len - done, (off_t)(offset + done));
		if (n < 0 && errno == EINTR)
			n = 0;
		else if (n <= 0)
			return n ? errno : EIO;
	}
	return 0;
}

static void close_file(struct stream_file *file)
{
	if (is_ours(file))
		close(file->fd);
	file->fd = -1;
}

/* Memory of a chunk file that has its full size. Returns 0 or errno. */
static int map_chunk(const struct stream_dir *sd, int fd, ev_u32 bytes, const struct ev_chunk *head,
		     void **map, struct stream_file *file)
{
	int flags = sd->mapped ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS, err = 0;

	*map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, sd->mapped ? fd : -1, 0);
	if (*map == MAP_FAILED)
		return errno;
	/* At once, not page by page under the application's calls (from Linux 5.14 on). */
	if (sd->mapped)
		madvise(*map, bytes, MADV_POPULATE_WRITE);
	else
		err = keep_open(fd, file);
	memcpy(*map, head, sizeof(*head));
	if (!err && !sd->mapped)
		err = write_at(file, head, sizeof(*head), 0);
	return err;
}

/*
 * Make chunk file `name` with a valid header. Returns its memory or NULL and errno; EEXIST when
 * there is a file of that name.
 */
static void *make_chunk(const struct stream_dir *sd, const char *name, ev_u32 bytes,
			const struct ev_chunk *head, struct stream_file *file)
{
	char dot[STREAM_NAME_MAX + 16];
	void *map = MAP_FAILED;
	int fd, err = 0;

	snprintf(dot, sizeof(dot), ".%s", name);
	fd = openat(sd->fd, dot, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0 && errno == EEXIST) {
		/* Of a process of this pid that was killed here: no live writer shares a NAME. */
		unlinkat(sd->fd, dot, 0);
		fd = openat(sd->fd, dot, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	}
	if (fd < 0)
		return NULL;
	file->fd = -1;
	err = allocate(fd, bytes);
	if (!err)
		err = map_chunk(sd, fd, bytes, head, &map, file);
	if (!err)
		err = rename_new(sd->fd, dot, name);
	close(fd);
	if (!err)
		return map;
	if (map != MAP_FAILED)
		munmap(map, bytes);
	close_file(file);
	unlinkat(sd->fd, dot, 0);
	errno = err;
	return NULL;
}

static void fill_head(struct ev_chunk *h, const struct stream_proc *p, ev_u64 instance, ev_u64 ts,
		      ev_u32 bytes)
{
	*h = (struct ev_chunk){
		.magic = EV_MAGIC,
		.stream_instance_id = instance,
		.timestamp_begin = ts,
		.content_bits = sizeof(*h) * 8,
		.packet_bits = (ev_u64)bytes * 8,
		.pid = p->pid,
	};
	memcpy(h->uuid, p->dir.uuid, sizeof(h->uuid));
}

/* ---- the process's counters ---- */

static int make_counters(struct stream_proc *p)
{
	char base[STREAM_NAME_MAX], name[STREAM_NAME_MAX + 4];
	ev_u64 ts = stream__now();
	struct ev_chunk head;
	ev_u8 *at;

	for (int gen = 1; gen < 1000; gen++) {
		snprintf(base, sizeof(base), gen == 1 ? "%s_counts" : "%s_counts-%d", p->prefix,
			 gen);
		snprintf(name, sizeof(name), "%s.0", base);
		fill_head(&head, p, stream__instance_id(base), ts, PAGE);
		if (clamp_to_rlimit(PAGE) < PAGE)
			return -EFBIG;
		p->map = make_chunk(&p->dir, name, PAGE, &head, &p->file);
		if (p->map || errno != EEXIST)
			break;
	}
	if (!p->map)
		return -errno;
	p->map_bytes = PAGE;

	at = (ev_u8 *)p->map + sizeof(head);
	for (int cause = 1; cause < LOSS_COUNT; cause++) {
		struct ev_head eh = {
			.id = EV_loss,
			.timestamp = ts,
			.size = sizeof(eh) + sizeof(struct ev_loss),
			.tid = p->pid,
		};
		struct ev_loss loss = {.pid = p->pid, .source = p->source, .cause = (ev_u16)cause};

		memcpy(at, &eh, sizeof(eh));
		memcpy(at + sizeof(eh), &loss, sizeof(loss));
		p->losses[cause] = (void *)(at + sizeof(eh));
		at += eh.size;
	}
	((struct ev_chunk *)p->map)->content_bits = (ev_u64)(at - (ev_u8 *)p->map) * 8;
	return p->file.fd < 0 ? 0 : -write_at(&p->file, p->map, (size_t)(at - (ev_u8 *)p->map), 0);
}

int stream_proc__open(struct stream_proc *p, int dir_fd, enum ev_source source, const char *kind)
{
	ev_u32 *sentinel;
	int err;

	memset(p, 0, sizeof(*p));
	p->file.fd = -1;
	err = stream_dir__open(&p->dir, dir_fd);
	if (err)
		return err;
	p->source = (ev_u16)source;
	p->pid = (ev_u32)getpid();
	snprintf(p->prefix, sizeof(p->prefix), "%s_%u", kind, p->pid);

	sentinel = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (sentinel == MAP_FAILED || madvise(sentinel, PAGE, MADV_WIPEONFORK)) {
		err = -errno;
		if (sentinel != MAP_FAILED)
			munmap(sentinel, PAGE);
		stream_dir__close(&p->dir);
		return err;
	}
	*sentinel = p->pid;
	p->sentinel = sentinel;
	p->map_error = make_counters(p);
	return 0;
}

void stream_proc__close(struct stream_proc *p)
{
	if (p->map)
		munmap(p->map, p->map_bytes);
	if (p->sentinel)
		munmap((void *)p->sentinel, PAGE);
	close_file(&p->file);
	stream_dir__close(&p->dir);
	memset(p, 0, sizeof(*p));
	p->dir.fd = p->file.fd = -1;
}

void stream_proc__lost(struct stream_proc *p, enum ev_loss_cause cause, ev_u64 count, bool orphan)
{
	struct ev_loss *l = p->losses[cause];

	if (!l)
		return;
	/* 8-aligned by the sizes of ev_chunk, ev_head and ev_loss. */
	__atomic_fetch_add((ev_u64 *)__builtin_assume_aligned((void *)&l->count, 8), count,
			   __ATOMIC_RELAXED);
	if (orphan)
		__atomic_fetch_add((ev_u64 *)__builtin_assume_aligned((void *)&l->orphans, 8),
				   count, __ATOMIC_RELAXED);
	if (p->file.fd >= 0)
		write_at(&p->file, l, sizeof(*l), (size_t)((ev_u8 *)l - (ev_u8 *)p->map));
}
_Static_assert(sizeof(struct ev_chunk) % 8 == 0 && sizeof(struct ev_loss) % 8 == 0 &&
		       sizeof(struct ev_head) % 8 == 0 && offsetof(struct ev_loss, count) % 8 == 0,
	       "loss counters are aligned");

/* ---- streams ---- */

void stream__open(struct stream *s, struct stream_proc *p, const char *what, ev_u32 chunk_first,
		  ev_u32 chunk_max)
{
	memset(s, 0, sizeof(*s));
	s->proc = p;
	s->file.fd = -1;
	if (what[0])
		snprintf(s->name, sizeof(s->name), "%s_%s", p->prefix, what);
	else
		snprintf(s->name, sizeof(s->name), "%s", p->prefix);
	s->chunk_bytes = chunk_first ? chunk_first : STREAM_CHUNK_FIRST;
	s->chunk_max = chunk_max ? chunk_max : STREAM_CHUNK_MAX;
}

static struct ev_chunk *chunk_head(const struct stream *s)
{
	return (struct ev_chunk *)s->map;
}

static void drop_chunk(struct stream *s)
{
	if (s->map)
		munmap(s->map, s->map_bytes);
	s->map = NULL;
	close_file(&s->file);
}

/* Make the next chunk the current one. 0, or the cause why there is none. */
static int next_chunk(struct stream *s, ev_u64 ts, size_t need)
{
	char name[STREAM_NAME_MAX + 12], base[STREAM_NAME_MAX];
	struct stream_proc *p = s->proc;
	struct stream_file file;
	struct ev_chunk head;
	ev_u32 bytes;
	void *map;

	/* A vfork child shares this memory; it must not make files in its parent's name. */
	if ((ev_u32)getpid() != p->pid)
		return LOSS_forked;
	while (s->chunk_bytes < sizeof(head) + need) /* an event is at most EV_SIZE_MAX */
		s->chunk_bytes *= 2;
	bytes = clamp_to_rlimit(s->chunk_bytes);
	if (bytes < sizeof(head) + need)
		return LOSS_file_limit;

	for (int gen = 1;; gen++) {
		snprintf(name, sizeof(name), "%s.%u", s->name, s->next_chunk);
		fill_head(&head, p, stream__instance_id(s->name), ts, bytes);
		head.seen = s->seen;
		head.cpu = s->cpu;
		map = make_chunk(&p->dir, name, bytes, &head, &file);
		if (map)
			break;
		/* The tid, or the pid after exec, was used before: take another NAME. */
		if (errno != EEXIST || s->next_chunk || gen == 1000)
			return (int)cause_of(errno);
		if (gen == 1)
			memcpy(base, s->name, sizeof(base));
		base[STREAM_NAME_MAX - 6] = 0;
		snprintf(s->name, sizeof(s->name), "%.*s-%d", STREAM_NAME_MAX - 6, base, gen + 1);
	}
	drop_chunk(s);
	s->map = map;
	s->map_bytes = bytes;
	s->file = file;
	s->used = sizeof(head);
	s->next_chunk++;
	if (s->chunk_bytes < s->chunk_max)
		s->chunk_bytes *= 2;
	return 0;
}

/* The event is lost; `seen` has been counted already when the stream has a chunk. */
static void *lose(struct stream *s, enum ev_loss_cause cause)
{
	stream_proc__lost(s->proc, cause, 1, !s->map);
	if (s->file.fd >= 0)
		write_at(&s->file, s->map, sizeof(struct ev_chunk), 0); /* its `seen` */
	return NULL;
}

void *stream__reserve(struct stream *s, ev_u16 id, size_t payload_bytes, ev_u32 tid, ev_u64 ts)
{
	size_t size = sizeof(struct ev_head) + payload_bytes;
	struct ev_head head;

	if (!stream_proc__mine(s->proc))
		return NULL;
	if (!ts)
		ts = stream__now();
	if (ts < s->last_ts)
		ts = s->last_ts;
	if (s->map)
		chunk_head(s)->seen = ++s->seen;
	if (s->pending)
		return lose(s, LOSS_nested);
	if (size > EV_SIZE_MAX)
		return lose(s, LOSS_too_big);
	if (!s->map || size > s->map_bytes - s->used) {
		bool first = !s->map;
		int cause = (int)s->cause;

		if (!s->retry_ts || ts >= s->retry_ts)
			cause = next_chunk(s, ts, size);
		if (cause) {
			if (!s->retry_ts || ts >= s->retry_ts)
				s->retry_ts = ts + RETRY_NS;
			s->cause = (enum ev_loss_cause)cause;
			return lose(s, s->cause);
		}
		s->retry_ts = 0;
		if (first)
			chunk_head(s)->seen = ++s->seen;
	}
	s->last_ts = ts;
	head = (struct ev_head){.id = id, .timestamp = ts, .size = (ev_u16)size, .tid = tid};
	memcpy(s->map + s->used, &head, sizeof(head));
	s->pending = (ev_u32)size;
	return s->map + s->used + sizeof(head);
}

bool stream__commit(struct stream *s)
{
	struct ev_chunk *head = chunk_head(s);
	ev_u32 from = s->used, size = s->pending;
	int err = 0;

	s->pending = 0;
	if (s->file.fd >= 0)
		err = write_at(&s->file, s->map + from, size, from);
	if (err) {
		lose(s, cause_of(err));
		return false;
	}
	s->used += size;
	/* Only now does the event exist, for a reader of a file whose writer dies here. */
	__atomic_store_n((ev_u64 *)__builtin_assume_aligned((void *)&head->content_bits, 8),
			 (ev_u64)s->used * 8, __ATOMIC_RELEASE);
	if (s->file.fd >= 0)
		err = write_at(&s->file, head, sizeof(*head), 0);
	if (!err)
		return true;
	/* The file does not know of it; the next one overwrites it. */
	s->used = from;
	head->content_bits = (ev_u64)from * 8;
	lose(s, cause_of(err));
	return false;
}

bool stream__write(struct stream *s, ev_u16 id, const void *payload, size_t payload_bytes,
		   ev_u32 tid, ev_u64 ts)
{
	void *at = stream__reserve(s, id, payload_bytes, tid, ts);

	if (!at)
		return false;
	memcpy(at, payload, payload_bytes);
	return stream__commit(s);
}

void stream__close(struct stream *s)
{
	drop_chunk(s);
}

void stream__sync(const struct stream *s)
{
	void *map = __atomic_load_n(&s->map, __ATOMIC_RELAXED);

	/* Its thread may end meanwhile: then these fail and there is nothing left to sync. */
	if (s->file.fd >= 0)
		fdatasync(s->file.fd);
	else if (map)
		msync(map, s->map_bytes, MS_SYNC);
}
