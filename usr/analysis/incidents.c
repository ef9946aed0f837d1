// SPDX-License-Identifier: MIT
#include "incidents.h"
#include "families.h"
#include "../decode/iv.h"
#include "../decode/pte.h"
#include "../decode/print.h"

#include <inttypes.h>

/* hsa_status_t (hsa.h, hsa_ext_amd.h). */
#define STATUS_APERTURE 0x29
#define STATUS_ILLEGAL 0x2a
#define STATUS_MEMORY_FAULT 0x2b
#define STATUS_EXCEPTION 0x1016

/* An address further from any allocation than this has nothing to do with it. */
#define NEAR_BYTES (1ull << 30)

/* ---- where an address lies ---- */

bool incidents__allocated(const struct model *m, uint32_t pid)
{
	for (size_t i = 0; i < m->allocs.n; i++)
		if (m->allocs.v[i].pid == pid)
			return true;
	for (size_t i = 0; i < m->old_allocs.n; i++)
		if (m->old_allocs.v[i].pid == pid)
			return true;
	return false;
}

static void set_alloc(struct address *x, enum place_kind kind, const struct alloc *a,
		      uint64_t distance)
{
	x->kind = kind;
	x->alloc = *a;
	x->has_alloc = true;
	x->distance = distance;
}

static void find_near(struct address *x, const struct model *m, uint32_t pid,
		      const struct address_facts *at)
{
	const struct alloc *below = at->place.below, *above = at->place.above;

	x->kind = incidents__allocated(m, pid) && !at->forgotten ? PLACE_NOWHERE : PLACE_UNKNOWN;
	if (below && at->below_bytes < NEAR_BYTES && (!above || at->below_bytes <= at->above_bytes))
		set_alloc(x, PLACE_PAST_END, below, at->below_bytes);
	else if (above && at->above_bytes < NEAR_BYTES)
		set_alloc(x, PLACE_BEFORE, above, at->above_bytes);
}

static bool find_driver(struct address *x, const struct address_facts *at)
{
	/* In what an allocation was cut from, and in none of them: what is near says more. */
	if (!at->bo || (!at->bo_freed && at->bo->allocs))
		return false;
	x->kind = at->bo_freed ? PLACE_DRIVER_FREED : PLACE_DRIVER;
	x->bo = *at->bo;
	x->distance = x->va - at->bo->va;
	x->age_ns = at->bo_freed_ago_ns;
	return true;
}

struct address incidents__address(const struct model *m, uint32_t pid, uint64_t va, bool exact,
				  uint64_t ts)
{
	struct address x = {.va = va, .exact = exact};
	struct address_facts at;
	struct place p;

	if (va - CAPS_LDS_BASE < CAPS_APERTURE_BYTES ||
	    va - CAPS_SCRATCH_BASE < CAPS_APERTURE_BYTES) {
		const bool lds = va - CAPS_LDS_BASE < CAPS_APERTURE_BYTES;

		x.kind = lds ? PLACE_LDS : PLACE_SCRATCH;
		x.distance = va - (lds ? CAPS_LDS_BASE : CAPS_SCRATCH_BASE);
		return x;
	}
	if (va >= CAPS_GPUVM_END) {
		p = model__place(m, pid, va & 0xffffffffffffull, ts);
		x.kind = PLACE_NON_CANONICAL;
		if (p.inside)
			set_alloc(&x, x.kind, p.inside, (va & 0xffffffffffffull) - p.inside->va);
		return x;
	}
	if (va < 4096) {
		x.kind = PLACE_NULL;
		return x;
	}
	at = model__address(m, pid, va, ts);
	x.forgotten = at.forgotten;
	x.freed_before = at.place.inside_freed;
	if (at.alloc && !at.freed) {
		set_alloc(&x, PLACE_INSIDE, at.alloc, at.into_bytes);
	} else if (at.alloc) {
		set_alloc(&x, PLACE_FREED, at.alloc, at.into_bytes);
		x.age_ns = at.freed_ago_ns;
	} else if (at.svm) {
		x.kind = PLACE_SVM;
		x.distance = va - at.svm->va;
	} else if (!find_driver(&x, &at)) {
		find_near(&x, m, pid, &at);
	}
	return x;
}

/* ---- faults of one failure ---- */

