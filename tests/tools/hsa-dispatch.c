// SPDX-License-Identifier: MIT
/*
 * Queues of every kind and in every condition, each with its work verified. For each queue a line that a trace
 * can be compared with:
 *
 *	queue ID: N packets, N dispatches
 *
 * One argument:
 *   full         64 packets behind one that waits, no room for more; then 1000 around the ring
 *   producers    4 threads on one queue: packets reserved in bunches, finished and rung for out of order
 *   busy         destroyed with a kernel that never ends and 10 packets behind it
 *   soft         a queue that a thread of the host consumes
 *   cooperative  a queue of type COOPERATIVE
 *   settings     priorities, CU masks
 *   bits         barrier bits and fences in all their combinations
 *   signals      dispatches with no completion signal, with values above 1, many on one signal
 *   direct       50 doorbells rung through the runtime, 50 written past it as newer runtimes do
 *   times        profiling on: times of dispatches lie between the host's; off: there are none
 *   many         three queues at once
 */
#include "hsa_kernel.h"

#include <hsa/amd_hsa_queue.h>
#include <hsa/amd_hsa_signal.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static unsigned int failures, checks;

#define CHECK_EQ(what, got, want)                                                                  \
	do {                                                                                       \
		unsigned long long g_ = (unsigned long long)(got), w_ = (unsigned long long)(want); \
		checks++;                                                                          \
		if (g_ != w_) {                                                                    \
			failures++;                                                                \
			printf("WRONG: %s: %llu, not %llu\n", what, g_, w_);                       \
		}                                                                                  \
	} while (0)
#define CHECK(what) CHECK_EQ(#what, !!(what), 1)

/* A kernel that counts up, and what it has counted to. */
static uint64_t *counter, **counter_arg;
static uint64_t counting;

static hsa_queue_t *queue_of(uint32_t size, hsa_queue_type32_t type)
{
	hsa_queue_t *q = NULL;

	HSA(hsa_queue_create(gpu, size, type, NULL, NULL, UINT32_MAX, UINT32_MAX, &q));
	return q;
}

static void say(const hsa_queue_t *q, unsigned int packets, unsigned int dispatches)
{
	printf("queue %" PRIu64 ": %u packets, %u dispatches\n", q->id, packets, dispatches);
	fflush(stdout);
}

static hsa_kernel_dispatch_packet_t count_up(hsa_signal_t done)
{
	hsa_kernel_dispatch_packet_t p = dispatch_of(counting, counter_arg);

	p.completion_signal = done;
	return p;
}

static hsa_barrier_and_packet_t barrier(hsa_signal_t wait_for, hsa_signal_t done)
{
	return (hsa_barrier_and_packet_t){.header = HSA_PACKET_TYPE_BARRIER_AND | 1 << HSA_PACKET_HEADER_BARRIER,
					  .dep_signal = {wait_for},
					  .completion_signal = done};
}

static const hsa_signal_t none;

/* The index of a slot that is free. */
static uint64_t reserve(hsa_queue_t *q)
{
	uint64_t index = hsa_queue_add_write_index_scacq_screl(q, 1);

	while (index - hsa_queue_load_read_index_scacquire(q) >= q->size)
		;
	return index;
}

static void put_when_free(hsa_queue_t *q, const void *packet)
{
	uint64_t index = reserve(q);

	publish_at(q, index, packet);
	ring(q, index);
}

/* Everything before it is done. */
static void drain(hsa_queue_t *q)
{
	hsa_signal_t done = new_signal(1);
	hsa_barrier_and_packet_t last = barrier(none, done);

	put_when_free(q, &last);
	CHECK(reaches(done, 0));
	HSA(hsa_signal_destroy(done));
}

