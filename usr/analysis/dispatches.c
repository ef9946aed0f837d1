// SPDX-License-Identifier: MIT
/*
 * Queues, and what they were given. Each queue keeps its last dispatches in a ring, by packet index, which grows while
 * the device may still say when one of them ended; what leaves it is summed up by kernel and shape.
 */
#include "parts.h"

#include <stdlib.h>

#define SLOTS_MAX (1u << 20) /* of all queues */
#define EXACT_TIMES 4096u    /* of a kernel; above that they are counted in buckets of less than 1 % */
#define BUCKET_BITS 7u
#define NUM_BUCKETS ((64 - BUCKET_BITS + 1) << BUCKET_BITS)

enum slot_state { SLOT_EMPTY, SLOT_DISPATCH, SLOT_EARLY_END };

struct dispatch_slot {
	uint64_t serial, ts_ns, index, duration_ns;
	uint32_t kernel, shape, range; /* kernel: index; the others plus 1 */
	uint32_t grid[3];
	uint16_t workgroup[3];
	uint8_t state, device_time;
};

struct kernel_times {
	VEC(uint64_t) exact;
	uint32_t *buckets; /* instead */
};

/* ---- times ---- */

static size_t bucket_of(uint64_t v)
{
	unsigned int shift;

	if (v >> BUCKET_BITS == 0)
		return v;
	shift = 63 - (unsigned int)__builtin_clzll(v) - BUCKET_BITS;
	return ((size_t)(shift + 1) << BUCKET_BITS) + (v >> shift & ((1u << BUCKET_BITS) - 1));
}

/* In the middle of it. */
static uint64_t bucket_value(size_t i)
{
	size_t shift = i >> BUCKET_BITS;
	uint64_t low = i & ((1u << BUCKET_BITS) - 1);

	if (!shift)
		return low;
	shift--;
	return ((1ull << BUCKET_BITS | low) << shift) + ((1ull << shift) >> 1);
}

static void add_time(struct kernel_sum *k, uint64_t ns)
{
	struct kernel_times *t = k->times;

	if (!t)
		t = k->times = xcalloc(1, sizeof(*t));
	if (t->exact.n == EXACT_TIMES) {
		t->buckets = xcalloc(NUM_BUCKETS, sizeof(*t->buckets));
		for (size_t i = 0; i < t->exact.n; i++)
			t->buckets[bucket_of(t->exact.v[i])]++;
		free(t->exact.v);
		memset(&t->exact, 0, sizeof(t->exact));
	}
	if (t->buckets)
		t->buckets[bucket_of(ns)]++;
	else
		*VEC_PUSH(&t->exact) = ns;
}

