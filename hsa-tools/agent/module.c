// SPDX-License-Identifier: MIT
/*
 * Who called: the program or library that holds a return address.
 *
 * Asked of the loader once per library. dl_iterate_phdr waits only while the loader's list is being
 * changed, never for constructors, so a call from under another library's lock cannot deadlock.
 */
#include "agent.h"

#include <link.h>
#include <string.h>
#include <unistd.h>

/* Libraries already said. More than this many callers of HSA: the rest is said again and again. */
#define MAX_SAID 32
static struct said {
	uint64_t lo, hi; /* atomic; hi 0: not there yet */
} said[MAX_SAID];

struct search {
	uint64_t addr, lo, hi;
	char path[4096];
};

static int visit(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct search *s = arg;
	uint64_t lo = UINT64_MAX, hi = 0;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		uint64_t begin = info->dlpi_addr + p->p_vaddr;

		if (p->p_type != PT_LOAD)
			continue;
		lo = begin < lo ? begin : lo;
		hi = begin + p->p_memsz > hi ? begin + p->p_memsz : hi;
	}
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

static bool is_said(uint64_t addr)
{
	for (int i = 0; i < MAX_SAID; i++)
		if (addr < __atomic_load_n(&said[i].hi, __ATOMIC_ACQUIRE) &&
		    addr >= __atomic_load_n(&said[i].lo, __ATOMIC_RELAXED))
			return true;
	return false;
}

static void remember(uint64_t lo, uint64_t hi)
{
	for (int i = 0; i < MAX_SAID; i++) {
		uint64_t unused = 0;

		if (!__atomic_compare_exchange_n(&said[i].lo, &unused, lo, false, __ATOMIC_RELAXED,
						 __ATOMIC_RELAXED))
			continue;
		__atomic_store_n(&said[i].hi, hi, __ATOMIC_RELEASE);
		return;
	}
}

void module_note(struct thread *t, uint64_t addr)
{
	struct search s;
	struct ev_module e;
	size_t len;
	uint8_t *at;

	if (is_said(addr))
		return;
	s.addr = addr;
	memset(s.path, 0, sizeof(s.path));
	if (!dl_iterate_phdr(visit, &s))
		return; /* made at run time: no file */
	e = (struct ev_module){.base = s.lo, .size_bytes = s.hi - s.lo};
	len = strlen(s.path);
	at = agent_reserve(t, EV_module, sizeof(e) + (len ? len : 1) + 1);
	if (!at)
		return;
	memcpy(at, &e, sizeof(e));
	stream__put_text(at + sizeof(e), s.path, len);
	agent_commit(t);
	remember(s.lo, s.hi);
}

static int visit_twin(struct dl_phdr_info *info, size_t size, void *arg)
{
	const char *path = info->dlpi_name ? info->dlpi_name : "", *slash = strrchr(path, '/');
	const uint64_t us = (uint64_t)(uintptr_t)&said;
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
