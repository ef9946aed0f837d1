// SPDX-License-Identifier: MIT
/* Three lines that say it all: what happened, why as far as it is known, what to do. */
#include "verdict.h"
#include "families.h"
#include "../../hsa-tools/isa/scan/scan.h"
#include "../decode/print.h"

#include <sys/wait.h>

/* Of a kernel's name. */
#define NAME_HEAD 20
#define NAME_TAIL 12

static struct finding *find(const struct judge *j, const char *id, enum finding_state state)
{
	for (size_t i = 0; i < j->f->list.n; i++)
		if (!strcmp(j->f->list.v[i].rule->id, id) && j->f->list.v[i].state == state)
			return &j->f->list.v[i];
	return NULL;
}

static bool confirmed(const struct judge *j, const char *id)
{
	return find(j, id, FINDING_CONFIRMED);
}

/* About this failure. */
static bool is_so(const struct judge *j, const char *id, enum finding_state state,
		  const struct incident *x)
{
	for (size_t i = 0; i < j->f->list.n; i++)
		if (!strcmp(j->f->list.v[i].rule->id, id) && j->f->list.v[i].state == state &&
		    j->f->list.v[i].about == x)
			return true;
	return false;
}

/* Its argument was no pointer to live memory when the kernel was dispatched. */
static bool was_dangling(const struct incident *x)
{
	const struct suspect *s = &x->argument;

	return s->known && s->certain &&
	       (s->state == POINTER_STATE_nothing || s->state == POINTER_STATE_freed ||
		s->state == POINTER_STATE_past_end);
}

/* Takes over text. */
static void put(struct judge *j, int line, char *text)
{
	free(j->f->verdict[line]);
	j->f->verdict[line] = text;
}

static void put_name(struct buf *b, const struct incident *x)
{
	char *name;

	if (x->copy) {
		buf__puts(b, "a copy by SDMA");
	} else if (!x->object) {
		buf__puts(b, "a kernel that is not known");
	} else if (!x->kernel) {
		buf__puts(b, "a kernel of unknown name");
	} else {
		name = say__short(x->kernel, NAME_HEAD, NAME_TAIL);
		buf__puts(b, name);
		free(name);
	}
}

/* ---- what the agent changed ---- */

static const char *const steered_to[] = {
	[STEER_ACTION_file] = "ran as the kernel of --replace",
	[STEER_ACTION_native] = "ran as rdna1-trace's kernel for gfx1010",
	[STEER_ACTION_host] = "were computed on the host",
};
static const char *const steered_why[] = {
	[STEER_WHY_rule] = "as --replace says",
	[STEER_WHY_fallback] = "as --fallback says",
	[STEER_WHY_quarantine] = "because the quarantine has it",
	[STEER_WHY_hazard] = "because its code has hazards",
};

static const char *word_of(const char *const *words, size_t n, unsigned int i)
{
	return i < n && words[i] ? words[i] : "were changed";
}

/* " 12 dispatches of foo were computed on the host, because the quarantine has it: hang, 2026-11-22." */
static void say_steered(const struct judge *j, struct buf *b)
{
	const struct steering *s = &j->m->steering;
	uint64_t all = steering__steered(s);
	const struct steer *most = NULL;
	char *name;

	for (size_t i = 0; i < s->list.n; i++)
		if (s->list.v[i].steered && (!most || s->list.v[i].steered > most->steered))
			most = &s->list.v[i];
	if (!most)
		return;
	name = say__short(most->name, NAME_HEAD, NAME_TAIL);
	buf__printf(b, " %" PRIu64 " dispatch%s of %s %s", most->steered, most->steered == 1 ? "" : "es", name,
		    most->steered == 1 && most->e.action == STEER_ACTION_host
			    ? "was computed on the host"
			    : word_of(steered_to, ARRAY_SIZE(steered_to), most->e.action));
	if (most->e.why < ARRAY_SIZE(steered_why) && steered_why[most->e.why])
		buf__printf(b, ", %s", steered_why[most->e.why]);
	if (most->reason[0] && strcmp(most->reason, "-"))
		buf__printf(b, ": %s", most->reason);
	if (most->failed_runs)
		buf__printf(b, "; %" PRIu64 " of them could not be, and ran as they were sent", most->failed_runs);
	if (all > most->steered)
		buf__printf(b, "; and %" PRIu64 " of other kernels went elsewhere", all - most->steered);
	buf__putc(b, '.');
	free(name);
}

