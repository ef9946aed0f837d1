// SPDX-License-Identifier: MIT
/* What the model and the report make of what only the agent sees. */
#include "synthetic_agent.h"
#include "../../usr/report/text.h"

#include <signal.h>

#define LONG_NAME "Cijk_Ailk_Bljk_SB_MT32x32x8_SN_1LDSB0_APM1_ABV0_ACED0_AF0EM1_AF1EM1_AMAS3_ASE_ASAE01_WG16_16_1_WGM1"

static uint32_t pid;

/* usr/report/parts.h, of which other names mean something else here */
char *short_name(const char *name, unsigned int width);

/* ---- what is said ---- */

static char *report(const struct model *m, unsigned int width)
{
	struct text_options o = {.width = width, .dir = "trace"};
	struct buf b = {0}, flat = {0};

	report_text(m, NULL, &o, &b);
	/* Every blank is one space: breaks and columns are the layout's business. */
	for (const char *s = buf__str(&b); *s; s++) {
		bool blank = *s == ' ' || *s == '\n';

		if (!blank || (flat.len && flat.s[flat.len - 1] != ' '))
			buf__putc(&flat, blank ? ' ' : *s);
	}
	for (const char *line = buf__str(&b), *end; (end = strchr(line, '\n')); line = end + 1)
		CHECK((size_t)(end - line) <= width);
	buf__free(&b);
	return flat.s;
}

static void check_says(const char *text, const char *words, bool said, int line)
{
	t_checks++;
	if (!strstr(text, words) != said)
		return;
	t_failures++;
	printf("%s:%d: %s: %s\nin: %s\n", __FILE__, line, said ? "not said" : "said", words, text);
}
#define SAYS(text, words) check_says(text, words, true, __LINE__)
#define SAYS_NOT(text, words) check_says(text, words, false, __LINE__)

/* ---- memory ---- */

/* The short form is the same as the long one, by the id of its pool and of its place. */
static void test_pool_alloc_ok(void)
{
	struct model m;
	struct place p;
	char *text;

	begin();
	put_start();
	put_module(0x500000, "/usr/lib/libamdhip64.so.5");
	put_module(0x700000, "/opt/app/libconv.so");
	put_device(4);
	FIXED(&a, hsa_pool, 1, 5, .pool = 0x99, .agent = 4, .flags = 4, .id = 3);
	FIXED(&a, call_site, 1, 6, .id = 1, .addr = 0x700123, .caller = 0x500040, .searched = 1);
	FIXED(&a, call_site, 1, 7, .id = 2, .addr = 0x500050, .caller = 0x500050);
	put_bo(true, pid, 1, 0x10000, 0x4000, 9);
	FIXED(&a, pool_alloc_ok, 1, 10, .pool = 3, .site = 1, .size_bytes = 100, .va = 0x10000);
	FIXED(&a, pool_alloc_ok, 1, 11, .pool = 3, .site = 2, .size_bytes = 200, .va = 0x20000);
	FIXED(&a, pool_alloc_ok, 1, 12, .pool = 8, .site = 9, .size_bytes = 300, .va = 0x30000); /* ids unknown */
	FIXED(&a, pool_alloc, 1, 13, .status = 0x1008, .pool = 0x99, .size_bytes = 400);
	put_free(0x10000, 20);
	m = end();
	CHECK_EQ(m.allocs.n, 3);
	CHECK_EQ(m.allocs.v[0].pool, 0x99);
	CHECK_EQ(m.allocs.v[0].bo, 1);
	CHECK_EQ(m.allocs.v[0].end_ns, 20);
	CHECK_EQ(m.allocs.v[0].caller, 0x700123);
	CHECK(m.allocs.v[0].searched && !m.allocs.v[1].searched);
	CHECK_EQ(m.allocs.v[1].end_ns, 0);
	CHECK_EQ(m.allocs.v[2].pool, 0);
	CHECK_EQ(m.failed_allocs.n, 1);
	p = model__place(&m, pid, 0x10010, 30);
	CHECK(!p.inside && p.inside_freed == &m.allocs.v[0]);
	text = report(&m, 120);
	SAYS(text, "Allocated through HSA: 3, 600 bytes");
	SAYS(text, "0x10000 100 B libconv.so GPU coarse VRAM");
	SAYS(text, "0x20000 200 B HIP GPU coarse not seen");
	SAYS(text, " libconv.so+0x123 ");
	SAYS(text, " libamdhip64.so.5+0x50 ");
	SAYS_NOT(text, "Other memory");
	free(text);
	model__free(&m);
}

