// SPDX-License-Identifier: MIT
/* Two traces beside each other. */
#include "compare.h"
#include "parts.h"
#include "../decode/pte.h"

#include <stdlib.h>
#include <string.h>

#define MAX_DETAILS 12 /* that differ, of an item, unless everything was asked for */

static const char *const titles[COMPARE_PARTS] = {
	[COMPARE_findings] = "Findings",
	[COMPARE_end] = "End",
	[COMPARE_faults] = "Faults, hangs, failed allocations",
	[COMPARE_settings] = "Settings: variables and options",
	[COMPARE_machine] = "Machine and versions",
	[COMPARE_memory] = "Memory asked for through HSA",
	[COMPARE_types] = "The same by KFD's flags and page-table type",
	[COMPARE_buffers] = "Buffers of the driver",
	[COMPARE_kernels] = "Kernels",
	[COMPARE_code] = "Code objects",
};

/* ---- cells ---- */

/* "NC", "NC, UC" */
static void put_mtypes(struct buf *b, const struct compare *c, const struct compare_detail *d)
{
	const struct caps_pte *row = caps_pte__find(c->gfx[d->count[0] ? 0 : 1]);
	bool first = true;

	for (unsigned int i = 0; row && i < CAPS_PTE_MTYPES; i++) {
		if (!(d->v[1] >> i & 1))
			continue;
		buf__printf(b, "%s%s", first ? ", " : " and ", row->mtype[i] ? row->mtype[i] : "a reserved type");
		first = false;
	}
	if (first)
		buf__puts(b, ", no page-table entry seen");
}

static char *detail_text(const struct compare *c, const struct compare_detail *d)
{
	struct buf b = {0};
	char *memory;

	switch (d->what) {
	case DETAIL_MAPPED:
		if (d->v[0] == COMPARE_NO_BUFFER) {
			buf__puts(&b, "in no buffer of the driver's that was seen");
			break;
		}
		memory = kfd_memory((uint32_t)d->v[0]);
		buf__printf(&b, "as %s", memory);
		put_mtypes(&b, c, d);
		free(memory);
		break;
	case DETAIL_SIZE:
		memory = bytes(d->v[0]);
		buf__printf(&b, "of %s", memory);
		free(memory);
		break;
	case DETAIL_GRID:
		buf__printf(&b, "by %ux%ux%u in groups of %ux%ux%u", (uint32_t)(d->v[0] >> 32),
			    (uint32_t)(d->v[1] >> 32), (uint32_t)(d->v[2] >> 32), (uint32_t)d->v[0], (uint32_t)d->v[1],
			    (uint32_t)d->v[2]);
		break;
	}
	return b.s;
}

static char *item_name(const struct compare_item *x)
{
	struct buf b = {0};

	buf__visible(&b, x->name, strlen(x->name));
	return take(&b);
}

/* "3, 20 KiB": what a side has of it. */
static char *side_text(const struct compare_item *x, int side)
{
	struct buf b = {0};
	char *size;

	if (!x->there[side])
		return xstrdup("-");
	if (x->counted)
		buf__printf(&b, "%" PRIu64, x->count[side]);
	if (x->bytes[0] || x->bytes[1]) {
		size = bytes(x->bytes[side]);
		buf__printf(&b, ", %s", size);
		free(size);
	}
	if (x->text[side]) {
		buf__puts(&b, b.len ? "; " : "");
		buf__visible(&b, x->text[side], strlen(x->text[side]));
	}
	return take(&b);
}

static char *count_text(uint64_t n)
{
	return n ? xasprintf("%" PRIu64, n) : xstrdup("-");
}

/* ---- tables ---- */

