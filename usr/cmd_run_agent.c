// SPDX-License-Identifier: MIT
/* What the agent is told: options that become words of RDNA1_TRACE_OPTIONS, and what has the runtime load it. */
#include "cmd_run.h"
#include "base/log.h"
#include "record/program.h"
#include "../hsa-tools/agent/override_rules.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The agent's key has the option's name. */
struct agent_option {
	const char *name;
	const char *values; /* words; the last N of one is a number from min to max */
	unsigned int min, max;
	const char *takes; /* the same for people */
	const char *(*wrong)(const char *value); /* instead of values, the default then; NULL: it is right */
};

static const char *wrong_rules(const char *value)
{
	static char error[512];
	struct override_rules rules;

	return override_rules__parse(&rules, value, error, sizeof(error)) ? NULL : error;
}

static const char *wrong_size(const char *value)
{
	uint64_t size;

	return override_rules__size(value, NULL, &size) && size ? NULL : "a size (64K, 256M, 2G)";
}

/* What can be told before the command runs; the file may have a colon in its name. */
static const char *wrong_replace(const char *value)
{
	static char error[512];
	const char *eq = strchr(value, '='), *target = eq ? eq + 1 : "", *colon = strrchr(target, ':');
	char *file;

	if (!eq || eq == value || !target[0] || strchr(value, '\n'))
		return "it is to be PATTERN=TARGET, a pattern of kernel names (or sha256:DIGITS) and FILE.co[:SYMBOL], native, host or off";
	if (!strcmp(target, "native") || !strcmp(target, "host") || !strcmp(target, "off") || !access(target, R_OK))
		return NULL;
	file = colon && !strchr(colon, '/') ? xasprintf("%.*s", (int)(colon - target), target) : xstrdup(target);
	snprintf(error, sizeof(error), "%s: %.400s (a target is FILE.co[:SYMBOL], native, host or off)", file, strerror(errno));
	if (!access(file, R_OK))
		error[0] = 0;
	free(file);
	return error[0] ? error : NULL;
}

static const char *wrong_quarantine(const char *value)
{
	return value[0] ? NULL : "FILE or off";
}

static const struct agent_option options[AGENT_OPTIONS] = {
	[AGENT_callsite] = {"callsite", "on", 0, 0, NULL, NULL},
	[AGENT_timing] = {"timing", "off sampled:N all", 1, 1000000000,
			  "off, sampled:N (one dispatch of N, N from 1 to 1000000000) or all", NULL},
	[AGENT_code_objects] = {"code-objects", "used all off", 0, 0, "used, all or off", NULL},
	[AGENT_watchdog] = {"watchdog", "N", 0, 86400, "seconds (0 to 86400; 0: no watchdog)", NULL},
	[AGENT_on_hang] = {"on-hang", "report abort signal:N", 1, 64,
			   "report, abort or signal:N (N from 1 to 64)", NULL},
	[AGENT_dispatch] = {"dispatch", "doorbell intercept", 0, 0, "doorbell or intercept", NULL},
	[AGENT_override] = {"override", .wrong = wrong_rules},
	[AGENT_late_free] = {"late-free", "256M", .wrong = wrong_size},
	[AGENT_fallback] = {"fallback", "off auto native host", 0, 0, "off, auto, native or host", NULL},
	[AGENT_replace] = {"replace", .wrong = wrong_replace},
	[AGENT_replace_hazardous] = {"replace-hazardous", "on", 0, 0, NULL, NULL},
	[AGENT_quarantine] = {"quarantine", .wrong = wrong_quarantine},
};

static bool is_value(const struct agent_option *o, const char *value)
{
	for (const char *word = o->values; *word; word += strspn(word, " ")) {
		size_t len = strcspn(word, " ");
		unsigned int n;

		if (word[len - 1] == 'N' && !strncmp(value, word, len - 1) &&
		    run__number(value + len - 1, o->max, &n) && n >= o->min)
			return true;
		if (strlen(value) == len && !strncmp(value, word, len) && word[len - 1] != 'N')
			return true;
		word += len;
	}
	return false;
}

