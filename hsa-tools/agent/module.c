// SPDX-License-Identifier: MIT
/*
 * Who called: the program or library that holds a return address.
 *
 * Asked of the loader once per library. dl_iterate_phdr waits only while the loader's list is being
 * changed, never for constructors, so a call from under another library's lock cannot deadlock.
 */
#include "agent.h"

#include <execinfo.h>
#include <limits.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Libraries already said. More than this many callers of HSA: the rest is said again and again. */
#define MAX_SAID 64
static struct said {
	uint64_t lo, hi; /* atomic; hi 0: not there yet */
	bool rocm;
} said[MAX_SAID];

struct search {
	uint64_t addr, lo, hi;
	char path[4096];
};

static void span_of(const struct dl_phdr_info *info, uint64_t *lo, uint64_t *hi)
{
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		uint64_t begin = info->dlpi_addr + p->p_vaddr;

		if (p->p_type != PT_LOAD)
			continue;
		*lo = begin < *lo ? begin : *lo;
		*hi = begin + p->p_memsz > *hi ? begin + p->p_memsz : *hi;
	}
}

static int visit(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct search *s = arg;
	uint64_t lo = UINT64_MAX, hi = 0;

	(void)size;
	span_of(info, &lo, &hi);
	if (s->addr < lo || s->addr >= hi)
		return 0;
	s->lo = lo;
	s->hi = hi;
	/* The program itself has no name here. */
	if (info->dlpi_name && info->dlpi_name[0])
		strncpy(s->path, info->dlpi_name, sizeof(s->path) - 1);
	else if (readlink("/proc/self/exe", s->path, sizeof(s->path) - 1) < 0)
		s->path[0] = 0;
	return 1;
}

static const struct said *find_said(uint64_t addr)
{
	for (int i = 0; i < MAX_SAID; i++)
		if (addr < __atomic_load_n(&said[i].hi, __ATOMIC_ACQUIRE) &&
		    addr >= __atomic_load_n(&said[i].lo, __ATOMIC_RELAXED))
			return &said[i];
	return NULL;
}

/* Libraries that allocate on behalf of others; of these the caller says little. */
static bool is_rocm(const char *path)
{
	static const char *const names[] = {
		"libamdhip64.",	 "libhsa-runtime64.", "libhsakmt.",    "libhiprtc",
		"libamd_comgr.", "libMIOpen.",	      "librocblas.",   "libhipblas",
		"librocsolver.", "librocsparse.",     "libhipsparse",  "librocfft.",
		"libhipfft",	 "librocrand.",	      "libhiprand.",   "librccl.",
		"librdna1-",	 "libroctracer64.",   "librocprofiler"};
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strncmp(base, names[i], strlen(names[i])))
			return true;
	return false;
}

static void remember(uint64_t lo, uint64_t hi, bool rocm)
{
	for (int i = 0; i < MAX_SAID; i++) {
		uint64_t unused = 0;

		if (!__atomic_compare_exchange_n(&said[i].lo, &unused, lo, false, __ATOMIC_RELAXED,
						 __ATOMIC_RELAXED))
			continue;
		said[i].rocm = rocm;
		__atomic_store_n(&said[i].hi, hi, __ATOMIC_RELEASE);
		return;
	}
}

/* Say once which file the code at addr belongs to. *rocm: it is one of ROCm's. False: of none. */
static bool note_module(struct thread *t, uint64_t addr, bool *rocm)
{
	const struct said *known = find_said(addr);
	struct search s;
	struct ev_module e;
	size_t len;
	uint8_t *at;

	if (known) {
		*rocm = known->rocm;
		return true;
	}
	s.addr = addr;
	memset(s.path, 0, sizeof(s.path));
	if (!dl_iterate_phdr(visit, &s))
		return false; /* made at run time, or a uretprobe's trampoline: no file */
	*rocm = is_rocm(s.path);
	e = (struct ev_module){.base = s.lo, .size_bytes = s.hi - s.lo};
	len = strlen(s.path);
	at = fact_reserve(t, EV_module, sizeof(e) + (len ? len : 1) + 1);
	if (!at)
		return true;
	memcpy(at, &e, sizeof(e));
	stream__put_text(at + sizeof(e), s.path, len);
	fact_commit(t);
	remember(s.lo, s.hi, *rocm);
	return true;
}

