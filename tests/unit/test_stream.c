// SPDX-License-Identifier: MIT
/* The chunk writer and the reader against each other: what is written is read, whatever happens. */
#include "trace_dir.h"
#include "../../hsa-tools/stream/stream.h"
#include "../../usr/trace/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static bool put_sync(struct stream *s, ev_u64 took, ev_u64 ts)
{
	struct ev_sync e = {.took_ns = took, .files = 7};

	return stream__write(s, EV_sync, &e, sizeof(e), 1, ts);
}

/* Events of several chunks and two streams come back in time order, once each. */
static void test_round_trip(void)
{
	char *dir = t_tmpdir(), err[256];
	int fd = t_make_trace(dir);
	struct stream_proc p;
	struct stream a, b;
	struct trace *t;
	struct event ev;
	ev_u64 last = 0, n = 0;

	CHECK_EQ(stream_proc__open(&p, fd, SOURCE_agent, "agent"), 0);
	stream__open(&a, &p, "1", 4096, 8192);
	stream__open(&b, &p, "2", 4096, 4096);
	for (ev_u64 i = 0; i < 2000; i++) {
		CHECK(put_sync(&a, i, 1000 + 2 * i));
		CHECK(put_sync(&b, i, 1001 + 2 * i));
	}
	stream__close(&a);
	stream__close(&b);
	stream_proc__close(&p);

	t = trace__open(dir, err, sizeof(err));
	CHECK(t);
	if (!t)
		return;
	while (trace__next(t, &ev) == 1) {
		struct ev_sync e;

		if (ev.stream->counters)
			continue;
		event__fixed(&ev, &e, sizeof(e));
		CHECK_EQ(ev.ts_ns, 1000 + n);
		CHECK_EQ(e.took_ns, n / 2);
		CHECK(ev.ts_ns >= last);
		last = ev.ts_ns;
		n++;
	}
	CHECK_EQ(n, 4000);
	CHECK_EQ(trace__num_streams(t), 3);
	for (unsigned int i = 0; i < 3; i++) {
		const struct trace_stream *s = trace__stream(t, i);

		if (!s->counters) {
			CHECK_EQ(s->seen, 2000);
			CHECK_EQ(s->events, 2000);
			CHECK(s->chunks > 3);
		}
	}
	CHECK_EQ(trace__stats(t)->torn_bytes, 0);
	trace__close(t);
	close(fd);
}

/* Time never goes backwards in a stream. */
static void test_clamp(void)
{
	char *dir = t_tmpdir(), err[256];
	int fd = t_make_trace(dir);
	struct stream_proc p;
	struct stream s;
	struct trace *t;
	struct event ev;
	int n = 0;

	CHECK_EQ(stream_proc__open(&p, fd, SOURCE_agent, "agent"), 0);
	stream__open(&s, &p, "1", 0, 0);
	CHECK(put_sync(&s, 1, 500));
	CHECK(put_sync(&s, 2, 400));
	CHECK(put_sync(&s, 3, 600));
	stream__close(&s);
	t = trace__open(dir, err, sizeof(err));
	while (t && trace__next(t, &ev) == 1)
		if (!ev.stream->counters) {
			CHECK_EQ(ev.ts_ns, n == 2 ? 600 : 500);
			n++;
		}
	CHECK_EQ(n, 3);
	trace__close(t);
	stream_proc__close(&p);
	close(fd);
}

static ev_u64 lost_by(struct stream_proc *p, enum ev_loss_cause cause)
{
	return p->losses[cause]->count;
}

/* seen = written + lost, with the cause, when the file size limit is hit; no SIGXFSZ. */
static void test_file_limit(void)
{
	char *dir = t_tmpdir();
	int fd = t_make_trace(dir), status = 0;
	pid_t pid = fork();

	if (!pid) {
		struct rlimit rl = {40960, 40960};
		struct stream_proc p;
		struct stream s, never;
		int written = 0;

		t_failures = 0;
		CHECK_EQ(stream_proc__open(&p, fd, SOURCE_agent, "agent"), 0);
		stream__open(&s, &p, "1", 8192, 1 << 20);
		stream__open(&never, &p, "2", 4096, 4096);
		CHECK_EQ(setrlimit(RLIMIT_FSIZE, &rl), 0);
		for (int i = 0; i < 200; i++)
			written += put_sync(&s, 1, 0);
		CHECK_EQ(written, 200);
		rl.rlim_cur = 1000;
		setrlimit(RLIMIT_FSIZE, &rl);
		for (int i = 0; i < 2000; i++)
			written += put_sync(&s, 1, 0);
		CHECK(written < 2200);
		CHECK_EQ(lost_by(&p, LOSS_file_limit), 2200 - written);
		CHECK_EQ(s.seen, 2200);
		CHECK_EQ(p.losses[LOSS_file_limit]->orphans, 0);
		CHECK(!put_sync(&never, 1, 0));
		CHECK_EQ(p.losses[LOSS_file_limit]->orphans, 1);
		_exit(t_failures ? 1 : 0);
	}
	waitpid(pid, &status, 0);
	CHECK_EQ(status, 0);
	close(fd);
}