/* The command may be elsewhere when its runtime starts. */
static const char *here(void)
{
	static char *cwd;

	if (!cwd)
		cwd = getcwd(NULL, 0);
	return cwd ?: ".";
}

/* Behind those there are, one to a line; files by their whole names. */
static char *add_rule(const char *before, const char *rule)
{
	const char *target = strchr(rule, '=') + 1;
	const bool is_file = strcmp(target, "native") && strcmp(target, "host") && strcmp(target, "off");

	return xasprintf("%s%s%.*s%s%s%s", before ?: "", before ? "\n" : "", (int)(target - rule), rule,
			 is_file && target[0] != '/' ? here() : "", is_file && target[0] != '/' ? "/" : "", target);
}

const char *run__agent_option(struct run *r, enum agent_key key, const char *value)
{
	if (!value)
		value = options[key].values;
	if (options[key].wrong && options[key].wrong(value))
		return options[key].wrong(value);
	if (!options[key].wrong && !is_value(&options[key], value))
		return options[key].takes;
	/* Rules of a second --override come behind those of the first. */
	if (key == AGENT_override && r->agent[key])
		value = xasprintf("%s,%s", r->agent[key], value);
	if (key == AGENT_replace)
		value = add_rule(r->agent[key], value);
	if (key == AGENT_quarantine && strcmp(value, "off") && value[0] != '/')
		value = xasprintf("%s/%s", here(), value);
	r->agent[key] = value;
	return NULL;
}

const char *run__agent_option_given(const struct run *r)
{
	for (unsigned int i = 0; i < AGENT_OPTIONS; i++)
		if (r->agent[i])
			return options[i].name;
	return NULL;
}

/* ---- words ---- */

/* A word for RDNA1_TRACE_OPTIONS and HSA_TOOLS_LIB: both read quotes and backslashes. */
static void quote(struct buf *b, const char *s)
{
	for (; *s; s++) {
		if (strchr(" \"\\", *s))
			buf__putc(b, '\\');
		buf__putc(b, *s);
	}
}

static void add_word(struct buf *b, const char *key, const char *value)
{
	buf__printf(b, "%s%s=", b->len ? " " : "", key);
	quote(b, value);
}

/* The next word, without its quotes, read as the agent does (hsa-tools/agent/options.c); false at the end. */
static bool next_word(const char **text, struct buf *word)
{
	const char *s = *text + strspn(*text, " ");
	bool quoted = false, any = *s;

	buf__reset(word);
	for (; *s && (quoted || *s != ' '); s++) {
		if (*s == '"') {
			quoted = !quoted;
			continue;
		}
		if (*s == '\\' && s[1])
			s++;
		buf__putc(word, *s);
	}
	*text = s;
	return any;
}

/* The value where word is "key=value". */
static const char *value_of(const char *word, const char *key)
{
	size_t len = strlen(key);

	return !strncmp(word, key, len) && word[len] == '=' ? word + len + 1 : NULL;
}

#define FINE_VRAM "HSA_FORCE_FINE_GRAIN_PCIE"

/* For the command, and for what the session says of its environment. */
static void add_variable(struct run *r, char *variable)
{
	size_t n = 0;
	char **env;

	while (r->sudo.env[n])
		n++;
	env = xcalloc(n + 2, sizeof(*env));
	memcpy(env, r->sudo.env, n * sizeof(*env));
	env[n] = variable;
	r->sudo.env = env;
}

/* Fine-grained VRAM is there only where the runtime was told so before it starts. */
static void ask_for_fine_vram(struct run *r, const char *text)
{
	const char *value = sudo__getenv(&r->sudo, FINE_VRAM);
	const struct override_rule *rule;
	struct override_rules rules;
	char error[8];

	if (!text || !override_rules__parse(&rules, text, error, sizeof(error)))
		return;
	rule = override_rules__wants_fine_vram(&rules);
	if (!rule || (value && !strcmp(value, "1")))
		return;
	if (value) {
		log_warn("--override %s: " FINE_VRAM " is set to '%s', so there is no fine-grained VRAM: unset it",
			 rule->text, value);
		return;
	}
	add_variable(r, FINE_VRAM "=1");
	log_info("--override %s: the command runs with " FINE_VRAM "=1, without which there is no fine-grained VRAM",
		 rule->text);
}

