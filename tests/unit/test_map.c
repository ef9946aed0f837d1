// SPDX-License-Identifier: MIT
/*
 * The map of allocations: against a plain list, with overlaps and duplicates; what was freed; asked
 * by several threads while others change it.
 */
#include "t.h"
#include "../../bpf/events.h"
#include "../../hsa-tools/agent/map.h"

#include <pthread.h>

static uint64_t state = 88172645463325252ull;

static uint64_t rnd(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

/* ---- against a list ---- */

#define MOST 600
static struct map_range list[MOST];
static size_t num;

static bool in_list(uint64_t addr)
{
	for (size_t i = 0; i < num; i++)
		if (addr - list[i].lo < list[i].size)
			return true;
	return false;
}

static void add_random(bool overlap)
{
	struct map_range r = {.lo = 0x1000 * (1 + rnd() % 2000),
			      .size = overlap ? 1 + rnd() % 0x9000 : 0x1000,
			      .made_ns = rnd(),
			      .pool = (uint16_t)rnd(),
			      .kind = (uint8_t)(1 + rnd() % 3)};

	for (size_t i = 0; !overlap && i < num; i++)
		if (list[i].lo == r.lo)
			return;
	CHECK(map__add(&r));
	list[num++] = r;
}

static void remove_random(uint64_t now)
{
	struct map_range got, want;
	size_t i = rnd() % num;

	want = list[i];
	CHECK(map__remove(want.lo, want.size, want.kind, now, &got));
	CHECK_EQ(got.lo, want.lo);
	CHECK_EQ(got.size, want.size);
	CHECK_EQ(got.kind, want.kind);
	CHECK_EQ(got.freed_ns, now);
	/* Of several that are alike it may have been another. */
	for (i = 0; i < num; i++)
		if (list[i].lo == got.lo && list[i].size == got.size && list[i].kind == got.kind &&
		    list[i].made_ns == got.made_ns)
			break;
	CHECK(i < num);
	list[i] = list[--num];
}

static void ask(uint64_t addr)
{
	struct map_range r;
	enum map_answer answer = map__find(addr, &r);

	CHECK((answer == MAP_INSIDE) == in_list(addr));
	if (answer == MAP_INSIDE || answer == MAP_FREED)
		CHECK(addr - r.lo < r.size);
	if (answer == MAP_FREED)
		CHECK(r.freed_ns != 0);
	if (answer == MAP_PAST_END)
		CHECK(addr >= r.lo + r.size && addr - (r.lo + r.size) <= MAP_NEAR);
}

static void walk(void)
{
	struct map_range r = {0};
	uint64_t lo = 0, hi = 0;
	size_t n = 0;

	while (map__next(&r)) {
		CHECK(r.lo > lo || (r.lo == lo && r.lo + r.size > hi));
		lo = r.lo;
		hi = r.lo + r.size;
		CHECK(in_list(lo));
		n++;
	}
	CHECK(n <= num);
	CHECK_EQ(map__count(), num);
}

static void test_list(bool overlap)
{
	map__clear();
	num = 0;
	for (int i = 0; i < 20000; i++) {
		if (num < 10 || (num < MOST && rnd() % 2))
			add_random(overlap);
		else
			remove_random(1000 + (uint64_t)i);
		ask(0x1000 * (rnd() % 2010) + rnd() % 0x1000);
		if (num)
			ask(list[rnd() % num].lo);
		if (i % 500 == 0)
			walk();
	}
}

/* ---- what an address may be ---- */

static void test_answers(void)
{
	struct map_range a = {
		.lo = 0x10000, .size = 0x100, .kind = 1, .pool = 7, .site = 9, .host = 1};
	struct map_range r, near[8];
	size_t n;

	map__clear();
	CHECK_EQ(map__find(0x10000, &r), MAP_NOTHING);
	CHECK(map__add(&a));
	CHECK_EQ(map__find(0x10000, &r), MAP_INSIDE);
	CHECK_EQ(r.pool, 7);
	CHECK_EQ(r.site, 9);
	CHECK_EQ(r.host, 1);
	CHECK_EQ(map__find(0x100ff, &r), MAP_INSIDE);
	CHECK_EQ(map__find(0x10100, &r), MAP_PAST_END);
	CHECK_EQ(r.lo, 0x10000);
	CHECK_EQ(map__find(0x10100 + MAP_NEAR, &r), MAP_PAST_END);
	CHECK_EQ(map__find(0x10101 + MAP_NEAR, &r), MAP_NOTHING);
	CHECK_EQ(map__find(0xffff, &r), MAP_NOTHING);
	CHECK_EQ(map__find(UINT64_MAX, &r), MAP_NOTHING);
	CHECK(!map__remove(0x10000, 0, 2, 5, &r));    /* another kind */
	CHECK(!map__remove(0x10000, 0x80, 1, 5, &r)); /* another size */
	CHECK(!map__remove(0x10001, 0, 1, 5, &r));
	CHECK(map__remove(0x10000, 0, 1, 5, &r));
	CHECK_EQ(map__find(0x10080, &r), MAP_FREED);
	CHECK_EQ(r.freed_ns, 5);
	CHECK(!map__remove(0x10000, 0, 1, 5, &r));

	/* The latest that was freed there; a live one comes first. */
	CHECK(map__add(&a));
	CHECK(map__remove(0x10000, 0, 1, 6, &r));
	CHECK_EQ(map__find(0x10080, &r), MAP_FREED);
	CHECK_EQ(r.freed_ns, 6);
	CHECK(map__add(&a));
	CHECK_EQ(map__find(0x10080, &r), MAP_INSIDE);

	CHECK(map__add(&(struct map_range){.lo = 0x20000, .size = 0x1000, .kind = 1}));
	n = map__near(0x15000, near, 8);
	CHECK_EQ(n, 2);
	CHECK_EQ(near[0].lo, 0x10000);
	CHECK_EQ(near[1].lo, 0x20000);
	n = map__near(0x10080, near, 8);
	CHECK_EQ(n, 4); /* itself, two that were freed, the next */
	CHECK_EQ(map__near(0x10080, near, 1), 1);

	/* To the end of all addresses. */
	CHECK(map__add(&(struct map_range){.lo = UINT64_MAX - 10, .size = 100, .kind = 1}));
	CHECK_EQ(map__find(UINT64_MAX - 5, &r), MAP_INSIDE);
}

static void test_many_freed(void)
{
	struct map_range r;

	map__clear();
	for (uint64_t i = 1; i <= 3 * MAP_FREED_KEPT; i++) {
		CHECK(map__add(&(struct map_range){.lo = i << 20, .size = 1 << 20, .kind = 1}));
		CHECK(map__remove(i << 20, 0, 1, i, &r));
	}
	CHECK_EQ(map__find(1 << 20, &r), MAP_NOTHING);
	CHECK_EQ(map__find((3ull * MAP_FREED_KEPT) << 20, &r), MAP_FREED);
	CHECK_EQ(map__find((2ull * MAP_FREED_KEPT + 1) << 20, &r), MAP_FREED);
	CHECK_EQ(map__find((2ull * MAP_FREED_KEPT) << 20, &r), MAP_NOTHING);
}

static void test_version(void)
{
	struct map_range r;
	uint64_t v;

	map__clear();
	v = map__version();
	CHECK_EQ(v & 1, 0);
	map__find(5, &r);
	CHECK_EQ(map__version(), v);
	map__add(&(struct map_range){.lo = 5, .size = 5, .kind = 1});
	CHECK(map__version() > v);
}

/* ---- threads ---- */

/* Each writer has addresses of its own, and one that is always there, which every reader must find.
 */
enum { WRITERS = 3, READERS = 3 };
static int stop;
static uint64_t wrong, answers;

static void *write_thread(void *arg)
{
	const uint64_t base = (1 + (uint64_t)(uintptr_t)arg) << 40;
	struct map_range r;

	for (uint64_t i = 0; i < 20000; i++) {
		uint64_t lo = base + (1 + i % 97) * 0x10000;

		if (!map__add(&(struct map_range){
			    .lo = lo, .size = 0x8000, .kind = 1, .made_ns = lo}))
			__atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED);
		if (!map__remove(lo, 0x8000, 1, i, &r) || r.made_ns != lo)
			__atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void *read_thread(void *arg)
{
	uint64_t x = 12345 + (uint64_t)(uintptr_t)arg;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		uint64_t base = (1 + x % WRITERS) << 40;
		struct map_range r;
		enum map_answer a;

		x = x * 6364136223846793005ull + 1442695040888963407ull;
		a = map__find(base + 0x100, &r);
		if (a != MAP_BUSY && (a != MAP_INSIDE || r.lo != base || r.made_ns != base))
			__atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED);
		a = map__find(base + (1 + x % 97) * 0x10000 + 5, &r);
		if ((a == MAP_INSIDE || a == MAP_FREED) && r.made_ns != r.lo)
			__atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED);
		__atomic_fetch_add(&answers, a != MAP_BUSY, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void test_threads(void)
{
	pthread_t writers[WRITERS], readers[READERS];

	map__clear();
	for (uint64_t i = 0; i < WRITERS; i++)
		map__add(&(struct map_range){
			.lo = (1 + i) << 40, .size = 0x1000, .kind = 1, .made_ns = (1 + i) << 40});
	for (uintptr_t i = 0; i < READERS; i++)
		CHECK(!pthread_create(&readers[i], NULL, read_thread, (void *)i));
	for (uintptr_t i = 0; i < WRITERS; i++)
		CHECK(!pthread_create(&writers[i], NULL, write_thread, (void *)i));
	for (int i = 0; i < WRITERS; i++)
		pthread_join(writers[i], NULL);
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < READERS; i++)
		pthread_join(readers[i], NULL);
	CHECK_EQ(wrong, 0);
	CHECK(answers > 0);
	CHECK_EQ(map__count(), WRITERS);
}

int main(void)
{
	test_list(false);
	test_list(true);
	test_answers();
	test_many_freed();
	test_version();
	test_threads();
	END_TESTS;
}
