// SPDX-License-Identifier: MIT
#include "kernel.h"
#include "../base/buf.h"
#include "rdna1.skel.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#define PROC_PID_INIT_INO 0xEFFFFFFCu /* linux/proc_ns.h: the machine's own PID namespace */

struct kernel {
	struct rdna1_bpf *skel;
	struct ring_buffer *ring;
	struct hook_state hooks[NUM_HOOKS];
	bool verbose;
	struct stream_proc proc;
	bool writing;
	struct stream *streams; /* per CPU */
	unsigned int num_cpus;
	uint64_t dropped_told; /* ring losses already in the trace's counters */
};

static bool libbpf_verbose;
static char libbpf_first[160]; /* the first warning since it was emptied: the others follow from it */

static int libbpf_message(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	char line[1024];
	int n = vsnprintf(line, sizeof(line), fmt, ap);

	if (level == LIBBPF_WARN && !libbpf_first[0]) {
		const char *text = strncmp(line, "libbpf: ", 8) ? line : line + 8;

		snprintf(libbpf_first, sizeof(libbpf_first), "%.*s", (int)strcspn(text, "\n"), text);
	}
	if (libbpf_verbose && level != LIBBPF_DEBUG)
		fputs(line, stderr);
	return n;
}

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

static const struct kfd_row rows[KFD_ROWS] = {
#define KFD_CMD(nr, name, size) [nr] = {
#define KFD_ARRAY(slot, ptr_, count_, elem_)                                                       \
	.ptr[slot] = ptr_, .count[slot] = count_, .elem[slot] = elem_ ? elem_ : 0xffff,
#define KFD_FIELD(name, offset, type, print)
#define KFD_END() },
#include "../../bpf/kfd_cmds.def"
};

static struct bpf_program *program(struct rdna1_bpf *s, enum hook hook)
{
	switch (hook) {
	case HOOK_sys_exit:
		return s->progs.sys_exit;
	case HOOK_fork:
		return s->progs.sched_process_fork;
	case HOOK_exec:
		return s->progs.sched_process_exec;
	default:
		return s->progs.sched_process_exit;
	}
}

static const char *const hook_names[NUM_HOOKS] = {
	[HOOK_sys_exit] = "KFD ioctls (raw_tp/sys_exit)",
	[HOOK_fork] = "new processes (raw_tp/sched_process_fork)",
	[HOOK_exec] = "exec (raw_tp/sched_process_exec)",
	[HOOK_exit] = "exits (raw_tp/sched_process_exit)",
};

/* Open and load with the programs of `mask`. NULL and errno when that fails. */
static struct rdna1_bpf *load(const struct kernel_config *cfg, unsigned int mask)
{
	struct rdna1_bpf *s = rdna1_bpf__open();
	int err;

	if (!s)
		return NULL;
	for (unsigned int h = 0; h < NUM_HOOKS; h++)
		bpf_program__set_autoload(program(s, h), mask >> h & 1);
	s->rodata->kfd_rdev = kfd_rdev();
	s->rodata->kfd_file_dev = cfg->kfd_ino ? kernel_dev(cfg->kfd_dev) : 0;
	s->rodata->kfd_file_ino = cfg->kfd_ino;
	bpf_map__set_max_entries(s->maps.ring, cfg->ring_mb << 20);
	err = rdna1_bpf__load(s);
	if (err) {
		rdna1_bpf__destroy(s);
		errno = -err;
		return NULL;
	}
	return s;
}

static void switch_off(struct hook_state *h, int err)
{
	h->on = false;
	h->error = err;
	if (err == -EPERM || err == -EACCES)
		snprintf(h->reason, sizeof(h->reason), "no permission: needs CAP_BPF and CAP_PERFMON");
	else
		snprintf(h->reason, sizeof(h->reason), "%s",
			 libbpf_first[0] ? libbpf_first : strerror(-err));
}

/* What is loaded cannot be used. */
static void none(struct kernel *k, int err)
{
	for (unsigned int h = 0; h < NUM_HOOKS; h++)
		if (k->hooks[h].on)
			switch_off(&k->hooks[h], err);
}

/* All programs, or, if the kernel refuses that, those that load alone. */
static struct rdna1_bpf *load_most(struct kernel *k, const struct kernel_config *cfg)
{
	const unsigned int all = (1u << NUM_HOOKS) - 1;
	struct rdna1_bpf *s = load(cfg, all);
	unsigned int good = 0;

