// SPDX-License-Identifier: MIT
/* Reading a trace: each event goes to the part that wants it. */
#include "parts.h"
#include "../decode/pte.h"

#include <stdlib.h>

static void on_api(struct model *m, const struct event *ev, uint32_t pid)
{
	(void)pid;
	calls__event(&m->calls, ev);
}

static const struct handler calls__handlers[] = {{EV_api_call, on_api}, {EV_api_library, on_api}, {0}};

static void start(struct model *m)
{
	static const struct handler *const parts[] = {processes__handlers, ioctls__handlers, memory__handlers,
						      ptes__handlers,	   interrupts__handlers, allocs__handlers,
						      dispatches__handlers, agent__handlers, calls__handlers,
						      steering__handlers,
						      policy__handlers};

	m->inside = xcalloc(1, sizeof(*m->inside));
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		for (const struct handler *h = parts[i]; h->id; h++)
			m->inside->take[h->id] = h->take;
}

int model__read(struct model *m, struct trace *t, unsigned int gfx_target_version)
{
	struct event ev;
	int rc;

	memset(m, 0, sizeof(*m));
	start(m);
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
		if (m->inside->take[ev.desc->id])
			m->inside->take[ev.desc->id](m, &ev, writer_of(m, &ev));
	}
	memory__end(m);
	allocs__end(m);
	dispatches__end(m);
	agent__end(m);
	accounts__end(&m->accounts, t);
	ioctls__end(m);
	m->stats = *trace__stats(t);
	m->recovered = trace__recovered(t);
	return rc;
}

void model__free(struct model *m)
{
	if (!m->inside)
		return;
	processes__free_all(m);
	ioctls__free_all(m);
	allocs__free_all(m);
	dispatches__free_all(m);
	memory__free_all(m);
	ptes__free_all(m);
	agent__free_all(m);
	steering__free_all(m);
	policy__free_all(m);
	interrupts__free_all(m);
	address__free_all(m);
	calls__free(&m->calls);
	accounts__free(&m->accounts);
	agentless__free(&m->agentless);
	free(m->inside);
	memset(m, 0, sizeof(*m));
}
