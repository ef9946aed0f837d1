// SPDX-License-Identifier: MIT
/* Error messages by their text. */
#include "signatures.h"
#include "../caps/caps.h"
#include "../decode/iv.h"
#include "../decode/print.h"

#include <string.h>

#define LINE_MAX_BYTES 65536
#define STAR_MAX_BYTES 200
#define MAX_FOUND 64 /* in a line */

const struct signature signatures[] = {
#define SIGNATURE(...) {__VA_ARGS__},
#include "signatures.def"
#undef SIGNATURE
};
const size_t num_signatures = ARRAY_SIZE(signatures);

const struct signature *signature__find(const char *id)
{
	for (size_t i = 0; i < num_signatures; i++)
		if (!strcmp(signatures[i].id, id))
			return &signatures[i];
	return NULL;
}

/* ---- matching ---- */

struct line {
	const char *s;
	size_t len; /* without blanks at its end */
	struct signature_match *m;
};

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static bool is_word(char c)
{
	return (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Digits of a base from at on; how many bytes they are, 0 when they are too many for 64 bits. */
static size_t digits(const struct line *l, size_t at, unsigned int base, uint64_t *v)
{
	size_t n = 0;

	*v = 0;
	for (; at + n < l->len; n++) {
		char c = lower(l->s[at + n]);
		unsigned int d = c >= '0' && c <= '9' ? (unsigned int)(c - '0')
				 : c >= 'a' && c <= 'f' ? (unsigned int)(c - 'a' + 10)
							: 16;

		if (d >= base)
			break;
		if (*v > (UINT64_MAX - d) / base)
			return 0;
		*v = *v * base + d;
	}
	return n;
}

static size_t number(const struct line *l, size_t at, uint64_t *v)
{
	size_t n;

	if (l->len - at >= 5 && !strncmp(l->s + at, "(nil)", 5)) {
		*v = 0;
		return 5;
	}
	if (l->len - at > 2 && l->s[at] == '0' && lower(l->s[at + 1]) == 'x') {
		n = digits(l, at + 2, 16, v);
		return n ? n + 2 : 0;
	}
	return digits(l, at, 10, v);
}

/* Up to a blank, without the punctuation that ends a sentence around it. */
static size_t word(const struct line *l, size_t at)
{
	size_t n = 0;

	while (at + n < l->len && !is_blank(l->s[at + n]))
		n++;
	while (n && strchr(".,:;!?)]}'\"`", l->s[at + n - 1]))
		n--;
	return n;
}

/* The name in "{name}" or "<name>"; returns the pattern behind it. */
static const char *take_name(const char *p, struct signature_value *v)
{
	size_t n = strcspn(p + 1, "}>");

	memcpy(v->name, p + 1, n < sizeof(v->name) ? n : sizeof(v->name) - 1);
	return p + 1 + n + 1;
}

static bool match_here(const struct line *l, size_t at, const char *p, size_t *end);

static bool match_value(const struct line *l, size_t at, const char *p, size_t *end)
{
	struct signature_value v = {.is_number = *p == '{', .text = l->s + at};
	const char *rest = take_name(p, &v);
	size_t mine = l->m->num_values;

	v.len = v.is_number ? number(l, at, &v.number) : word(l, at);
	if (!v.len)
		return false;
	if (mine < SIGNATURE_VALUES)
		l->m->values[l->m->num_values++] = v;
	if (match_here(l, at + v.len, rest, end))
		return true;
	l->m->num_values = mine;
	return false;
}

static bool match_here(const struct line *l, size_t at, const char *p, size_t *end)
{
	for (; *p; p++) {
		if (*p == '{' || *p == '<')
			return match_value(l, at, p, end);
		if (*p == '*') {
			for (size_t n = 0; n <= STAR_MAX_BYTES && at + n <= l->len; n++)
				if (match_here(l, at + n, p + 1, end))
					return true;
			return false;
		}
		if (*p == '$') {
			*end = at;
			return at == l->len;
		}
		if (at >= l->len)
			return false;
		if (*p == ' ') {
			if (!is_blank(l->s[at]))
				return false;
			while (at < l->len && is_blank(l->s[at]))
				at++;
			continue;
		}
		if (lower(l->s[at]) != *p)
			return false;
		at++;
	}
	*end = at;
	/* a word of the pattern's is a whole one */
	return !(at && at < l->len && is_word(p[-1]) && is_word(l->s[at]) && is_word(l->s[at - 1]));
}

static bool match_from(const struct line *l, size_t first, size_t at, const char *p, size_t *end)
{
	l->m->num_values = 0;
	if (*p == '^')
		return at == first && match_here(l, at, p + 1, end);
	if (at && is_word(*p) && is_word(l->s[at - 1]))
		return false;
	return match_here(l, at, p, end);
}

static bool find_pattern(const struct line *l, size_t first, const char *p, size_t *at, size_t *end)
{
	char begins = *p == '^' || *p == '{' || *p == '<' || *p == '*' ? 0 : *p;

	for (*at = first; *at < l->len; (*at)++)
		if ((!begins || lower(l->s[*at]) == begins) && match_from(l, first, *at, p, end))
			return true;
	return false;
}

static void add_values(struct signature_match *to, const struct signature_match *from)
{
	for (size_t i = 0; i < from->num_values && to->num_values < SIGNATURE_VALUES; i++) {
		size_t k = 0;

		while (k < to->num_values && strcmp(to->values[k].name, from->values[i].name))
			k++;
		if (k == to->num_values)
			to->values[to->num_values++] = from->values[i];
	}
}

/* Its place is that of the first pattern that is there; values come from all. */
static bool find_signature(struct line *l, size_t first, const struct signature *s, struct signature_match *found)
{
	size_t at, end;
	bool any = false;

	*found = (struct signature_match){.signature = s, .further = true};
	for (size_t i = 0; s->patterns[i]; i++) {
		char sort = s->patterns[i][0];
		bool further = sort == '+', value = sort == '=';

		if ((value && !any) || !find_pattern(l, first, s->patterns[i] + (further || value), &at, &end))
			continue;
		add_values(found, l->m);
		if (value)
			continue;
		found->further = found->further && further;
		if (any)
			continue;
		any = true;
		found->at = at;
		found->len = end - at;
	}
	return any;
}

size_t signatures__find(const char *line, size_t len, struct signature_match *out, size_t max)
{
	struct signature_match scratch, m;
	struct line l = {.s = line, .len = len < LINE_MAX_BYTES ? len : LINE_MAX_BYTES, .m = &scratch};
	size_t first = 0, n = 0;

	while (l.len && (is_blank(line[l.len - 1]) || line[l.len - 1] == '\r' || line[l.len - 1] == '\n'))
		l.len--;
	while (first < l.len && is_blank(line[first]))
		first++;
	for (size_t i = 0; i < num_signatures; i++) {
		if ((signatures[i].fallback && n) || !find_signature(&l, first, &signatures[i], &m))
			continue;
		if (n < max)
			out[n] = m;
		n++;
	}
	return n;
}

/* ---- what a person types ---- */

/* Behind these a decimal number is a code; a hexadecimal one always is. */
static const char *const code_words[] = {"code", "status", "error", "errno", "err", "returned", "result", "rc"};

/* Lower case, one blank for any run of what is no letter or digit; none at the ends. */
static size_t plain(const char *s, size_t len, char *to, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < len && n + 1 < size; i++) {
		bool letter = is_word(s[i]) && s[i] != '_';

		if (letter)
			to[n++] = lower(s[i]);
		else if (n && to[n - 1] != ' ')
			to[n++] = ' ';
	}
	while (n && to[n - 1] == ' ')
		n--;
	to[n] = 0;
	return n;
}

static bool is_code_word(const char *word, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(code_words); i++)
		if (strlen(code_words[i]) == len && !memcmp(code_words[i], word, len))
			return true;
	return false;
}

