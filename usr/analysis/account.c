// SPDX-License-Identifier: MIT
#include "account.h"

#include <stdlib.h>

static enum ev_source source_of(enum stream_kind kind)
{
	switch (kind) {
	case STREAM_kernel:
		return SOURCE_kernel;
	case STREAM_agent:
		return SOURCE_agent;
	case STREAM_emu:
		return SOURCE_emu;
	default:
		return SOURCE_recorder;
	}
}

static struct account *find(struct accounts *a, uint32_t pid, enum ev_source source)
{
	struct account *found;

	for (size_t i = 0; i < a->list.n; i++)
		if (a->list.v[i].pid == pid && a->list.v[i].source == source)
			return &a->list.v[i];
	found = VEC_PUSH(&a->list);
	found->pid = pid;
	found->source = source;
	return found;
}

void accounts__event(struct accounts *a, const struct event *ev)
{
	struct account *acc;
	struct ev_loss e;

	if (ev->desc->id != EV_loss || !ev->stream->counters)
		return;
	event__fixed(ev, &e, sizeof(e));
	acc = find(a, e.pid, e.source);
	acc->dropped += e.count;
	acc->seen += e.orphans;
	if (e.cause < LOSS_COUNT)
		acc->by_cause[e.cause] += e.count;
}

void accounts__end(struct accounts *a, const struct trace *t)
{
	for (unsigned int i = 0; i < trace__num_streams(t); i++) {
		const struct trace_stream *s = trace__stream(t, i);
		struct account *acc = find(a, s->pid, source_of(s->kind));

		acc->torn_bytes += s->torn_bytes;
		if (s->counters)
			continue;
		acc->streams++;
		acc->seen += s->seen;
		acc->written += s->events;
	}
}

void accounts__free(struct accounts *a)
{
	free(a->list.v);
	*a = (struct accounts){0};
}

struct account accounts__sum(const struct accounts *a, enum ev_source source)
{
	struct account sum = {.source = source};

	for (size_t i = 0; i < a->list.n; i++) {
		const struct account *x = &a->list.v[i];

		if (x->source != source)
			continue;
		sum.seen += x->seen;
		sum.written += x->written;
		sum.dropped += x->dropped;
		sum.torn_bytes += x->torn_bytes;
		sum.streams += x->streams;
		for (int c = 0; c < LOSS_COUNT; c++)
			sum.by_cause[c] += x->by_cause[c];
	}
	return sum;
}

uint64_t account__unexplained(const struct account *a)
{
	uint64_t explained = a->written + a->dropped;

	return a->seen > explained ? a->seen - explained : 0;
}
