// SPDX-License-Identifier: MIT
/* The emulated GPU's page tables: what is mapped is found, what is not faults, unmap waits. */
#include "t.h"
#include "../../hsa-tools/emu/vm.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

#define PAGE 4096u

static uint8_t memory[64 * PAGE];

static struct vm_range range(uint64_t lo, uint64_t pages, uint64_t pte)
{
	return (struct vm_range){
		.lo = lo, .hi = lo + pages * PAGE, .host = memory + lo % sizeof(memory), .pte = pte};
}

/* Every page of a small space against an array of what should be there. */
static void test_random(void)
{
	enum { SPACE = 64 };
	uint64_t want[SPACE] = {0}; /* permission bits, 0 unmapped */
	unsigned int x = 1;
	struct vm_view view;
	struct vm vm;

	CHECK_EQ(vm_init(&vm), 0);
	CHECK_EQ(vm_view_attach(&vm, &view), 0);
	for (int step = 0; step < 3000; step++) {
		unsigned int lo, n;
		bool free = true;

		x = x * 1103515245u + 12345u;
		lo = (x >> 8) % SPACE;
		n = 1 + (x >> 16) % 8;
		if (lo + n > SPACE)
			n = SPACE - lo;
		for (unsigned int p = lo; p < lo + n; p++)
			free &= !want[p];
		if (x >> 31 && free) {
			struct vm_range r = range(lo * PAGE, n, (x & 1) ? PTE_READABLE
								    : PTE_READABLE | PTE_WRITEABLE);

			CHECK_EQ(vm_map(&vm, &r), 0);
			for (unsigned int p = lo; p < lo + n; p++)
				want[p] = r.pte;
		} else if (x >> 31) {
			struct vm_range r = range(lo * PAGE, n, PTE_READABLE);

			CHECK_EQ(vm_map(&vm, &r), -EEXIST);
		} else {
			/* Whole ranges go; find where the one at lo begins and ends. */
			vm_view_refresh(&view);
			if (want[lo]) {
				struct vm_range r = *vm_find(&view, lo * PAGE);

				vm_view_idle(&view);
				CHECK_EQ(vm_unmap(&vm, r.lo, r.hi), 1);
				for (uint64_t p = r.lo / PAGE; p < r.hi / PAGE; p++)
					want[p] = 0;
			}
			vm_view_idle(&view);
		}
		vm_view_refresh(&view);
		for (unsigned int p = 0; p < SPACE; p++) {
			uint64_t va = p * PAGE + x % PAGE;
			uint8_t *host = memory + va;

			CHECK((vm_host(&view, va, 1, PTE_READABLE) == host) == !!(want[p] & PTE_READABLE));
			CHECK((vm_host(&view, va, 1, PTE_WRITEABLE) == host) ==
			      !!(want[p] & PTE_WRITEABLE));
		}
		vm_view_idle(&view);
	}
	vm_view_detach(&view);
}

static void test_bounds(void)
{
	struct vm_range r = range(4 * PAGE, 2, PTE_READABLE);
	struct vm_view view;
	struct vm vm;

	vm_init(&vm);
	vm_view_attach(&vm, &view);
	CHECK_EQ(vm_map(&vm, &r), 0);
	vm_view_refresh(&view);
	CHECK(vm_host(&view, 4 * PAGE, 2 * PAGE, PTE_READABLE));
	CHECK(!vm_host(&view, 4 * PAGE, 2 * PAGE + 1, PTE_READABLE));
	CHECK(!vm_host(&view, 4 * PAGE - 1, 1, PTE_READABLE));
	CHECK(!vm_host(&view, 6 * PAGE, 1, PTE_READABLE));
	CHECK(!vm_host(&view, 6 * PAGE - 4, 8, PTE_READABLE));
	CHECK(!vm_host(&view, 4 * PAGE, 1, PTE_WRITEABLE));
	CHECK(!vm_host(&view, UINT64_MAX, 8, PTE_READABLE));
	CHECK(!vm_host(&view, 4 * PAGE, UINT64_MAX, PTE_READABLE));
	vm_view_detach(&view);
}

