// SPDX-License-Identifier: MIT
#include "parts.h"

#include <stdlib.h>

static void copy_bytes(const struct event *ev, unsigned int i, void *out, size_t size)
{
	const uint8_t *data;
	size_t len = event__bytes(ev, i, &data);

	memset(out, 0, size);
	memcpy(out, data, len < size ? len : size);
}

/* ---- memory ---- */

static void on_call_site(struct model *m, const struct event *ev, uint32_t pid)
{
	struct agent_side *s = &m->agent;
	struct ev_call_site e;

	event__fixed(ev, &e, sizeof(e));
	*VEC_PUSH(&s->sites) = (struct call_site){.pid = pid, .id = e.id, .addr = e.addr, .searched = e.searched == 1};
	map__set(&s->site_by_id, pid, e.id, s->sites.n - 1);
}

static void set_site(const struct model *m, struct alloc *a, uint16_t id)
{
	size_t i;

	if (!id || !map__get(&m->agent.site_by_id, a->pid, id, &i))
		return;
	a->caller = m->agent.sites.v[i].addr;
	a->searched = m->agent.sites.v[i].searched;
}

static uint64_t pool_handle(const struct model *m, uint32_t pid, uint16_t id)
{
	for (size_t i = m->pools.n; id && i-- > 0;)
		if (m->pools.v[i].pid == pid && m->pools.v[i].id == id)
			return m->pools.v[i].handle;
	return 0;
}

static void on_pool_alloc_ok(struct model *m, const struct event *ev, uint32_t pid)
{
	struct alloc a = {.pid = pid, .kind = MEM_KIND_pool, .begin_ns = ev->ts_ns};
	struct ev_pool_alloc_ok e;

	event__fixed(ev, &e, sizeof(e));
	a.va = e.va;
	a.size = e.size_bytes;
	a.pool = pool_handle(m, pid, e.pool);
	set_site(m, &a, e.site);
	add_alloc(m, &a);
}

/* What frees it names it by its address, or where it has none by its handle. */
static uint64_t memory_key(uint64_t va, uint64_t object)
{
	return va ? va : object;
}

static void add_memory(struct model *m, const struct alloc *a)
{
	const size_t before = m->allocs.n;

	add_alloc(m, a);
	if (m->allocs.n > before && a->kind != MEM_KIND_pool)
		map__set(&m->agent.live_memory, (uint64_t)a->kind << 32 | a->pid, memory_key(a->va, a->object),
			 m->allocs.n - 1);
}

static void on_mem_alloc(struct model *m, const struct event *ev, uint32_t pid)
{
	struct alloc a = {.pid = pid, .begin_ns = ev->ts_ns};
	struct ev_mem_alloc e;

	event__fixed(ev, &e, sizeof(e));
	if (e.status) {
		add_failed_alloc(m, e.size_bytes, e.status, e.kind);
		return;
	}
	a.kind = e.kind;
	a.va = e.va;
	a.size = e.size_bytes;
	a.host = e.host;
	a.object = e.object;
	a.pool = pool_handle(m, pid, e.pool);
	set_site(m, &a, e.site);
	add_memory(m, &a);
}

static struct alloc *live(struct model *m, uint32_t pid, uint16_t kind, uint64_t va, uint64_t object)
{
	size_t i;

	if (kind == MEM_KIND_pool ? !map__get(&m->live_allocs, pid, va, &i)
				  : !map__get(&m->agent.live_memory, (uint64_t)kind << 32 | pid, memory_key(va, object), &i))
		return NULL;
	return m->allocs.v[i].end_ns ? NULL : &m->allocs.v[i];
}

static void on_mem_free(struct model *m, const struct event *ev, uint32_t pid)
{
	struct ev_mem_free e;
	struct alloc *a;

	event__fixed(ev, &e, sizeof(e));
	a = live(m, pid, e.kind, e.va, e.object);
	if (a)
		a->end_ns = ev->ts_ns;
}

/* Said again, because the chunk that said it first may be gone. */
static void on_mem_live(struct model *m, const struct event *ev, uint32_t pid)
{
	struct alloc a = {.pid = pid};
	struct ev_mem_live e;

	event__fixed(ev, &e, sizeof(e));
	if (live(m, pid, e.kind, e.va, 0))
		return;
	a.kind = e.kind;
	a.va = e.va;
	a.size = e.size_bytes;
	a.begin_ns = ev->ts_ns > e.age_ns ? ev->ts_ns - e.age_ns : 0;
	a.pool = pool_handle(m, pid, e.pool);
	set_site(m, &a, e.site);
	add_memory(m, &a);
}