/* Memory of every kind: counted by kind, and where addresses are placed. */
static void test_kinds(void)
{
	struct model m;
	struct place p;
	char *text;

	begin();
	put_start();
	FIXED(&a, pool_alloc_ok, 1, 10, .size_bytes = 0x10000, .va = 0x100000);
	FIXED(&a, mem_alloc, 1, 11, .kind = MEM_KIND_lock, .size_bytes = 4096, .va = 0x200000, .host = 0x5000);
	FIXED(&a, mem_alloc, 1, 12, .kind = MEM_KIND_lock, .size_bytes = 8192, .va = 0x300000);
	FIXED(&a, mem_alloc, 1, 13, .kind = MEM_KIND_handle, .size_bytes = 1 << 20, .object = 0x77);
	FIXED(&a, mem_alloc, 1, 14, .kind = MEM_KIND_reserve, .size_bytes = 4 << 20, .va = 0x1000000);
	FIXED(&a, mem_alloc, 1, 15, .kind = MEM_KIND_map, .size_bytes = 1 << 20, .va = 0x1000000, .object = 0x77);
	FIXED(&a, mem_alloc, 1, 16, .kind = MEM_KIND_region, .size_bytes = 64, .va = 0x400000);
	FIXED(&a, mem_alloc, 1, 17, .kind = MEM_KIND_svm, .size_bytes = 4096, .va = 0x600000);
	FIXED(&a, mem_alloc, 1, 18, .kind = MEM_KIND_code, .size_bytes = 4096, .va = 0x100000); /* within the pool's */
	FIXED(&a, mem_alloc, 1, 19, .kind = MEM_KIND_ipc, .status = 0x1001, .size_bytes = 4096);
	FIXED(&a, mem_free, 1, 20, .kind = MEM_KIND_lock, .va = 0x300000);
	FIXED(&a, mem_free, 1, 21, .kind = MEM_KIND_handle, .object = 0x77);
	FIXED(&a, mem_free, 1, 22, .kind = MEM_KIND_queue, .va = 0x123); /* never seen */
	FIXED(&a, mem_free, 1, 23, .kind = MEM_KIND_region, .va = 0x400000);
	FIXED(&a, mem_live, 1, 24, .kind = MEM_KIND_lock, .size_bytes = 4096, .va = 0x200000, .age_ns = 13);
	FIXED(&a, mem_live, 1, 25, .kind = MEM_KIND_pool, .size_bytes = 32, .va = 0x800000, .age_ns = 20);
	FIXED(&a, mem_fault, 1, 30, .va = 0x200000);
	m = end();
	CHECK_EQ(m.allocs.n, 10); /* what was said again once more is not another */
	CHECK_EQ(m.failed_allocs.n, 1);
	CHECK(model__place(&m, pid, 0x200fff, 30).inside == &m.allocs.v[1]);
	p = model__place(&m, pid, 0x300000, 30);
	CHECK(!p.inside && p.inside_freed == &m.allocs.v[2]);
	CHECK_EQ(m.allocs.v[3].end_ns, 21);
	CHECK_EQ(model__place(&m, pid, 0x1000800, 30).inside->kind, MEM_KIND_map);
	CHECK_EQ(model__place(&m, pid, 0x1300000, 30).inside->kind, MEM_KIND_reserve);
	CHECK_EQ(model__place(&m, pid, 0x100800, 30).inside->kind, MEM_KIND_code);
	CHECK_EQ(model__place(&m, pid, 0x102000, 30).inside->kind, MEM_KIND_pool);
	CHECK_EQ(m.allocs.v[9].begin_ns, 5);
	text = report(&m, 80);
	SAYS(text, "Allocated through HSA: 3, 65632 bytes");
	SAYS(text, "Other memory of the GPU's: 7 ");
	SAYS(text, "locked host memory 2 12 KiB 8 KiB 1, 4 KiB");
	SAYS(text, "memory without an address 1 1 MiB 1 MiB 0 ");
	SAYS(text, "mapped to reserved addresses 1 1 MiB 1 MiB 1, 1 MiB");
	SAYS(text, "failed: 4 KiB (of another process), HSA_STATUS_ERROR_INVALID_ARGUMENT (0x1001)");
	SAYS(text, "in buffer 0x200000 (4096 bytes, locked host memory), 0 bytes into it");
	free(text);
	model__free(&m);
}

