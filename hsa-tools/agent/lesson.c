// SPDX-License-Identifier: MIT
/*
 * A kernel failed: it is written to the quarantine, in the process that may be about to end, so
 * that a run with fallback=auto avoids it.
 */
#include "image.h"
#include "policy.h"
#include "steer.h"

#include "../quarantine/quarantine.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* The dispatch a queue stands at; *certain: that it does is known, not only that it is the last
 * one. */
static const struct recent *stands_at(const struct queue *q, struct recent *room, bool *certain)
{
	const struct recent *r = watchdog_stand(q, room), *last = NULL;

	*certain = r != NULL;
	for (uint32_t i = 0; !r && q->recent && i < RECENT; i++) {
		const struct recent *x = &q->recent[i];

		if (x->index && recent_type(x) == HSA_PACKET_TYPE_KERNEL_DISPATCH &&
		    recent_done(q, x) != DISPATCH_DONE_yes && (!last || x->index > last->index))
			last = x;
	}
	return r ? r : last;
}

static void copy_text(char *to, size_t size, const char *from)
{
	size_t n = 0;

	for (; from[n] && n + 1 < size; n++)
		to[n] = from[n];
	to[n] = 0;
}

static void describe(struct quarantine_entry *e, const struct queue *q,
		     const struct kernel_facts *k)
{
	const hsa_agent_t on = {q->agent};
	const char *isa = strstr(device_isa(on), "--");

	e->emulated = agent_emulated();
	copy_text(e->kernel, sizeof(e->kernel), k->name);
	/* It was cut: what the entry has is a pattern. */
	if (strlen(k->name) == sizeof(k->name) - 1)
		e->kernel[sizeof(k->name) - 1] = '*';
	if (k->code)
		code_hex(code_sha256(k->code), e->code);
	copy_text(e->gpu, sizeof(e->gpu), device_chip(on));
	if (isa)
		snprintf(e->isa, sizeof(e->isa), "%.*s", (int)strcspn(isa + 2, ":"), isa + 2);
	copy_text(e->trace, sizeof(e->trace), agent.dir_path);
	e->first_s = e->last_s = (int64_t)time(NULL);
	e->count = 1;
	/* What failed was ours, or was about to be: then the host. */
	if (e->avoid == QUARANTINE_AUTO && k->steer && k->steer->action == STEER_ACTION_native && !k->steer->num_problems)
		e->avoid = QUARANTINE_HOST;
}

static void record(const struct quarantine_entry *e, const char *path, int err)
{
	struct thread *t = evidence_begin();
	const struct ev_quarantined v = {.error = err};
	char text[QUARANTINE_LINE_MAX];
	const size_t n = quarantine__text(e, text, sizeof(text)), len = strlen(path);
	uint8_t *at;

	if (!t)
		return;
	at = agent_reserve(t, EV_quarantined, sizeof(v) + (n ?: 1) + 1 + len + 1);
	if (at) {
		memcpy(at, &v, sizeof(v));
		at = stream__put_text(at + sizeof(v), text, n);
		stream__put_text(at, path, len);
		agent_commit(t);
	}
	evidence_end();
}

static void add(const struct queue *q, const struct recent *r, enum quarantine_what what,
		bool suspect)
{
	const struct kernel_facts *k = kernel_find(r->kernel_object);
	const char *path = policy_quarantine();
	struct quarantine_entry e = {.what = what, .avoid = QUARANTINE_AUTO, .suspect = suspect};
	const char *given = agent.options.quarantine;
	int err;

	if (!k || !k->name[0])
		return;
	if (!path && strcmp(agent.options.quarantine, "off"))
		agent_say("%s is not written to a quarantine: no place for one is known (HOME, XDG_STATE_HOME, "
			  "--quarantine=FILE)",
			  k->name);
	if (!path)
		return;
	if (what == QUARANTINE_USE_AFTER_FREE)
		e.avoid = QUARANTINE_LATE_FREE;
	describe(&e, q, k);
	err = quarantine__add(path, &e);
	record(&e, path, err);
	if (err)
		agent_say("%s could not be written to the quarantine %s: %s", e.kernel, path,
			  strerror(-err));
	else
		agent_say("%s is in the quarantine now (rdna1-trace quarantine%s%s list); a run with "
			  "--fallback=auto%s%s avoids %s",
			  e.kernel, given[0] ? " -f " : "", given, given[0] ? " --quarantine=" : "", given,
			  what == QUARANTINE_USE_AFTER_FREE ? "what it met" : "it");
}

void lesson_hang(const struct queue *q, const struct recent *at)
{
	if (at && recent_type(at) == HSA_PACKET_TYPE_KERNEL_DISPATCH)
		add(q, at, QUARANTINE_HANG, false);
}

void lesson_queue_error(const hsa_queue_t *hq, hsa_status_t status)
{
	static const struct {
		int status;
		enum quarantine_what what;
	} rows[] = {
		{HSA_STATUS_ERROR_MEMORY_APERTURE_VIOLATION, QUARANTINE_APERTURE},
		{HSA_STATUS_ERROR_ILLEGAL_INSTRUCTION, QUARANTINE_ILLEGAL_INSTRUCTION},
		{HSA_STATUS_ERROR_EXCEPTION, QUARANTINE_EXCEPTION},
		{43, QUARANTINE_PAGE_FAULT}, /* HSA_STATUS_ERROR_MEMORY_FAULT, of newer headers */
	};
	const struct recent *r;
	struct recent room;
	bool certain;

	for (unsigned int i = 0; i < MAX_QUEUES; i++) {
		if (!queue_live(&queues[i]) || queues[i].q != hq)
			continue;
		r = stands_at(&queues[i], &room, &certain);
		for (size_t n = 0; r && n < sizeof(rows) / sizeof(rows[0]); n++)
			if (rows[n].status == (int)status)
				add(&queues[i], r, rows[n].what, !certain);
	}
}

/* The runtime does not say whose it was: each queue with a kernel in it may be. */
void lesson_fault(uint64_t va)
{
	const struct recent *r[8];
	struct recent room[8];
	const struct queue *q[8];
	struct map_range range;
	unsigned int n = 0;
	bool certain = true, all_certain = true;
	const enum quarantine_what what = map__find(va, &range) == MAP_FREED
						  ? QUARANTINE_USE_AFTER_FREE
						  : QUARANTINE_PAGE_FAULT;

	for (unsigned int i = 0; i < MAX_QUEUES && n < 8; i++) {
		if (!queue_live(&queues[i]) || queues[i].made_by != QUEUE_MAKER_create)
			continue;
		r[n] = stands_at(&queues[i], &room[n], &certain);
		if (!r[n])
			continue;
		all_certain &= certain;
		q[n++] = &queues[i];
	}
	for (unsigned int i = 0; i < n; i++)
		add(q[i], r[i], what, n > 1 || !all_certain);
}
