// SPDX-License-Identifier: MIT
/* Reading the rules of an allocation override. */
#include "override_rules.h"

#include <stdio.h>
#include <string.h>

static const char grammar[] =
	"a rule is SELECTOR[+SELECTOR...]:TARGET; selectors: vram, system, fine, "
	"coarse, >=SIZE, <SIZE, SIZE-SIZE, from=GLOB, nth=N, nth=N-, nth=N-M; "
	"targets: coarse, fine, uncached, leave";

/* Digits up to end, as a number that fits. */
static bool number(const char *s, const char *end, uint64_t *n)
{
	if (s == end)
		return false;
	for (*n = 0; s < end; s++)
		if (*s < '0' || *s > '9' || __builtin_mul_overflow(*n, 10, n) ||
		    __builtin_add_overflow(*n, (uint64_t)(*s - '0'), n))
			return false;
	return true;
}

bool override_rules__size(const char *text, const char *end, uint64_t *bytes)
{
	static const char units[] = "KMG";
	const char *unit;

	if (!end)
		end = text + strlen(text);
	if (text == end)
		return false;
	unit = strchr(units, end[-1]);
	if (!unit)
		return number(text, end, bytes);
	return number(text, end - 1, bytes) &&
	       !__builtin_mul_overflow(*bytes, 1ull << 10 * (unit - units + 1), bytes);
}

/* ---- selectors ---- */

static bool take_size(struct override_rule *r, const char *s, const char *end)
{
	const char *dash = memchr(s, '-', (size_t)(end - s));

	if (end - s > 2 && !strncmp(s, ">=", 2))
		return override_rules__size(s + 2, end, &r->min_bytes);
	if (*s == '<')
		return override_rules__size(s + 1, end, &r->max_bytes) && r->max_bytes--;
	return dash && override_rules__size(s, dash, &r->min_bytes) &&
	       override_rules__size(dash + 1, end, &r->max_bytes) && r->min_bytes <= r->max_bytes;
}

static bool take_nth(struct override_rule *r, const char *s, const char *end)
{
	const char *dash = memchr(s, '-', (size_t)(end - s));

	if (!number(s, dash ? dash : end, &r->first) || !r->first)
		return false;
	r->last = r->first;
	if (dash && dash + 1 == end)
		r->last = UINT64_MAX;
	else if (dash && !number(dash + 1, end, &r->last))
		return false;
	return r->first <= r->last;
}

static bool take_from(struct override_rule *r, const char *s, const char *end)
{
	size_t len = (size_t)(end - s);

	if (!len || len >= sizeof(r->from))
		return false;
	memcpy(r->from, s, len);
	r->from[len] = 0;
	return true;
}

static bool is(const char *s, const char *end, const char *word)
{
	return (size_t)(end - s) == strlen(word) && !strncmp(s, word, (size_t)(end - s));
}

static bool take_selector(struct override_rule *r, const char *s, const char *end)
{
	const struct {
		const char *word;
		bool *set;
	} words[] = {{"vram", &r->vram},
		     {"system", &r->system},
		     {"fine", &r->fine},
		     {"coarse", &r->coarse}};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (is(s, end, words[i].word))
			return *words[i].set = true;
	if (end - s > 4 && !strncmp(s, "nth=", 4))
		return take_nth(r, s + 4, end);
	if (end - s > 5 && !strncmp(s, "from=", 5))
		return take_from(r, s + 5, end);
	return s < end && take_size(r, s, end);
}

static bool take_target(struct override_rule *r, const char *s, const char *end)
{
	static const char *const names[] = {[OVERRIDE_COARSE] = "coarse",
					    [OVERRIDE_FINE] = "fine",
					    [OVERRIDE_UNCACHED] = "uncached",
					    [OVERRIDE_LEAVE] = "leave"};

	for (unsigned int i = OVERRIDE_COARSE; i <= OVERRIDE_LEAVE; i++)
		if (is(s, end, names[i])) {
			r->target = (enum override_target)i;
			return true;
		}
	return false;
}

/* ---- rules ---- */

/* The word that is wrong goes to [*bad, *bad_end); NULL: it contradicts itself. */
static bool take_rule(struct override_rule *r, const char *s, const char *end, const char **bad,
		      const char **bad_end)
{
	const char *colon = memrchr(s, ':', (size_t)(end - s)), *word, *plus;

	*bad = s;
	*bad_end = end;
	if (!colon)
		return false;
	for (word = s; word <= colon; word = plus + 1) {
		plus = memchr(word, '+', (size_t)(colon - word));
		plus = plus ? plus : colon;
		*bad = word;
		*bad_end = plus;
		if (!take_selector(r, word, plus))
			return false;
	}
	*bad = colon + 1;
	*bad_end = end;
	if (!take_target(r, colon + 1, end))
		return false;
	*bad = NULL;
	return !(r->vram && r->system) && !(r->fine && r->coarse) && r->min_bytes <= r->max_bytes;
}

bool override_rules__parse(struct override_rules *r, const char *text, char *error, size_t size)
{
	const char *bad, *bad_end, *end;

	memset(r, 0, sizeof(*r));
	for (;; text = end + 1) {
		struct override_rule *rule = &r->v[r->n];

		end = text + strcspn(text, ",");
		if (r->n == OVERRIDE_MOST) {
			snprintf(error, size, "more than %d rules", OVERRIDE_MOST);
			return false;
		}
		*rule = (struct override_rule){
			.max_bytes = UINT64_MAX, .first = 1, .last = UINT64_MAX};
		snprintf(rule->text, sizeof(rule->text), "%.*s", (int)(end - text), text);
		if (!take_rule(rule, text, end, &bad, &bad_end)) {
			if (bad)
				snprintf(error, size, "'%.*s' of '%s' is not known; %s",
					 (int)(bad_end - bad), bad, rule->text, grammar);
			else
				snprintf(error, size,
					 "'%s' matches nothing: no memory is both VRAM and system, "
					 "fine "
					 "and coarse, or of no size",
					 rule->text);
			return false;
		}
		r->n++;
		if (!*end)
			return true;
	}
}

bool override_rules__from(const struct override_rules *r)
{
	for (unsigned int i = 0; i < r->n; i++)
		if (r->v[i].from[0])
			return true;
	return false;
}

const struct override_rule *override_rules__wants_fine_vram(const struct override_rules *r)
{
	for (unsigned int i = 0; i < r->n; i++)
		if (r->v[i].target == OVERRIDE_FINE && !r->v[i].system)
			return &r->v[i];
	return NULL;
}
