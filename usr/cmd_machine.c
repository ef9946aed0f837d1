// SPDX-License-Identifier: MIT
#include "cmd_machine.h"
#include "base/buf.h"
#include "caps/caps.h"
#include "caps/pci_ids.h"

#include <string.h>

#define LINK_NO_ATOMICS_32 (1 << 2) /* CRAT_IOLINK_FLAGS_NO_ATOMICS_32_BIT */
#define LINK_NO_ATOMICS_64 (1 << 3)

static enum known known_at(const struct json_t *o, const char *path)
{
	return value__is_true(o, path) ? KNOWN_YES : value__is_false(o, path) ? KNOWN_NO : NOT_KNOWN;
}

/* 0 where it is no number, or one that is none here. */
static uint64_t number_at(const struct json_t *o, const char *path)
{
	int64_t n;

	return value__number(o, path, &n) && n > 0 ? (uint64_t)n : 0;
}

/* A number, a text that is one ("0x90"), or "unlimited". */
static struct machine_number limit_at(const struct json_t *o, const char *path)
{
	const char *text = value__text(o, path);
	struct machine_number m = {0};

	if (value__number(o, path, &m.n))
		m.known = KNOWN_YES;
	else if (text && !strcmp(text, "unlimited"))
		m = (struct machine_number){.known = KNOWN_YES, .unlimited = true};
	return m;
}

/* ---- GPUs ---- */

static void put_atomics(struct machine_gpu *g, const struct json_t *node)
{
	const struct json_t *links = value__at(node, "io_links"), *l;
	int64_t flags;

	for (size_t i = 0; (l = value__item(links, i, NULL)); i++) {
		if (!value__number(l, "flags", &flags))
			continue;
		if (g->atomics32 != KNOWN_NO)
			g->atomics32 = flags & LINK_NO_ATOMICS_32 ? KNOWN_NO : KNOWN_YES;
		if (g->atomics64 != KNOWN_NO)
			g->atomics64 = flags & LINK_NO_ATOMICS_64 ? KNOWN_NO : KNOWN_YES;
	}
}

static void put_node(struct machine_gpu *g, const struct json_t *node)
{
	const struct json_t *banks = value__at(node, "mem_banks"), *b;

	g->in_kfd = KNOWN_YES;
	g->node = (unsigned int)number_at(node, "node");
	g->gfx_target_version = (unsigned int)number_at(node, "gfx_target_version");
	g->vendor_id = (unsigned int)number_at(node, "vendor_id");
	g->device_id = (unsigned int)number_at(node, "device_id");
	g->render_minor = (unsigned int)number_at(node, "drm_render_minor");
	g->compute_units = (unsigned int)number_at(node, "compute_units");
	g->mec_firmware = (unsigned int)number_at(node, "fw_version");
	for (size_t i = 0; (b = value__item(banks, i, NULL)); i++)
		g->vram_bytes += number_at(b, "size_in_bytes");
	put_atomics(g, node);
}

static void put_card(struct machine_gpu *g, const struct json_t *card)
{
	if (!g->vendor_id)
		g->vendor_id = (unsigned int)number_at(card, "vendor_id");
	if (!g->device_id)
		g->device_id = (unsigned int)number_at(card, "device_id");
	if (!g->vram_bytes)
		g->vram_bytes = number_at(card, "vram_bytes");
	g->render_minor = (unsigned int)number_at(card, "drm_render_minor");
	g->driver = value__text(card, "driver");
	g->openable = known_at(card, "accessible");
	g->name = value__text(card, "name");
}

/* The product: libdrm's word, else the table of ids; an emulated card shows no revision, and is one of ours. */
static void put_name(struct machine_gpu *g, const struct json_t *card, bool emulated)
{
	int64_t revision;
	const struct caps_pci *pci = caps_pci__find(
		g->device_id, value__number(card, "revision", &revision) ? (unsigned int)revision : CAPS_ANY_REV);

	g->pci_gfx = pci ? pci->gfx_target_version : 0;
	if (!g->name && pci)
		g->name = pci->name;
	for (size_t i = 0; emulated && i < CAPS_NUM_CARDS; i++)
		if (caps_cards[i].device_id == g->device_id)
			g->name = caps_cards[i].name;
}

static const struct json_t *card_of(const struct json_t *cards, unsigned int minor)
{
	const struct json_t *c;

	for (size_t i = 0; minor && (c = value__item(cards, i, NULL)); i++)
		if (number_at(c, "drm_render_minor") == minor)
			return c;
	return NULL;
}

