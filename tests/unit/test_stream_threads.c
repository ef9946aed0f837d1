// SPDX-License-Identifier: MIT
/*
 * Streams of many threads in one process: each thread writes its own, all count losses in one place. Under the
 * thread sanitizer (make tsan) it says what of it is not ordered.
 */
#include "t.h"
#include "../../hsa-tools/stream/stream.h"
#include "../../usr/trace/reader.h"

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

enum { THREADS = 8, EVENTS = 3000, LOST = 100 };

static struct stream_proc proc;

static bool put(struct stream *s, uint32_t thread, uint64_t n)
{
	struct ev_sync e = {.took_ns = n, .files = thread};

	return stream__write(s, EV_sync, &e, sizeof(e), thread, 0);
}

static void *write_all(void *arg)
{
	const uint32_t thread = (uint32_t)(uintptr_t)arg;
	struct stream s;
	uintptr_t written = 0; /* the checks are the main thread's */
	char what[16];

	snprintf(what, sizeof(what), "%u", thread);
	stream__open(&s, &proc, what, 4096, 8192);
	for (uint64_t i = 0; i < EVENTS; i++) {
		written += put(&s, thread, i);
		if (i % (EVENTS / LOST) == 0) {
			written += stream__reserve(&s, EV_sync, EV_SIZE_MAX, thread, 0) != NULL;
			stream_proc__lost(&proc, LOSS_nested, 1, true);
		}
	}
	stream__close(&s);
	return (void *)written;
}

static void read_back(const char *dir)
{
	uint64_t next[THREADS] = {0};
	char err[256];
	struct trace *t = trace__open(dir, err, sizeof(err));
	struct event ev;

	CHECK(t);
	while (t && trace__next(t, &ev) == 1) {
		struct ev_sync e;

		if (ev.stream->counters)
			continue;
		event__fixed(&ev, &e, sizeof(e));
		CHECK(e.files < THREADS && e.took_ns == next[e.files]);
		next[e.files % THREADS]++;
	}
	for (int i = 0; i < THREADS; i++)
		CHECK_EQ(next[i], EVENTS);
	trace__close(t);
}

int main(void)
{
	char *dir = t_tmpdir();
	int fd = open(dir, O_RDONLY | O_DIRECTORY);
	struct stream_meta meta;
	pthread_t threads[THREADS];

	stream_meta__init(&meta);
	CHECK_EQ(stream_dir__create(fd, &meta), 0);
	CHECK_EQ(stream_proc__open(&proc, fd, SOURCE_agent, "agent"), 0);
	for (uintptr_t i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, write_all, (void *)i), 0);
	for (int i = 0; i < THREADS; i++) {
		void *written;

		CHECK_EQ(pthread_join(threads[i], &written), 0);
		CHECK_EQ((uintptr_t)written, EVENTS);
	}
	CHECK_EQ(proc.losses[LOSS_too_big]->count, THREADS * LOST);
	CHECK_EQ(proc.losses[LOSS_nested]->count, THREADS * LOST);
	CHECK_EQ(proc.losses[LOSS_nested]->orphans, THREADS * LOST);
	stream_proc__close(&proc);
	read_back(dir);
	close(fd);
	END_TESTS;
}
