// SPDX-License-Identifier: MIT
/* What the agent left when something went wrong, and pointers that kernels were given. */
#include "parts.h"
#include "../decode/hsa.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

static void put_kernel_name(const struct model *m, struct buf *b, uint32_t pid, uint64_t object)
{
	const char *name = model__kernel(m, pid, object);

	if (!object)
		buf__puts(b, "no kernel");
	else if (name)
		put_name(b, "kernel ", name);
	else
		buf__printf(b, "a kernel of unknown name (0x%" PRIx64 ")", object);
}

static void put_process(const struct model *m, struct buf *b, uint32_t pid)
{
	if (several(m))
		buf__printf(b, "process %u: ", pid);
}

/* ---- where a pointer points ---- */

static void put_memory(struct buf *b, uint8_t kind, uint64_t base, uint64_t size)
{
	if (kind == MEM_KIND_pool || kind == MEM_KIND_region || !kind)
		buf__printf(b, "buffer 0x%" PRIx64 " (%" PRIu64 " bytes)", base, size);
	else {
		names__value(b, names_mem_kind, kind);
		buf__printf(b, " 0x%" PRIx64 " (%" PRIu64 " bytes)", base, size);
	}
}

static void put_target(struct buf *b, const struct ev_pointer *p, uint64_t pointer)
{
	switch (p->state) {
	case POINTER_STATE_inside:
		put_memory(b, p->kind, p->base, p->size);
		buf__printf(b, ", %" PRIu64 " bytes into it", pointer - p->base);
		break;
	case POINTER_STATE_nothing:
		buf__puts(b, "nothing that was seen to be allocated");
		break;
	case POINTER_STATE_freed:
		buf__puts(b, "freed: ");
		put_memory(b, p->kind, p->base, p->size);
		buf__printf(b, ", %" PRIu64 " bytes into it", pointer - p->base);
		break;
	case POINTER_STATE_past_end:
		buf__printf(b, "%" PRIu64 " bytes past the end of ", pointer - p->base - p->size);
		put_memory(b, p->kind, p->base, p->size);
		break;
	default:
		names__value(b, names_pointer_state, p->state);
	}
}

/* The same for a column: the pointer stands beside it. */
static void put_target_cell(struct buf *b, const struct bad_pointer *p)
{
	const bool past = p->state == POINTER_STATE_past_end;

	if (!past && p->state != POINTER_STATE_freed) {
		buf__puts(b, "nothing allocated");
		return;
	}
	if (!past)
		buf__puts(b, "freed: ");
	buf__size(b, p->pointer - p->base - (past ? p->size : 0));
	buf__puts(b, past ? " past the end of " : " into ");
	buf__size(b, p->size);
	if (p->kind != MEM_KIND_pool && p->kind != MEM_KIND_region && p->kind) {
		buf__puts(b, ", ");
		names__value(b, names_mem_kind, p->kind);
	}
}

void put_pointers(const struct model *m, const struct text_options *o, struct buf *b)
{
	const struct column columns[] = {{"process", true, false, several(m) ? 0 : HIDDEN_COLUMN},
					 {"kernel", false, CUT_MIDDLE, 0},
					 {"argument", true, false, 0},
					 {"pointer", false, false, 0},
					 {"where it points", false, true, 0},
					 {"memory", false, false, 100},
					 {"count", true, false, 0}};
	struct table t = {.columns = columns, .num_columns = ARRAY_SIZE(columns)};
	size_t n = m->agent.bad_pointers.n, shown = o->all || n < MAX_ROWS ? n : MAX_ROWS;

	if (n) {
		heading(b, "Kernel arguments that point to no live memory: %zu", n);
		for (size_t i = 0; i < shown; i++) {
			const struct bad_pointer *x = &m->agent.bad_pointers.v[i];
			const char *name = model__kernel(m, x->pid, x->object);
			struct buf where = {0};

			put_target_cell(&where, x);
			table__cellf(&t, "%u", x->pid);
			if (name)
				table__cell(&t, xstrdup(name));
			else
				table__cellf(&t, "0x%" PRIx64, x->object);
			table__cellf(&t, "+%u", x->at);
			table__cellf(&t, "0x%" PRIx64, x->pointer);
			table__cell(&t, take(&where));
			if (x->base)
				table__cellf(&t, "0x%" PRIx64, x->base);
			else
				table__cellf(&t, "-");
			table__cellf(&t, "%" PRIu64, x->count);
		}
		table__render(&t, b, o->width);
		and_more(b, shown, n);
	}
	if (m->agent.not_asked)
		buf__printf(b, "%s  %" PRIu64 " pointer%s of kernel arguments could not be looked up: memory changed too fast\n",
			    n ? "" : "\n", m->agent.not_asked, plural(m->agent.not_asked));
}

