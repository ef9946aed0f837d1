// SPDX-License-Identifier: MIT
/*
 * A queue in front of the device's: the application fills a ring of ours, and what is in it goes on
 * to the device's ring, where one packet may have become two.
 *
 * Not ROCr's interception queue: that of 5.2.3 stops the process at its second packet that finds
 * the device's ring full (intercept_queue.cpp: "overflow buffer not empty"), and a computation on
 * the host fills rings. Here a packet that finds no room stays where it is, and its slot is not
 * given back: the application sees a full queue, as it would of a slow device.
 *
 * Packets are taken in the application's doorbell, in its thread; where the device's ring was full,
 * by a thread of ours until it no longer is.
 */
#include "steer.h"

#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { PAUSE_NS = 50000, MOST = 2 /* packets that one becomes */ };

struct front {
	hsa_queue_t *back; /* the device's */
	hsa_signal_t bell; /* the application's doorbell */
	uint64_t next;	   /* packet of the application's ring that is next */
	uint64_t filled;   /* of the device's ring; only this fills it */
	int lock;
	uint32_t backlog;  /* a futex: packets wait for room */
	int stop, running; /* atomic */
	struct queue *q;
	uint64_t *of; /* for each slot of the device's ring: the application's packet, atomic */
	uint32_t of_size;
	struct front *other; /* among those that are not used: never freed, for who still looks */
};
static struct front *unused;
static int unused_lock;

/* ---- packets ---- */

static bool has_room(const struct front *f)
{
	const uint64_t read = agent.core.hsa_queue_load_read_index_scacquire_fn(f->back);

	return f->back->size - (f->filled - read) >= MOST &&
	       (!f->q->host || host_has_room(f->q->host));
}

/* The header and what follows it last. */
static void put(struct front *f, const hsa_kernel_dispatch_packet_t *p)
{
	uint8_t *slot = (uint8_t *)f->back->base_address + (f->filled & (f->back->size - 1)) * 64;
	uint32_t first;

	__atomic_store_n(&f->of[f->filled % f->of_size], f->next, __ATOMIC_RELAXED);
	memcpy(&first, p, sizeof(first));
	memcpy(slot + sizeof(first), (const uint8_t *)p + sizeof(first), 64 - sizeof(first));
	__atomic_store_n((uint32_t *)(void *)slot, first, __ATOMIC_RELEASE);
	__atomic_store_n(&f->filled, f->filled + 1, __ATOMIC_RELEASE);
}

static uint64_t take_one(struct thread *t, struct queue *q, struct front *f, uint8_t *slot)
{
	hsa_kernel_dispatch_packet_t p, out[MOST];
	unsigned int n;

	memcpy(&p, slot, sizeof(p));
	if (unlikely(!t)) { /* nothing can be recorded, or decided, of this thread's: as it is */
		put(f, &p);
		return 1;
	}
	packets_record(t, q, f->next, &p);
	n = steer_packets(t, q, f->next, &p, out);
	for (unsigned int i = 0; i < n; i++)
		put(f, &out[i]);
	return n;
}

/* All that can go. Returns whether something had to stay for want of room. */
static bool pump(struct thread *t, struct front *f)
{
	struct queue *q = f->q;
	const uint64_t filled = f->filled,
		       end = agent.core.hsa_queue_load_write_index_scacquire_fn(q->q);
	bool full = false;

	while ((int64_t)(end - f->next) > 0) {
		uint8_t *slot = (uint8_t *)(uintptr_t)q->base + (f->next & (q->size - 1)) * 64;
		uint16_t *header = (uint16_t *)(void *)slot;

		if ((__atomic_load_n(header, __ATOMIC_ACQUIRE) & 0xff) == HSA_PACKET_TYPE_INVALID)
			break; /* its producer has not finished, and will ring */
		full = !has_room(f);
		if (full)
			break;
		take_one(t, q, f, slot);
		__atomic_store_n(header, HSA_PACKET_TYPE_INVALID, __ATOMIC_RELAXED);
		__atomic_store_n(&f->next, f->next + 1, __ATOMIC_RELEASE);
		__atomic_store_n(&q->next, f->next, __ATOMIC_RELEASE);
	}
	if (f->filled == filled)
		return full;
	agent.core.hsa_queue_store_write_index_screlease_fn(f->back, f->filled);
	agent.core.hsa_signal_store_screlease_fn(f->back->doorbell_signal,
						 (hsa_signal_value_t)(f->filled - 1));
	agent.core.hsa_queue_store_read_index_screlease_fn(q->q, f->next);
	return full;
}