/* ---- dispatches ---- */

static void add_bad_pointer(struct model *m, const struct dispatch *d, const struct ev_pointer *p, uint64_t pointer)
{
	struct agent_side *s = &m->agent;
	uint64_t what = (uint64_t)p->at << 48 ^ (uint64_t)p->state << 40 ^ p->base;
	size_t i;

	if (!map__get(&s->bad_by_what, d->object ^ (uint64_t)d->pid << 40, what, &i)) {
		i = s->bad_pointers.n;
		map__set(&s->bad_by_what, d->object ^ (uint64_t)d->pid << 40, what, i);
		*VEC_PUSH(&s->bad_pointers) = (struct bad_pointer){.pid = d->pid,
								   .object = d->object,
								   .at = p->at,
								   .state = p->state,
								   .kind = p->kind,
								   .base = p->base,
								   .size = p->size,
								   .pointer = pointer,
								   .ts_ns = d->ts_ns};
	}
	s->bad_pointers.v[i].count++;
}

static void take_pointers(struct model *m, const struct event *ev, const struct dispatch *d)
{
	const uint8_t *kernarg, *data;
	size_t args = event__bytes(ev, 1, &kernarg), len = event__bytes(ev, 2, &data);
	struct ev_pointer p;

	for (; len >= sizeof(p); len -= sizeof(p), data += sizeof(p)) {
		uint64_t pointer = 0;

		memcpy(&p, data, sizeof(p));
		m->agent.not_asked += p.state == POINTER_STATE_busy;
		if (p.state != POINTER_STATE_nothing && p.state != POINTER_STATE_freed &&
		    p.state != POINTER_STATE_past_end)
			continue;
		if (p.at + sizeof(pointer) <= args)
			memcpy(&pointer, kernarg + p.at, sizeof(pointer));
		add_bad_pointer(m, d, &p, pointer);
	}
}

static uint64_t thread_key(uint32_t pid, uint32_t tid)
{
	return (uint64_t)pid << 32 | tid;
}

void agent__dispatch(struct model *m, const struct event *ev, struct dispatch *d)
{
	struct agent_side *s = &m->agent;

	take_pointers(m, ev, d);
	map__get(&s->current, thread_key(d->pid, ev->tid), 0, &d->range);
	for (size_t i = 0; i < s->started.n; i++)
		if (s->started.v[i].pid == d->pid)
			s->ranges.v[s->started.v[i].range].dispatches++;
}

static void on_clock(struct model *m, const struct event *ev, uint32_t pid)
{
	struct ev_hsa_clock e;

	event__fixed(ev, &e, sizeof(e));
	map__set(&m->agent.frequency, pid, 0, e.frequency_hz);
}

static void on_dispatch_time(struct model *m, const struct event *ev, uint32_t pid)
{
	struct ev_dispatch_time e;
	struct dispatch *d;
	size_t hz = 0;

	event__fixed(ev, &e, sizeof(e));
	d = model__dispatch(m, pid, e.queue_id, e.index);
	if (!d || !map__get(&m->agent.frequency, pid, 0, &hz) || !hz || e.end < e.start)
		return;
	d->duration_ns = (uint64_t)((double)(e.end - e.start) * 1e9 / (double)hz) ?: 1;
	d->device_time = true;
	m->agent.device_times++;
}

/* ---- queues ---- */

static struct hsa_queue *queue_of(struct model *m, uint32_t pid, uint64_t id)
{
	struct agent_side *s = &m->agent;
	size_t i;

	if (!map__get(&s->queue_by_id, pid, id, &i)) {
		i = s->queues.n;
		*VEC_PUSH(&s->queues) = (struct hsa_queue){.pid = pid, .id = id};
		map__set(&s->queue_by_id, pid, id, i);
	}
	return &s->queues.v[i];
}

void agent__queue(struct model *m, uint32_t pid, const struct ev_queue_create *e)
{
	struct hsa_queue *q = queue_of(m, pid, e->queue_id);

	q->made_by = e->made_by;
	q->read_at = e->read_at;
}

void agent__queue_gap(struct model *m, uint32_t pid, const struct ev_queue_gap *e)
{
	struct hsa_queue *q = queue_of(m, pid, e->queue_id);

	*(e->cause == GAP_runtime	  ? &q->runtime
	  : e->cause == GAP_unseen_doorbell ? &q->unseen
					    : &q->consumed) += e->count;
}