static void full(void)
{
	hsa_queue_t *q = queue_of(64, HSA_QUEUE_TYPE_SINGLE);
	hsa_signal_t gate = new_signal(1);
	hsa_barrier_and_packet_t first = barrier(gate, none);
	hsa_kernel_dispatch_packet_t p = count_up(none);

	put(q, &first);
	for (int i = 1; i < 64; i++)
		put(q, &p);
	usleep(20000);
	CHECK_EQ("packets in the ring", hsa_queue_load_write_index_relaxed(q) - hsa_queue_load_read_index_relaxed(q), 64);
	CHECK_EQ("dispatches while it waits", *counter, 0);
	hsa_signal_store_screlease(gate, 0);
	for (int i = 0; i < 1000; i++)
		put_when_free(q, &p);
	drain(q);
	CHECK_EQ("dispatches", *counter, 1063);
	say(q, 1065, 1063);
	HSA(hsa_queue_destroy(q));
}

/* ---- producers ---- */

enum { PRODUCERS = 4, BUNCHES = 300, BUNCH = 5 };

static void *produce(void *to)
{
	/* In which order the packets of a bunch are finished, and which doorbells are rung. */
	static const int finish[BUNCH] = {3, 0, 4, 1, 2}, bell[BUNCH] = {4, 2, 0, 3, 1};
	hsa_kernel_dispatch_packet_t p = count_up(none);
	hsa_queue_t *q = to;

	for (int b = 0; b < BUNCHES; b++) {
		uint64_t first = hsa_queue_add_write_index_scacq_screl(q, BUNCH);

		while (first + BUNCH - hsa_queue_load_read_index_scacquire(q) > q->size)
			;
		for (int i = 0; i < BUNCH; i++)
			publish_at(q, first + (uint64_t)finish[i], &p);
		for (int i = 0; i < BUNCH; i++)
			ring(q, first + (uint64_t)bell[i]);
	}
	return NULL;
}

static void producers(void)
{
	hsa_queue_t *q = queue_of(64, HSA_QUEUE_TYPE_MULTI);
	pthread_t threads[PRODUCERS];

	for (int i = 0; i < PRODUCERS; i++)
		pthread_create(&threads[i], NULL, produce, q);
	for (int i = 0; i < PRODUCERS; i++)
		pthread_join(threads[i], NULL);
	drain(q);
	CHECK_EQ("dispatches", *counter, PRODUCERS * BUNCHES * BUNCH);
	say(q, PRODUCERS * BUNCHES * BUNCH + 1, PRODUCERS * BUNCHES * BUNCH);
	HSA(hsa_queue_destroy(q));
}

/* s_branch to itself */
#define FOR_EVER 0xbf82ffffu

static void busy(void)
{
	hsa_queue_t *q = queue_of(64, HSA_QUEUE_TYPE_SINGLE);
	hsa_signal_t done = new_signal(1);
	hsa_kernel_dispatch_packet_t endless = dispatch_of(KERNEL(0, FOR_EVER, S_ENDPGM), NULL), p = count_up(none);

	endless.completion_signal = done;
	put(q, &endless);
	for (int i = 0; i < 10; i++)
		put(q, &p);
	while (!hsa_queue_load_read_index_relaxed(q))
		;
	usleep(20000);
	say(q, 11, 11);
	HSA(hsa_queue_destroy(q));
	CHECK_EQ("the endless kernel's signal", hsa_signal_load_relaxed(done), 1);
	CHECK_EQ("dispatches behind it", *counter, 0);
	/* The device is there for others. */
	q = queue_of(64, HSA_QUEUE_TYPE_SINGLE);
	put(q, &p);
	drain(q);
	CHECK_EQ("on another queue", *counter, 1);
	say(q, 2, 1);
	HSA(hsa_queue_destroy(q));
}

/* ---- a queue of the host's ---- */

enum { AGENT_DISPATCHES = 200, ADD = 0x8001 };

static hsa_status_t take_region(hsa_region_t region, void *to)
{
	hsa_region_segment_t segment;
	uint32_t flags = 0;

	HSA(hsa_region_get_info(region, HSA_REGION_INFO_SEGMENT, &segment));
	HSA(hsa_region_get_info(region, HSA_REGION_INFO_GLOBAL_FLAGS, &flags));
	if (segment == HSA_REGION_SEGMENT_GLOBAL && flags & HSA_REGION_GLOBAL_FLAG_FINE_GRAINED)
		*(hsa_region_t *)to = region;
	return HSA_STATUS_SUCCESS;
}

