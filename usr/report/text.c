// SPDX-License-Identifier: MIT
/* The report as a whole: device, command, the parts, lines that fit. */
#include "parts.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

char *take(struct buf *b)
{
	char *s = b->s ? b->s : xstrdup("");

	*b = (struct buf){0};
	return s;
}

char *duration(uint64_t ns)
{
	struct buf b = {0};

	print_ns(&b, ns);
	return take(&b);
}

char *bytes(uint64_t n)
{
	struct buf b = {0};

	buf__size(&b, n);
	return take(&b);
}

char *pool_name(const struct model *m, const struct pool *p)
{
	const struct device *d = p ? model__device(m, p->pid, p->device) : NULL;
	struct buf b = {0};

	if (!p)
		return xstrdup("?");
	buf__printf(&b, "%s ", d ? (d->gpu ? "GPU" : "CPU") : "?");
	if (d && d->gpu && several_gpus(m))
		buf__printf(&b, "node-%u ", d->node); /* as the runtime names it */
	print_grain(&b, p->flags);
	return take(&b);
}

void heading(struct buf *b, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	buf__printf(b, "\n%s\n", text);
}

bool several(const struct model *m)
{
	unsigned int n = 0;

	for (size_t i = 0; i < m->processes.n; i++)
		n += m->processes.v[i].agent;
	return n > 1;
}

bool several_gpus(const struct model *m)
{
	const struct device *first = NULL;

	if (m->emu_cards.n > 1)
		return true;
	for (size_t i = 0; i < m->devices.n; i++) {
		const struct device *d = &m->devices.v[i];

		if (d->gpu && first && d->node != first->node)
			return true;
		if (d->gpu)
			first = d;
	}
	return false;
}

void and_more(struct buf *b, size_t shown, size_t all)
{
	if (shown < all)
		buf__printf(b, "  and %zu more (--all shows them)\n", all - shown);
}

bool inside_seen(const struct model *m)
{
	return accounts__sum(&m->accounts, SOURCE_agent).seen || m->emu_cards.n;
}

uint64_t lost_of(const struct model *m, enum ev_source source)
{
	struct account a = accounts__sum(&m->accounts, source);

	return a.dropped + account__unexplained(&a);
}

bool end_overwritten(const struct model *m, uint64_t begin_ns)
{
	return begin_ns < m->stats.whole_from_ns;
}

bool unfinished(const struct model *m, const struct dispatch *x)
{
	const struct process *p = model__process(m, x->pid);

	if (!p || !p->device || x->duration_ns || end_overwritten(m, x->ts_ns))
		return false;
	/* The device has ROCr's packet in a queue of its own instead: when which of them ended is not known. */
	if (model__intercepted(m, x->pid, x->queue_id))
		return false;
	/* The device names queues otherwise: what tells which is which may be overwritten, too. */
	return !m->stats.whole_from_ns || model__queue_device(m, x->pid, x->queue_id);
}

/* KFD's 100102 is gfx1012. */
static void gfx_name(uint32_t version, char name[32])
{
	snprintf(name, 32, "gfx%u%u%x", version / 10000, version / 100 % 100, version % 100);
}

/* Node 0 is the CPU, the emulated cards follow it (hsa-tools/emu/launch/topology.c). */
static uint32_t node_of_card(size_t i)
{
	return (uint32_t)i + 1;
}

/* HSA_OVERRIDE_GFX_VERSION makes the runtime load code of another processor. */
static void put_override(const struct model *m, struct buf *b)
{
	for (size_t c = 0; c < m->emu_cards.n; c++) {
		char gfx[32];

		gfx_name(m->emu_cards.v[c].ev.gfx_target_version, gfx);
		for (size_t i = 0; i < m->devices.n; i++) {
			const struct device *d = &m->devices.v[i];

			if (!d->gpu || d->node != node_of_card(c) || !strcmp(d->name, gfx))
				continue;
			buf__puts(b, "  The runtime takes ");
			if (m->emu_cards.n > 1)
				buf__printf(b, "node-%u", d->node);
			else
				buf__puts(b, "it");
			buf__printf(b, " for %s (HSA_OVERRIDE_GFX_VERSION) and loads code for that.\n", d->name);
			break;
		}
	}
}

/* What --emulate= asked for, and what of it did not come: a fault at a dispatch that never was. */
static void put_emu_options(const struct model *m, struct buf *b)
{
	struct account emu = accounts__sum(&m->accounts, SOURCE_emu);
	const char *at = m->emu_options;

	if (!at)
		return;
	buf__printf(b, "  Asked for with --emulate=%s.\n", at);
	if (!m->ended || emu.seen != emu.written)
		return; /* what did not happen yet, or was lost, is not known */
	for (; (at = strstr(at, "fault:")); at += strcspn(at, ",")) {
		int len = (int)strcspn(at, ",");
		char *said = xasprintf("injected by --emulate=%.*s", len, at);
		bool came = false;

		for (size_t i = 0; i < m->faults.n && !came; i++)
			came = m->faults.v[i].insn && !strcmp(m->faults.v[i].insn, said);
		if (!came)
			buf__printf(b, "  %.*s did not happen: no process came to that dispatch.\n", len, at);
		free(said);
	}
}

