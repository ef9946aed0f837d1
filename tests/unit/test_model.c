// SPDX-License-Identifier: MIT
/* What the model makes of traces no device would give in one run. */
#include "synthetic.h"
#include "../../usr/analysis/pagetable.h"

/* The same address given out again and again: each allocation is its own, in its own buffer. */
static void test_reuse(void)
{
	uint32_t pid = (uint32_t)getpid();
	struct model m;
	struct place p;

	begin();
	for (uint64_t i = 0; i < 50; i++) {
		put_bo(true, pid, 100 + i, 0x10000, 0x1000 * (1 + i), 1000 + 100 * i);
		put_alloc(0x10000, 64 + i, 1010 + 100 * i);
		put_free(0x10000, 1050 + 100 * i);
		put_bo_free(true, pid, 100 + i, 1060 + 100 * i);
	}
	m = end();
	CHECK_EQ(m.allocs.n, 50);
	CHECK_EQ(m.bos.n, 50);
	for (uint64_t i = 0; i < 50; i++) {
		CHECK_EQ(m.allocs.v[i].size, 64 + i);
		CHECK_EQ(m.allocs.v[i].end_ns, 1050 + 100 * i);
		CHECK_EQ(m.allocs.v[i].bo, i + 1);
		CHECK_EQ(m.bos.v[i].end_ns, 1060 + 100 * i);
		CHECK_EQ(m.bos.v[i].allocs, 1);
	}
	p = model__place(&m, pid, 0x10000 + 70, 1000 + 100 * 20 + 20);
	CHECK(p.inside == &m.allocs.v[20]);
	p = model__place(&m, pid, 0x10000, 1000 + 100 * 20 + 55);
	CHECK(!p.inside && p.inside_freed == &m.allocs.v[20]);
	CHECK(!model__bo_at(&m, pid, 0x10000, 999));
	CHECK(model__bo_at(&m, pid, 0x10000, 1005) == &m.bos.v[0]);
	CHECK(!model__bo_at(&m, pid, 0x10000, 1061));
	model__free(&m);
}

/* eBPF counts from its first event on; what the device's log said before is forgotten. */
static void test_two_logs(void)
{
	uint32_t pid = (uint32_t)getpid();
	struct model m;

	begin();
	put_bo(false, pid, 1, 0x10000, 0x1000, 100);
	put_bo(true, pid, 1, 0x10000, 0x1000, 101);
	put_bo(false, pid, 2, 0x20000, 0x1000, 110);
	put_bo(true, pid, 2, 0x20000, 0x1000, 111);
	put_alloc(0x20000, 16, 120);
	put_bo_free(false, pid, 1, 130);
	put_bo_free(true, pid, 1, 131);
	put_ioctl(true, pid, AMDKFD_IOC_WAIT_EVENTS, NULL, 0, -512, 140);
	put_ioctl(true, pid, AMDKFD_IOC_SVM, NULL, 0, -22, 141);
	put_ioctl(true, pid, AMDKFD_IOC_SVM, NULL, 0, -22, 142);
	put_ioctl(true, pid, 0x5401, NULL, 0, -22, 143); /* not KFD's */
	m = end();
	CHECK(m.kernel_side);
	CHECK_EQ(m.bos.n, 2);
	CHECK_EQ(m.bos.v[0].end_ns, 131);
	CHECK_EQ(m.allocs.v[0].bo, 2);
	CHECK_EQ(m.ioctls, 6);
	CHECK_EQ(m.failed_ioctls, 2);
	CHECK_EQ(m.failed.list.n, 1);
	CHECK_EQ(m.failed.list.v[0].count, 2);
	CHECK_EQ(m.failed.list.v[0].err, 22);
	CHECK_EQ(m.interrupted_ioctls, 1);
	model__free(&m);
}

/* Where an address lies: live, freed, past the end, below everything; another process's is not
 * ours. */
static void test_place(void)
{
	uint32_t pid = (uint32_t)getpid();
	struct model m;
	struct place p;

	begin();
	put_alloc(0x1000, 0x100, 100);
	put_alloc(0x3000, 0x100, 110);
	put_free(0x1000, 200);
	m = end();
	p = model__place(&m, pid, 0x1080, 150);
	CHECK(p.inside == &m.allocs.v[0] && !p.inside_freed);
	p = model__place(&m, pid, 0x1080, 250);
	CHECK(!p.inside && p.inside_freed == &m.allocs.v[0]);
	p = model__place(&m, pid, 0x1100, 150);
	CHECK(!p.inside && p.below == &m.allocs.v[0]);
	p = model__place(&m, pid, 0x4000, 150);
	CHECK(p.below == &m.allocs.v[1]);
	p = model__place(&m, pid, 0xfff, 150);
	CHECK(!p.inside && !p.below && !p.inside_freed);
	p = model__place(&m, pid + 1, 0x1080, 150);
	CHECK(!p.inside && !p.below);
	model__free(&m);
}

