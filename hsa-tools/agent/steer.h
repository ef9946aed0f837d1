/* SPDX-License-Identifier: MIT */
/*
 * Dispatches that go elsewhere: to another kernel, by rewriting the packet before the device has
 * it, or to the host, between two barrier packets.
 *
 * What becomes of a kernel is decided once, when its code is made ready. A dispatch then costs its
 * arguments' reading. One packet for one packet is done in the ring, under the queue's own lock and
 * before the doorbell is passed on; where a dispatch may become two packets, the application is
 * given a queue of ours from the beginning, in front of the device's.
 */
#ifndef RDNA1_AGENT_STEER_H
#define RDNA1_AGENT_STEER_H

#include "code.h"
#include "queue.h"
#include "../conv/conv.h"

enum {
	STEER_NAME = 1024
}; /* bytes of a kernel's name, its end included; Tensile's are beyond 255 */

/* What happens to a kernel's dispatches. Never changes, never freed: packets are read without a
 * lock. */
struct steer {
	uint16_t action;		  /* enum ev_steer_action: file, native or host */
	const struct conv_family *family; /* native, host */
	uint64_t from_object, to_object;
	uint64_t native[CONV_FP16 + 1];		   /* ours, by type; 0: none */
	uint32_t from_group, to_group, to_private; /* fixed parts, bytes */
	uint32_t max_workgroup;			   /* work-items that the other kernel takes */
	uint16_t workgroup[3];			   /* that it requires; 0: any */
	uint32_t num_problems; /* only dispatches that compute one of these; 0: all */
	char problems[][160];
};

/* Read what is wanted; false: nothing is, and nothing below is called. */
bool steer_start(struct thread *t);

/* Before the kernels of a frozen code object are walked through: load what will be needed. */
void steer_ready(struct thread *t, hsa_agent_t on, const struct kernel_metas *metas,
		 const struct code *object);
/* A kernel of it. NULL: it stays as it is. */
const struct steer *steer_kernel(struct thread *t, hsa_agent_t on, uint64_t object,
				 const char *name, const uint8_t *sha256, uint32_t kernarg_bytes,
				 uint32_t group_bytes, const struct kernel_meta *meta);

bool steer_alike(const struct steer *a, const struct steer *b);

/* Before queues are made: whether a dispatch may become two packets. */
bool steer_needs_front(void);
void steer_queue(struct thread *t, struct queue *q); /* made */
/* Before it is destroyed: waits for what computes. NULL, or what to give host_free after it. */
struct host *steer_queue_stop(struct queue *q);

/* The dispatch at index, which was recorded, in its slot: the device does not have it yet. */
void steer_in_place(struct thread *t, struct queue *q, uint64_t index,
		    const hsa_kernel_dispatch_packet_t *p, uint8_t *slot);
/* The same for a queue of ours: what is to be written instead of p. Returns 1 or 2 packets. */
unsigned int steer_packets(struct thread *t, struct queue *q, uint64_t index,
			   const hsa_kernel_dispatch_packet_t *p,
			   hsa_kernel_dispatch_packet_t out[2]);

/* front.c: a queue of ours in front of one of the device's. */
struct front;
struct front *front_new(hsa_queue_t *back, hsa_queue_t **queue); /* NULL: it cannot be */
void front_open(struct front *f, struct queue *q); /* from now on its doorbell is heard */
void front_doorbell(struct thread *t, struct front *f);
hsa_queue_t *front_back(const struct front *f);
/* What of the application's packets the device has not taken yet is the first of; false: it cannot
 * be read. */
bool front_read_index(const struct front *f, uint64_t *read);
/* Whether the packet is in the device's ring, or was. */
bool front_took(const struct front *f, uint64_t index);
void front_stop(struct front *f); /* before the device's is destroyed */
void front_free(struct front *f); /* after both are */

/* host.c: dispatches that the host computes, in the order of their queue. */
struct host;
struct host *host_new(struct thread *t, struct queue *q); /* NULL without memory or thread */
/* *out: the packets that hold the queue until it is done. */
enum ev_steer_passed host_push(struct thread *t, struct host *h, uint64_t index,
			       const struct conv_problem *problem,
			       const hsa_kernel_dispatch_packet_t *p,
			       hsa_barrier_and_packet_t out[2]);
/* False: the thread is stuck, and what it uses must stay. */
bool host_stop(struct host *h);
void host_free(struct host *h);
/* The process ends: what is being computed is waited for, and nothing more is. */
void host_exit(struct host *h);
/* For one more. Without, what would be computed has to wait in its queue. */
bool host_has_room(const struct host *h);
/* It computes: the device waits for that. */
bool host_busy(const struct host *h);

void steer_exit(void); /* the process ends: nothing more is computed */
void steer_forget(void);

#endif
