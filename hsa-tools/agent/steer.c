// SPDX-License-Identifier: MIT
#include "steer.h"

#include "image.h"
#include "policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LATE_FREE_BYTES = 256 << 20, LDS_BYTES = 65536, MAX_KERNARG = 1024 };

bool steer_start(struct thread *t)
{
	const bool any = policy_read();

	policy_record(t);
	/* A dispatch that hangs in such a program would hold it for ever: what it met is kept, and it ends. */
	if ((any || agent.options.fallback != FALLBACK_OFF) && !agent.options.on_hang_given)
		agent.options.on_hang = ON_HANG_ABORT;
	if (policy_late_free() && !agent.options.late_free_bytes)
		agent.options.late_free_bytes = LATE_FREE_BYTES; /* inventory() begins it */
	return any;
}

bool steer_needs_front(void)
{
	return agent.steering && (policy_may_host() || agent.options.intercept);
}

/* ---- what is said of a kernel, once ---- */

struct saying {
	uint16_t action, why;
	uint32_t rule;
	uint64_t object, to_object;
	const uint8_t *sha256;
	const char *name, *to, *reason;
};

static void say(struct thread *t, const struct saying *s)
{
	const struct ev_steer e = {.kernel_object = s->object,
				   .to_object = s->to_object,
				   .action = s->action,
				   .why = s->why,
				   .rule = s->rule};
	const size_t name = strlen(s->name), to = strlen(s->to), reason = strlen(s->reason);
	const uint16_t sha = s->sha256 ? 32 : 0;
	uint8_t *at = fact_reserve(t, EV_steer,
				   sizeof(e) + 2u + sha + (name ?: 1) + 1 + (to ?: 1) + 1 +
					   (reason ?: 1) + 1);

	if (!at)
		return;
	memcpy(at, &e, sizeof(e));
	at = stream__put_bytes(at + sizeof(e), s->sha256, sha);
	at = stream__put_text(at, s->name, name);
	at = stream__put_text(at, s->to, to);
	stream__put_text(at, s->reason, reason);
	fact_commit(t);
}

/* ---- a kernel of the user's for one of the program's ---- */

static bool is_hidden(const struct ev_kernel_arg *a)
{
	return a->kind == ARG_KIND_hidden_pointer || a->kind == ARG_KIND_hidden_value;
}

static bool has_arg(const struct kernel_meta *m, const struct ev_kernel_arg *a)
{
	for (uint32_t i = 0; i < m->num_args; i++)
		if (!memcmp(&m->args[i], a, sizeof(*a)))
			return true;
	return false;
}

static uint32_t explicit_args(const struct kernel_meta *m)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < m->num_args; i++)
		n += !is_hidden(&m->args[i]);
	return n;
}

/* Why one's arguments cannot be given to the other; NULL: they can. */
static const char *layouts_differ(const struct kernel_meta *from, const struct kernel_meta *to)
{
	if (!from || !to)
		return "the metadata of one of the two kernels is not to be had: their arguments "
		       "cannot be compared";
	if (to->k.kernarg_size > from->k.kernarg_size)
		return "it takes more bytes of arguments than the program's kernel is given";
	if (to->k.kernarg_align > 64 && to->k.kernarg_align > from->k.kernarg_align)
		return "its arguments need a larger alignment";
	if (explicit_args(to) != explicit_args(from))
		return "it takes another number of arguments";
	for (uint32_t i = 0; i < to->num_args; i++)
		if (!has_arg(from, &to->args[i]))
			return is_hidden(&to->args[i])
				       ? "it wants an argument of the runtime's that the program's "
					 "kernel is not given"
				       : "an argument differs in place, size or kind";
	return NULL;
}

/* The symbol that the rule names, or the kernel's own name, or the only one there is. */
static bool find_kernel(const struct image *im, const struct policy_rule *r, const char *name,
			struct image_kernel *k)
{
	char symbol[STEER_NAME + 4];

	snprintf(symbol, sizeof(symbol), "%.1023s.kd", r->symbol[0] ? r->symbol : name);
	return image_kernel(im, symbol, k) || (!r->symbol[0] && image_kernel(im, NULL, k));
}

