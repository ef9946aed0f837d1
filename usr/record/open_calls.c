// SPDX-License-Identifier: MIT
#include "open_calls.h"
#include "../base/buf.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static void write_open(struct stream *s, struct ev_kfd_ioctl_open *e, uint32_t tid,
		       const uint8_t *arg, size_t len)
{
	uint8_t *at = stream__reserve(s, EV_kfd_ioctl_open, sizeof(*e) + 2 + len, tid, 0);

	if (!at)
		return;
	memcpy(at, e, sizeof(*e));
	stream__put_bytes(at + sizeof(*e), arg, (uint16_t)len);
	stream__commit(s);
}

bool open_call__is_so(const struct flight *f)
{
	unsigned long nr, fd, cmd;
	char path[64], line[256];
	bool open = false;
	FILE *p;

	snprintf(path, sizeof(path), "/proc/%u/syscall", f->tid);
	p = fopen(path, "re");
	if (!p)
		return false;
	/* "running" when it does not sleep. */
	if (fgets(line, sizeof(line), p))
		open = sscanf(line, "%lu %lx %lx", &nr, &fd, &cmd) != 3 ||
		       (nr == SYS_ioctl && (uint32_t)cmd == (uint32_t)f->args[1]);
	fclose(p);
	return open;
}

void open_call__write(struct stream *s, const struct flight *f)
{
	uint64_t dt = stream__now() - f->ts;
	uint32_t cmd = (uint32_t)f->args[1], size = cmd >> 16 & 0x3fff;
	struct ev_kfd_ioctl_open e = {.pid = f->pid,
				      .begin_dt = dt > UINT32_MAX ? UINT32_MAX : (uint32_t)dt,
				      .fd = -1,
				      .cmd = cmd,
				      .argp = f->args[2]};

	if (size > sizeof(f->arg))
		size = sizeof(f->arg);
	write_open(s, &e, f->tid, f->arg, f->args[3] ? 0 : size);
}

static bool is_kfd(uint32_t pid, int fd, const struct kfd_file *kfd)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%u/fd/%d", pid, fd);
	if (stat(path, &st))
		return false;
	return (kfd->rdev && st.st_rdev == kfd->rdev) ||
	       (kfd->ino && st.st_ino == kfd->ino && st.st_dev == kfd->dev);
}

/* "16 0x3 0xc0184b0c 0x7ffd...": system call and its arguments, of a thread that sleeps in one. */
static void look_at_thread(struct stream *s, uint32_t pid, const char *tid,
			   const struct kfd_file *kfd)
{
	struct ev_kfd_ioctl_open e = {.pid = pid};
	unsigned long nr, fd, cmd, argp;
	char path[300], line[256];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%u/task/%s/syscall", pid, tid);
	f = fopen(path, "re");
	if (!f)
		return;
	if (fgets(line, sizeof(line), f) &&
	    sscanf(line, "%lu %lx %lx %lx", &nr, &fd, &cmd, &argp) == 4 && nr == SYS_ioctl &&
	    (cmd >> 8 & 0xff) == 'K' && is_kfd(pid, (int)fd, kfd)) {
		e.fd = (int)fd;
		e.cmd = (uint32_t)cmd;
		e.argp = argp;
		write_open(s, &e, (uint32_t)strtoul(tid, NULL, 10), NULL, 0);
	}
	fclose(f);
}

void open_calls__of_process(struct stream *s, uint32_t pid, const struct kfd_file *kfd)
{
	struct dirent *de;
	char path[64];
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%u/task", pid);
	d = opendir(path);
	while (d && (de = readdir(d)))
		if (de->d_name[0] != '.')
			look_at_thread(s, pid, de->d_name, kfd);
	if (d)
		closedir(d);
}
