// SPDX-License-Identifier: MIT
/* What stopped the program. */
#include "rules.h"
#include "families.h"
#include "../decode/print.h"

#include <signal.h>
#include <sys/wait.h>

static const char *access_word(const struct incident *x)
{
	return !x->access_known ? "an access to " : x->write ? "a store to " : "a load from ";
}

/* "kernel foo (packet 3 of queue 1): a store to 0x..: global_store_dword v[0:1], v2, off" */
static char *what_of(const struct incident *x)
{
	char *kernel = say__kernel(x);
	struct buf b = {0};

	buf__puts(&b, kernel);
	if (x->kernels_running > 1)
		buf__printf(&b, " (or another of the %u that ran)", x->kernels_running);
	else if (x->object && !x->kernel_certain)
		buf__puts(&b, " (of those recorded the only one that can have been running)");
	if (x->has_address)
		buf__printf(&b, ": %s%s0x%" PRIx64, access_word(x), x->address.exact ? "" : "page ",
			    x->address.va);
	if (x->insn && x->insn[0])
		buf__printf(&b, ", %s", x->insn);
	free(kernel);
	return b.s;
}

/* False when there was none of the class. */
static bool confirm(struct judge *j, enum incident_class class)
{
	const struct incident *x;
	bool any = false;

	for (size_t i = 0; (x = judge__get(j, i)); i++) {
		struct finding *f;

		if (x->class != class)
			continue;
		any = true;
		f = judge__about(j, FINDING_CONFIRMED, what_of(x), x);
		finding__prove_by(f, x);
		/* What to do depends on the address, of which another finding speaks. */
		if (x->has_address && x->address.kind != PLACE_UNKNOWN)
			finding__remedy(f, xstrdup(""));
	}
	return any;
}

/* Of two classes that are disjoint the one that it was not. */
static void rule_out(struct judge *j, enum incident_class other, const char *what)
{
	const struct incident *x = judge__incident(j, other);

	if (x)
		finding__prove_by(judge__about(j, FINDING_RULED_OUT, xstrdup(what), x), x);
}

void rule_aperture(struct judge *j)
{
	if (!confirm(j, INCIDENT_APERTURE))
		rule_out(j, INCIDENT_PAGE,
			 "it was a page fault, the other of two ways that exclude each other");
}

void rule_page_fault(struct judge *j)
{
	if (!confirm(j, INCIDENT_PAGE))
		rule_out(j, INCIDENT_APERTURE,
			 "it was an aperture violation, the other of two ways that exclude each "
			 "other: no page table was asked");
}

void rule_illegal(struct judge *j)
{
	const struct incident *x = judge__incident(j, INCIDENT_ILLEGAL);

	if (confirm(j, INCIDENT_ILLEGAL) && !code__foreign(j, x))
		finding__remedy(&j->f->list.v[j->f->list.n - 1],
				xstrdup("its code object says that it is for this chip: look at "
					"who made it (rdna1-trace scan DIR)"));
}

void rule_other_stop(struct judge *j)
{
	const struct incident *x;

	for (size_t i = 0; (x = judge__get(j, i)); i++) {
		struct finding *f;
		char *what;

		if (x->class != INCIDENT_TRAP && x->class != INCIDENT_PACKET &&
		    x->class != INCIDENT_QUEUE && x->class != INCIDENT_RESET)
			continue;
		what = x->class == INCIDENT_RESET
			       ? xstrdup("the work of every process on it is lost")
			       : what_of(x);
		f = judge__about(j, FINDING_CONFIRMED,
				 xasprintf("%s: %s", incident_class_name(x->class), what), x);
		finding__prove_by(f, x);
		if (x->class == INCIDENT_RESET)
			finding__remedy(f, xstrdup("the kernel's log says what the driver waited "
						   "for (dmesg); rdna1-trace explain reads it"));
		free(what);
	}
}

/* ---- hangs ---- */

static void add_remedy(struct finding *f, const char *kernel)
{
	const struct family *family = family__find(kernel);

	if (family && family->algorithm)
		finding__remedy(f, xasprintf("export MIOPEN_DEBUG_CONV_%s=0 leaves this solver "
					     "family out (%s); if the "
					     "code is another chip's, use code built for this one",
					     family->algorithm, family->what));
	else
		finding__remedy(f, xstrdup("look at what the kernel waits for: a loop whose end "
					   "depends on memory that "
					   "nobody writes, or on lanes that are lost"));
}

static void add_family(struct buf *b, const char *kernel)
{
	const struct family *family = family__find(kernel);

	if (family)
		buf__printf(b, "; it is %s%s%s%s", family->algorithm ? "MIOpen's " : "a ",
			    family->what, family->algorithm ? ", family " : "",
			    family->algorithm ? family->algorithm : "");
}

static void confirm_hang(struct judge *j, const struct incident *x)
{
	char *kernel = say__kernel(x), *t = say__duration(x->elapsed_ns);
	struct buf b = {0};
	struct finding *f;

	buf__printf(&b, "%s, packet %" PRIu64 " of queue %" PRIu64, kernel, x->index, x->queue_id);
	if (x->elapsed_ns)
		buf__printf(&b, ", made no progress for %s", t);
	add_family(&b, x->kernel);
	f = judge__about(j, FINDING_CONFIRMED, b.s, x);
	finding__prove_by(f, x);
	add_remedy(f, x->kernel);
	free(kernel);
	free(t);
}

/* A process that somebody ended from outside. */
static bool ended_from_outside(const struct process *p)
{
	int signo = p->exited && WIFSIGNALED(p->status) ? WTERMSIG(p->status) : 0;

	return signo == SIGTERM || signo == SIGINT || signo == SIGKILL || signo == SIGHUP ||
	       signo == SIGALRM;
}