/* What the agent was to do about that kernel; NULL: nothing. */
static const struct steer *steer_of(const struct steering *s, uint32_t pid, uint64_t object)
{
	for (size_t i = s->list.n; object && i--;)
		if (s->list.v[i].pid == pid && s->list.v[i].e.kernel_object == object)
			return &s->list.v[i];
	return NULL;
}

/* Whether what failed is the program's own, in a run of which some was changed. */
static void say_whose(const struct judge *j, const struct incident *x, struct buf *b)
{
	const struct steering *s = &j->m->steering;
	const struct steer *instead = steering__instead(s, x->pid, x->object), *own = steer_of(s, x->pid, x->object);
	uint64_t all = steering__steered(s);
	char *name;

	if (instead) {
		name = say__short(instead->name, NAME_HEAD, NAME_TAIL);
		buf__printf(b, " It is not the program's: %s ran instead of %s.",
			    instead->e.action == STEER_ACTION_file ? "the kernel of --replace"
								   : "rdna1-trace's kernel for gfx1010",
			    name);
		free(name);
	} else if (own && own->e.action != STEER_ACTION_none && !steer__passed(own)) {
		buf__puts(b, " It was to be avoided for other convolutions only.");
	} else if (own) {
		buf__puts(b, " It should have been avoided, and could not");
		if (own->e.action == STEER_ACTION_none && own->reason[0] && strcmp(own->reason, "-"))
			buf__printf(b, ": %s", own->reason);
		buf__putc(b, '.');
	} else if (all && x->object) {
		buf__printf(b, " It is the program's own; %" PRIu64 " dispatch%s of other kernels went elsewhere.", all,
			    all == 1 ? "" : "es");
	} else if (all && !x->copy) {
		buf__printf(b, " Of this run %" PRIu64 " dispatch%s went elsewhere.", all, all == 1 ? "" : "es");
	}
}

static void say_what(struct judge *j, const struct incident *x)
{
	const char *class = incident_class_name(x->class);
	struct buf b = {0};
	char *t;

	buf__putc(&b, (char)(class[0] >= 'a' && class[0] <= 'z' ? class[0] - 32 : class[0]));
	buf__puts(&b, class + 1);
	if (x->class != INCIDENT_RESET) {
		buf__puts(&b, " in ");
		put_name(&b, x);
	}
	if (x->class == INCIDENT_HANG && x->elapsed_ns) {
		t = say__duration(x->elapsed_ns);
		buf__printf(&b, ": no progress for %s", t);
		free(t);
	} else if (x->has_address) {
		buf__printf(&b, ", %s 0x%" PRIx64,
			    !x->access_known ? "at"
			    : x->write	     ? "store to"
					     : "load from",
			    x->address.va);
	}
	buf__putc(&b, '.');
	say_whose(j, x, &b);
	put(j, 0, b.s);
}

#define OF(class) (1u << INCIDENT_##class)
#define ADDRESS (OF(PAGE) | OF(APERTURE))

/* ---- why, and what to do, by the finding that explains it ---- */