/* ---- dispatches ---- */

static void test_pointers(void)
{
	const struct ev_pointer pointers[] = {
		{.at = 0, .state = POINTER_STATE_inside, .kind = MEM_KIND_pool, .base = 0x10000, .size = 64},
		{.at = 8, .state = POINTER_STATE_freed, .kind = MEM_KIND_pool, .base = 0x20000, .size = 64},
		{.at = 24, .state = POINTER_STATE_nothing},
		{.at = 32, .state = POINTER_STATE_past_end, .kind = MEM_KIND_lock, .base = 0x30000, .size = 64},
		{.at = 40, .state = POINTER_STATE_busy},
	};
	const uint64_t args[] = {0x10000, 0x20010, 0, 0xdead0000, 0x30050, 0x40000};
	struct model m;
	char *text;

	begin();
	put_start();
	put_symbol(0xabc, "conv2d_direct");
	for (uint64_t i = 0; i < 3; i++)
		put_dispatch(1, i, 0xabc, args, 6, pointers, 5, 1, 100 + i);
	put_dispatch(1, 3, 0xdef, args, 6, pointers + 1, 1, 1, 110);
	put_dispatch(1, 4, 0xdef, args, 1, pointers + 1, 1, 1, 111); /* the argument itself was not copied */
	put_dispatch(1, 5, 0xdef, NULL, 0, NULL, 0, 1, 112);
	m = end();
	CHECK_EQ(m.dispatches.n, 6);
	CHECK_EQ(m.agent.bad_pointers.n, 4);
	CHECK_EQ(m.agent.not_asked, 3);
	text = report(&m, 160);
	SAYS(text, "Kernel arguments that point to no live memory: 4 ");
	SAYS(text, "conv2d_direct +8 0x20010 freed: 16 B into 64 B 0x20000 3 ");
	SAYS(text, "conv2d_direct +24 0xdead0000 nothing allocated - 3 ");
	SAYS(text, "conv2d_direct +32 0x30050 16 B past the end of 64 B, locked host memory 0x30000 3 ");
	SAYS(text, "0xdef +8 0x20010 freed: 16 B into 64 B 0x20000 2 ");
	SAYS_NOT(text, "+16");
	SAYS(text, "3 pointers of kernel arguments could not be looked up");
	free(text);
	text = report(&m, 80);
	SAYS(text, "conv2d_direct +8 0x20010 freed: 16 B into 64 B 3 ");
	SAYS(text, "conv2d_direct +32 0x30050 16 B past the end of ");
	free(text);
	model__free(&m);

	/* A long name gives way, at no row's cost. */
	begin();
	put_start();
	put_symbol(0xabc, LONG_NAME);
	put_dispatch(1, 0, 0xabc, args, 6, pointers + 1, 1, 1, 100);
	m = end();
	text = report(&m, 80);
	SAYS(text, "kernel argument pointer where it points count Cijk_Ailk_Bljk_");
	SAYS(text, "_WGM1 +8 0x20010 freed: 16 B into 64 B 1 ");
	SAYS_NOT(text, LONG_NAME);
	free(text);
	model__free(&m);
}

static void test_short_name(void)
{
	static const struct {
		const char *name;
		unsigned int width;
		const char *got;
	} cases[] = {{"conv2d_direct", 13, "conv2d_direct"},
		     {"conv2d_direct", 12, "conv2d_...ct"},
		     {"conv2d_direct", 5, "co..."},
		     {"conv2d_direct", 3, "con"},
		     {"conv2d_direct", 0, ""},
		     {"", 0, ""},
		     {"\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc", 8, "\u00fc\u00fc\u00fc\u00fc...\u00fc"},
		     {LONG_NAME, 32, "Cijk_Ailk_Bljk_SB_MT32..._1_WGM1"}};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *got = short_name(cases[i].name, cases[i].width);

		CHECK_STR(got, cases[i].got);
		free(got);
	}
}

