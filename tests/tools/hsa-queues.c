// SPDX-License-Identifier: MIT
/*
 * What HIP never does with HSA queues and a profiler must bear. One argument:
 *   late     of two producers the one with the earlier packet rings last
 *   direct   50 doorbells written past the runtime; the queue is left behind
 *   many     queues made and destroyed, 1200 of them; prints the cost of a signal store
 *   bell     60000 packets of one producer; prints what a doorbell store costs
 *   again    hsa_shut_down, hsa_init, then a copy from nowhere: a memory fault
 *   lost     a packet whose completion signal is not there
 */
#include "hsa_check.h"

#include <hsa/amd_hsa_signal.h>
#include <hsa/hsa_ext_amd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void start(void)
{
	HSA(hsa_init());
	HSA(hsa_iterate_agents(take_agent, NULL));
	HSA(hsa_amd_agent_iterate_memory_pools(gpu, take_vram_pool, NULL));
}

static hsa_queue_t *queue(void)
{
	hsa_queue_t *q;

	HSA(hsa_queue_create(gpu, 64, HSA_QUEUE_TYPE_MULTI, NULL, NULL, UINT32_MAX, UINT32_MAX, &q));
	return q;
}

static void publish(hsa_queue_t *q, uint64_t index, uint64_t completion)
{
	hsa_barrier_and_packet_t *p = (hsa_barrier_and_packet_t *)q->base_address + index % q->size;
	uint16_t header = HSA_PACKET_TYPE_BARRIER_AND << HSA_PACKET_HEADER_TYPE |
			  1 << HSA_PACKET_HEADER_BARRIER;

	memset((char *)p + 2, 0, sizeof(*p) - 2);
	p->completion_signal.handle = completion;
	__atomic_store_n(&p->header, header, __ATOMIC_RELEASE);
}

static void wait_for(hsa_signal_t s)
{
	hsa_signal_wait_scacquire(s, HSA_SIGNAL_CONDITION_LT, 1, UINT64_MAX, HSA_WAIT_STATE_BLOCKED);
}

static void late(void)
{
	hsa_queue_t *q = queue();
	hsa_signal_t done = new_signal(1);
	uint64_t first = hsa_queue_add_write_index_relaxed(q, 1);
	uint64_t second = hsa_queue_add_write_index_relaxed(q, 1);

	publish(q, second, done.handle);
	hsa_signal_store_screlease(q->doorbell_signal, (hsa_signal_value_t)second);
	usleep(20000);
	publish(q, first, 0);
	hsa_signal_store_screlease(q->doorbell_signal, (hsa_signal_value_t)first);
	wait_for(done);
	HSA(hsa_queue_destroy(q));
}

static void direct(void)
{
	hsa_queue_t *q = queue();
	amd_signal_t *bell = (amd_signal_t *)(uintptr_t)q->doorbell_signal.handle;
	hsa_signal_t done = new_signal(1);

	for (int i = 0; i < 50; i++) {
		uint64_t index = hsa_queue_add_write_index_relaxed(q, 1);

		hsa_signal_store_relaxed(done, 1);
		publish(q, index, done.handle);
		__atomic_store_n(bell->hardware_doorbell_ptr, index, __ATOMIC_RELEASE);
		wait_for(done);
	}
}

static double store_ns(hsa_signal_t s)
{
	struct timespec a, b;

	clock_gettime(CLOCK_MONOTONIC, &a);
	for (int i = 0; i < 1000000; i++)
		hsa_signal_store_relaxed(s, i);
	clock_gettime(CLOCK_MONOTONIC, &b);
	return (double)(b.tv_sec - a.tv_sec) * 1e3 + (double)(b.tv_nsec - a.tv_nsec) * 1e-6;
}

static void many(void)
{
	hsa_signal_t s = new_signal(1);
	double before = store_ns(s);

	for (int i = 0; i < 1200; i++) {
		HSA(hsa_queue_destroy(queue()));
		new_signal(1); /* so that the next queue's doorbell signal is another */
	}
	printf("signal store: %.1f ns, after 1200 queues %.1f ns\n", before, store_ns(s));
}

static int by_value(const void *a, const void *b)
{
	return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b);
}

static void bell(void)
{
	enum { N = 60000 };
	static double ns[N];
	hsa_queue_t *q = queue();
	double sum = 0;

	for (int i = 0; i < N; i++) {
		uint64_t index = hsa_queue_add_write_index_relaxed(q, 1);
		struct timespec a, b;

		while (index - hsa_queue_load_read_index_relaxed(q) >= q->size)
			;
		publish(q, index, 0);
		clock_gettime(CLOCK_MONOTONIC, &a);
		hsa_signal_store_screlease(q->doorbell_signal, (hsa_signal_value_t)index);
		clock_gettime(CLOCK_MONOTONIC, &b);
		ns[i] = (double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec);
		sum += ns[i];
	}
	qsort(ns, N, sizeof(ns[0]), by_value);
	printf("doorbell store: mean %.0f ns, median %.0f ns, p99 %.0f ns, p99.9 %.0f ns\n", sum / N, ns[N / 2],
	       ns[N / 100 * 99], ns[N / 1000 * 999]);
}

static void again(void)
{
	hsa_signal_t done;
	void *p;

	HSA(hsa_queue_destroy(queue()));
	HSA(hsa_shut_down());
	start();
	queue();
	HSA(hsa_amd_memory_pool_allocate(vram, 4096, 0, &p));
	done = new_signal(1);
	printf("address %p\n", (void *)((char *)p + (1ull << 40)));
	fflush(stdout);
	HSA(hsa_amd_memory_async_copy((char *)p + (1ull << 40), gpu, p, gpu, 4096, 0, NULL, done));
	wait_for(done);
}

static void lost(void)
{
	hsa_queue_t *q = queue();

	publish(q, hsa_queue_add_write_index_relaxed(q, 1), 0x123456000);
	printf("address 0x123456000\n");
	fflush(stdout);
	hsa_signal_store_screlease(q->doorbell_signal, 0);
	sleep(20);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} modes[] = {{"late", late}, {"direct", direct}, {"many", many}, {"bell", bell}, {"again", again}, {"lost", lost}};

	start();
	for (size_t i = 0; argc == 2 && i < sizeof(modes) / sizeof(modes[0]); i++)
		if (!strcmp(argv[1], modes[i].name)) {
			modes[i].run();
			puts("done");
			return 0;
		}
	fprintf(stderr, "usage: hsa-queues late|direct|many|bell|again|lost\n");
	return 2;
}