bool model__intercepted(const struct model *m, uint32_t pid, uint64_t queue_id)
{
	size_t i;

	return map__get(&m->agent.queue_by_id, pid, queue_id, &i) && m->agent.queues.v[i].read_at == QUEUE_READ_intercept;
}

static void on_queue_set(struct model *m, const struct event *ev, uint32_t pid)
{
	struct hsa_queue *q;
	struct ev_queue_set e;

	event__fixed(ev, &e, sizeof(e));
	if (e.status || !e.what || e.what >= ARRAY_SIZE(q->set))
		return;
	q = queue_of(m, pid, e.queue_id);
	q->set[e.what] = true;
	q->value[e.what] = e.value;
}

/* ---- code ---- */

static void on_kernel_info(struct model *m, const struct event *ev, uint32_t pid)
{
	struct agent_side *s = &m->agent;
	struct kernel_facts *k = VEC_PUSH(&s->kernels);

	k->pid = pid;
	event__fixed(ev, &k->e, sizeof(k->e));
	copy_bytes(ev, 0, k->sha256, sizeof(k->sha256));
	map__set(&s->kernel_by_object, pid, k->e.kernel_object, s->kernels.n - 1);
}

static void on_code_object(struct model *m, const struct event *ev, uint32_t pid)
{
	struct code_facts *c = VEC_PUSH(&m->agent.code);
	struct ev_code_object_info e;

	event__fixed(ev, &e, sizeof(e));
	c->pid = pid;
	c->stored = e.stored;
	copy_bytes(ev, 0, c->sha256, sizeof(c->sha256));
	c->target = text_of(ev, 1);
	c->compiler = text_of(ev, 2);
}

const struct kernel_facts *model__kernel_facts(const struct model *m, uint32_t pid, uint64_t object)
{
	size_t i;

	return map__get(&m->agent.kernel_by_object, pid, object, &i) ? &m->agent.kernels.v[i] : NULL;
}

/* ---- named ranges ---- */

static uint64_t hash(const char *s)
{
	uint64_t h = 0xcbf29ce484222325; /* FNV-1a */

	for (; *s; s++)
		h = (h ^ (uint8_t)*s) * 0x100000001b3;
	return h;
}

/* Index of the range of this name in its parent (index plus 1), or at the top of its thread. Takes name over. */
static size_t find_range(struct model *m, uint32_t pid, uint32_t tid, size_t parent, char *name, bool mark)
{
	struct agent_side *s = &m->agent;
	uint64_t where = parent ? parent : thread_key(pid, tid); /* no index is as large as a pid up there */
	size_t i;

	if (map__get(&s->range_by_name, hash(name) ^ mark, where, &i)) {
		free(name);
		return i;
	}
	*VEC_PUSH(&s->ranges) = (struct named_range){.pid = pid,
						     .tid = tid,
						     .name = name,
						     .mark = mark,
						     .parent = parent,
						     .depth = parent ? s->ranges.v[parent - 1].depth + 1 : 0};
	map__set(&s->range_by_name, hash(name) ^ mark, where, s->ranges.n - 1);
	return s->ranges.n - 1;
}

/* Deeper than this a nest is a program that forgets to pop: the time counts where it is already. */
#define DEEPEST 64

static void end_range(struct named_range *r, uint64_t ts)
{
	r->open--;
	r->total_ns += ts - r->begin_ns;
}

/* Ranges that were pushed before the agent was there are popped after it: their levels are lower. */
static void pop(struct model *m, uint64_t thread, uint64_t level, uint64_t ts)
{
	struct agent_side *s = &m->agent;
	size_t at = 0;

	map__get(&s->current, thread, 0, &at);
	for (; at && s->ranges.v[at - 1].level >= level; at = s->ranges.v[at - 1].parent)
		end_range(&s->ranges.v[at - 1], ts);
	map__set(&s->current, thread, 0, at);
}

static void stop(struct agent_side *s, uint32_t pid, uint64_t id, uint64_t ts)
{
	for (size_t i = s->started.n; i-- > 0;) {
		const struct started_range *x = &s->started.v[i];

		if (x->pid != pid || x->id != id)
			continue;
		s->ranges.v[x->range].open--;
		s->ranges.v[x->range].total_ns += ts - x->begin_ns;
		s->started.v[i] = s->started.v[--s->started.n];
		return;
	}
}

