// SPDX-License-Identifier: MIT
/* See launch.h. */
#include "launch.h"
#include "../protocol.h"
#include "../../../usr/caps/caps.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <grp.h>
#include <unistd.h>

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

static int fail(struct emu_launch *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static int fail(struct emu_launch *l, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(l->error, sizeof(l->error), fmt, ap);
	va_end(ap);
	return -1;
}

/* A memory file of `bytes`, sparse. RLIMIT_FSIZE applies to it, with SIGXFSZ; lift what may be. */
static int memory_file(const char *name, uint64_t bytes)
{
	struct rlimit old, rl;
	int fd = memfd_create(name, MFD_CLOEXEC);
	int err = 0;

	if (fd < 0)
		return -errno;
	getrlimit(RLIMIT_FSIZE, &old);
	rl = (struct rlimit){RLIM_INFINITY, RLIM_INFINITY};
	if (setrlimit(RLIMIT_FSIZE, &rl)) {
		rl = (struct rlimit){old.rlim_max, old.rlim_max};
		setrlimit(RLIMIT_FSIZE, &rl);
	}
	getrlimit(RLIMIT_FSIZE, &rl);
	if (rl.rlim_cur != RLIM_INFINITY && rl.rlim_cur < bytes)
		err = -EFBIG;
	else if (ftruncate(fd, (off_t)bytes))
		err = -errno;
	setrlimit(RLIMIT_FSIZE, &old);
	if (err) {
		close(fd);
		return err;
	}
	return fd;
}

/* A process of its own: the end of the recorder must not take the device from the application. */
static pid_t start_broker(const struct emu_broker_args *args, uid_t uid, gid_t gid)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	setsid();
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	prctl(PR_SET_NAME, "rdna1-emu");
	/* The caller may have lowered its effective ids to these already. */
	if (uid != (uid_t)-1 && (seteuid(0) || setgroups(0, NULL) || setresgid(gid, gid, gid) ||
				 setresuid(uid, uid, uid)))
		_exit(1);
	emu_broker__run(args);
}

/* Wait until the broker has made its files. */
static int meet_broker(struct emu_launch *l)
{
	struct emu_broker_ready ready = {0};
	ssize_t n;

	while ((n = recv(l->hand_over, &ready, sizeof(ready), 0)) < 0 && errno == EINTR)
		;
	if (n != (ssize_t)sizeof(ready))
		return fail(l, "the emulated device's broker ended as it began");
	if (!ready.root[0])
		return fail(l, "%s", ready.error);
	memcpy(l->root, ready.root, sizeof(l->root));
	return 0;
}

/* LD_PRELOAD splits at spaces and colons and knows no quotes: such a path gets a plain name. */
static int name_preload(struct emu_launch *l)
{
	if (!strpbrk(l->preload, " :"))
		return 0;
	snprintf(l->link, sizeof(l->link), "%s/librdna1-emu.so", l->root);
	if (symlink(l->preload, l->link))
		return fail(l, "cannot make %s: %s", l->link, strerror(errno));
	l->preload = l->link;
	return 0;
}

/* The files that stand in for /dev/kfd and the render nodes, as sparse as they are large. */
static int make_files(struct emu_launch *l, struct emu_broker_args *args)
{
	int fd = args->kfd_file = memory_file("kfd", EMU_KFD_FILE_BYTES);

	for (uint32_t n = 0; fd >= 0 && n < l->config.num_cards; n++) {
		char name[32];

		snprintf(name, sizeof(name), "renderD%u", EMU_RENDER_MINOR(n));
		fd = args->render_file[n] = memory_file(
			name, EMU_RENDER_FILE_BYTES(caps_cards[l->config.cards[n]].vram_bytes));
	}
	if (fd == -EFBIG)
		return fail(l, "the file size limit is too small for the emulated card's memory: "
			       "raise it (ulimit -f unlimited)");
	if (fd < 0)
		return fail(l, "cannot make the emulated card's memory: %s", strerror(-fd));
	return 0;
}

