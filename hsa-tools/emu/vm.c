// SPDX-License-Identifier: MIT
/* See vm.h. */
#include "vm.h"

#include <errno.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Immutable once published; the generation tells snapshots apart. */
struct vm_table {
	uint64_t gen;
	size_t n;
	struct vm_range r[]; /* ascending, disjoint */
};

static void lock(int *l)
{
	int c = 0;

	if (__atomic_compare_exchange_n(l, &c, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return;
	while (__atomic_exchange_n(l, 2, __ATOMIC_ACQUIRE))
		syscall(SYS_futex, l, FUTEX_WAIT_PRIVATE, 2, NULL);
}

static void unlock(int *l)
{
	if (__atomic_exchange_n(l, 0, __ATOMIC_RELEASE) == 2)
		syscall(SYS_futex, l, FUTEX_WAKE_PRIVATE, 1);
}

int vm_init(struct vm *vm)
{
	memset(vm, 0, sizeof(*vm));
	vm->table = calloc(1, sizeof(*vm->table));
	if (!vm->table)
		return -ENOMEM;
	vm->table->gen = 1;
	return 0;
}

/* Index of the first range whose end is above va. */
static size_t first_above(const struct vm_table *t, uint64_t va)
{
	size_t lo = 0, hi = t->n;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (t->r[mid].hi <= va)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* Wait until no running worker holds a snapshot older than gen. */
static void wait_for_views(struct vm *vm, uint64_t gen)
{
	for (int i = 0; i < VM_MAX_VIEWS; i++) {
		struct vm_view *v = vm->views[i];
		uint64_t seen;

		while (v && (seen = __atomic_load_n(&v->seen, __ATOMIC_ACQUIRE)) && seen < gen)
			nanosleep(&(struct timespec){.tv_nsec = 20000}, NULL);
	}
}

static void publish(struct vm *vm, struct vm_table *t)
{
	struct vm_table *old = vm->table;

	t->gen = old->gen + 1;
	__atomic_store_n(&vm->table, t, __ATOMIC_SEQ_CST);
	wait_for_views(vm, t->gen);
	free(old);
}

int vm_map(struct vm *vm, const struct vm_range *r)
{
	const struct vm_table *old;
	struct vm_table *t;
	size_t at;
	int err = 0;

	lock(&vm->lock);
	old = vm->table;
	at = first_above(old, r->lo);
	if (at < old->n && old->r[at].lo < r->hi) {
		err = -EEXIST;
		goto out;
	}
	t = malloc(sizeof(*t) + (old->n + 1) * sizeof(*r));
	if (!t) {
		err = -ENOMEM;
		goto out;
	}
	t->n = old->n + 1;
	memcpy(t->r, old->r, at * sizeof(*r));
	t->r[at] = *r;
	memcpy(t->r + at + 1, old->r + at, (old->n - at) * sizeof(*r));
	publish(vm, t);
out:
	unlock(&vm->lock);
	return err;
}

int vm_replace(struct vm *vm, const struct vm_range *r, size_t n)
{
	const struct vm_table *old;
	struct vm_table *t;
	size_t first, last;
	int err = 0;

	lock(&vm->lock);
	old = vm->table;
	first = last = first_above(old, r[0].lo);
	while (last < old->n && old->r[last].lo < r[n - 1].hi)
		last++;
	if (first < last && (old->r[first].lo < r[0].lo || old->r[last - 1].hi > r[n - 1].hi)) {
		err = -EEXIST;
		goto out;
	}
	t = malloc(sizeof(*t) + (old->n - (last - first) + n) * sizeof(*r));
	if (!t) {
		err = -ENOMEM;
		goto out;
	}
	t->n = old->n - (last - first) + n;
	memcpy(t->r, old->r, first * sizeof(*r));
	memcpy(t->r + first, r, n * sizeof(*r));
	memcpy(t->r + first + n, old->r + last, (old->n - last) * sizeof(*r));
	publish(vm, t);
out:
	unlock(&vm->lock);
	return err;
}

int vm_unmap(struct vm *vm, uint64_t lo, uint64_t hi)
{
	const struct vm_table *old;
	struct vm_table *t;
	size_t first, last;
	int gone;

	lock(&vm->lock);
	old = vm->table;
	first = last = first_above(old, lo);
	while (last < old->n && old->r[last].lo < hi)
		last++;
	gone = (int)(last - first);
	if (gone) {
		t = malloc(sizeof(*t) + (old->n - (size_t)gone) * sizeof(*t->r));
		if (!t) {
			gone = -ENOMEM;
			goto out;
		}
		t->n = old->n - (size_t)gone;
		memcpy(t->r, old->r, first * sizeof(*t->r));
		memcpy(t->r + first, old->r + last, (old->n - last) * sizeof(*t->r));
		publish(vm, t);
	}
out:
	unlock(&vm->lock);
	return gone;
}

int vm_view_attach(struct vm *vm, struct vm_view *view)
{
	int err = -EAGAIN;

	memset(view, 0, sizeof(*view));
	view->vm = vm;
	lock(&vm->lock);
	for (int i = 0; i < VM_MAX_VIEWS && err; i++)
		if (!vm->views[i]) {
			vm->views[i] = view;
			err = 0;
		}
	unlock(&vm->lock);
	return err;
}

void vm_view_detach(struct vm_view *view)
{
	struct vm *vm = view->vm;

	vm_view_idle(view);
	lock(&vm->lock);
	for (int i = 0; i < VM_MAX_VIEWS; i++)
		if (vm->views[i] == view)
			vm->views[i] = NULL;
	unlock(&vm->lock);
}

/*
 * Announce a generation before the table is read: a writer that publishes in between sees the old
 * announcement and waits, or this loop sees the new table and tries again.
 */
bool vm_view_refresh(struct vm_view *view)
{
	const struct vm_table *t = __atomic_load_n(&view->vm->table, __ATOMIC_SEQ_CST);
	bool changed;

	if (view->seen && view->table == t)
		return false;
	for (;;) {
		/* gen of a table that may be freed is not read before it is announced as held: 1 holds
		 * back every writer. */
		__atomic_store_n(&view->seen, 1, __ATOMIC_SEQ_CST);
		t = __atomic_load_n(&view->vm->table, __ATOMIC_SEQ_CST);
		__atomic_store_n(&view->seen, t->gen, __ATOMIC_SEQ_CST);
		if (t == __atomic_load_n(&view->vm->table, __ATOMIC_SEQ_CST))
			break;
	}
	changed = view->table != t;
	view->table = t;
	memset(view->last, 0, sizeof(view->last));
	memset(&view->code, 0, sizeof(view->code));
	return changed;
}

void vm_view_idle(struct vm_view *view)
{
	__atomic_store_n(&view->seen, 0, __ATOMIC_RELEASE);
	view->table = NULL;
}

const struct vm_range *vm_find_slow(struct vm_view *view, uint64_t va)
{
	const struct vm_table *t = view->table;
	size_t at = first_above(t, va);

	if (at >= t->n || t->r[at].lo > va)
		return NULL;
	view->last[view->next_last] = t->r[at];
	view->next_last = (view->next_last + 1) % 4;
	return &t->r[at];
}

uint64_t vm_guest_address(const struct vm_view *view, uint64_t host)
{
	for (size_t i = 0; i < view->table->n; i++) {
		const struct vm_range *r = &view->table->r[i];

		if (host - (uint64_t)(uintptr_t)r->host < r->hi - r->lo)
			return r->lo + (host - (uint64_t)(uintptr_t)r->host);
	}
	return host;
}
