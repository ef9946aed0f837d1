// SPDX-License-Identifier: MIT
#include "metadata.h"

#include <elf.h>
#include <string.h>

#define NT_AMDGPU_METADATA 32

/* ---- the note ---- */

/* The notes of a part of the file: the first that is ours, and what is behind it. */
static bool find_note(const uint8_t *data, uint64_t size, struct msgpack *note, struct msgpack *rest)
{
	static const char owner[] = "AMDGPU";

	while (size >= sizeof(Elf64_Nhdr)) {
		uint64_t name, desc;
		Elf64_Nhdr h;

		memcpy(&h, data, sizeof(h));
		name = ((uint64_t)h.n_namesz + 3) & ~3ull;
		desc = ((uint64_t)h.n_descsz + 3) & ~3ull;
		data += sizeof(h);
		size -= sizeof(h);
		if (name > size || h.n_descsz > size - name)
			return false;
		if (h.n_type == NT_AMDGPU_METADATA && h.n_namesz == sizeof(owner) &&
		    !memcmp(data, owner, sizeof(owner))) {
			*note = (struct msgpack){.at = data + name, .end = data + name + h.n_descsz};
			*rest = (struct msgpack){.at = data + (desc < size - name ? name + desc : size),
						 .end = data + size};
			return true;
		}
		if (desc > size - name)
			return false;
		data += name + desc;
		size -= name + desc;
	}
	return false;
}

static bool find_in_segments(const uint8_t *elf, size_t len, struct msgpack *note, struct msgpack *rest)
{
	Elf64_Ehdr h;
	Elf64_Phdr p;

	if (len < sizeof(h))
		return false;
	memcpy(&h, elf, sizeof(h));
	if (memcmp(h.e_ident, ELFMAG, SELFMAG) || h.e_ident[EI_CLASS] != ELFCLASS64 ||
	    h.e_phentsize != sizeof(p))
		return false;
	for (unsigned int i = 0; i < h.e_phnum; i++) {
		uint64_t at = i * sizeof(p);

		if (h.e_phoff > len || at + sizeof(p) > len - h.e_phoff)
			return false;
		memcpy(&p, elf + h.e_phoff + at, sizeof(p));
		if (p.p_type == PT_NOTE && p.p_offset <= len && p.p_filesz <= len - p.p_offset &&
		    find_note(elf + p.p_offset, p.p_filesz, note, rest))
			return true;
	}
	return false;
}

/* ---- its maps ---- */

/* The head of a map, or of an array; false when the next value is neither. */
static bool enter(struct msgpack *m, enum msgpack_kind kind, uint32_t *size)
{
	struct msgpack_value v;

	if (!msgpack__next(m, &v) || v.kind != kind)
		return false;
	*size = v.size;
	return true;
}

static bool read_u32(struct msgpack *m, uint32_t *out)
{
	struct msgpack_value v;

	if (!msgpack__next(m, &v) || v.kind != MSGPACK_UINT || v.number > UINT32_MAX)
		return false;
	*out = (uint32_t)v.number;
	return true;
}

static bool read_text(struct msgpack *m, struct isa_text *out)
{
	struct msgpack_value v;

	if (!msgpack__next(m, &v) || v.kind != MSGPACK_TEXT)
		return false;
	*out = (struct isa_text){.s = (const char *)v.data, .len = v.size};
	return true;
}

/* An array to be read later: *list gets what follows its head. */
static bool read_list(struct msgpack *m, struct msgpack *list, uint32_t *num)
{
	struct msgpack whole = *m;

	*list = *m;
	if (!enter(list, MSGPACK_ARRAY, num) || !msgpack__skip(&whole))
		return false;
	*m = whole;
	list->end = whole.at;
	return true;
}

static bool read_version(struct msgpack *m, uint32_t version[2])
{
	struct msgpack list;
	uint32_t num;

	return read_list(m, &list, &num) && num == 2 && read_u32(&list, &version[0]) &&
	       read_u32(&list, &version[1]);
}

static bool read_note(struct msgpack m, struct isa_metadata *md)
{
	struct msgpack_value key;
	uint32_t pairs;

	if (!enter(&m, MSGPACK_MAP, &pairs))
		return false;
	for (; pairs; pairs--) {
		bool ok = msgpack__next(&m, &key);

		if (ok && msgpack__is(&key, "amdhsa.kernels"))
			ok = read_list(&m, &md->kernels, &md->num_kernels);
		else if (ok && msgpack__is(&key, "amdhsa.version"))
			ok = read_version(&m, md->version);
		else if (ok && msgpack__is(&key, "amdhsa.target"))
			ok = read_text(&m, &md->target);
		else
			ok = ok && key.kind == MSGPACK_TEXT && msgpack__skip(&m);
		if (!ok)
			return false;
	}
	return true;
}

bool isa_metadata__find(const void *elf, size_t len, struct isa_metadata *md)
{
	struct msgpack note;

	*md = (struct isa_metadata){0};
	return find_in_segments(elf, len, &note, &md->rest) && read_note(note, md);
}

bool isa_metadata__more(struct isa_metadata *md)
{
	const struct msgpack rest = md->rest;
	struct msgpack note;

	*md = (struct isa_metadata){0};
	return find_note(rest.at, (uint64_t)(rest.end - rest.at), &note, &md->rest) && read_note(note, md);
}

/* ---- kernels ---- */

#define AT(type, member) ((uint16_t)offsetof(type, member))

