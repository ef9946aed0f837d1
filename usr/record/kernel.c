// SPDX-License-Identifier: MIT
#include "kernel.h"
#include "api_calls.h"
#include "ld_cache.h"
#include "load.h"
#include "open_calls.h"
#include "ordinals.h"
#include "proc.h"
#include "../base/buf.h"
#include "rdna1.skel.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#define PROC_PID_INIT_INO 0xEFFFFFFCu /* linux/proc_ns.h: the machine's own PID namespace */

/* A process that has mapped a library: where, when. */
struct note {
	struct map_note map;
	uint64_t ts;
	size_t ours; /* we have mapped it for this purpose: so many bytes */
};

struct kernel {
	struct programs programs;
	struct ring_buffer *ring;
	struct hook_state hooks[NUM_HOOKS];
	char names[NUM_HOOKS][128];
	struct ordinals *ordinals;
	struct kfd_file kfd;
	struct stream_proc proc;
	uint64_t max_bytes; /* as in kernel_config */
	bool writing;
	struct stream *streams; /* per CPU */
	unsigned int num_cpus;
	unsigned int drained; /* records since the drain began */
	struct api_calls *api;
	VEC(struct note) notes; /* libraries that were mapped, to be looked at */
	uint64_t notes_dropped;
	int wake_fd;		/* epoll: the programs want us to look now */
	uint32_t own_ns;	/* inode of our PID namespace; 0: the machine's */
	uint64_t dropped_told;	/* ring losses already in the trace's counters */
};

/* Of the render node's: what makes and maps memory, and submits: GEM_CREATE, CS, GEM_VA,
 * GEM_USERPTR. */
#define drm_taken(nr) ((nr) == 0x40 || (nr) == 0x44 || (nr) == 0x48 || (nr) == 0x51)

#define KFD_TABLE_ARRAY(slot, ptr_, count_, elem_)                                                 \
	.ptr[slot] = ptr_, .count[slot] = count_, .elem[slot] = elem_ ? elem_ : 0xffff,
static const struct ioctl_row rows[KFD_ROWS + DRM_ROWS] = {
#define KFD_CMD(nr, name, size) [nr] = {.take = 1,
#define KFD_ARRAY KFD_TABLE_ARRAY
#define KFD_FIELD(name, offset, type, print)
#define KFD_END()                                                                                  \
	}                                                                                          \
	,
#include "../../bpf/kfd_cmds.def"
#define DRM_CMD(nr, name, size) [KFD_ROWS + nr] = {.take = drm_taken(nr),
#define DRM_ARRAY KFD_TABLE_ARRAY
#define DRM_FIELD(name, offset, type, print)
#define DRM_END()                                                                                  \
	}                                                                                          \
	,
#include "../../bpf/drm_cmds.def"
};

/* ---- from the ring to the streams ---- */

/* The event as it will stand in the stream: its BYTES and TEXT close up. */
static void write_record(struct kernel *k, const struct krec *r, const void *data, size_t size)
{
	const uint8_t *from = (const uint8_t *)data + sizeof(*r) + r->fixed;
	struct stream *s;
	size_t payload = r->fixed;
	uint8_t *at;

	if (size < sizeof(*r) + r->fixed || r->cpu >= k->num_cpus)
		return;
	if (!r->head.id) {
		struct note *n = VEC_PUSH(&k->notes);

		memcpy(&n->map, (const uint8_t *)data + sizeof(*r), sizeof(n->map));
		n->ts = r->head.timestamp;
		return;
	}
	for (unsigned int b = 0; b < r->num_blobs; b++)
		payload += r->is_text ? (r->blob_len[b] > 1 ? r->blob_len[b] : 2u)
				      : 2u + r->blob_len[b];
	s = &k->streams[r->cpu];
	at = stream__reserve(s, r->head.id, payload, r->head.tid, r->head.timestamp);
	if (!at)
		return;
	memcpy(at, (const uint8_t *)data + sizeof(*r), r->fixed);
	ordinals__replace(k->ordinals, r->head.id, at, r->fixed);
	at += r->fixed;
	for (unsigned int b = 0; b < r->num_blobs; from += r->blob_slot[b], b++) {
		if (r->is_text)
			at = stream__put_text(at, (const char *)from,
					      r->blob_len[b] ? r->blob_len[b] - 1u : 0);
		else
			at = stream__put_bytes(at, from, r->blob_len[b]);
	}
	stream__commit(s);
}