/* ---- hangs, signals ---- */

static void put_arguments(struct buf *b, const struct recent *r, const char *indent)
{
	for (size_t i = 0; i < r->pointers.n; i++) {
		const struct ev_pointer *p = &r->pointers.v[i];
		uint64_t pointer = 0;

		if (p->at + sizeof(pointer) <= r->kernarg_len)
			memcpy(&pointer, r->kernarg + p->at, sizeof(pointer));
		buf__printf(b, "%sargument +%u: 0x%" PRIx64 ", ", indent, p->at, pointer);
		put_target(b, p, pointer);
		buf__putc(b, '\n');
	}
}

static const struct recent *find_recent(const struct model *m, uint32_t pid, uint64_t queue, uint64_t index)
{
	for (size_t i = m->agent.recent.n; i-- > 0;) {
		const struct recent *r = &m->agent.recent.v[i];

		if (m->agent.evidence.v[r->evidence].pid == pid && r->e.queue_id == queue && r->e.index == index)
			return r;
	}
	return NULL;
}

static const struct hsa_queue *find_queue(const struct model *m, uint32_t pid, uint64_t id)
{
	size_t i;

	return map__get(&m->agent.queue_by_id, pid, id, &i) ? &m->agent.queues.v[i] : NULL;
}

static const char *who_takes(const struct model *m, uint32_t pid, uint64_t queue)
{
	return model__intercepted(m, pid, queue) ? "the runtime, which passes them on" : "the device";
}

static void put_hang(const struct model *m, struct buf *b, const struct hang *h)
{
	const struct recent *r = find_recent(m, h->pid, h->e.queue_id, h->e.index);

	buf__puts(b, "  ");
	put_process(m, b, h->pid);
	buf__puts(b, "hang: ");
	put_kernel_name(m, b, h->pid, h->e.kernel_object);
	buf__printf(b, ", packet %" PRIu64 " of queue %" PRIu64 ", no progress for ", h->e.index, h->e.queue_id);
	print_ns(b, h->e.elapsed_ns);
	buf__puts(b, " (the bound was ");
	print_ns(b, h->e.bound_ns);
	buf__printf(b, "); %" PRIu64 " of %" PRIu64 " packets were taken by %s", h->e.read_index, h->e.write_index,
		    who_takes(m, h->pid, h->e.queue_id));
	if (h->e.signo) {
		buf__puts(b, "; the agent then sent the process ");
		print_value(b, PRINT_SIGNAL, (uint64_t)h->e.signo, true);
	}
	buf__putc(b, '\n');
	if (r)
		put_arguments(b, r, "    ");
}

static void put_signal(const struct model *m, struct buf *b, const struct caught_signal *s)
{
	char *pc = place_text(m, s->pid, s->e.pc);

	buf__puts(b, "  ");
	put_process(m, b, s->pid);
	print_value(b, PRINT_SIGNAL, (uint64_t)s->e.signo, true);
	buf__printf(b, " in thread %u at %s", s->tid, pc);
	if (s->e.addr)
		buf__printf(b, ", address 0x%" PRIx64, s->e.addr);
	else if (s->e.code <= 0 && s->e.signo != SIGABRT)
		buf__puts(b, ", sent by a process");
	buf__puts(b, s->e.handled ? "; a handler of the application's own ran next\n" : "; nobody handled it\n");
	free(pc);
}

