// SPDX-License-Identifier: MIT
/*
 * What stands in for files: libc calls that name /dev/kfd, the render node or the KFD topology are
 * led to files of the launcher's; everything else goes on to libc. Ioctls are not touched here:
 * they are real system calls that the broker's filter catches.
 */
#include "emu.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

/* The next definition of a libc function, looked up once. */
#define NEXT(name) ((__typeof__(&name))next_symbol(#name, &next_##name))
#define DECLARE_NEXT(name) static void *next_##name

static void *next_symbol(const char *name, void **cache)
{
	if (!*cache)
		*cache = dlsym(RTLD_NEXT, name);
	return *cache;
}

DECLARE_NEXT(open);
DECLARE_NEXT(open64);
DECLARE_NEXT(openat);
DECLARE_NEXT(openat64);
DECLARE_NEXT(fopen);
DECLARE_NEXT(fopen64);
DECLARE_NEXT(opendir);
DECLARE_NEXT(access);
DECLARE_NEXT(readlink);

struct emu *emu;

static pthread_mutex_t attach_lock = PTHREAD_MUTEX_INITIALIZER;

const char *emu_root(void)
{
	static char root[256];
	static int known;

	if (!known) {
		const char *dir = getenv(EMU_ENV);

		if (dir && strlen(dir) < sizeof(root))
			strcpy(root, dir);
		known = 1;
	}
	return root[0] ? root : NULL;
}

/* Paths that are led elsewhere; a directory stands for all below it. */
static const char *const redirected[] = {
	"/sys/devices/virtual/kfd", "/sys/class/kfd",	  "/sys/dev/char/226:128",
	"/sys/dev/char/226:129",    "/sys/dev/char/226:130",	  "/sys/dev/char/226:131",
	"/sys/module/amdgpu",	    "/proc/modules",	  "/dev/dri",
	"/dev/kfd",
};

static bool below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return !strncmp(path, dir, n) && (!path[n] || path[n] == '/');
}

/* `path` or where it really is; buf holds the latter. */
static const char *redirect(const char *path, char *buf, size_t size)
{
	const char *root;

	if (!path || path[0] != '/')
		return path;
	for (size_t i = 0; i < sizeof(redirected) / sizeof(redirected[0]); i++) {
		if (!below(path, redirected[i]))
			continue;
		root = emu_root();
		if (!root || (size_t)snprintf(buf, size, "%s%s", root, path) >= size)
			return path;
		return buf;
	}
	return path;
}

/* 0, EMU_FILE_KFD, or EMU_FILE_RENDER and the card's number. */
static int device_of(const char *path)
{
	static const char render[] = "/dev/dri/renderD";
	char *end;
	long minor;

	if (!path || !emu_root())
		return 0;
	if (!strcmp(path, "/dev/kfd"))
		return EMU_FILE_KFD;
	if (strncmp(path, render, sizeof(render) - 1))
		return 0;
	minor = strtol(path + sizeof(render) - 1, &end, 10) - (long)EMU_RENDER_MINOR(0);
	return *end || minor < 0 || minor >= EMU_MAX_CARDS ? 0 : EMU_FILE_RENDER + (int)minor;
}

/* ---- coming up ---- */

static int connect_broker(uint32_t hello)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	struct emu_msg m = {.type = hello};
	int fd;

	if ((size_t)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/" EMU_SOCKET, emu_root()) >=
	    sizeof(addr.sun_path))
		return -1;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) ||
	    send(fd, &m, sizeof(m), MSG_NOSIGNAL) != (ssize_t)sizeof(m)) {
		close(fd);
		return -1;
	}
	return fd;
}

