// SPDX-License-Identifier: MIT
/*
 * Packets as the agent records them, on tables of our own: where kernel arguments point at that moment, what of
 * them could be read, and what of a queue could not.
 */
#include "trace_dir.h"
#include "../../hsa-tools/agent/code.h"
#include "../../hsa-tools/agent/queue.h"
#include "../../usr/trace/reader.h"

#include <sys/mman.h>
#include <unistd.h>

enum { RING = 8 };

static char *dir;
static struct thread *t;
static struct queue q;
static hsa_queue_t hq;
static hsa_kernel_dispatch_packet_t ring[RING];
static uint64_t read_index;

/* ---- a runtime that has what is asked for here ---- */

static struct kernel {
	const char *name;
	uint64_t object;
	uint32_t kernarg_bytes;
} kernels[4];
static uint32_t num_kernels;

static hsa_status_t symbols(hsa_executable_t e, hsa_agent_t on,
			    hsa_status_t (*fn)(hsa_executable_t, hsa_agent_t, hsa_executable_symbol_t, void *),
			    void *data)
{
	for (uint64_t i = 0; i < num_kernels; i++)
		fn(e, on, (hsa_executable_symbol_t){i}, data);
	return HSA_STATUS_SUCCESS;
}

static hsa_status_t symbol_info(hsa_executable_symbol_t s, hsa_executable_symbol_info_t what, void *value)
{
	const struct kernel *k = &kernels[s.handle];
	uint32_t number = 0;

	switch (what) {
	case HSA_EXECUTABLE_SYMBOL_INFO_TYPE:
		memcpy(value, &(hsa_symbol_kind_t){HSA_SYMBOL_KIND_KERNEL}, sizeof(hsa_symbol_kind_t));
		return HSA_STATUS_SUCCESS;
	case HSA_EXECUTABLE_SYMBOL_INFO_NAME:
		memcpy(value, k->name, strlen(k->name));
		return HSA_STATUS_SUCCESS;
	case HSA_EXECUTABLE_SYMBOL_INFO_KERNEL_OBJECT:
		memcpy(value, &k->object, sizeof(k->object));
		return HSA_STATUS_SUCCESS;
	case HSA_EXECUTABLE_SYMBOL_INFO_NAME_LENGTH:
		number = (uint32_t)strlen(k->name);
		break;
	case HSA_EXECUTABLE_SYMBOL_INFO_KERNEL_KERNARG_SEGMENT_SIZE:
		number = k->kernarg_bytes;
		break;
	default:
		break;
	}
	memcpy(value, &number, sizeof(number));
	return HSA_STATUS_SUCCESS;
}

static uint64_t load_read_index(const hsa_queue_t *of)
{
	(void)of;
	return read_index;
}

/* A kernel whose metadata has these arguments; meta_bytes: the size it says, where the descriptor says 0. */
static void add_kernel(const char *name, uint64_t object, uint32_t bytes, uint32_t meta_bytes,
		       const struct ev_kernel_arg *args, uint32_t n)
{
	struct kernel_metas metas = {.n = 1, .v = calloc(1, sizeof(*metas.v))};
	struct kernel_walk walk = {.t = t, .executable = {1}, .on = {2}, .metas = &metas};

	kernels[0] = (struct kernel){name, object, bytes};
	num_kernels = 1;
	*metas.v = (struct kernel_meta){.symbol = strdup(name), .num_args = n};
	metas.v->k.kernarg_size = meta_bytes;
	metas.v->args = calloc(n, sizeof(*args));
	memcpy(metas.v->args, args, n * sizeof(*args));
	kernel_record_all(&walk);
	kernel_metas__free(&metas);
}