static void put_gpus(struct machine *m, const struct json_t *s)
{
	const struct json_t *nodes = value__at(s, "facts.device.nodes"), *n;
	const struct json_t *cards = value__at(s, "facts.device.cards"), *c;
	size_t max = value__count(nodes) + value__count(cards);
	struct machine_gpu *list = xcalloc(max + 1, sizeof(*list));
	bool emulated = m->emulated == KNOWN_YES;

	for (size_t i = 0; (n = value__item(nodes, i, NULL)); i++) {
		struct machine_gpu *g = &list[m->num_gpus];

		if (!number_at(n, "simd_count"))
			continue;
		put_node(g, n);
		c = card_of(cards, g->render_minor);
		if (c)
			put_card(g, c);
		put_name(g, c, emulated);
		m->num_gpus++;
	}
	for (size_t i = 0; (c = value__item(cards, i, NULL)); i++) {
		bool found = false;

		for (size_t k = 0; k < m->num_gpus; k++)
			found |= list[k].render_minor == number_at(c, "drm_render_minor");
		if (found)
			continue;
		list[m->num_gpus].in_kfd = KNOWN_NO;
		put_card(&list[m->num_gpus], c);
		put_name(&list[m->num_gpus++], c, emulated);
	}
	m->gpus = list;
}

/* ---- driver and kernel ---- */

static void put_host(struct machine *m, const struct json_t *s)
{
	const struct json_t *host = value__at(s, "facts.host");
	const struct json_t *params = value__at(host, "amdgpu.parameters"), *p;
	struct machine_parameter *list = xcalloc(value__count(params) + 1, sizeof(*list));
	const char *name;

	m->kernel = value__text(host, "kernel.release") ?: value__text(s, "kernel");
	m->virtual_machine = known_at(host, "hypervisor");
	m->container = known_at(host, "pid_namespace");
	m->driver_loaded = known_at(host, "amdgpu.loaded");
	m->driver_in_kernel = known_at(host, "amdgpu.built_in");
	m->driver_out_of_tree = known_at(host, "amdgpu.out_of_tree");
	m->driver_version = value__text(host, "amdgpu.version");
	m->driver_file = value__text(host, "amdgpu.file");
	for (size_t i = 0; (p = value__item(params, i, &name)); i++)
		if (name)
			list[m->num_parameters++] = (struct machine_parameter){name, value__text(p, "")};
	m->parameters = list;
	m->memlock = limit_at(host, "limits.memlock.soft");
	m->memlock_hard = limit_at(host, "limits.memlock.hard");
	m->nofile = limit_at(host, "limits.nofile.soft");
	m->fsize = limit_at(host, "limits.fsize.soft");
	m->tracing = (struct machine_tracing){
		.vmlinux_btf = known_at(host, "tracing.vmlinux_btf"),
		.amdgpu_btf = known_at(host, "amdgpu.btf"),
		.kprobes = known_at(host, "tracing.kprobes"),
		.may_load = known_at(host, "tracing.may_load"),
		.jit = limit_at(host, "tracing.bpf_jit_enable"),
		.unprivileged_bpf_disabled = limit_at(host, "tracing.unprivileged_bpf_disabled"),
		.perf_event_paranoid = limit_at(host, "tracing.perf_event_paranoid"),
		.lockdown = value__text(host, "tracing.lockdown"),
	};
}

static void put_kfd(struct machine *m, const struct json_t *s)
{
	const struct json_t *kfd = value__at(s, "facts.device.kfd");

	m->kfd = (struct machine_kfd){
		.present = known_at(kfd, "present"),
		.openable = known_at(kfd, "openable"),
		.major = (unsigned int)number_at(kfd, "version.major"),
		.minor = (unsigned int)number_at(kfd, "version.minor"),
		.error = value__text(kfd, "error"),
		.group = value__text(kfd, "group"),
		.member = known_at(kfd, "member"),
	};
	/* The emulated one is there for who runs on it. */
	if (m->kfd.present == NOT_KNOWN && m->emulated == KNOWN_YES && m->kfd.major)
		m->kfd.present = m->kfd.openable = KNOWN_YES;
}

/* ---- environment and software ---- */

