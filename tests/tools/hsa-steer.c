// SPDX-License-Identifier: MIT
/*
 * Packets in any order and number, of which some are to be replaced, some computed on the host and
 * the rest left alone; every signal and every result is looked at.
 *
 *   hsa-steer CODE.co THREADS PACKETS SEED [WORD...]
 *
 * CODE.co is tests/tools/steer.cl's, whose kernels set_wrong and naive_conv_* write garbage: run
 * without the agent's help it fails. Words: alone (each thread its own queue; else two more that all
 * share), destroy (queues are destroyed with packets in them, now and then), plain (nothing is to be
 * steered: only kernels that are right themselves), files (no convolutions).
 *
 * A thread works in rounds: it fills queues with operations, each with an output of its own, waits for
 * all and compares. An operation is one kernel; or three, where the second, a convolution, reads what the
 * first writes and the third what the second does; or a barrier that waits for the host or for a signal
 * of the thread's; or a vendor packet that waits for a value.
 */
#include "hsa_kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

enum {
	QUEUE_SIZE = 64,
	SHARED = 2,
	SLOTS = 96,	 /* operations of a round */
	ITEMS = 64,	 /* of a kernel that sets */
	IMAGE = 4 * 4 * 2, /* elements of a convolution's input; the output has as many */
	TIMEOUT_S = 240,
};

enum kernel_id { SET, SET_WRONG, COUNT, SUM, FORWARD, BACKWARD, NUM_KERNELS };
static const char *const names[NUM_KERNELS] = {"set.kd",
					       "set_wrong.kd",
					       "count.kd",
					       "sum.kd",
					       "naive_conv_fwd_nchw_fp32.kd",
					       "naive_conv_bwd_nchw_fp32.kd"};
static struct {
	uint64_t object;
	uint32_t kernarg, group, private;
} kernels[NUM_KERNELS];

static bool own_only, destroy_some, plain, files_only;
static hsa_queue_t *shared[SHARED];
static uint64_t packets_left;
static uint64_t counts[8]; /* atomic: of operations by kind */

/* ---- what a round leaves behind for comparison ---- */

enum op_kind { OP_SET, OP_REPLACED, OP_FORWARD, OP_BACKWARD, OP_BARRIER, OP_VALUE, NUM_OPS };

struct slot {
	uint32_t out[ITEMS];
	float x[IMAGE], y[IMAGE], w[2 * 2 * 9];
	float result;
	float pad[31];
	uint8_t kernarg[3][1024];
};

struct op {
	enum op_kind kind;
	uint32_t value;
	hsa_signal_t done; /* of its last packet; handle 0: none */
	bool timed;
};

struct worker {
	pthread_t thread;
	uint64_t seed;
	hsa_queue_t *own;
	struct slot *slots; /* in system memory */
	struct slot *vram;  /* convolutions' operands, sometimes */
	struct op ops[SLOTS];
	hsa_signal_t signals[SLOTS], gates[SLOTS], ends[SHARED + 1];
	uint64_t sent;
};

static void fail(const char *what, uint64_t got, uint64_t want)
{
	printf("FAILED: %s: %llu, not %llu\n", what, (unsigned long long)got, (unsigned long long)want);
	fflush(stdout);
	_exit(1);
}

static uint32_t any(struct worker *w, uint32_t n)
{
	w->seed ^= w->seed << 13;
	w->seed ^= w->seed >> 7;
	w->seed ^= w->seed << 17;
	return (uint32_t)(w->seed >> 32) % n;
}

/* ---- sending ---- */

/* Room for n packets, in one piece. */
static uint64_t reserve(struct worker *w, hsa_queue_t *q, uint32_t n)
{
	uint64_t index = hsa_queue_add_write_index_relaxed(q, n);
	time_t end = time(NULL) + TIMEOUT_S;

	while (index + n - hsa_queue_load_read_index_scacquire(q) > q->size)
		if (time(NULL) > end)
			fail("a queue that stays full, packet", hsa_queue_load_read_index_relaxed(q), index);
	w->sent += n;
	return index;
}

/* Packets in one piece; doorbells one by one, or for all at once. */
static void send(struct worker *w, hsa_queue_t *q, const hsa_kernel_dispatch_packet_t *p, uint32_t n)
{
	uint64_t index = reserve(w, q, n);
	const bool each = any(w, 2);

	/* The later ones first, now and then: only a header says that a packet is there. */
	if (!each && any(w, 2)) {
		for (uint32_t i = n; i--;)
			publish_at(q, index + i, &p[i]);
	} else {
		for (uint32_t i = 0; i < n; i++) {
			publish_at(q, index + i, &p[i]);
			if (each && i + 1 < n)
				ring(q, index + i);
		}
	}
	if (any(w, 4))
		ring(q, index + n - 1);
	else
		hsa_signal_store_relaxed(q->doorbell_signal, (hsa_signal_value_t)(index + n - 1));
}

