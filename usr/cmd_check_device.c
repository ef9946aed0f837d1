// SPDX-License-Identifier: MIT
/* rdna1-trace check: the card, the driver, who may open them, and what eBPF needs. */
#include "cmd_check.h"
#include "analysis/parameters.h"
#include "caps/caps.h"
#include "caps/pci_ids.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MEMLOCK_ENOUGH (64ll << 20)
#define FILES_ENOUGH 1024

static bool is_rdna1(const struct machine_gpu *g)
{
	unsigned int gfx = machine__gfx(g);

	return gfx >= CAPS_RDNA1_FIRST && gfx <= CAPS_RDNA1_LAST;
}

/* ---- cards ---- */

static void one_card(struct check *c, const struct machine_gpu *g)
{
	unsigned int gfx = machine__gfx(g);
	struct buf b = {0};
	char name[16];

	buf__printf(&b, "%s (%04x:%04x", g->name ?: "a GPU without a name in our table", g->vendor_id, g->device_id);
	if (gfx)
		buf__printf(&b, ", %s", machine__gfx_name(gfx, name));
	buf__puts(&b, ")");
	if (g->compute_units)
		buf__printf(&b, ", %u CUs", g->compute_units);
	if (g->vram_bytes) {
		buf__puts(&b, ", ");
		buf__size(&b, g->vram_bytes);
	}
	if (is_rdna1(g))
		check__add(c, JUDGED_ok, "card", "%s", buf__str(&b));
	else
		check__add(c, JUDGED_note, "card", "%s: not RDNA1 (gfx1010 to gfx1012), which the judgements here are about",
			   buf__str(&b));
	buf__free(&b);
}

static void card_and_kfd(struct check *c, const struct machine_gpu *g)
{
	struct check_line *l;
	char node[64];

	snprintf(node, sizeof(node), "/dev/dri/renderD%u", g->render_minor);
	if (g->driver && strcmp(g->driver, "amdgpu")) {
		l = check__add(c, JUDGED_problem, "driver", "the card is driven by %s, not by amdgpu: ROCm does not see it", g->driver);
		check__fix(l, "lspci -k -d 1002:%04x   # which drivers claim it; take the other one away, then: sudo modprobe amdgpu",
			   g->device_id);
	} else if (g->in_kfd == KNOWN_NO) {
		l = check__add(c, JUDGED_problem, "KFD", "amdgpu has the card and KFD has no node for it; one reason is a slot without PCIe atomics (MEC firmware below %u needs them)",
			       CAPS_GFX10_1_NO_ATOMICS_FW);
		l->rule = "fine-host-atomics";
		check__fix(l, "sudo dmesg | grep -i kfd");
	} else if (g->openable == KNOWN_NO) {
		l = check__add(c, JUDGED_problem, "render node", "%s cannot be opened by this user", node);
		check__fix(l, "sudo usermod -aG render,video $USER   # then log in anew");
	} else if (g->openable == KNOWN_YES) {
		check__add(c, JUDGED_ok, "render node", "%s can be opened", node);
	}
}

static void atomics(struct check *c, const struct machine_gpu *g)
{
	struct check_line *l;
	char fw[64] = "MEC firmware not known";

	if (g->mec_firmware)
		snprintf(fw, sizeof(fw), "MEC firmware %u", g->mec_firmware);
	if (g->in_kfd != KNOWN_YES)
		return;
	if (g->atomics32 == KNOWN_YES && g->atomics64 == KNOWN_YES) {
		check__add(c, JUDGED_ok, "PCIe atomics", "there, 32 and 64 bits (%s)", fw);
	} else if (g->atomics32 == NOT_KNOWN) {
		check__add(c, JUDGED_note, "PCIe atomics", "not known: the topology has no link of the card (%s)", fw);
	} else {
		l = check__add(c, JUDGED_problem, "PCIe atomics",
			       "missing between the card and the CPU (%s): atomics of kernels on host memory do not work, nor do printf and assert in kernels",
			       fw);
		l->rule = "fine-host-atomics";
		check__fix(l, "sudo lspci -vvs $(lspci -d 1002:%04x | cut -d' ' -f1) | grep -i atomic   # try a slot that is wired to the CPU",
			   g->device_id);
	}
}

void check__device(struct check *c)
{
	const struct machine *m = c->m;
	struct check_line *l;

	c->section = "GPU";
	if (!m->num_gpus) {
		l = check__add(c, JUDGED_problem, "card", "there is no AMD GPU here, or no driver that shows it");
		check__fix(l, "lspci -nn | grep -i 1002:   # without a card: rdna1-trace check --emulate");
		return;
	}
	for (size_t i = 0; i < m->num_gpus; i++) {
		one_card(c, &m->gpus[i]);
		card_and_kfd(c, &m->gpus[i]);
		atomics(c, &m->gpus[i]);
	}
}

