// SPDX-License-Identifier: MIT
/* Ranges that the program named, queues, and what made the code. */
#include "parts.h"
#include "../decode/hsa.h"

#include <stdlib.h>
#include <string.h>

static bool several_threads(const struct model *m)
{
	for (size_t i = 1; i < m->agent.ranges.n; i++)
		if (m->agent.ranges.v[i].pid != m->agent.ranges.v[0].pid ||
		    m->agent.ranges.v[i].tid != m->agent.ranges.v[0].tid)
			return true;
	return false;
}

static void put_range_row(struct table *t, const struct named_range *r)
{
	struct buf time = {0};

	table__cellf(t, "%u", r->pid);
	if (r->tid)
		table__cellf(t, "%u", r->tid);
	else
		table__cell(t, xstrdup("any"));
	table__cellf(t, "%*s%s", (int)(2 * (r->depth < 20 ? r->depth : 20)), "", r->name);
	table__cellf(t, "%" PRIu64, r->count);
	if (r->mark) {
		table__cell(t, xstrdup("mark"));
		table__cell(t, xstrdup("-"));
		table__cell(t, xstrdup("-"));
		return;
	}
	print_ns(&time, r->total_ns);
	if (r->open)
		buf__puts(&time, " +");
	table__cell(t, take(&time));
	table__cellf(t, "%" PRIu64, r->dispatches);
	table__cell(t, r->kernel_ns ? duration(r->kernel_ns) : xstrdup("-"));
}

/* Of each range the first that is in it, and the next in the same; index plus 1. The last: of those in none. */
struct tree {
	size_t *first, *next;
};

static struct tree plant(const struct model *m)
{
	size_t n = m->agent.ranges.n;
	struct tree t = {xcalloc(n + 1, sizeof(size_t)), xcalloc(n + 1, sizeof(size_t))};

	for (size_t i = n; i-- > 0;) {
		size_t in = m->agent.ranges.v[i].parent ? m->agent.ranges.v[i].parent - 1 : n;

		t.next[i] = t.first[in];
		t.first[in] = i + 1;
	}
	return t;
}

/* at and its brothers, index plus 1, and what is in them. */
static void put_branch(const struct model *m, struct table *t, const struct tree *tree, size_t at, size_t *left)
{
	for (; at && *left; at = tree->next[at - 1]) {
		(*left)--;
		put_range_row(t, &m->agent.ranges.v[at - 1]);
		put_branch(m, t, tree, tree->first[at - 1], left);
	}
}

void put_ranges(const struct model *m, const struct text_options *o, struct buf *b)
{
	const struct column columns[] = {
		{"process", true, false, several(m) ? 0 : HIDDEN_COLUMN},
		{"thread", true, false, several_threads(m) ? 0 : HIDDEN_COLUMN},
		{"range", false, true, 0},
		{"count", true, false, 0},
		{"time", true, false, 0},
		{"dispatches", true, false, 0},
		{"time of kernels", true, false, 0}};
	struct table t = {.columns = columns, .num_columns = ARRAY_SIZE(columns)};
	size_t n = m->agent.ranges.n, left = o->all || n < MAX_ROWS ? n : MAX_ROWS;
	struct tree tree;

	if (!n)
		return;
	heading(b, "Named ranges (ROCTX): %zu", n);
	tree = plant(m);
	put_branch(m, &t, &tree, tree.first[n], &left);
	table__render(&t, b, o->width);
	and_more(b, o->all || n < MAX_ROWS ? n : MAX_ROWS, n);
	free(tree.first);
	free(tree.next);
}

/* ---- queues ---- */

static const char *const why_not_read[] = {
	[QUEUE_MAKER_create] = "nobody can see its doorbell (--dispatch=intercept sees more)",
	[QUEUE_MAKER_soft] = "it is a soft queue, which the program itself reads",
};

static void put_unread(struct buf *b, const struct hsa_queue *q)
{
	const char *sep = " (";

	if (q->read_at == QUEUE_READ_not && q->made_by != QUEUE_MAKER_runtime)
		buf__printf(b, "  queue %" PRIu64 ": its packets were not seen: %s\n", q->id,
			    why_not_read[q->made_by && q->made_by < ARRAY_SIZE(why_not_read) ? q->made_by : QUEUE_MAKER_create]);
	if (!q->consumed && !q->unseen)
		return;
	buf__printf(b, "  queue %" PRIu64 ": %" PRIu64 " packet%s could not be read", q->id, q->consumed + q->unseen,
		    plural(q->consumed + q->unseen));
	if (q->consumed) {
		buf__printf(b, "%s%" PRIu64 " taken by the device before", sep, q->consumed);
		sep = ", ";
	}
	if (q->unseen)
		buf__printf(b, "%s%" PRIu64 " by a doorbell that was not seen", sep, q->unseen);
	buf__puts(b, ")\n");
}

