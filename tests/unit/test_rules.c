// SPDX-License-Identifier: MIT
/*
 * Rules, on traces made by hand: what no emulated device and no machine of the tests can be brought to do. Each rule
 * once with its cause, and once with what nearly is it. What a run can show is in tests/e2e/rules.py.
 */
#include "synthetic_agent.h"
#include "../../usr/analysis/findings.h"
#include "../../usr/analysis/families.h"
#include "../../usr/analysis/machine.h"

#include <signal.h>

#define GFX1010 100100
#define COHERENT (1u << 26)
#define VRAM 1u
#define USERPTR 4u

static uint32_t pid;

/* ---- asking ---- */

static const struct finding *find(const struct findings *f, const char *id)
{
	for (size_t i = 0; i < f->list.n; i++)
		if (!strcmp(f->list.v[i].rule->id, id))
			return &f->list.v[i];
	return NULL;
}

static void expect(const struct findings *f, const char *id, int state, int line)
{
	const struct finding *x = find(f, id);

	t_checks++;
	if (x ? (int)x->state == state : state < 0)
		return;
	t_failures++;
	printf("%s:%d: %s is %s, not %s\n", __FILE__, line, id, x ? finding_state_name(x->state) : "not there",
	       state < 0 ? "not there" : finding_state_name((enum finding_state)state));
}
#define EXPECT(f, id, state) expect(f, id, state, __LINE__)
#define ABSENT -1

static struct findings judge(const struct model *m, const struct machine *machine)
{
	struct evidence_of_machine e = {.machine = machine};
	struct findings f;

	findings__make(&f, m, &e);
	for (int i = 0; i < VERDICT_LINES; i++)
		CHECK(!f.verdict[i] || f.verdict[i][0]);
	return f;
}

/* Of a trace, one rule's state. */
static void judged(const char *id, int state, const struct machine *machine, int line)
{
	struct model m = end_of(GFX1010);
	struct findings f = judge(&m, machine);

	expect(&f, id, state, line);
	findings__free(&f);
	model__free(&m);
}
#define JUDGED(id, state, machine) judged(id, state, machine, __LINE__)

/* ---- memory types ---- */

static void put_pools(void)
{
	put_start();
	put_device(4);
	FIXED(&a, hsa_pool, 1, 5, .pool = 0x90, .agent = 4, .flags = 4, .id = 1); /* coarse */
	FIXED(&a, hsa_pool, 1, 5, .pool = 0x91, .agent = 5, .flags = 2, .id = 2); /* fine */
	FIXED(&a, hsa_pool, 1, 5, .pool = 0x92, .agent = 5, .flags = 3, .id = 3); /* fine, kernarg */
}

static void put_pool_alloc(uint16_t pool, uint64_t va, uint64_t size, uint64_t ts)
{
	FIXED(&a, pool_alloc_ok, 1, ts, .pool = pool, .size_bytes = size, .va = va);
}

static void begin_ptes(uint32_t flags, uint64_t pte)
{
	begin();
	put_hook("page tables (raw_tp/amdgpu_vm_update_ptes)", 1, "-");
	put_bo_flags(true, pid, 1, 0x10000, 0x4000, flags, 9);
	put_ptes(pid, 0x10, 0x14, pte, 10);
}

static void test_mtype(void)
{
	struct machine_variable disable = {"HSA_DISABLE_CACHE", "1"};
	struct machine forced = {.environment_known = KNOWN_YES, .variables = &disable, .num_variables = 1};

	begin_ptes(VRAM, PTE_OF(3));
	JUDGED("mtype-mismatch", FINDING_CONFIRMED, NULL);
	begin_ptes(VRAM, PTE_OF(0));
	JUDGED("mtype-mismatch", FINDING_RULED_OUT, NULL);
	begin_ptes(USERPTR | COHERENT, PTE_OF(0) | PTE_HOST);
	JUDGED("mtype-mismatch", FINDING_CONFIRMED, NULL);
	begin_ptes(USERPTR | COHERENT, PTE_OF(3) | PTE_HOST);
	JUDGED("mtype-mismatch", FINDING_RULED_OUT, NULL);
	/* Without page tables it is not decided. */
	begin();
	put_bo_flags(true, pid, 1, 0x10000, 0x4000, VRAM, 9);
	JUDGED("mtype-mismatch", FINDING_UNDECIDED, NULL);
	/* The pool says one thing, KFD was told another. */
	begin_ptes(VRAM | COHERENT, PTE_OF(3));
	put_pools();
	put_pool_alloc(1, 0x10000, 100, 11);
	JUDGED("mtype-mismatch", FINDING_CONFIRMED, NULL);
	/* HSA_DISABLE_CACHE asks for it. */
	begin_ptes(VRAM | COHERENT, PTE_OF(3));
	put_pools();
	put_pool_alloc(1, 0x10000, 100, 11);
	JUDGED("mtype-mismatch", FINDING_RULED_OUT, &forced);
}

