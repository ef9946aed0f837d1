// SPDX-License-Identifier: MIT
/* Runs the rules, and puts what they found in order. */
#include "rules.h"
#include "verdict.h"
#include "machine.h"
#include "../caps/caps.h"
#include "../decode/print.h"

#define MAX_PROOFS 12

struct row {
	const char *group; /* a heading, for the rows behind it: all else is NULL */
	struct rule rule;
	void (*run)(struct judge *j);
};

static const struct row rows[] = {
#define GROUP(title) {.group = title},
#define RULE(function, id, severity, title, needs, decides, remedy, source)                        \
	{.rule = {id, title, SEVERITY_##severity, needs, decides, remedy, source},                 \
	 .run = rule_##function},
#include "rules.def"
};

const struct rule *rule__get(size_t i)
{
	for (size_t k = 0; k < ARRAY_SIZE(rows); k++)
		if (rows[k].run && !i--)
			return &rows[k].rule;
	return NULL;
}

const struct rule *rule__find(const char *id)
{
	for (size_t k = 0; k < ARRAY_SIZE(rows); k++)
		if (rows[k].run && !strcmp(rows[k].rule.id, id))
			return &rows[k].rule;
	return NULL;
}

const char *rule__group(const struct rule *r)
{
	const char *group = NULL;

	for (size_t k = 0; k < ARRAY_SIZE(rows) && &rows[k].rule != r; k++)
		group = rows[k].group ? rows[k].group : group;
	return group;
}

/* ---- findings ---- */

struct finding *judge__add(struct judge *j, enum finding_state state, char *what)
{
	struct finding *x = VEC_PUSH(&j->f->list);

	x->rule = j->rule;
	x->state = state;
	x->severity = j->rule->severity;
	x->what = what;
	return x;
}

struct finding *judge__about(struct judge *j, enum finding_state state, char *what,
			     const struct incident *x)
{
	struct finding *f;

	/* Where several processes failed, each says which it is. */
	if (x->pid && j->f->incidents.n > 1) {
		char *with = xasprintf("process %u: %s", x->pid, what);

		free(what);
		what = with;
	}
	f = judge__add(j, state, what);
	f->about = x;
	return f;
}

struct finding *judge__undecided(struct judge *j, const char *what, const char *decide)
{
	struct finding *x = judge__add(j, FINDING_UNDECIDED, xstrdup(what));

	x->decide = xstrdup(decide);
	return x;
}

void finding__prove(struct finding *x, uint64_t ts_ns, const char *event, char *text)
{
	if (x->proofs.n < MAX_PROOFS) {
		*VEC_PUSH(&x->proofs) =
			(struct proof){.ts_ns = ts_ns, .event = event, .text = text};
		return;
	}
	x->more_proofs++;
	free(text);
}

void finding__prove_by(struct finding *x, const struct incident *i)
{
	for (size_t k = 0; k < i->proofs.n; k++)
		finding__prove(x, i->proofs.v[k].ts_ns, i->proofs.v[k].event,
			       xstrdup(i->proofs.v[k].text));
}

void finding__remedy(struct finding *x, char *remedy)
{
	free(x->remedy);
	x->remedy = remedy;
}

const struct incident *judge__get(const struct judge *j, size_t i)
{
	return i < j->f->incidents.n && i < MAX_INCIDENTS ? &j->f->incidents.v[i] : NULL;
}

const struct incident *judge__of(const struct judge *j, uint32_t pid, enum incident_class class)
{
	const struct incident *x;

	for (size_t i = 0; (x = judge__get(j, i)); i++)
		if (x->pid == pid && x->class == class)
			return x;
	return NULL;
}

const char *judge__variable(const struct judge *j, uint32_t pid, const char *name)
{
	const struct agent_side *s = &j->m->agent;
	bool told = false;

	for (size_t i = 0; i < s->variables.n; i++) {
		if (s->variables.v[i].pid != pid)
			continue;
		told = true;
		if (!strcmp(s->variables.v[i].name, name))
			return s->variables.v[i].value;
	}
	return !told && j->e->machine ? machine__variable(j->e->machine, name) : NULL;
}

bool judge__rdna1(const struct judge *j)
{
	return j->silicon >= CAPS_RDNA1_FIRST && j->silicon <= CAPS_RDNA1_LAST;
}

const struct incident *judge__incident(const struct judge *j, enum incident_class class)
{
	for (size_t i = 0; i < j->f->incidents.n; i++)
		if (j->f->incidents.v[i].class == class)
			return &j->f->incidents.v[i];
	return NULL;
}

const struct incident *judge__first(const struct judge *j)
{
	return j->f->incidents.n ? &j->f->incidents.v[0] : NULL;
}

/* ---- words ---- */

#define NAME_HEAD 30
#define NAME_TAIL 16

char *say__name(const char *kernel)
{
	return kernel ? say__short(kernel, NAME_HEAD, NAME_TAIL) : xstrdup("of unknown name");
}

/* Within a character of UTF-8. */
static bool is_inside(char c)
{
	return (c & 0xc0) == 0x80;
}

char *say__short(const char *s, size_t head, size_t tail)
{
	size_t len = strlen(s), from;

	if (len <= head + tail + 3)
		return xstrdup(s);
	while (head && is_inside(s[head]))
		head--;
	for (from = len - tail; from < len && is_inside(s[from]);)
		from++;
	return xasprintf("%.*s...%s", (int)head, s, s + from);
}

char *say__kernel(const struct incident *x)
{
	char *name, *text;

	if (x->copy)
		return xstrdup("a copy by an SDMA engine");
	if (x->kernel) {
		name = say__name(x->kernel);
		text = xasprintf("kernel %s", name);
		free(name);
		return text;
	}
	return xstrdup(x->object ? "a kernel of unknown name" : "a kernel that is not known");
}

char *say__bytes(uint64_t n)
{
	struct buf b = {0};

	buf__size(&b, n);
	return b.s ? b.s : xstrdup("");
}

char *say__duration(uint64_t ns)
{
	struct buf b = {0};

	print_ns(&b, ns);
	return b.s ? b.s : xstrdup("");
}

char *say__alloc(const struct model *m, const struct alloc *a)
{
	const struct pool *p = model__pool(m, a->pid, a->pool);
	const struct device *d = p ? model__device(m, p->pid, p->device) : NULL;
	struct buf b = {0};

	buf__puts(&b, "the ");
	buf__size(&b, a->size);
	buf__printf(&b, " at 0x%" PRIx64, a->va);
	if (p) {
		buf__printf(&b, " (%s", d ? (d->gpu ? "GPU " : "CPU ") : "");
		print_grain(&b, p->flags);
		buf__putc(&b, ')');
	}
	return b.s;
}

char *say__gfx(unsigned int v)
{
	return xasprintf("gfx%u%u%x", v / 10000, v / 100 % 100, v % 100);
}

const char *finding_state_name(enum finding_state s)
{
	static const char *const names[] = {[FINDING_CONFIRMED] = "confirmed",
					    [FINDING_POSSIBLE] = "possible",
					    [FINDING_UNDECIDED] = "not decidable",
					    [FINDING_RULED_OUT] = "ruled out"};

	return s < ARRAY_SIZE(names) ? names[s] : "?";
}

const char *severity_name(enum severity s)
{
	static const char *const names[] = {[SEVERITY_error] = "error",
					    [SEVERITY_warning] = "warning",
					    [SEVERITY_note] = "note"};

	return s < ARRAY_SIZE(names) ? names[s] : "?";
}

const char *incident_class_name(enum incident_class c)
{
	static const char *const names[] = {[INCIDENT_APERTURE] = "aperture violation (0x29)",
					    [INCIDENT_PAGE] = "page fault",
					    [INCIDENT_ILLEGAL] = "illegal instruction (0x2a)",
					    [INCIDENT_TRAP] = "trap",
					    [INCIDENT_PACKET] = "malformed packet",
					    [INCIDENT_QUEUE] = "queue error",
					    [INCIDENT_RESET] = "GPU reset",
					    [INCIDENT_HANG] = "hang"};

	return c < ARRAY_SIZE(names) ? names[c] : "?";
}

const char *place_kind_name(enum place_kind k)
{
	static const char *const names[] = {[PLACE_UNKNOWN] = "unknown",
					    [PLACE_NOWHERE] = "nowhere",
					    [PLACE_INSIDE] = "inside",
					    [PLACE_FREED] = "freed",
					    [PLACE_PAST_END] = "past_end",
					    [PLACE_BEFORE] = "before",
					    [PLACE_DRIVER] = "driver",
					    [PLACE_DRIVER_FREED] = "driver_freed",
					    [PLACE_SVM] = "svm",
					    [PLACE_NULL] = "null",
					    [PLACE_LDS] = "lds",
					    [PLACE_SCRATCH] = "scratch",
					    [PLACE_NON_CANONICAL] = "non_canonical"};

	return k < ARRAY_SIZE(names) ? names[k] : "?";
}

/* ---- all of it ---- */

/* The chip, whatever the runtime was made to believe; of several the one that they all are. */
static unsigned int silicon_of(const struct model *m, const struct evidence_of_machine *e)
{
	const struct machine_gpu *g = e->machine ? machine__gpu(e->machine) : NULL;

	for (size_t i = 1; i < m->emu_cards.n; i++)
		if (m->emu_cards.v[i].ev.gfx_target_version !=
		    m->emu_cards.v[0].ev.gfx_target_version)
			return 0;
	if (m->emu_cards.n)
		return m->emu_cards.v[0].ev.gfx_target_version;
	for (size_t i = 1; e->machine && i < e->machine->num_gpus; i++)
		if (machine__gfx(&e->machine->gpus[i]) != machine__gfx(&e->machine->gpus[0]))
			return 0;
	if (m->gfx_from == GFX_FACTS)
		return m->gfx;
	if (g)
		return machine__gfx(g);
	/* What the runtime calls it, where nothing made it call it otherwise. */
	return m->gfx_from == GFX_AGENT && e->machine && !machine__override(e->machine, g, NULL)
		       ? m->gfx
		       : 0;
}

/* Why something may have happened that the trace does not show; NULL: nothing is known to be
 * missing. */
static char *why_incomplete(const struct model *m)
{
	struct account agent = accounts__sum(&m->accounts, SOURCE_agent);
	struct account kernel = accounts__sum(&m->accounts, SOURCE_kernel);
	uint64_t lost = agent.dropped + account__unexplained(&agent) + kernel.dropped +
			account__unexplained(&kernel);

	if (lost)
		return xasprintf("%" PRIu64 " event%s lost: what they showed is not in this", lost,
				 lost == 1 ? " was" : "s were");
	if (m->stats.whole_from_ns)
		return xstrdup("ring mode: what came before the trace's first events is gone");
	if (m->recovered)
		return xstrdup("the trace was damaged: this is what was whole of it");
	if (m->attached.n)
		return xstrdup("recording began when the process ran already");
	if (agentless__get(&m->agentless, 0))
		return xstrdup("a process used the GPU without the agent");
	if (m->queue_gaps)
		return xasprintf("%" PRIu64 " packets could not be read", m->queue_gaps);
	return NULL;
}

/* What is ruled out, or said to be nowhere, rests on having seen all. */
static void weaken(struct finding *x, const char *why)
{
	const bool by_absence = !strcmp(x->rule->id, "fault-never-mapped");

	if (!why || (x->state != FINDING_RULED_OUT && x->state != FINDING_POSSIBLE && !by_absence))
		return;
	if (by_absence && x->state == FINDING_CONFIRMED)
		x->state = FINDING_POSSIBLE;
	x->weak = xstrdup(why);
}

static int by_weight(const void *a, const void *b)
{
	const struct finding *x = a, *y = b;

	if (x->state != y->state)
		return (int)x->state - (int)y->state;
	if (x->severity != y->severity)
		return (int)x->severity - (int)y->severity;
	return x->rule < y->rule ? -1 : x->rule > y->rule;
}

void findings__make(struct findings *f, const struct model *m, const struct evidence_of_machine *e)
{
	struct judge j = {.m = m, .e = e, .f = f, .silicon = silicon_of(m, e)};
	char *why;

	memset(f, 0, sizeof(*f));
	incidents__find(f, m);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (!rows[i].run)
			continue;
		j.rule = &rows[i].rule;
		rows[i].run(&j);
	}
	why = why_incomplete(m);
	for (size_t i = 0; i < f->list.n; i++)
		weaken(&f->list.v[i], why);
	free(why);
	VEC_SORT(&f->list, by_weight);
	ladder__make(&j);
	verdict__make(&j);
}

void findings__free(struct findings *f)
{
	for (size_t i = 0; i < f->list.n; i++) {
		struct finding *x = &f->list.v[i];

		for (size_t k = 0; k < x->proofs.n; k++)
			free(x->proofs.v[k].text);
		free(x->proofs.v);
		free(x->what);
		free(x->remedy);
		free(x->decide);
		free(x->weak);
	}
	free(f->list.v);
	for (size_t i = 0; i < f->incidents.n; i++) {
		for (size_t k = 0; k < f->incidents.v[i].proofs.n; k++)
			free(f->incidents.v[i].proofs.v[k].text);
		free(f->incidents.v[i].proofs.v);
	}
	free(f->incidents.v);
	for (int i = 0; i < RUNG_COUNT; i++)
		free(f->ladder.observed[i]);
	free(f->ladder.about);
	for (int i = 0; i < VERDICT_LINES; i++)
		free(f->verdict[i]);
	memset(f, 0, sizeof(*f));
}
