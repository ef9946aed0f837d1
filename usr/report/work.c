// SPDX-License-Identifier: MIT
/* What ran: kernels and copies. */
#include "parts.h"

#include <stdlib.h>

/* min, median, max */
static void put_times(struct table *t, const struct kernel_sum *k)
{
	table__cell(t, k->timed ? duration(k->min_ns) : xstrdup("-"));
	table__cell(t, k->timed ? duration(model__median(k)) : xstrdup("-"));
	table__cell(t, k->timed ? duration(k->max_ns) : xstrdup("-"));
}

/* Registers, and what of them was spilled. */
static void put_code(const struct model *m, struct table *t, const struct kernel_sum *k)
{
	const struct kernel_facts *f = model__kernel_facts(m, k->pid, k->object);

	if (!f) {
		table__cell(t, xstrdup("?"));
		table__cell(t, xstrdup("?"));
		table__cell(t, xstrdup("?"));
		table__cell(t, xstrdup("?"));
		return;
	}
	table__cellf(t, "%u", f->e.wavefront_size);
	table__cellf(t, "%u", f->e.vgprs);
	table__cellf(t, "%u", f->e.sgprs);
	table__cellf(t, "%u", f->e.sgpr_spills + f->e.vgpr_spills);
}

/* Whose times they are. */
static const char *times_of(const struct model *m)
{
	if (!m->num_dispatches)
		return "";
	if (m->emulated)
		return m->agent.device_times ? "; times are those of the emulated device" : "; times are the emulation's";
	return "";
}

static int by_time(const void *a, const void *b)
{
	const struct kernel_sum *x = *(const struct kernel_sum *const *)a, *y = *(const struct kernel_sum *const *)b;

	if (x->total_ns != y->total_ns)
		return (x->total_ns < y->total_ns) - (x->total_ns > y->total_ns);
	return (x->count < y->count) - (x->count > y->count);
}

/* The first of a queue that did not finish; those behind it wait for it, or run beside it. */
struct stuck {
	size_t first; /* dispatch */
	uint64_t behind;
};

/* Of a long recording not all that did not end are kept, but the first. */
static uint64_t not_kept(const struct model *m, const struct dispatch *first)
{
	const struct queue_work *q = model__queue_work(m, first->pid, first->queue_id);

	return q && q->old_open ? q->old_open - 1 : 0;
}

/* A kernel that hangs looks like this: dispatched, never done. */
static void put_unfinished(const struct model *m, struct buf *b)
{
	VEC(struct stuck) queues = {0};
	struct map where = {0};
	size_t i;

	for (size_t d = 0; d < m->dispatches.n; d++) {
		const struct dispatch *x = &m->dispatches.v[d];

		if (!unfinished(m, x))
			continue;
		if (map__get(&where, x->pid, x->queue_id, &i)) {
			queues.v[i].behind++;
			continue;
		}
		map__set(&where, x->pid, x->queue_id, queues.n);
		*VEC_PUSH(&queues) = (struct stuck){.first = d, .behind = not_kept(m, x)};
	}
	for (i = 0; i < queues.n && i < 5; i++) {
		const struct dispatch *x = &m->dispatches.v[queues.v[i].first];
		const struct process *p = model__process(m, x->pid);
		const char *name = model__kernel(m, x->pid, x->object);

		put_name(b, "  not finished: ", name ? name : "a kernel of unknown name");
		buf__printf(b, ", packet %" PRIu64 " of queue %" PRIu64 ", dispatched ", x->index, x->queue_id);
		print_ns(b, (p->end_ns > x->ts_ns ? p->end_ns : m->end_ns) - x->ts_ns);
		buf__puts(b, " before its process or the recording ended");
		if (queues.v[i].behind)
			buf__printf(b, "; %" PRIu64 " more behind it in that queue", queues.v[i].behind);
		buf__putc(b, '\n');
	}
	if (queues.n > 5)
		buf__printf(b, "  and %zu more queues with kernels that did not finish\n", queues.n - 5);
	free(queues.v);
	map__free(&where);
}