static void on_range(struct model *m, const struct event *ev, uint32_t pid)
{
	struct agent_side *s = &m->agent;
	uint64_t thread = thread_key(pid, ev->tid);
	struct named_range *r;
	struct ev_range e;
	size_t at = 0, i;

	event__fixed(ev, &e, sizeof(e));
	if (e.op == RANGE_OP_push)
		pop(m, thread, e.id, ev->ts_ns); /* none of this level, unless events were lost */
	map__get(&s->current, thread, 0, &at);
	switch (e.op) {
	case RANGE_OP_push:
		if (at && s->ranges.v[at - 1].depth + 1 == DEEPEST)
			break;
		i = find_range(m, pid, ev->tid, at, text_of(ev, 0), false);
		r = &s->ranges.v[i];
		r->level = e.id;
		r->begin_ns = ev->ts_ns;
		r->count++;
		r->open++;
		map__set(&s->current, thread, 0, i + 1);
		break;
	case RANGE_OP_pop:
		pop(m, thread, e.id, ev->ts_ns);
		break;
	case RANGE_OP_mark:
		i = find_range(m, pid, ev->tid, at, text_of(ev, 0), true);
		s->ranges.v[i].count++;
		break;
	case RANGE_OP_start:
		i = find_range(m, pid, 0, 0, text_of(ev, 0), false);
		s->ranges.v[i].count++;
		s->ranges.v[i].open++;
		*VEC_PUSH(&s->started) =
			(struct started_range){.pid = pid, .id = e.id, .begin_ns = ev->ts_ns, .range = i};
		break;
	case RANGE_OP_stop:
		stop(s, pid, e.id, ev->ts_ns);
		break;
	}
}

/* Times of dispatches are known now. What is still open has lasted until here. */
void agent__end(struct model *m)
{
	struct agent_side *s = &m->agent;

	for (size_t i = 0; i < m->dispatches.n; i++)
		for (size_t at = m->dispatches.v[i].range; at; at = s->ranges.v[at - 1].parent) {
			s->ranges.v[at - 1].dispatches++;
			s->ranges.v[at - 1].kernel_ns += m->dispatches.v[i].duration_ns;
		}
	for (size_t i = 0; i < s->ranges.n; i++)
		if (s->ranges.v[i].open && s->ranges.v[i].tid)
			s->ranges.v[i].total_ns += m->end_ns - s->ranges.v[i].begin_ns;
	for (size_t i = 0; i < s->started.n; i++)
		s->ranges.v[s->started.v[i].range].total_ns += m->end_ns - s->started.v[i].begin_ns;
}

/* ---- evidence ---- */

static void on_queue_state(struct model *m, const struct event *ev, uint32_t pid)
{
	struct agent_side *s = &m->agent;
	struct evidence *x = VEC_PUSH(&s->evidence);

	x->pid = pid;
	x->ts_ns = ev->ts_ns;
	event__fixed(ev, &x->e, sizeof(x->e));
	map__set(&s->evidence_by_queue, pid, x->e.queue_id, s->evidence.n - 1);
}

static void on_recent(struct model *m, const struct event *ev, uint32_t pid)
{
	struct agent_side *s = &m->agent;
	struct ev_recent_dispatch e;
	const uint8_t *packet, *kernarg, *pointers;
	size_t len, i;
	struct recent *r;

	event__fixed(ev, &e, sizeof(e));
	if (event__bytes(ev, 0, &packet) != 64 || !map__get(&s->evidence_by_queue, pid, e.queue_id, &i))
		return;
	r = VEC_PUSH(&s->recent);
	r->evidence = i;
	r->e = e;
	for (i = 0; i < 3; i++) {
		r->workgroup[i] = le(packet + 4 + 2 * i, 2);
		r->grid[i] = le(packet + 12 + 4 * i, 4);
	}
	memcpy(&r->object, packet + 32, 8);
	len = event__bytes(ev, 1, &kernarg);
	r->kernarg_len = (uint16_t)(len < sizeof(r->kernarg) ? len : sizeof(r->kernarg));
	memcpy(r->kernarg, kernarg, r->kernarg_len);
	for (len = event__bytes(ev, 2, &pointers); len >= sizeof(struct ev_pointer); len -= sizeof(struct ev_pointer)) {
		memcpy(VEC_PUSH(&r->pointers), pointers, sizeof(struct ev_pointer));
		pointers += sizeof(struct ev_pointer);
	}
}

