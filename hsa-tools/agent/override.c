// SPDX-License-Identifier: MIT
/* Which pool an allocation is made from, where the user's rules say another one. */
#include "override.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

enum {
	POOL_KERNARG = HSA_AMD_MEMORY_POOL_GLOBAL_FLAG_KERNARG_INIT,
	POOL_FINE = HSA_AMD_MEMORY_POOL_GLOBAL_FLAG_FINE_GRAINED,
	POOL_COARSE = HSA_AMD_MEMORY_POOL_GLOBAL_FLAG_COARSE_GRAINED,
	/* hsa_amd_memory_pool_flag_t of later ROCr; 5.2.3 answers INVALID_ARGUMENT to any flag. */
	FLAG_EXECUTABLE = 1u << 2,
	FLAG_UNCACHED = 1u << 3,
};

static struct state {
	uint64_t seen; /* atomic: allocations that all but nth holds of */
	bool lacks[2]; /* the target cannot be had: of VRAM, of system memory */
	int refused;   /* atomic: said */
} states[OVERRIDE_MOST];
static int started; /* atomic */

bool override_on(void)
{
	return agent.options.override.n != 0;
}

/* ---- what is said of the rules ---- */

static void say_policy(struct thread *t, uint32_t rule, uint16_t state, const char *text,
		       const char *reason)
{
	const struct ev_policy e = {.kind = POLICY_KIND_override, .state = state, .rule = rule};
	const size_t len = strlen(text), reason_len = strlen(reason);
	uint8_t *at =
		fact_reserve(t, EV_policy, sizeof(e) + (len ?: 1) + 1 + (reason_len ?: 1) + 1);

	if (!at)
		return;
	memcpy(at, &e, sizeof(e));
	at = stream__put_text(at + sizeof(e), text, len);
	stream__put_text(at, reason, reason_len);
	fact_commit(t);
}

/* The pool of owner, VRAM or system memory, that gives the target; 0: there is none. */
static uint16_t pool_for(uint64_t owner, bool host, enum override_target target,
			 struct pool_facts *out)
{
	static const uint32_t wanted[] = {[OVERRIDE_COARSE] = POOL_COARSE,
					  [OVERRIDE_FINE] = POOL_FINE,
					  [OVERRIDE_UNCACHED] = POOL_KERNARG | POOL_FINE};
	const uint32_t mask = POOL_KERNARG | POOL_FINE | POOL_COARSE;
	struct pool_facts f;
	uint16_t id = 0;

	/* The GPU's own is asked for by a flag. */
	if (target == OVERRIDE_UNCACHED && !host)
		target = OVERRIDE_COARSE;
	while ((id = inventory_next(id, &f)))
		if (f.usable && f.host == host && f.owner == owner &&
		    (f.flags & mask) == wanted[target]) {
			*out = f;
			return id;
		}
	return 0;
}

/* Whether any owner has it; there must be a GPU at all for VRAM to lack something. */
static bool offered(bool host, enum override_target target)
{
	struct pool_facts f, other;
	uint16_t id = 0;

	while ((id = inventory_next(id, &f)))
		if (f.usable && f.host == host && pool_for(f.owner, host, target, &other))
			return true;
	return false;
}

/* By trial: a ROCr that knows the flag gives a page, another one refuses it before it does
 * anything. */
static bool uncached_vram(void)
{
	struct pool_facts f;
	void *page = NULL;
	uint16_t id = 0;

	while (agent.has_amd && (id = inventory_next(id, &f))) {
		if (!f.usable || f.host || !(f.flags & POOL_COARSE))
			continue;
		if (agent.amd.hsa_amd_memory_pool_allocate_fn((hsa_amd_memory_pool_t){f.handle},
							      4096, FLAG_UNCACHED,
							      &page) != HSA_STATUS_SUCCESS)
			return false;
		agent.amd.hsa_amd_memory_pool_free_fn(page);
		return true;
	}
	return false;
}

/* Why the target cannot be had of VRAM (host: of system memory); NULL: it can. */
static const char *lacks(bool host, enum override_target target)
{
	if (target == OVERRIDE_LEAVE)
		return NULL;
	if (host)
		return offered(true, target) ? NULL : "ROCr offers no such pool of system memory";
	if (target == OVERRIDE_UNCACHED)
		return uncached_vram() ? NULL
				       : "this ROCr gives no uncached VRAM: vram:fine has the same "
					 "page-table type (UC), and HSA_DISABLE_CACHE=1 makes all "
					 "memory of the process uncached";
	if (offered(false, target))
		return NULL;
	return target == OVERRIDE_FINE
		       ? "ROCr offers fine-grained VRAM only with "
			 "HSA_FORCE_FINE_GRAIN_PCIE=1, which must be set before the "
			 "program starts"
		       : "ROCr offers no such pool of VRAM";
}