static void test_times(void)
{
	static const uint64_t ticks[] = {50, 10, 90, 20, 30}; /* of 10 ns */
	struct model m;
	char *text;

	begin();
	put_start();
	put_symbol(0xabc, "k");
	FIXED(&a, dispatch_time, 1, 90, .queue_id = 1, .index = 0, .start = 1, .end = 2); /* no clock, no dispatch */
	FIXED(&a, hsa_clock, 1, 100, .ticks = 5, .frequency_hz = 100000000);
	for (uint64_t i = 0; i < 6; i++)
		put_dispatch(1, i, 0xabc, NULL, 0, NULL, 0, 1, 100 + i);
	for (uint64_t i = 0; i < 5; i++)
		FIXED(&a, dispatch_time, 1, 200 + i, .queue_id = 1, .index = i, .start = 1000, .end = 1000 + ticks[i],
		      .signal = TIMED_BY_agent);
	FIXED(&a, dispatch_time, 1, 300, .queue_id = 1, .index = 5, .start = 10, .end = 9); /* never written */
	m = end();
	CHECK_EQ(m.agent.device_times, 5);
	CHECK_EQ(m.dispatches.v[2].duration_ns, 900);
	CHECK_EQ(m.dispatches.v[5].duration_ns, 0);
	text = report(&m, 80);
	SAYS(text, "Kernels dispatched: 6 dispatches of 1 kernel kernel count time each min median max k 6 2.0us 400ns "
		   "100ns 300ns 900ns");
	free(text);
	model__free(&m);
}

static void test_code(void)
{
	struct ev_kernel_info k = {.kernel_object = 0xabc, .wavefront_size = 32, .sgprs = 18, .vgprs = 96, .vgpr_spills = 7};
	struct ev_code_object_info c = {.stored = CODE_STORED_large};
	const char sha[33] = "0123456789abcdef0123456789abcdef", other[33] = "another";
	struct model m;
	char *text;

	begin();
	put_start();
	put_symbol(0xabc, "k");
	put_symbol(0xdef, "without");
	put(EV_code_object_info, &c, sizeof(c), 1, 5,
	    (struct tail[]){{sha, 32, false}, TEXT_OF("amdgcn-amd-amdhsa--gfx1010"), TEXT_OF("AMD clang 14")}, 3);
	put(EV_code_object_info, &c, sizeof(c), 1, 6,
	    (struct tail[]){{other, 32, false}, TEXT_OF("amdgcn-amd-amdhsa--gfx1010"), TEXT_OF("AMD clang 14")}, 3);
	put(EV_kernel_info, &k, sizeof(k), 1, 7, (struct tail[]){{sha, 32, false}, {NULL, 0, false}}, 2);
	put_dispatch(1, 0, 0xabc, NULL, 0, NULL, 0, 1, 100);
	put_dispatch(1, 1, 0xdef, NULL, 0, NULL, 0, 1, 101);
	m = end();
	text = report(&m, 120);
	SAYS(text, "wave VGPRs SGPRs spills grid");
	SAYS(text, "k 1 - - 32 96 18 7 0x0x0");
	SAYS(text, "without 1 - - ? ? ? ? 0x0x0");
	SAYS(text, "from 1 code object for amdgcn-amd-amdhsa--gfx1010 by AMD clang 14");
	SAYS(text, "2 code objects above the size bound: not stored");
	free(text);
	model__free(&m);
}

