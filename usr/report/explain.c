// SPDX-License-Identifier: MIT
/* Error messages, explained. */
#include "explain.h"
#include "table.h"
#include "../base/called.h"

#include <inttypes.h>
#include <string.h>

/* ---- text ---- */

static void put_values(const struct signature_sum *s, struct buf *b)
{
	struct buf said = {0};

	for (size_t i = 0; i < s->values.n; i++) {
		const struct signature_sum_value *v = &s->values.v[i];

		buf__printf(b, "  %s ", v->name);
		buf__visible(b, v->text, strlen(v->text));
		buf__reset(&said);
		if (v->is_number && signature_value__explain(v->name, v->number, &said))
			buf__printf(b, ": %s", buf__str(&said));
		if (v->count > 1)
			buf__printf(b, " (%" PRIu64 " times)", v->count);
		buf__putc(b, '\n');
	}
	if (s->more_values)
		buf__printf(b, "  and %" PRIu64 " more\n", s->more_values);
	buf__free(&said);
}

static void put_command(const struct signature *s, struct buf *b)
{
	if (!s->rules[0]) {
		buf__puts(b, "  No trace decides it.\n");
	} else {
		buf__printf(b, "  Decided in a trace by rule %s", s->rules[0]);
		for (size_t i = 1; s->rules[i]; i++)
			buf__printf(b, "%s%s", i > 1 ? ", " : "; then ", s->rules[i]);
		buf__printf(b, ":\n" WRAP_NOT "    sudo %s %s%s-- COMMAND\n" WRAP_NOT "    %s report\n", called(),
			    s->options ? s->options : "", s->options ? " " : "", called());
	}
	if (!s->now)
		return;
	buf__puts(b, "  Without one:\n    ");
	called__put(b, s->now);
	buf__putc(b, '\n');
}

static void put_signature(const struct signature_sum *s, struct buf *b)
{
	const struct signature *g = s->signature;

	buf__puts(b, g->title);
	if (s->count > 1)
		buf__printf(b, " (%" PRIu64 " times)", s->count);
	buf__printf(b, "\n  line %" PRIu64 ": ", s->first_line);
	buf__visible(b, s->first + strspn(s->first, " \t"), strcspn(s->first + strspn(s->first, " \t"), "\r\n"));
	buf__putc(b, '\n');
	put_values(s, b);
	buf__printf(b, "  %s\n", g->means);
	for (size_t i = 0; g->wrong[i].claim; i++)
		buf__printf(b, "  Not so: \"%s\". %c%s\n", g->wrong[i].claim,
			    g->wrong[i].truth[0] >= 'a' && g->wrong[i].truth[0] <= 'z' ? g->wrong[i].truth[0] - 32
										     : g->wrong[i].truth[0],
			    g->wrong[i].truth + 1);
	put_command(g, b);
	buf__printf(b, "  Source: %s\n", g->source);
}

void explain_text(const struct signature_sums *s, unsigned int width, struct buf *b)
{
	struct buf one = {0};

	for (size_t i = 0; i < s->list.n; i++) {
		if (i)
			buf__putc(&one, '\n');
		put_signature(&s->list.v[i], &one);
	}
	wrap_lines(b, buf__str(&one), width);
	buf__free(&one);
}

/* ---- JSON ---- */

static void put_text(struct buf *b, const char *name, const char *text)
{
	buf__printf(b, "\"%s\":", name);
	if (text)
		buf__json(b, text, strlen(text));
	else
		buf__puts(b, "null");
}

/* Numbers as they stood there: many readers of JSON keep 53 bits of one. */
static void put_json_values(const struct signature_sum *s, struct buf *b)
{
	struct buf said = {0};

	buf__puts(b, ",\"values\":[");
	for (size_t i = 0; i < s->values.n; i++) {
		const struct signature_sum_value *v = &s->values.v[i];

		buf__reset(&said);
		if (v->is_number)
			signature_value__explain(v->name, v->number, &said);
		buf__puts(b, i ? ",{" : "{");
		put_text(b, "name", v->name);
		buf__putc(b, ',');
		put_text(b, "value", v->text);
		buf__putc(b, ',');
		put_text(b, "means", said.len ? buf__str(&said) : NULL);
		buf__printf(b, ",\"count\":%" PRIu64 "}", v->count);
	}
	buf__puts(b, "]");
	buf__free(&said);
}

static void put_json_signature(const struct signature_sum *s, struct buf *b)
{
	const struct signature *g = s->signature;

	buf__putc(b, '{');
	put_text(b, "id", g->id);
	buf__putc(b, ',');
	put_text(b, "title", g->title);
	buf__printf(b, ",\"count\":%" PRIu64 ",\"lines\":%" PRIu64 ",\"first_line\":%" PRIu64 ",", s->count, s->lines,
		    s->first_line);
	put_text(b, "first", s->first);
	put_json_values(s, b);
	buf__putc(b, ',');
	put_text(b, "means", g->means);
	buf__puts(b, ",\"wrong\":[");
	for (size_t i = 0; g->wrong[i].claim; i++) {
		buf__puts(b, i ? ",{" : "{");
		put_text(b, "claim", g->wrong[i].claim);
		buf__putc(b, ',');
		put_text(b, "truth", g->wrong[i].truth);
		buf__putc(b, '}');
	}
	buf__puts(b, "],\"rules\":[");
	for (size_t i = 0; g->rules[i]; i++) {
		buf__puts(b, i ? "," : "");
		buf__json(b, g->rules[i], strlen(g->rules[i]));
	}
	buf__puts(b, "],");
	put_text(b, "options", g->options);
	buf__putc(b, ',');
	put_text(b, "now", g->now);
	buf__putc(b, ',');
	put_text(b, "source", g->source);
	buf__putc(b, '}');
}

void explain_json(const struct signature_sums *s, struct buf *b)
{
	buf__printf(b, "{\"lines\":%" PRIu64 ",\"found\":[", s->lines);
	for (size_t i = 0; i < s->list.n; i++) {
		buf__puts(b, i ? ",\n" : "\n");
		put_json_signature(&s->list.v[i], b);
	}
	buf__puts(b, "]}\n");
}
