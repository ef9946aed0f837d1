// SPDX-License-Identifier: MIT
/* Names of persons and machines, replaced by words of the same length. */
#include "redact.h"

#include <ctype.h>
#include <string.h>

static const char *const kind_names[REDACT_KINDS] = {
	[REDACT_USER] = "user names",		  [REDACT_HOST] = "host names",
	[REDACT_IP] = "IP addresses",		  [REDACT_MAC] = "hardware addresses",
	[REDACT_ID] = "machine ids and serials",
};

/* Behind them stands a user's name. */
static const char *const homes[] = {"/home/", "/Users/", "/run/media/"};

/* Keys of JSON whose values are identifiers. */
static const char *const id_keys[] = {"serial", "unique_id", "machine_id", "board_serial", "product_serial",
				      "chassis_serial", "product_uuid", "gpu_uuid"};

/* Names of users and hosts that are also words of a trace, or of every path. */
static const char *const usual[] = {
	"root",	  "user",    "users",  "admin",	   "test",   "tests",	"guest", "home",   "ubuntu", "debian", "fedora",
	"arch",	  "amd",     "amdgpu", "rocm",	   "hip",    "hsa",	"gpu",	 "gpus",   "python", "python3", "conda",
	"docker", "render",  "video",  "nobody",   "build",  "data",	"work",	 "local",  "share",  "torch",  "trace",
	"agent",  "memory",  "kernel", "emulated", "driver", "linux",	"host",	 "server", "desktop", "laptop", "machine",
	"process", "device", "queue",  "miopen",   "conv2d", "command", "page",	 "code",   "none",   "true",   "false",
	"null",	  "default", "report", "navi",	   "radeon", "localhost", "coarse", "fine", "pool",  "lib",    "usr",
	"opt",	  "bin",     "tmp",    "var",	   "dev",    "src",	"run",	 "vram",   "system", "info",   "hook",
};

const char *redact_kind_name(enum redact_kind kind)
{
	return kind_names[kind];
}

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

/* ---- learning ---- */

static bool is_usual(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(usual); i++)
		if (!strcasecmp(usual[i], name))
			return true;
	return false;
}

/* "USER_", "USER2_" of a length. */
static char *stand_in(const char *word, unsigned int number, size_t len)
{
	char *full = number > 1 ? xasprintf("%s%u", word, number) : xstrdup(word), *to = xcalloc(len + 1, 1);
	size_t n = strlen(full);

	memset(to, '_', len);
	memcpy(to, full, n < len ? n : len);
	free(full);
	return to;
}

static char *blank_id(const char *name)
{
	char *to = xstrdup(name);

	for (char *c = to; *c; c++)
		if (isalnum((unsigned char)*c))
			*c = '0';
	return to;
}

static struct redact_word *find_word(struct redact *r, const char *name, size_t len)
{
	for (size_t i = 0; i < r->words.n; i++)
		if (strlen(r->words.v[i].from) == len && !memcmp(r->words.v[i].from, name, len))
			return &r->words.v[i];
	return NULL;
}

static int by_length(const void *a, const void *b)
{
	const struct redact_word *x = a, *y = b;
	size_t m = strlen(x->from), n = strlen(y->from);

	return (m < n) - (m > n);
}

bool redact__learn(struct redact *r, enum redact_kind kind, const char *name)
{
	size_t len = strlen(name);
	bool anywhere = len >= (kind == REDACT_HOST ? 4 : 3) && !is_usual(name);
	struct redact_word *w = find_word(r, name, len);

	if (w)
		return w->anywhere;
	if (!anywhere && kind != REDACT_USER)
		return false;
	w = VEC_PUSH(&r->words);
	w->kind = kind;
	w->anywhere = anywhere;
	w->from = xstrdup(name);
	w->to = kind == REDACT_USER   ? stand_in("USER", anywhere ? ++r->users : 1, len)
		: kind == REDACT_HOST ? stand_in("HOST", ++r->hosts, len)
				      : blank_id(name);
	/* The longer first: a host's full name before its first part. */
	VEC_SORT(&r->words, by_length);
	return anywhere;
}

