// SPDX-License-Identifier: MIT
/* The judgement of a trace for programs: verdict, findings, what stopped the run, the ladder. */
#include "parts.h"
#include "../decode/hsa.h"

#include <stdlib.h>
#include <string.h>

static void put_text(struct buf *b, const char *name, const char *s)
{
	buf__printf(b, "\"%s\":", name);
	if (s)
		buf__json(b, s, strlen(s));
	else
		buf__puts(b, "null");
}

static void put_hex(struct buf *b, const char *name, uint64_t v)
{
	buf__printf(b, "\"%s\":\"0x%" PRIx64 "\"", name, v);
}

static void put_proofs(struct buf *b, const struct proof *proofs, size_t n)
{
	buf__puts(b, "\"proofs\":[");
	for (size_t i = 0; i < n; i++) {
		buf__printf(b, "%s{\"ts_ns\":%" PRIu64 ",", i ? "," : "", proofs[i].ts_ns);
		put_text(b, "event", proofs[i].event);
		buf__putc(b, ',');
		put_text(b, "text", proofs[i].text);
		buf__putc(b, '}');
	}
	buf__putc(b, ']');
}

static void put_finding(struct buf *b, const struct finding *x)
{
	buf__putc(b, '{');
	put_text(b, "rule", x->rule->id);
	buf__putc(b, ',');
	put_text(b, "state", finding_state_name(x->state));
	buf__putc(b, ',');
	put_text(b, "severity", severity_name(x->severity));
	buf__putc(b, ',');
	put_text(b, "what", x->what);
	buf__putc(b, ',');
	put_text(b, "remedy", x->remedy ? x->remedy : x->rule->remedy);
	buf__putc(b, ',');
	put_text(b, "would_decide", x->decide);
	buf__putc(b, ',');
	put_text(b, "weakened", x->weak);
	buf__putc(b, ',');
	put_proofs(b, x->proofs.v, x->proofs.n);
	buf__printf(b, ",\"more_proofs\":%zu}", x->more_proofs);
}

static void put_address(struct buf *b, const struct address *a)
{
	buf__puts(b, ",\"address\":{");
	put_hex(b, "va", a->va);
	buf__printf(b, ",\"exact\":%s,", a->exact ? "true" : "false");
	put_text(b, "place", place_kind_name(a->kind));
	if (a->has_alloc) {
		buf__putc(b, ',');
		put_hex(b, "allocation", a->alloc.va);
		buf__printf(b, ",\"size_bytes\":%" PRIu64, a->alloc.size);
	}
	buf__printf(b, ",\"distance_bytes\":%" PRIu64 ",\"freed_ago_ns\":%" PRIu64 "}", a->distance,
		    a->age_ns);
}

static void put_incident(struct buf *b, const struct incident *x)
{
	buf__printf(b, "{\"pid\":%u,\"ts_ns\":%" PRIu64 ",", x->pid, x->ts_ns);
	put_text(b, "class", incident_class_name(x->class));
	buf__putc(b, ',');
	put_text(b, "kernel", x->kernel);
	buf__printf(b, ",\"kernel_certain\":%s,", x->kernel_certain ? "true" : "false");
	put_hex(b, "kernel_object", x->object);
	if (x->has_queue)
		buf__printf(b, ",\"queue_id\":%" PRIu64, x->queue_id);
	if (x->has_index)
		buf__printf(b, ",\"index\":%" PRIu64, x->index);
	if (x->access_known)
		buf__printf(b, ",\"write\":%s", x->write ? "true" : "false");
	if (x->has_address)
		put_address(b, &x->address);
	if (x->argument.known) {
		buf__printf(b, ",\"argument\":{\"offset\":%u,", x->argument.at);
		put_text(b, "name", x->argument.name);
		buf__putc(b, ',');
		put_hex(b, "pointer", x->argument.pointer);
		buf__printf(b, ",\"certain\":%s}", x->argument.certain ? "true" : "false");
	}
	buf__printf(b, ",\"elapsed_ns\":%" PRIu64 ",\"injected\":%s,", x->elapsed_ns,
		    x->injected ? "true" : "false");
	put_proofs(b, x->proofs.v, x->proofs.n);
	buf__putc(b, '}');
}