int run__check_agent_words(struct run *r)
{
	const char *text = sudo__getenv(&r->sudo, "RDNA1_TRACE_OPTIONS") ?: "", *value;
	struct buf word = {0};
	char *rules = NULL;
	int err = 0;

	while (next_word(&text, &word) && !err) {
		if (value_of(buf__str(&word), "dir"))
			log_warn("dir= of RDNA1_TRACE_OPTIONS is left out: the agent writes to the trace of this "
				 "run; -o DIR says which that is");
		for (unsigned int i = 0; i < AGENT_OPTIONS && !err; i++) {
			value = value_of(buf__str(&word), options[i].name);
			if (value && !r->agent[i] && options[i].wrong && options[i].wrong(value))
				err = usage_error("RDNA1_TRACE_OPTIONS: %s: %s", options[i].name, options[i].wrong(value));
			if (value && i == AGENT_override && !r->agent[i])
				rules = xstrdup(value);
			if (value && r->agent[i] && strcmp(value, r->agent[i]))
				err = usage_error("--%s=%s, but RDNA1_TRACE_OPTIONS has %s: take one of them away",
						  options[i].name, r->agent[i], word.s);
		}
	}
	if (!err)
		ask_for_fine_vram(r, r->agent[AGENT_override] ?: rules);
	free(rules);
	buf__free(&word);
	return err;
}

bool run__is_asked(const struct run *r, const char *name)
{
	const char *text = sudo__getenv(&r->sudo, "RDNA1_TRACE_OPTIONS") ?: "", *value;
	struct buf word = {0};
	bool asked = false;

	for (unsigned int i = 0; i < AGENT_OPTIONS; i++)
		asked |= r->agent[i] && !strcmp(options[i].name, name) && strcmp(r->agent[i], "off");
	while (!asked && next_word(&text, &word)) {
		value = value_of(buf__str(&word), name);
		asked = value && strcmp(value, "off");
	}
	buf__free(&word);
	return asked;
}

static bool is_ours(const struct run *r, const char *word)
{
	for (unsigned int i = 0; i < AGENT_OPTIONS; i++)
		if (r->agent[i] && value_of(word, options[i].name))
			return true;
	return value_of(word, "dir") || (r->max_size && value_of(word, "buffer"));
}

/* A word for each line of values. */
static void add_values(struct buf *b, const char *key, const char *values)
{
	for (const char *at = values, *end; at; at = *end ? end + 1 : NULL) {
		char *one;

		end = strchrnul(at, '\n');
		one = xasprintf("%.*s", (int)(end - at), at);
		add_word(b, key, one);
		free(one);
	}
}

/* What the user set stays, but for dir=. */
static void join_words(const struct run *r, struct buf *b, const char *dir, const char *before)
{
	struct buf word = {0};
	char *exe = NULL;

	add_word(b, "dir", dir);
	if (r->max_size)
		buf__printf(b, " buffer=%" PRIu64, run__part(r, PART_agent));
	while (before && next_word(&before, &word)) {
		if (!word.len || is_ours(r, word.s))
			continue;
		buf__putc(b, ' ');
		quote(b, word.s);
	}
	for (unsigned int i = 0; i < AGENT_OPTIONS; i++)
		if (r->agent[i])
			add_values(b, options[i].name, r->agent[i]);
	if (run__is_asked(r, "replace-hazardous") && (exe = realpath("/proc/self/exe", NULL)))
		add_word(b, "scanner", exe);
	free(exe);
	buf__free(&word);
}

int run__find_roctx(struct run *r)
{
	if (!r->roctx)
		return 0;
	r->roctx_path = run__find_library("librdna1-roctx.so.1");
	if (!r->roctx_path)
		return -1;
	/* LD_PRELOAD splits there and knows no quotes. */
	if (!strpbrk(r->roctx_path, " :"))
		return 0;
	log_err("--roctx cannot preload %s: its path has a space or a colon; build or install it elsewhere", r->roctx_path);
	return -1;
}