static void test_queues(void)
{
	struct model m;
	char *text;

	begin();
	put_start();
	FIXED(&a, queue_create, 1, 5, .queue_id = 1, .made_by = QUEUE_MAKER_create, .read_at = QUEUE_READ_doorbell);
	FIXED(&a, queue_create, 1, 6, .queue_id = 2, .made_by = QUEUE_MAKER_runtime, .read_at = QUEUE_READ_not);
	FIXED(&a, queue_create, 1, 7, .queue_id = 3, .made_by = QUEUE_MAKER_soft, .read_at = QUEUE_READ_not);
	FIXED(&a, queue_set, 1, 8, .queue_id = 1, .what = QUEUE_SET_priority, .value = 2);
	FIXED(&a, queue_set, 1, 9, .queue_id = 1, .what = QUEUE_SET_cu_mask, .value = 0xff);
	FIXED(&a, queue_set, 1, 9, .queue_id = 1, .what = QUEUE_SET_profiling, .status = 1);
	FIXED(&a, queue_set, 1, 9, .queue_id = 1, .what = 77, .value = 1);
	FIXED(&a, queue_gap, 1, 10, .queue_id = 1, .count = 4, .cause = GAP_consumed);
	FIXED(&a, queue_gap, 1, 11, .queue_id = 1, .count = 2, .cause = GAP_unseen_doorbell);
	FIXED(&a, queue_gap, 1, 12, .queue_id = 2, .count = 5, .cause = GAP_runtime);
	m = end();
	CHECK_EQ(m.queue_gaps, 6);
	text = report(&m, 120);
	SAYS(text, "queue 1: 6 packets could not be read (4 taken by the device before, 2 by a doorbell that was not seen)");
	SAYS(text, "queue 1: priority high (2), CU mask 0xff ");
	SAYS_NOT(text, "queue 2");
	SAYS(text, "and 5 packets of 1 queue that the runtime made for itself, not recorded");
	SAYS_NOT(text, "--dispatch=intercept sees more");
	SAYS(text, "queue 3: its packets were not seen: it is a soft queue, which the program itself reads");
	SAYS_NOT(text, "queue 1: its packets were not seen");
	free(text);
	model__free(&m);
}

/* ---- named ranges ---- */

static void test_ranges(void)
{
	const struct named_range *r;
	struct model m;
	char *text;

	begin();
	put_start();
	put_range(RANGE_OP_pop, 3, "-", 1, 10); /* pushed before the agent was there */
	FIXED(&a, hsa_clock, 1, 11, .frequency_hz = 1000000000);
	for (uint64_t i = 0; i < 2; i++) {
		uint64_t ts = 1000 + 1000 * i;

		put_range(RANGE_OP_push, 0, "step", 1, ts);
		put_dispatch(1, 4 * i, 0xabc, NULL, 0, NULL, 0, 1, ts + 10);
		put_range(RANGE_OP_push, 1, "layer", 1, ts + 100);
		put_dispatch(1, 4 * i + 1, 0xabc, NULL, 0, NULL, 0, 1, ts + 110);
		put_dispatch(1, 4 * i + 2, 0xabc, NULL, 0, NULL, 0, 2, ts + 120); /* another thread's */
		put_range(RANGE_OP_mark, 0, "here", 1, ts + 130);
		put_range(RANGE_OP_pop, 1, "-", 1, ts + 200);
		put_range(RANGE_OP_pop, 0, "-", 1, ts + 400);
		put_dispatch(1, 4 * i + 3, 0xabc, NULL, 0, NULL, 0, 1, ts + 500);
	}
	for (uint64_t i = 0; i < 8; i++)
		FIXED(&a, dispatch_time, 1, 3000, .queue_id = 1, .index = i, .start = 0, .end = 1000);
	put_range(RANGE_OP_start, 7, "across", 1, 4000);
	put_range(RANGE_OP_start, 8, "across", 1, 4100);
	put_dispatch(1, 9, 0xabc, NULL, 0, NULL, 0, 2, 4150);
	put_range(RANGE_OP_stop, 7, "-", 2, 4200);
	put_range(RANGE_OP_stop, 99, "-", 2, 4201); /* nobody's */
	put_range(RANGE_OP_push, 0, "lost", 3, 5000);
	put_range(RANGE_OP_push, 1, "lost too", 3, 5100);
	put_range(RANGE_OP_push, 0, "open", 3, 5200); /* the pops in between were lost */
	put_free(0x1, 6000);
	m = end();
	CHECK_EQ(m.agent.ranges.n, 7);
	r = &m.agent.ranges.v[0];
	CHECK_STR(r->name, "step");
	CHECK_EQ(r->count, 2);
	CHECK_EQ(r->total_ns, 800);
	CHECK_EQ(r->dispatches, 4);
	CHECK_EQ(r->kernel_ns, 4000);
	r = &m.agent.ranges.v[1];
	CHECK_STR(r->name, "layer");
	CHECK_EQ(r->depth, 1);
	CHECK_EQ(r->dispatches, 2);
	CHECK_EQ(r->total_ns, 200);
	r = &m.agent.ranges.v[3];
	CHECK_STR(r->name, "across");
	CHECK_EQ(r->tid, 0);
	CHECK_EQ(r->dispatches, 2); /* one dispatch in each of the two */
	CHECK_EQ(r->open, 1);
	CHECK_EQ(r->total_ns, 200 + 1900);
	CHECK_EQ(m.agent.ranges.v[4].total_ns, 200);
	CHECK_EQ(m.agent.ranges.v[5].total_ns, 100);
	CHECK_EQ(m.agent.ranges.v[6].total_ns, 800);
	text = report(&m, 100);
	SAYS(text, "Named ranges (ROCTX): 7 thread range count time dispatches time of kernels 1 step 2 800ns 4 4.0us 1 layer 2 "
		   "200ns 2 2.0us 1 here 2 mark - - any across 2 2.1us + 2 -");
	SAYS(text, "3 open 1 800ns + 0 -");
	free(text);
	model__free(&m);

	/* A program that never pops; and more ranges than a report has rows. */
	begin();
	put_start();
	for (uint64_t i = 0; i < 10000; i++) {
		put_range(RANGE_OP_push, i, "deeper", 1, 1000 + i);
		put_dispatch(1, i, 0xabc, NULL, 0, NULL, 0, 1, 1000 + i);
	}
	for (uint64_t i = 0; i < 3000; i++) {
		char name[32];

		snprintf(name, sizeof(name), "step %" PRIu64, i);
		put_range(RANGE_OP_push, 0, name, 2, 20000 + i);
	}
	m = end();
	CHECK_EQ(m.agent.ranges.n, 64 + 3000);
	CHECK_EQ(m.agent.ranges.v[0].dispatches, 10000);
	text = report(&m, 80);
	SAYS(text, "and 3024 more (--all shows them)");
	free(text);
	model__free(&m);
}

