/* SPDX-License-Identifier: MIT */
/*
 * The queues of the process, as the agent knows them. Shared by what reads their packets
 * (packets.c), times them (timing.c), watches them (watchdog.c) and gives evidence (evidence.c). An
 * entry is taken and given back under a lock and read without one: a reader that holds an old entry
 * sees `doorbell` change.
 */
#ifndef RDNA1_AGENT_QUEUE_H
#define RDNA1_AGENT_QUEUE_H

#include "agent.h"

enum {
	MAX_QUEUES = 1024, /* a power of two; KFD gives a process 255 */
	RECENT = 16,	   /* dispatches of a queue that evidence shows again */
	RECENT_KERNARG = 256,
	RECENT_POINTERS = 16,
};

/* amd_queue_t (amd_hsa_queue.h), whose first member an hsa_queue_t is. */
enum { AMD_QUEUE_WRITE_DISPATCH_ID = 56, AMD_QUEUE_READ_DISPATCH_ID = 128 };
/* amd_signal_t (amd_hsa_signal.h), which a signal's handle is the address of. */
enum { AMD_SIGNAL_VALUE = 8 };

/*
 * One of the last packets of a queue: a line of the cache, written at each doorbell. The rest
 * stands in the event, as long as the chunk it is in is mapped; in ring mode, where the trace may
 * lose it, also in a copy.
 */
struct recent {
	uint64_t index; /* atomic; of the packet, plus 1: 0 none, or being changed */
	uint64_t ts_ns;
	uint64_t signal;       /* that its end will change: the application's, ours, or 0 */
	int64_t signal_before; /* its value when the doorbell was rung; 1 where it could not be read
				*/
	uint64_t kernel_object, items; /* of a dispatch */
	const uint8_t *event;	       /* its payload, to be peeked at; NULL: it was lost */
	uint32_t first;		       /* 4 bytes of the packet: the header and what follows it */
	uint32_t pad;
};
_Static_assert(sizeof(struct recent) == 64, "one line");

/* An event's head and payload, cut. */
struct event_copy {
	uint8_t bytes[sizeof(struct ev_head) + 18 + 2 + 64 + 2 + RECENT_KERNARG + 2 +
		      RECENT_POINTERS * sizeof(struct ev_pointer)];
};

static inline unsigned int recent_type(const struct recent *r)
{
	return r->first & 0xff;
}

static inline bool recent_has_barrier_bit(const struct recent *r)
{
	return r->first >> HSA_PACKET_HEADER_BARRIER & 1;
}

/* What the watchdog has seen of a queue. Its own thread's. */
struct watch {
	uint64_t since_ns;  /* of the last progress */
	uint64_t bound_ns;  /* from then on */
	uint64_t looked_ns; /* when it was looked at last */
	uint64_t learned;   /* packets below it have been learned from */
	uint64_t read, write;
	uint64_t index;	      /* packet it stood at */
	uint64_t pending;     /* what else changes with progress */
	uint16_t state, said; /* enum ev_watch_state */
	uint64_t said_index;
	bool hung; /* said of this packet */
	bool told_unseen;
};

struct queue {
	/* A line of the cache: what a doorbell asks for. */
	uint64_t doorbell; /* atomic key: signal handle; 0 free */
	const uint8_t *base;
	uint32_t size;		  /* packets */
	uint8_t made_by, read_at; /* enum ev_queue_maker, ev_queue_read */
	bool timed;		  /* the device writes times into its signals */
	uint64_t id;
	uint64_t rung; /* atomic: the highest packet a doorbell was rung for, plus 1; see queue.c */
	uint64_t next; /* atomic: first packet nobody has read */
	struct recent *recent;	   /* RECENT; NULL without memory */
	struct event_copy *copies; /* the same number, in ring mode */

	hsa_queue_t *q;
	uint64_t agent;	      /* hsa_agent_t of the device it belongs to */
	uint64_t begin;	      /* next, when it was first seen */
	uint64_t others;      /* atomic: packets since then that were no dispatches, or not read */
	struct thread *first; /* atomic: with timing=, the first that rang */
	int shared;	      /* atomic: another one has */
	struct watch watch;

	bool steered;	     /* its dispatches may be rewritten in the ring */
	int steer_lock;	     /* who reads, rewrites and rings */
	uint64_t passed;     /* the highest packet whose doorbell was passed on, plus 1 */
	struct front *front; /* its packets go through it; NULL: it is the device's itself */
	struct host *host;   /* what the host computes for it; NULL: nothing */
} __attribute__((aligned(64)));
extern struct queue queues[MAX_QUEUES];
/* Removed, and there are entries behind it that a search must find. */
#define QUEUE_DELETED 1ull

