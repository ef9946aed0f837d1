/* SPDX-License-Identifier: MIT */
/* Events of an agent's, for traces made by hand. */
#ifndef RDNA1_TESTS_SYNTHETIC_AGENT_H
#define RDNA1_TESTS_SYNTHETIC_AGENT_H

#include "synthetic.h"

#define FIXED(s, name, tid, ts, ...)                                                                 \
	do {                                                                                          \
		struct ev_##name x_ = {__VA_ARGS__};                                                  \
                                                                                                     \
		stream__write(s, EV_##name, &x_, sizeof(x_), tid, ts);                                \
	} while (0)

/* Fixed part, then texts and bytes in order: up to three, each with its length; text ones are >= 0 long. */
struct tail {
	const void *data;
	size_t len;
	bool text;
};

static inline void put(enum ev_id id, const void *fixed, size_t size, uint32_t tid, uint64_t ts, const struct tail *tails,
		size_t n)
{
	size_t all = size;
	uint8_t *at;

	for (size_t i = 0; i < n; i++)
		all += tails[i].text ? (tails[i].len ? tails[i].len : 1) + 1 : 2 + tails[i].len;
	at = stream__reserve(&a, id, all, tid, ts);
	memcpy(at, fixed, size);
	at += size;
	for (size_t i = 0; i < n; i++)
		at = tails[i].text ? stream__put_text(at, tails[i].data, tails[i].len)
				   : stream__put_bytes(at, tails[i].data, (uint16_t)tails[i].len);
	stream__commit(&a);
}

#define TEXT_OF(s) {s, strlen(s), true}

static inline void put_start(void)
{
	struct ev_agent_start x = {0};

	put(EV_agent_start, &x, sizeof(x), 1, 1, (struct tail[]){TEXT_OF("/bin/app"), TEXT_OF("-")}, 2);
}

static inline void put_module(uint64_t base, const char *path)
{
	struct ev_module x = {.base = base, .size_bytes = 0x10000};

	put(EV_module, &x, sizeof(x), 1, 2, (struct tail[]){TEXT_OF(path)}, 1);
}

static inline void put_device(uint64_t handle)
{
	struct ev_hsa_agent x = {.agent = handle, .type = 1};

	put(EV_hsa_agent, &x, sizeof(x), 1, 2, (struct tail[]){TEXT_OF("gfx1010"), TEXT_OF("RX 5600 XT")}, 2);
}

static inline void put_symbol(uint64_t object, const char *name)
{
	struct ev_kernel_symbol x = {.kernel_object = object};

	put(EV_kernel_symbol, &x, sizeof(x), 1, 3, (struct tail[]){TEXT_OF(name)}, 1);
}

static inline void put_dispatch(uint64_t queue, uint64_t index, uint64_t object, const uint64_t *args, size_t num_args,
			 const struct ev_pointer *pointers, size_t num_pointers, uint32_t tid, uint64_t ts)
{
	struct ev_dispatch x = {.queue_id = queue, .index = index};
	uint8_t packet[64] = {0};

	memcpy(packet + 32, &object, 8);
	put(EV_dispatch, &x, sizeof(x), tid, ts,
	    (struct tail[]){{packet, sizeof(packet), false},
			    {args, num_args * sizeof(*args), false},
			    {pointers, num_pointers * sizeof(*pointers), false}},
	    3);
}

static inline void put_range(enum ev_range_op op, uint64_t id, const char *name, uint32_t tid, uint64_t ts)
{
	struct ev_range x = {.op = (uint8_t)op, .id = id};

	put(EV_range, &x, sizeof(x), tid, ts, (struct tail[]){TEXT_OF(name)}, 1);
}

#endif
