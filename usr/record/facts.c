// SPDX-License-Identifier: MIT
#include "facts_parts.h"
#include "../base/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX 65536
#define LINK_NO_ATOMICS 0xc /* CRAT_IOLINK_FLAGS_NO_ATOMICS_32_BIT, _64_BIT */

extern char **environ;

/* ---- files ---- */

static char *path_of(const char *root, const char *fmt, va_list ap)
{
	char rest[512];

	vsnprintf(rest, sizeof(rest), fmt, ap);
	return xasprintf("%s%s", root, rest);
}

char *facts_read(const char *root, const char *fmt, ...)
{
	char *path, *text;
	size_t n = 0;
	va_list ap;
	bool bad;
	FILE *f;

	va_start(ap, fmt);
	path = path_of(root, fmt, ap);
	va_end(ap);
	f = fopen(path, "r");
	free(path);
	if (!f)
		return NULL;
	text = xcalloc(1, FILE_MAX + 1);
	n = fread(text, 1, FILE_MAX, f);
	bad = ferror(f);
	fclose(f);
	while (n && strchr(" \t\n", text[n - 1]))
		text[--n] = 0;
	if (!bad)
		return xrealloc(text, n + 1);
	free(text);
	return NULL;
}

bool facts_exists(const char *root, const char *fmt, ...)
{
	char *path;
	va_list ap;
	bool there;

	va_start(ap, fmt);
	path = path_of(root, fmt, ap);
	va_end(ap);
	there = !access(path, F_OK);
	free(path);
	return there;
}

void facts_put_text(json_t *o, const char *key, char *text)
{
	if (text)
		json_object_set_new(o, key, value__new_text(text));
	free(text);
}

void facts_put_number(json_t *o, const char *key, char *text)
{
	char *end = NULL;
	unsigned long long n;

	errno = 0;
	n = text ? strtoull(text, &end, 0) : 0;
	if (!text || !*text || *end || errno) {
		facts_put_text(o, key, text);
		return;
	}
	json_object_set_new(o, key, json_integer((json_int_t)n));
	free(text);
}

void facts_put_bool(json_t *o, const char *key, bool v)
{
	json_object_set_new(o, key, json_boolean(v));
}

static bool in_group(gid_t gid)
{
	gid_t groups[256];
	int n = getgroups(ARRAY_SIZE(groups), groups);

	for (int i = 0; i < n; i++)
		if (groups[i] == gid)
			return true;
	return getegid() == gid;
}

void facts_put_access(json_t *o, const char *root, const char *path)
{
	char *full = xasprintf("%s%s", root, path);
	struct stat st;
	struct group *g;

	if (!stat(full, &st)) {
		facts_put_bool(o, "openable", !faccessat(AT_FDCWD, full, R_OK | W_OK, AT_EACCESS));
		g = st.st_gid && (st.st_mode & S_IRGRP) ? getgrgid(st.st_gid) : NULL;
		if (g)
			json_object_set_new(o, "group", value__new_text(g->gr_name));
		if (g)
			facts_put_bool(o, "member", in_group(st.st_gid));
	}
	free(full);
}

/* ---- what is not there and matters ---- */

