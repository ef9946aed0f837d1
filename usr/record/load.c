// SPDX-License-Identifier: MIT
#include "load.h"
#include "api_calls.h"
#include "../base/buf.h"
#include "rdna1.skel.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#define KERNEL_TYPES "/sys/kernel/btf/vmlinux"

static bool libbpf_verbose;
static char
	libbpf_first[160]; /* the first warning since it was emptied: the others follow from it */

static int libbpf_message(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	char line[256];
	va_list again;
	int n;

	va_copy(again, ap);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	if (level == LIBBPF_WARN && !libbpf_first[0]) {
		const char *text = strncmp(line, "libbpf: ", 8) ? line : line + 8;

		snprintf(libbpf_first, sizeof(libbpf_first), "%.*s", (int)strcspn(text, "\n"),
			 text);
	}
	if (libbpf_verbose && level != LIBBPF_DEBUG)
		vfprintf(stderr, fmt, again); /* whole: with the verifier's log */
	va_end(again);
	return n;
}

static const char *reason(int err)
{
	if (err == -EPERM) /* -EACCES is the verifier's word */
		return "no permission: needs CAP_BPF and CAP_PERFMON";
	return libbpf_first[0] ? libbpf_first : strerror(-err);
}

/* ---- which programs ---- */

/* dev_t as the kernel keeps it: 12 bits of major, 20 of minor. */
static uint64_t kernel_dev(uint64_t dev)
{
	return (uint64_t)major(dev) << 20 | minor(dev);
}

/* Device number of /dev/kfd from /proc/devices; 0 when there is no KFD. */
static uint64_t kfd_rdev(void)
{
	FILE *f = fopen("/proc/devices", "r");
	unsigned int number;
	char line[128], name[64];
	uint64_t dev = 0;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, " %u %63s", &number, name) == 2 && !strcmp(name, "kfd")) {
			dev = (uint64_t)number << 20;
			break;
		}
	if (f)
		fclose(f);
	return dev;
}

/* Names of programs: <prefix>_<hook>, at the entry and at the return. */
static const char *const prefix[NUM_HOWS][2] = {[HOW_raw_tp] = {"raw_tp"},
						[HOW_tracepoint] = {"tp"},
						[HOW_fentry] = {"fentry", "fexit"},
						[HOW_kprobe] = {"kprobe", "kretprobe"},
						[HOW_uprobe] = {"uprobe", "uretprobe"}};

/* The programs of a hook by the way it is to be attached; how many. */
static unsigned int programs_of(const struct rdna1_bpf *s, const struct hook_plan *p,
				struct bpf_program *out[2])
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < (p->returns ? 2u : 1u) && prefix[p->how][i]; i++) {
		char name[64];

		snprintf(name, sizeof(name), "%s_%s", prefix[p->how][i], p->id);
		out[n] = bpf_object__find_program_by_name(s->obj, name);
		n += out[n] != NULL;
	}
	return n;
}

static bool in_use(const struct programs *p, enum hook h)
{
	return p->plans[h].needed && p->plans[h].how != HOW_none;
}

/* Behind system calls only what the driver's own hooks do not see: it costs every process a little.
 */
static void plan_sys_exit(struct programs *p, bool *kfd, bool *drm)
{
	struct hook_plan *e = &p->plans[HOOK_sys_exit];

	if (e->muted)
		return;
	*kfd = !in_use(p, HOOK_kfd_ioctl);
	*drm = p->plans[HOOK_drm_ioctl].needed && !in_use(p, HOOK_drm_ioctl);
	e->needed = *kfd || *drm;
	if (!e->needed)
		snprintf(e->why, sizeof(e->why), "ioctls are taken in the driver");
	else if (!e->way)
		e->why[0] = 0;
}

/*
 * Where fentry and fexit programs go, from the plan. libbpf (before 1.5, always) looks for each by its
 * name in the kernel's BTF and then in that of every module, which is most of the time a start takes.
 */
static struct programs *loading;

static int set_function(struct bpf_program *prog, struct bpf_prog_load_opts *opts, long cookie)
{
	const char *name = strchr(bpf_program__name(prog), '_');

	(void)cookie;
	for (unsigned int h = 0; name && h < NUM_HOOKS; h++)
		if (!strcmp(loading->plans[h].id, name + 1)) {
			opts->attach_btf_id = loading->plans[h].btf_id;
			opts->attach_btf_obj_fd = (__u32)loading->types.btf_fd;
		}
	return 0;
}

