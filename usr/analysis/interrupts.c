// SPDX-License-Identifier: MIT
/* Interrupts of the GPU and what the driver did about them; queues stopped; resets. */
#include "parts.h"
#include "../decode/iv.h"
#include "../decode/kfd.h"

#include <stdlib.h>

/* What belongs to one fault comes within this time: the driver works through it at once. */
#define SAME_NS 2000000000ull

/* In queue_by_doorbell: each GPU counts its doorbells for itself. */
#define SEVERAL_QUEUES (SIZE_MAX - 1)

/* ---- hardware queues ---- */

static void set_doorbell(struct model *m, const struct hw_queue *q, size_t i)
{
	size_t there = 0;

	map__get(&m->inside->hw_queue_by_doorbell, q->pid, q->doorbell_id, &there);
	if (there && there != i + 1)
		i = SEVERAL_QUEUES - 1;
	map__set(&m->inside->hw_queue_by_doorbell, q->pid, q->doorbell_id, i + 1);
}

static void clear_doorbell(struct model *m, const struct hw_queue *q, size_t i)
{
	size_t there = 0;

	if (map__get(&m->inside->hw_queue_by_doorbell, q->pid, q->doorbell_id, &there) && there == i + 1)
		map__set(&m->inside->hw_queue_by_doorbell, q->pid, q->doorbell_id, 0);
}

/* The ioctl's doorbell is the one that interrupts name; the driver's counts from the start of the
 * BAR. */
void interrupts__queue(struct model *m, const struct hw_queue *q)
{
	size_t i;

	if (map__get(&m->inside->hw_queue_by_id, q->pid, q->queue_id, &i) && !m->hw_queues.v[i].end_ns) {
		clear_doorbell(m, &m->hw_queues.v[i], i);
		m->hw_queues.v[i] = *q;
	} else {
		i = m->hw_queues.n;
		*VEC_PUSH(&m->hw_queues) = *q;
		map__set(&m->inside->hw_queue_by_id, q->pid, q->queue_id, i);
	}
	set_doorbell(m, q, i);
}

void interrupts__queue_gone(struct model *m, uint32_t pid, uint32_t queue_id, uint64_t ts)
{
	size_t i;

	if (!map__get(&m->inside->hw_queue_by_id, pid, queue_id, &i) || m->hw_queues.v[i].end_ns)
		return;
	m->hw_queues.v[i].end_ns = ts;
	clear_doorbell(m, &m->hw_queues.v[i], i);
}

static void on_queue(struct model *m, const struct event *ev, uint32_t pid)
{
	struct ev_kfd_queue e;

	(void)pid;
	event__fixed(ev, &e, sizeof(e));
	if (e.ret)
		return;
	if (e.op == QUEUE_OP_create)
		interrupts__queue(m, &(struct hw_queue){.pid = e.pid,
							.queue_id = e.queue_id,
							.doorbell_id = kfd_doorbell_id(
								(uint64_t)e.doorbell_off * 4),
							.ring = e.ring,
							.begin_ns = ev->ts_ns,
							.type = e.type});
	else if (e.op == QUEUE_OP_destroy)
		interrupts__queue_gone(m, e.pid, e.queue_id, ev->ts_ns);
}

/* ---- page faults ---- */

struct fault *new_fault(struct model *m, int from, uint32_t pid, uint64_t ts)
{
	struct fault *f = &m->inside->left_out;

	if (m->faults.n < MODEL_KEPT_FAULTS)
		f = VEC_PUSH(&m->faults);
	else
		m->faults_left_out++;
	free(m->inside->left_out.insn);
	m->inside->left_out = (struct fault){0};
	f->from = from;
	f->pid = pid;
	f->ts_ns = ts;
	return f;
}

static bool is_kept(const struct model *m, const struct fault *f)
{
	return f != &m->inside->left_out;
}

/* The fault of that page that is going on; NULL without. */
static struct fault *page_fault_at(const struct model *m, uint32_t pasid, uint64_t va, uint64_t ts)
{
	struct fault *f;
	size_t i;

	if (!map__get(&m->inside->page_faults, pasid, va >> 12, &i))
		return NULL;
	f = &m->faults.v[i];
	return ts - f->page.last_ns < SAME_NS && !f->page.handled ? f : NULL;
}