static int class_of_status(int32_t status)
{
	switch (status) {
	case STATUS_APERTURE:
		return INCIDENT_APERTURE;
	case STATUS_ILLEGAL:
		return INCIDENT_ILLEGAL;
	case STATUS_MEMORY_FAULT:
		return INCIDENT_PAGE;
	case STATUS_EXCEPTION:
		return INCIDENT_TRAP;
	default:
		return INCIDENT_QUEUE;
	}
}

/* Whether a page fault of the process was told of by somebody else. */
static bool has_page_fault(const struct model *m, uint32_t pid)
{
	for (size_t i = 0; i < m->faults.n; i++)
		if (m->faults.v[i].pid == pid &&
		    (m->faults.v[i].from == FAULT_MEMORY ||
		     (m->faults.v[i].from == FAULT_PAGE && !m->faults.v[i].page.handled)))
			return true;
	return false;
}

static int class_of_wave(const struct model *m, const struct fault *f)
{
	const struct wave_fault *w = &f->wave;

	if (w->kind == BAD_PACKET)
		return INCIDENT_PACKET;
	/* 1 ILLEGAL_INST, 2 MEMVIOL (kfd_int_process_v10.c): of both kinds of bad addresses. */
	if (w->kind == WAVE_ERROR)
		return w->codes == 1		   ? INCIDENT_ILLEGAL
		       : w->codes != 2		   ? INCIDENT_QUEUE
		       : has_page_fault(m, f->pid) ? INCIDENT_PAGE
						   : INCIDENT_APERTURE;
	if (w->codes & IV_CODE_APERTURE_VIOLATION)
		return INCIDENT_APERTURE;
	if (w->codes & IV_CODE_MEMORY_VIOLATION)
		return INCIDENT_PAGE;
	return w->codes & IV_CODE_ILLEGAL_INSTRUCTION ? INCIDENT_ILLEGAL : INCIDENT_TRAP;
}

/* Below 0: no failure; the driver took care of it, or the hardware tried again and nobody said how
 * that ended. */
static int class_of(const struct model *m, const struct fault *f)
{
	static const int8_t of_device[] = {
		[EMU_FAULT_page] = INCIDENT_PAGE,	  [EMU_FAULT_permission] = INCIDENT_PAGE,
		[EMU_FAULT_aperture] = INCIDENT_APERTURE, [EMU_FAULT_illegal] = INCIDENT_ILLEGAL,
		[EMU_FAULT_trap] = INCIDENT_TRAP,	  [EMU_FAULT_packet] = INCIDENT_PACKET,
		[EMU_FAULT_hang] = INCIDENT_HANG,	  [EMU_FAULT_reset] = INCIDENT_RESET};

	switch (f->from) {
	case FAULT_DEVICE:
		return f->emu.kind && f->emu.kind < ARRAY_SIZE(of_device) ? of_device[f->emu.kind]
									  : INCIDENT_QUEUE;
	case FAULT_QUEUE:
		return class_of_status(f->status);
	case FAULT_MEMORY:
		return INCIDENT_PAGE;
	case FAULT_PAGE:
		return f->page.handled || (f->page.retries && !f->page.final && !f->page.told &&
					   !f->page.status)
			       ? -1
			       : INCIDENT_PAGE;
	default:
		return class_of_wave(m, f);
	}
}

static struct incident *incident_of(struct findings *f, uint32_t pid, int class, uint64_t ts)
{
	struct incident *x;

	for (size_t i = 0; i < f->incidents.n; i++)
		if (f->incidents.v[i].pid == pid &&
		    f->incidents.v[i].class == (enum incident_class) class)
			return &f->incidents.v[i];
	x = VEC_PUSH(&f->incidents);
	x->pid = pid;
	x->class = class;
	x->ts_ns = ts;
	return x;
}

static void add_proof(struct incident *x, uint64_t ts, const char *event, char *text)
{
	if (x->proofs.n < 8)
		*VEC_PUSH(&x->proofs) = (struct proof){.ts_ns = ts, .event = event, .text = text};
	else
		free(text);
}

static void set_address(struct incident *x, const struct model *m, uint64_t va, bool exact,
			uint64_t ts)
{
	if (x->has_address && (x->address.exact || !exact))
		return;
	x->has_address = true;
	x->address = incidents__address(m, x->pid, va, exact, ts);
}