static char *why_argument(const struct judge *j, const struct incident *x)
{
	struct address a = incidents__address(j->m, x->pid, x->argument.pointer, true, x->ts_ns);
	char *size = a.has_alloc ? say__bytes(a.alloc.size) : xstrdup("?"),
	     *age = say__duration(a.age_ns);
	struct buf b = {0};

	buf__puts(&b, "Cause: ");
	incidents__argument(&b, &x->argument);
	switch (a.kind) {
	case PLACE_FREED:
		buf__printf(&b, " points into memory (%s) that was freed %s before.", size, age);
		break;
	case PLACE_PAST_END:
		buf__printf(&b, " points %" PRIu64 " bytes past the end of its buffer (%s).",
			    a.distance, size);
		break;
	case PLACE_NON_CANONICAL:
		buf__puts(&b, " is no address: its high half is wrong.");
		break;
	default:
		buf__puts(&b, " points to nothing that was allocated.");
	}
	free(size);
	free(age);
	return b.s;
}

static char *why_freed(const struct incident *x)
{
	char *age = say__duration(x->address.age_ns),
	     *size = say__bytes(x->address.kind == PLACE_FREED ? x->address.alloc.size
							       : x->address.bo.size);
	char *text = xasprintf("Cause: that memory (%s) was freed %s before.", size, age);

	free(age);
	free(size);
	return text;
}

/* An argument leads to that buffer. */
static char *why_past(const struct incident *x)
{
	struct buf b = {0};

	buf__puts(&b, "Cause: it ran ");
	buf__size(&b, x->address.distance);
	buf__printf(&b, " %s ",
		    x->address.kind == PLACE_BEFORE ? "before the beginning of"
						    : "past the end of");
	incidents__argument(&b, &x->argument);
	buf__puts(&b, ", a buffer of ");
	buf__size(&b, x->address.alloc.size);
	buf__putc(&b, '.');
	return b.s;
}

/* The kernel itself has such places. The emulated device has none of these bugs: there it is no
 * cause. */
static char *why_hazard(const struct judge *j, const struct incident *x)
{
	const struct scan_kernel *s = code__scanned(j, x->pid, x->object);
	uint64_t places = s ? scan_counts__hazards(&s->counts) : 0;

	if (j->m->emulated || !judge__rdna1(j) || !(ADDRESS & 1u << x->class) || !places ||
	    !code__foreign(j, x))
		return NULL;
	return xasprintf("Possible cause: the kernel is another chip's code, with %" PRIu64
			 " places at which gfx10.1 may go wrong (code-hazard).",
			 places);
}

struct next {
	const char *id, *text;
};

/* The first that is confirmed is said, where the failure is of one of these classes. */
struct cause {
	const char *id, *text;
	unsigned int classes;
	bool by_itself; /* else code with hazards explains more */
};
static const struct cause causes[] = {
	{"fault-evicted", "Cause: the driver had taken the mapping of live memory away.", OF(PAGE),
	 true},
	{"fault-null", "Cause: a null pointer, or a small offset from one.", ADDRESS, true},
	{"fault-lds-scratch",
	 "Cause: a flat address outside of the kernel's LDS or scratch memory.", ADDRESS, true},
	{"fault-permission", "Cause: the memory is live, and does not allow this access.", OF(PAGE),
	 true},
	{"fault-non-canonical", "The address is none: its high half is garbage.", ADDRESS, false},
	{"fault-never-mapped", "The address belongs to nothing that was ever allocated.", ADDRESS,
	 false},
	{"illegal-instruction", "Cause: the chip does not have this instruction.", OF(ILLEGAL),
	 false},
};

static const struct next advice[] = {
	{"fault-freed", "Next: keep the memory until the kernel's stream is synchronized."},
	{"fault-evicted", "Next: less memory in use at once; --trace=vm,bo shows the order."},
	{"fault-null", "Next: look for an allocation that failed unchecked."},
	{"fault-lds-scratch",
	 "Next: compare what the kernel indexes with its LDS and private memory."},
	{"fault-past-end", "Next: compare the kernel's shape and size with that buffer."},
	{"no-code-object", "Next: rdna1-trace scan PROGRAM lists the chips it has code for."},
	{"exhaustive-search", "Next: unset MIOPEN_FIND_ENFORCE."},
	{"host-crash", "Next: look at the library that the finding names."},
};