/* Who makes records faster than we write them would otherwise hold us in the ring for ever. */
#define DRAIN_MAX 65536

static int on_record(void *ctx, void *data, size_t size)
{
	struct kernel *k = ctx;

	write_record(k, data, data, size);
	return ++k->drained < DRAIN_MAX ? 0 : -EAGAIN;
}

static void none(struct kernel *k, int err)
{
	for (unsigned int h = 0; h < NUM_HOOKS; h++) {
		if (!k->programs.plans[h].needed)
			continue;
		k->programs.on[h] = false;
		k->programs.error[h] = err;
		snprintf(k->programs.plans[h].why, sizeof(k->programs.plans[h].why), "%s",
			 strerror(-err));
	}
}

static void describe(struct kernel *k)
{
	for (unsigned int h = 0; h < NUM_HOOKS; h++) {
		const struct hook_plan *p = &k->programs.plans[h];
		struct hook_state *s = &k->hooks[h];

		s->on = k->programs.on[h] && !p->muted;
		s->needed = p->needed && !p->muted;
		s->how = hook_how_name(s->on ? p->how : HOW_none);
		s->error = k->programs.error[h];
		snprintf(k->names[h], sizeof(k->names[h]), "%s (%s/%s)", p->text,
			 hook_how_name(s->on ? p->how : p->first), p->symbol);
		s->name = k->names[h];
		/* Attached another way than the first: not a reason to be off. */
		snprintf(s->reason, sizeof(s->reason), "%s",
			 s->on	    ? ""
			 : p->muted ? "not asked for with --trace"
				    : p->why);
	}
}

static int start_libraries(struct kernel *k)
{
	struct epoll_event ev = {.events = EPOLLIN | EPOLLET};
	int err = api_calls__fill(k->programs.skel);

	if (err)
		return err;
	/* A library is found in /proc, by the process's number. */
	if (!proc__is_ours()) {
		for (unsigned int h = 0; h < NUM_HOOKS; h++) {
			if (!k->programs.on[h] || !api_calls__is_hook(h))
				continue;
			k->programs.on[h] = false;
			k->programs.error[h] = -ESRCH;
			snprintf(k->programs.plans[h].why, sizeof(k->programs.plans[h].why),
				 "/proc shows other processes than those of this PID namespace: mount it anew "
				 "(unshare --mount-proc)");
		}
		return 0;
	}
	/* Edges only: what does not want to wake us must not. */
	k->wake_fd = epoll_create1(EPOLL_CLOEXEC);
	if (k->wake_fd < 0 ||
	    epoll_ctl(k->wake_fd, EPOLL_CTL_ADD, bpf_map__fd(k->programs.skel->maps.ring), &ev))
		return -errno;
	k->api = api_calls__new(&k->programs);
	return 0;
}

struct kernel *kernel__open(const struct kernel_config *cfg)
{
	struct kernel *k = xcalloc(1, sizeof(*k));
	struct kernel_config c = *cfg;
	struct stat st;
	int err;