static void test_mtype_cc(void)
{
	begin_ptes(VRAM, PTE_OF(2));
	JUDGED("mtype-impossible", FINDING_CONFIRMED, NULL);
	begin_ptes(VRAM, PTE_OF(1));
	JUDGED("mtype-impossible", FINDING_CONFIRMED, NULL);
	begin_ptes(VRAM, PTE_OF(3));
	JUDGED("mtype-impossible", FINDING_RULED_OUT, NULL);
}

static void test_kernarg(void)
{
	begin();
	put_pools();
	put_bo_flags(true, pid, 1, 0x10000, 0x4000, USERPTR, 9);
	put_pool_alloc(3, 0x10000, 4096, 11);
	JUDGED("kernarg-coarse", FINDING_CONFIRMED, NULL);
	begin();
	put_pools();
	put_bo_flags(true, pid, 1, 0x10000, 0x4000, USERPTR | COHERENT, 9);
	put_pool_alloc(3, 0x10000, 4096, 11);
	JUDGED("kernarg-coarse", FINDING_RULED_OUT, NULL);
	/* Coarse memory that is none of kernel arguments. */
	begin();
	put_pools();
	put_bo_flags(true, pid, 1, 0x10000, 0x4000, VRAM, 9);
	put_pool_alloc(1, 0x10000, 4096, 11);
	JUDGED("kernarg-coarse", ABSENT, NULL);
}

/* A kernel with one argument, in memory of a pool. */
static void put_use(uint16_t pool, const char *kernel)
{
	struct ev_pointer p = {.at = 0, .state = POINTER_STATE_inside, .kind = MEM_KIND_pool, .base = 0x10000, .size = 4096};
	uint64_t arg = 0x10010;

	begin();
	put_pools();
	put_pool_alloc(pool, 0x10000, 4096, 11);
	put_symbol(0x5000, kernel);
	put_dispatch(1, 0, 0x5000, &arg, 1, &p, 1, 1, 20);
}

static void test_fine(void)
{
	struct machine_gpu without = {.gfx_target_version = GFX1010, .atomics32 = KNOWN_NO, .atomics64 = KNOWN_NO};
	struct machine_gpu with = {.gfx_target_version = GFX1010, .atomics32 = KNOWN_YES, .atomics64 = KNOWN_YES};
	struct machine bad = {.gpus = &without, .num_gpus = 1}, good = {.gpus = &with, .num_gpus = 1};
	struct ev_hsa_agent cpu = {.agent = 5};

	put_use(2, "naive_conv_fwd_nchw_fp32");
	JUDGED("fine-grained-convolution", FINDING_CONFIRMED, NULL);
	put_use(1, "naive_conv_fwd_nchw_fp32");
	JUDGED("fine-grained-convolution", ABSENT, NULL);
	put_use(2, "vector_add");
	JUDGED("fine-grained-convolution", ABSENT, NULL);
	for (int i = 0; i < 3; i++) {
		put_use(2, "vector_add");
		put(EV_hsa_agent, &cpu, sizeof(cpu), 1, 30, (struct tail[]){TEXT_OF("cpu"), TEXT_OF("cpu")}, 2);
		JUDGED("fine-host-atomics", i == 0 ? FINDING_POSSIBLE : i == 1 ? FINDING_RULED_OUT : FINDING_UNDECIDED,
		       i == 0 ? &bad : i == 1 ? &good : NULL);
	}
}

/* ---- addresses ---- */

/* A final page fault of this process, as the interrupt has it. */
static void put_page_fault(uint64_t va, uint64_t ts)
{
	struct ev_gpu_iv x = {.pid = pid,
			      .client_id = 0x1b,
			      .vmid = 8,
			      .pasid = 5,
			      .data0 = (uint32_t)(va >> 12),
			      .data1 = (uint32_t)(va >> 44)};

	stream__write(&k, EV_gpu_iv, &x, sizeof(x), 0, ts);
}