/* "code: 0x29", "status 41": the first number that is a message by itself. */
static size_t find_code(const char *line, const char *text, struct signature_match *out, size_t max)
{
	const char *before = "";
	size_t before_len = 0, n = 0;

	for (size_t len; *text && !n; text += len + (text[len] == ' ')) {
		bool hex = text[0] == '0' && text[1] == 'x';

		len = strcspn(text, " ");
		if (hex || (text[0] >= '0' && text[0] <= '9' && is_code_word(before, before_len)))
			n = signatures__find(text, len, out, max);
		before = text;
		before_len = len;
	}
	/* They would point into a copy. */
	for (size_t i = 0; i < n && i < max; i++) {
		out[i].num_values = 0;
		out[i].at = 0;
		out[i].len = strlen(line);
	}
	return n;
}

/* Whole words of a pattern. */
static bool is_part_of(const char *text, size_t len, const char *pattern)
{
	char room[512];
	size_t n = plain(pattern, strlen(pattern), room, sizeof(room));

	for (const char *at = room; (at = strstr(at, text)); at++)
		if ((at == room || at[-1] == ' ') && (at + len == room + n || at[len] == ' '))
			return true;
	return false;
}

/* "aperture violation", "incorrect params": words that few messages have. */
static size_t find_part(const char *text, struct signature_match *out, size_t max)
{
	enum { LEAST = 10, FEW = 4 }; /* letters; messages */
	size_t len = strlen(text), n = 0;

	if (len < LEAST)
		return 0;
	for (size_t i = 0; i < num_signatures; i++) {
		const struct signature *s = &signatures[i];
		bool found = false;

		for (size_t k = 0; s->patterns[k] && !found; k++)
			found = s->patterns[k][0] != '=' && is_part_of(text, len, s->patterns[k]);
		if (!found || s->fallback)
			continue;
		if (n < max)
			out[n] = (struct signature_match){.signature = s, .len = len};
		n++;
	}
	return n <= FEW ? n : 0;
}