int emu_launch__prepare(struct emu_launch *l, const struct emu_config *config,
			const char *trace_dir, const char *preload, uid_t uid, gid_t gid)
{
	struct emu_broker_args args = {.config = &l->config};
	struct stat st;
	int pair[2];

	memset(l, 0, sizeof(*l));
	l->config = *config;
	l->hand_over = -1;
	l->preload = preload;
	if (access(preload, R_OK))
		return fail(l, "cannot find the emulated device, %s: run make", preload);
	if (!realpath(trace_dir, l->trace))
		return fail(l, "%s: %s", trace_dir, strerror(errno));
	if (make_files(l, &args))
		return -1;
	fstat(args.kfd_file, &st);
	l->kfd_dev = st.st_dev;
	l->kfd_ino = st.st_ino;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return fail(l, "cannot make a socket: %s", strerror(errno));
	args.hand_over = pair[1];
	args.root = l->root;
	args.trace = l->trace;
	l->broker = start_broker(&args, uid, gid);
	close(args.kfd_file);
	for (uint32_t n = 0; n < l->config.num_cards; n++)
		close(args.render_file[n]);
	close(pair[1]);
	l->hand_over = pair[0];
	if (l->broker < 0)
		return fail(l, "cannot start the broker: %s", strerror(errno));
	return meet_broker(l) || name_preload(l) ? -1 : 0;
}

void emu_launch__release(struct emu_launch *l)
{
	if (l->hand_over >= 0)
		close(l->hand_over);
	l->hand_over = -1;
}

/*
 * ioctls of type 'K' (KFD) and 'd' (DRM) that carry an argument become notifications; the console's
 * 'K' ioctls carry none and go their way.
 */
static int install_filter(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, 8),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 6),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x3fff0000, 0, 4),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xff00),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 'K' << 8, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 'd' << 8, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = {.len = sizeof(code) / sizeof(code[0]), .filter = code};
	unsigned long flags = SECCOMP_FILTER_FLAG_NEW_LISTENER;
	int fd;

	/* Without WAIT_KILLABLE_RECV (Linux 5.19) a signal makes a call that is being answered run a
	 * second time. */
	fd = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
			  flags | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, &prog);
	if (fd < 0 && errno == EACCES) {
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
			return -errno;
		fd = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
				  flags | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, &prog);
	}
	return fd < 0 ? -errno : fd;
}

static int send_fd(int sock, int fd)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	char byte = 0;
	struct iovec iov = {&byte, 1};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = sizeof(control)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(int));
	return sendmsg(sock, &msg, MSG_NOSIGNAL) == 1 ? 0 : -errno;
}

static int set_env(const struct emu_launch *l)
{
	const char *before = getenv("LD_PRELOAD");
	char preload[8192];

#ifdef RDNA1_SAN_PRELOAD
	/* The sanitizer's runtime must be first in a process that was not built with it. */
	snprintf(preload, sizeof(preload), "%s %s", RDNA1_SAN_PRELOAD, l->preload);
#else
	snprintf(preload, sizeof(preload), "%s", l->preload);
#endif
	if (before && before[0]) {
		size_t n = strlen(preload);

		snprintf(preload + n, sizeof(preload) - n, " %s", before);
	}
	if (setenv("LD_PRELOAD", preload, 1) || setenv(EMU_ENV, l->root, 1) ||
	    setenv(EMU_ENV_TRACE, l->trace, 1))
		return -errno;
	return 0;
}

int emu_launch__enter(struct emu_launch *l)
{
	char ack;
	int fd, err;

	err = set_env(l);
	if (err)
		return err;
	fd = install_filter();
	if (fd < 0)
		return fd;
	err = send_fd(l->hand_over, fd);
	close(fd);
	if (err)
		return err;
	/* The broker listens before the first filtered call is made. */
	if (recv(l->hand_over, &ack, 1, 0) != 1)
		return -EPIPE;
	close(l->hand_over);
	return 0;
}