static char *advice_of_hang(const char *kernel)
{
	const struct family *family = family__find(kernel);

	if (family && family->algorithm)
		return xasprintf(
			"Next: run it with --fallback=auto, which avoids what is in the quarantine, or export "
			"MIOPEN_DEBUG_CONV_%s=0, which leaves this solver family out.",
			family->algorithm);
	return xstrdup(
		"Next: look at what the kernel waits for: a loop whose end depends on memory.");
}

/* x NULL: no failure of the GPU's. */
static char *advice_for(const struct judge *j, const struct incident *x)
{
	if (x && x->class == INCIDENT_HANG)
		return advice_of_hang(x->kernel);
	if (x && x->class == INCIDENT_TRAP)
		return xstrdup("Next: s_trap is abort() or assert() of device code: look for what "
			       "it printed.");
	if (x && was_dangling(x))
		return xstrdup(
			"Next: find who passes that pointer; --callsite shows who allocated what.");
	/* On a card, code of another chip is to be excluded first. */
	if (x && !j->m->emulated && code__foreign(j, x))
		return xstrdup(
			"Next: the same with code built for this chip (finding foreign-code).");
	for (size_t i = 0; i < ARRAY_SIZE(advice); i++)
		if (x ? is_so(j, advice[i].id, FINDING_CONFIRMED, x) : confirmed(j, advice[i].id))
			return xstrdup(advice[i].text);
	return x ? xstrdup("Next: rdna1-trace pack DIR makes one file of it, to post with a "
			   "report.")
		 : NULL;
}

static const char *confirmed_cause(const struct judge *j, const struct incident *x, bool by_itself)
{
	for (size_t i = 0; i < ARRAY_SIZE(causes); i++)
		if (causes[i].by_itself == by_itself && causes[i].classes & 1u << x->class &&
		    is_so(j, causes[i].id, FINDING_CONFIRMED, x))
			return causes[i].text;
	return NULL;
}

static char *why(struct judge *j, const struct incident *x)
{
	const char *cause;
	char *hazard;

	if (x->injected)
		return xstrdup("Cause: --emulate= asked for it.");
	if (x->class == INCIDENT_TRAP)
		return xstrdup("Cause: the kernel stopped itself (s_trap).");
	if (x->class == INCIDENT_HANG || x->class == INCIDENT_RESET)
		return NULL;
	if (was_dangling(x))
		return why_argument(j, x);
	if (x->address.kind == PLACE_FREED || x->address.kind == PLACE_DRIVER_FREED)
		return why_freed(x);
	if (is_so(j, "fault-evicted", FINDING_POSSIBLE, x))
		return xstrdup("Possible cause: host memory was freed while it was registered with "
			       "the GPU.");
	cause = confirmed_cause(j, x, true);
	if (cause)
		return xstrdup(cause);
	/* Addresses that code computes wrongly: is it code that may? */
	hazard = why_hazard(j, x);
	if (hazard)
		return hazard;
	if (is_so(j, "fault-past-end", FINDING_CONFIRMED, x))
		return why_past(x);
	cause = confirmed_cause(j, x, false);
	if (cause)
		return xstrdup(cause);
	if (x->has_address &&
	    (x->address.kind == PLACE_PAST_END || x->address.kind == PLACE_BEFORE))
		return xstrdup(
			"The address is in none of the kernel's buffers, and near no other.");
	return xstrdup("Why is not decided by what was recorded.");
}

static void say_incident(struct judge *j, const struct incident *x)
{
	char *cause = why(j, x);
	int line = 1;

	say_what(j, x);
	if (cause)
		put(j, line++, cause);
	if (!x->injected)
		put(j, line, advice_for(j, x));
}

/* ---- without a failure of the GPU ---- */

