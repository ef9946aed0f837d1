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

static void on_call_site(struct model *m, const struct event *ev, uint32_t pid)
{
	struct agent_side *s = &m->agent;
	struct ev_call_site e;

	event__fixed(ev, &e, sizeof(e));
	*VEC_PUSH(&s->sites) = (struct call_site){.pid = pid, .id = e.id, .addr = e.addr, .searched = e.searched == 1};
	map__set(&s->site_by_id, pid, e.id, s->sites.n - 1);
}

/* ---- dispatches ---- */

static void add_bad_pointer(struct model *m, const struct given *g, const struct ev_pointer *p, uint64_t pointer)
{
	struct agent_side *s = &m->agent;
	uint64_t what = (uint64_t)p->at << 48 ^ (uint64_t)p->state << 40 ^ p->base;
	size_t i;

	if (!map__get(&s->bad_by_what, g->kernel, what, &i)) {
		i = s->bad_pointers.n;
		map__set(&s->bad_by_what, g->kernel, what, i);
		*VEC_PUSH(&s->bad_pointers) = (struct bad_pointer){.pid = g->pid,
								   .object = m->kernel_sums.v[g->kernel].object,
								   .at = p->at,
								   .state = p->state,
								   .kind = p->kind,
								   .base = p->base,
								   .size = p->size,
								   .pointer = pointer,
								   .ts_ns = g->ts_ns};
	}
	s->bad_pointers.v[i].count++;
}

void agent__pointer(struct model *m, const struct given *g, const struct ev_pointer *p,
		    const struct event_bytes *kernarg)
{
	uint64_t pointer = 0;

	m->agent.not_asked += p->state == POINTER_STATE_busy;
	if (p->state != POINTER_STATE_nothing && p->state != POINTER_STATE_freed && p->state != POINTER_STATE_past_end)
		return;
	if (p->at + sizeof(pointer) <= kernarg->len)
		memcpy(&pointer, kernarg->data + p->at, sizeof(pointer));
	add_bad_pointer(m, g, p, pointer);
}

static uint64_t thread_key(uint32_t pid, uint32_t tid)
{
	return (uint64_t)pid << 32 | tid;
}

static uint64_t dispatches_of(const struct agent_side *s, uint32_t pid)
{
	size_t n = 0;

	map__get(&s->dispatches, pid, 0, &n);
	return n;
}