static void put_rungs(struct buf *b, const struct ladder *l)
{
	buf__putc(b, '{');
	put_text(b, "about", l->about);
	buf__putc(b, ',');
	put_text(b, "decided", rung_name(l->decided));
	for (int i = 0; i < RUNG_COUNT; i++) {
		buf__putc(b, ',');
		put_text(b, rung_name((enum rung)i), l->observed[i]);
	}
	buf__putc(b, '}');
}

static void put_policy(struct buf *b, const struct policy *p)
{
	buf__printf(b, "{\"pid\":%u,\"rule\":%u,", p->pid, p->rule);
	put_text(b, "kind", names__find(names_policy_kind, p->kind));
	buf__putc(b, ',');
	put_text(b, "state", names__find(names_policy_state, p->state));
	buf__putc(b, ',');
	put_text(b, "asked", p->asked);
	buf__putc(b, ',');
	put_text(b, "reason", p->reason[0] ? p->reason : NULL);
	buf__putc(b, '}');
}

static void put_override(struct buf *b, const struct model *m, const struct override_sum *x)
{
	const struct policy *p = model__policy(m, x->pid, POLICY_KIND_override, x->like.rule);
	char *asked = policy_pool(m, x->pid, x->like.asked_pool, x->like.asked_flags);
	char *made = policy_pool(m, x->pid, x->like.pool, x->like.flags), *place = override_place(m, x);

	buf__printf(b, "{\"pid\":%u,\"rule\":%u,", x->pid, x->like.rule);
	put_text(b, "asked", p ? p->asked : NULL);
	buf__putc(b, ',');
	put_text(b, "asked_for", asked);
	buf__putc(b, ',');
	put_text(b, "made_from", made);
	buf__printf(b, ",\"status\":%u,\"count\":%" PRIu64 ",\"bytes\":%" PRIu64 ",", (uint32_t)x->like.status,
		    x->count, x->bytes);
	put_text(b, "asked_at", place);
	buf__putc(b, '}');
	free(asked);
	free(made);
	free(place);
}

static void put_changes(struct buf *b, const struct model *m)
{
	const struct policies *p = &m->policies;

	buf__puts(b, ",\n\"policies\":[");
	for (size_t i = 0; i < p->list.n; i++) {
		buf__puts(b, i ? ",\n" : "\n");
		put_policy(b, &p->list.v[i]);
	}
	buf__puts(b, "],\n\"overrides\":[");
	for (size_t i = 0; i < p->overrides.n; i++) {
		buf__puts(b, i ? ",\n" : "\n");
		put_override(b, m, &p->overrides.v[i]);
	}
	buf__puts(b, "],\n\"late_frees\":[");
	for (size_t i = 0; i < p->kept.n; i++)
		buf__printf(b,
			    "%s{\"pid\":%u,\"count\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"most_bytes\":%" PRIu64
			    ",\"given_back\":%" PRIu64 "}",
			    i ? ",\n" : "\n", p->kept.v[i].pid, p->kept.v[i].count, p->kept.v[i].bytes,
			    p->kept.v[i].most_bytes, p->kept.v[i].given_back);
	buf__putc(b, ']');
}

void report_json(const struct model *m, const struct findings *f, struct buf *b)
{
	buf__printf(b, "{\"emulated\":%s,\n\"verdict\":[", m->emulated ? "true" : "false");
	for (int i = 0; i < VERDICT_LINES && f->verdict[i]; i++) {
		buf__puts(b, i ? "," : "");
		buf__json(b, f->verdict[i], strlen(f->verdict[i]));
	}
	buf__puts(b, "],\n\"findings\":[");
	for (size_t i = 0; i < f->list.n; i++) {
		buf__puts(b, i ? ",\n" : "\n");
		put_finding(b, &f->list.v[i]);
	}
	buf__puts(b, "],\n\"incidents\":[");
	for (size_t i = 0; i < f->incidents.n; i++) {
		buf__puts(b, i ? ",\n" : "\n");
		put_incident(b, &f->incidents.v[i]);
	}
	buf__puts(b, "],\n\"ladder\":");
	if (f->ladder.known)
		put_rungs(b, &f->ladder);
	else
		buf__puts(b, "null");
	buf__puts(b, ",\n\"steering\":");
	put_steering_json(m, b);
	put_changes(b, m);
	buf__puts(b, "}\n");
}