static bool hangs(const struct model *m, uint32_t pid, const struct recent *r)
{
	for (size_t i = 0; i < m->agent.hangs.n; i++) {
		const struct hang *h = &m->agent.hangs.v[i];

		if (h->pid == pid && h->e.queue_id == r->e.queue_id && h->e.index == r->e.index)
			return true;
	}
	return false;
}

/* ---- queues then ---- */

#define BEFORE 4 /* packets that are shown before the one in question */
#define BEHIND 2 /* of those that the device had not taken */

enum ended { ENDED_yes, ENDED_no, ENDED_not_known, ENDED_not_taken };

static const struct dispatch *find_dispatch(const struct model *m, uint32_t pid, uint64_t queue, uint64_t index)
{
	for (size_t i = m->dispatches.n; i-- > 0;) {
		const struct dispatch *d = &m->dispatches.v[i];

		if (d->pid == pid && d->queue_id == queue && d->index == index)
			return d;
	}
	return NULL;
}

static bool taken(const struct model *m, const struct evidence *x, const struct recent *r)
{
	return model__intercepted(m, x->pid, x->e.queue_id) || r->e.index < x->e.read_index;
}

/* By what the agent saw then; what it could not see, by what the trace tells of the dispatch. */
static enum ended has_ended(const struct model *m, const struct evidence *x, const struct recent *r)
{
	const struct dispatch *d;

	if (r->e.done != DISPATCH_DONE_unknown)
		return r->e.done == DISPATCH_DONE_yes ? ENDED_yes : ENDED_no;
	if (hangs(m, x->pid, r))
		return ENDED_no;
	if (!taken(m, x, r))
		return ENDED_not_taken;
	d = find_dispatch(m, x->pid, x->e.queue_id, r->e.index);
	if (d && d->duration_ns)
		return ENDED_yes;
	return d && unfinished(m, d) ? ENDED_no : ENDED_not_known;
}

struct rows {
	VEC(const struct recent *) list;
};

static struct rows rows_of(const struct model *m, size_t at)
{
	struct rows rows = {0};

	for (size_t i = 0; i < m->agent.recent.n; i++)
		if (m->agent.recent.v[i].evidence == at)
			*VEC_PUSH(&rows.list) = &m->agent.recent.v[i];
	return rows;
}

/* What hung; else the first that was not done; else the last that may not have been. */
static size_t in_question(const struct model *m, const struct evidence *x, const struct rows *rows)
{
	size_t last_taken = 0, may_be = rows->list.n, not_done = rows->list.n;

	for (size_t i = 0; i < rows->list.n; i++) {
		const struct recent *r = rows->list.v[i];
		const enum ended ended = has_ended(m, x, r);

		if (hangs(m, x->pid, r))
			return i;
		if (!taken(m, x, r))
			continue;
		last_taken = i;
		if (r->object && ended == ENDED_no && not_done == rows->list.n)
			not_done = i;
		if (r->object && ended == ENDED_not_known)
			may_be = i;
	}
	return not_done < rows->list.n ? not_done : may_be < rows->list.n ? may_be : last_taken;
}

/* Nothing happened in the queue between the two, but that time went by. */
static bool same_evidence(const struct model *m, size_t a, size_t b)
{
	const struct evidence *x = &m->agent.evidence.v[a], *y = &m->agent.evidence.v[b];
	struct rows of_x, of_y;
	bool same;

	if (x->pid != y->pid || x->e.queue_id != y->e.queue_id || x->e.read_index != y->e.read_index ||
	    x->e.write_index != y->e.write_index || x->e.recorded != y->e.recorded)
		return false;
	of_x = rows_of(m, a);
	of_y = rows_of(m, b);
	same = of_x.list.n == of_y.list.n;
	for (size_t i = 0; i < of_x.list.n && same; i++) {
		const struct recent *r = of_x.list.v[i], *s = of_y.list.v[i];

		same = r->e.index == s->e.index && r->object == s->object &&
		       has_ended(m, x, r) == has_ended(m, y, s);
	}
	free(of_x.list.v);
	free(of_y.list.v);
	return same;
}

