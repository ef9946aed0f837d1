// SPDX-License-Identifier: MIT
#include "line.h"

#include <string.h>

enum field_type { FIELD_TEXT, FIELD_DIGEST, FIELD_FLAG, FIELD_AVOID, FIELD_COUNT, FIELD_TIME, FIELD_WHAT };

struct field {
	const char *key;
	enum field_type type;
	size_t offset, size;
};

/* In the order they are written; what must be the last. */
#define FIELD(key, type, member)                                                                   \
	{key, type, offsetof(struct quarantine_entry, member),                                     \
	 sizeof(((struct quarantine_entry *)0)->member)}
static const struct field fields[] = {
	FIELD("kernel", FIELD_TEXT, kernel),	 FIELD("problem", FIELD_TEXT, problem),
	FIELD("code", FIELD_DIGEST, code),	 FIELD("gpu", FIELD_TEXT, gpu),
	FIELD("isa", FIELD_TEXT, isa),		 FIELD("rocm", FIELD_TEXT, rocm),
	FIELD("emulated", FIELD_FLAG, emulated), FIELD("suspect", FIELD_FLAG, suspect),
	FIELD("avoid", FIELD_AVOID, avoid),	 FIELD("count", FIELD_COUNT, count),
	FIELD("first", FIELD_TIME, first_s),	 FIELD("last", FIELD_TIME, last_s),
	FIELD("trace", FIELD_TEXT, trace),	 FIELD("what", FIELD_WHAT, what),
};
enum { NUM_FIELDS = sizeof(fields) / sizeof(fields[0]) };

static const char *const whats[] = {
	[QUARANTINE_HANG] = "hang",
	[QUARANTINE_PAGE_FAULT] = "page-fault",
	[QUARANTINE_APERTURE] = "aperture",
	[QUARANTINE_ILLEGAL_INSTRUCTION] = "illegal-instruction",
	[QUARANTINE_EXCEPTION] = "exception",
	[QUARANTINE_USE_AFTER_FREE] = "use-after-free",
	[QUARANTINE_WRONG_RESULT] = "wrong-result",
	[QUARANTINE_BY_HAND] = "by-hand",
};
static const char *const avoids[] = {
	[QUARANTINE_AUTO] = "auto",
	[QUARANTINE_NATIVE] = "native",
	[QUARANTINE_HOST] = "host",
	[QUARANTINE_LATE_FREE] = "late-free",
};
#define NUM(a) (sizeof(a) / sizeof((a)[0]))

static unsigned int find_word(const char *const *words, size_t n, const char *word)
{
	for (size_t i = 1; i < n; i++)
		if (!strcmp(words[i], word))
			return (unsigned int)i;
	return 0;
}

const char *quarantine__what_name(enum quarantine_what w)
{
	return (size_t)w < NUM(whats) ? whats[w] : NULL;
}

enum quarantine_what quarantine__what_of(const char *word)
{
	return (enum quarantine_what)find_word(whats, NUM(whats), word);
}

const char *quarantine__avoid_name(enum quarantine_avoid a)
{
	return (size_t)a < NUM(avoids) ? avoids[a] : NULL;
}

enum quarantine_avoid quarantine__avoid_of(const char *word)
{
	return (enum quarantine_avoid)find_word(avoids, NUM(avoids), word);
}

/* ---- words ---- */