void put_dispatches(const struct model *m, const struct text_options *o, struct buf *b)
{
	const struct column columns[] = {
		{"process", true, false, several(m) ? 0 : HIDDEN_COLUMN},
		{"kernel", false, CUT_MIDDLE, 0},
		{"GPU", false, false, several_gpus(m) ? 0 : HIDDEN_COLUMN},
		{"count", true, false, 0},
		{"time", true, false, 0},
		{"each", true, false, 0},
		{"min", true, false, m->agent.device_times ? 0 : HIDDEN_COLUMN},
		{"median", true, false, m->agent.device_times ? 0 : HIDDEN_COLUMN},
		{"max", true, false, m->agent.device_times ? 0 : HIDDEN_COLUMN},
		{"wave", true, false, m->agent.kernels.n ? 90 : HIDDEN_COLUMN},
		{"VGPRs", true, false, m->agent.kernels.n ? 90 : HIDDEN_COLUMN},
		{"SGPRs", true, false, m->agent.kernels.n ? 110 : HIDDEN_COLUMN},
		{"spills", true, false, m->agent.kernels.n ? 90 : HIDDEN_COLUMN},
		{"grid of the last", false, false, 100}};
	struct table t = {.columns = columns, .num_columns = ARRAY_SIZE(columns)};
	VEC(const struct kernel_sum *) sums = {0};
	size_t shown;

	if (!accounts__sum(&m->accounts, SOURCE_agent).seen) {
		heading(b, "Kernels dispatched: not known, the agent recorded nothing");
		return;
	}
	for (size_t k = 0; k < m->kernel_sums.n; k++)
		*VEC_PUSH(&sums) = &m->kernel_sums.v[k];
	heading(b, "Kernels dispatched: %" PRIu64 " dispatch%s of %zu kernel%s%s%s", m->num_dispatches,
		m->num_dispatches == 1 ? "" : "es", sums.n, sums.n == 1 ? "" : "s",
		lost_of(m, SOURCE_agent) ? ", and what was lost of the agent's events (below)" : "",
		times_of(m));
	VEC_SORT(&sums, by_time);
	shown = o->all || sums.n < MAX_ROWS ? sums.n : MAX_ROWS;
	for (size_t s = 0; s < shown; s++) {
		const struct kernel_sum *k = sums.v[s];
		const char *name = model__kernel(m, k->pid, k->object);
		const struct dispatch *last = &k->last;
		const struct device *gpu = model__queue_device(m, k->pid, last->queue_id);

		table__cellf(&t, "%u", k->pid);
		if (name)
			table__cell(&t, xstrdup(name));
		else
			table__cellf(&t, "0x%" PRIx64, k->object);
		if (gpu)
			table__cellf(&t, "node-%u", gpu->node);
		else
			table__cell(&t, xstrdup("?"));
		table__cellf(&t, "%" PRIu64, k->count);
		table__cell(&t, k->timed ? duration(k->total_ns) : xstrdup("-"));
		table__cell(&t, k->timed ? duration(k->total_ns / k->timed) : xstrdup("-"));
		put_times(&t, k);
		put_code(m, &t, k);
		table__cellf(&t, "%ux%ux%u by %ux%ux%u", last->grid[0], last->grid[1], last->grid[2],
			     last->workgroup[0], last->workgroup[1], last->workgroup[2]);
	}
	if (sums.n)
		table__render(&t, b, o->width);
	and_more(b, shown, sums.n);
	put_unfinished(m, b);
	put_queues(m, b);
	put_compilers(m, b);
	if (m->copies)
		buf__printf(b, "  and %" PRIu64 " asynchronous cop%s, %" PRIu64 " bytes\n", m->copies,
			    m->copies == 1 ? "y" : "ies", m->copied_bytes);
	free(sums.v);
}
