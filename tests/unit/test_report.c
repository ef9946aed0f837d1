// SPDX-License-Identifier: MIT
/* What the report says of traces no device would give in one run. */
#include "synthetic.h"
#include "../../usr/report/text.h"

#include <errno.h>

#define PID 700u

static char *text_of(const struct model *m, unsigned int width)
{
	struct text_options o = {.width = width, .dir = "trace"};
	struct buf b = {0};

	report_text(m, NULL, &o, &b);
	return b.s;
}

/* Spaces and line breaks between words are the layout's business. */
static bool says(const char *text, const char *words)
{
	const char *t = text, *w;

	for (; *t; t++) {
		const char *at = t;

		for (w = words; *w && *at; w++, at++) {
			if (*w != ' ' && *w != *at)
				break;
			if (*w == ' ' && *at != ' ' && *at != '\n')
				break;
			while (*w == ' ' && (at[1] == ' ' || at[1] == '\n'))
				at++;
		}
		if (!*w)
			return true;
	}
	return false;
}

static void check_width(const char *text, unsigned int width)
{
	for (const char *line = text, *end; (end = strchr(line, '\n')); line = end + 1)
		CHECK((size_t)(end - line) <= width);
}

/* A buffer whose memory type is not what KFD gives for its flags is marked, and only that. */
static void test_unexpected(void)
{
	struct model m;
	char *text;

	for (unsigned int width = 80; width <= 160; width += 40) {
		begin();
		put_bo_flags(true, (uint32_t)getpid(), 1, 0x7f0000010000, 0x4000, 1, 100);
		put_bo_flags(true, (uint32_t)getpid(), 2, 0x7f0000020000, 0x4000, 1u << 26 | 2,
			     110);
		put_bo_flags(true, (uint32_t)getpid(), 3, 0x7f0000030000, 0x4000, 1u << 25 | 4,
			     120);
		put_ptes((uint32_t)getpid(), 0x7f0000010, 0x7f0000014, PTE_OF(2), 200);
		put_ptes((uint32_t)getpid(), 0x7f0000020, 0x7f0000024, PTE_OF(0) | PTE_HOST, 210);
		put_ptes((uint32_t)getpid(), 0x7f0000030, 0x7f0000034, PTE_OF(3) | PTE_HOST, 220);
		put_alloc(0x7f0000010000, 64, 300);
		m = end();
		text = text_of(&m, width);
		CHECK(says(text, " CC (expected NC)"));
		CHECK(says(text, " NC SYSTEM SNOOPED (expected UC)"));
		CHECK(says(text, " UC SYSTEM SNOOPED "));
		CHECK(!says(text, " UC SYSTEM SNOOPED (expected"));
		CHECK(says(text, "MTYPE_CC: 1 of 3 page-table updates (kernel driver)"));
		CHECK(says(text, "(entries read as gfx10.1's)"));
		check_width(text, width);
		free(text);
		model__free(&m);
	}
	/* gfx11's driver goes by more than these flags; gfx9 has its type elsewhere. */
	for (unsigned int gfx = 110000; gfx; gfx = gfx == 110000 ? 90000 : 0) {
		begin();
		put_bo_flags(true, PID, 1, 0x10000, 0x4000, 1, 100);
		put_ptes(PID, 0x10, 0x14, 0x71 | (gfx == 90000 ? 2ull << 57 : 3ull << 48), 200);
		m = end_of(gfx);
		text = text_of(&m, 80);
		CHECK(says(text,
			   gfx == 90000 ? "MTYPE_CC: 1 of 1 page-table update" : "0x00000001 UC"));
		CHECK(!says(text, "expected"));
		free(text);
		model__free(&m);
	}
}