/* exec closes the device: what the process had is gone, the address can be someone else's. */
static void test_exec(void)
{
	struct ev_agent_start start = {0};
	struct ev_proc_exec exec = {.pid = (uint32_t)getpid()};
	struct model m;
	uint8_t *at;

	begin();
	at = stream__reserve(&a, EV_agent_start, sizeof(start) + 4, 1, 90);
	memcpy(at, &start, sizeof(start));
	stream__put_text(stream__put_text(at + sizeof(start), "a", 1), "", 0);
	stream__commit(&a);
	put_alloc(0x1000, 0x100, 100);
	at = stream__reserve(&k, EV_proc_exec, sizeof(exec) + 5, 1, 200);
	memcpy(at, &exec, sizeof(exec));
	stream__put_text(at + sizeof(exec), "next", 4);
	stream__commit(&k);
	put_alloc(0x1000, 0x200, 300);
	m = end();
	CHECK_EQ(m.allocs.v[0].end_ns, 200);
	CHECK_EQ(m.allocs.v[1].end_ns, 0);
	CHECK_EQ(m.processes.n, 1);
	CHECK_STR(m.processes.v[0].exe, "next");
	model__free(&m);
}

static void put_agent_start(struct stream *s, uint64_t ts)
{
	struct ev_agent_start x = {0};
	uint8_t *at = stream__reserve(s, EV_agent_start, sizeof(x) + 4, 1, ts);

	memcpy(at, &x, sizeof(x));
	stream__put_text(stream__put_text(at + sizeof(x), "-", 1), "-", 1);
	stream__commit(s);
}

/* Who uses the driver without the agent is missed; who only asks its version is not. */
static void test_agentless(void)
{
	uint32_t pid = (uint32_t)getpid();
	const struct agentless_process *p;
	struct model m;

	begin();
	put_ioctl(true, 7, AMDKFD_IOC_GET_VERSION, NULL, 0, 0, 100);
	put_ioctl(true, 8, AMDKFD_IOC_CREATE_QUEUE, NULL, 0, -1, 110); /* refused: a forked child */
	put_bo(true, 9, 1, 0x10000, 0x1000, 120);
	put_bo(true, pid, 2, 0x20000, 0x1000, 130);
	put_agent_start(&a, 140);
	m = end();
	p = agentless__get(&m.agentless, 0);
	CHECK(p && p->pid == 9 && !p->exe);
	CHECK(!agentless__get(&m.agentless, 1));
	model__free(&m);

	/* An agent of a process that nobody else saw may be that of the one that is missed. */
	begin();
	put_bo(false, 9, 1, 0x10000, 0x1000, 120);
	put_agent_start(&a, 140);
	m = end();
	CHECK(!agentless__get(&m.agentless, 0));
	model__free(&m);

	/* It has another number there. */
	begin();
	stream__write(&k, EV_proc_ns, &(struct ev_proc_ns){.pid = 9, .ns_pid = pid}, sizeof(struct ev_proc_ns), 1, 90);
	put_bo(true, 9, 1, 0x10000, 0x1000, 120);
	put_agent_start(&a, 140);
	m = end();
	CHECK(!agentless__get(&m.agentless, 0));
	model__free(&m);
}

/* seen = written + lost, by cause and by who lost it. */
static void test_accounts(void)
{
	struct account acc;
	struct model m;

	begin();
	put_alloc(0x1000, 1, 100);
	stream_proc__lost(&agent, LOSS_disk_full, 5, true);
	stream_proc__lost(&kernel, LOSS_ring_full, 7, true);
	stream_proc__lost(&kernel, LOSS_ring_full, 1, true);
	a.pending = 8; /* an event inside an event */
	CHECK(!stream__reserve(&a, EV_sync, 8, 1, 0));
	m = end();
	acc = accounts__sum(&m.accounts, SOURCE_agent);
	CHECK_EQ(acc.seen, 7);
	CHECK_EQ(acc.written, 1);
	CHECK_EQ(acc.dropped, 6);
	CHECK_EQ(acc.by_cause[LOSS_disk_full], 5);
	CHECK_EQ(acc.by_cause[LOSS_nested], 1);
	CHECK_EQ(account__unexplained(&acc), 0);
	acc = accounts__sum(&m.accounts, SOURCE_kernel);
	CHECK_EQ(acc.seen, 8);
	CHECK_EQ(acc.dropped, 8);
	model__free(&m);
}