static void begin(void)
{
	int fd = t_trace_dir(&dir);

	CHECK_EQ(stream_proc__open(&agent.proc, fd, SOURCE_agent, "agent"), 0);
	close(fd);
	agent.recording = true;
	agent.core.hsa_executable_iterate_agent_symbols_fn = symbols;
	agent.core.hsa_executable_symbol_get_info_fn = symbol_info;
	agent.core.hsa_queue_load_read_index_scacquire_fn = load_read_index;
	CHECK(peek_init());
	map__clear();
	hq = (hsa_queue_t){.base_address = ring, .size = RING, .id = 7};
	q = (struct queue){.q = &hq, .base = (const uint8_t *)ring, .id = 7, .size = RING, .doorbell = 64};
	read_index = 0;
	memset(ring, 0, sizeof(ring));
	for (int i = 0; i < RING; i++)
		ring[i].header = HSA_PACKET_TYPE_INVALID;
	t = agent_enter();
	CHECK(t);
}

/* ---- what it wrote ---- */

struct seen {
	struct ev_dispatch e;
	uint16_t kernarg_len, num_pointers;
	uint8_t kernarg[512];
	struct ev_pointer pointers[80];
};
static struct seen seen[64];
static struct ev_queue_gap gaps[16];
static size_t num_seen, num_gaps, num_packets;

static void end(void)
{
	struct event ev;
	struct trace *trace;
	const uint8_t *data;
	char err[256];

	agent_leave(t);
	stream__close(&t->stream);
	stream_proc__close(&agent.proc);
	trace = trace__open(dir, err, sizeof(err));
	CHECK(trace);
	num_seen = num_gaps = num_packets = 0;
	while (trace__next(trace, &ev) > 0) {
		if (ev.desc->id == EV_dispatch) {
			struct seen *s = &seen[num_seen++];

			event__fixed(&ev, &s->e, sizeof(s->e));
			s->kernarg_len = (uint16_t)event__bytes(&ev, 1, &data);
			memcpy(s->kernarg, data, s->kernarg_len < 512 ? s->kernarg_len : 512);
			s->num_pointers = (uint16_t)(event__bytes(&ev, 2, &data) / sizeof(*s->pointers));
			memcpy(s->pointers, data, s->num_pointers * sizeof(*s->pointers));
		} else if (ev.desc->id == EV_queue_gap) {
			event__fixed(&ev, &gaps[num_gaps++], sizeof(*gaps));
		} else if (ev.desc->id == EV_packet) {
			num_packets++;
		}
	}
	trace__close(trace);
}

static hsa_kernel_dispatch_packet_t packet_of(uint64_t object, const void *kernarg)
{
	hsa_kernel_dispatch_packet_t p = {.header = HSA_PACKET_TYPE_KERNEL_DISPATCH, .grid_size_x = 64};

	p.kernel_object = object;
	p.kernarg_address = (void *)(uintptr_t)kernarg;
	return p;
}

static void dispatch(uint64_t object, const void *kernarg)
{
	hsa_kernel_dispatch_packet_t p = packet_of(object, kernarg);

	packets_record(t, &q, 0, &p);
}

static void add(uint64_t lo, uint64_t size, uint8_t kind, bool host)
{
	CHECK(map__add(&(struct map_range){.lo = lo, .size = size, .kind = kind, .host = host}));
}

static void take(uint64_t lo)
{
	struct map_range r;

	CHECK(map__remove(lo, 0, MEM_KIND_pool, 1000, &r));
}

static void check_pointer(const struct seen *s, unsigned int i, uint16_t at, uint8_t state, uint64_t base,
			  uint64_t size)
{
	CHECK_EQ(s->pointers[i].at, at);
	CHECK_EQ(s->pointers[i].state, state);
	CHECK_EQ(s->pointers[i].base, base);
	CHECK_EQ(s->pointers[i].size, size);
}

static const struct ev_kernel_arg five[] = {
	{.offset = 0, .size = 8, .kind = ARG_KIND_buffer},	  {.offset = 8, .size = 8, .kind = ARG_KIND_value},
	{.offset = 16, .size = 8, .kind = ARG_KIND_buffer},	  {.offset = 24, .size = 4, .kind = ARG_KIND_buffer},
	{.offset = 32, .size = 8, .kind = ARG_KIND_hidden_pointer}, {.offset = 40, .size = 8, .kind = ARG_KIND_lds},
	{.offset = 48, .size = 8, .kind = ARG_KIND_object},
};
#define NUM(x) (sizeof(x) / sizeof((x)[0]))

