// SPDX-License-Identifier: MIT
/* What the model makes of traces no device would give in one run. */
#include "t.h"
#include "../../hsa-tools/stream/stream.h"
#include "../../usr/analysis/model.h"

#include <fcntl.h>
#include <linux/kfd_ioctl.h>
#include <unistd.h>

static struct stream_proc agent, kernel, emu;
static struct stream a, k, e;
static char *dir;

static void begin(void)
{
	struct stream_meta meta;
	int fd;

	dir = t_tmpdir();
	fd = open(dir, O_RDONLY | O_DIRECTORY);
	stream_meta__init(&meta);
	CHECK_EQ(stream_dir__create(fd, &meta), 0);
	CHECK_EQ(stream_proc__open(&agent, fd, SOURCE_agent, "agent"), 0);
	CHECK_EQ(stream_proc__open(&kernel, fd, SOURCE_kernel, "kernel"), 0);
	CHECK_EQ(stream_proc__open(&emu, fd, SOURCE_emu, "emu"), 0);
	stream__open(&a, &agent, "1", 0, 0);
	stream__open(&k, &kernel, "0", 0, 0);
	stream__open(&e, &emu, "1", 0, 0);
	close(fd);
}

static struct model end(void)
{
	struct trace *t;
	struct model m;
	char err[256];

	stream__close(&a);
	stream__close(&k);
	stream__close(&e);
	stream_proc__close(&agent);
	stream_proc__close(&kernel);
	stream_proc__close(&emu);
	t = trace__open(dir, err, sizeof(err));
	CHECK(t);
	CHECK_EQ(model__read(&m, t), 0);
	trace__close(t);
	return m;
}

static void put_alloc(uint64_t va, uint64_t size, uint64_t ts)
{
	struct ev_pool_alloc x = {.size_bytes = size, .va = va, .pool = 9};

	stream__write(&a, EV_pool_alloc, &x, sizeof(x), 1, ts);
}

static void put_free(uint64_t va, uint64_t ts)
{
	struct ev_pool_free x = {.va = va};

	stream__write(&a, EV_pool_free, &x, sizeof(x), 1, ts);
}

/* An ioctl as eBPF (from_ebpf) or the emulated device's own log has it. */
static void put_ioctl(bool from_ebpf, uint32_t pid, uint32_t cmd, const void *arg, uint16_t len,
		      int64_t ret, uint64_t ts)
{
	struct ev_kfd_ioctl x = {.pid = pid, .cmd = cmd, .ret = ret};
	struct ev_emu_ioctl y = {.pid = pid, .caller = pid, .cmd = cmd, .ret = ret};
	struct stream *s = from_ebpf ? &k : &e;
	size_t fixed = from_ebpf ? sizeof(x) : sizeof(y);
	uint8_t *at = stream__reserve(s, from_ebpf ? EV_kfd_ioctl : EV_emu_ioctl, fixed + 6u + len, pid,
				      ts);

	memcpy(at, from_ebpf ? (void *)&x : (void *)&y, fixed);
	at = stream__put_bytes(at + fixed, arg, len);
	at = stream__put_bytes(at, NULL, 0);
	stream__put_bytes(at, NULL, 0);
	stream__commit(s);
}

static void put_bo(bool from_ebpf, uint32_t pid, uint64_t handle, uint64_t va, uint64_t size,
		   uint64_t ts)
{
	struct kfd_ioctl_alloc_memory_of_gpu_args x = {
		.va_addr = va, .size = size, .handle = handle, .flags = 1};

	put_ioctl(from_ebpf, pid, AMDKFD_IOC_ALLOC_MEMORY_OF_GPU, &x, sizeof(x), 0, ts);
}

static void put_bo_free(bool from_ebpf, uint32_t pid, uint64_t handle, uint64_t ts)
{
	struct kfd_ioctl_free_memory_of_gpu_args x = {.handle = handle};

	put_ioctl(from_ebpf, pid, AMDKFD_IOC_FREE_MEMORY_OF_GPU, &x, sizeof(x), 0, ts);
}