/* The device took packet 1 before the agent read it, at its doorbell; both have ended. */
static void test_early_end(void)
{
	struct ev_queue_create q = {.queue_id = 3, .base = 0x5000};
	struct model m;

	begin();
	stream__write(&a, EV_queue_create, &q, sizeof(q), 1, 1000);
	for (uint64_t i = 0; i < 2; i++) {
		struct ev_emu_dispatch ended = {.ring = 0x5000, .index = i, .duration_ns = 70 + i};
		struct ev_dispatch x = {.queue_id = 3, .index = i};
		uint8_t packet[64] = {0}, *at;

		at = stream__reserve(&a, EV_dispatch, sizeof(x) + 4u + sizeof(packet), 1,
				     2000 + 100 * i);
		memcpy(at, &x, sizeof(x));
		at = stream__put_bytes(at + sizeof(x), packet, sizeof(packet));
		stream__put_bytes(at, NULL, 0);
		stream__commit(&a);
		stream__write(&e, EV_emu_dispatch, &ended, sizeof(ended), 1, 2050 + 20 * i);
	}
	m = end();
	CHECK_EQ(m.dispatches.n, 2);
	CHECK_EQ(m.dispatches.v[0].duration_ns, 70);
	CHECK_EQ(m.dispatches.v[1].duration_ns, 71);
	model__free(&m);
}

/* ---- the driver's side ---- */

#define PID 700u
#define TID 701u

/* As the driver's function has it; what an ALLOC ioctl asked for, or it on its own. */
static void put_mem_alloc(uint32_t tid, uint64_t va, uint64_t size, uint32_t flags, uint64_t mem,
			  uint64_t ts)
{
	struct ev_kfd_mem_alloc x = {.pid = PID,
				     .begin_dt = 30,
				     .va = va,
				     .size_bytes = size,
				     .flags = flags,
				     .mem = mem,
				     .bo = 100 + mem,
				     .domain = 4};

	stream__write(&k, EV_kfd_mem_alloc, &x, sizeof(x), tid, ts);
}

static void put_mem(uint8_t op, uint64_t mem, uint64_t ts)
{
	struct ev_kfd_mem x = {.pid = PID, .begin_dt = 5, .op = op, .mem = mem};

	stream__write(&k, EV_kfd_mem, &x, sizeof(x), TID, ts);
}

static void put_exit(uint32_t pid, uint32_t tid, uint64_t ts)
{
	struct ev_proc_exit x = {.pid = pid};

	stream__write(&k, EV_proc_exit, &x, sizeof(x), tid, ts);
}

/* By KFD_IOC_ALLOC_MEM_FLAGS_*. */
static void put_alloc_call(uint32_t tid, uint64_t handle, uint64_t va, uint32_t flags, uint64_t ts)
{
	struct kfd_ioctl_alloc_memory_of_gpu_args arg = {
		.va_addr = va, .size = 0x4000, .handle = handle, .flags = flags};
	struct ev_kfd_ioctl x = {
		.pid = PID, .begin_dt = 100, .cmd = AMDKFD_IOC_ALLOC_MEMORY_OF_GPU};
	uint8_t *at = stream__reserve(&k, EV_kfd_ioctl, sizeof(x) + 6u + sizeof(arg), tid, ts);

	memcpy(at, &x, sizeof(x));
	at = stream__put_bytes(at + sizeof(x), &arg, sizeof(arg));
	stream__put_bytes(stream__put_bytes(at, NULL, 0), NULL, 0);
	stream__commit(&k);
}

/* An ioctl and the driver's function are one buffer when one thread did both, one inside the other.
 */