/* ---- tests ---- */

/* One pointer, against a map with two neighbours, a hole and one that was freed. */
static void test_states(void)
{
	static const struct {
		uint64_t value;
		uint8_t state;
		uint64_t base, size;
	} rows[] = {
		{0x100000, POINTER_STATE_inside, 0x100000, 0x1000},
		{0x100fff, POINTER_STATE_inside, 0x100000, 0x1000},
		{0x101000, POINTER_STATE_inside, 0x101000, 0x10}, /* the neighbour's first */
		{0x10100f, POINTER_STATE_inside, 0x101000, 0x10},
		{0x101010, POINTER_STATE_past_end, 0x101000, 0x10},
		{0x101010 + MAP_NEAR, POINTER_STATE_past_end, 0x101000, 0x10},
		{0x101011 + MAP_NEAR, POINTER_STATE_nothing, 0, 0},
		{0x0fffff, POINTER_STATE_nothing, 0, 0},
		{0x200000, POINTER_STATE_freed, 0x200000, 0x2000},
		{0x201fff, POINTER_STATE_freed, 0x200000, 0x2000},
		{0x202000, POINTER_STATE_nothing, 0, 0},
		{UINT64_MAX, POINTER_STATE_nothing, 0, 0},
		{1, POINTER_STATE_nothing, 0, 0},
	};
	uint64_t kernarg[7] = {0};

	begin();
	add_kernel("one.kd", 0x1000, 56, 56, five, 1);
	add(0x200000, 0x2000, MEM_KIND_pool, false);
	take(0x200000);
	add(0x100000, 0x1000, MEM_KIND_pool, false);
	add(0x101000, 0x10, MEM_KIND_lock, true);
	for (size_t i = 0; i < NUM(rows); i++) {
		kernarg[0] = rows[i].value;
		dispatch(0x1000, kernarg);
	}
	end();
	CHECK_EQ(num_seen, NUM(rows));
	for (size_t i = 0; i < num_seen; i++) {
		CHECK_EQ(seen[i].num_pointers, 1);
		check_pointer(&seen[i], 0, 0, rows[i].state, rows[i].base, rows[i].size);
		CHECK_EQ(seen[i].e.unread, 0);
	}
	CHECK_EQ(seen[2].pointers[0].kind, MEM_KIND_lock);
}

/* The thread remembers answers: not past a change. */
static void test_changes(void)
{
	const uint64_t kernarg[7] = {0x100010};

	begin();
	add_kernel("one.kd", 0x1000, 56, 56, five, 1);
	dispatch(0x1000, kernarg);
	add(0x100000, 0x1000, MEM_KIND_pool, false);
	dispatch(0x1000, kernarg);
	dispatch(0x1000, kernarg);
	take(0x100000);
	dispatch(0x1000, kernarg);
	add(0x100010, 0x40, MEM_KIND_pool, false);
	dispatch(0x1000, kernarg);
	take(0x100010);
	dispatch(0x1000, kernarg);
	end();
	CHECK_EQ(num_seen, 6);
	check_pointer(&seen[0], 0, 0, POINTER_STATE_nothing, 0, 0);
	check_pointer(&seen[1], 0, 0, POINTER_STATE_inside, 0x100000, 0x1000);
	check_pointer(&seen[2], 0, 0, POINTER_STATE_inside, 0x100000, 0x1000);
	check_pointer(&seen[3], 0, 0, POINTER_STATE_freed, 0x100000, 0x1000);
	check_pointer(&seen[4], 0, 0, POINTER_STATE_inside, 0x100010, 0x40);
	check_pointer(&seen[5], 0, 0, POINTER_STATE_freed, 0x100010, 0x40); /* the latest */
}

