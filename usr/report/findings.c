// SPDX-License-Identifier: MIT
/* The verdict, the findings with their evidence and remedies, the ladder of control. */
#include "parts.h"
#include "../analysis/findings.h"

#include <stdlib.h>
#include <string.h>

#define SHOWN_PROOFS 4

void put_verdict(const struct findings *f, struct buf *b)
{
	for (int i = 0; i < VERDICT_LINES && f->verdict[i]; i++)
		buf__printf(b, "%s%s\n", i ? "  " : "", f->verdict[i]);
	buf__putc(b, '\n');
}

/* The timestamp as dump prints it, to find the event by. */
static void put_proof(struct buf *b, const struct proof *p)
{
	buf__puts(b, "    - ");
	if (p->ts_ns)
		buf__printf(b, "[%" PRIu64 ".%09" PRIu64 "] ", p->ts_ns / 1000000000,
			    p->ts_ns % 1000000000);
	if (p->event)
		buf__printf(b, "%s: ", p->event);
	buf__printf(b, "%s\n", p->text);
}

static void put_finding(struct buf *b, const struct finding *x, const struct text_options *o)
{
	size_t shown = o->all || x->proofs.n < SHOWN_PROOFS ? x->proofs.n : SHOWN_PROOFS;
	const char *remedy = x->remedy ? x->remedy : x->rule->remedy;

	buf__printf(b, "  %s %s (%s): %s\n", severity_name(x->severity), x->rule->id,
		    finding_state_name(x->state), x->what);
	for (size_t i = 0; i < shown; i++)
		put_proof(b, &x->proofs.v[i]);
	if (shown < x->proofs.n + x->more_proofs)
		buf__printf(b, "    - and %zu more%s\n", x->proofs.n + x->more_proofs - shown,
			    o->all ? "" : " (--all shows them)");
	if (x->decide)
		buf__printf(b, "    would decide it: %s\n", x->decide);
	if (x->weak)
		buf__printf(b, "    weakened: %s\n", x->weak);
	if (x->severity != SEVERITY_note && remedy[0])
		buf__printf(b, "    remedy: %s\n", remedy);
}

/* Confirmed and possible ones by severity. */
static void put_open(struct buf *b, const struct findings *f, const struct text_options *o)
{
	for (int s = SEVERITY_error; s <= SEVERITY_note; s++)
		for (size_t i = 0; i < f->list.n; i++) {
			const struct finding *x = &f->list.v[i];

			if ((int)x->severity == s && x->state != FINDING_RULED_OUT &&
			    x->state != FINDING_UNDECIDED)
				put_finding(b, x, o);
		}
}

static void put_state(struct buf *b, const struct findings *f, enum finding_state state,
		      const char *title)
{
	bool any = false;

	for (size_t i = 0; i < f->list.n; i++) {
		const struct finding *x = &f->list.v[i];

		if (x->state != state)
			continue;
		if (!any)
			buf__printf(b, "  %s:\n", title);
		any = true;
		buf__printf(b, "    %s: %s", x->rule->id, x->what);
		if (x->decide)
			buf__printf(b, "; would decide it: %s", x->decide);
		if (x->weak)
			buf__printf(b, " (%s)", x->weak);
		buf__putc(b, '\n');
	}
}

void put_findings(const struct findings *f, const struct text_options *o, struct buf *b)
{
	size_t open = 0;

	for (size_t i = 0; i < f->list.n; i++)
		open += f->list.v[i].state == FINDING_CONFIRMED ||
			f->list.v[i].state == FINDING_POSSIBLE;
	if (!f->list.n)
		return;
	heading(b, "Findings%s", open ? "" : ": none");
	put_open(b, f, o);
	put_state(b, f, FINDING_UNDECIDED, "not decidable from this trace");
	put_state(b, f, FINDING_RULED_OUT, "ruled out");
}

void put_ladder(const struct findings *f, struct buf *b)
{
	const struct ladder *l = &f->ladder;

	if (!l->known)
		return;
	heading(b, "Who decides how %s is accessed", l->about);
	for (int i = 0; i < RUNG_COUNT; i++)
		buf__printf(b, "  %-12s %s%s\n", rung_name((enum rung)i),
			    l->observed[i] ? l->observed[i] : "not recorded",
			    (enum rung)i == l->decided ? "  <- decided" : "");
}
