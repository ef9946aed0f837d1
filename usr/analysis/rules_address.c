// SPDX-License-Identifier: MIT
/* Which address it was, and pointers that kernels were given. */
#include "rules.h"
#include "families.h"
#include "../caps/caps.h"
#include "../decode/pte.h"

/* Further from an end than this, an index that is a little too large is no explanation. */
#define FAR_BYTES (64ull << 20)

/* The i-th incident with an address of one of these kinds; NULL past the last. */
static const struct incident *with_place(const struct judge *j, size_t i, enum place_kind a,
					 enum place_kind b)
{
	const struct incident *x;

	for (size_t k = 0; (x = judge__get(j, k)); k++)
		if (x->has_address && (x->address.kind == a || x->address.kind == b) && !i--)
			return x;
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
		     : x->argument.has_alloc && x->argument.pointer - x->argument.alloc.va <
							x->argument.alloc.size
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
			buf__printf(&b,
				    ", in %" PRIu64 " bytes at 0x%" PRIx64 ", whose end is %" PRIu64
				    " bytes %s the address",
				    s->alloc.size, s->alloc.va,
				    x->address.va >= end ? x->address.va - end
							 : end - x->address.va,
				    x->address.va >= end ? "before" : "behind");
		finding__prove(f, 0, NULL, b.s);
	}
}

/* The events that say of it. */
static const char *event_of_alloc(const struct alloc *a)
{
	return a->kind == MEM_KIND_pool ? "pool_alloc_ok" : "mem_alloc";
}

static const char *event_of_free(const struct alloc *a)
{
	return a->kind == MEM_KIND_pool ? "pool_free" : "mem_free";
}

static struct finding *add(struct judge *j, enum finding_state state, const struct incident *x,
			   struct buf *b)
{
	struct finding *f;

	put_argument(b, x);
	f = judge__about(j, state, b->s, x);
	if (x->proofs.n)
		finding__prove(f, x->proofs.v[0].ts_ns, x->proofs.v[0].event,
			       xstrdup(x->proofs.v[0].text));
	if (x->address.has_alloc)
		finding__prove(f, x->address.alloc.begin_ns, event_of_alloc(&x->address.alloc),
			       xstrdup("the allocation"));
	return f;
}

/* ---- inside a live allocation ---- */

static bool was_unmapped(const struct judge *j, const struct incident *x)
{
	for (size_t i = 0; i < j->m->faults.n; i++) {
		const struct fault *f = &j->m->faults.v[i];

		if (f->from == FAULT_PAGE && f->pid == x->pid && f->page.has_pte &&
		    f->page.unmapped && f->va >> 12 == x->address.va >> 12)
			return true;
	}
	return false;
}

/* The application's own memory, which it gave to the GPU: it may take it away without a word. */
static bool is_registered(const struct address *a)
{
	return a->has_alloc &&
	       (a->alloc.kind == MEM_KIND_lock || a->alloc.kind == MEM_KIND_register);
}

static bool said_by_device(const struct judge *j, const struct incident *x)
{
	for (size_t i = 0; i < j->m->faults.n; i++) {
		const struct fault *f = &j->m->faults.v[i];

		if (f->from == FAULT_DEVICE && f->pid == x->pid &&
		    f->emu.kind == EMU_FAULT_permission && f->emu.va >> 12 == x->address.va >> 12)
			return true;
	}
	return false;
}

static void permission(struct judge *j, const struct incident *x)
{
	const uint64_t bit = x->write ? PTE_WRITEABLE : PTE_READABLE;
	bool refused = said_by_device(j, x);
	struct buf b = {0};
	char *alloc;

	if (x->class != INCIDENT_PAGE || was_unmapped(j, x) || is_registered(&x->address))
		return;
	if (x->address.has_alloc) {
		alloc = say__alloc(j->m, &x->address.alloc);
		buf__printf(&b, "%" PRIu64 " bytes into %s, which was live", x->address.distance,
			    alloc);
		free(alloc);
	} else {
		buf__printf(&b,
			    "%" PRIu64 " bytes into a buffer of the driver's at 0x%" PRIx64
			    ", which was live",
			    x->address.distance, x->address.bo.va);
	}
	if (x->has_pte) {
		refused |= x->access_known && !(x->pte & bit);
		buf__puts(&b,
			  x->pte & bit
				  ? "; its page-table entry allowed it when it was last written: "
				  : "; its page-table entry does not allow it: ");
		pte_print(&b, caps_pte__find(j->m->gfx), x->pte);
	}
	add(j, refused ? FINDING_CONFIRMED : FINDING_POSSIBLE, x, &b);
}