/* ---- driver ---- */

static void kfd(struct check *c)
{
	const struct machine_kfd *k = &c->m->kfd;
	struct check_line *l;

	if (k->present == KNOWN_NO && c->m->driver_loaded == KNOWN_YES) {
		l = check__add(c, JUDGED_problem, "/dev/kfd",
			       "not there though amdgpu is loaded: a kernel without CONFIG_HSA_AMD, or a container that was not given the device");
		check__fix(l, "docker run --device=/dev/kfd --device=/dev/dri --group-add video --group-add render ...");
	} else if (k->present == KNOWN_NO) {
		l = check__add(c, JUDGED_problem, "/dev/kfd", "not there, because amdgpu is not loaded");
		check__fix(l, "sudo modprobe amdgpu   # on a machine with an AMD GPU");
	} else if (k->present == KNOWN_YES && (k->openable == KNOWN_NO || (k->error && !strcmp(k->error, "EACCES")))) {
		l = check__add(c, JUDGED_problem, "/dev/kfd", "cannot be opened by this user%s%s%s", k->group ? ": it belongs to the group " : "",
			       k->group ?: "", k->member == KNOWN_YES ? ", which the user is in" : "");
		check__fix(l, "sudo usermod -aG %s,video $USER   # then log in anew", k->group ?: "render");
	} else if (k->error) {
		l = check__add(c, JUDGED_problem, "/dev/kfd", "does not answer (%s)", k->error);
		check__fix(l, "sudo dmesg | grep -i kfd");
	} else if (k->present == KNOWN_YES && k->major) {
		check__add(c, JUDGED_ok, "/dev/kfd", "can be opened, interface %u.%u%s", k->major, k->minor,
			   k->major == 1 && k->minor < 13 ? " (before 1.13: the runtime reads errors off queues)" : "");
	} else {
		check__add(c, JUDGED_note, "/dev/kfd", "not known");
	}
}

static void parameters(struct check *c)
{
	const struct machine *m = c->m;
	unsigned int usual = 0;

	for (size_t i = 0; i < m->num_parameters; i++) {
		const struct machine_parameter *p = &m->parameters[i];
		struct parameter_verdict v;
		struct check_line *l;

		if (!p->value)
			continue;
		if (parameters__judge(p->name, p->value, &v) || v.is_default) {
			usual++;
			continue;
		}
		l = check__add(c, v.judgement, p->name, "%s%s%s", p->value,
			       v.effect == VARIABLE_no_effect ? ", without effect here: " : ": ", v.text);
		l->rule = "parameters";
		if (v.todo[0])
			check__fix(l, "%s", v.todo);
	}
	if (usual)
		check__add(c, JUDGED_ok, "parameters", "%u of amdgpu as the driver has them", usual);
}

void check__driver(struct check *c)
{
	const struct machine *m = c->m;
	struct check_line *l;

	c->section = "Driver";
	if (m->kernel)
		check__add(c, JUDGED_ok, "kernel", "Linux %s%s%s", m->kernel, m->virtual_machine == KNOWN_YES ? ", in a virtual machine" : "",
			   m->container == KNOWN_YES ? ", in a container" : "");
	if (m->emulated == KNOWN_YES) {
		check__add(c, JUDGED_ok, "amdgpu", "the emulated device needs none");
	} else if (m->driver_loaded == KNOWN_YES) {
		check__add(c, JUDGED_ok, "amdgpu", "loaded, %s%s%s", m->driver_in_kernel == KNOWN_YES ? "part of the kernel"
			   : m->driver_out_of_tree == KNOWN_YES ? "out of tree (DKMS or own build)" : "in-tree",
			   m->driver_version ? ", version " : "", m->driver_version ?: "");
	} else if (m->driver_loaded == KNOWN_NO) {
		l = check__add(c, JUDGED_problem, "amdgpu", "not loaded%s", m->driver_file ? "" : ", and not among this kernel's modules");
		check__fix(l, m->driver_file ? "sudo modprobe amdgpu" : "install the kernel's own modules (Debian: linux-image-amd64; Ubuntu: linux-modules-extra-$(uname -r)) and firmware-amd-graphics or linux-firmware");
	} else {
		check__add(c, JUDGED_note, "amdgpu", "not known");
	}
	kfd(c);
	if (m->emulated != KNOWN_YES)
		parameters(c);
}

/* ---- limits and tracing ---- */

