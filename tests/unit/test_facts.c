// SPDX-License-Identifier: MIT
/* The facts of a made-up machine with an RX 5600 XT: what is kept, what is not, what is missing. */
#include "t.h"
#include "../../usr/base/buf.h"
#include "../../usr/caps/caps.h"
#include "../../usr/record/facts.h"

#include <ftw.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#define RELEASE "6.8.0-45-generic"
#define NODES "/sys/devices/virtual/kfd/kfd/topology/nodes"
#define PORT "/sys/devices/pci0000:00/0000:00:03.1"
#define CARD PORT "/0000:2b:00.0/0000:2c:00.0/0000:2d:00.0"

static char *root;

static void make_parents(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		mkdir(path, 0755);
		*slash = '/';
	}
}

static void put(const char *path, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void put(const char *path, const char *fmt, ...)
{
	char *full = xasprintf("%s%s", root, path);
	va_list ap;
	FILE *f;

	make_parents(full);
	f = fopen(full, "w");
	if (!f) {
		perror(full);
		exit(1);
	}
	va_start(ap, fmt);
	vfprintf(f, fmt, ap);
	va_end(ap);
	fclose(f);
	free(full);
}

static void put_link(const char *path, const char *to)
{
	char *full = xasprintf("%s%s", root, path);

	make_parents(full);
	CHECK(!symlink(to, full));
	free(full);
}

static void drop(const char *path)
{
	char *full = xasprintf("%s%s", root, path);

	CHECK(!remove(full));
	free(full);
}

static void chmod_x(const char *path)
{
	char *full = xasprintf("%s%s", root, path);

	CHECK(!chmod(full, 0755));
	free(full);
}

static void put_kernel(void)
{
	put("/proc/sys/kernel/osrelease", RELEASE "\n");
	put("/proc/sys/kernel/version", "#45-Ubuntu SMP PREEMPT_DYNAMIC\n");
	put("/proc/version", "Linux version " RELEASE " (someone@SECRET-host)\n");
	put("/proc/sys/kernel/hostname", "SECRET-host\n");
	put("/proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu vme\nbugs\t\t: hypervisor\n");
	put("/proc/self/mounts",
	    "proc /proc proc rw 0 0\nnone /sys/kernel/tracing tracefs rw 0 0\n");
	put_link("/proc/self/ns/pid", "pid:[4026531836]");
	put("/proc/sys/kernel/perf_event_paranoid", "4\n");
	put("/proc/sys/kernel/unprivileged_bpf_disabled", "2\n");
	put("/proc/sys/kernel/kptr_restrict", "1\n");
	put("/proc/sys/net/core/bpf_jit_enable", "1\n");
	put("/sys/kernel/security/lockdown", "none [integrity] confidentiality\n");
	put("/sys/kernel/btf/vmlinux", "x");
	put("/sys/kernel/btf/amdgpu", "x");
	put("/sys/bus/event_source/devices/kprobe/type", "8\n");
	put("/sys/bus/event_source/devices/software/type", "1\n");
}

static void put_driver(void)
{
	put("/lib/modules/" RELEASE "/modules.dep",
	    "kernel/fs/ext4/ext4.ko.zst: kernel/fs/jbd2/jbd2.ko.zst\n"
	    "kernel/drivers/gpu/drm/amd/amdxcp/amdxcp.ko.zst:\n"
	    "kernel/drivers/gpu/drm/amd/amdgpu/amdgpu.ko.zst: "
	    "kernel/drivers/gpu/drm/ttm/ttm.ko.zst\n");
	put("/sys/module/amdgpu/initstate", "live\n");
	put("/sys/module/amdgpu/srcversion", "4A5B6C7D8E9F0A1B2C3D4E5\n");
	put("/sys/module/amdgpu/taint", "\n");
	put("/sys/module/amdgpu/parameters/noretry", "-1\n");
	put("/sys/module/amdgpu/parameters/ppfeaturemask", "0xfff7bfff\n");
	put("/sys/module/amdgpu/parameters/lockup_timeout", "\n");
	put("/sys/module/amdgpu/parameters/virtual_display", "SECRET\n");
	put("/dev/kfd", "%s", "");
}

static void put_card(const struct caps_card *c, unsigned int link_flags)
{
	put(NODES "/0/gpu_id", "0\n");
	put(NODES "/0/properties",
	    "cpu_cores_count 12\nsimd_count 0\nsimd_per_cu 0\nunique_id 0\n");
	put(NODES "/0/mem_banks/0/properties", "heap_type 0\nsize_in_bytes 16000000000\nflags 0\n");
	put(NODES "/1/gpu_id", "24064\n");
	put(NODES "/1/name", "navi10\n");
	put(NODES "/1/properties",
	    "cpu_cores_count 0\nsimd_count %u\nsimd_per_cu %u\nmax_waves_per_simd %u\narray_count "
	    "%u\n"
	    "gfx_target_version %u\nvendor_id 4098\ndevice_id %u\nlocation_id %u\ndomain 0\n"
	    "drm_render_minor 128\nhive_id 777123\nfw_version %u\nsdma_fw_version %u\ncapability "
	    "%u\n"
	    "local_mem_size 0\nunique_id 777456777\n",
	    c->compute_units * c->simd_per_cu, c->simd_per_cu, c->max_waves_per_simd,
	    c->shader_engines * c->shader_arrays_per_engine, c->gfx_target_version, c->device_id,
	    0x2d << 8, c->fw_version, c->sdma_fw_version, 0x2003a280u);
	put(NODES "/1/mem_banks/0/properties",
	    "heap_type 2\nsize_in_bytes %llu\nflags 0\nwidth 192\n", c->vram_bytes);
	put(NODES "/1/io_links/0/properties",
	    "type 2\nnode_from 1\nnode_to 0\nweight 20\nflags %u\n", link_flags);
	put_link("/sys/class/kfd/kfd", "../../devices/virtual/kfd/kfd");

	put(CARD "/vendor", "0x1002\n");
	put(CARD "/device", "0x%04x\n", c->device_id);
	put(CARD "/revision", "0x%02x\n", c->pci_rev);
	put(CARD "/unique_id", "777456777\n");
	put(CARD "/serial_number", "777456777\n");
	put(CARD "/vbios_version", "113-EXAMPLE-001\n");
	put(CARD "/mem_info_vram_total", "%llu\n", c->vram_bytes);
	put(CARD "/mem_info_vis_vram_total", "268435456\n");
	put(CARD "/resource", "0x0000007770000000 0x000000777fffffff 0x000000000014220c\n"
			      "0x0000000000000000 0x0000000000000000 0x0000000000000000\n"
			      "0x0000007780000000 0x00000077801fffff 0x000000000014220c\n");
	put(CARD "/fw_version/mec_fw_version", "0x%08x\n", c->fw_version);
	put(CARD "/fw_version/vce_fw_version", "0x00000000\n");
	put(CARD "/current_link_speed", "16.0 GT/s PCIe\n");
	put(CARD "/current_link_width", "16\n");
	put(PORT "/0000:2b:00.0/0000:2c:00.0/current_link_speed", "16.0 GT/s PCIe\n");
	put(PORT "/0000:2b:00.0/0000:2c:00.0/current_link_width", "16\n");
	put(PORT "/0000:2b:00.0/current_link_speed", "8.0 GT/s PCIe\n");
	put(PORT "/0000:2b:00.0/current_link_width", "4\n");
	put("/sys/bus/pci/drivers/amdgpu/bind", "%s", "");
	put_link(CARD "/driver", "../../../../../../bus/pci/drivers/amdgpu");
	put(CARD "/drm/renderD128/dev", "226:128\n");
	put_link(CARD "/drm/renderD128/device", "../..");
	put_link("/sys/class/drm/renderD128", "../../devices/pci0000:00/0000:00:03.1/0000:2b:00.0/"
					      "0000:2c:00.0/0000:2d:00.0/drm/renderD128");
	put("/dev/dri/renderD128", "%s", "");
}

static struct json_t *collect(void)
{
	return facts__collect(&(struct facts_config){.root = root});
}

static int64_t number(const struct json_t *o, const char *path)
{
	int64_t n;

	if (!value__number(o, path, &n))
		printf("no number: %s\n", path);
	return n;
}

static const char *text(const struct json_t *o, const char *path)
{
	return value__text(o, path) ?: "(none)";
}

static bool lacks(const struct json_t *f, const char *what)
{
	const struct json_t *list = value__at(f, "missing"), *m;

	for (size_t i = 0; (m = value__item(list, i, NULL)); i++)
		if (strstr(text(m, ""), what))
			return true;
	return false;
}

static void test_host(const struct json_t *f)
{
	CHECK_STR(text(f, "host.kernel.release"), RELEASE);
	CHECK_STR(text(f, "host.kernel.version"), "#45-Ubuntu SMP PREEMPT_DYNAMIC");
	CHECK(value__is_false(f, "host.hypervisor") && value__is_false(f, "host.pid_namespace"));
	CHECK(value__is_true(f, "host.amdgpu.loaded") &&
	      value__is_false(f, "host.amdgpu.out_of_tree") &&
	      value__is_false(f, "host.amdgpu.built_in") && value__is_true(f, "host.amdgpu.btf"));
	CHECK_STR(text(f, "host.amdgpu.file"), "kernel/drivers/gpu/drm/amd/amdgpu/amdgpu.ko.zst");
	CHECK_STR(text(f, "host.amdgpu.srcversion"), "4A5B6C7D8E9F0A1B2C3D4E5");
	CHECK_STR(text(f, "host.amdgpu.version"), "(none)");
	CHECK_STR(text(f, "host.amdgpu.parameters.noretry"), "-1");
	CHECK_STR(text(f, "host.amdgpu.parameters.ppfeaturemask"), "0xfff7bfff");
	CHECK_STR(text(f, "host.amdgpu.parameters.lockup_timeout"), "");
	CHECK(value__at(f, "host.amdgpu.parameters.mtype_local")); /* null: not in this driver */
	CHECK_STR(text(f, "host.amdgpu.parameters.mtype_local"), "(none)");
	CHECK_STR(text(f, "host.tracing.lockdown"), "integrity");
	CHECK_STR(text(f, "host.tracing.tracefs"), "/sys/kernel/tracing");
	CHECK(value__is_true(f, "host.tracing.kprobes") &&
	      value__is_true(f, "host.tracing.vmlinux_btf"));
	CHECK_EQ(number(f, "host.tracing.perf_event_paranoid"), 4);
	CHECK(value__at(f, "host.limits.nofile.soft") && value__at(f, "host.limits.fsize.hard"));
}

static void test_card(const struct json_t *f, const struct caps_card *c)
{
	const struct json_t *n = value__at(f, "device.nodes.1"),
			    *card = value__at(f, "device.cards.0");

	CHECK(value__is_false(f, "device.emulated") && value__is_true(f, "device.kfd.present"));
	CHECK_EQ(value__count(value__at(f, "device.nodes")), 2);
	CHECK_EQ(number(f, "device.nodes.0.cpu_cores_count"), 12);
	CHECK_EQ(number(n, "compute_units"), c->compute_units);
	CHECK_EQ(number(n, "gfx_target_version"), c->gfx_target_version);
	CHECK_EQ(number(n, "mem_banks.0.size_in_bytes"), c->vram_bytes);
	CHECK_EQ(number(n, "fw_version"), c->fw_version);
	CHECK_STR(text(n, "name"), "navi10");
	CHECK_STR(text(n, "io_links.0.type_name"), "PCIEXPRESS");
	CHECK_EQ(number(n, "io_links.0.flags"), 0x8000000du);
	CHECK_STR(text(n, "io_links.0.flags_text"),
		  "ENABLED|NO_ATOMICS_32_BIT|NO_ATOMICS_64_BIT|BI_DIRECTIONAL");
	CHECK_EQ(value__count(value__at(f, "device.cards")), 1);
	CHECK_EQ(number(card, "drm_render_minor"), 128);
	CHECK_EQ(number(card, "revision"), c->pci_rev);
	CHECK_STR(text(card, "driver"), "amdgpu");
	CHECK(value__is_true(card, "accessible"));
	CHECK_EQ(number(card, "bar_bytes.0"), 256 << 20);
	CHECK_EQ(number(card, "bar_bytes.1"), 0);
	CHECK_EQ(number(card, "bar_bytes.2"), 2 << 20);
	CHECK_STR(text(card, "firmware.mec"), "0x00000090");
	CHECK_EQ(value__count(value__at(card, "firmware")), 1);
	CHECK_EQ(value__count(value__at(card, "links_to_root")), 3);
	CHECK_STR(text(card, "links_to_root.2"), "8.0 GT/s PCIe x4");
}

/* Libraries by LD_LIBRARY_PATH and in /opt/rocm, a virtual environment with torch's own, databases. */
static void test_software(void)
{
	static char *const env[] = {"PATH=/opt/venv/bin:/usr/bin", "VIRTUAL_ENV=/opt/venv", "LD_LIBRARY_PATH=/opt/rocm-5.2.0/lib/",
				    "HSA_OVERRIDE_GFX_VERSION=10.3.0", NULL};
	const struct json_t *libs, *l, *py;
	struct json_t *f;
	size_t firsts = 0;

	put("/opt/rocm-5.2.0/.info/version", "5.2.0-65\n");
	put("/opt/rocm-5.2.0/lib/libamdhip64.so.5.2.50200", "x");
	put_link("/opt/rocm-5.2.0/lib/libamdhip64.so.5", "libamdhip64.so.5.2.50200");
	put_link("/opt/rocm-5.2.0/lib/libamdhip64.so", "libamdhip64.so.5");
	put("/opt/rocm-5.2.0/lib/libMIOpen.so.1.0.50200", "x");
	put_link("/opt/rocm-5.2.0/lib/libMIOpen.so.1", "libMIOpen.so.1.0.50200");
	put("/opt/rocm-5.2.0/lib/librocblas.so.0", "x");
	put("/opt/rocm-5.2.0/lib/rocblas/library/TensileLibrary_gfx1030.co", "x");
	put("/opt/rocm-5.2.0/lib/rocblas/library/Kernels.so-000-gfx906-xnack-.hsaco", "x");
	put("/opt/rocm-5.2.0/share/miopen/db/gfx1030_36.kdb", "x");
	put("/usr/lib/libhsa-runtime64.so.1.5.0", "x");
	put("/var/lib/dpkg/status", "Package: libhsa-runtime64-1\nVersion: 5.2.3-3\n\nPackage: other\nVersion: 9\n");
	put("/opt/venv/pyvenv.cfg", "home = /usr/bin\nversion = 3.10.19\n");
	put("/opt/venv/bin/python3", "#!\n");
	put("/opt/venv/lib/python3.10/site-packages/torch/version.py",
	    "__version__ = '1.13.1+rocm5.2'\ncuda: Optional[str] = None\nhip: Optional[str] = '5.2.21151-afdc89f8'\n");
	put("/opt/venv/lib/python3.10/site-packages/torch/lib/libamdhip64.so", "x");
	put("/opt/venv/lib/python3.10/site-packages/numpy-1.26.4.dist-info/METADATA", "Name: numpy\n");
	chmod_x("/opt/venv/bin/python3");
	f = facts__collect(&(struct facts_config){.root = root, .env = env, .ask_python = true});
	CHECK_STR(text(f, "overrides.HSA_OVERRIDE_GFX_VERSION"), "10.3.0");
	py = value__at(f, "software.python");
	CHECK_STR(text(py, "path"), "/opt/venv/bin/python3");
	CHECK_STR(text(py, "version"), "3.10.19");
	CHECK_STR(text(py, "torch"), "1.13.1+rocm5.2");
	CHECK_STR(text(py, "torch_hip"), "5.2.21151-afdc89f8");
	CHECK_STR(text(py, "numpy"), "1.26.4");
	CHECK_STR(text(f, "software.rocm.0.version"), "5.2.0-65");
	CHECK_STR(text(f, "software.databases.0.name"), "gfx1030_36.kdb");
	libs = value__at(f, "software.libraries");
	for (size_t i = 0; (l = value__item(libs, i, NULL)); i++) {
		firsts += value__is_true(l, "first");
		if (!strcmp(text(l, "path"), "/opt/rocm-5.2.0/lib/libamdhip64.so.5")) {
			CHECK(value__is_true(l, "first"));
			CHECK_STR(text(l, "rocm"), "5.2.0");
			CHECK_STR(text(l, "from"), "LD_LIBRARY_PATH");
			CHECK_STR(text(l, "version"), "5.2.50200");
		}
		if (!strcmp(text(l, "name"), "rocblas"))
			CHECK_STR(text(l, "chips"), "gfx906 gfx1030");
		if (!strcmp(text(l, "from"), "torch"))
			CHECK(value__is_false(l, "first"));
	}
	CHECK_EQ(value__count(libs), 4);
	CHECK_EQ(firsts, 3);
	value__free(f);
}

/* Nothing that tells whose machine it is, or where anything lies in physical memory. */
static void test_privacy(const struct json_t *f)
{
	char *all = value__print(f);

	CHECK(!strstr(all, "SECRET") && !strstr(all, "777"));
	free(all);
}

static void test_missing(void)
{
	struct json_t *f;

	put(NODES "/1/io_links/0/properties", "type 2\nnode_from 1\nnode_to 0\nflags 1\n");
	f = collect();
	CHECK_EQ(value__count(value__at(f, "missing")), 0);
	value__free(f);

	/* DKMS without BTF; a plain file does not answer as KFD does. */
	put("/sys/module/amdgpu/taint", "OE\n");
	put("/sys/module/amdgpu/version", "6.7.0\n");
	drop("/sys/kernel/btf/amdgpu");
	put("/sys/kernel/security/lockdown", "none integrity [confidentiality]\n");
	drop("/sys/bus/event_source/devices/kprobe/type");
	drop("/sys/bus/event_source/devices/kprobe");
	drop("/proc/self/ns/pid");
	put_link("/proc/self/ns/pid", "pid:[4026532500]");
	f = facts__collect(&(struct facts_config){.root = root, .ask_kfd = true});
	CHECK(value__is_true(f, "host.amdgpu.out_of_tree"));
	CHECK_STR(text(f, "host.amdgpu.version"), "6.7.0");
	CHECK_STR(text(f, "device.kfd.error"), "ENOTTY");
	CHECK(lacks(f, "ENOTTY") && lacks(f, "BTF of amdgpu") && lacks(f, "lockdown") &&
	      lacks(f, "kprobes") && lacks(f, "PID namespace"));
	CHECK_EQ(value__count(value__at(f, "missing")), 5);
	value__free(f);

	/* KFD has not taken the card. */
	put(NODES "/1/properties", "simd_count 0\n");
	f = collect();
	CHECK(lacks(f, "renderD128 has no node"));
	value__free(f);
	drop("/dev/kfd");
	f = collect();
	CHECK(lacks(f, "no /dev/kfd though amdgpu is loaded"));
	value__free(f);
}

static void test_emulated(void)
{
	char *emu = xasprintf("%s/emu", root);
	struct json_t *f;

	put("/emu" NODES "/0/properties", "simd_count 72\nsimd_per_cu 2\n");
	put_link("/emu/sys/class/kfd/kfd", "../../devices/virtual/kfd/kfd");
	f = facts__collect(
		&(struct facts_config){.root = root, .emu_root = emu, .emu_kfd_minor = 14});
	CHECK(value__is_true(f, "device.emulated"));
	CHECK_STR(text(f, "device.kfd.version.from"), "emulated");
	CHECK_EQ(number(f, "device.kfd.version.minor"), 14);
	CHECK_EQ(value__count(value__at(f, "device.nodes")), 1);
	CHECK_EQ(number(f, "device.nodes.0.compute_units"), 36);
	CHECK_EQ(value__count(value__at(f, "device.cards")), 0); /* the machine's own */
	CHECK_STR(text(f, "host.kernel.release"), RELEASE);
	CHECK(!lacks(f, "/dev/kfd"));
	value__free(f);
	free(emu);
}

/* Nothing can be read: nothing is known, and nothing breaks. */
static void test_nothing(void)
{
	struct json_t *f =
		facts__collect(&(struct facts_config){.root = "/nowhere", .ask_kfd = true});
	int64_t n;

	CHECK(value__is_false(f, "host.amdgpu.loaded") && value__is_false(f, "device.kfd.present"));
	CHECK(value__at(f, "host.tracing.kprobes") && !value__is_false(f, "host.tracing.kprobes"));
	CHECK(!value__number(f, "device.nodes.0.simd_count", &n) && !n);
	CHECK(lacks(f, "the driver is not loaded"));
	value__free(f);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

int main(void)
{
	const struct caps_card *c = &caps_cards[0];
	struct json_t *f;

	root = t_tmpdir();
	put_kernel();
	put_driver();
	put_card(c, 0x8000000du);
	f = collect();
	test_host(f);
	test_card(f, c);
	test_privacy(f);
	CHECK_EQ(value__count(value__at(f, "missing")), 1);
	CHECK(lacks(f, "PCIe atomics from node 1 to node 0"));
	value__free(f);
	test_missing();
	test_software();
	test_emulated();
	test_nothing();
	CHECK(!nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS));
	free(root);
	END_TESTS;
}