	k->wake_fd = -1;
	k->max_bytes = cfg->max_bytes;
	if (!stat("/proc/self/ns/pid", &st) && st.st_ino != PROC_PID_INIT_INO)
		k->own_ns = (uint32_t)st.st_ino;
	c.own_ns = k->own_ns;
	err = programs__open(&k->programs, &c);
	k->ordinals = ordinals__new();
	k->kfd = (struct kfd_file){.dev = cfg->kfd_dev, .ino = cfg->kfd_ino};
	if (!stat("/dev/kfd", &st) && S_ISCHR(st.st_mode))
		k->kfd.rdev = st.st_rdev;
	for (uint32_t nr = 0; !err && nr < ARRAY_SIZE(rows); nr++)
		if (rows[nr].take)
			err = bpf_map__update_elem(k->programs.skel->maps.rows, &nr, sizeof(nr),
						   &rows[nr], sizeof(rows[nr]), BPF_ANY);
	if (!err) {
		k->ring = ring_buffer__new(bpf_map__fd(k->programs.skel->maps.ring), on_record, k,
					   NULL);
		err = k->ring ? 0 : -errno;
	}
	if (!err && k->programs.on[HOOK_maps])
		err = start_libraries(k);
	if (err && k->programs.skel)
		none(k, err);
	describe(k);
	return k;
}

void kernel__close(struct kernel *k)
{
	if (!k)
		return;
	api_calls__free(k->api);
	ring_buffer__free(k->ring);
	programs__close(&k->programs);
	if (k->wake_fd >= 0)
		close(k->wake_fd);
	free(k->notes.v);
	for (unsigned int c = 0; k->streams && c < k->num_cpus; c++)
		stream__close(&k->streams[c]);
	if (k->writing)
		stream_proc__close(&k->proc);
	ordinals__free(k->ordinals);
	free(k->streams);
	free(k);
}

const struct hook_state *kernel__hook(struct kernel *k, unsigned int i)
{
	if (i >= NUM_HOOKS)
		return NULL;
	if (k->programs.skel) {
		k->hooks[i].seen =
			__atomic_load_n(&k->programs.skel->bss->seen[i], __ATOMIC_RELAXED);
		k->hooks[i].dropped =
			__atomic_load_n(&k->programs.skel->bss->dropped[i], __ATOMIC_RELAXED);
	}
	k->hooks[i].probes = api_calls__count(k->api, i);
	return &k->hooks[i];
}

bool kernel__any(const struct kernel *k)
{
	for (unsigned int h = 0; h < NUM_HOOKS; h++)
		if (k->hooks[h].on)
			return true;
	return false;
}

/* What a traced process is already, it stays: its parent may have been traced before it. */
static int track_one(struct kernel *k, uint32_t pid)
{
	const struct rdna1_bpf *s = k->programs.skel;
	const struct tracked_process process = {.pid = pid};
	const uint8_t yes = 1;
	int err;

	if (k->own_ns)
		return bpf_map__update_elem(s->maps.wanted, &pid, sizeof(pid), &yes, sizeof(yes),
					    BPF_ANY);
	err = bpf_map__update_elem(s->maps.tracked, &pid, sizeof(pid), &process, sizeof(process),
				   BPF_NOEXIST);
	if (!err)
		__atomic_fetch_add(&s->bss->running, 1, __ATOMIC_RELAXED);
	return err == -EEXIST ? 0 : err;
}

int kernel__track(struct kernel *k, const int *pids, unsigned int n)
{
	int err = 0;

	if (!k->programs.skel)
		return 0;
	for (unsigned int i = 0; i < n && !err; i++)
		err = track_one(k, (uint32_t)pids[i]);
	if (err || !k->own_ns)
		return err;
	err = programs__iterate(&k->programs, "iter_processes");
	for (unsigned int i = 0; i < n; i++) {
		uint32_t pid = (uint32_t)pids[i];

		if (!bpf_map__delete_elem(k->programs.skel->maps.wanted, &pid, sizeof(pid), 0) &&
		    !err)
			err = -ESRCH;
	}
	return err;
}

int kernel__learn_open(struct kernel *k)
{
	return programs__iterate(&k->programs, "iter_files");
}

bool kernel__any_process(const struct kernel *k)
{
	return k->programs.skel &&
	       __atomic_load_n(&k->programs.skel->bss->running, __ATOMIC_RELAXED);
}