/* The directory goes away while writing: counted, and writing goes on when it can. */
static void test_directory_removed(void)
{
	char *dir = t_tmpdir(), *cmd;
	int fd = t_make_trace(dir), written = 0;
	struct stream_proc p;
	struct stream s;

	CHECK_EQ(stream_proc__open(&p, fd, SOURCE_agent, "agent"), 0);
	stream__open(&s, &p, "1", 4096, 4096);
	CHECK(put_sync(&s, 1, 0));
	CHECK(asprintf(&cmd, "rm -r %s", dir) > 0);
	CHECK_EQ(system(cmd), 0);
	for (int i = 0; i < 1000; i++)
		written += put_sync(&s, 1, 0);
	CHECK(written > 50 && written < 200);
	CHECK_EQ(lost_by(&p, LOSS_no_chunk), 1000 - written);
	stream__close(&s);
	stream_proc__close(&p);
	close(fd);
}

/* A forked child writes nothing through what it inherited. */
static void test_fork(void)
{
	char *dir = t_tmpdir();
	int fd = t_make_trace(dir), status;
	struct stream_proc p;
	struct stream s;
	pid_t pid;

	CHECK_EQ(stream_proc__open(&p, fd, SOURCE_agent, "agent"), 0);
	stream__open(&s, &p, "1", 4096, 4096);
	CHECK(put_sync(&s, 1, 0));
	pid = fork();
	if (!pid)
		_exit(stream_proc__mine(&p) || put_sync(&s, 2, 0));
	waitpid(pid, &status, 0);
	CHECK_EQ(status, 0);
	CHECK_EQ(s.seen, 1);
	CHECK(put_sync(&s, 3, 0));
	close(fd);
}

/* The same NAME again (tid reuse, exec): other file names, both readable. */
static void test_name_reuse(void)
{
	char *dir = t_tmpdir(), err[256];
	int fd = t_make_trace(dir), n = 0;
	struct trace *t;
	struct event ev;

	for (int round = 0; round < 3; round++) {
		struct stream_proc p;
		struct stream s;

		CHECK_EQ(stream_proc__open(&p, fd, SOURCE_agent, "agent"), 0);
		stream__open(&s, &p, "1", 4096, 4096);
		for (int i = 0; i < 200; i++)
			CHECK(put_sync(&s, 1, 0));
		stream__close(&s);
		stream_proc__close(&p);
	}
	t = trace__open(dir, err, sizeof(err));
	while (t && trace__next(t, &ev) == 1)
		n += !ev.stream->counters;
	CHECK_EQ(n, 600);
	CHECK_EQ(t ? trace__num_streams(t) : 0, 6);
	trace__close(t);
	close(fd);
}

/* kill -9 at any moment leaves a trace that reads to its last event. */
static void test_kill(void)
{
	for (int round = 0; round < 10; round++) {
		char *dir = t_tmpdir(), err[256];
		int fd = t_make_trace(dir);
		pid_t pid = fork();
		struct trace *t;
		struct event ev;
		ev_u64 next = 0;

		if (!pid) {
			struct stream_proc p;
			struct stream s;

			stream_proc__open(&p, fd, SOURCE_agent, "agent");
			stream__open(&s, &p, "1", 4096, 8192);
			for (ev_u64 i = 0;; i++)
				put_sync(&s, i, 0);
		}
		usleep(2000 + (unsigned int)round * 1370);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		t = trace__open(dir, err, sizeof(err));
		CHECK(t);
		while (t && trace__next(t, &ev) == 1) {
			struct ev_sync e;

			if (ev.stream->counters)
				continue;
			event__fixed(&ev, &e, sizeof(e));
			if (e.took_ns != next)
				CHECK_EQ(e.took_ns, next);
			next++;
		}
		CHECK(t && trace__stats(t)->torn_bytes == 0);
		trace__close(t);
		close(fd);
	}
}

