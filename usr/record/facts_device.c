// SPDX-License-Identifier: MIT
/* The GPUs: KFD and its topology, and the PCI devices behind it. */
#include "facts_parts.h"
#include "../base/names.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define NODES "/sys/class/kfd/kfd/topology/nodes"
#define DRM "/sys/class/drm/renderD%u"
#define MAX_NODES 64u
#define RENDER_MINOR_MIN 128u
#define RENDER_MINOR_MAX 192u /* drivers/gpu/drm/drm_drv.c: 64 of each kind */
#define VENDOR_AMD 0x1002
#define NUM_BARS 6
#define KFD_ANSWER_MS 2000

/* ---- the driver's version ---- */

struct kfd_version {
	uint32_t major, minor;
};
#define KFD_GET_VERSION _IOR('K', 1, struct kfd_version)

struct kfd_answer {
	struct kfd_version version;
	int error;
};

/*
 * A process that opens KFD is a KFD process until its memory is gone: so another one asks, and it
 * does not hang us where the driver does.
 */
static struct kfd_answer ask_kfd(const char *path)
{
	struct kfd_answer a = {.error = ETIMEDOUT};
	struct pollfd p = {.events = POLLIN};
	int ends[2];
	pid_t child;

	if (pipe2(ends, O_CLOEXEC)) {
		a.error = errno;
		return a;
	}
	child = fork();
	if (!child) {
		int fd = open(path, O_RDWR | O_CLOEXEC);

		a.error = fd < 0 || ioctl(fd, KFD_GET_VERSION, &a.version) ? errno : 0;
		_exit(write(ends[1], &a, sizeof(a)) != sizeof(a));
	}
	close(ends[1]);
	p.fd = ends[0];
	if (child > 0 &&
	    (poll(&p, 1, KFD_ANSWER_MS) != 1 || read(ends[0], &a, sizeof(a)) != sizeof(a)))
		a = (struct kfd_answer){.error = ETIMEDOUT};
	close(ends[0]);
	if (child > 0) {
		kill(child, SIGKILL);
		waitpid(child, NULL, a.error == ETIMEDOUT ? WNOHANG : 0);
	}
	return a;
}

static json_t *kfd_version(const struct kfd_version *v, const char *from)
{
	return json_pack("{s:i, s:i, s:s}", "major", (int)v->major, "minor", (int)v->minor, "from",
			 from);
}

static json_t *kfd(const struct facts_config *c)
{
	const struct kfd_version emulated = {1, c->emu_kfd_minor};
	char *path = xasprintf("%s/dev/kfd", c->root);
	bool there = !access(path, F_OK);
	json_t *o = json_object();

	if (c->emu_root && c->emu_kfd_minor) {
		json_object_set_new(o, "version", kfd_version(&emulated, "emulated"));
		goto out;
	}
	facts_put_bool(o, "present", there);
	facts_put_access(o, c->root, "/dev/kfd");
	if (there && c->ask_kfd) {
		struct kfd_answer a = ask_kfd(path);
		const char *name = strerrorname_np(a.error);

		if (a.error)
			json_object_set_new(o, "error", json_string(name ? name : "?"));
		else
			json_object_set_new(o, "version", kfd_version(&a.version, "GET_VERSION"));
	}
out:
	free(path);
	return o;
}

/* ---- the topology ---- */

/* kfd_crat.h, CRAT_IOLINK_FLAGS_* */
static const struct name link_flags[] = {{1u << 0, "ENABLED"},
					 {1u << 1, "NON_COHERENT"},
					 {1u << 2, "NO_ATOMICS_32_BIT"},
					 {1u << 3, "NO_ATOMICS_64_BIT"},
					 {1u << 4, "NO_PEER_TO_PEER_DMA"},
					 {1u << 31, "BI_DIRECTIONAL"},
					 {0, NULL}};

/* kfd_crat.h, CRAT_IOLINK_TYPE_* */
static const struct name link_types[] = {
	{1, "HYPERTRANSPORT"}, {2, "PCIEXPRESS"}, {11, "XGMI"}, {0, NULL}};

/* Of kfd_topology.c, node_show. unique_id is a serial number; hive_id is made of such. */
static const char *const node_names[] = {"gfx_target_version",
					 "vendor_id",
					 "device_id",
					 "domain",
					 "location_id",
					 "drm_render_minor",
					 "cpu_cores_count",
					 "simd_count",
					 "simd_per_cu",
					 "array_count",
					 "simd_arrays_per_engine",
					 "cu_per_simd_array",
					 "max_waves_per_simd",
					 "max_slots_scratch_cu",
					 "wave_front_size",
					 "lds_size_in_kb",
					 "gds_size_in_kb",
					 "num_gws",
					 "num_cp_queues",
					 "num_sdma_engines",
					 "num_sdma_xgmi_engines",
					 "num_sdma_queues_per_engine",
					 "max_engine_clk_fcompute",
					 "local_mem_size",
					 "fw_version",
					 "sdma_fw_version",
					 "capability",
					 "capability2",
					 "debug_prop",
					 NULL};
static const char *const bank_names[] = {"heap_type", "size_in_bytes", "flags",
					 "width",     "mem_clk_max",   NULL};
