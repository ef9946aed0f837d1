// SPDX-License-Identifier: MIT
/* What the agent changed of the run, as it was asked to: --override, --late-free and the like. */
#include "parts.h"
#include "../decode/hsa.h"

#include <stdlib.h>
#include <string.h>

char *policy_pool(const struct model *m, uint32_t pid, uint16_t id, uint32_t flags)
{
	struct buf b = {0};
	char *name = pool_name(m, model__pool_numbered(m, pid, id));

	buf__puts(&b, name);
	if (flags)
		buf__printf(&b, ", flags 0x%x", flags);
	free(name);
	return take(&b);
}

/* Several processes mostly say the same. */
static bool said_before(const struct model *m, size_t i)
{
	const struct policy *p = &m->policies.list.v[i];

	for (size_t k = 0; k < i; k++) {
		const struct policy *x = &m->policies.list.v[k];

		if (x->kind == p->kind && x->rule == p->rule && x->state == p->state && !strcmp(x->asked, p->asked) &&
		    !strcmp(x->reason, p->reason))
			return true;
	}
	return false;
}

bool policy_is_of_memory(const struct policy *p)
{
	return p->kind == POLICY_KIND_override || p->kind == POLICY_KIND_late_free;
}

/* A rule that nothing came of: mistyped, perhaps. */
static bool matched_nothing(const struct model *m, const struct policy *p)
{
	if (p->kind == POLICY_KIND_replace) {
		for (size_t i = 0; i < m->steering.list.n; i++)
			if (m->steering.list.v[i].e.why == STEER_WHY_rule && m->steering.list.v[i].e.rule == p->rule)
				return false;
		return true;
	}
	for (size_t i = 0; i < m->policies.overrides.n; i++)
		if (m->policies.overrides.v[i].like.rule == p->rule)
			return false;
	/* Of what is left as it is, nothing is recorded. */
	return p->kind == POLICY_KIND_override && !strstr(p->asked, ":leave");
}

void put_policies(const struct model *m, struct buf *b, bool of_memory)
{
	for (size_t i = 0; i < m->policies.list.n; i++) {
		const struct policy *p = &m->policies.list.v[i];

		if (policy_is_of_memory(p) != of_memory || said_before(m, i))
			continue;
		buf__puts(b, "  ");
		names__value(b, names_policy_kind, p->kind);
		buf__printf(b, " %u, ", p->rule);
		buf__visible(b, p->asked, strlen(p->asked));
		buf__puts(b, ": ");
		names__value(b, names_policy_state, p->state);
		if (p->reason[0]) {
			buf__puts(b, p->state == POLICY_STATE_on ? ", " : ": ");
			buf__visible(b, p->reason, strlen(p->reason));
		}
		if (p->state == POLICY_STATE_on && matched_nothing(m, p))
			buf__puts(b, p->kind == POLICY_KIND_override ? ", but no allocation was meant by it"
								      : ", but no kernel that was loaded is meant by it");
		buf__putc(b, '\n');
	}
}

static uint64_t caller_of(const struct model *m, uint32_t pid, uint16_t site)
{
	size_t i;

	return site && map__get(&m->agent.site_by_id, pid, site, &i) ? m->agent.sites.v[i].addr : 0;
}

char *override_place(const struct model *m, const struct override_sum *x)
{
	return place_text(m, x->pid, caller_of(m, x->pid, x->like.site));
}

static void add_row(const struct model *m, struct table *t, const struct override_sum *x)
{
	const char *status = hsa_status_name((uint32_t)x->like.status);
	char *pool = policy_pool(m, x->pid, x->like.pool, x->like.flags);

	table__cellf(t, "%u", x->pid);
	table__cellf(t, "%u", x->like.rule);
	table__cell(t, policy_pool(m, x->pid, x->like.asked_pool, x->like.asked_flags));
	if (x->like.status)
		table__cellf(t, "as asked: %s: %s", pool, status ? status : "failed");
	else
		table__cellf(t, "%s", pool);
	table__cellf(t, "%" PRIu64, x->count);
	table__cell(t, bytes(x->bytes));
	table__cell(t, override_place(m, x));
	free(pool);
}

static void put_overrides(const struct model *m, const struct text_options *o, struct buf *b)
{
	const struct column columns[] = {{"process", true, false, several(m) ? 0 : HIDDEN_COLUMN},
					 {"rule", true, false, 0},
					 {"asked for", false, false, 0},
					 {"made from", false, true, 0},
					 {"count", true, false, 0},
					 {"bytes", true, false, 0},
					 {"asked at", false, true, 0}};
	struct table t = {.columns = columns, .num_columns = ARRAY_SIZE(columns)};
	uint64_t count = 0, size = 0, failed = 0;
	size_t shown = 0;

	for (size_t i = 0; i < m->policies.overrides.n; i++) {
		const struct override_sum *x = &m->policies.overrides.v[i];

		*(x->like.status ? &failed : &count) += x->count;
		size += x->like.status ? 0 : x->bytes;
		if (shown == MAX_ROWS && !o->all)
			continue;
		shown++;
		add_row(m, &t, x);
	}
	if (!m->policies.overrides.n)
		return;
	buf__printf(b, "  allocations made otherwise than asked: %" PRIu64 ", %" PRIu64 " bytes", count, size);
	if (failed)
		buf__printf(b, "; %" PRIu64 " that could not be", failed);
	buf__putc(b, '\n');
	table__render(&t, b, o->width);
	and_more(b, shown, m->policies.overrides.n);
}

static void put_kept(const struct model *m, struct buf *b)
{
	for (size_t i = 0; i < m->policies.kept.n; i++) {
		const struct kept_sum *x = &m->policies.kept.v[i];
		char *size = bytes(x->bytes), *most = bytes(x->most_bytes);

		buf__puts(b, "  ");
		if (several(m))
			buf__printf(b, "process %u: ", x->pid);
		buf__printf(b, "frees that came late: %" PRIu64 ", %s, at most %s at once; %" PRIu64
			       " given back, %" PRIu64 " kept to the end\n",
			    x->count, size, most, x->given_back,
			    x->count > x->given_back ? x->count - x->given_back : 0);
		free(size);
		free(most);
	}
}

void put_changed(const struct model *m, const struct text_options *o, struct buf *b)
{
	const struct policies *p = &m->policies;
	bool asked = false;

	for (size_t i = 0; i < p->list.n; i++)
		asked |= policy_is_of_memory(&p->list.v[i]);
	if (!asked && !p->overrides.n && !p->kept.n)
		return;
	heading(b, "Changed of the run, as it was asked for");
	put_policies(m, b, true);
	put_overrides(m, o, b);
	put_kept(m, b);
}
