// SPDX-License-Identifier: MIT
/*
 * Packets as ROCr and HIP seldom or never write them, each with its effect checked: AQL packets of
 * all types and every error a queue can end with, SDMA packets one by one on a queue of our own.
 * Kernels are a few instructions written here. One argument: errors, barriers, order, sdma.
 */
#include "hsa_kernel.h"

#include <dlfcn.h>
#include <hsa/hsa_ext_amd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static unsigned int failures, checks;

static void check(bool ok, const char *what, unsigned long long got, unsigned long long want)
{
	checks++;
	if (ok)
		return;
	failures++;
	printf("%s: 0x%llx, not 0x%llx\n", what, got, want);
}
#define CHECK_EQ(what, got, want)                                                                  \
	do {                                                                                       \
		unsigned long long g_ = (unsigned long long)(got), w_ = (unsigned long long)(want); \
		check(g_ == w_, what, g_, w_);                                                     \
	} while (0)

#define S_TRAP_2 0xbf920002u
#define ILLEGAL 0xbeffff00u /* SOP1 without such an opcode */
/* v_mov_b32 v0, lit; v_mov_b32 v1, lit; global_load_dword v2, v[0:1], off */
#define LOAD_FROM(lo, hi) 0x7e0002ffu, lo, 0x7e0202ffu, hi, 0xdc308000u, 0x027d0000u
static hsa_status_t queue_error;
static int queue_errors;
static void on_error(hsa_status_t status, hsa_queue_t *q, void *data)
{
	(void)q;
	(void)data;
	queue_error = status;
	__atomic_fetch_add(&queue_errors, 1, __ATOMIC_SEQ_CST);
}

static hsa_queue_t *queue(void)
{
	hsa_queue_t *q;

	HSA(hsa_queue_create(gpu, 64, HSA_QUEUE_TYPE_MULTI, on_error, NULL, UINT32_MAX, UINT32_MAX, &q));
	return q;
}

/* ---- errors ---- */

static void expect_error(const char *what, const void *packet, hsa_status_t want)
{
	hsa_queue_t *q = queue();

	queue_error = HSA_STATUS_SUCCESS;
	queue_errors = 0;
	put(q, packet);
	for (int i = 0; i < 2000 && !__atomic_load_n(&queue_errors, __ATOMIC_SEQ_CST); i++)
		usleep(1000);
	CHECK_EQ(what, queue_error, want);
	HSA(hsa_queue_destroy(q));
}

static void errors(void)
{
	const uint64_t end = KERNEL(0, S_ENDPGM);
	const hsa_kernel_dispatch_packet_t good = dispatch_of(end, NULL);
	hsa_kernel_dispatch_packet_t p;
	hsa_amd_barrier_value_packet_t v = {.header = {.header = HSA_PACKET_TYPE_VENDOR_SPECIFIC,
						       .AmdFormat = 99}};

	p = good, p.setup = 0;
	expect_error("no dimensions", &p, HSA_STATUS_ERROR_INCOMPATIBLE_ARGUMENTS);
	p = good, p.grid_size_x = 0;
	expect_error("empty grid", &p, HSA_STATUS_ERROR_INCOMPATIBLE_ARGUMENTS);
	p = good, p.workgroup_size_y = 2;
	expect_error("a second dimension in one", &p, HSA_STATUS_ERROR_INCOMPATIBLE_ARGUMENTS);
	p = good, p.group_segment_size = 65537;
	expect_error("LDS", &p, HSA_STATUS_ERROR_INVALID_ALLOCATION);
	p = good, p.kernel_object = 0;
	expect_error("no code", &p, HSA_STATUS_ERROR_INVALID_CODE_OBJECT);
	p = good, p.workgroup_size_x = 1025, p.grid_size_x = 1025;
	expect_error("workgroup of 1025", &p, HSA_STATUS_ERROR_INVALID_ARGUMENT);
	p = good, p.workgroup_size_x = p.grid_size_x = 1024, p.kernel_object = KERNEL(31, S_ENDPGM);
	expect_error("1024 times 256 VGPRs", &p, HSA_STATUS_ERROR_INVALID_ISA);
	p = good, p.header = HSA_PACKET_TYPE_AGENT_DISPATCH;
	expect_error("agent dispatch", &p, HSA_STATUS_ERROR_INVALID_PACKET_FORMAT);
	p = good, p.header = 77;
	expect_error("packet type 77", &p, HSA_STATUS_ERROR_INVALID_PACKET_FORMAT);
	expect_error("vendor format 99", &v, HSA_STATUS_ERROR_INVALID_PACKET_FORMAT);
	p = good, p.kernel_object = KERNEL(0, LOAD_FROM(0, 0xdead0000u), S_ENDPGM);
	expect_error("a load beyond 47 bits", &p, (hsa_status_t)HSA_STATUS_ERROR_MEMORY_APERTURE_VIOLATION);
	p = good, p.kernel_object = KERNEL(0, ILLEGAL, S_ENDPGM);
	expect_error("illegal instruction", &p, (hsa_status_t)HSA_STATUS_ERROR_ILLEGAL_INSTRUCTION);
	p = good, p.kernel_object = KERNEL(0, S_TRAP_2, S_ENDPGM);
	expect_error("s_trap 2", &p, HSA_STATUS_ERROR_EXCEPTION);
}

