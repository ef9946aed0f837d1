// SPDX-License-Identifier: MIT
/* What the model answers of an address at a time, and what that takes of a long trace. */
#include "synthetic.h"

#include <sys/resource.h>

static uint32_t pid;

#define FIXED(s, name, ts, ...)                                                                      \
	do {                                                                                          \
		struct ev_##name x_ = {__VA_ARGS__};                                                  \
                                                                                                     \
		stream__write(s, EV_##name, &x_, sizeof(x_), 1, ts);                                  \
	} while (0)

static void put_dispatch(uint64_t queue, uint64_t index, uint64_t object, const struct ev_pointer *pointers,
			 size_t num_pointers, uint64_t ts)
{
	struct ev_dispatch x = {.queue_id = queue, .index = index};
	uint8_t packet[64] = {0};
	uint8_t *at = stream__reserve(&a, EV_dispatch, sizeof(x) + 6 + 64 + num_pointers * sizeof(*pointers), 1, ts);

	memcpy(packet + 32, &object, 8);
	memcpy(at, &x, sizeof(x));
	at = stream__put_bytes(at + sizeof(x), packet, sizeof(packet));
	at = stream__put_bytes(at, NULL, 0);
	stream__put_bytes(at, pointers, (uint16_t)(num_pointers * sizeof(*pointers)));
	stream__commit(&a);
}

/* One address held by two, one after the other. */
static void test_turns(void)
{
	struct address_facts f;
	struct model m;

	begin();
	FIXED(&a, hsa_pool, 5, .pool = 9, .flags = 4, .id = 1);
	put_alloc(0x10000, 0x100, 100);
	put_free(0x10000, 200);
	put_alloc(0x10000, 0x80, 300);
	put_free(0x10000, 400);
	m = end();
	f = model__address(&m, pid, 0x10010, 50);
	CHECK(!f.alloc && !f.freed && !f.forgotten && !f.pool);
	f = model__address(&m, pid, 0x10010, 150);
	CHECK(f.alloc == &m.allocs.v[0] && !f.freed);
	CHECK_EQ(f.into_bytes, 0x10);
	CHECK(f.pool == &m.pools.v[0]);
	f = model__address(&m, pid, 0x10010, 250);
	CHECK(f.alloc == &m.allocs.v[0] && f.freed);
	CHECK_EQ(f.freed_ago_ns, 50);
	f = model__address(&m, pid, 0x10010, 350);
	CHECK(f.alloc == &m.allocs.v[1] && !f.freed);
	f = model__address(&m, pid, 0x10010, 450);
	CHECK(f.alloc == &m.allocs.v[1] && f.freed);
	CHECK_EQ(f.freed_ago_ns, 50);
	/* Only the first reached that far. */
	f = model__address(&m, pid, 0x10090, 450);
	CHECK(f.alloc == &m.allocs.v[0] && f.freed);
	CHECK_EQ(f.freed_ago_ns, 250);
	/* At the very moments. */
	CHECK(model__place(&m, pid, 0x10000, 100).inside == &m.allocs.v[0]);
	CHECK(!model__place(&m, pid, 0x10000, 200).inside);
	CHECK(!model__address(&m, pid + 1, 0x10010, 150).alloc);
	model__free(&m);
}

/* Many small ones cut from one buffer; neighbours on both sides, as they were then. */
static void test_small(void)
{
	struct address_facts f;
	struct model m;

	begin();
	put_bo(true, pid, 1, 0x200000, 2 << 20, 10);
	for (uint64_t i = 0; i < 100; i++)
		put_alloc(0x200000 + 0x1000 * i, 0x400, 100 + i);
	put_free(0x200000 + 0x1000 * 50, 300);
	put_bo_free(true, pid, 1, 400);
	m = end();
	CHECK_EQ(m.bos.v[0].allocs, 100);
	f = model__address(&m, pid, 0x200000 + 0x1000 * 49 + 0x500, 350);
	CHECK(!f.alloc && f.bo == &m.bos.v[0] && !f.bo_freed);
	CHECK(f.place.below == &m.allocs.v[49] && f.place.above == &m.allocs.v[51]);
	CHECK_EQ(f.below_bytes, 0x100);
	CHECK_EQ(f.above_bytes, 0x1000 * 2 - 0x500);
	f = model__address(&m, pid, 0x200000 + 0x1000 * 49 + 0x400, 250);
	CHECK(f.place.above == &m.allocs.v[50]);
	CHECK_EQ(f.below_bytes, 0);
	f = model__address(&m, pid, 0x200000 + 0x1000 * 50 + 4, 350);
	CHECK(f.alloc == &m.allocs.v[50] && f.freed && !f.bo_freed);
	f = model__address(&m, pid, 0x1fffff, 350);
	CHECK(!f.place.below && f.place.above == &m.allocs.v[0] && !f.bo);
	CHECK_EQ(f.above_bytes, 1);
	f = model__address(&m, pid, 0x200000 + 0x1000 * 99 + 0x400, 450);
	CHECK(f.place.below == &m.allocs.v[99] && !f.place.above);
	CHECK(f.bo == &m.bos.v[0] && f.bo_freed);
	CHECK_EQ(f.bo_freed_ago_ns, 50);
	model__free(&m);
}

/* An entry changes: the one of then is told. */
static void test_ptes(void)
{
	struct address_facts f;
	struct model m;

	begin();
	put_bo(true, pid, 1, 0x10000, 0x4000, 100);
	put_ptes(pid, 0x10, 0x14, PTE_OF(0), 200);
	put_ptes(pid, 0x12, 0x13, PTE_OF(3) | PTE_HOST, 300);
	put_ptes(pid, 0x10, 0x14, 0, 400);
	put_bo_free(true, pid, 1, 500);
	put_ptes(pid, 0x12, 0x14, PTE_OF(1), 600);
	m = end();
	f = model__address(&m, pid, 0x12345, 150);
	CHECK(!f.pte.known && !f.pte.forgotten && !f.mtype);
	f = model__address(&m, pid, 0x12345, 250);
	CHECK(f.pte.known && f.pte.mapped);
	CHECK_STR(f.mtype, "NC");
	CHECK_EQ(f.pte.since_ns, 200);
	f = model__address(&m, pid, 0x12345, 350);
	CHECK_STR(f.mtype, "UC");
	CHECK_EQ(f.pte.flags, PTE_OF(3) | PTE_HOST);
	CHECK_STR(model__address(&m, pid, 0x13345, 350).mtype, "NC");
	f = model__address(&m, pid, 0x12345, 550);
	CHECK(f.pte.known && !f.pte.mapped && f.pte.was_mapped);
	CHECK_EQ(f.pte.since_ns, 400);
	CHECK_STR(f.mtype, "UC");
	f = model__address(&m, pid, 0x12345, 650);
	CHECK(f.pte.mapped);
	CHECK_STR(f.mtype, "WC");
	CHECK(!model__address(&m, pid, 0x10345, 650).pte.mapped);
	CHECK(!model__address(&m, pid + 1, 0x12345, 650).pte.known);
	model__free(&m);
}

static void test_svm(void)
{
	struct kfd_ioctl_svm_args x = {.start_addr = 0x30000, .size = 0x2000};
	struct ev_proc_exec exec = {.pid = pid};
	struct address_facts f;
	struct model m;
	uint8_t *at;

	begin();
	FIXED(&a, agent_start, 90, 0);
	put_ioctl(true, pid, AMDKFD_IOC_SVM, &x, sizeof(x), 0, 100);
	at = stream__reserve(&k, EV_proc_exec, sizeof(exec) + 2, 1, 300);
	memcpy(at, &exec, sizeof(exec));
	stream__put_text(at + sizeof(exec), "a", 1);
	stream__commit(&k);
	m = end();
	f = model__address(&m, pid, 0x31000, 150);
	CHECK(f.svm == &m.svm_ranges.v[0] && !f.alloc && !f.bo);
	CHECK(!model__address(&m, pid, 0x31000, 50).svm);
	CHECK(!model__address(&m, pid, 0x32000, 150).svm);
	CHECK(!model__address(&m, pid, 0x31000, 350).svm);
	model__free(&m);
}

/* Kernels that had it, and the last dispatches before a time. */
static void test_arguments(void)
{
	struct ev_pointer weights = {.at = 8, .state = POINTER_STATE_inside, .kind = MEM_KIND_pool, .base = 0x10000};
	struct ev_pointer freed = {.at = 0, .state = POINTER_STATE_freed, .kind = MEM_KIND_pool, .base = 0x10000};
	struct argument last[3];
	struct address_facts f;
	bool forgotten;
	struct model m;

	begin();
	put_alloc(0x10000, 0x100, 10);
	put_alloc(0x20000, 0x100, 11);
	for (uint64_t i = 0; i < 20; i++)
		put_dispatch(1, i, 0xa00 + i % 2 * 0x100, &weights, 1, 100 + i);
	put_free(0x10000, 200);
	put_dispatch(2, 7, 0xc00, &freed, 1, 300);
	m = end();
	f = model__address(&m, pid, 0x10010, 400);
	CHECK(f.alloc == &m.allocs.v[0] && f.freed);
	CHECK_EQ(f.num_uses, 3);
	CHECK_EQ(f.uses[0].object, 0xc00);
	CHECK_EQ(f.uses[0].first_ns, 300);
	CHECK_EQ(f.uses[1].object, 0xb00);
	CHECK_EQ(f.uses[1].count, 10);
	CHECK_EQ(f.uses[1].first_ns, 101);
	CHECK_EQ(f.uses[1].last_ns, 119);
	CHECK_EQ(f.uses[1].at, 8);
	CHECK_EQ(f.uses[2].object, 0xa00);
	CHECK_EQ(f.other_uses, 0);
	CHECK_EQ(f.num_last, FACTS_USES);
	CHECK(!f.last_forgotten);
	CHECK_EQ(f.last[0].queue_id, 2);
	CHECK_EQ(f.last[0].index, 7);
	CHECK_EQ(f.last[0].state, POINTER_STATE_freed);
	CHECK_EQ(f.last[1].index, 19);
	CHECK_EQ(model__arguments(&m, &m.allocs.v[0], 110, last, 3, &forgotten), 3);
	CHECK_EQ(last[0].index, 10);
	CHECK_EQ(last[2].index, 8);
	CHECK_EQ(last[2].object, 0xa00);
	CHECK_EQ(model__arguments(&m, &m.allocs.v[0], 99, last, 3, &forgotten), 0);
	CHECK_EQ(model__address(&m, pid, 0x20000, 400).num_uses, 0);
	model__free(&m);
}

/* ---- long traces ---- */

/* 0 with the address sanitizer, which keeps what is freed. */
static size_t peak_mib(void)
{
	struct rusage usage;

#ifdef __SANITIZE_ADDRESS__
	return 0;
#endif
	getrusage(RUSAGE_SELF, &usage);
	return (size_t)usage.ru_maxrss / 1024;
}

/* More allocations than are kept: sums are right, and what was forgotten is not said to have never been. */
static void test_forgotten(void)
{
	enum { N = 400000 };
	uint64_t old = 0, count = 0;
	size_t before = peak_mib();
	struct address_facts f;
	struct model m;

	begin();
	put_alloc(0x8000, 0x100, 1); /* stays */
	for (uint64_t i = 0; i < N; i++) {
		put_alloc(0x100000 + 0x1000 * i, 0x100, 100 + 10 * i);
		put_free(0x100000 + 0x1000 * i, 105 + 10 * i);
	}
	m = end();
	CHECK_EQ(m.num_allocs, N + 1);
	for (size_t i = 0; i < m.old_allocs.n; i++)
		old += m.old_allocs.v[i].count;
	CHECK_EQ(m.allocs.n + old, N + 1);
	CHECK(m.allocs.n < 2 * MODEL_KEPT_ALLOCS);
	for (size_t i = 1; i < m.allocs.n; i++)
		count += m.allocs.v[i - 1].begin_ns < m.allocs.v[i].begin_ns;
	CHECK_EQ(count, m.allocs.n - 1);
	CHECK(model__place(&m, pid, 0x8010, 10 * N).inside == &m.allocs.v[0]);
	/* The newest is there, and how long ago; so are the first. */
	f = model__address(&m, pid, 0x100000 + 0x1000ull * (N - 1) + 8, 1000 + 10 * N);
	CHECK(f.alloc && f.freed && !f.forgotten);
	CHECK_EQ(f.freed_ago_ns, 1000 + 10 * N - (105 + 10 * (N - 1)));
	CHECK(model__address(&m, pid, 0x100008, 10 * N).freed);
	/* One in between was there, and nothing else is known; beside it nothing ever was. */
	f = model__address(&m, pid, 0x100000 + 0x1000 * 5000 + 8, 1000 + 10 * N);
	CHECK(!f.alloc && f.forgotten);
	CHECK(f.place.forgotten_ns >= 105 + 10 * 5000);
	f = model__address(&m, pid, 0x100000 + 0x1000ull * N + 8, 1000 + 10 * N);
	CHECK(!f.alloc && !f.forgotten);
	model__free(&m);
	CHECK(peak_mib() < before + 150);
}

/* Two million events: dispatches, allocations, buffers, page tables. */
static void test_bounded(void)
{
	enum { N = 250000 };
	struct ev_pointer p = {.state = POINTER_STATE_inside, .kind = MEM_KIND_pool};
	size_t before = peak_mib();
	uint64_t buffers = 0;
	struct model m;

	begin();
	FIXED(&a, hsa_clock, 5, .frequency_hz = 1000000000);
	for (uint64_t i = 0; i < N; i++) {
		uint64_t va = 0x100000 + 0x10000 * (i % 3000), ts = 100 + 100 * i;

		put_bo(true, pid, i + 1, va, 0x10000, ts);
		put_ptes(pid, va >> 12, (va >> 12) + 16, PTE_OF(i % 2 * 3), ts + 10);
		put_alloc(va, 0x100, ts + 20);
		p.base = va;
		put_dispatch(1, i, 0xa00, &p, 1, ts + 30);
		FIXED(&a, dispatch_time, ts + 40, .queue_id = 1, .index = i, .start = i, .end = i + 1000 + i % 100);
		put_free(va, ts + 50);
		put_ptes(pid, va >> 12, (va >> 12) + 16, 0, ts + 60);
		put_bo_free(true, pid, i + 1, ts + 70);
	}
	m = end();
	CHECK(peak_mib() < before + 100);
	CHECK_EQ(m.num_dispatches, N);
	CHECK_EQ(m.kernel_sums.n, 1);
	CHECK_EQ(m.kernel_sums.v[0].count, N);
	CHECK_EQ(m.kernel_sums.v[0].timed, N);
	CHECK_EQ(m.kernel_sums.v[0].min_ns, 1000);
	CHECK_EQ(m.kernel_sums.v[0].max_ns, 1099);
	CHECK_EQ(m.kernel_sums.v[0].last.index, N - 1);
	CHECK(model__median(&m.kernel_sums.v[0]) >= 1040 && model__median(&m.kernel_sums.v[0]) <= 1060);
	CHECK_EQ(m.dispatches.v[m.dispatches.n - 1].index, N - 1);
	CHECK_EQ(m.num_bos, N);
	for (size_t i = 0; i < m.old_bos.n; i++) {
		buffers += m.old_bos.v[i].count;
		CHECK_EQ(m.old_bos.v[i].like.num_ptes, 1);
		CHECK_EQ(m.ptes.v[m.old_bos.v[i].like.first_pte].pages, 16 * m.old_bos.v[i].count);
	}
	CHECK_EQ(m.old_bos.n, 2);
	CHECK_EQ(m.bos.n + buffers, N);
	/* Each of those that are kept has its buffer. */
	for (size_t i = 0; i < m.allocs.n; i++)
		if (m.allocs.v[i].begin_ns > 100 + 100 * (N - 1000)) {
			CHECK(m.allocs.v[i].bo);
			CHECK_EQ(m.bos.v[m.allocs.v[i].bo - 1].va, m.allocs.v[i].va);
		}
	/* Long ago, but how it was mapped since then is known. */
	CHECK_STR(model__address(&m, pid, 0x100000 + 0x10000 * ((N - 1) % 3000), 100 + 100ull * (N - 1) + 15).mtype, "UC");
	model__free(&m);
}

/* A kernel hangs, and its queue is given more than is kept behind it; another queue works on. */
static void test_stuck(void)
{
	enum { N = 3 * MODEL_KEPT_DISPATCHES };
	struct ev_queue_create q = {.queue_id = 1, .base = 0x5000};
	size_t stuck = SIZE_MAX;
	struct model m;

	begin();
	FIXED(&e, emu_device, 1, .gpu_id = 1);
	stream__write(&a, EV_queue_create, &q, sizeof(q), 1, 2);
	q.queue_id = 2;
	q.base = 0x6000;
	stream__write(&a, EV_queue_create, &q, sizeof(q), 1, 3);
	for (uint64_t i = 0; i < N; i++) {
		put_dispatch(1, i, 0xa00, NULL, 0, 100 + 10 * i);
		put_dispatch(2, i, 0xb00, NULL, 0, 101 + 10 * i);
		/* The device may be ahead of who reads the ring. */
		FIXED(&e, emu_dispatch, (i % 2 ? 100 : 102) + 10 * i, .ring = 0x6000, .index = i, .duration_ns = 5);
		if (i < 10)
			FIXED(&e, emu_dispatch, 103 + 10 * i, .ring = 0x5000, .index = i, .duration_ns = 7);
	}
	m = end();
	CHECK_EQ(m.num_dispatches, 2 * N);
	for (size_t i = 0; i < m.dispatches.n && stuck == SIZE_MAX; i++)
		if (!m.dispatches.v[i].duration_ns)
			stuck = i;
	CHECK(stuck != SIZE_MAX);
	CHECK_EQ(m.dispatches.v[stuck].queue_id, 1);
	CHECK_EQ(m.dispatches.v[stuck].index, 10);
	CHECK_EQ(model__queue_work(&m, pid, 1)->old_open, N - MODEL_KEPT_DISPATCHES - 10);
	CHECK_EQ(model__queue_work(&m, pid, 2)->old_open, 0);
	CHECK_EQ(model__kernel_sum(&m, pid, 0xb00)->timed, N);
	CHECK_EQ(model__kernel_sum(&m, pid, 0xa00)->timed, 10);
	CHECK(m.dispatches.n < 2 * MODEL_KEPT_DISPATCHES);
	model__free(&m);
}

/* ---- anything ---- */

static uint64_t state = 88172645463325252ull;

static uint64_t rnd(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

/* Few values, so that events are about the same things; now and then one that nobody expects. */
static uint64_t some(void)
{
	uint64_t x = rnd();

	switch (x >> 60) {
	case 0:
		return UINT64_MAX - (x & 7);
	case 1:
		return x;
	case 2:
	case 3:
		return 0x10000 * (x & 7) + (x >> 8 & 3) * 0x1000;
	case 4:
		return (x & 3) << 48 | 0x71;
	case 5:
		return pid;
	default:
		return x & 7;
	}
}

static void put_some(struct stream *s, const struct event_desc *d, uint64_t ts)
{
	static const uint32_t cmds[] = {AMDKFD_IOC_ALLOC_MEMORY_OF_GPU, AMDKFD_IOC_FREE_MEMORY_OF_GPU, AMDKFD_IOC_SVM,
					AMDKFD_IOC_CREATE_QUEUE, AMDKFD_IOC_DESTROY_QUEUE};
	uint8_t payload[4096], *at = payload;

	for (unsigned int i = 0; i < d->num_fields; i++) {
		const struct field_desc *f = &d->fields[i];
		uint64_t v = strcmp(f->name, "cmd") ? some() : cmds[rnd() % 5];
		uint64_t data[12];
		size_t len = rnd() % 3 ? 64 : rnd() % sizeof(data);

		if (f->kind == FIELD_INT) {
			v = !strcmp(f->name, "ret") || !strcmp(f->name, "status") ? rnd() % 8 == 0 : v;
			memcpy(at, &v, f->size);
			at += f->size;
			continue;
		}
		for (size_t k = 0; k < ARRAY_SIZE(data); k++)
			data[k] = some();
		if (f->kind == FIELD_TEXT)
			at = stream__put_text(at, "abc", rnd() % 3 + 1);
		else
			at = stream__put_bytes(at, data, (uint16_t)len);
	}
	CHECK(stream__write(s, d->id, payload, (size_t)(at - payload), (uint32_t)some(), ts));
}

static void ask_some(const struct model *m, uint64_t end)
{
	for (int i = 0; i < 3000; i++) {
		uint64_t va = some(), ts = rnd() % 4 ? rnd() % (end + 100) : some();
		struct address_facts f = model__address(m, rnd() % 4 ? pid : (uint32_t)some(), va, ts);

		if (f.place.inside)
			CHECK(va - f.place.inside->va < f.place.inside->size && f.place.inside->begin_ns <= ts);
		if (f.alloc && f.freed)
			CHECK(f.alloc->end_ns && f.alloc->end_ns <= ts && !f.forgotten);
		if (f.bo)
			CHECK(va - f.bo->va < f.bo->size);
		if (f.place.below)
			CHECK(f.place.below->va + f.place.below->size <= va);
		if (f.place.above)
			CHECK_EQ(f.place.above->va, va + f.above_bytes);
		CHECK(!f.mtype == !f.pte.was_mapped);
	}
	for (size_t i = 0; i < m->kernel_sums.n; i++)
		CHECK(model__median(&m->kernel_sums.v[i]) <= m->kernel_sums.v[i].max_ns);
}

/* Events of every kind in no order that a program would make. */
static void test_anything(void)
{
	for (int round = 0; round < 12; round++) {
		struct stream *streams[] = {&a, &k, &e, &r};
		uint64_t ts = 1000;
		struct model m;

		begin();
		for (int i = 0; i < 400; i++)
			for (const struct event_desc *d = event_desc__next(NULL); d; d = event_desc__next(d))
				if (rnd() % 4)
					put_some(streams[rnd() % 4], d, ts += rnd() % 20);
		m = end();
		ask_some(&m, ts);
		model__free(&m);
	}
}

int main(void)
{
	pid = (uint32_t)getpid();
	test_turns();
	test_small();
	test_ptes();
	test_svm();
	test_arguments();
	test_stuck();
	test_bounded();
	test_forgotten();
	test_anything();
	END_TESTS;
}