/* ---- which ROCm it is ---- */

#define MAX_LIBRARIES 64
static struct library {
	uint64_t base, size;
	char path[PATH_MAX];
} * found; /* of one walk, under the lock */
static unsigned int num_found;
static uint64_t libraries_said[MAX_LIBRARIES]; /* bases */
static unsigned int num_said;
static int libraries_lock;
static unsigned long long libraries_seen; /* dlpi_adds of the last walk */

static bool bears_on_rocm(const char *path)
{
	static const char *const names[] = {"libtorch_hip.", "libtorch_cpu.", "libc10_hip.",
					    "libtorch_python."};
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strncmp(base, names[i], strlen(names[i])))
			return true;
	return is_rocm(path) && strncmp(base, "librdna1-", 9);
}

static bool was_said(uint64_t base)
{
	for (unsigned int i = 0; i < num_said; i++)
		if (libraries_said[i] == base)
			return true;
	return false;
}

static int find_library(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct library *l = &found[num_found];
	uint64_t lo = UINT64_MAX, hi = 0;

	(void)size;
	(void)arg;
	if (num_found + num_said == MAX_LIBRARIES)
		return 1;
	if (!info->dlpi_name || !bears_on_rocm(info->dlpi_name))
		return 0;
	span_of(info, &lo, &hi);
	if (was_said(lo))
		return 0;
	l->base = lo;
	l->size = hi - lo;
	strncpy(l->path, info->dlpi_name, sizeof(l->path) - 1);
	num_found++;
	return 0;
}

/* False when it has to be said again. */
static bool say_library(struct thread *t, const struct library *l)
{
	struct ev_rocm_library e = {.base = l->base, .size_bytes = l->size};
	size_t len = strlen(l->path), real_len;
	char real[PATH_MAX];
	uint8_t *at;

	if (!realpath(l->path, real))
		strcpy(real, "-");
	real_len = strlen(real);
	at = fact_reserve(t, EV_rocm_library, sizeof(e) + len + 1 + real_len + 1);
	if (!at)
		return false;
	memcpy(at, &e, sizeof(e));
	at = stream__put_text(at + sizeof(e), l->path, len);
	stream__put_text(at, real, real_len);
	fact_commit(t);
	libraries_said[num_said++] = l->base;
	return true;
}

static int count_added(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size;
	*(unsigned long long *)arg = info->dlpi_adds;
	return 1;
}

void module_libraries(struct thread *t)
{
	const size_t size = MAX_LIBRARIES * sizeof(*found);
	unsigned long long adds = 0;

	dl_iterate_phdr(count_added, &adds);
	if (adds == __atomic_load_n(&libraries_seen, __ATOMIC_RELAXED))
		return;
	/* Files are looked at meanwhile: who comes second leaves it to the first. */
	if (__atomic_exchange_n(&libraries_lock, 1, __ATOMIC_ACQUIRE))
		return;
	found = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (found != MAP_FAILED) {
		bool all = true;

		num_found = 0;
		dl_iterate_phdr(find_library, NULL);
		for (unsigned int n = 0; n < num_found; n++)
			all &= say_library(t, &found[n]);
		munmap(found, size);
		if (all)
			__atomic_store_n(&libraries_seen, adds, __ATOMIC_RELAXED);
	}
	__atomic_store_n(&libraries_lock, 0, __ATOMIC_RELEASE);
}

void module_forget(void)
{
	num_said = 0;
	libraries_seen = 0;
}

/* ---- call sites ---- */

/* First thing: backtrace() loads libgcc_s the first time, which must not be under somebody's lock.
 */
void module_init(void)
{
	void *frame;

	if (agent.options.callsite)
		backtrace(&frame, 1);
}

/* By address, open addressing: entries are written once. The array's place is the id. */
#define MAX_SITES 8192u /* a power of two */
static struct site {
	uint64_t addr; /* atomic; 0 free */
	int said;      /* atomic */
} sites[MAX_SITES];

