// SPDX-License-Identifier: MIT
/*
 * RDNA1_TRACE_OPTIONS: key=value separated by spaces. As in HSA_TOOLS_LIB, a part in double quotes
 * keeps its spaces and \ keeps the next character.
 */
#include "options.h"

#include "agent.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WATCHDOG_MS 10000u
#define WATCHDOG_MAX_S 1000000ul

/* ---- values ---- */

static bool take_dir(struct options *o, const char *value)
{
	snprintf(o->dir, sizeof(o->dir), "%s", value);
	return value[0];
}

static bool take_buffer(struct options *o, const char *value)
{
	ev_u64 bytes;

	if (!stream_limit__parse(value, &bytes))
		return false;
	o->buffer_bytes = bytes;
	return true;
}

static bool take_callsite(struct options *o, const char *value)
{
	o->callsite = !strcmp(value, "on");
	return o->callsite || !strcmp(value, "off");
}

static bool take_dispatch(struct options *o, const char *value)
{
	o->intercept = !strcmp(value, "intercept");
	return o->intercept || !strcmp(value, "doorbell");
}

/* Digits alone, at most max. */
static bool number(const char *text, unsigned long max, unsigned long *n)
{
	char *end;

	if (text[0] < '0' || text[0] > '9')
		return false;
	*n = strtoul(text, &end, 10);
	return !*end && *n <= max;
}

static bool take_timing(struct options *o, const char *value)
{
	unsigned long n = 0;

	o->timing_every = 0;
	if (!strcmp(value, "all"))
		o->timing_every = 1;
	else if (!strncmp(value, "sampled:", 8) && number(value + 8, UINT32_MAX, &n) && n)
		o->timing_every = (uint32_t)n;
	else
		return !strcmp(value, "off");
	return true;
}

static bool take_code(struct options *o, const char *value)
{
	static const char *const names[] = {
		[CODE_USED] = "used", [CODE_ALL] = "all", [CODE_OFF] = "off"};

	for (int i = 0; i < 3; i++)
		if (!strcmp(value, names[i])) {
			o->code = (enum code_choice)i;
			return true;
		}
	return false;
}

static bool take_watchdog(struct options *o, const char *value)
{
	unsigned long s;

	if (!number(value, WATCHDOG_MAX_S, &s))
		return false;
	o->watchdog_ms = (uint32_t)(s * 1000);
	return true;
}

static bool take_on_hang(struct options *o, const char *value)
{
	unsigned long n;

	o->on_hang_given = true;
	if (!strcmp(value, "report")) {
		o->on_hang = ON_HANG_REPORT;
	} else if (!strcmp(value, "abort")) {
		o->on_hang = ON_HANG_ABORT;
	} else if (!strncmp(value, "signal:", 7) && number(value + 7, 64, &n) && n) {
		o->on_hang = ON_HANG_SIGNAL;
		o->on_hang_signal = (int)n;
	} else {
		return false;
	}
	return true;
}

/* May be given several times. */
static bool take_replace(struct options *o, const char *value)
{
	const size_t have = strlen(o->replace), len = strlen(value);

	if (!strchr(value, '=') || strchr(value, '\n') || have + len + 2 > sizeof(o->replace))
		return false;
	snprintf(o->replace + have, sizeof(o->replace) - have, "%s%s", have ? "\n" : "", value);
	return true;
}

static bool take_hazardous(struct options *o, const char *value)
{
	o->replace_hazardous = !strcmp(value, "on");
	return o->replace_hazardous || !strcmp(value, "off");
}

static bool take_fallback(struct options *o, const char *value)
{
	static const char *const names[] = {[FALLBACK_OFF] = "off",
					    [FALLBACK_AUTO] = "auto",
					    [FALLBACK_NATIVE] = "native",
					    [FALLBACK_HOST] = "host"};

	for (int i = 0; i < 4; i++)
		if (!strcmp(value, names[i])) {
			o->fallback = (enum fallback_choice)i;
			return true;
		}
	return false;
}

static bool take_quarantine(struct options *o, const char *value)
{
	return (size_t)snprintf(o->quarantine, sizeof(o->quarantine), "%s", value) <
		       sizeof(o->quarantine) &&
	       value[0];
}

static bool take_scanner(struct options *o, const char *value)
{
	return (size_t)snprintf(o->scanner, sizeof(o->scanner), "%s", value) < sizeof(o->scanner);
}

