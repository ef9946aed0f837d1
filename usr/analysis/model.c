// SPDX-License-Identifier: MIT
#include "parts.h"
#include "../decode/kfd.h"
#include "../decode/pte.h"

#include <stdlib.h>

char *text_of(const struct event *ev, unsigned int i)
{
	const uint8_t *data;
	size_t len = event__bytes(ev, i, &data);
	struct buf b = {0};

	buf__visible(&b, (const char *)data, len);
	return b.s ? b.s : xstrdup("");
}

static struct process *new_process(struct model *m, uint32_t pid, uint64_t ts)
{
	struct process *p = VEC_PUSH(&m->processes);

	p->pid = pid;
	p->begin_ns = ts;
	map__set(&m->process_by_pid, pid, 0, m->processes.n - 1);
	return p;
}

/* Pids come again rarely and late: the newest of the number is meant. */
static struct process *process_of(struct model *m, uint32_t pid, uint64_t ts)
{
	size_t i;

	return map__get(&m->process_by_pid, pid, 0, &i) ? &m->processes.v[i]
							: new_process(m, pid, ts);
}

bool has_exited(const struct model *m, uint32_t pid)
{
	const struct process *p = model__process(m, pid);

	return p && p->exited;
}

/* ---- whose stream it is ---- */

/*
 * An agent in a PID namespace of its own knows its process by another number than the recorder.
 * The process is one that has this number there, or here and no other.
 */
static uint32_t find_writer(struct model *m, uint32_t number)
{
	const struct process *found = NULL;
	unsigned int n = 0;
	size_t seen;

	for (size_t i = 0; i < m->processes.n; i++) {
		const struct process *p = &m->processes.v[i];

		if ((p->ns_pid ? p->ns_pid : p->pid) != number || p->exited)
			continue;
		found = p;
		n++;
	}
	if (n > 1 && !map__get(&m->writers, number, 1, &seen)) {
		map__set(&m->writers, number, 1, 0);
		m->unjoined_writers++;
	}
	return n == 1 ? found->pid : number;
}

/* The process that wrote the event, by the recorder's number of it. */
static uint32_t writer_of(struct model *m, const struct event *ev)
{
	const struct trace_stream *s = ev->stream;
	size_t pid;

	if (!m->has_namespaces || s->counters || (s->kind != STREAM_agent && s->kind != STREAM_emu))
		return s->pid;
	if (map__get(&m->writers, (uintptr_t)s, 0, &pid))
		return (uint32_t)pid;
	pid = find_writer(m, s->pid);
	map__set(&m->writers, (uintptr_t)s, 0, pid);
	return (uint32_t)pid;
}

/* ---- which GPU it is ---- */

static void set_gfx(struct model *m, unsigned int gfx_target_version, enum gfx_from from)
{
	if (!gfx_target_version || from < m->gfx_from || (from == m->gfx_from && m->gfx_from))
		return;
	m->gfx = gfx_target_version;
	m->gfx_from = from;
}

/* "gfx90a": major, minor and stepping, the last two one hexadecimal digit each; 0 for another name.
 */
static unsigned int gfx_version(const char *name)
{
	size_t len = strcspn(name, ":");
	char digits[16], *end;
	unsigned long low, major;

	if (strncmp(name, "gfx", 3) || len < 6 || len > 10)
		return 0;
	memcpy(digits, name + 3, len - 3);
	digits[len - 3] = '\0';
	low = strtoul(digits + len - 5, &end, 16);
	if (*end)
		return 0;
	digits[len - 5] = '\0';
	major = strtoul(digits, &end, 10);
	return *end ? 0 : (unsigned int)(major * 10000 + (low >> 4) * 100 + (low & 0xf));
}

/* ---- ioctls that did not work ---- */

void sum_ioctl(struct ioctl_sums *s, uint32_t cmd, int err)
{
	struct ioctl_sum *x;

	for (size_t i = 0; i < s->list.n; i++)
		if (s->list.v[i].cmd == cmd && s->list.v[i].err == err) {
			s->list.v[i].count++;
			return;
		}
	x = VEC_PUSH(&s->list);
	*x = (struct ioctl_sum){.cmd = cmd, .err = err, .count = 1};
}

