// SPDX-License-Identifier: MIT
/* The machine and its driver: also where the device is an emulated one. */
#include "facts_parts.h"
#include "../base/buf.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

/* linux/proc_ns.h: the machine's own PID namespace */
#define PROC_PID_INIT "pid:[4026531836]"

/* Names and values as modinfo amdgpu (6.1 to 6.12) has them; what a driver lacks is null. */
static const struct facts_parameter parameters[] = {
	{"noretry", "0: a page fault is retried before it ends (gfx10.1: -1 is 0)"},
	{"vm_fragment_size", "log2 of the 4 KiB pages of a page table fragment; 9: 2 MiB"},
	{"vm_size", "GPU address space in GiB"},
	{"vm_block_size", "log2 of the entries of a page table"},
	{"vm_fault_stop", "1, 2: a fault stops the VM and what uses it hangs"},
	{"vm_update_mode", "who writes page tables: the CPU (1 graphics, 2 compute) or SDMA"},
	{"mtype_local", "memory type of local memory; on gfx10 nothing reads it"},
	{"svm_default_granularity", "pages that migrate together, as log2"},
	{"cwsr_enable", "0: waves are not saved, a long kernel cannot be preempted"},
	{"sched_policy", "0 hardware scheduling of queues, 1 without oversubscription, 2 none"},
	{"hws_max_conc_proc", "processes whose queues run at the same time"},
	{"max_num_of_queues_per_device", "queues KFD gives out"},
	{"queue_preemption_timeout_ms", "a queue not preempted by then is a hang, and a reset"},
	{"halt_if_hws_hang", "1: the scheduler stops at a hang, and no reset follows"},
	{"hws_gws_support", "global wave sync by hardware scheduling"},
	{"no_queue_eviction_on_vm_fault", "1: queues run on after a page fault"},
	{"send_sigterm", "1: an exception nobody handles ends the process by SIGTERM"},
	{"no_system_mem_limit", "1: KFD takes system memory without a limit"},
	{"debug_evictions", "1: the kernel log tells evictions"},
	{"debug_largebar", "1: plays a large BAR, and shows that little memory"},
	{"debug_mask", "the debug options above in newer drivers"},
	{"ignore_crat", "1: the topology is not from the firmware's table"},
	{"gartsize", "MiB the kernel maps for itself"},
	{"gttsize", "MiB of system memory for buffers"},
	{"vramlimit", "MiB of VRAM that are used"},
	{"vis_vramlimit", "MiB of VRAM that the CPU reaches"},
	{"gpu_recovery", "0: a hung GPU is not reset; -1: it is where that works"},
	{"reset_method", "how it is reset: -1 the driver's choice"},
	{"lockup_timeout", "ms after which a job of the driver's own rings is hung"},
	{"ppfeaturemask", "power features; 0x4000: clocks may be changed (overdrive)"},
	{"runpm", "whether an idle GPU is powered off"},
	{"aspm", "power saving of the PCIe link"},
	{"pcie_gen_cap", "limit of the PCIe link's speed"},
	{"pcie_p2p", "GPUs reach each other's memory over PCIe"},
	{"use_xgmi_p2p", "GPUs reach each other's memory over xGMI"},
};

const struct facts_parameter *facts__parameter(size_t i)
{
	return i < ARRAY_SIZE(parameters) ? &parameters[i] : NULL;
}

/* ---- the module ---- */

/* Where modprobe finds it: "updates/dkms/amdgpu.ko.zst". */
static char *module_file(const char *root, const char *release)
{
	char *path = xasprintf("%s/lib/modules/%s/modules.dep", root, release), *line = NULL,
	     *found = NULL;
	FILE *f = fopen(path, "r");
	size_t size = 0;

	free(path);
	while (f && !found && getline(&line, &size, f) > 0) {
		const char *name;

		line[strcspn(line, ":\n")] = 0;
		name = strrchr(line, '/');
		if (name && !strncmp(name, "/amdgpu.ko", 10))
			found = xstrdup(line);
	}
	free(line);
	if (f)
		fclose(f);
	return found;
}

