// SPDX-License-Identifier: MIT
/* Kernels: what their code object's metadata says, and what of it the doorbell path asks for. */
#include "steer.h"

#include <stdlib.h>
#include <string.h>

enum {
	MAX_POINTERS = 64,	/* of a kernel: resolved at each dispatch */
	MAX_KERNELS = 1u << 20, /* of a code object */
	MAX_ARGS = 4096,	/* of a kernel */
};

/* ---- metadata ---- */

static uint8_t arg_kind(enum isa_arg_kind kind)
{
	static const uint8_t kinds[] = {
		[ISA_ARG_VALUE] = ARG_KIND_value,
		[ISA_ARG_BUFFER] = ARG_KIND_buffer,
		[ISA_ARG_LDS] = ARG_KIND_lds,
		[ISA_ARG_OBJECT] = ARG_KIND_object,
		[ISA_ARG_HIDDEN_POINTER] = ARG_KIND_hidden_pointer,
		[ISA_ARG_HIDDEN_VALUE] = ARG_KIND_hidden_value,
		[ISA_ARG_OTHER] = ARG_KIND_other,
	};

	return kinds[kind];
}

static void read_args(struct kernel_meta *m, const struct isa_kernel *k)
{
	struct isa_kernel walk = *k;
	struct isa_arg a;

	if (!k->num_args || k->num_args > MAX_ARGS)
		return;
	m->args = calloc(k->num_args, sizeof(*m->args));
	if (!m->args)
		stream_proc__lost(&agent.proc, LOSS_no_memory, 1, true);
	while (m->args && m->num_args < k->num_args && isa_kernel__next_arg(&walk, &a)) {
		if (a.kind == ISA_ARG_BUFFER && !m->type_name[0] &&
		    a.type_name.len && a.type_name.len < sizeof(m->type_name))
			memcpy(m->type_name, a.type_name.s, a.type_name.len);
		if (a.offset > UINT16_MAX || a.size > UINT16_MAX)
			continue;
		m->args[m->num_args++] = (struct ev_kernel_arg){.offset = (uint16_t)a.offset,
								.size = (uint16_t)a.size,
								.kind = arg_kind(a.kind)};
	}
}

static char *copy_text(const struct isa_text *t)
{
	char *copy = malloc((size_t)t->len + 1);

	if (copy) {
		memcpy(copy, t->s, t->len);
		copy[t->len] = 0;
	}
	return copy;
}

static int by_symbol(const void *a, const void *b)
{
	return strcmp(((const struct kernel_meta *)a)->symbol,
		      ((const struct kernel_meta *)b)->symbol);
}

/* The kernels of one note. False without memory. */
static bool read_kernels(struct kernel_metas *m, struct isa_metadata md)
{
	struct kernel_meta *bigger;
	struct isa_kernel k;

	if (!md.num_kernels || md.num_kernels > MAX_KERNELS - m->n)
		return true;
	bigger = realloc(m->v, (m->n + md.num_kernels) * sizeof(*m->v));
	if (!bigger) {
		stream_proc__lost(&agent.proc, LOSS_no_memory, md.num_kernels, true);
		return false;
	}
	m->v = bigger;
	while (isa_metadata__next(&md, &k)) {
		struct kernel_meta x = {.symbol = copy_text(&k.symbol), .k = k};

		if (!x.symbol) {
			stream_proc__lost(&agent.proc, LOSS_no_memory, 1, true);
			continue;
		}
		read_args(&x, &k);
		m->v[m->n++] = x;
	}
	return true;
}

void kernel_metas__read(struct kernel_metas *m, const void *elf, size_t len)
{
	struct isa_metadata md;

	memset(m, 0, sizeof(*m));
	if (!isa_metadata__find(elf, len, &md))
		return;
	memcpy(m->version, md.version, sizeof(m->version));
	if (md.target.len && md.target.len < sizeof(m->target))
		memcpy(m->target, md.target.s, md.target.len);
	while (read_kernels(m, md) && isa_metadata__more(&md))
		;
	if (m->n)
		qsort(m->v, m->n, sizeof(*m->v), by_symbol);
}

void kernel_metas__free(struct kernel_metas *m)
{
	for (uint32_t i = 0; i < m->n; i++) {
		free(m->v[i].symbol);
		free(m->v[i].args);
	}
	free(m->v);
	memset(m, 0, sizeof(*m));
}

const struct kernel_meta *kernel_metas__find(const struct kernel_metas *m, const char *symbol)
{
	struct kernel_meta key = {.symbol = (char *)(uintptr_t)symbol};

	return m && m->n ? bsearch(&key, m->v, m->n, sizeof(*m->v), by_symbol) : NULL;
}

/* ---- what the doorbell path asks for ---- */

/*
 * kernel_object -> facts, read at every doorbell: open addressing, keys are written once. A bigger
 * table replaces a full one; the old one stays for those who still look, and so do facts that were
 * replaced.
 */