static const char *by_file(struct thread *t, hsa_agent_t on, const struct wanted *w,
			   const char *name, const struct kernel_meta *meta, struct steer *s)
{
	const struct image *im;
	struct image_kernel k;
	const char *why;

	im = image_get(t, on, w->file->file, &why);
	if (!im) {
		policy_fault(t, w->file, why);
		return why;
	}
	if (!find_kernel(im, w->file, name, &k))
		return w->file->symbol[0] ? "the file has no kernel of that name"
					  : "the file has no kernel of this one's name, and not "
					    "just one: FILE.co:SYMBOL "
					    "says which";
	why = layouts_differ(meta, k.meta);
	if (why)
		return why;
	s->to_object = k.object;
	s->to_group = k.group_bytes;
	s->to_private = k.private_bytes;
	s->max_workgroup = k.meta->k.max_workgroup_size;
	for (int i = 0; i < 3; i++)
		s->workgroup[i] = (uint16_t)k.meta->k.required_workgroup[i];
	return NULL;
}

/* ---- one of ours ---- */

static const char *by_native(struct thread *t, hsa_agent_t on, struct steer *s)
{
	const struct image *im;
	struct image_kernel k;
	const char *why, *symbol;

	if (!s->family)
		return "no kernel of ours computes what this one does: its name, or the size of "
		       "its arguments, is of no "
		       "family that is known";
	im = image_get(t, on, NULL, &why);
	if (!im)
		return why;
	/* Of some kernels only a dispatch tells the type. */
	for (enum conv_type type = CONV_FP32; type <= CONV_FP16; type++) {
		symbol = conv_family__symbol(s->family, type);
		if (symbol && !image_kernel(im, symbol, &k))
			return "the built-in code lacks its kernel";
		if (symbol)
			s->native[type] = k.object;
	}
	s->to_object = s->native[CONV_FP32] ?: s->native[CONV_FP16];
	return s->to_object ? NULL : "there is no kernel of ours for it";
}

static const char *by_host(struct steer *s)
{
	static char why[256];
	int err;

	if (!s->family)
		return "the host cannot compute what this kernel does: its name, or the size of "
		       "its arguments, is of no "
		       "family that is known";
	err = conv_family__needs_open(s->family) ? conv_host__open(why, sizeof(why)) : 0;
	return err ? why : NULL;
}

/* ---- decision ---- */

static const struct steer *keep(const struct steer *s, const struct wanted *w)
{
	const size_t size = sizeof(*s) + w->num_problems * sizeof(s->problems[0]);
	struct steer *copy = calloc(1, size);

	if (copy) {
		memcpy(copy, s, sizeof(*s));
		copy->num_problems = w->num_problems;
		memcpy(copy->problems, w->problems, w->num_problems * sizeof(s->problems[0]));
	} else
		stream_proc__lost(&agent.proc, LOSS_no_memory, 1, true);
	return copy;
}

/* Of all kernels of a kind at once, what stands in the way is said once. */
static void complain(const struct wanted *w, const char *name, const char *why)
{
	static char said[256];

	if (w->file && w->file->fault)
		return; /* of the rule as a whole it was said */
	if (w->why == STEER_WHY_rule || w->why == STEER_WHY_quarantine) {
		agent_say("%s: %s is not replaced: %s", w->reason, name, why);
		return;
	}
	if (!strncmp(said, why, sizeof(said) - 1))
		return;
	snprintf(said, sizeof(said), "%s", why);
	agent_say("%s: %s and others of its kind are not replaced: %s", w->reason, name, why);
}

/* Why it cannot be; NULL: s says how it is done. */
static const char *try_action(struct thread *t, hsa_agent_t on, const struct wanted *w,
			      const char *name, const struct kernel_meta *meta, struct steer *s)
{
	const char *why;

	s->action = w->action;
	switch (w->action) {
	case STEER_ACTION_file:
		return by_file(t, on, w, name, meta, s);
	case STEER_ACTION_native:
		why = by_native(t, on, s);
		if (!why || !w->or_host || !s->family)
			return why;
		s->action = STEER_ACTION_host;
		return by_host(s) ? why : NULL;
	default:
		return by_host(s);
	}
}