static void *consume(void *of)
{
	hsa_queue_t *q = of;

	for (uint64_t index = 0; index < AGENT_DISPATCHES; index++) {
		hsa_agent_dispatch_packet_t *p = (hsa_agent_dispatch_packet_t *)q->base_address + index % q->size;

		while ((__atomic_load_n(&p->header, __ATOMIC_ACQUIRE) & 0xff) != HSA_PACKET_TYPE_AGENT_DISPATCH)
			hsa_signal_wait_scacquire(q->doorbell_signal, HSA_SIGNAL_CONDITION_GTE, (hsa_signal_value_t)index,
						  1000000, HSA_WAIT_STATE_BLOCKED);
		if (p->type == ADD)
			*(uint64_t *)p->return_address += p->arg[0];
		hsa_signal_subtract_screlease(p->completion_signal, 1);
		__atomic_store_n(&p->header, HSA_PACKET_TYPE_INVALID, __ATOMIC_RELEASE);
		hsa_queue_store_read_index_screlease(q, index + 1);
	}
	return NULL;
}

static void soft(void)
{
	hsa_signal_t bell = new_signal(-1), done = new_signal(AGENT_DISPATCHES);
	hsa_agent_dispatch_packet_t p = {.header = HSA_PACKET_TYPE_AGENT_DISPATCH,
					 .type = ADD,
					 .return_address = counter,
					 .arg = {3},
					 .completion_signal = done};
	hsa_region_t region = {0};
	pthread_t consumer;
	hsa_queue_t *q;

	HSA(hsa_agent_iterate_regions(cpu, take_region, &region));
	HSA(hsa_soft_queue_create(region, 64, HSA_QUEUE_TYPE_MULTI, HSA_QUEUE_FEATURE_AGENT_DISPATCH, bell, &q));
	pthread_create(&consumer, NULL, consume, q);
	for (int i = 0; i < AGENT_DISPATCHES; i++)
		put_when_free(q, &p);
	pthread_join(consumer, NULL);
	CHECK(reaches(done, 0));
	CHECK_EQ("added by the host", *counter, 3 * AGENT_DISPATCHES);
	say(q, AGENT_DISPATCHES, 0);
	HSA(hsa_queue_destroy(q));
}

/* ---- kinds and settings ---- */

static void some_dispatches(hsa_queue_t *q, unsigned int n)
{
	hsa_kernel_dispatch_packet_t p = count_up(none);
	uint64_t before = *counter;

	for (unsigned int i = 0; i < n; i++)
		put_when_free(q, &p);
	drain(q);
	CHECK_EQ("dispatches", *counter - before, n);
}

/* ROCr makes one where the device has global wave sync, which gfx10.1 has not. */
static void cooperative(void)
{
	hsa_queue_t *q = NULL;
	hsa_status_t status = hsa_queue_create(gpu, 64, HSA_QUEUE_TYPE_COOPERATIVE, NULL, NULL, UINT32_MAX, UINT32_MAX, &q);
	bool can = false;

	HSA(hsa_agent_get_info(gpu, (hsa_agent_info_t)HSA_AMD_AGENT_INFO_COOPERATIVE_QUEUES, &can));
	printf("cooperative queues: %s, hsa_queue_create status=0x%x\n", can ? "yes" : "no", (unsigned int)status);
	CHECK_EQ("made where it can be", status == HSA_STATUS_SUCCESS, can);
	if (status != HSA_STATUS_SUCCESS)
		return;
	some_dispatches(q, 10);
	say(q, 11, 10);
	HSA(hsa_queue_destroy(q));
}