static int attach_function(const struct bpf_program *prog, long cookie, struct bpf_link **link)
{
	(void)cookie;
	*link = bpf_program__attach_trace(prog);
	return *link ? 0 : -errno;
}

/* Without the number of the driver's BTF no fentry is planned. */
static void take_functions(struct programs *p)
{
	static bool registered;
	LIBBPF_OPTS(libbpf_prog_handler_opts, opts, .prog_prepare_load_fn = set_function,
		    .prog_attach_fn = attach_function);

	loading = p;
	if (registered || p->types.btf_fd < 0)
		return;
	libbpf_register_prog_handler("fentry/", BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY, &opts);
	libbpf_register_prog_handler("fexit/", BPF_PROG_TYPE_TRACING, BPF_TRACE_FEXIT, &opts);
	registered = true;
}

/* Where libbpf finds the types that the programs use. NULL: as it does by itself. */
static const char *path_of_types(const struct programs *p, char path[64])
{
	if (p->types.all_fd < 0)
		return access(KERNEL_TYPES, R_OK) ? NULL : KERNEL_TYPES;
	snprintf(path, 64, "/proc/self/fd/%d", p->types.all_fd);
	return path;
}

static struct rdna1_bpf *load(struct programs *p, const struct kernel_config *cfg)
{
	char types[64];
	LIBBPF_OPTS(bpf_object_open_opts, opts, .btf_custom_path = path_of_types(p, types));
	struct rdna1_bpf *s = rdna1_bpf__open_opts(&opts);
	struct bpf_program *prog;
	bool kfd = false, drm = false;
	int err;

	if (!s)
		return NULL;
	plan_sys_exit(p, &kfd, &drm);
	bpf_object__for_each_program(prog, s->obj) bpf_program__set_autoload(prog, false);
	for (unsigned int h = 0; h < NUM_HOOKS; h++) {
		struct bpf_program *of[2];
		unsigned int n = in_use(p, h) ? programs_of(s, &p->plans[h], of) : 0;

		for (unsigned int i = 0; i < n; i++)
			bpf_program__set_autoload(of[i], true);
		s->rodata->muted[h] = p->plans[h].muted;
		memcpy((void *)s->rodata->arg_at[h], p->plans[h].arg_at,
		       sizeof(p->plans[h].arg_at));
		memcpy((void *)s->rodata->tp_at[h], p->plans[h].tp_at, sizeof(p->plans[h].tp_at));
	}
	if (!p->no_iterators) {
		bpf_program__set_autoload(s->progs.iter_processes, cfg->own_ns != 0);
		bpf_program__set_autoload(s->progs.iter_files, cfg->attach);
	}
	api_calls__prepare(s, p->plans);
	s->rodata->own_ns = cfg->own_ns;
	s->rodata->attaching = cfg->attach;
	s->rodata->map_flag_kind = p->types.map_flag_kind;
	s->rodata->kfd_rdev = kfd_rdev();
	s->rodata->kfd_file_dev = cfg->kfd_ino ? kernel_dev(cfg->kfd_dev) : 0;
	s->rodata->kfd_file_ino = cfg->kfd_ino;
	s->rodata->exit_kfd = kfd;
	s->rodata->exit_drm = drm;
	bpf_map__set_max_entries(s->maps.ring, cfg->ring_mb << 20);
	libbpf_first[0] = 0;
	err = rdna1_bpf__load(s);
	if (!err)
		return s;
	rdna1_bpf__destroy(s);
	errno = -err;
	return NULL;
}

/* ---- what the kernel refuses ---- */

static void switch_off(struct programs *p, enum hook h, int err, const char *why)
{
	p->error[h] = err;
	p->on[h] = false;
	hook_plan__next(&p->plans[h], why);
}

/* "prog 'fentry_kfd_ioctl': ..." is libbpf's word for the program that failed: one of these two? */
static bool named_in(const char *message, const struct hook_plan *p)
{
	char name[96];

	for (unsigned int i = 0; i < 2 && prefix[p->how][i]; i++) {
		snprintf(name, sizeof(name), "prog '%s_%s'", prefix[p->how][i], p->id);
		if (strstr(message, name))
			return true;
	}
	return false;
}