/* ---- the KFD side: from eBPF, or from the emulated device's own log ---- */

static uint64_t field(uint32_t cmd, const uint8_t *arg, size_t len, const char *name)
{
	uint64_t v = 0;

	kfd_arg_get(cmd, arg, len, name, &v);
	return v;
}

struct ioctl {
	uint32_t pid, tid, begin_dt, cmd;
	int64_t ret;
};

static void on_ioctl(struct model *m, const struct event *ev, const struct ioctl *c)
{
	const uint8_t *arg;
	size_t len = event__bytes(ev, 0, &arg);
	uint32_t cmd = c->cmd;
	int64_t ret = c->ret;

	if (KFD_IOC_TYPE(cmd) != 'K')
		return;
	m->ioctls++;
	map__set(&m->last_ioctl, c->pid, 0, ev->ts_ns);
	/* ERESTARTSYS and its kin, seen only in the kernel: a signal or the thread's end broke it
	 * off. */
	if (ret <= -512 && ret >= -516) {
		m->interrupted_ioctls++;
		sum_ioctl(&m->interrupted, cmd, 0);
	} else if (ret < 0) {
		m->failed_ioctls++;
		sum_ioctl(&m->failed, cmd, ret < -INT32_MAX ? INT32_MAX : (int)-ret);
	}
	if (ret)
		return;
	switch (KFD_IOC_NR(cmd)) {
	case 0x02: /* CREATE_QUEUE */
		interrupts__queue(m, &(struct hw_queue){
					     .pid = c->pid,
					     .queue_id = (uint32_t)field(cmd, arg, len, "queue_id"),
					     .doorbell_id = kfd_doorbell_id(
						     field(cmd, arg, len, "doorbell_offset")),
					     .ring = field(cmd, arg, len, "ring_base_address"),
					     .begin_ns = ev->ts_ns,
					     .type = (uint32_t)field(cmd, arg, len, "queue_type")});
		break;
	case 0x03: /* DESTROY_QUEUE */
		interrupts__queue_gone(m, c->pid, (uint32_t)field(cmd, arg, len, "queue_id"),
				       ev->ts_ns);
		break;
	case 0x16: /* ALLOC_MEMORY_OF_GPU */
		memory__alloc(m,
			      &(struct bo){.pid = c->pid,
					   .handle = field(cmd, arg, len, "handle"),
					   .va = field(cmd, arg, len, "va_addr"),
					   .size = field(cmd, arg, len, "size"),
					   .begin_ns = ev->ts_ns,
					   .flags = (uint32_t)field(cmd, arg, len, "flags")},
			      c->tid, c->begin_dt);
		break;
	case 0x17: /* FREE_MEMORY_OF_GPU */
		memory__free(m, c->pid, field(cmd, arg, len, "handle"), ev->ts_ns, c->begin_dt);
		break;
	case 0x20:				     /* SVM */
		if (field(cmd, arg, len, "op") == 0) /* KFD_IOCTL_SVM_OP_SET_ATTR */
			memory__svm(m, c->pid, field(cmd, arg, len, "start_addr"),
				    field(cmd, arg, len, "size"), ev->ts_ns);
		break;
	}
}

void take_kernel_side(struct model *m)
{
	if (m->kernel_side)
		return;
	/* What the emulated device's log said so far, eBPF says better: from its first event on
	 * only eBPF counts. The device answers before eBPF sees the return. */
	m->kernel_side = true;
	m->bos.n = m->svm_ranges.n = m->hw_queues.n = 0;
	map__free(&m->bo_by_handle);
	map__free(&m->queue_by_id);
	map__free(&m->queue_by_doorbell);
	ranges__free(&m->live_bos);
	ranges__free(&m->svm_live);
	for (size_t i = 0; i < m->allocs.n; i++)
		m->allocs.v[i].bo = 0;
	m->ioctls = m->failed_ioctls = m->failed.list.n = 0;
	m->interrupted_ioctls = m->interrupted.list.n = 0;
}

static void on_kfd_ioctl(struct model *m, const struct event *ev)
{
	struct ev_kfd_ioctl e;

	event__fixed(ev, &e, sizeof(e));
	take_kernel_side(m);
	process_of(m, e.pid, ev->ts_ns);
	on_ioctl(m, ev,
		 &(struct ioctl){.pid = e.pid,
				 .tid = ev->tid,
				 .begin_dt = e.begin_dt,
				 .cmd = e.cmd,
				 .ret = e.ret});
}

