// SPDX-License-Identifier: MIT
/*
 * The files the ROCm libraries read, as kfd_topology.c writes them: a CPU node and the emulated
 * card. Values that are not facts of the card are choices, marked so.
 */
#include "launch.h"
#include "../../../usr/caps/caps.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KFD "/sys/devices/virtual/kfd/kfd"
#define NODES KFD "/topology/nodes"

/* mkdir -p of everything before the last slash. */
static int make_parents(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		if (mkdir(path, 0755) && errno != EEXIST) {
			*slash = '/';
			return -errno;
		}
		*slash = '/';
	}
	return 0;
}

static int put_file(const char *root, const char *path, const char *text)
{
	char full[512];
	FILE *f;
	int err;

	if ((size_t)snprintf(full, sizeof(full), "%s%s", root, path) >= sizeof(full))
		return -ENAMETOOLONG;
	err = make_parents(full);
	if (err)
		return err;
	f = fopen(full, "w");
	if (!f)
		return -errno;
	if (fputs(text, f) < 0)
		err = -EIO;
	if (fclose(f))
		err = -errno;
	return err;
}

static uint64_t memory_bytes(void)
{
	return (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* type 2: PCI Express; flags 1: enabled, atomics possible */
static int put_link(const char *root, unsigned int node, unsigned int n, unsigned int to)
{
	char path[128], text[512];

	snprintf(path, sizeof(path), NODES "/%u/io_links/%u/properties", node, n);
	snprintf(text, sizeof(text),
		 "type 2\nversion_major 0\nversion_minor 0\nnode_from %u\nnode_to %u\nweight 20\n"
		 "min_latency 0\nmax_latency 0\nmin_bandwidth 312\nmax_bandwidth 15754\n"
		 "recommended_transfer_size 0\nflags 1\n",
		 node, to);
	return put_file(root, path, text);
}

/* A link from the CPU to a card's memory is what makes HIP see a large BAR. */
static int put_cpu_node(const char *root, const struct emu_config *config)
{
	unsigned int links = config->large_bar ? config->num_cards : 0;
	char text[1024];
	int err = 0;

	snprintf(text, sizeof(text),
		 "cpu_cores_count %ld\nsimd_count 0\nmem_banks_count 1\ncaches_count 0\n"
		 "io_links_count %u\np2p_links_count 0\ncpu_core_id_base 0\nsimd_id_base 0\n"
		 "max_waves_per_simd 0\nlds_size_in_kb 0\ngds_size_in_kb 0\nnum_gws 0\n"
		 "wave_front_size 0\narray_count 0\nsimd_arrays_per_engine 0\ncu_per_simd_array 0\n"
		 "simd_per_cu 0\nmax_slots_scratch_cu 0\ngfx_target_version 0\nvendor_id 0\n"
		 "device_id 0\nlocation_id 0\ndomain 0\ndrm_render_minor 0\nhive_id 0\n"
		 "num_sdma_engines 0\nnum_sdma_xgmi_engines 0\nnum_sdma_queues_per_engine 0\n"
		 "num_cp_queues 0\nmax_engine_clk_ccompute 3000\n",
		 sysconf(_SC_NPROCESSORS_ONLN), links);
	err = err ? err : put_file(root, NODES "/0/properties", text);
	err = err ? err : put_file(root, NODES "/0/gpu_id", "0\n");
	for (unsigned int n = 0; n < links; n++)
		err = err ? err : put_link(root, 0, n, 1 + n);
	snprintf(text, sizeof(text),
		 "heap_type 0\nsize_in_bytes %llu\nflags 0\nwidth 64\nmem_clk_max 2667\n",
		 (unsigned long long)memory_bytes());
	err = err ? err : put_file(root, NODES "/0/mem_banks/0/properties", text);
	return err;
}

static int put_cache(const char *root, unsigned int node, int n, int level, unsigned int kb)
{
	char path[128], text[512];

	snprintf(path, sizeof(path), NODES "/%u/caches/%d/properties", node, n);
	snprintf(text, sizeof(text),
		 "processor_id_low 2147487744\nlevel %d\nsize %u\ncache_line_size 128\n"
		 "cache_lines_per_tag 1\nassociation 16\nlatency 0\ntype 9\nsibling_map 1\n",
		 level, kb);
	return put_file(root, path, text);
}

static int put_node_file(const char *root, unsigned int node, const char *name, const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), NODES "/%u/%s", node, name);
	return put_file(root, path, text);
}

/*
 * capability: doorbell type 2 (bits 13:12) as on every GFX9 and later, watch points as a plain value
 * (choice); bit 27 SVMAPISupported.
 */
#define CAPABILITY 0x2280u
#define CAPABILITY_SVM (1u << 27)
/*
 * From interface 1.13 on (kfd_topology_set_capabilities): the debugger's traps, launch mode and trap
 * override; that the firmware reports exceptions; the address bits of a watch point's mask.
 */
#define CAPABILITY_DEBUG 0x38000u
#define CAPABILITY_DEBUG_FIRMWARE (1u << 29)
#define DEBUG_PROP_GFX10 (7u | 29u << 4)