static void put_eviction_hooks(void)
{
	put_hook("moves (raw_tp/amdgpu_bo_move)", 1, "-");
	put_hook("host memory (fentry/amdgpu_amdkfd_evict_userptr)", 1, "-");
}

static void begin_fault(void)
{
	begin_ptes(USERPTR, PTE_OF(0) | PTE_HOST);
	put_pools();
	put_pool_alloc(1, 0x10000, 0x4000, 11);
}

static void test_evicted(void)
{
	struct ev_userptr_evict change = {.pid = pid, .mem = 1};

	begin_fault();
	stream__write(&k, EV_userptr_evict, &change, sizeof(change), 1, 50);
	put_ptes(pid, 0x10, 0x14, 0, 60);
	put_page_fault(0x11000, 100);
	JUDGED("fault-evicted", FINDING_CONFIRMED, NULL);
	/* The mapping was there: another reason, if all that evicts was watched. */
	begin_fault();
	put_page_fault(0x11000, 100);
	JUDGED("fault-evicted", ABSENT, NULL);
	begin_fault();
	put_eviction_hooks();
	put_page_fault(0x11000, 100);
	JUDGED("fault-evicted", FINDING_RULED_OUT, NULL);
	begin_fault();
	put_page_fault(0x11000, 100);
	JUDGED("fault-permission", FINDING_POSSIBLE, NULL);
}

static void test_places(void)
{
	static const struct {
		uint64_t va;
		const char *id;
		int state;
	} cases[] = {
		{0x14000, "fault-past-end", FINDING_POSSIBLE}, /* of whom is not known */
		{0x14000 + (4 << 20), "fault-past-end", FINDING_POSSIBLE},
		{0x14000 + (100 << 20), "fault-past-end", ABSENT},
		{0x14000 + (100 << 20), "fault-never-mapped", FINDING_POSSIBLE},
		{0x7f0000000000, "fault-never-mapped", FINDING_CONFIRMED},
		{0x7f0000000000, "fault-null", ABSENT},
		{0, "fault-null", FINDING_CONFIRMED},
		{0x14000, "fault-freed", FINDING_RULED_OUT},
		{0x14000, "aperture-violation", FINDING_RULED_OUT},
		{0x14000, "page-fault", FINDING_CONFIRMED},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		begin_fault();
		put_page_fault(cases[i].va, 100);
		judged(cases[i].id, cases[i].state, NULL, __LINE__ + (int)i * 1000);
	}
	begin_fault();
	put_free(0x10000, 50);
	put_bo_free(true, pid, 1, 51);
	put_page_fault(0x11000, 100);
	JUDGED("fault-freed", FINDING_CONFIRMED, NULL);
	/* Freed, and given out again: the second is meant, and the report says that there was a first. */
	begin_fault();
	put_free(0x10000, 50);
	put_pool_alloc(1, 0x10000, 0x4000, 60);
	put_page_fault(0x11000, 100);
	JUDGED("fault-freed", FINDING_RULED_OUT, NULL);
}

/* A failure that only the runtime tells of: the kernel and its argument come from the agent's evidence. */
static void test_agent_alone(void)
{
	struct ev_pointer p = {.at = 32, .state = POINTER_STATE_past_end, .kind = MEM_KIND_pool, .base = 0x10000, .size = 0x4000};
	struct ev_mem_fault fault = {.va = 0x15000, .reason = 1};
	struct ev_queue_state q = {.queue_id = 1, .reason = EVIDENCE_memory_fault, .read_index = 2, .write_index = 3};
	struct ev_recent_dispatch old = {.queue_id = 1, .index = 0, .done = DISPATCH_DONE_yes};
	struct ev_recent_dispatch now = {.queue_id = 1, .index = 1, .done = DISPATCH_DONE_no};
	uint64_t args[5] = {0, 0, 0, 0, 0x14100}, object = 0x5000;
	uint8_t packet[64] = {0};
	const struct incident *x;
	struct findings f;
	struct model m;

	packet[0] = 2; /* KERNEL_DISPATCH */
	memcpy(packet + 32, &object, 8);
	begin();
	put_pools();
	put_pool_alloc(1, 0x10000, 0x4000, 11);
	put_symbol(0x5000, "naive_conv_ab_nonpacked_fwd_nchw_float_double_float");
	stream__write(&a, EV_mem_fault, &fault, sizeof(fault), 1, 100);
	stream__write(&a, EV_queue_state, &q, sizeof(q), 1, 101);
	for (int i = 0; i < 2; i++)
		put(EV_recent_dispatch, i ? &now : &old, sizeof(now), 1, 102,
		    (struct tail[]){{packet, 64, false}, {args, sizeof(args), false}, {&p, sizeof(p), false}}, 3);
	m = end_of(GFX1010);
	f = judge(&m, NULL);
	CHECK_EQ(f.incidents.n, 1);
	x = &f.incidents.v[0];
	CHECK_EQ(x->class, INCIDENT_PAGE);
	CHECK_STR(x->kernel ? x->kernel : "", "naive_conv_ab_nonpacked_fwd_nchw_float_double_float");
	CHECK(!x->kernel_certain);
	CHECK_EQ(x->kernels_running, 1);
	CHECK_EQ(x->index, 1);
	CHECK_EQ(x->address.kind, PLACE_PAST_END);
	CHECK_EQ(x->address.distance, 0x1000);
	CHECK(x->argument.known && x->argument.certain);
	CHECK_EQ(x->argument.at, 32);
	CHECK_STR(x->argument.name ? x->argument.name : "", "out");
	EXPECT(&f, "fault-past-end", FINDING_CONFIRMED);
	findings__free(&f);
	model__free(&m);
}

