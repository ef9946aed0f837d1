/* SPDX-License-Identifier: MIT */
/*
 * Values of session.json, read by path: for those who show them without knowing the JSON library.
 * What is absent, or of another kind than was asked for, is absent: a file of any version can be
 * read.
 */
#ifndef RDNA1_RECORD_VALUE_H
#define RDNA1_RECORD_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One of jansson's. Borrowed from the value it is in, but for what value__parse and others return.
 */
struct json_t;

/* "facts.device.nodes.0": names of members and numbers of elements; NULL when it is not there. */
const struct json_t *value__at(const struct json_t *v, const char *path);

/* Of value__at(v, path); path "" is v itself. */
const char *value__text(const struct json_t *v, const char *path); /* NULL when it is no text */
bool value__number(const struct json_t *v, const char *path, int64_t *n);
bool value__is_true(const struct json_t *v, const char *path);
bool value__is_false(const struct json_t *v, const char *path);

/* Elements of a list, members of an object in the order they were written; 0 for all else. */
size_t value__count(const struct json_t *v);
const struct json_t *value__item(const struct json_t *v, size_t i,
				 const char **name); /* name: or NULL */

/* The whole of it, indented; the caller's to free. NULL without memory. */
char *value__print(const struct json_t *v);
void value__free(struct json_t *v); /* NULL is fine */

/* A text of any bytes: those that are not UTF-8 become U+FFFD. A new value. */
struct json_t *value__new_text(const char *s);

#endif