/* Ranges that were started, and belong to no thread, count the dispatches of their process while they last. */
size_t agent__range(struct model *m, uint32_t pid, uint32_t tid)
{
	struct agent_side *s = &m->agent;
	size_t range = 0;

	if (!s->ranges.n)
		return 0;
	if (s->started.n)
		map__set(&s->dispatches, pid, 0, dispatches_of(s, pid) + 1);
	map__get(&s->current, thread_key(pid, tid), 0, &range);
	if (range)
		s->ranges.v[range - 1].dispatches++;
	return range;
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
	size_t hz = 0;

	event__fixed(ev, &e, sizeof(e));
	if (!map__get(&m->agent.frequency, pid, 0, &hz) || !hz || e.end < e.start)
		return;
	dispatches__time(m, pid, e.queue_id, e.index,
			 (uint64_t)((double)(e.end - e.start) * 1e9 / (double)hz) ?: 1, true);
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

	return map__get(&m->agent.queue_by_id, pid, queue_id, &i) && (m->agent.queues.v[i].read_at == QUEUE_READ_intercept || m->agent.queues.v[i].read_at == QUEUE_READ_front);
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

const struct code_facts *model__code(const struct model *m, const uint8_t sha256[32])
{
	size_t i;

	return map__get(&m->agent.code_by_digest, digest_key(sha256), 0, &i) ? &m->agent.code.v[i - 1] : NULL;
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
	if (!model__code(m, c->sha256))
		map__set(&m->agent.code_by_digest, digest_key(c->sha256), 0, m->agent.code.n);
}

static void on_code_load(struct model *m, const struct event *ev, uint32_t pid)
{
	struct agent_side *s = &m->agent;
	struct ev_code_object e;

	event__fixed(ev, &e, sizeof(e));
	if (!e.status)
		return;
	for (size_t i = 0; i < s->failed_loads.n; i++)
		if (s->failed_loads.v[i].pid == pid && s->failed_loads.v[i].status == e.status) {
			s->failed_loads.v[i].count++;
			return;
		}
	*VEC_PUSH(&s->failed_loads) =
		(struct failed_load){.pid = pid, .status = e.status, .ts_ns = ev->ts_ns, .count = 1};
}

/* A text of none is written as "-". */
static void on_environment(struct model *m, const struct event *ev, uint32_t pid)
{
	struct process_variable v = {.pid = pid, .name = text_of(ev, 0), .value = text_of(ev, 1)};

	if (!strcmp(v.value, "-"))
		v.value[0] = 0;
	*VEC_PUSH(&m->agent.variables) = v;
}

static void on_library(struct model *m, const struct event *ev, uint32_t pid)
{
	*VEC_PUSH(&m->agent.libraries) = (struct rocm_library){
		.pid = pid, .ts_ns = ev->ts_ns, .path = text_of(ev, 0), .real_path = text_of(ev, 1)};
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

static void end_started(struct agent_side *s, const struct started_range *x, uint64_t ts)
{
	struct named_range *r = &s->ranges.v[x->range];

	r->total_ns += ts - x->begin_ns;
	r->dispatches += dispatches_of(s, x->pid) - x->dispatches;
}

static void begin_started(struct agent_side *s, uint32_t pid, uint64_t id, uint64_t ts, size_t range)
{
	struct started_range x = {.pid = pid, .id = id, .begin_ns = ts, .range = range};

	x.dispatches = dispatches_of(s, pid);
	map__get(&s->started_by_id, pid, id, &x.before);
	*VEC_PUSH(&s->started) = x;
	map__set(&s->started_by_id, pid, id, s->started.n);
}

/* Of those with one id the last. */
static void stop(struct agent_side *s, uint32_t pid, uint64_t id, uint64_t ts)
{
	size_t i = 0;

	if (!map__get(&s->started_by_id, pid, id, &i) || !i || s->started.v[i - 1].ended)
		return;
	s->started.v[i - 1].ended = true;
	s->ranges.v[s->started.v[i - 1].range].open--;
	end_started(s, &s->started.v[i - 1], ts);
	if (s->started.v[i - 1].before)
		map__set(&s->started_by_id, pid, id, s->started.v[i - 1].before);
	else
		map__unset(&s->started_by_id, pid, id);
	while (s->started.n && s->started.v[s->started.n - 1].ended)
		s->started.n--;
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
		begin_started(s, pid, e.id, ev->ts_ns, i);
		break;
	case RANGE_OP_stop:
		stop(s, pid, e.id, ev->ts_ns);
		break;
	}
}

/* Times of dispatches are known now. A range comes behind the one it is in. What is still open has lasted until here. */
void agent__end(struct model *m)
{
	struct agent_side *s = &m->agent;

	for (size_t i = s->ranges.n; i-- > 0;) {
		const struct named_range *r = &s->ranges.v[i];

		if (!r->parent)
			continue;
		s->ranges.v[r->parent - 1].dispatches += r->dispatches;
		s->ranges.v[r->parent - 1].kernel_ns += r->kernel_ns;
	}
	for (size_t i = 0; i < s->ranges.n; i++)
		if (s->ranges.v[i].open && s->ranges.v[i].tid)
			s->ranges.v[i].total_ns += m->end_ns - s->ranges.v[i].begin_ns;
	for (size_t i = 0; i < s->started.n; i++)
		if (!s->started.v[i].ended)
			end_started(s, &s->started.v[i], m->end_ns);
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
	r->group_bytes = (uint32_t)le(packet + 28, 4);
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
	size_t i;

	(void)pid;
	if (map__get(&s->note_by_text, hash(text), 0, &i)) {
		s->notes.v[i].count++;
		free(text);
		return;
	}
	*VEC_PUSH(&s->notes) = (struct agent_note){.text = text, .count = 1};
	map__set(&s->note_by_text, hash(text), 0, s->notes.n - 1);
}

const struct handler agent__handlers[] = {
	{EV_call_site, on_call_site},
	{EV_dispatch_time, on_dispatch_time},
	{EV_hsa_clock, on_clock},
	{EV_queue_set, on_queue_set},
	{EV_kernel_info, on_kernel_info},
	{EV_code_object_info, on_code_object},
	{EV_code_object, on_code_load},
	{EV_rocm_library, on_library},
	{EV_environment, on_environment},
	{EV_range, on_range},
	{EV_queue_state, on_queue_state},
	{EV_recent_dispatch, on_recent},
	{EV_watch, on_watch},
	{EV_hang, on_hang},
	{EV_process_signal, on_signal},
	{EV_near_alloc, on_near},
	{EV_agent_note, on_note},
	{0},
};

void agent__free_all(struct model *m)
{
	struct agent_side *s = &m->agent;
	struct map *maps[] = {&s->code_by_digest, &s->site_by_id, &s->bad_by_what, &s->queue_by_id, &s->kernel_by_object,
			      &s->range_by_name, &s->current, &s->frequency, &s->evidence_by_queue,
			      &s->watched_by_queue, &s->dispatches, &s->started_by_id, &s->note_by_text};

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
	for (size_t i = 0; i < s->libraries.n; i++) {
		free(s->libraries.v[i].path);
		free(s->libraries.v[i].real_path);
	}
	free(s->libraries.v);
	for (size_t i = 0; i < s->variables.n; i++) {
		free(s->variables.v[i].name);
		free(s->variables.v[i].value);
	}
	free(s->variables.v);
	free(s->failed_loads.v);
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