/* The welcome tells what was asked for and carries the files. */
static bool receive_files(struct emu *e)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE((1 + EMU_MAX_CARDS) * sizeof(int))];
	} control;
	struct emu_welcome m;
	struct iovec iov = {&m, sizeof(m)};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = sizeof(control)};
	struct cmsghdr *c;
	int fds[1 + EMU_MAX_CARDS];
	size_t bytes;
	ssize_t n;

	while ((n = recvmsg(e->sock, &msg, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR)
		;
	if (n != (ssize_t)sizeof(m) || m.msg.type != EMU_WELCOME)
		return false;
	e->config = m.config;
	e->num_gpus = m.config.num_cards;
	e->slot = (uint32_t)m.msg.a;
	bytes = (1 + e->num_gpus) * sizeof(int);
	c = CMSG_FIRSTHDR(&msg);
	if (!c || c->cmsg_type != SCM_RIGHTS || c->cmsg_len != CMSG_LEN(bytes))
		return false;
	memcpy(fds, CMSG_DATA(c), bytes);
	e->kfd_file = fds[0];
	for (uint32_t i = 0; i < e->num_gpus; i++) {
		struct gpu *g = &e->gpus[i];

		g->index = i;
		g->id = EMU_GPU_ID(i);
		g->card = &caps_cards[m.config.cards[i]];
		g->isa = isa_of(g->card->gfx);
		g->render_file = fds[1 + i];
	}
	return true;
}

static bool map_card(const struct emu *e, struct gpu *g)
{
	size_t vram = EMU_RENDER_FILE_BYTES(g->card->vram_bytes);

	g->vram = mmap(NULL, vram, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, g->render_file,
		       0);
	g->doorbells = mmap(NULL, EMU_DOORBELL_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, e->kfd_file,
			    (off_t)EMU_DOORBELL_OFFSET(e->slot, g->index));
	g->mmio = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, e->kfd_file,
		       (off_t)EMU_MMIO_OFFSET(e->slot, g->index));
	if (g->vram == MAP_FAILED || g->doorbells == MAP_FAILED || g->mmio == MAP_FAILED)
		return false;
	madvise(g->vram, vram, MADV_DONTFORK);
	madvise(g->vram, vram, MADV_DONTDUMP); /* mostly holes, and long to walk */
	madvise(g->doorbells, EMU_DOORBELL_BYTES, MADV_DONTFORK);
	madvise(g->mmio, 4096, MADV_DONTFORK);
	return !vm_init(&g->vm);
}

static bool map_cards(struct emu *e)
{
	for (uint32_t i = 0; i < e->num_gpus; i++)
		if (!map_card(e, &e->gpus[i]))
			return false;
	return true;
}

