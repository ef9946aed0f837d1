// SPDX-License-Identifier: MIT
/*
 * The next chunk of a stream, made ahead: taken in its turn, and gone when it is not. At first by one thread, step by
 * step; then by another one at the same time, under the thread sanitizer too (make tsan).
 */
#include "t.h"
#include "../../hsa-tools/stream/stream.h"
#include "../../usr/trace/reader.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHUNK = 4096, THREADS = 4, ROUNDS = 20, EVENTS = 1000 };

static int woken; /* atomic */

static void wake(void)
{
	__atomic_fetch_add(&woken, 1, __ATOMIC_RELEASE);
}

/* A trace in a directory of its own, one stream with its spare. */
struct fixture {
	char *dir;
	int fd;
	struct stream_proc proc;
	struct stream stream;
	struct stream_spare spare;
	uint64_t written;
};

static void open_stream(struct fixture *f, const char *what)
{
	stream__open(&f->stream, &f->proc, what, CHUNK, CHUNK);
	stream__use_spare(&f->stream, &f->spare);
}

static void open_in(struct fixture *f, char *dir)
{
	struct stream_meta meta;

	memset(f, 0, sizeof(*f));
	f->dir = dir;
	f->fd = open(dir, O_RDONLY | O_DIRECTORY);
	stream_meta__init(&meta);
	CHECK_EQ(stream_dir__create(f->fd, &meta), 0);
	CHECK_EQ(stream_proc__open(&f->proc, f->fd, SOURCE_agent, "agent"), 0);
	f->proc.wake = wake;
	woken = 0;
	open_stream(f, "1");
}

static void open_fixture(struct fixture *f)
{
	open_in(f, t_tmpdir());
}

static void close_fixture(struct fixture *f)
{
	stream__close(&f->stream);
	stream_proc__close(&f->proc);
	close(f->fd);
}

static bool put(struct fixture *f)
{
	struct ev_sync e = {.took_ns = f->written};
	bool ok = stream__write(&f->stream, EV_sync, &e, sizeof(e), 1, 1000 + f->written);

	f->written += ok;
	return ok;
}

/* Writes until a spare is asked for. */
static void want(struct fixture *f)
{
	for (int i = 0; i < 1000 && f->spare.state != SPARE_WANTED; i++)
		CHECK(put(f));
	CHECK_EQ(f->spare.state, SPARE_WANTED);
}

static void make_ready(struct fixture *f)
{
	want(f);
	stream_spare__prepare(&f->spare);
	CHECK_EQ(f->spare.state, SPARE_READY);
}

/* Writes until the next chunk begins, or cannot. */
static bool fill(struct fixture *f)
{
	const uint32_t chunk = f->stream.next_chunk;
	bool ok = true;

	for (int i = 0; i < 1000 && ok && f->stream.next_chunk == chunk; i++)
		ok = put(f);
	return ok;
}

static unsigned int dot_files(const struct fixture *f)
{
	DIR *d = fdopendir(openat(f->proc.dir.fd, ".", O_RDONLY | O_DIRECTORY));
	struct dirent *de;
	unsigned int n = 0;

	while (d && (de = readdir(d)))
		n += de->d_name[0] == '.' && strcmp(de->d_name, ".") && strcmp(de->d_name, "..");
	if (d)
		closedir(d);
	return n;
}

/* All that was written is there, in order. */
static void read_back(const struct fixture *f)
{
	char err[256];
	struct trace *t = trace__open(f->dir, err, sizeof(err));
	struct event ev;
	uint64_t n = 0;

	CHECK(t);
	while (t && trace__next(t, &ev) == 1) {
		struct ev_sync e;

		if (ev.stream->counters)
			continue;
		event__fixed(&ev, &e, sizeof(e));
		CHECK_EQ(e.took_ns, n);
		CHECK_EQ(ev.ts_ns, 1000 + n);
		n++;
	}
	CHECK_EQ(n, f->written);
	CHECK(t && !trace__stats(t)->torn_bytes);
	trace__close(t);
}