static void add_item(const struct compare *c, const struct compare_options *o, struct table *t,
		     const struct compare_item *x)
{
	size_t shown = 0, left = 0;

	table__cell(t, item_name(x));
	table__cell(t, side_text(x, 0));
	table__cell(t, side_text(x, 1));
	for (size_t i = 0; i < x->details.n; i++) {
		const struct compare_detail *d = &x->details.v[i];
		char *text;

		if (!o->all && d->count[0] == d->count[1])
			continue;
		if (!o->all && shown == MAX_DETAILS) {
			left++;
			continue;
		}
		shown++;
		text = detail_text(c, d);
		table__cellf(t, "  %s", text);
		table__cell(t, count_text(d->count[0]));
		table__cell(t, count_text(d->count[1]));
		free(text);
	}
	if (left) {
		table__cellf(t, "  and %zu more (--all)", left);
		table__cell(t, xstrdup(""));
		table__cell(t, xstrdup(""));
	}
}

/* Long values in lines of their own: a table would cut them. */
static void put_wide(const struct compare *c, const struct compare_options *o, const struct compare_item *x, struct buf *b)
{
	char *name = item_name(x);
	size_t shown = 0;

	buf__printf(b, "  %s\n", name);
	for (int side = 0; side < 2; side++) {
		char *text = side_text(x, side);

		buf__printf(b, "    %c: %s\n", 'A' + side, text);
		free(text);
	}
	for (size_t i = 0; i < x->details.n; i++) {
		const struct compare_detail *d = &x->details.v[i];
		char *text;

		if (!o->all && (d->count[0] == d->count[1] || shown++ >= MAX_DETAILS))
			continue;
		text = detail_text(c, d);
		buf__printf(b, "    %s: %" PRIu64 " in A, %" PRIu64 " in B\n", text, d->count[0], d->count[1]);
		free(text);
	}
	if (!o->all && shown > MAX_DETAILS)
		buf__printf(b, "    and %zu more (--all)\n", shown - MAX_DETAILS);
	free(name);
}

static bool is_wide(const struct compare_item *x, unsigned int width)
{
	size_t a = x->text[0] ? strlen(x->text[0]) : 0, b = x->text[1] ? strlen(x->text[1]) : 0;

	return a + b > width / 3 || strlen(x->name) + a + b + 34 > width;
}

static void put_part(const struct compare *c, const struct compare_options *o, enum compare_part part, bool differing,
		     struct buf *b)
{
	static const struct column columns[] = {
		{"", false, true, 0}, {"A", false, false, 0}, {"B", false, false, 0}};
	struct table t = {.columns = columns, .num_columns = ARRAY_SIZE(columns)};
	struct buf wide = {0};
	size_t n = 0;

	for (size_t i = 0; i < c->items.n; i++) {
		const struct compare_item *x = &c->items.v[i];

		if (x->part != part || x->differs != differing)
			continue;
		n++;
		if (is_wide(x, o->width))
			put_wide(c, o, x, &wide);
		else
			add_item(c, o, &t, x);
	}
	if (!n)
		return;
	buf__printf(b, "\n%s\n", titles[part]);
	if (t.cells.n)
		table__render(&t, b, o->width);
	wrap_lines(b, buf__str(&wide), o->width);
	buf__free(&wide);
}

static void put_times(const struct compare *c, const struct compare_options *o, struct buf *b)
{
	static const struct column columns[] = {{"kernel", false, true, 0},
						{"A, each", true, false, 0},
						{"B, each", true, false, 0},
						{"B / A", true, false, 0}};
	struct table t = {.columns = columns, .num_columns = ARRAY_SIZE(columns)};
	size_t shown = 0, all = 0;

	for (size_t i = 0; i < c->items.n; i++) {
		const struct compare_item *x = &c->items.v[i];
		uint64_t each[2];

		if (!x->timed[0] || !x->timed[1])
			continue;
		all++;
		if (!o->all && shown == MAX_ROWS)
			continue;
		shown++;
		for (int side = 0; side < 2; side++)
			each[side] = x->total_ns[side] / x->timed[side];
		table__cell(&t, item_name(x));
		table__cell(&t, duration(each[0]));
		table__cell(&t, duration(each[1]));
		table__cellf(&t, "%.2f", each[0] ? (double)each[1] / (double)each[0] : 0.0);
	}
	if (!all)
		return;
	buf__printf(b, "\nTimes of kernels, by the device's clock%s\n",
		    c->emulated[0] || c->emulated[1] ? " (emulated: they say nothing of a card)" : "");
	table__render(&t, b, o->width);
	and_more(b, shown, all);
	buf__puts(b, "  One run of each is no measurement; times do not count as a difference.\n");
}