/* What uncached memory is remarkable for is never cut, however narrow. */
static void test_uncached(void)
{
	const uint32_t flags = 1u << 26 | 1u << 25;
	struct model m;
	char *text;

	for (unsigned int width = 80; width <= 120; width += 20) {
		begin();
		put_bo_flags(true, (uint32_t)getpid(), 1, 0x7f0000010000, 0x4000, flags | 1, 100);
		put_bo_flags(true, (uint32_t)getpid(), 2, 0x7f0000200000, 0x180000, flags | 4, 110);
		put_ptes((uint32_t)getpid(), 0x7f0000010, 0x7f0000014, PTE_OF(3), 200);
		put_ptes((uint32_t)getpid(), 0x7f0000200, 0x7f0000380, PTE_OF(3) | PTE_HOST, 220);
		put_alloc(0x7f0000010000, 64, 300);
		put_alloc(0x7f0000200000, 0x101000, 300);
		m = end();
		text = text_of(&m, width);
		CHECK(says(text, width < 100 ? " VRAM coh. uncached UC" : " VRAM coherent uncached"));
		CHECK(says(text, width < 100 ? " USERPTR coh. uncached UC SYSTEM SNOOPED " : " USERPTR coherent uncached"));
		check_width(text, width);
		free(text);
		model__free(&m);
	}
}

/* The line is there whenever it can be asked for, and says why it knows nothing. */
static void test_mtype_cc(void)
{
	struct model m;
	char *text;

	begin();
	put_hook("page-table entries by range (raw_tp/amdgpu_vm_update_ptes)", 0,
		 "no such tracepoint");
	put_bo(true, PID, 1, 0x10000, 0x4000, 100);
	m = end();
	text = text_of(&m, 80);
	CHECK(says(text,
		   "MTYPE_CC: not known: page tables were not recorded (no such tracepoint)"));
	free(text);
	model__free(&m);

	begin();
	put_hook("page-table entries by range (raw_tp/amdgpu_vm_update_ptes)", 1, "-");
	m = end();
	text = text_of(&m, 80);
	CHECK(says(text, "MTYPE_CC: no page-table update was seen"));
	free(text);
	model__free(&m);

	begin();
	put_ptes(PID, 0x10, 0x14, PTE_OF(0), 100);
	stream_proc__lost(&kernel, LOSS_ring_full, 12, true);
	m = end();
	text = text_of(&m, 80);
	CHECK(says(text, "MTYPE_CC: 0 of 1 page-table update (kernel driver; 12 of its events were lost)"));
	free(text);
	model__free(&m);
}

/* Where a page fault lies when only the driver's side was recorded. */
static void test_places(void)
{
	struct ev_gpu_iv iv = {.pid = PID, .client_id = 0x1b, .vmid = 8, .pasid = 5};
	struct ev_bo_create create = {.pid = PID, .bo = 4, .pages = 4, .preferred = 2};
	struct ev_vm_bo_map map = {.pid = PID, .bo = 4, .vm = 1, .start = 0x50, .last = 0x53};
	struct model m;
	char *text;

	begin();
	put_bo(true, PID, 1, 0x10000, 0x4000, 100);
	put_bo(true, PID, 2, 0x20000, 0x4000, 110);
	put_bo_free(true, PID, 2, 120);
	stream__write(&k, EV_bo_create, &create, sizeof(create), 1, 125);
	stream__write(&k, EV_vm_bo_map, &map, sizeof(map), 1, 130);
	put_ptes(PID, 0x10, 0x14, PTE_OF(0), 140);
	for (uint32_t page = 0x12; page < 0x72; page += 0x10) {
		iv.data0 = page;
		stream__write(&k, EV_gpu_iv, &iv, sizeof(iv), 0, 1120 + page);
	}
	m = end();
	text = text_of(&m, 100);
	CHECK(says(
		text,
		"page fault at 0x12000, read, VMID 8 in KFD buffer 0x10000 (16 KiB, VRAM), 8192 "
		"bytes "
		"into it its page-table entry was: NC|VALID|EXECUTABLE|READABLE|WRITEABLE (0x71)"));
	CHECK(says(text, "page fault at 0x22000, read, VMID 8 in freed KFD buffer 0x20000 (16 KiB, "
			 "VRAM), 8192 "
			 "bytes into it, freed 1.0us before"));
	CHECK(says(text, "page fault at 0x32000, read, VMID 8 in no buffer that was seen"));
	CHECK(says(text, "page fault at 0x52000, read, VMID 8 in a range of bo#4 (16 KiB, GTT (0x2)), which "
			 "KFD did not allocate"));
	free(text);
	model__free(&m);
}