/* Damage: a cut file, a zeroed tail, an unknown id, a chunk of another trace, an empty chunk. */
static void test_damage(void)
{
	char *dir = t_tmpdir(), err[256];
	int fd = t_make_trace(dir), ctf, chunk, n = 0;
	struct stream_proc p;
	struct stream s;
	struct trace *t;
	struct event ev;
	char zeros[100] = {0};
	ev_u16 strange = 999;

	CHECK_EQ(stream_proc__open(&p, fd, SOURCE_agent, "agent"), 0);
	stream__open(&s, &p, "1", 4096, 4096);
	for (int i = 0; i < 300; i++) /* 28 bytes each: 143 to a chunk */
		CHECK(put_sync(&s, (ev_u64)i, 0));
	stream__close(&s);

	ctf = openat(fd, "ctf", O_RDONLY | O_DIRECTORY);
	/* the third event of chunk 0 gets an id nobody knows */
	{
		char name[64];

		snprintf(name, sizeof(name), "agent_%d_1.0", getpid());
		chunk = openat(ctf, name, O_RDWR);
		CHECK(chunk >= 0);
		CHECK_EQ(pwrite(chunk, &strange, 2, sizeof(struct ev_chunk) + 2 * 28), 2);
		close(chunk);
		snprintf(name, sizeof(name), "agent_%d_1.1", getpid());
		chunk = openat(ctf, name, O_RDWR);
		/* ten events, then zeros: the machine stopped before these pages were written */
		CHECK_EQ(pwrite(chunk, zeros, 100, sizeof(struct ev_chunk) + 10 * 28), 100);
		close(chunk);
		snprintf(name, sizeof(name), "agent_%d_1.2", getpid());
		chunk = openat(ctf, name, O_RDWR);
		CHECK_EQ(ftruncate(chunk, sizeof(struct ev_chunk) + 5 * 28 + 11), 0);
		close(chunk);
		close(openat(ctf, "agent_7_7.0", O_RDWR | O_CREAT, 0644));
	}
	t = trace__open(dir, err, sizeof(err));
	CHECK(t);
	while (t && trace__next(t, &ev) == 1)
		n += !ev.stream->counters;
	CHECK_EQ(n, 142 + 10 + 5);
	if (t) {
		const struct trace_stats *st = trace__stats(t);

		CHECK_EQ(st->unknown, 1);
		CHECK_EQ(st->torn_chunks, 3); /* zeros; the cut; empty */
		CHECK_EQ(st->torn_bytes, (143 - 10) * 28 + (14 - 5) * 28);
	}
	trace__close(t);
	stream_proc__close(&p);
	close(ctf);
	close(fd);
}

/* Times and content_bits that cannot be, a page that never reached the disk, a chunk that is gone.
 */
static void test_stops(void)
{
	char *dir = t_tmpdir(), err[256], name[64];
	int fd = t_make_trace(dir), ctf, chunk;
	ev_u64 n[8] = {0}, ts;
	struct stream_proc p;
	struct stream s;
	struct trace *t;
	struct event ev;
	char zeros[4096] = {0};

	CHECK_EQ(stream_proc__open(&p, fd, SOURCE_agent, "agent"), 0);
	stream__open(&s, &p, "1", 8192, 8192);
	for (ev_u64 i = 0; i < 2000;
	     i++) /* 290 to a chunk; event 143 of each lies over its page's end */
		CHECK(put_sync(&s, i, 1000 + i));
	stream__close(&s);
	ctf = openat(fd, "ctf", O_RDONLY | O_DIRECTORY);
	for (int i = 0; i < 7; i++) {
		snprintf(name, sizeof(name), "agent_%d_1.%d", getpid(), i);
		chunk = openat(ctf, name, O_RDWR);
		CHECK(chunk >= 0);
		switch (i) {
		case 0: /* the second page: the event that runs into it is not whole */
			CHECK_EQ(pwrite(chunk, zeros, 4096, 4096), 4096);
			break;
		case 1: /* gone */
			CHECK_EQ(unlinkat(ctf, name, 0), 0);
			break;
		case 2: /* event 100 is from before the chunk */
		case 3: /* event 100 is from after those behind it */
		case 4: /* the last event is from after the next chunk */
			ts = i == 2 ? 5 : 1ull << 60;
			CHECK_EQ(pwrite(chunk, &ts, 8, 72 + (i == 4 ? 289 : 100) * 28 + 2), 8);
			break;
		case 5: /* content_bits beyond all events: behind them is an empty page */
			CHECK_EQ(pwrite(chunk, zeros, 4096, 4096), 4096);
			ts = 1ull << 40;
			CHECK_EQ(pwrite(chunk, &ts, 8, offsetof(struct ev_chunk, content_bits)), 8);
			break;
		case 6: /* content_bits in the middle of event 10 */
			ts = (72 + 10 * 28 + 5) * 8;
			CHECK_EQ(pwrite(chunk, &ts, 8, offsetof(struct ev_chunk, content_bits)), 8);
			break;
		}
		close(chunk);
	}
	t = trace__open(dir, err, sizeof(err));
	CHECK(t);
	ts = 0;
	while (t && trace__next(t, &ev) == 1) {
		struct ev_sync e;

		event__fixed(&ev, &e, sizeof(e));
		if (ev.stream->counters)
			continue;
		CHECK_EQ(ev.ts_ns, 1000 + e.took_ns);
		CHECK(ev.ts_ns >= ts);
		ts = ev.ts_ns;
		n[e.took_ns / 290]++;
	}
	CHECK_EQ(n[0], 143);
	CHECK_EQ(n[1], 0);
	CHECK_EQ(n[2], 100);
	CHECK_EQ(n[3], 100);
	CHECK_EQ(n[4], 289);
	CHECK_EQ(n[5], 143);
	CHECK_EQ(n[6], 10);
	if (t) {
		const struct trace_stats *st = trace__stats(t);

		CHECK_EQ(st->torn_chunks, 6);
		CHECK_EQ(st->missing_chunks, 1);
		CHECK_EQ(st->torn_bytes, (147 + 190 + 190 + 1) * 28 + 5 + ((1 << 26) - 8192) +
						 (8192 - 72 - 143 * 28));
	}
	trace__close(t);
	stream_proc__close(&p);
	close(ctf);
	close(fd);
}

