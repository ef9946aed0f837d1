// SPDX-License-Identifier: MIT
/*
 * Ring mode: the bound holds at every moment, what is left is the newest, and every event that was
 * seen is written or counted.
 */
#include "trace_dir.h"
#include "../../hsa-tools/stream/stream.h"
#include "../../usr/trace/reader.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define KB 1024ull
#define MB (1024 * KB)

static void begin(struct stream_proc *p, int fd, ev_u64 limit)
{
	CHECK_EQ(stream_proc__open(p, fd, SOURCE_agent, "agent"), 0);
	CHECK_EQ(stream_proc__limit(p, limit), 0);
}

/* Event `n` of writer `who`. */
static bool put(struct stream *s, ev_u64 n, ev_u32 who)
{
	struct ev_sync e = {.took_ns = n, .files = who};

	return stream__write(s, EV_sync, &e, sizeof(e), who, 0);
}

/* Bytes of files in ctf/, those in the making too. */
static ev_u64 disk_bytes(const char *dir)
{
	char path[512];
	ev_u64 sum = 0;
	struct dirent *de;
	struct stat st;
	DIR *d;

	snprintf(path, sizeof(path), "%s/ctf", dir);
	d = opendir(path);
	while (d && (de = readdir(d)))
		if (strcmp(de->d_name, "metadata") && !fstatat(dirfd(d), de->d_name, &st, 0) &&
		    S_ISREG(st.st_mode))
			sum += (ev_u64)st.st_size;
	if (d)
		closedir(d);
	return sum;
}

#define WRITERS 512

/* What a reader finds. */
struct found {
	ev_u64 written, seen, dropped, by_cause[LOSS_COUNT];
	ev_u64 events[WRITERS], first[WRITERS], next[WRITERS]; /* by writer */
	ev_u64 gaps;
	struct trace_stats stats;
	unsigned int streams;
	bool shorter_than_told; /* a stream with more events than its header saw */
};

static void count_loss(struct found *f, const struct event *ev)
{
	struct ev_loss e;

	event__fixed(ev, &e, sizeof(e));
	f->dropped += e.count;
	f->seen += e.orphans;
	f->by_cause[e.cause] += e.count;
}

static void read_back(const char *dir, struct found *f)
{
	char err[256];
	struct trace *t = trace__open(dir, err, sizeof(err));
	struct event ev;

	memset(f, 0, sizeof(*f));
	CHECK(t);
	while (t && trace__next(t, &ev) == 1) {
		struct ev_sync e;

		if (ev.stream->counters) {
			count_loss(f, &ev);
			continue;
		}
		if (ev.desc->id != EV_sync)
			continue;
		event__fixed(&ev, &e, sizeof(e));
		if (e.files >= WRITERS)
			continue;
		if (!f->events[e.files]++)
			f->first[e.files] = e.took_ns;
		else
			f->gaps += e.took_ns != f->next[e.files];
		f->next[e.files] = e.took_ns + 1;
	}
	for (unsigned int i = 0; t && i < trace__num_streams(t); i++) {
		const struct trace_stream *s = trace__stream(t, i);

		if (s->counters)
			continue;
		f->streams++;
		f->seen += s->seen;
		f->written += s->events;
		f->shorter_than_told |= s->events > s->seen;
	}
	if (t)
		f->stats = *trace__stats(t);
	trace__close(t);
}

/* The account is exact, and nothing looks like damage. */
static void check_account(const struct found *f, ev_u64 made)
{
	CHECK_EQ(f->seen, made);
	CHECK_EQ(f->written + f->dropped, made);
	CHECK(!f->shorter_than_told);
	CHECK_EQ(f->stats.torn_chunks, 0);
	CHECK_EQ(f->stats.missing_chunks, 0);
	CHECK_EQ(f->stats.foreign_chunks, 0);
}

/* One thread, several bounds, both ways of writing: the newest events, in order, up to the last. */
static void test_one(ev_u64 limit, bool mapped)
{
	char *dir = t_tmpdir();
	int fd = t_make_trace(dir);
	ev_u64 n = limit / 28 * 5, over = 0;
	struct stream_proc p;
	struct stream s;
	struct found f;

	begin(&p, fd, limit);
	p.dir.mapped &= mapped;
	stream__open(&s, &p, "1", 0, 0);
	for (ev_u64 i = 0; i < n; i++) {
		CHECK(put(&s, i, 1));
		if (i % 4096 == 0)
			over += disk_bytes(dir) > limit;
	}
	CHECK_EQ(over, 0);
	stream__close(&s);
	read_back(dir, &f);
	check_account(&f, n);
	CHECK_EQ(f.gaps, 0);
	CHECK_EQ(f.next[1], n);
	CHECK(f.written > limit / 28 / 2);
	CHECK_EQ(f.dropped, f.by_cause[LOSS_overwritten]);
	CHECK(f.dropped > 0);
	CHECK(f.stats.removed_chunks > 0);
	CHECK(f.stats.whole_from_ns > 0);
	stream_proc__close(&p);
	close(fd);
}

