// SPDX-License-Identifier: MIT
/* rdna1-trace report --quarantine: what a trace confirms, for later runs to avoid. */
#include "cmd.h"
#include "cmd_quarantine.h"
#include "analysis/culprits.h"
#include "analysis/machine.h"
#include "base/called.h"
#include "base/log.h"
#include "report/table.h"
#include "../hsa-tools/quarantine/line.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- an entry of a culprit ---- */

static void copy(char *out, size_t size, const char *s)
{
	size_t len = s ? strnlen(s, size - 1) : 0;

	memcpy(out, s ? s : "", len);
	out[len] = 0;
}

/* The chip, and the one that the runtime believes in. */
static void take_gpu(struct quarantine_entry *e, const struct judged *j, uint32_t pid)
{
	const struct model *m = &j->model;
	unsigned int gfx = m->emu_cards.n ? m->emu_cards.v[0].ev.gfx_target_version : machine__gfx(machine__gpu(&j->merged));
	char name[16];

	for (size_t i = 0; i < m->devices.n && !e->isa[0]; i++)
		if (m->devices.v[i].gpu && m->devices.v[i].pid == pid)
			copy(e->isa, sizeof(e->isa), m->devices.v[i].name);
	if (gfx)
		copy(e->gpu, sizeof(e->gpu), machine__gfx_name(gfx, name));
}

static void take_rocm(struct quarantine_entry *e, const struct machine *m)
{
	const struct machine_library *l = machine__library(m, "hsa-runtime64");

	copy(e->rocm, sizeof(e->rocm), l && l->rocm ? l->rocm : m->rocm);
}

static enum quarantine_what what_of(const struct culprit *c)
{
	static const enum quarantine_what whats[] = {
		[INCIDENT_APERTURE] = QUARANTINE_APERTURE,   [INCIDENT_PAGE] = QUARANTINE_PAGE_FAULT,
		[INCIDENT_ILLEGAL] = QUARANTINE_ILLEGAL_INSTRUCTION, [INCIDENT_TRAP] = QUARANTINE_EXCEPTION,
		[INCIDENT_HANG] = QUARANTINE_HANG,
	};

	return c->freed ? QUARANTINE_USE_AFTER_FREE
	       : c->incident->class < ARRAY_SIZE(whats) ? whats[c->incident->class]
							: 0;
}

/* When it happened, by the calendar: session.json has when the recording began. */
static int64_t when(const struct judged *j, const struct incident *x)
{
	int64_t start;

	if (!value__number(j->session, "start_unix", &start) || start <= 0)
		return time(NULL);
	return start + (int64_t)((x->ts_ns > j->model.begin_ns ? x->ts_ns - j->model.begin_ns : 0) / 1000000000);
}

static struct quarantine_entry entry_of(const struct judged *j, const struct culprit *c, const char *dir)
{
	struct quarantine_entry e = {.what = what_of(c),
				     .avoid = c->freed	? QUARANTINE_LATE_FREE
					      : c->ours ? QUARANTINE_HOST
							: QUARANTINE_AUTO,
				     .suspect = c->suspect,
				     .emulated = j->model.emulated,
				     .count = 1};
	size_t len;

	copy(e.kernel, sizeof(e.kernel), c->kernel);
	len = strlen(e.kernel);
	if (len > 3 && !strcmp(e.kernel + len - 3, ".kd"))
		e.kernel[len - 3] = 0;
	for (int i = 0; c->sha256 && i < 32; i++)
		snprintf(e.code + 2 * i, 3, "%02x", c->sha256[i]);
	take_gpu(&e, j, c->incident->pid);
	take_rocm(&e, &j->merged);
	/* A name that does not fit leads nowhere. */
	if (strlen(dir) < sizeof(e.trace))
		copy(e.trace, sizeof(e.trace), dir);
	e.first_s = e.last_s = when(j, c->incident);
	return e;
}

/* ---- writing it ---- */

/* The run itself, or an earlier report, has put it there. */
struct search {
	const struct quarantine_entry *e;
	uint32_t number;
};