static void test_join_alloc(void)
{
	struct model m;

	begin();
	/* Two threads at once, which end the other way round. */
	put_mem_alloc(TID, 0x10000, 0x4000, 1, 1, 1000);
	put_mem_alloc(TID + 1, 0x20000, 0x4000, 1, 2, 1001);
	put_alloc_call(TID + 1, 0xb, 0x20000, 1, 1010);
	put_alloc_call(TID, 0xa, 0x10000, 1, 1020);
	/* The driver's own, then a call that it has no part in: too long before, of another
	 * address. */
	put_mem_alloc(TID, 0x30000, 0x4000, 2, 3, 2000);
	put_alloc_call(TID, 0xc, 0x30000, 2, 3000);
	put_mem_alloc(TID, 0x40000, 0x4000, 2, 4, 4000);
	put_alloc_call(TID, 0xd, 0x50000, 2, 4010);
	put_mem(MEM_OP_map, 1, 5000);
	put_mem(MEM_OP_unmap, 1, 5010);
	put_mem(MEM_OP_map, 1, 5020);
	put_mem(MEM_OP_free, 1, 6000);
	m = end();
	CHECK_EQ(m.bos.n, 6);
	CHECK_EQ(m.bos.v[0].handle, 0xa);
	CHECK_EQ(m.bos.v[0].mem, 1);
	CHECK_EQ(m.bos.v[0].gem, 101);
	CHECK_EQ(m.bos.v[0].domain, 4);
	CHECK_EQ(m.bos.v[0].made_in_ns, 30);
	CHECK_EQ(m.bos.v[0].begin_ns, 1000);
	CHECK_EQ(m.bos.v[0].maps, 2);
	CHECK_EQ(m.bos.v[0].unmaps, 1);
	CHECK_EQ(m.bos.v[0].end_ns, 5995);
	CHECK_EQ(m.bos.v[1].handle, 0xb);
	CHECK_EQ(m.bos.v[1].mem, 2);
	CHECK_EQ(m.bos.v[2].handle, 0); /* driver's own, until its address had another */
	CHECK_EQ(m.bos.v[2].end_ns, 3000);
	CHECK_EQ(m.bos.v[3].handle, 0xc);
	CHECK_EQ(m.bos.v[3].mem, 0);
	CHECK_EQ(m.bos.v[4].handle, 0);
	CHECK_EQ(m.bos.v[5].handle, 0xd);
	CHECK_EQ(m.ioctls, 4);
	model__free(&m);
}

static const struct pte *pte_of(const struct model *m, size_t bo, size_t i)
{
	CHECK(m->bos.v[bo].num_ptes > i);
	return &m->ptes.v[m->bos.v[bo].first_pte + i];
}

/* A buffer is mapped in pieces; the newest entry of each page counts, FRAG and address do not. */
static void test_ptes(void)
{
	struct ev_vm_set_ptes table = {.pid = PID, .count = 1, .flags = PTE_OF(2) | 0x1000};
	uint64_t updates = 0, cc = 0;
	struct model m;

	begin();
	put_bo(true, PID, 1, 0x10000, 0x8000, 100); /* pages 0x10 to 0x17 */
	put_bo(true, PID, 2, 0x20000, 0x4000, 110);
	put_bo(true, PID, 3, 0x30000, 0x4000, 120);
	put_ptes(PID, 0x10, 0x14, PTE_OF(0) | 2 << 7, 200);
	put_ptes(PID, 0x14, 0x18, PTE_OF(0) | 0xabc000, 210);
	put_ptes(PID, 0x12, 0x13, PTE_OF(3) | PTE_HOST, 220);
	/* Not a mapping: the driver makes a fault final. */
	put_ptes(PID, 0x15, 0x16, 1ull << 4 | 1ull << 54 | 1ull << 56, 230);
	/* Taken away, all of one buffer and half of another. */
	put_ptes(PID, 0x20, 0x24, PTE_OF(0), 240);
	put_ptes(PID, 0x20, 0x24, 0, 250);
	put_ptes(PID, 0x30, 0x34, PTE_OF(1), 260);
	put_ptes(PID, 0x32, 0x80, 0, 270);
	/* Of no buffer; of another process. */
	put_ptes(PID, 0x50, 0x52, PTE_OF(2), 280);
	put_ptes(PID + 1, 0x10, 0x18, PTE_OF(2), 290);
	stream__write(&k, EV_vm_set_ptes, &table, sizeof(table), 1, 300);
	m = end();
	CHECK_EQ(m.bos.v[0].num_ptes, 2);
	CHECK_EQ(pte_of(&m, 0, 0)->flags, 0x71);
	CHECK_EQ(pte_of(&m, 0, 0)->pages, 7);
	CHECK_EQ(pte_of(&m, 0, 1)->flags, PTE_OF(3) | PTE_HOST);
	CHECK_EQ(pte_of(&m, 0, 1)->pages, 1);
	CHECK(!pte_of(&m, 0, 0)->unmapped && !pte_of(&m, 0, 1)->unmapped);
	CHECK_EQ(m.bos.v[1].num_ptes, 1);
	CHECK_EQ(pte_of(&m, 1, 0)->pages, 4);
	CHECK(pte_of(&m, 1, 0)->unmapped);
	CHECK_EQ(m.bos.v[2].num_ptes, 2);
	CHECK_EQ(pte_of(&m, 2, 0)->pages, 2);
	CHECK(!pte_of(&m, 2, 0)->unmapped && pte_of(&m, 2, 1)->unmapped);
	CHECK_EQ(m.loose.n, 1);
	CHECK_EQ(m.loose.v[0].kind, LOOSE_OTHER);
	CHECK_EQ(m.loose.v[0].pte.pages, 10);
	for (size_t i = 0; i < m.pte_sums.n; i++) {
		updates += m.pte_sums.v[i].updates;
		cc += m.pte_sums.v[i].flags >> 48 == 2 ? m.pte_sums.v[i].updates : 0;
		CHECK(!m.pte_sums.v[i].emulated);
	}
	CHECK_EQ(updates, 8);
	CHECK_EQ(cc, 3);
	model__free(&m);
}

