// SPDX-License-Identifier: MIT
/* Which address it was, and pointers that kernels were given. */
#include "rules.h"
#include "families.h"
#include "../caps/caps.h"
#include "../decode/pte.h"

/* KFD maps allocations in blocks of this size where it can. */
#define BLOCK_BYTES (2ull << 20)
/* Further from an end than this, an index that is a little too large is no explanation. */
#define FAR_BYTES (64ull << 20)

/* The first incident with an address of one of these kinds; NULL without. */
static const struct incident *with_place(const struct judge *j, enum place_kind a, enum place_kind b)
{
	for (size_t i = 0; i < j->f->incidents.n; i++) {
		const struct incident *x = &j->f->incidents.v[i];

		if (x->has_address && (x->address.kind == a || x->address.kind == b))
			return x;
	}
	return NULL;
}

static void put_argument(struct buf *b, const struct incident *x)
{
	if (!x->argument.known || !x->argument.certain)
		return;
	buf__puts(b, "; ");
	incidents__argument(b, &x->argument);
	buf__printf(b, " of the kernel is 0x%" PRIx64, x->argument.pointer);
	buf__puts(b, x->argument.pointer == x->address.va ? ", the address itself"
		     : x->argument.has_alloc && x->argument.pointer - x->argument.alloc.va < x->argument.alloc.size
			     ? ", into that allocation"
			     : "");
}

/* Where each of the kernel's buffers ends, when none of them is known to be meant. */
static void prove_arguments(struct finding *f, const struct incident *x)
{
	for (unsigned int i = 0; i < x->num_arguments; i++) {
		const struct suspect *s = &x->arguments[i];
		uint64_t end = s->alloc.va + s->alloc.size;
		struct buf b = {0};

		incidents__argument(&b, s);
		buf__printf(&b, " is 0x%" PRIx64, s->pointer);
		if (s->has_alloc)
			buf__printf(&b, ", in %" PRIu64 " bytes at 0x%" PRIx64 ", whose end is %" PRIu64 " bytes %s the address",
				    s->alloc.size, s->alloc.va, x->address.va >= end ? x->address.va - end : end - x->address.va,
				    x->address.va >= end ? "before" : "behind");
		finding__prove(f, 0, NULL, b.s);
	}
}

static struct finding *add(struct judge *j, enum finding_state state, const struct incident *x, struct buf *b)
{
	struct finding *f;

	put_argument(b, x);
	f = judge__add(j, state, b->s);
	if (x->proofs.n)
		finding__prove(f, x->proofs.v[0].ts_ns, x->proofs.v[0].event, xstrdup(x->proofs.v[0].text));
	if (x->address.has_alloc)
		finding__prove(f, x->address.alloc.begin_ns, "pool_alloc_ok", xstrdup("the allocation"));
	return f;
}

/* ---- inside a live allocation ---- */

static bool was_unmapped(const struct judge *j, const struct incident *x)
{
	for (size_t i = 0; i < j->m->faults.n; i++) {
		const struct fault *f = &j->m->faults.v[i];

		if (f->from == FAULT_PAGE && f->pid == x->pid && f->page.has_pte && f->page.unmapped &&
		    f->va >> 12 == x->address.va >> 12)
			return true;
	}
	return false;
}

/* The application's own memory, which it gave to the GPU: it may take it away without a word. */
static bool is_registered(const struct address *a)
{
	return a->has_alloc && (a->alloc.kind == MEM_KIND_lock || a->alloc.kind == MEM_KIND_register);
}

void rule_permission(struct judge *j)
{
	const struct incident *x = with_place(j, PLACE_INSIDE, PLACE_DRIVER);
	bool refused = false;
	struct buf b = {0};
	char *alloc;

	if (!x || x->class != INCIDENT_PAGE || was_unmapped(j, x) || is_registered(&x->address))
		return;
	if (x->address.has_alloc) {
		alloc = say__alloc(j->m, &x->address.alloc);
		buf__printf(&b, "%" PRIu64 " bytes into %s, which was live", x->address.distance, alloc);
		free(alloc);
	} else {
		buf__printf(&b, "%" PRIu64 " bytes into a buffer of the driver's at 0x%" PRIx64 ", which was live",
			    x->address.distance, x->address.bo.va);
	}
	if (x->has_pte) {
		refused = x->access_known && !(x->pte & (x->write ? PTE_WRITEABLE : PTE_READABLE));
		buf__puts(&b, "; its page-table entry: ");
		pte_print(&b, caps_pte__find(j->m->gfx), x->pte);
	}
	for (size_t i = 0; i < j->m->faults.n; i++)
		refused |= j->m->faults.v[i].from == FAULT_DEVICE && j->m->faults.v[i].pid == x->pid &&
			   j->m->faults.v[i].emu.kind == EMU_FAULT_permission;
	add(j, refused ? FINDING_CONFIRMED : FINDING_POSSIBLE, x, &b);
}