static unsigned int capability(const struct emu_config *config, const struct caps_card *c)
{
	unsigned int bits = CAPABILITY | (config->svm ? CAPABILITY_SVM : 0);

	if (config->kfd_minor < EMU_KFD_DEBUG)
		return bits;
	return bits | CAPABILITY_DEBUG |
	       (c->fw_version >= c->debug_fw_version ? CAPABILITY_DEBUG_FIRMWARE : 0);
}

static int put_gpu_node(const char *root, const struct emu_config *config, unsigned int n)
{
	const struct caps_card *c = &caps_cards[config->cards[n]];
	unsigned int arrays = c->shader_engines * c->shader_arrays_per_engine, node = 1 + n;
	char text[2048];
	int err = 0;

	snprintf(text, sizeof(text), "%u\n", EMU_GPU_ID(n));
	err = err ? err : put_node_file(root, node, "gpu_id", text);
	snprintf(text, sizeof(text), "%s\n", c->gfx);
	err = err ? err : put_node_file(root, node, "name", text);
	/* location_id: PCI 2d:00.0 and on (choice) */
	snprintf(text, sizeof(text),
		 "cpu_cores_count 0\nsimd_count %u\nmem_banks_count 1\ncaches_count 2\n"
		 "io_links_count 1\np2p_links_count 0\ncpu_core_id_base 0\n"
		 "simd_id_base 2147487744\nmax_waves_per_simd %u\nlds_size_in_kb %u\n"
		 "gds_size_in_kb 0\nnum_gws 0\nwave_front_size %u\narray_count %u\n"
		 "simd_arrays_per_engine %u\ncu_per_simd_array %u\nsimd_per_cu %u\n"
		 "max_slots_scratch_cu %u\ngfx_target_version %u\nvendor_id 4098\n"
		 "device_id %u\nlocation_id %u\ndomain 0\ndrm_render_minor %u\nhive_id 0\n"
		 "num_sdma_engines %u\nnum_sdma_xgmi_engines 0\nnum_sdma_queues_per_engine 8\n"
		 "num_cp_queues 8\nmax_engine_clk_fcompute %u\nlocal_mem_size 0\n"
		 "fw_version %u\ncapability %u\ndebug_prop %u\nsdma_fw_version %u\nunique_id 0\n"
		 "max_engine_clk_ccompute 3000\n",
		 c->compute_units * c->simd_per_cu, c->max_waves_per_simd, c->lds_kb, c->wave_size,
		 arrays, c->shader_arrays_per_engine, (c->compute_units + arrays - 1) / arrays,
		 c->simd_per_cu, c->max_slots_scratch_cu, c->gfx_target_version, c->device_id,
		 (0x2d + n) << 8, EMU_RENDER_MINOR(n), c->sdma_engines, c->max_clock_mhz,
		 c->fw_version, capability(config, c),
		 config->kfd_minor < EMU_KFD_DEBUG ? 0 : DEBUG_PROP_GFX10, c->sdma_fw_version);
	err = err ? err : put_node_file(root, node, "properties", text);
	/* heap_type 1: public frame buffer (large BAR), 2: private */
	snprintf(text, sizeof(text),
		 "heap_type %d\nsize_in_bytes %llu\nflags 0\nwidth 192\nmem_clk_max 875\n",
		 config->large_bar ? 1 : 2, c->vram_bytes);
	err = err ? err : put_node_file(root, node, "mem_banks/0/properties", text);
	err = err ? err : put_link(root, node, 0, 0);
	err = err ? err : put_cache(root, node, 0, 1, 16);
	err = err ? err : put_cache(root, node, 1, 2, c->l2_kb);
	return err;
}

/* libdrm asks whether this node is a DRM device. */
static int put_render_node(const char *root, unsigned int minor)
{
	char path[128], text[32];
	int err;

	snprintf(path, sizeof(path), "/sys/dev/char/226:%u/device/drm/renderD%u/dev", minor, minor);
	snprintf(text, sizeof(text), "226:%u", minor);
	err = put_file(root, path, text);
	snprintf(path, sizeof(path), "/dev/dri/renderD%u", minor);
	return err ? err : put_file(root, path, "");
}

int emu_topology__write(const char *root, const struct emu_config *config)
{
	char link[512];
	int err = 0;

	err = err ? err : put_file(root, KFD "/topology/generation_id", "2\n");
	err = err ? err
		  : put_file(root, KFD "/topology/system_properties",
			     "platform_oem 0\nplatform_id 0\nplatform_rev 0\n");
	err = err ? err : put_cpu_node(root, config);
	for (unsigned int n = 0; n < config->num_cards; n++) {
		err = err ? err : put_gpu_node(root, config, n);
		err = err ? err : put_render_node(root, EMU_RENDER_MINOR(n));
	}
	/* rocminfo asks whether the driver is loaded. */
	err = err ? err : put_file(root, "/sys/module/amdgpu/initstate", "live\n");
	err = err ? err
		  : put_file(root, "/proc/modules", "amdgpu 8388608 0 - Live 0x0000000000000000\n");
	err = err ? err : put_file(root, "/dev/kfd", "");
	err = err ? err : put_file(root, "/sys/class/kfd/.keep", "");
	snprintf(link, sizeof(link), "%s/sys/class/kfd/kfd", root);
	if (!err && symlink("../../devices/virtual/kfd/kfd", link))
		err = -errno;
	return err;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path) ? 0 : 0; /* go on */
}

void emu_tree__remove(const char *root)
{
	nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