static void take_device(struct incident *x, const struct model *m, const struct fault *f)
{
	const struct ev_emu_fault *e = &f->emu;
	const bool access = x->class == INCIDENT_PAGE || x->class == INCIDENT_APERTURE;
	const char *kind = fault_kind_name(e->kind);

	add_proof(x, f->ts_ns, "emu_fault",
		  xasprintf("%s: %s", kind ? kind : "fault", f->insn ? f->insn : ""));
	x->injected |= f->insn && !strncmp(f->insn, "injected ", 9);
	if (!x->object && e->kernel_object) {
		x->object = e->kernel_object;
		x->kernel_certain = true;
	}
	if (!x->has_index) {
		x->index = e->index;
		x->has_index = true;
	}
	x->copy = !e->kernel_object && f->insn && !strcmp(f->insn, "SDMA");
	if (!x->insn && !x->copy)
		x->insn = f->insn;
	if (access) {
		x->write = e->write;
		x->access_known = true;
		set_address(x, m, e->va, true, f->ts_ns);
	}
}

static void take_runtime(struct incident *x, const struct model *m, const struct fault *f)
{
	struct buf b = {0};

	if (f->from == FAULT_QUEUE) {
		x->status = f->status;
		x->queue_id = f->queue_id;
		x->has_queue = true;
		print_value(&b, PRINT_HSA_STATUS, (uint64_t)f->status, true);
		add_proof(x, f->ts_ns, "queue_error", xasprintf("the runtime: %s", buf__str(&b)));
	} else {
		print_value(&b, PRINT_FAULT_REASON, f->reason, false);
		add_proof(x, f->ts_ns, "mem_fault",
			  xasprintf("the runtime: %s at page 0x%" PRIx64, buf__str(&b), f->va));
		set_address(x, m, f->va, false, f->ts_ns);
	}
	buf__free(&b);
}

static void take_page(struct incident *x, const struct model *m, const struct fault *f)
{
	struct buf b = {0};

	if (f->page.status)
		print_value(&b, PRINT_GCVM_L2_STATUS, f->page.status, false);
	add_proof(x, f->ts_ns, f->page.seen ? "gpu_iv" : "vm_fault_status",
		  xasprintf("the driver: page fault%s%s", b.len ? ", " : "", buf__str(&b)));
	buf__free(&b);
	if (f->page.seen && !x->access_known) {
		x->write = f->page.write;
		x->access_known = true;
	}
	if (f->page.has_pte && !x->has_pte) {
		x->pte = f->page.pte;
		x->has_pte = true;
	}
	if (f->page.known)
		set_address(x, m, f->va, false, f->ts_ns);
}

static void take_wave(struct incident *x, const struct fault *f)
{
	const struct wave_fault *w = &f->wave;
	struct buf b = {0};

	if (w->kind == WAVE_EXCEPTION)
		iv_print_codes(&b, w->codes);
	else if (w->kind == WAVE_ERROR)
		iv_print_error(&b, w->codes);
	else
		print_value(&b, PRINT_KFD_EXCEPTION_CODE, w->codes, false);
	add_proof(x, f->ts_ns, "gpu_iv", xasprintf("an interrupt of the shader: %s", buf__str(&b)));
	buf__free(&b);
	if (w->has_queue_id && !x->has_queue) {
		x->queue_id = f->queue_id;
		x->has_queue = true;
	}
	/* The queue's last: what ran is older where others were not seen to end. */
	if (w->dispatch && !x->last_of_queue)
		x->last_of_queue = w->dispatch;
}

static void take_fault(struct findings *f, const struct model *m, const struct fault *fault)
{
	int class = class_of(m, fault);
	struct incident *x;

	if (class < 0)
		return;
	x = incident_of(f, fault->pid, class, fault->ts_ns);
	switch (fault->from) {
	case FAULT_DEVICE:
		take_device(x, m, fault);
		break;
	case FAULT_QUEUE:
	case FAULT_MEMORY:
		take_runtime(x, m, fault);
		break;
	case FAULT_PAGE:
		take_page(x, m, fault);
		break;
	default:
		take_wave(x, fault);
	}
}

