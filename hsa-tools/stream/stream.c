// SPDX-License-Identifier: MIT
/*
 * See stream.h.
 *
 * Chunks are written through shared mappings where a block, once allocated, is there for ever. A
 * copy-on-write file system (btrfs, ZFS, an overlay on one) needs new space for every rewrite and
 * answers a full disk with SIGBUS in whoever touches the page, so everywhere else the chunk is in
 * private memory and each event is written with pwrite when it is committed.
 */
#include "ring.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
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
#define POPULATE (16 * PAGE)

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
	int before;

	if (!is_ours(file))
		return EBADF;
	if (!getrlimit(RLIMIT_FSIZE, &rl) && offset + len > rl.rlim_cur)
		return EFBIG;
	for (size_t done = 0; done < len; done += (size_t)n) {
		pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
		n = pwrite(file->fd, (const char *)data + done, len - done, (off_t)(offset + done));
		pthread_setcancelstate(before, NULL);
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

/* In parts: the process's other threads cannot map anything meanwhile. */
static void populate(void *map, ev_u32 bytes)
{
	for (ev_u32 at = 0; at < bytes; at += POPULATE)
		if (madvise((char *)map + at, bytes - at < POPULATE ? bytes - at : POPULATE,
			    MADV_POPULATE_WRITE))
			return;
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
		populate(*map, bytes);
	else
		err = keep_open(fd, file);
	memcpy(*map, head, sizeof(*head));
	if (!err && !sd->mapped)
		err = write_at(file, head, sizeof(*head), 0);
	return err;
}

/* A new file under a dot name. Its descriptor, or -1 and errno. */
static int create_dot(const struct stream_dir *sd, const char *dot)
{
	const int flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(sd->fd, dot, flags, 0644);

	if (fd < 0 && errno == EEXIST) {
		/* Of a process of this pid that was killed here: no live writer shares a NAME. */
		unlinkat(sd->fd, dot, 0);
		fd = openat(sd->fd, dot, flags, 0644);
	}
	return fd;
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
	fd = create_dot(sd, dot);
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
		p->generation = gen + 1;
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

int stream_proc__limit(struct stream_proc *p, ev_u64 bytes)
{
	size_t len = strlen(p->prefix);

	if (bytes < STREAM_LIMIT_MIN || bytes > STREAM_LIMIT_MAX)
		return -EINVAL;
	p->ring = ring__new(bytes, p->map_bytes);
	if (!p->ring)
		return -errno;
	/* An earlier program of this pid may have left chunks without their first: exec. */
	if (p->generation > 1)
		snprintf(p->prefix + len, sizeof(p->prefix) - len, "-%u", p->generation);
	return 0;
}

void stream_proc__close(struct stream_proc *p)
{
	if (p->map)
		munmap(p->map, p->map_bytes);
	if (p->sentinel)
		munmap((void *)p->sentinel, PAGE);
	close_file(&p->file);
	ring__free(p->ring);
	stream_dir__close(&p->dir);
	memset(p, 0, sizeof(*p));
	p->dir.fd = p->file.fd = -1;
}

void stream_proc__lost(struct stream_proc *p, enum ev_loss_cause cause, ev_u64 count, bool orphan)
{
	stream_proc__count(p, cause, count, orphan ? count : 0);
}

void stream_proc__count(struct stream_proc *p, enum ev_loss_cause cause, ev_u64 count,
			ev_u64 orphans)
{
	struct ev_loss *l = p->losses[cause];

	if (!l || (!count && !orphans))
		return;
	/* 8-aligned by the sizes of ev_chunk, ev_head and ev_loss. */
	__atomic_fetch_add((ev_u64 *)__builtin_assume_aligned((void *)&l->count, 8), count,
			   __ATOMIC_RELAXED);
	if (orphans)
		__atomic_fetch_add((ev_u64 *)__builtin_assume_aligned((void *)&l->orphans, 8),
				   orphans, __ATOMIC_RELAXED);
	if (p->file.fd >= 0)
		write_at(&p->file, l, sizeof(*l), (size_t)((ev_u8 *)l - (ev_u8 *)p->map));
}
_Static_assert(sizeof(struct ev_chunk) % 8 == 0 && sizeof(struct ev_loss) % 8 == 0 &&
		       sizeof(struct ev_head) % 8 == 0 && offsetof(struct ev_loss, count) % 8 == 0,
	       "loss counters are aligned");

/* ---- streams ---- */

static ev_u32 smaller(ev_u32 a, ev_u32 b)
{
	return a < b ? a : b;
}

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
	if (!p->ring)
		return;
	s->chunk_bytes = smaller(s->chunk_bytes, ring__chunk_first(p->ring));
	s->chunk_max = chunk_max ? smaller(chunk_max, ring__chunk_max(p->ring))
				 : ring__chunk_max(p->ring);
}

void stream__keep(struct stream *s)
{
	s->kept = true;
}

bool stream__lock(struct stream *s)
{
	if (stream_lock__take(&s->lock))
		return true;
	stream_proc__lost(s->proc, LOSS_nested, 1, true);
	return false;
}

void stream__unlock(struct stream *s)
{
	stream_lock__release(&s->lock);
}

static struct ev_chunk *chunk_head(const struct stream *s)
{
	return (struct ev_chunk *)s->map;
}

void stream__drop_chunk(struct stream *s)
{
	if (s->map)
		munmap(s->map, s->map_bytes);
	s->map = NULL;
	close_file(&s->file);
}

/*
 * Make a chunk file of the stream. Its memory, or NULL and errno. The NAME gets a number where the
 * tid, or the pid after exec, was used before.
 */
static void *make_named_chunk(struct stream *s, const struct ev_chunk *begin, ev_u32 bytes,
			      struct stream_file *file)
{
	char name[STREAM_NAME_MAX + 12], base[STREAM_NAME_MAX];
	struct ev_chunk head = *begin;
	bool first = !s->next_chunk;

	memcpy(base, s->name, sizeof(base));
	base[STREAM_NAME_MAX - 6] = 0;
	for (int gen = 2; gen <= 1000; gen++) {
		void *map = NULL;

		snprintf(name, sizeof(name), "%s.%u", s->name, s->next_chunk);
		head.stream_instance_id = stream__instance_id(s->name);
		errno = EEXIST;
		if (!first || !s->proc->ring || !ring__name_taken(s))
			map = make_chunk(&s->proc->dir, name, bytes, &head, file);
		if (map || errno != EEXIST || !first)
			return map;
		snprintf(s->name, sizeof(s->name), "%.*s-%u", STREAM_NAME_MAX - 6, base,
			 (unsigned int)gen % 10000);
	}
	return NULL;
}

static ev_u64 events_in_chunk(const struct stream *s)
{
	return s->seen - s->chunk_seen - s->chunk_lost - (s->pending != 0);
}

/* Ring mode: the full chunk goes first, so that it may be the one that is removed. 0, or the cause. */
static int end_chunk(struct stream *s)
{
	int cause;

	if (!s->map)
		return 0;
	chunk_head(s)->seen = --s->seen; /* the event to come is counted where it stands */
	cause = ring__end_chunk(s, events_in_chunk(s));
	if (cause)
		chunk_head(s)->seen = ++s->seen;
	return cause;
}

/* Bytes of the next chunk, before ring mode had its say. */
static ev_u32 chunk_bytes(struct stream *s, size_t need)
{
	if (s->proc->ring)
		return s->chunk_bytes < need ? (ev_u32)(need + PAGE - 1) / PAGE * PAGE
					     : s->chunk_bytes;
	while (s->chunk_bytes < need) /* an event is at most EV_SIZE_MAX */
		s->chunk_bytes *= 2;
	return s->chunk_bytes;
}

/* ---- the spare chunk ---- */

void stream__use_spare(struct stream *s, struct stream_spare *spare)
{
	if (!s->proc->dir.mapped || s->proc->ring)
		return;
	if (!spare->proc) {
		spare->proc = s->proc;
		spare->number = __atomic_add_fetch(&s->proc->num_spares, 1, __ATOMIC_RELAXED);
	}
	s->spare = spare;
}

static bool change_state(struct stream_spare *sp, int from, int to)
{
	return __atomic_compare_exchange_n(&sp->state, &from, to, false, __ATOMIC_ACQ_REL,
					   __ATOMIC_RELAXED);
}

/* One that an earlier stream abandoned may still be there: then this chunk's end comes without. */
static __attribute__((noinline, cold)) void ask_for_spare(struct stream *s)
{
	void (*wake)(void) = __atomic_load_n(&s->proc->wake, __ATOMIC_RELAXED);

	s->ask_at = UINT32_MAX;
	__atomic_store_n(&s->spare->wanted_bytes, s->chunk_bytes, __ATOMIC_RELAXED);
	if (wake && change_state(s->spare, SPARE_EMPTY, SPARE_WANTED))
		wake();
}

/* Not by NAME: those of streams that come after each other may be the same. */
static void spare_name(const struct stream_spare *sp, char *name, size_t size)
{
	snprintf(name, size, ".%s_spare-%u", sp->proc->prefix, sp->number);
}

static void unmap_old(struct stream_spare *sp)
{
	if (sp->old_map)
		munmap(sp->old_map, sp->old_bytes);
	sp->old_map = NULL;
}

static void remove_spare(struct stream_spare *sp)
{
	char name[STREAM_NAME_MAX];

	spare_name(sp, name, sizeof(name));
	unlinkat(sp->proc->dir.fd, name, 0);
	munmap(sp->map, sp->bytes);
}

static bool make_spare(struct stream_spare *sp)
{
	const struct stream_dir *sd = &sp->proc->dir;
	char name[STREAM_NAME_MAX];
	void *map = MAP_FAILED;
	int fd;

	sp->bytes = clamp_to_rlimit(__atomic_load_n(&sp->wanted_bytes, __ATOMIC_RELAXED));
	if (sp->bytes < PAGE)
		return false;
	spare_name(sp, name, sizeof(name));
	fd = create_dot(sd, name);
	if (fd < 0)
		return false;
	if (!allocate(fd, sp->bytes))
		map = mmap(NULL, sp->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (map == MAP_FAILED) {
		unlinkat(sd->fd, name, 0);
		return false;
	}
	populate(map, sp->bytes);
	sp->map = map;
	return true;
}

void stream_spare__prepare(struct stream_spare *sp)
{
	if (!change_state(sp, SPARE_WANTED, SPARE_PREPARING))
		return;
	unmap_old(sp);
	if (make_spare(sp)) {
		if (change_state(sp, SPARE_PREPARING, SPARE_READY))
			return;
		remove_spare(sp);
	}
	/* Also when it could not be made: the stream will find out why. */
	__atomic_store_n(&sp->state, SPARE_EMPTY, __ATOMIC_RELEASE);
}

void stream_spare__drop(struct stream_spare *sp)
{
	if (__atomic_load_n(&sp->state, __ATOMIC_ACQUIRE) == SPARE_EMPTY)
		return;
	/* A vfork child shares the state. */
	if (!stream_proc__mine(sp->proc) || (ev_u32)getpid() != sp->proc->pid)
		return;
	/* In this order: it may go on to the next state meanwhile, and back only by us. */
	if (change_state(sp, SPARE_WANTED, SPARE_EMPTY) ||
	    change_state(sp, SPARE_PREPARING, SPARE_ABANDONED) ||
	    !change_state(sp, SPARE_READY, SPARE_TAKEN))
		return;
	remove_spare(sp);
	__atomic_store_n(&sp->state, SPARE_EMPTY, __ATOMIC_RELEASE);
}

/*
 * The spare, if it is there and has room for `need`, as the stream's next chunk. NULL: the
 * stream is to make one, and meets the reason itself if it lasts.
 */
static void *take_spare(struct stream *s, const struct ev_chunk *begin, size_t need, ev_u32 *bytes)
{
	struct stream_spare *sp = s->spare;
	char dot[STREAM_NAME_MAX], name[STREAM_NAME_MAX + 12];
	struct ev_chunk head = *begin;
	void *map = NULL;

	if (!s->next_chunk || !change_state(sp, SPARE_READY, SPARE_TAKEN))
		return NULL;
	head.stream_instance_id = stream__instance_id(s->name);
	head.packet_bits = (ev_u64)sp->bytes * 8;
	memcpy(sp->map, &head, sizeof(head));
	spare_name(sp, dot, sizeof(dot));
	snprintf(name, sizeof(name), "%s.%u", s->name, s->next_chunk);
	if (sp->bytes >= need && !rename_new(s->proc->dir.fd, dot, name)) {
		map = sp->map;
		*bytes = sp->bytes;
		/* Unmapping takes longer than all else here. It was READY: no other old one is left. */
		sp->old_map = s->map;
		sp->old_bytes = s->map_bytes;
		s->map = NULL;
	} else {
		remove_spare(sp);
	}
	__atomic_store_n(&sp->state, SPARE_EMPTY, __ATOMIC_RELEASE);
	return map;
}

/* ---- writing ---- */

/* Make the next chunk the current one. 0, or the cause why there is none. */
static int next_chunk_uncancelled(struct stream *s, ev_u64 ts, size_t need)
{
	struct stream_proc *p = s->proc;
	struct stream_file file = {.fd = -1};
	struct ev_chunk head;
	int cause = 0;
	ev_u32 bytes;
	void *map;

	/* A vfork child shares this memory; it must not make files in its parent's name. */
	if ((ev_u32)getpid() != p->pid)
		return LOSS_forked;
	need += sizeof(head);
	bytes = clamp_to_rlimit(chunk_bytes(s, need));
	if (bytes < need)
		return LOSS_file_limit;
	if (p->ring)
		cause = end_chunk(s) ?: ring__begin_chunk(s, (ev_u32)need, &bytes);
	if (cause)
		return cause;
	fill_head(&head, p, 0, ts, bytes);
	head.seen = s->seen;
	head.cpu = s->cpu;
	map = s->spare ? take_spare(s, &head, need, &bytes) : NULL;
	if (!map)
		map = make_named_chunk(s, &head, bytes, &file);
	if (!map) {
		cause = (int)cause_of(errno);
		if (p->ring)
			ring__no_chunk(s, bytes);
		return cause;
	}
	stream__drop_chunk(s);
	s->map = map;
	s->map_bytes = bytes;
	s->file = file;
	s->used = sizeof(head);
	s->next_chunk++;
	s->chunk_seen = s->seen;
	s->chunk_lost = 0;
	if (s->chunk_bytes < s->chunk_max)
		s->chunk_bytes *= 2;
	s->ask_at = s->spare ? bytes / 4 : UINT32_MAX;
	return 0;
}

/* The application's call is still to come: a thread that is to be cancelled must not end here. */
static int next_chunk(struct stream *s, ev_u64 ts, size_t need)
{
	int before, cause;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
	cause = next_chunk_uncancelled(s, ts, need);
	pthread_setcancelstate(before, NULL);
	return cause;
}

/* The event is lost; `seen` has been counted already when the stream has a chunk. */
static void *lose(struct stream *s, enum ev_loss_cause cause)
{
	stream_proc__lost(s->proc, cause, 1, !s->map);
	s->chunk_lost++;
	if (s->file.fd >= 0)
		write_at(&s->file, s->map, sizeof(struct ev_chunk), 0); /* its `seen` */
	return NULL;
}

void *stream__reserve(struct stream *s, ev_u16 id, size_t payload_bytes, ev_u32 tid, ev_u64 ts)
{
	size_t size = sizeof(struct ev_head) + payload_bytes;
	struct ev_head head;

	if (unlikely(!stream_proc__mine(s->proc)))
		return NULL;
	if (!ts)
		ts = stream__time(s);
	if (unlikely(ts < s->last_ts))
		ts = s->last_ts;
	if (likely(s->map))
		chunk_head(s)->seen = ++s->seen;
	if (unlikely(s->pending))
		return lose(s, LOSS_nested);
	if (unlikely(size > EV_SIZE_MAX))
		return lose(s, LOSS_too_big);
	if (unlikely(!s->map || size > s->map_bytes - s->used)) {
		bool first = !s->map || s->proc->ring; /* its `seen` does not count this one yet */
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

void stream__shrink(struct stream *s, size_t bytes)
{
	const ev_u16 size = (ev_u16)(s->pending - bytes);

	if (bytes >= s->pending) /* it was taken back meanwhile */
		return;
	s->pending = size;
	memcpy(s->map + s->used + offsetof(struct ev_head, size), &size, sizeof(size));
}

bool stream__commit(struct stream *s)
{
	struct ev_chunk *head = chunk_head(s);
	ev_u32 from = s->used, size = s->pending;
	int err = 0;

	if (unlikely(!size))
		return false;
	s->pending = 0;
	if (unlikely(s->file.fd >= 0))
		err = write_at(&s->file, s->map + from, size, from);
	if (unlikely(err)) {
		lose(s, cause_of(err));
		return false;
	}
	s->used += size;
	/* Only now does the event exist, for a reader of a file whose writer dies here. */
	__atomic_store_n((ev_u64 *)__builtin_assume_aligned((void *)&head->content_bits, 8),
			 (ev_u64)s->used * 8, __ATOMIC_RELEASE);
	if (unlikely(s->used >= s->ask_at))
		ask_for_spare(s);
	if (unlikely(s->file.fd >= 0))
		err = write_at(&s->file, head, sizeof(*head), 0);
	if (likely(!err))
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
	if (s->proc && s->proc->ring && stream_proc__mine(s->proc)) {
		ring__end_chunk(s, s->map ? events_in_chunk(s) : 0);
		ring__close_stream(s);
	}
	stream__drop_chunk(s);
	if (!s->spare)
		return;
	stream_spare__drop(s->spare);
	if (__atomic_load_n(&s->spare->state, __ATOMIC_ACQUIRE) == SPARE_EMPTY)
		unmap_old(s->spare);
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
