// SPDX-License-Identifier: MIT
#include "parts.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INDENT 2u
#define GAP 2u
#define LEAST 8u /* of a column that is cut */
#define MAX_COLUMNS 16

void table__cell(struct table *t, char *s)
{
	*VEC_PUSH(&t->cells) = s;
}

void table__cellf(struct table *t, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	table__cell(t, xstrdup(text));
}

/* Characters, not bytes: names may be UTF-8. */
static unsigned int chars(const char *s)
{
	unsigned int n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

/* Where what comes after the first n of them begins. */
static const char *skip(const char *s, unsigned int n)
{
	for (; n && *s; n--)
		do {
			s++;
		} while (((unsigned char)*s & 0xc0) == 0x80);
	return s;
}

char *short_name(const char *name, unsigned int width)
{
	const unsigned int n = chars(name), keep = width > 3 ? width - 3 : width, tail = width > 3 ? keep / 4 : 0;

	if (n <= width)
		return xstrdup(name);
	return xasprintf("%.*s%s%s", (int)(skip(name, keep - tail) - name), name, width > 3 ? "..." : "",
			 width > 3 ? skip(name, n - tail) : "");
}

static void put_cell(struct buf *b, const struct column *c, const char *s, unsigned int width,
		     bool last)
{
	unsigned int n = chars(s);

	if (n > width && c->flexible == CUT_MIDDLE) {
		char *cut = short_name(s, width);

		buf__puts(b, cut);
		free(cut);
		return;
	}
	if (n > width) { /* cut at a character, with dots */
		buf__put(b, s, (size_t)(skip(s, width > 3 ? width - 3 : width) - s));
		buf__puts(b, width > 3 ? "..." : "");
		return;
	}
	if (c->right)
		buf__printf(b, "%*s", (int)(width - n), "");
	buf__puts(b, s);
	if (!c->right && !last)
		buf__printf(b, "%*s", (int)(width - n), "");
}

/* Take `over` characters from the flexible columns, each from the widest. */
static void squeeze(const struct table *t, unsigned int *w, unsigned int over)
{
	for (; over; over--) {
		unsigned int widest = MAX_COLUMNS;

		for (unsigned int c = 0; c < t->num_columns; c++)
			if (t->columns[c].flexible && w[c] > LEAST && (widest == MAX_COLUMNS || w[c] > w[widest]))
				widest = c;
		if (widest == MAX_COLUMNS)
			return;
		w[widest]--;
	}
}

void table__render(struct table *t, struct buf *b, unsigned int width)
{
	unsigned int w[MAX_COLUMNS] = {0}, total = INDENT, last = 0;
	size_t rows = t->num_columns ? t->cells.n / t->num_columns : 0;

	for (unsigned int c = 0; c < t->num_columns; c++) {
		if (t->columns[c].wide > width)
			continue;
		w[c] = chars(t->columns[c].title);
		for (size_t r = 0; r < rows; r++) {
			unsigned int n = chars(t->cells.v[r * t->num_columns + c]);

			w[c] = n > w[c] ? n : w[c];
		}
		w[c] = w[c] ? w[c] : 1;
		total += w[c] + (total > INDENT ? GAP : 0);
		last = c;
	}
	if (total > width)
		squeeze(t, w, total - width);
	for (size_t r = 0; r <= rows; r++) {
		buf__printf(b, "%*s", (int)INDENT, "");
		for (unsigned int c = 0; c < t->num_columns; c++) {
			const char *s = r ? t->cells.v[(r - 1) * t->num_columns + c]
					  : t->columns[c].title;

			if (!w[c])
				continue;
			put_cell(b, &t->columns[c], s, w[c], c == last);
			if (c != last)
				buf__printf(b, "%*s", (int)GAP, "");
		}
		while (b->len && b->s[b->len - 1] == ' ')
			b->len--;
		buf__putc(b, '\n');
	}
	for (size_t i = 0; i < t->cells.n; i++)
		free(t->cells.v[i]);
	free(t->cells.v);
	t->cells.v = NULL;
	t->cells.n = t->cells.cap = 0;
}

/* Break a line at spaces where it is wider than `width`; what follows is indented four more. */
static void put_wrapped(struct buf *b, const char *line, size_t len, unsigned int width)
{
	size_t hang = strspn(line, " ") + 4, text = hang - 4, at = 0, room = width;

	while (len - at > room) {
		size_t cut = at + room;

		/* A word wider than the line stays whole. */
		while (cut > at + text && line[cut] != ' ')
			cut--;
		if (cut <= at + text)
			for (cut = at + room; cut < len && line[cut] != ' '; cut++)
				;
		buf__put(b, line + at, cut - at);
		for (at = cut; at < len && line[at] == ' '; at++)
			;
		if (at == len)
			break;
		buf__printf(b, "\n%*s", (int)hang, "");
		room = width - hang;
		text = 0;
	}
	buf__put(b, line + at, len - at);
	buf__putc(b, '\n');
}

void wrap_lines(struct buf *b, const char *text, unsigned int width)
{
	const char *end;

	for (; (end = strchr(text, '\n')); text = end + 1)
		if (*text == WRAP_NOT[0])
			buf__put(b, text + 1, (size_t)(end - text));
		else
			put_wrapped(b, text, (size_t)(end - text), width);
}