/* ---- when something went wrong ---- */

static void put_recent(uint64_t index, uint64_t object, uint8_t done, uint64_t ts)
{
	const struct ev_pointer pointers[] = {
		{.at = 0, .state = POINTER_STATE_inside, .kind = MEM_KIND_pool, .base = 0x10000, .size = 64}};
	struct ev_recent_dispatch x = {.queue_id = 5, .index = index, .age_ns = 7000000, .done = done};
	const uint64_t args[] = {0x10020, 0};
	uint8_t packet[64] = {0};

	memcpy(packet + 32, &object, 8);
	put(EV_recent_dispatch, &x, sizeof(x), 1, ts,
	    (struct tail[]){{packet, 64, false}, {args, sizeof(args), false}, {pointers, sizeof(pointers), false}}, 3);
}

/* Of one that is known by the ring. */
static void put_recent_ring(uint64_t index, uint64_t object, uint64_t ts)
{
	struct ev_recent_dispatch x = {.queue_id = 5, .index = index, .done = DISPATCH_DONE_unknown};
	uint8_t packet[64] = {[4] = 64, [6] = 1, [8] = 1, [12] = 64, [16] = 1, [20] = 1};

	memcpy(packet + 32, &object, 8);
	put(EV_recent_dispatch, &x, sizeof(x), 1, ts,
	    (struct tail[]){{packet, 64, false}, {NULL, 0, false}, {NULL, 0, false}}, 3);
}

/* Events that end before their last fields, as damage leaves them. */
static void test_short(void)
{
	struct ev_recent_dispatch recent = {.queue_id = 5, .index = 12};
	struct ev_kernel_info info = {.kernel_object = 0xabc, .kernarg_bytes = 16};
	struct ev_code_object_info code = {.va = 0x1000, .size_bytes = 64};
	uint8_t packet[64] = {0};
	struct model m;

	begin();
	put_start();
	put_symbol(0xabc, "spin");
	put(EV_kernel_info, &info, sizeof(info), 1, 10, NULL, 0);
	put(EV_code_object_info, &code, sizeof(code), 1, 11, NULL, 0);
	FIXED(&a, queue_state, 1, 60, .queue_id = 5, .reason = EVIDENCE_hang, .read_index = 12, .write_index = 14,
	      .recorded = 13);
	put(EV_recent_dispatch, &recent, sizeof(recent), 1, 61, (struct tail[]){{packet, 64, false}}, 1);
	put(EV_recent_dispatch, &recent, sizeof(recent), 1, 62, NULL, 0);
	m = end();
	CHECK_EQ(m.agent.recent.n, 1);
	free(report(&m, 80));
	model__free(&m);
}