/* Dispatches among the packets before this one, and after q->begin; about, while several threads
 * ring. */
static inline uint64_t queue_dispatches_before(const struct queue *q, uint64_t index)
{
	const uint64_t n = index - q->begin - __atomic_load_n(&q->others, __ATOMIC_RELAXED);

	return (int64_t)n < 0 ? 0 : n;
}

static inline bool queue_live(const struct queue *q)
{
	return __atomic_load_n(&q->doorbell, __ATOMIC_ACQUIRE) > QUEUE_DELETED;
}

/*
 * Packets up to `read`, which the device has taken, will not be read any more, if this still is the
 * queue of that doorbell. Returns the first of them; `read` when there is none.
 */
uint64_t queue_skip(struct queue *q, uint64_t doorbell, uint64_t read);

/* The indices of a queue that may no longer be there: from memory, never a fault. */
bool queue_peek(const struct queue *q, uint64_t *read, uint64_t *write);

/* recent.c: packet `index` if it is one of the last that were rung for. */
const struct recent *recent_at(const struct queue *q, uint64_t index);
/* The same, or what the ring has of it: *room then gets that, with nothing but packet and kernel.
 * NULL: it is not known. write: the queue's write index. */
const struct recent *recent_or_ring(const struct queue *q, uint64_t index, uint64_t write,
				    struct recent *room);
/* Whether its end was seen in its signal. */
enum ev_dispatch_done recent_done(const struct queue *q, const struct recent *r);
/* The 64 bytes that stand in its slot: of a packet that was taken all but the header. */
bool ring_peek(const struct queue *q, uint64_t index, void *packet);

/* packets.c: record what doorbells up to packet `end` made visible; for those up to `rung` one was
 * rung before. alone: no other thread has rung for q so far. */
void packets_read(struct thread *t, struct queue *q, uint64_t rung, uint64_t end, bool alone);
/* One packet that the intercept queue hands over: with timing= a signal of ours is put into it. */
void packets_record(struct thread *t, struct queue *q, uint64_t index,
		    hsa_kernel_dispatch_packet_t *packet);
/* Bytes at an address of the program's: how many could be read. */
size_t packets_kernarg(struct thread *t, uint64_t addr, uint8_t *out, size_t size);
void packets_gap(struct thread *t, const struct queue *q, uint64_t first, uint64_t count,
		 enum ev_gap_cause cause);

/*
 * timing.c: a dispatch is about to be rung for. slot: its packet in the ring, NULL when the device
 * may have it already. Returns the signal that its end will change, 0 without.
 */
uint64_t timing_dispatch(struct thread *t, struct queue *q, uint64_t index,
			 const hsa_kernel_dispatch_packet_t *p, hsa_kernel_dispatch_packet_t *slot);
void timing_queue(struct thread *t, struct queue *q); /* made */
void timing_queue_gone(struct thread *t, const struct queue *q);
void timing_sweep(struct thread *t);	/* read what has ended: now and then */
void timing_store(hsa_signal_t signal); /* a signal is about to be set */

/* watchdog.c: the dispatch that a queue with work in it stands at; NULL: none is known. */
const struct recent *watchdog_stand(const struct queue *q, struct recent *room);
void lesson_hang(const struct queue *q, const struct recent *at);

/* The value of a signal, also of one that is gone. False: not to be read. */
bool signal_peek(uint64_t handle, int64_t *value);

/* ROCr takes signals from blocks that it keeps: a page that could be read once can be read again.
 */
enum { SIGNAL_PAGES = 1024 };
extern uint64_t signal_pages[SIGNAL_PAGES]; /* atomic; the number, plus 1 */
int64_t signal_first_glance(uint64_t handle);

/* signal_peek for the doorbell path, of a signal in use; 1 where it cannot be read. */
static inline int64_t signal_glance(uint64_t handle)
{
	const uint64_t at = handle + AMD_SIGNAL_VALUE, page = at >> 12;

	if (likely(!(handle & 7) && __atomic_load_n(&signal_pages[page % SIGNAL_PAGES],
						    __ATOMIC_RELAXED) == page + 1))
		return __atomic_load_n((const int64_t *)(uintptr_t)at, __ATOMIC_RELAXED);
	return signal_first_glance(handle);
}

#endif
