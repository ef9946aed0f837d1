// SPDX-License-Identifier: MIT
/* What the agent changed of the run: which dispatches went elsewhere, why, and which could not. */
#include "parts.h"
#include "../decode/hsa.h"

#include <stdlib.h>
#include <string.h>

static bool has_text(const char *s)
{
	return s[0] && strcmp(s, "-");
}

/* -12: "ENOMEM" */
static void put_errno(struct buf *b, int32_t error)
{
	const char *name = error < 0 && error > -4096 ? strerrorname_np(-error) : NULL;

	if (name)
		buf__puts(b, name);
	else
		buf__printf(b, "%d", error);
}

/* A kernel that should go elsewhere, and of which not one dispatch did. */
static bool is_left(const struct steer *x)
{
	return !x->steered;
}

/* A program loads many kernels that it never dispatches; of those there is nothing to tell. */
static bool was_sent(const struct model *m, const struct steer *x)
{
	return x->steered || steer__passed(x) || model__kernel_sum(m, x->pid, x->e.kernel_object);
}

/* "12 dispatches of foo computed on the host" */
static void put_done(struct buf *b, const struct steer *x)
{
	char *name = short_name(x->name, LINE_NAME);

	buf__printf(b, "%" PRIu64 " dispatch%s of %s ", x->steered, x->steered == 1 ? "" : "es", name);
	names__value(b, names_steer_action, x->e.action);
	free(name);
}

void put_steering_line(const struct model *m, struct buf *b)
{
	const struct steering *s = &m->steering;
	size_t done = 0, left = 0;

	for (size_t i = 0; i < s->list.n; i++) {
		const struct steer *x = &s->list.v[i];

		left += was_sent(m, x) && (is_left(x) || steer__passed(x));
		if (is_left(x) || done++ > 1)
			continue;
		buf__puts(b, done > 1 ? "; " : "steered: ");
		put_done(b, x);
	}
	if (done > 2)
		buf__printf(b, "; and of %zu kernel%s more", done - 2, plural(done - 2));
	if (left)
		buf__printf(b, "%s%zu kernel%s that should be steered ran as %s", done ? "; " : "steered: none; ", left,
			    plural(left), left == 1 ? "it was" : "they were");
	if (done || left)
		buf__putc(b, '\n');
}

/* ---- a kernel ---- */

static void put_why(struct buf *b, const struct steer *x)
{
	buf__puts(b, x->e.action == STEER_ACTION_none ? "    asked for by " : "    because of ");
	names__value(b, names_steer_why, x->e.why);
	if (has_text(x->reason))
		buf__printf(b, ": %s", x->reason);
	buf__putc(b, '\n');
}

static void put_host(struct buf *b, const struct steer *x)
{
	char *waited = duration(x->waited_ns), *copied = duration(x->copied_ns), *computed = duration(x->computed_ns),
	     *size = bytes(x->copied_bytes);

	if (x->runs)
		buf__printf(b, "    on the host: computed for %s, copied %s for %s, waited for the queue %s\n", computed, size,
			    copied, waited);
	if (x->e.action == STEER_ACTION_host && x->runs < x->steered)
		buf__printf(b, "    %" PRIu64 " of them %s not seen to end\n", x->steered - x->runs,
			    x->steered - x->runs == 1 ? "was" : "were");
	if (x->failed_runs) {
		buf__printf(b, "    %" PRIu64 " of them could not be computed (", x->failed_runs);
		put_errno(b, x->error);
		buf__puts(b, ") and ran on the device as the program sent them\n");
	}
	if (x->problem && has_text(x->problem))
		buf__printf(b, "    %s: %s\n", x->several_problems ? "the first problem" : "problem", x->problem);
	free(waited);
	free(copied);
	free(computed);
	free(size);
}

static void put_passed(struct buf *b, const struct steer *x)
{
	for (unsigned int i = 0; i < STEER_PASSED_KINDS; i++) {
		if (!x->passed[i])
			continue;
		buf__printf(b, "    %" PRIu64 " dispatch%s ran as the program sent %s: ", x->passed[i],
			    x->passed[i] == 1 ? "" : "es", x->passed[i] == 1 ? "it" : "them");
		names__value(b, names_steer_passed, i);
		buf__putc(b, '\n');
	}
}

static void put_kernel(const struct model *m, struct buf *b, const struct steer *x)
{
	char *name = short_name(x->name, LINE_NAME);

	buf__puts(b, "  ");
	if (several(m))
		buf__printf(b, "process %u: ", x->pid);
	if (is_left(x) && x->e.action == STEER_ACTION_none)
		buf__printf(b, "%s should run elsewhere, and cannot\n", name);
	else if (is_left(x))
		buf__printf(b, "%s is to run elsewhere; no dispatch of it did\n", name);
	else {
		put_done(b, x);
		buf__putc(b, '\n');
	}
	if (has_text(x->to))
		buf__printf(b, "    instead: %s\n", x->to);
	put_why(b, x);
	put_host(b, x);
	put_passed(b, x);
	free(name);
}

