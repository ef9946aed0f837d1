// SPDX-License-Identifier: MIT
/* Three lines that say it all: what happened, why as far as it is known, what to do. */
#include "verdict.h"
#include "../decode/print.h"

#include <sys/wait.h>

#define WIDTH 78
#define NAME_WIDTH 32 /* of a kernel's name */

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

/* Takes over text; what does not fit is cut at a word. */
static void put(struct judge *j, int line, char *text)
{
	size_t len = strlen(text);

	if (len > WIDTH) {
		len = WIDTH - 4;
		while (len > WIDTH / 2 && text[len] != ' ')
			len--;
		while (len && strchr(" ,;:", text[len - 1]))
			len--;
		strcpy(text + len, " ...");
	}
	free(j->f->verdict[line]);
	j->f->verdict[line] = text;
}

static void put_name(struct buf *b, const struct incident *x)
{
	size_t len = x->kernel ? strlen(x->kernel) : 0;

	if (x->copy)
		buf__puts(b, "a copy by SDMA");
	else if (!x->object)
		buf__puts(b, "a kernel that is not known");
	else if (!x->kernel)
		buf__puts(b, "a kernel of unknown name");
	else if (len > NAME_WIDTH)
		buf__printf(b, "%.*s...", NAME_WIDTH - 3, x->kernel);
	else
		buf__puts(b, x->kernel);
}

static void say_what(struct judge *j, const struct incident *x)
{
	struct buf b = {0};
	char *t;

	buf__printf(&b, "%s in ", incident_class_name(x->class));
	b.s[0] = (char)(b.s[0] >= 'a' && b.s[0] <= 'z' ? b.s[0] - 32 : b.s[0]);
	put_name(&b, x);
	if (x->class == INCIDENT_HANG && x->elapsed_ns) {
		t = say__duration(x->elapsed_ns);
		buf__printf(&b, ": no progress for %s", t);
		free(t);
	} else if (x->has_address) {
		buf__printf(&b, ": %s 0x%" PRIx64, !x->access_known ? "at" : x->write ? "store to" : "load from", x->address.va);
	}
	buf__putc(&b, '.');
	put(j, 0, b.s);
}

/* ---- why, and what to do, by the finding that explains it ---- */