static void test_taken(void)
{
	struct fixture f;
	void *map;

	open_fixture(&f);
	for (int i = 0; i < 10; i++) {
		make_ready(&f);
		map = f.spare.map;
		CHECK_EQ(dot_files(&f), 1);
		read_back(&f); /* readers leave it out */
		CHECK(fill(&f));
		CHECK(f.stream.map == map);
		CHECK_EQ(f.stream.next_chunk, i + 2);
		CHECK_EQ(f.spare.state, SPARE_EMPTY);
		CHECK_EQ(dot_files(&f), 0);
		CHECK_EQ(woken, i + 1);
	}
	CHECK_EQ(f.stream.seen, f.written);
	read_back(&f);
	close_fixture(&f);
}

/* Nobody prepares in time, or at all: the stream does not wait, and does not ask again. */
static void test_late(void)
{
	struct fixture f;

	open_fixture(&f);
	want(&f);
	for (int i = 0; i < 5; i++)
		CHECK(fill(&f));
	CHECK_EQ(f.spare.state, SPARE_WANTED);
	CHECK_EQ(woken, 1);
	stream_spare__prepare(&f.spare);
	CHECK(fill(&f));
	CHECK_EQ(f.spare.state, SPARE_EMPTY);
	f.proc.wake = NULL;
	for (int i = 0; i < 5; i++)
		CHECK(fill(&f));
	CHECK_EQ(f.spare.state, SPARE_EMPTY);
	read_back(&f);
	close_fixture(&f);
}

/* Closed in every state, and opened again with the same spare. */
static void test_close(void)
{
	struct fixture f;

	open_fixture(&f);
	stream__close(&f.stream);
	CHECK_EQ(f.spare.state, SPARE_EMPTY);

	open_stream(&f, "1");
	want(&f);
	stream__close(&f.stream);
	CHECK_EQ(f.spare.state, SPARE_EMPTY);
	stream_spare__prepare(&f.spare);
	CHECK_EQ(dot_files(&f), 0);

	open_stream(&f, "2");
	make_ready(&f);
	CHECK(fill(&f));
	CHECK(f.spare.old_map);
	stream__close(&f.stream);
	CHECK(!f.spare.old_map);

	open_stream(&f, "3");
	make_ready(&f);
	stream__close(&f.stream);
	CHECK_EQ(f.spare.state, SPARE_EMPTY);
	CHECK_EQ(dot_files(&f), 0);

	open_stream(&f, "4");
	want(&f);
	f.spare.state = SPARE_PREPARING;
	stream__close(&f.stream);
	CHECK_EQ(f.spare.state, SPARE_ABANDONED);
	open_stream(&f, "5"); /* meanwhile */
	for (int i = 0; i < 3; i++)
		CHECK(fill(&f));
	CHECK_EQ(f.spare.state, SPARE_ABANDONED);
	stream__close(&f.stream);
	CHECK_EQ(f.spare.state, SPARE_ABANDONED);
	f.spare.state = SPARE_EMPTY; /* as who prepares it does */
	open_stream(&f, "6");
	make_ready(&f);
	stream_spare__drop(&f.spare); /* the process ends, the thread does not yet */
	CHECK_EQ(f.spare.state, SPARE_EMPTY);
	CHECK_EQ(dot_files(&f), 0);
	CHECK(fill(&f));
	read_back(&f);
	close_fixture(&f);
}

/* Another file has the name of the next chunk: that one stays, the events are lost as without a spare. */
static void test_exists(void)
{
	struct fixture f;
	char name[128];
	struct stat st;

	open_fixture(&f);
	make_ready(&f);
	snprintf(name, sizeof(name), "%s.1", f.stream.name);
	close(openat(f.proc.dir.fd, name, O_WRONLY | O_CREAT, 0644));
	CHECK(!fill(&f));
	CHECK_EQ(f.proc.losses[LOSS_no_chunk]->count, 1);
	CHECK_EQ(f.proc.losses[LOSS_no_chunk]->orphans, 0);
	CHECK_EQ(f.spare.state, SPARE_EMPTY);
	CHECK_EQ(dot_files(&f), 0);
	CHECK_EQ(fstatat(f.proc.dir.fd, name, &st, 0), 0);
	CHECK_EQ(st.st_size, 0);
	close_fixture(&f);
}

