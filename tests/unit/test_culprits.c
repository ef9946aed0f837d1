// SPDX-License-Identifier: MIT
/* Which kernel a failure is held against, and when none is: of traces made by hand. */
#include "synthetic_agent.h"
#include "../../usr/analysis/culprits.h"

#define FIRST 0x5000
#define SECOND 0x6000
#define OURS 0x7000

static struct model m;
static struct findings f;
static struct culprits c;

static void judge(void)
{
	struct evidence_of_machine e = {0};

	m = end();
	findings__make(&f, &m, &e);
	culprits__find(&c, &m, &f);
}

static void done(void)
{
	culprits__free(&c);
	findings__free(&f);
	model__free(&m);
}

static void begin_run(void)
{
	begin();
	put_start();
	put_device(4);
	put_symbol(FIRST, "first");
	put_symbol(SECOND, "second");
	put_symbol(OURS, "ours");
}

static void put_kernel_info(uint64_t object, uint8_t digest)
{
	struct ev_kernel_info x = {.kernel_object = object, .kernarg_bytes = 40};
	uint8_t sha[32];

	memset(sha, digest, sizeof(sha));
	put(EV_kernel_info, &x, sizeof(x), 1, 4, (struct tail[]){{sha, sizeof(sha), false}, {NULL, 0, false}}, 2);
}

static void put_recent(uint64_t index, uint64_t object, uint64_t argument, uint8_t state)
{
	struct ev_recent_dispatch x = {.queue_id = 1, .index = index, .done = DISPATCH_DONE_no};
	struct ev_pointer p = {.at = 8, .state = state, .kind = MEM_KIND_pool, .base = 0x10000, .size = 0x4000};
	uint64_t args[2] = {0, argument};
	uint8_t packet[64] = {2};

	memcpy(packet + 32, &object, 8);
	put(EV_recent_dispatch, &x, sizeof(x), 1, 102,
	    (struct tail[]){{packet, 64, false}, {args, sizeof(args), false}, {&p, sizeof(p), false}}, 3);
}

static void put_memory_fault(uint64_t va)
{
	FIXED(&a, mem_fault, 1, 100, .va = va, .reason = 1);
	FIXED(&a, queue_state, 1, 101, .queue_id = 1, .reason = EVIDENCE_memory_fault, .read_index = 9, .write_index = 9);
}

static void put_device_fault(uint8_t kind, uint64_t object, uint64_t va, const char *insn)
{
	struct ev_emu_fault x = {.kind = kind, .kernel_object = object, .va = va};
	uint8_t *at = stream__reserve(&e, EV_emu_fault, sizeof(x) + strlen(insn) + 1, 1, 500);

	memcpy(at, &x, sizeof(x));
	stream__put_text(at + sizeof(x), insn, strlen(insn));
	stream__commit(&e);
}

static void put_alloc_of(uint64_t va, uint64_t size)
{
	FIXED(&a, pool_alloc_ok, 1, 11, .pool = 1, .size_bytes = size, .va = va);
}

/* What nobody is blamed for, and in which words. */
static void expect_none(const char *words)
{
	judge();
	CHECK_EQ(c.list.n, 1);
	CHECK(c.list.n && c.list.v[0].why_not && strstr(c.list.v[0].why_not, words));
	if (c.list.n && c.list.v[0].why_not && !strstr(c.list.v[0].why_not, words))
		printf("%s\n", c.list.v[0].why_not);
	done();
}

static void expect_one(const char *kernel, bool suspect)
{
	judge();
	CHECK_EQ(c.list.n, 1);
	CHECK(c.list.n && !c.list.v[0].why_not && c.list.v[0].suspect == suspect);
	CHECK_STR(c.list.n && c.list.v[0].kernel ? c.list.v[0].kernel : "", kernel);
}

static void test_certain(void)
{
	begin_run();
	put_kernel_info(FIRST, 0xab);
	put_device_fault(EMU_FAULT_illegal, FIRST, 0, "v_nonsense");
	expect_one("first", false);
	CHECK(c.list.v[0].sha256 && c.list.v[0].sha256[31] == 0xab && !c.list.v[0].freed && !c.list.v[0].ours);
	done();
	begin_run();
	FIXED(&a, hang, 1, 100, .queue_id = 1, .index = 3, .kernel_object = SECOND, .elapsed_ns = 10000000000);
	expect_one("second", false);
	CHECK(!c.list.v[0].sha256);
	done();
	/* Nothing happened. */
	begin_run();
	judge();
	CHECK_EQ(c.list.n, 0);
	done();
}