struct kernel {
	uint64_t object;	    /* atomic key, 0 free */
	struct kernel_facts *facts; /* atomic */
};
struct kernel_table {
	uint32_t size, used; /* size is a power of two */
	struct kernel at[];
};
static struct kernel_table *kernels; /* atomic */
static int kernels_lock;

static uint32_t hash(uint64_t object)
{
	return (uint32_t)((object >> 6) * 0x9e3779b97f4a7c15ull >> 32);
}

struct kernel_facts *kernel_find(uint64_t object)
{
	const struct kernel_table *t = __atomic_load_n(&kernels, __ATOMIC_ACQUIRE);

	for (uint32_t i = 0; t && i < t->size; i++) {
		const struct kernel *k = &t->at[(hash(object) + i) & (t->size - 1)];
		uint64_t key = __atomic_load_n(&k->object, __ATOMIC_ACQUIRE);

		if (likely(key == object))
			return __atomic_load_n(&k->facts, __ATOMIC_ACQUIRE);
		if (!key)
			break;
	}
	return NULL;
}

static bool alike(const struct kernel_facts *a, const struct kernel_facts *b)
{
	return a && a->kernarg_bytes == b->kernarg_bytes && a->code == b->code &&
	       steer_alike(a->steer, b->steer) && a->num_pointers == b->num_pointers &&
	       !strcmp(a->name, b->name) &&
	       !memcmp(a->pointers, b->pointers, a->num_pointers * sizeof(a->pointers[0]));
}

/* Returns false when facts were there already, or their like. */
static bool put(struct kernel_table *t, uint64_t object, struct kernel_facts *facts)
{
	for (uint32_t i = 0;; i++) {
		struct kernel *k = &t->at[(hash(object) + i) & (t->size - 1)];

		if (k->object && k->object != object)
			continue;
		t->used += !k->object;
		/* Code is reloaded at the same address: the newest counts. */
		if (k->object && alike(k->facts, facts))
			return false;
		__atomic_store_n(&k->facts, facts, __ATOMIC_RELEASE);
		__atomic_store_n(&k->object, object, __ATOMIC_RELEASE);
		return true;
	}
}

static bool add_kernel(uint64_t object, struct kernel_facts *facts)
{
	struct kernel_table *t, *bigger;
	bool taken = false;
	uint32_t size;

	spin_lock(&kernels_lock);
	t = kernels;
	if (!t || t->used * 2 >= t->size) {
		size = t ? t->size * 2 : 1024;
		bigger = calloc(1, sizeof(*bigger) + size * sizeof(bigger->at[0]));
		if (!bigger)
			goto out;
		bigger->size = size;
		for (uint32_t i = 0; t && i < t->size; i++)
			if (t->at[i].object)
				put(bigger, t->at[i].object, t->at[i].facts);
		__atomic_store_n(&kernels, bigger, __ATOMIC_RELEASE);
		t = bigger;
	}
	taken = put(t, object, facts);
out:
	spin_unlock(&kernels_lock);
	return taken;
}

static bool is_pointer(const struct ev_kernel_arg *a)
{
	return a->size == 8 && (a->kind == ARG_KIND_buffer || a->kind == ARG_KIND_object ||
				a->kind == ARG_KIND_hidden_pointer);
}

static void remember(uint64_t object, const char *name, uint32_t kernarg_bytes, struct code *code,
		     const struct kernel_meta *m, const struct steer *steer)
{
	struct kernel_facts *f;
	size_t len = strlen(name);
	uint16_t n = 0;

	for (uint32_t i = 0; m && i < m->num_args; i++)
		n = (uint16_t)(n + is_pointer(&m->args[i]));
	n = n < MAX_POINTERS ? n : MAX_POINTERS;
	f = calloc(1, sizeof(*f) + n * sizeof(f->pointers[0]));
	if (!f) { /* its arguments go unread, which each dispatch says */
		stream_proc__lost(&agent.proc, LOSS_no_memory, 1, true);
		return;
	}
	len -= len > 3 && !strcmp(name + len - 3, ".kd") ? 3 : 0;
	memcpy(f->name, name, len < sizeof(f->name) ? len : sizeof(f->name) - 1);
	f->kernarg_bytes = kernarg_bytes;
	f->code = code;
	f->steer = steer;
	for (uint32_t i = 0; m && i < m->num_args && f->num_pointers < n; i++)
		if (is_pointer(&m->args[i])) {
			f->pointers[f->num_pointers++] = m->args[i].offset;
			if (m->args[i].offset + 8u > f->pointers_end)
				f->pointers_end = m->args[i].offset + 8u;
		}
	if (!add_kernel(object, f)) {
		free((void *)(uintptr_t)steer);
		free(f);
	}
}

/* ---- recording ---- */

static void record_symbol(struct thread *t, struct ev_kernel_symbol *e, const char *name)
{
	size_t len = strlen(name);
	uint8_t *at;

	if (len > 3 && !memcmp(name + len - 3, ".kd", 3))
		len -= 3;
	at = fact_reserve(t, EV_kernel_symbol, sizeof(*e) + (len ? len : 1) + 1);
	if (!at)
		return;
	memcpy(at, e, sizeof(*e));
	stream__put_text(at + sizeof(*e), name, len);
	fact_commit(t);
}