/* A worker that runs keeps its snapshot; unmap returns only when it has looked again. */
static struct vm shared;
static bool looked; /* atomic */
static bool kept, gone; /* the checks are the main thread's */

static void *worker(void *arg)
{
	struct vm_view view;

	(void)arg;
	vm_view_attach(&shared, &view);
	vm_view_refresh(&view);
	__atomic_store_n(&looked, true, __ATOMIC_RELEASE);
	nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
	kept = vm_host(&view, 0, 8, PTE_READABLE) != NULL;
	vm_view_refresh(&view);
	gone = !vm_host(&view, 0, 8, PTE_READABLE);
	vm_view_idle(&view);
	vm_view_detach(&view);
	return NULL;
}

static void test_unmap_waits(void)
{
	struct vm_range r = range(0, 1, PTE_READABLE);
	struct timespec a, b;
	pthread_t t;

	vm_init(&shared);
	vm_map(&shared, &r);
	pthread_create(&t, NULL, worker, NULL);
	while (!__atomic_load_n(&looked, __ATOMIC_ACQUIRE))
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	clock_gettime(CLOCK_MONOTONIC, &a);
	CHECK_EQ(vm_unmap(&shared, r.lo, r.hi), 1);
	clock_gettime(CLOCK_MONOTONIC, &b);
	CHECK((b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000 >= 50);
	pthread_join(t, NULL);
	CHECK(kept && gone);
}

static bool stop;

static void *look(void *arg)
{
	struct vm *vm = arg;
	struct vm_view view;
	unsigned long missing = 0;

	vm_view_attach(vm, &view);
	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		vm_view_refresh(&view);
		for (uint64_t p = 0; p < 8; p++)
			missing += !vm_host(&view, p * PAGE, PAGE, PTE_READABLE);
	}
	vm_view_detach(&view);
	return (void *)missing;
}

/* What is replaced is there at every moment; what lies across an end is refused. */
static void test_replace(void)
{
	struct vm_range whole = range(0, 8, PTE_READABLE), parts[2] = {range(0, 3, PTE_READABLE),
								       range(3 * PAGE, 5, PTE_READABLE | PTE_WRITEABLE)};
	struct vm_range across = range(2 * PAGE, 2, PTE_READABLE), beside = range(8 * PAGE, 1, PTE_READABLE);
	struct vm_view view;
	pthread_t thread;
	void *missing;
	struct vm vm;

	CHECK_EQ(vm_init(&vm), 0);
	CHECK_EQ(vm_map(&vm, &whole), 0);
	CHECK_EQ(vm_replace(&vm, &beside, 1), 0);
	pthread_create(&thread, NULL, look, &vm);
	for (int i = 0; i < 200; i++) {
		CHECK_EQ(vm_replace(&vm, parts, 2), 0);
		CHECK_EQ(vm_replace(&vm, &across, 1), -EEXIST);
		CHECK_EQ(vm_replace(&vm, &whole, 1), 0);
	}
	CHECK_EQ(vm_replace(&vm, parts, 2), 0);
	__atomic_store_n(&stop, true, __ATOMIC_RELEASE);
	pthread_join(thread, &missing);
	CHECK_EQ((unsigned long)missing, 0);
	CHECK_EQ(vm_view_attach(&vm, &view), 0);
	vm_view_refresh(&view);
	CHECK(!vm_host(&view, 2 * PAGE, PAGE, PTE_WRITEABLE));
	CHECK(vm_host(&view, 3 * PAGE, PAGE, PTE_WRITEABLE) != NULL);
	CHECK(vm_host(&view, 8 * PAGE, PAGE, PTE_READABLE) != NULL);
	vm_view_detach(&view);
}

int main(void)
{
	test_random();
	test_replace();
	test_bounds();
	test_unmap_waits();
	END_TESTS;
}