/* ---- threads ---- */

struct writer {
	struct stream_proc *p;
	ev_u32 who, rounds; /* streams one after the other, of one name */
	ev_u64 events;
	ev_u64 made;
	pthread_t thread;
};

static void *write_events(void *arg)
{
	struct writer *w = arg;

	for (ev_u32 r = 0; r < w->rounds; r++) {
		struct stream s;
		char what[16];

		snprintf(what, sizeof(what), "%u", w->who);
		stream__open(&s, w->p, what, 0, 0);
		for (ev_u64 i = 0; i < w->events; i++)
			put(&s, w->made++, w->who);
		stream__close(&s);
	}
	return NULL;
}

static void *watch_disk(void *arg)
{
	void **a = arg;
	ev_u64 *most = a[1];
	int *stop = a[2];

	while (!__atomic_load_n(stop, __ATOMIC_RELAXED)) {
		ev_u64 now = disk_bytes(a[0]);

		*most = now > *most ? now : *most;
		usleep(500);
	}
	return NULL;
}

/* Eight threads at once, whose NAMEs come again, within `limit`. */
static void test_threads(ev_u64 limit, ev_u32 rounds, ev_u64 events)
{
	char *dir = t_tmpdir();
	int fd = t_make_trace(dir), stop = 0;
	ev_u64 most = 0, made = 0;
	void *args[] = {dir, &most, &stop};
	struct writer w[8];
	struct stream_proc p;
	pthread_t watcher;
	struct found f;

	begin(&p, fd, limit);
	CHECK_EQ(pthread_create(&watcher, NULL, watch_disk, args), 0);
	for (ev_u32 i = 0; i < 8; i++) {
		w[i] = (struct writer){.p = &p, .who = i, .rounds = rounds, .events = events};
		CHECK_EQ(pthread_create(&w[i].thread, NULL, write_events, &w[i]), 0);
	}
	for (int i = 0; i < 8; i++) {
		pthread_join(w[i].thread, NULL);
		made += w[i].made;
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	pthread_join(watcher, NULL);
	/* A directory is not read in one moment: a chunk that went and the one it made room for may
	 * both have been met, one for each thread. */
	CHECK(most <= limit + 8 * (limit / 16 > 4096 ? limit / 16 : 4096));
	CHECK(disk_bytes(dir) <= limit);
	read_back(dir, &f);
	check_account(&f, made);
	CHECK(f.by_cause[LOSS_overwritten] > 0);
	if (!f.by_cause[LOSS_no_buffer])
		CHECK_EQ(f.gaps, 0);
	stream_proc__close(&p);
	close(fd);
}

/* Four hundred threads one after the other: streams go as a whole, and are counted. */
static void test_ended_threads(void)
{
	char *dir = t_tmpdir();
	int fd = t_make_trace(dir);
	struct stream_proc p;
	struct found f;

	begin(&p, fd, 1 * MB);
	for (ev_u32 i = 0; i < 400; i++) {
		struct writer w = {.p = &p, .who = i, .rounds = 1, .events = 50};

		write_events(&w);
		CHECK_EQ(w.made, 50);
	}
	CHECK(disk_bytes(dir) <= 1 * MB);
	read_back(dir, &f);
	check_account(&f, 400 * 50);
	CHECK(f.streams < 20);
	CHECK_EQ(f.events[399], 50);
	CHECK_EQ(f.events[0], 0);
	CHECK_EQ(f.stats.removed_chunks, 0);
	stream_proc__close(&p);
	close(fd);
}

/* What is removed is never newer than what is left of another thread, though that one is idle. */
static void test_order(void)
{
	char *dir = t_tmpdir();
	int fd = t_make_trace(dir);
	struct stream idle, busy;
	struct stream_proc p;
	struct found f;

	begin(&p, fd, 256 * KB);
	stream__open(&idle, &p, "0", 0, 0);
	stream__open(&busy, &p, "1", 0, 0);
	CHECK(put(&idle, 0, 0));
	for (ev_u64 i = 0; i < 50000; i++)
		CHECK(put(&busy, i, 1));
	/* Its chunk began long ago and is current: it ends with something new. */
	CHECK(put(&idle, 1, 0));
	stream__close(&idle);
	for (ev_u64 i = 50000; i < 51000; i++)
		CHECK(put(&busy, i, 1));
	read_back(dir, &f);
	CHECK_EQ(f.events[0], 2);
	check_account(&f, 51002);
	for (ev_u64 i = 51000; i < 100000; i++)
		CHECK(put(&busy, i, 1));
	read_back(dir, &f);
	CHECK_EQ(f.events[0], 0);
	check_account(&f, 100002);
	stream_proc__close(&p);
	close(fd);
}

static void *write_kept(void *arg)
{
	void **a = arg;

	for (ev_u64 i = 0; i < 500; i++) {
		if (!stream__lock(a[0]))
			continue;
		put(a[0], *(ev_u64 *)a[1], 9);
		++*(ev_u64 *)a[1];
		stream__unlock(a[0]);
	}
	return NULL;
}

/* A kept stream, written by several threads, is there as a whole; its bytes count. */
static void test_kept(void)
{
	char *dir = t_tmpdir();
	int fd = t_make_trace(dir);
	ev_u64 next = 0;
	struct stream kept, busy;
	void *args[] = {&kept, &next};
	struct stream_proc p;
	pthread_t threads[4];
	struct found f;

	begin(&p, fd, 256 * KB);
	stream__open(&kept, &p, "kept", 4096, 0);
	stream__keep(&kept);
	stream__open(&busy, &p, "1", 0, 0);
	for (int i = 0; i < 4; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, write_kept, args), 0);
	for (ev_u64 i = 0; i < 100000; i++)
		put(&busy, i, 1);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	for (ev_u64 i = 100000; i < 200000; i++)
		put(&busy, i, 1);
	CHECK(disk_bytes(dir) <= 256 * KB);
	stream__close(&kept);
	for (ev_u64 i = 200000; i < 300000; i++)
		put(&busy, i, 1);
	read_back(dir, &f);
	check_account(&f, 300000 + 2000);
	CHECK_EQ(f.events[9], 2000);
	CHECK_EQ(f.gaps, 0);
	CHECK_EQ(f.next[1], 300000);
	stream_proc__close(&p);
	close(fd);
}