/* Something removed the file. */
static void test_removed(void)
{
	struct fixture f;
	char name[128];

	open_fixture(&f);
	make_ready(&f);
	snprintf(name, sizeof(name), ".%s_spare-1", f.proc.prefix);
	CHECK_EQ(unlinkat(f.proc.dir.fd, name, 0), 0);
	CHECK(fill(&f));
	CHECK_EQ(f.spare.state, SPARE_EMPTY);
	read_back(&f);
	close_fixture(&f);
}

/* What a killed process of this pid left is replaced. */
static void test_leftover(void)
{
	struct fixture f;
	char name[128];

	open_fixture(&f);
	snprintf(name, sizeof(name), ".%s_spare-1", f.proc.prefix);
	close(openat(f.proc.dir.fd, name, O_WRONLY | O_CREAT, 0));
	make_ready(&f);
	CHECK(fill(&f));
	CHECK_EQ(dot_files(&f), 0);
	read_back(&f);
	close_fixture(&f);
}

/* The file size limit: none is made, and no SIGXFSZ comes; the stream says why when it is in need. */
static void test_file_limit(void)
{
	struct rlimit before, rl;
	struct fixture f;

	open_fixture(&f);
	want(&f);
	getrlimit(RLIMIT_FSIZE, &before);
	rl = before;
	rl.rlim_cur = CHUNK - 1;
	setrlimit(RLIMIT_FSIZE, &rl);
	stream_spare__prepare(&f.spare);
	CHECK_EQ(f.spare.state, SPARE_EMPTY);
	CHECK(!fill(&f));
	CHECK_EQ(f.proc.losses[LOSS_file_limit]->count, 1);
	setrlimit(RLIMIT_FSIZE, &before);
	CHECK_EQ(dot_files(&f), 0);
	close_fixture(&f);
}

static void test_disk_full(void)
{
	char *dir = t_tmpdir();
	struct fixture f;
	int blocks;

	if (mount("none", dir, "tmpfs", 0, "size=64k")) {
		printf("no file system to fill: mounting one is not permitted\n");
		return;
	}
	open_in(&f, dir);
	want(&f);
	blocks = openat(f.fd, "blocks", O_WRONLY | O_CREAT, 0644);
	for (int i = 0; i < 16; i++)
		if (posix_fallocate(blocks, i * CHUNK, CHUNK))
			break;
	stream_spare__prepare(&f.spare);
	CHECK_EQ(f.spare.state, SPARE_EMPTY);
	CHECK_EQ(dot_files(&f), 0);
	CHECK_EQ(f.proc.losses[LOSS_disk_full]->count, 0);
	CHECK(!fill(&f));
	CHECK_EQ(f.proc.losses[LOSS_disk_full]->count, 1);
	close(blocks);
	read_back(&f);
	close_fixture(&f);
	CHECK_EQ(umount2(dir, MNT_DETACH), 0);
}

/* A forked child leaves its parent's alone, at its end too. */
static void test_fork(void)
{
	struct fixture f;
	int status;
	pid_t pid;

	open_fixture(&f);
	make_ready(&f);
	pid = fork();
	if (!pid) {
		put(&f);
		stream_spare__drop(&f.spare);
		stream__close(&f.stream);
		_exit(f.spare.state != SPARE_READY);
	}
	waitpid(pid, &status, 0);
	CHECK_EQ(status, 0);
	CHECK_EQ(dot_files(&f), 1);
	CHECK(fill(&f));
	CHECK_EQ(dot_files(&f), 0);
	read_back(&f);
	close_fixture(&f);
}

/* Not where its bytes would be another's. */
static void test_ring(void)
{
	struct fixture f;

	open_fixture(&f);
	stream__close(&f.stream);
	CHECK_EQ(stream_proc__limit(&f.proc, STREAM_LIMIT_MIN), 0);
	open_stream(&f, "1");
	for (int i = 0; i < 3; i++)
		CHECK(fill(&f));
	CHECK_EQ(woken, 0);
	close_fixture(&f);
}

