// SPDX-License-Identifier: MIT
/* What came before a failure, and how far the trace can be trusted. */
#include "rules.h"
#include "../caps/caps.h"
#include "../decode/print.h"

/* ---- history ---- */

/* Less than this is no while in which it worked. */
#define WHILE_DISPATCHES 16
#define WHILE_NS 1000000000ull

static uint64_t live_bytes(const struct model *m, uint32_t pid, uint64_t ts)
{
	uint64_t n = 0;

	for (size_t i = 0; i < m->allocs.n; i++) {
		const struct alloc *a = &m->allocs.v[i];

		if (a->pid == pid && a->kind == MEM_KIND_pool && a->begin_ns <= ts &&
		    (!a->end_ns || a->end_ns > ts))
			n += a->size;
	}
	return n;
}

void rule_later(struct judge *j)
{
	const struct model *m = j->m;
	const struct incident *x = judge__first(j);
	uint64_t first = 0, before = 0, distinct = 0, of_it = 0;
	struct finding *f;
	char *t, *at_half, *at_end;

	if (!x)
		return;
	for (size_t i = 0; i < m->kernel_sums.n; i++) {
		const struct kernel_sum *k = &m->kernel_sums.v[i];

		if (k->pid != x->pid)
			continue;
		first = !first || k->first_ns < first ? k->first_ns : first;
		distinct++;
		before += k->count;
		of_it = k->object == x->object ? k->count : of_it;
	}
	if (!first || first >= x->ts_ns ||
	    (of_it < 2 && (before < WHILE_DISPATCHES || x->ts_ns - first < WHILE_NS)))
		return;
	t = say__duration(x->ts_ns - first);
	at_half = say__bytes(live_bytes(m, x->pid, first + (x->ts_ns - first) / 2));
	at_end = say__bytes(live_bytes(m, x->pid, x->ts_ns));
	f = judge__add(j, FINDING_CONFIRMED,
		       xasprintf("it failed %s after the first kernel, with %" PRIu64
				 " dispatches of %" PRIu64 " kernels; %s",
				 t, before, distinct,
				 !x->object  ? "which kernel is not known"
				 : of_it > 1 ? "the failing kernel had run before"
					     : "the failing kernel had not run before"));
	finding__prove(f, first, "dispatch", xstrdup("the first kernel"));
	finding__prove(f, 0, NULL,
		       xasprintf("allocated: %s at half of that time, %s at the failure", at_half,
				 at_end));
	free(t);
	free(at_half);
	free(at_end);
}

/* ---- trust ---- */

static const struct {
	enum ev_source source;
	const char *what;
} sources[] = {{SOURCE_kernel, "the kernel's events"},
	       {SOURCE_agent, "the agent's events"},
	       {SOURCE_emu, "the emulated device's events"},
	       {SOURCE_recorder, "the recorder's events"}};

void rule_losses(struct judge *j)
{
	struct finding *f = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(sources); i++) {
		struct account a = accounts__sum(&j->m->accounts, sources[i].source);
		uint64_t lost = a.dropped + account__unexplained(&a);

		if (!lost)
			continue;
		if (!f)
			f = judge__add(j, FINDING_CONFIRMED,
				       xstrdup("events were seen and not written: what is ruled "
					       "out here is so for what was written"));
		finding__prove(f, 0, "loss",
			       xasprintf("%" PRIu64 " of %" PRIu64 " of %s", lost, a.seen,
					 sources[i].what));
		for (int c = 0; c < LOSS_COUNT; c++)
			if (a.by_cause[c] && loss_cause_remedy((uint64_t)c) && !f->remedy)
				finding__remedy(f, xstrdup(loss_cause_remedy((uint64_t)c)));
	}
	if (j->m->queue_gaps) {
		if (!f)
			f = judge__add(j, FINDING_CONFIRMED,
				       xstrdup("packets of queues could not be read"));
		finding__prove(f, 0, "queue_gap",
			       xasprintf("%" PRIu64 " packets", j->m->queue_gaps));
	}
}

void rule_hooks_off(struct judge *j)
{
	struct finding *f = NULL;

	if (j->m->emulated)
		return; /* there is no driver behind it */
	for (size_t i = 0; i < j->m->hooks_off.n; i++) {
		const struct hook_off *h = &j->m->hooks_off.v[i];

		if (strstr(h->reason, "not asked for"))
			continue;
		if (!f)
			f = judge__add(j, FINDING_CONFIRMED,
				       xasprintf("%s was off: %s", h->name, h->reason));
		finding__prove(f, 0, "hook", xasprintf("%s: %s", h->name, h->reason));
	}
}

void rule_no_agent(struct judge *j)
{
	const struct agentless_process *p;
	struct finding *f = NULL;

	for (size_t i = 0; (p = agentless__get(&j->m->agentless, i)); i++) {
		if (!f)
			f = judge__add(j, FINDING_CONFIRMED,
				       xasprintf("process %u (%s) used the GPU, and its dispatches "
						 "and allocations are not known",
						 p->pid, p->exe ? p->exe : "?"));
		finding__prove(f, 0, "kfd_ioctl",
			       xasprintf("process %u, %s", p->pid, p->exe ? p->exe : "?"));
	}
	if (f)
		finding__remedy(f, xstrdup(agentless_reasons));
}

void rule_emulated(struct judge *j)
{
	struct finding *f;

	if (!j->m->emulated)
		return;
	f = judge__add(j, FINDING_CONFIRMED,
		       xstrdup("nothing here was observed on hardware: races and timing of a chip "
			       "are not shown"));
	if (j->m->emu_cards.n)
		finding__prove(f, 0, "emu_device", xstrdup(j->m->emu_cards.v[0].name));
}