static void settings(void)
{
	static const hsa_amd_queue_priority_t priorities[] = {HSA_AMD_QUEUE_PRIORITY_LOW, HSA_AMD_QUEUE_PRIORITY_HIGH,
							      HSA_AMD_QUEUE_PRIORITY_NORMAL};
	const uint32_t some[2] = {0x0000ffff, 0xf}, all[2] = {UINT32_MAX, 0xf};
	hsa_queue_t *q = queue_of(64, HSA_QUEUE_TYPE_SINGLE);
	uint32_t mask[2] = {0};
	hsa_status_t status;

	for (int i = 0; i < 3; i++) {
		HSA(hsa_amd_queue_set_priority(q, priorities[i]));
		printf("queue %" PRIu64 ": priority %d\n", q->id, (int)priorities[i]);
		some_dispatches(q, 10);
	}
	status = hsa_amd_queue_cu_set_mask(q, 64, some);
	printf("queue %" PRIu64 ": CU mask 0x%x%08x status=0x%x\n", q->id, some[1], some[0], (unsigned int)status);
	CHECK(status == HSA_STATUS_SUCCESS);
	HSA(hsa_amd_queue_cu_get_mask(q, 64, mask));
	CHECK_EQ("CU mask, low half", mask[0], some[0]);
	some_dispatches(q, 10);
	HSA(hsa_amd_queue_cu_set_mask(q, 64, all));
	some_dispatches(q, 10);
	say(q, 55, 50);
	HSA(hsa_queue_destroy(q));
}

static void bits(void)
{
	hsa_queue_t *q = queue_of(128, HSA_QUEUE_TYPE_SINGLE);
	hsa_kernel_dispatch_packet_t p = count_up(none);
	unsigned int n = 0;

	for (unsigned int around = 0; around < 10; around++)
		for (unsigned int i = 0; i < 2 * 3 * 3; i++, n++) {
			p.header = (uint16_t)(HSA_PACKET_TYPE_KERNEL_DISPATCH | (i & 1) << HSA_PACKET_HEADER_BARRIER |
					      i / 2 % 3 << HSA_PACKET_HEADER_SCACQUIRE_FENCE_SCOPE |
					      i / 6 << HSA_PACKET_HEADER_SCRELEASE_FENCE_SCOPE);
			put_when_free(q, &p);
		}
	drain(q);
	CHECK_EQ("dispatches", *counter, n);
	say(q, n + 1, n);
	HSA(hsa_queue_destroy(q));
}

static void signals(void)
{
	hsa_queue_t *q = queue_of(64, HSA_QUEUE_TYPE_SINGLE);
	hsa_signal_t shared = new_signal(30), high = new_signal(1000), own[10];
	hsa_kernel_dispatch_packet_t p = count_up(none);

	for (int i = 0; i < 10; i++) {
		own[i] = new_signal(1);
		p.completion_signal = none;
		put_when_free(q, &p);
		p.completion_signal = shared;
		for (int n = 0; n < 3; n++)
			put_when_free(q, &p);
		p.completion_signal = high;
		put_when_free(q, &p);
		p.completion_signal = own[i];
		put_when_free(q, &p);
	}
	CHECK(reaches(shared, 0));
	drain(q);
	CHECK_EQ("counted down from 1000", hsa_signal_load_relaxed(high), 990);
	for (int i = 0; i < 10; i++)
		CHECK_EQ("its own", hsa_signal_load_relaxed(own[i]), 0);
	CHECK_EQ("dispatches", *counter, 60);
	say(q, 61, 60);
	HSA(hsa_queue_destroy(q));
}

static void direct(void)
{
	hsa_queue_t *q = queue_of(64, HSA_QUEUE_TYPE_SINGLE);
	amd_signal_t *bell = (amd_signal_t *)(uintptr_t)q->doorbell_signal.handle;
	hsa_signal_t done = new_signal(1);
	hsa_kernel_dispatch_packet_t p = count_up(done);

	CHECK_EQ("kind of the doorbell signal", bell->kind, AMD_SIGNAL_KIND_DOORBELL);
	for (int i = 0; i < 100; i++) {
		uint64_t index = reserve(q);

		hsa_signal_store_relaxed(done, 1);
		publish_at(q, index, &p);
		if (i < 50)
			ring(q, index);
		else
			__atomic_store_n(bell->hardware_doorbell_ptr, index, __ATOMIC_RELEASE);
		CHECK(reaches(done, 0));
	}
	CHECK_EQ("dispatches", *counter, 100);
	printf("queue %" PRIu64 ": 50 doorbells past the runtime\n", q->id);
	say(q, 100, 100);
	HSA(hsa_queue_destroy(q));
}