static bool driver_seen(const struct model *m)
{
	return m->page_tables_on;
}

static bool any_host_change(const struct model *m)
{
	for (size_t i = 0; i < m->bos.n; i++)
		if (m->bos.v[i].host_changes)
			return true;
	for (size_t i = 0; i < m->old_bos.n; i++)
		if (m->old_bos.v[i].changed)
			return true;
	return false;
}

void rule_evicted(struct judge *j)
{
	const struct incident *x = judge__incident(j, INCIDENT_PAGE);
	const struct model *m = j->m;
	struct finding *f;
	struct buf b = {0};
	char *alloc;

	if (!x || !x->has_address)
		return;
	if ((x->address.kind == PLACE_INSIDE || x->address.kind == PLACE_DRIVER) && was_unmapped(j, x)) {
		buf__puts(&b, "the allocation is live, and its page-table entry had been taken away before");
		f = add(j, FINDING_CONFIRMED, x, &b);
		for (size_t i = 0; i < m->bos.n; i++)
			if (m->bos.v[i].pid == x->pid && m->bos.v[i].host_changes)
				finding__prove(f, 0, "userptr_evict",
					       xasprintf("registered host memory at 0x%" PRIx64 " changed, %u time%s",
							 m->bos.v[i].va, m->bos.v[i].host_changes,
							 m->bos.v[i].host_changes == 1 ? "" : "s"));
		for (size_t i = 0; i < m->moves.n; i++)
			if (m->moves.v[i].ts_ns < x->ts_ns)
				finding__prove(f, m->moves.v[i].ts_ns, "bo_move", xstrdup("a buffer moved"));
		return;
	}
	if (x->address.kind == PLACE_INSIDE && is_registered(&x->address)) {
		alloc = say__alloc(m, &x->address.alloc);
		buf__printf(&b, "%" PRIu64 " bytes into %s of the application's own memory that was registered with the GPU: "
				"it was unmapped or freed while it was registered",
			    x->address.distance, alloc);
		free(alloc);
		f = add(j, FINDING_POSSIBLE, x, &b);
		finding__remedy(f, xstrdup("unregister host memory before it is freed (hipHostUnregister), and after the "
					   "copies from it have ended"));
		return;
	}
	if (driver_seen(m) && !m->num_moves && !any_host_change(m))
		judge__add(j, FINDING_RULED_OUT, xstrdup("no buffer was moved and no registered host memory changed"));
}

/* ---- near one, or near none ---- */

void rule_past_end(struct judge *j)
{
	const struct incident *x = with_place(j, PLACE_PAST_END, PLACE_BEFORE);
	const struct address *a = x ? &x->address : NULL;
	char *alloc, *distance;
	struct buf b = {0};
	struct finding *f;

	if (!x || (a->distance >= FAR_BYTES && !x->argument.certain))
		return;
	alloc = say__alloc(j->m, &a->alloc);
	distance = say__bytes(a->distance);
	buf__printf(&b, "0x%" PRIx64 " is %s (%" PRIu64 " bytes) %s %s", a->va, distance, a->distance,
		    a->kind == PLACE_BEFORE ? "before" : "past the end of", alloc);
	/* What a kernel was not given, it does not overrun by a little. */
	if (x->num_arguments && !x->argument.certain)
		buf__puts(&b, ", which is no argument of this kernel");
	f = add(j, x->argument.certain || (!x->num_arguments && a->distance < BLOCK_BYTES) ? FINDING_CONFIRMED : FINDING_POSSIBLE,
		x, &b);
	if (!x->argument.certain)
		prove_arguments(f, x);
	if (x->argument.certain && x->argument.has_alloc && x->argument.pointer - x->argument.alloc.va >= x->argument.alloc.size)
		finding__remedy(f, xstrdup("the pointer was past the end when it was dispatched: see dangling-argument"));
	else if (!code__foreign(j, x))
		finding__remedy(f, xstrdup("the kernel's index is too large or its buffer too small: compare shape and size"));
	free(alloc);
	free(distance);
}