	if (s) {
		for (unsigned int h = 0; h < NUM_HOOKS; h++)
			k->hooks[h].on = true;
		return s;
	}
	if (errno == EPERM || errno == EACCES) {
		for (unsigned int h = 0; h < NUM_HOOKS; h++)
			switch_off(&k->hooks[h], -EPERM);
		return NULL;
	}
	for (unsigned int h = 0; h < NUM_HOOKS; h++) {
		libbpf_first[0] = 0;
		s = load(cfg, 1u << h);
		if (s) {
			good |= 1u << h;
			k->hooks[h].on = true;
			rdna1_bpf__destroy(s);
		} else {
			switch_off(&k->hooks[h], -errno);
		}
	}
	return good ? load(cfg, good) : NULL;
}

static void attach(struct kernel *k)
{
	/* Skeleton members: destroyed with it. */
	struct bpf_link **link[NUM_HOOKS] = {
		[HOOK_sys_exit] = &k->skel->links.sys_exit,
		[HOOK_fork] = &k->skel->links.sched_process_fork,
		[HOOK_exec] = &k->skel->links.sched_process_exec,
		[HOOK_exit] = &k->skel->links.sched_process_exit,
	};

	for (unsigned int h = 0; h < NUM_HOOKS; h++) {
		struct bpf_link *l;

		if (!k->hooks[h].on)
			continue;
		libbpf_first[0] = 0;
		l = bpf_program__attach(program(k->skel, h));
		if (l)
			*link[h] = l;
		else
			switch_off(&k->hooks[h], -errno);
	}
}

/* ---- from the ring to the streams ---- */

/* The event as it will stand in the stream: its BYTES and TEXT close up. */
static int on_record(void *ctx, void *data, size_t size)
{
	struct kernel *k = ctx;
	const struct krec *r = data;
	const uint8_t *from = (const uint8_t *)data + sizeof(*r) + r->fixed;
	struct stream *s;
	size_t payload = r->fixed;
	uint8_t *at;

	if (size < sizeof(*r) + r->fixed || r->cpu >= k->num_cpus)
		return 0;
	for (unsigned int b = 0; b < r->num_blobs; b++)
		payload += r->is_text ? (r->blob_len[b] > 1 ? r->blob_len[b] : 2u)
				      : 2u + r->blob_len[b];
	s = &k->streams[r->cpu];
	at = stream__reserve(s, r->head.id, payload, r->head.tid, r->head.timestamp);
	if (!at)
		return 0;
	memcpy(at, (const uint8_t *)data + sizeof(*r), r->fixed);
	at += r->fixed;
	for (unsigned int b = 0; b < r->num_blobs; from += r->blob_slot[b], b++) {
		if (r->is_text)
			at = stream__put_text(at, (const char *)from,
					      r->blob_len[b] ? r->blob_len[b] - 1u : 0);
		else
			at = stream__put_bytes(at, from, r->blob_len[b]);
	}
	stream__commit(s);
	return 0;
}

struct kernel *kernel__open(const struct kernel_config *cfg)
{
	struct kernel *k = xcalloc(1, sizeof(*k));

	libbpf_verbose = cfg->verbose;
	libbpf_set_print(libbpf_message);
	for (unsigned int h = 0; h < NUM_HOOKS; h++)
		k->hooks[h].name = hook_names[h];
	k->skel = load_most(k, cfg);
	if (!k->skel) {
		none(k, -errno);
		return k;
	}
	for (uint32_t nr = 0; nr < KFD_ROWS; nr++)
		if (bpf_map__update_elem(k->skel->maps.rows, &nr, sizeof(nr), &rows[nr],
					 sizeof(rows[nr]), BPF_ANY)) {
			none(k, -errno);
			return k;
		}
	attach(k);
	k->ring = ring_buffer__new(bpf_map__fd(k->skel->maps.ring), on_record, k, NULL);
	if (!k->ring)
		none(k, -errno);
	return k;
}

void kernel__close(struct kernel *k)
{
	if (!k)
		return;
	ring_buffer__free(k->ring);
	rdna1_bpf__destroy(k->skel);
	for (unsigned int c = 0; k->streams && c < k->num_cpus; c++)
		stream__close(&k->streams[c]);
	if (k->writing)
		stream_proc__close(&k->proc);
	free(k->streams);
	free(k);
}

const struct hook_state *kernel__hook(struct kernel *k, unsigned int i)
{
	if (i >= NUM_HOOKS)
		return NULL;
	if (k->skel) {
		k->hooks[i].seen = __atomic_load_n(&k->skel->bss->seen[i], __ATOMIC_RELAXED);
		k->hooks[i].dropped = __atomic_load_n(&k->skel->bss->dropped[i], __ATOMIC_RELAXED);
	}
	return &k->hooks[i];
}