/* A freed buffer keeps how it was mapped; the next at its address begins anew. */
static void test_freed_ptes(void)
{
	struct model m;

	begin();
	put_bo(true, PID, 1, 0x10000, 0x4000, 100);
	put_ptes(PID, 0x10, 0x14, PTE_OF(3), 110);
	put_ptes(PID, 0x10, 0x14, 0, 120);
	put_bo_free(true, PID, 1, 130);
	put_bo(true, PID, 1, 0x10000, 0x2000, 200);
	put_ptes(PID, 0x10, 0x11, PTE_OF(0), 210);
	/* What the driver does when the process has ended is no unmapping of the process's. */
	put_exit(PID, PID, 300);
	put_ptes(PID, 0x10, 0x11, 0, 310);
	m = end();
	CHECK_EQ(m.bos.n, 2);
	CHECK_EQ(m.bos.v[0].num_ptes, 1);
	CHECK_EQ(pte_of(&m, 0, 0)->flags, PTE_OF(3));
	CHECK_EQ(pte_of(&m, 0, 0)->pages, 4);
	CHECK_EQ(m.bos.v[1].num_ptes, 1);
	CHECK_EQ(pte_of(&m, 1, 0)->flags, PTE_OF(0));
	CHECK_EQ(pte_of(&m, 1, 0)->pages, 1);
	CHECK(!pte_of(&m, 1, 0)->unmapped);
	CHECK_EQ(m.loose.n, 0);
	model__free(&m);
}

/* Every page by itself, in an order of its own, against an array. */
static void test_pagetable(void)
{
	enum { PAGES = 200 };
	struct pagetable pt = {0};
	uint64_t flags[2][PAGES] = {0}, x = 1;
	bool unmapped[2][PAGES] = {0};

	for (int i = 0; i < 20000; i++) {
		uint64_t lo, hi, space, value;

		x = x * 6364136223846793005ull + 1442695040888963407ull;
		lo = x >> 33 & 127;
		hi = lo + (x >> 45 & 63) + !(x >> 60 & 1);
		space = x >> 52 & 1;
		value = 1 + (x >> 54 & 3);
		if (x >> 56 & 1)
			pagetable__map(&pt, space, lo, hi, value, 1);
		else
			pagetable__unmap(&pt, space, lo, hi, 1);
		for (uint64_t p = lo; p < hi; p++) {
			if (x >> 56 & 1)
				flags[space][p] = value;
			unmapped[space][p] = !(x >> 56 & 1) && flags[space][p];
		}
		for (uint64_t p = 0; p < 2 * PAGES && i % 16 == 0; p++) {
			const struct pt_span *span = pagetable__at(&pt, p / PAGES, p % PAGES);

			CHECK_EQ(span ? span->flags : 0, flags[p / PAGES][p % PAGES]);
			CHECK_EQ(span && span->unmapped, unmapped[p / PAGES][p % PAGES]);
		}
	}
	pagetable__free(&pt);
}

static void put_iv(uint32_t pasid, uint32_t client, uint32_t src, uint32_t data0, uint32_t data1,
		   uint64_t ts)
{
	struct ev_gpu_iv x = {.pid = pasid ? PID : 0,
			      .client_id = client,
			      .src_id = src,
			      .vmid = 8,
			      .pasid = pasid,
			      .data0 = data0,
			      .data1 = data1};

	stream__write(&k, EV_gpu_iv, &x, sizeof(x), 0, ts);
}

static void put_page_iv(uint64_t va, uint32_t bits, uint64_t ts)
{
	put_iv(5, 0x1b, 0, (uint32_t)(va >> 12), (uint32_t)(va >> 44) | bits, ts);
}

#define RETRY 0x80u
#define WRITE 0x20u

static void put_status(uint32_t pasid, uint64_t va, uint32_t status, uint64_t ts)
{
	struct ev_vm_fault_status x = {
		.pid = pasid ? PID : 0, .pasid = pasid, .va = va, .status = status};

	stream__write(&k, EV_vm_fault_status, &x, sizeof(x), 0, ts);
}

static void put_told(uint64_t va, uint64_t ts)
{
	struct ev_kfd_vm_fault x = {.pid = PID, .pasid = 5};
	uint8_t data[32] = {0},
		*at = stream__reserve(&k, EV_kfd_vm_fault, sizeof(x) + 4u + sizeof(data), TID, ts);

	memcpy(data + 16, &va, 8);
	memcpy(at, &x, sizeof(x));
	at = stream__put_bytes(at + sizeof(x), NULL, 0);
	stream__put_bytes(at, data, sizeof(data));
	stream__commit(&k);
}