static void take_hang(struct findings *f, const struct hang *h)
{
	struct incident *x = incident_of(f, h->pid, INCIDENT_HANG, h->ts_ns);

	add_proof(x, h->ts_ns, "hang",
		  xasprintf("the watchdog: packet %" PRIu64 " of queue %" PRIu64, h->e.index,
			    h->e.queue_id));
	if (x->object || x->elapsed_ns)
		return;
	x->object = h->e.kernel_object;
	x->kernel_certain = x->object != 0;
	x->queue_id = h->e.queue_id;
	x->has_queue = true;
	x->index = h->e.index;
	x->has_index = true;
	x->elapsed_ns = h->e.elapsed_ns;
}

/* ---- which kernel, where only the runtime spoke ---- */

/* Whether the agent's evidence of this packet is about the incident. */
static bool is_about(const struct incident *x, const struct evidence *e)
{
	if (e->pid != x->pid)
		return false;
	if (x->class == INCIDENT_PAGE)
		return e->e.reason == EVIDENCE_memory_fault || e->e.reason == EVIDENCE_queue_error;
	if (x->class == INCIDENT_HANG)
		return e->e.reason == EVIDENCE_hang && e->e.queue_id == x->queue_id;
	return e->e.reason == EVIDENCE_queue_error &&
	       (!x->has_queue || e->e.queue_id == x->queue_id);
}

/* It was taken by the device and not seen to end. */
static bool may_run(const struct evidence *e, const struct recent *r)
{
	return r->object && r->e.index < e->e.read_index && r->e.done != DISPATCH_DONE_yes;
}

/* Without evidence: any that was not seen to end. */
static void take_last(struct incident *x, const struct model *m)
{
	const struct dispatch *last = &m->dispatches.v[x->last_of_queue - 1];

	for (size_t i = 0; i < m->dispatches.n; i++) {
		const struct dispatch *d = &m->dispatches.v[i];

		x->kernels_running +=
			d->pid == last->pid && d->queue_id == last->queue_id && !d->duration_ns;
	}
	x->kernels_running = x->kernels_running ?: 1;
	x->object = last->object;
	x->queue_id = last->queue_id;
	x->index = last->index;
	x->has_queue = x->has_index = true;
}

/* The next dispatch from *i on that may have been it; NULL past the last. *first_ns: 0 to begin with. */
static const struct recent *next_running(const struct model *m, const struct incident *x, size_t *i, uint64_t *first_ns)
{
	while (*i < m->agent.recent.n) {
		const struct recent *r = &m->agent.recent.v[(*i)++];
		const struct evidence *e = &m->agent.evidence.v[r->evidence];

		if (!is_about(x, e) || !may_run(e, r))
			continue;
		if (*first_ns && e->ts_ns != *first_ns && e->e.reason != EVIDENCE_queue_error)
			return NULL; /* the same queues once more */
		*first_ns = *first_ns ?: e->ts_ns;
		return r;
	}
	return NULL;
}

static void find_kernel(struct incident *x, const struct model *m)
{
	const struct recent *r;
	uint64_t first_ns = 0;
	size_t i = 0;

	if (x->object || x->copy)
		return;
	while ((r = next_running(m, x, &i, &first_ns))) {
		x->kernels_running++;
		if (x->object)
			continue;
		x->object = r->object;
		x->queue_id = r->e.queue_id;
		x->has_queue = true;
		x->index = r->e.index;
		x->has_index = true;
	}
	if (!x->object && x->last_of_queue)
		take_last(x, m);
}

size_t incidents__running(const struct model *m, const struct incident *x, const struct recent **out, size_t max)
{
	const struct recent *r;
	uint64_t first_ns = 0;
	size_t n = 0, i = 0;

	while ((r = next_running(m, x, &i, &first_ns))) {
		bool known = false;

		for (size_t k = 0; k < n; k++)
			known |= out[k]->object == r->object;
		if (!known && n < max)
			out[n++] = r;
	}
	return n;
}

const struct recent *incidents__recent(const struct model *m, const struct incident *x)
{
	for (size_t i = 0; i < m->agent.recent.n; i++) {
		const struct recent *r = &m->agent.recent.v[i];

		if (m->agent.evidence.v[r->evidence].pid == x->pid && r->object == x->object &&
		    r->e.index == x->index && (!x->has_queue || r->e.queue_id == x->queue_id))
			return r;
	}
	return NULL;
}

/* ---- which argument ---- */

