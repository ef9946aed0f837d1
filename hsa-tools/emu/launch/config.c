// SPDX-License-Identifier: MIT
/* What stands behind --emulate=. */
#include "launch.h"
#include "../../../usr/caps/caps.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct emu_config emu_config__default(void)
{
	return (struct emu_config){.num_cards = 1, .kfd_minor = EMU_KFD_MINOR_MIN};
}

struct parser {
	struct emu_config *c;
	bool named;   /* a card was named: the next one is another */
	bool counted; /* a number came: no card may follow */
	bool kfd;     /* a version came */
	char *error;
	size_t size;
};

static int wrong(struct parser *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static int wrong(struct parser *p, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(p->error, p->size, fmt, ap);
	va_end(ap);
	return -1;
}

static bool number(const char *text, uint32_t min, uint32_t max, uint32_t *out)
{
	char *end;
	unsigned long v = strtoul(text, &end, 10);

	if (text[0] < '1' || text[0] > '9' || *end || v < min || v > max)
		return false;
	*out = (uint32_t)v;
	return true;
}

static int card(struct parser *p, const char *word)
{
	struct emu_config *c = p->c;

	for (uint32_t i = 0; i < CAPS_NUM_CARDS; i++) {
		if (strcmp(word, caps_cards[i].gfx))
			continue;
		if (p->counted)
			return wrong(p, "%s: cards are named before their number", word);
		if (!p->named)
			c->num_cards = 0;
		p->named = true;
		if (c->num_cards == EMU_MAX_CARDS)
			return wrong(p, "at most %d cards", EMU_MAX_CARDS);
		c->cards[c->num_cards++] = i;
		return 0;
	}
	return wrong(p, "no such card: %s (gfx1010, gfx1011, gfx1012, gfx1030)", word);
}

/* "2": so many of the last card. */
static int count(struct parser *p, const char *word)
{
	struct emu_config *c = p->c;
	uint32_t n, last = c->cards[c->num_cards - 1];

	if (!number(word, 1, EMU_MAX_CARDS, &n))
		return wrong(p, "%s: 1 to %d cards are possible", word, EMU_MAX_CARDS);
	if (p->counted)
		return wrong(p, "%s: the number of cards stands there already", word);
	if (n < c->num_cards)
		return wrong(p, "%s: but %u cards are named; leave names out or the number", word,
			     c->num_cards);
	p->counted = true;
	while (c->num_cards < n)
		c->cards[c->num_cards++] = last;
	return 0;
}

static int kfd(struct parser *p, const char *version)
{
	if (p->kfd)
		return wrong(p, "kfd:%s: a KFD version stands there already", version);
	p->kfd = true;
	if (strncmp(version, "1.", 2) ||
	    !number(version + 2, EMU_KFD_MINOR_MIN, EMU_KFD_MINOR_MAX, &p->c->kfd_minor))
		return wrong(p, "KFD versions go from kfd:1.%d to kfd:1.%d", EMU_KFD_MINOR_MIN,
			     EMU_KFD_MINOR_MAX);
	return 0;
}

static int fault(struct parser *p, const char *what)
{
	static const char *const kinds[] = {
#define X(name, text) [EMU_INJECT_##name] = #name,
		EMU_INJECTIONS(X)
#undef X
	};
	struct emu_config *c = p->c;
	const char *at = strchr(what, '@');
	struct emu_injection *to = &c->injections[c->num_injections];

	if (c->num_injections == EMU_MAX_INJECTIONS)
		return wrong(p, "at most %d faults", EMU_MAX_INJECTIONS);
	if (!at)
		return wrong(p, "fault:%s: say at which dispatch, fault:%s@1 for the first", what, what);
	if (!number(at + 1, 1, UINT32_MAX, &to->dispatch))
		return wrong(p, "fault:%s: the dispatch is a number from 1 to %u", what, UINT32_MAX);
	for (uint32_t i = 0; i < c->num_injections; i++)
		if (c->injections[i].dispatch == to->dispatch)
			return wrong(p, "fault:%s: dispatch %u has a fault already", what, to->dispatch);
	for (uint32_t k = 1; k < sizeof(kinds) / sizeof(kinds[0]); k++)
		if (strlen(kinds[k]) == (size_t)(at - what) && !strncmp(kinds[k], what, strlen(kinds[k]))) {
			to->kind = k;
			c->num_injections++;
			return 0;
		}
	return wrong(p, "no such fault: '%.*s' (hang, page, permission, aperture, illegal, trap, reset)",
		     (int)(at - what), what);
}

static int word(struct parser *p, const char *w)
{
	if (!strncmp(w, "gfx", 3))
		return card(p, w);
	if (w[0] >= '0' && w[0] <= '9')
		return count(p, w);
	if (!strncmp(w, "kfd:", 4))
		return kfd(p, w + 4);
	if (!strncmp(w, "fault:", 6))
		return fault(p, w + 6);
	if (!strcmp(w, "list"))
		return wrong(p, "list stands alone: --emulate=list");
	if (!strcmp(w, "svm"))
		p->c->svm = 1;
	else if (!strcmp(w, "large-bar"))
		p->c->large_bar = 1;
	else if (!strcmp(w, "ipc"))
		p->c->ipc = 1;
	else
		return wrong(p, "'%s' is none of gfxNNNN, a number of cards, svm, large-bar, ipc, kfd:1.N, "
				"fault:KIND@N, list", w);
	return 0;
}

int emu_config__parse(struct emu_config *c, const char *spec, char *error, size_t size)
{
	struct parser p = {.c = c, .error = error, .size = size};
	char *copy = strdup(spec), *save, *w;
	int err = 0;

	if (!copy)
		return wrong(&p, "out of memory");
	if (!spec[strspn(spec, ",")])
		err = wrong(&p, "nothing stands behind the =");
	for (w = strtok_r(copy, ",", &save); w && !err; w = strtok_r(NULL, ",", &save))
		err = word(&p, w);
	free(copy);
	return err;
}

void emu_config__name(const struct emu_config *c, char *out, size_t size)
{
	size_t n = 0;

	out[0] = 0;
	for (uint32_t i = 0, same; i < c->num_cards && n < size; i += same) {
		for (same = 1; i + same < c->num_cards && c->cards[i + same] == c->cards[i];)
			same++;
		n += (size_t)snprintf(out + n, size - n, "%s", i ? ", " : "");
		if (same > 1 && n < size)
			n += (size_t)snprintf(out + n, size - n, "%u x ", same);
		if (n < size)
			n += (size_t)snprintf(out + n, size - n, "%s", caps_cards[c->cards[i]].name);
	}
}