static struct fault *new_page_fault(struct model *m, uint32_t pid, uint32_t pasid, uint64_t va,
				    uint64_t ts)
{
	struct fault *f = new_fault(m, FAULT_PAGE, pid, ts);

	f->va = va;
	f->page.known = true;
	f->page.pasid = pasid;
	if (!is_kept(m, f))
		return f;
	map__set(&m->inside->page_faults, pasid, va >> 12, m->faults.n - 1);
	m->inside->last_page_fault = m->faults.n;
	return f;
}

/* What the page table said before the driver wrote something there because of the fault. */
static void note_pte(const struct model *m, struct fault *f)
{
	const struct pt_span *span = ptes__now(m, f->pid, f->va);

	if (!span)
		return;
	f->page.has_pte = true;
	f->page.pte = span->flags;
	f->page.unmapped = span->unmapped;
}

static void on_page_iv(struct model *m, const struct ev_gpu_iv *e, const struct iv_info *info,
		       uint64_t ts)
{
	struct fault *f = page_fault_at(m, e->pasid, info->va, ts);
	bool is_new = !f;

	if (is_new)
		f = new_page_fault(m, e->pid, e->pasid, info->va, ts);
	if (f->page.final)
		f->page.repeats++;
	else if (info->retry)
		f->page.retries++;
	else
		f->page.final = true;
	f->page.seen = true;
	f->page.read |= info->read;
	f->page.write |= info->write;
	f->page.exec |= info->exec;
	f->page.vmid = e->vmid;
	f->page.last_ns = ts;
	if (is_new)
		note_pte(m, f);
}

static void on_handle_fault(struct model *m, const struct event *ev, uint32_t pid)
{
	struct ev_vm_handle_fault e;
	struct fault *f;

	(void)pid;
	event__fixed(ev, &e, sizeof(e));
	f = page_fault_at(m, e.pasid, e.va, ev->ts_ns);
	if (e.handled) {
		m->handled_faults++;
		m->handled_ns += e.begin_dt;
	} else if (!f) {
		/* The interrupt was not recorded. */
		f = new_page_fault(m, e.pid, e.pasid, e.va, ev->ts_ns);
		f->page.retries = 1;
		f->page.seen = true;
		note_pte(m, f);
	}
	if (!f)
		return;
	f->page.handled = e.handled;
	f->page.write |= e.write;
	f->page.last_ns = ev->ts_ns;
}

/* VMID of GCVM_L2_PROTECTION_FAULT_STATUS, gc_10_1_0_sh_mask.h; bit 18 is RW. */
static uint32_t status_vmid(uint32_t status)
{
	return status >> 20 & 0xf;
}

static void on_fault_status(struct model *m, const struct event *ev, uint32_t pid)
{
	struct ev_vm_fault_status e;
	struct fault *f, *last = m->inside->last_page_fault ? &m->faults.v[m->inside->last_page_fault - 1] : NULL;

	(void)pid;
	event__fixed(ev, &e, sizeof(e));
	if (!e.status)
		return;
	if (e.va) {
		f = page_fault_at(m, e.pasid, e.va, ev->ts_ns);
	} else {
		/* Where the driver prints it, only the time tells of which fault it is. */
		f = last && ev->ts_ns - last->page.last_ns < SAME_NS && !last->page.handled &&
				    last->page.vmid == status_vmid(e.status)
			    ? last
			    : NULL;
	}
	if (!f) {
		f = new_page_fault(m, e.pid, e.pasid, e.va, ev->ts_ns);
		f->page.known = e.va;
		f->page.final = true;
		f->page.vmid = status_vmid(e.status);
		note_pte(m, f);
	}
	if (!f->page.status)
		f->page.status = e.status;
	f->page.last_ns = ev->ts_ns;
}

/* page_addr of struct kfd_vm_fault_info, va of struct kfd_hsa_memory_exception_data
 * (decode/structs.def). */