/* Bytes from where the pointer may lead to the address, 0: there; UINT64_MAX: nowhere near. */
static uint64_t miss(const struct address *a, const struct suspect *s)
{
	uint64_t low = a->exact ? a->va : a->va & ~0xfffull;

	if (a->va == s->pointer || (!a->exact && low == (s->pointer & ~0xfffull)))
		return 0;
	if (s->has_alloc &&
	    (a->has_alloc ? s->alloc.va == a->alloc.va : low - s->alloc.va < s->alloc.size))
		return 0;
	if (low >= s->pointer)
		return low - s->pointer < NEAR_BYTES ? low - s->pointer : UINT64_MAX;
	return s->pointer - low < NEAR_BYTES ? s->pointer - low : UINT64_MAX;
}

/* Which allocation a pointer leads to, or past. */
static void place_pointer(struct suspect *s, const struct model *m, const struct incident *x)
{
	struct address a = incidents__address(m, x->pid, s->pointer, true, x->ts_ns);

	if (a.kind != PLACE_INSIDE && a.kind != PLACE_FREED && a.kind != PLACE_PAST_END &&
	    a.kind != PLACE_NON_CANONICAL)
		return;
	s->has_alloc = a.has_alloc;
	s->alloc = a.alloc;
}

static void consider(struct incident *x, const struct model *m, uint16_t at, uint64_t pointer,
		     const struct ev_pointer *p, uint64_t *best)
{
	struct suspect s = {.known = true,
			    .at = at,
			    .pointer = pointer,
			    .state = p ? p->state : 0,
			    .name = family__arg(x->kernel, at)};
	uint64_t n;

	if (!pointer || x->num_arguments == MAX_ARGUMENTS)
		return;
	place_pointer(&s, m, x);
	n = miss(&x->address, &s);
	s.certain = n == 0;
	x->arguments[x->num_arguments++] = s;
	if (n == UINT64_MAX || (x->argument.known && n >= *best))
		return;
	*best = n;
	x->argument = s;
}

static void find_argument(struct incident *x, const struct model *m)
{
	const struct recent *r = incidents__recent(m, x);
	const struct family *family = family__find(x->kernel);
	uint64_t best = UINT64_MAX, pointer;

	if (!r || !x->has_address)
		return;
	for (size_t i = 0; i < r->pointers.n; i++) {
		const struct ev_pointer *p = &r->pointers.v[i];

		if (p->at + sizeof(pointer) > r->kernarg_len)
			continue;
		memcpy(&pointer, r->kernarg + p->at, sizeof(pointer));
		consider(x, m, p->at, pointer, p, &best);
	}
	/* Assembly says of its pointers that they are values. */
	for (size_t i = 0; family && !r->pointers.n && i < 4 && family->args[i].name; i++) {
		uint16_t at = family->args[i].at;

		if (at + sizeof(pointer) > r->kernarg_len)
			continue;
		memcpy(&pointer, r->kernarg + at, sizeof(pointer));
		consider(x, m, at, pointer, NULL, &best);
	}
}

void incidents__argument(struct buf *b, const struct suspect *s)
{
	buf__printf(b, "argument +%u", s->at);
	if (s->name)
		buf__printf(b, " (%s)", s->name);
}

/* ---- all of them ---- */

static int by_time(const void *a, const void *b)
{
	const struct incident *x = a, *y = b;

	return x->ts_ns < y->ts_ns ? -1 : x->ts_ns > y->ts_ns;
}

void incidents__find(struct findings *f, const struct model *m)
{
	for (size_t i = 0; i < m->faults.n; i++)
		take_fault(f, m, &m->faults.v[i]);
	for (size_t i = 0; i < m->agent.hangs.n; i++)
		take_hang(f, &m->agent.hangs.v[i]);
	for (size_t i = 0; i < m->resets.n; i++)
		add_proof(incident_of(f, 0, INCIDENT_RESET, m->resets.v[i].ts_ns),
			  m->resets.v[i].ts_ns, "gpu_reset", xstrdup("the driver reset the GPU"));
	for (size_t i = 0; i < f->incidents.n; i++) {
		struct incident *x = &f->incidents.v[i];

		find_kernel(x, m);
		x->kernel = x->object ? model__kernel(m, x->pid, x->object) : NULL;
		if (x->has_address)
			find_argument(x, m);
	}
	VEC_SORT(&f->incidents, by_time);
}