static const char *to_text(const struct wanted *w, const struct steer *s)
{
	switch (s->action) {
	case STEER_ACTION_file:
		return w->file->file;
	case STEER_ACTION_native:
		return conv_family__symbol(s->family, CONV_FP32)
			       ?: conv_family__symbol(s->family, CONV_FP16);
	default:
		return "the host";
	}
}

bool steer_alike(const struct steer *a, const struct steer *b)
{
	if (!a || !b)
		return a == b;
	return !memcmp(a, b, sizeof(*a)) &&
	       !memcmp(a->problems, b->problems, a->num_problems * sizeof(a->problems[0]));
}

static const char *type_name(const struct kernel_meta *m)
{
	return m && m->type_name[0] ? m->type_name : NULL;
}

void steer_ready(struct thread *t, hsa_agent_t on, const struct kernel_metas *metas,
		 const struct code *object)
{
	char code[65], name[STEER_NAME], why[256];
	struct wanted w;
	const char *unused;

	device_learn(on);
	code_hex(object ? code_sha256(object) : NULL, code);
	if (object && agent.options.replace_hazardous)
		hazard_ask(t, object, code);
	for (uint32_t i = 0; i < metas->n; i++) {
		struct subject s = {.name = name, .code = code, .chip = device_chip(on)};

		kernel_name(metas->v[i].symbol, name, sizeof(name));
		s.family = conv_family__find(name, metas->v[i].k.kernarg_size,
					     type_name(&metas->v[i]));
		policy_for(&s, &w);
		if (w.action == STEER_ACTION_file)
			image_get(t, on, w.file->file, &unused);
		else if (w.action == STEER_ACTION_native && s.family)
			image_get(t, on, NULL, &unused);
		else if (w.action == STEER_ACTION_host && s.family)
			conv_host__open(why, sizeof(why));
	}
}

const struct steer *steer_kernel(struct thread *t, hsa_agent_t on, uint64_t object,
				 const char *name, const uint8_t *sha256, uint32_t kernarg_bytes,
				 uint32_t group_bytes, const struct kernel_meta *meta)
{
	struct subject subject = {.name = name, .chip = device_chip(on)};
	struct steer s = {.from_object = object, .from_group = group_bytes};
	struct saying saying = {.object = object, .sha256 = sha256, .name = name};
	struct wanted w;
	const char *why;
	char code[65];

	code_hex(sha256, code);
	subject.code = code;
	subject.family = s.family = conv_family__find(name, kernarg_bytes, type_name(meta));
	policy_for(&subject, &w);
	if (!w.action)
		return NULL;
	saying.why = w.why;
	saying.rule = w.rule;
	saying.reason = w.reason;
	saying.action = STEER_ACTION_none;
	saying.to = "";
	why = w.action == STEER_ACTION_none ? w.reason : try_action(t, on, &w, name, meta, &s);
	if (why) {
		saying.reason = why;
		say(t, &saying);
		if (w.action != STEER_ACTION_none && w.why != STEER_WHY_hazard)
			complain(&w, name, why);
		return NULL;
	}
	saying.action = s.action;
	saying.to_object = s.to_object;
	saying.to = to_text(&w, &s);
	say(t, &saying);
	return keep(&s, &w);
}

/* ---- a dispatch ---- */

static void record(struct thread *t, const struct queue *q, uint64_t index, const struct steer *s,
		   uint16_t passed)
{
	const struct ev_steered e = {.queue_id = q->id,
				     .index = index,
				     .kernel_object = s->from_object,
				     .to_object = s->to_object,
				     .action = s->action,
				     .passed = passed};

	agent_event(t, EV_steered, &e, sizeof(e));
}

