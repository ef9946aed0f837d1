// SPDX-License-Identifier: MIT
#include "attach.h"
#include "proc.h"
#include "../../bpf/events.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define PF_KTHREAD 0x00200000 /* linux/sched.h */
#define START_TIME 22	      /* field of /proc/PID/stat */

static int say(char *why, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static int say(char *why, size_t size, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, size, fmt, ap);
	va_end(ap);
	return -1;
}

/* ---- what /proc says of a process ---- */

struct status {
	unsigned int uid;
	int tgid, inner; /* inner: its number in its own PID namespace */
	char state;
	bool memory; /* it has some: not a thread of the kernel's, and not about to end */
};

static bool read_status(int pid, struct status *s)
{
	char *path = xasprintf("/proc/%d/status", pid), line[256], *last;
	FILE *f = fopen(path, "re");

	free(path);
	*s = (struct status){0};
	if (!f)
		return false;
	while (fgets(line, sizeof(line), f)) {
		sscanf(line, "State: %c", &s->state);
		sscanf(line, "Tgid: %d", &s->tgid);
		sscanf(line, "Uid: %*u %u", &s->uid);
		if (!strncmp(line, "NSpid:", 6) && (last = strrchr(line, '\t')))
			s->inner = atoi(last);
		if (!strncmp(line, "VmSize:", 7))
			s->memory = true;
	}
	fclose(f);
	return s->tgid != 0;
}

/* Field n of /proc/PID/stat, counted as in proc(5), behind the name in parentheses. */
static unsigned long long stat_field(int pid, unsigned int n)
{
	char *path = xasprintf("/proc/%d/stat", pid), line[1024] = "", *at;
	FILE *f = fopen(path, "re");

	free(path);
	if (!f)
		return 0;
	at = fgets(line, sizeof(line), f) ? strrchr(line, ')') : NULL;
	fclose(f);
	for (unsigned int i = 2; at && i < n; i++)
		at = strchr(at + 1, ' ');
	return at ? strtoull(at + 1, NULL, 10) : 0;
}

static int parent_of(int pid)
{
	return (int)stat_field(pid, 4);
}

