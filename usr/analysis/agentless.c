// SPDX-License-Identifier: MIT
#include "agentless.h"
#include "../base/buf.h"
#include "../decode/kfd.h"

#include <stdlib.h>

const char agentless_reasons[] =
	"HSA_TOOLS_LIB was changed or taken away on the way (by the program, env -i, sudo, a container); or the "
	"library cannot be loaded there (a container that does not have it at this path, another C library or "
	"architecture, a static program); or the agent could not write (it says so); or the program does not use "
	"the HSA runtime. "
	"HSA_TOOLS_REPORT_LOAD_FAILURE=1 has the runtime say why it cannot load it";

static struct agentless_process *new_process(struct agentless *a, uint32_t pid)
{
	struct agentless_process *p = VEC_PUSH(&a->list);

	p->pid = pid;
	map__set(&a->newest, pid, 0, a->list.n - 1);
	return p;
}

static struct agentless_process *process_of(struct agentless *a, uint32_t pid)
{
	size_t i;

	return map__get(&a->newest, pid, 0, &i) ? &a->list.v[i] : new_process(a, pid);
}

/* What only a user of the GPU asks for; the driver's version is asked by others, too. */
static void on_ioctl(struct agentless *a, uint32_t pid, uint32_t cmd, int64_t ret)
{
	static const uint8_t uses[] = {0x02 /* CREATE_QUEUE */, 0x16 /* ALLOC_MEMORY_OF_GPU */};
	struct agentless_process *p;

	if (KFD_IOC_TYPE(cmd) != 'K' || ret)
		return;
	p = process_of(a, pid);
	for (size_t i = 0; i < sizeof(uses); i++)
		p->driver |= KFD_IOC_NR(cmd) == uses[i];
}

/* A process of its own from here on, of the same number. */
static void on_exec(struct agentless *a, uint32_t pid, const struct event *ev)
{
	struct agentless_process *p = process_of(a, pid);
	uint32_t ns_pid = p->ns_pid;
	const uint8_t *path;
	size_t len = event__bytes(ev, 0, &path);
	struct buf exe = {0};

	if (p->driver || p->agent)
		p = new_process(a, pid);
	p->ns_pid = ns_pid;
	buf__visible(&exe, (const char *)path, len);
	free(p->exe);
	p->exe = exe.s;
}

static void on_fork(struct agentless *a, uint32_t pid, uint32_t child)
{
	const struct agentless_process *parent = process_of(a, pid);
	char *exe = parent->exe ? xstrdup(parent->exe) : NULL;

	new_process(a, child)->exe = exe;
}

static void on_agent(struct agentless *a, uint32_t number)
{
	bool found = false;

	for (size_t i = 0; i < a->list.n; i++) {
		struct agentless_process *p = &a->list.v[i];
		size_t newest;

		if ((p->ns_pid ? p->ns_pid : p->pid) != number ||
		    !map__get(&a->newest, p->pid, 0, &newest) || newest != i)
			continue;
		p->agent = true;
		found = true;
	}
	a->strangers |= !found;
}

void agentless__event(struct agentless *a, const struct event *ev)
{
	struct ev_kfd_ioctl kfd;
	struct ev_emu_ioctl emu;
	struct ev_proc_exec exec;
	struct ev_proc_fork fork;
	struct ev_proc_ns ns;

	switch (ev->desc->id) {
	case EV_kfd_ioctl:
		event__fixed(ev, &kfd, sizeof(kfd));
		on_ioctl(a, kfd.pid, kfd.cmd, kfd.ret);
		break;
	case EV_emu_ioctl:
		event__fixed(ev, &emu, sizeof(emu));
		on_ioctl(a, emu.pid, emu.cmd, emu.ret);
		break;
	case EV_proc_exec:
		event__fixed(ev, &exec, sizeof(exec));
		on_exec(a, exec.pid, ev);
		break;
	case EV_proc_fork:
		event__fixed(ev, &fork, sizeof(fork));
		on_fork(a, fork.pid, fork.child);
		break;
	case EV_proc_ns:
		event__fixed(ev, &ns, sizeof(ns));
		process_of(a, ns.pid)->ns_pid = ns.ns_pid;
		break;
	case EV_agent_start:
		on_agent(a, ev->stream->pid);
		break;
	}
}

const struct agentless_process *agentless__get(const struct agentless *a, size_t i)
{
	for (size_t k = 0; k < a->list.n && !a->strangers; k++)
		if (a->list.v[k].driver && !a->list.v[k].agent && !i--)
			return &a->list.v[k];
	return NULL;
}

void agentless__free(struct agentless *a)
{
	for (size_t i = 0; i < a->list.n; i++)
		free(a->list.v[i].exe);
	free(a->list.v);
	map__free(&a->newest);
	*a = (struct agentless){0};
}