static void lacks(json_t *missing, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void lacks(json_t *missing, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	json_array_append_new(missing, value__new_text(text));
}

/* How a user gets to open it. */
static const char *how_to_open(const char *root, const char *path, char out[160])
{
	char *full = xasprintf("%s%s", root, path);
	struct stat st = {0};
	struct group *g;

	g = !stat(full, &st) && st.st_gid && (st.st_mode & S_IRGRP) ? getgrgid(st.st_gid) : NULL;
	free(full);
	if (g)
		snprintf(out, 160, "join its group (sudo usermod -aG %s USER) and log in anew",
			 g->gr_name);
	else
		snprintf(out, 160, "only root may; a udev rule gives it to a group, as render");
	return out;
}

static bool is_gpu(const json_t *node)
{
	int64_t simds;

	return value__number(node, "simd_count", &simds) && simds > 0;
}

static void missing_kfd(const json_t *facts, const char *root, json_t *missing)
{
	const char *error = value__text(facts, "device.kfd.error");
	char how[160];

	if (value__is_true(facts, "device.kfd.present")) {
		if (error && !strcmp(error, "EACCES"))
			lacks(missing, "/dev/kfd cannot be opened, and ROCm finds no GPU: %s",
			      how_to_open(root, "/dev/kfd", how));
		else if (error)
			lacks(missing,
			      "/dev/kfd does not answer (%s): see the kernel log (sudo "
			      "dmesg | grep kfd)",
			      error);
	} else if (!value__is_true(facts, "host.amdgpu.loaded")) {
		lacks(missing, "there is no /dev/kfd, because the driver is not loaded: on a "
			       "machine with an AMD GPU load it (sudo modprobe amdgpu); without "
			       "one, --emulate runs a program on an emulated card");
	} else {
		lacks(missing, "there is no /dev/kfd though amdgpu is loaded: its kernel was "
			       "built without CONFIG_HSA_AMD, or this is a container that was not "
			       "given the device (docker run --device=/dev/kfd --device=/dev/dri)");
	}
}

static void missing_card(const json_t *facts, const char *root, const json_t *card, json_t *missing)
{
	const json_t *nodes = value__at(facts, "device.nodes"), *n;
	const char *driver = value__text(card, "driver");
	char path[64], how[160];
	int64_t minor = 0, other;
	bool found = false;

	value__number(card, "drm_render_minor", &minor);
	for (size_t i = 0; (n = value__item(nodes, i, NULL)); i++)
		found |= value__number(n, "drm_render_minor", &other) && other == minor;
	snprintf(path, sizeof(path), "/dev/dri/renderD%d", (int)minor);
	if (!driver || strcmp(driver, "amdgpu"))
		lacks(missing, "renderD%d is driven by %s, not by amdgpu: ROCm does not see it",
		      (int)minor, driver ? driver : "nothing");
	else if (!found)
		lacks(missing,
		      "renderD%d has no node in KFD's topology: the kernel log says why "
		      "(sudo dmesg | grep kfd); one reason is a slot without PCIe atomics",
		      (int)minor);
	else if (!value__is_true(card, "accessible"))
		lacks(missing, "%s cannot be opened: %s", path, how_to_open(root, path, how));
}

static void missing_node(const json_t *node, json_t *missing)
{
	const json_t *links = value__at(node, "io_links"), *link;
	int64_t n = 0, flags, to;

	value__number(node, "node", &n);
	for (size_t i = 0; is_gpu(node) && (link = value__item(links, i, NULL)); i++)
		if (value__number(link, "flags", &flags) && value__number(link, "node_to", &to) &&
		    (flags & LINK_NO_ATOMICS))
			lacks(missing,
			      "PCIe atomics from node %d to node %d: a kernel's atomics "
			      "on that memory do not work; a slot that is wired to the "
			      "CPU may have them",
			      (int)n, (int)to);
	if (value__is_false(node, "readable"))
		lacks(missing,
		      "node %d of the topology cannot be read: give the container its "
		      "device (docker run --device=/dev/dri)",
		      (int)n);
}

/* Hooks inside the driver. */
static void missing_hooks(const json_t *facts, json_t *missing)
{
	int64_t n;

	if (value__is_true(facts, "host.amdgpu.loaded") &&
	    value__is_false(facts, "host.amdgpu.built_in") &&
	    value__is_false(facts, "host.amdgpu.btf"))
		lacks(missing, "BTF of amdgpu: fentry needs it. A distribution's own amdgpu has "
			       "it; a DKMS build gets it where pahole and the kernel's vmlinux "
			       "are at hand");
	if (value__is_false(facts, "host.tracing.kprobes"))
		lacks(missing, "kprobes: what fentry cannot reach in the driver is not seen; take "
			       "a kernel with CONFIG_KPROBE_EVENTS");
	if (value__number(facts, "host.tracing.bpf_jit_enable", &n) && !n)
		lacks(missing, "the BPF compiler is off, and fentry with it: sudo sysctl "
			       "net.core.bpf_jit_enable=1");
}

/* Of the driver and the cards: not where they are emulated. */
static void missing_device(const json_t *facts, const char *root, json_t *missing)
{
	const json_t *nodes = value__at(facts, "device.nodes"),
		     *cards = value__at(facts, "device.cards"), *o;
	bool gpu = false;

	missing_kfd(facts, root, missing);
	for (size_t i = 0; (o = value__item(nodes, i, NULL)); i++) {
		gpu |= is_gpu(o) || value__is_false(o, "readable");
		missing_node(o, missing);
	}
	for (size_t i = 0; (o = value__item(cards, i, NULL)); i++)
		missing_card(facts, root, o, missing);
	if (value__is_true(facts, "device.kfd.present") && !gpu && !value__count(cards))
		lacks(missing, "the driver has no GPU: see the kernel log (sudo dmesg | grep "
			       "amdgpu), and lspci for whether the card is there");
	missing_hooks(facts, missing);
}

/* Of what the recorder uses. */
static void missing_tracing(const json_t *facts, json_t *missing)
{
	const char *mode = value__text(facts, "host.tracing.lockdown");
	int64_t n;

	if (value__is_false(facts, "host.tracing.vmlinux_btf"))
		lacks(missing, "BTF of the kernel (/sys/kernel/btf/vmlinux): eBPF cannot be "
			       "loaded; take a kernel with CONFIG_DEBUG_INFO_BTF");
	if (mode && !strcmp(mode, "confidentiality"))
		lacks(missing, "lockdown is in confidentiality mode: eBPF may not read the "
			       "kernel's memory; boot with lockdown=integrity or without secure "
			       "boot");
	if (value__is_true(facts, "host.pid_namespace"))
		lacks(missing, "the machine's own PID namespace: this is a container, where other "
			       "processes' numbers are not what the kernel's side sees; run "
			       "rdna1-trace outside of it");
	if (value__number(facts, "host.limits.fsize.soft", &n))
		lacks(missing,
		      "room for a trace: files are limited to %lld bytes; raise it "
		      "(ulimit -f unlimited)",
		      (long long)n);
}

/* ---- all ---- */

/* What makes the runtime take a card for another. */
static json_t *overrides(const struct facts_config *c)
{
	static const char prefix[] = "HSA_OVERRIDE_";
	json_t *o = json_object();

	for (char *const *e = c->env ?: environ; *e; e++) {
		const char *eq = strchr(*e, '=');
		char *name;

		if (!eq || strncmp(*e, prefix, sizeof(prefix) - 1))
			continue;
		name = xasprintf("%.*s", (int)(eq - *e), *e);
		json_object_set_new(o, name, value__new_text(eq + 1));
		free(name);
	}
	return o;
}

json_t *facts__collect(const struct facts_config *c)
{
	json_t *facts = json_object(), *missing = json_array();

	json_object_set_new(facts, "host", facts_host(c));
	json_object_set_new(facts, "device", facts_device(c));
	json_object_set_new(facts, "software", facts_software(c));
	json_object_set_new(facts, "overrides", overrides(c));
	if (!c->emu_root)
		missing_device(facts, c->root, missing);
	missing_tracing(facts, missing);
	json_object_set_new(facts, "missing", missing);
	return facts;
}