static uint64_t age_of(int pid)
{
	const unsigned int tick = (unsigned int)sysconf(_SC_CLK_TCK);
	uint64_t start_ns = stat_field(pid, START_TIME) * (1000000000ull / tick), now_ns;
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	now_ns = (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
	return now_ns > start_ns ? now_ns - start_ns : 0;
}

static char *exe_of(int pid)
{
	char *path = xasprintf("/proc/%d/exe", pid), *name;
	char target[4096];
	ssize_t n = readlink(path, target, sizeof(target) - 1);
	FILE *f;

	free(path);
	if (n > 0) {
		target[n] = 0;
		return xstrdup(target);
	}
	name = xasprintf("/proc/%d/comm", pid);
	f = fopen(name, "re");
	free(name);
	if (!f || !fgets(target, 64, f))
		snprintf(target, sizeof(target), "?\n");
	if (f)
		fclose(f);
	target[strcspn(target, "\n")] = 0;
	return xstrdup(target);
}

/* All of /proc's, until what returns false. */
static void each_process(bool (*what)(int pid, void *arg), void *arg)
{
	DIR *d = opendir("/proc");
	struct dirent *de;

	while (d && (de = readdir(d)))
		if (isdigit((unsigned char)de->d_name[0]) && !what(atoi(de->d_name), arg))
			break;
	if (d)
		closedir(d);
}

/* ---- who can be attached to ---- */

struct inner {
	int number, pid;
};

static bool has_inner(int pid, void *arg)
{
	struct inner *x = arg;
	struct status s;

	if (!read_status(pid, &s) || s.inner != x->number || s.inner == pid)
		return true;
	x->pid = pid;
	return false;
}

static int not_there(int pid, char *why, size_t size)
{
	struct inner x = {.number = pid};
	char *exe;

	each_process(has_inner, &x);
	if (!x.pid)
		return say(why, size, "there is no process %d", pid);
	exe = exe_of(x.pid);
	say(why, size,
	    "there is no process %d here; in a container process %d (%s) has that number: "
	    "give the number it has here, -p %d",
	    pid, x.pid, exe, x.pid);
	free(exe);
	return -1;
}

static struct attached *find(const struct attach *a, int pid)
{
	for (size_t i = 0; i < a->list.n; i++)
		if (a->list.v[i].pid == pid)
			return &a->list.v[i];
	return NULL;
}

/* Others of its threads run on when the first has ended. */
static bool has_threads(int pid)
{
	char *path = xasprintf("/proc/%d/task", pid);
	DIR *d = opendir(path);
	unsigned int n = 0;

	free(path);
	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n > 3; /* itself, ".", ".." */
}

static int check(int pid, char *why, size_t size)
{
	struct status s;
	struct passwd *pw;

	if (!proc__is_ours())
		return say(why, size,
			   "/proc shows other processes than those of this PID namespace: "
			   "mount it anew (unshare --mount-proc)");
	if (pid == getpid())
		return say(why, size, "process %d is rdna1-trace itself", pid);
	if (!read_status(pid, &s))
		return not_there(pid, why, size);
	if (s.tgid != pid)
		return say(why, size, "%d is a thread of process %d: give the process, -p %d", pid,
			   s.tgid, s.tgid);
	if (stat_field(pid, 9) & PF_KTHREAD)
		return say(why, size, "process %d is a thread of the kernel", pid);
	if ((s.state == 'Z' || s.state == 'X' || !s.memory) && !has_threads(pid))
		return say(why, size, "process %d has ended", pid);
	if (geteuid() && s.uid != geteuid()) {
		pw = getpwuid(s.uid);
		return say(why, size, "process %d belongs to %s: use sudo", pid,
			   pw ? pw->pw_name : "another user");
	}
	return 0;
}

static void add(struct attach *a, int pid, int parent, int pidfd)
{
	struct attached *x = VEC_PUSH(&a->list);

	*x = (struct attached){
		.pid = pid,
		.parent = parent,
		.age_ns = age_of(pid),
		.start = stat_field(pid, START_TIME),
		.exe = exe_of(pid)};
	*VEC_PUSH(&a->ends) = (struct pollfd){.fd = pidfd, .events = POLLIN};
}

int attach__add(struct attach *a, int pid, char *why, size_t size)
{
	int pidfd;

	if (find(a, pid))
		return 0;
	if (check(pid, why, size))
		return -1;
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pidfd < 0)
		return say(why, size,
			   errno == ESRCH ? "process %d has ended"
					  : "process %d cannot be followed: pidfd_open: %m",
			   pid);
	add(a, pid, 0, pidfd);
	return 0;
}

/* ---- their children ---- */

struct walk {
	struct attach *a;
	unsigned int added;
};

static bool started_us(int pid)
{
	for (int p = getpid(); p > 0; p = parent_of(p))
		if (p == pid)
			return true;
	return false;
}

static bool add_child(int pid, void *arg)
{
	struct walk *w = arg;
	int parent = parent_of(pid), pidfd;

	if (!find(w->a, parent) || find(w->a, pid) || started_us(pid))
		return true;
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pidfd < 0)
		return true;
	add(w->a, pid, parent, pidfd);
	w->added++;
	return true;
}

unsigned int attach__add_children(struct attach *a)
{
	struct walk w = {.a = a};
	unsigned int before;

	do {
		before = w.added;
		each_process(add_child, &w);
	} while (w.added != before);
	return w.added;
}

/* ---- the emulated device ---- */

/* NAME=value in the environment a process was started with; to be freed, NULL without. */
static char *environment_of(int pid, const char *name)
{
	char *path = xasprintf("/proc/%d/environ", pid), *entry = NULL, *found = NULL;
	size_t len = strlen(name), room = 0;
	FILE *f = fopen(path, "re");

	free(path);
	while (f && !found && getdelim(&entry, &room, 0, f) > 0)
		if (!strncmp(entry, name, len) && entry[len] == '=')
			found = xstrdup(entry + len + 1);
	free(entry);
	if (f)
		fclose(f);
	return found;
}

/* Inode of the socket that is bound to a path; 0 when there is none. */
static unsigned long socket_at(const char *path)
{
	FILE *f = fopen("/proc/net/unix", "re");
	unsigned long inode = 0, i;
	char line[512], at[256];

	while (f && !inode && fgets(line, sizeof(line), f))
		if (sscanf(line, "%*s %*s %*s %*s %*s %*s %lu %255s", &i, at) == 2 &&
		    !strcmp(at, path))
			inode = i;
	if (f)
		fclose(f);
	return inode;
}

struct broker {
	unsigned int uid; /* it is this user's, or root's */
	char socket[64];
	struct stat kfd;
	bool found;
};