/* In front of what is there; the emulated device comes in front of it. */
static void preload_roctx(const struct run *r)
{
	const char *before = getenv("LD_PRELOAD"), *first = "";
	char *preload;

#ifdef RDNA1_SAN_PRELOAD
	/* The sanitizer's runtime must be first in a process that was not built with it. */
	if (!r->emulate)
		first = RDNA1_SAN_PRELOAD " ";
#endif
	preload = xasprintf("%s%s%s%s", first, r->roctx_path, before && before[0] ? " " : "", before ?: "");
	setenv("LD_PRELOAD", preload, 1);
	free(preload);
}

void run__set_agent_env(const struct run *r)
{
	const char *before = getenv("HSA_TOOLS_LIB");
	char *dir = realpath(r->session.dir, NULL);
	struct buf tools = {0}, words = {0};

	if (before && before[0])
		buf__printf(&tools, "%s ", before);
	quote(&tools, r->agent_path);
	join_words(r, &words, dir ? dir : r->session.dir, getenv("RDNA1_TRACE_OPTIONS"));
	setenv("HSA_TOOLS_LIB", tools.s, 1);
	setenv("RDNA1_TRACE_OPTIONS", words.s, 1);
	/* ROCm 6.1 and later skip HSA_TOOLS_LIB without this (rocprofiler-register). */
	setenv("HSA_TOOLS_ROCPROFILER_V1_TOOLS", "1", 0);
	if (r->roctx_path)
		preload_roctx(r);
	buf__free(&tools);
	buf__free(&words);
	free(dir);
}

/* ---- where it did not come ---- */

#define MISSED_SAID 3

/* Tools are loaded through rocprofiler-register only; NULL where the user did not say so. */
static char *tools_refused(const struct run *r)
{
	const char *value = sudo__getenv(&r->sudo, "HSA_TOOLS_ROCPROFILER_V1_TOOLS");

	if (!value || atoi(value))
		return NULL;
	return xasprintf("HSA_TOOLS_ROCPROFILER_V1_TOOLS=%s is set, with which ROCm 6.1 and later skip HSA_TOOLS_LIB: "
			 "unset it", value);
}

/* One reason that was found; NULL when none was. */
static char *why_missed(const struct run *r, const struct agentless_process *p)
{
	const char *refuses = p->exe ? program__refuses(p->exe) : NULL;

	if (refuses)
		return xstrdup(refuses);
	if (p->ns_pid)
		return xasprintf("it runs in a container: %s must be there at the same path, for its user to read; "
				 "see docs/howto-containers.md", r->agent_path);
	return tools_refused(r);
}

static void say_missed(struct run *r, const struct agentless_process *p)
{
	struct session_missed *m = VEC_PUSH(&r->session.without_agent);

	*m = (struct session_missed){.pid = p->pid, .exe = p->exe ? xstrdup(p->exe) : NULL, .why = why_missed(r, p)};
	if (r->session.without_agent.n > MISSED_SAID)
		return;
	log_warn("process %u (%s) used the GPU's driver without the agent: its own side is not recorded", m->pid,
		 m->exe ? m->exe : "its program is not known");
	if (m->why)
		log_warn("  found: %s", m->why);
}

void run__say_missed(struct run *r, const struct agentless *a)
{
	const struct agentless_process *p;
	bool guess = false;

	for (size_t i = 0; (p = agentless__get(a, i)); i++) {
		say_missed(r, p);
		guess |= !r->session.without_agent.v[i].why;
	}
	if (r->session.without_agent.n > MISSED_SAID)
		log_warn("and %zu more processes without the agent (rdna1-trace report lists them)",
			 r->session.without_agent.n - MISSED_SAID);
	if (guess)
		log_warn("  likely: %s", agentless_reasons);
}

void run__say_nothing_inside(const struct run *r)
{
	char *refused = tools_refused(r);

	if (refused)
		log_warn("nothing was recorded from inside the command: %s", refused);
	else
		log_warn("nothing was recorded from inside the command: it did not initialise HSA, or the agent did not "
			 "come into it: %s", agentless_reasons);
	free(refused);
}