static void test_evidence(void)
{
	struct model m;
	char *text;

	begin();
	put_start();
	put_module(0x700000, "/opt/app/libconv.so");
	put_symbol(0xabc, "spin");
	put_recent(1, 0xabc, DISPATCH_DONE_yes, 40); /* of no queue_state: left out */
	FIXED(&a, hang, 1, 50, .queue_id = 5, .index = 12, .kernel_object = 0xabc, .elapsed_ns = 10500000000,
	      .bound_ns = 10000000000, .read_index = 12, .write_index = 14, .signo = SIGABRT);
	FIXED(&a, queue_state, 1, 60, .queue_id = 5, .reason = EVIDENCE_hang, .read_index = 12, .write_index = 14,
	      .recorded = 13);
	put_recent(11, 0xdef, DISPATCH_DONE_yes, 61);
	put_recent(12, 0xabc, DISPATCH_DONE_no, 62);
	put_recent_ring(13, 0xabc, 62);
	FIXED(&a, near_alloc, 1, 63, .fault_va = 0x20010, .va = 0x20000, .size_bytes = 64, .kind = MEM_KIND_pool);
	FIXED(&a, near_alloc, 1, 64, .fault_va = 0x20010, .va = 0x1f000, .size_bytes = 16, .distance_bytes = 4096,
	      .kind = MEM_KIND_lock, .freed_ns = 5000);
	FIXED(&a, near_alloc, 1, 65, .fault_va = 0x20010, .va = 0x30000, .size_bytes = 16, .distance_bytes = -65520,
	      .kind = MEM_KIND_pool);
	FIXED(&a, process_signal, 9, 70, .signo = SIGSEGV, .code = 1, .addr = 0x8, .pc = 0x700abc, .handled = 1);
	FIXED(&a, process_signal, 9, 71, .signo = SIGABRT, .pc = 0x10);
	FIXED(&a, watch, 1, 72, .queue_id = 6, .index = 3, .state = WATCH_STATE_waiting, .elapsed_ns = 30000000000);
	FIXED(&a, process_signal, 9, 72, .signo = SIGSEGV, .code = 0, .pc = 0x20);
	FIXED(&a, watch, 1, 72, .queue_id = 8, .index = 1, .state = WATCH_STATE_running, .elapsed_ns = 2000000000,
	      .bound_ns = 9000000000);
	FIXED(&a, watch, 1, 73, .queue_id = 7, .index = 3, .state = WATCH_STATE_compiling);
	FIXED(&a, watch, 1, 74, .queue_id = 7, .index = 3, .state = WATCH_STATE_idle); /* and went on */
	for (int i = 0; i < 2; i++)
		put(EV_agent_note, "", 0, 1, 80, (struct tail[]){TEXT_OF("no room for sites")}, 1);
	m = end();
	CHECK_EQ(m.agent.recent.n, 3);
	for (unsigned int width = 80; width <= 140; width += 60) {
		text = report(&m, width);
		SAYS(text, "What stopped it: hang: kernel spin, packet 12 of queue 5, no progress for 10.500s (the bound was "
			   "10.000s); 12 of 14 packets were taken by the device; the agent then sent the process SIGABRT");
		SAYS(text, "argument +0: 0x10020, buffer 0x10000 (64 bytes), 32 bytes into it ");
		SAYS(text, "queue 5 at the hang: 12 of 14 packets taken by the device, 1 not read for the trace");
		SAYS(text, "11 a kernel of unknown name (0xdef) yes 7.0ms before");
		SAYS(text, "12 spin no 7.0ms before");
		SAYS(text, "memory around 0x20010: buffer 0x20000 (64 bytes): holds it, 16 bytes in locked host memory 0x1f000 "
			   "(16 bytes): ended 4096 bytes below it, freed 5.0us before buffer 0x30000 (16 bytes): begins 65520 "
			   "bytes above it");
		SAYS(text, "in thread 9 at libconv.so+0xabc, address 0x8; a handler of the application's own ran next");
		SAYS(text, "in thread 9 at 0x10; nobody handled it");
		SAYS(text, "in thread 9 at 0x20, sent by a process; nobody handled it");
		SAYS(text, "queue 8, packet 1, was last seen running long, for 2.000s when the recording ended: a hang only "
			   "from 9.000s on (");
		SAYS(text, "13 spin not taken -");
		SAYS(text, "queue 6, packet 3, was last seen waiting for a host signal, for 30.000s: no hang");
		SAYS_NOT(text, "queue 7");
		SAYS(text, "the agent says: no room for sites (2 times)");
		free(text);
	}
	model__free(&m);

	/* An old agent says nothing of it. */
	begin();
	put_start();
	put_alloc(0x1000, 16, 10);
	m = end();
	text = report(&m, 80);
	SAYS_NOT(text, "What stopped it");
	SAYS_NOT(text, "Named ranges");
	SAYS_NOT(text, "no live memory");
	free(text);
	model__free(&m);
}