/* Of the same queue, the last before; index plus 1, 0 for none. */
static size_t evidence_before(const struct model *m, size_t at)
{
	const struct evidence *x = &m->agent.evidence.v[at];

	for (size_t i = at; i-- > 0;)
		if (m->agent.evidence.v[i].pid == x->pid && m->agent.evidence.v[i].e.queue_id == x->e.queue_id)
			return i + 1;
	return 0;
}

static void put_packet(const struct model *m, struct table *t, const struct evidence *x, const struct recent *r)
{
	static const char *const ended[] = {"yes", "no", "not known", "not taken"};
	struct buf age = {0}, kernel = {0};
	const char *name = model__kernel(m, x->pid, r->object);

	if (name)
		buf__puts(&kernel, name); /* the table cuts it */
	else
		put_kernel_name(m, &kernel, x->pid, r->object);
	if (r->e.age_ns) {
		print_ns(&age, r->e.age_ns);
		buf__puts(&age, " before");
	} else {
		buf__puts(&age, "-"); /* it is known from the ring */
	}
	table__cellf(t, "%" PRIu64, r->e.index);
	table__cell(t, take(&kernel));
	table__cell(t, xstrdup(ended[has_ended(m, x, r)]));
	table__cell(t, take(&age));
	if (r->grid[0])
		table__cellf(t, "%ux%ux%u by %ux%ux%u", r->grid[0], r->grid[1], r->grid[2], r->workgroup[0],
			     r->workgroup[1], r->workgroup[2]);
	else
		table__cellf(t, "-");
}

static void put_packets(const struct model *m, const struct text_options *o, struct buf *b, size_t at)
{
	const struct column columns[] = {{"packet", true, false, 0},	  {"kernel", false, CUT_MIDDLE, 0},
					 {"ended", false, false, 0},	  {"dispatched", true, false, 0},
					 {"grid", false, false, 90}};
	struct table t = {.columns = columns, .num_columns = ARRAY_SIZE(columns)};
	const struct evidence *x = &m->agent.evidence.v[at];
	struct rows rows = rows_of(m, at);
	size_t question = in_question(m, x, &rows), waiting = 0;
	const size_t first = !o->all && question > BEFORE ? question - BEFORE : 0;

	for (size_t i = first; i < rows.list.n; i++) {
		const struct recent *r = rows.list.v[i];

		if (r->e.done != DISPATCH_DONE_yes && !taken(m, x, r) && waiting++ >= BEHIND && !o->all)
			continue;
		put_packet(m, &t, x, r);
	}
	if (rows.list.n)
		table__render(&t, b, o->width);
	if (first)
		buf__printf(b, "  and %zu more before these (--all shows them)\n", first);
	if (waiting > BEHIND && !o->all)
		buf__printf(b, "  and %zu more that the device had not taken (--all shows them)\n", waiting - BEHIND);
	free(rows.list.v);
}

static void put_evidence(const struct model *m, const struct text_options *o, struct buf *b, size_t at)
{
	const struct evidence *x = &m->agent.evidence.v[at];
	const struct hsa_queue *q = find_queue(m, x->pid, x->e.queue_id);
	const size_t before = evidence_before(m, at);

	buf__puts(b, "  ");
	put_process(m, b, x->pid);
	buf__printf(b, "queue %" PRIu64 " at the ", x->e.queue_id);
	names__value(b, names_evidence, x->e.reason);
	if (before && !o->all && same_evidence(m, before - 1, at)) {
		buf__puts(b, ": the same\n");
		return;
	}
	buf__printf(b, ": %" PRIu64 " of %" PRIu64 " packets taken by %s", x->e.read_index, x->e.write_index,
		    who_takes(m, x->pid, x->e.queue_id));
	if (q && q->made_by == QUEUE_MAKER_runtime)
		buf__puts(b, "; the runtime's own, whose packets are not read");
	else if (x->e.recorded < x->e.write_index)
		buf__printf(b, ", %" PRIu64 " not read for the trace", x->e.write_index - x->e.recorded);
	buf__putc(b, '\n');
	put_packets(m, o, b, at);
}

/* ---- all of it ---- */