void rule_permission(struct judge *j)
{
	const struct incident *x;

	for (size_t i = 0; (x = with_place(j, i, PLACE_INSIDE, PLACE_DRIVER)); i++)
		permission(j, x);
}

/* What the driver did to the buffer that the address is in. */
static void prove_eviction(struct judge *j, struct finding *f, const struct incident *x)
{
	const struct model *m = j->m;
	size_t bo = x->address.has_alloc ? x->address.alloc.bo : 0;

	if (!bo)
		return;
	if (m->bos.v[bo - 1].host_changes)
		finding__prove(f, 0, "userptr_evict",
			       xasprintf("its host memory changed, %u time%s",
					 m->bos.v[bo - 1].host_changes,
					 m->bos.v[bo - 1].host_changes == 1 ? "" : "s"));
	for (size_t i = 0; i < m->moves.n; i++)
		if (m->moves.v[i].bo == bo && m->moves.v[i].ts_ns < x->ts_ns)
			finding__prove(f, m->moves.v[i].ts_ns, "bo_move", xstrdup("it moved"));
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

static void evicted(struct judge *j, const struct incident *x)
{
	const struct model *m = j->m;
	struct finding *f;
	struct buf b = {0};
	char *alloc;

	if (x->class != INCIDENT_PAGE)
		return;
	if ((x->address.kind == PLACE_INSIDE || x->address.kind == PLACE_DRIVER) &&
	    was_unmapped(j, x)) {
		buf__puts(&b, "the allocation is live, and its page-table entry had been taken "
			      "away before");
		prove_eviction(j, add(j, FINDING_CONFIRMED, x, &b), x);
	} else if (x->address.kind == PLACE_INSIDE && is_registered(&x->address)) {
		alloc = say__alloc(m, &x->address.alloc);
		buf__printf(&b,
			    "%" PRIu64 " bytes into %s of the application's own memory that was "
			    "registered with the GPU: "
			    "it was unmapped or freed while it was registered",
			    x->address.distance, alloc);
		free(alloc);
		f = add(j, FINDING_POSSIBLE, x, &b);
		finding__remedy(f, xstrdup("unregister host memory before it is freed "
					   "(hipHostUnregister), and after the "
					   "copies from it have ended"));
	} else if (m->moves_on && m->host_changes_on && !m->num_moves && !any_host_change(m)) {
		judge__about(j, FINDING_RULED_OUT,
			     xstrdup("no buffer was moved and no registered host memory changed"),
			     x);
	}
}

void rule_evicted(struct judge *j)
{
	const struct incident *x;

	for (size_t i = 0; (x = judge__get(j, i)); i++)
		if (x->has_address)
			evicted(j, x);
}

/* ---- near one, or near none ---- */

static void past_end(struct judge *j, const struct incident *x)
{
	const struct address *a = &x->address;
	const bool led_there = x->argument.certain && x->argument.has_alloc;
	char *alloc, *distance;
	struct buf b = {0};
	struct finding *f;

	if (a->distance >= FAR_BYTES && !x->argument.certain)
		return;
	alloc = say__alloc(j->m, &a->alloc);
	distance = say__bytes(a->distance);
	buf__printf(&b, "0x%" PRIx64 " is %s (%" PRIu64 " bytes) %s %s", a->va, distance,
		    a->distance,
		    a->kind == PLACE_BEFORE ? "before the beginning of" : "past the end of", alloc);
	/* What a kernel was not given, it does not overrun by a little. */
	if (x->num_arguments && !x->argument.certain)
		buf__puts(&b, ", which is no argument of this kernel");
	f = add(j, x->argument.certain ? FINDING_CONFIRMED : FINDING_POSSIBLE, x, &b);
	if (!x->argument.certain)
		prove_arguments(f, x);
	if (led_there && x->argument.pointer - x->argument.alloc.va >= x->argument.alloc.size)
		finding__remedy(f, xstrdup("the pointer was past the end when it was dispatched: "
					   "see dangling-argument"));
	else if (!code__foreign(j, x))
		finding__remedy(f, xstrdup("the kernel's index is too large or its buffer too "
					   "small: compare shape and size"));
	free(alloc);
	free(distance);
}

void rule_past_end(struct judge *j)
{
	const struct incident *x;

	for (size_t i = 0; (x = with_place(j, i, PLACE_PAST_END, PLACE_BEFORE)); i++)
		past_end(j, x);
}

static void freed(struct judge *j, const struct incident *x)
{
	struct buf b = {0};
	struct finding *f;
	char *alloc, *age = say__duration(x->address.age_ns);

	if (x->address.kind == PLACE_FREED) {
		alloc = say__alloc(j->m, &x->address.alloc);
		buf__printf(&b, "0x%" PRIx64 " is %" PRIu64 " bytes into %s, freed %s before",
			    x->address.va, x->address.distance, alloc, age);
		free(alloc);
	} else {
		buf__printf(&b,
			    "0x%" PRIx64 " is %" PRIu64
			    " bytes into a buffer of the driver's that was freed %s before",
			    x->address.va, x->address.distance, age);
	}
	f = add(j, FINDING_CONFIRMED, x, &b);
	if (x->address.kind == PLACE_FREED)
		finding__prove(f, x->address.alloc.end_ns, event_of_free(&x->address.alloc),
			       xstrdup("the free"));
	free(age);
}

static void rule_out_freed(struct judge *j, const struct incident *x)
{
	if (x->class != INCIDENT_PAGE || x->address.kind == PLACE_UNKNOWN || x->address.forgotten ||
	    !incidents__allocated(j->m, x->pid))
		return;
	judge__about(j, FINDING_RULED_OUT,
		     xstrdup(x->address.freed_before
				     ? "what was freed there had been allocated again since"
				     : "nothing that was freed ever held the address"),
		     x);
}

void rule_freed(struct judge *j)
{
	const struct incident *x;

	for (size_t i = 0; (x = judge__get(j, i)); i++) {
		if (!x->has_address)
			continue;
		if (x->address.kind == PLACE_FREED || x->address.kind == PLACE_DRIVER_FREED)
			freed(j, x);
		else
			rule_out_freed(j, x);
	}
}

static void remedy_of_pointer(struct judge *j, struct finding *f, const struct incident *x)
{
	if (x->argument.certain && x->argument.pointer == x->address.va)
		finding__remedy(f, xstrdup("look at who passes that pointer: the kernel used what "
					   "it was given"));
	else if (!code__foreign(j, x))
		finding__remedy(f, xstrdup("the kernel computed it, from an index that is far too "
					   "large or was never set: compare "
					   "its shape and arguments with its buffers"));
}

static void undecided_place(struct judge *j, const struct incident *x)
{
	struct finding *f = judge__about(
		j, FINDING_UNDECIDED,
		xstrdup(x->address.forgotten ? "what held the address is not known any more: too "
					       "much was freed since"
					     : "where the address lies is not known: no allocation "
					       "of the process was recorded"),
		x);

	f->decide = xstrdup("the agent: sudo rdna1-trace -- COMMAND");
}

static void never_mapped(struct judge *j, const struct incident *x)
{
	const struct address *a = &x->address;
	struct buf b = {0};
	struct finding *f;
	char *distance;

	switch (a->kind) {
	case PLACE_UNKNOWN:
		undecided_place(j, x);
		return;
	case PLACE_PAST_END:
	case PLACE_BEFORE:
		if (a->distance < FAR_BYTES || x->argument.certain)
			return;
		distance = say__bytes(a->distance);
		buf__printf(&b, "0x%" PRIx64 " is in no allocation, and the nearest is %s away",
			    a->va, distance);
		free(distance);
		f = add(j, FINDING_POSSIBLE, x, &b);
		break;
	case PLACE_NOWHERE:
		buf__printf(
			&b,
			"0x%" PRIx64
			" is in no allocation and near none, and nothing that was freed held it",
			a->va);
		f = add(j, FINDING_CONFIRMED, x, &b);
		break;
	default:
		return;
	}
	remedy_of_pointer(j, f, x);
	if (!x->argument.certain)
		prove_arguments(f, x);
}

void rule_never_mapped(struct judge *j)
{
	const struct incident *x;

	for (size_t i = 0; (x = judge__get(j, i)); i++)
		if (x->has_address)
			never_mapped(j, x);
}

/* ---- no address of memory at all ---- */

void rule_non_canonical(struct judge *j)
{
	const struct incident *x = judge__incident(j, INCIDENT_APERTURE);
	char *alloc;

	if (x && !x->has_address)
		judge__undecided(j,
				 "0x29 comes without its address from the runtime and the driver",
				 "the emulated device (--emulate), or rocm-debug-agent's registers "
				 "on a card");
	for (size_t i = 0; (x = with_place(j, i, PLACE_NON_CANONICAL, PLACE_NON_CANONICAL)); i++) {
		struct buf b = {0};

		buf__printf(&b, "0x%" PRIx64 " is in no aperture, and no page table can hold it",
			    x->address.va);
		if (x->address.has_alloc) {
			alloc = say__alloc(j->m, &x->address.alloc);
			buf__printf(&b, "; its low 48 bits lie in %s, %" PRIu64 " bytes in", alloc,
				    x->address.distance);
			free(alloc);
		}
		remedy_of_pointer(j, add(j, FINDING_CONFIRMED, x, &b), x);
	}
}

void rule_null(struct judge *j)
{
	const struct incident *x;

	for (size_t i = 0; (x = with_place(j, i, PLACE_NULL, PLACE_NULL)); i++) {
		struct buf b = {0};

		buf__printf(&b, "the address is 0x%" PRIx64 "%s", x->address.va,
			    x->address.exact ? "" : ", or in that page");
		add(j, FINDING_CONFIRMED, x, &b);
	}
}

void rule_lds_scratch(struct judge *j)
{
	const struct incident *x;

	for (size_t i = 0; (x = with_place(j, i, PLACE_LDS, PLACE_SCRATCH)); i++) {
		struct buf b = {0};

		buf__printf(&b, "0x%" PRIx64 " is 0x%" PRIx64 " bytes into the %s aperture",
			    x->address.va, x->address.distance,
			    x->address.kind == PLACE_LDS ? "LDS" : "scratch");
		add(j, FINDING_CONFIRMED, x, &b);
	}
}

/* ---- arguments ---- */

/* The GPU found nothing there, either. */
static bool faulted_there(const struct judge *j, const struct bad_pointer *p)
{
	const struct incident *x;

	for (size_t i = 0; (x = judge__get(j, i)); i++)
		if (x->pid == p->pid && x->has_address && x->object == p->object &&
		    x->argument.certain && x->argument.at == p->at &&
		    x->argument.pointer == p->pointer)
			return true;
	return false;
}

static void put_where(struct judge *j, struct buf *b, const struct bad_pointer *p, bool *sure)
{
	struct address a;
	char *alloc;

	*sure = p->state == POINTER_STATE_freed || faulted_there(j, p);
	if (p->state == POINTER_STATE_freed) {
		buf__printf(b,
			    "%" PRIu64 " bytes into freed memory (%" PRIu64 " bytes at 0x%" PRIx64
			    ")",
			    p->pointer - p->base, p->size, p->base);
		return;
	}
	if (p->state == POINTER_STATE_past_end) {
		buf__printf(b, "%" PRIu64 " bytes past the end of %" PRIu64 " bytes at 0x%" PRIx64,
			    p->pointer - p->base - p->size, p->size, p->base);
		return;
	}
	a = incidents__address(j->m, p->pid, p->pointer, true, p->ts_ns);
	alloc = a.has_alloc ? say__alloc(j->m, &a.alloc) : NULL;
	*sure |= a.kind == PLACE_NON_CANONICAL;
	if (a.kind == PLACE_NON_CANONICAL)
		buf__puts(b, "no address that a page table can hold");
	else if (a.kind == PLACE_PAST_END)
		buf__printf(b,
			    "nothing that was seen to be allocated, %" PRIu64
			    " bytes past the end of %s",
			    a.distance, alloc);
	else
		buf__puts(b, "nothing that was seen to be allocated");
	free(alloc);
}

/* Whether pointers of kernels were looked up at all. */
static bool any_use(const struct model *m, uint32_t pid)
{
	struct argument_use use;

	for (size_t i = 0; i < m->allocs.n; i++)
		if (m->allocs.v[i].pid == pid && model__uses(m, &m->allocs.v[i], &use, 1))
			return true;
	return false;
}

void rule_dangling(struct judge *j)
{
	const struct model *m = j->m;
	const struct incident *x;
	struct finding *f = NULL;
	bool sure, any = false;

	for (size_t i = 0; i < m->agent.bad_pointers.n; i++) {
		const struct bad_pointer *p = &m->agent.bad_pointers.v[i];
		const char *name = model__kernel(m, p->pid, p->object);
		/* One past the end is what the end of a range is. */
		const bool is_end =
			p->state == POINTER_STATE_past_end && p->pointer == p->base + p->size;
		struct suspect s = {.at = p->at, .name = family__arg(name, p->at)};
		struct buf b = {0};
		char *said;

		if (is_end && !faulted_there(j, p))
			continue;
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
				finding__prove(f, p->ts_ns, "dispatch",
					       xstrdup("the first such dispatch"));
			}
			any |= sure;
			continue;
		}
		finding__prove(f, p->ts_ns, "dispatch", b.s);
	}
	x = judge__first(j);
	if (!f && x && x->has_address && any_use(m, x->pid) && !m->agent.not_asked)
		judge__about(j, FINDING_RULED_OUT,
			     xstrdup("every argument that code objects call a pointer led into "
				     "live memory"),
			     x);
}