static uint16_t header(struct worker *w, bool barrier)
{
	return (uint16_t)(HSA_PACKET_TYPE_KERNEL_DISPATCH | (barrier || any(w, 2)) << HSA_PACKET_HEADER_BARRIER |
			  HSA_FENCE_SCOPE_SYSTEM << HSA_PACKET_HEADER_SCACQUIRE_FENCE_SCOPE |
			  HSA_FENCE_SCOPE_SYSTEM << HSA_PACKET_HEADER_SCRELEASE_FENCE_SCOPE);
}

static hsa_kernel_dispatch_packet_t packet(struct worker *w, enum kernel_id id, void *kernarg, uint32_t items,
					   bool barrier)
{
	hsa_kernel_dispatch_packet_t p = dispatch_of(kernels[id].object, kernarg);

	p.header = header(w, barrier);
	p.grid_size_x = items;
	p.workgroup_size_x = (uint16_t)(items < 32 ? items : 32);
	p.group_segment_size = kernels[id].group;
	p.private_segment_size = kernels[id].private;
	return p;
}

static void *arguments(void *at, const void *data, size_t size)
{
	memset(at, 0, 1024);
	memcpy(at, data, size);
	return at;
}

/* A signal of the op's, for the last of its packets; or none. */
static void want_signal(struct worker *w, struct op *o, uint32_t i, hsa_kernel_dispatch_packet_t *p)
{
	o->done.handle = 0;
	if (any(w, 2))
		return;
	hsa_signal_store_relaxed(w->signals[i], 1);
	o->done = p->completion_signal = w->signals[i];
}

static void send_set(struct worker *w, hsa_queue_t *q, uint32_t i, bool replaced)
{
	struct slot *s = &w->slots[i];
	const struct {
		uint32_t *out;
		uint32_t value;
	} args = {s->out, w->ops[i].value};
	hsa_kernel_dispatch_packet_t p = packet(w, replaced ? SET_WRONG : SET,
						arguments(s->kernarg[0], &args, sizeof(args)), ITEMS, false);

	memset(s->out, 0, sizeof(s->out));
	want_signal(w, &w->ops[i], i, &p);
	send(w, q, &p, 1);
}

static float weight(uint32_t i)
{
	return (float)((int)(i % 5) - 2);
}

/* One image of two channels to two, 4x4, 3x3 filters, padded by 1; of integers, so that any order of sums is exact. */
struct conv_args {
	const void *in, *wei, *out;
	int hi, wi, n, k, c, ho, wo, sy, sx, dy, dx, py, px, fy, fx, group;
};

static void send_conv(struct worker *w, hsa_queue_t *q, uint32_t i, bool backward)
{
	struct slot *s = &w->slots[i], *m = any(w, 3) ? s : &w->vram[i];
	float *from = backward ? m->y : m->x, *to = backward ? m->x : m->y;
	const struct {
		float *x;
		float first;
	} fill = {from, (float)(w->ops[i].value % 100)};
	const struct conv_args conv = {m->x, s->w, m->y, 4, 4, 1, 2, 2, 4, 4, 1, 1, 1, 1, 1, 1, 3, 3, 1};
	const struct {
		float *y;
		uint32_t n;
		float *out;
	} add = {to, IMAGE, &s->result};
	hsa_kernel_dispatch_packet_t p[3];

	s->result = 0;
	for (uint32_t n = 0; n < 36; n++)
		s->w[n] = weight(n + w->ops[i].value);
	p[0] = packet(w, COUNT, arguments(s->kernarg[0], &fill, sizeof(fill)), IMAGE, false);
	p[1] = packet(w, backward ? BACKWARD : FORWARD, arguments(s->kernarg[1], &conv, sizeof(conv)), 32, true);
	p[2] = packet(w, SUM, arguments(s->kernarg[2], &add, sizeof(add)), 1, true);
	want_signal(w, &w->ops[i], i, &p[2]);
	if (any(w, 2)) {
		send(w, q, p, 3);
		return;
	}
	for (int n = 0; n < 3; n++)
		send(w, q, &p[n], 1);
}