/* The same address given out again and again: each allocation is its own, in its own buffer. */
static void test_reuse(void)
{
	uint32_t pid = (uint32_t)getpid();
	struct model m;
	struct place p;

	begin();
	for (uint64_t i = 0; i < 50; i++) {
		put_bo(true, pid, 100 + i, 0x10000, 0x1000 * (1 + i), 1000 + 100 * i);
		put_alloc(0x10000, 64 + i, 1010 + 100 * i);
		put_free(0x10000, 1050 + 100 * i);
		put_bo_free(true, pid, 100 + i, 1060 + 100 * i);
	}
	m = end();
	CHECK_EQ(m.allocs.n, 50);
	CHECK_EQ(m.bos.n, 50);
	for (uint64_t i = 0; i < 50; i++) {
		CHECK_EQ(m.allocs.v[i].size, 64 + i);
		CHECK_EQ(m.allocs.v[i].end_ns, 1050 + 100 * i);
		CHECK_EQ(m.allocs.v[i].bo, i + 1);
		CHECK_EQ(m.bos.v[i].end_ns, 1060 + 100 * i);
		CHECK_EQ(m.bos.v[i].allocs, 1);
	}
	p = model__place(&m, pid, 0x10000 + 70, 1000 + 100 * 20 + 20);
	CHECK(p.inside == &m.allocs.v[20]);
	p = model__place(&m, pid, 0x10000, 1000 + 100 * 20 + 55);
	CHECK(!p.inside && p.inside_freed == &m.allocs.v[20]);
	CHECK(!model__bo_at(&m, pid, 0x10000, 999));
	CHECK(model__bo_at(&m, pid, 0x10000, 1005) == &m.bos.v[0]);
	CHECK(!model__bo_at(&m, pid, 0x10000, 1061));
	model__free(&m);
}

/* eBPF counts from its first event on; what the device's log said before is forgotten. */
static void test_two_logs(void)
{
	uint32_t pid = (uint32_t)getpid();
	struct model m;

	begin();
	put_bo(false, pid, 1, 0x10000, 0x1000, 100);
	put_bo(true, pid, 1, 0x10000, 0x1000, 101);
	put_bo(false, pid, 2, 0x20000, 0x1000, 110);
	put_bo(true, pid, 2, 0x20000, 0x1000, 111);
	put_alloc(0x20000, 16, 120);
	put_bo_free(false, pid, 1, 130);
	put_bo_free(true, pid, 1, 131);
	put_ioctl(true, pid, AMDKFD_IOC_WAIT_EVENTS, NULL, 0, -512, 140);
	put_ioctl(true, pid, AMDKFD_IOC_SVM, NULL, 0, -22, 141);
	put_ioctl(true, pid, AMDKFD_IOC_SVM, NULL, 0, -22, 142);
	put_ioctl(true, pid, 0x5401, NULL, 0, -22, 143); /* not KFD's */
	m = end();
	CHECK(m.kernel_side);
	CHECK_EQ(m.bos.n, 2);
	CHECK_EQ(m.bos.v[0].end_ns, 131);
	CHECK_EQ(m.allocs.v[0].bo, 2);
	CHECK_EQ(m.ioctls, 6);
	CHECK_EQ(m.failed_ioctls, 2);
	CHECK_EQ(m.failed.list.n, 1);
	CHECK_EQ(m.failed.list.v[0].count, 2);
	CHECK_EQ(m.failed.list.v[0].err, 22);
	CHECK_EQ(m.interrupted_ioctls, 1);
	model__free(&m);
}

/* Where an address lies: live, freed, past the end, below everything; another process's is not ours. */
static void test_place(void)
{
	uint32_t pid = (uint32_t)getpid();
	struct model m;
	struct place p;

	begin();
	put_alloc(0x1000, 0x100, 100);
	put_alloc(0x3000, 0x100, 110);
	put_free(0x1000, 200);
	m = end();
	p = model__place(&m, pid, 0x1080, 150);
	CHECK(p.inside == &m.allocs.v[0] && !p.inside_freed);
	p = model__place(&m, pid, 0x1080, 250);
	CHECK(!p.inside && p.inside_freed == &m.allocs.v[0]);
	p = model__place(&m, pid, 0x1100, 150);
	CHECK(!p.inside && p.below == &m.allocs.v[0]);
	p = model__place(&m, pid, 0x4000, 150);
	CHECK(p.below == &m.allocs.v[1]);
	p = model__place(&m, pid, 0xfff, 150);
	CHECK(!p.inside && !p.below && !p.inside_freed);
	p = model__place(&m, pid + 1, 0x1080, 150);
	CHECK(!p.inside && !p.below);
	model__free(&m);
}