static void start_trace(struct emu *e)
{
	const char *dir = getenv(EMU_ENV_TRACE);
	int fd = dir ? NEXT(open)(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	if (fd < 0)
		return;
	e->tracing = !stream_proc__open(&e->proc, fd, SOURCE_emu, "emu");
	if (e->tracing && e->config.trace_bytes)
		stream_proc__limit(&e->proc, e->config.trace_bytes);
	close(fd);
}

bool emu_attach(void)
{
	bool ok = false;
	struct emu *e;

	pthread_mutex_lock(&attach_lock);
	if (emu && emu->pid == getpid()) {
		ok = emu->ready;
		goto out;
	}
	/* New here, or a forked child of a process that has the device: begin anew. */
	e = calloc(1, sizeof(*e));
	if (!e)
		goto out;
	if (emu) {
		close(emu->kfd_file);
		for (uint32_t i = 0; i < emu->num_gpus; i++)
			close(emu->gpus[i].render_file);
	}
	e->pid = getpid();
	e->code_gen = 1;
	pthread_mutex_init(&e->lock, NULL);
	pthread_cond_init(&e->queue_gone, NULL);
	trace_reset();
	svm_reset();
	share_reset();
	exec_init();
	guard_init();
	e->sock = connect_broker(EMU_HELLO_CALLS);
	e->rpc = e->sock < 0 ? -1 : connect_broker(EMU_HELLO_RPC);
	emu = e;
	if (e->rpc < 0 || !receive_files(e) || !map_cards(e))
		goto out;
	start_trace(e);
	service_start();
	processor_start();
	e->ready = ok = true;
out:
	pthread_mutex_unlock(&attach_lock);
	return ok;
}

static void before_fork(void)
{
	pthread_mutex_lock(&attach_lock);
}

static void after_fork(void)
{
	pthread_mutex_unlock(&attach_lock);
}

/* The broker is to see the parent's end, not ours: its connections are the parent's alone. */
static void in_child(void)
{
	pthread_mutex_unlock(&attach_lock);
	if (!emu)
		return;
	events_forked();
	close(emu->sock);
	close(emu->rpc);
	emu->sock = emu->rpc = -1;
}

__attribute__((constructor)) static void init(void)
{
	pthread_atfork(before_fork, after_fork, in_child);
}

/* ---- opening ---- */

static int open_device(int which, int flags)
{
	int fd;

	if (!emu_attach()) {
		errno = ENODEV;
		return -1;
	}
	if (which != EMU_FILE_KFD && (uint32_t)(which - EMU_FILE_RENDER) >= emu->num_gpus) {
		errno = ENOENT;
		return -1;
	}
	fd = which == EMU_FILE_KFD ? emu->kfd_file : emu->gpus[which - EMU_FILE_RENDER].render_file;
	return fcntl(fd, flags & O_CLOEXEC ? F_DUPFD_CLOEXEC : F_DUPFD, 3);
}

/* The mode is there only when something may be created. */
#define TAKE_MODE(mode, flags)                                                                     \
	do {                                                                                       \
		if ((flags) & (O_CREAT | __O_TMPFILE)) {                                           \
			va_list ap;                                                                \
                                                                                                   \
			va_start(ap, flags);                                                       \
			mode = va_arg(ap, mode_t);                                                 \
			va_end(ap);                                                                \
		}                                                                                  \
	} while (0)

#define WRAP_OPEN(name)                                                                            \
	EXPORT int name(const char *path, int flags, ...)                                          \
	{                                                                                          \
		char buf[512];                                                                     \
		mode_t mode = 0;                                                                   \
		int dev = device_of(path);                                                         \
                                                                                                   \
		TAKE_MODE(mode, flags);                                                            \
		if (dev)                                                                           \
			return open_device(dev, flags);                                            \
		return NEXT(name)(redirect(path, buf, sizeof(buf)), flags, mode);                  \
	}
WRAP_OPEN(open)
WRAP_OPEN(open64)

#define WRAP_OPENAT(name)                                                                          \
	EXPORT int name(int dirfd, const char *path, int flags, ...)                               \
	{                                                                                          \
		char buf[512];                                                                     \
		mode_t mode = 0;                                                                   \
		int dev = device_of(path);                                                         \
                                                                                                   \
		TAKE_MODE(mode, flags);                                                            \
		if (dev)                                                                           \
			return open_device(dev, flags);                                            \
		return NEXT(name)(dirfd, redirect(path, buf, sizeof(buf)), flags, mode);           \
	}
WRAP_OPENAT(openat)
WRAP_OPENAT(openat64)

/* What _FORTIFY_SOURCE calls instead. */
EXPORT int __open_2(const char *path, int flags);
EXPORT int __open64_2(const char *path, int flags);
int __open_2(const char *path, int flags)
{
	return open(path, flags);
}
int __open64_2(const char *path, int flags)
{
	return open64(path, flags);
}

EXPORT FILE *fopen(const char *path, const char *mode)
{
	char buf[512];

	return NEXT(fopen)(redirect(path, buf, sizeof(buf)), mode);
}

EXPORT FILE *fopen64(const char *path, const char *mode)
{
	char buf[512];

	return NEXT(fopen64)(redirect(path, buf, sizeof(buf)), mode);
}

EXPORT DIR *opendir(const char *path)
{
	char buf[512];

	return NEXT(opendir)(redirect(path, buf, sizeof(buf)));
}

EXPORT int access(const char *path, int mode)
{
	char buf[512];

	return NEXT(access)(redirect(path, buf, sizeof(buf)), mode);
}

EXPORT ssize_t readlink(const char *path, char *out, size_t size)
{
	char buf[512];

	return NEXT(readlink)(redirect(path, buf, sizeof(buf)), out, size);
}

/* ---- stat: the stand-ins are character devices ---- */

/* amdgpu's first render node is 226:128; KFD's major is dynamic on real systems, 234 here. */
static void make_device(struct stat *st, int which)
{
	st->st_mode = S_IFCHR | 0666;
	st->st_rdev = which == EMU_FILE_KFD ? makedev(234, 0) : makedev(226, EMU_RENDER_MINOR(which - EMU_FILE_RENDER));
	st->st_size = 0;
}

int emu_real_fstat(int fd, struct stat *st)
{
	return (int)syscall(SYS_newfstatat, fd, "", st, AT_EMPTY_PATH);
}

/* Which stand-in a struct stat is of. */
static int device_of_stat(const struct stat *st)
{
	struct stat mine;

	if (!emu || !emu->ready || emu->pid != getpid() || !S_ISREG(st->st_mode))
		return 0;
	if (!emu_real_fstat(emu->kfd_file, &mine) && mine.st_ino == st->st_ino &&
	    mine.st_dev == st->st_dev)
		return EMU_FILE_KFD;
	for (uint32_t i = 0; i < emu->num_gpus; i++)
		if (!emu_real_fstat(emu->gpus[i].render_file, &mine) &&
		    mine.st_ino == st->st_ino && mine.st_dev == st->st_dev)
			return EMU_FILE_RENDER + (int)i;
	return 0;
}

static int stat_at(int dirfd, const char *path, struct stat *st, int flags)
{
	char buf[512];
	int which = device_of(path), ret;

	ret = (int)syscall(SYS_newfstatat, dirfd, redirect(path, buf, sizeof(buf)), st, flags);
	if (!ret && !which && path && !path[0])
		which = device_of_stat(st);
	if (!ret && which)
		make_device(st, which);
	return ret;
}

/* struct stat64 is struct stat on x86-64. */
EXPORT int fstat(int fd, struct stat *st)
{
	return stat_at(fd, "", st, AT_EMPTY_PATH);
}
EXPORT int fstat64(int fd, struct stat64 *st)
{
	return stat_at(fd, "", (struct stat *)st, AT_EMPTY_PATH);
}
EXPORT int stat(const char *path, struct stat *st)
{
	return stat_at(AT_FDCWD, path, st, 0);
}
EXPORT int stat64(const char *path, struct stat64 *st)
{
	return stat_at(AT_FDCWD, path, (struct stat *)st, 0);
}
EXPORT int lstat(const char *path, struct stat *st)
{
	return stat_at(AT_FDCWD, path, st, AT_SYMLINK_NOFOLLOW);
}
EXPORT int lstat64(const char *path, struct stat64 *st)
{
	return stat_at(AT_FDCWD, path, (struct stat *)st, AT_SYMLINK_NOFOLLOW);
}
EXPORT int fstatat(int dirfd, const char *path, struct stat *st, int flags)
{
	return stat_at(dirfd, path, st, flags);
}
EXPORT int fstatat64(int dirfd, const char *path, struct stat64 *st, int flags)
{
	return stat_at(dirfd, path, (struct stat *)st, flags);
}

/* What programs built against glibc before 2.33 call. */
EXPORT int __fxstat(int ver, int fd, struct stat *st);
EXPORT int __fxstat64(int ver, int fd, struct stat64 *st);
EXPORT int __xstat(int ver, const char *path, struct stat *st);
EXPORT int __xstat64(int ver, const char *path, struct stat64 *st);
int __fxstat(int ver, int fd, struct stat *st)
{
	(void)ver;
	return fstat(fd, st);
}
int __fxstat64(int ver, int fd, struct stat64 *st)
{
	(void)ver;
	return fstat64(fd, st);
}
int __xstat(int ver, const char *path, struct stat *st)
{
	(void)ver;
	return stat(path, st);
}
int __xstat64(int ver, const char *path, struct stat64 *st)
{
	(void)ver;
	return stat64(path, st);
}