static void test_suspects(void)
{
	begin_run();
	put_alloc_of(0x10000, 0x4000);
	put_memory_fault(0x7f0000000000);
	put_recent(1, FIRST, 0x10000, POINTER_STATE_inside);
	put_recent(2, SECOND, 0x10000, POINTER_STATE_inside);
	put_recent(3, SECOND, 0x10000, POINTER_STATE_inside);
	judge();
	CHECK_EQ(c.list.n, 2);
	CHECK(c.list.n == 2 && c.list.v[0].suspect && c.list.v[1].suspect && c.list.v[0].recent && c.list.v[1].recent);
	CHECK_STR(c.list.v[0].kernel, "first");
	CHECK_STR(c.list.v[1].kernel, "second");
	done();
	/* One alone, though twice. */
	begin_run();
	put_alloc_of(0x10000, 0x4000);
	put_memory_fault(0x7f0000000000);
	put_recent(2, SECOND, 0x10000, POINTER_STATE_inside);
	put_recent(3, SECOND, 0x10000, POINTER_STATE_inside);
	expect_one("second", false);
	done();
}

static void test_not_the_kernel(void)
{
	begin_run();
	put_device_fault(EMU_FAULT_illegal, FIRST, 0, "injected by --emulate=fault:illegal@1");
	expect_none("--emulate=");
	begin_run();
	put_device_fault(EMU_FAULT_reset, 0, 0, "reset");
	expect_none("reset");
	begin_run();
	put_device_fault(EMU_FAULT_packet, 0, 0, "packet");
	expect_none("packet");
	begin_run();
	put_device_fault(EMU_FAULT_page, 0, 0x7f0000000000, "SDMA");
	expect_none("copy");
	begin_run();
	put_device_fault(EMU_FAULT_page, FIRST, 16, "global_load_dword");
	expect_none("null pointer");
	begin_run();
	put_device_fault(EMU_FAULT_illegal, 0x9999, 0, "v_nonsense");
	expect_none("name of the kernel is not known");
	begin_run();
	FIXED(&a, queue_error, 1, 100, .queue_id = 1, .status = 0x1000);
	expect_none("error of the queue");
	begin_run();
	put_memory_fault(0x7f0000000000);
	expect_none("which kernel it was is not known");
	/* The program's pointer leads nowhere; the same past the end. */
	begin_run();
	put_alloc_of(0x10000, 0x4000);
	put_memory_fault(0x7f0000000000);
	put_recent(1, FIRST, 0x7f0000000000, POINTER_STATE_nothing);
	expect_none("wrong pointer (argument +8)");
	begin_run();
	put_alloc_of(0x10000, 0x4000);
	put_memory_fault(0x15000);
	put_recent(1, FIRST, 0x15000, POINTER_STATE_past_end);
	expect_none("wrong pointer");
}

static void test_freed(void)
{
	begin_run();
	put_alloc_of(0x10000, 0x4000);
	FIXED(&a, pool_free, 1, 12, .va = 0x10000);
	put_memory_fault(0x11000);
	put_recent(1, FIRST, 0x10000, POINTER_STATE_freed);
	expect_one("first", false);
	CHECK(c.list.v[0].freed);
	done();
}

static void put_steered(uint16_t action)
{
	struct ev_steer x = {.kernel_object = FIRST, .to_object = OURS, .action = action, .why = STEER_WHY_quarantine};

	put(EV_steer, &x, sizeof(x), 1, 5,
	    (struct tail[]){{NULL, 0, false}, TEXT_OF("first"), TEXT_OF("ours"), TEXT_OF("-")}, 4);
	FIXED(&a, steered, 1, 6, .queue_id = 1, .index = 1, .kernel_object = FIRST, .to_object = OURS, .action = action);
}

/* What ran was not the program's. */
static void test_steered(void)
{
	begin_run();
	put_steered(STEER_ACTION_native);
	put_device_fault(EMU_FAULT_illegal, OURS, 0, "v_nonsense");
	expect_one("first", false);
	CHECK(c.list.v[0].ours);
	done();
	begin_run();
	put_steered(STEER_ACTION_file);
	put_device_fault(EMU_FAULT_illegal, OURS, 0, "v_nonsense");
	expect_none("--replace");
}

int main(void)
{
	test_certain();
	test_suspects();
	test_not_the_kernel();
	test_freed();
	test_steered();
	END_TESTS;
}