static void record_info(const struct kernel_walk *walk, uint64_t object,
			const struct kernel_meta *m)
{
	const struct isa_kernel *k = &m->k;
	const struct ev_kernel_info e = {
		.kernel_object = object,
		.kernarg_bytes = k->kernarg_size,
		.wavefront_size = k->wavefront_size,
		.sgprs = k->sgprs,
		.vgprs = k->vgprs,
		.sgpr_spills = k->sgpr_spills,
		.vgpr_spills = k->vgpr_spills,
		.max_workgroup_size = k->max_workgroup_size,
	};
	const uint16_t sha = walk->sha256 ? 32 : 0,
		       args = (uint16_t)(m->num_args * sizeof(struct ev_kernel_arg));
	uint8_t *at = fact_reserve(walk->t, EV_kernel_info, sizeof(e) + 4u + sha + args);

	if (!at)
		return;
	memcpy(at, &e, sizeof(e));
	at = stream__put_bytes(at + sizeof(e), walk->sha256, sha);
	stream__put_bytes(at, m->args, args);
	fact_commit(walk->t);
}

bool kernel_name(const char *symbol, char *name, size_t size)
{
	size_t len = strlen(symbol);

	len -= len > 3 && !strcmp(symbol + len - 3, ".kd") ? 3 : 0;
	name[0] = 0;
	if (len >= size)
		return false;
	memcpy(name, symbol, len);
	name[len] = 0;
	return true;
}

static const struct steer *steered(const struct kernel_walk *walk, uint64_t object,
				   const char *symbol, uint32_t kernarg_bytes, uint32_t group_bytes,
				   const struct kernel_meta *m)
{
	char name[STEER_NAME];

	if (!agent.steering || walk->ours || !kernel_name(symbol, name, sizeof(name)))
		return NULL;
	return steer_kernel(walk->t, walk->on, object, name, walk->sha256, kernarg_bytes,
			    group_bytes, m);
}

static hsa_status_t one_symbol(hsa_executable_t executable, hsa_agent_t on,
			       hsa_executable_symbol_t symbol, void *data)
{
	__typeof__(agent.core.hsa_executable_symbol_get_info_fn) get =
		agent.core.hsa_executable_symbol_get_info_fn;
	struct ev_kernel_symbol e = {.executable = executable.handle, .agent = on.handle};
	const struct kernel_walk *walk = data;
	hsa_symbol_kind_t kind = HSA_SYMBOL_KIND_VARIABLE;
	uint32_t len = 0, kernarg = 0, group = 0, private = 0;
	const struct kernel_meta *m;
	uint64_t object = 0;
	char *name;

	get(symbol, HSA_EXECUTABLE_SYMBOL_INFO_TYPE, &kind);
	if (kind != HSA_SYMBOL_KIND_KERNEL)
		return HSA_STATUS_SUCCESS;
	get(symbol, HSA_EXECUTABLE_SYMBOL_INFO_NAME_LENGTH, &len);
	get(symbol, HSA_EXECUTABLE_SYMBOL_INFO_KERNEL_OBJECT, &object);
	get(symbol, HSA_EXECUTABLE_SYMBOL_INFO_KERNEL_KERNARG_SEGMENT_SIZE, &kernarg);
	get(symbol, HSA_EXECUTABLE_SYMBOL_INFO_KERNEL_GROUP_SEGMENT_SIZE, &group);
	get(symbol, HSA_EXECUTABLE_SYMBOL_INFO_KERNEL_PRIVATE_SEGMENT_SIZE, &private);
	if (len > 32768)
		return HSA_STATUS_SUCCESS;
	name = calloc(1, len + 1);
	if (!name) {
		stream_proc__lost(&agent.proc, LOSS_no_memory, 1, true);
		return HSA_STATUS_SUCCESS;
	}
	get(symbol, HSA_EXECUTABLE_SYMBOL_INFO_NAME, name);
	e.kernel_object = object;
	e.kernarg_bytes = kernarg;
	e.group_bytes = group;
	e.private_bytes = private;
	m = kernel_metas__find(walk->metas, name);
	if (!m && walk->several && kernel_find(object)) {
		free(name);
		return HSA_STATUS_SUCCESS;
	}
	/* Some descriptors say 0 where the metadata knows (Tensile's assembly). */
	kernarg = m && m->k.kernarg_size > kernarg ? m->k.kernarg_size : kernarg;
	remember(object, name, kernarg, walk->code, m,
		 steered(walk, object, name, kernarg, group, m));
	record_symbol(walk->t, &e, name);
	if (m)
		record_info(walk, object, m);
	free(name);
	return HSA_STATUS_SUCCESS;
}

void kernel_record_all(struct kernel_walk *walk)
{
	agent.core.hsa_executable_iterate_agent_symbols_fn(walk->executable, walk->on, one_symbol,
							   walk);
}