static void expect_refused(const char *path, const char *word)
{
	char err[512] = "";
	struct trace *t = trace__open(path, err, sizeof(err));

	CHECK(!t);
	CHECK(strstr(err, word));
	if (!strstr(err, word))
		printf("  message: %s\n", err);
	trace__close(t);
}

static void test_refused(void)
{
	char *dir = t_tmpdir(), *ctf, *meta;
	FILE *f;

	expect_refused("/nonexistent/trace", "No such file");
	expect_refused("/etc/passwd", "not a trace");
	expect_refused(dir, "not a trace");
	CHECK(asprintf(&ctf, "%s/ctf", dir) > 0);
	CHECK(asprintf(&meta, "%s/ctf/metadata", dir) > 0);
	mkdir(ctf, 0755);
	f = fopen(meta, "w");
	fputs("/* CTF 1.8 */ trace { major = 1; };", f);
	fclose(f);
	expect_refused(dir, "babeltrace2");
	f = fopen(meta, "w");
	fputs("/* CTF 1.8 */ env { rdna1_format = 99; };", f);
	fclose(f);
	expect_refused(dir, "format 99");
	f = fopen(meta, "w");
	fputs("hello", f);
	fclose(f);
	expect_refused(dir, "not CTF");
}

/* Whoever comes second joins; a trace of another format is not joined. */
static void test_join(void)
{
	char *dir = t_tmpdir();
	int fd = t_make_trace(dir), meta;
	struct stream_dir a, b;
	struct stream_meta other;

	CHECK_EQ(stream_dir__open(&a, fd), 0);
	stream_meta__init(&other);
	CHECK_EQ(stream_dir__create(fd, &other), 0);
	CHECK_EQ(stream_dir__open(&b, fd), 0);
	CHECK(!memcmp(a.uuid, b.uuid, 16));
	meta = openat(a.fd, "metadata", O_WRONLY | O_TRUNC);
	CHECK_EQ(write(meta, "rdna1_format = 77;", 18), 18);
	close(meta);
	stream_dir__close(&b);
	CHECK_EQ(stream_dir__open(&b, fd), -EPROTO);
	close(fd);
}

/* By the counter, where the kernel's own clock is that: never backwards, never far from the kernel's. */
static void test_clock(void)
{
	struct stream_proc p = {.tsc = true};
	struct stream s = {.proc = &p};
	ev_u64 last = 0, far = 0;

	for (int i = 0; i < 2000000; i++) {
		ev_u64 before = stream__now(), t = stream__time(&s), after = stream__now();

		far += t + 2000 < before || t > after + 2000;
		CHECK(t + 1000000 > last);
		last = t;
	}
	CHECK(far < 200); /* the thread was interrupted between the three */
	p.tsc = false;
	last = stream__now();
	CHECK(stream__time(&s) >= last);
}

int main(void)
{
	test_round_trip();
	test_clamp();
	test_file_limit();
	test_directory_removed();
	test_fork();
	test_name_reuse();
	test_kill();
	test_damage();
	test_stops();
	test_refused();
	test_join();
	test_clock();
	END_TESTS;
}