struct token {
	const char *key, *value; /* value: as written */
	size_t key_len, value_len;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static bool is_key(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

static bool is_control(char c)
{
	return ((unsigned char)c < 0x20 && c != '\t' && c != '\r') || c == 0x7f;
}

/* Behind the closing quote; NULL without one. */
static const char *skip_quoted(const char *s, const char *end)
{
	for (s++; s < end && *s != '"'; s++)
		s += *s == '\\';
	return s < end ? s + 1 : NULL;
}

/*
 * The next key=value from *at. 1; 0 at the end of the line or a comment, where *at is then; -1 when it
 * is of another form.
 */
static int next_token(const char **at, const char *end, struct token *t)
{
	const char *s = *at;

	while (s < end && is_blank(*s))
		s++;
	*at = s;
	if (s == end || *s == '#')
		return 0;
	for (t->key = s; s < end && is_key(*s);)
		s++;
	t->key_len = (size_t)(s - t->key);
	if (!t->key_len || s == end || *s != '=')
		return -1;
	t->value = ++s;
	if (s < end && *s == '"') {
		s = skip_quoted(s, end);
		if (!s || (s < end && !is_blank(*s)))
			return -1;
	} else {
		while (s < end && !is_blank(*s) && *s != '"')
			s++;
		if (s < end && *s == '"')
			return -1;
	}
	t->value_len = (size_t)(s - t->value);
	*at = s;
	return 1;
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* What stands behind a backslash; *s is left at its last character. -1: nothing we write. */
static int unescape(const char **s, const char *end)
{
	const char *at = ++*s;

	if (at >= end)
		return -1;
	switch (*at) {
	case 'n':
		return '\n';
	case 't':
		return '\t';
	case '"':
	case '\\':
		return *at;
	case 'x':
		if (end - at < 3 || hex_digit(at[1]) < 0 || hex_digit(at[2]) < 0)
			return -1;
		*s = at + 2;
		return hex_digit(at[1]) << 4 | hex_digit(at[2]);
	default:
		return -1;
	}
}

/* The value without quotes, terminated. False: it does not fit, or holds a 0 or an escape that is none. */
static bool value_of(const struct token *t, char *out, size_t size)
{
	const char *s = t->value, *end = s + t->value_len;
	bool quoted = s < end && *s == '"';
	size_t n = 0;

	for (s += quoted, end -= quoted; s < end; s++) {
		int c = quoted && *s == '\\' ? unescape(&s, end) : (unsigned char)*s;

		if (!c || c == -1 || n + 1 >= size)
			return false;
		out[n++] = (char)c;
	}
	out[n] = 0;
	return true;
}

/* ---- values ---- */

static bool read_number(const char *s, size_t digits, uint64_t max, uint64_t *out)
{
	uint64_t n = 0;
	size_t i;

	for (i = 0; s[i] && (!digits || i < digits); i++) {
		if (s[i] < '0' || s[i] > '9' || n > (max - (uint64_t)(s[i] - '0')) / 10)
			return false;
		n = n * 10 + (uint64_t)(s[i] - '0');
	}
	*out = n;
	return i && (!digits || i == digits);
}

/* Days from 1970-01-01 of the proleptic Gregorian calendar: years are counted from March. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
	int64_t y = month <= 2 ? year - 1 : year, era = y / 400, of_era = y % 400;
	int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static void date_of(int64_t days, int64_t *year, int64_t *month, int64_t *day)
{
	int64_t z = days + 719468, era = z / 146097, of_era = z % 146097;
	int64_t y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * y + y / 4 - y / 100), m = (5 * of_year + 2) / 153;

	*day = of_year - (153 * m + 2) / 5 + 1;
	*month = m < 10 ? m + 3 : m - 9;
	*year = y + era * 400 + (*month <= 2);
}

/* "2026-11-22T20:57:59Z"; a day alone is its begin. */
static bool read_time(const char *s, int64_t *out)
{
	uint64_t year, month, day, hour = 0, minute = 0, second = 0;
	int64_t days, y, m, d;

	if (!read_number(s, 4, 9999, &year) || s[4] != '-' || !read_number(s + 5, 2, 12, &month) || s[7] != '-' ||
	    !read_number(s + 8, 2, 31, &day) || year < 1970 || !month || !day)
		return false;
	if (s[10] && (s[10] != 'T' || !read_number(s + 11, 2, 23, &hour) || s[13] != ':' ||
		      !read_number(s + 14, 2, 59, &minute) || s[16] != ':' || !read_number(s + 17, 2, 60, &second) ||
		      s[19] != 'Z' || s[20]))
		return false;
	days = days_of((int64_t)year, (int64_t)month, (int64_t)day);
	date_of(days, &y, &m, &d); /* no 31st of February */
	*out = days * 86400 + (int64_t)(hour * 3600 + minute * 60 + second);
	return m == (int64_t)month;
}

static bool lower_digest(char code[65])
{
	for (size_t i = 0; i < 64; i++) {
		if (hex_digit(code[i]) < 0)
			return false;
		if (code[i] >= 'A' && code[i] <= 'F')
			code[i] = (char)(code[i] + ('a' - 'A'));
	}
	return !code[64];
}

static bool read_field(const struct field *f, const struct token *t, struct quarantine_entry *e)
{
	char *member = (char *)e + f->offset, word[64] = "";
	uint64_t n;

	if (f->type == FIELD_TEXT)
		return value_of(t, member, f->size);
	if (f->type == FIELD_DIGEST)
		return value_of(t, member, f->size) && (!member[0] || lower_digest(member));
	if (!value_of(t, word, sizeof(word)))
		return false;
	switch (f->type) {
	case FIELD_WHAT:
		e->what = quarantine__what_of(word);
		return e->what;
	case FIELD_AVOID:
		e->avoid = quarantine__avoid_of(word);
		return e->avoid;
	case FIELD_FLAG:
		*(bool *)member = !strcmp(word, "yes");
		return *(bool *)member || !strcmp(word, "no");
	case FIELD_TIME:
		return read_time(word, (int64_t *)(void *)member);
	default:
		if (!read_number(word, 0, UINT32_MAX, &n))
			return false;
		e->count = (uint32_t)n;
		return true;
	}
}

static int field_of(const struct token *t)
{
	for (int i = 0; i < NUM_FIELDS; i++)
		if (t->key_len == strlen(fields[i].key) && !memcmp(t->key, fields[i].key, t->key_len))
			return i;
	return -1;
}

/* ---- a line ---- */

static enum line_kind read_entry(const char *s, const char *end, struct quarantine_entry *e)
{
	bool understood = true;
	uint32_t seen = 0;
	struct token t;
	int more;

	while ((more = next_token(&s, end, &t)) > 0) {
		int i = field_of(&t);

		if (i < 0)
			continue;
		if (seen & 1u << i)
			return LINE_BROKEN; /* pieces of two lines */
		seen |= 1u << i;
		understood &= read_field(&fields[i], &t, e);
	}
	if (more < 0)
		return LINE_BROKEN;
	if (!seen || !understood)
		return LINE_STRANGE;
	e->what = e->what ?: QUARANTINE_BY_HAND;
	return line__normalize(e) ? LINE_ENTRY : LINE_STRANGE;
}

enum line_kind line__read(const char *s, size_t len, bool ended, struct quarantine_entry *e)
{
	const char *end = s + len, *at = s;
	enum line_kind kind;
	struct token t;
	int last = -1;

	for (size_t i = 0; i < len; i++)
		if (is_control(s[i]))
			return LINE_BROKEN;
	while (at < end && is_blank(*at))
		at++;
	if (at == end || *at == '#')
		return LINE_COMMENT;
	if (len >= QUARANTINE_LINE_MAX)
		return LINE_BROKEN;
	memset(e, 0, sizeof(*e));
	kind = read_entry(s, end, e);
	if (ended || kind == LINE_BROKEN)
		return kind;
	/* Without its end a line is whole if it ends as ours do. */
	for (at = s; next_token(&at, end, &t) > 0;)
		last = field_of(&t);
	return last == NUM_FIELDS - 1 && kind == LINE_ENTRY ? LINE_ENTRY : LINE_BROKEN;
}

/* ---- writing ---- */

struct out {
	char *s;
	size_t len, size;
	bool full;
};

static void put_char(struct out *o, char c)
{
	if (o->len < o->size)
		o->s[o->len++] = c;
	else
		o->full = true;
}

static void put(struct out *o, const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		put_char(o, s[i]);
}

char *put_number(char *at, uint64_t n)
{
	char digits[20];
	int len = 0;

	do
		digits[len++] = (char)('0' + n % 10);
	while (n /= 10);
	while (len)
		*at++ = digits[--len];
	*at = 0;
	return at;
}

static char *put_digits(char *at, int64_t n, int digits)
{
	for (int i = digits; i--; n /= 10)
		at[i] = (char)('0' + n % 10);
	return at + digits;
}

char *put_time(char *at, int64_t seconds, bool compact)
{
	int64_t year, month, day, rest = seconds % 86400;
	const int64_t parts[] = {rest / 3600, rest / 60 % 60, rest % 60};

	date_of(seconds / 86400, &year, &month, &day);
	at = put_digits(at, year, 4);
	if (!compact)
		*at++ = '-';
	at = put_digits(at, month, 2);
	if (!compact)
		*at++ = '-';
	at = put_digits(at, day, 2);
	*at++ = 'T';
	for (int i = 0; i < 3; i++) {
		if (i && !compact)
			*at++ = ':';
		at = put_digits(at, parts[i], 2);
	}
	*at++ = 'Z';
	*at = 0;
	return at;
}

/* Bytes of the character at s if it is UTF-8 and prints; 0 if not. */
static size_t utf8_len(const unsigned char *s)
{
	size_t n = s[0] < 0x80 ? 1 : s[0] >= 0xc2 && s[0] < 0xe0 ? 2 : (s[0] & 0xf0) == 0xe0 ? 3 : s[0] >= 0xf0 && s[0] < 0xf5 ? 4 : 0;

	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((n == 2 && s[0] == 0xc2 && s[1] < 0xa0) || /* controls */
	    (n == 3 && ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] >= 0xa0))) ||
	    (n == 4 && ((s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] >= 0x90))))
		return 0;
	return n == 1 && is_control((char)s[0]) ? 0 : n;
}