/* The user's name that begins at `at`, behind one of homes; its length, 0 where none stands there. */
static size_t name_behind(const char *text, size_t len, size_t at)
{
	size_t n = 0;

	while (at + n < len && text[at + n] && !strchr("/ \t\n\"':;,\\()[]{}<>", text[at + n]))
		n++;
	/* "/home/..." of a text that speaks of paths, a variable */
	return n && (is_word(text[at])) ? n : 0;
}

/* Where the next name behind a home begins, from *at on; its length, 0 at the end. */
static size_t next_home(const char *text, size_t len, size_t *at)
{
	for (; *at < len; (*at)++) {
		if (text[*at] != '/')
			continue;
		for (size_t i = 0; i < ARRAY_SIZE(homes); i++) {
			size_t n = strlen(homes[i]), name;

			if (len - *at <= n || memcmp(text + *at, homes[i], n))
				continue;
			name = name_behind(text, len, *at + n);
			if (name) {
				*at += n;
				return name;
			}
		}
	}
	return 0;
}

void redact__learn_paths(struct redact *r, const char *text, size_t len)
{
	size_t at = 0, n;

	while ((n = next_home(text, len, &at))) {
		char *name = strndup(text + at, n);

		redact__learn(r, REDACT_USER, name);
		free(name);
		at += n;
	}
}

/* ---- replacing ---- */

static size_t count(struct redact *r, enum redact_kind kind, size_t n)
{
	r->counts[kind] += n;
	return n;
}

static bool is_stand_in(const struct redact *r, const char *name, size_t len)
{
	for (size_t i = 0; i < r->words.n; i++)
		if (strlen(r->words.v[i].to) == len && !memcmp(r->words.v[i].to, name, len))
			return true;
	return false;
}

/* What stands behind /home/ is a user's name, whatever it is. */
static size_t put_homes(struct redact *r, char *text, size_t len)
{
	size_t at = 0, n, done = 0;

	while ((n = next_home(text, len, &at))) {
		struct redact_word *w = find_word(r, text + at, n);
		char *to = w ? xstrdup(w->to) : stand_in("USER", 1, n);

		if (memcmp(text + at, to, n) && !is_stand_in(r, text + at, n)) {
			memcpy(text + at, to, n);
			done++;
		}
		free(to);
		at += n;
	}
	return count(r, REDACT_USER, done);
}

static bool stands_alone(const char *text, size_t len, size_t at, size_t n)
{
	return !(at && is_word(text[at - 1])) && !(at + n < len && is_word(text[at + n]));
}

static size_t put_words(struct redact *r, char *text, size_t len)
{
	size_t done = 0;

	for (size_t i = 0; i < r->words.n; i++) {
		const struct redact_word *w = &r->words.v[i];
		size_t n = strlen(w->from), at = 0;
		char *found;

		while (w->anywhere && (found = memmem(text + at, len - at, w->from, n))) {
			at = (size_t)(found - text);
			if (stands_alone(text, len, at, n)) {
				memcpy(found, w->to, n);
				done += count(r, w->kind, 1);
			}
			at += n;
		}
	}
	return done;
}

/* "192.168.1.10" at `at`: its length, 0 when it is none, or none that tells of anybody. */
static size_t ipv4_at(const char *text, size_t len, size_t at)
{
	unsigned int part[4];
	size_t n = 0;

	if (at && (is_word(text[at - 1]) || strchr(".-+", text[at - 1])))
		return 0;
	for (unsigned int i = 0; i < 4; i++) {
		size_t digits = 0;

		if (i && (at + n >= len || text[at + n++] != '.'))
			return 0;
		for (part[i] = 0; digits < 4 && at + n < len && isdigit((unsigned char)text[at + n]); digits++, n++)
			part[i] = part[i] * 10 + (unsigned int)(text[at + n] - '0');
		if (!digits || part[i] > 255)
			return 0;
	}
	if (at + n < len && (is_word(text[at + n]) || text[at + n] == '-' || text[at + n] == '+'))
		return 0;
	if (at + n + 1 < len && text[at + n] == '.' && isalnum((unsigned char)text[at + n + 1]))
		return 0;
	/* Versions have four parts too, and no loopback tells of anybody. */
	return part[0] < 10 || part[0] == 127 ? 0 : n;
}

