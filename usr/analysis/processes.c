// SPDX-License-Identifier: MIT
/* Processes, whose stream is whose, what the agent found in them, and which GPU it is. */
#include "parts.h"

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
	map__set(&m->inside->process_by_pid, pid, 0, m->processes.n - 1);
	return p;
}

struct process *process_of(struct model *m, uint32_t pid, uint64_t ts)
{
	size_t i;

	return map__get(&m->inside->process_by_pid, pid, 0, &i) ? &m->processes.v[i]
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
	if (n > 1 && !map__get(&m->inside->writers, number, 1, &seen)) {
		map__set(&m->inside->writers, number, 1, 0);
		m->unjoined_writers++;
	}
	return n == 1 ? found->pid : number;
}

static uint32_t find_writer_of(struct model *m, const struct trace_stream *s)
{
	size_t pid;

	if (s->counters || (s->kind != STREAM_agent && s->kind != STREAM_emu))
		return s->pid;
	if (map__get(&m->inside->writers, (uintptr_t)s, 0, &pid))
		return (uint32_t)pid;
	pid = find_writer(m, s->pid);
	map__set(&m->inside->writers, (uintptr_t)s, 0, pid);
	return (uint32_t)pid;
}

uint32_t writer_of(struct model *m, const struct event *ev)
{
	return m->inside->has_namespaces ? find_writer_of(m, ev->stream) : ev->stream->pid;
}

/* ---- what a process has at once ---- */

struct owner *owner_of(struct model *m, uint32_t pid)
{
	struct inside *in = m->inside;
	size_t i = in->last_owner;

	if (i && in->owners.v[i - 1].pid == pid)
		return &in->owners.v[i - 1];
	if (!map__get(&in->owner_by_pid, pid, 0, &i)) {
		i = in->owners.n;
		VEC_PUSH(&in->owners)->pid = pid;
		map__set(&in->owner_by_pid, pid, 0, i);
	}
	in->last_owner = i + 1;
	return &in->owners.v[i];
}

const struct owner *find_owner(const struct model *m, uint32_t pid)
{
	const struct inside *in = m->inside;
	size_t i = in->last_owner;

	if (i && in->owners.v[i - 1].pid == pid)
		return &in->owners.v[i - 1];
	return map__get(&in->owner_by_pid, pid, 0, &i) ? &in->owners.v[i] : NULL;
}

/* ---- which GPU it is ---- */

void set_gfx(struct model *m, unsigned int gfx_target_version, enum gfx_from from)
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

/* ---- events ---- */

/* The first of a handle is meant. */
static void add_first(struct map *map, uint32_t pid, uint64_t handle, size_t i)
{
	size_t there;

	if (!map__get(map, pid, handle, &there))
		map__set(map, pid, handle, i);
}

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
	add_first(&m->inside->device_by_handle, pid, d->handle, m->devices.n - 1);
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
	add_first(&m->inside->pool_by_handle, pid, p->handle, m->pools.n - 1);
	map__set(&m->inside->pool_by_id, pid, p->id, m->pools.n - 1);
}

static void on_module(struct model *m, const struct event *ev, uint32_t pid)
{
	struct ev_module e;
	struct module *x = VEC_PUSH(&m->modules);

	event__fixed(ev, &e, sizeof(e));
	*x = (struct module){
		.pid = pid, .base = e.base, .size = e.size_bytes, .path = text_of(ev, 0)};
}

/* Each process says it of each card. */
static void on_emu_device(struct model *m, const struct event *ev, uint32_t pid)
{
	struct emu_card *c;
	struct ev_emu_device e;
	size_t i;

	event__fixed(ev, &e, sizeof(e));
	set_gfx(m, e.gfx_target_version, GFX_EMULATED);
	m->emulated = true;
	process_of(m, pid, ev->ts_ns)->device = true;
	if (map__get(&m->inside->card_by_id, e.gpu_id, 0, &i))
		return;
	map__set(&m->inside->card_by_id, e.gpu_id, 0, 0);
	c = VEC_PUSH(&m->emu_cards);
	*c = (struct emu_card){.ev = e, .name = text_of(ev, 0)};
}

static void end_memory(struct model *m, uint32_t pid, uint64_t ts)
{
	memory__end_process(m, pid, ts);
	allocs__end_process(m, pid, ts);
}