/* The end of a range is no wrong pointer; past it may be one; what was freed is. */
static void test_dangling(void)
{
	struct ev_pointer p = {.at = 0, .state = POINTER_STATE_past_end, .kind = MEM_KIND_pool, .base = 0x10000, .size = 0x1000};
	static const struct {
		uint64_t arg;
		uint8_t state;
		int found;
	} cases[] = {{0x11000, POINTER_STATE_past_end, ABSENT},
		     {0x11010, POINTER_STATE_past_end, FINDING_POSSIBLE},
		     {0x10010, POINTER_STATE_freed, FINDING_CONFIRMED},
		     {0x900000, POINTER_STATE_nothing, FINDING_POSSIBLE},
		     {0xdead000000010000, POINTER_STATE_nothing, FINDING_CONFIRMED}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		begin();
		put_pools();
		put_pool_alloc(1, 0x10000, 0x1000, 11);
		put_symbol(0x5000, "vector_add");
		p.state = cases[i].state;
		put_dispatch(1, 0, 0x5000, &cases[i].arg, 1, &p, 1, 1, 20);
		judged("dangling-argument", cases[i].found, NULL, __LINE__ + (int)i * 1000);
	}
}

/* An interrupt that was retried, and nobody says how that ended, is no failure. */
static void test_retry(void)
{
	struct ev_gpu_iv x = {.pid = pid, .client_id = 0x1b, .vmid = 8, .pasid = 5, .data0 = 0x11, .data1 = 0x80};

	begin_fault();
	stream__write(&k, EV_gpu_iv, &x, sizeof(x), 0, 100);
	JUDGED("page-fault", ABSENT, NULL);
}

/* ---- hangs, the host ---- */

static void test_hang(void)
{
	begin();
	put_pools();
	put_symbol(0x5000, "naive_conv_fwd_nchw_fp32");
	FIXED(&a, hang, 1, 100, .queue_id = 1, .index = 4, .kernel_object = 0x5000, .elapsed_ns = 30000000000, .bound_ns = 20000000000);
	JUDGED("hang", FINDING_CONFIRMED, NULL);
	begin();
	put_pools();
	FIXED(&a, watch, 1, 100, .queue_id = 1, .state = WATCH_STATE_compiling, .elapsed_ns = 30000000000);
	JUDGED("hang", ABSENT, NULL);
	begin();
	put_pools();
	FIXED(&a, watch, 1, 100, .queue_id = 1, .state = WATCH_STATE_compiling, .elapsed_ns = 30000000000);
	JUDGED("host-busy", FINDING_CONFIRMED, NULL);
	begin();
	put_pools();
	FIXED(&a, watch, 1, 100, .queue_id = 1, .state = WATCH_STATE_running, .elapsed_ns = 30000000000);
	JUDGED("host-busy", ABSENT, NULL);
}

/* ---- configuration ---- */

static void test_parameters(void)
{
	struct machine_parameter set[] = {{"mtype_local", "1"}, {"noretry", "0"}}, untouched[] = {{"mtype_local", "0"}};
	struct machine odd = {.parameters = set, .num_parameters = 2}, plain = {.parameters = untouched, .num_parameters = 1};

	begin();
	put_pools();
	JUDGED("parameters", FINDING_CONFIRMED, &odd);
	begin();
	put_pools();
	JUDGED("parameters", ABSENT, &plain);
}