/* Which arguments are pointers is the metadata's to say; null ones are left out. */
static void test_arguments(void)
{
	uint64_t kernarg[7] = {0x100000, 0x100008, 0, 0x100018, 0x100020, 0x100028, 0x100030};

	begin();
	add_kernel("five.kd", 0x1000, 56, 56, five, NUM(five));
	add_kernel("late.kd", 0x2000, 0, 56, five, NUM(five)); /* as Tensile's: the descriptor says 0 */
	add(0x100000, 0x1000, MEM_KIND_pool, false);
	dispatch(0x1000, kernarg);
	kernarg[2] = 0x100ff8;
	dispatch(0x2000, kernarg);
	dispatch(0x3000, kernarg); /* of no code object that was seen */
	end();
	CHECK_EQ(num_seen, 3);
	CHECK_EQ(seen[0].num_pointers, 3);
	check_pointer(&seen[0], 0, 0, POINTER_STATE_inside, 0x100000, 0x1000);
	check_pointer(&seen[0], 1, 32, POINTER_STATE_inside, 0x100000, 0x1000);
	check_pointer(&seen[0], 2, 48, POINTER_STATE_inside, 0x100000, 0x1000);
	CHECK_EQ(seen[1].num_pointers, 4);
	check_pointer(&seen[1], 1, 16, POINTER_STATE_inside, 0x100000, 0x1000);
	CHECK_EQ(seen[1].kernarg_len, 56);
	CHECK(!memcmp(seen[1].kernarg, kernarg, sizeof(kernarg)));
	CHECK_EQ(seen[2].num_pointers, 0);
	CHECK_EQ(seen[2].kernarg_len, 0);
	CHECK_EQ(seen[2].e.unread, UINT16_MAX);
}