void front_doorbell(struct thread *t, struct front *f)
{
	bool full;

	spin_lock_yielding(&f->lock);
	full = pump(t, f);
	spin_unlock(&f->lock);
	if (full && !__atomic_exchange_n(&f->backlog, 1, __ATOMIC_ACQ_REL))
		syscall(SYS_futex, &f->backlog, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

/* ---- the thread ---- */

static void *work(void *arg)
{
	const struct timespec pause = {.tv_nsec = PAUSE_NS};
	struct front *f = arg;

	prctl(PR_SET_NAME, "rdna1-front");
	while (!__atomic_load_n(&f->stop, __ATOMIC_ACQUIRE)) {
		struct thread *t;

		if (!__atomic_exchange_n(&f->backlog, 0, __ATOMIC_ACQ_REL)) {
			syscall(SYS_futex, &f->backlog, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
			continue;
		}
		nanosleep(&pause, NULL);
		t = agent_enter();
		spin_lock_yielding(&f->lock);
		if (!__atomic_load_n(&f->stop, __ATOMIC_ACQUIRE) && pump(t, f))
			__atomic_store_n(&f->backlog, 1, __ATOMIC_RELEASE);
		spin_unlock(&f->lock);
		if (t)
			agent_leave(t);
	}
	__atomic_store_n(&f->running, 0, __ATOMIC_RELEASE);
	return NULL;
}

/* ---- made, gone ---- */

static hsa_status_t take_region(hsa_region_t region, void *data)
{
	hsa_region_segment_t segment = HSA_REGION_SEGMENT_PRIVATE;
	uint32_t flags = 0;
	bool allowed = false;
	hsa_region_t *out = data;

	agent.core.hsa_region_get_info_fn(region, HSA_REGION_INFO_SEGMENT, &segment);
	agent.core.hsa_region_get_info_fn(region, HSA_REGION_INFO_GLOBAL_FLAGS, &flags);
	agent.core.hsa_region_get_info_fn(region, HSA_REGION_INFO_RUNTIME_ALLOC_ALLOWED, &allowed);
	if (segment == HSA_REGION_SEGMENT_GLOBAL && allowed &&
	    (flags & HSA_REGION_GLOBAL_FLAG_FINE_GRAINED))
		*out = region;
	return HSA_STATUS_SUCCESS;
}

static hsa_status_t take_cpu(hsa_agent_t on, void *data)
{
	hsa_device_type_t type = HSA_DEVICE_TYPE_GPU;
	hsa_region_t *out = data;

	agent.core.hsa_agent_get_info_fn(on, HSA_AGENT_INFO_DEVICE, &type);
	if (type == HSA_DEVICE_TYPE_CPU && !out->handle)
		agent.core.hsa_agent_iterate_regions_fn(on, take_region, out);
	return HSA_STATUS_SUCCESS;
}

static hsa_status_t make_ring(struct front *f, hsa_queue_t **queue)
{
	hsa_region_t region = {0};
	hsa_status_t status;

	agent.core.hsa_iterate_agents_fn(take_cpu, &region);
	status = agent.core.hsa_signal_create_fn(0, 0, NULL, &f->bell);
	if (status)
		return status;
	status = agent.core.hsa_soft_queue_create_fn(region, f->back->size, f->back->type,
						     f->back->features, f->bell, queue);
	if (status)
		agent.core.hsa_signal_destroy_fn(f->bell);
	return status;
}

static struct front *take_unused(uint32_t size)
{
	struct front *f;

	spin_lock(&unused_lock);
	f = unused;
	if (f)
		unused = f->other;
	spin_unlock(&unused_lock);
	f = f ? f : calloc(1, sizeof(*f));
	/* One that is too small stays where it is: somebody may look at it. */
	if (f && f->of_size < size) {
		f->of = calloc(size, sizeof(*f->of));
		f->of_size = f->of ? size : 0;
	}
	return f;
}

static void give_unused(struct front *f)
{
	spin_lock(&unused_lock);
	f->other = unused;
	unused = f;
	spin_unlock(&unused_lock);
}

struct front *front_new(hsa_queue_t *back, hsa_queue_t **queue)
{
	struct front *f = take_unused(back->size);

	if (!f)
		return NULL;
	f->back = back;
	f->filled = agent.core.hsa_queue_load_write_index_relaxed_fn(back);
	f->stop = 0;
	f->backlog = 0;
	f->q = NULL;
	f->running = 1;
	if (f->of && !make_ring(f, queue)) {
		if (!thread_start(work, f))
			return f;
		agent.core.hsa_queue_destroy_fn(*queue);
		agent.core.hsa_signal_destroy_fn(f->bell);
		*queue = back;
	}
	f->running = 0;
	give_unused(f);
	return NULL;
}

void front_open(struct front *f, struct queue *q)
{
	f->next = q->next;
	f->q = q;
}

hsa_queue_t *front_back(const struct front *f)
{
	return f->back;
}

void front_stop(struct front *f)
{
	const struct timespec ms = {.tv_nsec = 1000000};

	__atomic_store_n(&f->stop, 1, __ATOMIC_RELEASE);
	while (__atomic_load_n(&f->running, __ATOMIC_ACQUIRE)) {
		__atomic_store_n(&f->backlog, 1, __ATOMIC_RELEASE);
		syscall(SYS_futex, &f->backlog, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
		nanosleep(&ms, NULL);
	}
}

void front_free(struct front *f)
{
	agent.core.hsa_signal_destroy_fn(f->bell);
	give_unused(f);
}

/*
 * What the device is at: the application's packet whose packets in its ring are not all taken. Read
 * from memory, for the queue may be gone.
 */
bool front_read_index(const struct front *f, uint64_t *read)
{
	const uint64_t next = __atomic_load_n(&f->next, __ATOMIC_ACQUIRE);
	uint64_t at;

	if (agent_peek(addr_of(f->back) + AMD_QUEUE_READ_DISPATCH_ID, &at, sizeof(at)) !=
	    sizeof(at))
		return false;
	*read = (int64_t)(__atomic_load_n(&f->filled, __ATOMIC_ACQUIRE) - at) > 0
			? __atomic_load_n(&f->of[at % f->of_size], __ATOMIC_RELAXED)
			: next;
	return true;
}

bool front_took(const struct front *f, uint64_t index)
{
	return (int64_t)(__atomic_load_n(&f->next, __ATOMIC_ACQUIRE) - index) > 0;
}