void rule_freed(struct judge *j)
{
	const struct incident *x = with_place(j, PLACE_FREED, PLACE_DRIVER_FREED);
	struct buf b = {0};
	struct finding *f;
	char *alloc, *age;

	if (!x) {
		x = judge__incident(j, INCIDENT_PAGE);
		if (x && x->has_address && x->address.kind != PLACE_UNKNOWN)
			judge__add(j, FINDING_RULED_OUT, xstrdup("nothing that was freed ever held the address"));
		return;
	}
	age = say__duration(x->address.age_ns);
	if (x->address.kind == PLACE_FREED) {
		alloc = say__alloc(j->m, &x->address.alloc);
		buf__printf(&b, "0x%" PRIx64 " is %" PRIu64 " bytes into %s, freed %s before", x->address.va,
			    x->address.distance, alloc, age);
		free(alloc);
	} else {
		buf__printf(&b, "0x%" PRIx64 " is %" PRIu64 " bytes into a buffer of the driver's that was freed %s before",
			    x->address.va, x->address.distance, age);
	}
	f = add(j, FINDING_CONFIRMED, x, &b);
	if (x->address.kind == PLACE_FREED)
		finding__prove(f, x->address.alloc.end_ns, "pool_free", xstrdup("the free"));
	free(age);
}

static void remedy_of_pointer(struct judge *j, struct finding *f, const struct incident *x)
{
	if (x->argument.certain && x->argument.pointer == x->address.va)
		finding__remedy(f, xstrdup("look at who passes that pointer: the kernel used what it was given"));
	else if (!code__foreign(j, x))
		finding__remedy(f, xstrdup("the kernel computed it, from an index that is far too large or was never set: compare "
					   "its shape and arguments with its buffers"));
}

void rule_never_mapped(struct judge *j)
{
	const struct incident *x = with_place(j, PLACE_NOWHERE, PLACE_UNKNOWN);
	const struct incident *far = with_place(j, PLACE_PAST_END, PLACE_BEFORE);
	struct buf b = {0};
	struct finding *f;
	char *distance;

	if (!x && far && far->address.distance >= FAR_BYTES && !far->argument.certain) {
		distance = say__bytes(far->address.distance);
		buf__printf(&b, "0x%" PRIx64 " is in no allocation, and the nearest is %s away", far->address.va, distance);
		free(distance);
		f = add(j, FINDING_POSSIBLE, far, &b);
		remedy_of_pointer(j, f, far);
		return;
	}
	if (!x)
		return;
	if (x->address.kind == PLACE_UNKNOWN) {
		judge__undecided(j, x->address.forgotten ? "what held the address is not known any more: too much was freed since"
							 : "where the address lies is not known: no allocation was recorded",
				 "the agent: sudo rdna1-trace -- COMMAND");
		return;
	}
	buf__printf(&b, "0x%" PRIx64 " is in no allocation and near none, and nothing that was freed held it", x->address.va);
	f = add(j, FINDING_CONFIRMED, x, &b);
	remedy_of_pointer(j, f, x);
	if (!x->argument.certain)
		prove_arguments(f, x);
}

/* ---- no address of memory at all ---- */

void rule_non_canonical(struct judge *j)
{
	const struct incident *x = with_place(j, PLACE_NON_CANONICAL, PLACE_NON_CANONICAL);
	struct buf b = {0};
	char *alloc;

	if (!x) {
		if (judge__incident(j, INCIDENT_APERTURE) && !judge__incident(j, INCIDENT_APERTURE)->has_address)
			judge__undecided(j, "0x29 comes without its address from the runtime and the driver",
					 "the emulated device (--emulate), or rocm-debug-agent's registers on a card");
		return;
	}
	buf__printf(&b, "0x%" PRIx64 " is in no aperture, and no page table can hold it", x->address.va);
	if (x->address.has_alloc) {
		alloc = say__alloc(j->m, &x->address.alloc);
		buf__printf(&b, "; its low 48 bits lie in %s, %" PRIu64 " bytes in", alloc, x->address.distance);
		free(alloc);
	}
	remedy_of_pointer(j, add(j, FINDING_CONFIRMED, x, &b), x);
}

void rule_null(struct judge *j)
{
	const struct incident *x = with_place(j, PLACE_NULL, PLACE_NULL);
	struct buf b = {0};

	if (!x)
		return;
	buf__printf(&b, "the address is 0x%" PRIx64 "%s", x->address.va, x->address.exact ? "" : ", or in that page");
	add(j, FINDING_CONFIRMED, x, &b);
}

