// SPDX-License-Identifier: MIT
#include "policy.h"

#include "queue.h"
#include "../isa/verdict.h"
#include "../quarantine/quarantine.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MAX_RULES = 64, MAX_ENTRIES = 4096 };

static struct policy_rule *rules; /* MAX_RULES */
static uint32_t num_rules;
static struct quarantine_entry *entries;
static uint32_t num_entries;
static char quarantine[4096];
static const char *quarantine_fault;

/* ---- rules of --replace ---- */

static bool is_hex(const char *s, size_t len)
{
	return strspn(s, "0123456789abcdef") >= len;
}

/* "FILE.co" or "FILE.co:SYMBOL"; a file whose own name has a colon is looked for first. */
static const char *take_file(struct policy_rule *r, const char *target)
{
	const char *colon = strrchr(target, ':');
	size_t len = strlen(target);

	if (access(target, R_OK) && colon && !strchr(colon, '/')) {
		snprintf(r->symbol, sizeof(r->symbol), "%s", colon + 1);
		len = (size_t)(colon - target);
	}
	if (len >= sizeof(r->file))
		return "the file's name is too long";
	memcpy(r->file, target, len);
	r->file[len] = 0;
	r->action = STEER_ACTION_file;
	return access(r->file, R_OK) ? "the file cannot be read" : NULL;
}

static const char *take_target(struct policy_rule *r, const char *target)
{
	static const struct {
		const char *name;
		uint16_t action;
	} words[] = {{"native", STEER_ACTION_native},
		     {"host", STEER_ACTION_host},
		     {"off", STEER_ACTION_none}};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcmp(target, words[i].name)) {
			r->action = words[i].action;
			return NULL;
		}
	return *target ? take_file(r, target)
		       : "behind = stands FILE.co[:SYMBOL], native, host or off";
}

static const char *take_rule(struct policy_rule *r, const char *text)
{
	static const char sha[] = "sha256:";
	const char *eq = strchr(text, '='), *pattern = text;

	if (!eq || eq == text)
		return "it is no PATTERN=TARGET";
	if (!strncmp(text, sha, sizeof(sha) - 1)) {
		pattern += sizeof(sha) - 1;
		r->by_code = true;
		if (eq - pattern < 8 || eq - pattern > 64 ||
		    !is_hex(pattern, (size_t)(eq - pattern)))
			return "behind sha256: stand 8 to 64 hexadecimal digits, in lower case";
	}
	if ((size_t)(eq - pattern) >= sizeof(r->pattern))
		return "the pattern is too long";
	memcpy(r->pattern, pattern, (size_t)(eq - pattern));
	return take_target(r, eq + 1);
}

/* options.replace: one rule to a line. */
static void read_rules(void)
{
	char *line = agent.options.replace, *next;

	for (; *line; line = next) {
		struct policy_rule *r = &rules[num_rules];

		next = line + strcspn(line, "\n");
		if (*next)
			*next++ = 0;
		if (num_rules == MAX_RULES) {
			agent_say("more than %d rules of replace=: %s and the rest are ignored",
				  MAX_RULES, line);
			return;
		}
		r->asked = line;
		r->number = ++num_rules;
		r->fault = take_rule(r, line);
		if (r->fault)
			agent_say("replace=%s: %s; the rule is ignored", line, r->fault);
	}
}

/* ---- the quarantine ---- */

static int keep_entry(const struct quarantine_entry *e, uint32_t number, void *unused)
{
	(void)number;
	(void)unused;
	/* What the emulated device met says nothing of a card, and the other way round. */
	if (e->emulated != agent_emulated() || num_entries == MAX_ENTRIES)
		return 0;
	entries[num_entries++] = *e;
	return 0;
}

static void read_quarantine(void)
{
	const char *path = policy_quarantine();
	uint32_t damaged = 0;
	int err;

	if (agent.options.fallback != FALLBACK_AUTO)
		return;
	if (!path) {
		quarantine_fault = "there is no quarantine: it is off, or no place for it is known (HOME, "
				   "XDG_STATE_HOME, quarantine=FILE)";
		agent_say("fallback=auto avoids nothing: %s", quarantine_fault);
		return;
	}
	entries = calloc(MAX_ENTRIES, sizeof(*entries));
	err = entries ? quarantine__each(path, keep_entry, NULL, &damaged) : -ENOMEM;
	if (err) {
		quarantine_fault = "it cannot be read";
		agent_say("the quarantine %s cannot be read: %s; nothing is avoided", path,
			  strerror(-err));
	} else if (damaged) {
		agent_say(
			"the quarantine %s has %u lines that cannot be read: they are passed over "
			"(rdna1-trace quarantine list shows the others)",
			path, damaged);
	}
}

