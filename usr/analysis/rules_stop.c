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
		buf__puts(&b, " (the only one that can have been running)");
	if (x->has_address)
		buf__printf(&b, ": %s%s0x%" PRIx64, access_word(x), x->address.exact ? "" : "page ", x->address.va);
	if (x->insn && x->insn[0])
		buf__printf(&b, ", %s", x->insn);
	if (x->injected)
		buf__puts(&b, "; asked for with --emulate=");
	free(kernel);
	return b.s;
}

static bool confirm(struct judge *j, enum incident_class class)
{
	const struct incident *x = judge__incident(j, class);
	struct finding *f;

	if (!x)
		return false;
	f = judge__add(j, FINDING_CONFIRMED, what_of(x));
	finding__prove_by(f, x);
	/* What to do depends on the address, of which another finding speaks. */
	if (x->has_address && x->address.kind != PLACE_UNKNOWN)
		finding__remedy(f, xstrdup(""));
	return true;
}

void rule_aperture(struct judge *j)
{
	const struct incident *x;

	if (confirm(j, INCIDENT_APERTURE))
		return;
	x = judge__incident(j, INCIDENT_PAGE);
	if (x)
		finding__prove_by(judge__add(j, FINDING_RULED_OUT,
					     xstrdup("no queue error 0x29 and no such interrupt: it was a page fault, "
						     "the other of two disjoint paths")),
				  x);
}

void rule_page_fault(struct judge *j)
{
	const struct incident *x;

	if (confirm(j, INCIDENT_PAGE))
		return;
	x = judge__incident(j, INCIDENT_APERTURE);
	if (x)
		finding__prove_by(judge__add(j, FINDING_RULED_OUT,
					     xstrdup("no page table was asked: it was an aperture violation, the other "
						     "of two disjoint paths")),
				  x);
}

void rule_illegal(struct judge *j)
{
	const struct incident *x = judge__incident(j, INCIDENT_ILLEGAL);

	if (confirm(j, INCIDENT_ILLEGAL) && !code__foreign(j, x))
		finding__remedy(&j->f->list.v[j->f->list.n - 1],
				xstrdup("its code object says that it is for this chip: look at who made it (rdna1-trace scan DIR)"));
}

void rule_other_stop(struct judge *j)
{
	static const enum incident_class classes[] = {INCIDENT_TRAP, INCIDENT_PACKET, INCIDENT_QUEUE, INCIDENT_RESET};

	for (size_t i = 0; i < ARRAY_SIZE(classes); i++) {
		const struct incident *x = judge__incident(j, classes[i]);
		char *what;

		/* A trap comes with what raised it. */
		if (!x || (classes[i] == INCIDENT_QUEUE && j->f->incidents.n > 1))
			continue;
		what = what_of(x);
		finding__prove_by(judge__add(j, FINDING_CONFIRMED, xasprintf("%s: %s", incident_class_name(classes[i]), what)), x);
		free(what);
	}
}

/* ---- hangs ---- */

static void add_remedy(struct finding *f, const char *kernel)
{
	const struct family *family = family__find(kernel);

	if (family && family->algorithm)
		finding__remedy(f, xasprintf("export MIOPEN_DEBUG_CONV_%s=0 leaves this solver family out (%s); if the "
					     "code is another chip's, use code built for this one",
					     family->algorithm, family->what));
	else
		finding__remedy(f, xstrdup("look at what the kernel waits for: a loop whose end depends on memory that "
					   "nobody writes, or on lanes that are lost"));
}