/* ---- barriers ---- */

/* A packet that waits, and a kernel behind it that counts. */
static void expect_waits(const char *what, const void *barrier, hsa_signal_t open,
			 hsa_signal_value_t value)
{
	uint64_t *counter = memory(4096), **kernarg = memory(4096);
	hsa_kernel_dispatch_packet_t p = dispatch_of(KERNEL(0, COUNT_UP), kernarg);
	hsa_queue_t *q = queue();

	*kernarg = counter;
	p.completion_signal = new_signal(1);
	put(q, barrier);
	put(q, &p);
	usleep(20000);
	CHECK_EQ(what, *counter, 0);
	hsa_signal_store_screlease(open, value);
	check(reaches(p.completion_signal, 0), what, 1, 0);
	CHECK_EQ(what, (uint32_t)*counter, 1);
	HSA(hsa_queue_destroy(q));
}

static void barriers(void)
{
	hsa_barrier_and_packet_t all = {.header = HSA_PACKET_TYPE_BARRIER_AND |
						  1 << HSA_PACKET_HEADER_BARRIER};
	hsa_barrier_or_packet_t any = {.header = HSA_PACKET_TYPE_BARRIER_OR |
						 1 << HSA_PACKET_HEADER_BARRIER};
	hsa_amd_barrier_value_packet_t v = {.header = {.header = HSA_PACKET_TYPE_VENDOR_SPECIFIC |
								 1 << HSA_PACKET_HEADER_BARRIER,
						       .AmdFormat = HSA_AMD_PACKET_TYPE_BARRIER_VALUE}};
	static const struct {
		hsa_signal_condition32_t cond;
		hsa_signal_value_t shut, open;
	} conditions[] = {{HSA_SIGNAL_CONDITION_EQ, 1, 0x1234},
			  {HSA_SIGNAL_CONDITION_NE, 0x34, 7},
			  {HSA_SIGNAL_CONDITION_LT, 0x34, 0x33},
			  {HSA_SIGNAL_CONDITION_GTE, 0x33, 0x34}};

	for (int i = 0; i < 5; i++)
		all.dep_signal[i] = any.dep_signal[i] = new_signal(i == 3);
	expect_waits("barrier-AND of five", &all, all.dep_signal[3], 0);
	for (int i = 0; i < 5; i++)
		any.dep_signal[i] = new_signal(i + 1);
	expect_waits("barrier-OR of five", &any, any.dep_signal[4], 0);
	for (int i = 0; i < 4; i++) {
		v.signal = new_signal(conditions[i].shut);
		v.cond = conditions[i].cond;
		v.mask = 0xff;
		v.value = 0x34;
		expect_waits("barrier-value", &v, v.signal, conditions[i].open);
	}
}

/* ---- order: 300 kernels in a ring of 64, all scopes, one counter ---- */

