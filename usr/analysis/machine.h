/* SPDX-License-Identifier: MIT */
/*
 * What is known of a machine and of the environment a program runs in: for rules and judgements, live
 * and from a trace. Plain values: usr/cmd_machine.c fills it from session.json's "facts" (docs/trace-format.md)
 * or from the machine itself; nobody here asks the machine.
 *
 * A zeroed struct is a machine of which nothing is known, and every member may be so:
 * a text NULL, a number 0, a `known` NOT_KNOWN. Texts and arrays are borrowed and live as long as the
 * struct's owner says (machine__free of cmd_machine.h). Texts may hold any bytes: buf__visible before a terminal.
 */
#ifndef RDNA1_MACHINE_H
#define RDNA1_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum known { NOT_KNOWN, KNOWN_NO, KNOWN_YES };

/* A limit or a setting where 0 is a value, too. */
struct machine_number {
	enum known known; /* KNOWN_NO: it was looked for and is not there */
	bool unlimited;
	int64_t n;
};

/* An AMD GPU: a PCI device, a node of KFD's topology, or (as it should be) both. */
struct machine_gpu {
	const char *name;	       /* marketing name: libdrm's, or of the table of ids */
	unsigned int gfx_target_version; /* by KFD's topology, whatever the environment says: 100100 is gfx1010 */
	unsigned int pci_gfx;	       /* the same by the PCI id (usr/caps/pci_ids.h) */
	unsigned int vendor_id, device_id; /* PCI */
	enum known in_kfd;	       /* it has a node; node is its number then, and 0 is one */
	unsigned int node;
	unsigned int render_minor;     /* /dev/dri/renderDN */
	const char *driver;	       /* kernel driver: "amdgpu" */
	enum known openable;	       /* the render node, by the user */
	unsigned int compute_units;
	uint64_t vram_bytes;
	unsigned int mec_firmware;     /* KFD needs no PCIe atomics from 145 on, on gfx10.1 (kfd_device.c) */
	enum known atomics32, atomics64; /* PCIe atomics to system memory: io_links of the topology */
};

/* /dev/kfd */
struct machine_kfd {
	enum known present, openable;
	unsigned int major, minor; /* of its interface; 1.13 has the debugger API */
	const char *error;	   /* of opening or asking it: "EACCES" */
	const char *group;	   /* that may open it: "render" */
	enum known member;	   /* whether the user is in that group */
};

/* Of amdgpu. value NULL: this driver has no such parameter. */
struct machine_parameter {
	const char *name, *value;
};

/* value NULL: it is set, and to what was not kept. */
struct machine_variable {
	const char *name, *value;
};

enum machine_where {
	WHERE_not_known,
	WHERE_ld_library_path, /* a directory of LD_LIBRARY_PATH */
	WHERE_ld_cache,	       /* the loader's cache (ldconfig) */
	WHERE_rocm,	       /* /opt/rocm*, which the loader does not look at by itself */
	WHERE_torch,	       /* torch/lib of the python that would run */
	WHERE_process,	       /* mapped into a recorded process */
};

/* A library of ROCm's. */
struct machine_library {
	const char *name;      /* between "lib" and ".so": "hsa-runtime64", "amdhip64", "MIOpen" */
	const char *path;      /* as it is found */
	const char *real_path; /* without symbolic links */
	const char *version;   /* of its own: "5.2.21153" */
	const char *rocm;      /* the ROCm release it is of: "5.2.3" */
	const char *chips;     /* of rocblas: what it has kernels for, "gfx900 gfx1030" */
	enum machine_where where;
	bool first; /* what a program gets that asks for it by name; torch's own are got by torch */
};

/* A system database of MIOpen's: kernels, find results, performance. */
struct machine_database {
	const char *name; /* "gfx1030_36.kdb" */
	const char *path;
	enum machine_where where;
};

struct machine_python {
	const char *path;    /* of the python3 that would run */
	const char *version; /* "3.10.19" */
	const char *venv;    /* VIRTUAL_ENV; NULL: none */
	const char *torch;   /* "1.13.1+rocm5.2" */
	const char *torch_hip; /* torch.version.hip: "5.2.21151-afdc89f8" */
	const char *torch_path;
	const char *numpy; /* "1.26.4" */
	const char *others; /* of PATH: "python3.10 python3.12" */
	enum known has_torch, has_numpy;
};

/* What eBPF needs. */
struct machine_tracing {
	enum known vmlinux_btf, amdgpu_btf, kprobes;
	enum known may_load; /* this user may load eBPF programs: root, or CAP_BPF and CAP_PERFMON */
	struct machine_number jit, unprivileged_bpf_disabled, perf_event_paranoid;
	const char *lockdown; /* "none", "integrity", "confidentiality" */
};

struct machine {
	enum known emulated;	   /* the GPUs and KFD below are the emulated device's, all else the machine's */
	const char *emulated_name; /* "AMD Radeon RX 5600 XT" */
	enum known virtual_machine, container; /* container: a PID namespace of its own */

	const char *kernel;	     /* release: "6.8.0-45-generic" */
	enum known driver_loaded;    /* amdgpu */
	enum known driver_in_kernel; /* built in, not a module */
	enum known driver_out_of_tree; /* DKMS or an own build */
	const char *driver_version;  /* DKMS has one */
	const char *driver_file;     /* as modprobe finds it */

	struct machine_kfd kfd;
	const struct machine_gpu *gpus;
	size_t num_gpus;
	const struct machine_parameter *parameters;
	size_t num_parameters;

	struct machine_number memlock, nofile, fsize; /* soft limits: bytes, files, bytes */
	struct machine_number memlock_hard;
	struct machine_tracing tracing;

	enum known environment_known; /* the list is all that bears on ROCm */
	const struct machine_variable *variables;
	size_t num_variables;

	const struct machine_library *libraries;
	size_t num_libraries;
	const struct machine_database *databases;
	size_t num_databases;
	enum known databases_known; /* they were looked for */
	const char *rocm;	    /* release of /opt/rocm, or of the libraries that a program would get */
	struct machine_python python;
};

/* ---- machine.c: pure ---- */

/* NULL where it is not set, or set and not kept. */
const char *machine__variable(const struct machine *m, const char *name);
const struct machine_parameter *machine__parameter(const struct machine *m, const char *name);

/*
 * The GPU that judgements are about: the first of RDNA1 (gfx1010 to gfx1012, by the topology or by the
 * PCI id), else the first; NULL without one.
 */
const struct machine_gpu *machine__gpu(const struct machine *m);

/* gfx_target_version of a GPU, by the topology, else by its PCI id; 0: not known. */
unsigned int machine__gfx(const struct machine_gpu *g);

/* The library that a program gets by name; NULL: none is known. */
const struct machine_library *machine__library(const struct machine *m, const char *name);

/* "10.3.0", as the thunk reads HSA_OVERRIDE_GFX_VERSION, is 100300; 0 where it is not of that form. */
unsigned int machine__gfx_of_override(const char *value);

/* The HSA_OVERRIDE_GFX_VERSION (or _N of this GPU) in force; NULL: none. name: which of them, or NULL. */
const char *machine__override(const struct machine *m, const struct machine_gpu *g, const char **name);

/* "gfx1012" of 100102, into out. */
const char *machine__gfx_name(unsigned int gfx_target_version, char out[16]);

/* Versions as numbers, part by part ("1.13.1+rocm5.2" before "2.0"): below 0, 0, above 0. */
int machine__compare_versions(const char *a, const char *b);

#endif