static void on_emu_ioctl(struct model *m, const struct event *ev)
{
	struct ev_emu_ioctl e;

	event__fixed(ev, &e, sizeof(e));
	process_of(m, e.pid, ev->ts_ns);
	if (!m->kernel_side)
		on_ioctl(
			m, ev,
			&(struct ioctl){.pid = e.pid, .tid = e.caller, .cmd = e.cmd, .ret = e.ret});
}

/* A call that is open: as it is when recording ends, or was when its thread died or was
 * interrupted. */
static void on_open(struct model *m, uint32_t pid, uint32_t tid, uint32_t cmd, uint64_t begin_ns,
		    bool emulated)
{
	size_t i;

	/* The device may say of a call what the kernel's side has said: it began before that. */
	if (emulated && map__get(&m->open_by_thread, (uint64_t)pid << 32 | tid, cmd, &i) &&
	    begin_ns <= m->open_since.v[i])
		return;
	m->open_ioctls++;
	sum_ioctl(&m->open, cmd, 0);
}

static void on_ioctl_open(struct model *m, const struct event *ev)
{
	struct ev_emu_ioctl_open emu;
	struct ev_kfd_ioctl_open e;

	if (ev->desc->id == EV_emu_ioctl_open) {
		event__fixed(ev, &emu, sizeof(emu));
		on_open(m, emu.pid, emu.caller, emu.cmd, ev->ts_ns - emu.begin_dt, true);
		return;
	}
	event__fixed(ev, &e, sizeof(e));
	if (KFD_IOC_TYPE(e.cmd) != 'K')
		return;
	*VEC_PUSH(&m->open_since) = ev->ts_ns;
	map__set(&m->open_by_thread, (uint64_t)e.pid << 32 | ev->tid, e.cmd, m->open_since.n - 1);
	on_open(m, e.pid, ev->tid, e.cmd, ev->ts_ns - e.begin_dt, false);
}

/* ---- the agent's side ---- */

static void on_device(struct model *m, const struct event *ev, uint32_t pid)
{
	struct ev_hsa_agent e;
	struct device *d = VEC_PUSH(&m->devices);

	event__fixed(ev, &e, sizeof(e));
	*d = (struct device){.pid = pid,
			     .handle = e.agent,
			     .gpu = e.type == 1,
			     .node = e.node,
			     .name = text_of(ev, 0),
			     .product = text_of(ev, 1)};
	if (d->gpu)
		set_gfx(m, gfx_version(d->name), GFX_AGENT);
}

static void on_pool(struct model *m, const struct event *ev, uint32_t pid)
{
	struct ev_hsa_pool e;
	struct pool *p = VEC_PUSH(&m->pools);

	event__fixed(ev, &e, sizeof(e));
	*p = (struct pool){.pid = pid,
			   .handle = e.pool,
			   .device = e.agent,
			   .segment = e.segment,
			   .flags = e.flags,
			   .all_agents = e.all_agents,
			   .id = e.id};
}

static void on_module(struct model *m, const struct event *ev, uint32_t pid)
{
	struct ev_module e;
	struct module *x = VEC_PUSH(&m->modules);

	event__fixed(ev, &e, sizeof(e));
	*x = (struct module){
		.pid = pid, .base = e.base, .size = e.size_bytes, .path = text_of(ev, 0)};
}

void add_failed_alloc(struct model *m, uint64_t size, int32_t status, uint16_t kind)
{
	struct failed_alloc *f = NULL;

	for (size_t i = 0; i < m->failed_allocs.n && !f; i++)
		if (m->failed_allocs.v[i].size == size && m->failed_allocs.v[i].status == status &&
		    m->failed_allocs.v[i].kind == kind)
			f = &m->failed_allocs.v[i];
	if (!f) {
		f = VEC_PUSH(&m->failed_allocs);
		f->kind = kind;
		f->size = size;
		f->status = status;
	}
	f->count++;
}

/* Addresses alone, and what is the driver's own, are cut from no buffer. */
static bool has_buffer(const struct alloc *a)
{
	return a->va && a->kind != MEM_KIND_reserve && a->kind != MEM_KIND_svm;
}