static void put_variables(struct machine *m, const struct json_t *s)
{
	const struct json_t *kept = value__at(s, "environment"), *names = value__at(s, "environment_names");
	const struct json_t *overrides = value__at(s, "facts.overrides"), *o;
	struct machine_variable *list =
		xcalloc(value__count(kept) + value__count(names) + value__count(overrides) + 1, sizeof(*list));
	const char *name;

	m->environment_known = kept ? KNOWN_YES : NOT_KNOWN;
	for (size_t i = 0; (o = value__item(kept, i, &name)); i++)
		if (name && value__text(o, ""))
			list[m->num_variables++] = (struct machine_variable){name, value__text(o, "")};
	for (size_t i = 0; !kept && (o = value__item(overrides, i, &name)); i++)
		if (name && value__text(o, ""))
			list[m->num_variables++] = (struct machine_variable){name, value__text(o, "")};
	for (size_t i = 0; (o = value__item(names, i, NULL)); i++)
		if (value__text(o, ""))
			list[m->num_variables++] = (struct machine_variable){value__text(o, ""), NULL};
	m->variables = list;
}

static enum machine_where where_of(const struct json_t *o)
{
	static const char *const names[] = {
		[WHERE_ld_library_path] = "LD_LIBRARY_PATH", [WHERE_ld_cache] = "ld cache",
		[WHERE_rocm] = "rocm", [WHERE_torch] = "torch", [WHERE_process] = "process",
	};
	const char *from = value__text(o, "from");

	for (size_t i = 1; from && i < ARRAY_SIZE(names); i++)
		if (!strcmp(from, names[i]))
			return (enum machine_where)i;
	return WHERE_not_known;
}

static void put_libraries(struct machine *m, const struct json_t *software)
{
	const struct json_t *libs = value__at(software, "libraries"), *dbs = value__at(software, "databases"), *o;
	struct machine_library *list = xcalloc(value__count(libs) + 1, sizeof(*list));
	struct machine_database *data = xcalloc(value__count(dbs) + 1, sizeof(*data));

	for (size_t i = 0; (o = value__item(libs, i, NULL)); i++)
		if (value__text(o, "name"))
			list[m->num_libraries++] = (struct machine_library){
				.name = value__text(o, "name"), .path = value__text(o, "path"),
				.real_path = value__text(o, "real_path"), .version = value__text(o, "version"),
				.rocm = value__text(o, "rocm"), .chips = value__text(o, "chips"), .where = where_of(o),
				.first = value__is_true(o, "first")};
	for (size_t i = 0; (o = value__item(dbs, i, NULL)); i++)
		if (value__text(o, "name"))
			data[m->num_databases++] = (struct machine_database){
				value__text(o, "name"), value__text(o, "path"), where_of(o)};
	m->libraries = list;
	m->databases = data;
	m->databases_known = dbs ? KNOWN_YES : NOT_KNOWN;
}

static void put_software(struct machine *m, const struct json_t *s)
{
	const struct json_t *software = value__at(s, "facts.software"), *py = value__at(software, "python");
	const struct json_t *rocm = value__at(software, "rocm"), *r;
	const struct machine_library *hip, *hsa;

	put_libraries(m, software);
	hip = machine__library(m, "amdhip64");
	hsa = machine__library(m, "hsa-runtime64");
	m->rocm = hip && hip->rocm ? hip->rocm : hsa ? hsa->rocm : NULL;
	for (size_t i = 0; !m->rocm && (r = value__item(rocm, i, NULL)); i++)
		m->rocm = value__text(r, "version");
	m->python = (struct machine_python){
		.path = value__text(py, "path"), .version = value__text(py, "version"),
		.venv = value__text(py, "venv"), .torch = value__text(py, "torch"),
		.torch_hip = value__text(py, "torch_hip"), .torch_path = value__text(py, "torch_path"),
		.numpy = value__text(py, "numpy"), .others = value__text(py, "others"),
	};
	if (py && (m->python.version || m->python.torch)) {
		m->python.has_torch = m->python.torch ? KNOWN_YES : KNOWN_NO;
		m->python.has_numpy = m->python.numpy ? KNOWN_YES : KNOWN_NO;
	}
}

struct machine *machine__from(const struct json_t *s)
{
	struct machine *m = xcalloc(1, sizeof(*m));

	m->emulated_name = value__text(s, "emulated_device");
	m->emulated = m->emulated_name ? KNOWN_YES : known_at(s, "facts.device.emulated");
	put_gpus(m, s);
	put_host(m, s);
	put_kfd(m, s);
	put_variables(m, s);
	put_software(m, s);
	return m;
}

void machine__free(struct machine *m)
{
	if (!m)
		return;
	free((void *)m->gpus);
	free((void *)m->parameters);
	free((void *)m->variables);
	free((void *)m->libraries);
	free((void *)m->databases);
	free(m);
}