/* Arguments that end early, at any address: what is there is resolved, the rest counted and zero. */
static void test_unreadable(void)
{
	const long page = sysconf(_SC_PAGESIZE);
	uint8_t *map = mmap(NULL, 2 * (size_t)page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const uint64_t value = 0x100000;

	mprotect(map + page, (size_t)page, PROT_NONE);
	begin();
	add_kernel("five.kd", 0x1000, 56, 56, five, NUM(five));
	add(0x100000, 0x1000, MEM_KIND_pool, false);
	for (int have = 0; have <= 56; have++) {
		for (int i = 0; i < 7; i++)
			if (8 * i + 8 <= have)
				memcpy(map + page - have + 8 * i, &value, 8);
		dispatch(0x1000, map + page - have);
	}
	dispatch(0x1000, NULL);
	dispatch(0x1000, (void *)8);
	end();
	CHECK_EQ(num_seen, 59);
	for (int have = 0; have <= 56; have++) {
		CHECK_EQ(seen[have].e.unread, 56 - have);
		CHECK_EQ(seen[have].num_pointers, (have >= 8) + (have >= 24) + (have >= 40) + (have >= 56));
		for (int i = have; i < 56; i++)
			CHECK_EQ(seen[have].kernarg[i], 0);
	}
	CHECK_EQ(seen[57].e.unread, 56);
	CHECK_EQ(seen[58].e.unread, 56);
	munmap(map, 2 * (size_t)page);
}

/* Of memory that is known it is read where it lies: not past its end, and not where the process cannot. */
static void test_bounds(void)
{
	uint64_t kernarg[8] = {0x100000, 0, 0x100000, 0, 0x100000, 0, 0x100000, 0};

	begin();
	add_kernel("five.kd", 0x1000, 56, 56, five, NUM(five));
	add(0x100000, 0x1000, MEM_KIND_pool, false);
	add((uintptr_t)kernarg, 56, MEM_KIND_pool, true); /* just enough */
	dispatch(0x1000, kernarg);
	dispatch(0x1000, (uint8_t *)kernarg + 8); /* a word too little, but there is one */
	dispatch(0x1000, (uint8_t *)kernarg + 1);
	take((uintptr_t)kernarg);
	add((uintptr_t)kernarg, 4096, MEM_KIND_pool, false);
	dispatch(0x1000, kernarg);
	end();
	CHECK_EQ(num_seen, 4);
	for (int i = 0; i < 4; i++)
		CHECK_EQ(seen[i].e.unread, 0);
	CHECK_EQ(seen[0].num_pointers, 4);
	CHECK(!memcmp(seen[1].kernarg, (uint8_t *)kernarg + 8, 56));
	CHECK(!memcmp(seen[2].kernarg, (uint8_t *)kernarg + 1, 56));
	CHECK_EQ(seen[3].num_pointers, 4);
}

/* More pointers than are looked up, more arguments than an event has room for. */
static void test_many(void)
{
	static struct ev_kernel_arg args[100];
	static uint64_t kernarg[4096];

	for (uint16_t i = 0; i < 100; i++)
		args[i] = (struct ev_kernel_arg){.offset = (uint16_t)(8 * i), .size = 8, .kind = ARG_KIND_buffer};
	for (size_t i = 0; i < NUM(kernarg); i++)
		kernarg[i] = 0x100000 + i;
	begin();
	add_kernel("many.kd", 0x1000, 800, 800, args, 100);
	add_kernel("huge.kd", 0x2000, sizeof(kernarg), sizeof(kernarg), args, 1);
	add(0x100000, 0x100, MEM_KIND_pool, false);
	dispatch(0x1000, kernarg);
	dispatch(0x2000, kernarg);
	end();
	CHECK_EQ(num_seen, 2);
	CHECK_EQ(seen[0].num_pointers, 64);
	check_pointer(&seen[0], 63, 504, POINTER_STATE_inside, 0x100000, 0x100);
	CHECK_EQ(seen[1].kernarg_len, 16384);
	CHECK_EQ(seen[1].e.unread, sizeof(kernarg) - 16384);
	CHECK_EQ(seen[1].num_pointers, 1);
}

/* ---- the ring ---- */

static void put(uint64_t index, uint16_t type)
{
	ring[index % RING] = packet_of(0x1000, NULL);
	ring[index % RING].header = type;
}

static void check_gap(const struct ev_queue_gap *g, uint64_t first, uint64_t count)
{
	CHECK_EQ(g->queue_id, 7);
	CHECK_EQ(g->first, first);
	CHECK_EQ(g->count, count);
	CHECK_EQ(g->cause, GAP_consumed);
}

/* Once each, in order, also round the end; unfinished ones at the next doorbell; taken ones counted. */
static void test_ring(void)
{
	begin();
	for (uint64_t i = 0; i < 20; i++) {
		put(i, i % 4 == 3 ? HSA_PACKET_TYPE_BARRIER_AND : HSA_PACKET_TYPE_KERNEL_DISPATCH);
		packets_read(t, &q, i, i + 1, false);
		packets_read(t, &q, i + 1, i + 1, false); /* rung for twice */
		read_index = i + 1;
	}
	put(21, HSA_PACKET_TYPE_KERNEL_DISPATCH); /* 20 has no header yet */
	ring[20 % RING].header = HSA_PACKET_TYPE_INVALID;
	packets_read(t, &q, 20, 22, false);
	CHECK_EQ(q.next, 20);
	put(20, HSA_PACKET_TYPE_KERNEL_DISPATCH);
	packets_read(t, &q, 22, 22, false);
	CHECK_EQ(q.next, 22);
	/* 22 to 24 were taken by the device before anybody looked; 25 is there. */
	for (uint64_t i = 22; i < 25; i++)
		ring[i % RING].header = HSA_PACKET_TYPE_INVALID;
	read_index = 25;
	put(25, HSA_PACKET_TYPE_KERNEL_DISPATCH);
	packets_read(t, &q, 22, 26, false);
	CHECK_EQ(q.next, 26);
	end();
	CHECK_EQ(num_seen, 15 + 2 + 1);
	CHECK_EQ(num_packets, 5);
	CHECK_EQ(num_gaps, 1);
	check_gap(&gaps[0], 22, 3);
	CHECK_EQ(seen[15].e.index, 20);
	CHECK_EQ(seen[17].e.index, 25);
	CHECK_EQ(queue_dispatches_before(&q, q.next), 18);
}

int main(void)
{
	test_states();
	test_changes();
	test_arguments();
	test_unreadable();
	test_bounds();
	test_many();
	test_ring();
	END_TESTS;
}