static uint64_t told_address(const struct event *ev)
{
	const uint8_t *info, *data;
	uint64_t va = 0;

	if (event__bytes(ev, 0, &info) >= 8) {
		memcpy(&va, info, 8);
		va <<= 12;
	}
	if (!va && event__bytes(ev, 1, &data) >= 24)
		memcpy(&va, data + 16, 8);
	return va & ~0xfffull;
}

static void on_told(struct model *m, const struct event *ev, uint32_t pid)
{
	uint64_t va = told_address(ev);
	struct ev_kfd_vm_fault e;
	struct fault *f;

	(void)pid;
	event__fixed(ev, &e, sizeof(e));
	f = page_fault_at(m, e.pasid, va, ev->ts_ns);
	if (!f) {
		f = new_page_fault(m, e.pid, e.pasid, va, ev->ts_ns);
		f->page.known = va;
		f->page.final = true;
		note_pte(m, f);
	}
	f->page.told = true;
	f->page.last_ns = ev->ts_ns;
}

/* ---- waves ---- */

static void find_queue(struct model *m, struct fault *f)
{
	const struct hw_queue *q;
	size_t i = 0, id;

	if (f->wave.kind == WAVE_ERROR)
		return;
	map__get(&m->inside->hw_queue_by_doorbell, f->pid, f->wave.doorbell, &i);
	f->wave.several = i == SEVERAL_QUEUES;
	if (!i || f->wave.several)
		return;
	f->wave.queue = i;
	q = &m->hw_queues.v[i - 1];
	if (!map__get(&m->inside->rings, f->pid, q->ring, &id))
		return;
	f->wave.has_queue_id = true;
	f->queue_id = id;
	f->wave.dispatch = dispatches__keep_last(m, f->pid, id);
}

/* A fault stops many waves at once, each of which says so. */
static void on_wave(struct model *m, const struct ev_gpu_iv *e, int kind, uint32_t doorbell,
		    uint32_t codes, uint64_t ts)
{
	uint64_t a = (uint64_t)e->pid << 32 | (uint32_t)kind << 16 | doorbell, b = codes;
	struct fault *f;
	size_t i;

	if (map__get(&m->inside->wave_faults, a, b, &i) && ts - m->faults.v[i].wave.last_ns < SAME_NS) {
		m->faults.v[i].wave.count++;
		m->faults.v[i].wave.last_ns = ts;
		return;
	}
	f = new_fault(m, FAULT_WAVE, e->pid, ts);
	f->wave.kind = kind;
	f->wave.codes = codes;
	f->wave.doorbell = doorbell;
	f->wave.vmid = e->vmid;
	f->wave.count = 1;
	f->wave.last_ns = ts;
	if (!is_kept(m, f))
		return;
	map__set(&m->inside->wave_faults, a, b, m->faults.n - 1);
	find_queue(m, f);
}

static void on_iv(struct model *m, const struct event *ev, uint32_t pid)
{
	struct iv_info info;
	struct ev_gpu_iv e;
	struct iv iv;

	(void)pid;
	event__fixed(ev, &e, sizeof(e));
	iv = (struct iv){.client_id = e.client_id,
			 .src_id = e.src_id,
			 .ring_id = e.ring_id,
			 .vmid = e.vmid,
			 .pasid = e.pasid,
			 .src_data = {e.data0, e.data1, e.data2, e.data3}};
	info = iv__decode(caps_iv__find(m->gfx), &iv);
	if (info.class == IV_PAGE_FAULT)
		on_page_iv(m, &e, &info, ev->ts_ns);
	else if (info.class == IV_WAVE && info.priv && info.codes)
		on_wave(m, &e, WAVE_EXCEPTION, info.doorbell_id, info.codes, ev->ts_ns);
	else if (info.class == IV_HW_ERROR)
		on_wave(m, &e, WAVE_ERROR, 0, info.err_type, ev->ts_ns);
	else if (info.class == IV_BAD_OPCODE)
		on_wave(m, &e, BAD_PACKET, info.doorbell_id, info.err_type, ev->ts_ns);
}

/* ---- queues stopped, GPUs reset ---- */

