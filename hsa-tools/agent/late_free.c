// SPDX-License-Identifier: MIT
/* Memory that the application has freed and the runtime has still. */
#include "late_free.h"

#include <stdio.h>
#include <string.h>

enum kept_state { GONE, KEPT, GIVING /* to the runtime, which is being called */ };

static struct kept {
	uint64_t va, size;
	uint8_t state; /* enum kept_state */
	bool region;   /* freed by hsa_memory_free */
} ring[LATE_FREE_MOST];
static uint64_t head, tail; /* ever; between them is what is not GONE, and some that is */
static uint64_t kept_bytes, limit;
static int lock;
static int started;

void late_free_enable(uint64_t bytes)
{
	__atomic_store_n(&limit, bytes, __ATOMIC_RELAXED);
}

bool late_free_on(void)
{
	return __atomic_load_n(&limit, __ATOMIC_RELAXED) != 0;
}

void late_free_start(struct thread *t)
{
	static const char *const units[] = {"", "K", "M", "G"};
	const uint64_t bytes = agent.options.late_free_bytes;
	uint64_t left = bytes;
	int unit = 0;
	struct ev_policy e = {.kind = POLICY_KIND_late_free, .state = POLICY_STATE_on, .rule = 1};
	char text[48];
	uint8_t *at;

	if (!bytes || __atomic_exchange_n(&started, 1, __ATOMIC_RELAXED))
		return;
	late_free_enable(bytes);
	for (; unit < 3 && !(left % 1024); unit++)
		left /= 1024;
	snprintf(text, sizeof(text), "late-free=%llu%s", (unsigned long long)left, units[unit]);
	at = fact_reserve(t, EV_policy, sizeof(e) + strlen(text) + 1 + 2);
	if (!at)
		return;
	memcpy(at, &e, sizeof(e));
	at = stream__put_text(at + sizeof(e), text, strlen(text));
	stream__put_text(at, "", 0);
	fact_commit(t);
}

/* ---- the ring: the lock is held ---- */

static struct kept *find(uint64_t va)
{
	for (uint64_t i = tail; i > head; i--) {
		struct kept *k = &ring[(i - 1) % LATE_FREE_MOST];

		if (k->va == va && k->state != GONE)
			return k;
	}
	return NULL;
}

static void drop_gone(void)
{
	while (head < tail && ring[head % LATE_FREE_MOST].state == GONE)
		head++;
}

static struct kept *oldest(void)
{
	for (uint64_t i = head; i < tail; i++)
		if (ring[i % LATE_FREE_MOST].state == KEPT)
			return &ring[i % LATE_FREE_MOST];
	return NULL;
}

/* ---- */

bool late_free_kept(uint64_t va)
{
	bool found;

	if (!late_free_on())
		return false;
	spin_lock(&lock);
	found = find(va) != NULL;
	spin_unlock(&lock);
	return found;
}

void late_free_reused(uint64_t va)
{
	struct kept *k;

	if (!late_free_on())
		return;
	spin_lock(&lock);
	k = find(va);
	if (k && k->state == KEPT)
		kept_bytes -= k->size;
	if (k)
		k->state = GONE;
	spin_unlock(&lock);
}

static void record(struct thread *t, uint16_t phase, const struct kept *k, uint64_t left)
{
	const struct ev_free_kept e = {
		.phase = phase, .va = k->va, .size_bytes = k->size, .kept_bytes = left};

	agent_event(t, EV_free_kept, &e, sizeof(e));
}

/* One goes back to the runtime, if all are to, or it was kept long enough. */
static bool give_back(struct thread *t, bool all)
{
	struct kept *k, copy;
	hsa_status_t status;
	uint64_t left;

	spin_lock(&lock);
	k = oldest();
	if (!k || (!all && kept_bytes - k->size < limit && tail - head < LATE_FREE_MOST)) {
		spin_unlock(&lock);
		return false;
	}
	k->state = GIVING;
	kept_bytes -= k->size;
	left = kept_bytes;
	copy = *k;
	spin_unlock(&lock);
	status = copy.region ? agent.core.hsa_memory_free_fn((void *)(uintptr_t)copy.va)
			     : agent.amd.hsa_amd_memory_pool_free_fn((void *)(uintptr_t)copy.va);
	spin_lock(&lock);
	/* Its place may have been taken meanwhile, where the address came back and was freed. */
	if (k->va == copy.va && k->state == GIVING)
		k->state = GONE;
	drop_gone();
	spin_unlock(&lock);
	record(t, KEPT_PHASE_given_back, &copy, left);
	if (status != HSA_STATUS_SUCCESS)
		agent_failed(t, copy.region ? "hsa_memory_free" : "hsa_amd_memory_pool_free",
			     copy.va, status);
	return true;
}

bool late_free_all(struct thread *t)
{
	bool any = false;

	while (give_back(t, true))
		any = true;
	return any;
}

static bool put(const struct kept *k, uint64_t *left)
{
	bool room;

	spin_lock(&lock);
	drop_gone();
	room = tail - head < LATE_FREE_MOST;
	if (room) {
		ring[tail++ % LATE_FREE_MOST] = *k;
		kept_bytes += k->size;
		*left = kept_bytes;
	}
	spin_unlock(&lock);
	return room;
}

bool late_free_keep(struct thread *t, uint64_t va, uint64_t size, bool region)
{
	const struct kept k = {.va = va, .size = size, .state = KEPT, .region = region};
	uint64_t left = 0;

	if (!late_free_on())
		return false;
	while (give_back(t, false))
		;
	/* Others may be giving back what stands first. */
	if (!put(&k, &left))
		return false;
	record(t, KEPT_PHASE_kept, &k, left);
	while (give_back(t, false))
		;
	return true;
}