static void put_alike(const struct compare *c, struct buf *b)
{
	buf__puts(b, "\nAlike\n");
	for (int part = 0; part < COMPARE_PARTS; part++) {
		uint64_t count = 0, size = 0;
		size_t n = 0, all = 0;
		char *text;

		for (size_t i = 0; i < c->items.n; i++) {
			const struct compare_item *x = &c->items.v[i];

			if (x->part != (enum compare_part)part)
				continue;
			all++;
			if (x->differs)
				continue;
			n++;
			count += x->count[0];
			size += x->bytes[0];
		}
		if (!n)
			continue;
		text = bytes(size);
		buf__printf(b, "  %s: %zu", compare_part_name((enum compare_part)part), n);
		if (n != all)
			buf__printf(b, " of %zu", all);
		buf__printf(b, " row%s", plural(all));
		if (count)
			buf__printf(b, ", %" PRIu64 " in all", count);
		if (size)
			buf__printf(b, ", %s", text);
		buf__putc(b, '\n');
		free(text);
	}
}

/* ---- the first sentence ---- */

static const char *end_of(const struct compare *c, int side)
{
	for (size_t i = 0; i < c->items.n; i++)
		if (c->items.v[i].part == COMPARE_end && c->items.v[i].text[side])
			return c->items.v[i].text[side];
	return "not recorded";
}

static void put_failed(const struct compare *c, struct buf *b)
{
	int f = c->failed[1] ? 1 : 0;

	if (c->failed[0] && c->failed[1])
		buf__printf(b, "Both fail (A: %s; B: %s). ", end_of(c, 0), end_of(c, 1));
	else if (c->failed[f] && c->end_known[!f])
		buf__printf(b, "%c fails (%s), %c does not. ", 'A' + f, end_of(c, f), 'A' + !f);
	else if (c->failed[f])
		buf__printf(b, "%c fails (%s); how %c ended was not recorded. ", 'A' + f, end_of(c, f), 'A' + !f);
	else if (c->end_known[0] && c->end_known[1])
		buf__puts(b, "Neither fails. ");
}

/* "faults, settings ($HSA_DISABLE_CACHE), memory"; their ends were said. */
static void put_differing(const struct compare *c, struct buf *b)
{
	enum { NAMED = 3 };
	const char *sep = "They differ in ";

	for (int part = 0; part < COMPARE_PARTS; part++) {
		size_t n = 0, all = 0;

		for (size_t i = 0; i < c->items.n; i++)
			all += c->items.v[i].part == (enum compare_part)part && c->items.v[i].differs;
		if (!all || part == COMPARE_end)
			continue;
		buf__printf(b, "%s%s", sep, compare_part_name((enum compare_part)part));
		sep = ", ";
		for (size_t i = 0; part == COMPARE_settings && i < c->items.n; i++) {
			const struct compare_item *x = &c->items.v[i];

			if (x->part != COMPARE_settings || !x->differs || n++ >= NAMED)
				continue;
			buf__puts(b, n == 1 ? " (" : ", ");
			buf__visible(b, x->name, strlen(x->name));
		}
		if (n)
			buf__puts(b, n > NAMED ? " and more)" : ")");
	}
	buf__puts(b, *sep == ',' ? ".\n" : "They differ in nothing else.\n");
}