/* exec closes the device: what the process had is gone, the address can be someone else's. */
static void test_exec(void)
{
	struct ev_agent_start start = {0};
	struct ev_proc_exec exec = {.pid = (uint32_t)getpid()};
	struct model m;
	uint8_t *at;

	begin();
	at = stream__reserve(&a, EV_agent_start, sizeof(start) + 4, 1, 90);
	memcpy(at, &start, sizeof(start));
	stream__put_text(stream__put_text(at + sizeof(start), "a", 1), "", 0);
	stream__commit(&a);
	put_alloc(0x1000, 0x100, 100);
	at = stream__reserve(&k, EV_proc_exec, sizeof(exec) + 5, 1, 200);
	memcpy(at, &exec, sizeof(exec));
	stream__put_text(at + sizeof(exec), "next", 4);
	stream__commit(&k);
	put_alloc(0x1000, 0x200, 300);
	m = end();
	CHECK_EQ(m.allocs.v[0].end_ns, 200);
	CHECK_EQ(m.allocs.v[1].end_ns, 0);
	CHECK_EQ(m.processes.n, 1);
	CHECK_STR(m.processes.v[0].exe, "next");
	model__free(&m);
}

/* seen = written + lost, by cause and by who lost it. */
static void test_accounts(void)
{
	struct account acc;
	struct model m;

	begin();
	put_alloc(0x1000, 1, 100);
	stream_proc__lost(&agent, LOSS_disk_full, 5, true);
	stream_proc__lost(&kernel, LOSS_ring_full, 7, true);
	stream_proc__lost(&kernel, LOSS_ring_full, 1, true);
	a.pending = 8; /* an event inside an event */
	CHECK(!stream__reserve(&a, EV_sync, 8, 1, 0));
	m = end();
	acc = accounts__sum(&m.accounts, SOURCE_agent);
	CHECK_EQ(acc.seen, 7);
	CHECK_EQ(acc.written, 1);
	CHECK_EQ(acc.dropped, 6);
	CHECK_EQ(acc.by_cause[LOSS_disk_full], 5);
	CHECK_EQ(acc.by_cause[LOSS_nested], 1);
	CHECK_EQ(account__unexplained(&acc), 0);
	acc = accounts__sum(&m.accounts, SOURCE_kernel);
	CHECK_EQ(acc.seen, 8);
	CHECK_EQ(acc.dropped, 8);
	model__free(&m);
}

/* The device took packet 1 before the agent read it, at its doorbell; both have ended. */
static void test_early_end(void)
{
	struct ev_queue_create q = {.queue_id = 3, .base = 0x5000};
	struct model m;

	begin();
	stream__write(&a, EV_queue_create, &q, sizeof(q), 1, 1000);
	for (uint64_t i = 0; i < 2; i++) {
		struct ev_emu_dispatch ended = {.ring = 0x5000, .index = i, .duration_ns = 70 + i};
		struct ev_dispatch x = {.queue_id = 3, .index = i};
		uint8_t packet[64] = {0}, *at;

		at = stream__reserve(&a, EV_dispatch, sizeof(x) + 4u + sizeof(packet), 1, 2000 + 100 * i);
		memcpy(at, &x, sizeof(x));
		at = stream__put_bytes(at + sizeof(x), packet, sizeof(packet));
		stream__put_bytes(at, NULL, 0);
		stream__commit(&a);
		stream__write(&e, EV_emu_dispatch, &ended, sizeof(ended), 1, 2050 + 20 * i);
	}
	m = end();
	CHECK_EQ(m.dispatches.n, 2);
	CHECK_EQ(m.dispatches.v[0].duration_ns, 70);
	CHECK_EQ(m.dispatches.v[1].duration_ns, 71);
	model__free(&m);
}

int main(void)
{
	test_reuse();
	test_two_logs();
	test_place();
	test_exec();
	test_accounts();
	test_early_end();
	END_TESTS;
}