static void put_library(const char *path, uint64_t base)
{
	struct ev_rocm_library x = {.base = base, .size_bytes = 0x1000};

	put(EV_rocm_library, &x, sizeof(x), 1, 30, (struct tail[]){TEXT_OF(path), TEXT_OF(path)}, 2);
}

static void test_mixed(void)
{
	static const struct {
		const char *first, *second;
		int state;
	} cases[] = {
		{"/opt/rocm-5.2.0/lib/libhsa-runtime64.so.1.5.50200", "/opt/rocm-5.7.1/lib/libMIOpen.so.1.0.50701", FINDING_CONFIRMED},
		{"/opt/rocm-5.2.0/lib/libhsa-runtime64.so.1.5.50200", "/w/torch/lib/libMIOpen.so.1.0.50203", FINDING_RULED_OUT},
		{"/w/torch/lib/libamdhip64.so", "/w/torch/lib/libMIOpen.so", ABSENT},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		begin();
		put_pools();
		put_library(cases[i].first, 0x1000);
		put_library(cases[i].second, 0x2000);
		judged("mixed-rocm", cases[i].state, NULL, __LINE__ + (int)i * 1000);
	}
}

static void test_kdb(void)
{
	struct machine_gpu gpu = {.gfx_target_version = GFX1010, .compute_units = 36};
	struct machine_library miopen = {.name = "MIOpen", .path = "/opt/rocm/lib/libMIOpen.so.1", .first = true};
	struct machine_database other = {"gfx1030_18.kdb", "/opt/rocm/share/miopen/db/gfx1030_18.kdb", WHERE_rocm};
	struct machine m = {.gpus = &gpu,
			    .num_gpus = 1,
			    .libraries = &miopen,
			    .num_libraries = 1,
			    .databases = &other,
			    .num_databases = 1,
			    .databases_known = KNOWN_YES};
	struct machine_variable override = {"HSA_OVERRIDE_GFX_VERSION", "10.3.0"};

	begin();
	put_pools();
	JUDGED("missing-kdb", FINDING_CONFIRMED, &m);
	/* Taken for a gfx1030, it has one. */
	m.variables = &override;
	m.num_variables = 1;
	begin();
	put_pools();
	JUDGED("missing-kdb", ABSENT, &m);
}

static void test_no_code(void)
{
	begin();
	put_pools();
	FIXED(&a, code_object, 1, 20, .status = 0x100d);
	JUDGED("no-code-object", FINDING_POSSIBLE, NULL);
	begin();
	put_pools();
	FIXED(&a, code_object, 1, 20, .status = 0x1008); /* OUT_OF_RESOURCES */
	JUDGED("no-code-object", ABSENT, NULL);
}

/* ---- the table ---- */

static void test_table(void)
{
	const struct rule *r;
	size_t n = 0;

	for (; (r = rule__get(n)); n++) {
		CHECK(rule__find(r->id) == r);
		CHECK(rule__group(r));
		CHECK(r->needs[0] && r->decides[0] && r->remedy[0] && r->source[0]);
	}
	CHECK(n > 30);
	CHECK(!rule__find("no-such-rule"));
}

static void test_families(void)
{
	CHECK_STR(family__find("naive_conv_bwd_nchw_fp32")->algorithm, "DIRECT");
	CHECK_STR(family__arg("naive_conv_fwd_nchw_fp32", 16), "out");
	CHECK_STR(family__arg("naive_conv_ab_nonpacked_fwd_nchw_float_double_float", 32), "out");
	CHECK(!family__arg("naive_conv_ab_nonpacked_fwd_nchw_float_double_float", 16)); /* alpha */
	CHECK_STR(family__find("Im2d2Col_v2")->algorithm, "GEMM");
	CHECK_STR(family__find("miopenSp3AsmConv_group_20_5_23_M")->algorithm, "WINOGRAD");
	CHECK(!family__find("vector_add") && !family__find(NULL));
	CHECK(!family__is_convolution("Cijk_Ailk_Bljk_SB_MT128x64x8") && family__find("Cijk_Ailk_Bljk_SB_MT128x64x8"));
}

int main(void)
{
	pid = (uint32_t)getpid();
	test_table();
	test_families();
	test_mtype();
	test_mtype_cc();
	test_kernarg();
	test_fine();
	test_evicted();
	test_places();
	test_agent_alone();
	test_dangling();
	test_retry();
	test_hang();
	test_parameters();
	test_mixed();
	test_kdb();
	test_no_code();
	END_TESTS;
}