static void put_device(const struct model *m, struct buf *b)
{
	unsigned int gpus = 0;
	char gfx[32];

	for (size_t i = 0; i < m->emu_cards.n; i++) {
		const struct emu_card *c = &m->emu_cards.v[i];

		gfx_name(c->ev.gfx_target_version, gfx);
		buf__printf(b, "emulated device: %s (%s, %u CUs, ", c->name, gfx, c->ev.compute_units);
		buf__size(b, c->ev.vram_bytes);
		buf__puts(b, ")");
		if (m->emu_cards.n > 1)
			buf__printf(b, ", node-%u", node_of_card(i));
		buf__putc(b, '\n');
	}
	if (m->emu_cards.n) {
		buf__printf(b, "  Everything below was observed on %s, not on hardware.\n",
			    m->emu_cards.n > 1 ? "them" : "it");
		put_emu_options(m, b);
		put_override(m, b);
		return;
	}
	for (size_t i = 0; i < m->devices.n; i++) {
		const struct device *d = &m->devices.v[i];
		bool said = false;

		for (size_t k = 0; k < i; k++)
			said |= m->devices.v[k].gpu && m->devices.v[k].node == d->node &&
				!strcmp(m->devices.v[k].product, d->product);
		if (!d->gpu || said)
			continue;
		buf__printf(b, "%sdevice: %s (%s)\n", m->emulated ? "emulated " : "", d->product, d->name);
		gpus++;
	}
	if (m->emulated && gpus)
		buf__puts(b, "  Everything below was observed on it, not on hardware.\n");
	else if (m->emulated && m->attached.n)
		buf__puts(b, "emulated device: not known here; the trace of who started the process with "
			     "--emulate names it\n"
			     "  Everything below was observed on it, not on hardware.\n");
	else if (m->emulated && accounts__sum(&m->accounts, SOURCE_emu).seen)
		buf__puts(b, "emulated device: which one is not known, its own events are missing\n"
			     "  Everything below was observed on it, not on hardware.\n");
	else if (m->emulated)
		buf__puts(b, "emulated device: never opened by the command\n");
	else if (!gpus && m->attached.n)
		buf__puts(b, "device: not known (the runtime's side of a process that ran already is not recorded)\n");
	else if (!gpus)
		buf__puts(b, "device: not known (no process initialised HSA under the agent)\n");
}

static void put_status(struct buf *b, int32_t status)
{
	if (WIFSIGNALED(status))
		buf__printf(b, "killed by signal %d (%s)", WTERMSIG(status),
			    sigabbrev_np(WTERMSIG(status)) ?: "?");
	else
		buf__printf(b, "exited with %d", WEXITSTATUS(status));
}

/* "attached to process 4711 (/usr/bin/python3), 12.3s after it began" */
static void put_attached(const struct model *m, const struct text_options *o, struct buf *b)
{
	size_t children = 0, left = 0;

	for (size_t i = 0; i < m->attached.n; i++) {
		const struct attached_to *a = &m->attached.v[i];

		children += a->parent != 0;
		if (a->parent)
			continue;
		buf__printf(b, "attached to process %u (%s), ", a->pid, a->exe);
		print_ns(b, a->age_ns);
		buf__puts(b, " after it began\n");
	}
	if (children)
		buf__printf(b, "  and to %zu child%s\n", children, children == 1 ? "" : "ren");
	buf__puts(b, "  recorded for ");
	print_ns(b, m->end_ns - m->attached.v[0].ts_ns);
	buf__puts(b, " from there on: allocations made before are not known\n");
	for (size_t i = 0; i < m->processes.n; i++)
		left += m->processes.v[i].left;
	if (!m->ended)
		buf__puts(b, o->recording ? "  still recording\n" : "  its end was not recorded\n");
	else if (left)
		buf__printf(b, "  detached: %zu process%s went on\n", left, left == 1 ? "" : "es");
}

static void put_command(const struct model *m, const struct text_options *o, struct buf *b)
{
	size_t hidden = 0;

	if (m->attached.n) {
		put_attached(m, o, b);
	} else if (m->command) {
		buf__printf(b, "command: %s\n  ", m->command);
		if (m->ended)
			put_status(b, m->status);
		else
			buf__puts(b, o->recording ? "still running" : "its end was not recorded");
		buf__puts(b, ", recorded for ");
		print_ns(b, m->end_ns - m->begin_ns);
		buf__putc(b, '\n');
	}
	for (size_t i = 0; i < m->processes.n; i++) {
		const struct process *p = &m->processes.v[i];

		if (!p->agent && m->processes.n > 8 && !o->all) {
			hidden++;
			continue;
		}
		buf__printf(b, "  process %u: %s%s", p->pid, p->exe ? p->exe : "?",
			    p->agent ? ", uses HSA" : "");
		if (p->exited) {
			buf__puts(b, ", ");
			put_status(b, p->status);
		}
		if (p->left)
			buf__puts(b, ", still ran at the end");
		buf__putc(b, '\n');
	}
	if (hidden)
		buf__printf(b, "  and %zu process%s that do not use HSA (--all shows them)\n", hidden,
			    hidden == 1 ? "" : "es");
}

void report_text(const struct model *m, const struct findings *f, const struct text_options *o, struct buf *b)
{
	struct buf all = {0};

	put_device(m, &all);
	if (f)
		put_verdict(f, &all);
	put_command(m, o, &all);
	if (o->brief)
		put_steering_line(m, &all);
	if (f)
		put_findings(f, o, &all);
	if (o->brief) {
		wrap_lines(b, buf__str(&all), o->width);
		buf__free(&all);
		return;
	}
	put_steering(m, o, &all);
	put_faults(m, o, &all);
	put_stopped(m, o, &all);
	put_pointers(m, o, &all);
	put_stops(m, &all);
	put_changed(m, o, &all);
	put_allocs(m, o, &all);
	put_buffers(m, o, &all);
	put_moves(m, &all);
	put_page_tables(m, o, &all);
	if (f)
		put_ladder(f, &all);
	put_dispatches(m, o, &all);
	put_ranges(m, o, &all);
	put_calls(m, o, &all);
	put_losses(m, o, &all);
	wrap_lines(b, buf__str(&all), o->width);
	buf__free(&all);
}