/* Its arguments, where it computes something known. */
static uint16_t read_problem(struct thread *t, const struct steer *s,
			     const hsa_kernel_dispatch_packet_t *p, struct conv_problem *problem)
{
	uint8_t kernarg[MAX_KERNARG];
	size_t want = conv_family__kernarg_bytes(s->family);
	const struct conv_dispatch d = {.kernarg = kernarg,
					.len = want,
					.grid = {p->grid_size_x, p->grid_size_y, p->grid_size_z},
					.group_bytes = p->group_segment_size};

	if (want > sizeof(kernarg) ||
	    packets_kernarg(t, addr_of(p->kernarg_address), kernarg, want) < want)
		return STEER_PASSED_unread;
	return conv_family__read(s->family, &d, problem) ? STEER_PASSED_arguments : STEER_PASSED_no;
}

static bool is_problem(const struct steer *s, const struct conv_problem *problem)
{
	char text[sizeof(s->problems[0])];

	if (!s->num_problems)
		return true;
	conv_problem__text(problem, text, sizeof(text));
	for (uint32_t i = 0; i < s->num_problems; i++)
		if (!strcmp(text, s->problems[i]))
			return true;
	return false;
}

static void set_dimensions(hsa_kernel_dispatch_packet_t *out, const uint32_t grid[3],
			   const uint16_t workgroup[3])
{
	out->setup = (uint16_t)(3 << HSA_KERNEL_DISPATCH_PACKET_SETUP_DIMENSIONS);
	out->grid_size_x = grid[0];
	out->grid_size_y = grid[1];
	out->grid_size_z = grid[2];
	out->workgroup_size_x = workgroup[0];
	out->workgroup_size_y = workgroup[1];
	out->workgroup_size_z = workgroup[2];
}

/* The same dispatch of the user's kernel. */
static uint16_t to_file(const struct steer *s, hsa_kernel_dispatch_packet_t *out)
{
	uint32_t dynamic = out->group_segment_size > s->from_group
				   ? out->group_segment_size - s->from_group
				   : 0;
	uint32_t items;

	if (s->workgroup[0]) {
		/* What a packet of one dimension says of the others does not count. */
		const uint32_t grid[3] = {out->grid_size_x, out->grid_size_y ?: 1,
					  out->grid_size_z ?: 1};

		set_dimensions(out, grid, s->workgroup);
	}
	items = (uint32_t)out->workgroup_size_x * out->workgroup_size_y * out->workgroup_size_z;
	if ((s->max_workgroup && items > s->max_workgroup) ||
	    (uint64_t)s->to_group + dynamic > LDS_BYTES)
		return STEER_PASSED_size;
	out->group_segment_size = s->to_group + dynamic;
	return STEER_PASSED_no;
}

static uint16_t to_kernel(struct thread *t, const struct steer *s,
			  const hsa_kernel_dispatch_packet_t *p, hsa_kernel_dispatch_packet_t *out,
			  bool *other)
{
	struct conv_problem problem;
	uint16_t passed, workgroup[3];
	uint32_t grid[3];

	*out = *p;
	if (s->action == STEER_ACTION_native) {
		passed = read_problem(t, s, p, &problem);
		if (passed)
			return passed;
		*other = !is_problem(s, &problem);
		out->kernel_object = s->native[problem.type];
		if (!out->kernel_object)
			return STEER_PASSED_arguments;
		conv_family__grid(s->family, &problem, grid, workgroup);
		set_dimensions(out, grid, workgroup);
		out->group_segment_size = s->to_group;
	} else {
		passed = to_file(s, out);
		if (passed)
			return passed;
		out->kernel_object = s->to_object;
	}
	out->private_segment_size = s->to_private;
	return STEER_PASSED_no;
}

static const struct steer *steer_of(const hsa_kernel_dispatch_packet_t *p)
{
	const struct kernel_facts *k = (p->header & 0xff) == HSA_PACKET_TYPE_KERNEL_DISPATCH
					       ? kernel_find(p->kernel_object)
					       : NULL;

	return k ? k->steer : NULL;
}

