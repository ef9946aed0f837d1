// SPDX-License-Identifier: MIT
#include "hooks.h"
#include "../base/buf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/btf.h>

#define DRIVER "amdgpu"

enum hook_kind { KIND_core, KIND_tp, KIND_fn, KIND_api };

/* A row of hooks.def. */
struct row {
	enum hook_kind kind;
	enum hook_group group;
	bool returns;
	const char *id, *symbol, *text;
	const char *fields[TP_FIELDS];
	const char *args[FN_ARGS];
	signed char at[FN_ARGS];
};

static const struct row rows[NUM_HOOKS] = {
#define HOOK_CORE(id_, group_, attach_, text_)                                                     \
	{                                                                                          \
		.kind = KIND_core, .group = GROUP_##group_, .id = #id_, .symbol = #attach_,        \
		.text = text_,
#define HOOK_TP(id_, group_, tracepoint_, text_)                                                   \
	{                                                                                          \
		.kind = KIND_tp, .group = GROUP_##group_, .id = #id_, .symbol = #tracepoint_,      \
		.text = text_,
#define HOOK_FN(id_, group_, function_, returns_, text_)                                           \
	{                                                                                          \
		.kind = KIND_fn, .group = GROUP_##group_, .id = #id_, .symbol = #function_,        \
		.returns = returns_, .text = text_,
#define HOOK_API(id_, group_, library_, text_)                                                     \
	{                                                                                          \
		.kind = KIND_api, .group = GROUP_##group_, .id = #id_, .symbol = #library_,        \
		.returns = true, .text = text_,
#define TP_FIELD(slot, name) .fields[slot] = name,
#define FN_ARG(slot, names, position) .args[slot] = names, .at[slot] = position,
#define HOOK_END()                                                                                 \
	}                                                                                          \
	,
#include "../../bpf/hooks.def"
};

/* ---- what was asked for ---- */

static const struct {
	const char *name;
	bool by_default;
} groups_table[NUM_GROUPS] = {
#define HOOK_GROUP(group, default_, text) [GROUP_##group] = {#group, default_},
#include "../../bpf/hooks.def"
};

uint32_t hook_groups__default(void)
{
	uint32_t groups = 0;

	for (unsigned int g = 0; g < NUM_GROUPS; g++)
		if (groups_table[g].by_default)
			groups |= 1u << g;
	return groups;
}

int hook_groups__parse(const char *list, uint32_t *groups, char *bad, size_t size)
{
	*groups |= 1u << GROUP_always;
	for (;;) {
		size_t len = strcspn(list, ",");
		uint32_t found = 0;

		for (unsigned int g = GROUP_always + 1; g < NUM_GROUPS; g++)
			if (strlen(groups_table[g].name) == len &&
			    !strncmp(groups_table[g].name, list, len))
				found = 1u << g;
		if (len == 3 && !strncmp(list, "all", 3))
			found = (1u << NUM_GROUPS) - 1;
		if (len == 7 && !strncmp(list, "default", 7))
			found = hook_groups__default();
		if (!found) {
			snprintf(bad, size, "%.*s", (int)len, list);
			return -1;
		}
		*groups |= found;
		if (!list[len])
			return 0;
		list += len + 1;
	}
}

char *hook_groups__name(uint32_t groups)
{
	struct buf b = {0};

	for (unsigned int g = GROUP_always + 1; g < NUM_GROUPS; g++)
		if (groups >> g & 1)
			buf__printf(&b, "%s%s", b.len ? "," : "", groups_table[g].name);
	return b.s;
}

/* Which hooks tell others whose something is: its PASID, its kgd_mem. */
static const struct {
	enum hook_group group;
	enum hook hook;
} teachers[] = {
	{GROUP_vm, HOOK_kfd_ioctl},	     {GROUP_fault, HOOK_kfd_ioctl},
	{GROUP_fault, HOOK_pasid_allocated}, {GROUP_fault, HOOK_pasid_freed},
	{GROUP_fault, HOOK_mem_alloc},	     {GROUP_fault, HOOK_mem_free},
};

/* Asked for itself; the mapping of libraries with any that has some. */
static bool asked(enum hook h, uint32_t groups)
{
	if (h != HOOK_maps)
		return groups >> rows[h].group & 1;
	for (unsigned int i = 0; i < NUM_HOOKS; i++)
		if (rows[i].kind == KIND_api && groups >> rows[i].group & 1)
			return true;
	return false;
}

static bool teaches(enum hook h, uint32_t groups)
{
	for (size_t i = 0; i < ARRAY_SIZE(teachers); i++)
		if (teachers[i].hook == h && groups >> teachers[i].group & 1)
			return true;
	return false;
}

const char *hook_how_name(enum hook_how how)
{
	static const char *const names[NUM_HOWS] = {"-",      "raw_tp", "tracepoint",
						    "fentry", "kprobe", "uprobe"};

	return names[how];
}

/* What is known of the machine while the hooks are planned. */
struct machine {
	bool driver; /* the module is there */
	struct btf *kernel, *module;
	const char *no_trampoline; /* why fentry is none of the ways */
	char why_no_btf[128];
	int types[NUM_HOOKS]; /* of the module: the hook's function or tracepoint; 0 when it has
				 none */
	unsigned char map_flag_kind;
};

static void add_way(struct hook_plan *p, enum hook_how how)
{
	for (unsigned int i = 0; i < NUM_HOWS; i++)
		if (p->ways[i] == HOW_none) {
			p->ways[i] = how;
			return;
		}
}

/* Reasons join: "fentry: ...; kprobe: ...". */
static void add_why(struct hook_plan *p, const char *how, const char *why)
{
	size_t n = strlen(p->why);

	snprintf(p->why + n, sizeof(p->why) - n, "%s%s: %s", n ? "; " : "", how, why);
}

bool hook_plan__next(struct hook_plan *p, const char *why)
{
	add_why(p, hook_how_name(p->how), why);
	p->way++;
	p->how = p->way < NUM_HOWS ? p->ways[p->way] : HOW_none;
	return p->how != HOW_none;
}

/* ---- tracepoints ---- */

static FILE *open_format(const char *tracepoint)
{
	static const char *const roots[] = {"/sys/kernel/tracing", "/sys/kernel/debug/tracing"};
	FILE *f = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(roots) && !f; i++) {
		char *path = xasprintf("%s/events/" DRIVER "/%s/format", roots[i], tracepoint);

		f = fopen(path, "re");
		free(path);
	}
	return f;
}

/* "field:u64 flags;	offset:24;	size:8;	signed:0;" */
static bool parse_field(const char *line, char name[64], struct tp_place *place)
{
	const char *at = strstr(line, "offset:"), *end = strchr(line, ';'), *begin;
	unsigned int offset, size;

	if (!strstr(line, "field:") || !end || !at ||
	    sscanf(at, "offset:%u; size:%u;", &offset, &size) != 2)
		return false;
	if (memchr(line, '[', (size_t)(end - line)))
		end = memchr(line, '[', (size_t)(end - line));
	for (begin = end; begin > line && begin[-1] != ' ' && begin[-1] != '*'; begin--)
		;
	snprintf(name, 64, "%.*s", (int)(end - begin), begin);
	*place = (struct tp_place){.offset = (ev_u16)offset, .size = (ev_u16)size};
	return true;
}

/* The places of the fields a program reads; false when the format lacks one. */
static bool read_format(struct hook_plan *p, const struct row *row)
{
	FILE *f = open_format(row->symbol);
	struct tp_place place;
	char line[512], name[64];
	bool all = f != NULL;

	while (f && fgets(line, sizeof(line), f)) {
		if (!parse_field(line, name, &place))
			continue;
		for (unsigned int i = 0; i < TP_FIELDS; i++)
			if (row->fields[i] && !strcmp(row->fields[i], name))
				p->tp_at[i] = place;
	}
	for (unsigned int i = 0; i < TP_FIELDS; i++)
		all = all && (!row->fields[i] || p->tp_at[i].size);
	if (f)
		fclose(f);
	return all;
}

static void plan_tp(struct hook_plan *p, const struct row *row, const struct machine *m)
{
	bool typed = m->types[row - rows] > 0;

	if (typed)
		add_way(p, HOW_raw_tp);
	else
		add_why(p, "raw_tp",
			m->module ? "the driver has no such tracepoint" : m->why_no_btf);
	if (read_format(p, row))
		add_way(p, HOW_tracepoint);
	else if (!typed)
		add_why(p, "tracepoint", "no format file, or one without the fields");
}

/* ---- functions ---- */

/* Position of the parameter that has one of the names; negative when there is none. */
static int position(const struct btf *btf, const struct btf_type *proto, const char *names)
{
	const struct btf_param *param = btf_params(proto);

	for (int i = 0; i < btf_vlen(proto); i++) {
		const char *name = btf__name_by_offset(btf, param[i].name_off), *at = names;

		for (; name && name[0] && at; at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL)
			if (!strncmp(at, name, strlen(name)) && strchr("|", at[strlen(name)]))
				return i;
	}
	return ARG_UNKNOWN;
}

/* Where each parameter stands: by BTF (t), else as it always was. False when one that must be is
 * not known. */
static bool find_args(struct hook_plan *p, const struct row *row, const struct btf *btf,
		      const struct btf_type *t)
{
	bool all = true;

	for (unsigned int i = 0; i < FN_ARGS; i++) {
		const char *names = row->args[i];
		bool optional = names && names[0] == '?';

		p->arg_at[i] = ARG_UNKNOWN;
		if (!names)
			continue;
		p->arg_at[i] = t ? (signed char)position(btf, t, names + optional) : row->at[i];
		all = all && (optional || p->arg_at[i] != ARG_UNKNOWN);
	}
	return all;
}

static void plan_fn(struct hook_plan *p, const struct row *row, const struct machine *m)
{
	int id = m->types[row - rows];
	const struct btf_type *t = id > 0 ? btf__type_by_id(m->module, (__u32)id) : NULL;
	const char *why = m->module ? "the driver's BTF has no such function" : m->why_no_btf;
	bool known;

	t = t ? btf__type_by_id(m->module, t->type) : NULL;
	known = find_args(p, row, m->module, t);
	if (!known && t) {
		add_why(p, "fentry, kprobe", "the function has other parameters than are known");
		return;
	}
	if (!known) {
		add_why(p, "fentry, kprobe",
			m->module ? why
				  : "its parameters differ between kernels, and the driver has no "
				    "BTF");
		return;
	}
	if (!t)
		add_why(p, "fentry", why);
	else if (m->no_trampoline)
		add_why(p, "fentry", m->no_trampoline);
	p->btf_id = t ? (uint32_t)id : 0;
	/* Trampolines of Linux before 6.3 or so carry six parameters: a probe first where there are
	 * more. */
	if (t && !m->no_trampoline && btf_vlen(t) <= 6)
		add_way(p, HOW_fentry);
	add_way(p, HOW_kprobe);
	if (t && !m->no_trampoline && btf_vlen(t) > 6)
		add_way(p, HOW_fentry);
}

/* ---- all of them ---- */

static const char not_asked[] = "not asked for with --trace";

static const char *not_needed(enum hook h, const struct hooks_config *cfg, const struct machine *m)
{
	if (!asked(h, cfg->groups) && !teaches(h, cfg->groups))
		return not_asked;
	if (rows[h].kind == KIND_core || rows[h].kind == KIND_api)
		return NULL;
	if (cfg->emulated)
		return "the emulated device is not behind the driver";
	if (!m->driver)
		return "the " DRIVER " driver is not loaded";
	return NULL;
}

/* Linux 6.15 or so made PTE bits (u64) to AMDGPU_VM_* flags (u32). */
static unsigned char flag_kind(const struct btf *btf, const struct btf_type *t)
{
	for (int i = 0; i < btf_vlen(t); i++) {
		const struct btf_member *member = btf_members(t) + i;

		if (!strcmp(btf__name_by_offset(btf, member->name_off), "flags"))
			return btf__resolve_size(btf, member->type) == 4 ? FLAG_KIND_vm
									 : FLAG_KIND_pte;
	}
	return FLAG_KIND_pte;
}

static bool has_helper(const struct btf *kernel, const char *helper)
{
	int id = btf__find_by_name_kind(kernel, "bpf_func_id", BTF_KIND_ENUM);
	const struct btf_type *t = id > 0 ? btf__type_by_id(kernel, (__u32)id) : NULL;

	for (int i = 0; t && i < btf_vlen(t); i++)
		if (!strcmp(btf__name_by_offset(kernel, btf_enum(t)[i].name_off), helper))
			return true;
	return false;
}

/* One pass over the module's own types: searching by name reads all of the kernel's each time. */
static void find_types(struct machine *m)
{
	static const char prefix[] = "btf_trace_";

	for (unsigned int id = btf__type_cnt(m->kernel); id < btf__type_cnt(m->module); id++) {
		const struct btf_type *t = btf__type_by_id(m->module, id);
		const char *name = btf__name_by_offset(m->module, t->name_off);
		enum hook_kind kind = btf_is_func(t) ? KIND_fn : KIND_tp;

		if (btf_is_struct(t) && !strcmp(name, "amdgpu_bo_va_mapping"))
			m->map_flag_kind = flag_kind(m->module, t);
		if (btf_is_typedef(t) && !strncmp(name, prefix, strlen(prefix)))
			name += strlen(prefix);
		else if (!btf_is_func(t))
			continue;
		for (unsigned int h = 0; h < NUM_HOOKS; h++)
			if (rows[h].kind == kind && !strcmp(rows[h].symbol, name))
				m->types[h] = (int)id;
	}
}

/* The descriptor of the module's BTF; -1 when there is none to have. */
static int module_btf_fd(void)
{
	for (__u32 id = 0; !bpf_btf_get_next_id(id, &id);) {
		char name[64] = "";
		struct bpf_btf_info info = {.name = (uintptr_t)name, .name_len = sizeof(name)};
		__u32 len = sizeof(info);
		int fd = bpf_btf_get_fd_by_id(id);

		if (fd < 0)
			continue;
		if (!bpf_obj_get_info_by_fd(fd, &info, &len) && info.kernel_btf &&
		    !strcmp(name, DRIVER))
			return fd;
		close(fd);
	}
	return -1;
}

static bool append(int fd, const void *data, size_t len)
{
	const char *at = data;

	while (len) {
		ssize_t n = write(fd, at, len);

		if (n <= 0)
			return false;
		at += n;
		len -= (size_t)n;
	}
	return true;
}

/*
 * The types of a module go on where the kernel's end: in numbers and in texts, so the two behind each
 * other are one BTF. Given that, libbpf does not look through every module itself, for which one must be
 * root. -1 when they cannot be joined.
 */
static int join_types(const struct machine *m)
{
	__u32 size[2];
	const struct btf_header *h[2] = {btf__raw_data(m->kernel, &size[0]), btf__raw_data(m->module, &size[1])};
	int fd = h[0] && h[1] ? memfd_create("btf", MFD_CLOEXEC) : -1;
	struct btf_header joined;
	bool ok;

	if (fd < 0)
		return -1;
	joined = (struct btf_header){.magic = BTF_MAGIC,
				     .version = BTF_VERSION,
				     .hdr_len = sizeof(joined),
				     .type_len = h[0]->type_len + h[1]->type_len,
				     .str_off = h[0]->type_len + h[1]->type_len,
				     .str_len = h[0]->str_len + h[1]->str_len};
	ok = append(fd, &joined, sizeof(joined));
	for (int i = 0; i < 2 && ok; i++)
		ok = append(fd, (const char *)h[i] + h[i]->hdr_len + h[i]->type_off, h[i]->type_len);
	for (int i = 0; i < 2 && ok; i++)
		ok = append(fd, (const char *)h[i] + h[i]->hdr_len + h[i]->str_off, h[i]->str_len);
	if (ok)
		return fd;
	close(fd);
	return -1;
}

void hooks__plan(struct hook_plan plans[NUM_HOOKS], const struct hooks_config *cfg,
		 struct driver_types *types)
{
	struct machine m = {.driver = !access("/sys/module/" DRIVER, F_OK),
			    .map_flag_kind = FLAG_KIND_pte};

	if (m.driver && !cfg->emulated) {
		m.kernel = btf__load_vmlinux_btf();
		m.module = m.kernel ? btf__load_module_btf(DRIVER, m.kernel) : NULL;
		if (m.module)
			find_types(&m);
		else
			snprintf(m.why_no_btf, sizeof(m.why_no_btf), "%s has no BTF",
				 m.kernel ? "the driver" : "the kernel");
	}
	types->map_flag_kind = m.map_flag_kind;
	types->btf_fd = m.module ? module_btf_fd() : -1;
	if (types->btf_fd < 0)
		m.no_trampoline = "the driver's BTF is root's to ask for";
	else if (!has_helper(m.kernel, "BPF_FUNC_get_func_arg")) /* Linux 5.17 */
		m.no_trampoline = "the kernel has no bpf_get_func_arg";
	types->all_fd = m.module ? join_types(&m) : -1;
	for (unsigned int h = 0; h < NUM_HOOKS; h++) {
		struct hook_plan *p = &plans[h];
		const char *why = not_needed(h, cfg, &m);

		*p = (struct hook_plan){.id = rows[h].id,
					.symbol = rows[h].symbol,
					.text = rows[h].text,
					.returns = rows[h].returns,
					.needed = !why};
		p->muted = !asked(h, cfg->groups);
		p->first = rows[h].kind == KIND_fn    ? HOW_fentry
			   : rows[h].kind == KIND_api ? HOW_uprobe
						      : HOW_raw_tp;
		if (why)
			snprintf(p->why, sizeof(p->why), "%s", why);
		else if (rows[h].kind == KIND_core)
			add_way(p, HOW_raw_tp);
		else if (rows[h].kind == KIND_api)
			add_way(p, HOW_uprobe);
		else if (rows[h].kind == KIND_tp)
			plan_tp(p, &rows[h], &m);
		else
			plan_fn(p, &rows[h], &m);
		p->how = p->ways[0];
	}
	/* Two ways to one register: it is read once. */
	if (plans[HOOK_fault_cache].how != HOW_none) {
		plans[HOOK_fault_print].needed = false;
		snprintf(plans[HOOK_fault_print].why, sizeof(plans[HOOK_fault_print].why),
			 "the register is taken where the driver keeps it");
	} else if (plans[HOOK_fault_print].how != HOW_none) {
		plans[HOOK_fault_cache].needed = false;
	}
	btf__free(m.module);
	btf__free(m.kernel);
}