/* Interrupts of one page are one fault; the driver's words about it are joined to it. */
static void test_page_faults(void)
{
	const uint64_t s = 1000000000;
	struct ev_vm_handle_fault handle = {
		.pid = PID, .pasid = 5, .va = 0x30000, .handled = 1, .begin_dt = 70};
	struct model m;

	begin();
	put_bo(true, PID, 1, 0x10000, 0x4000, 100);
	put_ptes(PID, 0x10, 0x14, PTE_OF(0), 110);
	put_ptes(PID, 0x10, 0x14, 0, 120);
	put_bo_free(true, PID, 1, 130);
	put_bo(true, PID, 2, 0x40000, 0x4000, 140);
	put_ptes(PID, 0x40, 0x44, PTE_OF(3) & ~0x40ull, 150);
	/* Of a page that was freed: two retries, for good, and once more. */
	put_page_iv(0x11000, RETRY | WRITE, s);
	put_page_iv(0x11000, RETRY | WRITE, s + 10);
	put_ptes(PID, 0x11, 0x12, 1ull << 4 | 1ull << 54 | 1ull << 56, s + 20);
	put_page_iv(0x11000, WRITE, s + 30);
	put_status(5, 0x11000, 0x801031, s + 40);
	put_status(5, 0x11000, 0x801031, s + 41);
	put_page_iv(0x11000, WRITE, s + 50);
	put_told(0x11000, s + 60);
	/* The same page much later is another fault, with a status that has no address. */
	put_page_iv(0x11000, 0, 10 * s);
	put_status(0, 0, 0x801031, 10 * s + 5);
	/* One the driver takes care of; a write to a page that may not be written. */
	put_page_iv(0x30000, RETRY, 20 * s);
	stream__write(&k, EV_vm_handle_fault, &handle, sizeof(handle), 0, 20 * s + 100);
	put_page_iv(0x41000, WRITE, 21 * s);
	/* Tried for ever; of nobody that is known. */
	put_page_iv(0x50000, RETRY, 30 * s);
	put_iv(0, 0x12, 0, 0x60, 0, 31 * s);
	m = end();
	CHECK_EQ(m.faults.n, 6);
	CHECK_EQ(m.faults.v[0].from, FAULT_PAGE);
	CHECK_EQ(m.faults.v[0].va, 0x11000);
	CHECK_EQ(m.faults.v[0].page.retries, 2);
	CHECK_EQ(m.faults.v[0].page.repeats, 1);
	CHECK(m.faults.v[0].page.final && m.faults.v[0].page.told && m.faults.v[0].page.write);
	CHECK_EQ(m.faults.v[0].page.status, 0x801031);
	CHECK_EQ(m.faults.v[0].page.vmid, 8);
	CHECK(!m.faults.v[0].page.has_pte); /* it went with the buffer */
	CHECK(model__freed_bo_at(&m, PID, 0x11000, s) == &m.bos.v[0]);
	CHECK_EQ(m.faults.v[1].va, 0x11000);
	CHECK_EQ(m.faults.v[1].page.retries, 0);
	CHECK(m.faults.v[1].page.final && !m.faults.v[1].page.told);
	CHECK_EQ(m.faults.v[1].page.status, 0x801031);
	CHECK(m.faults.v[2].page.handled);
	CHECK_EQ(m.handled_faults, 1);
	CHECK_EQ(m.handled_ns, 70);
	CHECK(m.faults.v[3].page.has_pte && !m.faults.v[3].page.unmapped);
	CHECK_EQ(m.faults.v[3].page.pte, PTE_OF(3) & ~0x40ull);
	CHECK(!m.faults.v[4].page.final);
	CHECK_EQ(m.faults.v[4].page.retries, 1);
	CHECK_EQ(m.faults.v[5].pid, 0);
	CHECK_EQ(m.faults.v[5].va, 0x60000);
	model__free(&m);
}

static void put_queue(uint32_t queue_id, uint64_t ring, uint32_t doorbell, uint64_t ts)
{
	struct kfd_ioctl_create_queue_args x = {.ring_base_address = ring,
						.queue_id = queue_id,
						.doorbell_offset =
							0xc000000000000000ull | 8 * doorbell};
	/* The driver's own number: the slice of doorbells of this process begins at the third. */
	struct ev_kfd_queue q = {.pid = PID,
				 .op = QUEUE_OP_create,
				 .queue_id = queue_id,
				 .ring = ring,
				 .doorbell_off = 3 * 1024 + 2 * doorbell};

	stream__write(&k, EV_kfd_queue, &q, sizeof(q), TID, ts - 1);
	put_ioctl(true, PID, AMDKFD_IOC_CREATE_QUEUE, &x, sizeof(x), 0, ts);
}