static const char *const link_names[] = {"type",	  "node_from",	   "node_to", "weight",
					 "min_bandwidth", "max_bandwidth", "flags",   NULL};

/* "name value" lines, those that are kept. */
static void put_properties(json_t *o, char *text, const char *const *names)
{
	char *save = NULL;

	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *space = strchr(line, ' ');

		if (!space)
			continue;
		*space = 0;
		for (const char *const *n = names; *n; n++)
			if (!strcmp(*n, line))
				facts_put_number(o, line, xstrdup(space + 1));
	}
}

static void put_words(json_t *o, const char *key,
		      void (*print)(struct buf *, const struct name *, uint64_t),
		      const struct name *table, const char *from)
{
	struct buf b = {0};
	int64_t n;

	if (value__number(o, from, &n))
		print(&b, table, (uint64_t)n);
	if (b.len)
		json_object_set_new(o, key, json_string(b.s));
	buf__free(&b);
}

/* NODES/n/what/0, 1, ... */
static json_t *node_list(const char *root, unsigned int n, const char *what,
			 const char *const *names)
{
	json_t *list = json_array();
	char *text;

	for (unsigned int i = 0; i < MAX_NODES; i++) {
		json_t *o;

		text = facts_read(root, NODES "/%u/%s/%u/properties", n, what, i);
		if (!text)
			break;
		o = json_object();
		put_properties(o, text, names);
		free(text);
		if (names == link_names) {
			put_words(o, "type_name", names__value, link_types, "type");
			put_words(o, "flags_text", names__flags, link_flags, "flags");
		}
		json_array_append_new(list, o);
	}
	return list;
}

static json_t *node(const char *root, unsigned int n)
{
	char *text = facts_read(root, NODES "/%u/properties", n);
	json_t *o = json_object();
	int64_t simds, per_cu;

	json_object_set_new(o, "node", json_integer(n));
	facts_put_number(o, "gpu_id", facts_read(root, NODES "/%u/gpu_id", n));
	facts_put_text(o, "name", facts_read(root, NODES "/%u/name", n));
	/* A container's device rules hide what is not its own. */
	facts_put_bool(o, "readable", text);
	if (!text)
		return o;
	put_properties(o, text, node_names);
	free(text);
	if (value__number(o, "simd_count", &simds) && value__number(o, "simd_per_cu", &per_cu) &&
	    per_cu > 0)
		json_object_set_new(o, "compute_units", json_integer(simds / per_cu));
	json_object_set_new(o, "mem_banks", node_list(root, n, "mem_banks", bank_names));
	json_object_set_new(o, "io_links", node_list(root, n, "io_links", link_names));
	json_object_set_new(o, "p2p_links", node_list(root, n, "p2p_links", link_names));
	return o;
}

static json_t *nodes(const char *root)
{
	json_t *list = json_array();

	for (unsigned int n = 0; n < MAX_NODES; n++)
		if (facts_exists(root, NODES "/%u", n))
			json_array_append_new(list, node(root, n));
	return list;
}

/* ---- PCI devices ---- */

/*
 * What libdrm calls the card, which knows more of them than we do. Another process asks, as with KFD: a
 * driver may hang. "" where it cannot be asked.
 */
static void ask_name(const char *path, char name[128])
{
	struct pollfd p = {.events = POLLIN};
	int ends[2];
	pid_t child;

	memset(name, 0, 128);
	if (pipe2(ends, O_CLOEXEC))
		return;
	child = fork();
	if (!child) {
		void *lib = dlopen("libdrm_amdgpu.so.1", RTLD_NOW | RTLD_LOCAL), *dev = NULL;
		int (*init)(int, uint32_t *, uint32_t *, void **) =
			lib ? (__typeof__(init))dlsym(lib, "amdgpu_device_initialize") : NULL;
		const char *(*get)(void *) =
			lib ? (__typeof__(get))dlsym(lib, "amdgpu_get_marketing_name") : NULL;
		int fd = init && get ? open(path, O_RDWR | O_CLOEXEC) : -1;
		uint32_t major, minor;

		if (fd >= 0 && !init(fd, &major, &minor, &dev) && get(dev))
			snprintf(name, 128, "%s", get(dev));
		_exit(write(ends[1], name, 128) != 128);
	}
	close(ends[1]);
	p.fd = ends[0];
	if (child > 0 && (poll(&p, 1, KFD_ANSWER_MS) != 1 || read(ends[0], name, 128) != 128))
		name[0] = 0;
	name[127] = 0;
	close(ends[0]);
	if (child > 0) {
		kill(child, SIGKILL);
		waitpid(child, NULL, name[0] ? 0 : WNOHANG);
	}
}

/* start, end and flags of each; where they lie is not kept */
static void put_bars(json_t *o, char *text)
{
	json_t *list = json_array();
	char *save = NULL, *line = text ? strtok_r(text, "\n", &save) : NULL;

	for (int i = 0; line && i < NUM_BARS; i++, line = strtok_r(NULL, "\n", &save)) {
		unsigned long long start, end;

		if (sscanf(line, "%llx %llx", &start, &end) != 2)
			break;
		json_array_append_new(list, json_integer(end ? (json_int_t)(end - start + 1) : 0));
	}
	if (json_array_size(list))
		json_object_set(o, "bar_bytes", list);
	json_decref(list);
	free(text);
}