static const struct number {
	const char *key;
	uint16_t at;
} kernel_numbers[] = {
	{".kernarg_segment_size", AT(struct isa_kernel, kernarg_size)},
	{".kernarg_segment_align", AT(struct isa_kernel, kernarg_align)},
	{".group_segment_fixed_size", AT(struct isa_kernel, lds_bytes)},
	{".private_segment_fixed_size", AT(struct isa_kernel, scratch_bytes)},
	{".wavefront_size", AT(struct isa_kernel, wavefront_size)},
	{".max_flat_workgroup_size", AT(struct isa_kernel, max_workgroup_size)},
	{".sgpr_count", AT(struct isa_kernel, sgprs)},
	{".vgpr_count", AT(struct isa_kernel, vgprs)},
	{".sgpr_spill_count", AT(struct isa_kernel, sgpr_spills)},
	{".vgpr_spill_count", AT(struct isa_kernel, vgpr_spills)},
};

/* .reqd_workgroup_size: a list of three. */
static bool read_workgroup(struct msgpack *m, uint32_t out[3])
{
	uint32_t n;

	if (!enter(m, MSGPACK_ARRAY, &n))
		return false;
	for (uint32_t i = 0; i < n; i++)
		if (!(i < 3 ? read_u32(m, &out[i]) : msgpack__skip(m)))
			return false;
	return true;
}

static bool read_kernel_number(struct msgpack *m, const struct msgpack_value *key, struct isa_kernel *k)
{
	for (size_t i = 0; i < sizeof(kernel_numbers) / sizeof(*kernel_numbers); i++)
		if (msgpack__is(key, kernel_numbers[i].key))
			return read_u32(m, (uint32_t *)((char *)k + kernel_numbers[i].at));
	return msgpack__skip(m);
}

bool isa_metadata__next(struct isa_metadata *md, struct isa_kernel *k)
{
	struct msgpack_value key;
	uint32_t pairs;

	*k = (struct isa_kernel){0};
	if (!md->num_kernels || !enter(&md->kernels, MSGPACK_MAP, &pairs))
		return false;
	md->num_kernels--;
	for (; pairs; pairs--) {
		bool ok = msgpack__next(&md->kernels, &key) && key.kind == MSGPACK_TEXT;

		if (ok && msgpack__is(&key, ".name"))
			ok = read_text(&md->kernels, &k->name);
		else if (ok && msgpack__is(&key, ".symbol"))
			ok = read_text(&md->kernels, &k->symbol);
		else if (ok && msgpack__is(&key, ".args"))
			ok = read_list(&md->kernels, &k->args, &k->num_args);
		else if (ok && msgpack__is(&key, ".reqd_workgroup_size"))
			ok = read_workgroup(&md->kernels, k->required_workgroup);
		else
			ok = ok && read_kernel_number(&md->kernels, &key, k);
		if (!ok)
			return false;
	}
	return true;
}

/* ---- arguments ---- */

static const struct {
	const char *name;
	enum isa_arg_kind kind;
} kinds[] = {
	{"by_value", ISA_ARG_VALUE},
	{"global_buffer", ISA_ARG_BUFFER},
	{"dynamic_shared_pointer", ISA_ARG_LDS},
	{"image", ISA_ARG_OBJECT},
	{"sampler", ISA_ARG_OBJECT},
	{"pipe", ISA_ARG_OBJECT},
	{"queue", ISA_ARG_OBJECT},
	{"hidden_printf_buffer", ISA_ARG_HIDDEN_POINTER},
	{"hidden_hostcall_buffer", ISA_ARG_HIDDEN_POINTER},
	{"hidden_default_queue", ISA_ARG_HIDDEN_POINTER},
	{"hidden_completion_action", ISA_ARG_HIDDEN_POINTER},
	{"hidden_multigrid_sync_arg", ISA_ARG_HIDDEN_POINTER},
	{"hidden_heap_v1", ISA_ARG_HIDDEN_POINTER},
	{"hidden_queue_ptr", ISA_ARG_HIDDEN_POINTER},
};

static enum isa_arg_kind kind_of(const struct isa_text *name)
{
	static const char hidden[] = "hidden_";

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (strlen(kinds[i].name) == name->len && !memcmp(kinds[i].name, name->s, name->len))
			return kinds[i].kind;
	return name->len > strlen(hidden) && !memcmp(name->s, hidden, strlen(hidden)) ? ISA_ARG_HIDDEN_VALUE
										     : ISA_ARG_OTHER;
}

bool isa_kernel__next_arg(struct isa_kernel *k, struct isa_arg *a)
{
	struct msgpack_value key;
	uint32_t pairs;

	*a = (struct isa_arg){.kind = ISA_ARG_OTHER};
	if (!k->num_args || !enter(&k->args, MSGPACK_MAP, &pairs))
		return false;
	k->num_args--;
	for (; pairs; pairs--) {
		bool ok = msgpack__next(&k->args, &key) && key.kind == MSGPACK_TEXT;

		if (ok && msgpack__is(&key, ".offset"))
			ok = read_u32(&k->args, &a->offset);
		else if (ok && msgpack__is(&key, ".size"))
			ok = read_u32(&k->args, &a->size);
		else if (ok && msgpack__is(&key, ".name"))
			ok = read_text(&k->args, &a->name);
		else if (ok && msgpack__is(&key, ".type_name"))
			ok = read_text(&k->args, &a->type_name);
		else if (ok && msgpack__is(&key, ".value_kind"))
			ok = read_text(&k->args, &a->kind_name);
		else
			ok = ok && msgpack__skip(&k->args);
		if (!ok)
			return false;
	}
	if (a->kind_name.len)
		a->kind = kind_of(&a->kind_name);
	return true;
}