bool kernel__any(const struct kernel *k)
{
	for (unsigned int h = 0; h < NUM_HOOKS; h++)
		if (k->hooks[h].on)
			return true;
	return false;
}

int kernel__track(struct kernel *k, int pid)
{
	const struct tracked_process process = {.pid = (uint32_t)pid};
	uint32_t key = (uint32_t)pid;
	struct stat st;

	if (!k->skel)
		return 0;
	if (!stat("/proc/self/ns/pid", &st) && st.st_ino != PROC_PID_INIT_INO) {
		k->skel->bss->seed.ns = (uint32_t)st.st_ino;
		__atomic_store_n(&k->skel->bss->seed.pid, key, __ATOMIC_RELEASE);
		return 0;
	}
	return bpf_map__update_elem(k->skel->maps.tracked, &key, sizeof(key), &process, sizeof(process),
				    BPF_ANY);
}

bool kernel__tracking(const struct kernel *k)
{
	return !k->skel || !__atomic_load_n(&k->skel->bss->seed.pid, __ATOMIC_ACQUIRE);
}

static void record_left(struct kernel *k, uint32_t pid)
{
	struct ev_proc_left e = {.pid = pid};

	stream__write(&k->streams[0], EV_proc_left, &e, sizeof(e), pid, 0);
}

static void tell(struct kernel *k, enum ev_loss_cause cause, uint64_t count)
{
	if (count)
		stream_proc__lost(&k->proc, cause, count, true);
}

unsigned int kernel__finish(struct kernel *k)
{
	uint32_t key, *before = NULL;
	struct tracked_process process;
	uint64_t recursion = 0;
	unsigned int left = 0;

	if (!k->ring || !k->writing)
		return 0;
	kernel__drain(k);
	while (!bpf_map__get_next_key(k->skel->maps.tracked, before, &key, sizeof(key))) {
		if (!bpf_map__lookup_elem(k->skel->maps.tracked, &key, sizeof(key), &process,
					  sizeof(process), 0)) {
			record_left(k, process.pid);
			left++;
		}
		before = &key;
	}
	for (unsigned int h = 0; h < NUM_HOOKS; h++) {
		struct bpf_prog_info info = {0};
		uint32_t len = sizeof(info);

		if (k->hooks[h].on &&
		    !bpf_obj_get_info_by_fd(bpf_program__fd(program(k->skel, h)), &info, &len))
			recursion += info.recursion_misses;
	}
	tell(k, LOSS_untracked, k->skel->bss->untracked);
	tell(k, LOSS_descriptor, k->skel->bss->descriptors);
	tell(k, LOSS_recursion, recursion);
	return left;
}

int kernel__start(struct kernel *k, int dir_fd)
{
	int err = stream_proc__open(&k->proc, dir_fd, SOURCE_kernel, "kernel");

	if (!err && k->proc.map_error) {
		err = k->proc.map_error;
		stream_proc__close(&k->proc);
	}
	if (err)
		return err;
	k->writing = true;
	/* Streams are called kernel_<cpu>; only the counters carry the recorder's pid. */
	snprintf(k->proc.prefix, sizeof(k->proc.prefix), "kernel");
	k->num_cpus = (unsigned int)libbpf_num_possible_cpus();
	k->streams = xcalloc(k->num_cpus, sizeof(*k->streams));
	for (unsigned int c = 0; c < k->num_cpus; c++) {
		char cpu[16];

		snprintf(cpu, sizeof(cpu), "%u", c);
		stream__open(&k->streams[c], &k->proc, cpu, 0, 0);
		k->streams[c].cpu = c;
	}
	return 0;
}

int kernel__drain(struct kernel *k)
{
	uint64_t dropped = 0;
	int n;

	if (!k->ring || !k->writing)
		return 0;
	n = ring_buffer__consume(k->ring);
	/* Told to the trace as they happen, so that they are there if this process is killed. */
	for (unsigned int h = 0; h < NUM_HOOKS; h++)
		dropped += __atomic_load_n(&k->skel->bss->dropped[h], __ATOMIC_RELAXED);
	if (dropped > k->dropped_told) {
		stream_proc__lost(&k->proc, LOSS_ring_full, dropped - k->dropped_told, true);
		k->dropped_told = dropped;
	}
	return n;
}