size_t signatures__guess(const char *line, struct signature_match *out, size_t max)
{
	const char *behind = strrchr(line, ':');
	char text[512];
	size_t n;

	plain(line, strlen(line), text, sizeof(text));
	n = find_code(line, text, out, max);
	if (!n)
		n = find_part(text, out, max);
	if (!n && behind) {
		plain(behind, strlen(behind), text, sizeof(text));
		n = find_part(text, out, max);
	}
	return n;
}

/* ---- what the values say ---- */

static bool explain_status(uint64_t v, struct buf *b)
{
	if (!v) {
		buf__puts(b, "nothing: the register was read or cleared before; it is not that of this fault");
		return true;
	}
	print_value(b, PRINT_GCVM_L2_STATUS, v, false);
	return true;
}

static bool explain_hsa(uint64_t v, struct buf *b)
{
	const char *name = hsa_status_name(v);

	buf__puts(b, name ? name : "no status of HSA's");
	return true;
}

static bool explain_address(uint64_t v, struct buf *b)
{
	if (v < 4096)
		buf__puts(b, "in the first page: a null pointer, or one with a small offset");
	else if (v - CAPS_LDS_BASE < CAPS_APERTURE_BYTES)
		buf__puts(b, "in the aperture of the LDS, not in memory");
	else if (v - CAPS_SCRATCH_BASE < CAPS_APERTURE_BYTES)
		buf__puts(b, "in the aperture of scratch, not in memory");
	else if (v >= CAPS_GPUVM_END)
		buf__puts(b, "beyond what a process's page tables can map: the upper half of the pointer is garbage, "
			     "or it is the driver's own");
	else
		return false;
	return true;
}

/* hip_runtime_api.h, hipError_t. */
static bool explain_hip(uint64_t v, struct buf *b)
{
	static const struct name errors[] = {{1, "hipErrorInvalidValue"},
					     {2, "hipErrorOutOfMemory"},
					     {98, "hipErrorInvalidDeviceFunction"},
					     {100, "hipErrorNoDevice"},
					     {101, "hipErrorInvalidDevice"},
					     {200, "hipErrorInvalidImage"},
					     {209, "hipErrorNoBinaryForGpu"},
					     {302, "hipErrorSharedObjectSymbolNotFound"},
					     {303, "hipErrorSharedObjectInitFailed"},
					     {700, "hipErrorIllegalAddress"},
					     {701, "hipErrorLaunchOutOfResources"},
					     {702, "hipErrorLaunchTimeOut"},
					     {710, "hipErrorAssert"},
					     {719, "hipErrorLaunchFailure"},
					     {999, "hipErrorUnknown"},
					     {0, NULL}};
	const char *name = names__find(errors, v);

	if (name)
		buf__puts(b, name);
	return name;
}

/* SQ_INTERRUPT_WORD_ERROR's type, of gfx9 and gfx10 alike. */
static bool explain_sq_error(uint64_t v, struct buf *b)
{
	iv_print_error(b, (unsigned int)v);
	return true;
}