static char *why_argument(const struct judge *j, const struct incident *x)
{
	struct address a = incidents__address(j->m, x->pid, x->argument.pointer, true, x->ts_ns);
	char *size = a.has_alloc ? say__bytes(a.alloc.size) : xstrdup("?"), *age = say__duration(a.age_ns);
	struct buf b = {0};

	buf__puts(&b, "Cause: ");
	incidents__argument(&b, &x->argument);
	switch (a.kind) {
	case PLACE_FREED:
		buf__printf(&b, " points into memory (%s) that was freed %s before.", size, age);
		break;
	case PLACE_PAST_END:
		buf__printf(&b, " points %" PRIu64 " bytes past the end of %s.", a.distance, size);
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
	char *age = say__duration(x->address.age_ns), *size = say__bytes(x->address.kind == PLACE_FREED ? x->address.alloc.size
												       : x->address.bo.size);
	char *text = xasprintf("Cause: that memory (%s) was freed %s before.", size, age);

	free(age);
	free(size);
	return text;
}

static char *why_past(const struct incident *x)
{
	char *size = say__bytes(x->address.alloc.size);
	char *text = xasprintf("It is %" PRIu64 " bytes %s the buffer of %s at 0x%" PRIx64 ".", x->address.distance,
			       x->address.kind == PLACE_BEFORE ? "before" : "past the end of", size, x->address.alloc.va);

	free(size);
	return text;
}

static char *why_hazard(const struct judge *j)
{
	const struct finding *h = find(j, "code-hazard", FINDING_POSSIBLE);
	const char *sites = h ? strchr(h->what, ':') : NULL;

	return sites ? xasprintf("Possible cause: another chip's code, with hazards of gfx1010%s.", sites) : NULL;
}

struct next {
	const char *id, *text;
};

/* The first that is confirmed is said. */
static const struct next causes[] = {
	{"fault-evicted", "Cause: the driver had taken the mapping of live memory away."},
	{"fault-null", "Cause: a null pointer, or a small offset from one."},
	{"fault-lds-scratch", "Cause: a flat address outside of the kernel's LDS or scratch memory."},
	{"fault-permission", "Cause: the memory is live, and does not allow this access."},
	{"fault-non-canonical", "The address is none: its high half is garbage, and no argument is it."},
	{"fault-never-mapped", "The address belongs to nothing that was ever allocated."},
	{"illegal-instruction", "Cause: the chip does not have this instruction."},
};

static const struct next advice[] = {
	{"dangling-argument", "Next: the host code passes a wrong pointer; the kernel is not at fault."},
	{"fault-freed", "Next: keep the memory until the kernel's stream is synchronized."},
	{"fault-evicted", "Next: less memory in use at once; --trace=vm,bo shows the order."},
	{"fault-null", "Next: look for an allocation that failed unchecked."},
	{"foreign-code", "Next: the same with code built for this chip (findings: foreign-code)."},
	{"fault-past-end", "Next: compare the kernel's index with the size of that buffer."},
	{"no-solver", "Next: unset MIOPEN_DEBUG_CONV_*; the GEMM solver takes every shape."},
	{"no-code-object", "Next: rdna1-trace scan PROGRAM lists the chips it has code for."},
	{"exhaustive-search", "Next: unset MIOPEN_FIND_ENFORCE."},
	{"host-crash", "Next: look at the library that the finding names."},
	{"illegal-instruction", "Next: use code that was built for this chip."},
	{"fault-never-mapped", "Next: look at who computed that address (findings)."},
	{"hang", "Next: leave that solver out, or look at what the kernel waits for."},
};

static const char *advice_for(const struct judge *j)
{
	for (size_t i = 0; i < ARRAY_SIZE(advice); i++)
		if (confirmed(j, advice[i].id))
			return advice[i].text;
	return NULL;
}

static char *why(struct judge *j, const struct incident *x)
{
	char *hazard;

	if (x->injected)
		return xstrdup("Cause: --emulate= asked for it.");
	if (confirmed(j, "dangling-argument") && x->argument.known && x->argument.state &&
	    x->argument.state != POINTER_STATE_inside)
		return why_argument(j, x);
	if (confirmed(j, "fault-freed"))
		return why_freed(x);
	if (find(j, "fault-evicted", FINDING_POSSIBLE))
		return xstrdup("Possible cause: host memory was freed while it was registered with the GPU.");
	for (size_t i = 0; i < ARRAY_SIZE(causes) - 3; i++)
		if (confirmed(j, causes[i].id))
			return xstrdup(causes[i].text);
	/* Addresses that code computes wrongly: is it code that may? */
	hazard = why_hazard(j);
	if (hazard)
		return hazard;
	if (x->class == INCIDENT_PAGE && x->address.has_alloc && confirmed(j, "fault-past-end"))
		return why_past(x);
	for (size_t i = ARRAY_SIZE(causes) - 3; i < ARRAY_SIZE(causes); i++)
		if (confirmed(j, causes[i].id))
			return xstrdup(causes[i].text);
	return xstrdup("Why is not decided: see what the findings would need.");
}

static void say_incident(struct judge *j, const struct incident *x)
{
	const char *next = advice_for(j);

	say_what(j, x);
	put(j, 1, why(j, x));
	if (next && !x->injected)
		put(j, 2, xstrdup(next));
}

/* ---- without a failure of the GPU ---- */

static bool say_finding(struct judge *j, const char *id, enum finding_state state, const char *first)
{
	const struct finding *x = find(j, id, state);
	const char *next = advice_for(j);

	if (!x)
		return false;
	put(j, 0, xstrdup(first));
	put(j, 1, xstrdup(x->what));
	j->f->verdict[1][0] = (char)(x->what[0] >= 'a' && x->what[0] <= 'z' ? x->what[0] - 32 : x->what[0]);
	if (next)
		put(j, 2, xstrdup(next));
	return true;
}

static void say_end(struct judge *j)
{
	const struct model *m = j->m;
	const char *risk = confirmed(j, "foreign-code") ? "Another chip's code ran on this one: results may be wrong (foreign-code)."
							: NULL;
	struct buf b = {0};

	if (m->attached.n || !m->command || !m->ended) {
		put(j, 0, xstrdup(m->ended || m->attached.n || !m->command ? "Nothing failed that was recorded."
									   : "Nothing failed so far that was recorded."));
	} else if (WIFSIGNALED(m->status)) {
		buf__puts(&b, "The command was ended by ");
		print_value(&b, PRINT_SIGNAL, (uint64_t)WTERMSIG(m->status), true);
		buf__puts(&b, "; no failure of the GPU was recorded.");
		put(j, 0, b.s);
	} else if (WEXITSTATUS(m->status)) {
		put(j, 0, xasprintf("The command exited with %d; no failure of the GPU was recorded.", WEXITSTATUS(m->status)));
	} else {
		put(j, 0, xstrdup("Nothing failed that was recorded."));
	}
	if (risk)
		put(j, 1, xstrdup(risk));
	if (risk && find(j, "code-hazard", FINDING_POSSIBLE))
		put(j, 2, xstrdup("Next: check the numbers, or run code that was built for this chip."));
}

static bool anything_seen(const struct model *m)
{
	return accounts__sum(&m->accounts, SOURCE_agent).seen || m->emu_cards.n || m->ioctls || m->faults.n ||
	       m->pte_sums.n || m->calls.counts.n || m->hw_queues.n;
}

void verdict__make(struct judge *j)
{
	const struct incident *x = judge__first(j);

	if (x)
		say_incident(j, x);
	else if (say_finding(j, "no-solver", FINDING_CONFIRMED, "MIOpen found no solver; the GPU did not fail.") ||
		 say_finding(j, "hang", FINDING_POSSIBLE, "A kernel may have hung.") ||
		 say_finding(j, "host-crash", FINDING_CONFIRMED, "The program crashed on the host; the GPU did not fail.") ||
		 say_finding(j, "no-code-object", FINDING_POSSIBLE, "The program has no code for this GPU, as it seems.") ||
		 say_finding(j, "no-code-object", FINDING_CONFIRMED, "There was no code for this GPU."))
		return;
	else if (!anything_seen(j->m))
		put(j, 0, xstrdup("Nothing can be said: no process was seen to use a GPU."));
	else
		say_end(j);
}