/* The device says how fast it is (hsa-tools/emu/emu.h). */
extern uint64_t rdna1_emu_ns_per_1k_insns __attribute__((weak));

static void order(void)
{
	uint64_t *counter = memory(4096), **kernarg = memory(4096);
	hsa_kernel_dispatch_packet_t p = dispatch_of(KERNEL(0, COUNT_UP), kernarg);
	hsa_signal_t last = new_signal(300);
	hsa_queue_t *q = queue();

	*kernarg = counter;
	for (unsigned int i = 0; i < 300; i++) {
		while (hsa_queue_load_write_index_relaxed(q) - hsa_queue_load_read_index_scacquire(q) >=
		       q->size)
			;
		p.header = (uint16_t)(HSA_PACKET_TYPE_KERNEL_DISPATCH |
				      (i & 1) << HSA_PACKET_HEADER_BARRIER |
				      i % 3 << HSA_PACKET_HEADER_SCACQUIRE_FENCE_SCOPE |
				      i / 3 % 3 << HSA_PACKET_HEADER_SCRELEASE_FENCE_SCOPE);
		p.completion_signal = last;
		put(q, &p);
	}
	check(reaches(last, 0), "300 completions", (unsigned long long)hsa_signal_load_relaxed(last), 0);
	CHECK_EQ("counted", (uint32_t)*counter, 300);
	if (&rdna1_emu_ns_per_1k_insns)
		check(rdna1_emu_ns_per_1k_insns > 0, "ns per 1000 instructions", 0, 1);
	HSA(hsa_queue_destroy(q));
}

/* ---- SDMA ---- */

/* hsakmttypes.h, whose package no ROCm program needs */
struct queue_resource {
	uint64_t id;
	volatile uint64_t *doorbell, *wptr, *rptr;
	volatile int64_t *error_reason;
};
#define HSA_QUEUE_SDMA 2

static struct queue_resource engine;
static uint32_t *sdma_ring;
static uint64_t wptr; /* bytes */
#define RING_BYTES 65536u

static void emit(const uint32_t *packet, size_t dwords)
{
	for (size_t i = 0; i < dwords; i++, wptr += 4)
		sdma_ring[wptr % RING_BYTES / 4] = packet[i];
}
#define EMIT(...) emit((const uint32_t[]){__VA_ARGS__}, sizeof((const uint32_t[]){__VA_ARGS__}) / 4)
#define VA(p) (uint32_t)(uintptr_t)(p), (uint32_t)((uint64_t)(uintptr_t)(p) >> 32)

/* Ring, and wait until a fence at the end has been written. */
static bool run(void)
{
	static uint32_t *fence, value;

	if (!fence)
		fence = memory(4096);
	EMIT(5, VA(fence), ++value);
	*engine.wptr = wptr;
	__atomic_store_n(engine.doorbell, wptr, __ATOMIC_RELEASE);
	for (int i = 0; i < 2000000 && __atomic_load_n(fence, __ATOMIC_ACQUIRE) != value; i++)
		usleep(1);
	return *fence == value;
}