/* Held by the thread itself: a handler of a signal does not wait, and its event is counted. */
static void test_lock(void)
{
	char *dir = t_tmpdir();
	int fd = t_make_trace(dir);
	struct stream_proc p;
	struct stream s;
	struct found f;

	CHECK_EQ(stream_proc__open(&p, fd, SOURCE_agent, "agent"), 0);
	stream__open(&s, &p, "kept", 0, 0);
	stream__keep(&s); /* append mode: as any other */
	CHECK(stream__lock(&s));
	CHECK(!stream__lock(&s));
	CHECK(put(&s, 0, 1));
	stream__unlock(&s);
	CHECK(stream__lock(&s));
	stream__unlock(&s);
	read_back(dir, &f);
	check_account(&f, 2);
	CHECK_EQ(f.by_cause[LOSS_nested], 1);
	stream_proc__close(&p);
	close(fd);
}

/* ---- too small ---- */

/* A bound for fewer threads than there are: who comes too late is counted, until others end. */
static void test_too_many_threads(void)
{
	char *dir = t_tmpdir();
	int fd = t_make_trace(dir), without = 0;
	struct stream s[40];
	struct stream_proc p;
	struct found f;

	begin(&p, fd, 64 * KB);
	for (ev_u32 i = 0; i < 40; i++) {
		char what[16];

		snprintf(what, sizeof(what), "%u", i);
		stream__open(&s[i], &p, what, 0, 0);
		without += !put(&s[i], 0, i);
	}
	CHECK_EQ(without, 40 - 15); /* a page each, one for the counters */
	CHECK_EQ(p.losses[LOSS_no_buffer]->count, 25);
	CHECK_EQ(p.losses[LOSS_no_buffer]->orphans, 25);
	for (int i = 0; i < 10; i++)
		stream__close(&s[i]);
	usleep(110000);
	CHECK(put(&s[39], 1, 39));
	/* Those that are there go on, each at the cost of the oldest, in the end of its own. */
	for (ev_u64 n = 1; n <= 1000; n++)
		for (ev_u32 i = 10; i < 15; i++)
			CHECK(put(&s[i], n, i));
	CHECK(disk_bytes(dir) <= 64 * KB);
	read_back(dir, &f);
	check_account(&f, 40 + 1 + 5000);
	stream_proc__close(&p);
	close(fd);
}