static void put_escaped(struct out *o, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";

	put_char(o, '\\');
	if (c == '\n' || c == '\t') {
		put_char(o, c == '\n' ? 'n' : 't');
		return;
	}
	put_char(o, 'x');
	put_char(o, hex[c >> 4]);
	put_char(o, hex[c & 15]);
}

static void put_text(struct out *o, const char *s)
{
	const unsigned char *at = (const unsigned char *)s;
	bool bare = *s;
	size_t n;

	for (const char *c = s; *c; c++)
		bare &= *c > ' ' && *c < 0x7f && *c != '"' && *c != '\\' && (c > s || *c != '#');
	if (bare) {
		put(o, s, strlen(s));
		return;
	}
	put_char(o, '"');
	for (; *at; at += n) {
		n = *at == '\t' || *at == '\r' ? 0 : utf8_len(at);
		if (*at == '"' || *at == '\\')
			put_char(o, '\\');
		if (n)
			put(o, (const char *)at, n);
		else
			put_escaped(o, *at);
		n = n ?: 1;
	}
	put_char(o, '"');
}

/* Whether there is anything to say. */
static bool is_set(const struct field *f, const struct quarantine_entry *e)
{
	const char *member = (const char *)e + f->offset;

	switch (f->type) {
	case FIELD_TEXT:
	case FIELD_DIGEST:
		return member[0];
	case FIELD_FLAG:
		return *(const bool *)member;
	case FIELD_TIME:
		return *(const int64_t *)(const void *)member > 0;
	default:
		return true;
	}
}

