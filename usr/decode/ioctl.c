// SPDX-License-Identifier: MIT
#include "ioctl.h"
#include "../base/le.h"

#include <inttypes.h>
#include <string.h>

uint64_t ioctl_load(const uint8_t *p, unsigned int size, bool is_signed)
{
	uint64_t v = le(p, size);

	if (is_signed && size == 4)
		v = (uint64_t)(int64_t)(int32_t)v;
	return v;
}

/* The value that selects the union's member; negative when there is none or it was not recorded. */
static int64_t selected(const struct ioctl_cmd *c, const uint8_t *arg, size_t len)
{
	if (!c->selector || c->selector + 3u > len)
		return INT64_MIN;
	return (int64_t)ioctl_load(arg + c->selector - 1, 4, false);
}

static bool there(const struct ioctl_field *f, bool answered, int64_t selector, size_t len)
{
	if (f->offset + f->size > len)
		return false;
	if (f->when == IOCTL_IN || f->when == IOCTL_OUT)
		return answered == (f->when == IOCTL_OUT);
	return f->when == IOCTL_ALWAYS || f->when == selector;
}

static bool any_set(const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (p[i])
			return true;
	return false;
}

const char *ioctl_print_fields(struct buf *b, const struct ioctl_cmd *c, bool answered,
			       const uint8_t *arg, size_t len)
{
	int64_t selector = selected(c, arg, len);
	bool known = false;
	const char *sep = "";
	size_t end = len < c->size ? len : c->size;

	for (const struct ioctl_field *f = c->fields; f->name; f++) {
		known |= f->when == selector;
		if (!there(f, answered, selector, len))
			continue;
		buf__printf(b, "%s%s=", sep, f->name);
		print_value(b, f->print, ioctl_load(arg + f->offset, f->size, f->is_signed),
			    f->is_signed);
		sep = ", ";
	}
	/* A member that no row knows. */
	if (selector >= 0 && !known && any_set(arg + c->selector + 3, end - c->selector - 3)) {
		ioctl_print_rest(b, sep, arg, c->selector + 3u, end);
		sep = ", ";
	}
	return sep;
}

void ioctl_print_rest(struct buf *b, const char *sep, const uint8_t *arg, size_t known, size_t len)
{
	if (len <= known)
		return;
	buf__printf(b, "%s%s", sep, known ? "+" : "");
	buf__hex(b, arg + known, len - known);
}

bool ioctl_get(const struct ioctl_cmd *c, bool answered, const uint8_t *arg, size_t len,
	       const char *field, uint64_t *value)
{
	for (const struct ioctl_field *f = c->fields; f->name; f++) {
		if (strcmp(f->name, field) || !there(f, answered, selected(c, arg, len), len))
			continue;
		*value = ioctl_load(arg + f->offset, f->size, f->is_signed);
		return true;
	}
	return false;
}

void ioctl_print_elements(struct buf *b, ioctl_element print, size_t elem, const uint8_t *data,
			  size_t len)
{
	const char *sep = "";
	size_t i;

	if (!elem || (!print && elem != 4 && elem != 8)) {
		buf__hex(b, data, len);
		return;
	}
	buf__putc(b, '[');
	for (i = 0; len - i >= elem; i += elem, sep = ", ") {
		buf__puts(b, sep);
		if (print)
			print(b, data + i);
		else
			buf__printf(b, "0x%" PRIx64,
				    ioctl_load(data + i, (unsigned int)elem, false));
	}
	/* An element of which not all was recorded. */
	if (i < len) {
		buf__printf(b, "%s+", sep);
		buf__hex(b, data + i, len - i);
	}
	buf__putc(b, ']');
}

void ioctl_print_struct(struct buf *b, const struct ioctl_field *fields, const uint8_t *p)
{
	const char *sep = "{";

	for (const struct ioctl_field *f = fields; f->name; f++, sep = ", ") {
		buf__printf(b, "%s%s=", sep, f->name);
		print_value(b, f->print, ioctl_load(p + f->offset, f->size, f->is_signed),
			    f->is_signed);
	}
	buf__putc(b, '}');
}