static void limits(struct check *c)
{
	const struct machine *m = c->m;
	struct check_line *l;

	if (m->memlock.known == KNOWN_YES && !m->memlock.unlimited && m->memlock.n < MEMLOCK_ENOUGH && m->kernel &&
	    machine__compare_versions(m->kernel, "5.11") < 0) {
		l = check__add(c, JUDGED_problem, "locked memory", "%" PRId64 " bytes: too little for eBPF before Linux 5.11", m->memlock.n);
		check__fix(l, "ulimit -l unlimited   # lasting: memlock in /etc/security/limits.conf");
	} else if (m->memlock.known == KNOWN_YES && m->memlock.unlimited) {
		check__add(c, JUDGED_ok, "locked memory", "unlimited");
	} else if (m->memlock.known == KNOWN_YES) {
		check__add(c, JUDGED_ok, "locked memory", "%" PRId64 " bytes; eBPF (since Linux 5.11) and KFD's userptr do not count there",
			   m->memlock.n);
	}
	if (m->nofile.known == KNOWN_YES && !m->nofile.unlimited && m->nofile.n < FILES_ENOUGH) {
		l = check__add(c, JUDGED_note, "open files", "%" PRId64 ": few for PyTorch's data loaders", m->nofile.n);
		check__fix(l, "ulimit -n 4096");
	} else if (m->nofile.known == KNOWN_YES) {
		check__add(c, JUDGED_ok, "open files", m->nofile.unlimited ? "unlimited" : "%" PRId64, m->nofile.n);
	}
	if (m->fsize.known == KNOWN_YES && !m->fsize.unlimited) {
		l = check__add(c, JUDGED_problem, "size of a file", "limited to %" PRId64 " bytes: a trace may not fit", m->fsize.n);
		check__fix(l, "ulimit -f unlimited");
	}
}

static void rights(struct check *c)
{
	const struct machine_tracing *t = &c->m->tracing;
	struct check_line *l;

	if (t->may_load == KNOWN_YES) {
		check__add(c, JUDGED_ok, "eBPF", "this user may load programs");
	} else if (t->may_load == KNOWN_NO) {
		l = check__add(c, JUDGED_note, "eBPF", "needs root, or CAP_BPF and CAP_PERFMON: without, the program's own side is recorded only");
		l->rule = "hooks-off";
		check__fix(l, "sudo rdna1-trace -- COMMAND");
	}
	if (t->lockdown && !strcmp(t->lockdown, "confidentiality")) {
		l = check__add(c, JUDGED_problem, "lockdown", "in confidentiality mode: eBPF may not read the kernel's memory");
		l->rule = "hooks-off";
		check__fix(l, "boot with lockdown=integrity, or without secure boot");
	}
	if (t->jit.known == KNOWN_YES && !t->jit.n) {
		l = check__add(c, JUDGED_problem, "BPF compiler", "off, and fentry with it");
		check__fix(l, "sudo sysctl net.core.bpf_jit_enable=1");
	}
}

static void btf(struct check *c)
{
	const struct machine *m = c->m;
	struct check_line *l;

	if (m->tracing.vmlinux_btf == KNOWN_YES) {
		check__add(c, JUDGED_ok, "BTF", "of the kernel: there");
	} else if (m->tracing.vmlinux_btf == KNOWN_NO) {
		l = check__add(c, JUDGED_problem, "BTF", "of the kernel is missing (/sys/kernel/btf/vmlinux): the kernel's side cannot be recorded");
		l->rule = "hooks-off";
		check__fix(l, "take a kernel with CONFIG_DEBUG_INFO_BTF, as distributions' are");
	}
	if (m->emulated == KNOWN_YES || m->driver_loaded != KNOWN_YES || m->driver_in_kernel == KNOWN_YES)
		return;
	if (m->tracing.amdgpu_btf == KNOWN_YES) {
		check__add(c, JUDGED_ok, "BTF of amdgpu", "there");
	} else if (m->tracing.amdgpu_btf == KNOWN_NO) {
		l = check__add(c, JUDGED_note, "BTF of amdgpu", "missing, as with DKMS builds: fewer hooks inside the driver");
		l->rule = "hooks-off";
		check__fix(l, "build it where pahole is installed and the kernel's vmlinux is at hand, or take the distribution's amdgpu");
	}
}

void check__tracing(struct check *c)
{
	struct check_line *l;

	c->section = "Limits and tracing";
	limits(c);
	rights(c);
	btf(c);
	if (c->m->tracing.kprobes == KNOWN_NO) {
		l = check__add(c, JUDGED_note, "kprobes", "missing: what fentry cannot reach in the driver is not seen");
		l->rule = "hooks-off";
		check__fix(l, "grep CONFIG_KPROBE_EVENTS= /boot/config-$(uname -r)   # a kernel with =y has them");
	}
}