/* What is wrong is said here: it is of one rule among several. */
static bool take_override(struct options *o, const char *value)
{
	if (override_rules__parse(&o->override, value, o->override_refused,
				  sizeof(o->override_refused))) {
		o->override_refused[0] = 0;
		o->callsite |= override_rules__from(&o->override);
		return true;
	}
	o->override.n = 0;
	snprintf(o->override_text, sizeof(o->override_text), "%s", value);
	agent_say("RDNA1_TRACE_OPTIONS: no allocation is overridden: %s", o->override_refused);
	return true;
}

static bool take_late_free(struct options *o, const char *value)
{
	return override_rules__size(value, NULL, &o->late_free_bytes) && o->late_free_bytes;
}

static const struct {
	const char *name, *wants;
	bool (*take)(struct options *o, const char *value);
} known[] = {
	{"dir", "DIR", take_dir},
	{"buffer", "64K..64G", take_buffer},
	{"callsite", "on|off", take_callsite},
	{"code-objects", "used|all|off", take_code},
	{"dispatch", "doorbell|intercept", take_dispatch},
	{"fallback", "off|auto|native|host", take_fallback},
	{"late-free", "SIZE", take_late_free},
	{"on-hang", "report|abort|signal:N", take_on_hang},
	{"override", "RULE[,RULE...]", take_override},
	{"quarantine", "FILE|off", take_quarantine},
	{"replace", "PATTERN=TARGET", take_replace},
	{"replace-hazardous", "on|off", take_hazardous},
	{"scanner", "COMMAND", take_scanner},
	{"timing", "off|sampled:N|all", take_timing},
	{"watchdog", "SECONDS", take_watchdog},
};
#define NUM_KNOWN (sizeof(known) / sizeof(known[0]))

/* ---- words ---- */

/* Names of unknown keys, " a b", each once. */
struct unknown {
	char names[256];
	size_t len;
};

static void add_unknown(struct unknown *u, const char *name, size_t len)
{
	for (const char *at = u->names; (at = strstr(at, name)); at++)
		if (at[-1] == ' ' && (at[len] == ' ' || !at[len]))
			return;
	if (u->len + len + 2 > sizeof(u->names))
		return;
	u->names[u->len] = ' ';
	memcpy(u->names + u->len + 1, name, len);
	u->len += len + 1;
	u->names[u->len] = 0;
}

static void say_unknown(const struct unknown *u)
{
	char list[640] = "";
	size_t n = 0;

	for (size_t i = 0; i < NUM_KNOWN && n < sizeof(list); i++)
		n += (size_t)snprintf(list + n, sizeof(list) - n, "%s%s=%s", i ? ", " : "",
				      known[i].name, known[i].wants);
	agent_say("unknown in RDNA1_TRACE_OPTIONS, ignored:%s (known: %s)", u->names, list);
}

static void take(struct options *o, char *word, struct unknown *u)
{
	char *eq = strchr(word, '=');
	size_t len = eq ? (size_t)(eq - word) : strlen(word);
	struct options before = *o;

	word[len] = 0;
	for (size_t i = 0; i < NUM_KNOWN; i++) {
		if (strcmp(word, known[i].name))
			continue;
		if (eq && known[i].take(o, eq + 1))
			return;
		*o = before;
		agent_say("RDNA1_TRACE_OPTIONS: %s=%.64s is not understood, ignored (%s=%s)", word,
			  eq ? eq + 1 : "", word, known[i].wants);
		return;
	}
	if (len)
		add_unknown(u, word, len);
}

void options_parse(struct options *o, const char *text)
{
	char word[sizeof(o->dir) + 8];
	struct unknown unknown = {0};
	size_t n = 0;
	bool quoted = false, any = false;
	char c = 0;

	memset(o, 0, sizeof(*o));
	o->watchdog_ms = WATCHDOG_MS;
	for (; text; text++) {
		c = *text;

		if (!c || (c == ' ' && !quoted)) {
			word[n] = 0;
			if (any)
				take(o, word, &unknown);
			n = 0;
			any = false;
			if (!c)
				break;
			continue;
		}
		any = true;
		if (c == '"') {
			quoted = !quoted;
			continue;
		}
		if (c == '\\' && text[1])
			c = *++text;
		if (n + 1 < sizeof(word))
			word[n++] = c;
	}
	if (unknown.len)
		say_unknown(&unknown);
}
