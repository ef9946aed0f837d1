// SPDX-License-Identifier: MIT
#include "parts.h"

#include <stdlib.h>

static uint64_t key_of(uint32_t pid, uint64_t object)
{
	return object ^ (uint64_t)pid << 40;
}

static void on_steer(struct model *m, const struct event *ev, uint32_t pid)
{
	struct steering *s = &m->steering;
	struct steer *x = VEC_PUSH(&s->list);

	x->pid = pid;
	x->ts_ns = ev->ts_ns;
	event__fixed(ev, &x->e, sizeof(x->e));
	/* Behind the digest. */
	x->name = text_of(ev, 1);
	x->to = text_of(ev, 2);
	x->reason = text_of(ev, 3);
	map__set(&s->by_object, key_of(pid, x->e.kernel_object), x->e.kernel_object, s->list.n - 1);
}

static void on_steered(struct model *m, const struct event *ev, uint32_t pid)
{
	struct steering *s = &m->steering;
	struct ev_steered e;
	size_t i;

	event__fixed(ev, &e, sizeof(e));
	if (!map__get(&s->by_object, key_of(pid, e.kernel_object), e.kernel_object, &i)) {
		s->unknown++;
		return;
	}
	if (e.passed) {
		s->list.v[i].passed[e.passed < STEER_PASSED_KINDS ? e.passed : STEER_PASSED_KINDS - 1]++;
		return;
	}
	s->list.v[i].steered += e.action != STEER_ACTION_none;
	if (e.action == STEER_ACTION_host)
		map__set(&s->on_host, key_of(pid, e.queue_id), e.index, i);
}

static void on_host_run(struct model *m, const struct event *ev, uint32_t pid)
{
	struct steering *s = &m->steering;
	struct ev_host_run e;
	struct steer *x;
	char *problem;
	size_t i;

	event__fixed(ev, &e, sizeof(e));
	if (!map__get(&s->on_host, key_of(pid, e.queue_id), e.index, &i)) {
		s->unknown++;
		return;
	}
	map__unset(&s->on_host, key_of(pid, e.queue_id), e.index);
	x = &s->list.v[i];
	x->runs++;
	if (e.error && !x->failed_runs++)
		x->error = e.error;
	x->waited_ns += e.waited_ns;
	x->copied_ns += e.copied_ns;
	x->computed_ns += e.computed_ns;
	x->copied_bytes += e.copied_bytes;
	problem = text_of(ev, 0);
	x->several_problems |= x->problem && strcmp(x->problem, problem);
	if (x->problem)
		free(problem);
	else
		x->problem = problem;
}

static void on_quarantined(struct model *m, const struct event *ev, uint32_t pid)
{
	struct quarantined *q = VEC_PUSH(&m->steering.quarantined);
	struct ev_quarantined e;

	event__fixed(ev, &e, sizeof(e));
	q->pid = pid;
	q->ts_ns = ev->ts_ns;
	q->error = e.error;
	q->entry = text_of(ev, 0);
	q->path = text_of(ev, 1);
}

const struct handler steering__handlers[] = {{EV_steer, on_steer},	   {EV_steered, on_steered},	   {EV_host_run, on_host_run},
					     {EV_quarantined, on_quarantined}, {0}};

uint64_t steering__steered(const struct steering *s)
{
	uint64_t n = 0;

	for (size_t i = 0; i < s->list.n; i++)
		n += s->list.v[i].steered;
	return n;
}

uint64_t steer__passed(const struct steer *x)
{
	uint64_t n = 0;

	for (size_t i = 0; i < STEER_PASSED_KINDS; i++)
		n += x->passed[i];
	return n;
}

uint64_t steering__elsewhere(const struct steering *s, uint32_t pid, uint64_t object)
{
	uint64_t n = 0;

	for (size_t i = 0; i < s->list.n; i++)
		if (s->list.v[i].pid == pid && s->list.v[i].e.kernel_object == object)
			n += s->list.v[i].steered;
	return n;
}

const struct steer *steering__instead(const struct steering *s, uint32_t pid, uint64_t object)
{
	for (size_t i = 0; object && i < s->list.n; i++) {
		const struct steer *x = &s->list.v[i];

		if (x->pid == pid && x->steered &&
		    (x->e.to_object == object || (x->e.kernel_object == object && !steer__passed(x))))
			return x;
	}
	return NULL;
}

void steering__free_all(struct model *m)
{
	struct steering *s = &m->steering;

	for (size_t i = 0; i < s->list.n; i++) {
		free(s->list.v[i].name);
		free(s->list.v[i].to);
		free(s->list.v[i].reason);
		free(s->list.v[i].problem);
	}
	for (size_t i = 0; i < s->quarantined.n; i++) {
		free(s->quarantined.v[i].entry);
		free(s->quarantined.v[i].path);
	}
	free(s->list.v);
	free(s->quarantined.v);
	map__free(&s->by_object);
	map__free(&s->on_host);
}
