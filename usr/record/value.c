// SPDX-License-Identifier: MIT
#include "value.h"
#include "../base/buf.h"

#include <jansson.h>
#include <string.h>

const json_t *value__at(const json_t *v, const char *path)
{
	while (v && *path) {
		size_t len = strcspn(path, ".");
		char name[64];

		if (len >= sizeof(name))
			return NULL;
		memcpy(name, path, len);
		name[len] = 0;
		v = json_is_array(v) ? json_array_get(v, strtoul(name, NULL, 10))
				     : json_object_get(v, name);
		path += len + (path[len] == '.');
	}
	return v;
}

const char *value__text(const json_t *v, const char *path)
{
	return json_string_value(value__at(v, path));
}

bool value__number(const json_t *v, const char *path, int64_t *n)
{
	v = value__at(v, path);
	*n = json_integer_value(v);
	return json_is_integer(v);
}

bool value__is_true(const json_t *v, const char *path)
{
	return json_is_true(value__at(v, path));
}

bool value__is_false(const json_t *v, const char *path)
{
	return json_is_false(value__at(v, path));
}

size_t value__count(const json_t *v)
{
	return json_is_array(v) ? json_array_size(v) : json_object_size(v);
}

const json_t *value__item(const json_t *v, size_t i, const char **name)
{
	void *at;

	if (name)
		*name = NULL;
	if (json_is_array(v))
		return json_array_get(v, i);
	for (at = json_object_iter((json_t *)v); at && i; i--)
		at = json_object_iter_next((json_t *)v, at);
	if (name && at)
		*name = json_object_iter_key(at);
	return at ? json_object_iter_value(at) : NULL;
}

char *value__print(const json_t *v)
{
	return json_dumps(v, JSON_INDENT(2));
}

void value__free(json_t *v)
{
	json_decref(v);
}

json_t *value__new_text(const char *s)
{
	struct buf b = {0};
	json_t *j = json_string(s);

	if (j)
		return j;
	buf__json(&b, s, strlen(s));
	j = json_loads(buf__str(&b), JSON_DECODE_ANY, NULL);
	buf__free(&b);
	return j;
}
