// SPDX-License-Identifier: MIT
#include "buf.h"
#include "log.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void out_of_memory(void)
{
	log_err("out of memory");
	exit(1);
}

void *xcalloc(size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size ? size : 1);

	if (!p)
		out_of_memory();
	return p;
}

void *xrealloc(void *p, size_t size)
{
	p = realloc(p, size ? size : 1);
	if (!p)
		out_of_memory();
	return p;
}

char *xstrdup(const char *s)
{
	char *copy = strdup(s);

	if (!copy)
		out_of_memory();
	return copy;
}

char *xasprintf(const char *fmt, ...)
{
	va_list ap;
	char *s;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	if (n < 0)
		out_of_memory();
	return s;
}

static void grow(struct buf *b, size_t extra)
{
	if (b->len + extra + 1 <= b->cap)
		return;
	b->cap = (b->len + extra + 1) * 2;
	b->s = xrealloc(b->s, b->cap);
}

void buf__put(struct buf *b, const char *s, size_t len)
{
	grow(b, len);
	if (len)
		memcpy(b->s + b->len, s, len);
	b->len += len;
	b->s[b->len] = 0;
}

void buf__puts(struct buf *b, const char *s)
{
	buf__put(b, s, strlen(s));
}

void buf__putc(struct buf *b, char c)
{
	buf__put(b, &c, 1);
}

void buf__printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n <= 0)
		return;
	grow(b, (size_t)n);
	va_start(ap, fmt);
	vsnprintf(b->s + b->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
}

void buf__hex(struct buf *b, const void *data, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *p = data;

	grow(b, len * 2);
	for (size_t i = 0; i < len; i++) {
		b->s[b->len++] = digits[p[i] >> 4];
		b->s[b->len++] = digits[p[i] & 15];
	}
	b->s[b->len] = 0;
}

/* Length of the UTF-8 sequence at s, 0 when it is not one. */
static size_t utf8_len(const unsigned char *s, size_t left)
{
	size_t n = s[0] < 0x80 ? 1 : s[0] >= 0xc2 && s[0] < 0xe0 ? 2 : (s[0] & 0xf0) == 0xe0 ? 3 :
		   s[0] >= 0xf0 && s[0] < 0xf5 ? 4 : 0;

	if (!n || n > left)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if (n == 3 && ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f)))
		return 0;
	if (n == 4 && ((s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f)))
		return 0;
	return n;
}

void buf__json(struct buf *b, const char *s, size_t len)
{
	buf__putc(b, '"');
	for (size_t i = 0; i < len;) {
		unsigned char c = (unsigned char)s[i];
		size_t n = utf8_len((const unsigned char *)s + i, len - i);

		if (c == '"' || c == '\\')
			buf__printf(b, "\\%c", c);
		else if (c == '\n')
			buf__puts(b, "\\n");
		else if (c < 0x20 || c == 0x7f)
			buf__printf(b, "\\u%04x", c);
		else if (n == 2 && c == 0xc2 && (unsigned char)s[i + 1] < 0xa0) /* a control character */
			buf__printf(b, "\\u%04x", (unsigned char)s[i + 1]);
		else if (n)
			buf__put(b, s + i, n);
		else
			buf__puts(b, "\\ufffd");
		i += n ? n : 1;
	}
	buf__putc(b, '"');
}

void buf__visible(struct buf *b, const char *text, size_t len)
{
	const unsigned char *s = (const unsigned char *)text;

	for (size_t i = 0; i < len;) {
		size_t n = utf8_len(s + i, len - i);

		/* U+0080 to U+009F are controls, too. */
		if (!n || s[i] < 0x20 || s[i] == 0x7f || (s[i] == 0xc2 && s[i + 1] < 0xa0)) {
			n = n ? n : 1;
			for (size_t k = 0; k < n; k++)
				buf__printf(b, "\\x%02x", s[i + k]);
		} else {
			buf__put(b, text + i, n);
		}
		i += n;
	}
}

void buf__shell(struct buf *b, const char *arg)
{
	static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				   "_@%+=:,./-";

	if (arg[0] && strspn(arg, safe) == strlen(arg)) {
		buf__puts(b, arg);
		return;
	}
	buf__putc(b, '\'');
	for (; *arg; arg++)
		buf__puts(b, *arg == '\'' ? "'\\''" : (char[]){*arg, 0});
	buf__putc(b, '\'');
}

void buf__size(struct buf *b, uint64_t bytes)
{
	static const char *const unit[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	unsigned int u = 0;

	while (u + 1 < ARRAY_SIZE(unit) && bytes >= 1024 && bytes % 1024 == 0) {
		bytes /= 1024;
		u++;
	}
	buf__printf(b, "%" PRIu64 " %s", bytes, unit[u]);
}

void buf__reset(struct buf *b)
{
	b->len = 0;
	if (b->s)
		b->s[0] = 0;
}

const char *buf__str(const struct buf *b)
{
	return b->s ? b->s : "";
}

void buf__free(struct buf *b)
{
	free(b->s);
	*b = (struct buf){0};
}