static void possible_hang(struct judge *j)
{
	const struct model *m = j->m;

	for (size_t i = 0; i < m->dispatches.n; i++) {
		const struct dispatch *d = &m->dispatches.v[i];
		const struct process *p = model__process(m, d->pid);
		const char *name = model__kernel(m, d->pid, d->object);
		uint64_t ran = p && p->end_ns > d->ts_ns ? p->end_ns - d->ts_ns : 0;
		struct finding *f;
		struct buf b = {0};
		char *t, *said;

		/* Only the device, and signals with time stamps, tell the end of a kernel. */
		if (d->duration_ns || !p || !p->device || j->e->recording ||
		    !ended_from_outside(p) || ran < 500000000 ||
		    model__intercepted(m, d->pid, d->queue_id))
			continue;
		t = say__duration(ran);
		said = say__name(name);
		buf__printf(&b,
			    "kernel %s had run for %s when its process was stopped (packet %" PRIu64
			    " of queue %" PRIu64 ")",
			    said, t, d->index, d->queue_id);
		free(t);
		free(said);
		add_family(&b, name);
		f = judge__add(j, FINDING_POSSIBLE, b.s);
		finding__prove(f, d->ts_ns, "dispatch", xstrdup("its dispatch"));
		add_remedy(f, name);
		f->decide = xstrdup("--on-hang=abort: the watchdog then names a hang, and ends it");
		return;
	}
}

void rule_hang(struct judge *j)
{
	const struct incident *x;
	bool any = false;

	for (size_t i = 0; (x = judge__get(j, i)); i++) {
		/* What a reset took is not hung. */
		if (x->class != INCIDENT_HANG || judge__of(j, x->pid, INCIDENT_RESET))
			continue;
		confirm_hang(j, x);
		any = true;
	}
	if (!any && !judge__first(j))
		possible_hang(j);
}

void rule_host_busy(struct judge *j)
{
	const struct model *m = j->m;
	const struct incident *hang = judge__incident(j, INCIDENT_HANG);
	struct finding *f;

	/* Only the watchdog looked. */
	if (hang && m->agent.hangs.n) {
		f = judge__add(j, FINDING_RULED_OUT,
			       xstrdup("the packet had begun, no compiler of the process ran and "
				       "the host owed it no signal"));
		finding__prove_by(f, hang);
		return;
	}
	for (size_t i = 0; i < m->agent.watched.n; i++) {
		const struct watched *w = &m->agent.watched.v[i];
		char *t;

		if (w->e.state != WATCH_STATE_waiting && w->e.state != WATCH_STATE_compiling)
			continue;
		t = say__duration(w->e.elapsed_ns);
		f = judge__add(j, FINDING_CONFIRMED,
			       xasprintf("queue %" PRIu64 " stood at packet %" PRIu64
					 " for %s, and that was %s",
					 w->e.queue_id, w->e.index, t,
					 w->e.state == WATCH_STATE_compiling
						 ? "a compilation or a search"
						 : "a wait for a signal that the host sets"));
		f->severity = SEVERITY_note;
		finding__prove(f, w->ts_ns, "watch", xstrdup("the watchdog's last word of it"));
		free(t);
		return;
	}
}

/* ---- the host ---- */

static const struct caught_signal *signal_of(const struct model *m, uint32_t pid)
{
	for (size_t i = 0; i < m->agent.signals.n; i++)
		if (m->agent.signals.v[i].pid == pid && m->agent.signals.v[i].e.signo != SIGABRT)
			return &m->agent.signals.v[i];
	return NULL;
}

/* It used the GPU, or is the command. */
static bool concerns(const struct model *m, const struct process *p)
{
	return p->agent || p->device || (m->ended && m->status == p->status);
}

void rule_crash(struct judge *j)
{
	const struct model *m = j->m;

	for (size_t i = 0; i < m->processes.n; i++) {
		const struct process *p = &m->processes.v[i];
		const int signo = p->exited && WIFSIGNALED(p->status) ? WTERMSIG(p->status) : 0;
		const struct caught_signal *s;
		const struct module *at;
		struct finding *f;
		struct buf b = {0};
		bool gpu = false;

		if (signo != SIGSEGV && signo != SIGBUS && signo != SIGILL && signo != SIGFPE)
			continue;
		for (size_t k = 0; k < j->f->incidents.n; k++)
			gpu |= j->f->incidents.v[k].pid == p->pid &&
			       j->f->incidents.v[k].ts_ns <= p->end_ns;
		if (gpu)
			continue;
		s = signal_of(m, p->pid);
		buf__printf(&b, "process %u (%s) was ended by ", p->pid, p->exe ? p->exe : "?");
		print_value(&b, PRINT_SIGNAL, (uint64_t)signo, true);
		at = s ? model__module_at(m, p->pid, s->e.pc) : NULL;
		if (at)
			buf__printf(&b, " in %s+0x%" PRIx64, at->path, s->e.pc - at->base);
		if (p->agent || m->interrupts_on)
			buf__puts(&b, "; no failure of the GPU came before");
		f = judge__add(j, FINDING_CONFIRMED, b.s);
		if (!concerns(m, p))
			f->severity = SEVERITY_note;
		if (s)
			finding__prove(f, s->ts_ns, "process_signal",
				       xasprintf("at 0x%" PRIx64 ", address 0x%" PRIx64, s->e.pc,
						 s->e.addr));
		finding__prove(f, p->end_ns, "proc_exit", xstrdup("its end"));
	}
}