static void on_watch(struct model *m, const struct event *ev, uint32_t pid)
{
	struct agent_side *s = &m->agent;
	struct ev_watch e;
	size_t i;

	event__fixed(ev, &e, sizeof(e));
	if (!map__get(&s->watched_by_queue, pid, e.queue_id, &i)) {
		i = s->watched.n;
		VEC_PUSH(&s->watched);
		map__set(&s->watched_by_queue, pid, e.queue_id, i);
	}
	s->watched.v[i] = (struct watched){.pid = pid, .ts_ns = ev->ts_ns, .e = e};
}

static void on_hang(struct model *m, const struct event *ev, uint32_t pid)
{
	struct hang *h = VEC_PUSH(&m->agent.hangs);

	h->pid = pid;
	h->ts_ns = ev->ts_ns;
	event__fixed(ev, &h->e, sizeof(h->e));
}

static void on_signal(struct model *m, const struct event *ev, uint32_t pid)
{
	struct caught_signal *x = VEC_PUSH(&m->agent.signals);

	x->pid = pid;
	x->tid = ev->tid;
	x->ts_ns = ev->ts_ns;
	event__fixed(ev, &x->e, sizeof(x->e));
}

static void on_near(struct model *m, const struct event *ev, uint32_t pid)
{
	struct near_memory *x = VEC_PUSH(&m->agent.near);

	x->pid = pid;
	event__fixed(ev, &x->e, sizeof(x->e));
}

static void on_note(struct model *m, const struct event *ev, uint32_t pid)
{
	struct agent_side *s = &m->agent;
	char *text = text_of(ev, 0);

	(void)pid;
	for (size_t i = 0; i < s->notes.n; i++)
		if (!strcmp(s->notes.v[i].text, text)) {
			s->notes.v[i].count++;
			free(text);
			return;
		}
	*VEC_PUSH(&s->notes) = (struct agent_note){.text = text, .count = 1};
}

bool agent__event(struct model *m, const struct event *ev, uint32_t pid)
{
	static const struct {
		enum ev_id id;
		void (*take)(struct model *m, const struct event *ev, uint32_t pid);
	} rows[] = {
		{EV_pool_alloc_ok, on_pool_alloc_ok}, {EV_call_site, on_call_site},
		{EV_mem_alloc, on_mem_alloc},	      {EV_mem_free, on_mem_free},
		{EV_mem_live, on_mem_live},	      {EV_dispatch_time, on_dispatch_time},
		{EV_hsa_clock, on_clock},	      {EV_queue_set, on_queue_set},
		{EV_kernel_info, on_kernel_info},     {EV_code_object_info, on_code_object},
		{EV_range, on_range},		      {EV_queue_state, on_queue_state},
		{EV_recent_dispatch, on_recent},      {EV_watch, on_watch},
		{EV_hang, on_hang},		      {EV_process_signal, on_signal},
		{EV_near_alloc, on_near},	      {EV_agent_note, on_note},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (ev->desc->id == rows[i].id) {
			rows[i].take(m, ev, pid);
			return true;
		}
	return false;
}

void agent__free_all(struct model *m)
{
	struct agent_side *s = &m->agent;
	struct map *maps[] = {&s->site_by_id, &s->bad_by_what, &s->queue_by_id, &s->kernel_by_object,
			      &s->range_by_name, &s->current, &s->frequency, &s->evidence_by_queue,
			      &s->watched_by_queue, &s->live_memory};

	for (size_t i = 0; i < s->ranges.n; i++)
		free(s->ranges.v[i].name);
	for (size_t i = 0; i < s->code.n; i++) {
		free(s->code.v[i].target);
		free(s->code.v[i].compiler);
	}
	for (size_t i = 0; i < s->recent.n; i++)
		free(s->recent.v[i].pointers.v);
	for (size_t i = 0; i < s->notes.n; i++)
		free(s->notes.v[i].text);
	for (size_t i = 0; i < ARRAY_SIZE(maps); i++)
		map__free(maps[i]);
	free(s->sites.v);
	free(s->bad_pointers.v);
	free(s->queues.v);
	free(s->kernels.v);
	free(s->code.v);
	free(s->ranges.v);
	free(s->evidence.v);
	free(s->recent.v);
	free(s->hangs.v);
	free(s->signals.v);
	free(s->near.v);
	free(s->watched.v);
	free(s->notes.v);
	free(s->started.v);
}