/* All but the header, which the device may wait for. */
static void put(uint8_t *slot, const hsa_kernel_dispatch_packet_t *p)
{
	hsa_kernel_dispatch_packet_t *to = (void *)slot;

	__atomic_store_n(&to->setup, p->setup, __ATOMIC_RELAXED);
	to->workgroup_size_x = p->workgroup_size_x;
	to->workgroup_size_y = p->workgroup_size_y;
	to->workgroup_size_z = p->workgroup_size_z;
	to->grid_size_x = p->grid_size_x;
	to->grid_size_y = p->grid_size_y;
	to->grid_size_z = p->grid_size_z;
	to->private_segment_size = p->private_segment_size;
	to->group_segment_size = p->group_segment_size;
	to->kernel_object = p->kernel_object;
}

void steer_in_place(struct thread *t, struct queue *q, uint64_t index,
		    const hsa_kernel_dispatch_packet_t *p, uint8_t *slot)
{
	const struct steer *s = steer_of(p);
	hsa_kernel_dispatch_packet_t out;
	uint16_t passed = STEER_PASSED_queue;
	bool other = false;

	if (likely(!s))
		return;
	if (s->action != STEER_ACTION_host)
		passed = to_kernel(t, s, p, &out, &other);
	if (other)
		return;
	if (!passed)
		put(slot, &out);
	record(t, q, index, s, passed);
}

unsigned int steer_packets(struct thread *t, struct queue *q, uint64_t index,
			   const hsa_kernel_dispatch_packet_t *p,
			   hsa_kernel_dispatch_packet_t out[2])
{
	const struct steer *s = steer_of(p);
	struct conv_problem problem;
	unsigned int n = 1;
	uint16_t passed;
	bool other = false;

	out[0] = *p;
	if (likely(!s))
		return 1;
	if (s->action == STEER_ACTION_host) {
		passed = read_problem(t, s, p, &problem);
		other = !passed && !is_problem(s, &problem);
		if (!passed && !other)
			passed = q->host ? host_push(t, q->host, index, &problem, p,
						     (hsa_barrier_and_packet_t *)out)
					 : STEER_PASSED_queue;
		n = passed || other ? 1 : 2;
	} else {
		passed = to_kernel(t, s, p, &out[0], &other);
	}
	if (passed || other)
		out[0] = *p;
	if (!other)
		record(t, q, index, s, passed);
	return n;
}

/* ---- queues ---- */

/* Set in the emulated device's library where there is one (hsa-tools/emu/emu.h). */
extern uint32_t rdna1_emu_unrung_ns __attribute__((weak));

void steer_queue(struct thread *t, struct queue *q)
{
	q->steered = true;
	/* The emulated device takes packets that were not rung for, lest a doorbell's value was lost under another's:
	 * ours are not, and a thread may stand still between its packet and its doorbell. */
	if (&rdna1_emu_unrung_ns)
		__atomic_store_n(&rdna1_emu_unrung_ns, UINT32_MAX, __ATOMIC_RELAXED);
	if (q->front)
		q->host = host_new(t, q);
	else if (policy_may_host())
		agent_note(t,
			   "queue %llu could not be given a ring of ours: its dispatches can be "
			   "replaced by other kernels, "
			   "and not be computed on the host",
			   (unsigned long long)q->id);
}

struct host *steer_queue_stop(struct queue *q)
{
	struct host *h = q->host;

	q->host = NULL;
	q->steered = false;
	return h && host_stop(h) ? h : NULL;
}

void steer_exit(void)
{
	if (!agent.steering || !stream_proc__mine(&agent.proc))
		return;
	for (unsigned int i = 0; i < MAX_QUEUES; i++) {
		struct host *h = queues[i].host;

		if (queue_live(&queues[i]) && h)
			host_exit(h);
	}
}

void steer_forget(void)
{
	for (unsigned int i = 0; i < MAX_QUEUES; i++) {
		struct host *h;

		if (!queue_live(&queues[i]))
			continue;
		/* The runtime is about to be gone, and its queues with it. */
		if (queues[i].front)
			front_stop(queues[i].front);
		h = steer_queue_stop(&queues[i]);
		if (h)
			host_free(h);
	}
	image_forget();
}