/* What is loaded takes at least so many: maps, programs, links. */
static bool few_descriptors(void)
{
	int fds[32];
	unsigned int n = 0;

	while (n < ARRAY_SIZE(fds) && (fds[n] = dup(STDERR_FILENO)) >= 0)
		n++;
	for (unsigned int i = 0; i < n; i++)
		close(fds[i]);
	return n < ARRAY_SIZE(fds) && errno == EMFILE;
}

static int refuse(struct programs *p, const struct kernel_config *cfg, int err)
{
	char why[sizeof(libbpf_first)];
	bool found = false;

	snprintf(why, sizeof(why), "%s", reason(err));
	/* Without descriptors libbpf's questions about the kernel have wrong answers. */
	if (few_descriptors()) {
		err = -EMFILE;
		snprintf(why, sizeof(why), "%s: raise the limit (ulimit -n)", strerror(EMFILE));
	}
	if (err == -EPERM || err == -EMFILE) {
		for (unsigned int h = 0; h < NUM_HOOKS; h++)
			if (p->plans[h].needed) {
				p->plans[h].how = HOW_none;
				p->error[h] = err;
				snprintf(p->plans[h].why, sizeof(p->plans[h].why), "%s", why);
			}
		return err;
	}
	if (strstr(why, "prog 'iter_") && !p->no_iterators) {
		p->no_iterators = true;
		return 0;
	}
	for (unsigned int h = 0; h < NUM_HOOKS && !found; h++)
		if (in_use(p, h) && named_in(why, &p->plans[h])) {
			switch_off(p, h, err, why);
			found = true;
		}
	if (found)
		return 0;
	/* Not about one program: each that does not load alone goes, and if all do, there is no
	 * way. */
	for (unsigned int h = 0; h < NUM_HOOKS; h++) {
		struct programs alone = *p;
		struct rdna1_bpf *s;

		if (!in_use(p, h))
			continue;
		for (unsigned int o = 0; o < NUM_HOOKS; o++)
			alone.plans[o].how = o == h ? p->plans[h].how : HOW_none;
		s = load(&alone, cfg);
		if (s) {
			rdna1_bpf__destroy(s);
			continue;
		}
		switch_off(p, h, -errno, reason(-errno));
		found = true;
	}
	return found ? 0 : err;
}

/* ---- attaching ---- */

static int attach_one(struct programs *p, enum hook h)
{
	struct bpf_program *of[2];
	unsigned int n = programs_of(p->skel, &p->plans[h], of);

	libbpf_first[0] = 0;
	/* They wait for a library. */
	if (api_calls__is_hook(h)) {
		p->on[h] = true;
		return 0;
	}
	/* The return first: a call that begins between the two is recorded whole or not at all. */
	for (unsigned int i = n; i-- > 0;) {
		p->links[h][i] = bpf_program__attach(of[i]);
		if (!p->links[h][i]) {
			int err = -errno;

			bpf_link__destroy(p->links[h][1]);
			p->links[h][1] = NULL;
			return err;
		}
	}
	p->on[h] = true;
	p->error[h] = 0; /* of a way before */
	return 0;
}

static void detach(struct programs *p)
{
	programs__stop(p);
	rdna1_bpf__destroy(p->skel);
	p->skel = NULL;
	memset(p->on, 0, sizeof(p->on));
}

/* True when all that can be is attached; false when a hook has another way to be loaded for. */
static bool attach(struct programs *p)
{
	bool again = false;

	for (unsigned int h = 0; h < NUM_HOOKS; h++) {
		int err = in_use(p, h) ? attach_one(p, h) : 0;

		if (!err)
			continue;
		switch_off(p, h, err,
			   p->plans[h].how != HOW_kprobe ? reason(err)
			   : err == -ENOENT
				   ? "the kernel has no such function that a probe could be put to"
			   : err == -EACCES
				   ? "needs root (sudo), or sysctl kernel.perf_event_paranoid=2"
				   : reason(err));
		/* Without a hook in the driver its calls are taken behind system calls. */
		again = again || p->plans[h].how != HOW_none || h == HOOK_kfd_ioctl ||
			h == HOOK_drm_ioctl;
	}
	return !again;
}

