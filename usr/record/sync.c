// SPDX-License-Identifier: MIT
#include "sync.h"
#include "../base/buf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct sync {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool stop;
	int dir;
	unsigned int seconds;
	struct stream *log;
	time_t last; /* files not changed since then are on disk */
};

/*
 * Chunks that are mapped shared change without their time of modification telling at once, so every
 * one that is young or still has room is synced; a full chunk and any other file only once.
 */
static bool is_due(int fd, time_t since)
{
	struct ev_chunk head;
	struct stat st;

	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		return false;
	return st.st_mtime + 1 >= since || st.st_ctime + 1 >= since ||
	       (pread(fd, &head, sizeof(head), 0) == (ssize_t)sizeof(head) &&
		head.magic == EV_MAGIC && head.packet_bits - head.content_bits > 8 * 4096);
}

static uint32_t sync_files(int dir, const char *name, time_t since)
{
	struct dirent *de;
	uint32_t files = 0;
	DIR *d;
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	d = fd < 0 ? NULL : fdopendir(fd);
	if (!d) {
		if (fd >= 0)
			close(fd);
		return 0;
	}
	while ((de = readdir(d))) {
		int f;

		if (de->d_name[0] == '.')
			continue;
		f = openat(fd, de->d_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
		if (f < 0)
			continue;
		if (is_due(f, since)) {
			fdatasync(f);
			files++;
		}
		close(f);
	}
	fsync(fd);
	closedir(d);
	return files;
}

static uint32_t sync_trace(struct sync *s)
{
	time_t since = s->last;
	uint32_t files;

	s->last = time(NULL);
	files = sync_files(s->dir, "ctf", since);
	sync_files(s->dir, "code-objects", since);
	sync_files(s->dir, ".", since); /* session.json; the names of all */
	return files;
}

static void *run(void *arg)
{
	struct sync *s = arg;
	bool stop = false;

	while (!stop) {
		struct ev_sync e = {0};
		struct timespec until;
		ev_u64 begin;

		pthread_mutex_lock(&s->lock);
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_sec += s->seconds;
		while (!s->stop && pthread_cond_timedwait(&s->wake, &s->lock, &until) != ETIMEDOUT)
			;
		stop = s->stop;
		pthread_mutex_unlock(&s->lock);
		begin = stream__now();
		e.files = sync_trace(s);
		e.took_ns = stream__now() - begin;
		if (!stop)
			stream__write(s->log, EV_sync, &e, sizeof(e), (ev_u32)gettid(), 0);
	}
	return NULL;
}

struct sync *sync__start(int dir_fd, unsigned int seconds, struct stream *log)
{
	struct sync *s = xcalloc(1, sizeof(*s));
	sigset_t all, old;
	int err;

	s->dir = fcntl(dir_fd, F_DUPFD_CLOEXEC, 0);
	s->seconds = seconds;
	s->log = log;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->wake, NULL);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = s->dir < 0 ? EBADF : pthread_create(&s->thread, NULL, run, s);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (err) {
		if (s->dir >= 0)
			close(s->dir);
		free(s);
		return NULL;
	}
	return s;
}

void sync__stop(struct sync *s)
{
	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	s->stop = true;
	pthread_cond_signal(&s->wake);
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->thread, NULL);
	close(s->dir);
	free(s);
}