#define WAVE_IV(code, doorbell, ts)                                                                \
	put_iv(5, 0x14, 239, 1u << 24 | (code) << 10 | (doorbell), 0x40, ts)

/* A wave's exception names its queue by the doorbell; the agent says what ran there. */
static void test_wave_faults(void)
{
	struct ev_proc_fork fork = {.pid = 1, .child = PID};
	struct ev_proc_ns ns = {.pid = PID, .ns_pid = (uint32_t)getpid(), .ns = 9};
	struct ev_queue_create q = {.queue_id = 3, .base = 0x5000};
	struct ev_dispatch d = {.queue_id = 3, .index = 41};
	uint8_t packet[64] = {0}, *at;
	struct model m;

	begin();
	stream__write(&k, EV_proc_fork, &fork, sizeof(fork), 1, 10);
	stream__write(&k, EV_proc_ns, &ns, sizeof(ns), 1, 11);
	put_queue(7, 0x5000, 6, 100);
	put_queue(8, 0x6000, 9, 110);
	stream__write(&a, EV_queue_create, &q, sizeof(q), 1, 120);
	at = stream__reserve(&a, EV_dispatch, sizeof(d) + 4u + sizeof(packet), 1, 130);
	memcpy(at, &d, sizeof(d));
	stream__put_bytes(stream__put_bytes(at + sizeof(d), packet, sizeof(packet)), NULL, 0);
	stream__commit(&a);
	WAVE_IV(1u << 5, 6u, 200);
	WAVE_IV(1u << 5, 6u, 201);
	WAVE_IV(1u << 5, 6u, 202);
	WAVE_IV(1u << 3, 9u, 210);
	WAVE_IV(1u << 5, 77u, 220);
	/* Not by the trap handler: a wave's message. */
	put_iv(5, 0x14, 239, 0x6u, 0x40, 230);
	/* Another GPU's queue has the same doorbell. */
	put_queue(10, 0x7000, 6, 240);
	WAVE_IV(1u << 4, 6u, 250);
	m = end();
	CHECK_EQ(m.faults.n, 4);
	CHECK_EQ(m.faults.v[0].from, FAULT_WAVE);
	CHECK_EQ(m.faults.v[0].wave.codes, 1u << 5);
	CHECK_EQ(m.faults.v[0].wave.count, 3);
	CHECK_EQ(m.faults.v[0].wave.queue, 1);
	CHECK_EQ(m.hw_queues.v[0].queue_id, 7);
	CHECK(m.faults.v[0].wave.has_queue_id);
	CHECK_EQ(m.faults.v[0].queue_id, 3);
	CHECK_EQ(m.faults.v[0].wave.dispatch, 1);
	CHECK_EQ(m.faults.v[1].wave.queue, 2);
	CHECK(!m.faults.v[1].wave.has_queue_id);
	CHECK_EQ(m.faults.v[2].wave.queue, 0);
	CHECK(!m.faults.v[2].wave.several);
	CHECK(m.faults.v[3].wave.several);
	CHECK_EQ(m.hw_queues.n, 3);
	model__free(&m);
}

static void put_evict(uint8_t op, uint32_t trigger, int64_t ret, uint64_t ts)
{
	struct ev_kfd_evict x = {.pid = PID, .op = op, .trigger = trigger, .ret = ret};

	stream__write(&k, EV_kfd_evict, &x, sizeof(x), 2, ts);
}

/* Stopped twice, let go twice: the last stop ends first. */
static void test_evictions(void)
{
	struct ev_userptr_evict change = {.pid = PID, .mem = 1};
	struct model m;

	begin();
	put_mem_alloc(TID, 0x10000, 0x4000, 4, 1, 1000);
	stream__write(&k, EV_userptr_evict, &change, sizeof(change), TID, 1050);
	put_evict(EVICT_OP_evict, 2, 0, 1100);
	put_evict(EVICT_OP_evict, 1, 0, 1200);
	put_evict(EVICT_OP_evict, 1, -22, 1250);
	put_evict(EVICT_OP_restore, 0, 0, 1300);
	put_evict(EVICT_OP_restore, 0, 0, 1400);
	put_evict(EVICT_OP_restore, 0, 0, 1500);
	put_evict(EVICT_OP_evict_pasid, 0, 0, 1600);
	put_bo(true, PID, 2, 0x20000, 0x1000, 1700);
	/* The end of the process changes all its memory. */
	stream__write(&k, EV_userptr_evict, &change, sizeof(change), TID, 1800);
	put_exit(PID, TID, 1900);
	m = end();
	CHECK_EQ(m.stops.n, 4);
	CHECK_EQ(m.stops.v[0].end_ns, 1400);
	CHECK_EQ(m.stops.v[1].end_ns, 1300);
	CHECK_EQ(m.stops.v[2].ret, -22);
	CHECK_EQ(m.stops.v[2].end_ns, 0);
	CHECK_EQ(m.stops.v[3].op, EVICT_OP_evict_pasid);
	CHECK_EQ(m.stops.v[3].end_ns, 0);
	CHECK_EQ(m.bos.v[0].host_changes, 1);
	model__free(&m);
}