/* ---- at the same time ---- */

static struct fixture shared;
static struct writer {
	struct stream_spare spare;
	uint32_t number;
} writers[THREADS];
static int finished; /* atomic */

static void *prepare_all(void *unused)
{
	while (!__atomic_load_n(&finished, __ATOMIC_ACQUIRE)) {
		for (int i = 0; i < THREADS; i++)
			stream_spare__prepare(&writers[i].spare);
		sched_yield();
	}
	return unused;
}

/* wait: when it is on its way. Otherwise it may be late, or not. */
static bool spare_ready(const struct stream_spare *sp, bool wait)
{
	int state;

	while ((state = __atomic_load_n(&sp->state, __ATOMIC_ACQUIRE)) != SPARE_READY) {
		if (!wait || (state != SPARE_WANTED && state != SPARE_PREPARING))
			return false;
		sched_yield();
	}
	return true;
}

static void *write_all(void *arg)
{
	struct writer *w = arg;
	uintptr_t written = 0, taken = 0;

	for (unsigned int round = 0; round < ROUNDS; round++) {
		struct stream s;
		char what[32];

		snprintf(what, sizeof(what), "%u-%u", w->number, round);
		stream__open(&s, &shared.proc, what, CHUNK, 2 * CHUNK);
		stream__use_spare(&s, &w->spare);
		/* Not the same number each time, to close in other states. */
		for (uint64_t i = 0; i < EVENTS + round * 7; i++) {
			struct ev_sync e = {.took_ns = i};
			const ev_u32 chunk = s.next_chunk;
			const bool ready = spare_ready(&w->spare, round % 2);

			written += stream__write(&s, EV_sync, &e, sizeof(e), w->number, 0);
			taken += ready && s.next_chunk != chunk;
		}
		stream__close(&s);
	}
	return (void *)(written * 2 + (taken != 0));
}

static void read_shared(void)
{
	char err[256];
	struct trace *t = trace__open(shared.dir, err, sizeof(err));
	uint64_t n = 0;
	struct event ev;

	CHECK(t);
	while (t && trace__next(t, &ev) == 1)
		n += !ev.stream->counters;
	CHECK_EQ(n, (uint64_t)THREADS * (ROUNDS * EVENTS + 7 * ROUNDS * (ROUNDS - 1) / 2));
	for (unsigned int i = 0; t && i < trace__num_streams(t); i++)
		CHECK(trace__stream(t, i)->counters || trace__stream(t, i)->seen == trace__stream(t, i)->events);
	CHECK(t && !trace__stats(t)->torn_bytes);
	trace__close(t);
}

static void test_threads(void)
{
	pthread_t threads[THREADS], preparer;

	open_fixture(&shared);
	CHECK_EQ(pthread_create(&preparer, NULL, prepare_all, NULL), 0);
	for (uint32_t i = 0; i < THREADS; i++) {
		writers[i].number = i;
		CHECK_EQ(pthread_create(&threads[i], NULL, write_all, &writers[i]), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		void *written;

		CHECK_EQ(pthread_join(threads[i], &written), 0);
		CHECK_EQ((uintptr_t)written / 2, ROUNDS * EVENTS + 7 * ROUNDS * (ROUNDS - 1) / 2);
		CHECK((uintptr_t)written & 1);
	}
	__atomic_store_n(&finished, 1, __ATOMIC_RELEASE);
	CHECK_EQ(pthread_join(preparer, NULL), 0);
	for (int i = 0; i < THREADS; i++)
		CHECK_EQ(writers[i].spare.state, SPARE_EMPTY);
	CHECK_EQ(dot_files(&shared), 0);
	read_shared();
	close_fixture(&shared);
}

int main(void)
{
	test_taken();
	test_late();
	test_close();
	test_exists();
	test_removed();
	test_leftover();
	test_file_limit();
	test_disk_full();
	test_fork();
	test_ring();
	test_threads();
	END_TESTS;
}