const char *policy_quarantine(void)
{
	if (!strcmp(agent.options.quarantine, "off"))
		return NULL;
	if (!quarantine[0] &&
	    quarantine__path(agent.options.quarantine, quarantine, sizeof(quarantine)))
		quarantine[0] = 0;
	return quarantine[0] ? quarantine : NULL;
}

static bool entry_is_for(const struct quarantine_entry *e, const struct subject *s)
{
	/* A convolution, whatever computes it: as far as we can tell what does. */
	if (!e->kernel[0] && !e->code[0] && (!e->problem[0] || !s->family))
		return false;
	return (!e->kernel[0] || !fnmatch(e->kernel, s->name, 0)) &&
	       (!e->code[0] || !strcmp(e->code, s->code)) &&
	       (!e->gpu[0] || !strcmp(e->gpu, s->chip));
}

static void entry_text(const struct quarantine_entry *e, char *out, size_t size)
{
	char when[32] = "";
	struct tm tm;
	time_t last = (time_t)e->last_s;

	if (last && gmtime_r(&last, &tm))
		strftime(when, sizeof(when), ", last %Y-%m-%dT%H:%M:%SZ", &tm);
	snprintf(out, size, "%s%s, %u time%s%s", quarantine__what_name(e->what),
		 e->suspect ? " (one of several suspects)" : "", e->count, e->count == 1 ? "" : "s",
		 when);
}

/* Of several, one that says all, or that says the host, decides. */
static void add_entry(const struct quarantine_entry *e, uint32_t number, struct wanted *w)
{
	const bool host = e->avoid == QUARANTINE_HOST,
		   all = !e->problem[0] || w->num_problems == MOST_PROBLEMS;

	if (!w->action || host) {
		w->action = host ? STEER_ACTION_host : STEER_ACTION_native;
		w->or_host = e->avoid == QUARANTINE_AUTO;
		w->rule = number;
		entry_text(e, w->reason, sizeof(w->reason));
	}
	w->why = STEER_WHY_quarantine;
	if (!all)
		memcpy(w->problems[w->num_problems++], e->problem, sizeof(e->problem));
}

static bool from_quarantine(const struct subject *s, struct wanted *w)
{
	bool all = false;

	for (uint32_t i = 0; i < num_entries; i++) {
		const struct quarantine_entry *e = &entries[i];

		if (e->avoid == QUARANTINE_LATE_FREE || !entry_is_for(e, s))
			continue;
		all |= !e->problem[0] || w->num_problems == MOST_PROBLEMS;
		add_entry(e, i + 1, w);
	}
	if (all)
		w->num_problems = 0;
	return w->action;
}

/* ---- all together ---- */

static bool from_rules(const struct subject *s, struct wanted *w)
{
	for (uint32_t i = 0; i < num_rules; i++) {
		const struct policy_rule *r = &rules[i];

		if (r->fault || (r->by_code ? strncmp(s->code, r->pattern, strlen(r->pattern))
					    : fnmatch(r->pattern, s->name, 0)))
			continue;
		w->action = r->action;
		w->why = STEER_WHY_rule;
		w->rule = r->number;
		w->file = r;
		snprintf(w->reason, sizeof(w->reason), "%s", r->asked);
		return true;
	}
	return false;
}

static bool from_verdict(const struct subject *s, struct wanted *w)
{
	char classes[128];

	if (!agent.options.replace_hazardous || !s->code[0] ||
	    verdict__find(s->code, s->name, classes, sizeof(classes)) != 1)
		return false;
	w->action = STEER_ACTION_native;
	w->or_host = true;
	w->why = STEER_WHY_hazard;
	snprintf(w->reason, sizeof(w->reason), "%s", classes);
	return true;
}

static bool from_fallback(const struct subject *s, struct wanted *w)
{
	if (!s->family ||
	    (agent.options.fallback != FALLBACK_NATIVE && agent.options.fallback != FALLBACK_HOST))
		return false;
	w->action =
		agent.options.fallback == FALLBACK_NATIVE ? STEER_ACTION_native : STEER_ACTION_host;
	w->why = STEER_WHY_fallback;
	snprintf(w->reason, sizeof(w->reason), "--fallback=%s",
		 agent.options.fallback == FALLBACK_NATIVE ? "native" : "host");
	return true;
}