enum { DEPTH = 48 }; /* frames that are looked at */

static uint64_t outside(struct thread *t, uint64_t caller)
{
	void *frames[DEPTH];
	int n = backtrace(frames, DEPTH);
	bool rocm;

	for (int i = 0; i < n; i++)
		if (note_module(t, addr_of(frames[i]), &rocm) && !rocm)
			return addr_of(frames[i]);
	return caller;
}

static int count_gone(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size;
	*(unsigned long long *)arg = info->dlpi_subs;
	return 1;
}

/* After a dlclose another library may be at an address: what was said is said again. */
static void look_for_changes(void)
{
	static unsigned long long before; /* atomic */
	unsigned long long now = 0;

	dl_iterate_phdr(count_gone, &now);
	if (__atomic_exchange_n(&before, now, __ATOMIC_RELAXED) == now)
		return;
	for (int i = 0; i < MAX_SAID; i++) {
		__atomic_store_n(&said[i].hi, 0, __ATOMIC_RELEASE);
		__atomic_store_n(&said[i].lo, 0, __ATOMIC_RELEASE);
	}
	for (uint32_t i = 0; i < MAX_SITES; i++)
		__atomic_store_n(&sites[i].said, 0, __ATOMIC_RELAXED);
}

static void say_site(struct thread *t, uint16_t id, uint64_t addr, uint64_t caller)
{
	struct ev_call_site e = {
		.id = id, .addr = addr, .caller = caller, .searched = agent.options.callsite};
	bool rocm;

	note_module(t, addr, &rocm);
	note_module(t, caller, &rocm);
	fact_event(t, EV_call_site, &e, sizeof(e));
}

uint16_t site_of(struct thread *t, uint64_t caller)
{
	uint64_t addr;
	uint32_t h;

	look_for_changes();
	addr = agent.options.callsite ? outside(t, caller) : caller;
	h = (uint32_t)(addr * 0x9e3779b97f4a7c15ull >> 40);

	for (uint32_t i = 0; i < 64; i++) {
		struct site *s = &sites[(h + i) & (MAX_SITES - 1)];
		uint64_t key = __atomic_load_n(&s->addr, __ATOMIC_RELAXED);
		uint16_t id = (uint16_t)(s - sites + 1);

		if (!key && __atomic_compare_exchange_n(&s->addr, &key, addr, false,
							__ATOMIC_RELAXED, __ATOMIC_RELAXED))
			key = addr;
		if (key != addr)
			continue;
		if (!__atomic_load_n(&s->said, __ATOMIC_RELAXED) &&
		    !__atomic_exchange_n(&s->said, 1, __ATOMIC_RELAXED))
			say_site(t, id, addr, caller);
		return id;
	}
	return 0;
}

void site_file(struct thread *t, uint64_t caller, char *name, size_t size)
{
	struct search s = {.addr = agent.options.callsite ? outside(t, caller) : caller};
	const char *slash;

	name[0] = 0;
	if (!dl_iterate_phdr(visit, &s))
		return;
	slash = strrchr(s.path, '/');
	strncpy(name, slash ? slash + 1 : s.path, size - 1);
	name[size - 1] = 0;
}

/* ---- this library twice ---- */

static int visit_twin(struct dl_phdr_info *info, size_t size, void *arg)
{
	const char *path = info->dlpi_name ? info->dlpi_name : "", *slash = strrchr(path, '/');
	const uint64_t us = addr_of(&said);
	struct search *s = arg;

	(void)size;
	if (strcmp(slash ? slash + 1 : path, "librdna1-agent.so.1"))
		return 0;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];

		if (p->p_type == PT_LOAD && us - (info->dlpi_addr + p->p_vaddr) < p->p_memsz)
			return 0;
	}
	strncpy(s->path, path, sizeof(s->path) - 1);
	return 1;
}

bool module_twin(char *path, size_t size)
{
	struct search s;

	memset(s.path, 0, sizeof(s.path));
	if (!dl_iterate_phdr(visit_twin, &s))
		return false;
	strncpy(path, s.path, size - 1);
	path[size - 1] = 0;
	return true;
}