static json_t *module_parameters(const char *root)
{
	json_t *o = json_object();

	for (size_t i = 0; i < ARRAY_SIZE(parameters); i++) {
		char *value =
			facts_read(root, "/sys/module/amdgpu/parameters/%s", parameters[i].name);

		json_object_set_new(o, parameters[i].name,
				    value ? value__new_text(value) : json_null());
		free(value);
	}
	return o;
}

static json_t *module(const char *root, const char *release)
{
	bool loaded = facts_exists(root, "/sys/module/amdgpu");
	char *taint = facts_read(root, "/sys/module/amdgpu/taint");
	json_t *o = json_object();

	facts_put_bool(o, "loaded", loaded);
	facts_put_text(o, "file", release ? module_file(root, release) : NULL);
	if (loaded) {
		/* A part of the kernel itself has parameters, but no state. */
		facts_put_bool(o, "built_in", !facts_exists(root, "/sys/module/amdgpu/initstate"));
		facts_put_text(o, "initstate", facts_read(root, "/sys/module/amdgpu/initstate"));
		facts_put_text(o, "version", facts_read(root, "/sys/module/amdgpu/version"));
		facts_put_text(o, "srcversion", facts_read(root, "/sys/module/amdgpu/srcversion"));
		/* Documentation/admin-guide/tainted-kernels.rst: O is a module from outside of the
		 * tree. */
		facts_put_bool(o, "out_of_tree", taint && strchr(taint, 'O'));
		facts_put_text(o, "taint", taint ? xstrdup(taint) : NULL);
		facts_put_bool(o, "btf", facts_exists(root, "/sys/kernel/btf/amdgpu"));
		json_object_set_new(o, "parameters", module_parameters(root));
	}
	free(taint);
	return o;
}

/* ---- what eBPF needs ---- */

/* "none [integrity] confidentiality" */
static char *lockdown(const char *root)
{
	char *all = facts_read(root, "/sys/kernel/security/lockdown");
	char *from = all ? strchr(all, '[') : NULL;
	char *mode = from ? xasprintf("%.*s", (int)strcspn(from + 1, "]"), from + 1) : NULL;

	free(all);
	return mode;
}

static char *mounted(const char *root, const char *type)
{
	char *path = xasprintf("%s/proc/self/mounts", root), line[4096], *found = NULL;
	FILE *f = fopen(path, "r");

	free(path);
	while (f && !found && fgets(line, sizeof(line), f)) {
		char where[1024], what[64];

		if (sscanf(line, "%*s %1023s %63s", where, what) == 2 && !strcmp(what, type))
			found = xstrdup(where);
	}
	if (f)
		fclose(f);
	return found;
}

/* perf has a device for them where CONFIG_KPROBE_EVENTS is set (Linux 4.17). */
static json_t *kprobes(const char *root)
{
	if (facts_exists(root, "/sys/bus/event_source/devices/kprobe"))
		return json_true();
	return facts_exists(root, "/sys/bus/event_source/devices/software") ? json_false()
									    : json_null();
}

/* Whether this user may load eBPF programs; while root is given up, too. linux/capability.h */
static json_t *may_load(const char *root)
{
	enum { SYS_ADMIN = 21, PERFMON = 38, BPF = 39 };
	char *text = facts_read(root, "/proc/self/status");
	const char *line = text ? strstr(text, "\nCapPrm:") : NULL;
	unsigned long long caps = line ? strtoull(line + 8, NULL, 16) : 0;
	bool may = caps >> SYS_ADMIN & 1 || (caps >> BPF & 1 && caps >> PERFMON & 1);

	free(text);
	return line ? json_boolean(may) : json_null();
}