void policy_for(const struct subject *s, struct wanted *w)
{
	memset(w, 0, sizeof(*w));
	if (!from_rules(s, w) && !from_quarantine(s, w) && !from_verdict(s, w))
		from_fallback(s, w);
}

/* ---- events ---- */

static void record(struct thread *t, uint16_t kind, uint16_t state, uint32_t rule,
		   const char *asked, const char *reason)
{
	const struct ev_policy e = {.kind = kind, .state = state, .rule = rule};
	const size_t asked_len = strlen(asked), reason_len = strlen(reason);
	uint8_t *at = fact_reserve(t, EV_policy,
				   sizeof(e) + (asked_len ?: 1) + 1 + (reason_len ?: 1) + 1);

	if (!at)
		return;
	memcpy(at, &e, sizeof(e));
	at = stream__put_text(at + sizeof(e), asked, asked_len);
	stream__put_text(at, reason, reason_len);
	fact_commit(t);
}

static void record_entry(struct thread *t, const struct quarantine_entry *e, uint32_t number)
{
	char text[300];

	entry_text(e, text, sizeof(text));
	record(t, POLICY_KIND_quarantine, POLICY_STATE_on, number,
	       e->kernel[0] ? e->kernel
	       : e->code[0] ? e->code
			    : e->problem,
	       text);
}

static const char *const fallbacks[] = {[FALLBACK_OFF] = "off",
					[FALLBACK_AUTO] = "auto",
					[FALLBACK_NATIVE] = "native",
					[FALLBACK_HOST] = "host"};

void policy_record(struct thread *t)
{
	for (uint32_t i = 0; i < num_rules; i++)
		record(t, POLICY_KIND_replace,
		       rules[i].fault ? POLICY_STATE_refused : POLICY_STATE_on, rules[i].number,
		       rules[i].asked, rules[i].fault ?: "");
	if (agent.options.replace_hazardous)
		record(t, POLICY_KIND_hazardous, POLICY_STATE_on, 1, "--replace-hazardous", "");
	if (agent.options.fallback != FALLBACK_OFF)
		record(t, POLICY_KIND_fallback,
		       quarantine_fault ? POLICY_STATE_impossible : POLICY_STATE_on, 1,
		       fallbacks[agent.options.fallback],
		       quarantine_fault						   ? quarantine_fault
		       : agent.options.fallback == FALLBACK_AUTO && !num_entries ? "the quarantine has nothing for this device"
										   : "");
	for (uint32_t i = 0; i < num_entries; i++)
		record_entry(t, &entries[i], i + 1);
}

void policy_fault(struct thread *t, const struct policy_rule *r, const char *reason)
{
	struct policy_rule *mine = &rules[r - rules];

	if (mine->fault)
		return;
	mine->fault = reason;
	agent_say("replace=%s: %s; the program runs as it would have", r->asked, reason);
	record(t, POLICY_KIND_replace, POLICY_STATE_refused, r->number, r->asked, reason);
}

/* ---- start ---- */

bool policy_read(void)
{
	static bool read;

	if (!read) {
		read = true;
		rules = agent.options.replace[0] ? calloc(MAX_RULES, sizeof(*rules)) : NULL;
		if (rules)
			read_rules();
		else if (agent.options.replace[0])
			agent_say("no memory for the rules of replace=: they are ignored");
		read_quarantine();
	}
	return num_rules || num_entries || agent.options.replace_hazardous ||
	       agent.options.fallback >= FALLBACK_NATIVE;
}

bool policy_may_host(void)
{
	for (uint32_t i = 0; i < num_rules; i++)
		if (rules[i].action == STEER_ACTION_host && !rules[i].fault)
			return true;
	/* Where there is no kernel of ours for it, or no chip it runs on. */
	return num_entries || agent.options.replace_hazardous ||
	       agent.options.fallback == FALLBACK_HOST;
}

bool policy_late_free(void)
{
	/* Who wants it to run at all costs is not helped by a kernel of ours that reads freed
	 * memory. */
	if (agent.options.fallback >= FALLBACK_NATIVE)
		return true;
	for (uint32_t i = 0; i < num_entries; i++)
		if (entries[i].avoid == QUARANTINE_LATE_FREE)
			return true;
	return false;
}