static bool say_finding(struct judge *j, const char *id, enum finding_state state,
			const char *first)
{
	const struct finding *x = find(j, id, state);

	if (!x || x->severity == SEVERITY_note)
		return false;
	put(j, 0, xstrdup(first));
	put(j, 1,
	    xasprintf("%c%s.",
		      x->what[0] >= 'a' && x->what[0] <= 'z' ? x->what[0] - 32 : x->what[0],
		      x->what + 1));
	put(j, 2,
	    x->decide	? xasprintf("Next: %s", x->decide)
	    : x->remedy ? xasprintf("Next: %s.", x->remedy)
			: advice_for(j, NULL));
	return true;
}

static void say_end(struct judge *j)
{
	const struct model *m = j->m;
	const char *risk = confirmed(j, "foreign-code") ? "Another chip's code ran on this one: "
							  "results may be wrong (foreign-code)."
							: NULL;
	struct buf b = {0};
	int line = 1;

	if (m->attached.n || !m->command || !m->ended) {
		buf__puts(&b, m->ended || m->attached.n || !m->command
				      ? "Nothing failed that was recorded."
				      : "Nothing failed so far that was recorded.");
	} else if (WIFSIGNALED(m->status)) {
		buf__puts(&b, "The command was ended by ");
		print_value(&b, PRINT_SIGNAL, (uint64_t)WTERMSIG(m->status), true);
		buf__puts(&b, "; no failure of the GPU was recorded.");
	} else if (WEXITSTATUS(m->status)) {
		buf__printf(&b, "The command exited with %d; no failure of the GPU was recorded.",
			    WEXITSTATUS(m->status));
	} else {
		buf__puts(&b, "Nothing failed that was recorded.");
	}
	say_steered(j, &b);
	if (m->policies.kept.n && confirmed(j, "dangling-argument"))
		buf__puts(&b, " Kernels were given memory that had been freed, and found it as it was, because frees "
			      "came late (dangling-argument).");
	put(j, 0, b.s);
	if (risk)
		put(j, line++, xstrdup(risk));
	if (find(j, "no-solver", FINDING_UNDECIDED))
		put(j, line,
		    xstrdup("Next: --trace=default,miopen records what MIOpen's calls returned."));
	else if (risk && find(j, "code-hazard", FINDING_POSSIBLE))
		put(j, line,
		    xstrdup("Next: check the numbers, or run code that was built for this chip."));
	else if (m->ended && m->status)
		put(j, line,
		    xstrdup("Next: rdna1-trace explain 'MESSAGE' reads what the program printed."));
}

static bool anything_seen(const struct model *m)
{
	return accounts__sum(&m->accounts, SOURCE_agent).seen || m->emu_cards.n || m->ioctls ||
	       m->faults.n || m->pte_sums.n || m->calls.counts.n || m->hw_queues.n;
}

void verdict__make(struct judge *j)
{
	const struct incident *x = judge__first(j);
	const struct incident *reset = x ? judge__of(j, x->pid, INCIDENT_RESET) : NULL;

	if (x)
		say_incident(j, reset && x->class == INCIDENT_HANG ? reset : x);
	else if (say_finding(j, "no-solver", FINDING_CONFIRMED,
			     "MIOpen found no solver; the GPU did not fail.") ||
		 (j->m->calls.convs.n &&
		  say_finding(j, "no-solver", FINDING_POSSIBLE,
			      "MIOpen found no solver, as it seems; the GPU did not fail.")) ||
		 say_finding(j, "hang", FINDING_POSSIBLE, "A kernel may have hung.") ||
		 say_finding(j, "host-crash", FINDING_CONFIRMED,
			     "The program crashed on the host; the GPU did not fail.") ||
		 say_finding(j, "no-code-object", FINDING_POSSIBLE,
			     "The program aborted, and may have no code for this GPU.") ||
		 false)
		return;
	else if (!anything_seen(j->m))
		put(j, 0, xstrdup("Nothing can be said: no process was seen to use a GPU."));
	else
		say_end(j);
}