static void put_near(const struct model *m, struct buf *b)
{
	uint64_t va = 0;

	for (size_t i = 0; i < m->agent.near.n; i++) {
		const struct near_memory *x = &m->agent.near.v[i];
		const struct ev_near_alloc *e = &x->e;

		if (!i || e->fault_va != va)
			buf__printf(b, "  memory around 0x%" PRIx64 ":\n", e->fault_va);
		va = e->fault_va;
		buf__puts(b, "    ");
		put_memory(b, (uint8_t)e->kind, e->va, e->size_bytes);
		if (!e->distance_bytes)
			buf__printf(b, ": holds it, %" PRIu64 " bytes in", va - e->va);
		else if (e->distance_bytes < 0)
			buf__printf(b, ": begins %" PRIu64 " bytes above it", (uint64_t)-e->distance_bytes);
		else
			buf__printf(b, ": ended %" PRIu64 " bytes below it", (uint64_t)e->distance_bytes);
		if (e->freed_ns) {
			buf__puts(b, ", freed ");
			print_ns(b, e->freed_ns);
			buf__puts(b, " before");
		}
		buf__putc(b, '\n');
	}
}

/* What a queue was last seen at, where nothing was dispatched to it afterwards: no hang, by the watchdog. */
static bool is_last(const struct model *m, const struct watched *w)
{
	const struct queue_work *q = model__queue_work(m, w->pid, w->e.queue_id);

	if (w->e.state == WATCH_STATE_idle || w->e.state == WATCH_STATE_stuck)
		return false;
	return !q || !q->dispatches || q->last.ts_ns <= w->ts_ns;
}

static void put_watched(const struct model *m, struct buf *b, const struct watched *w)
{
	buf__puts(b, "  ");
	put_process(m, b, w->pid);
	buf__printf(b, "queue %" PRIu64 ", packet %" PRIu64 ", was last seen ", w->e.queue_id, w->e.index);
	names__value(b, names_watch_state, w->e.state);
	buf__puts(b, ", for ");
	print_ns(b, w->e.elapsed_ns + (m->end_ns > w->ts_ns ? m->end_ns - w->ts_ns : 0));
	if (w->e.state == WATCH_STATE_running) {
		buf__puts(b, " when the recording ended: a hang only from ");
		print_ns(b, w->e.bound_ns);
		buf__puts(b, " on (");
	} else {
		buf__puts(b, ": no hang (");
	}
	put_kernel_name(m, b, w->pid, w->e.kernel_object);
	buf__puts(b, ")\n");
}

void put_stopped(const struct model *m, const struct text_options *o, struct buf *b)
{
	const struct agent_side *s = &m->agent;
	size_t waits = 0;

	for (size_t i = 0; i < s->watched.n; i++)
		waits += is_last(m, &s->watched.v[i]);
	if (!s->hangs.n && !s->signals.n && !s->evidence.n && !s->near.n && !waits)
		return;
	heading(b, "What stopped it:");
	for (size_t i = 0; i < s->hangs.n && (i < MAX_ROWS || o->all); i++)
		put_hang(m, b, &s->hangs.v[i]);
	for (size_t i = 0; i < s->signals.n && (i < MAX_ROWS || o->all); i++)
		put_signal(m, b, &s->signals.v[i]);
	for (size_t i = 0; i < s->watched.n; i++)
		if (is_last(m, &s->watched.v[i]))
			put_watched(m, b, &s->watched.v[i]);
	put_near(m, b);
	for (size_t i = 0; i < s->evidence.n && (i < MAX_ROWS || o->all); i++)
		put_evidence(m, o, b, i);
}

void put_notes(const struct model *m, struct buf *b)
{
	if (!m->agent.notes.n)
		return;
	buf__puts(b, "  the agent says:\n");
	for (size_t i = 0; i < m->agent.notes.n; i++) {
		buf__printf(b, "    %s", m->agent.notes.v[i].text);
		if (m->agent.notes.v[i].count > 1)
			buf__printf(b, " (%" PRIu64 " times)", m->agent.notes.v[i].count);
		buf__putc(b, '\n');
	}
}