void kernel__forget(struct kernel *k, int pid)
{
	struct bpf_map *tracked = k->programs.skel ? k->programs.skel->maps.tracked : NULL;
	uint32_t key = (uint32_t)pid, *before = NULL;
	struct tracked_process process;

	while (tracked && !bpf_map__get_next_key(tracked, before, &key, sizeof(key))) {
		if (!bpf_map__lookup_elem(tracked, &key, sizeof(key), &process, sizeof(process),
					  0) &&
		    process.pid == (uint32_t)pid) {
			if (!bpf_map__delete_elem(tracked, &key, sizeof(key), 0))
				__atomic_fetch_sub(&k->programs.skel->bss->running, 1,
						   __ATOMIC_RELAXED);
			return;
		}
		before = &key;
	}
}

/* ---- libraries ---- */

int kernel__library_fd(const struct kernel *k)
{
	return k->wake_fd;
}

void kernel__look_for_libraries(struct kernel *k, int pid)
{
	if (k->api)
		*VEC_PUSH(&k->notes) = (struct note){.map.pid = (uint32_t)pid};
}

/* Mapped as a process would, it is found as in a process, and known again by the same inode. */
static void map_library(const char *path, void *arg)
{
	struct kernel *k = arg;
	struct stat st;
	void *at;
	int fd;

	if (!api_calls__is_library(k->api, path))
		return;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return;
	at = fstat(fd, &st) || !S_ISREG(st.st_mode) || !st.st_size
		     ? MAP_FAILED
		     : mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	close(fd);
	if (at != MAP_FAILED)
		*VEC_PUSH(&k->notes) =
			(struct note){.map.addr = (uintptr_t)at, .ours = (size_t)st.st_size};
}

void kernel__find_libraries(struct kernel *k, const char *library_path)
{
	if (k->api)
		ld_cache__each(library_path, map_library, k);
}

bool kernel__libraries_wait(const struct kernel *k)
{
	return k->notes.n;
}

struct finding {
	struct stream *log;
	const struct note *note;
};

static void record_library(const struct api_library *lib, void *arg)
{
	const struct finding *f = arg;
	struct ev_api_library e = {.pid = f->note->map.pid,
				   .late_ns = f->note->ts ? stream__now() - f->note->ts : 0,
				   .calls = lib->calls,
				   .error = lib->error};
	size_t len = strlen(lib->path);
	uint8_t *at = stream__reserve(f->log, EV_api_library, sizeof(e) + (len ? len : 1) + 1,
				      (uint32_t)getpid(), 0);

	if (!at)
		return;
	memcpy(at, &e, sizeof(e));
	stream__put_text(at + sizeof(e), lib->path, len);
	stream__commit(f->log);
}

/* What a process has mapped once is looked for once, however often it was noted meanwhile. */
static void merge_notes(struct kernel *k, size_t of)
{
	struct note *first = &k->notes.v[of];
	size_t n = of + 1;

	for (size_t i = of + 1; i < k->notes.n; i++) {
		if (first->map.pid && k->notes.v[i].map.pid == first->map.pid)
			first->map.addr = 0;
		else
			k->notes.v[n++] = k->notes.v[i];
	}
	k->notes.n = n;
}

/* Notes that the ring had no room for: any traced process may have mapped something. */
static void note_all(struct kernel *k)
{
	struct bpf_map *tracked = k->programs.skel->maps.tracked;
	uint64_t dropped = __atomic_load_n(&k->programs.skel->bss->dropped[HOOK_maps], __ATOMIC_RELAXED);
	struct tracked_process process;
	uint32_t key, *before = NULL;

	if (!k->api || dropped == k->notes_dropped)
		return;
	k->notes_dropped = dropped;
	while (!bpf_map__get_next_key(tracked, before, &key, sizeof(key))) {
		before = &key;
		if (!bpf_map__lookup_elem(tracked, &key, sizeof(key), &process, sizeof(process), 0))
			*VEC_PUSH(&k->notes) = (struct note){.map.pid = process.pid, .ts = stream__now()};
	}
}

/* It is not where it was mapped; of a process that was looked at as a whole only its end is known. */
static void record_gone(struct finding *f)
{
	const struct map_note *m = &f->note->map;
	const struct api_library gone = {.path = m->name, .error = api_calls__runs(m->pid) ? -EIDRM : -ESRCH};

	if (m->name[0] && (m->addr || gone.error == -ESRCH))
		record_library(&gone, f);
}