static void on_evict(struct model *m, const struct event *ev, uint32_t pid)
{
	struct ev_kfd_evict e;
	size_t top = 0;

	(void)pid;
	event__fixed(ev, &e, sizeof(e));
	map__get(&m->inside->stop_by_pid, e.pid, 0, &top);
	if (e.op == EVICT_OP_restore) {
		if (!top || e.ret)
			return;
		m->stops.v[top - 1].end_ns = ev->ts_ns;
		map__set(&m->inside->stop_by_pid, e.pid, 0, m->stops.v[top - 1].below);
		return;
	}
	*VEC_PUSH(&m->stops) = (struct stop){.pid = e.pid,
					     .op = e.op,
					     .trigger = e.trigger,
					     .ret = e.ret,
					     .ts_ns = ev->ts_ns,
					     .took_ns = e.begin_dt,
					     .below = top};
	/* Nothing lets go what a fault has stopped; what could not be stopped runs. */
	if (e.op == EVICT_OP_evict && !e.ret)
		map__set(&m->inside->stop_by_pid, e.pid, 0, m->stops.n);
}

static void on_reset(struct model *m, const struct event *ev, uint32_t pid)
{
	struct ev_gpu_reset e;

	(void)pid;
	event__fixed(ev, &e, sizeof(e));
	*VEC_PUSH(&m->resets) = (struct reset){
		.ts_ns = ev->ts_ns, .gpu = e.gpu, .took_ns = e.begin_dt, .ret = e.ret};
}

static void on_reset_signal(struct model *m, const struct event *ev, uint32_t pid)
{
	(void)ev;
	(void)pid;
	m->reset_signals++;
}

/* ---- what others say ---- */

static void on_fault(struct model *m, const struct event *ev, uint32_t pid)
{
	struct fault *f = new_fault(m, FAULT_DEVICE, pid, ev->ts_ns);
	struct ev_queue_error q;
	struct ev_mem_fault mem;

	switch (ev->desc->id) {
	case EV_emu_fault:
		event__fixed(ev, &f->emu, sizeof(f->emu));
		f->insn = text_of(ev, 0);
		break;
	case EV_queue_error:
		event__fixed(ev, &q, sizeof(q));
		f->from = FAULT_QUEUE;
		f->status = q.status;
		f->queue_id = q.queue_id;
		break;
	default:
		event__fixed(ev, &mem, sizeof(mem));
		f->from = FAULT_MEMORY;
		f->va = mem.va;
		f->reason = mem.reason;
	}
}

static void on_emu_gap(struct model *m, const struct event *ev, uint32_t pid)
{
	struct ev_emu_gap e;

	event__fixed(ev, &e, sizeof(e));
	*VEC_PUSH(&m->gaps) = (struct gap){.pid = pid, .pc = e.pc, .what = text_of(ev, 0)};
}

const struct handler interrupts__handlers[] = {
	{EV_gpu_iv, on_iv},
	{EV_vm_fault_status, on_fault_status},
	{EV_vm_handle_fault, on_handle_fault},
	{EV_kfd_vm_fault, on_told},
	{EV_kfd_queue, on_queue},
	{EV_kfd_evict, on_evict},
	{EV_gpu_reset, on_reset},
	{EV_gpu_reset_signal, on_reset_signal},
	{EV_emu_fault, on_fault},
	{EV_queue_error, on_fault},
	{EV_mem_fault, on_fault},
	{EV_emu_gap, on_emu_gap},
	{0},
};

void interrupts__forget_queues(struct model *m)
{
	m->hw_queues.n = 0;
	map__free(&m->inside->hw_queue_by_id);
	map__free(&m->inside->hw_queue_by_doorbell);
}

void interrupts__free_all(struct model *m)
{
	for (size_t i = 0; i < m->faults.n; i++)
		free(m->faults.v[i].insn);
	for (size_t i = 0; i < m->gaps.n; i++)
		free(m->gaps.v[i].what);
	free(m->inside->left_out.insn);
	free(m->faults.v);
	free(m->gaps.v);
	free(m->hw_queues.v);
	free(m->stops.v);
	free(m->resets.v);
	map__free(&m->inside->page_faults);
	map__free(&m->inside->wave_faults);
	map__free(&m->inside->stop_by_pid);
	map__free(&m->inside->hw_queue_by_id);
	map__free(&m->inside->hw_queue_by_doorbell);
}