static void put_field(struct out *o, const struct field *f, const struct quarantine_entry *e)
{
	const char *member = (const char *)e + f->offset;
	char text[32] = "";

	if (o->len)
		put_char(o, ' ');
	put(o, f->key, strlen(f->key));
	put_char(o, '=');
	switch (f->type) {
	case FIELD_TEXT:
	case FIELD_DIGEST:
		put_text(o, member);
		return;
	case FIELD_TIME:
		put_time(text, *(const int64_t *)(const void *)member, false);
		break;
	case FIELD_COUNT:
		put_number(text, e->count);
		break;
	default:
		put_text(o, f->type == FIELD_WHAT    ? quarantine__what_name(e->what) ?: "?"
			    : f->type == FIELD_AVOID ? quarantine__avoid_name(e->avoid) ?: "?"
						     : "yes");
		return;
	}
	put(o, text, strlen(text));
}

/* Keys that are not ours; *comment: what follows them. */
static void put_others(struct out *o, const char *old, size_t old_len, const char **comment)
{
	const char *at = old, *end = old + old_len;
	struct token t;

	while (next_token(&at, end, &t) > 0) {
		if (field_of(&t) >= 0)
			continue;
		put_char(o, ' ');
		put(o, t.key, (size_t)(t.value + t.value_len - t.key));
	}
	*comment = at < end ? at : NULL;
}

size_t line__write(const struct quarantine_entry *e, const char *old, size_t old_len, char *out, size_t size)
{
	struct out o = {.s = out, .size = size};
	const char *comment = NULL;

	for (int i = 0; i < NUM_FIELDS; i++) {
		if (fields[i].type == FIELD_WHAT && old)
			put_others(&o, old, old_len, &comment);
		if (is_set(&fields[i], e))
			put_field(&o, &fields[i], e);
	}
	if (comment) {
		put_char(&o, ' ');
		put(&o, comment, (size_t)(old + old_len - comment));
	}
	return o.full ? 0 : o.len;
}

size_t quarantine__text(const struct quarantine_entry *e, char *out, size_t size)
{
	size_t len;

	if (!size)
		return 0;
	len = line__write(e, NULL, 0, out, size - 1);
	out[len] = 0;
	return len;
}

/* ---- entries ---- */

bool line__normalize(struct quarantine_entry *e)
{
	for (int i = 0; i < NUM_FIELDS; i++)
		if (fields[i].type == FIELD_TEXT)
			((char *)e)[fields[i].offset + fields[i].size - 1] = 0;
	e->avoid = e->avoid ?: QUARANTINE_AUTO;
	e->count = e->count ?: 1;
	/* Years that have four digits. */
	if (e->first_s < 0 || e->last_s < 0 || e->first_s > 253402300799 || e->last_s > 253402300799)
		return false;
	return e->what && quarantine__what_name(e->what) && quarantine__avoid_name(e->avoid) &&
	       (e->kernel[0] || e->problem[0] || e->code[0]) && (!e->code[0] || lower_digest(e->code));
}

bool line__same(const struct quarantine_entry *a, const struct quarantine_entry *b)
{
	return a->what == b->what && a->avoid == b->avoid && a->suspect == b->suspect && a->emulated == b->emulated &&
	       !strcmp(a->kernel, b->kernel) && !strcmp(a->problem, b->problem) && !strcmp(a->code, b->code) &&
	       !strcmp(a->gpu, b->gpu) && !strcmp(a->isa, b->isa) && 
	       (!strcmp(a->rocm, b->rocm) || !a->rocm[0] || !b->rocm[0]);
}