int programs__open(struct programs *p, const struct kernel_config *cfg)
{
	const struct hooks_config hooks = {.groups = cfg->groups ? cfg->groups
								 : hook_groups__default(),
					   .emulated = cfg->kfd_ino != 0};
	int err = 0;

	memset(p, 0, sizeof(*p));
	libbpf_verbose = cfg->verbose;
	libbpf_set_print(libbpf_message);
	hooks__plan(p->plans, &hooks, &p->types);
	take_functions(p);
	/* Each round takes one way away from at least one hook. */
	for (;;) {
		p->skel = load(p, cfg);
		if (!p->skel) {
			err = refuse(p, cfg, -errno);
			if (err)
				return err;
			continue;
		}
		if (!attach(p)) {
			detach(p);
			continue;
		}
		for (unsigned int h = 0; h < NUM_HOOKS; h++)
			if (p->on[h])
				return 0;
		detach(p);
		return -ENOENT;
	}
}

void programs__stop(struct programs *p)
{
	for (unsigned int h = 0; h < NUM_HOOKS; h++)
		for (unsigned int i = 0; i < 2; i++) {
			bpf_link__destroy(p->links[h][i]);
			p->links[h][i] = NULL;
		}
}

void programs__close(struct programs *p)
{
	detach(p);
	if (p->types.btf_fd >= 0)
		close(p->types.btf_fd);
	if (p->types.all_fd >= 0)
		close(p->types.all_fd);
	p->types.btf_fd = p->types.all_fd = -1;
}

int programs__iterate(struct programs *p, const char *name)
{
	struct bpf_program *prog =
		p->skel ? bpf_object__find_program_by_name(p->skel->obj, name) : NULL;
	struct bpf_link *link;
	int fd, err = 0;
	char nothing;

	if (!prog || bpf_program__fd(prog) < 0)
		return -ENOTSUP;
	link = bpf_program__attach_iter(prog, NULL);
	if (!link)
		return -errno;
	fd = bpf_iter_create(bpf_link__fd(link));
	if (fd < 0)
		err = fd;
	/* It prints nothing: the end of the file is the end of the list. */
	while (fd >= 0 && (err = (int)read(fd, &nothing, 1)) < 0 &&
	       (errno == EINTR || errno == EAGAIN))
		;
	if (err < 0 && fd >= 0)
		err = -errno;
	if (fd >= 0)
		close(fd);
	bpf_link__destroy(link);
	return err;
}

/* Linux 6.7 and later tell how often a probe found its CPU busy (struct bpf_link_info,
 * perf_event.kprobe). */
static uint64_t probe_missed(const struct bpf_link *link)
{
	struct {
		uint32_t type, id, prog_id, pad;
		uint32_t perf_type, pad2;
		uint64_t func_name;
		uint32_t name_len, offset;
		uint64_t addr, missed, cookie;
		uint64_t more[8];
	} info = {0};
	struct {
		uint32_t fd, len;
		uint64_t info;
	} get = {.fd = (uint32_t)bpf_link__fd(link), .len = sizeof(info), .info = (uintptr_t)&info};
	enum { OBJ_GET_INFO_BY_FD = 15, LINK_PERF_EVENT = 7, PERF_KPROBE = 3, PERF_KRETPROBE = 4 };

	if (syscall(SYS_bpf, OBJ_GET_INFO_BY_FD, &get, sizeof(get)) || info.type != LINK_PERF_EVENT)
		return 0;
	return info.perf_type == PERF_KPROBE || info.perf_type == PERF_KRETPROBE ? info.missed : 0;
}

uint64_t programs__missed(const struct programs *p)
{
	uint64_t missed = 0;

	for (unsigned int h = 0; h < NUM_HOOKS && p->skel; h++) {
		struct bpf_program *of[2];
		unsigned int n = p->on[h] ? programs_of(p->skel, &p->plans[h], of) : 0;

		for (unsigned int i = 0; i < n; i++) {
			struct bpf_prog_info info = {0};
			uint32_t len = sizeof(info);

			if (!bpf_obj_get_info_by_fd(bpf_program__fd(of[i]), &info, &len))
				missed += info.recursion_misses;
			/* A return that was missed is found by its entry. */
			if (p->plans[h].how == HOW_kprobe && !i)
				missed += probe_missed(p->links[h][i]);
		}
	}
	return missed;
}