/* The gate opens at once or when the round is all sent: what is behind it waits. */
static void send_barrier(struct worker *w, hsa_queue_t *q, uint32_t i)
{
	hsa_barrier_and_packet_t p = {.header = (uint16_t)(HSA_PACKET_TYPE_BARRIER_AND |
							   any(w, 2) << HSA_PACKET_HEADER_BARRIER)};

	if (any(w, 2))
		p.header = (uint16_t)((p.header & ~0xff) | HSA_PACKET_TYPE_BARRIER_OR);
	hsa_signal_store_relaxed(w->gates[i], 1);
	p.dep_signal[any(w, 5)] = w->gates[i];
	want_signal(w, &w->ops[i], i, (hsa_kernel_dispatch_packet_t *)&p);
	send(w, q, (hsa_kernel_dispatch_packet_t *)&p, 1);
	hsa_signal_store_screlease(w->gates[i], 0);
}

static void send_value(struct worker *w, hsa_queue_t *q, uint32_t i)
{
	hsa_amd_barrier_value_packet_t p = {.header = {.header = HSA_PACKET_TYPE_VENDOR_SPECIFIC,
						       .AmdFormat = HSA_AMD_PACKET_TYPE_BARRIER_VALUE},
					    .signal = w->gates[i],
					    .value = 7,
					    .mask = 0xff,
					    .cond = HSA_SIGNAL_CONDITION_EQ};

	hsa_signal_store_relaxed(w->gates[i], 1);
	w->ops[i].done.handle = 0;
	send(w, q, (hsa_kernel_dispatch_packet_t *)&p, 1);
	hsa_signal_store_screlease(w->gates[i], 7);
}

/* ---- comparing ---- */

static uint32_t expected_sum(uint32_t value, bool backward)
{
	float x[2][4][4], y[2][4][4] = {0}, sum = 0;

	for (int i = 0; i < IMAGE; i++)
		x[i / 16][i / 4 % 4][i % 4] = (float)(value % 100) + (float)(i % 7);
	for (int a = 0; a < 2; a++)
		for (int b = 0; b < 2; b++)
			for (int h = 0; h < 4; h++)
				for (int v = 0; v < 4; v++)
					for (int f = 0; f < 9; f++) {
						int ih = h - 1 + f / 3, iv = v - 1 + f % 3;
						/* weights of output channel, input channel */
						float k = weight((uint32_t)(((a * 2) + b) * 9 + f) + value);

						if (ih < 0 || ih > 3 || iv < 0 || iv > 3)
							continue;
						if (backward)
							y[b][ih][iv] += x[a][h][v] * k;
						else
							y[a][h][v] += x[b][ih][iv] * k;
					}
	for (int i = 0; i < IMAGE; i++)
		sum += y[i / 16][i / 4 % 4][i % 4] * (float)(i % 5 + 1);
	memcpy(&value, &sum, sizeof(value));
	return value;
}

static void wait_for(hsa_signal_t s, const char *what)
{
	const time_t end = time(NULL) + TIMEOUT_S;

	while (hsa_signal_wait_scacquire(s, HSA_SIGNAL_CONDITION_LT, 1, 100000000, HSA_WAIT_STATE_BLOCKED) > 0)
		if (time(NULL) > end)
			fail(what, (uint64_t)hsa_signal_load_relaxed(s), 0);
}

static void compare(struct worker *w, uint32_t i)
{
	struct op *o = &w->ops[i];
	struct slot *s = &w->slots[i];
	hsa_amd_profiling_dispatch_time_t time = {0, 0};
	uint32_t got;

	if (o->done.handle) {
		wait_for(o->done, "a completion signal");
		if (hsa_signal_load_scacquire(o->done) != 0)
			fail("a completion signal", (uint64_t)hsa_signal_load_relaxed(o->done), 0);
	}
	if (o->kind <= OP_REPLACED) {
		for (uint32_t n = 0; n < ITEMS; n++)
			if (s->out[n] != o->value + n)
				fail(o->kind == OP_SET ? "an output" : "a replaced kernel's output", s->out[n],
				     o->value + n);
	} else if (o->kind <= OP_BACKWARD) {
		memcpy(&got, &s->result, sizeof(got));
		if (got != expected_sum(o->value, o->kind == OP_BACKWARD))
			fail(o->kind == OP_FORWARD ? "a forward convolution" : "a backward convolution", got,
			     expected_sum(o->value, o->kind == OP_BACKWARD));
	}
	if (o->done.handle && o->timed) {
		HSA(hsa_amd_profiling_get_dispatch_time(gpu, o->done, &time));
		if (!time.start || time.end < time.start)
			fail("times of a dispatch", time.end, time.start);
	}
	__atomic_fetch_add(&counts[o->kind], 1, __ATOMIC_RELAXED);
}