void rule_lds_scratch(struct judge *j)
{
	const struct incident *x = with_place(j, PLACE_LDS, PLACE_SCRATCH);
	struct buf b = {0};

	if (!x)
		return;
	buf__printf(&b, "0x%" PRIx64 " is 0x%" PRIx64 " bytes into the %s aperture", x->address.va, x->address.distance,
		    x->address.kind == PLACE_LDS ? "LDS" : "scratch");
	add(j, FINDING_CONFIRMED, x, &b);
}

/* ---- arguments ---- */

static void put_where(struct judge *j, struct buf *b, const struct bad_pointer *p, bool *sure)
{
	struct address a;
	char *alloc;

	*sure = true;
	if (p->state == POINTER_STATE_freed) {
		buf__printf(b, "%" PRIu64 " bytes into freed memory (%" PRIu64 " bytes at 0x%" PRIx64 ")", p->pointer - p->base,
			    p->size, p->base);
		return;
	}
	if (p->state == POINTER_STATE_past_end) {
		buf__printf(b, "%" PRIu64 " bytes past the end of %" PRIu64 " bytes at 0x%" PRIx64, p->pointer - p->base - p->size,
			    p->size, p->base);
		return;
	}
	a = incidents__address(j->m, p->pid, p->pointer, true, p->ts_ns);
	alloc = a.has_alloc ? say__alloc(j->m, &a.alloc) : NULL;
	*sure = a.kind == PLACE_NON_CANONICAL;
	if (a.kind == PLACE_NON_CANONICAL)
		buf__puts(b, "no address that a page table can hold");
	else if (a.kind == PLACE_PAST_END)
		buf__printf(b, "nothing that was seen to be allocated, %" PRIu64 " bytes past the end of %s", a.distance, alloc);
	else
		buf__puts(b, "nothing that was seen to be allocated");
	*sure |= a.kind == PLACE_PAST_END && a.distance < BLOCK_BYTES;
	/* The GPU found nothing there, either. */
	for (size_t i = 0; i < j->f->incidents.n; i++) {
		const struct incident *x = &j->f->incidents.v[i];

		*sure |= x->pid == p->pid && x->has_address && x->argument.known && x->argument.pointer == p->pointer &&
			 (x->address.exact ? x->address.va == p->pointer : x->address.va == (p->pointer & ~0xfffull));
	}
	free(alloc);
}

/* Whether pointers of kernels were looked up at all. */
static bool any_use(const struct model *m)
{
	struct argument_use use;

	for (size_t i = 0; i < m->allocs.n; i++)
		if (model__uses(m, &m->allocs.v[i], &use, 1))
			return true;
	return false;
}

void rule_dangling(struct judge *j)
{
	const struct model *m = j->m;
	struct finding *f = NULL;
	bool sure, any = false;

	for (size_t i = 0; i < m->agent.bad_pointers.n; i++) {
		const struct bad_pointer *p = &m->agent.bad_pointers.v[i];
		const char *name = model__kernel(m, p->pid, p->object);
		struct suspect s = {.at = p->at, .name = family__arg(name, p->at)};
		struct buf b = {0};
		char *said;

		said = say__name(name);
		buf__printf(&b, "kernel %s: ", said);
		free(said);
		incidents__argument(&b, &s);
		buf__printf(&b, " is 0x%" PRIx64 ", ", p->pointer);
		put_where(j, &b, p, &sure);
		if (p->count > 1)
			buf__printf(&b, "; %" PRIu64 " dispatches", p->count);
		/* The first that is sure says it; the others stand behind it as proofs. */
		if (!f || (sure && !any)) {
			if (f) {
				finding__prove(f, p->ts_ns, "dispatch", b.s);
				f->state = FINDING_CONFIRMED;
			} else {
				f = judge__add(j, sure ? FINDING_CONFIRMED : FINDING_POSSIBLE, b.s);
				finding__prove(f, p->ts_ns, "dispatch", xstrdup("the first such dispatch"));
			}
			any |= sure;
			continue;
		}
		finding__prove(f, p->ts_ns, "dispatch", b.s);
	}
	if (!f && judge__incident(j, INCIDENT_PAGE) && any_use(m) && !m->agent.not_asked)
		judge__add(j, FINDING_RULED_OUT, xstrdup("every pointer that kernels were given led into live memory"));
}