static uint64_t host_time(void)
{
	uint64_t now;

	HSA(hsa_system_get_info(HSA_SYSTEM_INFO_TIMESTAMP, &now));
	return now;
}

static void times(void)
{
	hsa_queue_t *q = queue_of(64, HSA_QUEUE_TYPE_SINGLE);
	hsa_signal_t done = new_signal(1);
	amd_signal_t *raw = (amd_signal_t *)(uintptr_t)done.handle;
	hsa_kernel_dispatch_packet_t p = count_up(done);
	uint64_t last = 0;

	HSA(hsa_amd_profiling_set_profiler_enabled(q, 1));
	for (int i = 0; i < 50; i++) {
		hsa_amd_profiling_dispatch_time_t t = {0};
		uint64_t before = host_time(), after;

		hsa_signal_store_relaxed(done, 1);
		put_when_free(q, &p);
		CHECK(reaches(done, 0));
		after = host_time();
		HSA(hsa_amd_profiling_get_dispatch_time(gpu, done, &t));
		/* ROCr makes the host's clock of the device's by two samples of both: off by a few ns. */
		CHECK(before <= t.start + 1000 && t.start <= t.end && t.end <= after + 1000);
		CHECK(last <= t.start);
		CHECK(raw->start_ts && raw->start_ts <= raw->end_ts);
		if (before > t.start || t.end > after)
			printf("host %" PRIu64 " device %" PRIu64 " %" PRIu64 " host %" PRIu64 "\n", before, t.start, t.end, after);
		last = t.end;
	}
	HSA(hsa_amd_profiling_set_profiler_enabled(q, 0));
	raw->start_ts = raw->end_ts = 0;
	hsa_signal_store_relaxed(done, 1);
	put_when_free(q, &p);
	CHECK(reaches(done, 0));
	CHECK_EQ("times of a queue that is not profiled", raw->start_ts | raw->end_ts, 0);
	say(q, 51, 51);
	HSA(hsa_queue_destroy(q));
}

static void many(void)
{
	hsa_queue_t *q[3];

	for (int i = 0; i < 3; i++)
		q[i] = queue_of(64u << i, HSA_QUEUE_TYPE_MULTI);
	for (int around = 0; around < 10; around++)
		for (int i = 0; i < 3; i++)
			some_dispatches(q[i], 1u + (unsigned int)i);
	for (int i = 0; i < 3; i++) {
		say(q[i], 10u * (2u + (unsigned int)i), 10u * (1u + (unsigned int)i));
		HSA(hsa_queue_destroy(q[i]));
	}
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} modes[] = {{"full", full},	     {"producers", producers}, {"busy", busy},	     {"soft", soft},
		     {"cooperative", cooperative}, {"settings", settings}, {"bits", bits}, {"signals", signals},
		     {"direct", direct},     {"times", times},	       {"many", many}};

	for (size_t i = 0; argc == 2 && i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (strcmp(argv[1], modes[i].name))
			continue;
		start_hsa();
		counter = memory(4096);
		counter_arg = memory(4096);
		*counter_arg = counter;
		counting = KERNEL(0, COUNT_UP);
		printf("kernel 0x%" PRIx64 "\n", counting);
		modes[i].run();
		HSA(hsa_shut_down());
		printf("%s: %u of %u checks\n", failures ? "WRONG" : "ok", failures ? failures : checks, checks);
		return failures != 0;
	}
	fprintf(stderr, "usage: hsa-dispatch full|producers|busy|soft|cooperative|settings|bits|signals|direct|times|many\n");
	return 2;
}