static void add_family(struct buf *b, const char *kernel)
{
	const struct family *family = family__find(kernel);

	if (family)
		buf__printf(b, "; it is MIOpen's %s%s%s", family->what, family->algorithm ? ", family " : "",
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
	if (x->injected)
		buf__puts(&b, ", asked for with --emulate=");
	add_family(&b, x->kernel);
	f = judge__add(j, FINDING_CONFIRMED, b.s);
	finding__prove_by(f, x);
	add_remedy(f, x->kernel);
	free(kernel);
	free(t);
}

/* A process that somebody ended from outside, or that never ended. */
static bool ended_from_outside(const struct process *p)
{
	int s = p->status;

	if (!p->exited)
		return true;
	return WIFSIGNALED(s) && (WTERMSIG(s) == SIGTERM || WTERMSIG(s) == SIGINT || WTERMSIG(s) == SIGKILL ||
				  WTERMSIG(s) == SIGHUP || WTERMSIG(s) == SIGALRM);
}

static void possible_hang(struct judge *j)
{
	const struct model *m = j->m;

	for (size_t i = 0; i < m->dispatches.n; i++) {
		const struct dispatch *d = &m->dispatches.v[i];
		const struct process *p = model__process(m, d->pid);
		const char *name = model__kernel(m, d->pid, d->object);
		uint64_t ran = (p && p->end_ns ? p->end_ns : m->end_ns) - d->ts_ns;
		struct finding *f;
		struct buf b = {0};
		char *t, *said;

		/* Only the device, and signals with time stamps, tell the end of a kernel. */
		if (d->duration_ns || !p || !p->device || j->e->recording || !ended_from_outside(p) ||
		    ran < 500000000 || model__intercepted(m, d->pid, d->queue_id))
			continue;
		t = say__duration(ran);
		said = say__name(name);
		buf__printf(&b, "kernel %s had run for %s when its process was stopped (packet %" PRIu64 " of queue %" PRIu64 ")",
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
	const struct incident *x = judge__incident(j, INCIDENT_HANG);

	if (x)
		confirm_hang(j, x);
	else if (!judge__first(j))
		possible_hang(j);
}

void rule_host_busy(struct judge *j)
{
	const struct model *m = j->m;
	const struct incident *hang = judge__incident(j, INCIDENT_HANG);
	struct finding *f;

	if (hang) {
		f = judge__add(j, FINDING_RULED_OUT,
			       xstrdup("the packet had begun, no compiler of the process ran and the host owed it no signal"));
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
			       xasprintf("queue %" PRIu64 " stood at packet %" PRIu64 " for %s, and that was %s", w->e.queue_id,
					 w->e.index, t,
					 w->e.state == WATCH_STATE_compiling ? "a compilation or a search"
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

void rule_crash(struct judge *j)
{
	const struct model *m = j->m;

	for (size_t i = 0; i < m->processes.n; i++) {
		const struct process *p = &m->processes.v[i];
		const struct caught_signal *s = signal_of(m, p->pid);
		const int signo = p->exited && WIFSIGNALED(p->status) ? WTERMSIG(p->status) : 0;
		const struct module *at;
		struct finding *f;
		struct buf b = {0};
		bool gpu = false;

		if (signo != SIGSEGV && signo != SIGBUS && signo != SIGILL && signo != SIGFPE)
			continue;
		for (size_t k = 0; k < j->f->incidents.n; k++)
			gpu |= j->f->incidents.v[k].pid == p->pid;
		if (gpu)
			continue;
		buf__printf(&b, "process %u (%s) was ended by ", p->pid, p->exe ? p->exe : "?");
		print_value(&b, PRINT_SIGNAL, (uint64_t)signo, true);
		at = s ? model__module_at(m, p->pid, s->e.pc) : NULL;
		if (at)
			buf__printf(&b, " in %s+0x%" PRIx64, at->path, s->e.pc - at->base);
		buf__puts(&b, ", and no failure of the GPU came before");
		f = judge__add(j, FINDING_CONFIRMED, b.s);
		if (s)
			finding__prove(f, s->ts_ns, "process_signal", xasprintf("at 0x%" PRIx64 ", address 0x%" PRIx64, s->e.pc, s->e.addr));
		finding__prove(f, p->end_ns, "proc_exit", xstrdup("its end"));
	}
}