/* ---- what was asked for, what was written ---- */

static void put_written(const struct steering *s, struct buf *b)
{
	for (size_t i = 0; i < s->quarantined.n; i++) {
		const struct quarantined *q = &s->quarantined.v[i];

		if (q->error) {
			buf__printf(b, "  could not be written to %s (", q->path);
			put_errno(b, q->error);
			buf__puts(b, "): ");
		} else {
			buf__printf(b, "  written to %s: ", q->path);
		}
		buf__printf(b, "%s\n", q->entry);
	}
}

void put_steering(const struct model *m, const struct text_options *o, struct buf *b)
{
	const struct steering *s = &m->steering;
	size_t shown = 0, sent = 0;
	uint64_t steered = steering__steered(s);
	bool asked = false;

	for (size_t i = 0; i < m->policies.list.n; i++)
		asked |= !policy_is_of_memory(&m->policies.list.v[i]);
	if (s->list.n || asked || s->unknown)
		heading(b, "Steered by the agent: %" PRIu64 " dispatch%s", steered, steered == 1 ? "" : "es");
	put_policies(m, b, false);
	for (size_t i = 0; i < s->list.n; i++) {
		if (!o->all && !was_sent(m, &s->list.v[i]))
			continue;
		if (!sent || o->all || shown < MAX_ROWS) {
			put_kernel(m, b, &s->list.v[i]);
			shown++;
		}
		sent++;
	}
	and_more(b, shown, sent);
	if (s->list.n > sent)
		buf__printf(b, "  and %zu kernel%s that %s not dispatched (--all shows them)\n", s->list.n - sent,
			    plural(s->list.n - sent), s->list.n - sent == 1 ? "was" : "were");
	if (s->unknown)
		buf__printf(b, "  and %" PRIu64 " of kernels whose event is not in the trace\n", s->unknown);
	if (s->quarantined.n) {
		heading(b, "Quarantine");
		put_written(s, b);
	}
}

/* ---- for programs ---- */

static void put_text(struct buf *b, const char *name, const char *s)
{
	buf__printf(b, ",\"%s\":", name);
	buf__json(b, s, strlen(s));
}

static void put_name_of(struct buf *b, const char *key, const struct name *table, uint64_t value)
{
	struct buf text = {0};

	names__value(&text, table, value);
	put_text(b, key, buf__str(&text));
	buf__free(&text);
}

static void put_kernel_json(struct buf *b, const struct steer *x)
{
	bool any = false;

	buf__printf(b, "{\"pid\":%u,\"kernel_object\":\"0x%" PRIx64 "\",\"to_object\":\"0x%" PRIx64 "\"", x->pid,
		    x->e.kernel_object, x->e.to_object);
	put_text(b, "kernel", x->name);
	put_text(b, "to", x->to);
	put_name_of(b, "action", names_steer_action, x->e.action);
	put_name_of(b, "why", names_steer_why, x->e.why);
	put_text(b, "reason", x->reason);
	buf__printf(b, ",\"dispatches\":%" PRIu64 ",\"passed\":{", x->steered);
	for (unsigned int i = 0; i < STEER_PASSED_KINDS; i++) {
		struct buf why = {0};

		if (!x->passed[i])
			continue;
		names__value(&why, names_steer_passed, i);
		buf__printf(b, "%s", any ? "," : "");
		buf__json(b, buf__str(&why), why.len);
		buf__printf(b, ":%" PRIu64, x->passed[i]);
		buf__free(&why);
		any = true;
	}
	buf__printf(b, "},\"host\":{\"runs\":%" PRIu64 ",\"failed\":%" PRIu64 ",\"waited_ns\":%" PRIu64 ",\"copied_ns\":%" PRIu64
		       ",\"computed_ns\":%" PRIu64 ",\"copied_bytes\":%" PRIu64,
		    x->runs, x->failed_runs, x->waited_ns, x->copied_ns, x->computed_ns, x->copied_bytes);
	put_text(b, "problem", x->problem ? x->problem : "");
	buf__puts(b, "}}");
}

void put_steering_json(const struct model *m, struct buf *b)
{
	const struct steering *s = &m->steering;

	buf__printf(b, "{\"dispatches\":%" PRIu64 ",\n\"kernels\":[", steering__steered(s));
	for (size_t i = 0; i < s->list.n; i++) {
		buf__puts(b, i ? ",\n" : "\n");
		put_kernel_json(b, &s->list.v[i]);
	}
	buf__puts(b, "],\n\"quarantined\":[");
	for (size_t i = 0; i < s->quarantined.n; i++) {
		const struct quarantined *q = &s->quarantined.v[i];

		buf__printf(b, "%s\n{\"pid\":%u,\"error\":%d", i ? "," : "", q->pid, q->error);
		put_text(b, "entry", q->entry);
		put_text(b, "path", q->path);
		buf__putc(b, '}');
	}
	buf__puts(b, "]}");
}