void report_compare(const struct compare *c, const struct compare_options *o, struct buf *b)
{
	struct buf head = {0};

	for (int side = 0; side < 2; side++) {
		buf__printf(&head, "%c: ", 'A' + side);
		buf__visible(&head, o->names[side], strlen(o->names[side]));
		buf__puts(&head, c->emulated[side] ? " (emulated device)" : "");
		if (c->lost[side])
			buf__printf(&head, ", %" PRIu64 " events lost: what is missing in it may be among them",
				    c->lost[side]);
		buf__putc(&head, '\n');
	}
	if (c->emulated[0] != c->emulated[1])
		buf__puts(&head, "One of them is of an emulated device: what differs may be the device.\n");
	if (c->differ) {
		put_failed(c, &head);
		put_differing(c, &head);
	}
	if (!c->differ)
		buf__puts(&head, "No difference, but in addresses, process numbers and times.\n");
	wrap_lines(b, buf__str(&head), o->width);
	for (int part = 0; part < COMPARE_PARTS; part++)
		put_part(c, o, (enum compare_part)part, true, b);
	put_times(c, o, b);
	put_alike(c, b);
	if (o->unkept) {
		buf__reset(&head);
		buf__printf(&head, "  not compared: %zu variable%s set in both, whose values a trace does not keep\n", o->unkept,
			    plural(o->unkept));
		wrap_lines(b, buf__str(&head), o->width);
	}
	buf__free(&head);
	for (int part = 0; o->all && part < COMPARE_PARTS; part++)
		put_part(c, o, (enum compare_part)part, false, b);
}

/* ---- JSON ---- */

static void put_string(struct buf *b, const char *s)
{
	if (s)
		buf__json(b, s, strlen(s));
	else
		buf__puts(b, "null");
}

static void put_json_detail(const struct compare *c, const struct compare_detail *d, struct buf *b)
{
	static const char *const names[] = {
		[DETAIL_MAPPED] = "mapped", [DETAIL_SIZE] = "size", [DETAIL_GRID] = "grid"};
	char *text = detail_text(c, d);

	buf__printf(b, "{\"what\":\"%s\",\"text\":", names[d->what]);
	put_string(b, text);
	buf__printf(b, ",\"a\":%" PRIu64 ",\"b\":%" PRIu64 "}", d->count[0], d->count[1]);
	free(text);
}

static void put_json_side(const struct compare_item *x, int side, struct buf *b)
{
	if (!x->there[side]) {
		buf__puts(b, "null");
		return;
	}
	buf__puts(b, "{\"text\":");
	put_string(b, x->text[side]);
	if (x->counted)
		buf__printf(b, ",\"count\":%" PRIu64 ",\"bytes\":%" PRIu64, x->count[side], x->bytes[side]);
	if (x->timed[side])
		buf__printf(b, ",\"timed\":%" PRIu64 ",\"total_ns\":%" PRIu64, x->timed[side], x->total_ns[side]);
	buf__putc(b, '}');
}

void report_compare_json(const struct compare *c, const struct compare_options *o, struct buf *b)
{
	buf__puts(b, "{");
	for (int side = 0; side < 2; side++) {
		buf__printf(b, "\"%c\":{\"dir\":", 'a' + side);
		put_string(b, o->names[side]);
		buf__printf(b, ",\"emulated\":%s,\"lost\":%" PRIu64 "},", c->emulated[side] ? "true" : "false",
			    c->lost[side]);
	}
	buf__printf(b, "\"differ\":%s,\"items\":[", c->differ ? "true" : "false");
	for (size_t i = 0; i < c->items.n; i++) {
		const struct compare_item *x = &c->items.v[i];

		buf__printf(b, "%s{\"part\":\"%s\",\"name\":", i ? ",\n" : "\n", compare_part_name(x->part));
		put_string(b, x->name);
		buf__printf(b, ",\"differs\":%s,\"a\":", x->differs ? "true" : "false");
		put_json_side(x, 0, b);
		buf__puts(b, ",\"b\":");
		put_json_side(x, 1, b);
		buf__puts(b, ",\"details\":[");
		for (size_t k = 0; k < x->details.n; k++) {
			buf__puts(b, k ? "," : "");
			put_json_detail(c, &x->details.v[k], b);
		}
		buf__puts(b, "]}");
	}
	buf__puts(b, "]}\n");
}
