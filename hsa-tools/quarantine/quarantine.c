// SPDX-License-Identifier: MIT
/*
 * The file as a whole: found, read, locked, replaced.
 *
 * It is only ever replaced: PATH.new is written, reaches the disk and takes its name, so that whoever
 * reads, and a machine that stops, finds one or the other. The lock is a file of its own, which a rename
 * does not take away; it is never removed.
 */
#include "line.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h> /* renameat */
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define NEW ".new"
#define LOCK ".lock"
#define DAMAGED ".damaged-"
/* Stands in the file, behind the last entry. */
#define LEFT_OUT "# left out, for the file was full: "
#define ROOM_FOR_COMMENT 128

static const char header[] =
	"# rdna1-trace quarantine: kernels that failed. A run with --fallback=auto avoids them.\n"
	"# An entry is a line of key=value; rdna1-trace quarantine list, explain, remove.\n";

/* ---- where ---- */

int quarantine__path(const char *file, char *out, size_t size)
{
	static const char name[] = "/rdna1-trace/quarantine";
	const char *base = getenv("XDG_STATE_HOME"), *below = "";
	const char *parts[3];
	size_t len = 0;

	if (!base || base[0] != '/') { /* by the XDG specification a relative one is ignored */
		base = getenv("HOME");
		below = "/.local/state";
	}
	if (file && file[0]) {
		parts[0] = file;
		parts[1] = parts[2] = "";
	} else if (base && base[0] == '/') {
		parts[0] = base;
		parts[1] = below;
		parts[2] = name;
	} else {
		return -ENOENT;
	}
	for (int i = 0; i < 3; i++) {
		size_t n = strlen(parts[i]);

		if (len + n >= size)
			return -ENAMETOOLONG;
		memcpy(out + len, parts[i], n + 1);
		len += n;
	}
	return 0;
}

/* ---- what a change needs; one at a time in a process ---- */

struct room {
	char in[QUARANTINE_BYTES_MAX + 1], out[QUARANTINE_BYTES_MAX + QUARANTINE_LINE_MAX + ROOM_FOR_COMMENT];
	char line[QUARANTINE_LINE_MAX];
	char path[PATH_MAX], name[NAME_MAX + 1], other[NAME_MAX + 1];
	struct quarantine_entry read, add;
	size_t in_len, out_len;
	int dir, lock;
	uid_t uid; /* whose the file is to be */
	gid_t gid;
	mode_t mode;
	bool is_there;
};
static struct room room;

/* Process and thread that use it; 0: nobody. */
static uint64_t user_of_room;