void add_alloc(struct model *m, const struct alloc *new)
{
	const struct range *held;
	struct alloc *a;

	if (!new->va && !new->object)
		return;
	a = VEC_PUSH(&m->allocs);
	*a = *new;
	/* The driver's buffer is there before the call that made it returns. */
	held = has_buffer(a) ? ranges__find(&m->live_bos, a->pid, a->va) : NULL;
	if (held) {
		a->bo = held->value + 1;
		m->bos.v[held->value].allocs++;
	}
	if (a->kind == MEM_KIND_pool)
		map__set(&m->live_allocs, a->pid, a->va, m->allocs.n - 1);
}

static void on_pool_alloc(struct model *m, const struct event *ev, uint32_t pid)
{
	struct ev_pool_alloc e;

	event__fixed(ev, &e, sizeof(e));
	if (e.status)
		add_failed_alloc(m, e.size_bytes, e.status, MEM_KIND_pool);
	else
		add_alloc(m, &(struct alloc){.pid = pid,
					     .kind = MEM_KIND_pool,
					     .va = e.va,
					     .size = e.size_bytes,
					     .begin_ns = ev->ts_ns,
					     .pool = e.pool,
					     .caller = e.caller});
}

static void on_pool_free(struct model *m, const struct event *ev, uint32_t pid)
{
	struct ev_pool_free e;
	size_t i;

	event__fixed(ev, &e, sizeof(e));
	if (map__get(&m->live_allocs, pid, e.va, &i) && !m->allocs.v[i].end_ns)
		m->allocs.v[i].end_ns = ev->ts_ns;
}

static void on_kernel_symbol(struct model *m, const struct event *ev, uint32_t pid)
{
	struct ev_kernel_symbol e;
	struct kernel_fn *k = VEC_PUSH(&m->kernels);

	event__fixed(ev, &e, sizeof(e));
	*k = (struct kernel_fn){.pid = pid, .object = e.kernel_object, .name = text_of(ev, 0)};
	map__set(&m->kernel_by_object, k->pid, k->object, m->kernels.n - 1);
}

/* Queue and packet index are unique in a process for longer than a trace lasts. */
static uint64_t packet_key(uint64_t queue_id, uint64_t index)
{
	return queue_id << 48 ^ index;
}

/* The device may take a packet, and end it, before its doorbell is rung, when the agent reads it. */
static uint64_t ended_before(const struct model *m, const struct dispatch *d)
{
	size_t duration_ns;

	if (!map__get(&m->early_ends, d->pid, packet_key(d->queue_id, d->index), &duration_ns))
		return 0;
	return duration_ns;
}

static void on_dispatch(struct model *m, const struct event *ev, uint32_t pid)
{
	struct ev_dispatch e;
	const uint8_t *p;
	struct dispatch *d;

	event__fixed(ev, &e, sizeof(e));
	if (event__bytes(ev, 0, &p) != 64)
		return;
	d = VEC_PUSH(&m->dispatches);
	*d = (struct dispatch){
		.pid = pid, .queue_id = e.queue_id, .index = e.index, .ts_ns = ev->ts_ns};
	for (unsigned int i = 0; i < 3; i++) {
		d->workgroup[i] = le(p + 4 + 2 * i, 2);
		d->grid[i] = le(p + 12 + 4 * i, 4);
	}
	memcpy(&d->object, p + 32, 8);
	map__set(&m->dispatch_by_index, d->pid, packet_key(e.queue_id, e.index), m->dispatches.n - 1);
	map__set(&m->last_dispatch, d->pid, e.queue_id, m->dispatches.n);
	d->duration_ns = ended_before(m, d);
	agent__dispatch(m, ev, d);
}

struct dispatch *model__dispatch(struct model *m, uint32_t pid, uint64_t queue_id, uint64_t index)
{
	size_t i;

	return map__get(&m->dispatch_by_index, pid, packet_key(queue_id, index), &i) ? &m->dispatches.v[i] : NULL;
}