static json_t *tracing(const char *root)
{
	static const char *const sysctls[][2] = {
		{"perf_event_paranoid", "/proc/sys/kernel/perf_event_paranoid"},
		{"unprivileged_bpf_disabled", "/proc/sys/kernel/unprivileged_bpf_disabled"},
		{"kptr_restrict", "/proc/sys/kernel/kptr_restrict"},
		{"bpf_jit_enable", "/proc/sys/net/core/bpf_jit_enable"},
	};
	json_t *o = json_object();

	facts_put_bool(o, "vmlinux_btf", facts_exists(root, "/sys/kernel/btf/vmlinux"));
	json_object_set_new(o, "kprobes", kprobes(root));
	json_object_set_new(o, "may_load", may_load(root));
	facts_put_text(o, "tracefs", mounted(root, "tracefs") ?: xstrdup("not mounted"));
	facts_put_text(o, "lockdown", lockdown(root));
	for (size_t i = 0; i < ARRAY_SIZE(sysctls); i++)
		facts_put_number(o, sysctls[i][0], facts_read(root, "%s", sysctls[i][1]));
	return o;
}

/* ---- the rest ---- */

static json_t *limit(const struct rlimit *l)
{
	json_t *o = json_object();

	json_object_set_new(o, "soft",
			    l->rlim_cur == RLIM_INFINITY ? json_string("unlimited")
							 : json_integer((json_int_t)l->rlim_cur));
	json_object_set_new(o, "hard",
			    l->rlim_max == RLIM_INFINITY ? json_string("unlimited")
							 : json_integer((json_int_t)l->rlim_max));
	return o;
}

static json_t *limits(const struct facts_config *c)
{
	static const struct {
		const char *name;
		int resource;
	} kept[] = {
		{"memlock", RLIMIT_MEMLOCK}, {"nofile", RLIMIT_NOFILE}, {"fsize", RLIMIT_FSIZE}};
	json_t *o = json_object();

	for (size_t i = 0; i < ARRAY_SIZE(kept); i++) {
		struct rlimit l;

		if (kept[i].resource == RLIMIT_NOFILE && c->nofile)
			l = *c->nofile;
		else if (getrlimit((__rlimit_resource_t)kept[i].resource, &l))
			continue;
		json_object_set_new(o, kept[i].name, limit(&l));
	}
	return o;
}

static bool in_pid_namespace(const char *root)
{
	char *path = xasprintf("%s/proc/self/ns/pid", root), link[64];
	ssize_t n = readlink(path, link, sizeof(link) - 1);

	free(path);
	if (n < 0)
		return false;
	link[n] = 0;
	return strcmp(link, PROC_PID_INIT) != 0;
}

/* A flag of the first processor. */
static bool has_hypervisor(const char *root)
{
	char *text = facts_read(root, "/proc/cpuinfo"),
	     *flags = text ? strstr(text, "\nflags") : NULL;
	bool found;

	if (flags)
		flags[1 + strcspn(flags + 1, "\n")] = 0;
	found = flags && strstr(flags, " hypervisor");
	free(text);
	return found;
}

json_t *facts_host(const struct facts_config *c)
{
	char *release = facts_read(c->root, "/proc/sys/kernel/osrelease");
	json_t *o = json_object(), *kernel = json_object();
	struct utsname u;

	uname(&u);
	facts_put_text(kernel, "release", release ? xstrdup(release) : NULL);
	/* Without who built it where, which /proc/version has. */
	facts_put_text(kernel, "version", facts_read(c->root, "/proc/sys/kernel/version"));
	json_object_set_new(kernel, "machine", json_string(u.machine));
	json_object_set_new(o, "kernel", kernel);
	facts_put_bool(o, "pid_namespace", in_pid_namespace(c->root));
	facts_put_bool(o, "hypervisor", has_hypervisor(c->root));
	if (!c->emu_root || c->emu_kfd_minor)
		json_object_set_new(o, "amdgpu", module(c->root, release));
	json_object_set_new(o, "tracing", tracing(c->root));
	json_object_set_new(o, "limits", limits(c));
	free(release);
	return o;
}