static int is_there(const struct quarantine_entry *e, uint32_t number, void *arg)
{
	struct search *s = arg;

	if (!line__same(e, s->e) || strcmp(e->trace, s->e->trace) || !e->trace[0])
		return 0;
	s->number = number;
	return 1;
}

/* What a dying process wrote may know less, or more: what happened to which kernel is the same. */
static bool by_run(const struct steering *s, const struct quarantine_entry *e)
{
	struct quarantine_entry written;

	for (size_t i = 0; i < s->quarantined.n; i++) {
		const struct quarantined *q = &s->quarantined.v[i];

		if (q->error)
			continue;
		/* It may have had no room for more than the name. */
		if (!strcmp(q->entry, e->kernel))
			return true;
		if (line__read(q->entry, strlen(q->entry), true, &written) == LINE_ENTRY && written.what == e->what &&
		    !strcmp(written.kernel, e->kernel))
			return true;
	}
	return false;
}

static void put_what(struct buf *b, const struct quarantine_entry *e)
{
	buf__printf(b, "%s of ", quarantine__what_name(e->what));
	buf__visible(b, e->kernel, strlen(e->kernel));
	if (e->suspect)
		buf__puts(b, " (suspect: others ran at the same time)");
}

/* 0 or negative errno. */
static int write_one(struct buf *b, const struct judged *j, const struct culprit *c, const char *dir, const char *path)
{
	struct quarantine_entry e;
	struct search s;
	int err;

	if (c->why_not) {
		buf__printf(b, "  not written: %s: %s\n", incident_class_name(c->incident->class), c->why_not);
		return 0;
	}
	e = entry_of(j, c, dir);
	s = (struct search){.e = &e};
	if (by_run(&j->model.steering, &e)) {
		buf__puts(b, "  not written again: ");
		put_what(b, &e);
		buf__puts(b, ": the run itself wrote it\n");
		return 0;
	}
	err = quarantine__each(path, is_there, &s, NULL);
	if (err < 0)
		return err;
	if (s.number) {
		buf__puts(b, "  not written again: ");
		put_what(b, &e);
		buf__printf(b, ": entry %u is of this trace\n", s.number);
		return 0;
	}
	err = quarantine__add(path, &e);
	if (err)
		return err;
	buf__puts(b, "  written: ");
	put_what(b, &e);
	if (e.problem[0])
		buf__printf(b, ", %s", e.problem);
	buf__putc(b, '\n');
	return 0;
}

static void put_nothing(struct buf *b, const struct findings *f)
{
	bool wrong = false;

	for (size_t i = 0; i < f->list.n; i++)
		wrong |= f->list.v[i].state == FINDING_POSSIBLE && f->list.v[i].severity == SEVERITY_error;
	buf__printf(b, "  nothing: %s\n",
		    wrong ? "what the findings hold for possible is not certain, and no kernel was seen to fail"
			  : "no failure of a kernel was recorded");
}

int quarantine_trace(const struct judged *j, const char *dir, const char *path)
{
	char *full = realpath(dir, NULL);
	struct buf b = {0}, wrapped = {0};
	struct culprits c;
	int err = 0;

	culprits__find(&c, &j->model, &j->findings);
	buf__puts(&b, "Quarantine: ");
	buf__visible(&b, path, strlen(path));
	buf__putc(&b, '\n');
	if (j->model.emulated)
		buf__puts(&b, "  This trace is of the emulated device: what is written counts there alone.\n");
	for (size_t i = 0; i < c.list.n && !err; i++)
		err = write_one(&b, j, &c.list.v[i], full ? full : dir, path);
	if (!c.list.n)
		put_nothing(&b, &j->findings);
	wrap_lines(&wrapped, buf__str(&b), terminal_width());
	fwrite(buf__str(&wrapped), 1, wrapped.len, stdout);
	if (err)
		quarantine_error("add to", path, err);
	if (fflush(stdout) || ferror(stdout)) {
		log_err("cannot write the output");
		err = -EIO;
	}
	buf__free(&b);
	buf__free(&wrapped);
	culprits__free(&c);
	free(full);
	return err ? 1 : 0;
}