/* fw_version/NAME_fw_version, but for what the card does not have */
static json_t *firmware(const char *root, unsigned int minor)
{
	char *path = xasprintf("%s" DRM "/device/fw_version", root, minor);
	struct dirent **names;
	int n = scandir(path, &names, NULL, alphasort);
	json_t *o = json_object();

	for (int i = 0; i < n; i++) {
		char *end = strstr(names[i]->d_name, "_fw_version");
		char *value =
			end ? facts_read(root, DRM "/device/fw_version/%s", minor, names[i]->d_name)
			    : NULL;

		if (value && strtoul(value, NULL, 0)) {
			*end = 0;
			json_object_set_new(o, names[i]->d_name, value__new_text(value));
		}
		free(value);
		free(names[i]);
	}
	if (n >= 0)
		free(names);
	free(path);
	return o;
}

/*
 * The links from the card to the root, "16.0 GT/s PCIe x16": a Navi card has a switch of its own,
 * and which slot it stands in shows only above that.
 */
static json_t *links_to_root(const char *root, unsigned int minor)
{
	char *path = xasprintf("%s" DRM "/device", root, minor), *at = realpath(path, NULL), *slash;
	json_t *list = json_array();

	for (; at && (slash = strrchr(at, '/')); *slash = 0) {
		char *speed = facts_read(at, "/current_link_speed");
		char *width = facts_read(at, "/current_link_width");
		char *both = speed && width ? xasprintf("%s x%s", speed, width) : NULL;

		if (both)
			json_array_append_new(list, value__new_text(both));
		free(speed);
		free(width);
		if (!both)
			break;
		free(both);
	}
	free(at);
	free(path);
	return list;
}

static void put_driver(json_t *o, const char *root, unsigned int minor)
{
	char *path = xasprintf("%s" DRM "/device/driver", root, minor), link[512];
	ssize_t n = readlink(path, link, sizeof(link) - 1);
	const char *slash;

	free(path);
	if (n < 0)
		return;
	link[n] = 0;
	slash = strrchr(link, '/');
	json_object_set_new(o, "driver", value__new_text(slash ? slash + 1 : link));
}

static json_t *card(const char *root, unsigned int minor, bool ask)
{
	static const struct {
		const char *key, *file;
		bool number;
	} kept[] = {
		{"vendor_id", "vendor", true},
		{"device_id", "device", true},
		{"subsystem_vendor_id", "subsystem_vendor", true},
		{"subsystem_device_id", "subsystem_device", true},
		{"revision", "revision", true},
		{"max_link_speed", "max_link_speed", false},
		{"max_link_width", "max_link_width", true},
		{"vram_bytes", "mem_info_vram_total", true},
		{"visible_vram_bytes", "mem_info_vis_vram_total", true},
		{"gtt_bytes", "mem_info_gtt_total", true},
		{"vbios_version", "vbios_version", false},
	};
	char *path = xasprintf("/dev/dri/renderD%u", minor);
	char *full = xasprintf("%s%s", root, path);
	json_t *o = json_object();

	json_object_set_new(o, "drm_render_minor", json_integer(minor));
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
		(kept[i].number ? facts_put_number : facts_put_text)(
			o, kept[i].key, facts_read(root, DRM "/device/%s", minor, kept[i].file));
	put_driver(o, root, minor);
	put_bars(o, facts_read(root, DRM "/device/resource", minor));
	json_object_set_new(o, "links_to_root", links_to_root(root, minor));
	json_object_set_new(o, "firmware", firmware(root, minor));
	facts_put_bool(o, "accessible", !faccessat(AT_FDCWD, full, R_OK | W_OK, AT_EACCESS));
	facts_put_access(o, root, path);
	if (ask && value__is_true(o, "accessible") && !root[0]) {
		char name[128];

		ask_name(full, name);
		if (name[0])
			json_object_set_new(o, "name", value__new_text(name));
	}
	free(full);
	free(path);
	return o;
}

/* AMD's, whether KFD has a node for it or not. */
static json_t *cards(const char *root, bool ask)
{
	json_t *list = json_array();

	for (unsigned int minor = RENDER_MINOR_MIN; minor < RENDER_MINOR_MAX; minor++) {
		char *vendor = facts_read(root, DRM "/device/vendor", minor);

		if (vendor && strtoul(vendor, NULL, 0) == VENDOR_AMD)
			json_array_append_new(list, card(root, minor, ask));
		free(vendor);
	}
	return list;
}

json_t *facts_device(const struct facts_config *c)
{
	const char *root = c->emu_root ? c->emu_root : c->root;
	json_t *o = json_object();

	facts_put_bool(o, "emulated", c->emu_root);
	json_object_set_new(o, "kfd", kfd(c));
	json_object_set_new(o, "nodes", nodes(root));
	json_object_set_new(o, "cards", cards(root, c->ask_kfd));
	return o;
}