static int64_t now_ms(clockid_t clock)
{
	struct timespec ts = {0};

	clock_gettime(clock, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Until when, by CLOCK_MONOTONIC. */
static bool wait_before(int64_t deadline)
{
	const struct timespec a_little = {.tv_nsec = 5000000};

	if (now_ms(CLOCK_MONOTONIC) >= deadline)
		return false;
	nanosleep(&a_little, NULL);
	return true;
}

static bool exchange(uint64_t *expected, uint64_t me)
{
	return __atomic_compare_exchange_n(&user_of_room, expected, me, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

static int take_room(int64_t deadline)
{
	uint64_t pid = (uint64_t)getpid(), me = pid << 32 | (uint32_t)syscall(SYS_gettid), other = 0;

	while (!exchange(&other, me)) {
		if (other == me)
			return -EDEADLK;
		/* A thread of the parent's, which fork did not bring along: its lock is not ours to give back. */
		if (other >> 32 != pid && exchange(&other, me))
			break;
		if (other >> 32 == pid && !wait_before(deadline))
			return -EAGAIN;
		other = 0;
	}
	room.dir = room.lock = -1;
	room.in_len = room.out_len = 0;
	room.is_there = false;
	return 0;
}

static void leave_room(void)
{
	if (room.lock >= 0) {
		/* A child that was forked meanwhile has it open, too. */
		flock(room.lock, LOCK_UN);
		close(room.lock);
	}
	if (room.dir >= 0)
		close(room.dir);
	__atomic_store_n(&user_of_room, 0, __ATOMIC_RELEASE);
}

/* ---- files ---- */

/* In our own numbers: fstat's name in libc is new. */
static int ask(int fd, struct statx *st)
{
	return statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, st) ? -errno : 0;
}

/* As root: whom the folder belongs to. */
static void give_like(int fd, int folder)
{
	struct statx st;

	/* It may be refused (a container, a network's disk); then it stays root's. */
	if (!geteuid() && !ask(folder, &st) && fchownat(fd, "", st.stx_uid, st.stx_gid, AT_EMPTY_PATH))
		return;
}

/* The folder `name` in `at`, made where it is not there. Descriptor or negative errno. */
static int enter(int at, const char *name)
{
	int fd = openat(at, name, O_PATH | O_DIRECTORY | O_CLOEXEC), real;

	if (fd >= 0 || errno != ENOENT)
		return fd >= 0 ? fd : -errno;
	if (mkdirat(at, name, 0700) && errno != EEXIST)
		return -errno;
	fd = openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	give_like(fd, at);
	real = openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (real >= 0) {
		fsync(real);
		close(real);
	}
	return fd;
}

/* The folder of room.path, with all above it. */
static int make_folder(void)
{
	char *at = room.path, *end;
	int fd, next;

	fd = open(*at == '/' ? "/" : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	for (; fd >= 0; at = end + 1) {
		at += strspn(at, "/");
		end = strchr(at, '/');
		if (!end)
			break;
		*end = 0;
		next = enter(fd, at);
		*end = '/';
		close(fd);
		fd = next;
	}
	if (fd < 0)
		return fd == -1 ? -errno : fd;
	next = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (next < 0)
		next = -errno;
	close(fd);
	return next;
}

/* room.dir and room.name. */
static int open_folder(const char *path, bool make)
{
	size_t len = strlen(path);
	char *slash;

	if (!len || path[len - 1] == '/')
		return -EISDIR;
	if (len >= sizeof(room.path))
		return -ENAMETOOLONG;
	memcpy(room.path, path, len + 1);
	slash = strrchr(room.path, '/');
	len = strlen(slash ? slash + 1 : room.path);
	if (len + 40 > sizeof(room.name)) /* with what is put behind it */
		return -ENAMETOOLONG;
	memcpy(room.name, slash ? slash + 1 : room.path, len + 1);
	if (slash)
		*slash = 0;
	room.dir = open(!slash ? "." : slash == room.path ? "/" : room.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (room.dir >= 0)
		return 0;
	if (errno != ENOENT || !make)
		return -errno;
	if (slash)
		*slash = '/';
	room.dir = make_folder();
	return room.dir < 0 ? room.dir : 0;
}

/* room.name with something behind it. */
static const char *beside(const char *suffix)
{
	size_t len = strlen(room.name);

	memcpy(room.other, room.name, len);
	memcpy(room.other + len, suffix, strlen(suffix) + 1);
	return room.other;
}

static int take_lock(int64_t deadline)
{
	room.lock = openat(room.dir, beside(LOCK), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0600);
	if (room.lock < 0)
		return -errno;
	give_like(room.lock, room.dir);
	while (flock(room.lock, LOCK_EX | LOCK_NB))
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -errno;
		else if (!wait_before(deadline))
			return -EAGAIN;
	return 0;
}

/* A regular file of no more than the size that one may have. Descriptor, or negative errno. */
static int open_file(int at, const char *path, struct statx *st)
{
	int fd = openat(at, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), err;

	if (fd < 0)
		return -errno;
	err = ask(fd, st);
	if (!err)
		err = S_ISDIR(st->stx_mode)			 ? -EISDIR
		      : !S_ISREG(st->stx_mode)			 ? -ENOTSUP
		      : st->stx_size > QUARANTINE_BYTES_MAX ? -EFBIG
								 : 0;
	if (!err)
		return fd;
	close(fd);
	return err;
}

/* All of it, of size bytes at most. Its length, or negative errno. */
static ssize_t read_all(int fd, char *out, size_t size)
{
	size_t len = 0;

	while (len < size) {
		ssize_t n = read(fd, out + len, size - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

static int write_all(int fd, const char *s, size_t len)
{
	while (len) {
		ssize_t n = write(fd, s, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		s += n;
		len -= (size_t)n;
	}
	return 0;
}

/* room.in, and whose it is. */
static int read_old(void)
{
	struct statx st, folder;
	ssize_t len;
	int fd = open_file(room.dir, room.name, &st), err;

	if (fd == -ENOENT) {
		err = ask(room.dir, &folder);
		room.uid = geteuid() ?: folder.stx_uid;
		room.gid = geteuid() ? getegid() : folder.stx_gid;
		room.mode = 0600;
		return err;
	}
	if (fd < 0)
		return fd;
	len = read_all(fd, room.in, sizeof(room.in));
	close(fd);
	if (len < 0)
		return (int)len;
	if (geteuid() && st.stx_uid != geteuid())
		return -EPERM;
	if (len > QUARANTINE_BYTES_MAX)
		return -EFBIG;
	room.in_len = (size_t)len;
	room.is_there = true;
	room.uid = st.stx_uid;
	room.gid = st.stx_gid;
	room.mode = st.stx_mode & 0777;
	return 0;
}

/* A file beside, on the disk. It must not be there. */
static int write_beside(const char *name, const char *s, size_t len)
{
	struct rlimit limit;
	int fd, err = 0;

	/* Beyond its limit a process is killed. */
	if (!getrlimit(RLIMIT_FSIZE, &limit) && limit.rlim_cur != RLIM_INFINITY && len > limit.rlim_cur)
		return -EFBIG;
	fd = openat(room.dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	if (!geteuid() && fchown(fd, room.uid, room.gid) && room.is_there)
		err = -EPERM;
	if (!err && fchmod(fd, room.mode))
		err = -errno;
	if (!err)
		err = write_all(fd, s, len);
	if (!err && fsync(fd))
		err = -errno;
	if (close(fd) && !err)
		err = -errno;
	if (err)
		unlinkat(room.dir, name, 0);
	return err;
}

static int replace(void)
{
	int err;

	/* Left by one that was killed; we have the lock. */
	if (unlinkat(room.dir, beside(NEW), 0) && errno != ENOENT)
		return -errno;
	err = write_beside(beside(NEW), room.out, room.out_len);
	if (err)
		return err;
	if (renameat(room.dir, beside(NEW), room.dir, room.name)) {
		err = -errno;
		unlinkat(room.dir, beside(NEW), 0);
		return err;
	}
	fsync(room.dir);
	return 0;
}

/* As it was found, under another name. */
static int keep_damaged(void)
{
	char suffix[64] = DAMAGED, *end;
	int err = -EEXIST;

	end = put_time(suffix + strlen(suffix), now_ms(CLOCK_REALTIME) / 1000, true);
	for (unsigned int n = 2; err == -EEXIST && n < 100; n++) {
		err = write_beside(beside(suffix), room.in, room.in_len);
		end[0] = '-';
		put_number(end + 1, n);
	}
	return err;
}

/* ---- lines ---- */

/* The next line of s from *at; false at the end. *ended: it has a newline. */
static bool next_line(const char *s, size_t len, size_t *at, const char **line, size_t *line_len, bool *ended)
{
	const char *newline;

	if (*at >= len)
		return false;
	*line = s + *at;
	newline = memchr(*line, '\n', len - *at);
	*ended = newline;
	*line_len = newline ? (size_t)(newline - *line) : len - *at;
	*at += *line_len + 1;
	return true;
}

static bool begins(const char *line, size_t len, const char *with)
{
	return len >= strlen(with) && !memcmp(line, with, strlen(with));
}

static uint64_t number_behind(const char *line, size_t len, const char *with)
{
	uint64_t n = 0;

	for (size_t i = strlen(with); i < len && line[i] >= '0' && line[i] <= '9' && n < UINT32_MAX; i++)
		n = n * 10 + (uint64_t)(line[i] - '0');
	return n;
}

static int put_line(const char *s, size_t len)
{
	if (room.out_len + len + 1 > sizeof(room.out) - ROOM_FOR_COMMENT)
		return -EFBIG;
	memcpy(room.out + room.out_len, s, len);
	room.out_len += len;
	room.out[room.out_len++] = '\n';
	return 0;
}

/* e in the place of an old line, or behind all. */
static int put_entry(const struct quarantine_entry *e, const char *old, size_t old_len)
{
	size_t len = line__write(e, old, old_len, room.line, sizeof(room.line));

	/* What others put into the line leaves no room. */
	if (!len && old)
		len = line__write(e, NULL, 0, room.line, sizeof(room.line));
	return len ? put_line(room.line, len) : -EFBIG;
}

static int count_again(const char *old, size_t old_len)
{
	struct quarantine_entry *e = &room.read;
	const struct quarantine_entry *add = &room.add;

	e->count = e->count > UINT32_MAX - add->count ? UINT32_MAX : e->count + add->count;
	if (!e->first_s || (add->first_s && add->first_s < e->first_s))
		e->first_s = add->first_s;
	if (add->last_s > e->last_s)
		e->last_s = add->last_s;
	if (add->trace[0])
		memcpy(e->trace, add->trace, sizeof(e->trace));
	return put_entry(e, old, old_len);
}

/* Remove the oldest entry that was not made by hand and is not the one that is added. False: there is none. */
static bool drop_oldest(void)
{
	const char *line, *oldest = NULL;
	size_t at = 0, len, oldest_len = 0;
	int64_t oldest_s = INT64_MAX;
	bool ended;

	while (next_line(room.out, room.out_len, &at, &line, &len, &ended))
		if (line__read(line, len, ended, &room.read) == LINE_ENTRY && room.read.what != QUARANTINE_BY_HAND &&
		    room.read.last_s < oldest_s && !line__same(&room.read, &room.add)) {
			oldest = line;
			oldest_len = len + 1;
			oldest_s = room.read.last_s;
		}
	if (!oldest)
		return false;
	memmove((char *)oldest, oldest + oldest_len, (size_t)(room.out + room.out_len - oldest) - oldest_len);
	room.out_len -= oldest_len;
	return true;
}

static int fit(uint64_t left_out)
{
	char *at;

	for (; room.out_len > QUARANTINE_BYTES_MAX - ROOM_FOR_COMMENT; left_out++)
		if (!drop_oldest())
			return -EFBIG;
	if (!left_out)
		return 0;
	at = room.out + room.out_len;
	memcpy(at, LEFT_OUT, strlen(LEFT_OUT));
	at = put_number(at + strlen(LEFT_OUT), left_out);
	memcpy(at, left_out == 1 ? " entry\n" : " entries\n", left_out == 1 ? 7 : 9);
	room.out_len = (size_t)(at - room.out) + (left_out == 1 ? 7 : 9);
	return 0;
}

/* ---- changes ---- */

struct change {
	bool add;	  /* room.add; else remove: */
	quarantine_fn fn;
	void *arg;
	uint32_t removed;
};

/* An entry that was there. */
static int take_entry(struct change *c, const char *line, size_t len, uint32_t number, bool *found)
{
	if (c->add && !*found && line__same(&room.read, &room.add)) {
		*found = true;
		return count_again(line, len);
	}
	if (!c->add && c->fn(&room.read, number, c->arg)) {
		c->removed++;
		return 0;
	}
	return put_line(line, len);
}

/* room.out from room.in. *damaged: there are lines that are left out. */
static int make_new(struct change *c, bool *damaged)
{
	bool found = false, ended;
	uint64_t left_out = 0;
	uint32_t number = 0;
	const char *line;
	size_t at = 0, len;
	int err = 0;

	*damaged = false;
	while (!err && next_line(room.in, room.in_len, &at, &line, &len, &ended)) {
		switch (line__read(line, len, ended, &room.read)) {
		case LINE_BROKEN:
			*damaged = true;
			break;
		case LINE_ENTRY:
			err = take_entry(c, line, len, ++number, &found);
			break;
		default:
			if (begins(line, len, LEFT_OUT))
				left_out += number_behind(line, len, LEFT_OUT);
			else
				err = put_line(line, len);
		}
	}
	if (!err && !room.out_len) {
		memcpy(room.out, header, sizeof(header) - 1);
		room.out_len = sizeof(header) - 1;
	}
	if (!err && c->add && !found)
		err = put_entry(&room.add, NULL, 0);
	return err ?: fit(left_out);
}

static int change_file(const char *path, struct change *c, int64_t deadline)
{
	bool damaged;
	int err = open_folder(path, c->add);

	if (!err)
		err = take_lock(deadline);
	if (!err)
		err = read_old();
	if (!err)
		err = make_new(c, &damaged);
	if (err || (!c->add && !c->removed))
		return err;
	if (damaged)
		err = keep_damaged();
	return err ?: replace();
}

static int change(const char *path, struct change *c, const struct quarantine_entry *e)
{
	int64_t deadline = now_ms(CLOCK_MONOTONIC) + QUARANTINE_WAIT_MS;
	int saved = errno, err = take_room(deadline);

	if (err)
		goto out;
	if (e) {
		memcpy(&room.add, e, sizeof(room.add));
		room.add.last_s = room.add.last_s ?: now_ms(CLOCK_REALTIME) / 1000;
		room.add.first_s = room.add.first_s ?: room.add.last_s;
		err = line__normalize(&room.add) ? 0 : -EINVAL;
	}
	if (!err)
		err = change_file(path, c, deadline);
	leave_room();
out:
	errno = saved;
	return err;
}

int quarantine__add(const char *path, const struct quarantine_entry *e)
{
	struct change c = {.add = true};

	return change(path, &c, e);
}

int quarantine__remove(const char *path, quarantine_fn fn, void *arg, uint32_t *removed)
{
	struct change c = {.fn = fn, .arg = arg};
	int err = change(path, &c, NULL);

	*removed = err ? 0 : c.removed;
	return err == -ENOENT ? 0 : err;
}

/* ---- reading ---- */

static int each_line(const char *s, size_t size, quarantine_fn fn, void *arg, uint32_t *damaged)
{
	struct quarantine_entry e;
	uint32_t number = 0;
	const char *line;
	size_t at = 0, len;
	bool ended;
	int rc = 0;

	while (!rc && next_line(s, size, &at, &line, &len, &ended)) {
		enum line_kind kind = line__read(line, len, ended, &e);

		if (kind == LINE_ENTRY)
			rc = fn(&e, ++number, arg);
		else if (kind != LINE_COMMENT)
			++*damaged;
	}
	return rc;
}

int quarantine__each(const char *path, quarantine_fn fn, void *arg, uint32_t *damaged)
{
	uint32_t ignored;
	struct statx st;
	ssize_t len;
	char *s;
	int fd = open_file(AT_FDCWD, path, &st), rc;

	damaged = damaged ?: &ignored;
	*damaged = 0;
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	s = mmap(NULL, QUARANTINE_BYTES_MAX + 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (s == MAP_FAILED) {
		close(fd);
		return -ENOMEM;
	}
	len = read_all(fd, s, QUARANTINE_BYTES_MAX + 1);
	close(fd);
	rc = len < 0 ? (int)len : len > QUARANTINE_BYTES_MAX ? -EFBIG : each_line(s, (size_t)len, fn, arg, damaged);
	munmap(s, QUARANTINE_BYTES_MAX + 1);
	return rc;
}
