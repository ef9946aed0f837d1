// SPDX-License-Identifier: MIT
#include "parts.h"

#include <stdlib.h>
#include <string.h>

static void on_policy(struct model *m, const struct event *ev, uint32_t pid)
{
	struct ev_policy e;
	char *reason = text_of(ev, 1);

	event__fixed(ev, &e, sizeof(e));
	if (!strcmp(reason, "-"))
		reason[0] = 0;
	*VEC_PUSH(&m->policies.list) = (struct policy){.pid = pid,
						       .rule = e.rule,
						       .kind = e.kind,
						       .state = e.state,
						       .asked = text_of(ev, 0),
						       .reason = reason};
}

static bool alike(const struct override_sum *x, uint32_t pid, const struct ev_alloc_override *e)
{
	return x->pid == pid && x->like.rule == e->rule && x->like.site == e->site &&
	       x->like.asked_pool == e->asked_pool && x->like.pool == e->pool &&
	       x->like.asked_flags == e->asked_flags && x->like.flags == e->flags && x->like.status == e->status;
}

static void on_override(struct model *m, const struct event *ev, uint32_t pid)
{
	struct policies *p = &m->policies;
	struct ev_alloc_override e;
	struct override_sum *x;
	uint64_t key;
	size_t i;

	event__fixed(ev, &e, sizeof(e));
	key = (uint64_t)e.rule << 48 ^ (uint64_t)e.site << 32 ^ (uint64_t)e.asked_pool << 16 ^ e.pool ^
	      (uint64_t)(uint32_t)e.status << 20;
	if (!map__get(&p->override_by_what, pid, key, &i) || !alike(&p->overrides.v[i], pid, &e)) {
		for (i = 0; i < p->overrides.n && !alike(&p->overrides.v[i], pid, &e); i++)
			;
		if (i == p->overrides.n)
			*VEC_PUSH(&p->overrides) = (struct override_sum){.pid = pid, .like = e};
		map__set(&p->override_by_what, pid, key, i);
	}
	x = &p->overrides.v[i];
	if (!e.status)
		map__set(&p->overridden, pid, e.va, e.rule);
	x->count++;
	x->bytes += e.size_bytes;
	x->largest = e.size_bytes > x->largest ? e.size_bytes : x->largest;
}

static struct kept_sum *kept_of(struct model *m, uint32_t pid)
{
	struct policies *p = &m->policies;

	for (size_t i = 0; i < p->kept.n; i++)
		if (p->kept.v[i].pid == pid)
			return &p->kept.v[i];
	*VEC_PUSH(&p->kept) = (struct kept_sum){.pid = pid};
	return &p->kept.v[p->kept.n - 1];
}

static void on_kept(struct model *m, const struct event *ev, uint32_t pid)
{
	struct kept_sum *x = kept_of(m, pid);
	struct ev_free_kept e;

	event__fixed(ev, &e, sizeof(e));
	if (e.phase == KEPT_PHASE_given_back) {
		x->given_back++;
		x->given_bytes += e.size_bytes;
		return;
	}
	x->count++;
	x->bytes += e.size_bytes;
	x->largest = e.size_bytes > x->largest ? e.size_bytes : x->largest;
	x->most_bytes = e.kept_bytes > x->most_bytes ? e.kept_bytes : x->most_bytes;
}

uint8_t policy__overridden(struct model *m, uint32_t pid, uint64_t va)
{
	size_t rule;

	if (!map__get(&m->policies.overridden, pid, va, &rule))
		return 0;
	map__unset(&m->policies.overridden, pid, va);
	return (uint8_t)rule;
}

const struct policy *model__policy(const struct model *m, uint32_t pid, uint16_t kind, uint32_t rule)
{
	for (size_t i = 0; i < m->policies.list.n; i++) {
		const struct policy *p = &m->policies.list.v[i];

		if (p->pid == pid && p->kind == kind && p->rule == rule)
			return p;
	}
	return NULL;
}

const struct handler policy__handlers[] = {
	{EV_policy, on_policy},
	{EV_alloc_override, on_override},
	{EV_free_kept, on_kept},
	{0},
};

void policy__free_all(struct model *m)
{
	struct policies *p = &m->policies;

	for (size_t i = 0; i < p->list.n; i++) {
		free(p->list.v[i].asked);
		free(p->list.v[i].reason);
	}
	free(p->list.v);
	free(p->overrides.v);
	free(p->kept.v);
	map__free(&p->override_by_what);
	map__free(&p->overridden);
}