/* Events as large as they may be in a bound that is hardly larger. */
static void test_large_events(void)
{
	static ev_u8 payload[EV_SIZE_MAX];
	char *dir = t_tmpdir();
	int fd = t_make_trace(dir);
	struct stream_proc p;
	struct stream s;
	struct found f;

	begin(&p, fd, 64 * KB);
	stream__open(&s, &p, "1", 0, 0);
	for (ev_u64 i = 0; i < 20; i++) {
		CHECK(put(&s, i, 1));
		payload[0] = payload[1] = 0xff; /* EV_emu_options has a text: read as cut */
		CHECK(stream__write(&s, EV_emu_options, payload, 60000, 1, 0));
	}
	/* 68 KiB do not go into 64. */
	CHECK(!stream__write(&s, EV_emu_options, payload, EV_SIZE_MAX - sizeof(struct ev_head), 1,
			     0));
	CHECK_EQ(p.losses[LOSS_no_buffer]->count, 1);
	usleep(110000);
	CHECK(put(&s, 20, 1));
	CHECK(disk_bytes(dir) <= 64 * KB);
	stream__close(&s);
	read_back(dir, &f);
	check_account(&f, 42);
	CHECK_EQ(f.next[1], 21);
	stream_proc__close(&p);
	close(fd);
}

/* ---- what others do to the directory ---- */

static void test_directory_removed(void)
{
	char *dir = t_tmpdir(), *cmd;
	int fd = t_make_trace(dir), written = 0;
	struct stream_proc p;
	struct stream s;

	begin(&p, fd, 64 * KB);
	stream__open(&s, &p, "1", 0, 0);
	for (ev_u64 i = 0; i < 5000; i++)
		CHECK(put(&s, i, 1));
	CHECK(asprintf(&cmd, "rm -r %s", dir) > 0);
	CHECK_EQ(system(cmd), 0);
	for (ev_u64 i = 0; i < 5000; i++)
		written += put(&s, i, 1);
	CHECK(written < 200);
	CHECK_EQ(p.losses[LOSS_no_chunk]->count, 5000 - written);
	stream__close(&s);
	stream_proc__close(&p);
	close(fd);
}

/* A chunk that cannot be removed: the bound holds, events are counted, and it goes on when it can.
 */
static void test_not_removable(void)
{
	char *dir = t_tmpdir(), first[128];
	int fd = t_make_trace(dir), ctf = openat(fd, "ctf", O_RDONLY | O_DIRECTORY);
	ev_u64 n = 0, lost = 0;
	struct stream_proc p;
	struct stream s;
	struct found f;

	begin(&p, fd, 64 * KB);
	stream__open(&s, &p, "1", 0, 0);
	for (; n < 200; n++)
		CHECK(put(&s, n, 1));
	snprintf(first, sizeof(first), "agent_%d_1.0", getpid());
	CHECK_EQ(unlinkat(ctf, first, 0), 0);
	CHECK_EQ(mkdirat(ctf, first, 0755), 0);
	for (; n < 10000; n++)
		lost += !put(&s, n, 1);
	CHECK(lost > 5000);
	CHECK_EQ(p.losses[LOSS_no_chunk]->count, lost);
	CHECK_EQ(p.losses[LOSS_overwritten]->count, 0);
	CHECK(disk_bytes(dir) <= 64 * KB);
	CHECK_EQ(unlinkat(ctf, first, AT_REMOVEDIR), 0);
	usleep(110000);
	for (; n < 20000; n++)
		CHECK(put(&s, n, 1));
	stream__close(&s);
	read_back(dir, &f);
	check_account(&f, 20000);
	CHECK_EQ(f.next[1], 20000);
	stream_proc__close(&p);
	close(ctf);
	close(fd);
}

/* The same pid again, as after exec, and chunks of the first program without their chunk 0. */
static void test_again(void)
{
	char *dir = t_tmpdir();
	int fd = t_make_trace(dir);
	struct found f;

	for (ev_u32 round = 0; round < 3; round++) {
		struct stream_proc p;
		struct stream s;

		begin(&p, fd, 64 * KB);
		stream__open(&s, &p, "1", 0, 0);
		for (ev_u64 i = 0; i < 5000; i++)
			CHECK(put(&s, i, round));
		stream__close(&s);
		stream_proc__close(&p);
	}
	CHECK(disk_bytes(dir) <= 3 * 64 * KB);
	read_back(dir, &f);
	check_account(&f, 15000);
	CHECK_EQ(f.streams, 3);
	CHECK_EQ(f.gaps, 0);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(f.next[i], 5000);
	close(fd);
}