static void on_process(struct model *m, const struct event *ev, uint32_t pid)
{
	struct ev_proc_fork fork;
	struct ev_proc_exec exec;
	struct ev_proc_exit end;
	struct ev_proc_left left;
	struct ev_proc_ns ns;
	struct process *p;
	const char *exe;

	(void)pid;
	switch (ev->desc->id) {
	case EV_proc_fork:
		event__fixed(ev, &fork, sizeof(fork));
		if (has_exited(m, fork.child))
			end_memory(m, fork.child, ev->ts_ns);
		exe = process_of(m, fork.pid, ev->ts_ns)->exe;
		p = new_process(m, fork.child, ev->ts_ns); /* even if the pid was there before */
		p->exe = exe ? xstrdup(exe) : NULL; /* until it executes another */
		break;
	case EV_proc_exec:
		event__fixed(ev, &exec, sizeof(exec));
		p = process_of(m, exec.pid, ev->ts_ns);
		if (p->agent)
			end_memory(m, exec.pid, ev->ts_ns);
		free(p->exe);
		p->exe = text_of(ev, 0);
		break;
	case EV_proc_ns:
		event__fixed(ev, &ns, sizeof(ns));
		process_of(m, ns.pid, ev->ts_ns)->ns_pid = ns.ns_pid;
		m->inside->has_namespaces = true;
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

static void on_session(struct model *m, const struct event *ev, uint32_t pid)
{
	struct ev_session e;

	(void)pid;
	event__fixed(ev, &e, sizeof(e));
	if (e.phase == PHASE_begin && !m->command)
		m->command = text_of(ev, 0);
	if (e.phase == PHASE_end) {
		m->ended = true;
		m->status = e.status;
	}
}

static void on_hook(struct model *m, const struct event *ev, uint32_t pid)
{
	char *name = text_of(ev, 0);
	struct ev_hook e;

	(void)pid;
	event__fixed(ev, &e, sizeof(e));
	if (e.on == 1) {
		m->page_tables_on |= strstr(name, "/amdgpu_vm_update_ptes)") != NULL;
		m->moves_on |= strstr(name, "/amdgpu_bo_move)") != NULL;
		m->host_changes_on |= strstr(name, "/amdgpu_amdkfd_evict_userptr)") != NULL;
		m->interrupts_on |= strstr(name, "/amdgpu_iv)") != NULL;
	}
	if (!e.on)
		*VEC_PUSH(&m->hooks_off) =
			(struct hook_off){.name = name, .reason = text_of(ev, 1)};
	else
		free(name);
}

static void on_attached(struct model *m, const struct event *ev, uint32_t pid)
{
	struct ev_attached e;
	struct process *p;

	(void)pid;
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

static void on_emu_options(struct model *m, const struct event *ev, uint32_t pid)
{
	(void)pid;
	if (!m->emu_options)
		m->emu_options = text_of(ev, 0);
}

static void on_trace_options(struct model *m, const struct event *ev, uint32_t pid)
{
	(void)pid;
	if (!m->trace_options)
		m->trace_options = text_of(ev, 0);
}

static void on_agent_start(struct model *m, const struct event *ev, uint32_t pid)
{
	struct process *p = process_of(m, pid, ev->ts_ns);

	p->agent = true;
	if (!p->exe)
		p->exe = text_of(ev, 0);
}

const struct handler processes__handlers[] = {
	{EV_session, on_session},
	{EV_emu_options, on_emu_options},
	{EV_trace_options, on_trace_options},
	{EV_hook, on_hook},
	{EV_attached, on_attached},
	{EV_proc_fork, on_process},
	{EV_proc_exec, on_process},
	{EV_proc_exit, on_process},
	{EV_proc_left, on_process},
	{EV_proc_ns, on_process},
	{EV_agent_start, on_agent_start},
	{EV_hsa_agent, on_device},
	{EV_hsa_pool, on_pool},
	{EV_module, on_module},
	{EV_emu_device, on_emu_device},
	{0},
};

void processes__free_all(struct model *m)
{
	struct inside *in = m->inside;

	for (size_t i = 0; i < m->processes.n; i++)
		free(m->processes.v[i].exe);
	for (size_t i = 0; i < m->devices.n; i++) {
		free(m->devices.v[i].name);
		free(m->devices.v[i].product);
	}
	for (size_t i = 0; i < m->modules.n; i++)
		free(m->modules.v[i].path);
	for (size_t i = 0; i < m->hooks_off.n; i++) {
		free(m->hooks_off.v[i].name);
		free(m->hooks_off.v[i].reason);
	}
	for (size_t i = 0; i < m->attached.n; i++)
		free(m->attached.v[i].exe);
	for (size_t i = 0; i < m->emu_cards.n; i++)
		free(m->emu_cards.v[i].name);
	for (size_t i = 0; i < in->owners.n; i++)
		free(in->owners.v[i].arguments);
	free(m->processes.v);
	free(m->devices.v);
	free(m->pools.v);
	free(m->modules.v);
	free(m->hooks_off.v);
	free(m->attached.v);
	free(m->emu_cards.v);
	free(m->command);
	free(m->emu_options);
	free(m->trace_options);
	free(in->owners.v);
	map__free(&in->process_by_pid);
	map__free(&in->writers);
	map__free(&in->owner_by_pid);
	map__free(&in->device_by_handle);
	map__free(&in->pool_by_handle);
	map__free(&in->pool_by_id);
	map__free(&in->card_by_id);
}

/* ---- asking ---- */

const struct pool *model__pool(const struct model *m, uint32_t pid, uint64_t handle)
{
	size_t i;

	return map__get(&m->inside->pool_by_handle, pid, handle, &i) ? &m->pools.v[i] : NULL;
}

const struct pool *model__pool_numbered(const struct model *m, uint32_t pid, uint16_t id)
{
	size_t i;

	return id && map__get(&m->inside->pool_by_id, pid, id, &i) ? &m->pools.v[i] : NULL;
}

const struct device *model__device(const struct model *m, uint32_t pid, uint64_t handle)
{
	size_t i;

	return map__get(&m->inside->device_by_handle, pid, handle, &i) ? &m->devices.v[i] : NULL;
}

const struct process *model__process(const struct model *m, uint32_t pid)
{
	size_t i;

	return map__get(&m->inside->process_by_pid, pid, 0, &i) ? &m->processes.v[i] : NULL;
}
