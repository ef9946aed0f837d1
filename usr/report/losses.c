// SPDX-License-Identifier: MIT
/* What the trace holds and lacks. */
#include "parts.h"
#include "../base/called.h"
#include "../decode/drm.h"
#include "../decode/kfd.h"

#include <stdlib.h>
#include <string.h>

/* "AMDKFD_IOC_SVM EINVAL, AMDKFD_IOC_WAIT_EVENTS EINTR (3 times)" */
static void put_ioctls(struct buf *b, const struct ioctl_sums *s)
{
	const char *sep = "";

	for (size_t i = 0; i < s->list.n; i++) {
		const struct ioctl_sum *x = &s->list.v[i];
		const char *name = strerrorname_np(x->err);

		if (!x->count)
			continue;
		buf__puts(b, sep);
		sep = ", ";
		if (IOC_TYPE(x->cmd) == 'd')
			drm_print_cmd(b, x->cmd);
		else
		kfd_print_cmd(b, x->cmd);
		if (x->err && name)
			buf__printf(b, " %s", name);
		else if (x->err)
			buf__printf(b, " error %d", x->err);
		if (x->count > 1)
			buf__printf(b, " (%" PRIu64 " times)", x->count);
	}
}

bool is_torn(const struct trace_stats *st)
{
	return st->torn_chunks || st->missing_chunks;
}

void report_torn(const struct trace_stats *st, const char *dir, const char *sep, struct buf *b)
{
	if (st->torn_chunks)
		buf__printf(b, "%" PRIu64 " bytes of %u chunk%s", st->torn_bytes, st->torn_chunks,
			    plural(st->torn_chunks));
	if (st->missing_chunks)
		buf__printf(b, "%s%" PRIu64 " missing chunk%s", st->torn_chunks ? " and " : "",
			    st->missing_chunks, plural(st->missing_chunks));
	buf__puts(b, ", as after a machine that stopped");
	if (!dir)
		return;
	buf__printf(b, ";%sa copy for other readers of CTF: %s recover ", sep, called());
	buf__shell(b, dir);
}

void report_ring(const struct accounts *a, const struct trace_stats *st, uint64_t begin_ns,
		 struct buf *b)
{
	uint64_t n = 0;

	for (size_t i = 0; i < a->list.n; i++)
		n += a->list.v[i].by_cause[LOSS_overwritten];
	if (!n && !st->removed_chunks)
		return;
	buf__printf(b, "  ring mode: %" PRIu64 " older event%s overwritten", n,
		    n == 1 ? " was" : "s were");
	if (st->whole_from_ns > begin_ns) {
		buf__puts(b, "; the trace begins at ");
		print_ns(b, st->whole_from_ns - begin_ns);
		buf__puts(b, " of the recording");
	}
	buf__putc(b, '\n');
}

/* What became of events that were seen and are not here, nor counted as lost. */
static const char *not_there(const struct model *m)
{
	if (m->stats.vanished_chunks)
		return "overwritten while this was read";
	if (is_torn(&m->stats) || m->recovered)
		return "damaged or never on disk";
	return m->stats.removed_chunks ? "in flight, or a chunk being overwritten, when killed"
				       : "in flight when killed";
}

/* Processes that used the driver and whose own side is not here. */
static void put_agentless(const struct model *m, const struct text_options *o, struct buf *b)
{
	const struct agentless_process *p;
	bool guess = false;

	for (size_t i = 0; !m->attached.n && (p = agentless__get(&m->agentless, i)); i++) {
		const char *why = NULL;

		for (size_t k = 0; k < o->num_agentless; k++)
			if (o->agentless[k].pid == p->pid)
				why = o->agentless[k].why;
		buf__printf(b, "  process %u (%s) used the driver without the agent: its own side is not recorded",
			    p->pid, p->exe ? p->exe : "its program is not known");
		if (why)
			buf__printf(b, "; found: %s", why);
		buf__putc(b, '\n');
		guess |= !why;
	}
	if (guess)
		buf__printf(b, "  likely: %s\n", agentless_reasons);
}