/* kill -9 at any moment: what is there reads as whole, and at most the chunk on its way out is uncounted. */
static void test_kill(void)
{
	for (int round = 0; round < 10; round++) {
		char *dir = t_tmpdir();
		int fd = t_make_trace(dir);
		pid_t pid = fork();
		struct found f;

		if (!pid) {
			struct stream_proc p;
			struct stream s;

			if (stream_proc__open(&p, fd, SOURCE_agent, "agent") ||
			    stream_proc__limit(&p, 64 * KB))
				_exit(1);
			stream__open(&s, &p, "1", 0, 0);
			for (ev_u64 i = 0;; i++)
				put(&s, i, 1);
		}
		usleep(20000 + (unsigned int)round * 1370);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		read_back(dir, &f);
		CHECK_EQ(f.stats.torn_chunks, 0);
		CHECK_EQ(f.stats.missing_chunks, 0);
		CHECK_EQ(f.gaps, 0);
		CHECK(f.written + f.dropped <= f.seen);
		CHECK(f.seen - f.written - f.dropped <= 4096 / 28 + 1);
		CHECK(disk_bytes(dir) <= 64 * KB);
		close(fd);
	}
}

/* Someone reads while the ring turns: never damage, always the order of each writer. */
static void test_live(void)
{
	char *dir = t_tmpdir();
	int fd = t_make_trace(dir);
	struct writer w = {.who = 3, .rounds = 1, .events = 500000};
	struct stream_proc p;
	struct found f = {0};
	ev_u64 vanished = 0;

	begin(&p, fd, 128 * KB);
	w.p = &p;
	CHECK_EQ(pthread_create(&w.thread, NULL, write_events, &w), 0);
	for (int i = 0; i < 2000 && f.next[3] < w.events; i++) {
		read_back(dir, &f);
		CHECK_EQ(f.stats.torn_chunks, 0);
		CHECK_EQ(f.stats.missing_chunks, 0);
		CHECK(f.gaps <= f.stats.vanished_chunks);
		vanished += f.stats.vanished_chunks;
	}
	pthread_join(w.thread, NULL);
	read_back(dir, &f);
	check_account(&f, 500000);
	printf("%llu chunks went while they were read\n", vanished + 0ull);
	stream_proc__close(&p);
	close(fd);
}

static void test_limits(void)
{
	static const struct {
		const char *text;
		ev_u64 bytes; /* 0: refused */
	} texts[] = {{"64K", 64 * KB},
		     {"65536", 64 * KB},
		     {"64M", 64 * MB},
		     {"2G", 2048 * MB},
		     {"64G", 65536 * MB},
		     {"65G", 0},
		     {"63K", 0},
		     {"", 0},
		     {"M", 0},
		     {"-64M", 0},
		     {" 64M", 0},
		     {"64m", 0},
		     {"64MB", 0},
		     {"6 4M", 0},
		     {"64M ", 0},
		     {"0x100000", 0},
		     {"1.5M", 0},
		     {"99999999999999999999999", 0},
		     {"18446744073709551615G", 0},
		     {"17179869185G", 0}};
	char *dir = t_tmpdir();
	int fd = t_make_trace(dir);
	struct stream_proc p;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		ev_u64 bytes = 0;
		bool ok = stream_limit__parse(texts[i].text, &bytes);

		CHECK_EQ(ok ? bytes : 0, texts[i].bytes);
	}
	CHECK_EQ(stream_proc__open(&p, fd, SOURCE_agent, "agent"), 0);
	CHECK_EQ(stream_proc__limit(&p, 64 * KB - 1), -EINVAL);
	CHECK_EQ(stream_proc__limit(&p, 64 * 1024 * MB + 1), -EINVAL);
	CHECK(!p.ring);
	stream_proc__close(&p);
	close(fd);
}

int main(void)
{
	test_limits();
	test_one(64 * KB, true);
	test_one(64 * KB, false);
	test_one(1 * MB, true);
	test_one(1 * MB, false);
	test_one(8 * MB, true);
	test_threads(64 * KB, 3, 5000);
	test_threads(1 * MB, 5, 20000);
	test_threads(8 * MB, 1, 100000);
	test_ended_threads();
	test_order();
	test_kept();
	test_lock();
	test_too_many_threads();
	test_large_events();
	test_directory_removed();
	test_not_removable();
	test_again();
	test_kill();
	test_live();
	END_TESTS;
}