/* The descriptor of a process whose link reads so; -1 when there is none. */
static int descriptor(int pid, const char *wanted)
{
	char *path = xasprintf("/proc/%d/fd", pid), target[64];
	DIR *d = opendir(path);
	struct dirent *de;
	int fd = -1;

	free(path);
	while (d && fd < 0 && (de = readdir(d))) {
		ssize_t n = readlinkat(dirfd(d), de->d_name, target, sizeof(target) - 1);

		target[n > 0 ? n : 0] = 0;
		if (n > 0 && !strcmp(target, wanted))
			fd = atoi(de->d_name);
	}
	if (d)
		closedir(d);
	return fd;
}

static bool is_broker(int pid, void *arg)
{
	struct broker *b = arg;
	struct status s;
	char *path;
	int fd;

	/* In a namespace of one's own a socket can be bound to any path. */
	if (!read_status(pid, &s) || (s.uid && s.uid != b->uid) || descriptor(pid, b->socket) < 0)
		return true;
	fd = descriptor(pid, "/memfd:kfd (deleted)");
	path = xasprintf("/proc/%d/fd/%d", pid, fd);
	b->found = fd >= 0 && !stat(path, &b->kfd);
	free(path);
	return !b->found;
}

/*
 * The directory, opened: nobody can put another in its place. The process's environment, which names
 * it, is its owner's to write. -1 unless it is root's or uid's, and nobody else may write there.
 */
static int open_root(const char *path, unsigned int uid)
{
	int fd = proc__open_path(AT_FDCWD, path, O_DIRECTORY);
	struct stat st;

	if (fd >= 0 && !fstat(fd, &st) && (st.st_uid == uid || !st.st_uid) && !(st.st_mode & 022))
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

int attach__find_emulated(struct attach *a, unsigned int uid, char *why, size_t size)
{
	struct broker b = {.uid = uid};
	unsigned long inode;
	char *path;
	int fd;

	for (size_t i = 0; i < a->list.n; i++) {
		char *root = environment_of(a->list.v[i].pid, EV_ENV_EMULATED);
		bool same = i == 0 || (!root && !a->emu_root) ||
			    (root && a->emu_root && !strcmp(root, a->emu_root));

		if (i == 0)
			a->emu_root = root;
		else
			free(root);
		if (!same)
			return say(why, size,
				   "process %d and process %d are not on the same device (one "
				   "of them was started with --emulate): attach to one at a time",
				   a->list.v[0].pid, a->list.v[i].pid);
	}
	if (!a->emu_root)
		return 0;
	fd = open_root(a->emu_root, uid);
	if (fd < 0)
		return say(why, size,
			   "process %d says that it runs on the emulated device %s, which is not yours: attach as "
			   "who started it",
			   a->list.v[0].pid, a->emu_root);
	a->emulated = true;
	path = xasprintf("%s/broker", a->emu_root);
	inode = socket_at(path);
	free(path);
	snprintf(b.socket, sizeof(b.socket), "socket:[%lu]", inode);
	if (inode)
		each_process(is_broker, &b);
	if (!b.found)
		return say(why, size,
			   "process %d runs on an emulated device whose broker is not to be "
			   "found",
			   a->list.v[0].pid);
	a->kfd_dev = b.kfd.st_dev;
	a->kfd_ino = b.kfd.st_ino;
	free(a->emu_root);
	a->emu_root = xasprintf("/proc/self/fd/%d", fd);
	return 0;
}

/* ---- while it is recorded ---- */

struct attached *attach__next_end(struct attach *a)
{
	for (size_t i = 0; i < a->ends.n; i++) {
		struct pollfd *p = &a->ends.v[i];

		if (p->fd < 0 || !(p->revents & (POLLIN | POLLHUP)))
			continue;
		close(p->fd);
		p->fd = -1;
		a->list.v[i].over = true;
		return &a->list.v[i];
	}
	return NULL;
}

bool attached__is_other(const struct attached *x)
{
	unsigned long long start = stat_field(x->pid, START_TIME);

	return start && start != x->start;
}

void attach__free(struct attach *a)
{
	for (size_t i = 0; i < a->list.n; i++) {
		free(a->list.v[i].exe);
		if (a->ends.v[i].fd >= 0)
			close(a->ends.v[i].fd);
	}
	free(a->list.v);
	free(a->ends.v);
	free(a->emu_root);
	memset(a, 0, sizeof(*a));
}