/* Looked at between two drains: the ring must not fill up meanwhile. */
#define NOTES_MAX 16

void kernel__attach_libraries(struct kernel *k, struct stream *log)
{
	struct epoll_event ev;
	size_t n = 0;

	while (k->wake_fd >= 0 && epoll_wait(k->wake_fd, &ev, 1, 0) > 0)
		;
	for (; n < k->notes.n && n < NOTES_MAX; n++) {
		struct finding f = {.log = log};
		const struct map_note *m;

		merge_notes(k, n);
		f.note = &k->notes.v[n];
		m = &f.note->map;
		if (!api_calls__attach(k->api, f.note->ours ? (uint32_t)getpid() : m->pid, m->addr,
				       record_library, &f) &&
		    !f.note->ours)
			record_gone(&f);
		if (f.note->ours)
			munmap((void *)(uintptr_t)m->addr, f.note->ours);
	}
	memmove(k->notes.v, k->notes.v + n, (k->notes.n - n) * sizeof(*k->notes.v));
	k->notes.n -= n;
}

void kernel__forgo_libraries(struct kernel *k, struct stream *log)
{
	for (size_t n = 0; n < k->notes.n; n++) {
		struct finding f = {.log = log};
		struct api_library late = {0};

		merge_notes(k, n);
		f.note = &k->notes.v[n];
		late.path = f.note->map.name;
		late.error = api_calls__runs(f.note->map.pid) ? -ECANCELED : -ESRCH;
		if (!f.note->ours && late.path[0])
			record_library(&late, &f);
	}
	k->notes.n = 0;
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

/* The program that made a call is there no more: it has become another, or ended. *end_ns: when, or 0. */
static bool program_ended(struct kernel *k, const struct api_flight *f, uint64_t *end_ns)
{
	const struct rdna1_bpf *s = k->programs.skel;
	const uint64_t key = KEY_EXITED(f->tgid);
	struct tracked_process process;
	struct owner gone;

	if (!bpf_map__lookup_elem(s->maps.tracked, &f->tgid, sizeof(f->tgid), &process, sizeof(process), 0)) {
		if (process.exec_ns > f->ts)
			*end_ns = process.exec_ns;
		return *end_ns;
	}
	if (!bpf_map__lookup_elem(s->maps.owners, &key, sizeof(key), &gone, sizeof(gone), 0))
		*end_ns = gone.since;
	return true;
}

/* Its thread has ended, or stands above the call's frame: it jumped out of it. Only a thread that waits tells. */
static bool thread_left(const struct api_key *key, const struct api_flight *f)
{
	char *path = xasprintf("/proc/%u/task/%u/syscall", f->pid, f->tid), line[256], *sp = line;
	FILE *file = fopen(path, "re");
	bool there = file || errno != ENOENT;

	free(path);
	if (file && !fgets(line, sizeof(line), file))
		there = errno != ESRCH;
	else if (file && isdigit((unsigned char)line[0]))
		/* "NR 0xARG... 0xSP 0xPC" */
		for (int i = 0; i < 7 && sp; i++)
			sp = strchr(sp + 1, ' ');
	if (file)
		fclose(file);
	return !there || (sp && sp != line && strtoull(sp, NULL, 16) > key->sp);
}

/* Calls of libraries that have not returned; how many. */
static uint64_t record_open_api_calls(struct kernel *k)
{
	struct bpf_map *flights = k->programs.skel->maps.api_flights;
	struct api_key key, *before = NULL;
	struct api_flight f;
	uint64_t open = 0, end_ns;
	bool left;

	while (k->api && !bpf_map__get_next_key(flights, before, &key, sizeof(key))) {
		before = &key;
		if (bpf_map__lookup_elem(flights, &key, sizeof(key), &f, sizeof(f), 0) || !f.ts)
			continue;
		end_ns = 0;
		left = program_ended(k, &f, &end_ns) || thread_left(&key, &f);
		api_calls__write_open(&k->streams[0], &key, &f, left, end_ns);
		open++;
	}
	return open;
}

/* Calls that have not returned, and those whose return was never seen. */
static void record_open_calls(struct kernel *k)
{
	const struct rdna1_bpf__bss *b = k->programs.skel->bss;
	struct flight_key key, *before = NULL;
	uint64_t open = 0, entered = 0, returned = 0;
	struct flight f;

	for (unsigned int h = 0; h < NUM_HOOKS; h++) {
		entered += b->entered[h];
		returned += b->returned[h];
	}
	open = record_open_api_calls(k);
	while (!bpf_map__get_next_key(k->programs.skel->maps.flights, before, &key, sizeof(key))) {
		before = &key;
		if (bpf_map__lookup_elem(k->programs.skel->maps.flights, &key, sizeof(key), &f,
					 sizeof(f), 0))
			continue;
		/* Where the return was missed the thread has gone on. */
		if (key.hook == HOOK_kfd_ioctl && !open_call__is_so(&f))
			continue;
		open++;
		if (key.hook == HOOK_kfd_ioctl && k->hooks[HOOK_kfd_ioctl].on)
			open_call__write(&k->streams[0], &f);
	}
	if (entered > returned + open)
		tell(k, LOSS_no_return, entered - returned - open);
	tell(k, LOSS_in_flight, b->not_kept);
}

unsigned int kernel__finish(struct kernel *k)
{
	uint32_t key, *before = NULL;
	struct tracked_process process;
	unsigned int left = 0;
	uint64_t missed;

	if (!k->ring || !k->writing)
		return 0;
	/* From here on nothing changes any more: what is left can be counted. */
	__atomic_store_n(&k->programs.skel->bss->stopped, 1, __ATOMIC_SEQ_CST);
	missed = programs__missed(&k->programs);
	programs__stop(&k->programs);
	api_calls__stop(k->api);
	while (kernel__drain(k) == -EAGAIN)
		;
	while (!bpf_map__get_next_key(k->programs.skel->maps.tracked, before, &key, sizeof(key))) {
		if (!bpf_map__lookup_elem(k->programs.skel->maps.tracked, &key, sizeof(key),
					  &process, sizeof(process), 0)) {
			record_left(k, process.pid);
			/* Where system calls are seen at their end only, /proc knows who is in one.
			 */
			if (!k->hooks[HOOK_kfd_ioctl].on &&
			    !k->programs.plans[HOOK_kfd_ioctl].muted)
				open_calls__of_process(&k->streams[0], process.pid, &k->kfd);
			left++;
		}
		before = &key;
	}
	record_open_calls(k);
	tell(k, LOSS_untracked, k->programs.skel->bss->untracked);
	tell(k, LOSS_descriptor, k->programs.skel->bss->descriptors);
	tell(k, LOSS_no_owner, k->programs.skel->bss->not_owned);
	tell(k, LOSS_recursion, missed);
	return left;
}

int kernel__start(struct kernel *k, int dir_fd)
{
	int err = stream_proc__open(&k->proc, dir_fd, SOURCE_kernel, "kernel");

	if (err)
		return err;
	err = k->proc.map_error;
	if (!err && k->max_bytes)
		err = stream_proc__limit(&k->proc, k->max_bytes);
	if (err) {
		stream_proc__close(&k->proc);
		return err;
	}
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
	k->drained = 0;
	n = ring_buffer__consume(k->ring);
	/* Told to the trace as they happen, so that they are there if this process is killed. */
	for (unsigned int h = 0; h < NUM_HOOKS; h++)
		dropped += __atomic_load_n(&k->programs.skel->bss->dropped[h], __ATOMIC_RELAXED);
	if (dropped > k->dropped_told) {
		stream_proc__lost(&k->proc, LOSS_ring_full, dropped - k->dropped_told, true);
		k->dropped_told = dropped;
		note_all(k);
	}
	return n;
}