/* ---- rounds ---- */

static hsa_queue_t *new_queue(hsa_queue_type_t type)
{
	hsa_queue_t *q;

	HSA(hsa_queue_create(gpu, QUEUE_SIZE, type, NULL, NULL, UINT32_MAX, UINT32_MAX, &q));
	HSA(hsa_amd_profiling_set_profiler_enabled(q, 1));
	return q;
}

static hsa_queue_t *which(struct worker *w, uint32_t n)
{
	return n < SHARED && !own_only ? shared[n] : w->own;
}

static void one_op(struct worker *w, uint32_t i)
{
	static const enum op_kind kinds[] = {OP_SET,	  OP_SET,      OP_SET,	    OP_SET,	 OP_SET,
					     OP_SET,	  OP_SET,      OP_SET,	    OP_SET,	 OP_REPLACED,
					     OP_REPLACED, OP_REPLACED, OP_REPLACED, OP_REPLACED, OP_REPLACED,
					     OP_REPLACED, OP_FORWARD,  OP_BACKWARD, OP_BARRIER,	 OP_BARRIER};
	hsa_queue_t *q = which(w, any(w, SHARED + 1));
	struct op *o = &w->ops[i];

	o->kind = plain ? (any(w, 4) ? OP_SET : OP_BARRIER) : kinds[any(w, 20)];
	if (files_only && (o->kind == OP_FORWARD || o->kind == OP_BACKWARD))
		o->kind = OP_REPLACED;
	if (o->kind == OP_BARRIER && !any(w, 3))
		o->kind = OP_VALUE;
	o->value = any(w, 1u << 30);
	o->timed = o->kind <= OP_BACKWARD;
	switch (o->kind) {
	case OP_SET:
	case OP_REPLACED:
		send_set(w, q, i, o->kind == OP_REPLACED);
		break;
	case OP_FORWARD:
	case OP_BACKWARD:
		send_conv(w, q, i, o->kind == OP_BACKWARD);
		break;
	case OP_BARRIER:
		send_barrier(w, q, i);
		break;
	default:
		send_value(w, q, i);
	}
}

/* All that this thread sent has ended. */
static void finish(struct worker *w)
{
	for (uint32_t n = own_only ? SHARED : 0; n <= SHARED; n++) {
		hsa_barrier_and_packet_t p = {.header = HSA_PACKET_TYPE_BARRIER_AND |
							1 << HSA_PACKET_HEADER_BARRIER |
							HSA_FENCE_SCOPE_SYSTEM << HSA_PACKET_HEADER_SCRELEASE_FENCE_SCOPE,
					      .completion_signal = w->ends[n]};

		hsa_signal_store_relaxed(w->ends[n], 1);
		send(w, which(w, n), (hsa_kernel_dispatch_packet_t *)&p, 1);
	}
	for (uint32_t n = own_only ? SHARED : 0; n <= SHARED; n++)
		wait_for(w->ends[n], "the end of a round");
}

/* With packets in it, which may or may not run; what they write to is left alone until then. */
static void destroy_in_flight(struct worker *w)
{
	hsa_queue_t *q = w->own;
	struct slot *s = memory(sizeof(*s) * 8);

	for (uint32_t i = 0; i < 8; i++) {
		const struct conv_args conv = {s[i].x, s[i].w, s[i].y, 4, 4, 1, 2, 2, 4, 4, 1, 1, 1, 1, 1, 1, 3, 3, 1};
		const struct {
			uint32_t *out;
			uint32_t value;
		} set = {s[i].out, i};
		hsa_kernel_dispatch_packet_t p =
			any(w, 2) && !plain && !files_only
				? packet(w, FORWARD, arguments(s[i].kernarg[0], &conv, sizeof(conv)), 32, false)
				: packet(w, SET, arguments(s[i].kernarg[0], &set, sizeof(set)), ITEMS, false);

		send(w, q, &p, 1);
	}
	HSA(hsa_queue_destroy(q));
	HSA(hsa_amd_memory_pool_free(s));
	w->own = new_queue(HSA_QUEUE_TYPE_SINGLE);
}

static void *work(void *arg)
{
	struct worker *w = arg;

	while ((int64_t)__atomic_load_n(&packets_left, __ATOMIC_RELAXED) > 0) {
		const uint32_t n = 1 + any(w, SLOTS);

		w->sent = 0;
		for (uint32_t i = 0; i < n; i++)
			one_op(w, i);
		finish(w);
		for (uint32_t i = 0; i < n; i++)
			compare(w, i);
		__atomic_fetch_sub(&packets_left, w->sent, __ATOMIC_RELAXED);
		__atomic_fetch_add(&counts[NUM_OPS], w->sent, __ATOMIC_RELAXED);
		if (destroy_some && !any(w, 20))
			destroy_in_flight(w);
	}
	return NULL;
}