void put_losses(const struct model *m, const struct text_options *o, struct buf *b)
{
	static const struct column columns[] = {{"source", false, false, 0}, {"seen", true, false, 0},
						{"written", true, false, 0}, {"lost", true, false, 0},
						{"why", false, true, 0}};
	static const enum ev_source sources[] = {SOURCE_kernel, SOURCE_agent, SOURCE_emu,
						 SOURCE_recorder};
	struct table t = {.columns = columns, .num_columns = ARRAY_SIZE(columns)};

	heading(b, "What was recorded");
	for (size_t i = 0; i < ARRAY_SIZE(sources); i++) {
		struct account a = accounts__sum(&m->accounts, sources[i]);
		uint64_t open = account__unexplained(&a);
		struct buf why = {0};

		if (!a.seen && sources[i] != SOURCE_kernel && sources[i] != SOURCE_agent)
			continue;
		for (unsigned int c = 1; c < LOSS_COUNT; c++)
			if (a.by_cause[c])
				buf__printf(&why, "%s%s: %" PRIu64, why.len ? ", " : "",
					    loss_cause_text(c), a.by_cause[c]);
		if (open)
			buf__printf(&why, "%s%s: %" PRIu64, why.len ? ", " : "", not_there(m), open);
		if (!a.seen)
			buf__puts(&why, "not recorded");
		table__cellf(&t, "%s", source_name(sources[i]));
		table__cellf(&t, "%" PRIu64, a.seen);
		table__cellf(&t, "%" PRIu64, a.written);
		table__cellf(&t, "%" PRIu64, a.dropped + open);
		table__cell(&t, take(&why));
	}
	table__render(&t, b, o->width);
	for (size_t i = 0, from = 0; i < m->hooks_off.n; i++) {
		const struct hook_off *h = &m->hooks_off.v[i];

		/* One line for all that are off for one reason. */
		if (i + 1 < m->hooks_off.n && !strcmp(h->reason, h[1].reason))
			continue;
		buf__puts(b, "  not recorded: ");
		for (; from <= i; from++)
			buf__printf(b, "%s%s", m->hooks_off.v[from].name, from < i ? ", " : ": ");
		buf__printf(b, "%s\n", h->reason);
	}
	report_ring(&m->accounts, &m->stats, m->begin_ns, b);
	put_notes(m, b);
	put_agentless(m, o, b);
	put_libraries(m, b);
	if (m->trace_options)
		buf__printf(b, "  --trace=%s was given: of the kernel's side nothing else was to be recorded\n",
			    m->trace_options);
	if (o->recording) {
		buf__puts(b, "  still recording: what is here is what was written so far\n");
	} else if (m->command && !m->ended) {
		buf__puts(b, "  the recorder was killed: of the kernel's side nothing is here from ");
		print_ns(b, m->recorder_last_ns - m->begin_ns);
		buf__puts(b, " on\n");
	}
	if (m->ioctls)
		buf__printf(b, "  %" PRIu64 " KFD ioctls (from %s)\n", m->ioctls,
			    m->kernel_side ? "eBPF" : "the emulated device's own log");
	if (m->failed_ioctls) {
		buf__printf(b, "  %" PRIu64 " of them failed: ", m->failed_ioctls);
		put_ioctls(b, &m->failed);
		buf__putc(b, '\n');
	}
	if (m->interrupted_ioctls) {
		buf__printf(b, "  %" PRIu64 " of them interrupted: ", m->interrupted_ioctls);
		put_ioctls(b, &m->interrupted);
		buf__putc(b, '\n');
	}
	if (m->open_ioctls) {
		buf__printf(b, "  %" PRIu64 " still open at the end: ", m->open_ioctls);
		put_ioctls(b, &m->open);
		buf__putc(b, '\n');
	}
	if (m->drm_ioctls)
		buf__printf(b, "  %" PRIu64 " ioctl%s of a render node (GEM and CS)\n",
			    m->drm_ioctls, plural(m->drm_ioctls));
	if (m->failed_drm_ioctls) {
		buf__printf(b, "  %" PRIu64 " of them failed: ", m->failed_drm_ioctls);
		put_ioctls(b, &m->failed_drm);
		buf__putc(b, '\n');
	}
	if (m->unjoined_writers)
		buf__printf(b, "  %" PRIu64 " agent%s not joined: several PID namespaces have a process of its number\n",
			    m->unjoined_writers, plural(m->unjoined_writers));
	if (is_torn(&m->stats)) {
		buf__puts(b, "  left out: ");
		report_torn(&m->stats, m->recovered ? NULL : o->dir, "\n    ", b);
		buf__putc(b, '\n');
	}
	if (m->recovered)
		buf__puts(b, "  a recovered copy: what was damaged or never on disk is missing\n");
	if (m->stats.unknown)
		buf__printf(b, "  %" PRIu64 " event%s of kinds this version does not know were skipped\n",
			    m->stats.unknown, plural(m->stats.unknown));
	if (m->stats.foreign_chunks)
		buf__printf(b, "  %u file%s of another trace were left out\n", m->stats.foreign_chunks,
			    plural(m->stats.foreign_chunks));
}