static void sdma_copies(uint8_t *a, uint8_t *b)
{
	for (int i = 0; i < 65536; i++)
		a[i] = (uint8_t)(i * 7 + i / 256);
	EMIT(1, 4999, 0, VA(a + 3), VA(b + 1)); /* COPY_LINEAR of 5000 bytes, unaligned */
	check(run(), "linear copy", 0, 1);
	CHECK_EQ("linear copy", memcmp(b + 1, a + 3, 5000), 0);
	CHECK_EQ("not one byte more", b[0] | b[5001], 0);
	/* COPY_LINEAR_RECT, elements of 4 bytes: 5 x 3 x 2 at (2,1,1) to (1,2,0) */
	memset(b, 0, 65536);
	EMIT(1 | 4 << 8 | 2u << 29, VA(a), 2 | 1 << 16, 1 | 15 << 13, 16 * 8 - 1, VA(b), 1 | 2 << 16,
	     0 | 9 << 13, 10 * 6 - 1, 4 | 2 << 16, 1);
	check(run(), "rectangle", 0, 1);
	for (int z = 0; z < 2; z++)
		for (int y = 0; y < 3; y++) {
			const uint8_t *from = a + 4 * ((1 + z) * 128 + (1 + y) * 16 + 2);

			CHECK_EQ("rectangle", memcmp(b + 4 * (z * 60 + (2 + y) * 10 + 1), from, 20), 0);
		}
	CHECK_EQ("beside the rectangle", b[4 * (2 * 10)] | b[4 * (2 * 10 + 6)], 0);
	/* CONST_FILL of bytes, halves and dwords */
	for (uint32_t size = 0; size < 3; size++) {
		const uint32_t v = 0x04030201;

		memset(b, 0xee, 256);
		EMIT(11 | size << 30, VA(b + 64), v, 31);
		check(run(), "fill", 0, 1);
		for (uint32_t i = 0; i < 32; i++)
			CHECK_EQ("fill", b[64 + i], (uint8_t)(v >> (8 * (i & ((1u << size) - 1)))));
		CHECK_EQ("not past the fill", b[63] & b[96], 0xee);
	}
}

static void sdma(void)
{
	uint8_t *a = memory(65536), *b = memory(65536);
	volatile uint32_t *word = memory(4096);
	uint64_t *quad = memory(4096);
	void *thunk = dlopen("libhsakmt.so.1", RTLD_NOW);
	int (*create)(uint32_t, int, uint32_t, int, void *, uint64_t, void *, struct queue_resource *) =
		thunk ? (__typeof__(create))dlsym(thunk, "hsaKmtCreateQueue") : NULL;
	uint32_t node = 0;

	HSA(hsa_agent_get_info(gpu, HSA_AGENT_INFO_NODE, &node));
	sdma_ring = memory(RING_BYTES);
	if (!create || create(node, HSA_QUEUE_SDMA, 100, 0, sdma_ring, RING_BYTES, NULL, &engine)) {
		puts("cannot make an SDMA queue");
		exit(1);
	}
	sdma_copies(a, b);
	EMIT(0 | 2 << 16, 0xffffffff, 0xffffffff); /* NOP that skips two dwords */
	*quad = 0xfffffffffull;
	EMIT(10 | 47u << 25, VA(quad), 2, 1, 0, 0, 0); /* ATOMIC add64 */
	EMIT(13 | 2 << 8, VA(quad + 2));	       /* TIMESTAMP get global */
	EMIT(17 | 1 << 8, 0, 0, 0, 0);		       /* GCR */
	check(run(), "nop, atomic, timestamp, gcr", 0, 1);
	CHECK_EQ("atomic add64", *quad, 0x200000001ull + 0xe00000000ull + 0x100000000ull);
	check(quad[2] != 0, "timestamp", 0, 1);
	/* POLL_REGMEM: equal, under a mask; the fence behind it waits */
	*word = 0x11;
	EMIT(8 | 3u << 28 | 1u << 31, VA(word), 0x20, 0xf0, 0xfff << 16);
	*engine.wptr = wptr;
	__atomic_store_n(engine.doorbell, wptr, __ATOMIC_RELEASE);
	usleep(10000);
	CHECK_EQ("poll waits", *engine.rptr + 24, wptr);
	__atomic_store_n(word, 0x2f, __ATOMIC_RELEASE);
	check(run(), "poll", 0, 1);
	/* A thousand packets, so that the ring wraps around several times. */
	for (int i = 0; i < 1000; i++) {
		EMIT(1, 3, 0, VA(a), VA(b));
		for (int n = 0; n < 9; n++)
			EMIT(0 | 3 << 16, 1, 1, 1);
		check(run(), "around the ring", 0, 1);
	}
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} modes[] = {{"errors", errors}, {"barriers", barriers}, {"order", order}, {"sdma", sdma}};

	start_hsa();
	for (unsigned int i = 0; argc > 1 && i < sizeof(modes) / sizeof(modes[0]); i++)
		if (!strcmp(argv[1], modes[i].name))
			modes[i].run();
	printf("%u checks, %u failures\n", checks, failures);
	return !checks || failures;
}