/* ---- start ---- */

static void load(const char *path)
{
	int fd = open(path, O_RDONLY);
	hsa_code_object_reader_t reader;
	hsa_executable_t executable;
	hsa_executable_symbol_t symbol;

	if (fd < 0) {
		printf("%s: %s\n", path, strerror(errno));
		exit(2);
	}
	HSA(hsa_code_object_reader_create_from_file(fd, &reader));
	HSA(hsa_executable_create_alt(HSA_PROFILE_FULL, HSA_DEFAULT_FLOAT_ROUNDING_MODE_DEFAULT, NULL, &executable));
	HSA(hsa_executable_load_agent_code_object(executable, gpu, reader, NULL, NULL));
	HSA(hsa_executable_freeze(executable, NULL));
	for (int i = 0; i < NUM_KERNELS; i++) {
		HSA(hsa_executable_get_symbol_by_name(executable, names[i], &gpu, &symbol));
		HSA(hsa_executable_symbol_get_info(symbol, HSA_EXECUTABLE_SYMBOL_INFO_KERNEL_OBJECT,
						   &kernels[i].object));
		HSA(hsa_executable_symbol_get_info(symbol, HSA_EXECUTABLE_SYMBOL_INFO_KERNEL_GROUP_SEGMENT_SIZE,
						   &kernels[i].group));
		HSA(hsa_executable_symbol_get_info(symbol, HSA_EXECUTABLE_SYMBOL_INFO_KERNEL_PRIVATE_SEGMENT_SIZE,
						   &kernels[i].private));
	}
	hsa_code_object_reader_destroy(reader);
	close(fd);
}

static void start(struct worker *w, uint64_t seed)
{
	w->seed = seed * 0x9e3779b97f4a7c15ull | 1;
	w->own = new_queue(HSA_QUEUE_TYPE_SINGLE);
	w->slots = memory(SLOTS * sizeof(*w->slots));
	HSA(hsa_amd_memory_pool_allocate(vram, SLOTS * sizeof(*w->vram), 0, (void **)&w->vram));
	for (uint32_t i = 0; i < SLOTS; i++) {
		w->signals[i] = new_signal(1);
		w->gates[i] = new_signal(1);
	}
	for (uint32_t i = 0; i <= SHARED; i++)
		w->ends[i] = new_signal(1);
}

int main(int argc, char **argv)
{
	static struct worker workers[16];
	unsigned int threads;

	if (argc < 5 || atoi(argv[2]) < 1 || atoi(argv[2]) > 16) {
		fprintf(stderr, "usage: hsa-steer CODE.co THREADS PACKETS SEED [alone] [destroy] [plain] [files]\n");
		return 2;
	}
	threads = (unsigned int)atoi(argv[2]);
	packets_left = strtoull(argv[3], NULL, 10);
	for (int i = 5; i < argc; i++) {
		own_only |= !strcmp(argv[i], "alone");
		destroy_some |= !strcmp(argv[i], "destroy");
		plain |= !strcmp(argv[i], "plain");
		files_only |= !strcmp(argv[i], "files");
	}
	start_hsa();
	HSA(hsa_amd_agent_iterate_memory_pools(gpu, take_vram_pool, NULL));
	load(argv[1]);
	for (int i = 0; i < SHARED && !own_only; i++)
		shared[i] = new_queue(HSA_QUEUE_TYPE_MULTI);
	for (unsigned int i = 0; i < threads; i++)
		start(&workers[i], strtoull(argv[4], NULL, 10) * 16 + i + 1);
	for (unsigned int i = 0; i < threads; i++)
		if (pthread_create(&workers[i].thread, NULL, work, &workers[i]))
			fail("a thread", i, threads);
	for (unsigned int i = 0; i < threads; i++)
		pthread_join(workers[i].thread, NULL);
	printf("%llu packets: %llu kernels as they are, %llu replaced, %llu forward, %llu backward, %llu barriers, "
	       "%llu values: all as expected\n",
	       (unsigned long long)counts[NUM_OPS], (unsigned long long)counts[OP_SET],
	       (unsigned long long)counts[OP_REPLACED], (unsigned long long)counts[OP_FORWARD],
	       (unsigned long long)counts[OP_BACKWARD], (unsigned long long)counts[OP_BARRIER],
	       (unsigned long long)counts[OP_VALUE]);
	return 0;
}