static void put_set(struct buf *b, const struct hsa_queue *q)
{
	/* hsa_amd_queue_priority_t */
	static const char *const priorities[] = {"low", "normal", "high"};
	const char *sep = ": ";

	/* HIP has its queues profile, always. */
	const bool no_profiling = q->set[QUEUE_SET_profiling] && !q->value[QUEUE_SET_profiling];

	if (!q->set[QUEUE_SET_priority] && !no_profiling && !q->set[QUEUE_SET_cu_mask])
		return;
	buf__printf(b, "  queue %" PRIu64, q->id);
	if (q->set[QUEUE_SET_priority]) {
		uint64_t p = q->value[QUEUE_SET_priority];

		buf__printf(b, "%spriority %s (%" PRIu64 ")", sep, p < ARRAY_SIZE(priorities) ? priorities[p] : "?", p);
		sep = ", ";
	}
	if (no_profiling) {
		buf__printf(b, "%sprofiling off", sep);
		sep = ", ";
	}
	if (q->set[QUEUE_SET_cu_mask])
		buf__printf(b, "%sCU mask 0x%" PRIx64, sep, q->value[QUEUE_SET_cu_mask]);
	buf__putc(b, '\n');
}

/*
 * They are counted when the process ends in order. Where it does not, it is known what the queue held when
 * something went wrong.
 */
static uint64_t own_packets(const struct model *m, const struct hsa_queue *q)
{
	uint64_t n = q->runtime;

	for (size_t i = 0; i < m->agent.evidence.n; i++) {
		const struct evidence *x = &m->agent.evidence.v[i];

		if (x->pid == q->pid && x->e.queue_id == q->id && x->e.write_index > n)
			n = x->e.write_index;
	}
	return n;
}

/* What ROCr does by kernels of its own: copies, fills. */
static void put_own_queues(const struct model *m, struct buf *b)
{
	uint64_t queues = 0, packets = 0;

	for (size_t i = 0; i < m->agent.queues.n; i++)
		if (m->agent.queues.v[i].made_by == QUEUE_MAKER_runtime) {
			queues++;
			packets += own_packets(m, &m->agent.queues.v[i]);
		}
	if (queues && !packets)
		buf__printf(b, "  and %" PRIu64 " queue%s that the runtime made for itself: no packet of %s is known\n",
			    queues, plural(queues), queues == 1 ? "it" : "them");
	else if (queues)
		buf__printf(b, "  and %" PRIu64 " packet%s of %" PRIu64 " queue%s that the runtime made for itself, not recorded\n",
			    packets, plural(packets), queues, plural(queues));
}

void put_queues(const struct model *m, struct buf *b)
{
	put_own_queues(m, b);
	for (size_t i = 0; i < m->agent.queues.n; i++) {
		put_unread(b, &m->agent.queues.v[i]);
		put_set(b, &m->agent.queues.v[i]);
	}
}

/* ---- code ---- */

/* Code objects of one compiler and target. */
struct compiler {
	const struct code_facts *code;
	uint64_t count, used;
};

static bool is_used(const struct model *m, const struct code_facts *c, const bool *dispatched)
{
	for (size_t k = 0; k < m->agent.kernels.n; k++)
		if (dispatched[k] && m->agent.kernels.v[k].pid == c->pid &&
		    !memcmp(m->agent.kernels.v[k].sha256, c->sha256, sizeof(c->sha256)))
			return true;
	return false;
}

/* Of "A clang version 1; A clang version 2; Linker: B" the second: several are named where parts came ready-made. */
static void put_compiler(struct buf *b, const char *text)
{
	const char *best = text;
	size_t best_len = strcspn(text, ";");

	for (const char *at = text; *at; at += strspn(at, "; ")) {
		size_t len = strcspn(at, ";");

		if (strncmp(at, "Linker:", 7) && (!strncmp(best, "Linker:", 7) || strncmp(at, best, len) > 0)) {
			best = at;
			best_len = len;
		}
		at += len;
	}
	buf__printf(b, "%.*s", (int)best_len, best);
}

void put_compilers(const struct model *m, struct buf *b)
{
	const struct agent_side *s = &m->agent;
	bool *dispatched = xcalloc(s->kernels.n + 1, sizeof(*dispatched));
	VEC(struct compiler) list = {0};
	uint64_t large = 0, failed = 0;

	for (size_t i = 0; i < m->kernel_sums.n; i++) {
		const struct kernel_facts *k = model__kernel_facts(m, m->kernel_sums.v[i].pid, m->kernel_sums.v[i].object);

		if (k)
			dispatched[k - s->kernels.v] = true;
	}
	for (size_t i = 0; i < s->code.n; i++) {
		const struct code_facts *c = &s->code.v[i];
		size_t n = 0;

		while (n < list.n && (strcmp(list.v[n].code->compiler, c->compiler) ||
				      strcmp(list.v[n].code->target, c->target)))
			n++;
		if (n == list.n)
			VEC_PUSH(&list)->code = c;
		list.v[n].count++;
		list.v[n].used += is_used(m, c, dispatched);
		large += c->stored == CODE_STORED_large;
		failed += c->stored == CODE_STORED_failed;
	}
	for (size_t n = 0; n < list.n; n++) {
		if (!list.v[n].used)
			continue;
		buf__printf(b, "  from %" PRIu64 " code object%s for %s by ", list.v[n].used, plural(list.v[n].used),
			    list.v[n].code->target);
		put_compiler(b, list.v[n].code->compiler);
		buf__putc(b, '\n');
	}
	if (large)
		buf__printf(b, "  %" PRIu64 " code object%s above the size bound: not stored\n", large, plural(large));
	if (failed)
		buf__printf(b, "  %" PRIu64 " code object%s could not be stored\n", failed, plural(failed));
	free(list.v);
	free(dispatched);
}