/* Each process says it of each card. */
static void on_emu_device(struct model *m, const struct event *ev)
{
	struct emu_card *c;
	struct ev_emu_device e;

	event__fixed(ev, &e, sizeof(e));
	set_gfx(m, e.gfx_target_version, GFX_EMULATED);
	for (size_t i = 0; i < m->emu_cards.n; i++)
		if (m->emu_cards.v[i].ev.gpu_id == e.gpu_id)
			return;
	c = VEC_PUSH(&m->emu_cards);
	*c = (struct emu_card){.ev = e, .name = text_of(ev, 0)};
}

/* The emulated device names queues by their ring; the agent tells which queue has it. */
static void on_emu_dispatch(struct model *m, const struct event *ev, uint32_t pid)
{
	struct ev_emu_dispatch e;
	size_t queue, i;

	event__fixed(ev, &e, sizeof(e));
	if (!map__get(&m->rings, pid, e.ring, &queue))
		return;
	if (map__get(&m->dispatch_by_index, pid, packet_key(queue, e.index), &i)) {
		if (!m->dispatches.v[i].device_time)
			m->dispatches.v[i].duration_ns = e.duration_ns;
	} else {
		map__set(&m->early_ends, pid, packet_key(queue, e.index), e.duration_ns);
	}
}