/* Hex groups with colons at `at`: their length; how many groups, and whether "::" is among them. */
static size_t groups_at(const char *text, size_t len, size_t at, unsigned int *groups, unsigned int *longest, bool *gap)
{
	size_t n = 0;

	*groups = *longest = 0;
	*gap = false;
	if (at && (is_word(text[at - 1]) || text[at - 1] == ':'))
		return 0;
	while (at + n < len && (isxdigit((unsigned char)text[at + n]) || text[at + n] == ':')) {
		unsigned int digits = 0;

		for (; at + n < len && isxdigit((unsigned char)text[at + n]); n++)
			digits++;
		*groups += digits != 0;
		if (digits > *longest)
			*longest = digits;
		if (at + n >= len || text[at + n] != ':')
			break;
		n++;
		if (at + n < len && text[at + n] == ':') {
			*gap = true;
			n++;
		}
	}
	while (n && text[at + n - 1] == ':' && !(n > 1 && text[at + n - 2] == ':'))
		n--;
	return at + n < len && is_word(text[at + n]) ? 0 : n;
}

static void blank(char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (isxdigit((unsigned char)text[i]))
			text[i] = '0';
}

static bool is_blank_already(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (isxdigit((unsigned char)text[i]) && text[i] != '0')
			return false;
	return true;
}

static size_t put_addresses(struct redact *r, char *text, size_t len)
{
	size_t done = 0;

	for (size_t at = 0, n; at < len; at += n ? n : 1) {
		unsigned int groups, longest;
		bool gap;

		n = isdigit((unsigned char)text[at]) ? ipv4_at(text, len, at) : 0;
		if (n) {
			done += count(r, REDACT_IP, !is_blank_already(text + at, n));
			blank(text + at, n);
			continue;
		}
		n = isxdigit((unsigned char)text[at]) || text[at] == ':' ? groups_at(text, len, at, &groups, &longest, &gap)
									 : 0;
		if (n == 17 && groups == 6 && longest == 2 && !gap) {
			done += count(r, REDACT_MAC, !is_blank_already(text + at, n));
			blank(text + at, n);
		} else if (n && longest <= 4 && (groups == 8 || (gap && groups >= 2 && groups < 8 && n >= 6))) {
			done += count(r, REDACT_IP, !is_blank_already(text + at, n));
			blank(text + at, n);
		}
	}
	return done;
}

/* "unique_id": 123 stays a number, "serial": "X1" a text. */
size_t redact__ids(struct redact *r, char *text)
{
	size_t done = 0, len = strlen(text);

	for (size_t i = 0; i < ARRAY_SIZE(id_keys); i++) {
		char *key = xasprintf("\"%s\"", id_keys[i]), *found;
		size_t at = 0, n = strlen(key);

		while ((found = memmem(text + at, len - at, key, n))) {
			bool first, changed = false;

			at = (size_t)(found - text) + n;
			at += strspn(text + at, " :");
			first = text[at] != '"';
			at += !first;
			for (; at < len && isalnum((unsigned char)text[at]); at++) {
				char to = first && isdigit((unsigned char)text[at]) ? '1' : '0';

				changed |= text[at] != to;
				text[at] = to;
				first = false;
			}
			done += count(r, REDACT_ID, changed);
		}
		free(key);
	}
	return done;
}

size_t redact__text(struct redact *r, char *text, size_t len)
{
	return put_homes(r, text, len) + put_words(r, text, len) + put_addresses(r, text, len);
}

size_t redact__bytes(struct redact *r, char *data, size_t len)
{
	return put_homes(r, data, len);
}

void redact__free(struct redact *r)
{
	for (size_t i = 0; i < r->words.n; i++) {
		free(r->words.v[i].from);
		free(r->words.v[i].to);
	}
	free(r->words.v);
	memset(r, 0, sizeof(*r));
}