static void put_recent_of(uint64_t queue, uint64_t index, uint64_t object, uint8_t done, uint64_t ts)
{
	struct ev_recent_dispatch x = {.queue_id = queue, .index = index, .age_ns = ts * 1000000, .done = done};
	uint8_t packet[64] = {0};

	memcpy(packet + 32, &object, 8);
	put(EV_recent_dispatch, &x, sizeof(x), 1, ts,
	    (struct tail[]){{packet, 64, false}, {NULL, 0, false}, {NULL, 0, false}}, 3);
}

/* What the trace tells of packets that the agent did not see end; what did not change is said once. */
static void test_packets(void)
{
	const char *at;
	struct model m;
	char *text;

	begin();
	put_start();
	put_symbol(0xabc, "k");
	FIXED(&a, hsa_clock, 1, 5, .frequency_hz = 1000000000);
	FIXED(&a, queue_create, 1, 6, .queue_id = 2, .made_by = QUEUE_MAKER_runtime, .read_at = QUEUE_READ_not);
	for (uint64_t i = 0; i < 9; i++)
		put_dispatch(5, i, 0xabc, NULL, 0, NULL, 0, 1, 10 + i);
	for (uint64_t i = 0; i < 7; i++)
		FIXED(&a, dispatch_time, 1, 30, .queue_id = 5, .index = i, .start = 0, .end = 1000);
	for (uint64_t ts = 60; ts <= 80; ts += 10) {
		FIXED(&a, queue_state, 1, ts, .queue_id = 2, .reason = ts == 60 ? EVIDENCE_memory_fault : EVIDENCE_signal,
		      .read_index = 4, .write_index = 4);
		FIXED(&a, queue_state, 1, ts, .queue_id = 5, .reason = ts == 60 ? EVIDENCE_memory_fault : EVIDENCE_signal,
		      .read_index = 8, .write_index = 9, .recorded = 9);
		for (uint64_t i = 0; i < 9; i++)
			put_recent_of(5, i, 0xabc, ts == 80 && i == 7 ? DISPATCH_DONE_yes : DISPATCH_DONE_unknown, ts);
	}
	m = end();
	text = report(&m, 80);
	at = strstr(text, "queue 5 at the memory fault: 8 of 9 packets taken by the device packet");
	CHECK(at);
	SAYS(text, " dispatched 3 k yes 60.0ms before 4 k yes 60.0ms before");
	SAYS(text, " 6 k yes 60.0ms before 7 k not known 60.0ms before 8 k not taken 60.0ms before and 3 more before these "
		   "(--all shows them) queue 2 at the signal: the same queue 5 at the signal: the same queue 2 at the signal: "
		   "the same queue 5 at the signal: 8 of 9 packets taken by the device packet");
	SAYS(text, " 7 k yes 80.0ms before 8 k not taken");
	SAYS(text, "and 4 packets of 1 queue that the runtime made for itself, not recorded");
	free(text);
	model__free(&m);
}

int main(void)
{
	pid = (uint32_t)getpid();
	test_pool_alloc_ok();
	test_kinds();
	test_pointers();
	test_short_name();
	test_times();
	test_code();
	test_queues();
	test_ranges();
	test_short();
	test_evidence();
	test_packets();
	END_TESTS;
}