/* KFD gives processes VMIDs from 8 on; below are graphics and the driver's own (amdgpu_amdkfd.c). */
static bool explain_vmid(uint64_t v, struct buf *b)
{
	if (v > 15)
		return false;
	buf__puts(b, v >= 8 ? "a compute process's (KFD)" : v ? "of graphics (DRM), not of ROCm" : "the driver's own");
	return true;
}

static const struct {
	const char *name;
	bool (*explain)(uint64_t v, struct buf *b);
} explained[] = {
	{"status", explain_status}, {"hsa_status", explain_hsa},    {"address", explain_address},
	{"hip_error", explain_hip}, {"sq_error", explain_sq_error}, {"vmid", explain_vmid},
};

bool signature_value__explain(const char *name, uint64_t number, struct buf *b)
{
	for (size_t i = 0; i < ARRAY_SIZE(explained); i++)
		if (!strcmp(explained[i].name, name))
			return explained[i].explain(number, b);
	return false;
}

/* ---- sums ---- */

/* A NUL in it becomes a blank. */
static char *copy_of(const char *s, size_t len)
{
	char *copy = xcalloc(len + 1, 1);

	for (size_t i = 0; i < len; i++)
		copy[i] = s[i] ? s[i] : ' ';
	return copy;
}

static bool same_value(const struct signature_sum_value *a, const struct signature_value *b)
{
	return !strcmp(a->name, b->name) && strlen(a->text) == b->len && !memcmp(a->text, b->text, b->len);
}

static void add_value(struct signature_sum *s, const struct signature_value *v)
{
	struct signature_sum_value *to;
	unsigned int named = 0;

	for (size_t i = 0; i < s->values.n; i++) {
		if (same_value(&s->values.v[i], v)) {
			s->values.v[i].count++;
			return;
		}
		named += !strcmp(s->values.v[i].name, v->name);
	}
	if (named >= SIGNATURE_DISTINCT) {
		s->more_values++;
		return;
	}
	to = VEC_PUSH(&s->values);
	memcpy(to->name, v->name, sizeof(to->name));
	to->is_number = v->is_number;
	to->number = v->number;
	to->count = 1;
	to->text = copy_of(v->text, v->len);
}

static struct signature_sum *sum_of(struct signature_sums *s, const struct signature *signature)
{
	for (size_t i = 0; i < s->list.n; i++)
		if (s->list.v[i].signature == signature)
			return &s->list.v[i];
	VEC_PUSH(&s->list)->signature = signature;
	return &s->list.v[s->list.n - 1];
}

static void add_found(struct signature_sums *s, const char *line, size_t len, const struct signature_match *found,
		      size_t n)
{
	s->lines++;
	for (size_t i = 0; i < n; i++) {
		struct signature_sum *sum = sum_of(s, found[i].signature);

		/* A further line belongs to the message before it, if there was one. */
		sum->count += !found[i].further || !sum->count;
		sum->lines++;
		if (!sum->first) {
			sum->first_line = s->lines;
			sum->first = copy_of(line, len < 512 ? len : 512);
		}
		for (size_t k = 0; k < found[i].num_values; k++)
			add_value(sum, &found[i].values[k]);
	}
}

void signatures__add(struct signature_sums *s, const char *line, size_t len)
{
	struct signature_match found[MAX_FOUND];
	size_t n = signatures__find(line, len, found, MAX_FOUND);

	add_found(s, line, len, found, n < MAX_FOUND ? n : MAX_FOUND);
}

void signatures__add_guess(struct signature_sums *s, const char *line)
{
	struct signature_match found[MAX_FOUND];
	size_t n = signatures__guess(line, found, MAX_FOUND);

	add_found(s, line, strlen(line), found, n < MAX_FOUND ? n : MAX_FOUND);
}

void signature_sums__free(struct signature_sums *s)
{
	for (size_t i = 0; i < s->list.n; i++) {
		for (size_t k = 0; k < s->list.v[i].values.n; k++)
			free(s->list.v[i].values.v[k].text);
		free(s->list.v[i].values.v);
		free(s->list.v[i].first);
	}
	free(s->list.v);
	memset(s, 0, sizeof(*s));
}