static void on_fault(struct model *m, const struct event *ev, uint32_t pid)
{
	struct fault *f = VEC_PUSH(&m->faults);
	struct ev_queue_error q;
	struct ev_mem_fault mem;

	f->pid = pid;
	f->ts_ns = ev->ts_ns;
	switch (ev->desc->id) {
	case EV_emu_fault:
		f->from = FAULT_DEVICE;
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

static void on_process(struct model *m, const struct event *ev)
{
	struct ev_proc_fork fork;
	struct ev_proc_exec exec;
	struct ev_proc_exit end;
	struct ev_proc_left left;
	struct ev_proc_ns ns;
	struct process *p;
	const char *exe;

	switch (ev->desc->id) {
	case EV_proc_fork:
		event__fixed(ev, &fork, sizeof(fork));
		if (has_exited(m, fork.child))
			memory__end_process(m, fork.child, ev->ts_ns);
		exe = process_of(m, fork.pid, ev->ts_ns)->exe;
		p = new_process(m, fork.child, ev->ts_ns); /* even if the pid was there before */
		p->exe = exe ? xstrdup(exe) : NULL; /* until it executes another */
		break;
	case EV_proc_exec:
		event__fixed(ev, &exec, sizeof(exec));
		p = process_of(m, exec.pid, ev->ts_ns);
		if (p->agent)
			memory__end_process(m, exec.pid, ev->ts_ns);
		free(p->exe);
		p->exe = text_of(ev, 0);
		break;
	case EV_proc_ns:
		event__fixed(ev, &ns, sizeof(ns));
		process_of(m, ns.pid, ev->ts_ns)->ns_pid = ns.ns_pid;
		m->has_namespaces = true;
		break;
	case EV_proc_left:
		event__fixed(ev, &left, sizeof(left));
		process_of(m, left.pid, ev->ts_ns)->left = true;
		break;
	default:
		event__fixed(ev, &end, sizeof(end));
		p = process_of(m, end.pid, ev->ts_ns);
		p->end_ns = ev->ts_ns;
		p->exited = true;
		memory__exit(m, end.pid, ev->ts_ns);
		p->status = end.status;
	}
}

static void on_session(struct model *m, const struct event *ev)
{
	struct ev_session e;

	event__fixed(ev, &e, sizeof(e));
	if (e.phase == PHASE_begin && !m->command)
		m->command = text_of(ev, 0);
	if (e.phase == PHASE_end) {
		m->ended = true;
		m->status = e.status;
	}
}

static void on_hook(struct model *m, const struct event *ev)
{
	char *name = text_of(ev, 0);
	struct ev_hook e;

	event__fixed(ev, &e, sizeof(e));
	if (e.on == 1) {
		m->page_tables_on |= strstr(name, "/amdgpu_vm_update_ptes)") != NULL;
		m->interrupts_on |= strstr(name, "/amdgpu_iv)") != NULL;
	}
	if (!e.on)
		*VEC_PUSH(&m->hooks_off) =
			(struct hook_off){.name = name, .reason = text_of(ev, 1)};
	else
		free(name);
}

static void on_attached(struct model *m, const struct event *ev)
{
	struct ev_attached e;
	struct process *p;

	event__fixed(ev, &e, sizeof(e));
	*VEC_PUSH(&m->attached) = (struct attached_to){.pid = e.pid,
						       .parent = e.parent,
						       .ts_ns = ev->ts_ns,
						       .age_ns = e.age_ns,
						       .exe = text_of(ev, 0)};
	p = process_of(m, e.pid, ev->ts_ns);
	if (!p->exe)
		p->exe = text_of(ev, 0);
}

static void on_event(struct model *m, const struct event *ev)
{
	uint32_t pid = writer_of(m, ev);
	struct ev_queue_create create;
	struct ev_async_copy copy;
	struct ev_queue_gap gap;
	struct process *p;
	struct gap *g;
	struct ev_emu_gap e;

	if (memory__event(m, ev, pid) || interrupts__event(m, ev) || agent__event(m, ev, pid))
		return;
	switch (ev->desc->id) {
	case EV_session:
		on_session(m, ev);
		break;
	case EV_emu_options:
		if (!m->emu_options)
			m->emu_options = text_of(ev, 0);
		break;
	case EV_trace_options:
		if (!m->trace_options)
			m->trace_options = text_of(ev, 0);
		break;
	case EV_hook:
		on_hook(m, ev);
		break;
	case EV_attached:
		on_attached(m, ev);
		break;
	case EV_api_call:
	case EV_api_library:
		calls__event(&m->calls, ev);
		break;
	case EV_kfd_ioctl:
		on_kfd_ioctl(m, ev);
		break;
	case EV_emu_ioctl:
		on_emu_ioctl(m, ev);
		break;
	case EV_emu_ioctl_open:
	case EV_kfd_ioctl_open:
		on_ioctl_open(m, ev);
		break;
	case EV_proc_fork:
	case EV_proc_exec:
	case EV_proc_exit:
	case EV_proc_left:
	case EV_proc_ns:
		on_process(m, ev);
		break;
	case EV_agent_start:
		p = process_of(m, pid, ev->ts_ns);
		p->agent = true;
		if (!p->exe)
			p->exe = text_of(ev, 0);
		break;
	case EV_hsa_agent:
		on_device(m, ev, pid);
		break;
	case EV_hsa_pool:
		on_pool(m, ev, pid);
		break;
	case EV_module:
		on_module(m, ev, pid);
		break;
	case EV_pool_alloc:
		on_pool_alloc(m, ev, pid);
		break;
	case EV_pool_free:
		on_pool_free(m, ev, pid);
		break;
	case EV_async_copy:
		event__fixed(ev, &copy, sizeof(copy));
		m->copies++;
		m->copied_bytes += copy.size_bytes;
		break;
	case EV_queue_create:
		event__fixed(ev, &create, sizeof(create));
		map__set(&m->rings, pid, create.base, create.queue_id);
		agent__queue(m, pid, &create);
		for (size_t i = 0; i < m->devices.n; i++)
			if (m->devices.v[i].pid == pid && m->devices.v[i].handle == create.agent)
				map__set(&m->queue_devices, pid, create.queue_id, i + 1);
		break;
	case EV_queue_gap:
		event__fixed(ev, &gap, sizeof(gap));
		m->queue_gaps += gap.cause == GAP_runtime ? 0 : gap.count;
		agent__queue_gap(m, pid, &gap);
		break;
	case EV_kernel_symbol:
		on_kernel_symbol(m, ev, pid);
		break;
	case EV_dispatch:
		on_dispatch(m, ev, pid);
		break;
	case EV_emu_device:
		on_emu_device(m, ev);
		m->emulated = true;
		process_of(m, pid, ev->ts_ns)->device = true;
		break;
	case EV_emu_dispatch:
		on_emu_dispatch(m, ev, pid);
		break;
	case EV_emu_fault:
	case EV_queue_error:
	case EV_mem_fault:
		on_fault(m, ev, pid);
		break;
	case EV_emu_gap:
		event__fixed(ev, &e, sizeof(e));
		g = VEC_PUSH(&m->gaps);
		*g = (struct gap){.pid = pid, .pc = e.pc, .what = text_of(ev, 0)};
		break;
	}
}

int model__read(struct model *m, struct trace *t, unsigned int gfx_target_version)
{
	struct event ev;
	int rc;

	memset(m, 0, sizeof(*m));
	m->emulated = trace__emulated(t);
	m->gfx = PTE_GFX10_1;
	set_gfx(m, gfx_target_version, GFX_FACTS);
	while ((rc = trace__next(t, &ev)) > 0) {
		if (!ev.stream->counters) {
			if (!m->begin_ns)
				m->begin_ns = ev.ts_ns;
			m->end_ns = ev.ts_ns;
			if (ev.stream->kind == STREAM_recorder || ev.stream->kind == STREAM_kernel)
				m->recorder_last_ns = ev.ts_ns;
		}
		accounts__event(&m->accounts, &ev);
		agentless__event(&m->agentless, &ev);
		on_event(m, &ev);
	}
	memory__end(m);
	agent__end(m);
	accounts__end(&m->accounts, t);
	/* eBPF sees a call break off when its process ends; the device's log says it was open. */
	for (size_t i = 0; i < m->open.list.n; i++)
		for (size_t k = 0; k < m->interrupted.list.n; k++) {
			struct ioctl_sum *x = &m->interrupted.list.v[k];
			uint64_t both = m->open.list.v[i].count;

			if (x->cmd != m->open.list.v[i].cmd)
				continue;
			both = both < x->count ? both : x->count;
			x->count -= both;
			m->interrupted_ioctls -= both;
		}
	m->stats = *trace__stats(t);
	m->recovered = trace__recovered(t);
	return rc;
}

void model__free(struct model *m)
{
	for (size_t i = 0; i < m->processes.n; i++)
		free(m->processes.v[i].exe);
	for (size_t i = 0; i < m->devices.n; i++) {
		free(m->devices.v[i].name);
		free(m->devices.v[i].product);
	}
	for (size_t i = 0; i < m->modules.n; i++)
		free(m->modules.v[i].path);
	for (size_t i = 0; i < m->kernels.n; i++)
		free(m->kernels.v[i].name);
	for (size_t i = 0; i < m->faults.n; i++)
		free(m->faults.v[i].insn);
	for (size_t i = 0; i < m->gaps.n; i++)
		free(m->gaps.v[i].what);
	free(m->processes.v);
	free(m->devices.v);
	free(m->pools.v);
	free(m->modules.v);
	free(m->allocs.v);
	free(m->kernels.v);
	free(m->dispatches.v);
	free(m->faults.v);
	for (size_t i = 0; i < m->hooks_off.n; i++) {
		free(m->hooks_off.v[i].name);
		free(m->hooks_off.v[i].reason);
	}
	free(m->hooks_off.v);
	for (size_t i = 0; i < m->attached.n; i++)
		free(m->attached.v[i].exe);
	free(m->attached.v);
	free(m->gaps.v);
	free(m->failed_allocs.v);
	free(m->failed.list.v);
	free(m->interrupted.list.v);
	free(m->open.list.v);
	for (size_t i = 0; i < m->emu_cards.n; i++)
		free(m->emu_cards.v[i].name);
	free(m->emu_cards.v);
	free(m->command);
	free(m->emu_options);
	free(m->trace_options);
	map__free(&m->queue_devices);
	map__free(&m->live_allocs);
	map__free(&m->kernel_by_object);
	map__free(&m->dispatch_by_index);
	map__free(&m->early_ends);
	map__free(&m->rings);
	map__free(&m->process_by_pid);
	map__free(&m->writers);
	map__free(&m->open_by_thread);
	free(m->open_since.v);
	memory__free_all(m);
	agent__free_all(m);
	interrupts__free_all(m);
	calls__free(&m->calls);
	accounts__free(&m->accounts);
	agentless__free(&m->agentless);
	memset(m, 0, sizeof(*m));
}

const struct pool *model__pool(const struct model *m, uint32_t pid, uint64_t handle)
{
	for (size_t i = 0; i < m->pools.n; i++)
		if (m->pools.v[i].pid == pid && m->pools.v[i].handle == handle)
			return &m->pools.v[i];
	return NULL;
}

const struct device *model__device(const struct model *m, uint32_t pid, uint64_t handle)
{
	for (size_t i = 0; i < m->devices.n; i++)
		if (m->devices.v[i].pid == pid && m->devices.v[i].handle == handle)
			return &m->devices.v[i];
	return NULL;
}

const struct module *model__module_at(const struct model *m, uint32_t pid, uint64_t addr)
{
	for (size_t i = m->modules.n; i-- > 0;)
		if (m->modules.v[i].pid == pid && addr - m->modules.v[i].base < m->modules.v[i].size)
			return &m->modules.v[i];
	return NULL;
}

const char *model__module(const struct model *m, uint32_t pid, uint64_t addr)
{
	const struct module *x = model__module_at(m, pid, addr);

	return x ? x->path : NULL;
}

const struct process *model__process(const struct model *m, uint32_t pid)
{
	size_t i;

	return map__get(&m->process_by_pid, pid, 0, &i) ? &m->processes.v[i] : NULL;
}

const char *model__kernel(const struct model *m, uint32_t pid, uint64_t object)
{
	size_t i;

	return map__get(&m->kernel_by_object, pid, object, &i) ? m->kernels.v[i].name : NULL;
}

static bool alive(uint64_t begin, uint64_t end, uint64_t ts)
{
	return begin <= ts && (!end || ts < end);
}

const struct bo *model__bo_at(const struct model *m, uint32_t pid, uint64_t va, uint64_t ts)
{
	for (size_t i = m->bos.n; i-- > 0;) {
		const struct bo *b = &m->bos.v[i];

		if (b->pid == pid && va - b->va < b->size && alive(b->begin_ns, b->end_ns, ts))
			return b;
	}
	return NULL;
}

const struct bo *model__freed_bo_at(const struct model *m, uint32_t pid, uint64_t va, uint64_t ts)
{
	const struct bo *found = NULL;

	for (size_t i = 0; i < m->bos.n; i++) {
		const struct bo *b = &m->bos.v[i];

		if (b->pid == pid && va - b->va < b->size && b->end_ns && b->end_ns <= ts &&
		    (!found || b->end_ns >= found->end_ns))
			found = b;
	}
	return found;
}

const struct mapping *model__mapping_at(const struct model *m, uint32_t pid, uint64_t va,
					uint64_t ts)
{
	for (size_t i = m->mappings.n; i-- > 0;) {
		const struct mapping *r = &m->mappings.v[i];

		if (r->pid == pid && va >> 12 >= r->first && va >> 12 <= r->last &&
		    alive(r->begin_ns, r->end_ns, ts))
			return r;
	}
	return NULL;
}

struct place model__place(const struct model *m, uint32_t pid, uint64_t va, uint64_t ts)
{
	struct place p = {0};

	for (size_t i = 0; i < m->allocs.n; i++) {
		const struct alloc *a = &m->allocs.v[i];
		bool inside = va - a->va < a->size;

		if (a->pid != pid || a->begin_ns > ts)
			continue;
		if (alive(a->begin_ns, a->end_ns, ts)) {
			/* Of what lies in memory of another kind, the innermost. */
			if (inside && (!p.inside || a->kind == p.inside->kind || a->size <= p.inside->size))
				p.inside = a;
			else if (a->va < va && (!p.below || a->va + a->size > p.below->va + p.below->size))
				p.below = a;
		} else if (inside && (!p.inside_freed || a->end_ns > p.inside_freed->end_ns)) {
			p.inside_freed = a;
		}
	}
	return p;
}

const struct device *model__queue_device(const struct model *m, uint32_t pid, uint64_t queue_id)
{
	size_t i;

	return map__get(&m->queue_devices, pid, queue_id, &i) ? &m->devices.v[i - 1] : NULL;
}

const struct device *model__ring_device(const struct model *m, uint32_t pid, uint64_t ring)
{
	size_t queue;

	return map__get(&m->rings, pid, ring, &queue) ? model__queue_device(m, pid, queue) : NULL;
}

const struct svm_range *model__svm_at(const struct model *m, uint32_t pid, uint64_t va, uint64_t ts)
{
	for (size_t i = m->svm_ranges.n; i-- > 0;) {
		const struct svm_range *r = &m->svm_ranges.v[i];

		if (r->pid == pid && va - r->va < r->size && r->begin_ns <= ts)
			return r;
	}
	return NULL;
}