static void put_dispatch(struct stream *s, uint64_t ts)
{
	struct ev_dispatch x = {.queue_id = 1};
	uint8_t packet[64] = {2}; /* HSA_PACKET_TYPE_KERNEL_DISPATCH */
	uint8_t *at = stream__reserve(s, EV_dispatch, sizeof(x) + 4 + sizeof(packet), 1, ts);

	memcpy(at, &x, sizeof(x));
	at = stream__put_bytes(at + sizeof(x), packet, sizeof(packet));
	stream__put_bytes(at, NULL, 0);
	stream__commit(s);
}

/* A thread that was idle for long has old events, whose ends in other streams are overwritten: of them it is
 * not known what became. */
static void test_ring(void)
{
	for (int ring = 0; ring < 2; ring++) {
		struct ev_emu_device device = {.gfx_target_version = 100100};
		struct ev_pool_free free_ = {.va = 5};
		uint8_t *at;
		struct stream busy;
		struct model m;
		char *text;

		begin();
		if (ring)
			CHECK_EQ(stream_proc__limit(&agent, STREAM_LIMIT_MIN), 0);
		stream__open(&a, &agent, "1", 0, 0);
		stream__open(&busy, &agent, "2", 0, 0);
		at = stream__reserve(&e, EV_emu_device, sizeof(device) + 2, 1, 1000000);
		memcpy(at, &device, sizeof(device));
		stream__put_text(at + sizeof(device), "x", 1);
		stream__commit(&e);
		put_alloc(0x7f0000010000, 64, 2000000);
		put_dispatch(&a, 2100000);
		for (uint64_t i = 0; i < 5000; i++)
			stream__write(&busy, EV_pool_free, &free_, sizeof(free_), 2, 3000000 + i);
		stream__close(&busy);
		m = end();
		text = text_of(&m, 120);
		CHECK_EQ(says(text, "ring mode:"), ring);
		CHECK_EQ(says(text, "older events were overwritten; the trace begins at 2."), ring);
		CHECK_EQ(says(text, "not finished: a kernel of unknown name"), !ring);
		CHECK_EQ(says(text, " +\n"), !ring); /* lived */
		CHECK(!says(text, "left out"));
		free(text);
		model__free(&m);
	}
}

static void put_library(uint32_t pid, uint64_t late_ns, uint32_t calls, int error, const char *path)
{
	const struct ev_api_library x = {.pid = pid, .late_ns = late_ns, .calls = calls, .error = error};
	uint8_t *at = stream__reserve(&r, EV_api_library, sizeof(x) + strlen(path) + 1, 1, 1000);

	memcpy(at, &x, sizeof(x));
	stream__put_text(at + sizeof(x), path, strlen(path));
	stream__commit(&r);
}

/* Libraries whose calls were not seen, and what is known of why. */
static void test_libraries(void)
{
	struct model m;
	char *text;

	begin();
	put_library(PID, 5000, 46, 0, "/opt/libMIOpen.so.1");
	put_library(0, 0, 12, 0, "/opt/librocblas.so.0");
	put_library(PID + 1, 7000, 0, -ESRCH, "libMIOpen.so.1");
	put_library(PID + 1, 7000, 0, -ECANCELED, "libamdhip64.so.5");
	put_library(PID + 1, 7000, 0, -ENOENT, "/opt/libhsa-runtime64.so.1");
	m = end();
	text = text_of(&m, 120);
	CHECK(says(text, "calls of /opt/libMIOpen.so.1: 46 functions, from 5.0us after it was mapped: any before "
			 "that are missing"));
	CHECK(says(text, "calls of /opt/librocblas.so.0: 12 functions, all from the beginning"));
	CHECK(says(text, "no calls of libMIOpen.so.1, unless it was one of the others of that name: its process ended "
			 "before it could be probed"));
	CHECK(says(text, "no calls of libamdhip64.so.5: it was mapped as the recording ended"));
	CHECK(says(text, "no calls of /opt/libhsa-runtime64.so.1: it has none of them"));
	free(text);
	model__free(&m);
}

int main(void)
{
	test_libraries();
	test_unexpected();
	test_uncached();
	test_mtype_cc();
	test_places();
	test_ring();
	END_TESTS;
}