static int by_value(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

uint64_t model__median(const struct kernel_sum *k)
{
	uint64_t before = 0, value;
	size_t i = 0;

	if (!k->timed)
		return 0;
	if (!k->times->buckets) {
		VEC_SORT(&k->times->exact, by_value);
		return k->times->exact.v[k->times->exact.n / 2];
	}
	while (before + k->times->buckets[i] <= k->timed / 2)
		before += k->times->buckets[i++];
	value = bucket_value(i);
	return value < k->min_ns ? k->min_ns : value > k->max_ns ? k->max_ns : value;
}

/* ---- kernels and shapes ---- */

static size_t kernel_of(struct model *m, uint32_t pid, uint64_t object)
{
	size_t i;

	if (!map__get(&m->inside->sum_by_object, pid, object, &i)) {
		i = m->kernel_sums.n;
		*VEC_PUSH(&m->kernel_sums) = (struct kernel_sum){.pid = pid, .object = object};
		map__set(&m->inside->sum_by_object, pid, object, i);
	}
	return i;
}

static bool same_shape(const struct shape_sum *s, size_t kernel, const struct dispatch_slot *x)
{
	return s->kernel == kernel && !memcmp(s->grid, x->grid, sizeof(x->grid)) &&
	       s->workgroup[0] == x->workgroup[0] && s->workgroup[1] == x->workgroup[1] &&
	       s->workgroup[2] == x->workgroup[2];
}

/* Index plus 1; 0 when it is none of those that are kept. */
static uint32_t shape_of(struct model *m, size_t kernel, const struct dispatch_slot *x)
{
	struct kernel_sum *k = &m->kernel_sums.v[kernel];
	uint64_t a = (uint64_t)kernel << 32 | x->grid[0];
	uint64_t b = ((uint64_t)x->grid[1] << 32 | x->grid[2]) ^
		     ((uint64_t)x->workgroup[0] << 48 | (uint64_t)x->workgroup[1] << 24 | x->workgroup[2]);
	struct shape_sum *s;
	size_t i;

	if (k->shapes && same_shape(&m->shapes.v[k->last_shape], kernel, x))
		return (uint32_t)k->last_shape + 1;
	if (map__get(&m->inside->shape_by_grid, a, b, &i)) {
		if (!same_shape(&m->shapes.v[i], kernel, x))
			return 0;
	} else {
		if (m->shapes.n == MODEL_KEPT_SHAPES)
			return 0;
		i = m->shapes.n;
		s = VEC_PUSH(&m->shapes);
		s->kernel = kernel;
		s->first_ns = x->ts_ns;
		for (unsigned int n = 0; n < 3; n++) {
			s->grid[n] = x->grid[n];
			s->workgroup[n] = x->workgroup[n];
		}
		map__set(&m->inside->shape_by_grid, a, b, i);
		k->shapes++;
	}
	k->last_shape = i;
	return (uint32_t)i + 1;
}

static struct dispatch dispatch_of(const struct model *m, const struct queue_work *q, const struct dispatch_slot *x)
{
	struct dispatch d = {.pid = q->pid,
			     .queue_id = q->queue_id,
			     .index = x->index,
			     .ts_ns = x->ts_ns,
			     .object = m->kernel_sums.v[x->kernel].object,
			     .duration_ns = x->duration_ns,
			     .device_time = x->device_time,
			     .range = x->range,
			     .serial = x->serial};

	for (unsigned int n = 0; n < 3; n++) {
		d.grid[n] = x->grid[n];
		d.workgroup[n] = x->workgroup[n];
	}
	return d;
}

/* ---- queues ---- */

static size_t queue_of(struct model *m, uint32_t pid, uint64_t queue_id)
{
	struct inside *in = m->inside;
	const struct queue_work *q = in->last_queue ? &m->queue_work.v[in->last_queue - 1] : NULL;
	size_t i;

	if (q && q->pid == pid && q->queue_id == queue_id)
		return in->last_queue - 1;
	if (!map__get(&in->queue_by_id, pid, queue_id, &i)) {
		i = m->queue_work.n;
		*VEC_PUSH(&m->queue_work) = (struct queue_work){.pid = pid, .queue_id = queue_id};
		map__set(&in->queue_by_id, pid, queue_id, i);
	}
	in->last_queue = i + 1;
	return i;
}

const struct queue_work *model__queue_work(const struct model *m, uint32_t pid, uint64_t queue_id)
{
	size_t i;

	return map__get(&m->inside->queue_by_id, pid, queue_id, &i) ? &m->queue_work.v[i] : NULL;
}

static bool is_open(const struct dispatch_slot *x)
{
	return x->state == SLOT_DISPATCH && !x->duration_ns;
}

/* Its end is known, or is not to be known any more. */
static void sum_up(struct model *m, struct queue_work *q, const struct dispatch_slot *x)
{
	struct kernel_sum *k = &m->kernel_sums.v[x->kernel];
	struct shape_sum *s = x->shape ? &m->shapes.v[x->shape - 1] : NULL;
	uint64_t ns = x->duration_ns;

	if (x->serial == q->last_serial)
		q->last = dispatch_of(m, q, x);
	if (x->serial == k->last_serial)
		k->last = dispatch_of(m, q, x);
	if (!ns)
		return;
	if (x->range)
		m->agent.ranges.v[x->range - 1].kernel_ns += ns;
	k->min_ns = k->timed && k->min_ns < ns ? k->min_ns : ns;
	if (ns > k->max_ns) {
		k->max_ns = ns;
		k->longest = dispatch_of(m, q, x);
	}
	k->timed++;
	k->total_ns += ns;
	add_time(k, ns);
	if (!s)
		return;
	s->timed++;
	s->total_ns += ns;
	s->max_ns = ns > s->max_ns ? ns : s->max_ns;
}

/* It leaves the ring. */
static void retire(struct model *m, struct queue_work *q, const struct dispatch_slot *x)
{
	if (is_open(x) && !q->old_open++)
		q->first_old_open = dispatch_of(m, q, x);
	if (x->state == SLOT_DISPATCH)
		sum_up(m, q, x);
}

static void grow(struct model *m, struct queue_work *q)
{
	uint32_t n = q->num_slots ? q->num_slots * 2 : 8;
	struct dispatch_slot *slots = xcalloc(n, sizeof(*slots));

	for (uint32_t i = 0; i < q->num_slots; i++)
		slots[q->slots[i].index & (n - 1)] = q->slots[i];
	m->inside->dispatch_slots += n - q->num_slots;
	free(q->slots);
	q->slots = slots;
	q->num_slots = n;
}

/* The place of that packet, which another may have until now. */
static struct dispatch_slot *slot_at(struct queue_work *q, uint64_t index)
{
	return &q->slots[index & (q->num_slots - 1)];
}

/* An empty place for that packet. */
static struct dispatch_slot *make_room(struct model *m, struct queue_work *q, uint64_t index)
{
	struct dispatch_slot *x;

	if (!q->num_slots)
		grow(m, q);
	while (x = slot_at(q, index), is_open(x) && x->index != index && q->num_slots < MODEL_KEPT_DISPATCHES &&
				      m->inside->dispatch_slots + q->num_slots <= SLOTS_MAX)
		grow(m, q);
	retire(m, q, x);
	*x = (struct dispatch_slot){.index = index};
	return x;
}

/* ---- events ---- */

static void take_pointers(struct model *m, const struct given *g, const struct event_bytes *kernarg)
{
	struct ev_pointer p;

	if (g->pointers.len >= sizeof(p))
		allocs__given(m, g);
	for (size_t at = 0; at + sizeof(p) <= g->pointers.len; at += sizeof(p)) {
		memcpy(&p, g->pointers.data + at, sizeof(p));
		if (p.state != POINTER_STATE_inside)
			agent__pointer(m, g, &p, kernarg);
	}
}

static void on_dispatch(struct model *m, const struct event *ev, uint32_t pid)
{
	uint64_t object, early_ns = 0;
	struct event_bytes bytes[3];
	struct dispatch_slot *x;
	struct queue_work *q;
	struct kernel_sum *k;
	struct ev_dispatch e;
	size_t queue, kernel;

	event__fixed(ev, &e, sizeof(e));
	event__all_bytes(ev, bytes, ARRAY_SIZE(bytes));
	if (bytes[0].len != 64)
		return;
	memcpy(&object, bytes[0].data + 32, 8);
	kernel = kernel_of(m, pid, object);
	queue = queue_of(m, pid, e.queue_id);
	q = &m->queue_work.v[queue];
	x = q->num_slots ? slot_at(q, e.index) : NULL;
	/* The device may take a packet, and end it, before its doorbell is rung, when the agent reads it. */
	if (x && x->state == SLOT_EARLY_END && x->index == e.index)
		early_ns = x->duration_ns;
	x = make_room(m, q, e.index);
	x->state = SLOT_DISPATCH;
	x->serial = m->num_dispatches++;
	x->ts_ns = ev->ts_ns;
	x->duration_ns = early_ns;
	x->kernel = (uint32_t)kernel;
	memcpy(x->workgroup, bytes[0].data + 4, sizeof(x->workgroup));
	memcpy(x->grid, bytes[0].data + 12, sizeof(x->grid));
	x->shape = shape_of(m, kernel, x);
	x->range = (uint32_t)agent__range(m, pid, ev->tid);
	q->dispatches++;
	q->last_serial = x->serial;
	q->last_index = e.index;
	k = &m->kernel_sums.v[kernel];
	if (!k->count++)
		k->first_ns = ev->ts_ns;
	k->last_ns = ev->ts_ns;
	k->last_serial = x->serial;
	if (x->shape) {
		m->shapes.v[x->shape - 1].count++;
		m->shapes.v[x->shape - 1].last_ns = ev->ts_ns;
	} else {
		k->other_shapes += k->other_shapes < UINT32_MAX;
	}
	take_pointers(m, &(struct given){.pid = pid,
					 .ts_ns = ev->ts_ns,
					 .index = e.index,
					 .queue = (uint32_t)queue,
					 .kernel = (uint32_t)kernel,
					 .pointers = bytes[2]},
		      &bytes[1]);
}

void dispatches__time(struct model *m, uint32_t pid, uint64_t queue_id, uint64_t index, uint64_t duration_ns,
		      bool device_time)
{
	const size_t queue = queue_of(m, pid, queue_id);
	struct queue_work *q = &m->queue_work.v[queue];
	struct dispatch_slot *x = q->num_slots ? slot_at(q, index) : NULL;

	if (x && x->state == SLOT_DISPATCH && x->index == index) {
		if (device_time || !x->device_time)
			x->duration_ns = duration_ns;
		x->device_time |= device_time;
		m->agent.device_times += device_time;
	} else if (x && x->state == SLOT_DISPATCH && index < x->index) {
		/* It left the ring before it ended. */
		if (q->old_open && q->first_old_open.index == index)
			q->first_old_open.duration_ns = duration_ns;
		q->old_open -= q->old_open > 0;
	} else if (!device_time) {
		x = make_room(m, q, index);
		x->state = SLOT_EARLY_END;
		x->duration_ns = duration_ns;
	}
}

uint64_t dispatches__keep_last(struct model *m, uint32_t pid, uint64_t queue_id)
{
	const struct dispatch_slot *x;
	struct queue_work *q;
	size_t i;

	if (!map__get(&m->inside->queue_by_id, pid, queue_id, &i) || !m->queue_work.v[i].dispatches)
		return 0;
	q = &m->queue_work.v[i];
	x = slot_at(q, q->last_index);
	*VEC_PUSH(&m->inside->pinned) = x->state == SLOT_DISPATCH && x->serial == q->last_serial
						? dispatch_of(m, q, x)
						: q->last;
	return q->last_serial + 1;
}

static void on_queue_create(struct model *m, const struct event *ev, uint32_t pid)
{
	struct ev_queue_create e;
	size_t device;

	event__fixed(ev, &e, sizeof(e));
	map__set(&m->inside->rings, pid, e.base, e.queue_id < SIZE_MAX ? e.queue_id : 0);
	agent__queue(m, pid, &e);
	if (map__get(&m->inside->device_by_handle, pid, e.agent, &device))
		map__set(&m->inside->queue_devices, pid, e.queue_id, device + 1);
}

static void on_queue_gap(struct model *m, const struct event *ev, uint32_t pid)
{
	struct ev_queue_gap e;

	event__fixed(ev, &e, sizeof(e));
	m->queue_gaps += e.cause == GAP_runtime ? 0 : e.count;
	agent__queue_gap(m, pid, &e);
}

/* The emulated device names queues by their ring; the agent tells which queue has it. */
static void on_emu_dispatch(struct model *m, const struct event *ev, uint32_t pid)
{
	struct ev_emu_dispatch e;
	size_t queue;

	event__fixed(ev, &e, sizeof(e));
	if (map__get(&m->inside->rings, pid, e.ring, &queue))
		dispatches__time(m, pid, queue, e.index, e.duration_ns, false);
}

static void on_kernel_symbol(struct model *m, const struct event *ev, uint32_t pid)
{
	struct ev_kernel_symbol e;
	struct kernel_fn *k = VEC_PUSH(&m->kernels);

	event__fixed(ev, &e, sizeof(e));
	*k = (struct kernel_fn){.pid = pid, .object = e.kernel_object, .name = text_of(ev, 0)};
	map__set(&m->inside->kernel_by_object, k->pid, k->object, m->kernels.n - 1);
}

static void on_async_copy(struct model *m, const struct event *ev, uint32_t pid)
{
	struct ev_async_copy e;

	(void)pid;
	event__fixed(ev, &e, sizeof(e));
	m->copies++;
	m->copied_bytes += e.size_bytes;
}

const struct handler dispatches__handlers[] = {
	{EV_dispatch, on_dispatch},	    {EV_queue_create, on_queue_create},
	{EV_queue_gap, on_queue_gap},	    {EV_emu_dispatch, on_emu_dispatch},
	{EV_kernel_symbol, on_kernel_symbol}, {EV_async_copy, on_async_copy},
	{0},
};

/* ---- the end ---- */

static int by_serial(const void *a, const void *b)
{
	const struct dispatch *x = a, *y = b;

	return (x->serial > y->serial) - (x->serial < y->serial);
}

/* Those in rings come before the copies of them, and know more: when they ended. */
static int by_serial_and_time(const void *a, const void *b)
{
	const struct dispatch *x = a, *y = b;

	return by_serial(a, b) ?: (y->duration_ns > x->duration_ns) - (y->duration_ns < x->duration_ns);
}

static void gather(struct model *m)
{
	for (size_t i = 0; i < m->queue_work.n; i++) {
		struct queue_work *q = &m->queue_work.v[i];

		for (uint32_t k = 0; k < q->num_slots; k++) {
			const struct dispatch_slot *x = &q->slots[k];

			if (x->state != SLOT_DISPATCH)
				continue;
			sum_up(m, q, x);
			*VEC_PUSH(&m->dispatches) = dispatch_of(m, q, x);
		}
		if (q->dispatches)
			*VEC_PUSH(&m->dispatches) = q->last;
		if (q->old_open)
			*VEC_PUSH(&m->dispatches) = q->first_old_open;
		free(q->slots);
		q->slots = NULL;
		q->num_slots = 0;
	}
	for (size_t i = 0; i < m->inside->pinned.n; i++)
		*VEC_PUSH(&m->dispatches) = m->inside->pinned.v[i];
}

static const struct dispatch *find(const struct model *m, uint64_t serial)
{
	const struct dispatch key = {.serial = serial};

	return m->dispatches.n ? bsearch(&key, m->dispatches.v, m->dispatches.n, sizeof(key), by_serial) : NULL;
}

/* Copies that were made before it ended. */
static void renew(const struct model *m, struct dispatch *d)
{
	const struct dispatch *now = find(m, d->serial);

	if (now)
		*d = *now;
}

void dispatches__end(struct model *m)
{
	size_t n = 0;

	gather(m);
	VEC_SORT(&m->dispatches, by_serial_and_time);
	for (size_t i = 0; i < m->dispatches.n; i++)
		if (!n || m->dispatches.v[n - 1].serial != m->dispatches.v[i].serial)
			m->dispatches.v[n++] = m->dispatches.v[i];
	m->dispatches.n = n;
	for (size_t i = 0; i < m->queue_work.n; i++)
		renew(m, &m->queue_work.v[i].last);
	for (size_t i = 0; i < m->kernel_sums.n; i++)
		renew(m, &m->kernel_sums.v[i].last);
	for (size_t i = 0; i < m->faults.n; i++) {
		struct wave_fault *w = &m->faults.v[i].wave;

		if (w->dispatch)
			w->dispatch = (size_t)(find(m, w->dispatch - 1) - m->dispatches.v) + 1;
	}
}

void dispatches__free_all(struct model *m)
{
	struct inside *in = m->inside;

	for (size_t i = 0; i < m->kernel_sums.n; i++) {
		struct kernel_times *t = m->kernel_sums.v[i].times;

		if (t) {
			free(t->exact.v);
			free(t->buckets);
		}
		free(t);
	}
	for (size_t i = 0; i < m->queue_work.n; i++)
		free(m->queue_work.v[i].slots);
	for (size_t i = 0; i < m->kernels.n; i++)
		free(m->kernels.v[i].name);
	free(m->kernels.v);
	free(m->dispatches.v);
	free(m->kernel_sums.v);
	free(m->shapes.v);
	free(m->queue_work.v);
	free(in->pinned.v);
	map__free(&in->queue_by_id);
	map__free(&in->kernel_by_object);
	map__free(&in->sum_by_object);
	map__free(&in->shape_by_grid);
	map__free(&in->rings);
	map__free(&in->queue_devices);
}

/* ---- asking ---- */

const struct kernel_sum *model__kernel_sum(const struct model *m, uint32_t pid, uint64_t object)
{
	size_t i;

	return map__get(&m->inside->sum_by_object, pid, object, &i) ? &m->kernel_sums.v[i] : NULL;
}

const char *model__kernel(const struct model *m, uint32_t pid, uint64_t object)
{
	size_t i;

	return map__get(&m->inside->kernel_by_object, pid, object, &i) ? m->kernels.v[i].name : NULL;
}

const struct device *model__queue_device(const struct model *m, uint32_t pid, uint64_t queue_id)
{
	size_t i;

	return map__get(&m->inside->queue_devices, pid, queue_id, &i) ? &m->devices.v[i - 1] : NULL;
}

const struct device *model__ring_device(const struct model *m, uint32_t pid, uint64_t ring)
{
	size_t queue;

	return map__get(&m->inside->rings, pid, ring, &queue) ? model__queue_device(m, pid, queue) : NULL;
}