static void start_rule(struct thread *t, unsigned int i)
{
	const struct override_rule *r = &agent.options.override.v[i];
	const char *vram = r->system ? NULL : lacks(false, r->target);
	const char *host = r->vram ? NULL : lacks(true, r->target);
	char reason[256];

	if (r->vram && r->fine && !offered(false, OVERRIDE_FINE))
		vram = "there is no fine-grained VRAM to select";
	states[i].lacks[0] = vram != NULL;
	states[i].lacks[1] = host != NULL;
	if ((r->system || vram) && (r->vram || host)) {
		agent_say("--override %s is not possible: %s", r->text, vram ? vram : host);
		say_policy(t, i + 1, POLICY_STATE_impossible, r->text, vram ? vram : host);
		return;
	}
	if (vram || host)
		snprintf(reason, sizeof(reason), "%s memory only: %s",
			 vram ? "of system" : "of the GPU's", vram ? vram : host);
	else
		reason[0] = 0;
	say_policy(t, i + 1, POLICY_STATE_on, r->text, reason);
}

void override_start(struct thread *t)
{
	const struct options *o = &agent.options;

	if ((!override_on() && !o->override_refused[0]) ||
	    __atomic_exchange_n(&started, 1, __ATOMIC_RELAXED))
		return;
	if (o->override_refused[0])
		say_policy(t, 1, POLICY_STATE_refused, o->override_text, o->override_refused);
	for (unsigned int i = 0; i < o->override.n; i++)
		start_rule(t, i);
}

void override_forget(void)
{
	started = 0;
	memset(states, 0, sizeof(states));
}

/* ---- an allocation ---- */

struct asked {
	struct pool_facts pool;
	uint64_t size;
	char file[128]; /* of who calls; "" until a rule looks at it */
};

static bool matches(struct thread *t, const struct override_rule *r, struct asked *a,
		    uint64_t caller)
{
	if ((r->vram && a->pool.host) || (r->system && !a->pool.host) ||
	    (r->fine && !(a->pool.flags & POOL_FINE)) ||
	    (r->coarse && !(a->pool.flags & POOL_COARSE)) || a->size < r->min_bytes ||
	    a->size > r->max_bytes)
		return false;
	if (!r->from[0])
		return true;
	if (!a->file[0])
		site_file(t, caller, a->file, sizeof(a->file));
	return !fnmatch(r->from, a->file, 0);
}

/* Count it for every rule; the number of the first that wants it, 0 without. */
static unsigned int find_rule(struct thread *t, struct asked *a, uint64_t caller)
{
	const struct override_rules *rules = &agent.options.override;
	unsigned int found = 0;

	for (unsigned int i = 0; i < rules->n; i++) {
		const struct override_rule *r = &rules->v[i];
		uint64_t nth;

		if (!matches(t, r, a, caller))
			continue;
		nth = __atomic_add_fetch(&states[i].seen, 1, __ATOMIC_RELAXED);
		if (!found && nth >= r->first && nth <= r->last)
			found = i + 1;
	}
	return found;
}

/* Why it is never touched; NULL: it may be. */
static const char *untouchable(const struct pool_facts *pool, uint32_t flags)
{
	if (pool->flags & POOL_KERNARG)
		return "memory of the kernarg pool is left as it was asked for: kernel arguments, "
		       "signals and queues are in it, which host and GPU must see at once";
	if (flags & FLAG_EXECUTABLE)
		return "executable memory is left as it was asked for: code and queues are in it";
	return NULL;
}

/* Said once of each rule that it would have been for. */
static void refuse(struct thread *t, struct asked *a, uint64_t caller, const char *why)
{
	const struct override_rules *rules = &agent.options.override;

	for (unsigned int i = 0; i < rules->n; i++)
		if (rules->v[i].target != OVERRIDE_LEAVE && matches(t, &rules->v[i], a, caller) &&
		    !__atomic_exchange_n(&states[i].refused, 1, __ATOMIC_RELAXED))
			say_policy(t, i + 1, POLICY_STATE_refused, rules->v[i].text, why);
}

bool override_choose(struct thread *t, struct override *o)
{
	const struct override_rule *r;
	struct asked a = {.size = o->size};
	struct pool_facts other = {0};
	unsigned int rule;
	const char *why;

	if (!inventory_facts(o->asked_pool, &a.pool) || !a.pool.usable)
		return false;
	why = untouchable(&a.pool, o->asked_flags);
	if (why) {
		refuse(t, &a, o->caller, why);
		return false;
	}
	rule = find_rule(t, &a, o->caller);
	if (!rule || states[rule - 1].lacks[a.pool.host])
		return false;
	r = &agent.options.override.v[rule - 1];
	if (r->target == OVERRIDE_LEAVE)
		return false;
	o->pool = pool_for(a.pool.owner, a.pool.host, r->target, &other);
	o->flags = o->asked_flags;
	if (r->target == OVERRIDE_UNCACHED && !a.pool.host)
		o->flags |= FLAG_UNCACHED;
	o->rule = (uint16_t)rule;
	o->handle = other.handle;
	/* hsa_memory_allocate takes no flags. */
	if (!o->pool || (o->region && o->flags != o->asked_flags))
		return false;
	return o->pool != o->asked_pool || o->flags != o->asked_flags;
}

void override_record(struct thread *t, const struct override *o, hsa_status_t status, uint64_t va)
{
	const struct ev_alloc_override e = {
		.status = (int32_t)status,
		.rule = o->rule,
		.site = site_of(t, o->caller),
		.asked_pool = o->asked_pool,
		.pool = o->pool,
		.asked_flags = o->asked_flags,
		.flags = o->flags,
		.size_bytes = o->size,
		.va = va,
	};

	agent_event(t, EV_alloc_override, &e, sizeof(e));
}