/* The agent's process has another number where the recorder is; unless two have it. */
static void test_namespaces(void)
{
	struct ev_proc_fork fork = {.pid = 1};
	struct ev_proc_ns ns = {.ns_pid = (uint32_t)getpid(), .ns = 9};
	struct model m;

	for (unsigned int processes = 1; processes <= 3; processes++) {
		begin();
		for (unsigned int i = 0; i < processes; i++) {
			fork.child = ns.pid = PID + i;
			stream__write(&k, EV_proc_fork, &fork, sizeof(fork), 1, 10 + i);
			stream__write(&k, EV_proc_ns, &ns, sizeof(ns), 1, 20 + i);
		}
		/* The third has ended before anything was written. */
		if (processes > 1)
			put_exit(PID + 1, PID + 1, 30);
		put_bo(true, PID, 1, 0x10000, 0x4000, 100);
		put_alloc(0x10000, 64, 110);
		put_free(0x10000, 120);
		m = end();
		CHECK_EQ(m.allocs.n, 1);
		CHECK_EQ(m.allocs.v[0].pid, processes < 3 ? PID : (uint32_t)getpid());
		CHECK_EQ(m.allocs.v[0].bo, processes < 3);
		CHECK_EQ(m.allocs.v[0].end_ns, 120);
		CHECK_EQ(m.unjoined_writers, processes == 3);
		model__free(&m);
	}
}

/* A call that is open at the end may be told by the recorder and by the device. */
static void test_open(void)
{
	struct ev_kfd_ioctl_open x = {.pid = PID, .begin_dt = 400, .cmd = AMDKFD_IOC_WAIT_EVENTS};
	struct ev_emu_ioctl_open y = {.pid = PID, .caller = TID, .cmd = AMDKFD_IOC_WAIT_EVENTS};
	uint8_t *at;
	struct model m;

	begin();
	y.begin_dt = 100; /* interrupted long before */
	stream__write(&e, EV_emu_ioctl_open, &y, sizeof(y), 1, 500);
	at = stream__reserve(&k, EV_kfd_ioctl_open, sizeof(x) + 2u, TID, 1000);
	memcpy(at, &x, sizeof(x));
	stream__put_bytes(at + sizeof(x), NULL, 0);
	stream__commit(&k);
	y.begin_dt = 500; /* the same call, broken off later */
	stream__write(&e, EV_emu_ioctl_open, &y, sizeof(y), 1, 1100);
	y.begin_dt = 50; /* another */
	stream__write(&e, EV_emu_ioctl_open, &y, sizeof(y), 1, 1200);
	m = end();
	CHECK_EQ(m.open_ioctls, 3);
	model__free(&m);
}

/* Which GPU it is: what KFD's topology says, else the device, else the agent's name for it. */
static void test_gfx(void)
{
	static const struct {
		const char *name;
		unsigned int facts, gfx;
	} cases[] = {{"gfx1012", 0, 100102}, {"gfx90a:xnack-", 0, 90010},
		     {"gfx1201", 0, 120001}, {"gfx1030", 100100, 100100},
		     {"Ryzen", 0, 100100},   {"gfx10x0", 0, 100100},
		     {"gfx", 0, 100100}};
	struct ev_hsa_agent x = {.agent = 1, .type = 1};
	struct model m;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t len = strlen(cases[i].name);
		uint8_t *at;

		begin();
		at = stream__reserve(&a, EV_hsa_agent, sizeof(x) + len + 3, 1, 10);
		memcpy(at, &x, sizeof(x));
		stream__put_text(stream__put_text(at + sizeof(x), cases[i].name, len), "-", 1);
		stream__commit(&a);
		m = end_of(cases[i].facts);
		CHECK_EQ(m.gfx, cases[i].gfx);
		model__free(&m);
	}
}

int main(void)
{
	test_join_alloc();
	test_ptes();
	test_freed_ptes();
	test_pagetable();
	test_page_faults();
	test_wave_faults();
	test_evictions();
	test_namespaces();
	test_open();
	test_gfx();
	test_reuse();
	test_two_logs();
	test_place();
	test_exec();
	test_accounts();
	test_early_end();
	test_agentless();
	END_TESTS;
}
