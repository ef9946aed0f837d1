// SPDX-License-Identifier: MIT
/* Calls of KFD: from eBPF, or from the emulated device's own log. */
#include "parts.h"
#include "../decode/kfd.h"

#include <stdlib.h>

void sum_ioctl(struct ioctl_sums *s, uint32_t cmd, int err)
{
	size_t i;

	if (!map__get(&s->where, cmd, (uint32_t)err, &i)) {
		i = s->list.n;
		*VEC_PUSH(&s->list) = (struct ioctl_sum){.cmd = cmd, .err = err};
		map__set(&s->where, cmd, (uint32_t)err, i);
	}
	s->list.v[i].count++;
}

static void free_sums(struct ioctl_sums *s)
{
	free(s->list.v);
	map__free(&s->where);
	*s = (struct ioctl_sums){0};
}

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
	map__set(&m->inside->last_ioctl, c->pid, 0, ev->ts_ns);
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
	memory__forget(m);
	interrupts__forget_queues(m);
	allocs__forget_buffers(m);
	m->ioctls = m->failed_ioctls = 0;
	m->interrupted_ioctls = 0;
	free_sums(&m->failed);
	free_sums(&m->interrupted);
}

static void on_kfd_ioctl(struct model *m, const struct event *ev, uint32_t pid)
{
	struct ev_kfd_ioctl e;

	(void)pid;
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

static void on_emu_ioctl(struct model *m, const struct event *ev, uint32_t pid)
{
	struct ev_emu_ioctl e;

	(void)pid;
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
	if (emulated && map__get(&m->inside->open_by_thread, (uint64_t)pid << 32 | tid, cmd, &i) &&
	    begin_ns <= m->inside->open_since.v[i])
		return;
	m->open_ioctls++;
	sum_ioctl(&m->open, cmd, 0);
}

static void on_ioctl_open(struct model *m, const struct event *ev, uint32_t pid)
{
	struct ev_emu_ioctl_open emu;
	struct ev_kfd_ioctl_open e;

	(void)pid;
	if (ev->desc->id == EV_emu_ioctl_open) {
		event__fixed(ev, &emu, sizeof(emu));
		on_open(m, emu.pid, emu.caller, emu.cmd, ev->ts_ns - emu.begin_dt, true);
		return;
	}
	event__fixed(ev, &e, sizeof(e));
	if (KFD_IOC_TYPE(e.cmd) != 'K')
		return;
	*VEC_PUSH(&m->inside->open_since) = ev->ts_ns;
	map__set(&m->inside->open_by_thread, (uint64_t)e.pid << 32 | ev->tid, e.cmd, m->inside->open_since.n - 1);
	on_open(m, e.pid, ev->tid, e.cmd, ev->ts_ns - e.begin_dt, false);
}

const struct handler ioctls__handlers[] = {
	{EV_kfd_ioctl, on_kfd_ioctl},
	{EV_emu_ioctl, on_emu_ioctl},
	{EV_kfd_ioctl_open, on_ioctl_open},
	{EV_emu_ioctl_open, on_ioctl_open},
	{0},
};

/* eBPF sees a call break off when its process ends; the device's log says it was open. */
void ioctls__end(struct model *m)
{
	for (size_t i = 0; i < m->open.list.n; i++) {
		uint64_t both = m->open.list.v[i].count;
		struct ioctl_sum *x;
		size_t k;

		if (!map__get(&m->interrupted.where, m->open.list.v[i].cmd, 0, &k))
			continue;
		x = &m->interrupted.list.v[k];
		both = both < x->count ? both : x->count;
		x->count -= both;
		m->interrupted_ioctls -= both;
	}
}

void ioctls__free_all(struct model *m)
{
	free_sums(&m->failed);
	free_sums(&m->interrupted);
	free_sums(&m->open);
	free_sums(&m->failed_drm);
	free(m->inside->open_since.v);
	map__free(&m->inside->open_by_thread);
	map__free(&m->inside->last_ioctl);
}
